"""Backlog: brute force, ages, and the identity that must balance to zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.backlog import backlog, backlog_lines, bottleneck_hours
from soe_lib.kpi.backlog_flow import FLOW_TERMS, backlog_flow
from soe_lib.kpi.value import kpi_rows
from tests.kpi_tables import ZONE, at, book, change, day, delivery, order, period, table


def flow(tables, begin, end, basis="requested"):
    """Return the identity as two dictionaries by kind."""
    found = backlog_flow(tables, begin, end, ZONE, basis)
    return {row["kind"]: row for row in found.to_dict("records")}


def random_book(seed: int, size: int = 80) -> dict[str, pd.DataFrame]:
    """Return an order book with partials, over-shipments, changes, cancellations, late papers."""
    rng = np.random.default_rng(seed)
    orders, moves, changes = [], [], []
    for k in range(size):
        key = {"order_id": f"{k:03d}"}
        born = float(rng.integers(-10, 10)) + 0.25
        parts = 1 if rng.random() < 0.7 else 2
        for s in range(parts):
            qty, due = float(rng.integers(1, 9) * 10), int(rng.integers(-5, 20))
            line = order(
                **key, schedule_no=s + 1, ordered_at=at(born), ordered_qty=qty, due=day(due)
            )
            when = born
            if parts == 1:
                for n in range(int(rng.integers(0, 3))):
                    when += float(rng.integers(1, 5))
                    new = float(rng.integers(1, 9) * 10)
                    by = str(rng.choice(["customer", "us"]))
                    name = {"event_id": f"Q{k}/{n}", "initiated_by": by}
                    changes.append(change(when, "qty", line["ordered_qty"], new, **key, **name))
                    line["ordered_qty"] = new
                when = born
                for n in range(int(rng.integers(0, 3))):
                    when += float(rng.integers(1, 5))
                    new_day = day(int(rng.integers(-5, 20)))
                    name = {"event_id": f"D{k}/{n}"}
                    old = line["requested_date"].date()
                    changes.append(
                        change(when, "requested_date", old, new_day.date(), **key, **name)
                    )
                    line["requested_date"] = new_day
                if rng.random() < 0.3:
                    new_day = day(int(rng.integers(-5, 20)))
                    old = line["last_confirmed_date"].date()
                    confirmed = change(born + 3, "confirmed_date", old, new_day.date(), **key)
                    changes.append({**confirmed, "initiated_by": "us", "event_id": f"L{k}"})
                    line["last_confirmed_date"] = new_day
            fate = rng.random()
            if fate < 0.2:
                gone = at(born + float(rng.integers(1, 12)) + 0.1)
                line |= {
                    "status": "cancelled",
                    "cancelled_at": gone,
                    "cancelled_by": str(rng.choice(["customer", "us"])),
                }
            elif fate < 0.4:
                line["status"] = "completed"
            orders.append(line)
        for n in range(int(rng.integers(0, 4))):
            when = born + float(rng.integers(0, 14)) + 0.3
            paper = {"recorded_at": at(when + 2)} if rng.random() < 0.2 else {}
            moves.append(
                delivery(when, float(rng.integers(1, 7) * 10), **key, shipment_id=f"{n}", **paper)
            )
    return book(*orders, deliveries=moves, changes=changes)


@pytest.mark.parametrize("basis", ["requested", "first_confirmed", "last_confirmed"])
@pytest.mark.parametrize("seed", range(3))
def test_identity_balances(seed: int, basis: str) -> None:
    """Tests that opening + terms = closing on random books, whole and past due, week by week."""
    tables = random_book(seed)
    moved = 0.0
    for begin, end in ((-20, 2), (2, 9), (9, 30)):
        for kind, row in flow(tables, at(begin, 5), at(end, 5), basis).items():
            assert row["imbalance_qty"] == pytest.approx(0, abs=1e-6), (kind, begin, row)
            moved += sum(abs(row[f"{term}_qty"]) for term in FLOW_TERMS)
    assert moved > 1000


def test_identity_of_an_empty_book() -> None:
    """Tests that nothing ordered gives zeros, not an error."""
    row = flow(book(), at(0), at(7))["open"]
    assert (row["opening_qty"], row["closing_qty"], row["imbalance_qty"]) == (0.0, 0.0, 0.0)


def test_each_event_has_its_own_term() -> None:
    """Tests that order, shipment, cancellation, change and due date land in the term named so."""
    cases = {
        "new_orders": (order(ordered_at=at(1), due=day(20)), [], [], 100.0),
        "shipments": (order(due=day(20)), [(1, 30.0)], [], -30.0),
        "cancellations": (
            order(due=day(20), status="cancelled", cancelled_by="customer", cancelled_at=at(1)),
            [],
            [],
            -100.0,
        ),
    }
    for term, (line, moves, changes, wanted) in cases.items():
        tables = book(line, deliveries=[delivery(*m) for m in moves], changes=changes)
        row = flow(tables, at(0), at(7))["open"]
        assert row[f"{term}_qty"] == wanted
        assert sum(abs(row[f"{t}_qty"]) for t in FLOW_TERMS) == abs(wanted)
    row = flow(book(order(due=day(3))), at(0), at(7))
    assert row["past_due"]["newly_due_qty"] == 100.0
    assert row["open"]["newly_due_qty"] == 0.0
    moved = order(due=day(-2), requested_date=day(9))
    change_ = [change(1, "requested_date", day(-2).date(), day(9).date())]
    row = flow(book(moved, changes=change_), at(0), at(7))
    assert row["past_due"]["redating_qty"] == -100.0
    assert row["open"]["redating_qty"] == 0.0
    stays = flow(book(moved, changes=change_), at(0), at(7), "first_confirmed")["past_due"]
    assert (stays["opening_qty"], stays["closing_qty"]) == (100.0, 100.0)


def test_over_shipment_and_cut_stop_at_zero() -> None:
    """Tests that an over-shipment counts up to what was open, and a later cut cancels nothing."""
    tables = book(
        order(due=day(20), ordered_qty=80.0),
        deliveries=[delivery(1, 130)],
        changes=[change(2, "qty", 100, 80)],
    )
    row = flow(tables, at(0), at(7))["open"]
    assert (row["shipments_qty"], row["cancellations_qty"], row["closing_qty"]) == (-100, 0, 0)


def test_ages_are_working_days_in_bands() -> None:
    """Tests that each past-due line falls into the band of its working days."""
    now = at(28, 5)
    wanted = {27: "0-2", 24: "0-2", 23: "3-7", 17: "3-7", 16: "8-14", 8: "8-14", 7: "15-30"}
    wanted |= {-14: "15-30", -17: "> 30", 28: "not due", 40: "not due"}
    orders = [order(order_id=f"{k}", due=day(k), ordered_at=at(-60)) for k in wanted]
    lines = backlog_lines(book(*orders), now, ZONE).set_index("order_id")
    got = {k: lines.loc[str(k), "age_band"] for k in wanted}
    assert got == wanted
    never = order(first_confirmed_date=pd.NaT)
    assert backlog_lines(book(never), now, ZONE, "first_confirmed")["age_band"][0] == "no date"


def test_backlog_kpis_add_up_over_ages() -> None:
    """Tests that past-due quantity is the sum over its age bands and zero is a number."""
    tables = random_book(11)
    rows = kpi_rows(backlog(tables, at(12, 5), period(), by="customer_id"))
    late = rows[rows["kpi"] == "past_due_qty"]
    total = late.loc[late["dimension"] == "", "value"].iloc[0]
    assert total > 0
    assert late.loc[late["dimension"] == "age_band", "value"].sum() == pytest.approx(total)
    assert late.loc[late["dimension"] == "customer_id", "value"].sum() == pytest.approx(total)
    empty = kpi_rows(backlog(book(), at(12, 5), period())).set_index("kpi")
    assert (empty.loc["backlog_qty", "value"] == 0).all()
    assert empty.loc["backlog_weeks", "reason"] == "no demonstrated bottleneck hours are known"


def test_backlog_weighs_value_and_bottleneck_hours() -> None:
    """Tests that money comes from the price, hours from the bottleneck of the routing."""
    tables = book(order(), order(order_id="SO2", item_id="FG2", net_price=np.nan))
    tables["resource"] = table(
        "resource",
        {"resource_id": "L1", "is_bottleneck": True},
        {"resource_id": "L2", "is_bottleneck": False},
        site_id="S1",
    )
    tables["routing_alternate"] = table(
        "routing_alternate",
        {"op_no": 10, "resource_id": "L2", "run_minutes_per_unit": 9.0},
        {"op_no": 20, "resource_id": "L1", "run_minutes_per_unit": 1.2, "yield_pct": 80.0},
        {"op_no": 20, "resource_id": "L2", "run_minutes_per_unit": 1.0, "preference": 1},
        item_id="FG1",
    )
    assert bottleneck_hours(tables).to_dict() == {"FG1": pytest.approx(0.025)}
    found = kpi_rows(backlog(tables, at(1), period(), weekly_bottleneck_hours=5.0))
    totals = found[found["dimension"] == ""].set_index("kpi")
    assert totals.loc["backlog_qty", "value"] == 200.0
    assert totals.loc["backlog_value", "value"] == 200.0
    assert totals.loc["backlog_value", "excluded"] == "no_value 1"
    assert totals.loc["backlog_hours", "value"] == pytest.approx(2.5)
    assert totals.loc["backlog_weeks", "value"] == pytest.approx(0.5)


def test_last_weeks_backlog_does_not_change() -> None:
    """Tests that the book's own future is invisible at an earlier instant."""
    tables = random_book(5)
    now = at(4, 5)
    seen = {}
    for name, frame in tables.items():
        key = {"sales_order_line": "ordered_at", "delivery_event": "goods_issue_at"}.get(
            name, "event_at"
        )
        known = frame[key]
        if "recorded_at" in frame:
            known = known.where(frame["recorded_at"].isna(), frame["recorded_at"])
        seen[name] = frame[known <= now]
    later = tables["order_change_event"]
    later = (
        later[later["event_at"] > now]
        .sort_values("event_at")
        .drop_duplicates(["order_id", "line_id", "change_field"])
    )
    lines = seen["sales_order_line"].copy()
    for row in later.to_dict("records"):
        mine = (lines["order_id"] == row["order_id"]) & (lines["line_id"] == row["line_id"])
        if row["change_field"] == "qty":
            lines.loc[mine, "ordered_qty"] = float(row["old_value"])
        elif row["change_field"] == "requested_date":
            lines.loc[mine, "requested_date"] = pd.Timestamp(row["old_value"])
        else:
            lines.loc[mine, "last_confirmed_date"] = pd.Timestamp(row["old_value"])
    undone = (lines["cancelled_at"] > now).to_numpy()
    lines["status"] = lines["status"].where(~undone, "open")
    moves = tables["delivery_event"]
    last = (
        moves.assign(
            known=moves["goods_issue_at"].where(moves["recorded_at"].isna(), moves["recorded_at"])
        )
        .groupby("order_id")["known"]
        .max()
    )
    closes = lines["order_id"].map(last)
    running = ((lines["status"] == "completed") & (closes > now)).to_numpy()
    lines["status"] = lines["status"].where(~running, "open")
    seen["sales_order_line"] = lines
    before = backlog_lines(seen, now, ZONE)
    again = backlog_lines(tables, now, ZONE)
    pd.testing.assert_frame_equal(before, again)
    assert len(before) > 20
