"""
The setup-free linear relaxation of a problem as arrays: what no schedule can beat.

Time is cut into buckets. Work flows in any portion and without changeovers, an order line may
leave in parts over several buckets, each at the cost of the bucket's *first* instant, and takes its
goods by the bucket's *last* instant; purchases arrive from their lead time on in any quantity. Each
of these lets more happen than a schedule can, so the optimum is a true lower bound on the cost of
lateness, overtime and expedited receipts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soe_lib.schedule.activities import Activities, build_activities
from soe_lib.schedule.buckets import bucket_of, integral, open_minutes
from soe_lib.schedule.deliveries import windows
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.programme import INFINITE, Parts, Programme


@dataclass(frozen=True)
class Aggregate:
    """
    The relaxation and where its rows and columns are.

    Attributes
    ----------
    programme
        The linear programme. [money]
    grid
        Shape (num_buckets + 1,): begin of each bucket and end of the last. [min]
    capacity_row, capacity_minutes
        Shape (num_resources, num_buckets): row (-1 none) and regular station minutes.
    overtime_column
        Shape (num_resources, num_buckets): column of booked overtime minutes, -1 none.
    node_row, node_supply
        Shape (num_items, num_buckets): balance row of an item (-1 none) and what is there or
        arrives in the bucket. [uom]
    delivery_demand, delivery_bucket, delivery_cost
        One entry per delivery column (numbered from 0): order line, bucket from whose stock it
        takes and cost of the whole line. Bucket -1: not within the horizon.
    activities
        Work that the columns after those of delivery stand for.
    work_activity, work_bucket, first_work
        Activity and bucket of each work column, and the number of the first.
    expedite_column
        Shape (num_supplies,): column of the share of a receipt that is expedited, -1 none.
    """

    programme: Programme
    grid: np.ndarray
    capacity_row: np.ndarray
    capacity_minutes: np.ndarray
    overtime_column: np.ndarray
    node_row: np.ndarray
    node_supply: np.ndarray
    delivery_demand: np.ndarray
    delivery_bucket: np.ndarray
    delivery_cost: np.ndarray
    activities: Activities
    work_activity: np.ndarray
    work_bucket: np.ndarray
    first_work: int
    expedite_column: np.ndarray


def build_aggregate(
    problem: Problem,
    grid: np.ndarray,
    *,
    keeps_closed: bool = False,
    may_expedite: bool = True,
    whole_lines: bool = False,
) -> Aggregate:
    """
    Build the relaxation.

    Parameters
    ----------
    problem
        The problem.
    grid
        Bucket limits. [min]
    keeps_closed
        Whether work has columns in buckets in which its resource is closed, so that a later
        change may open them.
    may_expedite
        Whether purchases may come by their expedited lead time, for nothing: needed for a bound.
    whole_lines
        Whether a line costs from the instant on before which it cannot be complete: tighter, but
        blind to changes of capacity and supply that are asked later.

    Returns
    -------
    Aggregate
    """
    buckets = len(grid) - 1
    resources = len(problem.resource_ids)
    regular = np.array(
        [open_minutes(problem, r, grid, is_overtime=False) for r in range(resources)]
    ).reshape(resources, buckets)
    extra = np.array(
        [open_minutes(problem, r, grid, is_overtime=True) for r in range(resources)]
    ).reshape(resources, buckets)
    work = build_activities(problem)
    parts = Parts()

    # deliveries
    demand, taken, cost = windows(problem, grid, whole_lines)
    parts.columns(cost, np.zeros(len(cost)), np.ones(len(cost)))
    rows = parts.rows(np.ones(len(problem.demand_qty)), np.ones(len(problem.demand_qty)))
    parts.entries(rows[demand], np.arange(len(demand)), np.ones(len(demand)))

    # work
    first = np.clip(np.searchsorted(grid, work.earliest, side="right") - 1, 0, buckets - 1)
    count = buckets - first
    activity = np.repeat(np.arange(len(first)), count)
    bucket = np.arange(len(activity)) - np.repeat(count.cumsum() - count - first, count)
    one_station = (regular + extra)[work.resource[activity], bucket]
    if not keeps_closed:
        is_open = (one_station > 1e-9) | (work.minutes[activity] <= 0)
        activity, bucket, one_station = activity[is_open], bucket[is_open], one_station[is_open]
    upper = np.full(len(activity), INFINITE)
    is_firm = work.is_firm[activity]
    if not keeps_closed:
        share = one_station[is_firm] / np.maximum(work.minutes[activity[is_firm]], 1e-9)
        upper[is_firm] = np.minimum(share, 1.0)
    else:
        upper[is_firm] = 1.0
    work_columns = parts.columns(np.zeros(len(activity)), np.zeros(len(activity)), upper)
    once = work.once[activity]
    limited = np.flatnonzero(once >= 0)
    if len(limited):
        tokens = parts.rows(np.full(work.num_once, -INFINITE), np.ones(work.num_once))
        parts.entries(tokens[once[limited]], work_columns[limited], np.ones(len(limited)))

    # capacity
    stations = problem.stations.astype(float)[:, None]
    capacity = regular * stations
    used = np.zeros((resources, buckets), bool)
    used[work.resource[activity], bucket] = True
    capacity_row = np.full((resources, buckets), -1)
    capacity_row[used] = parts.rows(np.full(used.sum(), -INFINITE), capacity[used])
    parts.entries(
        capacity_row[work.resource[activity], bucket], work_columns, work.minutes[activity]
    )
    overtime_column = np.full((resources, buckets), -1)
    has_extra = used & ((extra > 1e-9) | keeps_closed)
    price = np.broadcast_to(problem.overtime_cost[:, None] / 60, extra.shape)
    overtime_column[has_extra] = parts.columns(
        price[has_extra], np.zeros(has_extra.sum()), (extra * stations)[has_extra]
    )
    parts.entries(
        capacity_row[has_extra], overtime_column[has_extra], np.full(has_extra.sum(), -1.0)
    )
    _add_shared(parts, problem, work, grid, activity, bucket, work_columns)
    _add_lanes(parts, problem, grid, demand, taken)

    # balances
    node_row, node_supply = _add_balances(
        parts,
        problem,
        work,
        grid,
        (activity, bucket, work_columns),
        (demand, taken),
        may_expedite,
    )
    expedite = _add_expedites(parts, problem, grid, node_row)
    return Aggregate(
        programme=parts.programme(),
        grid=grid,
        capacity_row=capacity_row,
        capacity_minutes=capacity,
        overtime_column=overtime_column,
        node_row=node_row,
        node_supply=node_supply,
        delivery_demand=demand,
        delivery_bucket=taken,
        delivery_cost=cost,
        activities=work,
        work_activity=activity,
        work_bucket=bucket,
        first_work=int(work_columns[0]) if len(work_columns) else 0,
        expedite_column=expedite,
    )


def is_free(problem: Problem, grid: np.ndarray, nodes: int, may_expedite: bool) -> np.ndarray:
    """Shape (nodes, buckets): True where an expedited purchase can be there already."""
    items = len(problem.item_ids)
    free = np.zeros((nodes, len(grid) - 1), bool)
    if may_expedite:
        first = bucket_of(grid, problem.item_expedite_minutes)
        free[:items] = np.arange(len(grid) - 1)[None, :] >= first[:, None]
        free[:items][problem.item_is_made] = False
    return free


def _add_shared(
    parts: Parts,
    problem: Problem,
    work: Activities,
    grid: np.ndarray,
    activity: np.ndarray,
    bucket: np.ndarray,
    columns: np.ndarray,
) -> None:
    """Add people by skill and tools: minutes that all resources share."""
    buckets = len(grid) - 1
    labour = problem.labour
    for kind, number, load in (
        ("skill", work.skill, work.heads * work.minutes),
        ("tool", work.tool, work.minutes),
    ):
        for k in range(len(labour.skill_ids) if kind == "skill" else len(problem.tools.tool_ids)):
            mine = np.flatnonzero((number[activity] == k) & (load[activity] > 0))
            if not len(mine):
                continue
            if kind == "skill":
                part = slice(labour.offset[k], labour.offset[k + 1])
                room = integral(labour.begin[part], labour.end[part], labour.heads[part], grid)
            else:
                begin = np.array([problem.tools.available_from[k]])
                size = np.array([float(problem.tools.qty[k])])
                room = integral(np.maximum(begin, 0.0), np.maximum(grid[-1:], begin), size, grid)
            rows = parts.rows(np.full(buckets, -INFINITE), room)
            parts.entries(rows[bucket[mine]], columns[mine], load[activity[mine]])


def _add_lanes(
    parts: Parts, problem: Problem, grid: np.ndarray, demand: np.ndarray, taken: np.ndarray
) -> None:
    """Add departures: what leaves by a bucket's end fits the room of all departures until then."""
    ships = problem.shipping
    buckets = len(grid) - 1
    for lane in range(len(ships.lane_ids)):
        mine = np.flatnonzero((ships.demand_lane[demand] == lane) & (taken >= 0))
        if not len(mine):
            continue
        part = slice(ships.offset[lane], ships.offset[lane + 1])
        at = np.searchsorted(grid, ships.at[part], side="right") - 1
        inside = (at >= 0) & (at < buckets)
        room = np.bincount(at[inside], ships.pallets[part][inside], minlength=buckets).cumsum()
        if len(at):  # after the last departure that is known no limit is known
            room[max(int(at[-1]) + 1, 0) :] = INFINITE
        load = ships.demand_pallets[demand[mine]] * problem.demand_qty[demand[mine]]
        rows = parts.rows(np.full(buckets, -INFINITE), room)
        length = buckets - taken[mine]
        column = np.repeat(mine, length)
        step = np.arange(len(column)) - np.repeat(length.cumsum() - length - taken[mine], length)
        parts.entries(rows[step], column, np.repeat(load, length))


