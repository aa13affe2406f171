"""Firm and planned work of a problem as flat activities that a linear programme can count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soe_lib.schedule.problem import NEVER, Problem


@dataclass(frozen=True)
class Activities:
    """
    One entry per (operation, alternate): firm operations in shares of the whole operation, recipe
    operations in hours of work.

    Attributes
    ----------
    resource, minutes
        Resource and its minutes for one unit of the activity.
    skill, heads, tool
        Skill (-1 none), people and tool (-1 none).
    is_firm
        True for work orders.
    earliest
        Not before. [min]
    once, num_once
        Row of "not more than one in all" (-1 none) and how many such rows there are.
    out_node, out_qty
        Node that one unit adds to (-1 none) and how much. Nodes are items, then half-done work.
    need_offset, need_node, need_qty
        What one unit takes, flattened.
    num_nodes
        Number of nodes.
    item
        Item that the activity works on.
    """

    resource: np.ndarray
    minutes: np.ndarray
    skill: np.ndarray
    heads: np.ndarray
    tool: np.ndarray
    is_firm: np.ndarray
    earliest: np.ndarray
    once: np.ndarray
    num_once: int
    out_node: np.ndarray
    out_qty: np.ndarray
    need_offset: np.ndarray
    need_node: np.ndarray
    need_qty: np.ndarray
    num_nodes: int
    item: np.ndarray


def build_activities(problem: Problem) -> Activities:
    """Return the activities of firm lots and of the recipes of items that may be made."""
    firm = _firm(problem, len(problem.item_ids))
    planned = _planned(problem, firm.num_nodes)
    return Activities(
        **{
            name: np.concatenate([getattr(firm, name), getattr(planned, name)])
            for name in (
                "resource", "minutes", "skill", "heads", "tool", "is_firm", "earliest", "once",
                "out_node", "out_qty", "need_node", "need_qty", "item",
            )
        },
        num_once=firm.num_once,
        need_offset=np.concatenate(
            [firm.need_offset, firm.need_offset[-1] + planned.need_offset[1:]]
        ),
        num_nodes=planned.num_nodes,
    )  # fmt: skip


def _firm(problem: Problem, first_node: int) -> Activities:
    operations = problem.num_operations
    lot = problem.op_lot
    is_last = np.append(lot[1:] != lot[:-1], True) if operations else np.zeros(0, bool)
    is_first = np.insert(lot[1:] != lot[:-1], 0, True) if operations else np.zeros(0, bool)
    fastest = (
        np.minimum.reduceat(problem.alt_minutes, problem.alt_offset[:-1])
        if operations
        else np.zeros(0)
    )
    # an operation cannot begin before its lot's release and the work before it
    before = fastest.cumsum() - fastest
    before -= np.repeat(before[is_first], np.diff(np.flatnonzero(np.append(is_first, True))))
    earliest = np.where(problem.op_fixed, 0.0, problem.lot_release[lot]) + before
    stage = first_node + np.cumsum(~is_last) - 1  # node after an operation that is not the last
    out_node = np.where(is_last, problem.lot_item[lot], stage)
    out_qty = np.where(is_last, problem.lot_qty[lot], 1.0)
    own_node, own_item, own_qty = _needs(problem, is_first, stage)
    operation = np.repeat(np.arange(operations), np.diff(problem.alt_offset))
    stays = problem.op_fixed[operation] & (problem.op_resource[operation] >= 0)
    kept = np.flatnonzero(~stays | (problem.alt_resource == problem.op_resource[operation]))
    operation = operation[kept]
    offset, place = _spread(own_node, operation)
    once = np.where(is_first, np.cumsum(is_first) - 1, -1)
    return Activities(
        resource=problem.alt_resource[kept],
        minutes=problem.alt_minutes[kept],
        skill=problem.alt_skill[kept],
        heads=problem.alt_heads[kept],
        tool=problem.alt_tool[kept],
        is_firm=np.ones(len(operation), bool),
        earliest=earliest[operation],
        once=once[operation],
        num_once=int(is_first.sum()),
        out_node=out_node[operation],
        out_qty=out_qty[operation],
        need_offset=offset,
        need_node=own_item[place],
        need_qty=own_qty[place],
        num_nodes=first_node + int((~is_last).sum()),
        item=problem.lot_item[lot[operation]],
    )


def _needs(
    problem: Problem, is_first: np.ndarray, stage: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, nodes and quantities per firm operation: components and the work before it."""
    inner = np.flatnonzero(~is_first)
    owner = np.repeat(np.arange(problem.num_operations), np.diff(problem.need_offset))
    taken = ~problem.op_fixed[owner]  # what has started has its components
    owners = np.concatenate([owner[taken], inner])
    nodes = np.concatenate([problem.need_item[taken], stage[inner - 1]])
    qty = np.concatenate([problem.need_qty[taken], np.ones(len(inner))])
    order = np.argsort(owners, kind="stable")
    offset = np.searchsorted(owners[order], np.arange(problem.num_operations + 1))
    return offset, nodes[order].astype(np.int64), qty[order]


