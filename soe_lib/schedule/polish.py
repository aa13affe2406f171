"""
Polish: machine by machine, the order of what stands on it is improved by exchange of segments.

Where only orders of operations can change this is the best search known to us; elsewhere it ends
what annealing has begun. Trials and seed decide the result.
"""

from __future__ import annotations

import time

import numpy as np

from soe_lib.schedule.backward import beam_room
from soe_lib.schedule.exchange import reorder
from soe_lib.schedule.line import TRIALS, WINDOW, line_room
from soe_lib.schedule.moves import Saved
from soe_lib.schedule.scratch import Scratch
from soe_lib.schedule.work import DUE, END, Field, State

TRIALS_PER_MOVE = 20
"""Exchanges that are judged in the time of one move of the annealing."""
FIRST_ROUNDS = 30
MOST_ROUNDS = 2000


def polish(
    f: Field,
    s: State,
    x: Scratch,
    v: Saved,
    rng: np.ndarray,
    *,
    trials: int,
    delay: float,
    stop_at: float,
) -> tuple[int, float]:
    """
    Improve the order on every machine that has something late; the state is changed.

    Parameters
    ----------
    trials
        Exchanges to judge, about.
    delay
        Price of a minute by which an operation on another machine waits longer. [money/min]
    stop_at
        ``time.perf_counter()`` at which to stop. [s]

    Returns
    -------
    (trials, gain)
        Exchanges judged, and what the plan costs less [money].
    """
    longest = int(s.count.max(initial=0))
    z, b = line_room(longest), beam_room(longest)
    rounds = np.full(len(f.machine), FIRST_ROUNDS)
    used, gain, pace = 0, 0.0, 0.0
    while used < trials:
        moved = False
        for m in np.argsort(-(x.machine_cost - x.machine_soft), kind="stable"):
            first = _window(f, s, rng, int(m))
            if first < 0:
                continue
            began = time.perf_counter()
            if used >= trials or began > stop_at:
                return used, gain
            some = int(rounds[m])
            if pace * some > stop_at - began:
                some = max(int((stop_at - began) / pace), 1)
            saved = reorder(f, s, x, v, z, b, rng, m, first, some, delay)
            pace = (time.perf_counter() - began) / some
            used += max(int(z.number[TRIALS]), 1)
            gain += saved
            moved = True
            rounds[m] = FIRST_ROUNDS if saved > 0 else min(2 * rounds[m], MOST_ROUNDS)
        if not moved:
            break
    return used, gain


def _window(f: Field, s: State, rng: np.ndarray, m: int) -> int:
    """Return where a stretch with something late begins on a machine; -1 where nothing is."""
    head, count = int(f.machine[m, 2]), int(s.count[m])
    if count - head < 3:
        return -1
    own = s.sequence[m, head:count]
    late = np.flatnonzero(s.op[own, END] > s.op[own, DUE])
    if not len(late):
        return -1
    if count - head <= WINDOW:
        return head
    rng[0] = (int(rng[0]) * 6364136223846793005 + 1442695040888963407) % (1 << 64) | 1
    around = head + int(late[(int(rng[0]) >> 33) % len(late)])
    return max(head, min(around - WINDOW // 2, count - WINDOW))
