"""Plan against actual, the waterfall and the run-rate forecast."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from soe_lib.kpi.plan_actual import matched, plan_accuracy, plan_at_lag, run_rate_forecast
from soe_lib.kpi.value import kpi_rows
from soe_lib.kpi.waterfall import (
    PRODUCTION_STEPS,
    lmdi,
    production_waterfall,
    shapley,
    waterfall,
)
from tests.kpi_tables import ZONE, at, by_name, day, period

NOW = at(28, 5)
MONTH = period(0, 28)


def pairs(*rows: tuple[str, str, int, float, float]) -> pd.DataFrame:
    """Return (item, family, week, planned, actual) rows matched."""
    plan = pd.DataFrame(
        [(i, f, day(7 * w), p) for i, f, w, p, _ in rows],
        columns=["item_id", "family_id", "week_start_date", "planned_qty"],
    )
    actual = pd.DataFrame(
        [(i, f, day(7 * w), a) for i, f, w, _, a in rows],
        columns=["item_id", "family_id", "week_start_date", "actual_qty"],
    )
    return matched(plan, actual, ["item_id", "family_id"])


def level(rows: pd.DataFrame, basis: str) -> dict:
    """Return the KPIs of one level by name."""
    return by_name([k for k in plan_accuracy(rows, NOW, MONTH) if k.basis == basis])


def test_random_plans_match_brute_force() -> None:
    """Tests every sum over 20 random plans against plain loops."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        rows = [
            (f"I{i}", f"F{i % 3}", w, float(rng.integers(0, 4) * 10), float(rng.integers(0, 50)))
            for i in range(8)
            for w in range(4)
        ]
        good = [(p, a) for *_, p, a in rows if p > 0]
        total = sum(p for p, _ in good)
        found = level(pairs(*rows), "item")
        assert found["demand_bias"].value == pytest.approx(
            100 * sum(a - p for p, a in good) / total
        )
        gap = sum(abs(a - p) for p, a in good)
        assert found["demand_wmape"].value == pytest.approx(100 * gap / total)
        assert found["demand_accuracy"].value == pytest.approx(max(0, 100 * (1 - gap / total)))
        assert found["demand_attainment"].value == pytest.approx(
            100 * sum(a for _, a in good) / total
        )
        assert found["demand_adherence"].value == pytest.approx(
            100 * sum(min(a, p) for p, a in good) / total
        )
        stray = sum(a for *_, p, a in rows if p <= 0)
        assert found["demand_unplanned"].value == pytest.approx(
            100 * stray / sum(a for *_, a in rows)
        )
        errors = [sum(a - p for _, _, v, p, a in rows if v == w and p > 0) for w in range(4)]
        assert found["demand_tracking_signal"].value == pytest.approx(
            sum(errors) / np.mean(np.abs(errors))
        )


def test_family_hides_the_mix() -> None:
    """Tests that a perfect family can hide wrong items: both levels are shown."""
    rows = pairs(("A", "F", 0, 100.0, 150.0), ("B", "F", 0, 100.0, 50.0))
    assert level(rows, "item")["demand_wmape"].value == 50.0
    assert level(rows, "family")["demand_wmape"].value == 0.0
    assert level(rows, "item")["demand_bias"].value == 0.0


def test_not_planned_is_a_bucket_of_its_own() -> None:
    """Tests that actuals without a plan give no infinite error and are counted."""
    rows = pairs(("A", "F", 0, 100.0, 90.0), ("B", "F", 0, 0.0, 30.0))
    found = level(rows, "item")
    assert found["demand_attainment"].value == 90.0
    assert found["demand_attainment"].excluded == {"not_planned": 1}
    assert found["demand_unplanned"].value == 25.0
    alone = level(pairs(("B", "F", 0, 0.0, 30.0)), "item")
    assert np.isnan(alone["demand_bias"].value)
    assert alone["demand_bias"].reason == "nothing was planned in the period"
    empty = plan_accuracy(pairs(), NOW, MONTH)
    assert (kpi_rows(empty)["status"] == "not_evaluable").all()


