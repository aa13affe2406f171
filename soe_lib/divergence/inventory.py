"""Inventory: stock below safety, stock without demand, records that do not fit the movements."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams


def latest_stock(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return usable stock per ``item_id``: ``on_hand_qty`` less blocked, newest balance."""
    stock = tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= as_of]
    newest = stock.groupby(["item_id", "location_id"])["balance_at"].transform("max")
    stock = stock[stock["balance_at"] == newest]
    usable = (stock["on_hand_qty"] - stock["blocked_qty"].fillna(0)).clip(lower=0)
    return usable.groupby(stock["item_id"]).sum().rename("on_hand_qty").reset_index()


def below_safety(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return items whose usable stock is below their safety stock."""
    items = tables["item"][["item_id", "family_id", "safety_stock_qty", "std_cost", "supply_type"]]
    stock = latest_stock(tables, as_of).merge(items, on="item_id")
    rows = stock[stock["on_hand_qty"] < stock["safety_stock_qty"]].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = rows["safety_stock_qty"]
    rows["actual_value"] = rows["on_hand_qty"]
    gap = rows["planned_value"] - rows["actual_value"]
    rows["money_at_risk"] = gap * rows["std_cost"].fillna(0.0)
    rows["severity"] = gap / rows["planned_value"]
    rows["sentence"] = [
        f"{i}: {a:,.0f} on hand, safety stock is {p:,.0f}"
        for i, a, p in zip(
            rows["item_id"], rows["actual_value"], rows["planned_value"], strict=True
        )
    ]
    made = rows["supply_type"] == "make"
    shared = {
        "divergence_type": "stock_below_safety",
        "subject": "inventory",
        "object_type": "item",
        "unit": "uom",
        "evidence_table": "inventory_balance",
        "evidence_columns": ("item_id",),
    }
    parts = [
        finish(rows[made], owner_role="operations", **shared),  # type: ignore[arg-type]
        finish(rows[~made], owner_role="procurement", **shared),  # type: ignore[arg-type]
    ]
    return pd.concat(parts, ignore_index=True)


def wrong_stock(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, params: DivergenceParams
) -> pd.DataFrame:
    """
    Return purchased items whose newest balance does not follow from the one before it.

    Expected = balance before + receipts − consumption by completed operations through the BOM; a
    gap beyond tolerance and beyond one per mille of the throughput is a record to be counted.
    """
    stock = tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= as_of]
    totals = stock.groupby(["item_id", "balance_at"])["on_hand_qty"].sum().reset_index()
    totals["before_qty"] = totals.groupby("item_id")["on_hand_qty"].shift()
    totals["before_at"] = totals.groupby("item_id")["balance_at"].shift()
    rows = totals.drop_duplicates("item_id", keep="last").dropna(subset=["before_qty"])
    bought = tables["item"].loc[tables["item"]["supply_type"] == "buy", "item_id"]
    rows = rows[rows["item_id"].isin(bought)].set_index("item_id")
    if rows.empty:
        return empty_rows()
    since = rows["before_at"].min()
    arrived = _received(tables, since, as_of)
    used = _consumed(tables, since, as_of)
    expected = rows["before_qty"].add(arrived, fill_value=0).sub(used, fill_value=0)
    rows["planned_value"] = expected.reindex(rows.index).clip(lower=0)
    rows["actual_value"] = rows["on_hand_qty"]
    throughput = arrived.reindex(rows.index).fillna(0) + used.reindex(rows.index).fillna(0)
    gap = (rows["actual_value"] - rows["planned_value"]).abs()
    limit = params.stock_count_pct / 100 * rows["planned_value"].clip(lower=1) + 0.02 * throughput
    found = rows[gap > limit].reset_index()
    if found.empty:
        return empty_rows()
    cost = tables["item"].set_index("item_id")["std_cost"]
    found["object_id"] = found["item_id"]
    difference = found["actual_value"] - found["planned_value"]
    found["money_at_risk"] = difference.abs() * found["item_id"].map(cost).fillna(0.0)
    found["severity"] = (100 * difference.abs() / found["planned_value"].clip(lower=1)) / max(
        params.stock_count_pct, 1e-9
    )
    found["sentence"] = [
        f"{i}: the record says {a:,.0f}, its movements give {p:,.0f}: count it"
        for i, a, p in zip(
            found["item_id"], found["actual_value"], found["planned_value"], strict=True
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
        evidence_columns=("item_id",),
    )


def _received(
    tables: Mapping[str, pd.DataFrame], since: pd.Timestamp, as_of: pd.Timestamp
) -> pd.Series:
    events = tables["goods_receipt_event"]
    events = events[(events["received_at"] > since) & (events["received_at"] <= as_of)]
    keys = ["po_id", "line_id"]
    item = tables["purchase_order_line"].drop_duplicates(keys)[[*keys, "item_id"]]
    joined = events.merge(item, on=keys)
    usable = joined["received_qty"] - joined["rejected_qty"].fillna(0)
    return usable.groupby(joined["item_id"]).sum()


def _consumed(
    tables: Mapping[str, pd.DataFrame], since: pd.Timestamp, as_of: pd.Timestamp
) -> pd.Series:
    events = tables["work_order_progress_event"]
    events = events[(events["event_at"] > since) & (events["event_at"] <= as_of)]
    made = events.groupby(["wo_id", "op_no"])[["good_qty", "scrap_qty"]].sum().sum(axis=1)
    made = made.rename("qty").reset_index()
    made["parent_item_id"] = made["wo_id"].map(tables["work_order"].set_index("wo_id")["item_id"])
    bom = tables["bom_component"][
        ["parent_item_id", "component_item_id", "qty_per", "op_no", "scrap_pct"]
    ].rename(columns={"op_no": "bom_op"})
    joined = made.merge(bom, on="parent_item_id")
    first = joined.groupby("wo_id")["op_no"].transform("min")
    at = joined["bom_op"].astype("float64").fillna(first)
    joined = joined[at == joined["op_no"]]
    qty = joined["qty"] * joined["qty_per"] * (1 + joined["scrap_pct"].fillna(0) / 100)
    return qty.groupby(joined["component_item_id"]).sum()


def excess(
    tables: Mapping[str, pd.DataFrame],
    weekly_demand: pd.Series,
    as_of: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return items whose stock covers more days of demand than the limit; demand by item [uom/week]."""
    items = tables["item"][["item_id", "family_id", "std_cost", "max_cover_days", "item_type"]]
    stock = latest_stock(tables, as_of).merge(items, on="item_id")
    stock = stock[stock["item_type"].isin(["MTS", "ATO"])]
    rate = stock["item_id"].map(weekly_demand) / 7
    stock["cover"] = stock["on_hand_qty"] / rate.where(rate > 0)
    limit = stock["max_cover_days"].fillna(params.excess_cover_days)
    rows = stock[stock["cover"] > limit].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = limit[rows.index]
    rows["actual_value"] = rows["cover"]
    surplus = (rows["cover"] - rows["planned_value"]) * (rows["on_hand_qty"] / rows["cover"])
    rows["money_at_risk"] = surplus * rows["std_cost"].fillna(0.0)
    rows["severity"] = rows["cover"] / rows["planned_value"] - 1
    rows["sentence"] = [
        f"{i}: stock covers {c:.0f} days of demand, the limit is {p:.0f}"
        for i, c, p in zip(rows["item_id"], rows["cover"], rows["planned_value"], strict=True)
    ]
    return finish(
        rows,
        divergence_type="excess_stock",
        subject="inventory",
        object_type="item",
        owner_role="demand_planning",
        unit="days",
        evidence_table="inventory_balance",
        evidence_columns=("item_id",),
    )
