"""What earlier cycles wrote down: ledger entries of a source, facts that runs found."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pandas as pd

from soe_lib.ledger import Ledger
from soe_lib.monitoring.month_kept import FORECAST_COLUMNS
from soe_lib.run import RUN_FILE, Run, run_name
from soe_lib.steps.past import Unread

FACT_COLUMNS = ("week_id", "fact", "value", "object_id")
WORDS = "follow_up"


def ledger_of(run: Run) -> pd.DataFrame:
    """
    Return all ledger entries; no rows where the workspace has no ledger: reading makes none.

    Returns
    -------
    pandas.DataFrame
        Rows of :meth:`soe_lib.ledger.Ledger.entries`.
    """
    has_file = (run.workspace.root / "ledger.sqlite").exists()
    if not os.environ.get("SOE_LEDGER_URL") and not has_file:
        with Ledger("sqlite://") as empty:
            return empty.entries()
    with Ledger.default(run.workspace) as ledger:
        return ledger.entries()


def of_source(entries: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the entries of a source: those that name it, and those of its divergences."""
    cycle = entries["object_id"].str.endswith(f"/{source}")
    told = entries["content"].str.contains(f'"source": "{source}"', regex=False)
    mine = set(entries.loc[told & (entries["kind"] == "state"), "object_id"])
    handled = entries["kind"].isin(["handling", "remark"]) & entries["object_id"].isin(mine)
    return entries[cycle | told | handled]


def last_weeks(run: Run, count: int) -> list[str]:
    """Return the weeks before a run's own, oldest first, e.g. ``2026-W47``."""
    zone = run.snapshot.site_time_zone
    found = []
    for back in range(count, 0, -1):
        year, week, _ = (run.as_of - pd.Timedelta(weeks=back)).tz_convert(zone).isocalendar()
        found.append(f"{year}-W{week:02d}")
    return found


def earlier_runs(run: Run, unread: Unread) -> list[Run]:
    """
    Return the runs of the same source and site that lie in the workspace, by cycle.

    Only those that were taken at an earlier instant: what a later cycle knew is not known yet, and
    a run that is tried with other parameters has the cycle's own run beside it. What cannot be
    opened is left out and told to ``unread``.
    """
    name = run_name(run.source_name, run.site)
    paths = sorted(run.workspace.runs.glob(f"*/{name}/{RUN_FILE}"))
    found = [unread.open(path.parent) for path in paths]
    return [past for past in found if past is not None and past.as_of < run.as_of]


def facts_of_runs(run: Run, weeks: list[str], unread: Unread) -> pd.DataFrame:
    """
    Return what earlier runs of the same source said that they found.

    Returns
    -------
    pandas.DataFrame
        One row per fact: :data:`FACT_COLUMNS`, by week.
    """
    rows: list[tuple[str, str, float, str]] = []
    for past in earlier_runs(run, unread):
        week = past.folder.parent.name[:8]
        if week not in weeks:
            continue
        words = past.words(WORDS)
        if past.is_complete and "facts" not in words:
            unread.tell(past.lacks(f"does not say 'facts' in its step '{WORDS}'"))
        facts: Mapping[str, float] = words.get("facts", {})
        rows += [
            (week, name, float(value), f"{past.cycle_id}/{past.source_name}")
            for name, value in sorted(facts.items())
            if value is not None
        ]
    return pd.DataFrame(rows, columns=list(FACT_COLUMNS)).astype({"value": "float64"})


def month_forecasts(run: Run, unread: Unread) -> pd.DataFrame:
    """
    Return the chances of month plans that earlier runs of the same source gave.

    Returns
    -------
    pandas.DataFrame
        ``monitoring.month_kept.FORECAST_COLUMNS``, by cycle.
    """
    needed = FORECAST_COLUMNS[1:]
    filled = []
    for past in earlier_runs(run, unread):
        rows = unread.read(past, "month_plan", needed) if past.is_complete else None
        if rows is not None and len(rows):
            filled.append(rows.assign(cycle_id=past.cycle_id)[list(FORECAST_COLUMNS)])
    if not filled:
        return pd.DataFrame(columns=list(FORECAST_COLUMNS))
    return pd.concat(filled, ignore_index=True)
