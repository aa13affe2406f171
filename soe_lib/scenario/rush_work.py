"""The work that an order which is put in needs, and what such an order usually brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.levers import RushOrder
from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.result import Start
from soe_lib.schedule import Problem
from soe_lib.schedule.netting import rounded

MOST_LEVELS = 12
TINY = 1e-6


def planned(lever: RushOrder, start: Start) -> RushOrder:
    """
    Return the order with the work that must be made for it.

    Through every level of the bills of material: what it lacks beyond stock, receipts and open
    work that nobody else needs, at least a lot minimum, in whole multiples, cut at the maximum.

    Raises
    ------
    ValueError
        When it is wanted before the snapshot or beyond the horizon, or the feed has no such item.
    """
    context = start.context
    day = lever.wanted_date.tz_localize(context.site_time_zone) + pd.Timedelta(days=1)
    if not context.as_of < day <= context.horizon_end_at:
        last = context.horizon_end_at.tz_convert(context.site_time_zone)
        raise ValueError(f"the order must be wanted between today and {last:%d %b %Y}")
    before = _balance(start.problem)
    wanted = replace(lever, lots=())
    if start.problem.is_planning:  # the engine makes lots for whatever is open
        return wanted
    for _ in range(MOST_LEVELS):
        problem = problem_with(context, [wanted])
        own = _balance(problem)
        lacking = _lacking(own, before, problem)
        if not lacking:
            break
        lots = [lot for item, qty in lacking for lot in _lots(problem, item, qty)]
        wanted = replace(wanted, lots=(*wanted.lots, *lots))
    return wanted


def _balance(problem: Problem) -> dict[str, float]:
    """What is left of each item when everything known has come and everyone has taken theirs."""
    left = problem.on_hand.astype(float).copy()
    np.add.at(left, problem.supply_item, problem.supply_qty)
    np.add.at(left, problem.lot_item, problem.lot_qty)
    np.subtract.at(left, problem.demand_item, problem.demand_qty)
    np.subtract.at(left, problem.need_item, problem.need_qty)
    return dict(zip(problem.item_ids, left.tolist(), strict=True))


def _lacking(
    own: dict[str, float], before: dict[str, float], problem: Problem
) -> list[tuple[str, float]]:
    """Items made in house of which more is missing than was missing without the order."""
    has_routing = np.diff(problem.recipes.offset) > 0
    made = dict(zip(problem.item_ids, has_routing.tolist(), strict=True))
    found = []
    for item, left in own.items():
        allowed = min(before.get(item, 0.0), 0.0)
        if made[item] and left < allowed - TINY:
            found.append((item, allowed - left))
    return found


def _lots(problem: Problem, item: str, qty: float) -> list[tuple[str, float]]:
    place = problem.item_ids.index(item)
    most = float(problem.item_lot_max[place])
    parts = []
    while qty > TINY:
        part = rounded(problem, place, min(qty, most))
        parts.append((item, part))
        qty -= part
    return parts


def usual_price(tables: Mapping[str, pd.DataFrame], item_id: str) -> tuple[float, float]:
    """Return price and margin of a unit in the item's newest order line; 0 = none. [money/uom]"""
    lines = table_or_empty(tables, "sales_order_line")
    own = lines[lines["item_id"] == item_id].sort_values("ordered_at", kind="stable")
    price = own["net_price"].fillna(own["net_value"] / own["ordered_qty"]).dropna()
    margin = own["margin_per_unit"].dropna()
    return (
        float(price.iloc[-1]) if len(price) else 0.0,
        float(margin.iloc[-1]) if len(margin) else 0.0,
    )
