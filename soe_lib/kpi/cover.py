"""Forward cover: how long the stock lasts against a forecast, and in which band that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.facts import table_of
from soe_lib.kpi.stock import InventoryPolicy, stock_lines
from soe_lib.kpi.value import Kpi, Period, cuts, measure

BUCKET_DAYS = 7.0


def days_of_supply(
    stock: pd.DataFrame,
    forecast: pd.DataFrame,
    today: pd.Timestamp,
    *,
    receipts: pd.DataFrame | None = None,
    bucket_days: float = BUCKET_DAYS,
) -> pd.DataFrame:
    r"""
    Return the forward days of supply of each item.

    .. math:: DOS = \min\{T : \textstyle\sum_{t \le T} forecast(t) \ge stock + receipts(T)\}

    linear inside the bucket; a bucket that began before ``today`` counts with the part that is
    left, receipts count from the first day of their bucket.

    Parameters
    ----------
    stock
        ``item_id`` (unique), ``stock_qty``.
    forecast, receipts
        ``item_id``, ``week_start_date``, ``planned_qty``; several rows of a bucket add up.
    today
        Site day from which the stock lasts.
    bucket_days
        Length of a bucket. [days]

    Returns
    -------
    pandas.DataFrame
        ``item_id``, ``dos_days`` (infinite without any forecast, 0 without stock), ``is_at_least``
        (True where the forecast ends before the stock does: ``dos_days`` is then its end) and
        ``forecast_qty`` (all of it from today).
    """
    demand, starts = _grid(stock, forecast, today, bucket_days)
    extra = np.zeros_like(demand)
    if receipts is not None and len(receipts) and len(starts):
        extra, _ = _grid(stock, receipts, today, bucket_days, starts)
    onto = stock["stock_qty"].to_numpy(float)
    if demand.shape[1] == 0:
        return pd.DataFrame(
            {
                "item_id": stock["item_id"],
                "dos_days": np.where(onto > 0, np.inf, 0.0),
                "is_at_least": False,
                "forecast_qty": 0.0,
            }
        )
    upto = demand.cumsum(axis=1)
    have = np.maximum(onto, 0.0)[:, None] + extra.cumsum(axis=1)
    reached = upto >= have - 1e-12 * np.maximum(have, 1.0)
    is_any = reached.any(axis=1)
    place = np.where(is_any, reached.argmax(axis=1), 0)
    row = np.arange(len(stock))
    before = upto[row, place] - demand[row, place]
    need = have[row, place] - before
    rate = demand[row, place]
    begin = np.maximum(starts, 0.0)
    length = starts + bucket_days - begin
    part = np.divide(need, rate, out=np.zeros_like(need), where=rate > 0)
    days = begin[place] + length[place] * np.clip(part, 0.0, 1.0)
    end = float(starts[-1] + bucket_days)
    is_idle = upto[:, -1] <= 0
    found = np.where(is_any, days, end)
    found = np.where(is_idle, np.inf, found)
    found = np.where(onto <= 0, 0.0, found)
    return pd.DataFrame(
        {
            "item_id": stock["item_id"],
            "dos_days": found,
            "is_at_least": ~is_any & ~is_idle & (onto > 0),
            "forecast_qty": upto[:, -1],
        }
    )


def cover_bands(
    tables: Mapping[str, pd.DataFrame],
    forecast: pd.DataFrame,
    as_of: pd.Timestamp,
    time_zone: str = "UTC",
    policy: InventoryPolicy | None = None,
    *,
    default_max_cover_days: float = np.nan,
    receipts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Return each item's stock, forward days of supply and cover band.

    Parameters
    ----------
    forecast
        ``item_id``, ``week_start_date``, ``planned_qty`` (e.g. ``sop.weekly_targets``).
    default_max_cover_days
        Upper bound of items without ``max_cover_days``; NaN = none.
    receipts
        Scheduled receipts to count (``item_id``, ``week_start_date``, ``planned_qty``); default
        none: stock on hand only.

    Returns
    -------
    pandas.DataFrame
        One row per item in stock: ``item_id``, ``family_id``, ``stock_qty``, ``stock_value``,
        ``forecast_qty``, ``dos_days`` (inf without demand), ``is_at_least`` (the
        forecast ended first), ``cover_weeks``, ``cover_band``: ``no demand``, ``< safety``,
        ``in band``, ``> max cover``.
    """
    lines = stock_lines(tables, as_of, policy)
    good = lines[lines["exclude_reason"].isin(["", "no_standard_cost"])]
    stock = good.groupby("item_id", as_index=False).agg(
        family_id=("family_id", "first"),
        stock_qty=("stock_qty", "sum"),
        stock_value=("stock_value", "sum"),
    )
    today = site_day(pd.Series([as_of]), time_zone)[0]
    cover = days_of_supply(stock, forecast, today, receipts=receipts)
    items = table_of(tables, "item").drop_duplicates("item_id").set_index("item_id")
    found = stock.merge(cover, on="item_id")
    limits = {
        name: found["item_id"].map(items[name]).astype(float)
        for name in ("safety_stock_qty", "min_cover_days", "max_cover_days")
    }
    most = limits["max_cover_days"].fillna(default_max_cover_days)
    low = found["stock_qty"] < limits["safety_stock_qty"]
    low |= (found["dos_days"] < limits["min_cover_days"]) & ~found["is_at_least"]
    band = np.select(
        [found["forecast_qty"] <= 0, low, found["dos_days"] > most],
        ["no demand", "< safety", "> max cover"],
        default="in band",
    )
    return found.assign(
        cover_weeks=found["dos_days"] / 7,
        cover_band=pd.Series(band, index=found.index, dtype="str"),
    )


