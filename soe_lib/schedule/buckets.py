"""Time buckets, working minutes in them, and what a day late costs."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.problem import NEVER, Problem

DAY = 1440.0
MARGIN_DAYS = 21
"""Days after the last due instant that the buckets reach."""


def daily_grid(
    problem: Problem, *, step_minutes: float = DAY, daily_for: float = NEVER
) -> np.ndarray:
    """
    Return bucket limits from as_of to some weeks after the last due instant.

    Parameters
    ----------
    problem
        The problem.
    step_minutes
        Length of a bucket. [min]
    daily_for
        Minute after which buckets are a week long. [min]
    """
    due = problem.demand_due[problem.demand_due < NEVER / 2]
    last = max(float(due.max()) if len(due) else 0.0, 7 * DAY) + MARGIN_DAYS * DAY
    dense = np.arange(0.0, min(last, daily_for) + step_minutes, step_minutes)
    if last <= dense[-1]:
        return dense
    return np.concatenate([dense, np.arange(dense[-1] + 7 * DAY, last + 7 * DAY, 7 * DAY)])


def clause_cost(problem: Problem, demand: np.ndarray, late_days: np.ndarray) -> np.ndarray:
    """
    Return what it costs to deliver order lines ``late_days`` late (never less when later).

    Parameters
    ----------
    problem
        The problem.
    demand, late_days
        Numbers of order lines and their lateness. [days]

    Returns
    -------
    numpy.ndarray
        Penalty and lost margin. [money]
    """
    late, lost = clause_parts(problem, demand, late_days)
    return late + lost


def clause_parts(
    problem: Problem,
    demand: np.ndarray,
    late_days: np.ndarray,
    never: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return penalty and lost margin apart; ``never`` marks lines that are not delivered."""
    clauses = problem.clauses
    assert clauses is not None  # the problem fills it
    beyond = late_days - clauses.free_days[demand]
    is_late = (beyond > 1e-9) & (late_days > 1e-9)
    days = np.maximum(beyond, 0.0)
    cost = (
        clauses.flat[demand]
        + clauses.per_day[demand] * days
        + clauses.per_week[demand] * np.ceil(days / 7 - 1e-9)
    )
    cost = np.where(is_late, np.minimum(cost, clauses.cap[demand]), 0.0)
    is_lost = late_days > clauses.lost_after_days[demand] + 1e-9
    if never is not None:
        is_lost |= never
    return cost, np.where(is_lost, clauses.lost[demand], 0.0)


def open_minutes(
    problem: Problem, resource: int, grid: np.ndarray, *, is_overtime: bool
) -> np.ndarray:
    """Return the working minutes of one station in each bucket, regular or overtime."""
    part = slice(problem.calendar.offset[resource], problem.calendar.offset[resource + 1])
    chosen = problem.calendar.is_overtime[part] == is_overtime
    begin, end = problem.calendar.begin[part][chosen], problem.calendar.end[part][chosen]
    return integral(begin, end, np.ones(len(begin)), grid)


def integral(
    begin: np.ndarray, end: np.ndarray, height: np.ndarray, grid: np.ndarray
) -> np.ndarray:
    """Integral of a step function over each bucket."""
    if not len(begin):
        return np.zeros(len(grid) - 1)
    points = np.column_stack([begin, end]).ravel()
    area = np.column_stack([np.zeros(len(begin)), (end - begin) * height]).ravel().cumsum()
    return np.diff(np.interp(grid, points, area))


def bucket_of(grid: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the bucket of each instant; -1 before the first, past the last beyond the end."""
    return np.asarray(np.searchsorted(grid, at, side="right") - 1)
