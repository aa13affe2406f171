"""What the feed switches on and off: a feature is on when its own tables are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.snapshot import Snapshot


@dataclass(frozen=True)
class Feature:
    """
    A feature, the step and feed level it belongs to, and what it cannot do without.

    ``needs`` names tables with at least one row, or columns (``table.column``) with at least one
    value.
    """

    name: str
    step: str
    level: str
    needs: tuple[str, ...]


_ORDERS = "sales_order_line"
_SCHEDULE = "schedule_operation"

FEATURES: tuple[Feature, ...] = (
    Feature("demand against the S&OP plan", "divergence", "L0", (_ORDERS, "sop_plan")),
    Feature("OTIF and fill rates", "monitoring", "L0", (_ORDERS, "delivery_event")),
    Feature("backlog", "monitoring", "L0", (_ORDERS,)),
    Feature("days of supply and turns", "monitoring", "L0", ("inventory_balance", _ORDERS)),
    Feature("S&OP targets by SKU and week", "divergence", "L0", ("sop_plan", "family_mix")),
    Feature("resource load", "divergence", "L1", (_SCHEDULE, "resource", "resource_calendar")),
    Feature(
        "orders in jeopardy (right-shift)",
        "impact",
        "L1",
        (_SCHEDULE, "resource", "resource_calendar", _ORDERS),
    ),
    Feature("time fences by policy", "what-if", "L1", (_SCHEDULE, "fence_policy")),
    Feature("late work orders", "divergence", "L1", ("work_order",)),
    Feature(
        "material shortages", "divergence", "L2", ("bom_component", "inventory_balance", "item")
    ),
    Feature(
        "stock below safety", "divergence", "L2", ("inventory_balance", "item.safety_stock_qty")
    ),
    Feature("supplier divergence", "divergence", "L2", ("purchase_order_line",)),
    Feature(
        "supplier confirmations",
        "divergence",
        "L2",
        ("purchase_order_line", "supplier_confirmation_event"),
    ),
    Feature(
        "what-if schedules",
        "what-if",
        "L3",
        ("routing_alternate", "resource", "resource_calendar", "work_order"),
    ),
    Feature("sequence-dependent changeovers", "what-if", "L3", ("setup_matrix",)),
    Feature("tooling as a constraint", "what-if", "L3", ("tooling",)),
    Feature("shop-floor progress", "divergence", "L4", ("work_order_progress_event",)),
    Feature("downtime", "divergence", "L4", ("downtime_event",)),
    Feature("scrap", "divergence", "L4", ("scrap_event",)),
    Feature("labour", "divergence", "L4", ("labour_availability",)),
    Feature("run rates", "divergence", "L4", ("run_rate",)),
    Feature("schedule adherence", "monitoring", "L4", (_SCHEDULE, "work_order_progress_event")),
    Feature("penalties", "impact", "L5", (_ORDERS, "customer_terms.penalty_amount")),
    Feature("costs of intervening", "what-if", "L5", ("cost_rate",)),
    Feature("order changes", "divergence", "L5", ("order_change_event",)),
    Feature("ship capacity", "divergence", "L5", ("ship_capacity", "lane_lead_time")),
    Feature("shipments", "divergence", "L5", ("shipment",)),
)

LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")


def feature_table(tables: Snapshot | Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """
    Say which features the tables at hand switch on.

    Parameters
    ----------
    tables
        A snapshot, or canonical tables by name; a table without rows counts as absent.

    Returns
    -------
    pandas.DataFrame
        One row per feature: ``feature``, ``step``, ``level``, ``is_on``, ``needs``, ``missing``
        (names, comma separated) and ``sentence``.
    """
    present = _present(tables)
    rows = []
    for feature in FEATURES:
        missing = [name for name in feature.needs if name not in present]
        sentence = (
            f"{feature.name}: on"
            if not missing
            else f"{feature.name}: off, the feed has no {' and no '.join(missing)}"
        )
        rows.append(
            {
                "feature": feature.name,
                "step": feature.step,
                "level": feature.level,
                "is_on": not missing,
                "needs": ", ".join(feature.needs),
                "missing": ", ".join(missing),
                "sentence": sentence,
            }
        )
    return pd.DataFrame(rows)


def headline(tables: Snapshot | Mapping[str, pd.DataFrame]) -> str:
    """Return the feed level in words, e.g. ``L0, plus scrap``: the level is only the headline."""
    features = feature_table(tables)
    reached = ""
    for level in LEVELS:
        if not features.loc[features["level"] == level, "is_on"].all():
            break
        reached = level
    above = features[(features["level"] > reached) & features["is_on"]]["feature"].tolist()
    name = reached or "below L0"
    return f"{name}, plus {', '.join(above)}" if above else name


def _present(tables: Snapshot | Mapping[str, pd.DataFrame]) -> set[str]:
    """Names of tables with rows, and of their columns with values."""
    if isinstance(tables, Snapshot):
        filled = {name: tables.filled(name) for name in tables.manifest["tables"]}
    else:
        filled = {name: tuple(rows.columns[rows.notna().any()]) for name, rows in tables.items()}
    found = {name for name, columns in filled.items() if columns}
    return found | {f"{name}.{column}" for name, columns in filled.items() for column in columns}
