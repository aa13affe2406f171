"""
Why planned work was not done: the lost hours of a week by cause, summing exactly to the loss.

Causes are taken in a fixed order and each gets at most what is still unexplained, so that no hour
is counted twice: scrap, then stops of the resource, then reported reasons (material, labour,
tool), then a late start, then a slow run; what is left is ``not started`` or, where the operation
was closed short, ``other``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import union_minutes
from soe_lib.kpi.facts import known_at
from soe_lib.kpi.value import Period
from soe_lib.tables import TABLES

CAUSES = (
    "scrap",
    "down",
    "material",
    "labour",
    "tool",
    "started late",
    "slow",
    "not started",
    "other",
)
"""Loss causes of spec/kpis.md §2.3, in the order in which they are charged."""

_WORDS = {
    "material": ("material", "component", "shortage", "starved", "supplier"),
    "labour": ("labour", "labor", "absence", "absent", "people", "crew", "operator", "staff"),
    "tool": ("tool", "mould", "mold", "fixture"),
}
"""Words by which a reported reason code is recognised; other codes explain nothing."""


def lost_hours(
    operations: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
) -> pd.DataFrame:
    """
    Charge the hours that each operation fell short to causes.

    Parameters
    ----------
    operations
        Rows of :func:`soe_lib.kpi.execution.planned_against_run`.
    tables
        Canonical tables; ``downtime_event`` is used where the feed has it.
    as_of, period
        What is known, and the week: an operation's time runs from its planned start to the end of
        the week.

    Returns
    -------
    pandas.DataFrame
        Index of ``operations``, one column per cause of :data:`CAUSES`, >= 0. [h] Their sum is
        ``(planned_qty - min(good_qty, planned_qty)) × hours_per_unit`` for operations due to
        finish in the week and not excluded, else nothing.
    """
    until = min(as_of, period.end_at)
    counted = operations["is_due_to_finish"] & (operations["exclude_reason"] == "")
    short = (operations["planned_qty"] - operations["good_qty"]).clip(lower=0)
    per_unit = operations["hours_per_unit"].fillna(0.0)
    left = (short * per_unit).where(counted, 0.0)
    charged = pd.DataFrame(0.0, index=operations.index, columns=list(CAUSES))

    def charge(cause: str, hours: pd.Series) -> None:
        nonlocal left
        part = np.minimum(left, hours.fillna(0.0).clip(lower=0))
        charged[cause] += part
        left = left - part

    started = operations["actual_start_at"].notna()
    incomplete = operations["actual_end_at"].isna()
    charge("scrap", operations["scrap_qty"] * per_unit)
    begin = _no_earlier(operations["planned_start_at"], period.start_at)
    stopped = operations["actual_end_at"].fillna(until)
    down = _stops(operations["resource_id"], begin, stopped, tables, as_of, period)
    charge("down", down.where(incomplete, 0.0))
    reason = operations["reason_code"].astype("object").where(operations["reason_code"].notna(), "")
    for cause, words in _WORDS.items():
        told = reason.astype("str").str.lower().str.contains("|".join(words))
        charge(cause, left.where(told, 0.0))
    late = (operations["actual_start_at"] - operations["planned_start_at"]).dt.total_seconds()
    charge("started late", (late / 3600).where(started & incomplete, 0.0))
    charge("not started", left.where(~started, 0.0))
    charge("slow", left.where(started & incomplete, 0.0))
    charge("other", left)
    return charged


def loss_table(operations: pd.DataFrame, losses: pd.DataFrame) -> pd.DataFrame:
    """
    Sum lost hours by cause and resource.

    Returns
    -------
    pandas.DataFrame
        One row per (``cause``, ``resource_id``) with a loss, largest first: ``lost_hours`` [h],
        ``num_operations``.
    """
    long = losses.assign(resource_id=operations["resource_id"]).melt(
        id_vars="resource_id", var_name="cause", value_name="lost_hours"
    )
    long = long[long["lost_hours"] > 1e-9]
    summed = long.groupby(["cause", "resource_id"])["lost_hours"].agg(["sum", "size"])
    found = summed.reset_index().rename(columns={"sum": "lost_hours", "size": "num_operations"})
    found = found.astype({"cause": "str", "resource_id": "str", "lost_hours": "float64"})
    return found.sort_values(
        ["lost_hours", "cause", "resource_id"], ascending=[False, True, True], kind="stable"
    ).reset_index(drop=True)


def _stops(
    resource: pd.Series,
    begin: pd.Series,
    end: pd.Series,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
) -> pd.Series:
    """Hours of unplanned downtime of the resource within each operation's time."""
    events = tables.get("downtime_event", TABLES["downtime_event"].empty())
    until = min(as_of, period.end_at)
    events = events[
        ~events["is_planned"].fillna(False)
        & (events["start_at"] < until)
        & (known_at(events, "start_at") <= as_of)
    ]
    hours = pd.Series(0.0, index=resource.index)
    if events.empty:
        return hours
    stops = union_minutes(
        events.assign(end_at=_no_later(events["end_at"].fillna(until), until))[
            ["resource_id", "start_at", "end_at"]
        ]
    )
    spans = pd.DataFrame({"resource_id": resource, "from": begin, "to": _no_later(end, until)})
    joined = spans.rename_axis("row").reset_index().merge(stops, on="resource_id")
    low = joined[["from", "start_at"]].max(axis=1)
    high = joined[["to", "end_at"]].min(axis=1)
    overlap = ((high - low).dt.total_seconds() / 3600).clip(lower=0)
    summed = overlap.groupby(joined["row"]).sum()
    return hours.add(summed, fill_value=0.0).reindex(hours.index)


def _no_later(at: pd.Series, limit: pd.Timestamp) -> pd.Series:
    return at.where(at <= limit, limit)


def _no_earlier(at: pd.Series, limit: pd.Timestamp) -> pd.Series:
    return at.where(at >= limit, limit)
