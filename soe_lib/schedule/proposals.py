# ruff: noqa: SIM109 - plain statements are what the compiler takes
"""Proposals of the search: draw a move of a kind and apply it to the state."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.moves import (
    find,
    mark_range,
    move_job,
    refresh,
    relocate,
    save_op,
    save_row,
    shift_block,
    swap_with_stock,
)
from soe_lib.schedule.targets import choose_op, draw, pick, position_at, target_position
from soe_lib.schedule.work import (
    ALT_COUNT,
    ALT_FIRST,
    ALTERNATE,
    BUCKET_FIRST,
    DUE,
    FAMILY,
    IS_FIRM,
    IS_PLAIN,
    ITEM,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    RUN,
    START,
    STAYS,
)

INSERT, SWAP, BLOCK, FAMILY_BLOCK, FLOOR_CHANGE, LOT_CHANGE, CROSS_SWAP, STOCK_SWAP, TRADE = range(
    9
)
NUM_KINDS = 9


@kernel
def try_insert(f, s, x, v, rng, active, num, may_reroute):  # type: ignore[no-untyped-def]
    """Move one operation; False when there was nothing to move."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0:
        return False
    own = s.place[o, MACHINE]
    m, alternate = own, s.place[o, ALTERNATE]
    if may_reroute and (f.op_i[o, ALT_COUNT] > 1) and draw(rng) < 0.45:
        alternate = f.op_i[o, ALT_FIRST] + pick(rng, f.op_i[o, ALT_COUNT])
    r = f.alt_resource[alternate]
    if r != f.machine[own, 0] or f.machine_of[r + 1] - f.machine_of[r] > 1:
        m = f.machine_of[r] + pick(rng, f.machine_of[r + 1] - f.machine_of[r])
    p = target_position(f, s, rng, o, m, f.machine[m, 2])
    if m != own:
        relocate(f, s, x, v, o, m, p, alternate)
        return True
    a = find(s, m, o)
    if p > a:
        p -= 1
    if p == a:
        return False
    save_row(s, v, m)
    shift_block(s, x, m, a, np.int64(1), p)
    return True


