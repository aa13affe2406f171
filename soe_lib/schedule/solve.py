"""Sequences: right-shift of the published schedule, dispatch by rule, local search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from soe_lib.params import DispatchRule, ScheduleParams
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.schedule import Schedule, as_schedule
from soe_lib.schedule.timing import decode, supply_room
from soe_lib.schedule.urgency import operation_due


def right_shift(problem: Problem) -> Schedule:
    """
    Replay the published schedule from the actual state, without any repair.

    Every operation keeps its resource, its place in the sequence and never starts before its
    published start; what is late pushes what comes after it. This is "do nothing".
    """
    planned = np.where(problem.op_start < NEVER / 2, problem.op_start, NEVER / 2)
    due = operation_due(problem)
    order = np.lexsort((np.arange(len(due)), due, planned, ~problem.op_fixed))
    sequence = _lot_order(problem, order)
    not_before = np.where(problem.op_start < NEVER / 2, problem.op_start, 0.0)
    return as_schedule(
        problem, sequence, published_choice(problem), not_before, {"method": "right-shift"}
    )


def dispatch(problem: Problem, rule: DispatchRule = "edd") -> Schedule:
    """
    Schedule by a priority rule: due dates (edd), weight over time (wspt), apparent tardiness
    cost (atc) or critical ratio (cr); each operation on its preferred resource, frozen work first.
    """
    sequence = dispatch_sequence(problem, rule)
    chosen = preferred_choice(problem)
    how = {"method": f"dispatch {rule}"}
    return as_schedule(problem, sequence, chosen, _frozen_start(problem), how)


def solve(problem: Problem, params: ScheduleParams, *, may_reroute: bool = True) -> Schedule:
    """
    Improve a schedule by local search on sequence and assignment.

    Parameters
    ----------
    problem
        The problem.
    params
        ``seed`` and ``iterations`` decide the result.
    may_reroute
        Whether operations outside the frozen zone may move to an alternate resource.

    Returns
    -------
    Schedule
        Never worse, in the cost of delay and changeovers, than the sequence that it starts from:
        the published one, else dispatch by ``dispatch_rule``. Every move pays for its unrest.
    """
    n = problem.num_operations
    sequence, chosen = _start(problem, params.dispatch_rule)
    accepted = 0
    cost = before = 0.0
    if n > 1:
        iterations = int(min(params.iterations, max(200, 20_000_000 // n)))
        sequence, chosen, before, cost, accepted = _search(
            problem, sequence, chosen, iterations, params.seed, may_reroute
        )
    how: dict[str, Any] = {
        "method": "local search",
        "seed": params.seed,
        "accepted_moves": accepted,
        "search_cost_before": before,
        "search_cost_after": cost,
    }
    return as_schedule(problem, sequence, chosen, _frozen_start(problem), how)


def _start(problem: Problem, rule: DispatchRule) -> tuple[np.ndarray, np.ndarray]:
    """Return the published order where most work is published, else the order of the rule."""
    published = problem.op_start < NEVER / 2
    if published.mean() < 0.5:
        return dispatch_sequence(problem, rule), preferred_choice(problem)
    planned = np.where(published, problem.op_start, NEVER / 2)
    latest = operation_due(problem)
    order = np.lexsort((np.arange(len(latest)), latest, planned, ~problem.op_fixed))
    return _lot_order(problem, order), published_choice(problem)


def _frozen_start(problem: Problem) -> np.ndarray:
    """Frozen work is not pulled ahead of its published start."""
    held = problem.op_frozen & (problem.op_start < NEVER / 2)
    return np.where(held, problem.op_start, 0.0)


def published_choice(problem: Problem) -> np.ndarray:
    """Return for each operation the alternate on its published resource, else the preferred one."""
    chosen = preferred_choice(problem)
    position = np.repeat(np.arange(problem.num_operations), np.diff(problem.alt_offset))
    match = np.flatnonzero(problem.alt_resource == problem.op_resource[position])
    chosen[position[match]] = match
    return chosen


def preferred_choice(problem: Problem) -> np.ndarray:
    """Return the first alternate of each operation; started work stays where it is."""
    chosen = problem.alt_offset[:-1].copy().astype(np.int64)
    position = np.repeat(np.arange(problem.num_operations), np.diff(problem.alt_offset))
    stays = problem.op_fixed | problem.op_frozen
    match = np.flatnonzero(
        (problem.alt_resource == problem.op_resource[position]) & stays[position]
    )
    chosen[position[match]] = match
    return chosen


def dispatch_sequence(problem: Problem, rule: DispatchRule) -> np.ndarray:
    """Return operations by a rule: started first, then frozen as published, then the rule."""
    latest = operation_due(problem)
    minutes = np.minimum.reduceat(problem.alt_minutes, problem.alt_offset[:-1])
    weight = problem.lot_weight[problem.op_lot] + 1e-6
    if rule == "wspt":
        key = minutes / weight
    elif rule == "cr":
        key = latest / np.maximum(minutes, 1.0)
    elif rule == "atc":
        mean = max(float(minutes.mean()) if len(minutes) else 1.0, 1.0)
        slack = np.clip(latest, 0.0, 1e6)
        key = -(np.log(weight / np.maximum(minutes, 1.0)) - slack / (3.0 * mean))
    else:
        key = latest
    frozen_key = np.where(problem.op_frozen, problem.op_start, NEVER)
    order = np.lexsort(
        (np.arange(len(key)), key, frozen_key, ~problem.op_frozen, ~problem.op_fixed)
    )
    return _producers_first(problem, _lot_order(problem, order))


def _lot_order(problem: Problem, order: np.ndarray) -> np.ndarray:
    """Give the places of a lot's operations to them in their own order."""
    lots = problem.op_lot[order]
    places = np.argsort(lots, kind="stable")
    result = order.copy()
    result[places] = order[np.lexsort((order, lots))]
    return result


