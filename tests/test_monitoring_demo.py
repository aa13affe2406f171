"""Step 5 on the demo plant and on SupplyGraph: repeatable, balanced, honest about what is off."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.features import feature_table
from soe_lib.kpi.backlog_flow import FLOW_TERMS, backlog_flow
from soe_lib.kpi.value import Period, kpi_rows
from soe_lib.monitoring.control import SERIES
from soe_lib.monitoring.history import weekly_kpis
from soe_lib.params import HorizonParams, Params
from soe_lib.run import Run, open_run
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.steps.monitoring import Watched, monitor_execution, read_monitoring
from soe_lib.views.blocks import Grid, Picture, as_html
from soe_lib.views.monitoring import monitoring_page
from soe_lib.workspace import Workspace
from tests.conftest import ROOT, real_source, skip_or_fail

MONDAY = pd.Timestamp("2026-11-23T04:00Z")
PARAMS = Params(horizon=HorizonParams(history_weeks=2))
KEYS = ("headline", "tiles", "trend", "adherence", "kpis", "not_evaluable")


@pytest.fixture(scope="module")
def mondays(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Snapshot]:
    """Snapshots of the demo plant a week apart: the earlier Monday first."""
    if not (ROOT / "data" / "demo").is_dir():
        skip_or_fail("data/demo is missing; make demo")
    source = load_source("demo", ROOT / "params" / "sources", {})
    workspace = Workspace(tmp_path_factory.mktemp("mondays"))
    then, now = (
        take_snapshot(source, at, workspace) for at in (MONDAY - pd.Timedelta(weeks=1), MONDAY)
    )
    return then, now


def _run(snapshot: Snapshot, root: Path, params: Params = PARAMS) -> Run:
    folder = root / "run"
    folder.mkdir(parents=True)
    content = {
        "source": snapshot.source_name,
        "cycle_id": "c",
        "as_of": snapshot.as_of.isoformat(),
        "site": "",
        "params": params.model_dump(mode="json"),
        "steps": {},
    }
    (folder / "run.json").write_text(json.dumps(content))
    opened = open_run(str(folder))
    run = Run(
        folder,
        opened.source_name,
        opened.cycle_id,
        opened.as_of,
        "",
        params,
        Workspace(snapshot.path.parents[1]),
    )
    run.say("snapshot", {"snapshot_id": snapshot.snapshot_id, "currency": snapshot.currency})
    run.write(features=feature_table(snapshot))
    return run


@pytest.fixture(scope="module")
def watched(
    mondays: tuple[Snapshot, Snapshot], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Watched]:
    """Step 5 of the demo week."""
    run = _run(mondays[1], tmp_path_factory.mktemp("demo"))
    return run, monitor_execution(run)


def test_last_week_keeps_its_numbers(
    mondays: tuple[Snapshot, Snapshot], watched: tuple[Run, Watched]
) -> None:
    """Tests that a week measured when it ended and measured a week later is the same, all KPIs."""
    then, _ = mondays
    (week,) = Period.last_weeks(then.as_of, 1, then.site_time_zone)
    first = kpi_rows(weekly_kpis(then.tables, week, PARAMS))
    columns = [*SERIES, "num", "den", "n", "n_excluded", "value", "lo", "hi", "target", "status"]
    trend = watched[1].trend
    again = trend[trend["period_end"] == week.end_at][columns].set_index(list(SERIES))
    before = first[columns].set_index(list(SERIES)).loc[again.index]
    pd.testing.assert_frame_equal(before, again)
    assert len(again) == watched[1].kpis["value"].notna().sum() > 80


def test_the_backlog_identity_balances(mondays: tuple[Snapshot, Snapshot]) -> None:
    """Tests that opening, terms and closing of the demo's backlog sum to zero in every week."""
    _, now = mondays
    for week in Period.last_weeks(now.as_of, 3, now.site_time_zone):
        flow = backlog_flow(now.tables, week.start_at, week.end_at, now.site_time_zone)
        assert flow["imbalance_qty"].abs().max() == pytest.approx(0.0, abs=1e-6)
        assert flow["opening_qty"].min() >= 0
        assert flow[[f"{term}_qty" for term in FLOW_TERMS]].abs().to_numpy().sum() > 0


def test_every_kpi_has_a_status_and_no_empty_population_a_number(
    watched: tuple[Run, Watched],
) -> None:
    """Tests that rows without a population have no value, and a reason instead."""
    kpis = watched[1].kpis
    assert kpis["status"].isin(["pass", "fail", "not_evaluable"]).all()
    shares = kpis[kpis["unit"] == "%"]
    empty = shares[(shares["n"] == 0) | (shares["den"] == 0)]
    assert empty["value"].isna().all()
    none = kpis[kpis["value"].isna()]
    assert (none["reason"].str.len() > 0).all()


