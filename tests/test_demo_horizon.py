"""The demo week as an analyst runs it again with another horizon, through the door."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from soe_lib import (
    assess_impact,
    decision_page,
    divergence_page,
    explore_scenarios,
    find_divergences,
    impact_page,
    open_run,
    prepare_decision,
    what_if_page,
)
from tests.demo_week import run_folder, small_params, week

__all__ = ["small_params", "week"]


@pytest.mark.parametrize("horizon_weeks", [1, 12])
def test_steps_hold_at_the_shortest_and_the_longest_horizon(
    week: Path,
    small_params: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    horizon_weeks: int,
) -> None:
    """Tests that steps 1 to 4 run at 1 and at 12 weeks, and that each looks exactly so far."""
    workspace = Path(shutil.copytree(week, tmp_path / "workspace"))
    monkeypatch.setenv("SOE_WORKSPACE", str(workspace))
    content = yaml.safe_load(small_params.read_text())
    content["horizon"]["horizon_weeks"] = horizon_weeks
    content["scenario"]["names"] = ["do_nothing", "edd_dispatch", "alternate_line"]
    params = tmp_path / "weekly.yaml"
    params.write_text(yaml.safe_dump(content))
    run = open_run(str(run_folder(workspace)), str(params))
    found = find_divergences(run)
    impact = assess_impact(run)
    explored = explore_scenarios(run)
    pack = prepare_decision(run)
    for page in (
        divergence_page(run, found),
        impact_page(run, impact),
        what_if_page(run, explored),
        decision_page(run, pack),
    ):
        assert page["headline"]
    load = run.read("resource_load")
    assert load["week_start_date"].nunique() == horizon_weeks
    orders = run.read("order_impact")
    assert len(orders)
    end = run.as_of + pd.Timedelta(weeks=horizon_weeks)
    assert (orders["due_at"] <= end + pd.Timedelta(days=1)).all()
    scenarios = run.read("scenarios").set_index("scenario")
    assert (scenarios["num_violations"] == 0).all()
    nothing = scenarios.loc["do_nothing"]
    assert nothing["num_late_lines"] == orders["is_late"].sum()
