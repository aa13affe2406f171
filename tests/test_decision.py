"""Governance, commitments and the decision record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.decision.changes import order_confirmations, shipments_too_early
from soe_lib.decision.commitments import Changes, commitments
from soe_lib.decision.escalation import escalations, family_shortfalls
from soe_lib.decision.governance import (
    Governance,
    approvals_needed,
    load_governance,
    moves_to_approve,
)
from soe_lib.decision.reasons import REASON_WORDS, promise_reasons
from soe_lib.decision.record import DecisionRecord, differences, read_record
from soe_lib.decision.supply import supply_changes
from soe_lib.params import ParamsError
from soe_lib.scenario.difference import moved_operations
from soe_lib.scenario.levers import Expedite, pulled_rows
from soe_lib.tables import TABLES
from soe_lib.vocabulary import FUNCTIONS
from tests.conftest import ROOT
from tests.tiny_plant import table

AT = pd.Timestamp("2026-11-23T05:00Z")


@pytest.fixture(scope="module")
def governance() -> Governance:
    """The governance of the demo plant."""
    return load_governance(ROOT / "params" / "governance.yaml")


def test_every_function_signs_and_owns(governance: Governance) -> None:
    """Tests that each function has an owner, a due time and somebody who may sign."""
    for function in FUNCTIONS:
        owner = governance.owner(function)
        assert governance.may(owner, "sign")
        assert governance.due_hours[function] > 0


def test_only_the_lead_selects(governance: Governance) -> None:
    """Tests that nobody but the S&OE lead may select a scenario, and strangers may nothing."""
    selecting = [
        p.role for p in governance.people if governance.may(p.person_id, "select_scenario")
    ]
    assert selecting == ["soe_lead"]
    assert not governance.may("stranger", "sign")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("role: coordinator}", "role: nobody}", "nobody"),  # a person with an unknown role
        ("approver_role: plant_manager", "approver_role: boss", "boss"),  # an unknown approver
        ("  finance: 48.0\n", "", "due_hours lacks: finance"),  # a function without due time
        ("zone: frozen", "zone: icy", "icy"),  # an unknown zone
        ("person_id: finance", "person_id: logistics", "person_id repeated"),  # a double
    ],
)
def test_bad_governance_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Tests that a governance file that cannot work is refused with the fault."""
    text = (ROOT / "params" / "governance.yaml").read_text()
    assert old in text
    path = tmp_path / "governance.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ParamsError, match=said):
        load_governance(path)


def test_approver_depends_on_zone_money_and_tier(governance: Governance) -> None:
    """Tests that freeze breaks, money and A customers go to the roles of the file."""
    changes = pd.DataFrame(
        {
            "zone": ["frozen", "frozen", "slushy", "liquid"],
            "change_cost": [150.0, 150.0, 30.0, 2.0],
            "customer_tiers": ["B", None, "A,C", ""],
        }
    )
    needed = approvals_needed(changes, governance).set_index("zone")
    assert needed["approver_role"].to_dict() == {"frozen": "soe_lead", "slushy": "soe_lead"}
    assert needed.loc["frozen", "cost"] == 300
    dear = approvals_needed(changes.assign(change_cost=4000.0), governance).set_index("zone")
    assert dear.loc["frozen", "approver_role"] == "plant_manager"
    others = approvals_needed(changes.assign(customer_tiers="C"), governance).set_index("zone")
    assert others.loc["slushy", "approver_role"] == "operations"


def order_lines() -> pd.DataFrame:
    """Five open lines: kept, redated, short, lost and never confirmed."""
    rows = pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S3", "S4", "S5"],
            "line_id": "1",
            "schedule_no": 1,
            "customer_id": ["K1", "K2", "K3", "K4", "K5"],
            "item_id": "A",
            "ordered_qty": 100.0,
            "delivered_qty": 0.0,
            "requested_date": pd.Timestamp("2026-11-25"),
            "last_confirmed_date": pd.to_datetime([*["2026-11-26"] * 4, None]),
            "status": "open",
        }
    )
    contract = TABLES["sales_order_line"]
    dtypes = {column.name: column.dtype for column in contract.contracts}
    return rows.reindex(columns=list(contract.columns)).astype(dtypes)


