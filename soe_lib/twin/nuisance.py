"""
Variation without incident: what a plant does all the time and nobody needs to hear of.

All of it stays inside the tolerances of ``params/weekly.yaml``, or takes itself back within days:
a detector that speaks of it is wrong. The demo plant has none of it (``QUIET``); the benchmark of
the detectors draws its strength by seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from soe_lib.twin.noise import normal, uniform

QUIET_STOPS = 2
"""Short stops that a line and week of the demo plant can have."""


@dataclass(frozen=True)
class Nuisance:
    """
    How strong each kind of variation is; zero = none.

    Attributes
    ----------
    rate_habit, rate_item, rate_run
        Spread of the speed by line, by line and item, by run. [log]
    scrap_item, scrap_run
        Spread of the scrap ratio by item and by run. [log]
    use_run
        Spread of what a run really takes of its components around the bill of material. [share]
    stop_slots
        Short stops that a line and week can have; each comes with probability 0.45.
    absent_share
        Chance that one person misses one shift.
    departure_minutes
        Spread of departures around their plan; never as late as the tolerance. [min]
    late_share, short_share, typo_share
        Share of supplier answers that are a working day late, some per mille short, or typed wrong
        and corrected the day after.
    count_share, count_pct
        Share of components counted in a week, and the largest difference found. [% of stock]
    changes
        Order changes a week that stay inside tolerance or are taken back.
    """

    rate_habit: float = 0.0
    rate_item: float = 0.0
    rate_run: float = 0.0
    scrap_item: float = 0.0
    scrap_run: float = 0.0
    use_run: float = 0.0
    stop_slots: int = QUIET_STOPS
    absent_share: float = 0.0
    departure_minutes: float = 0.0
    late_share: float = 0.0
    short_share: float = 0.0
    typo_share: float = 0.0
    count_share: float = 0.0
    count_pct: float = 0.0
    changes: int = 0

    def run_factor(self, seed: int, resource: str, item: str, ordinal: int) -> float:
        """Return by how much longer a run takes."""
        if not self.rate_run:
            return 1.0
        spread = (
            self.rate_habit * normal(seed, "habit", resource)
            + self.rate_item * normal(seed, "pace", resource, item)
            + self.rate_run * normal(seed, "run", resource, item, ordinal)
        )
        return math.exp(spread)

    def scrap_factor(self, seed: int, resource: str, item: str, ordinal: int) -> float:
        """Return by how much more a run scraps."""
        if not self.scrap_run:
            return 1.0
        spread = self.scrap_item * normal(seed, "scrap-item", item)
        spread += self.scrap_run * normal(seed, "scrap-run", resource, item, ordinal)
        return math.exp(spread)

    def use_factor(self, seed: int, component: str, item: str, ordinal: int) -> float:
        """Return what a run takes of a component, as a multiple of the bill of material."""
        if not self.use_run:
            return 1.0
        return max(1.0 + self.use_run * normal(seed, "use", component, item, ordinal), 0.5)

    def delay_minutes(self, seed: int, lane: str, day: int) -> float:
        """Return by how much later than usual the truck of a lane and day leaves, under 80 min."""
        return min(self.departure_minutes * abs(normal(seed, "dock", lane, day)), 80.0)

    def absent(self, seed: int, site: str, skill: str, day: int, shift: str, planned: int) -> int:
        """Return how many people miss one shift."""
        if not self.absent_share:
            return 0
        return sum(
            uniform(seed, "sick", site, skill, day, shift, person) < self.absent_share
            for person in range(planned)
        )


QUIET = Nuisance()


def nuisance_of(seed: int) -> Nuisance:
    """Return the variation of a plant: every kind present, its strength between 0.7 and 1.3."""

    def strength(kind: str) -> float:
        return 0.7 + 0.6 * uniform(seed, "strength", kind)

    return Nuisance(
        rate_habit=0.03 * strength("habit"),
        rate_item=0.02 * strength("item"),
        rate_run=0.05 * strength("run"),
        scrap_item=0.4 * strength("scrap item"),
        scrap_run=0.5 * strength("scrap run"),
        use_run=0.02 * strength("use"),
        stop_slots=4 + int(3 * uniform(seed, "strength", "stops")),
        absent_share=0.01 * strength("absent"),
        departure_minutes=35.0 * strength("departure"),
        late_share=0.10 * strength("late"),
        short_share=0.08 * strength("short"),
        typo_share=0.06 * strength("typo"),
        count_share=0.15 * strength("count"),
        count_pct=3.0 * strength("count size"),
        changes=round(16 * strength("changes")),
    )
