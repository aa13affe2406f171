"""Capacity: planned load, finite and actual utilisation, ISO 22400 ratios, what is demonstrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import table_of
from soe_lib.kpi.intervals import trimmed_mean
from soe_lib.kpi.open_time import RAW_KINDS, OpenTime, available_hours, open_time
from soe_lib.kpi.value import Kpi, Period, cuts, measure, share
from soe_lib.kpi.work_times import known_events, stops, work_times

_NO_HOURS = "no open hours in the calendar"
_AVAILABLE = "shifts and booked overtime less maintenance, holidays and planned stops, x stations"
ISO_RATIOS: tuple[tuple[str, str, str, str], ...] = (
    ("iso_availability", "APT / PBT", "apt_hours", "pbt_hours"),
    ("iso_allocation_efficiency", "AUBT / PBT (R)", "aubt_hours", "pbt_hours"),
    ("iso_utilisation_efficiency", "APT / AUBT (R)", "apt_hours", "aubt_hours"),
    ("iso_setup_ratio", "AUST / AUPT (R)", "aust_hours", "aupt_hours"),
    ("iso_technical_efficiency", "APT / (APT + ADET) (R)", "apt_hours", "apt_adet_hours"),
)
"""Name, formula, numerator and denominator; (R): recalled from secondary sources."""


def required_hours(
    operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame], period: Period
) -> pd.DataFrame:
    """
    Return the hours that planned operations ask of their resources in a period.

    Run hours are quantity times routing time over yield, spread over the operation's open hours;
    an operation without routing takes the open hours that the plan gives it. Set-up hours are the
    open hours from ``setup_start_at`` to ``start_at``.

    Parameters
    ----------
    operations
        Rows of one version of ``schedule_operation``.
    period
        Operations that cross its edges count with their part inside.

    Returns
    -------
    pandas.DataFrame
        Index of ``operations``: ``run_hours``, ``setup_hours`` inside the period [h],
        ``is_from_routing``.
    """
    open_ = open_time(tables)
    routing = table_of(tables, "routing_alternate")
    keys = ["item_id", "op_no", "resource_id"]
    known = routing.sort_values(keys, kind="stable").drop_duplicates(keys)
    minutes = operations[keys].merge(
        known[[*keys, "run_minutes_per_unit", "yield_pct"]], on=keys, how="left"
    )
    good = minutes["yield_pct"].astype(float).fillna(100.0) / 100
    each = (minutes["run_minutes_per_unit"] / 60 / good).to_numpy()
    standard = operations["planned_qty"].to_numpy(float) * each
    run, whole = _open_part(open_, operations, "start_at", "end_at", period)
    setup, _ = _open_part(open_, operations, "setup_start_at", "start_at", period)
    inside = np.divide(run, whole, out=np.zeros_like(run), where=whole > 0)
    is_known = np.isfinite(standard)
    return pd.DataFrame(
        {
            "run_hours": np.where(is_known, standard * inside, run),
            "setup_hours": setup,
            "is_from_routing": is_known,
        },
        index=operations.index,
    )


def planned_load(
    operations: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = "resource_id",
) -> list[Kpi]:
    """
    Return planned load (not capped: above 100 % is overload) and finite utilisation.

    Parameters
    ----------
    operations
        Rows of one version of ``schedule_operation``.
    by
        ``resource_id`` or ``bottleneck`` (members ``bottleneck`` and ``other``) beside the total.

    Returns
    -------
    list
        Per cut ``planned_load`` (required / available hours), ``overload_hours`` (sum over
        resources of what exceeds their hours) and ``finite_utilisation`` (scheduled hours / raw
        capacity: shifts, overtime and overtime that could be booked).
    """
    needed = required_hours(operations, tables, period)
    planned = stops(tables, as_of, planned=True)
    raw = open_time(tables, RAW_KINDS, closed=planned)
    used, _ = _open_part(raw, operations, "setup_start_at", "end_at", period)
    rows = pd.DataFrame(
        {
            "resource_id": operations["resource_id"],
            "load_hours": needed["run_hours"] + needed["setup_hours"],
            "used_hours": used,
            "num_guessed": (~needed["is_from_routing"]).astype(int),
            "num_operations": 1,
        }
    )
    own = rows.groupby("resource_id").sum()
    span = (period.start_at, period.end_at)
    hours = available_hours(open_time(tables, closed=planned), *span).rename("available_hours")
    table = pd.concat([own, hours, available_hours(raw, *span).rename("raw_hours")], axis=1)
    table = table.fillna(0.0).rename_axis("resource_id").reset_index()
    table["bottleneck"] = bottleneck_words(table["resource_id"], tables)
    table["over_hours"] = (table["load_hours"] - table["available_hours"]).clip(lower=0)
    found: list[Kpi] = []
    for dimension, member, part in cuts(table, by):
        found.extend(_load(part, as_of, period, {"dimension": dimension, "member": member}))
    return found


def utilisation(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = "resource_id",
    times: pd.DataFrame | None = None,
) -> list[Kpi]:
    """
    Return actual utilisation and the ISO 22400-2 ratios of a period.

    A resource without calendar hours has none of them. Utilisation has no target: on anything but
    a bottleneck it is no goal (``by="bottleneck"`` tells them apart). ``times`` is the result of
    :func:`soe_lib.kpi.work_times.work_times` where the caller has it.

    Returns
    -------
    list
        Per cut ``actual_utilisation`` (busy = production + set-up hours / available hours) and
        the names of :data:`ISO_RATIOS`.
    """
    if times is None:
        times = work_times(tables, as_of, period)
    times = times.copy()
    times["bottleneck"] = bottleneck_words(times["resource_id"], tables)
    times["apt_adet_hours"] = times["apt_hours"] + times["adet_hours"]
    closed = times["pbt_hours"] <= 0
    found: list[Kpi] = []
    for dimension, member, rows in cuts(times, by):
        good = rows[~closed[rows.index]]
        outside = float(rows["outside_hours"].sum())
        rest: dict[str, Any] = {
            "n": len(good),
            "excluded": {"no_calendar_hours": len(rows) - len(good)},
            "empty": _NO_HOURS,
            "dimension": dimension,
            "member": member,
            "note": f"{outside:.1f} h were booked outside the calendar" if outside > 0.05 else "",
        }
        found.append(
            share(
                "actual_utilisation",
                f"production and set-up hours / available hours ({_AVAILABLE})",
                float(good["aupt_hours"].sum()),
                float(good["pbt_hours"].sum()),
                as_of,
                period,
                **rest,
            )
        )
        for name, formula, num, den in ISO_RATIOS:
            below = float(good[den].sum())
            words = _NO_HOURS if good.empty else "nothing ran in the period"
            found.append(
                share(
                    name,
                    formula,
                    float(good[num].sum()),
                    below,
                    as_of,
                    period,
                    **{**rest, "empty": words},
                )
            )
    return found


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


def bottleneck_words(resource_id: pd.Series, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return ``bottleneck`` or ``other`` for each resource."""
    resources = table_of(tables, "resource")
    tight = resources.loc[resources["is_bottleneck"].fillna(False).astype(bool), "resource_id"]
    words = np.where(resource_id.isin(tight), "bottleneck", "other")
    return pd.Series(words, index=resource_id.index, dtype="str")


