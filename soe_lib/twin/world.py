"""Calendars, rates and look-ups of the plant, built once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from soe_lib.twin.clock import Clock, Interval, WorkTime, compose
from soe_lib.twin.demand import expected_cases, item_shares
from soe_lib.twin.noise import uniform
from soe_lib.twin.nuisance import QUIET, QUIET_STOPS, Nuisance
from soe_lib.twin.plant import Plant
from soe_lib.twin.records import customer_records, item_records
from soe_lib.twin.state import World
from soe_lib.twin.structure import HOLIDAYS, OVERTIME_HOURS, RESOURCES, SHIFT_HOURS, site_of

CALENDAR_WEEKS = 26
MAINTENANCE_EVERY_WEEKS = 4


def build_world(plant: Plant, clock: Clock, seed: int, nuisance: Nuisance = QUIET) -> World:
    """Return the constant part of a run."""
    shifts = {name: [row[2:4] for row in shift_rows(name, clock)] for name in RESOURCES}
    planned = {name: compose(shifts[name], closed_rows(name, clock)) for name in RESOURCES}
    routes: dict[tuple[str, int], list[tuple[str, float, str]]] = {}
    table = plant.routing.sort_values(["item_id", "op_no", "preference"])
    for item, op, resource, minutes, tool in zip(
        table["item_id"].astype(str),
        table["op_no"].astype(int),
        table["resource_id"].astype(str),
        table["run_minutes_per_unit"].astype(float),
        table["tool_id"].astype(str),
        strict=True,
    ):
        routes.setdefault((item, op), []).append((resource, minutes, tool))
    needs: dict[tuple[str, int], list[tuple[str, float]]] = {}
    per = plant.bom["qty_per"] * (1 + plant.bom["scrap_pct"] / 100)
    for item, op, component, qty in zip(
        plant.bom["parent_item_id"].astype(str),
        plant.bom["op_no"].astype(int),
        plant.bom["component_item_id"].astype(str),
        per.astype(float),
        strict=True,
    ):
        needs.setdefault((item, op), []).append((component, qty))
    matrix = plant.setup
    setups = {
        (str(a), str(b), str(c)): float(minutes)
        for a, b, c, minutes in zip(
            matrix["resource_group"],
            matrix["from_setup_family"],
            matrix["to_setup_family"],
            matrix["setup_minutes"],
            strict=True,
        )
    }
    return World(
        plant=plant,
        clock=clock,
        seed=seed,
        shifts=shifts,
        planned=planned,
        routes=routes,
        needs=needs,
        bought={
            item: [row for row in rows if not row[0].startswith("BULK")]
            for (item, op), rows in needs.items()
            if op == 10
        },
        setups=setups,
        items=item_records(plant),
        customers=customer_records(plant),
        shares=item_shares(plant),
        use=component_use(plant),
        nuisance=nuisance,
    )


def component_use(plant: Plant) -> dict[str, float]:
    """Return the mean weekly use of each purchased component, exploded from the expected demand."""
    family = plant.items.set_index("item_id")["family_id"].to_dict()
    made = {
        item: share * expected_cases(str(family[item]), 8)
        for item, share in item_shares(plant).items()
    }
    per = plant.bom["qty_per"] * (1 + plant.bom["scrap_pct"] / 100)
    parents = plant.bom["parent_item_id"].astype(str)
    components = plant.bom["component_item_id"].astype(str)
    rows = list(zip(parents, components, per.astype(float), strict=True))
    need: dict[str, float] = dict(made)
    for parents_are_bulk in (False, True):
        for parent, component, qty in rows:
            if str(parent).startswith("BULK") == parents_are_bulk:
                need[str(component)] = need.get(str(component), 0.0) + need[str(parent)] * float(
                    qty
                )
    return {k: v for k, v in need.items() if k not in made and not k.startswith("BULK")}


def holiday_numbers(clock: Clock) -> list[int]:
    """Return the local day numbers of holidays."""
    return [int((pd.Timestamp(day) - clock.first_day).days) for day in HOLIDAYS]


def shift_rows(
    resource: str, clock: Clock, first_week: int = 0, weeks: int = CALENDAR_WEEKS
) -> list[tuple[str, int, float, float]]:
    """Return (shift code, day, begin, end) of a resource; holidays are their own rows."""
    return [
        (code, day, clock.at(day, begin), clock.at(day + end // 24, end % 24))
        for week in range(first_week, weeks)
        for day in range(week * 7, week * 7 + 5)
        for code, begin, end in SHIFT_HOURS[site_of(resource)]
    ]


def overtime_rows(clock: Clock, first_week: int = 0, weeks: int = CALENDAR_WEEKS) -> list[Interval]:
    """Return the Saturday intervals that may be booked."""
    return [
        (clock.at(week * 7 + 5, begin), clock.at(week * 7 + 5, end))
        for week in range(first_week, weeks)
        for begin, end in OVERTIME_HOURS
    ]


def maintenance_rows(resource: str, clock: Clock) -> list[Interval]:
    """Return planned maintenance: four hours, every fourth week, another week for each line."""
    place = RESOURCES.index(resource)
    return [
        (clock.at(week * 7 + 2, 6), clock.at(week * 7 + 2, 10))
        for week in range(CALENDAR_WEEKS)
        if (week + place) % MAINTENANCE_EVERY_WEEKS == 0
    ]


def closed_rows(resource: str, clock: Clock) -> list[Interval]:
    """Return when a resource is closed by plan: maintenance and holidays."""
    holidays = [(clock.at(day, 6), clock.at(day + 1, 6)) for day in holiday_numbers(clock)]
    return [*maintenance_rows(resource, clock), *holidays]


def small_stops(resource: str, clock: Clock, seed: int, slots: int = QUIET_STOPS) -> list[Interval]:
    """Return the short stops that belong to normal running, each under an hour."""
    found = []
    for week in range(CALENDAR_WEEKS):
        for k in range(slots):
            if uniform(seed, "stop?", resource, week, k) < 0.45:
                day = int(5 * uniform(seed, "stopday", resource, week, k))
                hour = 7 + 14 * uniform(seed, "stophour", resource, week, k)
                begin = clock.at(week * 7 + day, hour)
                found.append((begin, begin + 15 + 40 * uniform(seed, "stop", resource, week, k)))
    return found


def actual_time(
    world: World,
    resource: str,
    downs: list[Interval],
    slows: list[tuple[float, float, float]],
    overtime: Sequence[Interval] = (),
) -> WorkTime:
    """Return the working time that a resource really has, booked overtime included."""
    stops = small_stops(resource, world.clock, world.seed, world.nuisance.stop_slots)
    closed = [*closed_rows(resource, world.clock), *stops, *downs]
    return compose([*world.shifts[resource], *overtime], closed, slows)
