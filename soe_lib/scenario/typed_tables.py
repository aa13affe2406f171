"""Typed levers put on the snapshot's tables and on the problem; neither is changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.typed_levers import Allocation, PremiumFreight, RushOrder, Subcontract
from soe_lib.schedule import Problem
from soe_lib.schedule.urgency import with_urgency
from soe_lib.tables import TABLES

LINE = "1"
"""Line of a rush order and of a subcontractor's purchase order."""

Tables = Mapping[str, pd.DataFrame]


def with_typed(tables: Tables, as_of: pd.Timestamp, levers: Sequence[object]) -> Tables:
    """
    Return the tables with typed levers on them.

    Parameters
    ----------
    tables
        Canonical tables.
    as_of
        Instant of the snapshot.
    levers
        Levers of any kind; those that change no table are passed over.
    """
    changed = dict(tables)
    for lever in levers:
        if isinstance(lever, RushOrder):
            changed.update(_rush(changed, as_of, lever))
        elif isinstance(lever, Subcontract):
            changed.update(_subcontract(changed, as_of, lever))
        elif isinstance(lever, PremiumFreight):
            changed.update(_faster(changed, lever))
    return changed


def work_orders_of(lever: RushOrder) -> list[str]:
    """Return the names of the work orders that are made for a rush order."""
    return [f"{lever.order_id}-{number}" for number in range(1, len(lever.lots) + 1)]


def _rush(tables: Tables, as_of: pd.Timestamp, lever: RushOrder) -> dict[str, pd.DataFrame]:
    items = table_or_empty(tables, "item").drop_duplicates("item_id").set_index("item_id")
    if lever.item_id not in items.index:
        raise ValueError(f"the feed has no item '{lever.item_id}'")
    lines = table_or_empty(tables, "sales_order_line")
    if (lines["order_id"] == lever.order_id).any():
        raise ValueError(f"the feed already has an order '{lever.order_id}'")
    sites = lines.loc[lines["item_id"] == lever.item_id, "site_id"]
    sites = sites if len(sites) else lines["site_id"]
    day = lever.wanted_date.normalize()
    line = {
        "order_id": lever.order_id,
        "line_id": LINE,
        "schedule_no": 1,
        "customer_id": lever.customer_id,
        "item_id": lever.item_id,
        "site_id": sites.iloc[0] if len(sites) else "",
        "ordered_at": as_of,
        "ordered_qty": lever.qty,
        "uom": items.loc[lever.item_id, "uom"],
        "requested_date": day,
        "last_confirmed_date": day,
        "delivered_qty": 0.0,
        "status": "open",
        "order_type": "MTO",
        "net_price": lever.unit_price,
        "net_value": lever.unit_price * lever.qty,
        "margin_per_unit": lever.unit_margin,
        "is_partial_allowed": False,
    }
    due = day.tz_localize("UTC") + pd.Timedelta(days=1)
    work = [
        {
            "wo_id": name,
            "item_id": item,
            "ordered_qty": qty,
            "release_at": as_of,
            "due_at": due,
            "status": "planned",
        }
        for name, (item, qty) in zip(work_orders_of(lever), lever.lots, strict=True)
    ]
    return {
        "sales_order_line": _with_rows(lines, "sales_order_line", [line]),
        "work_order": _with_rows(table_or_empty(tables, "work_order"), "work_order", work),
    }


