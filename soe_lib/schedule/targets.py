# ruff: noqa: SIM102 - plain statements are what the compiler takes
"""
What a move picks and where it puts it.

Targets are drawn around where the operation stands, around its due instant, around the instants at
which its components arrive, and beside operations of its set-up family.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.kernel import inlined, kernel
from soe_lib.schedule.moves import (
    find,
)
from soe_lib.schedule.work import (
    DUE,
    END,
    FAMILY,
    FIXED_SETUP,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    PREVIOUS,
    RUN,
    START,
    STAYS,
)

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
