# ruff: noqa: SIM108 - plain statements are what the compiler takes
"""Just in time: start planned lots as late as their order lines, successors and lines allow."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import end_at, start_at, worked_at
from soe_lib.schedule.kernel import allocating
from soe_lib.schedule.plan import Plan
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.work import (
    ALTERNATE,
    FAMILY,
    FIXED_SETUP,
    IS_FIRM,
    IS_LAST,
    LOT,
    MACHINE,
    NEXT,
    PER_LOT,
    PER_UNIT,
    QUEUE,
    READY_BY,
    STAYS,
)

BUFFER_MINUTES = 2 * 60.0
"""A lot that can be on time is ready this long before its first order line is due. [min]"""


@allocating
def _push(f, off, spans, sequence, count, place, lot_qty, lot_job, job_next, start, buffer):  # type: ignore[no-untyped-def]
    """Move starts later, last operation first; starts become later only."""
    n = len(f.op_i)
    position = np.full(n, -1, np.int64)
    placed = 0
    for m in range(len(f.machine)):
        for k in range(count[m]):
            if start[sequence[m, k]] < 1e14:
                position[sequence[m, k]] = k
                placed += 1
    order = np.argsort(-start)
    for o in order:
        if start[o] >= 1e14 or position[o] < 0:
            continue
        lot = f.op_i[o, LOT]
        if f.lot_i[lot, IS_FIRM] == 1 or f.op_i[o, STAYS] > 0:
            continue
        m = place[o, MACHINE]
        r = f.machine[m, 0]
        alt = place[o, ALTERNATE]
        run = f.alt_f[alt, PER_UNIT] * lot_qty[lot] + f.alt_f[alt, PER_LOT]
        now = worked_at(off, spans, r, start[o])
        end = end_at(off, spans, r, now + run)
        latest = 1e18
        k = position[o]
        if k + 1 < count[m]:
            after = sequence[m, k + 1]
            if start[after] < 1e14:
                setup = f.op_f[after, FIXED_SETUP]
                family = f.op_i[o, FAMILY]
                j = k
                while family < 0 and j > 0:
                    j -= 1
                    family = f.op_i[sequence[m, j], FAMILY]
                own = f.op_i[after, FAMILY]
                if family >= 0 and own >= 0 and family != own:
                    setup += f.setup[r, family, own]
                latest = worked_at(off, spans, r, start[after]) - setup
        limit = 1e18
        following = f.op_i[o, NEXT]
        if following >= 0:
            limit = start[following] - f.alt_f[alt, QUEUE]
        if f.op_i[o, IS_LAST] == 1:
            j = lot_job[lot]
            while j >= 0:
                d = f.job_target[j]
                if d < f.orders:
                    due = f.order[d, READY_BY]
                    if end >= due:
                        limit = min(limit, end)
                    else:
                        limit = min(limit, max(end, due - buffer))
                else:
                    limit = min(limit, start[d - f.orders])
                j = job_next[j]
        if limit < 1e17:
            latest = min(latest, worked_at(off, spans, r, limit))
        if latest > 1e17:
            continue
        later = latest - run
        if later > now + 1e-6:
            moved = start_at(off, spans, r, later)
            if moved < 1e14 and moved > start[o]:
                start[o] = moved


def start_late(problem: Problem, plan: Plan, start: np.ndarray) -> np.ndarray:
    """
    Return starts that are as late as they may be without making anything later than it is.

    Only planned lots move; what is published stays. Components are taken later, never earlier.
    """
    moved = start.copy()
    f, s = plan.field, plan.state
    _push(
        f, plan.clock.offset, plan.clock.spans, s.sequence, s.count, s.place, s.lot_qty, s.lot_job,
        s.job_next, moved, BUFFER_MINUTES,
    )  # fmt: skip
    return np.where(moved < NEVER / 2, moved, 0.0)
