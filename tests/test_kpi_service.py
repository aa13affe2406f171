"""Service level and fill rates: brute force, edge cases, and the real flows of SupplyGraph."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.fill import fill_rates, order_fulfilment
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.service import (
    make_to_order_service,
    service_attainment,
    service_level,
)
from soe_lib.kpi.service_panel import service_panel
from soe_lib.kpi.value import Period
from soe_lib.params import KpiParams
from tests.kpi_tables import at, book, by_name, change, day, delivery, order, period, table

PARAMS = KpiParams()
POLICY = OtifPolicy("house", basis="requested")
LATER = at(30)


def test_random_panel_matches_brute_force() -> None:
    """Tests that demand, fill and backlog by item and day equal a walk through the days."""
    rng = np.random.default_rng(2)
    orders, moves, wanted = [], [], {}
    for item in ("A", "B", "C"):
        demand = np.zeros(21)
        book_of = []
        for k in range(25):
            due, qty = int(rng.integers(0, 21)), float(rng.integers(1, 9) * 10)
            name = f"{item}{k:02d}"
            orders.append(order(order_id=name, item_id=item, due=day(due), ordered_qty=qty))
            demand[due] += qty
            went = [(int(rng.integers(-2, 24)), qty / 2) for _ in range(int(rng.integers(0, 3)))]
            moves += [
                delivery(d, x, order_id=name, shipment_id=str(j)) for j, (d, x) in enumerate(went)
            ]
            book_of.append((due, qty, went))
        new, backlog = np.zeros(21), np.zeros(21)
        for due, qty, went in book_of:
            for t in range(due, 21):
                rest = max(0.0, qty - sum(x for d, x in went if d <= t))
                backlog[t] += rest
                new[t] += rest if t == due else 0.0
        wanted[item] = (demand, new, backlog)
    panel = service_panel(book(*orders, deliveries=moves), LATER, period(0, 21))
    assert len(panel) == 63
    for item, (demand, new, backlog) in wanted.items():
        own = panel[panel["item_id"] == item]
        assert np.allclose(own["demand_qty"], demand)
        assert np.allclose(own["new_backlog_qty"], new)
        assert np.allclose(own["backlog_qty"], backlog)
    found = by_name(service_level(panel, LATER, period(0, 21), PARAMS))
    demand = sum(d.sum() for d, _, _ in wanted.values())
    new = sum(n.sum() for _, n, _ in wanted.values())
    backlog = sum(b.sum() for _, _, b in wanted.values())
    assert found["fill_rate"].value == pytest.approx(100 * (1 - new / demand))
    assert found["backlog_service"].value == pytest.approx(100 * (1 - backlog / demand))
    assert found["backlog_service"].value < 0, "gamma is not clipped"
    weekly = service_panel(book(*orders, deliveries=moves), LATER, period(0, 21), "W")
    assert weekly["demand_qty"].sum() == demand
    assert np.allclose(weekly[weekly["item_id"] == "A"]["backlog_qty"], wanted["A"][2][[6, 13, 20]])


def test_no_demand_is_counted_apart() -> None:
    """Tests that periods without demand neither help the ready rate nor make beta 100 %."""
    tables = book(order(due=day(2)), deliveries=[delivery(2, 100)])
    stock = [
        {"balance_at": at(k, 0), "on_hand_qty": q}
        for k, q in ((0, 150.0), (1, 150.0), (2, 150.0), (3, 50.0))
    ]
    tables["inventory_balance"] = table(
        "inventory_balance", *stock, item_id="FG1", location_id="W", site_id="S1"
    )
    panel = service_panel(tables, LATER, period())
    assert panel["opening_qty"].tolist()[:4] == [150.0, 150.0, 150.0, 50.0]
    assert panel["opening_qty"].isna().tolist()[4:] == [True] * 3
    found = by_name(service_level(panel, LATER, period(), PARAMS))
    assert (found["ready_rate"].num, found["ready_rate"].den) == (1, 1)
    assert found["ready_rate"].excluded["no_demand"] == 6
    quiet = service_panel(book(), LATER, period())
    for kpi in service_level(quiet, LATER, period(), PARAMS):
        assert kpi.status == "not_evaluable"
        assert np.isnan(kpi.value)


def test_ready_rate_needs_opening_stock() -> None:
    """Tests that demand without a known opening stock is excluded, not passed."""
    panel = service_panel(book(order(), deliveries=[delivery(3, 100)]), LATER, period())
    kpi = by_name(service_level(panel, LATER, period(), PARAMS))["ready_rate"]
    assert np.isnan(kpi.value)
    assert kpi.reason == "no opening stock is known"
    assert kpi.excluded["no_opening_stock"] == 1


DEMAND_CASES = {
    # name: (order, deliveries, demand, filled, backlog at the end)
    "partial": (order(), [(3, 60)], 100, 60, 40),
    "early ship counts on the demand day": (order(), [(0, 100)], 100, 100, 0),
    "late ship": (order(), [(4, 100)], 100, 0, 0),
    "customer cancels before due": (
        order(status="cancelled", cancelled_by="customer", cancelled_at=at(2)), [], 0, 0, 0),
    "customer cancels because late": (
        order(status="cancelled", cancelled_by="customer", cancelled_at=at(5)), [], 100, 0, 0),
    "customer cancels the rest": (
        order(status="cancelled", cancelled_by="customer", cancelled_at=at(2)), [(1, 30)],
        30, 30, 0),
    "we cancel": (
        order(status="cancelled", cancelled_by="us", cancelled_at=at(2)), [], 100, 0, 0),
    "over-ship": (order(), [(3, 150)], 100, 100, 0),
    "return": (order(order_type="return"), [], 0, 0, 0),
    "made to order": (order(order_type="MTO"), [], 0, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", DEMAND_CASES)
def test_demand_edge_case(name: str) -> None:
    """Tests that each way in which demand ends is demand, filled and backlog as specified."""
    line, moves, demand, filled, backlog = DEMAND_CASES[name]
    tables = book(line, deliveries=[delivery(*m) for m in moves])
    panel = service_panel(tables, LATER, period())
    assert panel["demand_qty"].sum() == demand
    assert panel["filled_qty"].sum() == filled
    assert (panel["backlog_qty"].iloc[-1] if len(panel) else 0) == backlog


def test_cycle_service_counts_complete_cycles() -> None:
    """Tests that a cycle runs from receipt to receipt and open ones do not count."""
    tables = book(
        order(order_id="A", due=day(1)),
        order(order_id="B", due=day(3)),
        order(order_id="C", due=day(6)),
        deliveries=[delivery(1, 100, order_id="A")],
    )
    tables["work_order"] = table(
        "work_order",
        *({"wo_id": f"W{d}", "ended_at": at(d), "good_qty": 100.0} for d in (1, 3, 5)),
        item_id="FG1",
        ordered_qty=100.0,
        release_at=at(-3),
        due_at=at(9),
        status="completed",
    )
    panel = service_panel(tables, LATER, period())
    kpi = by_name(service_level(panel, LATER, period(), PARAMS))["cycle_service"]
    assert (kpi.num, kpi.den) == (1, 2)
    assert dict(kpi.excluded) == {"cycle_still_open": 1, "no_receipt_before": 1}


def test_attainment_and_gap_value() -> None:
    """Tests that attainment weighs item-weeks by demand and the gap is priced at the margin."""
    tables = book(
        order(order_id="A", item_id="A", margin_per_unit=3.0),
        order(order_id="B", item_id="B", ordered_qty=300.0, margin_per_unit=2.0),
        order(order_id="C", item_id="C", ordered_qty=10.0),
        deliveries=[delivery(3, 100, order_id="A"), delivery(3, 150, order_id="B")],
    )
    panel = service_panel(tables, LATER, period(), "W")
    found = by_name(service_attainment(panel, LATER, period(), PARAMS))
    assert found["service_attainment"].value == pytest.approx(100 * 100 / 410)
    assert (found["service_attainment_count"].num, found["service_attainment_count"].n) == (1, 3)
    assert found["service_gap_value"].value == pytest.approx((0.97 - 0.5) * 300 * 2.0)
    assert found["service_gap_value"].excluded["no_margin"] == 1


def test_made_to_order_uses_the_first_promise() -> None:
    """Tests that the service level of made-to-order lines is OTIF on the first promise."""
    tables = book(
        order(order_id="A", order_type="MTO", requested_date=day(1)),
        order(order_id="B"),
        deliveries=[delivery(3, 100, order_id="A")],
    )
    kpi = make_to_order_service(tables, LATER, period(), POLICY)
    assert (kpi.kpi, kpi.value, kpi.n) == ("service_level_mto", 100.0, 1)
    assert kpi.note.startswith("made to order")


def test_weeks_must_divide_the_period() -> None:
    """Tests that a broken week is an error that says so."""
    with pytest.raises(ValueError, match="10 days are no whole number of weeks"):
        service_panel(book(), LATER, period(0, 10), "W")


def test_fill_rates_of_partials_and_surplus() -> None:
    """Tests that a partial counts in units only and surplus of a line fills no other."""
    tables = book(
        order(order_id="A", line_id="1"),
        order(order_id="A", line_id="2"),
        order(order_id="B"),
        order(order_id="C", due=day(60)),
        deliveries=[
            delivery(3, 60, order_id="A", line_id="1"),
            delivery(9, 40, order_id="A", line_id="1"),
            delivery(2, 100, order_id="A", line_id="2"),
            delivery(3, 300, order_id="B"),
        ],
    )
    found = by_name(fill_rates(tables, LATER, period(0, 90), POLICY))
    assert found["ufr_first_time"].value == pytest.approx(100 * 260 / 300)
    assert found["ufr"].value == pytest.approx(100.0)
    assert found["ufr_secondary"].value == pytest.approx(100 * 40 / 300)
    assert found["lfr_first_time"].num == 2
    assert found["lfr"].num == 3
    assert (found["ofr_first_time"].num, found["ofr_first_time"].den) == (1, 2)
    assert found["ufr"].excluded == {"not_yet_due": 1}


@pytest.mark.parametrize(("counts", "wanted"), [(False, 0.0), (True, 100.0)])
def test_substitution_counts_by_policy(counts: bool, wanted: float) -> None:
    """Tests that an item that we changed is first-time fill only where the policy says so."""
    tables = book(
        order(),
        deliveries=[delivery(3, 100)],
        changes=[change(1, "item", "FG0", "FG1", initiated_by="us")],
    )
    found = by_name(fill_rates(tables, LATER, period(), POLICY, substitution_counts=counts))
    assert found["ufr_first_time"].value == wanted
    assert found["ufr"].value == 100.0
    assert "substituted" in found["ufr"].note


def test_order_fulfilment_and_cycle_time() -> None:
    """Tests that an order counts when all its lines came by their date, and how long it took."""
    tables = book(
        order(order_id="A", line_id="1"),
        order(order_id="A", line_id="2", due=day(4)),
        order(order_id="B"),
        order(order_id="C"),
        deliveries=[
            delivery(2, 100, order_id="A", line_id="1"),
            delivery(4, 100, order_id="A", line_id="2"),
            delivery(6, 100, order_id="B"),
        ],
    )
    found = by_name(order_fulfilment(tables, LATER, period(), POLICY))
    assert (found["order_fulfilment_rate"].num, found["order_fulfilment_rate"].den) == (1, 3)
    assert found["order_cycle_time"].value == pytest.approx((14 + 16) / 2)
    assert found["order_cycle_time"].excluded == {"not_filled": 1}
    nothing = by_name(order_fulfilment(tables, LATER, period(50, 60), POLICY))
    assert nothing["order_fulfilment_rate"].status == "not_evaluable"


def read_wide(path: Path) -> pd.DataFrame:
    """Read a SupplyGraph series: rows = days, columns = products (one name comes twice)."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    dates = pd.to_datetime([row[0][:10] for row in rows])
    return pd.DataFrame([[float(x or 0) for x in row[1:]] for row in rows], dates, head[1:])


