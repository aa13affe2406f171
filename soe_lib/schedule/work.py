# mypy: disable-error-code="assignment"
"""
The problem as the kernels see it: jobs, lots, operations and machines in flat, packed arrays.

``Field`` never changes during a search; ``State`` is what a search changes. Rows are packed (one
row of floats and one of integers per operation), since a sweep along a line touches every row
once and memory is what it waits for. The names of the columns are the constants below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# columns of Field.op_i
LOT, FAMILY, ALT_FIRST, ALT_COUNT, NEED_FIRST, NEED_COUNT, NEXT, PREVIOUS = range(8)
STAYS, RANK, BUCKET_FIRST, IS_LAST = range(8, 12)
OP_I = 12
# columns of Field.op_f
FLOOR, FIXED_SETUP, UNREST = range(3)
# columns of Field.alt_f
PER_UNIT, PER_LOT, PREFERENCE, QUEUE = range(4)
# columns of Field.order
DUE_AT, FREE, FLAT, PER_DAY, PER_WEEK, CAP, LOST_AFTER, LOST = range(8)
READY_BY, LANE, SUNK, LATE_FROM = range(8, 12)
# columns of Field.lot_i
FIRST_OP, NUM_OPS, ITEM, IS_FIRM, IS_PLAIN = range(5)
# columns of Field.rule
LOT_MIN, LOT_MULTIPLE, LOT_MAX, HOLDING, EARLY = range(5)
# columns of State.op
START, END, RUN, RELEASE, DUE, LAST_BUCKET, COST, HOLD_RATE, SOFT, SHARED = range(10)
OP_COLUMNS = 10
# columns of State.place
MACHINE, ALTERNATE, BASE_RESOURCE, LINKED = range(4)


class Field(NamedTuple):
    """What a search never changes."""

    orders: int
    clock_offset: np.ndarray
    clock: np.ndarray
    machine: np.ndarray  # resource, current family, number of locked operations
    machine_of: np.ndarray  # first machine of each resource
    setup: np.ndarray
    change_cost: np.ndarray  # per minute of changeover, by resource
    op_i: np.ndarray
    op_f: np.ndarray
    alt_resource: np.ndarray
    alt_f: np.ndarray
    need_bucket: np.ndarray  # purchased component of each need, -1 made in house
    need_f: np.ndarray  # per unit, per lot
    bucket_offset: np.ndarray
    bucket_at: np.ndarray
    bucket_w: np.ndarray  # by resource and bucket: minutes worked before it begins
    bucket_price: np.ndarray  # price of one unit short in the bucket, before the ramp
    order: np.ndarray
    leave_offset: np.ndarray  # departures of each lane
    leave_at: np.ndarray
    target_offset: np.ndarray
    job_target: np.ndarray
    job_qty: np.ndarray
    stock_offset: np.ndarray  # jobs of order lines of each item
    stock_job: np.ndarray
    user_offset: np.ndarray  # operations that take each purchased component
    user: np.ndarray
    lot_i: np.ndarray
    rule: np.ndarray
    mates_offset: np.ndarray  # planned lot slots of each item
    mates: np.ndarray
    has_unrest: bool


class State(NamedTuple):
    """What a search changes, and its scratch."""

    op: np.ndarray
    place: np.ndarray
    floor_at: np.ndarray  # release chosen by the search, per operation [min]
    lot_qty: np.ndarray
    lot_job: np.ndarray  # first job of each lot, -1 none
    job_next: np.ndarray
    job_lot: np.ndarray
    job_time: np.ndarray  # when a job that no lot serves is served; 0 from stock [min]
    stock_left: np.ndarray  # stock of each item that no job takes
    sequence: np.ndarray  # operations by machine, rows padded
    count: np.ndarray
    bucket_of: np.ndarray  # bucket of each need of each operation
    used: np.ndarray
    room: np.ndarray  # cumulative supply at each bucket
