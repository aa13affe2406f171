"""The replay: one day after the other, the same serving rule for every mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.backtest.flows import BacktestError, Flows
from soe_lib.backtest.mix import Limits, Settings, choose_mix

LEARNING_DAYS = 14
"""Days of history without which no mix is chosen: so long every policy runs the company's own."""
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Replay:
    """
    A policy replayed over the days of a window, ``n`` days × ``k`` products.

    Attributes
    ----------
    first
        Number of the window's first day in the flows.
    made_qty
        The mix of each day.
    filled_qty
        Units of the day's own orders that were served on the day.
    backlog_qty
        Units owed at the end of each day.
    """

    first: int
    made_qty: np.ndarray
    filled_qty: np.ndarray
    backlog_qty: np.ndarray


@dataclass(frozen=True)
class Service:
    """Same-day fill (share of units ordered that were served on the day) and mean units owed."""

    fill: float
    backlog_qty: float


def serve(
    stock: np.ndarray, backlog: np.ndarray, made: np.ndarray, ordered: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Pass one day: production arrives, the backlog is served first, then the day's orders.

    Nothing is held back.

    Returns
    -------
    tuple of arrays
        Stock and backlog at the end of the day, units of the day's orders served.
    """
    stock = stock + made
    late = np.minimum(stock, backlog)
    filled = np.minimum(stock - late, ordered)
    return stock - late - filled, backlog - late + ordered - filled, filled


def company_replay(flows: Flows, first: int, last: int) -> Replay:
    """Replay the company's own mix; ``first`` and ``last`` are numbers of days, both included."""
    return _replay(flows, first, last, lambda day, stock, backlog: flows.made_qty[day])


def policy_replay(flows: Flows, first: int, last: int, settings: Settings) -> Replay:
    """
    Replay the mix of :func:`soe_lib.backtest.mix.choose_mix`.

    It starts from the company's own state on the morning of day ``first``. Each day's mix is
    chosen from the orders, stock and backlog up to the evening before.
    """

    def chosen(day: int, stock: np.ndarray, backlog: np.ndarray) -> np.ndarray:
        if day < LEARNING_DAYS:
            return flows.made_qty[day]
        return choose_mix(flows.ordered_qty[:day], stock, backlog, limits_of(flows, day), settings)

    return _replay(flows, first, last, chosen)


def limits_of(flows: Flows, day: int) -> Limits:
    """Return a day's limits: the company's total, its number of products, largest days before."""
    made = flows.made_qty
    return Limits(
        total_qty=float(made[day].sum()),
        num_items=int((made[day] > 0).sum()),
        largest_qty=made[:day].max(axis=0, initial=0.0),
    )


def broken_limits(flows: Flows, replay: Replay) -> list[str]:
    """Return in words which limits a replay broke from the learning days on; none when it is fair.

    For the company's own mix the largest day so far includes the day itself, for all others only
    the days before it.
    """
    found = []
    for row, made in enumerate(replay.made_qty):
        day = replay.first + row
        if day < LEARNING_DAYS:
            continue
        limits = limits_of(flows, day)
        label = f"{flows.days[day]:%Y-%m-%d}"
        if made.sum() > limits.total_qty * (1 + _ROUNDING) + _ROUNDING:
            found.append(f"{label}: {made.sum():,.1f} made, limit {limits.total_qty:,.1f}")
        if (made > 0).sum() > limits.num_items:
            found.append(f"{label}: {(made > 0).sum()} products, limit {limits.num_items}")
        is_own = np.array_equal(made, flows.made_qty[day])
        over = made > limits.largest_qty * (1 + _ROUNDING) + _ROUNDING
        if over.any() and not is_own:
            item = int(np.argmax(over))
            found.append(f"{label}: {flows.items[item]} {made[item]:,.1f} above its largest day")
        if (made < 0).any():
            found.append(f"{label}: a negative quantity")
    return found


def service(flows: Flows, replay: Replay, first: int = -1, last: int = -1) -> Service:
    """Return fill and mean backlog of a replay, of all its days or of days ``first..last``."""
    begin = replay.first if first < 0 else first
    end = replay.first + len(replay.made_qty) - 1 if last < 0 else last
    rows = slice(begin - replay.first, end - replay.first + 1)
    ordered = flows.ordered_qty[begin : end + 1].sum()
    if ordered <= 0:
        raise BacktestError("nothing was ordered in the days asked for")
    return Service(
        fill=float(replay.filled_qty[rows].sum() / ordered),
        backlog_qty=float(replay.backlog_qty[rows].sum(axis=1).mean()),
    )


def day_rows(flows: Flows, replays: dict[str, Replay]) -> pd.DataFrame:
    """
    Return one row per policy and day.

    Returns
    -------
    pandas.DataFrame
        ``policy, date, ordered_qty, made_qty, num_items, filled_qty, backlog_qty``.
    """
    parts = []
    for name, replay in replays.items():
        days = slice(replay.first, replay.first + len(replay.made_qty))
        parts.append(
            pd.DataFrame(
                {
                    "policy": name,
                    "date": flows.days[days],
                    "ordered_qty": flows.ordered_qty[days].sum(axis=1),
                    "made_qty": replay.made_qty.sum(axis=1),
                    "num_items": (replay.made_qty > 0).sum(axis=1),
                    "filled_qty": replay.filled_qty.sum(axis=1),
                    "backlog_qty": replay.backlog_qty.sum(axis=1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def mix_rows(flows: Flows, replays: dict[str, Replay]) -> pd.DataFrame:
    """
    Return what each policy made, product by product, with what was then owed.

    Returns
    -------
    pandas.DataFrame
        ``policy, date, item_id, ordered_qty, made_qty, filled_qty, backlog_qty``.
    """
    parts = []
    for name, replay in replays.items():
        days = slice(replay.first, replay.first + len(replay.made_qty))
        index = pd.MultiIndex.from_product(
            [flows.days[days], list(flows.items)], names=["date", "item_id"]
        )
        values = {
            "ordered_qty": flows.ordered_qty[days],
            "made_qty": replay.made_qty,
            "filled_qty": replay.filled_qty,
            "backlog_qty": replay.backlog_qty,
        }
        rows = pd.DataFrame({key: grid.ravel() for key, grid in values.items()}, index=index)
        parts.append(rows.reset_index().assign(policy=name))
    found = pd.concat(parts, ignore_index=True)
    return found[["policy", *found.columns.drop("policy")]]


def _replay(
    flows: Flows,
    first: int,
    last: int,
    mix: Callable[[int, np.ndarray, np.ndarray], np.ndarray],
) -> Replay:
    if not 0 <= first <= last < len(flows.days):
        raise BacktestError(f"days {first} to {last} are not a window of {len(flows.days)} days")
    stock, backlog = flows.opening_qty, np.zeros(len(flows.items))
    for day in range(first):
        stock, backlog, _ = serve(stock, backlog, flows.made_qty[day], flows.ordered_qty[day])
    made, filled, owed = [], [], []
    for day in range(first, last + 1):
        made.append(mix(day, stock, backlog))
        stock, backlog, served = serve(stock, backlog, made[-1], flows.ordered_qty[day])
        filled.append(served)
        owed.append(backlog)
    return Replay(first, np.array(made), np.array(filled), np.array(owed))
