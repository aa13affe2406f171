r"""
Probabilities put right by what earlier ones came to.

A forecast :math:`p` becomes :math:`q = \sigma(a + b \, \mathrm{logit}\, p)` (J. Platt, in
*Advances in Large Margin Classifiers*, 1999), fitted to earlier forecasts whose outcome is known:
too bold forecasts lean towards the base rate (:math:`b < 1`), a shift of all moves :math:`a`. A
weak prior at :math:`b = 1` lets few outcomes change little; the order of forecasts stays
(:math:`b \ge 0`). Outcomes of one instant share their luck, however many they are: with
:math:`m` instants :math:`b` is taken times :math:`m / (m + 1)`, as if one more had told nothing,
and :math:`a` is fitted again, so that the mean stays right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

EDGE = 0.005
"""Probabilities nearer to 0 or 1 than this say no more than this."""
PRIOR = 1.0
"""Strength of the prior at ``slope`` 1. [outcomes of full information]"""
STEPS, CLOSE = 50, 1e-9


@dataclass(frozen=True)
class Calibration:
    """
    How forecast probabilities are put right.

    Attributes
    ----------
    shift, slope
        ``a`` and ``b``; slope 0 = the forecasts tell nothing, every promise has the base rate.
    num_outcomes
        Outcomes that it was learnt from.
    """

    shift: float
    slope: float
    num_outcomes: int

    def of(self, chance: pd.Series) -> pd.Series:
        """Return probabilities put right."""
        odds = self.shift + self.slope * _logit(chance.to_numpy(float))
        return pd.Series(_sigmoid(odds), index=chance.index)


def fit_calibration(
    chance: pd.Series, outcome: pd.Series, least_outcomes: int, made_at: pd.Series
) -> Calibration | None:
    """
    Learn from earlier forecasts.

    Parameters
    ----------
    chance, outcome
        Forecast probability and whether it came; missing outcomes are left out. A promise that was
        forecast week after week counts each time.
    least_outcomes
        Known outcomes that are needed, of both kinds together.
    made_at
        Instant at which each was forecast.

    Returns
    -------
    Calibration or None
        None with too few outcomes, or where all came or none did.
    """
    known = outcome.notna().to_numpy(bool) & chance.notna().to_numpy(bool)
    x = _logit(chance.to_numpy(float)[known])
    o = outcome[known].astype(bool).to_numpy(float)
    if len(o) < least_outcomes or not 0 < o.mean() < 1:
        return None
    base = float(np.log(o.mean() / (1 - o.mean())))
    found = _newton(x, o)
    if found is None or found[1] < 0:
        return Calibration(base, 0.0, len(o))
    instants = made_at[known].nunique()
    slope = float(found[1]) * instants / (instants + 1)
    return Calibration(_shift(x, o, slope), slope, len(o))


def _shift(x: np.ndarray, o: np.ndarray, slope: float) -> float:
    """Return the shift with which the mean of the forecasts is that of the outcomes."""
    low, high = -60.0, 60.0
    for _ in range(80):
        middle = (low + high) / 2
        if _sigmoid(middle + slope * x).mean() < o.mean():
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _newton(x: np.ndarray, o: np.ndarray) -> np.ndarray | None:
    """Return shift and slope of the greatest posterior; None where it does not settle."""
    both = np.column_stack([np.ones_like(x), x])
    theta = np.array([0.0, 1.0])
    prior = np.diag([0.0, PRIOR])

    def loss(t: np.ndarray) -> float:
        z = both @ t
        return float((np.logaddexp(0, z) - o * z).sum() + PRIOR * (t[1] - 1) ** 2 / 2)

    for _ in range(STEPS):
        q = _sigmoid(both @ theta)
        slope = both.T @ (q - o) + prior @ (theta - [0.0, 1.0])
        bend = both.T @ (both * (q * (1 - q))[:, None]) + prior + 1e-12 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        length = 1.0
        while loss(theta - length * step) > loss(theta) and length > 1e-6:
            length /= 2
        theta = theta - length * step
        if np.abs(length * step).max() < CLOSE:
            return theta
    return None


def _logit(p: np.ndarray) -> np.ndarray:
    clipped = np.clip(p, EDGE, 1 - EDGE)
    return np.log(clipped / (1 - clipped))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(z, -30, 30)))
