"""Levers that somebody types in the meeting: what the feed cannot know, with price and validity."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

ALLOCATION_RULES = {
    "priority": "by the priority policy of the cycle",
    "customer tier": "best customer tier first",
    "margin": "highest margin first",
    "due date": "earliest due date first",
    "fair share": "customers take turns, one order line each",
}
"""Rules by which order lines choose their supply, in words."""
RUSH_POLICIES = {
    "cheapest": "cheapest for all together",
    "nobody late": "nobody else becomes late",
    "earliest": "as early as it can be",
}
"""Which of the places that were tried a rush order takes, in words."""
MOST_QTY = 1e9
LONGEST_NAME = 40


@dataclass(frozen=True)
class RushOrder:
    """
    Put an order in that the ERP does not have: an inquiry, capable-to-promise.

    Attributes
    ----------
    order_id
        Name of the inquiry, unlike any order of the feed; its line is ``'1'``.
    item_id, qty
        What is asked for. [uom]
    wanted_date
        Site day on which the customer wants it (no zone).
    customer_id
        Customer, whose tier and clause hold; empty = somebody new.
    unit_price, unit_margin
        Net price and margin of a unit. [money/uom]
    policy
        Which place it takes: a word of :data:`RUSH_POLICIES`.
    lots
        Work orders that are made for it beyond what is planned, as (item, quantity).
    break_fence
        Whether its work may begin inside the frozen zone; that is priced and needs an approver.
    """

    order_id: str
    item_id: str
    qty: float
    wanted_date: pd.Timestamp
    customer_id: str
    unit_price: float
    unit_margin: float
    policy: str = "cheapest"
    lots: tuple[tuple[str, float], ...] = ()
    break_fence: bool = False

    def __post_init__(self) -> None:
        _named("order", self.order_id)
        _between("quantity", self.qty, 0.0, MOST_QTY)
        _between("price of a unit", self.unit_price, -1e-9, MOST_QTY)
        _between("margin of a unit", abs(self.unit_margin), -1e-9, MOST_QTY)
        if self.policy not in RUSH_POLICIES:
            raise ValueError(f"unknown place '{self.policy}'; known: {', '.join(RUSH_POLICIES)}")
        lots = tuple((str(item), float(qty)) for item, qty in self.lots)
        object.__setattr__(self, "lots", lots)

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"rush order {self.order_id}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    @property
    def margin(self) -> float:
        """Margin of the whole order. [money]"""
        return self.qty * self.unit_margin

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of ``levers.PULLED_COLUMNS``."""
        wanted = f"{self.qty:g} wanted on {self.wanted_date:%a %d %b}"
        made = ", ".join(f"{qty:g} of {item}" for item, qty in self.lots)
        text = f"{wanted}; made for it: {made or 'nothing, stock and planned work reach'}"
        if self.break_fence:
            text = f"{text}; it may begin inside the frozen zone"
        return ("rush order", "order", self.order_id, self.item_id, "no order", text, 0.0, pd.NaT)


@dataclass(frozen=True)
class Subcontract:
    """Have a work order made outside: its lots leave the shop and come back as a purchase."""

    wo_id: str
    item_id: str
    qty: float
    back_date: pd.Timestamp
    cost: float
    act_by_at: pd.Timestamp

    def __post_init__(self) -> None:
        _between("cost", self.cost, -1e-9, MOST_QTY)
        _between("quantity", self.qty, 0.0, MOST_QTY)
        if self.act_by_at.tz_localize(None) >= self.back_date + pd.Timedelta(days=1):
            raise ValueError("a subcontractor is asked before the goods are back")

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"subcontract {self.wo_id}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return self.cost

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of ``levers.PULLED_COLUMNS``."""
        back = f"{self.qty:g} back on {self.back_date:%a %d %b}"
        return (
            "subcontract",
            "work_order",
            self.wo_id,
            self.item_id,
            "made here",
            back,
            self.cost,
            self.act_by_at,
        )


@dataclass(frozen=True)
class PremiumFreight:
    """Send an order line faster: it may leave some days later and arrives on the same day."""

    order_id: str
    line_id: str
    item_id: str
    days: float
    cost: float
    act_by_at: pd.Timestamp

    def __post_init__(self) -> None:
        _between("days saved", self.days, 0.0, 60.0)
        _between("cost", self.cost, -1e-9, MOST_QTY)

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"premium freight {self.order_id}/{self.line_id}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return self.cost

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of ``levers.PULLED_COLUMNS``."""
        return (
            "premium freight",
            "order_line",
            f"{self.order_id}/{self.line_id}",
            self.item_id,
            "usual transport",
            f"{self.days:g} days faster",
            self.cost,
            self.act_by_at,
        )


@dataclass(frozen=True)
class Allocation:
    """Order lines choose their supply by another rule than the cycle's."""

    rule: str

    def __post_init__(self) -> None:
        if self.rule not in ALLOCATION_RULES:
            known = ", ".join(ALLOCATION_RULES)
            raise ValueError(f"unknown rule of allocation '{self.rule}'; known: {known}")

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return "allocation"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of ``levers.PULLED_COLUMNS``."""
        before, after = ALLOCATION_RULES["priority"], ALLOCATION_RULES[self.rule]
        return ("allocation", "supply", "scarce material", "", before, after, 0.0, pd.NaT)


TypedLever = RushOrder | Subcontract | PremiumFreight | Allocation


def _between(what: str, value: float, low: float, high: float) -> None:
    if not low < value <= high:
        raise ValueError(f"{what}: {value:g} is not possible")


def _named(what: str, name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"the name of an {what} has 1 to {LONGEST_NAME} visible characters")
