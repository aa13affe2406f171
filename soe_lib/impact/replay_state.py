# mypy: disable-error-code="assignment, no-untyped-def"
"""What the kernels of a replay read and write: constants, facts that stay, facts drawn, scratch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.impact.kernel import kernel
from soe_lib.schedule.problem import NEVER

# columns of Still.op_i
LOT, FAMILY, PREVIOUS, NEXT, IS_LAST, NEED_FIRST, NEED_COUNT, TOOL, SKILL, MACHINE = range(10)
OP_I = 10
# columns of Still.op_f
FLOOR, FIXED_SETUP, HEADS, QUEUE = range(4)
OP_F = 4
# Work.number
HELD, SKIPPED, OVERFLOW, KEEPS = range(4)
TINY = 1e-6
BLOCKED = 2 * NEVER


class Still(NamedTuple):
    """What no replay changes: sequences, links, recipes, who may take what."""

    machine: np.ndarray  # resource, family it is set for
    sequence: np.ndarray
    count: np.ndarray
    op_i: np.ndarray
    op_f: np.ndarray
    setup: np.ndarray
    need_item: np.ndarray
    need_qty: np.ndarray
    user_offset: np.ndarray  # operations that take each item
    user: np.ndarray
    lead: np.ndarray
    is_component: np.ndarray  # made in house and taken by operations
    tool_offset: np.ndarray
    tool_free: np.ndarray
    skill_offset: np.ndarray
    skill_span: np.ndarray  # begin, end
    lot_item: np.ndarray
    event_offset: np.ndarray
    supply_item: np.ndarray
    is_sold: np.ndarray
    demand_item: np.ndarray
    by_rank: np.ndarray
    clause: np.ndarray  # free, flat, per day, per week, cap, lost after, lost
    slot_offset: np.ndarray  # slots of each item: stock, receipts, lots, new
    slot: np.ndarray
    shelf: np.ndarray
    job: np.ndarray  # order line, first candidate slot, number of them, 1 if a lot
    job_qty: np.ndarray
    job_slot: np.ndarray
    takes: np.ndarray  # needs (operation, need) of items that are also sold
    expires: np.ndarray  # of receipts
    partial: np.ndarray  # order lines that may leave in parts
    lane: np.ndarray  # of order lines, -1: none
    pallets: np.ndarray  # of order lines, per unit
    lane_offset: np.ndarray  # departures of each lane
    lane_at: np.ndarray
    lane_room: np.ndarray


class Draw(NamedTuple):
    """The facts of one replay; minutes and units as in ``Problem``."""

    run: np.ndarray
    begun: np.ndarray  # 1: set up already
    floor: np.ndarray
    clock_offset: np.ndarray
    clock: np.ndarray
    supply_at: np.ndarray
    supply_qty: np.ndarray
    on_hand: np.ndarray
    people: np.ndarray
    lot_qty: np.ndarray
    demand_qty: np.ndarray
    demand_due: np.ndarray


class Work(NamedTuple):
    """Scratch of one thread."""

    order: np.ndarray
    head: np.ndarray
    candidate: np.ndarray
    worked: np.ndarray
    family: np.ndarray
    start: np.ndarray
    end: np.ndarray
    times: np.ndarray
    amounts: np.ndarray
    events: np.ndarray
    used: np.ndarray
    bought: np.ndarray
    need_bought: np.ndarray
    tool_free: np.ndarray
    held: np.ndarray
    number: np.ndarray
    now: np.ndarray  # start of the run that was committed last [min]
    slot_at: np.ndarray
    slot_qty: np.ndarray
    slot_left: np.ndarray
    slot_first: np.ndarray
    ranked: np.ndarray
    taken: np.ndarray
    open_qty: np.ndarray
    ready: np.ndarray
    other: np.ndarray
    lacking: np.ndarray
    room: np.ndarray  # left on departures [pallets]
    loaded: np.ndarray  # of it by the order line that is looked at
    banned: np.ndarray  # by slot: number of the order line that it would be too old for
    pegs: np.ndarray
    peg_first: np.ndarray  # pegs of each order line, chained
    peg_next: np.ndarray
    peg_slot: np.ndarray
    peg_qty: np.ndarray
    peg_leaves: np.ndarray


@kernel
def copy(target, source):
    """Copy a flat array (an assignment of slices would allocate)."""
    for k in range(len(target)):
        target[k] = source[k]
