"""What was reported against what is computed again: equal to the last bit, or named."""

from __future__ import annotations

import hashlib
import math

import pandas as pd

KEY = ("kpi_id", "period_end")
DIFFERENCE_COLUMNS = ("table", "kpi_id", "period_end", "column", "reported", "recomputed")
REPORTED_COLUMNS = (
    "value",
    "num",
    "den",
    "n",
    "n_excluded",
    "excluded",
    "lo",
    "hi",
    "target",
    "status",
    "reason",
    "unit",
    "formula",
)
"""Columns of a KPI that a reader was shown."""


def differences(reported: pd.DataFrame, again: pd.DataFrame, table: str) -> pd.DataFrame:
    """
    Compare two tables of KPIs cell by cell; numbers are equal when they are the same number.

    Parameters
    ----------
    reported, again
        Rows with :data:`KEY`, each at most once, and :data:`REPORTED_COLUMNS` as far as they have
        them.
    table
        Name of the table in the result.

    Returns
    -------
    pandas.DataFrame
        One row per cell that differs, and one per KPI that only one of them has (``column`` is
        then 'row'): :data:`DIFFERENCE_COLUMNS`. No rows = the same.

    Raises
    ------
    ValueError
        When a key is repeated.
    """
    for rows in (reported, again):
        if rows.duplicated(list(KEY)).any():
            raise ValueError(f"{table}: a KPI stands twice in one week")
    left, right = (rows.set_index(list(KEY)) for rows in (reported, again))
    found: list[tuple[object, ...]] = []
    for name, one, other in (("reported", left, right), ("recomputed", right, left)):
        for kpi_id, end in one.index.difference(other.index):
            there, missing = "there", "missing"
            shown = (there, missing) if name == "reported" else (missing, there)
            found.append((table, kpi_id, end, "row", *shown))
    both = left.index.intersection(right.index)
    for column in REPORTED_COLUMNS:
        if column not in left or column not in right:
            continue
        before, after = left.loc[both, column].tolist(), right.loc[both, column].tolist()
        for key, old, new in zip(both, before, after, strict=True):
            if not _same(old, new):
                found.append((table, *key, column, _text(old), _text(new)))
    shown_rows = pd.DataFrame(found, columns=list(DIFFERENCE_COLUMNS))
    return shown_rows.sort_values(["table", "kpi_id", "period_end", "column"]).reset_index(
        drop=True
    )


def kpi_digest(kpis: pd.DataFrame) -> str:
    """Return the hash of what a reader was shown, whatever the order of rows and columns."""
    columns = [*KEY, *(name for name in REPORTED_COLUMNS if name in kpis)]
    digest = hashlib.sha256()
    for row in sorted(
        "\x1f".join(_text(row[name]) for name in columns) for row in kpis.to_dict("records")
    ):
        digest.update(row.encode())
        digest.update(b"\x1e")
    return digest.hexdigest()


def _same(old: object, new: object) -> bool:
    return _text(old) == _text(new)


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)
