r"""
Empirical distributions of groups with few outcomes: each leans on that of all.

The distribution of a group with :math:`n` outcomes is its own with weight :math:`n / (n + k)` and
the pooled one with the rest. The strength :math:`k` is the one that would have forecast known
outcomes best from others (earlier ones where their instants are known), by the continuous ranked
probability score

.. math:: CRPS(F, y) = E|X - y| - \tfrac12 E|X - X'|

(T. Gneiting, A. Raftery, *J. Am. Stat. Assoc.* 102 (2007) 359-378).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

STRENGTHS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0, 1e9)
"""Strengths that are tried: from every group alone to all the same."""
LEAST_TO_SPLIT = 30
"""Outcomes below which all of them are needed to learn from."""


@dataclass(frozen=True)
class Shrunken:
    """
    Distributions of all groups.

    Attributes
    ----------
    pooled
        All outcomes, ascending.
    own
        Outcomes of each group, ascending.
    strength
        Outcomes of a group at which its own and the pooled distribution weigh the same.
    """

    pooled: np.ndarray
    own: dict[str, np.ndarray]
    strength: float
    _known: dict[str, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def num_outcomes(self) -> int:
        """Number of outcomes that were learnt from."""
        return len(self.pooled)

    def support(self, group: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the outcomes of a group's distribution, ascending, and their weights."""
        if group in self._known:
            return self._known[group]
        own = self.own.get(group, np.zeros(0))
        share = len(own) / (len(own) + self.strength) if len(own) else 0.0
        values = np.concatenate([own, self.pooled])
        weight = np.concatenate(
            [
                np.full(len(own), share / max(len(own), 1)),
                np.full(len(self.pooled), (1 - share) / max(len(self.pooled), 1)),
            ]
        )
        order = np.argsort(values, kind="stable")
        self._known[group] = (values[order], weight[order])
        return self._known[group]

    def quantile(self, group: str, level: np.ndarray) -> np.ndarray:
        """Return the quantiles of a group at levels between 0 and 1."""
        values, weight = self.support(group)
        place = np.searchsorted(np.cumsum(weight), np.asarray(level, float) - 1e-12)
        return values[np.minimum(place, len(values) - 1)]

    def below(self, group: str, value: float) -> float:
        """Return the probability of an outcome not above a value."""
        values, weight = self.support(group)
        return float(weight[values <= value].sum())

    def crps(self, group: str, outcome: float) -> float:
        """Return the score of the group's distribution against an outcome; 0 is perfect."""
        values, weight = self.support(group)
        cumulated = np.cumsum(weight)
        spread = 2 * float((values * weight * (2 * cumulated - weight - 1)).sum())
        return float((weight * np.abs(values - outcome)).sum()) - spread / 2


def fit_shrunken(
    values: pd.Series,
    groups: pd.Series,
    *,
    when: pd.Series | None = None,
    strength: float | None = None,
) -> Shrunken:
    """
    Fit the distributions of groups.

    Parameters
    ----------
    values
        Outcomes; missing ones are left out.
    groups
        Group of each.
    when
        Instant of each. With it the strength is the one that forecast the last third best from the
        first two: what holds for long may not hold for a supplier that has changed. Without it
        each outcome is forecast from all others.
    strength
        See :class:`Shrunken`; None: the best of ``STRENGTHS``.

    Returns
    -------
    Shrunken

    Raises
    ------
    ValueError
        When there is no outcome.
    """
    known = values.notna() & groups.notna()
    data = pd.DataFrame({"value": values[known].astype(float), "group": groups[known].astype(str)})
    if data.empty:
        raise ValueError("no outcome to learn a distribution from")
    if strength is None and when is not None and len(data) >= LEAST_TO_SPLIT:
        order = np.argsort(when[known].to_numpy(), kind="stable")
        cut = 2 * len(data) // 3
        strength = _best_ahead(data.iloc[order[:cut]], data.iloc[order[cut:]])
    own = {str(name): np.sort(part.to_numpy()) for name, part in data.groupby("group")["value"]}
    pooled = np.sort(data["value"].to_numpy())
    if strength is None:
        strength = STRENGTHS[int(np.argmin(_left_out_scores(pooled, own)))]
    return Shrunken(pooled, own, strength)


