"""Page of step 3: scenarios side by side, what moves, and whether the floor would survive it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.charts import plot_gantt, plot_scenario_costs
from soe_lib.charts.theme import AMBER, BLUE, PURPLE, TEAL
from soe_lib.run import Run
from soe_lib.scenario.difference import DECIDED_CHANGES
from soe_lib.scenario.floor import working_pieces
from soe_lib.scenario.published import published_schedule
from soe_lib.steps.what_if import Explored
from soe_lib.views.blocks import (
    Block,
    Columns,
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
from soe_lib.views.scenarios import comparison_grid, first_screen, why, with_local_times

GANTT_DAYS = 10
"""Days that the picture shows; the whole schedule is in its table."""
CAPACITY_WEEKS = 2
"""Weeks from the snapshot on whose load is summed."""
MOST_BARS = 500
STAYS = "as without intervention"
CHANGE_WORDS = {
    "added": "new part of a lot",
    "removed": "taken out",
    "rerouted": "on another line",
    "resized": "lot was cut",
    "resequenced": "other place in the sequence",
    "advanced": "earlier than published",
    "shifted": "shifted by other moves",
}
COLOURS = {
    CHANGE_WORDS["resequenced"]: BLUE,
    CHANGE_WORDS["rerouted"]: AMBER,
    CHANGE_WORDS["advanced"]: TEAL,
    "lot was cut": PURPLE,
    STAYS: "#d5dce2",
}


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
        Blocks under ``headline``, ``comparison``, ``costs``, ``gantt``, ``moves``, ``capacity``,
        ``pressure``, ``levers``.

    Examples
    --------
    >>> page = what_if_page(run, explore_scenarios(run))  # doctest: +SKIP
    >>> show(page["comparison"])  # doctest: +SKIP
    """
    if explored.comparison.empty:
        off: list[Block] = [Note("No scenario was computed.")]
        names = ("comparison", "costs", "gantt", "moves", "capacity", "pressure", "levers")
        head: list[Block] = [blockers(run), Headline(explored.off, "warn")]
        return {"headline": head, "live": [], **dict.fromkeys(names, off)}
    return {
        "headline": _headline(run, explored),
        "live": [Live(lambda: _panel(run), "Levers are pulled in the meeting view of this page.")],
        "comparison": _comparison(run, explored),
        "costs": _costs(explored),
        "gantt": _gantt(run, explored),
        "moves": _moves(run, explored),
        "capacity": _capacity(explored),
        "pressure": _pressure(run, explored),
        "levers": _levers(run, explored),
    }


def _panel(run: Run) -> Any:
    from soe_lib.views.live.what_if_panel import WhatIfPanel

    return WhatIfPanel(run).widget


def _row(explored: Explored) -> pd.Series:
    rows = explored.comparison
    chosen = rows[rows["is_recommended"]]
    return chosen.iloc[0] if len(chosen) else rows.iloc[0]


def _headline(run: Run, explored: Explored) -> list[Block]:
    best, first = _row(explored), explored.comparison.iloc[0]
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
    frontier = explored.tables["scenario_frontier"]
    if len(frontier):
        shown_repairs = pd.DataFrame(
            {
                "bring forward": frontier["order_id"] + " / " + frontier["line_id"],
                "moves so far": frontier["num_moves"],
                "late lines left": frontier["num_late_lines"],
                "lateness left": frontier["late_cost"].round(),
                "saved so far": frontier["saved_cost"].round(),
            }
        )
        found.append(
            Grid(
                shown_repairs,
                title="The fewest moves: each row adds one repair to those above it",
                table="scenario_frontier",
            )
        )
    return found


def _costs(explored: Explored) -> list[Block]:
    costs = explored.tables["scenario_costs"]
    used = costs.groupby("term")["cost"].transform(lambda cost: cost.abs().max()) >= 0.5
    drawn = costs[used].assign(scenario=costs["title"], term=costs["term_words"])
    return [
        Picture(plot_scenario_costs(drawn), table="scenario_costs"),
        Note(
            "Every term is recomputed from the result tables: lateness by each customer's own "
            "clause, overtime by the hour that is worked, changeovers by the matrix, holding of "
            "lots that wait for their order, unrest by the fence zone that a move touches."
        ),
    ]


