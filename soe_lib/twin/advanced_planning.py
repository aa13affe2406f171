"""APS extracts: published schedules in all versions, lines, calendars, changeovers, routings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from soe_lib.twin.books import Books
from soe_lib.twin.files import write_csv, write_parquet
from soe_lib.twin.world import holiday_numbers, maintenance_rows, overtime_rows, shift_rows

MASTER_CREATED = "2026-07-01 08:00:00"


def write_aps(books: Books, folder: Path) -> None:
    """Write the APS's files."""
    _schedule(books, folder)
    _resources(books, folder)
    _calendar(books, folder)
    plant = books.world.plant
    write_csv(
        folder / "changeover_matrix.csv",
        plant.setup.rename(
            columns={
                "resource_group": "group",
                "from_setup_family": "from",
                "to_setup_family": "to",
                "setup_minutes": "minutes",
                "setup_cost": "cost",
            }
        ),
    )
    families = plant.items.set_index("item_id")["setup_family"]
    write_csv(
        folder / "routings.csv",
        plant.routing.rename(
            columns={
                "item_id": "item",
                "op_no": "op",
                "resource_id": "resource",
                "run_minutes_per_unit": "duration_per_unit",
                "preference": "priority",
                "operation_name": "operation",
                "skill_code": "skill",
                "labour_count": "people",
                "tool_id": "tool",
                "yield_pct": "yield",
            }
        ).assign(setup_family=plant.routing["item_id"].map(families)),
    )
    write_csv(
        folder / "time_fences.csv",
        plant.fences.rename(columns={"scope_type": "level", "scope_id": "name"}),
    )


def _schedule(books: Books, folder: Path) -> None:
    rows, clock = books["schedule"], books.world.clock
    versions = rows.drop_duplicates("version")[["version", "at"]]
    following = versions["at"].shift(-1)
    replaced = dict(zip(versions["version"], following, strict=True))
    write_parquet(
        folder / "published_schedules.parquet",
        pd.DataFrame(
            {
                "version": rows["version"],
                "released_at": clock.instants(rows["at"] + 30),
                "replaced_at": clock.instants(rows["version"].map(replaced) + 30),
                "order_no": rows["wo"],
                "op": rows["op_no"].astype("int64"),
                "item": rows["item"],
                "plant": rows["site"],
                "quantity": rows["qty"],
                "resource": rows["resource"],
                "setup_start": clock.instants(rows["setup_at"]),
                "start": clock.instants(rows["start_at"]),
                "finish": clock.instants(rows["end_at"]),
                "setup_from": rows["setup_from"],
                "setup_to": rows["setup_to"],
                "firm": rows["frozen"].astype(bool),
                "earliest": clock.instants(rows["release"]),
                "latest": clock.instants(rows["latest"]),
                "slack_hours": rows["slack"].astype(float).round(2),
                "demands": rows["pegs"],
                "tool": rows["tool"],
                "alternates": rows["alternates"],
            }
        ),
    )


def _resources(books: Books, folder: Path) -> None:
    """Lines in versions: what they are set up for is noted every Monday."""
    rows, clock = books["resource"], books.world.clock
    rows = rows[rows["at"] >= books.first]
    table = rows.merge(
        books.world.plant.resources, left_on="resource", right_on="resource_id"
    ).sort_values(["at", "resource_id"])
    write_csv(
        folder / "resources.csv",
        pd.DataFrame(
            {
                "name": table["resource_id"],
                "plant": table["site_id"],
                "description": table["description"],
                "type": table["resource_type"],
                "parallel": table["capacity_parallel"],
                "cost": table["cost_per_hour"],
                "overtime_surcharge": table["overtime_cost_per_hour"],
                "efficiency": table["efficiency_pct"],
                "setup": table["family"],
                "constrained": table["is_bottleneck"].map({True: "true", False: "false"}),
                "alternates": table["alternate_group"],
                "setup_matrix": table["resource_group"],
                "skill": table["skill_code"],
                "changed_at": clock.local_text(table["at"]),
            }
        ),
    )


def _calendar(books: Books, folder: Path) -> None:
    clock = books.world.clock
    first = books.first_day // 7
    rows: list[tuple[object, ...]] = []
    for name in books.world.plant.resource_names:
        for code, _, begin, end in shift_rows(name, clock, first):
            rows.append((name, begin, end, "shift", code))
        rows += [(name, b, e, "potential_overtime", "sat") for b, e in overtime_rows(clock, first)]
        rows += [
            (name, b, e, "maintenance", "")
            for b, e in maintenance_rows(name, clock)
            if b >= books.first
        ]
        for day in holiday_numbers(clock):
            rows.append((name, clock.at(day, 6), clock.at(day + 1, 6), "holiday", ""))
    table = pd.DataFrame(rows, columns=["resource", "begin", "end", "kind", "shift"])
    write_csv(
        folder / "calendars.csv.gz",
        pd.DataFrame(
            {
                "resource": table["resource"],
                "begin": clock.local_text(table["begin"]),
                "end": clock.local_text(table["end"]),
                "kind": table["kind"],
                "stations": 1,
                "shift": table["shift"],
                "changed_at": MASTER_CREATED,
            }
        ),
    )
