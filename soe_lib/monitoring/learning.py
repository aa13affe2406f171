r"""
Master data that the history contradicts: estimates, intervals and the proof on later data.

Each observation is a deviation :math:`d` from the value that planning uses. A unit (a resource, or
an item on it) has the mean :math:`m` of its deviations, extremes drawn in to three robust
deviations of the median, older ones weighing less. Runs of one week share their luck, so the
standard error :math:`s` is computed from the weeks (the cluster-robust one; K.-Y. Liang, S. Zeger,
*Biometrika* 73 (1986) 13-22), never from the runs alone. The proposal is shrunk to the parent's by

.. math:: \hat d = m \, \tau^2 / (\tau^2 + s^2)

with the variance :math:`\tau^2` between units by the method of moments. It is made only where the
interval excludes the present value at a level divided by the number of units looked at
(Bonferroni), and where the estimate of earlier weeks would have forecast later weeks better than
the present value did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

OBSERVED = ("group", "cell", "at", "deviation")
"""Columns of observations: parent, unit, instant UTC, deviation from the present value."""
PROPOSED = (
    "level",
    "unit",
    "n",
    "num_weeks",
    "deviation",
    "low",
    "high",
    "num_tested",
    "error_before",
    "error_after",
    "is_proposed",
)


@dataclass(frozen=True)
class Caution:
    """
    When a value is proposed.

    Attributes
    ----------
    confidence_pct
        Of all proposals of one kind together. [%]
    least_observations, least_weeks
        Fewer say nothing.
    least_gain_pct
        The error on later weeks must fall by so much. [% of the error before]
    least_deviation
        Smaller deviations are not worth a change, in the scale of the deviation.
    half_life_weeks
        Age at which an observation weighs half. [weeks]
    """

    confidence_pct: float = 95.0
    least_observations: int = 8
    least_weeks: int = 4
    least_gain_pct: float = 3.0
    least_deviation: float = 0.02
    half_life_weeks: float = 12.0


CAUTION = Caution()
"""What is used when nothing else is said."""


def learn(observed: pd.DataFrame, caution: Caution = CAUTION) -> pd.DataFrame:
    """
    Estimate groups, then cells within them, and say which values should change.

    Parameters
    ----------
    observed
        One row per observation: :data:`OBSERVED`.
    caution
        When a value is proposed.

    Returns
    -------
    pandas.DataFrame
        One row per unit with enough observations: :data:`PROPOSED`. ``level`` is group or cell; a
        cell's deviation is what remains after its group's proposal, ``low`` and ``high`` are the
        interval of the mean before shrinking; ``error_before`` and ``error_after`` are mean
        absolute deviations of later weeks from the present and from the estimated value.
    """
    if observed.empty:
        return pd.DataFrame(columns=list(PROPOSED))
    rows = observed.assign(week=observed["at"].dt.floor("7D"))
    groups = _level(rows.assign(unit=rows["group"]), "group", caution)
    moved = groups[groups["is_proposed"]].set_index("unit")["deviation"]
    rest = rows["deviation"] - rows["group"].map(moved).fillna(0.0).astype(float)
    cells = _level(rows.assign(unit=rows["cell"], deviation=rest), "cell", caution)
    both = [part for part in (groups, cells) if len(part)]
    if not both:
        return pd.DataFrame(columns=list(PROPOSED))
    return pd.concat(both, ignore_index=True)[list(PROPOSED)]


def _level(rows: pd.DataFrame, level: str, caution: Caution) -> pd.DataFrame:
    found = []
    newest = rows["week"].max()
    for unit, own in rows.groupby("unit", sort=True):
        weeks = own["week"].nunique()
        if len(own) < caution.least_observations or weeks < caution.least_weeks:
            continue
        mean, error = _mean(own, newest, caution.half_life_weeks)
        tested, before, after = _ahead(own, caution)
        found.append((level, str(unit), len(own), weeks, mean, error, tested, before, after))
    columns = ["level", "unit", "n", "num_weeks", "mean", "se", "num_tested"]
    table = pd.DataFrame(found, columns=[*columns, "error_before", "error_after"])
    if table.empty:
        return table
    between = _between(table["mean"].to_numpy(), table["se"].to_numpy())
    level_pct = (1 - caution.confidence_pct / 100) / len(table)
    factor = student.ppf(1 - level_pct / 2, (table["num_weeks"] - 1).clip(lower=1))
    table["low"] = table["mean"] - factor * table["se"]
    table["high"] = table["mean"] + factor * table["se"]
    share = between / (between + table["se"] ** 2) if between > 0 else 0.0
    table["deviation"] = table["mean"] * share
    gain = 100 * (1 - table["error_after"] / table["error_before"])
    table["is_proposed"] = (
        ((table["low"] > 0) | (table["high"] < 0))
        & (table["deviation"].abs() >= caution.least_deviation)
        & (table["num_tested"] >= caution.least_observations / 2)
        & (gain >= caution.least_gain_pct)
    )
    return table


def drawn_in(values: np.ndarray) -> np.ndarray:
    """Return values with extremes drawn in to three robust deviations of the median."""
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    return values if spread <= 0 else np.clip(values, middle - 3 * spread, middle + 3 * spread)


def _mean(own: pd.DataFrame, newest: pd.Timestamp, half_life_weeks: float) -> tuple[float, float]:
    """Return the weighted mean of a unit and its standard error, clustered by week."""
    values = drawn_in(own["deviation"].to_numpy(float))
    age = (newest - own["week"]).dt.days.to_numpy(float) / 7
    weight = 0.5 ** (age / half_life_weeks)
    mean = float(np.average(values, weights=weight))
    scores = pd.Series(weight * (values - mean)).groupby(own["week"].to_numpy()).sum()
    count = len(scores)
    clustered = float((scores**2).sum()) * count / max(count - 1, 1) / weight.sum() ** 2
    plain = float(np.average((values - mean) ** 2, weights=weight))
    size = weight.sum() ** 2 / (weight**2).sum()
    return mean, float(np.sqrt(max(clustered, plain / size)))


def _between(means: np.ndarray, errors: np.ndarray) -> float:
    """
    Return the variance of true deviations about the present values.

    About zero, not about their mean: that all values lie in the same way is a finding too.
    """
    return max(float(np.mean(means**2 - errors**2)), 0.0)


def _ahead(own: pd.DataFrame, caution: Caution) -> tuple[int, float, float]:
    """Forecast each week from the weeks before it; return how many, error before and after."""
    weeks = np.sort(own["week"].unique())
    before, after = [], []
    for place in range(max(caution.least_weeks // 2, 2), len(weeks)):
        past = own.loc[own["week"] < weeks[place], "deviation"].to_numpy(float)
        if len(past) < caution.least_observations / 2:
            continue
        estimate = drawn_in(past).mean() * len(past) / (len(past) + 2)
        values = own.loc[own["week"] == weeks[place], "deviation"].to_numpy(float)
        before.append(np.abs(values))
        after.append(np.abs(values - estimate))
    if not before:
        return 0, np.nan, np.nan
    errors = np.concatenate(before), np.concatenate(after)
    return len(errors[0]), float(errors[0].mean()), float(errors[1].mean())
