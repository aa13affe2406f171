"""
Where the hours of resources went: the time elements of ISO 22400-2, from events.

PBT planned busy time; APT actual production time; AUST actual unit set-up time; AUPT actual unit
processing time = APT + AUST; ADET actual unit delay time; AUBT actual unit busy time = AUPT + ADET.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import union_minutes
from soe_lib.kpi.facts import known_at, table_of, without_superseded
from soe_lib.kpi.open_time import available_hours, open_time
from soe_lib.kpi.value import Period

_INTERVAL = ["resource_id", "start_at", "end_at"]
_STATE = {
    "setup_start": "setup",
    "setup_end": "idle",
    "start": "run",
    "resume": "run",
    "pause": "pause",
    "complete": "idle",
}
MICRO_STOP_MINUTES = 5.0
"""Stops shorter than this are not downtime: they lower the effectiveness instead. [min]"""


def known_events(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return progress events known at ``as_of``, corrected ones left out, oldest first."""
    events = table_of(tables, "work_order_progress_event")
    events = without_superseded(events, as_of, "event_at")
    events = events[known_at(events, "event_at") <= as_of]
    return events.assign(split_no=events["split_no"].fillna(1)).sort_values(
        ["event_at", "event_id"], kind="stable"
    )


def run_intervals(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return what each operation did on its resource and when.

    An interval runs from an event that begins a state to the operation's next one; a state still
    open at ``as_of`` ends there. Progress reports do not change the state.

    Returns
    -------
    pandas.DataFrame
        ``resource_id``, ``wo_id``, ``op_no``, ``split_no``, ``state`` (run, setup or pause),
        ``start_at``, ``end_at``.
    """
    events = known_events(tables, as_of)
    events = events.assign(state=events["event_type"].map(_STATE))
    events = events[events["state"].notna()]
    job = ["wo_id", "op_no", "split_no"]
    events = events.sort_values([*job, "event_at", "event_id"], kind="stable")
    until = events.groupby(job)["event_at"].shift(-1)
    found = pd.DataFrame(
        {
            "resource_id": events["resource_id"],
            **{name: events[name] for name in job},
            "state": events["state"],
            "start_at": events["event_at"],
            "end_at": until.where(until.notna(), as_of),
        }
    )
    found = found[(found["state"] != "idle") & (found["start_at"] < found["end_at"])]
    return found.reset_index(drop=True)


def stops(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    *,
    planned: bool,
    micro_stop_minutes: float = MICRO_STOP_MINUTES,
) -> pd.DataFrame:
    """
    Return planned or unplanned stops known at ``as_of``: merged, open ones clipped there.

    Returns
    -------
    pandas.DataFrame
        ``resource_id``, ``start_at``, ``end_at``, disjoint per resource; unplanned ones shorter
        than ``micro_stop_minutes`` are left out.
    """
    events = table_of(tables, "downtime_event")
    events = events[known_at(events, "start_at") <= as_of]
    own = events[events["is_planned"].fillna(False).astype(bool) == planned]
    end = own["end_at"].where(own["end_at"].notna() & (own["end_at"] <= as_of), as_of)
    found = own.assign(end_at=end)[_INTERVAL]
    found = found[found["start_at"] < found["end_at"]]
    if found.empty:
        return found.reset_index(drop=True)
    merged = union_minutes(found)
    if planned:
        return merged
    minutes = (merged["end_at"] - merged["start_at"]).dt.total_seconds() / 60
    return merged[minutes >= micro_stop_minutes].reset_index(drop=True)


def work_times(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    micro_stop_minutes: float = MICRO_STOP_MINUTES,
) -> pd.DataFrame:
    """
    Return the time elements of each resource in a period.

    PBT are the hours of shifts and booked overtime less maintenance, holidays and planned stops,
    times stations. What ran counts inside these hours; the rest is ``outside_hours``. On a resource
    with one station overlapping operations count once, on several stations each counts.

    Returns
    -------
    pandas.DataFrame
        One row per resource with a calendar or events: ``resource_id``, ``pbt_hours``,
        ``apt_hours``, ``aust_hours``, ``aupt_hours``, ``adet_hours``, ``aubt_hours``,
        ``down_hours`` (unplanned, in open time), ``outside_hours``, ``num_stops``. [h]
    """
    begin, end = period.start_at, min(period.end_at, as_of)
    end = max(begin, end)
    open_ = open_time(tables, closed=stops(tables, as_of, planned=True))
    parallel = table_of(tables, "resource").drop_duplicates("resource_id")
    many = parallel.set_index("resource_id")["capacity_parallel"].astype(float).fillna(1.0) > 1
    down = _between(
        stops(tables, as_of, planned=False, micro_stop_minutes=micro_stop_minutes), begin, end
    )
    work = _between(run_intervals(tables, as_of), begin, end)
    inside = open_.clipped(work)
    parts = {
        state: _flat(inside[inside["state"] == state], many) for state in ("run", "setup", "pause")
    }
    down_open = open_.clipped(down)
    pieces = {
        "run": _hours(parts["run"]),
        "run_down": _hours(_overlap(parts["run"], down_open)),
        "setup": _hours(parts["setup"]),
        "setup_down": _hours(_overlap(parts["setup"], down_open)),
        "pause": _hours(parts["pause"]),
        "all": _hours(_flat(work[work["state"] != "pause"], many)),
        "all_inside": _hours(_flat(inside[inside["state"] != "pause"], many)),
        "down": _hours(down_open),
    }
    pbt = available_hours(open_, begin, end)
    names = pd.Index(sorted({*pbt.index, *work["resource_id"], *down["resource_id"]}))
    hours = {name: values.reindex(names).fillna(0.0) for name, values in pieces.items()}
    apt = hours["run"] - hours["run_down"]
    aust = hours["setup"] - hours["setup_down"]
    adet = hours["run_down"] + hours["setup_down"] + hours["pause"]
    counted = down_open.drop_duplicates(["resource_id", "stop_at"]) if len(down_open) else down_open
    return pd.DataFrame(
        {
            "resource_id": names.astype("str"),
            "pbt_hours": pbt.reindex(names).fillna(0.0).to_numpy(),
            "apt_hours": apt.to_numpy(),
            "aust_hours": aust.to_numpy(),
            "aupt_hours": (apt + aust).to_numpy(),
            "adet_hours": adet.to_numpy(),
            "aubt_hours": (apt + aust + adet).to_numpy(),
            "down_hours": hours["down"].to_numpy(),
            "outside_hours": (hours["all"] - hours["all_inside"]).clip(lower=0).to_numpy(),
            "num_stops": counted.groupby("resource_id")
            .size()
            .reindex(names)
            .fillna(0)
            .astype(int)
            .to_numpy(),
        }
    )


def _between(intervals: pd.DataFrame, begin: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    found = intervals.assign(
        stop_at=intervals["start_at"],
        start_at=intervals["start_at"].where(intervals["start_at"] >= begin, begin),
        end_at=intervals["end_at"].where(intervals["end_at"] <= end, end),
    )
    return found[found["start_at"] < found["end_at"]].reset_index(drop=True)


def _flat(intervals: pd.DataFrame, many: pd.Series) -> pd.DataFrame:
    """Merge overlaps on resources with one station; keep them where several work side by side."""
    own = intervals[_INTERVAL]
    if own.empty:
        return own
    is_many = own["resource_id"].map(many).fillna(False).astype(bool)
    single = own[~is_many]
    if single.empty:
        return own
    return pd.concat([union_minutes(single), own[is_many]], ignore_index=True)


def _overlap(intervals: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    pairs = intervals.merge(others[_INTERVAL], on="resource_id", suffixes=("", "_other"))
    start = pairs["start_at"].where(
        pairs["start_at"] >= pairs["start_at_other"], pairs["start_at_other"]
    )
    end = pairs["end_at"].where(pairs["end_at"] <= pairs["end_at_other"], pairs["end_at_other"])
    found = pd.DataFrame({"resource_id": pairs["resource_id"], "start_at": start, "end_at": end})
    return found[found["start_at"] < found["end_at"]]


def _hours(intervals: pd.DataFrame) -> pd.Series:
    seconds = (intervals["end_at"] - intervals["start_at"]).dt.total_seconds()
    return (seconds / 3600).groupby(intervals["resource_id"]).sum().astype(np.float64)
