"""Open order lines as the engine sees them: due minute, cost of a day late, rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.money import clauses, cost_per_day
from soe_lib.params import MoneyParams, PriorityCriterion
from soe_lib.schedule.problem import NEVER


def open_demand(
    rows: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    site_time_zone: str,
    order_priority: Sequence[PriorityCriterion],
    money: MoneyParams,
    horizon_weeks: int,
) -> pd.DataFrame:
    """
    Return what is owed within the horizon.

    Returns
    -------
    pandas.DataFrame
        One row per open (order_id, line_id): ``item_id``, ``open_qty`` [uom], ``due_minutes`` (end
        of the promised day less transit, minutes since as_of), ``cost_per_day`` [money/day],
        ``rank`` by the policy, 0 first; the clause as in ``problem.Clauses`` (``free_days``,
        ``flat``, ``per_day``, ``per_week``, ``cap``, ``lost_after_days``, ``lost``),
        ``is_partial``, ``lane_id`` and ``is_pick_up``.
    """
    lines = rows["sales_order_line"]
    lines = lines[lines["status"] == "open"].copy()
    lines["open_qty"] = (lines["ordered_qty"] - lines["delivered_qty"].fillna(0)).clip(lower=0)
    lines = lines[lines["open_qty"] > 0]
    day = lines["last_confirmed_date"].fillna(lines["requested_date"])
    close = (day + pd.Timedelta(hours=23, minutes=59)).dt.tz_localize(
        site_time_zone, nonexistent="shift_forward", ambiguous=False
    )
    close -= pd.to_timedelta(lines["transit_days"].fillna(0), unit="D")
    due = lines["due_at"].fillna(close.dt.tz_convert("UTC"))
    lines["due_minutes"] = (due - as_of).dt.total_seconds() / 60
    lines = lines[lines["due_minutes"] <= horizon_weeks * 7 * 1440.0]
    clause = clauses(lines, rows, money)
    kind = clause["penalty_type"]
    amount = clause["penalty_amount"].fillna(0.0).astype(float)
    lines["free_days"] = clause["penalty_threshold_days"].fillna(0.0).astype(float)
    percent = np.where(kind == "pct_value", clause["value"], clause["cogs"]) * amount / 100
    lines["flat"] = np.select(
        [kind == "flat", kind.isin(["pct_value", "pct_cogs"])], [amount, percent], 0.0
    )
    default = clause["value"] * money.late_cost_pct_per_day / 100
    lines["per_day"] = np.select([kind == "per_day", kind == "none"], [amount, default], 0.0)
    lines["per_week"] = np.where(kind == "step", amount, 0.0)
    cap = clause["penalty_cap"].where(
        kind != "none", clause["value"] * money.late_cost_cap_pct / 100
    )
    lines["cap"] = cap.astype(float).fillna(NEVER)
    lines["cost_per_day"] = cost_per_day(clause, money).astype(float).fillna(0.0)
    lost = rows["customer_terms"].set_index("customer_id")["is_lost_sale"]
    gives_up = lines["customer_id"].map(lost).eq(True).fillna(False).astype(bool)
    limit = lines["max_lateness_days"].astype(float).where(gives_up).fillna(NEVER)
    lines["lost_after_days"] = limit
    lines["lost"] = (
        lines["margin_per_unit"].fillna(0.0) * lines["open_qty"] * money.lost_sale_pct / 100
    ).astype(float)
    lines["is_partial"] = lines["is_partial_allowed"].eq(True).fillna(False).astype(bool)
    lines["is_pick_up"] = lines["is_customer_pick_up"].eq(True).fillna(False).astype(bool)
    tier = lines["customer_id"].map(
        rows["customer_terms"].set_index("customer_id")["customer_tier"]
    )
    keys = {
        "customer_tier": tier.astype("object").fillna("Z"),
        "penalty": -lines["cost_per_day"],
        "due_date": lines["due_minutes"],
        "margin": -(lines["margin_per_unit"].fillna(0) * lines["open_qty"]),
    }
    ordered = pd.DataFrame({name: keys[name] for name in order_priority})
    ordered[["order_id", "line_id"]] = lines[["order_id", "line_id"]]
    names = [*order_priority, "order_id", "line_id"]
    ranked = ordered.sort_values(names, kind="stable").index
    lines["rank"] = pd.Series(np.arange(len(ranked)), index=ranked)
    summed = lines.groupby(["order_id", "line_id"], sort=True).agg(
        item_id=("item_id", "first"),
        open_qty=("open_qty", "sum"),
        due_minutes=("due_minutes", "min"),
        cost_per_day=("cost_per_day", "sum"),
        rank=("rank", "min"),
        free_days=("free_days", "min"),
        flat=("flat", "sum"),
        per_day=("per_day", "sum"),
        per_week=("per_week", "sum"),
        cap=("cap", "sum"),
        lost_after_days=("lost_after_days", "min"),
        lost=("lost", "sum"),
        is_partial=("is_partial", "min"),
        lane_id=("lane_id", "first"),
        is_pick_up=("is_pick_up", "min"),
    )
    return summed.reset_index()
