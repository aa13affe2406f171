"""Site days as numbers: windows with a tolerance of their own for every row."""

from __future__ import annotations

import numpy as np
import pandas as pd


def day_number(days: pd.Series) -> np.ndarray:
    """Return days since 1970-01-01 as floats, NaN where there is no day."""
    plain = days.to_numpy().astype("datetime64[D]")
    numbers = plain.astype("int64").astype(float)
    return np.where(np.isnat(plain), np.nan, numbers)


def to_days(numbers: np.ndarray, index: pd.Index) -> pd.Series:
    """Return day numbers as site days; NaN and infinity become empty."""
    finite = np.isfinite(numbers)
    plain = np.where(finite, numbers, 0).astype("int64").astype("datetime64[D]")
    found = pd.Series(plain.astype("datetime64[us]"), index=index)
    return found.where(pd.Series(finite, index=index)).astype("datetime64[us]")


def shift(
    days: np.ndarray, counts: np.ndarray, *, working: bool, holidays: tuple[str, ...] = ()
) -> np.ndarray:
    """
    Move day numbers by a count of days each.

    Working days are Monday to Friday less ``holidays``; a day that is none counts from the working
    day before it when moving forward and after it when moving back, and stays where it is when
    the count is 0. Fractions of a day are cut off.

    Returns
    -------
    numpy.ndarray
        Day numbers; NaN where the day or the count is NaN.
    """
    whole = np.trunc(counts)
    if not working:
        return days + whole
    moved = np.where(np.isnan(whole), np.nan, days)
    for is_forward in (True, False):
        asked = np.isfinite(days) & (whole > 0 if is_forward else whole < 0)
        if asked.any():
            moved[asked] = np.busday_offset(
                days[asked].astype("int64").astype("datetime64[D]"),
                whole[asked].astype("int64"),
                roll="backward" if is_forward else "forward",
                holidays=np.array(holidays, dtype="datetime64[D]"),
            ).astype("int64")
    return moved


def working_age(
    begin: np.ndarray, end: np.ndarray | float, holidays: tuple[str, ...] = ()
) -> np.ndarray:
    """Return the working days from ``begin`` (included) to ``end`` (excluded), NaN for NaN."""
    last = np.broadcast_to(np.asarray(end, dtype=float), begin.shape)
    known = np.isfinite(begin) & np.isfinite(last)
    found = np.full(begin.shape, np.nan)
    found[known] = np.busday_count(
        begin[known].astype("int64").astype("datetime64[D]"),
        last[known].astype("int64").astype("datetime64[D]"),
        holidays=np.array(holidays, dtype="datetime64[D]"),
    )
    return found
