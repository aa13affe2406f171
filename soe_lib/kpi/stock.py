"""Stock on hand by item and location, valued at one standard cost, and its average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import known_at, table_of
from soe_lib.kpi.value import Period

NUM_POINTS = 5
"""Points of the average: SCOR's annual average is a five-point one."""


@dataclass(frozen=True)
class InventoryPolicy:
    """
    Whose stock counts, and when there is enough history to look back.

    Attributes
    ----------
    own_owners
        Owners whose stock is on our books; an empty owner is ours. Consignment and customer-owned
        stock is not (SCOR: own books only).
    include_blocked, include_in_transit
        Whether blocked stock and stock between sites count; the reserve for excess and obsolete
        stock is never deducted.
    min_history_days
        Items first seen later than this before ``as_of`` are new: forward cover only. [days]
    """

    own_owners: tuple[str, ...] = ("own", "us")
    include_blocked: bool = True
    include_in_transit: bool = False
    min_history_days: float = 28.0


def stock_lines(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    policy: InventoryPolicy | None = None,
    at: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """
    Return stock by item and location at an instant, valued, with what does not count and why.

    Parameters
    ----------
    as_of
        Balances recorded later are not known.
    at
        Instant of the stock, default ``as_of``: the newest balance of each item and location by
        then, all its lots.

    Returns
    -------
    pandas.DataFrame
        ``item_id``, ``location_id``, ``lot_id``, ``site_id``, ``family_id``, ``balance_at``,
        ``stock_qty`` [uom], ``std_cost`` [money/uom], ``stock_value`` [money],
        ``exclude_reason``: empty, ``negative_on_hand`` (a data error), ``not_own_stock`` or
        ``no_standard_cost`` (counts in quantity, not in value).
    """
    policy = policy or InventoryPolicy()
    moment = as_of if at is None else at
    balances = table_of(tables, "inventory_balance")
    balances = balances[
        (known_at(balances, "balance_at") <= as_of) & (balances["balance_at"] <= moment)
    ]
    newest = balances.groupby(["item_id", "location_id"])["balance_at"].transform("max")
    now = balances[balances["balance_at"] == newest].reset_index(drop=True)
    items = table_of(tables, "item").drop_duplicates("item_id").set_index("item_id")
    cost = now["item_id"].map(items["std_cost"]).astype(float)
    own_cost = now["unit_std_cost"].astype(float)
    latest = own_cost.groupby(now["item_id"]).transform("last")
    cost = cost.where(cost.notna(), latest)
    qty = now["on_hand_qty"].astype(float)
    blocked = now["blocked_qty"].astype(float).fillna(0.0)
    counted = qty if policy.include_blocked else qty - blocked
    if policy.include_in_transit:
        counted = counted + now["in_transit_qty"].astype(float).fillna(0.0)
    ours = now["owner"].isna() | now["owner"].isin(policy.own_owners)
    reason = np.select(
        [qty < 0, ~ours, cost.isna()],
        ["negative_on_hand", "not_own_stock", "no_standard_cost"],
        default="",
    )
    return pd.DataFrame(
        {
            "item_id": now["item_id"],
            "location_id": now["location_id"],
            "lot_id": now["lot_id"],
            "site_id": now["site_id"],
            "family_id": now["item_id"].map(items["family_id"]),
            "balance_at": now["balance_at"],
            "stock_qty": counted,
            "std_cost": cost,
            "stock_value": counted * cost,
            "exclude_reason": pd.Series(reason, index=now.index, dtype="str"),
        }
    )


def average_stock(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: InventoryPolicy | None = None,
) -> tuple[pd.DataFrame, int]:
    """
    Return the average stock of each item over a period, from up to five evenly spaced points.

    Points before the first known balance are left out: the average is of what is known.

    Returns
    -------
    tuple
        One row per item (``item_id``, ``family_id``, ``stock_value``, ``exclude_reason`` worst of
        its lines), and the number of points.
    """
    balances = table_of(tables, "inventory_balance")
    first = balances.loc[known_at(balances, "balance_at") <= as_of, "balance_at"].min()
    points = [point for point in _points(period, as_of) if pd.notna(first) and point >= first]
    if not points and pd.notna(first) and first <= as_of:
        points = [as_of]
    parts = [stock_lines(tables, as_of, policy, at=point) for point in points]
    empty = stock_lines(tables, as_of, policy).head(0)
    lines = pd.concat(parts, ignore_index=True) if parts else empty
    good = lines["exclude_reason"] == ""
    value = lines["stock_value"].where(good, 0.0)
    found = (
        lines.assign(stock_value=value)
        .groupby("item_id")
        .agg(
            family_id=("family_id", "first"),
            stock_value=("stock_value", "sum"),
            exclude_reason=("exclude_reason", "max"),
            is_any_good=("exclude_reason", lambda r: (r == "").any()),
        )
        .reset_index()
    )
    found["stock_value"] = found["stock_value"] / max(len(points), 1)
    found["exclude_reason"] = found["exclude_reason"].where(~found["is_any_good"].astype(bool), "")
    return found.drop(columns="is_any_good"), len(points)


def elapsed_days(period: Period, as_of: pd.Timestamp) -> float:
    """Return how long the period has lasted at ``as_of``, on the site's clock. [days]"""
    now = as_of.tz_convert(period.time_zone).tz_localize(None)
    return max(0.0, (min(period.end_date, now) - period.start_date) / pd.Timedelta(days=1))


def _points(period: Period, as_of: pd.Timestamp) -> list[pd.Timestamp]:
    """Return evenly spaced instants from the begin to the end of a period, site clock."""
    days = elapsed_days(period, as_of)
    steps = [days * k / (NUM_POINTS - 1) for k in range(NUM_POINTS)] if days > 0 else []
    return [
        (period.start_date + pd.Timedelta(days=step))
        .round("s")
        .tz_localize(period.time_zone, ambiguous=True, nonexistent="shift_forward")
        .tz_convert("UTC")
        for step in steps
    ]