def _subcontract(
    tables: Tables, as_of: pd.Timestamp, lever: Subcontract
) -> dict[str, pd.DataFrame]:
    orders = table_or_empty(tables, "work_order")
    own = orders["wo_id"] == lever.wo_id
    if not own.any():
        raise ValueError(f"the feed has no open work order '{lever.wo_id}'")
    begun = table_or_empty(tables, "work_order_progress_event")["wo_id"].eq(lever.wo_id).any()
    if begun or orders.loc[own, "started_at"].notna().any():
        raise ValueError(f"work order {lever.wo_id} has begun; it cannot be made elsewhere")
    published = table_or_empty(tables, "schedule_operation")
    purchase = {
        "po_id": f"SUB-{lever.wo_id}",
        "line_id": LINE,
        "schedule_no": 1,
        "supplier_id": "subcontractor",
        "item_id": lever.item_id,
        "ordered_qty": lever.qty,
        "received_qty": 0.0,
        "required_date": lever.back_date,
        "promised_date": lever.back_date,
        "ordered_at": as_of,
        "status": "open",
    }
    lines = table_or_empty(tables, "purchase_order_line")
    return {
        "work_order": orders[~own].reset_index(drop=True),
        "schedule_operation": published[published["wo_id"] != lever.wo_id].reset_index(drop=True),
        "purchase_order_line": _with_rows(lines, "purchase_order_line", [purchase]),
    }


def _faster(tables: Tables, lever: PremiumFreight) -> dict[str, pd.DataFrame]:
    lines = table_or_empty(tables, "sales_order_line")
    own = (lines["order_id"] == lever.order_id) & (lines["line_id"] == lever.line_id)
    if not own.any():
        raise ValueError(f"the feed has no order line '{lever.order_id}/{lever.line_id}'")
    transit = lines["transit_days"].astype(float).fillna(0.0)
    has_hour = lines["due_at"].notna()
    longest = float(transit[own].min())
    if lever.days > longest + 1e-9 and not has_hour[own].all():
        raise ValueError(
            f"order line {lever.order_id}/{lever.line_id} travels {longest:g} days; "
            f"{lever.days:g} cannot be saved"
        )
    saved = pd.Timedelta(days=lever.days)
    faster = (transit - lever.days).clip(lower=0.0)
    return {
        "sales_order_line": lines.assign(
            transit_days=lines["transit_days"]
            .where(~own, faster)
            .astype(lines["transit_days"].dtype),
            due_at=lines["due_at"].where(~(own & has_hour), lines["due_at"] + saved),
            lane_id=lines["lane_id"].where(~own),  # a truck of its own waits for no departure
        )
    }


def _with_rows(table: pd.DataFrame, name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    if not rows:
        return table
    contract = TABLES[name]
    dtypes = {column.name: column.dtype for column in contract.contracts}
    kept = [column for column in contract.columns if column in table.columns]
    added = pd.DataFrame(rows).reindex(columns=kept)
    return pd.concat(
        [table, added.astype({column: dtypes[column] for column in kept})], ignore_index=True
    )


def allocated(problem: Problem, tables: Tables, lever: Allocation) -> Problem:
    """
    Return the problem in which order lines choose their supply by another rule.

    Ranks change, prices do not; where two lines are equal by the rule, the policy of the cycle
    decides. 'fair share' lets customers take turns: the first line of each, then the second.
    """
    if lever.rule == "priority":
        return problem
    lines = table_or_empty(tables, "sales_order_line").drop_duplicates(["order_id", "line_id"])
    lines = lines.set_index(["order_id", "line_id"])
    keys = pd.MultiIndex.from_tuples(problem.demand_keys, names=["order_id", "line_id"])
    customer = lines["customer_id"].reindex(keys).fillna("").astype("str")
    policy = problem.demand_rank
    first: np.ndarray
    if lever.rule == "customer tier":
        terms = table_or_empty(tables, "customer_terms").drop_duplicates("customer_id")
        tier = customer.map(terms.set_index("customer_id")["customer_tier"])
        first = tier.astype("object").fillna("Z").rank(method="dense").to_numpy()
    elif lever.rule == "margin":
        margin = lines["margin_per_unit"].reindex(keys).astype(float).fillna(0.0).to_numpy()
        first = -margin * problem.demand_qty
    elif lever.rule == "due date":
        first = problem.demand_due
    else:
        turns = pd.DataFrame(
            {"customer": customer.to_numpy(), "due": problem.demand_due, "rank": policy}
        ).sort_values(["due", "rank"], kind="stable")
        first = turns.groupby("customer").cumcount().sort_index().to_numpy()
    order = np.lexsort((policy, first))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return with_urgency(problem.replace(demand_rank=rank))
