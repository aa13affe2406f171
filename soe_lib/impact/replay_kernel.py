# mypy: disable-error-code="assignment, no-untyped-def"
"""
Many replays of one sequence under different facts: the semantics of ``schedule.timing``, faster.

``timing.decode`` looks at every machine after every operation; here only the machines whose head
can have changed are looked at again, which gives the same starts. The promises follow the two ways
of ``schedule.pegging`` (``promise_kernel``). A test holds both against the schedule room on random
plants.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.impact.kernel import kernel
from soe_lib.schedule.clock import end_at, start_at, worked_at
from soe_lib.schedule.problem import NEVER

# columns of Still.op_i
LOT, FAMILY, PREVIOUS, NEXT, IS_LAST, NEED_FIRST, NEED_COUNT, TOOL, SKILL, MACHINE = range(10)
OP_I = 10
# columns of Still.op_f
FLOOR, FIXED_SETUP, HEADS, QUEUE = range(4)
OP_F = 4
# Work.number
HELD, SKIPPED, OVERFLOW, KEEPS = range(4)
TINY = 1e-6
BLOCKED = 2 * NEVER


class Still(NamedTuple):
    """What no replay changes: sequences, links, recipes, who may take what."""

    machine: np.ndarray  # resource, family it is set for
    sequence: np.ndarray
    count: np.ndarray
    op_i: np.ndarray
    op_f: np.ndarray
    setup: np.ndarray
    need_item: np.ndarray
    need_qty: np.ndarray
    user_offset: np.ndarray  # operations that take each item
    user: np.ndarray
    lead: np.ndarray
    is_component: np.ndarray  # made in house and taken by operations
    tool_offset: np.ndarray
    tool_free: np.ndarray
    skill_offset: np.ndarray
    skill_span: np.ndarray  # begin, end
    lot_item: np.ndarray
    event_offset: np.ndarray
    supply_item: np.ndarray
    is_sold: np.ndarray
    demand_item: np.ndarray
    by_rank: np.ndarray
    clause: np.ndarray  # free, flat, per day, per week, cap, lost after, lost
    slot_offset: np.ndarray  # slots of each item: stock, receipts, lots, new
    slot: np.ndarray
    shelf: np.ndarray
    job: np.ndarray  # order line, first candidate slot, number of them, 1 if a lot
    job_qty: np.ndarray
    job_slot: np.ndarray
    takes: np.ndarray  # needs (operation, need) of items that are also sold
    expires: np.ndarray  # of receipts
    partial: np.ndarray  # order lines that may leave in parts
    lane: np.ndarray  # of order lines, -1: none
    pallets: np.ndarray  # of order lines, per unit
    lane_offset: np.ndarray  # departures of each lane
    lane_at: np.ndarray
    lane_room: np.ndarray


class Draw(NamedTuple):
    """The facts of one replay; minutes and units as in ``Problem``."""

    run: np.ndarray
    begun: np.ndarray  # 1: set up already
    floor: np.ndarray
    clock_offset: np.ndarray
    clock: np.ndarray
    supply_at: np.ndarray
    supply_qty: np.ndarray
    on_hand: np.ndarray
    people: np.ndarray
    lot_qty: np.ndarray
    demand_qty: np.ndarray
    demand_due: np.ndarray


class Work(NamedTuple):
    """Scratch of one thread."""

    order: np.ndarray
    head: np.ndarray
    candidate: np.ndarray
    worked: np.ndarray
    family: np.ndarray
    start: np.ndarray
    end: np.ndarray
    times: np.ndarray
    amounts: np.ndarray
    events: np.ndarray
    used: np.ndarray
    bought: np.ndarray
    need_bought: np.ndarray
    tool_free: np.ndarray
    held: np.ndarray
    number: np.ndarray
    now: np.ndarray  # start of the run that was committed last [min]
    slot_at: np.ndarray
    slot_qty: np.ndarray
    slot_left: np.ndarray
    slot_first: np.ndarray
    ranked: np.ndarray
    taken: np.ndarray
    open_qty: np.ndarray
    ready: np.ndarray
    other: np.ndarray
    lacking: np.ndarray
    room: np.ndarray  # left on departures [pallets]
    loaded: np.ndarray  # of it by the order line that is looked at
    banned: np.ndarray  # by slot: number of the order line that it would be too old for
    pegs: np.ndarray
    peg_first: np.ndarray  # pegs of each order line, chained
    peg_next: np.ndarray
    peg_slot: np.ndarray
    peg_qty: np.ndarray
    peg_leaves: np.ndarray


@kernel
def copy(target, source):
    """Copy a flat array (an assignment of slices would allocate)."""
    for k in range(len(target)):
        target[k] = source[k]


@kernel
def _insert(times, amounts, first, count, at, qty):
    k = first + count
    while k > first and times[k - 1] > at:
        times[k] = times[k - 1]
        amounts[k] = amounts[k - 1]
        k -= 1
    times[k] = at
    amounts[k] = qty


@kernel
def _fault(s, d, w, skill, heads, first, last):
    """Return -1 where enough people are there all the time, else the next instant to try."""
    low, high = s.skill_offset[skill], s.skill_offset[skill + 1]
    t = first
    while t < last - 1e-9:
        left, right = low, high
        while left < right:
            middle = (left + right) // 2
            if s.skill_span[middle, 1] <= t + 1e-9:
                left = middle + 1
            else:
                right = middle
        there = 0.0
        change = last
        following = left
        if left < high:
            if s.skill_span[left, 0] <= t + 1e-9:
                there = d.people[left]
                change = min(change, s.skill_span[left, 1])
                following = left + 1
            else:
                change = min(change, s.skill_span[left, 0])
        release = 1e300
        for k in range(w.number[HELD]):
            if w.held[k, 0] != skill or w.held[k, 2] <= t + 1e-9:
                continue
            if w.held[k, 1] <= t + 1e-9:
                there -= w.held[k, 3]
                release = min(release, w.held[k, 2])
                change = min(change, w.held[k, 2])
            else:
                change = min(change, w.held[k, 1])
        if there < heads - 1e-6:
            if following < high:
                release = min(release, s.skill_span[following, 0])
            return release if release < 1e299 else 1e300
        t = change
    return -1.0


@kernel
def _with_people(s, d, w, r, begin, run, skill, heads):
    """Return the first start in worked minutes at which people are there for the whole run."""
    for _ in range(5000):
        at = start_at(d.clock_offset, d.clock, r, begin)
        left = run
        fault = -1.0
        k = _span(d, r, at)
        while k < d.clock_offset[r + 1] and left > 1e-9:
            first = max(d.clock[k, 0], at)
            last = min(d.clock[k, 1], first + left)
            left -= last - first
            fault = _fault(s, d, w, skill, heads, first, last)
            if fault >= 0:
                break
            k += 1
        if fault < 0:
            return begin
        if fault >= 1e299:
            return -1.0
        later = worked_at(d.clock_offset, d.clock, r, fault)
        begin = max(later, begin + 1e-6) if later > begin else begin + 1.0
    return -1.0


@kernel
def _span(d, r, at):
    """Return the first working interval of a resource that ends after an instant."""
    left, right = d.clock_offset[r], d.clock_offset[r + 1]
    while left < right:
        middle = (left + right) // 2
        if d.clock[middle, 1] <= at:
            left = middle + 1
        else:
            right = middle
    return left


@kernel
def _hold(d, w, r, begin, run, skill, heads, now):
    """
    Note the people that an operation holds; forget those that are free again.

    Runs start in the order of time, so nobody asks for the past, until a blocked line skips ahead.
    """
    n = 0
    for k in range(w.number[HELD]):
        if w.held[k, 2] > now + 1e-9 or w.number[KEEPS] == 1:
            copy(w.held[n], w.held[k])
            n += 1
    at = start_at(d.clock_offset, d.clock, r, begin)
    left = run
    k = _span(d, r, at)
    while k < d.clock_offset[r + 1] and left > 1e-9:
        first = max(d.clock[k, 0], at)
        last = min(d.clock[k, 1], first + left)
        left -= last - first
        if n == len(w.held):
            w.number[OVERFLOW] = 1
            break
        w.held[n, 0] = skill
        w.held[n, 1] = first
        w.held[n, 2] = last
        w.held[n, 3] = heads
        n += 1
        k += 1
    w.number[HELD] = n


@kernel
def _when(s, d, w, o, m):
    """Return run start as an instant and in worked minutes, and set-up minutes, of a head."""
    r = s.machine[m, 0]
    at = max(d.floor[o], s.op_f[o, FLOOR])
    previous = s.op_i[o, PREVIOUS]
    if previous >= 0:
        if w.end[previous] >= NEVER / 2:
            return BLOCKED, -1.0, 0.0
        at = max(at, w.end[previous] + s.op_f[previous, QUEUE])
    for k in range(s.op_i[o, NEED_FIRST], s.op_i[o, NEED_FIRST] + s.op_i[o, NEED_COUNT]):
        i = s.need_item[k]
        wanted = w.used[i] + s.need_qty[k]
        total = w.bought[i]
        ready = -1.0
        if total < wanted - TINY:
            ready = s.lead[i]
            for e in range(s.event_offset[i], s.event_offset[i] + w.events[i]):
                total += w.amounts[e]
                if total >= wanted - TINY:
                    ready = min(w.times[e], s.lead[i])
                    break
        if ready >= NEVER / 2:
            return BLOCKED, -1.0, 0.0
        at = max(at, ready)
    setup = 0.0
    if d.begun[o] == 0:
        setup = s.op_f[o, FIXED_SETUP]
        family, before = s.op_i[o, FAMILY], w.family[m]
        if before >= 0 and family >= 0 and before != family:
            setup += s.setup[r, before, family]
    begin = max(w.worked[m] + setup, worked_at(d.clock_offset, d.clock, r, at))
    tool = s.op_i[o, TOOL]
    if tool >= 0:
        free = NEVER
        for k in range(s.tool_offset[tool], s.tool_offset[tool + 1]):
            free = min(free, w.tool_free[k])
        if free >= NEVER / 2:
            return BLOCKED, -1.0, setup
        begin = max(begin, worked_at(d.clock_offset, d.clock, r, free) + setup)
    skill = s.op_i[o, SKILL]
    if skill >= 0:
        if w.number[KEEPS] == 0:  # who was busy before is forgotten
            begin = max(begin, worked_at(d.clock_offset, d.clock, r, w.now[0]))
        begin = _with_people(s, d, w, r, begin, d.run[o], skill, s.op_f[o, HEADS])
    if begin < 0:
        return BLOCKED, -1.0, setup
    instant = start_at(d.clock_offset, d.clock, r, begin)
    if instant >= NEVER / 2 or end_at(d.clock_offset, d.clock, r, begin + d.run[o]) >= NEVER / 2:
        return BLOCKED, -1.0, setup
    return instant, begin, setup


@kernel
def _reset(s, d, w):
    """Set everything as it is at minute 0; return the number of operations to come."""
    for m in range(len(s.machine)):
        copy(w.order[m], s.sequence[m])
        w.family[m] = s.machine[m, 1]
    w.head[:] = 0
    w.worked[:] = 0.0
    w.start[:] = NEVER
    w.end[:] = NEVER
    w.used[:] = 0.0
    w.bought[:] = 0.0
    w.need_bought[:] = 0.0
    w.events[:] = 0
    copy(w.tool_free, s.tool_free)
    w.number[HELD] = 0
    w.now[0] = 0.0
    for i in range(len(d.on_hand)):
        if d.on_hand[i] > 0:
            w.times[s.event_offset[i]] = -1.0
            w.amounts[s.event_offset[i]] = d.on_hand[i]
            w.events[i] = 1
    for k in range(len(s.supply_item)):
        i = s.supply_item[k]
        _insert(w.times, w.amounts, s.event_offset[i], w.events[i], d.supply_at[k], d.supply_qty[k])
        w.events[i] += 1
    left = 0
    for m in range(len(s.machine)):
        w.candidate[m] = 0.0 if s.count[m] > 0 else BLOCKED
        left += s.count[m]
    return left


@kernel
def _skip_ahead(s, d, w):
    """Where nothing can go on, let a blocked line skip ahead; False: nothing can at all."""
    w.number[SKIPPED] += 1
    found = False
    for m in range(len(s.machine)):
        for k in range(w.head[m], s.count[m]):
            o = w.order[m, k]
            at, _, _ = _when(s, d, w, o, m)
            if at < NEVER:
                for j in range(k, w.head[m], -1):
                    w.order[m, j] = w.order[m, j - 1]
                w.order[m, w.head[m]] = o
                w.candidate[m] = at
                found = True
                break
    return found


@kernel
def _wake(s, w, o, at):
    """Have the machine of an operation looked at again where the operation is its head."""
    m = s.op_i[o, MACHINE]
    if m >= 0 and w.head[m] < s.count[m] and w.order[m, w.head[m]] == o:
        w.candidate[m] = min(w.candidate[m], at)


@kernel
def _take(s, w, o, at):
    """Take components; what neither stock nor receipts cover is bought."""
    for k in range(s.op_i[o, NEED_FIRST], s.op_i[o, NEED_FIRST] + s.op_i[o, NEED_COUNT]):
        i = s.need_item[k]
        w.used[i] += s.need_qty[k]
        have = w.bought[i]
        for e in range(s.event_offset[i], s.event_offset[i] + w.events[i]):
            if w.times[e] <= at + 1e-6:
                have += w.amounts[e]
        if have < w.used[i] - TINY:
            w.need_bought[k] = w.used[i] - have
            w.bought[i] += w.used[i] - have


@kernel
def simulate(s, d, w):
    """Simulate the sequences; starts and ends stand in ``Work``."""
    w.number[KEEPS] = 0
    w.number[SKIPPED] = 0
    left = _reset(s, d, w)
    while left > 0:
        m = 0
        for other in range(1, len(s.machine)):
            if w.candidate[other] < w.candidate[m]:
                m = other
        if w.candidate[m] >= NEVER:
            if w.number[KEEPS] == 0 and w.number[HELD] > 0:
                w.number[KEEPS] = 1  # all over again, with everybody remembered
                left = _reset(s, d, w)
                continue
            if not _skip_ahead(s, d, w):
                return
            continue
        o = w.order[m, w.head[m]]
        at, begin, _ = _when(s, d, w, o, m)
        if at > w.candidate[m] + 1e-9:
            w.candidate[m] = at
            continue
        r = s.machine[m, 0]
        run = d.run[o]
        w.start[o] = at
        w.now[0] = at
        w.end[o] = end_at(d.clock_offset, d.clock, r, begin + run) if run > 0 else at
        w.worked[m] = begin + run
        if s.op_i[o, FAMILY] >= 0:
            w.family[m] = s.op_i[o, FAMILY]
        _take(s, w, o, at)
        tool = s.op_i[o, TOOL]
        if tool >= 0:
            slot = s.tool_offset[tool]
            for k in range(s.tool_offset[tool], s.tool_offset[tool + 1]):
                if w.tool_free[k] < w.tool_free[slot]:
                    slot = k
            w.tool_free[slot] = w.end[o]
        if s.op_i[o, SKILL] >= 0:
            _hold(d, w, r, begin, run, s.op_i[o, SKILL], s.op_f[o, HEADS], at)
        left -= 1
        w.head[m] += 1
        w.candidate[m] = at if w.head[m] < s.count[m] else BLOCKED
        following = s.op_i[o, NEXT]
        if following >= 0:
            _wake(s, w, following, at)
        elif s.op_i[o, IS_LAST] == 1:
            lot = s.op_i[o, LOT]
            i = s.lot_item[lot]
            if s.is_component[i]:
                first = s.event_offset[i]
                _insert(w.times, w.amounts, first, w.events[i], w.end[o], d.lot_qty[lot])
                w.events[i] += 1
                for k in range(s.user_offset[i], s.user_offset[i + 1]):
                    _wake(s, w, s.user[k], at)
