r"""
Schedule adherence in its four dimensions: quantity, mix, sequence, time.

With planned :math:`p_k` and made :math:`a_k` per cell *k* (item, operation, line, week unless a
KPI says otherwise), and :math:`\tau` the tolerance:

.. math::
    attainment &= \sum a / \sum p \\
    adherence &= \sum \min(a, p) / \sum p \\
    mix &= \sum \min(a, p) / \min(\sum a, \sum p) \\
    time &= |\{|actual - planned| \le \tau\}| / |\{scheduled\}| \\
    sequence &= LIS / n \\
    BTS &= \min(1, attainment) \cdot mix \cdot sequence_{hours} = adherence \cdot sequence_{hours}

Quantities count in standard hours, so that litres mixed and cases packed add up. The plan is the
schedule in force at the freeze, never a later one. What is due is what was to finish in the week,
with all that had been made of it by the week's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.adherence_rows import adherence_operations
from soe_lib.kpi.losses import loss_table, lost_hours
from soe_lib.kpi.value import Kpi, Period, excluded_counts, measure, share
from soe_lib.params import KpiParams

_CELL = ["item_id", "op_no"]
_CUTS = {"": ("", ""), "resource_id": ("resource_id", "actual_resource_id")}
_EMPTY = "no published operation was due in the period"
_HOURS = "in standard hours"


def adherence(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    freeze_at: pd.Timestamp,
    params: KpiParams,
    *,
    by: str = "",
) -> list[Kpi]:
    """
    Return the adherence family of a week; ``by="resource_id"`` adds one cut per line.

    The arguments are those of :func:`soe_lib.kpi.adherence_rows.adherence_operations`, the KPIs
    those of :func:`adherence_kpis`.
    """
    rows = adherence_operations(tables, as_of, period, freeze_at, params)
    return adherence_kpis(rows, as_of, period, params, by=by)


def adherence_kpis(
    operations: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    *,
    by: str = "",
) -> list[Kpi]:
    """
    Count matched operations.

    Parameters
    ----------
    operations
        Result of :func:`soe_lib.kpi.adherence_rows.adherence_operations`.
    as_of, period, params
        As there; ``adherence_target_pct`` is the target of ``schedule_adherence``.
    by
        ``resource_id`` adds one cut per line: planned on it against made on it.

    Returns
    -------
    list
        ``schedule_adherence`` (item, operation, line, week), ``schedule_adherence_item_week`` (any
        line), ``schedule_adherence_day`` (item, operation, line, day), ``schedule_attainment``,
        ``mix_attainment``, ``start_on_time``, ``finish_on_time``, ``sequence_adherence``,
        ``build_to_schedule``, ``unscheduled_work`` per cut.

    Raises
    ------
    ValueError
        For a cut that is not known.
    """
    if by not in _CUTS:
        raise ValueError(f"adherence can be cut by {', '.join(filter(None, _CUTS))}, not by {by}")
    found: list[Kpi] = []
    for member, plan, made in _members(operations, by):
        rest = {"dimension": by if member else "", "member": member}
        found.extend(_one_cut(plan, made, as_of, period, params, rest))
    return found


def schedule_losses(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    operations: pd.DataFrame,
) -> pd.DataFrame:
    """Return lost hours by cause and resource; columns as in ``losses.loss_table``."""
    return loss_table(operations, lost_hours(operations, tables, as_of, period))


def _members(operations: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield member, what was planned there and what was made there; the total has no member."""
    yield "", operations, operations
    if not by:
        return
    planned_on, made_on = _CUTS[by]
    members = pd.concat([operations[planned_on], operations[made_on]]).dropna().unique()
    for member in sorted(members):
        plan = operations[operations[planned_on] == member]
        yield str(member), plan, operations[operations[made_on] == member]


def _cells(plan: pd.DataFrame, made: pd.DataFrame, grain: str, time_zone: str) -> pd.DataFrame:
    """Return planned and made hours per cell: ``p`` and ``a``."""
    keys = list(_CELL)
    left, right = plan, made
    if grain != "item_week":
        keys.append("line")
        left = left.assign(line=left["resource_id"])
        right = right.assign(line=right["actual_resource_id"])
    if grain == "day":
        keys.append("day")
        last = right["actual_end_at"].fillna(right["actual_start_at"])
        left = left.assign(day=site_day(left["planned_end_at"], time_zone))
        right = right.assign(day=site_day(last, time_zone))
    p = left.groupby(keys)["planned_hours"].sum().rename("p")
    a = right.groupby(keys)["made_hours"].sum().rename("a")
    return pd.concat([p, a], axis=1).fillna(0.0)


