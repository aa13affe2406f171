"""A small change solved again from the answer: how long it takes and what moves."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soe_lib.params import ScheduleParams

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule
    from soe_lib.schedule.work import State

DAY = 1440.0
SHIFT = 480.0
ITERATIONS = {"demo": 3_000, "M": 10_000}
FORCED = ScheduleParams(iterations=0)
"""Without a search: what changes is forced."""


def without_day(problem: Problem, resource: int, day: int) -> Problem:
    """Return the problem with one resource closed for a day."""
    return _with_calendar(problem, resource, lambda own: _cut(own, day * DAY, (day + 1) * DAY))


def with_shift(problem: Problem, resource: int, day: int) -> Problem:
    """Return the problem with up to eight more hours on a resource where it is closed on a day."""

    def added(own: np.ndarray) -> np.ndarray:
        free = _cut(np.array([[day * DAY, (day + 1) * DAY]]), *own[0])
        for begin, end in own[1:]:
            free = _cut(free, begin, end)
        if not len(free):
            return own
        longest = free[np.argmax(free[:, 1] - free[:, 0])]
        extra = np.array([[longest[0], min(longest[1], longest[0] + SHIFT)]])
        both = np.vstack([own, extra])
        return both[np.argsort(both[:, 0])]

    return _with_calendar(problem, resource, added)


def with_rush(problem: Problem, line: int, days: float) -> Problem:
    """Return the problem with an order line wanted earlier and ten times as dearly."""
    due, weight = problem.demand_due.copy(), problem.demand_weight.copy()
    due[line] = max(due[line] - days * DAY, 0.0)
    weight[line] *= 10.0
    return problem.replace(demand_due=due, demand_weight=weight)


def _cut(own: np.ndarray, begin: float, end: float) -> np.ndarray:
    parts = [(a, min(b, begin)) for a, b in own] + [(max(a, end), b) for a, b in own]
    kept = sorted((a, b) for a, b in parts if b > a + 1e-9)
    return np.array(kept, float).reshape(-1, 2)


def _with_calendar(problem: Problem, resource: int, change) -> Problem:  # type: ignore[no-untyped-def]
    """Return the problem with other working intervals of one resource, none of them overtime."""
    calendar = problem.calendar
    parts = []
    for r in range(len(problem.resource_ids)):
        own = slice(calendar.offset[r], calendar.offset[r + 1])
        rows = np.column_stack([calendar.begin[own], calendar.end[own]])
        over = calendar.is_overtime[own]
        if r == resource:
            rows = change(rows)
            over = np.zeros(len(rows), bool)
        parts.append((rows, over))
    sizes = [len(rows) for rows, _ in parts]
    rows = np.vstack([rows for rows, _ in parts])
    found = replace(
        calendar,
        offset=np.concatenate([[0], np.cumsum(sizes)]),
        begin=rows[:, 0],
        end=rows[:, 1],
        is_overtime=np.concatenate([over for _, over in parts]),
    )
    return problem.replace(calendar=found)


def changes(problem: Problem, answer: Schedule) -> Iterator[tuple[str, Problem]]:
    """Yield the three changes of the issue on the busiest resource and on a line in mid plan."""
    rows = answer.operations
    busiest = rows.groupby("resource_id")["run_minutes"].sum().idxmax()
    resource = problem.resource_ids.index(str(busiest))
    yield "one overtime shift", with_shift(problem, resource, 2)
    yield "one line down for a day", without_day(problem, resource, 2)
    line = int(np.argsort(problem.demand_due, kind="stable")[len(problem.demand_due) // 2])
    yield "one rush order", with_rush(problem, line, 5.0)


def promise_dates_changed(before: Schedule, after: Schedule) -> tuple[float, float]:
    """
    Return the share of order lines with another date, and of those with a later one. [%]

    The date that a customer sees: the day on which the line leaves, for a line that is in time the
    day on which it is due.
    """
    keys = ["order_id", "line_id"]
    both = before.promises.merge(after.promises, on=keys, suffixes=("", "_new"))
    never = both["due_at"].max() + pd.Timedelta(days=3650)
    due = both[["due_at", "due_at_new"]].max(axis=1)
    old, new = (
        both[name].fillna(never).where(both[name].isna() | (both[name] > due), due).dt.floor("D")
        for name in ("promised_at", "promised_at_new")
    )
    return 100.0 * float((old != new).mean()), 100.0 * float((new > old).mean())


def moved_operations(before: Schedule, after: Schedule) -> tuple[int, int, int]:
    """
    Return how many operations are on another machine, out of their old order, and in the plan.

    Out of order are the fewest that would have to be taken out of a machine's sequence, so that
    the others stand as they did.
    """
    assert before.plan is not None
    assert after.plan is not None
    old, new = before.plan.state, after.plan.state
    place = {int(o): (m, k) for m in range(len(old.count)) for k, o in enumerate(_sequence(old, m))}
    elsewhere = out_of_order = 0
    for m in range(len(new.count)):
        tails: list[int] = []
        stayed = 0
        for o in _sequence(new, m):
            home, rank = place.get(int(o), (m, -1))
            if home != m:
                elsewhere += 1
            elif rank >= 0:
                stayed += 1
                at = bisect_left(tails, rank)
                tails[at : at + 1] = [rank]
        out_of_order += stayed - len(tails)
    return elsewhere, out_of_order, len(place)


def _sequence(state: State, machine: int) -> np.ndarray:
    row: np.ndarray = state.sequence[machine, : state.count[machine]]
    return row


def report(name: str, problem: Problem, seed: int = 1, iterations: int = 100_000) -> None:
    """Solve, then change and solve again from the answer; print seconds, cost and what moved."""
    from soe_lib.schedule import solve, verify

    answer = solve(problem, ScheduleParams(seed=seed, iterations=iterations))
    params = ScheduleParams(seed=seed, iterations=ITERATIONS[name])
    for label, changed in changes(problem, answer):
        started, busy = time.perf_counter(), time.process_time()
        found = solve(changed, params, start=answer, keep=True)
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        summary = found.summary
        forced = solve(changed, FORCED, start=answer, keep=True)
        dates, later = promise_dates_changed(answer, found)
        elsewhere, swapped, count = moved_operations(answer, found)
        print(
            f"  {name}: {label:24s} {seconds:5.2f} s ({busy:.2f} s of CPU) from the "
            f"{summary['start']}, cost {summary['search_cost_before']:,.1f} -> "
            f"{summary['total_cost']:,.1f}; promise dates changed {dates:.1f} % (later {later:.1f}"
            f" %; if nothing is moved {promise_dates_changed(answer, forced)[0]:.1f} %), "
            f"operations on another line {elsewhere}, in another order {swapped} of {count}, "
            f"violations {len(verify(changed, found))}",
            flush=True,
        )
