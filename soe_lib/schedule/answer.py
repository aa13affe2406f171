"""What a schedule costs, term by term from its tables, and how far it may be from the best."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from soe_lib.schedule.buckets import DAY, clause_cost, clause_parts
from soe_lib.schedule.overtime import overtime_used
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.relaxation import Bound, lower_bound
from soe_lib.schedule.schedule import Schedule


def objective_terms(problem: Problem, schedule: Schedule) -> dict[str, float]:
    """
    Recompute the money terms that the tables alone give, reading no summary.

    Parameters
    ----------
    problem
        Prices, calendars and clauses.
    schedule
        The tables.

    Returns
    -------
    dict
        ``late_cost``, ``lost_margin``, ``overtime_cost``, ``changeover_cost`` and
        ``expedite_cost``. [money]
    """
    promises = schedule.promises
    keys = {key: d for d, key in enumerate(problem.demand_keys)}
    pairs = zip(promises["order_id"], promises["line_id"], strict=True)
    demand = np.array([keys[pair] for pair in pairs], np.int64)
    late_days = promises["lateness_days"].to_numpy(float)
    is_open = promises["promised_at"].isna().to_numpy()
    late, lost = clause_parts(problem, demand, late_days, never=is_open)
    rows = schedule.operations.dropna(subset=["end_at"])
    index = {name: r for r, name in enumerate(problem.resource_ids)}
    resource = np.array([index[name] for name in rows["resource_id"]], np.int64)
    hours = rows["setup_minutes"].to_numpy(float) / 60
    expedites = [t["cost"].sum() for t in (schedule.purchases, schedule.expedites) if len(t)]
    return {
        "late_cost": float(late.sum()),
        "lost_margin": float(lost.sum()),
        "overtime_cost": float(overtime_used(problem, schedule)["cost"].sum()),
        "changeover_cost": float((hours * problem.changeover_cost[resource]).sum()),
        "expedite_cost": float(sum(expedites)),
    }


def bounded_value(problem: Problem, schedule: Schedule, bound: Bound) -> float:
    """
    Return the part of a schedule's cost that the bound bounds. [money]

    Lateness with lost margin, overtime and expedites; a line that nothing covers counts as late
    until the end of the bound's buckets at least.
    """
    terms = objective_terms(problem, schedule)
    rows = schedule.promises
    keys = {key: d for d, key in enumerate(problem.demand_keys)}
    number = np.array([keys[key] for key in zip(rows["order_id"], rows["line_id"], strict=True)])
    added = 0.0
    open_ = np.flatnonzero(rows["promised_at"].isna().to_numpy())
    if len(open_):
        demand = number[open_].astype(int)
        late = np.maximum(bound.until_minutes - problem.demand_due[demand], 0.0) / DAY
        full = clause_cost(problem, demand, late)
        counted = (rows["late_cost"] + rows["lost_margin"]).to_numpy(float)[open_]
        added = float(np.maximum(full - counted, 0.0).sum())
    names = ("late_cost", "lost_margin", "overtime_cost", "expedite_cost")
    return added + sum(terms[name] for name in names)


def with_bound(problem: Problem, schedule: Schedule, bound: Bound | None = None) -> Schedule:
    """
    Say how far a schedule may be from the best one.

    Parameters
    ----------
    problem, schedule
        The problem and its answer.
    bound
        Of the problem; found with daily buckets where None.

    Returns
    -------
    Schedule
        With ``bound`` [money], ``bounded_value`` (what it bounds) [money], ``gap_pct`` [%] and
        ``bound_leaves_out`` in its summary.
    """
    bound = lower_bound(problem) if bound is None else bound
    value = bounded_value(problem, schedule, bound)
    added: dict[str, Any] = {
        "bound": bound.value,
        "bounded_value": value,
        "gap_pct": bound.gap_pct(value),
        "bound_leaves_out": list(bound.leaves_out),
    }
    return dataclasses.replace(schedule, summary={**schedule.summary, **added})
