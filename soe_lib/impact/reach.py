"""Which order lines a disruption can reach at all: whom it cannot reach it cannot make late."""

from __future__ import annotations

import itertools

import numpy as np

from soe_lib.impact.disruptions import Disruptions
from soe_lib.impact.players import (
    DEMAND_DUE,
    DEMAND_QTY,
    LOT_QTY,
    ON_HAND,
    RUN,
    SUPPLY_AT,
    SUPPLY_QTY,
)
from soe_lib.impact.replay import Replay
from soe_lib.impact.replay_state import (
    HEADS,
    IS_LAST,
    LOT,
    MACHINE,
    NEED_COUNT,
    NEED_FIRST,
    NEXT,
    SKILL,
    TOOL,
)


class Graph:
    """
    Who can delay whom: operations, items as components, items as goods, skills, tools.

    An operation can delay the next of its lot and of its machine, and through what is scarce every
    other user of it. A skill is never scarce where all machines that use it can be manned at once,
    a tool where each machine has one, an item where the stock holds all that operations take.
    """

    def __init__(self, replay: Replay) -> None:
        s, facts = replay.still, replay.facts
        self.replay = replay
        self.n, self.items = len(s.op_i), len(s.lead)
        skills, tools = len(s.skill_offset) - 1, len(s.tool_offset) - 1
        self.component = self.n
        self.goods = self.component + self.items
        self.skill = self.goods + self.items
        self.tool = self.skill + skills
        self.next: list[list[int]] = [[] for _ in range(self.tool + tools)]
        on = s.op_i[:, MACHINE] >= 0
        for m in range(len(s.machine)):
            row = s.sequence[m, : s.count[m]].tolist()
            for before, after in itertools.pairwise(row):
                self.next[before].append(after)
        total = np.bincount(s.need_item, s.need_qty, minlength=self.items)
        scarce = total > facts.on_hand + 1e-9
        for o in np.flatnonzero(on).tolist():
            self._links(o, scarce)
        self._shared(SKILL, self.skill, self._short_skills(on), on)
        self._shared(TOOL, self.tool, self._short_tools(on), on)

    def _links(self, o: int, scarce: np.ndarray) -> None:
        s = self.replay.still
        if s.op_i[o, NEXT] >= 0:
            self.next[o].append(int(s.op_i[o, NEXT]))
        if s.op_i[o, IS_LAST] == 1:
            item = int(s.lot_item[s.op_i[o, LOT]])
            self.next[o] += [self.component + item, self.goods + item]
        first = int(s.op_i[o, NEED_FIRST])
        for k in range(first, first + int(s.op_i[o, NEED_COUNT])):
            item = int(s.need_item[k])
            if scarce[item]:
                self.next[o].append(self.component + item)
                self.next[self.component + item].append(o)
            if s.is_sold[item]:
                self.next[o].append(self.goods + item)

    def _shared(self, column: int, base: int, short: np.ndarray, on: np.ndarray) -> None:
        used = self.replay.still.op_i[:, column]
        for o in np.flatnonzero(on & (used >= 0)).tolist():
            if short[used[o]]:
                self.next[o].append(base + int(used[o]))
                self.next[base + int(used[o])].append(o)

    def _short_skills(self, on: np.ndarray) -> np.ndarray:
        s, people = self.replay.still, self.replay.facts.people
        found = np.zeros(len(s.skill_offset) - 1, bool)
        for k in range(len(found)):
            own = on & (s.op_i[:, SKILL] == k)
            most = np.zeros(len(s.machine))
            np.maximum.at(most, s.op_i[own, MACHINE], s.op_f[own, HEADS])
            there = people[s.skill_offset[k] : s.skill_offset[k + 1]]
            found[k] = len(there) > 0 and float(there.min()) < most.sum() - 1e-9
        return found

    def _short_tools(self, on: np.ndarray) -> np.ndarray:
        s = self.replay.still
        found = np.zeros(len(s.tool_offset) - 1, bool)
        for k in range(len(found)):
            own = on & (s.op_i[:, TOOL] == k)
            machines = len(np.unique(s.op_i[own, MACHINE]))
            free = s.tool_free[s.tool_offset[k] : s.tool_offset[k + 1]]
            found[k] = machines > len(free) or bool((free > 0).any())
        return found

    def goods_reached(self, starts: set[int]) -> np.ndarray:
        """Return True for items of which the supply of order lines may change."""
        seen = np.zeros(len(self.next), bool)
        stack = list(starts)
        seen[stack] = True
        while stack:
            for other in self.next[stack.pop()]:
                if not seen[other]:
                    seen[other] = True
                    stack.append(other)
        return seen[self.goods : self.goods + self.items]


def reach(replay: Replay, disruptions: Disruptions) -> np.ndarray:
    """
    Return which order lines each disruption may change: False is proof that it cannot.

    Returns
    -------
    numpy.ndarray
        Shape (disruptions, order lines).
    """
    s = replay.still
    graph = Graph(replay)
    starts: list[set[int]] = [set() for _ in range(disruptions.count)]
    direct = np.zeros((disruptions.count, len(s.demand_item)), bool)
    for kind, player, number in disruptions.toggle.tolist():
        own = starts[player]
        if kind == RUN:
            own.add(number)
        elif kind in (SUPPLY_AT, SUPPLY_QTY, ON_HAND):
            item = number if kind == ON_HAND else int(s.supply_item[number])
            own |= {graph.component + item, graph.goods + item}
        elif kind in (DEMAND_QTY, DEMAND_DUE):
            own.add(graph.goods + int(s.demand_item[number]))
            direct[player, number] = True
        elif kind == LOT_QTY:
            item = int(s.lot_item[number])
            own |= {graph.component + item, graph.goods + item}
    for player, resource in disruptions.stop_player.tolist():
        machines = np.flatnonzero(s.machine[:, 0] == resource)
        starts[player] |= set(np.flatnonzero(np.isin(s.op_i[:, MACHINE], machines)).tolist())
    for player, own in enumerate(starts):
        direct[player] |= graph.goods_reached(own)[s.demand_item]
    return direct
