"""The live decision: select, answer, verify, sign, publish; everyone sees each act as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd

from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.run import Run, project_root
from soe_lib.steps.desk import ANSWERS, Desk
from soe_lib.steps.desk_records import Standing
from soe_lib.steps.live import live_run
from soe_lib.steps.publication import publish, read_back, select_scenario
from soe_lib.steps.replay import record_of
from soe_lib.views.agenda import acts_html
from soe_lib.views.blocks import Grid, Tone, as_html
from soe_lib.views.facts_of_run import moment as local_moment
from soe_lib.views.live.guard import Message, guarded
from soe_lib.views.live.polling import every_two_seconds
from soe_lib.views.page import currency_of
from soe_lib.views.show import stylesheet


class DecisionPanel:
    """
    Widgets of the decision over a finished run.

    Parameters
    ----------
    run
        A finished run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.governance = load_governance(project_root() / "params" / "governance.yaml")
        self.ledger = Ledger.default(run.workspace)
        self.desk = Desk(self.ledger, self.governance, run.cycle_id, run.source_name)
        self._seen = -1
        self._scenarios: list[tuple[str, str]] = []
        self.message = Message()
        self.heartbeat = widgets.HTML()
        self.heartbeat.add_class("soe-heartbeat")
        self.state = widgets.HTML()
        self.state.add_class("soe-decision-state")
        self.seal = widgets.HTML()
        self.seal.add_class("soe-seal-box")
        self.seen = widgets.HTML()
        self.acts = widgets.HTML()
        self._build_controls()
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"<style>{stylesheet()}</style>"),
                self.state,
                self.seal,
                self.seen,
                widgets.HBox([self.person, self.passphrase]),
                widgets.HBox([self.scenario, self.reason, self.select]),
                widgets.HBox([self.question, self.word, self.answer_text, self.answer]),
                widgets.HBox([self.verify, self.sign, self.publish, self.readback]),
                self.message.widget,
                self.acts,
                self.heartbeat,
            ]
        )
        self.task = every_two_seconds(guarded(self.message, self.refresh))

    def _build_controls(self) -> None:
        people = [
            (person_words(p.name, self.governance.title(p.role)), p.person_id)
            for p in self.governance.people
        ]
        self.person = widgets.Dropdown(options=people, description="I am")
        self.passphrase = widgets.Password(description="Passphrase")
        self.scenario = widgets.Dropdown(options=[], description="Scenario")
        self.reason = widgets.Text(
            placeholder="Why this one?", description="Reason", layout=widgets.Layout(width="32rem")
        )
        self.question = widgets.Dropdown(
            options=[], description="Question", layout=widgets.Layout(width="40rem")
        )
        self.word = widgets.Dropdown(options=list(ANSWERS), layout=widgets.Layout(width="6rem"))
        self.answer_text = widgets.Text(placeholder="until when, or a remark")
        self.select = self._button("select", "Select", self._select, primary=True)
        self.answer = self._button("answer", "Answer", self._answer)
        self.verify = self._button("verify", "Verify", self._verify)
        self.sign = self._button("sign", "Sign", self._sign, primary=True)
        self.publish = self._button("publish", "Publish", self._publish, primary=True)
        self.readback = self._button("readback", "Read back", self._read_back)

    def _button(
        self, name: str, label: str, call: Callable[[], str], *, primary: bool = False
    ) -> widgets.Button:
        button = widgets.Button(description=label, button_style="primary" if primary else "")
        button.add_class(f"soe-do-{name}")

        def clicked(_: Any) -> None:
            button.disabled = True
            try:
                self.message.say(call(), "good")
                self.passphrase.value = ""
            finally:
                button.disabled = False
                self.refresh(force=True)

        button.on_click(guarded(self.message, clicked))
        return button

    def refresh(self, *, force: bool = False) -> None:
        """Re-read the ledger; draw again what has changed."""
        self.heartbeat.value = f'<span class="soe-sub">records read {time.strftime("%X")}</span>'
        scenarios = live_run(self.run).read("scenarios")
        legal = scenarios[~scenarios["is_rejected"] & (scenarios["status"] != "inquiry")]
        options = list(zip(legal["title"], legal["scenario"], strict=True))
        if options != self._scenarios:
            best = legal.loc[legal["is_recommended"], "scenario"]
            kept = self.scenario.value or (best.iloc[0] if len(best) else None)
            self.scenario.options = self._scenarios = options
            if kept in {name for _, name in options}:
                self.scenario.value = kept
        number = self.ledger.newest_number()
        if number == self._seen and not force:
            return
        self._seen = number
        standing = self.desk.standing()
        self.state.value = state_html(self.desk, standing)
        self.acts.value = acts_html(self.desk, standing)
        self.seal.value = seal_html(standing)
        self.seen.value = options_html(self.run, standing)
        self._allow(standing)
        if list(self.question.options) != list(standing.open_questions):
            self.question.options = list(standing.open_questions)

    def _allow(self, standing: Standing) -> None:
        """Only what can be done now can be pressed."""
        is_selected, is_published = bool(standing.decision), bool(standing.published)
        self.select.disabled = is_published
        self.answer.disabled = is_published or not standing.open_questions
        self.verify.disabled = is_published or not is_selected or standing.is_verified
        self.sign.disabled = is_published or not is_selected
        self.publish.disabled = is_published or not standing.is_complete
        self.readback.disabled = not is_published

    def _select(self) -> str:
        pack = select_scenario(
            self.run,
            self.desk,
            self.person.value,
            self.passphrase.value,
            str(self.scenario.value),
            self.reason.value,
            moment(),
        )
        return f"Selected. {pack.headline}"

    def _answer(self) -> str:
        if not self.question.value:
            return "No question is open."
        self.desk.answer(
            self.person.value,
            self.passphrase.value,
            str(self.question.value),
            str(self.word.value),
            moment(),
            self.answer_text.value,
        )
        self.answer_text.value = ""
        return "The answer is recorded."

    def _verify(self) -> str:
        self.desk.verify(self.person.value, self.passphrase.value, moment())
        return "The decision is verified."

    def _sign(self) -> str:
        role = self.desk.sign(self.person.value, self.passphrase.value, moment())
        return f"{self.governance.title(role)} has signed."

    def _publish(self) -> str:
        found = publish(self.run, self.desk, self.person.value, self.passphrase.value, moment())
        return f"{found.seal.sentence} Files: {found.outbox}"

    def _read_back(self) -> str:
        return read_back(self.run, self.desk, moment()).sentence


