"""The model of who gets scarce components: order lines, supplies and lots as rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soe_lib.schedule.buckets import DAY, clause_cost
from soe_lib.schedule.clock import Clock, build_clock, finish
from soe_lib.schedule.netting import MOST_LOTS, made_items, recipe_minutes
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.programme import INFINITE, Parts, Programme
from soe_lib.schedule.supply_buckets import supply_buckets

FROM_STOCK = -1.0
"""Served from what is there, in place of an instant."""


@dataclass(frozen=True)
class AllocationModel:
    """The model's parts; ``takes`` are bucket, slot and quantity per unit, cumulative."""

    parts: Parts
    order: np.ndarray
    at: np.ndarray
    choice: np.ndarray
    cost: np.ndarray  # what the lateness of each choice costs
    slot_item: np.ndarray
    made: np.ndarray
    wanted: np.ndarray
    takes: tuple[np.ndarray, np.ndarray, np.ndarray]
    room: np.ndarray
    row_of: np.ndarray  # row of each bucket, -1 where there is no limit

    def programme(self, problem: Problem, batched: np.ndarray) -> Programme:
        """Return the programme with lot rules for some items."""
        parts = self.parts.copy()
        batch = _batches(problem, parts, self.slot_item, self.made, self.wanted, batched)
        built = parts.programme()
        whole = np.zeros(len(built.cost), bool)
        whole[self.choice] = True
        whole[batch] = True
        return replace(built, is_integer=whole)


def build_model(problem: Problem, slack_minutes: float | None) -> AllocationModel | None:
    """Return the model without lot rules; None where nothing is scarce."""
    offset, bucket_at, room = supply_buckets(problem)
    if not len(room):
        return None
    need_item, need_of, per_unit = _needs(problem)
    qty = problem.demand_qty.astype(float)
    wanted = np.bincount(problem.demand_item, qty, minlength=len(problem.item_ids))
    taken = _taken_by_firm(problem)
    up = np.maximum(problem.item_lot_min, problem.item_lot_multiple)  # lots hold more than is asked
    asked = np.where(wanted > 0, wanted + up, 0.0)
    most = np.bincount(need_of, per_unit * asked[need_item], minlength=len(problem.item_ids))
    there = np.where(np.diff(offset) > 0, room[np.minimum(offset[:-1], len(room) - 1)], 0.0)
    is_scarce = (np.diff(offset) > 1) & (most + taken > there + 1e-6)
    rows = is_scarce[need_of]
    need_item, need_of, per_unit = need_item[rows], need_of[rows], per_unit[rows]
    orders = np.flatnonzero(np.isin(problem.demand_item, need_item))
    if not len(orders):
        return None
    slot_item, slot_at = _slots(need_item, need_of, offset, bucket_at)
    first = np.searchsorted(slot_item, np.arange(len(problem.item_ids) + 1))
    parts = Parts()
    made = parts.columns(
        np.zeros(len(slot_at)), np.zeros(len(slot_at)), np.full(len(slot_at), INFINITE)
    )
    order, slot, cost = _choices(problem, orders, first, slot_at, slack_minutes)
    choice = parts.columns(cost, np.zeros(len(cost)), np.ones(len(cost)))
    one = parts.rows(np.ones(len(orders)), np.ones(len(orders)))
    parts.entries(one[np.searchsorted(orders, order)], choice, np.ones(len(order)))
    _balance(problem, parts, first, slot_item, slot_at, made, order, slot, choice)
    takes = _takes(first, slot_at, need_item, need_of, per_unit, offset, bucket_at)
    left = room - np.repeat(taken, np.diff(offset))
    row_of = np.full(len(bucket_at), -1)
    finite = np.zeros(len(bucket_at), bool)
    for c in np.unique(need_of).tolist():
        finite[offset[c] : offset[c + 1] - 1] = True
    row_of[finite] = parts.rows(np.full(finite.sum(), -INFINITE), np.maximum(left[finite], 0.0))
    parts.entries(row_of[takes[0]], made[takes[1]], takes[2])
    at = np.where(slot >= 0, slot_at[np.maximum(slot, 0)], FROM_STOCK)
    return AllocationModel(
        parts,
        order,
        at,
        choice,
        cost,
        slot_item,
        made,
        wanted,
        takes,
        np.maximum(left, 0.0),
        row_of,
    )


