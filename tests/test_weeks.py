"""Weeks of the whole loop, unattended; every KPI of a past cycle is what was reported then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib import cli
from soe_lib.decision.governance import load_governance
from soe_lib.divergence.facts import facts_of
from soe_lib.ledger import Ledger
from soe_lib.loop.errors import CampaignError
from soe_lib.loop.script import ScriptedMeeting
from soe_lib.loop.weeks import Week, loop_params, run_weeks
from soe_lib.monitoring.attainment import warn
from soe_lib.monitoring.slip_rules import FORECAST, PLAIN_SHARE
from soe_lib.params import Params
from soe_lib.run import Run, open_run
from soe_lib.steps.follow_up import follow_up, read_follow_up
from soe_lib.steps.outcome import judge_decisions
from soe_lib.steps.past import Unread
from soe_lib.steps.recompute import finished_runs, recompute
from soe_lib.steps.records import month_forecasts
from soe_lib.steps.snapshot import take_data
from soe_lib.views.blocks import Block, Folded, Grid, Picture, as_html
from soe_lib.views.follow_up import follow_up_page
from soe_lib.views.follow_up_ahead import ahead_part
from soe_lib.views.follow_up_parts import learning_part
from soe_lib.views.live.learning_panel import LearningPanel
from soe_lib.workspace import Workspace
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(1800)
"""Two weeks of the loop take half a minute; on a busy machine much longer."""
SEED = 2
MEETING = ScriptedMeeting(load_governance(ROOT / "params" / "governance.yaml"), SEED)


def _params() -> Params:
    small = loop_params(Params(), 100)
    names = ("do_nothing", "edd_dispatch")
    return small.model_copy(
        update={
            "horizon": small.horizon.model_copy(update={"history_weeks": 1}),
            "impact": small.impact.model_copy(update={"replications": 0, "exact_up_to": 2}),
            "scenario": small.scenario.model_copy(update={"names": names, "replications": 0}),
        }
    )


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, list[Week]]]:
    """Two weeks of the loop in a workspace of its own."""
    workspace = Workspace(tmp_path_factory.mktemp("weeks"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOE_LEDGER_URL", raising=False)
        patch.delenv("SOE_STAGING_URL", raising=False)
        found = run_weeks(SEED, 2, _params(), workspace)
        patch.setenv("SOE_WORKSPACE", str(workspace.root))
        yield workspace, found


def test_two_weeks_run_through_all_steps(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests that each week is decided, signed, published, sealed and executed, without an error."""
    workspace, weeks = loop
    assert [week.cycle_id for week in weeks] == ["2026-W37", "2026-W38"]
    assert all(week.is_green and week.scenario and week.num_operations > 0 for week in weeks)
    with Ledger.default(workspace) as ledger:
        assert ledger.verify() == []
        kinds = ledger.entries().groupby("kind").size()
        assert (kinds[["cycle", "reported", "decision", "publication", "seal"]] == 2).all()
        assert kinds["signature"] >= 2 * 6
    second = open_run(str(workspace.runs / "2026-W38" / "demo"))
    plan = second.tables["schedule_operation"]
    assert "2026-W37-demo" in set(plan["version_id"]), "APS holds what was published"
    ran = second.read("adherence_operations")
    assert (ran["outcome"] == "done").sum() > 10, "the floor ran what was published"


