"""Step 2 on the demo week: causes, odds, blocks and menu; what was planted is what is blamed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.demo_week import run_folder, small_params, week

__all__ = ["small_params", "week"]

KEYS = ["order_id", "line_id"]
AS_OF = pd.Timestamp("2026-11-23T05:00Z")


@pytest.fixture(scope="module")
def tables(week: Path) -> dict[str, pd.DataFrame]:
    """Tables of step 2."""
    names = ("order_impact", "order_causes", "disruptions", "order_promises", "shortfall_split",
             "interventions", "projected_promises")  # fmt: skip
    folder = run_folder(week) / "tables"
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}


def test_causes_sum_to_the_lateness(tables: dict[str, pd.DataFrame]) -> None:
    """Tests that the minutes and the money of every late line are shared out completely."""
    orders = tables["order_impact"]
    late = orders[orders["is_late"]].set_index(KEYS)
    sums = tables["order_causes"].groupby(KEYS)[["late_minutes", "late_cost"]].sum()
    assert set(sums.index) == set(late.index)
    gap = (sums["late_minutes"] - late["tardiness_days"].reindex(sums.index) * 1440).abs()
    assert gap.max() < 1.0
    assert (sums["late_cost"] - late["late_cost"].reindex(sums.index)).abs().max() < 0.01
    split = tables["shortfall_split"]
    assert split["late_days"].sum() == pytest.approx(late["tardiness_days"].sum(), abs=0.1)


def test_planted_incidents_are_blamed(tables: dict[str, pd.DataFrame]) -> None:
    """Tests that every severe incident of the week that reaches open orders is a cause."""
    truth = pd.read_csv(ROOT / "data" / "demo" / "ground_truth.csv")
    own = truth[(truth["week"] == "2026-W47") & (truth["severity"] == "severe")]
    own = own[own["kind"].isin(["new_order", "supplier_late", "supplier_short", "breakdown",
                                "scrap", "resized_order", "expedited_order"])]  # fmt: skip
    found = tables["disruptions"]
    hurting = found[found["late_minutes"] > 1]
    assert len(own) == 7
    for name in own["object_id"]:
        assert hurting["object_id"].str.startswith(name).any(), name
    assert set(hurting["object_id"].head(4)) >= {"SO900004/10", "PO45410/10", "PO45430/10"}


def test_odds_are_of_every_line(tables: dict[str, pd.DataFrame]) -> None:
    """Tests that every open line has a probability, and that it goes with the projected date."""
    odds = tables["order_promises"]
    assert len(odds) == len(tables["projected_promises"])
    assert odds["p_on_time"].between(0, 1).all()
    assert (odds["standard_error"] <= 0.016).all()
    by_date = odds.groupby("is_on_time_by_date")["p_on_time"].mean()
    assert by_date[True] > 0.9
    assert by_date[False] < 0.3


def test_menu_expires_and_costs(tables: dict[str, pd.DataFrame]) -> None:
    """Tests that levers of the menu can still be pulled, have a price and reach a late line."""
    menu = tables["interventions"]
    orders = tables["order_impact"]
    late = set(map(tuple, orders.loc[orders["is_late"], KEYS].to_numpy()))
    assert {"overtime", "alternate resource"} <= set(menu["lever"])
    assert (menu["act_by_at"] >= AS_OF).all()
    assert (menu["cost"] >= 0).all()
    assert (menu.loc[menu["lever"] == "overtime", "cost"] > 0).all()
    assert set(map(tuple, menu[KEYS].to_numpy())) <= late
    assert not menu.duplicated([*KEYS, "lever", "object_id"]).any()


def test_pages_one_and_two_tell_one_story(week: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Tests that goods whose truck did not leave are on no page late in the plan."""
    orders = pd.read_parquet(run_folder(week) / "tables" / "orders_in_jeopardy.parquet")
    waits = orders[orders["why"].str.startswith("its truck did not leave")]
    ready = pd.read_parquet(run_folder(week) / "tables" / "projected_promises.parquet")
    there = waits.merge(ready[ready["ready_at"] <= AS_OF][KEYS], on=KEYS)
    assert len(there) >= 5
    causes = there[[*KEYS, "lateness_days"]].merge(tables["order_causes"], on=KEYS)
    assert set(causes["kind"]) == {"truck_missed"}
    assert (causes["late_minutes"] / 1440 - causes["lateness_days"]).abs().max() < 0.01
    assert set(causes["object_id"]) == {"S-WEST 2026-11-20"}
    page = (run_folder(week) / "report" / "2_impact.html").read_text(encoding="utf-8")
    assert "its truck did not leave (S-WEST 2026-11-20) 3.0 d" in page
