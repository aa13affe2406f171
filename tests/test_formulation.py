"""The relaxation: true bounds, honest prices, hot answers, words for what cannot be."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from soe_lib.schedule.buckets import daily_grid
from soe_lib.schedule.build import build_problem
from soe_lib.schedule.formulation import LinearModel
from soe_lib.schedule.neighbourhood import Neighbourhood, NeighbourhoodError, exact_order
from soe_lib.schedule.problem import Problem, ProblemError
from soe_lib.schedule.programme import INFINITE, Programme
from soe_lib.schedule.relaxation import LEAVES_OUT, Relaxation, lower_bound
from soe_lib.schedule.triage import triage
from tests.small_plants import AS_OF, small_plant

DAY = 1440.0
WAYS = [{}, {"is_safe": True}, {"solver": "CBC"}]


def _problem(seed: int, **kwargs: int) -> Problem:
    return build_problem(small_plant(seed, **kwargs), AS_OF, horizon_weeks=8)


def _random_programme(seed: int, *, whole: bool = False) -> Programme:
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((30, 20), density=0.3, rng=rng, format="csr")
    point = rng.integers(0, 4, 20).astype(float)
    side = matrix @ point
    return Programme(
        cost=rng.random(20),
        lower=np.zeros(20),
        upper=np.full(20, 9.0),
        matrix=matrix,
        row_lower=side,
        row_upper=np.full(30, INFINITE),
        is_integer=np.ones(20, bool) if whole else None,
    )


@pytest.mark.parametrize("whole", [False, True])
def test_every_way_into_the_solver_gives_the_same_optimum(whole: bool) -> None:
    """Tests that bulk, python-mip's public door and CBC agree, before and after changes."""
    programme = _random_programme(3, whole=whole)
    found = []
    for way in WAYS:
        model = LinearModel(programme, **way)
        assert model.solve() == "optimal"
        values = [model.value]
        model.set_columns(np.array([2, 5]), np.array([1.0, 2.0]), np.array([4.0, 4.0]))
        model.set_costs(np.array([7]), np.array([3.0]))
        model.set_rows(np.array([4]), programme.row_lower[[4]] + 1.0, np.array([INFINITE]))
        assert model.solve(max_seconds=20) == "optimal"
        values.append(model.value)
        entries = sparse.csc_array(np.ones((model.num_rows, 1)))
        model.add_block(np.array([0.01]), np.array([2.0]), entries, (0.0, 1.0))
        assert model.solve() == "optimal"
        values.append(model.value)
        model.remove_last_block(1)
        assert model.solve() == "optimal"
        values.append(model.value)
        found.append(values)
    assert np.allclose(found[0], found[1])
    assert np.allclose(found[0], found[2])
    assert found[0][1] == pytest.approx(found[0][3])
    assert found[0][2] < found[0][1]


def test_a_start_is_taken_and_infeasible_is_said() -> None:
    """Tests that a whole-number start is accepted and an impossible programme is called so."""
    programme = _random_programme(5, whole=True)
    for way in WAYS:
        model = LinearModel(programme, **way)
        model.solve()
        best, start = model.value, model.x
        again = LinearModel(programme, **way)
        assert again.solve(start=start, max_seconds=20) == "optimal"
        assert again.value == pytest.approx(best)
        again.set_rows(np.array([0]), np.array([1e6]), np.array([INFINITE]))
        assert again.solve() == "infeasible"


def test_more_capacity_never_raises_the_optimum() -> None:
    """Tests that opening a closed day never costs and closing a day never pays."""
    for seed in range(4):
        hot = Relaxation(_problem(seed).replace(overtime_cost=np.zeros(2)))
        for line in ("L0", "L1"):
            assert hot.with_minutes(line, 5 * DAY, 6 * DAY) <= hot.value + 1e-6
            assert hot.with_stop(line, 1 * DAY, 2 * DAY) >= hot.value - 1e-6


