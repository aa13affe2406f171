"""A schedule made replayable: its sequences, links and facts as the kernels read them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.impact.promise_kernel import MADE, NEW, RECEIPT, STOCK
from soe_lib.impact.replay import Replay
from soe_lib.impact.replay_state import (
    OP_F,
    OP_I,
    Draw,
    Still,
)
from soe_lib.schedule import Problem, Schedule
from soe_lib.schedule import work as engine
from soe_lib.schedule.netting import made_items
from soe_lib.schedule.plan import Plan, new_plan, place_published
from soe_lib.schedule.problem import NEVER
from soe_lib.schedule.solve import published_floor
from soe_lib.schedule.timing import helpers


def replay_of(problem: Problem, schedule: Schedule) -> Replay:
    """
    Make a schedule replayable: what is published keeps its start as the earliest one.

    Parameters
    ----------
    problem
        Problem of the schedule.
    schedule
        Any schedule of it: doing nothing, or a scenario. A right-shift replays as it was made;
        of any other no operation of a work order starts before the start that it has there.

    Returns
    -------
    Replay
    """
    plan = schedule.plan
    if plan is None:
        plan = new_plan(problem)
        place_published(problem, plan)
    floor = published_floor(problem, plan)
    if schedule.summary.get("method") != "right-shift":
        floor = _own_floor(problem, plan, schedule)
    return replay(problem, plan, floor)


def _own_floor(problem: Problem, plan: Plan, schedule: Schedule) -> np.ndarray:
    """Starts of the work orders' operations in a schedule; planned lots may start at once."""
    rows = schedule.operations
    lot = rows["wo_id"] + "/" + rows["split_no"].astype("str")
    start = (rows["start_at"] - problem.as_of).dt.total_seconds() / 60
    known = pd.Series(start.to_numpy(), pd.MultiIndex.from_arrays([lot, rows["op_no"]]))
    names = pd.Series(problem.lot_ids, dtype="str").iloc[problem.op_lot].to_numpy()
    own = known.reindex(pd.MultiIndex.from_arrays([names, problem.op_no])).fillna(0.0)
    floor = np.zeros(len(plan.field.op_i))
    floor[: problem.num_operations] = own.to_numpy()
    return floor


def replay(problem: Problem, plan: Plan, floor: np.ndarray) -> Replay:
    """Return the replay of a plan of a problem with the earliest start of each operation. [min]"""
    f, state = plan.field, plan.state
    alternate = state.place[:, engine.ALTERNATE]
    aids = helpers(problem)
    items = len(problem.item_ids)
    lot = f.op_i[:, engine.LOT]
    needs = _needs(plan)
    op_i = np.zeros((len(f.op_i), OP_I), np.int64)
    op_i[:, 0] = lot
    op_i[:, 1] = f.op_i[:, engine.FAMILY]
    op_i[:, 2] = f.op_i[:, engine.PREVIOUS]
    op_i[:, 3] = f.op_i[:, engine.NEXT]
    op_i[:, 4] = f.op_i[:, engine.IS_LAST]
    op_i[:, 5] = needs[0]
    op_i[:, 6] = f.op_i[:, engine.NEED_COUNT]
    op_i[:, 7] = aids.alt_tool[alternate]
    heads = aids.alt_heads[alternate]
    op_i[:, 8] = np.where(heads > 0, aids.alt_skill[alternate], -1)
    op_i[:, 9] = state.place[:, engine.MACHINE]
    op_f = np.zeros((len(f.op_i), OP_F))
    op_f[:, 0] = f.op_f[:, engine.FLOOR]
    op_f[:, 1] = f.op_f[:, engine.FIXED_SETUP]
    op_f[:, 2] = heads
    op_f[:, 3] = f.alt_f[alternate, engine.QUEUE]
    need_item = needs[1]
    user = np.repeat(np.arange(len(op_i)), op_i[:, 6])
    by_item = np.argsort(need_item, kind="stable")
    lot_item = f.lot_i[:, engine.ITEM].astype(np.int64)
    lead = np.where(problem.item_is_made, NEVER, np.maximum(problem.item_lead_minutes, 0.0))
    size = 2 + np.bincount(problem.supply_item, minlength=items)
    size += np.bincount(lot_item, minlength=items)
    is_component = np.zeros(items, bool)
    is_component[plan.need_item] = True
    is_component &= made_items(problem)
    sold = np.zeros(items, bool)
    sold[problem.demand_item] = True
    slots = _slots(problem, plan, sold)
    jobs = _jobs(problem, plan, slots)
    placed = state.place[user, engine.MACHINE] >= 0
    takes = np.flatnonzero(sold[need_item] & placed)
    clauses, ships = problem.clauses, problem.shipping
    assert clauses is not None
    still = Still(
        machine=f.machine[:, :2].astype(np.int64),
        sequence=state.sequence.astype(np.int64),
        count=state.count.astype(np.int64),
        op_i=op_i,
        op_f=op_f,
        setup=f.setup,
        need_item=need_item,
        need_qty=needs[2],
        user_offset=np.searchsorted(need_item[by_item], np.arange(items + 1)).astype(np.int64),
        user=user[by_item].astype(np.int64),
        lead=lead.astype(float),
        is_component=is_component,
        tool_offset=aids.tool_offset,
        tool_free=aids.tool_free,
        skill_offset=aids.skill_offset.astype(np.int64),
        skill_span=np.ascontiguousarray(aids.skill_steps[:, :2]),
        lot_item=lot_item,
        event_offset=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        supply_item=problem.supply_item.astype(np.int64),
        is_sold=sold,
        demand_item=problem.demand_item.astype(np.int64),
        by_rank=np.argsort(problem.demand_rank, kind="stable").astype(np.int64),
        clause=np.column_stack(
            [clauses.free_days, clauses.flat, clauses.per_day, clauses.per_week, clauses.cap,
             clauses.lost_after_days, clauses.lost]
        ).astype(float),
        slot_offset=slots[0],
        slot=slots[1],
        shelf=problem.item_shelf_minutes.astype(float),
        job=jobs[0],
        job_qty=jobs[1],
        job_slot=jobs[2],
        takes=np.column_stack([user[takes], takes]).astype(np.int64),
        expires=problem.supply_expires.astype(float),
        partial=problem.demand_partial.astype(bool),
        lane=ships.demand_lane.astype(np.int64),
        pallets=ships.demand_pallets.astype(float),
        lane_offset=ships.offset.astype(np.int64),
        lane_at=ships.at.astype(float),
        lane_room=ships.pallets.astype(float),
    )  # fmt: skip
    run = f.alt_f[alternate, engine.PER_UNIT] * state.lot_qty[lot]
    early = plan.expedited[: len(problem.supply_item)]
    facts = Draw(
        run=run + f.alt_f[alternate, engine.PER_LOT],
        begun=(f.op_i[:, engine.STAYS] == 2).astype(np.int64),
        floor=floor.astype(float),
        clock_offset=plan.clock.offset.astype(np.int64),
        clock=plan.clock.spans.astype(float),
        supply_at=np.where(early, problem.supply_expedite_at, problem.supply_at).astype(float),
        supply_qty=problem.supply_qty.astype(float),
        on_hand=problem.on_hand.astype(float),
        people=np.ascontiguousarray(aids.skill_steps[:, 2]),
        lot_qty=state.lot_qty.astype(float),
        demand_qty=problem.demand_qty.astype(float),
        demand_due=problem.demand_due.astype(float),
    )
    return Replay(problem, plan, still, facts)


