"""Heat maps."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import (
    DEVIATION_SCALE,
    INK,
    LOAD_SCALE,
    MUTED,
    frame,
    nothing_to_draw,
)


def plot_load_heat_map(
    load: pd.DataFrame, *, title: str = "Load by resource and week"
) -> go.Figure:
    """
    Draw load against available hours.

    Parameters
    ----------
    load
        One row per (``resource_id``, ``week_start_date``): ``load_pct`` [% of available hours],
        ``load_hours`` [h], ``available_hours`` [h].
    """
    if load.empty:
        return nothing_to_draw(title, "No resource has planned load in the horizon.")
    shown = load.assign(week=load["week_start_date"].dt.strftime("%d %b"))
    weeks = shown.sort_values("week_start_date")["week"].drop_duplicates().tolist()
    resources = sorted(shown["resource_id"].unique(), reverse=True)

    def grid(column: str) -> pd.DataFrame:
        wide = shown.pivot_table(index="resource_id", columns="week", values=column, aggfunc="sum")
        return wide.reindex(index=resources, columns=weeks)

    percent = grid("load_pct")
    hours = grid("load_hours")
    available = grid("available_hours")
    figure = go.Figure(
        go.Heatmap(
            x=weeks,
            y=resources,
            z=percent.to_numpy(),
            zmin=0,
            zmax=150,
            colorscale=LOAD_SCALE,
            xgap=2,
            ygap=2,
            text=percent.round(0).to_numpy(),
            texttemplate="%{text:.0f}",
            customdata=pd.concat([hours, available], axis=1, keys=["h", "a"])
            .to_numpy()
            .reshape(len(resources), 2, len(weeks))
            .swapaxes(1, 2),
            hovertemplate="%{y}, week of %{x}<br>%{customdata[0]:.1f} h of %{customdata[1]:.1f} h"
            " = %{z:.0f} %<extra></extra>",
            colorbar={"title": {"text": "%"}, "thickness": 10},
            hoverongaps=False,
        )
    )
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(showgrid=False)
    height = 110 + 26 * max(4, len(resources))
    frame(figure, title=title, height=height, legend=False)
    return figure.update_layout(margin={"t": 76})


def plot_deviation_heat_map(
    demand: pd.DataFrame, *, title: str = "Orders against plan by family and week"
) -> go.Figure:
    """
    Draw the deviation of orders from plan; what is outside tolerance carries its figure.

    Parameters
    ----------
    demand
        One row per (``family_id``, ``week_start_date``): ``planned_qty``, ``actual_qty`` [uom],
        ``deviation_pct`` [% of plan], ``is_outside`` and ``is_past`` [bool].
    """
    if demand.empty:
        return nothing_to_draw(title, "No S&OP plan covers the weeks shown.")
    shown = demand.assign(week=demand["week_start_date"].dt.strftime("%d %b"))
    shown["text"] = shown["deviation_pct"].map("{:+.0f}".format).where(shown["is_outside"], "")
    over = shown.groupby("week_start_date")["is_past"].first()
    weeks = shown.sort_values("week_start_date")["week"].drop_duplicates().tolist()
    families = sorted(shown["family_id"].unique(), reverse=True)

    def grid(column: str) -> pd.DataFrame:
        wide = shown.pivot(index="family_id", columns="week", values=column)
        return wide.reindex(index=families, columns=weeks)

    percent = grid("deviation_pct")
    # A week to come still fills up: fewer orders than planned mean nothing there.
    fills_up = ~shown["is_past"] & (shown["deviation_pct"] < 0)
    shown["colour"] = shown["deviation_pct"].mask(fills_up, 0.0)
    figure = go.Figure(
        go.Heatmap(
            x=weeks,
            y=families,
            z=grid("colour").to_numpy(),
            zmin=-60,
            zmax=60,
            colorscale=DEVIATION_SCALE,
            xgap=2,
            ygap=2,
            text=grid("text").fillna("").to_numpy(),
            texttemplate="%{text}",
            customdata=pd.concat(
                [grid("actual_qty"), grid("planned_qty"), percent], axis=1, keys=["a", "p", "d"]
            )
            .to_numpy()
            .reshape(len(families), 3, len(weeks))
            .swapaxes(1, 2),
            hovertemplate="%{y}, week of %{x}<br>%{customdata[0]:,.0f} ordered,"
            " %{customdata[1]:,.0f} planned = %{customdata[2]:+.0f} %<extra></extra>",
            colorbar={"title": {"text": "%"}, "thickness": 10},
            hoverongaps=False,
        )
    )
    past = int(over.sum())
    if 0 < past < len(weeks):
        figure.add_vline(x=past - 0.5, line={"color": INK, "width": 2})
        figure.add_annotation(
            x=past - 0.5,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            yshift=20,
            text="today",
            showarrow=False,
            font={"size": 11, "color": MUTED},
        )
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(showgrid=False)
    frame(figure, title=title, height=130 + 22 * max(4, len(families)), legend=False)
    return figure.update_layout(margin={"t": 88})
