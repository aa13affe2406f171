# mypy: disable-error-code="assignment, no-untyped-def"
"""
Exact forward simulation of given sequences: the strict decode, the only truth.

Every machine (a station of a resource) runs its operations in the order given; nothing skips
ahead. An operation's run starts when its machine is free and set up, the operation before it in
the lot has ended, its release has come, its components are there, and its tool and people are
free; it pauses while the resource is closed. The changeover takes working time directly before the
run. Runs are committed in the order of their starts, so that cumulative consumption never exceeds
cumulative supply at any time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.clock import Clock, end_at, start_at, worked_at
from soe_lib.schedule.kernel import allocating, allocating_inner
from soe_lib.schedule.labour import fits_labour, hold_labour
from soe_lib.schedule.netting import made_items
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.work import (
    FAMILY,
    FIXED_SETUP,
    FLOOR,
    IS_LAST,
    ITEM,
    LOT,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    PER_LOT,
    PER_UNIT,
    PREVIOUS,
    QUEUE,
    STAYS,
    Field,
)


class Materials(NamedTuple):
    """
    Supply of all items: first events (stock at minute -1, receipts), lead times, who needs what.

    ``offset`` reserves room per item for the events that lots add.
    """

    offset: np.ndarray
    at: np.ndarray
    qty: np.ndarray
    count: np.ndarray
    lead: np.ndarray  # NEVER where only lots supply the item
    need_item: np.ndarray
    is_component: np.ndarray


class Helpers(NamedTuple):
    """Tools and people: which alternate needs them and how many there are."""

    alt_tool: np.ndarray
    tool_offset: np.ndarray
    tool_free: np.ndarray
    alt_skill: np.ndarray
    alt_heads: np.ndarray
    skill_offset: np.ndarray
    skill_steps: np.ndarray


class Timing(NamedTuple):
    """
    When every operation runs.

    ``setup``, ``start``, ``end`` [min] (NEVER where it cannot run), ``before`` (family that the
    machine was set for), ``bought`` [uom] by need of each operation in sequence order of rows
    (operation, need number, quantity).
    """

    setup: np.ndarray
    start: np.ndarray
    end: np.ndarray
    before: np.ndarray
    bought: np.ndarray


def materials(problem: Problem, field: Field, expedited: np.ndarray) -> Materials:
    """
    Return the supply of all items.

    Parameters
    ----------
    expedited
        One boolean per dated supply, then one per item: receipts and purchases paid to be early.
    """
    items = len(problem.item_ids)
    early = expedited[: len(problem.supply_item)]
    at = np.where(early, problem.supply_expedite_at, problem.supply_at)
    size = np.full(items, 2)
    size += np.bincount(problem.supply_item, minlength=items)
    size += np.bincount(field.lot_i[:, ITEM], minlength=items)
    offset = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    times, amounts = np.full(offset[-1], NEVER), np.zeros(offset[-1])
    count = np.zeros(items, np.int64)
    stock = np.flatnonzero(problem.on_hand > 0)
    times[offset[stock]], amounts[offset[stock]] = -1.0, problem.on_hand[stock]
    count[stock] = 1
    for k in np.argsort(at, kind="stable"):
        i = problem.supply_item[k]
        times[offset[i] + count[i]], amounts[offset[i] + count[i]] = at[k], problem.supply_qty[k]
        count[i] += 1
    quick = expedited[len(problem.supply_item) :]
    lead = np.where(quick, problem.item_expedite_minutes, problem.item_lead_minutes)
    lead = np.where(problem.item_is_made, NEVER, np.maximum(lead, 0.0))
    need_item = np.concatenate([problem.need_item, problem.recipes.need_item]).astype(np.int64)
    is_component = np.zeros(items, bool)
    is_component[need_item] = True
    is_component &= made_items(problem)
    return Materials(offset, times, amounts, count, lead, need_item, is_component)


def helpers(problem: Problem) -> Helpers:
    """Return tools and people of a problem."""
    recipes, labour, tools = problem.recipes, problem.labour, problem.tools
    qty = np.maximum(tools.qty, 0)
    return Helpers(
        np.concatenate([problem.alt_tool, recipes.alt_tool]).astype(np.int64),
        np.concatenate([[0], np.cumsum(qty)]).astype(np.int64),
        np.repeat(tools.available_from, qty).astype(float),
        np.concatenate([problem.alt_skill, recipes.alt_skill]).astype(np.int64),
        np.concatenate([problem.alt_heads, recipes.alt_heads]).astype(float),
        labour.offset,
        np.column_stack([labour.begin, labour.end, labour.heads]).astype(float),
    )


@allocating_inner
def covered_at(
    times: np.ndarray, amounts: np.ndarray, count: int, bought: float, wanted: float, lead: float
) -> float:
    """Return the first instant at which supply and purchases cover a cumulative quantity."""
    total = bought
    if total >= wanted - 1e-6:
        return -1.0
    for k in range(count):
        total += amounts[k]
        if total >= wanted - 1e-6:
            return min(times[k], lead)
    return lead


@allocating_inner
def supply_insert(times: np.ndarray, amounts: np.ndarray, count: int, at: float, qty: float) -> int:
    """Insert a supply event in order of time; return the new count."""
    k = count
    while k > 0 and times[k - 1] > at:
        times[k] = times[k - 1]
        amounts[k] = amounts[k - 1]
        k -= 1
    times[k] = at
    amounts[k] = qty
    return count + 1


@allocating_inner
def line_start(
    field, offset, spans, o, r, alt, worked, before, at, qty, tool_free, held, num_held, aids
):  # fmt: skip  # type: ignore[no-untyped-def]
    """Return run start and set-up of an operation on a machine, in worked minutes; -1: cannot."""
    setup = field.op_f[o, FIXED_SETUP]
    family = field.op_i[o, FAMILY]
    if before >= 0 and family >= 0 and before != family and field.op_i[o, STAYS] != 2:
        setup += field.setup[r, before, family]
    start = max(worked + setup, worked_at(offset, spans, r, at))
    tool = aids.alt_tool[alt]
    if tool >= 0:
        free = NEVER
        for k in range(aids.tool_offset[tool], aids.tool_offset[tool + 1]):
            free = min(free, tool_free[k])
        if free >= NEVER / 2:
            return -1.0, setup
        start = max(start, worked_at(offset, spans, r, free) + setup)
    if aids.alt_skill[alt] >= 0 and aids.alt_heads[alt] > 0:
        run = field.alt_f[alt, PER_UNIT] * qty + field.alt_f[alt, PER_LOT]
        start = fits_labour(
            offset, spans, r, start, run, aids.alt_skill[alt], aids.alt_heads[alt],
            aids.skill_offset, aids.skill_steps, held, num_held,
        )  # fmt: skip
    return start, setup


@allocating
def decode(field, sequence, count, alternate, lot_qty, floor, offset, spans, stock, aids):
    """
    Simulate sequences; see the module.

    Parameters
    ----------
    field
        The problem as arrays.
    sequence, count
        Operations of each machine in order.
    alternate
        Chosen alternate of each operation.
    lot_qty
        Quantity of each lot. [uom]
    floor
        Earliest start of each operation beside its release. [min]
    offset, spans
        Clock of the resources.
    stock, aids
        ``Materials`` and ``Helpers``.

    Returns
    -------
    tuple
        Fields of ``Timing``.
    """
    n, machines = len(field.op_i), len(field.machine)
    setup_at, start_out = np.full(n, NEVER), np.full(n, NEVER)
    end, before_out = np.full(n, NEVER), np.full(n, -1, np.int64)
    order = sequence.copy()
    times, amounts, events = stock.at.copy(), stock.qty.copy(), stock.count.copy()
    used, bought = np.zeros(len(events)), np.zeros(len(events))
    tool_free = aids.tool_free.copy()
    held = np.zeros((16, 4))
    num_held = np.int64(0)
    head = np.zeros(machines, np.int64)
    worked = np.zeros(machines)
    family = field.machine[:, 1].copy()
    candidate = np.zeros(machines)
    purchases = np.zeros((64, 3))
    num_purchases = 0
    left = 0
    for m in range(machines):
        left += count[m]
        if count[m] == 0:
            candidate[m] = 2 * NEVER
    while left > 0:
        m = 0
        for other in range(1, machines):
            if candidate[other] < candidate[m]:
                m = other
        if candidate[m] >= NEVER:
            found = False
            for other in range(machines):  # nothing can go on: let a blocked line skip ahead
                for k in range(head[other], count[other]):
                    o = order[other, k]
                    at, begin, setup = when(
                        field, offset, spans, o, other, alternate, worked[other], family[other],
                        floor, lot_qty, end, tool_free, held, num_held, aids, stock, times,
                        amounts, events, used, bought,
                    )  # fmt: skip
                    if at < NEVER:
                        for j in range(k, head[other], -1):
                            order[other, j] = order[other, j - 1]
                        order[other, head[other]] = o
                        candidate[other] = at
                        found = True
                        break
            if not found:
                break
            continue
        o = order[m, head[m]]
        at, begin, setup = when(
            field, offset, spans, o, m, alternate, worked[m], family[m], floor, lot_qty, end,
            tool_free, held, num_held, aids, stock, times, amounts, events, used, bought,
        )  # fmt: skip
        if at > candidate[m] + 1e-9:
            candidate[m] = at
            continue
        r = field.machine[m, 0]
        alt = alternate[o]
        lot = field.op_i[o, LOT]
        run = field.alt_f[alt, PER_UNIT] * lot_qty[lot] + field.alt_f[alt, PER_LOT]
        start_out[o] = at
        setup_at[o] = at if setup <= 0 else start_at(offset, spans, r, begin - setup)
        finish = begin + run
        end[o] = end_at(offset, spans, r, finish) if run > 0 else at
        before_out[o] = family[m]
        worked[m] = finish
        if field.op_i[o, FAMILY] >= 0:
            family[m] = field.op_i[o, FAMILY]
        for k in range(field.op_i[o, NEED_COUNT]):
            need = field.op_i[o, NEED_FIRST] + k
            i = stock.need_item[need]
            qty = field.need_f[need, 0] * lot_qty[lot] + field.need_f[need, 1]
            used[i] += qty
            have = bought[i]
            for e in range(events[i]):
                if times[stock.offset[i] + e] <= at + 1e-6:
                    have += amounts[stock.offset[i] + e]
            if have < used[i] - 1e-6:
                if num_purchases == len(purchases):
                    purchases = np.concatenate((purchases, np.zeros_like(purchases)))
                purchases[num_purchases, 0] = o
                purchases[num_purchases, 1] = need
                purchases[num_purchases, 2] = used[i] - have
                num_purchases += 1
                bought[i] += used[i] - have
        tool = aids.alt_tool[alt]
        if tool >= 0:
            slot = aids.tool_offset[tool]
            for k in range(aids.tool_offset[tool], aids.tool_offset[tool + 1]):
                if tool_free[k] < tool_free[slot]:
                    slot = k
            tool_free[slot] = end[o]
        if aids.alt_skill[alt] >= 0 and aids.alt_heads[alt] > 0:
            held, num_held = hold_labour(
                offset, spans, r, begin, run, aids.alt_skill[alt], aids.alt_heads[alt], held,
                num_held,
            )  # fmt: skip
        left -= 1
        head[m] += 1
        candidate[m] = at if head[m] < count[m] else 2 * NEVER
        supplies = False
        if field.op_i[o, IS_LAST] == 1:
            i = field.lot_i[lot, ITEM]
            if stock.is_component[i]:
                events[i] = supply_insert(
                    times[stock.offset[i] :], amounts[stock.offset[i] :], events[i], end[o],
                    lot_qty[lot],
                )  # fmt: skip
                supplies = True
        if supplies or field.op_i[o, NEXT] >= 0:
            for other in range(machines):
                if head[other] < count[other]:
                    candidate[other] = min(candidate[other], at)
    bought_rows = purchases[:num_purchases].copy()
    return setup_at, start_out, end, before_out, bought_rows


@allocating_inner
def when(
    field, offset, spans, o, m, alternate, worked, before, floor, lot_qty, end, tool_free, held,
    num_held, aids, stock, times, amounts, events, used, bought,
):  # fmt: skip  # type: ignore[no-untyped-def]
    """Return run start as an instant and in worked minutes, and set-up minutes, of a head."""
    r = field.machine[m, 0]
    lot = field.op_i[o, LOT]
    at = max(floor[o], field.op_f[o, FLOOR])
    previous = field.op_i[o, PREVIOUS]
    if previous >= 0:
        if end[previous] >= NEVER / 2:
            return 2 * NEVER, -1.0, 0.0
        at = max(at, end[previous] + field.alt_f[alternate[previous], QUEUE])
    for k in range(field.op_i[o, NEED_COUNT]):
        need = field.op_i[o, NEED_FIRST] + k
        i = stock.need_item[need]
        qty = field.need_f[need, 0] * lot_qty[lot] + field.need_f[need, 1]
        ready = covered_at(
            times[stock.offset[i] :], amounts[stock.offset[i] :], events[i], bought[i],
            used[i] + qty, stock.lead[i],
        )  # fmt: skip
        if ready >= NEVER / 2:
            return 2 * NEVER, -1.0, 0.0
        at = max(at, ready)
    begin, setup = line_start(
        field, offset, spans, o, r, alternate[o], worked, before, at, lot_qty[lot], tool_free,
        held, num_held, aids,
    )  # fmt: skip
    if begin < 0:
        return 2 * NEVER, -1.0, setup
    alt = alternate[o]
    run = field.alt_f[alt, PER_UNIT] * lot_qty[lot] + field.alt_f[alt, PER_LOT]
    instant = start_at(offset, spans, r, begin)
    if instant >= NEVER / 2 or end_at(offset, spans, r, begin + run) >= NEVER / 2:
        return 2 * NEVER, -1.0, setup
    return instant, begin, setup


def run_decode(
    problem: Problem,
    field: Field,
    clock: Clock,
    sequence: np.ndarray,
    count: np.ndarray,
    alternate: np.ndarray,
    lot_qty: np.ndarray,
    floor: np.ndarray,
    expedited: np.ndarray | None = None,
) -> Timing:
    """Decode sequences on a problem; see :func:`decode`."""
    if expedited is None:
        expedited = np.zeros(len(problem.supply_item) + len(problem.item_ids), bool)
    found = decode(
        field,
        sequence,
        count,
        alternate,
        lot_qty,
        floor.copy(),
        clock.offset,
        clock.spans,
        materials(problem, field, expedited),
        helpers(problem),
    )
    return Timing(*found)
