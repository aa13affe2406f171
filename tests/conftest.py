"""Fixtures that every test file may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import settings

from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import Source, load_source
from soe_lib.workspace import Workspace
from tests import postgresql_server

ROOT = Path(__file__).resolve().parents[1]

# A slow machine is no failure; CI tries the same examples every time.
settings.register_profile("soe", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI", "").lower() == "true" else "soe")


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


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """URL of a PostgreSQL server: ``$SOE_TEST_POSTGRESQL_URL``, else one that the tests start."""
    given = os.environ.get("SOE_TEST_POSTGRESQL_URL", "")
    if given:
        yield given
        return
    folder = postgresql_server.programs()
    if folder is None:
        skip_or_fail("PostgreSQL: apt-get install postgresql, or set SOE_TEST_POSTGRESQL_URL")
        return
    with postgresql_server.server(folder) as url:
        yield url


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


def real_source(
    real_data: Path,
    name: str,
    tables: Collection[str] = (),
    folder: Path | None = None,
    **config: object,
) -> Source:
    """Return a real source; with ``tables`` only those (copied to ``folder``), which is faster."""
    source = load_source(name, ROOT / "params" / "sources", {"SOE_REAL_DATA": str(real_data)})
    source = replace(source, config=source.config.model_copy(update=config))
    if not tables:
        return source
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        shutil.copy(source.folder / f"{table}.sql", folder)
    return replace(source, folder=folder)


@pytest.fixture(scope="session")
def adventureworks(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Snapshot of AdventureWorks as of 2014-03-03; taken once per worker, so share the file."""
    workspace = Workspace(tmp_path_factory.mktemp("adventureworks"))
    return take_snapshot(
        real_source(real_data, "adventureworks"), pd.Timestamp("2014-03-03T00:00Z"), workspace
    )