def _one_cut(
    plan: pd.DataFrame,
    made: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    rest: dict[str, Any],
) -> list[Kpi]:
    asked = plan[(plan["origin"] == "plan") & plan["is_due_to_finish"]]
    excluded = excluded_counts(asked["exclude_reason"])
    asked = asked[asked["exclude_reason"] == ""]
    due_made = made[(made["origin"] == "plan") & made["is_due_to_finish"]]
    extra = made[made["origin"].isin(["unscheduled", "pulled ahead"])]
    done = pd.concat([due_made[due_made["exclude_reason"] == ""], extra])
    cells = {
        grain: _cells(asked, done, grain, period.time_zone)
        for grain in ("line_week", "item_week", "day")
    }
    both = {grain: float(c[["a", "p"]].min(axis=1).sum()) for grain, c in cells.items()}
    p, a = float(asked["planned_hours"].sum()), float(done["made_hours"].sum())

    def ratio(kpi: str, formula: str, num: float, den: float, **more: Any) -> Kpi:
        given: dict[str, Any] = {"n": len(asked), "excluded": excluded, "empty": _EMPTY}
        given |= {"higher_is_better": True, **rest, **more}
        return share(kpi, formula, num, den, as_of, period, **given)

    def counted(kpi: str, formula: str, marks: pd.Series) -> Kpi:
        known = marks.dropna().astype(bool)
        return ratio(
            kpi,
            formula,
            float(known.sum()),
            float(len(known)),
            n=len(known),
            is_count=True,
            confidence_pct=params.confidence_pct,
        )

    line = "sum min(a, p) / sum p"
    tolerance = f"within {params.start_tolerance_minutes:g} min"
    sequence = _sequence_hours(asked)
    value = both["line_week"] / p * sequence * 100 if p > 0 and np.isfinite(sequence) else np.nan
    ran = float(made["week_good_qty"].mul(made["hours_per_unit"].fillna(0.0)).sum())
    stray = made[made["origin"] == "unscheduled"]
    return [
        ratio(
            "schedule_adherence",
            f"{line}, per item, operation, line and week, {_HOURS}",
            both["line_week"],
            p,
            target=params.adherence_target_pct,
        ),
        ratio(
            "schedule_adherence_item_week",
            f"{line}, per item, operation and week on any line, {_HOURS}",
            both["item_week"],
            p,
        ),
        ratio(
            "schedule_adherence_day",
            f"{line}, per item, operation, line and day, {_HOURS}",
            both["day"],
            p,
        ),
        ratio("schedule_attainment", f"sum a / sum p, {_HOURS}; nets, may exceed 100 %", a, p),
        ratio(
            "mix_attainment",
            f"sum min(a, p) / min(sum a, sum p), per item, operation, line and week, {_HOURS}",
            both["line_week"],
            min(a, p),
            empty="nothing was made or nothing was planned",
        ),
        counted(
            "start_on_time",
            f"operations started {tolerance} of their planned start / scheduled to start",
            plan["is_start_on_time"],
        ),
        counted(
            "finish_on_time",
            f"operations finished {tolerance} of their planned end / scheduled to finish",
            plan["is_finish_on_time"],
        ),
        counted(
            "sequence_adherence",
            "longest run of jobs in planned order / jobs scheduled and run on their line",
            plan["is_in_sequence"],
        ),
        measure(
            "build_to_schedule",
            "min(1, volume) x mix x sequence = schedule adherence x hours run in sequence",
            value,
            "%",
            as_of,
            period,
            n=len(asked),
            excluded=excluded,
            higher_is_better=True,
            empty=_EMPTY if p <= 0 else "no scheduled job was run on its own line",
            **rest,
        ),
        ratio(
            "unscheduled_work",
            "hours run on work in no plan / all hours run in the week, standard hours",
            float(stray["made_hours"].sum()),
            ran,
            n=len(made),
            higher_is_better=False,
            empty="nothing was run in the period",
        ),
    ]


def _sequence_hours(asked: pd.DataFrame) -> float:
    """Return hours of jobs in sequence / hours of jobs run on their line; NaN where none ran."""
    hours = asked[["planned_hours", "made_hours"]].min(axis=1)
    ran = hours[asked["is_in_sequence"].notna()].sum()
    return float(hours[asked["is_in_sequence"].fillna(False)].sum() / ran) if ran > 0 else np.nan
