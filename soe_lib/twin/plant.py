"""Master data of the demo plant: a two-site beverage maker, all of it drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.twin.commerce import costs_table, customers_table, fences_table, lanes_table
from soe_lib.twin.structure import (
    BULK_LITRES_PER_CASE,
    COMPONENTS,
    FAMILIES,
    FAMILY_FILLER,
    FAMILY_SITE,
    FILLERS,
    MIXERS,
    NUM_SUPPLIERS,
    PACKERS,
    RESOURCES,
    SITES,
    SKUS_PER_FAMILY,
    kind_of,
    site_of,
)

MIX_MINUTES_PER_LITRE = {"NORD": 0.0046, "SUED": 0.0062}
PACK_SHARE = {"NORD": 0.68, "SUED": 0.45}
"""Packing minutes per minute of filling."""
ALTERNATE_SLOWDOWN = 1.12
"""A filler that is not the family's own runs slower by this factor."""


@dataclass(frozen=True)
class Plant:
    """Master data as tables; columns are those of the canonical contracts."""

    items: pd.DataFrame
    bom: pd.DataFrame
    routing: pd.DataFrame
    resources: pd.DataFrame
    setup: pd.DataFrame
    tooling: pd.DataFrame
    customers: pd.DataFrame
    lanes: pd.DataFrame
    costs: pd.DataFrame
    fences: pd.DataFrame

    @property
    def resource_names(self) -> tuple[str, ...]:
        """Resources of the plant."""
        return tuple(self.resources["resource_id"].astype(str))


def build_plant(seed: int) -> Plant:
    """Draw the master data."""
    rng = np.random.default_rng([seed, 1])
    bom = _bom()
    items = pd.concat([_components(rng), _bulks(), _skus(rng)], ignore_index=True)
    items = _costed(items, bom, rng)
    return Plant(
        items=items,
        bom=bom,
        routing=_routing(items, rng),
        resources=_resources(),
        setup=_setup(rng),
        tooling=_tooling(),
        customers=customers_table(rng),
        lanes=lanes_table(),
        costs=costs_table(),
        fences=fences_table(),
    )


def bottle_of(family: str, k: int) -> str:
    """Return the bottle of SKU number ``k`` of a family: small ones first."""
    sizes = ("033", "050", "100") if FAMILY_SITE[family] == "NORD" else ("025", "075", "150")
    return f"BOTTLE-{sizes[0] if k < 4 else sizes[1] if k < 8 else sizes[2]}"


def _components(rng: np.random.Generator) -> pd.DataFrame:
    leads = {"BOTTLE": 9, "CAP": 7, "CARTON": 4, "LABEL": 11, "FILM": 7}
    cost = {"BOTTLE": 0.06, "CAP": 0.012, "CARTON": 0.21, "LABEL": 0.009, "SUGAR": 0.75}
    rows = []
    for number, (name, site) in enumerate(COMPONENTS.items()):
        kind = name.split("-")[0]
        pieces = kind in ("BOTTLE", "CAP", "CARTON", "LABEL")
        rows.append(
            {
                "item_id": name,
                "family_id": "PACKAGING" if pieces or kind == "FILM" else "INGREDIENT",
                "description": name.replace("-", " ").title(),
                "uom": "EA" if pieces else "KG",
                "supply_type": "buy",
                "item_type": "component",
                "lead_time_days": float(leads.get(kind, 9)),
                "lot_multiple_qty": 1000.0 if pieces else 100.0,
                "std_cost": round(cost.get(kind, 1.6) * float(rng.uniform(0.9, 1.1)), 4),
                "supplier_id": f"SUP{number % NUM_SUPPLIERS + 1:02d}",
                "shelf_life_days": 180.0 if kind == "AROMA" else np.nan,
                "site_id": site,
            }
        )
    return pd.DataFrame(rows)


def _bulks() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [f"BULK-{family}" for family in FAMILIES],
            "family_id": [f"BULK-{FAMILY_SITE[family]}" for family in FAMILIES],
            "description": [f"{family.title()} bulk" for family in FAMILIES],
            "uom": "L",
            "supply_type": "make",
            "item_type": "intermediate",
            "lead_time_days": 1.0,
            "lot_min_qty": 8000.0,
            "lot_multiple_qty": 500.0,
            "lot_max_qty": 60_000.0,
            "shelf_life_days": 14.0,
            "setup_family": [f"B-{family}" for family in FAMILIES],
            "site_id": [FAMILY_SITE[family] for family in FAMILIES],
        }
    )


