"""
Tidy a plan: lots no larger than they must be, neighbours of one family in the order of their dues.

Among plans of equal cost this one leaves least stock: a lot of several order lines is ready for the
last only when it is ready for the first, and starting late stops at whoever stands next. A change
is kept only where it costs nothing.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.evaluate import commit, evaluate, roll_back
from soe_lib.schedule.kernel import entry, kernel
from soe_lib.schedule.moves import forget, move_job, restore, save_row, shift_block
from soe_lib.schedule.scratch import begin, mark_range
from soe_lib.schedule.work import (
    DUE,
    END,
    FAMILY,
    IS_FIRM,
    IS_PLAIN,
    ITEM,
    LOT,
    LOT_MIN,
    LOT_MULTIPLE,
    NUM_OPS,
    STAYS,
)

MOST_PASSES = 200
MOST_TRIES = 12


@kernel
def first_due(f, s, o):  # type: ignore[no-untyped-def]
    """Return the earliest due instant of the order lines of an operation's lot. [min]"""
    due = 1e18
    j = s.lot_job[f.op_i[o, LOT]]
    while j >= 0:
        d = f.job_target[j]
        if d < f.orders:
            due = min(due, f.order[d, 0])
        j = s.job_next[j]
    return due


@kernel
def split_lots(f, s, x, v):  # type: ignore[no-untyped-def]
    """Give jobs that can stand alone lots of their own behind their old one, where that is free."""
    splits = 0
    for lot in range(len(f.lot_i)):
        if f.lot_i[lot, IS_FIRM] == 1 or f.lot_i[lot, IS_PLAIN] == 0 or f.lot_i[lot, NUM_OPS] != 1:
            continue
        item = f.lot_i[lot, ITEM]
        least, multiple = f.rule[item, LOT_MIN], f.rule[item, LOT_MULTIPLE]
        first, last = f.mates_offset[item], f.mates_offset[item + 1]
        job = s.lot_job[lot]
        while job >= 0 and s.lot_job[lot] >= 0:
            following = s.job_next[job]
            qty = f.job_qty[job]
            rest = -qty
            j = s.lot_job[lot]
            while j >= 0:
                rest += f.job_qty[j]
                j = s.job_next[j]
            whole = multiple <= 0 or abs(qty / multiple - round(qty / multiple)) < 1e-6
            if qty >= least - 1e-6 and rest >= least - 1e-6 and rest > 1e-6 and whole:
                for k in range(first, last):
                    mate = f.mates[k]
                    if s.lot_job[mate] >= 0:
                        continue
                    begin(x)
                    forget(v)
                    if move_job(f, s, x, v, job, mate) and evaluate(f, s, x, 1e-9) <= 1e-9:
                        commit(f, s, x)
                        splits += 1
                    else:
                        roll_back(s, x)
                        restore(s, v, x)
                    break
            job = following
    return splits


@kernel
def postpone(f, s, x, v):  # type: ignore[no-untyped-def]
    """Move operations to a later run of their family that still ends in time, where it is free."""
    moved = 0
    for m in range(len(f.machine)):
        for k in range(s.count[m] - 2, f.machine[m, 2] - 1, -1):
            o = s.sequence[m, k]
            due = s.op[o, DUE]
            if f.op_i[o, STAYS] > 0 or due > 1e17 or due < 0:
                continue
            tries = 0
            for p in range(s.count[m] - 1, k + 1, -1):
                other = s.sequence[m, p]
                if s.op[other, END] > due or f.op_i[other, FAMILY] != f.op_i[o, FAMILY]:
                    continue
                begin(x)
                forget(v)
                save_row(s, v, m)
                shift_block(s, x, m, k, np.int64(1), p)
                if evaluate(f, s, x, 1e-9) <= 1e-9:
                    commit(f, s, x)
                    moved += 1
                    break
                roll_back(s, x)
                restore(s, v, x)
                tries += 1
                if tries >= MOST_TRIES:
                    break
    return moved


@entry
def tidy(f, s, x, v, passes):  # type: ignore[no-untyped-def]
    """Swap neighbours of one family that stand against their dues, where that costs nothing."""
    swaps = 0
    if passes > 0:
        split_lots(f, s, x, v)
        for _ in range(3):
            if postpone(f, s, x, v) == 0:
                break
    for _ in range(passes):
        changed = 0
        for m in range(len(f.machine)):
            for k in range(f.machine[m, 2], s.count[m] - 1):
                a, b = s.sequence[m, k], s.sequence[m, k + 1]
                if f.op_i[a, FAMILY] != f.op_i[b, FAMILY] or s.op[a, DUE] > 1e17:
                    continue
                if f.op_i[a, STAYS] > 0 or f.op_i[b, STAYS] > 0:
                    continue
                if first_due(f, s, a) <= first_due(f, s, b) + 1e-6:
                    continue
                begin(x)
                s.sequence[m, k], s.sequence[m, k + 1] = b, a
                mark_range(x, m, k, k + 2)
                if evaluate(f, s, x, 1e-9) <= 1e-9:
                    commit(f, s, x)
                    changed += 1
                else:
                    roll_back(s, x)
                    s.sequence[m, k], s.sequence[m, k + 1] = a, b
        swaps += changed
        if changed == 0:
            break
    return swaps
