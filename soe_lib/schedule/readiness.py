"""By when order lines must be ready, so that they leave with a departure that is in time."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.buckets import DAY, clause_cost
from soe_lib.schedule.problem import Problem


def ready_by(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """
    Return what the search knows of departures; their room is known to promises only.

    Returns
    -------
    tuple
        For each order line the instant by which it must be ready to leave in time, or, where that
        is past, with the first departure after it [min]; its lane, -1 where it leaves when it is
        ready; what its lateness costs already then [money]; and from when on lateness counts, the
        first of these for what can be in time, the due instant for what cannot [min].
    """
    ships = problem.shipping
    due = problem.demand_due.astype(float)
    ready, sunk = due.copy(), np.zeros(len(due))
    lane, is_gone = np.full(len(due), -1), np.zeros(len(due), bool)
    if not len(ships.at):
        return ready, lane.astype(float), sunk, due
    count = np.diff(ships.offset)
    for k in np.flatnonzero(count > 0).tolist():
        at = ships.at[ships.offset[k] : ships.offset[k + 1]]
        own = np.flatnonzero((ships.demand_lane == k) & (ships.demand_pallets > 0))
        lane[own] = k
        in_time = np.searchsorted(at, due[own] + 1e-9, side="right") - 1
        later = np.searchsorted(at, np.maximum(due[own], 0.0) - 1e-9)
        first = np.where(later < len(at), at[np.minimum(later, len(at) - 1)], at[-1] + DAY)
        gone = (in_time < 0) | (at[np.maximum(in_time, 0)] < 0)
        # after the last departure that is known a line leaves when it is ready
        free = ~gone & (due[own] > at[-1] + DAY)
        ready[own] = np.where(free, due[own], np.where(gone, first, at[np.maximum(in_time, 0)]))
        is_gone[own] = gone
        late = np.maximum(first - due[own], 0.0) / DAY
        sunk[own] = np.where(gone, clause_cost(problem, own, late), 0.0)
    return ready, lane.astype(float), sunk, np.where(is_gone, due, ready)
