r"""
Plan against actual: bias, tracking signal, accuracy, attainment, and where the month will end.

.. math::
    bias &= \sum (a - p) / \sum p \qquad wMAPE = \sum |a - p| / \sum p \qquad
    accuracy = \max(0, 1 - wMAPE) \\
    attainment &= \sum a / \sum p \qquad adherence = \sum \min(a, p) / \sum p \qquad
    TS = \textstyle\sum_t (a_t - p_t) / MAD

Use the plan that was valid at the lag (:func:`plan_at_lag`): one month for S&OP, one week for
S&OE. What was not planned at all is a bucket of its own, never an infinite error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from soe_lib.kpi.value import Kpi, Period, cuts, measure, share

BUCKET = "week_start_date"
_NO_PLAN = "nothing was planned in the period"


def plan_at_lag(
    versions: pd.DataFrame,
    keys: Sequence[str],
    bucket: str,
    lag: pd.Timedelta,
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """
    Return, for each object and bucket, the plan that was valid a lag before the bucket began.

    Parameters
    ----------
    versions
        Rows with ``approved_at`` (instant), ``plan_version``, ``keys``, ``bucket`` (site day)
        and ``planned_qty``.
    lag
        Time before the first day of the bucket by which the version must have been approved.

    Returns
    -------
    pandas.DataFrame
        The rows of the version approved last by then; objects and buckets without one are
        missing (their actuals show as not planned).
    """
    begins = versions[bucket].dt.tz_localize(
        time_zone, ambiguous=np.ones(len(versions), bool), nonexistent="shift_forward"
    )
    known = versions[versions["approved_at"] <= begins - lag]
    ordered = known.sort_values(["approved_at", "plan_version"], kind="stable")
    found = ordered.drop_duplicates([*keys, bucket], keep="last")
    return found.sort_values([*keys, bucket], kind="stable").reset_index(drop=True)


def matched(
    plan: pd.DataFrame, actual: pd.DataFrame, keys: Sequence[str], bucket: str = BUCKET
) -> pd.DataFrame:
    """
    Return plan and actual side by side, summed by object and bucket, zero where one is missing.

    Parameters
    ----------
    plan
        ``keys``, ``bucket``, ``planned_qty``.
    actual
        ``keys``, ``bucket``, ``actual_qty``; reversals are negative and net within the bucket.

    Returns
    -------
    pandas.DataFrame
        ``keys``, ``bucket``, ``planned_qty``, ``actual_qty``, ``reversed_qty`` (sum of the
        negative actuals, <= 0).
    """
    by = [*keys, bucket]
    p = plan.groupby(by)["planned_qty"].sum()
    a = actual.groupby(by)["actual_qty"].sum()
    back = actual["actual_qty"].clip(upper=0).groupby([actual[name] for name in by]).sum()
    both = pd.concat([p, a, back.rename("reversed_qty")], axis=1)
    return both.astype(float).fillna(0.0).sort_index().reset_index()


def plan_accuracy(
    pairs: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    *,
    measured: str = "demand",
    by: str | None = None,
    bucket: str = BUCKET,
) -> list[Kpi]:
    """
    Return bias, accuracy and attainment, by item and, because mix hides in families, by family.

    Parameters
    ----------
    pairs
        Result of :func:`matched` by ``item_id`` with ``family_id``; with a flag
        ``is_promotion`` (launch or promotion) the note counts such rows.
    measured
        What is planned (demand, production, ...): first word of every KPI's name.
    by
        Column to cut by beside the total.

    Returns
    -------
    list
        Per cut and level (``basis`` item or family): ``<measured>_bias``, ``_wmape``,
        ``_accuracy``, ``_attainment``, ``_adherence``, ``_unplanned``, ``_tracking_signal``.
        Rows without a plan count in ``_unplanned`` only.
    """
    inside = pairs[period.has(pairs[bucket])]
    found: list[Kpi] = []
    for dimension, member, rows in cuts(inside, by):
        flagged = int(rows["is_promotion"].sum()) if "is_promotion" in rows else 0
        for basis, column in (("item", "item_id"), ("family", "family_id")):
            if column not in rows:
                continue
            level = rows.groupby([column, bucket], as_index=False)[
                ["planned_qty", "actual_qty", "reversed_qty"]
            ].sum()
            back = level.loc[level["reversed_qty"] < 0, "reversed_qty"]
            notes = [
                f"{len(back):,} cells with reversals ({back.sum():,.0f})" if len(back) else "",
                f"{flagged:,} rows under promotion or launch" if flagged else "",
            ]
            rest: dict[str, Any] = {
                "basis": basis,
                "dimension": dimension,
                "member": member,
                "note": "; ".join(note for note in notes if note),
            }
            found += _level(level, as_of, period, measured, bucket, rest)
    return found


def run_rate_forecast(
    history: pd.DataFrame,
    actual_to_date: float,
    planned_remaining: float,
    num_remaining: int,
    as_of: pd.Timestamp,
    period: Period,
    *,
    confidence_pct: float = 95.0,
    target: float = np.nan,
) -> Kpi:
    r"""
    Return where the period will end: actual to date + remaining plan x recent attainment.

    With the attainments :math:`r_t` of the last *n* buckets, their deviation *s* and *m* buckets
    to go the interval is :math:`\pm t_{n-1} s\, p_{rest} \sqrt{1/m + 1/n}`; one bucket of history
    gives no interval.

    Parameters
    ----------
    history
        Past buckets, one row each: ``planned_qty``, ``actual_qty``; rows without plan are left out.
    num_remaining
        Buckets to go.
    target
        Plan of the period. [uom]
    """
    good = history[history["planned_qty"] > 0]
    excluded = {"no_plan": len(history) - len(good)}
    planned = float(good["planned_qty"].sum())
    rate = float(good["actual_qty"].sum()) / planned if planned > 0 else np.nan
    ended = num_remaining == 0 or planned_remaining == 0
    value = actual_to_date if ended else actual_to_date + planned_remaining * rate
    reach = np.nan
    count = len(good)
    if ended:
        reach = 0.0
    elif count >= 2:
        spread = float((good["actual_qty"] / good["planned_qty"]).std(ddof=1))
        quantile = float(stats.t.ppf(0.5 + confidence_pct / 200, count - 1))
        reach = quantile * spread * planned_remaining * np.sqrt(1 / num_remaining + 1 / count)
    return measure(
        "run_rate_forecast",
        "actual to date + remaining plan x recent attainment",
        value,
        "uom",
        as_of,
        period,
        n=count,
        excluded=excluded,
        empty="no past bucket has a plan",
        lo=value - reach,
        hi=value + reach,
        target=target,
        higher_is_better=True,
        note="" if ended else f"recent attainment {100 * rate:.1f} %",
    )


def _level(
    level: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    measured: str,
    bucket: str,
    rest: dict[str, Any],
) -> list[Kpi]:
    planned = level[level["planned_qty"] > 0]
    p, a = planned["planned_qty"], planned["actual_qty"]
    total, gap = float(p.sum()), float((a - p).abs().sum())
    stray = float(level.loc[level["planned_qty"] <= 0, "actual_qty"].sum())
    given: dict[str, Any] = {
        "n": len(planned),
        "excluded": {"not_planned": len(level) - len(planned)},
        "empty": _NO_PLAN,
        **rest,
    }

    def ratio(name: str, formula: str, num: float, den: float, **more: Any) -> Kpi:
        return share(f"{measured}_{name}", formula, num, den, as_of, period, **{**given, **more})

    error = (a - p).groupby(planned[bucket]).sum()
    deviation = float(error.abs().mean()) if len(error) else np.nan
    return [
        ratio("bias", "sum(a - p) / sum p", float((a - p).sum()), total),
        ratio("wmape", "sum|a - p| / sum p", gap, total, higher_is_better=False),
        ratio(
            "accuracy",
            "max(0, 1 - sum|a - p| / sum p)",
            max(0.0, total - gap),
            total,
            higher_is_better=True,
        ),
        ratio("attainment", "sum a / sum p", float(a.sum()), total, higher_is_better=True),
        ratio(
            "adherence",
            "sum min(a, p) / sum p",
            float(np.minimum(a.clip(lower=0), p).sum()),
            total,
            higher_is_better=True,
        ),
        ratio(
            "unplanned",
            "actual without a plan / all actual",
            stray,
            float(level["actual_qty"].sum()),
            n=len(level),
            excluded={},
            higher_is_better=False,
            empty="nothing happened in the period",
        ),
        measure(
            f"{measured}_tracking_signal",
            "cumulative (a - p) / mean absolute deviation, over buckets",
            float(error.sum()) / deviation if deviation > 0 else np.nan,
            "MAD",
            as_of,
            period,
            **{
                **given,
                "n": len(error),
                "empty": "no deviation in any bucket" if len(error) else _NO_PLAN,
            },
        ),
    ]
