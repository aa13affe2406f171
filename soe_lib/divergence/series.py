"""Series of observations on control charts: which left what is usual since the last cycle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from soe_lib.divergence.control import (
    LARGEST_Z,
    LEAST_OBSERVATIONS,
    Counts,
    counts_threshold,
    cusum_threshold,
    shifts,
    usual_of,
)
from soe_lib.divergence.facts import Facts

SMALLEST_REFERENCE, LARGEST_REFERENCE = 0.25, 1.5
LEAST_RUN_LENGTH = 20.0
CLEANINGS = 2
_WEEK = pd.Timedelta(days=7)
COLUMNS = ("usual", "spread", "shift_no")


def charted(
    facts: Facts,
    observations: pd.DataFrame,
    *,
    least_spread: float,
    tolerated: Callable[[float], float],
) -> pd.DataFrame:
    """
    Return the observations of shifts upwards that lasted into the time since the last cycle.

    Each group is a series of its own: centre and spread are those of its past, the reference is
    half of the tolerated shift (the chart that finds a shift of that size soonest), the threshold
    follows from ``false_alarm_weeks``.

    Parameters
    ----------
    observations
        ``group``, ``at`` (instant), ``value`` (larger is worse), and whatever else.
    least_spread
        Spread below which nothing is believed, in units of ``value``.
    tolerated
        Tolerance in units of ``value``, from the centre of a series.

    Returns
    -------
    pandas.DataFrame
        Rows of ``observations`` with ``usual`` (centre), ``spread`` and ``shift_no``; series with
        less than eight past observations are not charted (see :func:`has_past`).
    """
    ordered = observations.sort_values(["group", "at"], kind="stable")
    found = []
    weeks = _weeks(facts, ordered)
    for _, own in ordered[ordered["group"].isin(has_past(facts, ordered))].groupby("group"):
        past = own.loc[own["at"] <= facts.since, "value"].to_numpy(float)
        centre, spread = usual_of(past, least_spread)
        reference = np.clip(tolerated(centre) / spread / 2, SMALLEST_REFERENCE, LARGEST_REFERENCE)
        reference = round(float(reference), 2)
        threshold = cusum_threshold(_run_length(facts, len(own) / weeks), reference)
        z = ((own["value"].to_numpy(float) - centre) / spread).clip(-LARGEST_Z, LARGEST_Z)
        found += _alive(facts, own.assign(usual=centre, spread=spread), z - reference, threshold)
    return pd.concat(found) if found else _nothing(ordered)


def charted_counts(
    facts: Facts, observations: pd.DataFrame, *, tolerated_share: float
) -> pd.DataFrame:
    """
    Return the counts of shifts upwards that lasted into the time since the last cycle.

    What is usual is taken over all series together, without the shifts of the past that the chart
    itself finds: they are looked for twice, the second time with a cleaner idea of what is usual.

    Parameters
    ----------
    observations
        ``group``, ``at``, ``size`` (of how many), ``missing``, and whatever else.
    tolerated_share
        Share that may be missing; a series out of control misses that more than usual, or one of
        its typical size, whichever is more.

    Returns
    -------
    pandas.DataFrame
        As :func:`charted`; ``usual`` is a share.
    """
    ordered = observations.sort_values(["group", "at"], kind="stable")
    known = ordered[ordered["group"].isin(has_past(facts, ordered))]
    if known.empty:
        return _nothing(ordered)
    in_control = known[known["at"] <= facts.since]
    for _ in range(CLEANINGS):
        signalled = _counts_in_shifts(facts, known, in_control, tolerated_share)
        in_control = in_control[~in_control.index.isin(signalled.index)]
    found = _counts_in_shifts(facts, known, in_control, tolerated_share)
    last = found.groupby(["group", "shift_no"])["at"].transform("max")
    return found[last > facts.since]


def _counts_in_shifts(
    facts: Facts, counts: pd.DataFrame, in_control: pd.DataFrame, tolerated_share: float
) -> pd.DataFrame:
    """Return all counts that belong to a shift, past ones too."""
    usual = (in_control["missing"].sum() + 0.5) / (in_control["size"].sum() + 1.0)
    usual = round(min(max(float(usual), 1e-4), 0.2), 3 if usual > 0.01 else 4)
    weeks = _weeks(facts, counts)
    found = []
    for _, own in counts.groupby("group"):
        size = max(round(float(own["size"].median())), 1)
        shifted = round(min(usual + max(tolerated_share, 1 / size), 0.9), 4)
        length = _run_length(facts, len(own) / weeks)
        chart = Counts(size, usual, shifted)
        threshold = float(counts_threshold(chart, length))
        steps = np.zeros(len(own))
        for number in own["size"].unique():
            same = (own["size"] == number).to_numpy()
            steps[same] = chart.scores(own["missing"].to_numpy(float)[same], int(number))
        marked = own.assign(usual=usual, spread=np.nan)
        found += [
            marked.iloc[shift.first : shift.last + 1].assign(shift_no=number)
            for number, shift in enumerate(shifts(steps, threshold))
        ]
    return pd.concat(found) if found else _nothing(counts)


def has_past(facts: Facts, observations: pd.DataFrame) -> pd.Index:
    """Return the groups that have enough observations before the last cycle to be charted."""
    past = observations[observations["at"] <= facts.since].groupby("group").size()
    return past.index[past >= LEAST_OBSERVATIONS]


def _weeks(facts: Facts, observations: pd.DataFrame) -> float:
    """Return how many weeks the observations span."""
    if observations.empty:
        return 1.0
    return max((facts.as_of - observations["at"].min()) / _WEEK, 1.0)


def _run_length(facts: Facts, per_week: float) -> float:
    """Return the declared run length in observations, rounded so that thresholds are reused."""
    length = max(per_week * facts.params.divergence.false_alarm_weeks, LEAST_RUN_LENGTH)
    return float(f"{length:.2g}")


def _alive(
    facts: Facts, own: pd.DataFrame, steps: np.ndarray, threshold: float
) -> list[pd.DataFrame]:
    parts = []
    for number, shift in enumerate(shifts(steps, threshold)):
        part = own.iloc[shift.first : shift.last + 1]
        if part["at"].iloc[-1] > facts.since:
            parts.append(part.assign(shift_no=number))
    return parts


def _nothing(observations: pd.DataFrame) -> pd.DataFrame:
    return observations.iloc[:0].assign(usual=0.0, spread=0.0, shift_no=0)
