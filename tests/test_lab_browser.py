"""The analyst in JupyterLab: filter, from a number to its rows in two clicks, xlsx, a remark."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.meeting import lab_command
from soe_lib.run import open_run
from soe_lib.steps.desk import Desk
from soe_lib.steps.divergence import find_divergences
from soe_lib.steps.drill import DIVERGENCES, Drill, Filters, Rows
from soe_lib.views.facts_of_run import plural
from soe_lib.workspace import Workspace
from tests.browser import free_port, local_page, served
from tests.conftest import ROOT
from tests.demo_week import environment, run_folder, small_params, week

__all__ = ["small_params", "week"]

TOKEN = "only-for-this-test"
PERSON, PASSPHRASE = "coordinator", "seen on Monday at seven"
SAID = "The supplier rang: <b>two</b> pallets come on Tuesday."
LONG, TO_START, TRIES = 180_000, 5_000, 10
"""Milliseconds that anything may take, and that a started cell needs to show it."""


@pytest.fixture(scope="module")
def workspace(week: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo week in which the coordinator has a passphrase."""
    folder = Path(shutil.copytree(week, tmp_path_factory.mktemp("lab") / "workspace"))
    governance = load_governance(ROOT / "params" / "governance.yaml")
    with Ledger.default(Workspace(folder)) as ledger:
        Desk(ledger, governance, "any", "any").set_passphrase(PERSON, PASSPHRASE, moment())
    return folder


def opened(workspace: Path) -> tuple[str, str, Rows]:
    """Return a family, a bar of its divergences and the rows behind, told by the library."""
    run = open_run(str(run_folder(workspace)))
    drill = Drill(run, find_divergences(run))
    family = next(f for f in drill.options("family") if len(_bars(drill, f)))
    key = str(_bars(drill, family)["key"].iloc[0])
    return family, key, drill.rows(DIVERGENCES, "divergence", key, Filters(family=family))


def _bars(drill: Drill, family: str) -> Any:
    return drill.bars(DIVERGENCES, "divergence", Filters(family=family))


def _settings(folder: Path) -> None:
    """Keep the whole notebook in the page, and JupyterLab from asking about its news."""
    for name, content in (
        ("notebook-extension/tracker", {"windowingMode": "none"}),
        ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
    ):
        path = folder / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))


_STARTED = """() => [...document.querySelectorAll('.jp-InputPrompt')]
  .some(prompt => /\\[(\\*|\\d+)\\]/.test(prompt.textContent))"""


def _run_all(page: Any, address: str) -> None:
    """
    Open the notebook and run all its cells, as an analyst does by the menu.

    JupyterLab drops what is run before its kernel is connected, without a word: then no cell has a
    number or a star, and it is run again.
    """
    from playwright.sync_api import TimeoutError as NotYet

    page.goto(f"{address}/lab/tree/notebooks/1_divergence.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector(".jp-StatusBar-TextItem:has-text('(ipykernel) | Idle')")
    for _ in range(TRIES):
        page.locator(".lm-MenuBar-item:has-text('Run')").click()
        page.locator(".lm-Menu-item:has-text('Run All Cells')").first.click()
        try:
            page.wait_for_function(_STARTED, timeout=TO_START)
            break
        except NotYet:
            continue
    page.wait_for_selector(".soe-workbench .soe-measures .soe-choice", state="attached")


def test_analyst_goes_from_a_number_to_its_rows_and_leaves_a_remark(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests the way of Monday, seven o'clock, up to the page that the facilitator opens."""
    monkeypatch.setenv("SOE_WORKSPACE", str(workspace))
    family, key, rows = opened(workspace)
    (tmp_path / "notebooks").mkdir()
    _settings(tmp_path / "JUPYTER_CONFIG_DIR")
    shutil.copy(ROOT / "notebooks" / "1_divergence.ipynb", tmp_path / "notebooks")
    port = free_port()
    command = [*lab_command(tmp_path), f"--port={port}", "--ServerApp.port_retries=0",
               "--no-browser", *(["--allow-root"] if os.geteuid() == 0 else [])]  # fmt: skip
    own = {"SOE_MODE": "lab", "JUPYTER_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    own |= {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    with (
        served(command, port, environment(workspace, own), tmp_path / "lab.log") as address,
        local_page(LONG) as page,
    ):
        _run_all(page, address)
        before = _number(page)
        page.locator(".soe-filter-family select").select_option(label=family)
        page.wait_for_function(
            "before => document.querySelector('.soe-measures .soe-choices').dataset.revision"
            " !== before",
            arg=before,
        )
        page.locator(f".soe-measures .soe-choice[data-key={DIVERGENCES}]").click()
        page.locator(f".soe-bars .soe-choice[data-key='{key}']").click()
        page.wait_for_selector(".soe-rows caption", state="attached")
        caption = page.locator(".soe-rows caption").text_content()
        assert caption == f"{rows.title}: {plural(len(rows.frame), 'row')}"
        shown = page.locator(".soe-rows tbody tr").count()
        assert shown == min(len(rows.frame), 10) > 0

        with page.expect_download() as waiting:
            page.locator(".soe-save button").click()
        saved = tmp_path / "saved.xlsx"
        waiting.value.save_as(saved)
        assert waiting.value.suggested_filename == f"2026-W48_{rows.table}.xlsx"

        page.locator(".soe-remark-text textarea").fill(SAID)
        page.locator(".soe-remark-text textarea").press("Tab")
        page.locator(".soe-workbench .widget-dropdown:has(label:text-is('I am')) select").first \
            .select_option(label="S&OE coordinator")  # fmt: skip
        page.locator(".soe-workbench input[type=password]").fill(PASSPHRASE)
        page.locator(".soe-workbench input[type=password]").press("Tab")
        page.locator(".soe-do-remark").click()
        page.wait_for_selector(".soe-workbench .soe-message .soe-good", state="attached")
    book = openpyxl.load_workbook(saved)
    sheet = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    assert sheet[0] == list(rows.frame.columns)
    assert len(sheet) == 1 + len(rows.frame)
    _facilitator_reads(workspace, f"{rows.title} – {SAID}", tmp_path)


def _number(page: Any) -> str:
    return str(page.locator(".soe-measures .soe-choices").get_attribute("data-revision"))


def _facilitator_reads(workspace: Path, text: str, tmp_path: Path) -> None:
    """Open the meeting's first page: what the analyst wrote stands there, as text."""
    port = free_port()
    command = [sys.executable, "-m", "soe_lib.cli", "meet", "--no-browser", "--port", str(port)]
    own = environment(workspace, {"JUPYTER_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)})
    with (
        served(command, port, own, tmp_path / "meet.log") as address,
        local_page(LONG) as page,
    ):
        page.goto(f"{address}/voila/render/meeting.ipynb?token={TOKEN}")
        cell = page.locator("tr:has(td:text-is('remark')) td:last-child").first
        cell.wait_for(state="attached")
        assert cell.text_content() == text
