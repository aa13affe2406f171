"""Where snapshots, runs and outputs lie; every write is atomic."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


class WorkspaceError(RuntimeError):
    """The workspace cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Workspace:
    """A folder with ``snapshots/``, ``runs/``, ``scenarios/`` and ``outbox/``."""

    root: Path

    @classmethod
    def default(cls) -> Workspace:
        """Return the workspace at ``SOE_WORKSPACE``, else ``data/workspace`` of the checkout."""
        root = os.environ.get("SOE_WORKSPACE")
        if root:
            return cls(Path(root).absolute())
        return cls(Path(__file__).resolve().parents[1] / "data" / "workspace")

    @classmethod
    def around(cls, folder: Path) -> Workspace:
        """
        Return the workspace that a run's folder lies in, else the default one.

        A run in a copied or moved workspace belongs to the snapshots, the ledger and the outbox
        beside it, whatever ``SOE_WORKSPACE`` says.
        """
        parents = folder.absolute().parents
        for depth, name in ((1, "runs"), (0, "lab")):
            if len(parents) > depth + 1 and parents[depth].name == name:
                root = parents[depth + 1]
                if (root / "snapshots").is_dir():
                    return cls(root)
        return cls.default()

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots, one folder each."""
        return self.root / "snapshots"

    @property
    def runs(self) -> Path:
        """Folder of the runs, one folder per cycle."""
        return self.root / "runs"

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file so that it is there completely or not at all; folders are made."""
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        with _plain_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def write_text(self, path: Path, content: str) -> None:
        """Write text as UTF-8, atomically."""
        self.write_bytes(path, content.encode("utf-8"))

    def write_json(self, path: Path, content: Any) -> None:
        """Write JSON with sorted keys, atomically; what JSON does not know is written as text."""
        self.write_text(path, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")

    def write_parquet(self, path: Path, rows: pd.DataFrame) -> None:
        """Write a table as Parquet, atomically; equal tables give equal bytes."""
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink)
        self.write_bytes(path, sink.getvalue().to_pybytes())

    @contextlib.contextmanager
    def folder(self, path: Path) -> Iterator[Path]:
        """
        Give a temporary folder that takes the place of ``path`` when the block ends well.

        When another process was first with a folder of that name (its content is the same by
        convention: names are hashes), that one stays.
        """
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        with _plain_errors(path):
            temporary.mkdir(parents=True)
            try:
                yield temporary
                try:
                    os.replace(temporary, path)
                except OSError:
                    if not path.is_dir():
                        raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """
        Hold a name against other processes until the block ends.

        Raises
        ------
        WorkspaceError
            When another process holds it.
        """
        path = self.root / "locks" / f"{name}.lock"
        with _plain_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkspaceError(f"{name}: another run is at work on {self.root}") from None
            yield


@contextlib.contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be written: {error.strerror or error}; set SOE_WORKSPACE to a folder "
            "with room that you may write to"
        ) from None
