"""Fixtures that every test file may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from soe_lib.sources import Source, load_source

ROOT = Path(__file__).resolve().parents[1]


def skip_or_fail(reason: str) -> None:
    """Skip where a component is missing; under CI=true that is a failure, never a silent skip."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"missing under CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real data sets, ``$SOE_REAL_DATA`` or ../shared/data."""
    folder = Path(os.environ.get("SOE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        skip_or_fail(f"real data not found at {folder}; set SOE_REAL_DATA")
    return folder.resolve()


SourceMaker = Callable[..., Source]


@pytest.fixture
def make_source(tmp_path: Path) -> SourceMaker:
    """Make a source of files and SELECTs; further arguments go into source.yaml."""

    def make(
        files: Mapping[str, bytes | str],
        sql: Mapping[str, str],
        name: str = "own",
        **config: object,
    ) -> Source:
        root, folder = tmp_path / f"{name}_extracts", tmp_path / "sources" / name
        root.mkdir(exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        for table, text in sql.items():
            (folder / f"{table}.sql").write_text(text, encoding="utf-8")
        (folder / "source.yaml").write_text(yaml.safe_dump({"kind": "files", **config}))
        return load_source(name, tmp_path / "sources", {f"SOE_{name.upper()}": str(root)})

    return make
