"""Scenarios: invariants on any plant, rejection, comparison, capacity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.scenario import evaluate as evaluate_module
from soe_lib.scenario.capacity import capacity_effect
from soe_lib.scenario.catalogue import CATALOGUE, Scenario, scenarios
from soe_lib.scenario.compare import compare, cost_terms
from soe_lib.scenario.costs import TERMS
from soe_lib.scenario.evaluate import evaluate, evaluate_all
from soe_lib.scenario.floor import with_promised_date, working_pieces
from soe_lib.scenario.result import NOT_VERIFIED, Result, measured, start_of
from soe_lib.scenario.result_tables import SHAPES, result_tables
from soe_lib.schedule import Problem, Schedule, dispatch
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, context

DAY = 24 * HOUR

JOBS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        st.integers(1, 10),  # hours of work
        st.integers(0, 6),  # days from Monday to the published start
        st.integers(0, 8),  # days from Monday to the due instant
        st.sampled_from([50.0, 400.0, 3000.0]),  # cost of a day late
        st.sampled_from(["A", "B", "D"]),  # tier
    ),
    min_size=1,
    max_size=7,
)


def plant_of(jobs: list[tuple[str, int, int, int, float, str]]) -> Plant:
    """Return a plant with a work order and an order line for each job."""
    plant = Plant()
    for item in ("A", "B", "C"):
        plant.item(item, routed_on=("L1", "L2"), setup_family=f"F{item}")
    for before in ("FA", "FB", "FC"):
        for after in ("FA", "FB", "FC"):
            minutes = 0.0 if before == after else 30.0
            plant.add(
                "setup_matrix",
                resource_group="*",
                from_setup_family=before,
                to_setup_family=after,
                setup_minutes=minutes,
                setup_cost=10.0,
            )
    for number, (item, hours, begins, due, per_day, tier) in enumerate(jobs):
        plant.work(f"W{number}", item, hours, AS_OF.normalize() + begins * DAY + 6 * HOUR)
        plant.order(
            f"S{number}",
            item,
            hours * 60.0,
            AS_OF.normalize() + due * DAY + 14 * HOUR,
            customer_id=f"K{number}",
            per_day=per_day,
            tier=tier,
        )
    return plant


@settings(max_examples=4)
@given(JOBS)
def test_money_adds_up_and_no_scenario_breaks_a_rule(
    jobs: list[tuple[str, int, int, int, float, str]],
) -> None:
    """Tests that terms sum to the total, all schedules verify and levers cost at most nothing."""
    names = ("edd_dispatch", "alternate_line", "overtime")
    results = evaluate_all(scenarios(names), start_of(context(plant_of(jobs))))
    for result in results:
        assert result.violations.empty, result.violations
        terms = sum(result.measures[term] for term in TERMS)
        assert result.total_cost == pytest.approx(terms)
        assert result.measures["late_cost"] == pytest.approx(result.orders["late_cost"].sum())
        assert result.measures["num_late_lines"] == result.orders["is_late"].sum()
    nothing, _, other_line, longer = results
    assert nothing.moves.empty
    assert other_line.total_cost <= nothing.total_cost + 0.01
    assert longer.total_cost <= nothing.total_cost + 0.01
    rows = compare(results)
    assert rows["is_recommended"].sum() == 1
    best = rows[rows["is_recommended"]].iloc[0]
    assert best["total_cost"] == pytest.approx(rows["total_cost"].min())
    costs = cost_terms(rows)
    assert costs.groupby("scenario")["cost"].sum().to_dict() == pytest.approx(
        rows.set_index("scenario")["total_cost"].to_dict()
    )


def test_the_same_inputs_give_the_same_tables() -> None:
    """Tests that two computations of the standard set agree in every table."""
    jobs = [("A", 8, 3, 3, 400.0, "A"), ("B", 8, 3, 4, 3000.0, "B"), ("C", 6, 4, 3, 50.0, "D")]
    ground = context(plant_of(jobs))
    wanted = scenarios(("resequence", "minimal_change"))
    first, second = (
        result_tables(evaluate_all(wanted, start_of(ground)), ground) for _ in range(2)
    )
    for name, rows in first.items():
        pd.testing.assert_frame_equal(rows, second[name])


def two_jobs() -> Plant:
    """Two jobs of a day each, the second is due first."""
    return plant_of([("A", 8, 3, 4, 400.0, "A"), ("B", 8, 4, 3, 3000.0, "A")])


def impossible(problem: Problem, rule: str = "edd") -> Schedule:
    """Return a schedule in which everything runs at once, before anything is late."""
    schedule = dispatch(problem, "edd")
    operations = schedule.operations.assign(
        resource_id="L1",
        setup_start_at=AS_OF + HOUR,
        start_at=AS_OF + HOUR,
        end_at=AS_OF + HOUR + pd.to_timedelta(schedule.operations["run_minutes"], unit="min"),
    )
    promises = schedule.promises.assign(lateness_days=-1.0, late_cost=0.0)
    return replace(schedule, operations=operations, promises=promises)


def test_a_scenario_that_breaks_a_rule_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that the cheapest schedule is not recommended when the checker finds violations."""
    monkeypatch.setattr(evaluate_module, "dispatch", impossible)
    ground = context(two_jobs())
    results = evaluate_all(scenarios(("edd_dispatch",)), start_of(ground))
    rows = compare(results).set_index("scenario")
    assert rows.loc["edd_dispatch", "total_cost"] < rows.loc["do_nothing", "total_cost"]
    assert rows.loc["edd_dispatch", "is_rejected"]
    assert rows.loc["edd_dispatch", "status"] == "rejected"
    assert rows.loc["do_nothing", "is_recommended"]
    assert not rows.loc["do_nothing", "is_dominated"]  # a rejected schedule dominates nobody
    tables = result_tables(results, ground)
    assert "station_overlap" in set(tables["scenario_violations"]["rule"])


