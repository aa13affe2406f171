"""Work orders on time: population by due date, open ones count, nothing due is no number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.value import Kpi, Period
from soe_lib.kpi.work_orders import due_work_orders, work_orders_on_time
from soe_lib.params import KpiParams
from tests.week_by_hand import END, FREEZE, at, typed

WEEK = Period(pd.Timestamp("2026-11-16"), pd.Timestamp("2026-11-23"))


def _order(wo: str, due: str, ended: str | None, status: str = "completed") -> dict:
    return {
        "wo_id": wo,
        "item_id": "I",
        "ordered_qty": 10.0,
        "release_at": FREEZE,
        "due_at": at(due),
        "started_at": FREEZE,
        "ended_at": at(ended) if ended else None,
        "status": status if ended else "started",
    }


def _kpis(rows: list[dict], as_of: pd.Timestamp = END) -> dict[str, Kpi]:
    tables = {"work_order": typed("work_order", rows)}
    return {k.kpi: k for k in work_orders_on_time(tables, as_of, WEEK, KpiParams())}


def test_open_orders_past_due_are_misses() -> None:
    """Tests that an order never finished counts, and its lateness runs to the week's end."""
    found = _kpis(
        [
            _order("A", "Mon 12:00", "Mon 12:00"),
            _order("B", "Mon 12:00", "Tue 12:00"),
            _order("C", "Sun 00:00", None),
        ]
    )
    assert (found["work_orders_on_time"].num, found["work_orders_on_time"].den) == (1, 3)
    assert found["work_order_tardiness"].value == pytest.approx((0 + 1 + 1) / 3)


def test_what_ends_after_as_of_is_still_open() -> None:
    """Tests that an end that lies after as_of is not known yet."""
    rows = [_order("A", "Mon 12:00", "Wed 12:00")]
    tables = {"work_order": typed("work_order", rows)}
    known = due_work_orders(tables, at("Tue 12:00"), WEEK)
    assert known["ended_at"].isna().all()
    assert known["lateness_days"].tolist() == [1.0]


def test_cancelled_orders_leave_the_population() -> None:
    """Tests that a cancelled order is excluded and counted as such."""
    rows = [_order("A", "Mon 12:00", "Mon 09:00"), _order("B", "Mon 12:00", None)]
    rows[1]["status"] = "cancelled"
    found = _kpis(rows)["work_orders_on_time"]
    assert (found.value, found.n, found.excluded) == (100.0, 1, {"cancelled": 1})


@pytest.mark.parametrize("rows", [[], [_order("A", "Mon 12:00", None)]])
def test_nothing_due_is_not_evaluable(rows: list[dict]) -> None:
    """Tests that a week in which nothing fell due has no number."""
    for row in rows:
        row["due_at"] = END + pd.Timedelta(days=3)
    found = _kpis(rows)
    assert all(np.isnan(k.value) and k.status == "not_evaluable" for k in found.values())
