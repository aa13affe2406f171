"""Step 3: what could be done, each answer a finite schedule that the independent checker passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.money import in_currency
from soe_lib.run import Run, RunError
from soe_lib.scenario.catalogue import scenarios
from soe_lib.scenario.context import Context
from soe_lib.scenario.evaluate import evaluate_all
from soe_lib.scenario.identity import table_hash
from soe_lib.scenario.result import Result, start_of
from soe_lib.scenario.result_tables import SHAPES, completed, empty_table, result_tables
from soe_lib.scenario.robust import robustness_of

FEATURE = "what-if schedules"
SCENARIO_TABLES = ("scenarios", "scenario_costs")
_COMPARED = ["wo_id", "op_no", "split_no", "resource_id", "setup_start_at", "start_at", "end_at"]


@dataclass(frozen=True)
class Explored:
    """
    What step 3 found.

    Attributes
    ----------
    comparison
        One row per scenario: measures, money by term, deltas against doing nothing, whether it is
        rejected, dominated or recommended, and why.
    results
        The scenarios in the order of the comparison, with problem and schedule.
    tables
        All tables that the step wrote, by name.
    recommended
        Name of the recommended scenario; empty where there is none.
    off
        Why there are no scenarios; empty where there are.
    headline
        The sentence that opens the page.
    prices
        Which money parameters the feed's own prices override, in sentences.
    """

    comparison: pd.DataFrame
    results: tuple[Result, ...]
    tables: Mapping[str, pd.DataFrame]
    recommended: str
    off: str
    headline: str
    prices: tuple[str, ...] = ()

    def of(self, name: str, scenario: str = "") -> pd.DataFrame:
        """Return the rows of one scenario (the recommended one by default) of a table."""
        rows = self.tables[name]
        wanted = scenario or self.recommended
        return rows[rows["scenario"] == wanted].reset_index(drop=True)


def explore_scenarios(run: Run) -> Explored:
    """
    Compute the scenarios of the cycle and compare them; a finished run is read, not computed.

    Parameters
    ----------
    run
        Run whose snapshot and projection are read. Written are ``scenarios``, ``scenario_costs``,
        ``scenario_operations``, ``scenario_promises``, ``scenario_pegging``,
        ``scenario_purchases``, ``scenario_expedites``, ``scenario_orders``, ``scenario_moves``,
        ``scenario_promise_moves``, ``scenario_overtime``, ``scenario_capacity``,
        ``scenario_frontier``, ``scenario_odds``, ``scenario_rush``, ``scenario_displaced``,
        ``scenario_violations``, ``levers``, ``pressure`` and
        ``pressure_rows``.

    Returns
    -------
    Explored

    Raises
    ------
    RunError
        When step 1 has not run, or projected another schedule than scenario 0.

    Examples
    --------
    >>> explored = explore_scenarios(open_run())  # doctest: +SKIP
    >>> explored.recommended  # doctest: +SKIP
    'overtime'
    """
    if run.is_complete:
        return read_scenarios(run)
    context = context_of(run)
    off = _off(run)
    results: tuple[Result, ...] = ()
    if not off:
        start = start_of(context)
        if start.problem.num_operations == 0:
            off = "What-if schedules are off: the feed has no open work order to schedule."
        else:
            _check_projection(run, start.do_nothing.operations)
            results = evaluate_all(scenarios(run.params.scenario.names), start)
    tables = result_tables(results, context, robustness_of(results, context))
    comparison = tables["scenarios"]
    chosen = comparison[comparison["is_recommended"]]
    recommended = str(chosen["scenario"].iloc[0]) if len(chosen) else ""
    currency = run.snapshot.currency
    sentence = off or headline_of(comparison, currency)
    notes = results[0].problem.price_notes if results else ()
    prices = tuple(in_currency(note, currency) for note in notes)
    run.write(**tables)
    run.say(
        "what_if",
        {
            "headline": sentence,
            "off": off,
            "recommended": recommended,
            "num_scenarios": len(comparison),
            "num_dominated": int((comparison["status"] == "dominated").sum()),
            "num_rejected": int(comparison["is_rejected"].sum()),
            "notes": list(results[0].problem.notes) if results else [],
            "prices": list(prices),
            **_figures(comparison),
        },
    )
    return Explored(comparison, results, tables, recommended, off, sentence, prices)


def read_scenarios(run: Run) -> Explored:
    """Return what a finished run explored, from its tables; ``results`` are not kept."""
    words = run.words("what_if")
    tables = {name: scenario_table(run.read, run.has, name) for name in (*SCENARIO_TABLES, *SHAPES)}
    return Explored(
        comparison=tables["scenarios"],
        results=(),
        tables=tables,
        recommended=str(words["recommended"]),
        off=str(words["off"]),
        headline=str(words["headline"]),
        prices=tuple(words.get("prices", ())),
    )


def scenario_table(
    read: Callable[[str], pd.DataFrame], has: Callable[[str], bool], name: str
) -> pd.DataFrame:
    """Read a table of step 3; what a run of an earlier version did not write has no rows."""
    if name in SHAPES and not has(name):
        return empty_table(name)
    return completed(read(name)) if name == "scenarios" else read(name)


def context_of(run: Run) -> Context:
    """Return what the scenarios of a run are computed from."""
    return Context(run.tables, run.as_of, run.snapshot.site_time_zone, run.params)


def headline_of(comparison: pd.DataFrame, currency: str) -> str:
    """Return the sentence that opens the page, computed from the comparison."""
    first = comparison.iloc[0]
    chosen = comparison[comparison["is_recommended"]]
    rejected = int(comparison["is_rejected"].sum())
    tail = f"; {rejected} of {len(comparison)} scenarios break a rule and are rejected"
    tail = tail if rejected else ""
    if chosen.empty:
        return f"No scenario can be recommended{tail}."
    best = chosen.iloc[0]
    if best["scenario"] == first["scenario"]:
        return (
            f"Nothing that was tried pays: of {len(comparison)} scenarios none costs less than "
            f"doing nothing ({_money(first['total_cost'], currency)}, "
            f"{first['num_late_lines']:,} late lines){tail}."
        )
    saved = _money(-best["delta_total_cost"], currency)
    return (
        f"'{best['title']}' saves {saved} against doing nothing: {best['num_late_lines']:,} late "
        f"order lines instead of {first['num_late_lines']:,}, for {best['num_moves']:,} moved "
        f"operations{_spent(best, currency)}{_calm(comparison, best)}{tail}."
    )


def _calm(comparison: pd.DataFrame, best: pd.Series) -> str:
    """Say what the fewest moves would get, where that is another choice."""
    calm = comparison[comparison["scenario"] == "minimal_change"]
    if calm.empty or best["scenario"] == "minimal_change" or calm["is_rejected"].iloc[0]:
        return ""
    row = calm.iloc[0]
    share = 100 * row["delta_total_cost"] / best["delta_total_cost"]
    if share < 1 or row["num_moves"] * 2 > best["num_moves"]:
        return ""
    return f"; {row['num_moves']:,} moves would get {share:.0f} % of that"


def _spent(best: pd.Series, currency: str) -> str:
    parts = []
    if best["overtime_cost"] > 0:
        hours, cost = best["overtime_hours"], _money(best["overtime_cost"], currency)
        parts.append(f"{hours:,.0f} h of overtime ({cost})")
    if best["expedite_cost"] > 0:
        parts.append(f"expedites of {_money(best['expedite_cost'], currency)}")
    if best["num_splits"]:
        parts.append(f"{best['num_splits']} split lots")
    return f", {' and '.join(parts)}" if parts else ""


def _money(value: float, currency: str) -> str:
    return f"{value:,.0f} {currency}".strip()


def _figures(comparison: pd.DataFrame) -> dict[str, float]:
    chosen = comparison[comparison["is_recommended"]]
    if chosen.empty:
        return {}
    best, first = chosen.iloc[0], comparison.iloc[0]
    return {
        "do_nothing_cost": float(first["total_cost"]),
        "do_nothing_late_lines": int(first["num_late_lines"]),
        "recommended_cost": float(best["total_cost"]),
        "recommended_late_lines": int(best["num_late_lines"]),
        "saved_cost": float(-best["delta_total_cost"]),
        "num_moves": int(best["num_moves"]),
        "num_moves_frozen": int(best["num_moves_frozen"]),
        "num_pressure_open": int(best["num_pressure_open"]),
        "num_pressure_failed": int(best["num_pressure_failed"]),
    }


def _off(run: Run) -> str:
    features = run.read("features")
    row = features[features["feature"] == FEATURE].iloc[0]
    if row["is_on"]:
        return ""
    missing = " and no ".join(str(row["missing"]).split(", "))
    return f"What-if schedules are off: the feed has no {missing}."


def _check_projection(run: Run, operations: pd.DataFrame) -> None:
    """Doing nothing is the projection of step 1, or the pages would contradict each other."""
    projected = run.read("projected_operations")
    shown = [table_hash(t[_COMPARED].sort_values(_COMPARED[:3])) for t in (projected, operations)]
    if shown[0] != shown[1]:
        raise RunError(
            f"{run.folder}: scenario 0 is not the projection of step 1 (other parameters or code "
            "in between); run the notebooks again from 1_divergence"
        )