def test_a_schedule_that_nobody_verified_counts_as_broken() -> None:
    """Tests that a result without verification carries a violation of its own."""
    start = start_of(context(two_jobs()))
    result = measured(CATALOGUE["do_nothing"], start, start.problem, start.do_nothing, ())
    pd.testing.assert_frame_equal(result.violations, NOT_VERIFIED)


def like(result: Result, name: str, **measures: float) -> Result:
    """Return a result under another name with other measures."""
    scenario = Scenario(name, name.title(), ("resequence",), "")
    changed = {**result.measures, **measures}
    return replace(result, scenario=scenario, measures=changed)


def test_dominated_is_worse_in_something_and_better_in_nothing() -> None:
    """Tests domination, the recommendation, and that equal money is settled by fewer moves."""
    nothing = start_of(context(two_jobs())).nothing
    base = dict.fromkeys(("late_cost", "tardiness_days"), 0.0)
    good = like(nothing, "good", total_cost=100.0, num_moves=9, num_late_lines=0, **base)
    calm = like(nothing, "calm", total_cost=100.0, num_moves=3, num_late_lines=1, **base)
    poor = like(nothing, "poor", total_cost=150.0, num_moves=9, num_late_lines=1, **base)
    rows = compare([nothing, good, calm, poor]).set_index("scenario")
    assert rows.loc["poor", "dominated_by"] == "Calm"
    assert not rows.loc["good", "is_dominated"]
    assert rows.loc["calm", "is_recommended"]
    assert "1 fewer late lines" in rows.loc["good", "reason"]
    assert rows.loc["poor", "delta_total_cost"] == pytest.approx(150 - nothing.total_cost)
    assert compare([]).empty
    assert compare([]).dtypes["total_cost"] == np.dtype(float)


def test_tables_have_their_shape_with_and_without_rows() -> None:
    """Tests that every table has its declared columns and dtypes, scenario first."""
    ground = context(two_jobs())
    full = result_tables(evaluate_all(scenarios(("resequence",)), start_of(ground)), ground)
    empty = result_tables([], ground)
    for name, shape in SHAPES.items():
        for rows in (full[name], empty[name]):
            assert list(rows.columns) == ["scenario", *shape]
            assert {c: str(rows[c].dtype) for c in shape} == shape
    assert set(full["scenarios"].columns) == set(empty["scenarios"].columns)
    assert (empty["scenarios"].dtypes == full["scenarios"].dtypes).all()


