"""Gantt of a schedule, with ghost bars of the schedule it replaces."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import BASELINE, MUTED, RED, SEQUENCE, frame, nothing_to_draw


def plot_gantt(
    operations: pd.DataFrame,
    ghosts: pd.DataFrame | None = None,
    *,
    title: str = "Schedule",
    colour_by: str = "family_id",
    now: pd.Timestamp | None = None,
) -> go.Figure:
    """
    Draw operations on their resources.

    Parameters
    ----------
    operations
        One row per operation: ``resource_id``, ``start_at``, ``end_at``, ``setup_start_at``
        (instants UTC), ``label``, and the column named by ``colour_by``.
    ghosts
        Same columns (``colour_by`` excepted): where the operations stood before; pale bars below.
    now
        Instant of the vertical line.
    """
    if operations.empty:
        return nothing_to_draw(title, "No operation is scheduled in the horizon.")
    figure = go.Figure()
    resources = sorted(operations["resource_id"].unique(), reverse=True)
    if ghosts is not None and not ghosts.empty:
        _bars(figure, ghosts, "published before", BASELINE, offset=0.24, width=0.18)
    groups = sorted(operations[colour_by].dropna().unique())
    for number, group in enumerate(groups):
        rows = operations[operations[colour_by] == group]
        _bars(figure, rows, str(group), SEQUENCE[number % len(SEQUENCE)], offset=-0.36, width=0.58)
    setups = operations[operations["setup_start_at"] < operations["start_at"]]
    if not setups.empty:
        changeovers = setups.assign(end_at=setups["start_at"], start_at=setups["setup_start_at"])
        _bars(figure, changeovers, "changeover", MUTED, offset=-0.36, width=0.58)
    if now is not None:
        figure.add_vline(x=now.timestamp() * 1000, line={"color": RED, "width": 1, "dash": "dot"})
    figure.update_xaxes(type="date")
    figure.update_yaxes(categoryorder="array", categoryarray=resources, showgrid=False)
    frame(figure, title=title, height=140 + 34 * max(4, len(resources)))
    return figure.update_layout(barmode="overlay")


def _bars(
    figure: go.Figure, rows: pd.DataFrame, name: str, colour: str, *, offset: float, width: float
) -> None:
    start = rows["start_at"].dt.tz_convert("UTC")
    milliseconds = (rows["end_at"] - rows["start_at"]).dt.total_seconds() * 1000
    figure.add_bar(
        y=rows["resource_id"],
        base=start.dt.strftime("%Y-%m-%d %H:%M:%S"),
        x=milliseconds,
        orientation="h",
        name=name,
        offset=offset,
        width=width,
        marker={"color": colour, "line": {"color": "white", "width": 0.5}},
        customdata=pd.DataFrame(
            {
                "label": rows["label"],
                "start": start.dt.strftime("%a %d %b %H:%M"),
                "end": rows["end_at"].dt.strftime("%a %d %b %H:%M"),
            }
        ).to_numpy(),
        hovertemplate="%{y}: %{customdata[0]}<br>%{customdata[1]} to %{customdata[2]} UTC"
        "<extra>%{fullData.name}</extra>",
    )
