"""Master data of the demo plant: a two-site beverage maker, all of it drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SITES = ("NORD", "SUED")
FAMILIES = ("COLA", "LEMON", "ORANGE", "WATER", "ICETEA", "ENERGY", "JUICE", "TONIC")
FAMILY_SITE = {family: SITES[number // 4] for number, family in enumerate(FAMILIES)}
FILLERS = {"NORD": ("FIL-N1", "FIL-N2", "FIL-N3"), "SUED": ("FIL-S1", "FIL-S2")}
PACKERS = {"NORD": ("PAC-N1", "PAC-N2"), "SUED": ("PAC-S1",)}
MIXERS = {"NORD": ("MIX-N1",), "SUED": ("MIX-S1",)}
RESOURCES = tuple(
    name for group in (MIXERS, FILLERS, PACKERS) for site in SITES for name in group[site]
)
SKUS_PER_FAMILY = 15
NUM_COMPONENTS, NUM_SUPPLIERS, NUM_CUSTOMERS = 40, 12, 60
BULK_LITRES_PER_CASE = 9.0
LANES = ("NORTH", "WEST", "EAST", "SOUTH")


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
    suppliers: pd.DataFrame
    lanes: pd.DataFrame
    costs: pd.DataFrame
    fences: pd.DataFrame


def site_of(resource: str) -> str:
    """Return the site of a resource by its name."""
    return "NORD" if resource.split("-")[1].startswith("N") else "SUED"


def build_plant(rng: np.random.Generator) -> Plant:
    """Draw the master data."""
    items, bom, routing = [], [], []
    bottles = [f"BOTTLE-{size}" for size in ("025", "033", "050", "075", "100", "150")]
    caps = [f"CAP-{colour}" for colour in ("RED", "BLUE", "GREEN", "WHITE")]
    cartons = [f"CARTON-{size}" for size in ("06", "12", "20", "24")]
    labels = [f"LABEL-{family}-{k}" for family in FAMILIES for k in (1, 2)]
    basics = ["SUGAR", "CO2", "CITRIC", "FILM", "PALLET", "GLUE", "INK", "AROMA-A", "AROMA-B", "STEVIA"]
    components = [*bottles, *caps, *cartons, *labels, *basics][:NUM_COMPONENTS]
    for number, name in enumerate(components):
        items.append(
            {
                "item_id": name,
                "family_id": "PACKAGING" if number < 30 else "INGREDIENT",
                "description": name.title().replace("-", " "),
                "uom": "EA" if number < 30 else "KG",
                "supply_type": "buy",
                "item_type": "component",
                "lead_time_days": float(rng.choice([5, 7, 10, 14, 21])),
                "std_cost": round(float(rng.uniform(0.02, 0.4)), 3),
                "supplier_id": f"SUP{number % NUM_SUPPLIERS + 1:02d}",
            }
        )
    for number, family in enumerate(FAMILIES):
        site = FAMILY_SITE[family]
        bulk = f"BULK-{family}"
        items.append(
            {
                "item_id": bulk,
                "family_id": f"BULK-{site}",
                "description": f"{family.title()} bulk",
                "uom": "L",
                "supply_type": "make",
                "item_type": "intermediate",
                "lead_time_days": 2.0,
                "lot_min_qty": 2000.0,
                "lot_multiple_qty": 500.0,
                "shelf_life_days": 14.0,
                "std_cost": round(float(rng.uniform(0.15, 0.4)), 3),
                "setup_family": f"B-{family}",
            }
        )
        for mixer in MIXERS[site]:
            routing.append((bulk, 10, mixer, 0.0085, 1, "MIXING", "MIXER", 1.0, "mixing", None))
        for name, qty in (("SUGAR", 0.09), ("CO2", 0.008), (basics[number % 6 + 4], 0.002)):
            if name in components:
                bom.append((bulk, name, qty, 10, 1.0))
        for k in range(SKUS_PER_FAMILY):
            item = f"{family}-{k + 1:02d}"
            setup_family = f"{family}-{'S' if k < 8 else 'L'}"
            minutes = round(float(rng.uniform(0.10, 0.19)), 4)
            fillers = FILLERS[site]
            preferred = (number * SKUS_PER_FAMILY + k) % len(fillers)
            items.append(
                {
                    "item_id": item,
                    "family_id": family,
                    "description": f"{family.title()} {k + 1:02d}",
                    "uom": "CASE",
                    "supply_type": "make",
                    "item_type": "MTS",
                    "lead_time_days": 7.0,
                    "lot_min_qty": 200.0,
                    "lot_multiple_qty": 50.0,
                    "shelf_life_days": 270.0,
                    "std_cost": round(float(rng.uniform(4.0, 7.0)), 2),
                    "price": round(float(rng.uniform(9.0, 15.0)), 2),
                    "abc_code": "A" if k < 3 else "B" if k < 8 else "C",
                    "weight_kg": 9.5,
                    "qty_per_pallet": 80.0,
                    "max_cover_days": 60.0,
                    "setup_family": setup_family,
                }
            )
            tool = f"STAR-{setup_family[-1]}-{site}"
            for place in (0, 1):
                filler = fillers[(preferred + place) % len(fillers)]
                slower = 1.0 if place == 0 else 1.12
                routing.append(
                    (item, 10, filler, round(minutes * slower, 4), place + 1, "FILLING", "FILLER", 3.0,
                     "filling", tool)
                )
            packers = PACKERS[site]
            for place, packer in enumerate(packers[k % len(packers) :] + packers[: k % len(packers)]):
                routing.append(
                    (item, 20, packer, round(minutes * 0.45, 4), place + 1, "PACKING", "PACKER", 2.0,
                     "packing", None)
                )
            bom += [
                (item, bulk, BULK_LITRES_PER_CASE, 10, 0.5),
                (item, bottles[k % len(bottles)], 12.0, 10, 1.0),
                (item, caps[k % len(caps)], 12.0, 10, 0.5),
                (item, f"LABEL-{family}-{1 if k < 8 else 2}", 12.0, 10, 0.5),
                (item, cartons[k % len(cartons)], 1.0, 20, 0.5),
            ]
    routes = pd.DataFrame(
        routing,
        columns=["item_id", "op_no", "resource_id", "run_minutes_per_unit", "preference", "kind",
                 "skill_code", "labour_count", "operation_name", "tool_id"],
    )
    return Plant(
        items=pd.DataFrame(items),
        bom=pd.DataFrame(
            bom, columns=["parent_item_id", "component_item_id", "qty_per", "op_no", "scrap_pct"]
        ),
        routing=routes,
        resources=_resources(),
        setup=_setup(rng),
        tooling=_tooling(),
        customers=_customers(rng),
        suppliers=pd.DataFrame(
            {
                "supplier_id": [f"SUP{k + 1:02d}" for k in range(NUM_SUPPLIERS)],
                "slip_days": np.round(rng.gamma(1.2, 0.25, NUM_SUPPLIERS), 2),
            }
        ),
        lanes=pd.DataFrame(
            [
                (f"{site[0]}-{lane}", site, lane, "truck", 1.0 + (place % 2), 2.0 + place % 2, 28.0)
                for site in SITES
                for place, lane in enumerate(LANES)
            ],
            columns=["lane_id", "origin_site_id", "destination_id", "mode", "transit_p50_days",
                     "transit_p90_days", "cost_per_pallet"],
        ),
        costs=pd.DataFrame(
            [
                ("overtime_hour", "*", 140.0, "hour"),
                ("expedite_freight", "*", 45.0, "pallet"),
                ("holding_pct", "*", 12.0, "pct_per_year"),
                ("subcontract", "*", 2.5, "unit"),
            ],
            columns=["cost_type", "object_id", "cost_amount", "cost_unit"],
        ),
        fences=pd.DataFrame(
            [("site", site, 3.0, 7.0, "sequence within the day", 10.0, "S&OE lead") for site in SITES],
            columns=["scope_type", "scope_id", "frozen_days", "slushy_days", "allowed_change",
                     "change_limit_pct", "approver_role"],
        ),
    )


def _resources() -> pd.DataFrame:
    kinds = {"MIX": "mixing", "FIL": "filling", "PAC": "packing"}
    return pd.DataFrame(
        [
            (name, site_of(name), f"{kinds[name[:3]].title()} line {name[4:]}", "line", 1.0, 180.0,
             140.0, 100.0, name == "FIL-S1", kinds[name[:3]])
            for name in RESOURCES
        ],
        columns=["resource_id", "site_id", "description", "resource_type", "capacity_parallel",
                 "cost_per_hour", "overtime_cost_per_hour", "efficiency_pct", "is_bottleneck",
                 "resource_group"],
    )


def _setup(rng: np.random.Generator) -> pd.DataFrame:
    """Changeovers: short within a flavour, longer between flavours, longest after dark ones."""
    rows = []
    families = [f"{family}-{size}" for family in FAMILIES for size in "SL"]
    for group, low in (("filling", 25), ("packing", 8)):
        for before in families:
            for after in families:
                if before != after:
                    same = before[:-2] == after[:-2]
                    minutes = low * (0.6 if same else 1.0) + float(rng.integers(0, 15))
                    minutes += 15.0 if before.startswith(("COLA", "ENERGY")) and not same else 0.0
                    rows.append((group, before, after, round(minutes), round(minutes * 0.9, 1)))
    for before in FAMILIES:
        for after in FAMILIES:
            if before != after:
                rows.append(("mixing", f"B-{before}", f"B-{after}", 40.0, 30.0))
    return pd.DataFrame(
        rows,
        columns=["resource_group", "from_setup_family", "to_setup_family", "setup_minutes",
                 "setup_cost"],
    )


def _tooling() -> pd.DataFrame:
    return pd.DataFrame(
        [(f"STAR-{size}-{site}", 2.0, "Star wheel set", "available") for site in SITES for size in "SL"],
        columns=["tool_id", "tool_qty", "description", "status"],
    )


def _customers(rng: np.random.Generator) -> pd.DataFrame:
    kinds = ["none", "flat", "per_day", "step", "pct_value", "pct_cogs"]
    rows = []
    for number in range(NUM_CUSTOMERS):
        tier = "A" if number < 8 else "B" if number < 22 else "C" if number < 45 else "D"
        kind = kinds[number % 6] if number < 45 else "none"
        amount = {"none": np.nan, "flat": 400.0, "per_day": 150.0, "step": 300.0, "pct_value": 5.0,
                  "pct_cogs": 3.0}[kind]
        rows.append(
            {
                "customer_id": f"CUST{number + 1:03d}",
                "customer_tier": tier,
                "description": f"Customer {number + 1:03d}",
                "region": LANES[number % 4],
                "otif_basis": "first_confirmed",
                "late_days": 0.0,
                "penalty_type": kind,
                "penalty_amount": amount,
                "penalty_threshold_days": 1.0 if kind == "per_day" else 0.0,
                "penalty_cap": 2500.0 if kind in ("per_day", "step") else np.nan,
                "notice_days": 5.0,
                "is_lost_sale": bool(rng.random() < 0.15),
            }
        )
    return pd.DataFrame(rows)
