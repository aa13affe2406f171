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
from numba import njit

from soe_lib.schedule.anneal import NUM_KINDS, anneal, keep_waits, settle
from soe_lib.schedule.clock import start_at
from soe_lib.schedule.evaluate import LOCAL, RAMP, SHORT, SPLIT_ORDERS, Scratch, scratch
from soe_lib.schedule.moves import saved
from soe_lib.schedule.plan import Plan
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.timing import Timing
from soe_lib.schedule.work import LOT, MACHINE, START, STAYS, Field, State

SHARE = np.cumsum([0.44, 0.15, 0.08, 0.07, 0.08, 0.09, 0.07, 0.02])
"""Probability of each kind of move, cumulative."""
CHUNKS = 200
FIRST_RAMP, LAST_RAMP = 1.0, 20.0
HOT_SHARE, COLD_SHARE = 0.1, 0.001
"""Temperatures as shares of the median cost of a bad move at the start."""


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
) -> Found:
    """Anneal a plan; see :func:`solve.solve` for the parameters."""
    began = time.perf_counter()
    work = plan.copy()
    f, s = work.field, work.state
    movable = np.flatnonzero(f.op_i[:, STAYS] == 0)
    found = Found(how={"iterations": 0, "accepted_moves": 0, "stopped_by_clock": False})
    if len(movable) < 1 or (iterations <= 0 and seconds is None):
        return found
    keep_waits(f, s, timing.start)
    x, v = scratch(f, s), saved(f, s)
    x.money[RAMP] = FIRST_RAMP
    if not settle(f, s, x):
        found.how["note"] = "the start contradicts itself: kept as it is"
        return found
    rng = np.array([(seed + 1) * 0x9E3779B97F4A7C15 % (1 << 64) | 1], np.uint64)
    tally = np.zeros((NUM_KINDS, 3), np.int64)
    scale = bad_move(f, s, x, v, rng, movable, may_reroute)
    hot, cold = HOT_SHARE * scale, COLD_SHARE * scale
    total = iterations
    done = 0
    if seconds is not None:
        trial = 2000
        tick = time.perf_counter()
        anneal(f, s, x, v, rng, movable, len(movable), trial, hot, hot, SHARE, may_reroute, tally)
        rate = trial / max(time.perf_counter() - tick, 1e-6)
        total = max(int(rate * seconds), trial)
        done = trial
    step = max(total // CHUNKS, 1)
    while done < total:
        share = done / total
        elapsed = time.perf_counter() - began
        limit = seconds if seconds is not None else time_limit
        if elapsed > limit:
            found.how["stopped_by_clock"] = True
            break
        if seconds is not None:
            share = max(share, elapsed / seconds)
        now = min(step, total - done)
        first = hot * (cold / hot) ** share
        last = hot * (cold / hot) ** min(1.0, share + now / total)
        x.money[RAMP] = FIRST_RAMP * (LAST_RAMP / FIRST_RAMP) ** min(1.0, share * 1.25)
        anneal(f, s, x, v, rng, movable, len(movable), now, first, last, SHARE, may_reroute, tally)
        done += now
        if seconds is not None:
            rate = done / max(time.perf_counter() - began, 1e-6)
            total = max(done, int(rate * seconds))
            step = max(total // CHUNKS, 1)
    found.how.update(
        iterations=int(done),
        accepted_moves=int(tally[:, 2].sum()),
        moves_per_second=round(done / max(time.perf_counter() - began, 1e-9)),
        shortage=float(x.money[SHORT]),
        local_cost=float(x.money[LOCAL] + x.money[SPLIT_ORDERS]),
    )
    found.plans.append((work, starts(f, s)))
    return found


def bad_move(
    f: Field, s: State, x: Scratch, v: Any, rng: np.ndarray, movable: np.ndarray, may: bool
) -> float:
    """Return the mean cost of a move on a line: total cost per operation, at least a trifle."""
    total = x.money[LOCAL] + x.money[SHORT] + x.money[SPLIT_ORDERS]
    return max(float(total) / max(len(movable), 1), 1e-3)


@njit(cache=True)
def _starts(offset, spans, machine, place, op, out):  # type: ignore[no-untyped-def]
    for o in range(len(out)):
        m = place[o, MACHINE]
        if m >= 0:
            out[o] = start_at(offset, spans, machine[m, 0], op[o, START])


def starts(f: Field, s: State) -> np.ndarray:
    """Return the starts of all operations of a settled state. [min]"""
    out = np.full(len(f.op_i), NEVER)
    _starts(f.clock_offset, f.clock, f.machine, s.place, s.op, out)
    return out


__all__ = ["LOT", "Found", "search", "starts"]
