"""Demand: orders against the S&OP plan, and what customers changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day, week_start
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, look_up, named
from soe_lib.divergence.rows import empty_rows, finish

WEEKS_BACK = 4
"""Past weeks that are compared with the plan. [weeks]"""
_COUNTED_STATES = ("open", "completed")
_COUNTED_TYPES = ("MTO", "MTS")


def demand_vs_plan(
    facts: Facts, targets: pd.DataFrame, weeks: int, weeks_back: int = WEEKS_BACK
) -> pd.DataFrame:
    """
    Compare orders requested for a week with the weekly plan of the family.

    Only weeks that the plan covers whole are compared: a week of which one month has no plan would
    set a full week of orders against a part of the plan.

    Parameters
    ----------
    facts
        ``sales_order_line``, ``item`` and ``plan_calendar`` are used.
    targets
        Result of :func:`soe_lib.sop.weekly_targets`.
    weeks
        Weeks ahead, that of ``as_of`` included.
    weeks_back
        Weeks before that of ``as_of``.

    Returns
    -------
    pandas.DataFrame
        One row per (``family_id``, ``week_start_date``): ``planned_qty``, ``actual_qty``,
        ``deviation_qty`` [uom], ``deviation_pct`` [% of plan], ``is_outside``, ``is_past`` (the
        week is over: nothing will be added).
    """
    columns = ["family_id", "week_start_date", "planned_qty", "actual_qty", "deviation_qty"]
    columns += ["deviation_pct", "is_past", "is_outside"]
    params = facts.params.divergence
    lines = demanded(facts.tables["sales_order_line"])
    booked = pd.DataFrame(
        {
            "family_id": look_up(lines["item_id"], facts.items["family_id"]),
            "week_start_date": week_start(lines["requested_date"]),
            "actual_qty": lines["ordered_qty"],
        }
    )
    keys = ["family_id", "week_start_date"]
    covered = _covered_weeks(targets, facts.tables["plan_calendar"])
    if covered.empty:
        return _empty_demand(columns)
    planned = targets.merge(covered, on=keys).groupby(keys)["planned_qty"].sum()
    actual = booked.groupby(keys)["actual_qty"].sum().rename("actual_qty")
    both = planned.to_frame().join(actual, how="left").fillna(0.0).reset_index()
    unplanned = actual.reset_index()
    unplanned = unplanned[
        unplanned["week_start_date"].isin(both["week_start_date"].unique())
        & ~unplanned["family_id"].isin(targets["family_id"].unique())
    ]
    both = pd.concat([both, unplanned.assign(planned_qty=0.0)], ignore_index=True)
    this_week = week_start(pd.Series([facts.today])).iloc[0]
    first, last = this_week - pd.Timedelta(weeks=weeks_back), this_week + pd.Timedelta(weeks=weeks)
    both = both[(both["week_start_date"] >= first) & (both["week_start_date"] < last)].copy()
    gap = both["actual_qty"] - both["planned_qty"]
    both["deviation_qty"] = gap
    both["deviation_pct"] = 100 * gap / both["planned_qty"].where(both["planned_qty"] > 0)
    both["is_past"] = both["week_start_date"] < this_week
    outside = (gap.abs() > params.demand_pct / 100 * both["planned_qty"]) & (
        gap.abs() >= params.demand_min_qty
    )
    # A week that is not over still fills up: only more than planned is a divergence there.
    both["is_outside"] = outside & (both["is_past"] | (gap > 0))
    return both[columns].sort_values(keys).reset_index(drop=True)


def family_demand(facts: Facts, demand: pd.DataFrame) -> pd.DataFrame:
    """
    Return families and weeks outside tolerance, from the week that has just ended on.

    Older weeks were reported when they ended; the table still shows them.

    Money is the margin of what was planned and not ordered in a week that is over; more orders
    than planned cost nothing by themselves, the late lines behind them do.
    """
    last_week = week_start(pd.Series([facts.first_day])).iloc[0]
    rows = demand[demand["is_outside"] & (demand["week_start_date"] >= last_week)].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["family_id"] + " " + rows["week_start_date"].dt.strftime("%G-W%V")
    rows["planned_value"] = rows["planned_qty"]
    rows["actual_value"] = rows["actual_qty"]
    gap = rows["deviation_qty"]
    lost = (-gap).clip(lower=0.0) * look_up(rows["family_id"], _family_margins(facts))
    rows["direct_cost"] = lost.where(gap < 0)
    rows["severity"] = rows["deviation_pct"].abs() / max(facts.params.divergence.demand_pct, 1e-9)
    rows["first_seen_at"] = facts.as_of
    begin = facts.instant(rows["week_start_date"])
    rows["act_by_at"] = at_least(begin, facts.as_of)
    rows["sentence"] = [
        f"{f}, week of {w:%d %b}: {a:,.0f} ordered against {p:,.0f} planned ({a - p:+,.0f})"
        for f, w, a, p in zip(
            rows["family_id"],
            rows["week_start_date"],
            rows["actual_qty"],
            rows["planned_qty"],
            strict=True,
        )
    ]
    shared: dict[str, Any] = {
        "divergence_type": "demand_against_plan",
        "subject": "demand",
        "object_type": "family_week",
        "owner_role": "demand_planning",
        "unit": "uom",
    }
    ordered, empty = rows[rows["actual_qty"] > 0], rows[rows["actual_qty"] <= 0]
    weeks_of = ordered["week_start_date"]
    by_plan = {"family_id": empty["family_id"], "week_start_date": empty["week_start_date"]}
    parts = [
        finish(
            ordered,
            evidence_table="sales_order_line",
            evidence=order_lines_of(facts, ordered, weeks_of, weeks_of),
            **shared,
        ),
        # A week without orders has no order line to open: the plan is all there is.
        finish(empty, evidence_table="demand_vs_plan", evidence=by_plan, **shared),
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def order_lines_of(
    facts: Facts, rows: pd.DataFrame, first: pd.Series, last: pd.Series
) -> dict[str, Any]:
    """Return the filter that opens the order lines of each family from first to last week."""
    members = facts.tables["item"].groupby("family_id")["item_id"].agg(sorted)
    one = pd.Timedelta(days=1)
    days = [
        {"after": begin - one, "until": end + 6 * one}
        for begin, end in zip(first, last, strict=True)
    ]
    return {
        "item_id": look_up(rows["family_id"], members),
        "requested_date": pd.Series(days, index=rows.index, dtype="object"),
        "status": list(_COUNTED_STATES),
        "order_type": list(_COUNTED_TYPES),
    }


def demanded(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the order lines that count as demand: not cancelled, no returns."""
    return lines[lines["status"].isin(_COUNTED_STATES) & lines["order_type"].isin(_COUNTED_TYPES)]


