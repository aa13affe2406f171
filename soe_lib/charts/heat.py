"""Heat maps."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import LOAD_SCALE, frame, nothing_to_draw


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
