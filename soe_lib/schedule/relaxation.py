"""
The setup-free relaxation kept hot: bound, prices, allocation of what is scarce, triage of levers.

``Relaxation`` holds the linear programme of ``aggregate`` in the solver. A change (an overtime
shift, a line down, a rush order, an expedited receipt) is asked as "what if", answered from the
basis that is there, and taken back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from soe_lib.schedule.aggregate import Aggregate, build_aggregate
from soe_lib.schedule.buckets import DAY, daily_grid, open_minutes
from soe_lib.schedule.formulation import LinearModel
from soe_lib.schedule.problem import Problem, ProblemError
from soe_lib.schedule.programme import INFINITE

LEAVES_OUT = (
    "changeovers take no time",
    "lots have any size and flow on before they are complete",
    "an order line may leave in parts, each at the cost of the first instant of its bucket or of "
    "the first at which the plant, working for it alone, could have it complete",
    "purchases and receipts are there from the first instant of their bucket",
    "holding, changeover and rescheduling costs count nothing",
)
"""What the bound does not see; each of these can only make the true optimum dearer."""
TINY = 1e-7
LARGE = 2_000_000
"""Work and order lines times buckets above which a bound takes weeks for the far future."""


@dataclass(frozen=True)
class Bound:
    """
    A value that no schedule of the problem can beat.

    Attributes
    ----------
    value
        Lower bound on lateness + overtime + expedited receipts. [money]
    bucket_minutes
        Length of the buckets it was found with. [min]
    until_minutes
        End of the buckets: what leaves later, or never, counts as late until then. [min]
    leaves_out
        What it does not see, in sentences.
    """

    value: float
    bucket_minutes: float
    until_minutes: float
    leaves_out: tuple[str, ...] = LEAVES_OUT

    def gap_pct(self, value: float) -> float:
        """Return how far ``value`` lies above the bound. [% of value; 0 where both are 0]"""
        return 0.0 if value <= TINY else 100.0 * max(value - self.value, 0.0) / value


def lower_bound(
    problem: Problem,
    *,
    step_minutes: float = DAY,
    daily_for: float | None = None,
    max_seconds: float = INFINITE,
) -> Bound:
    """
    Return the bound of a problem.

    Parameters
    ----------
    problem
        The problem.
    step_minutes
        Length of a bucket [min]; shorter is tighter and slower.
    daily_for
        Minute after which buckets are weeks [min]; None: never on a plant of usual size, after
        30 days on a very large one, where the bound is looser for it.
    max_seconds
        Limit; a bound that is cut short is 0. [s]
    """
    grid = daily_grid(problem, step_minutes=step_minutes)
    size = len(problem.recipes.alt_resource) + len(problem.alt_resource) + len(problem.demand_qty)
    if daily_for is None and size * len(grid) > LARGE:
        daily_for = 30 * DAY
    if daily_for is not None:
        grid = daily_grid(problem, step_minutes=step_minutes, daily_for=daily_for)
    model = LinearModel(build_aggregate(problem, grid, whole_lines=True).programme)
    solved = model.solve(max_seconds=max_seconds) == "optimal"
    # the solver meets its constraints to about 1e-7: give that away
    value = max(model.value * (1 - 1e-6) - TINY, 0.0) if solved else 0.0
    return Bound(value, step_minutes, float(grid[-1]))


class Relaxation:
    """
    The relaxation of one problem, solved and ready for questions.

    Parameters
    ----------
    problem
        The problem.
    grid
        Bucket limits [min]; daily where None.
    is_safe, solver
        As in :class:`~soe_lib.schedule.formulation.LinearModel`.

    Attributes
    ----------
    value
        Optimum: lateness + overtime + expedited receipts. [money]
    """

    def __init__(
        self,
        problem: Problem,
        grid: np.ndarray | None = None,
        *,
        is_safe: bool = False,
        solver: str = "",
    ) -> None:
        self.problem = problem
        self.grid = daily_grid(problem) if grid is None else grid
        self._parts: Aggregate = build_aggregate(
            problem, self.grid, keeps_closed=True, may_expedite=False
        )
        self._model = LinearModel(self._parts.programme, is_safe=is_safe, solver=solver)
        self.value = self._solved()
        self._x, self._dual = self._model.x, self._model.row_dual

    def _solved(self) -> float:
        status = self._model.solve()
        if status != "optimal":  # slack columns make every programme feasible
            raise ProblemError(f"the relaxation of the plant is {status}: a quantity is not finite")
        return self._model.value

    def prices(self) -> pd.DataFrame:
        """
        Return what one more hour of each resource and bucket is worth.

        Returns
        -------
        pandas.DataFrame
            ``resource_id``, ``start_at``, ``available_hours``, ``load_hours`` [h] and
            ``price_per_hour`` [money/h]; buckets without work, or closed, are left out.
        """
        parts, problem = self._parts, self.problem
        used = (parts.capacity_row >= 0) & (parts.capacity_minutes > 0)
        resource, bucket = np.nonzero(used)
        rows = parts.capacity_row[used]
        load = np.zeros(used.shape)
        work = parts.activities
        columns = parts.first_work + np.arange(len(parts.work_activity))
        minutes = work.minutes[parts.work_activity] * self._x[columns]
        np.add.at(load, (work.resource[parts.work_activity], parts.work_bucket), minutes)
        return pd.DataFrame(
            {
                "resource_id": np.array(problem.resource_ids, dtype=object)[resource],
                "start_at": self._instants(self.grid[bucket]),
                "available_hours": parts.capacity_minutes[used] / 60,
                "load_hours": load[used] / 60,
                "price_per_hour": np.maximum(-self._dual[rows] * 60, 0.0),
            }
        ).astype({"resource_id": "str"})

    def with_minutes(self, resource_id: str, begin: float, end: float) -> float:
        """
        Return the optimum if a resource could also work from ``begin`` to ``end``, at overtime.

        Minutes in which it is open anyway add nothing. [min] → [money]
        """
        r = self._resource(resource_id)
        added = self._closed_minutes(r, begin, end) * float(self.problem.stations[r])
        columns = self._parts.overtime_column[r]
        there = np.flatnonzero((added > 0) & (columns >= 0))
        if not len(there):
            return self.value
        programme = self._parts.programme
        chosen = columns[there]
        before = programme.upper[chosen]
        zero = np.zeros(len(chosen))
        self._model.set_columns(chosen, zero, before + added[there])
        value = self._solved()
        self._model.set_columns(chosen, zero, before)
        return value

    def with_stop(self, resource_id: str, begin: float, end: float) -> float:
        """Return the optimum if a resource stood from ``begin`` to ``end``. [min] → [money]"""
        r = self._resource(resource_id)
        parts, stations = self._parts, float(self.problem.stations[r])
        inside = np.clip(self.grid, begin, end)
        lost = open_minutes(self.problem, r, inside, is_overtime=False) * stations
        extra = open_minutes(self.problem, r, inside, is_overtime=True) * stations
        rows = np.flatnonzero((lost > 0) & (parts.capacity_row[r] >= 0))
        columns = np.flatnonzero((extra > 0) & (parts.overtime_column[r] >= 0))
        row, column = parts.capacity_row[r][rows], parts.overtime_column[r][columns]
        old, upper = parts.programme.row_upper[row], parts.programme.upper[column]
        free, zero = np.full(len(row), -INFINITE), np.zeros(len(column))
        self._model.set_rows(row, free, old - lost[rows])
        self._model.set_columns(column, zero, upper - extra[columns])
        value = self._solved()
        self._model.set_rows(row, free, old)
        self._model.set_columns(column, zero, upper)
        return value

    def with_order(self, item_id: str, qty: float, due: float, cost_per_day: float) -> float:
        """
        Return the optimum with one more order line. [uom], [min], [money/day] → [money]

        Raises
        ------
        ProblemError
            When the problem does not know the item.
        """
        if item_id not in self.problem.item_ids:
            raise ProblemError(f"rush order: no item '{item_id}' in the problem")
        item = self.problem.item_ids.index(item_id)
        buckets = len(self.grid) - 1
        home = int(np.clip(np.searchsorted(self.grid, due, side="right") - 1, 0, buckets - 1))
        taken = np.arange(home, buckets)
        late = np.maximum(np.append(self.grid[taken], self.grid[-1]) - due, 0.0) / DAY
        row = self._parts.node_row[item][taken]
        if (self._parts.node_row[item] < 0).all() and self.problem.item_is_made[item]:
            raise ProblemError(f"rush order: nothing in the problem asks for item '{item_id}' yet")
        there = np.flatnonzero(row >= 0)
        entries = sparse.csc_array(
            (np.full(len(there), -qty), (row[there], there)),
            shape=(self._model.num_rows, len(taken) + 1),
        )
        self._model.add_block(late * cost_per_day, np.ones(len(late)), entries, (1.0, 1.0))
        value = self._solved()
        self._model.remove_last_block(len(late))
        return value

    def with_receipt_at(self, supply: int, at: float) -> float:
        """Return the optimum if a dated receipt came at another instant. [min] → [money]"""
        problem, buckets = self.problem, len(self.grid) - 1
        item, qty = int(problem.supply_item[supply]), float(problem.supply_qty[supply])
        row = self._parts.node_row[item]
        change = np.zeros(buckets)
        for when, sign in ((float(problem.supply_at[supply]), -1.0), (at, 1.0)):
            bucket = int(np.searchsorted(self.grid, when, side="right") - 1)
            if 0 <= bucket < buckets:
                change[bucket] += sign * qty
        moved = np.flatnonzero((change != 0) & (row >= 0))
        if not len(moved):
            return self.value
        rows = row[moved]
        low, high = self._parts.programme.row_lower[rows], np.full(len(rows), INFINITE)
        self._model.set_rows(rows, low - change[moved], high)
        value = self._solved()
        self._model.set_rows(rows, low, high)
        return value

    def with_purchase_at(self, item_id: str, at: float) -> float:
        """Return the optimum if purchases of an item could come from ``at`` on. [min] → [money]"""
        row = self._parts.node_row[self.problem.item_ids.index(item_id)]
        first = int(np.searchsorted(self.grid, at, side="right") - 1)
        rows = row[first:][row[first:] >= 0]
        if not len(rows):
            return self.value
        low, high = self._parts.programme.row_lower[rows], np.full(len(rows), INFINITE)
        self._model.set_rows(rows, np.full(len(rows), -INFINITE), high)
        value = self._solved()
        self._model.set_rows(rows, low, high)
        return value

    def material_prices(self) -> pd.DataFrame:
        """
        Return what one more unit of each scarce purchased item is worth.

        Returns
        -------
        pandas.DataFrame
            ``item_id``, ``start_at`` of the bucket, ``price_per_unit`` [money/uom], dearest first.
        """
        row = self._parts.node_row
        item, bucket = np.nonzero(row >= 0)
        price = np.maximum(self._dual[row[item, bucket]], 0.0)
        scarce = (price > TINY) & ~self.problem.item_is_made[item]
        found = pd.DataFrame(
            {
                "item_id": np.array(self.problem.item_ids, dtype=object)[item[scarce]],
                "start_at": self._instants(self.grid[bucket[scarce]]),
                "price_per_unit": price[scarce],
            }
        ).astype({"item_id": "str"})
        order = ["price_per_unit", "item_id", "start_at"]
        return found.sort_values(order, ascending=[False, True, True], ignore_index=True)

    def allocation(self) -> pd.DataFrame:
        """
        Return how what is scarce falls to the order lines.

        Returns
        -------
        pandas.DataFrame
            One row per order line in the order of the priority policy: ``order_id``, ``line_id``,
            ``item_id``, ``open_qty``, ``on_time_qty``, ``late_qty``, ``never_qty`` [uom] and
            ``late_cost`` [money].
        """
        problem, parts = self.problem, self._parts
        share = np.clip(self._x[: len(parts.delivery_demand)], 0.0, 1.0)
        count = len(problem.demand_qty)
        demand = parts.delivery_demand

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(demand, weights=values, minlength=count)

        is_never = parts.delivery_bucket < 0
        is_on_time = ~is_never & (parts.delivery_cost <= 0)
        keys = pd.DataFrame(problem.demand_keys, columns=["order_id", "line_id"], dtype="str")
        found = keys.assign(
            item_id=np.array(problem.item_ids, dtype=object)[problem.demand_item],
            open_qty=problem.demand_qty,
            on_time_qty=total(share * is_on_time) * problem.demand_qty,
            late_qty=total(share * ~is_on_time * ~is_never) * problem.demand_qty,
            never_qty=total(share * is_never) * problem.demand_qty,
            late_cost=total(share * parts.delivery_cost),
        )
        ranked = found.iloc[np.argsort(problem.demand_rank, kind="stable")]
        return ranked.reset_index(drop=True).astype({"item_id": "str"})

    def sentences(self) -> list[str]:
        """Return what not even the relaxation can deliver, in the planner's words."""
        allocation = self.allocation()
        never = allocation[allocation["never_qty"] > 1e-4 * allocation["open_qty"]]
        weeks = float(self.grid[-1]) / DAY / 7
        return [
            f"Order {row.order_id}/{row.line_id}: {row.never_qty:,.0f} of {row.open_qty:,.0f} "
            f"{row.item_id} cannot be made within {weeks:.0f} weeks: "
            f"{self._reason(str(row.item_id))}"
            for row in never.itertuples(index=False)
        ]

    def _reason(self, item_id: str) -> str:
        item = self.problem.item_ids.index(item_id)
        lots = (self.problem.lot_item == item).any()
        if not self.problem.item_is_made[item] and not lots:
            return "nothing makes it and no supply of it arrives."
        if not self.problem.item_is_made[item]:
            return "the work orders of it are too few and no more may be planned."
        return "its resources or its material do not suffice."

    def _closed_minutes(self, resource: int, begin: float, end: float) -> np.ndarray:
        """Minutes of each bucket between begin and end in which the resource is closed."""
        inside = np.clip(self.grid, begin, end)
        opened = open_minutes(self.problem, resource, inside, is_overtime=False)
        opened = opened + open_minutes(self.problem, resource, inside, is_overtime=True)
        return np.diff(inside) - opened

    def _resource(self, resource_id: str) -> int:
        if resource_id not in self.problem.resource_ids:
            raise ProblemError(f"no resource '{resource_id}' in the problem")
        return self.problem.resource_ids.index(resource_id)

    def _instants(self, minutes: np.ndarray) -> pd.Series:
        offsets = pd.to_timedelta(pd.Series(np.round(minutes * 60)), unit="s")
        return (self.problem.as_of + offsets).astype("datetime64[us, UTC]")
