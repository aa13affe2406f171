"""When an order line may leave in the relaxation, and what each of these costs."""

from __future__ import annotations

import itertools

import numpy as np

from soe_lib.schedule.buckets import DAY, clause_cost
from soe_lib.schedule.earliest import earliest_delivery
from soe_lib.schedule.problem import Problem

DENSE_DAYS = 28
"""Days after the due instant in which every bucket has a delivery column; later ones are pooled."""
TIE_BREAK = 1e-6
"""Part of a line's cost by which its rank counts; always a reduction, so a bound stays one."""


def windows(
    problem: Problem, grid: np.ndarray, whole_lines: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delivery columns: order line, bucket whose stock it takes, cost of the whole line."""
    buckets = len(grid) - 1
    dense = int(np.ceil(DENSE_DAYS * DAY / np.median(np.diff(grid))))
    pattern = [1] * dense + [w for k in range(1, 12) for w in (2**k, 2**k)]
    limits = np.concatenate([[0], np.cumsum(pattern)])
    due = problem.demand_due
    home = np.clip(np.searchsorted(grid, due, side="right") - 1, 0, buckets - 1)
    number = np.arange(len(due))
    all_demand, all_taken, all_cost = [], [], []
    earliest = np.zeros(len(due))
    if whole_lines:
        earliest = earliest_delivery(problem, float(grid[-1]))
    begin = np.maximum(np.maximum(grid[home], 0.0), earliest)
    begin = np.where(earliest > due, begin, np.minimum(begin, np.maximum(due, 0.0)))
    late = np.maximum(begin - due, 0.0) / DAY  # 0 unless overdue or not to be had in time
    all_demand.append(number)
    all_taken.append(home)
    all_cost.append(clause_cost(problem, number, late))
    for low, high in itertools.pairwise(limits):
        start = home + 1 + low
        there = np.flatnonzero(start < buckets)
        if not len(there):
            break
        last = np.minimum(home[there] + high, buckets - 1)
        all_demand.append(there)
        all_taken.append(last)
        late = (np.maximum(grid[start[there]], earliest[there]) - due[there]) / DAY
        all_cost.append(clause_cost(problem, there, late))
    all_demand.append(number)
    all_taken.append(np.full(len(due), -1))
    all_cost.append(clause_cost(problem, number, np.maximum(grid[-1] - due, 0.0) / DAY))
    demand = np.concatenate(all_demand)
    # of two equal lines the one that the priority policy ranks first costs a trace more
    rank = problem.demand_rank[demand] / max(len(due), 1)
    cost = np.concatenate(all_cost) * (1 - TIE_BREAK * rank)
    return demand, np.concatenate(all_taken), cost