def overtaking(
    problem: Problem, model: AllocationModel, made: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return by how much lots, rounded up, take more of a component than there is, and whose do.

    The first is by bucket [uom]; the second has one boolean per item.
    """
    item = model.slot_item
    multiple = np.where(problem.item_lot_multiple[item] > 0, problem.item_lot_multiple[item], 1e-9)
    whole = np.ceil(np.maximum(made, problem.item_lot_min[item]) / multiple - 1e-6) * multiple
    up = np.where(made > 1e-6, np.maximum(whole, made), 0.0)
    bucket, slot, per_unit = model.takes
    used = np.bincount(bucket, per_unit * up[slot], minlength=len(model.room))
    over = (model.row_of >= 0) & (used > model.room + 1e-3)
    guilty = over[bucket] & (up[slot] > made[slot] + 1e-6)
    found = np.zeros(len(problem.item_ids), bool)
    found[item[slot[guilty]]] = True
    return np.where(over, used - model.room, 0.0), found


def _needs(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return item, purchased component and quantity per unit, of items made in one level."""
    recipes = problem.recipes
    step = np.searchsorted(recipes.need_offset, np.arange(len(recipes.need_item)), "right") - 1
    maker = np.searchsorted(recipes.offset, step, "right") - 1
    in_house = made_items(problem)[recipes.need_item]
    deep = np.zeros(len(problem.item_ids), bool)
    deep[maker[in_house]] = True
    plain = ~deep[maker] & problem.item_is_made[maker]
    return maker[plain], recipes.need_item[plain], recipes.need_per_unit[plain].astype(float)


def _taken_by_firm(problem: Problem) -> np.ndarray:
    """Return what firm operations that have not started take of each component."""
    waits = np.repeat(~problem.op_fixed, np.diff(problem.need_offset))
    return np.bincount(
        problem.need_item[waits], problem.need_qty[waits], minlength=len(problem.item_ids)
    )


def _slots(
    need_item: np.ndarray, need_of: np.ndarray, offset: np.ndarray, bucket_at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return item and instant of every time at which the supply of a component of it grows."""
    count = np.diff(offset)[need_of]
    owner = np.repeat(need_item, count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    at = np.maximum(bucket_at[np.repeat(offset[need_of], count) + within], 0.0)
    both = np.unique(np.column_stack([owner, at]), axis=0)
    return both[:, 0].astype(np.int64), both[:, 1]


def _choices(
    problem: Problem,
    orders: np.ndarray,
    first: np.ndarray,
    slot_at: np.ndarray,
    slack_minutes: float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return order line, slot (-1 stock) and cost: the last slot in time, and all later ones."""
    item = problem.demand_item[orders]
    count = first[item + 1] - first[item]
    owner = np.repeat(np.arange(len(orders)), count)
    slot = np.repeat(first[item], count) + np.arange(len(owner))
    slot -= np.repeat(np.cumsum(count) - count, count)
    least = problem.item_lot_min[item].astype(float)
    if slack_minutes is not None:
        least = np.maximum(problem.demand_qty[orders] / MOST_LOTS, least)
    clock = build_clock(problem)
    ready = np.zeros(len(owner))
    starts = np.searchsorted(owner, np.arange(len(orders) + 1))
    by_item = np.argsort(item, kind="stable")
    bounds = np.searchsorted(item[by_item], np.arange(len(problem.item_ids) + 1))
    for i in np.unique(item).tolist():
        own = by_item[bounds[i] : bounds[i + 1]]
        rows = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in own])
        ready[rows] = _ready(
            problem, clock, i, slot_at[slot[rows]], least[owner[rows]], slack_minutes or 0.0
        )
    late = ready - problem.demand_due[orders[owner]]
    cost = clause_cost(problem, orders[owner], np.maximum(late, 0.0) / DAY)
    free = cost <= 1e-9
    last_free = np.full(len(orders), -1)
    np.maximum.at(last_free, owner[free], slot[free])
    keep = ~free | (slot == last_free[owner])
    stock = np.flatnonzero(last_free < 0)
    overdue = np.maximum(-problem.demand_due[orders[stock]], 0.0) / DAY
    stock_cost = clause_cost(problem, orders[stock], overdue)
    return (
        orders[np.concatenate([stock, owner[keep]])],
        np.concatenate([np.full(len(stock), -1), slot[keep]]),
        np.concatenate([stock_cost, cost[keep]]),
    )


def _ready(
    problem: Problem, clock: Clock, item: int, at: np.ndarray, qty: np.ndarray, slack: float
) -> np.ndarray:
    """Return when a lot that may start at an instant is ready, on the best of its resources."""
    recipes = problem.recipes
    low, high = int(recipes.offset[item]), int(recipes.offset[item + 1])
    if high - low > 1:  # several operations: their run times alone, whatever the calendars
        unit = recipe_minutes(problem, item, 1.0).sum() - recipe_minutes(problem, item, 0.0).sum()
        return at + recipe_minutes(problem, item, 0.0).sum() + unit * qty + slack
    ready = np.full(len(at), np.inf)
    for a in range(int(recipes.alt_offset[low]), int(recipes.alt_offset[low + 1])):
        minutes = recipes.alt_minutes_per_unit[a] * qty + recipes.alt_minutes_fixed[a] + slack
        ready = np.minimum(ready, finish(clock, int(recipes.alt_resource[a]), at, minutes))
    return ready


