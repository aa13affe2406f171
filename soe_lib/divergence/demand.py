"""Demand: orders against the S&OP plan, order changes, past-due lines."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams


def demand_vs_plan(
    tables: Mapping[str, pd.DataFrame],
    targets: pd.DataFrame,
    weeks: int,
    as_of: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """
    Compare orders due in a week with the weekly plan of the family.

    Returns
    -------
    pandas.DataFrame
        One row per (``family_id``, ``week_start_date``) from the week of ``as_of`` minus four to
        the week before the last that orders reach: ``planned_qty``, ``actual_qty`` [uom],
        ``deviation_pct``, ``is_outside``, ``is_past`` (the week is over: nothing will be added).
    """
    lines = tables["sales_order_line"]
    lines = lines[~((lines["status"] == "cancelled") & (lines["delivered_qty"] <= 0))]
    lines = lines[~lines["order_type"].isin(["return", "sample", "inter_company"])]
    family = tables["item"].set_index("item_id")["family_id"]
    booked = pd.DataFrame(
        {
            "family_id": lines["item_id"].map(family),
            "week_start_date": week_start(lines["requested_date"]),
            "actual_qty": lines["ordered_qty"],
        }
    )
    keys = ["family_id", "week_start_date"]
    actual = booked.groupby(keys)["actual_qty"].sum()
    planned = targets.groupby(keys)["planned_qty"].sum()
    both = pd.concat([planned, actual], axis=1).fillna(0.0).reset_index()
    this_week = week_start(pd.Series([as_of])).iloc[0]
    first = this_week - pd.Timedelta(weeks=4)
    last = this_week + pd.Timedelta(weeks=weeks)
    both = both[(both["week_start_date"] >= first) & (both["week_start_date"] < last)]
    planned_weeks = set(targets["week_start_date"])
    both = both[both["week_start_date"].isin(planned_weeks)]
    gap = both["actual_qty"] - both["planned_qty"]
    base = both["planned_qty"].where(both["planned_qty"] > 0)
    both["deviation_pct"] = 100 * gap / base
    both["is_past"] = both["week_start_date"] < this_week
    outside = (gap.abs() > params.demand_pct / 100 * both["planned_qty"]) & (
        gap.abs() >= params.demand_min_qty
    )
    # A future week still fills up: only more than planned is a divergence there.
    both["is_outside"] = outside & (both["is_past"] | (gap > 0))
    return both.sort_values(keys).reset_index(drop=True)


def family_demand(demand: pd.DataFrame, prices: pd.Series) -> pd.DataFrame:
    """Return divergences of families and weeks outside tolerance; ``prices`` by family."""
    rows = demand[demand["is_outside"]].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["family_id"] + " " + rows["week_start_date"].dt.strftime("%G-W%V")
    rows["planned_value"] = rows["planned_qty"]
    rows["actual_value"] = rows["actual_qty"]
    gap = rows["actual_qty"] - rows["planned_qty"]
    rows["money_at_risk"] = gap.abs() * rows["family_id"].map(prices).fillna(0.0)
    rows["severity"] = (rows["deviation_pct"].abs() / 100).fillna(1.0)
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
    return finish(
        rows,
        divergence_type="demand_against_plan",
        subject="demand",
        object_type="family_week",
        owner_role="demand_planning",
        unit="uom",
        evidence_table="sop_plan",
        evidence_columns=("family_id",),
    )


def order_changes(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, since: pd.Timestamp
) -> pd.DataFrame:
    """Return what customers changed since the last cycle: new, cancelled, moved, resized orders."""
    events = tables["order_change_event"]
    rows = events[(events["event_at"] > since) & (events["event_at"] <= as_of)]
    rows = rows[rows["initiated_by"] != "system"].copy()
    if rows.empty:
        return empty_rows()
    keys = ["order_id", "line_id"]
    lines = tables["sales_order_line"].drop_duplicates(keys)
    known = lines[[*keys, "item_id", "site_id", "customer_id", "ordered_qty", "net_price"]]
    rows = rows.drop(columns=["site_id"]).merge(known, on=keys, how="left")
    found = []
    for field, word in _CHANGES.items():
        own = rows[rows["change_field"] == field].copy()
        if own.empty:
            continue
        own["object_id"] = own["order_id"] + "/" + own["line_id"]
        own = own.drop_duplicates("object_id", keep="last")
        old = pd.to_numeric(own["old_value"], errors="coerce")
        new = pd.to_numeric(own["new_value"], errors="coerce")
        own["planned_value"] = old.fillna(0.0 if field == "new" else own["ordered_qty"])
        own["actual_value"] = new.fillna(own["ordered_qty"] if field != "cancel" else 0.0)
        if field in ("requested_date", "expedite", "priority"):
            own["planned_value"] = own["actual_value"] = own["ordered_qty"]
            moved = pd.to_datetime(own["new_value"], errors="coerce") - pd.to_datetime(
                own["old_value"], errors="coerce"
            )
            own["deviation_days"] = moved.dt.total_seconds() / 86_400
        gap = (own["actual_value"] - own["planned_value"]).abs()
        own["money_at_risk"] = gap.where(gap > 0, own["ordered_qty"]) * own["net_price"].fillna(0)
        own["num_orders"] = 1
        own["first_seen_at"] = own["event_at"]
        own["severity"] = 1.0
        own["sentence"] = [
            f"order {o} of {c}: {word} ({b} → {a})"
            for o, c, b, a in zip(
                own["object_id"],
                own["customer_id"].fillna("?"),
                own["old_value"].fillna("–"),
                own["new_value"].fillna("–"),
                strict=True,
            )
        ]
        found.append(
            finish(
                own,
                divergence_type=f"order_{_TYPES[field]}",
                subject="demand",
                object_type="order_line",
                owner_role="customer_service",
                unit="uom",
                evidence_table="order_change_event",
                evidence_columns=("order_id", "line_id"),
            )
        )
    return pd.concat(found, ignore_index=True) if found else empty_rows()


_CHANGES = {
    "new": "new order",
    "cancel": "cancelled",
    "qty": "quantity changed",
    "requested_date": "requested date moved",
    "expedite": "expedite asked for",
    "priority": "priority changed",
    "split": "split",
    "item": "item changed",
}
_TYPES = {
    "new": "new",
    "cancel": "cancelled",
    "qty": "quantity_changed",
    "requested_date": "date_moved",
    "expedite": "expedited",
    "priority": "priority_changed",
    "split": "split",
    "item": "item_changed",
}
