"""
The report of one run: an offline site, and one self-contained file that travels by e-mail.

``index.html`` is the first page on one screen; one page per step and per function follows. Plotly
is there once, nothing is fetched from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from soe_lib.report.cells import Section, notebook_section, picture_html
from soe_lib.report.workbook import table_as_xlsx
from soe_lib.run import Run
from soe_lib.views.blocks import Picture, as_html
from soe_lib.views.overview import function_pages, overview_page
from soe_lib.views.show import stylesheet

STEPS = (
    ("0_snapshot", "0 Data"),
    ("1_divergence", "1 Divergence"),
    ("2_impact", "2 Impact"),
    ("3_what_if", "3 What-if"),
    ("4_decision", "4 Decision"),
    ("5_monitoring", "5 Monitoring"),
)


@dataclass(frozen=True)
class Page:
    """One HTML page: file name without ending, navigation label, title and body."""

    name: str
    label: str
    title: str
    body: str
    group: str
    num_pictures: int


def build_report(run: Run, folder: Path) -> Path:
    """
    Write the report of a run whose notebooks have been executed.

    Parameters
    ----------
    run
        The run; notebooks, tables and words are read from its folder.
    folder
        Where the site goes; files are written atomically, each the same for the same run.

    Returns
    -------
    Path
        ``index.html``.
    """
    pages, tables = _pages(run)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("soe_lib.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = stylesheet() + resources.files("soe_lib.report").joinpath("report.css").read_text("utf-8")
    shared: dict[str, Any] = {
        "cycle_id": run.cycle_id,
        "as_of": run.as_of.strftime("%A %d %B %Y, %H:%M UTC"),
        "source": run.snapshot.source_name,
        "site": run.site or "all sites",
        "snapshot_id": run.snapshot.snapshot_id,
        "notice": _notice(run),
    }
    write = run.workspace.write_text
    navigation = [{"name": p.name, "label": p.label, "group": p.group} for p in pages]
    for page in pages:
        html = environment.get_template("page.html.j2").render(
            **shared, page=page, body=Markup(page.body), navigation=navigation
        )
        write(folder / f"{page.name}.html", html)
    write(folder / "assets" / "report.css", css)
    write(folder / "assets" / "plotly.min.js", get_plotlyjs())
    for name in sorted(tables):
        content = table_as_xlsx(name, run.read(name), run.as_of)
        run.workspace.write_bytes(folder / "data" / f"{name}.xlsx", content)
    single = environment.get_template("single.html.j2").render(
        **shared,
        pages=[(page, Markup(_without_downloads(page.body))) for page in pages],
        css=Markup(css),
        plotlyjs=Markup(get_plotlyjs()),
    )
    write(folder / f"soe-{run.cycle_id}-{run.source_name}.html", single)
    return folder / "index.html"


def _pages(run: Run) -> tuple[list[Page], set[str]]:
    sections: dict[str, Section] = {
        name: notebook_section(run.folder / "notebooks" / f"{name}.ipynb", name)
        for name, _ in STEPS
    }
    body, pictures = _blocks_html(overview_page(run), "index")
    pages = [Page("index", "Overview", "The week on one page", body, "step", pictures)]
    tables: set[str] = set()
    for name, label in STEPS:
        section = sections[name]
        tables |= set(section.tables)
        pages.append(Page(name, label, section.title, section.html, "step", section.num_pictures))
    for name, title, blocks in function_pages(run):
        body, pictures = _blocks_html(blocks, f"function_{name}")
        pages.append(Page(f"function_{name}", title, title, body, "function", pictures))
        tables |= {name for block in blocks if (name := str(getattr(block, "table", "")))}
    return pages, {name for name in tables if run.has(name)}


def _blocks_html(blocks: list[Any], page: str) -> tuple[str, int]:
    parts, pictures = [], 0
    for block in blocks:
        if isinstance(block, Picture):
            pictures += 1
            spec = block.figure.to_plotly_json()
            parts.append(picture_html(spec, f"{page}-picture-{pictures}"))
        else:
            parts.append(as_html(block))
        table = getattr(block, "table", "")
        if table:
            parts.append(f'<p class="download"><a href="data/{table}.xlsx">{table}.xlsx</a></p>')
    return "\n".join(parts), pictures


def _without_downloads(body: str) -> str:
    lines = body.split("\n")
    return "\n".join(line for line in lines if not line.startswith('<p class="download">'))


def _notice(run: Run) -> str:
    if run.snapshot.sop_plan_basis == "derived":
        return "Baseline derived from history, not a management plan."
    return ""
