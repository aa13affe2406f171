"""
The observed disruptions of the cycle, each with what would be otherwise without it.

What is worse now than the plan of the last cycle said is a disruption: a stop, a late or short
purchase, scrap above the usual, people missing, an order that grew, came new or was pulled in, work
that is behind. What went better than planned is taken as given. Work that is behind on a resource
is split over its observed causes: scrap of the operation itself, then the stops and missing people
of the resource and what its standard rate was known to be too fast by, in proportion to the minutes
that they took; the rest is the work order's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.impact.demand_changes import demand_changes
from soe_lib.impact.late_supply import late_supply
from soe_lib.impact.players import DEMAND_QTY, FACTS, ON_HAND, RUN, Found
from soe_lib.impact.reference import Reference
from soe_lib.impact.replay import Replay
from soe_lib.impact.rows import rows_of
from soe_lib.schedule.clock import Clock, build_clock, worked_at
from soe_lib.tables import TABLES

COLUMNS = ("disruption_id", "kind", "function", "object_type", "object_id", "size", "unit")
FUNCTION_OF = {
    "stop": "operations",
    "scrap": "operations",
    "absence": "operations",
    "optimistic_rate": "operations",
    "work_order_delay": "operations",
    "supplier_late": "procurement",
    "supplier_short": "procurement",
    "stock_blocked": "procurement",
    "order_new": "demand_planning",
    "order_grew": "demand_planning",
    "order_pulled_in": "demand_planning",
}
"""Kinds of disruption and the function that answers for each."""
OBJECT_OF = {
    "stop": "resource",
    "scrap": "resource",
    "absence": "site_skill",
    "optimistic_rate": "resource",
    "work_order_delay": "work_order",
    "supplier_late": "purchase_order_line",
    "supplier_short": "purchase_order_line",
    "stock_blocked": "item",
    "order_new": "order_line",
    "order_grew": "order_line",
    "order_pulled_in": "order_line",
}
LEAST_MINUTES = 1.0
MOST_OF_KIND = 15
"""Disruptions of a kind beyond which the smallest count as one: nobody reads three hundred."""
NOT_NEGATIVE = frozenset({RUN, DEMAND_QTY})


@dataclass(frozen=True)
class Disruptions:
    """
    Disruptions as players of a game.

    Attributes
    ----------
    table
        One row per disruption: ``COLUMNS``; ``size`` in ``unit``.
    toggle, amount
        By how much facts differ without each: kind (RUN, ...), disruption, number; amount.
    stop, stop_player
        Stops that go on after ``as_of``: begin and end [min]; disruption and resource.
    open_offset, open_span
        Clock of the resources without these stops.
    """

    table: pd.DataFrame
    toggle: np.ndarray
    amount: np.ndarray
    stop: np.ndarray
    stop_player: np.ndarray
    open_offset: np.ndarray
    open_span: np.ndarray

    @property
    def count(self) -> int:
        """Number of disruptions."""
        return len(self.table)


def facts_without(replay: Replay, own: Disruptions, away: np.ndarray) -> dict[str, np.ndarray]:
    """
    Return the facts of a replay without some disruptions, one row per row of ``away``.

    Work of which no disruption is left was begun in time: it needs no changeover any more.
    """
    found: dict[str, np.ndarray] = {}
    kinds = own.toggle[:, 0]
    for kind in np.unique(kinds).tolist():
        rows = np.flatnonzero(kinds == kind)
        base = getattr(replay.facts, FACTS[kind])
        change = np.zeros((own.count, len(base)))
        np.add.at(change, (own.toggle[rows, 1], own.toggle[rows, 2]), own.amount[rows])
        values = base + away @ change
        found[FACTS[kind]] = np.maximum(values, 0.0) if kind in NOT_NEGATIVE else values
        if kind == RUN:
            holds = np.zeros((own.count, len(base)))
            holds[own.toggle[rows, 1], own.toggle[rows, 2]] = 1.0
            is_free = (holds.sum(axis=0) > 0) & ((~away).astype(float) @ holds < 0.5)
            found["begun"] = np.where(is_free, 1, replay.facts.begun)
    return found


def clock_with(own: Disruptions, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the clocks of all resources with the stops of the disruptions that are there."""
    offset, spans = [0], []
    for r in range(len(own.open_offset) - 1):
        rows = own.open_span[own.open_offset[r] : own.open_offset[r + 1], :2]
        is_own = (own.stop_player[:, 1] == r) & there[own.stop_player[:, 0]]
        for begin, end in own.stop[is_own]:
            before = np.column_stack([rows[:, 0], np.minimum(rows[:, 1], begin)])
            after = np.column_stack([np.maximum(rows[:, 0], end), rows[:, 1]])
            both = np.vstack([before, after])
            rows = both[both[:, 1] > both[:, 0]]
            rows = rows[np.argsort(rows[:, 0], kind="stable")]
        length = rows[:, 1] - rows[:, 0]
        spans.append(np.column_stack([rows, np.cumsum(length) - length]))
        offset.append(offset[-1] + len(rows))
    return np.array(offset, np.int64), np.ascontiguousarray(np.vstack(spans))


