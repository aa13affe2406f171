"""Levers put on the snapshot's tables and on the problem; neither is changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.scenario.context import Context
from soe_lib.scenario.crews import staffed
from soe_lib.scenario.levers import (
    Allocation,
    DelayLowPriority,
    Expedite,
    FewMoves,
    Lever,
    Overtime,
    PremiumFreight,
    RushOrder,
    Split,
    Subcontract,
)
from soe_lib.scenario.published import published_schedule, table_or_empty
from soe_lib.scenario.typed_tables import allocated, with_typed
from soe_lib.schedule import Problem, with_overtime
from soe_lib.schedule.urgency import with_urgency
from soe_lib.tables import TABLES

LOW_TIER_WEIGHT = 0.05
"""Weight of a low tier's lateness while the sequence is searched; its price is charged in full."""
HOURS_PER_WEEK = 168.0
CHANGES_TABLES = (Expedite, Split, RushOrder, Subcontract, PremiumFreight)
"""Levers after which the problem is built anew."""

Tables = Mapping[str, pd.DataFrame]


def problem_with(context: Context, levers: Sequence[Lever], base: Problem | None = None) -> Problem:
    """
    Return the problem with levers pulled.

    Parameters
    ----------
    context
        Snapshot and parameters.
    levers
        Levers; the order does not matter.
    base
        Problem of the snapshot without levers, where it is at hand: only levers that change
        tables build it anew.
    """
    tables = tables_with(context, levers)
    is_fresh = any(isinstance(lever, CHANGES_TABLES) for lever in levers)
    problem = context.problem(tables) if base is None or is_fresh else base
    overtime = [lever for lever in levers if isinstance(lever, Overtime)]
    if overtime:
        problem = _longer(problem, context, overtime)
    for lever in levers:
        if isinstance(lever, DelayLowPriority):
            problem = delayed(problem, tables, lever.tiers)
        if isinstance(lever, Allocation):
            problem = allocated(problem, tables, lever)
        if isinstance(lever, RushOrder) and lever.break_fence:
            # frozen work keeps its published start at the earliest, but it may be pushed
            problem = problem.replace(op_frozen=problem.op_frozen & problem.op_fixed)
        if isinstance(lever, FewMoves):
            problem = problem.replace(op_change_cost=problem.op_change_cost * lever.factor)
    return problem


def tables_with(context: Context, levers: Sequence[Lever]) -> dict[str, pd.DataFrame]:
    """Return the snapshot's tables with levers pulled; those of the problem alone change none."""
    tables = dict(with_typed(context.tables, context.as_of, levers))
    expedites = [lever for lever in levers if isinstance(lever, Expedite)]
    splits = [lever for lever in levers if isinstance(lever, Split)]
    if expedites:
        tables["purchase_order_line"] = expedited(tables, expedites)
    if splits:
        tables["schedule_operation"] = split_lots(tables, context.as_of, splits)
    return tables


def expedited(tables: Tables, expedites: Sequence[Expedite]) -> pd.DataFrame:
    """Return ``purchase_order_line`` with the promised dates of the expedites."""
    lines = table_or_empty(tables, "purchase_order_line")
    dates = {(lever.po_id, lever.line_id): lever.new_date for lever in expedites}
    keys = pd.MultiIndex.from_frame(lines[["po_id", "line_id"]])
    sooner = pd.Series(keys.map(dates), index=lines.index, dtype="datetime64[us]")
    current = lines["promised_date"].fillna(lines["required_date"])
    is_pulled = sooner.notna() & (sooner < current) & (lines["status"] == "open")
    return lines.assign(
        promised_date=lines["promised_date"].where(~is_pulled, sooner),
        is_expedite_possible=lines["is_expedite_possible"].where(~is_pulled, False),  # only once
    )


