"""
The search: annealing from a start, cooled on the problem's own scale of cost.

Iterations and seed decide the result. The temperature falls from a share of what a random bad move
costs at the start to a small fraction of it; the price of missing components is ramped up on the
way, so that early on the search may pass through shortages and at the end none is left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soe_lib.schedule.anneal import anneal, keep_waits, run_starts, settle
from soe_lib.schedule.calm import calm_down
from soe_lib.schedule.moves import saved
from soe_lib.schedule.plan import Plan
from soe_lib.schedule.polish import TRIALS_PER_MOVE, polish
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.proposals import (
    CROSS_SWAP,
    FAMILY_BLOCK,
    FLOOR_CHANGE,
    LOT_CHANGE,
    NUM_KINDS,
    STOCK_SWAP,
    TRADE,
)
from soe_lib.schedule.scratch import LOCAL, RAMP, SHORT, SPLIT_ORDERS, scratch
from soe_lib.schedule.tidy import MOST_PASSES, tidy
from soe_lib.schedule.timing import Timing
from soe_lib.schedule.work import (
    ALT_COUNT,
    BUCKET_FIRST,
    COST,
    DUE,
    END,
    IS_FIRM,
    IS_PLAIN,
    ITEM,
    MACHINE,
    NEED_COUNT,
    RELEASE,
    RUN,
    SOFT,
    START,
    STAYS,
    Field,
    State,
)

SHARE = (0.40, 0.13, 0.07, 0.06, 0.08, 0.09, 0.07, 0.02, 0.08)
"""Share of each kind of move, where the data have something for it to change."""
CHUNKS = 200
TRIAL_MOVES = 2000
RAMP_UP = 20.0
"""Price of missing components over the first 70 % of the search, from once to this many times."""
LAST_RAMP = 200.0
"""And over the rest, times this: at the end nothing may be short, however little."""
HOT = 0.2
"""First temperature of a long search, in mean costs of delay by one mean run."""
COLD_LONG, COLD_SHORT = 0.05, 0.1
"""Last temperature as a share of the first, in a long search and in a very short one."""
LONG_SEARCH = 5000.0
"""Moves per operation from which on the full temperature pays."""
KEPT_SHARE = 0.02
"""What a move must save when an answer is kept, and its temperature, in shares of the usual."""
POLISH_ALONE, POLISH_LAST, POLISH_TIME = 0.97, 0.1, 0.03
"""
Share that goes into polishing: of everything where only orders can change; elsewhere of the moves,
and less of the seconds, since far more than TRIALS_PER_MOVE exchanges are judged in a move's time.
"""
CALM, CALM_COLD = 0.15, 0.1
"""Share of the moves that end the search, and their first temperature against the last one."""
FOCUS = 1.0
"""Picks that go to machines by the price of what queues there too long, against all others."""
WARM_SHARE = 0.375
"""Share of the temperature when the search starts from an answer that it should keep to."""


@dataclass
class Found:
    """Plans that the search ended with, each with its starts [min], and how it went."""

    plans: list[tuple[Plan, np.ndarray]] = field(default_factory=list)
    how: dict[str, Any] = field(default_factory=dict)


def search(
    problem: Problem,
    plan: Plan,
    timing: Timing,
    *,
    seed: int,
    iterations: int,
    time_limit: float,
    may_reroute: bool,
    seconds: float | None = None,
    is_warm: bool = False,
    is_kept: bool = False,
    least_gain: float = 0.0,
) -> Found:
    """
    Anneal a plan; see :func:`solve.solve` for the parameters.

    ``is_kept``: the plan is an answer in which nothing should move but for a real gain, and a move
    for ``least_gain`` [money] at least.
    """
    work = plan.copy()
    f, s = work.field, work.state
    movable = np.flatnonzero(f.op_i[:, STAYS] == 0)
    found = Found(how={"iterations": 0, "accepted_moves": 0, "stopped_by_clock": False})
    if len(movable) < 1 or (iterations <= 0 and seconds is None):
        return found
    keep_waits(f, s, timing.start)
    x, v = scratch(f, s), saved(f, s)
    x.money[RAMP] = 1.0
    if not settle(f, s, x):
        found.how["note"] = "the start contradicts itself: kept as it is"
        return found
    rng = np.array([(seed + 1) * 0x9E3779B97F4A7C15 % (1 << 64) | 1], np.uint64)
    tally = np.zeros((NUM_KINDS, 3), np.int64)
    share = shares(f, may_reroute)
    tidy(f, s, x, v, 0)
    anneal(f, s, x, v, rng, movable, len(movable), 0, 1.0, 1.0, 0.0, share, may_reroute, tally)
    began = time.perf_counter()  # whatever had to be compiled is
    scale = delay_scale(problem, f, s, movable) * (WARM_SHARE if is_warm else 1.0)
    least = max(KEPT_SHARE * scale, least_gain) if is_kept else 0.0
    has_order_only = share[FAMILY_BLOCK] > 1.0 - 1e-9 and not _may_move(f, may_reroute)
    at_end = POLISH_LAST if seconds is None else POLISH_TIME
    polished = 0.0 if f.has_unrest or is_kept else POLISH_ALONE if has_order_only else at_end
    calmed = 0.0 if f.has_unrest or is_kept or has_order_only else CALM
    total = int(iterations * (1.0 - polished - calmed))
    limit = time_limit
    done = 0
    if seconds is not None:
        limit = seconds * (1.0 - polished - calmed)
        anneal(
            f, s, x, v, rng, movable, len(movable), TRIAL_MOVES, HOT * scale, HOT * scale, least,
            share, may_reroute, tally,
        )  # fmt: skip
        rate = TRIAL_MOVES / max(time.perf_counter() - began, 1e-6)
        total = max(int(rate * limit), TRIAL_MOVES)
        done = TRIAL_MOVES
    effort = min(1.0, total / len(movable) / LONG_SEARCH)
    hot = HOT * scale * effort**0.2 * (KEPT_SHARE if is_kept else 1.0)
    cold = hot * (COLD_SHORT + (COLD_LONG - COLD_SHORT) * effort**0.5)
    step = max(total // CHUNKS, 1)
    while done < total:
        past = done / total
        elapsed = time.perf_counter() - began
        if elapsed > limit:
            found.how["stopped_by_clock"] = True
            break
        if seconds is not None:
            past = max(past, elapsed / limit)
        now = min(step, total - done)
        first = hot * (cold / hot) ** past
        last = hot * (cold / hot) ** min(1.0, past + now / total)
        x.money[RAMP] = ramp(1.0 if is_kept else past)
        active = wanted(f, s, movable)
        anneal(
            f, s, x, v, rng, active, len(active), now, first, last, least, share, may_reroute,
            tally,
        )  # fmt: skip
        done += now
        if seconds is not None:
            rate = done / max(time.perf_counter() - began, 1e-6)
            total = max(done, int(rate * limit))
            step = max(total // CHUNKS, 1)
    if calmed > 0:
        rate = done / max(time.perf_counter() - began, 1e-6)
        done += calm_down(
            f, s, x, v, rng, movable, first=cold * CALM_COLD, share=share, may_reroute=may_reroute,
            moves=int(iterations * calmed if seconds is None else rate * seconds * calmed),
            tally=tally,
            stop_at=began + (time_limit if seconds is None else seconds * (1.0 - polished)),
        )  # fmt: skip
    if polished > 0:
        stop_at = began + (seconds if seconds is not None else time_limit)
        trials = TRIALS_PER_MOVE * int(iterations * polished) if seconds is None else 1 << 62
        tried, _ = polish(
            f, s, x, v, rng, trials=trials, delay=scale / max(run_mean(s, movable), 1.0),
            stop_at=stop_at,
        )  # fmt: skip
        done += tried // TRIALS_PER_MOVE
        if seconds is None and time.perf_counter() > stop_at:
            found.how["stopped_by_clock"] = True
    if not is_kept and (problem.num_operations == 0 or not f.has_unrest):
        tidy(f, s, x, v, MOST_PASSES)
    found.how.update(
        iterations=int(done),
        accepted_moves=int(tally[:, 2].sum()),
        moves_per_second=round(done / max(time.perf_counter() - began, 1e-9)),
        shortage=float(x.money[SHORT]),
        local_cost=float(x.money[LOCAL] + x.money[SPLIT_ORDERS]),
    )
    found.plans.append((work, starts(f, s)))
    return found


def wanted(f: Field, s: State, movable: np.ndarray) -> np.ndarray:
    """Return what to pick from: all that may move, and what stands where much is late again."""
    machine = s.place[movable, MACHINE]
    late = queueing(f, s, movable)
    total = float(late.sum())
    if total <= 0 or len(late) < 2:
        return movable
    count = np.bincount(machine[machine >= 0], minlength=len(late))
    often = np.floor(late / total * FOCUS * len(movable) / np.maximum(count, 1)).astype(np.int64)
    return np.concatenate([movable, np.repeat(movable, np.where(machine >= 0, often[machine], 0))])


def queueing(f: Field, s: State, movable: np.ndarray) -> np.ndarray:
    """Return by machine what lateness costs that is not a wait for components. [money]"""
    late = movable[(s.place[movable, MACHINE] >= 0) & (s.op[movable, END] > s.op[movable, DUE])]
    late = late[s.op[late, COST] > s.op[late, SOFT]]
    machine = s.place[late, MACHINE]
    needs = f.op_i[late, NEED_COUNT]
    owner = np.repeat(np.arange(len(late)), needs)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(needs) - needs, needs)
    bucket = s.bucket_of[f.op_i[late, BUCKET_FIRST][owner] + within]
    resource = f.machine[machine, 0]
    supplied = np.where(bucket >= 0, f.bucket_w[resource[owner], np.maximum(bucket, 0)], 0.0)
    ready = s.op[late, RELEASE].copy()
    np.maximum.at(ready, owner, supplied)
    waits = np.clip((s.op[late, START] - ready) / (s.op[late, END] - s.op[late, DUE]), 0.0, 1.0)
    cost = (s.op[late, COST] - s.op[late, SOFT]) * waits
    return np.bincount(machine, cost, minlength=len(f.machine))


def _may_move(f: Field, may_reroute: bool) -> bool:
    """Return whether an operation may stand on another machine than it does."""
    stations = np.diff(f.machine_of)
    return (may_reroute and bool((f.op_i[:, ALT_COUNT] > 1).any())) or bool((stations > 1).any())


def run_mean(s: State, movable: np.ndarray) -> float:
    """Return the mean run of the operations that may move. [min]"""
    on = movable[s.place[movable, MACHINE] >= 0]
    return float(s.op[on, RUN].mean()) if len(on) else 1.0


def ramp(share: float) -> float:
    """Return how many times the price of missing components counts, after a share of the search."""
    last = LAST_RAMP ** min(1.0, max(0.0, (share - 0.7) * 4.0))
    return RAMP_UP ** min(1.0, share * 1.4) * last


def shares(f: Field, may_reroute: bool) -> np.ndarray:
    """Return the probability of each kind of move, cumulative; 0 where nothing can be changed."""
    planned = f.lot_i[(f.lot_i[:, IS_FIRM] == 0) & (f.lot_i[:, IS_PLAIN] == 1), ITEM]
    has_mates = bool((np.diff(f.mates_offset)[planned] > 1).any())
    has_stock = bool((np.diff(f.stock_offset)[planned] > 1).any())
    has_components = bool((f.need_bucket >= 0).any())
    may_cross = may_reroute and bool((f.op_i[:, ALT_COUNT] > 1).any())
    there = np.ones(NUM_KINDS, bool)
    there[[FLOOR_CHANGE, TRADE]] = has_components
    there[LOT_CHANGE], there[STOCK_SWAP], there[CROSS_SWAP] = has_mates, has_stock, may_cross
    share = np.where(there, SHARE, 0.0)
    return np.cumsum(share / share.sum())


def delay_scale(problem: Problem, f: Field, s: State, movable: np.ndarray) -> float:
    """Return what it costs to delay a mean order line by a mean run; moves trade about this."""
    run = run_mean(s, movable)
    weight = problem.demand_weight[problem.demand_weight > 0]
    per_day = float(weight.mean()) if len(weight) else 0.0
    return max(per_day * run / 1440.0, 0.01 * float(problem.changeover_cost.mean()), 1e-3)


def starts(f: Field, s: State) -> np.ndarray:
    """Return the starts of all operations of a settled state. [min]"""
    out = np.full(len(f.op_i), NEVER)
    run_starts(f, s, out)
    return out
