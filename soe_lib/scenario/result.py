"""A scenario's result: its schedule verified, priced and compared with doing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.scenario.catalogue import CATALOGUE, Scenario
from soe_lib.scenario.context import Context, with_published_start
from soe_lib.scenario.costs import (
    TERMS,
    change_costs,
    changeovers,
    held_lots,
    lost_margin,
)
from soe_lib.scenario.difference import moved_operations, moves_summary
from soe_lib.scenario.fences import with_zone
from soe_lib.scenario.levers import Lever, RushOrder, Split, pulled_rows
from soe_lib.scenario.line_prices import LinePrices, line_prices
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.published import table_or_empty
from soe_lib.schedule import Problem, Schedule, overtime_used, right_shift, verify

MOVE_TOLERANCE_MINUTES = 15.0
"""A start that moves by no more than this is no move. [min]"""

NOT_VERIFIED = pd.DataFrame(
    {"rule": ["not_verified"], "object_id": [""], "detail": ["the schedule was not verified"]}
)
"""Violation of every schedule that nobody has verified yet."""


@dataclass(frozen=True)
class Result:
    """
    A scenario's schedule and what it means.

    Attributes
    ----------
    scenario
        The scenario.
    problem
        The problem that was solved, with the scenario's levers in it.
    schedule
        The finite schedule.
    violations
        Rows of ``verify``; a scenario with any is rejected and never recommended.
    orders
        Rows of ``order_impact`` under this schedule, at the full price of every clause.
    moves
        Rows of ``moved_operations`` against doing nothing, with ``zone`` and ``change_cost``.
    changeovers
        Rows of ``costs.changeovers``.
    overtime
        Rows of ``overtime_used``.
    levers
        The levers that stayed pulled.
    pulled
        The same as rows, with what each costs.
    measures
        Counts and money terms.
    same_as
        Title of the scenario whose schedule this is, because no lever of its own pays.
    num_offered
        Levers that were tried.
    frontier
        Rows of ``repair.FRONTIER_SHAPE``: repairs one after the other; no rows for a search.
    rush
        Rows of ``rush.RUSH_SHAPE``: the places that were tried for an order that is put in.
    displaced
        Rows of ``rush.DISPLACED_SHAPE``: whom that order delays or brings forward.
    """

    scenario: Scenario
    problem: Problem
    schedule: Schedule
    violations: pd.DataFrame
    orders: pd.DataFrame
    moves: pd.DataFrame
    changeovers: pd.DataFrame
    overtime: pd.DataFrame
    levers: tuple[Lever, ...]
    pulled: pd.DataFrame
    measures: dict[str, Any]
    same_as: str = ""
    num_offered: int = 0
    frontier: pd.DataFrame = field(default_factory=pd.DataFrame)
    rush: pd.DataFrame = field(default_factory=pd.DataFrame)
    displaced: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def total_cost(self) -> float:
        """Sum of all money terms. [money]"""
        return float(self.measures["total_cost"])


@dataclass(frozen=True)
class Start:
    """Where all scenarios start: the snapshot's problem and doing nothing about it."""

    context: Context
    problem: Problem
    do_nothing: Schedule

    @cached_property
    def open_tables(self) -> dict[str, pd.DataFrame]:
        """The snapshot's tables with the order lines of the problem only: what is still priced."""
        lines = table_or_empty(self.context.tables, "sales_order_line")
        keys = pd.MultiIndex.from_tuples(self.problem.demand_keys, names=LINE_KEY)
        own = pd.MultiIndex.from_frame(lines[LINE_KEY]).isin(keys)
        return {**self.context.tables, "sales_order_line": lines[own].reset_index(drop=True)}

    @cached_property
    def published(self) -> pd.DataFrame:
        """Operations of doing nothing, each with the start at which it was published."""
        operations = self.do_nothing.operations
        return operations.assign(start_at=operations["published_start_at"])

    @cached_property
    def line_prices(self) -> LinePrices:
        """Order lines and their clauses, looked up once."""
        return line_prices(self.do_nothing.promises, self.open_tables, self.context.params.money)

    @cached_property
    def nothing(self) -> Result:
        """Doing nothing, measured and verified: scenario 0."""
        scenario = CATALOGUE["do_nothing"]
        return verified(measured(scenario, self, self.problem, self.do_nothing, ()))


