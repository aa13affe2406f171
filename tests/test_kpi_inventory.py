"""Turns, days of supply backward and forward, cover bands: brute force and edge cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.kpi.cover import cover_bands, cover_kpis, days_of_supply
from soe_lib.kpi.inventory import turns_and_days
from soe_lib.kpi.stock import InventoryPolicy, average_stock, stock_lines
from soe_lib.kpi.value import kpi_rows
from tests.kpi_tables import ZONE, at, book, by_name, day, delivery, order, period, table

WEEKS = period(-28, 0)
NOW = at(0, 5)


def balance(number: float, qty: float, **columns) -> dict:
    """Return a stock balance of FG1 at midnight of a day."""
    return {
        "item_id": "FG1",
        "location_id": "W1",
        "balance_at": at(number, 0),
        "on_hand_qty": qty,
        **columns,
    }


def stockroom(*balances: dict, items: tuple[dict, ...] = (), **rest) -> dict[str, pd.DataFrame]:
    """Return the tables of a stock with one order of 140 units delivered in the last 28 days."""
    tables = book(
        order(ordered_at=at(-300), ordered_qty=140.0, due=day(-10)),
        deliveries=[delivery(-20, 100), delivery(-10, 40), delivery(-40, 500)],
    )
    tables["inventory_balance"] = table("inventory_balance", *balances)
    tables["item"] = table(
        "item",
        *({"item_id": "FG1", "family_id": "F1", "std_cost": 3.0, **i} for i in (items or ({},))),
        uom="EA",
        supply_type="make",
    )
    return tables | rest


def test_turns_and_days_are_inverse() -> None:
    """Tests turns, IDOS and turns x IDOS = 365 on hand-computed numbers."""
    rows = [
        balance(d, q) for d, q in ((-28, 100.0), (-21, 80.0), (-14, 60.0), (-7, 40.0), (0, 20.0))
    ]
    tables = stockroom(*rows)
    tables["sales_order_line"]["ordered_at"] = at(-300)
    found = by_name(turns_and_days(tables, NOW, period(-28, 0)))
    annual = 140 * 3.0 * 365 / 28
    assert found["average_stock_value"].value == pytest.approx(180.0)
    assert found["inventory_turns"].value == pytest.approx(annual / 180.0)
    assert found["inventory_days"].value == pytest.approx(180.0 / (annual / 365))
    assert found["inventory_turns"].value * found["inventory_days"].value == pytest.approx(365)
    assert found["inventory_turns"].note == "average of 5 points"


def test_one_balance_is_no_average() -> None:
    """Tests that a feed with one balance says so."""
    found = by_name(turns_and_days(stockroom(balance(0, 60.0)), NOW, WEEKS))
    assert found["inventory_turns"].note == "one balance only: no average"


def test_no_sales_no_turns() -> None:
    """Tests that zero COGS is not evaluable for both, and no stock neither."""
    tables = stockroom(balance(0, 60.0))
    tables["delivery_event"] = tables["delivery_event"].head(0)
    found = by_name(turns_and_days(tables, NOW, WEEKS))
    for name in ("inventory_turns", "inventory_days"):
        assert np.isnan(found[name].value)
        assert found[name].reason == "no cost of goods sold in the period"
    empty = by_name(turns_and_days(stockroom(), NOW, WEEKS))
    assert empty["inventory_turns"].status == "not_evaluable"
    assert empty["average_stock_value"].reason == "no stock is known"
    assert np.isnan(empty["inventory_days"].value)


EDGE_CASES = {
    "negative is a data error": (balance(0, -5.0), {}, "negative_on_hand", -5.0),
    "consignment is not ours": (balance(0, 5.0, owner="supplier"), {}, "not_own_stock", 5.0),
    "own by name": (balance(0, 5.0, owner="own"), {}, "", 5.0),
    "blocked counts (gross)": (balance(0, 5.0, blocked_qty=2.0), {}, "", 5.0),
    "blocked by policy": (balance(0, 5.0, blocked_qty=2.0), {"include_blocked": False}, "", 3.0),
    "in transit does not count": (balance(0, 5.0, in_transit_qty=2.0), {}, "", 5.0),
    "in transit by policy": (
        balance(0, 5.0, in_transit_qty=2.0), {"include_in_transit": True}, "", 7.0),
    "no cost": (balance(0, 5.0, item_id="X"), {}, "no_standard_cost", 5.0),
    "cost of the balance where the item has none": (
        balance(0, 5.0, item_id="X", unit_std_cost=2.0), {}, "", 5.0),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGE_CASES)
def test_stock_edge_case(name: str) -> None:
    """Tests that each kind of stock counts or is excluded by name."""
    row, flags, reason, qty = EDGE_CASES[name]
    lines = stock_lines(stockroom(row), NOW, InventoryPolicy(**flags))
    assert lines["exclude_reason"].tolist() == [reason]
    assert lines["stock_qty"].tolist() == [qty]


def test_price_change_moves_neither_side() -> None:
    """Tests that the item's one standard values old and new balances alike."""
    rows = [balance(-28, 10.0, unit_std_cost=1.0), balance(0, 10.0, unit_std_cost=9.0)]
    stock, points = average_stock(stockroom(*rows), NOW, WEEKS)
    assert stock["stock_value"].tolist() == [30.0]
    assert points == 5