def find_disruptions(
    replay: Replay, tables: Mapping[str, pd.DataFrame], reference: Reference
) -> Disruptions:
    """
    Find the disruptions since the plan of the last cycle.

    Parameters
    ----------
    replay
        The projection.
    tables
        Canonical tables of the snapshot.
    reference
        Plan of the last cycle (:func:`soe_lib.impact.reference.reference_of`).

    Returns
    -------
    Disruptions
        In the order of kind and object.
    """
    rows = {name: tables.get(name, contract.empty()) for name, contract in TABLES.items()}
    found = Found()
    stops = reference.stops(rows)
    clock = build_clock(replay.problem.replace(calendar=reference.open_calendar(rows)))
    _behind(found, replay, rows, reference, stops, clock)
    _short_lots(found, replay, rows, reference)
    _blocked(found, replay, rows, reference)
    late_supply(found, replay, rows, reference)
    demand_changes(found, replay, rows, reference)
    cut, owner = _open_stops(found, replay, reference, stops)
    return _ordered(found, cut, owner, clock.offset, clock.spans)


def _behind(
    found: Found,
    replay: Replay,
    rows: Mapping[str, pd.DataFrame],
    reference: Reference,
    stops: pd.DataFrame,
    clock: Clock,
) -> None:
    """Work that should be done or further: what is left beyond plan, by cause."""
    problem = replay.problem
    if not problem.num_operations:
        return
    offset, spans = clock.offset, clock.spans
    window = reference.planned_window(problem)
    run = replay.facts.run[: problem.num_operations]
    begin, end = window[:, 0], window[:, 1]
    left = np.array(
        [
            worked_at(offset, spans, int(r), max(float(e), 0.0)) if r >= 0 else 0.0
            for r, e in zip(problem.op_resource, end, strict=True)
        ]
    )
    should = np.isfinite(begin) & (begin < 0) & (problem.op_resource >= 0)
    behind = np.where(should, np.maximum(run - np.where(end > 0, left, 0.0), 0.0), 0.0)
    behind[behind < LEAST_MINUTES] = 0.0
    scrap = np.minimum(reference.scrap_minutes(problem, rows, run), behind)
    names = np.array(problem.lot_ids, dtype=object)[problem.op_lot]
    absent = reference.absent_minutes(rows)
    for r in np.unique(problem.op_resource[behind > 0]).tolist():
        own = np.flatnonzero((behind > 0) & (problem.op_resource == r))
        resource = problem.resource_ids[r]
        rest = behind[own] - scrap[own]
        total = float(rest.sum())
        causes = [
            ("stop", f"{resource} {event}", minutes)
            for event, minutes in reference.stopped(stops, resource)
        ]
        causes += [("absence", name, minutes) for name, minutes in absent.get(resource, ())]
        slow = reference.optimistic_minutes(rows, resource)
        causes += [("optimistic_rate", resource, slow)] if slow >= LEAST_MINUTES else []
        known = sum(minutes for _, _, minutes in causes)
        scale = min(1.0, total / known) / max(total, 1e-9) if known > 0 else 0.0
        for kind, name, minutes in causes:
            part = rest * minutes * scale
            player = found.player(kind, name, minutes / 60, "h")
            for op, amount in zip(own.tolist(), part.tolist(), strict=True):
                found.undo(RUN, player, op, -amount)
        for op, amount in zip(own.tolist(), (rest * (1 - known * scale)).tolist(), strict=True):
            if amount >= LEAST_MINUTES:
                name = str(names[op])
                player = found.player("work_order_delay", name, amount / 60, "h")
                found.undo(RUN, player, op, -amount)
            elif amount > 0 and known > 0:  # a trace: it goes with what took the rest
                found.undo(RUN, found.toggle[-1][1], op, -amount)
        for op in own[scrap[own] > 0].tolist():
            player = found.player("scrap", resource, float(scrap[op]) / 60, "h")
            found.undo(RUN, player, op, -float(scrap[op]))


