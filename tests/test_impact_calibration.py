"""Probabilities put right by earlier outcomes: planted boldness, order, too few, earlier runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.impact.calibration import Calibration, fit_calibration
from soe_lib.impact.reliability import reliability
from soe_lib.params import Params
from soe_lib.run import RUN_FILE, Run
from soe_lib.steps.odds import earlier_outcomes, shown_chance
from soe_lib.workspace import Workspace
from tests.divergence_tables import AS_OF, ago, order, table


def drawn(seed: int, slope: float, shift: float, count: int) -> tuple[pd.Series, pd.Series]:
    """Forecasts and outcomes whose true odds are ``shift + slope * logit(forecast)``."""
    rng = np.random.default_rng(seed)
    chance = pd.Series(rng.uniform(0.01, 0.99, count))
    true = 1 / (1 + np.exp(-(shift + slope * np.log(chance / (1 - chance)))))
    return chance, pd.Series(rng.uniform(size=count) < true)


def weekly(chance: pd.Series, instants: int = 1000) -> pd.Series:
    """Instants of forecasts: so many, in turn."""
    return pd.Series(np.arange(len(chance)) % instants)


def test_planted_boldness_is_found_and_helps_out_of_sample() -> None:
    """Tests that bold forecasts are drawn to the base rate, and score better on new outcomes."""
    found = fit_calibration(*drawn(1, 0.3, 0.5, 4000), 100, weekly(pd.Series(range(4000))))
    assert found is not None
    assert (found.slope, found.shift) == pytest.approx((0.3, 0.5), abs=0.08)
    chance, came = drawn(2, 0.3, 0.5, 4000)
    before, after = reliability(chance, came), reliability(found.of(chance), came)
    assert before.skill < 0 < after.skill


def test_good_forecasts_stay_nearly_as_they_are() -> None:
    """Tests that what is calibrated already is hardly moved."""
    chance, came = drawn(3, 1.0, 0.0, 4000)
    found = fit_calibration(chance, came, 100, weekly(chance))
    assert found is not None
    assert (found.of(chance) - chance).abs().max() < 0.05


def test_order_stays_and_nonsense_becomes_the_base_rate() -> None:
    """Tests that a higher forecast stays higher; forecasts that are upside down tell nothing."""
    chance, came = drawn(4, 0.6, -0.5, 1000)
    found = fit_calibration(chance, came, 100, weekly(chance))
    assert found is not None
    right = found.of(chance.sort_values())
    assert right.is_monotonic_increasing
    assert right.between(0, 1).all()
    upside_down = fit_calibration(chance, ~came, 100, weekly(chance))
    assert upside_down is not None
    assert upside_down.slope == 0
    assert upside_down.of(chance).to_numpy() == pytest.approx((~came).mean())


def test_too_few_outcomes_are_not_calibrated_yet() -> None:
    """Tests the number that is needed, missing outcomes, and outcomes of one kind only."""
    chance, came = drawn(5, 1.0, 0.0, 120)
    some = came.astype("boolean").mask(came.index >= 99)
    assert fit_calibration(chance, some, 100, weekly(chance)) is None
    assert isinstance(fit_calibration(chance, some, 99, weekly(chance)), Calibration)
    assert fit_calibration(chance, came | True, 100, weekly(chance)) is None


def test_one_instant_is_trusted_half() -> None:
    """Tests that many outcomes of one instant count less than those of many, the mean kept."""
    chance, came = drawn(6, 1.0, 0.0, 3000)
    one = fit_calibration(chance, came, 100, weekly(chance, 1))
    many = fit_calibration(chance, came, 100, weekly(chance, 1000))
    assert one is not None
    assert many is not None
    assert one.slope == pytest.approx(many.slope / 2, rel=0.01)
    for found in (one, many):
        assert found.of(chance).mean() == pytest.approx(came.mean(), abs=1e-6)


def test_earlier_runs_are_scored_as_they_were_shown(tmp_path: Path) -> None:
    """Tests that only earlier runs of the same source count, with what is known of them by now."""
    workspace = Workspace(tmp_path)
    lines = table(
        "sales_order_line",
        order("KEPT", status="completed", last_goods_issue_at=ago(3)),
        order("OPEN", status="open"),
    )
    forecasts = pd.DataFrame(
        {
            "order_id": ["KEPT", "OPEN"],
            "line_id": "1",
            "due_at": [ago(2), ago(2)],
            "p_on_time": [0.9, 0.8],
            "is_on_time_by_date": True,
        }
    ).astype({"order_id": "str", "line_id": "str"})
    for name, source, days, calibrated in (
        ("W1", "own", 7, [np.nan, np.nan]),
        ("W2", "own", 5, [0.7, 0.6]),
        ("W3", "other", 5, [0.1, 0.1]),
        ("W4", "own", -1, [0.2, 0.2]),
    ):
        folder = workspace.runs / name / source
        (folder / "tables").mkdir(parents=True)
        about = {"source": source, "site": "", "as_of": ago(days).isoformat()}
        (folder / RUN_FILE).write_text(json.dumps(about))
        forecasts.assign(p_calibrated=calibrated).to_parquet(
            folder / "tables" / "order_promises.parquet"
        )
    run = Run(workspace.runs / "W5" / "own", "own", "W5", AS_OF, "", Params(), workspace)
    run.__dict__["tables"] = {"sales_order_line": lines}
    found = earlier_outcomes(run)
    assert found["is_on_time"].tolist() == [True, False] * 2
    assert shown_chance(found).tolist() == [0.9, 0.8, 0.7, 0.6]
    first = replace(run, as_of=ago(8))
    first.__dict__["tables"] = {"sales_order_line": lines}
    assert earlier_outcomes(first).empty
