"""Inventory: stock below safety, stock without demand."""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import latest_stock
from soe_lib.divergence.names import look_up, named
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.money import holding_cost

DEMAND_WEEKS = 8
"""Weeks of orders from which the demand rate of an item is taken. [weeks]"""
MOST_DAYS = 365.0
"""Days for which holding a surplus is priced at most. [days]"""


def _balances(facts: Facts, items: pd.Series) -> pd.Series:
    """Return the newest ``balance_at`` of each item by ``as_of``: it opens the rows behind."""
    stock = facts.tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= facts.as_of]
    newest = stock.groupby(["item_id", "location_id"], as_index=False)["balance_at"].max()
    return look_up(items, newest.groupby("item_id")["balance_at"].agg(lambda at: sorted(set(at))))


def below_safety(facts: Facts) -> pd.DataFrame:
    """Return items whose usable stock is below their safety stock by more than the tolerance."""
    columns = ["item_id", "family_id", "safety_stock_qty", "supply_type"]
    stock = latest_stock(facts.tables, facts.as_of)
    stock = stock.merge(facts.tables["item"][columns].drop_duplicates("item_id"), on="item_id")
    tolerance = facts.params.divergence.safety_stock_pct
    floor = stock["safety_stock_qty"] * (1 - tolerance / 100)
    rows = stock[stock["on_hand_qty"] < floor - 1e-9].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = rows["safety_stock_qty"]
    rows["actual_value"] = rows["on_hand_qty"]
    rows["severity"] = 1 + (rows["planned_value"] - rows["actual_value"]) / rows["planned_value"]
    lead = look_up(rows["item_id"], facts.items["lead_time_days"])
    rows["first_seen_at"] = facts.as_of
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{i}: {a:,.0f} on hand, safety stock is {p:,.0f}"
        + (f"; more takes {days:.0f} days" if pd.notna(days) and days > 0 else "")
        for i, a, p, days in zip(
            named(rows["item_id"], facts.item_names),
            rows["actual_value"],
            rows["planned_value"],
            lead,
            strict=True,
        )
    ]
    made = rows["supply_type"] == "make"
    parts = [
        finish(
            rows[mask],
            divergence_type="stock_below_safety",
            subject="inventory",
            object_type="item",
            owner_role=role,
            unit="uom",
            evidence_table="inventory_balance",
            evidence={
                "item_id": rows["item_id"],
                "balance_at": _balances(facts, rows["item_id"]),
            },
        )
        for mask, role in ((made, "operations"), (~made, "procurement"))
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def excess(facts: Facts) -> pd.DataFrame:
    """
    Return finished items whose stock covers more days of demand than the limit.

    Demand is the mean of the orders received in the last eight weeks; money is the holding cost of
    the surplus until demand has used it up, a year at most.
    """
    lines = facts.tables["sales_order_line"]
    begin = facts.as_of - pd.Timedelta(weeks=DEMAND_WEEKS)
    recent = lines[(lines["ordered_at"] > begin) & (lines["ordered_at"] <= facts.as_of)]
    daily = recent.groupby("item_id")["ordered_qty"].sum() / (7 * DEMAND_WEEKS)
    columns = ["item_id", "family_id", "std_cost", "max_cover_days", "item_type"]
    stock = latest_stock(facts.tables, facts.as_of)
    stock = stock.merge(facts.tables["item"][columns].drop_duplicates("item_id"), on="item_id")
    stock = stock[stock["item_type"].isin(["MTS", "ATO"])]
    rate = look_up(stock["item_id"], daily)
    stock["cover"] = stock["on_hand_qty"] / rate.where(rate > 0)
    limit = stock["max_cover_days"].fillna(facts.params.divergence.excess_cover_days)
    rows = stock[stock["cover"] > limit].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = limit[rows.index]
    rows["actual_value"] = rows["cover"]
    days = rows["cover"] - rows["planned_value"]
    surplus = days * rows["on_hand_qty"] / rows["cover"]
    # The surplus shrinks to nothing over those days; what is held beyond a year is not counted.
    held = days.clip(upper=MOST_DAYS)
    mean = surplus * (1 - held / days / 2)
    rows["direct_cost"] = holding_cost(mean * rows["std_cost"], held, facts.params.money)
    rows["deviation_days"] = days
    rows["severity"] = rows["cover"] / rows["planned_value"]
    rows["first_seen_at"] = facts.as_of
    rows["sentence"] = [
        f"{i}: stock covers {c:.0f} days of demand, the limit is {p:.0f}"
        for i, c, p in zip(
            named(rows["item_id"], facts.item_names), rows["cover"], rows["planned_value"],
            strict=True,
        )
    ]  # fmt: skip
    return finish(
        rows,
        divergence_type="excess_stock",
        subject="inventory",
        object_type="item",
        owner_role="demand_planning",
        unit="days",
        evidence_table="inventory_balance",
        evidence={"item_id": rows["item_id"], "balance_at": _balances(facts, rows["item_id"])},
    )
