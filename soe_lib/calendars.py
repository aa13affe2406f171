"""Time arithmetic: cycles, weeks, working days, fences, capacity hours."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from soe_lib.vocabulary import ZONES

OPEN_KINDS = ("shift", "overtime")
CLOSED_KINDS = ("maintenance", "holiday", "down")


def cycle_id(as_of: pd.Timestamp, time_zone: str = "UTC", *, daily: bool = False) -> str:
    """
    Name the cycle of an instant: ISO week of the site, with the weekday for a daily cycle.

    Examples
    --------
    >>> cycle_id(pd.Timestamp("2026-11-25T05:00Z"))
    '2026-W48'
    >>> cycle_id(pd.Timestamp("2026-11-25T05:00Z"), daily=True)
    '2026-W48-3'
    """
    year, week, day = as_of.tz_convert(time_zone).isocalendar()
    return f"{year}-W{week:02d}" + (f"-{day}" if daily else "")


def week_start(values: pd.Series, time_zone: str = "UTC") -> pd.Series:
    """Return the Monday (site day, no zone) of instants or days."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(time_zone).dt.tz_localize(None)
    day = values.dt.normalize()
    return (day - pd.to_timedelta(day.dt.day_of_week, unit="D")).astype("datetime64[us]")


def site_day(values: pd.Series, time_zone: str) -> pd.Series:
    """Return the calendar day of the site on which instants fall."""
    local = values.dt.tz_convert(time_zone).dt.tz_localize(None)
    return local.dt.normalize().astype("datetime64[us]")


def shift_days(days: pd.Series, count: float, *, working: bool) -> pd.Series:
    """
    Move days by a count of days, Monday to Friday where ``working``.

    A day that is not a working day counts from the working day before it when moving forward and
    after it when moving back.
    """
    if not working:
        return days + pd.Timedelta(days=count)
    known = days.notna()
    moved = days.copy()
    plain = days[known].to_numpy().astype("datetime64[D]")
    steps = int(count)
    if count > 0:
        result = np.busday_offset(plain, steps, roll="backward")
    elif count < 0:
        result = np.busday_offset(plain, steps, roll="forward")
    else:
        result = plain
    moved[known] = result.astype("datetime64[us]")
    return moved.astype("datetime64[us]")


def working_days_between(begin: pd.Series, end: pd.Series) -> pd.Series:
    """Return the Mondays to Fridays from ``begin`` (included) to ``end`` (excluded), signed."""
    known = begin.notna() & end.notna()
    counted = pd.Series(np.nan, index=begin.index)
    counted[known] = np.busday_count(
        begin[known].to_numpy().astype("datetime64[D]"),
        end[known].to_numpy().astype("datetime64[D]"),
    )
    return counted


def zone_of(
    start_at: pd.Series, as_of: pd.Timestamp, frozen_days: float, slushy_days: float
) -> pd.Series:
    """Return frozen, slushy or liquid for each start instant."""
    days = (start_at - as_of).dt.total_seconds() / 86_400
    words = np.select([days < frozen_days, days < frozen_days + slushy_days], ZONES[:2], ZONES[2])
    return pd.Series(words, index=start_at.index, dtype="str")


def union_minutes(intervals: pd.DataFrame) -> pd.DataFrame:
    """
    Merge overlapping intervals of each resource.

    Parameters
    ----------
    intervals
        ``resource_id``, ``start_at``, ``end_at`` (instants UTC).

    Returns
    -------
    pandas.DataFrame
        Same columns, disjoint and ascending per resource.
    """
    ordered = intervals.sort_values(["resource_id", "start_at"], kind="stable")
    reach = ordered.groupby("resource_id")["end_at"].cummax()
    before = reach.groupby(ordered["resource_id"]).shift()
    is_new = before.isna() | (ordered["start_at"] > before)
    number = is_new.cumsum()
    return (
        ordered.groupby(["resource_id", number])
        .agg(start_at=("start_at", "min"), end_at=("end_at", "max"))
        .reset_index(level=0)
        .reset_index(drop=True)
    )


