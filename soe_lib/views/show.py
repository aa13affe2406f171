"""``show``: draw blocks in a notebook, the same for report, lab and meeting."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import resources
from typing import Any

from soe_lib.views.blocks import Block, Live, Picture, as_html, flatten

MODES = ("report", "lab", "meeting")
PLOTLY_MIME = "application/vnd.plotly.v1+json"


def show(*blocks: Block | Sequence[Block] | None) -> None:
    """
    Draw blocks below the current cell.

    Under Papermill and in the report pictures travel as plotly JSON (converted at export), in
    JupyterLab the same JSON is live. ``SOE_MODE`` names the mode: report (default), lab, meeting.

    Parameters
    ----------
    blocks
        Blocks or sequences of blocks; None is skipped.

    Raises
    ------
    ValueError
        When ``SOE_MODE`` is not a known mode.

    Examples
    --------
    >>> from soe_lib import show
    >>> show(None)
    """
    from IPython.display import display

    mode = os.environ.get("SOE_MODE", "report")
    if mode not in MODES:
        raise ValueError(f"SOE_MODE={mode!r}: expected one of {', '.join(MODES)}")
    for block in flatten(blocks):
        if mode == "meeting" and isinstance(block, Picture):
            from soe_lib.views.plot_view import PlotView

            view = PlotView(block.figure)
            display(view.library, view)
        elif mode != "report" and isinstance(block, Live):
            display(block.build())
        else:
            display(_bundle(block, mode), raw=True, metadata=_metadata(block))


def stylesheet() -> str:
    """Return the style sheet of all blocks."""
    return resources.files("soe_lib.views").joinpath("page.css").read_text(encoding="utf-8")


def _bundle(block: Block, mode: str) -> dict[str, Any]:
    if isinstance(block, Picture):
        return {PLOTLY_MIME: json.loads(block.figure.to_json(validate=False))}
    style = "" if mode == "report" else f"<style>{stylesheet()}</style>"
    return {"text/html": style + as_html(block)}


def _metadata(block: Block) -> dict[str, Any]:
    table = getattr(block, "table", "")
    return {"soe": {"table": table}} if table else {}