def test_the_headline_is_made_of_the_rows(watched: tuple[Run, Watched]) -> None:
    """Tests that counts, value and target of the sentence stand in the KPI's row."""
    found = watched[1]
    row = found.kpis.iloc[0]
    assert row["kpi"] == "otif_line"
    assert f"{row['value']:.1f} % ({row['num']:.0f} of {row['den']:.0f} lines)" in found.headline
    assert f"against {row['target']:.0f} % wanted" in found.headline


def test_why_otif_moved_sums_to_the_change(watched: tuple[Run, Watched]) -> None:
    """Tests that the reasons' points add up to the change of OTIF on the policy's basis."""
    found = watched[1]
    change = found.kpis.iloc[0]["change"]
    assert found.otif_move["otif_change_points"].sum() == pytest.approx(change)


def test_three_bases_and_their_gaps_stand_together(watched: tuple[Run, Watched]) -> None:
    """Tests that the re-promise gap is the difference of the two bases shown beside it."""
    kpis = watched[1].kpis.set_index(["kpi", "basis"])["value"]
    gap = kpis["repromise_gap"].iloc[0]
    last, first = (kpis["otif_line", f"{b}_confirmed"] for b in ("last", "first"))
    assert gap == pytest.approx(last - first)


def test_lost_hours_agree_everywhere(watched: tuple[Run, Watched]) -> None:
    """Tests that lost hours by cause, by resource and by operation are the same hours."""
    found = watched[1]
    by_operation = found.operations["lost_hours"].sum()
    assert found.losses["lost_hours"].sum() == pytest.approx(by_operation)
    assert found.adherence["lost_hours"].sum() == pytest.approx(by_operation)
    assert by_operation > 0


def test_a_finished_run_is_read_as_it_was_written(watched: tuple[Run, Watched]) -> None:
    """Tests that what is read back from the run's tables is what was computed."""
    run, found = watched
    again = read_monitoring(run)
    for field in fields(Watched):
        before, after = getattr(found, field.name), getattr(again, field.name)
        if isinstance(before, pd.DataFrame):
            pd.testing.assert_frame_equal(before, after)
        else:
            assert before == after, field.name


def test_page_has_the_keys_of_the_notebook(watched: tuple[Run, Watched]) -> None:
    """Tests that the page draws every key, names tables that exist and stays readable."""
    run, found = watched
    page = monitoring_page(run, found)
    assert tuple(page) == KEYS
    for blocks in page.values():
        for block in blocks:
            if not isinstance(block, Picture):
                assert as_html(block) is not None
            table = getattr(block, "table", "")
            assert not table or run.has(table)
            assert not isinstance(block, Grid) or block.rows <= 100
    drawn = page["trend"][0].figure.to_json()
    assert "Past-due backlog [units]" in drawn
    told = drawn + "".join(
        as_html(block) for key in KEYS for block in page[key] if not isinstance(block, Picture)
    )
    assert not re.findall(r"\b(uom|pp|wo_id|due_at|as_of)\b|Wo id|Op no", told)


def test_supplygraph_does_what_its_level_allows(real_data: Path, tmp_path: Path) -> None:
    """Tests that fill and backlog are there, what needs a schedule is off and said to be."""
    source = real_source(real_data, "supplygraph")
    snapshot = take_snapshot(source, pd.Timestamp("2023-03-31T00:00Z"), Workspace(tmp_path / "ws"))
    run = _run(snapshot, tmp_path, Params(horizon=HorizonParams(history_weeks=1)))
    found = monitor_execution(run)
    values = found.kpis.drop_duplicates("kpi").set_index("kpi")["value"]
    assert values["backlog_qty"] > 0
    assert 0 < values["ufr"] < 100
    assert 0 < values["days_of_supply"] < 60
    assert values["demand_accuracy"] > 0
    assert "schedule_adherence" not in values or np.isnan(values["schedule_adherence"])
    assert any(sentence.startswith("schedule adherence: off") for sentence in found.off)
    assert found.adherence.empty
    assert found.adherence_sentence.startswith("schedule adherence: off, the feed has no")
    page = monitoring_page(run, found)
    assert "schedule adherence: off" in as_html(page["not_evaluable"][0])
    for week in Period.last_weeks(snapshot.as_of, 3, "UTC"):
        flow = backlog_flow(snapshot.tables, week.start_at, week.end_at, "UTC")
        assert flow["imbalance_qty"].abs().max() == pytest.approx(0.0, abs=1e-4)
