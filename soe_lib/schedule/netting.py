"""
Who is served by what: order lines and components pegged to stock, receipts, firm and new lots.

A *job* is a quantity that a target (an order line, or an operation that consumes an item made in
house) takes from one supply. Netting walks the bill of materials from finished goods downwards,
serves the earliest due first and makes planned lots of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from soe_lib.schedule.problem import NEVER, Problem

TINY = 1e-6
MOST_LOTS = 3
"""Lots that an order line is made in when it waits for components."""


@dataclass
class Jobs:
    """
    Jobs and lots, as lists that grow while netting runs.

    A job's ``target`` counts order lines first, then operations; ``lot`` is -1 where the quantity
    comes from stock or a dated supply that is there at ``time`` [min].
    """

    target: list[int] = field(default_factory=list)
    qty: list[float] = field(default_factory=list)
    lot: list[int] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    lot_item: list[int] = field(default_factory=list)
    lot_qty: list[float] = field(default_factory=list)
    lot_due: list[float] = field(default_factory=list)

    def add(self, target: int, qty: float, lot: int, time: float) -> None:
        """Add one job."""
        self.target.append(target)
        self.qty.append(qty)
        self.lot.append(lot)
        self.time.append(time)


@dataclass
class Need:
    """What a target takes of an item: due [min], quantity [uom], turn [min], lots to make of it."""

    due: float
    rank: float
    target: int
    qty: float
    turn: float = 0.0
    parts: int = 1


def rounded(problem: Problem, item: int, qty: float) -> float:
    """Return the smallest lot of an item that holds ``qty``: at least minimum, whole multiples."""
    qty = max(qty, float(problem.item_lot_min[item]))
    multiple = float(problem.item_lot_multiple[item])
    if multiple > 0:
        qty = float(np.ceil(qty / multiple - 1e-9)) * multiple
    return qty


def made_items(problem: Problem) -> np.ndarray:
    """Return True for items that lots supply, firm or planned; the others are bought."""
    made = problem.item_is_made.copy()
    made[problem.lot_item] = True
    return made


def firm_minutes(problem: Problem) -> np.ndarray:
    """Return the fastest run time of each firm operation. [min]"""
    if not problem.num_operations:
        return np.zeros(0)
    return np.minimum.reduceat(problem.alt_minutes, problem.alt_offset[:-1])


def recipe_minutes(problem: Problem, item: int, qty: float) -> np.ndarray:
    """Return the fastest run time of each recipe operation of a lot. [min]"""
    recipes = problem.recipes
    low, high = recipes.offset[item], recipes.offset[item + 1]
    first, last = recipes.alt_offset[low], recipes.alt_offset[high]
    minutes = recipes.alt_minutes_per_unit[first:last] * qty + recipes.alt_minutes_fixed[first:last]
    return np.minimum.reduceat(minutes, recipes.alt_offset[low:high] - first)


def net(
    problem: Problem, turn: np.ndarray | None = None, is_waited_for: np.ndarray | None = None
) -> Jobs:
    """
    Peg all demand; lots 0 to the number of firm lots - 1 are the firm ones, planned ones follow.

    Operation numbers in targets: firm operations first, then those of planned lots in the order in
    which the lots are made.

    Parameters
    ----------
    turn
        Instant of each order line by which its item's lines take their turn before their due
        instants count, NaN for none; lines of one planned lot have the same. [min]
    is_waited_for
        Whether an order line is late for want of components: what is still to be made of it becomes
        several lots, which several resources can run at once when the components are there.
    """
    orders, firm_ops = len(problem.demand_qty), problem.num_operations
    jobs = Jobs(
        lot_item=problem.lot_item.tolist(),
        lot_qty=problem.lot_qty.tolist(),
        lot_due=problem.lot_due.tolist(),
    )
    made = made_items(problem)
    waiting: dict[int, list[Need]] = {}
    turns = np.zeros(orders) if turn is None else np.nan_to_num(turn)
    parts = np.ones(orders, np.int64)
    if is_waited_for is not None:
        parts[is_waited_for] = MOST_LOTS
    for d, item in enumerate(problem.demand_item.tolist()):
        need = Need(
            float(problem.demand_due[d]), float(problem.demand_rank[d]), d,
            float(problem.demand_qty[d]), float(turns[d]), int(parts[d]),
        )  # fmt: skip
        waiting.setdefault(item, []).append(need)
    ends = _firm_ends(problem)
    firm_of: dict[int, list[int]] = {}
    for lot in np.argsort(ends, kind="stable").tolist():
        firm_of.setdefault(int(problem.lot_item[lot]), []).append(lot)
    dated = _dated(problem)
    minutes = firm_minutes(problem)
    next_op = orders + firm_ops
    for item in parents_first(problem):
        needs = sorted(waiting.get(item, ()), key=lambda n: (n.turn, n.due, n.rank, n.target))
        firm = firm_of.get(item, [])
        if not needs and not firm:
            continue
        if not made[item]:
            _buy(problem, jobs, item, needs, dated.get(item, []))
            continue
        first_new = len(jobs.lot_item)
        _serve(problem, jobs, item, needs, dated.get(item, []), firm)
        for lot in firm:
            _pass_down_firm(problem, jobs, lot, made, waiting, minutes)
        for lot in range(first_new, len(jobs.lot_item)):
            next_op = _pass_down(problem, jobs, lot, made, waiting, next_op)
    return jobs


def _firm_ends(problem: Problem) -> np.ndarray:
    """Return when firm lots will probably end: as published, else as due."""
    if not problem.num_operations:
        return np.zeros(0)
    last = np.searchsorted(problem.op_lot, np.arange(len(problem.lot_ids)), side="right") - 1
    start = problem.op_start[last]
    return np.where(start < NEVER / 2, start + firm_minutes(problem)[last], problem.lot_due)


def _dated(problem: Problem) -> dict[int, list[list[float]]]:
    """Return stock and receipts of each item as [time, qty], ascending."""
    found: dict[int, list[list[float]]] = {}
    for item in np.flatnonzero(problem.on_hand > 0).tolist():
        found.setdefault(item, []).append([0.0, float(problem.on_hand[item])])
    arrival = problem.supply_arrival.tolist()
    for k, item in enumerate(problem.supply_item.tolist()):
        entry = [arrival[k], float(problem.supply_qty[k])]
        found.setdefault(item, []).append(entry)
    for entries in found.values():
        entries.sort()
    return found


def _buy(
    problem: Problem, jobs: Jobs, item: int, needs: list[Need], dated: list[list[float]]
) -> None:
    """Peg what is not made in house; components wait in the simulation, order lines here."""
    for need in needs:
        if need.target >= len(problem.demand_qty):
            continue
        left = _take(jobs, need, need.qty, dated)
        if left > TINY:
            jobs.add(need.target, left, -1, max(float(problem.item_lead_minutes[item]), 0.0))


def _take(jobs: Jobs, need: Need, left: float, dated: list[list[float]]) -> float:
    for entry in dated:
        if left <= TINY:
            return 0.0
        taken = min(left, entry[1])
        if taken > TINY:
            jobs.add(need.target, taken, -1, entry[0])
            entry[1] -= taken
            left -= taken
    return left


def _serve(
    problem: Problem,
    jobs: Jobs,
    item: int,
    needs: list[Need],
    dated: list[list[float]],
    firm: list[int],
) -> None:
    """Serve the needs of a made item: stock, receipts, firm lots, then new lots."""
    room = {lot: float(problem.lot_qty[lot]) for lot in firm}
    for lot in firm:
        jobs.lot_due[lot] = NEVER
    queue = list(firm)
    open_needs: list[Need] = []
    for need in needs:
        left = _take(jobs, need, need.qty, dated)
        while left > TINY and queue:
            lot = queue[0]
            taken = min(left, room[lot])
            if taken > TINY:
                jobs.add(need.target, taken, lot, NEVER)
                jobs.lot_due[lot] = min(jobs.lot_due[lot], need.due)
                room[lot] -= taken
                left -= taken
            if room[lot] <= TINY:
                queue.pop(0)
        if left > TINY:
            open_needs.append(replace(need, qty=left))
    for lot in firm:
        if jobs.lot_due[lot] >= NEVER / 2:
            jobs.lot_due[lot] = float(problem.lot_due[lot])
    if not open_needs:
        return
    if not problem.item_is_made[item]:
        lead = max(float(problem.item_lead_minutes[item]), 0.0)
        for need in open_needs:
            jobs.add(need.target, need.qty, -1, lead)
        return
    _new_lots(problem, jobs, item, open_needs)


def _new_lots(problem: Problem, jobs: Jobs, item: int, needs: list[Need]) -> None:
    """Make planned lots: one per need, small ones together, large ones cut at the lot maximum."""
    least, most = float(problem.item_lot_min[item]), float(problem.item_lot_max[item])
    surplus, surplus_lot = 0.0, -1
    group: list[tuple[Need, float]] = []
    size = 0.0

    def close() -> None:
        nonlocal surplus, surplus_lot, group, size
        if not group:
            return
        lot = len(jobs.lot_item)
        qty = rounded(problem, item, size)
        jobs.lot_item.append(item)
        jobs.lot_qty.append(qty)
        jobs.lot_due.append(min(need.due for need, _ in group))
        for need, part in group:
            jobs.add(need.target, part, lot, NEVER)
        surplus, surplus_lot = qty - size, lot
        group, size = [], 0.0

    for need in needs:
        if group and group[-1][0].turn < need.turn:
            close()
        left = need.qty
        if surplus > TINY:
            taken = min(surplus, left)
            jobs.add(need.target, taken, surplus_lot, NEVER)
            surplus -= taken
            left -= taken
        if need.parts > 1 and not group:
            for qty in _parts(problem, item, need.parts, left):
                group.append((need, qty))
                size = qty
                close()
            continue
        while left > TINY:
            part = min(left, max(most - size, TINY))
            group.append((need, part))
            size += part
            left -= part
            if size >= least - TINY or size >= most - TINY:
                close()
    close()


def _parts(problem: Problem, item: int, parts: int, qty: float) -> list[float]:
    """Return a quantity in lots of about the same size, as many as the lot rules allow. [uom]"""
    least, multiple = float(problem.item_lot_min[item]), float(problem.item_lot_multiple[item])
    most = float(problem.item_lot_max[item])
    count = max(int(min(parts, qty / least)) if least > 0 else parts, 1, int(np.ceil(qty / most)))
    size = qty / count
    if multiple > 0:
        size = float(np.ceil(size / multiple - 1e-9)) * multiple
    size = min(size, most)
    found = []
    while qty > TINY:
        part = qty if qty <= most and qty - size < max(least, TINY) else size
        found.append(part)
        qty -= part
    return found


def _pass_down_firm(
    problem: Problem,
    jobs: Jobs,
    lot: int,
    made: np.ndarray,
    waiting: dict[int, list[Need]],
    fastest: np.ndarray,
) -> None:
    orders = len(problem.demand_qty)
    low = int(np.searchsorted(problem.op_lot, lot))
    high = int(np.searchsorted(problem.op_lot, lot, side="right"))
    minutes = fastest[low:high]
    for k in range(low, high):
        if problem.op_fixed[k]:
            continue
        due = jobs.lot_due[lot] - float(minutes[k - low :].sum())
        if problem.op_start[k] < NEVER / 2:
            due = min(due, float(problem.op_start[k]))
        for j in range(problem.need_offset[k], problem.need_offset[k + 1]):
            item = int(problem.need_item[j])
            if made[item]:
                need = Need(due, 0.0, orders + k, float(problem.need_qty[j]))
                waiting.setdefault(item, []).append(need)


def _pass_down(
    problem: Problem,
    jobs: Jobs,
    lot: int,
    made: np.ndarray,
    waiting: dict[int, list[Need]],
    next_op: int,
) -> int:
    item, qty = jobs.lot_item[lot], jobs.lot_qty[lot]
    recipes = problem.recipes
    low, high = int(recipes.offset[item]), int(recipes.offset[item + 1])
    if made[recipes.need_item[recipes.need_offset[low] : recipes.need_offset[high]]].any():
        minutes = recipe_minutes(problem, item, qty)
        for k in range(low, high):
            due = jobs.lot_due[lot] - float(minutes[k - low :].sum())
            for j in range(recipes.need_offset[k], recipes.need_offset[k + 1]):
                part = int(recipes.need_item[j])
                if made[part]:
                    need = Need(due, 1.0, next_op + k - low, qty * float(recipes.need_per_unit[j]))
                    waiting.setdefault(part, []).append(need)
    return next_op + high - low


def parents_first(problem: Problem) -> list[int]:
    """Return items so that every consumer stands before what it consumes (cycles are cut)."""
    parents: dict[int, set[int]] = {}
    firm_op = np.searchsorted(problem.need_offset, np.arange(len(problem.need_item)), "right") - 1
    consumer = problem.lot_item[problem.op_lot[firm_op]]
    for parent, item in zip(consumer.tolist(), problem.need_item.tolist(), strict=True):
        parents.setdefault(item, set()).add(parent)
    recipes = problem.recipes
    step = np.searchsorted(recipes.need_offset, np.arange(len(recipes.need_item)), "right") - 1
    maker = np.searchsorted(recipes.offset, step, "right") - 1
    for parent, item in zip(maker.tolist(), recipes.need_item.tolist(), strict=True):
        parents.setdefault(item, set()).add(parent)
    ordered: list[int] = []
    seen: set[int] = set()
    for root in range(len(problem.item_ids)):
        stack = [(root, iter(sorted(parents.get(root, ()))))]
        path = {root}
        if root in seen:
            continue
        while stack:
            item, rest = stack[-1]
            above = next((p for p in rest if p not in seen and p not in path), None)
            if above is None:
                stack.pop()
                path.discard(item)
                seen.add(item)
                ordered.append(item)
            else:
                path.add(above)
                stack.append((above, iter(sorted(parents.get(above, ())))))
    return ordered
