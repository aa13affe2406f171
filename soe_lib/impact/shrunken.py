r"""
Empirical distributions of groups with few outcomes: each leans on that of all.

The distribution of a group with :math:`n` outcomes is its own with weight :math:`n / (n + k)` and
the pooled one with the rest. Where old outcomes may no longer hold, an outcome of age :math:`a`
counts :math:`2^{-a/h}`, in a group and in the pool, and :math:`n` is the sum of these weights. The
strength :math:`k` and the half-life :math:`h` are those that would have forecast known outcomes
best from earlier ones, by the continuous ranked probability score

.. math:: CRPS(F, y) = E|X - y| - \tfrac12 E|X - X'|

(T. Gneiting, A. Raftery, *J. Am. Stat. Assoc.* 102 (2007) 359-378).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

STRENGTHS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0, 1e9)
"""Strengths that are tried: from every group alone to all the same."""
HALF_LIVES_DAYS = (np.inf, 1460.0, 730.0, 365.0, 180.0, 90.0, 45.0)
"""Half-lives that are tried: from never forgetting to a month and a half. [days]"""
ORIGINS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the history from which the next tenth is forecast, to choose a half-life."""
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
    half_life_days
        Age at which an outcome counts half; infinite = all count the same. [days]
    weights
        Weight of each outcome of ``pooled`` (under "") and of each group of ``own``.
    """

    pooled: np.ndarray
    own: dict[str, np.ndarray]
    strength: float
    half_life_days: float = np.inf
    weights: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
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
        pool = self.weights.get("", np.ones(len(self.pooled)))
        mine = self.weights.get(group, np.ones(len(own)))
        count = float(mine.sum())
        share = count / (count + self.strength) if count > 0 else 0.0
        values = np.concatenate([own, self.pooled])
        weight = np.concatenate(
            [share * mine / max(count, 1e-300), (1 - share) * pool / pool.sum()]
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
    forgets: bool = False,
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
    forgets
        Choose a half-life too, the best of ``HALF_LIVES_DAYS`` from ``ORIGINS``; needs ``when``.

    Returns
    -------
    Shrunken

    Raises
    ------
    ValueError
        When there is no outcome, or nothing says when the outcomes were that may be forgotten.
    """
    known = values.notna() & groups.notna()
    data = pd.DataFrame({"value": values[known].astype(float), "group": groups[known].astype(str)})
    if data.empty:
        raise ValueError("no outcome to learn a distribution from")
    if forgets and when is None:
        raise ValueError("what is forgotten must have an instant")
    data["age"] = 0.0
    if when is not None:
        age = when[known].max() - when[known]
        data["age"] = age / pd.Timedelta(days=1)
        data = data.iloc[np.argsort(-data["age"].to_numpy(), kind="stable")]
    half_life = np.inf
    if when is not None and len(data) >= LEAST_TO_SPLIT and (forgets or strength is None):
        lives = HALF_LIVES_DAYS if forgets else (np.inf,)
        tried = STRENGTHS if strength is None else (strength,)
        scores = _scores_ahead(data, lives, tried, ORIGINS if forgets else ())
        best = np.unravel_index(int(np.argmin(scores)), scores.shape)
        half_life, strength = lives[int(best[0])], tried[int(best[1])]
    pooled, pool_weight = _weighed(data, half_life)
    parts = {str(name): _weighed(part, half_life) for name, part in data.groupby("group")}
    own = {name: values for name, (values, _) in parts.items()}
    if strength is None:
        strength = STRENGTHS[int(np.argmin(_left_out_scores(pooled, own)))]
    weights = (
        {} if np.isinf(half_life) else {"": pool_weight, **{n: w for n, (_, w) in parts.items()}}
    )
    return Shrunken(pooled, own, strength, half_life, weights)


def _weighed(data: pd.DataFrame, half_life: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the outcomes, ascending, and how much each counts."""
    ordered = data.sort_values("value", kind="stable")
    weight = np.exp2(-ordered["age"].to_numpy(float) / half_life)
    return ordered["value"].to_numpy(float), weight


def _scores_ahead(
    data: pd.DataFrame,
    lives: tuple[float, ...],
    strengths: tuple[float, ...],
    origins: tuple[float, ...],
) -> np.ndarray:
    """Return the sum of scores on later outcomes, one row per half-life; ``data`` in its order."""
    if origins:
        cuts = [(int(f * len(data)), int((f + 0.1) * len(data))) for f in origins]
    else:
        cuts = [(2 * len(data) // 3, len(data))]
    total = np.zeros((len(lives), len(strengths)))
    for first, last in cuts:
        before, after = data.iloc[:first], data.iloc[first:last]
        before = before.assign(age=before["age"] - before["age"].min())
        for place, life in enumerate(lives):
            total[place] += _best_ahead(before, after, life, strengths)
    return total


def _best_ahead(
    before: pd.DataFrame, after: pd.DataFrame, life: float, strengths: tuple[float, ...]
) -> np.ndarray:
    """Return the sum of scores on later outcomes for every strength."""
    own = {str(name): _weighed(part, life) for name, part in before.groupby("group")}
    pooled, pool = _weighed(before, life)
    inner = _pair_mean(pooled, pool)
    total = np.zeros(len(strengths))
    for name, part in after.groupby("group")["value"]:
        outcomes = part.to_numpy()
        to_pool = _mean_distance(pooled, outcomes, pool)
        if str(name) not in own:
            total += (to_pool - inner / 2).sum()
            continue
        mine, weight = own[str(name)]
        to_own, among = _mean_distance(mine, outcomes, weight), _pair_mean(mine, weight)
        across = float(np.average(_mean_distance(pooled, mine, pool), weights=weight))
        count = float(weight.sum())
        for k, strength in enumerate(strengths):
            w = count / (count + strength)
            spread = w * w * among + 2 * w * (1 - w) * across + (1 - w) ** 2 * inner
            total[k] += float((w * to_own + (1 - w) * to_pool - spread / 2).sum())
    return total


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


def _mean_distance(
    ascending: np.ndarray, at: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Mean distance of points to a sample, its outcomes weighed."""
    share = np.ones(len(ascending)) if weight is None else weight
    share = share / share.sum()
    counts = np.concatenate([[0.0], np.cumsum(share)])
    sums = np.concatenate([[0.0], np.cumsum(share * ascending)])
    place = np.searchsorted(ascending, at)
    below, above = counts[place], counts[-1] - counts[place]
    return at * below - sums[place] + (sums[-1] - sums[place]) - at * above


def _pair_mean(ascending: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean distance of two draws from a sample, with replacement."""
    return float(np.average(_mean_distance(ascending, ascending, weight), weights=weight))


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