def _best_ahead(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Return the strength that scores best on later outcomes."""
    own = {str(name): np.sort(part.to_numpy()) for name, part in before.groupby("group")["value"]}
    pooled = np.sort(before["value"].to_numpy())
    inner = _pair_mean(pooled)
    total = np.zeros(len(STRENGTHS))
    for name, part in after.groupby("group")["value"]:
        outcomes = part.to_numpy()
        to_pool = _mean_distance(pooled, outcomes)
        mine = own.get(str(name))
        if mine is None:
            total += (to_pool - inner / 2).sum()
            continue
        to_own, among = _mean_distance(mine, outcomes), _pair_mean(mine)
        across = float(_mean_distance(pooled, mine).mean())
        for k, strength in enumerate(STRENGTHS):
            w = len(mine) / (len(mine) + strength)
            spread = w * w * among + 2 * w * (1 - w) * across + (1 - w) ** 2 * inner
            total[k] += float((w * to_own + (1 - w) * to_pool - spread / 2).sum())
    return STRENGTHS[int(np.argmin(total))]


def _left_out_scores(pooled: np.ndarray, own: dict[str, np.ndarray]) -> np.ndarray:
    """Mean score of every strength, each outcome taken out of its own group."""
    inner = _pair_mean(pooled)
    total = np.zeros(len(STRENGTHS))
    for values in own.values():
        n = len(values)
        to_pool = _mean_distance(pooled, values)
        if n == 1:
            total += to_pool.sum() - n * inner / 2
            continue
        to_own = _mean_distance(values, values) * n / (n - 1)
        pairs = _pair_mean(values) * n * n
        among = (pairs - 2 * to_own * (n - 1)) / (n - 1) ** 2
        across = (to_pool.sum() - to_pool) / (n - 1)
        for k, strength in enumerate(STRENGTHS):
            w = (n - 1) / (n - 1 + strength)
            spread = w * w * among + 2 * w * (1 - w) * across + (1 - w) ** 2 * inner
            total[k] += float((w * to_own + (1 - w) * to_pool - spread / 2).sum())
    return total / len(pooled)


def _mean_distance(ascending: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mean distance of points to a sample."""
    n = len(ascending)
    sums = np.concatenate([[0.0], np.cumsum(ascending)])
    place = np.searchsorted(ascending, at)
    return (at * place - sums[place] + (sums[n] - sums[place]) - at * (n - place)) / n


def _pair_mean(ascending: np.ndarray) -> float:
    """Mean distance of two draws from a sample, with replacement."""
    return float(_mean_distance(ascending, ascending).mean())


def intraclass(values: np.ndarray, cells: np.ndarray) -> float:
    """
    Return how much of the variance is common to the outcomes of a cell, between 0 and 0.9.

    One-way analysis of variance; cells with one outcome say nothing.
    """
    frame = pd.DataFrame({"value": values, "cell": cells})
    sizes = frame.groupby("cell")["value"].transform("size")
    frame = frame[sizes > 1]
    groups = frame["cell"].nunique()
    if groups < 2 or len(frame) <= groups:
        return 0.0
    means = frame.groupby("cell")["value"].agg(["mean", "size"])
    grand = frame["value"].mean()
    between = float((means["size"] * (means["mean"] - grand) ** 2).sum()) / (groups - 1)
    within = float(
        ((frame["value"] - frame.groupby("cell")["value"].transform("mean")) ** 2).sum()
    ) / (len(frame) - groups)
    size = (len(frame) - float((means["size"] ** 2).sum()) / len(frame)) / (groups - 1)
    if between + (size - 1) * within <= 0:
        return 0.0
    return float(np.clip((between - within) / (between + (size - 1) * within), 0.0, 0.9))
