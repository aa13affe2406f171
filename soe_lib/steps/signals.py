"""Divergences across cycles: states moved by what happened, acts of people, how each stands now."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import pandas as pd

from soe_lib.divergence.memory import with_standing
from soe_lib.handling import CLOSED, REOPENED, handle, handlings, legal_moves, move
from soe_lib.ledger import Ledger, LedgerError
from soe_lib.run import Run

BATCH = "batch"


@dataclass(frozen=True)
class Moved:
    """How many divergences the batch opened, took on, re-opened and closed."""

    opened: int
    advanced: int
    reopened: int
    closed: int

    @property
    def sentence(self) -> str:
        """The numbers in words."""
        return (
            f"{self.opened} opened, {self.reopened} re-opened, {self.advanced} taken further, "
            f"{self.closed} closed (not seen any more)"
        )


def standing_of(run: Run, ledger: Ledger | None = None) -> pd.DataFrame:
    """
    Return the run's divergences with ``standing``, ``why`` and ``is_over_budget``.

    What people did with earlier runs counts, and what they did with this one since it finished.

    Parameters
    ----------
    ledger
        The ledger; None = that of the workspace, if there is one.
    """
    rows = run.read("divergences")
    zone = run.snapshot.site_time_zone if run.words("snapshot") else "UTC"
    handled = handlings(ledger) if ledger is not None else _handled(run)
    return with_standing(rows, handled, run.as_of, run.params.divergence.alert_budget, zone)


def _handled(run: Run) -> pd.DataFrame:
    """Return what people did; reading must not make a ledger where there is none."""
    if not os.environ.get("SOE_LEDGER_URL") and not (run.workspace.root / "ledger.sqlite").exists():
        with Ledger("sqlite://") as empty:
            return handlings(empty)
    with Ledger.default(run.workspace) as ledger:
        return handlings(ledger)


def record_states(run: Run, ledger: Ledger, said_at: pd.Timestamp) -> Moved:
    """
    Move states by what a finished run found; the same run a second time moves nothing.

    Divergences never seen before are opened. One that was closed and is seen again is re-opened,
    unless it was laid aside and stays so. Those with late order lines behind them are assessed
    where step 2 has priced them and have options where step 3 has computed scenarios. A divergence
    of this source that the run does not find any more, consequences included, is closed.

    Parameters
    ----------
    run, ledger
        A finished run and the ledger.
    said_at
        Instant of the entries, UTC.
    """
    roots = standing_of(run, ledger)
    said = _Said(run, ledger, said_at, BATCH)
    states = ledger.states().set_index("divergence_id")["state"].to_dict()
    mine = _of_source(run, ledger)
    opened = advanced = reopened = closed = 0
    for name, standing, why, orders in zip(
        roots["divergence_id"],
        roots["standing"],
        roots["why"],
        roots["num_orders"],
        strict=True,
    ):
        now = str(states.get(name, ""))
        if not now:
            said.move(name, "open")
            now, opened = "open", opened + 1
        elif now == CLOSED and standing != "laid aside":
            said.move(name, REOPENED, reason=why or "seen again")
            now, reopened = REOPENED, reopened + 1
        if orders > 0:
            for step, table in (("assessed", "order_impact"), ("options", "scenarios")):
                if run.has(table) and step in legal_moves(now):
                    said.move(name, step)
                    now, advanced = step, advanced + 1
    seen = set(roots["divergence_id"]) | set(run.read("consequences")["divergence_id"])
    for name in sorted(mine - seen):
        if CLOSED in legal_moves(str(states.get(name, ""))) and states.get(name):
            said.move(name, CLOSED, reason="not seen any more")
            closed += 1
    return Moved(opened, advanced, reopened, closed)


def advance(run: Run, ledger: Ledger, state: str, said_at: pd.Timestamp, person: str) -> int:
    """
    Move the run's divergences that have options to a later state; returns how many.

    Called when the decision is published: what it deals with is decided, then executing.
    """
    states = ledger.states().set_index("divergence_id")["state"].to_dict()
    dealt = [
        name
        for name in run.read("divergences")["divergence_id"]
        if states.get(name) in ("options", "decided") and state in legal_moves(str(states[name]))
    ]
    for name in dealt:
        _Said(run, ledger, said_at, person).move(name, state)
    return len(dealt)


def handle_divergence(
    run: Run,
    ledger: Ledger,
    divergence_id: str,
    action: str,
    *,
    person: str,
    said_at: pd.Timestamp,
    reason: str = "",
    until_at: pd.Timestamp | None = None,
) -> pd.Series:
    """
    Acknowledge, snooze or dismiss a divergence of a run; returns its row.

    Parameters
    ----------
    divergence_id
        Its identity or the beginning of it, as far as no other begins the same.

    Raises
    ------
    soe_lib.ledger.LedgerError
        When no divergence, or more than one, has it, or the act is not legal.
    """
    parts = [run.read(name) for name in ("divergences", "consequences")]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    own = rows[rows["divergence_id"].str.startswith(divergence_id)] if divergence_id else rows
    if len(own) != 1:
        raise LedgerError(
            f"'{divergence_id}' begins {len(own)} divergences of {run.cycle_id} "
            f"{run.source_name}; soe divergence list shows their names"
        )
    row = own.iloc[0]
    handle(
        ledger,
        str(row["divergence_id"]),
        float(row["severity"]),
        action,
        known_at=run.as_of,
        cycle_id=run.cycle_id,
        said_at=said_at,
        person=person,
        reason=reason,
        until_at=until_at,
        source=run.source_name,
    )
    return row


@dataclass(frozen=True)
class _Said:
    """Who moves states, of which run and when."""

    run: Run
    ledger: Ledger
    said_at: pd.Timestamp
    person: str

    def move(self, divergence_id: str, state: str, reason: str = "") -> None:
        """Move one divergence."""
        move(
            self.ledger,
            divergence_id,
            state,
            cycle_id=self.run.cycle_id,
            said_at=self.said_at,
            person=self.person,
            reason=reason,
            source=self.run.source_name,
        )


def _of_source(run: Run, ledger: Ledger) -> set[str]:
    """Return the divergences of which runs of this source have said something."""
    entries = ledger.entries("state")
    source = entries["content"].map(lambda text: json.loads(text).get("source", ""))
    return set(entries.loc[source == run.source_name, "object_id"])