def _covered_weeks(targets: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """Return the (family, week) pairs of which every month with working hours is planned."""
    keys = ["family_id", "week_start_date"]
    if targets.empty:
        return pd.DataFrame(columns=keys)
    pairs = targets[keys].drop_duplicates()
    have = targets[["family_id", "plan_month"]].drop_duplicates().assign(is_planned=True)
    worked = calendar[calendar["working_hours"] > 0][["plan_month", "week_start_date"]]
    worked = worked.drop_duplicates()
    known = set(calendar["plan_month"].unique())
    edges = pairs["week_start_date"]
    months_known = pd.Series(True, index=pairs.index)
    for day in (edges, edges + pd.Timedelta(days=6)):
        months_known &= (day - pd.to_timedelta(day.dt.day - 1, unit="D")).isin(known)
    wanted = pairs[months_known].merge(worked, on="week_start_date")
    wanted = wanted.merge(have, on=["family_id", "plan_month"], how="left")
    whole = wanted.groupby(keys)["is_planned"].apply(lambda planned: planned.notna().all())
    return whole[whole].reset_index()[keys]


def _empty_demand(columns: list[str]) -> pd.DataFrame:
    kinds = {"family_id": "str", "week_start_date": "datetime64[us]"}
    kinds |= dict.fromkeys(("is_past", "is_outside"), "bool")
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "float64")) for name in columns})


def _family_margins(facts: Facts) -> pd.Series:
    """Mean margin of a unit by family; families without price and cost are left out."""
    items = facts.tables["item"]
    margin = (items["price"] - items["std_cost"]).where(items["price"] > 0)
    return margin.groupby(items["family_id"]).mean().dropna().astype(float)


