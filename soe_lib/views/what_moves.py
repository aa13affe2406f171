"""What the recommended scenario moves: the Gantt with ghosts, operations, promises."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts import plot_gantt
from soe_lib.charts.theme import AMBER, BLUE, PURPLE, RED, TEAL, nothing_to_draw
from soe_lib.run import Run
from soe_lib.scenario.difference import DECIDED_CHANGES
from soe_lib.scenario.floor import working_pieces
from soe_lib.scenario.published import published_schedule
from soe_lib.steps.what_if import Explored
from soe_lib.views.blocks import Block, Columns, Grid, Picture
from soe_lib.views.scenarios import decimals, with_local_times

GANTT_DAYS = 10
"""Days that the picture shows; the whole schedule is in its table."""
MOST_BARS = 500
STAYS = "as without intervention"
PUT_IN = "work of an order put in"
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
    PUT_IN: RED,
    STAYS: "#d5dce2",
}


def chosen(explored: Explored) -> pd.Series:
    """Return the row of the recommended scenario; of doing nothing where none is."""
    rows = explored.comparison
    best = rows[rows["is_recommended"]]
    return best.iloc[0] if len(best) else rows.iloc[0]


def gantt(run: Run, explored: Explored) -> list[Block]:
    """Return the picture of the recommended schedule, as published below what moves."""
    row = chosen(explored)
    figure = schedule_figure(run, explored.tables, str(row["scenario"]), str(row["title"]))
    return [Picture(figure, table="scenario_operations")]


def schedule_figure(
    run: Run,
    tables: Mapping[str, pd.DataFrame],
    scenario: str,
    title: str,
    *,
    only_moved: bool = False,
) -> go.Figure:
    """
    Draw the schedule of a scenario, coloured by what was decided, as published below what moves.

    Parameters
    ----------
    run
        Run whose instant, zone and published schedule are used.
    tables
        ``scenario_operations``, ``scenario_moves`` and ``scenario_overtime``.
    scenario, title
        Scenario to draw, and its title.
    only_moved
        Only operations that a decision moves.
    """
    operations, moves, overtime = (
        tables[name][tables[name]["scenario"] == scenario]
        for name in ("scenario_operations", "scenario_moves", "scenario_overtime")
    )
    key = ["wo_id", "op_no", "split_no"]
    until = run.as_of + pd.Timedelta(days=GANTT_DAYS)
    decided = moves[moves["change"].isin(DECIDED_CHANGES)]
    words = decided["change"].map(CHANGE_WORDS).replace({"new part of a lot": "lot was cut"})
    known = published_schedule(run.tables, run.as_of)
    is_new = ~decided["wo_id"].isin(known["wo_id"])
    words = words.where(~is_new, PUT_IN)
    shown = operations[operations["start_at"] < until].sort_values("start_at")
    joined = shown.merge(decided[key].assign(change=words), on=key, how="left")
    joined["change"] = joined["change"].fillna(STAYS)
    if only_moved:
        joined = joined[joined["change"] != STAYS]
    if joined.empty:
        return nothing_to_draw(title, "No operation moves within the days that are shown.")
    joined = joined.head(MOST_BARS)
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
    published = known.astype({"op_no": "int64", "split_no": "int64"})
    ghosts = joined.loc[joined["change"] != STAYS, [*key, "label"]].merge(published, on=key)
    joined = working_pieces(joined, run.tables, overtime)
    ghosts = working_pieces(ghosts, run.tables, overtime)
    zone = str(run.words("snapshot").get("site_time_zone", "UTC"))
    figure = plot_gantt(
        joined,
        ghosts,
        title=f"{title}, the next {GANTT_DAYS} days; pale bars: what moves, as published",
        colour_by="change",
        colours=COLOURS,
        now=run.as_of,
        time_zone=zone,
    )
    window = [at.tz_convert(zone).strftime("%Y-%m-%d %H:%M") for at in (run.as_of, until)]
    figure.update_xaxes(range=window)  # ghosts beyond it are reached by zooming out
    return figure


def moves(run: Run, explored: Explored) -> list[Block]:
    """Return the operations that move and the promises that get better or worse."""
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
            "fence": decided["zone"],
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
            "days": decimals(lines["moved_days"], 0),
            "days late now": decimals(lines["lateness_days_after"].clip(lower=0)),
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
                        promises.loc[lines[better].sort_values("moved_days").index],
                        right=("days", "days late now"),
                        title=f"Late lines that come earlier ({int(better.sum()):,})",
                        rows=8,
                        if_none="none.",
                    ),
                ),
                (
                    Grid(
                        promises[worse],
                        right=("days", "days late now"),
                        title=f"Lines that become late or later ({int(worse.sum()):,})",
                        rows=8,
                        if_none="none: nobody pays for it.",
                    ),
                ),
            )
        ),
    ]
