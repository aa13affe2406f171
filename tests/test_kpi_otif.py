"""OTIF: brute force on random cases, every edge case of the specification, as-of discipline."""

from __future__ import annotations

import datetime as dt
import itertools
import time

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.days import day_number, shift
from soe_lib.kpi.facts import order_facts
from soe_lib.kpi.otif import otif, otif_kpis, three_bases
from soe_lib.kpi.otif_rows import evaluate, otif_lines
from soe_lib.kpi.perfect_order import perfect_order
from soe_lib.kpi.policy import OtifPolicy, preset
from soe_lib.kpi.projected import projected_otif
from soe_lib.kpi.value import kpi_rows
from tests.kpi_tables import (
    ZONE,
    at,
    book,
    by_name,
    change,
    day,
    delivery,
    order,
    period,
    table,
)

HOUSE = OtifPolicy("house", basis="requested", early_days=None, late_days=0.0, under_pct=0.0)
LATER = at(30)


def step(date: dt.date, count: int, working: bool) -> dt.date:
    """Move a date day by day, the slow way."""
    if not working:
        return date + dt.timedelta(days=count)
    if count == 0:
        return date
    sign = 1 if count > 0 else -1
    while date.weekday() > 4:
        date -= dt.timedelta(days=sign)
    while count:
        date += dt.timedelta(days=sign)
        while date.weekday() > 4:
            date += dt.timedelta(days=sign)
        count -= sign
    return date


def brute_force(q, due, moves, e, late, u, o, working):
    """Evaluate one line by walking through its deliveries."""
    start = None if e is None else step(due, -e, working)
    end = None if late is None else step(due, late, working)
    moves = sorted(moves)
    total = sum(qty for _, qty in moves)
    by_end = sum(qty for when, qty in moves if end is None or when <= end)
    early = sum(qty for when, qty in moves if start is not None and when < start)

    def full(amount):
        return amount > 0 and (u is None or amount >= (1 - u / 100) * q - 1e-9 * q)

    over = o is not None and total > (1 + o / 100) * q + 1e-9 * q
    in_full = full(by_end) and not over
    came, on_time = 0.0, False
    if moves:
        on_time = True
        for when, qty in moves:
            if full(came):
                break
            if (start is not None and when < start) or (end is not None and when > end):
                on_time = False
            came += qty
        on_time = on_time and full(came)
    return {
        "is_in_full": in_full,
        "is_not_early": early == 0,
        "is_on_time": on_time,
        "is_otif": in_full and early == 0,
        "is_in_full_ever": full(total),
        "window_qty": by_end - early,
    }


@pytest.mark.parametrize("working", [False, True])
def test_random_lines_match_brute_force(working: bool) -> None:
    """Tests that 18,000 random cases get what a walk through their deliveries says."""
    rng = np.random.default_rng(7)
    cases, orders, moves = [], [], []
    for k in range(500):
        q, due = float(rng.integers(1, 6) * 10), int(rng.integers(0, 7))
        own = [
            (int(rng.integers(-4, 14)), float(rng.choice([q, q / 2, q / 10, 1.2 * q])))
            for _ in range(rng.integers(0, 4))
        ]
        cases.append((q, day(due).date(), [(day(d).date(), x) for d, x in own]))
        orders.append(order(order_id=f"{k:03d}", ordered_qty=q, due=day(due)))
        moves += [
            delivery(d, x, order_id=f"{k:03d}", shipment_id=str(j)) for j, (d, x) in enumerate(own)
        ]
    tables = book(*orders, deliveries=moves)
    facts = order_facts(tables, LATER, ZONE)
    today = float(day_number(pd.Series([day(30)]))[0])
    checked = 0
    for e, late, (u, o) in itertools.product(
        (None, 0, 2), (None, 0, 3), ((None, None), (0.0, 20.0), (10.0, None), (100.0, 0.0))
    ):
        policy = OtifPolicy(
            "p",
            basis="requested",
            early_days=e,
            late_days=late,
            under_pct=u,
            over_pct=o,
            day_count="working" if working else "calendar",
        )
        lines = evaluate(facts, tables, policy, ZONE, today)
        assert (lines["exclude_reason"] == "").all()
        wanted = pd.DataFrame([brute_force(*c, e, late, u, o, working) for c in cases])
        for name in wanted:
            gap = lines[name].astype(float) - wanted[name].astype(float)
            worst = int(gap.abs().argmax())
            assert abs(gap[worst]) < 1e-9, (name, cases[worst], policy)
        assert (~lines["is_otif"] | (lines["is_in_full"] & lines["is_on_time"])).all()
        checked += len(cases)
    assert checked == 18_000


