"""All KPIs in one call: empty feeds, suppliers, scrap, and last week's numbers a week later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.catalogue import actual_demand, all_kpis
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.suppliers import supplier_otif, supplier_quality
from soe_lib.kpi.value import COLUMNS, Period, kpi_rows
from soe_lib.kpi.yields import work_order_yield
from soe_lib.params import KpiParams, OtifParams
from soe_lib.tables import TABLES
from tests.kpi_tables import ZONE, at, book, by_name, day, delivery, order, period, table

POLICY = OtifPolicy.from_params(OtifParams())
WEEK = period(0, 7)
NOW = at(7, 5)


def bare() -> dict[str, pd.DataFrame]:
    """Return one row of everything that switches a family on, and nothing that happened."""
    far = {"start_at": at(300, 6), "end_at": at(300, 14)}
    return book(order(due=day(200), ordered_at=at(-1))) | {
        "schedule_operation": table(
            "schedule_operation",
            {"version_id": "V1", "published_at": at(-1), "status": "published", "wo_id": "W1"},
            op_no=10,
            split_no=1,
            item_id="FG1",
            planned_qty=1.0,
            resource_id="L1",
            setup_start_at=at(300),
            start_at=at(300),
            end_at=at(300, 13),
        ),
        "resource": table("resource", {"resource_id": "L1", "is_bottleneck": True}),
        "resource_calendar": table(
            "resource_calendar", {"resource_id": "L1", "calendar_kind": "shift", **far}
        ),
        "work_order_progress_event": table(
            "work_order_progress_event", {"event_id": "1", "event_at": at(300), "wo_id": "W1"}
        ),
        "downtime_event": table(
            "downtime_event", {"resource_id": "L1", "start_at": at(300), "reason_code": "R"}
        ),
        "work_order": table(
            "work_order",
            {"wo_id": "W1", "item_id": "FG1", "release_at": at(299), "due_at": at(300)},
            status="planned",
            ordered_qty=1.0,
        ),
        "inventory_balance": table(
            "inventory_balance", {"item_id": "FG1", "location_id": "W", "balance_at": at(300)}
        ),
        "purchase_order_line": table(
            "purchase_order_line",
            {"po_id": "P", "line_id": "1", "supplier_id": "S", "required_date": day(200)},
            item_id="C1",
            ordered_qty=1.0,
            ordered_at=at(-1),
            status="open",
        ),
        "goods_receipt_event": table(
            "goods_receipt_event",
            {"po_id": "P", "line_id": "1", "received_at": at(200), "received_qty": 1.0},
        ),
    }


def targets(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Return planned demand as (item, day, quantity)."""
    return pd.DataFrame(
        {
            "item_id": pd.Series([r[0] for r in rows], dtype="str"),
            "family_id": pd.Series(["" for _ in rows], dtype="str"),
            "week_start_date": pd.Series([day(r[1]) for r in rows], dtype="datetime64[us]"),
            "planned_qty": pd.Series([r[2] for r in rows], dtype=float),
        }
    )


def test_no_feed_no_kpi() -> None:
    """Tests that missing and empty tables give no rows and no error."""
    empty = {name: contract.empty() for name, contract in TABLES.items()}
    for tables in ({}, empty):
        rows = kpi_rows(all_kpis(tables, NOW, WEEK, KpiParams(), POLICY))
        assert rows.empty
        assert tuple(rows.columns) == COLUMNS


def test_a_week_in_which_nothing_happened() -> None:
    """Tests that every ratio of nothing is not evaluable and says why; states may be zero."""
    found = all_kpis(bare(), NOW, WEEK, KpiParams(), POLICY, targets=targets())
    rows = kpi_rows(found)
    assert rows["kpi"].nunique() > 80
    assert (rows.loc[rows["unit"] == "%", "value"].isna()).all()
    blank = rows["value"].isna()
    assert (rows.loc[blank, "reason"] != "").all()
    assert (rows.loc[blank, "status"] == "not_evaluable").all()
    assert not rows.duplicated(["kpi", "basis", "policy", "dimension", "member"]).any()
    assert (rows["formula"] != "").all()
    assert rows["as_of"].eq(NOW).all()
    assert rows["period_start"].eq(WEEK.start_at).all()


def test_plan_accuracy_and_cover_use_the_targets() -> None:
    """Tests that targets of the week are compared with demand and later ones cover the stock."""
    tables = book(order(), deliveries=[delivery(3, 100)])
    tables["inventory_balance"] = table(
        "inventory_balance",
        {"item_id": "FG1", "location_id": "W", "balance_at": at(7, 0), "on_hand_qty": 20.0},
        unit_std_cost=2.0,
    )
    plan = targets(("FG1", 0, 80.0), ("FG1", 7, 70.0), ("FG1", 14, 70.0))
    found = by_name(all_kpis(tables, NOW, WEEK, KpiParams(), POLICY, targets=plan))
    assert found["demand_bias"].value == pytest.approx(25.0)
    assert found["days_of_supply"].value == pytest.approx(2.0)
    demand = actual_demand(tables, NOW, WEEK)
    assert demand["actual_qty"].tolist() == [100.0]


