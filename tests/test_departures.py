"""When goods leave: departures with room, parts, shelf life; replays and the checker agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soe_lib.impact.replay_build import replay_of
from soe_lib.params import ScheduleParams
from soe_lib.schedule import Problem, build_problem, dispatch, right_shift, solve, verify
from soe_lib.schedule.buckets import clause_cost
from soe_lib.schedule.leaving import Docks
from soe_lib.schedule.pegging import Supply, peg
from soe_lib.schedule.problem import NEVER, Shipping
from soe_lib.schedule.readiness import ready_by
from tests.impact_plants import published_plant
from tests.small_plants import AS_OF, small_plant

DAY = 1440.0


def _lane(problem: Problem, at: list[float], pallets: list[float]) -> Problem:
    """Return the problem with one lane for all order lines, one unit a pallet."""
    count = len(problem.demand_qty)
    return problem.replace(
        shipping=Shipping(
            ("LANE",), np.array([0, len(at)]), np.array(at), np.array(pallets),
            np.zeros(count, np.int64), np.ones(count),
        )
    )  # fmt: skip


def _plain() -> Problem:
    problem = build_problem(small_plant(3), AS_OF, horizon_weeks=8)
    return problem.replace(demand_due=np.full(len(problem.demand_qty), 3 * DAY))


def _leaves(problem: Problem, pegs: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    return Docks(problem).leave(0, pegs)[0]


def test_a_line_leaves_with_the_latest_departure_in_time() -> None:
    """Tests in time, too full, late, larger than any departure, and after the last one."""
    problem = _lane(_plain(), [DAY, 2 * DAY, 4 * DAY], [10.0, 10.0, 10.0])
    assert _leaves(problem, [(0.0, 8.0)]) == [[(2 * DAY, 8.0)]]
    full = _lane(_plain(), [DAY, 2 * DAY, 4 * DAY], [10.0, 5.0, 10.0])
    assert _leaves(full, [(0.0, 8.0)]) == [[(DAY, 8.0)]]
    assert _leaves(full, [(1.5 * DAY, 8.0)]) == [[(4 * DAY, 8.0)]]
    assert _leaves(full, [(0.0, 11.0)]) == [[(5 * DAY, 11.0)]]
    assert _leaves(full, [(9 * DAY, 1.0)]) == [[(9 * DAY, 1.0)]]


def test_only_partial_lines_leave_in_parts() -> None:
    """Tests that a line too large for one departure leaves with two where it may be torn."""
    whole = _lane(_plain(), [DAY, 2 * DAY, 4 * DAY], [10.0, 5.0, 10.0])
    may = whole.replace(demand_partial=np.ones(len(whole.demand_qty), bool))
    assert _leaves(may, [(0.0, 12.0)]) == [[(2 * DAY, 5.0), (DAY, 7.0)]]
    assert _leaves(may, [(1.5 * DAY, 12.0)]) == [[(2 * DAY, 5.0), (4 * DAY, 7.0)]]


def test_a_line_takes_what_catches_its_truck() -> None:
    """Tests that goods which are there by the due instant, but miss the truck, are left alone."""
    problem = _lane(_plain(), [DAY, 2.5 * DAY, 4 * DAY], [1e6, 1e6, 1e6])
    item = int(problem.demand_item[0])
    qty = float(problem.demand_qty.sum())
    supply = Supply(
        np.array([item, item]), np.array([2 * DAY, 2.8 * DAY]), np.array([NEVER, NEVER]),
        np.array([qty, qty]), ("receipt", "receipt"), ("A", "B"),
    )  # fmt: skip
    own = [row for row in peg(problem, supply) if row[0] == 0]
    assert [(s, leaves) for _, s, _, leaves in own] == [(0, 2.5 * DAY)]
    crowded = _lane(_plain(), [DAY, 2.5 * DAY, 4 * DAY], [1e6, 0.0, 1e6])
    assert [Docks(one).wanted_by(0) for one in (problem, crowded)] == [2.5 * DAY, DAY]
    full = _lane(_plain(), [DAY, 2.5 * DAY, 4 * DAY], [0.0, 0.0, 1e6])
    assert Docks(full).wanted_by(0) == 4 * DAY
    assert Docks(_lane(_plain(), [DAY], [1e6])).wanted_by(0) == 3 * DAY


def _drawn(seed: int) -> Problem:
    """Return a published plant with small departures, parts and short shelf lives."""
    problem = published_plant(seed)
    rng = np.random.default_rng(seed + 100)
    count, trips = len(problem.demand_qty), 12
    ships = Shipping(
        ("A", "B"), np.array([0, trips, 2 * trips]),
        np.concatenate([np.sort(rng.uniform(0, 14_000, trips)) for _ in "AB"]),
        rng.uniform(0.2, 1.2, 2 * trips) * float(np.max(problem.demand_qty)),
        rng.integers(-1, 2, count), np.ones(count),
    )  # fmt: skip
    return problem.replace(
        shipping=ships,
        demand_partial=rng.random(count) < 0.5,
        item_shelf_minutes=rng.uniform(200, 9000, len(problem.item_ids)),
        supply_expires=problem.supply_at + rng.uniform(0, 9000, len(problem.supply_at)),
    )


def test_replays_leave_as_the_schedule_does() -> None:
    """Tests the replay against the schedule room with departures, parts and expiry."""
    seen = 0
    for seed in range(12):
        problem = _drawn(seed)
        schedule = right_shift(problem)
        assert verify(problem, schedule).empty
        late = schedule.promises["lateness_days"].to_numpy() * DAY
        assert np.allclose(replay_of(problem, schedule).lateness(), late, atol=0.05)
        per_line = schedule.pegging.groupby(["order_id", "line_id"])["leaves_at"].nunique()
        seen += int((per_line > 1).any())
    assert seen >= 3  # parts really left apart


def test_expired_goods_are_left_to_others() -> None:
    """Tests that a lot that would be too old when the last part is there is not pegged."""
    problem = published_plant(2)
    problem = problem.replace(item_shelf_minutes=np.full(len(problem.item_ids), 300.0))
    schedule = right_shift(problem)
    keeps = right_shift(problem.replace(item_shelf_minutes=np.full(len(problem.item_ids), NEVER)))
    assert not schedule.promises.equals(keeps.promises)
    assert verify(problem, schedule).empty
    assert "shelf_life" in set(verify(problem, keeps)["rule"])


def test_planted_violations_of_leaving_are_found() -> None:
    """Tests a torn line, goods that leave before they exist and a promise before the last part."""
    problem = _drawn(0)
    schedule = right_shift(problem)
    pegs = schedule.pegging
    whole = problem.replace(demand_partial=np.zeros(len(problem.demand_qty), bool))
    torn = next(
        s for s in (right_shift(_drawn(seed)) for seed in range(12))
        if (s.pegging.groupby(["order_id", "line_id"])["leaves_at"].nunique() > 1).any()
    )  # fmt: skip
    assert "partial" in set(verify(whole, torn)["rule"])
    early = pegs.assign(leaves_at=pegs["available_at"] - pd.Timedelta(hours=1))
    details = set(verify(problem, replace(schedule, pegging=early))["detail"])
    assert "leaves before it is there" in details
    soon = schedule.promises.assign(
        promised_at=schedule.promises["promised_at"] + pd.Timedelta(days=1)
    )
    details = set(verify(problem, replace(schedule, promises=soon))["detail"])
    assert "promised when its last part has not left" in details


@pytest.mark.parametrize("how", ["right_shift", "edd"])
def test_frozen_work_waits_for_its_release(how: str) -> None:
    """Tests that frozen work starts no earlier than its release where that is later."""
    problem = published_plant(1)
    first = np.append(0, np.flatnonzero(np.diff(problem.op_lot)) + 1)
    frozen = np.ones(problem.num_operations, bool)
    later = problem.op_start[first] + 500.0
    held = problem.replace(op_frozen=frozen, lot_release=later)
    schedule = right_shift(held) if how == "right_shift" else dispatch(held, "edd")
    assert verify(held, schedule).empty
    before = right_shift(problem.replace(op_frozen=frozen))
    assert "release" in set(verify(held, before)["rule"])


def test_ready_by_is_the_last_departure_in_time() -> None:
    """Tests in time, no departure in time, no lane, after the last departure, and what is sunk."""
    problem = _lane(_plain(), [DAY, 2 * DAY, 4 * DAY], [10.0, 10.0, 10.0])
    count = len(problem.demand_qty)
    due = np.full(count, 3 * DAY)
    due[:4] = [0.5 * DAY, -DAY, 9 * DAY, 4.5 * DAY]
    ships = replace(problem.shipping, demand_lane=np.where(np.arange(count) == 4, -1, 0))
    problem = problem.replace(demand_due=due, shipping=ships)
    ready, lane, sunk, late_from = ready_by(problem)
    assert ready[:6].tolist() == [DAY, DAY, 9 * DAY, 4 * DAY, 3 * DAY, 2 * DAY]
    assert lane[4] == -1
    assert (lane[:4] == 0).all()
    own = np.array([0, 1])
    assert sunk[:2].tolist() == clause_cost(problem, own, np.array([0.5, 2.0])).tolist()
    assert sunk[1] > 0
    assert not sunk[2:].any()
    assert late_from[:4].tolist() == [0.5 * DAY, -DAY, 9 * DAY, 4 * DAY]


def test_the_search_catches_the_truck() -> None:
    """Tests that what leaves earlier than it is due goes first, though it is due later."""
    problem = build_problem(small_plant(7, items=4, lines=1, orders=2), AS_OF, horizon_weeks=8)
    problem = problem.replace(
        demand_due=np.array([60.0, 600.0]),
        demand_qty=np.full(2, problem.demand_qty[0]),
        demand_item=np.flatnonzero(problem.item_is_made)[:2],
        on_hand=np.zeros(len(problem.item_ids)),
    )
    end = (dispatch(problem, "edd").operations["end_at"].max() - AS_OF).total_seconds() / 60
    truck = end - 60.0  # one of the two can be ready for it
    problem = problem.replace(
        demand_due=np.array([end + DAY, end + 2 * DAY]),
        shipping=Shipping(
            ("LANE",), np.array([0, 2]), np.array([truck, truck + 20 * DAY]), np.full(2, 1e9),
            np.array([-1, 0]), np.ones(2),
        ),
    )  # fmt: skip
    missed = dispatch(problem, "edd").promises
    found = solve(problem, ScheduleParams(seed=1, iterations=2000))
    assert verify(problem, found).empty
    assert float(found.promises["late_cost"].sum()) == pytest.approx(0.0)
    assert float(missed["late_cost"].sum()) > 0
