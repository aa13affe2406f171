"""Working intervals of resources, in minutes since as_of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Calendar

AFTER_CALENDAR_WEEKS = 40
"""Weeks for which the last known week is repeated, so that late work still finds a place."""


def build_calendar(
    rows: Mapping[str, pd.DataFrame],
    resource_ids: tuple[str, ...],
    as_of: pd.Timestamp,
    notes: list[str],
) -> Calendar:
    """Return shifts and booked overtime without stops, clipped to the future of ``as_of``."""
    table, stops = rows["resource_calendar"], rows["downtime_event"]
    is_open = table["calendar_kind"].isin(["shift", "overtime"])
    is_closed = table["calendar_kind"].isin(["maintenance", "holiday", "down"])
    opened_by = _by_resource(table[is_open], resource_ids, as_of)
    closed_by = _by_resource(table[is_closed], resource_ids, as_of)
    stopped_by = _by_resource(_stops(stops, as_of), resource_ids, as_of)
    begin_all, end_all, over_all, offset = [], [], [], [0]
    missing = []
    for r, resource in enumerate(resource_ids):
        opened, closed = opened_by[r], np.vstack([closed_by[r], stopped_by[r]])
        if not len(opened):
            missing.append(resource)
            opened = np.array([[0.0, 60.0 * 24 * 7 * AFTER_CALENDAR_WEEKS]])
        intervals = _without(_union(_repeated(opened)), _union(closed))
        intervals = intervals[intervals[:, 1] > 0]
        intervals[:, 0] = np.maximum(intervals[:, 0], 0.0)
        begin_all.append(intervals[:, 0])
        end_all.append(intervals[:, 1])
        over_all.append(np.zeros(len(intervals), bool))
        offset.append(offset[-1] + len(intervals))
    if missing:
        notes.append(f"no calendar, taken as always open: {', '.join(missing)}")
    return Calendar(
        np.array(offset),
        np.concatenate([*begin_all, []]),
        np.concatenate([*end_all, []]),
        np.concatenate([*over_all, np.array([], bool)]),
    )


def _by_resource(
    table: pd.DataFrame, resource_ids: tuple[str, ...], as_of: pd.Timestamp
) -> list[np.ndarray]:
    """Begin and end of the rows of each resource. [min]"""
    number = pd.Index(resource_ids).get_indexer(pd.Index(table["resource_id"]))
    order = np.argsort(number, kind="stable")
    begin = (table["start_at"] - as_of).dt.total_seconds().to_numpy(float) / 60
    end = (table["end_at"] - as_of).dt.total_seconds().to_numpy(float) / 60
    both = np.column_stack([begin, end])[order]
    limits = np.searchsorted(number[order], np.arange(len(resource_ids) + 1))
    return [both[limits[r] : limits[r + 1]] for r in range(len(resource_ids))]


def _stops(stops: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Stops still open: until their expected end, four hours from now where nobody knows."""
    still = stops[stops["end_at"].isna() | (stops["end_at"] > as_of)]
    unknown = as_of + pd.Timedelta(hours=4)
    end = still["end_at"].fillna(still["expected_end_at"]).fillna(unknown)
    return still.assign(end_at=end.where(end > as_of, unknown))


def _repeated(intervals: np.ndarray) -> np.ndarray:
    """Repeat the last whole week that the calendar knows beyond its end."""
    last = intervals[:, 1].max()
    week = 60.0 * 24 * 7
    tail = intervals[(intervals[:, 0] >= last - week)]
    more = [tail + week * k for k in range(1, AFTER_CALENDAR_WEEKS)]
    return np.vstack([intervals, *more])


def _union(intervals: np.ndarray) -> np.ndarray:
    if not len(intervals):
        return intervals.reshape(0, 2)
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    merged = [ordered[0].copy()]
    for begin, end in ordered[1:]:
        if begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append(np.array([begin, end]))
    return np.array(merged)


def _without(opened: np.ndarray, closed: np.ndarray) -> np.ndarray:
    found: list[tuple[float, float]] = []
    for begin, end in opened:
        at = begin
        for stop, resume in closed[(closed[:, 1] > begin) & (closed[:, 0] < end)]:
            if stop > at:
                found.append((at, stop))
            at = max(at, resume)
        if at < end:
            found.append((at, end))
    return np.array(found).reshape(-1, 2)
