"""The production mix replayed: the limits hold, nothing is known too early, April is better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib import cli
from soe_lib.backtest.choice import GRID, choose_settings, score
from soe_lib.backtest.flows import BacktestError, Flows, daily_flows, missing_for_flows
from soe_lib.backtest.mix import Limits, Settings, choose_mix
from soe_lib.backtest.replay import (
    LEARNING_DAYS,
    Service,
    broken_limits,
    company_replay,
    day_rows,
    mix_rows,
    policy_replay,
    serve,
    service,
)
from tests.conftest import ROOT


def _history(seed: int = 3, num_days: int = 40, num_items: int = 6) -> Flows:
    """A plant that makes each product in turn, whatever is ordered."""
    draw = np.random.default_rng(seed)
    ordered = draw.poisson(draw.uniform(5, 60, num_items), (num_days, num_items)).astype(float)
    made = np.zeros_like(ordered)
    for day in range(num_days):
        made[day, [day % num_items, (day + 1) % num_items]] = ordered[day].sum() / 2
    days = pd.date_range("2024-01-01", periods=num_days, freq="D")
    items = tuple(f"P{k}" for k in range(num_items))
    return Flows(days, items, ordered, made, np.full(num_items, 20.0))


def test_a_day_serves_backlog_first_and_holds_nothing_back() -> None:
    """Tests one day by hand: 5 in stock, 10 made, 8 owed, 12 ordered: 7 filled, 5 owed."""
    stock, owed, filled = serve(*(np.array([v]) for v in (5.0, 8.0, 10.0, 12.0)))
    assert (stock[0], owed[0], filled[0]) == (0.0, 5.0, 7.0)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    total=st.floats(0, 500),
    num=st.integers(0, 6),
    recovery=st.floats(0, 1),
)
def test_a_mix_keeps_its_limits(seed: int, total: float, num: int, recovery: float) -> None:
    """Tests that no mix exceeds the day's total, its number of products, a product's largest."""
    draw = np.random.default_rng(seed)
    limits = Limits(total, num, np.where(draw.random(6) < 0.3, 0.0, draw.uniform(1, 200, 6)))
    stock, owed = draw.uniform(0, 50, 6), draw.uniform(0, 300, 6)
    made = choose_mix(draw.poisson(30, (20, 6)), stock, owed, limits, Settings(recovery=recovery))
    assert made.sum() <= total * (1 + 1e-9)
    assert (made > 0).sum() <= num
    assert (made <= limits.largest_qty * (1 + 1e-9)).all()
    assert (made >= 0).all()


def test_replay_beats_a_blind_rotation_within_its_limits() -> None:
    """Tests that the policy serves more than a plant that makes each product in turn."""
    flows = _history()
    own, soe = company_replay(flows, 20, 39), policy_replay(flows, 20, 39, Settings())
    assert broken_limits(flows, own) == broken_limits(flows, soe) == []
    assert service(flows, soe).fill > service(flows, own).fill + 0.05
    assert service(flows, soe).backlog_qty < service(flows, own).backlog_qty


def test_broken_limits_are_named() -> None:
    """Tests that a mix above the day's total, number of products and largest day is refused."""
    flows = _history()
    replay = company_replay(flows, 20, 21)
    replay.made_qty[0] = flows.made_qty.max() * 2
    found = " ".join(broken_limits(flows, replay))
    assert "2024-01-21" in found
    for words in ("limit 2", "above its largest day", "made, limit"):
        assert words in found


def test_the_mix_does_not_know_the_future() -> None:
    """Tests that other orders from a day on leave the mix up to that day as it was."""
    flows = _history()
    changed = flows.ordered_qty.copy()
    changed[30:] = changed[30:, ::-1] * 3
    other = Flows(flows.days, flows.items, changed, flows.made_qty, flows.opening_qty)
    one, two = (policy_replay(f, 20, 39, Settings()).made_qty for f in (flows, other))
    np.testing.assert_array_equal(one[:11], two[:11])
    assert (one[11:] != two[11:]).any()


