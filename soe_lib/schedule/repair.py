"""
Exact repair of a neighbourhood: a few operations of one resource, in the best order there is.

The order is proposed by the small programme of ``neighbourhood`` and judged by the strict
simulation with everything that the programme does not see (material, people, tools, what waits
behind); a proposal that is not cheaper there is dropped.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import worked_at
from soe_lib.schedule.jit import start_late
from soe_lib.schedule.neighbourhood import (
    MAX_OPERATIONS,
    Neighbourhood,
    NeighbourhoodError,
    exact_order,
)
from soe_lib.schedule.plan import Plan
from soe_lib.schedule.problem import NEVER, Problem, ProblemError
from soe_lib.schedule.schedule import Schedule, as_schedule
from soe_lib.schedule.timing import Timing
from soe_lib.schedule.work import (
    ALTERNATE,
    FAMILY,
    FIXED_SETUP,
    ITEM,
    LOT,
    NEXT,
    PER_LOT,
    PER_UNIT,
    PREVIOUS,
    STAYS,
)


def repair(
    problem: Problem,
    schedule: Schedule,
    resource_id: str,
    *,
    begin: float = 0.0,
    end: float = NEVER,
    size: int = 8,
    max_seconds: float = 1.0,
) -> Schedule:
    """
    Put the operations of one resource and window in the best order, a few at a time.

    Parameters
    ----------
    problem, schedule
        The problem and a schedule of it.
    resource_id
        Resource whose sequence may change; what has started or is frozen stays.
    begin, end
        Only operations that start in this time are moved. [min]
    size
        Operations that are put in order at once, at most ``MAX_OPERATIONS``; those around the
        dearest late order lines first.
    max_seconds
        Limit of each programme. [s]

    Returns
    -------
    Schedule
        Never dearer than the one given; ``summary`` counts ``repaired_windows``.

    Raises
    ------
    ProblemError
        When the problem does not know the resource.
    NeighbourhoodError
        When ``size`` is too large.
    """
    if resource_id not in problem.resource_ids:
        raise ProblemError(f"no resource '{resource_id}' in the problem")
    if size > MAX_OPERATIONS:
        raise NeighbourhoodError(f"size {size}: at most {MAX_OPERATIONS} can be put in order")
    if schedule.plan is None:
        return schedule
    resource = problem.resource_ids.index(resource_id)
    best, improved, plan = schedule, 0, schedule.plan
    timing = plan.decode(problem, _floor(plan, _starts(problem, plan, None)))
    for machine in np.flatnonzero(plan.field.machine[:, 0] == resource).tolist():
        for first in _windows(problem, plan, timing, machine, begin, end, size):
            trial = _reordered(problem, plan, timing, machine, first, size, max_seconds)
            if trial is None:
                continue
            found = _judged(problem, trial, timing)
            if found.summary["total_cost"] < best.summary["total_cost"] - 1e-6 and (
                found.summary["num_unplaced"] <= best.summary["num_unplaced"]
            ):
                best, improved, plan = found, improved + 1, trial
                timing = plan.decode(problem, _floor(plan, timing.start))
    summary = {**best.summary, "repaired_windows": improved}
    return Schedule(
        best.operations,
        best.promises,
        best.purchases,
        best.pegging,
        summary,
        best.expedites,
        best.plan,
    )


def _starts(problem: Problem, plan: Plan, timing: Timing | None) -> np.ndarray:
    """Return starts that hold work in place: published ones where no timing is known."""
    if timing is not None:
        return timing.start
    planned = len(plan.field.op_i) - problem.num_operations
    return np.concatenate([problem.op_start, np.full(planned, NEVER)])


def _floor(plan: Plan, start: np.ndarray) -> np.ndarray:
    """Nothing that stays where it is starts before its instant; all else may."""
    stays = (plan.field.op_i[:, STAYS] > 0) & (start < NEVER / 2)
    return np.where(stays, start, 0.0)


def _judged(problem: Problem, plan: Plan, timing: Timing) -> Schedule:
    early = plan.decode(problem, _floor(plan, timing.start))
    late = start_late(problem, plan, early.start)
    return as_schedule(problem, plan, plan.decode(problem, late), {"method": "exact repair"})


def _late_cost(problem: Problem, plan: Plan, timing: Timing, op: int) -> float:
    due, weight = _due_of(problem, plan, op)
    return float(max(timing.end[op] - due, 0.0) * weight)


def _due_of(problem: Problem, plan: Plan, op: int) -> tuple[float, float]:
    """Due instant of an operation [min] and what a minute costs: of the lines its lot serves."""
    f, s = plan.field, plan.state
    lot = int(f.op_i[op, LOT])
    after, tail = int(f.op_i[op, NEXT]), 0.0
    while after >= 0:
        tail += _run(plan, after)
        after = int(f.op_i[after, NEXT])
    jobs = np.flatnonzero(s.job_lot == lot)
    demand = f.job_target[jobs]
    demand = demand[demand < f.orders]
    if not len(demand):
        return float(plan.lot_due[lot]) - tail, 1e-4
    due = float(problem.demand_due[demand].min()) - tail
    return due, float(problem.demand_weight[demand].sum()) / 1440 + 1e-6


def _run(plan: Plan, op: int) -> float:
    f, s = plan.field, plan.state
    alternate = int(s.place[op, ALTERNATE])
    return float(f.alt_f[alternate, PER_UNIT] * s.lot_qty[f.op_i[op, LOT]]) + float(
        f.alt_f[alternate, PER_LOT]
    )


def _windows(
    problem: Problem,
    plan: Plan,
    timing: Timing,
    machine: int,
    begin: float,
    end: float,
    size: int,
) -> list[int]:
    """First positions of the windows to look at: around the dearest late operations first."""
    own = plan.state.sequence[machine, : plan.state.count[machine]]
    stays = plan.field.op_i[own, STAYS] > 0
    inside = ~stays & (timing.start[own] >= begin) & (timing.start[own] < end)
    places = np.flatnonzero(inside)
    if len(places) < 2:
        return []
    low, high = int(places[0]), int(places[-1])
    cost = np.array([_late_cost(problem, plan, timing, int(op)) for op in own])
    order = places[np.argsort(-cost[places], kind="stable")]
    firsts: list[int] = []
    for place in order.tolist():
        first = max(low, min(place - size // 2, high - size + 1))
        if cost[place] > 1e-9 and all(abs(first - known) >= size // 2 for known in firsts):
            firsts.append(first)
    return firsts


def _reordered(
    problem: Problem,
    plan: Plan,
    timing: Timing,
    machine: int,
    first: int,
    size: int,
    max_seconds: float,
) -> Plan | None:
    """Return the plan with the window in the order of the programme; None where it is the same."""
    f, s = plan.field, plan.state
    count = int(s.count[machine])
    ops = s.sequence[machine, first : min(first + size, count)].copy()
    if len(ops) < 2 or (f.op_i[ops, STAYS] > 0).any() or (timing.end[ops] >= NEVER / 2).any():
        return None
    resource = int(f.machine[machine, 0])
    opens = float(timing.end[s.sequence[machine, first - 1]]) if first else 0.0

    def minutes(at: float) -> float:
        return float(
            worked_at(plan.clock.offset, plan.clock.spans, resource, at)
            - worked_at(plan.clock.offset, plan.clock.spans, resource, opens)
        )

    family = f.op_i[ops, FAMILY]
    fixed = f.op_f[ops, FIXED_SETUP]
    before = int(timing.before[ops[0]])
    first_setup = np.array([_change(f.setup, resource, before, int(b)) for b in family]) + fixed
    setup = (
        np.array([[_change(f.setup, resource, int(a), int(b)) for b in family] for a in family])
        + fixed[None, :]
    )
    due = [_due_of(problem, plan, int(op)) for op in ops]
    ready = [
        float(timing.end[f.op_i[op, PREVIOUS]]) if f.op_i[op, PREVIOUS] >= 0 else 0.0 for op in ops
    ]
    work = Neighbourhood(
        labels=tuple(problem.item_ids[f.lot_i[f.op_i[op, LOT], ITEM]] for op in ops),
        run=np.array([_run(plan, int(op)) for op in ops]),
        first_setup=first_setup,
        setup=setup,
        release=np.array([max(minutes(at), 0.0) for at in ready]),
        due=np.array([minutes(at) if at > opens else at - opens for at, _ in due]),
        weight=np.array([weight for _, weight in due]),
        setup_price=float(problem.changeover_cost[resource]) / 60,
    )
    found = exact_order(work, np.arange(len(ops)), max_seconds=max_seconds)
    if found.cost >= found.start_cost - 1e-9:
        return None
    trial = plan.copy()
    trial.state.sequence[machine, first : first + len(ops)] = ops[found.order]
    return trial


def _change(setup: np.ndarray, resource: int, before: int, after: int) -> float:
    if before < 0 or after < 0 or before == after:
        return 0.0
    return float(setup[resource, before, after])
