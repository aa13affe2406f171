"""Players while they are found: what changes without each."""

from __future__ import annotations

from dataclasses import dataclass, field

RUN, SUPPLY_AT, SUPPLY_QTY, ON_HAND, DEMAND_QTY, DEMAND_DUE, LOT_QTY = range(7)
FACTS = ("run", "supply_at", "supply_qty", "on_hand", "demand_qty", "demand_due", "lot_qty")
"""Facts that a disruption changes: fields of ``Draw``, in the order of the kinds above."""


@dataclass
class Found:
    """Players as they are found: rows of ``COLUMNS``, and what to change without each."""

    rows: list[tuple[str, str, float, str]] = field(default_factory=list)
    number: dict[tuple[str, str], int] = field(default_factory=dict)
    toggle: list[tuple[int, int, int]] = field(default_factory=list)
    amount: list[float] = field(default_factory=list)

    def player(self, kind: str, name: str, size: float, unit: str) -> int:
        """Return the number of a player; sizes of one player add up."""
        key = (kind, name)
        if key not in self.number:
            self.number[key] = len(self.rows)
            self.rows.append((kind, name, 0.0, unit))
        place = self.number[key]
        known = self.rows[place]
        self.rows[place] = (kind, name, known[2] + size, unit)
        return place

    def undo(self, what: int, player: int, number: int, amount: float) -> None:
        """Note by how much a fact (``what``: RUN, SUPPLY_AT, ...) differs without a player."""
        self.toggle.append((what, player, number))
        self.amount.append(amount)
