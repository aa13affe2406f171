"""Pictures of choices: the frontier of repairs, and stock under several scenarios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from soe_lib.charts.theme import (
    AMBER,
    BASELINE,
    BLUE,
    GREEN,
    MUTED,
    frame,
    nothing_to_draw,
)

_COLUMNS = 3


def plot_repair_frontier(
    points: pd.DataFrame, *, title: str = "How much each move buys", unit: str = ""
) -> go.Figure:
    """
    Draw moves against lateness and cost, one place per repair, the knee marked.

    Parameters
    ----------
    points
        In the order of their moves: ``label``, ``num_moves``, ``num_late_lines``, ``late_cost``,
        ``total_cost`` [money], ``is_knee``.
    unit
        Currency.
    """
    if len(points) < 2:
        return nothing_to_draw(title, "No repair of single order lines pays.")
    figure = go.Figure()
    place = list(range(len(points)))
    moves = points["num_moves"].tolist()
    ticks = [
        f"{count} move{'s' if count != 1 else ''}<br><b>{late} late</b>"
        for count, late in zip(moves, points["num_late_lines"], strict=True)
    ]
    data = points[["label", "num_moves", "num_late_lines"]].to_numpy()
    lowest = 0.0
    for name, column, colour in (
        ("total cost", "total_cost", BLUE),
        ("lateness", "late_cost", AMBER),
    ):
        change = points[column] - points[column].iloc[0]
        lowest = min(lowest, float(change.min()))
        figure.add_scatter(
            x=place,
            y=change,
            mode="lines+markers",
            name=f"{name} against doing nothing",
            line={"color": colour, "width": 3},
            marker={"size": 9},
            customdata=data,
            hovertemplate="%{customdata[0]}: %{customdata[1]} moves, %{customdata[2]} late lines"
            "<br>" + name + " %{y:+,.0f}<extra></extra>",
        )
    for number in np.flatnonzero(points["is_knee"].to_numpy(bool)).tolist():
        figure.add_vline(x=number, line={"color": GREEN, "width": 2, "dash": "dash"})
        figure.add_annotation(
            x=number,
            y=-0.04 * lowest,
            text="knee: beyond it a move buys less",
            showarrow=False,
            font={"size": 13, "color": GREEN},
            xanchor="left",
            xshift=6,
        )
    figure.update_xaxes(tickvals=place, ticktext=ticks, zeroline=False)
    figure.update_yaxes(
        title={"text": unit}, range=[1.12 * lowest, -0.12 * lowest], tickformat="+,.0f"
    )
    return frame(figure, title=title, height=360)


def plot_stock_by_scenario(
    stock: pd.DataFrame,
    *,
    title: str = "Projected stock",
    time_zone: str = "UTC",
) -> go.Figure:
    """
    Draw the projected balance of each item, one line per scenario; below zero is a shortage.

    Parameters
    ----------
    stock
        One row per (``scenario`` title, ``item_id``, ``at`` instant): ``projected_qty`` [uom]; the
        first scenario is dotted.
    time_zone
        Zone of the time axis.
    """
    if stock.empty:
        return nothing_to_draw(title, "No item is used or sold in the horizon.")
    items = list(dict.fromkeys(stock["item_id"]))
    scenarios = list(dict.fromkeys(stock["scenario"]))
    rows = -(-len(items) // _COLUMNS)
    figure = make_subplots(
        rows=rows,
        cols=_COLUMNS,
        subplot_titles=items,
        vertical_spacing=0.3 / rows,
        horizontal_spacing=0.05,
    )
    styles = (
        {"color": MUTED, "width": 2, "dash": "dot"},
        {"color": BLUE, "width": 2},
        {"color": AMBER, "width": 2},
    )
    end = stock["at"].max()
    for number, item in enumerate(items):
        where = {"row": number // _COLUMNS + 1, "col": number % _COLUMNS + 1}
        for count, scenario in enumerate(scenarios):
            own = stock[(stock["item_id"] == item) & (stock["scenario"] == scenario)]
            own = own.sort_values("at", kind="stable")
            if own.empty:
                continue
            at = [*own["at"].dt.tz_convert(time_zone), end.tz_convert(time_zone)]
            figure.add_scatter(
                x=[moment.strftime("%Y-%m-%d %H:%M") for moment in at],
                y=[*own["projected_qty"], own["projected_qty"].iloc[-1]],
                mode="lines",
                line={"shape": "hv", **styles[count % len(styles)]},
                name=scenario,
                legendgroup=scenario,
                showlegend=number == 0,
                hovertemplate="%{x}: %{y:,.0f}<extra>" + item + ", " + scenario + "</extra>",
                **where,
            )
        figure.add_hline(y=0, line={"color": BASELINE, "width": 1}, **where)
    frame(figure, title=title, height=110 + 170 * rows)
    figure.update_xaxes(type="date", nticks=5, tickformat="%d %b")
    figure.update_annotations(font={"size": 12})
    return figure.update_layout(
        margin={"t": 96}, legend={"y": 1.0 + 0.16 / rows, "yanchor": "bottom"}
    )
