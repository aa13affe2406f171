# mypy: disable-error-code="assignment"

"""
Exchange of neighbouring segments on one machine, in descents from kicked orders.

Every pair of neighbouring segments of which one is short is tried; the tables of ``line`` judge
most exchanges without simulation, and those that seem to gain are simulated exactly. A descent
ends where no exchange gains; two segments are then exchanged at random and the next one begins.
"""

from __future__ import annotations

from soe_lib.schedule.backward import backwards, prepare
from soe_lib.schedule.evaluate import commit, evaluate, roll_back
from soe_lib.schedule.kernel import entry, kernel
from soe_lib.schedule.line import (
    ALL,
    BEST,
    CHANGE,
    FREE_AT,
    KEPT,
    MACHINE_NO,
    MOVABLE,
    NEW,
    NOW,
    OWN,
    TRIALS,
    load,
)
from soe_lib.schedule.line_tables import build, op_cost, shifted, tail
from soe_lib.schedule.moves import forget, refresh, restore, save_op, save_row
from soe_lib.schedule.scratch import begin, mark_range
from soe_lib.schedule.targets import draw, pick
from soe_lib.schedule.work import FLOOR

SHORT_SEGMENT = 10
FAR = 60
"""Longest other segment; in a stretch of this length every place is within reach."""
KICK = 8
"""Longest segment of a kick."""
AROUND = 30
"""Positions around a kick that the descent after it looks at."""
SMALL_KICK, CLOSE = 3, 10
"""The same where an order found backwards, which is nearly right, is searched."""
EPISODE = 100
"""Kicks from one order before another is looked for."""
BEAMS_PER_KICK = 8
"""Orders looked for backwards, where one without lateness may exist."""
PATIENCE = 400
"""Orders found backwards that may be too dear one after the other, before none is looked for."""
WORTH = 2.0
"""How dear an order found backwards may be, in the cost of the best, to be kicked."""
TOLERANCE = 0.05
"""Share by which an order may be dearer than the one it was kicked from, and be kept."""


@kernel
def judged(z, i, j, k, limit):  # type: ignore[no-untyped-def]
    """Return the cost with [i, j) and [j, k) exchanged, by the tables; 1e30 where too dear."""
    n = z.number[ALL]
    before = z.row[NOW, i - 1] if i > 0 else n
    at = z.end[i - 1] if i > 0 else z.money[FREE_AT]
    first, last = z.row[NOW, i], z.row[NOW, j - 1]
    o, end = z.row[NOW, j], z.row[NOW, k - 1]
    change = z.setup[before, o] - z.setup[before, first] - z.setup[last, o] + z.setup[end, first]
    one = max(at + z.setup[before, o], z.run[o, 1]) + z.run[o, 0] - z.end[j]
    free = z.end[k - 1] + one + z.setup[end, first]
    two = max(free, z.run[first, 1]) + z.run[first, 0] - z.end[i]
    cost = z.cum[n] - z.flat[i]
    if k < n:
        o = z.row[NOW, k]
        change += z.setup[last, o] - z.setup[end, o]
        free = z.end[j - 1] + two + z.setup[last, o]
        cost += tail(z, k, max(free, z.run[o, 1]) + z.run[o, 0] - z.end[k])
    cost += change * z.money[CHANGE]
    if cost >= limit:
        return 1e30
    cost += shifted(z, i, two) - shifted(z, j, two)
    if cost >= limit:
        return 1e30
    return cost + shifted(z, j, one) - shifted(z, k, one)


@kernel
def exact(f, z, i, j, k, limit):  # type: ignore[no-untyped-def]
    """Return the cost with [i, j) and [j, k) exchanged, by simulation; 1e30 where too dear."""
    n = z.number[ALL]
    r = f.machine[z.number[MACHINE_NO], 0]
    before = z.row[NOW, i - 1] if i > 0 else n
    at = z.end[i - 1] if i > 0 else z.money[FREE_AT]
    cost = z.cum[i]
    for q in range(i, n):
        p = q
        if q < k:
            p = j + q - i if q < i + k - j else q - (k - j)
        o = z.row[NOW, p]
        setup = z.setup[before, o]
        at = max(at + setup, z.run[o, 1]) + z.run[o, 0]
        cost += op_cost(f, z, r, o, setup, at)
        if cost >= limit:
            return 1e30
        if q >= k and abs(at - z.end[q]) < 1e-9:
            return cost + z.cum[n] - z.cum[q + 1]
        before = o
    return cost


@kernel
def turn(z, i, j, k):  # type: ignore[no-untyped-def]
    """Exchange the segments [i, j) and [j, k)."""
    n = 0
    for q in range(j, k):
        z.row[NEW, n] = z.row[NOW, q]
        n += 1
    for q in range(i, j):
        z.row[NEW, n] = z.row[NOW, q]
        n += 1
    for q in range(n):
        z.row[NOW, i + q] = z.row[NEW, q]


@kernel
def copy_row(z, source, target):  # type: ignore[no-untyped-def]
    """Copy one order over another."""
    for q in range(z.number[ALL]):
        z.row[target, q] = z.row[source, q]


@kernel
def keep(z):  # type: ignore[no-untyped-def]
    """Go on from the order on trial."""
    copy_row(z, NOW, KEPT)
    for k in range(z.number[ALL]):
        o = z.row[NOW, k]
        z.late[k] = z.end[k] > z.run[o, 2] + 1e-9


