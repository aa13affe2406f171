"""
Alerts when the batch ends: one digest per role, by e-mail or webhook, never twice the same thing.

Where a digest goes is said by the environment, not by a file in git: ``SOE_NOTIFY_OPERATIONS``,
``SOE_NOTIFY_PROCUREMENT``, ... hold one or more apprise addresses (``mailtos://...``,
``json://...``), separated by blanks. A role without an address gets nothing, which is said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import pandas as pd

from soe_lib.ledger import Ledger
from soe_lib.run import Run
from soe_lib.steps.signals import standing_of
from soe_lib.vocabulary import FUNCTIONS

PREFIX = "SOE_NOTIFY_"


@dataclass(frozen=True)
class Digest:
    """
    What one role is told.

    Attributes
    ----------
    role
        Function that owns the rows.
    subject, text, html
        The message; all text from the data is escaped in ``html``.
    keys
        What it is about: one key per divergence and occurrence.
    num_shown
        How many of them it names; the others are beyond the budget of the week and counted.
    """

    role: str
    subject: str
    text: str
    html: str
    keys: tuple[str, ...]
    num_shown: int


@dataclass(frozen=True)
class Sending:
    """Outcome for one role: sent, failed, no address, nothing new; with its sentence."""

    role: str
    outcome: str
    num_alerts: int
    sentence: str


def addresses(environment: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return the apprise addresses of each role, from the environment."""
    source = os.environ if environment is None else environment
    return {
        role: tuple(source.get(PREFIX + role.upper(), "").split())
        for role in FUNCTIONS
        if source.get(PREFIX + role.upper(), "").strip()
    }


def digests(run: Run, ledger: Ledger) -> list[Digest]:
    """
    Return what is new for each role and has not been sent before.

    Parameters
    ----------
    run
        A finished run; its table ``divergences`` is read.
    ledger
        Alerts that were sent, or may have been, are left out, and what somebody has acknowledged
        or laid aside. A role is shown as many in a week as ``alert_budget`` allows, those of
        earlier digests of the week counted; the others are a number and where to find them.

    Returns
    -------
    list of Digest
        One per role with something new, in the order of ``vocabulary.FUNCTIONS``.
    """
    if not run.has("divergences"):
        return []
    rows = standing_of(run, ledger)
    rows = rows[rows["standing"].isin(["new", "back"])]
    rows = rows.assign(key=_keys(rows))
    known = _already(ledger)
    rows = rows[~rows["key"].isin(known)]
    budget = run.params.divergence.alert_budget
    return [
        _digest(run, role, own, max(budget - _shown_this_week(ledger, run, role), 0))
        for role in FUNCTIONS
        if len(own := rows[rows["owner_role"] == role])
    ]


def send_digests(
    run: Run,
    ledger: Ledger,
    said_at: pd.Timestamp,
    environment: Mapping[str, str] | None = None,
) -> list[Sending]:
    """
    Send the digests of a run.

    An alert is written to the ledger as ``sending`` before it leaves and as ``sent`` after: a
    process that dies in between leaves a doubt, and in doubt nothing is sent twice.

    Parameters
    ----------
    run, ledger
        The run and where alerts are recorded.
    said_at
        Instant of the sending, UTC.
    environment
        Where addresses are looked up; None = the process environment.

    Returns
    -------
    list of Sending
        One per role with something new.
    """
    where = addresses(environment)
    return [
        _send(digest, where.get(digest.role, ()), run, ledger, said_at)
        for digest in digests(run, ledger)
    ]


def _send(
    digest: Digest, urls: tuple[str, ...], run: Run, ledger: Ledger, said_at: pd.Timestamp
) -> Sending:
    count = len(digest.keys)
    if not urls:
        text = f"{digest.role}: {count} alerts, no address ({PREFIX}{digest.role.upper()})"
        return Sending(digest.role, "no address", count, text)
    _record(ledger, digest, run.cycle_id, said_at, "sending")
    delivered = _deliver(digest, urls)
    _record(ledger, digest, run.cycle_id, said_at, "sent" if delivered else "failed")
    outcome = "sent" if delivered else "failed"
    text = f"{digest.role}: {count} alerts {outcome} ({len(urls)} address(es))"
    return Sending(digest.role, outcome, count, text)


def _deliver(digest: Digest, urls: tuple[str, ...]) -> bool:
    import apprise

    service = apprise.Apprise()
    if not service.add(list(urls)) or len(service) < len(urls):
        return False
    style = apprise.NotifyFormat.HTML
    return bool(service.notify(title=digest.subject, body=digest.html, body_format=style))


def _record(
    ledger: Ledger, digest: Digest, cycle_id: str, said_at: pd.Timestamp, status: str
) -> None:
    ledger.append(
        "alert",
        f"{cycle_id}/{digest.role}",
        {"status": status, "keys": list(digest.keys), "num_shown": digest.num_shown},
        cycle_id=cycle_id,
        said_at=said_at,
        person="batch",
    )


def _already(ledger: Ledger) -> set[str]:
    """Keys that were sent or may have been: only a recorded failure frees a key again."""
    status: dict[str, str] = {}
    for content in ledger.entries("alert")["content"]:
        entry = json.loads(content)
        status.update(dict.fromkeys(entry["keys"], entry["status"]))
    return {key for key, last in status.items() if last != "failed"}


def _shown_this_week(ledger: Ledger, run: Run, role: str) -> int:
    """Return how many rows of a role went out in the week of the run (daily cycles included)."""
    week = "-".join(run.cycle_id.split("-")[:2])
    entries = ledger.entries("alert")
    own = entries["object_id"].str.startswith(week) & entries["object_id"].str.endswith(f"/{role}")
    contents = [json.loads(content) for content in entries.loc[own, "content"]]
    return sum(int(c.get("num_shown", 0)) for c in contents if c["status"] == "sent")


def _keys(rows: pd.DataFrame) -> pd.Series:
    seen = rows["first_seen_at"].dt.strftime("%Y-%m-%dT%H:%M").fillna("")
    # What came back is another occurrence: it may be told once more.
    again = (" back " + rows["why"]).where(rows["standing"] == "back", "")
    return rows["divergence_id"] + "@" + seen + again


def _digest(run: Run, role: str, rows: pd.DataFrame, budget: int) -> Digest:
    shown = rows.head(budget)
    more = len(rows) - len(shown)
    title = f"S&OE {run.cycle_id} {run.source_name}: {len(rows)} new for {role.replace('_', ' ')}"
    lines = [
        f"- {sentence}{_until(at)}" + (f"; {why}" if why else "")
        for sentence, at, why in zip(
            shown["sentence"].astype(str), shown["act_by_at"], shown["why"], strict=True
        )
    ]
    items = "".join(f"<li>{escape(line[2:])}</li>" for line in lines)
    place = f"{run.folder / 'report' / 'index.html'}"
    rest = f"and {more} more beyond the {run.params.divergence.alert_budget} a week, all in {place}"
    rest = rest if more else ""
    return Digest(
        role=role,
        subject=" ".join(title.split()),
        text="\n".join([title, *lines, rest]).strip(),
        html=f"<p>{escape(title)}</p><ul>{items}</ul>" + (f"<p>{escape(rest)}</p>" if rest else ""),
        keys=tuple(rows["key"]),
        num_shown=len(shown),
    )


def _until(at: pd.Timestamp) -> str:
    return "" if pd.isna(at) else f" (act by {at:%a %d %b %H:%M} UTC)"