def test_the_second_week_judges_the_first(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests outcome, regret, commitments and restarts of the week before, from its own records."""
    workspace, weeks = loop
    first, second = (read_follow_up(run) for run in finished_runs(workspace))
    assert first.outcomes.decisions.empty
    row = second.outcomes.decisions.iloc[0]
    assert (row["cycle_id"], row["scenario"]) == (weeks[0].cycle_id, weeks[0].scenario)
    assert row["num_lines"] > 50
    assert row["is_final"]
    options = second.outcomes.options
    assert set(options["scenario"]) == {"do_nothing", "edd_dispatch"}
    assert options["regret"].min() == 0.0
    chosen = options[options["is_chosen"]].iloc[0]
    assert row["regret"] == chosen["regret"]
    assert chosen["realised_cost"] != chosen["expected_cost"], "something did come"
    assert {"kept"} <= set(second.commitments["state"])
    assert set(second.restarts["why"]) <= {"new", "came back", "stayed in spite of the decision"}
    assert second.level == 0
    assert second.maturity["num_weeks_known"].max() == 1


def test_past_kpis_are_what_was_reported(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests every KPI of both weeks to the last bit, against files and against the ledger."""
    workspace, _ = loop
    runs = list(finished_runs(workspace))
    with Ledger.default(workspace) as ledger:
        for run in runs:
            found = recompute(run, ledger)
            assert found.differences.empty, found.differences
            assert (found.ledger, found.is_same) == ("same", True)
            assert found.num_kpis > 100


def test_falsified_history_is_found(
    loop: tuple[Workspace, list[Week]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that a KPI edited in a finished run is named by `soe recompute`, which then fails."""
    workspace, _ = loop
    other = tmp_path / "copy"
    shutil.copytree(workspace.root, other)
    shutil.rmtree(other / "runs" / "2026-W37")
    path = other / "runs" / "2026-W38" / "demo" / "tables" / "kpis.parquet"
    kpis = pd.read_parquet(path)
    place = kpis.index[kpis["kpi"] == "otif_line"][0]
    kpi_id = kpis.loc[place, "kpi_id"]
    kpis.loc[place, "value"] += 1.0
    kpis.to_parquet(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOE_WORKSPACE", str(other))
        assert cli.main(["recompute", "--source", "demo"]) == 1
    told = capsys.readouterr().out
    assert f"kpis {kpi_id} 2026-09-13 value" in told
    assert "THE STORED TABLE IS NOT THE ONE THAT THE LEDGER KNOWS" in told
    assert "cycles=1" in told
    assert "cycles_bad=1" in told


def test_step_5_is_computed_in_a_copy_of_the_workspace(
    loop: tuple[Workspace, list[Week]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests a copied run with other parameters: earlier runs, ledger, outbox are the copy's own."""
    workspace, weeks = loop
    other, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    shutil.copytree(workspace.root, other)
    monkeypatch.setenv("SOE_WORKSPACE", str(elsewhere))
    run = open_run(str(other / "runs" / "2026-W38" / "demo"))
    tried = tmp_path / "tried.yaml"
    settings = run.params.model_dump(mode="json")
    settings["horizon"]["history_weeks"] += 1
    tried.write_text(json.dumps(settings))
    beside = open_run(str(run.folder), str(tried))
    assert beside.folder.parent == other / "lab"
    beside.write(divergences=run.read("divergences"))
    reported, again = read_follow_up(run), follow_up(beside)
    assert again.outcomes.decisions["cycle_id"].tolist() == [weeks[0].cycle_id]
    assert again.sentences["outcomes"] == reported.sentences["outcomes"]
    assert again.commitments["state"].tolist() == reported.commitments["state"].tolist()
    assert not elsewhere.exists(), "a run belongs to the workspace that it lies in"
    shutil.rmtree(other / "runs" / "2026-W37")
    assert follow_up(beside).sentences["drift"] == (
        "The run of 2026-W37, from which '2026-W37-demo' was published, is not in the workspace "
        "any more."
    )


def _without(folder: Path, table: str, column: str) -> None:
    path = folder / "tables" / f"{table}.parquet"
    pd.read_parquet(path).drop(columns=column).to_parquet(path)


LACKING = (
    ("month_plan", "p_met"),
    ("scenario_promises", "lateness_days"),
    ("scenarios", "late_cost"),
    ("scenario_operations", "start_at"),
    ("commitments", "due_at"),
)


@pytest.fixture
def older(
    loop: tuple[Workspace, list[Week]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Folder of the first week's run in a copy, as another version of the suite has made it."""
    other = tmp_path / "copy"
    shutil.copytree(loop[0].root, other)
    monkeypatch.setenv("SOE_WORKSPACE", str(other))
    folder = other / "runs" / "2026-W37" / "demo"
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**about, "columns_version": "older"}))
    return folder


def test_an_older_run_that_lacks_columns_is_left_out_and_told(older: Path, tmp_path: Path) -> None:
    """Tests that history without a column stops nothing, and page 5 says what and the remedy."""
    second = open_run(str(older.parents[1] / "2026-W38" / "demo"))
    remedy = "Compute its cycle again: soe run --source demo --as-of 2026-09-07T03:00:00+00:00"
    known = Unread()
    assert len(judge_decisions(second, known).decisions) == 1
    assert known.sentences == (), "an older run with the columns that are needed is read"
    whole = tmp_path / "tables"
    shutil.copytree(older / "tables", whole)
    for table, column in LACKING[1:-1]:
        _without(older, table, column)
        unread = Unread()
        found = judge_decisions(second, unread)
        shutil.copy(whole / f"{table}.parquet", older / "tables")
        assert found.sentence.startswith("1 decision was published")
        said = f"The run {older} was made by another version of the suite and has no {column} in "
        assert unread.sentences == (f"{said}its table '{table}'. {remedy}",)
    for table, column in LACKING:
        _without(older, table, column)
    signed = older.parents[2] / "scenarios" / "2026-W37" / "demo" / "packs" / "do_nothing"
    shutil.copy(older / "tables" / "commitments.parquet", signed)
    tried = replace(second, folder=tmp_path / "runs" / "2026-W38" / "demo.partial")
    tried.say("snapshot", second.words("snapshot"))
    tried.write(divergences=second.read("divergences"))
    followed = follow_up(tried)
    assert [sentence.split("'")[1] for sentence in followed.unread] == [
        "scenario_promises", "month_plan", "commitments",
    ]  # fmt: skip
    assert followed.commitments.empty
    assert read_follow_up(tried).unread == followed.unread
    page = as_html(follow_up_page(tried, followed)["summary"][0])
    assert page.count("soe run --source demo") == 3
    (older / "tables" / "month_plan.parquet").unlink()
    month_forecasts(second, known)
    assert "has no table 'month_plan'" in known.sentences[0]


def test_past_kpis_of_an_older_run_are_told_not_to_be_checked(
    older: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests `soe recompute` on runs without a column and with parameters of another version."""
    _without(older, "kpis", "value")
    assert cli.main(["recompute"]) == 3
    told = capsys.readouterr().out
    assert f"not checked: The run {older} was made by another version" in told
    assert "has no value in its table 'kpis'" in told
    assert "cycles=1 " in told
    about = json.loads((older / "run.json").read_text())
    about["params"]["horizon"]["horizon_weeks_of_old"] = 4
    (older / "run.json").write_text(json.dumps(about))
    assert cli.main(["recompute"]) == 3
    told = capsys.readouterr().out
    assert "parameters that this version of the suite does not take" in told
    assert "horizon_weeks_of_old" in told


def test_a_used_workspace_is_refused(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests that a loop does not mix with runs that are there."""
    workspace, _ = loop
    with pytest.raises(CampaignError, match="holds runs already"):
        run_weeks(SEED, 1, _params(), workspace)


def test_the_packet_goes_up_once_and_is_accepted_by_who_may(
    loop: tuple[Workspace, list[Week]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests files, ledger entry and acceptance of the escalation by the command line."""
    workspace, _ = loop
    for _ in range(2):
        assert cli.main(["escalate"]) == 0
    folder = workspace.root / "outbox" / "2026-W38-demo-sop"
    content = json.loads((folder / "packet.json").read_text())
    assert content["cycle_id"] == "2026-W38"
    assert {row["family_id"] for row in content["families"]} >= {"ENERGY", "JUICE"}
    assert "# For S&OP: 2026-W38" in (folder / "packet.md").read_text()
    with Ledger.default(workspace) as ledger:
        assert len(ledger.entries("escalation")) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOE_PASSPHRASE", MEETING.passphrase("operations"))
        asked = ["escalate", "--accept", "--text", "Cut ENERGY"]
        assert cli.main([*asked, "--as", "operations"]) == 1
        patch.setenv("SOE_PASSPHRASE", MEETING.passphrase("sop_owner"))
        assert cli.main([*asked, "--as", "sop_owner"]) == 0
    told = capsys.readouterr()
    assert "may not accept escalation" in told.err
    assert "accepted: Cut ENERGY" in told.out


def test_lines_are_warned_of_in_the_middle_of_a_week(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests that on a Wednesday each planned line has a forecast with its range, none on Monday."""
    workspace, _ = loop
    run = open_run(str(workspace.runs / "2026-W38" / "demo"))
    wednesday = run.as_of - pd.Timedelta(days=5)
    zone = run.snapshot.site_time_zone
    found = warn(facts_of(run.tables, wednesday, run.params, time_zone=zone), 3, 90.0)
    assert set(found.lines["resource_id"]) == {"MIX-S1", "FIL-S1", "FIL-S2", "PAC-S1"}
    assert found.lines["day"].eq(2).all()
    assert found.lines["p_miss"].between(0, 1).all()
    assert (found.lines["low_pct"] <= found.lines["high_pct"]).all()
    assert "lines are warned of" in found.sentence
    monday = warn(facts_of(run.tables, run.as_of, run.params, time_zone=zone), 3, 90.0)
    assert monday.lines.empty
    assert "just begun" in monday.sentence


def test_accepting_changes_the_next_run_only(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests one click to accept and one to take back, who may, and what each run plans with."""
    workspace, _ = loop
    run = open_run(str(workspace.runs / "2026-W38" / "demo"))
    proposed = run.read("proposals")
    row = proposed[proposed["owner_role"] == "operations"].iloc[0]
    change = json.loads(row["changes"])[0]

    def value(of: Run) -> float:
        table = of.tables[change["table"]]
        for key, name in change["key"].items():
            table = table[table[key].astype("str") == name]
        return float(table[change["column"]].iloc[0])

    def next_run(name: str) -> Run:
        folder = workspace.runs / "2026-W38" / f"{name}.partial"
        about = json.loads((run.folder / "run.json").read_text())
        workspace.write_json(folder / "run.json", {**about, "steps": {}})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOE_DEMO", str(workspace.root / "plant"))
            take_data(open_run(str(folder)))
        return open_run(str(folder))

    panel = LearningPanel(run)
    panel.person.value = "finance"
    panel.passphrase.value = MEETING.passphrase("finance")
    panel.proposal.value = row["proposal_id"]
    panel.accept.click()
    assert "for Operations to say" in panel.message.widget.value
    panel.person.value = "operations"
    panel.passphrase.value = MEETING.passphrase("operations")
    panel.accept.click()
    assert "Accepted" in panel.message.widget.value
    assert panel.in_force.value == row["proposal_id"]
    assert value(run) == change["old_value"], "a finished run stays what it is"
    assert value(next_run("with")) == pytest.approx(change["new_value"])
    panel.passphrase.value = MEETING.passphrase("operations")
    panel.revert.click()
    assert "Taken back" in panel.message.widget.value
    assert value(next_run("without")) == change["old_value"]
    assert panel.history.value.count("<li>") == 2


def test_the_page_shows_the_rule_that_won_and_the_proposals_worth_most(
    loop: tuple[Workspace, list[Week]],
) -> None:
    """Tests the part of suppliers with and without a proven rule, and more proposals than shown."""
    workspace, _ = loop
    run = open_run(str(workspace.runs / "2026-W38" / "demo"))
    followed = read_follow_up(run)
    silent = "".join(as_html(block) for block in ahead_part(followed))
    assert followed.suppliers.rule == ""
    assert escape(followed.sentences["suppliers"], quote=False)[:40] in silent
    assert "Open purchases that may come late" not in silent
    lines = followed.suppliers.lines
    warned = lines.assign(is_warned=np.arange(len(lines)) < 2, p_late=0.5)
    assert len(lines) > 2
    for rule, chance in ((FORECAST, True), (PLAIN_SHARE, False)):
        shipped = replace(followed, suppliers=replace(followed.suppliers, lines=warned, rule=rule))
        told = "".join(as_html(block) for block in ahead_part(shipped))
        assert lines["object_id"].iloc[1] in told
        assert lines["object_id"].iloc[2] not in told
        assert ("chance to be late (%)" in told) == chance
    own = followed.lessons.proposals
    many = pd.concat([own.head(1)] * 14, ignore_index=True)
    full = replace(followed, lessons=replace(followed.lessons, proposals=many))
    grid, more, *_ = learning_part(run, full)
    assert isinstance(grid, Grid)
    assert len(grid.frame) == run.params.monitoring.proposals_shown == 10
    assert "10 worth most" in grid.title
    assert isinstance(more, Folded)
    assert more.title.startswith("And 4 more")


def test_learn_lists_every_proposal_worth_most_first(
    loop: tuple[Workspace, list[Week]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that `soe learn` alone lists all proposals of a run in the order of their worth."""
    workspace, _ = loop
    folder = workspace.runs / "2026-W38" / "demo"
    assert cli.main(["learn", "--run", str(folder)]) == 0
    rows = open_run(str(folder)).read("proposals")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("P-")]
    assert len(rows) > 0
    assert [line.split()[0] for line in told] == rows["proposal_id"].tolist()
    assert rows["money_per_week"].abs().fillna(0.0).is_monotonic_decreasing


def test_the_page_shows_what_was_found(loop: tuple[Workspace, list[Week]]) -> None:
    """Tests that the page has its parts, opens with the outcome and names tables that exist."""
    workspace, _ = loop
    run = open_run(str(workspace.runs / "2026-W38" / "demo"))
    followed = read_follow_up(run)
    page = follow_up_page(run, followed)
    assert tuple(page) == ("summary", "outcomes", "again", "ahead", "learning", "maturity")
    assert "The decision of 2026-W37" in as_html(page["summary"][0])
    inner: list[Block] = []
    for blocks in page.values():
        for block in blocks:
            inner += block.blocks if isinstance(block, Folded) else (block,)
    told = {str(getattr(block, "table", "")) for block in inner} - {""}
    assert told <= set(run.table_names())
    assert {"outcome_decisions", "restarts", "month_plan", "proposals", "maturity_rows"} <= told
    for block in inner:
        if not isinstance(block, Picture):
            assert as_html(block) is not None
    shown = as_html(page["maturity"][-1])
    assert "2026-W37/demo" in shown, "a score opens its rows"