def test_load_is_the_work_that_is_scheduled() -> None:
    """Tests that hours of work and changeover are kept and overtime adds to what is offered."""
    ground = context(two_jobs())
    start = start_of(ground)
    load = capacity_effect(start.nothing, ground)
    work = start.nothing.schedule.operations["run_minutes"].sum() / 60
    setups = start.nothing.changeovers["setup_hours"].sum()
    assert load["load_hours"].sum() == pytest.approx(work + setups)
    assert load["load_pct"].max() <= 100 + 1e-9
    booked = pd.DataFrame(
        {"resource_id": ["L1"], "start_at": [FRIDAY + DAY], "hours": [4.0], "cost": [360.0]}
    ).astype({"start_at": "datetime64[us, UTC]"})
    longer = capacity_effect(replace(start.nothing, overtime=booked), ground)
    assert longer["available_hours"].sum() == pytest.approx(load["available_hours"].sum() + 4)


def test_pieces_are_the_hours_in_which_somebody_works() -> None:
    """Tests that a job over two days is drawn in two pieces that add up to its run time."""
    plant = Plant().item("A").work("W1", "A", 12, THURSDAY, release_at=THURSDAY)
    operations = start_of(context(plant)).do_nothing.operations
    none = pd.DataFrame(columns=["resource_id", "start_at", "hours"]).astype(
        {"start_at": "datetime64[us, UTC]", "hours": float, "resource_id": "str"}
    )
    pieces = working_pieces(operations, plant.tables(), none)
    lengths = (pieces["end_at"] - pieces["start_at"]) / HOUR
    assert lengths.tolist() == [8.0, 4.0]
    assert pieces["start_at"].tolist() == [THURSDAY, FRIDAY]
    whole = working_pieces(operations, {}, none)
    assert whole["end_at"].tolist() == operations["end_at"].tolist()


@pytest.mark.parametrize(
    ("ready", "late_days", "said"),
    [
        ("2026-11-25T10:00Z", -1.2, "2026-11-25"),  # early: the day that goods are ready
        ("2026-11-26T20:00Z", 0.25, "2026-11-27"),  # missed the truck of 14:00 by six hours
        ("2026-11-30T08:00Z", 3.75, "2026-11-30"),  # four days late
        (None, 9.0, None),  # nothing covers it
    ],
)
def test_a_missed_truck_leaves_on_another_day(
    ready: str | None, late_days: float, said: str | None
) -> None:
    """Tests the day that a customer is told, due on Thursday 14:00."""
    plant = Plant().item("A").order("S1", "A", 10.0, THURSDAY + 8 * HOUR)
    promises = pd.DataFrame(
        {
            "order_id": ["S1"],
            "line_id": ["1"],
            "promised_at": pd.to_datetime([ready], utc=True).astype("datetime64[us, UTC]"),
            "due_at": [THURSDAY + 8 * HOUR],
            "lateness_days": [late_days],
        }
    )
    day = with_promised_date(promises, plant.tables(), "UTC")["promised_date"].iloc[0]
    assert (pd.isna(day) and said is None) or day == pd.Timestamp(str(said))


def test_unknown_scenarios_and_levers_are_named() -> None:
    """Tests that a mistyped scenario or lever is an error that names what is known."""
    with pytest.raises(ValueError, match=r"overtme.*known: do_nothing"):
        scenarios(("overtme",))
    with pytest.raises(ValueError, match="unknown lever magic"):
        Scenario("x", "X", ("magic",), "")
    assert [s.name for s in scenarios(("overtime", "do_nothing"))] == ["do_nothing", "overtime"]


def test_evaluate_alone_equals_evaluate_in_a_set() -> None:
    """Tests that the first scenario after doing nothing does not depend on who asks."""
    start = start_of(context(two_jobs()))
    alone = evaluate(CATALOGUE["resequence"], start, [start.nothing])
    together = evaluate_all(scenarios(("resequence",)), start)[1]
    assert alone.measures == together.measures
