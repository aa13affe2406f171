"""Demand: orders against plan, order changes, lines in jeopardy; known answers on a few rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.divergence.demand import demand_vs_plan, family_demand, order_changes
from soe_lib.divergence.orders import (
    late_lines,
    past_due,
    past_due_items,
    uncovered_items,
)
from soe_lib.divergence.prices import priced_lines
from soe_lib.params import Params
from tests.divergence_tables import AS_OF, ago, check_contract, facts, make, opened, order, table

MONDAYS = [pd.Timestamp("2026-11-23") + pd.Timedelta(weeks=k) for k in range(-5, 5)]


def calendar() -> pd.DataFrame:
    """Return working hours of October to December, weeks shared by two months in both."""
    days = pd.bdate_range("2026-10-01", "2026-12-31")
    rows = pd.DataFrame({"plan_month": days - pd.offsets.MonthBegin(0), "day": days})
    rows["plan_month"] = days.to_period("M").to_timestamp()
    rows["week_start_date"] = days - pd.to_timedelta(days.day_of_week, unit="D")
    grouped = rows.groupby(["plan_month", "week_start_date"]).size() * 8.0
    return table(
        "plan_calendar",
        *(
            {"plan_month": m, "week_start_date": w, "site_id": "P", "working_hours": h}
            for (m, w), h in grouped.items()
        ),
    )


def targets(qty: float, months: tuple[str, ...], family: str = "COLAS") -> pd.DataFrame:
    """Return the same quantity for each week of the months."""
    known = calendar()
    rows = known[known["plan_month"].isin(pd.to_datetime(list(months)))]
    share = rows.groupby("week_start_date")["plan_month"].transform("size")
    return rows[["plan_month", "week_start_date"]].assign(
        family_id=family, item_id="COLA", planned_qty=qty / share
    )


def demanded(*rows: tuple[str, float], **more: object) -> pd.DataFrame:
    """Return order lines as (requested day, quantity)."""
    return table(
        "sales_order_line",
        *(
            order(f"S{n}", qty=qty, requested_date=day, status="completed", **more)
            for n, (day, qty) in enumerate(rows)
        ),
    )


def compared(lines: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    found = facts(item=table("item", make()), plan_calendar=calendar(), sales_order_line=lines)
    demand = demand_vs_plan(found, plan, 3)
    return demand.set_index("week_start_date")


NOVEMBER = ("2026-10-01", "2026-11-01", "2026-12-01")


def test_orders_against_plan_by_week() -> None:
    """Tests sign, tolerance and the week of the requested date (Sunday belongs to its week)."""
    lines = demanded(
        ("2026-11-16", 60.0), ("2026-11-22", 60.0), ("2026-11-09", 110.0), ("2026-11-04", 80.0)
    )
    demand = compared(lines, targets(100.0, NOVEMBER))
    assert demand.loc["2026-11-16", "deviation_qty"] == pytest.approx(20.0)
    assert demand.loc["2026-11-02", "deviation_qty"] == pytest.approx(-20.0)
    outside = demand["is_outside"]
    assert not outside["2026-11-09"]  # 110 of 100: just inside ten percent
    assert outside["2026-11-16"]
    assert outside["2026-11-02"]
    assert outside["2026-10-26"]  # nothing ordered at all
    assert demand.index.min() == pd.Timestamp("2026-10-26")
    assert demand.index.max() == pd.Timestamp("2026-12-07")


def test_a_week_to_come_is_a_divergence_only_above_plan() -> None:
    """Tests that fewer orders than planned for next week mean nothing yet, more do."""
    lines = demanded(("2026-11-30", 30.0), ("2026-12-07", 130.0))
    demand = compared(lines, targets(100.0, NOVEMBER))
    assert not demand.loc["2026-11-30", "is_outside"]
    assert demand.loc["2026-12-07", "is_outside"]
    assert not demand.loc["2026-11-23", "is_past"]
    assert demand.loc["2026-11-16", "is_past"]


def test_a_week_that_the_plan_covers_in_part_is_not_compared() -> None:
    """Tests that the week of two months is left out when one of them has no plan."""
    demand = compared(demanded(("2026-11-30", 100.0)), targets(100.0, ("2026-11-01",)))
    assert pd.Timestamp("2026-11-30") not in demand.index  # its Tuesday is in December
    assert pd.Timestamp("2026-10-26") not in demand.index
    assert pd.Timestamp("2026-11-23") in demand.index


def test_cancelled_and_inter_company_orders_are_no_demand() -> None:
    """Tests that only open and completed customer orders count."""
    lines = pd.concat(
        [
            demanded(("2026-11-16", 100.0)),
            table("sales_order_line", order("X", requested_date="2026-11-17", status="cancelled")),
            table(
                "sales_order_line",
                order("Y", requested_date="2026-11-17", order_type="inter_company"),
            ),
        ]
    )
    demand = compared(lines, targets(100.0, NOVEMBER))
    assert demand.loc["2026-11-16", "actual_qty"] == 100.0


def test_demand_rows_open_their_order_lines() -> None:
    """Tests money, owner and evidence of a family and week outside tolerance."""
    lines = demanded(("2026-11-16", 60.0), ("2026-11-04", 50.0))
    two = targets(100.0, NOVEMBER)
    plan = pd.concat([two, two.assign(family_id="WATERS", item_id="WATER")])
    found = facts(item=table("item", make()), plan_calendar=calendar(), sales_order_line=lines)
    demand = demand_vs_plan(found, plan, 3)
    rows = family_demand(found, demand)
    check_contract(rows)
    row = rows[rows["object_id"] == "COLAS 2026-W47"]
    assert row["deviation"].tolist() == pytest.approx([-40.0])
    assert row["direct_cost"].tolist() == pytest.approx([160.0])  # 40 at a margin of 4
    assert row["owner_role"].tolist() == ["demand_planning"]
    assert opened(found, row)["order_id"].tolist() == ["S0"]
    assert sorted(rows["object_id"]) == ["COLAS 2026-W47", "WATERS 2026-W47"]  # W45 is old news
    empty = rows[rows["object_id"] == "WATERS 2026-W47"]
    assert len(opened(found, empty, demand_vs_plan=demand)) == 1


def change(number: int, field: str, days: float, **more: object) -> dict[str, object]:
    return {"event_id": f"E{number}", "event_at": ago(days), "order_id": "S1", "line_id": "1",
            "change_field": field, "initiated_by": "customer", **more}  # fmt: skip


def changes(*rows: dict[str, object], **line: object) -> pd.DataFrame:
    found = facts(
        item=table("item", make()),
        sales_order_line=table("sales_order_line", order(**line)),
        order_change_event=table("order_change_event", *rows),
    )
    result = order_changes(found)
    check_contract(result)
    if len(result):
        assert len(opened(found, result)) >= 1
    return result


def test_net_change_of_the_week_counts() -> None:
    """Tests that two changes of one quantity are one row from the first value to the last."""
    rows = changes(
        change(2, "qty", 1, old_value="150", new_value="180"),
        change(1, "qty", 3, old_value="100", new_value="150"),
        change(0, "qty", 8, old_value="10", new_value="100"),
    )
    assert rows["divergence_type"].tolist() == ["order_quantity_changed"]
    assert rows["deviation"].tolist() == [80.0]
    assert rows["direct_cost"].tolist() == [320.0]


@pytest.mark.parametrize(
    ("field", "more", "number"),
    [
        ("qty", {"old_value": "100", "new_value": "105"}, 0),
        ("qty", {"old_value": "100", "new_value": "94"}, 1),
        ("requested_date", {"old_value": "2026-11-25", "new_value": "2026-11-26"}, 0),
        ("requested_date", {"old_value": "2026-11-25", "new_value": "2026-11-23"}, 1),
        ("expedite", {"old_value": "2026-11-25", "new_value": "2026-11-25"}, 1),
        ("cancel", {"old_value": "100", "new_value": "0"}, 1),
        ("qty", {"old_value": "100", "new_value": "200", "initiated_by": "system"}, 0),
    ],
)
def test_tolerances_of_order_changes(field: str, more: dict[str, str], number: int) -> None:
    """Tests just inside and just outside; what the system changed is not the customer's."""
    assert len(changes(change(1, field, 2, **more))) == number


