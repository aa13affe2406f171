r"""
Service level of stock, by item, site and period.

.. math::
    \alpha_p &= \text{share of periods with demand } d \le OH_0 \\
    \alpha_c &= \text{share of replenishment cycles without a new backorder} \\
    \beta &= 1 - \textstyle\sum \text{newly backordered} / \sum d \\
    \gamma &= 1 - \overline{\text{backlog at period end}} / \overline{d} \quad (\text{may be} < 0)

Made-to-order lines have no stock to serve from: their service level is OTIF on the first promise
(:func:`make_to_order_service`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import table_of
from soe_lib.kpi.otif import otif
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.service_panel import PLACE
from soe_lib.kpi.value import Kpi, Period, measure, share
from soe_lib.params import KpiParams


def service_level(
    panel: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    *,
    lost_sales: Literal["recorded", "unknown"] = "unknown",
) -> list[Kpi]:
    """
    Return ready rate, cycle service, fill rate and backlog service.

    Parameters
    ----------
    panel
        Result of :func:`soe_lib.kpi.service_panel.service_panel`.
    lost_sales
        Whether demand that never became an order is recorded; where it is not, the fill rate is
        an upper bound and its note says so.

    Returns
    -------
    list
        ``ready_rate`` (alpha_p), ``cycle_service`` (alpha_c), ``fill_rate`` (beta) and
        ``backlog_service`` (gamma). Periods without demand never count: alpha_p would succeed in
        them by itself; they are excluded as ``no_demand``.
    """
    asks = panel["demand_qty"] > 0
    idle = int((~asks).sum())
    busy = panel[asks]
    known = busy[busy["opening_qty"].notna()]
    demand, new = float(busy["demand_qty"].sum()), float(busy["new_backlog_qty"].sum())
    bound = "" if lost_sales == "recorded" else "upper bound: unrecorded lost sales are not in it"
    quiet = {"no_demand": idle}
    rest: dict[str, Any] = {"basis": "requested", "higher_is_better": True}
    found = [
        share(
            "ready_rate",
            "alpha_p: item-periods with demand <= opening stock / item-periods with demand",
            int((known["demand_qty"] <= known["opening_qty"]).sum()),
            len(known),
            as_of,
            period,
            confidence_pct=params.confidence_pct,
            is_count=True,
            excluded={**quiet, "no_opening_stock": len(busy) - len(known)},
            empty="no opening stock is known" if len(busy) else "no demand in the period",
            **rest,
        ),
        _cycles(panel, as_of, period, params, rest),
        share(
            "fill_rate",
            "beta: 1 - sum of newly backordered / sum of demand",
            demand - new,
            demand,
            as_of,
            period,
            n=len(busy),
            excluded=quiet,
            empty="no demand in the period",
            target=params.service_level_target_pct,
            note=bound,
            **rest,
        ),
    ]
    total, backlog = float(panel["demand_qty"].sum()), float(panel["backlog_qty"].sum())
    found.append(
        share(
            "backlog_service",
            "gamma: 1 - mean backlog at period end / mean demand per period (may be negative)",
            total - backlog,
            total,
            as_of,
            period,
            n=len(panel),
            empty="no demand in the period",
            note=bound,
            **rest,
        )
    )
    return found


def service_attainment(
    panel: pd.DataFrame, as_of: pd.Timestamp, period: Period, params: KpiParams
) -> list[Kpi]:
    """
    Return how many item-periods reach the target, and what the gap to it is worth.

    Parameters
    ----------
    panel
        Result of :func:`soe_lib.kpi.service_panel.service_panel` with weekly buckets.

    Returns
    -------
    list
        ``service_attainment`` (share of demand in item-periods whose fill rate is at or above the
        target), ``service_attainment_count`` (share of item-periods) and ``service_gap_value``
        (sum of max(0, target - measured) x demand x unit margin).
    """
    busy = panel[panel["demand_qty"] > 0]
    target = params.service_level_target_pct / 100
    reached = 1 - busy["new_backlog_qty"] / busy["demand_qty"]
    passes = reached >= target - 1e-12
    idle = {"no_demand": len(panel) - len(busy)}
    priced = busy["unit_margin"].notna()
    gap = (target - reached).clip(lower=0) * busy["demand_qty"] * busy["unit_margin"]
    rest: dict[str, Any] = {
        "basis": "requested",
        "excluded": idle,
        "empty": "no demand in the period",
        "note": f"target {params.service_level_target_pct:g} % fill rate of an item and period",
    }
    return [
        share(
            "service_attainment",
            "demand in item-periods with fill rate >= target / demand",
            float(busy["demand_qty"].where(passes, 0.0).sum()),
            float(busy["demand_qty"].sum()),
            as_of,
            period,
            n=len(busy),
            higher_is_better=True,
            **rest,
        ),
        share(
            "service_attainment_count",
            "item-periods with fill rate >= target / item-periods with demand",
            int(passes.sum()),
            len(busy),
            as_of,
            period,
            confidence_pct=params.confidence_pct,
            is_count=True,
            higher_is_better=True,
            **rest,
        ),
        measure(
            "service_gap_value",
            "sum of max(0, target - fill rate) x demand x unit margin",
            float(gap[priced].sum()) if priced.any() else np.nan,
            "money",
            as_of,
            period,
            n=int(priced.sum()),
            higher_is_better=False,
            **{
                **rest,
                "excluded": {**idle, "no_margin": int((~priced).sum())},
                "empty": "no unit margin is known" if len(busy) else "no demand in the period",
            },
        ),
    ]


def make_to_order_service(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> Kpi:
    """Return the service level of made-to-order lines: OTIF on the first promise, and say so."""
    lines = table_of(tables, "sales_order_line")
    own = {**tables, "sales_order_line": lines[lines["order_type"] == "MTO"]}
    kpis = otif(own, as_of, period, policy.on("first_confirmed"), confidence_pct=confidence_pct)
    line = next(k for k in kpis if k.kpi == "otif_line")
    return replace(
        line,
        kpi="service_level_mto",
        note="made to order: no stock to serve from, so OTIF on the first promise is the service "
        f"level; {line.note}",
    )


def _cycles(
    panel: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    rest: dict[str, Any],
) -> Kpi:
    ordered = panel.sort_values([*PLACE, "bucket_start_date"], kind="stable")
    number = (ordered["receipt_qty"] > 0).groupby([ordered[n] for n in PLACE]).cumsum()
    cycles = (
        ordered.assign(cycle=number, is_out=ordered["new_backlog_qty"] > 0)
        .groupby([*PLACE, "cycle"])["is_out"]
        .any()
        .reset_index()
    )
    last = cycles.groupby(PLACE)["cycle"].transform("max")
    began = cycles["cycle"] > 0
    ended = cycles["cycle"] < last
    whole = cycles[began & ended]
    return share(
        "cycle_service",
        "alpha_c: replenishment cycles without a new backorder / complete cycles",
        int((~whole["is_out"]).sum()),
        len(whole),
        as_of,
        period,
        confidence_pct=params.confidence_pct,
        is_count=True,
        excluded={
            "no_receipt_before": int((~began).sum()),
            "cycle_still_open": int((began & ~ended).sum()),
        },
        empty="no complete replenishment cycle in the period",
        **rest,
    )
