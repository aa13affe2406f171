"""Builders of small canonical tables for the KPI tests."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.kpi.value import Period
from soe_lib.tables import TABLES

ZONE = "Europe/Berlin"
MONDAY = pd.Timestamp("2026-11-02")
"""Day 0 of the tests: a Monday."""


def day(number: float) -> pd.Timestamp:
    """Return the calendar day ``number`` days after MONDAY."""
    return MONDAY + pd.Timedelta(days=number)


def at(number: float, hour: float = 12.0) -> pd.Timestamp:
    """Return an instant (UTC) at an hour of the site's clock on day ``number``."""
    local = (MONDAY + pd.Timedelta(minutes=round(number * 1440 + hour * 60))).tz_localize(ZONE)
    return local.tz_convert("UTC")


def period(begin: int = 0, end: int = 7) -> Period:
    """Return the days from ``begin`` to ``end`` (excluded)."""
    return Period(day(begin), day(end), ZONE)


def table(name: str, *rows: dict[str, Any], **shared: Any) -> pd.DataFrame:
    """Return a canonical table from rows; columns not given are empty and typed."""
    contract = TABLES[name]
    data = [{**shared, **row} for row in rows]
    found = pd.DataFrame(data, columns=list(contract.columns))
    for column in contract.contracts:
        values = found[column.name]
        if column.dtype.startswith("datetime64[us, UTC"):
            found[column.name] = pd.to_datetime(values, utc=True).astype(column.dtype)
        elif column.dtype.startswith("datetime64"):
            found[column.name] = pd.to_datetime(values).astype(column.dtype)
        else:
            found[column.name] = values.astype(column.dtype)
    return found


def order(**columns: Any) -> dict[str, Any]:
    """Return an order line due (all three dates) on day 3 for 100 units, worth 2 each."""
    due = columns.pop("due", day(3))
    return {
        "order_id": "SO1",
        "line_id": "1",
        "schedule_no": 1,
        "customer_id": "C1",
        "item_id": "FG1",
        "site_id": "S1",
        "ordered_at": at(-10),
        "ordered_qty": 100.0,
        "uom": "EA",
        "requested_date": due,
        "first_confirmed_date": due,
        "last_confirmed_date": due,
        "delivered_qty": 0.0,
        "status": "open",
        "order_type": "MTS",
        "net_price": 2.0,
        "transit_days": 0.0,
        **columns,
    }


def delivery(number: float, qty: float, **columns: Any) -> dict[str, Any]:
    """Return a goods issue of ``qty`` at noon of day ``number``, delivered at once."""
    return {
        "shipment_id": f"SH{number}",
        "order_id": "SO1",
        "line_id": "1",
        "delivered_qty": qty,
        "goods_issue_at": at(number),
        "delivered_at": at(number),
        **columns,
    }


def change(number: float, field: str, old: Any, new: Any, **columns: Any) -> dict[str, Any]:
    """Return a change event at noon of day ``number``, initiated by the customer."""
    return {
        "event_id": f"E{field}{number}",
        "event_at": at(number),
        "order_id": "SO1",
        "line_id": "1",
        "change_field": field,
        "old_value": None if old is None else str(old),
        "new_value": None if new is None else str(new),
        "initiated_by": "customer",
        **columns,
    }


def book(
    *orders: dict[str, Any],
    deliveries: list[dict[str, Any]] | None = None,
    changes: list[dict[str, Any]] | None = None,
    terms: list[dict[str, Any]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of an order book."""
    tables = {
        "sales_order_line": table("sales_order_line", *orders),
        "delivery_event": table("delivery_event", *(deliveries or [])),
        "order_change_event": table("order_change_event", *(changes or [])),
    }
    if terms is not None:
        tables["customer_terms"] = table("customer_terms", *terms)
    return tables


def by_name(kpis: list[Any]) -> dict[str, Any]:
    """Return the total of each KPI by its name."""
    return {k.kpi: k for k in kpis if not k.dimension}
