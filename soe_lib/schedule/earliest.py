"""
Before which instant an order line cannot leave complete, whatever else is done.

Each line is looked at as if the plant worked for it alone: stock, receipts, firm lots no earlier
than their work and the calendars allow, and planned lots no faster than all alternates together
run and no more than the material that is there by then. A line leaves complete, so the instant at
which this could reach its quantity is a lower bound on its delivery.
"""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.problem import NEVER, Problem

STEP = 60.0
"""Grid on which quantities are compared; the answer is rounded down to it. [min]"""


def earliest_delivery(problem: Problem, until: float) -> np.ndarray:
    """
    Return an instant before which each order line cannot be delivered complete.

    Parameters
    ----------
    problem
        The problem.
    until
        Where to stop looking. [min]

    Returns
    -------
    numpy.ndarray
        Shape (num_demands,): at most the true earliest instant. [min]
    """
    grid = np.arange(0.0, until + STEP, STEP)
    ends = _lot_ends(problem)
    worked = np.array(
        [_worked(problem, r, grid) * problem.stations[r] for r in range(len(problem.resource_ids))]
    ).reshape(len(problem.resource_ids), len(grid))
    found = np.zeros(len(problem.demand_qty))
    for item in np.unique(problem.demand_item).tolist():
        lines = np.flatnonzero(problem.demand_item == item)
        there = _available(problem, item, grid, ends, worked)
        # each entry bounds all the time up to the next grid point
        first = np.searchsorted(np.maximum.accumulate(there), problem.demand_qty[lines] - 1e-6)
        found[lines] = grid[np.minimum(first, len(grid) - 1)]
    return found


def _available(
    problem: Problem, item: int, grid: np.ndarray, ends: np.ndarray, worked: np.ndarray
) -> np.ndarray:
    """Most that there can be of an item by each instant. [uom]"""
    total = _stock(problem, item, grid)
    lots = np.flatnonzero(problem.lot_item == item)
    total = total + _steps(ends[lots], problem.lot_qty[lots], grid)
    if not problem.item_is_made[item]:
        return np.where(grid >= _lead(problem, item), np.inf, total)
    recipes = problem.recipes
    low, high = int(recipes.offset[item]), int(recipes.offset[item + 1])
    rate_limit = np.full(len(grid), np.inf)
    material = np.full(len(grid), np.inf)
    delay = 0.0
    for step in range(low, high):
        part = slice(recipes.alt_offset[step], recipes.alt_offset[step + 1])
        per_unit = recipes.alt_minutes_per_unit[part]
        if (per_unit > 1e-9).all():
            by_alternate = worked[recipes.alt_resource[part]] / per_unit[:, None]
            rate_limit = np.minimum(rate_limit, by_alternate.sum(axis=0))
        delay += float(per_unit.min()) * float(problem.item_lot_min[item])
        for k in range(recipes.need_offset[step], recipes.need_offset[step + 1]):
            component = int(recipes.need_item[k])
            lots_of_it = (problem.lot_item == component).any()
            if problem.item_is_made[component] or lots_of_it:
                continue  # what is made in house is taken as there
            stock = _stock(problem, component, grid) / max(float(recipes.need_per_unit[k]), 1e-12)
            stock = np.where(grid >= _lead(problem, component), np.inf, stock)
            material = np.minimum(material, stock)
    # what is ready at an instant was begun a smallest lot's run before it, with its material there
    behind = np.searchsorted(grid, grid - delay, side="right") - 1
    begun = np.where(behind >= 0, material[np.maximum(behind, 0)], 0.0)
    # a grid point stands for the time up to the next one
    begun = np.append(begun[1:], np.inf)
    made = np.append(rate_limit[1:], np.inf)
    if high - low == 1 and np.isfinite(rate_limit).all():
        # what exceeds the material of one grid point is run after the next one
        spare = np.minimum.accumulate(material[:-1] - rate_limit[1:])
        made[1:] = np.minimum(made[1:], made[1:] + spare)
    return total + np.minimum(made, begun)


def _lead(problem: Problem, item: int) -> float:
    """Instant from which a purchase can be there; rounded down to the grid. [min]"""
    lead = min(float(problem.item_lead_minutes[item]), float(problem.item_expedite_minutes[item]))
    return float(np.floor(lead / STEP) * STEP)


def _stock(problem: Problem, item: int, grid: np.ndarray) -> np.ndarray:
    own = np.flatnonzero(problem.supply_item == item)
    at = np.minimum(problem.supply_at[own], problem.supply_expedite_at[own])
    return float(problem.on_hand[item]) + _steps(at, problem.supply_qty[own], grid)


def _steps(at: np.ndarray, qty: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Cumulative quantity by each instant; what comes before the next point counts at this one."""
    amount = np.zeros(len(grid))
    place = np.searchsorted(grid, at, side="right") - 1
    inside = place < len(grid)
    late = at >= grid[-1] + STEP
    np.add.at(amount, np.maximum(place, 0)[inside & ~late], qty[inside & ~late])
    return amount.cumsum()


def _worked(problem: Problem, resource: int, at: np.ndarray) -> np.ndarray:
    """Working minutes of one station, overtime with it, from as_of to each instant."""
    part = slice(problem.calendar.offset[resource], problem.calendar.offset[resource + 1])
    begin, end = problem.calendar.begin[part], problem.calendar.end[part]
    if not len(begin):
        return np.zeros(len(at))
    points = np.column_stack([begin, end]).ravel()
    area = np.column_stack([np.zeros(len(begin)), end - begin]).ravel().cumsum()
    return np.asarray(np.interp(at, points, area))


def _lot_ends(problem: Problem) -> np.ndarray:
    """Earliest end of each firm lot: its operations one after the other, alone in the plant."""
    ends = np.full(len(problem.lot_ids), 0.0)
    ready = 0.0
    for o in range(problem.num_operations):
        lot = int(problem.op_lot[o])
        if o == 0 or problem.op_lot[o - 1] != lot:
            ready = 0.0 if problem.op_fixed[o] else float(problem.lot_release[lot])
        part = range(int(problem.alt_offset[o]), int(problem.alt_offset[o + 1]))
        ends[lot] = min(
            _finish(problem, int(problem.alt_resource[k]), ready, float(problem.alt_minutes[k]))
            for k in part
        )
        ready = ends[lot] + min(float(problem.alt_queue[k]) for k in part)
    return ends


def _finish(problem: Problem, resource: int, at: float, minutes: float) -> float:
    """Earliest end of some minutes of work on a resource that is free from ``at`` on. [min]"""
    part = slice(problem.calendar.offset[resource], problem.calendar.offset[resource + 1])
    begin, end = problem.calendar.begin[part], problem.calendar.end[part]
    if minutes <= 0:
        return at
    k = int(np.searchsorted(end, at, side="right"))
    for first, last in zip(begin[k:].tolist(), end[k:].tolist(), strict=True):
        start = max(first, at)
        if last - start >= minutes:
            return start + minutes
        minutes -= last - start
    return NEVER