@kernel
def try_swap(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Exchange two operations of a machine."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0:
        return False
    m = s.place[o, MACHINE]
    head = f.machine[m, 2]
    a = find(s, m, o)
    b = min(target_position(f, s, rng, o, m, head), s.count[m] - 1)
    if a == b:
        return False
    save_row(s, v, m)
    s.sequence[m, a], s.sequence[m, b] = s.sequence[m, b], s.sequence[m, a]
    mark_range(x, m, min(a, b), max(a, b) + 1)
    return True


@kernel
def try_block(f, s, x, v, rng, active, num, whole_family):  # type: ignore[no-untyped-def]
    """Move several neighbours together; with ``whole_family`` the run of one set-up family."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0:
        return False
    m = s.place[o, MACHINE]
    head = f.machine[m, 2]
    a = find(s, m, o)
    size = 1
    if whole_family:
        own = f.op_i[o, FAMILY]
        while a > head and f.op_i[s.sequence[m, a - 1], FAMILY] == own and size < 40:
            a -= 1
            size += 1
        while a + size < s.count[m] and f.op_i[s.sequence[m, a + size], FAMILY] == own:
            size += 1
            if size >= 40:
                break
    else:
        longest = min(6, s.count[m] // 3) if draw(rng) < 0.5 else s.count[m] // 3
        size = min(2 + pick(rng, min(max(longest, 1), 30)), s.count[m] - a)
    room = s.count[m] - size
    b = target_position(f, s, rng, o, m, head)
    if b > a:
        b -= size
    b = min(max(b, head), room)
    if b == a:
        return False
    save_row(s, v, m)
    shift_block(s, x, m, a, size, b)
    return True


@kernel
def try_floor(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Set or clear the release of an operation: wait for the supply of one of its components."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0 or f.op_i[o, NEED_COUNT] == 0:
        return False
    floor = 0.0
    if s.floor_at[o] <= 0 or draw(rng) < 0.3:
        need = f.op_i[o, NEED_FIRST] + pick(rng, f.op_i[o, NEED_COUNT])
        c = f.need_bucket[need]
        if c < 0:
            return False
        first = f.bucket_offset[c]
        n = f.bucket_offset[c + 1] - first - 1
        if n < 1:
            return False
        floor = f.bucket_at[first + 1 + pick(rng, n)]
    if floor == s.floor_at[o]:
        return False
    save_op(s, v, o)
    s.floor_at[o] = floor
    refresh(f, s, o)
    m = s.place[o, MACHINE]
    p = find(s, m, o)
    mark_range(x, m, p, p)
    return True


@kernel
def try_lot(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Move a job to another lot of the item, or out of its lot into one of its own."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0:
        return False
    lot = f.op_i[o, LOT]
    if f.lot_i[lot, IS_FIRM] == 1 or f.lot_i[lot, IS_PLAIN] == 0:
        return False
    job = s.lot_job[lot]
    if job < 0:
        return False
    jobs = 0
    j = job
    while j >= 0:
        jobs += 1
        j = s.job_next[j]
    for _ in range(pick(rng, jobs)):
        job = s.job_next[job]
    item = f.lot_i[lot, ITEM]
    first, last = f.mates_offset[item], f.mates_offset[item + 1]
    if last - first < 2:
        return False
    split = jobs > 1 and draw(rng) < 0.5
    start = pick(rng, last - first)
    for k in range(last - first):
        other = f.mates[first + (start + k) % (last - first)]
        if other == lot:
            continue
        empty = s.lot_job[other] < 0
        if empty == split:
            return move_job(f, s, x, v, job, other)
    return False


@kernel
def try_stock(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Serve an order line from stock that another line of the item has, and that one from a lot."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0:
        return False
    lot = f.op_i[o, LOT]
    item = f.lot_i[lot, ITEM]
    job = s.lot_job[lot]
    first, last = f.stock_offset[item], f.stock_offset[item + 1]
    if f.lot_i[lot, IS_FIRM] == 1 or f.lot_i[lot, IS_PLAIN] == 0 or job < 0 or last == first:
        return False
    while s.job_next[job] >= 0 and draw(rng) < 0.5:
        job = s.job_next[job]
    if f.job_target[job] >= f.orders:
        return False
    start = pick(rng, last - first)
    for k in range(last - first):
        other = f.stock_job[first + (start + k) % (last - first)]
        if s.job_lot[other] < 0 and s.job_time[other] <= 0:
            return swap_with_stock(f, s, x, v, job, other)
    return False


@kernel
def try_cross(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Exchange two operations of different machines, where both may run on the other's."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0 or f.op_i[o, ALT_COUNT] < 2:
        return False
    alternate = f.op_i[o, ALT_FIRST] + pick(rng, f.op_i[o, ALT_COUNT])
    r = f.alt_resource[alternate]
    own = s.place[o, MACHINE]
    m = f.machine_of[r] + pick(rng, f.machine_of[r + 1] - f.machine_of[r])
    if m == own or s.count[m] <= f.machine[m, 2]:
        return False
    p = min(target_position(f, s, rng, o, m, f.machine[m, 2]), s.count[m] - 1)
    for step in range(6):
        q = p + step if p + step < s.count[m] else p - step
        if q < f.machine[m, 2] or q >= s.count[m]:
            continue
        other = s.sequence[m, q]
        if f.op_i[other, STAYS] > 0:
            continue
        for k in range(f.op_i[other, ALT_COUNT]):
            back = f.op_i[other, ALT_FIRST] + k
            if f.alt_resource[back] == f.machine[own, 0]:
                a = find(s, own, o)
                relocate(f, s, x, v, o, m, q, alternate)
                relocate(f, s, x, v, other, own, min(a, s.count[own]), back)
                return True
    return False


@kernel
def send_to(f, s, x, v, o, floor, at):  # type: ignore[no-untyped-def]
    """Release an operation at an instant and put it where its machine is at another, later one."""
    m = s.place[o, MACHINE]
    r = f.machine[m, 0]
    save_row(s, v, m)
    save_op(s, v, o)
    s.floor_at[o] = floor
    refresh(f, s, o)
    a = find(s, m, o)
    p = position_at(s, m, worked_at(f.clock_offset, f.clock, r, at), f.machine[m, 2])
    if p > a:
        p -= 1
    p = min(max(p, f.machine[m, 2]), s.count[m] - 1)
    if p == a:
        mark_range(x, m, a, a)
    else:
        shift_block(s, x, m, a, np.int64(1), p)


@kernel
def try_trade(f, s, x, v, rng, active, num):  # type: ignore[no-untyped-def]
    """Give an early component to an operation that waits for it; one that has it waits instead."""
    o = choose_op(f, s, x, rng, active, num)
    if o < 0 or f.op_i[o, NEED_COUNT] == 0:
        return False
    k = pick(rng, f.op_i[o, NEED_COUNT])
    c = f.need_bucket[f.op_i[o, NEED_FIRST] + k]
    if c < 0:
        return False
    late = s.bucket_of[f.op_i[o, BUCKET_FIRST] + k]
    if late <= f.bucket_offset[c]:
        return False
    first, last = f.user_offset[c], f.user_offset[c + 1]
    start = pick(rng, last - first)
    for step in range(min(last - first, 200)):
        other = f.user[first + (start + step) % (last - first)]
        if s.place[other, MACHINE] < 0 or f.op_i[other, STAYS] > 0 or other == o:
            continue
        early = -1
        for j in range(f.op_i[other, NEED_COUNT]):
            if f.need_bucket[f.op_i[other, NEED_FIRST] + j] == c:
                early = s.bucket_of[f.op_i[other, BUCKET_FIRST] + j]
        if early >= late or early < 0:
            continue
        r = f.machine[s.place[other, MACHINE], 0]
        at = start_at(f.clock_offset, f.clock, r, s.op[other, START])
        if draw(rng) < 0.5 and s.op[o, DUE] > 0 and s.op[o, DUE] < 1e16:
            own = f.machine[s.place[o, MACHINE], 0]
            aim = s.op[o, DUE] - s.op[o, RUN] * (1.0 + 2.0 * draw(rng))
            at = max(start_at(f.clock_offset, f.clock, own, max(aim, 0.0)), f.bucket_at[early])
        floor = f.bucket_at[early] if early > f.bucket_offset[c] else 0.0
        wait = f.bucket_at[late]
        send_to(f, s, x, v, other, wait, wait + 1.0)
        send_to(f, s, x, v, o, floor, at)
        return True
    return False


@kernel
def propose(f, s, x, v, rng, active, num, kind, may_reroute):  # type: ignore[no-untyped-def]
    """Apply one move of a kind; False when there is none."""
    if kind == INSERT:
        return try_insert(f, s, x, v, rng, active, num, may_reroute)
    if kind == SWAP:
        return try_swap(f, s, x, v, rng, active, num)
    if kind == BLOCK or kind == FAMILY_BLOCK:
        return try_block(f, s, x, v, rng, active, num, kind == FAMILY_BLOCK)
    if kind == FLOOR_CHANGE:
        return try_floor(f, s, x, v, rng, active, num)
    if kind == LOT_CHANGE:
        return try_lot(f, s, x, v, rng, active, num)
    if kind == STOCK_SWAP:
        return try_stock(f, s, x, v, rng, active, num)
    if kind == TRADE:
        return try_trade(f, s, x, v, rng, active, num)
    return may_reroute and try_cross(f, s, x, v, rng, active, num)