def test_newest_balance_counts_with_all_its_lots() -> None:
    """Tests that lots of the newest balance add up, older balances and later records do not."""
    rows = [
        balance(-7, 99.0, lot_id="A"),
        balance(0, 5.0, lot_id="A"),
        balance(0, 6.0, lot_id="B"),
        balance(0, 50.0, lot_id="C", recorded_at=at(1)),
        balance(1, 70.0, lot_id="A"),
    ]
    assert stock_lines(stockroom(*rows), NOW)["stock_qty"].sum() == 11.0
    assert stock_lines(stockroom(*rows), NOW, at=at(-3))["stock_qty"].sum() == 99.0


def test_new_item_looks_forward_only() -> None:
    """Tests that an item without history is excluded from turns by name, in both sums."""
    tables = stockroom(
        balance(-28, 60.0), balance(-3, 1000.0, item_id="NEW"), items=({}, {"item_id": "NEW"})
    )
    found = by_name(turns_and_days(tables, NOW, WEEKS))
    assert found["inventory_turns"].excluded == {"new_item": 1}
    assert found["average_stock_value"].value == pytest.approx(180.0)


def test_cut_by_family() -> None:
    """Tests that families' average stock adds up to the total."""
    tables = stockroom(
        balance(-28, 60.0),
        balance(-28, 10.0, item_id="FG2"),
        items=({}, {"item_id": "FG2", "family_id": "F2"}),
    )
    rows = kpi_rows(turns_and_days(tables, NOW, WEEKS, by="family_id"))
    value = rows[rows["kpi"] == "average_stock_value"].set_index("member")["value"]
    assert value.to_dict() == {"": 210.0, "F1": 180.0, "F2": 30.0}
    turns = rows[rows["kpi"] == "inventory_turns"].set_index("member")
    assert turns.loc["F2", "status"] == "not_evaluable"


def slow_dos(stock: float, demand: list[float], extra: list[float], offset: float) -> float:
    """Return days of supply by walking a thousandth of a day at a time."""
    if stock <= 0:
        return 0.0
    need, have = 0.0, stock
    steps = 1000
    for k, qty in enumerate(demand):
        begin, end = max(0.0, 7.0 * k - offset), 7.0 * (k + 1) - offset
        have += extra[k] * (end - begin) / 7
        rate = qty / 7
        grid = np.linspace(begin, end, steps + 1)
        level = need + rate * (grid - begin)
        hit = np.flatnonzero(level >= have - 1e-9)
        if len(hit):
            return float(grid[hit[0]])
        need = level[-1]
    return np.inf if sum(demand) <= 0 else 7.0 * len(demand) - offset


