"""Intervals: how far a number from few observations may be trusted."""

from __future__ import annotations

import numpy as np
from scipy import stats


def wilson(successes: float, trials: float, confidence_pct: float = 95.0) -> tuple[float, float]:
    r"""
    Return Wilson's score interval of a proportion.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    E. B. Wilson, *J. Am. Stat. Assoc.* 22 (1927) 209-212.

    Returns
    -------
    tuple
        Lower and upper bound in [0, 1]; NaN where there are no trials.

    Examples
    --------
    >>> low, high = wilson(9, 9)
    >>> round(low, 4), high
    (0.7009, 1.0)
    """
    if not trials > 0:
        return np.nan, np.nan
    z = float(stats.norm.ppf(0.5 + confidence_pct / 200))
    share = successes / trials
    middle = share + z * z / (2 * trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes <= 0 else max(0.0, (middle - reach) / scale)
    high = 1.0 if successes >= trials else min(1.0, (middle + reach) / scale)
    return float(low), float(high)


def trimmed_mean(
    values: np.ndarray, confidence_pct: float = 95.0, trim: float = 0.2
) -> tuple[float, float, float]:
    r"""
    Return a robust mean with its interval: the trimmed mean with Tukey and McLaughlin's interval.

    With :math:`g = \lfloor trim\,n \rfloor` values cut on each side and the Winsorised deviation
    :math:`s_w`, the half-width is :math:`t_{n-2g-1}\, s_w / ((1-2\,trim)\sqrt n)`.

    R. R. Wilcox, *Introduction to Robust Estimation and Hypothesis Testing*, 3rd ed., 2012, §4.3.

    Parameters
    ----------
    values
        Observations; NaN is left out.
    trim
        Share cut on each side.

    Returns
    -------
    tuple
        Mean, lower and upper bound; bounds are NaN for fewer than three observations.
    """
    points = np.sort(np.asarray(values, dtype=float))
    points = points[np.isfinite(points)]
    count = len(points)
    if not count:
        return np.nan, np.nan, np.nan
    cut = int(np.floor(trim * count))
    middle = float(points[cut : count - cut].mean())
    if count < 3:
        return middle, np.nan, np.nan
    wins = points.copy()
    wins[:cut] = points[cut]
    wins[count - cut :] = points[count - cut - 1]
    spread = float(wins.std(ddof=1))
    quantile = float(stats.t.ppf(0.5 + confidence_pct / 200, count - 2 * cut - 1))
    reach = quantile * spread / ((1 - 2 * cut / count) * np.sqrt(count))
    return middle, middle - reach, middle + reach