def _producers_first(problem: Problem, sequence: np.ndarray) -> np.ndarray:
    """Move lots that make a component before the first operation that consumes it."""
    if not len(problem.need_item):
        return sequence
    makers: dict[int, list[int]] = {}
    for lot, item in enumerate(problem.lot_item.tolist()):
        makers.setdefault(item, []).append(lot)
    rank = np.empty(len(sequence))
    rank[sequence] = np.arange(len(sequence))
    first = np.searchsorted(problem.op_lot, np.arange(len(problem.lot_ids)))
    last = np.searchsorted(problem.op_lot, np.arange(len(problem.lot_ids)), side="right")
    for _ in range(6):
        moved = False
        for o in sequence:
            for k in range(problem.need_offset[o], problem.need_offset[o + 1]):
                for lot in makers.get(int(problem.need_item[k]), ()):
                    own = np.arange(first[lot], last[lot])
                    is_urgent = problem.lot_due[lot] <= problem.lot_due[problem.op_lot[o]]
                    if is_urgent and rank[own].max() > rank[o]:
                        rank[own] = rank[o] - 0.5 + 0.4 * np.arange(len(own)) / len(own)
                        moved = True
        sequence = _lot_order(problem, np.lexsort((np.arange(len(rank)), rank)))
        rank[sequence] = np.arange(len(sequence))
        if not moved:
            break
    return sequence


@njit(cache=True)
def _cost(
    setup_at: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    chosen: np.ndarray,
    alt_resource: np.ndarray,
    alt_preference: np.ndarray,
    op_lot: np.ndarray,
    lot_due: np.ndarray,
    lot_weight: np.ndarray,
    changeover_cost: np.ndarray,
) -> float:
    total = 0.0
    n = len(op_lot)
    for o in range(n):
        if end[o] >= 1e14:
            total += 1e7
            continue
        total += (start[o] - setup_at[o]) / 60.0 * changeover_cost[alt_resource[chosen[o]]]
        total += 0.01 * alt_preference[chosen[o]]
        if o + 1 == n or op_lot[o + 1] != op_lot[o]:
            late = (end[o] - lot_due[op_lot[o]]) / 1440.0
            if late > 0:
                total += late * (lot_weight[op_lot[o]] + 0.1)
    return total


