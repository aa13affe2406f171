"""Control charts: run lengths as declared, known values of the literature, where a shift began."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.divergence.control import (
    ControlError,
    Counts,
    counts_threshold,
    cusum,
    cusum_run_length,
    cusum_threshold,
    ewma_run_length,
    ewma_width,
    shifts,
    usual_of,
)
from soe_lib.divergence.series import charted, charted_counts
from soe_lib.params import Params
from tests.divergence_tables import AS_OF, facts

WEEK = pd.Timedelta(days=7)


@pytest.mark.parametrize(
    ("threshold", "reference", "shift", "length"),
    [(4.0, 0.5, 0.0, 335.4), (5.0, 0.5, 0.0, 930.9), (4.0, 0.5, 1.0, 8.38), (5.0, 0.5, 1.0, 10.4)],
)
def test_run_lengths_of_the_literature(
    threshold: float, reference: float, shift: float, length: float
) -> None:
    """Tests the one-sided CUSUM against published run lengths, in and out of control."""
    assert cusum_run_length(threshold, reference, shift) == pytest.approx(length, rel=0.005)


@pytest.mark.parametrize(("width", "weight"), [(2.814, 0.10), (2.998, 0.25), (3.071, 0.50)])
def test_run_lengths_of_the_ewma(width: float, weight: float) -> None:
    """Tests the EWMA against published designs for 500 observations."""
    assert ewma_run_length(width, weight) == pytest.approx(500, rel=0.01)


@settings(max_examples=12)
@given(length=st.floats(30, 5000), reference=st.floats(0.25, 1.5), weight=st.floats(0.05, 1.0))
def test_limits_are_the_inverse_of_run_lengths(
    length: float, reference: float, weight: float
) -> None:
    """Tests that the derived threshold and width have the run length that was declared."""
    threshold = cusum_threshold(length, reference)
    assert cusum_run_length(threshold, reference) == pytest.approx(length, rel=1e-3)
    width = ewma_width(length, weight)
    assert ewma_run_length(width, weight) == pytest.approx(length, rel=1e-3)


@pytest.mark.parametrize("reference", [0.25, 0.75, 1.5])
def test_false_alarms_of_a_cusum_come_as_declared(reference: float) -> None:
    """Tests on simulated series in control that the mean run to the first alarm is as declared."""
    threshold = cusum_threshold(100.0, reference)
    random = np.random.default_rng(7)
    lengths = [
        int(np.flatnonzero(cusum(random.normal(size=3000) - reference) > threshold)[0]) + 1
        for _ in range(1500)
    ]
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert np.mean(lengths) == pytest.approx(100, abs=4 * error)


@pytest.mark.parametrize("chart", [Counts(12, 0.01, 0.09), Counts(3, 0.02, 0.35)])
def test_false_alarms_of_counts_come_no_earlier_than_declared(chart: Counts) -> None:
    """Tests that counts in control run at least as long as declared; they come in steps."""
    threshold = counts_threshold(chart, 200.0)
    random = np.random.default_rng(8)
    lengths = []
    for _ in range(600):
        path = cusum(chart.scores(random.binomial(chart.size, chart.usual, 8000)))
        lengths.append(int(np.flatnonzero(path > threshold)[0]) + 1)
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert np.mean(lengths) > 200 - 3 * error


@settings(max_examples=30)
@given(
    before=st.integers(20, 60),
    during=st.integers(10, 25),
    after=st.integers(0, 60),
    seed=st.integers(0, 10_000),
)
def test_a_shift_is_found_where_it_is(before: int, during: int, after: int, seed: int) -> None:
    """Tests that a shift of five deviations is one shift, from about its first to its last."""
    values = np.random.default_rng(seed).normal(size=before + during + after)
    values[before : before + during] += 5.0
    found = shifts(values - 2.0, cusum_threshold(10_000.0, 1.5))
    hit = [one for one in found if one.last >= before and one.first < before + during]
    assert len(hit) == 1
    assert abs(hit[0].first - before) <= 3
    assert abs(hit[0].last - (before + during - 1)) <= 3
    assert hit[0].first <= hit[0].signal <= hit[0].last


def test_incidents_of_the_past_do_not_widen_what_is_usual() -> None:
    """Tests that a tenth of outliers leaves centre and spread where they were."""
    values = np.random.default_rng(3).normal(10, 2, 400)
    clean = usual_of(values, 0.1)
    values[:40] += 40
    dirty = usual_of(values, 0.1)
    assert dirty == pytest.approx(clean, abs=0.25)
    assert clean == pytest.approx((10, 2), abs=0.25)


def test_a_run_length_that_cannot_be_is_refused() -> None:
    """Tests that an impossible run length names the parameter to change."""
    with pytest.raises(ControlError, match="false_alarm_weeks"):
        cusum_threshold(1.5, 0.5)


def series_of(values: np.ndarray, per_week: int) -> pd.DataFrame:
    """Return rows of series (one per row of ``values``), the last observations just before now."""
    count, length = values.shape
    back = (length - 1 - np.arange(length) + 0.5) * (WEEK / per_week)
    at = pd.Series(AS_OF - pd.to_timedelta(back)).astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "group": np.repeat([f"S{k:03d}" for k in range(count)], length),
            "at": np.tile(at.to_numpy(), count),
            "value": values.ravel(),
        }
    ).assign(at=lambda rows: pd.to_datetime(rows["at"], utc=True))


def test_the_false_alarm_rate_of_a_week_is_as_declared() -> None:
    """Tests that of 600 series in control with their own past about 1 in 26 signals in a week."""
    section = Params().divergence.model_copy(update={"false_alarm_weeks": 26.0})
    found = facts(params=Params().model_copy(update={"divergence": section}))
    values = np.random.default_rng(5).normal(50.0, 4.0, size=(600, 300))
    rows = charted(found, series_of(values, 20), least_spread=0.1, tolerated=lambda centre: 6.0)
    # A shift that began in an earlier week and lasted into this one is no alarm of this week.
    begun = rows.groupby(["group", "shift_no"])["at"].min()
    share = begun[begun > found.since].index.get_level_values("group").nunique() / 600
    # Binomial error of 600 series is 0.8 %; what is usual is estimated, which costs a little.
    assert 0.5 / 26 <= share <= 2 / 26


def test_people_in_control_signal_no_more_than_declared() -> None:
    """Tests that single absences of 300 crews do not signal, and that a flu of two days does."""
    section = Params().divergence.model_copy(update={"false_alarm_weeks": 26.0})
    found = facts(params=Params().model_copy(update={"divergence": section}))
    gone = np.random.default_rng(6).binomial(12, 0.01, size=(300, 80))
    gone[0, -5:] = 2
    rows = series_of(gone.astype(float), 10).rename(columns={"value": "missing"})
    signals = charted_counts(found, rows.assign(size=12.0), tolerated_share=0.05)
    begun = signals.groupby(["group", "shift_no"])["at"].min()
    groups = set(begun[begun > found.since].index.get_level_values("group"))
    assert "S000" in groups
    assert (len(groups) - 1) / 300 <= 1 / 26 + 2 * (1 / 26 / 300) ** 0.5
