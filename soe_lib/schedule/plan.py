# mypy: disable-error-code="assignment, misc, arg-type"
"""
A plan: lots, places and sequences, before and after they are decoded.

It is what searches change and what a later search starts from; the tables of ``Schedule`` are made
of it and of its decoded times.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.schedule.clock import Clock
from soe_lib.schedule.dispatch import active_lots, all_due, operation_due, run_dispatch
from soe_lib.schedule.expand import expand
from soe_lib.schedule.netting import Jobs, net
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.timing import Timing, run_decode
from soe_lib.schedule.work import (
    ALT_COUNT,
    ALT_FIRST,
    ALTERNATE,
    BASE_RESOURCE,
    FAMILY,
    FIXED_SETUP,
    ITEM,
    LOT,
    MACHINE,
    RANK,
    STAYS,
    UNREST,
    Field,
    State,
)


@dataclass
class Plan:
    """
    Sequences and lots on the arrays of a problem.

    Attributes
    ----------
    field, state, clock
        See ``work`` and ``clock``.
    lot_due
        Due instant of each lot from netting. [min]
    expedited
        One boolean per dated supply, then one per item: paid to be early.
    booked
        One boolean per calendar interval: overtime that is worked.
    jobs, netting_key
        What netting made, and a digest of what it was made of.
    start
        When each operation starts in the schedule of this plan, once there is one. [min]
    """

    field: Field
    state: State
    clock: Clock
    lot_due: list[float]
    expedited: np.ndarray
    booked: np.ndarray
    recipe_step: np.ndarray
    need_item: np.ndarray
    alt_tool: np.ndarray
    alt_skill: np.ndarray
    alt_heads: np.ndarray
    jobs: Jobs
    netting_key: str
    start: np.ndarray | None = None

    def decode(self, problem: Problem, floor: np.ndarray) -> Timing:
        """Simulate the plan exactly; nothing starts before ``floor`` [min]."""
        return run_decode(
            problem,
            self.field,
            self.clock,
            self.state.sequence,
            self.state.count,
            self.state.place[:, ALTERNATE].copy(),
            self.state.lot_qty,
            floor,
            self.expedited,
        )

    def place(self, sequence: np.ndarray, count: np.ndarray, alternate: np.ndarray) -> None:
        """Take over sequences and alternates."""
        state = self.state
        state.place[:, MACHINE] = -1
        state.sequence[:] = -1
        state.count[:] = count
        for m in range(len(count)):
            own = sequence[m, : count[m]]
            state.sequence[m, : count[m]] = own
            state.place[own, MACHINE] = m
            state.place[own, ALTERNATE] = alternate[own]
            stays = self.field.op_i[own, STAYS] > 0
            self.field.machine[m, 2] = int(np.argmin(stays)) if not stays.all() else len(stays)

    def copy(self) -> Plan:
        """Return a plan whose state can be changed without changing this one."""
        state = State(*(part.copy() for part in self.state))
        field = self.field._replace(machine=self.field.machine.copy())
        return Plan(
            field, state, self.clock, self.lot_due, self.expedited.copy(), self.booked.copy(),
            self.recipe_step, self.need_item, self.alt_tool, self.alt_skill,
            self.alt_heads, self.jobs, self.netting_key,
        )  # fmt: skip

    def setup_minutes(self, timing: Timing) -> np.ndarray:
        """Return the set-up of each operation, from the family that its machine was set for."""
        f = self.field
        resource = f.alt_resource[self.state.place[:, ALTERNATE]]
        before, own = timing.before, f.op_i[:, FAMILY]
        fixed = f.op_f[:, FIXED_SETUP].copy()
        changes = (before >= 0) & (own >= 0) & (before != own) & (f.op_i[:, STAYS] != 2)
        fixed[changes] += f.setup[resource[changes], before[changes], own[changes]]
        return fixed

    def unrest(self, problem: Problem) -> float:
        """Return the price of published operations that are elsewhere or out of order. [money]"""
        f, s = self.field, self.state
        total = 0.0
        for m in range(len(f.machine)):
            own = s.sequence[m, : s.count[m]]
            own = own[f.op_i[own, RANK] >= 0]
            at_home = s.place[own, BASE_RESOURCE] == f.machine[m, 0]
            total += float(f.op_f[own[~at_home], UNREST].sum())
            if len(own) > 1:
                rank, price = f.op_i[own, RANK], f.op_f[own, UNREST]
                breaks = (rank[:-1] > rank[1:]) & at_home[:-1] & at_home[1:]
                total += float(np.minimum(price[:-1], price[1:])[breaks].sum())
        return total

    def overtime(self, problem: Problem, timing: Timing) -> float:
        """Return the cost of the overtime that is really worked. [money]"""
        calendar = problem.calendar
        if not calendar.is_overtime.any():
            return 0.0
        f, s = self.field, self.state
        placed = np.flatnonzero((s.place[:, MACHINE] >= 0) & (timing.end < NEVER / 2))
        resource = f.alt_resource[s.place[placed, ALTERNATE]]
        total = 0.0
        for k in np.flatnonzero(calendar.is_overtime):
            r = int(np.searchsorted(calendar.offset, k, side="right")) - 1
            own = placed[resource == r]
            first, last = calendar.begin[k], calendar.end[k]
            busy = np.minimum(timing.end[own], last) - np.maximum(timing.setup[own], first)
            total += float(np.clip(busy, 0.0, None).sum()) / 60 * float(problem.overtime_cost[r])
        return total

    def holding(self, problem: Problem, timing: Timing, promises: pd.DataFrame) -> float:
        """Return the cost of finished stock from the end of its lot to the end of its use. [money]

        Lots are held until the latest due or ready instant of the order lines that they serve.
        """
        f, s = self.field, self.state
        own = np.flatnonzero((s.job_lot >= 0) & (f.job_target < f.orders))
        if not len(own) or problem.holding_per_day <= 0:
            return 0.0
        lot = s.job_lot[own]
        last = f.lot_i[lot, 0] + f.lot_i[lot, 1] - 1
        end = timing.end[last]
        d = f.job_target[own]
        ready = (promises["ready_at"] - problem.as_of).dt.total_seconds().to_numpy() / 60
        until = np.fmax(problem.demand_due[d], ready[d])
        days = np.where(end < NEVER / 2, np.clip(until - end, 0.0, None), 0.0) / 1440
        value = problem.item_value[f.lot_i[lot, ITEM]]
        return float((days * value * f.job_qty[own]).sum() * problem.holding_per_day)


def netting_key(problem: Problem) -> str:
    """Return a digest of all that decides which jobs there are; due instants only order them."""
    recipes = problem.recipes
    parts = (
        problem.demand_item, problem.demand_qty, problem.on_hand, problem.supply_item,
        problem.supply_qty, problem.supply_arrival, problem.op_lot, problem.op_fixed,
        problem.lot_item,
        problem.lot_qty, problem.need_offset, problem.need_item, problem.need_qty,
        problem.item_lot_min, problem.item_lot_multiple, problem.item_lot_max, problem.item_is_made,
        problem.item_lead_minutes, recipes.offset, recipes.need_offset, recipes.need_item,
        recipes.need_per_unit,
    )  # fmt: skip
    digest = hashlib.sha256(
        repr((problem.demand_keys, problem.lot_ids, problem.is_planning)).encode()
    )
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def new_plan(
    problem: Problem,
    old: Plan | None = None,
    *,
    turn: np.ndarray | None = None,
    is_waited_for: np.ndarray | None = None,
) -> Plan:
    """
    Return a plan of a problem with nothing sequenced; published ranks are known.

    ``old`` is a plan of the problem before a change: its jobs are kept where the same order lines,
    stocks, receipts and firm lots stand against each other. ``turn`` and ``is_waited_for`` as in
    ``netting.net``.
    """
    key = netting_key(problem)
    kept = old.jobs if old is not None and old.netting_key == key else None
    if turn is not None:
        kept = net(problem, turn, is_waited_for)
    field, state, clock, jobs = expand(problem, kept)
    firm_ops = problem.num_operations
    recipes = problem.recipes
    lot = field.op_i[firm_ops:, LOT]
    within = np.arange(firm_ops, len(field.op_i)) - field.lot_i[lot, 0]
    step = np.full(len(field.op_i), -1, np.int64)
    step[firm_ops:] = recipes.offset[field.lot_i[lot, ITEM]] + within
    plan = Plan(
        field,
        state,
        clock,
        jobs.lot_due,
        np.concatenate([problem.supply_is_early, np.zeros(len(problem.item_ids), bool)]),
        np.ones(len(problem.calendar.begin), bool),
        step,
        np.concatenate([problem.need_item, recipes.need_item]).astype(np.int64),
        np.concatenate([problem.alt_tool, recipes.alt_tool]).astype(np.int64),
        np.concatenate([problem.alt_skill, recipes.alt_skill]).astype(np.int64),
        np.concatenate([problem.alt_heads, recipes.alt_heads]).astype(float),
        jobs,
        key,
    )
    order, published = published_order(problem, plan)
    known = order[published[order]]
    field.op_i[known, RANK] = np.arange(len(known))
    return plan


def published_order(problem: Problem, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return active operations as published (what is not published last), and which are."""
    f, s = plan.field, plan.state
    active = active_lots(s, f)[f.op_i[:, LOT]]
    latest = operation_due(f, s, all_due(f, plan.lot_due))
    start = np.concatenate([problem.op_start, np.full(len(f.op_i) - problem.num_operations, NEVER)])
    published = start < NEVER / 2
    key = np.where(published, start, latest)
    order = np.lexsort((np.arange(len(key)), latest, key, ~published, -f.op_i[:, STAYS]))
    return _lot_order(f, order[active[order]]), published


