"""Customers and their clauses, lanes, cost rates and time fences of the demo plant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.twin.structure import (
    LANE_DAYS,
    LANES,
    NUM_CUSTOMERS,
    RESOURCES,
    SITES,
    kind_of,
)


def customers_table(rng: np.random.Generator) -> pd.DataFrame:
    """Return customers with the penalty clause of each type, the largest first."""
    clause = {
        "none": (np.nan, np.nan, np.nan),
        "flat": (400.0, 0.0, np.nan),
        "per_day": (150.0, 1.0, 2000.0),
        "step": (300.0, 0.0, 1800.0),
        "pct_value": (4.0, 0.0, 2500.0),
        "pct_cogs": (3.0, 0.0, np.nan),
    }
    kinds = list(clause)
    rows = []
    for number in range(NUM_CUSTOMERS):
        tier = "A" if number < 8 else "B" if number < 22 else "C" if number < 45 else "D"
        kind = kinds[number % 6] if number < 45 else "none"
        amount, free, cap = clause[kind]
        rows.append(
            {
                "customer_id": f"C{1000 + number}",
                "customer_tier": tier,
                "description": f"Customer {number + 1:02d}",
                "region": LANES[number % len(LANES)],
                "otif_basis": "first_confirmed",
                "late_days": 0.0,
                "under_pct": 0.0 if tier in "AB" else 2.0,
                "penalty_type": kind,
                "penalty_amount": amount,
                "penalty_threshold_days": free,
                "penalty_cap": cap,
                "penalty_window": "line" if kind != "none" else "",
                "notice_days": 5.0,
                "is_lost_sale": bool(rng.random() < 0.15),
                "is_partial_allowed": tier != "A",
                "size": float(
                    {"A": 6.0, "B": 3.0, "C": 1.2, "D": 0.5}[tier] * rng.uniform(0.7, 1.3)
                ),
                "order_days": int(rng.integers(0, 5)),
            }
        )
    return pd.DataFrame(rows)


def lanes_table() -> pd.DataFrame:
    """Return lanes from each site to each region, by truck and by express."""
    rows = []
    for site in SITES:
        for lane in LANES:
            days = float(LANE_DAYS[site][lane])
            name = f"{site[0]}-{lane}"
            rows.append((name, site, lane, "truck", days, days + 1, 26.0 + 6 * days, "express"))
            rows.append((name, site, lane, "express", 1.0, 1.0, 95.0 + 10 * days, ""))
    return pd.DataFrame(
        rows,
        columns=[
            "lane_id",
            "origin_site_id",
            "destination_id",
            "mode",
            "transit_p50_days",
            "transit_p90_days",
            "cost_per_pallet",
            "expedite_mode",
        ],
    )


def costs_table() -> pd.DataFrame:
    """Return cost rates."""
    rows: list[tuple[str, str, str, float, str]] = [
        ("holding_pct", "*", "", 12.0, "pct_per_year"),
        ("expedite_freight", "*", "express", 95.0, "pallet"),
        ("subcontract", "*", "", 2.6, "unit"),
        ("scrap_unit", "*", "", 0.15, "unit"),
        ("lost_sale_pct", "*", "", 100.0, "pct_of_margin"),
    ]
    for name in RESOURCES:
        overtime = {"mixing": 60.0, "filling": 145.0, "packing": 85.0}[kind_of(name)]
        rows.append(("overtime_hour", name, "", overtime, "hour"))
        rows.append(("changeover_hour", name, "", 90.0, "hour"))
    return pd.DataFrame(
        rows, columns=["cost_type", "object_id", "mode", "cost_amount", "cost_unit"]
    )


def fences_table() -> pd.DataFrame:
    """Return time fences: by site, and tighter on the bottleneck."""
    rows = [
        ("site", site, 3.0, 7.0, "sequence within the day", 10.0, "S&OE lead") for site in SITES
    ]
    rows.append(("resource", "FIL-S1", 2.0, 5.0, "sequence and line", 15.0, "plant manager"))
    return pd.DataFrame(
        rows,
        columns=[
            "scope_type",
            "scope_id",
            "frozen_days",
            "slushy_days",
            "allowed_change",
            "change_limit_pct",
            "approver_role",
        ],
    )
