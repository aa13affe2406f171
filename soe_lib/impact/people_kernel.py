# mypy: disable-error-code="assignment, no-untyped-def"
"""Whether the people that a run needs are there in a replay, and from when they are held."""

from __future__ import annotations

from soe_lib.impact.kernel import kernel
from soe_lib.impact.replay_state import HELD, KEEPS, OVERFLOW, copy
from soe_lib.schedule.clock import start_at, worked_at


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
def with_people(s, d, w, r, begin, run, skill, heads):
    """Return the first start in worked minutes at which people are there for the whole run."""
    for _ in range(5000):
        at = start_at(d.clock_offset, d.clock, r, begin)
        left = run
        fault = -1.0
        k = span(d, r, at)
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
def span(d, r, at):
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
def hold(d, w, r, begin, run, skill, heads, now):
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
    k = span(d, r, at)
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
