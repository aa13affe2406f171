"""The twin's time axis: minutes since its first Monday, wall clock of the sites, working time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd

WEEK_MINUTES = 7 * 1440.0
FOREVER = 1e12
MOST_DAYS = 280

Interval = tuple[float, float]


@dataclass(frozen=True)
class Clock:
    """
    Minutes since ``origin`` (instant UTC, a Monday 00:00 at the sites) and back.

    Attributes
    ----------
    origin
        Minute 0.
    zone
        IANA zone of the sites.
    """

    origin: pd.Timestamp
    zone: str

    @cached_property
    def first_day(self) -> pd.Timestamp:
        """Local calendar day of minute 0, without zone."""
        return self.origin.tz_convert(self.zone).tz_localize(None).normalize()

    @cached_property
    def _hours(self) -> np.ndarray:
        wall = self.first_day + pd.to_timedelta(np.arange(MOST_DAYS * 24), unit="h")
        at = pd.DatetimeIndex(wall).tz_localize(
            self.zone, nonexistent="shift_forward", ambiguous=np.ones(len(wall), bool)
        )
        return np.asarray((at.tz_convert("UTC") - self.origin) / pd.Timedelta(minutes=1))

    @cached_property
    def _dates(self) -> list[str]:
        days = self.first_day + pd.to_timedelta(np.arange(MOST_DAYS), unit="D")
        return [str(text) for text in days.strftime("%Y-%m-%d")]

    @cached_property
    def _midnights(self) -> list[float]:
        return [float(m) for m in self._hours[::24]]

    def at(self, day: int, hour: float = 0.0) -> float:
        """Return the minute of a wall-clock hour of local day number ``day``."""
        return self.minute_table[day * 24 + int(hour)] + (hour - int(hour)) * 60

    @cached_property
    def minute_table(self) -> list[float]:
        """Minute of every full local hour."""
        return [float(m) for m in self._hours]

    def day(self, minute: float) -> int:
        """Return the number of the local day in which a minute falls."""
        return bisect_right(self._midnights, minute) - 1

    def date(self, day: int) -> str:
        """Return local day number ``day`` as ISO text."""
        return self._dates[day]

    def instants(self, minutes: Sequence[float] | pd.Series) -> pd.Series:
        """Return minutes as instants UTC, rounded to the second."""
        values = pd.Series(minutes, dtype="float64")
        stamps = self.origin + pd.to_timedelta((values * 60).round(), unit="s")
        return pd.Series(stamps).astype("datetime64[us, UTC]")

    def local_text(self, minutes: Sequence[float] | pd.Series) -> pd.Series:
        """Return minutes as wall-clock text of the site, empty where there is none."""
        local = self.instants(minutes).dt.tz_convert(self.zone).dt.tz_localize(None)
        return local.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")

    def utc_text(self, minutes: Sequence[float] | pd.Series) -> pd.Series:
        """Return minutes as ISO text in UTC, empty where there is none."""
        return self.instants(minutes).dt.strftime("%Y-%m-%dT%H:%M:%SZ").fillna("")

    def date_text(self, days: Sequence[float] | pd.Series) -> pd.Series:
        """Return local day numbers as ISO dates, empty where there is none."""
        values = pd.to_timedelta(pd.Series(days, dtype="float64"), unit="D")
        return (self.first_day + values).dt.strftime("%Y-%m-%d").fillna("")


def is_working_day(day: int) -> bool:
    """Say whether a local day number is Monday to Friday (day 0 is a Monday)."""
    return day % 7 < 5


def working_day_before(day: int) -> int:
    """Return the day itself, or the Friday before it."""
    return day if day % 7 < 5 else day - (day % 7 - 4)


def working_day_after(day: int) -> int:
    """Return the day itself, or the Monday after it."""
    return day if day % 7 < 5 else day + 7 - day % 7


def working_days_from(day: int, count: int) -> int:
    """Return the working day ``count`` working days after a day (negative = before it)."""
    step = 1 if count > 0 else -1
    for _ in range(abs(count)):
        day += step
        while not is_working_day(day):
            day += step
    return day


class WorkTime:
    """
    Working time of one resource: disjoint intervals, each with a speed.

    One minute of work takes 1 / speed minutes; outside the intervals nothing moves.
    """

    def __init__(self, pieces: Iterable[tuple[float, float, float]]) -> None:
        self.begin: list[float] = []
        self.end: list[float] = []
        self.speed: list[float] = []
        self.before: list[float] = []
        self.after: list[float] = []
        total = 0.0
        for begin, end, speed in sorted(pieces):
            if end - begin <= 1e-9 or speed <= 0:
                continue
            self.begin.append(begin)
            self.end.append(end)
            self.speed.append(speed)
            self.before.append(total)
            total += (end - begin) * speed
            self.after.append(total)

    def worked(self, until: float) -> float:
        """Return the minutes of work that fit before ``until``."""
        k = bisect_right(self.begin, until) - 1
        if k < 0:
            return 0.0
        return self.before[k] + (min(until, self.end[k]) - self.begin[k]) * self.speed[k]

    def opens(self, at: float) -> float:
        """Return the first open minute at or after ``at``."""
        k = bisect_right(self.end, at)
        return max(at, self.begin[k]) if k < len(self.begin) else FOREVER

    def finish(self, start: float, work: float) -> float:
        """Return when ``work`` minutes begun at ``start`` are done."""
        target = self.worked(start) + work
        k = bisect_left(self.after, target - 1e-9)
        if k >= len(self.after):
            return FOREVER
        return max(self.begin[k] + (target - self.before[k]) / self.speed[k], self.opens(start))

    def pauses(self, start: float, end: float) -> list[Interval]:
        """Return the closed intervals within a run."""
        low = max(bisect_right(self.begin, start) - 1, 0)
        found: list[Interval] = []
        for k in range(low, len(self.begin) - 1):
            if self.begin[k + 1] >= end:
                break
            if self.begin[k + 1] - self.end[k] > 1e-6 and self.end[k] > start:
                found.append((self.end[k], self.begin[k + 1]))
        return found


def compose(
    opened: Iterable[Interval],
    closed: Iterable[Interval],
    slowed: Iterable[tuple[float, float, float]] = (),
) -> WorkTime:
    """Return working time from open intervals less closed ones, slower where ``slowed`` says so."""
    ups, downs, slows = _union(opened), _union(closed), sorted(slowed)
    edges = sorted({edge for piece in (*ups, *downs, *slows) for edge in piece[:2]})
    up_begin, down_begin = [u[0] for u in ups], [d[0] for d in downs]
    pieces = []
    for left, right in pairwise(edges):
        up = bisect_right(up_begin, left) - 1
        down = bisect_right(down_begin, left) - 1
        if up < 0 or ups[up][1] < right or (down >= 0 and downs[down][1] >= right):
            continue
        speed = 1.0
        for begin, end, factor in slows:
            if begin <= left and end >= right:
                speed *= factor
        pieces.append((left, right, speed))
    merged: list[tuple[float, float, float]] = []
    for piece in pieces:
        if merged and merged[-1][1] == piece[0] and merged[-1][2] == piece[2]:
            merged[-1] = (merged[-1][0], piece[1], piece[2])
        else:
            merged.append(piece)
    return WorkTime(merged)


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for begin, end in sorted(intervals):
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged
