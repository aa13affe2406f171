"""The last moves of the search: almost cold, with a price on early work."""

from __future__ import annotations

from dataclasses import replace

import pytest

import soe_lib.schedule.search as search_module
from soe_lib.params import ScheduleParams
from soe_lib.schedule import Schedule, build_problem, solve, verify
from tests.small_plants import AS_OF, small_plant

PARAMS = ScheduleParams(seed=1, iterations=30000)


def _schedules() -> list[Schedule]:
    """Return the answers for plants that do not say what stock costs; each verified."""
    found = []
    for seed in range(1, 5):
        tables = small_plant(seed, orders=60, items=8, lines=3, days=20, load_pct=70)
        problem = replace(build_problem(tables, AS_OF, horizon_weeks=8), holding_per_day=0.0)
        schedule = solve(problem, PARAMS)
        assert verify(problem, schedule).empty
        found.append(schedule)
    return found


def _early_price(schedules: list[Schedule]) -> float:
    """Return what early work costs by the account of the search, before it is started late."""
    return sum(s.summary["local_cost"] - s.summary["total_cost"] for s in schedules)


def test_last_moves_make_plans_cheaper_and_less_early(monkeypatch: pytest.MonkeyPatch) -> None:
    calm = _schedules()
    monkeypatch.setattr(search_module, "calm_down", lambda *args, **kwargs: 0)
    without = _schedules()
    assert 0 < _early_price(calm) < 0.9 * _early_price(without)
    cost, before = (sum(s.summary["total_cost"] for s in found) for found in (calm, without))
    assert cost < before
