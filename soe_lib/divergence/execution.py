"""Execution: late work orders and stops."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import union_minutes
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, at_most, look_up, named
from soe_lib.divergence.rows import empty_rows, finish

CLOSED_STATES = ("completed", "cancelled")
STOP_SIGMAS = 3.0
"""Small stops must leave their own scatter by so many deviations before their sum is news."""


def late_work_orders(facts: Facts) -> pd.DataFrame:
    """Return open work orders past their due instant by more than the tolerance."""
    orders = facts.tables["work_order"]
    open_ = orders["ended_at"].isna() | (orders["ended_at"] > facts.as_of)
    still = orders[open_ & ~orders["status"].isin(CLOSED_STATES)]
    days = (facts.as_of - still["due_at"]).dt.total_seconds() / 86_400
    tolerance = facts.params.divergence.work_order_late_days
    rows = still[days > tolerance].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["wo_id"]
    rows["planned_value"] = 0.0
    rows["actual_value"] = rows["deviation_days"] = days[rows.index]
    rows["family_id"] = look_up(rows["item_id"], facts.items["family_id"])
    rows["severity"] = rows["deviation_days"] / max(tolerance, 1e-9)
    rows["first_seen_at"] = rows["due_at"]
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"work order {w} ({q:,.0f} of {i}) was due {d:%d %b} and is "
        + ("still running" if started else "not started")
        + f", {n:.0f} days late"
        for w, q, i, d, n, started in zip(
            rows["wo_id"],
            rows["ordered_qty"],
            named(rows["item_id"], facts.item_names),
            rows["due_at"].dt.tz_convert(facts.time_zone),
            rows["deviation_days"],
            rows["started_at"].notna(),
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="work_order_late",
        subject="execution",
        object_type="work_order",
        owner_role="operations",
        unit="days",
        evidence_table="work_order",
        evidence={"wo_id": rows["wo_id"]},
    )


def unplanned_stops(facts: Facts, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """
    Return unplanned stops clipped to a window, overlaps of one resource merged.

    Returns
    -------
    pandas.DataFrame
        ``resource_id``, ``start_at``, ``end_at``, ``hours`` [h].
    """
    stops = facts.tables["downtime_event"]
    end = stops["end_at"].where(stops["end_at"] <= facts.as_of).fillna(facts.as_of)
    stops = stops.assign(end_at=at_most(end, until), start_at=at_least(stops["start_at"], since))
    stops = stops[~stops["is_planned"].fillna(False).astype(bool)]
    stops = stops[stops["end_at"] > stops["start_at"]]
    merged = union_minutes(stops[["resource_id", "start_at", "end_at"]])
    return merged.assign(hours=(merged["end_at"] - merged["start_at"]).dt.total_seconds() / 3600)


def downtime(facts: Facts) -> pd.DataFrame:
    """
    Return resources that stood longer since the last cycle than they usually do.

    Plan is the median of the resource's unplanned hours in the weeks before (as many as
    ``history_weeks`` and the feed allow, no stop = no hours). A resource is reported when its
    stops longer than the tolerance exceed the usual hours of such stops by the tolerance, or when
    all its stops do and leave the scatter of its small ones; money is the hours beyond the usual
    ones at the resource's regular cost.
    """
    tolerance = facts.params.divergence.downtime_hours
    weeks = _weeks_of_stops(facts)
    now = weeks[weeks["week"] == 0].set_index("resource_id")
    past = weeks[weeks["week"] > 0]
    usual = past.groupby("resource_id")[["hours", "long_hours"]].median()
    usual = usual.reindex(now.index).fillna(0.0)
    small = past.groupby("resource_id")["small_squares"].mean().reindex(now.index).fillna(0.0)
    excess, long_excess = now["hours"] - usual["hours"], now["long_hours"] - usual["long_hours"]
    is_many = (excess > tolerance) & (excess > STOP_SIGMAS * np.sqrt(small))
    summed = now.assign(
        actual_value=now["hours"],
        planned_value=usual["hours"],
        first_seen_at=now["first_long_at"].where(long_excess > tolerance, now["first_at"]),
        severity=np.maximum(excess, long_excess) / max(tolerance, 1e-9),
    )
    rows = summed[is_many | (long_excess > tolerance)].reset_index()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["site_id"] = look_up(rows["resource_id"], facts.resource_sites)
    excess = rows["actual_value"] - rows["planned_value"]
    events = facts.tables["downtime_event"]
    resources = facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")
    rows["direct_cost"] = excess * look_up(rows["resource_id"], resources["cost_per_hour"])
    unplanned = events[~events["is_planned"].fillna(False).astype(bool)]
    unplanned = unplanned[unplanned["start_at"] <= facts.as_of]
    is_open = unplanned["end_at"].isna() | (unplanned["end_at"] > facts.as_of)
    standing = rows["resource_id"].isin(unplanned.loc[is_open, "resource_id"])
    # A stop that is over cannot be shortened: what is left to do about it is not urgent by itself.
    rows["act_by_at"] = pd.Series(facts.as_of, index=rows.index).where(standing)
    reason = _longest_reason(facts, unplanned)
    rows["sentence"] = [
        f"{r} stood {h:.1f} h unplanned since the last cycle, usual are {u:.1f} h "
        f"(longest {x:.1f} h, {c})" + ("; it still stands" if o else "")
        for r, h, u, x, c, o in zip(
            named(rows["resource_id"], facts.resource_names),
            rows["actual_value"],
            rows["planned_value"],
            rows["longest"],
            look_up(rows["resource_id"], reason).fillna("no reason given"),
            standing,
            strict=True,
        )
    ]
    ids = _stops_in_window(facts, unplanned).groupby("resource_id")["start_at"].agg(list)
    return finish(
        rows,
        divergence_type="downtime",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="h",
        evidence_table="downtime_event",
        evidence={
            "resource_id": rows["resource_id"],
            "start_at": look_up(rows["resource_id"], ids),
            "is_planned": [False, None],
        },
    )


def _weeks_of_stops(facts: Facts) -> pd.DataFrame:
    """
    Return unplanned stops by resource and week back from ``as_of`` (0 = since the last cycle).

    Returns
    -------
    pandas.DataFrame
        Every resource that ever stood in every week: ``hours``, ``long_hours`` (stops beyond the
        tolerance), ``longest`` [h], ``small_squares`` (sum of squares of the others, the variance
        of their sum if they come at random) [h²], ``first_at``, ``first_long_at``.
    """
    span = facts.as_of - facts.since
    oldest = facts.tables["downtime_event"]["start_at"].min()
    count = min(facts.params.horizon.history_weeks, int(max((facts.since - oldest) / span, 0)))
    parts = [
        unplanned_stops(facts, facts.since - week * span, facts.as_of - week * span).assign(
            week=week
        )
        for week in range(count + 1)
    ]
    stops = pd.concat(parts, ignore_index=True)
    is_long = stops["hours"] > facts.params.divergence.downtime_hours
    stops["long_hours"] = stops["hours"].where(is_long, 0.0)
    stops["small_squares"] = (stops["hours"] ** 2).where(~is_long, 0.0)
    stops["first_long_at"] = stops["start_at"].where(is_long)
    found = stops.groupby(["resource_id", "week"]).agg(
        hours=("hours", "sum"),
        long_hours=("long_hours", "sum"),
        longest=("hours", "max"),
        small_squares=("small_squares", "sum"),
        first_at=("start_at", "min"),
        first_long_at=("first_long_at", "min"),
    )
    every = pd.MultiIndex.from_product(
        [sorted(stops["resource_id"].unique()), range(count + 1)], names=["resource_id", "week"]
    )
    full = found.reindex(every).reset_index()
    figures = ["hours", "long_hours", "longest", "small_squares"]
    return full.fillna(dict.fromkeys(figures, 0.0))


def _stops_in_window(facts: Facts, unplanned: pd.DataFrame) -> pd.DataFrame:
    end = unplanned["end_at"].fillna(facts.as_of)
    return unplanned[(end > facts.since) & (unplanned["start_at"] < facts.as_of)]


def _longest_reason(facts: Facts, unplanned: pd.DataFrame) -> pd.Series:
    stops = _stops_in_window(facts, unplanned)
    end = at_most(stops["end_at"].fillna(facts.as_of), facts.as_of)
    hours = (end - at_least(stops["start_at"], facts.since)).dt.total_seconds()
    ordered = stops.assign(seconds=hours).sort_values("seconds", ascending=False, kind="stable")
    return ordered.drop_duplicates("resource_id").set_index("resource_id")["reason_code"]