def test_schedule_lines_share_deliveries_first_come_first_served() -> None:
    """Tests that random schedule lines of one order line get deliveries in order of their dates."""
    rng = np.random.default_rng(3)
    orders, moves, wanted = [], [], []
    for k in range(300):
        size = int(rng.integers(1, 4))
        due = rng.permutation(7)[:size]
        qty = rng.integers(1, 5, size) * 10.0
        orders += [
            order(order_id=f"{k:03d}", schedule_no=s + 1, ordered_qty=qty[s], due=day(int(due[s])))
            for s in range(size)
        ]
        own = {int(rng.integers(-2, 10)): float(rng.integers(1, 7) * 10) for _ in range(3)}
        moves += [delivery(d, x, order_id=f"{k:03d}") for d, x in own.items()]
        stock = [d for d, x in sorted(own.items()) for _ in range(int(x))]
        got: dict[int, list[int]] = {s: [] for s in range(size)}
        for s in sorted(range(size), key=lambda s: due[s]):
            take = int(qty[s])
            got[s], stock = stock[:take], stock[take:]
        got[max(range(size), key=lambda s: due[s])] += stock
        wanted += [(sum(d <= due[s] for d in got[s]), len(got[s])) for s in range(size)]
    lines = otif_lines(book(*orders, deliveries=moves), LATER, HOUSE, ZONE)
    assert lines["delivered_by_end_qty"].tolist() == [float(a) for a, _ in wanted]
    assert lines["delivered_qty"].tolist() == [float(b) for _, b in wanted]


@pytest.mark.parametrize("working", [False, True])
def test_days_shift_as_a_walk_does(working: bool) -> None:
    """Tests that vectorised day arithmetic equals stepping through the calendar."""
    days = pd.Series([day(k) for k in range(14) for _ in range(11)])
    counts = np.tile(np.arange(-5.0, 6.0), 14)
    moved = shift(day_number(days), counts, working=working)
    wanted = [
        (step(d.date(), int(c), working) - dt.date(1970, 1, 1)).days
        for d, c in zip(days, counts, strict=True)
    ]
    assert moved.tolist() == wanted


def test_holiday_is_no_working_day() -> None:
    """Tests that a holiday of the policy stretches the late tolerance."""
    moves = [delivery(8, 100)]
    plain = OtifPolicy("p", basis="requested", late_days=2.0)
    due = order(due=day(3))
    assert not otif_lines(book(due, deliveries=moves), LATER, plain, ZONE)["is_otif"][0]
    free = OtifPolicy("p", basis="requested", late_days=2.0, holidays=("2026-11-06",))
    assert otif_lines(book(due, deliveries=moves), LATER, free, ZONE)["window_end_date"][0] == day(
        8
    )
    assert otif_lines(book(due, deliveries=moves), LATER, free, ZONE)["is_otif"][0]


EARLY = OtifPolicy("early", basis="requested", early_days=1.0, late_days=0.0, over_pct=5.0)
FIRST, LAST = HOUSE.on("first_confirmed"), HOUSE.on("last_confirmed")
CANCEL = {"status": "cancelled", "delivered_qty": 0.0}
TERMS = [{"customer_id": "C1", "customer_tier": "A", "penalty_type": "none", "notice_days": 2.0}]
MOVED = order(requested_date=day(5))

