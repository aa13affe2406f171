"""Open order lines as the engine sees them: due minute, cost of a day late, rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.params import MoneyParams, PriorityCriterion


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
        ``rank`` by the policy, 0 first.
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
    terms = rows["customer_terms"].set_index("customer_id")
    # Without any terms the look-up is numeric and cannot be filled with words.
    tier = lines["customer_id"].map(terms["customer_tier"]).astype("object").fillna("Z")
    kind = lines["customer_id"].map(terms["penalty_type"]).astype("object").fillna("none")
    amount = lines["customer_id"].map(terms["penalty_amount"]).fillna(0.0)
    value = lines["net_value"].fillna(lines["net_price"].fillna(0) * lines["ordered_qty"])
    default = value * money.late_cost_pct_per_day / 100
    lines["cost_per_day"] = np.select(
        [kind == "per_day", kind.isin(["flat", "step"]), kind.isin(["pct_value", "pct_cogs"])],
        [amount, amount / 7 + default, value * amount / 100 / 7 + default],
        default=default,
    ).astype(float)
    lines["cost_per_day"] = lines["cost_per_day"].fillna(0.0)
    keys = {
        "customer_tier": tier,
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
    )
    return summed.reset_index()
