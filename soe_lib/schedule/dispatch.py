# mypy: disable-error-code="no-untyped-def"

"""
List scheduling by priority rules: whenever a machine is free, the best ready operation runs.

Decisions are taken in the order of time, with components, predecessors, tools and people exact. The
rules: earliest due date (edd), weight over time (wspt), apparent tardiness cost with set-ups
(atc), critical ratio (cr) and order by order (toc: the order line with the highest rank first,
through all its lots).
"""

from __future__ import annotations

import numpy as np

from soe_lib.params import DispatchRule
from soe_lib.schedule.clock import Clock, end_at, start_at
from soe_lib.schedule.kernel import allocating
from soe_lib.schedule.labour import hold_labour
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.timing import helpers, materials, supply_insert, when
from soe_lib.schedule.work import (
    ALT_COUNT,
    ALT_FIRST,
    FAMILY,
    IS_LAST,
    ITEM,
    LOT,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    PER_LOT,
    PER_UNIT,
    STAYS,
    Field,
    State,
)

RULES: dict[str, int] = {"edd": 0, "wspt": 1, "atc": 2, "cr": 3, "toc": 4}
WINDOW = 300
"""Ready operations that a machine looks at, most urgent first."""
LOOK_AHEAD = 2.0
"""ATC: mean run times over which urgency decays."""
SETUP_DECAY = 1.0
"""ATC: mean changeovers over which a changeover (or a wait) counts against an operation."""


