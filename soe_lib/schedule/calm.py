"""
The last moves of a search: almost cold, and stock whose value nobody has told has a price.

While it is warm a search drifts towards large lots and long runs of a family, since plans of that
kind are many and none of them is later than the others. Here what is early for no reason is taken
back, as far as nothing becomes later by more than that is worth.
"""

from __future__ import annotations

import time

import numpy as np

from soe_lib.schedule.anneal import anneal, settle
from soe_lib.schedule.moves import Saved
from soe_lib.schedule.scratch import Scratch
from soe_lib.schedule.work import EARLY, HOLDING, Field, State

EARLY_TIMES = 100.0
"""Price of stock whose value nobody has told, in times of expand.EARLY_SHARE."""
STAGES = 10
"""Each with the same number of moves and half the temperature of the one before."""


def calm_down(
    f: Field,
    s: State,
    x: Scratch,
    v: Saved,
    rng: np.ndarray,
    movable: np.ndarray,
    *,
    moves: int,
    first: float,
    share: np.ndarray,
    may_reroute: bool,
    tally: np.ndarray,
    stop_at: float,
) -> int:
    """
    Run the last moves; the state is changed.

    Parameters
    ----------
    moves
        How many, about.
    first
        Temperature of the first stage. [money]
    share, may_reroute, tally
        As :func:`anneal.anneal` takes them.
    stop_at
        ``time.perf_counter()`` at which to stop. [s]

    Returns
    -------
    int
        Moves tried.
    """
    rule = f.rule.copy()
    unpriced = rule[:, HOLDING] <= rule[:, EARLY]
    rule[unpriced, HOLDING] = EARLY_TIMES * rule[unpriced, EARLY]
    calm = f._replace(rule=rule)
    settle(calm, s, x)
    each = max(moves // STAGES, 1)
    done = 0
    for stage in range(STAGES):
        if time.perf_counter() > stop_at:
            break
        hot = first * 0.5**stage
        anneal(
            calm, s, x, v, rng, movable, len(movable), each, hot, 0.5 * hot, 0.0, share,
            may_reroute, tally,
        )  # fmt: skip
        done += each
    settle(f, s, x)
    return done
