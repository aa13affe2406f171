"""
Levers as deltas on the snapshot's tables or on the problem; the snapshot itself never changes.

Each lever says what it pulled, row by row, with its price and the last moment to pull it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.scenario.published import published_schedule, table_or_empty
from soe_lib.schedule import Problem
from soe_lib.schedule.urgency import with_urgency

Tables = Mapping[str, pd.DataFrame]

PULLED_COLUMNS = (
    "lever",
    "object_type",
    "object_id",
    "item_id",
    "old_value",
    "new_value",
    "cost",
    "act_by_at",
)
FEW_MOVES_FACTOR = 20.0
"""With the lever 'few moves' a move must save this many times its own price."""
LARGEST_LOTS = 12
"""Lots that the lever 'split' cuts in two."""
LOW_TIER_WEIGHT = 0.05
"""Weight of a low tier's lateness while the sequence is searched; its price is charged in full."""


def nothing_pulled() -> pd.DataFrame:
    """Return the table of pulled levers without rows, typed."""
    table = pd.DataFrame(columns=list(PULLED_COLUMNS), dtype="str")
    table["cost"] = table["cost"].astype(float)
    table["act_by_at"] = pd.to_datetime(table["act_by_at"], utc=True).astype("datetime64[us, UTC]")
    return table