def place_published(problem: Problem, plan: Plan) -> None:
    """
    Sequence firm work as published; what is not published follows behind it by latest start.

    On several stations an operation goes to the one that is free first by the published times.
    """
    f, s = plan.field, plan.state
    firm_ops = problem.num_operations
    order, published = published_order(problem, plan)
    start = np.concatenate([problem.op_start, np.full(len(f.op_i) - firm_ops, NEVER)])
    alternate = f.op_i[:, ALT_FIRST].copy()
    machines = len(f.machine)
    rows: list[list[int]] = [[] for _ in range(machines)]
    free = np.zeros(machines)
    for o in order.tolist():
        first, count = int(f.op_i[o, ALT_FIRST]), int(f.op_i[o, ALT_COUNT])
        choices = np.arange(first, first + count)
        home = choices[f.alt_resource[choices] == s.place[o, BASE_RESOURCE]]
        run = f.alt_f[choices, 0] * s.lot_qty[f.op_i[o, LOT]] + f.alt_f[choices, 1]
        if len(home):
            choices, run = home[:1], run[home[:1] - first]
        best = (NEVER * 10, -1, -1, 0.0)
        for alt, minutes in zip(choices.tolist(), run.tolist(), strict=True):
            r = int(f.alt_resource[alt])
            for m in range(int(f.machine_of[r]), int(f.machine_of[r + 1])):
                begin = max(free[m], start[o]) if published[o] else free[m]
                if begin + minutes < best[0] - 1e-9:
                    best = (begin + minutes, m, alt, minutes)
        rows[best[1]].append(o)
        alternate[o] = best[2]
        free[best[1]] = best[0]
    count = np.array([len(row) for row in rows], np.int64)
    sequence = np.full((machines, max([1, *count])), -1, np.int64)
    for m, row in enumerate(rows):
        sequence[m, : len(row)] = row
    plan.place(sequence, count, alternate)


