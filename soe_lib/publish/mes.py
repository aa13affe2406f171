"""What MES receives: the dispatch list, per resource and in sequence."""

from __future__ import annotations

import pandas as pd

DISPATCH_COLUMNS = (
    "resource_id",
    "sequence_no",
    "wo_id",
    "op_no",
    "split_no",
    "item_id",
    "planned_qty",
    "setup_from",
    "setup_to",
    "setup_start_at",
    "start_at",
    "end_at",
    "tool_id",
    "labour_count",
    "is_frozen",
    "change",
    "resource_before",
)


def dispatch_list(
    operations: pd.DataFrame, moves: pd.DataFrame, until: pd.Timestamp | None = None
) -> pd.DataFrame:
    """
    List what each resource runs, in the order in which it runs it.

    Parameters
    ----------
    operations
        Operations of the chosen schedule, columns of ``schedule_operation``.
    moves
        Rows of ``scenario.moved_operations`` against the published schedule: they mark what the
        shop floor must do differently.
    until
        Operations that start later stay with APS; none = all are dispatched.

    Returns
    -------
    pandas.DataFrame
        One row per (resource_id, sequence_no), sorted so; ``change`` is empty where the operation
        stands as it was published.
    """
    rows = operations if until is None else operations[operations["start_at"] <= until]
    rows = rows.sort_values(
        ["resource_id", "setup_start_at", "start_at", "wo_id", "op_no", "split_no"], kind="stable"
    ).reset_index(drop=True)
    rows = rows.assign(sequence_no=rows.groupby("resource_id").cumcount() + 1)
    key = ["wo_id", "op_no", "split_no"]
    changed = moves.loc[moves["change"] != "removed", [*key, "change", "resource_before"]]
    rows = rows.merge(changed, on=key, how="left", validate="one_to_one")
    rows["change"] = rows["change"].fillna("")
    return rows.reindex(columns=list(DISPATCH_COLUMNS))
