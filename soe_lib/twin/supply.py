"""What is and will be there: stock on record and dated receipts, as planning sees them."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import accumulate

from soe_lib.twin.clock import FOREVER
from soe_lib.twin.state import State, World

BUY_MINUTES = 1440.0
"""A component that nothing covers is hoped for a day after its last receipt."""


class Supply:
    """Cumulative supply of components and bulk against what the plan has taken so far."""

    def __init__(self, world: World, state: State, now: float) -> None:
        self.entries: dict[str, list[tuple[float, float]]] = {}
        self.totals: dict[str, list[float]] = {}
        self.taken: dict[str, float] = {}
        for item in sorted({*state.free, *state.phantom}):
            if item not in world.shares:
                self.add(item, -FOREVER, stock_on_record(state, item))
        for purchase in state.purchases:
            if purchase.status == "open":
                day, qty = state.cut_promises.get(
                    purchase.po + purchase.line, (purchase.promised, purchase.confirmed)
                )
                at = max(world.clock.at(day, 14), now + 600)
                self.add(purchase.item, at, max(qty - purchase.received, 0.0))

    def add(self, item: str, at: float, qty: float) -> None:
        """Add a dated receipt."""
        entries = self.entries.setdefault(item, [])
        insort(entries, (at, qty))
        self.totals[item] = list(accumulate(entry[1] for entry in entries))

    def take(self, item: str, qty: float) -> None:
        """Reserve a quantity."""
        self.taken[item] = self.taken.get(item, 0.0) + qty

    def shortfall(self, item: str) -> float:
        """Return how much of what is taken nothing covers; negative = left over."""
        totals = self.totals.get(item)
        return self.taken.get(item, 0.0) - (totals[-1] if totals else 0.0)

    def ready(self, item: str, qty: float) -> float:
        """Return when ``qty`` more is there; FOREVER for bulk, some days for what can be bought."""
        totals = self.totals.get(item, [])
        place = bisect_left(totals, self.taken.get(item, 0.0) + qty - 1e-6)
        if place < len(totals):
            return self.entries[item][place][0]
        if item.startswith("BULK"):
            return FOREVER
        last = self.entries[item][-1][0] if item in self.entries else 0.0
        return max(last, 0.0) + BUY_MINUTES


def stock_on_record(state: State, item: str) -> float:
    """Return the stock that the books show, right or wrong."""
    if item in state.batches:
        physical = sum(batch.qty for batch in state.batches[item])
    else:
        physical = state.free.get(item, 0.0)
    return max(physical + state.phantom.get(item, 0.0), 0.0)
