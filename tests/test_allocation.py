"""Who gets scarce components: the exact model against small plants and against what was found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from soe_lib.params import ScheduleParams
from soe_lib.schedule import build_problem, dispatch, netting, solve, verify
from soe_lib.schedule.allocation import allocate
from soe_lib.schedule.allocation_model import FROM_STOCK
from soe_lib.schedule.clock import build_clock, end_at, finish, worked_at
from soe_lib.schedule.netting import MOST_LOTS
from soe_lib.schedule.plan import new_plan, place_by_rule
from soe_lib.schedule.problem import NEVER, Clauses, Problem
from tests.small_plants import AS_OF, small_plant


def _rivals(weights: tuple[float, float], *, qty: float = 8.0, lot_min: float = 0.0) -> Problem:
    """Return one item, ten components in stock, and two order lines that want them."""
    tables = small_plant(1, items=1, lines=1, orders=2)
    tables["item"] = tables["item"].assign(lot_min_qty=lot_min, lot_multiple_qty=1.0)
    tables["item"].loc[tables["item"]["supply_type"] == "buy", "lead_time_days"] = 10.0
    tables["bom_component"] = tables["bom_component"].assign(qty_per=1.0)
    bought = str(tables["bom_component"]["component_item_id"].iloc[0])
    keep = tables["inventory_balance"].iloc[:1]
    tables["inventory_balance"] = keep.assign(item_id=bought, on_hand_qty=10.0)
    for name in ("purchase_order_line", "supplier_confirmation", "receipt"):
        if name in tables:
            tables[name] = tables[name].iloc[:0]
    lines = tables["sales_order_line"].iloc[:2]
    due = AS_OF + pd.Timedelta(days=3)
    tables["sales_order_line"] = lines.assign(
        item_id="I0", open_qty=8.0, ordered_qty=8.0, requested_at=due, promised_at=due
    )
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    return problem.replace(
        clauses=Clauses.of_rate(np.array(weights)), demand_qty=np.array([qty, qty])
    )


@pytest.mark.parametrize(("weights", "first"), [((9.0, 1.0), 0), ((1.0, 9.0), 1)])
def test_scarce_components_go_to_the_dearer_order_line(
    weights: tuple[float, float], first: int
) -> None:
    """Tests that one line is made from stock of the component and the cheaper one waits for it."""
    found = allocate(_rivals(weights), slack_minutes=0.0)
    assert found is not None
    assert found.served_at[first] == 0.0
    assert found.served_at[1 - first] == pytest.approx(10 * 1440.0)
    assert found.bound <= found.value + 1e-6
    assert found.value > 0


def test_no_lot_minimum_overtakes_the_other_order_line() -> None:
    """Tests that a lot minimum that eats the other's components shows in the exact model only."""
    roomy = _rivals((9.0, 1.0), qty=5.0)
    tight = _rivals((9.0, 1.0), qty=5.0, lot_min=11.0)
    loose = allocate(roomy, slack_minutes=0.0)
    exact = allocate(tight, slack_minutes=0.0, has_exact_lots=True)
    assert exact is not None
    assert loose is None or loose.value == pytest.approx(0.0)
    assert exact.value > 0  # eleven do not fit into ten: both must wait


def test_nothing_scarce_nothing_to_allocate() -> None:
    """Tests that a plant without purchased components has no allocation."""
    tables = small_plant(3)
    tables["bom_component"] = tables["bom_component"].iloc[:0]
    assert allocate(build_problem(tables, AS_OF, horizon_weeks=8), slack_minutes=0.0) is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), load=st.integers(60, 140))
def test_bound_is_below_every_answer(seed: int, load: int) -> None:
    """Tests that no dispatch and no search has less lateness than the bound says is possible."""
    problem = build_problem(small_plant(seed, load_pct=load), AS_OF, horizon_weeks=8)
    bound = allocate(problem, slack_minutes=None, has_exact_lots=True)
    if bound is None:
        return
    answers = [dispatch(problem, "atc"), solve(problem, ScheduleParams(seed=1, iterations=2000))]
    for answer in answers:
        assert verify(problem, answer).empty
        late = float(answer.promises["late_cost"].sum() + answer.promises["lost_margin"].sum())
        assert bound.bound <= late + 1e-4 * (1.0 + late)


