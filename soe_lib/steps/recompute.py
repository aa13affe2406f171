"""The KPIs of past cycles computed again from what was stored, and from what is known today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from soe_lib.kpi.value import kpi_rows
from soe_lib.ledger import Ledger
from soe_lib.monitoring.credible import credible
from soe_lib.monitoring.history import weekly_kpis
from soe_lib.monitoring.recompute import (
    DIFFERENCE_COLUMNS,
    KEY,
    REPORTED_COLUMNS,
    differences,
    kpi_digest,
)
from soe_lib.monitoring.scorecard import kpi_id
from soe_lib.run import RUN_FILE, Run, RunError, open_past
from soe_lib.run_columns import run_columns
from soe_lib.steps.monitoring import measured_kpis, week_of
from soe_lib.steps.past import Unread
from soe_lib.workspace import Workspace

KIND = "reported"
"""Ledger entries with the hash of the KPIs that a cycle reported."""
CHECKED = "recomputed"
"""Ledger entries that say that past KPIs were computed again."""


@dataclass(frozen=True)
class Recomputed:
    """
    One cycle computed again.

    Attributes
    ----------
    cycle_id, source
        Which cycle.
    num_kpis, num_cells
        KPIs of its week, and rows of the trend beside them.
    differences
        Rows of ``monitoring.recompute.differences``; none = all is as it was reported.
    ledger
        Whether the stored table is the one whose hash the ledger holds: 'same', 'differs' or
        'not recorded'.
    """

    cycle_id: str
    source: str
    num_kpis: int
    num_cells: int
    differences: pd.DataFrame
    ledger: str

    @property
    def is_same(self) -> bool:
        """Whether nothing differs, and the ledger does not say otherwise."""
        return self.differences.empty and self.ledger != "differs"

    @property
    def sentence(self) -> str:
        """The result in words."""
        what = f"{self.cycle_id} {self.source}: {self.num_kpis} KPIs, {self.num_cells} in the trend"
        if self.differences.empty:
            said = "computed again, all are what was reported"
        else:
            kpis = self.differences["kpi_id"].nunique()
            said = f"{len(self.differences)} figures of {kpis} KPIs differ from what was reported"
        told = {
            "same": "the ledger holds the same hash",
            "differs": "THE STORED TABLE IS NOT THE ONE THAT THE LEDGER KNOWS",
            "not recorded": "the ledger has no hash of this cycle",
        }
        return f"{what}: {said}; {told[self.ledger]}"


def record_reported(run: Run, ledger: Ledger, at: pd.Timestamp) -> int:
    """Record the hash of what a finished run reported; returns the number of the entry."""
    kpis = run.read("kpis")
    return ledger.append(
        KIND,
        f"{run.cycle_id}/{run.source_name}",
        {
            "digest": kpi_digest(kpis),
            "num_kpis": len(kpis),
            "snapshot_id": run.snapshot.snapshot_id,
        },
        cycle_id=run.cycle_id,
        said_at=at,
        person="batch",
    )


def record_check(
    run: Run, ledger: Ledger, at: pd.Timestamp, num_cycles: int, num_differences: int
) -> int:
    """Record in a run's cycle that past KPIs were computed again; returns the entry's number."""
    return ledger.append(
        CHECKED,
        f"{run.cycle_id}/{run.source_name}",
        {"num_cycles": num_cycles, "num_differences": num_differences},
        cycle_id=run.cycle_id,
        said_at=at,
        person="batch",
    )


def recompute(run: Run, ledger: Ledger | None = None) -> Recomputed:
    """
    Compute the KPIs of a finished run again, from its snapshot and its parameters.

    Raises
    ------
    soe_lib.run.RunError
        When the run has not finished step 5, or does not have the columns that are compared.
    """
    reported = {name: _reported(run, name) for name in ("kpis", "kpi_trend")}
    kpis, trend = measured_kpis(run)
    found = [
        differences(reported[name], again, name)
        for name, again in (("kpis", kpis), ("kpi_trend", trend))
    ]
    return Recomputed(
        run.cycle_id,
        run.source_name,
        len(kpis),
        len(trend),
        _together(found),
        _ledger_says(run, reported["kpis"], ledger),
    )


def recompute_as_known(run: Run, later: Run) -> pd.DataFrame:
    """
    Compute a past week's KPIs from a later snapshot, with only what was known at its end.

    A feed that keeps its history gives the same figures; one whose extracts reach back only a few
    weeks, or that overwrites facts without keeping their versions, does not, and each difference
    names the KPI.

    Parameters
    ----------
    run
        The past run: its week, its parameters and what it reported.
    later
        A run on a newer snapshot of the same source.

    Returns
    -------
    pandas.DataFrame
        Rows of ``monitoring.recompute.differences`` for the KPIs of the week.
    """
    reported = _reported(run, "kpis")
    period = week_of(run)
    rows = credible(kpi_rows(weekly_kpis(later.tables, period, run.params)))
    again = rows.assign(kpi_id=kpi_id(rows))
    return differences(reported, again, "kpis")


def _reported(run: Run, name: str) -> pd.DataFrame:
    has = run_columns()[name]
    return run.read_needed(name, (*KEY, *(column for column in REPORTED_COLUMNS if column in has)))


def finished_runs(
    workspace: Workspace, source: str = "", unread: Unread | None = None
) -> Iterator[Run]:
    """
    Yield the finished runs of a workspace by cycle, the earliest instant first.

    Raises
    ------
    soe_lib.run.RunError
        When one of them cannot be opened; with ``unread`` it is told there and left out.
    """
    found = []
    for path in sorted(workspace.runs.glob(f"*/*/{RUN_FILE}")):
        if path.parent.name.endswith((".partial", ".outgoing")):
            continue
        run = open_past(path.parent) if unread is None else unread.open(path.parent)
        if run is not None and run.is_complete and (not source or run.source_name == source):
            found.append(run)
    yield from sorted(found, key=lambda run: (run.as_of, run.cycle_id, run.folder.name))


def latest_of(workspace: Workspace, source: str, unread: Unread | None = None) -> Run:
    """Return the newest finished run of a source. Raises ``RunError`` when there is none."""
    runs = list(finished_runs(workspace, source, unread))
    if not runs:
        raise RunError(f"no finished run of {source or 'any source'} in {workspace.root}")
    return runs[-1]


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=list(DIFFERENCE_COLUMNS))
    return pd.concat(filled, ignore_index=True)


def _ledger_says(run: Run, kpis: pd.DataFrame, ledger: Ledger | None) -> str:
    if ledger is None:
        return "not recorded"
    entries = ledger.entries(KIND, f"{run.cycle_id}/{run.source_name}")
    if entries.empty:
        return "not recorded"
    digest = json.loads(str(entries["content"].iloc[-1]))["digest"]
    return "same" if digest == kpi_digest(kpis) else "differs"