def _open_part(
    open_: OpenTime, operations: pd.DataFrame, begin: str, end: str, period: Period
) -> tuple[np.ndarray, np.ndarray]:
    """Return open hours of operations inside the period and in all; by the clock where closed."""
    start = operations[begin].where(operations[begin].notna(), operations["start_at"])
    stop = operations[end]
    low = start.where(start >= period.start_at, period.start_at)
    high = stop.where(stop <= period.end_at, period.end_at)
    clock = (stop - start).dt.total_seconds().to_numpy() / 3600
    clock_inside = ((high - low).dt.total_seconds().to_numpy() / 3600).clip(min=0)
    whole = open_.hours(operations["resource_id"], start, stop).to_numpy()
    inside = open_.hours(operations["resource_id"], low, high).to_numpy()
    shut = ~(whole > 0)
    return np.where(shut, clock_inside, inside), np.where(shut, clock, whole)


def _load(
    rows: pd.DataFrame, as_of: pd.Timestamp, period: Period, rest: dict[str, Any]
) -> list[Kpi]:
    guessed = int(rows["num_guessed"].sum())
    note = f"{guessed:,} operations without routing count their planned span" if guessed else ""
    shut = rows[(rows["available_hours"] <= 0) & (rows["load_hours"] > 0)]
    open_ = rows[rows["available_hours"] > 0]
    given: dict[str, Any] = {
        "n": int(open_["num_operations"].sum()),
        "excluded": {"no_calendar_hours": int(shut["num_operations"].sum())},
        "note": note,
        **rest,
    }
    return [
        share(
            "planned_load",
            f"run and set-up hours required / available hours ({_AVAILABLE})",
            float(open_["load_hours"].sum()),
            float(open_["available_hours"].sum()),
            as_of,
            period,
            empty=_NO_HOURS,
            higher_is_better=False,
            **given,
        ),
        measure(
            "overload_hours",
            "sum over resources of max(0, required - available hours)",
            float(open_["over_hours"].sum()) if len(open_) else np.nan,
            "h",
            as_of,
            period,
            empty=_NO_HOURS,
            higher_is_better=False,
            **given,
        ),
        share(
            "finite_utilisation",
            "scheduled usage hours / raw capacity hours (with overtime that could be booked)",
            float(rows["used_hours"].sum()),
            float(rows["raw_hours"].sum()),
            as_of,
            period,
            empty=_NO_HOURS,
            **{**given, "excluded": {}, "n": int(rows["num_operations"].sum())},
        ),
    ]
