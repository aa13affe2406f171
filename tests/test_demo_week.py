"""The main job on the demo plant: run, report, resume after kills, decide, publish, read back."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from soe_lib.run_columns import columns_version, run_columns
from tests.conftest import ROOT
from tests.demo_week import CYCLE, environment, run_folder, small_params, soe, week
from tests.run_columns import columns_of

__all__ = ["small_params", "week"]

PASSPHRASE = "six functions at one table"


class _Links(HTMLParser):
    """Collects every address that a page would load or open."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep src and href of any element."""
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_report_opens_offline(week: Path) -> None:
    """Tests that every page exists, loads nothing from elsewhere and has no broken link."""
    report = run_folder(week) / "report"
    pages = sorted(report.glob("*.html"))
    assert {"index.html", "1_divergence.html", "function_finance.html"} <= {p.name for p in pages}
    for page in pages:
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        for link in links.found:
            assert not re.match(r"[a-z]+://|//", link), f"{page.name} asks for {link}"
            target = link.partition("#")[0]
            assert not target or (report / target).is_file(), f"{page.name}: {link} is missing"


def test_every_page_opens_with_its_computed_sentence(week: Path) -> None:
    """Tests that the headline of each step stands on its page."""
    folder = run_folder(week)
    pages = {
        "snapshot": "0_snapshot",
        "divergence": "1_divergence",
        "impact": "2_impact",
        "what_if": "3_what_if",
        "decision": "4_decision",
        "monitoring": "5_monitoring",
    }
    for step, page in pages.items():
        headline = json.loads((folder / "words" / f"{step}.json").read_text())["headline"]
        text = (folder / "report" / f"{page}.html").read_text(encoding="utf-8")
        assert len(headline) > 30
        assert headline[:40].replace("&", "&amp;").replace("'", "&#x27;") in text


def test_identities_hold_for_every_table(week: Path) -> None:
    """Tests that every row of the demo's extracts is accounted for."""
    check = pd.read_parquet(run_folder(week) / "tables" / "check.parquet")
    assert len(check) == 30
    assert (check["rows_raw"] == check["rows_in"] + check["rows_excluded"]).all()
    assert (check["rows_in"] == check["rows_loaded"] + check["rows_quarantined"]).all()


def test_the_columns_of_a_run_are_those_that_older_runs_are_held_against(week: Path) -> None:
    """Tests the list of columns; after a change of a table: python -m tests.run_columns FOLDER."""
    folder = run_folder(week)
    assert {name: tuple(columns) for name, columns in columns_of(folder).items()} == run_columns()
    assert json.loads((folder / "run.json").read_text())["columns_version"] == columns_version()


def test_notebook_zero_to_five_agree_on_the_numbers(week: Path) -> None:
    """Tests that late lines on the pages of impact and what-if are the rows of one projection."""
    folder = run_folder(week) / "tables"
    orders = pd.read_parquet(folder / "order_impact.parquet")
    scenarios = pd.read_parquet(folder / "scenarios.parquet").set_index("scenario")
    assert scenarios.loc["do_nothing", "num_late_lines"] == orders["is_late"].sum()
    assert scenarios.loc["do_nothing", "late_cost"] == pytest.approx(orders["late_cost"].sum())
    assert (scenarios["num_violations"] == 0).all()


