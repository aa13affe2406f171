"""Plan and execution of a week side by side: what each dimension of adherence says of each row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.kpi.execution import OPERATION, planned_against_run
from soe_lib.kpi.losses import CAUSES, lost_hours
from soe_lib.kpi.value import Period
from soe_lib.params import KpiParams

ADDED = (
    "planned_hours",
    "made_hours",
    "lost_hours",
    "main_loss",
    "start_deviation_minutes",
    "finish_deviation_minutes",
    "is_start_on_time",
    "is_finish_on_time",
    "is_in_sequence",
    "outcome",
)
"""Columns that :func:`adherence_operations` adds to those of ``execution.COLUMNS``."""

CLOSED_SHORT_PCT = 5.0
"""A completed lot that handled (good and scrap) less than its plan by more than this was closed
short; below it, it is the usual yield and called done. [%]"""


def adherence_operations(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    freeze_at: pd.Timestamp,
    params: KpiParams,
) -> pd.DataFrame:
    """
    Return plan and execution of a week, operation by operation, with what each dimension says.

    Parameters
    ----------
    tables
        ``schedule_operation``, ``work_order_progress_event``, ``work_order``; for standard hours
        ``routing_alternate``; for causes ``downtime_event``.
    as_of
        Instant UTC: only what was true and recorded by then counts.
    period
        The week.
    freeze_at
        When the plan was in force, usually ``execution.week_opens_at(tables, period)``.
    params
        ``start_tolerance_minutes`` is the tolerance of starts and finishes.

    Returns
    -------
    pandas.DataFrame
        Columns of ``execution.COLUMNS`` and :data:`ADDED`: hours [h], ``made_hours`` (of work not
        in the plan: made within the week), deviations actual minus planned [min],
        ``is_*`` empty where the operation is not in that dimension's population, ``outcome`` in
        words (done, done early, done elsewhere, closed short, unfinished, not started, not due,
        unscheduled, carried over, pulled ahead, excluded), ``main_loss`` the cause that took most
        hours.
    """
    rows = planned_against_run(tables, as_of, period, freeze_at)
    per_unit = rows["hours_per_unit"].fillna(0.0)
    in_plan = rows["origin"] == "plan"
    made = rows["good_qty"].where(in_plan, rows["week_good_qty"])
    rows["planned_hours"] = rows["planned_qty"] * per_unit
    rows["made_hours"] = made * per_unit
    losses = lost_hours(rows, tables, as_of, period)
    rows["lost_hours"] = losses.sum(axis=1)
    largest = losses.to_numpy().argmax(axis=1) if len(rows) else np.array([], dtype=int)
    causes = pd.Series(np.array(CAUSES, dtype=object)[largest], index=rows.index, dtype="str")
    rows["main_loss"] = causes.where(rows["lost_hours"] > 1e-9, "")
    until = min(as_of, period.end_at)
    counted = in_plan & (rows["exclude_reason"] == "")
    for name in ("start", "finish"):
        actual = rows["actual_start_at" if name == "start" else "actual_end_at"]
        planned = rows["planned_start_at" if name == "start" else "planned_end_at"]
        minutes = (actual - planned).dt.total_seconds() / 60
        tolerance = params.start_tolerance_minutes
        within = minutes.abs() <= tolerance + 1e-9
        matured = actual.notna() | (planned + pd.Timedelta(minutes=tolerance) <= until)
        asked = counted & rows[f"is_due_to_{name}"] & matured
        rows[f"{name}_deviation_minutes"] = minutes
        rows[f"is_{name}_on_time"] = within.astype("boolean").where(asked)
    rows["is_in_sequence"] = _in_sequence(rows, counted)
    rows["outcome"] = _outcome(rows, params.start_tolerance_minutes)
    return rows


def longest_ordered(ranks: np.ndarray) -> np.ndarray:
    """
    Mark the members of a longest non-decreasing subsequence.

    Examples
    --------
    >>> longest_ordered(np.array([1, 4, 2, 3])).tolist()
    [True, False, True, True]
    """
    tails: list[float] = []
    ends: list[int] = []
    previous = np.full(len(ranks), -1)
    for place, rank in enumerate(np.asarray(ranks).tolist()):
        length = bisect_right(tails, rank)
        previous[place] = ends[length - 1] if length else -1
        if length == len(tails):
            tails.append(rank)
            ends.append(place)
        else:
            tails[length] = rank
            ends[length] = place
    kept = np.zeros(len(ranks), dtype=bool)
    place = ends[-1] if ends else -1
    while place >= 0:
        kept[place] = True
        place = int(previous[place])
    return kept


def _in_sequence(rows: pd.DataFrame, counted: pd.Series) -> pd.Series:
    """Say which due jobs that ran on their own line kept their order; jobs planned or started
    together may stand in any order."""
    own = (
        counted
        & rows["is_due_to_finish"]
        & rows["actual_start_at"].notna()
        & (rows["actual_resource_id"] == rows["resource_id"])
    )
    jobs = rows[own].assign(row=np.flatnonzero(own.to_numpy()))
    jobs = jobs.sort_values(
        ["resource_id", "actual_start_at", "planned_start_at", *OPERATION], kind="stable"
    )
    kept = np.full(len(rows), np.nan)
    for _, line in jobs.groupby("resource_id", sort=True):
        ranks = line["planned_start_at"].astype("int64").to_numpy()
        kept[line["row"].to_numpy()] = longest_ordered(ranks)
    return pd.Series(kept, index=rows.index).astype("boolean")


def _outcome(rows: pd.DataFrame, tolerance: float) -> pd.Series:
    handled = rows["good_qty"] + rows["scrap_qty"]
    complete = rows["actual_end_at"].notna() | (rows["good_qty"] >= rows["planned_qty"])
    closed_short = handled < rows["planned_qty"] * (1 - CLOSED_SHORT_PCT / 100)
    early = rows["finish_deviation_minutes"] < -tolerance
    elsewhere = rows["actual_resource_id"].notna() & (
        rows["actual_resource_id"] != rows["resource_id"]
    )
    words = np.select(
        [
            rows["exclude_reason"] != "",
            rows["origin"] != "plan",
            ~rows["is_due_to_finish"],
            rows["actual_start_at"].isna(),
            ~complete,
            closed_short,
            elsewhere,
            early,
        ],
        [
            "excluded",
            rows["origin"],
            "not due",
            "not started",
            "unfinished",
            "closed short",
            "done elsewhere",
            "done early",
        ],
        "done",
    )
    return pd.Series(words, index=rows.index, dtype="str")
