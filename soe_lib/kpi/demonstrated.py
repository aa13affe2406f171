"""What resources have shown they can do, and the load against that instead of the rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.kpi.capacity import required_hours
from soe_lib.kpi.facts import table_of
from soe_lib.kpi.intervals import trimmed_mean
from soe_lib.kpi.open_time import available_hours, open_time
from soe_lib.kpi.value import Kpi, Period, share
from soe_lib.kpi.work_times import known_events, stops


def demonstrated_capacity(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    weeks: Sequence[Period],
    *,
    confidence_pct: float = 95.0,
) -> pd.DataFrame:
    """
    Return what resources have shown they can do: standard hours earned per available hour.

    Each week's rate is the good output of the resource, in standard hours of the routing, over its
    available hours; weeks without available hours are left out. The rate is the 20 % trimmed mean
    of the weeks with its interval.

    Parameters
    ----------
    weeks
        Complete weeks, e.g. ``Period.last_weeks(as_of, 8, time_zone)``.

    Returns
    -------
    pandas.DataFrame
        One row per resource with a calendar: ``resource_id``, ``num_weeks``, ``rate``, ``lo``,
        ``hi`` (standard hours per available hour, NaN without a week), ``weekly_hours`` (mean
        available hours x rate) [h/week], ``rated_hours`` (mean available hours), ``good_qty``,
        ``num_unpriced`` (events whose operation has no routing time).
    """
    open_ = open_time(tables, closed=stops(tables, as_of, planned=True))
    events = known_events(tables, as_of)
    events = events[events["good_qty"] > 0]
    items = table_of(tables, "work_order").drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    routing = table_of(tables, "routing_alternate")
    keys = ["item_id", "op_no", "resource_id"]
    known = routing.sort_values(keys, kind="stable").drop_duplicates(keys)
    asked = events.assign(item_id=events["wo_id"].map(items))[[*keys, "event_at", "good_qty"]]
    asked = asked.merge(known[[*keys, "run_minutes_per_unit"]], on=keys, how="left")
    asked["hours"] = asked["good_qty"] * asked["run_minutes_per_unit"] / 60
    parts = []
    for week in weeks:
        begin, end = week.start_at, min(week.end_at, as_of)
        inside = asked[(asked["event_at"] > begin) & (asked["event_at"] <= end)]
        own = inside.groupby("resource_id").agg(
            earned=("hours", "sum"),
            good_qty=("good_qty", "sum"),
            num_unpriced=("hours", lambda h: int(h.isna().sum())),
        )
        hours = available_hours(open_, begin, end).rename("available_hours")
        parts.append(pd.concat([hours, own], axis=1).rename_axis("resource_id").reset_index())
    rows = pd.concat(parts, ignore_index=True).fillna(0.0) if parts else pd.DataFrame()
    found = []
    for name, part in rows.groupby("resource_id", sort=True) if len(rows) else ():
        open_weeks = part[part["available_hours"] > 0]
        rates = (open_weeks["earned"] / open_weeks["available_hours"]).to_numpy()
        rate, low, high = trimmed_mean(rates, confidence_pct)
        rated = float(open_weeks["available_hours"].mean()) if len(open_weeks) else np.nan
        found.append(
            {
                "resource_id": str(name),
                "num_weeks": len(open_weeks),
                "rate": rate,
                "lo": low,
                "hi": high,
                "weekly_hours": rate * rated,
                "rated_hours": rated,
                "good_qty": float(part["good_qty"].sum()),
                "num_unpriced": int(part["num_unpriced"].sum()),
            }
        )
    columns = ["resource_id", "num_weeks", "rate", "lo", "hi", "weekly_hours", "rated_hours"]
    return pd.DataFrame(found, columns=[*columns, "good_qty", "num_unpriced"])


def required_vs_demonstrated(
    operations: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    demonstrated: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
) -> list[Kpi]:
    """
    Return the load of each resource against what it has demonstrated, not against its rating.

    Parameters
    ----------
    operations
        Rows of one version of ``schedule_operation``.
    demonstrated
        Result of :func:`demonstrated_capacity`.

    Returns
    -------
    list
        ``required_vs_demonstrated`` per resource: run hours required / (available hours x
        demonstrated rate), with the interval that the rate's interval gives.
    """
    needed = required_hours(operations, tables, period)["run_hours"]
    load = needed.groupby(operations["resource_id"]).sum()
    open_ = open_time(tables, closed=stops(tables, as_of, planned=True))
    hours = available_hours(open_, period.start_at, period.end_at)
    found = []
    for row in demonstrated.to_dict("records"):
        name = row["resource_id"]
        asked, offered = float(load.get(name, 0.0)), float(hours.get(name, 0.0))
        below = offered * row["rate"]
        low, high = (
            100 * asked / (offered * bound) if offered * bound > 0 else np.nan
            for bound in (row["hi"], row["lo"])
        )
        found.append(
            share(
                "required_vs_demonstrated",
                "standard run hours required / (available hours x demonstrated rate)",
                asked,
                below,
                as_of,
                period,
                n=int((operations["resource_id"] == name).sum()),
                empty="no capacity was demonstrated",
                lo=low,
                hi=high,
                dimension="resource_id",
                member=str(name),
                note=f"rate {row['rate']:.2f} from {row['num_weeks']} weeks",
            )
        )
    return found
