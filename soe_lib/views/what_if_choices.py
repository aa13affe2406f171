"""Blocks of step 3 about choosing: frontier of repairs, how sure promises are, stock and load."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts import plot_load_heat_map, plot_repair_frontier, plot_stock_by_scenario
from soe_lib.run import Run
from soe_lib.scenario.repair import with_knee
from soe_lib.steps.what_if import Explored
from soe_lib.views.blocks import Block, Grid, Note, Picture
from soe_lib.views.page import currency_of
from soe_lib.views.scenarios import decimals
from soe_lib.views.what_moves import chosen


def frontier(run: Run, explored: Explored) -> list[Block]:
    """Return the frontier of repairs with its knee, as a picture, a sentence and a table."""
    rows = explored.tables["scenario_frontier"]
    if rows.empty:
        return [Note("No repair of a single order line pays, so there is no frontier of moves.")]
    first, best = explored.comparison.iloc[0], chosen(explored)
    own = rows[rows["scenario"] == rows["scenario"].iloc[0]]
    points = with_knee(own, first)
    shown = pd.DataFrame(
        {
            "bring forward": points["label"],
            "moves so far": points["num_moves"],
            "late lines left": points["num_late_lines"],
            "lateness left": points["late_cost"].round(),
            "total cost": points["total_cost"].round(),
            "": points["is_knee"].map({True: "knee", False: ""}),
        }
    )
    return [
        Picture(
            plot_repair_frontier(
                points,
                title="Fewest moves: what each further repair buys",
                unit=currency_of(run),
            ),
            table="scenario_frontier",
        ),
        Note(frontier_sentence(points, best)),
        Grid(
            shown,
            title="Each row adds one repair to those above it",
            table="scenario_frontier",
            rows=len(shown),
        ),
    ]


def frontier_sentence(points: pd.DataFrame, best: pd.Series) -> str:
    """Return the frontier in a sentence: moves and late lines up to the knee, and beyond."""
    steps = "; ".join(
        f"{row.num_moves:,} move{'s' if row.num_moves != 1 else ''}: {row.num_late_lines:,} late"
        for row in _few(points).itertuples()
    )
    full = f"'{best['title']}' with {best['num_moves']:,} moves: {best['num_late_lines']:,} late"
    knee = points[points["is_knee"]]
    end = (
        f" The knee is at {knee['num_moves'].iloc[0]:,} moves: beyond it a move buys less."
        if len(knee)
        else " There is no knee: every repair buys about as much as the one before it."
    )
    return f"{steps}; {full}.{end}"


def _few(points: pd.DataFrame) -> pd.DataFrame:
    """First, knee and last point, and one in between, so that the sentence stays short."""
    places = {0, len(points) - 1, len(points) // 2, *points.index[points["is_knee"]].tolist()}
    return points.iloc[sorted(places)]


def stock(run: Run, explored: Explored) -> list[Block]:
    """Return the projected stock of the tightest items without and with the recommendation."""
    rows = explored.tables["scenario_stock"]
    titles = explored.comparison.set_index("scenario")["title"]
    wanted = [str(explored.comparison.iloc[0]["scenario"]), str(chosen(explored)["scenario"])]
    return [
        Picture(
            stock_figure(run, rows, list(dict.fromkeys(wanted)), titles),
            table="scenario_stock",
        )
    ]


def stock_figure(
    run: Run, rows: pd.DataFrame, names: Sequence[str], titles: pd.Series
) -> go.Figure:
    """Return the picture of projected stock for scenarios, the first one dotted."""
    parts = [rows[rows["scenario"] == name].assign(scenario=titles[name]) for name in names]
    return plot_stock_by_scenario(
        pd.concat(parts, ignore_index=True) if parts else rows.head(0),
        title="Projected stock of the items that late orders wait for, then the tightest",
        time_zone=str(run.words("snapshot").get("site_time_zone", "UTC")),
    )


def load(explored: Explored) -> list[Block]:
    """Return the load of each line and week, without and with the recommendation."""
    rows = explored.tables["scenario_capacity"]
    first, best = explored.comparison.iloc[0], chosen(explored)
    shown = [first] if first["scenario"] == best["scenario"] else [first, best]
    return [
        Picture(
            plot_load_heat_map(
                rows[rows["scenario"] == row["scenario"]],
                title=f"{row['title']}: load by line and week [%]",
            ),
            table="scenario_capacity",
        )
        for row in shown
    ]


def sure(run: Run, explored: Explored) -> list[Block]:
    """Return how sure each promise is without and with the recommendation, worst change first."""
    rows = explored.tables["scenario_odds"]
    if rows.empty:
        return [Note("How sure promises are is not known: the feed has no history of what varies.")]
    key = ["order_id", "line_id"]
    first, best = explored.comparison.iloc[0], chosen(explored)
    before = rows[rows["scenario"] == first["scenario"]].set_index(key)
    after = rows[rows["scenario"] == best["scenario"]].set_index(key)
    orders = explored.of("scenario_orders").set_index(key)
    promises = explored.of("scenario_promises").set_index(key)
    change = after["p_on_time"] - before["p_on_time"].reindex(after.index)
    shown = pd.DataFrame(
        {
            "order line": [f"{order}/{line}" for order, line in after.index],
            "customer": orders["customer_id"].reindex(after.index).to_numpy(),
            "promised": promises["promised_date"].reindex(after.index).dt.strftime("%d %b"),
            "kept without": (100 * before["p_on_time"].reindex(after.index)).round(),
            "kept now": (100 * after["p_on_time"]).round(),
            "change": (100 * change).map(_points),
            "days late, mean": decimals(after["expected_late_days"]),
        }
    )
    moved = change.abs() >= LEAST_CHANGE
    ordered = shown[moved].assign(_change=change[moved]).sort_values("_change", kind="stable")
    ordered = ordered.drop(columns="_change").reset_index(drop=True)
    return [
        Note(sure_sentence(run, first, best)),
        Grid(
            ordered,
            title=f"Promises whose chance changes by {100 * LEAST_CHANGE:.0f} points or more "
            f"({int(moved.sum()):,}), the worst change first [%]",
            table="scenario_odds",
            rows=10,
            right=("change", "days late, mean"),
            if_none="none.",
        ),
    ]


LEAST_CHANGE = 0.05
"""Smaller changes of a chance are not listed; all of them are in the table."""


def _points(change: float) -> str:
    text = f"{change:+.0f}".replace("-", "−")
    return "–" if text in ("+0", "−0") else text


def sure_sentence(run: Run, first: pd.Series, best: pd.Series) -> str:
    """Return the share of promises kept under the same luck, in a sentence."""
    count = run.params.scenario.replications

    def share(row: pd.Series) -> str:
        return (
            f"{row['kept_pct']:.1f} % ({row['kept_low_pct']:.1f} to {row['kept_high_pct']:.1f} %)"
        )

    text = f"Under {count:,} draws of what usually varies, the same for every scenario, "
    if first["scenario"] == best["scenario"]:
        return f"{text}doing nothing keeps {share(first)} of the promises."
    return (
        f"{text}'{best['title']}' keeps {share(best)} of the promises, doing nothing "
        f"{share(first)}; its lateness costs less in {best['better_pct']:.0f} % of the draws."
    )


def drawn_costs(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the money terms that are not nil everywhere, scenarios and terms in words."""
    used = costs.groupby("term")["cost"].transform(lambda cost: cost.abs().max()) >= 0.5
    return costs[used].assign(scenario=costs["title"], term=costs["term_words"])
