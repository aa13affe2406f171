"""Causes of lateness on a plant small enough to know the answer by hand; blocks; words."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.impact.attribution import Attribution, attribute
from soe_lib.impact.birth import BLOCK_OF, BLOCKS, shortfall_split
from soe_lib.impact.disruptions import FUNCTION_OF, OBJECT_OF
from soe_lib.impact.reference import reference_of
from soe_lib.impact.replay_build import replay_of
from soe_lib.impact.words import WORDS, blame_sentence, line_sentences
from soe_lib.schedule import build_problem, right_shift
from soe_lib.vocabulary import FUNCTIONS
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant

TODAY = pd.Timestamp("2026-11-23T06:00Z")
SINCE = AS_OF - pd.Timedelta(days=7)


def causes_of(
    plant: Plant, ratios: dict[str, float] | None = None, departure: str = ""
) -> Attribution:
    """Attribute the lateness of the plant's order lines."""
    tables = plant.tables()
    problem = build_problem(tables, AS_OF, horizon_weeks=6)
    replay = replay_of(problem, right_shift(problem))
    orders = pd.DataFrame(problem.demand_keys, columns=["order_id", "line_id"])
    lateness = replay.lateness()
    found = attribute(
        replay,
        tables,
        reference_of(tables, AS_OF, SINCE, ratios),
        orders.assign(
            late_cost=100.0,
            has_new_supply=False,
            departure=departure,
            is_late_in_plan=False,
            is_there=False,
        ),
    )
    sums = found.causes.groupby("order_id")["late_minutes"].sum()
    for key, minutes in zip(problem.demand_keys, lateness, strict=True):
        if minutes > 1:
            assert sums[key[0]] == pytest.approx(minutes)
    assert found.is_exact
    return found


def days(found: Attribution, order_id: str = "SO1") -> dict[str, float]:
    """Days of each cause of an order, by kind and object."""
    own = found.causes[found.causes["order_id"] == order_id]
    return {
        f"{row.kind} {row.object_id}": round(row.late_minutes / 1440, 3) for row in own.itertuples()
    }


def test_late_purchase_bears_it_all() -> None:
    """Tests that a purchase that slipped five days takes all lateness, also by the but-for."""
    plant = Plant().item("A").work("W1", "A", 2, THURSDAY).order("SO1", "A", 120, FRIDAY)
    plant.component("C", "A").purchase("P1", "C", 120, "2026-11-30")
    plant.add("supplier_confirmation_event", po_id="P1", line_id="1",
              event_at=SINCE - 24 * HOUR, confirmed_date=pd.Timestamp("2026-11-25"))  # fmt: skip
    found = causes_of(plant)
    assert list(days(found)) == ["supplier_late P1/1"]
    row = found.causes.iloc[0]
    assert row["function"] == "procurement"
    assert row["share_pct"] == pytest.approx(100)
    assert row["late_cost"] == pytest.approx(100)
    assert row["but_for_minutes"] == pytest.approx(row["late_minutes"])
    assert found.disruptions["num_lines"].tolist() == [1]


def test_open_stop_bears_it_all() -> None:
    """Tests that a line that stands until tomorrow noon makes today's work late, nothing else."""
    plant = Plant(lines=("L1",)).item("A").work("W1", "A", 4, TODAY)
    plant.order("SO1", "A", 240, TODAY + 5 * HOUR)
    plant.add("downtime_event", resource_id="L1", start_at=AS_OF - HOUR, is_planned=False,
              reason_code="BRK", expected_end_at=TODAY + 30 * HOUR)  # fmt: skip
    found = causes_of(plant)
    assert list(days(found)) == ["stop L1 BRK 11-23 04:00"]


def test_new_order_takes_the_stock() -> None:
    """Tests that an order that came new takes the stock of another one and is blamed for it."""
    plant = Plant().item("A").work("W1", "A", 2, FRIDAY)
    plant.add("inventory_balance", item_id="A", location_id="P", balance_at=AS_OF, on_hand_qty=100)
    plant.order("SO1", "A", 100, THURSDAY, customer_id="K2", tier="C", per_day=1.0)
    plant.order("RUSH", "A", 100, THURSDAY - 24 * HOUR)
    plant.add("order_change_event", event_id="E1", order_id="RUSH", line_id="1",
              change_field="new", event_at=AS_OF - 24 * HOUR)  # fmt: skip
    assert list(days(causes_of(plant))) == ["order_new RUSH/1"]


def test_late_in_the_plan_is_nobodys_disruption() -> None:
    """Tests that work published after the promise is late in the plan."""
    plant = Plant().item("A").work("W1", "A", 2, FRIDAY).order("SO1", "A", 120, THURSDAY)
    found = causes_of(plant)
    assert days(found) == {"late_in_plan SO1/1": round((24 + 2) / 24, 3)}
    assert found.disruptions.empty
    assert "no disruption of the week" in blame_sentence(found.causes, found.disruptions, "EUR")