def _balance(
    problem: Problem,
    parts: Parts,
    first: np.ndarray,
    slot_item: np.ndarray,
    slot_at: np.ndarray,
    made: np.ndarray,
    order: np.ndarray,
    slot: np.ndarray,
    choice: np.ndarray,
) -> None:
    """Nothing is served before it is made: one row per item and slot, and one for the stock."""
    items = np.unique(slot_item)
    firm = np.bincount(problem.lot_item, problem.lot_qty, minlength=len(problem.item_ids))
    stock = problem.on_hand[items] + firm[items]
    today = parts.rows(np.full(len(items), -INFINITE), stock)
    from_stock = slot < 0
    place = np.searchsorted(items, problem.demand_item[order])
    parts.entries(
        np.where(from_stock, today[place], -1), choice, problem.demand_qty[order].astype(float)
    )
    supplied = np.zeros(len(slot_at))
    for k in np.flatnonzero(np.isin(problem.supply_item, items)).tolist():
        i = int(problem.supply_item[k])
        own = np.arange(first[i], first[i + 1])
        supplied[own[slot_at[own] >= problem.supply_at[k]]] += float(problem.supply_qty[k])
        # a receipt between two slots serves from the earlier one on: optimistic, so still a bound
        before = own[slot_at[own] < problem.supply_at[k]]
        if len(before):
            supplied[before[-1]] += float(problem.supply_qty[k])
    have = (problem.on_hand + firm)[slot_item] + supplied
    rows = parts.rows(np.full(len(slot_at), -INFINITE), have)
    last = first[slot_item + 1]
    count = last - np.arange(len(slot_at))
    source = np.repeat(np.arange(len(slot_at)), count)
    target = source + np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    parts.entries(rows[target], made[source], np.full(len(source), -1.0))
    begin = np.where(from_stock, first[problem.demand_item[order]], np.maximum(slot, 0))
    count = first[problem.demand_item[order] + 1] - begin
    owner = np.repeat(np.arange(len(order)), count)
    target = begin[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    parts.entries(rows[target], choice[owner], problem.demand_qty[order[owner]].astype(float))


def _batches(
    problem: Problem,
    parts: Parts,
    slot_item: np.ndarray,
    made: np.ndarray,
    wanted: np.ndarray,
    batched: np.ndarray,
) -> np.ndarray:
    """Make nothing or at least a lot minimum, in whole multiples; return the integer columns."""
    multiple, least = problem.item_lot_multiple[slot_item], problem.item_lot_min[slot_item]
    most = wanted[slot_item] + np.maximum(least, multiple)
    slots = np.flatnonzero(batched[slot_item] & (multiple > 0))
    count = parts.columns(
        np.zeros(len(slots)), np.zeros(len(slots)), np.ceil(most[slots] / multiple[slots])
    )
    rows = parts.rows(np.zeros(len(slots)), np.zeros(len(slots)))
    parts.entries(rows, made[slots], np.ones(len(slots)))
    parts.entries(rows, count, -multiple[slots])
    slots = np.flatnonzero(batched[slot_item] & (least > multiple))
    any_made = parts.columns(np.zeros(len(slots)), np.zeros(len(slots)), np.ones(len(slots)))
    rows = parts.rows(np.zeros(len(slots)), np.full(len(slots), INFINITE))
    parts.entries(rows, made[slots], np.ones(len(slots)))
    parts.entries(rows, any_made, -least[slots])
    rows = parts.rows(np.full(len(slots), -INFINITE), np.zeros(len(slots)))
    parts.entries(rows, made[slots], np.ones(len(slots)))
    parts.entries(rows, any_made, -most[slots])
    return np.concatenate([count, any_made])


def _takes(
    first: np.ndarray,
    slot_at: np.ndarray,
    need_item: np.ndarray,
    need_of: np.ndarray,
    per_unit: np.ndarray,
    offset: np.ndarray,
    bucket_at: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bucket, slot and quantity: what is made in a slot counts in all later buckets."""
    buckets, slots, amounts = [], [], []
    for i, c, qty in zip(need_item.tolist(), need_of.tolist(), per_unit.tolist(), strict=True):
        own = np.arange(first[i], first[i + 1])
        begins = np.maximum(bucket_at[offset[c] : offset[c + 1]], 0.0)
        bucket = offset[c] + np.searchsorted(begins, slot_at[own], side="right") - 1
        for b in range(int(offset[c]), int(offset[c + 1]) - 1):
            until = own[bucket <= b]
            buckets.append(np.full(len(until), b))
            slots.append(until)
            amounts.append(np.full(len(until), qty))
    return np.concatenate(buckets), np.concatenate(slots), np.concatenate(amounts)
