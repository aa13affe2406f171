"""
Money of a scenario, every term recomputed from its result tables, never read from the solver.

The sum of :data:`TERMS` is the total cost of a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.money import holding_cost, rate
from soe_lib.params import MoneyParams
from soe_lib.scenario.context import OPERATION_KEY
from soe_lib.scenario.difference import DECIDED_CHANGES
from soe_lib.scenario.published import table_or_empty

TERMS = (
    "late_cost",
    "lost_margin",
    "overtime_cost",
    "expedite_cost",
    "changeover_cost",
    "holding_cost",
    "change_cost",
)
"""Money terms of a scenario; their sum is its total cost."""

TERM_WORDS = {
    "late_cost": "lateness",
    "lost_margin": "lost margin",
    "overtime_cost": "overtime",
    "expedite_cost": "expedites",
    "changeover_cost": "changeovers",
    "holding_cost": "holding",
    "change_cost": "unrest",
    "total_cost": "total",
}
"""Terms as people say them."""

Tables = Mapping[str, pd.DataFrame]


def lost_margin(orders: pd.DataFrame, money: MoneyParams) -> float:
    """
    Return the margin of what nothing in the horizon covers. [money]

    Parameters
    ----------
    orders
        Rows of ``order_impact``: the uncovered share of a late line loses its margin at
        ``lost_sale_pct``.
    """
    open_qty = orders["open_qty"].where(orders["open_qty"] > 0)
    share = (1 - orders["promised_qty"].fillna(0) / open_qty).clip(lower=0).fillna(0)
    margin = orders["margin_at_risk"] * share.where(~orders["is_covered"].astype(bool), 0.0)
    return float(margin.sum() * money.lost_sale_pct / 100)


def changeovers(operations: pd.DataFrame, tables: Tables, money: MoneyParams) -> pd.DataFrame:
    """
    Return the changeovers of a schedule with their working time and price.

    Hours are those of the changeover matrix (pauses over closed time are not paid); the matrix's
    own cost of a changeover is added where the feed has one.

    Returns
    -------
    pandas.DataFrame
        One row per changeover: operation key, ``resource_id``, ``setup_hours`` [h], ``cost``
        [money].
    """
    columns = [*OPERATION_KEY, "resource_id", "setup_hours", "cost"]
    begins = operations["setup_start_at"] < operations["start_at"]
    jobs = operations[begins & (operations["setup_from"] != operations["setup_to"])]
    matrix = table_or_empty(tables, "setup_matrix")
    if matrix.empty or jobs.empty:
        found = jobs.assign(setup_hours=jobs["setup_minutes"] / 60)
        found["cost"] = found["setup_hours"] * _hourly(found["resource_id"], tables, money)
        return found[columns].reset_index(drop=True)
    group = table_or_empty(tables, "resource").set_index("resource_id")["resource_group"]
    keys = ["from_setup_family", "to_setup_family"]
    prices = matrix[["resource_group", *keys, "setup_minutes", "setup_cost"]]
    found = jobs[[*OPERATION_KEY, "resource_id"]].assign(
        from_setup_family=jobs["setup_from"],
        to_setup_family=jobs["setup_to"],
        minutes=np.nan,
        cost=0.0,
    )
    shared = found["resource_id"].map(group)
    for name in (found["resource_id"], shared, pd.Series("*", index=found.index)):
        wanted = found[keys].assign(resource_group=name)
        own = wanted.merge(prices, on=["resource_group", *keys], how="left")
        own.index = found.index
        fits = found["minutes"].isna() & own["setup_minutes"].notna()
        found["minutes"] = found["minutes"].where(~fits, own["setup_minutes"])
        found["cost"] = found["cost"].where(~fits, own["setup_cost"].fillna(0.0))
    hours = found["minutes"].fillna(jobs["setup_minutes"]) / 60
    return found.assign(
        setup_hours=hours.astype(float),
        cost=(found["cost"] + hours * _hourly(found["resource_id"], tables, money)).astype(float),
    )[columns].reset_index(drop=True)


def _hourly(resources: pd.Series, tables: Tables, money: MoneyParams) -> pd.Series:
    """Price of an hour of changeover on each resource: the feed's rate, else the parameter."""
    rates = table_or_empty(tables, "cost_rate")
    default = money.changeover_cost_per_hour
    known = {name: rate(rates, "changeover_hour", name, default)[0] for name in set(resources)}
    return resources.map(known).astype(float)


def with_rates(tables: Tables, money: MoneyParams) -> MoneyParams:
    """Return the prices with the feed's own rates of holding and lost sales where it has any."""
    rates = table_or_empty(tables, "cost_rate")
    return money.model_copy(
        update={
            "holding_pct_per_year": rate(rates, "holding_pct", "*", money.holding_pct_per_year)[0],
            "lost_sale_pct": rate(rates, "lost_sale_pct", "*", money.lost_sale_pct)[0],
        }
    )


def change_costs(moves: pd.DataFrame, money: MoneyParams) -> pd.Series:
    """Return the price of each move by its fence zone; a mere shift is not decided and free."""
    price = {
        "frozen": money.change_cost_frozen,
        "slushy": money.change_cost_slushy,
        "liquid": money.change_cost_liquid,
    }
    by_zone = moves["zone"].map(price).astype(float)
    return by_zone.where(moves["change"].isin(DECIDED_CHANGES), 0.0)


def held_lots(
    pegging: pd.DataFrame, promises: pd.DataFrame, tables: Tables, money: MoneyParams
) -> float:
    """Return the cost of lots that wait from their end until their order is due. [money]"""
    lots = pegging[pegging["supply_type"] == "lot"]
    key = ["order_id", "line_id"]
    joined = lots.merge(promises[[*key, "item_id", "due_at"]], on=key, how="left")
    cost = table_or_empty(tables, "item").set_index("item_id")["std_cost"]
    value = joined["qty"] * joined["item_id"].map(cost).astype(float).fillna(0.0)
    days = (joined["due_at"] - joined["available_at"]).dt.total_seconds() / 86_400
    return float(holding_cost(value, days.clip(lower=0).fillna(0.0), money).sum())