def test_killed_runs_resume_to_the_same_report(
    week: Path, small_params: Path, tmp_path: Path
) -> None:
    """Tests that SIGKILL at several moments leaves nothing half-visible and changes no byte."""
    arguments = ["run", "--params", str(small_params)]
    for seconds in (6.0, 11.0, 17.0):
        command = [sys.executable, "-m", "soe_lib.cli", *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert not run_folder(tmp_path).exists() or process.returncode in (0, 3)
        for path in (tmp_path / "snapshots").glob("*"):
            assert path.name.startswith(".") or (path / "manifest.json").is_file()
        started = (tmp_path / "runs" / CYCLE / "demo.partial" / "run.json").is_file()
        arguments = ["run", "--params", str(small_params), *(["--resume"] if started else [])]
        time.sleep(0.5)  # kernels of the killed run notice that their parent is gone
    done = soe(*arguments, workspace=tmp_path)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    comparison = filecmp.dircmp(run_folder(week) / "report", run_folder(tmp_path) / "report")
    assert _differences(comparison) == []
    assert not list((tmp_path / "runs" / CYCLE).glob("*.partial"))


def _differences(comparison: filecmp.dircmp[str]) -> list[str]:
    own = [*comparison.left_only, *comparison.right_only]
    _, mismatch, errors = filecmp.cmpfiles(
        comparison.left, comparison.right, comparison.common_files, shallow=False
    )
    below = [name for sub in comparison.subdirs.values() for name in _differences(sub)]
    return [*own, *mismatch, *errors, *below]


def test_nothing_to_resume_is_a_sentence(tmp_path: Path, small_params: Path) -> None:
    """Tests that --resume without a stopped run says so and fails."""
    done = soe("run", "--resume", "--params", str(small_params), workspace=tmp_path)
    assert done.returncode == 1
    assert "nothing to resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_meeting_by_command_line_ends_with_the_green_seal(week: Path, tmp_path: Path) -> None:
    """Tests that a scripted meeting selects, answers, verifies, signs, publishes and reads back."""
    week = Path(shutil.copytree(week, tmp_path / "meeting"))
    secret = {"SOE_PASSPHRASE": PASSPHRASE}
    people = soe("person", "list", workspace=week).stdout.splitlines()
    names = [line.split()[0] for line in people]
    for name in names:
        assert soe("person", "passphrase", name, workspace=week, extra=secret).returncode == 0
    early = soe("publish", "--as", "soe_lead", workspace=week, extra=secret)
    assert early.returncode == 1
    assert "no scenario is selected" in early.stderr
    _pulls_levers(week, secret)
    decided = soe(
        *("decide", "--as", "soe_lead", "--scenario", "live_01", "--reason", "cheapest"),
        workspace=week,
        extra=secret,
    )
    assert decided.returncode == 0, decided.stderr
    for name in names:
        soe("answer", "yes", "--as", name, workspace=week, extra=secret)
    assert (
        soe("decide", "--verify", "--as", "soe_lead", workspace=week, extra=secret).returncode == 0
    )
    signed = [soe("sign", "--as", name, workspace=week, extra=secret) for name in names]
    assert any("everything is signed" in done.stdout for done in signed)
    nowhere = {**secret, "SOE_STAGING_URL": "postgresql+psycopg://a:b@127.0.0.1:1/none"}
    lost = soe("publish", "--as", "soe_lead", workspace=week, extra=nowhere)
    assert lost.returncode == 1
    assert "the staging tables cannot be reached, so nothing was sent" in lost.stderr
    assert "Traceback" not in lost.stderr
    published = soe("publish", "--as", "soe_lead", workspace=week, extra=secret)
    assert published.returncode == 0, published.stderr
    assert "APS = ERP = MES" in published.stdout
    assert "facts agree" in soe("readback", workspace=week).stdout
    assert " executing " in soe("divergence", "list", workspace=week).stdout
    twice = soe("publish", "--as", "soe_lead", workspace=week, extra=secret)
    assert twice.returncode == 1
    assert "already published" in twice.stderr
    assert "ledger: intact" in soe("ledger", "verify", workspace=week).stdout
    _replays(week)


def _pulls_levers(week: Path, secret: dict[str, str]) -> None:
    """Pull levers by name and by file: both are compared and kept, an inquiry is not chosen."""
    pulled = ("what-if", "--lever", "alternate routing", "--title", "Other lines", "--rows", "3")
    found = soe(*pulled, workspace=week)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("Other lines (live_01): ")
    for words in ("money by term [EUR]", "late order lines", "operations move, the first 3:",
                  "pressure test", "soe decide --as PERSON --scenario live_01"):  # fmt: skip
        assert words in found.stdout, words
    asked = week / "asked.yaml"
    orders = pd.read_parquet(run_folder(week) / "tables" / "scenario_orders.parquet")
    item = orders["item_id"].iloc[0]
    asked.write_text(
        f"title: Urgent\nrush_order: {{item: {item}, qty: 50, wanted_on: 2026-11-24, "
        "place: earliest, break_fence: true}\n"
    )
    rush = soe("what-if", "--file", str(asked), workspace=week)
    assert rush.returncode == 0, rush.stderr
    assert "its order is not in the ERP" in rush.stdout
    refused = soe("decide", "--as", "soe_lead", "--scenario", "live_02", workspace=week,
                  extra=secret)  # fmt: skip
    assert refused.returncode == 1
    assert "enter the order there" in refused.stderr


def _replays(week: Path) -> None:
    """Check that the decision is computed again bit for bit, and that another search is noticed."""
    same = soe("replay", workspace=week)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "bit for bit" in same.stdout
    assert "chosen by soe_lead: cheapest" in same.stdout
    assert "options seen (6):" in same.stdout
    assert " * Other lines" in same.stdout
    assert "these differ" not in same.stdout
    path = run_folder(week) / "run.json"
    content = json.loads(path.read_text())
    content["params"]["schedule"] |= {"iterations": 40, "seed": 2}
    path.write_text(json.dumps(content))
    other = soe("replay", workspace=week)
    assert other.returncode == 1
    assert "not the schedule that was chosen" in other.stdout, other.stdout + other.stderr
