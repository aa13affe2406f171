"""The analyst's workbench under notebook 1: filter, click a number, click a bar, read the rows."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd

from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.report.workbook import table_as_xlsx
from soe_lib.run import Run, project_root
from soe_lib.steps.desk import Desk
from soe_lib.steps.divergence import Found
from soe_lib.steps.drill import BARS_BY, ORDERS, Drill, Filters, Rows
from soe_lib.steps.drill_reach import DIMENSIONS
from soe_lib.views.agenda import remarks_html
from soe_lib.views.blocks import Grid, as_html, format_number
from soe_lib.views.choices import Choice, Choices, Download
from soe_lib.views.facts_of_run import plural
from soe_lib.views.live.guard import Message, guarded
from soe_lib.views.show import stylesheet

ALL = "all"
MOST_BARS = 10
PAGE_ROWS = 10
_ORIGIN = ("source_system", "recorded_at", "record_hash")
"""Columns of the snapshot that are in the saved file, but not on the page."""


class Workbench:
    """
    Widgets over the filters and the drill of step 1.

    Parameters
    ----------
    run, found
        A run and what its step 1 found.
    """

    def __init__(self, run: Run, found: Found) -> None:
        self.run = run
        self.drill = Drill(run, found)
        self.governance = load_governance(project_root() / "params" / "governance.yaml")
        self.ledger = Ledger.default(run.workspace)
        self.desk = Desk(self.ledger, self.governance, run.cycle_id, run.source_name)
        self.measure, self.bar = ORDERS, ""
        self.opened: Rows | None = None
        self.page = 0
        self.message = Message()
        self._build_filters()
        self._build_views()
        self._build_remark()
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"<style>{stylesheet()}</style>{_HEAD}"),
                widgets.HBox(
                    [*self.filters.values(), self.clear],
                    layout=widgets.Layout(flex_flow="row wrap", grid_gap=".2rem .6rem"),
                ),
                self.tiles,
                widgets.HBox([self.by, self.what], layout=widgets.Layout(align_items="center")),
                self.bars,
                self.table,
                widgets.HBox([self.back, self.place, self.onward, self.save]),
                self.remark_box,
            ]
        )
        self.widget.add_class("soe-workbench")
        self.draw()
        self._draw_remarks()

    def _build_filters(self) -> None:
        self.filters = {}
        for name in DIMENSIONS:
            box = widgets.Dropdown(
                options=[(ALL, ""), *((_shown(name, v), v) for v in self.drill.options(name))],
                description=name.capitalize(),
                layout=widgets.Layout(width="12.5rem"),
                style={"description_width": "4.2rem"},
            )
            box.add_class(f"soe-filter-{name}")
            box.observe(guarded(self.message, self._filtered), names="value")
            self.filters[name] = box
        self.clear = widgets.Button(description="Clear", layout=widgets.Layout(width="5rem"))
        self.clear.add_class("soe-do-clear")
        self.clear.on_click(guarded(self.message, self._clear))

    def _build_views(self) -> None:
        self.tiles = Choices(look="tiles")
        self.tiles.add_class("soe-measures")
        self.tiles.observe(guarded(self.message, self._measure_chosen), names="chosen")
        self.bars = Choices(look="bars")
        self.bars.add_class("soe-bars")
        self.bars.observe(guarded(self.message, self._bar_chosen), names="chosen")
        self.by = widgets.Dropdown(options=BARS_BY[ORDERS], description="Bars by",
                                   layout=widgets.Layout(width="14rem"))  # fmt: skip
        self.by.add_class("soe-bars-by")
        self.by.observe(guarded(self.message, self._by_chosen), names="value")
        self.what = widgets.HTML()
        self.table = widgets.HTML()
        self.table.add_class("soe-rows")
        small = widgets.Layout(width="6.5rem")
        self.back = widgets.Button(description="Back", layout=small)
        self.onward = widgets.Button(description="Next", layout=small)
        self.back.on_click(guarded(self.message, lambda _: self._turn(-1)))
        self.onward.on_click(guarded(self.message, lambda _: self._turn(1)))
        self.place = widgets.HTML()
        self.save = Download(self.workbook)
        self.save.add_class("soe-save")

    def _build_remark(self) -> None:
        people = [(p.name, p.person_id) for p in self.governance.people]
        self.person = widgets.Dropdown(options=[("who are you?", ""), *people], description="I am")
        self.passphrase = widgets.Password(description="Passphrase")
        self.about = widgets.HTML()
        self.about.add_class("soe-about")
        self.text = widgets.Textarea(
            placeholder="A remark for the meeting",
            layout=widgets.Layout(width="100%", height="3.4rem"),
        )
        self.text.add_class("soe-remark-text")
        self.leave = widgets.Button(description="Leave the remark", button_style="primary")
        self.leave.add_class("soe-do-remark")
        self.leave.on_click(guarded(self.message, self._leave))
        self.remarks = widgets.HTML()
        self.remarks.add_class("soe-remarks")
        self.remark_box = widgets.VBox(
            [
                self.about,
                self.text,
                widgets.HBox([self.person, self.passphrase, self.leave]),
                self.message.widget,
                self.remarks,
            ]
        )

    def chosen_filters(self) -> Filters:
        """Return what the filters say; what the page sent and no filter offers counts as all."""
        return Filters(
            **{
                name: box.value if box.value in self.drill.options(name) else ""
                for name, box in self.filters.items()
            }
        )

    def draw(self) -> None:
        """Draw numbers, bars and rows with the filters as they are."""
        filters = self.chosen_filters()
        measures = self.drill.measures(filters)
        self.tiles.draw(
            [
                Choice(
                    key=m.name,
                    label=m.label + (f" [{m.unit}]" if m.name == "cost" else ""),
                    value="–" if m.value is None else format_number(m.value),
                    note=m.note,
                    tone="neutral" if not m.value else "bad",
                )
                for m in measures
            ],
            self.measure,
        )
        if list(self.by.options) != list(BARS_BY[self.measure]):
            self.by.options = BARS_BY[self.measure]
        found = self.drill.bars(self.measure, str(self.by.value), filters)
        shown = found.head(MOST_BARS)
        if self.bar not in set(found["key"]):
            self.bar, self.opened = "", None
        longest = float(shown["value"].max()) if len(shown) else 0.0
        self.bars.draw(
            [
                Choice(key, label, format_number(value), share=value / longest if longest else 0.0)
                for key, label, value in shown.itertuples(index=False, name=None)
            ],
            self.bar,
        )
        unit = self.drill.unit(self.measure, str(self.by.value))
        more = f"; the first {MOST_BARS} of {len(found):,}" if len(found) > MOST_BARS else ""
        none = "" if len(found) else " Nothing with these filters."
        self.what.value = f'<span class="soe-sub">{escape(unit + more)}{none}</span>'
        if self.bar:
            self.opened = self.drill.rows(self.measure, str(self.by.value), self.bar, filters)
        self._draw_rows()

    def workbook(self) -> tuple[str, bytes]:
        """Return name and bytes of the opened rows as xlsx, all of them, text never as formula."""
        if self.opened is None:
            raise ValueError("click a bar first: its rows are what is saved")
        data = table_as_xlsx(self.opened.table, self.opened.frame, self.run.as_of)
        return f"{self.run.cycle_id}_{self.opened.table}.xlsx", data

    def _draw_rows(self) -> None:
        rows = self.opened
        self.save.is_ready = rows is not None
        subject = "the week as a whole" if rows is None else rows.title
        self.about.value = f"<b>Remark about:</b> {escape(subject)}"
        if rows is None:
            self.table.value = '<p class="soe-none">Click a bar to open its rows.</p>'
            self.place.value = ""
            self.back.disabled = self.onward.disabled = True
            return
        frame = rows.frame
        pages = max(1, -(-len(frame) // PAGE_ROWS))
        self.page = min(max(self.page, 0), pages - 1)
        first = self.page * PAGE_ROWS
        shown = readable(frame).iloc[first : first + PAGE_ROWS]
        title = f"{rows.title}: {plural(len(frame), 'row')}"
        self.table.value = as_html(Grid(shown, title=title, rows=PAGE_ROWS, if_none="no row."))
        self.place.value = f'<span class="soe-sub">page {self.page + 1:,} of {pages:,}</span>'
        self.back.disabled, self.onward.disabled = self.page == 0, self.page == pages - 1

    def _draw_remarks(self) -> None:
        self.remarks.value = remarks_html(self.desk)

    def _filtered(self, _: Any) -> None:
        self.page = 0
        self.draw()

    def _clear(self, _: Any) -> None:
        for box in self.filters.values():
            box.value = ""

    def _measure_chosen(self, change: Any) -> None:
        key = str(change["new"].get("key", ""))
        if key in {m.name for m in self.drill.measures(Filters())}:
            self.measure, self.bar, self.opened, self.page = key, "", None, 0
            self.draw()

    def _by_chosen(self, _: Any) -> None:
        self.bar, self.opened, self.page = "", None, 0
        self.draw()

    def _bar_chosen(self, change: Any) -> None:
        self.bar, self.page = str(change["new"].get("key", "")), 0
        self.draw()

    def _turn(self, pages: int) -> None:
        self.page += pages
        self._draw_rows()

    def _leave(self, _: Any) -> None:
        if not self.person.value:
            raise ValueError("say who you are")
        about = self.opened.title if self.opened else ""
        self.desk.remark(
            self.person.value, self.passphrase.value, self.text.value, moment(), about=about
        )
        self.text.value = self.passphrase.value = ""
        self.message.say("The remark is recorded; the meeting's first page shows it.", "good")
        self._draw_remarks()


_HEAD = (
    '<h2>Look closer</h2><p class="soe-note">Filter, click a number, click a bar: its rows open '
    "below. A bar's rows can be saved; a remark about them reaches the meeting's pages.</p>"
)


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without columns that are empty or only say where a row comes from."""
    named = [name for name in rows.columns if name not in _ORIGIN and rows[name].notna().any()]
    return rows.loc[:, named]


def _shown(dimension: str, value: str) -> str:
    return f"{pd.Timestamp(value):%d %b %Y}" if dimension == "week" else value