def cover_kpis(
    cover: pd.DataFrame, forecast: pd.DataFrame, as_of: pd.Timestamp, period: Period
) -> list[Kpi]:
    """
    Return forward days of supply by value and the stock value of each cover band.

    Parameters
    ----------
    cover
        Result of :func:`cover_bands`; its ``forecast``.

    Returns
    -------
    list
        ``days_of_supply`` (of items with demand: infinite cover is not averaged), and
        ``stock_value`` and ``items_in_stock`` per band (dimension ``cover_band``) and in all.
    """
    unpriced = (cover["stock_qty"] > 0) & ~(cover["stock_value"] > 0)
    no_price = bool(unpriced.any()) and not (cover["stock_value"] > 0).any()
    if no_price:
        cover = cover.assign(stock_value=cover["stock_qty"])
    moving = cover[cover["forecast_qty"] > 0]
    unit = moving["stock_value"] / moving["stock_qty"].where(moving["stock_qty"] > 0)
    price = unit.groupby(moving["item_id"]).first()
    value = forecast.assign(
        planned_qty=forecast["planned_qty"] * forecast["item_id"].map(price).astype(float),
        item_id="all",
    )
    whole = pd.DataFrame({"item_id": ["all"], "stock_qty": [float(moving["stock_value"].sum())]})
    today = site_day(pd.Series([as_of]), period.time_zone)[0]
    known = value[value["planned_qty"].notna()]
    days = days_of_supply(whole, known, today).iloc[0]
    idle = cover[cover["forecast_qty"] <= 0]
    weight = "quantity (no standard cost is known)" if no_price else "value"
    ends = "at least: the forecast ends first" if days["is_at_least"] else ""
    found = [
        measure(
            "days_of_supply",
            f"smallest T with forecast {weight} up to T >= stock, items with demand",
            float(days["dos_days"]) if len(moving) else np.nan,
            "days",
            as_of,
            period,
            n=len(moving),
            excluded={"no_demand": len(idle)},
            empty="no item in stock has a forecast",
            note=ends,
        )
    ]
    for dimension, member, rows in cuts(cover, "cover_band"):
        rest: dict[str, Any] = {"dimension": dimension, "member": member, "n": len(rows)}
        found.append(
            measure(
                "stock_value",
                "on hand x standard cost",
                np.nan if no_price else float(rows["stock_value"].sum()),
                "money",
                as_of,
                period,
                empty="no standard cost is known for any item in stock",
                **rest,
            )
        )
        found.append(
            measure("items_in_stock", "items", float(len(rows)), "items", as_of, period, **rest)
        )
    return found


def _grid(
    stock: pd.DataFrame,
    flow: pd.DataFrame,
    today: pd.Timestamp,
    bucket_days: float,
    starts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantities by item and bucket (what is left of it) and bucket starts from today."""
    ahead = ((flow["week_start_date"] - today) / pd.Timedelta(days=1)).to_numpy(float)
    live = ahead + bucket_days > 0
    offset = ahead[live]
    if starts is None:
        low = float(offset.min()) if len(offset) else 0.0
        count = round((float(offset.max()) - low) / bucket_days) + 1 if len(offset) else 0
        starts = low + bucket_days * np.arange(count)
    grid = np.zeros((len(stock), len(starts)))
    if not len(starts):
        return grid, starts
    row = pd.Index(stock["item_id"]).get_indexer(pd.Index(flow["item_id"][live]))
    column = np.floor((offset - starts[0]) / bucket_days + 1e-9).astype(int)
    left = np.minimum(offset + bucket_days, bucket_days) / bucket_days
    qty = flow["planned_qty"][live].to_numpy(float) * left
    good = (row >= 0) & (column >= 0) & (column < len(starts))
    np.add.at(grid, (row[good], column[good]), qty[good])
    return grid, starts
