"""The schedule that was in force: the newest version published at or before an instant."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.schedule.lots import published_version
from soe_lib.tables import TABLES


def published_schedule(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return the operations of the version that was published last by ``as_of``.

    Returns
    -------
    pandas.DataFrame
        One row per (wo_id, op_no, split_no), columns of ``schedule_operation``, sorted by
        resource and start; empty when nothing was published yet.
    """
    current = published_version(table_or_empty(tables, "schedule_operation"), as_of)
    return current.sort_values(
        ["resource_id", "start_at", "wo_id", "op_no", "split_no"], kind="stable"
    ).reset_index(drop=True)


def table_or_empty(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Return a canonical table, typed and without rows where the feed has none."""
    rows = tables.get(name)
    return TABLES[name].empty() if rows is None else rows
