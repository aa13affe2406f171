"""The chance that the plan had: hand-made plants, planted rates, and no look into the future."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from soe_lib.divergence.facts import facts_of
from soe_lib.impact.attainment import Attainment, plan_attainment
from soe_lib.impact.noise import Noise, fit_noise
from soe_lib.impact.reference import reference_of
from soe_lib.impact.replay_build import replay_of
from soe_lib.impact.shrunken import fit_shrunken
from soe_lib.run import open_run
from soe_lib.schedule import build_problem, right_shift
from tests.demo_week import run_folder, small_params, week
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant

__all__ = ["small_params", "week"]

SINCE = AS_OF - pd.Timedelta(days=7)
QUIET = Noise(None, 0.0, {}, None, None, None, 0.0)


def rates(*ratios: float) -> Noise:
    """Run times vary by these ratios on every line."""
    found = fit_shrunken(pd.Series(ratios), pd.Series(["L1"] * len(ratios)), strength=0.0)
    return replace(QUIET, rate=found)


def attained(plant: Plant, noise: Noise, target_pct: float = 100.0) -> Attainment:
    tables = plant.tables()
    problem = build_problem(tables, AS_OF, horizon_weeks=6)
    return plan_attainment(
        replay_of(problem, right_shift(problem)),
        tables,
        reference_of(tables, AS_OF, SINCE),
        noise,
        ["V1"] * len(problem.supply_at),
        target_pct=target_pct,
        replications=200,
        seed=1,
    )


def tight() -> Plant:
    """Two hours of work that end two hours before the promise, and an order in stock's place."""
    plant = Plant(lines=("L1",)).item("A").work("W1", "A", 2, THURSDAY)
    return plant.order("SO1", "A", 120, THURSDAY + 4 * HOUR)


def test_without_variation_the_plan_is_what_it_says() -> None:
    """Tests a plan that holds and one that was late when it was made."""
    good = attained(tight(), QUIET)
    assert (good.num_lines, good.p_target, good.expected_pct, good.planned_pct) == (1, 1, 100, 100)
    late = Plant().item("A").work("W1", "A", 2, FRIDAY).order("SO1", "A", 120, THURSDAY)
    bad = attained(late, QUIET)
    assert (bad.p_target, bad.expected_pct, bad.planned_pct, bad.projected_pct) == (0, 0, 0, 0)
    assert "never likely to keep 100 % of its 1 open promises" in bad.sentence


def test_rates_that_are_too_optimistic_take_the_chance_away() -> None:
    """Tests that slower known rates lower the chance, though the plan itself says it holds."""
    chance = [
        attained(tight(), rates(*ratios)).p_target
        for ratios in ((1.0, 1.5), (1.5, 3.0), (3.0, 4.0))
    ]
    assert chance[0] == 1
    assert 0.3 < chance[1] < 0.7
    assert chance[2] == 0
    assert attained(tight(), rates(3.0)).planned_pct == 100


def test_what_happened_since_is_not_the_plans_fault() -> None:
    """Tests that a stop of the week lowers the projection and leaves the plan's chance alone."""
    plant = tight()
    plant.add("downtime_event", resource_id="L1", start_at=AS_OF - HOUR, is_planned=False,
              reason_code="BRK", expected_end_at=FRIDAY)  # fmt: skip
    found = attained(plant, QUIET)
    assert (found.p_target, found.expected_pct, found.projected_pct) == (1, 100, 0)


def test_nothing_to_keep_says_nothing() -> None:
    """Tests that a plan without a line that counts has no sentence and no number."""
    plant = Plant().item("A").work("W1", "A", 2, FRIDAY)
    plant.order("SO1", "A", 120, pd.Timestamp("2026-11-20T15:00Z"))
    found = attained(plant, QUIET)
    assert (found.num_lines, found.sentence) == (0, "")
    assert found.table()["p_target"].isna().all()


def test_luck_of_the_last_cycle_knows_nothing_later(
    week: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that rows later than the last cycle change nothing of what was learnt by then."""
    monkeypatch.setenv("SOE_WORKSPACE", str(week))
    run = open_run(str(run_folder(week)))
    since = run.as_of - pd.Timedelta(days=7)
    cut = dict(run.tables)
    for name, column in (
        ("work_order_progress_event", "event_at"),
        ("goods_receipt_event", "received_at"),
        ("downtime_event", "start_at"),
        ("scrap_event", "event_at"),
        ("supplier_confirmation_event", "event_at"),
    ):
        rows = cut[name]
        cut[name] = rows[rows[column] <= since]
        assert len(cut[name]) < len(rows)
    whole, known = (
        fit_noise(facts_of(tables, since, run.params, time_zone=run.snapshot.site_time_zone))
        for tables in (run.tables, cut)
    )
    assert whole.sentences() == known.sentences()
    assert whole.stop_rate == known.stop_rate
    for name in ("rate", "stop_hours", "scrap", "supplier_days"):
        one, other = getattr(whole, name), getattr(known, name)
        assert one.strength == other.strength
        assert (one.pooled == other.pooled).all()
