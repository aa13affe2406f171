"""What goes wrong in the demo plant, on purpose: the list and how it acts on the floor."""

from __future__ import annotations

from dataclasses import dataclass, field

from soe_lib.twin.clock import Clock, Interval
from soe_lib.twin.structure import RESOURCES, SHIFT_HOURS, kind_of, site_of

CREW = {"mixing": 2, "filling": 4, "packing": 3}
SKILL = {"mixing": "MIXER", "filling": "FILLER", "packing": "PACKER"}
CREW_EFFECT = 0.9
"""Share of the speed that is lost when everybody is missing."""


@dataclass(frozen=True)
class Incident:
    """
    One planted incident.

    Attributes
    ----------
    kind
        new_order, cancelled_order, expedited_order, resized_order, supplier_late, supplier_short,
        breakdown, scrap, absence, slow_running, wrong_stock, carrier_failure or dock_failure.
    at
        Minute at which it happens (an order change: when it is recorded).
    target
        What is hit: a resource, item, family, lane or site; orders and purchases are found by it.
    size
        Its strength, in ``unit``.
    hours
        How long it lasts. [h]
    """

    incident_id: str
    kind: str
    at: float
    target: str
    size: float
    unit: str
    level: str
    hours: float = 0.0


@dataclass
class Effects:
    """Incidents as the floor feels them."""

    clock: Clock
    incidents: tuple[Incident, ...]
    downs: dict[str, list[Interval]] = field(default_factory=dict)
    slows: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    missing: dict[tuple[str, str, int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in RESOURCES:
            self.downs[name] = []
            self.slows[name] = []
        for incident in self.incidents:
            end = incident.at + incident.hours * 60
            if incident.kind == "breakdown":
                self.downs[incident.target].append((incident.at, end))
            elif incident.kind == "slow_running":
                self.slows[incident.target].append((incident.at, end, 1 - incident.size / 100))
            elif incident.kind == "absence":
                self._absence(incident)

    def _absence(self, incident: Incident) -> None:
        """People of a skill are missing at a site for some days, in every shift."""
        site, skill = incident.target.split()
        kind = next(k for k, word in SKILL.items() if word == skill)
        lines = [r for r in RESOURCES if kind_of(r) == kind and site_of(r) == site]
        planned = CREW[kind] * len(lines)
        gone = max(1, round(incident.size / 100 * planned))
        first = self.clock.day(incident.at)
        for day in range(first, first + max(1, round(incident.hours / 24))):
            if day % 7 > 4:
                continue
            for code, begin, end in SHIFT_HOURS[site]:
                self.missing[(site, skill, day, code)] = gone
                interval = (self.clock.at(day, begin), self.clock.at(day + end // 24, end % 24))
                speed = 1 - CREW_EFFECT * gone / planned
                for line in lines:
                    self.slows[line].append((*interval, speed))

    def scrap_share(self, item: str, resource: str, at: float) -> tuple[float, str]:
        """Return the share of a run beyond usual scrap that is lost, and why."""
        for incident in self.incidents:
            if (
                incident.kind == "scrap"
                and incident.at <= at < incident.at + incident.hours * 60
                and incident.target in (resource, item)
            ):
                return incident.size / 100, "TORQUE" if resource.startswith("FIL") else "WRAP"
        return 0.0, ""

    def stop_reason(self, resource: str, begin: float, end: float) -> str:
        """Return why a run paused: breakdown, or nothing but the end of the shift."""
        for down in self.downs[resource]:
            if down[0] < end and down[1] > begin:
                return "BREAKDOWN"
        return "SHIFT-END" if end - begin > 240 else "STOP"

    def ship_delay(self, lane: str, day: int) -> tuple[float, str]:
        """Return by how many minutes the trucks of a lane and day leave late, and why."""
        worst, reason = 0.0, ""
        for incident in self.incidents:
            if incident.kind not in ("carrier_failure", "dock_failure"):
                continue
            hit = incident.target == (lane if incident.kind == "carrier_failure" else lane[0])
            if hit and self.clock.day(incident.at) == day and incident.hours * 60 > worst:
                worst = incident.hours * 60
                reason = "CARRIER" if incident.kind == "carrier_failure" else "DOCK"
        return worst, reason