PROMISES = pd.DataFrame(
    {
        "order_id": ["S1", "S2", "S3", "S4", "S5"],
        "line_id": "1",
        "promised_date": pd.to_datetime(
            ["2026-11-24", "2026-11-29", "2026-11-26", None, "2026-11-30"]
        ),
        "promised_qty": [100.0, 100.0, 60.0, 0.0, 100.0],
    }
)


def test_confirmations_change_only_where_the_customer_must_know() -> None:
    """Tests that an earlier promise is kept silent and each other change has its action."""
    changed = order_confirmations(PROMISES, {"sales_order_line": order_lines()})
    actions = changed.set_index("order_id")["action"].to_dict()
    assert actions == {"S2": "redate", "S3": "reduce", "S4": "withdraw", "S5": "confirm"}
    moved = changed.set_index("order_id")["moved_days"]
    assert moved["S2"] == 3
    assert set(changed["reason_code"]) == {"unexplained"}


def changes() -> Changes:
    """What a small decision changes."""
    start = pd.to_datetime(["2026-11-24T06:00Z", "2026-11-24T09:00Z"])
    before = pd.DataFrame(
        {
            "wo_id": ["W1", "W2"],
            "op_no": 10,
            "split_no": 1,
            "item_id": "A",
            "resource_id": "L1",
            "planned_qty": 50.0,
            "setup_start_at": start,
            "start_at": start,
            "end_at": start + pd.Timedelta(hours=2),
        }
    )
    after = before.assign(resource_id=["L1", "L2"])
    return Changes(
        operations=after,
        moves=moved_operations(before, after).assign(zone="frozen"),
        confirmations=order_confirmations(PROMISES, {"sales_order_line": order_lines()}),
        supplies=pd.DataFrame(
            {
                "purchase_no": [1],
                "action": ["expedite"],
                "po_id": ["P1"],
                "line_id": ["1"],
                "item_id": ["C1"],
                "supplier_id": ["V1"],
                "qty": [500.0],
                "order_at": [AT + pd.Timedelta(hours=3)],
                "new_receipt_at": [AT + pd.Timedelta(days=1)],
                "old_receipt_date": [pd.Timestamp("2026-11-27")],
                "cost": [350.0],
            }
        ),
        overtime=pd.DataFrame(
            {
                "resource_id": ["L2"],
                "start_at": [pd.Timestamp("2026-11-28T05:00Z")],
                "hours": [4.0],
                "cost": [360.0],
            }
        ),
        shipments=pd.DataFrame(
            {
                "shipment_id": ["F1"],
                "planned_departure_at": [AT + pd.Timedelta(days=2)],
                "ready_at": [AT + pd.Timedelta(days=6)],
                "order_id": ["S2"],
                "line_id": ["1"],
            }
        ),
        money=pd.DataFrame(
            {
                "term": ["late_cost", "overtime_cost"],
                "do_nothing": [5000.0, 0.0],
                "chosen": [3000.0, 360.0],
                "difference": [-2000.0, 360.0],
            }
        ),
    )


def test_each_function_gets_what_the_difference_asks_of_it(governance: Governance) -> None:
    """Tests that moves, overtime, expedites, dates, shipments and money become commitments."""
    table = commitments(changes(), governance, AT, currency="EUR", families={"A": "Cola"})
    by_function = table.groupby("function")["action"].apply(sorted).to_dict()
    assert by_function == {
        "customer_service": ["confirm", "redate", "reduce", "withdraw"],
        "demand_planning": ["carry_in_forecast"],
        "finance": ["book_effect", "provide"],
        "logistics": ["rebook_shipment"],
        "operations": ["book_overtime", "run_sequence", "run_sequence"],
        "procurement": ["expedite"],
    }
    assert (table["due_at"] >= AT).all()
    assert (table["owner_id"] != "").all()
    assert table["commitment_id"].is_unique
    said = table.set_index("action")["text"]
    assert said["redate"].startswith("Tell K2, order S2/1: new date Sun 29 Nov")
    assert "-1,640 EUR" in said["book_effect"]
    assert "Provide 3,000 EUR" in said["provide"]
    assert "500 of C1 with V1" in said["expedite"]


