"""Known figures of AdventureWorks, computed from its raw files through the KPI functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.backlog import backlog
from soe_lib.kpi.backlog_flow import backlog_flow
from soe_lib.kpi.otif import otif_kpis
from soe_lib.kpi.otif_rows import otif_lines
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.suppliers import supplier_book, supplier_quality
from soe_lib.kpi.value import Period
from soe_lib.kpi.work_orders import due_work_orders, work_orders_on_time
from soe_lib.kpi.yields import work_order_yield
from soe_lib.params import KpiParams
from tests.kpi_tables import by_name

ALWAYS = Period(pd.Timestamp("2011-01-01"), pd.Timestamp("2015-01-01"))
LATER = pd.Timestamp("2015-01-01T05:00Z")


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    """Folder of the raw files."""
    return real_data / "adventureworks"


def instants(text: pd.Series) -> pd.Series:
    """Read dates as midnight UTC."""
    return pd.to_datetime(text.str.slice(0, 10), utc=True).astype("datetime64[us, UTC]")


def dates(text: pd.Series) -> pd.Series:
    """Read dates as site days."""
    return pd.to_datetime(text.str.slice(0, 10)).astype("datetime64[us]")


@pytest.fixture(scope="module")
def shop(folder: Path) -> dict[str, pd.DataFrame]:
    """All work orders as they ended."""
    raw = pd.read_csv(folder / "WorkOrder.csv", dtype={"WorkOrderID": "str", "ProductID": "str"})
    orders = pd.DataFrame(
        {
            "wo_id": raw["WorkOrderID"],
            "item_id": raw["ProductID"],
            "ordered_qty": raw["OrderQty"].astype(float),
            "release_at": instants(raw["StartDate"]),
            "due_at": instants(raw["DueDate"]),
            "ended_at": instants(raw["EndDate"]),
            "good_qty": raw["StockedQty"].astype(float),
            "scrap_qty": raw["ScrappedQty"].astype(float),
            "status": "completed",
        }
    )
    return {"work_order": orders}


@pytest.fixture(scope="module")
def sales(folder: Path) -> dict[str, pd.DataFrame]:
    """All sales order lines and their shipments."""
    keys = {"SalesOrderID": "str", "SalesOrderDetailID": "str", "ProductID": "str"}
    lines = pd.read_csv(folder / "SalesOrderDetail.csv", dtype=keys)
    heads = pd.read_csv(folder / "SalesOrderHeader.csv", dtype={**keys, "CustomerID": "str"})
    both = lines.merge(
        heads[["SalesOrderID", "OrderDate", "DueDate", "ShipDate", "CustomerID"]],
        on="SalesOrderID",
        validate="many_to_one",
    )
    due = dates(both["DueDate"])
    orders = pd.DataFrame(
        {
            "order_id": both["SalesOrderID"],
            "line_id": both["SalesOrderDetailID"],
            "customer_id": both["CustomerID"],
            "item_id": both["ProductID"],
            "site_id": "AW",
            "ordered_at": instants(both["OrderDate"]),
            "ordered_qty": both["OrderQty"].astype(float),
            "requested_date": due,
            "first_confirmed_date": due,
            "last_confirmed_date": due,
            "delivered_qty": 0.0,
            "status": "open",
            "order_type": "MTS",
            "net_price": both["UnitPrice"].astype(float),
            "net_value": both["LineTotal"].astype(float),
        }
    )
    moves = pd.DataFrame(
        {
            "shipment_id": "S" + both["SalesOrderID"],
            "order_id": both["SalesOrderID"],
            "line_id": both["SalesOrderDetailID"],
            "delivered_qty": both["OrderQty"].astype(float),
            "goods_issue_at": instants(both["ShipDate"]),
        }
    )
    return {"sales_order_line": orders, "delivery_event": moves}


@pytest.fixture(scope="module")
def buying(folder: Path) -> dict[str, pd.DataFrame]:
    """All purchase order lines, each with one receipt on its ship date."""
    keys = {"PurchaseOrderID": "str", "PurchaseOrderDetailID": "str", "ProductID": "str"}
    lines = pd.read_csv(folder / "PurchaseOrderDetail.csv", dtype=keys)
    heads = pd.read_csv(folder / "PurchaseOrderHeader.csv", dtype={**keys, "VendorID": "str"})
    both = lines.merge(
        heads[["PurchaseOrderID", "VendorID", "OrderDate", "ShipDate"]], on="PurchaseOrderID"
    )
    bought = pd.DataFrame(
        {
            "po_id": both["PurchaseOrderID"],
            "line_id": both["PurchaseOrderDetailID"],
            "supplier_id": both["VendorID"],
            "item_id": both["ProductID"],
            "ordered_qty": both["OrderQty"].astype(float),
            "ordered_at": instants(both["OrderDate"]),
            "required_date": dates(both["DueDate"]),
            "promised_date": dates(both["DueDate"]),
            "status": "completed",
        }
    )
    got = pd.DataFrame(
        {
            "po_id": both["PurchaseOrderID"],
            "line_id": both["PurchaseOrderDetailID"],
            "received_at": instants(both["ShipDate"]),
            "received_qty": both["ReceivedQty"].astype(float),
            "rejected_qty": both["RejectedQty"].astype(float),
        }
    )
    return {"purchase_order_line": bought, "goods_receipt_event": got}


def test_work_orders_that_end_late(shop: dict[str, pd.DataFrame]) -> None:
    """Tests that 22,790 of 72,591 work orders end after their due date, 1 to 21 days."""
    found = by_name(work_orders_on_time(shop, LATER, ALWAYS, KpiParams()))["work_orders_on_time"]
    assert found.den == 72_591
    assert found.den - found.num == 22_790
    assert 100 - found.value == pytest.approx(31.395, abs=0.0005)
    late = due_work_orders(shop, LATER, ALWAYS)["lateness_days"]
    assert ((late == -1).sum(), (late == 0).sum()) == (29_966, 19_835)
    assert (late[late > 0].min(), late.max()) == (1, 21)


def test_work_order_scrap(shop: dict[str, pd.DataFrame]) -> None:
    """Tests 10,651 units scrapped in 729 work orders of 4,507,721 units ordered."""
    assert shop["work_order"]["ordered_qty"].sum() == 4_507_721
    found = by_name(work_order_yield(shop, LATER, ALWAYS))
    assert found["work_order_scrap_ratio"].num == 10_651
    assert found["work_order_scrap_ratio"].den == 4_507_721
    assert found["work_orders_with_scrap"].num == 729


def test_sales_value_and_trivial_otif(sales: dict[str, pd.DataFrame]) -> None:
    """Tests that OTIF by value weighs every line: 109,846,381.40 in all, all of it on time."""
    policy = OtifPolicy("house", day_count="calendar")
    lines = otif_lines(sales, LATER, policy)
    found = by_name(otif_kpis(lines, LATER, ALWAYS, policy))
    assert found["otif_value"].den == pytest.approx(109_846_381.40, abs=0.005)
    assert found["otif_line"].value == 100.0
    assert found["otif_line"].n == 121_317
    assert found["otif_order"].den == 31_465
    assert found["fill_time"].value == -5.0
    strict = OtifPolicy("not early", early_days=4.0, day_count="calendar")
    early = by_name(otif_kpis(otif_lines(sales, LATER, strict), LATER, ALWAYS, strict))
    assert early["otif_line"].value < 1.0


@pytest.mark.parametrize(
    ("day", "orders"), [("2013-06-03", 198), ("2013-11-04", 649), ("2014-03-03", 559)]
)
def test_open_sales_orders(sales: dict[str, pd.DataFrame], day: str, orders: int) -> None:
    """Tests that the backlog at three past Mondays holds the known number of open orders."""
    from soe_lib.kpi.backlog import backlog_lines

    as_of = pd.Timestamp(day, tz="UTC")
    lines = backlog_lines(sales, as_of)
    assert lines["order_id"].nunique() == orders
    assert not lines["is_past_due"].any()
    week = Period(as_of.tz_localize(None), as_of.tz_localize(None) + pd.Timedelta(days=7))
    total = by_name(backlog(sales, as_of, week))["backlog_qty"]
    assert total.value == lines["open_qty"].sum() > 0


def test_backlog_identity_on_real_weeks(sales: dict[str, pd.DataFrame]) -> None:
    """Tests that orders in and shipments out explain the backlog of two months exactly."""
    begin, end = pd.Timestamp("2014-01-06", tz="UTC"), pd.Timestamp("2014-03-03", tz="UTC")
    row = backlog_flow(sales, begin, end).set_index("kind").loc["open"]
    orders = sales["sales_order_line"]
    inside = (orders["ordered_at"] > begin) & (orders["ordered_at"] <= end)
    assert row["new_orders_qty"] == orders.loc[inside, "ordered_qty"].sum()
    gone = sales["delivery_event"]
    inside = (gone["goods_issue_at"] > begin) & (gone["goods_issue_at"] <= end)
    assert row["shipments_qty"] == -gone.loc[inside, "delivered_qty"].sum()
    assert row["imbalance_qty"] == pytest.approx(0.0, abs=1e-6)


def test_purchase_lines_short_and_rejected(buying: dict[str, pd.DataFrame]) -> None:
    """Tests 380 purchase lines received short and 563 with rejects, of 8,845."""
    policy = OtifPolicy("any time", basis="requested", late_days=None, use_customer_terms=False)
    lines = otif_lines(supplier_book(buying, count_rejected=True), LATER, policy)
    assert len(lines) == 8_845
    assert (lines["exclude_reason"] == "").all()
    assert (~lines["is_in_full"]).sum() == 380
    quality = by_name(supplier_quality(buying, LATER, ALWAYS))["supplier_rejected_lines"]
    assert (quality.num, quality.den) == (563, 8_845)
    assert np.isfinite(quality.lo)
