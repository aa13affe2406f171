"""SupplyGraph: a feed of level L0, with its opening stock inferred and said so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib import cli
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.workspace import Workspace
from tests.conftest import ROOT, real_source


@pytest.fixture(scope="module")
def whole(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The 120 days, known at the end of the last."""
    return take_snapshot(
        real_source(real_data, "supplygraph"),
        pd.Timestamp("2023-05-01T00:00Z"),
        Workspace(tmp_path_factory.mktemp("supplygraph")),
    )


def _by_day(rows: pd.DataFrame, day: pd.Series, value: str) -> pd.DataFrame:
    plain = day.dt.tz_localize(None) if day.dt.tz is not None else day
    return rows.pivot_table(
        index=plain.dt.normalize(), columns="item_id", values=value, aggfunc="sum", fill_value=0.0
    )


def test_fill_and_backlog_of_the_company(whole: Snapshot) -> None:
    """Tests the README's fill 0.649 and backlog 36.0 k (April 0.813, 15.4 k) from the tables."""
    stock = whole.table("inventory_balance")
    balances = stock.pivot_table(index="balance_at", columns="item_id", values="on_hand_qty")
    balances.index = balances.index.tz_localize(None)
    lines = whole.table("sales_order_line")
    events = whole.table("delivery_event")
    events = events.assign(item_id=events["order_id"].str.partition("/")[0])
    days = balances.index[:-1]
    assert len(days) == 120
    shape = {"index": days, "columns": balances.columns, "fill_value": 0.0}
    orders = _by_day(lines, lines["requested_date"], "ordered_qty").reindex(**shape)
    sent = _by_day(events, events["goods_issue_at"], "delivered_qty").reindex(**shape)
    made = (balances.diff().shift(-1).loc[days] + sent).round(6)
    assert (made > -1e-6).all(axis=None)
    assert round((made > 1e-6).sum(axis=1).mean(), 1) == 16.1
    on_hand, owed = balances.iloc[0].copy(), balances.iloc[0] * 0
    filled, backlog = [], []
    for day in days:
        on_hand = on_hand + made.loc[day]
        for need in (owed, orders.loc[day].copy()):
            served = np.minimum(on_hand, need)
            on_hand = on_hand - served
            if need is owed:
                owed = owed - served
            else:
                owed = owed + need - served
                filled.append(served.sum())
        backlog.append(owed.sum())
    ordered = orders.sum(axis=1).to_numpy()
    april = days >= pd.Timestamp("2023-04-01")
    done, owing = np.array(filled), np.array(backlog)
    assert round(done.sum() / ordered.sum(), 3) == 0.649
    assert round(owing.mean() / 1000, 1) == 36.0
    assert round(done[april].sum() / ordered[april].sum(), 3) == 0.813
    assert round(owing[april].mean() / 1000, 1) == 15.4


def test_opening_stock_is_the_smallest_that_works(whole: Snapshot) -> None:
    """Tests that stock never falls below zero and touches it once where it was inferred above."""
    stock = whole.table("inventory_balance")
    opening = stock[stock["balance_at"] == stock["balance_at"].min()].set_index("item_id")
    lowest = stock.groupby("item_id")["on_hand_qty"].min()
    assert (lowest >= 0).all()
    inferred = opening.index[opening["on_hand_qty"] > 0]
    assert len(inferred) > 10
    assert (lowest[inferred] < 1e-6).all()
    assert any("The opening stock of each product is the smallest" in a for a in whole.assumptions)


def test_deliveries_and_orders_are_whole(whole: Snapshot, real_data: Path) -> None:
    """Tests that all ordered and delivered units are loaded, and lines know what they got."""
    folder = real_data / "supplygraph" / "daily_units"
    for name, table, column in (
        ("Sales Order", "sales_order_line", "ordered_qty"),
        ("Delivery To distributor", "delivery_event", "delivered_qty"),
    ):
        raw = pd.read_csv(folder / f"{name}.csv", index_col=0)
        assert whole.table(table)[column].sum() == pytest.approx(raw.to_numpy().sum(), abs=0.01)
    lines = whole.table("sales_order_line").set_index("order_id")
    events = whole.table("delivery_event").groupby("order_id")["delivered_qty"].sum()
    matched = events[~events.index.str.endswith("/no order yet")]
    got = lines.loc[matched.index, "delivered_qty"]
    np.testing.assert_allclose(got.to_numpy(), matched.to_numpy(), atol=1e-5)
    is_done = lines["status"] == "completed"
    short = lines["ordered_qty"] - lines["delivered_qty"]
    assert (short[is_done].abs() < 1e-5).all()
    assert (short[~is_done] > 0).all()


def test_product_named_twice_is_two_products(whole: Snapshot) -> None:
    """Tests that both columns of the product named twice are kept, in one family, and said."""
    items = whole.table("item").set_index("item_id")["family_id"]
    assert len(items) == 41
    assert items["POP001L12P"] == items["POP001L12P.1"] == "P-POP"
    assert any("POP001L12P.1" in sentence for sentence in whole.assumptions)
    assert (items != "ungrouped").all()


def test_check_says_what_is_off_and_why(
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tests that soe check of SupplyGraph succeeds at level L0 and names what the feed lacks."""
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("SOE_SUPPLYGRAPH", str(real_data / "supplygraph"))
    monkeypatch.setattr(cli, "project_root", lambda: ROOT)
    assert cli.main(["check", "--source", "supplygraph", "--as-of", "2023-03-31"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "feed level: L0 on: - demand against the S&OP plan, OTIF and fill rates, backlog",
        "late work orders: off, the feed has no work_order",
        "penalties: off, the feed has no customer_terms.penalty_amount",
        "The opening stock of each product is the smallest that keeps cumulative production",
        "derived baseline, not a management plan",
        "sales_order_line: after as_of 1,271, nothing ordered that day 1,558",
    ):
        assert words in text, words
