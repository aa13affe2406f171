"""Every kind of violation that ``verify`` knows is planted once and rejected."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from soe_lib.schedule import Problem, Schedule, build_problem, dispatch, right_shift, verify
from soe_lib.schedule import verify as checked
from soe_lib.schedule.problem import NEVER, Labour, Shipping, Tools
from tests.small_plants import AS_OF, small_plant, typed_table

MINUTE = pd.Timedelta(minutes=1)
DAY = 1440.0
Planted = tuple[Problem, Schedule]


@pytest.fixture(scope="module")
def answered() -> Planted:
    """A plant with firm and planned work, people, tools and departures, and a clean schedule."""
    tables = small_plant(3, orders=12)
    routing = tables["routing_alternate"]
    more = routing[routing["item_id"] == "I1"].drop_duplicates("item_id").assign(op_no=20)
    tables["routing_alternate"] = pd.concat([routing, more], ignore_index=True)
    line_of = routing.drop_duplicates("item_id").set_index("item_id")["resource_id"]
    tables["work_order"] = typed_table(
        "work_order",
        [
            {
                "wo_id": wo,
                "item_id": item,
                "ordered_qty": 20.0,
                "release_at": AS_OF - pd.Timedelta(days=1),
                "due_at": AS_OF + pd.Timedelta(days=4),
                "status": status,
            }
            for wo, item, status in (
                ("W1", "I0", "started"),
                ("W2", "I2", "released"),
                ("W3", "I3", "released"),
            )
        ],
    )
    tables["work_order_progress_event"] = typed_table(
        "work_order_progress_event",
        [
            {
                "event_id": "E1",
                "event_at": AS_OF - pd.Timedelta(hours=1),
                "wo_id": "W1",
                "op_no": 10,
                "resource_id": line_of["I0"],
                "event_type": "start",
                "good_qty": 2.0,
                "scrap_qty": 0.0,
            }
        ],
    )
    begin = {"W1": -1.0, "W2": 30.0, "W3": 24.0 * 8 + 6}
    tables["schedule_operation"] = typed_table(
        "schedule_operation",
        [
            {
                "version_id": "V1",
                "published_at": AS_OF - pd.Timedelta(days=2),
                "status": "published",
                "wo_id": wo,
                "op_no": 10,
                "split_no": 1,
                "item_id": item,
                "planned_qty": 20.0,
                "resource_id": line_of[item],
                "setup_start_at": AS_OF + pd.Timedelta(hours=begin[wo]),
                "start_at": AS_OF + pd.Timedelta(hours=begin[wo]),
                "end_at": AS_OF + pd.Timedelta(hours=begin[wo] + 3),
                "is_frozen": wo != "W3",
            }
            for wo, item in (("W1", "I0"), ("W2", "I2"), ("W3", "I3"))
        ],
    )
    problem = build_problem(tables, AS_OF, horizon_weeks=8, plan_lots=True)
    recipes = dataclasses.replace(
        problem.recipes,
        alt_tool=np.zeros(len(problem.recipes.alt_resource), np.int64),
        alt_skill=np.zeros(len(problem.recipes.alt_resource), np.int64),
        alt_heads=np.ones(len(problem.recipes.alt_resource)),
    )
    problem = problem.replace(
        recipes=recipes,
        tools=Tools(("T",), np.array([2]), np.array([0.0])),
        labour=Labour(
            ("S",), np.array([0, 1]), np.array([0.0]), np.array([400 * DAY]), np.array([2.0])
        ),
        shipping=Shipping(
            ("N",),
            np.array([0, 60]),
            DAY * np.arange(1, 61),
            np.full(60, 1e6),
            np.where(np.arange(len(problem.demand_qty)) % 2 == 0, 0, -1),
            np.ones(len(problem.demand_qty)),
        ),
    )
    schedule = dispatch(problem, "edd")
    assert checked(problem, schedule).empty
    return problem, schedule


def _ops(schedule: Schedule, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Schedule:
    return dataclasses.replace(schedule, operations=change(schedule.operations.copy()))


def _promises(schedule: Schedule, **cells: object) -> Schedule:
    rows = schedule.promises.copy()
    at = rows.index[rows["promised_at"].notna()][0]
    for name, value in cells.items():
        rows.loc[at, name] = value(rows.loc[at, name]) if callable(value) else value
    return dataclasses.replace(schedule, promises=rows)


def _pegs(schedule: Schedule, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Schedule:
    return dataclasses.replace(schedule, pegging=change(schedule.pegging.copy()))


def _move(rows: pd.DataFrame, which: pd.Series, by: pd.Timedelta) -> pd.DataFrame:
    for name in ("setup_start_at", "start_at", "end_at"):
        rows[name] = rows[name].where(~which, rows[name] + by)
    return rows


def _first_planned(rows: pd.DataFrame) -> pd.Series:
    return rows.index == rows.index[rows["is_planned"]][0]


def _after_changeover(rows: pd.DataFrame) -> pd.Series:
    return rows.index == rows.index[rows["setup_minutes"] > 0][0]


def _lot_min(p: Problem, s: Schedule) -> Planted:
    return p.replace(item_lot_min=np.full(len(p.item_ids), 1e5)), s


def _lot_max(p: Problem, s: Schedule) -> Planted:
    return p.replace(item_lot_max=np.full(len(p.item_ids), 1.0)), s


def _lot_multiple(p: Problem, s: Schedule) -> Planted:
    return p.replace(item_lot_multiple=np.full(len(p.item_ids), 7.77)), s


def _unknown_resource(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: t.assign(resource_id=t["resource_id"].where(t.index > 0, "L9")))


def _wrong_resource(p: Problem, s: Schedule) -> Planted:
    offset, resource = p.recipes.alt_offset, p.recipes.alt_resource
    return p.replace(
        recipes=dataclasses.replace(p.recipes, alt_resource=1 - resource, alt_offset=offset),
        alt_resource=1 - p.alt_resource,
    ), s


def _past(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: _move(t, _first_planned(t), pd.Timedelta(days=-30)))


def _release(p: Problem, s: Schedule) -> Planted:
    return p.replace(lot_release=np.full(len(p.lot_ids), 300 * DAY)), s


def _started_moves(p: Problem, s: Schedule) -> Planted:
    return p.replace(op_resource=1 - p.op_resource), s


def _frozen_early(p: Problem, s: Schedule) -> Planted:
    return p.replace(op_start=p.op_start + 100 * DAY), s


def _second_before_first(p: Problem, s: Schedule) -> Planted:
    def change(t: pd.DataFrame) -> pd.DataFrame:
        return _move(t, t["op_no"].eq(20), pd.Timedelta(days=-7))

    return p, _ops(s, change)


def _shorter_run(p: Problem, s: Schedule) -> Planted:
    return p, _ops(
        s, lambda t: t.assign(end_at=t["end_at"].where(t.index > 0, t["end_at"] - 5 * MINUTE))
    )


def _at_night(p: Problem, s: Schedule) -> Planted:
    midnight = s.operations["start_at"].dt.normalize()
    return p, _ops(s, lambda t: t.assign(start_at=midnight, setup_start_at=midnight))


def _no_changeover(p: Problem, s: Schedule) -> Planted:
    def change(t: pd.DataFrame) -> pd.DataFrame:
        hit = _after_changeover(t)
        return t.assign(setup_start_at=t["setup_start_at"].where(~hit, t["start_at"]))

    return p, _ops(s, change)


def _overlap(p: Problem, s: Schedule) -> Planted:
    def change(t: pd.DataFrame) -> pd.DataFrame:
        own = t[t["resource_id"] == t["resource_id"].iloc[-1]]
        names = ["setup_start_at", "start_at", "end_at"]
        t.loc[own.index[-1], names] = t.loc[own.index[-2], names].to_numpy()
        return t

    return p, _ops(s, change)


def _third_station(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: t.assign(station_no=3))


def _fewer_tools(p: Problem, s: Schedule) -> Planted:
    return p.replace(tools=Tools(("T",), np.array([0]), np.array([0.0]))), s


def _late_tool(p: Problem, s: Schedule) -> Planted:
    return p.replace(tools=Tools(("T",), np.array([2]), np.array([300 * DAY]))), s


def _fewer_people(p: Problem, s: Schedule) -> Planted:
    return p.replace(labour=dataclasses.replace(p.labour, heads=np.array([0.5]))), s


def _no_stock(p: Problem, s: Schedule) -> Planted:
    return p.replace(on_hand=np.zeros(len(p.item_ids))), dataclasses.replace(
        s, purchases=s.purchases.iloc[:0]
    )


def _buy_in_the_past(p: Problem, s: Schedule) -> Planted:
    rows = s.purchases.assign(order_at=AS_OF - pd.Timedelta(days=3))
    return p, dataclasses.replace(s, purchases=rows)


def _buy_too_fast(p: Problem, s: Schedule) -> Planted:
    return p.replace(item_lead_minutes=np.full(len(p.item_ids), 500 * DAY)), s


def _expedite_what_cannot(p: Problem, s: Schedule) -> Planted:
    rows = pd.DataFrame({"supply_id": ["0"], "item_id": ["C0"], "cost": [1.0]})
    q = p.replace(
        supply_item=np.array([p.item_ids.index("C0")]),
        supply_at=np.array([DAY]),
        supply_qty=np.array([1.0]),
        supply_expires=np.array([NEVER]),
        supply_expedite_at=np.array([NEVER]),
        supply_expedite_cost=np.array([0.0]),
    )
    return q, dataclasses.replace(s, expedites=rows)


def _promise_more(p: Problem, s: Schedule) -> Planted:
    return p, _promises(s, promised_qty=lambda qty: qty + 10)


def _promise_early(p: Problem, s: Schedule) -> Planted:
    return p, _promises(s, promised_at=AS_OF - pd.Timedelta(days=9))


def _peg_twice(p: Problem, s: Schedule) -> Planted:
    return p, _pegs(s, lambda t: t.assign(qty=t["qty"] * 3))


def _peg_unknown(p: Problem, s: Schedule) -> Planted:
    def change(t: pd.DataFrame) -> pd.DataFrame:
        return t.assign(supply_id=t["supply_id"].where(t["supply_type"] != "lot", "NOBODY/1"))

    return p, _pegs(s, change)


def _line_lost(p: Problem, s: Schedule) -> Planted:
    return p, dataclasses.replace(s, promises=s.promises.iloc[1:])


def _expired(p: Problem, s: Schedule) -> Planted:
    return p.replace(item_shelf_minutes=np.full(len(p.item_ids), -100 * DAY)), s


def _full_truck(p: Problem, s: Schedule) -> Planted:
    return p.replace(shipping=dataclasses.replace(p.shipping, pallets=np.full(60, 0.5))), s


def _no_truck(p: Problem, s: Schedule) -> Planted:
    return p.replace(shipping=dataclasses.replace(p.shipping, at=p.shipping.at + 77.0)), s


def _cheap_lateness(p: Problem, s: Schedule) -> Planted:
    return p, dataclasses.replace(s, promises=s.promises.assign(late_cost=-5.0))


def _wrong_lateness(p: Problem, s: Schedule) -> Planted:
    return p, _promises(s, lateness_days=lambda days: days - 1.0)


def _missing(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: t[t["wo_id"] != "W2"])


def _twice(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: pd.concat([t, t.iloc[[0]]], ignore_index=True))


def _stranger(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: t.assign(item_id=t["item_id"].where(t["wo_id"] == "W1", "C0")))


def _half_routing(p: Problem, s: Schedule) -> Planted:
    return p, _ops(s, lambda t: t[t["op_no"] != 20])


def _other_quantity(p: Problem, s: Schedule) -> Planted:
    return p, _ops(
        s, lambda t: t.assign(planned_qty=t["planned_qty"].where(t["wo_id"] != "W2", 3.0))
    )


def _buy_what_is_made(p: Problem, s: Schedule) -> Planted:
    return p, dataclasses.replace(s, purchases=s.purchases.assign(item_id="I0"))


def _torn(p: Problem, s: Schedule) -> Planted:
    def halves(t: pd.DataFrame) -> pd.DataFrame:
        half = t.assign(qty=t["qty"] / 2)
        return pd.concat([half, half.assign(leaves_at=half["leaves_at"] + pd.Timedelta(days=1))])

    return p, _pegs(s, halves)


PLANTED: list[tuple[Callable[[Problem, Schedule], Planted], str, str]] = [
    (_missing, "complete", "not in the schedule"),
    (_twice, "complete", "appears twice"),
    (_stranger, "complete", "not in the problem"),
    (_half_routing, "complete", "lacks operations"),
    (_other_quantity, "lot_size", "not that of the work order"),
    (_lot_min, "lot_size", "below the lot minimum"),
    (_lot_max, "lot_size", "above the lot maximum"),
    (_lot_multiple, "lot_size", "not a multiple"),
    (_unknown_resource, "known_resource", "cannot run it"),
    (_wrong_resource, "known_resource", "cannot run it"),
    (_past, "not_in_the_past", "before now"),
    (_release, "release", "before its release"),
    (_started_moves, "started_work_stays", "although it has started"),
    (_frozen_early, "frozen_work_stays", "pulled ahead"),
    (_second_before_first, "precedence", "before the operation before it"),
    (_shorter_run, "run_time", "not its run time"),
    (_at_night, "working_time", "while closed"),
    (_no_changeover, "changeover", "less changeover"),
    (_overlap, "station_overlap", "before its station is free"),
    (_third_station, "station_overlap", "no such station"),
    (_fewer_tools, "tool", "is in use"),
    (_late_tool, "tool", "not there yet"),
    (_fewer_people, "labour", "too few S"),
    (_no_stock, "material", "short by"),
    (_buy_in_the_past, "purchase", "ordered before now"),
    (_buy_too_fast, "purchase", "less than its lead time"),
    (_buy_what_is_made, "purchase", "made in house"),
    (_expedite_what_cannot, "expedite", "cannot be expedited"),
    (_promise_more, "promise", "do not add up"),
    (_promise_early, "promise", "before its supply"),
    (_peg_twice, "promise", "more than once"),
    (_peg_unknown, "promise", "no such supply"),
    (_line_lost, "promise", "differ"),
    (_torn, "partial", "leaves in parts"),
    (_expired, "shelf_life", "expired"),
    (_full_truck, "ship_capacity", "carries"),
    (_no_truck, "ship_capacity", "without a departure"),
    (_cheap_lateness, "money", "what the clause says"),
    (_wrong_lateness, "money", "promised less due"),
]


@pytest.mark.parametrize(
    ("plant", "rule", "words"), PLANTED, ids=[row[0].__name__.strip("_") for row in PLANTED]
)
def test_planted_violation_is_rejected(
    answered: Planted, plant: Callable[[Problem, Schedule], Planted], rule: str, words: str
) -> None:
    """Tests that a planted violation is found under its rule, in words, and names its object."""
    found = verify(*plant(*answered))
    own = found[(found["rule"] == rule) & found["detail"].str.contains(re.escape(words))]
    assert len(own), f"{rule} not found in {found.to_string()}"


def test_every_rule_is_planted() -> None:
    """Tests that the list above knows every rule that verify names in its documentation."""
    text = str(verify.__doc__).split("Rules:")[1]
    assert set(re.findall(r"``(\w+)``", text)) == {rule for _, rule, _ in PLANTED}


def test_what_the_engine_makes_is_clean(answered: Planted) -> None:
    """Tests that right-shift and every rule of dispatch verify on the plant with everything."""
    problem, _ = answered
    for schedule in (right_shift(problem), *(dispatch(problem, r) for r in ("wspt", "atc", "cr"))):
        assert verify(problem, schedule).empty


def test_a_second_too_much_is_rounding(answered: Planted) -> None:
    """Tests that instants rounded to the second are no violation, half a minute is one."""
    problem, schedule = answered
    later = _ops(schedule, lambda t: t.assign(end_at=t["end_at"] + pd.Timedelta(seconds=1)))
    assert "run_time" not in set(verify(problem, later)["rule"])
    later = _ops(schedule, lambda t: t.assign(end_at=t["end_at"] + pd.Timedelta(seconds=30)))
    assert "run_time" in set(verify(problem, later)["rule"])
