"""Random small plants as canonical tables: tests of the engine draw from here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from soe_lib.tables import TABLES

AS_OF = pd.Timestamp("2026-01-05", tz="UTC")


def typed_table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a canonical table, all columns typed."""
    contract = TABLES[name]
    given = pd.DataFrame(rows)
    columns: dict[str, pd.Series] = {}
    for column in contract.contracts:
        values = given[column.name] if column.name in given else pd.Series(index=given.index)
        if str(column.dtype).startswith("datetime64"):
            zoned = "UTC" in str(column.dtype)
            columns[column.name] = pd.to_datetime(values, utc=zoned).astype(column.dtype)
        else:
            columns[column.name] = values.astype(column.dtype)
    return pd.DataFrame(columns)


def small_plant(
    seed: int,
    *,
    items: int = 4,
    lines: int = 2,
    orders: int = 10,
    days: int = 10,
    load_pct: int = 90,
) -> dict[str, pd.DataFrame]:
    """
    Return the canonical tables of a plant: made items on alternate lines, scarce bought components.

    Every quantity is drawn from ``seed``; ``load_pct`` of the lines' time is asked for.
    """
    rng = np.random.default_rng(seed)
    made = [f"I{k}" for k in range(items)]
    bought = [f"C{k}" for k in range(max(1, items // 2))]
    resources = [f"L{k}" for k in range(lines)]
    families = [f"F{k}" for k in range(3)]
    family = dict(zip(made, rng.choice(families, items), strict=True))
    rate = {item: float(rng.integers(6, 20)) for item in made}
    tables = {
        "item": [
            {
                "item_id": item,
                "family_id": family[item],
                "uom": "pc",
                "supply_type": "make",
                "lot_min_qty": 5.0,
                "lot_multiple_qty": 5.0,
                "setup_family": family[item],
            }
            for item in made
        ]
        + [
            {
                "item_id": item,
                "family_id": "parts",
                "uom": "pc",
                "supply_type": "buy",
                "lead_time_days": float(rng.integers(2, 6)),
            }
            for item in bought
        ],
        "resource": [
            {
                "resource_id": name,
                "site_id": "P",
                "capacity_parallel": 1.0,
                "current_setup_family": families[k % 3],
                "overtime_cost_per_hour": 50.0,
            }
            for k, name in enumerate(resources)
        ],
        "bom_component": [
            {
                "parent_item_id": item,
                "component_item_id": bought[k % len(bought)],
                "qty_per": float(rng.integers(1, 3)),
            }
            for k, item in enumerate(made)
        ],
        "routing_alternate": [
            {
                "item_id": item,
                "op_no": 10,
                "resource_id": resources[(k + j) % lines],
                "run_minutes_per_unit": 60.0 / (rate[item] * (1.0 - 0.2 * j)),
                "preference": j + 1,
            }
            for k, item in enumerate(made)
            for j in range(1 + int(rng.integers(0, lines)))
        ],
        "resource_calendar": [
            {
                "resource_id": name,
                "start_at": AS_OF + pd.Timedelta(days=day, hours=6),
                "end_at": AS_OF + pd.Timedelta(days=day, hours=20),
                "calendar_kind": "shift",
            }
            for name in resources
            for day in range(4 * days)
            if (AS_OF + pd.Timedelta(days=day)).day_of_week < 5
        ],
        "setup_matrix": [
            {
                "resource_group": "*",
                "from_setup_family": before,
                "to_setup_family": after,
                "setup_minutes": float(rng.integers(2, 9) * 10),
            }
            for before in families
            for after in families
            if before != after
        ],
        "customer_terms": [
            {
                "customer_id": f"W{weight}",
                "customer_tier": tier,
                "penalty_type": "per_day",
                "penalty_amount": float(weight),
            }
            for weight, tier in ((9, "A"), (3, "B"), (1, "C"))
        ],
        "inventory_balance": [
            {
                "item_id": item,
                "location_id": "P",
                "balance_at": AS_OF,
                "on_hand_qty": float(rng.integers(0, 30)),
            }
            for item in [*made, *bought]
        ],
        "sales_order_line": [],
    }
    hours = 14.0 * lines * days * 5 / 7 * load_pct / 100 / orders
    for k in range(orders):
        item = made[int(rng.integers(items))]
        due = AS_OF + pd.Timedelta(days=int(rng.integers(1, days)), hours=12)
        qty = max(5.0, round(hours * rate[item] * float(rng.uniform(0.5, 1.5)) / 5) * 5)
        tables["sales_order_line"].append(
            {
                "order_id": f"O{k:02d}",
                "line_id": "1",
                "customer_id": f"W{rng.choice([9, 3, 1])}",
                "item_id": item,
                "site_id": "P",
                "ordered_at": AS_OF,
                "ordered_qty": qty,
                "uom": "pc",
                "requested_date": due.tz_localize(None).normalize(),
                "delivered_qty": 0.0,
                "status": "open",
                "order_type": "MTO",
                "due_at": due,
                "is_partial_allowed": False,
            }
        )
    return {name: typed_table(name, rows) for name, rows in tables.items()}
