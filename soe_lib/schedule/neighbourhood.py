"""
Exact order of a few operations on one resource: a small mixed-integer programme with a start.

Time runs on the resource's own clock of working minutes, in which changeovers and runs are plain
sums; due and release instants are mapped to it by the caller. Up to about ten operations are
solved to proof in well under a second; the answer is a proposal that the strict simulation judges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from soe_lib.schedule.formulation import LinearModel
from soe_lib.schedule.programme import INFINITE, Programme

MAX_OPERATIONS = 12


class NeighbourhoodError(ValueError):
    """The neighbourhood cannot be solved; the text says why, in the planner's words."""


@dataclass(frozen=True)
class Neighbourhood:
    """
    Operations that take turns on one resource.

    Attributes
    ----------
    labels
        Names for people.
    run
        Run time of each. [min]
    first_setup
        Changeover to each from what the resource is set for when the window opens. [min]
    setup
        Shape (n, n): changeover from row to column. [min]
    release, due
        Working minutes since the window opened before which the run may not begin, and by which it
        should have ended. [min]
    weight
        Cost of one minute late. [money/min]
    setup_price
        Cost of one minute of changeover. [money/min]
    limit
        Working minutes in the window: the last operation must have ended. [min]
    """

    labels: tuple[str, ...]
    run: np.ndarray
    first_setup: np.ndarray
    setup: np.ndarray
    release: np.ndarray
    due: np.ndarray
    weight: np.ndarray
    setup_price: float = 0.0
    limit: float = INFINITE

    def cost(self, order: np.ndarray) -> float:
        """Return what an order costs: lateness and changeovers; inf beyond the limit. [money]"""
        at = total = 0.0
        before = -1
        for j in order.tolist():
            change = float(self.first_setup[j] if before < 0 else self.setup[before, j])
            # the changeover may be done before the material is there
            at = max(at + change, float(self.release[j])) + float(self.run[j])
            total += change * self.setup_price
            total += max(at - float(self.due[j]), 0.0) * float(self.weight[j])
            before = j
        return total if at <= self.limit + 1e-6 else float("inf")


@dataclass(frozen=True)
class Repair:
    """The best order found, its cost, the cost of the start, and whether it is proven best."""

    order: np.ndarray
    cost: float
    start_cost: float
    is_proven: bool


def exact_order(
    work: Neighbourhood, start: np.ndarray, *, max_seconds: float = 2.0, solver: str = ""
) -> Repair:
    """
    Return the best order of the operations.

    Parameters
    ----------
    work
        The operations.
    start
        Order to start from; the answer is never worse.
    max_seconds
        Limit. [s]
    solver
        As in :class:`~soe_lib.schedule.formulation.LinearModel`.

    Raises
    ------
    NeighbourhoodError
        When there are more than ``MAX_OPERATIONS`` or they do not fit the window in any order.
    """
    count = len(work.run)
    if count > MAX_OPERATIONS:
        raise NeighbourhoodError(
            f"{count} operations are too many to put in order exactly; at most {MAX_OPERATIONS}"
        )
    start_cost = work.cost(start)
    if count < 2:
        return Repair(start.copy(), start_cost, start_cost, True)
    programme, layout = _programme(work)
    model = LinearModel(programme, solver=solver)
    begin = _start_values(work, start, layout) if np.isfinite(start_cost) else None
    status = model.solve(max_seconds=max_seconds, start=begin)
    if status == "infeasible":
        raise NeighbourhoodError(
            f"{', '.join(work.labels)} do not fit in any order: {work.run.sum():,.0f} minutes of "
            f"run time and the changeovers, in a window of {work.limit:,.0f} working minutes"
        )
    if status not in ("optimal", "feasible"):
        return Repair(start.copy(), start_cost, start_cost, False)
    order = _order_of(model.x, layout)
    cost = work.cost(order)
    if cost >= start_cost:
        return Repair(start.copy(), start_cost, start_cost, status == "optimal")
    return Repair(order, cost, start_cost, status == "optimal")


@dataclass(frozen=True)
class _Layout:
    """Columns of first[j], follows[i, j], begin[j], late[j]; the horizon is the big M."""

    first: np.ndarray
    follows: np.ndarray
    begin: np.ndarray
    late: np.ndarray
    horizon: float


