"""Who may import whom, and how wide the door is."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import soe_lib
from tests.conftest import ROOT


def test_import_rules_hold() -> None:
    """Tests that import-linter finds every contract of pyproject.toml kept."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_formulation_imports_mip() -> None:
    """Tests that one file alone knows the solver."""
    importing = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "soe_lib").rglob("*.py"))
        if _imports(path.read_text(), "mip")
    ]
    assert set(importing) <= {"soe_lib/schedule/formulation.py"}


@pytest.mark.parametrize(
    ("name", "parts"), [("verify", ["soe_lib.schedule.verify_goods"]), ("verify_goods", [])]
)
def test_verify_imports_nothing_from_its_room(name: str, parts: list[str]) -> None:
    """Tests that the checker of schedules, in two files, shares no code with what it checks."""
    path = ROOT / "soe_lib" / "schedule" / f"{name}.py"
    tree = ast.parse(path.read_text())
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    taken = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node not in typing_only
    ]
    assert [m for m in taken if m and m.startswith("soe_lib.schedule")] == parts


_CLOCKS = ("Timestamp.now(", "Timestamp.today(", "datetime.now(", "utcnow(", "date.today(")


def test_nothing_calls_the_clock() -> None:
    """Tests that no room asks what time it is; the command line and the servers may."""
    allowed = {"soe_lib/cli.py", "soe_lib/workspace.py", "soe_lib/ledger.py"}
    asking = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "soe_lib").rglob("*.py"))
        if any(word in path.read_text() for word in _CLOCKS)
    ]
    assert set(asking) <= allowed


def test_public_door_is_small_and_each_name_has_an_example() -> None:
    """Tests that notebooks may import at most 25 names, each with an example."""
    names = soe_lib.__all__
    assert len(names) <= 25
    for name in names:
        text = inspect.getdoc(getattr(soe_lib, name)) or ""
        assert ">>>" in text, f"{name} has no example"


def _imports(source: str, package: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import) and any(
            a.name.split(".")[0] == package for a in node.names
        ):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            return True
    return False
