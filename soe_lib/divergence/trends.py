"""Trends: small deviations that last, families week after week and suppliers receipt by receipt."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day, working_days_between
from soe_lib.divergence.control import LEAST_OBSERVATIONS, ewma_width, usual_of
from soe_lib.divergence.demand import order_lines_of
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import count_of
from soe_lib.divergence.receipts import all_receipts
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.series import charted_counts
from soe_lib.divergence.supply import possible_day

EWMA_WEIGHT = 0.3
"""Weight of the newest week: shifts of about one deviation are found soonest with it."""
LEAST_SPREAD = 0.02
TOLERATED_LATE_SHARE = 0.25
"""A supplier out of control delivers so much more of its receipts late than is usual."""


def demand_trends(facts: Facts, past: pd.DataFrame) -> pd.DataFrame:
    """
    Return families whose orders lie steadily above or below the plan, each week within reason.

    The logarithm of ordered over planned, by the spread that all families together show, goes into
    an EWMA with limits by ``false_alarm_weeks``; a family is reported when its newest week signals
    and the last ``trend_weeks`` all lie on that side.

    Parameters
    ----------
    past
        Weeks that are over: ``family_id``, ``week_start_date``, ``planned_qty``, ``actual_qty``,
        ``is_past``.
    """
    weeks = past[past["is_past"] & (past["planned_qty"] > 0) & (past["actual_qty"] > 0)].copy()
    if len(weeks) < LEAST_OBSERVATIONS:
        return empty_rows()
    weeks = weeks.sort_values(["family_id", "week_start_date"]).reset_index(drop=True)
    weeks["gap"] = np.log(weeks["actual_qty"] / weeks["planned_qty"])
    # Spread within families: one that is always above its plan must not hide itself.
    by_family = weeks.groupby("family_id")["gap"]
    _, spread = usual_of((weeks["gap"] - by_family.transform("mean")).to_numpy(float), LEAST_SPREAD)
    # Each family's mean has taken one week's worth of the scatter away.
    own_means = len(weeks) / max(len(weeks) - by_family.ngroups, 1)
    weeks["z"] = weeks["gap"] / (spread * np.sqrt(own_means))
    params = facts.params.divergence
    limit = ewma_width(params.false_alarm_weeks, EWMA_WEIGHT)
    limit *= float(np.sqrt(EWMA_WEIGHT / (2 - EWMA_WEIGHT)))
    found = [
        row
        for _, own in weeks.groupby("family_id")
        if (row := _trend(own, limit, params.trend_weeks)) is not None
    ]
    if not found:
        return empty_rows()
    rows = pd.DataFrame(found)
    rows["object_id"] = rows["family_id"]
    rows["first_seen_at"] = facts.instant(rows["first_week"] + pd.Timedelta(days=7))
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{f} has been ordered {abs(100 * (a / p - 1)):.0f} % {'above' if a > p else 'below'} plan "
        f"for {count_of(n, 'week')} in a row ({a:,.0f} against {p:,.0f}): is the plan still right?"
        for f, a, p, n in zip(
            rows["family_id"],
            rows["actual_value"],
            rows["planned_value"],
            rows["num_weeks"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="demand_trend",
        subject="demand",
        object_type="family",
        owner_role="demand_planning",
        unit="uom",
        evidence_table="sales_order_line",
        evidence=order_lines_of(facts, rows, rows["first_week"], rows["last_week"]),
    )


def _trend(own: pd.DataFrame, limit: float, least_weeks: int) -> dict[str, object] | None:
    """Return the run of weeks on one side that a family's EWMA signals, None without signal."""
    z = own["z"].to_numpy(float)
    level = 0.0
    for value in z:
        level += EWMA_WEIGHT * (value - level)
    side = np.sign(z[-1])
    other = np.flatnonzero(np.sign(z) != side)
    begin = int(other[-1]) + 1 if len(other) else 0
    run = own.iloc[begin:]
    if abs(level) <= limit or np.sign(level) != side or len(run) < least_weeks:
        return None
    return {
        "family_id": own["family_id"].iloc[0],
        "planned_value": run["planned_qty"].sum(),
        "actual_value": run["actual_qty"].sum(),
        "first_week": run["week_start_date"].iloc[0],
        "last_week": run["week_start_date"].iloc[-1],
        "num_weeks": len(run),
        "severity": abs(level) / limit,
    }


def unreliable_suppliers(facts: Facts) -> pd.DataFrame:
    """
    Return suppliers that deliver late more often than is usual for all of them.

    Each receipt that closes a line is late or not, beyond ``supplier_late_days`` after the day
    that was required and possible; the supplier's sequence goes on a chart of counts.
    """
    lines = all_receipts(facts)
    if lines.empty:
        return empty_rows()
    came = site_day(lines["received_at"], facts.time_zone)
    days = working_days_between(possible_day(facts, lines), came)
    tolerance = facts.params.divergence.supplier_late_days
    told = lines.assign(
        group=lines["supplier_id"],
        at=lines["received_at"],
        size=1.0,
        missing=(days > tolerance).astype(float),
        days=days.clip(lower=0.0),
    ).dropna(subset=["group"])
    signals = charted_counts(facts, told, tolerated_share=TOLERATED_LATE_SHARE, at_least_one=False)
    if signals.empty:
        return empty_rows()
    rows = signals.groupby("group", as_index=False).agg(
        planned_value=("usual", lambda share: 100 * share.iloc[0]),
        late=("missing", "sum"),
        count=("missing", "size"),
        days=("days", "max"),
        first_seen_at=("at", "min"),
        orders=("po_id", lambda ids: sorted(set(ids))),
    )
    rows["object_id"] = rows["group"]
    rows["actual_value"] = 100 * rows["late"] / rows["count"]
    rows["severity"] = (rows["actual_value"] - rows["planned_value"]) / (100 * TOLERATED_LATE_SHARE)
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{s} delivered {n:.0f} of its last {count_of(c, 'receipt')} late, up to {d:.0f} working "
        f"days (usual are {p:.0f} %): its next promises are worth less"
        for s, n, c, d, p in zip(
            rows["object_id"],
            rows["late"],
            rows["count"],
            rows["days"],
            rows["planned_value"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="supplier_unreliable",
        subject="supply",
        object_type="supplier",
        owner_role="procurement",
        unit="% of receipts",
        evidence_table="goods_receipt_event",
        evidence={"po_id": rows["orders"], "received_at": {"until": facts.as_of}},
    )
