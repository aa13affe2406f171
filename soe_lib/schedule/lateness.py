"""When lots are ready on trial, what waits for them, and what their lateness costs."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import end_at
from soe_lib.schedule.kernel import inlined, kernel
from soe_lib.schedule.scratch import INFEASIBLE, ORDERS, STAMP
from soe_lib.schedule.work import (
    ALTERNATE,
    CAP,
    DUE_AT,
    END,
    FLAT,
    FREE,
    LANE,
    LATE_FROM,
    LOST,
    LOST_AFTER,
    MACHINE,
    PER_DAY,
    PER_WEEK,
    PREVIOUS,
    QUEUE,
    READY_BY,
    SUNK,
)


@inlined
def clause_cost(order, d, minutes):  # type: ignore[no-untyped-def]
    """Return what ``minutes`` of lateness of an order line cost by its clause. [money]"""
    days = minutes / 1440.0
    if days <= 1e-9:
        return 0.0
    beyond = days - order[d, FREE]
    cost = 0.0
    if beyond > 1e-9:
        cost = order[d, FLAT] + order[d, PER_DAY] * beyond
        if order[d, PER_WEEK] > 0:
            cost += order[d, PER_WEEK] * np.ceil(beyond / 7.0 - 1e-9)
        cost = min(cost, order[d, CAP])
    if days > order[d, LOST_AFTER]:
        cost += order[d, LOST]
    return cost


@kernel
def op_end(s, x, o):  # type: ignore[no-untyped-def]
    """Return the end of an operation on trial, in worked minutes of its resource."""
    return x.trial[o, 1] if x.stamp[o] == x.number[STAMP] else s.op[o, END]


@kernel
def lot_end(f, s, x, lot):  # type: ignore[no-untyped-def]
    """Return the instant at which a lot is in stock, on trial. [min]"""
    o = f.lot_i[lot, 0] + f.lot_i[lot, 1] - 1
    if s.place[o, MACHINE] < 0:
        return 1e15
    r = f.machine[s.place[o, MACHINE], 0]
    return end_at(f.clock_offset, f.clock, r, op_end(s, x, o))


@kernel
def linked_floor(f, s, x, o):  # type: ignore[no-untyped-def]
    """Return the instant before which what an operation waits for is not there. [min]"""
    at = 0.0
    before = f.op_i[o, PREVIOUS]
    if before >= 0 and s.place[before, MACHINE] >= 0:
        r = f.machine[s.place[before, MACHINE], 0]
        queue = f.alt_f[s.place[before, ALTERNATE], QUEUE]
        at = end_at(f.clock_offset, f.clock, r, op_end(s, x, before)) + queue
    t = f.orders + o
    for j in range(f.target_offset[t], f.target_offset[t + 1]):
        if s.job_lot[j] >= 0:
            at = max(at, lot_end(f, s, x, s.job_lot[j]))
        else:
            at = max(at, s.job_time[j])
    return at


STAIR = 0.1
"""Least share of the days until the next departure that counts for what has just missed one."""


@inlined
def leaves(f, d, at):  # type: ignore[no-untyped-def]
    """Return when an order line that is ready at an instant leaves, as if every truck had room."""
    lane = int(f.order[d, LANE])
    if lane < 0:
        return at
    low, high = f.leave_offset[lane], f.leave_offset[lane + 1]
    end = high
    while low < high:
        middle = (low + high) >> 1
        if f.leave_at[middle] < at - 1e-9:
            low = middle + 1
        else:
            high = middle
    if low < end:
        return f.leave_at[low]
    return max(at, f.leave_at[end - 1] + 1440.0)


@inlined
def order_cost(f, d, at):  # type: ignore[no-untyped-def]
    """Return what it costs that an order line is ready at an instant only. [money]"""
    if at <= f.order[d, READY_BY] + 1e-9:
        return 0.0
    missed = STAIR * (leaves(f, d, at) - f.order[d, DUE_AT])
    return clause_cost(f.order, d, max(at - f.order[d, LATE_FROM], missed)) - f.order[d, SUNK]


@kernel
def late_cost(f, s, x, lot, at):  # type: ignore[no-untyped-def]
    """Return the cost of lateness of the order lines of a lot that is ready at an instant."""
    cost = 0.0
    j = s.lot_job[lot]
    while j >= 0:
        d = f.job_target[j]
        if d < f.orders:
            if f.target_offset[d + 1] - f.target_offset[d] == 1:
                cost += order_cost(f, d, at)
            elif x.order_stamp[d] != x.number[STAMP]:
                x.order_stamp[d] = x.number[STAMP]
                x.order_list[x.number[ORDERS]] = d
                x.number[ORDERS] += 1
        j = s.job_next[j]
    return cost


@kernel
def split_cost(f, s, x, d):  # type: ignore[no-untyped-def]
    """Return the cost of an order line that several lots serve: late by its last part."""
    at = 0.0
    for j in range(f.target_offset[d], f.target_offset[d + 1]):
        if s.job_lot[j] >= 0:
            at = max(at, lot_end(f, s, x, s.job_lot[j]))
        else:
            at = max(at, s.job_time[j])
    if at >= 1e14:
        return INFEASIBLE
    return order_cost(f, d, at)
