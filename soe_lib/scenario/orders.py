"""Open order lines: what is owed, to whom, until when."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.scenario.published import table_or_empty

LINE_KEY = ["order_id", "line_id"]


def open_lines(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """
    Return what is still owed, schedule lines of one order line together.

    Returns
    -------
    pandas.DataFrame
        One row per open (order_id, line_id): ``customer_id``, ``item_id``, ``requested_date``,
        ``last_confirmed_date`` (the latest of its schedule lines), ``open_qty`` [uom], and
        ``net_value``, ``margin_per_unit`` where the feed has them.
    """
    lines = table_or_empty(tables, "sales_order_line")
    lines = lines[lines["status"] == "open"]
    owed = (lines["ordered_qty"] - lines["delivered_qty"].fillna(0)).clip(lower=0)
    return (
        lines.assign(open_qty=owed)
        .groupby(LINE_KEY, sort=True)
        .agg(
            customer_id=("customer_id", "first"),
            item_id=("item_id", "first"),
            requested_date=("requested_date", "max"),
            last_confirmed_date=("last_confirmed_date", "max"),
            open_qty=("open_qty", "sum"),
            net_value=("net_value", "sum"),
            margin_per_unit=("margin_per_unit", "first"),
        )
        .reset_index()
    )
