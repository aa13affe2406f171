"""
Whom each incident truly hurt: the plant is run again without it, everything else the same.

An order line is hurt by an incident when it left (or, for what is still open, will leave if nothing
is decided) after its first promise and at least half a day later than without the incident.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from soe_lib.twin.clock import WEEK_MINUTES, Clock
from soe_lib.twin.demand import Line
from soe_lib.twin.incidents import SKILL, Incident
from soe_lib.twin.simulate import Simulation, fork
from soe_lib.twin.state import Log, Outcome, State, World
from soe_lib.twin.structure import COMPONENTS, FAMILY_FILLER, RESOURCES, kind_of, site_of

LOOK_AHEAD_WEEKS = 3
"""Weeks after an incident in which its consequences are looked for; later, chance outweighs it."""
LEAST_DELAY_DAYS = 0.5
SITES_BY_LETTER = {"N": "NORD", "S": "SUED"}

COLUMNS = (
    "incident_id",
    "kind",
    "week",
    "object_type",
    "object_id",
    "start_at",
    "end_at",
    "size",
    "unit",
    "severity",
    "num_orders_hurt",
    "days_lost",
    "num_orders_helped",
    "orders_hurt",
)


@dataclass(frozen=True)
class Checkpoint:
    """The plant at a minute, to start another run from."""

    minute: float
    state: State


class TwinError(RuntimeError):
    """The twin cannot do what its list of incidents says; the text names the incident."""


def ground_truth(
    world: World,
    incidents: Sequence[Incident],
    checkpoints: Sequence[Checkpoint],
    final: State,
    resolved: dict[str, tuple[str, str]],
    until: float,
) -> pd.DataFrame:
    """
    Return one row per incident: what it hit and which order lines it truly hurt.

    Parameters
    ----------
    world, incidents
        The plant and everything that was planted.
    checkpoints
        States of the run with all incidents, ascending; each run without an incident starts from
        the last one before it.
    final
        State of that run at minute ``until``.
    resolved
        Object that each incident of the office hit.

    Raises
    ------
    TwinError
        When an incident found nothing to hit.
    """
    base = _issues(final)
    final_items = {key: outcome.item for key, outcome in base.items()}
    rows = []
    for incident in incidents:
        start = max((c for c in checkpoints if c.minute <= incident.at), key=lambda c: c.minute)
        others = [other for other in incidents if other is not incident]
        end = min(until, incident.at + LOOK_AHEAD_WEEKS * WEEK_MINUTES)
        without = Simulation(world, fork(start.state), Log(is_on=False), others).run(end)
        reached = reach(world, incident, final_items, resolved)
        delays = [
            (key, days, late)
            for key, item, days, late in _delays(base, _issues(without), end)
            if item in reached
        ]
        hurt = sorted((key, days) for key, days, late in delays if late and days > 0)
        object_type, object_id = hit_object(incident, world.clock, resolved)
        rows.append(
            (
                incident.incident_id,
                incident.kind,
                _week(world.clock, incident.at),
                object_type,
                object_id,
                world.clock.utc_text([incident.at])[0],
                world.clock.utc_text([incident.at + incident.hours * 60])[0],
                incident.size,
                incident.unit,
                incident.level,
                len(hurt),
                round(sum(days for _, days in hurt), 1),
                sum(1 for _, days, late in delays if late and days < 0),
                ";".join(key for key, _ in hurt),
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def hit_object(
    incident: Incident, clock: Clock, resolved: dict[str, tuple[str, str]]
) -> tuple[str, str]:
    """Return type and identity of what an incident hit."""
    if incident.incident_id in resolved:
        return resolved[incident.incident_id]
    day = clock.date(clock.day(incident.at))
    if incident.kind in ("breakdown", "scrap", "slow_running"):
        return "resource", incident.target
    if incident.kind == "absence":
        return "site_skill", incident.target
    if incident.kind == "carrier_failure":
        return "lane_day", f"{incident.target} {day}"
    if incident.kind == "dock_failure":
        return "site_day", f"{SITES_BY_LETTER[incident.target]} {day}"
    raise TwinError(
        f"incident {incident.incident_id} ({incident.kind} of {incident.target}) found nothing to hit"
    )


def reach(
    world: World,
    incident: Incident,
    items: dict[str, str],
    resolved: dict[str, tuple[str, str]],
) -> set[str]:
    """Return the SKUs that an incident can reach through line, component, site or order."""
    kind, target = incident.kind, incident.target
    site = {"carrier_failure": target[0], "dock_failure": target}.get(kind, "")
    if site:
        return {i for i in world.shares if world.items[i]["site_id"] == SITES_BY_LETTER[site]}
    if kind == "absence":
        home, skill = target.split()
        work = next(name for name, word in SKILL.items() if word == skill)
        lines = {r for r in RESOURCES if kind_of(r) == work and site_of(r) == home}
        return _made_on(world, lines)
    if target in RESOURCES:
        return _made_on(world, {target})
    if target in COMPONENTS:
        parents = {parent for (parent, _), rows in world.needs.items() if target in dict(rows)}
        return {i for i in world.shares if parents & {i, f"BULK-{world.items[i]['family_id']}"}}
    _, key = resolved[incident.incident_id]
    item = items.get(key, target)
    family = next(f for f in FAMILY_FILLER if item.startswith(f))
    return _made_on(world, {FAMILY_FILLER[family]})


def _made_on(world: World, lines: set[str]) -> set[str]:
    """Return the SKUs of which an operation is planned on one of the lines."""
    found = set()
    for item in world.shares:
        bulk = f"BULK-{world.items[item]['family_id']}"
        own = {world.routes[step][0][0] for step in ((bulk, 10), (item, 10), (item, 20))}
        if own & lines:
            found.add(item)
    return found


def _issues(state: State) -> dict[str, Outcome]:
    """Return due and issue of every order line; never issued is infinite, cancelled is left out."""
    found = dict(state.outcomes)
    for key, line in state.lines.items():
        if line.status == "open":
            found[key] = Outcome(line.item, line.site, _due(state, line), math.inf)
    return found


def _due(state: State, line: Line) -> float:
    """Return the due minute of an open line; within an hour of what an outcome says."""
    _ = state
    return max(line.promised_ship_day, 0) * 1440.0 + 23 * 60.0


def _delays(
    base: dict[str, Outcome], without: dict[str, Outcome], end: float
) -> Iterator[tuple[str, str, float, bool]]:
    """Yield order line, item, days that it left later than without the incident, and if it is late."""
    for key, outcome in base.items():
        other = without.get(key)
        if outcome.due > end:
            continue
        issued = min(outcome.issued, end)
        before = min(other.issued, end) if other is not None else min(outcome.due, end)
        days = (issued - before) / 1440
        if abs(days) < LEAST_DELAY_DAYS:
            continue
        yield key, outcome.item, round(days, 2), (issued if days > 0 else before) > outcome.due


def _week(clock: Clock, minute: float) -> str:
    year, week, _ = clock.instants([minute])[0].tz_convert(clock.zone).isocalendar()
    return f"{year}-W{week:02d}"