def order_changes(facts: Facts) -> pd.DataFrame:
    """
    Return what customers changed since the last cycle: new, cancelled, moved, resized orders.

    A quantity or date that moved back inside its tolerance is not reported; a new order is one
    when it was taken for a day inside the fences (frozen and slushy zone). Quantities deviate in
    ``uom``, dates in days (negative = earlier, the shop floor gets less time).
    """
    events = facts.tables["order_change_event"]
    rows = events[(events["event_at"] > facts.since) & (events["event_at"] <= facts.as_of)]
    rows = rows[~rows["event_id"].isin(rows["supersedes_id"].dropna())]
    rows = rows[rows["initiated_by"] != "system"]
    if rows.empty:
        return empty_rows()
    keys = ["order_id", "line_id"]
    rows = rows.sort_values([*keys, "change_field", "event_at"], kind="stable")
    net = rows.groupby([*keys, "change_field"], as_index=False).agg(
        old_value=("old_value", "first"),
        new_value=("new_value", "last"),
        first_seen_at=("event_at", "min"),
        num_events=("event_at", "size"),
    )
    lines = facts.tables["sales_order_line"].drop_duplicates(keys)
    known = lines[[*keys, "item_id", "site_id", "customer_id", "ordered_qty", "net_price",
                   "margin_per_unit", "requested_date", "ordered_at"]]  # fmt: skip
    net = net.merge(known, on=keys, how="left")
    net["family_id"] = look_up(net["item_id"], facts.items["family_id"])
    found = []
    for field, (kind, word) in _CHANGES.items():
        own = net[net["change_field"] == field].copy()
        own = _changed(facts, own, field)
        if own.empty:
            continue
        own["object_id"] = own["order_id"] + "/" + own["line_id"]
        own["num_orders"] = 1
        own["act_by_at"] = facts.as_of
        own["sentence"] = [
            f"order {o} of {c} ({i}): {word}" + (f", {_value(b)} → {_value(a)}" if shown else "")
            for o, c, i, b, a, shown in zip(
                own["object_id"],
                own["customer_id"].fillna("?"),
                named(own["item_id"], facts.item_names),
                own["old_value"],
                own["new_value"],
                (own["old_value"].notna() & own["new_value"].notna()),
                strict=True,
            )
        ]
        found.append(
            finish(
                own,
                divergence_type=f"order_{kind}",
                subject="demand",
                object_type="order_line",
                owner_role="customer_service",
                unit="days" if field in _DATED else "uom",
                evidence_table="order_change_event",
                evidence={
                    "order_id": own["order_id"],
                    "line_id": own["line_id"],
                    "change_field": field,
                    "event_at": {"after": facts.since, "until": facts.as_of},
                },
            )
        )
    return pd.concat(found, ignore_index=True) if found else empty_rows()


def _changed(facts: Facts, own: pd.DataFrame, field: str) -> pd.DataFrame:
    """Add planned and actual value to the changes of one field; drop those inside tolerance."""
    params = facts.params.divergence
    old = pd.to_numeric(own["old_value"], errors="coerce")
    new = pd.to_numeric(own["new_value"], errors="coerce")
    margin = own["margin_per_unit"].astype(float)
    if field in _DATED:
        moved = _days(own["new_value"]) - _days(own["old_value"])
        own["planned_value"] = 0.0
        own["actual_value"] = own["deviation_days"] = moved.dt.total_seconds() / 86_400
        if field == "priority":
            own["actual_value"] = (new - old).fillna(0.0)
            own["deviation_days"] = np.nan
        moved_days = own["actual_value"].abs().fillna(0.0)
        own["severity"] = (moved_days / max(params.order_change_days, 1e-9)).clip(lower=1.0)
        inside = own["actual_value"].abs() <= params.order_change_days
        # An expedite is a request, however short: only one that was taken back is no news.
        taken_back = own["actual_value"].eq(0) & (own["num_events"] > 1)
        is_news = ~inside if field == "requested_date" else ~taken_back
        return own[is_news].fillna({"actual_value": 0.0})
    own["planned_value"] = old.fillna(0.0 if field == "new" else own["ordered_qty"])
    own["actual_value"] = 0.0 if field == "cancel" else new.fillna(own["ordered_qty"])
    gap = (own["actual_value"] - own["planned_value"]).abs()
    own["direct_cost"] = gap * margin
    share = gap / own["planned_value"].where(own["planned_value"] > 0)
    own["severity"] = (100 * share / max(params.order_change_pct, 1e-9)).fillna(1.0)
    if field == "qty":
        return own[100 * share.fillna(1.0) > params.order_change_pct]
    if field == "new":
        notice = own["requested_date"] - site_day(own["first_seen_at"], facts.time_zone)
        fence = facts.params.fences.frozen_days + facts.params.fences.slushy_days
        own["severity"] = 1.0 + fence - notice.dt.days.astype(float)
        return own[(notice.dt.days < fence) | notice.isna()]
    return own


def _days(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)


def _value(text: object) -> str:
    words = str(text)
    return words[:10] if len(words) > 10 and words[4:5] == "-" else words


_DATED = ("requested_date", "expedite", "priority")
_CHANGES: Mapping[str, tuple[str, str]] = {
    "new": ("new", "new, inside the fences"),
    "cancel": ("cancelled", "cancelled"),
    "qty": ("quantity_changed", "quantity changed"),
    "requested_date": ("date_moved", "requested date moved"),
    "expedite": ("expedited", "expedite asked for"),
    "priority": ("priority_changed", "priority changed"),
    "split": ("split", "split"),
    "item": ("item_changed", "item changed"),
}
