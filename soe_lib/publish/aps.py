"""What APS receives: the new version of the schedule, and how it differs from the last one."""

from __future__ import annotations

import pandas as pd

from soe_lib.tables import TABLES


def schedule_version(
    operations: pd.DataFrame,
    *,
    version_id: str,
    published_at: pd.Timestamp,
    frozen_until: pd.Timestamp,
) -> pd.DataFrame:
    """
    Turn the chosen schedule into the rows of a published version.

    Parameters
    ----------
    operations
        Operations of the chosen schedule, columns of ``schedule_operation``.
    version_id
        Name of the new version.
    published_at
        Instant of the publication.
    frozen_until
        Operations that start before this are frozen.

    Returns
    -------
    pandas.DataFrame
        One row per (version_id, wo_id, op_no, split_no), exactly the columns of the canonical
        table, status ``published``; reading it back gives the same schedule.
    """
    contract = TABLES["schedule_operation"]
    rows = operations.reindex(columns=list(contract.columns))
    rows = rows.assign(
        version_id=version_id,
        published_at=published_at,
        recorded_at=published_at,
        status="published",
        is_frozen=(rows["start_at"] < frozen_until),
    )
    dtypes = {column.name: column.dtype for column in contract.contracts}
    return (
        rows.astype(dtypes)
        .sort_values(["resource_id", "start_at", "wo_id", "op_no", "split_no"], kind="stable")
        .reset_index(drop=True)
    )