@allocating
def dispatch_kernel(
    f, offset, spans, stock, aids, lot_qty, active, due, weight, rank, rule, floor, may, listed,
    listed_offset, mean_run, mean_setup, window,
):  # fmt: skip  # type: ignore[no-untyped-def]
    """Return the sequence of each machine and the chosen alternates."""
    n, machines = len(f.op_i), len(f.machine)
    width = 0
    for m in range(machines):
        r = f.machine[m, 0]
        width = max(width, listed_offset[r + 1] - listed_offset[r])
    sequence = np.full((machines, width + 2), -1, np.int64)
    count = np.zeros(machines, np.int64)
    chosen = np.full(n, -1, np.int64)
    alternate = f.op_i[:, ALT_FIRST].copy()
    start = np.full(n, NEVER)
    end = np.full(n, NEVER)
    times, amounts, events = stock.at.copy(), stock.qty.copy(), stock.count.copy()
    used, bought = np.zeros(len(events)), np.zeros(len(events))
    tool_free = aids.tool_free.copy()
    held, num_held = np.zeros((16, 4)), np.int64(0)
    worked = np.zeros(machines)
    family = f.machine[:, 1].copy()
    key = np.zeros(machines)
    queue = listed.copy()
    size = np.zeros(len(f.machine_of) - 1, np.int64)
    for r in range(len(size)):
        size[r] = listed_offset[r + 1] - listed_offset[r]
    left = 0
    for o in range(n):
        left += active[o]
    at_of = np.zeros(window)
    setup_of = np.zeros(window)
    begin_of = np.zeros(window)
    while left > 0:
        m = 0
        for other in range(1, machines):
            if key[other] < key[m]:
                m = other
        if key[m] >= NEVER / 2:
            break
        r = f.machine[m, 0]
        base = listed_offset[r]
        kept = 0
        for k in range(size[r]):  # drop what is done
            if chosen[queue[base + k] // 1000] < 0:
                queue[base + kept] = queue[base + k]
                kept += 1
        size[r] = kept
        soonest = 2 * NEVER
        looked = min(kept, window)
        for k in range(looked):
            code = queue[base + k]
            o = code // 1000
            alt = f.op_i[o, ALT_FIRST] + code % 1000
            keep = alternate[o]
            alternate[o] = alt
            at, begun, setup = when(
                f, offset, spans, o, m, alternate, worked[m], family[m], floor, lot_qty, end,
                tool_free, held, num_held, aids, stock, times, amounts, events, used, bought,
            )  # fmt: skip
            alternate[o] = keep
            at_of[k] = at
            begin_of[k] = begun
            setup_of[k] = setup
            soonest = min(soonest, at)
        if soonest >= NEVER / 2:
            key[m] = NEVER
            continue
        if soonest > key[m] + 1e-6:
            key[m] = soonest
            continue
        slack = mean_setup if rule == 2 else 0.0
        best, best_index = -1, -1e300
        for k in range(looked):
            if at_of[k] > soonest + slack + 1e-6 and not (
                setup_of[k] > 0 and at_of[k] <= soonest + setup_of[k] + 1e-6
            ):
                continue
            code = queue[base + k]
            o = code // 1000
            lot = f.op_i[o, LOT]
            alt = f.op_i[o, ALT_FIRST] + code % 1000
            run = f.alt_f[alt, PER_UNIT] * lot_qty[lot] + f.alt_f[alt, PER_LOT]
            w = weight[lot] + 1e-6
            if rule == 0:
                index = -due[o]
            elif rule == 1:
                index = w / max(run, 1.0)
            elif rule == 2:
                idle = at_of[k] - soonest + setup_of[k]
                slack_time = max(0.0, due[o] - at_of[k])
                index = (
                    np.log(w / max(run, 1.0))
                    - slack_time / (LOOK_AHEAD * mean_run)
                    - idle / (SETUP_DECAY * mean_setup)
                )
            elif rule == 3:
                index = -(due[o] + run - at_of[k]) / max(run, 1.0)
            else:
                index = -rank[lot]
            if f.op_i[o, STAYS] > 0:
                index = 1e200 - floor[o] - at_of[k]
            if index > best_index:
                best, best_index = k, index
        code = queue[base + best]
        o = code // 1000
        alternate[o] = f.op_i[o, ALT_FIRST] + code % 1000
        at, begun = at_of[best], begin_of[best]
        lot = f.op_i[o, LOT]
        alt = alternate[o]
        run = f.alt_f[alt, PER_UNIT] * lot_qty[lot] + f.alt_f[alt, PER_LOT]
        start[o] = at
        end[o] = end_at(offset, spans, r, begun + run) if run > 0 else at
        chosen[o] = m
        sequence[m, count[m]] = o
        count[m] += 1
        worked[m] = begun + run
        if f.op_i[o, FAMILY] >= 0:
            family[m] = f.op_i[o, FAMILY]
        for k in range(f.op_i[o, NEED_COUNT]):
            need = f.op_i[o, NEED_FIRST] + k
            i = stock.need_item[need]
            used[i] += f.need_f[need, 0] * lot_qty[lot] + f.need_f[need, 1]
            have = bought[i]
            for e in range(events[i]):
                if times[stock.offset[i] + e] <= at + 1e-6:
                    have += amounts[stock.offset[i] + e]
            bought[i] += max(0.0, used[i] - have)
        tool = aids.alt_tool[alt]
        if tool >= 0:
            slot = aids.tool_offset[tool]
            for k in range(aids.tool_offset[tool], aids.tool_offset[tool + 1]):
                if tool_free[k] < tool_free[slot]:
                    slot = k
            tool_free[slot] = end[o]
        if aids.alt_skill[alt] >= 0 and aids.alt_heads[alt] > 0:
            held, num_held = hold_labour(
                offset, spans, r, begun, run, aids.alt_skill[alt], aids.alt_heads[alt], held,
                num_held,
            )  # fmt: skip
        left -= 1
        key[m] = start_at(offset, spans, r, worked[m])
        opens = f.op_i[o, NEXT] >= 0
        if f.op_i[o, IS_LAST] == 1:
            i = f.lot_i[lot, ITEM]
            if stock.is_component[i]:
                events[i] = supply_insert(
                    times[stock.offset[i] :], amounts[stock.offset[i] :], events[i], end[o],
                    lot_qty[lot],
                )  # fmt: skip
                opens = True
        if opens:
            for other in range(machines):
                if key[other] > at:
                    free = start_at(offset, spans, f.machine[other, 0], worked[other])
                    key[other] = min(key[other], max(at, free))
    return sequence, count, alternate, start, left


def active_lots(state: State, field: Field) -> np.ndarray:
    """Return True for lots that are firm or have a job."""
    return (field.lot_i[:, 3] == 1) | (state.lot_job >= 0)


def lot_weights(problem: Problem, field: Field, state: State) -> np.ndarray:
    """Return the cost per day of all that waits for each lot, through the bill of materials."""
    weight = np.zeros(len(field.lot_i))
    own = state.job_lot >= 0
    target, lot = field.job_target[own], state.job_lot[own]
    direct = target < field.orders
    base = np.zeros(len(field.lot_i))
    np.add.at(base, lot[direct], problem.demand_weight[target[direct]])
    parent = field.op_i[target[~direct] - field.orders, LOT]
    weight = base.copy()
    for _ in range(12):
        following = base.copy()
        np.add.at(following, lot[~direct], weight[parent])
        following = np.minimum(following, 1e12)
        if np.allclose(following, weight):
            break
        weight = following
    return weight


def lot_ranks(problem: Problem, field: Field, state: State) -> np.ndarray:
    """Return the best rank of the order lines that each lot serves, through the bill."""
    rank = np.full(len(field.lot_i), 1e9)
    own = state.job_lot >= 0
    target, lot = field.job_target[own], state.job_lot[own]
    direct = target < field.orders
    np.minimum.at(rank, lot[direct], problem.demand_rank[target[direct]].astype(float))
    parent = field.op_i[target[~direct] - field.orders, LOT]
    for _ in range(12):
        np.minimum.at(rank, lot[~direct], rank[parent])
    return rank


def operation_due(field: Field, state: State, lot_due: np.ndarray) -> np.ndarray:
    """Return the latest start of each operation: lot due less the fastest run from it on. [min]"""
    ops = field.op_i
    owner = np.repeat(np.arange(len(ops)), ops[:, ALT_COUNT])
    first = np.cumsum(ops[:, ALT_COUNT]) - ops[:, ALT_COUNT]
    alt = ops[owner, ALT_FIRST] + np.arange(len(owner)) - first[owner]
    run = field.alt_f[alt, PER_UNIT] * state.lot_qty[ops[owner, LOT]] + field.alt_f[alt, PER_LOT]
    fastest = np.minimum.reduceat(run, first) if len(ops) else np.zeros(0)
    total = np.cumsum(fastest)
    head = field.lot_i[ops[:, LOT], 0]
    last = head + field.lot_i[ops[:, LOT], 1] - 1
    return lot_due[ops[:, LOT]] - (total[last] - total + fastest)


def all_due(field: Field, lot_due: list[float]) -> np.ndarray:
    """Return the due instant of every lot slot; slots without one are never due."""
    due = np.full(len(field.lot_i), NEVER)
    due[: len(lot_due)] = lot_due
    return due


def run_dispatch(
    problem: Problem,
    field: Field,
    state: State,
    clock: Clock,
    lot_due: list[float],
    rule: DispatchRule,
    expedited: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return sequence and count by machine, alternates and starts of all operations."""
    if expedited is None:
        expedited = np.zeros(len(problem.supply_item) + len(problem.item_ids), bool)
    ops = field.op_i
    active = active_lots(state, field)[ops[:, LOT]]
    latest = operation_due(field, state, all_due(field, lot_due))
    weight, rank = lot_weights(problem, field, state), lot_ranks(problem, field, state)
    owner = np.repeat(np.arange(len(ops)), ops[:, ALT_COUNT])
    first = np.cumsum(ops[:, ALT_COUNT]) - ops[:, ALT_COUNT]
    number = np.arange(len(owner)) - first[owner]
    resource = field.alt_resource[ops[owner, ALT_FIRST] + number]
    stays = ops[owner, STAYS] > 0
    allowed = active[owner]
    base = state.place[owner, 2]
    allowed &= ~stays | (base == resource) | (base < 0)
    owner, number, resource = owner[allowed], number[allowed], resource[allowed]
    # what may not start yet must not stand before what may in the window that is looked at
    wanted = np.maximum(latest, np.where(active, state.floor_at, 0.0))
    key = rank[ops[owner, LOT]] if rule == "toc" else wanted[owner]
    order = np.lexsort((owner, key, ~(ops[owner, STAYS] > 0), resource))
    codes = (owner * 1000 + number)[order]
    listed_offset = np.searchsorted(resource[order], np.arange(len(problem.resource_ids) + 1))
    alt = ops[owner, ALT_FIRST] + number
    run = field.alt_f[alt, PER_UNIT] * state.lot_qty[ops[owner, LOT]] + field.alt_f[alt, PER_LOT]
    positive = field.setup[field.setup > 0]
    found = dispatch_kernel(
        field,
        clock.offset,
        clock.spans,
        materials(problem, field, expedited),
        helpers(problem),
        state.lot_qty,
        active.astype(np.int64),
        latest,
        weight,
        rank,
        RULES[rule],
        state.floor_at,
        True,
        codes.astype(np.int64),
        listed_offset.astype(np.int64),
        max(float(run.mean()) if len(run) else 1.0, 1.0),
        max(float(positive.mean()) if len(positive) else 1.0, 1.0),
        WINDOW,
    )
    sequence, count, alternate, start, _ = found
    return sequence, count, alternate, start
