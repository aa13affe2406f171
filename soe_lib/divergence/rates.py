"""Rates of execution against what is usual: scrap and speed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import count_of, look_up, named
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
    return events.assign(item_id=look_up(events["wo_id"], orders))


def scrap(facts: Facts) -> pd.DataFrame:
    """
    Return resources that since the last cycle scrap more than is usual for them.

    Plan is the resource's own ratio before, else 100 less the routing's yield, else nothing. The
    ratio of a day, or of an item over the cycle, must exceed it by the tolerance and leave the
    binomial noise of the quantity made; actual is the ratio of those days and items. A line that
    scraps too much with all it makes is one divergence, not one per item.
    """
    events = _events(facts)
    events = events[(events["good_qty"].fillna(0) + events["scrap_qty"].fillna(0)) > 0]
    is_new = events["event_at"] > facts.since
    past = events[~is_new].groupby("resource_id")[["good_qty", "scrap_qty"]].sum()
    usual = 100 * past["scrap_qty"] / (past["good_qty"] + past["scrap_qty"])
    routing = facts.tables["routing_alternate"].groupby("resource_id")["yield_pct"].mean()
    usual = usual.combine_first(100 - routing.astype(float))
    new = events[is_new].assign(
        cost=events["scrap_qty"] * look_up(events["item_id"], facts.items["std_cost"]),
        day=site_day(events["event_at"], facts.time_zone),
    )
    chosen = pd.Series(False, index=new.index)
    for keys in (["resource_id", "day"], ["resource_id", "item_id"]):
        bad = pd.MultiIndex.from_frame(_scrap_ratios(facts, new, keys, usual)[keys])
        chosen |= pd.MultiIndex.from_frame(new[keys]).isin(bad)
    rows = _scrap_ratios(facts, new[chosen], ["resource_id"], usual)
    if rows.empty:
        return empty_rows()
    rows = rows.assign(
        object_id=rows["resource_id"],
        site_id=look_up(rows["resource_id"], facts.resource_sites),
        act_by_at=facts.as_of,
    )
    first_items = named(rows["items"].str[0], facts.item_names)
    rows["sentence"] = [
        f"scrap on {name}"
        + (f" of {item}" if len(items) == 1 else f" of {count_of(len(items), 'item')}")
        + f": {a:.1f} % against {p:.1f} % usual ({q:,.0f} units lost)"
        for name, item, items, a, p, q in zip(
            named(rows["resource_id"], facts.resource_names),
            first_items,
            rows["items"],
            rows["actual_value"],
            rows["planned_value"],
            rows["scrap_qty"],
            strict=True,
        )
    ]
    spans = [
        {"after": first - pd.Timedelta(seconds=1), "until": last}
        for first, last in zip(rows["first_seen_at"], rows["last_at"], strict=True)
    ]
    return finish(
        rows,
        divergence_type="scrap_above_plan",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="%",
        evidence_table="work_order_progress_event",
        evidence={
            "resource_id": rows["resource_id"],
            "wo_id": rows["orders"],
            "event_at": pd.Series(spans, index=rows.index, dtype="object"),
        },
    )


def _scrap_ratios(
    facts: Facts, new: pd.DataFrame, keys: list[str], usual: pd.Series
) -> pd.DataFrame:
    """Return the groups whose scrap ratio leaves the usual one beyond tolerance and noise."""
    rows = (
        new.groupby(keys)
        .agg(
            good_qty=("good_qty", "sum"),
            scrap_qty=("scrap_qty", "sum"),
            cost=("cost", lambda cost: cost.sum(min_count=1)),
            first_seen_at=("event_at", "min"),
            last_at=("event_at", "max"),
            orders=("wo_id", lambda ids: sorted(set(ids))),
            items=("item_id", lambda ids: sorted(set(ids))),
        )
        .reset_index()
    )
    total = rows["good_qty"] + rows["scrap_qty"]
    rows["planned_value"] = look_up(rows["resource_id"], usual).fillna(0.0).astype(float)
    rows["actual_value"] = 100 * rows["scrap_qty"] / total
    share = (rows["planned_value"] / 100).clip(0.0, 1.0)
    noise = 100 * np.sqrt((share * (1 - share)).clip(lower=1e-6) / total)
    gap = rows["actual_value"] - rows["planned_value"]
    tolerance = facts.params.divergence.scrap_pct
    rows["direct_cost"] = rows["cost"] * gap / rows["actual_value"].where(rows["scrap_qty"] > 0)
    rows["severity"] = gap / max(tolerance, 1e-9)
    return rows[(gap > tolerance) & (gap > SIGMAS * noise)]


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
    rows["site_id"] = look_up(rows["resource_id"], facts.resource_sites)
    resources = facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")
    lost = rows["actual_hours"] - rows["standard_hours"]
    rows["direct_cost"] = lost * look_up(rows["resource_id"], resources["cost_per_hour"])
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
    runs["item_id"] = look_up(runs["wo_id"], orders)
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
