"""Each lever on a plant where the right answer is known by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.scenario.catalogue import CATALOGUE, scenarios
from soe_lib.scenario.compare import compare
from soe_lib.scenario.context import Context
from soe_lib.scenario.evaluate import evaluate, evaluate_all
from soe_lib.scenario.levers import Expedite, Overtime, Split
from soe_lib.scenario.result import Result, start_of
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, context


def computed(plant_context: Context, name: str) -> tuple[Result, Result]:
    """Return doing nothing and one scenario, both verified."""
    start = start_of(plant_context)
    return start.nothing, evaluate(CATALOGUE[name], start, [start.nothing])


def urgent_behind_another() -> Plant:
    """The job of Thursday is for stock, the job of Friday is due on Thursday."""
    return (
        Plant()
        .item("A", routed_on=("L1", "L2"))
        .item("B", routed_on=("L1", "L2"))
        .work("W1", "B", 8, THURSDAY)
        .work("W2", "A", 8, FRIDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
    )


def test_doing_nothing_changes_nothing() -> None:
    """Tests that scenario 0 has no move, no lever and no difference, and is one day late."""
    start = start_of(context(urgent_behind_another()))
    nothing = start.nothing
    assert nothing.moves.empty
    assert nothing.levers == ()
    assert nothing.violations.empty
    assert nothing.measures["num_late_lines"] == 1
    assert nothing.measures["late_cost"] == pytest.approx(1000.0)
    rows = compare([nothing])
    deltas = [name for name in rows if name.startswith("delta_")]
    assert (rows.loc[0, deltas] == 0).all()
    assert rows.loc[0, "is_recommended"]


def test_resequencing_brings_the_urgent_job_forward() -> None:
    """Tests that the swap is found, counted as one move and priced by its zone."""
    nothing, found = computed(context(urgent_behind_another()), "resequence")
    assert found.measures["num_late_lines"] == 0
    assert found.measures["num_moves"] == 1
    assert found.measures["change_cost"] == 30.0  # one operation of the slushy zone
    assert found.measures["overtime_cost"] == 0
    assert found.violations.empty
    lots = found.schedule.operations.set_index("wo_id")
    assert lots.loc["W2", "start_at"] == THURSDAY
    assert (lots["resource_id"] == "L1").all()
    assert found.total_cost < nothing.total_cost


def test_the_other_line_takes_the_urgent_job() -> None:
    """Tests that of two jobs due on the same day one moves to the line that is idle."""
    plant = (
        Plant()
        .item("A", routed_on=("L1", "L2"))
        .item("B", routed_on=("L1", "L2"))
        .work("W1", "B", 8, THURSDAY, release_at=THURSDAY)
        .work("W2", "A", 8, FRIDAY, release_at=THURSDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
        .order("S2", "B", 480, THURSDAY + 8 * HOUR)
    )
    assert computed(context(plant), "resequence")[1].measures["num_late_lines"] == 1
    _, found = computed(context(plant), "alternate_line")
    assert found.measures["num_late_lines"] == 0
    assert sorted(found.schedule.operations["resource_id"]) == ["L1", "L2"]
    assert found.moves["change"].tolist().count("rerouted") == 1


def long_job() -> Plant:
    """Twenty hours from Thursday, due on Saturday; another line works for nobody in a hurry."""
    return (
        Plant()
        .item("A")
        .item("B", routed_on=("L2",))
        .work("W1", "A", 20, THURSDAY, release_at=THURSDAY)
        .work("W2", "B", 20, THURSDAY, line="L2")
        .order("S1", "A", 1200, FRIDAY + 24 * HOUR + 4 * HOUR)
    )


def test_overtime_is_paid_by_the_hour_that_is_worked() -> None:
    """Tests that four hours of Saturday are booked and paid, and none where nothing is late."""
    nothing, found = computed(context(long_job()), "overtime")
    assert nothing.measures["late_cost"] == pytest.approx(2000.0)  # Monday 10:00, two days late
    assert found.measures["num_late_lines"] == 0
    assert found.measures["overtime_hours"] == pytest.approx(4.0)
    assert found.measures["overtime_cost"] == pytest.approx(4 * 90.0)
    assert {lever.resource_id for lever in found.levers if isinstance(lever, Overtime)} == {"L1"}
    assert found.pulled["cost"].sum() == pytest.approx(360.0)


def test_the_crew_comes_with_the_overtime() -> None:
    """Tests that a roster of the regular shifts does not keep people from booked overtime."""
    plant = long_job()
    for row in plant.rows["routing_alternate"]:
        row.update(skill_code="CREW", labour_count=2.0)
    plant.rows["labour_availability"] = [
        {
            "site_id": "P",
            "labour_date": (AS_OF.normalize() + day * 24 * HOUR).tz_localize(None),
            "shift_code": "E",
            "skill_code": "CREW",
            "planned_headcount": 4.0,
            "start_at": AS_OF.normalize() + (24 * day + 6) * HOUR,
            "end_at": AS_OF.normalize() + (24 * day + 14) * HOUR,
        }
        for day in range(5)
    ]
    nothing, found = computed(context(plant), "overtime")
    assert nothing.measures["num_late_lines"] == 1
    assert found.measures["num_late_lines"] == 0
    assert found.measures["overtime_hours"] == pytest.approx(4.0)
    assert found.violations.empty
    labour = found.problem.labour
    saturday = (AS_OF.normalize() + 126 * HOUR - AS_OF).total_seconds() / 60
    there = (labour.begin <= saturday) & (labour.end > saturday)
    assert labour.heads[there].tolist() == [2.0]
    assert not (nothing.problem.labour.begin == saturday).any()


def test_overtime_that_does_not_pay_is_let_go() -> None:
    """Tests that a cheap delay is left as it is, and the scenario says whose schedule it has."""
    plant = long_job()
    plant.rows["customer_terms"][0]["penalty_amount"] = 20.0
    nothing, found = computed(context(plant), "overtime")
    assert found.measures["overtime_cost"] == 0
    assert found.levers == ()
    assert found.total_cost == nothing.total_cost
    assert found.same_as == "Do nothing"


def waiting_for_material(cost: float = 200.0) -> Plant:
    """A job waits for a component until Monday; its order is due on Friday."""
    return (
        Plant()
        .item("A")
        .component("C", "A")
        .work("W1", "A", 4, THURSDAY)
        .order("S1", "A", 240, FRIDAY + 8 * HOUR)
        .purchase(
            "P1", "C", 240, "2026-11-30",
            is_expedite_possible=True, expedite_cost=cost, expedite_days=4.0,
        )
        .purchase(
            "P2", "C", 500, "2026-12-21",
            is_expedite_possible=True, expedite_cost=1.0, expedite_days=4.0,
        )
    )  # fmt: skip


def test_an_expedite_is_in_the_total_and_only_what_is_awaited_is_pulled() -> None:
    """Tests that the awaited line is pulled in at its price and the later line is not."""
    nothing, found = computed(context(waiting_for_material()), "expedite")
    assert nothing.measures["late_cost"] > 3000
    assert found.measures["late_cost"] == 0
    assert found.measures["expedite_cost"] == 200.0
    assert found.total_cost >= 200.0
    assert [lever.po_id for lever in found.levers if isinstance(lever, Expedite)] == ["P1"]
    row = found.pulled.iloc[0]
    assert (row["old_value"], row["new_value"]) == ("2026-11-30", "2026-11-26")
    assert AS_OF <= row["act_by_at"] < pd.Timestamp("2026-11-26T00:00Z")


def test_an_expedite_dearer_than_the_delay_is_not_pulled() -> None:
    """Tests that an expedite of 9000 against a delay of some 3000 stays undone."""
    nothing, found = computed(context(waiting_for_material(9000.0)), "expedite")
    assert found.measures["expedite_cost"] == 0
    assert found.total_cost == nothing.total_cost


def test_a_split_lot_ships_its_first_half_in_time() -> None:
    """Tests that sixteen hours for two orders are cut so that each half is there when due."""
    plant = (
        Plant()
        .item("A", lot_multiple_qty=60.0)
        .work("W1", "A", 16, THURSDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
        .order("S2", "A", 480, FRIDAY + 8 * HOUR)
    )
    nothing, found = computed(context(plant), "split")
    assert nothing.measures["num_late_lines"] == 1
    assert found.measures["num_late_lines"] == 0
    cut = [lever for lever in found.levers if isinstance(lever, Split)]
    assert [(lever.first_qty, lever.second_qty) for lever in cut] == [(480.0, 480.0)]
    assert found.schedule.operations["planned_qty"].sum() == 960
    assert set(found.moves["change"]) == {"resized", "added"}
    assert found.violations.empty


def test_a_lot_below_twice_its_minimum_is_not_split() -> None:
    """Tests that parts keep the item's lot minimum."""
    plant = (
        Plant()
        .item("A", lot_min_qty=600.0)
        .work("W1", "A", 16, THURSDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
    )
    assert computed(context(plant), "split")[1].levers == ()


def test_whoever_waits_is_charged_in_full() -> None:
    """Tests that delaying a low tier lowers no price: the clause counts, not the search weight."""
    plant = (
        Plant(lines=("L1",))
        .item("A")
        .item("B")
        .work("W1", "A", 8, THURSDAY)
        .work("W2", "B", 8, FRIDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR, customer_id="K9", per_day=100.0, tier="D")
        .order("S2", "B", 480, THURSDAY + 8 * HOUR, customer_id="K1", per_day=1000.0, tier="A")
    )
    nothing, found = computed(context(plant), "delay_low_priority")
    assert nothing.measures["late_cost"] == pytest.approx(1000.0)
    late = found.orders.set_index("order_id")["late_cost"]
    assert late["S2"] == 0
    assert late["S1"] == pytest.approx(100.0)
    assert found.measures["late_cost"] == pytest.approx(100.0)


def test_few_moves_leaves_what_saves_little() -> None:
    """Tests that a move of price 30 that saves 75 is made, but not where it must save 3 times."""
    plant = urgent_behind_another()
    plant.rows["customer_terms"][0]["penalty_amount"] = 75.0
    assert computed(context(plant), "resequence")[1].measures["num_moves"] == 1
    nothing, found = computed(context(plant), "minimal_change")
    assert found.measures["num_moves"] == 0
    assert found.total_cost == nothing.total_cost


def test_what_is_pulled_into_the_frozen_zone_is_named_and_priced() -> None:
    """Tests that the price of the frozen zone is charged once work is pulled into it."""
    plant = (
        Plant()
        .item("A")
        .item("B")
        .work("W1", "B", 8, THURSDAY)
        .work("W2", "A", 8, FRIDAY)
        .order("S1", "A", 480, AS_OF + 33 * HOUR, per_day=5000.0)  # Tuesday 14:00
    )
    _, found = computed(context(plant), "resequence")
    moved = found.moves[found.moves["change_cost"] > 0]
    assert moved["wo_id"].tolist() == ["W2"]
    assert moved["zone"].tolist() == ["frozen"]
    assert found.measures["num_moves_frozen"] == 1
    assert found.measures["change_cost"] == 150.0


def test_a_policy_of_the_feed_sets_the_fence() -> None:
    """Tests that the resource's own fence comes before the parameters and names its approver."""
    plant = urgent_behind_another().add(
        "fence_policy",
        scope_type="resource",
        scope_id="L1",
        frozen_days=5.0,
        slushy_days=2.0,
        approver_role="plant manager",
    )
    _, found = computed(context(plant), "resequence")
    moved = found.moves[found.moves["change_cost"] > 0]
    assert moved["zone"].tolist() == ["frozen"]
    assert moved["fence_approver_role"].tolist() == ["plant manager"]


def test_levers_together_are_never_dearer_than_one() -> None:
    """Tests that all levers cost no more than each, and a further lever never costs more."""
    plant = long_job().component("C", "A").purchase("P1", "C", 1200, "2026-11-24")
    ground = context(plant)
    wanted = scenarios(("resequence", "alternate_line", "overtime", "expedite", "best_of_all"))
    results = evaluate_all(wanted, start_of(ground))
    total = {result.scenario.name: result.total_cost for result in results}
    assert total["best_of_all"] <= min(total.values()) + 0.01
    assert total["overtime"] <= total["resequence"] + 0.01
    assert total["resequence"] <= total["do_nothing"] + 0.01
