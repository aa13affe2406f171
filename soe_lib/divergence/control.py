"""
Control charts with a declared false-alarm rate: how long a series in control runs without alarm.

A series is its observations in standard deviations from what is usual (or, for counts, its
likelihood ratios). A one-sided CUSUM adds what exceeds the reference and starts again at zero; it
signals above a threshold. The threshold is not chosen but derived: from the average run length,
the mean number of observations until a series in control raises a false alarm. Run lengths are
solved from the integral equation of the chart (Page 1954; Crowder 1987 for the EWMA) on
Gauss-Legendre nodes, for counts from its Markov chain (Brook and Evans 1972).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binom

NODES = 48
QUARTERS = 4
LEAST_OBSERVATIONS = 8
"""Past observations from which on a series knows what is usual for it."""
LARGEST_Z = 6.0
"""One observation counts at most as many standard deviations: a typing error is no trend."""


class ControlError(ValueError):
    """A chart cannot have the run length that is asked for; the text says why."""


def _normal_density(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def cusum_run_length(threshold: float, reference: float, shift: float = 0.0) -> float:
    """
    Return the mean observations until a one-sided CUSUM of standard normals signals.

    Parameters
    ----------
    threshold, reference
        h and k of the chart. [standard deviations]
    shift
        Mean of the observations; 0 = in control. [standard deviations]
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    y, w = threshold * (nodes + 1) / 2, threshold * weights / 2
    drift = reference - shift
    kernel = _normal_density(y[None, :] - y[:, None] + drift) * w[None, :]
    matrix = np.eye(NODES + 1)
    # State 0 is an atom of its own: everything below the reference ends there.
    matrix[0, 0] -= ndtr(drift)
    matrix[0, 1:] -= _normal_density(y + drift) * w
    matrix[1:, 0] -= ndtr(drift - y)
    matrix[1:, 1:] -= kernel
    return float(np.linalg.solve(matrix, np.ones(NODES + 1))[0])


