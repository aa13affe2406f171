"""Two successive versions of the schedule, matched operation by operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.calendars import zone_of
from soe_lib.kpi.facts import table_of
from soe_lib.kpi.open_time import open_time

OPERATION = ["wo_id", "op_no", "split_no"]
CHANGES = ("moved", "other resource", "other quantity", "split or merged", "removed")
COUNTED = ("matched", "removed", "extra split")
"""Kinds that both versions should agree on; the others are no instability."""


@dataclass(frozen=True)
class StabilityParams:
    """
    How versions are compared.

    Attributes
    ----------
    shift_tolerance_minutes
        Smaller shifts of a start are no change. [min]
    weight_per_bucket
        Factor by which the weight of a bucket falls from one to the next.
    bucket_days
        Length of a bucket. [days]
    frozen_days, slushy_days
        Fences where ``fence_policy`` has no row for the resource or the site. [days]
    """

    shift_tolerance_minutes: float = 60.0
    weight_per_bucket: float = 0.8
    bucket_days: float = 7.0
    frozen_days: float = 3.0
    slushy_days: float = 7.0


def compared_operations(
    previous: pd.DataFrame,
    current: pd.DataFrame,
    as_of: pd.Timestamp,
    tables: Mapping[str, pd.DataFrame],
    params: StabilityParams | None = None,
) -> pd.DataFrame:
    """
    Match two successive versions operation by operation.

    Parameters
    ----------
    previous, current
        Rows of ``schedule_operation``, one version each; ``previous`` may be empty.
    as_of
        Instant from which the new version plans.
    tables
        ``work_order`` and ``work_order_progress_event`` (what is completed or cancelled),
        ``resource_calendar`` (working hours of shifts), ``fence_policy``; all optional.
    params
        Tolerances and weights.

    Returns
    -------
    pandas.DataFrame
        One row per operation of either version: keys, ``item_id``, ``resource_id`` and
        ``new_resource_id``, ``start_at`` and ``new_start_at``, ``planned_qty`` and
        ``new_planned_qty``, ``zone`` (of the old start; of the new one for arrivals),
        ``shift_hours`` (signed, working hours of the new resource; clock hours without a
        calendar), ``change`` (one of :data:`CHANGES` or empty), ``kind``: ``matched``,
        ``arrival``, ``departure``, ``removed``, ``extra split``, ``completed``, ``rolled off`` or
        ``rolled on``.
    """
    params = params or StabilityParams()
    keep = ["item_id", "resource_id", "start_at", "planned_qty"]
    old, new = (_folded(rows)[[*OPERATION, *keep]] for rows in (previous, current))
    named = new.rename(columns={name: f"new_{name}" for name in keep})
    both = old.merge(named, on=OPERATION, how="outer")
    is_old, is_new = both["start_at"].notna(), both["new_start_at"].notna()
    gone, cancelled = _closed(tables, as_of, both)
    horizon = previous["end_at"].max() if len(previous) else as_of
    orders_before, orders_now = set(previous["wo_id"]), set(current["wo_id"])
    same_order = np.where(is_old, both["wo_id"].isin(orders_now), both["wo_id"].isin(orders_before))
    kind = np.select(
        [
            gone,
            is_old & (both["start_at"] < as_of),
            ~is_old & (both["new_start_at"] >= horizon),
            is_old & is_new,
            is_old & cancelled,
            is_old,
            same_order,
        ],
        ["completed", "rolled off", "rolled on", "matched", "departure", "removed", "extra split"],
        default="arrival",
    )
    both["kind"] = pd.Series(kind, index=both.index, dtype="str")
    hours = _shift_hours(both, tables)
    both["shift_hours"] = hours
    both["change"] = _changes(both, hours, params)
    where = both["start_at"].where(is_old, both["new_start_at"])
    both["zone"] = _zones(both, where, as_of, tables, params)
    both["item_id"] = both["item_id"].where(is_old, both["new_item_id"])
    columns = ["item_id", "resource_id", "new_resource_id", "start_at", "new_start_at"]
    columns += ["planned_qty", "new_planned_qty", "zone", "shift_hours", "change", "kind"]
    return both[[*OPERATION, *columns]].sort_values(OPERATION, kind="stable").reset_index(drop=True)


def _folded(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(split_no=rows["split_no"].astype("Int64").fillna(1)).drop_duplicates(
        OPERATION
    )


def _closed(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, rows: pd.DataFrame
) -> tuple[pd.Series, pd.Series]:
    """Return which operations were completed by ``as_of``, and whose order was cancelled."""
    orders = table_of(tables, "work_order")
    ended = orders.loc[orders["ended_at"] <= as_of, "wo_id"]
    events = table_of(tables, "work_order_progress_event")
    done = events[(events["event_type"] == "complete") & (events["event_at"] <= as_of)]
    # without a split number the report closes the whole operation
    keys = [
        pd.MultiIndex.from_frame(part[names].drop_duplicates())
        for part, names in (
            (done[done["split_no"].notna()], OPERATION),
            (done[done["split_no"].isna()], OPERATION[:2]),
        )
    ]
    closed = rows["wo_id"].isin(ended)
    closed |= pd.MultiIndex.from_frame(rows[OPERATION]).isin(keys[0])
    closed |= pd.MultiIndex.from_frame(rows[OPERATION[:2]]).isin(keys[1])
    cancelled = orders.loc[orders["status"] == "cancelled", "wo_id"]
    return closed, rows["wo_id"].isin(cancelled)


def _shift_hours(rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return how far starts moved in working hours of the new resource, later = positive."""
    old, new = rows["start_at"], rows["new_start_at"]
    clock = (new - old).dt.total_seconds() / 3600
    low = old.where(old <= new, new)
    high = new.where(old <= new, old)
    resource = rows["new_resource_id"].where(rows["new_resource_id"].notna(), rows["resource_id"])
    worked = open_time(tables).hours(resource, low, high)
    signed = worked * np.sign(clock)
    return signed.where(worked.notna(), clock).where(old.notna() & new.notna())


