"""
Purchased components in the search, by the bucket (time between two supplies) in which a run starts.

They are not waited for: what is taken before it is there costs a penalty.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.scratch import COMPONENTS, NEED_LOG, STAMP, USE_LOG
from soe_lib.schedule.work import (
    BUCKET_FIRST,
    LOT,
    NEED_COUNT,
    NEED_FIRST,
)


@kernel
def use(f, s, x, o, r, start):  # type: ignore[no-untyped-def]
    """Enter the components of an operation into the buckets in which its run starts."""
    lot = f.op_i[o, LOT]
    for k in range(f.op_i[o, NEED_COUNT]):
        need = f.op_i[o, NEED_FIRST] + k
        c = f.need_bucket[need]
        if c < 0:
            continue
        b = f.bucket_offset[c + 1] - 1
        while f.bucket_w[r, b] > start + 1e-6 and b > f.bucket_offset[c]:
            b -= 1
        change_bucket(f, s, x, o, lot, k, need, c, b)


@kernel
def change_bucket(f, s, x, o, lot, k, need, c, b):  # type: ignore[no-untyped-def]
    """Move one need to bucket ``b`` (-1: out of all) and note it."""
    own = f.op_i[o, BUCKET_FIRST] + k
    old = s.bucket_of[own]
    if old == b:
        return
    qty = f.need_f[need, 0] * s.lot_qty[lot] + f.need_f[need, 1]
    n = x.number[NEED_LOG]
    x.need_log[n, 0] = own
    x.need_log[n, 1] = old
    x.number[NEED_LOG] = n + 1
    s.bucket_of[own] = b
    u = x.number[USE_LOG]
    if old >= 0:
        s.used[old] -= qty
        x.use_log[u] = old
        x.use_qty[u] = -qty
        u += 1
    if b >= 0:
        s.used[b] += qty
        x.use_log[u] = b
        x.use_qty[u] = qty
        u += 1
    x.number[USE_LOG] = u
    if x.component_stamp[c] != x.number[STAMP]:
        x.component_stamp[c] = x.number[STAMP]
        x.component[x.number[COMPONENTS]] = c
        x.number[COMPONENTS] += 1


@kernel
def take_out(f, s, x, o):  # type: ignore[no-untyped-def]
    """Take the components of an operation out of all buckets (its quantity or clock changes)."""
    lot = f.op_i[o, LOT]
    for k in range(f.op_i[o, NEED_COUNT]):
        need = f.op_i[o, NEED_FIRST] + k
        c = f.need_bucket[need]
        if c >= 0:
            change_bucket(f, s, x, o, lot, k, need, c, np.int64(-1))


@kernel
def shortage(f, s, c):  # type: ignore[no-untyped-def]
    """Return what the shortages of a component cost, before the ramp. [money]"""
    cost = 0.0
    total = 0.0
    for b in range(f.bucket_offset[c], f.bucket_offset[c + 1]):
        total += s.used[b]
        lacking = total - s.room[b]
        if lacking > 1e-6:
            cost += lacking * f.bucket_price[b]
    return cost
