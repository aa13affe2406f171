"""The live what-if: pull levers, watch the page stay alive, compare, look at what moves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import ipywidgets as widgets
import pandas as pd

from soe_lib.charts import plot_gantt, plot_load_heat_map, plot_scenario_costs
from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger
from soe_lib.run import Run, project_root
from soe_lib.scenario.custom import Choice
from soe_lib.scenario.levers import RushOrder
from soe_lib.steps.desk import Desk
from soe_lib.steps.live import live_run, next_name
from soe_lib.views.agenda import remarks_html
from soe_lib.views.live import jobs
from soe_lib.views.live.comparison import comparison_html
from soe_lib.views.live.details import rush_html, rush_sentence
from soe_lib.views.live.guard import Message, guarded
from soe_lib.views.live.typed_controls import TypedControls
from soe_lib.views.live.worker import Report, Worker
from soe_lib.views.page import currency_of
from soe_lib.views.plot_view import PlotView
from soe_lib.views.show import stylesheet
from soe_lib.views.what_if_choices import drawn_costs, stock_figure
from soe_lib.views.what_moves import schedule_figure

_LEVERS = (
    ("overtime", "Overtime"),
    ("alternate routing", "Alternate lines"),
    ("expedite", "Expedite purchases"),
    ("split", "Split batches"),
    ("delay low priority", "Delay low priority"),
)
BUSY_SECONDS, IDLE_SECONDS = 0.2, 2.0


class WhatIfPanel:
    """
    Widgets of the live what-if over a finished run.

    Parameters
    ----------
    run
        A finished run; what is computed here lies beside it.
    """

    def __init__(self, run: Run) -> None:
        self.run = live_run(run)
        self.worker = Worker(jobs.load, jobs.work, str(run.folder))
        self.pending: tuple[str, Choice] | None = None
        self.newest = ""
        self._known: list[str] | None = None
        self._titles: dict[str, str] = {}
        self.message = Message()
        self.heartbeat = widgets.HTML()
        self.heartbeat.add_class("soe-heartbeat")
        governance = load_governance(project_root() / "params" / "governance.yaml")
        self.desk = Desk(Ledger.default(run.workspace), governance, run.cycle_id, run.source_name)
        self.remarks = widgets.HTML()
        self.remarks.add_class("soe-remarks")
        self._heard = -1
        self._build_controls()
        self._build_views()
        left = widgets.VBox(self.controls, layout=widgets.Layout(width="340px", flex="0 0 340px"))
        right = widgets.VBox(
            [self.rush, self.table],
            layout=widgets.Layout(width="100%", min_width="0"),
        )
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"<style>{stylesheet()}</style>"),
                widgets.HBox([left, right]),
                self.costs.library,
                self.costs,
                self.picker,
                self.gantt,
                self.more,
            ]
        )
        self.worker.start()
        self.refresh()
        self.task = self._watch()

    def _build_controls(self) -> None:
        wide = widgets.Layout(width="98%")
        self.title = widgets.Text(value="Our scenario", layout=wide, description="Name")
        self.levers = {
            name: widgets.Checkbox(value=False, description=label, indent=False)
            for name, label in _LEVERS
        }
        tables = self.run.tables
        resources = sorted(tables["resource"]["resource_id"]) if "resource" in tables else []
        self.resources = widgets.SelectMultiple(
            options=resources, rows=min(7, max(2, len(resources))), layout=wide
        )
        lines = expeditable(tables.get("purchase_order_line", pd.DataFrame()))
        self.lines = widgets.SelectMultiple(
            options=lines, rows=min(6, max(2, len(lines))), layout=wide
        )
        self.factor = widgets.IntSlider(value=1, min=1, max=50, description="Calm", layout=wide)
        limits = widgets.VBox(
            [
                widgets.HTML("<small>Overtime only on (none = wherever late work runs)</small>"),
                self.resources,
                widgets.HTML("<small>Expedite only (none = all that help)</small>"),
                self.lines,
                widgets.HTML("<small>A move must save this many times its price</small>"),
                self.factor,
            ]
        )
        self.typed = TypedControls(self.run, lambda call: guarded(self.message, call), limits)
        self.go = widgets.Button(description="Compute", button_style="primary")
        self.stop = widgets.Button(description="Cancel", disabled=True)
        self.go.add_class("soe-do-compute")
        self.stop.add_class("soe-do-cancel")
        self.go.on_click(guarded(self.message, self._go))
        self.stop.on_click(guarded(self.message, self._stop))
        self.bar = widgets.FloatProgress(value=0.0, min=0.0, max=1.0, layout=wide)
        self.doing = widgets.HTML()
        for name, box in self.levers.items():
            box.add_class(f"soe-lever-{name.replace(' ', '-')}")
        self.controls = [
            widgets.HTML("<h3>Pull levers</h3>"),
            self.title,
            *self.levers.values(),
            widgets.HBox([self.go, self.stop]),
            self.bar,
            self.doing,
            self.message.widget,
            self.remarks,
            self.typed.widget,
            self.heartbeat,
        ]

    def _build_views(self) -> None:
        self.table = widgets.HTML()
        self.table.add_class("soe-comparison")
        empty = plot_scenario_costs(pd.DataFrame())
        self.costs = PlotView(empty)
        self.gantt = PlotView(plot_gantt(pd.DataFrame()))
        self.shown = widgets.Dropdown(options=[], description="Schedule of")
        self.moved_only = widgets.Checkbox(value=True, description="only what moves", indent=False)
        self.shown.observe(guarded(self.message, self._draw_gantt), names="value")
        self.moved_only.observe(guarded(self.message, self._draw_gantt), names="value")
        self.picker = widgets.HBox([self.shown, self.moved_only])
        self.rush = widgets.HTML()
        self.rush.add_class("soe-rush-answer")
        self.stock = PlotView(plot_gantt(pd.DataFrame()))
        self.load = PlotView(plot_gantt(pd.DataFrame()))
        self.more = widgets.VBox([self.stock, self.load])

    def choice(self) -> Choice:
        """Return what the controls say; raises ``ValueError`` for what cannot be computed."""
        pulled = tuple(name for name, box in self.levers.items() if box.value)
        typed = self.typed.levers()
        # an order that is put in, alone, is asked of the plan in force: nothing else may move
        only_asked = not pulled and any(isinstance(lever, RushOrder) for lever in typed)
        known = {str(o) for o in self.resources.options}
        lines = {str(o) for o in self.lines.options}
        return Choice(
            title=str(self.title.value),
            levers=() if only_asked else ("resequence", *pulled),
            resources=tuple(r for r in self.resources.value if r in known),
            purchase_lines=tuple(line for line in self.lines.value if line in lines),
            move_factor=float(self.factor.value),
            typed=typed,
        )

    def tick(self) -> None:
        """Hear what the child says and what others have computed."""
        self.heartbeat.value = f'<span class="soe-sub">connected, {time.strftime("%X")}</span>'
        for report in self.worker.reports():
            self._hear(report)
        if self.run.scenario_names() != self._known:
            self.refresh()
        number = self.desk.ledger.newest_number()
        if number != self._heard:
            self.remarks.value, self._heard = remarks_html(self.desk), number

    def refresh(self) -> None:
        """Draw the comparison again from the run and the meeting's scenarios."""
        scenarios = self.run.read("scenarios")
        self._known = self.run.scenario_names()
        currency = currency_of(self.run)
        self.table.value = comparison_html(scenarios, currency, self.newest)
        drawn = drawn_costs(self.run.read("scenario_costs"))
        self.costs.draw(plot_scenario_costs(drawn, currency=currency))
        options = list(zip(scenarios["title"], scenarios["scenario"], strict=True))
        self._titles = dict(zip(scenarios["scenario"], scenarios["title"], strict=True))
        best = scenarios.loc[scenarios["is_recommended"], "scenario"]
        wanted = self.newest or (best.iloc[0] if len(best) else None)
        self.shown.options = options
        if wanted in {name for _, name in options}:
            self.shown.value = wanted
        self._draw_gantt(None)

    def _go(self, _: Any) -> None:
        choice = self.choice()
        name = next_name(self.run)
        self.pending = (name, choice)
        self.worker.submit((name, choice))
        self.go.disabled, self.stop.disabled = True, False
        self.bar.value = 0.02
        self.doing.value = "loading the plant"
        self.message.say("")

    def _stop(self, _: Any) -> None:
        self.worker.cancel()
        self.worker.start()
        self._idle()
        self.message.say("Cancelled; nothing was kept.", "warn")

    def _hear(self, report: Report) -> None:
        if report.kind == "failed":
            self._idle()
            self.message.say(report.text, "bad")
        elif report.kind == "progress":
            self.bar.value = max(self.bar.value, report.share)
            self.doing.value = report.text
        elif report.kind == "done" and self.pending is not None:
            name, choice = self.pending
            self.run.add(name, choice, report.result)
            self.newest = name
            self._idle()
            self.refresh()
            row = self.run.read("scenarios").set_index("scenario").loc[name]
            self.message.say(f"{row['title']}: {row['reason']}.{self._answer(name)}", "good")

    def _answer(self, name: str) -> str:
        """Return the answer to an inquiry in a sentence; empty where no order is put in."""
        quotes = self.run.read("scenario_rush")
        own = quotes[(quotes["scenario"] == name) & quotes["is_taken"]]
        return f" {rush_sentence(self.run, own.iloc[0])}" if len(own) else ""

    def _idle(self) -> None:
        self.pending = None
        self.go.disabled, self.stop.disabled = False, True
        self.bar.value = 0.0
        self.doing.value = ""

    def _draw_gantt(self, _: Any) -> None:
        name = self.shown.value
        if not name:
            return
        names = ("scenario_operations", "scenario_moves", "scenario_overtime")
        tables = {table: self.run.read(table) for table in names}
        titles = dict(self._titles)
        figure = schedule_figure(
            self.run, tables, str(name), titles[str(name)], only_moved=self.moved_only.value
        )
        self.gantt.draw(figure)
        self._draw_more(str(name), titles)

    def _draw_more(self, name: str, titles: dict[str, str]) -> None:
        """Draw what belongs to one scenario: the order put in, stock and load."""
        own = {
            table: rows[rows["scenario"] == name]
            for table in ("scenario_rush", "scenario_displaced", "scenario_capacity")
            for rows in (self.run.read(table),)
        }
        self.rush.value = rush_html(self.run, own["scenario_rush"], own["scenario_displaced"])
        first = next(iter(titles))
        shown = list(dict.fromkeys([first, name]))
        stock = self.run.read("scenario_stock")
        self.stock.draw(stock_figure(self.run, stock, shown, pd.Series(titles)))
        load = own["scenario_capacity"]
        title = f"{titles[name]}: load by line and week [%]"
        self.load.draw(plot_load_heat_map(load, title=title))

    def _watch(self) -> asyncio.Task[None] | None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        tick = guarded(self.message, self.tick)

        async def again() -> None:
            while True:
                tick()
                await asyncio.sleep(BUSY_SECONDS if self.worker.is_busy else IDLE_SECONDS)

        return loop.create_task(again())


def expeditable(lines: pd.DataFrame) -> list[str]:
    """Return the open purchase order lines that a supplier can pull in, as ``po_id/line_id``."""
    if lines.empty:
        return []
    can = lines["is_expedite_possible"].eq(True).fillna(False).astype(bool)
    rows = lines[can & (lines["status"] == "open")]
    return sorted(set(rows["po_id"] + "/" + rows["line_id"]))
