"""What the demo plant is made of: sites, lines, families, components, lanes, volumes."""

from __future__ import annotations

SITES = ("NORD", "SUED")
FAMILY_SITE = {
    "COLA": "NORD",
    "LEMON": "NORD",
    "ORANGE": "NORD",
    "WATER": "NORD",
    "ENERGY": "SUED",
    "ICETEA": "SUED",
    "JUICE": "SUED",
    "TONIC": "SUED",
}
FAMILIES = tuple(FAMILY_SITE)
FAMILY_FILLER = {
    "COLA": "FIL-N1",
    "LEMON": "FIL-N2",
    "ORANGE": "FIL-N2",
    "WATER": "FIL-N3",
    "ENERGY": "FIL-S1",
    "ICETEA": "FIL-S1",
    "JUICE": "FIL-S2",
    "TONIC": "FIL-S2",
}
FAMILY_CASES_PER_WEEK = {
    "COLA": 24_000.0,
    "LEMON": 11_800.0,
    "ORANGE": 10_000.0,
    "WATER": 20_500.0,
    "ENERGY": 22_900.0,
    "ICETEA": 20_400.0,
    "JUICE": 18_800.0,
    "TONIC": 15_200.0,
}
"""Mean demand before season and promotion. [cases/week]"""
MIXERS = {"NORD": ("MIX-N1",), "SUED": ("MIX-S1",)}
FILLERS = {"NORD": ("FIL-N1", "FIL-N2", "FIL-N3"), "SUED": ("FIL-S1", "FIL-S2")}
PACKERS = {"NORD": ("PAC-N1", "PAC-N2"), "SUED": ("PAC-S1",)}
RESOURCES = tuple(
    name for group in (MIXERS, FILLERS, PACKERS) for site in SITES for name in group[site]
)
SHIFT_HOURS = {
    "NORD": (("early", 6, 14), ("late", 14, 22)),
    "SUED": (("early", 6, 14), ("late", 14, 22), ("night", 22, 30)),
}
"""Shifts of Monday to Friday: code, first and last wall-clock hour (30 = 06:00 next day)."""
OVERTIME_HOURS = ((6, 14), (14, 22))
"""Saturday hours that may be booked as overtime."""
HOLIDAYS = ("2026-12-24", "2026-12-25", "2026-12-31", "2027-01-01")
SKUS_PER_FAMILY = 15
NUM_SUPPLIERS, NUM_CUSTOMERS = 12, 60
BULK_LITRES_PER_CASE = 9.0
LANES = ("NORTH", "WEST", "EAST", "SOUTH")
LANE_DAYS = {
    "NORD": {"NORTH": 1, "WEST": 1, "EAST": 1, "SOUTH": 2},
    "SUED": {"NORTH": 2, "WEST": 1, "EAST": 2, "SOUTH": 1},
}
CARRIERS = ("Rotfuchs", "Elbtrans", "Isarlog", "Nordkap")
PALLETS_PER_TRUCK = 33.0
TRUCKS_PER_LANE_DAY = 4


def _components() -> dict[str, str]:
    found: dict[str, str] = {}
    for site, sizes, caps, cartons in (
        ("NORD", ("033", "050", "100"), ("RED", "BLUE"), ("06", "12")),
        ("SUED", ("025", "075", "150"), ("GREEN", "WHITE"), ("20", "24")),
    ):
        found |= {f"BOTTLE-{size}": site for size in sizes}
        found |= {f"CAP-{colour}": site for colour in caps}
        found |= {f"CARTON-{size}": site for size in cartons}
        found |= {
            f"LABEL-{family}-{size}": site
            for family, home in FAMILY_SITE.items()
            for size in "SL"
            if home == site
        }
        found |= {f"{name}-{site[0]}": site for name in ("SUGAR", "CO2", "CITRIC", "AROMA", "FILM")}
    return found


COMPONENTS = _components()
"""Purchased components and the site that uses them."""


def site_of(resource: str) -> str:
    """Return the site of a resource by its name."""
    return "NORD" if resource.split("-")[1].startswith("N") else "SUED"


def kind_of(resource: str) -> str:
    """Return mixing, filling or packing."""
    return {"MIX": "mixing", "FIL": "filling", "PAC": "packing"}[resource[:3]]
