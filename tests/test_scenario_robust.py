"""How sure a scenario's promises are, and the frontier of repairs, known by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from soe_lib.impact.noise import Noise
from soe_lib.impact.shrunken import fit_shrunken
from soe_lib.scenario.context import Context
from soe_lib.scenario.custom import Choice, evaluate_choice
from soe_lib.scenario.levers import Subcontract
from soe_lib.scenario.repair import with_knee
from soe_lib.scenario.result import start_of
from soe_lib.scenario.result_tables import result_tables
from soe_lib.scenario.robust import robustness, robustness_of
from soe_lib.scenario.stock import stock_curve, watched_items
from soe_lib.steps.desk_records import DeskError
from soe_lib.steps.publication import staging_targets
from soe_lib.workspace import Workspace
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, context


def slow_or_not(chance: float) -> Noise:
    """Every run takes as planned, or half as long again with that chance."""
    count = 100
    ratios = pd.Series([1.5] * round(chance * count) + [1.0] * round((1 - chance) * count))
    rate = fit_shrunken(ratios, pd.Series(["L1"] * count), strength=0.0)
    return Noise(rate, 0.0, {}, None, None, None, 0.0)


def on_the_edge(chance: float = 0.3, **scenario: int) -> Context:
    """Two jobs on one line, the second due at the end of its shift: any delay makes it late."""
    plant = (
        Plant(lines=("L1",))
        .item("A")
        .item("B")
        .work("W1", "B", 4, THURSDAY)
        .work("W2", "A", 4, THURSDAY + 4 * HOUR)
        .order("S1", "A", 240, THURSDAY + 8 * HOUR)
        .order("S2", "B", 240, FRIDAY + 8 * HOUR, customer_id="K2", per_day=100.0)
    )
    found = context(plant, **{"replications": 400, **scenario})
    found.__dict__["noise"] = slow_or_not(chance)
    return found


def test_chance_of_a_promise_is_that_of_its_cause() -> None:
    """Tests that the second job is in time when neither run is slow, and the other always is."""
    start = start_of(on_the_edge(0.3))
    found = robustness(start.nothing, start.context, is_nothing=True)
    assert found is not None
    chance = found.rows.set_index("order_id")["p_on_time"]
    assert chance["S1"] == pytest.approx(0.7 * 0.7, abs=0.08)  # 400 draws: three errors are 0.075
    assert chance["S2"] == 1.0
    summary = found.summary(None)
    assert summary["kept_pct"] == pytest.approx(50 * (1 + chance["S1"]))
    assert (summary["kept_low_pct"], summary["kept_high_pct"]) == (50.0, 100.0)


def test_a_surer_scenario_is_surer_in_every_draw() -> None:
    """Tests that the first job made outside leaves one run that may be slow, under equal luck."""
    start = start_of(on_the_edge(0.3))
    back = pd.Timestamp("2026-11-25")
    outside = Subcontract("W1", "B", 240.0, back, 10.0, AS_OF + HOUR)
    found = evaluate_choice(Choice("Outside", (), typed=(outside,)), "live_01", start)
    nothing = robustness(start.nothing, start.context, is_nothing=True)
    again = robustness(start.nothing, start.context, is_nothing=True)
    other = robustness(found, start.context)
    assert nothing is not None
    assert again is not None
    assert other is not None
    assert (nothing.kept_pct == again.kept_pct).all()
    assert other.rows.set_index("order_id").loc["S1", "p_on_time"] == pytest.approx(0.7, abs=0.07)
    assert (other.kept_pct >= nothing.kept_pct).all()
    gained = 100 * float((other.late_cost < nothing.late_cost).mean())
    assert other.summary(nothing)["better_pct"] == pytest.approx(gained)
    assert gained > 10


def test_robustness_is_off_where_nothing_varies_or_is_wanted() -> None:
    """Tests that no figure is shown where none can be computed."""
    quiet = on_the_edge()
    quiet.__dict__["noise"] = Noise(None, 0.0, {}, None, None, None, 0.0)
    nothing = start_of(quiet).nothing
    assert robustness(nothing, quiet, is_nothing=True) is None
    none = on_the_edge(replications=0)
    assert robustness(start_of(none).nothing, none, is_nothing=True) is None
    tables = result_tables((nothing,), quiet, robustness_of((nothing,), quiet))
    assert tables["scenarios"]["kept_pct"].isna().all()
    assert tables["scenario_odds"].empty


def frontier() -> pd.DataFrame:
    """Three repairs: the first two save much for a move each, the last little for ten."""
    return pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S3"],
            "line_id": "1",
            "num_moves": [1, 2, 12],
            "num_late_lines": [4, 2, 1],
            "late_cost": [600.0, 250.0, 200.0],
            "change_cost": [2.0, 4.0, 24.0],
            "total_cost": [602.0, 254.0, 224.0],
            "saved_cost": [398.0, 746.0, 776.0],
        }
    )


def test_the_knee_is_where_moves_stop_paying() -> None:
    """Tests the point that lies farthest below the line from nothing to the last repair."""
    nothing = pd.Series(
        {
            "num_moves": 0,
            "num_late_lines": 6,
            "late_cost": 1000.0,
            "change_cost": 0.0,
            "total_cost": 1000.0,
        }
    )
    points = with_knee(frontier(), nothing)
    assert points["label"].tolist() == ["do nothing", "S1/1", "S2/1", "S3/1"]
    assert points["is_knee"].tolist() == [False, False, True, False]
    straight = frontier().assign(num_moves=[1, 2, 3], total_cost=[750.0, 500.0, 250.0])
    assert not with_knee(straight, nothing)["is_knee"].any()
    assert not with_knee(frontier().head(1), nothing)["is_knee"].any()


def test_stock_falls_when_work_takes_it_and_rises_when_it_comes() -> None:
    """Tests the balance of a component and of a product at each instant, by hand."""
    plant = (
        Plant(lines=("L1",))
        .item("A")
        .component("C", "A")
        .purchase("P1", "C", 100.0, "2026-11-24")
        .work("W1", "A", 4, THURSDAY)
        .order("S1", "A", 200, FRIDAY + 8 * HOUR)
        .add(
            "inventory_balance",
            item_id="C",
            location_id="F",
            balance_at=AS_OF - HOUR,
            on_hand_qty=150.0,
        )
    )
    nothing = start_of(context(plant)).nothing
    curve = stock_curve(nothing)
    component = curve[curve["item_id"] == "C"]
    assert component["projected_qty"].tolist() == [150.0, 250.0, 10.0]
    assert component["at"].iloc[-1] == THURSDAY
    product = curve[curve["item_id"] == "A"]
    assert product["projected_qty"].tolist() == [0.0, 240.0, 40.0]
    assert product["at"].iloc[1] == THURSDAY + 4 * HOUR
    assert set(watched_items(nothing)) == {"A", "C"}
    assert stock_curve(nothing, ["C"])["item_id"].unique().tolist() == ["C"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no address at all", "no database address"),
        ("nosuchbase://host/db", "nosuchbase"),
        ("postgresql+psycopg://soe:secret@127.0.0.1:1/none?connect_timeout=2", "127.0.0.1"),
        ("sqlite:////no/such/folder/staging.sqlite", "/no/such/folder"),
    ],
)
def test_a_wrong_staging_address_is_a_sentence(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that a wrong SOE_STAGING_URL is said in one line, without its password."""
    monkeypatch.setenv("SOE_STAGING_URL", url)
    with pytest.raises(DeskError, match="cannot be reached, so nothing was sent") as error:
        staging_targets(Workspace(tmp_path))
    assert said in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
