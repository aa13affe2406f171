"""When resources are open: working hours between instants, available hours of a span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from soe_lib.calendars import CLOSED_KINDS, OPEN_KINDS
from soe_lib.kpi.facts import table_of

RAW_KINDS = (*OPEN_KINDS, "potential_overtime")
"""Calendar kinds of raw capacity: regular, booked overtime and overtime that could be booked."""


@dataclass(frozen=True)
class OpenTime:
    """
    Open intervals of resources, with the stations that work in each.

    Attributes
    ----------
    spans
        Disjoint intervals: ``resource_id``, ``start_at``, ``end_at``, ``stations``, ascending.
    """

    spans: pd.DataFrame

    @cached_property
    def _by_resource(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        begin, end = _seconds(self.spans["start_at"]), _seconds(self.spans["end_at"])
        stations = self.spans["stations"].to_numpy(float)
        own = self.spans.groupby("resource_id").indices
        return {str(name): (begin[at], end[at], stations[at]) for name, at in own.items()}

    def hours(self, resource_id: pd.Series, start_at: pd.Series, end_at: pd.Series) -> pd.Series:
        """
        Return the open clock hours of each resource between two instants; 0 where end <= start.

        Stations do not multiply here: this is how long, not how much. Resources without any
        open interval give NaN.
        """
        return self._difference(resource_id, start_at, end_at, "clock")

    def capacity_hours(
        self, resource_id: pd.Series, start_at: pd.Series, end_at: pd.Series
    ) -> pd.Series:
        """Return open hours times stations between two instants; NaN without open intervals."""
        return self._difference(resource_id, start_at, end_at, "weighed")

    def _difference(
        self, resource_id: pd.Series, start_at: pd.Series, end_at: pd.Series, how: str
    ) -> pd.Series:
        low, high = _seconds(start_at), _seconds(end_at)
        found = np.full(len(resource_id), np.nan)
        places = resource_id.reset_index(drop=True).groupby(resource_id.to_numpy()).indices
        for name in sorted(str(key) for key in places if key in self._by_resource):
            begin, end, stations = self._by_resource[name]
            weight = stations if how == "weighed" else np.ones(len(stations))
            place = places[name]
            amount = _upto(begin, end, weight, high[place]) - _upto(begin, end, weight, low[place])
            found[place] = np.maximum(amount, 0.0) / 3600
        return pd.Series(found, index=resource_id.index)

    def clipped(self, intervals: pd.DataFrame) -> pd.DataFrame:
        """Return the open parts of intervals (``resource_id``, ``start_at``, ``end_at``, ..)."""
        near = self.spans["end_at"] > intervals["start_at"].min()
        near &= self.spans["start_at"] < intervals["end_at"].max()
        pairs = intervals.merge(
            self.spans.loc[near, ["resource_id", "start_at", "end_at"]],
            on="resource_id",
            suffixes=("", "_open"),
        )
        start = pairs["start_at"].where(
            pairs["start_at"] >= pairs["start_at_open"], pairs["start_at_open"]
        )
        end = pairs["end_at"].where(pairs["end_at"] <= pairs["end_at_open"], pairs["end_at_open"])
        found = pairs.assign(start_at=start, end_at=end)[list(intervals.columns)]
        return found[found["start_at"] < found["end_at"]].reset_index(drop=True)


def open_time(
    tables: Mapping[str, pd.DataFrame],
    kinds: Sequence[str] = OPEN_KINDS,
    closed: pd.DataFrame | None = None,
) -> OpenTime:
    """
    Return when resources are open: intervals of ``kinds`` less maintenance, holidays and downtime.

    Parameters
    ----------
    tables
        ``resource_calendar`` and ``resource``. Stations are the interval's ``capacity``, else the
        resource's ``capacity_parallel``, else 1; overlapping intervals add up to at most the
        resource's.
    kinds
        Calendar kinds that count as open.
    closed
        Further closed intervals (``resource_id``, ``start_at``, ``end_at``), e.g. planned stops.
    """
    calendar = table_of(tables, "resource_calendar")
    parallel = table_of(tables, "resource").drop_duplicates("resource_id").set_index("resource_id")
    most = parallel["capacity_parallel"].astype(float)
    opened = calendar[calendar["calendar_kind"].isin(list(kinds))]
    limit = opened["resource_id"].map(most).astype(float).fillna(1.0)
    stations = opened["capacity"].astype(float).where(opened["capacity"].notna(), limit)
    shut = calendar.loc[
        calendar["calendar_kind"].isin(CLOSED_KINDS), ["resource_id", "start_at", "end_at"]
    ]
    if closed is not None and len(closed):
        extra = closed[["resource_id", "start_at", "end_at"]]
        shut = pd.concat([shut, extra], ignore_index=True) if len(shut) else extra
    columns = ["resource_id", "start_at", "end_at"]
    marks = pd.concat(
        [
            _edges(opened[columns].assign(stations=stations, is_open=1, is_shut=0)),
            _edges(shut.assign(stations=0.0, is_open=0, is_shut=1)),
        ],
        ignore_index=True,
    )
    marks = marks.groupby(["resource_id", "at"], as_index=False)[
        ["stations", "is_open", "is_shut"]
    ].sum()
    state = marks.groupby("resource_id")[["stations", "is_open", "is_shut"]].cumsum()
    until = marks.groupby("resource_id")["at"].shift(-1)
    is_open = (state["is_open"] > 0) & (state["is_shut"] == 0) & until.notna()
    spans = pd.DataFrame(
        {
            "resource_id": marks["resource_id"],
            "start_at": marks["at"],
            "end_at": until,
            "stations": np.minimum(
                state["stations"], marks["resource_id"].map(most).astype(float).fillna(np.inf)
            ),
        }
    )
    return OpenTime(spans[is_open].reset_index(drop=True))


def available_hours(open_: OpenTime, start_at: pd.Timestamp, end_at: pd.Timestamp) -> pd.Series:
    """Return open hours times stations by ``resource_id`` between two instants. [h]"""
    names = pd.Series(sorted(open_.spans["resource_id"].unique()), dtype="str")
    low = pd.Series(start_at, index=names.index)
    high = pd.Series(end_at, index=names.index)
    hours = open_.capacity_hours(names, low, high)
    return pd.Series(hours.to_numpy(), index=pd.Index(names, name="resource_id"))


def _edges(intervals: pd.DataFrame) -> pd.DataFrame:
    begin = intervals.rename(columns={"start_at": "at"}).drop(columns="end_at")
    end = intervals.rename(columns={"end_at": "at"}).drop(columns="start_at")
    for name in ("stations", "is_open", "is_shut"):
        end[name] = -end[name]
    return pd.concat([begin, end], ignore_index=True)


def _seconds(at: pd.Series) -> np.ndarray:
    return at.astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6


def _upto(begin: np.ndarray, end: np.ndarray, weight: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the weighed open seconds before each instant."""
    total = np.append(0.0, np.cumsum((end - begin) * weight))
    place = np.searchsorted(begin, at, side="right")
    inside = np.maximum(place - 1, 0)
    over = np.maximum(end[inside] - at, 0.0) * weight[inside] * (place > 0)
    return total[place] - over
