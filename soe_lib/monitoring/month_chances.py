"""
Chances of the month plan, and the least change that restores it.

The least change is a linear programme over families and weeks (HiGHS through SciPy): units that
are taken out of the month, at standard cost, so that what is left fits into the hours that the
lines reach, and into the components that come, with the wanted probability; it is then simulated
again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linprog

WANTED = 0.80
"""Probability below which the plan needs a change."""


def drawn_hours(rates: pd.DataFrame, weeks: pd.DataFrame, seed: int, draws: int) -> np.ndarray:
    """Return hours of each draw, week and line; one past week is drawn for all lines together."""
    luck = np.random.default_rng(seed)
    place = luck.integers(0, len(rates), size=(draws, len(weeks)))
    return rates.to_numpy(float)[place] * weeks.to_numpy(float)[None, :, :]


def chances(need: np.ndarray, left: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the probability that all that each family needs is enough; 1 where nothing is left."""
    required = need.T @ left
    enough = total >= required[None, :] - 1e-6
    met = [enough[:, row > 0].all(axis=1).mean() if (row > 0).any() else 1.0 for row in need]
    return np.where(left <= 0, 1.0, np.array(met))


def tightest(need: np.ndarray, required: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Return the place of each family's most loaded line."""
    load = required / np.maximum(hours, 1e-9)
    return np.where(need > 0, load[None, :], -1.0).argmax(axis=1)


def least_change(
    needs: tuple[np.ndarray, np.ndarray],
    left: np.ndarray,
    drawn: np.ndarray,
    worth: np.ndarray,
    have: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """
    Return units to take out of each family; zero where the plan is sure enough as it is.

    ``needs`` and ``have``: hours on lines and pieces of components, per unit and in each draw.
    """
    (need, pieces), (total, supply) = needs, have
    both, all_of_it = np.hstack(needs), np.hstack(have)
    if (chances(both, left, all_of_it) >= WANTED).all():
        return np.zeros(len(left))
    families, lines = need.shape
    weeks = drawn.shape[1]
    capacity = np.zeros((weeks * lines + pieces.shape[1], families * weeks + families))
    for f in range(families):
        for w in range(weeks):
            capacity[w * lines : (w + 1) * lines, w * families + f] = need[f]
        capacity[weeks * lines :, f : families * weeks : families] = pieces[f][:, None]
    balance = np.zeros((families, families * weeks + families))
    for f in range(families):
        balance[f, f : families * weeks : families] = 1.0
        balance[f, families * weeks + f] = 1.0
    bounds = [(0, None)] * (families * weeks) + [(0, float(q)) for q in left]
    cost = np.concatenate([np.zeros(families * weeks), worth])
    mean = drawn.mean(axis=0)
    for level in (0.2, 0.15, 0.1, 0.05, 0.02, 0.0):
        # hours of the weeks, scaled so that their sum is the quantile of the sum
        whole = np.quantile(total, level, axis=0)
        hours = mean * (whole / np.maximum(mean.sum(axis=0), 1e-9))[None, :]
        limit = np.concatenate([hours.reshape(-1), np.quantile(supply, level, axis=0)])
        found = linprog(cost, A_ub=capacity, b_ub=limit, A_eq=balance, b_eq=left,
                        bounds=bounds, method="highs")  # fmt: skip
        if found.status != 0:
            continue
        taken = np.minimum(np.ceil(found.x[families * weeks :] - 1e-6), left)
        if (chances(both, left - taken, all_of_it) >= WANTED).all():
            return taken
    return left.copy()
