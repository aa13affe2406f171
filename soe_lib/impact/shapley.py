r"""
Shares of a cooperative game, for many games on the same players at once.

The share of player :math:`i` in :math:`v(N) - v(\emptyset)` is the mean of
:math:`v(P \cup i) - v(P)` over all orders in which the players may arrive, :math:`P` those before
:math:`i` (L. S. Shapley, 1953). It is efficient (shares sum exactly), gives a player nothing that
changes nothing, and equal shares to players that do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np

MOST_REPLAYS = 2000
"""Coalitions that are valued at most where orders are drawn; the standard error says the rest."""
EXACT_UP_TO = 12
"""Relevant players up to which every coalition is valued; beyond, orders are sampled."""

Value = Callable[[np.ndarray], np.ndarray]
"""Coalitions of shape (coalitions, players) to values of shape (coalitions, games)."""


@dataclass(frozen=True)
class Shares:
    """
    Shares of all players in all games.

    Attributes
    ----------
    nothing, everything
        Shape (games,): value without any player and with all of them.
    share
        Shape (players, games); the columns sum to ``everything - nothing``.
    standard_error
        Shape (players, games): of sampled shares; 0 where the share is exact.
    but_for
        Shape (players, games): what would be saved were this one player away.
    is_exact
        Shape (games,).
    num_relevant
        Shape (games,): players that are not provably null.
    """

    nothing: np.ndarray
    everything: np.ndarray
    share: np.ndarray
    standard_error: np.ndarray
    but_for: np.ndarray
    is_exact: np.ndarray
    num_relevant: np.ndarray


def shapley(
    value: Value,
    relevant: np.ndarray,
    *,
    exact_up_to: int = EXACT_UP_TO,
    pairs: int = 32,
    seed: int = 1,
) -> Shares:
    """
    Share out the value of the grand coalition.

    Parameters
    ----------
    value
        The games.
    relevant
        Shape (players, games): False only where the player is provably null in the game.
    exact_up_to
        Games with at most so many relevant players are valued coalition by coalition.
    pairs
        Orders drawn for the others, each with its reverse, which cancels much of the noise.
    seed
        Seed of the drawn orders.

    Returns
    -------
    Shares
    """
    players, games = relevant.shape
    ends = value(np.vstack([np.zeros(players, bool), np.ones(players, bool)]))
    share, error = np.zeros((players, games)), np.zeros((players, games))
    one_less = value(~np.eye(players, dtype=bool)) if players else np.zeros((0, games))
    but_for = np.where(relevant, ends[1] - one_less, 0.0)
    count = relevant.sum(axis=0)
    is_exact = count <= exact_up_to
    for members, own in _groups(relevant, np.flatnonzero(is_exact & (count > 0))):
        share[np.ix_(members, own)] = _exact(value, players, members)[:, own]
    sampled = np.flatnonzero(~is_exact)
    if len(sampled):
        members = np.flatnonzero(relevant[:, sampled].any(axis=1))
        pairs = max(2, min(pairs, MOST_REPLAYS // (2 * (len(members) + 1))))
        mean, spread = _sampled(value, players, members, pairs, seed)
        share[np.ix_(members, sampled)] = mean[:, sampled]
        error[np.ix_(members, sampled)] = spread[:, sampled]
    return Shares(
        nothing=ends[0],
        everything=ends[1],
        share=np.where(relevant, share, 0.0),
        standard_error=np.where(relevant, error, 0.0),
        but_for=but_for,
        is_exact=is_exact,
        num_relevant=count,
    )


def _groups(relevant: np.ndarray, games: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Games by their largest set of relevant players; a set within another one joins it."""
    sets: dict[frozenset[int], list[int]] = {}
    for game in games.tolist():
        key = frozenset(np.flatnonzero(relevant[:, game]).tolist())
        sets.setdefault(key, []).append(game)
    kept: list[tuple[frozenset[int], list[int]]] = []
    for key in sorted(sets, key=lambda k: (-len(k), sorted(k))):
        home = next((own for large, own in kept if key <= large), None)
        if home is None:
            kept.append((key, list(sets[key])))
        else:
            home.extend(sets[key])
    return [(np.array(sorted(key), np.int64), np.array(own, np.int64)) for key, own in kept]


def _exact(value: Value, players: int, members: np.ndarray) -> np.ndarray:
    """Shares of the members, all others being there, from every coalition of the members."""
    n = len(members)
    codes = np.arange(2**n)
    inside = (codes[:, None] >> np.arange(n)) & 1 == 1
    masks = np.ones((len(codes), players), bool)
    masks[:, members] = inside
    values = value(masks)
    size = inside.sum(axis=1)
    weight = np.array([factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)])
    share = np.zeros((n, values.shape[1]))
    for k in range(n):
        without = codes[~inside[:, k]]
        gain = values[without | (1 << k)] - values[without]
        share[k] = weight[size[without]] @ gain
    return share


def _sampled(
    value: Value, players: int, members: np.ndarray, pairs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean share and its standard error over drawn orders and their reverses."""
    rng = np.random.default_rng(seed)
    n = len(members)
    found = []
    for _ in range(pairs):
        order = rng.permutation(n)
        both = [_one_order(value, players, members, own) for own in (order, order[::-1])]
        found.append((both[0] + both[1]) / 2)
    stack = np.stack(found)
    spread = stack.std(axis=0, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.full_like(stack[0], 0)
    return stack.mean(axis=0), spread


def _one_order(value: Value, players: int, members: np.ndarray, order: np.ndarray) -> np.ndarray:
    n = len(members)
    masks = np.ones((n + 1, players), bool)
    masks[:, members] = False
    for step, k in enumerate(order):
        masks[step + 1 :, members[k]] = True
    gain = np.diff(value(masks), axis=0)
    share = np.zeros_like(gain)
    share[order] = gain
    return share
