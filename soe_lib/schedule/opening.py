"""
Overtime and expedites that the engine books itself, where they save more than they cost.

A shift more changes the clock of its whole line, and a receipt that comes early the room of every
component behind it: neither is a change that a single move can be priced by. So the levers are
decided one level up: the hot relaxation ranks them by what they would save, then each of the best
is put to the engine, from the answer that there is, and kept where the sum of all money terms,
its own price included, falls by more than the same search finds without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.params import ScheduleParams
from soe_lib.schedule.crew import with_crew
from soe_lib.schedule.overtime import bookable, overtime_used, with_interval
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.relaxation import Relaxation
from soe_lib.schedule.schedule import Schedule
from soe_lib.schedule.solve import solve

LEAST_GAIN = 0.005
"""What a lever must save beyond its price. [money]"""
ITERATIONS_SHARE = 0.05
"""Share of the moves of the search with which each lever is tried."""
COLUMNS = ("lever", "object_id", "start_at", "end_at", "cost", "saves")


@dataclass(frozen=True)
class Opened:
    """
    A problem in which the levers that pay are pulled, and its schedule.

    Attributes
    ----------
    problem, schedule
        ``verify`` judges the schedule by this problem.
    levers
        One row per lever that stayed: ``lever`` (overtime, expedite), ``object_id`` (resource or
        purchase order line), ``start_at``, ``end_at`` (of the shift; new and old arrival of the
        receipt), ``cost`` (hours that are worked, or the price) and ``saves`` (all terms, net of
        it). [money]
    num_tried
        Levers that were put to the engine.
    """

    problem: Problem
    schedule: Schedule
    levers: pd.DataFrame
    num_tried: int


@dataclass(frozen=True)
class _Lever:
    """A shift of a resource (``number``), or the receipt of this number; instants [min]."""

    kind: str
    number: int
    begin: float
    end: float
    rank: float


def open_levers(
    problem: Problem,
    params: ScheduleParams,
    schedule: Schedule,
    *,
    resource_calendar: pd.DataFrame | None = None,
    hours_per_week: float = 12.0,
    weeks: int = 4,
    may_expedite: bool = False,
    most: int = 8,
) -> Opened:
    """
    Book the overtime and the expedites that save more than they cost.

    Parameters
    ----------
    problem, schedule
        The problem and an answer to it.
    params
        Seed and moves of the search; each lever is tried with a twentieth of the moves.
    resource_calendar
        Canonical table: its ``potential_overtime`` may be booked, Saturdays on a resource without
        any; no overtime where None.
    hours_per_week, weeks
        Overtime of a resource and week [h], and weeks from as_of.
    may_expedite
        Whether receipts with a price may be paid to be early.
    most
        Levers of each kind that are tried, the most promising first.
    """
    few = params.model_copy(
        update={"iterations": max(int(params.iterations * ITERATIONS_SHARE), 200)}
    )
    relaxation = Relaxation(problem)
    levers: list[_Lever] = []
    if resource_calendar is not None:
        levers += _shifts(problem, relaxation, resource_calendar, hours_per_week, weeks)[:most]
    if may_expedite:
        levers += _receipts(problem, relaxation)[:most]
    levers.sort(key=lambda own: (-own.rank, own.kind, own.begin, own.number))
    best = solve(problem, few, start=schedule)
    if _cost(schedule) <= _cost(best):
        best = schedule
    kept: list[tuple[_Lever, float]] = []
    for lever in levers:
        trial_problem = _pulled(problem, lever)
        trial = solve(trial_problem, few, start=best)
        saves = _cost(best) - _cost(trial)
        if saves > LEAST_GAIN and _price(trial_problem, trial, lever) > 0:
            control = solve(problem, few, start=best)  # what the same search finds without it
            saves = _cost(control) - _cost(trial)
            if saves > LEAST_GAIN:
                kept.append((lever, saves))
                problem, best = trial_problem, trial
    return Opened(problem, best, _rows(problem, best, kept), len(levers))


def _cost(schedule: Schedule) -> float:
    """Return all money terms; what cannot be placed is dearer than anything."""
    return float(schedule.summary["total_cost"]) + 1e12 * int(schedule.summary["num_unplaced"])


def _shifts(
    problem: Problem, relaxation: Relaxation, table: pd.DataFrame, hours: float, weeks: int
) -> list[_Lever]:
    """Return the shifts that may be booked, those that save most in the relaxation first."""
    found = []
    for r, name in enumerate(problem.resource_ids):
        price = float(problem.overtime_cost[r]) / 60 * float(problem.stations[r])
        for begin, end in bookable(problem, table, name, hours, weeks):
            saves = relaxation.value - relaxation.with_minutes(name, begin, end)
            found.append(_Lever("overtime", r, begin, end, saves + 1e-9 * price))
    return sorted(found, key=lambda own: (-own.rank, own.begin, own.number))


def _receipts(problem: Problem, relaxation: Relaxation) -> list[_Lever]:
    """Return the receipts that can be early, those that save most in the relaxation first."""
    can = (problem.supply_expedite_at < problem.supply_at) & ~problem.supply_is_early
    found = []
    for k in np.flatnonzero(can).tolist():
        early = float(problem.supply_expedite_at[k])
        saves = relaxation.value - relaxation.with_receipt_at(k, early)
        saves -= float(problem.supply_expedite_cost[k])
        found.append(_Lever("expedite", k, early, float(problem.supply_at[k]), saves))
    return sorted(found, key=lambda own: (-own.rank, own.begin, own.number))


def _pulled(problem: Problem, lever: _Lever) -> Problem:
    if lever.kind == "overtime":
        longer = with_interval(problem, lever.number, lever.begin, lever.end)
        return with_crew(longer, [(lever.number, lever.begin, lever.end)])
    early = problem.supply_is_early.copy()
    early[lever.number] = True
    return problem.replace(supply_is_early=early)


def _price(problem: Problem, schedule: Schedule, lever: _Lever) -> float:
    """Return what a lever costs in a schedule; 0 for overtime that nobody works. [money]"""
    if lever.kind == "expedite":
        return float(problem.supply_expedite_cost[lever.number]) + 1e-9
    used = overtime_used(problem, schedule)
    at = (used["start_at"] - problem.as_of).dt.total_seconds() / 60
    own = used["resource_id"].eq(problem.resource_ids[lever.number])
    return float(used.loc[own & at.between(lever.begin - 0.1, lever.end), "cost"].sum())


def _rows(problem: Problem, schedule: Schedule, kept: list[tuple[_Lever, float]]) -> pd.DataFrame:
    def at(minutes: float) -> pd.Timestamp:
        return problem.as_of + pd.Timedelta(seconds=round(minutes * 60))

    rows = [
        (
            own.kind,
            problem.resource_ids[own.number]
            if own.kind == "overtime"
            else problem.supply_ids[own.number],
            at(own.begin),
            at(own.end),
            _price(problem, schedule, own),
            saves,
        )
        for own, saves in kept
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("start_at", "end_at"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table.astype({"lever": "str", "object_id": "str", "cost": float, "saves": float})