def purchases(**columns) -> dict[str, pd.DataFrame]:
    """Return one purchase order line of 100 units needed on day 3, with its supplier's words."""
    line = {
        "po_id": "P1",
        "line_id": "1",
        "supplier_id": "S1",
        "item_id": "C1",
        "ordered_qty": 100.0,
        "ordered_at": at(-20),
        "required_date": day(3),
        "first_promised_date": day(3),
        "promised_date": day(3),
        "status": "open",
        **columns,
    }
    return {"purchase_order_line": table("purchase_order_line", line)}


def receipts(*rows: tuple[float, float, float]) -> pd.DataFrame:
    """Return receipts of P1 as (day, received, rejected)."""
    return table(
        "goods_receipt_event",
        *({"received_at": at(d), "received_qty": q, "rejected_qty": r} for d, q, r in rows),
        po_id="P1",
        line_id="1",
    )


SUPPLIERS = {
    # name: (receipts, count rejected, otif)
    "on time": ([(3, 100, 0)], False, 100.0),
    "late": ([(4, 100, 0)], False, 0.0),
    "rejected units are not delivered": ([(3, 100, 5)], False, 0.0),
    "rejected units count by choice": ([(3, 100, 5)], True, 100.0),
    "two receipts": ([(1, 60, 0), (3, 40, 0)], False, 100.0),
    "short": ([(3, 90, 0)], False, 0.0),
    "never": ([], False, 0.0),
}


@pytest.mark.parametrize("name", SUPPLIERS)
def test_supplier_otif(name: str) -> None:
    """Tests that suppliers are measured by receipts against the day we need the goods."""
    rows, rejected, wanted = SUPPLIERS[name]
    tables = purchases() | {"goods_receipt_event": receipts(*rows)}
    policy = POLICY.on("requested")
    found = supplier_otif(tables, NOW, WEEK, policy, by="supplier_id", count_rejected=rejected)
    lines = [k for k in found if k.kpi == "supplier_otif_line"]
    assert [k.value for k in lines] == [wanted, wanted]
    assert (lines[1].dimension, lines[1].member) == ("supplier_id", "S1")


def test_supplier_promise_is_known_as_of() -> None:
    """Tests that a re-promise moves the last promise from its confirmation on, not the first."""
    tables = purchases(promised_date=day(5)) | {"goods_receipt_event": receipts((5, 100, 0))}
    tables["supplier_confirmation_event"] = table(
        "supplier_confirmation_event",
        {"event_at": at(-19), "confirmed_date": day(3)},
        {"event_at": at(9), "confirmed_date": day(5)},
        po_id="P1",
        line_id="1",
    )

    def otif_of(basis: str, as_of: pd.Timestamp) -> float:
        kpis = supplier_otif(tables, as_of, WEEK, POLICY.on(basis))  # type: ignore[arg-type]
        return by_name(kpis)["supplier_otif_line"].value

    assert otif_of("last_confirmed", at(7, 5)) == 0.0
    assert otif_of("last_confirmed", at(10)) == 100.0
    assert otif_of("first_confirmed", at(10)) == 0.0


def test_supplier_quality() -> None:
    """Tests reject ratio by units and by receipts, nothing received is not evaluable."""
    tables = purchases() | {"goods_receipt_event": receipts((3, 100, 5), (4, 100, 0))}
    found = by_name(supplier_quality(tables, NOW, WEEK, by="supplier_id"))
    assert found["supplier_reject_ratio"].value == 2.5
    assert found["supplier_rejected_lines"].value == 50.0
    nothing = by_name(supplier_quality(tables, NOW, period(20, 27)))
    assert np.isnan(nothing["supplier_reject_ratio"].value)


def test_work_order_scrap() -> None:
    """Tests scrap of orders that ended in the period and were known to."""
    rows = [
        {"wo_id": "A", "ended_at": at(1), "good_qty": 90.0, "scrap_qty": 10.0},
        {"wo_id": "B", "ended_at": at(2), "good_qty": 100.0},
        {"wo_id": "C", "ended_at": at(9), "good_qty": 0.0, "scrap_qty": 50.0},
        {"wo_id": "D"},
    ]
    shared = {"item_id": "FG1", "ordered_qty": 100.0, "release_at": at(-1), "due_at": at(5)}
    tables = {"work_order": table("work_order", *rows, **shared)}
    found = by_name(work_order_yield(tables, NOW, WEEK))
    assert found["work_order_scrap_ratio"].value == 5.0
    assert (found["work_orders_with_scrap"].num, found["work_orders_with_scrap"].den) == (1, 2)


def test_zone_is_the_sites() -> None:
    """Tests that the last complete week is the site's, on both sides of summer time."""
    autumn = Period.last_weeks(pd.Timestamp("2026-10-25T23:30Z"), 2, ZONE)
    assert [str(w.start_date.date()) for w in autumn] == ["2026-10-12", "2026-10-19"]
    assert (autumn[1].end_at - autumn[1].start_at) == pd.Timedelta(hours=169)
    sunday = Period.last_weeks(pd.Timestamp("2026-10-25T22:30Z"), 1, ZONE)
    assert str(sunday[0].end_date.date()) == "2026-10-19"