def test_units_are_conserved_and_rows_agree() -> None:
    """Tests that made plus opening stock = served + stock, and the tables sum to the replay."""
    flows = _history()
    replay = policy_replay(flows, 0, 39, Settings())
    np.testing.assert_array_equal(replay.made_qty[:LEARNING_DAYS], flows.made_qty[:LEARNING_DAYS])
    days, mix = day_rows(flows, {"soe": replay}), mix_rows(flows, {"soe": replay})
    assert len(days) == 40
    assert len(mix) == 240
    by_day = mix.groupby("date")[["made_qty", "filled_qty", "backlog_qty"]].sum()
    np.testing.assert_allclose(by_day.to_numpy(), days[by_day.columns].to_numpy())
    served = flows.ordered_qty.sum() - replay.backlog_qty[-1].sum()
    assert served <= replay.made_qty.sum() + flows.opening_qty.sum() + 1e-6


def test_settings_are_chosen_by_score() -> None:
    """Tests that the best row of the table is what is returned, and the score is what it says."""
    grid = (Settings(recovery=0.0), Settings(recovery=0.3), Settings(horizon_days=2))
    best, table = choose_settings(_history(num_days=60), grid=grid)
    assert len(table) == 3
    assert table["score"].is_monotonic_decreasing
    assert best.recovery == table.loc[0, "recovery"]
    assert score(Service(0.75, 50.0), Service(0.5, 100.0)) == pytest.approx(1.0)
    assert score(Service(1.0, 0.0), Service(1.0, 0.0)) == 0.0


def test_what_cannot_be_replayed_says_why() -> None:
    """Tests that missing tables, days outside and an unfillable window are errors in words."""
    assert missing_for_flows({}) == [
        "no sales_order_line",
        "no delivery_event",
        "no inventory_balance",
    ]
    with pytest.raises(BacktestError, match="no sales_order_line"):
        daily_flows({})
    flows = _history()
    with pytest.raises(BacktestError, match="2025-01-01 is outside"):
        flows.position(pd.Timestamp("2025-01-01"))
    with pytest.raises(BacktestError, match="not a window"):
        company_replay(flows, 30, 60)


@pytest.fixture
def at_home(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("SOE_SUPPLYGRAPH", str(real_data / "supplygraph"))
    monkeypatch.setattr(cli, "project_root", lambda: ROOT)
    return tmp_path


def test_april_of_the_real_company(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tests soe backtest on SupplyGraph: settings of January to March, reported for April."""
    window = ["--from", "2023-04-01", "--to", "2023-04-30"]
    assert cli.main(["backtest", "--source", "supplygraph", *window]) == 0
    told = capsys.readouterr().out
    chosen = "Settings chosen on 2023-01-15 to 2023-03-31, with what was known at their end"
    assert f"{chosen}, among {len(GRID)}" in told
    folder = at_home / "backtest" / "supplygraph" / "2023-04-01_2023-04-30"
    table = pd.read_csv(folder / "service.csv")
    april = table[(table["part"] == "reported") & (table["months"] == "all")].iloc[0]
    assert round(april["company_fill"], 3) == 0.813
    assert round(april["company_backlog_qty"] / 1000, 1) == 15.4
    assert april["fill_points"] >= 3
    assert april["backlog_pct"] <= -30
    assert round(april["soe_fill"], 3) == 0.988
    assert round(april["soe_backlog_qty"]) == 680
    chosen_on = table[table["part"] == "chosen on"].set_index("months")
    assert chosen_on["fill_points"].min() > 0
    assert chosen_on.loc["2023-02", "soe_fill"] == pytest.approx(0.506, abs=5e-4)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["production_mix"]["soe_fill"] == pytest.approx(april["soe_fill"], abs=1e-6)
    days = pd.read_csv(folder / "days.csv")
    assert days.groupby("policy").size().to_dict() == {"company": 30, "soe": 30}
    pair = days.pivot(index="date", columns="policy")
    assert (pair["made_qty", "soe"] <= pair["made_qty", "company"] + 1e-3).all()
    assert (pair["num_items", "soe"] <= pair["num_items", "company"]).all()


def test_too_little_history_is_said(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tests that the first days run the company's own mix and defaults are named as such."""
    window = ["--from", "2023-01-01", "--to", "2023-01-31"]
    assert cli.main(["backtest", "--source", "supplygraph", *window]) == 0
    told = capsys.readouterr().out
    assert "too few to choose settings on; the defaults are used" in told
    assert "The first 14 days run the company's own mix" in told
    assert cli.main(["backtest", "--source", "supplygraph", "--from", "x", "--to", "y"]) == 2
    window = ["--from", "2023-02-01", "--to", "2023-01-31"]
    assert cli.main(["backtest", "--source", "supplygraph", *window]) == 2
    assert "is before --from" in capsys.readouterr().err
