"""Scorecard: limits, alarms and sentences that come from rows only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.kpi.value import Kpi, Period, kpi_rows, measure, share
from soe_lib.monitoring.control import FEWEST_POINTS, control_limits, scoreboard, signal
from soe_lib.monitoring.credible import credible
from soe_lib.monitoring.otif_move import move_sentence, otif_move
from soe_lib.monitoring.scorecard import (
    Shown,
    change_in_words,
    headline,
    in_words,
    scorecard,
)

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
WEEKS = Period.last_weeks(AS_OF, 8, "UTC")
OPENING = (Shown("otif_line", "OTIF", "lines"), Shown("fill", "Fill rate"))


def _otif(counts: list[tuple[int, int]], target: float = 95.0) -> list[Kpi]:
    return [
        share(
            "otif_line", "f", good, due, week.end_at, week, is_count=True, basis="first_confirmed"
        ).with_target(target)
        for week, (good, due) in zip(WEEKS, counts, strict=True)
    ]


def test_limits_are_those_of_the_moving_ranges() -> None:
    """Tests that limits are the mean ± 2.66 mean moving ranges, counted by hand."""
    limits = control_limits(np.array([10.0, 12.0, 11.0, 9.0, 10.0, 11.0]))
    # moving ranges 2, 1, 2, 1, 1: mean 1.4; mean of points 10.5
    assert (limits.centre, limits.lower, limits.upper) == (10.5, 6.776, 14.224)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (14.3, "above limits"),
        (6.7, "below limits"),
        (10.0, "in control"),
        (np.nan, "not evaluable"),
    ],
)
def test_signal_names_what_the_point_says(value: float, word: str) -> None:
    """Tests that a point outside the limits is named, one inside is noise, none is none."""
    assert signal(np.array([10.0, 12.0, 11.0, 9.0, 10.0, 11.0]), value) == word


def test_too_few_points_draw_no_limit() -> None:
    """Tests that limits are not drawn from fewer weeks than FEWEST_POINTS."""
    past = np.arange(FEWEST_POINTS - 1, dtype=float)
    assert signal(past, 100.0) == "too few points"
    assert np.isnan(control_limits(past).upper)


@given(st.lists(st.floats(0, 1e6), min_size=FEWEST_POINTS, max_size=40))
@settings(max_examples=60, deadline=None)
def test_limits_enclose_the_centre_and_follow_a_shift(points: list[float]) -> None:
    """Tests that limits enclose the mean and move with the points when all are shifted."""
    here = control_limits(np.array(points))
    there = control_limits(np.array(points) + 1000.0)
    assert here.lower <= here.centre <= here.upper
    assert there.centre - here.centre == pytest.approx(1000.0, abs=1e-3)
    assert there.upper - here.upper == pytest.approx(1000.0, abs=1e-3)


def test_scoreboard_compares_with_the_week_just_before() -> None:
    """Tests that change is against the previous week, and unknown where that had no value."""
    rows = kpi_rows(_otif([(9, 10)] * 6 + [(8, 10), (7, 10)]))
    board = scoreboard(rows)
    assert len(board) == 1
    assert board["previous_value"].iloc[0] == pytest.approx(80.0)
    assert board["change"].iloc[0] == pytest.approx(-10.0)
    gap = scoreboard(kpi_rows(_otif([(9, 10)] * 6 + [(0, 0), (7, 10)])))
    assert np.isnan(gap["change"].iloc[0])


def test_a_fall_of_a_good_number_is_an_alarm_and_a_rise_is_not() -> None:
    """Tests that only a signal to the bad side is an alarm."""
    steady = [(90, 100), (91, 100), (90, 100), (89, 100), (90, 100), (91, 100), (90, 100)]
    fallen = scoreboard(kpi_rows(_otif([*steady, (60, 100)])))
    risen = scoreboard(kpi_rows(_otif([*steady, (99, 100)])))
    assert (fallen["signal"].iloc[0], bool(fallen["is_alarm"].iloc[0])) == ("below limits", True)
    assert (risen["signal"].iloc[0], bool(risen["is_alarm"].iloc[0])) == ("above limits", False)


def test_limits_of_a_proportion_stay_between_0_and_100() -> None:
    """Tests that no limit of a share is drawn above 100 %."""
    rows = kpi_rows(_otif([(99, 100), (90, 100), (98, 100), (91, 100)] * 2))
    board = scoreboard(rows)
    assert board["upper_limit"].iloc[0] == 100.0


def test_the_sentence_is_made_of_the_row() -> None:
    """Tests that the headline says value, counts, target, change and noise of the row."""
    history = kpi_rows(_otif([(440, 480), (410, 480)] * 3 + [(426, 466), (412, 466)]))
    kpis, trend = scorecard(history, OPENING)
    assert kpis["sentence"].iloc[0] == (
        "OTIF was 88.4 % (412 of 466 lines) against 95 % wanted, "
        "3.0 points below the week before, inside the usual noise"
    )
    assert headline(kpis) == kpis["sentence"].iloc[0] + "."
    assert len(trend) == 8
    assert kpis["tone"].iloc[0] == "bad"


def test_what_has_no_value_says_why_and_is_counted() -> None:
    """Tests that a KPI without a population keeps its reason and is never a number."""
    rows = [
        *_otif([(9, 10)] * 8),
        *[
            share("fill", "f", 0.0, 0.0, week.end_at, week, empty="no line was due")
            for week in WEEKS
        ],
    ]
    kpis, trend = scorecard(kpi_rows(rows), OPENING)
    fill = kpis[kpis["kpi"] == "fill"].iloc[0]
    assert np.isnan(fill["value"])
    assert (fill["status"], fill["value_text"]) == ("not_evaluable", "not evaluable")
    assert fill["sentence"] == "Fill rate could not be computed: no line was due"
    assert set(trend["kpi"]) == {"otif_line"}
    assert "1 of 2 KPIs could not be computed" in headline(kpis)


def test_without_any_value_the_headline_says_so() -> None:
    """Tests that a feed that allows no KPI gives a sentence, not a crash."""
    rows = [share("fill", "f", 0.0, 0.0, w.end_at, w, empty="no line was due") for w in WEEKS]
    kpis, trend = scorecard(kpi_rows(rows), OPENING)
    assert headline(kpis) == ("None of the 1 KPIs of last week could be computed, reasons below.")
    assert trend.empty


def test_kpis_that_do_not_open_the_page_come_after() -> None:
    """Tests that rank orders the opening KPIs and is empty for all others."""
    rows = [measure("turns", "f", 7.0, "1/year", w.end_at, w, n=3) for w in WEEKS]
    kpis, _ = scorecard(kpi_rows([*rows, *_otif([(9, 10)] * 8)]), OPENING)
    assert kpis["kpi"].tolist() == ["otif_line", "turns"]
    assert kpis["rank"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (88.4123, "%", "88.4 %"),
        (95.0, "%", "95 %"),
        (41203.4, "uom", "41,203 units"),
        (5.81, "pp", "5.8 points"),
        (12.44, "days", "12.4 days"),
        (1234.0, "money", "1,234 EUR"),
        (float("nan"), "%", "not evaluable"),
    ],
)
def test_values_in_words(value: float, unit: str, text: str) -> None:
    """Tests that values carry their unit and no false precision."""
    assert in_words(value, unit, "EUR") == text


def test_change_in_words() -> None:
    """Tests that a change of a share is in points and no change is said as such."""
    assert change_in_words(-3.04, "%") == "3.0 points below the week before"
    assert change_in_words(0.01, "%") == "unchanged on the week before"
    assert change_in_words(np.nan, "%") == ""


def _busy(percent: float) -> list[Kpi]:
    week = WEEKS[-1]
    return [
        share(kpi, "f", percent, 100.0, week.end_at, week)
        for kpi in ("actual_utilisation", "oee", "iso_setup_ratio", "scrap_ratio")
    ]


@pytest.mark.parametrize(("percent", "num_kept"), [(95.0, 4), (119.0, 4), (4195.0, 1)])
def test_impossible_busy_hours_are_no_figures(percent: float, num_kept: int) -> None:
    """Tests that what rests on busy hours beyond the open ones is not evaluable and says why."""
    rows = credible(kpi_rows(_busy(percent)))
    assert rows["value"].notna().sum() == num_kept
    gone = rows[rows["value"].isna()]
    assert gone["reason"].str.contains("not credible: .* 4,195 %").all()
    assert (gone["status"] == "not_evaluable").all()
    assert rows["value"].notna()[rows["kpi"] == "scrap_ratio"].all()


def test_otif_move_names_the_reason_that_moved_it_that_way() -> None:
    """Tests that a fall is explained by what got worse, not by what improved, and sums up."""
    this, last = WEEKS[-1], WEEKS[-2]

    def lines(week: Period, reasons: list[str]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "period_date": [week.start_date] * len(reasons),
                "exclude_reason": [""] * len(reasons),
                "is_otif": [reason == "" for reason in reasons],
                "fail_reason": reasons,
            }
        )

    before = lines(last, ["short"] * 3 + ["late"] + [""] * 6)  # 60 %
    now = lines(this, ["short"] * 1 + ["late"] * 4 + [""] * 5)  # 50 %
    move = otif_move(now, before, this, last)
    assert move["otif_change_points"].sum() == pytest.approx(-10.0)
    assert move_sentence(move) == (
        "OTIF fell by 10.0 points; lines that failed because 'late' account for -30.0 (1 such "
        "lines the week before, 4 last week)."
    )
    assert otif_move(now, before.iloc[:0], this, last).empty
    assert move_sentence(otif_move(now, before.iloc[:0], this, last)) == ""
    same = otif_move(now, now.assign(period_date=last.start_date), this, last)
    assert move_sentence(same).startswith("OTIF did not move")


def test_a_lower_bound_is_no_figure() -> None:
    """Tests that a cover that outlasts the forecast has no value, and the bound as its reason."""
    week = WEEKS[-1]
    bound = measure(
        "days_of_supply", "f", 7.0, "days", week.end_at, week, n=3,
        note="at least: the forecast ends first",
    )  # fmt: skip
    row = credible(kpi_rows([bound])).iloc[0]
    assert np.isnan(row["value"])
    assert row["status"] == "not_evaluable"
    assert row["reason"] == "at least 7.0 days: the forecast ends first"
