"""What has been said at the signing desk of a cycle, read from the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from soe_lib.decision.governance import Governance
from soe_lib.ledger import Ledger

BY_THE_BATCH = ("cycle", "reported", "recomputed")
"""Entries of a cycle that are nobody's act."""
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


class Records:
    """
    The records of one cycle and source.

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

    def selected(self) -> tuple[int, dict[str, Any]]:
        """Return number and content of the selected decision; ``DeskError`` where none is."""
        decisions = self._contents("decision")
        if not decisions:
            raise DeskError("no scenario is selected yet")
        return decisions[-1]

    def still_open(self) -> None:
        """Raise ``DeskError`` when the cycle is published: nothing is changed afterwards."""
        if len(self.ledger.entries("publication", self.object_id)):
            raise DeskError(f"{self.cycle_id} is published; the next cycle may change it")

    def _contents(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        rows = self.ledger.entries(kind, self.object_id)
        numbers, contents = rows["number"].tolist(), rows["content"].tolist()
        return [(int(n), json.loads(c)) for n, c in zip(numbers, contents, strict=True)]

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


def _text_of(content: Mapping[str, Any]) -> str:
    for name in ("text", "reason", "scenario", "publication_id"):
        if content.get(name):
            about = f"{content['about']} – " if content.get("about") else ""
            return about + str(content[name])
    return ""
