"""A schedule that can be replayed thousands of times: its sequences and links as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from soe_lib.impact.promise_kernel import CHEAPER, replays
from soe_lib.impact.replay_state import (
    OVERFLOW,
    Draw,
    Still,
    Work,
)
from soe_lib.schedule import Problem
from soe_lib.schedule.plan import Plan

HELD_ROWS = 20_000
THREADS = 2
CHUNK = 50
VARIED = (
    "run", "begun", "supply_at", "supply_qty", "on_hand", "people", "lot_qty", "demand_qty",
    "demand_due",
)  # fmt: skip
"""Facts that may differ from replay to replay, in the order of the kernel."""


class ReplayError(ValueError):
    """A schedule cannot be replayed; the text says why."""


@dataclass(frozen=True)
class Replayed:
    """
    What came out of some replays.

    Attributes
    ----------
    lateness
        Shape (replays, order lines): signed. [min]
    way
        Shape (replays,): how order lines were pegged, BY_POLICY or AS_MADE.
    end
        Shape (replays,): end of the last operation or due instant. [min]
    has_skipped
        Shape (replays,): True where a blocked line had to skip ahead.
    lot_end
        Shape (replays, lots): end of each lot, NEVER where it is not made. [min]
    """

    lateness: np.ndarray
    way: np.ndarray
    end: np.ndarray
    has_skipped: np.ndarray
    lot_end: np.ndarray


@dataclass(frozen=True)
class Replay:
    """
    A schedule under the facts of its problem, ready to be replayed under others.

    Attributes
    ----------
    problem, plan
        The problem, and the sequences on its arrays.
    still
        What no replay changes.
    facts
        The facts as the problem has them.
    """

    problem: Problem
    plan: Plan
    still: Still
    facts: Draw

    def lateness(self) -> np.ndarray:
        """Return the lateness of every order line under the facts as they are. [min]"""
        return self.replayed({}, 1).lateness[0]

    def replayed(
        self,
        facts: Mapping[str, np.ndarray],
        count: int,
        *,
        way: int = CHEAPER,
        horizon: float = 0.0,
    ) -> Replayed:
        """
        Replay under other facts, on two threads; the result does not depend on their number.

        Parameters
        ----------
        facts
            Fields of ``Draw`` that differ, one row per replay; the others stay as they are. Other
            clocks are another ``Replay`` (:meth:`with_facts`).
        count
            Number of replays.
        way, horizon
            See ``promise_kernel.one``.

        Returns
        -------
        Replayed

        Raises
        ------
        ReplayError
            When more people are held at once than there is room for.
        """
        out, ends = np.zeros((count, len(self.problem.demand_qty))), np.zeros((count, 3))
        lot_end = np.zeros((count, len(self.still.lot_item)))

        def part(rows: range) -> int:
            low, high = rows[0], rows[-1] + 1
            work, draw = self.scratch(), self.copied()
            own = [
                np.array(  # one type of array, so that the kernel is compiled once
                    facts[name][low:high]
                    if name in facts
                    else np.broadcast_to(getattr(self.facts, name), (high - low, len(known))),
                    order="C",
                )
                for name, known in ((name, getattr(self.facts, name)) for name in VARIED)
            ]
            spare = np.zeros(out.shape[1])
            replays(
                self.still,
                draw,
                work,
                spare,
                *own,
                way,
                horizon,
                out[low:high],
                ends[low:high],
                lot_end[low:high],
            )
            return int(work.number[OVERFLOW])

        pieces = [range(k, min(k + CHUNK, count)) for k in range(0, count, CHUNK)]
        with ThreadPoolExecutor(THREADS) as pool:
            if any(pool.map(part, pieces)):
                raise ReplayError(
                    f"more than {HELD_ROWS:,} working intervals hold people at once, or order "
                    f"lines take from too many supplies"
                )
        return Replayed(out, ends[:, 0].astype(np.int64), ends[:, 1], ends[:, 2] > 0, lot_end)

    def with_facts(self, **facts: np.ndarray) -> Replay:
        """Return the replay with facts replaced for good."""
        return replace(self, facts=self.facts._replace(**facts))

    def copied(self) -> Draw:
        """Return facts that may be changed without changing these."""
        return Draw(*(part.copy() for part in self.facts))

    def scratch(self) -> Work:
        """Return scratch for one thread."""
        s, orders = self.still, len(self.problem.demand_qty)
        machines, n, items = len(s.machine), len(s.op_i), len(s.lead)
        room = int(s.event_offset[-1])
        slots = len(s.slot)
        pegs = 4 * (slots + orders + len(s.job)) + 64
        return Work(
            order=s.sequence.copy(),
            head=np.zeros(machines, np.int64),
            candidate=np.zeros(machines),
            worked=np.zeros(machines),
            family=np.zeros(machines, np.int64),
            start=np.zeros(n),
            end=np.zeros(n),
            times=np.zeros(room),
            amounts=np.zeros(room),
            events=np.zeros(items, np.int64),
            used=np.zeros(items),
            bought=np.zeros(items),
            need_bought=np.zeros(len(s.need_item)),
            tool_free=s.tool_free.copy(),
            held=np.zeros((HELD_ROWS, 4)),
            number=np.zeros(4, np.int64),
            now=np.zeros(1),
            slot_at=np.zeros(slots),
            slot_qty=np.zeros(slots),
            slot_left=np.zeros(slots),
            slot_first=np.zeros(slots),
            ranked=np.arange(slots),
            taken=np.zeros(len(s.takes), np.int64),
            open_qty=np.zeros(orders),
            ready=np.zeros(orders),
            other=np.zeros(items),
            lacking=np.zeros(len(s.lot_item)),
            room=np.zeros(len(s.lane_at)),
            loaded=np.zeros(len(s.lane_at)),
            banned=np.zeros(slots, np.int64),
            pegs=np.zeros(2, np.int64),
            peg_first=np.zeros(orders, np.int64),
            peg_next=np.zeros(pegs, np.int64),
            peg_slot=np.zeros(pegs, np.int64),
            peg_qty=np.zeros(pegs),
            peg_leaves=np.zeros(pegs),
        )
