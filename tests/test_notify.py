"""Alerts by e-mail: one digest per role, never twice, over a real local SMTP server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiosmtpd.controller import Controller

from soe_lib.ledger import Ledger
from soe_lib.notify import addresses, digests, send_digests
from soe_lib.params import Params
from soe_lib.run import Run
from soe_lib.workspace import Workspace

AT = pd.Timestamp("2026-11-23T05:00Z")


class Inbox:
    """Keeps what an SMTP server receives."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Accept one mail."""
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def smtp() -> Iterator[tuple[Inbox, str]]:
    """A local SMTP server and the apprise address that reaches it."""
    inbox = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    address = f"mailto://127.0.0.1:{port}?from=soe@plant.example&to=ops@plant.example&mode=insecure"
    yield inbox, address
    controller.stop()


def _run(folder: Path, *sentences: str, role: str = "operations") -> Run:
    run = Run(folder, "demo", "2026-W48", AT, "", Params(), Workspace(folder))
    rows = pd.DataFrame(
        {
            "divergence_id": [f"d{n}" for n in range(len(sentences))],
            "owner_role": role,
            "sentence": list(sentences),
            "first_seen_at": AT,
            "severity": 2.0,
            "act_by_at": pd.to_datetime(
                [AT + pd.Timedelta(hours=n) if n else None for n in range(len(sentences))], utc=True
            ),
        }
    )
    run.write(divergences=rows)
    return run


def _text(mail: Message) -> str:
    parts = [p.get_payload(decode=True) for p in mail.walk() if not p.is_multipart()]
    return b"\n".join(p for p in parts if isinstance(p, bytes)).decode()


def test_digest_reaches_the_mailbox_once(tmp_path: Path, smtp: tuple[Inbox, str]) -> None:
    """Tests that a digest arrives, that a second sending is silent and that new rows arrive."""
    inbox, address = smtp
    environment = {"SOE_NOTIFY_OPERATIONS": address}
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = _run(tmp_path, "FIL-N1 stood 5 h", "FIL-N2 lacks 9 h")
    assert [s.outcome for s in send_digests(run, ledger, AT, environment)] == ["sent"]
    assert len(inbox.mails) == 1
    assert "FIL-N1 stood 5 h" in _text(inbox.mails[0])
    assert "2 new for operations" in str(inbox.mails[0]["Subject"])
    assert send_digests(run, ledger, AT, environment) == []
    third = _run(tmp_path, "FIL-N1 stood 5 h", "FIL-N2 lacks 9 h", "PAC-S1 is slow")
    assert [s.num_alerts for s in send_digests(third, ledger, AT, environment)] == [1]
    assert len(inbox.mails) == 2
    assert "stood" not in _text(inbox.mails[1])


def test_failure_is_recorded_and_tried_again(tmp_path: Path, smtp: tuple[Inbox, str]) -> None:
    """Tests that an unreachable server is said, and that the next run sends what failed."""
    inbox, address = smtp
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = _run(tmp_path, "FIL-N1 stood 5 h")
    nowhere = {"SOE_NOTIFY_OPERATIONS": "json://127.0.0.1:9/?cto=1&rto=1"}
    assert [s.outcome for s in send_digests(run, ledger, AT, nowhere)] == ["failed"]
    assert [
        s.outcome for s in send_digests(run, ledger, AT, {"SOE_NOTIFY_OPERATIONS": address})
    ] == ["sent"]
    assert len(inbox.mails) == 1


def test_in_doubt_nothing_is_sent_twice(tmp_path: Path, smtp: tuple[Inbox, str]) -> None:
    """Tests that an alert whose sending never ended (the process died) is not sent again."""
    inbox, address = smtp
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = _run(tmp_path, "FIL-N1 stood 5 h")
    key = digests(run, ledger)[0].keys[0]
    ledger.append(
        "alert",
        "2026-W48/operations",
        {"status": "sending", "keys": [key]},
        cycle_id="2026-W48",
        said_at=AT,
        person="batch",
    )
    assert send_digests(run, ledger, AT, {"SOE_NOTIFY_OPERATIONS": address}) == []
    assert inbox.mails == []


def test_role_without_address_is_said_and_not_marked(tmp_path: Path) -> None:
    """Tests that nothing is recorded for a role that could not be told."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = _run(tmp_path, "SUP01 is late", role="procurement")
    sent = send_digests(run, ledger, AT, {})
    assert [s.outcome for s in sent] == ["no address"]
    assert "SOE_NOTIFY_PROCUREMENT" in sent[0].sentence
    assert ledger.entries("alert").empty


def test_markup_from_the_data_is_escaped(tmp_path: Path) -> None:
    """Tests that ERP text cannot put markup into a mail or a second line into its subject."""
    run = _run(tmp_path, "<script>alert(1)</script>\r\nBcc: x@y.example")
    digest = digests(run, Ledger(tmp_path / "ledger.sqlite"))[0]
    assert "<script>" not in digest.html
    assert "\n" not in digest.subject


def test_addresses_come_from_the_environment() -> None:
    """Tests that several addresses of a role are separated by blanks and others are ignored."""
    found = addresses({"SOE_NOTIFY_FINANCE": " json://a  json://b ", "SOE_NOTIFY_NOBODY": "x://y"})
    assert found == {"finance": ("json://a", "json://b")}
