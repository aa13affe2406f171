# mypy: disable-error-code="arg-type"
"""The answer: a schedule as tables, every money term recomputed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.schedule.netting import TINY
from soe_lib.schedule.pegging import (
    clause_cost,
    peg,
    promise_tables,
    promised,
    supplies,
    without,
)
from soe_lib.schedule.plan import Plan
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.timing import Timing
from soe_lib.schedule.work import (
    ALTERNATE,
    FAMILY,
    FIRST_OP,
    IS_FIRM,
    ITEM,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    NUM_OPS,
    PER_LOT,
    PER_UNIT,
)


@dataclass(frozen=True)
class Schedule:
    """
    A finite schedule.

    Attributes
    ----------
    operations
        Columns of ``schedule_operation``, one row per operation still to run; ``is_planned`` marks
        lots that the engine made, ``station_no`` the station of the resource.
    promises
        One row per open (order_id, line_id): ``item_id``, ``open_qty``, ``due_at``,
        ``promised_qty``, ``promised_at`` (the last part leaves; NaT when nothing covers the line),
        ``lateness_days`` (signed; to the end of the horizon where nothing covers), ``late_cost``,
        ``lost_margin``, ``ready_at``.
    purchases
        One row per (item, operation) that stock and receipts do not cover: ``item_id``, ``qty``,
        ``order_at`` (latest), ``receipt_at``, ``wo_id``, ``is_expedite``, ``cost``.
    pegging
        One row per (order line, supply, departure): ``supply_type`` stock, receipt, lot or
        purchase, ``supply_id``, ``qty``, ``available_at``, ``leaves_at`` (NaT where the line is
        not covered).
    summary
        Money terms, counts and how the schedule was made.
    expedites
        One row per receipt that is paid to be early: ``supply_id``, ``purchase_order``,
        ``item_id``, ``old_at``, ``new_at``, ``cost``.
    plan
        Sequences and lots from which the tables were decoded; a later search starts from it.
    """

    operations: pd.DataFrame
    promises: pd.DataFrame
    purchases: pd.DataFrame
    pegging: pd.DataFrame
    summary: dict[str, Any]
    expedites: pd.DataFrame = field(default_factory=pd.DataFrame)
    plan: Plan | None = None


def instants(problem: Problem, minutes: np.ndarray) -> pd.Series:
    """Return minutes since as_of as instants, to the second; NEVER becomes NaT."""
    minutes = np.asarray(minutes, float)
    clean = np.where(minutes >= NEVER / 2, np.nan, minutes)
    offsets = pd.to_timedelta(pd.Series(np.round(clean * 60)), unit="s")
    return (problem.as_of + offsets).astype("datetime64[us, UTC]")


def as_schedule(problem: Problem, plan: Plan, timing: Timing, how: dict[str, Any]) -> Schedule:
    """Return the tables of a decoded plan."""
    f, s = plan.field, plan.state
    lots = np.flatnonzero((f.lot_i[:, IS_FIRM] == 1) | (s.lot_job >= 0))
    names, split = _lot_names(problem, plan, timing, lots)
    ops = np.flatnonzero(np.isin(f.op_i[:, LOT], lots))
    lot = f.op_i[ops, LOT]
    alternate = s.place[ops, ALTERNATE]
    family = np.array([*problem.family_ids, ""], dtype=object)
    items = np.array(problem.item_ids, dtype=object)
    tools = np.array([*problem.tools.tool_ids, None], dtype=object)
    skills = np.array([*problem.labour.skill_ids, None], dtype=object)
    firm_ops = problem.num_operations
    published = np.concatenate([problem.op_start, np.full(len(f.op_i) - firm_ops, NEVER)])[ops]
    frozen = np.concatenate([problem.op_frozen, np.zeros(len(f.op_i) - firm_ops, bool)])[ops]
    step = np.concatenate([problem.op_no, problem.recipes.op_no[plan.recipe_step[firm_ops:]]])
    run = f.alt_f[alternate, PER_UNIT] * s.lot_qty[lot] + f.alt_f[alternate, PER_LOT]
    setup_minutes = plan.setup_minutes(timing)
    end = timing.end[ops]
    machine = s.place[ops, MACHINE]
    station = machine - f.machine_of[f.alt_resource[alternate]] + 1
    before = timing.before[ops]
    own_family = f.op_i[ops, FAMILY]
    operations = pd.DataFrame(
        {
            "wo_id": names[lot],
            "op_no": step[ops],
            "split_no": split[lot],
            "item_id": items[f.lot_i[lot, ITEM]],
            "planned_qty": s.lot_qty[lot],
            "resource_id": np.array(problem.resource_ids, dtype=object)[f.alt_resource[alternate]],
            "setup_start_at": instants(problem, timing.setup[ops]),
            "start_at": instants(problem, timing.start[ops]),
            "end_at": instants(problem, end),
            "setup_from": family[before],
            "setup_to": family[own_family],
            "is_frozen": frozen,
            "published_start_at": instants(problem, published),
            "run_minutes": run,
            "setup_minutes": np.where(end < NEVER / 2, setup_minutes[ops], 0.0),
            "tool_id": tools[plan.alt_tool[alternate]],
            "skill_code": skills[plan.alt_skill[alternate]],
            "labour_count": plan.alt_heads[alternate],
            "is_planned": f.lot_i[lot, IS_FIRM] == 0,
            "station_no": np.where(machine >= 0, station, 0),
        }
    )
    for name in (
        "wo_id",
        "item_id",
        "resource_id",
        "setup_from",
        "setup_to",
        "tool_id",
        "skill_code",
    ):
        operations[name] = operations[name].astype("str")
    operations["sequence_no"] = np.argsort(np.argsort(timing.start[ops], kind="stable"))
    plan.start = timing.start.copy()
    promises, pegging = _promises(problem, plan, timing, names, split)
    purchases = _purchases(problem, plan, timing, names, pegging)
    expedites = _expedites(problem, plan)
    terms = summarise(problem, plan, timing, promises, purchases, expedites)
    ordered = operations.sort_values(
        ["resource_id", "setup_start_at", "start_at", "wo_id", "op_no"], kind="stable"
    )
    return Schedule(
        ordered.reset_index(drop=True), promises, purchases, pegging, {**terms, **how}, expedites,
        plan,
    )  # fmt: skip


def _lot_names(
    problem: Problem, plan: Plan, timing: Timing, lots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Name planned lots after their item, numbered in the order in which they end."""
    f = plan.field
    names = np.full(len(f.lot_i), "", dtype=object)
    split = np.ones(len(f.lot_i), np.int64)
    for k, name in enumerate(problem.lot_ids):
        head, tail = name.rsplit("/", 1)
        names[k], split[k] = head, int(tail)
    planned = lots[f.lot_i[lots, IS_FIRM] == 0]
    last = f.lot_i[planned, FIRST_OP] + f.lot_i[planned, NUM_OPS] - 1
    order = np.lexsort((planned, timing.end[last], f.lot_i[planned, ITEM]))
    planned = planned[order]
    item = f.lot_i[planned, ITEM]
    start = np.searchsorted(item, item)
    for k, lot in enumerate(planned.tolist()):
        names[lot] = f"PLAN-{problem.item_ids[item[k]]}-{k - start[k] + 1:04d}"
    return names, split