def ewma_run_length(width: float, weight: float, shift: float = 0.0) -> float:
    """
    Return the mean observations until a two-sided EWMA of standard normals signals.

    Parameters
    ----------
    width
        Limit on either side, in standard deviations of the settled EWMA.
    weight
        Weight of the newest observation, above 0 and at most 1.
    shift
        Mean of the observations. [standard deviations]
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    limit = width * np.sqrt(weight / (2 - weight))
    y, w = limit * nodes, limit * weights
    step = (y[None, :] - (1 - weight) * y[:, None]) / weight - shift
    kernel = _normal_density(step) * w[None, :] / weight
    lengths = np.linalg.solve(np.eye(NODES) - kernel, np.ones(NODES))
    begin = _normal_density(y / weight - shift) * w / weight
    return float(1 + begin @ lengths)


@lru_cache(maxsize=512)
def cusum_threshold(run_length: float, reference: float) -> float:
    """
    Return the threshold at which a one-sided CUSUM in control runs ``run_length`` on average.

    Raises
    ------
    ControlError
        When the run length is below that of the threshold zero.
    """
    least = cusum_run_length(1e-6, reference)
    if run_length <= least:
        raise ControlError(
            f"a CUSUM with reference {reference:g} runs {least:.1f} observations at least; "
            f"{run_length:g} was asked for: raise divergence.false_alarm_weeks"
        )
    top = 1.0
    while cusum_run_length(top, reference) < run_length:
        top *= 2
    return float(
        brentq(lambda h: np.log(cusum_run_length(h, reference) / run_length), 1e-6, top, xtol=1e-6)
    )


@lru_cache(maxsize=512)
def ewma_width(run_length: float, weight: float) -> float:
    """
    Return the limits at which a two-sided EWMA in control runs ``run_length`` on average.

    Raises
    ------
    ControlError
        When the run length is that of no limits at all.
    """
    if run_length <= 1.5:
        raise ControlError(f"an EWMA cannot run {run_length:g} observations on average")
    top = 0.5
    while ewma_run_length(top, weight) < run_length:
        top += 0.5
    return float(
        brentq(lambda c: np.log(ewma_run_length(c, weight) / run_length), 0.01, top, xtol=1e-6)
    )


@dataclass(frozen=True)
class Counts:
    """
    A CUSUM of counts: of ``size`` each is missing with ``usual``, out of control with ``shifted``.

    One observation adds its log likelihood ratio, in whole quarters of what an observation without
    anything missing takes away: whole numbers make the run length exact.
    """

    size: int
    usual: float
    shifted: float

    def scores(self, counts: np.ndarray, size: int | None = None) -> np.ndarray:
        """Return what counts add; ``size`` is of how many, where it is not the usual size."""
        down = np.log((1 - self.shifted) / (1 - self.usual))
        up = np.log(self.shifted / self.usual)
        ratio = counts * up + ((size or self.size) - counts) * down
        return np.asarray(np.rint(ratio / (self.size * -down / QUARTERS)))


def counts_run_length(chart: Counts, threshold: int) -> float:
    """Return the mean observations in control until a CUSUM of counts exceeds its threshold."""
    counts = np.arange(chart.size + 1)
    steps = chart.scores(counts).astype(int)
    chances = binom.pmf(counts, chart.size, chart.usual)
    matrix = np.eye(threshold + 1)
    for step, chance in zip(steps, chances, strict=True):
        after = np.maximum(np.arange(threshold + 1) + step, 0)
        inside = after <= threshold
        np.subtract.at(matrix, (np.flatnonzero(inside), after[inside]), chance)
    return float(np.linalg.solve(matrix, np.ones(threshold + 1))[0])


@lru_cache(maxsize=512)
def counts_threshold(chart: Counts, run_length: float) -> int:
    """
    Return the least threshold at which a CUSUM of counts runs ``run_length`` or more in control.

    Counts come in steps, so the run length does too.
    """
    high = 1
    while counts_run_length(chart, high) < run_length:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if counts_run_length(chart, middle) >= run_length else (middle, high)
        )
    return high


def cusum(steps: np.ndarray) -> np.ndarray:
    """Return the path of a one-sided CUSUM from zero; ``steps`` are already less the reference."""
    total = np.cumsum(steps)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total), 0.0))


@dataclass(frozen=True)
class Shift:
    """
    Where a series left what is usual.

    Attributes
    ----------
    first, last
        Positions of its first and last observation: from where the CUSUM last left zero to its
        peak.
    signal
        Position of the first observation above the threshold.
    """

    first: int
    last: int
    signal: int


def shifts(steps: np.ndarray, threshold: float) -> list[Shift]:
    """
    Return the shifts of a series in order of time.

    Parameters
    ----------
    steps
        What each observation adds to the CUSUM, less the reference.
    threshold
        Above it the chart signals. A shift is over when the path has fallen from its peak by as
        much; the chart starts again at zero after the peak.
    """
    found: list[Shift] = []
    begin = 0
    while begin < len(steps):
        path = cusum(steps[begin:])
        above = np.flatnonzero(path > threshold)
        if not len(above):
            break
        signal = int(above[0])
        zeros = np.flatnonzero(path[:signal] <= 0)
        first = int(zeros[-1]) + 1 if len(zeros) else 0
        rest = path[signal:]
        fallen = np.flatnonzero(np.maximum.accumulate(rest) - rest > threshold)
        end = int(fallen[0]) if len(fallen) else len(rest)
        last = signal + int(np.argmax(rest[:end]))
        found.append(Shift(begin + first, begin + last, begin + signal))
        begin += last + 1
    return found


def usual_of(values: np.ndarray, least_spread: float) -> tuple[float, float]:
    """
    Return centre and spread of past values, without what lies outside three spreads.

    Incidents of the past are among the values and must not widen what is usual: the first guess is
    the median and the median distance from it, what is left gives mean and deviation.
    """
    centre = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - centre))), least_spread)
    kept = values[np.abs(values - centre) <= 3 * spread]
    # A normal cut at three deviations has 0.9866 of its spread.
    deviation = float(np.std(kept, ddof=1)) / 0.9866 if len(kept) > 1 else 0.0
    return float(np.mean(kept)), max(deviation, least_spread)
