"""
When goods leave: whole or in parts, with the departures of their lane that still have room.

An order line leaves with the latest departure that is still in time, so that early departures are
left to others, else with the first one after its due instant. What may not be delivered in parts
leaves with one departure that has room for all of it. A day after the last departure that is known
of a lane, no limit is known any more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from soe_lib.schedule.problem import Problem

DAY = 1440.0
TINY = 1e-9


class Docks:
    """Room that is left on the departures while order lines are served one after the other."""

    def __init__(self, problem: Problem) -> None:
        ships = problem.shipping
        self._offset = ships.offset.tolist()
        self._at = ships.at.tolist()
        self._room = ships.pallets.astype(float).tolist()
        self._lane = ships.demand_lane.tolist()
        self._size = ships.demand_pallets.tolist()
        self._due = problem.demand_due.tolist()
        self._qty = problem.demand_qty.tolist()
        self._partial = problem.demand_partial.tolist()

    def leave(
        self, demand: int, pegs: list[tuple[float, float]]
    ) -> tuple[list[list[tuple[float, float]]], dict[int, float]]:
        """
        Return when the supplies of an order line would leave, without taking the room.

        Parameters
        ----------
        demand
            Number of the order line, covered by ``pegs``.
        pegs
            Instant at which each supply is there [min] and its quantity. [uom]

        Returns
        -------
        tuple
            For each peg its parts as (leaving instant [min], quantity [uom]), and the room that
            they need by departure. [pallets]
        """
        lane, size = self._lane[demand], self._size[demand]
        is_limited = self._is_limited(demand)
        if self._partial[demand]:
            if not is_limited:
                return [[(max(at, 0.0), qty)] for at, qty in pegs], {}
            return self._in_parts(demand, pegs)
        ready = max([0.0, *(at for at, _ in pegs)])
        if not is_limited:
            return [[(ready, qty)] for _, qty in pegs], {}
        pallets = size * sum(qty for _, qty in pegs)
        last = self._offset[lane + 1]
        for k in self._choices(demand, ready):
            if self._room[k] >= pallets - TINY:
                return [[(self._at[k], qty)] for _, qty in pegs], {k: pallets}
        leaves = max(ready, self._at[last - 1] + DAY)
        return [[(leaves, qty)] for _, qty in pegs], {}

    def wanted_by(self, demand: int) -> float:
        """
        Return by when an order line is to be ready. [min]

        That is the departure that it would be served with if it were ready for all of them, its due
        instant where no departure limits it.
        """
        lane, size, due = self._lane[demand], self._size[demand], self._due[demand]
        if not self._is_limited(demand):
            return due
        open_end = self._at[self._offset[lane + 1] - 1] + DAY
        if due > open_end:
            return due
        least = 2 * TINY if self._partial[demand] else size * self._qty[demand]
        for k in self._choices(demand, 0.0):
            if self._room[k] >= least - TINY:
                return self._at[k]
        return open_end

    def book(self, used: dict[int, float]) -> None:
        """Take the room that :meth:`leave` named. [pallets]"""
        for k, pallets in used.items():
            self._room[k] -= pallets

    def _is_limited(self, demand: int) -> bool:
        """Return whether departures are known by which an order line must leave."""
        lane = self._lane[demand]
        return lane >= 0 and self._size[demand] > 0 and self._offset[lane + 1] > self._offset[lane]

    def _choices(self, demand: int, ready: float) -> list[int]:
        """Departures after ``ready``: those in time from the latest on, then the late ones."""
        lane = self._lane[demand]
        low, high = self._offset[lane], self._offset[lane + 1]
        first = bisect_left(self._at, ready - TINY, low, high)
        late = max(first, bisect_right(self._at, self._due[demand] + TINY, low, high))
        return [*range(late - 1, first - 1, -1), *range(late, high)]

    def _in_parts(
        self, demand: int, pegs: list[tuple[float, float]]
    ) -> tuple[list[list[tuple[float, float]]], dict[int, float]]:
        size = self._size[demand]
        last = self._at[self._offset[self._lane[demand] + 1] - 1]
        parts: list[list[tuple[float, float]]] = [[] for _ in pegs]
        used: dict[int, float] = {}
        for p in sorted(range(len(pegs)), key=lambda own: pegs[own][0]):
            at, rest = max(pegs[p][0], 0.0), pegs[p][1]
            for k in self._choices(demand, at):
                taken = min(rest, (self._room[k] - used.get(k, 0.0)) / size)
                if taken > TINY:
                    used[k] = used.get(k, 0.0) + taken * size
                    parts[p].append((self._at[k], taken))
                    rest -= taken
                if rest <= TINY:
                    break
            if rest > TINY:
                parts[p].append((max(at, last + DAY), rest))
        return parts, used
