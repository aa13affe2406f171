"""Choose the settings of the mix on days that lie before the days that are reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import product

import pandas as pd

from soe_lib.backtest.flows import Flows
from soe_lib.backtest.mix import Settings
from soe_lib.backtest.replay import LEARNING_DAYS, Service, company_replay, policy_replay, service

LEAST_CHOICE_DAYS = 28
"""Fewer days than these behind the learning days are too few to choose settings on."""
GRID: tuple[Settings, ...] = tuple(
    Settings(horizon_days=horizon, smoothing=smoothing, recovery=recovery)
    for horizon, smoothing, recovery in product(
        (5, 7), (0.03, 0.1, 0.2), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    )
)
"""The settings that are tried."""


def can_choose(flows: Flows) -> bool:
    """Whether the history is long enough to choose settings on it."""
    return len(flows.days) >= LEARNING_DAYS + LEAST_CHOICE_DAYS


def choose_settings(
    flows: Flows,
    *,
    grid: tuple[Settings, ...] = GRID,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Settings, pd.DataFrame]:
    """
    Replay every setting over a history and return the best.

    Parameters
    ----------
    flows
        The history to choose on, as it was known at its end: it must not reach into the days
        that are reported.
    grid
        Settings to try.
    progress
        Called with (number done, number of settings).

    Returns
    -------
    Settings
        Those with the highest score; the earlier in the grid where two are equal.
    pandas.DataFrame
        One row per setting, best first: its parameters, ``fill``, ``backlog_qty``, ``score``.
    """
    first, last = LEARNING_DAYS, len(flows.days) - 1
    own = service(flows, company_replay(flows, first, last))
    rows = []
    for number, settings in enumerate(grid):
        progress(number, len(grid))
        found = service(flows, policy_replay(flows, first, last, settings))
        rows.append({**asdict(settings), **asdict(found), "score": score(found, own)})
    progress(len(grid), len(grid))
    table = pd.DataFrame(rows)
    best = grid[int(table["score"].to_numpy().argmax())]
    return best, table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def score(found: Service, own: Service) -> float:
    """Return the share of the unfilled orders plus the share of the backlog that is saved."""
    unfilled = 1 - own.fill
    saved_fill = (found.fill - own.fill) / unfilled if unfilled > 0 else 0.0
    saved_backlog = 1 - found.backlog_qty / own.backlog_qty if own.backlog_qty > 0 else 0.0
    return saved_fill + saved_backlog
