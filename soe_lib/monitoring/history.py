"""The KPIs of last week and of the weeks before it, each as it was known when its week ended."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.kpi.adherence import adherence
from soe_lib.kpi.backlog import backlog
from soe_lib.kpi.execution import week_opens_at
from soe_lib.kpi.fill import fill_rates, order_fulfilment
from soe_lib.kpi.otif import otif, three_bases
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.service import service_level
from soe_lib.kpi.service_panel import service_panel
from soe_lib.kpi.value import Kpi, Period, kpi_rows
from soe_lib.kpi.work_orders import work_orders_on_time
from soe_lib.params import Params


def weekly_kpis(tables: Mapping[str, pd.DataFrame], period: Period, params: Params) -> list[Kpi]:
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
    """
    as_of = period.end_at
    policy = OtifPolicy.from_params(params.otif)
    confidence = params.kpi.confidence_pct
    found: list[Kpi] = []
    if "sales_order_line" in tables:
        family = otif(tables, as_of, period, policy, confidence_pct=confidence)
        bases = three_bases(tables, as_of, period, policy, confidence_pct=confidence)
        main = [k for k in family if k.kpi == "otif_line"]
        found += main + [k for k in bases if k.basis != policy.basis]
        found += [k for k in family if k.kpi != "otif_line"]
        found += fill_rates(tables, as_of, period, policy, confidence_pct=confidence)
        found += order_fulfilment(tables, as_of, period, policy, confidence_pct=confidence)
        found += backlog(tables, as_of, period)
        found += service_level(service_panel(tables, as_of, period), as_of, period, params.kpi)
    if "schedule_operation" in tables:
        freeze_at = week_opens_at(tables, period)
        found += adherence(tables, as_of, period, freeze_at, params.kpi)
    if "work_order" in tables:
        found += work_orders_on_time(tables, as_of, period, params.kpi)
    return found


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
    return kpi_rows([kpi for week in weeks for kpi in weekly_kpis(tables, week, params)])
