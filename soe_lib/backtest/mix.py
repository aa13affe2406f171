"""The mix for the next day: every unit goes where it is most likely to be used soon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

_CHUNKS = 60
"""Parts into which the largest day of a product is cut; the greedy choice moves part by part."""
_WORTHLESS = 1e-3
"""A part whose units are used within the horizon less often than this is not worth making."""
_SMALLEST_SD = 1e-6


@dataclass(frozen=True)
class Settings:
    """
    Parameters of the mix.

    Attributes
    ----------
    horizon_days
        A unit counts as used when demand takes it within so many days.
    discount
        Worth of use one day later, as a share of use today.
    smoothing
        Weight of the newest day in the demand forecast (exponential smoothing).
    recovery
        How much a product whose backlog is small against its demand is preferred to one deep in
        backlog. 0 looks at units owed only; more serves more of the day's orders on the day,
        while deep backlogs wait longer.
    """

    horizon_days: int = 7
    discount: float = 0.9
    smoothing: float = 0.1
    recovery: float = 0.2


@dataclass(frozen=True)
class Limits:
    """
    What a plant could do on a day.

    Attributes
    ----------
    total_qty
        Units in total.
    num_items
        Different products.
    largest_qty
        Most of each product on one day, the largest day so far; 0 = never made.
    """

    total_qty: float
    num_items: int
    largest_qty: np.ndarray


def choose_mix(
    ordered_qty: np.ndarray,
    stock_qty: np.ndarray,
    backlog_qty: np.ndarray,
    limits: Limits,
    settings: Settings,
) -> np.ndarray:
    """
    Return how much of each product to make on the next day.

    The value of the ``q``-th unit of a product is the discounted probability that demand of the
    next days takes it: the sum over k ≤ horizon of discount^(k-1) · P(net need + demand of k days
    > q), demand of k days normal with mean and variance of its exponentially smoothed history.
    Units are taken in the order of their value until the day's total is used up; while more
    products are in the mix than the day allows, those that gain least leave it.

    Parameters
    ----------
    ordered_qty
        Orders of all days up to today, days × products; the newest last.
    stock_qty, backlog_qty
        Stock and units owed at the end of today.
    limits
        Limits of the next day.
    settings
        Parameters.

    Returns
    -------
    numpy.ndarray
        Units per product, within all three limits.
    """
    value = _values(ordered_qty, backlog_qty - stock_qty, limits.largest_qty, settings)
    size = limits.largest_qty / _CHUNKS
    is_in = limits.largest_qty > 0
    while True:
        made, gain = _take(value, size, is_in, limits.total_qty)
        running = np.flatnonzero(made > 0)
        surplus = len(running) - limits.num_items
        if surplus <= 0:
            break
        leaving = running[np.argsort(gain[running], kind="stable")][: (surplus + 1) // 2]
        is_in[leaving] = False
    return _fill_up(made, limits)


def _values(
    ordered_qty: np.ndarray, net_qty: np.ndarray, largest_qty: np.ndarray, settings: Settings
) -> np.ndarray:
    """Return the value of each part of each product, products × parts."""
    age = np.arange(len(ordered_qty))[::-1]
    weight = (1 - settings.smoothing) ** age
    weight = weight[:, None] / weight.sum()
    mean = (weight * ordered_qty).sum(axis=0)
    sd = np.sqrt((weight * (ordered_qty - mean) ** 2).sum(axis=0))
    middle = (np.arange(_CHUNKS) + 0.5) / _CHUNKS
    unit = middle[None, :] * largest_qty[:, None]
    value = np.zeros_like(unit)
    for k in range(1, settings.horizon_days + 1):
        need = (net_qty + k * mean)[:, None]
        spread = (np.sqrt(k) * sd + _SMALLEST_SD)[:, None]
        value += settings.discount ** (k - 1) * norm.sf(unit, need, spread)
    soon = settings.horizon_days * mean + 1.0
    easy = soon / (np.maximum(net_qty, 0.0) + soon)
    return value * (easy**settings.recovery)[:, None]


def _take(
    value: np.ndarray, size: np.ndarray, is_in: np.ndarray, total_qty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Take parts in the order of their value; return units and gain of each product."""
    num_items = len(size)
    flat = np.where(is_in[:, None], value, -1.0).ravel()
    order = np.argsort(-flat, kind="stable")
    item = order // _CHUNKS
    part = size[item]
    chosen = (flat[order] > _WORTHLESS) & (np.cumsum(part) <= total_qty)
    made = np.bincount(item[chosen], weights=part[chosen], minlength=num_items)
    gain = np.bincount(
        item[chosen], weights=part[chosen] * flat[order][chosen], minlength=num_items
    )
    return made, gain


def _fill_up(made: np.ndarray, limits: Limits) -> np.ndarray:
    """Spread what is left of the day over the products that run anyway, in proportion to room."""
    rest = limits.total_qty - made.sum()
    room = np.where(made > 0, limits.largest_qty - made, 0.0)
    if rest <= 0 or room.sum() <= 0:
        return made
    return made + room * min(1.0, rest / room.sum())
