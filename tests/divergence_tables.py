"""Canonical tables of a few rows by hand, and facts made of them."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.divergence.rows import COLUMNS, evidence
from soe_lib.params import Params
from soe_lib.tables import TABLES

AS_OF = pd.Timestamp("2026-11-23T05:00Z")  # a Monday
TODAY = pd.Timestamp("2026-11-23")


def table(name: str, *rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows as the canonical table: all columns there, typed; what is not given is empty."""
    contract = TABLES[name]
    unknown = {key for row in rows for key in row} - set(contract.columns)
    assert not unknown, f"{name} has no {unknown}"
    frame = pd.DataFrame(list(rows), columns=list(contract.columns), dtype="object")
    found = {}
    for column in contract.contracts:
        values = frame[column.name]
        if column.dtype == "datetime64[us, UTC]":
            found[column.name] = pd.to_datetime(values, utc=True).astype(column.dtype)
        elif column.dtype == "datetime64[us]":
            found[column.name] = pd.to_datetime(values).astype(column.dtype)
        elif column.dtype == "str":
            found[column.name] = values.where(values.notna(), None).astype("str")
        else:
            found[column.name] = values.astype(column.dtype)
    return pd.DataFrame(found)


def facts(*, params: Params | None = None, zone: str = "UTC", **tables: pd.DataFrame) -> Facts:
    """Return facts at ``AS_OF``, the last cycle a week before."""
    return facts_of(tables, AS_OF, params or Params(), time_zone=zone)


def ago(days: float = 0.0, hours: float = 0.0) -> pd.Timestamp:
    """Return an instant before ``AS_OF``."""
    return AS_OF - pd.Timedelta(days=days, hours=hours)


def opened(found: Facts, rows: pd.DataFrame, number: int = 0, **more: pd.DataFrame) -> pd.DataFrame:
    """Open the rows behind a divergence."""
    return evidence({**found.tables, **more}, rows.iloc[number])


def check_contract(rows: pd.DataFrame) -> None:
    """Check what holds for the rows of every detector."""
    assert tuple(rows.columns) == COLUMNS
    assert rows["divergence_id"].is_unique
    difference = rows["actual_value"] - rows["planned_value"]
    assert (rows["deviation"] - difference).abs().max() < 1e-9 or rows.empty
    assert rows["sentence"].str.len().gt(10).all()
    assert all(isinstance(json.loads(text), dict) for text in rows["evidence_filter"])
    assert (rows["severity"].dropna() > 0).all()


def buy(item: str = "BOTTLE", **more: Any) -> dict[str, Any]:
    """Return a purchased item."""
    return {"item_id": item, "family_id": "PACK", "uom": "EA", "supply_type": "buy",
            "item_type": "component", "std_cost": 2.0, **more}  # fmt: skip


def make(item: str = "COLA", **more: Any) -> dict[str, Any]:
    """Return a made item."""
    return {"item_id": item, "family_id": "COLAS", "uom": "CASE", "supply_type": "make",
            "item_type": "MTS", "std_cost": 5.0, "price": 9.0, **more}  # fmt: skip


def order(
    order_id: str = "S1", item: str = "COLA", qty: float = 100.0, **more: Any
) -> dict[str, Any]:
    """Return an open order line."""
    return {"order_id": order_id, "line_id": "1", "customer_id": "C1", "item_id": item,
            "site_id": "P", "ordered_at": ago(14), "ordered_qty": qty, "uom": "CASE",
            "requested_date": "2026-11-25", "first_confirmed_date": "2026-11-25",
            "last_confirmed_date": "2026-11-25", "delivered_qty": 0.0, "status": "open",
            "order_type": "MTS", "net_price": 9.0, "margin_per_unit": 4.0, **more}  # fmt: skip
