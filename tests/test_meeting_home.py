"""The first page of the meeting, without a browser: it works before any run and never hides."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from soe_lib.decision.governance import load_governance
from soe_lib.meeting import MeetingError, check_bind, meeting_folder, voila_command
from soe_lib.views.agenda import agenda, agenda_html
from soe_lib.views.meeting_home import MeetingHome
from soe_lib.workspace import Workspace
from tests.conftest import ROOT


def test_page_before_any_run_says_what_to_do(tmp_path: Path) -> None:
    """Tests that the page opens on an empty workspace and names the command."""
    home = MeetingHome(Workspace(tmp_path))
    assert "no cycle yet" in home.head.value
    assert "make week" in home.head.value
    assert home.steps.value.count("soe-step-waiting") == 5


def test_callback_that_fails_is_said(tmp_path: Path) -> None:
    """Tests that a click that cannot work shows a sentence instead of nothing."""
    home = MeetingHome(Workspace(tmp_path))
    home.text.value = "Filler 1 stands"
    home.state_problem.click()
    assert "no cycle yet" in home.message.widget.value


def test_agenda_keeps_the_order_of_the_five_steps() -> None:
    """Tests that the five steps stand in their strict order, each linking to its page."""
    items = agenda(None, None, load_governance(ROOT / "params" / "governance.yaml"))
    assert [item.number for item in items] == [1, 2, 3, 4, 5]
    html = agenda_html(items)
    places = [html.index(f"{item.page}.ipynb") for item in items]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("ip", "has_token", "refused"),
    [
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("localhost", False, False),
        ("0.0.0.0", False, True),
        ("192.168.1.5", False, True),
        ("0.0.0.0", True, False),
    ],
)
def test_open_bind_needs_a_token(ip: str, has_token: bool, refused: bool) -> None:
    """Tests that only a loopback address may be served without a token."""
    if refused:
        with pytest.raises(MeetingError, match="refused"):
            check_bind(ip, has_token=has_token)
    else:
        check_bind(ip, has_token=has_token)


def test_address_that_is_none_is_named() -> None:
    """Tests that a mistyped address is a sentence."""
    with pytest.raises(MeetingError, match="not an IP address"):
        check_bind("here", has_token=True)


def test_served_folder_holds_the_pages_and_nothing_else(tmp_path: Path) -> None:
    """Tests that the server sees the meeting page and the notebooks, and that leftovers go."""
    workspace = Workspace(tmp_path)
    stale = workspace.root / "meeting" / "old.ipynb"
    workspace.write_text(stale, "{}")
    folder = meeting_folder(ROOT / "notebooks", workspace)
    names = sorted(path.name for path in folder.iterdir())
    assert names[-1] == "meeting.ipynb"
    assert len(names) == 7
    assert not stale.exists()


def test_token_is_never_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that other users of the machine cannot read the token from the process list."""
    monkeypatch.setenv("JUPYTER_TOKEN", "very-secret")
    command = voila_command(Path("x"), "127.0.0.1", 8866, token=True)
    assert "--token" in command
    assert not any("very-secret" in part for part in command)
    assert "--Voila.port_retries=0" in command


def test_moment_is_utc() -> None:
    """Tests that acts are stamped in UTC to the second."""
    from soe_lib.ledger import moment

    now = moment()
    assert str(now.tz) == "UTC"
    assert now == now.floor("s")
    assert abs((pd.Timestamp.now(tz="UTC") - now).total_seconds()) < 5
