"""Page of step 3: what could be done, side by side, and what moves."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.charts import plot_gantt, plot_load_heat_map, plot_scenario_costs
from soe_lib.run import Run
from soe_lib.scenario.costs import TERM_WORDS
from soe_lib.steps.what_if import Explored
from soe_lib.views.blocks import (
    Block,
    Grid,
    Headline,
    Live,
    Note,
    Picture,
    Sentences,
    Tile,
    Tone,
    format_number,
    money,
    tiles,
)
from soe_lib.views.gantt_rows import gantt_rows
from soe_lib.views.page import Page, currency_of

GANTT_DAYS = 10
_OTHERS = 3
_MEASURES = (
    ("total_cost", "Total cost"),
    ("num_late_lines", "Late order lines"),
    ("tardiness_days", "Days late, all lines"),
    ("on_time_pct", "On time %"),
    ("overtime_hours", "Overtime hours"),
    ("num_moves", "Operations moved"),
    ("num_moves_frozen", "… in the frozen zone"),
)


def what_if_page(run: Run, explored: Explored) -> Page:
    """
    Lay out the scenarios.

    Parameters
    ----------
    run
        The run.
    explored
        Result of :func:`soe_lib.explore_scenarios`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``live``, ``comparison``, ``costs``, ``capacity``, ``gantt``,
        ``moves``, ``pressure``, ``levers``.

    Examples
    --------
    >>> page = what_if_page(run, explore_scenarios(run))  # doctest: +SKIP
    >>> show(page["comparison"])  # doctest: +SKIP
    """
    if explored.off:
        nothing: list[Block] = []
        keys = ("live", "comparison", "costs", "capacity", "gantt", "moves", "pressure", "levers")
        return {"headline": [Headline(explored.off, "warn")], **dict.fromkeys(keys, nothing)}
    return {
        "headline": [Headline(explored.headline, _tone(explored)), _tiles(run, explored)],
        "live": [Live(lambda: _panel(run), "Levers are pulled in the meeting view of this page.")],
        "comparison": _comparison(explored),
        "costs": [Picture(plot_scenario_costs(_named_costs(explored)), table="scenario_costs")],
        "capacity": _capacity(explored),
        "gantt": _gantt(run, explored),
        "moves": _moves(explored),
        "pressure": _pressure(explored),
        "levers": _levers(explored),
    }


def _panel(run: Run) -> Any:
    from soe_lib.views.live.what_if_panel import WhatIfPanel

    return WhatIfPanel(run).widget


def _tone(explored: Explored) -> Tone:
    best = explored.comparison[explored.comparison["is_recommended"]]
    return "good" if len(best) and best["delta_total_cost"].iloc[0] < 0 else "neutral"


def _tiles(run: Run, explored: Explored) -> Block:
    currency = currency_of(run)
    rows = explored.comparison
    best = rows[rows["is_recommended"]]
    if best.empty:
        return Note("No scenario can be recommended.")
    first, chosen = rows.iloc[0], best.iloc[0]
    saved = float(first["total_cost"] - chosen["total_cost"])
    moved = f"{chosen['num_moves_frozen']:,} in the frozen zone"
    return tiles(
        Tile("Saved against doing nothing", money(saved, currency), str(chosen["title"]), "good"),
        Tile(
            "Late order lines",
            f"{chosen['num_late_lines']:,}",
            f"{first['num_late_lines']:,} if nothing is done",
            "good" if chosen["num_late_lines"] < first["num_late_lines"] else "warn",
        ),
        Tile("Operations that move", f"{chosen['num_moves']:,}", moved),
        Tile(
            "Overtime",
            f"{format_number(float(chosen['overtime_hours']))} h",
            money(float(chosen["overtime_cost"]), currency),
        ),
    )


def _comparison(explored: Explored) -> list[Block]:
    rows = explored.comparison
    first = rows.index[:1].tolist()
    best = rows.index[rows["is_recommended"]].tolist()
    open_ = rows[~rows["is_dominated"] & ~rows["is_rejected"]].sort_values("total_cost")
    kept = list(dict.fromkeys([*first, *best]))
    kept += [place for place in open_.index if place not in kept][:_OTHERS]
    shown = rows.loc[kept]
    table = pd.DataFrame({"": [label for _, label in _MEASURES]})
    for _, row in shown.iterrows():
        mark = " ★" if row["is_recommended"] else ""
        table[f"{row['title']}{mark}"] = [_with_delta(row, name) for name, _ in _MEASURES]
    pairs = zip(rows["title"].tolist(), rows["reason"].tolist(), strict=True)
    reasons = tuple(f"{title}: {reason}" for title, reason in pairs if reason)
    return [
        Grid(table, table="scenarios", rows=len(table)),
        Note("★ recommended; in brackets the difference to doing nothing."),
        Sentences(f"All {len(rows)} scenarios in a sentence", reasons, folded=len(reasons) > 6),
    ]


def _with_delta(row: pd.Series, name: str) -> str:
    text = format_number(float(row[name]))
    delta = row.get(f"delta_{name}")
    if delta is None or pd.isna(delta) or abs(delta) < 0.005:
        return text
    return f"{text} ({'+' if delta > 0 else '−'}{format_number(abs(float(delta)))})"


def _named_costs(explored: Explored) -> pd.DataFrame:
    costs = explored.tables["scenario_costs"]
    return costs.assign(scenario=costs["title"], term=costs["term"].map(TERM_WORDS))


def _capacity(explored: Explored) -> list[Block]:
    rows = explored.of("scenario_capacity")
    if rows.empty:
        return []
    figure = plot_load_heat_map(rows, title="Load by resource and week, recommended scenario")
    return [Picture(figure, table="scenario_capacity")]


def _gantt(run: Run, explored: Explored) -> list[Block]:
    if not explored.recommended:
        return []
    operations, ghosts = gantt_rows(
        run, explored.tables, explored.recommended, only_moved=True, days=GANTT_DAYS
    )
    if operations.empty:
        return [Note(f"No operation of the next {GANTT_DAYS} days moves.")]
    figure = plot_gantt(
        operations,
        ghosts,
        title=f"What moves in the next {GANTT_DAYS} days (pale: if nothing is done)",
        now=run.as_of,
    )
    return [Picture(figure, table="scenario_operations")]


def _moves(explored: Explored) -> list[Block]:
    moves = explored.of("scenario_moves")
    decided = moves[moves["change_cost"] > 0].sort_values(
        ["first_start_at", "wo_id"], kind="stable"
    )
    promises = explored.of("scenario_promise_moves")
    return [
        Grid(
            decided,
            title=f"{len(decided):,} operations that a decision moves, the soonest first",
            table="scenario_moves",
            columns=(
                "wo_id",
                "op_no",
                "item_id",
                "change",
                "zone",
                "resource_before",
                "resource_after",
                "start_before_at",
                "start_after_at",
                "shift_hours",
            ),
            if_none="no operation is moved.",
        ),
        Grid(
            promises.sort_values(["moved_days", "order_id"], kind="stable"),
            title=f"{len(promises):,} promises that change",
            table="scenario_promise_moves",
            columns=(
                "order_id",
                "line_id",
                "change",
                "promised_date_before",
                "promised_date_after",
                "moved_days",
            ),
            if_none="no promise changes.",
        ),
    ]


def _pressure(explored: Explored) -> list[Block]:
    summary = explored.of("pressure")
    rows = explored.of("pressure_rows")
    failed = rows[rows["status"] == "fail"]
    asked = tuple(dict.fromkeys(rows.loc[rows["status"] == "unknown", "question"]))
    return [
        Grid(
            summary,
            title="The recommended schedule against the shop floor",
            table="pressure",
            columns=("subject", "status", "num_checked", "num_failed", "num_unknown", "sentence"),
        ),
        Grid(
            failed,
            title="What fails",
            table="pressure_rows",
            columns=("subject", "object_id", "at", "detail"),
            if_none="nothing fails.",
        ),
        Sentences("Questions to answer before anyone signs", asked, tone="warn", folded=True),
    ]


def _levers(explored: Explored) -> list[Block]:
    rows = explored.of("levers")
    described = tuple(f"{r.title}: {r.description}" for r in explored.comparison.itertuples())
    return [
        Grid(
            rows,
            title="Levers that the recommended scenario pulls",
            table="levers",
            columns=(
                "lever",
                "object_id",
                "item_id",
                "old_value",
                "new_value",
                "cost",
                "act_by_at",
            ),
            if_none="only sequence and lines change.",
        ),
        Sentences("What each scenario is", described, folded=True),
    ]
