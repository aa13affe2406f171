"""The pressure test: what passes, what fails, what is a question."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.scenario.pressure import (
    PRESSURE_COLUMNS,
    SUBJECT_FUNCTION,
    PressureTest,
    pressure_test,
)
from tests.tiny_plant import HOUR, THURSDAY, table

OPERATIONS = pd.DataFrame(
    {
        "wo_id": ["W1", "W2"],
        "op_no": 10,
        "split_no": 1,
        "item_id": ["A", "B"],
        "resource_id": ["L1", "L2"],
        "planned_qty": 60.0,
        "setup_start_at": [THURSDAY, THURSDAY],
        "start_at": [THURSDAY + HOUR, THURSDAY],
        "end_at": [THURSDAY + 3 * HOUR, THURSDAY + 2 * HOUR],
        "setup_from": pd.Series(["red", None], dtype="str"),
        "setup_to": pd.Series(["blue", "blue"], dtype="str"),
        "tool_id": pd.Series(["T1", "T1"], dtype="str"),
        "labour_count": [2.0, 2.0],
    }
)
NO_MOVES = pd.DataFrame(
    columns=["wo_id", "op_no", "split_no", "change", "zone", "change_cost", "first_start_at"]
)
NO_SHIPMENTS = pd.DataFrame(
    columns=["order_id", "line_id", "item_id", "ship_date", "site_id", "qty"]
)
NO_PURCHASES = pd.DataFrame(columns=["item_id", "qty", "receipt_at", "wo_id"])
NO_OVERTIME = pd.DataFrame(columns=["resource_id", "start_at", "hours"])
NO_EXPEDITES = pd.DataFrame(columns=["object_id", "item_id", "old_value", "new_value", "act_by_at"])


def outcome(tables: dict[str, pd.DataFrame] | None = None, **changes: pd.DataFrame) -> PressureTest:
    """Test the two operations against tables; keywords replace what is tested."""
    given: dict[str, Any] = {
        "operations": OPERATIONS,
        "moves": NO_MOVES,
        "shipments": NO_SHIPMENTS,
        "purchases": NO_PURCHASES,
        "overtime": NO_OVERTIME,
        "expedites": NO_EXPEDITES,
        **changes,
    }
    return pressure_test(**given, tables={} if tables is None else tables)


def status(test: PressureTest) -> dict[str, str]:
    """Status of each subject."""
    return dict(zip(test.summary["subject"], test.summary["status"], strict=True))


def questions(test: PressureTest, subject: str, column: str = "question") -> list[str]:
    """Values of a column of the rows of a subject."""
    return test.rows.loc[test.rows["subject"] == subject, column].tolist()


def test_what_the_feed_does_not_say_is_unknown() -> None:
    """Tests that a feed without a matrix, people, bills or docks never passes these subjects."""
    test = outcome()
    assert status(test) == {
        "changeovers": "unknown",
        "tooling": "unknown",
        "labour": "unknown",
        "material": "unknown",
        "shipping": "unknown",
        "fences": "pass",
    }
    assert list(test.summary.columns) == list(PRESSURE_COLUMNS)
    assert dict(zip(test.summary["subject"], test.summary["function"], strict=True)) == (
        SUBJECT_FUNCTION
    )
    assert test.is_passed  # nothing fails; unknowns are open


def test_changeovers_against_the_matrix() -> None:
    """Tests that an hour is enough for 60 minutes, not for 90, and a missing pair is asked."""

    def matrix(minutes: float, to: str = "blue") -> dict[str, pd.DataFrame]:
        row = {"resource_group": "*", "from_setup_family": "red", "to_setup_family": to}
        return {"setup_matrix": table("setup_matrix", [{**row, "setup_minutes": minutes}])}

    assert status(outcome(matrix(60.0)))["changeovers"] == "pass"
    short = outcome(matrix(90.0))
    assert status(short)["changeovers"] == "fail"
    assert not short.is_passed
    assert short.rows.loc[short.rows["subject"] == "changeovers", "object_id"].tolist() == [
        "W1/10/1"
    ]
    asked = outcome(matrix(60.0, "green"))
    assert status(asked)["changeovers"] == "unknown"
    assert "How long" in questions(asked, "changeovers")[0]


def test_two_operations_cannot_hold_one_tool() -> None:
    """Tests that simultaneous use above the pieces fails, and an unknown tool is a question."""
    one = {"tooling": table("tooling", [{"tool_id": "T1", "tool_qty": 1.0}])}
    two = {"tooling": table("tooling", [{"tool_id": "T1", "tool_qty": 2.0}])}
    other = {"tooling": table("tooling", [{"tool_id": "T9", "tool_qty": 2.0}])}
    assert status(outcome(one))["tooling"] == "fail"
    assert status(outcome(two))["tooling"] == "pass"
    assert status(outcome(other))["tooling"] == "unknown"


def people(headcount: float) -> dict[str, pd.DataFrame]:
    """A shift of Thursday morning with some people."""
    return {
        "resource": table("resource", [{"resource_id": r, "site_id": "P"} for r in ("L1", "L2")]),
        "labour_availability": table(
            "labour_availability",
            [
                {
                    "site_id": "P",
                    "labour_date": THURSDAY.tz_localize(None).normalize(),
                    "shift_code": "M",
                    "skill_code": "X",
                    "planned_headcount": headcount,
                    "start_at": THURSDAY,
                    "end_at": THURSDAY + 8 * HOUR,
                }
            ],
        ),
    }


def test_people_at_once_against_the_headcount() -> None:
    """Tests that four people at once need four, and that work after the last shift is asked."""
    assert status(outcome(people(4.0)))["labour"] == "pass"
    assert status(outcome(people(3.0)))["labour"] == "fail"
    later = OPERATIONS.assign(
        **{name: OPERATIONS[name] + 48 * HOUR for name in ("setup_start_at", "start_at", "end_at")}
    )
    test = outcome(people(4.0), operations=later)
    assert status(test)["labour"] == "unknown"
    assert "Are people planned in P" in questions(test, "labour")[0]


def test_overtime_is_always_asked() -> None:
    """Tests that overtime is a question even where the day's headcount would do."""
    booked = pd.DataFrame(
        {"resource_id": ["L1"], "start_at": [THURSDAY + 8 * HOUR], "hours": [4.0]}
    )
    test = outcome(people(4.0), overtime=booked)
    assert status(test)["labour"] == "unknown"
    assert "4.0 h of overtime on L1" in questions(test, "labour")[0]