def _lot_order(f: Field, order: np.ndarray) -> np.ndarray:
    """Give the places of a lot's operations to them in their own order."""
    lots = f.op_i[order, LOT]
    places = np.argsort(lots, kind="stable")
    result = order.copy()
    result[places] = order[np.lexsort((order, lots))]
    return result


def place_by_rule(problem: Problem, plan: Plan, rule: str) -> np.ndarray:
    """Sequence everything by a priority rule; return the starts. [min]"""
    sequence, count, alternate, start = run_dispatch(
        problem, plan.field, plan.state, plan.clock, plan.lot_due, rule, plan.expedited
    )  # fmt: skip
    plan.place(sequence, count, alternate)
    missing = [
        o
        for o in np.flatnonzero(active_lots(plan.state, plan.field)[plan.field.op_i[:, LOT]])
        if plan.state.place[o, MACHINE] < 0
    ]
    for o in missing:  # nothing can start them: they stand last and come out unplaced
        alt = int(plan.field.op_i[o, ALT_FIRST])
        m = int(plan.field.machine_of[plan.field.alt_resource[alt]])
        plan.state.sequence[m, plan.state.count[m]] = o
        plan.state.count[m] += 1
        plan.state.place[o, MACHINE] = m
        plan.state.place[o, ALTERNATE] = alt
    return start
