"""Inventory, capacity and logistics; known answers on a few rows."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.divergence.capacity import constrained_resources, overloads
from soe_lib.divergence.inventory import below_safety, excess
from soe_lib.divergence.logistics import departures, ship_capacity
from soe_lib.divergence.projection import project
from soe_lib.divergence.stock_records import movements_are_complete, stock_identity, wrong_stock
from soe_lib.params import Params
from tests.divergence_tables import AS_OF, ago, buy, check_contract, facts, make, opened, order
from tests.divergence_tables import table as rows_of

NOTHING = project({}, AS_OF, Params(), "UTC")


def balance(item: str, qty: float, days: float = 0.0, **more: object) -> dict[str, object]:
    return {"item_id": item, "location_id": "W", "balance_at": ago(days), "on_hand_qty": qty,
            **more}  # fmt: skip


def test_below_safety_counts_usable_stock_of_the_newest_balance() -> None:
    """Tests blocked stock, an old balance, and that stock at the safety stock is enough."""
    found = facts(
        item=rows_of(
            "item",
            make("A", safety_stock_qty=100.0),
            make("B", safety_stock_qty=100.0),
            buy("C", safety_stock_qty=100.0),
            make("D"),
        ),
        inventory_balance=rows_of(
            "inventory_balance",
            balance("A", 100.0), balance("A", 5.0, 7.0),
            balance("B", 130.0, blocked_qty=40.0), balance("B", 500.0, -1.0),
            balance("C", 20.0), balance("C", 30.0, 0.0, location_id="X"),
            balance("D", 0.0),
        ),
    )  # fmt: skip
    rows = below_safety(found)
    check_contract(rows)
    assert dict(zip(rows["object_id"], rows["deviation"], strict=True)) == {"B": -10.0, "C": -50.0}
    owners = dict(zip(rows["object_id"], rows["owner_role"], strict=True))
    assert owners == {"B": "operations", "C": "procurement"}
    bottles = rows[rows["object_id"] == "C"]
    assert opened(found, bottles)["on_hand_qty"].tolist() == [20.0, 30.0]


def moved(before: float, after: float, made: float = 100.0) -> object:
    """One bottle per case; 500 received (20 rejected), ``made`` cases, between two balances."""
    return facts(
        item=rows_of("item", buy(), make()),
        bom_component=rows_of(
            "bom_component",
            {"parent_item_id": "COLA", "component_item_id": "BOTTLE", "qty_per": 12.0,
             "op_no": 10},
        ),
        inventory_balance=rows_of(
            "inventory_balance",
            balance("BOTTLE", 50.0, 14.0), balance("BOTTLE", before, 7.0),
            balance("BOTTLE", after),
        ),
        purchase_order_line=rows_of(
            "purchase_order_line",
            {"po_id": "P1", "line_id": "1", "supplier_id": "S", "item_id": "BOTTLE",
             "ordered_qty": 500.0, "received_qty": 500.0, "required_date": "2026-11-20",
             "status": "completed"},
        ),
        goods_receipt_event=rows_of(
            "goods_receipt_event",
            {"po_id": "P1", "line_id": "1", "received_at": ago(3), "received_qty": 500.0,
             "rejected_qty": 20.0},
            {"po_id": "P1", "line_id": "1", "received_at": ago(9), "received_qty": 999.0,
             "rejected_qty": 0.0},
        ),
        work_order=rows_of(
            "work_order",
            {"wo_id": "W1", "item_id": "COLA", "ordered_qty": 100.0, "release_at": ago(9),
             "due_at": ago(0), "status": "started"},
        ),
        work_order_progress_event=rows_of(
            "work_order_progress_event",
            {"event_id": "E1", "event_at": ago(2), "wo_id": "W1", "op_no": 10,
             "resource_id": "L", "event_type": "complete", "good_qty": made - 10,
             "scrap_qty": 10.0},
            {"event_id": "E2", "event_at": ago(1), "wo_id": "W1", "op_no": 20,
             "resource_id": "L", "event_type": "complete", "good_qty": made, "scrap_qty": 0.0},
        ),
    )  # fmt: skip


def test_stock_identity_by_hand() -> None:
    """Tests 2,000 + 480 usable - 1,200 consumed at the operation of the BOM = 1,280."""
    identity = stock_identity(moved(2000.0, 1280.0))
    row = identity.iloc[0]
    assert (row["received_qty"], row["consumed_qty"]) == (480.0, 1200.0)
    assert row["expected_qty"] == 1280.0


@pytest.mark.parametrize(("record", "wrong"), [(1280.0, 0), (1217.0, 0), (1215.0, 1), (1500.0, 1)])
def test_wrong_stock_and_its_tolerance(record: float, wrong: int) -> None:
    """Tests that 5 % of the 1,280 expected, 64, are inside tolerance and one more is not."""
    found = moved(2000.0, record)
    rows = wrong_stock(found, stock_identity(found))
    assert len(rows) == wrong
    if wrong:
        check_contract(rows)
        assert rows["deviation"].iloc[0] == record - 1280.0
        assert len(opened(found, rows)) == 2


def test_a_feed_whose_movements_explain_nothing_is_not_blamed_on_the_records() -> None:
    """Tests that the check is off where most items that moved break the balance."""
    fine = moved(2000.0, 1280.0)
    assert movements_are_complete(fine, stock_identity(fine))
    broken = moved(2000.0, 300.0)
    assert not movements_are_complete(broken, stock_identity(broken))


def test_excess_against_the_demand_of_eight_weeks() -> None:
    """Tests the cover in days, its limit per item, and the holding cost of the surplus."""
    found = facts(
        item=rows_of("item", make("A", max_cover_days=30.0), make("B"), make("C")),
        sales_order_line=rows_of(
            "sales_order_line",
            order("S1", "A", 560.0, ordered_at=ago(20)),
            order("S2", "B", 560.0, ordered_at=ago(20)),
            order("S3", "C", 560.0, ordered_at=ago(90)),
        ),
        inventory_balance=rows_of(
            "inventory_balance", balance("A", 400.0), balance("B", 900.0), balance("C", 900.0)
        ),
    )
    rows = excess(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["A"]  # B covers exactly the 90 days, C has no demand
    assert rows["actual_value"].tolist() == [40.0]
    # 100 surplus shrinking over ten days: 50 in the mean, at 5 each and 12 % a year.
    assert rows["direct_cost"].iloc[0] == pytest.approx(50 * 5 * 0.12 * 10 / 365)


def line_calendar(*intervals: tuple[float, float, str]) -> pd.DataFrame:
    return rows_of(
        "resource_calendar",
        *(
            {"resource_id": "L", "start_at": ago(-begin), "end_at": ago(-end),
             "calendar_kind": kind}
            for begin, end, kind in intervals
        ),
    )  # fmt: skip


def loaded(hours: float, calendar: pd.DataFrame, **more: pd.DataFrame) -> tuple[object, object]:
    found = facts(
        resource=rows_of("resource", {"resource_id": "L", "site_id": "P", "capacity_parallel": 2}),
        resource_calendar=calendar,
        **more,
    )
    operations = pd.DataFrame(
        {
            "resource_id": ["L", "L"],
            "required_minutes": [hours * 60 - 60, 60.0],
            "due_by_at": [ago(30), ago(-1)],
        }
    ).astype({"resource_id": "str"})
    return found, constrained_resources(found, operations, 2)


def test_load_counts_stations_closures_and_what_is_overdue() -> None:
    """Tests two stations open 10 h less 2 h maintenance; overdue work falls in the first week."""
    calendar = line_calendar((0, 0.4167, "shift"), (0.1, 0.1 + 2 / 24, "maintenance"),
                             (8, 9, "shift"))  # fmt: skip
    found, load = loaded(20.0, calendar)
    first = load.iloc[0]
    assert first["available_hours"] == pytest.approx(16.0, abs=0.01)
    assert first["load_hours"] == pytest.approx(20.0)
    assert first["overload_hours"] == pytest.approx(4.0, abs=0.01)
    rows = overloads(found, load)
    check_contract(rows)
    assert rows["deviation"].iloc[0] == pytest.approx(4.0, abs=0.01)
    assert len(opened(found, rows, resource_load=load)) == 1


def test_exactly_full_is_not_overloaded() -> None:
    """Tests that 100 % of the open hours is inside tolerance."""
    found, load = loaded(48.0, line_calendar((0, 1, "shift"), (8, 9, "shift")))
    assert load["load_pct"].iloc[0] == pytest.approx(100.0)
    assert overloads(found, load).empty


def test_an_open_stop_takes_open_hours_only() -> None:
    """Tests that a stop of 24 h takes the four hours of the shift and not 24."""
    stops = rows_of(
        "downtime_event",
        {"resource_id": "L", "start_at": ago(1), "is_planned": False, "reason_code": "R",
         "expected_end_at": ago(-1)},
    )  # fmt: skip
    calendar = line_calendar((20 / 24, 30 / 24, "shift"), (8, 9, "shift"))
    _, load = loaded(5.0, calendar, downtime_event=stops)
    assert load["available_hours"].iloc[0] == pytest.approx(2 * 6.0)


def test_a_week_without_a_calendar_is_unknown_not_overloaded() -> None:
    """Tests that hours beyond the last known shift are empty and no divergence."""
    found, load = loaded(5.0, line_calendar((0, 1, "shift")))
    assert pd.isna(load["available_hours"].iloc[1])
    assert overloads(found, load).empty


def shipment(name: str, order_id: str, planned: float, left: float | None, **more: object) -> dict:
    """Planned and actual departure in hours before as_of."""
    return {"shipment_id": name, "order_id": order_id, "line_id": "1", "site_id": "P",
            "lane_id": "NORTH", "carrier_id": "CAR", "status": "planned",
            "planned_departure_at": ago(hours=planned),
            "actual_departure_at": None if left is None else ago(hours=left), **more}  # fmt: skip


def shipping(*rows: dict) -> object:
    return facts(
        item=rows_of("item", make(qty_per_pallet=10.0)),
        sales_order_line=rows_of(
            "sales_order_line", *(order(f"S{n}", lane_id="NORTH") for n in range(9))
        ),
        shipment=rows_of("shipment", *rows),
    )


def test_a_dock_that_fails_is_one_divergence() -> None:
    """Tests that late trucks of one site, day and reason are one row, and the tolerance."""
    dock = {"reason_code": "DOCK", "status": "departed"}
    found = shipping(
        shipment("T1", "S1", 30, 25, **dock),
        shipment("T2", "S2", 30, 26, lane_id="SOUTH", **dock),
        shipment("T3", "S3", 30, 28, status="departed"),
        shipment("T4", "S4", 24 * 9, 24 * 8, **dock),
        shipment("T5", "S5", 30, None, status="cancelled"),
    )
    rows = departures(found, NOTHING.pegging, NOTHING.promises)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["P 2026-11-21"]
    assert rows["actual_value"].tolist() == [5.0]
    assert rows["num_orders"].tolist() == [2.0]
    assert sorted(opened(found, rows)["shipment_id"]) == ["T1", "T2"]


def test_a_truck_that_waits_for_goods_is_no_divergence_of_logistics() -> None:
    """Tests that only a truck whose goods are in stock is late by its own fault."""
    found = shipping(shipment("T1", "S1", 30, None), shipment("T2", "S2", 30, None))
    pegging = pd.DataFrame(
        {"order_id": ["S1", "S2"], "line_id": "1", "supply_type": ["stock", "lot"]}
    )
    promises = pd.DataFrame({"order_id": ["S1", "S2"], "line_id": "1", "is_covered": True})
    rows = departures(found, pegging, promises)
    assert rows["object_id"].tolist() == ["NORTH 2026-11-21"]
    assert opened(found, rows)["shipment_id"].tolist() == ["T1"]
    assert rows["act_by_at"].tolist() == [AS_OF]


@pytest.mark.parametrize(("pallets", "short"), [(20.0, 0), (19.0, 1)])
def test_ship_capacity_of_a_lane_and_day(pallets: float, short: int) -> None:
    """Tests 20 pallets against what can leave: a late line leaves on its projected day."""
    found = facts(
        item=rows_of("item", make(qty_per_pallet=10.0)),
        sales_order_line=rows_of(
            "sales_order_line", order("S1", lane_id="NORTH"), order("S2", lane_id="NORTH")
        ),
        ship_capacity=rows_of(
            "ship_capacity",
            *(
                {"ship_date": day, "site_id": "P", "lane_id": "NORTH", "mode": "truck",
                 "capacity_pallets": pallets}
                for day in ("2026-11-25", "2026-11-26")
            ),
        ),
    )  # fmt: skip
    promises = pd.DataFrame(
        {
            "order_id": ["S1", "S2"],
            "line_id": "1",
            "item_id": "COLA",
            "promised_qty": 100.0,
            "promised_at": pd.to_datetime(["2026-11-26T12:00Z", "2026-11-26T12:00Z"], utc=True),
            "ready_at": pd.to_datetime(["2026-11-24T01:00Z", "2026-11-25T10:00Z"], utc=True),
            "due_at": pd.to_datetime(["2026-11-25T12:00Z", "2026-11-23T12:00Z"], utc=True),
        }
    ).astype({"item_id": "str", "order_id": "str", "line_id": "str"})
    rows = ship_capacity(found, promises)
    assert len(rows) == short
    if short:
        check_contract(rows)
        assert rows["deviation"].tolist() == [1.0]
        assert len(opened(found, rows)) == 1
