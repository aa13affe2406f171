"""Capacity: load of the published schedule against the hours that calendars offer."""

from __future__ import annotations

import pandas as pd

from soe_lib.calendars import capacity_hours, week_start, weekly_buckets
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, look_up, named
from soe_lib.divergence.rows import empty_rows, finish

UNKNOWN_STOP_HOURS = 4.0
"""How long an open stop is taken to last where nobody says, as the engine has it. [h]"""
_LOAD = {
    "resource_id": "str",
    "week_start_date": "datetime64[us]",
    "available_hours": "float64",
    "load_hours": "float64",
    "load_pct": "float64",
    "overload_hours": "float64",
}


def constrained_resources(facts: Facts, operations: pd.DataFrame, weeks: int) -> pd.DataFrame:
    """
    Return required against available hours of each resource and week.

    Parameters
    ----------
    facts
        ``resource``, ``resource_calendar`` and ``downtime_event`` are used; hours count from
        ``as_of`` on, less stops that are still open.
    operations
        Open operations: ``resource_id``, ``required_minutes`` (run and changeover), and
        ``due_by_at``, the instant by which the operation was planned to end. What was planned
        before ``as_of`` and is not done counts in the first week.
    weeks
        Weeks from that of ``as_of``.

    Returns
    -------
    pandas.DataFrame
        One row per (``resource_id``, ``week_start_date``): ``load_hours``, ``available_hours``
        [h], ``load_pct`` [%, not capped], ``overload_hours`` [h]. Where a resource has no calendar
        for the week, available hours, percentage and overload are empty, not nil.
    """
    if operations.empty or facts.tables["resource"].empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LOAD.items()})
    zone = facts.time_zone
    buckets = weekly_buckets(facts.as_of, weeks, zone)
    slices = [(max(begin, facts.as_of), end) for begin, end in buckets if end > facts.as_of]
    stations = facts.tables["resource"].set_index("resource_id")["capacity_parallel"].fillna(1.0)
    calendar = facts.tables["resource_calendar"]
    columns = ["resource_id", "start_at", "end_at", "calendar_kind", "capacity"]
    closed = pd.concat([calendar[columns], _open_stops(facts)[columns]], ignore_index=True)
    offered = capacity_hours(closed, slices, stations)
    at = at_least(operations["due_by_at"], facts.as_of)
    load = operations.assign(
        week_start_date=week_start(at, zone), load_hours=operations["required_minutes"] / 60
    )
    keys = ["resource_id", "week_start_date"]
    load = load.groupby(keys)["load_hours"].sum().reset_index()
    week_of = week_start(pd.Series([begin for begin, _ in slices]), zone)
    names = sorted(set(stations.index) | set(load["resource_id"]))
    both = pd.DataFrame([(name, week) for name in names for week in week_of], columns=keys).astype(
        {"resource_id": "str", "week_start_date": "datetime64[us]"}
    )
    if len(offered):
        offered["week_start_date"] = week_start(offered["bucket_start"], zone)
        both = both.merge(offered.drop(columns="bucket_start"), on=keys, how="left")
    else:
        both["available_hours"] = float("nan")
    both = both.merge(load, on=keys, how="left").fillna({"load_hours": 0.0})
    known = calendar.groupby("resource_id")["end_at"].max()
    ends = week_start(look_up(both["resource_id"], known), zone)
    has_calendar = ends.notna() & (both["week_start_date"] <= ends)
    both["available_hours"] = both["available_hours"].fillna(0.0).where(has_calendar)
    base = both["available_hours"].where(both["available_hours"] > 0)
    both["load_pct"] = 100 * both["load_hours"] / base
    both["overload_hours"] = (both["load_hours"] - both["available_hours"]).clip(lower=0)
    return both[list(_LOAD)].astype(_LOAD).sort_values(keys).reset_index(drop=True)


def _open_stops(facts: Facts) -> pd.DataFrame:
    """Return what open stops still take, as closed calendar intervals."""
    stops = facts.tables["downtime_event"]
    still = stops[
        (stops["start_at"] <= facts.as_of)
        & (stops["end_at"].isna() | (stops["end_at"] > facts.as_of))
    ]
    unknown = facts.as_of + pd.Timedelta(hours=UNKNOWN_STOP_HOURS)
    end = still["end_at"].fillna(still["expected_end_at"]).fillna(unknown)
    return pd.DataFrame(
        {
            "resource_id": still["resource_id"],
            "start_at": still["start_at"],
            "end_at": end.where(end > facts.as_of, unknown),
            "calendar_kind": "down",
            "capacity": pd.Series(float("nan"), index=still.index),
        }
    )


def overloads(facts: Facts, load: pd.DataFrame) -> pd.DataFrame:
    """Return resources with a week above the load tolerance, one row per resource."""
    limit = facts.params.divergence.load_pct
    rows = load[
        (load["load_pct"] > limit) | ((load["available_hours"] <= 0) & (load["load_hours"] > 0))
    ]
    if rows.empty:
        return empty_rows()
    found = rows.groupby("resource_id", as_index=False).agg(
        planned_value=("available_hours", "sum"),
        actual_value=("load_hours", "sum"),
        overload_hours=("overload_hours", "sum"),
        week_start_date=("week_start_date", "min"),
        weeks=("week_start_date", lambda days: sorted(set(days))),
    )
    found["object_id"] = found["resource_id"]
    found["site_id"] = look_up(found["resource_id"], facts.resource_sites)
    found["first_seen_at"] = facts.as_of
    found["act_by_at"] = at_least(facts.instant(found["week_start_date"]), facts.as_of)
    share = 100 * found["actual_value"] / found["planned_value"].where(found["planned_value"] > 0)
    found["severity"] = (share / limit).fillna(10.0)
    found["sentence"] = [
        f"{r}: {a:.0f} h of work in {p:.0f} open hours, {o:.0f} h too much, first in the week of "
        f"{w:%d %b}" + (f" ({len(n)} weeks above the limit)" if len(n) > 1 else "")
        for r, a, p, o, w, n in zip(
            named(found["resource_id"], facts.resource_names),
            found["actual_value"],
            found["planned_value"],
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
        evidence_table="resource_load",
        evidence={"resource_id": found["resource_id"], "week_start_date": found["weeks"]},
    )