def _programme(work: Neighbourhood) -> tuple[Programme, _Layout]:
    n = len(work.run)
    horizon = float(
        work.release.max() + work.run.sum() + max(work.first_setup.max(), work.setup.max()) * n
    )
    horizon = min(horizon, max(work.limit, 1.0))
    numbers = np.arange(n + n * n + 2 * n)
    layout = _Layout(
        numbers[:n], numbers[n : n + n * n].reshape(n, n), numbers[-2 * n : -n], numbers[-n:],
        horizon,
    )  # fmt: skip
    rows: list[tuple[list[int], list[float], float, float]] = []
    rows.append((layout.first.tolist(), [1.0] * n, 1.0, 1.0))
    for j in range(n):
        others = [i for i in range(n) if i != j]
        into = [int(layout.first[j]), *layout.follows[others, j].tolist()]
        rows.append((into, [1.0] * len(into), 1.0, 1.0))
        out = layout.follows[j, others].tolist()
        rows.append((out, [1.0] * len(out), -INFINITE, 1.0))
        # late[j] >= begin[j] + run[j] - due[j]
        gap = float(work.run[j] - work.due[j])
        rows.append(([int(layout.late[j]), int(layout.begin[j])], [1.0, -1.0], gap, INFINITE))
        for i in others:
            # begin[j] >= begin[i] + run[i] + setup[i, j] where j follows i
            step = float(work.run[i] + work.setup[i, j])
            slack = horizon + step
            entries = [int(layout.begin[j]), int(layout.begin[i]), int(layout.follows[i, j])]
            rows.append((entries, [1.0, -1.0, -slack], step - slack, INFINITE))
        earliest = float(work.first_setup[j])
        rows.append(([int(layout.begin[j]), int(layout.first[j])], [1.0, -earliest], 0.0, INFINITE))
    lengths = np.array([len(row[0]) for row in rows])
    matrix = sparse.csr_array(
        (
            np.concatenate([row[1] for row in rows]),
            np.concatenate([row[0] for row in rows]),
            np.concatenate([[0], lengths.cumsum()]),
        ),
        shape=(len(rows), len(numbers)),
    )
    cost = np.zeros(len(numbers))
    cost[layout.first] = work.first_setup * work.setup_price
    cost[layout.follows] = work.setup * work.setup_price
    cost[layout.late] = work.weight
    upper = np.ones(len(numbers))
    upper[layout.follows[np.arange(n), np.arange(n)]] = 0.0
    upper[layout.begin] = np.maximum(horizon - work.run, 0.0)
    upper[layout.late] = INFINITE
    lower = np.zeros(len(numbers))
    lower[layout.begin] = np.minimum(work.release, upper[layout.begin])
    whole = np.zeros(len(numbers), bool)
    whole[: n + n * n] = True
    if (work.release > horizon - work.run + 1e-9).any():
        lower[layout.begin] = work.release  # shows as infeasible, which it is
    programme = Programme(
        cost=cost,
        lower=lower,
        upper=upper,
        matrix=matrix,
        row_lower=np.array([row[2] for row in rows]),
        row_upper=np.array([row[3] for row in rows]),
        is_integer=whole,
    )
    return programme, layout


def _start_values(work: Neighbourhood, order: np.ndarray, layout: _Layout) -> np.ndarray:
    values = np.zeros(int(layout.late[-1]) + 1)
    at, before = 0.0, -1
    for j in order.tolist():
        change = float(work.first_setup[j] if before < 0 else work.setup[before, j])
        begin = max(at + change, float(work.release[j]))
        values[layout.first[j] if before < 0 else layout.follows[before, j]] = 1.0
        values[layout.begin[j]] = begin
        at, before = begin + float(work.run[j]), j
        values[layout.late[j]] = max(at - float(work.due[j]), 0.0)
    return values


def _order_of(values: np.ndarray, layout: _Layout) -> np.ndarray:
    follows = values[layout.follows] > 0.5
    order = [int(np.argmax(values[layout.first]))]
    while follows[order[-1]].any():
        order.append(int(np.argmax(follows[order[-1]])))
    return np.array(order)
