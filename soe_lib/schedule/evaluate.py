# ruff: noqa: SIM102, SIM110 - plain statements are what the compiler takes
"""
What a move costs: only what it touches is simulated again.

After a move, each machine that it changed is swept from the changed position until its times agree
with the old ones; operations that wait for what has moved (the next in the lot, consumers of the
lot) make their machines dirty in turn. New times stand in ``Scratch`` until the move is accepted.
"""

from __future__ import annotations

from soe_lib.schedule.clock import end_at, start_at, worked_at
from soe_lib.schedule.components import shortage, use
from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.lateness import late_cost, linked_floor, op_end, split_cost
from soe_lib.schedule.scratch import (
    COMPONENTS,
    DIRTY,
    INFEASIBLE,
    LOCAL,
    NEED_LOG,
    ORDERS,
    RAMP,
    RUNNING,
    SHORT,
    SPLIT_ORDERS,
    STAMP,
    TOUCHED,
    USE_LOG,
    mark,
    set_trial,
)
from soe_lib.schedule.work import (
    ALTERNATE,
    BASE_RESOURCE,
    BUCKET_FIRST,
    COST,
    DUE,
    END,
    FAMILY,
    FIXED_SETUP,
    FLOOR,
    HOLD_RATE,
    HOLDING,
    IS_LAST,
    ITEM,
    LAST_BUCKET,
    LINKED,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    PER_LOT,
    PER_UNIT,
    PREFERENCE,
    RANK,
    READY_BY,
    RELEASE,
    RUN,
    SHARED,
    SOFT,
    START,
    STAYS,
    UNREST,
)

EARLY_SCALE = 5 * 1440.0
"""Earliness at which stock counts at its price; quadratic, since only evenly early work can be
started late afterwards. [min]"""
PREFERENCE_PRICE = 0.01
"""Price of one step of preference: decides between equals. [money]"""


@kernel
def sweep(f, s, x, m, limit):  # type: ignore[no-untyped-def]
    """
    Simulate a machine from its dirty position until nothing changes; False: too dear or a cycle.
    """
    first, must = x.dirty_from[m], x.dirty_to[m]
    x.dirty_from[m] = -1
    now = x.number[STAMP]
    r = f.machine[m, 0]
    worked = 0.0
    family = f.machine[m, 1]
    ranked = -1
    if first > 0:
        worked = op_end(s, x, s.sequence[m, first - 1])
        k = first - 1
        while k >= 0 and f.op_i[s.sequence[m, k], FAMILY] < 0:
            k -= 1
        if k >= 0:
            family = f.op_i[s.sequence[m, k], FAMILY]
        if f.has_unrest:
            k = first - 1
            while k >= 0 and f.op_i[s.sequence[m, k], RANK] < 0:
                k -= 1
            if k >= 0:
                ranked = s.sequence[m, k]
    rest, rest_soft = x.machine_cost[m], x.machine_soft[m]
    alone = x.number[DIRTY] == 0
    for k in range(first, s.count[m]):
        o = s.sequence[m, k]
        own = f.op_i[o, FAMILY]
        setup = f.op_f[o, FIXED_SETUP]
        if own >= 0:
            if family >= 0 and family != own and f.op_i[o, STAYS] != 2:
                setup += f.setup[r, family, own]
            family = own
        start = worked + setup
        if start < s.op[o, RELEASE]:
            start = s.op[o, RELEASE]
        if s.place[o, LINKED] == 1:
            start = max(start, worked_at(f.clock_offset, f.clock, r, linked_floor(f, s, x, o)))
        end = start + s.op[o, RUN]
        known = x.stamp[o] == now
        old_start = x.trial[o, 0] if known else s.op[o, START]
        old_end = x.trial[o, 1] if known else s.op[o, END]
        old_cost = x.trial[o, 2] if known else s.op[o, COST]
        old_soft = x.trial[o, 3] if known else s.op[o, SOFT]
        cost = setup * f.change_cost[r]
        if f.has_unrest:
            cost += unrest(f, s, o, r, ranked)
            if f.op_i[o, RANK] >= 0:
                ranked = o
        cost += PREFERENCE_PRICE * f.alt_f[s.place[o, ALTERNATE], PREFERENCE] + s.op[o, SHARED]
        soft = cost
        if f.op_i[o, IS_LAST] == 1:
            if end > s.op[o, DUE] + 1e-9:
                at = end_at(f.clock_offset, f.clock, r, end)
                cost += late_cost(f, s, x, f.op_i[o, LOT], at)
            elif s.op[o, HOLD_RATE] > 0:
                early = s.op[o, DUE] - end
                cost += s.op[o, HOLD_RATE] * early * early / EARLY_SCALE
                soft = cost
        fresh = f.op_i[o, NEED_COUNT] > 0 and s.bucket_of[f.op_i[o, BUCKET_FIRST]] < 0
        late_both = start >= s.op[o, LAST_BUCKET] and old_start >= s.op[o, LAST_BUCKET]
        if fresh or (start != old_start and not late_both):
            use(f, s, x, o, r, start)
        set_trial(x, o, start, end, cost, soft)
        x.money[RUNNING] += cost - old_cost
        rest -= old_cost
        rest_soft -= old_soft
        if end != old_end or fresh:
            if not pass_on(f, s, x, o, m, k):
                return False
            if x.dirty_from[m] >= 0:
                must = max(must, x.dirty_to[m])
        # what ends later from here on only gets later: of its costs no lateness can be saved
        is_later = k >= must and end >= old_end and (own >= 0 or family < 0)
        most = rest_soft if is_later else rest
        if x.money[RUNNING] > limit + most and alone and x.number[DIRTY] == 0:
            return False
        if k >= must and end == old_end and (own >= 0 or family < 0):
            if not f.has_unrest or f.op_i[o, RANK] >= 0:
                break
        worked = end
    if x.dirty_from[m] >= 0:  # marked while it was swept: done in the same sweep
        x.dirty_from[m] = -1
        n = 0
        for k in range(x.number[DIRTY]):
            if x.dirty[k] != m:
                x.dirty[n] = x.dirty[k]
                n += 1
        x.number[DIRTY] = n
    return True


