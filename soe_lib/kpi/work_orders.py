"""Work orders on time: what the shop finished by its due instant, and how late the rest was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.kpi.value import Kpi, Period, measure, share
from soe_lib.params import KpiParams
from soe_lib.tables import TABLES

ON_TIME = "finished by due_at / due in the period"
TARDINESS = "mean of max(0, end - due_at) over orders due; open orders count to the period's end"


def due_work_orders(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, period: Period
) -> pd.DataFrame:
    """
    Return the work orders that fell due in a period, as known at ``as_of``.

    Returns
    -------
    pandas.DataFrame
        One row per ``wo_id`` with ``due_at`` in the period: ``item_id``, ``ended_at`` (empty =
        open at ``as_of``), ``lateness_days`` (open orders: so far), ``is_on_time``,
        ``exclude_reason`` (``cancelled``, else empty).
    """
    orders = tables.get("work_order", TABLES["work_order"].empty())
    due = orders["due_at"]
    mine = (due >= period.start_at) & (due < period.end_at) & (due <= as_of)
    found = orders[mine & (orders["release_at"] <= as_of)]
    ended = found["ended_at"].where(found["ended_at"] <= as_of)
    end = ended.fillna(min(as_of, period.end_at))
    late = (end - found["due_at"]).dt.total_seconds() / 86_400
    return pd.DataFrame(
        {
            "wo_id": found["wo_id"],
            "item_id": found["item_id"],
            "due_at": found["due_at"],
            "ended_at": ended,
            "lateness_days": late,
            "is_on_time": (ended <= found["due_at"]).fillna(False).astype(bool),
            "exclude_reason": np.where(found["status"] == "cancelled", "cancelled", ""),
        }
    ).reset_index(drop=True)


def work_orders_on_time(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, period: Period, params: KpiParams
) -> list[Kpi]:
    """
    Return the share of work orders finished by their due instant and their mean tardiness.

    The population is what fell due in the period, finished or not: counting finished orders only
    would leave out the worst. Nothing due is not evaluable.
    """
    rows = due_work_orders(tables, as_of, period)
    cancelled = rows["exclude_reason"] != ""
    counted = rows[~cancelled]
    excluded = {"cancelled": int(cancelled.sum())} if cancelled.any() else {}
    empty = "no work order fell due in the period"
    tardiness = counted["lateness_days"].clip(lower=0)
    return [
        share(
            "work_orders_on_time",
            ON_TIME,
            float(counted["is_on_time"].sum()),
            float(len(counted)),
            as_of,
            period,
            confidence_pct=params.confidence_pct,
            is_count=True,
            excluded=excluded,
            empty=empty,
        ),
        measure(
            "work_order_tardiness",
            TARDINESS,
            float(tardiness.mean()) if len(counted) else np.nan,
            "days",
            as_of,
            period,
            n=len(counted),
            excluded=excluded,
            higher_is_better=False,
            empty=empty,
        ),
    ]
