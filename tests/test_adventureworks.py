"""AdventureWorks as of a Monday: what was open, and nothing that happened later."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.tables import TABLES
from soe_lib.vocabulary import Kind
from soe_lib.workspace import Workspace
from tests.conftest import real_source

AS_OF = pd.Timestamp("2014-03-03T00:00Z")
STATIONS = {
    "2013-06-03": [4, 2, 1, 1, 1, 6, 5],
    "2013-11-04": [5, 3, 1, 1, 1, 9, 8],
    "2014-03-03": [5, 3, 1, 1, 1, 10, 9],
}
PLANNED = {"due_at", "release_at", "requested_date", "first_confirmed_date", "last_confirmed_date"}
PLANNED |= {"required_date", "promised_date", "first_promised_date", "start_at", "end_at"}
PLANNED |= {"setup_start_at", "plan_month", "week_start_date", "valid_to_date"}


@pytest.mark.parametrize(
    ("day", "work_orders", "past_due", "sales_orders"),
    [
        ("2013-06-03", 1003, 167, 198),
        ("2013-11-04", 1372, 220, 649),
        ("2014-03-03", 1443, 324, 559),
    ],
)
def test_open_orders_at_three_dates(
    real_data: Path, tmp_path: Path, day: str, work_orders: int, past_due: int, sales_orders: int
) -> None:
    """Tests open and past due counts, and the stations that source.yaml states, at three dates."""
    tables = ("work_order", "sales_order_line", "resource")
    source = real_source(real_data, "adventureworks", tables, tmp_path / "mapping")
    as_of = pd.Timestamp(day, tz="UTC")
    snapshot = take_snapshot(source, as_of, Workspace(tmp_path / "ws"))
    orders = snapshot.table("work_order")
    is_open = orders["status"] == "started"
    assert int(is_open.sum()) == work_orders
    assert int((is_open & (orders["due_at"] < as_of)).sum()) == past_due
    invisible = ["ended_at", "good_qty", "scrap_qty", "reason_code"]
    assert orders.loc[is_open, invisible].isna().all(axis=None)
    assert (orders.loc[~is_open, "ended_at"] <= as_of).all()
    lines = snapshot.table("sales_order_line")
    assert lines.loc[lines["status"] == "open", "order_id"].nunique() == sales_orders
    assert lines.loc[lines["status"] == "open", "last_goods_issue_at"].isna().all()
    centres = snapshot.table("resource").sort_values("resource_id")
    assert centres["capacity_parallel"].tolist() == STATIONS[day]
    assert centres["description"].str.contains(r" \(\d+ stations?\)$").all()
    assert snapshot.blockers() == []


def test_stations_are_stated(adventureworks: Snapshot) -> None:
    """Tests that the report's assumptions name the stations of each centre at the three dates."""
    said = " ".join(adventureworks.assumptions)
    for place, name in ((0, "Frame Forming"), (1, "Frame Welding"), (5, "Subassembly")):
        figures = " / ".join(str(STATIONS[day][place]) for day in sorted(STATIONS))
        assert f"{name} {figures}" in said
    assert re.search(r"resource: a work centre has as many stations as", said)
    assert adventureworks.sop_plan_basis == "derived"


def test_nothing_later_is_known(adventureworks: Snapshot) -> None:
    """Tests that no instant or day that is not a plan lies after as_of, in any table."""
    for name, rows in adventureworks.tables.items():
        for column in TABLES[name].contracts:
            if column.kind not in (Kind.INSTANT, Kind.DATE) or column.name in PLANNED:
                continue
            known = rows[column.name].dropna()
            limit = AS_OF if column.kind is Kind.INSTANT else AS_OF.tz_localize(None)
            assert (known <= limit).all(), (name, column.name)


