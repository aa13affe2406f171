"""
Random numbers that belong to a thing, not to the order in which they are drawn.

Two runs of the twin that differ in one incident see the same noise everywhere else, so that the
difference between them is the incident's.
"""

from __future__ import annotations

import math
import zlib
from statistics import NormalDist

_NORMAL = NormalDist()
_MASK = (1 << 64) - 1


def uniform(seed: int, *key: object) -> float:
    """Return a number in (0, 1) that depends on seed and key only."""
    text = "|".join(str(part) for part in key).encode()
    state = (
        zlib.crc32(text) + (seed << 32) + 0x9E3779B97F4A7C15 * (zlib.adler32(text) + 1)
    ) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    state ^= state >> 31
    return (state + 0.5) / (1 << 64)


def normal(seed: int, *key: object) -> float:
    """Return a standard normal number that depends on seed and key only."""
    return _NORMAL.inv_cdf(min(max(uniform(seed, *key), 1e-12), 1 - 1e-12))


def lognormal(sigma: float, seed: int, *key: object) -> float:
    """Return a lognormal number of mean 1."""
    return math.exp(sigma * normal(seed, *key) - sigma * sigma / 2)


def pick(weights: list[float], seed: int, *key: object) -> int:
    """Return an index drawn with the given weights."""
    target = uniform(seed, *key) * sum(weights)
    for number, weight in enumerate(weights):
        target -= weight
        if target <= 0:
            return number
    return len(weights) - 1
