"""Line pictures."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from soe_lib.charts.theme import (
    AMBER,
    BASELINE,
    BLUE,
    MUTED,
    RED,
    SEQUENCE,
    frame,
    nothing_to_draw,
)

_COLUMNS = 3


def plot_kpi_trend(trend: pd.DataFrame, *, title: str = "Trend by week") -> go.Figure:
    """
    Draw one small line chart per KPI with its control limits.

    Parameters
    ----------
    trend
        One row per (``kpi``, ``period_end`` instant): ``value``, ``unit``, and optionally
        ``lower_limit``, ``upper_limit``, ``target`` (NaN where there is none), ``kpi_id`` where a
        KPI has several series, ``label`` as heading. Points outside the limits are red.
    """
    if trend.empty:
        return nothing_to_draw(title, "No past week has a KPI value yet.")
    series = trend["kpi_id"] if "kpi_id" in trend else trend["kpi"]
    heading = trend["label"] if "label" in trend else trend["kpi"].str.replace("_", " ")
    names = list(dict.fromkeys(series))
    titles = dict(zip(series, heading, strict=True))
    rows = -(-len(names) // _COLUMNS)
    figure = make_subplots(
        rows=rows,
        cols=_COLUMNS,
        subplot_titles=[f"{titles[n]} [{_unit(trend, series, n)}]" for n in names],
        vertical_spacing=0.28 / rows,
        horizontal_spacing=0.07,
    )
    for number, name in enumerate(names):
        place = {"row": number // _COLUMNS + 1, "col": number % _COLUMNS + 1}
        points = trend[series == name].sort_values("period_end")
        unit = str(points["unit"].iloc[0])
        figure.add_scatter(
            x=points["period_end"].dt.strftime("%Y-%m-%d"),
            y=points["value"],
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            marker={"color": [RED if out else BLUE for out in _outside(points)], "size": 6},
            hovertemplate="%{x}: %{y:,.2f} " + unit + "<extra></extra>",
            **place,
        )
        styles = {
            "lower_limit": (MUTED, "dot"),
            "upper_limit": (MUTED, "dot"),
            "target": (AMBER, "dash"),
        }
        for column, (colour, dash) in styles.items():
            if column in points and points[column].notna().any():
                figure.add_scatter(
                    x=points["period_end"].dt.strftime("%Y-%m-%d"),
                    y=points[column],
                    mode="lines",
                    line={"color": colour, "width": 1, "dash": dash},
                    hovertemplate=column.replace("_", " ") + ": %{y:,.2f}<extra></extra>",
                    **place,
                )
    frame(figure, title=title, height=90 + 190 * rows, legend=False)
    figure.update_annotations(font={"size": 12})
    figure.update_xaxes(tickformat="%d %b", nticks=5)
    return figure.update_layout(margin={"t": 84})


def _unit(trend: pd.DataFrame, series: pd.Series, name: str) -> str:
    return str(trend.loc[series == name, "unit"].iloc[0])


def _outside(points: pd.DataFrame) -> list[bool]:
    """Say for each point whether it lies outside its limits; without limits none does."""
    if not {"lower_limit", "upper_limit"} <= set(points.columns):
        return [False] * len(points)
    value = points["value"]
    return ((value > points["upper_limit"]) | (value < points["lower_limit"])).tolist()


def plot_projected_stock(stock: pd.DataFrame, *, title: str = "Projected stock") -> go.Figure:
    """
    Draw the projected balance of the items named, stepwise; below zero is a shortage.

    Parameters
    ----------
    stock
        One row per (``item_id``, ``at`` instant): ``projected_qty`` [uom].
    """
    if stock.empty:
        return nothing_to_draw(title, "No component runs short in the horizon.")
    figure = go.Figure()
    for number, (item, rows) in enumerate(stock.groupby("item_id", sort=True)):
        ordered = rows.sort_values("at", kind="stable")
        figure.add_scatter(
            x=ordered["at"].dt.strftime("%Y-%m-%d %H:%M"),
            y=ordered["projected_qty"],
            mode="lines",
            line={"shape": "hv", "color": SEQUENCE[number % len(SEQUENCE)], "width": 2},
            name=str(item),
            hovertemplate="%{x}: %{y:,.0f}<extra>" + str(item) + "</extra>",
        )
    figure.add_hline(y=0, line={"color": BASELINE, "width": 2})
    return frame(figure, title=title, height=340)
