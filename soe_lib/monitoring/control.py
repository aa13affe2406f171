"""
Control limits: is this week different, or is it the usual noise?

Individuals and moving ranges (XmR): limits are the centre ± 2.66 mean moving ranges, as in
Wheeler, *Understanding Variation*, 2nd ed., 2000, ch. 3; a run of eight points on one side of the
centre is the second signal.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def scoreboard(history: pd.DataFrame) -> pd.DataFrame:
    """
    Set the newest value of each KPI against its own past and its target.

    Parameters
    ----------
    history
        Rows of ``kpi.kpi_history``: one per (``kpi``, ``policy``, ``site_id``, ``period_end``)
        with ``value``, ``unit``, ``n``, ``higher_is_better``, ``target``, ``status``, ``formula``.

    Returns
    -------
    pandas.DataFrame
        One row per (``kpi``, ``policy``, ``site_id``): the newest period's ``value``,
        ``previous_value``, ``change`` (value minus previous), ``centre``, ``lower_limit``,
        ``upper_limit``, ``num_points``, ``signal``, ``is_alarm`` (a signal to the bad side),
        and the columns of the newest row. Not evaluable KPIs keep their row and their reason.
    """
    key = ["kpi", "policy", "site_id"]
    ordered = history.assign(
        **{name: history[name].fillna("").astype("str") for name in key}
    ).sort_values([*key, "period_end"], kind="stable")
    rows = []
    for _, series in ordered.groupby(key, sort=True):
        newest = series.iloc[-1]
        past = series["value"].astype(float).to_numpy()[:-1]
        value = float(newest["value"]) if pd.notna(newest["value"]) else np.nan
        limits = control_limits(past)
        word = signal(past, value)
        known = past[~np.isnan(past)]
        previous = float(known[-1]) if len(known) else np.nan
        rows.append(
            {
                **newest.to_dict(),
                "previous_value": previous,
                "change": value - previous,
                "centre": limits.centre,
                "lower_limit": limits.lower,
                "upper_limit": limits.upper,
                "num_points": limits.num_points,
                "signal": word,
                "is_alarm": _is_bad(word, newest.get("higher_is_better")),
            }
        )
    added = [
        "previous_value",
        "change",
        "centre",
        "lower_limit",
        "upper_limit",
        "num_points",
        "signal",
        "is_alarm",
    ]
    return pd.DataFrame(rows, columns=[*ordered.columns, *added])


def _is_bad(word: str, higher_is_better: bool | None) -> bool:
    if higher_is_better is None or pd.isna(higher_is_better):
        return False
    falling = word in ("below limits", "run below centre")
    rising = word in ("above limits", "run above centre")
    return falling if bool(higher_is_better) else rising
