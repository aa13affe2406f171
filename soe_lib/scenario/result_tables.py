"""Results of scenarios as tables of the run, typed whether they have rows or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.scenario.capacity import capacity_effect
from soe_lib.scenario.compare import compare, cost_terms
from soe_lib.scenario.context import Context
from soe_lib.scenario.costs import TERMS
from soe_lib.scenario.difference import moved_promises
from soe_lib.scenario.displaced import DISPLACED_SHAPE
from soe_lib.scenario.floor import with_floor_needs, with_promised_date
from soe_lib.scenario.lever_specs import specs_of
from soe_lib.scenario.pressure import PressureTest, pressure_of
from soe_lib.scenario.repair import FRONTIER_SHAPE
from soe_lib.scenario.result import Result
from soe_lib.scenario.robust import ODDS_SHAPE, SUMMARY, Robustness
from soe_lib.scenario.rush import RUSH_SHAPE
from soe_lib.scenario.stock import STOCK_SHAPE, stock_curve, watched_items

_TEXT, _NUMBER, _COUNT, _FLAG = "str", "float64", "int64", "bool"
_AT, _DATE = "datetime64[us, UTC]", "datetime64[us]"

SHAPES: dict[str, dict[str, str]] = {
    "scenario_operations": {
        "wo_id": _TEXT,
        "op_no": _COUNT,
        "split_no": _COUNT,
        "item_id": _TEXT,
        "planned_qty": _NUMBER,
        "resource_id": _TEXT,
        "sequence_no": _COUNT,
        "setup_start_at": _AT,
        "start_at": _AT,
        "end_at": _AT,
        "setup_from": _TEXT,
        "setup_to": _TEXT,
        "run_minutes": _NUMBER,
        "setup_minutes": _NUMBER,
        "tool_id": _TEXT,
        "skill_code": _TEXT,
        "labour_count": _NUMBER,
        "station_no": _COUNT,
        "is_planned": _FLAG,
        "is_frozen": _FLAG,
        "published_start_at": _AT,
    },
    "scenario_promises": {
        "order_id": _TEXT,
        "line_id": _TEXT,
        "item_id": _TEXT,
        "open_qty": _NUMBER,
        "due_at": _AT,
        "promised_qty": _NUMBER,
        "ready_at": _AT,
        "promised_at": _AT,
        "promised_date": _DATE,
        "is_covered": _FLAG,
        "lateness_days": _NUMBER,
        "late_cost": _NUMBER,
    },
    "scenario_pegging": {
        "order_id": _TEXT,
        "line_id": _TEXT,
        "supply_type": _TEXT,
        "supply_id": _TEXT,
        "qty": _NUMBER,
        "available_at": _AT,
        "leaves_at": _AT,
    },
    "scenario_purchases": {
        "item_id": _TEXT,
        "qty": _NUMBER,
        "order_at": _AT,
        "receipt_at": _AT,
        "wo_id": _TEXT,
        "is_expedite": _FLAG,
        "cost": _NUMBER,
    },
    "scenario_expedites": {
        "supply_id": _TEXT,
        "purchase_order": _TEXT,
        "item_id": _TEXT,
        "old_at": _AT,
        "new_at": _AT,
        "cost": _NUMBER,
    },
    "scenario_orders": {
        "order_id": _TEXT,
        "line_id": _TEXT,
        "customer_id": _TEXT,
        "customer_tier": _TEXT,
        "item_id": _TEXT,
        "family_id": _TEXT,
        "open_qty": _NUMBER,
        "due_at": _AT,
        "promised_at": _AT,
        "promised_qty": _NUMBER,
        "is_covered": _FLAG,
        "is_late": _FLAG,
        "lateness_days": _NUMBER,
        "tardiness_days": _NUMBER,
        "late_cost": _NUMBER,
        "margin_at_risk": _NUMBER,
    },
    "scenario_moves": {
        "wo_id": _TEXT,
        "op_no": _COUNT,
        "split_no": _COUNT,
        "change": _TEXT,
        "item_id": _TEXT,
        "resource_before": _TEXT,
        "resource_after": _TEXT,
        "start_before_at": _AT,
        "start_after_at": _AT,
        "end_before_at": _AT,
        "end_after_at": _AT,
        "shift_hours": _NUMBER,
        "planned_qty_before": _NUMBER,
        "planned_qty_after": _NUMBER,
        "first_start_at": _AT,
        "zone": _TEXT,
        "fence_approver_role": _TEXT,
        "change_cost": _NUMBER,
    },
    "scenario_promise_moves": {
        "order_id": _TEXT,
        "line_id": _TEXT,
        "change": _TEXT,
        "promised_date_before": _DATE,
        "promised_date_after": _DATE,
        "moved_days": _NUMBER,
        "lateness_days_before": _NUMBER,
        "lateness_days_after": _NUMBER,
        "promised_qty_before": _NUMBER,
        "promised_qty_after": _NUMBER,
    },
    "scenario_overtime": {
        "resource_id": _TEXT,
        "start_at": _AT,
        "hours": _NUMBER,
        "cost": _NUMBER,
    },
    "scenario_capacity": {
        "resource_id": _TEXT,
        "week_start_date": _DATE,
        "available_hours": _NUMBER,
        "overtime_hours": _NUMBER,
        "load_hours": _NUMBER,
        "load_pct": _NUMBER,
    },
    "scenario_frontier": FRONTIER_SHAPE,
    "scenario_odds": ODDS_SHAPE,
    "scenario_rush": RUSH_SHAPE,
    "scenario_displaced": DISPLACED_SHAPE,
    "scenario_stock": STOCK_SHAPE,
    "scenario_violations": {"rule": _TEXT, "object_id": _TEXT, "detail": _TEXT},
    "levers": {
        "lever": _TEXT,
        "object_type": _TEXT,
        "object_id": _TEXT,
        "item_id": _TEXT,
        "old_value": _TEXT,
        "new_value": _TEXT,
        "cost": _NUMBER,
        "act_by_at": _AT,
    },
    "lever_specs": {"spec": _TEXT},
    "pressure": {
        "subject": _TEXT,
        "status": _TEXT,
        "num_checked": _COUNT,
        "num_failed": _COUNT,
        "num_unknown": _COUNT,
        "function": _TEXT,
        "sentence": _TEXT,
    },
    "pressure_rows": {
        "subject": _TEXT,
        "status": _TEXT,
        "object_type": _TEXT,
        "object_id": _TEXT,
        "at": _AT,
        "detail": _TEXT,
        "question": _TEXT,
    },
}
"""Columns and dtypes of the tables with one row per scenario and object; ``scenario`` is first."""


def result_tables(
    results: Sequence[Result],
    context: Context,
    odds: Sequence[Robustness | None] = (),
    *,
    only: str = "",
    watched: Sequence[str] | None = None,
) -> dict[str, pd.DataFrame]:
    """
    Turn results into the tables of the run.

    Parameters
    ----------
    results
        Verified results, doing nothing first; none gives the tables without rows.
    context
        Snapshot and parameters.
    odds
        Each result under drawn luck, in the same order; empty = robustness is off.
    only
        Name of the scenario whose rows are wanted; empty = all. Differences are against the first
        result in any case.
    watched
        Items whose stock curve is kept, where they are known: those of doing nothing.

    Returns
    -------
    dict
        ``scenarios`` (rows of :func:`soe_lib.scenario.compare.compare`, with the number of failed
        and open subjects of the pressure test and the columns of ``robust.SUMMARY``),
        ``scenario_costs`` and the tables of :data:`SHAPES`, each with the column ``scenario``
        first.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in SHAPES}
    counts: list[tuple[int, int, int, int]] = []
    first: pd.DataFrame | None = None
    if watched is None:
        watched = watched_items(results[0]) if results else []
    for number, result in enumerate(results):
        promises = with_promised_date(
            result.schedule.promises, context.tables, context.site_time_zone
        )
        first = promises if first is None else first
        if only not in ("", result.scenario.name):
            continue
        test = pressure_of(result, context)
        moved = moved_promises(first, promises)
        own = odds[number] if odds else None
        for name, rows in _rows_of(result, context, promises, moved, test, own).items():
            parts[name].append(_shaped(name, rows, result.scenario.name))
        curve = stock_curve(result, watched)
        parts["scenario_stock"].append(_shaped("scenario_stock", curve, result.scenario.name))
        status = test.summary["status"]
        earlier = int(moved["change"].isin(["earlier", "gained"]).sum())
        counts.append(
            (
                int((status == "fail").sum()),
                int((status == "unknown").sum()),
                earlier,
                int(moved["change"].isin(["later", "lost"]).sum()),
            )
        )
    found = {
        name: pd.concat(rows, ignore_index=True) if rows else _shaped(name, None, "")
        for name, rows in parts.items()
    }
    scenarios = _with_odds(compare(results), odds)
    costs = cost_terms(scenarios)
    if only:
        scenarios = scenarios[scenarios["scenario"] == only].reset_index(drop=True)
        costs = costs[costs["scenario"] == only].reset_index(drop=True)
    names = ("num_pressure_failed", "num_pressure_open", "num_earlier_lines", "num_later_lines")
    scenarios[list(names)] = pd.DataFrame(counts, columns=list(names), dtype="int64")
    return {"scenarios": scenarios, "scenario_costs": costs, **found}


