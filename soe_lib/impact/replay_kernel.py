# mypy: disable-error-code="assignment, no-untyped-def"
"""
Many replays of one sequence under different facts: the semantics of ``schedule.timing``, faster.

``timing.decode`` looks at every machine after every operation; here only the machines whose head
can have changed are looked at again, which gives the same starts. The promises follow the two ways
of ``schedule.pegging`` (``promise_kernel``). A test holds both against the schedule room on random
plants.
"""

from __future__ import annotations

from soe_lib.impact.kernel import kernel
from soe_lib.impact.people_kernel import hold, with_people
from soe_lib.impact.replay_state import (
    BLOCKED,
    FAMILY,
    FIXED_SETUP,
    FLOOR,
    HEADS,
    HELD,
    IS_LAST,
    KEEPS,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    PREVIOUS,
    QUEUE,
    SKILL,
    SKIPPED,
    TINY,
    TOOL,
    copy,
)
from soe_lib.schedule.clock import end_at, start_at, worked_at
from soe_lib.schedule.problem import NEVER


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
        begin = with_people(s, d, w, r, begin, d.run[o], skill, s.op_f[o, HEADS])
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
            hold(d, w, r, begin, run, s.op_i[o, SKILL], s.op_f[o, HEADS], at)
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
