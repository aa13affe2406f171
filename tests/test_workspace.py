"""The workspace: a file or folder is there whole or not at all."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pandas as pd
import pytest

from soe_lib.workspace import Workspace, WorkspaceError


def test_writes_replace_and_leave_nothing_behind(tmp_path: Path) -> None:
    """Tests that a second write replaces the first and no temporary file stays."""
    workspace = Workspace(tmp_path)
    path = tmp_path / "a" / "b.json"
    workspace.write_json(path, {"z": 1, "at": pd.Timestamp("2026-11-23")})
    workspace.write_json(path, {"a": "ü"})
    assert path.read_text(encoding="utf-8") == '{\n "a": "\\u00fc"\n}\n'
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    """Tests that Parquet is deterministic and keeps types."""
    workspace = Workspace(tmp_path)
    rows = pd.DataFrame(
        {
            "text": pd.Series(["a", None], dtype="str"),
            "at": pd.to_datetime(["2026-11-23T05:00Z", None]),
            "whole": pd.array([1, None], "Int64"),
        }
    )
    for name in ("one", "two"):
        workspace.write_parquet(tmp_path / f"{name}.parquet", rows.copy())
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), rows)


def test_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    """Tests that a folder is renamed into place, dropped on error; the first of equals stays."""
    workspace = Workspace(tmp_path)
    target = tmp_path / "snapshots" / "abc"
    with pytest.raises(RuntimeError, match="stop"):
        _fail_half_way(workspace, target)
    assert list(target.parent.iterdir()) == []
    for text in ("first", "second"):
        with workspace.folder(target) as fresh:
            (fresh / "whole.txt").write_text(text)
            assert not (target / "new.txt").exists()
    assert (target / "whole.txt").read_text() == "first"
    assert [p.name for p in target.parent.iterdir()] == ["abc"]


def _fail_half_way(workspace: Workspace, target: Path) -> None:
    with workspace.folder(target) as fresh:
        (fresh / "half.txt").write_text("half")
        raise RuntimeError("stop")


def _hold(root: Path, ready: object, done: object) -> None:
    with Workspace(root).lock("run-2026-W48"):
        ready.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_lock_keeps_a_second_process_out_and_dies_with_it(tmp_path: Path) -> None:
    """Tests that another process is refused while the lock is held, and a killed one frees it."""
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold, args=(tmp_path, ready, done))
    holder.start()
    assert ready.wait(60)
    workspace = Workspace(tmp_path)
    with (
        pytest.raises(WorkspaceError, match="another run is at work"),
        workspace.lock("run-2026-W48"),
    ):
        pass
    with workspace.lock("run-2026-W49"):
        pass
    holder.kill()
    holder.join(60)
    with workspace.lock("run-2026-W48"):
        pass


def test_unusable_workspace_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that a workspace that cannot be written is an error with a remedy."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    workspace = Workspace(blocked)
    with pytest.raises(WorkspaceError, match="set SOE_WORKSPACE"):
        workspace.write_text(blocked / "x" / "y.txt", "text")
    with pytest.raises(WorkspaceError, match="set SOE_WORKSPACE"), workspace.lock("run"):
        pass
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path / "own"))
    assert Workspace.default().snapshots == tmp_path / "own" / "snapshots"
    monkeypatch.delenv("SOE_WORKSPACE")
    assert Workspace.default().root.parts[-2:] == ("data", "workspace")
