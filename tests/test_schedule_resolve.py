"""A small change is solved again from the answer that there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soe_lib.params import ScheduleParams
from soe_lib.schedule import Problem, Schedule, build_problem, solve, verify
from tests.benchmarks.resolve import changes, with_rush, with_shift, without_day
from tests.small_plants import AS_OF, small_plant

FEW = ScheduleParams(seed=3, iterations=3000)
FEWER = ScheduleParams(seed=3, iterations=1)


@pytest.fixture(scope="module")
def solved() -> tuple[Problem, Schedule]:
    """A plant and an answer to it."""
    problem = build_problem(small_plant(21, items=5, orders=18, load_pct=95), AS_OF)
    return problem, solve(problem, FEW)


@pytest.mark.parametrize(
    "change",
    [
        lambda problem: with_shift(problem, 0, 1),
        lambda problem: without_day(problem, 0, 1),
        lambda problem: with_rush(problem, 3, 4.0),
    ],
    ids=["overtime shift", "line down", "rush order"],
)
def test_change_is_solved_from_the_answer(
    change: Callable[[Problem], Problem], solved: tuple[Problem, Schedule]
) -> None:
    """Tests that shift, stop and rush order start from the answer, hold and get no worse."""
    problem, answer = solved
    changed = change(problem)
    kept, found = solve(changed, FEWER, start=answer), solve(changed, FEW, start=answer)
    assert kept.summary["start"] == found.summary["start"] == "given schedule"
    assert verify(changed, found).empty
    assert found.summary["total_cost"] <= kept.summary["search_cost_before"] + 1e-6


def test_rush_order_taken_back_costs_nothing(solved: tuple[Problem, Schedule]) -> None:
    """Tests that with the rush order gone the plan of before is found again from its answer."""
    problem, answer = solved
    rushed = with_rush(problem, 3, 4.0)
    back = rushed.replace(demand_due=problem.demand_due, demand_weight=problem.demand_weight)
    again = solve(back, FEWER, start=answer)
    assert again.summary["start"] == "given schedule"
    assert again.summary["total_cost"] <= answer.summary["total_cost"] + 1e-6


def test_all_three_changes_are_there(solved: tuple[Problem, Schedule]) -> None:
    """Tests that the benchmark changes working time and one order line, and nothing else."""
    problem, answer = solved
    hours = {
        label: float((changed.calendar.end - changed.calendar.begin).sum()) / 60
        for label, changed in changes(problem, answer)
    }
    base = float((problem.calendar.end - problem.calendar.begin).sum()) / 60
    assert hours["one overtime shift"] > base > hours["one line down for a day"]
    assert hours["one rush order"] == pytest.approx(base)


def test_an_answer_stays_where_nothing_is_gained() -> None:
    """Tests that a second search from an answer moves nothing that it does not gain by."""
    problem = build_problem(small_plant(5, orders=20, load_pct=130), AS_OF, horizon_weeks=8)
    answer = solve(problem, ScheduleParams(seed=1, iterations=30_000))
    again = solve(problem, ScheduleParams(seed=2, iterations=1), start=answer)
    assert again.promises["promised_at"].equals(answer.promises["promised_at"])
    assert again.operations["start_at"].equals(answer.operations["start_at"])
    assert again.summary["total_cost"] <= answer.summary["total_cost"] + 1e-9
    assert verify(problem, again).empty
