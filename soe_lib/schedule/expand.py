# mypy: disable-error-code="assignment"
"""The problem as packed arrays: everything that may be made, before anything is sequenced."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.clock import Clock, build_clock
from soe_lib.schedule.netting import Jobs, made_items, net
from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.readiness import ready_by
from soe_lib.schedule.supply_buckets import bucket_minutes, bucket_prices, supply_buckets
from soe_lib.schedule.work import (
    ALT_COUNT,
    ALT_FIRST,
    ALTERNATE,
    BASE_RESOURCE,
    BUCKET_FIRST,
    FAMILY,
    FIRST_OP,
    FIXED_SETUP,
    FLOOR,
    IS_FIRM,
    IS_LAST,
    IS_PLAIN,
    ITEM,
    LINKED,
    LOT,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    NUM_OPS,
    OP_COLUMNS,
    OP_I,
    PREVIOUS,
    RUN,
    START,
    STAYS,
    UNREST,
    Field,
    State,
)


def expand(problem: Problem, jobs: Jobs | None = None) -> tuple[Field, State, Clock, Jobs]:
    """Return the problem as arrays, before anything is sequenced; netted anew without ``jobs``."""
    jobs = net(problem) if jobs is None else jobs
    orders = len(problem.demand_qty)
    lots, lot_of_job = _lots(problem, jobs)
    op_i, op_f = _operations(problem, lots)
    alternates = _alternates(problem)
    buckets = supply_buckets(problem)
    clock = build_clock(problem)
    targets = np.array(jobs.target, np.int64)
    order_of_job = np.lexsort((np.arange(len(targets)), targets))
    target = targets[order_of_job]
    target_offset = np.searchsorted(target, np.arange(orders + len(op_i) + 1)).astype(np.int64)
    job_lot = lot_of_job[order_of_job]
    stock = _jobs_by_item(problem, target)
    need_bucket, need_f = _needs(problem, buckets)
    users = _users(op_i, need_bucket, len(problem.item_ids))
    resource = np.repeat(np.arange(len(problem.resource_ids)), problem.stations)
    machine = np.column_stack(
        [resource, problem.current_family[resource], np.zeros(len(resource), np.int64)]
    ).astype(np.int64)
    clauses = problem.clauses
    assert clauses is not None
    order = np.column_stack(
        [
            problem.demand_due,
            clauses.free_days,
            clauses.flat,
            clauses.per_day,
            clauses.per_week,
            clauses.cap,
            clauses.lost_after_days,
            clauses.lost,
            *ready_by(problem),
        ]
    ).astype(float)
    planned = np.flatnonzero(lots[:, IS_FIRM] == 0)
    by_item = planned[np.argsort(lots[planned, ITEM], kind="stable")]
    mates_offset = np.searchsorted(lots[by_item, ITEM], np.arange(len(problem.item_ids) + 1))
    early = _early_price(problem)
    field = Field(
        orders=orders,
        clock_offset=clock.offset,
        clock=clock.spans,
        machine=machine,
        machine_of=np.concatenate([[0], np.cumsum(problem.stations)]).astype(np.int64),
        setup=problem.setup_minutes.astype(float),
        change_cost=problem.changeover_cost / 60.0,
        op_i=op_i,
        op_f=op_f,
        alt_resource=alternates[0],
        alt_f=alternates[1],
        need_bucket=need_bucket,
        need_f=need_f,
        bucket_offset=buckets[0],
        bucket_at=buckets[1],
        bucket_w=bucket_minutes(clock, buckets[1]),
        bucket_price=bucket_prices(problem, jobs, buckets),
        order=order,
        leave_offset=problem.shipping.offset.astype(np.int64),
        leave_at=problem.shipping.at.astype(float),
        target_offset=target_offset,
        job_target=target,
        job_qty=np.array(jobs.qty, float)[order_of_job],
        stock_offset=stock[0],
        stock_job=stock[1],
        user_offset=users[0],
        user=users[1],
        lot_i=lots,
        rule=np.column_stack(
            [
                problem.item_lot_min,
                problem.item_lot_multiple,
                problem.item_lot_max,
                np.maximum(problem.item_value * problem.holding_per_day, early),
                early,
            ]
        ).astype(float),
        mates_offset=mates_offset.astype(np.int64),
        mates=by_item.astype(np.int64),
        has_unrest=bool((op_f[:, UNREST] > 0).any()),
    )
    time = np.array(jobs.time, float)[order_of_job]
    state = _state(problem, field, jobs, job_lot, time, buckets)
    return field, state, clock, jobs


def _lots(problem: Problem, jobs: Jobs) -> tuple[np.ndarray, np.ndarray]:
    """Return lots with empty slots added, so that every job of a planned lot can be alone."""
    firm = len(problem.lot_ids)
    item = np.array(jobs.lot_item, np.int64)
    lot_of_job = np.array(jobs.lot, np.int64)
    in_planned = lot_of_job[lot_of_job >= firm]
    needed = np.bincount(item[in_planned], minlength=len(problem.item_ids))
    there = np.bincount(item[firm:], minlength=len(problem.item_ids))
    extra = np.repeat(np.arange(len(problem.item_ids)), np.maximum(needed - there, 0))
    item = np.concatenate([item, extra]).astype(np.int64)
    recipes = problem.recipes
    count = np.diff(recipes.offset)[item]
    firm_count = np.bincount(problem.op_lot, minlength=firm) if firm else np.zeros(0, np.int64)
    count[:firm] = firm_count
    made = made_items(problem)
    in_house = _has_in_house(problem, made)
    lots = np.zeros((len(item), 5), np.int64)
    lots[:, FIRST_OP] = np.concatenate([[0], np.cumsum(count)])[:-1]
    lots[:, NUM_OPS] = count
    lots[:, ITEM] = item
    lots[:firm, IS_FIRM] = 1
    lots[:, IS_PLAIN] = ~in_house[item]
    lots[:firm, IS_PLAIN] = 0
    return lots, lot_of_job


def _has_in_house(problem: Problem, made: np.ndarray) -> np.ndarray:
    """Return True for items whose recipe takes something made in house."""
    recipes = problem.recipes
    step = np.searchsorted(recipes.need_offset, np.arange(len(recipes.need_item)), "right") - 1
    maker = np.searchsorted(recipes.offset, step, "right") - 1
    found = np.zeros(len(problem.item_ids), bool)
    found[maker[made[recipes.need_item]]] = True
    return found


def _operations(problem: Problem, lots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return packed rows of all operations: firm ones first, planned ones by slot."""
    recipes = problem.recipes
    firm, firm_ops = len(problem.lot_ids), problem.num_operations
    planned = np.arange(firm, len(lots))
    count = lots[planned, NUM_OPS]
    lot = np.concatenate([problem.op_lot, np.repeat(planned, count)]).astype(np.int64)
    within = np.arange(len(lot)) - lots[lot, FIRST_OP]
    step = np.full(len(lot), -1, np.int64)
    step[firm_ops:] = recipes.offset[lots[lot[firm_ops:], ITEM]] + within[firm_ops:]
    own = step[firm_ops:]
    op_i = np.full((len(lot), OP_I), -1, np.int64)
    op_i[:, LOT] = lot
    op_i[:, FAMILY] = np.concatenate([problem.op_family, recipes.op_family[own]])
    alternates = len(problem.alt_resource)
    op_i[:, ALT_FIRST] = np.concatenate(
        [problem.alt_offset[:-1], alternates + recipes.alt_offset[:-1][own]]
    )
    op_i[:, ALT_COUNT] = np.concatenate(
        [np.diff(problem.alt_offset), np.diff(recipes.alt_offset)[own]]
    )
    needs = len(problem.need_item)
    op_i[:, NEED_FIRST] = np.concatenate(
        [problem.need_offset[:-1], needs + recipes.need_offset[:-1][own]]
    )
    op_i[:, NEED_COUNT] = np.concatenate(
        [np.diff(problem.need_offset), np.diff(recipes.need_offset)[own]]
    )
    op_i[:firm_ops, NEED_COUNT][problem.op_fixed] = 0  # what has started has its components
    number = np.arange(len(lot))
    last = within == lots[lot, NUM_OPS] - 1
    op_i[:, NEXT] = np.where(last, -1, number + 1)
    op_i[:, PREVIOUS] = np.where(within == 0, -1, number - 1)
    op_i[:, IS_LAST] = last
    op_i[:, STAYS] = 0
    op_i[:firm_ops, STAYS] = np.where(problem.op_fixed, 2, problem.op_frozen)
    op_i[:, BUCKET_FIRST] = np.concatenate([[0], np.cumsum(op_i[:, NEED_COUNT])])[:-1]
    op_f = np.zeros((len(lot), 3))
    release = np.concatenate([problem.lot_release, np.zeros(len(planned))])
    op_f[:, FLOOR] = np.where(within == 0, release[lot], 0.0)
    held = problem.op_frozen & (problem.op_start < NEVER / 2)
    floor = np.where(
        held, np.maximum(problem.op_start, op_f[:firm_ops, FLOOR]), op_f[:firm_ops, FLOOR]
    )
    op_f[:firm_ops, FLOOR] = np.where(problem.op_fixed, 0.0, np.maximum(floor, 0.0))
    op_f[:firm_ops, FIXED_SETUP] = np.where(problem.op_fixed, 0.0, problem.op_setup)
    op_f[firm_ops:, FIXED_SETUP] = recipes.op_setup[own]
    published = problem.op_start < NEVER / 2
    op_f[:firm_ops, UNREST] = np.where(published, problem.op_change_cost, 0.0)
    return op_i, op_f


