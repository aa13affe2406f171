"""
Was the plan ever feasible? The shortfall split into who can have caused it.

Four blocks: demand that changed, supply that slipped, execution (production and shipping; what is
overdue and was not late in the plan counts here), and what was infeasible at birth:
late already in the plan, or planned at standard rates that were known to be too fast. The shares
are those of :mod:`soe_lib.impact.attribution`, so that blocks sum to the lateness exactly.
"""

from __future__ import annotations

import pandas as pd

BLOCK_OF = {
    "order_new": "demand change",
    "order_grew": "demand change",
    "order_pulled_in": "demand change",
    "supplier_late": "supply",
    "supplier_short": "supply",
    "stock_blocked": "supply",
    "stop": "execution",
    "scrap": "execution",
    "absence": "execution",
    "work_order_delay": "execution",
    "truck_missed": "execution",
    "not_shipped": "execution",
    "overdue": "execution",
    "optimistic_rate": "infeasible at birth",
    "late_in_plan": "infeasible at birth",
    "no_supply_planned": "infeasible at birth",
    "published_start": "infeasible at birth",
}
"""Kinds of cause and the block that each belongs to."""
BLOCKS = ("demand change", "supply", "execution", "infeasible at birth")
BLOCK_COLUMNS = {
    "block": "str",
    "num_lines": "int64",
    "late_days": "float64",
    "share_pct": "float64",
    "late_cost": "float64",
}


def shortfall_split(causes: pd.DataFrame) -> pd.DataFrame:
    """
    Split the lateness of all late order lines into four blocks.

    Parameters
    ----------
    causes
        Rows of :func:`soe_lib.impact.attribution.attribute`.

    Returns
    -------
    pandas.DataFrame
        One row per block, in the order of ``BLOCKS``: ``num_lines`` that it makes later,
        ``late_days`` of all lines, ``share_pct`` of the lateness, ``late_cost`` [money].
    """
    rows = causes.assign(block=causes["kind"].map(BLOCK_OF), days=causes["late_minutes"] / 1440)
    per_line = rows.groupby(["block", "order_id", "line_id"])["days"].sum().reset_index()
    lines = per_line[per_line["days"] > 1e-6].groupby("block").size()
    sums = rows.groupby("block")[["days", "late_cost"]].sum()
    total = float(sums["days"].sum())
    found = pd.DataFrame(
        {
            "block": list(BLOCKS),
            "num_lines": lines.reindex(BLOCKS).fillna(0).to_numpy(),
            "late_days": sums["days"].reindex(BLOCKS).fillna(0.0).to_numpy(),
            "late_cost": sums["late_cost"].reindex(BLOCKS).fillna(0.0).to_numpy(),
        }
    )
    found["share_pct"] = 100 * found["late_days"] / total if total > 0 else 0.0
    return found[list(BLOCK_COLUMNS)].astype(BLOCK_COLUMNS)