def test_supplygraph_fill_and_backlog(real_data: Path) -> None:
    """Tests that the company's own production gives the known fill and backlog of four months."""
    folder = real_data / "supplygraph" / "daily_units"
    demand = read_wide(folder / "Sales Order.csv")
    made = read_wide(folder / "Production.csv")
    issued = read_wide(folder / "Delivery To distributor.csv")
    net = (made.to_numpy() - issued.to_numpy()).cumsum(axis=0)
    opening = np.maximum(0.0, -net.min(axis=0))
    supply = opening + made.to_numpy().cumsum(axis=0)
    asked = demand.to_numpy().cumsum(axis=0)
    gone = np.minimum(asked, supply)
    orders, moves = [], []
    for c, item in enumerate(demand.columns):
        before, shipped = np.append(0.0, asked[:-1, c]), np.append(0.0, gone[:-1, c])
        for d in np.flatnonzero(demand.iloc[:, c].to_numpy() > 0):
            orders.append((item, d, demand.iat[d, c]))
            low, high = np.maximum(shipped, before[d]), np.minimum(gone[:, c], asked[d, c])
            moves += [(item, d, t, high[t] - low[t]) for t in np.flatnonzero(high - low > 1e-7)]
    first = demand.index[0]
    noon = first.tz_localize("UTC") + pd.Timedelta(hours=12)

    def name(rows: list) -> pd.Series:
        return pd.Series([f"{r[0]}/{r[1]}" for r in rows], dtype="str")

    lines = table("sales_order_line", *([{}] * len(orders)), line_id="1", site_id="F").assign(
        order_id=name(orders),
        item_id=pd.Series([r[0] for r in orders], dtype="str"),
        customer_id="distributors",
        ordered_at=noon,
        ordered_qty=[r[2] for r in orders],
        requested_date=(first + pd.to_timedelta([r[1] for r in orders], unit="D")).as_unit("us"),
        delivered_qty=0.0,
        status="open",
        order_type="MTS",
    )
    lines["ordered_at"] = lines["ordered_at"].astype("datetime64[us, UTC]")
    events = table("delivery_event", *([{}] * len(moves)), line_id="1", shipment_id="x").assign(
        order_id=name(moves),
        delivered_qty=[r[3] for r in moves],
        goods_issue_at=(noon + pd.to_timedelta([r[2] for r in moves], unit="D")).as_unit("us"),
    )
    tables = {"sales_order_line": lines, "delivery_event": events}
    as_of = pd.Timestamp("2023-05-01T05:00Z")
    for begin, fill, backlog in (("2023-01-01", 0.649, 36.0), ("2023-04-01", 0.813, 15.4)):
        span = Period(pd.Timestamp(begin), pd.Timestamp("2023-05-01"))
        panel = service_panel(tables, as_of, span)
        kpi = by_name(service_level(panel, as_of, span, PARAMS))["fill_rate"]
        assert kpi.value / 100 == pytest.approx(fill, abs=0.0005)
        daily = panel.groupby("bucket_start_date")["backlog_qty"].sum()
        assert daily.mean() / 1000 == pytest.approx(backlog, abs=0.05)
    assert ((made > 0).sum(axis=1)).mean() == pytest.approx(16.1, abs=0.05)
