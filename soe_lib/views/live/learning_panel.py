"""One click accepts a proposal for master data, one click takes it back."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from soe_lib import overrides
from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.run import Run, project_root
from soe_lib.steps.desk import Desk
from soe_lib.steps.learning import accept, history_of, revert
from soe_lib.views.live.guard import Message, guarded
from soe_lib.views.show import stylesheet

WIDE = {"width": "48rem"}


class LearningPanel:
    """
    Widgets that accept and revert the proposals of a finished run.

    Parameters
    ----------
    run
        A finished run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        governance = load_governance(project_root() / "params" / "governance.yaml")
        self.desk = Desk(Ledger.default(run.workspace), governance, run.cycle_id, run.source_name)
        self.message = Message()
        people = [
            (f"{p.name} ({governance.title(p.role)})", p.person_id) for p in governance.people
        ]
        self.person = widgets.Dropdown(options=people, description="I am")
        self.passphrase = widgets.Password(description="Passphrase")
        self.proposal = widgets.Dropdown(
            options=[], description="Proposal", layout=widgets.Layout(**WIDE)
        )
        self.in_force = widgets.Dropdown(
            options=[], description="In force", layout=widgets.Layout(**WIDE)
        )
        self.accept = self._button("accept", "Accept", self._accept, primary=True)
        self.revert = self._button("revert", "Take back", self._revert)
        self.history = widgets.HTML()
        self.history.add_class("soe-learning-history")
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"<style>{stylesheet()}</style>"),
                widgets.HBox([self.person, self.passphrase]),
                widgets.HBox([self.proposal, self.accept]),
                widgets.HBox([self.in_force, self.revert]),
                self.message.widget,
                self.history,
            ]
        )
        self.refresh()

    def refresh(self) -> None:
        """Re-read the ledger: what may be accepted, what is in force, what was said."""
        rows = self.run.read("proposals")
        active = overrides.active(self.desk.ledger, self.run.source_name)
        taken = active.drop_duplicates("proposal_id")
        free = rows[~rows["proposal_id"].isin(taken["proposal_id"])]
        for choice, own in ((self.proposal, free), (self.in_force, taken)):
            choice.options = list(zip(own["sentence"], own["proposal_id"], strict=True))
            choice.value = own["proposal_id"].iloc[0] if len(own) else None
        said = history_of(self.desk.ledger, self.run.source_name)
        lines = "".join(
            f"<li>{at:%Y-%m-%d %H:%M} {escape(person)}: {escape(action)} {escape(sentence)}</li>"
            for at, person, action, sentence in zip(
                said["said_at"], said["person"], said["action"], said["sentence"], strict=True
            )
        )
        self.history.value = f'<div class="soe-list"><ul>{lines}</ul></div>' if lines else ""

    def _button(
        self, name: str, label: str, call: Callable[[], str], *, primary: bool = False
    ) -> widgets.Button:
        button = widgets.Button(description=label, button_style="primary" if primary else "")
        button.add_class(f"soe-do-{name}")

        def clicked(_: Any) -> None:
            try:
                self.message.say(call(), "good")
                self.passphrase.value = ""
            finally:
                self.refresh()

        button.on_click(guarded(self.message, clicked))
        return button

    def _accept(self) -> str:
        if not self.proposal.value:
            return "There is no proposal to accept."
        said = accept(
            self.run,
            self.desk,
            str(self.person.value),
            self.passphrase.value,
            str(self.proposal.value),
            moment(),
        )
        return f"Accepted; the next run plans with it. {said}"

    def _revert(self) -> str:
        if not self.in_force.value:
            return "No correction is in force."
        said = revert(
            self.run,
            self.desk,
            str(self.person.value),
            self.passphrase.value,
            str(self.in_force.value),
            moment(),
        )
        return f"Taken back; the next run plans without it. {said}"