def _needs(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components of every operation one after the other: first row, item, quantity."""
    f = plan.field
    count = f.op_i[:, engine.NEED_COUNT]
    first = np.concatenate([[0], np.cumsum(count)])[:-1]
    op = np.repeat(np.arange(len(count)), count)
    need = f.op_i[op, engine.NEED_FIRST] + np.arange(len(op)) - first[op]
    qty = f.need_f[need, 0] * plan.state.lot_qty[f.op_i[op, engine.LOT]] + f.need_f[need, 1]
    return first.astype(np.int64), plan.need_item[need].astype(np.int64), qty.astype(float)


def _slots(problem: Problem, plan: Plan, sold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Everything that may be promised, by item: stock, receipts, lots, what would be bought."""
    f, s = plan.field, plan.state
    active = (f.lot_i[:, engine.IS_FIRM] == 1) | (s.lot_job >= 0)
    lots = np.flatnonzero(active & sold[f.lot_i[:, engine.ITEM]])
    receipts = np.flatnonzero(sold[problem.supply_item])
    stock = np.flatnonzero(sold)
    new = np.flatnonzero(sold & ~problem.item_is_made)
    item = np.concatenate([stock, problem.supply_item[receipts], f.lot_i[lots, engine.ITEM], new])
    kind = np.repeat([STOCK, RECEIPT, MADE, NEW], [len(stock), len(receipts), len(lots), len(new)])
    number = np.concatenate([stock, receipts, lots, new])
    order = np.lexsort((number, kind, item))
    offset = np.searchsorted(item[order], np.arange(len(problem.item_ids) + 1))
    return offset.astype(np.int64), np.column_stack([kind, number])[order].astype(np.int64)


def _jobs(
    problem: Problem, plan: Plan, slots: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which slots the lots and receipts that were planned for each order line stand in."""
    f, s = plan.field, plan.state
    offset, slot = slots
    item = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    of_lot = {int(n): k for k, (kind, n) in enumerate(slot.tolist()) if kind == MADE}
    dated: dict[tuple[int, float], list[int]] = {}
    for k, (kind, number) in enumerate(slot.tolist()):
        at = 0.0
        if kind == RECEIPT:
            at = max(float(problem.supply_at[number]), 0.0)
        elif kind == NEW:
            at = max(float(problem.item_lead_minutes[number]), 0.0)
        if kind != MADE:
            dated.setdefault((int(item[k]), at), []).append(k)
    rows: list[tuple[int, int, int, int]] = []
    qty: list[float] = []
    found: list[int] = []
    for j, demand in enumerate(f.job_target.tolist()):
        if demand >= f.orders:
            continue
        lot = int(s.job_lot[j])
        key = (int(problem.demand_item[demand]), max(float(s.job_time[j]), 0.0))
        own = ([of_lot[lot]] if lot in of_lot else []) if lot >= 0 else dated.get(key, [])
        rows.append((demand, len(found), len(own), int(lot >= 0)))
        qty.append(float(f.job_qty[j]))
        found += own
    table = np.array(rows, np.int64).reshape(-1, 4)
    return table, np.array(qty, float), np.array(found, np.int64)
