"""Gantt of a schedule, with ghost bars of the schedule it replaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import BASELINE, MUTED, RED, SEQUENCE, frame, nothing_to_draw


def plot_gantt(
    operations: pd.DataFrame,
    ghosts: pd.DataFrame | None = None,
    *,
    title: str = "Schedule",
    colour_by: str = "family_id",
    colours: Mapping[str, str] | None = None,
    now: pd.Timestamp | None = None,
    time_zone: str = "UTC",
) -> go.Figure:
    """
    Draw operations on their resources; work that runs side by side stands in lanes of its own.

    Parameters
    ----------
    operations
        One row per operation: ``resource_id``, ``start_at``, ``end_at``, ``setup_start_at``
        (instants UTC), ``label``, and the column named by ``colour_by``.
    ghosts
        Same columns (``colour_by`` excepted): where the operations stood before; pale bars below.
    colours
        Colour of each value of ``colour_by``, in the order of the legend; none = by the theme.
    now
        Instant of the vertical line.
    time_zone
        Zone of the time axis.
    """
    if operations.empty:
        return nothing_to_draw(title, "No operation is scheduled in the horizon.")
    figure = go.Figure()
    rows = _in_lanes(operations)
    if ghosts is not None and not ghosts.empty:
        before = _in_lanes(ghosts)
        before = before[before["lane"].isin(rows["lane"])]
        _bars(figure, before, "before", BASELINE, time_zone, offset=0.24, width=0.18)
    groups = list(colours) if colours else sorted(rows[colour_by].dropna().unique())
    for number, group in enumerate(groups):
        own = rows[rows[colour_by] == group]
        colour = colours[group] if colours else SEQUENCE[number % len(SEQUENCE)]
        if len(own):
            _bars(figure, own, str(group), colour, time_zone, offset=-0.36, width=0.58)
    setups = rows[rows["setup_start_at"] < rows["start_at"]]
    if not setups.empty:
        changeovers = setups.assign(end_at=setups["start_at"], start_at=setups["setup_start_at"])
        _bars(figure, changeovers, "changeover", MUTED, time_zone, offset=-0.36, width=0.58)
    if now is not None:
        line = {"color": RED, "width": 1, "dash": "dot"}
        at = pd.Timestamp(now).tz_convert(time_zone).strftime("%Y-%m-%d %H:%M:%S")
        figure.add_vline(x=at, line=line)
    lanes = sorted(rows["lane"].unique(), reverse=True)
    figure.update_xaxes(type="date", title={"text": f"{time_zone} time"})
    figure.update_yaxes(categoryorder="array", categoryarray=lanes, showgrid=False, type="category")
    frame(figure, title=title, height=150 + 34 * max(4, len(lanes)))
    return figure.update_layout(barmode="overlay")


def _in_lanes(operations: pd.DataFrame) -> pd.DataFrame:
    """Add ``lane``: the resource, with a number where several of its operations run at once."""
    rows = operations[operations["end_at"].notna()].sort_values(
        ["resource_id", "setup_start_at" if "setup_start_at" in operations else "start_at"],
        kind="stable",
    )
    begins = rows["setup_start_at"] if "setup_start_at" in rows else rows["start_at"]
    numbers = np.zeros(len(rows), dtype=int)
    free: dict[str, list[pd.Timestamp]] = {}
    for place, (resource, begin, end) in enumerate(
        zip(rows["resource_id"], begins, rows["end_at"], strict=True)
    ):
        ends = free.setdefault(resource, [])
        lane = next((n for n, at in enumerate(ends) if at <= begin), len(ends))
        if lane == len(ends):
            ends.append(end)
        else:
            ends[lane] = end
        numbers[place] = lane
    many = {resource for resource, ends in free.items() if len(ends) > 1}
    names = [
        f"{resource} · {number + 1}" if resource in many else str(resource)
        for resource, number in zip(rows["resource_id"], numbers, strict=True)
    ]
    return rows.assign(lane=names)


def _bars(
    figure: go.Figure,
    rows: pd.DataFrame,
    name: str,
    colour: str,
    time_zone: str,
    *,
    offset: float,
    width: float,
) -> None:
    start, end = (rows[column].dt.tz_convert(time_zone) for column in ("start_at", "end_at"))
    milliseconds = (rows["end_at"] - rows["start_at"]).dt.total_seconds() * 1000
    figure.add_bar(
        y=rows["lane"],
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
                "end": end.dt.strftime("%a %d %b %H:%M"),
            }
        ).to_numpy(),
        hovertemplate="%{y}: %{customdata[0]}<br>%{customdata[1]} to %{customdata[2]}"
        "<extra>%{fullData.name}</extra>",
    )