def test_what_if_is_taken_back() -> None:
    """Tests that every question leaves the relaxation as it was."""
    hot = Relaxation(_problem(1))
    before = hot.value
    asked = [
        hot.with_minutes("L0", 5 * DAY, 6 * DAY),
        hot.with_stop("L0", 0.0, DAY),
        hot.with_order(hot.problem.item_ids[hot.problem.demand_item[0]], 900.0, DAY, 9.0),
        hot.with_purchase_at("C0", 0.0),
    ]
    assert any(abs(value - before) > 1e-6 for value in asked)
    assert hot._solved() == pytest.approx(before, abs=1e-6)


def test_what_if_equals_building_the_changed_problem() -> None:
    """Tests that the hot answer to a rush order is the cold answer of the problem with it."""
    tables = small_plant(2)
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    grid = daily_grid(problem)
    line = (
        tables["sales_order_line"]
        .iloc[[0]]
        .assign(order_id="RUSH", customer_id="W9", ordered_qty=400.0)
    )
    line["due_at"] = (AS_OF + pd.Timedelta(days=3)).as_unit("us")
    more = pd.concat([tables["sales_order_line"], line], ignore_index=True)
    changed = build_problem({**tables, "sales_order_line": more}, AS_OF, horizon_weeks=8)
    cold = Relaxation(changed, grid).value
    item = line["item_id"].iloc[0]
    base = Relaxation(problem, grid)
    hot = base.with_order(item, 400.0, 3 * DAY, 9.0)
    assert hot > base.value + 1.0
    assert hot == pytest.approx(cold, rel=1e-4, abs=1e-3)


def test_price_of_an_overloaded_line_is_the_finite_difference() -> None:
    """Tests that the price of a resource and day is what a little more time of it saves."""
    checked = 0
    for seed in range(3):
        problem = _problem(seed).replace(overtime_cost=np.zeros(2))
        hot = Relaxation(problem)
        prices = hot.prices()
        dear = prices[(prices["price_per_hour"] > 1e-3) & (prices["available_hours"] > 0)]
        for row in dear.head(2).itertuples():
            begin = (row.start_at - AS_OF).total_seconds() / 60
            # closed from 20:00: a few minutes more at the end of the day's shift
            more = hot.value - hot.with_minutes(row.resource_id, begin + 1200, begin + 1203)
            less = hot.with_stop(row.resource_id, begin + 1197, begin + 1200) - hot.value
            price = row.price_per_hour * 3 / 60
            assert more <= price + 1e-6
            assert less >= price - 1e-6
            assert more == pytest.approx(price, rel=0.05, abs=1e-6) or less == pytest.approx(
                price, rel=0.05, abs=1e-6
            )
            checked += 1
    assert checked > 0


def test_allocation_follows_the_money_and_then_the_policy() -> None:
    """Tests that of two lines that want the same scarce stock the dearer one is served in time."""
    tables = small_plant(0, items=1, lines=1, orders=2)
    lines = tables["sales_order_line"]
    lines["ordered_qty"] = 100.0
    lines["due_at"] = pd.Series([AS_OF + pd.Timedelta(hours=12)] * 2).astype("datetime64[us, UTC]")
    lines["customer_id"] = pd.Series(["W1", "W9"], dtype="str")
    stock = tables["inventory_balance"]
    stock["on_hand_qty"] = np.where(stock["item_id"] == "I0", 100.0, 0.0)
    found = Relaxation(build_problem(tables, AS_OF)).allocation().set_index("order_id")
    assert found.loc["O01", "on_time_qty"] == pytest.approx(100.0)
    assert found.loc["O00", "on_time_qty"] == pytest.approx(0.0, abs=1e-6)
    lines["customer_id"] = pd.Series(["W9", "W9"], dtype="str")
    first = Relaxation(build_problem(tables, AS_OF)).allocation()
    assert first["on_time_qty"].tolist() == pytest.approx([100.0, 0.0], abs=1e-6)


