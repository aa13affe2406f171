"""
The signing desk of a cycle: who may say what, in which order, and what stands in the ledger.

The coordinator states the problem, the S&OE lead selects one scenario and verifies it, every
function signs, approvers approve what breaks a fence. Each act is one entry of the ledger, signed
with the person's passphrase; optimistic locking makes one decision and one publication per cycle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from soe_lib.decision.governance import Governance, Person, Right
from soe_lib.ledger import Ledger, LedgerError

BY_THE_BATCH = ("cycle", "reported", "recomputed")
"""Entries of a cycle that are nobody's act."""
MIN_PASSPHRASE = 8
ANSWERS = ("yes", "until", "no")
ACT_COLUMNS = ("number", "act", "role", "person_id", "said_at", "text")


class DeskError(RuntimeError):
    """An act that is not allowed now, or not by this person; the text says why and what is."""


@dataclass(frozen=True)
class Standing:
    """
    What has been said in a cycle so far.

    Attributes
    ----------
    problem
        Problem statement of the coordinator; empty = not stated.
    decision
        Content of the selected decision; empty = none.
    is_verified
        Whether the lead has verified the selected decision formally.
    signed
        Role to person for the signatures under the selected decision.
    missing
        Roles that still have to sign or approve, in the order of the governance file.
    open_questions
        Questions of the pressure test that no function has answered, or answered with no.
    published
        Content of the publication; empty = not published.
    acts
        All acts in order: ``number``, ``act``, ``role``, ``person_id``, ``said_at``, ``text``.
    """

    problem: str
    decision: Mapping[str, Any]
    is_verified: bool
    signed: Mapping[str, str]
    missing: tuple[str, ...]
    open_questions: tuple[str, ...]
    published: Mapping[str, Any]
    acts: pd.DataFrame

    @property
    def is_complete(self) -> bool:
        """Whether everything that a publication needs has been said."""
        return (
            bool(self.decision)
            and self.is_verified
            and not self.missing
            and not self.open_questions
        )


