"""An executed notebook to HTML sections: its narrative and its outputs, never its code."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import plotly.io as pio
from nbconvert.filters.markdown import markdown2html

from soe_lib.views.show import PLOTLY_MIME

_HIDDEN_TAGS = {"parameters", "injected-parameters", "remove_cell"}


@dataclass(frozen=True)
class Section:
    """The body of one notebook and the tables that its blocks name, in order of appearance."""

    title: str
    html: str
    tables: tuple[str, ...]
    num_pictures: int


def notebook_section(path: Path, page: str) -> Section:
    """
    Read an executed notebook.

    Parameters
    ----------
    path
        Executed notebook.
    page
        Name of the page; picture ids derive from it, so that the same run gives the same bytes.
    """
    notebook = nbformat.read(path, as_version=4)
    title = page
    parts: list[str] = []
    tables: list[str] = []
    pictures = 0
    for cell in notebook.cells:
        if _HIDDEN_TAGS & set(cell.metadata.get("tags", [])):
            continue
        if cell.cell_type == "markdown":
            source = cell.source
            if source.startswith("# ") and title == page:
                title, _, source = source[2:].partition("\n")
            if source.strip():
                parts.append(f'<div class="prose">{markdown2html(source)}</div>')
            continue
        if cell.cell_type != "code":
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            table = output.get("metadata", {}).get("soe", {}).get("table", "")
            if PLOTLY_MIME in data:
                pictures += 1
                parts.append(picture_html(data[PLOTLY_MIME], f"{page}-picture-{pictures}"))
            elif "text/html" in data:
                parts.append(str(data["text/html"]))
            if table:
                tables.append(table)
                parts.append(
                    f'<p class="download"><a href="data/{escape(table)}.xlsx">'
                    f"{escape(table)}.xlsx</a></p>"
                )
    return Section(title.strip(), "\n".join(parts), tuple(dict.fromkeys(tables)), pictures)


def picture_html(spec: dict[str, Any], div_id: str) -> str:
    """Return a plotly figure as a ``div`` and its script; plotly.js comes from the page's head."""
    return str(
        pio.to_html(
            {"data": spec["data"], "layout": spec["layout"]},
            include_plotlyjs=False,
            include_mathjax=False,
            full_html=False,
            validate=False,
            default_width="100%",
            div_id=div_id,
            config={"responsive": True, "displaylogo": False},
        )
    )
