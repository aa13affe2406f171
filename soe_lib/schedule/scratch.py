"""Times and costs on trial: what a move changes before it is accepted or undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.work import (
    MACHINE,
    Field,
    State,
)

INFEASIBLE = 1e30
# Scratch.number
STAMP, TOUCHED, DIRTY, NEED_LOG, COMPONENTS, ORDERS, USE_LOG = range(7)
# Scratch.money
LOCAL, SHORT, RAMP, SPLIT_ORDERS, RUNNING = range(5)


class Scratch(NamedTuple):
    """Times and costs on trial, and what has to be undone when a move is rejected."""

    trial: np.ndarray  # start, end, cost, soft part of the cost
    stamp: np.ndarray
    touched: np.ndarray
    dirty_from: np.ndarray
    dirty_to: np.ndarray
    dirty: np.ndarray
    need_log: np.ndarray  # need, bucket before
    use_log: np.ndarray  # bucket
    use_qty: np.ndarray
    component_stamp: np.ndarray
    component: np.ndarray
    component_cost: np.ndarray
    order_stamp: np.ndarray
    order_list: np.ndarray
    order_cost: np.ndarray
    machine_cost: np.ndarray
    machine_soft: np.ndarray  # the part that can fall although everything ends later
    urgent: np.ndarray  # operations that are late, then those that stand before them
    urgent_count: np.ndarray
    number: np.ndarray
    money: np.ndarray


def scratch(field: Field, state: State) -> Scratch:
    """Return empty scratch for a problem."""
    ops, machines = len(field.op_i), len(field.machine)
    items = len(field.bucket_offset) - 1
    needs = len(state.bucket_of)
    return Scratch(
        trial=np.zeros((ops, 4)),
        stamp=np.zeros(ops, np.int64),
        touched=np.zeros(ops + 1, np.int64),
        dirty_from=np.full(machines, -1, np.int64),
        dirty_to=np.full(machines, -1, np.int64),
        dirty=np.zeros(machines + 1, np.int64),
        need_log=np.zeros((8 * needs + 64, 2), np.int64),
        use_log=np.zeros(16 * needs + 64, np.int64),
        use_qty=np.zeros(16 * needs + 64),
        component_stamp=np.zeros(items, np.int64),
        component=np.zeros(items + 1, np.int64),
        component_cost=np.zeros(items),
        order_stamp=np.zeros(field.orders, np.int64),
        order_list=np.zeros(field.orders + 1, np.int64),
        order_cost=np.zeros(field.orders),
        machine_cost=np.zeros(machines),
        machine_soft=np.zeros(machines),
        urgent=np.zeros(2 * ops + 2, np.int64),
        urgent_count=np.zeros(2, np.int64),
        number=np.zeros(8, np.int64),
        money=np.zeros(8),
    )


@kernel
def mark(s, x, o):  # type: ignore[no-untyped-def]
    """Have the machine of an operation swept from it on."""
    m = s.place[o, MACHINE]
    if m < 0:
        return
    for k in range(s.count[m]):
        if s.sequence[m, k] == o:
            mark_range(x, m, k, k)
            return


@kernel
def mark_range(x, m, first, last):  # type: ignore[no-untyped-def]
    """Have a machine swept from ``first``, at least to ``last``."""
    if x.dirty_from[m] < 0:
        x.dirty_from[m] = first
        x.dirty_to[m] = last
        x.dirty[x.number[DIRTY]] = m
        x.number[DIRTY] += 1
    else:
        x.dirty_from[m] = min(x.dirty_from[m], first)
        x.dirty_to[m] = max(x.dirty_to[m], last)


@kernel
def set_trial(x, o, start, end, cost, soft):  # type: ignore[no-untyped-def]
    """Note times and cost of an operation on trial."""
    if x.stamp[o] != x.number[STAMP]:
        x.stamp[o] = x.number[STAMP]
        x.touched[x.number[TOUCHED]] = o
        x.number[TOUCHED] += 1
    x.trial[o, 0] = start
    x.trial[o, 1] = end
    x.trial[o, 2] = cost
    x.trial[o, 3] = soft


@kernel
def begin(x):  # type: ignore[no-untyped-def]
    """Start a new trial."""
    x.number[STAMP] += 1
    for k in range(x.number[DIRTY]):
        x.dirty_from[x.dirty[k]] = -1
    for k in range(1, 7):
        x.number[k] = 0
    x.money[RUNNING] = 0.0
