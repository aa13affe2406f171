"""
The scheduling problem: plain, validated arrays; knows no solver and no table format.

Times are minutes since ``as_of``. An operation is one step of one lot; the operations of a lot
follow each other; a lot consumes components when it starts and adds to stock when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

NEVER = 1e15
"""Minute of what does not happen."""


class ProblemError(ValueError):
    """The problem contradicts itself; the text names the row."""


@dataclass(frozen=True)
class Calendar:
    """
    Working intervals of all resources, flattened.

    Attributes
    ----------
    offset
        Shape (num_resources + 1,): intervals of resource r are ``offset[r]:offset[r + 1]``.
    begin, end
        Begin and end of each interval, ascending per resource, disjoint. [min]
    is_overtime
        True where the hour costs the overtime rate.
    """

    offset: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    is_overtime: np.ndarray


@dataclass(frozen=True)
class Problem:
    """
    A finite-capacity scheduling problem at ``as_of``.

    Attributes
    ----------
    as_of
        Instant UTC that is minute 0.
    resource_ids, stations
        Resources and how many identical stations each has.
    calendar
        Working time of the resources.
    current_family
        Shape (num_resources,): set-up family the resource is set for, -1 unknown.
    family_ids, setup_minutes
        Set-up families and shape (num_resources, num_families, num_families) changeovers. [min]
    lot_ids, lot_item, lot_qty, lot_release, lot_due, lot_weight
        Work orders (``wo_id/split_no``) with their item, good quantity still to come [uom],
        release [min], due instant [min] and the cost of one day late. [money/day]
    op_lot, op_no, op_family
        Shape (num_operations,), operations of a lot consecutive and ascending.
    op_fixed
        True where the operation has started: it stays on its resource and goes first.
    op_resource, op_start
        Published resource (-1 none) and published start (NEVER none). [min]
    op_setup, op_change_cost
        Fixed set-up beside the changeover [min]; price of moving the operation. [money]
    alt_offset, alt_resource, alt_minutes, alt_preference
        Alternates of each operation, flattened: resource and remaining run time. [min]
    need_offset, need_item, need_qty
        Components that each operation consumes at its start, flattened. [uom]
    item_ids, on_hand, item_lead_minutes
        Items, usable stock [uom] and time after which a new supply would arrive. [min]
    supply_item, supply_at, supply_qty
        Dated receipts, ascending in time. [min], [uom]
    demand_keys, demand_item, demand_qty, demand_due, demand_weight, demand_rank
        Open order lines: (order_id, line_id), item, open quantity [uom], due [min], cost of one
        day late [money/day] and rank by the order priority policy (0 first).
    changeover_cost, overtime_cost
        Shape (num_resources,). [money/h]
    notes
        What the feed lacks and the problem therefore leaves out, in sentences.
    """

    as_of: pd.Timestamp
    resource_ids: tuple[str, ...]
    stations: np.ndarray
    calendar: Calendar
    current_family: np.ndarray
    family_ids: tuple[str, ...]
    setup_minutes: np.ndarray
    lot_ids: tuple[str, ...]
    lot_item: np.ndarray
    lot_qty: np.ndarray
    lot_release: np.ndarray
    lot_due: np.ndarray
    lot_weight: np.ndarray
    op_lot: np.ndarray
    op_no: np.ndarray
    op_family: np.ndarray
    op_fixed: np.ndarray
    op_frozen: np.ndarray
    op_resource: np.ndarray
    op_start: np.ndarray
    op_setup: np.ndarray
    op_change_cost: np.ndarray
    alt_offset: np.ndarray
    alt_resource: np.ndarray
    alt_minutes: np.ndarray
    alt_preference: np.ndarray
    need_offset: np.ndarray
    need_item: np.ndarray
    need_qty: np.ndarray
    item_ids: tuple[str, ...]
    on_hand: np.ndarray
    item_lead_minutes: np.ndarray
    supply_item: np.ndarray
    supply_at: np.ndarray
    supply_qty: np.ndarray
    demand_keys: tuple[tuple[str, str], ...]
    demand_item: np.ndarray
    demand_qty: np.ndarray
    demand_due: np.ndarray
    demand_weight: np.ndarray
    demand_rank: np.ndarray
    changeover_cost: np.ndarray
    overtime_cost: np.ndarray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.alt_offset) != len(self.op_lot) + 1:
            raise ProblemError("alternates do not match operations")
        empty = np.diff(self.alt_offset) == 0
        if empty.any():
            number = int(np.flatnonzero(empty)[0])
            lot = self.lot_ids[self.op_lot[number]]
            raise ProblemError(f"work order {lot}, operation {self.op_no[number]}: no resource")
        if len(self.alt_minutes) and self.alt_minutes.min() < 0:
            raise ProblemError("a run time is negative")

    @property
    def num_operations(self) -> int:
        """Number of operations."""
        return len(self.op_lot)

    def replace(self, **changes: Any) -> Problem:
        """Return the problem with fields replaced; the original stays as it is."""
        unknown = set(changes) - {field.name for field in fields(self)}
        if unknown:
            raise ProblemError(f"no such field: {', '.join(sorted(unknown))}")
        return replace(self, **changes)
