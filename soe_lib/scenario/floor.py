"""Operations as the shop floor sees them: with tool, people and the calendar day of a promise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.scenario.context import OPERATION_KEY
from soe_lib.scenario.published import published_schedule, table_or_empty

Tables = Mapping[str, pd.DataFrame]


def with_floor_needs(operations: pd.DataFrame, tables: Tables, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Add the tool and the people that each operation occupies.

    They come from the routing of the resource that runs it; where the routing has none and the
    operation stays on its published resource, from the published schedule.

    Returns
    -------
    pandas.DataFrame
        The operations with ``tool_id`` (empty = none) and ``labour_count`` [people], and without
        a set-up family of '' (unknown is missing, not a family).
    """
    routing = table_or_empty(tables, "routing_alternate")
    key = ["item_id", "op_no", "resource_id"]
    needs = routing[[*key, "tool_id", "labour_count"]].drop_duplicates(key)
    found = operations.merge(needs.astype({"op_no": "int64"}), on=key, how="left")
    published = published_schedule(tables, as_of)
    own = [*OPERATION_KEY, "resource_id"]
    before = published[[*own, "tool_id", "labour_count"]].astype(
        {"op_no": "int64", "split_no": "int64"}
    )
    joined = operations[own].merge(before, on=own, how="left")
    found["tool_id"] = found["tool_id"].fillna(joined["tool_id"]).astype("str")
    found["labour_count"] = found["labour_count"].fillna(joined["labour_count"]).astype(float)
    for name in ("setup_from", "setup_to"):
        found[name] = found[name].where(found[name] != "").astype("str")
    return found


def with_promised_date(promises: pd.DataFrame, tables: Tables, time_zone: str) -> pd.DataFrame:
    """
    Add the day that a customer would be told: goods ready plus transit, in the site's calendar.

    A line that is in time is promised no later than its due day; a line that nothing covers has
    no day.

    Returns
    -------
    pandas.DataFrame
        The promises with ``promised_date`` (site day, no zone; empty = nothing covers the line).
    """
    key = ["order_id", "line_id"]
    lines = table_or_empty(tables, "sales_order_line")
    lines = lines[lines["status"] == "open"]
    transit = lines.groupby(key)["transit_days"].max().fillna(0.0)
    days = transit.reindex(pd.MultiIndex.from_frame(promises[key])).fillna(0.0).to_numpy()
    ready = promises["promised_at"] + pd.to_timedelta(np.asarray(days, dtype=float), unit="D")
    local = ready.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    return promises.assign(promised_date=local.astype("datetime64[us]"))


def shipments_due(promises: pd.DataFrame, tables: Tables, time_zone: str) -> pd.DataFrame:
    """
    Return what leaves on which day if promises are kept: the day that goods are ready or due.

    Returns
    -------
    pandas.DataFrame
        One row per covered order line: key, ``item_id``, ``ship_date``, ``site_id``, ``qty``.
    """
    key = ["order_id", "line_id"]
    lines = table_or_empty(tables, "sales_order_line").drop_duplicates(key)
    covered = promises[promises["promised_at"].notna()]
    leaves = covered[["promised_at", "due_at"]].max(axis=1)
    local = leaves.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    found = covered[[*key, "item_id"]].assign(
        ship_date=local.astype("datetime64[us]"), qty=covered["promised_qty"]
    )
    return found.merge(lines[[*key, "site_id"]], on=key, how="left")