def test_one_item_of_one_supplier_is_one_commitment(governance: Governance) -> None:
    """Tests that its dates stand in one sentence, and another supplier is another commitment."""
    days = [AT + pd.Timedelta(days=days) for days in (9, 3, 3)]
    supplies = pd.DataFrame(
        {
            "purchase_no": [1, 2, 3],
            "action": "order",
            "po_id": "",
            "line_id": "",
            "item_id": ["C1", "C1", "C1"],
            "supplier_id": ["V1", "V1", "V2"],
            "qty": [100.0, 50.0, 7.0],
            "order_at": AT,
            "new_receipt_at": days,
            "old_receipt_date": pd.NaT,
            "cost": 0.0,
        }
    )
    table = commitments(replace(changes(), supplies=supplies), governance, AT)
    orders = table[table["action"] == "order"].set_index("object_id")
    first = f"50 by {days[1]:%a %d %b} and 100 by {days[0]:%a %d %b}"
    assert orders.loc["C1 V1", "text"] == f"Order 150 of C1 with V1: here in 2 parts, {first}"
    assert orders.loc["C1 V1", "quantity"] == 150
    assert orders.loc["C1 V2", "text"].startswith("Order 7 of C1 with V2: here by ")
    assert len(orders) == 2


def test_a_commitment_is_due_before_its_last_responsible_moment(governance: Governance) -> None:
    """Tests that what must be ordered in three hours is due then, what is overdue in an hour."""
    table = commitments(changes(), governance, AT).set_index("action")
    assert table.loc["expedite", "due_at"] == AT + pd.Timedelta(hours=3)
    late = commitments(changes(), governance, AT + pd.Timedelta(hours=5)).set_index("action")
    assert late.loc["expedite", "due_at"] == AT + pd.Timedelta(hours=6)


def test_no_change_asks_nothing_but_the_books(governance: Governance) -> None:
    """Tests that a schedule that changes nothing commits nobody."""
    full = changes()
    none = replace(
        full,
        **{
            name: getattr(full, name).iloc[:0]
            for name in ("moves", "confirmations", "supplies", "overtime", "shipments", "money")
        },
    )
    assert commitments(none, governance, AT).empty


def record() -> DecisionRecord:
    """A sealed record."""
    return DecisionRecord(
        cycle_id="2026-W48",
        snapshot_id="abc",
        params_hash="def",
        code_version="0.1.0",
        seed=1,
        as_of=str(AT),
        scenario_id="s2",
        scenario_name="overtime",
        reason="cheapest",
        selected_by="soe_lead",
        options=({"scenario": "do_nothing", "total_cost": 10.0},),
        result_hashes={"s0": "1", "s2": "2"},
        expected_kpis={"num_late_lines": 3.0},
    ).sealed()


def test_a_record_survives_writing_and_reading() -> None:
    """Tests that a sealed record reads back equal and intact."""
    assert read_record(record().as_json()) == record()


@pytest.mark.parametrize("old", ["overtime", "cheapest", "soe_lead", "3.0"])
def test_an_edited_record_is_refused(old: str) -> None:
    """Tests that any edit of a record breaks its seal."""
    text = record().as_json()
    assert old in text
    with pytest.raises(ValueError, match="hash does not fit"):
        read_record(text.replace(old, "9" + old if old[0].isdigit() else old + "x"))
    with pytest.raises(ValueError, match="not a decision record"):
        read_record("{}")


