# mypy: disable-error-code="assignment"
# ruff: noqa: SIM102 - plain statements are what the compiler takes
"""
One machine by itself: its operations, what their ends cost, and tables to judge exchanges by.

A stretch of a machine's sequence is copied into flat arrays. Everything else stands still: what an
operation waits for is a release, what waits for it is a due instant. On the clock of working
minutes a segment that is moved keeps its inner times, so that the lateness of a whole tail shifted
by some minutes is one look into a table of bends; the exchanges are those of Subramanian, Battarra
and Potts (2014) for weighted tardiness with set-up times. Idle time, holding and closed hours are
not in the tables; ``exchange.exact`` is right about them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.lateness import linked_floor, lot_end
from soe_lib.schedule.work import (
    ALTERNATE,
    BUCKET_FIRST,
    CAP,
    DUE,
    DUE_AT,
    END,
    FAMILY,
    FIXED_SETUP,
    FLAT,
    FREE,
    HOLD_RATE,
    IS_LAST,
    LATE_FROM,
    LINKED,
    LOST,
    LOST_AFTER,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    PER_DAY,
    PER_WEEK,
    QUEUE,
    READY_BY,
    RELEASE,
    RUN,
    START,
    STAYS,
)

WINDOW, TAIL = 150, 50
"""Operations that are put in order together, and those behind them whose lateness is seen."""
MOST_PARTS = 8
"""Order lines of one lot whose lateness is told apart."""
BENDS = 3
# Line.number
MACHINE_NO, FIRST, MOVABLE, ALL, TRIALS = range(5)
# Line.money
FREE_AT, CHANGE, DELAY = range(3)
# Line.row, by what it holds
NOW, KEPT, BEST, NEW, OWN = range(5)


class Line(NamedTuple):
    """A stretch of one machine; rows and tables are by position, the rest by operation."""

    op: np.ndarray
    row: np.ndarray  # orders: on trial, kept, the best, scratch, the best of these kicks
    run: np.ndarray  # worked minutes of run, release, due; holding rate
    supply: np.ndarray  # instant at which the components are there [min]
    setup: np.ndarray  # changeover from row (last: what stands before the stretch) to column
    family: np.ndarray
    part_first: np.ndarray
    part: np.ndarray  # order line, or -1: an operation that waits for this one
    part_at: np.ndarray  # when the other lots of the order line are ready, or the waiting begins
    bend_first: np.ndarray
    bend: np.ndarray  # worked minutes, slope and step of cost there
    end: np.ndarray
    cum: np.ndarray  # cost before each position
    idle: np.ndarray
    next_idle: np.ndarray
    flat: np.ndarray  # lateness from each position on, by the tables, unshifted
    count: np.ndarray  # bends from each position on
    at: np.ndarray  # table: shift at which each bend begins to count, ascending
    slope: np.ndarray
    value: np.ndarray
    late: np.ndarray  # whether the operation at each position of the kept order is late
    number: np.ndarray
    money: np.ndarray


def line_room(longest: int) -> Line:
    """Return empty room for a stretch of a machine with at most ``longest`` operations."""
    n = min(longest, WINDOW + TAIL) + 1
    width = n * 3 * BENDS
    return Line(
        op=np.zeros(n, np.int64),
        row=np.zeros((5, n), np.int64),
        run=np.zeros((n, 4)),
        supply=np.zeros(n),
        setup=np.zeros((n + 1, n)),
        family=np.zeros(n + 1, np.int64),
        part_first=np.zeros(n + 1, np.int64),
        part=np.zeros(n * MOST_PARTS, np.int64),
        part_at=np.zeros(n * MOST_PARTS),
        bend_first=np.zeros(n + 1, np.int64),
        bend=np.zeros((width, 3)),
        end=np.zeros(n + 1),
        cum=np.zeros(n + 1),
        idle=np.zeros(n + 1),
        next_idle=np.zeros(n + 2, np.int64),
        flat=np.zeros(n + 1),
        count=np.zeros(n + 1, np.int64),
        at=np.zeros((n + 1, width)),
        slope=np.zeros((n + 1, width)),
        value=np.zeros((n + 1, width)),
        late=np.zeros(n + 1, np.int64),
        number=np.zeros(8, np.int64),
        money=np.zeros(4),
    )


@kernel
def add_bend(z, at, slope, step):  # type: ignore[no-untyped-def]
    """Append a bend to the operation that is being loaded, while there is room."""
    n = z.number[ALL]
    b = z.bend_first[n + 1]
    if b < len(z.bend):
        z.bend[b, 0] = at
        z.bend[b, 1] = slope
        z.bend[b, 2] = step
        z.bend_first[n + 1] = b + 1


@kernel
def add_part(f, s, x, z, r, lot, job):  # type: ignore[no-untyped-def]
    """Append what the end of an operation's lot costs for one of its jobs."""
    n = z.number[ALL]
    p = z.part_first[n + 1]
    t = f.job_target[job]
    if t >= f.orders:
        consumer = t - f.orders
        own = s.place[consumer, MACHINE]
        if own >= 0:
            at = start_at(f.clock_offset, f.clock, f.machine[own, 0], s.op[consumer, START])
            add_wait(f, z, r, at)
        return
    other = 0.0
    for j in range(f.target_offset[t], f.target_offset[t + 1]):
        if s.job_lot[j] >= 0 and s.job_lot[j] != lot:
            other = max(other, lot_end(f, s, x, s.job_lot[j]))
        elif s.job_lot[j] < 0:
            other = max(other, s.job_time[j])
    z.part[p] = t
    z.part_at[p] = other
    z.part_first[n + 1] = p + 1
    due = max(f.order[t, READY_BY], f.order[t, LATE_FROM] + 1440.0 * f.order[t, FREE])
    per_day = f.order[t, PER_DAY] + f.order[t, PER_WEEK] / 7.0
    begin = max(due, other)
    step = f.order[t, FLAT]
    if other > due:  # late already by another lot: nothing to save before that one is ready
        step = 0.0
    worked = worked_at(f.clock_offset, f.clock, r, begin)
    week = worked_at(f.clock_offset, f.clock, r, begin + 10080.0) - worked
    slope = per_day / 1440.0 * min(max(10080.0 / max(week, 1.0), 1.0), 10.0)
    add_bend(z, worked, slope, step)
    if per_day > 0 and f.order[t, CAP] < 1e15:
        full = due + 1440.0 * max(f.order[t, CAP] - f.order[t, FLAT], 0.0) / per_day
        if full > begin:
            add_bend(z, worked_at(f.clock_offset, f.clock, r, full), -slope, 0.0)
    if f.order[t, LOST] > 0 and f.order[t, LOST_AFTER] < 1e6:
        lost = f.order[t, DUE_AT] + 1440.0 * f.order[t, LOST_AFTER]
        if lost > other:
            add_bend(z, worked_at(f.clock_offset, f.clock, r, lost), 0.0, f.order[t, LOST])


