# mypy: disable-error-code="no-untyped-def"
"""Whom supplies are given to and when goods leave in a replay, as ``schedule.leaving`` has it."""

from __future__ import annotations

from soe_lib.impact.kernel import kernel
from soe_lib.impact.replay_state import OVERFLOW, TINY, copy
from soe_lib.schedule.problem import NEVER

DAY = 1440.0
NOT_TINY = 1e-9
# kinds of a slot; Still.slot has kind, number of the receipt or lot
STOCK, RECEIPT, MADE, NEW = range(4)
# Work.pegs
NUM_PEGS, STAMP = range(2)


@kernel
def start_over(s, d, w):
    """Give everything back: no order line has anything, all departures are empty."""
    copy(w.slot_left, w.slot_qty)
    copy(w.open_qty, d.demand_qty)
    copy(w.room, s.lane_room)
    w.ready[:] = 0.0
    w.peg_first[:] = -1
    w.pegs[NUM_PEGS] = 0


@kernel
def expiry(s, w, demand, slot):
    """Return the instant after which a supply may not leave. [min]"""
    if s.slot[slot, 0] == MADE:
        return min(w.slot_at[slot] + s.shelf[s.demand_item[demand]], NEVER)
    if s.slot[slot, 0] == RECEIPT:
        return s.expires[s.slot[slot, 1]]
    return NEVER


@kernel
def take(w, demand, slot, qty):
    """Give a quantity of a supply to an order line."""
    w.slot_left[slot] -= qty
    w.open_qty[demand] -= qty
    last, p = -1, w.peg_first[demand]
    while p >= 0:
        if w.peg_slot[p] == slot:
            w.peg_qty[p] += qty
            return
        last = p
        p = w.peg_next[p]
    p = w.pegs[NUM_PEGS]
    if p == len(w.peg_slot):
        w.number[OVERFLOW] = 1
        return
    w.pegs[NUM_PEGS] = p + 1
    w.peg_slot[p], w.peg_qty[p], w.peg_next[p] = slot, qty, -1
    if last < 0:
        w.peg_first[demand] = p
    else:
        w.peg_next[last] = p


@kernel
def _give(s, w, demand, slot):
    if w.open_qty[demand] <= TINY or w.slot_left[slot] <= TINY:
        return
    if w.banned[slot] == w.pegs[STAMP] or expiry(s, w, demand, slot) < w.slot_at[slot]:
        return
    take(w, demand, slot, min(w.open_qty[demand], w.slot_left[slot]))


@kernel
def _choice(s, lane, ready, due, n):
    """Return the n-th departure to try: those in time from the latest on, then late ones; -1."""
    low, high = s.lane_offset[lane], s.lane_offset[lane + 1]
    first = low
    while first < high and s.lane_at[first] < ready - NOT_TINY:
        first += 1
    late = first
    while late < high and s.lane_at[late] <= due + NOT_TINY:
        late += 1
    if n < late - first:
        return late - 1 - n
    k = first + n
    return k if k < high else -1


@kernel
def _is_limited(s, demand):
    """Return whether departures are known by which an order line must leave."""
    lane = s.lane[demand]
    return lane >= 0 and s.pallets[demand] > 0 and s.lane_offset[lane + 1] > s.lane_offset[lane]


@kernel
def _wanted_by(s, d, w, demand):
    """Return by when an order line is to be ready, as ``Docks.wanted_by`` has it. [min]"""
    lane, due = s.lane[demand], d.demand_due[demand]
    if not _is_limited(s, demand):
        return due
    open_end = s.lane_at[s.lane_offset[lane + 1] - 1] + DAY
    if due > open_end:
        return due
    least = 2 * NOT_TINY if s.partial[demand] else s.pallets[demand] * d.demand_qty[demand]
    n = 0
    while True:
        k = _choice(s, lane, 0.0, due, n)
        if k < 0:
            return open_end
        if w.room[k] >= least - NOT_TINY:
            return s.lane_at[k]
        n += 1


@kernel
def _fill(s, d, w, demand):
    """Take the latest supply in time, then the earliest late one, then what would be bought."""
    by = _wanted_by(s, d, w, demand)
    i = s.demand_item[demand]
    first, last = s.slot_offset[i], s.slot_offset[i + 1]
    late = first
    while late < last and w.slot_at[w.ranked[late]] <= by:
        late += 1
    for place in range(late - 1, first - 1, -1):
        if s.slot[w.ranked[place], 0] != NEW:
            _give(s, w, demand, w.ranked[place])
    for place in range(late, last):
        if s.slot[w.ranked[place], 0] != NEW:
            _give(s, w, demand, w.ranked[place])
    for place in range(first, last):
        if s.slot[w.ranked[place], 0] == NEW:
            _give(s, w, demand, w.ranked[place])