def _alternates(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    recipes = problem.recipes
    resource = np.concatenate([problem.alt_resource, recipes.alt_resource]).astype(np.int64)
    zero = np.zeros(len(problem.alt_resource))
    packed = np.column_stack(
        [
            np.concatenate([zero, recipes.alt_minutes_per_unit]),
            np.concatenate([problem.alt_minutes, recipes.alt_minutes_fixed]),
            np.concatenate([problem.alt_preference, recipes.alt_preference]),
            np.concatenate([problem.alt_queue, recipes.alt_queue]),
        ]
    )
    return resource, packed.astype(float)


def _needs(problem: Problem, buckets: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return all needs: purchased component and quantity per unit of the lot and per lot."""
    recipes = problem.recipes
    item = np.concatenate([problem.need_item, recipes.need_item]).astype(np.int64)
    zero = np.zeros(len(problem.need_item))
    packed = np.column_stack(
        [
            np.concatenate([zero, recipes.need_per_unit]),
            np.concatenate([problem.need_qty, np.zeros(len(recipes.need_item))]),
        ]
    )
    bought = ~made_items(problem)
    return np.where(bought[item], item, -1), packed.astype(float)


EARLY_SHARE = 1e-5
"""A day early of a mean order line, in costs of a day late: decides between equal plans."""


def _early_price(problem: Problem) -> np.ndarray:
    """Return the least price of one unit in stock for a day, by item. [money/uom/day]"""
    items = len(problem.item_ids)
    lines = np.bincount(problem.demand_item, minlength=items)
    qty = np.bincount(problem.demand_item, problem.demand_qty, minlength=items)
    weight = float(problem.demand_weight.mean()) if len(problem.demand_weight) else 0.0
    return EARLY_SHARE * weight * lines / np.maximum(qty, 1e-9)


def _users(op_i: np.ndarray, need_bucket: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the operations that take each purchased component: offset and operations."""
    count = op_i[:, NEED_COUNT]
    op = np.repeat(np.arange(len(op_i)), count)
    within = np.arange(len(op)) - np.repeat(np.cumsum(count) - count, count)
    component = need_bucket[op_i[op, NEED_FIRST] + within]
    op, component = op[component >= 0], component[component >= 0]
    order = np.lexsort((op, component))
    offset = np.searchsorted(component[order], np.arange(items + 1))
    return offset.astype(np.int64), op[order]


def _jobs_by_item(problem: Problem, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the jobs of order lines by item: offset and jobs."""
    own = np.flatnonzero(target < len(problem.demand_qty))
    item = problem.demand_item[target[own]]
    order = np.argsort(item, kind="stable")
    offset = np.searchsorted(item[order], np.arange(len(problem.item_ids) + 1))
    return offset.astype(np.int64), own[order]


def _state(
    problem: Problem,
    field: Field,
    jobs: Jobs,
    job_lot: np.ndarray,
    job_time: np.ndarray,
    buckets: tuple,
) -> State:
    ops, lots = len(field.op_i), len(field.lot_i)
    machines = len(field.machine)
    op = np.zeros((ops, OP_COLUMNS))
    op[:, START:RUN] = NEVER
    place = np.full((ops, 4), -1, np.int64)
    place[:, ALTERNATE] = field.op_i[:, ALT_FIRST]
    place[: problem.num_operations, BASE_RESOURCE] = problem.op_resource
    lot_qty = np.zeros(lots)
    lot_qty[: len(jobs.lot_qty)] = jobs.lot_qty
    lot_job = np.full(lots, -1, np.int64)
    job_next = np.full(len(job_lot), -1, np.int64)
    for j in range(len(job_lot) - 1, -1, -1):
        lot = job_lot[j]
        if lot >= 0:
            job_next[j] = lot_job[lot]
            lot_job[lot] = j
    eligible = np.zeros(machines + 1, np.int64)
    owner = np.repeat(np.arange(ops), field.op_i[:, ALT_COUNT])
    position = np.arange(len(owner)) - np.repeat(
        np.cumsum(field.op_i[:, ALT_COUNT]) - field.op_i[:, ALT_COUNT], field.op_i[:, ALT_COUNT]
    )
    resource = field.alt_resource[field.op_i[owner, ALT_FIRST] + position]
    per_resource = np.bincount(resource, minlength=len(problem.resource_ids))
    eligible[:-1] = per_resource[field.machine[:, 0]]
    width = int(eligible.max()) + 2 if machines else 2
    has_jobs = field.target_offset[field.orders + 1 :] > field.target_offset[field.orders : -1]
    place[:, LINKED] = (field.op_i[:, PREVIOUS] >= 0) | has_jobs[:ops]
    return State(
        op=op,
        place=place,
        floor_at=np.zeros(ops),
        lot_qty=lot_qty,
        lot_job=lot_job,
        job_next=job_next,
        job_lot=job_lot.copy(),
        job_time=np.where(job_lot >= 0, NEVER, job_time),
        stock_left=_stock_left(problem, field, job_lot, job_time),
        sequence=np.full((machines, width), -1, np.int64),
        count=np.zeros(machines, np.int64),
        bucket_of=np.zeros(int(field.op_i[:, NEED_COUNT].sum()) + 1, np.int64),
        used=np.zeros(len(buckets[1])),
        room=buckets[2].copy(),
    )


def _stock_left(
    problem: Problem, field: Field, job_lot: np.ndarray, job_time: np.ndarray
) -> np.ndarray:
    """Return the stock of each item that no job takes; none of items that operations take."""
    left = problem.on_hand.astype(float).copy()
    own = (job_lot < 0) & (job_time <= 0)
    target = field.job_target
    sold = own & (target < field.orders)
    np.subtract.at(left, problem.demand_item[target[sold]], field.job_qty[sold])
    left[problem.need_item] = 0.0
    left[problem.recipes.need_item] = 0.0
    return np.maximum(left, 0.0)