@kernel
def add_wait(f, z, r, at):  # type: ignore[no-untyped-def]
    """Append an operation elsewhere that waits from an instant on."""
    n = z.number[ALL]
    p = z.part_first[n + 1]
    z.part[p] = -1
    z.part_at[p] = at
    z.part_first[n + 1] = p + 1
    add_bend(z, worked_at(f.clock_offset, f.clock, r, at), z.money[DELAY], 0.0)


@kernel
def supplied_at(f, s, o, is_strict):  # type: ignore[no-untyped-def]
    """
    Return the instant from which the components of an operation are there. [min]

    Strict: the bucket that it takes them from now; else an earlier one where nobody else's are
    taken.
    """
    at = 0.0
    for k in range(f.op_i[o, NEED_COUNT]):
        need = f.op_i[o, NEED_FIRST] + k
        c = f.need_bucket[need]
        if c < 0:
            continue
        first = f.bucket_offset[c]
        b = s.bucket_of[f.op_i[o, BUCKET_FIRST] + k]
        if not is_strict and b > first:
            qty = f.need_f[need, 0] * s.lot_qty[f.op_i[o, LOT]] + f.need_f[need, 1]
            total = 0.0
            earliest = first
            for e in range(first, b):
                total += s.used[e]
                if total + qty > s.room[e] + 1e-6:
                    earliest = e + 1
            b = earliest
        if b > first:
            at = max(at, f.bucket_at[b])
    return at


