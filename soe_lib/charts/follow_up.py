"""Pictures of step 5's second half: promise against outcome, chances of the month plan."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import AMBER, BASELINE, BLUE, GREEN, RED, frame, nothing_to_draw


def plot_promise_outcome(
    decisions: pd.DataFrame, *, title: str = "On time: what decisions promised, what happened"
) -> go.Figure:
    """
    Draw the promised and the real share on time of each decision, joined by the error.

    Parameters
    ----------
    decisions
        One row per decision: ``cycle_id``, ``expected_on_time_pct``, ``actual_on_time_pct`` [%].
    """
    known = decisions[decisions["actual_on_time_pct"].notna()]
    if known.empty:
        return nothing_to_draw(title, "No decision has an outcome yet.")
    figure = go.Figure()
    xs: list[str | None] = []
    ys: list[float | None] = []
    for cycle, expected, actual in zip(
        known["cycle_id"], known["expected_on_time_pct"], known["actual_on_time_pct"], strict=True
    ):
        xs += [cycle, cycle, None]
        ys += [expected, actual, None]
    figure.add_scatter(
        x=xs,
        y=ys,
        mode="lines",
        line={"color": BASELINE, "width": 4},
        hoverinfo="skip",
        showlegend=False,
    )
    for column, name, colour, symbol in (
        ("expected_on_time_pct", "promised", BLUE, "circle"),
        ("actual_on_time_pct", "happened", RED, "diamond"),
    ):
        figure.add_scatter(
            x=known["cycle_id"],
            y=known[column],
            mode="markers",
            name=name,
            marker={"color": colour, "size": 11, "symbol": symbol},
            hovertemplate="%{x}: %{y:.1f} %<extra>" + name + "</extra>",
        )
    figure.update_xaxes(type="category")
    figure.update_yaxes(title={"text": "% of lines due in the week"})
    return frame(figure, title=title, height=280)


def plot_month_plan(
    families: pd.DataFrame, wanted: float, *, title: str = "How sure each family's month plan is"
) -> go.Figure:
    """
    Draw the chance of each family's plan as it is and, where it differs, after the least change.

    Parameters
    ----------
    families
        One row per family and month: ``label`` [text], ``p_met``, ``p_met_after`` [0 to 1],
        ``change_qty`` [uom].
    wanted
        Chance that is wanted, a line. [0 to 1]
    """
    if families.empty:
        return nothing_to_draw(title, "There is no month plan to judge.")
    shown = families.iloc[::-1]
    colours = [GREEN if p >= wanted else RED for p in shown["p_met"]]
    figure = go.Figure()
    figure.add_bar(
        x=100 * shown["p_met"],
        y=shown["label"],
        orientation="h",
        name="as planned",
        marker={"color": colours},
        texttemplate="%{x:.0f} %",
        textposition=["inside" if p > 0.1 else "outside" for p in shown["p_met"]],
        hovertemplate="%{y}: %{x:.0f} % as planned<extra></extra>",
    )
    changed = shown[(shown["p_met_after"] - shown["p_met"]).abs() > 0.005]
    own = changed["change_qty"] < -0.5
    how = changed["change_qty"].map("{:+,.0f} units".format).where(own, "less of other families")
    figure.add_scatter(
        x=100 * changed["p_met_after"],
        y=changed["label"],
        mode="markers",
        name="after the least change",
        marker={"color": AMBER, "size": 12, "symbol": "diamond"},
        customdata=how,
        hovertemplate="%{y}: %{x:.0f} % after %{customdata}<extra></extra>",
    )
    figure.add_vline(x=100 * wanted, line={"color": BASELINE, "dash": "dash"})
    figure.update_xaxes(range=[0, 104], title={"text": "% sure"})
    figure.update_yaxes(type="category")
    return frame(figure, title=title, height=140 + 30 * len(shown))
