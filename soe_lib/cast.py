"""Cells to the types of the contract: vectorised, never an exception, bad cells are named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soe_lib.vocabulary import Column, Kind

_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


def cast_column(
    values: pd.Series, column: Column, time_zone: str, formats: Sequence[str] = ()
) -> tuple[pd.Series, pd.Series]:
    """
    Cast one column.

    Parameters
    ----------
    values
        Raw cells of any type.
    column
        Contract of the column.
    time_zone
        Zone in which instants without zone are read.
    formats
        Formats beside ISO 8601 for dates and instants (strptime).

    Returns
    -------
    tuple
        The cast column (bad cells empty) and a boolean column, True where a cell was not empty
        but could not be cast.
    """
    values = _blank_to_na(values)
    if column.kind is Kind.TEXT:
        return values.astype("str").where(values.notna(), np.nan).astype("str"), _none(values)
    if column.kind in (Kind.NUMBER, Kind.INTEGER):
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
        numbers = numbers.where(np.isfinite(numbers))
        bad = values.notna() & numbers.isna()
        if column.kind is Kind.NUMBER:
            return numbers, bad
        bad |= numbers.notna() & (numbers != numbers.round())
        return numbers.where(~bad).astype("Int64"), bad
    if column.kind is Kind.FLAG:
        words = values.astype("str").str.lower()
        flags = pd.Series(pd.NA, index=values.index, dtype="boolean")
        flags[words.isin(_TRUE) & values.notna()] = True
        flags[words.isin(_FALSE) & values.notna()] = False
        return flags, values.notna() & flags.isna()
    moments = _moments(values, time_zone, formats)
    bad = values.notna() & moments.isna()
    if column.kind is Kind.INSTANT:
        return moments.astype("datetime64[us, UTC]"), bad
    local = moments.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    return local.astype("datetime64[us]"), bad


def _none(values: pd.Series) -> pd.Series:
    return pd.Series(False, index=values.index)


def _blank_to_na(values: pd.Series) -> pd.Series:
    if not (values.dtype == object or isinstance(values.dtype, pd.StringDtype)):
        return values
    text = values.where(values.isna(), values.astype("str").str.strip())
    return text.where(text.isna() | (text != ""), np.nan)


def _moments(values: pd.Series, time_zone: str, formats: Sequence[str]) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC")
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _localised(values, time_zone)
    text = values.astype("str").where(values.notna())
    zoned = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2}|[+-]\d{2})$", na=False) & text.str.contains(
        ":", na=False
    )
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    if zoned.any():
        found[zoned] = pd.to_datetime(text[zoned], errors="coerce", utc=True, format="ISO8601")
    rest = text.notna() & ~zoned
    for pattern in ("ISO8601", *formats):
        open_ = rest & found.isna()
        if open_.any():
            naive = pd.to_datetime(text[open_], errors="coerce", format=pattern)
            found[open_] = _localised(naive, time_zone)
    return found


def _localised(naive: pd.Series, time_zone: str) -> pd.Series:
    """Read wall-clock times at the site: the hour that summer time skips moves forward."""
    moments = naive.dt.tz_localize(
        time_zone, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward"
    )
    return moments.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
