"""
A live plotly figure for Voila and JupyterLab: the whole figure is one synced trait.

Plotly's own FigureWidget loses updates and draws wrong Gantts in Voila; this view sends state, so
what is on the page is always the current figure. plotly.js travels once per kernel.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs


def _script(name: str) -> str:
    return resources.files("soe_lib.views").joinpath(name).read_text(encoding="utf-8")


class PlotLibrary(anywidget.AnyWidget):
    """Carries plotly.js to the page."""

    _esm = _script("plot_library.js")
    source = traitlets.Unicode().tag(sync=True)


class PlotView(anywidget.AnyWidget):
    """
    Shows ``figure``; assigning a new one redraws it.

    Attributes
    ----------
    clicked
        Last click: ``curve`` and ``point`` number within the figure.
    revision
        Number of figures shown so far (tests wait for it).
    """

    _esm = _script("plot_view.js")
    spec = traitlets.Unicode('{"data": [], "layout": {}}').tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)
    clicked = traitlets.Dict().tag(sync=True)
    library = traitlets.Any()

    _shared: PlotLibrary | None = None

    def __init__(self, figure: go.Figure, **traits: Any) -> None:
        if PlotView._shared is None:
            PlotView._shared = PlotLibrary(source=get_plotlyjs())
        super().__init__(library=PlotView._shared, **traits)
        self.draw(figure)

    def draw(self, figure: go.Figure) -> None:
        """Replace the figure; zoom and selection stay."""
        kept = go.Figure(figure).update_layout(uirevision=figure.layout.uirevision or "keep")
        with self.hold_sync():
            self.revision += 1
            self.spec = kept.to_json(validate=False)
