"""Nervousness between two versions: every kind of change, zones, freezes, promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.promises import freeze_breaks, freeze_kpi, promise_changes, promise_versions
from soe_lib.kpi.stability import avoidable_nervousness, nervousness
from soe_lib.kpi.value import kpi_rows
from soe_lib.kpi.versions import StabilityParams, compared_operations
from tests.kpi_tables import ZONE, at, book, by_name, change, order, period, table

NOW = at(0, 0)
WEEK = period(0, 7)
FLAT = StabilityParams(weight_per_bucket=1.0, frozen_days=3.0, slushy_days=7.0)


def op(wo: str, start: float, qty: float = 100.0, line: str = "L1", **columns) -> dict:
    """Return a planned operation of two hours at noon of a day."""
    return {
        "wo_id": wo,
        "op_no": 10,
        "split_no": 1,
        "item_id": f"I{wo[-1]}",
        "planned_qty": qty,
        "resource_id": line,
        "start_at": at(start),
        "end_at": at(start, 14),
        **columns,
    }


def plan(*operations: dict, version: str = "V1") -> pd.DataFrame:
    """Return one version of the schedule."""
    return table("schedule_operation", *operations, version_id=version)


BASE = [op("A", 1), op("B", 4), op("C", 5, line="L2"), op("D", 13)]


def outcome(*operations: dict, tables: dict | None = None) -> dict[str, tuple[str, str]]:
    """Return (kind, change) of each order after BASE became these operations."""
    found = compared_operations(plan(*BASE), plan(*operations), NOW, tables or {}, FLAT)
    return {
        row["wo_id"]: (row["kind"], row["change"])
        for row in found.sort_values("split_no").to_dict("records")
    }


def orders(*rows: dict) -> dict[str, pd.DataFrame]:
    """Return a work order table."""
    given = {"item_id": "I", "ordered_qty": 1.0, "release_at": at(-9), "due_at": at(9)}
    return {"work_order": table("work_order", *rows, **given)}


KINDS = {
    "nothing changed": (BASE, {}, {}),
    "moved": ([op("A", 1), op("B", 6), *BASE[2:]], {}, {"B": ("matched", "moved")}),
    "moved within the tolerance": (
        [op("A", 1, start_at=at(1, 12.5)), *BASE[1:]], {}, {}),
    "other resource": (
        [op("A", 1, line="L2"), *BASE[1:]], {}, {"A": ("matched", "other resource")}),
    "other quantity": (
        [op("A", 1, 90.0), *BASE[1:]], {}, {"A": ("matched", "other quantity")}),
    "split": (
        [op("A", 1, 50.0), op("A", 2, 50.0, split_no=2), *BASE[1:]], {},
        {"A": ("extra split", "split or merged")}),
    "removed": (BASE[1:], {}, {"A": ("removed", "removed")}),
    "cancelled demand departs": (
        BASE[1:], orders({"wo_id": "A", "status": "cancelled"}), {"A": ("departure", "")}),
    "new demand arrives": ([*BASE, op("E", 2)], {}, {"E": ("arrival", "")}),
    "beyond the old horizon rolls on": ([*BASE, op("E", 20)], {}, {"E": ("rolled on", "")}),
    "completed does not count": (
        BASE[1:], orders({"wo_id": "A", "status": "completed", "ended_at": at(-1)}),
        {"A": ("completed", "")}),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_kind_of_change(name: str) -> None:
    """Tests that each kind of difference is named, and only it."""
    operations, tables, wanted = KINDS[name]
    expected = dict.fromkeys("ABCD", ("matched", "")) | wanted
    assert outcome(*operations, tables=tables) == expected


def test_rolled_off_work_does_not_count() -> None:
    """Tests that what should have started before the new version is no instability."""
    old = plan(op("A", -2), op("B", 2))
    found = compared_operations(old, plan(op("B", 2)), NOW, {}, FLAT)
    assert found["kind"].tolist() == ["rolled off", "matched"]
    count = by_name(nervousness(old, plan(op("B", 2)), NOW, WEEK, {}, FLAT))["nervousness_count"]
    assert (count.value, count.n) == (0.0, 1)


def test_random_versions_match_brute_force() -> None:
    """Tests I_qty, I_count and I_seq on 8 random pairs of versions against plain loops."""
    rng = np.random.default_rng(4)
    params = StabilityParams(weight_per_bucket=0.7)
    for _ in range(8):
        old, new = [], []
        for k in range(24):
            line, start, qty = f"L{k % 3}", float(rng.integers(0, 200) / 10), 10.0 * (1 + k % 4)
            old.append(op(f"W{k:02d}", start, qty, line))
            if rng.random() < 0.8:
                moved = start + float(rng.choice([0.0, 0.0, 1.0, -3.0]))
                other = line if rng.random() < 0.8 else "L9"
                new.append(op(f"W{k:02d}", max(0.01, moved), qty, other))
        before, after = plan(*old), plan(*new)
        found = by_name(nervousness(before, after, NOW, WEEK, {}, params))
        x0, x1 = ({}, {})
        for rows, x in ((old, x0), (new, x1)):
            for row in rows:
                cell = (row["item_id"], (row["start_at"] - NOW) // pd.Timedelta(days=7))
                x[cell] = x.get(cell, 0.0) + row["planned_qty"]
        last = max(t for _, t in x0)
        cells = {c for c in (*x0, *x1) if c[1] <= last}
        num = sum(0.7 ** c[1] * abs(x1.get(c, 0) - x0.get(c, 0)) for c in cells)
        den = sum(0.7 ** c[1] * q for c, q in x0.items())
        assert found["nervousness_qty"].value == pytest.approx(100 * num / den)
        by_key = {r["wo_id"]: r for r in new}
        changed = sum(
            r["wo_id"] not in by_key
            or by_key[r["wo_id"]]["resource_id"] != r["resource_id"]
            or abs(by_key[r["wo_id"]]["start_at"] - r["start_at"]) > pd.Timedelta(hours=1)
            for r in old
        )
        assert found["nervousness_count"].num == changed
        swaps = pairs = 0
        kept = [r for r in old if r["wo_id"] in by_key]
        kept = [r for r in kept if by_key[r["wo_id"]]["resource_id"] == r["resource_id"]]
        for i, a in enumerate(kept):
            for b in kept[i + 1 :]:
                if a["resource_id"] == b["resource_id"]:
                    pairs += 1
                    now_a, now_b = by_key[a["wo_id"]], by_key[b["wo_id"]]
                    one = (a["start_at"], a["wo_id"]) < (b["start_at"], b["wo_id"])
                    two = (now_a["start_at"], a["wo_id"]) < (now_b["start_at"], b["wo_id"])
                    swaps += one != two
        if pairs:
            assert found["nervousness_sequence"].value == pytest.approx(2 * swaps / pairs)


def test_shift_counts_working_hours() -> None:
    """Tests that a move over a closed night counts the open hours between only."""
    calendar = table(
        "resource_calendar",
        *({"start_at": at(d, 6), "end_at": at(d, 14)} for d in range(7)),
        resource_id="L1",
        calendar_kind="shift",
    )
    old, new = plan(op("A", 1)), plan(op("A", 1, start_at=at(2, 7), end_at=at(2, 9)))
    found = by_name(nervousness(old, new, NOW, WEEK, {"resource_calendar": calendar}, FLAT))
    assert found["nervousness_shift"].value == pytest.approx(3.0)
    assert by_name(nervousness(old, new, NOW, WEEK, {}, FLAT))[
        "nervousness_shift"
    ].value == pytest.approx(19.0)


def test_same_plan_has_no_nervousness_and_the_first_has_no_value() -> None:
    """Tests 0 for an unchanged plan and not evaluable for the first version."""
    same = kpi_rows(nervousness(plan(*BASE), plan(*BASE), NOW, WEEK, {}, FLAT))
    total = same[same["dimension"] == ""].set_index("kpi")["value"]
    for name in ("nervousness_qty", "nervousness_count", "nervousness_shift"):
        assert total[name] == 0.0
    first = kpi_rows(nervousness(plan(), plan(*BASE), NOW, WEEK, {}, FLAT))
    assert first["value"].isna().all()
    assert (first["status"] == "not_evaluable").all()
    assert first.loc[0, "reason"] == "first version: nothing to compare with"


def test_zones_add_up() -> None:
    """Tests that frozen, slushy and liquid operations partition the overlap."""
    new = plan(op("A", 2), op("B", 4), op("C", 6, line="L2"), op("D", 12.5))
    rows = kpi_rows(nervousness(plan(*BASE), new, NOW, WEEK, {}, FLAT))
    count = rows[rows["kpi"] == "nervousness_count"].set_index("member")
    assert count["num"].to_dict() == {"": 3.0, "frozen": 1.0, "slushy": 1.0, "liquid": 1.0}
    assert count.loc[["frozen", "slushy", "liquid"], "den"].sum() == count.loc["", "den"]


def test_breaks_of_the_freeze_name_their_approver() -> None:
    """Tests that changes in, into and inserted into the frozen zone are listed with approvers."""
    tables = {
        "fence_policy": table(
            "fence_policy",
            {"scope_type": "site", "scope_id": "S1", "approver_role": "plant manager"},
            frozen_days=3.0,
            slushy_days=7.0,
        )
    }
    new = plan(op("A", 2), op("B", 2), op("C", 6, line="L2"), op("D", 13), op("E", 1))
    approved = pd.DataFrame({"wo_id": ["A"], "op_no": [10], "user_name": ["Kim"]})
    found = freeze_breaks(plan(*BASE), new, NOW, tables, FLAT, approved)
    assert found["wo_id"].tolist() == ["A", "B", "E"]
    assert found["change"].tolist() == ["moved", "moved", "inserted"]
    assert found["approver_role"].tolist() == ["plant manager"] * 3
    assert found["approved_by"].tolist() == ["Kim", "", ""]
    kpi = freeze_kpi(found, NOW, WEEK)
    assert (kpi.value, kpi.status, kpi.note) == (3.0, "fail", "2 without an approver")
    assert freeze_kpi(found.head(0), NOW, WEEK).status == "pass"
    assert freeze_breaks(plan(), new, NOW, tables, FLAT).empty


def test_avoidable_is_what_the_facts_did_not_force() -> None:
    """Tests that avoidable = chosen - forced, and 0 when the chosen plan is the repair."""
    forced = plan(op("A", 2), *BASE[1:])
    chosen = plan(op("A", 2), op("B", 6), *BASE[2:])
    found = by_name(avoidable_nervousness(plan(*BASE), chosen, forced, NOW, WEEK, {}, FLAT))
    assert found["nervousness_exogenous"].value == 25.0
    assert found["nervousness_avoidable"].value == 25.0
    none = by_name(avoidable_nervousness(plan(*BASE), forced, forced, NOW, WEEK, {}, FLAT))
    assert none["nervousness_avoidable"].value == 0.0


def test_promise_changes_per_line_and_week() -> None:
    """Tests changes per open line and week, days out and in, first confirmations left out."""
    lines = [order(order_id=k, due=at(20).tz_localize(None).normalize()) for k in "ABCD"]
    lines.append(order(order_id="E", status="completed", delivered_qty=1.0,
                       last_goods_issue_at=at(-5)))  # fmt: skip
    us = {"initiated_by": "us"}
    changes = [
        change(1, "confirmed_date", "2026-11-20", "2026-11-24", order_id="A", **us),
        change(2, "confirmed_date", "2026-11-24", "2026-11-23", order_id="A"),
        change(3, "confirmed_date", None, "2026-11-23", order_id="B", **us),
        change(9, "confirmed_date", "2026-11-20", "2026-11-28", order_id="C", **us),
        change(-3, "confirmed_date", "2026-11-20", "2026-11-28", order_id="D", **us),
    ]
    found = by_name(promise_changes(book(*lines, changes=changes), at(7, 5), WEEK))
    assert found["promise_changes"].value == pytest.approx(2 / 4)
    assert found["promise_changes"].note == "1 of 2 by us"
    assert found["promise_days_out"].value == 4.0
    assert found["promise_days_in"].value == 1.0
    nothing = by_name(promise_changes(book(), at(7, 5), WEEK))
    assert nothing["promise_changes"].status == "not_evaluable"
    assert np.isnan(nothing["promise_days_out"].value)


def test_promises_of_two_schedules() -> None:
    """Tests that promises are compared line by line in site days."""
    before = pd.DataFrame({"order_id": ["A", "B", "C"], "line_id": "1"})
    after = before.assign(promised_at=pd.Series([at(3, 23.5), at(2), pd.NaT]))
    before["promised_at"] = pd.Series([at(3, 1), at(4), at(1)])
    found = promise_versions(before, after, ZONE)
    assert found["moved_days"].tolist()[:2] == [0.0, -2.0]
    assert np.isnan(found["moved_days"][2])