def test_what_cannot_be_made_is_a_sentence() -> None:
    """Tests that slack is loud: an order for which nothing exists is named with its reason."""
    tables = small_plant(0)
    routing = tables["routing_alternate"]
    tables["routing_alternate"] = routing[routing["item_id"] != "I0"]
    tables["sales_order_line"]["item_id"] = pd.Series(["I0"] * 10, dtype="str")
    problem = build_problem(tables, AS_OF)
    problem = problem.replace(item_lead_minutes=np.full(len(problem.item_ids), 1e15))
    words = Relaxation(problem).sentences()
    assert len(words) == 10
    assert "I0 cannot be made within" in words[0]
    assert "nothing makes it and no supply of it arrives" in words[0]


def test_unknown_names_are_refused() -> None:
    """Tests that questions about what the problem does not know are errors in words."""
    hot = Relaxation(_problem(0))
    with pytest.raises(ProblemError, match="no item 'X'"):
        hot.with_order("X", 1.0, DAY, 1.0)
    with pytest.raises(ProblemError, match="no resource 'X'"):
        hot.with_minutes("X", 0.0, DAY)


def test_triage_names_what_the_relaxation_would_pay_for() -> None:
    """Tests that triage ranks levers by what they save and that the figures are re-solved ones."""
    problem = _problem(3, orders=14, days=6).replace(overtime_cost=np.zeros(2))
    hot = Relaxation(problem)
    found = triage(hot, overtime_hours=8.0, weeks=2)
    assert len(found)
    assert (found["saves"] > 0).all()
    assert found["saves"].is_monotonic_decreasing
    top = found[found["lever"] == "overtime"].iloc[0]
    begin = (top["start_at"] - AS_OF).total_seconds() / 60
    again = hot.value - hot.with_minutes(top["object_id"], begin, begin + top["hours"] * 60)
    assert again == pytest.approx(top["saves"], abs=1e-6)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000))
def test_bound_is_never_above_a_schedule(seed: int) -> None:
    """Tests that the bound, coarse and fine, is at most the lateness of every dispatch rule."""
    from soe_lib.schedule import dispatch

    problem = _problem(seed, orders=8)
    coarse = lower_bound(problem)
    fine = lower_bound(problem, step_minutes=360.0)
    assert coarse.leaves_out == LEAVES_OUT
    for rule in ("edd", "atc"):
        value = float(dispatch(problem, rule).promises["late_cost"].sum())
        assert coarse.value <= value + 1e-6
        assert fine.value <= value + 1e-6
        assert 0 <= coarse.gap_pct(value) <= 100


def _neighbourhood(seed: int, count: int) -> Neighbourhood:
    rng = np.random.default_rng(seed)
    return Neighbourhood(
        labels=tuple(f"op {k}" for k in range(count)),
        run=rng.integers(20, 90, count).astype(float),
        first_setup=rng.integers(0, 40, count).astype(float),
        setup=rng.integers(0, 40, (count, count)).astype(float),
        release=rng.integers(0, 120, count).astype(float),
        due=rng.integers(60, 400, count).astype(float),
        weight=rng.integers(1, 9, count) / 10,
        setup_price=0.05,
    )


@pytest.mark.parametrize("solver", ["", "CBC"])
def test_exact_order_equals_brute_force(solver: str) -> None:
    """Tests that the small programme finds the cheapest of all orders, from any start."""
    for seed in range(4 if not solver else 2):
        work = _neighbourhood(seed, 6)
        best = min(work.cost(np.array(p)) for p in itertools.permutations(range(6)))
        found = exact_order(work, np.arange(6), max_seconds=20, solver=solver)
        assert found.is_proven
        assert found.cost == pytest.approx(best, abs=1e-4)
        assert found.cost <= found.start_cost
        assert work.cost(found.order) == pytest.approx(found.cost)


def test_exact_order_says_what_does_not_fit() -> None:
    """Tests that a window that is too short is a sentence that names the operations."""
    work = dataclasses.replace(_neighbourhood(1, 4), limit=90.0)
    with pytest.raises(NeighbourhoodError, match="op 0, op 1, op 2, op 3 do not fit"):
        exact_order(work, np.arange(4))
    with pytest.raises(NeighbourhoodError, match="too many"):
        exact_order(_neighbourhood(1, 13), np.arange(13))
