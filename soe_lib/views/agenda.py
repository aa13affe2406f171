"""The meeting's agenda: the five steps in their strict order, with time box, owner and state."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from soe_lib.decision.governance import Governance
from soe_lib.run import Run
from soe_lib.steps.desk import Desk
from soe_lib.steps.desk_records import Standing
from soe_lib.views.blocks import Sentences, as_html


@dataclass(frozen=True)
class Item:
    """
    One step of the agenda.

    Attributes
    ----------
    number, title
        Place and name of the step.
    minutes
        Time box. [min]
    owner
        Who leads it.
    page
        Notebook that shows it.
    state
        done, now or waiting.
    sentence
        What the step says.
    """

    number: int
    title: str
    minutes: int
    owner: str
    page: str
    state: str
    sentence: str


_STEPS = (
    (1, "What diverged", 10, "coordinator", "1_divergence", "divergence"),
    (2, "Whom it hurts", 10, "coordinator", "2_impact", "impact"),
    (3, "What could be done", 20, "operations", "3_what_if", "what_if"),
    (4, "Decide and sign", 15, "soe_lead", "4_decision", "decision"),
    (5, "Watch and learn", 5, "coordinator", "5_monitoring", "monitoring"),
)


def agenda(run: Run | None, standing: Standing | None, governance: Governance) -> tuple[Item, ...]:
    """
    Return the five steps with what stands in the run and in the ledger.

    Parameters
    ----------
    run
        The latest complete run; None = there is none yet.
    standing
        What has been said in its cycle; None = nothing.
    governance
        Titles of the owners.
    """
    done = [
        bool(standing and standing.problem),
        bool(standing and standing.problem),
        bool(standing and standing.decision),
        bool(standing and standing.published),
        False,
    ]
    now = next((place for place, is_done in enumerate(done) if not is_done), 4)
    return tuple(
        Item(
            number=number,
            title=title,
            minutes=minutes,
            owner=governance.title(owner),
            page=page,
            state=("done" if done[place] else "now" if place == now else "waiting")
            if run
            else "waiting",
            sentence=str(run.words(step).get("headline", "")) if run else "",
        )
        for place, (number, title, minutes, owner, page, step) in enumerate(_STEPS)
    )


def agenda_html(items: tuple[Item, ...], *, base_url: str = "") -> str:
    """Return the agenda as a row of cards, each a link to its page; all text escaped."""
    cards = "".join(
        f'<a class="soe-step soe-step-{escape(item.state)}" href="{base_url}{item.page}.ipynb">'
        f'<span class="soe-step-number">{item.number}</span>'
        f'<span class="soe-step-title">{escape(item.title)}</span>'
        f'<span class="soe-step-facts">{item.minutes} min · {escape(item.owner)} · '
        f"{escape(item.state)}</span>"
        f'<span class="soe-step-said">{escape(item.sentence)}</span></a>'
        for item in items
    )
    return f'<nav class="soe-agenda" aria-label="Agenda">{cards}</nav>'


def remarks_html(desk: Desk) -> str:
    """Return the remarks of the cycle, newest first, escaped; what each is about stands before."""
    acts = desk.standing().acts
    said = acts[acts["act"] == "remark"].iloc[::-1]
    names = {person.person_id: person.name for person in desk.governance.people}
    rows = tuple(
        f"{names.get(str(who), str(who))}, {at:%d %b %H:%M} UTC: {text}"
        for at, who, text in zip(said["said_at"], said["person_id"], said["text"], strict=True)
    )
    return as_html(Sentences("Remarks of this cycle", rows, if_none="none yet."))


def acts_html(desk: Desk, standing: Standing) -> str:
    """Return what has been said in the cycle, newest first, and what is still missing."""
    missing = desk.what_is_missing(standing)
    state = (
        "Published."
        if standing.published
        else f"Before the publication: {missing}."
        if missing
        else "Everything is signed: ready to publish."
    )
    rows = "".join(
        f"<tr><td>{row.said_at:%H:%M:%S}</td><td>{escape(desk.governance.title(str(row.role)))}</td>"
        f"<td>{escape(str(row.act))}</td><td>{escape(str(row.text))}</td></tr>"
        for row in standing.acts.iloc[::-1].itertuples()
    )
    table = (
        f'<div class="soe-grid"><table><thead><tr><th>at (UTC)</th><th>who</th><th>act</th>'
        f"<th>what</th></tr></thead><tbody>{rows}</tbody></table></div>"
        if rows
        else '<p class="soe-none">Nothing has been said in this cycle yet.</p>'
    )
    return f'<p class="soe-note"><b>{escape(state)}</b></p>{table}'
