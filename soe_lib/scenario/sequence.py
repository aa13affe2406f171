"""Sequences compared: which jobs kept their order, and which changed their place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import pandas as pd


def in_sequence(ranks: np.ndarray) -> np.ndarray:
    """
    Mark the members of a longest increasing subsequence.

    Parameters
    ----------
    ranks
        Distinct numbers: the place that each job had, in the order in which jobs stand now.

    Returns
    -------
    numpy.ndarray
        True where the job kept its order; the others are the fewest that had to move.

    Examples
    --------
    >>> in_sequence(np.array([1, 4, 2, 3])).tolist()
    [True, False, True, True]
    """
    size = len(ranks)
    kept = np.zeros(size, dtype=bool)
    if size == 0:
        return kept
    values: list[float] = []
    positions: list[int] = []
    previous = np.full(size, -1, dtype=np.int64)
    for position, rank in enumerate(ranks.tolist()):
        length = bisect_left(values, rank)
        if length:
            previous[position] = positions[length - 1]
        if length == len(values):
            values.append(rank)
            positions.append(position)
        else:
            values[length] = rank
            positions[length] = position
    at = positions[-1]
    while at >= 0:
        kept[at] = True
        at = int(previous[at])
    return kept


def resequenced(
    before: pd.DataFrame, after: pd.DataFrame, group: str, order_by: str, key: list[str]
) -> pd.Series:
    """
    Say which jobs changed their place among those that stand on the same group in both.

    Parameters
    ----------
    before, after
        One row per ``key``, same keys in both, with ``group`` (e.g. the resource) and
        ``order_by`` (e.g. the start).

    Returns
    -------
    pandas.Series
        One boolean per row of ``after``, in its order. Jobs that changed their group are False.
    """
    joined = after.reset_index(drop=True)
    joined["_row"] = np.arange(len(joined))
    joined = joined.merge(
        before[[*key, group, order_by]], on=key, how="inner", suffixes=("", "_before")
    )
    joined = joined[joined[group] == joined[f"{group}_before"]]
    joined = joined.sort_values([group, f"{order_by}_before", *key], kind="stable")
    joined["_rank"] = np.arange(len(joined))
    joined = joined.sort_values([group, order_by, "_rank"], kind="stable")
    moved = np.zeros(len(after), dtype=bool)
    for _, jobs in joined.groupby(group, sort=True):
        kept = in_sequence(jobs["_rank"].to_numpy())
        moved[jobs["_row"].to_numpy()[~kept]] = True
    return pd.Series(moved, index=after.index)


def out_of_order(
    group_before: pd.Series,
    place_before: pd.Series,
    group_after: pd.Series,
    place_after: pd.Series,
    key: Sequence[pd.Series],
) -> np.ndarray:
    """
    Say the same as :func:`resequenced` of jobs that stand in one order in both.

    Parameters
    ----------
    group_before, group_after
        Group of each job.
    place_before, place_after
        Instant by which jobs stand in their group.
    key
        Columns by which jobs at the same instant stand.

    Returns
    -------
    numpy.ndarray
        True for the jobs that changed their place in a group that they kept.
    """
    moved = np.zeros(len(group_before), dtype=bool)
    kept = np.flatnonzero((group_before == group_after).to_numpy())
    if not len(kept):
        return moved
    group = pd.factorize(group_before)[0][kept]
    before, after = (
        place.dt.tz_convert(None).to_numpy()[kept] for place in (place_before, place_after)
    )
    ties = [pd.factorize(column, sort=True)[0][kept] for column in reversed(key)]
    rank = np.empty(len(kept), dtype=np.int64)
    rank[np.lexsort((*ties, before, group))] = np.arange(len(kept))
    order = np.lexsort((rank, after, group))
    ends = np.flatnonzero(np.diff(group[order])) + 1
    for jobs in np.split(order, ends):
        moved[kept[jobs[~in_sequence(rank[jobs])]]] = True
    return moved
