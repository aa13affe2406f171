"""Daily flows of a plant (ordered, made, sent by product), taken from canonical tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SMALLEST_QTY = 1e-6
"""Flows below this are rounding, not production. [uom]"""


class BacktestError(ValueError):
    """The history cannot be replayed; the text says what is missing and what to do."""


@dataclass(frozen=True)
class Flows:
    """
    What happened each day, product by product.

    Attributes
    ----------
    days
        Consecutive days, without zone; ``n`` of them.
    items
        Product names; ``k`` of them.
    ordered_qty, made_qty
        Units ordered and produced on each day, ``n × k``.
    opening_qty
        Stock at the beginning of the first day, ``k``.
    """

    days: pd.DatetimeIndex
    items: tuple[str, ...]
    ordered_qty: np.ndarray
    made_qty: np.ndarray
    opening_qty: np.ndarray

    def position(self, day: pd.Timestamp) -> int:
        """Return the number of a day; raises :class:`BacktestError` outside the history."""
        if not self.days[0] <= day <= self.days[-1]:
            raise BacktestError(
                f"{day:%Y-%m-%d} is outside the history, which goes from {self.days[0]:%Y-%m-%d} "
                f"to {self.days[-1]:%Y-%m-%d}"
            )
        return (day - self.days[0]).days


def missing_for_flows(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what a feed lacks for :func:`daily_flows`, in words; empty = it can be replayed."""
    lacking = [
        name
        for name in ("sales_order_line", "delivery_event", "inventory_balance")
        if name not in tables or tables[name].empty
    ]
    if lacking:
        return [f"no {name}" for name in lacking]
    if tables["delivery_event"]["delivered_item_id"].isna().any():
        lacking.append("delivery_event.delivered_item_id is not filled")
    days = pd.DatetimeIndex(tables["inventory_balance"]["balance_at"].unique()).sort_values()
    steps = days[1:] - days[:-1]
    if len(days) < 3 or (steps != pd.Timedelta(days=1)).any():
        lacking.append("inventory_balance is not there for every day")
    return lacking


def daily_flows(tables: Mapping[str, pd.DataFrame]) -> Flows:
    """
    Return the daily flows that a snapshot knows.

    Production is not in such a feed; it is the change of stock plus what was sent, which holds
    whatever the opening stock is.

    Parameters
    ----------
    tables
        ``sales_order_line`` (an order counts on its requested day), ``delivery_event`` with
        ``delivered_item_id``, ``inventory_balance`` at the beginning of each day.

    Raises
    ------
    BacktestError
        When a table is missing or has no daily grain, or stock grew less than it was drawn on.
    """
    lacking = missing_for_flows(tables)
    if lacking:
        raise BacktestError("the production mix cannot be replayed: " + "; ".join(lacking))
    stock = tables["inventory_balance"]
    balances = stock.pivot_table(
        index=_day(stock["balance_at"]), columns="item_id", values="on_hand_qty", aggfunc="sum"
    ).fillna(0.0)
    days, items = pd.DatetimeIndex(balances.index[:-1]), tuple(map(str, balances.columns))
    lines = tables["sales_order_line"]
    events = tables["delivery_event"].assign(item_id=tables["delivery_event"]["delivered_item_id"])
    ordered = _grid(lines, _day(lines["requested_date"]), "ordered_qty", days, items)
    sent = _grid(events, _day(events["goods_issue_at"]), "delivered_qty", days, items)
    made = np.diff(balances.to_numpy(), axis=0) + sent
    made[np.abs(made) < SMALLEST_QTY] = 0.0
    if (made < 0).any():
        day, item = np.argwhere(made < 0)[0]
        raise BacktestError(
            f"inventory_balance: on {days[day]:%Y-%m-%d} the stock of {items[item]} fell by "
            f"{-made[day, item]:,.2f} more than delivery_event sent; mend the mapping"
        )
    return Flows(days, items, ordered, made, balances.iloc[0].to_numpy(dtype=float))


def _day(moments: pd.Series) -> pd.Series:
    plain = moments.dt.tz_localize(None) if moments.dt.tz is not None else moments
    return plain.dt.normalize()


def _grid(
    rows: pd.DataFrame,
    days: pd.Series,
    value: str,
    index: pd.DatetimeIndex,
    columns: tuple[str, ...],
) -> np.ndarray:
    table = rows.pivot_table(index=days, columns="item_id", values=value, aggfunc="sum")
    return table.reindex(index=index, columns=list(columns)).fillna(0.0).to_numpy(dtype=float)
