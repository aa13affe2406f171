"""Divergences of the demo plant against its ground truth: the incidents that were planted in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from soe_lib.divergence.detect import detect
from soe_lib.divergence.facts import facts_of
from soe_lib.divergence.projection import project
from soe_lib.params import Params
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.steps.divergence import compare
from soe_lib.workspace import Workspace
from tests.benchmarks.detection_truth import OWN_TYPES, TYPES
from tests.conftest import ROOT

MONDAYS = ("2026-11-23T05:00Z", "2026-10-19T04:00Z")
"""The week of the demo, and a past one with seven incidents of six kinds."""


def truth_until(as_of: pd.Timestamp) -> pd.DataFrame:
    """Return what was planted before an instant, ``is_new`` = in the week before it."""
    rows = pd.read_csv(ROOT / "data" / "demo" / "ground_truth.csv", parse_dates=["start_at"])
    rows = rows[rows["start_at"] < as_of]
    return rows.assign(is_new=rows["start_at"] >= as_of - pd.Timedelta(days=7))


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    """Snapshots of the demo plant at each Monday."""
    source = load_source("demo", ROOT / "params" / "sources", {})
    workspace = Workspace(tmp_path_factory.mktemp("demo"))
    return {at: take_snapshot(source, pd.Timestamp(at), workspace) for at in MONDAYS}


def found_in(snapshot: Snapshot) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return roots and all divergences of a snapshot."""
    facts = facts_of(snapshot.tables, snapshot.as_of, Params(), time_zone=snapshot.site_time_zone)
    projection = project(facts.tables, facts.as_of, facts.params, facts.time_zone)
    baseline, _ = compare(facts, projection)
    chained, off = detect(facts, baseline)
    assert off.empty, "the demo plant supplies every table"
    return chained.roots, pd.concat([chained.roots, chained.consequences], ignore_index=True)


@pytest.fixture(scope="module")
def results(snapshots: dict[str, Snapshot]) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    return {at: found_in(snapshot) for at, snapshot in snapshots.items()}


def missed(truth: pd.DataFrame, rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the incidents that no row has under one of its types and on its object."""
    have = set(zip(rows["divergence_type"], rows["object_id"], strict=True))
    return [
        (kind, object_id)
        for kind, object_id in zip(truth["kind"], truth["object_id"], strict=True)
        if not any((name, object_id) in have for name in TYPES[kind])
    ]


def false_alarms(truth: pd.DataFrame, rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return rows of incident types on objects on which nothing of the kind was ever planted."""
    planted = {
        (name, object_id)
        for kind, object_id in zip(truth["kind"], truth["object_id"], strict=True)
        for name in TYPES[kind]
    }
    own = rows[rows["divergence_type"].isin(OWN_TYPES)]
    return [
        (kind, object_id)
        for kind, object_id in zip(own["divergence_type"], own["object_id"], strict=True)
        if (kind, object_id) not in planted
    ]


def test_every_kind_of_the_week_is_there(
    results: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> None:
    """Tests that each planted kind of incident of the demo week has its divergence, as a root."""
    truth = truth_until(pd.Timestamp(MONDAYS[0]))
    week = truth[truth["is_new"]]
    assert len(set(week["kind"])) >= 12
    lost = missed(week, results[MONDAYS[0]][0])
    is_lost = pd.MultiIndex.from_frame(week[["kind", "object_id"]]).isin(lost)
    assert set(week["kind"]) == set(week.loc[~is_lost, "kind"]), lost
    assert len(lost) <= 1, lost


@pytest.mark.parametrize("at", MONDAYS)
def test_recall_and_precision(
    results: dict[str, tuple[pd.DataFrame, pd.DataFrame]], at: str
) -> None:
    """Tests that nine of ten incidents are found and nine of ten of such rows are incidents."""
    truth = truth_until(pd.Timestamp(at))
    week = truth[truth["is_new"]]
    roots, every = results[at]
    lost = missed(week, every)
    hits = len(week) - len(lost)
    wrong = false_alarms(truth, roots)
    print(f"{at}: {hits} of {len(week)} found, {len(wrong)} false: {lost} {wrong}")
    assert hits / len(week) >= 0.9, lost
    assert hits / (hits + len(wrong)) >= 0.85, wrong


def test_there_are_few_enough_rows_to_talk_about(
    results: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> None:
    """Tests that a week has some dozens of divergences, not hundreds, each with a sentence."""
    roots, every = results[MONDAYS[0]]
    assert 15 <= len(roots) <= 80
    assert len(every) > 1.5 * len(roots)
    assert roots["sentence"].is_unique


def test_late_orders_are_behind_what_hurt_them(
    results: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> None:
    """Tests that the incidents that truly hurt most order lines have late lines behind them."""
    truth = truth_until(pd.Timestamp(MONDAYS[0]))
    week = truth[truth["is_new"] & (truth["num_orders_hurt"] >= 10)]
    week = week[week["kind"].isin(["breakdown", "scrap", "supplier_late", "carrier_failure"])]
    assert len(week) >= 2
    roots = results[MONDAYS[0]][0].set_index("object_id")
    for object_id in week["object_id"]:
        own = roots.loc[[object_id]]
        assert own["num_orders"].max() >= 1, object_id


def test_the_ground_truth_is_not_read_by_the_suite() -> None:
    """Tests that nothing outside the twin and its tests knows the file."""
    for path in sorted((ROOT / "soe_lib").rglob("*.py")):
        if "twin" not in path.parts and path.name not in ("cli.py",):
            assert "ground_truth" not in Path(path).read_text(encoding="utf-8"), path
