# mypy: disable-error-code="no-untyped-def"
"""People in the simulation: when enough of a skill are free for an operation's working time."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import start_at, worked_at
from soe_lib.schedule.kernel import allocating_inner

MOST_TRIES = 5000


@allocating_inner
def hold_labour(offset, spans, r, begin, run, skill, heads, held, count):
    """Note the people that an operation holds: one row per working interval; grow the table."""
    at = start_at(offset, spans, r, begin)
    left = run
    for k in range(offset[r], offset[r + 1]):
        if spans[k, 1] <= at:
            continue
        if left <= 1e-9:
            break
        first = max(spans[k, 0], at)
        last = min(spans[k, 1], first + left)
        left -= last - first
        if count == len(held):
            held = np.concatenate((held, np.zeros_like(held)))
        held[count, 0] = skill
        held[count, 1] = first
        held[count, 2] = last
        held[count, 3] = heads
        count += 1
    return held, count


@allocating_inner
def _next_fault(first, last, skill, heads, skill_offset, steps, held, count):
    """Return -1 where enough people are there all the time, else the next instant to try."""
    t = first
    while t < last - 1e-9:
        there = 0.0
        change = last
        for k in range(skill_offset[skill], skill_offset[skill + 1]):
            if steps[k, 0] <= t + 1e-9 < steps[k, 1]:
                there = steps[k, 2]
                change = min(change, steps[k, 1])
                break
            if steps[k, 0] > t:
                change = min(change, steps[k, 0])
                break
        release = 1e300
        for k in range(count):
            if held[k, 0] != skill or held[k, 2] <= t + 1e-9:
                continue
            if held[k, 1] <= t + 1e-9:
                there -= held[k, 3]
                release = min(release, held[k, 2])
                change = min(change, held[k, 2])
            else:
                change = min(change, held[k, 1])
        if there < heads - 1e-6:
            following = release
            for k in range(skill_offset[skill], skill_offset[skill + 1]):
                if steps[k, 0] > t + 1e-9:
                    following = min(following, steps[k, 0])
                    break
            return following if following < 1e299 else 1e300
        t = change
    return -1.0


@allocating_inner
def fits_labour(
    offset, spans, r, begin, run, skill, heads, skill_offset, steps, held, count
):  # fmt: skip  # type: ignore[no-untyped-def]
    """Return the first start in worked minutes at which people are there for the whole run."""
    for _ in range(MOST_TRIES):
        at = start_at(offset, spans, r, begin)
        left = run
        fault = -1.0
        for k in range(offset[r], offset[r + 1]):
            if spans[k, 1] <= at:
                continue
            if left <= 1e-9:
                break
            first = max(spans[k, 0], at)
            last = min(spans[k, 1], first + left)
            left -= last - first
            fault = _next_fault(first, last, skill, heads, skill_offset, steps, held, count)
            if fault >= 0:
                break
        if fault < 0:
            return begin
        if fault >= 1e299:
            return -1.0
        later = worked_at(offset, spans, r, fault)
        begin = max(later, begin + 1e-6) if later > begin else begin + 1.0
    return -1.0
