"""The page that ``soe meet`` opens: agenda, problem, what the week says, who has said what."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import ipywidgets as widgets

from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.run import Run, RunError, latest_run, open_run, project_root
from soe_lib.steps.desk import Desk
from soe_lib.views.agenda import acts_html, agenda, agenda_html
from soe_lib.views.blocks import Block, Live, as_html
from soe_lib.views.live.guard import Message, guarded
from soe_lib.views.live.polling import every_two_seconds
from soe_lib.views.overview import overview_page
from soe_lib.views.show import stylesheet
from soe_lib.workspace import Workspace


def meeting_page() -> list[Block]:
    """
    Lay out the first page of the meeting; it works before any run.

    Returns
    -------
    list of blocks
        One live block.

    Examples
    --------
    >>> page = meeting_page()
    >>> len(page)
    1
    """
    return [Live(lambda: MeetingHome(Workspace.default()).widget, "The meeting page is live only.")]


class MeetingHome:
    """
    Widgets of the first page; all that it shows is read from the workspace and the ledger.

    Parameters
    ----------
    workspace
        Where runs and the ledger lie.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.governance = load_governance(project_root() / "params" / "governance.yaml")
        self.ledger = Ledger.default(workspace)
        self.run: Run | None = None
        self._shown: tuple[str, int] | None = None
        self.message = Message()
        self.heartbeat = widgets.HTML()
        self.heartbeat.add_class("soe-heartbeat")
        self.head = widgets.HTML()
        self.steps = widgets.HTML()
        self.week = widgets.HTML()
        self.acts = widgets.HTML()
        self.person = widgets.Dropdown(
            options=[(p.name, p.person_id) for p in self.governance.people], description="Person"
        )
        self.passphrase = widgets.Password(description="Passphrase")
        self.text = widgets.Textarea(
            placeholder="The problem in one sentence, or a remark for everyone",
            layout=widgets.Layout(width="100%", height="4.5rem"),
        )
        self.state_problem = widgets.Button(description="State the problem", button_style="primary")
        self.add_remark = widgets.Button(description="Leave a remark")
        self.state_problem.on_click(guarded(self.message, self._state_problem))
        self.add_remark.on_click(guarded(self.message, self._add_remark))
        for name, widget in (("problem", self.state_problem), ("remark", self.add_remark)):
            widget.add_class(f"soe-do-{name}")
        self.desk_box = widgets.VBox(
            [
                widgets.HBox([self.person, self.passphrase]),
                self.text,
                widgets.HBox([self.state_problem, self.add_remark]),
                self.message.widget,
            ]
        )
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"<style>{stylesheet()}</style>"),
                self.head,
                self.steps,
                self.week,
                widgets.HTML("<h2>Said in this cycle</h2>"),
                self.acts,
                self.desk_box,
                self.heartbeat,
            ]
        )
        self.task = every_two_seconds(guarded(self.message, self.refresh))

    def refresh(self) -> None:
        """Re-read the latest run and the ledger; draw again what has changed."""
        self.heartbeat.value = f'<span class="soe-sub">records read {time.strftime("%X")}</span>'
        try:
            folder = str(latest_run(self.workspace))
        except RunError:
            self._nothing_yet()
            return
        number = self.ledger.newest_number()
        if self._shown == (folder, number):
            return
        if self.run is None or str(self.run.folder) != folder:
            self.run = open_run(folder)
            self.week.value = "".join(as_html(block) for block in overview_page(self.run))
        desk = self.desk()
        standing = desk.standing()
        problem = standing.problem or str(self.run.words("divergence").get("headline", ""))
        label = "Problem stated" if standing.problem else "Proposed problem statement"
        where = f"{escape(self.run.cycle_id)} · {escape(self.run.source_name)}"
        self.head.value = (
            f"<h1>S&amp;OE meeting {where}</h1>"
            f'<p class="soe-headline"><b>{label}:</b> {escape(problem)}</p>'
        )
        self.steps.value = agenda_html(agenda(self.run, standing, self.governance))
        self.acts.value = acts_html(desk, standing)
        self._shown = (folder, number)

    def desk(self) -> Desk:
        """Return the desk of the latest run's cycle. Raises ``RunError`` before any run."""
        if self.run is None:
            raise RunError("no cycle yet: run `make week`")
        return Desk(self.ledger, self.governance, self.run.cycle_id, self.run.source_name)

    def _nothing_yet(self) -> None:
        self.head.value = (
            '<h1>S&amp;OE meeting</h1><p class="soe-headline soe-warn">no cycle yet: run '
            "<code>make week</code></p>"
        )
        self.steps.value = agenda_html(agenda(None, None, self.governance))

    def _state_problem(self, _: Any) -> None:
        self.desk().state_problem(
            self.person.value, self.passphrase.value, self.text.value, moment()
        )
        self._done("The problem is stated.")

    def _add_remark(self, _: Any) -> None:
        self.desk().remark(self.person.value, self.passphrase.value, self.text.value, moment())
        self._done("The remark is recorded.")

    def _done(self, sentence: str) -> None:
        self.passphrase.value = ""
        self.text.value = ""
        self.message.say(sentence, "good")
        self.refresh()
