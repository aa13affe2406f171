"""A run: opened with its parameters, immutable once finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from soe_lib.params import Params
from soe_lib.run import RunError, open_past, open_run
from soe_lib.run_columns import columns_version, run_columns
from soe_lib.workspace import Workspace

AS_OF = "2026-11-23T04:00:00+00:00"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run with two tables, in the default workspace."""
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path))
    workspace = Workspace(tmp_path)
    folder = workspace.runs / "2026-W48" / "demo"
    content = {
        "source": "demo",
        "as_of": AS_OF,
        "cycle_id": "2026-W48",
        "site": "",
        "params": Params().model_dump(mode="json"),
        "steps": {"0_snapshot": {"status": "ok"}},
    }
    workspace.write_json(folder / "run.json", content)
    workspace.write_json(workspace.runs / "latest.json", {"run": "runs/2026-W48/demo"})
    run = open_run()
    run.write(check=pd.DataFrame({"a": [1]}), features=pd.DataFrame({"b": [2]}))
    run.say("snapshot", {"snapshot_id": "x"})
    return folder


def test_latest_run_is_opened(folder: Path) -> None:
    """Tests that without arguments the latest complete run is opened as it was."""
    run = open_run()
    assert run.folder == folder
    assert run.is_complete
    assert run.params == Params()


def test_other_site_gets_a_folder_of_its_own(folder: Path) -> None:
    """Tests that another site starts from the same snapshot and leaves the finished run alone."""
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    other = open_run(site="NORD")
    assert other.folder != folder
    assert not other.is_complete
    assert other.words("snapshot") == {"snapshot_id": "x"}
    other.write(check=pd.DataFrame({"a": [9]}))
    assert open_run(site="NORD").folder == other.folder
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_other_parameters_get_a_folder_of_their_own(folder: Path, tmp_path: Path) -> None:
    """Tests that changed parameters do not touch the finished run, equal ones open it."""
    same = tmp_path / "same.yaml"
    same.write_text("horizon: {horizon_weeks: 6}\n")
    other = tmp_path / "other.yaml"
    other.write_text("horizon: {horizon_weeks: 2}\n")
    assert open_run(params_file=str(same)).folder == folder
    assert open_run(params_file=str(other)).folder != folder
    assert open_run(params_file=str(other)).params.horizon.horizon_weeks == 2


def test_a_run_from_before_a_parameter_existed_is_still_its_own(folder: Path) -> None:
    """Tests that a parameter that came later, at its default, does not make a run another one."""
    path = folder / "run.json"
    content = json.loads(path.read_text())
    del content["params"]["scenario"]["meeting_iterations"]
    path.write_text(json.dumps(content))
    assert open_run().folder == folder


def test_run_of_another_instant_is_refused(folder: Path) -> None:
    """Tests that an as_of that is not the run's own is an error."""
    with pytest.raises(RunError, match="was taken as of"):
        open_run(as_of="2026-11-16T04:00Z")


def test_no_run_yet_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that an empty workspace names the command that makes a run."""
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path))
    with pytest.raises(RunError, match="make week"):
        open_run()


def test_partial_run_is_not_complete(folder: Path) -> None:
    """Tests that a run under way is computed, not read."""
    partial = folder.rename(folder.with_name("demo.partial"))
    assert not open_run(str(partial)).is_complete
    content = json.loads((partial / "run.json").read_text())
    assert content["as_of"] == AS_OF


def test_a_path_of_before_the_workspace_was_moved_is_still_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests paths that notebooks kept: relative, absolute elsewhere, of a run under way."""
    monkeypatch.chdir(tmp_path.parent)
    for kept in (
        "runs/2026-W48/demo",
        "runs/2026-W48/demo.partial",
        "/gone/runs/2026-W48/demo",
        "/gone/runs/2026-W48/demo.partial",
        str(folder),
    ):
        assert open_run(kept).folder == folder
    with pytest.raises(RunError, match=rf"/gone/runs/2026-W47/demo is not a run.*{tmp_path}"):
        open_run("/gone/runs/2026-W47/demo")


def test_a_run_belongs_to_the_workspace_that_it_lies_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests a run opened by its path while SOE_WORKSPACE names another; two of a name are told."""
    (tmp_path / "snapshots").mkdir()
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "runs", other / "runs")
    (other / "snapshots").mkdir()
    monkeypatch.chdir(other)
    assert open_run(str(other / "runs" / "2026-W48" / "demo")).workspace == Workspace(other)
    assert open_run(str(folder), site="NORD").workspace == Workspace(tmp_path)
    with pytest.raises(RunError, match=r"can mean .* and .*; give the whole path"):
        open_run("runs/2026-W48/demo")
    monkeypatch.setenv("SOE_WORKSPACE", ".")
    assert open_run("runs/2026-W48/demo").folder == other / "runs" / "2026-W48" / "demo"


def test_a_run_of_an_older_version_is_told_by_its_name_and_the_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests a column, a table and a word that an older version did not write, and its history."""
    columns = {name: [1] for name in run_columns()["projected_pegging"]}
    older = pd.DataFrame(columns).drop(columns="leaves_at")
    open_run().write(projected_pegging=older, own_table=older)
    open_run().say("follow_up", {"level": 1})
    run = open_run()
    remedy = "soe run --source demo --as-of 2026-11-23T04:00:00"
    for read, lacks in (
        (lambda: run.read("projected_pegging"), "leaves_at in its table 'projected_pegging'"),
        (lambda: run.read("supplier_warnings"), "no table 'supplier_warnings'"),
        (
            lambda: run.words("follow_up")["supplier_rule"],
            "'supplier_rule' in its step 'follow_up'",
        ),
    ):
        with pytest.raises(RunError, match=f"{folder} .*{lacks}.*{remedy}") as error:
            read()
        shell = InteractiveShell()
        shell.showtraceback((RunError, error.value, error.tb))
        assert capsys.readouterr().out.strip() == str(error.value), "Jupyter shows the sentence"
    assert run.words("follow_up").get("supplier_rule") is None
    assert run.words("follow_up")["level"] == 1
    assert len(run.read("own_table")) == 1
    past = open_past(folder)
    pd.testing.assert_frame_equal(past.read("projected_pegging"), older)
    assert past.words("follow_up") == {"level": 1}


def test_a_run_of_this_version_is_read_as_it_is(folder: Path) -> None:
    """Tests that a source whose tables have fewer columns is not taken for an older version."""
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, "columns_version": columns_version()}))
    few = pd.DataFrame({"order_id": ["A"]})
    open_run().write(projected_pegging=few)
    pd.testing.assert_frame_equal(open_run().read("projected_pegging"), few)
    with pytest.raises(RunError, match="run the notebooks in their order"):
        open_run().read("supplier_warnings")
