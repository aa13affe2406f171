"""The OTIF that a schedule promises for lines not yet due, apart from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.days import day_number
from soe_lib.kpi.facts import KEY, order_facts
from soe_lib.kpi.otif import otif_kpis
from soe_lib.kpi.otif_rows import NOT_YET_DUE, evaluate
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period


def projected_otif(
    tables: Mapping[str, pd.DataFrame],
    promises: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return the OTIF that a schedule promises for lines that are not yet due.

    Parameters
    ----------
    promises
        One row per delivery that the schedule foresees: ``order_id``, ``line_id``,
        ``promised_at`` (goods issue, instant; empty = never), ``promised_qty``.
    period
        Days in the future; lines already matured do not count here.

    Returns
    -------
    list
        ``projected_otif_line`` and ``projected_otif_qty``.
    """
    time_zone = period.time_zone
    facts = order_facts(tables, as_of, time_zone)
    today = float(day_number(site_day(pd.Series([as_of]), time_zone))[0])
    now = evaluate(facts, tables, policy, time_zone, today)
    foreseen = promises[promises["promised_at"].notna() & (promises["promised_qty"] > 0)]
    day = site_day(foreseen["promised_at"], time_zone)
    transit = tables["sales_order_line"].drop_duplicates(KEY).set_index(KEY).get("transit_days")
    ahead = 0.0
    if transit is not None and len(foreseen):
        index = pd.MultiIndex.from_frame(foreseen[KEY])
        ahead = np.ceil(transit.reindex(index).fillna(0.0).to_numpy(float))
    extra = pd.DataFrame(
        {
            "order_id": foreseen["order_id"],
            "line_id": foreseen["line_id"],
            "delivered_qty": foreseen["promised_qty"].astype(float),
            "known_at": as_of,
            "is_derived": False,
            "issue_date": day,
            "proof_date": (day + pd.to_timedelta(ahead, unit="D")).astype("datetime64[us]"),
        }
    )
    parts = [part for part in (facts.deliveries, extra) if len(part)]
    moves = pd.concat(parts, ignore_index=True) if parts else facts.deliveries
    then = evaluate(replace(facts, deliveries=moves), tables, policy, time_zone, np.inf)
    waiting = (now["exclude_reason"] == NOT_YET_DUE).to_numpy()
    own = then[waiting & period.has(then["period_date"]).to_numpy()]
    kpis = otif_kpis(own, as_of, period, policy, confidence_pct=confidence_pct)
    return [
        replace(
            k,
            kpi=f"projected_{k.kpi}",
            formula=f"projected, not yet due: {k.formula}",
            reason="" if k.is_evaluable else "no order line falls due in the period",
        )
        for k in kpis
        if k.kpi in ("otif_line", "otif_qty")
    ]