def test_reversals_net_and_are_listed() -> None:
    """Tests that a negative actual nets within its bucket and is named in the note."""
    plan = pd.DataFrame(
        {"item_id": "A", "family_id": "F", "week_start_date": [day(0)], "planned_qty": 100.0}
    )
    actual = pd.DataFrame(
        {
            "item_id": "A",
            "family_id": "F",
            "week_start_date": day(0),
            "actual_qty": [120.0, -20.0],
        }
    )
    found = level(matched(plan, actual, ["item_id", "family_id"]), "item")
    assert found["demand_wmape"].value == 0.0
    assert found["demand_bias"].note == "1 cells with reversals (-20)"


def test_plan_at_lag_takes_the_version_valid_then() -> None:
    """Tests that a version approved inside the lag is not the plan that counts."""
    versions = pd.DataFrame(
        {
            "plan_version": ["V1", "V2", "V3"],
            "approved_at": pd.Series([at(-20), at(-9), at(-2)]),
            "item_id": "A",
            "week_start_date": day(0),
            "planned_qty": [10.0, 20.0, 30.0],
        }
    )
    for lag, wanted in ((7, [20.0]), (0, [30.0]), (14, [10.0]), (30, [])):
        found = plan_at_lag(versions, ["item_id"], "week_start_date", pd.Timedelta(days=lag), ZONE)
        assert found["planned_qty"].tolist() == wanted


def test_run_rate_forecast_and_its_interval() -> None:
    """Tests value and interval against the formula, and its coverage on simulated months."""
    history = pd.DataFrame(
        {"planned_qty": [100.0, 100.0, 100.0], "actual_qty": [90.0, 100.0, 80.0]}
    )
    kpi = run_rate_forecast(history, 500.0, 200.0, 2, NOW, MONTH)
    assert kpi.value == pytest.approx(500 + 200 * 0.9)
    reach = stats.t.ppf(0.975, 2) * 0.1 * 200 * np.sqrt(1 / 2 + 1 / 3)
    assert (kpi.lo, kpi.hi) == pytest.approx((680 - reach, 680 + reach))
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        rates = rng.normal(0.9, 0.1, 8)
        past = pd.DataFrame({"planned_qty": 100.0, "actual_qty": 100 * rates[:6]})
        guess = run_rate_forecast(past, 0.0, 200.0, 2, NOW, MONTH, confidence_pct=90.0)
        hits += guess.lo <= 100 * rates[6:].sum() <= guess.hi
    assert 0.85 < hits / 400 < 0.95
    alone = run_rate_forecast(history.head(1), 500.0, 200.0, 2, NOW, MONTH)
    assert alone.value == 680.0
    assert np.isnan(alone.lo)
    none = run_rate_forecast(history.head(0), 500.0, 200.0, 2, NOW, MONTH)
    assert none.status == "not_evaluable"
    over = run_rate_forecast(history, 500.0, 0.0, 0, NOW, MONTH, target=450.0)
    assert (over.value, over.lo, over.hi, over.status) == (500.0, 500.0, 500.0, "pass")


def slow_shapley(plan: list[float], actual: list[float]) -> list[float]:
    """Return the mean over all orders in which the factors change."""
    count = len(plan)
    parts = [0.0] * count
    orders = list(permutations(range(count)))
    for one in orders:
        now = list(plan)
        for k in one:
            before = np.prod(now)
            now[k] = actual[k]
            parts[k] += (np.prod(now) - before) / len(orders)
    return parts


FACTORS = st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=4, max_size=4)
POSITIVE = st.lists(st.floats(0.05, 3), min_size=4, max_size=4)


