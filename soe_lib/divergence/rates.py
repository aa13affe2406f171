"""Rates of execution against what is usual: scrap and speed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import named
from soe_lib.divergence.rows import empty_rows, finish

LEAST_HOURS = 4.0
"""Standard hours of work below which a speed says nothing. [h]"""
SIGMAS = 3.0
"""A scrap ratio must leave its own noise by this many standard deviations."""
_OPEN = ("shift", "overtime")


def _events(facts: Facts) -> pd.DataFrame:
    events = facts.tables["work_order_progress_event"]
    events = events[events["event_at"] <= facts.as_of]
    replaced = events["supersedes_id"].dropna()
    if len(replaced):
        events = events[~events["event_id"].isin(replaced)]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    return events.assign(item_id=events["wo_id"].map(orders))


def scrap(facts: Facts) -> pd.DataFrame:
    """
    Return items and resources that since the last cycle scrap more than is usual.

    Plan is the resource's own ratio before, else 100 less the routing's yield, else nothing. The
    ratio must exceed it by the tolerance and leave the binomial noise of the quantity made.
    """
    events = _events(facts)
    events = events[(events["good_qty"].fillna(0) + events["scrap_qty"].fillna(0)) > 0]
    keys = ["item_id", "resource_id"]
    is_new = events["event_at"] > facts.since
    made = ["good_qty", "scrap_qty"]
    rows = (
        events[is_new]
        .groupby(keys, as_index=False)
        .agg(
            good_qty=("good_qty", "sum"),
            scrap_qty=("scrap_qty", "sum"),
            first_seen_at=("event_at", "min"),
            orders=("wo_id", lambda ids: sorted(set(ids))),
        )
    )
    past = events[~is_new].groupby("resource_id")[made].sum()
    usual = 100 * past["scrap_qty"] / (past["good_qty"] + past["scrap_qty"])
    routing = facts.tables["routing_alternate"].groupby("resource_id")["yield_pct"].mean()
    planned = rows["resource_id"].map(usual)
    planned = planned.fillna(100 - rows["resource_id"].map(routing)).fillna(0.0)
    total = rows["good_qty"] + rows["scrap_qty"]
    rows["planned_value"] = planned.astype(float)
    rows["actual_value"] = 100 * rows["scrap_qty"] / total
    share = (rows["planned_value"] / 100).clip(0.0, 1.0)
    noise = 100 * np.sqrt((share * (1 - share)).clip(lower=1e-6) / total)
    gap = rows["actual_value"] - rows["planned_value"]
    tolerance = facts.params.divergence.scrap_pct
    rows = rows[(gap > tolerance) & (gap > SIGMAS * noise)].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"] + " on " + rows["resource_id"]
    rows["site_id"] = rows["resource_id"].map(facts.resource_sites)
    rows["family_id"] = rows["item_id"].map(facts.items["family_id"])
    gap = gap[rows.index]
    rows["direct_cost"] = (
        gap / 100 * total[rows.index] * rows["item_id"].map(facts.items["std_cost"])
    )
    rows["severity"] = gap / max(tolerance, 1e-9)
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"scrap of {i} on {r}: {a:.1f} % against {p:.1f} % usual ({q:,.0f} units lost)"
        for i, r, a, p, q in zip(
            named(rows["item_id"], facts.item_names),
            named(rows["resource_id"], facts.resource_names),
            rows["actual_value"],
            rows["planned_value"],
            rows["scrap_qty"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="scrap_above_plan",
        subject="execution",
        object_type="item_resource",
        owner_role="operations",
        unit="%",
        evidence_table="work_order_progress_event",
        evidence={
            "resource_id": rows["resource_id"],
            "wo_id": rows["orders"],
            "event_at": {"after": facts.since, "until": facts.as_of},
        },
    )


def slow_running(facts: Facts) -> pd.DataFrame:
    """
    Return resources that since the last cycle ran slower than standard by the tolerance.

    Completed operations count: standard hours (good and scrapped units at the standard rate of
    ``run_rate``) over the hours between start and completion in which the resource was open and
    not stopped. A resource whose own past is slow is compared with the standard all the same: the
    plan uses the standard.
    """
    runs = completed_runs(facts)
    runs = runs[runs["ended"] > facts.since]
    grouped = runs.groupby("resource_id").agg(
        standard_hours=("standard_hours", "sum"),
        actual_hours=("actual_hours", "sum"),
        first_seen_at=("ended", "min"),
        orders=("wo_id", lambda ids: sorted(set(ids))),
    )
    rows = grouped[grouped["standard_hours"] >= LEAST_HOURS].reset_index()
    rows["planned_value"] = 100.0
    rows["actual_value"] = 100 * rows["standard_hours"] / rows["actual_hours"]
    tolerance = facts.params.divergence.rate_pct
    rows = rows[rows["actual_value"] < 100 - tolerance].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["site_id"] = rows["resource_id"].map(facts.resource_sites)
    resources = facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")
    lost = rows["actual_hours"] - rows["standard_hours"]
    rows["direct_cost"] = lost * rows["resource_id"].map(resources["cost_per_hour"])
    rows["severity"] = (100 - rows["actual_value"]) / max(tolerance, 1e-9)
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{r} ran at {a:.0f} % of its standard rate ({s:.0f} h of work took {h:.0f} h)"
        for r, a, s, h in zip(
            named(rows["resource_id"], facts.resource_names),
            rows["actual_value"],
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


def completed_runs(facts: Facts) -> pd.DataFrame:
    """
    Return completed operations with the hours they should and did take.

    Returns
    -------
    pandas.DataFrame
        ``wo_id``, ``op_no``, ``resource_id``, ``item_id``, ``began``, ``ended``,
        ``standard_hours``, ``actual_hours`` (resource open, not stopped) [h].
    """
    events = _events(facts).assign(split_no=lambda e: e["split_no"].fillna(1))
    keys = ["wo_id", "op_no", "split_no", "resource_id"]
    kind = events["event_type"]
    began = events[kind.isin(["start", "setup_end"])].groupby(keys)["event_at"].max()
    ended = events[kind == "complete"].groupby(keys)["event_at"].max()
    qty = (events["good_qty"].fillna(0) + events["scrap_qty"].fillna(0)).groupby(
        [events[name] for name in keys]
    )
    runs = pd.concat([began.rename("began"), ended.rename("ended")], axis=1, join="inner")
    runs = runs.join(qty.sum().rename("qty")).reset_index()
    runs = runs[(runs["qty"] > 0) & (runs["ended"] > runs["began"])]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    runs["item_id"] = runs["wo_id"].map(orders)
    rate = (
        facts.tables["run_rate"]
        .groupby(["item_id", "resource_id"], as_index=False)["standard_rate_per_hour"]
        .mean()
    )
    runs = runs.merge(rate, on=["item_id", "resource_id"]).reset_index(drop=True)
    runs["standard_hours"] = runs["qty"] / runs["standard_rate_per_hour"]
    runs["actual_hours"] = _open_hours(facts, runs)
    return runs[runs["actual_hours"] > 0]


def _open_hours(facts: Facts, runs: pd.DataFrame) -> pd.Series:
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
