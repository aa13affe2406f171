"""Which work orders that ended late would have been flagged, how early, how often wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from scipy.stats import norm

from soe_lib.backtest.flows import BacktestError
from soe_lib.backtest.risk import hidden_after, late_risk, order_facts
from soe_lib.divergence.execution import late_work_orders
from soe_lib.divergence.facts import facts_of
from soe_lib.params import Params

FLAG_AT = 0.5
"""An order is flagged when it is more likely to end late than not."""
RULES = ("step 1: past due", "risk of past orders", "everything")
"""The detector of step 1, the learned risk, and the base rate (every order flagged at release)."""


@dataclass(frozen=True)
class Warned:
    """
    What a replay of early warning found.

    Attributes
    ----------
    orders
        One row per work order that fell due in the window: ``wo_id, item_id, release_at, due_at,
        is_late`` and per rule of :data:`RULES` the as-of of its first flag.
    rules
        One row per rule: ``rule, num_orders, num_late, base_pct, num_flagged, num_hits,
        num_false_alarms, precision_pct, precision_lo_pct, precision_hi_pct, recall_pct,
        median_warning_days`` (due minus first flag, of the hits; below zero = after the due
        instant), ``false_alarms_per_week``.
    """

    orders: pd.DataFrame
    rules: pd.DataFrame


def replay_warnings(
    tables: dict[str, pd.DataFrame],
    first: pd.Timestamp,
    last: pd.Timestamp,
    params: Params,
    *,
    time_zone: str = "UTC",
    flag_at: float = FLAG_AT,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Warned:
    """
    Look at every day of a window with what was known that day, and compare with what came.

    Parameters
    ----------
    tables
        Canonical tables as known at ``last`` or later: ``work_order`` and, where there is one,
        ``work_order_progress_event``. Facts later than each day's as-of are hidden from the rules.
    first, last
        Instants UTC; orders that fall due after ``first`` and up to ``last`` are judged, so
        whether each ended late is known at ``last``.
    params
        Tolerances of the detector of step 1.
    time_zone
        Zone of the site.
    flag_at
        Probability from which the learned risk flags an order.
    progress
        Called with (number done, number of days).

    Raises
    ------
    BacktestError
        When there are no work orders, or none fell due in the window.
    """
    if "work_order" not in tables or tables["work_order"].empty:
        raise BacktestError("early warning cannot be replayed: no work_order")
    events = tables.get("work_order_progress_event", pd.DataFrame())
    if events.empty:
        events = pd.DataFrame({"wo_id": [], "event_type": [], "event_at": []})
    facts = order_facts(tables["work_order"], events)
    judged = facts[(facts["due_at"] > first) & (facts["due_at"] <= last)].copy()
    if judged.empty:
        raise BacktestError(f"no work order fell due from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    judged["is_late"] = judged["ended_at"].isna() | (judged["ended_at"] > judged["due_at"])
    flagged: dict[str, dict[str, pd.Timestamp]] = {rule: {} for rule in RULES[:2]}
    waiting = tables["work_order"][tables["work_order"]["wo_id"].isin(judged["wo_id"])]
    begin = min(judged["release_at"].min(), first).normalize()
    days = pd.date_range(max(begin, first - pd.Timedelta(days=60)), last, freq="D")
    for number, as_of in enumerate(days):
        progress(number, len(days))
        known = hidden_after(facts, as_of)
        risky = late_risk(known, as_of)
        risky = risky[risky["late_probability"] >= flag_at]
        for order in risky["wo_id"]:
            flagged[RULES[1]].setdefault(order, as_of)
        late = _past_due(waiting, as_of, params, time_zone)
        waiting = waiting[~waiting["wo_id"].isin(late)]
        flagged[RULES[0]] |= dict.fromkeys(late, as_of)
    progress(len(days), len(days))
    for rule, first_flags in flagged.items():
        judged[rule] = pd.Series(
            [first_flags.get(order, pd.NaT) for order in judged["wo_id"]],
            index=judged.index,
            dtype="datetime64[us, UTC]",
        )
    judged[RULES[2]] = judged["release_at"]
    weeks = (last - first) / pd.Timedelta(weeks=1)
    rows = [_judge(judged, rule, weeks) for rule in RULES]
    columns = ["wo_id", "item_id", "release_at", "due_at", "is_late", *RULES]
    return Warned(judged[columns].reset_index(drop=True), pd.DataFrame(rows))


def _past_due(
    work_orders: pd.DataFrame, as_of: pd.Timestamp, params: Params, time_zone: str
) -> list[str]:
    """Run the detector of step 1 on the orders that were open at an instant."""
    released = work_orders[work_orders["release_at"] <= as_of]
    still = released[released["ended_at"].isna() | (released["ended_at"] > as_of)]
    # what the table says today of an order's state was not known then
    then = still.assign(
        status="started", ended_at=pd.Series(pd.NaT, still.index, dtype="datetime64[us, UTC]")
    )
    found = late_work_orders(facts_of({"work_order": then}, as_of, params, time_zone=time_zone))
    return [str(order) for order in found["object_id"]]


def _judge(orders: pd.DataFrame, rule: str, weeks: float) -> dict[str, object]:
    flag = orders[rule]
    is_flagged, is_late = flag.notna(), orders["is_late"]
    hits = is_flagged & is_late
    num_flagged, num_hits = int(is_flagged.sum()), int(hits.sum())
    lo, hi = wilson(num_hits, num_flagged)
    early = (orders["due_at"] - flag)[hits].dt.total_seconds() / 86_400
    return {
        "rule": rule,
        "num_orders": len(orders),
        "num_late": int(is_late.sum()),
        "base_pct": 100 * float(is_late.mean()),
        "num_flagged": num_flagged,
        "num_hits": num_hits,
        "num_false_alarms": num_flagged - num_hits,
        "precision_pct": 100 * num_hits / num_flagged if num_flagged else float("nan"),
        "precision_lo_pct": 100 * lo,
        "precision_hi_pct": 100 * hi,
        "recall_pct": 100 * num_hits / max(int(is_late.sum()), 1),
        "median_warning_days": float(early.median()),
        "false_alarms_per_week": (num_flagged - num_hits) / weeks,
    }


def wilson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """
    Return Wilson's score interval of a share (E. B. Wilson, 1927).

    Examples
    --------
    >>> tuple(round(bound, 3) for bound in wilson(8, 10))
    (0.49, 0.943)
    """
    if trials == 0:
        return float("nan"), float("nan")
    z = float(norm.ppf(0.5 + confidence / 2))
    share = hits / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5 / scale
    return middle - half, middle + half