@settings(max_examples=100, deadline=None)
@given(FACTORS, FACTORS)
def test_shapley_is_the_mean_over_all_orders(plan: list[float], actual: list[float]) -> None:
    """Tests Shapley parts against the mean over permutations; they add up and ignore the order."""
    parts = shapley(np.array([plan]), np.array([actual]))[0]
    assert parts == pytest.approx(slow_shapley(plan, actual), abs=1e-9)
    assert parts.sum() == pytest.approx(np.prod(actual) - np.prod(plan), abs=1e-9)
    flipped = shapley(np.array([plan[::-1]]), np.array([actual[::-1]]))[0]
    assert flipped[::-1] == pytest.approx(parts, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(POSITIVE, POSITIVE)
def test_lmdi_adds_up_and_ignores_the_order(plan: list[float], actual: list[float]) -> None:
    """Tests that LMDI parts add up exactly, ignore the order and have the sign of their factor."""
    before, after = np.array([plan]), np.array([actual])
    parts = lmdi(before, after)[0]
    assert parts.sum() == pytest.approx(np.prod(actual) - np.prod(plan), abs=1e-9)
    assert lmdi(before[:, ::-1], after[:, ::-1])[0][::-1] == pytest.approx(parts, abs=1e-9)
    assert (np.sign(parts) == np.sign(np.log(after / before)[0])).all()


def test_lmdi_refuses_zeros() -> None:
    """Tests that a factor without logarithm is an error that names row and remedy."""
    rows = pd.DataFrame({"a_plan": [1.0, 1.0], "a_actual": [1.0, 0.0]})
    with pytest.raises(ValueError, match="row 1 has none: use method='shapley'"):
        waterfall(rows, ["a"], method="lmdi")
    assert waterfall(rows, ["a"])["qty"].tolist() == [2.0, -1.0, 1.0]


def test_production_waterfall_conserves() -> None:
    """Tests that plan + steps + unplanned = actual on 50 random books with zeros in them."""
    rng = np.random.default_rng(8)
    for _ in range(50):
        size = 12
        rows = pd.DataFrame(
            {
                "planned_qty": rng.integers(0, 4, size) * 50.0,
                "demand_qty": rng.integers(0, 5, size) * 40.0,
                "scheduled_qty": rng.integers(0, 5, size) * 40.0,
                "scheduled_hours": rng.integers(0, 4, size) * 2.0,
                "run_hours": rng.integers(0, 4, size) * 1.5,
                "gross_qty": rng.integers(0, 9, size) * 20.0,
            }
        )
        rows["good_qty"] = rows["gross_qty"] * rng.choice([1.0, 0.9], size)
        found = production_waterfall(rows)
        assert found["step"].tolist() == ["plan", *PRODUCTION_STEPS, "unplanned", "actual"]
        assert found["qty"].iloc[:-1].sum() == pytest.approx(rows["good_qty"].sum())
        assert found["qty"].iloc[0] == rows["planned_qty"].sum()
        assert np.isfinite(found["qty"]).all()


def test_each_cause_lands_in_its_step() -> None:
    """Tests that changing one thing alone moves its own step and no other."""
    same = {
        "planned_qty": 100.0,
        "demand_qty": 100.0,
        "scheduled_qty": 100.0,
        "scheduled_hours": 10.0,
        "run_hours": 10.0,
        "gross_qty": 100.0,
        "good_qty": 100.0,
    }
    alone = {
        "demand change": {k: 0.8 * same[k] for k in same if k != "planned_qty"},
        "schedule change": {
            k: 0.8 * same[k] for k in same if k not in ("planned_qty", "demand_qty")
        },
        "supply loss": {"run_hours": 8.0, "gross_qty": 80.0, "good_qty": 80.0},
        "rate": {"gross_qty": 80.0, "good_qty": 80.0},
        "yield": {"good_qty": 80.0},
    }
    for step, changed in alone.items():
        found = production_waterfall(pd.DataFrame([same | changed])).set_index("step")["qty"]
        assert found[step] == pytest.approx(-20.0), step
        assert found.drop(["plan", "actual", step]).abs().sum() == pytest.approx(0.0), step
