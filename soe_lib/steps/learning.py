"""Learning from execution: proposals of a run, accepted or reverted by people, never by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from soe_lib import overrides
from soe_lib.divergence.facts import facts_of
from soe_lib.ledger import Ledger, LedgerError
from soe_lib.monitoring.observed import observations
from soe_lib.monitoring.proposals import proposals
from soe_lib.run import Run
from soe_lib.steps.desk import Desk


@dataclass(frozen=True)
class Lessons:
    """
    What the history says of master data.

    Attributes
    ----------
    proposals
        Rows of ``monitoring.proposals.PROPOSAL_COLUMNS``, worth most first.
    units
        Everything that was looked at.
    in_force
        Overrides that this run was computed with, with ``is_applied``.
    sentence
        The result in words.
    """

    proposals: pd.DataFrame
    units: pd.DataFrame
    in_force: pd.DataFrame
    sentence: str


def lessons_of(run: Run) -> Lessons:
    """Return what a run's history proposes; nothing is applied."""
    facts = facts_of(run.tables, run.as_of, run.params, time_zone=run.snapshot.site_time_zone)
    found, units = proposals(facts, observations(facts))
    in_force = overrides_of(run)
    return Lessons(found, units, in_force, lessons_sentence(found, units, in_force))


def overrides_of(run: Run) -> pd.DataFrame:
    """Return the overrides that a run's snapshot was read with, and whether each applies."""
    if not run.has(overrides.TABLE):
        return pd.DataFrame(columns=[*overrides.COLUMNS, "is_applied"])
    rows = run.read(overrides.TABLE)
    _, is_applied = overrides.applied(run.snapshot.tables, rows)
    return rows.assign(is_applied=is_applied)


def lessons_sentence(found: pd.DataFrame, units: pd.DataFrame, in_force: pd.DataFrame) -> str:
    """Say how many values the history contradicts, and what is in force."""
    looked = len(units)
    if not looked:
        said = "The history is too short to contradict any value of master data."
    elif found.empty:
        said = f"None of {looked} values of master data is contradicted by its history."
    else:
        said = (
            f"{len(found)} of {looked} values of master data are contradicted by their history; "
            "nothing changes until somebody accepts a proposal."
        )
    if in_force.empty:
        return said
    names = in_force["proposal_id"].nunique()
    lapsed = in_force[~in_force["is_applied"].astype(bool)]["proposal_id"].nunique()
    said += f" This run uses {names} accepted {'correction' if names == 1 else 'corrections'}"
    return said + (f"; {lapsed} no longer apply, the source has another value." if lapsed else ".")


def accept(
    run: Run, desk: Desk, person_id: str, passphrase: str, proposal_id: str, at: pd.Timestamp
) -> str:
    """
    Accept a proposal of a run: the next snapshot plans with the new values.

    Returns
    -------
    str
        The proposal's sentence.

    Raises
    ------
    LedgerError, DeskError
        When there is no such proposal, it is accepted already, or it is not this person's.
    """
    row = _named(run.read("proposals"), proposal_id, f"no proposal {proposal_id} in {run.cycle_id}")
    changes = json.loads(str(row["changes"]))
    return _record(run, desk, (person_id, passphrase), row, "accept", changes, at)


def revert(
    run: Run, desk: Desk, person_id: str, passphrase: str, proposal_id: str, at: pd.Timestamp
) -> str:
    """
    Take an accepted proposal back: the next snapshot plans with the source's values again.

    Returns
    -------
    str
        The proposal's sentence.

    Raises
    ------
    LedgerError, DeskError
        When it is not in force, or it is not this person's.
    """
    rows = overrides.active(desk.ledger, run.source_name)
    row = _named(rows, proposal_id, f"{proposal_id} is not in force")
    return _record(run, desk, (person_id, passphrase), row, "revert", [], at)


def _named(rows: pd.DataFrame, proposal_id: str, otherwise: str) -> pd.Series:
    """Return the first row of a proposal; raises with the names that there are."""
    own = rows[rows["proposal_id"] == proposal_id]
    if own.empty:
        known = ", ".join(dict.fromkeys(rows["proposal_id"])) or "none"
        raise LedgerError(f"{otherwise}; known: {known}")
    return own.iloc[0]


def _record(
    run: Run,
    desk: Desk,
    who: tuple[str, str],
    row: pd.Series,
    action: str,
    changes: Sequence[Mapping[str, object]],
    at: pd.Timestamp,
) -> str:
    """Admit the person with the passphrase, write the entry, return the proposal's sentence."""
    person_id, passphrase = who
    owner, sentence = str(row["owner_role"]), str(row["sentence"])
    desk.admit_role(person_id, passphrase, owner)
    overrides.record(
        desk.ledger,
        str(row["proposal_id"]),
        action,
        changes,
        sentence=sentence,
        owner_role=owner,
        source=run.source_name,
        cycle_id=run.cycle_id,
        said_at=at,
        person=person_id,
    )
    return sentence


def history_of(ledger: Ledger, source: str) -> pd.DataFrame:
    """Return everything that was accepted and reverted for a source."""
    return overrides.history(ledger, source)
