"""What-if: the standard scenarios, each a verified finite schedule with its money and moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import zone_of
from soe_lib.impact import order_impact
from soe_lib.params import FenceParams, MoneyParams, ScenarioParams, ScheduleParams
from soe_lib.scenario.difference import DECIDED_CHANGES, moved_operations
from soe_lib.schedule import (
    Problem,
    Schedule,
    dispatch,
    overtime_used,
    right_shift,
    solve,
    verify,
    with_overtime,
)
from soe_lib.tables import TABLES

MOVE_TOLERANCE_MINUTES = 15.0
TERMS = ("late_cost", "overtime_cost", "changeover_cost", "change_cost")
"""Money terms of a scenario; their sum is its total cost."""


@dataclass(frozen=True)
class Scenario:
    """A named delta on the snapshot: which levers are pulled."""

    name: str
    title: str
    levers: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class ScenarioResult:
    """
    A scenario's schedule and what it means.

    Attributes
    ----------
    problem
        The problem that was solved (with the scenario's levers in it).
    violations
        Rows of ``verify``; a scenario with any is never recommended.
    orders
        Rows of ``order_impact`` under this schedule.
    moves
        Rows of ``moved_operations`` against doing nothing, with ``zone``.
    overtime
        Rows of ``overtime_used``.
    measures
        Counts and money terms.
    """

    scenario: Scenario
    problem: Problem
    schedule: Schedule
    violations: pd.DataFrame
    orders: pd.DataFrame
    moves: pd.DataFrame
    overtime: pd.DataFrame
    measures: dict[str, Any]


CATALOGUE: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            "do_nothing",
            "Do nothing",
            (),
            "The published schedule, shifted right by what has happened; nobody intervenes.",
        ),
        Scenario(
            "edd_dispatch",
            "Dispatch by due date",
            ("resequence",),
            "The simple rule: every line runs the job that must start first, published resources.",
        ),
        Scenario(
            "resequence",
            "Resequence",
            ("resequence",),
            "Search for a better sequence outside the frozen zone, resources as preferred.",
        ),
        Scenario(
            "overtime",
            "Overtime",
            ("resequence", "overtime"),
            "Resequence, and book overtime on resources that run late orders.",
        ),
        Scenario(
            "alternate_line",
            "Alternate lines",
            ("resequence", "alternate routing"),
            "Resequence, and move work to alternate resources outside the frozen zone.",
        ),
        Scenario(
            "overtime_and_alternate",
            "Overtime and alternate lines",
            ("resequence", "overtime", "alternate routing"),
            "Both levers together.",
        ),
    )
}


def scenarios(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return scenarios by name, do nothing first. Raises ``ValueError`` for an unknown name."""
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown:
        raise ValueError(f"unknown scenarios {', '.join(unknown)}; known: {', '.join(CATALOGUE)}")
    wanted = ["do_nothing", *(name for name in names if name != "do_nothing")]
    return tuple(CATALOGUE[name] for name in dict.fromkeys(wanted))


def evaluate(
    scenario: Scenario,
    problem: Problem,
    tables: Mapping[str, pd.DataFrame],
    published: pd.DataFrame,
    *,
    schedule_params: ScheduleParams,
    scenario_params: ScenarioParams,
    money: MoneyParams,
    fences: FenceParams,
    horizon_weeks: int,
) -> ScenarioResult:
    """
    Compute one scenario.

    Parameters
    ----------
    scenario
        Which levers.
    problem
        Problem of the snapshot, no lever pulled.
    tables
        Canonical tables.
    published
        Operations of doing nothing: moves are counted against them.
    schedule_params, scenario_params, money, fences
        Parameters.
    horizon_weeks
        Weeks in which overtime may be booked.
    """
    calendar = tables.get("resource_calendar", TABLES["resource_calendar"].empty())
    pulled = problem
    if "overtime" in scenario.levers:
        pulled = with_overtime(
            problem,
            calendar,
            hours_per_week=scenario_params.overtime_hours_per_week,
            weeks=horizon_weeks,
        )
    makers: dict[str, Callable[[], Schedule]] = {
        "do_nothing": lambda: right_shift(pulled),
        "edd_dispatch": lambda: dispatch(pulled, "edd"),
    }
    reroute = "alternate routing" in scenario.levers
    schedule = makers.get(
        scenario.name, lambda: solve(pulled, schedule_params, may_reroute=reroute)
    )()
    violations = verify(pulled, schedule)
    orders = order_impact(schedule.promises, tables, money)
    moves = moved_operations(
        published, schedule.operations, tolerance_minutes=MOVE_TOLERANCE_MINUTES
    )
    moves["zone"] = zone_of(
        moves["first_start_at"], problem.as_of, fences.frozen_days, fences.slushy_days
    )
    used = overtime_used(pulled, schedule)
    measures = _measures(schedule, orders, moves, used, money)
    measures["num_violations"] = len(violations)
    return ScenarioResult(scenario, pulled, schedule, violations, orders, moves, used, measures)


def _measures(
    schedule: Schedule,
    orders: pd.DataFrame,
    moves: pd.DataFrame,
    overtime: pd.DataFrame,
    money: MoneyParams,
) -> dict[str, Any]:
    late = orders[orders["is_late"]]
    decided = moves[moves["change"].isin(DECIDED_CHANGES)]
    price = {
        "frozen": money.change_cost_frozen,
        "slushy": money.change_cost_slushy,
        "liquid": money.change_cost_liquid,
    }
    measures: dict[str, Any] = {
        "num_lines": len(orders),
        "num_late_lines": len(late),
        "on_time_pct": 100 * (1 - len(late) / len(orders)) if len(orders) else np.nan,
        "tardiness_days": float(orders["tardiness_days"].sum()),
        "late_cost": float(orders["late_cost"].sum()),
        "overtime_hours": float(overtime["hours"].sum()),
        "overtime_cost": float(overtime["cost"].sum()),
        "changeover_hours": schedule.summary["changeover_hours"],
        "changeover_cost": schedule.summary["changeover_cost"],
        "num_moves": len(decided),
        "num_moves_frozen": int((decided["zone"] == "frozen").sum()),
        "change_cost": float(decided["zone"].map(price).astype(float).sum()),
    }
    measures["total_cost"] = sum(measures[term] for term in TERMS)
    return measures


_WORSE_IS_MORE = ("num_late_lines", "late_cost", "overtime_cost", "num_moves", "total_cost")


def compare(results: Sequence[ScenarioResult]) -> pd.DataFrame:
    """
    Put scenarios side by side.

    Returns
    -------
    pandas.DataFrame
        One row per scenario in the order given: ``scenario``, ``title``, the measures,
        ``delta_total_cost`` and ``delta_late_lines`` against the first (do nothing),
        ``is_dominated`` (another is no worse in late lines, cost of lateness, overtime, moves and
        total, and better in one), ``is_recommended`` (cheapest without violations, fewer moves at
        equal cost), ``reason``.
    """
    rows = pd.DataFrame(
        [{"scenario": r.scenario.name, "title": r.scenario.title, **r.measures} for r in results]
    )
    first = rows.iloc[0]
    rows["delta_total_cost"] = rows["total_cost"] - first["total_cost"]
    rows["delta_late_lines"] = rows["num_late_lines"] - first["num_late_lines"]
    rows["delta_tardiness_days"] = rows["tardiness_days"] - first["tardiness_days"]
    values = rows[list(_WORSE_IS_MORE)].to_numpy(float)
    rows["is_dominated"] = [
        bool(((values <= own + 1e-9).all(axis=1) & (values < own - 1e-9).any(axis=1)).any())
        for own in values
    ]
    legal = rows[rows["num_violations"] == 0]
    best = legal.sort_values(["total_cost", "num_moves"], kind="stable").index[0]
    rows["is_recommended"] = rows.index == best
    chosen = rows.loc[best]
    saved = first["total_cost"] - chosen["total_cost"]
    rows["reason"] = ""
    rows.loc[best, "reason"] = (
        "no scenario costs less than doing nothing"
        if chosen["scenario"] == "do_nothing"
        else f"lowest total cost, {saved:,.0f} below doing nothing, with "
        f"{chosen['num_late_lines']:.0f} late lines instead of {first['num_late_lines']:.0f} and "
        f"{chosen['num_moves']:.0f} moved operations"
    )
    return rows


def cost_terms(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return money by term: one row per (``scenario`` title, ``term``): ``cost`` [money]."""
    return comparison.melt(
        id_vars="title", value_vars=list(TERMS), var_name="term", value_name="cost"
    ).rename(columns={"title": "scenario"})
