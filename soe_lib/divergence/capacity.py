"""Capacity: load of the published schedule against the hours that calendars offer."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.calendars import capacity_hours, clipped_hours, week_start, weekly_buckets
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams


def constrained_resources(
    tables: Mapping[str, pd.DataFrame],
    operations: pd.DataFrame,
    as_of: pd.Timestamp,
    weeks: int,
    time_zone: str,
) -> pd.DataFrame:
    """
    Return required against available hours of each resource and week.

    Parameters
    ----------
    operations
        Open operations: ``resource_id``, ``required_minutes`` (run and changeover), and
        ``due_by_at``, the instant by which the operation was planned to end. What was planned
        before ``as_of`` and is not done counts in the first week.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``week_start_date``): ``load_hours``, ``available_hours``
        (from as_of on) [h], ``load_pct`` [%, not capped], ``overload_hours`` [h].
    """
    buckets = weekly_buckets(as_of, weeks, time_zone)
    first = as_of
    slices = [(max(begin, first), end) for begin, end in buckets if end > first]
    stations = tables["resource"].set_index("resource_id")["capacity_parallel"].fillna(1.0)
    available = capacity_hours(tables["resource_calendar"], slices, stations)
    stops = tables.get("downtime_event")
    keys = ["resource_id", "bucket_start"]
    if stops is not None and len(stops):
        still = stops[stops["end_at"].isna()]
        end = still["expected_end_at"].fillna(as_of + pd.Timedelta(hours=4))
        gone = clipped_hours(still.assign(start_at=as_of, end_at=end), slices)
        if len(gone):
            joined = available.merge(gone, on=keys, how="left")
            available["available_hours"] = (
                joined["available_hours"] - joined["hours"].fillna(0.0)
            ).clip(lower=0)
    at = operations["due_by_at"].clip(lower=as_of)
    load = pd.DataFrame(
        {
            "resource_id": operations["resource_id"],
            "week_start_date": week_start(at, time_zone),
            "load_hours": operations["required_minutes"] / 60,
        }
    )
    load = load.groupby(["resource_id", "week_start_date"], as_index=False)["load_hours"].sum()
    available["week_start_date"] = week_start(available["bucket_start"], time_zone)
    both = available.drop(columns="bucket_start").merge(
        load, on=["resource_id", "week_start_date"], how="outer"
    )
    weeks_shown = set(week_start(pd.Series([begin for begin, _ in slices]), time_zone))
    both = both[both["week_start_date"].isin(weeks_shown)]
    both[["load_hours", "available_hours"]] = both[["load_hours", "available_hours"]].fillna(0.0)
    base = both["available_hours"].where(both["available_hours"] > 0)
    both["load_pct"] = 100 * both["load_hours"] / base
    both["overload_hours"] = (both["load_hours"] - both["available_hours"]).clip(lower=0)
    return both.sort_values(["resource_id", "week_start_date"]).reset_index(drop=True)


def overloads(load: pd.DataFrame, params: DivergenceParams) -> pd.DataFrame:
    """Return resources with a week above the load tolerance, one row per resource."""
    rows = load[
        (load["load_pct"] > params.load_pct)
        | ((load["available_hours"] <= 0) & (load["load_hours"] > 0))
    ]
    if rows.empty:
        return empty_rows()
    grouped = rows.groupby("resource_id").agg(
        planned_value=("available_hours", "sum"),
        actual_value=("load_hours", "sum"),
        overload_hours=("overload_hours", "sum"),
        week_start_date=("week_start_date", "min"),
        weeks=("week_start_date", "size"),
    )
    found = grouped.reset_index()
    found["object_id"] = found["resource_id"]
    found["act_by_at"] = found["week_start_date"].dt.tz_localize("UTC")
    found["severity"] = found["actual_value"] / found["planned_value"].where(
        found["planned_value"] > 0
    )
    found["severity"] = found["severity"].fillna(10.0)
    found["sentence"] = [
        f"{r} lacks {o:.0f} h, first in the week of {w:%d %b} ({n} weeks above the limit)"
        for r, o, w, n in zip(
            found["resource_id"],
            found["overload_hours"],
            found["week_start_date"],
            found["weeks"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="resource_overloaded",
        subject="capacity",
        object_type="resource",
        owner_role="operations",
        unit="h",
        evidence_table="schedule_operation",
        evidence_columns=("resource_id",),
    )
