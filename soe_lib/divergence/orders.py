"""Order lines in jeopardy: projected late, not covered by any supply, or past due."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links
from soe_lib.divergence.names import at_least, count_of, look_up, named
from soe_lib.divergence.prices import KEYS, priced_lines
from soe_lib.divergence.rows import empty_rows, finish

LATE_DAYS = 1e-6
"""Lateness below this is rounding. [days]"""


def late_lines(
    facts: Facts, promises: pd.DataFrame, pegging: pd.DataFrame, tolerance_hours: float
) -> pd.DataFrame:
    """
    Return priced promises that are later than a tolerance [h], dearest first.

    ``supplied_qty`` [uom] is what stock, receipts and planned lots of ``pegging`` cover,
    ``has_supply`` whether that is all that is open.
    """
    late = promises["lateness_days"] > max(tolerance_hours / 24, LATE_DAYS)
    priced = priced_lines(promises[late], facts.tables, facts.params.money)
    real = pegging[~pegging["is_new"].astype(bool)].groupby(KEYS)["qty"].sum()
    supplied = real.rename("supplied_qty").reset_index()
    priced = priced.merge(supplied, on=KEYS, how="left").fillna({"supplied_qty": 0.0})
    priced["has_supply"] = priced["supplied_qty"] >= priced["open_qty"] - 1e-6
    ordered = priced.sort_values(
        ["late_cost", "lateness_days", *KEYS], ascending=[False, False, True, True], kind="stable"
    )
    return ordered.reset_index(drop=True)


def order_lateness(facts: Facts, late: pd.DataFrame, links: Links) -> pd.DataFrame:
    """
    Return one divergence per late order line; most of them are consequences of another one.

    The last responsible moment is the first start of work that the line waits for: once it runs,
    nothing can be resequenced. Without such work it is now.
    """
    if late.empty:
        return empty_rows()
    rows = late.merge(links.first_start, on=KEYS, how="left")
    rows["object_id"] = rows["order_id"] + "/" + rows["line_id"]
    rows["planned_value"] = 0.0
    rows["actual_value"] = rows["deviation_days"] = rows["lateness_days"]
    rows["direct_cost"] = rows["late_cost"]
    rows["act_by_at"] = at_least(rows["start_at"].fillna(facts.as_of), facts.as_of)
    rows["first_seen_at"] = facts.as_of
    rows["num_orders"] = 1
    tolerance = max(facts.params.divergence.order_late_hours, 1e-9)
    rows["severity"] = rows["lateness_days"] * 24 / tolerance
    rows["sentence"] = [
        f"order {o} of {c} ({q:,.0f} of {i}) "
        + (f"is projected {d:.1f} days late" if covered else "has no supply planned, ")
        + ("" if covered else f"{d:.1f} days late")
        for o, c, q, i, d, covered in zip(
            rows["object_id"],
            rows["customer_id"].fillna("?"),
            rows["open_qty"],
            named(rows["item_id"], facts.item_names),
            rows["lateness_days"],
            rows["has_supply"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="order_in_jeopardy",
        subject="demand",
        object_type="order_line",
        owner_role="customer_service",
        unit="days",
        evidence_table="sales_order_line",
        evidence={"order_id": rows["order_id"], "line_id": rows["line_id"]},
    )


def uncovered_items(facts: Facts, late: pd.DataFrame) -> pd.DataFrame:
    """
    Return items with late order lines that no supply covers: one divergence per item.

    The last responsible moment is the first due instant less the item's lead time.
    """
    open_ = late[~late["has_supply"]]
    if open_.empty:
        return empty_rows()
    grouped = open_.groupby("item_id", as_index=False).agg(
        planned_value=("open_qty", "sum"),
        actual_value=("supplied_qty", "sum"),
        deviation_days=("lateness_days", "max"),
        num_orders=("order_id", "size"),
        due_at=("due_at", "min"),
        site_id=("site_id", "first"),
        family_id=("family_id", "first"),
    )
    grouped["object_id"] = grouped["item_id"]
    lead = look_up(grouped["item_id"], facts.items["lead_time_days"]).fillna(0.0).astype(float)
    last = grouped["due_at"] - pd.to_timedelta(lead, unit="D")
    grouped["act_by_at"] = at_least(last, facts.as_of)
    grouped["first_seen_at"] = facts.as_of
    grouped["severity"] = 1.0 + (facts.as_of - last).dt.total_seconds().clip(lower=0) / 86_400
    grouped["sentence"] = [
        f"{i}: {p - a:,.0f} of {p:,.0f} ordered have no supply planned "
        f"({count_of(n, 'order line')}, first due {d:%d %b}); a new order comes up to "
        f"{x:.0f} days late"
        for i, p, a, n, d, x in zip(
            named(grouped["item_id"], facts.item_names),
            grouped["planned_value"],
            grouped["actual_value"],
            grouped["num_orders"],
            grouped["due_at"],
            grouped["deviation_days"],
            strict=True,
        )
    ]
    made = look_up(grouped["item_id"], facts.items["supply_type"]) != "buy"
    parts = [
        finish(
            grouped[mask],
            divergence_type="demand_not_covered",
            subject="demand",
            object_type="item",
            owner_role=role,
            unit="uom",
            evidence_table="sales_order_line",
            evidence=_lines_of(grouped["item_id"], open_),
        )
        for mask, role in ((made, "operations"), (~made, "procurement"))
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def waiting_for_receipts(late: pd.DataFrame, pegging: pd.DataFrame) -> pd.DataFrame:
    """Return the late lines of which a part waits for a purchase that comes after the promise."""
    receipts = pegging[(pegging["supply_type"] == "receipt") & ~pegging["is_new"].astype(bool)]
    pegged = late.merge(receipts[[*KEYS, "available_at"]], on=KEYS)
    pegged = pegged[pegged["available_at"] > pegged["due_at"]]
    return pegged.sort_values("available_at", kind="stable").drop_duplicates(KEYS, keep="last")


def late_receipts(facts: Facts, late: pd.DataFrame, pegging: pd.DataFrame) -> pd.DataFrame:
    """
    Return traded items whose purchase comes after the promises made on it, one row per item.

    The supplier may be on time: the promise was given before the goods could be there.
    """
    waiting = waiting_for_receipts(late, pegging)
    if waiting.empty:
        return empty_rows()
    grouped = waiting.groupby("item_id", as_index=False).agg(
        actual_value=("lateness_days", "max"),
        num_orders=("order_id", "size"),
        due_at=("due_at", "min"),
        available_at=("available_at", "max"),
        open_qty=("open_qty", "sum"),
        site_id=("site_id", "first"),
        family_id=("family_id", "first"),
    )
    grouped["object_id"] = grouped["item_id"]
    grouped["planned_value"] = 0.0
    grouped["deviation_days"] = grouped["actual_value"]
    grouped["first_seen_at"] = grouped["act_by_at"] = facts.as_of
    tolerance = max(facts.params.divergence.order_late_hours, 1e-9)
    grouped["severity"] = grouped["actual_value"] * 24 / tolerance
    grouped["sentence"] = [
        f"{i}: {q:,.0f} on {count_of(n, 'order line')} wait for a purchase that comes on "
        f"{a:%d %b}, up to {d:.1f} days after the promise"
        for i, q, n, a, d in zip(
            named(grouped["item_id"], facts.item_names),
            grouped["open_qty"],
            grouped["num_orders"],
            grouped["available_at"].dt.tz_convert(facts.time_zone),
            grouped["actual_value"],
            strict=True,
        )
    ]
    return finish(
        grouped,
        divergence_type="supply_after_promise",
        subject="supply",
        object_type="item",
        owner_role="procurement",
        unit="days",
        evidence_table="sales_order_line",
        evidence=_lines_of(grouped["item_id"], waiting),
    )


def late_in_schedule(facts: Facts, late: pd.DataFrame, links: Links) -> pd.DataFrame:
    """
    Return families of which the published schedule itself breaks promises, one row per family.

    Nothing happened to these lines: the plan puts their work after the promise.
    """
    rows = late.merge(links.late_in_plan, on=KEYS)
    if rows.empty:
        return empty_rows()
    grouped = rows.groupby("family_id", as_index=False).agg(
        actual_value=("planned_late_days", "max"),
        num_orders=("order_id", "size"),
        site_id=("site_id", "first"),
        due_at=("due_at", "min"),
    )
    grouped["object_id"] = grouped["family_id"]
    grouped["planned_value"] = 0.0
    grouped["deviation_days"] = grouped["actual_value"]
    grouped["first_seen_at"] = facts.as_of
    grouped["act_by_at"] = at_least(grouped["due_at"], facts.as_of)
    tolerance = max(facts.params.divergence.order_late_hours, 1e-9)
    grouped["severity"] = grouped["actual_value"] * 24 / tolerance
    grouped["sentence"] = [
        f"{f}: the published schedule itself ends the work of {count_of(n, 'order line')} after "
        f"the promise, up to {d:.1f} days"
        for f, n, d in zip(
            grouped["family_id"], grouped["num_orders"], grouped["actual_value"], strict=True
        )
    ]
    by_family = rows.groupby("family_id")
    evidence: dict[str, Any] = {"status": "open"}
    for name in (*KEYS, "item_id"):
        ids = by_family[name].agg(lambda values: sorted(set(values)))
        evidence[name] = look_up(grouped["family_id"], ids)
    return finish(
        grouped,
        divergence_type="late_in_schedule",
        subject="plan",
        object_type="family",
        owner_role="operations",
        unit="days",
        evidence_table="sales_order_line",
        evidence=evidence,
    )


def past_due(facts: Facts) -> pd.DataFrame:
    """Return open order lines as promises known without a schedule: late as far as today."""
    lines = facts.tables["sales_order_line"]
    lines = lines[lines["status"] == "open"].copy()
    lines["open_qty"] = (lines["ordered_qty"] - lines["delivered_qty"].fillna(0)).clip(lower=0)
    lines = lines[lines["open_qty"] > 0]
    day = lines["last_confirmed_date"].fillna(lines["requested_date"]) + pd.Timedelta(days=1)
    close = facts.instant(day) - pd.Timedelta(minutes=1)
    close -= pd.to_timedelta(lines["transit_days"].fillna(0), unit="D")
    lines["due_at"] = lines["due_at"].fillna(close)
    known = lines.groupby(KEYS, as_index=False).agg(
        item_id=("item_id", "first"), open_qty=("open_qty", "sum"), due_at=("due_at", "min")
    )
    lateness = (facts.as_of - known["due_at"]).dt.total_seconds() / 86_400
    never = pd.Series(pd.NaT, index=known.index, dtype="datetime64[us, UTC]")
    return known.assign(
        promised_qty=0.0,
        promised_at=never,
        ready_at=never,
        is_covered=False,
        lateness_days=lateness,
    )


def past_due_items(facts: Facts, late: pd.DataFrame) -> pd.DataFrame:
    """Return items with order lines past due; ``late``: :func:`past_due` beyond tolerance."""
    if late.empty:
        return empty_rows()
    grouped = late.groupby("item_id", as_index=False).agg(
        open_qty=("open_qty", "sum"),
        ordered_qty=("ordered_qty", "sum"),
        num_orders=("order_id", "size"),
        first_due_at=("due_at", "min"),
        deviation_days=("lateness_days", "max"),
        site_id=("site_id", "first"),
        family_id=("family_id", "first"),
    )
    grouped["object_id"] = grouped["item_id"]
    grouped["planned_value"] = grouped["ordered_qty"]
    grouped["actual_value"] = grouped["ordered_qty"] - grouped["open_qty"]
    grouped["act_by_at"] = facts.as_of
    grouped["first_seen_at"] = grouped["first_due_at"]
    tolerance = max(facts.params.divergence.order_late_hours, 1e-9)
    grouped["severity"] = grouped["deviation_days"] * 24 / tolerance
    grouped["sentence"] = [
        f"{i}: {q:,.0f} of {o:,.0f} past due on {count_of(n, 'order line')}, "
        f"the oldest by {count_of(round(d), 'day')}"
        for i, q, o, n, d in zip(
            named(grouped["item_id"], facts.item_names),
            grouped["open_qty"],
            grouped["ordered_qty"],
            grouped["num_orders"],
            grouped["deviation_days"],
            strict=True,
        )
    ]
    return finish(
        grouped,
        divergence_type="orders_past_due",
        subject="demand",
        object_type="item",
        owner_role="customer_service",
        unit="uom",
        evidence_table="sales_order_line",
        evidence=_lines_of(grouped["item_id"], late),
    )


def _lines_of(items: pd.Series, lines: pd.DataFrame) -> dict[str, Any]:
    """Return the filter that opens the order lines of each item."""
    by_item = lines.groupby("item_id")
    found: dict[str, Any] = {"item_id": items, "status": "open"}
    for name in KEYS:
        found[name] = look_up(items, by_item[name].agg(lambda ids: sorted(set(ids))))
    return found