def test_a_moved_date_is_counted_in_days_negative_when_earlier() -> None:
    """Tests sign and unit of a date that was pulled in."""
    rows = changes(change(1, "requested_date", 2, old_value="2026-11-28", new_value="2026-11-24"))
    assert rows["deviation"].tolist() == [-4.0]
    assert rows["unit"].tolist() == ["days"]


def test_a_new_order_is_a_divergence_inside_the_fences_only() -> None:
    """Tests that ten days of notice are none and nine are, and that later events are unknown."""
    assert len(changes(change(1, "new", 2, new_value="100"), requested_date="2026-11-30")) == 1
    assert changes(change(1, "new", 2, new_value="100"), requested_date="2026-12-01").empty
    assert changes(change(1, "new", -1, new_value="100")).empty


def test_a_corrected_event_is_gone() -> None:
    """Tests that an event that another one supersedes does not count."""
    again = change(2, "qty", 1, old_value="100", new_value="50", supersedes_id="E1")
    rows = changes(change(1, "cancel", 2), again)
    assert rows["divergence_type"].tolist() == ["order_quantity_changed"]


PEGS = pd.DataFrame(
    {
        "order_id": ["S1", "S2", "S2", "S3"],
        "line_id": "1",
        "supply_type": ["lot", "lot", "purchase", "stock"],
        "qty": [40.0, 0.0, 60.0, 100.0],
        "is_new": [False, False, True, False],
    }
).astype({"order_id": "str", "line_id": "str"})


