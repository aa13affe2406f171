"""A plant small enough to know the right answer by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.params import Params
from soe_lib.scenario.context import Context
from soe_lib.tables import TABLES

AS_OF = pd.Timestamp("2026-11-23T05:00Z")  # a Monday; the frozen zone ends Thursday 05:00
THURSDAY = pd.Timestamp("2026-11-26T06:00Z")
FRIDAY = THURSDAY + pd.Timedelta(days=1)
HOUR = pd.Timedelta(hours=1)


def table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a canonical table, typed, columns that are not given empty."""
    contract = TABLES[name]
    found = pd.DataFrame(rows).reindex(columns=list(contract.columns))
    return found.astype({column.name: column.dtype for column in contract.contracts})


def shifts(resource_id: str, weeks: int = 8) -> list[dict[str, Any]]:
    """One shift of eight hours, 06:00 to 14:00 UTC, Monday to Friday."""
    days = [AS_OF.normalize() + pd.Timedelta(days=d) for d in range(7 * weeks)]
    return [
        {
            "resource_id": resource_id,
            "start_at": day + 6 * HOUR,
            "end_at": day + 14 * HOUR,
            "calendar_kind": "shift",
        }
        for day in days
        if day.day_of_week < 5
    ]


class Plant:
    """Lines L1 and L2; items are made at one unit a minute on L1 (preferred) and on L2."""

    def __init__(self, *, lines: tuple[str, ...] = ("L1", "L2")) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for line in lines:
            self.rows["resource"].append(
                {
                    "resource_id": line,
                    "site_id": "P",
                    "capacity_parallel": 1.0,
                    "overtime_cost_per_hour": 90.0,
                }
            )
            self.rows["resource_calendar"] += shifts(line)
        self.lines = lines

    def item(self, item_id: str, *, routed_on: tuple[str, ...] = ("L1",), **values: Any) -> Plant:
        """Add an item that is made in one operation on the given lines."""
        row = {
            "item_id": item_id,
            "family_id": f"family {item_id}",
            "uom": "EA",
            "supply_type": "make",
            "std_cost": 1.0,
            "lead_time_days": 28.0,
        }
        self.rows["item"].append({**row, **values})
        for preference, line in enumerate(routed_on, start=1):
            self.rows["routing_alternate"].append(
                {
                    "item_id": item_id,
                    "op_no": 10,
                    "resource_id": line,
                    "run_minutes_per_unit": 1.0,
                    "preference": preference,
                }
            )
        return self

    def work(
        self,
        wo_id: str,
        item_id: str,
        hours: float,
        start: pd.Timestamp,
        *,
        line: str = "L1",
        release_at: pd.Timestamp = AS_OF,
    ) -> Plant:
        """Add a work order that is published on a line from ``start`` on."""
        qty = hours * 60
        self.rows["work_order"].append(
            {
                "wo_id": wo_id,
                "item_id": item_id,
                "ordered_qty": qty,
                "release_at": release_at,
                "due_at": start + 30 * 24 * HOUR,
                "status": "planned",
            }
        )
        self.rows["schedule_operation"].append(
            {
                "version_id": "V1",
                "published_at": AS_OF - 24 * HOUR,
                "status": "published",
                "wo_id": wo_id,
                "op_no": 10,
                "split_no": 1,
                "item_id": item_id,
                "planned_qty": qty,
                "resource_id": line,
                "setup_start_at": start,
                "start_at": start,
                "end_at": start + hours * HOUR,
                "is_frozen": False,
            }
        )
        return self

    def order(
        self,
        order_id: str,
        item_id: str,
        qty: float,
        due_at: pd.Timestamp,
        *,
        customer_id: str = "K1",
        per_day: float = 1000.0,
        tier: str = "A",
    ) -> Plant:
        """Add an order line of a customer who charges ``per_day`` for each day late."""
        day = due_at.tz_localize(None).normalize()
        self.rows["sales_order_line"].append(
            {
                "order_id": order_id,
                "line_id": "1",
                "schedule_no": 1,
                "customer_id": customer_id,
                "item_id": item_id,
                "site_id": "P",
                "ordered_at": AS_OF - 240 * HOUR,
                "ordered_qty": qty,
                "uom": "EA",
                "requested_date": day,
                "last_confirmed_date": day,
                "delivered_qty": 0.0,
                "status": "open",
                "net_value": qty * 10,
                "margin_per_unit": 1.0,
                "due_at": due_at,
            }
        )
        if customer_id not in [row["customer_id"] for row in self.rows["customer_terms"]]:
            self.rows["customer_terms"].append(
                {
                    "customer_id": customer_id,
                    "customer_tier": tier,
                    "penalty_type": "per_day",
                    "penalty_amount": per_day,
                }
            )
        return self

    def component(self, item_id: str, parent: str) -> Plant:
        """Add a bought component of which ``parent`` takes one per unit."""
        self.item(item_id, routed_on=(), supply_type="buy")
        self.rows["bom_component"].append(
            {"parent_item_id": parent, "component_item_id": item_id, "qty_per": 1.0}
        )
        return self

    def purchase(self, po_id: str, item_id: str, qty: float, day: str, **values: Any) -> Plant:
        """Add an open, confirmed purchase order line."""
        self.rows["purchase_order_line"].append(
            {
                "po_id": po_id,
                "line_id": "1",
                "supplier_id": "V1",
                "item_id": item_id,
                "ordered_qty": qty,
                "received_qty": 0.0,
                "required_date": pd.Timestamp(day),
                "promised_date": pd.Timestamp(day),
                "status": "open",
                "ordered_at": AS_OF - 240 * HOUR,
                **values,
            }
        )
        return self

    def add(self, name: str, **values: Any) -> Plant:
        """Add a row to any table."""
        self.rows[name].append(values)
        return self

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the canonical tables that have rows."""
        return {name: table(name, rows) for name, rows in self.rows.items() if rows}


def params(**scenario: Any) -> Params:
    """Return parameters with a short search; keywords are parameters of the scenarios."""
    return Params.model_validate(
        {"schedule": {"iterations": 3000}, "scenario": {"overtime_hours_per_week": 8.0, **scenario}}
    )


def context(plant: Plant, **scenario: Any) -> Context:
    """Return what scenarios of the plant are computed from."""
    return Context(plant.tables(), AS_OF, "UTC", params(**scenario))
