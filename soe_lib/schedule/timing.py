"""
Exact forward simulation of a sequence of operations: the strict decode, the only truth.

Operations are placed one after the other in the order given. Each starts when its predecessor has
ended, its release has come, a station is free and set up, and its components are there; it pauses
while the resource is closed. Nothing skips ahead: who comes first in the sequence gets the station
and the material.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soe_lib.schedule.problem import NEVER, Problem

HORIZON_MINUTES = 60.0 * 24 * 7 * 60


@njit(cache=True)
def _advance(
    offset: np.ndarray, begin: np.ndarray, end: np.ndarray, resource: int, start: float, work: float
) -> tuple[float, float]:
    """Return when ``work`` minutes begun at or after ``start`` really begin and end."""
    low, high = offset[resource], offset[resource + 1]
    left, right = low, high
    while left < right:
        middle = (left + right) // 2
        if end[middle] <= start:
            left = middle + 1
        else:
            right = middle
    first = -1.0
    remaining = work
    for k in range(left, high):
        at = max(begin[k], start)
        if first < 0:
            first = at
        room = end[k] - at
        if remaining <= room + 1e-9:
            return first, at + remaining
        remaining -= room
    return NEVER, NEVER


@njit(cache=True)
def _supply_time(
    times: np.ndarray, amounts: np.ndarray, count: int, used: float, need: float
) -> float:
    """Return the first instant at which cumulative supply covers ``used + need``."""
    total = 0.0
    wanted = used + need - 1e-6
    if wanted <= 0:
        return -NEVER
    for k in range(count):
        total += amounts[k]
        if total >= wanted:
            return times[k]
    return NEVER


@njit(cache=True)
def _insert(times: np.ndarray, amounts: np.ndarray, count: int, at: float, qty: float) -> int:
    k = count
    while k > 0 and times[k - 1] > at:
        times[k] = times[k - 1]
        amounts[k] = amounts[k - 1]
        k -= 1
    times[k] = at
    amounts[k] = qty
    return count + 1


@njit(cache=True)
def decode(
    sequence: np.ndarray,
    chosen: np.ndarray,
    not_before: np.ndarray,
    cal_offset: np.ndarray,
    cal_begin: np.ndarray,
    cal_end: np.ndarray,
    stations: np.ndarray,
    current_family: np.ndarray,
    setup_minutes: np.ndarray,
    lot_item: np.ndarray,
    lot_qty: np.ndarray,
    lot_release: np.ndarray,
    op_lot: np.ndarray,
    op_family: np.ndarray,
    op_fixed: np.ndarray,
    op_setup: np.ndarray,
    alt_resource: np.ndarray,
    alt_minutes: np.ndarray,
    need_offset: np.ndarray,
    need_item: np.ndarray,
    need_qty: np.ndarray,
    on_hand: np.ndarray,
    lead: np.ndarray,
    supply_item: np.ndarray,
    supply_at: np.ndarray,
    supply_qty: np.ndarray,
    room: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """
    Place operations in sequence.

    Parameters
    ----------
    sequence
        Operation numbers; the operations of a lot in their order.
    chosen
        Shape (num_operations,): index into the alternates of each operation.
    not_before
        Shape (num_operations,): earliest start beside the release. [min]
    room
        Shape (num_items + 1,): offsets of the supply list of each item.

    Returns
    -------
    tuple
        ``setup_at``, ``start``, ``end`` [min] and ``station`` per operation (NEVER where it cannot
        run), ``bought`` [uom] per operation need (quantity that nothing covers and that is bought
        or made anew at the item's lead time) and the family before each operation.
    """
    n = len(op_lot)
    num_items = len(on_hand)
    setup_at = np.full(n, NEVER)
    start = np.full(n, NEVER)
    end = np.full(n, NEVER)
    station_of = np.full(n, -1)
    family_before = np.full(n, -1)
    bought = np.zeros(len(need_item))
    most = stations.max() if len(stations) else 1
    free = np.zeros((len(stations), most))
    family = np.empty((len(stations), most), np.int64)
    for r in range(len(stations)):
        for s in range(most):
            family[r, s] = current_family[r]
    times = np.zeros(room[num_items])
    amounts = np.zeros(room[num_items])
    count = np.zeros(num_items, np.int64)
    used = np.zeros(num_items)
    for i in range(num_items):
        if on_hand[i] > 0:
            count[i] = _insert(times[room[i] :], amounts[room[i] :], count[i], -NEVER, on_hand[i])
    for k in range(len(supply_item)):
        i = supply_item[k]
        count[i] = _insert(
            times[room[i] :], amounts[room[i] :], count[i], supply_at[k], supply_qty[k]
        )
    lot_ready = np.zeros(len(lot_item))
    for o in sequence:
        lot = op_lot[o]
        resource = alt_resource[chosen[o]]
        earliest = max(0.0, not_before[o], lot_ready[lot])
        if not op_fixed[o]:
            earliest = max(earliest, lot_release[lot])
            for k in range(need_offset[o], need_offset[o + 1]):
                i = need_item[k]
                at = _supply_time(
                    times[room[i] :], amounts[room[i] :], count[i], used[i], need_qty[k]
                )
                if at >= NEVER:
                    total = 0.0
                    for j in range(count[i]):
                        total += amounts[room[i] + j]
                    missing = used[i] + need_qty[k] - total
                    at = max(lead[i], 0.0)
                    bought[k] = missing
                    count[i] = _insert(times[room[i] :], amounts[room[i] :], count[i], at, missing)
                    at = _supply_time(
                        times[room[i] :], amounts[room[i] :], count[i], used[i], need_qty[k]
                    )
                used[i] += need_qty[k]
                earliest = max(earliest, at)
        best, best_end, best_begin, best_setup = -1, 2 * NEVER, NEVER, 0.0
        for s in range(stations[resource]):
            before = family[resource, s]
            setup = op_setup[o]
            if before >= 0 and op_family[o] >= 0 and before != op_family[o]:
                setup += setup_minutes[resource, before, op_family[o]]
            if op_fixed[o]:
                setup = 0.0
            begin, finish = _advance(
                cal_offset,
                cal_begin,
                cal_end,
                resource,
                max(earliest, free[resource, s]),
                setup + alt_minutes[chosen[o]],
            )
            if finish < best_end - 1e-9:
                best, best_end, best_begin, best_setup = s, finish, begin, setup
        if best < 0 or best_end >= NEVER:
            lot_ready[lot] = NEVER
            continue
        family_before[o] = family[resource, best]
        setup_at[o] = best_begin
        station_of[o] = best
        if best_setup > 0:
            _, after = _advance(cal_offset, cal_begin, cal_end, resource, best_begin, best_setup)
            begun, finish = _advance(
                cal_offset, cal_begin, cal_end, resource, after, alt_minutes[chosen[o]]
            )
            start[o] = begun
        else:
            start[o] = best_begin
        end[o] = best_end
        free[resource, best] = best_end
        if op_family[o] >= 0:
            family[resource, best] = op_family[o]
        lot_ready[lot] = best_end
        if o + 1 == n or op_lot[o + 1] != lot:
            i = lot_item[lot]
            count[i] = _insert(
                times[room[i] :], amounts[room[i] :], count[i], best_end, lot_qty[lot]
            )
    return setup_at, start, end, station_of, bought, family_before


def run_decode(
    problem: Problem, sequence: np.ndarray, chosen: np.ndarray, not_before: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Decode a sequence on a problem; see :func:`decode`."""
    return tuple(  # type: ignore[return-value]
        decode(
            sequence,
            chosen,
            not_before,
            problem.calendar.offset,
            problem.calendar.begin,
            problem.calendar.end,
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
    )


def supply_room(problem: Problem) -> np.ndarray:
    """Return offsets of a list per item, large enough for stock, receipts, lots and purchases."""
    items = len(problem.item_ids)
    size = np.full(items, 2)
    size += np.bincount(problem.supply_item, minlength=items)
    size += np.bincount(problem.lot_item, minlength=items)
    size += np.bincount(problem.need_item, minlength=items)
    return np.concatenate([[0], np.cumsum(size)])
