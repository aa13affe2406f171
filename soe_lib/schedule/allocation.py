"""
Who gets the scarce components: whole order lines against dated supplies, as a small exact model.

Lines have all the time in the world here; what is decided is from which supply on each order line
can be made. Order lines ship whole, finished stock and surplus serve whoever needs them, and the
purchased components of an item made in one level are taken when a run starts. Solved by
branch and bound in seconds for twenty thousand order lines, since only few of them compete. The
answer says in which order stock is given away and before which supply a lot should not start; with
the shortest run that any lot can have it is a lower bound on the cost of lateness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soe_lib.schedule.formulation import LinearModel
from soe_lib.schedule.netting import made_items, recipe_minutes
from soe_lib.schedule.problem import Clauses, Problem
from soe_lib.schedule.programme import INFINITE, Parts, Programme
from soe_lib.schedule.supply_buckets import supply_buckets

FROM_STOCK = -1.0
"""Served from what is there, in place of an instant."""


@dataclass(frozen=True)
class Allocation:
    """
    From when on each order line can be made.

    Attributes
    ----------
    served_at
        Instant of the supply of components that each order line waits for, 0 for what is there
        today, ``FROM_STOCK`` for finished stock, NaN where no component of it is scarce. [min]
    value, bound
        What the lateness costs, and a proven lower bound of it. [money]
    status
        As ``LinearModel.solve`` returns it.
    """

    served_at: np.ndarray
    value: float
    bound: float
    status: str


def lateness_cost(clauses: Clauses, orders: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Return what it costs that order lines are ``minutes`` late. [money]"""
    days = minutes / 1440.0
    beyond = days - clauses.free_days[orders]
    cost = clauses.flat[orders] + clauses.per_day[orders] * beyond
    cost = cost + clauses.per_week[orders] * np.ceil(np.maximum(beyond, 0.0) / 7.0 - 1e-9)
    cost = np.where(beyond > 1e-9, np.minimum(cost, clauses.cap[orders]), 0.0)
    return cost + np.where(days > clauses.lost_after_days[orders], clauses.lost[orders], 0.0)


def allocate(
    problem: Problem,
    *,
    slack_minutes: float | None,
    gap: float = 0.005,
    max_seconds: float = INFINITE,
) -> Allocation | None:
    """
    Allocate scarce components to order lines.

    Parameters
    ----------
    slack_minutes
        Time that a lot takes beyond its fastest run, waiting and changeover [min]; None: every lot
        takes only the shortest run that there can be, which makes ``bound`` a true lower bound.
    gap
        Relative gap at which to stop.
    max_seconds
        Limit; the status says where it was reached. [s]

    Returns
    -------
    Allocation or None
        None where nothing is scarce or no answer was found.
    """
    model = _model(problem, slack_minutes)
    if model is None:
        return None
    programme, order, at, column = model
    solver = LinearModel(programme)
    status = solver.solve(max_seconds=max_seconds, gap=gap)
    if status not in ("optimal", "feasible"):
        return None
    served = np.full(len(problem.demand_qty), np.nan)
    chosen = solver.x[column] > 0.5
    served[order[chosen]] = at[chosen]
    return Allocation(served, solver.value, solver.bound, status)


def _model(
    problem: Problem, slack_minutes: float | None
) -> tuple[Programme, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the programme, and order line, instant and column of each choice."""
    offset, bucket_at, room = supply_buckets(problem)
    need_item, need_of, per_unit = _needs(problem)
    qty = problem.demand_qty.astype(float)
    wanted = np.bincount(problem.demand_item, qty, minlength=len(problem.item_ids))
    taken = _taken_by_firm(problem)
    most = np.bincount(need_of, per_unit * wanted[need_item], minlength=len(problem.item_ids))
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
    number = np.searchsorted(orders, order)
    one = parts.rows(np.ones(len(orders)), np.ones(len(orders)))
    parts.entries(one[number], choice, np.ones(len(order)))
    _balance(problem, parts, first, slot_item, slot_at, made, order, slot, choice)
    _supplies(
        parts, first, slot_at, made, need_item, need_of, per_unit, offset, bucket_at,
        room - np.repeat(taken, np.diff(offset)),
    )  # fmt: skip
    built = parts.programme()
    whole = np.zeros(len(built.cost), bool)
    whole[choice] = True
    programme = Programme(
        built.cost, built.lower, built.upper, built.matrix, built.row_lower, built.row_upper, whole
    )
    at = np.where(slot >= 0, slot_at[np.maximum(slot, 0)], FROM_STOCK)
    return programme, order, at, choice


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
    clauses = problem.clauses
    assert clauses is not None
    item = problem.demand_item[orders]
    run = np.zeros(len(orders))
    for i in np.unique(item).tolist():
        own = np.flatnonzero(item == i)
        if slack_minutes is None:
            run[own] = recipe_minutes(problem, i, float(problem.item_lot_min[i])).sum()
            continue
        unit = recipe_minutes(problem, i, 1.0).sum() - recipe_minutes(problem, i, 0.0).sum()
        least = np.maximum(problem.demand_qty[orders[own]], problem.item_lot_min[i])
        run[own] = recipe_minutes(problem, i, 0.0).sum() + unit * least + slack_minutes
    count = first[item + 1] - first[item]
    owner = np.repeat(np.arange(len(orders)), count)
    slot = np.repeat(first[item], count) + np.arange(len(owner))
    slot -= np.repeat(np.cumsum(count) - count, count)
    late = slot_at[slot] + run[owner] - problem.demand_due[orders[owner]]
    cost = lateness_cost(clauses, orders[owner], late)
    free = cost <= 1e-9
    last_free = np.full(len(orders), -1)
    np.maximum.at(last_free, owner[free], slot[free])
    keep = ~free | (slot == last_free[owner])
    stock = np.flatnonzero(last_free < 0)
    stock_cost = lateness_cost(clauses, orders[stock], -problem.demand_due[orders[stock]])
    return (
        orders[np.concatenate([stock, owner[keep]])],
        np.concatenate([np.full(len(stock), -1), slot[keep]]),
        np.concatenate([stock_cost, cost[keep]]),
    )


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


def _supplies(
    parts: Parts,
    first: np.ndarray,
    slot_at: np.ndarray,
    made: np.ndarray,
    need_item: np.ndarray,
    need_of: np.ndarray,
    per_unit: np.ndarray,
    offset: np.ndarray,
    bucket_at: np.ndarray,
    room: np.ndarray,
) -> None:
    """No more of a component is taken than there is, at the end of each of its buckets."""
    row_of = np.full(len(bucket_at), -1)
    finite = np.zeros(len(bucket_at), bool)
    for c in np.unique(need_of).tolist():
        finite[offset[c] : offset[c + 1] - 1] = True
    row_of[finite] = parts.rows(np.full(finite.sum(), -INFINITE), np.maximum(room[finite], 0.0))
    for i, c, qty in zip(need_item.tolist(), need_of.tolist(), per_unit.tolist(), strict=True):
        own = np.arange(first[i], first[i + 1])
        begins = np.maximum(bucket_at[offset[c] : offset[c + 1]], 0.0)
        bucket = offset[c] + np.searchsorted(begins, slot_at[own], side="right") - 1
        for b in range(int(offset[c]), int(offset[c + 1]) - 1):
            until = own[bucket <= b]
            parts.entries(np.full(len(until), row_of[b]), made[until], np.full(len(until), qty))