def test_material_that_nobody_confirmed_is_asked() -> None:
    """Tests the questions about new supplies, unconfirmed orders and expedites."""
    tables = {
        "bom_component": table(
            "bom_component",
            [{"parent_item_id": "A", "component_item_id": "C", "qty_per": 1.0}],
        ),
        "purchase_order_line": table(
            "purchase_order_line",
            [
                {
                    "po_id": "P1",
                    "line_id": "1",
                    "supplier_id": "V1",
                    "item_id": "C",
                    "ordered_qty": 50.0,
                    "received_qty": 0.0,
                    "required_date": pd.Timestamp("2026-11-24"),
                    "status": "open",
                }
            ],
        ),
        "item": table("item", [{"item_id": "D", "supply_type": "make"}]),
    }
    bought = pd.DataFrame(
        {"item_id": ["D"], "qty": [7.0], "receipt_at": [THURSDAY], "wo_id": ["W1"]}
    )
    pulled = pd.DataFrame(
        {
            "object_id": ["P9/1"],
            "item_id": ["C"],
            "old_value": ["2026-12-01"],
            "new_value": ["2026-11-26"],
            "act_by_at": [THURSDAY],
        }
    )
    test = outcome(tables, purchases=bought, expedites=pulled)
    asked = questions(test, "material")
    assert asked[0].startswith("Who makes 7 of D")
    assert asked[1] == "Does the supplier of P9/1 agree to 2026-11-26?"
    assert asked[2].startswith("Will V1 deliver 50 of C")


def test_docks_take_what_they_can() -> None:
    """Tests that pallets above the day's capacity fail and a day without a row is asked."""
    tables = {
        "item": table("item", [{"item_id": "A", "qty_per_pallet": 10.0}]),
        "ship_capacity": table(
            "ship_capacity",
            [
                {
                    "ship_date": pd.Timestamp(day),
                    "site_id": "P",
                    "lane_id": "X",
                    "mode": "truck",
                    "capacity_pallets": 5.0,
                }
                for day in ("2026-11-26", "2026-11-30")
            ],
        ),
    }

    def leaving(day: str, qty: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "order_id": ["S1"],
                "line_id": ["1"],
                "item_id": ["A"],
                "ship_date": [pd.Timestamp(day)],
                "site_id": ["P"],
                "qty": [qty],
            }
        )

    assert status(outcome(tables, shipments=leaving("2026-11-26", 50.0)))["shipping"] == "pass"
    assert status(outcome(tables, shipments=leaving("2026-11-26", 51.0)))["shipping"] == "fail"
    assert status(outcome(tables, shipments=leaving("2026-11-27", 1.0)))["shipping"] == "unknown"


def test_breaking_the_frozen_zone_is_a_question_to_its_approver() -> None:
    """Tests that a decided move in the frozen zone is asked with its price, a shift is not."""
    moves = pd.DataFrame(
        {
            "wo_id": ["W1", "W2"],
            "op_no": 10,
            "split_no": 1,
            "change": ["rerouted", "shifted"],
            "zone": "frozen",
            "change_cost": [150.0, 0.0],
            "first_start_at": THURSDAY,
        }
    )
    test = outcome(moves=moves)
    rows = test.rows[test.rows["subject"] == "fences"]
    assert status(test)["fences"] == "unknown"
    assert rows["object_id"].tolist() == ["W1/10/1"]
    assert "price 150" in rows["detail"].iloc[0]
