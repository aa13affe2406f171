"""Where kernels of the batch listen: two at the same moment from one folder are no trouble."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from soe_lib.batch import execute
from soe_lib.kernel_manager import MAX_SOCKET_PATH_BYTES, AskingKernelManager
from soe_lib.workspace import Workspace
from tests.test_batch import _notebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")


def _sockets(manager: AskingKernelManager) -> list[Path]:
    return [Path(f"{manager.ip}-{port}") for port in manager.ports]


async def _ready(manager: AskingKernelManager) -> bool:
    """Wait until the kernel answers with the key of its own manager."""
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=30)
        return True
    finally:
        client.stop_channels()


def test_two_kernels_that_start_at_once_from_one_folder_both_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests two managers that choose their sockets before either kernel has made its own."""
    monkeypatch.chdir(tmp_path)

    async def start_both() -> list[bool]:
        managers = [AskingKernelManager(transport="ipc", kernel_name="python3") for _ in range(2)]
        for manager in managers:
            await manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
        try:
            sockets = [path for manager in managers for path in _sockets(manager)]
            assert len(set(sockets)) == 10, "no socket has the name of another"
            return list(await asyncio.gather(*map(_ready, managers)))
        finally:
            for manager in managers:
                await manager.shutdown_kernel(now=True)
                assert not Path(manager.connection_file).parent.exists()

    assert asyncio.run(start_both()) == [True, True]
    assert not list(tmp_path.iterdir()), "nothing is left in the folder of the batch"


@pytest.mark.parametrize("depth", [1, 12])
def test_only_the_user_may_enter_the_folder_of_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Tests the folder's rights and the length of a socket's path, also where TMPDIR is long."""
    temporary = tmp_path.joinpath(*["temporary"] * depth)
    temporary.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    manager = AskingKernelManager(transport="ipc")
    manager.write_connection_file()
    file = Path(manager.connection_file)
    try:
        assert stat.S_IMODE(file.parent.stat().st_mode) & ~stat.S_ISVTX == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert {path.parent for path in _sockets(manager)} == {file.parent}
        assert all(len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES for path in _sockets(manager))
    finally:
        asyncio.run(manager.cleanup_resources())
    assert not file.parent.exists()
    assert not list(temporary.iterdir())


def test_the_batch_leaves_nothing_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that a kernel of a notebook listens elsewhere than where the batch was started."""
    started = tmp_path / "started"
    started.mkdir()
    monkeypatch.chdir(started)
    path = _notebook(
        tmp_path / "n.ipynb",
        "import os, pathlib, ipykernel",
        "assert os.listdir() == [], os.listdir()",
        "pathlib.Path('file').write_text(ipykernel.get_connection_file())",
    )
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.runs / "2026-W48" / "demo.partial"
    assert execute(path, tmp_path / "out" / "n.ipynb", folder, workspace) == {"status": "ok"}
    file = Path((started / "file").read_text())
    assert file.parent.name.startswith("soe-")
    assert not file.parent.exists()
