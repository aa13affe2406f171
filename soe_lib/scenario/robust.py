"""
How sure a scenario's promises are: its schedule replayed under what usually varies.

Every scenario meets the same luck (common random numbers): run times, stops, scrap and receipts of
the same object are drawn from the same stream, so that a difference between two scenarios is
theirs. Nothing begins before the scenario has it; what is late pushes what comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.impact.late_supply import supply_lines
from soe_lib.impact.noise import Noise
from soe_lib.impact.promise import LATE_MINUTES, draw_luck, lateness_under, odds_of_lateness
from soe_lib.impact.replay import Replay, ReplayError
from soe_lib.impact.replay_build import replay_of
from soe_lib.scenario.apply import tables_with
from soe_lib.scenario.context import Context, as_published
from soe_lib.scenario.levers import RushOrder
from soe_lib.scenario.result import Result
from soe_lib.schedule.pegging import clause_cost
from soe_lib.tables import TABLES

LOW_PCT, HIGH_PCT = 5.0, 95.0
ODDS_SHAPE = {
    "order_id": "str",
    "line_id": "str",
    "p_on_time": "float64",
    "standard_error": "float64",
    "sure_at": "datetime64[us, UTC]",
    "expected_late_days": "float64",
    "expected_late_cost": "float64",
}
SUMMARY = ("kept_pct", "kept_low_pct", "kept_high_pct", "expected_late_cost", "better_pct")
"""Columns of the comparison that come from here; empty where robustness is off."""
MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True)
class Robustness:
    """
    A scenario under drawn luck.

    Attributes
    ----------
    rows
        One row per order line: ``ODDS_SHAPE``; an order that is put in is among them.
    kept_pct
        Share of the order lines that are kept, one number per replication. [%]
    late_cost
        Cost of lateness by clause and of lost margin, one number per replication. [money]
    """

    rows: pd.DataFrame
    kept_pct: np.ndarray
    late_cost: np.ndarray

    def summary(self, nothing: Robustness | None) -> dict[str, float]:
        """
        Return the figures of :data:`SUMMARY`.

        ``better_pct`` is the share of the replications in which lateness costs less than if
        nothing is done under the same luck; empty for doing nothing itself.
        """
        first = self if nothing is None else nothing
        gain = first.late_cost - self.late_cost
        better = np.nan if first is self else 100.0 * float((gain > 0.005).mean())
        return {
            "kept_pct": float(self.kept_pct.mean()),
            "kept_low_pct": float(np.quantile(self.kept_pct, LOW_PCT / 100)),
            "kept_high_pct": float(np.quantile(self.kept_pct, HIGH_PCT / 100)),
            "expected_late_cost": float(self.late_cost.mean()),
            "better_pct": better,
        }


def robustness(result: Result, context: Context, *, is_nothing: bool = False) -> Robustness | None:
    """
    Replay a scenario under drawn luck.

    Parameters
    ----------
    result
        A scenario's result.
    context
        Snapshot and parameters; ``scenario.replications`` of them, seed of ``impact.seed``.
    is_nothing
        Whether the schedule is doing nothing: it is held to the published starts, not to its own.

    Returns
    -------
    Robustness or None
        None where it is off: no replications are wanted, the feed shows nothing that varies, or
        departures with limited room cannot be replayed.
    """
    count = context.params.scenario.replications
    if not count or not _varies(context.noise):
        return None
    problem = result.problem
    if not is_nothing:
        problem = as_published(problem, result.schedule.operations)
    try:
        replay = replay_of(problem, result.schedule)
        lateness = _lateness(replay, result, context, count)
    except ReplayError:
        return None
    put_in = {lever.order_id for lever in result.levers if isinstance(lever, RushOrder)}
    is_open = np.array([order not in put_in for order, _ in problem.demand_keys], dtype=bool)
    clauses = problem.clauses
    assert clauses is not None
    cost = np.array(
        [
            (by_clause + lost)[is_open].sum()
            for by_clause, lost in (clause_cost(clauses, row / MINUTES_PER_DAY) for row in lateness)
        ]
    )
    kept = 100.0 * (lateness[:, is_open] <= LATE_MINUTES).mean(axis=1)
    rows = odds_of_lateness(problem, lateness, context.params.impact.confidence_pct)
    return Robustness(rows[list(ODDS_SHAPE)], kept, cost)


def robustness_of(results: Sequence[Result], context: Context) -> tuple[Robustness | None, ...]:
    """Replay scenarios, doing nothing first; those that share a schedule share its figures."""
    known: dict[int, Robustness | None] = {}
    for number, result in enumerate(results):
        if id(result.schedule) not in known:
            known[id(result.schedule)] = robustness(result, context, is_nothing=number == 0)
    return tuple(known[id(result.schedule)] for result in results)


def _varies(noise: Noise) -> bool:
    known = (noise.rate, noise.stop_hours, noise.scrap, noise.supplier_days)
    return any(part is not None for part in known)


def _lateness(replay: Replay, result: Result, context: Context, count: int) -> np.ndarray:
    changed = tables_with(context, result.levers)
    rows = {name: changed.get(name, contract.empty()) for name, contract in TABLES.items()}
    lines = supply_lines(replay.problem, rows)
    suppliers = lines["supplier_id"].fillna("").astype("str").tolist()
    luck = draw_luck(replay, context.noise, suppliers, count, context.params.impact.seed)
    return lateness_under(replay, luck)
