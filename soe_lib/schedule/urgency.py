"""When each lot is needed and what a day of delay costs: open orders exploded through the BOM."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.problem import NEVER, Problem


def with_urgency(problem: Problem) -> Problem:
    """
    Return the problem with ``lot_due`` and ``lot_weight`` derived from the open order lines.

    Per item, stock and receipts cover the earliest dues, lots (in the order of their published
    end) the following; a lot is due when its first line is, at the cost per day of all its lines.
    What a lot consumes is a demand in turn, due when the lot must start. A lot that serves no line
    keeps the due instant of its work order, at no cost.
    """
    if not problem.num_operations:
        return problem
    minutes = _fastest(problem)
    lots = len(problem.lot_ids)
    first = np.searchsorted(problem.op_lot, np.arange(lots))
    last = np.searchsorted(problem.op_lot, np.arange(lots), side="right") - 1
    work = np.add.reduceat(minutes, first)
    order_key = np.where(
        problem.op_start[last] < NEVER / 2, problem.op_start[last], problem.lot_due
    )
    due = np.full(lots, NEVER)
    weight = np.zeros(lots)
    needs: dict[int, list[tuple[float, float, float]]] = {}
    for k, item in enumerate(problem.demand_item.tolist()):
        rate = float(problem.demand_weight[k]) / max(float(problem.demand_qty[k]), 1e-9)
        entry = (float(problem.demand_due[k]), float(problem.demand_qty[k]), rate)
        needs.setdefault(item, []).append(entry)
    for item in _parents_first(problem):
        own = np.flatnonzero(problem.lot_item == item)
        own = own[np.argsort(order_key[own], kind="stable")]
        received = problem.supply_qty[problem.supply_item == item].sum()
        stock = float(problem.on_hand[item] + received)
        queue = sorted(needs.get(item, []))
        position, left = 0, float(problem.lot_qty[own[0]]) if len(own) else 0.0
        for need_due, need_qty, rate in queue:
            taken = min(stock, need_qty)
            stock -= taken
            open_qty = need_qty - taken
            while open_qty > 1e-9 and position < len(own):
                lot = own[position]
                part = min(left, open_qty)
                due[lot] = min(due[lot], need_due)
                weight[lot] += rate * part
                left -= part
                open_qty -= part
                if left <= 1e-9:
                    position += 1
                    left = float(problem.lot_qty[own[position]]) if position < len(own) else 0.0
        for lot in own:
            if weight[lot] <= 0 and due[lot] >= NEVER / 2:
                due[lot] = problem.lot_due[lot]
            start_by = due[lot] - work[lot]
            for o in range(first[lot], last[lot] + 1):
                for k in range(problem.need_offset[o], problem.need_offset[o + 1]):
                    qty = float(problem.need_qty[k])
                    entry = (float(start_by), qty, float(weight[lot]) / max(qty, 1e-9))
                    needs.setdefault(int(problem.need_item[k]), []).append(entry)
    return problem.replace(lot_due=np.minimum(due, NEVER), lot_weight=weight)


def operation_due(problem: Problem) -> np.ndarray:
    """Return the latest start of each operation: lot due less the run time from it on. [min]"""
    minutes = _fastest(problem)
    latest = np.empty(problem.num_operations)
    after = 0.0
    for o in range(problem.num_operations - 1, -1, -1):
        is_last = o + 1 == problem.num_operations or problem.op_lot[o + 1] != problem.op_lot[o]
        after = minutes[o] if is_last else after + minutes[o]
        latest[o] = problem.lot_due[problem.op_lot[o]] - after
    return latest


def _fastest(problem: Problem) -> np.ndarray:
    return np.minimum.reduceat(problem.alt_minutes, problem.alt_offset[:-1])


def _parents_first(problem: Problem) -> list[int]:
    """Items so that every consumer stands before what it consumes (cycles are cut)."""
    consumer = problem.lot_item[
        problem.op_lot[
            np.searchsorted(problem.need_offset, np.arange(len(problem.need_item)), side="right")
            - 1
        ]
    ]
    parents: dict[int, set[int]] = {}
    for parent, item in zip(consumer.tolist(), problem.need_item.tolist(), strict=True):
        parents.setdefault(item, set()).add(parent)
    ordered: list[int] = []
    seen: set[int] = set()

    def visit(item: int, path: frozenset[int]) -> None:
        if item in seen or item in path:
            return
        for parent in sorted(parents.get(item, ())):
            visit(parent, path | {item})
        seen.add(item)
        ordered.append(item)

    for item in range(len(problem.item_ids)):
        visit(item, frozenset())
    return ordered
