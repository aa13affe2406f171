"""Where snapshots, runs and outputs lie; every write is atomic."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
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
        root = os.environ.get("SOE_WORKSPACE")
        return cls(
            Path(root) if root else Path(__file__).resolve().parents[1] / "data" / "workspace"
        )

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def write_bytes(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def write_text(self, path: Path, content: str) -> None:
        self.write_bytes(path, content.encode("utf-8"))

    def write_json(self, path: Path, content: Any) -> None:
        self.write_text(path, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")

    def write_parquet(self, path: Path, rows: pd.DataFrame) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink)
        self.write_bytes(path, sink.getvalue().to_pybytes())

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        path = self.root / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkspaceError(f"{name}: another run is at work on {self.root}") from None
            yield
