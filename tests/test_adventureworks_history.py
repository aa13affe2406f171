"""AdventureWorks as a whole: the snapshot reproduces the check values of the data's README."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.workspace import Workspace
from tests.conftest import real_source

TABLES = (
    "work_order",
    "work_order_progress_event",
    "schedule_operation",
    "scrap_event",
    "sales_order_line",
    "purchase_order_line",
    "goods_receipt_event",
)


@pytest.fixture(scope="module")
def history(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The whole history: nothing is open and nothing too old."""
    folder = tmp_path_factory.mktemp("history")
    source = real_source(
        real_data, "adventureworks", TABLES, folder / "mapping", history_weeks=1000
    )
    return take_snapshot(source, pd.Timestamp("2014-12-01T00:00Z"), Workspace(folder))


def test_everything_is_there(history: Snapshot) -> None:
    """Tests that no row is excluded for its date and none is quarantined."""
    loaded = {name: len(history.table(name)) for name in TABLES}
    assert loaded == {
        "work_order": 72_591,
        "work_order_progress_event": 2 * 67_131,
        "schedule_operation": 67_131,
        "scrap_event": 729,
        "sales_order_line": 121_317,
        "purchase_order_line": 8_845,
        "goods_receipt_event": 8_845,
    }
    assert history.blockers() == []


def test_work_orders_late(history: Snapshot) -> None:
    """Tests that 31.395 % of work orders end late, by 1 to 21 days, and the quantities."""
    orders = history.table("work_order")
    assert (orders["status"] == "completed").all()
    days = (orders["ended_at"] - orders["due_at"]).dt.days
    late = days[days > 0]
    assert len(late) == 22_790
    assert round(100 * len(late) / len(orders), 3) == 31.395
    assert (late.min(), late.max()) == (1, 21)
    assert int((days == -1).sum()) == 29_966
    assert int((days == 0).sum()) == 19_835
    assert orders["ordered_qty"].sum() == 4_507_721
    assert orders["scrap_qty"].sum() == 10_651
    assert history.table("scrap_event")["scrap_qty"].sum() == 10_651
    assert (orders["good_qty"] + orders["scrap_qty"] == orders["ordered_qty"]).all()


def test_operations_late(history: Snapshot) -> None:
    """Tests that 58.4 % of routing operations end and 48.5 % start after their schedule."""
    planned = history.table("schedule_operation").groupby("wo_id")
    window = pd.DataFrame({"first": planned["start_at"].min(), "last": planned["end_at"].max()})
    events = history.table("work_order_progress_event").join(window, on="wo_id")
    ends = events[events["event_type"] == "complete"]
    starts = events[events["event_type"] == "start"]
    assert round(100 * (ends["event_at"] > ends["last"]).mean(), 1) == 58.4
    assert round(100 * (starts["event_at"] > starts["first"]).mean(), 1) == 48.5
    assert ends["scrap_qty"].sum() <= 10_651  # orders without routing report none


def test_receipts_and_sales(history: Snapshot) -> None:
    """Tests 380 short receipts, 563 with rejects and the sum of all order lines."""
    purchases = history.table("purchase_order_line")
    assert int((purchases["received_qty"] < purchases["ordered_qty"]).sum()) == 380
    assert int((history.table("goods_receipt_event")["rejected_qty"] > 0).sum()) == 563
    lines = history.table("sales_order_line")
    assert round(lines["net_value"].sum(), 2) == 109_846_381.40
    assert lines["order_id"].nunique() == 31_465
    assert (lines["net_price"] * lines["ordered_qty"]).sum() == pytest.approx(109_846_381.40)
