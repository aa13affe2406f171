"""Rows of small tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a small table with its columns as attributes."""
    yield from table.itertuples(index=False)
