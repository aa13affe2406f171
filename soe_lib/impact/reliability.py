r"""
Were the forecasts right? Scores of probabilities against what came.

The Brier score is the mean of :math:`(p - o)^2`; the skill compares it with always saying the base
rate (G. W. Brier, *Monthly Weather Review* 78 (1950) 1-3). The reliability diagram puts the
frequency with which forecasts of about the same probability came true beside that probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.intervals import wilson

BINS = 5
RELIABILITY_COLUMNS = ("forecast_pct", "observed_pct", "low_pct", "high_pct", "num_forecasts")


@dataclass(frozen=True)
class Reliability:
    """
    How good probabilities were.

    Attributes
    ----------
    num_outcomes
        Forecasts whose outcome is known.
    base_rate
        Share of them that came true.
    brier, brier_of_base_rate
        Brier score of the forecasts, and of always saying the base rate; 0 is perfect.
    brier_of_date
        Of saying 1 where the projected date keeps the promise and 0 elsewhere; NaN without dates.
    log_score
        Mean negative logarithm of the probability of what came (forecasts within 1 %).
    bins
        Reliability diagram: ``RELIABILITY_COLUMNS``.
    """

    num_outcomes: int
    base_rate: float
    brier: float
    brier_of_base_rate: float
    brier_of_date: float
    log_score: float
    bins: pd.DataFrame

    @property
    def skill(self) -> float:
        """Share of the base rate's Brier score that the forecasts save; below 0 they are worse."""
        if not self.brier_of_base_rate > 0:
            return np.nan
        return 1 - self.brier / self.brier_of_base_rate

    def is_calibrated(self, least_outcomes: int) -> bool:
        """Whether enough outcomes are known and the forecasts beat the base rate."""
        return self.num_outcomes >= least_outcomes and self.skill > 0


def reliability(
    chance: pd.Series, outcome: pd.Series, dated: pd.Series | None = None
) -> Reliability:
    """
    Score forecasts.

    Parameters
    ----------
    chance
        Forecast probability.
    outcome
        True where it came; missing outcomes are left out.
    dated
        True where the deterministic date said that it would come.
    """
    known = outcome.notna().to_numpy(bool) & chance.notna().to_numpy(bool)
    p = chance.to_numpy(float)[known]
    o = outcome[known].astype(bool).to_numpy(float)
    if not len(p):
        empty = pd.DataFrame({name: pd.Series(dtype=float) for name in RELIABILITY_COLUMNS})
        return Reliability(0, np.nan, np.nan, np.nan, np.nan, np.nan, empty)
    base = float(o.mean())
    date = np.nan
    if dated is not None:
        date = float(((dated.to_numpy(float)[known] - o) ** 2).mean())
    clipped = np.clip(p, 0.01, 0.99)
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = []
    for k in range(BINS):
        own = place == k
        if own.any():
            low, high = wilson(float(o[own].sum()), float(own.sum()))
            rows.append(
                (100 * p[own].mean(), 100 * o[own].mean(), 100 * low, 100 * high, own.sum())
            )
    return Reliability(
        num_outcomes=len(p),
        base_rate=base,
        brier=float(((p - o) ** 2).mean()),
        brier_of_base_rate=float(((base - o) ** 2).mean()),
        brier_of_date=date,
        log_score=float(-(o * np.log(clipped) + (1 - o) * np.log(1 - clipped)).mean()),
        bins=pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS)),
    )
