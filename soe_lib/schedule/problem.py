"""
The scheduling problem: plain, validated arrays; knows no solver and no table format.

Times are minutes since ``as_of``. Work is either **firm** (work orders: lots with operations that
somebody has released or published) or **planned** (lots that the engine makes itself, by the
item's recipe, for demand that stock, receipts and firm lots do not cover). A lot runs its
operations one after the other, takes components when an operation's run starts and adds to stock
when its last operation ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.schedule.problem_parts import NEVER as NEVER
from soe_lib.schedule.problem_parts import Calendar as Calendar
from soe_lib.schedule.problem_parts import Clauses as Clauses
from soe_lib.schedule.problem_parts import Labour as Labour
from soe_lib.schedule.problem_parts import ProblemError as ProblemError
from soe_lib.schedule.problem_parts import Recipes as Recipes
from soe_lib.schedule.problem_parts import Shipping as Shipping
from soe_lib.schedule.problem_parts import Tools as Tools
from soe_lib.schedule.problem_parts import no_floats as _floats
from soe_lib.schedule.problem_parts import no_ints as _ints


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
        Firm lots (``wo_id/split_no``) with their item, good quantity still to come [uom],
        release [min], due instant [min] and the cost of one day late. [money/day]
    op_lot, op_no, op_family
        Shape (num_operations,), firm operations; those of a lot consecutive and ascending.
    op_fixed, op_frozen
        True where the operation has started: it stays on its resource and goes first. True where
        it lies in the frozen zone: the search leaves it as published.
    op_resource, op_start
        Published resource (-1 none) and published start (NEVER none). [min]
    op_setup, op_change_cost
        Fixed set-up beside the changeover [min]; price of moving the operation. [money]
    alt_offset, alt_resource, alt_minutes, alt_preference
        Alternates of each operation, flattened: resource and remaining run time. [min]
    alt_tool, alt_skill, alt_heads, alt_queue
        Shape of ``alt_resource``: tool (-1 none), skill (-1 none), people, wait after it. [min]
    need_offset, need_item, need_qty
        Components that each operation consumes at its start, flattened. [uom]
    item_ids, on_hand, item_lead_minutes
        Items, usable stock [uom] and time after which a new purchase arrives. [min]
    item_lot_min, item_lot_multiple, item_lot_max, item_shelf_minutes, item_value
        Rules of planned lots [uom], shelf life of what is made [min] (NEVER: none) and value of
        one unit. [money/uom]
    item_expedite_minutes, item_expedite_cost
        Lead time of an expedited purchase [min] (NEVER: none) and its price each. [money]
    supply_item, supply_at, supply_qty
        Dated receipts, ascending in time. [min], [uom]
    supply_ids
        Names of the receipts; their numbers where nothing else is given.
    supply_expires, supply_expedite_at, supply_expedite_cost
        Instant after which a receipt may not be used [min]; arrival when expedited (NEVER: cannot
        be) [min] and price. [money]
    supply_is_early
        True where the receipt is paid to be early.
    demand_keys, demand_item, demand_qty, demand_due, demand_weight, demand_rank
        Open order lines: (order_id, line_id), item, open quantity [uom], due [min], cost of one
        day late [money/day] and rank by the order priority policy (0 first).
    demand_partial
        True where parts may leave as they are ready, with several departures; a line is late by
        its last part all the same. Other lines leave whole.
    clauses
        What lateness of each line costs; ``demand_weight`` alone where it is None.
    recipes, labour, tools, shipping
        Planned work, people, tools, departures; empty where the feed has none.
    holding_per_day
        Cost of holding stock, as a share of its value. [1/day]
    changeover_cost, overtime_cost
        Shape (num_resources,). [money/h]
    is_planning
        Whether the engine may make planned lots for what is not covered.
    notes
        What the feed lacks and the problem therefore leaves out, in sentences.
    price_notes
        Which money parameters the feed's own prices override, in sentences.
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
    alt_tool: np.ndarray = field(default_factory=_ints)
    alt_skill: np.ndarray = field(default_factory=_ints)
    alt_heads: np.ndarray = field(default_factory=_floats)
    alt_queue: np.ndarray = field(default_factory=_floats)
    item_lot_min: np.ndarray = field(default_factory=_floats)
    item_lot_multiple: np.ndarray = field(default_factory=_floats)
    item_lot_max: np.ndarray = field(default_factory=_floats)
    item_shelf_minutes: np.ndarray = field(default_factory=_floats)
    item_value: np.ndarray = field(default_factory=_floats)
    item_expedite_minutes: np.ndarray = field(default_factory=_floats)
    item_expedite_cost: np.ndarray = field(default_factory=_floats)
    supply_ids: tuple[str, ...] = ()
    supply_expires: np.ndarray = field(default_factory=_floats)
    supply_expedite_at: np.ndarray = field(default_factory=_floats)
    supply_expedite_cost: np.ndarray = field(default_factory=_floats)
    supply_is_early: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    demand_partial: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    clauses: Clauses | None = None
    recipes: Recipes = field(default_factory=Recipes)
    labour: Labour = field(default_factory=Labour)
    tools: Tools = field(default_factory=Tools)
    shipping: Shipping = field(default_factory=Shipping)
    holding_per_day: float = 0.0
    is_planning: bool = True
    notes: tuple[str, ...] = ()
    price_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._fill()
        self._check()

    def _fill(self) -> None:
        """Give optional arrays that were left empty their neutral values."""
        alternates, items = len(self.alt_resource), len(self.item_ids)
        supplies, demands = len(self.supply_item), len(self.demand_item)
        neutral: dict[str, tuple[int, float, type]] = {
            "alt_tool": (alternates, -1, np.int64),
            "alt_skill": (alternates, -1, np.int64),
            "alt_heads": (alternates, 0.0, float),
            "alt_queue": (alternates, 0.0, float),
            "item_lot_min": (items, 0.0, float),
            "item_lot_multiple": (items, 0.0, float),
            "item_lot_max": (items, NEVER, float),
            "item_shelf_minutes": (items, NEVER, float),
            "item_value": (items, 0.0, float),
            "item_expedite_minutes": (items, NEVER, float),
            "item_expedite_cost": (items, 0.0, float),
            "supply_expires": (supplies, NEVER, float),
            "supply_expedite_at": (supplies, NEVER, float),
            "supply_expedite_cost": (supplies, 0.0, float),
            "supply_is_early": (supplies, 0, bool),
            "demand_partial": (demands, 0, bool),
        }
        for name, (size, value, dtype) in neutral.items():
            if len(getattr(self, name)) != size:
                object.__setattr__(self, name, np.full(size, value, dtype))
        if len(self.supply_ids) != supplies:
            object.__setattr__(self, "supply_ids", tuple(str(k) for k in range(supplies)))
        if self.clauses is None or len(self.clauses.per_day) != demands:
            object.__setattr__(self, "clauses", Clauses.of_rate(self.demand_weight))
        if len(self.recipes.offset) != items + 1:
            empty = replace(self.recipes, offset=np.zeros(items + 1, np.int64))
            object.__setattr__(self, "recipes", empty)
        if len(self.shipping.demand_lane) != demands:
            ships = replace(
                self.shipping,
                demand_lane=np.full(demands, -1, np.int64),
                demand_pallets=np.zeros(demands),
            )
            object.__setattr__(self, "shipping", ships)

    def _check(self) -> None:
        if len(self.alt_offset) != len(self.op_lot) + 1:
            raise ProblemError("alternates do not match operations")
        empty = np.diff(self.alt_offset) == 0
        if empty.any():
            number = int(np.flatnonzero(empty)[0])
            lot = self.lot_ids[self.op_lot[number]]
            raise ProblemError(f"work order {lot}, operation {self.op_no[number]}: no resource")
        if len(self.alt_minutes) and self.alt_minutes.min() < 0:
            raise ProblemError("a run time is negative")
        for name in ("demand_qty", "supply_qty", "lot_qty"):
            values = getattr(self, name)
            if len(values) and not (values >= 0).all():
                raise ProblemError(f"{name}: row {int(np.argmax(~(values >= 0)))} is not >= 0")
        recipes = self.recipes
        if len(recipes.alt_offset) != len(recipes.op_no) + 1:
            raise ProblemError("recipe alternates do not match recipe operations")
        bare = np.diff(recipes.alt_offset) == 0
        if bare.any():
            number = int(np.flatnonzero(bare)[0])
            item = int(np.searchsorted(recipes.offset, number, side="right")) - 1
            text = f"item {self.item_ids[item]}, operation {recipes.op_no[number]}: no resource"
            raise ProblemError(text)

    @property
    def num_operations(self) -> int:
        """Number of firm operations."""
        return len(self.op_lot)

    @property
    def supply_arrival(self) -> np.ndarray:
        """Shape (num_supplies,): when each receipt is there, early where that is paid. [min]"""
        return np.where(self.supply_is_early, self.supply_expedite_at, self.supply_at)

    @property
    def item_is_made(self) -> np.ndarray:
        """Shape (num_items,): True where the engine may make planned lots of the item."""
        return (np.diff(self.recipes.offset) > 0) & self.is_planning

    def replace(self, **changes: Any) -> Problem:
        """Return the problem with fields replaced; the original stays as it is."""
        unknown = set(changes) - {own.name for own in fields(self)}
        if unknown:
            raise ProblemError(f"no such field: {', '.join(sorted(unknown))}")
        if "demand_weight" in changes and "clauses" not in changes and self.clauses is not None:
            changes["clauses"] = _scaled(self.clauses, self.demand_weight, changes["demand_weight"])
        return replace(self, **changes)


def _scaled(clauses: Clauses, old: np.ndarray, new: np.ndarray) -> Clauses | None:
    """Return clauses that follow a change of the cost per day; None where the lines changed."""
    if len(old) != len(new):
        return None
    ratio = np.divide(new, old, out=np.ones(len(new)), where=old > 0)
    return replace(
        clauses,
        flat=clauses.flat * ratio,
        per_day=np.where(old > 0, clauses.per_day * ratio, new),
        per_week=clauses.per_week * ratio,
        cap=clauses.cap * ratio,
    )
