"""What differs between two schedules."""

from __future__ import annotations

from io import StringIO
from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from soe_lib.scenario.difference import (
    DECIDED_CHANGES,
    moved_operations,
    moved_promises,
    moves_summary,
)
from soe_lib.scenario.published import published_schedule
from soe_lib.scenario.sequence import in_sequence

BEFORE = """wo_id,op_no,split_no,item_id,resource_id,planned_qty,start_at,end_at
W1,10,1,A,L1,10,2026-11-23T06:00Z,2026-11-23T08:00Z
W2,10,1,A,L1,10,2026-11-23T08:00Z,2026-11-23T10:00Z
W3,10,1,B,L1,10,2026-11-23T10:00Z,2026-11-23T12:00Z
W4,10,1,B,L2,10,2026-11-23T06:00Z,2026-11-23T08:00Z
"""


def operations(text: str) -> pd.DataFrame:
    """Read operations; the changeover starts with the run."""
    rows = pd.read_csv(StringIO(text), dtype={"wo_id": "str"}, parse_dates=["start_at", "end_at"])
    return rows.assign(setup_start_at=rows["start_at"])


def test_equal_schedules_do_not_differ() -> None:
    """Tests that a schedule compared with itself has no moves."""
    rows = operations(BEFORE)
    assert moved_operations(rows, rows).empty


def test_each_kind_of_move_is_named() -> None:
    """Tests that shift, new place, other line, other quantity, new and removed are told apart."""
    before = operations(BEFORE)
    after = operations(
        """wo_id,op_no,split_no,item_id,resource_id,planned_qty,start_at,end_at
W3,10,1,B,L1,10,2026-11-23T06:00Z,2026-11-23T08:00Z
W1,10,1,A,L1,10,2026-11-23T08:00Z,2026-11-23T10:00Z
W2,10,1,A,L1,10,2026-11-23T10:00Z,2026-11-23T12:00Z
W4,10,1,B,L1,10,2026-11-23T12:00Z,2026-11-23T14:00Z
W5,10,1,B,L2,10,2026-11-23T12:00Z,2026-11-23T14:00Z
"""
    )
    moves = moved_operations(before, after).set_index("wo_id")
    assert moves["change"].to_dict() == {
        "W1": "shifted",
        "W2": "shifted",
        "W3": "resequenced",
        "W4": "rerouted",
        "W5": "added",
    }
    assert moves.loc["W1", "shift_hours"] == 2.0
    back = moved_operations(after, before).set_index("wo_id")
    assert back.loc["W5", "change"] == "removed"
    assert back.loc["W1", "shift_hours"] == -2.0


def test_tolerance_hides_small_shifts() -> None:
    """Tests that a start inside the tolerance is no move, and one beyond it is."""
    before = operations(BEFORE)
    after = before.assign(start_at=before["start_at"] + pd.Timedelta(minutes=30))
    assert moved_operations(before, after, tolerance_minutes=30).empty
    assert len(moved_operations(before, after, tolerance_minutes=29)) == 4


def test_moves_are_counted_by_zone() -> None:
    """Tests that decided moves are counted by zone and mere shifts apart."""
    before = operations(BEFORE)
    after = before.assign(
        resource_id=["L1", "L1", "L2", "L2"],
        start_at=before["start_at"] + pd.to_timedelta([0, 1, 0, 0], unit="h"),
    )
    moves = moved_operations(before, after).assign(zone=["frozen", "slushy"])
    counted = moves_summary(moves)
    assert counted["num_moves"] == 1
    assert counted["num_shifted"] == 1
    assert sum(counted[f"num_moves_{zone}"] for zone in ("frozen", "slushy", "liquid")) == 1


@given(st.permutations(range(7)))
def test_fewest_jobs_move(order: list[int]) -> None:
    """Tests against brute force that the jobs kept in sequence are as many as possible."""
    ranks = np.array(order)
    kept = in_sequence(ranks)
    assert (np.diff(ranks[kept]) > 0).all()
    longest = max(
        size
        for size in range(1, 8)
        for chosen in combinations(order, size)
        if list(chosen) == sorted(chosen)
    )
    assert kept.sum() == longest


def test_promises_lost_and_moved() -> None:
    """Tests that a lost promise stands first, then the latest, with days moved."""
    dates = pd.to_datetime(["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"])
    before = pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S3", "S4"],
            "line_id": "1",
            "promised_date": dates,
            "promised_qty": 5.0,
            "lateness_days": 0.0,
        }
    )
    after = before.assign(
        promised_date=[pd.NaT, dates[1] + pd.Timedelta(days=3), dates[2], dates[3]],
        promised_qty=[0.0, 5.0, 4.0, 5.0],
        lateness_days=[np.nan, 3.0, 0.0, 0.0],
    )
    moved = moved_promises(before, after)
    assert moved["order_id"].tolist() == ["S1", "S2", "S3"]
    assert moved["change"].tolist() == ["lost", "later", "resized"]
    assert moved["moved_days"].tolist()[1] == 3.0


def test_published_schedule_is_the_newest_known() -> None:
    """Tests that a version published after as_of, or a draft, is not in force."""
    rows = operations(BEFORE)
    versions = pd.concat(
        [
            rows.assign(version_id=name, published_at=pd.Timestamp(at), status=status)
            for name, at, status in (
                ("V1", "2026-11-09T17:00Z", "superseded"),
                ("V2", "2026-11-16T17:00Z", "published"),
                ("V3", "2026-11-22T17:00Z", "draft"),
                ("V4", "2026-11-30T17:00Z", "published"),
            )
        ]
    ).assign(site_id="S")
    tables = {"schedule_operation": versions}
    at = pd.Timestamp("2026-11-23T05:00Z")
    assert set(published_schedule(tables, at)["version_id"]) == {"V2"}
    assert set(published_schedule(tables, at - pd.Timedelta(days=10))["version_id"]) == {"V1"}
    assert published_schedule({}, at).empty


def test_decided_changes_are_not_shifts() -> None:
    """Tests that a shift, which facts may force, is not counted as a decision."""
    assert "shifted" not in DECIDED_CHANGES
