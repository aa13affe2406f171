r"""
OEE after ISO 22400-2, scrap, and how often and how long resources stop.

.. math::
    A = APT / PBT \quad E = \sum_k PRI_k PQ_k / APT \quad Q = GQ / PQ \quad
    OEE = A \cdot E \cdot Q

Set-up lowers A, not E; stops too short to be downtime lower E. E above 100 % means that the
standard rate is wrong: it is shown, flagged and never clipped. With several items Q counts units
and OEE weighs them by their standard time (sum of PRI x GQ / PBT). A unit counts as produced once:
events with a reason of ``rework_reasons`` make good units of units that were counted before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import table_of
from soe_lib.kpi.value import Kpi, Period, cuts, measure, share
from soe_lib.kpi.work_times import MICRO_STOP_MINUTES, known_events, stops, work_times

REWORK_REASONS = ("rework",)
_NO_PBT = "no planned busy time"
_NO_RUN = "nothing was produced in the period"


def production(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    rework_reasons: tuple[str, ...] = REWORK_REASONS,
) -> pd.DataFrame:
    """
    Return what each resource produced in a period.

    Returns
    -------
    pandas.DataFrame
        One row per resource: ``resource_id``, ``produced_qty`` (PQ: good + scrap + sent to
        rework, each unit once), ``good_qty`` (GQ), ``first_pass_qty``, ``scrap_qty``,
        ``rework_qty``, ``planned_scrap_qty`` (PQ x (1 - routing yield)), ``standard_hours`` (sum
        of PRI x PQ), ``standard_good_hours``, ``num_unpriced`` (events without a standard time)
        and ``num_events``.
    """
    events = known_events(tables, as_of)
    inside = (events["event_at"] > period.start_at) & (events["event_at"] <= period.end_at)
    events = events[inside]
    qty = events[["good_qty", "scrap_qty", "rework_qty"]].astype(float).fillna(0.0)
    made = qty.sum(axis=1) > 0
    events, qty = events[made], qty[made]
    again = events["reason_code"].isin(rework_reasons)
    first = qty.mul((~again).astype(float), axis=0)
    items = table_of(tables, "work_order").drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    keys = ["item_id", "op_no", "resource_id"]
    asked = events.assign(item_id=events["wo_id"].map(items))[keys]
    routing = table_of(tables, "routing_alternate").sort_values(keys, kind="stable")
    routing = routing.drop_duplicates(keys)[[*keys, "run_minutes_per_unit", "yield_pct"]]
    asked = asked.merge(routing, on=keys, how="left").set_axis(events.index)
    produced = first.sum(axis=1)
    hours = asked["run_minutes_per_unit"] / 60
    good_share = asked["yield_pct"].astype(float).fillna(100.0) / 100
    rows = pd.DataFrame(
        {
            "resource_id": events["resource_id"],
            "produced_qty": produced,
            "good_qty": qty["good_qty"],
            "first_pass_qty": first["good_qty"],
            "scrap_qty": qty["scrap_qty"],
            "rework_qty": first["rework_qty"],
            "planned_scrap_qty": produced * (1 - good_share),
            "standard_hours": hours.fillna(0.0) * produced,
            "standard_good_hours": hours.fillna(0.0) * qty["good_qty"],
            "num_unpriced": hours.isna().astype(int),
            "num_events": 1,
        }
    )
    return rows.groupby("resource_id", as_index=False).sum()


def oee(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = "resource_id",
    micro_stop_minutes: float = MICRO_STOP_MINUTES,
    rework_reasons: tuple[str, ...] = REWORK_REASONS,
    times: pd.DataFrame | None = None,
) -> list[Kpi]:
    """
    Return OEE, its factors, scrap and rework per resource and in all (ratio of sums).

    ``times`` is the result of :func:`soe_lib.kpi.work_times.work_times` (same
    ``micro_stop_minutes``) where the caller has it.

    Returns
    -------
    list
        Per cut ``oee, oee_availability, oee_effectiveness, oee_quality, nee, scrap_ratio,
        rework_ratio, first_pass_yield, actual_to_planned_scrap``. Without planned busy time
        availability and OEE are not evaluable; without production effectiveness and quality are.
    """
    if times is None:
        times = work_times(tables, as_of, period, micro_stop_minutes=micro_stop_minutes)
    made = production(tables, as_of, period, rework_reasons=rework_reasons)
    rows = times.merge(made, on="resource_id", how="outer").sort_values("resource_id")
    numbers = rows.columns.drop("resource_id")
    rows[numbers] = rows[numbers].astype(float).fillna(0.0)
    found: list[Kpi] = []
    for dimension, member, part in cuts(rows.reset_index(drop=True), by):
        found += _factors(part, as_of, period, {"dimension": dimension, "member": member})
    return found


def repair_times(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = "resource_id",
    micro_stop_minutes: float = MICRO_STOP_MINUTES,
    times: pd.DataFrame | None = None,
) -> list[Kpi]:
    """
    Return mean operating time between failures and mean time to repair.

    Failures are unplanned stops that began in the period, overlapping ones merged; one still open
    counts as long as it has lasted, and the note says how many are open. ``times`` as for
    :func:`oee`.

    Returns
    -------
    list
        ``mtbf`` (production hours / failures) and ``mttr`` (hours of failures / failures) per cut.
    """
    if times is None:
        times = work_times(tables, as_of, period, micro_stop_minutes=micro_stop_minutes)
    down = stops(tables, as_of, planned=False, micro_stop_minutes=micro_stop_minutes)
    began = (down["start_at"] >= period.start_at) & (down["start_at"] < period.end_at)
    down = down[began]
    hours = (down["end_at"] - down["start_at"]).dt.total_seconds() / 3600
    own = pd.DataFrame(
        {
            "resource_id": down["resource_id"],
            "repair_hours": hours,
            "num_failures": 1,
            "num_open": (down["end_at"] >= as_of).astype(int),
        }
    )
    own = own.groupby("resource_id", as_index=False).sum()
    rows = times[["resource_id", "apt_hours"]].merge(own, on="resource_id", how="outer")
    rows = rows.sort_values("resource_id", kind="stable").fillna(
        {"apt_hours": 0.0, "repair_hours": 0.0, "num_failures": 0, "num_open": 0}
    )
    found = []
    for dimension, member, part in cuts(rows.reset_index(drop=True), by):
        count = int(part["num_failures"].sum())
        open_ = int(part["num_open"].sum())
        for name, formula, column, good in (
            ("mtbf", "production hours / failures that began in the period", "apt_hours", True),
            (
                "mttr",
                "hours of failures / failures that began in the period",
                "repair_hours",
                False,
            ),
        ):
            total = float(part[column].sum())
            found.append(
                measure(
                    name,
                    formula,
                    total / count if count else np.nan,
                    "h",
                    as_of,
                    period,
                    n=count,
                    num=total,
                    den=float(count),
                    empty="no failure began in the period",
                    higher_is_better=good,
                    dimension=dimension,
                    member=member,
                    note=f"{open_} still open at as_of" if open_ else "",
                )
            )
    return found


def _factors(
    rows: pd.DataFrame, as_of: pd.Timestamp, period: Period, rest: dict[str, Any]
) -> list[Kpi]:
    planned = rows[rows["pbt_hours"] > 0]
    total = planned.drop(columns="resource_id").sum()
    made = rows.drop(columns="resource_id").sum()
    unpriced = int(made["num_unpriced"])
    closed = int(((rows["pbt_hours"] <= 0) & (rows["produced_qty"] > 0)).sum())
    events = int(made["num_events"])
    good: dict[str, Any] = {"higher_is_better": True, **rest}
    by_resource: dict[str, Any] = {
        "n": len(planned),
        "excluded": {"no_planned_busy_time": closed},
        "empty": _NO_PBT,
    }
    by_event: dict[str, Any] = {"n": events, "empty": _NO_RUN}
    fast = total["apt_hours"] > 0 and total["standard_hours"] > total["apt_hours"] * (1 + 1e-9)
    notes = [
        "effectiveness above 100 %: the standard rate is wrong" if fast else "",
        f"{unpriced:,} reports without a standard time count 0 h" if unpriced else "",
    ]
    note = "; ".join(part for part in notes if part)

    def ratio(name: str, formula: str, num: float, den: float, given: dict[str, Any]) -> Kpi:
        return share(name, formula, num, den, as_of, period, **{**good, **given})

    quality = made["good_qty"] / made["produced_qty"] if made["produced_qty"] > 0 else np.nan
    nee = total["aupt_hours"] / total["pbt_hours"] if total["pbt_hours"] > 0 else np.nan
    effective = total["standard_hours"] / total["apt_hours"] if total["apt_hours"] > 0 else np.nan
    return [
        ratio(
            "oee",
            "A x E x Q = sum of PRI x GQ / PBT",
            total["standard_good_hours"],
            total["pbt_hours"],
            {**by_resource, "note": note},
        ),
        ratio(
            "oee_availability", "A = APT / PBT", total["apt_hours"], total["pbt_hours"], by_resource
        ),
        ratio(
            "oee_effectiveness",
            "E = sum of PRI x PQ / APT",
            total["standard_hours"],
            total["apt_hours"],
            {**by_event, "n": len(planned), "note": note},
        ),
        ratio("oee_quality", "Q = GQ / PQ", made["good_qty"], made["produced_qty"], by_event),
        measure(
            "nee",
            "net equipment effectiveness: AUPT / PBT x E x Q (R)",
            100 * nee * effective * quality,
            "%",
            as_of,
            period,
            **{**good, **by_resource, "empty": _NO_PBT if planned.empty else _NO_RUN},
        ),
        ratio(
            "scrap_ratio",
            "SQ / PQ (R)",
            made["scrap_qty"],
            made["produced_qty"],
            {**by_event, "higher_is_better": False},
        ),
        ratio(
            "rework_ratio",
            "RQ / PQ (R)",
            made["rework_qty"],
            made["produced_qty"],
            {**by_event, "higher_is_better": False},
        ),
        ratio(
            "first_pass_yield",
            "good the first time / inspected (R)",
            made["first_pass_qty"],
            made["produced_qty"],
            by_event,
        ),
        ratio(
            "actual_to_planned_scrap",
            "SQ / PSQ, PSQ = PQ x (1 - routing yield) (R)",
            made["scrap_qty"],
            made["planned_scrap_qty"],
            {**by_event, "higher_is_better": False, "empty": "no scrap is planned in the routing"},
        ),
    ]
