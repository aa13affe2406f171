"""Where the kernel of a notebook listens, and how it is stopped when all its cells are done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traitlets import default

MAX_SOCKET_PATH_BYTES = 100
"""Longest path of a socket that both Linux (107) and macOS (103) take, with some room."""
SHORT_TEMPORARY_FOLDER = Path("/tmp")


class AskingKernelManager(AsyncKernelManager):
    """
    Listens in a folder of its own, and stops a kernel by asking it, without an interrupt before.

    Jupyter would name the sockets of every kernel ``kernel-ipc-1`` and so on, in the folder that
    the batch was started from. Two batches that start a kernel at the same moment would both find
    these names free, and the later kernel would take the sockets of the earlier away. The file
    with the kernel's key and its sockets therefore lie in a temporary folder that only the user
    may enter. Where the path of the system's temporary folder is too long for a socket, this is
    in :data:`SHORT_TEMPORARY_FOLDER`.

    Papermill asks the kernel for its version last and stops it as soon as the answer is there,
    while the kernel still tidies up after that answer. Jupyter's interrupt meets it there, and
    the kernel prints an error that is none. A kernel that does not stop when it is asked is
    terminated, then killed, as ever.
    """

    _own_folder: tempfile.TemporaryDirectory[str] | None = None

    @default("connection_file")
    def _file_in_own_folder(self) -> str:
        self._own_folder = _private_folder()
        return str(Path(self._own_folder.name) / "kernel.json")

    async def _async_interrupt_kernel(self) -> None:
        if not self.shutting_down:
            await super()._async_interrupt_kernel()

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if self._own_folder is not None and not restart:
            self._own_folder.cleanup()

    cleanup_resources: Any = _async_cleanup_resources


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that only the user may enter, whose path leaves room for a socket's."""
    folder = tempfile.TemporaryDirectory(prefix="soe-", ignore_cleanup_errors=True)
    longest = os.fsencode(Path(folder.name) / "kernel-ipc-99999")
    if os.name == "nt" or len(longest) <= MAX_SOCKET_PATH_BYTES:
        return folder
    folder.cleanup()
    return tempfile.TemporaryDirectory(
        prefix="soe-", dir=SHORT_TEMPORARY_FOLDER, ignore_cleanup_errors=True
    )
