"""
Policies that need no more than the plant's work list: what the shop floor is told to run.

Each reads ``worklist.csv`` and returns a dispatch list. They are simple, not foolish: a blocked
job is passed over for the next that can run (the floor does that for every policy), work is
released by the same rule, and due dates are those of the orders as they stand today.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

DISPATCH_COLUMNS = (
    "resource_id",
    "sequence_no",
    "wo_id",
    "op_no",
    "item_id",
    "planned_qty",
    "setup_start_at",
)
OPERATION = ["wo_id", "op_no"]


def by_due_date(worklist: pd.DataFrame) -> pd.DataFrame:
    """
    Return the list that runs every line by due date (EDD); a line keeps its own work.

    Parameters
    ----------
    worklist
        Open operations with ``need_at`` and ``earliest_at``.
    """
    ordered = worklist.sort_values(["resource_id", "need_at", "wo_id", "op_no"], kind="stable")
    return _listed(ordered, ordered["earliest_at"])


def by_plan(worklist: pd.DataFrame) -> pd.DataFrame:
    """Return the list of the plant's own plan of today, with its planned starts."""
    ordered = worklist.sort_values(["resource_id", "plan_start_at", "wo_id", "op_no"])
    return _listed(ordered, ordered["plan_start_at"])


def appended(before: pd.DataFrame, worklist: pd.DataFrame) -> pd.DataFrame:
    """
    Return the list of before with new work at its end, by due date.

    Parameters
    ----------
    before
        The last dispatch list; what has ended or runs is left out, its order stays.
    worklist
        Open operations now.
    """
    place = before.assign(place=range(len(before)))[[*OPERATION, "place", "setup_start_at"]]
    rows = worklist.merge(place, on=OPERATION, how="left")
    is_new = rows["place"].isna()
    start = rows["setup_start_at"].where(~is_new, rows["earliest_at"])
    order = rows.assign(setup_start_at=start).sort_values(
        ["resource_id", "place", "need_at", "wo_id", "op_no"], na_position="last", kind="stable"
    )
    return _listed(order, order["setup_start_at"])


def num_changed(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, int]:
    """
    Count what a new list changes for the shop floor.

    Returns
    -------
    tuple of int
        Operations on both lists whose line, or whose predecessor among those on both lists, is
        another one; and operations on both lists.
    """
    both = before[OPERATION].merge(after[OPERATION], on=OPERATION)
    parts: list[Mapping[tuple[str, int], tuple[str, str]]] = []
    for rows in (before, after):
        kept = rows.merge(both, on=OPERATION).sort_values(["resource_id", "sequence_no"])
        key = kept["wo_id"] + "/" + kept["op_no"].astype("str")
        previous = key.groupby(kept["resource_id"]).shift().fillna("")
        pairs = zip(kept["resource_id"], previous, strict=True)
        parts.append(dict(zip(zip(kept["wo_id"], kept["op_no"], strict=True), pairs, strict=True)))
    return sum(parts[0][key] != parts[1][key] for key in parts[0]), len(both)


def _listed(ordered: pd.DataFrame, start: pd.Series) -> pd.DataFrame:
    rows = ordered.assign(
        setup_start_at=start, sequence_no=ordered.groupby("resource_id").cumcount() + 1
    )
    return rows[list(DISPATCH_COLUMNS)].reset_index(drop=True)
