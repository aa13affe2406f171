# mypy: disable-error-code="assignment"
"""The overtime lever: more working time, priced by the hour that is really used."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Calendar, Problem
from soe_lib.schedule.schedule import Schedule

WEEK_MINUTES = 7 * 1440.0
SATURDAY_BEGIN = 6 * 60.0


def with_overtime(
    problem: Problem,
    resource_calendar: pd.DataFrame,
    *,
    hours_per_week: float,
    weeks: int,
    resource_ids: tuple[str, ...] = (),
) -> Problem:
    """
    Open overtime on resources.

    Parameters
    ----------
    problem
        The problem.
    resource_calendar
        Canonical table: ``potential_overtime`` rows are what may be booked; a resource without
        any gets Saturdays from 06:00 UTC.
    hours_per_week
        Overtime that may be booked on a resource and week. [h]
    weeks
        Weeks from as_of.
    resource_ids
        Resources that may work longer; empty = all.

    Returns
    -------
    Problem
        With the added intervals marked as overtime.
    """
    calendar = problem.calendar
    begin, end, over, offset = [], [], [], [0]
    for r, name in enumerate(problem.resource_ids):
        low, high = calendar.offset[r], calendar.offset[r + 1]
        own = np.column_stack([calendar.begin[low:high], calendar.end[low:high]])
        flags = calendar.is_overtime[low:high]
        if not resource_ids or name in resource_ids:
            added = _bookable(problem, resource_calendar, name, hours_per_week, weeks)
            added = _outside(added, own)
            own = np.vstack([own, added])
            flags = np.concatenate([flags, np.ones(len(added), bool)])
        order = np.argsort(own[:, 0], kind="stable")
        begin.append(own[order, 0])
        end.append(own[order, 1])
        over.append(flags[order])
        offset.append(offset[-1] + len(own))
    return problem.replace(
        calendar=Calendar(
            np.array(offset), np.concatenate(begin), np.concatenate(end), np.concatenate(over)
        )
    )


def bookable(
    problem: Problem, resource_calendar: pd.DataFrame, name: str, hours_per_week: float, weeks: int
) -> list[tuple[float, float]]:
    """Return the overtime that may be booked on a resource while it is closed. [min]"""
    r = problem.resource_ids.index(name)
    part = slice(problem.calendar.offset[r], problem.calendar.offset[r + 1])
    own = np.column_stack([problem.calendar.begin[part], problem.calendar.end[part]])
    found = _bookable(problem, resource_calendar, name, hours_per_week, weeks)
    return [(float(begin), float(end)) for begin, end in _outside(found, own)]


def with_interval(problem: Problem, resource: int, begin: float, end: float) -> Problem:
    """Return the problem with one more interval of overtime on a closed resource. [min]"""
    calendar = problem.calendar
    low, high = int(calendar.offset[resource]), int(calendar.offset[resource + 1])
    at = low + int(np.searchsorted(calendar.begin[low:high], begin))
    offset = calendar.offset.copy()
    offset[resource + 1 :] += 1
    return problem.replace(
        calendar=Calendar(
            offset,
            np.insert(calendar.begin, at, begin),
            np.insert(calendar.end, at, end),
            np.insert(calendar.is_overtime, at, True),
        )
    )


def overtime_used(problem: Problem, schedule: Schedule) -> pd.DataFrame:
    """
    Return the overtime that a schedule really works.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``start_at``) of an interval that is used: ``hours`` [h, of
        all stations together], ``cost`` [money].
    """
    rows = []
    table = schedule.operations
    begin = (table["setup_start_at"] - problem.as_of).dt.total_seconds().to_numpy() / 60
    end = (table["end_at"] - problem.as_of).dt.total_seconds().to_numpy() / 60
    for r, name in enumerate(problem.resource_ids):
        mine = (table["resource_id"] == name).to_numpy()
        low, high = problem.calendar.offset[r], problem.calendar.offset[r + 1]
        for k in range(low, high):
            if not problem.calendar.is_overtime[k]:
                continue
            first, last = problem.calendar.begin[k], problem.calendar.end[k]
            busy = np.minimum(end[mine], last) - np.maximum(begin[mine], first)
            hours = float(np.clip(np.nan_to_num(busy), 0, None).sum()) / 60
            if hours > 1e-6:
                at = problem.as_of + pd.Timedelta(minutes=float(first))
                rows.append((name, at, hours, hours * float(problem.overtime_cost[r])))
    found = pd.DataFrame(rows, columns=["resource_id", "start_at", "hours", "cost"])
    found["start_at"] = pd.to_datetime(found["start_at"], utc=True).astype("datetime64[us, UTC]")
    return found.astype({"resource_id": "str", "hours": float, "cost": float})


def _bookable(
    problem: Problem, table: pd.DataFrame, name: str, hours_per_week: float, weeks: int
) -> np.ndarray:
    own = table[(table["resource_id"] == name) & (table["calendar_kind"] == "potential_overtime")]
    if len(own):
        first = (own["start_at"] - problem.as_of).dt.total_seconds().to_numpy() / 60
        last = (own["end_at"] - problem.as_of).dt.total_seconds().to_numpy() / 60
        found = np.column_stack([np.maximum(first, 0.0), last])
        found = found[(found[:, 1] > found[:, 0]) & (found[:, 0] < weeks * WEEK_MINUTES)]
        return _limited(found[np.argsort(found[:, 0])], hours_per_week)
    monday = problem.as_of.normalize() - pd.Timedelta(days=problem.as_of.day_of_week)
    shift = (monday - problem.as_of).total_seconds() / 60 + 5 * 1440 + SATURDAY_BEGIN
    first = shift + WEEK_MINUTES * np.arange(weeks)
    found = np.column_stack([first, first + hours_per_week * 60])
    return found[found[:, 0] >= 0]


def _limited(intervals: np.ndarray, hours_per_week: float) -> np.ndarray:
    kept: list[tuple[float, float]] = []
    used: dict[int, float] = {}
    for first, last in intervals:
        week = int(first // WEEK_MINUTES)
        room = hours_per_week * 60 - used.get(week, 0.0)
        taken = min(last - first, room)
        if taken > 1:
            kept.append((first, first + taken))
            used[week] = used.get(week, 0.0) + taken
    return np.array(kept).reshape(-1, 2)


def _outside(added: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """Return the parts of ``added`` in which the resource is not open anyway."""
    parts: list[tuple[float, float]] = []
    for first, last in added:
        at = first
        for begin, end in opened[(opened[:, 1] > first) & (opened[:, 0] < last)]:
            if begin > at:
                parts.append((at, begin))
            at = max(at, end)
        if at < last:
            parts.append((at, last))
    return np.array(parts).reshape(-1, 2)