def capacity_hours(
    resource_calendar: pd.DataFrame,
    buckets: Iterable[tuple[pd.Timestamp, pd.Timestamp]],
    stations: pd.Series,
) -> pd.DataFrame:
    """
    Return the station hours that resources offer.

    At every moment as many stations are open as the widest shift or booked overtime says, all of
    them where it says nothing, less those that maintenance, a holiday or a breakdown closes (all of
    them where it says nothing). Overlapping intervals do not add up.

    Parameters
    ----------
    resource_calendar
        Canonical table.
    buckets
        (begin, end) instants, ascending and disjoint.
    stations
        Stations by ``resource_id``; 1 where unknown.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``bucket_start``) with an open interval: ``available_hours``
        [station hours], after what is closed.
    """
    slices = list(buckets)
    kinds = resource_calendar["calendar_kind"]
    used = resource_calendar[kinds.isin((*OPEN_KINDS, *CLOSED_KINDS))]
    parts = []
    for resource_id, own in used.groupby("resource_id", sort=True):
        count = float(stations.get(resource_id, np.nan))
        gross, net = _station_hours(own, slices, 1.0 if np.isnan(count) else count)
        parts.append(
            pd.DataFrame(
                {
                    "resource_id": str(resource_id),
                    "bucket_start": [begin for begin, _ in slices],
                    "available_hours": net,
                }
            )[gross > 0]
        )
    if not parts:
        return pd.DataFrame(
            {
                "resource_id": pd.Series(dtype="str"),
                "bucket_start": pd.Series(dtype="datetime64[us, UTC]"),
                "available_hours": pd.Series(dtype="float64"),
            }
        )
    return pd.concat(parts, ignore_index=True)


def _station_hours(
    intervals: pd.DataFrame, slices: list[tuple[pd.Timestamp, pd.Timestamp]], stations: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return open and available station hours per bucket of one resource's intervals."""
    begin, end = _seconds(intervals["start_at"]), _seconds(intervals["end_at"])
    lows = np.array([low.timestamp() for low, _ in slices])
    highs = np.array([high.timestamp() for _, high in slices])
    edges = np.unique(np.concatenate([begin, end, lows, highs]))
    left, right = edges[:-1], edges[1:]
    covers = (begin[:, None] <= left) & (end[:, None] >= right)
    capacity = intervals["capacity"].to_numpy(float, na_value=np.nan)
    capacity = np.where(np.isnan(capacity), stations, np.minimum(capacity, stations))
    is_open = intervals["calendar_kind"].isin(OPEN_KINDS).to_numpy()
    level = np.where(covers & is_open[:, None], capacity[:, None], 0.0).max(axis=0, initial=0.0)
    closed = np.where(covers & ~is_open[:, None], capacity[:, None], 0.0).max(axis=0, initial=0.0)
    hours = (right - left) / 3600
    bucket = np.searchsorted(lows, left, side="right") - 1
    inside = (bucket >= 0) & (right <= highs[bucket])
    totals = [
        np.bincount(bucket[inside], (hours * part)[inside], minlength=len(slices))
        for part in (level, np.maximum(level - closed, 0.0))
    ]
    return totals[0], totals[1]


def _seconds(instants: pd.Series) -> np.ndarray:
    return instants.astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6


def weekly_buckets(
    begin: pd.Timestamp, weeks: int, time_zone: str
) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return (begin, end) instants of site weeks from the Monday on or before ``begin``."""
    local = begin.tz_convert(time_zone)
    monday = (local - pd.Timedelta(days=local.day_of_week)).normalize().tz_localize(None)
    edges = [
        (monday + pd.Timedelta(weeks=k)).tz_localize(time_zone).tz_convert("UTC")
        for k in range(weeks + 1)
    ]
    return list(itertools.pairwise(edges))
