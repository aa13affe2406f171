"""Each open order line under a schedule: lateness, what it costs, who must know."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.money import clauses, late_cost
from soe_lib.params import MoneyParams
from soe_lib.tables import TABLES
from soe_lib.vocabulary import FUNCTIONS

LATE_DAYS = 1e-6


def order_impact(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: MoneyParams
) -> pd.DataFrame:
    """
    Return what a schedule means for each open order line.

    Parameters
    ----------
    promises
        Promises of the schedule (``Schedule.promises``).
    tables
        Canonical tables.
    params
        Price of lateness without a clause.

    Returns
    -------
    pandas.DataFrame
        One row per open (order_id, line_id), worst first: ``customer_id``, ``customer_tier``,
        ``item_id``, ``family_id``, ``open_qty``, ``due_at``, ``promised_at`` (projected),
        ``is_covered``, ``lateness_days`` (signed), ``tardiness_days``, ``late_cost`` [money],
        ``margin_at_risk`` [money], ``value`` [money], ``price_source`` (which clause).
    """
    keys = ["order_id", "line_id"]
    lines = tables.get("sales_order_line", TABLES["sales_order_line"].empty())
    lines = lines.drop_duplicates(keys)
    found = promises.drop(columns=["late_cost"]).merge(
        lines.drop(columns=["item_id", "due_at"]), on=keys, how="left"
    )
    terms = clauses(found, tables, params)
    share = (found["open_qty"] / found["ordered_qty"]).clip(upper=1.0).fillna(1.0)
    tardy = found["lateness_days"].clip(lower=0)
    is_late = tardy > LATE_DAYS
    items = tables["item"].set_index("item_id") if "item" in tables else TABLES["item"].empty()
    tiers = tables.get("customer_terms", TABLES["customer_terms"].empty())
    found = found.assign(
        tardiness_days=tardy,
        late_cost=late_cost(found["lateness_days"], terms, params) * share,
        value=terms["value"] * share,
        margin_at_risk=(terms["margin"] * share).where(is_late, 0.0).clip(lower=0),
        price_source=terms["source"],
        customer_tier=found["customer_id"].map(tiers.set_index("customer_id")["customer_tier"]),
        family_id=found["item_id"].map(items["family_id"]),
        is_late=is_late,
    )
    columns = [
        *keys,
        "customer_id",
        "customer_tier",
        "item_id",
        "family_id",
        "site_id",
        "open_qty",
        "due_at",
        "promised_at",
        "promised_qty",
        "is_covered",
        "is_late",
        "lateness_days",
        "tardiness_days",
        "late_cost",
        "margin_at_risk",
        "value",
        "price_source",
    ]
    ordered = found[columns].sort_values(
        ["late_cost", "tardiness_days", *keys], ascending=[False, False, True, True], kind="stable"
    )
    return ordered.reset_index(drop=True)


def summed_by(orders: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return lines, late lines, lateness and money by a column, costliest first."""
    late = orders[orders["is_late"]]
    found = pd.DataFrame(
        {
            "num_lines": orders.groupby(column).size(),
            "num_late_lines": late.groupby(column).size(),
            "tardiness_days": late.groupby(column)["tardiness_days"].sum(),
            "late_cost": late.groupby(column)["late_cost"].sum(),
            "margin_at_risk": late.groupby(column)["margin_at_risk"].sum(),
        }
    ).fillna(0.0)
    found["num_late_lines"] = found["num_late_lines"].astype(int)
    found["num_lines"] = found["num_lines"].astype(int)
    ordered = found.rename_axis(column).reset_index()
    return ordered.sort_values(
        ["late_cost", "num_late_lines", column], ascending=[False, False, True], kind="stable"
    ).reset_index(drop=True)


QUESTIONS = {
    "operations": "Can the constrained resources run longer, or can work move to another line?",
    "procurement": "Which supplier can pull in, by how many days, at what price?",
    "customer_service": "Which customers must hear a new date today?",
    "logistics": "Which shipments leave without their goods, and what leaves later instead?",
    "finance": "What does waiting cost, and what may intervening cost at most?",
    "demand_planning": "Which deviations from the plan are lasting, and belong to S&OP?",
}
"""The question that each function answers in the meeting."""


def by_function(divergences: pd.DataFrame, orders: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """
    Return for each function the rows that are its own.

    Returns
    -------
    dict
        Function to divergences it owns; customer service and finance get the late order lines.
    """
    late = orders[orders["is_late"]]
    own = {
        function: divergences[divergences["owner_role"] == function].reset_index(drop=True)
        for function in FUNCTIONS
    }
    own["customer_service"] = late.drop(columns=["price_source"]).reset_index(drop=True)
    own["finance"] = late[
        [
            "order_id",
            "line_id",
            "customer_id",
            "value",
            "late_cost",
            "margin_at_risk",
            "price_source",
        ]
    ].reset_index(drop=True)
    return own
