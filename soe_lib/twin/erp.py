"""ERP extracts: material master, orders with their versions, purchases, production orders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.twin.books import Books
from soe_lib.twin.demand import expected_cases
from soe_lib.twin.files import write_csv, write_excel
from soe_lib.twin.planner import safety_cases
from soe_lib.twin.structure import LANE_DAYS

MASTER_CREATED = "2026-07-01 08:00:00"
STATUS = {"open": "A", "completed": "C", "cancelled": "X"}


def write_erp(books: Books, folder: Path) -> None:
    """Write the ERP's files."""
    _materials(books, folder)
    _sales(books, folder)
    _purchases(books, folder)
    _production(books, folder)
    costs = books.world.plant.costs
    write_csv(
        folder / "cost_rates.csv",
        pd.DataFrame(
            {
                "KSTAR": costs["cost_type"],
                "OBJNR": costs["object_id"],
                "VSART": costs["mode"],
                "TARIF": costs["cost_amount"],
                "EINHEIT": costs["cost_unit"],
                "WAERS": "EUR",
                "AEDAT": MASTER_CREATED,
            }
        ),
    )


def safety_stocks(books: Books) -> pd.Series:
    """Return safety stock by item: a third of a week of demand, four days for components."""
    world = books.world
    found: dict[str, float] = {}
    for item, share in world.shares.items():
        family = str(world.items[item]["family_id"])
        weekly = share * expected_cases(family, 8)
        found[item] = round(safety_cases(world, item) * 0.5 / 10) * 10.0
        for op in (10, 20):
            for component, per in world.needs[(item, op)]:
                found[component] = found.get(component, 0.0) + per * weekly * 2 / 7
    for item in [name for name in found if name.startswith("BULK")]:
        for component, per in world.needs[(item, 10)]:
            found[component] = found.get(component, 0.0) + per * found[item]
        found[item] = 0.0
    return pd.Series(found).round(0)


def _materials(books: Books, folder: Path) -> None:
    items = books.world.plant.items
    kind = items["item_type"].map({"MTS": "FERT", "intermediate": "HALB", "component": "ROH"})
    write_csv(
        folder / "material_master.csv",
        pd.DataFrame(
            {
                "MATNR": items["item_id"],
                "MAKTX": items["description"],
                "MTART": kind,
                "MATKL": items["family_id"],
                "WERKS": items["site_id"],
                "MEINS": items["uom"],
                "BESKZ": items["supply_type"].map({"make": "E", "buy": "F"}),
                "PLIFZ": items["lead_time_days"],
                "EISBE": items["item_id"].map(safety_stocks(books)),
                "BSTMI": items["lot_min_qty"],
                "BSTRF": items["lot_multiple_qty"],
                "BSTMA": items["lot_max_qty"],
                "MINCOV": items["min_cover_days"],
                "MAXCOV": items["max_cover_days"],
                "MHDHB": items["shelf_life_days"],
                "STPRS": items["std_cost"],
                "VKP0": items["price"],
                "WAERS": items["currency"],
                "MAABC": items["abc_code"],
                "SUBST": items["is_substitutable"].map({True: "X", False: "-"}).fillna(""),
                "BRGEW": items["weight_kg"],
                "VOLUM": items["volume_m3"],
                "PALQTY": items["qty_per_pallet"],
                "RFAMILY": items["setup_family"],
                "LIFNR": items["supplier_id"],
                "AEDAT": MASTER_CREATED,
            }
        ),
    )
    bom = books.world.plant.bom
    write_csv(
        folder / "bill_of_material.csv",
        pd.DataFrame(
            {
                "MATNR": bom["parent_item_id"],
                "IDNRK": bom["component_item_id"],
                "VORNR": bom["op_no"],
                "MENGE": bom["qty_per"],
                "AUSCH": bom["scrap_pct"],
                "DATUV": "2026-01-01",
                "AEDAT": MASTER_CREATED,
            }
        ),
    )
    customers = books.world.plant.customers
    write_excel(
        folder.parent / "crm" / "customer_contracts.xlsx",
        pd.DataFrame(
            {
                "Customer": customers["customer_id"],
                "Name": customers["description"],
                "Tier": customers["customer_tier"],
                "Region": customers["region"],
                "Date basis": customers["otif_basis"],
                "Late tolerance (working days)": customers["late_days"],
                "Under tolerance (%)": customers["under_pct"],
                "Clause": customers["penalty_type"],
                "Amount": customers["penalty_amount"],
                "Free days": customers["penalty_threshold_days"],
                "Cap": customers["penalty_cap"],
                "Window": customers["penalty_window"].replace("", None),
                "Notice days": customers["notice_days"],
                "Lost sale": customers["is_lost_sale"].map({True: "yes", False: "no"}),
                "Currency": "EUR",
                "Signed": "2026-01-15 09:00:00",
            }
        ),
        "contracts",
    )


