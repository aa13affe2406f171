"""Small words and look-ups of the detectors: names of things, counts, bounds of instants."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

MAX_LETTERS = 40


def item_names(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return name by ``item_id``: ``781 Mountain-200 Silver, 46``."""
    return _names(tables, "item", "item_id")


def resource_names(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return name by ``resource_id``: ``10 Frame Forming``."""
    return _names(tables, "resource", "resource_id")


def named(ids: pd.Series, names: pd.Series) -> pd.Series:
    """Return the names of ids; an unknown id is its own name."""
    words = look_up(ids, names)
    return words.where(words.notna(), ids).astype("str")


def look_up(keys: pd.Series, values: pd.Series) -> pd.Series:
    """
    Return the value of each key, with the dtype of ``values`` (unique index); unknown = missing.

    ``Series.map`` fails on an empty mapper of instants.
    """
    return pd.Series(values.reindex(keys).array, index=keys.index)


def count_of(number: float, word: str) -> str:
    """Return a count in words: ``1 order line``, ``12 order lines``."""
    return f"{number:,.0f} {word}" + ("" if number == 1 else "s")


def at_least(instants: pd.Series, bound: pd.Timestamp) -> pd.Series:
    """Return instants, those before ``bound`` moved to it; a missing one stays missing."""
    return instants.mask(instants < bound, bound)


def at_most(instants: pd.Series, bound: pd.Timestamp) -> pd.Series:
    """Return instants, those after ``bound`` moved to it; a missing one stays missing."""
    return instants.mask(instants > bound, bound)


def _names(tables: Mapping[str, pd.DataFrame], table: str, key: str) -> pd.Series:
    rows = tables.get(table)
    if rows is None or rows.empty:
        return pd.Series(dtype="str")
    rows = rows.drop_duplicates(key).set_index(key)
    ids = pd.Series(rows.index, index=rows.index, dtype="str")
    words = rows["description"].fillna("").astype("str").str.strip()
    short = words.where(words.str.len() <= MAX_LETTERS, words.str.slice(0, MAX_LETTERS - 1) + "…")
    adds = (words != "") & (_letters(words) != _letters(ids))
    return (ids + " " + short).where(adds, ids)


def _letters(words: pd.Series) -> pd.Series:
    return words.str.lower().str.replace(r"[^a-z0-9]", "", regex=True)