@kernel
def descend(f, z, rng, low, high):  # type: ignore[no-untyped-def]
    """Exchange segments that begin in [low, high) until none gains; return the cost."""
    cost = build(f, z, 0)
    last = z.number[MOVABLE]
    short = min(SHORT_SEGMENT, last - 1)
    size = 1 + pick(rng, short)
    failed = 0
    while failed < short:
        limit = cost - 1e-7 * (1.0 + cost)
        bi, bj, bk = -1, -1, -1
        for i in range(low, min(high, last - size)):
            if z.cum[i] >= limit:
                break
            for k in range(i + size + 1, min(last, i + size + FAR) + 1):
                z.number[TRIALS] += 1
                if judged(z, i, i + size, k, limit) < limit:
                    found = exact(f, z, i, i + size, k, limit)
                    if found < limit:
                        limit, bi, bj, bk = found, i, i + size, k
                j = k - size
                if j > i + size:
                    z.number[TRIALS] += 1
                    if judged(z, i, j, k, limit) < limit:
                        found = exact(f, z, i, j, k, limit)
                        if found < limit:
                            limit, bi, bj, bk = found, i, j, k
        failed += 1
        if bi >= 0:
            turn(z, bi, bj, bk)
            cost = build(f, z, bi)
            failed = 0
        size = size % short + 1
    return cost


@kernel
def kick(z, rng, longest, around):  # type: ignore[no-untyped-def]
    """
    Exchange two segments of the kept order at random, half of the time at a late operation; return
    the first position that changed and the one after the last.
    """
    last = z.number[MOVABLE]
    copy_row(z, KEPT, NOW)
    longest = min(longest, last // 2)
    one, two = 1 + pick(rng, longest), 1 + pick(rng, longest)
    first = pick(rng, last - one - two + 1)
    if draw(rng) < 0.5:
        for step in range(last):
            k = first + step if first + step < last else first + step - last
            if z.late[k] == 1:
                first = max(min(k - pick(rng, one + two + 1), last - one - two), 0)
                break
    between = pick(rng, min(last - first - one - two, 2 * around) + 1)
    n = 0
    for q in range(two):
        z.row[NEW, n] = z.row[NOW, first + one + between + q]
        n += 1
    for q in range(between):
        z.row[NEW, n] = z.row[NOW, first + one + q]
        n += 1
    for q in range(one):
        z.row[NEW, n] = z.row[NOW, first + q]
        n += 1
    for q in range(n):
        z.row[NOW, first + q] = z.row[NEW, q]
    return first, first + n


@kernel
def kicked(f, z, rng, rounds, longest, around, best):  # type: ignore[no-untyped-def]
    """
    Kick and descend from the order on trial; return the lowest cost known.

    An order cheaper than ``best`` is copied to the best.
    """
    kept = build(f, z, 0)
    keep(z)
    own = kept
    copy_row(z, NOW, OWN)
    for _ in range(rounds):
        if own <= 1e-9:
            break
        low, high = kick(z, rng, longest, around)
        cost = descend(f, z, rng, max(low - around, 0), high + around)
        if cost <= kept * (1.0 + TOLERANCE * draw(rng)):
            kept = cost
            keep(z)
        if cost < own - 1e-9:
            own = cost
            copy_row(z, NOW, OWN)
        if kept > own * (1.0 + TOLERANCE):
            kept = own
            copy_row(z, OWN, NOW)
            build(f, z, 0)
            keep(z)
    if own < best - 1e-9:
        copy_row(z, OWN, BEST)
        return own
    return best


@entry
def reorder(f, s, x, v, z, b, rng, m, first, rounds, delay):  # type: ignore[no-untyped-def]
    """
    Put a stretch of a machine in a better order, where there is one.

    Parameters
    ----------
    f, s, x, v, z, b
        Field, State, Scratch, Saved, Line, Beam; the state is changed.
    m, first
        Machine, and position at which the stretch begins.
    rounds
        Kicks.
    delay
        Price of a minute by which an operation elsewhere waits longer. [money/min]

    Returns
    -------
    float
        What the whole plan costs less; 0 where nothing was changed. [money]
    """
    begin(x)
    z.number[TRIALS] = 0
    if not load(f, s, x, z, m, first, delay, draw(rng) < 0.5):
        return 0.0
    last = z.number[MOVABLE]
    before = build(f, z, 0)
    best = descend(f, z, rng, 0, last)
    copy_row(z, NOW, BEST)
    is_open = best > 1e-9 and prepare(z, b)
    done, tried = 0, 0
    while done < rounds and best > 1e-9:
        copy_row(z, BEST, NOW)
        some = min(EPISODE, rounds - done)
        best = kicked(f, z, rng, some, KICK, AROUND, best)
        done += some
        copy_row(z, BEST, NOW)
        build(f, z, 0)
        is_open = is_open and z.flat[0] > 1e-9
        for _ in range(BEAMS_PER_KICK * some):
            if not is_open or best <= 1e-9:
                break
            tried += 1
            if backwards(z, b, rng) and build(f, z, 0) <= WORTH * best:
                descend(f, z, rng, 0, last)
                best = kicked(f, z, rng, EPISODE, SMALL_KICK, CLOSE, best)
                tried = 0
            is_open = tried < PATIENCE
    if best >= before - 1e-9:
        return 0.0
    begin(x)
    forget(v)
    save_row(s, v, m)
    copy_row(z, BEST, NOW)
    build(f, z, 0)
    for q in range(last):
        n = z.row[NOW, q]
        o = z.op[n]
        s.sequence[m, first + q] = o
        if z.idle[q] > 0.0 and z.supply[n] > max(s.floor_at[o], f.op_f[o, FLOOR]):
            save_op(s, v, o)
            s.floor_at[o] = z.supply[n]
            refresh(f, s, o)
    mark_range(x, m, first, first + last)
    delta = evaluate(f, s, x, 0.0)
    if delta < 0.0:
        commit(f, s, x)
        return -delta
    roll_back(s, x)
    restore(s, v, x)
    return 0.0
