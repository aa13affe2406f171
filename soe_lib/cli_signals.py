"""Commands of the analyst: list divergences, acknowledge, snooze or dismiss one."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pandas as pd

from soe_lib.decision.governance import load_governance
from soe_lib.handling import ACTIONS
from soe_lib.ledger import Ledger, LedgerError, moment
from soe_lib.run import Run, open_run, project_root

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE = 0
SHORT = 8
"""Letters of an identity that are shown; as many as tell it apart may be typed."""


def add_signal_commands(add: Add) -> None:
    """Add ``soe divergence`` to the parser."""
    parser = add("divergence", _divergence, "what to do with a divergence, remembered next week")
    parser.add_argument("action", choices=("list", *ACTIONS))
    parser.add_argument("divergence_id", nargs="?", default="", help="its first letters suffice")
    parser.add_argument("--as", dest="person_id", default="", metavar="PERSON")
    parser.add_argument("--reason", default="", help="needed to snooze and to dismiss")
    parser.add_argument("--until", default="", help="end of a snooze: 2026-12-07 or an instant")
    parser.add_argument("--run", default="", help="folder of the run; empty = the latest")


def _divergence(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run)
    with Ledger.default(run.workspace) as ledger:
        if arguments.action == "list":
            return _list(run, ledger)
        return _handle(run, ledger, arguments)


def _list(run: Run, ledger: Ledger) -> int:
    from soe_lib.steps.signals import standing_of

    states = ledger.states().set_index("divergence_id")["state"].to_dict()
    rows = standing_of(run, ledger)
    for row in rows.itertuples(index=False):
        name = str(row.divergence_id)
        state = str(states.get(name, "open"))
        over = " (over the budget)" if row.is_over_budget else ""
        print(f"{name[:SHORT]}  {state:10} {row.standing!s:12} {row.sentence}{over}")
        if row.why:
            print(f"{'':{SHORT}}  {row.why!s}")
    return DONE


def _handle(run: Run, ledger: Ledger, arguments: argparse.Namespace) -> int:
    from soe_lib.steps.signals import handle_divergence

    people = load_governance(project_root() / "params" / "governance.yaml").people
    known = [person.person_id for person in people]
    if arguments.person_id not in known:
        raise LedgerError(f"say who you are: --as one of {', '.join(known)}")
    row = handle_divergence(
        run,
        ledger,
        arguments.divergence_id,
        arguments.action,
        person=arguments.person_id,
        said_at=moment(),
        reason=arguments.reason,
        until_at=_instant(arguments.until, run.snapshot.site_time_zone),
    )
    done = {"acknowledge": "acknowledged", "snooze": "snoozed", "dismiss": "dismissed"}
    print(f"{done[arguments.action]}: {row['sentence']}")
    return DONE


def _instant(text: str, zone: str) -> pd.Timestamp | None:
    if not text:
        return None
    try:
        at = pd.Timestamp(text)
    except ValueError:
        raise LedgerError(f"--until {text}: not a day or an instant (2026-12-07)") from None
    return (at.tz_localize(zone) if at.tzinfo is None else at).tz_convert("UTC")
