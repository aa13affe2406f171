"""
Who gets the scarce components: whole order lines against dated supplies, as a small exact model.

Lines have all the time in the world here; what is decided is from which supply on each order line
can be made. Order lines ship whole, finished stock and surplus serve whoever needs them, and the
purchased components of an item made in one level are taken when a run starts. Solved by
branch and bound in seconds for twenty thousand order lines, since only few of them compete. The
answer says in which order stock is given away and before which supply a lot should not start; with
the shortest run that any lot can have it is a lower bound on the cost of lateness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soe_lib.schedule.allocation_model import build_model, overtaking
from soe_lib.schedule.formulation import LinearModel
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.programme import INFINITE

MOST_ROUNDS, CUSHION_ROUNDS = 4, 2
"""Solves of the model until lots are rounded as they will be."""


@dataclass(frozen=True)
class Allocation:
    """
    From when on each order line can be made.

    Attributes
    ----------
    served_at
        Instant of the supply of components that each order line waits for, 0 for what is there
        today, ``FROM_STOCK`` for finished stock, NaN where no component of it is scarce. [min]
    is_late
        Whether it is late then, however soon its lot is run.
    value, bound
        What the lateness costs, and a proven lower bound of it. [money]
    status
        As ``LinearModel.solve`` returns it.
    """

    served_at: np.ndarray
    is_late: np.ndarray
    value: float
    bound: float
    status: str


def allocate(
    problem: Problem,
    *,
    slack_minutes: float | None,
    gap: float = 0.005,
    max_seconds: float = INFINITE,
    has_exact_lots: bool = False,
) -> Allocation | None:
    """
    Allocate scarce components to order lines.

    Where lots, rounded up to minimum and multiple, would take what others need, the model is solved
    again: with that much less of the component, or with the lot rules of these items in the model.

    Parameters
    ----------
    slack_minutes
        Time that a lot takes beyond its fastest run, waiting and changeover [min]; None: every lot
        takes only the shortest run that there can be, which makes ``bound`` a true lower bound.
    gap
        Relative gap at which to stop.
    max_seconds
        Limit of each solve; the status says where it was reached. [s]
    has_exact_lots
        Put lot rules into the model, which takes ten times as long, and keep ``bound`` true.

    Returns
    -------
    Allocation or None
        None where nothing is scarce or no answer was found.
    """
    model = build_model(problem, slack_minutes)
    if model is None:
        return None
    batched = np.zeros(len(problem.item_ids), bool)
    solver = LinearModel(model.programme(problem, batched))
    found: Allocation | None = None
    room = model.room.copy()
    for _ in range(MOST_ROUNDS if has_exact_lots else CUSHION_ROUNDS):
        status = solver.solve(max_seconds=max_seconds, gap=gap)
        if status not in ("optimal", "feasible"):
            return found
        served = np.full(len(problem.demand_qty), np.nan)
        chosen = solver.x[model.choice] > 0.5
        served[model.order[chosen]] = model.at[chosen]
        first_bound = found.bound if found is not None else solver.bound
        bound = max(first_bound, solver.bound) if has_exact_lots else first_bound
        is_late = np.zeros(len(served), bool)
        is_late[model.order[chosen]] = (model.cost[chosen] > 0) & (model.at[chosen] >= 0)
        found = Allocation(served, is_late, solver.value, bound, status)
        excess, guilty = overtaking(problem, model, solver.x[model.made])
        if has_exact_lots:
            if not (guilty & ~batched).any():
                return found
            batched |= guilty
            solver = LinearModel(model.programme(problem, batched))
        else:
            short = np.flatnonzero(excess > 0)
            if not len(short):
                return found
            room[short] = np.maximum(room[short] - excess[short], 0.0)
            left = room[short]
            solver.set_rows(model.row_of[short], np.full(len(short), -INFINITE), left)
    return found
