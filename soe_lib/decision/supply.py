"""What purchasing and production must order anew, and what suppliers must pull in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.scenario.published import table_or_empty

PURCHASE_SHAPE = {
    "purchase_no": "int64",
    "action": "str",
    "po_id": "str",
    "line_id": "str",
    "item_id": "str",
    "supplier_id": "str",
    "qty": "float64",
    "order_at": "datetime64[us, UTC]",
    "old_receipt_date": "datetime64[us]",
    "new_receipt_at": "datetime64[us, UTC]",
    "cost": "float64",
}


def supply_changes(
    purchases: pd.DataFrame,
    expedites: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """
    List the supplies that the chosen schedule counts on and that nobody has ordered so.

    Parameters
    ----------
    purchases
        ``Schedule.purchases``: what nothing covers, ordered at the item's lead time before it is
        needed; what is needed on one day is one order.
    expedites
        Rows of ``levers.pulled_rows`` with lever *expedite*.
    tables
        Canonical tables: who supplies the item, what is confirmed now.

    Returns
    -------
    pandas.DataFrame
        One row per supply, by the instant until which it must be ordered: ``purchase_no``,
        ``action`` (expedite an open line, order a bought item, make a made one), ``po_id`` and
        ``line_id`` (empty for a new order), ``item_id``, ``supplier_id`` (the last one of the
        item; empty = none known), ``qty`` [uom], ``order_at``, ``old_receipt_date``,
        ``new_receipt_at``, ``cost`` [money, what it costs beyond the price of the goods].
    """
    both = pd.concat([_expedites(expedites, tables), _new(purchases, tables)], ignore_index=True)
    both = both.sort_values(
        ["order_at", "action", "item_id", "new_receipt_at", "po_id"], kind="stable"
    ).reset_index(drop=True)
    both["purchase_no"] = np.arange(1, len(both) + 1)
    return both.reindex(columns=list(PURCHASE_SHAPE)).astype(PURCHASE_SHAPE)


def _expedites(expedites: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    orders = table_or_empty(tables, "purchase_order_line")
    name = orders["po_id"] + "/" + orders["line_id"]
    lines = orders.assign(
        object_id=name,
        qty=(orders["ordered_qty"] - orders["received_qty"].fillna(0)).clip(lower=0),
    )
    lines = lines[lines["status"] == "open"]
    whole = lines.groupby("object_id", as_index=False).agg(
        po_id=("po_id", "first"),
        line_id=("line_id", "first"),
        supplier_id=("supplier_id", "first"),
        qty=("qty", "sum"),
    )
    found = expedites.merge(whole, on="object_id", how="left")
    return pd.DataFrame(
        {
            "action": pd.Series("expedite", index=found.index, dtype="str"),
            "po_id": found["po_id"],
            "line_id": found["line_id"],
            "item_id": found["item_id"],
            "supplier_id": found["supplier_id"],
            "qty": found["qty"],
            "order_at": found["act_by_at"],
            "old_receipt_date": pd.to_datetime(found["old_value"], format="%Y-%m-%d"),
            "new_receipt_at": pd.to_datetime(found["new_value"], format="%Y-%m-%d", utc=True),
            "cost": found["cost"],
        }
    )


def _new(purchases: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    day = purchases["receipt_at"].dt.floor("D")
    by_day = purchases.assign(_day=day).groupby(["item_id", "_day"], as_index=False)
    needed = by_day.agg(
        qty=("qty", "sum"), order_at=("order_at", "min"), receipt_at=("receipt_at", "min")
    )
    items = table_or_empty(tables, "item").set_index("item_id")["supply_type"]
    is_made = needed["item_id"].map(items).eq("make")
    orders = table_or_empty(tables, "purchase_order_line")
    orders = orders.sort_values(["ordered_at", "po_id", "line_id"], kind="stable")
    supplier = orders.groupby("item_id")["supplier_id"].last()
    return pd.DataFrame(
        {
            "action": pd.Series(np.where(is_made, "make", "order"), dtype="str"),
            "po_id": "",
            "line_id": "",
            "item_id": needed["item_id"],
            "supplier_id": needed["item_id"].map(supplier).where(~is_made).astype("str").fillna(""),
            "qty": needed["qty"],
            "order_at": needed["order_at"],
            "old_receipt_date": pd.Series(pd.NaT, index=needed.index, dtype="datetime64[us]"),
            "new_receipt_at": needed["receipt_at"],
            "cost": 0.0,
        }
    )
