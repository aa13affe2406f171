"""Rows of a table as plain records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Yield rows with columns as attributes; for tables that people read, not for large ones."""
    yield from table.itertuples(index=False)
