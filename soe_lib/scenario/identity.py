"""Identity of results: equal tables give equal hashes, on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd


def table_hash(rows: pd.DataFrame) -> str:
    """
    Hash a table's content, bit for bit: column names in order, then each column's values.

    Floats are hashed by their bits (-0.0 as 0.0, every NaN alike), instants as UTC microseconds,
    everything else by its text. The index is not part of the content.
    """
    digest = hashlib.sha256()
    for name in rows.columns:
        digest.update(str(name).encode() + b"\x1e")
        digest.update(_column_bytes(rows[name]))
    digest.update(str(len(rows)).encode())
    return digest.hexdigest()


def _column_bytes(column: pd.Series) -> bytes:
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(dtype="float64", na_value=np.nan) + 0.0
        return np.where(np.isnan(values), np.nan, values).tobytes()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy().astype("datetime64[us]").astype("int64").tobytes()
    texts = column.astype("object").where(column.notna(), None)
    return "\x1f".join("\x00" if text is None else str(text) for text in texts).encode()


def tables_hash(tables: Mapping[str, pd.DataFrame]) -> str:
    """Hash several tables by name, whatever the order of the mapping."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        digest.update(f"{name}={table_hash(tables[name])}\n".encode())
    return digest.hexdigest()
