"""S&OP extracts: the monthly family plan in its versions, the mix, the plan calendar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.twin.books import Books
from soe_lib.twin.demand import expected_cases
from soe_lib.twin.files import write_csv, write_excel
from soe_lib.twin.noise import normal
from soe_lib.twin.structure import FAMILIES, FAMILY_SITE, SHIFT_HOURS, SITES
from soe_lib.twin.world import CALENDAR_WEEKS, holiday_numbers

VERSIONS = (
    ("SOP-2026-09", "2026-08-21 15:00:00"),
    ("SOP-2026-10", "2026-09-18 15:00:00"),
    ("SOP-2026-11", "2026-10-23 15:00:00"),
    ("SOP-2026-12", "2026-11-20 15:00:00"),
)
MONTHS_AHEAD = 4
ASSUMPTION = {
    "ENERGY": "no promotion before January",
    "WATER": "mild autumn",
    "COLA": "Christmas listing at the two largest chains",
}


def write_sop(books: Books, folder: Path) -> None:
    """Write the S&OP office's files."""
    hours = plan_hours(books)
    write_csv(
        folder / "plan_calendar.csv",
        pd.DataFrame(
            {
                "month": hours["month"],
                "week_from": hours["week_from"],
                "plant": hours["site"],
                "hours": hours["hours"],
                "changed_at": "2026-07-01 08:00:00",
            }
        ),
    )
    write_excel(folder / "sop_plan.xlsx", _plan(books, hours), "plan")
    mix = pd.DataFrame(
        {"sku": list(books.world.shares), "share": list(books.world.shares.values())}
    )
    mix["family"] = mix["sku"].map({k: v.family for k, v in books.world.items.items()})
    mix["plant"] = mix["family"].map(FAMILY_SITE)
    parts = []
    for day, noise in (("2026-09-01", 0.0), ("2026-11-01", 0.03)):
        factor = [1 + noise * normal(books.world.seed, "mix", sku) for sku in mix["sku"]]
        share = (mix["share"] * factor).round(5)
        parts.append(
            mix.assign(
                share=share,
                basis="history",
                valid_from=day,
                changed_at=f"{pd.Timestamp(day) - pd.Timedelta(days=8):%Y-%m-%d} 12:00:00",
            )
        )
    columns = ["family", "sku", "plant", "share", "basis", "valid_from", "changed_at"]
    write_csv(folder / "family_mix.csv", pd.concat(parts)[columns])


def _families(books: Books) -> list[str]:
    own = {books.world.items[item].family for item in books.world.shares}
    return [family for family in FAMILIES if family in own]


def plan_hours(books: Books) -> pd.DataFrame:
    """Return ``hours`` by ``month``, ``week`` (number), ``week_from`` (its Monday) and ``site``."""
    clock = books.world.clock
    holidays = set(holiday_numbers(clock))
    rows = [
        (site, day // 7, clock.date(day - day % 7), clock.date(day)[:8] + "01")
        for site in SITES
        for day in range(CALENDAR_WEEKS * 7)
        if day % 7 < 5 and day not in holidays
    ]
    table = pd.DataFrame(rows, columns=["site", "week", "week_from", "month"])
    per_day = {site: sum(end - begin for _, begin, end in SHIFT_HOURS[site]) for site in SITES}
    table["hours"] = table["site"].map(per_day).astype(float)
    keys = ["month", "week_from", "week", "site"]
    return table.groupby(keys)["hours"].sum().reset_index()


def _plan(books: Books, hours: pd.DataFrame) -> pd.DataFrame:
    world = books.world
    price = {
        family: float(np.mean([v.price for v in world.items.values() if v.family == family]))
        for family in _families(books)
    }
    rows: list[tuple[object, ...]] = []
    for version, approved in VERSIONS:
        begin = pd.Timestamp(approved[:8] + "01") + pd.DateOffset(months=1)
        for ahead in range(MONTHS_AHEAD):
            month = str((begin + pd.DateOffset(months=ahead)).date())
            for family in _families(books):
                site = FAMILY_SITE[family]
                own = hours[(hours["month"] == month) & (hours["site"] == site)]
                if own.empty:
                    continue
                whole = 5.0 * sum(end - begin_ for _, begin_, end in SHIFT_HOURS[site])
                cases = sum(
                    expected_cases(family, int(w)) * h / whole
                    for w, h in zip(own["week"], own["hours"], strict=True)
                )
                cases *= 1 + 0.02 * normal(world.seed, "sop", version, family, month)
                demand = round(cases / 100) * 100.0
                weekly = demand / max(float(own["hours"].sum()) / whole, 0.2)
                figures = {
                    "demand": demand,
                    "production": round(demand * 1.005 / 100) * 100.0,
                    "inventory": round(weekly * 0.7 / 100) * 100.0,
                    "capacity": round(demand * 1.18 / 100) * 100.0,
                    "revenue": demand,
                }
                for measure, qty in figures.items():
                    rows.append(
                        (
                            version,
                            approved,
                            family,
                            site,
                            month,
                            measure,
                            qty,
                            round(qty * price[family], 0),
                            ASSUMPTION.get(family),
                            f"{family.title()} brand manager",
                            round(qty * 0.92),
                            round(qty * 1.08),
                        )
                    )
    return pd.DataFrame(
        rows,
        columns=[
            "Version",
            "Approved",
            "Family",
            "Plant",
            "Month",
            "Measure",
            "Quantity",
            "Value EUR",
            "Assumption",
            "Owner",
            "Low",
            "High",
        ],
    )
