"""The meeting in headless Chromium: five steps, live what-if, six signatures, green seal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soe_lib.decision.governance import load_governance
from soe_lib.views.live.decision_panel import person_words
from tests.browser import free_port, local_page, served
from tests.conftest import ROOT
from tests.demo_week import environment, small_params, soe, week

__all__ = ["small_params", "week"]

TOKEN = "only-for-this-test"
PASSPHRASE = "six functions at one table"
GOVERNANCE = load_governance(ROOT / "params" / "governance.yaml")
LONG = 180_000


@pytest.fixture(scope="module")
def meeting(week: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A meeting server on a copy of the demo week, where everyone has a passphrase."""
    workspace = Path(shutil.copytree(week, tmp_path_factory.mktemp("meeting") / "workspace"))
    for person in GOVERNANCE.people:
        done = soe(
            "person",
            "passphrase",
            person.person_id,
            workspace=workspace,
            extra={"SOE_PASSPHRASE": PASSPHRASE},
        )
        assert done.returncode == 0, done.stderr
    port = free_port()
    command = [sys.executable, "-m", "soe_lib.cli", "meet", "--no-browser", "--port", str(port)]
    around = environment(workspace, {"JUPYTER_TOKEN": TOKEN})
    with served(command, port, around, workspace / "voila.log") as address:
        yield address, workspace


@pytest.fixture
def page(meeting: tuple[str, Path]) -> Iterator[Any]:
    """A browser page that may speak to this machine only; no page error is tolerated."""
    with local_page(LONG) as tab:
        yield tab


STILL = """() => {
  document.querySelectorAll('.soe-heartbeat').forEach(e => e.classList.remove('soe-heartbeat'));
  const still = document.createElement('div');
  still.className = 'soe-heartbeat';
  still.textContent = globalThis.__soeBeat = 'still';
  document.body.prepend(still);
  globalThis.__soeBeatAt = Date.now() - 30000;
}"""
"""Puts a heartbeat on the page that nobody writes."""


def _open(page: Any, address: str, notebook: str) -> None:
    page.goto(f"{address}/voila/render/{notebook}.ipynb?token={TOKEN}")
    page.wait_for_selector(".soe-heartbeat span", state="attached")


def _choose(page: Any, label: str, text: str) -> None:
    box = page.locator(f".widget-dropdown:has(label:text-is('{label}')) select").first
    box.select_option(label=text)


def _title(person_id: str) -> str:
    person = next(p for p in GOVERNANCE.people if p.person_id == person_id)
    return person_words(person.name, GOVERNANCE.title(person.role))


def _act(page: Any, person_id: str, button: str) -> None:
    """Choose a person, type the passphrase and press a button; wait for what is said."""
    _choose(page, "I am", _title(person_id))
    page.locator("input[type=password]").first.fill(PASSPHRASE)
    page.locator("input[type=password]").first.press("Tab")
    before = page.locator(".soe-message").first.text_content()
    page.locator(f".soe-do-{button}").first.click()
    page.wait_for_function(
        "before => { const m = document.querySelector('.soe-message');"
        " return m && m.textContent !== '' && m.textContent !== before }",
        arg=before,
    )


def test_pages_ask_for_the_token(meeting: tuple[str, Path]) -> None:
    """Tests that nobody sees a page without the token."""
    import urllib.request

    address, _ = meeting
    with urllib.request.urlopen(f"{address}/voila/render/meeting.ipynb") as answer:
        assert "/login" in answer.url
        assert "soe-agenda" not in answer.read().decode()


def test_first_page_shows_the_five_steps_in_order(page: Any, meeting: tuple[str, Path]) -> None:
    """Tests that the meeting opens on the agenda with the proposed problem statement."""
    address, _ = meeting
    _open(page, address, "meeting")
    page.wait_for_selector(".soe-step", state="attached")
    numbers = page.locator(".soe-step-number").all_text_contents()
    assert numbers == ["1", "2", "3", "4", "5"]
    assert "order lines" in page.locator(".soe-headline").first.text_content()
    page.evaluate(STILL)  # as after a kernel that died half a minute ago
    page.wait_for_selector(".soe-lost.soe-shown", timeout=20_000)


def test_levers_are_pulled_and_compared(page: Any, meeting: tuple[str, Path]) -> None:
    """Tests that three levers give a new column, while the page stays alive."""
    address, workspace = meeting
    _open(page, address, "3_what_if")
    page.wait_for_selector(".soe-do-compute")
    for lever in ("overtime", "alternate-routing", "expedite"):
        page.locator(f".soe-lever-{lever} input").check()
    page.locator("input[type=text]").first.fill("Three levers")
    page.locator("input[type=text]").first.press("Tab")
    page.locator(".soe-do-compute").click()
    page.wait_for_selector(".soe-comparison th:has-text('Three levers')", state="attached")
    assert list((workspace / "scenarios").glob("*/*/live_01/choice.json"))
    kinds = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].map(d => d._fullLayout.xaxis.type)"
    )
    assert "date" in kinds  # the Gantt keeps its date axis after every redraw


def test_a_rush_order_is_asked(page: Any, meeting: tuple[str, Path]) -> None:
    """Tests that an inquiry is answered with a date and is not offered for selection."""
    address, _ = meeting
    _open(page, address, "3_what_if")
    page.wait_for_selector(".soe-typed-levers")
    page.get_by_text("Add a rush order").click()
    page.locator(".soe-lever-rush input").check()
    page.locator("input[type=text]").first.fill("Rush")
    page.locator("input[type=text]").first.press("Tab")
    page.locator(".soe-do-compute").click()
    page.wait_for_selector(".soe-rush-answer .soe-rush", state="attached")
    assert "margin" in page.locator(".soe-rush").first.text_content()
    assert "inquiry" in page.locator(".soe-comparison th:has-text('Rush')").first.text_content()
    _open(page, address, "4_decision")
    page.wait_for_selector(".soe-do-select")
    offered = page.locator(".widget-dropdown:has(label:text-is('Scenario')) option")
    assert "Rush" not in offered.all_text_contents()


def test_meeting_ends_with_the_green_seal(page: Any, meeting: tuple[str, Path]) -> None:
    """Tests selecting, answering, verifying, six signatures, publishing and the seal."""
    address, workspace = meeting
    _open(page, address, "4_decision")
    page.wait_for_selector(".soe-do-select")
    reason = page.locator(".widget-text:has(label:text-is('Reason')) input").first
    reason.fill("lowest cost that everyone can carry")
    reason.press("Tab")
    _act(page, "soe_lead", "select")
    page.wait_for_selector(".soe-decision-state:has-text('lowest cost')", state="attached")
    assert "options were seen" in page.locator("details.soe-list").first.text_content()
    for person in GOVERNANCE.people:
        done = soe(
            "answer",
            "yes",
            "--as",
            person.person_id,
            workspace=workspace,
            extra={"SOE_PASSPHRASE": PASSPHRASE},
        )
        assert done.returncode == 0, done.stderr
    _act(page, "soe_lead", "verify")
    for role in GOVERNANCE.signatures:
        _act(page, GOVERNANCE.owner(role), "sign")
    for person_id in ("soe_lead", "plant_manager"):  # approvers of fence breaks, where wanted
        if page.locator(".soe-sign:not(.soe-signed)").count():
            _act(page, person_id, "sign")
    page.wait_for_selector(".soe-decision-state:has-text('can be published')", state="attached")
    _act(page, "soe_lead", "publish")
    page.wait_for_selector(".soe-seal.soe-good", state="attached")
    assert "APS = ERP = MES" in page.locator(".soe-seal").first.text_content()
