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


def clipped_hours(
    intervals: pd.DataFrame, buckets: Iterable[tuple[pd.Timestamp, pd.Timestamp]]
) -> pd.DataFrame:
    """
    Return the hours of disjoint intervals inside each bucket.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``bucket_start``) with ``hours`` > 0. [h]
    """
    parts = []
    for begin, end in buckets:
        low = intervals["start_at"].mask(intervals["start_at"] < begin, begin)
        high = intervals["end_at"].mask(intervals["end_at"] > end, end)
        hours = ((high - low).dt.total_seconds() / 3600).clip(lower=0)
        summed = hours.groupby(intervals["resource_id"]).sum()
        parts.append(
            pd.DataFrame(
                {
                    "resource_id": summed.index.astype("str"),
                    "bucket_start": begin,
                    "hours": summed.to_numpy(),
                }
            )
        )
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return found[found["hours"] > 0].reset_index(drop=True) if len(found) else found


def capacity_hours(
    resource_calendar: pd.DataFrame,
    buckets: Iterable[tuple[pd.Timestamp, pd.Timestamp]],
    stations: pd.Series,
) -> pd.DataFrame:
    """
    Return the hours that resources offer: shifts and booked overtime less what is closed.

    Parameters
    ----------
    resource_calendar
        Canonical table.
    buckets
        (begin, end) instants.
    stations
        Stations by ``resource_id``; hours are multiplied by them.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``bucket_start``): ``available_hours`` [h].
    """
    slices = list(buckets)
    kind = resource_calendar["calendar_kind"]
    columns = ["resource_id", "start_at", "end_at"]
    opened = union_minutes(resource_calendar.loc[kind.isin(OPEN_KINDS), columns])
    closed = union_minutes(resource_calendar.loc[kind.isin(CLOSED_KINDS), columns])
    overlap = opened.merge(closed, on="resource_id", suffixes=("", "_closed"))
    lost = pd.DataFrame(
        {
            "resource_id": overlap["resource_id"],
            "start_at": overlap[["start_at", "start_at_closed"]].max(axis=1),
            "end_at": overlap[["end_at", "end_at_closed"]].min(axis=1),
        }
    )
    lost = lost[lost["end_at"] > lost["start_at"]]
    gross = clipped_hours(opened, slices)
    minus = clipped_hours(lost, slices)
    keys = ["resource_id", "bucket_start"]
    if gross.empty:
        return pd.DataFrame(columns=[*keys, "available_hours"])
    if minus.empty:
        joined = gross.assign(hours_lost=0.0)
    else:
        joined = gross.merge(minus, on=keys, how="left", suffixes=("", "_lost"))
    net = (joined["hours"] - joined["hours_lost"].fillna(0.0)).clip(lower=0)
    count = joined["resource_id"].map(stations).fillna(1.0)
    return joined[keys].assign(available_hours=(net * count).astype(float))


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