def _sales(books: Books, folder: Path) -> None:
    lines, clock = books["line"], books.world.clock
    confirmed_qty = lines["qty"].where(lines["last"].notna())
    table = pd.DataFrame(
        {
            "VBELN": lines["order_id"],
            "POSNR": lines["line_id"],
            "ETENR": 1,
            "KUNNR": lines["customer"],
            "MATNR": lines["item"],
            "WERKS": lines["site"],
            "ERDAT": clock.local_text(lines["ordered_at"]),
            "KWMENG": lines["qty"],
            "VRKME": "CS",
            "VDATU": clock.date_text(lines["requested"]),
            "EDATU1": clock.date_text(lines["first"]),
            "EDATU": clock.date_text(lines["last"]),
            "BMENG": confirmed_qty,
            "WADAT": clock.local_text(lines["due"]),
            "LFIMG": lines["delivered"],
            "WADAT_IST": clock.local_text(lines["last_issue"]),
            "PODAT": clock.local_text(lines["pod"]),
            "GBSTA": lines["status"].map(STATUS),
            "ABGRU": lines["cancel_reason"],
            "ABGRU_VON": lines["cancelled_by"],
            "ABGRU_AM": clock.local_text(lines["cancelled_at"]),
            "AUART": lines["order_type"],
            "LPRIO": lines["priority"],
            "KZTLF": lines["partial"].map({True: "X", False: "-"}),
            "NETPR": lines["price"],
            "NETWR": (lines["price"] * lines["qty"]).round(2),
            "DBSTK": lines["margin"],
            "WAERK": "EUR",
            "INCO1": "DAP",
            "ROUTE": lines["lane"],
            "TRAZT": lines["transit"],
            "AEDAT": clock.local_text(lines["at"]),
            "VERS": lines["vers"],
        }
    )
    write_csv(folder / "sales_order_items.csv.gz", pd.concat([table, _broken_sales(table)]))
    changes = books["change"]
    write_csv(
        folder / "change_documents.csv",
        pd.DataFrame(
            {
                "CHANGENR": changes["event_id"],
                "VBELN": changes["order_id"],
                "POSNR": changes["line_id"],
                "FNAME": changes["field"],
                "VALUE_OLD": changes["old"],
                "VALUE_NEW": changes["new"],
                "ORIGIN": changes["by"],
                "USERNAME": "EDI",
                "GRUND": changes["reason"],
                "ZONE": changes["zone"],
                "UDATE": clock.local_text(changes["at"]),
            }
        ),
    )


def _broken_sales(table: pd.DataFrame) -> pd.DataFrame:
    """Rows as real feeds have them: a negative quantity, an unknown article, an impossible date."""
    base = table[table["GBSTA"] == "A"].tail(3).copy()
    base["VBELN"] = ["SO777001", "SO777002", "SO777003"]
    base["POSNR"] = "10"
    base["AEDAT"] = ["2026-11-20 15:02:11", "2026-11-20 15:40:08", "2026-11-21 09:12:45"]
    base["ERDAT"] = base["AEDAT"]
    base["KWMENG"] = [-120.0, 300.0, 240.0]
    base["MATNR"] = ["COLA-01", "COLA-99", "LEMON-02"]
    base["WERKS"] = "NORD"
    base["VDATU"] = ["2026-12-02", "2026-12-03", "31.11.2026"]
    return base