def _skus(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for family in FAMILIES:
        for k in range(SKUS_PER_FAMILY):
            code = "A" if k % 5 == 0 else "B" if k % 5 in (1, 2) else "C"
            bottle = bottle_of(family, k)
            rows.append(
                {
                    "item_id": f"{family}-{k + 1:02d}",
                    "family_id": family,
                    "description": f"{family.title()} no. {k + 1}, {bottle[7:8]}.{bottle[8:]} l",
                    "uom": "CS",
                    "supply_type": "make",
                    "item_type": "MTS",
                    "lead_time_days": 5.0,
                    "lot_min_qty": 1000.0,
                    "lot_multiple_qty": 100.0,
                    "lot_max_qty": 7000.0,
                    "min_cover_days": 3.0,
                    "max_cover_days": 45.0,
                    "shelf_life_days": float(rng.choice([180.0, 270.0, 365.0])),
                    "price": round(float(rng.uniform(4.2, 6.6)), 2),
                    "abc_code": code,
                    "is_substitutable": bool(k % 4),
                    "weight_kg": 9.6,
                    "volume_m3": 0.014,
                    "qty_per_pallet": 80.0,
                    "setup_family": f"{family}-{'S' if k < 8 else 'L'}",
                    "site_id": FAMILY_SITE[family],
                }
            )
    return pd.DataFrame(rows)


def _bom() -> pd.DataFrame:
    rows: list[tuple[str, str, float, int, float]] = []
    for number, family in enumerate(FAMILIES):
        site = FAMILY_SITE[family]
        mark = site[0]
        bulk = f"BULK-{family}"
        if family != "WATER":
            rows.append((bulk, f"SUGAR-{mark}", 0.085, 10, 0.5))
            rows.append((bulk, f"AROMA-{mark}", 0.0021, 10, 0.5))
        rows.append((bulk, f"CO2-{mark}", 0.008, 10, 1.0))
        if number % 2:
            rows.append((bulk, f"CITRIC-{mark}", 0.0016, 10, 0.5))
        for k in range(SKUS_PER_FAMILY):
            item = f"{family}-{k + 1:02d}"
            size = "S" if k < 8 else "L"
            caps = {"NORD": ("CAP-RED", "CAP-BLUE"), "SUED": ("CAP-GREEN", "CAP-WHITE")}[site]
            cartons = {"NORD": ("CARTON-06", "CARTON-12"), "SUED": ("CARTON-20", "CARTON-24")}
            rows += [
                (item, bulk, BULK_LITRES_PER_CASE, 10, 0.5),
                (item, bottle_of(family, k), 12.0, 10, 0.5),
                (item, caps[(number + k) % 2], 12.0, 10, 0.5),
                (item, f"LABEL-{family}-{size}", 12.0, 10, 0.5),
                (item, cartons[site][k % 2], 1.0, 20, 0.5),
                (item, f"FILM-{mark}", 0.05, 20, 1.0),
            ]
    return pd.DataFrame(
        rows, columns=["parent_item_id", "component_item_id", "qty_per", "op_no", "scrap_pct"]
    )


def _costed(items: pd.DataFrame, bom: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Roll standard costs up through the bill of material and add conversion cost."""
    cost = items.set_index("item_id")["std_cost"]
    for kind, conversion in (("intermediate", 0.02), ("MTS", 0.9)):
        made = items.loc[items["item_type"] == kind, "item_id"]
        rows = bom[bom["parent_item_id"].isin(made)]
        value = rows["qty_per"] * rows["component_item_id"].map(cost)
        rolled = value.groupby(rows["parent_item_id"]).sum() + conversion
        cost.loc[rolled.index] = rolled.round(4)
    found = items.assign(std_cost=items["item_id"].map(cost))
    floor = (found["std_cost"] * 1.3).round(2)
    found["price"] = found["price"].where(found["price"].isna(), np.maximum(found["price"], floor))
    found["currency"] = "EUR"
    _ = rng
    return found


def _routing(items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for family in FAMILIES:
        site = FAMILY_SITE[family]
        minutes = MIX_MINUTES_PER_LITRE[site]
        rows += [
            (f"BULK-{family}", 10, mixer, minutes, 1, "mixing", "MIXER", 1.0, "", 99.7)
            for mixer in MIXERS[site]
        ]
    skus = items[items["item_type"] == "MTS"]
    for number, (item, family, setup) in enumerate(
        zip(skus["item_id"], skus["family_id"], skus["setup_family"], strict=True)
    ):
        site = FAMILY_SITE[family]
        minutes = float(rng.uniform(0.125, 0.175))
        own = FILLERS[site].index(FAMILY_FILLER[family])
        order = [FILLERS[site][(own + step) % len(FILLERS[site])] for step in (0, 1)]
        for place, filler in enumerate(order):
            run = round(minutes * (ALTERNATE_SLOWDOWN if place else 1.0), 5)
            tool = f"STAR-{setup[-1]}-{site[0]}"
            rows.append((item, 10, filler, run, place + 1, "filling", "FILLER", 3.0, tool, 99.3))
        packers = PACKERS[site]
        for place in range(len(packers)):
            packer = packers[(number + place) % len(packers)]
            run = round(minutes * PACK_SHARE[site], 5)
            rows.append((item, 20, packer, run, place + 1, "packing", "PACKER", 2.0, "", 99.8))
    return pd.DataFrame(
        rows,
        columns=[
            "item_id",
            "op_no",
            "resource_id",
            "run_minutes_per_unit",
            "preference",
            "operation_name",
            "skill_code",
            "labour_count",
            "tool_id",
            "yield_pct",
        ],
    )


def _resources() -> pd.DataFrame:
    rate = {"mixing": (95.0, 60.0), "filling": (240.0, 145.0), "packing": (130.0, 85.0)}
    skill = {"mixing": "MIXER", "filling": "FILLER", "packing": "PACKER"}
    return pd.DataFrame(
        {
            "resource_id": list(RESOURCES),
            "site_id": [site_of(name) for name in RESOURCES],
            "description": [f"{kind_of(n).title()} line {n[4:]}" for n in RESOURCES],
            "resource_type": "line",
            "capacity_parallel": 1.0,
            "cost_per_hour": [rate[kind_of(n)][0] for n in RESOURCES],
            "overtime_cost_per_hour": [rate[kind_of(n)][1] for n in RESOURCES],
            "efficiency_pct": 100.0,
            "is_bottleneck": [n == "FIL-S1" for n in RESOURCES],
            "alternate_group": [f"{kind_of(n)} {site_of(n)}" for n in RESOURCES],
            "resource_group": [kind_of(n) for n in RESOURCES],
            "skill_code": [skill[kind_of(n)] for n in RESOURCES],
        }
    )


def _setup(rng: np.random.Generator) -> pd.DataFrame:
    """Changeovers: short within a flavour, longer between flavours, longest after dark ones."""
    rows: list[tuple[str, str, str, float, float]] = []
    families = [f"{family}-{size}" for family in FAMILIES for size in "SL"]
    for group, base in (("filling", 30.0), ("packing", 10.0)):
        for before in families:
            for after in families:
                if before == after:
                    continue
                flavour = before[:-2] != after[:-2]
                dark = flavour and before.startswith(("COLA", "ENERGY"))
                minutes = base * (1.0 if flavour else 0.6) + float(rng.integers(0, 9))
                minutes += base / 2 if dark else 0.0
                rows.append((group, before, after, float(round(minutes)), round(minutes * 1.5, 1)))
    rows += [
        ("mixing", f"B-{before}", f"B-{after}", 25.0, 30.0)
        for before in FAMILIES
        for after in FAMILIES
        if before != after
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "resource_group",
            "from_setup_family",
            "to_setup_family",
            "setup_minutes",
            "setup_cost",
        ],
    )


def _tooling() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (f"STAR-{size}-{site[0]}", 2.0, "Star wheel set", "available", f"{site} hall 1")
            for site in SITES
            for size in "SL"
        ],
        columns=["tool_id", "tool_qty", "description", "status", "location"],
    )
