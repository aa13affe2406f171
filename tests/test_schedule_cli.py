"""``soe schedule``: canonical CSV in, a schedule that verifies out, sentences for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from soe_lib.cli import main
from soe_lib.schedule_files import read_folder
from soe_lib.sources import SourceError
from soe_lib.tables import TABLES
from tests.small_plants import AS_OF, small_plant

FILES = ("schedule.csv", "promises.csv", "purchases.csv", "summary.json")


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A folder of canonical CSV files."""
    folder = tmp_path / "plant"
    folder.mkdir()
    for name, rows in small_plant(3).items():
        filled = rows.dropna(axis="columns", how="all")
        keep = [*dict.fromkeys([*filled.columns, *TABLES[name].minimal])]
        rows[keep].to_csv(folder / f"{name}.csv", index=False)
    return folder


def _run(plant: Path, out: Path, *more: str) -> int:
    given = ["schedule", "--source", str(plant), "--as-of", "2026-01-05", "--out", str(out)]
    return main([*given, "--iterations", "2000", *more])


def test_writes_a_schedule_that_reads_back(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that the four files hold the canonical schedule, the promises and every money term."""
    out = tmp_path / "out"
    assert _run(plant, out, "--seed", "7") == 0
    assert "no violation" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    schedule = pd.read_csv(out / "schedule.csv")
    assert set(TABLES["schedule_operation"].minimal) <= set(schedule.columns)
    assert len(schedule)
    assert (schedule["status"] == "draft").all()
    promises = pd.read_csv(out / "promises.csv", dtype={"line_id": str})
    assert len(promises) == 10
    pegs = [json.loads(text) for text in promises["pegged_lots"]]
    pegged = [sum(peg[2] for peg in row) for row in pegs]
    assert pegged == pytest.approx(promises["promised_qty"].tolist(), abs=1e-3)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["seed"] == 7
    assert summary["iterations"] == 2000
    assert summary["late_cost"] == pytest.approx(promises["late_cost"].sum(), rel=1e-6)
    assert summary["bound"] <= summary["bounded_value"] + 1e-6
    assert 0 <= summary["gap_pct"] <= 100
    assert summary["bound_leaves_out"]
    assert summary["verify"] == "no violation"
    assert summary["seconds"] >= 0
    # the schedule is itself a canonical table: it loads beside the others
    (plant / "schedule_operation.csv").write_bytes((out / "schedule.csv").read_bytes())
    tables, _ = read_folder(plant, AS_OF)
    assert len(tables["schedule_operation"]) == len(schedule)


def test_overtime_and_expedites_are_booked_on_demand(plant: Path, tmp_path: Path) -> None:
    """Tests that levers.csv is written with the options, and that its sum is in the summary."""
    out = tmp_path / "out"
    assert _run(plant, out, "--overtime", "8", "--expedite") == 0
    levers = pd.read_csv(out / "levers.csv")
    summary = json.loads((out / "summary.json").read_text())
    shifts = levers.loc[levers["lever"] == "overtime", "cost"]
    assert summary["overtime_cost"] == pytest.approx(shifts.sum(), abs=0.01)
    assert (levers["saves"] > 0).all()
    assert summary["prices"] == []


def test_same_seed_same_bytes(plant: Path, tmp_path: Path) -> None:
    """Tests that two runs differ in nothing but the seconds that they took."""
    for name in ("one", "two"):
        assert _run(plant, tmp_path / name, "--seed", "5") == 0
    for name in FILES:
        first, second = ((tmp_path / run / name).read_text() for run in ("one", "two"))
        if name == "summary.json":
            left, right = json.loads(first), json.loads(second)
            for summary in (left, right):
                for key in [k for k in summary if "second" in k]:
                    del summary[key]
            assert left == right
        else:
            assert first == second


def test_a_schedule_that_does_not_verify_is_not_written(
    plant: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tests that violations are printed, nothing is written and the exit code is 1."""
    found = pd.DataFrame([("changeover", "PLAN-1/1 op 10", "too short")])
    found.columns = pd.Index(["rule", "object_id", "detail"])
    monkeypatch.setattr("soe_lib.schedule.verify", lambda problem, schedule: found)
    assert _run(plant, tmp_path / "out") == 1
    assert "too short" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def _spoil(plant: Path, name: str, old: str, new: str) -> None:
    path = plant / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_bad_cells_name_file_row_and_column(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that a cell of the wrong type is refused with file, row, column and cell."""
    rows = pd.read_csv(plant / "sales_order_line.csv", dtype=str)
    rows.loc[3, "ordered_qty"] = "a lot"
    rows.to_csv(plant / "sales_order_line.csv", index=False)
    assert _run(plant, tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert "sales_order_line.csv: row 5: column ordered_qty: 'a lot'" in told
    assert not (tmp_path / "out").exists()


def test_broken_rules_and_references_are_named(plant: Path) -> None:
    """Tests that a negative run time and an unknown item are refused by rule."""
    rows = pd.read_csv(plant / "routing_alternate.csv", dtype=str)
    rows.loc[0, "run_minutes_per_unit"] = "-4"
    rows.to_csv(plant / "routing_alternate.csv", index=False)
    with pytest.raises(SourceError, match=r"routing_alternate.csv: row 2: column run_minutes"):
        read_folder(plant, AS_OF)


def test_missing_columns_and_unknown_files_are_named(plant: Path) -> None:
    """Tests that a missing column, an unknown column and an unknown file are sentences."""
    rows = pd.read_csv(plant / "item.csv", dtype=str)
    rows.drop(columns=["uom"]).to_csv(plant / "item.csv", index=False)
    with pytest.raises(SourceError, match=r"item.*uom"):
        read_folder(plant, AS_OF)
    rows.rename(columns={"setup_family": "setup_famly"}).to_csv(plant / "item.csv", index=False)
    with pytest.raises(SourceError, match="Did you mean 'setup_family'"):
        read_folder(plant, AS_OF)
    rows.to_csv(plant / "items.csv", index=False)
    with pytest.raises(SourceError, match=r"Did you mean 'item.csv'"):
        read_folder(plant, AS_OF)


def test_an_empty_or_missing_folder_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that exit code 2 and words come where there is nothing to read."""
    assert _run(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert _run(tmp_path / "empty", tmp_path / "out") == 2
    assert "no CSV files" in capsys.readouterr().err