def _promises(
    problem: Problem, plan: Plan, timing: Timing, names: np.ndarray, split: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    f, s = plan.field, plan.state
    lots = np.flatnonzero((f.lot_i[:, IS_FIRM] == 1) | (s.lot_job >= 0))
    end = np.full(len(f.lot_i), NEVER)
    has_ops = f.lot_i[:, NUM_OPS] > 0
    last = f.lot_i[:, FIRST_OP] + f.lot_i[:, NUM_OPS] - 1
    end[has_ops] = timing.end[last[has_ops]]
    sold = np.bincount(problem.demand_item, problem.demand_qty, minlength=len(problem.item_ids))
    bought = [
        (int(i), float(sold[i]), max(float(problem.item_lead_minutes[i]), 0.0))
        for i in np.flatnonzero((sold > 0) & ~problem.item_is_made)
    ]
    labels = [f"{names[k]}/{split[k]}" for k in lots]
    supply = supplies(
        problem, f.lot_i[lots, ITEM], s.lot_qty[lots], end[lots], labels, bought, plan.expedited
    )
    supply = without(supply, *_consumption(problem, plan, timing))
    placed = timing.end[timing.end < NEVER / 2]
    horizon = float(placed.max()) if len(placed) else 0.0
    if len(problem.demand_due):
        horizon = max(horizon, float(problem.demand_due.max()))
    by_policy = peg(problem, supply)
    as_made = peg(problem, supply, _planned_pegs(problem, plan, supply, lots, labels))
    clauses = problem.clauses
    assert clauses is not None
    cost = [
        sum(
            part.sum() for part in clause_cost(clauses, promised(problem, supply, rows, horizon)[3])
        )
        for rows in (by_policy, as_made)
    ]
    rows = as_made if cost[1] < cost[0] - 1e-6 else by_policy
    return promise_tables(problem, supply, rows, horizon, instants)


def _consumption(
    problem: Problem, plan: Plan, timing: Timing
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return item, instant and quantity of everything that operations take."""
    f, s = plan.field, plan.state
    ops = np.flatnonzero((s.place[:, MACHINE] >= 0) & (timing.end < NEVER / 2))
    count = f.op_i[ops, NEED_COUNT]
    op = np.repeat(ops, count)
    within = np.arange(len(op)) - np.repeat(np.cumsum(count) - count, count)
    need = f.op_i[op, NEED_FIRST] + within
    qty = f.need_f[need, 0] * s.lot_qty[f.op_i[op, LOT]] + f.need_f[need, 1]
    item, at = plan.need_item[need], timing.start[op]
    rows = timing.bought  # what is bought for them is no supply for order lines
    if len(rows):
        key = pd.MultiIndex.from_arrays([op, need])
        own = key.get_indexer(
            pd.MultiIndex.from_arrays([rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)])
        )
        qty = qty.copy()
        qty[own] -= rows[:, 2]
    return item, at, qty


def _planned_pegs(
    problem: Problem, plan: Plan, supply: Any, lots: np.ndarray, labels: list[str]
) -> list[tuple[int, int, float]]:
    """Return the pegs for which lots were made and which stock and receipts were kept."""
    f, s = plan.field, plan.state
    place = {name: k for k, name in enumerate(supply.name) if supply.kind[k] == "lot"}
    of_lot = {int(lot): place[label] for lot, label in zip(lots, labels, strict=True)
              if label in place}  # fmt: skip
    dated: dict[tuple[int, float], list[int]] = {}
    for k, kind in enumerate(supply.kind):
        if kind != "lot":
            key = (int(supply.item[k]), max(float(supply.at[k]), 0.0))
            dated.setdefault(key, []).append(k)
    left = supply.qty.copy()
    rows = []
    for j, d in enumerate(f.job_target.tolist()):
        if d >= f.orders:
            continue
        qty = float(f.job_qty[j])
        if s.job_lot[j] >= 0:
            k = of_lot.get(int(s.job_lot[j]), -1)
            if k >= 0:
                rows.append((d, k, qty))
            continue
        for k in dated.get((int(problem.demand_item[d]), max(float(s.job_time[j]), 0.0)), ()):
            taken = min(qty, float(left[k]))
            if taken > TINY:
                rows.append((d, k, taken))
                left[k] -= taken
                qty -= taken
    return rows


def _purchases(
    problem: Problem, plan: Plan, timing: Timing, names: np.ndarray, pegging: pd.DataFrame
) -> pd.DataFrame:
    """Return what must be bought, each as late as its run allows."""
    rows = timing.bought
    op = rows[:, 0].astype(np.int64)
    item = plan.need_item[rows[:, 1].astype(np.int64)] if len(rows) else np.zeros(0, np.int64)
    receipt = instants(problem, timing.start[op])
    quick = plan.expedited[len(problem.supply_item) :]
    use_quick = quick[item] & (timing.start[op] < problem.item_lead_minutes[item] - 1e-6)
    lead = np.where(use_quick, problem.item_expedite_minutes[item], problem.item_lead_minutes[item])
    lead = np.ceil(np.maximum(lead, 0.0) * 60.0)
    order = receipt - pd.to_timedelta(pd.Series(lead, dtype=float), unit="s")
    table = pd.DataFrame(
        {
            "item_id": pd.Series(np.array(problem.item_ids, dtype=object)[item], dtype="str"),
            "qty": rows[:, 2].astype(float),
            "order_at": order.astype("datetime64[us, UTC]"),
            "receipt_at": receipt,
            "wo_id": pd.Series(names[plan.field.op_i[op, LOT]], dtype="str"),
            "is_expedite": use_quick,
            "cost": np.where(use_quick, problem.item_expedite_cost[item], 0.0),
        }
    )
    sold = pegging[pegging["supply_type"] == "purchase"]
    if len(sold):
        item_of = dict(zip(problem.demand_keys, problem.demand_item.tolist(), strict=True))
        own = [item_of[key] for key in zip(sold["order_id"], sold["line_id"], strict=True)]
        lead_own = np.ceil(np.maximum(problem.item_lead_minutes[own], 0.0) * 60.0)
        back = pd.to_timedelta(pd.Series(lead_own, index=sold.index), unit="s")
        added = pd.DataFrame(
            {
                "item_id": pd.Series([problem.item_ids[i] for i in own], dtype="str"),
                "qty": sold["qty"].to_numpy(float),
                "order_at": (sold["available_at"] - back).astype("datetime64[us, UTC]").array,
                "receipt_at": sold["available_at"].array,
                "wo_id": pd.Series([""] * len(sold), dtype="str"),
                "is_expedite": False,
                "cost": 0.0,
            }
        )
        table = pd.concat([table, added], ignore_index=True) if len(table) else added
    return table


def _expedites(problem: Problem, plan: Plan) -> pd.DataFrame:
    chosen = np.flatnonzero(plan.expedited[: len(problem.supply_item)])
    items = np.array(problem.item_ids, dtype=object)
    return pd.DataFrame(
        {
            "supply_id": pd.Series([str(k) for k in chosen], dtype="str"),
            "purchase_order": pd.Series([problem.supply_ids[k] for k in chosen], dtype="str"),
            "item_id": pd.Series(items[problem.supply_item[chosen]], dtype="str"),
            "old_at": instants(problem, problem.supply_at[chosen]),
            "new_at": instants(problem, problem.supply_expedite_at[chosen]),
            "cost": problem.supply_expedite_cost[chosen].astype(float),
        }
    )


def summarise(
    problem: Problem,
    plan: Plan,
    timing: Timing,
    promises: pd.DataFrame,
    purchases: pd.DataFrame,
    expedites: pd.DataFrame,
) -> dict[str, Any]:
    """Return counts and every money term of a decoded plan."""
    f, s = plan.field, plan.state
    on = s.place[:, MACHINE] >= 0
    placed = on & (timing.end < NEVER / 2)
    resource = f.alt_resource[s.place[:, ALTERNATE]]
    setup_hours = np.where(placed, plan.setup_minutes(timing), 0.0) / 60
    late = promises["lateness_days"] > 1e-6
    terms = {
        "late_cost": float(promises["late_cost"].sum()),
        "lost_margin": float(promises["lost_margin"].sum()),
        "changeover_cost": float((setup_hours * problem.changeover_cost[resource]).sum()),
        "expedite_cost": float(purchases["cost"].sum() + expedites["cost"].sum()),
        "holding_cost": plan.holding(problem, timing, promises),
        "overtime_cost": plan.overtime(problem, timing),
        "change_cost": plan.unrest(problem),
    }
    return {
        "num_operations": int(on.sum()),
        "num_unplaced": int((on & ~placed).sum()),
        "num_lines": len(promises),
        "num_late_lines": int(late.sum()),
        "num_uncovered_lines": int((~promises["is_covered"]).sum()),
        "tardiness_days": float(promises["lateness_days"].clip(lower=0).sum()),
        "changeover_hours": float(setup_hours.sum()),
        **terms,
        "total_cost": float(sum(terms.values())),
    }