def _gantt(run: Run, explored: Explored) -> list[Block]:
    operations = explored.of("scenario_operations")
    key = ["wo_id", "op_no", "split_no"]
    until = run.as_of + pd.Timedelta(days=GANTT_DAYS)
    shown = operations[operations["start_at"] < until].sort_values("start_at").head(MOST_BARS)
    moves = explored.of("scenario_moves")
    decided = moves[moves["change"].isin(DECIDED_CHANGES)]
    words = decided["change"].map(CHANGE_WORDS).replace({"new part of a lot": "lot was cut"})
    joined = shown.merge(decided[key].assign(change=words), on=key, how="left")
    joined["change"] = joined["change"].fillna(STAYS)
    joined["label"] = (
        joined["wo_id"]
        + " op "
        + joined["op_no"].astype("str")
        + ", "
        + joined["planned_qty"].map("{:,.0f} of ".format).astype("str")
        + joined["item_id"]
        + ": "
        + joined["change"]
    )
    published = published_schedule(run.tables, run.as_of)
    published = published.astype({"op_no": "int64", "split_no": "int64"})
    ghosts = joined.loc[joined["change"] != STAYS, [*key, "label"]].merge(published, on=key)
    overtime = explored.of("scenario_overtime")
    joined = working_pieces(joined, run.tables, overtime)
    ghosts = working_pieces(ghosts, run.tables, overtime)
    row = _row(explored)
    zone = str(run.words("snapshot").get("site_time_zone", "UTC"))
    figure = plot_gantt(
        joined,
        ghosts,
        title=f"{row['title']}, the next {GANTT_DAYS} days; pale bars: what moves, as published",
        colour_by="change",
        colours=COLOURS,
        now=run.as_of,
        time_zone=zone,
    )
    return [Picture(figure, table="scenario_operations")]


def _moves(run: Run, explored: Explored) -> list[Block]:
    moves = explored.of("scenario_moves")
    decided = moves[moves["change"].isin(DECIDED_CHANGES)]
    decided = decided.sort_values(["change_cost", "first_start_at"], ascending=[False, True])
    operations = pd.DataFrame(
        {
            "operation": decided["wo_id"] + " op " + decided["op_no"].astype("str"),
            "item": decided["item_id"],
            "what": decided["change"].map(CHANGE_WORDS),
            "line": decided["resource_before"].fillna("–")
            + (" → " + decided["resource_after"]).where(
                decided["resource_before"] != decided["resource_after"], ""
            ),
            "without": decided["start_before_at"],
            "now": decided["start_after_at"],
            "zone": decided["zone"],
            "unrest": decided["change_cost"],
        }
    )
    lines = explored.of("scenario_promise_moves")
    orders = explored.of("scenario_orders").set_index(["order_id", "line_id"])
    keys = pd.MultiIndex.from_frame(lines[["order_id", "line_id"]])
    promises = pd.DataFrame(
        {
            "order line": lines["order_id"] + "/" + lines["line_id"],
            "customer": orders["customer_id"].reindex(keys).to_numpy(),
            "what": lines["change"],
            "without": lines["promised_date_before"].dt.strftime("%d %b"),
            "now": lines["promised_date_after"].dt.strftime("%d %b"),
            "days": lines["moved_days"],
            "days late now": lines["lateness_days_after"].clip(lower=0),
        }
    )
    worse = lines["change"].isin(["later", "lost"]) & (lines["lateness_days_after"] > 0)
    better = lines["change"].isin(["earlier", "gained"]) & (lines["lateness_days_before"] > 0)
    return [
        Grid(
            with_local_times(operations, run, "without", "now"),
            title=f"Operations that move ({len(decided):,})",
            table="scenario_moves",
            if_none="the recommended scenario moves nothing.",
        ),
        Columns(
            (
                (
                    Grid(
                        promises[better].sort_values("days"),
                        title=f"Late lines that come earlier ({int(better.sum()):,})",
                        rows=8,
                        if_none="none.",
                    ),
                ),
                (
                    Grid(
                        promises[worse],
                        title=f"Lines that become late or later ({int(worse.sum()):,})",
                        rows=8,
                        if_none="none: nobody pays for it.",
                    ),
                ),
            )
        ),
    ]


def _capacity(explored: Explored) -> list[Block]:
    rows = explored.tables["scenario_capacity"]
    first, best = explored.comparison.iloc[0]["scenario"], _row(explored)["scenario"]
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
    ).round(1)
    shown = shown.sort_values("load without [%]", ascending=False).rename_axis("resource")
    return [
        Grid(
            shown.reset_index(),
            title=f"Capacity of the next {CAPACITY_WEEKS} weeks, the tightest line first",
            table="scenario_capacity",
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
    best = _row(explored)
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
