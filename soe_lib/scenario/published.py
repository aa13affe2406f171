"""The schedule that was in force: the newest version published at or before an instant."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.tables import TABLES


def published_schedule(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return the operations of the newest version published at or before ``as_of``.

    Sites may publish on their own: the newest version is taken per site where the rows name one.

    Returns
    -------
    pandas.DataFrame
        One row per (wo_id, op_no, split_no), columns of ``schedule_operation``, sorted by
        resource and start; empty when nothing was published yet.
    """
    rows = tables.get("schedule_operation")
    if rows is None or rows.empty:
        return TABLES["schedule_operation"].empty()
    known = rows[(rows["published_at"] <= as_of) & (rows["status"] != "draft")].reset_index(
        drop=True
    )
    if known.empty:
        return known.reset_index(drop=True)
    site = known["site_id"].fillna("") if "site_id" in known else pd.Series("", index=known.index)
    newest = known["published_at"].groupby(site).transform("max")
    current = known[known["published_at"] == newest]
    # two versions at one instant: the last by name is the one in force
    last = current["version_id"].groupby(site[current.index]).transform("max")
    current = current[current["version_id"] == last]
    return current.sort_values(
        ["resource_id", "start_at", "wo_id", "op_no", "split_no"], kind="stable"
    ).reset_index(drop=True)


def table_or_empty(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Return a canonical table, typed and without rows where the feed has none."""
    rows = tables.get(name)
    return TABLES[name].empty() if rows is None else rows
