"""Colours, fonts and the frame that all pictures share (colour-blind safe, prints in grey)."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
BASELINE = "#b8c2cc"
BLUE = "#0b6fa4"
TEAL = "#00877a"
AMBER = "#d98200"
RED = "#c0392b"
PURPLE = "#7d5ba6"
GREEN = "#2f8f46"

SEQUENCE = (BLUE, AMBER, TEAL, PURPLE, RED, GREEN, "#5f6c7b", "#b26a8f")
TONES = {"good": GREEN, "bad": RED, "warn": AMBER, "neutral": BLUE, "muted": MUTED}
LOAD_SCALE: list[list[Any]] = [
    [0.0, "#f2f6f9"],
    [0.5, "#bcd9ea"],
    [0.667, "#f7d08a"],
    [0.8, "#e88f5a"],
    [1.0, "#b83227"],
]
"""Colour scale of load from 0 to 150 %: blue below, amber at 100 %, red above."""

DEVIATION_SCALE: list[list[Any]] = [
    [0.0, "#8c5a00"],
    [0.25, "#e8b04b"],
    [0.45, "#f7f3ea"],
    [0.55, "#eef4f8"],
    [0.75, "#6aaed6"],
    [1.0, "#0b4f78"],
]
"""Colour scale of a deviation from -60 to +60 %: amber below plan, blue above."""

FONT = "Inter, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"


def frame(figure: go.Figure, *, title: str, height: int, legend: bool = True) -> go.Figure:
    """
    Give a figure the common title, fonts, margins and hover style.

    Parameters
    ----------
    figure
        Figure with its traces; it is changed and returned.
    title
        What the picture says, one line.
    height
        Height. [pixels]
    legend
        Whether a legend is drawn, horizontally above the plot.
    """
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 15, "color": INK}},
        height=height,
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 10, "r": 20, "t": 64 if legend else 44, "b": 36},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
        hoverlabel={"bgcolor": "white", "font": {"family": FONT, "color": INK}},
        bargap=0.25,
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=BASELINE, automargin=True, ticks="")
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=BASELINE, automargin=True, ticks="")
    return figure


def nothing_to_draw(title: str, why: str) -> go.Figure:
    """Return an empty picture that says why it is empty (an empty table is an answer, too)."""
    figure = go.Figure()
    figure.add_annotation(text=why, showarrow=False, font={"size": 14, "color": MUTED})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return frame(figure, title=title, height=160, legend=False)