def split_lots(tables: Tables, as_of: pd.Timestamp, splits: Sequence[Split]) -> pd.DataFrame:
    """
    Return ``schedule_operation`` in which lots are cut in two.

    Each part keeps its share of the time that was published, one part after the other.
    """
    published = published_schedule(tables, as_of)
    key = ["wo_id", "split_no"]
    cut = pd.DataFrame(
        [(lever.wo_id, lever.split_no, lever.first_qty, lever.second_qty) for lever in splits],
        columns=[*key, "first_qty", "second_qty"],
    ).astype({"wo_id": "str", "split_no": "Int64"})
    last = published.groupby("wo_id")["split_no"].max()
    joined = published.merge(cut, on=key, how="left")
    is_cut = joined["first_qty"].notna()
    whole = joined["first_qty"] + joined["second_qty"]
    share = (joined["first_qty"] / whole).fillna(1.0)
    middle = joined["start_at"] + (joined["end_at"] - joined["start_at"]) * share
    middle = middle.dt.round("s").astype(joined["end_at"].dtype)
    first = joined.assign(
        planned_qty=joined["first_qty"].fillna(joined["planned_qty"]),
        end_at=joined["end_at"].where(~is_cut, middle),
    )
    order = cut.groupby("wo_id").cumcount() + 1
    number = pd.Series(order.to_numpy(), index=pd.MultiIndex.from_frame(cut[key]))
    extra = joined[is_cut]
    places = number.reindex(pd.MultiIndex.from_frame(extra[key])).to_numpy()
    second = extra.assign(
        planned_qty=extra["second_qty"],
        split_no=extra["wo_id"].map(last).to_numpy() + places,
        setup_start_at=middle[is_cut],
        start_at=middle[is_cut],
    )
    columns = list(published.columns)
    both = pd.concat([first[columns], second[columns]], ignore_index=True)
    dtypes = {column.name: column.dtype for column in TABLES["schedule_operation"].contracts}
    return both.astype({name: dtypes[name] for name in columns})


def delayed(problem: Problem, tables: Tables, tiers: Sequence[str]) -> Problem:
    """
    Return the problem in which customers of ``tiers`` stand behind all others.

    Due dates stay; the weight of lateness is lowered only for the search, so a result must be
    priced from the clauses of the order lines, never from the problem's weights.
    """
    low = np.isin(tier_of_demand(problem, tables), list(tiers))
    rank = np.argsort(np.argsort(problem.demand_rank + low * (len(low) + 1), kind="stable"))
    weight = np.where(low, problem.demand_weight * LOW_TIER_WEIGHT, problem.demand_weight)
    return with_urgency(problem.replace(demand_rank=rank, demand_weight=weight))


def tier_of_demand(problem: Problem, tables: Tables) -> np.ndarray:
    """Return the customer tier of each order line of a problem; Z where the feed has none."""
    lines = table_or_empty(tables, "sales_order_line").drop_duplicates(["order_id", "line_id"])
    terms = table_or_empty(tables, "customer_terms").set_index("customer_id")
    tier = lines.set_index(["order_id", "line_id"])["customer_id"].map(terms["customer_tier"])
    keys = pd.MultiIndex.from_tuples(problem.demand_keys, names=["order_id", "line_id"])
    return np.asarray(tier.reindex(keys).fillna("Z").to_numpy(), dtype=str)


def _longer(problem: Problem, context: Context, overtime: Sequence[Overtime]) -> Problem:
    contract = TABLES["resource_calendar"]
    rows = pd.DataFrame(
        {
            "resource_id": [lever.resource_id for lever in overtime],
            "start_at": [lever.start_at for lever in overtime],
            "end_at": [lever.end_at for lever in overtime],
            "calendar_kind": "potential_overtime",
        }
    )
    dtypes = {column.name: column.dtype for column in contract.contracts}
    return with_overtime(
        staffed(problem, overtime),
        rows.reindex(columns=list(contract.columns)).astype(dtypes),
        hours_per_week=HOURS_PER_WEEK,
        weeks=context.params.horizon.horizon_weeks + 1,
        resource_ids=tuple(sorted({lever.resource_id for lever in overtime})),
    )
