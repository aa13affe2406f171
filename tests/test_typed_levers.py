"""Levers that are typed, each on a plant where the answer is known by hand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.compare import compare
from soe_lib.scenario.custom import Choice, evaluate_choice
from soe_lib.scenario.lever_specs import lever_of, spec_of
from soe_lib.scenario.levers import Allocation, Lever, PremiumFreight, Subcontract
from soe_lib.scenario.result import Result, Start, start_of
from soe_lib.schedule import verify
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, context

UNTIL = AS_OF + 12 * HOUR


def pulled(start: Start, *levers: Lever) -> Result:
    """Return the scenario with typed levers alone."""
    return evaluate_choice(Choice("Typed", (), typed=levers), "live_01", start)  # type: ignore[arg-type]


def behind_another() -> Plant:
    """W1 fills Thursday, W2 Friday; the order of W2 is due on Thursday: a day late, 1,000."""
    return (
        Plant(lines=("L1",))
        .item("A")
        .item("B")
        .work("W1", "B", 8, THURSDAY)
        .work("W2", "A", 8, FRIDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
    )


def outside(cost: float) -> Subcontract:
    """W2 made outside, back on Wednesday."""
    back = pd.Timestamp("2026-11-25")
    return Subcontract("W2", "A", 480.0, back, cost, UNTIL)


def test_a_subcontractor_takes_the_work_away_and_brings_the_goods() -> None:
    """Tests that the line is free, the order in time, and the price paid."""
    start = start_of(context(behind_another()))
    found = pulled(start, outside(300.0))
    assert found.violations.empty
    assert found.schedule.operations["wo_id"].tolist() == ["W1"]
    assert found.measures["num_late_lines"] == 0
    assert found.measures["expedite_cost"] == 300.0
    assert found.moves.set_index("wo_id").loc["W2", "change"] == "removed"
    assert found.pulled["act_by_at"].tolist() == [UNTIL]


def test_what_is_typed_is_shown_though_it_does_not_pay() -> None:
    """Tests that a dear subcontractor costs what it costs, also where the search may move work."""
    start = start_of(context(behind_another()))
    choice = Choice("Dear", ("resequence",), typed=(outside(5000.0),))
    found = evaluate_choice(choice, "live_01", start)
    assert found.measures["expedite_cost"] == 5000.0
    assert found.total_cost > start.nothing.total_cost
    assert found.violations.empty


def test_work_that_has_begun_stays() -> None:
    """Tests that begun or unknown work cannot be given away."""
    plant = behind_another()
    plant.rows["work_order"][1]["started_at"] = AS_OF - HOUR
    with pytest.raises(ValueError, match="has begun"):
        pulled(start_of(context(plant)), outside(1.0))
    start = start_of(context(behind_another()))
    with pytest.raises(ValueError, match="no open work order 'W9'"):
        pulled(start, replace(outside(1.0), wo_id="W9"))
    with pytest.raises(ValueError, match="before the goods are back"):
        replace(outside(1.0), act_by_at=FRIDAY + 240 * HOUR)


def travelling() -> Plant:
    """The order of W2 travels a day, so its goods must leave on Wednesday's last minute."""
    plant = behind_another()
    plant.rows["sales_order_line"][0] |= {"due_at": None, "transit_days": 1.0}
    return plant


def test_premium_freight_gives_the_goods_another_day() -> None:
    """Tests that a day less on the road is a day less late, at the price of the lever."""
    start = start_of(context(travelling()))
    before = start.nothing.orders.iloc[0]["lateness_days"]
    found = pulled(start, PremiumFreight("S1", "1", "A", 1.0, 120.0, UNTIL))
    assert found.orders.iloc[0]["lateness_days"] == pytest.approx(before - 1.0)
    assert found.measures["expedite_cost"] == 120.0
    assert found.violations.empty
    with pytest.raises(ValueError, match="travels 1 days; 2 cannot be saved"):
        pulled(start, PremiumFreight("S1", "1", "A", 2.0, 120.0, UNTIL))


def scarce() -> Plant:
    """480 pieces on stock for three orders of 480, all due on Thursday."""
    plant = Plant(lines=("L1",)).item("A")
    due = THURSDAY + 8 * HOUR
    plant.order("S1", "A", 480, due, customer_id="K1", tier="A", per_day=10.0)
    plant.order("S2", "A", 480, due, customer_id="K2", tier="B", per_day=500.0)
    plant.order("S3", "A", 480, due - 24 * HOUR, customer_id="K1", tier="A", per_day=10.0)
    plant.rows["sales_order_line"][1]["margin_per_unit"] = 9.0
    plant.work("W1", "A", 8, THURSDAY).work("W2", "A", 8, FRIDAY)
    return plant.add(
        "inventory_balance",
        item_id="A",
        location_id="F",
        balance_at=AS_OF - HOUR,
        on_hand_qty=480.0,
    )


@pytest.mark.parametrize(
    ("rule", "first"),
    [("customer tier", "S1"), ("margin", "S2"), ("due date", "S3"), ("fair share", "S3")],
)
def test_a_rule_says_who_is_served_first(rule: str, first: str) -> None:
    """Tests the line that each rule ranks first, and that prices stay as they are."""
    base = start_of(context(scarce())).problem
    problem = problem_with(context(scarce()), [Allocation(rule)])
    place = [order for order, _ in problem.demand_keys].index(first)
    tier_a = {order for order, _ in problem.demand_keys} - {"S2"}
    if rule == "customer tier":
        ranked = {
            order: rank
            for (order, _), rank in zip(problem.demand_keys, problem.demand_rank, strict=True)
        }
        assert max(ranked[order] for order in tier_a) < ranked["S2"]
    else:
        assert problem.demand_rank[place] == 0
    assert (problem.demand_weight == base.demand_weight).all()


def test_customers_take_turns() -> None:
    """Tests that the second line of a customer waits for the first of every other one."""
    problem = problem_with(context(scarce()), [Allocation("fair share")])
    rank = {
        order: int(r)
        for (order, _), r in zip(problem.demand_keys, problem.demand_rank, strict=True)
    }
    assert rank == {"S3": 0, "S2": 1, "S1": 2}
    with pytest.raises(ValueError, match="unknown rule of allocation"):
        Allocation("by lot")


@pytest.mark.parametrize(
    "lever",
    [outside(300.0), PremiumFreight("S1", "1", "A", 1.0, 5.0, UNTIL), Allocation("margin")],
)
def test_typed_levers_survive_as_text(lever: Lever) -> None:
    """Tests that the problem of the text is the problem of the lever."""
    start = start_of(context(travelling()))
    again = lever_of(spec_of(lever))
    assert again == lever
    found = pulled(start, lever)
    assert verify(problem_with(start.context, [again]), found.schedule).empty


def test_an_inquiry_is_never_recommended() -> None:
    """Tests that a scenario with an order put in is another question than the cheapest plan."""
    start = start_of(context(behind_another()))
    found = pulled(start, outside(300.0))
    rush = replace(found, scenario=replace(found.scenario, levers=("rush order",)))
    rush = replace(rush, measures={**found.measures, "total_cost": -1.0})
    rows = compare([start.nothing, rush])
    assert rows["status"].tolist() == ["recommended", "inquiry"]
    assert not rows["is_dominated"].any()
    assert "entered in the ERP" in rows["reason"].iloc[1]
