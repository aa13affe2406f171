"""Dot pictures."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import BASELINE, BLUE, RED, frame, nothing_to_draw


def plot_orders_in_jeopardy(
    orders: pd.DataFrame, *, title: str = "Orders in jeopardy: promise against projection"
) -> go.Figure:
    """
    Draw promise and projection of each order line as two dots with the delay between them.

    Parameters
    ----------
    orders
        One row per order line, worst first: ``label`` [text], ``promised_at``, ``projected_at``
        (instants UTC), ``money_at_risk`` [money].
    """
    if orders.empty:
        return nothing_to_draw(title, "No open order line is projected late.")
    shown = orders.iloc[::-1]
    promised = shown["promised_at"].dt.strftime("%Y-%m-%d %H:%M")
    projected = shown["projected_at"].dt.strftime("%Y-%m-%d %H:%M")
    figure = go.Figure()
    segments_x: list[str | None] = []
    segments_y: list[str | None] = []
    for start, end, label in zip(promised, projected, shown["label"], strict=True):
        segments_x += [start, end, None]
        segments_y += [label, label, None]
    figure.add_scatter(
        x=segments_x,
        y=segments_y,
        mode="lines",
        line={"color": BASELINE, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=promised,
        y=shown["label"],
        mode="markers",
        marker={"color": BLUE, "size": 9},
        name="last promise",
        hovertemplate="%{y}<br>promised %{x}<extra></extra>",
    )
    figure.add_scatter(
        x=projected,
        y=shown["label"],
        mode="markers",
        marker={"color": RED, "size": 9, "symbol": "diamond"},
        name="projected if nothing is done",
        customdata=shown["money_at_risk"],
        hovertemplate="%{y}<br>projected %{x}<br>at risk %{customdata:,.0f}<extra></extra>",
    )
    figure.update_xaxes(type="date")
    figure.update_yaxes(showgrid=False, type="category")
    return frame(figure, title=title, height=130 + 22 * max(4, len(shown)))