class Desk:
    """
    The desk of one cycle and source.

    Parameters
    ----------
    ledger
        Where acts are recorded.
    governance
        People, roles and rights.
    cycle_id, source_name
        The cycle: there is one decision and one publication of each.
    """

    def __init__(
        self, ledger: Ledger, governance: Governance, cycle_id: str, source_name: str
    ) -> None:
        self.ledger = ledger
        self.governance = governance
        self.cycle_id = cycle_id
        self.object_id = f"{cycle_id}/{source_name}"

    def set_passphrase(self, person_id: str, passphrase: str, at: pd.Timestamp) -> None:
        """
        Give a person a passphrase; only its argon2 hash is stored.

        Raises
        ------
        DeskError
            When nobody has that id or the passphrase is too short.
        """
        from jupyter_server.auth.security import passwd

        self._person(person_id)
        if len(passphrase) < MIN_PASSPHRASE:
            raise DeskError(f"a passphrase has at least {MIN_PASSPHRASE} characters")
        self.ledger.append(
            "passphrase",
            person_id,
            {"hash": passwd(passphrase)},
            cycle_id=self.cycle_id,
            said_at=at,
            person=person_id,
        )

    def has_passphrase(self, person_id: str) -> bool:
        """Whether a person can sign."""
        return len(self.ledger.entries("passphrase", person_id)) > 0

    def state_problem(self, person_id: str, passphrase: str, text: str, at: pd.Timestamp) -> None:
        """Record the coordinator's problem statement."""
        self._admit(person_id, passphrase, "state_problem")
        if not text.strip():
            raise DeskError("the problem statement is empty")
        self._say("problem", person_id, {"text": text.strip()}, at)

    def select(
        self, person_id: str, passphrase: str, decision: Mapping[str, Any], at: pd.Timestamp
    ) -> None:
        """
        Select one scenario; a later selection replaces it, and its signatures, until publication.

        Parameters
        ----------
        decision
            ``scenario``, ``reason``, ``approver_roles`` (roles that must approve breaks of the
            fences), ``questions`` (question to the function that answers it; none may be open at
            signing), ``record_hash`` and whatever the record holds.

        Raises
        ------
        DeskError
            When the person may not, no reason is given, or the cycle is published.
        """
        self._admit(person_id, passphrase, "select_scenario")
        self._still_open()
        if not str(decision.get("reason", "")).strip():
            raise DeskError("a decision needs its reason")
        self._say("decision", person_id, dict(decision), at)

    def verify(self, person_id: str, passphrase: str, at: pd.Timestamp) -> None:
        """Record that the lead verified the selected scenario formally."""
        self._admit(person_id, passphrase, "verify_decision")
        self._still_open()
        number, _ = self._selected()
        self._say("verification", person_id, {"decision": number}, at)

    def answer(
        self,
        person_id: str,
        passphrase: str,
        question: str,
        word: str,
        at: pd.Timestamp,
        text: str = "",
    ) -> None:
        """
        Answer an open question of the pressure test for one's own function.

        Parameters
        ----------
        question
            One of the selected decision's questions.
        word
            yes (it holds), until (it holds until the moment named in ``text``) or no.
        """
        person = self._authenticated(person_id, passphrase)
        self._still_open()
        number, decision = self._selected()
        function = dict(decision.get("questions", {})).get(question)
        if function is None:
            raise DeskError(f"the selected decision has no question '{question}'")
        if person.role != function:
            raise DeskError(f"'{question}' is for {self.governance.title(function)} to answer")
        if word not in ANSWERS or (word == "until" and not text.strip()):
            raise DeskError("an answer is yes, no, or until with the moment in words")
        content = {"decision": number, "question": question, "word": word, "text": text.strip()}
        self._say("answer", person_id, content, at)

    def sign(self, person_id: str, passphrase: str, at: pd.Timestamp, text: str = "") -> str:
        """
        Sign the selected decision for one's own role; signing twice changes nothing.

        Returns
        -------
        str
            The role that has signed.
        """
        person = self._authenticated(person_id, passphrase)
        self._still_open()
        number, decision = self._selected()
        wanted = self._roles_wanted(decision)
        if person.role not in wanted:
            raise DeskError(
                f"{person.name} ({self.governance.title(person.role)}) has nothing to sign here; "
                f"wanted: {', '.join(self.governance.title(role) for role in wanted)}"
            )
        if still := self._open_questions(number, decision):
            raise DeskError(
                f"{len(still)} questions of the pressure test are open: {'; '.join(still[:3])}"
            )
        if person.role not in self._signed(number):
            content = {"decision": number, "role": person.role, "text": text.strip()}
            self._say("signature", person_id, content, at)
        return person.role

    def remark(
        self, person_id: str, passphrase: str, text: str, at: pd.Timestamp, *, about: str = ""
    ) -> None:
        """Record what a person says for everyone to see; ``about`` names what is meant."""
        self._authenticated(person_id, passphrase)
        self.ledger.add_remark(
            self.object_id, text, cycle_id=self.cycle_id, said_at=at, person=person_id, about=about
        )

    def admit(self, person_id: str, passphrase: str, right: Right) -> Person:
        """Return the person when the passphrase is right and the right is theirs."""
        return self._admit(person_id, passphrase, right)

    def admit_role(self, person_id: str, passphrase: str, role: str) -> Person:
        """Return the person when the passphrase is right and the role is theirs."""
        person = self._authenticated(person_id, passphrase)
        if person.role != role:
            raise DeskError(f"this is for {self.governance.title(role)} to say")
        return person

    def report_commitment(
        self,
        person_id: str,
        passphrase: str,
        commitment_id: str,
        owner_id: str,
        is_done: bool,
        at: pd.Timestamp,
        text: str = "",
    ) -> None:
        """
        Record what the owner of a commitment says of it.

        Raises
        ------
        DeskError
            When it is another person's commitment.
        """
        person = self._authenticated(person_id, passphrase)
        if person.person_id != owner_id:
            raise DeskError(f"{commitment_id} is {owner_id}'s commitment")
        content = {"state": "done" if is_done else "not done", "text": text.strip()}
        self.ledger.append(
            "commitment",
            f"{commitment_id}/{self.object_id}",
            content,
            cycle_id=self.cycle_id,
            said_at=at,
            person=person_id,
        )

    def claim_publication(
        self, person_id: str, passphrase: str, content: Mapping[str, Any], at: pd.Timestamp
    ) -> int:
        """
        Claim the one publication of the cycle; exactly one caller gets it.

        Returns
        -------
        int
            Number of the ledger's entry: the publication's ascending number.

        Raises
        ------
        DeskError
            When the person may not, something is missing, or somebody was first.
        """
        self._admit(person_id, passphrase, "publish")
        standing = self.standing()
        if standing.published:
            raise DeskError(f"{self.cycle_id} is already published; the next cycle may change it")
        if not standing.is_complete:
            raise DeskError(f"not ready to publish: {self.what_is_missing(standing)}")
        number, _ = self._selected()
        try:
            return self.ledger.append(
                "publication",
                self.object_id,
                {**content, "decision": number},
                cycle_id=self.cycle_id,
                said_at=at,
                person=person_id,
                expected_number=0,
            )
        except LedgerError as error:
            raise DeskError(f"{self.cycle_id}: somebody else published first ({error})") from None

    def standing(self) -> Standing:
        """Return what has been said in the cycle so far."""
        problems = self._contents("problem")
        decisions = self._contents("decision")
        publications = self._contents("publication")
        number, decision = decisions[-1] if decisions else (0, {})
        verified = any(c.get("decision") == number for _, c in self._contents("verification"))
        signed = self._signed(number) if number else {}
        wanted = self._roles_wanted(decision) if number else ()
        return Standing(
            problem=str(problems[-1][1]["text"]) if problems else "",
            decision=decision,
            is_verified=bool(number) and verified,
            signed=signed,
            missing=tuple(role for role in wanted if role not in signed),
            open_questions=self._open_questions(number, decision) if number else (),
            published=publications[-1][1] if publications else {},
            acts=self._acts(),
        )

    def what_is_missing(self, standing: Standing) -> str:
        """Return in words what still stands before the publication; empty when nothing does."""
        parts = []
        if not standing.decision:
            return "no scenario is selected"
        if not standing.is_verified:
            parts.append("the S&OE lead has not verified the decision")
        if standing.open_questions:
            parts.append(f"{len(standing.open_questions)} questions are open")
        if standing.missing:
            names = ", ".join(self.governance.title(role) for role in standing.missing)
            parts.append(f"not signed by {names}")
        return "; ".join(parts)

    def _roles_wanted(self, decision: Mapping[str, Any]) -> tuple[str, ...]:
        approvers = [str(role) for role in decision.get("approver_roles", ())]
        return tuple(dict.fromkeys([*self.governance.signatures, *approvers]))

    def _signed(self, decision_number: int) -> dict[str, str]:
        found = {}
        for entry in self.ledger.entries("signature", self.object_id).itertuples():
            content = json.loads(str(entry.content))
            if content["decision"] == decision_number:
                found[str(content["role"])] = str(entry.person)
        return found

    def _open_questions(self, number: int, decision: Mapping[str, Any]) -> tuple[str, ...]:
        words = {
            content["question"]: content["word"]
            for _, content in self._contents("answer")
            if content["decision"] == number
        }
        return tuple(q for q in decision.get("questions", {}) if words.get(q, "no") == "no")

    def _selected(self) -> tuple[int, dict[str, Any]]:
        decisions = self._contents("decision")
        if not decisions:
            raise DeskError("no scenario is selected yet")
        return decisions[-1]

    def _still_open(self) -> None:
        if len(self.ledger.entries("publication", self.object_id)):
            raise DeskError(f"{self.cycle_id} is published; the next cycle may change it")

    def _contents(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        rows = self.ledger.entries(kind, self.object_id)
        numbers, contents = rows["number"].tolist(), rows["content"].tolist()
        return [(int(n), json.loads(c)) for n, c in zip(numbers, contents, strict=True)]

    def _say(self, kind: str, person_id: str, content: dict[str, Any], at: pd.Timestamp) -> None:
        self.ledger.append(
            kind, self.object_id, content, cycle_id=self.cycle_id, said_at=at, person=person_id
        )

    def _acts(self) -> pd.DataFrame:
        rows = self.ledger.entries(object_id=self.object_id)
        rows = rows[~rows["kind"].isin(BY_THE_BATCH)]
        roles = {person.person_id: person.role for person in self.governance.people}
        texts = [_text_of(json.loads(content)) for content in rows["content"]]
        return pd.DataFrame(
            {
                "number": rows["number"],
                "act": rows["kind"],
                "role": rows["person"].map(roles).fillna(""),
                "person_id": rows["person"],
                "said_at": rows["said_at"],
                "text": texts,
            },
            columns=list(ACT_COLUMNS),
        ).reset_index(drop=True)

    def _person(self, person_id: str) -> Person:
        for person in self.governance.people:
            if person.person_id == person_id:
                return person
        known = ", ".join(person.person_id for person in self.governance.people)
        raise DeskError(f"nobody has the id '{person_id}'; known: {known}")

    def _authenticated(self, person_id: str, passphrase: str) -> Person:
        from jupyter_server.auth.security import passwd_check

        person = self._person(person_id)
        stored = self.ledger.entries("passphrase", person_id)
        if stored.empty:
            raise DeskError(f"{person_id} has no passphrase yet: soe person passphrase {person_id}")
        if not passwd_check(json.loads(stored["content"].iloc[-1])["hash"], passphrase):
            raise DeskError(f"the passphrase of {person_id} is not right")
        return person

    def _admit(self, person_id: str, passphrase: str, right: Right) -> Person:
        person = self._authenticated(person_id, passphrase)
        if not self.governance.may(person_id, right):
            able = [
                p.name for p in self.governance.people if self.governance.may(p.person_id, right)
            ]
            raise DeskError(
                f"{person.name} may not {right.replace('_', ' ')}; who may: {', '.join(able)}"
            )
        return person


def _text_of(content: Mapping[str, Any]) -> str:
    for name in ("text", "reason", "scenario", "publication_id"):
        if content.get(name):
            about = f"{content['about']} – " if content.get("about") else ""
            return about + str(content[name])
    return ""
