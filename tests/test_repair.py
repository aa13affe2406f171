"""Exact repair of a window: never dearer, verified, and it finds what a rule of thumb misses."""

from __future__ import annotations

import pytest

from soe_lib.schedule import build_problem, dispatch, verify
from soe_lib.schedule.neighbourhood import NeighbourhoodError
from soe_lib.schedule.problem import ProblemError
from soe_lib.schedule.repair import repair
from tests.small_plants import AS_OF, small_plant


def test_repair_is_never_dearer_and_often_better() -> None:
    """Tests that a repaired dispatch verifies, costs no more, and costs less on some plant."""
    better = 0
    for seed in range(3):
        tables = small_plant(seed, items=5, orders=14, load_pct=110)
        problem = build_problem(tables, AS_OF, horizon_weeks=8)
        schedule = dispatch(problem, "edd")
        for line in problem.resource_ids:
            repaired = repair(problem, schedule, line, size=6)
            assert verify(problem, repaired).empty
            before, after = schedule.summary["total_cost"], repaired.summary["total_cost"]
            assert after <= before + 1e-6
            assert (repaired.summary["repaired_windows"] > 0) == (after < before - 1e-6)
            better += after < before - 1e-6
            schedule = repaired
    assert better > 0


def test_repair_keeps_out_of_other_windows() -> None:
    """Tests that only operations that start in the window change their place in the sequence."""
    problem = build_problem(small_plant(1, orders=14, load_pct=110), AS_OF, horizon_weeks=8)
    schedule = dispatch(problem, "edd")
    until = 4 * 1440.0
    repaired = repair(problem, schedule, "L0", begin=until, size=6)

    def early(rows):  # type: ignore[no-untyped-def]
        own = rows[rows["resource_id"] == "L0"].sort_values("setup_start_at")
        at = (own["start_at"] - AS_OF).dt.total_seconds() / 60
        return own.loc[at < until, ["item_id", "planned_qty"]].to_numpy().tolist()

    first = early(schedule.operations)
    assert early(repaired.operations)[: len(first)] == first[: len(early(repaired.operations))]


def test_repair_refuses_in_words() -> None:
    """Tests that an unknown resource and too large a window are errors in words."""
    problem = build_problem(small_plant(0), AS_OF, horizon_weeks=8)
    schedule = dispatch(problem, "edd")
    with pytest.raises(ProblemError, match="no resource 'L9'"):
        repair(problem, schedule, "L9")
    with pytest.raises(NeighbourhoodError, match="at most"):
        repair(problem, schedule, "L0", size=40)