@settings(max_examples=150, deadline=None)
@given(
    st.floats(0, 500),
    st.lists(st.sampled_from([0.0, 5.0, 30.0, 100.0]), min_size=1, max_size=6),
    st.lists(st.sampled_from([0.0, 0.0, 40.0]), min_size=6, max_size=6),
    st.integers(0, 6),
)
def test_days_of_supply_match_a_walk(
    stock: float, demand: list[float], extra: list[float], offset: int
) -> None:
    """Tests forward days of supply against a walk through time, with and without receipts."""
    today = day(offset)
    weeks = [day(7 * k) for k in range(len(demand))]
    forecast = pd.DataFrame({"item_id": "A", "week_start_date": weeks, "planned_qty": demand})
    coming = forecast.assign(planned_qty=extra[: len(demand)])
    rows = pd.DataFrame({"item_id": ["A"], "stock_qty": [stock]})
    for receipts, more in ((None, [0.0] * 6), (coming, extra)):
        found = days_of_supply(rows, forecast, today, receipts=receipts).iloc[0]
        left = demand.copy()
        left[0] *= (7 - offset) / 7
        wanted = slow_dos(stock, demand, more, offset)
        if sum(left) <= 0 and stock > 0:
            wanted = np.inf
        if np.isinf(wanted):
            assert np.isinf(found["dos_days"])
        else:
            assert found["dos_days"] == pytest.approx(wanted, abs=0.02)


def test_cover_bands() -> None:
    """Tests each band, and that infinite cover is a band of its own and never averaged."""
    names = ("LOW", "OK", "MUCH", "IDLE", "GONE")
    stock = dict(zip(names, (5.0, 40.0, 400.0, 70.0, 0.0), strict=True))
    tables = stockroom(
        *(balance(0, q, item_id=n) for n, q in stock.items()),
        items=tuple(
            {"item_id": n, "std_cost": 1.0, "safety_stock_qty": 10.0 if n == "LOW" else 0.0}
            for n in names
        ),
    )
    weeks = [day(7 * k) for k in range(10)]
    forecast = pd.DataFrame(
        [
            {"item_id": n, "week_start_date": w, "planned_qty": 10.0}
            for n in ("LOW", "OK", "MUCH")
            for w in weeks
        ]
    )
    cover = cover_bands(tables, forecast, NOW, ZONE, default_max_cover_days=60.0)
    bands = cover.set_index("item_id")["cover_band"].to_dict()
    assert bands == {
        "LOW": "< safety",
        "OK": "in band",
        "MUCH": "> max cover",
        "IDLE": "no demand",
        "GONE": "no demand",
    }
    much = cover.set_index("item_id").loc["MUCH"]
    assert (much["dos_days"], much["is_at_least"]) == (70.0, True)
    rows = kpi_rows(cover_kpis(cover, forecast, NOW, period()))
    value = rows[rows["kpi"] == "stock_value"].set_index("member")["value"]
    assert value["no demand"] == 70.0
    assert value[""] == 515.0
    days = rows[rows["kpi"] == "days_of_supply"].iloc[0]
    # 445 of value with demand against 30 a week: the forecast of ten weeks ends first
    assert (days["value"], days["excluded"]) == (70.0, "no_demand 2")
    assert days["note"].startswith("at least")


def test_nothing_to_forecast() -> None:
    """Tests that stock without any forecast has no days of supply, not zero and not infinite."""
    forecast = pd.DataFrame(
        {
            "item_id": pd.Series(dtype="str"),
            "week_start_date": pd.Series(dtype="datetime64[us]"),
            "planned_qty": pd.Series(dtype=float),
        }
    )
    cover = cover_bands(stockroom(balance(0, 60.0)), forecast, NOW, ZONE)
    assert cover["cover_band"].tolist() == ["no demand"]
    rows = kpi_rows(cover_kpis(cover, forecast, NOW, period()))
    assert rows.loc[0, "status"] == "not_evaluable"
    assert np.isnan(rows.loc[0, "value"])


def test_negative_stock_is_listed() -> None:
    """Tests that negative balances are counted as errors and left out of the value."""
    tables = stockroom(balance(0, -5.0), balance(0, 10.0, location_id="W2"))
    found = by_name(turns_and_days(tables, NOW, WEEKS))
    assert (found["negative_stock_lines"].value, found["negative_stock_lines"].status) == (
        1,
        "fail",
    )
    assert found["average_stock_value"].value == pytest.approx(30.0)
