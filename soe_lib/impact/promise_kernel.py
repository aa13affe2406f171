# mypy: disable-error-code="no-untyped-def"
"""When each order line is served in a replay, and many replays at once."""

from __future__ import annotations

import numpy as np

from soe_lib.impact.kernel import kernel, unlocked
from soe_lib.impact.leave_kernel import MADE, NEW, RECEIPT, STOCK, serve, start_over, take
from soe_lib.impact.replay_kernel import simulate
from soe_lib.impact.replay_state import IS_LAST, LOT, SKIPPED, TINY, copy
from soe_lib.schedule.problem import NEVER

# ways to peg
CHEAPER, BY_POLICY, AS_MADE = range(3)


@kernel
def _slots(s, d, w):
    """Set instant and quantity of everything that may be promised, ranked by instant per item."""
    w.lacking[:] = NEVER  # by lot: its end
    for o in range(len(s.op_i)):
        if s.op_i[o, IS_LAST] == 1:
            w.lacking[s.op_i[o, LOT]] = w.end[o]
    sold = w.other
    sold[:] = 0.0
    for demand in range(len(s.demand_item)):
        sold[s.demand_item[demand]] += d.demand_qty[demand]
    for i in range(len(s.slot_offset) - 1):
        first, last = s.slot_offset[i], s.slot_offset[i + 1]
        for k in range(first, last):
            kind, number = s.slot[k, 0], s.slot[k, 1]
            at, qty = NEVER, 0.0
            if kind == STOCK:
                at, qty = -1.0, d.on_hand[i]
            elif kind == RECEIPT:
                at, qty = d.supply_at[number], d.supply_qty[number]
            elif kind == MADE:
                at, qty = w.lacking[number], d.lot_qty[number]
            elif kind == NEW:
                at, qty = max(s.lead[i], 0.0), sold[i]
            if at >= NEVER / 2 and kind == MADE:
                qty = 0.0
            w.slot_at[k] = at
            w.slot_qty[k] = max(qty, 0.0)
            place = k
            while place > first and w.slot_at[w.ranked[place - 1]] > at:
                w.ranked[place] = w.ranked[place - 1]
                place -= 1
            w.ranked[place] = k


@kernel
def _withdraw(s, w):
    """Take out what operations use of items that are also sold: the latest that is there."""
    count = len(s.takes)
    for k in range(count):
        w.taken[k] = k
    gap = count // 2
    while gap > 0:  # shell sort by start
        for k in range(gap, count):
            moved = w.taken[k]
            at = w.start[s.takes[moved, 0]]
            place = k
            while place >= gap and w.start[s.takes[w.taken[place - gap], 0]] > at:
                w.taken[place] = w.taken[place - gap]
                place -= gap
            w.taken[place] = moved
        gap //= 2
    for k in range(count):
        op, need = s.takes[w.taken[k], 0], s.takes[w.taken[k], 1]
        at = w.start[op]
        if w.end[op] >= NEVER / 2:
            continue
        rest = s.need_qty[need] - w.need_bought[need]
        i = s.need_item[need]
        for place in range(s.slot_offset[i + 1] - 1, s.slot_offset[i] - 1, -1):
            slot = w.ranked[place]
            if rest <= TINY:
                break
            if s.slot[slot, 0] == NEW or w.slot_at[slot] > at + 1e-6:
                continue
            part = min(rest, w.slot_qty[slot])
            w.slot_qty[slot] -= part
            rest -= part
    for k in range(len(w.slot_qty)):
        if w.slot_qty[k] <= TINY:
            w.slot_qty[k] = 0.0


@kernel
def _as_made(s, d, w):
    """Give order lines the lots that were made for them, and what was kept for them."""
    copy(w.slot_first, w.slot_qty)
    for j in range(len(s.job)):
        demand = s.job[j, 0]
        qty = s.job_qty[j]
        for k in range(s.job[j, 1], s.job[j, 1] + s.job[j, 2]):
            slot = s.job_slot[k]
            part = qty
            if s.job[j, 3] == 0:
                part = min(qty, w.slot_first[slot])
                if part <= TINY:
                    continue
                w.slot_first[slot] -= part
                qty -= part
            elif w.slot_at[slot] >= NEVER / 2:
                continue
            given = min(part, w.slot_left[slot], w.open_qty[demand])
            if given > TINY:
                take(w, demand, slot, given)


@kernel
def _lateness(s, d, w, horizon, out):
    """Write lateness of every order line and return what it costs by clause. [min], [money]"""
    total = 0.0
    for demand in range(len(s.demand_item)):
        due = d.demand_due[demand]
        if d.demand_qty[demand] <= TINY:
            out[demand] = min(-due, 0.0)
            continue
        at = w.ready[demand]
        if w.open_qty[demand] > 1e-6:
            at = max(horizon, due)
        out[demand] = at - due
        days = (at - due) / 1440.0
        beyond = days - s.clause[demand, 0]
        if beyond > 1e-9 and days > 1e-9:
            cost = s.clause[demand, 1] + s.clause[demand, 2] * beyond
            cost += s.clause[demand, 3] * np.ceil(beyond / 7.0 - 1e-9)
            total += min(cost, s.clause[demand, 4])
        if days > s.clause[demand, 5]:
            total += s.clause[demand, 6]
    return total


@kernel
def one(s, d, w, out, spare, way, horizon):
    """
    Replay once; ``out`` gets the lateness of every order line. [min]

    ``way`` to peg: the cheaper one, by policy or as made; what nothing covers is late to
    ``horizon`` (0: to the end of what is replayed). Returns the way that was taken.
    """
    simulate(s, d, w)
    _slots(s, d, w)
    _withdraw(s, w)
    if horizon <= 0:
        for o in range(len(w.end)):
            if w.end[o] < NEVER / 2:
                horizon = max(horizon, w.end[o])
        for demand in range(len(d.demand_due)):
            horizon = max(horizon, d.demand_due[demand])
    start_over(s, d, w)
    serve(s, d, w)
    by_policy = _lateness(s, d, w, horizon, out)
    if way == BY_POLICY:
        return BY_POLICY
    start_over(s, d, w)
    _as_made(s, d, w)
    serve(s, d, w)
    as_made = _lateness(s, d, w, horizon, spare)
    if way == AS_MADE or as_made < by_policy - 1e-6:
        copy(out, spare)
        return AS_MADE
    return BY_POLICY


@unlocked
def replays(
    s, d, w, spare, run, begun, supply_at, supply_qty, on_hand, people, lot_qty, demand_qty,
    demand_due, way, horizon, out, ends, lot_end,
):  # fmt: skip
    """
    Replay once per row of facts.

    ``ends`` gets the way to peg, the end and the lines that skipped ahead of each replay,
    ``lot_end`` when each lot is done. [min]
    """
    for k in range(len(out)):
        copy(d.run, run[k])
        copy(d.begun, begun[k])
        copy(d.supply_at, supply_at[k])
        copy(d.supply_qty, supply_qty[k])
        copy(d.on_hand, on_hand[k])
        copy(d.people, people[k])
        copy(d.lot_qty, lot_qty[k])
        copy(d.demand_qty, demand_qty[k])
        copy(d.demand_due, demand_due[k])
        ends[k, 0] = one(s, d, w, out[k], spare, way, horizon)
        last = 0.0
        for o in range(len(w.end)):
            if w.end[o] < NEVER / 2:
                last = max(last, w.end[o])
        for demand in range(len(d.demand_due)):
            last = max(last, d.demand_due[demand])
        ends[k, 1] = last
        ends[k, 2] = w.number[SKIPPED]
        copy(lot_end[k], w.lacking)
