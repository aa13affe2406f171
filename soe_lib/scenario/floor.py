"""Operations as the shop floor sees them: with tool, people and the calendar day of a promise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import OPEN_KINDS, site_day, union_minutes
from soe_lib.divergence.orders import LATE_DAYS
from soe_lib.scenario.context import OPERATION_KEY
from soe_lib.scenario.published import published_schedule, table_or_empty

Tables = Mapping[str, pd.DataFrame]


def with_floor_needs(operations: pd.DataFrame, tables: Tables, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Add the tool and the people that each operation occupies.

    Where the engine did not say, they come from the routing of the resource that runs it, else,
    where the operation stays on its published resource, from the published schedule.

    Returns
    -------
    pandas.DataFrame
        The operations with ``tool_id`` (empty = none) and ``labour_count`` [people], and without
        a set-up family of '' (unknown is missing, not a family).
    """
    found = operations.copy()
    for name, dtype in (("tool_id", "str"), ("labour_count", "float64")):
        if name not in found:
            found[name] = pd.Series(np.nan, index=found.index, dtype=dtype)
    for source, key in (
        (table_or_empty(tables, "routing_alternate"), ["item_id", "op_no", "resource_id"]),
        (published_schedule(tables, as_of), [*OPERATION_KEY, "resource_id"]),
    ):
        numbers = {name: "int64" for name in ("op_no", "split_no") if name in key}
        needs = source[[*key, "tool_id", "labour_count"]].drop_duplicates(key).astype(numbers)
        joined = operations[key].merge(needs, on=key, how="left")
        joined.index = found.index
        found["tool_id"] = found["tool_id"].fillna(joined["tool_id"]).astype("str")
        found["labour_count"] = found["labour_count"].fillna(joined["labour_count"]).astype(float)
    for name in ("setup_from", "setup_to"):
        found[name] = found[name].where(found[name] != "").astype("str")
    return found


def with_promised_date(promises: pd.DataFrame, tables: Tables, time_zone: str) -> pd.DataFrame:
    """
    Add the day that a customer would be told: goods ready plus transit, in the site's calendar.

    A line that is in time is promised no later than its due day; one that misses its due instant,
    by hours too, leaves on a later day; a line that nothing covers has no day.

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
    travel = pd.to_timedelta(np.asarray(days, dtype=float), unit="D")
    ready = site_day(promises["promised_at"] + travel, time_zone)
    due = site_day(promises["due_at"] + travel, time_zone)
    missed = np.ceil(promises["lateness_days"].clip(lower=0) - LATE_DAYS)
    next_day = due + pd.to_timedelta(missed, unit="D")
    is_late = (promises["lateness_days"] > LATE_DAYS) & ready.notna()
    day = ready.where(~is_late | (ready >= next_day), next_day)
    return promises.assign(promised_date=day.astype("datetime64[us]"))


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


def working_pieces(
    operations: pd.DataFrame, tables: Tables, overtime: pd.DataFrame
) -> pd.DataFrame:
    """
    Cut operations where their resource is closed: the pieces in which somebody works.

    Parameters
    ----------
    operations
        ``resource_id``, ``setup_start_at``, ``start_at``, ``end_at`` and anything else.
    tables
        Canonical tables; the calendar's shifts and booked overtime count as open.
    overtime
        Rows of ``overtime_used``: what the scenario works beyond the calendar.

    Returns
    -------
    pandas.DataFrame
        Columns of ``operations``, one row per piece, by resource and start; of a changeover that
        was interrupted only the part next to the run. An operation on a resource without a
        calendar stays whole.
    """
    calendar = table_or_empty(tables, "resource_calendar")
    opened = calendar[calendar["calendar_kind"].isin(OPEN_KINDS)]
    extra = overtime[["resource_id", "start_at"]].assign(
        end_at=overtime["start_at"] + pd.to_timedelta(overtime["hours"], unit="h")
    )
    columns = ["resource_id", "start_at", "end_at"]
    open_ = pd.concat([opened[columns], extra[columns]], ignore_index=True)
    open_ = union_minutes(open_).rename(columns={"start_at": "_open", "end_at": "_close"})
    known = operations["resource_id"].isin(open_["resource_id"])
    joined = operations[known].merge(open_, on="resource_id")
    joined = joined[(joined["_close"] > joined["start_at"]) & (joined["_open"] < joined["end_at"])]
    is_first = joined["_open"] <= joined["start_at"]
    pieces = joined.assign(
        setup_start_at=joined[["setup_start_at", "_open"]]
        .max(axis=1)
        .where(is_first, joined["_open"]),
        start_at=joined[["start_at", "_open"]].max(axis=1),
        end_at=joined[["end_at", "_close"]].min(axis=1),
    )
    both = pd.concat([pieces[operations.columns], operations[~known]], ignore_index=True)
    return both.sort_values(["resource_id", "start_at"], kind="stable").reset_index(drop=True)
