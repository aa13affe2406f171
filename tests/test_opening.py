"""Overtime and expedites are booked where they pay, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.params import ScheduleParams
from soe_lib.schedule import Problem, build_problem, solve, verify
from soe_lib.schedule.opening import Opened, open_levers
from soe_lib.schedule.overtime import overtime_used
from tests.small_plants import AS_OF, small_plant

DAY = 1440.0
FEW = ScheduleParams(seed=3, iterations=4000)


def _tables() -> dict[str, pd.DataFrame]:
    return small_plant(21, items=5, orders=18, load_pct=150)


def _opened(problem: Problem, *, overtime: bool = True, expedite: bool = False) -> Opened:
    return open_levers(
        problem, FEW, solve(problem, FEW),
        resource_calendar=_tables()["resource_calendar"] if overtime else None,
        may_expedite=expedite, most=4,
    )  # fmt: skip


def test_overtime_is_booked_where_lateness_is_dearer() -> None:
    """Tests that Saturdays are opened, worked, paid and verified, and repeat to the last bit."""
    problem = build_problem(_tables(), AS_OF, horizon_weeks=8)
    problem = problem.replace(demand_weight=problem.demand_weight * 200)
    before = solve(problem, FEW)
    found, again = _opened(problem), _opened(problem)
    assert set(found.levers["lever"]) == {"overtime"}
    used = overtime_used(found.problem, found.schedule)
    assert used["hours"].sum() > 0
    assert found.levers["cost"].gt(0).all()
    assert found.levers["saves"].gt(0).all()
    assert found.schedule.summary["overtime_cost"] > 0
    assert found.schedule.summary["total_cost"] < before.summary["total_cost"]
    assert verify(found.problem, found.schedule).empty
    assert "working_time" in set(verify(problem, found.schedule)["rule"])
    assert found.levers.equals(again.levers)
    assert found.schedule.operations.equals(again.schedule.operations)


def test_overtime_stays_closed_where_it_is_dearer() -> None:
    """Tests that nothing is opened when an hour costs more than all lateness."""
    problem = build_problem(_tables(), AS_OF, horizon_weeks=8)
    problem = problem.replace(overtime_cost=np.full(len(problem.resource_ids), 1e6))
    found = _opened(problem)
    assert found.num_tried > 0
    assert found.levers.empty
    assert found.schedule.summary["overtime_cost"] == 0
    assert verify(problem, found.schedule).empty


def _scarce(price: float) -> Problem:
    """Return a plant whose components come on day 6, or on day 1 at a price."""
    problem = build_problem(_tables(), AS_OF, horizon_weeks=8)
    items = np.unique(problem.recipes.need_item)
    count = len(items)
    return problem.replace(
        on_hand=np.zeros(len(problem.on_hand)),
        item_lead_minutes=np.full(len(problem.item_ids), 30 * DAY),
        supply_item=items,
        supply_at=np.full(count, 6 * DAY),
        supply_qty=np.full(count, 1e5),
        supply_ids=tuple(f"PO{k}/1" for k in range(count)),
        supply_expires=np.full(count, 1e15),
        supply_expedite_at=np.full(count, DAY),
        supply_expedite_cost=np.full(count, price),
        supply_is_early=np.zeros(count, bool),
    )


def test_expedites_are_paid_where_lateness_is_dearer() -> None:
    """Tests that receipts are pulled in, named and priced at a cheap price, and not at a dear."""
    cheap, dear = _scarce(1.0), _scarce(1e6)
    found = _opened(cheap, overtime=False, expedite=True)
    assert len(found.levers)
    assert set(found.levers["lever"]) == {"expedite"}
    assert set(found.levers["object_id"]) <= set(cheap.supply_ids)
    rows = found.schedule.expedites
    assert sorted(rows["purchase_order"]) == sorted(found.levers["object_id"])
    assert found.schedule.summary["expedite_cost"] == rows["cost"].sum() == len(rows)
    assert verify(found.problem, found.schedule).empty
    unpaid = found.schedule.__class__(**{**vars(found.schedule), "expedites": rows.iloc[:0]})
    assert "material" in set(verify(found.problem, unpaid)["rule"])
    left = _opened(dear, overtime=False, expedite=True)
    assert left.num_tried > 0
    assert left.levers.empty
    assert left.schedule.expedites.empty
