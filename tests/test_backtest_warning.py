"""Early warning replayed: nothing is known too early, and the learned risk is honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.backtest.flows import BacktestError
from soe_lib.backtest.risk import hidden_after, late_risk, order_facts
from soe_lib.backtest.warning import RULES, replay_warnings, wilson
from soe_lib.params import Params
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.workspace import Workspace
from tests.conftest import real_source

_START = pd.Timestamp("2024-01-01T00:00Z")


def _orders(num: int, *, late: np.ndarray, start_days: np.ndarray) -> dict[str, pd.DataFrame]:
    """Orders of ten days, one a day-third; ``late`` ends three days after due, else on the day."""
    release = _START + pd.to_timedelta(np.arange(num) // 3, unit="D")
    ids = [f"W{k}" for k in range(num)]
    due = release + pd.Timedelta(days=10)
    orders = pd.DataFrame(
        {
            "wo_id": ids,
            "item_id": [f"P{k % 2}" for k in range(num)],
            "release_at": release,
            "due_at": due,
            "ended_at": due + pd.to_timedelta(np.where(late, 3, 0), unit="D"),
            "started_at": release,
            "ordered_qty": 10.0,
            "status": "completed",
            "site_id": "S",
        }
    )
    events = pd.DataFrame(
        {
            "wo_id": ids,
            "event_type": "start",
            "event_at": release + pd.to_timedelta(start_days, unit="D"),
        }
    )
    return {"work_order": orders, "work_order_progress_event": events}


def test_risk_learns_what_a_late_start_means() -> None:
    """Tests that orders which start at once are flagged where those always ended late."""
    at_once = np.arange(600) % 3 == 0
    tables = _orders(600, late=at_once, start_days=np.where(at_once, 0, 4))
    found = replay_warnings(
        tables, _START + pd.Timedelta(days=100), _START + pd.Timedelta(days=121), Params()
    )
    rules = found.rules.set_index("rule")
    learned = rules.loc["risk of past orders"]
    assert learned["num_false_alarms"] == 0
    assert learned["recall_pct"] == 100
    assert learned["median_warning_days"] == 10
    assert rules.loc["step 1: past due", "median_warning_days"] == -2
    assert rules.loc["everything", "precision_pct"] == pytest.approx(100 / 3, abs=1)


def test_risk_finds_nothing_in_noise() -> None:
    """Tests that lateness which nothing foretells is not flagged where a third end late."""
    draw = np.random.default_rng(5)
    tables = _orders(600, late=draw.random(600) < 0.33, start_days=draw.integers(0, 5, 600))
    found = replay_warnings(
        tables, _START + pd.Timedelta(days=100), _START + pd.Timedelta(days=121), Params()
    )
    assert found.rules.set_index("rule").loc["risk of past orders", "num_flagged"] <= 5


def test_risk_knows_nothing_later_than_as_of() -> None:
    """Tests that ends and starts after the as-of do not change what is said at the as-of."""
    late = np.arange(300) % 4 < 2
    tables = _orders(300, late=late, start_days=np.zeros(300))
    as_of = _START + pd.Timedelta(days=60)
    facts = order_facts(tables["work_order"], tables["work_order_progress_event"])
    other = facts.copy()
    for name in ("ended_at", "first_start_at"):
        other[name] = other[name].where(other[name] <= as_of, other[name] + pd.Timedelta(days=40))
    one, two = (late_risk(hidden_after(f, as_of), as_of) for f in (facts, other))
    pd.testing.assert_frame_equal(one, two)
    assert len(one) > 20
    # an order that fell due and still runs counts as late at once
    assert one["late_probability"].between(0.4, 0.6).all()


def test_nothing_to_judge_is_an_error() -> None:
    """Tests that a feed without work orders, or a window without any due, says so."""
    with pytest.raises(BacktestError, match="no work_order"):
        replay_warnings({}, _START, _START, Params())
    tables = _orders(30, late=np.zeros(30, bool), start_days=np.zeros(30))
    later = _START + pd.Timedelta(days=900)
    with pytest.raises(BacktestError, match="no work order fell due"):
        replay_warnings(tables, later, later + pd.Timedelta(days=7), Params())
    assert np.isnan(wilson(0, 0)[0])


@pytest.fixture(scope="module")
def shop(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """AdventureWorks' work orders and their events as known at the end of March 2014."""
    folder = tmp_path_factory.mktemp("shop")
    tables = ("item", "resource", "work_order", "work_order_progress_event")
    source = real_source(real_data, "adventureworks", tables, folder / "sql", history_weeks=40)
    return take_snapshot(source, pd.Timestamp("2014-04-01T00:00Z"), Workspace(folder))


def test_late_work_orders_of_the_real_shop(shop: Snapshot) -> None:
    """Tests March 2014: most late orders are flagged before they are due, three of four
    flags are right."""
    begin, end = pd.Timestamp("2014-03-01T00:00Z"), pd.Timestamp("2014-04-01T00:00Z")
    found = replay_warnings(shop.tables, begin, end, Params())
    rules = found.rules.set_index("rule")
    assert tuple(found.rules["rule"]) == RULES
    learned, base = rules.loc[RULES[1]], rules.loc[RULES[2]]
    counts = ["num_orders", "num_late", "num_hits", "num_false_alarms"]
    assert learned[counts].tolist() == [3183, 983, 983, 477]
    assert learned["precision_lo_pct"] > base["precision_hi_pct"] + 20
    assert learned["median_warning_days"] == 11
    assert rules.loc[RULES[0], "num_false_alarms"] == 0
    assert rules.loc[RULES[0], "median_warning_days"] == -2
    # the raw file says the same of the orders judged
    orders = found.orders
    assert orders["is_late"].sum() == learned["num_late"]
    assert (orders[RULES[1]].dropna() < orders["due_at"][orders[RULES[1]].notna()]).all()


def test_hiding_equals_a_snapshot_of_that_day(
    shop: Snapshot, real_data: Path, tmp_path: Path
) -> None:
    """Tests that hiding later facts gives the risk that a snapshot taken that day gives."""
    as_of = pd.Timestamp("2014-03-10T00:00Z")
    source = real_source(
        real_data,
        "adventureworks",
        ("item", "resource", "work_order", "work_order_progress_event"),
        tmp_path / "sql",
        history_weeks=40,
    )
    then = take_snapshot(source, as_of, Workspace(tmp_path))
    risks = []
    for snapshot in (shop, then):
        facts = order_facts(
            snapshot.table("work_order"), snapshot.table("work_order_progress_event")
        )
        risk = late_risk(hidden_after(facts, as_of), as_of)
        risks.append(risk.sort_values("wo_id", ignore_index=True))
    pd.testing.assert_frame_equal(*risks)
    assert len(risks[0]) > 500
