"""Cells to the types of the contract: vectorised, never an exception, bad cells are named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soe_lib.vocabulary import Column, Kind

_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")
_ISO = r"^\d{4}-?\d{2}-?\d{2}(?:[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?)?$"
_ZONE = r"\s?(?:Z|[+-]\d{2}(?::?\d{2})?)$"
FIRST_INSTANT, LAST_INSTANT = pd.Timestamp("1900-01-01"), pd.Timestamp("2199-12-31")
MAX_INTEGER = float(2**53)


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
        Formats beside ISO 8601 for dates and instants (strptime); the first that fits a cell.

    Returns
    -------
    tuple
        The cast column (bad cells empty) and a boolean column, True where a cell was not empty
        but could not be cast. Days before 1900, instants outside 1900 to 2199, infinite numbers
        and whole numbers too large to be exact are bad cells.
    """
    values = _blank_to_na(values)
    if column.kind is Kind.TEXT:
        return values.astype("str").where(values.notna(), np.nan).astype("str"), _none(values)
    if column.kind in (Kind.NUMBER, Kind.INTEGER):
        return _number(values, whole=column.kind is Kind.INTEGER)
    if column.kind is Kind.FLAG:
        words = values.astype("str").str.lower()
        flags = pd.Series(pd.NA, index=values.index, dtype="boolean")
        flags[words.isin(_TRUE) & values.notna()] = True
        flags[words.isin(_FALSE) & values.notna()] = False
        return flags, values.notna() & flags.isna()
    naive, zoned = _moments(values, formats)
    if column.kind is Kind.DATE:
        local = zoned.dt.tz_convert(time_zone).dt.tz_localize(None).astype("datetime64[us]")
        days = naive.where(naive.notna(), local).dt.normalize().astype("datetime64[us]")
        days = days.where(days >= FIRST_INSTANT)
        return days, values.notna() & days.isna()
    usable = naive.between(FIRST_INSTANT, LAST_INSTANT)
    moments = zoned.where(~usable, _localised(naive.where(usable), time_zone))
    inside = moments.dt.tz_localize(None).between(FIRST_INSTANT, LAST_INSTANT)
    moments = moments.where(inside)
    return moments.astype("datetime64[us, UTC]"), values.notna() & moments.isna()


def _none(values: pd.Series) -> pd.Series:
    return pd.Series(False, index=values.index)


def _blank_to_na(values: pd.Series) -> pd.Series:
    if not (values.dtype == object or isinstance(values.dtype, pd.StringDtype)):
        return values
    text = values.where(values.isna(), values.astype("str").str.strip())
    return text.where(text.isna() | (text != ""), np.nan)


def _number(values: pd.Series, *, whole: bool) -> tuple[pd.Series, pd.Series]:
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        values = values.astype("str").where(values.notna())
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    numbers = numbers.where(np.isfinite(numbers))
    bad = values.notna() & numbers.isna()
    if not whole:
        return numbers, bad
    bad |= numbers.notna() & ((numbers != numbers.round()) | (numbers.abs() > MAX_INTEGER))
    return numbers.where(~bad).astype("Int64"), bad


def _moments(values: pd.Series, formats: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    """Wall-clock times without zone, and instants of cells that say their zone (UTC)."""
    none = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return none, values.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return values.astype("datetime64[us]"), none.dt.tz_localize("UTC")
    codes, words = pd.factorize(values.astype("str").where(values.notna()))
    naive, zoned = _parsed(pd.Series(words, dtype="str"), formats)
    places = np.where(codes < 0, len(words), codes)
    found = [part.reindex(range(len(words) + 1)).take(places) for part in (naive, zoned)]
    return found[0].set_axis(values.index), found[1].set_axis(values.index)


def _parsed(text: pd.Series, formats: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    zoned = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    naive = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    text = text.str.replace(r"([.,]\d{6})\d+", r"\1", regex=True)
    has_zone = text.str.contains(_ZONE, na=False) & text.str.contains(r"\d[T ]\d", na=False)
    body = text.str.replace(_ZONE, "", regex=True).where(has_zone, text)
    iso = body.str.contains(_ISO, na=False)
    _fill(zoned, text, iso & has_zone, "ISO8601", utc=True)
    _fill(naive, text, iso & ~has_zone, "ISO8601", utc=False)
    for pattern in formats:
        # pandas reads the words now and today as the clock; a moment has at least one digit
        missing = text.str.contains(r"\d", na=False) & zoned.isna() & naive.isna()
        if "%z" in pattern:
            _fill(zoned, text, missing, pattern, utc=True)
        else:
            _fill(naive, text, missing, pattern, utc=False)
    return naive, zoned


def _fill(found: pd.Series, text: pd.Series, where: pd.Series, pattern: str, *, utc: bool) -> None:
    if where.any():
        parsed = pd.to_datetime(text[where], errors="coerce", format=pattern, utc=utc)
        found[where] = parsed.astype(found.dtype)


def _localised(naive: pd.Series, time_zone: str) -> pd.Series:
    """
    Read wall-clock times at the site.

    The hour that summer time skips moves forward to its end; of the hour that it repeats the first
    one (summer time) is meant.
    """
    moments = naive.dt.tz_localize(
        time_zone, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward"
    )
    return moments.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
