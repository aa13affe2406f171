"""
The signing desk of a cycle: who may say what, in which order, and what stands in the ledger.

The coordinator states the problem, the S&OE lead selects one scenario and verifies it, every
function signs, approvers approve what breaks a fence. Each act is one entry of the ledger, signed
with the person's passphrase; optimistic locking makes one decision and one publication per cycle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from soe_lib.decision.governance import Person, Right
from soe_lib.ledger import LedgerError
from soe_lib.steps.desk_records import DeskError, Records

MIN_PASSPHRASE = 8
ANSWERS = ("yes", "until", "no")


class Desk(Records):
    """The desk of one cycle and source: what people say there, each act with its passphrase."""

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
        self.still_open()
        if not str(decision.get("reason", "")).strip():
            raise DeskError("a decision needs its reason")
        self._say("decision", person_id, dict(decision), at)

    def verify(self, person_id: str, passphrase: str, at: pd.Timestamp) -> None:
        """Record that the lead verified the selected scenario formally."""
        self._admit(person_id, passphrase, "verify_decision")
        self.still_open()
        number, _ = self.selected()
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
        self.still_open()
        number, decision = self.selected()
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
        self.still_open()
        number, decision = self.selected()
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
        number, _ = self.selected()
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

    def _say(self, kind: str, person_id: str, content: dict[str, Any], at: pd.Timestamp) -> None:
        self.ledger.append(
            kind, self.object_id, content, cycle_id=self.cycle_id, said_at=at, person=person_id
        )

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
