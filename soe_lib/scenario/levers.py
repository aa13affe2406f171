"""
Levers as typed objects: what is pulled, on what, at what price, until when it can be pulled.

A lever is a delta; the snapshot itself never changes. ``apply`` puts levers on tables and problem,
``offers`` says which levers there are for the work that is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from soe_lib.scenario.typed_levers import (
    Allocation,
    PremiumFreight,
    RushOrder,
    Subcontract,
    TypedLever,
)

__all__ = [
    "FEW_MOVES_FACTOR",
    "PULLED_COLUMNS",
    "Allocation",
    "DelayLowPriority",
    "Expedite",
    "FewMoves",
    "Lever",
    "Overtime",
    "PremiumFreight",
    "RushOrder",
    "Split",
    "Subcontract",
    "TypedLever",
    "pulled_rows",
]

PULLED_COLUMNS = (
    "lever",
    "object_type",
    "object_id",
    "item_id",
    "old_value",
    "new_value",
    "cost",
    "act_by_at",
)
FEW_MOVES_FACTOR = 3.0
"""With the lever 'few moves' a move must save this many times its own price."""


@dataclass(frozen=True)
class Overtime:
    """Work a resource longer: between these instants, priced by the hour that is really used."""

    resource_id: str
    start_at: pd.Timestamp
    end_at: pd.Timestamp

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"overtime {self.resource_id}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of :data:`PULLED_COLUMNS`, hours in ``time_zone``."""
        hours = (self.end_at - self.start_at).total_seconds() / 3600
        return (
            "overtime",
            "resource",
            self.resource_id,
            "",
            "closed",
            f"{hours:.1f} h from {self.start_at.tz_convert(time_zone):%a %d %b %H:%M}",
            0.0,
            self.start_at,
        )


@dataclass(frozen=True)
class Expedite:
    """Pull in an open purchase order line."""

    po_id: str
    line_id: str
    item_id: str
    old_date: pd.Timestamp
    new_date: pd.Timestamp
    cost: float
    act_by_at: pd.Timestamp

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"expedite {self.po_id}/{self.line_id}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return self.cost

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of :data:`PULLED_COLUMNS`, hours in ``time_zone``."""
        return (
            "expedite",
            "purchase_order_line",
            f"{self.po_id}/{self.line_id}",
            self.item_id,
            f"{self.old_date:%Y-%m-%d}",
            f"{self.new_date:%Y-%m-%d}",
            self.cost,
            self.act_by_at,
        )


@dataclass(frozen=True)
class Split:
    """Cut a lot in two; the parts may run one after the other or side by side."""

    wo_id: str
    split_no: int
    item_id: str
    first_qty: float
    second_qty: float
    act_by_at: pd.Timestamp

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return f"split {self.wo_id}/{self.split_no}"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of :data:`PULLED_COLUMNS`, hours in ``time_zone``."""
        return (
            "split",
            "work_order",
            self.wo_id,
            self.item_id,
            f"{self.first_qty + self.second_qty:g}",
            f"{self.first_qty:g} + {self.second_qty:g}",
            0.0,
            self.act_by_at,
        )


@dataclass(frozen=True)
class DelayLowPriority:
    """Customers of these tiers wait; whoever waits is counted late at the full price."""

    tiers: tuple[str, ...]

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return "delay low priority"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of :data:`PULLED_COLUMNS`, hours in ``time_zone``."""
        named = ", ".join(self.tiers)
        return (
            "delay low priority",
            "customer_tier",
            named,
            "",
            "by order priority",
            "after all other tiers",
            0.0,
            pd.NaT,
        )


@dataclass(frozen=True)
class FewMoves:
    """A move must save ``factor`` times its own price of unrest."""

    factor: float = FEW_MOVES_FACTOR

    @property
    def group(self) -> str:
        """What is pulled or left together when levers are tried."""
        return "few moves"

    @property
    def price(self) -> float:
        """Price of pulling the lever, whatever it is used for. [money]"""
        return 0.0

    def row(self, time_zone: str = "UTC") -> tuple[object, ...]:
        """Return the lever in the columns of :data:`PULLED_COLUMNS`, hours in ``time_zone``."""
        return (
            "few moves",
            "schedule",
            "all operations",
            "",
            "a move saves its price",
            f"a move saves {self.factor:g} times its price",
            0.0,
            pd.NaT,
        )


Lever = Overtime | Expedite | Split | DelayLowPriority | FewMoves | TypedLever


def pulled_rows(levers: Sequence[Lever], time_zone: str = "UTC") -> pd.DataFrame:
    """
    Return levers as rows; texts give hours in ``time_zone``.

    Returns
    -------
    pandas.DataFrame
        One row per lever, in the order given: :data:`PULLED_COLUMNS`; ``cost`` is the price of
        pulling it [money] and ``act_by_at`` the last instant to pull it.
    """
    table = pd.DataFrame([lever.row(time_zone) for lever in levers], columns=list(PULLED_COLUMNS))
    texts = [name for name in PULLED_COLUMNS if name not in ("cost", "act_by_at")]
    table = table.astype({**dict.fromkeys(texts, "str"), "cost": float})
    table["act_by_at"] = pd.to_datetime(table["act_by_at"], utc=True).astype("datetime64[us, UTC]")
    return table