@pytest.mark.parametrize("departure", ["", "WEST 2026-11-20"])
def test_goods_that_are_there_are_not_late_in_the_plan(departure: str) -> None:
    """Tests that an overdue line whose goods lie in stock waits for shipping, for nothing else."""
    friday = pd.Timestamp("2026-11-20T15:00Z")
    plant = Plant().item("A").item("B").work("W1", "B", 2, FRIDAY).order("SO1", "A", 120, friday)
    plant.add("inventory_balance", item_id="A", location_id="P", balance_at=AS_OF, on_hand_qty=200)
    found = causes_of(plant, departure=departure)
    late = round((AS_OF - friday) / pd.Timedelta(days=1), 3)
    kind = f"truck_missed {departure}" if departure else "not_shipped SO1/1"
    assert days(found) == {kind: late}
    assert found.causes["function"].tolist() == ["logistics"]
    split = shortfall_split(found.causes).set_index("block")
    assert split.loc["execution", "share_pct"] == pytest.approx(100)
    assert split.loc["infeasible at birth", "late_days"] == 0
    said = blame_sentence(found.causes, found.disruptions, "EUR")
    assert f"{late:.1f} are goods that are there but did not leave" in said


def test_what_is_overdue_is_apart_from_what_the_sequence_adds() -> None:
    """Tests that the days before the replay begins are overdue, and only the rest is the plan's."""
    friday = pd.Timestamp("2026-11-20T15:00Z")
    plant = Plant().item("A").work("W1", "A", 2, FRIDAY).order("SO1", "A", 120, friday)
    found = days(causes_of(plant))
    past = round((AS_OF - friday) / pd.Timedelta(days=1), 3)
    ahead = round((FRIDAY + 2 * HOUR - AS_OF) / pd.Timedelta(days=1), 3)
    assert found == {"late_in_plan SO1/1": ahead, "overdue SO1/1": past}


def behind(ratios: dict[str, float] | None, stop: bool = False) -> Attribution:
    """Eight hours of work that should have been done by now, and were not."""
    friday = pd.Timestamp("2026-11-20T06:00Z")
    plant = Plant(lines=("L1",)).item("A").work("W1", "A", 8, friday)
    for row in plant.rows["schedule_operation"]:
        row["published_at"] = SINCE
    for day in range(7):
        begin = SINCE.normalize() + pd.Timedelta(days=day) + 6 * HOUR
        plant.add("resource_calendar", resource_id="L1", start_at=begin,
                  end_at=begin + 8 * HOUR, calendar_kind="shift")  # fmt: skip
    plant.order("SO1", "A", 480, TODAY + HOUR)
    if stop:
        plant.add("downtime_event", resource_id="L1", start_at=friday, is_planned=False,
                  reason_code="BRK", end_at=friday + 8 * HOUR)  # fmt: skip
    return causes_of(plant, ratios)


def test_work_behind_is_split_by_cause() -> None:
    """Tests the order itself, a stop that took all hours, and a rate known to be too fast."""
    assert list(days(behind(None))) == ["work_order_delay W1/1"]
    assert list(days(behind(None, stop=True))) == ["stop L1 BRK 11-20 06:00"]
    both = days(behind({"L1": 1.5}))
    assert set(both) == {"work_order_delay W1/1", "optimistic_rate L1"}


def test_rates_known_to_be_too_fast_are_infeasible_at_birth() -> None:
    """Tests that a planted over-optimistic rate lands in the plan, not in the execution."""
    split = shortfall_split(behind({"L1": 2.0}).causes).set_index("block")
    assert split.loc["infeasible at birth", "share_pct"] == pytest.approx(100)
    assert split.loc["execution", "late_days"] == pytest.approx(0)
    plain = shortfall_split(behind(None).causes).set_index("block")
    assert plain.loc["execution", "share_pct"] == pytest.approx(100)


def test_blocks_sum_to_the_lateness() -> None:
    """Tests that blocks hold every minute and every amount once, in their fixed order."""
    found = behind({"L1": 1.3}).causes
    split = shortfall_split(found)
    assert split["block"].tolist() == list(BLOCKS)
    assert split["late_days"].sum() == pytest.approx(found["late_minutes"].sum() / 1440)
    assert split["late_cost"].sum() == pytest.approx(found["late_cost"].sum())
    assert split["share_pct"].sum() == pytest.approx(100)
    empty = shortfall_split(found.head(0))
    assert empty["late_days"].tolist() == [0.0] * 4


def test_every_kind_has_words_function_and_block() -> None:
    """Tests that no kind of cause is forgotten anywhere."""
    assert set(WORDS) == set(BLOCK_OF)
    assert set(FUNCTION_OF) == set(OBJECT_OF)
    assert set(FUNCTION_OF) < set(WORDS)
    assert set(FUNCTION_OF.values()) <= set(FUNCTIONS)


def test_sentences_name_cause_and_days() -> None:
    """Tests the words of a line and of the week."""
    plant = Plant().item("A").work("W1", "A", 2, THURSDAY).order("SO1", "A", 120, FRIDAY)
    plant.component("C", "A").purchase("P1", "C", 120, "2026-11-30", confirmed_qty=120.0)
    plant.add("supplier_confirmation_event", po_id="P1", line_id="1",
              event_at=SINCE - 24 * HOUR, confirmed_date=pd.Timestamp("2026-11-25"))  # fmt: skip
    found = causes_of(plant)
    late = found.causes["late_minutes"].iloc[0] / 1440
    assert line_sentences(found.causes)["blame"].tolist() == [f"purchase P1/1 late {late:.1f} d"]
    said = blame_sentence(found.causes, found.disruptions, "EUR")
    assert f"purchase P1/1 late ({late:.1f} days on 1 lines, 100 EUR)" in said
