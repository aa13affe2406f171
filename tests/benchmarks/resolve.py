"""A small change solved again from the answer: how long it takes and what moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule

DAY = 1440.0
SHIFT = 480.0
ITERATIONS = {"demo": 3_000, "M": 10_000}


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


def moved_share(before: Schedule, after: Schedule) -> float:
    """Return the share of order lines whose promise changed. [%]"""
    keys = ["order_id", "line_id"]
    both = before.promises.merge(after.promises, on=keys, suffixes=("", "_new"))
    return 100.0 * float((both["promised_at"] != both["promised_at_new"]).mean())


def report(name: str, problem: Problem, seed: int = 1, iterations: int = 100_000) -> None:
    """Solve, then change and solve again from the answer; print seconds, cost and what moved."""
    from soe_lib.params import ScheduleParams
    from soe_lib.schedule import solve, verify

    answer = solve(problem, ScheduleParams(seed=seed, iterations=iterations))
    params = ScheduleParams(seed=seed, iterations=ITERATIONS[name])
    for label, changed in changes(problem, answer):
        started = time.perf_counter()
        found = solve(changed, params, start=answer)
        seconds = time.perf_counter() - started
        summary = found.summary
        print(
            f"  {name}: {label:24s} {seconds:5.2f} s from the {summary['start']}, cost "
            f"{summary['search_cost_before']:,.1f} -> {summary['total_cost']:,.1f}, promises "
            f"changed {moved_share(answer, found):.1f} %, violations {len(verify(changed, found))}",
            flush=True,
        )