def _short_lots(
    found: Found, replay: Replay, rows: Mapping[str, pd.DataFrame], reference: Reference
) -> None:
    """Lots that ended short since the last plan: what is missing beyond the usual scrap."""
    place = {item: k for k, item in enumerate(replay.problem.item_ids)}
    for row in rows_of(reference.short_lots(rows)):
        if row.item_id in place:
            player = found.player("scrap", str(row.resource_id), float(row.missing_qty), "uom")
            found.undo(ON_HAND, player, place[row.item_id], float(row.missing_qty))


def _blocked(
    found: Found, replay: Replay, rows: Mapping[str, pd.DataFrame], reference: Reference
) -> None:
    """Stock that quality blocked since the last plan."""
    place = {item: k for k, item in enumerate(replay.problem.item_ids)}
    for item, qty in reference.newly_blocked(rows).items():
        if item in place:
            player = found.player("stock_blocked", str(item), float(qty), "uom")
            found.undo(ON_HAND, player, place[str(item)], float(qty))


def _open_stops(
    found: Found, replay: Replay, reference: Reference, stops: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Stops that still close a resource; one player with what they took so far."""
    place = {name: k for k, name in enumerate(replay.problem.resource_ids)}
    cut, owner = [], []
    for row in rows_of(stops[stops["until_minutes"] > 0]):
        if row.resource_id not in place:
            continue
        hours = float(row.until_minutes) / 60
        player = found.player("stop", f"{row.resource_id} {row.event}", hours, "h")
        cut.append((max(float(row.begin_minutes), 0.0), float(row.until_minutes)))
        owner.append((player, place[row.resource_id]))
    order = sorted(range(len(cut)), key=lambda k: (owner[k][1], cut[k]))
    return (
        np.array([cut[k] for k in order], float).reshape(-1, 2),
        np.array([owner[k] for k in order], np.int64).reshape(-1, 2),
    )


def _ordered(
    found: Found, cut: np.ndarray, owner: np.ndarray, offset: np.ndarray, span: np.ndarray
) -> Disruptions:
    """Put players in the order of kind and name, so that results do not hang on the search."""
    merged = found.merge_small(MOST_OF_KIND)
    number = np.array([merged[k] for k in range(len(merged))], np.int64)
    kinds = list(FUNCTION_OF)
    order = sorted(
        range(len(found.rows)), key=lambda k: (kinds.index(found.rows[k][0]), found.rows[k][1])
    )
    new = np.zeros(max(len(order), 1), np.int64)
    new[order] = np.arange(len(order))
    table = pd.DataFrame(
        [
            (f"{kind}:{name}", kind, FUNCTION_OF[kind], OBJECT_OF[kind], name, size, unit)
            for kind, name, size, unit in (found.rows[k] for k in order)
        ],
        columns=list(COLUMNS),
    )
    texts = dict.fromkeys([name for name in COLUMNS if name != "size"], "str")
    toggle = np.array(found.toggle, np.int64).reshape(-1, 3)
    if len(toggle):
        toggle[:, 1] = new[number[toggle[:, 1]]]
    owner = owner.copy()
    if len(owner):
        owner[:, 0] = new[number[owner[:, 0]]]
    return Disruptions(
        table.astype({**texts, "size": float}),
        toggle,
        np.array(found.amount, float),
        cut,
        owner,
        offset.astype(np.int64),
        span.astype(float),
    )