def test_every_raw_row_is_accounted_for(adventureworks: Snapshot) -> None:
    """Tests that mappings return all rows of their driving file, and only stock is quarantined."""
    counts = adventureworks.manifest["tables"]
    per_row = {
        "bom_component": 1,
        "delivery_event": 1,
        "goods_receipt_event": 1,
        "item": 1,
        "purchase_order_line": 1,
        "resource": 1,
        "sales_order_line": 1,
        "schedule_operation": 1,
        "scrap_event": 1,
        "work_order": 1,
        "work_order_progress_event": 2,
    }
    for name, factor in per_row.items():
        assert counts[name]["rows_raw"] == factor * counts[name]["driving_rows"], name
    assert counts["work_order"]["driving_file"] == "WorkOrder.csv"
    assert {n for n, c in counts.items() if c["rows_quarantined"]} == {"inventory_balance"}
    assert all(not file["lines_rejected"] for file in adventureworks.manifest["files"].values())


def test_tables_keep_their_contracts(adventureworks: Snapshot) -> None:
    """Tests that every loaded table passes its schema: types, nulls, key, rules."""
    for name, rows in adventureworks.tables.items():
        TABLES[name].schema().validate(rows)


def test_stock_is_rolled_back_through_the_movements(
    adventureworks: Snapshot, real_data: Path
) -> None:
    """Tests each balance against one computed another way, and that every made item has one."""
    folder = real_data / "adventureworks"
    read = {
        name: pd.read_csv(folder / f"{name}.csv")
        for name in (
            "ProductInventory",
            "TransactionHistory",
            "TransactionHistoryArchive",
            "WorkOrder",
            "SalesOrderHeader",
            "PurchaseOrderHeader",
            "PurchaseOrderDetail",
            "BillOfMaterials",
            "Product",
        )
    }
    ledger = pd.concat([read["TransactionHistory"], read["TransactionHistoryArchive"]])
    day = pd.Timestamp("2014-03-03")
    stock = read["ProductInventory"].groupby("ProductID")["Quantity"].sum().astype(float)

    def undo(moves: pd.DataFrame, when: str, qty: str, sign: float) -> None:
        later = moves[pd.to_datetime(moves[when]) > day]
        moved = sign * later.groupby("ProductID")[qty].sum()
        stock.update(stock.sub(moved.reindex(stock.index).fillna(0.0)))

    orders = read["WorkOrder"]
    made = ledger[ledger["TransactionType"] == "W"].merge(
        orders[["WorkOrderID", "EndDate", "StockedQty"]],
        left_on="ReferenceOrderID",
        right_on="WorkOrderID",
    )
    undo(made, "EndDate", "StockedQty", 1)
    sold = ledger[ledger["TransactionType"] == "S"].merge(
        read["SalesOrderHeader"][["SalesOrderID", "ShipDate"]],
        left_on="ReferenceOrderID",
        right_on="SalesOrderID",
    )
    undo(sold, "ShipDate", "Quantity", -1)
    bought = ledger[ledger["TransactionType"] == "P"].merge(
        read["PurchaseOrderDetail"][["PurchaseOrderID", "ProductID", "StockedQty"]],
        left_on=["ReferenceOrderID", "ProductID"],
        right_on=["PurchaseOrderID", "ProductID"],
    )
    bought = bought.merge(read["PurchaseOrderHeader"][["PurchaseOrderID", "ShipDate"]])
    undo(bought, "ShipDate", "StockedQty", 1)
    used = orders[pd.to_datetime(orders["EndDate"]) > day].merge(
        read["BillOfMaterials"], left_on="ProductID", right_on="ProductAssemblyID"
    )
    taken = pd.to_datetime(used["StartDate_x"])
    ends = pd.to_datetime(used["EndDate_y"])
    valid = (pd.to_datetime(used["StartDate_y"]) <= taken) & (ends.isna() | (ends > taken))
    used = used[valid].assign(used=lambda t: t["OrderQty"] * t["PerAssemblyQty"])
    used = used.drop(columns="ProductID").rename(columns={"ComponentID": "ProductID"})
    undo(used, "EndDate_x", "used", -1)

    balances = adventureworks.table("inventory_balance")
    now = balances[balances["balance_at"] == AS_OF].set_index("item_id")["on_hand_qty"]
    expected = stock[stock >= 0]
    expected.index = expected.index.astype("str")
    pd.testing.assert_series_equal(
        now.sort_index(), expected.sort_index(), check_names=False, check_index_type=False
    )
    is_made = read["Product"].set_index("ProductID")["MakeFlag"].reindex(stock.index)
    negative = stock < 0
    assert int(negative.sum()) == 50
    assert not (negative & is_made.astype(bool)).any()
    assert balances["balance_at"].nunique() == 9


