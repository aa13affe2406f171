"""Every construct of the engine on the demo plant: without it the plan differs, broken it is seen.

Where the demo week does not bind a construct (people, release dates, lot maximum, departures,
prices of expedites), the test says so by tightening it from the plant's own tables first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from soe_lib.money import in_currency
from soe_lib.params import ScheduleParams
from soe_lib.schedule import Problem, Schedule, build_problem, dispatch, right_shift, solve, verify
from soe_lib.schedule.problem import NEVER
from tests import demo_constructs as make
from tests.benchmarks.demo import demo_tables
from tests.demo_constructs import DAY, Demo

Pair = tuple[Problem, Problem]
Answer = Callable[[Problem], Schedule]


@cache
def _demo() -> Demo:
    tables, as_of, zone = demo_tables()
    return Demo(tables, as_of, zone, build_problem(tables, as_of, site_time_zone=zone))


@pytest.fixture(scope="module")
def demo() -> Demo:
    """The demo plant at the instant of its week; its published schedule is the start."""
    return _demo()


def _edd(problem: Problem) -> Schedule:
    return dispatch(problem, "edd")


def _searched(problem: Problem) -> Schedule:
    return solve(problem, ScheduleParams(seed=1, iterations=400))


def _searched_long(problem: Problem) -> Schedule:
    return solve(problem, ScheduleParams(seed=1, iterations=20_000))


def _hours(schedule: Schedule) -> float:
    """Hours between start and end of all operations, pauses included."""
    rows = schedule.operations
    return float((rows["end_at"] - rows["start_at"]).dt.total_seconds().sum() / 3600)


def _lots(schedule: Schedule) -> float:
    return float(schedule.operations["wo_id"].nunique())


def _made(schedule: Schedule) -> float:
    return float(schedule.operations.drop_duplicates("wo_id")["planned_qty"].sum())


def _term(name: str) -> Callable[[Schedule], float]:
    return lambda schedule: float(schedule.summary[name])


LATE, COST, TOTAL = _term("tardiness_days"), _term("late_cost"), _term("total_cost")
SETUP, OVERTIME, CHANGE = _term("changeover_hours"), _term("overtime_cost"), _term("change_cost")
EXPEDITE = _term("expedite_cost")


@dataclass(frozen=True)
class Case:
    """A construct: problems with and without it, how they are answered, what it must raise.

    ``more`` is 1 where the measure is higher with the construct, -1 where it is lower, 0 where
    only the operations must differ.
    """

    pair: Callable[[Demo], Pair]
    answer: Answer = right_shift
    measure: Callable[[Schedule], float] = LATE
    more: int = 1


def _less(**changes: Callable[[Problem], object]) -> Callable[[Demo], Pair]:
    """Return the demo problem and the one with some fields replaced."""
    return lambda d: (
        d.problem,
        d.problem.replace(**{name: change(d.problem) for name, change in changes.items()}),
    )


def _cut(change: Callable[[Problem], Problem]) -> Callable[[Demo], Pair]:
    return lambda d: (d.problem, change(d.problem))


def _clause(name: str, value: float = 0.0) -> Callable[[Demo], Pair]:
    return _cut(lambda p: make.priced(p, **{name: np.full(len(p.demand_qty), value)}))


def _preference(d: Demo) -> Pair:
    """One step of preference is worth a cent, which decides nothing here: it is made dear."""
    p = d.problem
    dear = np.where(p.alt_preference > 1, 1e5, 1.0)
    return p.replace(alt_preference=dear), p.replace(alt_preference=np.ones(len(dear)))


def _second_choices(schedule: Schedule) -> float:
    """Return how many operations are on a resource that is not their first choice."""
    p = _demo().problem
    op = np.repeat(np.arange(p.num_operations), np.diff(p.alt_offset))
    lot = np.array(p.lot_ids, dtype=object)[p.op_lot[op]]
    resource = np.array(p.resource_ids, dtype=object)[p.alt_resource]
    keys = pd.MultiIndex.from_arrays([lot, p.op_no[op], resource])
    rows = schedule.operations
    own = rows["wo_id"] + "/" + rows["split_no"].astype(str)
    at = keys.get_indexer(pd.MultiIndex.from_arrays([own, rows["op_no"], rows["resource_id"]]))
    return float((p.alt_preference[at] > 1).sum())


def _stops(d: Demo) -> Pair:
    events = d.tables["downtime_event"]
    return d.problem, d.build(downtime_event=events[events["end_at"] < d.as_of])


def _maintenance(d: Demo) -> Pair:
    rows = d.tables["resource_calendar"]
    planned = rows["calendar_kind"].isin(["maintenance", "holiday"])
    return d.problem, d.build(resource_calendar=rows[~planned])


def _no_skill(p: Problem) -> Problem:
    return p.replace(alt_skill=np.full(len(p.alt_skill), -1))


def _bookable(d: Demo) -> Pair:
    """The crew lists of the demo plant end on Friday: Saturdays are tried without people."""
    return _no_skill(make.with_bookable_overtime(d)), _no_skill(d.problem)


def _booked(d: Demo) -> Pair:
    return _no_skill(make.with_booked_overtime(d)), _no_skill(d.problem)


def _half_crew(d: Demo) -> Pair:
    labour = d.problem.labour
    half = d.problem.replace(labour=replace(labour, heads=np.floor(labour.heads / 2)))
    return half, _no_skill(d.problem)


def _releases(d: Demo) -> Pair:
    """Every tenth work order outside the frozen zone is released two days after its start."""
    p = d.problem
    first = np.append(0, np.flatnonzero(np.diff(p.op_lot)) + 1)
    frozen = np.bincount(p.op_lot, p.op_frozen) > 0
    held = ~frozen & (np.arange(len(p.lot_ids)) % 10 == 0)
    later = np.where(held, p.op_start[first] + 2 * DAY, p.lot_release)
    return p.replace(lot_release=later), p


def _planned(**changes: Callable[[Problem], np.ndarray]) -> Callable[[Demo], Pair]:
    def pair(d: Demo) -> Pair:
        p = make.planned_lots(d)
        return p, p.replace(**{name: change(p) for name, change in changes.items()})

    return pair


def _small_lots(d: Demo) -> Pair:
    """Filled goods in lots of at most 2,000, which their lot minimum of 1,000 allows."""
    p = make.planned_lots(d)
    small = np.where(p.item_lot_max < 10_000, 2_000.0, p.item_lot_max)
    return p.replace(item_lot_max=small), p.replace(item_lot_max=np.full(len(small), NEVER))


def _caps(d: Demo) -> Pair:
    """Without the receipts of components some lines are so late that their clause is capped."""
    p = d.problem.replace(supply_qty=d.problem.supply_qty * 0.0)
    return p, make.priced(p, cap=np.full(len(p.demand_qty), NEVER))


def _expedited(p: Problem) -> Schedule:
    return make.shifted(p, expedite=True)


CASES: dict[str, Case] = {
    "precedence": Case(_cut(make.without_precedence)),
    "bill of materials": Case(_cut(make.without_made_components), _edd, COST),
    "alternate resources": Case(_cut(make.only_published_resources), _edd, LATE, -1),
    "rates of alternates": Case(_cut(make.with_equal_rates), _edd),
    "preferences": Case(_preference, _searched_long, _second_choices, -1),
    "shifts": Case(_cut(make.always_open), right_shift, COST),
    "bookable overtime": Case(_bookable, right_shift, LATE, -1),
    "price of overtime": Case(_bookable, right_shift, OVERTIME),
    "booked overtime": Case(_booked, right_shift, LATE, -1),
    "unplanned downtime": Case(_stops, right_shift, COST),
    "planned downtime": Case(_maintenance, right_shift, COST),
    "pauses": Case(
        _cut(lambda p: make.open_where_work_pauses(p, right_shift(p))), right_shift, _hours
    ),
    "changeovers": Case(_less(setup_minutes=lambda p: p.setup_minutes * 0.0)),
    "time of changeovers": Case(
        _less(setup_minutes=lambda p: p.setup_minutes * 0.0), right_shift, SETUP
    ),
    "current set-up": Case(
        _less(current_family=lambda p: np.full(len(p.resource_ids), -1)), right_shift, SETUP
    ),
    "tools": Case(_less(alt_tool=lambda p: np.full(len(p.alt_tool), -1))),
    "people": Case(_half_crew),
    "component stock": Case(
        _less(on_hand=lambda p: np.where(make.is_made(p), p.on_hand, 1e12)), right_shift, COST
    ),
    "stock of goods": Case(
        _less(on_hand=lambda p: np.where(make.is_made(p), 0.0, p.on_hand)), right_shift, LATE, -1
    ),
    "receipts": Case(_less(supply_qty=lambda p: p.supply_qty * 0.0), right_shift, LATE, -1),
    "lead times": Case(_less(item_lead_minutes=lambda p: p.item_lead_minutes * 0.0)),
    "expedites": Case(lambda d: (d.problem, make.without_expedites(d)), _expedited, LATE, -1),
    "price of expedites": Case(
        lambda d: (d.problem, make.without_expedites(d)), _expedited, EXPEDITE
    ),
    "lot minimum": Case(_planned(item_lot_min=lambda p: p.item_lot_min * 0.0), measure=_made),
    "lot multiple": Case(
        _planned(item_lot_multiple=lambda p: p.item_lot_multiple * 0.0), measure=_made
    ),
    "lot maximum": Case(_small_lots, measure=_lots),
    "lot splitting": Case(_small_lots, measure=SETUP),
    "work in progress": Case(_less(op_fixed=lambda p: p.op_fixed & False), _edd, LATE, 0),
    "release dates": Case(_releases),
    "frozen fence": Case(_less(op_frozen=lambda p: p.op_frozen & False), _edd),
    "price of change": Case(_less(op_change_cost=lambda p: p.op_change_cost * 0.0), _edd, CHANGE),
    "slushy and liquid fences": Case(
        _less(op_change_cost=lambda p: p.op_change_cost * 0.0), _searched, SETUP
    ),
    "ship capacity": Case(lambda d: (make.with_departures(d, 0.25), d.problem)),
    "departures": Case(lambda d: (d.problem, d.build(ship_capacity=None))),
    "transit": Case(lambda d: (d.problem, make.without_transit(d))),
    "order priority": Case(
        _less(demand_rank=lambda p: p.demand_rank.max() - p.demand_rank), right_shift, COST, -1
    ),
    "flat penalties": Case(_clause("flat"), right_shift, COST),
    "penalties per day": Case(_clause("per_day"), right_shift, COST),
    "penalties per week": Case(_clause("per_week"), right_shift, COST),
    "days free of penalty": Case(_clause("free_days"), right_shift, COST, -1),
    "penalty caps": Case(_caps, right_shift, COST, -1),
}


@cache
def _answers(name: str) -> tuple[Problem, Schedule, Problem, Schedule]:
    """Return problem and schedule with the construct, and those without it."""
    case = CASES[name]
    full, less = case.pair(_demo())
    return full, case.answer(full), less, case.answer(less)


@pytest.mark.parametrize("name", CASES)
def test_without_the_construct_the_plan_differs(name: str) -> None:
    """Tests that schedule or cost change when the construct goes, the way it makes sense."""
    case = CASES[name]
    full, given, less, free = _answers(name)
    for problem, schedule in ((full, given), (less, free)):
        faults = verify(problem, schedule)
        assert faults.empty, faults.to_string()
    if case.more:
        assert case.more * (case.measure(given) - case.measure(free)) > 1e-3
    else:
        keys = ["wo_id", "split_no", "op_no"]
        place = ["resource_id", "start_at"]
        both = [s.operations.set_index(keys)[place].sort_index() for s in (given, free)]
        assert both[0].index.equals(both[1].index)
        assert not both[0].equals(both[1])


def test_partial_delivery_changes_the_plan(demo: Demo) -> None:
    """Tests that lines that may not leave in parts leave otherwise where departures are small."""
    small = make.with_departures(demo, 0.25)
    whole = small.replace(demand_partial=np.zeros(len(small.demand_qty), bool))
    assert small.demand_partial.any()
    assert not right_shift(small).promises.equals(right_shift(whole).promises)


def test_shelf_life_changes_the_plan(demo: Demo) -> None:
    """Tests that goods that keep for a day are promised otherwise than goods that keep."""
    brief = demo.problem.replace(item_shelf_minutes=np.full(len(demo.problem.item_ids), DAY))
    assert not right_shift(brief).promises.equals(_published(demo.as_of).promises)


# --- violations --------------------------------------------------------------------------------

Planted = tuple[Problem, Schedule]
TIMES = ["setup_start_at", "start_at", "end_at"]


def _ignored(name: str) -> Callable[[Demo], Planted]:
    """The schedule that ignores the construct, judged by the problem that has it."""

    def plant(_: Demo) -> Planted:
        full, _given, _less, free = _answers(name)
        return full, free

    return plant


def _rows(d: Demo) -> tuple[Problem, Schedule, pd.DataFrame]:
    p = d.problem
    schedule = _published(p.as_of)
    return p, schedule, schedule.operations.copy()


@cache
def _published(_: pd.Timestamp) -> Schedule:
    return right_shift(_demo().problem)


def _second_first(d: Demo) -> Planted:
    p, schedule, rows = _rows(d)
    last = rows[rows["op_no"].eq(20)].index[-1]
    rows.loc[last, TIMES] -= pd.Timedelta(days=7)
    return p, replace(schedule, operations=rows)


def _bulk_late(d: Demo) -> Planted:
    p, schedule, rows = _rows(d)
    bulk = rows["item_id"].str.startswith("BULK-") & rows["start_at"].gt(p.as_of)
    rows.loc[bulk, TIMES] += pd.Timedelta(days=28)
    return p, replace(schedule, operations=rows)


def _strange_line(d: Demo) -> Planted:
    p, schedule, rows = _rows(d)
    own = rows["item_id"].str.startswith("BULK-") & (rows["resource_id"] == "MIX-N1")
    return p, replace(
        schedule, operations=rows.assign(resource_id=rows["resource_id"].mask(own, "PAC-N1"))
    )


def _no_pause(d: Demo) -> Planted:
    p, schedule, rows = _rows(d)
    own = make.straddling(p, schedule).index
    run = pd.to_timedelta(rows.loc[own, "run_minutes"], unit="min").astype("timedelta64[us]")
    rows.loc[own, "end_at"] = rows.loc[own, "start_at"] + run
    return p, replace(schedule, operations=rows)


def _started_moves(d: Demo) -> Planted:
    p, schedule, rows = _rows(d)
    fixed = p.lot_ids[p.op_lot[np.flatnonzero(p.op_fixed)[0]]].split("/")[0]
    own = rows["wo_id"].eq(fixed) & rows["op_no"].eq(p.op_no[np.flatnonzero(p.op_fixed)[0]])
    other = "FIL-N2" if rows.loc[own, "resource_id"].iloc[0] != "FIL-N2" else "FIL-N3"
    return p, replace(
        schedule, operations=rows.assign(resource_id=rows["resource_id"].mask(own, other))
    )


def _lead_ignored(d: Demo) -> Planted:
    p, schedule, _ = _rows(d)
    soon = schedule.purchases.assign(order_at=schedule.purchases["receipt_at"])
    return p, replace(schedule, purchases=soon)


def _unpaid_expedites(d: Demo) -> Planted:
    full, given, _, _ = _answers("expedites")
    return full, replace(given, expedites=given.expedites.iloc[:0])


def _expedite_what_cannot(d: Demo) -> Planted:
    full, given, _, _ = _answers("expedites")
    cannot = int(np.flatnonzero(full.supply_expedite_at >= NEVER)[0])
    rows = given.expedites.copy()
    rows.loc[0, "supply_id"] = str(cannot)
    return full, replace(given, expedites=rows)


def _spoiled_goods(d: Demo) -> Planted:
    p, schedule, _ = _rows(d)
    wait = pd.Timedelta(days=400)
    later = schedule.promises.assign(promised_at=schedule.promises["promised_at"] + wait)
    pegs = schedule.pegging.assign(leaves_at=schedule.pegging["leaves_at"] + wait)
    return p, replace(schedule, promises=later, pegging=pegs)


def _stolen_supply(d: Demo) -> Planted:
    """A line that ranks last is given the stock that lines before it have."""
    p, schedule, _ = _rows(d)
    pegs = schedule.pegging.copy()
    stock = pegs["supply_type"] == "stock"
    pegs.loc[stock, "qty"] += 1e5
    return p, replace(schedule, pegging=pegs)


def _part_as_whole(d: Demo) -> Planted:
    p, schedule, _ = _rows(d)
    lines, pegs = schedule.promises.copy(), schedule.pegging.copy()
    lines.loc[0, "promised_qty"] /= 2
    own = pegs["order_id"].eq(lines.loc[0, "order_id"]) & pegs["line_id"].eq(
        lines.loc[0, "line_id"]
    )
    pegs.loc[own, "qty"] /= 2
    return p, replace(schedule, promises=lines, pegging=pegs)


VIOLATIONS: dict[str, tuple[Callable[[Demo], Planted], str, str]] = {
    "precedence": (_second_first, "precedence", "before the operation before it"),
    "bill of materials": (_bulk_late, "material", "BULK-"),
    "alternate resources": (_strange_line, "known_resource", "cannot run it"),
    "rates of alternates": (_ignored("rates of alternates"), "run_time", "not its run time"),
    "shifts": (_ignored("shifts"), "working_time", "while closed"),
    "bookable overtime": (
        lambda d: (_answers("bookable overtime")[2], _answers("bookable overtime")[1]),
        "working_time", "while closed",
    ),
    "booked overtime": (
        lambda d: (_answers("booked overtime")[2], _answers("booked overtime")[1]),
        "working_time", "while closed",
    ),
    "unplanned downtime": (_ignored("unplanned downtime"), "working_time", "while closed"),
    "planned downtime": (_ignored("planned downtime"), "working_time", "while closed"),
    "pauses": (_no_pause, "run_time", "not its run time"),
    "changeovers": (_ignored("changeovers"), "changeover", "less changeover"),
    "current set-up": (_ignored("current set-up"), "changeover", "less changeover"),
    "tools": (_ignored("tools"), "tool", "STAR-"),
    "people": (_ignored("people"), "labour", "too few"),
    "component stock": (_ignored("component stock"), "material", "short by"),
    "stock of goods": (_stolen_supply, "promise", "promised more than once"),
    "receipts": (_unpaid_expedites, "material", "short by"),
    "lead times": (_lead_ignored, "purchase", "less than its lead time"),
    "expedites": (_expedite_what_cannot, "expedite", "cannot be expedited"),
    "lot minimum": (_ignored("lot minimum"), "lot_size", "below the lot minimum"),
    "lot multiple": (_ignored("lot multiple"), "lot_size", "not a multiple"),
    "lot maximum": (_ignored("lot maximum"), "lot_size", "above the lot maximum"),
    "work in progress": (_started_moves, "started_work_stays", "although it has started"),
    "release dates": (_ignored("release dates"), "release", "before its release"),
    "frozen fence": (_ignored("frozen fence"), "frozen_work_stays", "in the frozen zone"),
    "ship capacity": (_ignored("ship capacity"), "ship_capacity", "carries"),
    "departures": (_ignored("departures"), "ship_capacity", "without a departure"),
    "transit": (_ignored("transit"), "money", "lateness is not promised less due"),
    "shelf life": (_spoiled_goods, "shelf_life", "expired"),
    "order priority": (_stolen_supply, "promise", "promised more than once"),
    "partial delivery": (_part_as_whole, "promise", "although it is not covered"),
    "penalties": (_ignored("flat penalties"), "money", "what the clause says"),
}  # fmt: skip


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_of_the_construct_is_rejected(name: str, demo: Demo) -> None:
    """Tests that the checker names the construct when the schedule breaks it."""
    plant, rule, words = VIOLATIONS[name]
    faults = verify(*plant(demo))
    own = faults[(faults["rule"] == rule) & faults["detail"].str.contains(re.escape(words))]
    assert len(own), faults.groupby(["rule", "detail"]).size().to_string()


def test_what_is_made_is_never_bought(demo: Demo) -> None:
    """Tests that lots without a lot minimum are waited for to the last instant, not bought."""
    p = make.planned_lots(demo)
    p = p.replace(item_lot_min=np.zeros(len(p.item_lot_min)))
    schedule = _edd(p)
    made = np.array(p.item_ids, dtype=object)[p.item_is_made]
    assert not schedule.purchases["item_id"].isin(made).any()
    assert verify(p, schedule).empty


def test_prices_and_docks_of_the_feed_are_read(demo: Demo) -> None:
    """Tests that changeovers, expedites and departures come from the tables, and are said."""
    p, rates = demo.problem, demo.tables["cost_rate"]
    matrix = demo.tables["setup_matrix"]
    assert rates.loc[rates["cost_type"] == "changeover_hour", "cost_amount"].eq(90.0).all()
    assert p.price_notes[0] == (
        "Cost of changeover time: 90 money/h by the data on 10 of 10 resources, instead of "
        "60 money/h by the parameters"
    )
    assert in_currency(p.price_notes[1], "EUR") == (
        "Overtime of one resource: 60 to 145 EUR/h by the data on 10 of 10 resources, instead of "
        "90 EUR/h by the parameters"
    )
    plain = demo.build(setup_matrix=matrix.assign(setup_cost=0.0))
    assert (plain.changeover_cost == 90.0).all()
    lines = demo.tables["purchase_order_line"].set_index(["po_id", "line_id"])
    can = np.flatnonzero(p.supply_expedite_at < NEVER)
    named = lines.loc[[tuple(p.supply_ids[k].split("/")) for k in can]]
    assert len(can)
    assert named["is_expedite_possible"].all()
    assert p.supply_expedite_cost[can].tolist() == named["expedite_cost"].tolist()
    gained = (p.supply_at - p.supply_expedite_at)[can] / DAY
    assert (gained <= named["expedite_days"].to_numpy(float) + 1e-9).all()
    assert (gained > 0).all()
    docks = demo.tables["ship_capacity"]
    open_ = docks[(docks["cut_off_at"] >= demo.as_of) & (docks["status"] == "booked")]
    assert p.shipping.pallets.sum() == pytest.approx(open_["capacity_pallets"].sum())
    assert len(p.shipping.at) == len(open_)
    assert (p.shipping.demand_lane >= 0).all()
    unpriced = demo.build(cost_rate=None, setup_matrix=matrix.assign(setup_cost=0.0))
    assert unpriced.price_notes == ()
    assert (unpriced.changeover_cost == 60.0).all()