def start_of(context: Context) -> Start:
    """Build the snapshot's problem and shift its published schedule right: scenario 0."""
    problem = context.problem()
    return Start(context, problem, right_shift(problem))


def measured(
    scenario: Scenario,
    start: Start,
    problem: Problem,
    schedule: Schedule,
    levers: Sequence[Lever],
) -> Result:
    """Measure what a schedule means, against doing nothing; it is not verified yet."""
    context, params = start.context, start.context.params
    tables = context.tables
    money = context.prices.money
    operations = with_published_start(schedule.operations, start.published)
    schedule = replace(schedule, operations=operations)
    rush = [lever for lever in levers if isinstance(lever, RushOrder)]
    is_put_in = schedule.promises["order_id"].isin([lever.order_id for lever in rush])
    orders = start.line_prices.orders(schedule.promises[~is_put_in])
    moves = moved_operations(
        start.do_nothing.operations, operations, tolerance_minutes=MOVE_TOLERANCE_MINUTES
    )
    moves = with_zone(moves, context)
    moves["change_cost"] = change_costs(moves, params.money)
    used = overtime_used(problem, schedule)
    pulled = priced(levers, used, context.site_time_zone)
    changed = changeovers(operations, context.prices)
    late = orders[orders["is_late"]]
    measures: dict[str, Any] = {
        "num_lines": len(orders),
        "num_late_lines": len(late),
        "on_time_pct": 100 * (1 - len(late) / len(orders)) if len(orders) else np.nan,
        "num_uncovered_lines": int((~orders["is_covered"].astype(bool)).sum()),
        "tardiness_days": float(orders["tardiness_days"].sum()),
        "overtime_hours": float(used["hours"].sum()),
        "num_splits": sum(isinstance(lever, Split) for lever in levers),
        "changeover_hours": float(changed["setup_hours"].sum()),
        **moves_summary(moves),
        "late_cost": float(orders["late_cost"].sum()),
        "lost_margin": lost_margin(orders, money),
        "overtime_cost": float(used["cost"].sum()),
        "expedite_cost": float(sum(lever.price for lever in levers)),
        "changeover_cost": float(changed["cost"].sum()),
        "holding_cost": held_lots(schedule.pegging, schedule.promises, tables, money),
        "change_cost": float(moves["change_cost"].sum()),
        "put_in_margin": _margin(rush, schedule.promises[is_put_in]),
    }
    measures["total_cost"] = float(sum(measures[term] for term in TERMS))
    return Result(
        scenario,
        problem,
        schedule,
        NOT_VERIFIED,
        orders,
        moves,
        changed,
        used,
        tuple(levers),
        pulled,
        measures,
    )


def _margin(rush: Sequence[RushOrder], promises: pd.DataFrame) -> float:
    """Margin that orders put in bring, as a negative cost; none for one that nothing covers."""
    covered = set(promises.loc[promises["is_covered"].astype(bool), "order_id"])
    return 0.0 - float(sum(lever.margin for lever in rush if lever.order_id in covered))


def verified(result: Result) -> Result:
    """Return the result with the violations of its schedule; no row means that none was found."""
    violations = verify(result.problem, result.schedule)
    measures = {**result.measures, "num_violations": len(violations)}
    return replace(result, violations=violations, measures=measures)


def priced(levers: Sequence[Lever], used: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Return levers as rows; overtime costs what is worked of it. [money]"""
    rows = pulled_rows(levers, time_zone)
    if used.empty or rows.empty:  # overtime that nobody works costs nothing, and the rest its price
        return rows
    worked = used.rename(columns={"resource_id": "object_id", "start_at": "act_by_at"})
    worked = worked.groupby(["object_id", "act_by_at"]).agg(cost=("cost", "sum")).reset_index()
    both = rows.merge(worked, on=["object_id", "act_by_at"], how="left", suffixes=("", "_used"))
    is_overtime = (rows["lever"] == "overtime").to_numpy()
    return rows.assign(cost=np.where(is_overtime, both["cost_used"].fillna(0.0), rows["cost"]))
