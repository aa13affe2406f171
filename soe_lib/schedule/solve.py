"""Right-shift of the published schedule, dispatch by rule, and the search."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from soe_lib.params import DispatchRule, ScheduleParams
from soe_lib.schedule.allocation import allocate
from soe_lib.schedule.jit import start_late
from soe_lib.schedule.plan import Plan, new_plan, place_by_rule, place_published
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.schedule import Schedule, as_schedule
from soe_lib.schedule.search import Found, search
from soe_lib.schedule.timing import Timing
from soe_lib.schedule.work import FIRST_OP, IS_FIRM

KEPT_GAIN = 1e-4
"""Share of the cost that a move, and another answer, must save before an answer is given up."""
CHAIN_STEP = 1_000_003
"""From the seed of one chain to that of the next."""
ALLOWANCE = 240.0
"""Wait and changeover of a mean lot, when scarce components are given to order lines. [min]"""


def right_shift(problem: Problem) -> Schedule:
    """
    Replay the published schedule from the actual state, without any repair.

    Every operation keeps its resource, its place in the sequence and never starts before its
    published start; what is late pushes what comes after it. Lots that nobody has published follow
    behind. This is "do nothing".
    """
    plan = new_plan(problem)
    place_published(problem, plan)
    timing = plan.decode(problem, published_floor(problem, plan))
    return as_schedule(problem, plan, timing, {"method": "right-shift"})


def dispatch(problem: Problem, rule: DispatchRule = "edd") -> Schedule:
    """
    Schedule by a priority rule.

    Due dates (edd), weight over time (wspt), apparent tardiness cost with set-ups (atc), critical
    ratio (cr) or order by order (toc); each operation on the resource that is free for it first,
    started and frozen work as published.
    """
    plan = new_plan(problem)
    start = place_by_rule(problem, plan, rule)
    timing = plan.decode(problem, np.where(start < NEVER / 2, start, 0.0))
    return as_schedule(problem, plan, timing, {"method": f"dispatch {rule}"})


def solve(
    problem: Problem,
    params: ScheduleParams,
    *,
    may_reroute: bool = True,
    start: Schedule | None = None,
    seconds: float | None = None,
    keep: bool | None = None,
) -> Schedule:
    """
    Search for a cheaper schedule.

    Parameters
    ----------
    problem
        The problem.
    params
        ``seed`` and ``iterations`` decide the result; ``time_limit_seconds`` stops it.
    may_reroute
        Whether operations outside the frozen zone may move to an alternate resource.
    start
        Schedule to start from; else the published one where most firm work is published, else
        dispatch by ``dispatch_rule``.
    seconds
        Choose the number of moves so that start and search take about this long; ``summary`` says
        how many these were. [s]
    keep
        Whether ``start`` is an answer that people know: then nothing moves but for a real gain. By
        default only where the published schedule does not price what moves.

    Returns
    -------
    Schedule
        Never dearer than what it starts from, in the sum of all money terms.
    """
    began = time.perf_counter()
    plan, floor, label, allocated = _start(problem, params, start)
    is_given = label == "given schedule"
    is_kept = is_given and (not plan.field.has_unrest if keep is None else keep)
    before = start.plan.start if is_given and start is not None and start.plan is not None else None
    timing = plan.decode(problem, floor)
    best = as_schedule(problem, plan, timing, {})
    if before is not None:  # as it was, only what must starts later
        before = np.where(before < NEVER / 2, before, 0.0)
        held = plan.decode(problem, np.maximum(floor, before))
        as_it_was = as_schedule(problem, plan, held, {})
        if is_kept or not _is_better(best, as_it_was, least=KEPT_GAIN):
            best, timing = as_it_was, held
    how: dict[str, Any] = {"method": "local search", "start": label, "seed": params.seed}
    how.update(allocated)
    how["start_cost"] = best.summary["total_cost"]
    if seconds is not None:
        seconds = max(seconds - (time.perf_counter() - began), 0.2)
    found = _chains(
        problem, plan, timing, params, iterations=params.iterations,
        time_limit=params.time_limit_seconds, may_reroute=may_reroute, seconds=seconds,
        is_warm=not label.startswith("dispatch"), is_kept=is_kept,
        least_gain=KEPT_GAIN * abs(float(how["start_cost"])),
    )  # fmt: skip
    how.update(found.how)
    for candidate, starts in found.plans:
        late = start_late(problem, candidate, starts)
        if is_kept and before is not None:
            late = np.where(before > 0, np.minimum(late, before), late)
        trial = as_schedule(problem, candidate, candidate.decode(problem, late), {})
        if _is_better(trial, best, least=KEPT_GAIN if is_given else 0.0):
            best = trial
    how["search_cost_before"] = how.pop("start_cost")
    how["search_cost_after"] = best.summary["total_cost"]
    return Schedule(
        best.operations, best.promises, best.purchases, best.pegging, {**best.summary, **how},
        best.expedites, best.plan,
    )  # fmt: skip


def _chains(
    problem: Problem, plan: Plan, timing: Timing, params: ScheduleParams, **given: Any
) -> Found:
    """Search with the seed of each chain, some at once; all their plans, in the order of chains."""
    seeds = [params.seed + CHAIN_STEP * k for k in range(params.chains)]
    if given["seconds"] is not None:
        given["seconds"] *= min(params.workers, len(seeds)) / len(seeds)
    if len(seeds) == 1:
        return search(problem, plan, timing, seed=seeds[0], **given)
    with ThreadPoolExecutor(min(params.workers, len(seeds))) as pool:
        found = list(
            pool.map(lambda seed: search(problem, plan, timing, seed=seed, **given), seeds)
        )
    how = dict(found[0].how)
    for name in ("iterations", "accepted_moves", "moves_per_second"):
        if name in how:
            how[name] = sum(one.how[name] for one in found)
    how["stopped_by_clock"] = any(one.how["stopped_by_clock"] for one in found)
    return Found([pair for one in found for pair in one.plans], {**how, "chains": len(seeds)})


def _is_better(trial: Schedule, best: Schedule, least: float) -> bool:
    """Return whether a schedule places more, or costs less by at least a share of the cost."""
    unplaced = trial.summary["num_unplaced"], best.summary["num_unplaced"]
    if unplaced[0] != unplaced[1]:
        return bool(unplaced[0] < unplaced[1])
    cost = float(best.summary["total_cost"])
    return bool(trial.summary["total_cost"] < cost - least * abs(cost))


def _start(
    problem: Problem, params: ScheduleParams, start: Schedule | None
) -> tuple[Plan, np.ndarray, str, dict[str, Any]]:
    """Return plan, floors [min], what it is, and how scarce components were given away."""
    if start is not None and start.plan is not None:
        plan = adopt(problem, start.plan)
        if plan is not None:
            return plan, _frozen_floor(problem, plan), "given schedule", {}
    plan = new_plan(problem)
    published = problem.op_start < NEVER / 2
    if len(published) and published.mean() >= 0.5:
        place_published(problem, plan)
        return plan, _frozen_floor(problem, plan), "published schedule", {}
    rule = params.dispatch_rule
    allocation = allocate(problem, slack_minutes=ALLOWANCE, max_seconds=params.time_limit_seconds)
    if allocation is None:
        at = place_by_rule(problem, plan, rule)
        return plan, np.where(at < NEVER / 2, at, 0.0), f"dispatch {rule}", {}
    plan = new_plan(problem, turn=allocation.served_at, is_waited_for=allocation.is_late)
    wait_for_supplies(plan, allocation.served_at)
    at = place_by_rule(problem, plan, rule)
    # "feasible" instead of "optimal": the clock ended it, and another run may end elsewhere
    told = {"allocation": allocation.status, "allocation_cost": allocation.value}
    return plan, np.where(at < NEVER / 2, at, 0.0), f"allocation, dispatch {rule}", told


def wait_for_supplies(plan: Plan, served_at: np.ndarray) -> None:
    """Release the first operation of each lot at the supply that its first order line waits for."""
    f, s = plan.field, plan.state
    own = np.flatnonzero((s.job_lot >= 0) & (f.job_target < f.orders))
    at = np.nan_to_num(served_at[f.job_target[own]])
    earliest = np.full(len(f.lot_i), np.inf)
    np.minimum.at(earliest, s.job_lot[own], at)
    waits = np.isfinite(earliest) & (earliest > 0) & (f.lot_i[:, IS_FIRM] == 0)
    s.floor_at[f.lot_i[waits, FIRST_OP]] = earliest[waits]


def adopt(problem: Problem, old: Plan) -> Plan | None:
    """Return a plan of the problem with the old sequences; None where they do not fit it."""
    plan = new_plan(problem, old)
    same = (
        len(plan.field.op_i) == len(old.field.op_i)
        and len(plan.field.machine) == len(old.field.machine)
        and np.array_equal(plan.field.job_target, old.field.job_target)
        and np.allclose(plan.field.job_qty, old.field.job_qty)
        and np.array_equal(plan.field.lot_i[:, 2], old.field.lot_i[:, 2])
        and np.array_equal(plan.field.alt_resource, old.field.alt_resource)
    )
    if not same:
        return None
    state = plan.state
    for name in ("lot_qty", "lot_job", "job_next", "job_lot", "job_time", "stock_left", "floor_at"):
        getattr(state, name)[:] = getattr(old.state, name)
    plan.place(old.state.sequence, old.state.count, old.state.place[:, 1].copy())
    return plan


def published_floor(problem: Problem, plan: Plan) -> np.ndarray:
    """Return the published start of published operations, 0 of others. [min]"""
    floor = np.zeros(len(plan.field.op_i))
    published = problem.op_start < NEVER / 2
    floor[: problem.num_operations] = np.where(published, problem.op_start, 0.0)
    return floor


def _frozen_floor(problem: Problem, plan: Plan) -> np.ndarray:
    """Frozen work is not pulled ahead of its published start."""
    floor = published_floor(problem, plan)
    floor[: problem.num_operations][~problem.op_frozen] = 0.0
    return floor
