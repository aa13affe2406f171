"""Supply and material: confirmations, receipts, shortages; known answers on a few rows."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.divergence.links import Links
from soe_lib.divergence.material import material_shortages, shortages, stock_curve
from soe_lib.divergence.receipts import receipts
from soe_lib.divergence.supply import purchases
from tests.divergence_tables import AS_OF, ago, buy, check_contract, facts, opened, table

NONE_SHORT = pd.DataFrame({"item_id": pd.Series(dtype="str")})


def purchase(po: str = "P1", **more: object) -> dict[str, object]:
    return {"po_id": po, "line_id": "10", "supplier_id": "SUP", "item_id": "BOTTLE",
            "ordered_qty": 1000.0, "received_qty": 0.0, "required_date": "2026-11-30",
            "promised_date": "2026-11-30", "status": "open", **more}  # fmt: skip


@pytest.mark.parametrize(
    ("promised", "days"), [("2026-12-03", 3.0), ("2026-12-01", None), ("2026-11-28", None)]
)
def test_supplier_late_is_promise_minus_requirement(promised: str, days: float | None) -> None:
    """Tests that a promise three days after the requirement is +3 and that one day is inside."""
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table("purchase_order_line", purchase(promised_date=promised)),
    )
    rows = purchases(found, NONE_SHORT)
    check_contract(rows)
    if days is None:
        assert rows.empty
        return
    assert rows["divergence_type"].tolist() == ["supplier_late"]
    assert rows["deviation"].tolist() == [days]
    assert rows["owner_role"].tolist() == ["procurement"]
    assert opened(found, rows)["po_id"].tolist() == ["P1"]


def test_the_newest_confirmation_wins_and_later_ones_are_unknown() -> None:
    """Tests that the last confirmation by as_of is used and a later one is not."""
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table("purchase_order_line", purchase()),
        supplier_confirmation_event=table(
            "supplier_confirmation_event",
            {"po_id": "P1", "line_id": "10", "event_at": ago(2), "confirmed_date": "2026-12-04",
             "confirmed_qty": 1000.0},
            {"po_id": "P1", "line_id": "10", "event_at": ago(-1), "confirmed_date": "2026-12-24",
             "confirmed_qty": 10.0},
        ),
    )  # fmt: skip
    rows = purchases(found, NONE_SHORT)
    assert rows["deviation_days"].tolist() == [4.0]
    assert rows["first_seen_at"].tolist() == [ago(2)]


def test_short_confirmation_and_its_tolerance() -> None:
    """Tests that 3 % short is reported as a negative deviation and 2 % is inside tolerance."""
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table(
            "purchase_order_line",
            purchase("P1", confirmed_qty=970.0),
            purchase("P2", confirmed_qty=980.0),
        ),
    )
    rows = purchases(found, NONE_SHORT)
    assert rows["divergence_type"].tolist() == ["supplier_short"]
    assert rows["object_id"].tolist() == ["P1/10"]
    assert rows["deviation"].tolist() == [-30.0]


def test_past_due_is_one_divergence_not_two() -> None:
    """Tests that a line past due is not a late confirmation too, and that weekends do not count."""
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table(
            "purchase_order_line",
            purchase(
                "P1", required_date="2026-11-10", promised_date="2026-11-19", received_qty=400.0
            ),
            purchase("FRIDAY", required_date="2026-11-20", promised_date="2026-11-20"),
            purchase("SUNDAY", required_date="2026-11-22", promised_date="2026-11-22"),
            purchase(
                "DONE", required_date="2026-11-01", promised_date="2026-11-01", status="completed"
            ),
        ),
    )
    rows = purchases(found, NONE_SHORT)
    check_contract(rows)
    assert rows["divergence_type"].tolist() == ["purchase_past_due"]
    assert rows["object_id"].tolist() == ["P1/10"]
    assert rows["deviation"].tolist() == [-600.0]
    assert rows["deviation_days"].tolist() == [4.0]


def test_what_we_ordered_too_late_is_not_the_supplier_s_lateness() -> None:
    """Tests that the lead time counts, and that our own lateness shows only where it hurts."""
    found = facts(
        item=table("item", buy(lead_time_days=14.0)),
        purchase_order_line=table(
            "purchase_order_line",
            purchase(ordered_at=ago(1), required_date="2026-11-24", promised_date="2026-12-06"),
        ),
    )
    assert purchases(found, NONE_SHORT).empty
    rows = purchases(found, pd.DataFrame({"item_id": ["BOTTLE"]}))
    assert rows["divergence_type"].tolist() == ["purchase_ordered_late"]
    assert rows["deviation"].tolist() == [12.0]


def test_receipts_count_all_deliveries_of_the_line() -> None:
    """Tests that a receipt before the last cycle counts, that rejects do not, and the tolerance."""
    done = {"status": "completed", "required_date": "2026-11-30"}
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table(
            "purchase_order_line", purchase("P1", **done), purchase("P2", **done, unit_cost=3.0),
            purchase("P3", **done), purchase("P4"), purchase("P5", **done),
        ),
        goods_receipt_event=table(
            "goods_receipt_event",
            *(
                {"po_id": po, "line_id": "10", "received_at": ago(days), "received_qty": qty,
                 "rejected_qty": rejected}
                for po, days, qty, rejected in (
                    ("P1", 9, 600.0, 0.0), ("P1", 2, 400.0, 0.0),
                    ("P2", 1, 1000.0, 50.0),
                    ("P3", 1, 985.0, 0.0),
                    ("P4", 1, 100.0, 0.0),
                    ("P5", 8, 100.0, 0.0),
                )
            ),
        ),
    )  # fmt: skip
    rows = receipts(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["P2/10"]
    assert rows["deviation"].tolist() == [-50.0]
    assert rows["direct_cost"].tolist() == [150.0]
    assert len(opened(found, rows)) == 1


@pytest.mark.parametrize(("came", "days"), [(3, None), (2, 2.0)])
def test_a_delivery_that_came_late_is_news_once(came: int, days: float | None) -> None:
    """Tests that a day late is inside tolerance and two are not (required: Thursday, 19 Nov)."""
    found = facts(
        item=table("item", buy()),
        purchase_order_line=table(
            "purchase_order_line", purchase(status="completed", required_date="2026-11-19")
        ),
        goods_receipt_event=table(
            "goods_receipt_event",
            {"po_id": "P1", "line_id": "10", "received_at": ago(came), "received_qty": 1000.0,
             "rejected_qty": 0.0},
        ),
    )  # fmt: skip
    rows = receipts(found)
    if days is None:
        assert rows.empty
        return
    check_contract(rows)
    assert rows["divergence_type"].tolist() == ["receipt_late"]
    assert rows["deviation"].tolist() == [days]
    assert rows["act_by_at"].isna().all()
    assert len(opened(found, rows)) == 1


def needs(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Needs as (work order, days from as_of, quantity)."""
    return pd.DataFrame(
        {
            "item_id": "BOTTLE",
            "wo_id": [row[0] for row in rows],
            "qty": [row[2] for row in rows],
            "at": [ago(-row[1]) for row in rows],
            "wanted_at": [ago(-row[1]) for row in rows],
        }
    ).astype({"item_id": "str", "wo_id": "str"})


