"""The controls of typed levers and the answer to an inquiry, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import ipywidgets as widgets
import pandas as pd
import pytest

from soe_lib.run import Run
from soe_lib.scenario.custom import Choice, evaluate_choice
from soe_lib.scenario.levers import Allocation, PremiumFreight, RushOrder, Subcontract
from soe_lib.scenario.result import start_of
from soe_lib.views.live.details import rush_html, rush_sentence
from soe_lib.views.live.typed_controls import TypedControls
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, context


def plant() -> Plant:
    """Two jobs and an order whose customer has a name that is HTML."""
    return (
        Plant(lines=("L1",))
        .item("A")
        .item("B")
        .work("W1", "B", 8, THURSDAY)
        .work("W2", "B", 8, FRIDAY)
        .order("S1", "B", 480, THURSDAY + 8 * HOUR, customer_id="<b>K1</b>")
        .order("S2", "A", 10, FRIDAY + 240 * HOUR)
    )


def run_of(tables: dict[str, pd.DataFrame]) -> Run:
    """Return as much of a run as the controls read."""
    words = {"currency": "EUR", "site_time_zone": "UTC"}
    snapshot = SimpleNamespace(site_time_zone="UTC", currency="EUR")
    return cast(
        Run,
        SimpleNamespace(tables=tables, as_of=AS_OF, snapshot=snapshot, words=lambda step: words),
    )


@pytest.fixture
def controls() -> TypedControls:
    """The controls of the plant; no callback may fail."""

    def unguarded(call: Callable[[Any], None]) -> Callable[[Any], None]:
        return call

    return TypedControls(run_of(plant().tables()), unguarded, widgets.VBox())


def test_nothing_ticked_is_no_lever(controls: TypedControls) -> None:
    """Tests that the first look pulls nothing."""
    assert controls.levers() == ()


def test_a_rush_order_starts_with_the_usual_price(controls: TypedControls) -> None:
    """Tests price and margin of the item's newest line, and the order that is made of it."""
    controls.use_rush.value = True
    controls.rush_item.value = "B"
    controls.rush_qty.value = 60.0
    controls.rush_policy.value = "earliest"
    controls.rush_date.value = date(2026, 11, 27)
    (lever,) = controls.levers()
    day = pd.Timestamp("2026-11-27")
    assert lever == RushOrder("RUSH-1", "B", 60.0, day, "", 10.0, 1.0, "earliest")


def test_each_fold_gives_its_lever(controls: TypedControls) -> None:
    """Tests allocation, freight and subcontractor with their cost and last moment."""
    controls.rule.value = "margin"
    controls.use_freight.value, controls.freight_line.value = True, "S1/1"
    controls.freight_cost.value = 80.0
    controls.use_outside.value, controls.outside_work.value = True, "W2"
    controls.outside_cost.value = 300.0
    rule, freight, outside = controls.levers()
    until = AS_OF.normalize() + 17 * HOUR
    assert rule == Allocation("margin")
    assert freight == PremiumFreight("S1", "1", "B", 1.0, 80.0, until)
    assert outside == Subcontract("W2", "B", 480.0, pd.Timestamp("2026-11-30"), 300.0, until)


@pytest.mark.parametrize(
    ("fold", "said"),
    [
        ({"use_freight": True, "freight_line": "S9/1"}, "'S9/1' is no open order line"),
        ({"use_outside": True, "outside_work": "W9"}, "'W9' is no work order"),
        ({"use_rush": True, "rush_qty": -1.0}, "quantity: -1 is not possible"),
        ({"use_rush": True, "rush_date": None}, "the day on which the order is wanted"),
    ],
)
def test_what_a_browser_may_not_send_is_refused(
    controls: TypedControls, fold: dict[str, Any], said: str
) -> None:
    """Tests that values are looked at here, whatever the widget's own bounds were."""
    for name, value in fold.items():
        getattr(controls, name).value = value
    with pytest.raises(ValueError, match=said):
        controls.levers()


def test_the_answer_is_a_sentence_and_harmless() -> None:
    """Tests the figures of the sentence, and that a name of the feed is text, not HTML."""
    tables = plant().tables()
    start = start_of(context(plant()))
    day = THURSDAY.tz_localize(None).normalize()
    lever = RushOrder("RUSH-1", "A", 480.0, day, "", 10.0, 5.0, "earliest")
    found = evaluate_choice(Choice("Rush", (), typed=(lever,)), "live_01", start)
    run = run_of(tables)
    said = rush_sentence(run, found.rush[found.rush["is_taken"]].iloc[0])
    assert said.startswith(
        "480 of A can leave on Thu 26 Nov 14:00, as wanted: one other order line"
    )
    assert "1 of them newly late" in said
    page = rush_html(run, found.rush, found.displaced)
    assert "&lt;b&gt;K1" in page
    assert "<b>K1" not in page
    assert rush_html(run, found.rush.head(0), found.displaced.head(0)) == ""
