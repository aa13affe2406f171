"""What a file asks for, made into levers, and what it may not ask."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from soe_lib.cli_what_if import _grid
from soe_lib.params import ParamsError
from soe_lib.scenario.custom import offered_levers
from soe_lib.scenario.lever_specs import lever_of, spec_of
from soe_lib.scenario.levers import Allocation, RushOrder
from soe_lib.scenario.result import start_of
from soe_lib.steps.wanted import RushWanted, Wanted, choice_of, read_wanted
from tests.test_scenario_levers import long_job
from tests.test_typed_controls import plant, run_of
from tests.tiny_plant import context

RUSH = RushWanted(item="B", qty=60, wanted_on=date(2026, 11, 27), break_fence=True)


def test_a_file_says_what_the_page_says(tmp_path: Path) -> None:
    """Tests levers, limits and an order with its usual price, read from YAML."""
    path = tmp_path / "asked.yaml"
    path.write_text(
        "title: Night\nlevers: [overtime]\nresources: [L1]\ncalm: 3\nallocation: margin\n"
        "rush_order: {item: B, qty: 60, wanted_on: 2026-11-27, break_fence: true}\n"
    )
    choice = choice_of(run_of(plant().tables()), read_wanted(path))
    day = pd.Timestamp("2026-11-27")
    order = RushOrder("RUSH-1", "B", 60.0, day, "", 10.0, 1.0, break_fence=True)
    assert choice.levers == ("resequence", "overtime")
    assert (choice.title, choice.resources, choice.move_factor) == ("Night", ("L1",), 3.0)
    assert choice.typed == (order, Allocation("margin"))
    assert lever_of(spec_of(order)) == order
    old = spec_of(order).replace('"break_fence": true, ', "")
    assert not lever_of(old).break_fence  # type: ignore[union-attr]


def test_an_order_alone_is_asked_of_the_plan_in_force() -> None:
    """Tests that nothing else may move where only an order is put in."""
    assert choice_of(run_of(plant().tables()), Wanted(rush_order=RUSH)).levers == ()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"levers": ("magic",)}, "unknown lever magic"),
        ({"levers": ("rush order",)}, "unknown lever rush order"),
        ({"resources": ("L9",), "levers": ("overtime",)}, "no resource of the snapshot: L9"),
        ({"rush_order": RUSH.model_copy(update={"item": "X"})}, "'X' is no item"),
        ({"rush_order": RUSH.model_copy(update={"customer": "K9"})}, "'K9' is no customer"),
        ({"allocation": "luck"}, "unknown rule of allocation"),
        ({"calm": 0.0}, "at least one lever|move factor 0"),
    ],
)
def test_what_the_snapshot_does_not_know_is_refused(asked: dict[str, Any], said: str) -> None:
    """Tests that objects and words are held against the feed."""
    with pytest.raises(ValueError, match=said):
        choice_of(run_of(plant().tables()), Wanted(**asked))


def test_an_unknown_name_in_a_file_is_an_error(tmp_path: Path) -> None:
    """Tests that a slip of the pen is not passed over."""
    path = tmp_path / "asked.yaml"
    path.write_text("lever: [overtime]\n")
    with pytest.raises(ParamsError, match="lever"):
        read_wanted(path)


def test_offered_levers_have_price_and_last_moment() -> None:
    """Tests that overtime is listed at its hours' price, until it begins."""
    start = start_of(context(long_job()))
    rows = offered_levers(start)
    booked = rows[rows["lever"] == "overtime"]
    assert len(booked)
    hourly = float(start.problem.overtime_cost[0])
    hours = booked["new_value"].str.extract(r"([\d.]+) h")[0].astype(float)
    assert booked["cost"].tolist() == pytest.approx((hours * hourly).tolist())
    assert booked["act_by_at"].notna().all()


def test_a_terminal_obeys_no_text_of_the_feed() -> None:
    """Tests that control characters of a name are not printed."""
    text = _grid(pd.DataFrame({"item": ["\x1b[2JA", "B\x07"]}))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[2JA" in text
