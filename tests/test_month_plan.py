"""The month plan's chances and the least change; warnings of a missed week and their proof."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.monitoring.attainment import week_days
from soe_lib.monitoring.month_chances import WANTED
from soe_lib.monitoring.month_kept import judge_months, kept_months_sentence
from soe_lib.monitoring.month_plan import month_plan, packet
from soe_lib.monitoring.warning_rules import beats, judge_rules, rules_sentence
from soe_lib.params import Params
from tests.week_by_hand import END, MONDAY, planned, ran, typed, week_tables

AS_OF = pd.Timestamp("2026-11-16T05:00Z")
WEEK = pd.Timedelta(weeks=1)


def _plant(plan_a: float, plan_b: float) -> Facts:
    """Return one line that made two families for six weeks, faster and slower by turns."""
    events, orders, opened = [], [], []
    for week in range(6):
        start = AS_OF.normalize() - (6 - week) * WEEK
        opened.append({"resource_id": "L", "calendar_kind": "shift",
                       "start_at": start, "end_at": start + pd.Timedelta(hours=100)})  # fmt: skip
        hours = 10.0 if week % 2 else 12.5  # of 10 standard hours: 100 % and 80 %
        for job in range(2):
            wo = f"W{week}{job}"
            begin = start + pd.Timedelta(hours=20 * job)
            end = begin + pd.Timedelta(hours=hours)
            item = "A1" if job else "B1"
            orders.append({"wo_id": wo, "item_id": item, "ordered_qty": 100.0,
                           "release_at": start, "due_at": end, "status": "completed",
                           "started_at": begin, "ended_at": end})  # fmt: skip
            common = {"wo_id": wo, "op_no": 10, "resource_id": "L", "split_no": 1,
                      "scrap_qty": 0.0}  # fmt: skip
            events += [
                {**common, "event_id": f"{wo}s", "event_at": begin, "recorded_at": begin,
                 "event_type": "start", "good_qty": 0.0},
                {**common, "event_id": f"{wo}e", "event_at": end, "recorded_at": end,
                 "event_type": "complete", "good_qty": 100.0},
            ]  # fmt: skip
    for week in range(3):
        start = AS_OF.normalize() + week * WEEK
        opened.append({"resource_id": "L", "calendar_kind": "shift", "start_at": start,
                       "end_at": start + pd.Timedelta(hours=100)})  # fmt: skip
    month = pd.Timestamp("2026-11-01")
    common = {"plan_version": "V", "approved_at": AS_OF - 4 * WEEK, "site_id": "S",
              "plan_month": month, "measure": "production"}  # fmt: skip
    tables = {
        "sop_plan": typed("sop_plan", [
            {**common, "family_id": "A", "planned_qty": plan_a},
            {**common, "family_id": "B", "planned_qty": plan_b}]),
        "family_mix": typed("family_mix", [
            {"family_id": f, "item_id": f"{f}1", "mix_weight": 1.0} for f in "AB"]),
        "plan_calendar": typed("plan_calendar", [
            {"plan_month": month, "week_start_date": AS_OF.tz_localize(None).normalize(),
             "site_id": "S", "working_hours": 100.0}]),
        "item": typed("item", [
            {"item_id": f"{f}1", "family_id": f, "uom": "EA", "supply_type": "make",
             "std_cost": 2.0 if f == "A" else 1.0} for f in "AB"]),
        "resource": typed("resource", [{"resource_id": "L", "site_id": "S"}]),
        "resource_calendar": typed("resource_calendar", opened),
        "routing_alternate": typed("routing_alternate", [
            {"item_id": f"{f}1", "op_no": 10, "resource_id": "L", "run_minutes_per_unit": 6.0}
            for f in "AB"]),
        "run_rate": typed("run_rate", [
            {"item_id": f"{f}1", "resource_id": "L", "standard_rate_per_hour": 10.0}
            for f in "AB"]),
        "work_order": typed("work_order", orders),
        "work_order_progress_event": typed("work_order_progress_event", events),
    }  # fmt: skip
    return facts_of(tables, AS_OF, Params())


def test_an_easy_month_is_sure_and_asks_for_nothing() -> None:
    """Tests that a plan that the line makes even in its slow weeks needs no change."""
    found = month_plan(_plant(700.0, 500.0))
    assert found.families["p_met"].eq(1.0).all()
    assert found.families["change_qty"].eq(0.0).all()
    assert found.families.set_index("family_id")["done_qty"].to_dict() == {"A": 200.0, "B": 200.0}
    assert packet(found, pd.DataFrame())["num_families_in_danger"] == 0


def test_the_least_change_takes_the_cheaper_family_and_restores_the_plan() -> None:
    """Tests chance, bottleneck and change of a plan that is a little more than the line can do."""
    # 219 open hours are left; two slow weeks of two give less than the 185 h that are needed
    found = month_plan(_plant(1200.0, 1050.0))
    assert (found.families["p_met"] < WANTED).all()
    assert set(found.families["bottleneck"]) == {"L"}
    by_family = found.families.set_index("family_id")
    assert by_family.loc["A", "change_qty"] == 0.0, "A is worth twice as much a unit"
    assert -400 < by_family.loc["B", "change_qty"] < 0
    assert (by_family["p_met_after"] >= WANTED).all()
    less = month_plan(_plant(1200.0, 1050.0 + by_family.loc["B", "change_qty"]))
    assert (less.families["p_met"] >= WANTED).all(), "the change holds when it is planned so"
    hardly = month_plan(_plant(1200.0, 1050.0 + 0.5 * by_family.loc["B", "change_qty"]))
    assert (hardly.families["p_met"] < WANTED).any(), "half of it does not"
    assert "smallest change" in found.sentence
    assert packet(found, pd.DataFrame())["num_families_in_danger"] == 2


def _bought(facts: Facts, *, lead_days: float, stock: float, due: str = "") -> Facts:
    """Return the plant with a component of which an A takes two; 50 may be on order."""
    bought = {"item_id": "SCREW", "family_id": "", "uom": "EA", "supply_type": "buy",
              "supplier_id": "S", "lead_time_days": lead_days}  # fmt: skip
    items = typed("item", [*facts.tables["item"].to_dict("records"), bought])
    extra = {
        "item": items,
        "bom_component": typed("bom_component", [
            {"parent_item_id": "A1", "component_item_id": "SCREW", "qty_per": 2.0}]),
        "inventory_balance": typed("inventory_balance", [
            {"item_id": "SCREW", "location_id": "W", "balance_at": AS_OF, "on_hand_qty": stock}]),
    }  # fmt: skip
    if due:
        day = pd.Timestamp(due)
        extra["purchase_order_line"] = typed("purchase_order_line", [
            {"po_id": "P", "line_id": "1", "supplier_id": "S", "item_id": "SCREW",
             "ordered_qty": 50.0, "received_qty": 0.0, "required_date": day,
             "promised_date": day, "first_promised_date": day, "status": "open",
             "ordered_at": AS_OF - WEEK}])  # fmt: skip
    return facts_of({**facts.tables, **extra}, AS_OF, Params())


def test_a_component_that_nobody_can_buy_in_time_limits_its_family_only() -> None:
    """Tests a plan that every line can make, of which one component allows a part."""
    # 500 A are left, they take 1000 screws; 900 are there, an order takes three weeks
    found = month_plan(_bought(_plant(700.0, 500.0), lead_days=21.0, stock=900.0))
    by_family = found.families.set_index("family_id")
    assert by_family["p_lines"].eq(1.0).all(), "no line limits"
    assert by_family.loc["A", ["p_material", "p_met", "component"]].tolist() == [0, 0, "SCREW"]
    assert by_family.loc["B", ["p_material", "p_met", "component"]].tolist() == [1, 1, ""]
    assert "because of component SCREW" in found.sentence
    assert by_family["change_qty"].to_dict() == {"A": -50.0, "B": 0.0}
    assert (by_family["p_met_after"] >= WANTED).all()
    (row,) = found.components.to_dict("records")
    assert (row["item_id"], row["required_qty"], row["stock_qty"]) == ("SCREW", 1000.0, 900.0)
    assert row["orderable_until"] == pd.Timestamp("2026-11-08")
    told = packet(found, pd.DataFrame())
    assert told["components"][0]["item_id"] == "SCREW"


def test_what_comes_or_can_be_bought_in_time_does_not_limit() -> None:
    """Tests an order that comes in time, one that does not, and a lead time that is short."""
    plant = _plant(700.0, 500.0)

    def sure(**more: object) -> float:
        found = month_plan(_bought(plant, **{"lead_days": 21.0, "stock": 950.0, **more}))
        return float(found.families.set_index("family_id").loc["A", "p_met"])

    assert sure() == 0.0
    assert sure(due="2026-11-20") == 1.0
    assert sure(due="2026-12-02") == 0.0
    assert sure(lead_days=7.0) == 1.0


def test_chances_of_months_that_have_ended_are_judged() -> None:
    """Tests what was forecast of October against what was made, and that November waits."""
    facts = _plant(700.0, 500.0)
    rows = [
        ("W40", "A", "2026-10-01", 300.0, 0.9),
        ("W40", "B", "2026-10-01", 900.0, 0.3),
        ("W45", "A", "2026-11-01", 700.0, 1.0),
        ("W30", "A", "2026-07-01", 1.0, 1.0),
    ]
    forecasts = pd.DataFrame(rows, columns=["cycle_id", "family_id", "plan_month", "planned_qty",
                                            "p_met"])  # fmt: skip
    forecasts["plan_month"] = pd.to_datetime(forecasts["plan_month"])
    early = facts.tables["work_order_progress_event"].assign(wo_id="W00", event_id="old")
    early = early.head(1).assign(event_at=pd.Timestamp("2026-09-30T08:00Z"))
    events = pd.concat([early, facts.tables["work_order_progress_event"]], ignore_index=True)
    facts = facts_of({**facts.tables, "work_order_progress_event": events}, AS_OF, Params())
    judged = judge_months(forecasts, facts).set_index("family_id")
    assert judged["cycle_id"].tolist() == ["W40", "W40"], "July is too old, November still runs"
    assert judged["made_qty"].to_dict() == {"A": 400.0, "B": 400.0}
    assert judged["is_met"].to_dict() == {"A": True, "B": False}
    said = kept_months_sentence(judged)
    assert "met in 1; they had expected 1.2" in said
    assert "met in 1 of 1" in said
    assert "cannot be said yet" in kept_months_sentence(judged.head(0))


def test_a_feed_without_a_plan_says_so() -> None:
    """Tests that nothing is guessed where there is no plan."""
    facts = _plant(1.0, 1.0)
    bare = facts_of({k: v for k, v in facts.tables.items() if k != "sop_plan"}, AS_OF, Params())
    found = month_plan(bare)
    assert found.families.empty
    assert "no sop_plan" in found.off


def test_days_of_a_week_count_what_was_due_and_done() -> None:
    """Tests due, done and final hours of a line by hand, day by day."""
    plan = [
        planned("W1", "X", "L", "Mon 08:00", "Mon 18:00", 100.0),
        planned("W2", "X", "L", "Tue 08:00", "Tue 18:00", 100.0),
    ]
    runs = [
        ran("W1", "L", "Mon 08:00", "Tue 02:00", 100.0),
        ran("W2", "L", "Tue 08:00", "Wed 02:00", 60.0),
    ]
    tables = week_tables(plan, runs)
    facts = facts_of(tables, END, Params())
    from soe_lib.kpi.value import Period

    days = week_days(facts, (Period(MONDAY.tz_localize(None), END.tz_localize(None)),))
    days = days.set_index("day")
    assert days["planned_hours"].eq(20.0).all()
    assert days["due_hours"].tolist() == [10.0, *[20.0] * 6]
    assert days["done_hours"].tolist() == [0.0, 10.0, *[16.0] * 5]
    assert days["final_hours"].eq(16.0).all()


def _weeks(seed: int, *, tells: bool) -> pd.DataFrame:
    """Return lines over 12 weeks; with ``tells`` a line's habit decides, not today's gap."""
    luck = np.random.default_rng(seed)
    rows = []
    for week in range(12):
        start = pd.Timestamp("2026-08-31") + week * WEEK
        for line in range(6):
            habit = 0.25 if tells and line in (0, 1) else 0.0
            short = float(np.clip(habit + luck.normal(0.02, 0.03), 0, 0.9))
            for day in range(1, 6):
                noise = float(luck.normal(0, 0.12))
                behind = noise if tells else short * day / 5 + 0.1 * noise
                rows.append((start, f"L{line}", day, 100.0, 20.0 * day,
                             20.0 * day - 100 * behind, 100.0 * (1 - short)))  # fmt: skip
    names = ["week_start_date", "resource_id", "day", "planned_hours", "due_hours", "done_hours"]
    return pd.DataFrame(rows, columns=[*names, "final_hours"])


def test_a_forecast_that_knows_the_lines_beats_the_threshold() -> None:
    """Tests that habits that the gap does not show are found, inside the declared budget."""
    rules = judge_rules(_weeks(1, tells=True), 90.0)
    found = rules.set_index("rule")
    assert beats(rules)
    assert found.loc["forecast", "recall_pct"] > found.loc["plain threshold", "recall_pct"] + 30
    assert found.loc["forecast", "false_alarm_pct"] <= 15
    assert found["num_weeks"].eq(9).all(), "three weeks are only learned from"
    assert rules_sentence(rules, True).startswith("The forecast warns")


def test_a_forecast_that_does_not_beat_the_threshold_is_not_shown() -> None:
    """Tests both ways: no misses to find, and more false alarms than were declared."""
    none = judge_rules(_weeks(2, tells=False), 90.0)
    assert not beats(none)
    better = judge_rules(_weeks(1, tells=True), 90.0)
    noisy = better.assign(false_alarm_pct=[10.0, 40.0])
    assert not beats(noisy)
    assert "plain threshold warns" in rules_sentence(noisy, False)
    assert not beats(better.head(0))