def _spread(offset: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets per activity and, for each entry, its place in the list of the operations."""
    length = np.diff(offset)[owner]
    total = np.concatenate([[0], length.cumsum()])
    place = np.arange(total[-1]) - np.repeat(total[:-1] - offset[owner], length)
    return total, place.astype(np.int64)


def _planned(problem: Problem, first_node: int) -> Activities:
    recipes = problem.recipes
    owner = np.repeat(np.arange(len(problem.item_ids)), np.diff(recipes.offset))
    operations = len(recipes.op_no)
    is_last = np.append(owner[1:] != owner[:-1], True) if operations else np.zeros(0, bool)
    is_first = np.insert(owner[1:] != owner[:-1], 0, True) if operations else np.zeros(0, bool)
    stage = first_node + np.cumsum(~is_last) - 1
    inner = np.flatnonzero(~is_first)
    own = np.repeat(np.arange(operations), np.diff(recipes.need_offset))
    owners = np.concatenate([own, inner])
    nodes = np.concatenate([recipes.need_item, stage[inner - 1]])
    per_unit = np.concatenate([recipes.need_per_unit, np.ones(len(inner))])
    order = np.argsort(owners, kind="stable")
    offset = np.searchsorted(owners[order], np.arange(operations + 1))
    operation = np.repeat(np.arange(operations), np.diff(recipes.alt_offset))
    if not problem.is_planning:
        operation = operation[:0]
    kept = slice(0, len(operation))
    item = owner[operation]
    # what a lot costs whatever its size falls on each unit of the largest lot at least
    largest = problem.item_lot_max[item]
    fixed = recipes.alt_minutes_fixed[kept] + recipes.op_setup[operation]
    minutes = recipes.alt_minutes_per_unit[kept] + np.where(
        largest < NEVER / 2, fixed / np.maximum(largest, 1e-9), 0.0
    )
    units = np.where(minutes > 1e-9, 60.0 / np.maximum(minutes, 1e-9), 1.0)
    total, place = _spread(offset, operation)
    repeat = np.repeat(units, np.diff(total))
    return Activities(
        resource=recipes.alt_resource[kept],
        minutes=minutes * units,
        skill=recipes.alt_skill[kept],
        heads=recipes.alt_heads[kept],
        tool=recipes.alt_tool[kept],
        is_firm=np.zeros(len(operation), bool),
        earliest=np.zeros(len(operation)),
        once=np.full(len(operation), -1),
        num_once=0,
        out_node=np.where(is_last, owner, stage)[operation] if operations else item,
        out_qty=units,
        need_offset=total,
        need_node=nodes[order].astype(np.int64)[place],
        need_qty=per_unit[order][place] * repeat,
        num_nodes=first_node + int((~is_last).sum()),
        item=item,
    )
