"""
Money of a scenario, every term recomputed from its result tables, never read from the solver.

The sum of :data:`TERMS` is the total cost of a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.money import holding_cost, site_rates
from soe_lib.params import MoneyParams
from soe_lib.scenario.difference import DECIDED_CHANGES, OPERATION_KEY
from soe_lib.scenario.published import table_or_empty

TERMS = (
    "late_cost",
    "lost_margin",
    "overtime_cost",
    "expedite_cost",
    "changeover_cost",
    "holding_cost",
    "change_cost",
    "put_in_margin",
)
"""Money terms of a scenario; their sum is its total cost."""

TERM_WORDS = {
    "late_cost": "lateness",
    "lost_margin": "lost margin",
    "overtime_cost": "overtime",
    "expedite_cost": "expedites, freight, subcontracting",
    "changeover_cost": "changeovers",
    "holding_cost": "holding",
    "change_cost": "unrest",
    "put_in_margin": "margin of an order put in",
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


@dataclass(frozen=True)
class Prices:
    """
    Prices of a snapshot: the feed's own rates where it has any, else the parameters.

    Attributes
    ----------
    money
        Parameters with the feed's rates of holding and of lost sales.
    matrix
        (resource, group or '*', family before, family after) to working minutes and cost beside.
    group
        Resource group of each resource.
    hourly
        Price of an hour of changeover on each resource. [money/h]
    """

    money: MoneyParams
    matrix: Mapping[tuple[str, str, str], tuple[float, float]]
    group: Mapping[str, str]
    hourly: Mapping[str, float]


def prices_of(tables: Tables, money: MoneyParams) -> Prices:
    """Read the prices of a snapshot; ``money`` stands in where the feed has none."""
    rates = table_or_empty(tables, "cost_rate")
    resources = table_or_empty(tables, "resource")
    setups = table_or_empty(tables, "setup_matrix")
    columns = ["resource_group", "from_setup_family", "to_setup_family", "setup_minutes"]
    rows = setups[columns].assign(setup_cost=setups["setup_cost"].fillna(0.0))
    names = resources["resource_id"].tolist()
    own = site_rates(rates, names, money)
    return Prices(
        own.money,
        {
            (group, before, after): (minutes, cost)
            for group, before, after, minutes, cost in rows.itertuples(index=False, name=None)
        },
        dict(zip(names, resources["resource_group"].fillna("").tolist(), strict=True)),
        own.changeover,
    )


def changeovers(operations: pd.DataFrame, prices: Prices) -> pd.DataFrame:
    """
    Return the changeovers of a schedule with their working time and price.

    Hours are those of the changeover matrix (pauses over closed time are not paid), the elapsed
    ones where the matrix has no row; the matrix's own cost of a changeover is added.

    Returns
    -------
    pandas.DataFrame
        One row per changeover: operation key, ``resource_id``, ``setup_hours`` [h], ``cost``
        [money].
    """
    begins = operations["setup_start_at"] < operations["start_at"]
    jobs = operations[begins & (operations["setup_from"] != operations["setup_to"])]
    columns = ["resource_id", "setup_from", "setup_to"]
    known = {
        key: next(
            (
                prices.matrix[name, *key[1:]]
                for name in (key[0], prices.group.get(key[0], ""), "*")
                if (name, *key[1:]) in prices.matrix
            ),
            None,
        )
        for key in set(zip(*(jobs[name].tolist() for name in columns), strict=True))
    }
    keys = zip(*(jobs[name].tolist() for name in columns), strict=True)
    needed = [
        (minutes, 0.0) if (row := known[key]) is None else row
        for key, minutes in zip(keys, jobs["setup_minutes"].tolist(), strict=True)
    ]
    hours = pd.Series([minutes for minutes, _ in needed], index=jobs.index, dtype=float) / 60
    extra = pd.Series([cost for _, cost in needed], index=jobs.index, dtype=float)
    hourly = jobs["resource_id"].map(prices.hourly).astype(float)
    found = jobs.assign(setup_hours=hours, cost=extra + hours * hourly)
    columns = [*OPERATION_KEY, "resource_id", "setup_hours", "cost"]
    return found[columns].reset_index(drop=True)


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
