"""The engine on random small plants and tiny ones that can be enumerated."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soe_lib.params import ScheduleParams
from soe_lib.schedule import (
    Problem,
    Schedule,
    build_problem,
    dispatch,
    right_shift,
    solve,
    verify,
    with_overtime,
)
from soe_lib.schedule.pegging import clause_cost, peg, promised, supplies
from soe_lib.schedule.plan import Plan, new_plan
from soe_lib.schedule.schedule import as_schedule
from soe_lib.schedule.timing import Timing
from tests.small_plants import AS_OF, small_plant

RULES = ("edd", "wspt", "atc", "cr", "toc")
FEW = ScheduleParams(seed=3, iterations=3000)


def _problem(seed: int, **kwargs: int) -> Problem:
    return build_problem(small_plant(seed, **kwargs), AS_OF, horizon_weeks=8)


def _published(seed: int) -> tuple[dict[str, pd.DataFrame], Problem]:
    """Return a plant whose dispatch was published as work orders, and its problem."""
    tables = small_plant(seed, items=4, lines=2, orders=8)
    rows = dispatch(build_problem(tables, AS_OF, horizon_weeks=8), "edd").operations
    at = AS_OF - pd.Timedelta(hours=1)
    tables["schedule_operation"] = _typed(
        "schedule_operation",
        rows.assign(version_id="v1", published_at=at, status="published", is_frozen=False),
    )
    orders = pd.DataFrame(
        {
            "wo_id": rows["wo_id"],
            "item_id": rows["item_id"],
            "ordered_qty": rows["planned_qty"],
            "release_at": AS_OF,
            "due_at": rows["end_at"],
            "status": "released",
        }
    )
    tables["work_order"] = _typed("work_order", orders)
    return tables, build_problem(tables, AS_OF, horizon_weeks=8)


def _typed(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    from tests.small_plants import typed_table

    return typed_table(name, rows.to_dict("records"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), lines=st.integers(1, 3), load=st.integers(50, 140))
def test_verify_accepts_every_answer(seed: int, lines: int, load: int) -> None:
    """Tests that dispatch by each rule and the search break no rule on random plants."""
    problem = _problem(seed, lines=lines, load_pct=load)
    answers = [dispatch(problem, rule) for rule in RULES]  # type: ignore[arg-type]
    answers.append(solve(problem, FEW))
    for answer in answers:
        faults = verify(problem, answer)
        assert faults.empty, faults.to_string()
        assert answer.summary["num_unplaced"] == 0


def test_same_seed_same_bytes() -> None:
    """Tests that seed and iterations decide every table, and another seed another search."""
    problem = _problem(5, orders=20, load_pct=120)
    one, two = solve(problem, FEW), solve(problem, FEW)
    for name in ("operations", "promises", "purchases", "pegging"):
        first, second = getattr(one, name), getattr(two, name)
        assert first.to_csv().encode() == second.to_csv().encode()
    assert one.summary["accepted_moves"] == two.summary["accepted_moves"]
    other = solve(problem, ScheduleParams(seed=4, iterations=3000))
    assert other.summary["accepted_moves"] != one.summary["accepted_moves"]


def test_workers_change_nothing_but_the_time() -> None:
    """Tests that three searches at once give the bytes of three in a row, and the best of them."""
    problem = _problem(5, orders=20, load_pct=120)
    alone = solve(problem, FEW.model_copy(update={"chains": 3, "workers": 1}))
    at_once = solve(problem, FEW.model_copy(update={"chains": 3, "workers": 3}))
    assert alone.operations.to_csv().encode() == at_once.operations.to_csv().encode()
    one = solve(problem, FEW)
    assert alone.summary["iterations"] > 2 * one.summary["iterations"]
    assert alone.summary["total_cost"] <= one.summary["total_cost"]
    assert verify(problem, alone).empty


def _cost(problem: Problem, plan: Plan, timing: Timing) -> float:
    """Return lateness and changeovers of a decoded plan of single-step lots, without tables."""
    f, s = plan.field, plan.state
    lots = np.flatnonzero(s.lot_job >= 0)
    end = timing.end[f.lot_i[lots, 0]]
    horizon = float(max(end.max(), problem.demand_due.max()))
    names = [str(k) for k in lots]
    supply = supplies(problem, f.lot_i[lots, 2], s.lot_qty[lots], end, names, [], plan.expedited)
    rows = [
        (int(f.job_target[j]), int(np.searchsorted(lots, s.job_lot[j])), float(f.job_qty[j]))
        for j in np.flatnonzero(f.job_target < f.orders)
    ]
    assert problem.clauses is not None
    late = min(
        sum(part.sum() for part in clause_cost(problem.clauses, found[3]))
        for found in (
            promised(problem, supply, peg(problem, supply), horizon),
            promised(problem, supply, peg(problem, supply, rows), horizon),
        )
    )
    hours = plan.setup_minutes(timing)[f.lot_i[lots, 0]] / 60
    return float(late + (hours * problem.changeover_cost[0]).sum())


@pytest.mark.parametrize("seed", range(4))
def test_brute_force_agrees(seed: int) -> None:
    """Tests that on one line the search finds the cheapest of all sequences."""
    tables = small_plant(seed, items=3, lines=1, orders=6, days=5, load_pct=150)
    tables["bom_component"] = tables["bom_component"].iloc[:0]
    tables["item"] = tables["item"].assign(lot_min_qty=0.0)
    tables["inventory_balance"] = tables["inventory_balance"].iloc[:0]
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    plan = new_plan(problem)
    ops = np.flatnonzero(plan.state.lot_job >= 0)
    floor = np.zeros(len(plan.field.op_i))
    cheapest, best = np.inf, plan
    for order in itertools.permutations(ops.tolist()):
        plan.place(np.array([order]), np.array([len(order)]), plan.field.op_i[:, 2])
        cost = _cost(problem, plan, plan.decode(problem, floor))
        if cost < cheapest:
            cheapest, best = cost, plan.copy()
    told = as_schedule(problem, best, best.decode(problem, floor), {}).summary
    assert told["late_cost"] + told["changeover_cost"] == pytest.approx(cheapest)
    found = solve(problem, ScheduleParams(seed=1, iterations=20_000)).summary
    assert found["late_cost"] + found["changeover_cost"] <= cheapest + 0.01


def test_search_is_never_dearer_than_its_start() -> None:
    """Tests that the answer costs no more than dispatch by the rule that it starts from."""
    for seed in range(4):
        problem = _problem(seed, load_pct=130)
        found = solve(problem, ScheduleParams(seed=1, iterations=200))
        assert found.summary["total_cost"] <= dispatch(problem, "atc").summary["total_cost"] + 1e-6


def test_more_capacity_started_from_the_old_answer_never_costs() -> None:
    """Tests that overtime on every line, searched from the old answer, does not raise lateness."""
    tables = small_plant(7, orders=14, load_pct=130)
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    old = solve(problem, FEW)
    more = with_overtime(problem, tables["resource_calendar"], hours_per_week=8.0, weeks=2)
    free = more.replace(overtime_cost=np.zeros(len(more.resource_ids)))
    new = solve(free, FEW, start=old)
    assert new.summary["start"] == "given schedule"
    assert new.summary["total_cost"] <= old.summary["total_cost"] + 1e-6
    assert verify(free, new).empty


def test_do_nothing_keeps_the_published_schedule() -> None:
    """Tests that right-shift moves nothing where nothing has happened, at no cost of unrest."""
    _, problem = _published(3)
    replay = right_shift(problem)
    assert verify(problem, replay).empty
    assert replay.summary["change_cost"] == 0.0
    shift = replay.operations["start_at"] - replay.operations["published_start_at"]
    assert shift.abs().max() <= pd.Timedelta(seconds=2)


def test_published_work_moves_only_for_its_price() -> None:
    """Tests that a high price of unrest keeps every operation in its place."""
    _, problem = _published(4)
    dear = problem.replace(op_change_cost=np.full(problem.num_operations, 1e7))
    assert solve(dear, FEW).summary["change_cost"] == 0.0


def test_removing_a_rush_order_restores_the_plan() -> None:
    """Tests that with the rush order gone the search leaves the published schedule as it was."""
    _, problem = _published(6)
    rush = problem.replace(demand_weight=problem.demand_weight * 50.0)
    assert rush.clauses is not None
    back = rush.replace(demand_weight=problem.demand_weight)
    one, two = solve(problem, FEW), solve(back, FEW)
    assert one.operations.to_csv() == two.operations.to_csv()


def _moved(schedule: Schedule, name: str, table: pd.DataFrame) -> Schedule:
    return replace(schedule, **{name: table})


HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def sound() -> tuple[Problem, Schedule]:
    """A problem and a schedule of it in which the checker finds nothing."""
    problem = _problem(11, items=5, lines=2, orders=16)
    schedule = dispatch(problem, "edd")
    assert verify(problem, schedule).empty
    assert len(schedule.purchases)
    return problem, schedule


def _spoil(kind: str, schedule: Schedule) -> Schedule:
    """Return the schedule with one violation planted."""
    rows, pegs = schedule.operations.copy(), schedule.pegging.copy()
    lines, bought = schedule.promises.copy(), schedule.purchases.copy()
    times = ["setup_start_at", "start_at", "end_at"]
    late = rows["start_at"].idxmax()
    if kind == "complete":
        return _moved(schedule, "operations", pd.concat([rows, rows.tail(1)]))
    if kind == "lot_size":
        rows.loc[late, "planned_qty"] += 1.0
    elif kind == "known_resource":
        rows.loc[late, "resource_id"] = "nowhere"
    elif kind == "not_in_the_past":
        first = rows["start_at"].idxmin()
        rows.loc[first, times] -= rows.loc[first, "start_at"] - AS_OF + 24 * HOUR
    elif kind == "run_time":
        rows.loc[late, "end_at"] -= pd.Timedelta(minutes=7)
    elif kind == "working_time":
        rows.loc[late, times] += pd.Timedelta(days=700)
    elif kind == "station_overlap":
        mine = rows[rows["resource_id"] == rows["resource_id"].iloc[0]]
        rows.loc[mine.index[1], times] = mine.iloc[0][times].to_numpy()
    elif kind == "changeover":
        dear = rows["setup_minutes"].idxmax()
        rows.loc[dear, "setup_start_at"] = rows.loc[dear, "start_at"]
    elif kind == "purchase":
        bought.loc[0, "order_at"] = bought.loc[0, "receipt_at"]
    elif kind == "material":
        bought = bought.iloc[1:]
    elif kind == "promise":
        pegs.loc[0, "qty"] += 1.0
    elif kind == "money":
        lines.loc[0, "late_cost"] += 5.0
    return replace(schedule, operations=rows, pegging=pegs, promises=lines, purchases=bought)


@pytest.mark.parametrize(
    "kind",
    [
        "complete", "lot_size", "known_resource", "not_in_the_past", "run_time", "working_time",
        "station_overlap", "changeover", "purchase", "material", "promise", "money",
    ],
)  # fmt: skip
def test_verify_rejects_planted_violations(kind: str, sound: tuple[Problem, Schedule]) -> None:
    """Tests that the checker names each kind of violation that is planted."""
    problem, schedule = sound
    faults = verify(problem, _spoil(kind, schedule))
    assert kind in set(faults["rule"]), faults.to_string()