def person_words(name: str, title: str) -> str:
    """Return a person with the role, once where both are the same."""
    return name if name == title else f"{name} ({title})"


def options_html(run: Run, standing: Standing) -> str:
    """Return the options that were seen when the scenario was selected, escaped and folded."""
    record = record_of(standing.decision) if standing.decision else None
    if record is None:
        return ""
    options = pd.DataFrame(list(record.options))
    shown = pd.DataFrame(
        {
            "option": options["title"],
            "verdict": options["status"],
            "total": options["total_cost"].round(),
            "late lines": options["num_late_lines"].astype(int),
            "moves": options["num_moves"].astype(int),
            "why": options["why"],
        }
    )
    tones: list[Tone] = [
        "good" if name == record.scenario_id else "neutral" for name in options["scenario"]
    ]
    currency = currency_of(run)
    unit = f", money in {currency}" if currency else ""
    title = f"Sealed with the decision{unit}"
    grid = Grid(shown, title=title, rows=len(shown), row_tones=tuple(tones))
    until = pd.Timestamp(record.expires_at) if record.expires_at else pd.NaT
    expires = f"; it holds until {local_moment(until, run)}" if record.expires_at else ""
    return (
        f'<details class="soe-list"><summary>{len(record.options)} options were seen{expires}; '
        f"record {record.record_hash[:12]}</summary>{as_html(grid)}</details>"
    )


def state_html(desk: Desk, standing: Standing) -> str:
    """Return what is selected, what it is expected to bring and what is missing, escaped."""
    if not standing.decision:
        return '<p class="soe-headline soe-warn">No scenario is selected yet.</p>'
    title = escape(str(standing.decision.get("title", standing.decision.get("scenario", ""))))
    reason = escape(str(standing.decision.get("reason", "")))
    missing = desk.what_is_missing(standing)
    tone = "good" if standing.published or not missing else "warn"
    then = (
        "Published."
        if standing.published
        else f"Still missing: {escape(missing)}."
        if missing
        else "Everything is signed: it can be published."
    )
    signed = "".join(
        f'<span class="soe-sign {"soe-signed" if role in standing.signed else ""}">'
        f"{escape(desk.governance.title(role))}</span>"
        for role in (*standing.signed, *standing.missing)
    )
    return (
        f'<p class="soe-headline soe-{tone}">{title}: {reason} <small>{then}</small></p>'
        f'<div class="soe-signs">{signed}</div>'
    )


def seal_html(standing: Standing) -> str:
    """Return the seal of the publication: green, or red with what differs."""
    seals = standing.acts[standing.acts["act"] == "seal"]
    if seals.empty:
        return ""
    sentence = str(seals["text"].iloc[-1])
    is_green = not sentence.startswith("Not sealed")
    tone = "good" if is_green else "bad"
    return f'<p class="soe-headline soe-seal soe-{tone}">{escape(sentence)}</p>'
