"""A smaller plant for campaigns: one site of the demo plant with some of its SKUs, and its luck."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from soe_lib.twin.clock import Clock
from soe_lib.twin.demand import ABC_WEIGHT
from soe_lib.twin.incidents import Incident
from soe_lib.twin.noise import pick, uniform
from soe_lib.twin.plant import Plant, build_plant
from soe_lib.twin.structure import FAMILY_CASES_PER_WEEK, FAMILY_FILLER, SHIFT_HOURS

SITE = "SUED"
SKUS_PER_FAMILY = 8
LOAD = {"FIL-S1": 0.90, "FIL-S2": 0.70}
"""Running time of the fillers' own families in a mean week, as a share of the regular hours:
with changeovers and stops the first is full, the second has room."""
FROZEN_DAYS, SLUSHY_DAYS = 0.5, 3.0
"""The weekly meeting may change what begins after the first shift."""

# kind, chance a week, least and most strength, unit, least and most hours
_CHANCES: tuple[tuple[str, float, float, float, str, float, float], ...] = (
    ("breakdown FIL", 0.45, 5.0, 16.0, "hours", 0.0, 0.0),
    ("breakdown FIL", 0.25, 3.0, 8.0, "hours", 0.0, 0.0),
    ("breakdown PAC", 0.20, 3.0, 9.0, "hours", 0.0, 0.0),
    ("breakdown MIX", 0.15, 3.0, 8.0, "hours", 0.0, 0.0),
    ("slow_running FIL", 0.20, 10.0, 22.0, "% of speed", 24.0, 48.0),
    ("scrap FIL", 0.20, 5.0, 14.0, "% of output", 24.0, 24.0),
    ("absence", 0.15, 20.0, 35.0, "% of crew", 24.0, 48.0),
    ("supplier_late", 0.45, 2.0, 8.0, "days", 0.0, 0.0),
    ("supplier_short", 0.20, 30.0, 75.0, "% of quantity", 0.0, 0.0),
    ("resized_order", 0.50, 40.0, 95.0, "% of quantity", 0.0, 0.0),
    ("cancelled_order", 0.30, 100.0, 100.0, "% of quantity", 0.0, 0.0),
    ("expedited_order", 0.45, 3.0, 6.0, "days", 0.0, 0.0),
    ("new_order", 0.50, 1200.0, 3600.0, "cases", 120.0, 192.0),
)


def small_plant(seed: int, skus_per_family: int = SKUS_PER_FAMILY) -> Plant:
    """
    Return one site of the demo plant: two fillers, a packer and a mixer, four families.

    The families keep their whole volume, spread over ``skus_per_family`` SKUs each.
    """
    whole = build_plant(seed)
    items = whole.items[whole.items["site_id"] == SITE]
    number = items["item_id"].str.extract(r"-(\d+)$")[0].astype(float)
    is_sku = items["item_type"] == "MTS"
    items = items[~is_sku | (number <= skus_per_family)]
    bom = whole.bom[whole.bom["parent_item_id"].isin(items["item_id"])]
    used = {*bom["component_item_id"], *bom["parent_item_id"]}
    items = items[items["item_id"].isin(used)].reset_index(drop=True)
    resources = whole.resources[whole.resources["site_id"] == SITE].reset_index(drop=True)
    lines = set(resources["resource_id"])
    costs = whole.costs
    own_cost = costs["object_id"].isin({"*", *lines})
    fences = whole.fences[whole.fences["scope_id"].isin({SITE, *lines})]
    fences = fences.assign(frozen_days=FROZEN_DAYS, slushy_days=SLUSHY_DAYS)
    return replace(
        whole,
        items=items,
        bom=bom.reset_index(drop=True),
        routing=_loaded(_own(whole.routing, "item_id", set(items["item_id"])), items),
        resources=resources,
        tooling=_own(whole.tooling, "tool_id", set(_tools(whole.routing, items))),
        costs=costs[own_cost].reset_index(drop=True),
        fences=fences.reset_index(drop=True),
    )


def _loaded(routing: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Scale the running times of a filler's own families, packing included, to its load."""
    skus = items[items["item_type"] == "MTS"].set_index("item_id")
    weight = skus["abc_code"].map(ABC_WEIGHT)
    share = weight / weight.groupby(skus["family_id"]).transform("sum")
    cases = share * skus["family_id"].map(FAMILY_CASES_PER_WEEK)
    filler = skus["family_id"].map(FAMILY_FILLER)
    first = routing[(routing["op_no"] == 10) & (routing["preference"] == 1)].set_index("item_id")
    minutes = (cases * first["run_minutes_per_unit"]).groupby(filler).sum()
    open_minutes = 5 * 60.0 * sum(end - begin for _, begin, end in SHIFT_HOURS[SITE])
    factor = pd.Series(LOAD) * open_minutes / minutes
    by_item = filler.map(factor)
    scaled = routing["run_minutes_per_unit"] * routing["item_id"].map(by_item).fillna(1.0)
    return routing.assign(run_minutes_per_unit=scaled.round(5))


def _own(table: pd.DataFrame, column: str, names: set[str]) -> pd.DataFrame:
    return table[table[column].isin(names)].reset_index(drop=True)


def _tools(routing: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    return routing.loc[routing["item_id"].isin(items["item_id"]), "tool_id"]


def random_incidents(
    plant: Plant, clock: Clock, seed: int, first_week: int, last_week: int
) -> tuple[Incident, ...]:
    """
    Return what goes wrong in weeks ``first_week`` to ``last_week``, drawn week by week.

    What is drawn depends on seed, week and kind only, so all policies have the same luck.
    """
    found: list[Incident] = []
    targets = _targets(plant)
    for week in range(first_week, last_week + 1):
        for place, (kind, chance, low, high, unit, short, long) in enumerate(_CHANCES):
            key = (kind, place, week)
            if uniform(seed, "happens", *key) >= chance:
                continue
            size = low + (high - low) * uniform(seed, "strength", *key)
            hours = short + (long - short) * uniform(seed, "length", *key)
            names = targets[kind]
            target = names[pick([1.0] * len(names), seed, "target", *key)]
            day = int(5 * uniform(seed, "weekday", *key))
            at = clock.at(week * 7 + day, 6 + 12 * uniform(seed, "hour", *key))
            word = kind.split()[0]
            found.append(
                Incident(
                    incident_id=f"I{len(found) + 1:03d}",
                    kind=word,
                    at=at,
                    target=target,
                    size=float(round(size)),
                    unit=unit,
                    level="random",
                    hours=float(round(size)) if word == "breakdown" else float(round(hours)),
                )
            )
    return tuple(found)


def _targets(plant: Plant) -> dict[str, list[str]]:
    """Return what each kind of incident may hit."""
    items = plant.items
    by_type = items.groupby("item_type")["item_id"].agg(lambda names: sorted(map(str, names)))
    families = sorted(set(items.loc[items["item_type"] == "MTS", "family_id"].astype(str)))
    skills = sorted(set(plant.resources["skill_code"].astype(str)))
    found: dict[str, list[str]] = {
        "absence": [f"{SITE} {skill}" for skill in skills],
        "supplier_late": by_type["component"],
        "supplier_short": by_type["component"],
        "new_order": by_type["MTS"],
        "resized_order": families,
        "cancelled_order": families,
        "expedited_order": families,
    }
    for kind, *_ in _CHANCES:
        word, _, prefix = kind.partition(" ")
        if word in ("breakdown", "slow_running", "scrap"):
            found[kind] = [name for name in plant.resource_names if name.startswith(prefix)]
    return found
