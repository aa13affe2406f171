# mypy: disable-error-code="assignment"

"""What a stretch of a machine costs, and what its tail would cost if it were shifted: tables."""

from __future__ import annotations

from soe_lib.schedule.clock import end_at
from soe_lib.schedule.evaluate import EARLY_SCALE
from soe_lib.schedule.kernel import inlined, kernel
from soe_lib.schedule.lateness import order_cost
from soe_lib.schedule.line import ALL, CHANGE, DELAY, FREE_AT, MACHINE_NO, NOW


@kernel
def op_cost(f, z, r, o, setup, end):  # type: ignore[no-untyped-def]
    """Return what an operation costs that ends at a worked minute, changeover included."""
    cost = setup * z.money[CHANGE]
    if end <= z.run[o, 2] + 1e-9:
        if z.run[o, 3] > 0:
            early = z.run[o, 2] - end
            cost += z.run[o, 3] * early * early / EARLY_SCALE
        if z.run[o, 2] < 1e17 or z.part_first[o] == z.part_first[o + 1]:
            return cost
    at = end_at(f.clock_offset, f.clock, r, end)
    for p in range(z.part_first[o], z.part_first[o + 1]):
        d = z.part[p]
        if d < 0:
            cost += max(at - z.part_at[p], 0.0) * z.money[DELAY]
        else:
            cost += order_cost(f, d, max(at, z.part_at[p]))
    return cost


@kernel
def add_row(z, k):  # type: ignore[no-untyped-def]
    """Make the table of position ``k`` from that of the next one and the bends of its operation."""
    o = z.row[NOW, k]
    m = z.count[k + 1]
    source = k + 1
    for b in range(z.bend_first[o], z.bend_first[o + 1]):
        if m >= z.at.shape[1]:
            break
        shift = z.bend[b, 0] - z.end[k]
        slope = z.bend[b, 1]
        value = slope * shift - z.bend[b, 2]
        q = m  # from the back, so that the row may be its own source
        while q > 0 and z.at[source, q - 1] >= shift:
            z.at[k, q] = z.at[source, q - 1]
            z.slope[k, q] = z.slope[source, q - 1] + slope
            z.value[k, q] = z.value[source, q - 1] + value
            q -= 1
        z.at[k, q] = shift
        z.slope[k, q] = slope + (z.slope[source, q - 1] if q > 0 else 0.0)
        z.value[k, q] = value + (z.value[source, q - 1] if q > 0 else 0.0)
        if source != k:
            for c in range(q):
                z.at[k, c] = z.at[source, c]
                z.slope[k, c] = z.slope[source, c]
                z.value[k, c] = z.value[source, c]
        source = k
        m += 1
    if source != k:
        for c in range(m):
            z.at[k, c] = z.at[source, c]
            z.slope[k, c] = z.slope[source, c]
            z.value[k, c] = z.value[source, c]
    z.count[k] = m


@kernel
def build(f, z, first):  # type: ignore[no-untyped-def]
    """Simulate the stretch from a position on, make all tables, and return what it costs."""
    n = z.number[ALL]
    r = f.machine[z.number[MACHINE_NO], 0]
    before = z.row[NOW, first - 1] if first > 0 else n
    at = z.end[first - 1] if first > 0 else z.money[FREE_AT]
    cost = z.cum[first] if first > 0 else 0.0
    for k in range(first, n):
        o = z.row[NOW, k]
        setup = z.setup[before, o]
        free = at + setup
        start = max(free, z.run[o, 1])
        at = start + z.run[o, 0]
        z.idle[k] = start - free
        z.end[k] = at
        z.cum[k] = cost
        cost += op_cost(f, z, r, o, setup, at)
        before = o
    z.cum[n] = cost
    z.count[n] = 0
    z.flat[n] = 0.0
    z.next_idle[n] = n
    for k in range(n - 1, -1, -1):
        add_row(z, k)
        z.next_idle[k] = k if z.idle[k] > 1e-9 else z.next_idle[k + 1]
        z.flat[k] = shifted(z, k, 0.0)
    return cost


@inlined
def shifted(z, k, shift):  # type: ignore[no-untyped-def]
    """Return the lateness from position ``k`` on when all of it is shifted, by the tables."""
    low, high = 0, z.count[k]
    while low < high:
        middle = (low + high) >> 1
        if z.at[k, middle] < shift:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0.0
    return shift * z.slope[k, low - 1] - z.value[k, low - 1]


@kernel
def tail(z, k, shift):  # type: ignore[no-untyped-def]
    """Return the lateness from position ``k`` on, where idle time takes up what it can."""
    n = z.number[ALL]
    cost = 0.0
    while shift != 0.0:
        following = z.next_idle[k + 1]
        cost += shifted(z, k, shift)
        if following >= n:
            return cost
        cost -= shifted(z, following, shift)
        k = following
        shift = max(shift - z.idle[k], 0.0) if shift > 0.0 else 0.0
    return cost + z.flat[k]