def test_lines_take_their_turn_in_the_netting() -> None:
    """Tests that finished stock goes to the line that the allocation serves first."""
    tables = small_plant(7, items=1, lines=1, orders=4)
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    last = int(np.argmax(problem.demand_due))
    on_hand = np.array(problem.on_hand, float)
    on_hand[problem.demand_item[last]] = float(problem.demand_qty[last])
    problem = problem.replace(on_hand=on_hand)
    turn = np.full(len(problem.demand_qty), 1440.0)
    turn[last] = FROM_STOCK
    plan = new_plan(problem, turn=turn)
    from_stock = plan.field.job_target[plan.state.job_lot < 0]
    assert from_stock.tolist() == [last]
    early = new_plan(problem)
    assert last not in early.field.job_target[early.state.job_lot < 0].tolist()


def test_a_line_that_waits_for_components_is_made_in_several_lots() -> None:
    """Tests that it is ready sooner on two lines at once than in one lot, and quantities agree."""
    tables = small_plant(4, items=1, lines=2, orders=1)
    tables["item"] = tables["item"].assign(lot_min_qty=2.0, lot_multiple_qty=1.0)
    problem = build_problem(tables, AS_OF, horizon_weeks=8)
    qty = problem.demand_qty.sum()
    whole = new_plan(problem, turn=np.zeros(1))
    parts = new_plan(problem, turn=np.zeros(1), is_waited_for=np.ones(1, bool))
    made = [plan.state.lot_qty[plan.state.lot_job >= 0] for plan in (whole, parts)]
    assert len(made[0]) == 1
    assert len(made[1]) == min(MOST_LOTS, int(qty // 2))
    assert parts.field.job_qty.sum() == pytest.approx(qty)
    assert (made[1] >= 2.0).all()
    assert made[1].sum() == pytest.approx(made[0].sum())
    ends = []
    for plan in (whole, parts):
        start = place_by_rule(problem, plan, "atc")
        ends.append(plan.decode(problem, np.where(start < NEVER / 2, start, 0.0)).end)
    assert ends[1][ends[1] < NEVER / 2].max() < ends[0][ends[0] < NEVER / 2].max()


@settings(max_examples=40, deadline=None)
@example(qty=100.0, least=2.2e-309, multiple=0.0, most=600.0)
@given(
    qty=st.floats(0.5, 5000),
    least=st.floats(0, 500),
    multiple=st.sampled_from([0.0, 1.0, 5.0, 50.0]),
    most=st.floats(600, 3000),
)
def test_parts_obey_the_lot_rules(qty: float, least: float, multiple: float, most: float) -> None:
    """Tests that parts add up, and that as lots none is over the maximum or needlessly small."""
    problem = _rivals((1.0, 1.0))
    items = len(problem.item_ids)
    problem = problem.replace(
        item_lot_min=np.full(items, least),
        item_lot_multiple=np.full(items, multiple),
        item_lot_max=np.full(items, most),
    )
    found = netting._parts(problem, 0, MOST_LOTS, qty)
    assert sum(found) == pytest.approx(qty)
    assert max(found) <= most + 1e-6
    assert len(found) == 1 or qty > most or min(found) >= least - 1e-6


@settings(max_examples=30, deadline=None)
@given(at=st.floats(0, 12 * 1440), minutes=st.floats(1, 3000))
def test_finish_agrees_with_the_clock_of_the_simulation(at: float, minutes: float) -> None:
    """Tests the vectorised end of work against the kernels', over shifts and nights."""
    clock = build_clock(build_problem(small_plant(2), AS_OF, horizon_weeks=8))
    worked = worked_at(clock.offset, clock.spans, 0, at)
    expected = end_at(clock.offset, clock.spans, 0, worked + minutes)
    found = finish(clock, 0, np.array([at]), np.array([minutes]))
    assert found[0] == pytest.approx(expected)