def promise(order_id: str = "S1", days: float = 1.0, **more: object) -> dict[str, object]:
    return {"order_id": order_id, "line_id": "1", "item_id": "COLA", "open_qty": 100.0,
            "due_at": ago(-2), "promised_qty": 100.0, "promised_at": ago(-2 - days),
            "is_covered": True, "lateness_days": days, "late_cost": 0.0, **more}  # fmt: skip


def promises(*rows: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows)).astype({"order_id": "str", "line_id": "str"})
    for name in ("due_at", "promised_at"):
        frame[name] = frame[name].astype("datetime64[us, UTC]")
    return frame


def terms(kind: str, amount: float, **more: object) -> pd.DataFrame:
    return table(
        "customer_terms",
        {"customer_id": "C1", "customer_tier": "A", "penalty_type": kind,
         "penalty_amount": amount, **more},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clause", "cost"),
    [
        (("flat", 400.0), 400.0),
        (("per_day", 100.0), 200.0),
        (("step", 50.0), 50.0),
        (("pct_value", 10.0), 45.0),  # of the open half of 900
        (("pct_cogs", 10.0), 25.0),
        (("none", None), 9.0),  # one percent of 450 a day
    ],
)
def test_lateness_is_priced_by_the_customer_s_clause(
    clause: tuple[str, float], cost: float
) -> None:
    """Tests that fixed amounts count whole and shares for the open part, half of the line."""
    tables = {
        "item": table("item", make()),
        "sales_order_line": table("sales_order_line", order(delivered_qty=50.0)),
        "customer_terms": terms(*clause),
    }
    priced = priced_lines(promises(promise(days=2.0, open_qty=50.0)), tables, Params().money)
    assert priced["late_cost"].tolist() == pytest.approx([cost])
    assert priced["value"].tolist() == [450.0]
    assert priced["margin"].tolist() == [200.0]


def test_no_price_is_empty_and_not_nil() -> None:
    """Tests that a feed without prices has no cost of lateness, rather than a cost of nothing."""
    line = order(net_price=None, margin_per_unit=None)
    tables = {"item": table("item", make()), "sales_order_line": table("sales_order_line", line)}
    priced = priced_lines(promises(promise()), tables, Params().money)
    assert np.isnan(priced["late_cost"].iloc[0])
    assert np.isnan(priced["value"].iloc[0])