@kernel
def _leave_whole(s, d, w, demand, is_limited):
    lane = s.lane[demand]
    ready, qty = 0.0, 0.0
    p = w.peg_first[demand]
    while p >= 0:
        ready = max(ready, w.slot_at[w.peg_slot[p]])
        qty += w.peg_qty[p]
        p = w.peg_next[p]
    leaves = ready
    if is_limited:
        pallets = s.pallets[demand] * qty
        leaves = max(ready, s.lane_at[s.lane_offset[lane + 1] - 1] + DAY)
        n = 0
        while True:
            k = _choice(s, lane, ready, d.demand_due[demand], n)
            if k < 0:
                break
            if w.room[k] >= pallets - NOT_TINY:
                w.loaded[k] = pallets
                leaves = s.lane_at[k]
                break
            n += 1
    p = w.peg_first[demand]
    while p >= 0:
        w.peg_leaves[p] = leaves
        p = w.peg_next[p]


@kernel
def _leave_in_parts(s, d, w, demand):
    lane, size = s.lane[demand], s.pallets[demand]
    p = w.peg_first[demand]
    while p >= 0:
        w.peg_leaves[p] = -1.0
        p = w.peg_next[p]
    while True:
        own = -1
        p = w.peg_first[demand]
        while p >= 0:  # the earliest peg that has not left
            if w.peg_leaves[p] < 0 and (
                own < 0 or w.slot_at[w.peg_slot[p]] < w.slot_at[w.peg_slot[own]]
            ):
                own = p
            p = w.peg_next[p]
        if own < 0:
            return
        at = max(w.slot_at[w.peg_slot[own]], 0.0)
        rest, leaves, n = w.peg_qty[own], 0.0, 0
        while rest > NOT_TINY:
            k = _choice(s, lane, at, d.demand_due[demand], n)
            if k < 0:
                leaves = max(leaves, at, s.lane_at[s.lane_offset[lane + 1] - 1] + DAY)
                break
            taken = min(rest, (w.room[k] - w.loaded[k]) / size)
            if taken > NOT_TINY:
                w.loaded[k] += taken * size
                leaves = max(leaves, s.lane_at[k])
                rest -= taken
            n += 1
        w.peg_leaves[own] = leaves


@kernel
def _clear(s, w, lane):
    if lane >= 0:
        for k in range(s.lane_offset[lane], s.lane_offset[lane + 1]):
            w.loaded[k] = 0.0


@kernel
def _leave(s, d, w, demand):
    """Find when an order line leaves; return whether nothing of it is expired by then."""
    lane = s.lane[demand]
    is_limited = _is_limited(s, demand)
    _clear(s, w, lane)
    if not s.partial[demand]:
        _leave_whole(s, d, w, demand, is_limited)
    elif is_limited:
        _leave_in_parts(s, d, w, demand)
    else:
        p = w.peg_first[demand]
        while p >= 0:
            w.peg_leaves[p] = max(w.slot_at[w.peg_slot[p]], 0.0)
            p = w.peg_next[p]
    is_good = True
    last, p = -1, w.peg_first[demand]
    while p >= 0:
        slot = w.peg_slot[p]
        if w.peg_leaves[p] > expiry(s, w, demand, slot) + TINY:
            is_good = False  # somebody else may have it
            w.slot_left[slot] += w.peg_qty[p]
            w.open_qty[demand] += w.peg_qty[p]
            w.banned[slot] = w.pegs[STAMP]
            if last < 0:
                w.peg_first[demand] = w.peg_next[p]
            else:
                w.peg_next[last] = w.peg_next[p]
        else:
            last = p
        p = w.peg_next[p]
    return is_good


@kernel
def serve(s, d, w):
    """Serve order lines by rank with what they lack; ``ready`` becomes when each has left. [min]"""
    for rank in range(len(s.by_rank)):
        demand = s.by_rank[rank]
        w.pegs[STAMP] += 1
        while True:
            if w.open_qty[demand] > TINY:
                _fill(s, d, w, demand)
            if w.open_qty[demand] > TINY:
                break
            if _leave(s, d, w, demand):
                lane = s.lane[demand]
                if lane >= 0:
                    for k in range(s.lane_offset[lane], s.lane_offset[lane + 1]):
                        w.room[k] -= w.loaded[k]
                p = w.peg_first[demand]
                while p >= 0:
                    w.ready[demand] = max(w.ready[demand], w.peg_leaves[p])
                    p = w.peg_next[p]
                break