def test_replay_names_what_differs() -> None:
    """Tests that a replay with other bits names the scenario, and an equal one nothing."""
    assert differences(record(), {"s0": "1", "s2": "2"}).empty
    other = differences(record(), {"s0": "1", "s2": "3"})
    assert other["scenario_id"].tolist() == ["s2"]
    assert not np.isnan(record().expected_kpis["num_late_lines"])


def utc(*values: str | None) -> pd.Series:
    """Return instants."""
    return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[us, UTC]")


def test_the_reason_is_what_the_line_waits_for() -> None:
    """Tests one late line per reason, by the last supply that it is pegged to."""
    names = ["late lot", "waits", "late receipt", "not ordered", "nothing", "passed", "in time"]
    promises = pd.DataFrame(
        {
            "order_id": names,
            "line_id": "1",
            "is_covered": [name != "nothing" for name in names],
            "lateness_days": [1.0] * 6 + [-1.0],
            "due_at": utc(*["2026-11-25T12:00Z"] * 5, "2026-11-22T12:00Z", "2026-11-25T12:00Z"),
        }
    )
    pegging = pd.DataFrame(
        {
            "order_id": ["late lot", "late lot", "waits", "late receipt", "not ordered", "passed"],
            "line_id": "1",
            "supply_type": ["stock", "lot", "lot", "receipt", "purchase", "stock"],
            "supply_id": ["", "W1/1", "W2/1", "3", "", ""],
            "qty": 1.0,
            "available_at": utc(*["2026-11-23T05:00Z"], *["2026-11-26T05:00Z"] * 5),
        }
    )
    purchases = pd.DataFrame({"wo_id": ["W2"], "item_id": ["C"]})
    found = promise_reasons(promises, pegging, purchases, AT).set_index("order_id")["reason_code"]
    assert found.to_dict() == {
        "late lot": "capacity",
        "waits": "material",
        "late receipt": "supplier",
        "not ordered": "purchase",
        "nothing": "no_supply",
        "passed": "overdue",
    }
    assert set(found) <= set(REASON_WORDS)


def test_supplies_are_one_order_per_item_and_day() -> None:
    """Tests what is bought, made and pulled in, its quantity, supplier, price and last moment."""
    tables = {
        "item": table(
            "item",
            [{"item_id": "C", "supply_type": "buy"}, {"item_id": "M", "supply_type": "make"}],
        ),
        "purchase_order_line": table(
            "purchase_order_line",
            [
                {
                    "po_id": po,
                    "line_id": "1",
                    "supplier_id": supplier,
                    "item_id": "C",
                    "ordered_qty": 100.0,
                    "received_qty": 30.0,
                    "required_date": pd.Timestamp("2026-12-01"),
                    "status": "open",
                    "ordered_at": pd.Timestamp(ordered, tz="UTC"),
                }
                for po, supplier, ordered in (
                    ("P1", "V1", "2026-11-01"),
                    ("P2", "V2", "2026-11-09"),
                )
            ],
        ),
    }
    needed = pd.DataFrame(
        {
            "item_id": ["C", "C", "C", "M"],
            "qty": [10.0, 5.0, 7.0, 3.0],
            "order_at": utc(*["2026-11-23T05:00Z"] * 3, "2026-11-24T05:00Z"),
            "receipt_at": utc(
                "2026-11-30T06:00Z", "2026-11-30T09:00Z", "2026-12-02T06:00Z", "2026-11-25T06:00Z"
            ),
            "wo_id": ["W1", "W2", "W3", "W3"],
        }
    )
    pulled = pulled_rows(
        [
            Expedite(
                "P1", "1", "C", pd.Timestamp("2026-12-01"), pd.Timestamp("2026-11-27"), 250.0, AT
            )
        ]
    )
    found = supply_changes(needed, pulled, tables)
    bought = found[found["action"] == "order"]
    assert bought["qty"].tolist() == [15.0, 7.0]
    assert set(bought["supplier_id"]) == {"V2"}  # whom the item was ordered from last
    made = found[found["action"] == "make"]
    assert made[["item_id", "qty", "supplier_id"]].to_numpy().tolist() == [["M", 3.0, ""]]
    expedited = found[found["action"] == "expedite"].iloc[0]
    assert (expedited["qty"], expedited["cost"]) == (70.0, 250.0)
    assert expedited["old_receipt_date"] == pd.Timestamp("2026-12-01")
    assert found["purchase_no"].tolist() == [1, 2, 3, 4]
    assert supply_changes(needed.iloc[:0], pulled.iloc[:0], tables).empty


