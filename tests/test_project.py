"""The project's own files agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from tests.conftest import ROOT

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(\[[a-z,]+\])?(.*)$")


def _split(requirement: str) -> tuple[str, str]:
    match = REQUIREMENT.match(requirement)
    assert match is not None, requirement
    return match.group(1).lower(), match.group(3)


def _pyproject() -> dict[str, str]:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return dict(_split(text) for text in content["project"]["dependencies"])


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_environment_equals_pyproject() -> None:
    """Tests that conda users get the dependencies of pyproject.toml, names and bounds alike."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "pip" in conda
    assert pip[0] == "-c constraints.txt"
    assert pip[-1] == "-e ."
    listed = dict(_split(text) for text in [*conda, *pip[1:-1]])
    listed.pop("pip")
    assert listed.pop("python") == ">=3.11"
    assert listed == _pyproject()


def test_constraints_pin_every_dependency_exactly() -> None:
    """Tests that constraints.txt holds exact versions of all dependencies and nothing else."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines)
    assert len(pinned) == len(lines)
    normal = {name.lower().replace("_", "-") for name in pinned}
    missing = {name.replace("_", "-") for name in _pyproject()} - normal
    assert not missing


def test_no_index_address_in_the_repository() -> None:
    """Tests that no tracked file names the address of a package index."""
    needle = re.compile(r"pypi\.org|pythonhosted|--index-url|--extra-index|registry\.npmjs", re.I)
    found = [
        path.name
        for path in _tracked()
        if path.suffix in {".txt", ".toml", ".yml", ".yaml", ".md", ".py", ""}
        and path.name != "test_project.py"
        and needle.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


def test_top_level_is_the_agreed_one() -> None:
    """Tests that the top level holds the design's folders and files only."""
    agreed = {"notebooks", "soe_lib", "data", "params", "tests", "environment.yml", "README.md"}
    agreed |= {"pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "CHANGELOG.md"}
    top = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    assert {name for name in top if not name.startswith(".")} == agreed
