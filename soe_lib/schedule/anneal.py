# ruff: noqa: SIM102, SIM109 - plain statements are what the compiler takes
"""
Simulated annealing over sequences, places, releases and lots, one kernel.

A move is proposed, simulated where it matters (``evaluate``), and kept when it is cheaper or, with
the usual probability, when it is dearer. Half of the proposals pick an operation that is late or in
the way of one. Targets are drawn around where the operation stands, around its due instant, around
the instants at which its components arrive, and beside operations of its set-up family.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.evaluate import (
    INFEASIBLE,
    RAMP,
    begin,
    commit,
    evaluate,
    roll_back,
)
from soe_lib.schedule.kernel import entry, inlined, kernel
from soe_lib.schedule.moves import (
    find,
    forget,
    mark_range,
    move_job,
    refresh,
    relocate,
    restore,
    save_op,
    save_row,
    shift_block,
    swap_with_stock,
)
from soe_lib.schedule.work import (
    ALT_COUNT,
    ALT_FIRST,
    ALTERNATE,
    BUCKET_FIRST,
    COST,
    DUE,
    END,
    FAMILY,
    FIXED_SETUP,
    IS_FIRM,
    IS_PLAIN,
    ITEM,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    PREVIOUS,
    RUN,
    SOFT,
    START,
    STAYS,
)

INSERT, SWAP, BLOCK, FAMILY_BLOCK, FLOOR_CHANGE, LOT_CHANGE, CROSS_SWAP, STOCK_SWAP, TRADE = range(
    9
)
NUM_KINDS = 9
REACH = 20
"""Operations before a late one that may be in its way."""
SHARE_LATE, SHARE_URGENT = 0.3, 0.5
"""Share of the proposals that pick a late operation, and cumulative of one in the way of such."""


@inlined
def draw(rng):  # type: ignore[no-untyped-def]
    """Return a uniform number in [0, 1) (xorshift64*)."""
    v = rng[0]
    v ^= v >> np.uint64(12)
    v ^= v << np.uint64(25)
    v ^= v >> np.uint64(27)
    rng[0] = v
    return float((v * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def pick(rng, n):  # type: ignore[no-untyped-def]
    """Return a uniform integer in [0, n)."""
    return min(int(draw(rng) * n), n - 1)


@kernel
def add_urgent(f, s, x, o, n):  # type: ignore[no-untyped-def]
    """Append an operation that may be moved to the urgent ones and return their number."""
    if n < len(x.urgent) and f.op_i[o, STAYS] == 0 and s.place[o, MACHINE] >= 0:
        x.urgent[n] = o
        return n + 1
    return n


@kernel
def list_urgent(f, s, x):  # type: ignore[no-untyped-def]
    """
    List the operations that end too late, with those before them in their lots, and then the
    operations that stand before a late one without a pause in between.
    """
    n = np.int64(0)
    for m in range(len(f.machine)):
        for k in range(s.count[m]):
            o = s.sequence[m, k]
            if s.op[o, END] > s.op[o, DUE]:
                while o >= 0 and n < len(f.op_i):
                    n = add_urgent(f, s, x, o, n)
                    o = f.op_i[o, PREVIOUS]
    x.urgent_count[0] = n
    for m in range(len(f.machine)):
        r = f.machine[m, 0]
        reach = 0
        for k in range(s.count[m] - 1, f.machine[m, 2] - 1, -1):
            o = s.sequence[m, k]
            if s.op[o, END] > s.op[o, DUE]:
                reach = REACH
                continue
            if reach == 0:
                continue
            reach -= 1
            after = s.sequence[m, k + 1]
            pause = s.op[after, START] - s.op[o, END] - f.op_f[after, FIXED_SETUP]
            if f.op_i[o, FAMILY] >= 0 and f.op_i[after, FAMILY] >= 0:
                pause -= f.setup[r, f.op_i[o, FAMILY], f.op_i[after, FAMILY]]
            if pause > 1.0:
                reach = 0
            else:
                n = add_urgent(f, s, x, o, n)
    x.urgent_count[1] = n


@kernel
def choose_op(f, s, x, rng, active, num):  # type: ignore[no-untyped-def]
    """Return a movable operation, often one that is late or stands before one; -1 for none."""
    u = draw(rng)
    n = 0
    if u < SHARE_LATE:
        n = x.urgent_count[0]
    elif u < SHARE_URGENT:
        n = x.urgent_count[1]
    if n > 0:
        for _ in range(4):
            o = x.urgent[pick(rng, n)]
            if s.place[o, MACHINE] >= 0:
                return o
    for _ in range(24):
        o = active[pick(rng, num)]
        if s.place[o, MACHINE] >= 0 and f.op_i[o, STAYS] == 0:
            return o
    return -1


@kernel
def position_at(s, m, worked, head):  # type: ignore[no-untyped-def]
    """Return the first position of a machine whose operation ends after ``worked``."""
    left, right = head, s.count[m]
    while left < right:
        middle = (left + right) // 2
        if s.op[s.sequence[m, middle], END] <= worked:
            left = middle + 1
        else:
            right = middle
    return left


@kernel
def target_position(f, s, rng, o, m, head):  # type: ignore[no-untyped-def]
    """Return where on a machine an operation could stand."""
    own = s.place[o, MACHINE]
    n = s.count[m]
    r = f.machine[m, 0]
    u = draw(rng)
    if u < 0.40:
        if own == m:
            p = find(s, m, o)
        else:
            at = start_at(f.clock_offset, f.clock, f.machine[own, 0], s.op[o, START])
            p = position_at(s, m, worked_at(f.clock_offset, f.clock, r, at), head)
        reach = 1.0 + 40.0 * draw(rng) ** 3
        p += int((draw(rng) * 2.0 - 1.0) * reach + (0.5 if draw(rng) < 0.5 else -0.5))
    elif u < 0.65:
        due = s.op[o, DUE]
        if due > 1e16 or due < 0:
            p = head + pick(rng, n - head + 1)
        else:
            at = due
            if own != m:
                instant = start_at(f.clock_offset, f.clock, f.machine[own, 0], due)
                at = worked_at(f.clock_offset, f.clock, r, instant)
            at -= s.op[o, RUN] * (0.5 + 4.0 * draw(rng) ** 2)
            p = position_at(s, m, at, head)
    elif u < 0.80 and f.op_i[o, NEED_COUNT] > 0:
        need = f.op_i[o, NEED_FIRST] + pick(rng, f.op_i[o, NEED_COUNT])
        c = f.need_bucket[need]
        if c < 0:
            p = head + pick(rng, n - head + 1)
        else:
            first = f.bucket_offset[c]
            b = first + pick(rng, f.bucket_offset[c + 1] - first)
            p = position_at(s, m, f.bucket_w[r, b], head) + pick(rng, 3)
    else:
        p = head + pick(rng, n - head + 1)
    p = min(max(p, head), n)
    if f.op_i[o, FAMILY] >= 0 and draw(rng) < 0.5:
        for step in range(1, 12):
            for side in range(2):
                k = p + step if side == 0 else p - step
                if head <= k < n and s.sequence[m, k] != o:
                    if f.op_i[s.sequence[m, k], FAMILY] == f.op_i[o, FAMILY]:
                        return k + 1 if draw(rng) < 0.5 else k
    return p


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


@entry
def anneal(f, s, x, v, rng, active, num, iterations, hot, cold, share, may_reroute, tally):  # type: ignore[no-untyped-def]
    """
    Run a chunk of the search from temperature ``hot`` to ``cold``.

    Parameters
    ----------
    f, s, x, v
        Field, State, Scratch, Saved; the state is changed.
    active, num
        Operations that moves may pick.
    share
        Cumulative probability of each kind of move.
    tally
        Shape (kinds, 3): tried, evaluated, accepted; added to.
    """
    ratio = cold / hot
    temperature = hot
    list_urgent(f, s, x)
    for i in range(iterations):
        if i % 64 == 0:
            temperature = hot * ratio ** (i / iterations)
        u = draw(rng)
        kind = 0
        while kind < NUM_KINDS - 1 and u > share[kind]:
            kind += 1
        tally[kind, 0] += 1
        begin(x)
        forget(v)
        limit = -temperature * np.log(1.0 - draw(rng) + 1e-300)
        if not propose(f, s, x, v, rng, active, num, kind, may_reroute):
            roll_back(s, x)
            restore(s, v, x)
            continue
        tally[kind, 1] += 1
        delta = evaluate(f, s, x, limit)
        if delta <= limit:
            commit(f, s, x)
            tally[kind, 2] += 1
        else:
            roll_back(s, x)
            restore(s, v, x)


@entry
def settle(f, s, x):  # type: ignore[no-untyped-def]
    """Simulate everything from the sequences; False where they contradict each other."""
    begin(x)
    for o in range(len(f.op_i)):
        s.op[o, START] = 1e15
        s.op[o, END] = 1e15
        s.op[o, COST] = 0.0
        s.op[o, SOFT] = 0.0
    for b in range(len(s.used)):
        s.used[b] = 0.0
    for k in range(len(s.bucket_of)):
        s.bucket_of[k] = -1
    for m in range(len(f.machine)):
        x.machine_cost[m] = 0.0
        x.machine_soft[m] = 0.0
        for k in range(s.count[m]):
            refresh(f, s, s.sequence[m, k])
        if s.count[m] > 0:
            mark_range(x, m, np.int64(0), s.count[m] - 1)
    for c in range(len(x.component_cost)):
        x.component_cost[c] = 0.0
    for d in range(len(x.order_cost)):
        x.order_cost[d] = 0.0
    for k in range(len(x.money)):
        if k != RAMP:
            x.money[k] = 0.0
    delta = evaluate(f, s, x, 1e300)
    if delta >= INFEASIBLE:
        roll_back(s, x)
        return False
    commit(f, s, x)
    return True


@entry
def keep_waits(f, s, start):  # type: ignore[no-untyped-def]
    """Where a start waited for components, release the operation at that supply."""
    for m in range(len(f.machine)):
        r = f.machine[m, 0]
        for k in range(s.count[m]):
            o = s.sequence[m, k]
            floor = 0.0
            for j in range(f.op_i[o, NEED_COUNT]):
                c = f.need_bucket[f.op_i[o, NEED_FIRST] + j]
                if c < 0:
                    continue
                for b in range(f.bucket_offset[c], f.bucket_offset[c + 1]):
                    if f.bucket_at[b] <= start[o] + 1e-6:
                        floor = max(floor, f.bucket_at[b])
            free = 0.0
            if k > 0:
                before = s.sequence[m, k - 1]
                run = f.alt_f[s.place[before, ALTERNATE], 0] * s.lot_qty[f.op_i[before, LOT]]
                run += f.alt_f[s.place[before, ALTERNATE], 1]
                free = worked_at(f.clock_offset, f.clock, r, start[before]) + run
            if worked_at(f.clock_offset, f.clock, r, start[o]) > free + 90.0 and floor > 0:
                s.floor_at[o] = floor


@entry
def run_starts(f, s, out):  # type: ignore[no-untyped-def]
    """Write the start of every operation on a machine into ``out``. [min]"""
    for o in range(len(out)):
        m = s.place[o, MACHINE]
        if m >= 0:
            out[o] = start_at(f.clock_offset, f.clock, f.machine[m, 0], s.op[o, START])
