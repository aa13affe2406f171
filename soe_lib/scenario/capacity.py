"""What a scenario does to capacity: load, offered hours and overtime by resource and week."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import capacity_hours, week_start, weekly_buckets
from soe_lib.scenario.context import OPERATION_KEY, Context
from soe_lib.scenario.result import Result

CAPACITY_COLUMNS = (
    "resource_id",
    "week_start_date",
    "available_hours",
    "overtime_hours",
    "load_hours",
    "load_pct",
)


def capacity_effect(result: Result, context: Context) -> pd.DataFrame:
    """
    Return the load of each resource and week under a scenario.

    The working time of an operation is spread evenly from the begin of its changeover to its end;
    a week offers the shifts of the calendar and the overtime that the scenario works in it.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``week_start_date``): ``available_hours`` (overtime
        included), ``overtime_hours``, ``load_hours`` [h], ``load_pct`` [% of available hours].
    """
    tables = context.tables
    zone = context.site_time_zone
    weeks = weekly_buckets(context.as_of, context.params.horizon.horizon_weeks, zone)
    slices = [(max(begin, context.as_of), end) for begin, end in weeks if end > context.as_of]
    key = ["resource_id", "week_start_date"]
    offered = _offered(tables, slices, zone)
    load = _load(result, slices, zone)
    overtime = result.overtime.assign(week_start_date=week_start(result.overtime["start_at"], zone))
    booked = overtime.groupby(key).agg(overtime_hours=("hours", "sum")).reset_index()
    found = offered.merge(load, on=key, how="outer").merge(booked, on=key, how="left")
    hours = ["available_hours", "load_hours", "overtime_hours"]
    found[hours] = found[hours].fillna(0.0)
    found["available_hours"] += found["overtime_hours"]
    base = found["available_hours"].where(found["available_hours"] > 0)
    found["load_pct"] = 100 * found["load_hours"] / base
    return found.sort_values(key, kind="stable").reset_index(drop=True)[list(CAPACITY_COLUMNS)]


def _offered(
    tables: Mapping[str, pd.DataFrame],
    slices: list[tuple[pd.Timestamp, pd.Timestamp]],
    time_zone: str,
) -> pd.DataFrame:
    resources = tables["resource"]
    stations = resources.set_index("resource_id")["capacity_parallel"].fillna(1.0)
    offered = capacity_hours(tables["resource_calendar"], slices, stations)
    offered["week_start_date"] = week_start(
        pd.to_datetime(offered["bucket_start"], utc=True), time_zone
    )
    return offered.drop(columns="bucket_start")


def _load(
    result: Result, slices: list[tuple[pd.Timestamp, pd.Timestamp]], time_zone: str
) -> pd.DataFrame:
    operations = result.schedule.operations
    placed = operations[operations["end_at"].notna()]
    begin, end = placed["setup_start_at"], placed["end_at"]
    elapsed = (end - begin).dt.total_seconds()
    setups = result.changeovers[[*OPERATION_KEY, "setup_hours"]]
    joined = placed[OPERATION_KEY].merge(setups, on=OPERATION_KEY, how="left")
    work = placed["run_minutes"] / 60 + joined["setup_hours"].fillna(0.0).to_numpy()
    parts = []
    for first, last in slices:
        until, since = end.where(end < last, last), begin.where(begin > first, first)
        inside = (until - since).dt.total_seconds()
        share = np.where(elapsed > 0, inside.clip(lower=0) / elapsed.where(elapsed > 0), 0.0)
        parts.append(
            pd.DataFrame(
                {
                    "resource_id": placed["resource_id"],
                    "bucket_start": first,
                    "load_hours": work * share,
                }
            )
        )
    load = pd.concat(parts, ignore_index=True)
    load["week_start_date"] = week_start(load["bucket_start"], time_zone)
    key = ["resource_id", "week_start_date"]
    return load.groupby(key).agg(load_hours=("load_hours", "sum")).reset_index()
