"""An order that is put in: the earliest date, whom it displaces, and taken away without a trace."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from soe_lib.decision.governance import approvals_needed, load_governance, moves_to_approve
from soe_lib.params import FenceParams
from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.custom import Choice, evaluate_choice
from soe_lib.scenario.identity import tables_hash
from soe_lib.scenario.lever_specs import lever_of, spec_of
from soe_lib.scenario.levers import RushOrder
from soe_lib.scenario.pressure import pressure_of
from soe_lib.scenario.result import Result, Start, start_of
from soe_lib.scenario.rush_work import planned
from soe_lib.schedule import verify
from tests.conftest import ROOT
from tests.tiny_plant import FRIDAY, HOUR, THURSDAY, Plant, context

DAY = 24 * HOUR


def two_jobs() -> Plant:
    """Thursday and Friday are full with a job each; the second is due at the end of Friday."""
    return (
        Plant(lines=("L1",))
        .item("A")
        .item("B")
        .work("W1", "B", 8, THURSDAY)
        .work("W2", "B", 8, FRIDAY)
        .order("S1", "B", 480, THURSDAY + 8 * HOUR)
        .order("S2", "B", 480, FRIDAY + 8 * HOUR, customer_id="K2", tier="B", per_day=100.0)
    )


def rush(policy: str = "cheapest", *, margin: float = 5.0, qty: float = 480.0) -> RushOrder:
    """A day's work of A, wanted on Thursday by a customer of the feed."""
    day = THURSDAY.tz_localize(None).normalize()
    return RushOrder("RUSH", "A", qty, day, "K1", 10.0, margin, policy)


def with_rush(start: Start, lever: RushOrder) -> Result:
    """Return the scenario 'put the order in', nothing else changed."""
    return evaluate_choice(Choice("Rush", (), typed=(lever,)), "live_01", start)


@pytest.fixture(scope="module")
def start() -> Start:
    """Doing nothing on the two jobs."""
    return start_of(context(two_jobs()))


def test_earliest_date_and_who_waits_for_it(start: Start) -> None:
    """Tests that the order takes Thursday, and both jobs come one working day later."""
    found = with_rush(start, rush("earliest"))
    quotes = found.rush.set_index("policy")
    assert quotes.loc["earliest", "promised_at"] == THURSDAY + 8 * HOUR
    assert quotes.loc["earliest", "days_after_wanted"] == 0
    assert quotes["is_taken"].tolist() == [False, False, True]
    rows = found.displaced.set_index("order_id")
    assert rows.loc["S1", "moved_days"] == pytest.approx(1.0)
    assert rows.loc["S1", "cost_change"] == pytest.approx(1000.0)
    assert rows.loc["S2", "moved_days"] == pytest.approx(3.0)  # over the weekend
    assert rows.loc["S2", "cost_change"] == pytest.approx(300.0)
    assert rows["is_newly_late"].all()
    assert found.violations.empty


def test_nobody_late_puts_it_behind_both(start: Start) -> None:
    """Tests that the harmless place is Monday, at its whole margin but for what it costs itself."""
    found = with_rush(start, rush("nobody late"))
    quotes = found.rush.set_index("policy")
    assert quotes.loc["nobody late", "promised_at"] == FRIDAY + 3 * DAY + 8 * HOUR
    assert quotes.loc["nobody late", "num_later"] == 0
    assert found.displaced.empty
    assert quotes.loc["nobody late", "margin"] == 480 * 5.0
    assert quotes.loc["nobody late", "net_margin"] == pytest.approx(
        2370.0
    )  # one more operation in the slushy zone


def test_what_it_costs_others_adds_up(start: Start) -> None:
    """Tests that the rows of who is hurt sum to the change of the whole schedule (M13)."""
    found = with_rush(start, rush("earliest"))
    change = found.measures["late_cost"] - start.nothing.measures["late_cost"]
    assert found.displaced["cost_change"].sum() == pytest.approx(change)
    quote = found.rush.set_index("policy").loc["earliest"]
    assert quote["others_late_cost"] == pytest.approx(change)
    parts = quote["margin"] - quote["others_late_cost"] - quote["other_cost"]
    assert quote["net_margin"] == pytest.approx(parts)
    saved = start.nothing.total_cost - found.total_cost
    assert quote["net_margin"] == pytest.approx(saved)


def test_the_cheapest_place_counts_the_wait_of_the_order_itself(start: Start) -> None:
    """Tests that somebody new, at 1 % of 4,800 a day, waits four days sooner than others pay."""
    new = with_rush(start, replace(rush("cheapest"), customer_id=""))
    assert new.rush.set_index("policy").loc["cheapest", "days_after_wanted"] == 4.0
    dear = with_rush(
        start, rush("cheapest")
    )  # 1,000 a day: 1,300 for the others is less than 4,000
    assert dear.rush.set_index("policy").loc["cheapest", "days_after_wanted"] <= 1.0


