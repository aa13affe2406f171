"""The parts of a scheduling problem: calendar, recipes, people, tools, departures, clauses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

NEVER = 1e15
"""Minute of what does not happen."""


class ProblemError(ValueError):
    """The problem contradicts itself; the text names the row."""


def no_floats() -> np.ndarray:
    """Return no floats: the default of optional arrays."""
    return np.zeros(0)


def no_ints() -> np.ndarray:
    """Return no integers."""
    return np.zeros(0, np.int64)


def _offset() -> np.ndarray:
    return np.zeros(1, np.int64)


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
        True where the hour costs the overtime rate; the search decides which of these it books.
    """

    offset: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    is_overtime: np.ndarray


@dataclass(frozen=True)
class Recipes:
    """
    How the engine makes planned lots: the routing and bill of each item that it may make.

    Attributes
    ----------
    offset
        Shape (num_items + 1,): recipe operations of item i are ``offset[i]:offset[i + 1]``; an
        item without any cannot be made (it is bought).
    op_no, op_family, op_setup
        Shape (num_recipe_operations,): number, set-up family (-1 none) and fixed set-up [min].
    alt_offset, alt_resource, alt_minutes_per_unit, alt_minutes_fixed, alt_preference
        Alternates of each recipe operation, flattened: resource, run time per good unit of the lot
        [min/uom], run time per lot [min], preference (lower is better).
    alt_tool, alt_skill, alt_heads, alt_queue
        Shape of ``alt_resource``: tool (-1 none), skill (-1 none), people, wait after the
        operation [min].
    need_offset, need_item, need_per_unit
        Components of each recipe operation, flattened: item and quantity per good unit. [uom/uom]
    """

    offset: np.ndarray = field(default_factory=_offset)
    op_no: np.ndarray = field(default_factory=no_ints)
    op_family: np.ndarray = field(default_factory=no_ints)
    op_setup: np.ndarray = field(default_factory=no_floats)
    alt_offset: np.ndarray = field(default_factory=_offset)
    alt_resource: np.ndarray = field(default_factory=no_ints)
    alt_minutes_per_unit: np.ndarray = field(default_factory=no_floats)
    alt_minutes_fixed: np.ndarray = field(default_factory=no_floats)
    alt_preference: np.ndarray = field(default_factory=no_floats)
    alt_tool: np.ndarray = field(default_factory=no_ints)
    alt_skill: np.ndarray = field(default_factory=no_ints)
    alt_heads: np.ndarray = field(default_factory=no_floats)
    alt_queue: np.ndarray = field(default_factory=no_floats)
    need_offset: np.ndarray = field(default_factory=_offset)
    need_item: np.ndarray = field(default_factory=no_ints)
    need_per_unit: np.ndarray = field(default_factory=no_floats)


@dataclass(frozen=True)
class Labour:
    """
    People by skill over time; an operation holds its people while it works, not while it pauses.

    Attributes
    ----------
    skill_ids
        Skills.
    offset, begin, end, heads
        Intervals of skill s are ``offset[s]:offset[s + 1]``, ascending, disjoint; nobody is there
        outside them. [min], [people]
    """

    skill_ids: tuple[str, ...] = ()
    offset: np.ndarray = field(default_factory=_offset)
    begin: np.ndarray = field(default_factory=no_floats)
    end: np.ndarray = field(default_factory=no_floats)
    heads: np.ndarray = field(default_factory=no_floats)


@dataclass(frozen=True)
class Tools:
    """Tools: how many there are of each and from when; held from set-up start to end. [min]"""

    tool_ids: tuple[str, ...] = ()
    qty: np.ndarray = field(default_factory=no_ints)
    available_from: np.ndarray = field(default_factory=no_floats)


@dataclass(frozen=True)
class Shipping:
    """
    Departures with limited room; a day after the last one of a lane no limit is known any more.

    Attributes
    ----------
    lane_ids
        Lanes with limited capacity.
    offset, at, pallets
        Departures of lane k are ``offset[k]:offset[k + 1]``, ascending: cut-off [min] and room
        [pallets].
    demand_lane, demand_pallets
        Shape (num_demands,): lane of the order line (-1: leaves as soon as it is ready) and its
        pallets. [pallets per uom]
    """

    lane_ids: tuple[str, ...] = ()
    offset: np.ndarray = field(default_factory=_offset)
    at: np.ndarray = field(default_factory=no_floats)
    pallets: np.ndarray = field(default_factory=no_floats)
    demand_lane: np.ndarray = field(default_factory=no_ints)
    demand_pallets: np.ndarray = field(default_factory=no_floats)


@dataclass(frozen=True)
class Clauses:
    """
    What lateness of each order line costs, arrays of shape (num_demands,).

    With d days late beyond ``free_days``: ``flat`` once, ``per_day`` times d, ``per_week`` per
    begun week, together at most ``cap``. A line later than ``lost_after_days`` beyond its due, or
    never delivered, costs ``lost`` (margin) on top. [days], [money]
    """

    free_days: np.ndarray
    flat: np.ndarray
    per_day: np.ndarray
    per_week: np.ndarray
    cap: np.ndarray
    lost_after_days: np.ndarray
    lost: np.ndarray

    @staticmethod
    def of_rate(per_day: np.ndarray) -> Clauses:
        """Return clauses that cost ``per_day`` and nothing else. [money/day]"""
        zero = np.zeros(len(per_day))
        never = np.full(len(per_day), NEVER)
        return Clauses(zero, zero, per_day.astype(float), zero, never, never, zero)
