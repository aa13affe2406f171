"""What the twin knows at one instant: lots, stock, purchases, and the log of what happened."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from soe_lib.twin.clock import Clock, Interval, WorkTime
from soe_lib.twin.demand import Line
from soe_lib.twin.nuisance import QUIET, Nuisance
from soe_lib.twin.plant import Plant
from soe_lib.twin.records import Batch, Customer, Item


@dataclass(slots=True, eq=False)
class Op:
    """An operation of a lot: what is planned (setup, start, end) and what happened."""

    lot: Lot
    no: int
    resource: str
    qty: float
    setup_at: float = math.nan
    start_at: float = math.nan
    end_at: float = math.nan
    setup_from: str = ""
    state: str = "open"
    began: float = math.nan
    started: float = math.nan
    ended: float = math.nan
    good: float = 0.0
    scrap: float = 0.0
    taken: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Lot:
    """
    A work order.

    ``due`` moves with the orders, ``due_at`` is what the ERP was told first; before ``earliest``
    the plan does not start it, though it is released.
    """

    wo: str
    item: str
    ordinal: int
    qty: float
    site: str
    family: str
    created: float
    due: float
    release: float
    earliest: float
    due_at: float = math.nan
    ops: list[Op] = field(default_factory=list)
    status: str = "planned"
    good: float = 0.0
    scrap: float = 0.0
    started: float = math.nan
    ended: float = math.nan
    pegs: list[tuple[str, float]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.status != "completed"

    @property
    def expected_good(self) -> float:
        """Good quantity that the lot will still give."""
        done = [op for op in self.ops if op.state == "done"]
        return done[-1].good if done else self.qty


@dataclass(slots=True, eq=False)
class Purchase:
    """A purchase order line; days are local day numbers."""

    po: str
    line: str
    item: str
    supplier: str
    qty: float
    ordered_at: float
    required: int
    first_promised: int
    promised: int
    confirmed: float
    unit_cost: float
    expedite_days: int
    received: float = 0.0
    rejected: float = 0.0
    status: str = "open"


class Outcome(NamedTuple):
    """How an order line ended: when it should have left by its first promise, and when it did."""

    item: str
    site: str
    due: float
    issued: float


Row = tuple[object, ...]


class Log:
    """Everything that happened, as tuples by subject; a run that only asks 'when' keeps none."""

    def __init__(self, *, is_on: bool = True) -> None:
        self.is_on = is_on
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.resolved: dict[str, tuple[str, str]] = {}

    def add(self, subject: str, *values: object) -> None:
        """Keep one fact."""
        if self.is_on:
            self.rows[subject].append(values)


@dataclass(frozen=True)
class World:
    """What does not change while a run lasts: plant, clock, calendars, rates, prices."""

    plant: Plant
    clock: Clock
    seed: int
    shifts: dict[str, list[Interval]]
    planned: dict[str, WorkTime]
    routes: dict[tuple[str, int], list[tuple[str, float, str]]]
    needs: dict[tuple[str, int], list[tuple[str, float]]]
    bought: dict[str, list[tuple[str, float]]]
    setups: dict[tuple[str, str, str], float]
    items: dict[str, Item]
    customers: list[Customer]
    shares: dict[str, float]
    use: dict[str, float]
    nuisance: Nuisance = QUIET

    def setup_minutes(self, group: str, before: str, after: str) -> float:
        """Return the changeover between two set-up families. [min]"""
        return self.setups.get((group, before, after), 0.0) if before != after else 0.0


@dataclass
class State:
    """The plant at one instant; a deep copy of it is a place to start another run from."""

    now: float = 0.0
    lines: dict[str, Line] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    lots: dict[str, Lot] = field(default_factory=dict)
    purchases: list[Purchase] = field(default_factory=list)
    free: dict[str, float] = field(default_factory=dict)
    batches: dict[str, list[Batch]] = field(default_factory=dict)
    phantom: dict[str, float] = field(default_factory=dict)
    queue: dict[str, list[Op]] = field(default_factory=dict)
    running: dict[str, Op | None] = field(default_factory=dict)
    family: dict[str, str] = field(default_factory=dict)
    tools: dict[str, int] = field(default_factory=dict)
    ordinals: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    cut_lines: list[tuple[str, str, float, float]] = field(default_factory=list)
    cut_down: dict[str, list[Interval]] = field(default_factory=dict)
    cut_promises: dict[str, tuple[int, float]] = field(default_factory=dict)
    known_down: dict[str, list[Interval]] = field(default_factory=dict)
    staged: dict[str, tuple[str, float, float, list[tuple[str, str, float]]]] = field(
        default_factory=dict
    )
    heap: list[tuple[float, int, str, object]] = field(default_factory=list)
    ticket: int = 0
    trucks: dict[str, tuple[str, float]] = field(default_factory=dict)
    wakes: dict[str, float] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
