"""Speed of execution against what is usual and standard."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import look_up, named
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.series import charted, has_past

LEAST_HOURS = 4.0
"""Standard hours of work below which a speed says nothing. [h]"""
LEAST_SPREAD = 0.02
"""Runs of a line scatter at least so much in the logarithm of their speed."""
_OPEN = ("shift", "overtime")


def slow_running(facts: Facts) -> pd.DataFrame:
    """
    Return resources that since the last cycle ran slower than usual by the tolerance.

    Completed operations count: standard hours (good and scrapped units at the standard rate of
    ``run_rate``) over the hours between start and completion in which the resource was open and
    not stopped. Each is an observation on the chart of its resource; a shift must signal, and what
    it lost must reach the tolerance within its standard error. Plan is what is usual for the
    resource, in % of standard; a resource without past is held against the standard itself, over
    at least four hours of work.
    """
    runs = completed_runs(facts)
    runs = runs.assign(
        group=runs["resource_id"],
        at=runs["ended"],
        value=np.log(runs["actual_hours"] / runs["standard_hours"]),
    )
    young = runs[~runs["resource_id"].isin(has_past(facts, runs)) & (runs["at"] > facts.since)]
    rows = pd.concat([_slower_than_usual(facts, runs), _slower_than_standard(facts, young)])
    rows = rows.sort_values("severity", ascending=False, kind="stable")
    rows = rows.drop_duplicates("resource_id").sort_values("resource_id").reset_index(drop=True)
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["site_id"] = look_up(rows["resource_id"], facts.resource_sites)
    resources = facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")
    lost = rows["actual_hours"] - 100 * rows["standard_hours"] / rows["planned_value"]
    rows["direct_cost"] = lost * look_up(rows["resource_id"], resources["cost_per_hour"])
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{r} ran at {a:.0f} % of its standard rate ({s:.0f} h of work took {h:.0f} h)"
        + (f", usual are {p:.0f} %" if round(p) != 100 else "")
        for r, a, p, s, h in zip(
            named(rows["resource_id"], facts.resource_names),
            rows["actual_value"],
            rows["planned_value"],
            rows["standard_hours"],
            rows["actual_hours"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="running_slow",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="% of standard",
        evidence_table="work_order_progress_event",
        evidence={
            "resource_id": rows["resource_id"],
            "wo_id": rows["orders"],
            "event_at": {"until": facts.as_of},
        },
    )


def _slower_than_usual(facts: Facts, runs: pd.DataFrame) -> pd.DataFrame:
    """Return shifts on the charts of the resources, one row each."""
    tolerance = facts.params.divergence.rate_pct
    shift = -np.log1p(-min(tolerance, 99.0) / 100)
    slow = charted(facts, runs, least_spread=LEAST_SPREAD, tolerated=lambda _: float(shift))
    rows = _summed(slow, ["resource_id", "shift_no", "usual", "spread"])
    rows["planned_value"] = 100 * np.exp(-rows["usual"])
    lost = 100 * (1 - rows["actual_value"] / rows["planned_value"])
    error = 100 * rows["spread"] / np.sqrt(rows["num_runs"])
    rows["severity"] = lost / max(tolerance, 1e-9)
    return rows[lost + error > tolerance]


def _slower_than_standard(facts: Facts, runs: pd.DataFrame) -> pd.DataFrame:
    """Return resources without past whose speed of the cycle is below standard."""
    tolerance = facts.params.divergence.rate_pct
    rows = _summed(runs, ["resource_id"])
    rows["planned_value"] = 100.0
    rows["severity"] = (100 - rows["actual_value"]) / max(tolerance, 1e-9)
    enough = rows["standard_hours"] >= LEAST_HOURS
    return rows[enough & (rows["actual_value"] < 100 - tolerance)]


def _summed(runs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    rows = runs.groupby(keys, as_index=False).agg(
        standard_hours=("standard_hours", "sum"),
        actual_hours=("actual_hours", "sum"),
        num_runs=("wo_id", "size"),
        first_seen_at=("began", "min"),
        orders=("wo_id", lambda ids: sorted(set(ids))),
    )
    return rows.assign(actual_value=100 * rows["standard_hours"] / rows["actual_hours"])


def completed_runs(facts: Facts) -> pd.DataFrame:
    """
    Return completed operations with the hours they should and did take.

    Returns
    -------
    pandas.DataFrame
        ``wo_id``, ``op_no``, ``resource_id``, ``item_id``, ``began``, ``ended``,
        ``standard_hours``, ``actual_hours`` (resource open, not stopped) [h].
    """
    runs = facts.progress.runs
    runs = runs.assign(
        began=runs["started_at"],
        ended=runs["completed_at"],
        qty=runs["good_qty"] + runs["scrap_qty"],
    )
    runs = runs[(runs["qty"] > 0) & (runs["ended"] > runs["began"])]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    runs = runs.assign(item_id=look_up(runs["wo_id"], orders))
    rate = (
        facts.tables["run_rate"]
        .groupby(["item_id", "resource_id"], as_index=False)["standard_rate_per_hour"]
        .mean()
    )
    runs = runs.merge(rate, on=["item_id", "resource_id"]).reset_index(drop=True)
    runs["standard_hours"] = runs["qty"] / runs["standard_rate_per_hour"]
    runs["actual_hours"] = open_hours(facts, runs)
    return runs[runs["actual_hours"] > 0]


def open_hours(facts: Facts, runs: pd.DataFrame) -> pd.Series:
    """Hours between begin and end of each run in which its resource was open and not stopped."""
    calendar = facts.tables["resource_calendar"]
    kind = calendar["calendar_kind"]
    columns = ["resource_id", "start_at", "end_at"]
    stops = facts.tables["downtime_event"][columns]
    stops = stops.assign(end_at=stops["end_at"].fillna(facts.as_of))
    stops = stops[stops["end_at"] > stops["start_at"]]
    opened = calendar.loc[kind.isin(_OPEN), columns]
    closed = pd.concat([calendar.loc[~kind.isin((*_OPEN, "potential_overtime")), columns], stops])
    total = pd.Series(0.0, index=runs.index)
    for resource, own in runs.groupby("resource_id"):
        up = _merged(opened[opened["resource_id"] == resource])
        down = _merged(closed[closed["resource_id"] == resource])
        begin, end = _minutes(own["began"]), _minutes(own["ended"])
        hours = _covered(up, begin, end)
        if len(down):
            hours = hours - _covered(_intersection(up, down), begin, end)
        total[own.index] = hours / 60
    return total.clip(lower=0)


def _minutes(instants: pd.Series) -> np.ndarray:
    return instants.dt.tz_convert("UTC").to_numpy("datetime64[us]").astype(np.int64) / 6e7


def _merged(intervals: pd.DataFrame) -> np.ndarray:
    """Disjoint ascending [begin, end] minutes of possibly overlapping intervals."""
    if intervals.empty:
        return np.zeros((0, 2))
    begin, end = _minutes(intervals["start_at"]), _minutes(intervals["end_at"])
    order = np.argsort(begin, kind="stable")
    begin, reach = begin[order], np.maximum.accumulate(end[order])
    is_new = np.append(True, begin[1:] > reach[:-1])
    last = np.append(np.flatnonzero(is_new)[1:] - 1, len(begin) - 1)
    return np.column_stack([begin[is_new], reach[last]])


def _intersection(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    low = np.maximum(up[:, None, 0], down[None, :, 0]).ravel()
    high = np.minimum(up[:, None, 1], down[None, :, 1]).ravel()
    found = np.column_stack([low, high])[high > low]
    return found[np.argsort(found[:, 0], kind="stable")]


def _covered(intervals: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Minutes of [begin, end] inside disjoint ascending intervals."""
    if not len(intervals):
        return np.zeros(len(begin))
    before = np.append(0.0, np.cumsum(intervals[:, 1] - intervals[:, 0]))

    def until(at: np.ndarray) -> np.ndarray:
        k = np.searchsorted(intervals[:, 0], at, side="right")
        inside = np.minimum(at, intervals[np.maximum(k - 1, 0), 1])
        return np.where(k > 0, before[np.maximum(k - 1, 0)] + inside
                        - intervals[np.maximum(k - 1, 0), 0], 0.0)  # fmt: skip

    return until(end) - until(begin)
