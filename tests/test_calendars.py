"""Time arithmetic: weeks, working days, fences and hours, also when the clocks change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soe_lib.calendars import (
    capacity_hours,
    cycle_id,
    shift_days,
    site_day,
    union_minutes,
    week_start,
    weekly_buckets,
    working_days_between,
    zone_of,
)

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("instant", "zone", "daily", "name"),
    [
        ("2026-11-23T05:00Z", "UTC", False, "2026-W48"),
        ("2026-11-25T05:00Z", "UTC", True, "2026-W48-3"),
        ("2026-11-22T23:30Z", "UTC", False, "2026-W47"),
        ("2026-11-22T23:30Z", BERLIN, False, "2026-W48"),  # Monday already at the site
        ("2027-01-01T12:00Z", BERLIN, True, "2026-W53-5"),  # the ISO year, not the calendar's
    ],
)
def test_cycles_are_iso_weeks_of_the_site(instant: str, zone: str, daily: bool, name: str) -> None:
    """Tests that a cycle is named after the site's ISO week and day."""
    assert cycle_id(pd.Timestamp(instant), zone, daily=daily) == name


@pytest.mark.parametrize(
    ("begin", "hours"),
    [("2026-03-25T10:00Z", [167, 168]), ("2026-10-21T10:00Z", [169, 168])],
)
def test_weeks_of_the_site_have_the_hours_they_have(begin: str, hours: list[int]) -> None:
    """Tests that the weeks in which summer time begins and ends are an hour shorter and longer."""
    buckets = weekly_buckets(pd.Timestamp(begin), 2, BERLIN)
    assert [(end - low).total_seconds() / 3600 for low, end in buckets] == hours
    assert buckets[0][1] == buckets[1][0]
    for low, _ in buckets:
        local = low.tz_convert(BERLIN)
        assert (local.day_of_week, local.hour) == (0, 0)


def test_days_and_weeks_are_the_sites() -> None:
    """Tests that an instant falls on the site's day and week, a plain day on its own."""
    late = pd.Series(pd.to_datetime(["2026-11-22T23:30Z", None]))
    assert site_day(late, BERLIN).iloc[0] == pd.Timestamp("2026-11-23")
    assert week_start(late, BERLIN).iloc[0] == pd.Timestamp("2026-11-23")
    assert week_start(late).iloc[0] == pd.Timestamp("2026-11-16")
    assert week_start(late).isna().tolist() == [False, True]
    assert week_start(pd.Series([pd.Timestamp("2026-11-29")])).iloc[0] == pd.Timestamp("2026-11-23")


def test_working_days_by_hand() -> None:
    """Tests that shifting counts Monday to Friday and starts weekends on the right side."""
    days = pd.Series(pd.to_datetime(["2026-11-20", "2026-11-21", None]))  # Friday, Saturday
    forward = shift_days(days, 1, working=True)
    back = shift_days(days, -1, working=True)
    assert forward.dropna().dt.day.tolist() == [23, 23]
    assert back.dropna().dt.day.tolist() == [19, 20]
    assert shift_days(days, 0, working=True).equals(days.astype("datetime64[us]"))
    assert shift_days(days, 2, working=False).dropna().dt.day.tolist() == [22, 23]
    counted = working_days_between(days, pd.Series(pd.to_datetime(["2026-11-24"] * 3)))
    assert counted.tolist()[:2] == [2, 1]
    assert np.isnan(counted.iloc[2])


def test_zones_begin_at_as_of() -> None:
    """Tests that fences are half open: an operation at the fence is beyond it."""
    as_of = pd.Timestamp("2026-11-23T05:00Z")
    starts = as_of + pd.to_timedelta(pd.Series([-10, 0, 71.9, 72, 239.9, 240]), unit="h")
    assert zone_of(starts, as_of, 3.0, 7.0).tolist() == [
        *["frozen"] * 3,
        *["slushy"] * 2,
        "liquid",
    ]