def expedite(
    tables: Tables, as_of: pd.Timestamp, late_items: set[str]
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """
    Pull in open purchase order lines of components that late work waits for.

    Parameters
    ----------
    tables
        Canonical tables; lines with ``is_expedite_possible`` and ``expedite_days`` are pulled.
    as_of
        Instant of the snapshot: nothing arrives before the day after it.
    late_items
        Components that late work orders consume.

    Returns
    -------
    tables
        The tables with the new dates.
    pulled
        One row per line: old and new date, ``cost`` [money], ``act_by_at``.
    """
    lines = table_or_empty(tables, "purchase_order_line")
    day = as_of.tz_localize(None).normalize()
    current = lines["promised_date"].fillna(lines["required_date"])
    gain = pd.to_timedelta(lines["expedite_days"], unit="D")
    sooner = (current - gain).clip(lower=day + pd.Timedelta(days=1)).astype("datetime64[us]")
    can = (
        (lines["status"] == "open")
        & lines["is_expedite_possible"].eq(True).fillna(False).astype(bool)
        & lines["item_id"].isin(late_items)
        & (sooner < current)
    )
    if not can.any():
        return dict(tables), nothing_pulled()
    changed = lines.assign(promised_date=lines["promised_date"].where(~can, sooner))
    own = lines[can]
    pulled = pd.DataFrame(
        {
            "lever": "expedite",
            "object_type": "purchase_order_line",
            "object_id": own["po_id"] + "/" + own["line_id"],
            "item_id": own["item_id"],
            "old_value": current[can].dt.strftime("%Y-%m-%d"),
            "new_value": sooner[can].dt.strftime("%Y-%m-%d"),
            "cost": own["expedite_cost"].fillna(0.0).astype(float),
            "act_by_at": as_of,
        }
    )
    pulled = pulled.sort_values(["object_id"], kind="stable").reset_index(drop=True)
    return {**tables, "purchase_order_line": changed}, pulled


def split(
    tables: Tables, as_of: pd.Timestamp, late_lots: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """
    Cut the largest published lots that late orders wait for in two.

    Parameters
    ----------
    late_lots
        One row per (``wo_id``, ``split_no``) not started yet, with ``planned_qty`` [uom] and
        ``work_hours`` [h]; the longest are cut, each part at least the item's lot minimum and a
        multiple of its lot multiple.

    Returns
    -------
    tables
        Tables with the new version of the published schedule.
    pulled
        One row per lot that was cut.
    """
    items = table_or_empty(tables, "item").set_index("item_id")
    published = published_schedule(tables, as_of)
    candidates = late_lots.sort_values(["work_hours", "wo_id"], ascending=[False, True])
    minimum = candidates["item_id"].map(items["lot_min_qty"]).fillna(0.0)
    multiple = candidates["item_id"].map(items["lot_multiple_qty"]).fillna(1.0)
    first = np.ceil(candidates["planned_qty"] / 2 / multiple) * multiple
    second = candidates["planned_qty"] - first
    fits = (second > 0) & (second >= minimum) & (first >= minimum)
    cut = candidates.assign(first_qty=first, second_qty=second)[fits].head(LARGEST_LOTS)
    cut = cut[cut["wo_id"].isin(published["wo_id"])]
    if cut.empty:
        return dict(tables), nothing_pulled()
    key = ["wo_id", "split_no"]
    last = published.groupby("wo_id")["split_no"].max()
    joined = published.merge(cut[[*key, "first_qty", "second_qty"]], on=key, how="left")
    is_cut = joined["first_qty"].notna()
    keep = joined.assign(planned_qty=joined["first_qty"].fillna(joined["planned_qty"]))
    extra = joined[is_cut].assign(
        planned_qty=joined.loc[is_cut, "second_qty"],
        split_no=joined.loc[is_cut, "wo_id"].map(last) + 1,
    )
    columns = list(published.columns)
    revised = pd.concat([keep[columns], extra[columns]], ignore_index=True)
    pulled = pd.DataFrame(
        {
            "lever": "split",
            "object_type": "work_order",
            "object_id": cut["wo_id"],
            "item_id": cut["item_id"],
            "old_value": cut["planned_qty"].map("{:g}".format),
            "new_value": cut["first_qty"].map("{:g}".format)
            + " + "
            + cut["second_qty"].map("{:g}".format),
            "cost": 0.0,
            "act_by_at": as_of,
        }
    ).reset_index(drop=True)
    dtypes = table_or_empty(tables, "schedule_operation").dtypes.to_dict()
    revised = revised.astype({name: dtypes[name] for name in columns})
    return {**tables, "schedule_operation": revised}, pulled


def delay_low_priority(problem: Problem, tables: Tables) -> tuple[Problem, pd.DataFrame]:
    """
    Let customers below the best tier of the feed wait.

    Due dates and prices stay: whoever waits is counted late at the full price of the clause.

    Returns
    -------
    problem
        With the low tiers last in rank and light in weight.
    pulled
        One row per order line that gives way.
    """
    lines = table_or_empty(tables, "sales_order_line").drop_duplicates(["order_id", "line_id"])
    terms = table_or_empty(tables, "customer_terms").set_index("customer_id")
    tier = lines.set_index(["order_id", "line_id"])["customer_id"].map(terms["customer_tier"])
    keys = pd.MultiIndex.from_tuples(problem.demand_keys, names=["order_id", "line_id"])
    own = tier.reindex(keys).fillna("Z").to_numpy()
    tiers = sorted(set(own))
    if len(tiers) < 2:
        return problem, nothing_pulled()
    low = own > tiers[(len(tiers) - 1) // 2]
    rank = np.argsort(np.argsort(problem.demand_rank + low * (len(low) + 1), kind="stable"))
    weight = np.where(low, problem.demand_weight * LOW_TIER_WEIGHT, problem.demand_weight)
    changed = with_urgency(problem.replace(demand_rank=rank, demand_weight=weight))
    items = np.array(problem.item_ids, dtype=object)[problem.demand_item]
    given_way = np.flatnonzero(low & (rank > problem.demand_rank))
    pulled = pd.DataFrame(
        {
            "lever": "delay low priority",
            "object_type": "order_line",
            "object_id": ["/".join(problem.demand_keys[d]) for d in given_way],
            "item_id": items[given_way],
            "old_value": [f"rank {problem.demand_rank[d] + 1}" for d in given_way],
            "new_value": [f"rank {rank[d] + 1}" for d in given_way],
            "cost": 0.0,
            "act_by_at": problem.as_of,
        }
    )
    return changed, pulled if len(pulled) else nothing_pulled()


def few_moves(problem: Problem, factor: float = FEW_MOVES_FACTOR) -> Problem:
    """Return the problem in which each move must save ``factor`` times its price of unrest."""
    return problem.replace(op_change_cost=problem.op_change_cost * factor)
