"""Promises: drawn luck, odds, distributions that lean on the pool, reliability; real suppliers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.impact.noise import Noise
from soe_lib.impact.outcomes import promise_outcomes
from soe_lib.impact.promise import draw_luck, promise_odds
from soe_lib.impact.reliability import reliability
from soe_lib.impact.shrunken import STRENGTHS, fit_shrunken, intraclass
from soe_lib.impact.supplier_score import score_suppliers
from soe_lib.schedule import dispatch, right_shift
from tests.benchmarks.suppliers import receipts_of
from tests.divergence_tables import AS_OF, ago, order, table
from tests.impact_plants import published_plant, replayed_plant

QUIET = Noise(None, 0.0, {}, None, None, None, 0.0)


def spread(values: list[float], group: str) -> object:
    return fit_shrunken(pd.Series(values), pd.Series([group] * len(values)), strength=0.0)


def noisy() -> Noise:
    """Noise in everything."""
    return Noise(
        rate=fit_shrunken(pd.Series([0.8, 1.0, 1.5]), pd.Series(["L0"] * 3), strength=5.0),
        rate_common=0.3,
        stop_rate={"L0": 0.02, "L1": 0.05},
        stop_hours=fit_shrunken(pd.Series([0.5, 3.0]), pd.Series(["L1"] * 2), strength=1.0),
        scrap=fit_shrunken(pd.Series([0.0, 0.0, 0.1]), pd.Series(["I0"] * 3), strength=1.0),
        supplier_days=fit_shrunken(pd.Series([0.0, 1.0, 4.0]), pd.Series(["V"] * 3), strength=1.0),
        supplier_common=0.4,
    )


def test_without_noise_a_promise_is_its_date() -> None:
    """Tests that where nothing varies the odds are those of the projected date, 0 or 1."""
    for seed in range(6):
        replay = replayed_plant(seed)
        odds = promise_odds(replay, draw_luck(replay, QUIET, ["V"] * 3, 20, 1))
        on_time = replay.lateness() <= 1e-3
        assert (odds["p_on_time"] == on_time.astype(float)).all()
        late = np.maximum(replay.lateness(), 0) / 1440
        assert np.allclose(odds["expected_late_days"], late)


def test_luck_is_common_and_reproducible() -> None:
    """Tests that the same seed gives the same luck, to another schedule of the problem too."""
    problem = published_plant(3)
    first, again = replayed_plant(3), replayed_plant(3)
    luck = draw_luck(first, noisy(), ["V"] * 3, 60, 7)
    same = draw_luck(again, noisy(), ["V"] * 3, 60, 7)
    other = draw_luck(first, noisy(), ["V"] * 3, 60, 8)
    for name in ("run", "supply_at", "lot_qty"):
        assert (getattr(luck, name) == getattr(same, name)).all()
    assert (luck.run != other.run).any()
    moved = replayed_plant(3)
    assert (draw_luck(moved, noisy(), ["V"] * 3, 60, 7).supply_at == luck.supply_at).all()
    assert len(right_shift(problem).promises) == len(promise_odds(first, luck))


def test_delay_never_helps() -> None:
    """Tests that a supplier who is later gives no promise a better chance (common luck)."""
    late = Noise(None, 0.0, {}, None, None, spread([3.0, 6.0], "V"), 0.0)  # type: ignore[arg-type]
    for seed in range(8):
        replay = replayed_plant(seed)
        quiet = promise_odds(replay, draw_luck(replay, QUIET, ["V"] * 3, 50, 1))
        worse = promise_odds(replay, draw_luck(replay, late, ["V"] * 3, 50, 1))
        assert worse["p_on_time"].sum() <= quiet["p_on_time"].sum() + 1e-9


def test_sure_date_holds_as_often_as_it_says() -> None:
    """Tests that the 90 % date is met in at least 90 % of the replays and never before the due."""
    replay = replayed_plant(4)
    luck = draw_luck(replay, noisy(), ["V"] * 3, 200, 2)
    odds = promise_odds(replay, luck, 90.0)
    facts = {"run": luck.run, "supply_at": luck.supply_at, "lot_qty": luck.lot_qty}
    lateness = replay.replayed(facts, luck.count).lateness
    sure = (odds["sure_at"] - replay.problem.as_of).dt.total_seconds().to_numpy() / 60
    at = np.maximum(replay.problem.demand_due + lateness, 0.0)
    assert ((at <= sure + 0.02).mean(axis=0) >= 0.9).all()
    assert odds["p_on_time"].between(0, 1).all()
    assert odds["p_on_time"].nunique() > 0


def test_any_schedule_is_replayed() -> None:
    """Tests that a dispatched schedule replays at its own starts: nothing comes earlier."""
    from soe_lib.impact.replay_build import replay_of

    problem = published_plant(1)
    schedule = dispatch(problem, "edd")
    late = schedule.promises["lateness_days"].to_numpy() * 1440
    assert np.allclose(replay_of(problem, schedule).lateness(), late, atol=0.05)


def test_shrunken_leans_on_the_pool() -> None:
    """Tests weights by hand, an unknown group, quantiles, and the score of a point."""
    fitted = fit_shrunken(
        pd.Series([0.0, 0.0, 10.0, 10.0]), pd.Series(["a", "a", "b", "b"]), strength=2.0
    )
    assert fitted.below("a", 5.0) == pytest.approx(0.75)  # own 1, pool 0.5, weights a half each
    assert fitted.below("new", 5.0) == pytest.approx(0.5)
    assert fitted.quantile("a", np.array([0.1, 0.74, 0.76])).tolist() == [0.0, 0.0, 10.0]
    point = fit_shrunken(pd.Series([3.0]), pd.Series(["a"]), strength=0.0)
    assert point.crps("a", 5.0) == pytest.approx(2.0)
    rng = np.random.default_rng(1)
    sample = fit_shrunken(pd.Series(rng.normal(size=60)), pd.Series(["a"] * 60), strength=0.0)
    values, weight = sample.support("a")
    half = (weight[:, None] * weight * np.abs(values[:, None] - values)).sum() / 2
    expected = (weight * np.abs(values - 0.3)).sum() - half
    assert sample.crps("a", 0.3) == pytest.approx(expected)


def test_strength_follows_the_data() -> None:
    """Tests that equal groups are pooled and groups apart are left apart, in time and without."""
    rng = np.random.default_rng(2)
    groups = pd.Series(np.repeat([f"g{k}" for k in range(30)], 12))
    when = pd.Series(pd.date_range("2026-01-01", periods=360)).sample(frac=1, random_state=1)
    when = when.reset_index(drop=True)
    same = pd.Series(rng.normal(size=360))
    apart = same + np.repeat(np.arange(30) * 10.0, 12)
    for dates in (None, when):
        assert fit_shrunken(same, groups, when=dates).strength >= 50
        assert fit_shrunken(apart, groups, when=dates).strength <= STRENGTHS[1]
    with pytest.raises(ValueError, match="no outcome"):
        fit_shrunken(pd.Series([np.nan]), pd.Series(["a"]))


def test_intraclass() -> None:
    """Tests that what is common to a cell is found: all of it, none of it."""
    cells = np.repeat(np.arange(200), 5)
    rng = np.random.default_rng(3)
    common = np.repeat(rng.normal(size=200), 5)
    assert intraclass(rng.normal(size=1000), cells) < 0.1
    mixed = np.sqrt(0.4) * common + np.sqrt(0.6) * rng.normal(size=1000)
    assert intraclass(mixed, cells) == pytest.approx(0.4, abs=0.1)
    assert intraclass(np.ones(3), np.arange(3)) == 0.0


def test_reliability_by_hand() -> None:
    """Tests scores on four forecasts, an unknown outcome left out; too few are not calibrated."""
    chance = pd.Series([0.9, 0.9, 0.1, 0.1, 0.5])
    outcome = pd.Series([True, True, False, True, pd.NA], dtype="boolean")
    found = reliability(chance, outcome, pd.Series([True, True, False, False, True]))
    assert found.num_outcomes == 4
    assert found.base_rate == pytest.approx(0.75)
    assert found.brier == pytest.approx((0.01 * 3 + 0.81) / 4)
    assert found.brier_of_date == pytest.approx(0.25)
    assert found.brier_of_base_rate == pytest.approx(0.1875)
    assert found.skill < 0
    assert not found.is_calibrated(4)
    assert found.bins["num_forecasts"].tolist() == [2, 2]
    good = reliability(pd.Series([0.9, 0.1] * 60), pd.Series([True, False] * 60))
    assert good.is_calibrated(100)
    assert not good.is_calibrated(121)
    assert reliability(pd.Series(dtype=float), pd.Series(dtype="boolean")).num_outcomes == 0


def test_outcomes_of_promises() -> None:
    """Tests kept, broken, open past its due, not due yet, cancelled, and gone from the feed."""
    lines = table(
        "sales_order_line",
        order("KEPT", status="completed", last_goods_issue_at=ago(3)),
        order("BROKEN", status="completed", last_goods_issue_at=ago(1)),
        order("OPEN", status="open"),
        order("LATER", status="open"),
        order("CANCELLED", status="cancelled"),
    )
    due = [ago(2), ago(2), ago(2), ago(-2), ago(2), ago(2)]
    names = ["KEPT", "BROKEN", "OPEN", "LATER", "CANCELLED", "GONE"]
    forecasts = pd.DataFrame({"order_id": names, "line_id": "1", "due_at": due})
    found = promise_outcomes(
        forecasts.astype({"order_id": "str", "line_id": "str"}), {"sales_order_line": lines}, AS_OF
    )
    values = [None if pd.isna(v) else bool(v) for v in found["is_on_time"]]
    assert values == [True, False, False, None, None, None]


@pytest.mark.parametrize(
    ("split", "count", "same", "alone", "shrunken"),
    [("2010-09-06", 2000, 2.613, 4.696, 2.154), ("2012-03-27", 1499, 1.059, 4.072, 0.772)],
)
def test_real_suppliers_out_of_sample(
    real_data: Path, split: str, count: int, same: float, alone: float, shrunken: float
) -> None:
    """Tests the USAID deliveries by date: to lean and to forget beats both pooling and alone."""
    receipts = receipts_of(real_data)
    assert receipts.notna().all(axis=None)
    at = receipts["received_at"].quantile({"2010-09-06": 0.6, "2012-03-27": 0.7}[split])
    assert str(at.date()) == split
    scores, score = score_suppliers(receipts, at)
    assert scores["num_outcomes"].tolist() == [count] * 5
    found = scores.set_index("way")["mean_crps_days"]
    assert found["all the same"] == pytest.approx(same, abs=0.001)
    assert found["alone"] == pytest.approx(alone, abs=0.001)
    assert found["shrunken, forgets"] == pytest.approx(shrunken, abs=0.001)
    assert found["shrunken, forgets"] < min(found["all the same"], found["alone"])
    assert score.num_outcomes == count


def test_old_outcomes_fade_where_a_supplier_has_changed() -> None:
    """Tests the half-life: short after a change, long where nothing changed, weights by age."""
    when = pd.Series(pd.date_range("2024-01-01", periods=400, freq="D", tz="UTC"))
    rng = np.random.default_rng(3)
    groups = pd.Series(rng.choice(["a", "b"], 400))
    steady = pd.Series(rng.normal(size=400))
    moved = steady + np.where(np.arange(400) < 200, 30.0, 0.0)
    quick = fit_shrunken(moved, groups, when=when, forgets=True)
    assert quick.half_life_days <= 90
    assert quick.quantile("a", np.array([0.9]))[0] < 5
    assert fit_shrunken(moved, groups, when=when).quantile("a", np.array([0.9]))[0] > 20
    calm = fit_shrunken(steady, groups, when=when, forgets=True)
    assert calm.half_life_days >= 365
    values, weight = quick.support("a")
    assert weight.sum() == pytest.approx(1)
    draws = rng.choice(values, p=weight, size=4000)
    pairs = np.abs(draws[:2000] - draws[2000:]).mean()
    expected = np.abs(draws - 1.0).mean() - pairs / 2
    assert quick.crps("a", 1.0) == pytest.approx(expected, abs=0.5)
    with pytest.raises(ValueError, match="must have an instant"):
        fit_shrunken(steady, groups, forgets=True)


def test_benchmark_runs_small() -> None:
    """Tests that the benchmark of promises prints its line on a small plant."""
    from tests.benchmarks.promises import speed

    assert speed(30, 5).startswith("5 replications over ")