def _add_balances(
    parts: Parts,
    problem: Problem,
    work: Activities,
    grid: np.ndarray,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    deliveries: tuple[np.ndarray, np.ndarray],
    may_expedite: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Stock of each item (and of half-done work) never falls below nothing."""
    buckets, items = len(grid) - 1, len(problem.item_ids)
    activity, bucket, work_column = columns
    demand, taken = deliveries
    nodes = work.num_nodes
    wanted = np.zeros(nodes, bool)
    wanted[problem.demand_item[problem.demand_item >= 0]] = True
    wanted[work.need_node[work.need_node >= 0]] = True
    limit = np.full(nodes, buckets)  # buckets that have a balance row
    bought = ~problem.item_is_made
    limit[:items][bought] = bucket_of(grid, problem.item_lead_minutes[bought])
    limit = np.where(wanted, np.clip(limit, 0, buckets), 0)
    there = np.arange(buckets)[None, :] < limit[:, None]
    row = np.full((nodes, buckets), -1)
    supply = np.zeros((nodes, buckets))
    supply[:items, 0] = problem.on_hand
    at = np.clip(np.searchsorted(grid, problem.supply_at, side="right") - 1, 0, buckets)
    inside = at < buckets
    np.add.at(supply, (problem.supply_item[inside], at[inside]), problem.supply_qty[inside])
    lower = np.where(is_free(problem, grid, nodes, may_expedite), -INFINITE, -supply)
    row[there] = parts.rows(lower[there], np.full(there.sum(), INFINITE))
    carried = there & (np.arange(buckets)[None, :] + 1 < limit[:, None])
    stock = np.full((nodes, buckets), -1)
    zeros = np.zeros(carried.sum())
    stock[carried] = parts.columns(zeros, zeros, np.full(carried.sum(), INFINITE))
    parts.entries(row[carried], stock[carried], np.full(carried.sum(), -1.0))
    parts.entries(
        row[:, 1:][carried[:, :-1]], stock[:, :-1][carried[:, :-1]], np.ones(carried.sum())
    )
    made = work.out_node[activity]
    parts.entries(np.where(made >= 0, row[made, bucket], -1), work_column, work.out_qty[activity])
    length = np.diff(work.need_offset)[activity]
    place = np.repeat(np.arange(len(activity)), length)
    inner = np.arange(len(place)) - np.repeat(length.cumsum() - length, length)
    need = work.need_offset[activity[place]] + inner
    parts.entries(
        row[work.need_node[need], bucket[place]], work_column[place], -work.need_qty[need]
    )
    sold = np.flatnonzero((taken >= 0) & (problem.demand_item[demand] >= 0))
    parts.entries(
        row[problem.demand_item[demand[sold]], taken[sold]], sold, -problem.demand_qty[demand[sold]]
    )
    return row[:items], supply[:items]


def _add_expedites(
    parts: Parts, problem: Problem, grid: np.ndarray, node_row: np.ndarray
) -> np.ndarray:
    """Add the share of each receipt that comes earlier, at its price."""
    found = np.full(len(problem.supply_item), -1)
    early = problem.supply_expedite_at
    to = np.clip(np.searchsorted(grid, early, side="right") - 1, 0, len(grid) - 2)
    at = np.searchsorted(grid, problem.supply_at, side="right") - 1
    can = np.flatnonzero((early < problem.supply_at) & (to < at))
    if not len(can):
        return found
    item, qty = problem.supply_item[can], problem.supply_qty[can]
    found[can] = parts.columns(
        problem.supply_expedite_cost[can], np.zeros(len(can)), np.ones(len(can))
    )
    parts.entries(node_row[item, to[can]], found[can], qty)
    inside = at[can] < len(grid) - 1
    late = can[inside]
    parts.entries(
        node_row[problem.supply_item[late], at[late]], found[late], -problem.supply_qty[late]
    )
    return found
