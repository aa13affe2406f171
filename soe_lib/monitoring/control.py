"""
Control limits: is this week different, or is it the usual noise?

Individuals and moving ranges (XmR): limits are the centre ± 2.66 mean moving ranges, as in
Wheeler, *Understanding Variation*, 2nd ed., 2000, ch. 3; a run of eight points on one side of the
centre is the second signal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

MOVING_RANGE_FACTOR = 2.66
RUN_LENGTH = 8
FEWEST_POINTS = 6
"""With fewer past points no limit is drawn: the row says so instead."""


@dataclass(frozen=True)
class Limits:
    """Centre and control limits of a series; NaN where there are too few points."""

    centre: float
    lower: float
    upper: float
    num_points: int


def control_limits(values: np.ndarray) -> Limits:
    """
    Return the XmR limits of past points.

    Parameters
    ----------
    values
        Past values in time order; NaN = not evaluable, left out.

    Examples
    --------
    >>> control_limits(np.array([10.0, 12.0, 11.0, 9.0, 10.0, 11.0])).upper
    14.224
    """
    points = np.asarray(values, dtype=float)
    points = points[~np.isnan(points)]
    if len(points) < FEWEST_POINTS:
        return Limits(np.nan, np.nan, np.nan, len(points))
    centre = float(points.mean())
    reach = MOVING_RANGE_FACTOR * float(np.abs(np.diff(points)).mean())
    return Limits(round(centre, 9), round(centre - reach, 9), round(centre + reach, 9), len(points))


def signal(past: np.ndarray, value: float) -> str:
    """
    Name what the newest value says against its past.

    Returns
    -------
    str
        ``above limits``, ``below limits``, ``run above centre``, ``run below centre``,
        ``in control``, ``too few points`` or ``not evaluable``.
    """
    if np.isnan(value):
        return "not evaluable"
    limits = control_limits(past)
    if np.isnan(limits.centre):
        return "too few points"
    if value > limits.upper:
        return "above limits"
    if value < limits.lower:
        return "below limits"
    points = np.asarray(past, dtype=float)
    recent = np.append(points[~np.isnan(points)], value)[-RUN_LENGTH:]
    if len(recent) == RUN_LENGTH and (recent > limits.centre).all():
        return "run above centre"
    if len(recent) == RUN_LENGTH and (recent < limits.centre).all():
        return "run below centre"
    return "in control"


SERIES = ("kpi", "policy", "basis", "site_id", "dimension", "member")
"""Columns of a KPI row that name one series."""
ADDED = (
    "previous_value",
    "change",
    "centre",
    "lower_limit",
    "upper_limit",
    "num_points",
    "signal",
    "is_alarm",
)


NEVER_NEGATIVE = ("uom", "money", "lines", "h", "items", "operations", "weeks", "per year")
"""Units of which no limit is drawn below zero."""
STOCK_DAYS = ("days_of_supply", "inventory_days", "order_cycle_time")
"""KPIs in days that cannot be negative (lateness can)."""


def scoreboard(history: pd.DataFrame, bounded: Collection[str] = ()) -> pd.DataFrame:
    """
    Set the newest value of each KPI against its own past.

    Parameters
    ----------
    history
        Rows of ``kpi.kpi_rows`` over several periods: one per (:data:`SERIES`, ``period_end``).
    bounded
        KPIs that cannot leave 0 to 100 %, beside those counted as proportions (a load can).

    Returns
    -------
    pandas.DataFrame
        One row per series that has a row in the newest period, in the order of ``history``: the
        columns of that row and :data:`ADDED`: ``previous_value`` (of the period just before; NaN
        where it was not evaluable), ``change`` (value minus previous), ``centre``,
        ``lower_limit``, ``upper_limit`` (limits of the past without the newest), ``num_points``
        behind them, ``signal``, ``is_alarm`` (a signal to the bad side). Not
        evaluable KPIs keep their row and their reason.
    """
    key = list(SERIES)
    ordered = history.sort_values("period_end", kind="stable")
    newest_end = history["period_end"].max()
    before = ordered.loc[ordered["period_end"] < newest_end, "period_end"].max()
    past = dict(list(ordered[ordered["period_end"] < newest_end].groupby(key, sort=False)))
    rows = []
    for newest in history[history["period_end"] == newest_end].to_dict("records"):
        own = past.get(tuple(newest[name] for name in key))
        points = np.array([]) if own is None else own["value"].to_numpy(float)
        value = float(newest["value"])
        limits = control_limits(points)
        if newest["unit"] in NEVER_NEGATIVE or newest["kpi"] in STOCK_DAYS:
            limits = replace(limits, lower=float(np.maximum(limits.lower, 0.0)))
        if newest["kpi"] in bounded or not np.isnan(float(newest["lo"])):
            limits = _within(limits)
        word = signal(points, value)
        last = (
            np.nan
            if own is None
            else own.loc[own["period_end"] == before, "value"].sum(min_count=1)
        )
        rows.append(
            {
                **newest,
                "previous_value": float(last),
                "change": value - float(last),
                "centre": limits.centre,
                "lower_limit": limits.lower,
                "upper_limit": limits.upper,
                "num_points": limits.num_points,
                "signal": word,
                "is_alarm": _is_bad(word, newest.get("higher_is_better")),
            }
        )
    found = pd.DataFrame(rows, columns=[*history.columns, *ADDED])
    kept = {name: history[name].dtype for name in history.columns}
    return found.astype({**kept, "signal": "str", "is_alarm": "bool", "num_points": "int64"})


def _within(limits: Limits) -> Limits:
    """A share cannot leave 0 to 100 %, so neither can its limits."""
    low, high = np.clip([limits.lower, limits.upper], 0.0, 100.0)
    return Limits(limits.centre, float(low), float(high), limits.num_points)


def _is_bad(word: str, higher_is_better: object) -> bool:
    if (
        higher_is_better is None
        or higher_is_better is pd.NA
        or higher_is_better != higher_is_better
    ):
        return False
    falling = word in ("below limits", "run below centre")
    rising = word in ("above limits", "run above centre")
    return falling if bool(higher_is_better) else rising
