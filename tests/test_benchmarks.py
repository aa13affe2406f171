"""Benchmark plants and wt_sds go through the door of any source; the bound is true there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soe_lib.params import ScheduleParams
from soe_lib.schedule import solve, verify
from soe_lib.schedule.answer import bounded_value, objective_terms
from soe_lib.schedule.problem import Problem
from soe_lib.schedule.relaxation import lower_bound
from tests.benchmarks.instances import read_plant, read_wtsds, write_plan
from tests.benchmarks.wtsds import optima
from tests.conftest import skip_or_fail

SMALL = "--skus 50 --lines 6 --orders 400 --weeks 4 --seed 1"


@pytest.fixture(scope="module")
def bench(real_data: Path) -> Path:
    """Folder of make_plant.py and check_plan.py."""
    folder = real_data.parent / "bench"
    if not folder.is_dir():
        skip_or_fail(f"benchmark generator not found at {folder}")
    return folder


@pytest.fixture(scope="module")
def plant(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of plant S."""
    folder = tmp_path_factory.mktemp("plant") / "S"
    command = [sys.executable, str(bench / "make_plant.py"), str(folder), *SMALL.split()]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def problem(plant: Path) -> Problem:
    """Plant S as a problem."""
    return read_plant(plant)


def test_plant_is_mapped_completely(plant: Path, problem: Problem) -> None:
    """Tests that orders, due instants, weights, rates and receipts arrive as they were written."""
    meta = json.loads((plant / "meta.json").read_text())
    assert len(problem.demand_qty) == meta["orders"] == 400
    assert len(problem.resource_ids) == meta["lines"]
    assert set(np.unique(problem.demand_weight)) == {1.0, 3.0, 9.0}
    assert set(problem.demand_due % 1440) <= {480.0, 720.0, 960.0}
    assert set(problem.supply_at % 1440) == {480.0}
    regular = [
        np.clip(
            problem.calendar.end[problem.calendar.offset[r] : problem.calendar.offset[r + 1]],
            None,
            meta["horizon_days"] * 1440,
        )
        - np.clip(
            problem.calendar.begin[problem.calendar.offset[r] : problem.calendar.offset[r + 1]],
            None,
            meta["horizon_days"] * 1440,
        )
        for r in range(len(problem.resource_ids))
    ]
    assert sum(part.sum() for part in regular) / 60 == pytest.approx(
        meta["available_hours"], abs=0.1
    )


def test_plan_passes_the_independent_checker_and_lies_above_the_bound(
    bench: Path, plant: Path, problem: Problem, tmp_path: Path
) -> None:
    """Tests that check_plan.py and verify accept the plan, agree on its value, and bound <= it."""
    schedule = solve(problem, ScheduleParams(seed=1, iterations=20_000, time_limit_seconds=120))
    assert verify(problem, schedule).empty
    write_plan(tmp_path, problem, schedule)
    command = [sys.executable, str(bench / "check_plan.py"), str(plant), str(tmp_path)]
    judged = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert judged["violations"] == {}
    assert judged["short"] == 0
    value = objective_terms(problem, schedule)["late_cost"]
    assert judged["weighted_late_days"] == pytest.approx(value, abs=0.1)
    bound = lower_bound(problem)
    assert bound.value == pytest.approx(79.335, abs=0.01)
    assert bound.value <= bounded_value(problem, schedule, bound)
    finer = lower_bound(problem, step_minutes=480.0)
    assert bound.value < finer.value <= bounded_value(problem, schedule, finer)


def test_one_machine_is_the_same_problem(real_data: Path, tmp_path: Path) -> None:
    """Tests that a wt_sds instance is a Problem like any other and its bound is below optimum."""
    name, optimum = next(iter(optima().items()))
    problem = read_wtsds(real_data / "wtsds" / f"{name}.instance", tmp_path)
    assert isinstance(problem, Problem)
    assert len(problem.demand_qty) == 60
    assert problem.setup_minutes.shape == (1, 61, 61)
    assert lower_bound(problem, step_minutes=240.0).value <= optimum
    schedule = solve(problem, ScheduleParams(seed=1, iterations=50_000, time_limit_seconds=60))
    assert verify(problem, schedule).empty
    value = float(schedule.promises["late_cost"].sum())
    assert optimum - 1e-3 * optimum <= value <= 3 * optimum