def test_breaking_the_fence_is_named_priced_and_needs_its_approver() -> None:
    """Tests that an order inside the frozen zone is there sooner, at a price that is approved."""
    own = context(two_jobs())
    fences = FenceParams(frozen_days=9.0, slushy_days=5.0)
    params = own.params.model_copy(update={"fences": fences})
    frozen = start_of(replace(own, params=params))
    behind = with_rush(frozen, rush("earliest"))
    inside = with_rush(frozen, replace(rush("earliest"), break_fence=True))
    at = [one.rush.set_index("policy").loc["earliest", "promised_at"] for one in (behind, inside)]
    assert at[1] == THURSDAY - 3 * DAY + 8 * HOUR < at[0]
    assert inside.violations.empty
    added = inside.moves[inside.moves["change"] == "added"]
    assert added["zone"].tolist() == ["frozen"]
    price = frozen.context.params.money.change_cost_frozen
    assert inside.measures["change_cost"] == pytest.approx(price)
    assert behind.measures["change_cost"] < price
    assert "may begin inside the frozen zone" in inside.pulled["new_value"].iloc[0]
    asked = pressure_of(inside, frozen.context).rows
    said = asked.loc[asked["subject"] == "fences", "question"].tolist()
    assert said == ["May RUSH-1/10/1 be added although it is frozen?"]
    changes = moves_to_approve(inside.moves, inside.schedule.pegging, inside.orders)
    needed = approvals_needed(changes, load_governance(ROOT / "params" / "governance.yaml"))
    assert needed[["zone", "approver_role", "num_changes"]].values.tolist() == [
        ["frozen", "soe_lead", 1]
    ]
    assert "cost of change 150" in needed["reason"].iloc[0]


def test_taken_away_the_plan_is_as_it_was(start: Start) -> None:
    """Tests that nothing of the order stays: tables, problem and schedule are equal bit for bit."""
    before = tables_hash(dict(start.context.tables))
    with_rush(start, rush("earliest"))
    assert tables_hash(dict(start.context.tables)) == before
    again = start_of(start.context)
    for name in ("operations", "promises", "pegging", "purchases"):
        old, new = getattr(start.do_nothing, name), getattr(again.do_nothing, name)
        pd.testing.assert_frame_equal(old, new, check_exact=True)


def test_stock_and_spare_work_are_used_before_new_work_is_made() -> None:
    """Tests that of 100 pieces 60 come from stock, and lots are whole multiples."""
    plant = two_jobs()
    plant.rows["item"][0] |= {"lot_multiple_qty": 50.0}
    plant.add(
        "inventory_balance",
        item_id="A",
        location_id="F",
        balance_at=THURSDAY - 96 * HOUR,
        on_hand_qty=60.0,
    )
    start = start_of(context(plant))
    assert planned(rush(qty=100.0), start).lots == (("A", 50.0),)
    assert planned(rush(qty=60.0), start).lots == ()


def test_components_made_in_house_are_made_too() -> None:
    """Tests that work is made through the levels, and the order waits for it."""
    plant = two_jobs().item("C")
    plant.add("bom_component", parent_item_id="A", component_item_id="C", qty_per=0.5)
    start = start_of(context(plant))
    lever = planned(rush("nobody late"), start)
    assert lever.lots == (("A", 480.0), ("C", 240.0))
    found = with_rush(start, rush("nobody late"))
    operations = found.schedule.operations.set_index("wo_id")
    assert operations.loc["RUSH-2", "end_at"] <= operations.loc["RUSH-1", "start_at"]
    assert found.violations.empty


def test_the_lever_survives_as_text_and_the_schedule_verifies(start: Start) -> None:
    """Tests that the problem is built again from the lever's text, and the schedule fits it."""
    found = with_rush(start, rush("nobody late"))
    levers = [lever_of(spec_of(lever)) for lever in found.levers]
    assert levers == list(found.levers)
    assert verify(problem_with(start.context, levers), found.schedule).empty


def test_impossible_orders_are_refused(start: Start) -> None:
    """Tests the sentences for what cannot be put in."""
    with pytest.raises(ValueError, match="wanted between today"):
        with_rush(start, replace(rush(), wanted_date=pd.Timestamp("2026-11-01")))
    with pytest.raises(ValueError, match="no item 'Z'"):
        with_rush(start, replace(rush(), item_id="Z"))
    with pytest.raises(ValueError, match="already has an order 'S1'"):
        with_rush(start, replace(rush(), order_id="S1"))
    with pytest.raises(ValueError, match="quantity: 0 is not possible"):
        replace(rush(), qty=0.0)
