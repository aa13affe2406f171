"""Page of step 3: scenarios side by side, what moves, and whether the floor would survive it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.charts import plot_scenario_costs
from soe_lib.run import Run
from soe_lib.steps.what_if import Explored
from soe_lib.views.blocks import (
    Block,
    Facts,
    Grid,
    Headline,
    Live,
    Note,
    Picture,
    Sentences,
    Tile,
    Tiles,
    Tone,
    money,
)
from soe_lib.views.page import Page, blockers, currency_of
from soe_lib.views.scenarios import (
    comparison_grid,
    decimals,
    first_screen,
    why,
    with_local_times,
)
from soe_lib.views.what_if_choices import drawn_costs, frontier, load, stock, sure
from soe_lib.views.what_moves import chosen, gantt, moves

CAPACITY_WEEKS = 2
"""Weeks from the snapshot on whose load is summed."""


def what_if_page(run: Run, explored: Explored) -> Page:
    """
    Lay out what could be done.

    Parameters
    ----------
    run
        The run.
    explored
        Result of :func:`soe_lib.explore_scenarios`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``comparison``, ``costs``, ``frontier``, ``gantt``, ``moves``,
        ``sure``, ``stock``, ``capacity``, ``pressure``, ``levers``.

    Examples
    --------
    >>> page = what_if_page(run, explore_scenarios(run))  # doctest: +SKIP
    >>> show(page["comparison"])  # doctest: +SKIP
    """
    if explored.comparison.empty:
        off: list[Block] = [Note("No scenario was computed.")]
        names = (
            "comparison",
            "costs",
            "frontier",
            "gantt",
            "moves",
            "sure",
            "stock",
            "capacity",
            "pressure",
            "levers",
        )
        head: list[Block] = [blockers(run), Headline(explored.off, "warn")]
        return {"headline": head, "live": [], **dict.fromkeys(names, off)}
    return {
        "headline": _headline(run, explored),
        "live": [Live(lambda: _panel(run), "Levers are pulled in the meeting view of this page.")],
        "comparison": _comparison(run, explored),
        "costs": _costs(run, explored),
        "frontier": frontier(run, explored),
        "gantt": gantt(run, explored),
        "sure": sure(run, explored),
        "stock": [*stock(run, explored), *load(explored)],
        "moves": moves(run, explored),
        "capacity": _capacity(explored),
        "pressure": _pressure(run, explored),
        "levers": _levers(run, explored),
    }


def _panel(run: Run) -> Any:
    from soe_lib.views.live.what_if_panel import WhatIfPanel

    return WhatIfPanel(run).widget


def _headline(run: Run, explored: Explored) -> list[Block]:
    best, first = chosen(explored), explored.comparison.iloc[0]
    currency = currency_of(run)
    saved = -float(best["delta_total_cost"])
    tone: Tone = "good" if saved > 0 else "warn"
    spent = float(best["overtime_cost"] + best["expedite_cost"])
    frozen = int(best["num_moves_frozen"])
    failed, asked = int(best["num_pressure_failed"]), int(best["num_pressure_open"])
    tiles = Tiles(
        (
            Tile(
                "Saved",
                money(saved, currency),
                f"{money(best['total_cost'], currency)} instead of "
                f"{money(first['total_cost'], currency)}; {money(spent, currency)} of it for "
                "overtime and expedites",
                tone,
            ),
            Tile(
                "Late order lines",
                f"{best['num_late_lines']:,}",
                f"{first['num_late_lines']:,} if nothing is done, of {best['num_lines']:,}",
                "good" if best["num_late_lines"] < first["num_late_lines"] else "warn",
            ),
            Tile(
                "Lateness that stays",
                money(float(best["late_cost"] + best["lost_margin"]), currency),
                f"{best['tardiness_days']:,.0f} days over all lines",
                "neutral",
            ),
            Tile(
                "Operations that move",
                f"{best['num_moves']:,}",
                f"{frozen} of them in the frozen zone" if frozen else "none in the frozen zone",
                "warn" if frozen else "neutral",
            ),
            Tile(
                "The floor says",
                f"{failed} fail" if failed else f"{asked} open" if asked else "pass",
                f"{failed} of 6 subjects fail, {asked} have open questions",
                "bad" if failed else "warn" if asked else "good",
            ),
        )
    )
    return [blockers(run), Headline(explored.headline, tone), tiles]


def _comparison(run: Run, explored: Explored) -> list[Block]:
    rows = explored.comparison
    shown = first_screen(rows)
    rest = rows[~rows["scenario"].isin(shown["scenario"])]
    found: list[Block] = [comparison_grid(shown, run, "Against doing nothing"), why(shown)]
    other = rest[rest["same_as"] == ""]
    if len(other):
        found.append(comparison_grid(other, run, "Dominated or dearer"))
    if len(rest):
        found.append(why(rest))
    rejected = explored.tables["scenario_violations"]
    if len(rejected):
        title = "Rules that rejected scenarios break"
        found.append(Grid(rejected, title=title, table="scenario_violations"))
    return found


def _costs(run: Run, explored: Explored) -> list[Block]:
    costs = explored.tables["scenario_costs"]
    return [
        Picture(
            plot_scenario_costs(drawn_costs(costs), currency=currency_of(run)),
            table="scenario_costs",
        ),
        Note(
            "Every term is recomputed from the result tables: lateness by each customer's own "
            "clause, overtime by the hour that is worked, changeovers by the matrix, holding of "
            "lots that wait for their order, unrest by the fence zone that a move touches."
        ),
        Sentences(
            "Prices of the data that are used instead of a parameter",
            tuple(note + "." for note in explored.prices),
            if_none="none: the parameters hold.",
        ),
    ]


def _capacity(explored: Explored) -> list[Block]:
    rows = explored.tables["scenario_capacity"]
    first, best = explored.comparison.iloc[0]["scenario"], chosen(explored)["scenario"]
    soon = sorted(rows["week_start_date"].unique())[:CAPACITY_WEEKS]
    rows = rows[rows["week_start_date"].isin(soon)]
    summed = rows.groupby(["scenario", "resource_id"], as_index=False)[
        ["load_hours", "available_hours", "overtime_hours"]
    ].sum()
    before = summed[summed["scenario"] == first].set_index("resource_id")
    after = summed[summed["scenario"] == best].set_index("resource_id")
    ends = explored.tables["scenario_operations"].groupby(["scenario", "resource_id"])["end_at"]
    last = ends.max().unstack("scenario")
    days = (last[best] - last[first]).dt.total_seconds() / 86_400
    shown = pd.DataFrame(
        {
            "work without [h]": before["load_hours"],
            "work now [h]": after["load_hours"],
            "overtime now [h]": after["overtime_hours"],
            "load without [%]": 100 * before["load_hours"] / before["available_hours"],
            "load now [%]": 100 * after["load_hours"] / after["available_hours"],
            "last job ends earlier by [days]": -days.reindex(after.index),
        }
    )
    shown = shown.sort_values("load without [%]", ascending=False).rename_axis("line")
    names = tuple(shown.columns)
    return [
        Grid(
            shown.apply(decimals).reset_index(),
            title=f"Capacity of the next {CAPACITY_WEEKS} weeks, the tightest line first",
            table="scenario_capacity",
            right=names,
        )
    ]


_STATUS_WORDS = {"pass": "pass", "fail": "FAIL", "unknown": "open"}


def _pressure(run: Run, explored: Explored) -> list[Block]:
    tests = explored.tables["pressure"]
    titles = explored.comparison.set_index("scenario")["title"]
    wide = tests.assign(status=tests["status"].map(_STATUS_WORDS)).pivot_table(
        index="scenario", columns="subject", values="status", aggfunc="first", sort=False
    )
    wide = wide.rename(index=titles.to_dict()).rename_axis("scenario").reset_index()
    wide.columns = [str(name) for name in wide.columns]
    rows = explored.of("pressure_rows")
    fails, asks = rows[rows["status"] == "fail"], rows[rows["status"] == "unknown"]
    own = explored.of("pressure")
    best = chosen(explored)
    found: list[Block] = [
        Facts(
            f"'{best['title']}'",
            tuple(
                (subject, f"{_STATUS_WORDS[status]}: {sentence.partition(': ')[2] or sentence}")
                for subject, status, sentence in zip(
                    own["subject"], own["status"], own["sentence"], strict=True
                )
            ),
        )
    ]
    if len(fails):
        words = fails["subject"] + " " + fails["object_id"] + ": " + fails["detail"]
        found.append(Sentences("Fails", tuple(words.head(8)), tone="bad"))
    asked = with_local_times(asks[["subject", "question", "at"]], run, "at")
    found.append(
        Grid(
            asked,
            title=f"Questions to answer before anybody signs ({len(asks):,})",
            table="pressure_rows",
            if_none="none.",
        )
    )
    found.append(Grid(wide, title="All scenarios", table="pressure", rows=len(wide)))
    return found


def _levers(run: Run, explored: Explored) -> list[Block]:
    rows = explored.comparison
    levers = explored.tables["levers"]
    titles = rows.set_index("scenario")["title"]
    shown = levers.assign(scenario=levers["scenario"].map(titles))
    order = levers["scenario"].ne(explored.recommended)
    shown = with_local_times(shown, run, "act_by_at").assign(_order=order)
    shown = shown.sort_values("_order", kind="stable").drop(columns="_order")
    shown = shown.rename(
        columns={
            "object_id": "object",
            "item_id": "item",
            "old_value": "before",
            "new_value": "after",
            "act_by_at": "pull it until",
        }
    )
    return [
        Facts(
            "What each scenario may do",
            tuple(zip(rows["title"], rows["description"], strict=True)),
        ),
        Grid(
            shown.drop(columns="object_type"),
            title="Levers that stayed pulled; those that did not pay were let go",
            table="levers",
            if_none="none: no lever beyond the sequence pays.",
        ),
    ]
