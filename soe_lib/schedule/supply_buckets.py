"""Buckets of purchased components: the times between two supplies, and what a lack costs there."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import Clock
from soe_lib.schedule.netting import Jobs, made_items
from soe_lib.schedule.problem import NEVER, Problem


def supply_buckets(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return for each purchased item when its cumulative supply grows: offset, begin, supply.

    The last bucket of an item begins at its lead time: from then on there is as much as anybody
    orders today.
    """
    bought = ~made_items(problem)
    offset, at, room = [0], [], []
    arrival = problem.supply_arrival
    order = np.lexsort((arrival, problem.supply_item))
    first = np.searchsorted(problem.supply_item[order], np.arange(len(problem.item_ids) + 1))
    for item in range(len(problem.item_ids)):
        if bought[item]:
            lead = max(float(problem.item_lead_minutes[item]), 0.0)
            total = float(problem.on_hand[item])
            begin = [-1.0]
            have = [total]
            for k in order[first[item] : first[item + 1]]:
                when = float(arrival[k])
                total += float(problem.supply_qty[k])
                if when >= lead:
                    continue
                if begin[-1] == when:
                    have[-1] = total
                else:
                    begin.append(when)
                    have.append(total)
            at += [*begin, lead]
            room += [*have, NEVER]
        offset.append(len(at))
    return np.array(offset, np.int64), np.array(at, float), np.array(room, float)


def bucket_minutes(clock: Clock, at: np.ndarray) -> np.ndarray:
    """Return for each resource the minutes worked before each bucket begins."""
    found = np.zeros((len(clock.offset) - 1, len(at)))
    for r in range(len(clock.offset) - 1):
        spans = clock.spans[clock.offset[r] : clock.offset[r + 1]]
        if len(spans):
            k = np.clip(np.searchsorted(spans[:, 0], at, side="right") - 1, 0, None)
            into = np.clip(at - spans[k, 0], 0.0, spans[k, 1] - spans[k, 0])
            found[r] = spans[k, 2] + into
    return found


def bucket_prices(problem: Problem, jobs: Jobs, buckets: tuple) -> np.ndarray:
    """
    Return the price of one unit short over the length of each bucket.

    What is missing must wait until the next supply; a unit's wait is priced like the delay of the
    order lines that could have used it: their mean cost per day and unit of component.
    """
    offset, at, _ = buckets
    cost = np.maximum(problem.demand_weight, 0.0)
    rate = np.zeros(len(problem.item_ids))
    total = np.zeros(len(problem.item_ids))
    np.add.at(rate, problem.demand_item, cost)
    np.add.at(total, problem.demand_item, problem.demand_qty)
    per_unit = rate / np.maximum(total, 1e-9)
    typical = float(cost.sum() / max(problem.demand_qty.sum(), 1e-9))
    recipes = problem.recipes
    step = np.searchsorted(recipes.need_offset, np.arange(len(recipes.need_item)), "right") - 1
    maker = np.searchsorted(recipes.offset, step, "right") - 1
    weight = np.zeros(len(problem.item_ids))
    share = np.zeros(len(problem.item_ids))
    np.add.at(weight, recipes.need_item, per_unit[maker] * np.maximum(total[maker], 1e-9))
    np.add.at(share, recipes.need_item, recipes.need_per_unit * np.maximum(total[maker], 1e-9))
    price = np.where(share > 1e-9, weight / np.maximum(share, 1e-9), typical)
    price = np.maximum(price, 0.05 * typical + 1e-9)
    length = np.zeros(len(at))
    length[:-1] = np.maximum(np.diff(at), 0.0) / 1440.0
    item = np.repeat(np.arange(len(problem.item_ids)), np.diff(offset))
    return price[item] * np.clip(length, 0.25, None)
