"""Demand, fills, backlog and opening stock by item, site and bucket: what service is read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.allocation import allocate_claims
from soe_lib.kpi.backlog import EXCLUDED_TYPES, order_book
from soe_lib.kpi.days import day_number, to_days
from soe_lib.kpi.facts import OrderFacts, known_at, table_of
from soe_lib.kpi.policy import DATE_OF_BASIS, Basis
from soe_lib.kpi.references import schedule_lines
from soe_lib.kpi.value import Period

PLACE = ["item_id", "site_id"]
STOCK_EXCLUDED = (*EXCLUDED_TYPES, "MTO")
"""Types of order lines that are no demand on stock."""
_DAYS = {"D": 1, "W": 7}


def service_panel(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    bucket: Literal["D", "W"] = "D",
    basis: Basis = "requested",
    *,
    excluded_types: tuple[str, ...] = STOCK_EXCLUDED,
    facts: OrderFacts | None = None,
    flows: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Return demand, what was filled of it, backlog and opening stock by item, site and bucket.

    Demand falls on the reference date; what was shipped early satisfies it on that day. Demand
    that the customer cancelled before it was due is none (a part delivered until then is);
    cancelled because late it is demand, unfilled, and leaves the backlog when it is cancelled.

    Parameters
    ----------
    bucket
        ``D`` days or ``W`` weeks from the first day of the period.
    facts
        ``order_facts`` at ``as_of`` where the caller has them; default: read here.
    flows
        :func:`demand_flows` of these facts where the caller has them, for several buckets.

    Returns
    -------
    pandas.DataFrame
        One row per (``item_id``, ``site_id``, ``bucket_start_date``) that ended before ``as_of``,
        for every item with demand or backlog in the period: ``demand_qty``, ``filled_qty``
        (delivered by the end of the bucket), ``new_backlog_qty``, ``backlog_qty`` at its end,
        ``opening_qty`` (stock on hand less blocked at its begin, NaN where no balance says),
        ``receipt_qty`` (made or received in it) [uom], ``unit_margin`` [money/uom].

    Raises
    ------
    ValueError
        When weeks do not divide the period.
    """
    length = _DAYS[bucket]
    if period.days % length:
        raise ValueError(f"service level: {period.days} days are no whole number of weeks")
    start = float(day_number(pd.Series([period.start_date]))[0])
    today = float(day_number(site_day(pd.Series([as_of]), period.time_zone))[0])
    buckets = int(min(period.days, max(0, today - start)) // length)
    if flows is None:
        flows = demand_flows(tables, as_of, period.time_zone, basis, excluded_types, facts)
    flows = flows.assign(
        bucket=np.floor((flows["day"] - start) / length),
        due_bucket=np.floor((flows["due"] - start) / length),
    )
    inside = flows["bucket"].between(0, buckets - 1)
    demand = flows[(flows["kind"] == "demand") & inside]
    fills = flows[(flows["kind"] == "fill") & (flows["bucket"] == flows["due_bucket"]) & inside]
    before = flows[flows["bucket"] < buckets].assign(bucket=lambda t: t["bucket"].clip(lower=-1))
    signed = before.assign(qty=before["qty"] * np.where(before["kind"] == "demand", 1.0, -1.0))
    level = signed.groupby([*PLACE, "bucket"])["qty"].sum()
    opening = level[level.index.get_level_values("bucket") == -1].droplevel("bucket")
    places = pd.concat([demand[PLACE], opening[opening > 1e-9].reset_index()[PLACE]])
    places = places.drop_duplicates().sort_values(PLACE, kind="stable")
    grid = places.merge(pd.DataFrame({"bucket": np.arange(-1.0, buckets)}), how="cross")
    keys = [*PLACE, "bucket"]
    for name, part in (("demand_qty", demand), ("filled_qty", fills)):
        grid = grid.merge(
            part.groupby(keys)["qty"].sum().rename(name).reset_index(), on=keys, how="left"
        )
    grid = grid.merge(level.rename("change").reset_index(), on=keys, how="left")
    grid["change"] = grid["change"].fillna(0.0)
    upto = grid.groupby(PLACE)["change"].cumsum()
    grid["backlog_qty"] = upto.where(upto > 1e-9, 0.0)
    grid = grid[grid["bucket"] >= 0].reset_index(drop=True)
    for name in ("demand_qty", "filled_qty"):
        grid[name] = grid[name].fillna(0.0)
    grid["new_backlog_qty"] = (grid["demand_qty"] - grid["filled_qty"]).clip(lower=0.0)
    grid["bucket_start_date"] = to_days(start + grid["bucket"].to_numpy() * length, grid.index)
    grid["opening_qty"] = _opening(grid, tables, as_of, period.time_zone, length)
    grid["receipt_qty"] = _receipts(grid, tables, as_of, period.time_zone, start, length)
    grid["unit_margin"] = grid["item_id"].map(_margins(tables, as_of)).astype(float)
    columns = [
        *PLACE,
        "bucket_start_date",
        "demand_qty",
        "filled_qty",
        "new_backlog_qty",
        "backlog_qty",
        "opening_qty",
        "receipt_qty",
        "unit_margin",
    ]
    return grid[columns]


def demand_flows(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str,
    basis: Basis = "requested",
    excluded_types: tuple[str, ...] = STOCK_EXCLUDED,
    facts: OrderFacts | None = None,
) -> pd.DataFrame:
    """
    Return demand, fills and losses of order lines; parameters as for :func:`service_panel`.

    Returns
    -------
    pandas.DataFrame
        ``kind`` (demand, fill, lost), ``day`` of effect and ``due`` day (day numbers), ``qty``
        [uom], ``row``, ``item_id``, ``site_id``.
    """
    facts = order_book(tables, as_of, time_zone, excluded_types, facts)
    lines = schedule_lines(facts)
    lines["row"] = np.arange(len(lines))
    column = DATE_OF_BASIS[basis]
    lines = lines[lines[column].notna()]
    serve = [column, "schedule_no", "is_increase"]
    pairs, claim = allocate_claims(lines, serve, facts.deliveries, "issue_date")
    due = pd.Series(day_number(lines[column]), index=lines["row"])
    gone = pd.Series(day_number(site_day(lines["gone_at"], time_zone)), index=lines["row"])
    by_customer = (lines["cancelled_by"] == "customer").to_numpy(bool)
    in_time = by_customer & (gone <= due).to_numpy()
    asked = pd.Series(np.where(in_time, claim, lines["qty"]), index=lines["row"], dtype=float)
    place = lines.set_index("row")[PLACE]
    upto = pairs.groupby("row")["qty"].cumsum()
    cap = asked.loc[pairs["row"]].to_numpy()
    part = np.minimum(upto, cap) - np.minimum(upto - pairs["qty"], cap)
    fills = pd.DataFrame(
        {
            "row": pairs["row"].to_numpy(),
            "kind": "fill",
            "day": np.maximum(day_number(pairs["issue_date"]), due.loc[pairs["row"]]).to_numpy(),
            "qty": part.to_numpy(float),
        }
    )
    filled = fills.groupby("row")["qty"].sum().reindex(asked.index).fillna(0.0)
    lost = (asked - filled)[gone.notna()]
    demand = pd.DataFrame({"row": asked.index, "kind": "demand", "day": due, "qty": asked})
    losses = pd.DataFrame(
        {
            "row": lost.index,
            "kind": "lost",
            "day": np.maximum(gone.loc[lost.index], due.loc[lost.index]),
            "qty": lost,
        }
    )
    found = pd.concat([demand, fills, losses], ignore_index=True)
    found = found[found["qty"] > 0].reset_index(drop=True)
    where = place.loc[found["row"]].reset_index(drop=True)
    return pd.concat([found, where], axis=1).assign(due=due.loc[found["row"]].to_numpy())


def _opening(
    grid: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str,
    length: int,
) -> pd.Series:
    """Stock at the begin of each bucket: the newest balance of the bucket before it."""
    balances = table_of(tables, "inventory_balance")
    balances = balances[known_at(balances, "balance_at") <= as_of]
    usable = balances["on_hand_qty"] - balances["blocked_qty"].astype(float).fillna(0.0)
    by_site = balances["site_id"].notna().any()
    keys = PLACE if by_site else PLACE[:1]
    local = balances["balance_at"].dt.tz_convert(time_zone).dt.tz_localize(None)
    # a balance at midnight belongs to the bucket that begins then, so the day ends a moment earlier
    day = (local - pd.Timedelta(microseconds=1)).dt.normalize() + pd.Timedelta(days=1)
    summed = (
        balances.assign(usable=usable, day=day.astype("datetime64[us]"))
        .groupby([*keys, "balance_at", "day"])["usable"]
        .sum()
        .reset_index()
        .sort_values("balance_at", kind="stable")
    )
    asked = grid.assign(place=np.arange(len(grid)), day=grid["bucket_start_date"])
    asked = asked.sort_values("day", kind="stable")
    joined = pd.merge_asof(
        asked[[*keys, "place", "day"]],
        summed[[*keys, "day", "usable"]].sort_values("day", kind="stable"),
        on="day",
        by=keys,
        tolerance=pd.Timedelta(days=length - 1),
    )
    return joined.set_index("place")["usable"].reindex(range(len(grid))).set_axis(grid.index)


def _receipts(
    grid: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str,
    start: float,
    length: int,
) -> pd.Series:
    """Quantity made (work orders) or received (purchase orders) of each item in each bucket."""
    made = table_of(tables, "work_order")
    made = made[made["ended_at"].notna() & (made["ended_at"] <= as_of)]
    bought = table_of(tables, "goods_receipt_event")
    bought = bought[known_at(bought, "received_at") <= as_of]
    lines = table_of(tables, "purchase_order_line").drop_duplicates(["po_id", "line_id"])
    bought = bought.merge(lines[["po_id", "line_id", "item_id"]], on=["po_id", "line_id"])
    parts = pd.concat(
        [
            pd.DataFrame(
                {"item_id": made["item_id"], "at": made["ended_at"], "qty": made["good_qty"]}
            ),
            pd.DataFrame(
                {
                    "item_id": bought["item_id"],
                    "at": bought["received_at"],
                    "qty": bought["received_qty"],
                }
            ),
        ],
        ignore_index=True,
    )
    number = np.floor((day_number(site_day(parts["at"], time_zone)) - start) / length)
    summed = parts.assign(bucket=number).groupby(["item_id", "bucket"])["qty"].sum()
    index = pd.MultiIndex.from_frame(grid[["item_id", "bucket"]])
    return pd.Series(summed.reindex(index).fillna(0.0).to_numpy(float), index=grid.index)


def _margins(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.Series:
    lines = table_of(tables, "sales_order_line")
    known = lines[lines["margin_per_unit"].notna() & (lines["ordered_at"] <= as_of)]
    weight = known["ordered_qty"].groupby(known["item_id"]).sum()
    return (known["margin_per_unit"] * known["ordered_qty"]).groupby(
        known["item_id"]
    ).sum() / weight
