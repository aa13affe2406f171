"""The KPIs of last week and of the weeks before it, each as it was known when its week ended."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.kpi.catalogue import all_kpis
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period, kpi_rows
from soe_lib.kpi.versions import StabilityParams
from soe_lib.params import Params
from soe_lib.sop import weekly_targets

PLAN_LAG = pd.Timedelta(weeks=1)
"""Plan accuracy is measured against the plan approved this long before the week began."""

_PLAN_TABLES = ("sop_plan", "family_mix", "plan_calendar")


def weekly_kpis(
    tables: Mapping[str, pd.DataFrame],
    period: Period,
    params: Params,
    plans: DemandPlans | None = None,
) -> list[Kpi]:
    """
    Return every KPI of one week as known at its end.

    Parameters
    ----------
    tables
        Canonical tables, possibly newer than the week: what is later does not count.
    period
        The week.
    params
        Policies, targets and tolerances.
    plans
        Disaggregated plans of earlier weeks, so that no version is divided twice; default none.
    """
    return all_kpis(
        tables,
        period.end_at,
        period,
        params.kpi,
        OtifPolicy.from_params(params.otif),
        targets=(plans or DemandPlans(tables)).targets(period),
        stability=StabilityParams(
            shift_tolerance_minutes=params.kpi.start_tolerance_minutes,
            frozen_days=params.fences.frozen_days,
            slushy_days=params.fences.slushy_days,
        ),
        max_cover_days=params.divergence.excess_cover_days,
    )


class DemandPlans:
    """
    Planned demand by item and week as it was valid at any instant.

    Parameters
    ----------
    tables
        Canonical tables; without ``sop_plan``, ``family_mix`` or ``plan_calendar`` there is none.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = tables
        self._divided: dict[tuple[int, int], pd.DataFrame] = {}

    def targets(self, period: Period) -> pd.DataFrame | None:
        """
        Return the targets of a week and of the weeks after it; None where the feed has no plan.

        For the week itself that is the plan approved :data:`PLAN_LAG` before it began, for the
        weeks after it (forward cover) the one approved by its end.

        Returns
        -------
        pandas.DataFrame
            ``item_id``, ``family_id``, ``week_start_date``, ``planned_qty`` [uom].
        """
        if any(name not in self._tables or self._tables[name].empty for name in _PLAN_TABLES):
            return None
        lagged, latest = self._at(period.start_at - PLAN_LAG), self._at(period.end_at)
        parts = [
            lagged[period.has(lagged["week_start_date"])],
            latest[latest["week_start_date"] >= period.end_date],
        ]
        both = pd.concat(parts, ignore_index=True)
        columns = ["item_id", "family_id", "week_start_date"]
        return both.groupby(columns, sort=True)["planned_qty"].sum().reset_index()

    def _at(self, instant: pd.Timestamp) -> pd.DataFrame:
        plan, mix, calendar = (self._tables[name] for name in _PLAN_TABLES)
        valid_from = mix["valid_from_date"]
        day = instant.tz_localize(None)
        known = (
            int((plan["approved_at"] <= instant).sum()),
            int((valid_from.isna() | (valid_from <= day)).sum()),
        )
        if known not in self._divided:
            self._divided[known] = weekly_targets(plan, mix, calendar, instant)
        return self._divided[known]


def kpi_history(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    params: Params,
    time_zone: str,
) -> pd.DataFrame:
    """
    Return the KPIs of the last ``history_weeks`` complete weeks, oldest first.

    Returns
    -------
    pandas.DataFrame
        Rows of ``kpi.kpi_rows``; running it a week later gives the same rows for the same weeks.
    """
    weeks = Period.last_weeks(as_of, params.horizon.history_weeks, time_zone)
    plans = DemandPlans(tables)
    return kpi_rows([kpi for week in weeks for kpi in weekly_kpis(tables, week, params, plans)])