def _calendar(rows: list[tuple[str, str, str, str, float | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        rows, columns=["resource_id", "calendar_kind", "start_at", "end_at", "capacity"]
    )
    for name in ("start_at", "end_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame.astype({"capacity": float})


WEEK = [(pd.Timestamp("2026-11-23T00:00Z"), pd.Timestamp("2026-11-30T00:00Z"))]


def test_capacity_by_hand() -> None:
    """Tests shifts, overtime, closures, stations and overlaps against hours counted by hand."""
    calendar = _calendar(
        [
            ("L1", "shift", "2026-11-23T06:00Z", "2026-11-23T14:00Z", None),
            ("L1", "shift", "2026-11-23T12:00Z", "2026-11-23T16:00Z", None),  # overlaps: 10 h
            ("L1", "overtime", "2026-11-23T16:00Z", "2026-11-23T18:00Z", None),  # 12 h
            ("L1", "potential_overtime", "2026-11-23T18:00Z", "2026-11-23T20:00Z", None),  # not yet
            ("L1", "down", "2026-11-23T13:00Z", "2026-11-23T15:00Z", None),  # 10 h
            ("L1", "maintenance", "2026-11-23T14:00Z", "2026-11-23T17:00Z", None),  # 8 h
            ("W1", "shift", "2026-11-22T18:00Z", "2026-11-23T06:00Z", None),  # 6 h x 3 stations
            ("W1", "shift", "2026-11-24T06:00Z", "2026-11-24T10:00Z", 2.0),  # 4 h x 2
            ("W1", "down", "2026-11-24T08:00Z", "2026-11-24T09:00Z", 1.0),  # less 1 h x 1
            ("X1", "holiday", "2026-11-24T08:00Z", "2026-11-24T09:00Z", None),
        ]
    )
    found = capacity_hours(calendar, WEEK, pd.Series({"L1": 1.0, "W1": 3.0}))
    assert found.set_index("resource_id")["available_hours"].to_dict() == {
        "L1": pytest.approx(8.0),
        "W1": pytest.approx(18.0 + 8.0 - 1.0),
    }
    assert found["bucket_start"].tolist() == [WEEK[0][0]] * 2
    assert capacity_hours(calendar.head(0), WEEK, pd.Series(dtype=float)).empty


def test_capacity_across_the_change_of_clocks() -> None:
    """Tests that a night shift over the end of summer time offers the hour twice."""
    shift = pd.Series(pd.to_datetime(["2026-10-24 22:00", "2026-10-25 06:00"]))
    begin, end = shift.dt.tz_localize(BERLIN).dt.tz_convert("UTC")
    calendar = _calendar([("L1", "shift", begin.isoformat(), end.isoformat(), None)])
    buckets = weekly_buckets(begin, 2, BERLIN)
    found = capacity_hours(calendar, buckets, pd.Series({"L1": 1.0}))
    assert found["available_hours"].tolist() == [pytest.approx(9.0)]


@given(
    intervals=st.lists(
        st.tuples(
            st.sampled_from(["shift", "overtime", "down", "potential_overtime"]),
            st.integers(0, 200),
            st.integers(1, 60),
            st.sampled_from([None, 1.0, 2.0, 9.0]),
        ),
        max_size=8,
    ),
    stations=st.sampled_from([1.0, 3.0]),
)
def test_capacity_equals_counting_every_hour(
    intervals: list[tuple[str, int, int, float | None]], stations: float
) -> None:
    """Tests that capacity is what counting the stations of each single hour gives."""
    begin = pd.Timestamp("2026-11-22T00:00Z")
    hour = pd.Timedelta(hours=1)
    calendar = _calendar(
        [
            (
                "L1",
                kind,
                (begin + low * hour).isoformat(),
                (begin + (low + n) * hour).isoformat(),
                c,
            )
            for kind, low, n, c in intervals
        ]
    )
    expected, is_open = 0.0, False
    for now in range(24, 24 + 168):
        here = [i for i in intervals if i[1] <= now < i[1] + i[2]]
        level = max(
            (min(i[3] or stations, stations) for i in here if i[0] in ("shift", "overtime")),
            default=0.0,
        )
        shut = max((min(i[3] or stations, stations) for i in here if i[0] == "down"), default=0.0)
        is_open |= level > 0
        expected += max(level - shut, 0.0)
    found = capacity_hours(calendar, WEEK, pd.Series({"L1": stations}))
    assert len(found) == int(is_open)
    assert found["available_hours"].sum() == pytest.approx(expected)


def test_union_keeps_gaps_and_merges_touching() -> None:
    """Tests that touching intervals become one and a gap stays."""
    calendar = _calendar(
        [
            ("L1", "shift", "2026-11-23T06:00Z", "2026-11-23T14:00Z", None),
            ("L1", "shift", "2026-11-23T14:00Z", "2026-11-23T16:00Z", None),
            ("L1", "shift", "2026-11-23T18:00Z", "2026-11-23T20:00Z", None),
            ("L0", "shift", "2026-11-23T07:00Z", "2026-11-23T08:00Z", None),
        ]
    )
    merged = union_minutes(calendar[["resource_id", "start_at", "end_at"]])
    assert merged["resource_id"].tolist() == ["L0", "L1", "L1"]
    assert ((merged["end_at"] - merged["start_at"]).dt.total_seconds() / 3600).tolist() == [
        1,
        10,
        2,
    ]