def _purchases(books: Books, folder: Path) -> None:
    rows, clock = books["purchase"], books.world.clock
    table = pd.DataFrame(
        {
            "EBELN": rows["po"],
            "EBELP": rows["line"],
            "ETENR": 1,
            "LIFNR": rows["supplier"],
            "MATNR": rows["item"],
            "WERKS": rows["item"].map({k: v["site_id"] for k, v in books.world.items.items()}),
            "BEDAT": clock.local_text(rows["ordered_at"]),
            "MENGE": rows["qty"],
            "WEMNG": rows["received"],
            "EINDT": clock.date_text(rows["required"]),
            "BESTDT1": clock.date_text(rows["first_promised"]),
            "BESTDT": clock.date_text(rows["promised"]),
            "BESTMG": rows["confirmed"],
            "ELIKZ": rows["status"].map(STATUS),
            "EXPED": rows["expedite_days"].gt(0).map({True: "X", False: "-"}),
            "EXPED_TAGE": rows["expedite_days"].where(rows["expedite_days"] > 0),
            "EXPED_KOST": (180 + 0.06 * rows["qty"] * rows["unit_cost"])
            .round(0)
            .where(rows["expedite_days"] > 0),
            "NETPR": rows["unit_cost"],
            "WAERS": "EUR",
            "AEDAT": clock.local_text(rows["at"]),
            "VERS": rows["vers"],
        }
    )
    broken = table[table["ELIKZ"] == "A"].tail(1).copy()
    broken["EBELN"], broken["MENGE"] = "PO99901", 0.0
    broken["AEDAT"] = broken["BEDAT"] = "2026-11-20 11:20:00"
    write_csv(folder / "purchase_order_items.csv", pd.concat([table, broken]))
    events = books["confirmation"]
    write_csv(
        folder / "vendor_confirmations.csv",
        pd.DataFrame(
            {
                "EBELN": events["po"],
                "EBELP": events["line"],
                "ERDAT": clock.local_text(events["at"]),
                "EINDT": clock.date_text(events["promised"]),
                "MENGE": events["confirmed"],
                "KANAL": events["channel"],
            }
        ),
    )
    receipts = books["goods_receipt"]
    write_csv(
        folder / "goods_receipts.csv",
        pd.DataFrame(
            {
                "EBELN": receipts["po"],
                "EBELP": receipts["line"],
                "BUDAT": clock.local_text(receipts["at"]),
                "MENGE": receipts["qty"],
                "AUSSCHUSS": receipts["rejected"],
            }
        ),
        extra_lines=('PO99902,10,"2026-11-20 10:00:00",5000,0,,,?',),
    )


def _production(books: Books, folder: Path) -> None:
    rows, clock = books["lot"], books.world.clock
    write_csv(
        folder / "production_orders.csv.gz",
        pd.DataFrame(
            {
                "AUFNR": rows["wo"],
                "PLNBEZ": rows["item"],
                "WERKS": rows["site"],
                "GAMNG": rows["qty"],
                "FTRMS": clock.local_text(rows["release"]),
                "GLTRP": clock.local_text(rows["due"]),
                "STAT": rows["status"].map(
                    {"planned": "PLAN", "released": "FREI", "started": "RUECK", "completed": "TABG"}
                ),
                "GWEMG": rows["good"],
                "IASMG": rows["scrap"],
                "GSTRI": clock.local_text(rows["started"]),
                "GLTRI": clock.local_text(rows["ended"].where(rows["status"] == "completed")),
                "AEDAT": clock.local_text(rows["at"]),
                "VERS": rows["vers"],
            }
        ),
    )


__all__ = ["LANE_DAYS", "np", "safety_stocks", "write_erp"]