@kernel
def unrest(f, s, o, r, ranked):  # type: ignore[no-untyped-def]
    """Return the price of an operation that is not where it was published. [money]"""
    price = f.op_f[o, UNREST]
    if price <= 0 or f.op_i[o, RANK] < 0:
        return 0.0
    if s.place[o, BASE_RESOURCE] != r:
        return price
    if ranked >= 0 and s.place[ranked, BASE_RESOURCE] == r:
        if f.op_i[ranked, RANK] > f.op_i[o, RANK]:
            return min(price, f.op_f[ranked, UNREST])
    return 0.0


@kernel
def pass_on(f, s, x, o, m, k):  # type: ignore[no-untyped-def]
    """Mark what waits for an operation; False where it stands before it on the same machine."""
    following = f.op_i[o, NEXT]
    if following >= 0:
        if s.place[following, MACHINE] == m and not later(s, m, following, k):
            return False
        mark(s, x, following)
    elif f.op_i[o, IS_LAST] == 1:
        j = s.lot_job[f.op_i[o, LOT]]
        while j >= 0:
            t = f.job_target[j]
            if t >= f.orders:
                consumer = t - f.orders
                if s.place[consumer, MACHINE] == m and not later(s, m, consumer, k):
                    return False
                mark(s, x, consumer)
            j = s.job_next[j]
    return True


@kernel
def later(s, m, o, k):  # type: ignore[no-untyped-def]
    """Return whether an operation stands after position ``k`` of a machine."""
    for j in range(k + 1, s.count[m]):
        if s.sequence[m, j] == o:
            return True
    return False


@kernel
def evaluate(f, s, x, limit):  # type: ignore[no-untyped-def]
    """
    Simulate all dirty machines and return the change of cost; INFEASIBLE when above ``limit``.
    """
    machines = len(f.machine)
    most = 20 * machines + 200
    slack = x.money[SHORT] * x.money[RAMP] + x.money[SPLIT_ORDERS]
    while x.number[DIRTY] > 0:
        best = 0
        if x.number[DIRTY] > 1:
            when = 1e300
            for k in range(x.number[DIRTY]):
                m = x.dirty[k]
                at = 0.0
                if x.dirty_from[m] < s.count[m]:
                    o = s.sequence[m, x.dirty_from[m]]
                    at = start_at(f.clock_offset, f.clock, f.machine[m, 0], s.op[o, START])
                else:
                    at = -1.0
                if at < when:
                    when = at
                    best = k
        m = x.dirty[best]
        x.number[DIRTY] -= 1
        x.dirty[best] = x.dirty[x.number[DIRTY]]
        if not sweep(f, s, x, m, limit + slack):
            return INFEASIBLE
        most -= 1
        if most < 0:
            return INFEASIBLE
    delta = 0.0
    for k in range(x.number[TOUCHED]):
        o = x.touched[k]
        delta += x.trial[o, 2] - s.op[o, COST]
    short = 0.0
    for k in range(x.number[COMPONENTS]):
        c = x.component[k]
        short += shortage(f, s, c) - x.component_cost[c]
    split = 0.0
    for k in range(x.number[ORDERS]):
        d = x.order_list[k]
        split += split_cost(f, s, x, d) - x.order_cost[d]
    return delta + short * x.money[RAMP] + split