def test_routing_conserves_the_hours(adventureworks: Snapshot, real_data: Path) -> None:
    """Tests that hours per unit times quantity give back the hours of each work centre."""
    folder = real_data / "adventureworks"
    steps = pd.read_csv(folder / "WorkOrderRouting.csv").merge(
        pd.read_csv(folder / "WorkOrder.csv")[["WorkOrderID", "OrderQty"]]
    )
    steps = steps[pd.to_datetime(steps["ScheduledStartDate"]) <= "2014-03-03"]
    keys = ["ProductID", "OperationSequence", "LocationID"]
    made = steps.groupby(keys)["OrderQty"].sum().reset_index().astype(dict.fromkeys(keys, "str"))
    routing = adventureworks.table("routing_alternate").astype({"op_no": "str"})
    both = routing.merge(made, left_on=["item_id", "op_no", "resource_id"], right_on=keys)
    assert len(both) == len(routing) == len(made)
    hours = both["run_minutes_per_unit"] * both["OrderQty"] / 60
    hours = hours.groupby(both["resource_id"]).sum()
    recorded = steps.groupby("LocationID")["ActualResourceHrs"].sum()
    np.testing.assert_allclose(hours.sort_index(), recorded.sort_index())


def test_plan_is_derived_from_what_was_known(adventureworks: Snapshot, real_data: Path) -> None:
    """Tests a family's plan of this and of a past month against history computed another way."""
    folder = real_data / "adventureworks"
    lines = pd.read_csv(folder / "SalesOrderDetail.csv").merge(
        pd.read_csv(folder / "SalesOrderHeader.csv")[["SalesOrderID", "OrderDate"]]
    )
    items = adventureworks.table("item").set_index("item_id")["family_id"]
    lines["family_id"] = lines["ProductID"].astype("str").map(items)
    plan = adventureworks.table("sop_plan").set_index(["family_id", "plan_month"])
    for month, begin in (("2014-03-01", "2013-12-01"), ("2014-01-01", "2013-10-01")):
        days = pd.to_datetime(lines["OrderDate"])
        known = lines[(days >= begin) & (days < month)]
        mean = known.groupby("family_id")["OrderQty"].sum()["Road Bikes"] / 3
        row = plan.loc[("Road Bikes", pd.Timestamp(month))]
        assert row["planned_qty"] == pytest.approx(mean, abs=0.5)
        assert row["approved_at"] == pd.Timestamp(month, tz="UTC")
    assert plan.loc["Road Bikes", "plan_version"].iloc[-1] == "derived-2014-03"


def test_costs_are_those_of_the_day(real_data: Path, tmp_path: Path) -> None:
    """Tests that an item's standard cost is the one that held at as_of."""
    source = real_source(real_data, "adventureworks", ("item",), tmp_path / "mapping")
    for day, cost in (("2012-05-29", 12.0278), ("2013-05-29", 13.8782), ("2014-03-03", 13.0863)):
        snapshot = take_snapshot(source, pd.Timestamp(day, tz="UTC"), Workspace(tmp_path / "ws"))
        items = snapshot.table("item").set_index("item_id")
        assert items.loc["707", "std_cost"] == cost
