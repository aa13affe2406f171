"""
Incidents drawn by seed, to judge detectors on plants that nobody has looked at.

In each week of the history a few things go wrong, in the last week one of nearly every kind. Half
of all incidents are slight: within twice the tolerance that ``params/weekly.yaml`` has for them.
"""

from __future__ import annotations

from soe_lib.twin.clock import Clock, is_working_day
from soe_lib.twin.incidents import SKILL, Incident
from soe_lib.twin.noise import uniform
from soe_lib.twin.planted import SEVERE, SLIGHT
from soe_lib.twin.simulate import WORKING_DAYS
from soe_lib.twin.structure import COMPONENTS, FAMILIES, LANES, RESOURCES, kind_of, site_of

FIRST_WEEK, LAST_WEEK = 4, 11
PAST_INCIDENTS = 4
"""Incidents in each week before the last."""
EXTRA_INCIDENTS = 3
LEFT_OUT = 2
FENCE_DAYS = 10
"""Frozen and slushy zone: a new order for a day inside is an incident."""
SIZES: dict[str, tuple[float, float, str]] = {
    "new_order": (1.0, 7.0, "cases"),
    "cancelled_order": (100.0, 100.0, "% of quantity"),
    "expedited_order": (1.0, 5.0, WORKING_DAYS),
    "resized_order": (5.0, 60.0, "% of quantity"),
    "supplier_late": (1.0, 8.0, WORKING_DAYS),
    "supplier_short": (2.0, 60.0, "% of quantity"),
    "breakdown": (2.0, 16.0, "hours"),
    "scrap": (2.0, 12.0, "% of output"),
    "absence": (5.0, 40.0, "% of crew"),
    "slow_running": (10.0, 30.0, "% of speed"),
    "wrong_stock": (5.0, 40.0, "% of stock"),
    "carrier_failure": (2.0, 20.0, "hours"),
    "dock_failure": (2.0, 16.0, "hours"),
}
"""Tolerance, largest size and unit by kind; of a new order the days of notice that it lacks."""
KINDS = tuple(SIZES)
FLOOR = ("breakdown", "scrap", "absence", "slow_running")
SLIGHT_SHARE = 0.6
"""Share of slight incidents among those that have a size, so that half of all are slight."""


def drawn(clock: Clock, seed: int) -> tuple[Incident, ...]:
    """Return the incidents of a seed, in the order in which they happen."""
    found: list[Incident] = []
    for week in range(FIRST_WEEK, LAST_WEEK + 1):
        kinds = _kinds(seed, week)
        graded = [kind != "cancelled_order" for kind in kinds]
        slight = round(SLIGHT_SHARE * sum(graded) + uniform(seed, "round", week) - 0.5)
        taken: set[str] = set()
        for place, kind in enumerate(kinds):
            is_slight = graded[place] and sum(graded[:place]) < slight
            one = _incident(clock, seed, week, place, kind, is_slight, taken)
            if one is not None:
                found.append(one)
    found.sort(key=lambda incident: incident.at)
    return tuple(
        Incident(f"I{number:03d}", i.kind, i.at, i.target, i.size, i.unit, i.level, i.hours)
        for number, i in enumerate(found, 1)
    )


def _kinds(seed: int, week: int) -> list[str]:
    """Return the kinds of a week in random order: the first ones become slight."""
    order = sorted(KINDS, key=lambda kind: uniform(seed, "kind", week, kind))
    if week < LAST_WEEK:
        return order[:PAST_INCIDENTS]
    more = [KINDS[int(len(KINDS) * uniform(seed, "more", k))] for k in range(EXTRA_INCIDENTS)]
    kinds = order[LEFT_OUT:] + more
    places = sorted(range(len(kinds)), key=lambda place: uniform(seed, "place", week, place))
    return [kinds[place] for place in places]


def _incident(
    clock: Clock, seed: int, week: int, place: int, kind: str, is_slight: bool, taken: set[str]
) -> Incident | None:
    """Return one incident on something that nothing else has hit this week; None = no room."""
    key = (seed, "incident", week, place, kind)
    targets = _targets(kind, is_slight)
    targets.sort(key=lambda target: uniform(*key, "target", target))
    target = next((t for t in targets if not taken & _reach(kind, t)), None)
    if target is None:
        return None
    taken |= _reach(kind, target)
    tolerance, largest, unit = SIZES[kind]
    share = uniform(*key, "size")
    if is_slight:
        size = tolerance * (1.1 + 0.9 * share)
    else:
        size = 2 * tolerance + (largest - 2 * tolerance) * share
    last_day = 5 if kind == "breakdown" else 4
    day = week * 7 + int(last_day * uniform(*key, "day"))
    hour = 7 + 10 * uniform(*key, "hour")
    hours = 0.0
    if kind == "new_order":
        # The size is the notice that it lacks; what is asked for is the quantity.
        lacks = 1 if is_slight else 2 + round((largest - 2) * share)
        day = next(d for d in range(day, day + 7) if is_working_day(d) and is_working_day(
            d + FENCE_DAYS - lacks))  # fmt: skip
        hours, size = (FENCE_DAYS - lacks) * 24.0, 400 + 100 * round(20 * share)
    elif unit == WORKING_DAYS:
        size = 2.0 if is_slight else float(max(3, round(size)))
    elif kind == "cancelled_order":
        size = 100.0
    elif kind == "resized_order":
        size = size if uniform(*key, "sign") < 0.6 else -size
    elif kind in ("carrier_failure", "dock_failure"):
        hour, hours = 12.0, size
    elif kind == "breakdown":
        hours = size
    elif kind == "scrap":
        hour, hours = 6.0, 24.0
    elif kind == "absence":
        hour, hours = 6.0, 48.0
        size = 8.4 if is_slight else size
    elif kind == "slow_running":
        hour, hours = 6.0, 48.0 + 24.0 * round(2 * share)
        day = week * 7 + int(3 * uniform(*key, "day"))
    elif kind == "wrong_stock":
        hours = 24.0 + 24.0 * round(2 * uniform(*key, "count"))
    level = SLIGHT if is_slight else SEVERE
    return Incident("", kind, clock.at(day, hour), target, size, unit, level, hours)


def _targets(kind: str, is_slight: bool) -> list[str]:
    if kind == "absence":
        # One of twelve people is the only crew of which one is within twice the tolerance.
        return ["NORD FILLER"] if is_slight else [
            f"{site} {skill}" for site in ("NORD", "SUED") for skill in ("FILLER", "PACKER")
        ]  # fmt: skip
    if kind in FLOOR:
        return [r for r in RESOURCES if kind_of(r) != "mixing"]
    if kind == "carrier_failure":
        return [f"{site}-{lane}" for site in "NS" for lane in LANES]
    if kind == "dock_failure":
        return ["N", "S"]
    if kind in ("supplier_late", "supplier_short", "wrong_stock"):
        return list(COMPONENTS)
    if kind == "new_order":
        return [f"{family}-{number:02d}" for family in FAMILIES for number in range(1, 7)]
    return list(FAMILIES)


def _reach(kind: str, target: str) -> set[str]:
    """Return what an incident touches: no other incident of the week may."""
    if kind == "absence":
        home, skill = target.split()
        return {r for r in RESOURCES if SKILL[kind_of(r)] == skill and site_of(r) == home}
    if kind == "dock_failure":
        return {f"{target}-{lane}" for lane in LANES}
    return {target.split("-")[0] if kind == "new_order" else target}
