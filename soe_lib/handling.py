"""
What people do with a divergence, and where it stands, remembered across cycles in the ledger.

A divergence has the same identity every week, so that what was said of it last week is known.
Its state goes open → assessed → options → decided → executing → closed; what is closed and is seen
again is re-opened. Nothing is ever changed: each act is one more entry.
"""

from __future__ import annotations

import json

import pandas as pd

from soe_lib.ledger import Ledger, LedgerError
from soe_lib.vocabulary import DIVERGENCE_STATES

ACTIONS = ("acknowledge", "snooze", "dismiss")
"""Seen and taken on; not before a day; no divergence for us, with the reason."""
KIND = "handling"
CLOSED, REOPENED = "closed", "re-opened"
_ORDER = {state: place for place, state in enumerate(DIVERGENCE_STATES)} | {REOPENED: 0}
COLUMNS = (
    "divergence_id",
    "action",
    "reason",
    "until_at",
    "known_at",
    "severity",
    "cycle_id",
    "said_at",
    "person",
)


def legal_moves(state: str) -> tuple[str, ...]:
    """
    Return the states that may follow a state; empty text = a divergence nobody has seen yet.

    Forwards by any number of steps (a decision may take up what nobody assessed), closed from
    anywhere, re-opened only from closed; never backwards.
    """
    if not state:
        return DIVERGENCE_STATES[:1]
    if state == CLOSED:
        return (REOPENED,)
    return tuple(
        later for later in DIVERGENCE_STATES if later != REOPENED and _ORDER[later] > _ORDER[state]
    )


def move(
    ledger: Ledger,
    divergence_id: str,
    state: str,
    *,
    cycle_id: str,
    said_at: pd.Timestamp,
    person: str,
    reason: str = "",
    source: str = "",
) -> int:
    """
    Move a divergence to a state; returns the number of the ledger's entry.

    Raises
    ------
    LedgerError
        When the state may not follow the present one, or somebody else moved it meanwhile.
    """
    known = ledger.states().set_index("divergence_id")
    now = str(known["state"].get(divergence_id, ""))
    if state not in legal_moves(now):
        allowed = ", ".join(legal_moves(now)) or "nothing"
        raise LedgerError(
            f"divergence {divergence_id}: is {now or 'not recorded'}, may become {allowed}, "
            f"not '{state}'"
        )
    return ledger.set_state(
        divergence_id,
        state,
        cycle_id=cycle_id,
        said_at=said_at,
        person=person,
        reason=reason,
        source=source,
        expected_number=int(known["number"].get(divergence_id, 0)),
    )


def handle(
    ledger: Ledger,
    divergence_id: str,
    severity: float,
    action: str,
    *,
    known_at: pd.Timestamp,
    cycle_id: str,
    said_at: pd.Timestamp,
    person: str,
    reason: str = "",
    until_at: pd.Timestamp | None = None,
    source: str = "",
) -> int:
    """
    Record what somebody does with a divergence; returns the number of the entry.

    Acknowledging assesses an open one, dismissing closes it; a snooze leaves the state alone.

    Parameters
    ----------
    severity, known_at
        How severe it is now and the instant of the run that says so: it comes back when it gets
        worse or happens again after that.
    action
        ``acknowledge``, ``snooze`` or ``dismiss``; the last two need a reason.
    until_at
        End of a snooze, after ``said_at``.

    Raises
    ------
    LedgerError
        When the action is unknown, or lacks its reason or its end.
    """
    name = divergence_id
    if action not in ACTIONS:
        raise LedgerError(f"unknown action '{action}'; known: {', '.join(ACTIONS)}")
    if action != "acknowledge" and not reason.strip():
        raise LedgerError(f"{action} {name}: say why (--reason), people will ask next week")
    if action == "snooze" and (until_at is None or until_at <= said_at):
        raise LedgerError(f"snooze {name}: say until when (--until), later than now")
    content = {
        "action": action,
        "reason": reason.strip(),
        "until_at": until_at.isoformat() if action == "snooze" and until_at is not None else "",
        "known_at": known_at.isoformat(),
        "severity": None if pd.isna(severity) else float(severity),
    }
    number = ledger.append(KIND, name, content, cycle_id=cycle_id, said_at=said_at, person=person)
    states = ledger.states().set_index("divergence_id")["state"]
    now = str(states.get(name, ""))
    if not now:
        move(ledger, name, "open", cycle_id=cycle_id, said_at=said_at, person=person,
             source=source)  # fmt: skip
        now = "open"
    target = {"acknowledge": "assessed", "dismiss": CLOSED}.get(action, "")
    if target in legal_moves(now):
        move(ledger, name, target, cycle_id=cycle_id, said_at=said_at, person=person,
             reason=reason.strip(), source=source)  # fmt: skip
    return number


def handlings(ledger: Ledger) -> pd.DataFrame:
    """
    Return everything people did with divergences, in its order.

    Returns
    -------
    pandas.DataFrame
        ``divergence_id``, ``action``, ``reason``, ``until_at`` (end of a snooze), ``known_at``
        (instant of the run that was looked at), ``severity`` (of then), ``cycle_id``, ``said_at``,
        ``person``.
    """
    entries = ledger.entries(KIND)
    contents = [json.loads(text) for text in entries["content"]]
    said = pd.DataFrame(contents, columns=["action", "reason", "until_at", "known_at", "severity"])
    rows = pd.concat([entries.drop(columns=["content", "kind", "number"]), said], axis=1)
    rows = rows.rename(columns={"object_id": "divergence_id"})
    for name in ("until_at", "known_at"):
        rows[name] = pd.to_datetime(rows[name].replace("", None), utc=True, format="ISO8601")
    return rows.astype({"severity": float, "action": "str", "reason": "str"})[list(COLUMNS)]
