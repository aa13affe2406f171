# mypy: disable-error-code="assignment"
"""
An order in which nothing is late: a beam search backwards from the last due instant.

Seen from the end, a due instant says only which operations may stand last, and all that an order
can waste is minutes: of changeovers, and of waiting for a due instant. The beam keeps the partial
orders that have wasted least, of each set of operations and the one that begins it the latest
start. Changeovers count at what they exceed the prices of an assignment of predecessors to
successors, so that partial orders of other operations can be compared; each search blurs these
prices anew (a problem-space search as in Storer, Wu and Vaccari, 1992), so that each looks
elsewhere. It is of use only where nothing proves that something must be late.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.kernel import kernel
from soe_lib.schedule.line import ALL, FREE_AT, MOVABLE, NEW, NOW, TRIALS, WINDOW
from soe_lib.schedule.targets import draw

WIDTH = 300
"""Partial orders that are kept at each length."""
BLUR = 0.083
"""Width of the noise on the prices, in mean changeovers."""
BUCKETS, SPAN = 1024, 20.0
"""Candidates are told apart by this many buckets over so many widths of the noise."""
HASHED = 1024
"""Places of the table of partial orders already kept; a power of two above ``WIDTH``."""
WORDS = (WINDOW + 63) // 64
NO_DUE = 1e17
FORBIDDEN = 1e9
# Beam.number
COUNT = 0
# Beam.price, by what it holds; of a row by its predecessor (last: what stands before the stretch)
OUT, INTO, BLURRED_OUT, BLURRED_INTO, LEAST = range(5)


class Beam(NamedTuple):
    """Room for a search; operations by their number in the stretch."""

    job: np.ndarray  # operations with a due instant, earliest due first
    due: np.ndarray  # worked minute from which an operation costs lateness
    price: np.ndarray
    match: np.ndarray  # assignment: successor of each operation, way back, whether visited
    way: np.ndarray
    visited: np.ndarray
    mean: np.ndarray  # changeover [min]
    members: np.ndarray  # of each kept partial order of this length and the last: set, key
    start: np.ndarray
    good: np.ndarray  # minutes left, by the prices
    parent: np.ndarray  # by length
    first: np.ndarray
    new_parent: np.ndarray  # candidates
    new_first: np.ndarray
    new_start: np.ndarray
    new_good: np.ndarray
    ranked: np.ndarray
    bucket: np.ndarray
    hashed: np.ndarray
    number: np.ndarray


def beam_room(longest: int) -> Beam:
    """Return room for stretches of at most ``longest`` operations."""
    n = min(longest, WINDOW) + 1
    return Beam(
        job=np.zeros(n, np.int64),
        due=np.zeros(n),
        price=np.zeros((5, n + 1)),
        match=np.zeros(n + 1, np.int64),
        way=np.zeros(n + 1, np.int64),
        visited=np.zeros(n + 1, np.int64),
        mean=np.zeros(1),
        members=np.zeros((2, WIDTH, WORDS + 1), np.uint64),
        start=np.zeros((2, WIDTH)),
        good=np.zeros((2, WIDTH)),
        parent=np.zeros((n + 1, WIDTH), np.int64),
        first=np.zeros((n + 1, WIDTH), np.int64),
        new_parent=np.zeros(WIDTH * n, np.int64),
        new_first=np.zeros(WIDTH * n, np.int64),
        new_start=np.zeros(WIDTH * n),
        new_good=np.zeros(WIDTH * n),
        ranked=np.zeros(WIDTH * n, np.int64),
        bucket=np.zeros(BUCKETS + 1, np.int64),
        hashed=np.zeros(HASHED, np.int64),
        number=np.zeros(4, np.int64),
    )


@kernel
def link_cost(z, b, a, c):  # type: ignore[no-untyped-def]
    """Return the changeover from row ``a`` to column ``c`` of the assignment; past all: the end."""
    count = b.number[COUNT]
    if c == count:
        return 0.0 if a < count else FORBIDDEN
    if a == c:
        return FORBIDDEN
    return z.setup[b.job[a] if a < count else z.number[ALL], b.job[c]]


@kernel
def assign(z, b):  # type: ignore[no-untyped-def]
    """
    Price what comes behind and before each operation: the dual of assigning predecessors.

    Shortest augmenting paths (Kuhn 1955, Munkres 1957), one successor after the other. Of the many
    dual solutions this one puts all it can on the way into an operation; it guides better than one
    from the middle.
    """
    size = b.number[COUNT] + 1
    total = 0.0
    for k in range(size):
        for q in range(size - 1):
            total += link_cost(z, b, k, q) if q != k else 0.0
    b.mean[0] = total / (size * (size - 1))
    for q in range(size + 1):
        b.price[OUT, q] = 0.0
        b.price[INTO, q] = 0.0
        b.match[q] = -1
    for row in range(size):
        b.match[size] = row
        at = size
        for q in range(size + 1):
            b.price[LEAST, q] = 1e18
            b.visited[q] = 0
        while b.match[at] >= 0:
            b.visited[at] = 1
            own = b.match[at]
            least, following = 1e18, -1
            for q in range(size):
                if b.visited[q] == 1:
                    continue
                over = link_cost(z, b, q, own) - b.price[INTO, own] - b.price[OUT, q]
                if over < b.price[LEAST, q]:
                    b.price[LEAST, q] = over
                    b.way[q] = at
                if b.price[LEAST, q] < least:
                    least, following = b.price[LEAST, q], q
            for q in range(size + 1):
                if b.visited[q] == 1:
                    b.price[INTO, b.match[q]] += least
                    b.price[OUT, q] -= least
                else:
                    b.price[LEAST, q] -= least
            at = following
        while at != size:
            before = b.way[at]
            b.match[at] = b.match[before]
            at = before


@kernel
def prepare(z, b):  # type: ignore[no-untyped-def]
    """
    Collect the operations that can be late and price their changeovers.

    Returns
    -------
    bool
        False where it is certain that something is late, or nothing can be: no search is worth it.
    """
    n = z.number[MOVABLE]
    count = 0
    for o in range(n):
        due = NO_DUE
        for k in range(z.bend_first[o], z.bend_first[o + 1]):
            if z.bend[k, 1] > 0.0 or z.bend[k, 2] > 0.0:
                due = min(due, z.bend[k, 0])
        b.due[o] = due
        if due < NO_DUE:
            k = count
            while k > 0 and b.due[b.job[k - 1]] > due:
                b.job[k] = b.job[k - 1]
                k -= 1
            b.job[k] = o
            count += 1
    b.number[COUNT] = count
    if count < 3:
        return False
    at = z.money[FREE_AT]
    for k in range(count):
        o = b.job[k]
        least = z.setup[z.number[ALL], o]
        for q in range(count):
            if q != k:
                least = min(least, z.setup[b.job[q], o])
        at += least + z.run[o, 0]
        if at > b.due[o] + 1e-9 or z.run[o, 1] + z.run[o, 0] > b.due[o] + 1e-9:
            return False
    assign(z, b)
    return b.mean[0] > 0.0


@kernel
def offer(z, b, length, n, wait):  # type: ignore[no-untyped-def]
    """
    Write the partial orders of ``length`` that begin with one more operation; return how many.

    Those that wait for a due instant longer than ``wait`` are left out.
    """
    count = b.number[COUNT]
    source = (length - 1) & 1
    found = 0
    for i in range(n):
        behind = b.first[length - 1, i]
        free = b.start[source, i]
        for k in range(count - 1, -1, -1):
            if b.due[b.job[k]] < free - wait:
                break
            if (b.members[source, i, k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
                continue
            o = b.job[k]
            end = free
            good = b.good[source, i] + b.price[BLURRED_OUT, k]
            if length > 1:
                end -= z.setup[o, b.job[behind]]
                good += b.price[BLURRED_INTO, behind]
            start = min(end, b.due[o]) - z.run[o, 0]
            if start < z.run[o, 1] - 1e-9 and z.run[o, 1] > z.money[FREE_AT]:
                continue
            b.new_parent[found] = i
            b.new_first[found] = k
            b.new_start[found] = start
            b.new_good[found] = good + start - free + z.run[o, 0]
            found += 1
    return found


@kernel
def rank(b, found, span):  # type: ignore[no-untyped-def]
    """Rank the candidates by the minutes that they leave, in buckets over ``span`` minutes."""
    low, high = 1e300, -1e300
    for i in range(found):
        low = min(low, b.new_good[i])
        high = max(high, b.new_good[i])
    scale = (BUCKETS - 1) / min(span, high - low) if high > low else 0.0
    for q in range(BUCKETS + 1):
        b.bucket[q] = 0
    for i in range(found):
        b.bucket[min(int((high - b.new_good[i]) * scale), BUCKETS - 1) + 1] += 1
    for q in range(BUCKETS):
        b.bucket[q + 1] += b.bucket[q]
    for i in range(found):
        q = min(int((high - b.new_good[i]) * scale), BUCKETS - 1)
        b.ranked[b.bucket[q]] = i
        b.bucket[q] += 1


@kernel
def mixed(k):  # type: ignore[no-untyped-def]
    """Return 64 well mixed bits of a number (splitmix64)."""
    v = np.uint64(k + 1) * np.uint64(0x9E3779B97F4A7C15)
    v = (v ^ (v >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    v = (v ^ (v >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return v ^ (v >> np.uint64(31))


@kernel
def keep_best(b, length, found):  # type: ignore[no-untyped-def]
    """Keep the best candidates, of one set and beginning only the one that starts latest."""
    source, target = (length - 1) & 1, length & 1
    for q in range(HASHED):
        b.hashed[q] = -1
    kept = 0
    for x in range(found):
        if kept >= WIDTH:
            break
        i = b.ranked[x]
        p, k = b.new_parent[i], b.new_first[i]
        key = b.members[source, p, WORDS] ^ mixed(k)
        place = np.int64((key ^ mixed(k + 1000)) & np.uint64(HASHED - 1))
        known = -1
        while b.hashed[place] >= 0:
            e = b.hashed[place]
            if b.members[target, e, WORDS] == key and b.first[length, e] == k:
                known = e
                break
            place = (place + 1) & (HASHED - 1)
        if known >= 0 and b.start[target, known] >= b.new_start[i]:
            continue
        e = known
        if known < 0:
            e = kept
            b.hashed[place] = e
            kept += 1
        for w in range(WORDS):
            b.members[target, e, w] = b.members[source, p, w]
        b.members[target, e, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
        b.members[target, e, WORDS] = key
        b.start[target, e] = b.new_start[i]
        b.good[target, e] = b.new_good[i]
        b.parent[length, e] = p
        b.first[length, e] = k
    return kept


@kernel
def backwards(z, b, rng):  # type: ignore[no-untyped-def]
    """
    Put the stretch in an order of another search backwards; operations without due stand last.

    Returns
    -------
    bool
        False where the search came to an end before the order was whole; the order is then as it
        was.
    """
    count = b.number[COUNT]
    before = z.number[ALL]
    blur = BLUR * b.mean[0]
    left = b.due[b.job[count - 1]] - z.money[FREE_AT]
    for k in range(count + 1):
        b.price[BLURRED_OUT, k] = b.price[OUT, k] + blur * (draw(rng) - 0.5)
        b.price[BLURRED_INTO, k] = b.price[INTO, k] + blur * (draw(rng) - 0.5)
        left -= b.price[BLURRED_OUT, k]
        if k < count:
            left -= b.price[BLURRED_INTO, k] + z.run[b.job[k], 0]
    for w in range(WORDS + 1):
        b.members[0, 0, w] = np.uint64(0)
    b.start[0, 0] = b.due[b.job[count - 1]]
    b.good[0, 0] = left
    kept = 1
    for length in range(1, count + 1):
        found = offer(z, b, length, kept, SPAN * blur if kept == WIDTH else 1e18)
        if found == 0:
            found = offer(z, b, length, kept, 1e18)
        z.number[TRIALS] += found
        if found == 0:
            return False
        rank(b, found, SPAN * blur)
        kept = keep_best(b, length, found)
    best, at = -1, -1e300
    for i in range(kept):
        start = b.start[count & 1, i] - z.setup[before, b.job[b.first[count, i]]]
        if start > at:
            best, at = i, start
    n = 0
    for q in range(z.number[MOVABLE]):  # without due, in the order that they have now
        if b.due[z.row[NOW, q]] >= NO_DUE:
            z.row[NEW, n] = z.row[NOW, q]
            n += 1
    for q in range(n):
        z.row[NOW, count + q] = z.row[NEW, q]
    for q in range(count):
        z.row[NOW, q] = b.job[b.first[count - q, best]]
        best = b.parent[count - q, best]
    return True
