"""Inventory: stock below safety, stock without demand, records that do not fit the movements."""

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
BROKEN_SHARE = 0.25
"""Where more items than this share break the balance of movements, the ledger is incomplete."""


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


def stock_identity(facts: Facts) -> pd.DataFrame:
    """
    Compare each purchased item's newest balance with what its movements make of the one before.

    Expected = balance before + usable receipts − consumption by reported quantities through the
    BOM − deliveries to customers, all between the two balances.

    Returns
    -------
    pandas.DataFrame
        One row per ``item_id`` with two balances: ``before_at``, ``balance_at``, ``before_qty``,
        ``received_qty``, ``consumed_qty`` (deliveries included), ``expected_qty``, ``on_hand_qty``
        [uom].
    """
    stock = facts.tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= facts.as_of]
    totals = stock.groupby(["item_id", "balance_at"])["on_hand_qty"].sum().reset_index()
    by_item = totals.groupby("item_id")
    totals["before_qty"] = by_item["on_hand_qty"].shift()
    totals["before_at"] = by_item["balance_at"].shift()
    rows = totals.drop_duplicates("item_id", keep="last").dropna(subset=["before_qty"])
    items = facts.tables["item"]
    rows = rows[rows["item_id"].isin(items.loc[items["supply_type"] == "buy", "item_id"])]
    window = rows[["item_id", "before_at", "balance_at"]]
    received = _between(_received(facts), window)
    used = pd.concat([_consumed(facts), _delivered(facts)], ignore_index=True)
    consumed = _between(used, window)
    rows = rows.assign(
        received_qty=look_up(rows["item_id"], received).fillna(0.0),
        consumed_qty=look_up(rows["item_id"], consumed).fillna(0.0),
    )
    expected = rows["before_qty"] + rows["received_qty"] - rows["consumed_qty"]
    return rows.assign(expected_qty=expected).reset_index(drop=True)


def movements_are_complete(facts: Facts, identity: pd.DataFrame) -> bool:
    """Say whether the feed's movements explain the balances of most items that moved."""
    moved = identity[(identity["received_qty"] > 0) | (identity["consumed_qty"] > 0)]
    return len(moved) > 0 and _gaps(facts, moved)["is_wrong"].mean() <= BROKEN_SHARE


def _gaps(facts: Facts, identity: pd.DataFrame) -> pd.DataFrame:
    rows = identity.assign(planned_value=identity["expected_qty"].clip(lower=0.0))
    rows["actual_value"] = rows["on_hand_qty"]
    gap = (rows["actual_value"] - rows["planned_value"]).abs()
    base = rows["planned_value"].clip(lower=1.0)
    tolerance = facts.params.divergence.stock_count_pct
    # Backflushing books late: two percent of the throughput is noise, whatever the balance.
    noise = 0.02 * (rows["received_qty"] + rows["consumed_qty"])
    rows["severity"] = (100 * gap / base) / max(tolerance, 1e-9)
    rows["is_wrong"] = gap > tolerance / 100 * base + noise
    return rows


def wrong_stock(facts: Facts, identity: pd.DataFrame) -> pd.DataFrame:
    """Return purchased items whose record leaves what its movements give by the tolerance."""
    rows = _gaps(facts, identity)
    found = rows[rows["is_wrong"]].copy()
    if found.empty:
        return empty_rows()
    found["object_id"] = found["item_id"]
    difference = found["actual_value"] - found["planned_value"]
    found["direct_cost"] = difference.abs() * look_up(found["item_id"], facts.items["std_cost"])
    found["first_seen_at"] = found["balance_at"]
    found["act_by_at"] = facts.as_of
    found["sentence"] = [
        f"{i}: the record says {a:,.0f}, its movements give {p:,.0f} ({a - p:+,.0f}): count it"
        for i, a, p in zip(
            named(found["item_id"], facts.item_names),
            found["actual_value"],
            found["planned_value"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="stock_record_wrong",
        subject="inventory",
        object_type="item",
        owner_role="operations",
        unit="uom",
        evidence_table="inventory_balance",
        evidence={
            "item_id": found["item_id"],
            "balance_at": pd.Series(
                [list(pair) for pair in zip(found["before_at"], found["balance_at"], strict=True)],
                index=found.index,
            ),
        },
    )


def _between(moves: pd.DataFrame, window: pd.DataFrame) -> pd.Series:
    """Sum ``qty`` by item over (before_at, balance_at]."""
    joined = moves.merge(window, on="item_id")
    inside = (joined["at"] > joined["before_at"]) & (joined["at"] <= joined["balance_at"])
    return joined[inside].groupby("item_id")["qty"].sum()


def _received(facts: Facts) -> pd.DataFrame:
    events = facts.tables["goods_receipt_event"]
    keys = ["po_id", "line_id"]
    lines = facts.tables["purchase_order_line"].drop_duplicates(keys)[[*keys, "item_id"]]
    joined = events.merge(lines, on=keys)
    qty = joined["received_qty"] - joined["rejected_qty"].fillna(0)
    return pd.DataFrame({"item_id": joined["item_id"], "at": joined["received_at"], "qty": qty})


def _delivered(facts: Facts) -> pd.DataFrame:
    events = facts.tables["delivery_event"]
    keys = ["order_id", "line_id"]
    lines = facts.tables["sales_order_line"].drop_duplicates(keys)[[*keys, "item_id"]]
    joined = events.merge(lines, on=keys)
    return pd.DataFrame(
        {
            "item_id": joined["item_id"],
            "at": joined["goods_issue_at"],
            "qty": joined["delivered_qty"],
        }
    )


def _consumed(facts: Facts) -> pd.DataFrame:
    """Components that reported quantities used, through the BOM valid today."""
    events = facts.tables["work_order_progress_event"]
    made = events["good_qty"].fillna(0) + events["scrap_qty"].fillna(0)
    events = events.assign(made=made)[made > 0][["wo_id", "op_no", "event_at", "made"]]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    events["parent_item_id"] = look_up(events["wo_id"], orders)
    bom = facts.tables["bom_component"]
    day = facts.today
    bom = bom[
        (bom["valid_from_date"].isna() | (bom["valid_from_date"] <= day))
        & (bom["valid_to_date"].isna() | (bom["valid_to_date"] >= day))
    ]
    bom = bom[["parent_item_id", "component_item_id", "qty_per", "op_no", "scrap_pct"]]
    joined = events.merge(bom.rename(columns={"op_no": "bom_op"}), on="parent_item_id")
    first = joined.groupby("wo_id")["op_no"].transform("min").astype("float64")
    at = joined["bom_op"].astype("float64").fillna(first)
    joined = joined[at == joined["op_no"].astype("float64")]
    qty = joined["made"] * joined["qty_per"] * (1 + joined["scrap_pct"].fillna(0) / 100)
    return pd.DataFrame(
        {"item_id": joined["component_item_id"], "at": joined["event_at"], "qty": qty}
    )


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
