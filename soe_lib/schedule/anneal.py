"""
Simulated annealing over sequences, places, releases and lots, one kernel.

A move is proposed, simulated where it matters (``evaluate``), and kept when it is cheaper or, with
the usual probability, when it is dearer. Half of the proposals pick an operation that is late or in
the way of one.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.evaluate import commit, evaluate, roll_back
from soe_lib.schedule.kernel import entry
from soe_lib.schedule.moves import (
    forget,
    mark_range,
    refresh,
    restore,
)
from soe_lib.schedule.proposals import NUM_KINDS, propose
from soe_lib.schedule.scratch import INFEASIBLE, RAMP, begin
from soe_lib.schedule.targets import draw, list_urgent
from soe_lib.schedule.work import (
    ALTERNATE,
    COST,
    END,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    SOFT,
    START,
)


@entry
def anneal(f, s, x, v, rng, active, num, iterations, hot, cold, least, share, may_reroute, tally):  # type: ignore[no-untyped-def]
    """
    Run a chunk of the search from temperature ``hot`` to ``cold``.

    Parameters
    ----------
    f, s, x, v
        Field, State, Scratch, Saved; the state is changed.
    active, num
        Operations that moves may pick.
    least
        What a move must save at temperature 0. [money]
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
        limit = -temperature * np.log(1.0 - draw(rng) + 1e-300) - least
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