def _search(
    problem: Problem,
    sequence: np.ndarray,
    chosen: np.ndarray,
    iterations: int,
    seed: int,
    may_reroute: bool,
) -> tuple[np.ndarray, np.ndarray, float, float, int]:
    calendar = problem.calendar
    return _anneal(
        sequence.astype(np.int64),
        chosen.astype(np.int64),
        iterations,
        seed,
        may_reroute,
        problem.op_fixed | problem.op_frozen,
        problem.alt_offset.astype(np.int64),
        problem.alt_preference,
        problem.lot_due,
        problem.lot_weight,
        problem.changeover_cost,
        problem.op_change_cost,
        _frozen_start(problem),
        calendar.offset,
        calendar.begin,
        calendar.end,
        problem.stations,
        problem.current_family,
        problem.setup_minutes,
        problem.lot_item,
        problem.lot_qty,
        problem.lot_release,
        problem.op_lot,
        problem.op_family,
        problem.op_fixed,
        problem.op_setup,
        problem.alt_resource,
        problem.alt_minutes,
        problem.need_offset,
        problem.need_item,
        problem.need_qty,
        problem.on_hand,
        problem.item_lead_minutes,
        problem.supply_item,
        problem.supply_at,
        problem.supply_qty,
        supply_room(problem),
    )


@njit(cache=True)
def _anneal(
    sequence, chosen, iterations, seed, may_reroute, stays, alt_offset, alt_preference, lot_due,
    lot_weight, changeover_cost, change_cost, not_before, cal_offset, cal_begin, cal_end, stations,
    current_family, setup_minutes, lot_item, lot_qty, lot_release, op_lot, op_family, op_fixed,
    op_setup, alt_resource, alt_minutes, need_offset, need_item, need_qty, on_hand, lead,
    supply_item, supply_at, supply_qty, room,
):  # fmt: skip  # type: ignore[no-untyped-def]
    np.random.seed(seed)
    n = len(sequence)
    head = 0
    while head < n and stays[sequence[head]]:
        head += 1
    setup_at, start, end, _, _, _ = decode(
        sequence, chosen, not_before, cal_offset, cal_begin, cal_end, stations, current_family,
        setup_minutes, lot_item, lot_qty, lot_release, op_lot, op_family, op_fixed, op_setup,
        alt_resource, alt_minutes, need_offset, need_item, need_qty, on_hand, lead, supply_item,
        supply_at, supply_qty, room,
    )  # fmt: skip
    cost = _cost(
        setup_at, start, end, chosen, alt_resource, alt_preference, op_lot, lot_due, lot_weight,
        changeover_cost,
    )  # fmt: skip
    before = cost
    accepted = 0
    if head >= n - 1 or iterations == 0:
        return sequence, chosen, before, cost, accepted
    for _ in range(iterations):
        trial = sequence.copy()
        pick = chosen.copy()
        if may_reroute and np.random.random() < 0.4:
            o = sequence[np.random.randint(head, n)]
            count = alt_offset[o + 1] - alt_offset[o]
            if count < 2 or stays[o]:
                continue
            pick[o] = alt_offset[o] + np.random.randint(count)
            if pick[o] == chosen[o]:
                continue
        else:
            a = np.random.randint(head, n)
            reach = max(2, int((n - head) * 0.2))
            b = min(n - 1, max(head, a + np.random.randint(-reach, reach + 1)))
            if a == b:
                continue
            o = trial[a]
            if a < b:
                for k in range(a, b):
                    trial[k] = trial[k + 1]
            else:
                for k in range(a, b, -1):
                    trial[k] = trial[k - 1]
            trial[b] = o
            low, high = min(a, b), max(a, b)
            fits = True
            for k in range(low, high + 1):
                other = trial[k]
                if other != o and op_lot[other] == op_lot[o]:
                    fits = False
            if not fits:
                continue
        setup_at, start, end, _, _, _ = decode(
            trial, pick, not_before, cal_offset, cal_begin, cal_end, stations, current_family,
            setup_minutes, lot_item, lot_qty, lot_release, op_lot, op_family, op_fixed, op_setup,
            alt_resource, alt_minutes, need_offset, need_item, need_qty, on_hand, lead,
            supply_item, supply_at, supply_qty, room,
        )  # fmt: skip
        value = _cost(
            setup_at, start, end, pick, alt_resource, alt_preference, op_lot, lot_due, lot_weight,
            changeover_cost,
        )  # fmt: skip
        if value < cost - change_cost[o]:  # a move must pay for the unrest that it makes
            accepted += 1
            sequence, chosen, cost = trial, pick, value
    return sequence, chosen, before, cost, accepted