def _changes(rows: pd.DataFrame, hours: pd.Series, params: StabilityParams) -> pd.Series:
    """Name the change of each operation that both versions cover."""
    # a shift over closed hours only is no shift of the work
    moved = hours.abs() * 60 > params.shift_tolerance_minutes
    counted = rows["kind"].isin(COUNTED)
    live = rows[counted]
    parts = live.groupby(["wo_id", "op_no"])["kind"].transform("nunique")
    uneven = pd.Series(False, index=rows.index)
    has_match = (live["kind"] == "matched").groupby([live["wo_id"], live["op_no"]]).transform("any")
    uneven[counted] = (parts > 1) & has_match
    gap = (rows["new_planned_qty"] - rows["planned_qty"]).abs()
    words = np.select(
        [
            ~counted,
            uneven | (rows["kind"] == "extra split"),
            rows["kind"] == "removed",
            rows["resource_id"] != rows["new_resource_id"],
            gap > 1e-9 * rows["planned_qty"].abs(),
            moved,
        ],
        ["", "split or merged", "removed", "other resource", "other quantity", "moved"],
        default="",
    )
    return pd.Series(words, index=rows.index, dtype="str")


def _zones(
    rows: pd.DataFrame,
    start_at: pd.Series,
    as_of: pd.Timestamp,
    tables: Mapping[str, pd.DataFrame],
    params: StabilityParams,
) -> pd.Series:
    frozen, slushy = fences(rows, tables, params)
    found = pd.Series("", index=rows.index, dtype="str")
    pairs = pd.DataFrame({"frozen": frozen, "slushy": slushy}).drop_duplicates()
    for low, high in pairs.itertuples(index=False):
        mine = (frozen == low) & (slushy == high)
        found[mine] = zone_of(start_at[mine], as_of, low, high)
    return found


def fences(
    rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: StabilityParams
) -> tuple[pd.Series, pd.Series]:
    """Return frozen and slushy days of each operation: its resource's, the site's, the default."""
    policy = table_of(tables, "fence_policy")
    resource = rows["resource_id"].where(rows["resource_id"].notna(), rows["new_resource_id"])
    found = []
    for name in ("frozen_days", "slushy_days"):
        own = policy[policy["scope_type"] == "resource"].drop_duplicates("scope_id")
        site = policy.loc[policy["scope_type"] == "site", name]
        default = float(site.iloc[0]) if len(site) else getattr(params, name)
        value = resource.map(own.set_index("scope_id")[name]).astype(float)
        found.append(value.fillna(default))
    return found[0], found[1]
