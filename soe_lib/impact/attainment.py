"""
Was the plan ever feasible? The chance that it had, before anything happened to it.

The published sequence is replayed without the disruptions of the week (those of
:mod:`soe_lib.impact.attribution`), under luck as it was known when the week began: run times,
stops, scrap and receipts later than that instant are not looked at. What such replays keep of the
promises is what the plan could be expected to keep; what the week then did to it comes on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.impact.attribution import game_of
from soe_lib.impact.disruptions import clock_with, facts_without, find_disruptions
from soe_lib.impact.noise import Noise
from soe_lib.impact.promise import LATE_MINUTES, draw_luck
from soe_lib.impact.reference import Reference
from soe_lib.impact.replay import Replay

ATTAINMENT_COLUMNS = (
    "num_lines",
    "target_pct",
    "p_target",
    "expected_pct",
    "low_pct",
    "high_pct",
    "planned_pct",
    "projected_pct",
)


@dataclass(frozen=True)
class Attainment:
    """
    What a plan could be expected to keep.

    Attributes
    ----------
    num_lines
        Order lines that count: open, not new since, due after the first instant of the replay.
    target_pct
        Share of order lines on time that counts as attained. [%]
    p_target
        Share of the replays that reach it.
    expected_pct, low_pct, high_pct
        Mean, and the range of the middle 80 % of the replays, of order lines on time. [%]
    planned_pct
        Order lines on time where nothing varies: what the sequence itself says. [%]
    projected_pct
        Order lines on time as projected now, after the disruptions. [%]
    """

    num_lines: int
    target_pct: float
    p_target: float
    expected_pct: float
    low_pct: float
    high_pct: float
    planned_pct: float
    projected_pct: float

    @property
    def sentence(self) -> str:
        """The answer in words; empty where no line counts."""
        if not self.num_lines:
            return ""
        likely = "likely" if self.p_target >= 0.5 else "never likely"
        return (
            f"The plan was {likely} to keep {self.target_pct:g} % of its {self.num_lines:,} open "
            f"promises: before this week's disruptions it did so in {100 * self.p_target:.0f} % of "
            f"the replays. It keeps {self.planned_pct:.0f} % where nothing varies, "
            f"{self.expected_pct:.0f} % on average (four times in five between {self.low_pct:.0f} "
            f"and {self.high_pct:.0f} %), and {self.projected_pct:.0f} % as projected now."
        )

    def table(self) -> pd.DataFrame:
        """Return one row: ``ATTAINMENT_COLUMNS``."""
        return pd.DataFrame([{name: getattr(self, name) for name in ATTAINMENT_COLUMNS}])


def before_disruptions(
    replay: Replay, tables: Mapping[str, pd.DataFrame], reference: Reference
) -> Replay:
    """Return the replay of a projection as if no disruption had happened to it."""
    own = find_disruptions(replay, tables, reference)
    floor = reference.floor(replay.problem, len(replay.facts.run))
    game = game_of(replay, own, np.minimum(floor, replay.facts.floor))
    away = np.ones((1, own.count), bool)
    facts = {name: rows[0] for name, rows in facts_without(game.replay, own, away).items()}
    if len(own.stop_player):
        offset, spans = clock_with(own, np.zeros(own.count, bool))
        facts |= {"clock_offset": offset, "clock": spans}
    return game.replay.with_facts(**facts)


def plan_attainment(
    replay: Replay,
    tables: Mapping[str, pd.DataFrame],
    reference: Reference,
    noise: Noise,
    suppliers: list[str],
    *,
    target_pct: float,
    replications: int,
    seed: int,
) -> Attainment:
    """
    Return how likely a plan was to be attained when the week began.

    Parameters
    ----------
    replay
        The projection.
    tables
        Canonical tables.
    reference
        Plan of the last cycle.
    noise
        How the site varied, as it was known at the last cycle.
    suppliers
        Supplier of each dated receipt of the problem.
    target_pct
        Share of order lines on time that counts as attained. [%]
    replications, seed
        Of the replays.

    Returns
    -------
    Attainment
    """
    birth = before_disruptions(replay, tables, reference)
    counts = (birth.facts.demand_qty > 0) & (birth.facts.demand_due >= 0)
    if not counts.any() or replications < 1:
        return Attainment(0, target_pct, *[float("nan")] * 6)
    luck = draw_luck(birth, noise, suppliers, replications, seed)
    drawn = {"run": luck.run, "supply_at": luck.supply_at, "lot_qty": luck.lot_qty}
    lateness = birth.replayed(drawn, luck.count).lateness[:, counts]
    share = 100 * (lateness <= LATE_MINUTES).mean(axis=1)
    low, high = np.quantile(share, [0.1, 0.9], method="inverted_cdf")
    planned = birth.lateness()[counts] <= LATE_MINUTES
    projected = replay.lateness()[counts] <= LATE_MINUTES
    return Attainment(
        num_lines=int(counts.sum()),
        target_pct=target_pct,
        p_target=float((share >= target_pct - 1e-9).mean()),
        expected_pct=float(share.mean()),
        low_pct=float(low),
        high_pct=float(high),
        planned_pct=100 * float(planned.mean()),
        projected_pct=100 * float(projected.mean()),
    )