def _with_odds(scenarios: pd.DataFrame, odds: Sequence[Robustness | None]) -> pd.DataFrame:
    """Add the share of promises that is kept; empty where robustness is off."""
    first = odds[0] if odds else None
    rows = [None if own is None else own.summary(first) for own in odds]
    return scenarios.assign(
        **{
            name: pd.Series(
                [row[name] if row else np.nan for row in rows] or np.nan,
                index=scenarios.index,
                dtype="float64",
            )
            for name in SUMMARY
        }
    )


def _rows_of(
    result: Result,
    context: Context,
    promises: pd.DataFrame,
    moved: pd.DataFrame,
    test: PressureTest,
    odds: Robustness | None,
) -> Mapping[str, pd.DataFrame | None]:
    operations = result.schedule.operations
    return {
        "scenario_operations": with_floor_needs(operations, context.tables, context.as_of),
        "scenario_promises": promises,
        "scenario_pegging": result.schedule.pegging,
        "scenario_purchases": result.schedule.purchases,
        "scenario_expedites": result.schedule.expedites.reindex(
            columns=list(SHAPES["scenario_expedites"])
        ),
        "scenario_orders": result.orders,
        "scenario_moves": result.moves,
        "scenario_promise_moves": moved,
        "scenario_overtime": result.overtime,
        "scenario_capacity": capacity_effect(result, context),
        "scenario_frontier": result.frontier.reindex(columns=list(FRONTIER_SHAPE)),
        "scenario_odds": None if odds is None else odds.rows,
        "scenario_rush": result.rush.reindex(columns=list(RUSH_SHAPE)),
        "scenario_displaced": result.displaced.reindex(columns=list(DISPLACED_SHAPE)),
        "scenario_violations": result.violations,
        "levers": result.pulled,
        "lever_specs": specs_of(result.levers),
        "pressure": test.summary,
        "pressure_rows": test.rows,
    }


def empty_table(name: str) -> pd.DataFrame:
    """Return a table of :data:`SHAPES` without rows."""
    return _shaped(name, None, "")


def completed(scenarios: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison of an earlier version with the columns that it did not have yet."""
    lacking = {name: np.nan for name in SUMMARY if name not in scenarios}
    terms = {name: 0.0 for name in TERMS if name not in scenarios}
    return scenarios.assign(**lacking, **terms)


def _shaped(name: str, rows: pd.DataFrame | None, scenario: str) -> pd.DataFrame:
    """Return rows with exactly the declared columns and dtypes, ``scenario`` first."""
    shape = SHAPES[name]
    own = pd.DataFrame(columns=list(shape)) if rows is None else rows[list(shape)]
    typed = own.reset_index(drop=True).astype(shape)
    typed.insert(0, "scenario", pd.Series(scenario, index=typed.index, dtype="str"))
    return typed
