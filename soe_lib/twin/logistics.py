"""WMS and TMS extracts: stock lists, goods issues, shipments, dock slots, lanes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.twin.books import Books, balances
from soe_lib.twin.clock import is_working_day
from soe_lib.twin.files import write_csv
from soe_lib.twin.structure import LANES, PALLETS_PER_TRUCK, SITES, TRUCKS_PER_LANE_DAY
from soe_lib.twin.world import holiday_numbers

DOCK_DAYS_AHEAD = 63
MASTER_CREATED = "2026-07-01 08:00:00"


def write_wms(books: Books, folder: Path) -> None:
    """Write the warehouse's files."""
    clock, items = books.world.clock, books.world.items
    stock = balances(books)
    life = stock["item"].map({k: v.shelf_days for k, v in items.items()}).astype(float)
    made = stock["made"].astype(float) // 1440
    staged = staged_at(books, stock)
    table = pd.DataFrame(
        {
            "sku": stock["item"],
            "warehouse": stock["site"],
            "batch": stock["batch"],
            "stock_at": clock.local_text(stock["at"]),
            "qty": stock["on_hand"],
            "qty_reserved": staged,
            "qty_blocked": 0,
            "counted_at": clock.local_text(last_counts(books, stock)),
            "best_before": clock.date_text((made + life).where(stock["batch"] != "")),
            "std_cost": stock["item"].map({k: v.cost for k, v in items.items()}),
        }
    )
    broken = table.tail(1).copy()
    broken["batch"], broken["qty"] = "WO000000", -40.0
    write_csv(folder / "stock_list.csv.gz", pd.concat([table, broken]))
    rows = books["delivery"]
    write_csv(
        folder / "goods_issues.csv.gz",
        pd.DataFrame(
            {
                "shipment_no": rows["shipment"],
                "order_no": rows["order_id"],
                "order_line": rows["line_id"],
                "qty": rows["qty"],
                "issued_at": clock.local_text(rows["at"]),
                "pod_at": clock.local_text(rows["pod"].where(rows["pod"] <= books.until)),
            }
        ),
    )


def last_counts(books: Books, stock: pd.DataFrame) -> pd.Series:
    """Return the minute of the last physical count before each balance, empty where none was."""
    counts = books["move"]
    counts = counts[counts["kind"] == "count"]
    found = pd.Series(np.nan, index=stock.index)
    for at, item in zip(counts["at"], counts["item"], strict=True):
        found[(stock["item"] == item) & (stock["at"] >= at)] = at
    return found


def staged_at(books: Books, stock: pd.DataFrame) -> pd.Series:
    """Return what of each balance stands loaded on trucks that have not left. [uom]"""
    rows = books["shipment"]
    shipped = books["delivery"].set_index(["shipment", "order_id", "line_id"])["at"]
    waiting = rows[rows["reason"].isin(["CARRIER", "DOCK"]) & (rows["status"] == "planned")]
    keys = pd.MultiIndex.from_frame(waiting[["shipment", "order_id", "line_id"]])
    left = shipped.reindex(keys).to_numpy()
    lines = books["line"].drop_duplicates(["order_id", "line_id"])
    item = lines.set_index(["order_id", "line_id"])["item"]
    names = item.reindex(pd.MultiIndex.from_frame(waiting[["order_id", "line_id"]])).to_numpy()
    found = pd.Series(0.0, index=stock.index)
    for at in stock["at"].unique():
        here = (waiting["at"].to_numpy() <= at) & ~(left <= at)
        if not here.any():
            continue
        wanted = waiting["qty"][here].groupby(names[here]).sum()
        own = stock[stock["at"] == at]
        before = own.groupby("item")["on_hand"].cumsum() - own["on_hand"]
        rest = own["item"].map(wanted).fillna(0.0) - before
        found[own.index] = np.minimum(rest.clip(lower=0), own["on_hand"])
    return found


def write_tms(books: Books, folder: Path) -> None:
    """Write the transport system's files."""
    rows, clock = books["shipment"], books.world.clock
    write_csv(
        folder / "shipments.csv.gz",
        pd.DataFrame(
            {
                "shipment": rows["shipment"],
                "order_no": rows["order_id"],
                "order_line": rows["line_id"],
                "plant": rows["site"],
                "lane": rows["lane"],
                "mode": "truck",
                "carrier": rows["carrier"],
                "cases": rows["qty"],
                "state": rows["status"],
                "etd": clock.local_text(rows["planned"]),
                "atd": clock.local_text(rows["left"]),
                "eta": clock.local_text(rows["eta"]),
                "ata": clock.local_text(rows["arrived"]),
                "remark": rows["reason"],
                "changed_at": clock.local_text(rows["at"]),
                "version": rows["vers"],
            }
        ),
    )
    _slots(books, folder)
    lanes = books.world.plant.lanes
    write_csv(
        folder / "lanes.csv",
        lanes.rename(
            columns={
                "lane_id": "lane",
                "origin_site_id": "origin",
                "destination_id": "destination",
                "transit_p50_days": "days_typical",
                "transit_p90_days": "days_slow",
                "cost_per_pallet": "eur_per_pallet",
                "expedite_mode": "faster_mode",
            }
        ).assign(changed_at=MASTER_CREATED),
    )


def _slots(books: Books, folder: Path) -> None:
    """Dock slots in versions: a carrier or dock that fails takes trucks away."""
    clock = books.world.clock
    holidays = set(holiday_numbers(clock))
    cost = books.world.plant.lanes.set_index(["lane_id", "mode"])["cost_per_pallet"]
    rows: list[tuple[object, ...]] = []
    created = books.first - 60 * 1440
    for day in range(books.first_day, clock.day(books.as_of) + DOCK_DAYS_AHEAD):
        if not is_working_day(day) or day in holidays:
            continue
        for site in SITES:
            for region in LANES:
                lane = f"{site[0]}-{region}"
                fixed = (day, site, lane, clock.at(day, 16), float(cost[(lane, "truck")]))
                rows.append((created, *fixed, TRUCKS_PER_LANE_DAY, "booked"))
                for incident in books.incidents:
                    is_carrier = incident.kind == "carrier_failure" and incident.target == lane
                    is_dock = incident.kind == "dock_failure" and incident.target == lane[0]
                    if (is_carrier or is_dock) and clock.day(incident.at) == day:
                        lost = 4 if incident.hours >= 12 else 1
                        trucks = TRUCKS_PER_LANE_DAY - lost
                        rows.append((incident.at, *fixed, trucks, incident.kind))
    table = pd.DataFrame(
        rows, columns=["at", "day", "site", "lane", "cut_off", "cost", "trucks", "state"]
    )
    table = table[table["at"] <= books.until].sort_values(["at", "day", "lane"])
    write_csv(
        folder / "dock_slots.csv.gz",
        pd.DataFrame(
            {
                "day": clock.date_text(table["day"]),
                "plant": table["site"],
                "lane": table["lane"],
                "mode": "truck",
                "trucks": table["trucks"],
                "pallets": table["trucks"] * PALLETS_PER_TRUCK,
                "weight_kg": table["trucks"] * 24_000,
                "cut_off": clock.local_text(table["cut_off"]),
                "eur_per_pallet": table["cost"],
                "state": table["state"],
                "changed_at": clock.local_text(table["at"]),
            }
        ),
    )