def test_tolerance_of_order_lateness() -> None:
    """Tests that four hours late is inside the tolerance and a minute more is not."""
    found = facts(
        item=table("item", make()),
        sales_order_line=table("sales_order_line", order("S1"), order("S2"), order("S3")),
    )
    rows = promises(promise("S1", 4 / 24), promise("S2", 4 / 24 + 1 / 1440), promise("S3", -1.0))
    assert late_lines(found, rows, PEGS, 4.0)["order_id"].tolist() == ["S2"]
    assert sorted(late_lines(found, rows, PEGS, 0.0)["order_id"]) == ["S1", "S2"]


def test_lines_without_supply_are_one_divergence_per_item() -> None:
    """Tests quantities, the last moment to plan and the evidence of an item nothing covers."""
    found = facts(
        item=table("item", make(lead_time_days=1.0)),
        sales_order_line=table("sales_order_line", order("S1"), order("S2"), order("S3")),
    )
    gone = {"is_covered": False, "promised_at": pd.NaT}
    rows = promises(
        promise("S1", 9.0, promised_qty=40.0, **gone),
        promise("S2", 9.0, promised_qty=0.0, **gone),
        promise("S3", 9.0),
    )
    uncovered = uncovered_items(found, late_lines(found, rows, PEGS, 4.0))
    check_contract(uncovered)
    assert uncovered["object_id"].tolist() == ["COLA"]
    assert uncovered["deviation"].tolist() == [-160.0]
    assert uncovered["act_by_at"].tolist() == [AS_OF + pd.Timedelta(days=1)]
    assert opened(found, uncovered)["order_id"].tolist() == ["S1", "S2"]


def test_past_due_without_a_schedule() -> None:
    """Tests that the due day ends at the site's midnight and that only past-due lines are rows."""
    found = facts(
        zone="Europe/Berlin",
        item=table("item", make()),
        sales_order_line=table(
            "sales_order_line",
            order("OLD", last_confirmed_date="2026-11-20", delivered_qty=30.0),
            order("TODAY", last_confirmed_date="2026-11-23"),
            order("EDGE", last_confirmed_date="2026-11-22"),
            order("DONE", last_confirmed_date="2026-11-01", status="completed"),
        ),
    )
    lines = past_due(found).set_index("order_id")
    assert lines.loc["OLD", "due_at"] == pd.Timestamp("2026-11-20T22:59Z")
    assert lines.loc["TODAY", "lateness_days"] < 0
    rows = past_due_items(found, late_lines(found, lines.reset_index(), PEGS, 4.0))
    check_contract(rows)
    assert rows["deviation"].tolist() == [-170.0]  # 70 of OLD, 100 of EDGE: six hours ago
    assert sorted(opened(found, rows)["order_id"]) == ["EDGE", "OLD"]


def test_a_week_without_demand_outside_the_plan_has_a_page() -> None:
    """Tests that no row outside tolerance is an empty table, not rows without a week."""
    from types import SimpleNamespace
    from typing import Any

    from soe_lib.params import Params
    from soe_lib.views.blocks import Grid
    from soe_lib.views.divergence_parts import demand_part

    demand = pd.DataFrame(
        {
            "family_id": ["A", "B"],
            "week_start_date": pd.to_datetime(["2026-11-23", "2026-11-23"]),
            "planned_qty": [10.0, 10.0],
            "actual_qty": [10.0, 9.0],
            "deviation_qty": [0.0, -1.0],
            "deviation_pct": [0.0, -10.0],
            "is_past": False,
            "is_outside": [False, False],
        }
    )
    run: Any = SimpleNamespace(params=Params())
    found: Any = SimpleNamespace(demand=demand)
    grids = [block for block in demand_part(run, found) if isinstance(block, Grid)]
    assert all(grid.frame.empty for grid in grids)
    found.demand = demand.assign(is_outside=[False, True])
    (grid,) = [block for block in demand_part(run, found) if isinstance(block, Grid)]
    assert grid.frame["family"].tolist() == ["B"]