EDGE_CASES = {
    # name: (policy, order, deliveries, changes, exclude_reason, is_otif, fail_reason)
    "partials in the window complete q": (HOUSE, order(), [(1, 40), (3, 60)], [], "", True, ""),
    "partial by D, rest later: stays failed": (
        HOUSE, order(), [(3, 60), (5, 40)], [], "", False, "late"),
    "partial, rest never": (HOUSE, order(), [(3, 60)], [], "", False, "short"),
    "nothing ever": (HOUSE, order(), [], [], "", False, "not_delivered"),
    "early ignored without e": (HOUSE, order(), [(0, 100)], [], "", True, ""),
    "early fails with e": (EARLY, order(), [(0, 100)], [], "", False, "early"),
    "a day early within e": (EARLY, order(), [(2, 100)], [], "", True, ""),
    "over-delivery ignored without o": (HOUSE, order(), [(3, 180)], [], "", True, ""),
    "over-delivery fails with o": (EARLY, order(), [(3, 106)], [], "", False, "over"),
    "over-delivery within o": (EARLY, order(), [(3, 105)], [], "", True, ""),
    "customer cancels in time": (
        HOUSE, order(**CANCEL, cancelled_by="customer", cancelled_at=at(-1)), [], [],
        "cust_cancel", False, ""),
    "customer cancels inside the notice": (
        HOUSE, order(**CANCEL, cancelled_by="customer", cancelled_at=at(2)), [], [],
        "cust_cancel_inside_notice", False, ""),
    "customer cancels after our miss": (
        HOUSE, order(**CANCEL, cancelled_by="customer", cancelled_at=at(5)), [], [],
        "", False, "not_delivered"),
    "customer cancels the rest before D: q is what came": (
        HOUSE, order(**CANCEL, cancelled_by="customer", cancelled_at=at(2)), [(1, 60)], [],
        "", True, ""),
    "customer cancels, known from the event alone": (
        HOUSE, order(**CANCEL), [], [change(-1, "cancel", None, None)], "cust_cancel", False, ""),
    "we cancel": (
        HOUSE, order(**CANCEL, cancelled_by="us", cancelled_at=at(-1)), [], [],
        "", False, "cancelled_by_us"),
    "we short-close": (HOUSE, order(status="completed"), [(2, 60)], [], "", False, "short"),
    "we cut the quantity": (
        HOUSE, order(ordered_qty=60.0), [(2, 60)],
        [change(-2, "qty", 100, 60, initiated_by="us")], "", False, "short"),
    "customer cuts the quantity": (
        HOUSE, order(ordered_qty=60.0), [(2, 60)], [change(-2, "qty", 100, 60)], "", True, ""),
    "nobody knows who cancelled": (HOUSE, order(**CANCEL), [], [], "cancel_unknown", False, ""),
    "customer moves the date: requested": (
        HOUSE, MOVED, [(5, 100)], [change(1, "requested_date", day(3).date(), day(5).date())],
        "", True, ""),
    "customer moves the date: first confirmed resets": (
        FIRST, MOVED, [(5, 100)], [change(1, "requested_date", day(3).date(), day(5).date())],
        "", True, ""),
    "customer moves the date: first confirmed resets to our answer": (
        FIRST, order(requested_date=day(5), last_confirmed_date=day(6)), [(6, 100)],
        [change(1, "requested_date", day(3).date(), day(5).date()),
         change(2, "confirmed_date", day(3).date(), day(6).date(), initiated_by="us")],
        "", True, ""),
    "customer moves the date after our miss": (
        HOUSE, MOVED, [(5, 100)], [change(4, "requested_date", day(3).date(), day(5).date())],
        "", False, "late"),
    "customer moves after our miss: first confirmed stays": (
        FIRST, MOVED, [(5, 100)], [change(4, "requested_date", day(3).date(), day(5).date())],
        "", False, "late"),
    "we move the date: requested stays": (
        HOUSE, MOVED, [(5, 100)],
        [change(1, "requested_date", day(3).date(), day(5).date(), initiated_by="us")],
        "", False, "late"),
    "we move the date: first confirmed stays": (
        FIRST, order(last_confirmed_date=day(5)), [(5, 100)],
        [change(1, "confirmed_date", day(3).date(), day(5).date(), initiated_by="us")],
        "", False, "late"),
    "we move the date: last confirmed moves": (
        LAST, order(last_confirmed_date=day(5)), [(5, 100)],
        [change(1, "confirmed_date", day(3).date(), day(5).date(), initiated_by="us")],
        "", True, ""),
    "never confirmed: requested": (
        HOUSE, order(first_confirmed_date=pd.NaT, last_confirmed_date=pd.NaT), [(3, 100)], [],
        "", True, ""),
    "never confirmed: first": (
        FIRST, order(first_confirmed_date=pd.NaT, last_confirmed_date=pd.NaT), [(3, 100)], [],
        "no_confirmation", False, ""),
    "never confirmed: last": (
        LAST, order(first_confirmed_date=pd.NaT, last_confirmed_date=pd.NaT), [(3, 100)], [],
        "no_confirmation", False, ""),
    "not yet due": (HOUSE, order(due=day(30)), [(3, 100)], [], "not_yet_due", False, ""),
    "due the day before as_of": (HOUSE, order(due=day(29)), [(3, 100)], [], "", True, ""),
    "late tolerance not over": (
        OtifPolicy("l", basis="requested", late_days=1.0), order(due=day(29)), [], [],
        "not_yet_due", False, ""),
    "ship-based: goods issue by D - transit": (
        HOUSE, order(transit_days=2.0), [(1, 100)], [], "", True, ""),
    "ship-based: goods issue after D - transit": (
        HOUSE, order(transit_days=2.0), [(2, 100)], [], "", False, "late"),
    "pick-up: the day we made it available": (
        HOUSE, order(transit_days=2.0, is_customer_pick_up=True), [(3, 100)], [], "", True, ""),
    "sample": (HOUSE, order(order_type="sample"), [(9, 100)], [], "type_sample", False, ""),
    "return": (HOUSE, order(order_type="return"), [(9, 100)], [], "type_return", False, ""),
    "inter-company": (
        HOUSE, order(order_type="inter_company"), [], [], "type_inter_company", False, ""),
    "unreadable change": (
        HOUSE, order(), [(3, 100)], [change(1, "requested_date", "soon", "later")],
        "unreadable_change", False, ""),
    "u not evaluated: anything is full": (
        OtifPolicy("u", basis="requested", under_pct=None), order(), [(3, 1)], [], "", True, ""),
    "l not evaluated: C(as_of) counts": (
        OtifPolicy("l", basis="requested", late_days=None), order(), [(20, 100)], [], "", True, ""),
    "delivered after as_of does not count": (
        HOUSE, order(due=day(29)), [(31, 100)], [], "", False, "not_delivered"),
    "line tolerance overrides the policy": (
        HOUSE, order(late_days=1.0), [(4, 100)], [], "", True, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_case(name: str) -> None:
    """Tests that each edge case of the specification is treated as it says."""
    policy, line, moves, changes, excluded, passes, fails = EDGE_CASES[name]
    tables = book(line, deliveries=[delivery(*m) for m in moves], changes=changes, terms=TERMS)
    lines = otif_lines(tables, LATER, policy, ZONE)
    assert len(lines) == 1
    row = lines.iloc[0]
    assert row["exclude_reason"] == excluded
    if not excluded:
        assert (row["is_otif"], row["fail_reason"]) == (passes, fails)
    kpi = by_name(otif_kpis(lines, LATER, period(0, 40), policy))["otif_line"]
    if excluded:
        assert kpi.status == "not_evaluable"
        assert np.isnan(kpi.value)
        assert dict(kpi.excluded) == {excluded: 1}
        assert kpi.reason
    else:
        assert kpi.value == (100.0 if passes else 0.0)


def test_partial_gets_credit_by_quantity_and_fill_time() -> None:
    """Tests that a failed partial counts its part in OTIF_qty and records when it was full."""
    tables = book(order(), deliveries=[delivery(3, 60), delivery(5, 40)])
    found = by_name(otif(tables, LATER, period(), HOUSE))
    assert found["otif_line"].value == 0.0
    assert found["otif_qty"].value == pytest.approx(60.0)
    assert found["otif_value"].value == pytest.approx(60.0)
    assert found["in_full_ever_line"].value == 100.0
    assert found["fill_time"].value == 2.0


def test_overage_is_ignored_by_quantity() -> None:
    """Tests that OTIF_qty caps a line at its quantity: one line's surplus covers no other's gap."""
    tables = book(
        order(),
        order(order_id="SO2"),
        deliveries=[delivery(3, 150), delivery(3, 50, order_id="SO2")],
    )
    assert by_name(otif(tables, LATER, period(), HOUSE))["otif_qty"].value == pytest.approx(75.0)


def test_several_dates_are_several_orders() -> None:
    """Tests that OTIF_order groups by (order, date) and needs every schedule line."""
    tables = book(
        order(line_id="1"),
        order(line_id="2"),
        order(line_id="3", due=day(5)),
        deliveries=[delivery(3, 100, line_id="1"), delivery(5, 100, line_id="3")],
    )
    found = by_name(otif(tables, LATER, period(), HOUSE))
    assert (found["otif_order"].num, found["otif_order"].den) == (1, 2)
    assert (found["otif_line"].num, found["otif_line"].den) == (2, 3)


def test_increase_after_confirmation_is_a_line_of_its_own() -> None:
    """Tests that an increase gets its own promise and does not spoil the first one."""
    line = order(
        ordered_qty=150.0,
        first_confirmed_qty=100.0,
        last_confirmed_date=day(5),
        last_confirmed_qty=150.0,
    )
    tables = book(
        line,
        deliveries=[delivery(3, 100), delivery(5, 50)],
        changes=[change(0, "qty", 100, 150)],
    )
    lines = otif_lines(tables, LATER, FIRST, ZONE)
    assert lines["qty"].tolist() == [100.0, 50.0]
    assert lines["is_increase"].tolist() == [False, True]
    assert lines["reference_date"].tolist() == [day(3), day(5)]
    assert lines["is_otif"].all()
    tables["sales_order_line"]["last_confirmed_qty"] = 100.0
    lines = otif_lines(tables, LATER, FIRST, ZONE)
    assert lines["exclude_reason"].tolist() == ["", "no_confirmation"]


def test_nothing_due_is_not_evaluable() -> None:
    """Tests that a period without lines gives neither 0 % nor 100 %."""
    found = otif(book(order()), LATER, period(10, 17), HOUSE)
    rows = kpi_rows(found)
    assert rows["value"].isna().all()
    assert (rows["status"] == "not_evaluable").all()
    assert (rows["n"] == 0).all()
    assert (rows["reason"] != "").all()


def test_delivery_based_needs_proof() -> None:
    """Tests that proof of delivery counts and that missing proof is unknown."""
    policy = OtifPolicy("d", basis="requested", measured_at="delivery", late_days=0.0)
    late = delivery(3, 100, delivered_at=at(4))
    assert not otif_lines(book(order(), deliveries=[late]), LATER, policy, ZONE)["is_otif"][0]
    open_ = delivery(3, 100, delivered_at=pd.NaT)
    lines = otif_lines(book(order(), deliveries=[open_]), LATER, policy, ZONE)
    assert lines["exclude_reason"][0] == "no_proof"
    gone = delivery(5, 100, delivered_at=pd.NaT)
    lines = otif_lines(book(order(), deliveries=[gone]), LATER, policy, ZONE)
    assert lines["exclude_reason"][0] == ""
    assert not lines["is_otif"][0]
    pick_up = book(order(is_customer_pick_up=True), deliveries=[open_])
    assert otif_lines(pick_up, LATER, policy, ZONE)["is_otif"][0]


def test_customer_terms_override_tolerances_and_basis() -> None:
    """Tests that terms with a basis are a whole policy and terms without fill only gaps."""
    whole = {
        "customer_id": "C1",
        "customer_tier": "A",
        "penalty_type": "none",
        "otif_basis": "last_confirmed",
        "late_days": 2.0,
    }
    line = order(last_confirmed_date=day(4))
    tables = book(line, deliveries=[delivery(6, 10)], terms=[whole])
    # D = 4 (last confirmed), two working days late, no under tolerance evaluated
    policy = OtifPolicy("p", basis="requested", use_customer_basis=True)
    row = otif_lines(tables, LATER, policy, ZONE).iloc[0]
    assert row["reference_date"] == day(4)
    assert row["window_end_date"] == day(8)
    assert row["is_otif"]
    partly = {**whole, "otif_basis": None}
    tables = book(line, deliveries=[delivery(6, 10)], terms=[partly])
    row = otif_lines(tables, LATER, policy, ZONE).iloc[0]
    assert row["reference_date"] == day(3)
    assert row["window_end_date"] == day(7)
    assert row["fail_reason"] == "short"
    alone = OtifPolicy("p", basis="requested", use_customer_terms=False)
    assert otif_lines(tables, LATER, alone, ZONE).iloc[0]["window_end_date"] == day(3)


def test_three_bases_and_their_gaps() -> None:
    """Tests that the gaps are differences of the three bases in percentage points."""
    lines = [
        order(order_id="A", requested_date=day(1)),
        order(order_id="B", last_confirmed_date=day(5)),
        order(order_id="C"),
        order(order_id="D"),
    ]
    moves = [
        delivery(3, 100, order_id="A"),
        delivery(5, 100, order_id="B"),
        delivery(3, 100, order_id="C"),
        delivery(6, 100, order_id="D"),
    ]
    found = three_bases(book(*lines, deliveries=moves), LATER, period(), HOUSE)
    values = {(k.kpi, k.basis): k.value for k in found}
    assert values["otif_line", "requested"] == 25.0
    assert values["otif_line", "first_confirmed"] == 50.0
    assert values["otif_line", "last_confirmed"] == 75.0
    assert values["promise_gap", "first_confirmed against requested"] == 25.0
    assert values["repromise_gap", "last_confirmed against first_confirmed"] == 25.0


def test_last_weeks_number_does_not_change() -> None:
    """Tests that this week's tables with last week's as_of give last week's number."""
    then_orders = [
        order(order_id="A", due=day(1)),
        order(order_id="B", due=day(2)),
        order(order_id="C", due=day(4)),
        order(order_id="D", due=day(4), ordered_qty=50.0),
        order(order_id="E", due=day(1)),
        order(order_id="G", due=day(10)),
    ]
    then_moves = [delivery(1, 100, order_id="A"), delivery(2, 60, order_id="B")]
    then = book(*then_orders, deliveries=then_moves)
    now_orders = [
        order(order_id="A", due=day(1), delivered_qty=100.0, status="completed"),
        order(order_id="B", due=day(2), delivered_qty=100.0, status="completed"),
        order(order_id="C", due=day(4), requested_date=day(9), last_confirmed_date=day(9)),
        order(order_id="D", due=day(4), ordered_qty=80.0),
        order(order_id="E", due=day(1), status="cancelled", cancelled_by="customer",
              cancelled_at=at(8)),
        order(order_id="F", due=day(1), ordered_at=at(8)),
        order(order_id="G", due=day(10), status="cancelled", cancelled_by="customer",
              cancelled_at=at(8)),
    ]  # fmt: skip
    now_moves = [
        *then_moves,
        delivery(8, 40, order_id="B"),
        delivery(2, 40, order_id="B", shipment_id="late paper", recorded_at=at(8)),
        delivery(4, 50, order_id="D", recorded_at=at(9)),
    ]
    changes = [
        change(8, "requested_date", day(4).date(), day(9).date(), order_id="C"),
        change(8, "confirmed_date", day(4).date(), day(9).date(), order_id="C", initiated_by="us"),
        change(8, "qty", 50, 80, order_id="D"),
        change(8, "cancel", None, None, order_id="E"),
    ]
    now = book(*now_orders, deliveries=now_moves, changes=changes)
    as_of = at(7, hour=5)
    for basis in ("requested", "first_confirmed", "last_confirmed"):
        policy = HOUSE.on(basis)
        before = kpi_rows(otif(then, as_of, period(0, 14), policy))
        again = kpi_rows(otif(now, as_of, period(0, 14), policy))
        pd.testing.assert_frame_equal(before, again)
        assert before.loc[0, "n"] == 5
        assert before.loc[0, "excluded"] == "not_yet_due 1"
        assert (
            kpi_rows(otif(now, at(14, 5), period(), policy)).loc[0, "value"]
            != before.loc[0, "value"]
        )


def test_superseded_event_does_not_count() -> None:
    """Tests that a change that another event corrects is left out."""
    events = [
        change(1, "requested_date", day(3).date(), day(9).date(), event_id="E1"),
        change(1.1, "requested_date", day(3).date(), day(5).date(), event_id="E2",
               supersedes_id="E1"),
    ]  # fmt: skip
    tables = book(order(requested_date=day(5)), deliveries=[delivery(5, 100)], changes=events)
    assert otif_lines(tables, LATER, HOUSE, ZONE)["reference_date"][0] == day(5)


def test_expedite_moves_the_date_where_the_line_followed() -> None:
    """Tests that an expedite that the line followed is a customer's change, a mere wish is none."""
    asked = [change(8, "expedite", day(9).date(), day(4).date())]
    followed = book(order(requested_date=day(4), first_confirmed_date=day(9)), changes=asked)
    assert otif_lines(followed, at(7), HOUSE, ZONE)["reference_date"][0] == day(9)
    assert otif_lines(followed, LATER, HOUSE, ZONE)["reference_date"][0] == day(4)
    first = otif_lines(followed, LATER, HOUSE.on("first_confirmed"), ZONE)
    assert first["reference_date"][0] == day(3)  # our answer, the last confirmation
    wish = book(order(requested_date=day(9)), changes=asked)
    for as_of in (at(7), LATER):
        assert otif_lines(wish, as_of, HOUSE, ZONE)["reference_date"][0] == day(9)
    words = book(order(), changes=[change(1, "expedite", None, "as soon as you can")])
    assert otif_lines(words, LATER, HOUSE, ZONE)["exclude_reason"][0] == ""


def test_change_of_one_schedule_line_leaves_the_others() -> None:
    """Tests that an event finds its schedule line by the value that it changed."""
    lines = [
        order(schedule_no=1, ordered_qty=40.0, due=day(2)),
        order(schedule_no=2, ordered_qty=60.0, due=day(3), requested_date=day(9)),
    ]
    tables = book(*lines, changes=[change(8, "requested_date", day(4).date(), day(9).date())])
    dates = otif_lines(tables, at(7), HOUSE, ZONE)["reference_date"]
    assert dates.tolist() == [day(2), day(4)]


def test_without_events_the_last_goods_issue_counts() -> None:
    """Tests that a feed without delivery events is read from the order line, and says so."""
    tables = book(order(delivered_qty=100.0, last_goods_issue_at=at(2)))
    lines = otif_lines(tables, LATER, HOUSE, ZONE)
    assert lines["is_otif"][0]
    assert lines["is_derived"][0]
    kpi = by_name(otif(tables, LATER, period(), HOUSE))["otif_line"]
    assert "1 lines without event" in kpi.note


def test_perfect_order_keeps_the_unknown_unknown() -> None:
    """Tests that unknown documents are excluded with bounds, never counted as right or wrong."""
    orders = [order(order_id=k) for k in "ABCD"]
    moves = [delivery(3, 100, order_id=k) for k in "ABC"]
    tables = book(*orders, deliveries=moves)
    lines = otif_lines(tables, LATER, HOUSE, ZONE)
    marks = pd.DataFrame(
        {
            "order_id": ["A", "B", "D"],
            "line_id": "1",
            "documents_ok": pd.array([True, True, True], dtype="boolean"),
            "condition_ok": pd.array([True, False, True], dtype="boolean"),
        }
    )
    found = by_name(perfect_order(lines, marks, LATER, period(), HOUSE))
    assert (found["perfect_line"].num, found["perfect_line"].den) == (1, 3)
    assert dict(found["perfect_line"].excluded) == {"documents_unknown": 1}
    assert found["perfect_line"].note.startswith("between 25.0 % and 50.0 %")
    assert found["perfect_order"].den == 3
    nothing = marks.assign(documents_ok=pd.array([None] * 3, dtype="boolean"))
    empty = by_name(perfect_order(lines, nothing, LATER, period(), HOUSE))["perfect_line"]
    assert empty.status == "not_evaluable"
    assert np.isnan(empty.value)


def test_projected_otif_is_separate() -> None:
    """Tests that lines not yet due are judged by what the schedule promises, apart from the KPI."""
    tables = book(
        order(order_id="A", due=day(9)),
        order(order_id="B", due=day(9)),
        order(order_id="C", due=day(3)),
        deliveries=[delivery(2, 40, order_id="A")],
    )
    promises = pd.DataFrame(
        {
            "order_id": ["A", "B"],
            "line_id": ["1", "1"],
            "promised_at": pd.Series([at(8), at(10)]),
            "promised_qty": [60.0, 100.0],
        }
    )
    now = at(7, 5)
    found = by_name(projected_otif(tables, promises, now, period(7, 14), HOUSE))
    assert found["projected_otif_line"].value == 50.0
    assert found["projected_otif_line"].n == 2
    measured = by_name(otif(tables, now, period(7, 14), HOUSE))["otif_line"]
    assert dict(measured.excluded) == {"not_yet_due": 2}


def test_retailer_preset_changes_with_its_day() -> None:
    """Tests that a preset is chosen by its day, fails early cases and ignores overage."""
    new = preset("walmart prepaid", day(0))
    assert new.targets == {"on_time_qty": 90.0, "in_full_qty": 95.0}
    assert preset("walmart prepaid", pd.Timestamp("2024-01-31")).targets["on_time_qty"] == 98.0
    with pytest.raises(KeyError, match="in force on 2019-01-01"):
        preset("walmart prepaid", pd.Timestamp("2019-01-01"))
    orders = [order(order_id=k) for k in "ABC"]
    moves = [
        delivery(3, 120, order_id="A"),
        delivery(2, 100, order_id="B"),
        delivery(3, 100, order_id="C"),
    ]
    found = by_name(otif(book(*orders, deliveries=moves), LATER, period(), new))
    assert found["otif_qty"].value == pytest.approx(200 / 3)
    assert found["in_full_qty"].value == pytest.approx(100.0)
    assert found["in_full_qty"].status == "pass"
    assert found["on_time_qty"].value == pytest.approx(100 * 220 / 320)
    assert found["on_time_qty"].status == "fail"


def test_cut_by_customer_adds_up() -> None:
    """Tests that the cuts of a dimension add up to the total."""
    orders = [order(order_id=str(k), customer_id=f"C{k % 3}") for k in range(10)]
    moves = [delivery(3, 100, order_id=str(k)) for k in range(0, 10, 2)]
    found = otif(book(*orders, deliveries=moves), LATER, period(), HOUSE, by="customer_id")
    own = [k for k in found if k.kpi == "otif_line"]
    total = next(k for k in own if not k.dimension)
    parts = [k for k in own if k.dimension]
    assert [k.member for k in parts] == ["C0", "C1", "C2"]
    assert sum(k.num for k in parts) == total.num == 5
    assert sum(k.n for k in parts) == total.n == 10


def test_small_sample_shows_its_interval() -> None:
    """Tests that nine of nine lines do not claim certainty."""
    orders = [order(order_id=str(k)) for k in range(9)]
    moves = [delivery(3, 100, order_id=str(k)) for k in range(9)]
    kpi = by_name(otif(book(*orders, deliveries=moves), LATER, period(), HOUSE))["otif_line"]
    assert kpi.value == 100.0
    assert kpi.lo == pytest.approx(70.085, abs=0.01)
    assert kpi.hi == 100.0


def test_a_hundred_thousand_lines_take_about_a_second() -> None:
    """Tests that 100,000 order lines are evaluated in seconds of processor time, not minutes."""
    rng, size = np.random.default_rng(0), 100_000
    due = (day(0) + pd.to_timedelta(rng.integers(0, 200, size), unit="D")).as_unit("us")
    lines = table("sales_order_line", order()).loc[[0] * size].reset_index(drop=True)
    number = pd.Series(np.arange(size) // 3).astype("str")
    lines = lines.assign(
        order_id=number,
        line_id=pd.Series(np.arange(size) % 3).astype("str"),
        requested_date=due,
        ordered_at=pd.Series(due).dt.tz_localize("UTC") - pd.Timedelta(days=10),
    )
    late = pd.to_timedelta(rng.integers(-3, 4, size) * 24 + 12, unit="h")
    moves = table("delivery_event", delivery(0, 100)).loc[[0] * size].reset_index(drop=True)
    moves = moves.assign(
        order_id=number,
        line_id=lines["line_id"],
        goods_issue_at=(pd.Series(due).dt.tz_localize("UTC") + late).astype("datetime64[us, UTC]"),
    )
    tables = {"sales_order_line": lines, "delivery_event": moves}
    begin = time.process_time()
    found = otif_lines(tables, at(300), HOUSE, ZONE)
    assert time.process_time() - begin < 6.0  # 0.7 s on an idle core
    assert found["is_otif"].mean() == pytest.approx(4 / 7, abs=0.01)


def test_bad_policy_is_refused() -> None:
    """Tests that a negative tolerance and an unknown basis are errors that name the policy."""
    with pytest.raises(ValueError, match="'p': late_days is -1"):
        OtifPolicy("p", late_days=-1)
    with pytest.raises(ValueError, match="unknown basis 'wished'"):
        OtifPolicy("p", basis="wished")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a calendar day"):
        period().__class__(day(0) + pd.Timedelta(hours=1), day(7), ZONE)


def test_table_helper_is_canonical() -> None:
    """Tests that the helper's tables satisfy the contract they stand for."""
    from soe_lib.tables import TABLES

    TABLES["sales_order_line"].schema().validate(table("sales_order_line", order()))
