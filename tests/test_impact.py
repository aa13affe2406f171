"""Impact: order lines, sums, functions and shipments; known answers on a few rows."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.divergence.rows import empty_rows, typed_rows
from soe_lib.impact import QUESTIONS, by_function, order_impact, shipments_without_goods, summed_by
from soe_lib.params import Params
from soe_lib.vocabulary import FUNCTIONS
from tests.divergence_tables import AS_OF, ago, make, order, table


def promises(*rows: tuple[str, float, bool]) -> pd.DataFrame:
    """Promises as (order, days late, covered), due in two days."""
    frame = pd.DataFrame(
        {
            "order_id": [row[0] for row in rows],
            "line_id": "1",
            "item_id": "COLA",
            "open_qty": 100.0,
            "due_at": ago(-2),
            "promised_qty": [100.0 if row[2] else 0.0 for row in rows],
            "promised_at": [ago(-2 - row[1]) if row[2] else pd.NaT for row in rows],
            "is_covered": [row[2] for row in rows],
            "lateness_days": [row[1] for row in rows],
            "late_cost": 0.0,
        }
    )
    frame["promised_at"] = frame["promised_at"].astype("datetime64[us, UTC]")
    return frame.astype({"order_id": "str", "line_id": "str", "item_id": "str"})


def tables() -> dict[str, pd.DataFrame]:
    return {
        "item": table("item", make()),
        "sales_order_line": table(
            "sales_order_line",
            order("EARLY"),
            order("LATE", customer_id="C2"),
            order("NEVER"),
            order("FREE", customer_id="C2"),
        ),
        "customer_terms": table(
            "customer_terms",
            {"customer_id": "C1", "customer_tier": "A", "penalty_type": "flat",
             "penalty_amount": 70.0},
            {"customer_id": "C2", "customer_tier": "B", "penalty_type": "per_day",
             "penalty_amount": 10.0, "penalty_threshold_days": 1.0, "penalty_cap": 35.0},
        ),
    }  # fmt: skip


def impact() -> pd.DataFrame:
    rows = promises(
        ("EARLY", -3.0, True), ("LATE", 3.0, True), ("NEVER", 9.0, False), ("FREE", 0.5, True)
    )
    return order_impact(rows, tables(), Params().money)


def test_each_line_is_priced_by_its_clause() -> None:
    """Tests flat, per day after free days, early lines, and the order of the rows."""
    orders = impact()
    assert orders["order_id"].tolist() == ["NEVER", "LATE", "FREE", "EARLY"]
    assert orders["late_cost"].tolist() == [70.0, 20.0, 0.0, 0.0]
    assert orders["tardiness_days"].tolist() == [9.0, 3.0, 0.5, 0.0]
    assert orders["is_late"].tolist() == [True, True, True, False]
    assert orders["margin_at_risk"].tolist() == [400.0, 400.0, 400.0, 0.0]
    assert orders["price_source"].tolist() == [
        "70 flat",
        "10 a day, 1 day free, at most 35",
        "10 a day, 1 day free, at most 35",
        "70 flat",
    ]


def test_a_cap_holds() -> None:
    """Tests that ten days beyond the free one cost the cap and not a hundred."""
    orders = order_impact(promises(("LATE", 11.0, True)), tables(), Params().money)
    assert orders["late_cost"].tolist() == [35.0]


def test_sums_by_customer_conserve_the_total() -> None:
    """Tests that lines, money and days by customer are those of the lines."""
    orders = impact()
    by_customer = summed_by(orders, "customer_id").set_index("customer_id")
    assert by_customer.index.tolist() == ["C1", "C2"]
    assert by_customer["late_cost"].sum() == orders["late_cost"].sum()
    assert by_customer.loc["C2", "num_late_lines"] == 2
    assert by_customer.loc["C1", "num_lines"] == 2
    assert by_customer.loc["C2", "tardiness_days"] == pytest.approx(1.75)
    assert by_customer.loc["C2", "worst_days"] == 3.0
    assert by_customer["num_lines"].sum() == len(orders)


def test_nothing_open_is_no_error() -> None:
    """Tests that no open line gives empty tables with the same columns."""
    none = order_impact(promises(), tables(), Params().money)
    assert none.columns.tolist() == impact().columns.tolist()
    assert summed_by(none, "customer_id").empty
    assert set(by_function(empty_rows(), none, shipments(none))) == set(FUNCTIONS)


def shipments(orders: pd.DataFrame) -> pd.DataFrame:
    trucks = [
        {"shipment_id": "T1", "order_id": name, "line_id": "1", "lane_id": "NORTH",
         "planned_departure_at": ago(-2.5), "status": "planned"}
        for name in ("EARLY", "LATE", "NEVER")
    ]  # fmt: skip
    fine = {**trucks[0], "shipment_id": "T2"}
    gone = {**trucks[1], "shipment_id": "T3", "status": "departed",
            "planned_departure_at": ago(1)}  # fmt: skip
    return shipments_without_goods(table("shipment", *trucks, fine, gone), orders, AS_OF)


def test_shipments_that_leave_without_their_goods() -> None:
    """Tests that a truck misses what comes after it leaves, and the customers who wait."""
    found = shipments(impact())
    assert found["shipment_id"].tolist() == ["T1"]
    row = found.iloc[0]
    assert (row["num_lines"], row["num_late_lines"], row["late_cost"]) == (3, 2, 90.0)
    assert row["customers"] == "C1, C2"


def test_every_function_gets_its_rows_and_has_its_question() -> None:
    """Tests who sees what: owners their divergences, finance the money, logistics the trucks."""
    orders = impact()
    divergences = typed_rows(
        pd.DataFrame(
            {
                "divergence_id": ["a", "b"],
                "divergence_type": ["downtime", "supplier_late"],
                "owner_role": ["operations", "procurement"],
                "sentence": ["the line stood still", "the supplier is late"],
            }
        )
    )
    own = by_function(divergences, orders, shipments(orders))
    assert set(own) == set(FUNCTIONS) == set(QUESTIONS)
    assert own["operations"]["divergence_id"].tolist() == ["a"]
    assert own["procurement"]["divergence_id"].tolist() == ["b"]
    assert own["customer_service"]["order_id"].tolist() == ["NEVER", "LATE", "FREE"]
    assert own["finance"]["late_cost"].sum() == orders["late_cost"].sum()
    assert own["logistics"]["divergence_type"].tolist() == ["shipment_without_goods"]
    assert own["demand_planning"].empty
