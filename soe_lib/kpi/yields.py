"""Scrap and yield by work order, for feeds whose shop floor reports no events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from soe_lib.kpi.facts import table_of
from soe_lib.kpi.value import Kpi, Period, cuts, share


def work_order_yield(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return scrap of the work orders that ended in a period.

    Parameters
    ----------
    by
        ``item_id`` or ``reason_code`` beside the total.

    Returns
    -------
    list
        ``work_order_scrap_ratio`` (units scrapped / good and scrapped units) and
        ``work_orders_with_scrap`` (orders with scrap / orders) per cut.
    """
    orders = table_of(tables, "work_order")
    ended = orders["ended_at"].notna() & (orders["ended_at"] <= as_of)
    inside = (orders["ended_at"] >= period.start_at) & (orders["ended_at"] < period.end_at)
    rows = orders[ended & inside]
    qty = rows[["good_qty", "scrap_qty"]].astype(float).fillna(0.0)
    rows = rows.assign(made=qty.sum(axis=1), scrap=qty["scrap_qty"])
    found = []
    for dimension, member, part in cuts(rows, by):
        given: dict[str, Any] = {
            "higher_is_better": False,
            "empty": "no work order ended in the period",
            "dimension": dimension,
            "member": member,
        }
        found += [
            share(
                "work_order_scrap_ratio",
                "units scrapped / good and scrapped units",
                float(part["scrap"].sum()),
                float(part["made"].sum()),
                as_of,
                period,
                n=len(part),
                **given,
            ),
            share(
                "work_orders_with_scrap",
                "work orders with scrap / work orders",
                int((part["scrap"] > 0).sum()),
                len(part),
                as_of,
                period,
                is_count=True,
                confidence_pct=confidence_pct,
                **given,
            ),
        ]
    return found
