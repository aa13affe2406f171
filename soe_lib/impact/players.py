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

    def merge_small(self, most: int) -> dict[int, int]:
        """
        Make one player of the smallest of each kind and unit that has more than ``most``.

        Returns
        -------
        dict
            New number of every player; ``rows`` hold the merged ones afterwards.
        """
        kinds: dict[tuple[str, str], list[int]] = {}
        for place, (kind, _, _, unit) in enumerate(self.rows):
            kinds.setdefault((kind, unit), []).append(place)
        rows: list[tuple[str, str, float, str]] = []
        new: dict[int, int] = {}
        for (kind, unit), own in kinds.items():
            ordered = sorted(own, key=lambda k: (-self.rows[k][2], self.rows[k][1]))
            kept = ordered if len(own) <= most else ordered[: most - 1]
            for place in kept:
                new[place] = len(rows)
                rows.append(self.rows[place])
            rest = ordered[len(kept) :]
            if rest:
                new.update(dict.fromkeys(rest, len(rows)))
                size = sum(self.rows[place][2] for place in rest)
                rows.append((kind, f"({len(rest)} others)", size, unit))
        self.rows = rows
        return new

    def undo(self, what: int, player: int, number: int, amount: float) -> None:
        """Note by how much a fact (``what``: RUN, SUPPLY_AT, ...) differs without a player."""
        self.toggle.append((what, player, number))
        self.amount.append(amount)