def test_shipments_that_would_leave_without_their_goods() -> None:
    """Tests that a planned departure before the goods are ready is listed, others are not."""
    rows = [
        ("F1", "S1", "planned", "2026-11-24T12:00Z"),  # goods are ready on Thursday
        ("F2", "S2", "planned", "2026-11-27T12:00Z"),  # ready before
        ("F3", "S3", "cancelled", "2026-11-24T12:00Z"),
        ("F4", "S4", "planned", "2026-11-24T12:00Z"),  # never ready in the horizon
    ]
    tables = {
        "shipment": table(
            "shipment",
            [
                {
                    "shipment_id": name,
                    "order_id": order,
                    "line_id": "1",
                    "status": status,
                    "planned_departure_at": pd.Timestamp(leaves),
                }
                for name, order, status, leaves in rows
            ],
        )
    }
    promises = pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S3", "S4"],
            "line_id": "1",
            "promised_at": utc(*["2026-11-26T06:00Z"] * 3, None),
        }
    )
    found = shipments_too_early(promises, tables, AT)
    assert found["shipment_id"].tolist() == ["F1", "F4"]


def test_what_goes_up_to_sop(governance: Governance) -> None:
    """Tests that money and a family's month beyond the limits are raised, within them not."""
    tables = {
        "item": table("item", [{"item_id": "A", "family_id": "Cola"}]),
        "sales_order_line": order_lines(),
        "sop_plan": table(
            "sop_plan",
            [
                {
                    "plan_version": "V1",
                    "approved_at": AT - pd.Timedelta(days=20),
                    "family_id": "Cola",
                    "site_id": "P",
                    "plan_month": pd.Timestamp("2026-11-01"),
                    "measure": "demand",
                    "planned_qty": 1000.0,
                }
            ],
        ),
    }
    short = family_shortfalls(PROMISES, tables, AT)
    # S3 is 40 short, S4 has no date; S2 moves within November
    assert short[["family_id", "short_qty", "short_pct"]].to_numpy().tolist() == [
        ["Cola", 140.0, 14.0]
    ]
    raised = escalations(5000.0, short, governance, "EUR")
    assert raised["subject"].tolist() == ["family_plan"]
    assert "Cola misses 14 % of its plan of November" in raised["sentence"].iloc[0]
    both = escalations(200_000.0, short, governance, "EUR")
    assert both["subject"].tolist() == ["money_at_risk", "family_plan"]
    assert set(both["accepted_by"]) == {"sop_owner"}
    assert escalations(0.0, short.assign(short_pct=3.0), governance).empty


def test_only_decided_moves_are_approved_with_the_tiers_they_serve() -> None:
    """Tests that a shift needs nobody and that a lot carries the tiers of its order lines."""
    moves = pd.DataFrame(
        {
            "wo_id": ["W1", "W2", "W3"],
            "split_no": 1,
            "zone": "slushy",
            "change_cost": [30.0, 0.0, 30.0],
        }
    )
    pegging = pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S2"],
            "line_id": "1",
            "supply_type": "lot",
            "supply_id": ["W1/1", "W1/1", "W2/1"],
        }
    )
    orders = pd.DataFrame({"order_id": ["S1", "S2"], "line_id": "1", "customer_tier": ["C", "A"]})
    found = moves_to_approve(moves, pegging, orders).set_index("wo_id")["customer_tiers"]
    assert found.to_dict() == {"W1": "A,C", "W3": ""}