@kernel
def commit(f, s, x):  # type: ignore[no-untyped-def]
    """Make the trial the state."""
    for k in range(x.number[TOUCHED]):
        o = x.touched[k]
        m = s.place[o, MACHINE]
        if m >= 0:
            x.machine_cost[m] += x.trial[o, 2] - s.op[o, COST]
            x.machine_soft[m] += x.trial[o, 3] - s.op[o, SOFT]
        x.money[LOCAL] += x.trial[o, 2] - s.op[o, COST]
        s.op[o, START] = x.trial[o, 0]
        s.op[o, END] = x.trial[o, 1]
        s.op[o, COST] = x.trial[o, 2]
        s.op[o, SOFT] = x.trial[o, 3]
    for k in range(x.number[COMPONENTS]):
        c = x.component[k]
        cost = shortage(f, s, c)
        x.money[SHORT] += cost - x.component_cost[c]
        x.component_cost[c] = cost
    for k in range(x.number[ORDERS]):
        d = x.order_list[k]
        cost = split_cost(f, s, x, d)
        x.money[SPLIT_ORDERS] += cost - x.order_cost[d]
        x.order_cost[d] = cost


@kernel
def roll_back(s, x):  # type: ignore[no-untyped-def]
    """Undo what a trial did to the buckets, newest first."""
    for k in range(x.number[NEED_LOG] - 1, -1, -1):
        s.bucket_of[x.need_log[k, 0]] = x.need_log[k, 1]
    for k in range(x.number[USE_LOG]):
        s.used[x.use_log[k]] -= x.use_qty[k]
    for k in range(x.number[DIRTY]):
        x.dirty_from[x.dirty[k]] = -1
    x.number[DIRTY] = 0


@kernel
def refresh(f, s, o):  # type: ignore[no-untyped-def]
    """
    Compute what an operation carries on its machine: run, release, due, last bucket, holding, and
    the stock of order lines that are due later than the first one of the lot.
    """
    m = s.place[o, MACHINE]
    r = f.machine[m, 0]
    alt = s.place[o, ALTERNATE]
    lot = f.op_i[o, LOT]
    s.op[o, RUN] = f.alt_f[alt, PER_UNIT] * s.lot_qty[lot] + f.alt_f[alt, PER_LOT]
    floor = max(f.op_f[o, FLOOR], s.floor_at[o])
    s.op[o, RELEASE] = worked_at(f.clock_offset, f.clock, r, floor)
    last = -1.0
    for k in range(f.op_i[o, NEED_COUNT]):
        c = f.need_bucket[f.op_i[o, NEED_FIRST] + k]
        if c >= 0:
            last = max(last, f.bucket_w[r, f.bucket_offset[c + 1] - 1])
    s.op[o, LAST_BUCKET] = last
    s.op[o, DUE] = 1e18
    s.op[o, HOLD_RATE] = 0.0
    s.op[o, SHARED] = 0.0
    if f.op_i[o, IS_LAST] == 1:
        due = 1e17
        first = 1e17
        j = s.lot_job[lot]
        while j >= 0:
            d = f.job_target[j]
            if d < f.orders:
                if f.target_offset[d + 1] - f.target_offset[d] > 1:
                    due = -1.0
                due = min(due, f.order[d, READY_BY])
                first = min(first, f.order[d, READY_BY])
            j = s.job_next[j]
        rate = f.rule[f.lot_i[lot, ITEM], HOLDING] / 1440.0
        if rate > 0 and first < 1e16 and s.job_next[s.lot_job[lot]] >= 0:
            j = s.lot_job[lot]
            while j >= 0:
                d = f.job_target[j]
                if d < f.orders:
                    wait = f.order[d, READY_BY] - first
                    s.op[o, SHARED] += rate * f.job_qty[j] * wait * wait / EARLY_SCALE
                j = s.job_next[j]
        if due < 1e16:
            s.op[o, DUE] = worked_at(f.clock_offset, f.clock, r, due) if due > 0 else -1.0
            if due > 0:
                s.op[o, HOLD_RATE] = s.lot_qty[lot] * rate