def no_links(**more: pd.DataFrame) -> Links:
    keys = {"order_id": pd.Series(dtype="str"), "line_id": pd.Series(dtype="str")}
    empty = {
        "work_orders": {"wo_id": "str"},
        "resources": {"resource_id": "str"},
        "components": {"item_id": "str", "wanted_at": "datetime64[us, UTC]"},
        "first_start": {"start_at": "datetime64[us, UTC]"},
        "late_in_plan": {"planned_late_days": "float64"},
    }
    frames = {
        name: pd.DataFrame({**keys, **{c: pd.Series(dtype=kind) for c, kind in columns.items()}})
        for name, columns in empty.items()
    }
    return Links(**{**frames, **more})


def test_material_shortage_by_hand() -> None:
    """Tests the projected stock: 500 on hand, 300 + 300 wanted, 1,000 confirmed a day too late."""
    found = facts(
        item=table("item", buy(lead_time_days=2.0)),
        inventory_balance=table(
            "inventory_balance",
            {"item_id": "BOTTLE", "location_id": "W", "balance_at": ago(7), "on_hand_qty": 9999.0},
            {"item_id": "BOTTLE", "location_id": "W", "balance_at": ago(0), "on_hand_qty": 520.0,
             "blocked_qty": 20.0},
        ),
        purchase_order_line=table(
            "purchase_order_line",
            purchase(required_date="2026-11-25", promised_date="2026-11-28", confirmed_qty=900.0),
        ),
    )  # fmt: skip
    wanted = needs(("W1", 1.0, 300.0), ("W2", 3.0, 300.0), ("W3", 4.0, 50.0), ("W4", 9.0, 100.0))
    curve = stock_curve(found, wanted, AS_OF + pd.Timedelta(weeks=6))
    assert curve["projected_qty"].tolist() == [500.0, 200.0, -100.0, -150.0, 750.0, 650.0]
    components = pd.DataFrame(
        {"order_id": ["S1", "S2"], "line_id": "1", "item_id": "BOTTLE",
         "wanted_at": [ago(-3.0), ago(-1.0)]}
    ).astype({"line_id": "str", "item_id": "str"})  # fmt: skip
    late = pd.DataFrame({"order_id": ["S1", "S2"], "line_id": "1", "late_cost": [70.0, 5.0]})
    late = late.astype({"line_id": "str"})
    material = material_shortages(found, curve, wanted, late, no_links(components=components))
    row = material.iloc[0]
    assert row["first_short_at"] == ago(-3.0)
    assert row["missing_qty"] == 150.0
    assert row["short_until_at"] == pd.Timestamp("2026-11-28T12:00Z")
    assert row["num_work_orders"] == 3  # W1 was served from stock
    assert (row["num_orders"], row["late_cost"], row["order_ids"]) == (1, 70.0, "S1")
    rows = shortages(found, material)
    check_contract(rows)
    assert rows["deviation"].tolist() == [-150.0]
    assert rows["act_by_at"].tolist() == [ago(-1.0)]
    assert len(opened(found, rows, projected_stock=curve)) == len(curve)


def test_exactly_enough_material_is_no_shortage() -> None:
    """Tests that stock that is used up to nothing is not short."""
    found = facts(
        item=table("item", buy()),
        inventory_balance=table(
            "inventory_balance",
            {"item_id": "BOTTLE", "location_id": "W", "balance_at": ago(0), "on_hand_qty": 600.0},
        ),
    )
    wanted = needs(("W1", 1.0, 300.0), ("W2", 3.0, 300.0))
    curve = stock_curve(found, wanted, AS_OF + pd.Timedelta(weeks=6))
    late = pd.DataFrame({"order_id": [], "line_id": [], "late_cost": []})
    material = material_shortages(found, curve, wanted, late.astype({"order_id": "str",
                                  "line_id": "str"}), no_links())  # fmt: skip
    assert material.empty
    assert shortages(found, material).empty
