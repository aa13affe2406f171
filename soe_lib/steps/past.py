"""Reading runs of earlier cycles: what cannot be read of them is left out and told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from soe_lib.run import Run, RunError, open_past
from soe_lib.snapshot import Snapshot
from soe_lib.tables import TABLES


class Unread:
    """
    Sentences on what could not be read of earlier cycles, each told once.

    A run of the past may have been made by an older version of the suite. What today's version
    needs and it does not have is no reason to stop this week's run, and none to leave it out
    without a word.
    """

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was told, in the order in which it was met."""
        return tuple(self._sentences)

    def tell(self, error: Exception | str) -> None:
        """Keep a sentence."""
        self._sentences.setdefault(str(error))

    def open(self, folder: Path) -> Run | None:
        """Return a run of the past; None and a sentence where it cannot be opened."""
        try:
            return open_past(folder)
        except RunError as error:
            self.tell(error)
            return None

    def read(self, past: Run, name: str, columns: Sequence[str]) -> pd.DataFrame | None:
        """Return a table of a past run; None and a sentence where it lacks one of the columns."""
        try:
            return past.read_needed(name, columns)
        except RunError as error:
            self.tell(error)
            return None


def whole_snapshot(past: Run) -> Snapshot:
    """
    Return the snapshot of a past run, whose tables have all columns of today.

    Raises
    ------
    RunError
        When a table lacks a column.
    soe_lib.sources.SourceError
        When the snapshot is gone.
    """
    found = past.snapshot
    for name in found.manifest["tables"]:
        stored = pq.read_schema(found.path / f"{name}.parquet").names
        lacking = [column.name for column in TABLES[name].contracts if column.name not in stored]
        if lacking:
            raise RunError(past.lacks(f"has no {', '.join(lacking)} in its data '{name}'"))
    return found