@kernel
def load(f, s, x, z, m, first, delay, is_strict):  # type: ignore[no-untyped-def]
    """Copy a stretch of a machine from position ``first`` on; False where nothing may move."""
    r = f.machine[m, 0]
    z.number[MACHINE_NO] = m
    z.number[FIRST] = first
    z.number[ALL] = 0
    z.money[CHANGE] = f.change_cost[r]
    z.money[DELAY] = delay
    z.part_first[0] = 0
    z.bend_first[0] = 0
    z.money[FREE_AT] = 0.0 if first == 0 else s.op[s.sequence[m, first - 1], END]
    before = f.machine[m, 1]
    k = first - 1
    while k >= 0 and f.op_i[s.sequence[m, k], FAMILY] < 0:
        k -= 1
    if k >= 0:
        before = f.op_i[s.sequence[m, k], FAMILY]
    most = len(z.op) - 1
    movable = min(s.count[m] - first, min(WINDOW, most))
    for k in range(first, min(s.count[m], first + most)):
        o = s.sequence[m, k]
        n = z.number[ALL]
        if f.op_i[o, STAYS] > 0:
            movable = min(movable, n)
        z.op[n] = o
        z.row[NOW, n] = n
        z.family[n] = f.op_i[o, FAMILY]
        z.run[n, 0] = s.op[o, RUN]
        z.supply[n] = supplied_at(f, s, o, is_strict)
        supplied = worked_at(f.clock_offset, f.clock, r, z.supply[n])
        z.run[n, 1] = max(s.op[o, RELEASE], supplied)
        z.run[n, 2] = s.op[o, DUE]
        z.run[n, 3] = s.op[o, HOLD_RATE]
        z.part_first[n + 1] = z.part_first[n]
        z.bend_first[n + 1] = z.bend_first[n]
        following = f.op_i[o, NEXT]
        if following >= 0 and s.place[following, MACHINE] >= 0:
            other = f.machine[s.place[following, MACHINE], 0]
            at = start_at(f.clock_offset, f.clock, other, s.op[following, START])
            add_wait(f, z, r, at - f.alt_f[s.place[o, ALTERNATE], QUEUE])
        if f.op_i[o, IS_LAST] == 1:
            lot = f.op_i[o, LOT]
            j = s.lot_job[lot]
            while j >= 0 and z.part_first[n + 1] - z.part_first[n] < MOST_PARTS - 1:
                add_part(f, s, x, z, r, lot, j)
                j = s.job_next[j]
        if s.place[o, LINKED] == 1:
            floor = linked_floor(f, s, x, o)
            z.run[n, 1] = max(z.run[n, 1], worked_at(f.clock_offset, f.clock, r, floor))
        z.number[ALL] = n + 1
    z.number[MOVABLE] = movable
    n = z.number[ALL]
    z.family[n] = before
    for a in range(n + 1):
        for b in range(n):
            own = z.family[b]
            minutes = f.op_f[z.op[b], FIXED_SETUP]
            if own >= 0 and z.family[a] >= 0 and z.family[a] != own:
                if f.op_i[z.op[b], STAYS] != 2:
                    minutes += f.setup[r, z.family[a], own]
            z.setup[a, b] = minutes
    return movable > 2
