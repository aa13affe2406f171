"""The demo plant's week, run once per test session whatever the number of workers."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

CYCLE = "2026-W48"


@pytest.fixture(scope="session")
def small_params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters of the week with a short search, so that the tests are quick."""
    content = yaml.safe_load((ROOT / "params" / "weekly.yaml").read_text())
    content["schedule"]["iterations"] = 300
    content["scenario"]["names"] = ["do_nothing", "edd_dispatch", "overtime", "alternate_line"]
    path = tmp_path_factory.mktemp("params") / "weekly.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory, small_params: Path) -> Path:
    """Workspace in which the demo week has run once, undisturbed; do not write into it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    workspace = shared / "demo-week"
    with (shared / "demo-week.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (workspace / "runs" / "latest.json").is_file():
            done = soe("run", "--params", str(small_params), workspace=workspace)
            assert done.returncode in (0, 3), done.stdout + done.stderr
            last = done.stdout.strip().splitlines()[-1]
            assert last.startswith("report: "), done.stdout
            assert Path(last.removeprefix("report: ")).is_file()
    return workspace


def soe(
    *arguments: str, workspace: Path, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "soe_lib.cli", *arguments],
        cwd=ROOT,
        env=environment(workspace, extra),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(workspace: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a user's command on a workspace of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SOE_", "JUPYTER_"))}
    return {**kept, "SOE_WORKSPACE": str(workspace), **(extra or {})}


def run_folder(workspace: Path) -> Path:
    """Return the folder of the demo week's run."""
    return workspace / "runs" / CYCLE / "demo"
