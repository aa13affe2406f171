"""Execution: late work orders, stops, people missing."""

from __future__ import annotations

import pandas as pd

from soe_lib.calendars import union_minutes
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, at_most, count_of, look_up, named
from soe_lib.divergence.rows import empty_rows, finish

CLOSED_STATES = ("completed", "cancelled")


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

    Plan is the resource's own mean of unplanned hours over the weeks before (as many as
    ``history_weeks`` and the feed allow, no stop = no hours); money is the lost hours at the
    resource's regular cost.
    """
    events = facts.tables["downtime_event"]
    span = facts.as_of - facts.since
    now = unplanned_stops(facts, facts.since, facts.as_of)
    summed = now.groupby("resource_id").agg(
        actual_value=("hours", "sum"), first_seen_at=("start_at", "min"), longest=("hours", "max")
    )
    oldest = events["start_at"].min()
    weeks = min(facts.params.horizon.history_weeks, int((facts.since - oldest) / span))
    usual = pd.Series(0.0, index=summed.index)
    if weeks >= 1:
        before = unplanned_stops(facts, facts.since - weeks * span, facts.since)
        past = before.groupby("resource_id")["hours"].sum() / weeks
        usual = past.reindex(summed.index).fillna(0.0)
    summed["planned_value"] = usual
    tolerance = facts.params.divergence.downtime_hours
    rows = summed[summed["actual_value"] - summed["planned_value"] > tolerance].reset_index()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["site_id"] = look_up(rows["resource_id"], facts.resource_sites)
    excess = rows["actual_value"] - rows["planned_value"]
    rows["severity"] = excess / max(tolerance, 1e-9)
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


def _stops_in_window(facts: Facts, unplanned: pd.DataFrame) -> pd.DataFrame:
    end = unplanned["end_at"].fillna(facts.as_of)
    return unplanned[(end > facts.since) & (unplanned["start_at"] < facts.as_of)]


def _longest_reason(facts: Facts, unplanned: pd.DataFrame) -> pd.Series:
    stops = _stops_in_window(facts, unplanned)
    end = at_most(stops["end_at"].fillna(facts.as_of), facts.as_of)
    hours = (end - at_least(stops["start_at"], facts.since)).dt.total_seconds()
    ordered = stops.assign(seconds=hours).sort_values("seconds", ascending=False, kind="stable")
    return ordered.drop_duplicates("resource_id").set_index("resource_id")["reason_code"]


def labour(facts: Facts) -> pd.DataFrame:
    """
    Return sites and skills with shifts since the last cycle in which people were missing.

    A shift counts when more than the tolerance of its planned people are missing; plan and actual
    are the people of those shifts.
    """
    rows = facts.tables["labour_availability"]
    day = rows["labour_date"]
    known = (day >= facts.first_day) & (day <= facts.today) & rows["actual_headcount"].notna()
    shifts = rows[known & (rows["planned_headcount"] > 0)].copy()
    shifts["missing"] = shifts["planned_headcount"] - shifts["actual_headcount"]
    limit = facts.params.divergence.labour_pct
    bad = shifts[shifts["missing"] > limit / 100 * shifts["planned_headcount"]]
    if bad.empty:
        return empty_rows()
    keys = ["site_id", "skill_code"]
    found = bad.groupby(keys, as_index=False).agg(
        planned_value=("planned_headcount", "sum"),
        actual_value=("actual_headcount", "sum"),
        shifts=("missing", "size"),
        first=("labour_date", "min"),
        dates=("labour_date", lambda days: sorted(set(days))),
    )
    whole = shifts.groupby(keys)[["planned_headcount", "actual_headcount"]].sum()
    present = (100 * whole["actual_headcount"] / whole["planned_headcount"]).rename("present_pct")
    found = found.merge(present.reset_index(), on=keys)
    found["object_id"] = found["site_id"] + " " + found["skill_code"]
    share = 100 * (1 - found["actual_value"] / found["planned_value"])
    found["severity"] = share / max(limit, 1e-9)
    found["first_seen_at"] = facts.instant(found["first"])
    found["act_by_at"] = facts.as_of
    found["sentence"] = [
        f"{o}: {p - a:.0f} of {p:.0f} people missing on {count_of(n, 'shift')} "
        f"({r:.0f} % present in the week)"
        for o, p, a, n, r in zip(
            found["object_id"],
            found["planned_value"],
            found["actual_value"],
            found["shifts"],
            found["present_pct"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="labour_short",
        subject="execution",
        object_type="site_skill",
        owner_role="operations",
        unit="people",
        evidence_table="labour_availability",
        evidence={
            "site_id": found["site_id"],
            "skill_code": found["skill_code"],
            "labour_date": found["dates"],
        },
    )
