# mypy: disable-error-code="assignment"
# ruff: noqa: SIM102 - plain statements are what the compiler takes
"""
Moves of the search: each changes sequences, places or lots, and marks what must be swept.

Everything that a move may change is saved first (rows of the sequences, rows of the operations,
quantities and jobs of lots), so that a rejected move is undone by copying back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.components import take_out
from soe_lib.schedule.evaluate import refresh
from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.scratch import ORDERS, STAMP, mark, mark_range, set_trial
from soe_lib.schedule.work import (
    ALTERNATE,
    COST,
    FIRST_OP,
    ITEM,
    LOT_MAX,
    LOT_MIN,
    LOT_MULTIPLE,
    MACHINE,
    NUM_OPS,
    OP_COLUMNS,
    SOFT,
    Field,
    State,
)

# Saved.number
ROWS, OPS, LOTS, JOBS = range(4)


class Saved(NamedTuple):
    """What a move has changed, as it was."""

    machine: np.ndarray
    row: np.ndarray
    count: np.ndarray
    op: np.ndarray
    op_row: np.ndarray
    place_row: np.ndarray
    floor: np.ndarray
    lot: np.ndarray
    lot_qty: np.ndarray
    lot_job: np.ndarray
    job: np.ndarray
    job_lot: np.ndarray
    job_next: np.ndarray
    job_time: np.ndarray
    stock: np.ndarray  # item whose free stock changed, once
    stock_left: np.ndarray
    number: np.ndarray


def saved(field: Field, state: State) -> Saved:
    """Return empty room for what moves change."""
    most = 256
    jobs = len(state.job_next) + 8
    return Saved(
        machine=np.zeros(64, np.int64),
        row=np.zeros((64, state.sequence.shape[1]), np.int64),
        count=np.zeros(64, np.int64),
        op=np.zeros(most, np.int64),
        op_row=np.zeros((most, state.op.shape[1])),
        place_row=np.zeros((most, state.place.shape[1]), np.int64),
        floor=np.zeros(most),
        lot=np.zeros(most, np.int64),
        lot_qty=np.zeros(most),
        lot_job=np.zeros(most, np.int64),
        job=np.zeros(jobs, np.int64),
        job_lot=np.zeros(jobs, np.int64),
        job_next=np.zeros(jobs, np.int64),
        job_time=np.zeros(jobs),
        stock=np.full(1, -1, np.int64),
        stock_left=np.zeros(1),
        number=np.zeros(4, np.int64),
    )


@kernel
def save_row(s, v, m):  # type: ignore[no-untyped-def]
    """Save the sequence of a machine once."""
    n = v.number[ROWS]
    for k in range(n):
        if v.machine[k] == m:
            return
    v.machine[n] = m
    v.count[n] = s.count[m]
    for k in range(s.count[m]):
        v.row[n, k] = s.sequence[m, k]
    v.number[ROWS] = n + 1


@kernel
def save_op(s, v, o):  # type: ignore[no-untyped-def]
    """Save the rows of an operation."""
    n = v.number[OPS]
    v.op[n] = o
    for k in range(OP_COLUMNS):
        v.op_row[n, k] = s.op[o, k]
    for k in range(4):
        v.place_row[n, k] = s.place[o, k]
    v.floor[n] = s.floor_at[o]
    v.number[OPS] = n + 1


@kernel
def save_lot(s, v, lot):  # type: ignore[no-untyped-def]
    """Save quantity and jobs of a lot."""
    n = v.number[LOTS]
    v.lot[n] = lot
    v.lot_qty[n] = s.lot_qty[lot]
    v.lot_job[n] = s.lot_job[lot]
    v.number[LOTS] = n + 1
    j = s.lot_job[lot]
    while j >= 0:
        save_job(s, v, j)
        j = s.job_next[j]


@kernel
def save_job(s, v, j):  # type: ignore[no-untyped-def]
    """Save where a job is served."""
    n = v.number[JOBS]
    v.job[n] = j
    v.job_lot[n] = s.job_lot[j]
    v.job_next[n] = s.job_next[j]
    v.job_time[n] = s.job_time[j]
    v.number[JOBS] = n + 1


@kernel
def restore(s, v, x):  # type: ignore[no-untyped-def]
    """Undo a move; newest first where a thing was saved twice."""
    for n in range(v.number[OPS] - 1, -1, -1):
        o = v.op[n]
        m = s.place[o, MACHINE]
        old = v.place_row[n, MACHINE]
        if m != old:
            if m >= 0:
                x.machine_cost[m] -= s.op[o, COST]
                x.machine_soft[m] -= s.op[o, SOFT]
            if old >= 0:
                x.machine_cost[old] += s.op[o, COST]
                x.machine_soft[old] += s.op[o, SOFT]
        for k in range(OP_COLUMNS):
            s.op[o, k] = v.op_row[n, k]
        for k in range(4):
            s.place[o, k] = v.place_row[n, k]
        s.floor_at[o] = v.floor[n]
    for n in range(v.number[ROWS]):
        m = v.machine[n]
        s.count[m] = v.count[n]
        for k in range(v.count[n]):
            s.sequence[m, k] = v.row[n, k]
    for n in range(v.number[JOBS] - 1, -1, -1):
        s.job_lot[v.job[n]] = v.job_lot[n]
        s.job_next[v.job[n]] = v.job_next[n]
        s.job_time[v.job[n]] = v.job_time[n]
    if v.stock[0] >= 0:
        s.stock_left[v.stock[0]] = v.stock_left[0]
    for n in range(v.number[LOTS] - 1, -1, -1):
        s.lot_qty[v.lot[n]] = v.lot_qty[n]
        s.lot_job[v.lot[n]] = v.lot_job[n]


@kernel
def forget(v):  # type: ignore[no-untyped-def]
    """Empty the saved things."""
    for k in range(4):
        v.number[k] = 0
    v.stock[0] = -1


@kernel
def find(s, m, o):  # type: ignore[no-untyped-def]
    """Return the position of an operation on a machine."""
    for k in range(s.count[m]):
        if s.sequence[m, k] == o:
            return k
    return -1


@kernel
def shift_block(s, x, m, a, size, b):  # type: ignore[no-untyped-def]
    """Move ``size`` operations at ``a`` so that they stand at ``b``; marks the range."""
    row = s.sequence[m]
    if b > a:
        for _ in range(size):
            o = row[a]
            for k in range(a, b + size - 1):
                row[k] = row[k + 1]
            row[b + size - 1] = o
        mark_range(x, m, a, b + size)
    else:
        for t in range(size):
            o = row[a + t]
            for k in range(a + t, b + t, -1):
                row[k] = row[k - 1]
            row[b + t] = o
        mark_range(x, m, b, a + size)


@kernel
def cut(s, x, m, p):  # type: ignore[no-untyped-def]
    """Take the operation at a position off its machine."""
    o = s.sequence[m, p]
    for k in range(p, s.count[m] - 1):
        s.sequence[m, k] = s.sequence[m, k + 1]
    s.count[m] -= 1
    x.machine_cost[m] -= s.op[o, COST]
    x.machine_soft[m] -= s.op[o, SOFT]
    s.place[o, MACHINE] = -1
    mark_range(x, m, p, p)
    return o


@kernel
def paste(s, x, m, p, o, alternate):  # type: ignore[no-untyped-def]
    """Put an operation on a machine at a position."""
    for k in range(s.count[m], p, -1):
        s.sequence[m, k] = s.sequence[m, k - 1]
    s.sequence[m, p] = o
    s.count[m] += 1
    x.machine_cost[m] += s.op[o, COST]
    x.machine_soft[m] += s.op[o, SOFT]
    s.place[o, MACHINE] = m
    s.place[o, ALTERNATE] = alternate
    mark_range(x, m, p, p + 1)


@kernel
def relocate(f, s, x, v, o, m, p, alternate):  # type: ignore[no-untyped-def]
    """Move an operation to a position of another machine."""
    old = s.place[o, MACHINE]
    save_row(s, v, old)
    save_row(s, v, m)
    save_op(s, v, o)
    cut(s, x, old, find(s, old, o))
    take_out(f, s, x, o)
    paste(s, x, m, p, o, alternate)
    refresh(f, s, o)
    if x.stamp[o] != x.number[0]:
        # its old times are those of another clock
        set_trial(x, o, -1.0, -1.0, s.op[o, COST], s.op[o, SOFT])


@kernel
def drop_op(f, s, x, v, o):  # type: ignore[no-untyped-def]
    """Take an operation of a lot that becomes empty off its machine."""
    m = s.place[o, MACHINE]
    save_row(s, v, m)
    save_op(s, v, o)
    take_out(f, s, x, o)
    cut(s, x, m, find(s, m, o))
    set_trial(x, o, 1e15, 1e15, 0.0, 0.0)


@kernel
def resize(f, s, lot):  # type: ignore[no-untyped-def]
    """Return the lot quantity for the jobs that the lot has now; 0 where it has none."""
    total = 0.0
    j = s.lot_job[lot]
    while j >= 0:
        total += f.job_qty[j]
        j = s.job_next[j]
    if total <= 0:
        return 0.0
    item = f.lot_i[lot, ITEM]
    total = max(total, f.rule[item, LOT_MIN])
    if f.rule[item, LOT_MULTIPLE] > 0:
        total = np.ceil(total / f.rule[item, LOT_MULTIPLE] - 1e-9) * f.rule[item, LOT_MULTIPLE]
    return total


@kernel
def unlink(s, lot, job):  # type: ignore[no-untyped-def]
    """Take a job out of a lot."""
    j = s.lot_job[lot]
    if j == job:
        s.lot_job[lot] = s.job_next[job]
        return
    while s.job_next[j] != job:
        j = s.job_next[j]
    s.job_next[j] = s.job_next[job]


@kernel
def link(s, lot, job):  # type: ignore[no-untyped-def]
    """Put a job into a lot."""
    s.job_next[job] = s.lot_job[lot]
    s.lot_job[lot] = job
    s.job_lot[job] = lot


@kernel
def requantify(f, s, x, v, lot):  # type: ignore[no-untyped-def]
    """Give a lot the quantity of its jobs and have it swept; False above the lot maximum."""
    qty = resize(f, s, lot)
    if qty > f.rule[f.lot_i[lot, ITEM], LOT_MAX] + 1e-6:
        return False
    first = f.lot_i[lot, FIRST_OP]
    for o in range(first, first + f.lot_i[lot, NUM_OPS]):
        if s.place[o, MACHINE] >= 0:
            save_op(s, v, o)
            take_out(f, s, x, o)
    s.lot_qty[lot] = qty
    for o in range(first, first + f.lot_i[lot, NUM_OPS]):
        m = s.place[o, MACHINE]
        if m >= 0:
            refresh(f, s, o)
            p = find(s, m, o)
            mark_range(x, m, p, p)
    return True


@kernel
def move_job(f, s, x, v, job, lot):  # type: ignore[no-untyped-def]
    """
    Move a job to another lot of its item; an emptied lot leaves its machines, an empty lot enters
    them behind the one that the job leaves. False where the lot would be too large.
    """
    old = s.job_lot[job]
    save_lot(s, v, old)
    save_lot(s, v, lot)
    was_empty = s.lot_job[lot] < 0
    unlink(s, old, job)
    link(s, lot, job)
    if f.job_target[job] >= f.orders:
        mark(s, x, f.job_target[job] - f.orders)
    first_old, first = f.lot_i[old, FIRST_OP], f.lot_i[lot, FIRST_OP]
    if was_empty:
        qty = resize(f, s, lot)
        s.lot_qty[lot] = qty
        for k in range(f.lot_i[lot, NUM_OPS]):
            like, o = first_old + k, first + k
            m = s.place[like, MACHINE]
            save_row(s, v, m)
            save_op(s, v, o)
            s.floor_at[o] = s.floor_at[like]
            paste(s, x, m, find(s, m, like) + 1, o, s.place[like, ALTERNATE])
            refresh(f, s, o)
    elif not requantify(f, s, x, v, lot):
        return False
    if s.lot_job[old] < 0:
        for k in range(f.lot_i[old, NUM_OPS]):
            drop_op(f, s, x, v, first_old + k)
        s.lot_qty[old] = 0.0
        return True
    return requantify(f, s, x, v, old)


@kernel
def swap_with_stock(f, s, x, v, job, other):  # type: ignore[no-untyped-def]
    """
    Serve ``job`` from the stock that ``other`` has, and ``other`` from the lot of ``job``.

    False where the stock is not enough for it.
    """
    lot = s.job_lot[job]
    item = f.lot_i[lot, ITEM]
    left = s.stock_left[item] + f.job_qty[other] - f.job_qty[job]
    if left < -1e-6:
        return False
    v.stock[0] = item
    v.stock_left[0] = s.stock_left[item]
    save_lot(s, v, lot)
    save_job(s, v, other)
    s.stock_left[item] = left
    unlink(s, lot, job)
    s.job_lot[job] = -1
    s.job_next[job] = -1
    s.job_time[job] = 0.0
    link(s, lot, other)
    s.job_time[other] = 1e15
    for j in (job, other):  # an order line in several parts is late by its last one
        d = f.job_target[j]
        if f.target_offset[d + 1] - f.target_offset[d] > 1:
            if x.order_stamp[d] != x.number[STAMP]:
                x.order_stamp[d] = x.number[STAMP]
                x.order_list[x.number[ORDERS]] = d
                x.number[ORDERS] += 1
    return requantify(f, s, x, v, lot)
