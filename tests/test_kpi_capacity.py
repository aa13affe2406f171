"""Capacity, ISO time elements and OEE: a minute-by-minute reference and every edge case."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.kpi.capacity import (
    demonstrated_capacity,
    planned_load,
    required_hours,
    required_vs_demonstrated,
    utilisation,
)
from soe_lib.kpi.intervals import trimmed_mean, wilson
from soe_lib.kpi.oee import oee, production, repair_times
from soe_lib.kpi.open_time import RAW_KINDS, available_hours, open_time
from soe_lib.kpi.value import Period, kpi_rows, share
from soe_lib.kpi.work_times import work_times
from tests.kpi_tables import ZONE, at, by_name, day, period, table

WEEK = period(0, 7)
NOW = at(7, 5)


def shift(number: int, begin: float, end: float, kind: str = "shift", **columns) -> dict:
    """Return a calendar interval of resource L1 on a day, hours of the site's clock."""
    return {
        "resource_id": "L1",
        "start_at": at(number, begin),
        "end_at": at(number, end),
        "calendar_kind": kind,
        **columns,
    }


def event(number: int, hour: float, kind: str, good: float = 0.0, **columns) -> dict:
    """Return a progress event of work order W1, operation 10, on L1."""
    return {
        "event_id": f"{number}/{hour}/{kind}",
        "event_at": at(number, hour),
        "wo_id": "W1",
        "op_no": 10,
        "resource_id": "L1",
        "event_type": kind,
        "good_qty": good,
        "scrap_qty": 0.0,
        **columns,
    }


def stop(number: int, begin: float, end: float | None, **columns) -> dict:
    """Return an unplanned stop of L1."""
    return {
        "resource_id": "L1",
        "start_at": at(number, begin),
        "end_at": None if end is None else at(number, end),
        "is_planned": False,
        "reason_code": f"R{begin}",
        **columns,
    }


def plant(calendar=(), events=(), downs=(), routing=(), resources=({},)) -> dict:
    """Return the tables of a plant with line L1 making item FG1 by work order W1."""
    return {
        "resource": table(
            "resource", *({"resource_id": "L1", "site_id": "S1", **r} for r in resources)
        ),
        "resource_calendar": table("resource_calendar", *calendar),
        "work_order_progress_event": table("work_order_progress_event", *events),
        "downtime_event": table("downtime_event", *downs),
        "routing_alternate": table(
            "routing_alternate",
            *({"item_id": "FG1", "op_no": 10, "resource_id": "L1", **r} for r in routing),
        ),
        "work_order": table(
            "work_order",
            {"wo_id": "W1", "item_id": "FG1", "ordered_qty": 100.0, "status": "started"},
            release_at=at(-1),
            due_at=at(9),
        ),
    }


def value(kpis, name: str, member: str = "") -> float:
    """Return the value of a KPI of the total or of one member."""
    return next(k.value for k in kpis if k.kpi == name and k.member == member)


def minutes(rows: pd.DataFrame, size: int) -> np.ndarray:
    """Return how many intervals cover each minute from MONDAY on."""
    grid = np.zeros(size, dtype=int)
    zero = at(0, 0)
    for begin, end in zip(rows["start_at"], rows["end_at"], strict=True):
        low, high = (int((x - zero).total_seconds() // 60) for x in (begin, end))
        grid[max(low, 0) : max(min(high, size), 0)] += 1
    return grid


@pytest.mark.parametrize("seed", range(6))
def test_times_match_a_minute_grid(seed: int) -> None:
    """Tests that open, run, set-up, delay and stop hours equal a count of minutes."""
    rng = np.random.default_rng(seed)
    calendar, downs, events = [], [], []
    for d in range(-1, 8):
        calendar += [shift(d, 6, 14), shift(d, 14, 22)]
        if rng.random() < 0.3:
            calendar.append(shift(d, 22, 23.5, "overtime"))
        if rng.random() < 0.3:
            begin = float(rng.integers(5, 20))
            calendar.append(shift(d, begin, begin + 3, "maintenance"))
    for d in range(-1, 8):
        for _ in range(2):
            begin = float(rng.integers(10, 200) / 10)
            length = float(rng.choice([0.05, 0.5, 2.0, 4.0]))
            downs.append(stop(d, begin, begin + length, is_planned=bool(rng.random() < 0.3)))
    downs = [d | {"reason_code": f"R{k}"} for k, d in enumerate(downs)]
    downs.append(stop(6, 20.0, None))
    for k in range(12):
        clock = float(rng.integers(-20, 1500) / 10)
        kinds = ["setup_start", "setup_end", "start", "pause", "resume", "complete"]
        for kind in kinds[: int(rng.integers(2, 7))]:
            d, hour = int(clock // 24), clock % 24
            events.append(event(d, hour, kind, wo_id=f"W{k}", event_id=f"{k}{kind}"))
            clock += float(rng.integers(3, 40) / 10)
    now = at(6, 21)
    tables = plant(calendar, events, downs)
    times = work_times(tables, now, WEEK).set_index("resource_id").loc["L1"]
    size = 7 * 24 * 60
    cal, stops = tables["resource_calendar"], tables["downtime_event"].copy()
    stops = stops[stops["start_at"] <= now]
    stops["end_at"] = stops["end_at"].where(stops["end_at"].notna() & (stops["end_at"] <= now), now)
    opened = minutes(cal[cal["calendar_kind"].isin(["shift", "overtime"])], size) > 0
    shut = minutes(cal[cal["calendar_kind"] == "maintenance"], size) > 0
    planned = minutes(stops[stops["is_planned"].astype(bool)], size) > 0
    unplanned = minutes(stops[~stops["is_planned"].astype(bool)], size) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], unplanned.astype(int), [0]])))
    for low, high in edges.reshape(-1, 2):
        if high - low < 5:
            unplanned[low:high] = False
    seen = np.arange(size) < int((now - at(0, 0)).total_seconds() // 60)
    work = opened & ~shut & ~planned & seen
    states = {
        "run": np.zeros(size, int),
        "setup": np.zeros(size, int),
        "pause": np.zeros(size, int),
    }
    frame = tables["work_order_progress_event"]
    frame = frame[frame["event_at"] <= now].sort_values("event_at", kind="stable")
    means = {"setup_start": "setup", "start": "run", "resume": "run", "pause": "pause"}
    for _, own in frame.groupby("wo_id"):
        ends = [*own["event_at"].tolist()[1:], now]
        for kind, begin, end in zip(own["event_type"], own["event_at"], ends, strict=True):
            if kind in means:
                span = pd.DataFrame({"start_at": [begin], "end_at": [end]})
                states[means[kind]] += minutes(span, size)
    on = {name: (count > 0) & work for name, count in states.items()}
    wanted = {
        "pbt_hours": work.sum(),
        "apt_hours": (on["run"] & ~unplanned).sum(),
        "aust_hours": (on["setup"] & ~unplanned).sum(),
        "adet_hours": (on["run"] & unplanned).sum()
        + (on["setup"] & unplanned).sum()
        + on["pause"].sum(),
        "down_hours": (unplanned & work).sum(),
    }
    for name, count in wanted.items():
        assert times[name] == pytest.approx(count / 60, abs=1e-6), name
    assert times["aupt_hours"] == pytest.approx(times["apt_hours"] + times["aust_hours"])
    assert times["aubt_hours"] == pytest.approx(times["aupt_hours"] + times["adet_hours"])


def test_stations_multiply_hours() -> None:
    """Tests that parallel stations multiply hours and an interval may open fewer of them."""
    calendar = [shift(0, 6, 14), shift(1, 6, 14, capacity=1.0), shift(2, 6, 14), shift(2, 10, 18)]
    tables = plant(calendar, resources=[{"capacity_parallel": 3.0}])
    hours = available_hours(open_time(tables), WEEK.start_at, WEEK.end_at)
    assert hours["L1"] == pytest.approx(8 * 3 + 8 * 1 + 12 * 3)


def test_overtime_is_raw_capacity_until_it_is_booked() -> None:
    """Tests that overtime that could be booked is in raw capacity only."""
    calendar = [
        shift(0, 6, 14),
        shift(0, 14, 16, "overtime"),
        shift(0, 16, 20, "potential_overtime"),
    ]
    tables = plant(calendar)
    span = (WEEK.start_at, WEEK.end_at)
    assert available_hours(open_time(tables), *span)["L1"] == pytest.approx(10)
    assert available_hours(open_time(tables, RAW_KINDS), *span)["L1"] == pytest.approx(14)


def operation(begin: float, end: float, qty: float = 60.0, **columns) -> dict:
    """Return a planned operation of L1 on day 0."""
    return {
        "version_id": "V1",
        "wo_id": "W1",
        "op_no": 10,
        "split_no": 1,
        "item_id": "FG1",
        "planned_qty": qty,
        "resource_id": "L1",
        "setup_start_at": at(0, begin),
        "start_at": at(0, begin),
        "end_at": at(0, end),
        **columns,
    }


def test_planned_load_is_not_capped() -> None:
    """Tests that load above the calendar shows as overload, hours by hours, never cut at 100 %."""
    tables = plant([shift(0, 6, 14)], routing=[{"run_minutes_per_unit": 10.0, "yield_pct": 80.0}])
    rows = table("schedule_operation", operation(7, 14, setup_start_at=at(0, 6)))
    found = planned_load(rows, tables, NOW, WEEK)
    # 60 units x 10 min / 0.8 = 12.5 h and 1 h of set-up on 8 h
    assert value(found, "planned_load", "L1") == pytest.approx(100 * 13.5 / 8)
    assert value(found, "overload_hours", "L1") == pytest.approx(5.5)
    assert value(found, "finite_utilisation", "L1") == pytest.approx(100.0)


def test_load_of_an_operation_across_the_edge_counts_its_part() -> None:
    """Tests that an operation over midnight of Sunday loads each week with its open part."""
    tables = plant([shift(6, 14, 22), shift(7, 6, 14)], routing=[{"run_minutes_per_unit": 12.0}])
    rows = table("schedule_operation", operation(0, 0, start_at=at(6, 20), end_at=at(7, 10)))
    rows["setup_start_at"] = rows["start_at"]
    first, second = (required_hours(rows, tables, p)["run_hours"][0] for p in (WEEK, period(7, 14)))
    assert first == pytest.approx(12 * 2 / 6)
    assert second == pytest.approx(12 * 4 / 6)
    bare = plant([shift(6, 14, 22), shift(7, 6, 14)])
    assert not required_hours(rows, bare, WEEK)["is_from_routing"][0]
    assert required_hours(rows, bare, WEEK)["run_hours"][0] == pytest.approx(2)


def test_no_calendar_is_not_evaluable() -> None:
    """Tests that a resource without calendar hours has no load, no utilisation and no OEE."""
    tables = plant(events=[event(0, 6, "start"), event(0, 8, "complete", 50.0)])
    rows = table("schedule_operation", operation(6, 8))
    for kpi in (
        *planned_load(rows, tables, NOW, WEEK),
        *utilisation(tables, NOW, WEEK),
        *(k for k in oee(tables, NOW, WEEK) if k.kpi in ("oee", "oee_availability", "nee")),
    ):
        assert kpi.status == "not_evaluable", kpi.kpi
        assert np.isnan(kpi.value), kpi.kpi
        assert kpi.reason, kpi.kpi
    load = planned_load(rows, tables, NOW, WEEK)[0]
    assert load.excluded == {"no_calendar_hours": 1}


def test_bookings_are_clipped_and_stray_hours_named() -> None:
    """Tests that what ran before the period or outside the calendar does not count as busy."""
    events = [event(-1, 20, "start"), event(0, 8, "complete"),
              event(0, 13, "start", wo_id="W2"), event(0, 17, "complete", wo_id="W2")]  # fmt: skip
    tables = plant([shift(-1, 14, 22), shift(0, 6, 14)], events)
    found = utilisation(tables, NOW, WEEK)
    assert value(found, "actual_utilisation", "L1") == pytest.approx(100 * 3 / 8)
    assert next(k.note for k in found if k.member == "L1").startswith("9.0 h were booked outside")


def test_oee_is_the_product_of_its_factors() -> None:
    """Tests OEE = A x E x Q on one item, with set-up in A and micro-stops in E."""
    events = [
        event(0, 6, "setup_start"),
        event(0, 7, "setup_end"),
        event(0, 7, "start"),
        event(0, 14, "complete", 230.0, scrap_qty=10.0, rework_qty=10.0),
    ]
    downs = [stop(0, 9, 10), stop(0, 9.5, 10.5), stop(0, 12, 12.05)]
    tables = plant([shift(0, 6, 14)], events, downs, routing=[{"run_minutes_per_unit": 1.2}])
    found = oee(tables, NOW, WEEK)
    # PBT 8 h; set-up 1 h; run 7 h less the union of two overlapping stops 1.5 h; 3 minutes stay
    assert value(found, "oee_availability", "L1") == pytest.approx(100 * 5.5 / 8)
    assert value(found, "oee_effectiveness", "L1") == pytest.approx(100 * (1.2 / 60 * 250) / 5.5)
    assert value(found, "oee_quality", "L1") == pytest.approx(92.0)
    product = 100.0
    for name in ("oee_availability", "oee_effectiveness", "oee_quality"):
        product *= value(found, name, "L1") / 100
    assert value(found, "oee", "L1") == pytest.approx(product)
    assert value(found, "oee", "L1") == pytest.approx(100 * 1.2 / 60 * 230 / 8)
    assert value(found, "nee", "L1") == pytest.approx(100 * (6.5 / 8) * (5 / 5.5) * 0.92)
    assert value(found, "scrap_ratio") == pytest.approx(4.0)
    assert value(found, "rework_ratio") == pytest.approx(4.0)
    assert value(found, "first_pass_yield") == pytest.approx(92.0)
    repair = repair_times(tables, NOW, WEEK)
    assert value(repair, "mtbf", "L1") == pytest.approx(5.5)
    assert value(repair, "mttr", "L1") == pytest.approx(1.5)


def test_effectiveness_above_one_is_flagged_not_clipped() -> None:
    """Tests that a wrong standard shows as more than 100 % with a note."""
    events = [event(0, 6, "start"), event(0, 7, "complete", 100.0)]
    tables = plant([shift(0, 6, 14)], events, routing=[{"run_minutes_per_unit": 1.2}])
    kpi = next(k for k in oee(tables, NOW, WEEK) if k.kpi == "oee_effectiveness")
    assert kpi.value == pytest.approx(200.0)
    assert "standard rate is wrong" in kpi.note


def test_rework_is_counted_once() -> None:
    """Tests that units that come back from rework are good but not produced again."""
    events = [
        event(0, 8, "complete", 80.0, rework_qty=20.0),
        event(0, 9, "progress", 15.0, scrap_qty=5.0, reason_code="rework"),
    ]
    made = production(plant([shift(0, 6, 14)], events), NOW, WEEK).iloc[0]
    assert (made["produced_qty"], made["good_qty"], made["first_pass_qty"]) == (100, 95, 80)


def test_mixed_items_weigh_their_own_cycle() -> None:
    """Tests that effectiveness sums each item's standard time, not a mean time."""
    events = [
        event(0, 6, "start"), event(0, 8, "complete", 60.0),
        event(0, 8, "start", wo_id="W2"), event(0, 10, "complete", 10.0, wo_id="W2"),
    ]  # fmt: skip
    tables = plant(
        [shift(0, 6, 14)],
        events,
        routing=[{"run_minutes_per_unit": 1.0}, {"run_minutes_per_unit": 6.0, "item_id": "FG2"}],
    )
    other = tables["work_order"].assign(wo_id="W2", item_id="FG2")
    tables["work_order"] = pd.concat([tables["work_order"], other], ignore_index=True)
    assert value(oee(tables, NOW, WEEK), "oee_effectiveness") == pytest.approx(50.0)


def test_planned_stops_are_not_planned_busy_time() -> None:
    """Tests that maintenance leaves PBT and an open stop is clipped at as_of."""
    calendar = [shift(0, 6, 14), shift(0, 6, 8, "maintenance")]
    downs = [stop(0, 8, 9, is_planned=True), stop(0, 12, None)]
    now = at(0, 13)
    times = work_times(plant(calendar, [event(0, 9, "start")], downs), now, WEEK).iloc[0]
    assert times["pbt_hours"] == pytest.approx(4.0)  # 9-13: what has not passed is not planned yet
    assert times["apt_hours"] == pytest.approx(3.0)
    assert times["down_hours"] == pytest.approx(1.0)
    repair = repair_times(plant(calendar, [event(0, 9, "start")], downs), now, WEEK)
    assert next(k.note for k in repair) == "1 still open at as_of"
    quiet = repair_times(plant(calendar), now, WEEK)
    assert all(k.status == "not_evaluable" and np.isnan(k.value) for k in quiet)


def test_later_records_are_invisible() -> None:
    """Tests that events recorded after as_of do not change last week's OEE."""
    events = [event(0, 6, "start"), event(0, 10, "complete", 100.0)]
    routing = [{"run_minutes_per_unit": 1.2}]
    before = plant([shift(0, 6, 14)], events, [stop(0, 12, 13)], routing)
    late = [
        event(0, 11, "start", wo_id="W9", recorded_at=at(8)),
        event(0, 12, "complete", 5.0, wo_id="W9", recorded_at=at(8)),
        event(0, 10, "complete", 90.0, event_id="fix", supersedes_id="0/10/complete",
              recorded_at=at(9)),
    ]  # fmt: skip
    downs = [stop(0, 12, 13), stop(0, 8, 9, recorded_at=at(9))]
    after = plant([shift(0, 6, 14)], [*events, *late], downs, routing)
    old, again = (kpi_rows(oee(t, NOW, WEEK)) for t in (before, after))
    pd.testing.assert_frame_equal(old, again)
    assert value(oee(after, at(10), WEEK), "oee") != value(oee(after, NOW, WEEK), "oee")


def test_demonstrated_capacity_has_an_interval() -> None:
    """Tests that the demonstrated rate is the trimmed mean of weeks, outliers cut, with bounds."""
    earned = [4.0, 4.2, 3.8, 4.1, 0.2, 4.0]
    calendar = [shift(7 * k, 6, 14) for k in range(6)]
    events = [event(7 * k, 13, "progress", 50 * h, event_id=f"{k}") for k, h in enumerate(earned)]
    tables = plant(calendar, events, routing=[{"run_minutes_per_unit": 1.2}])
    weeks = [Period(day(7 * k), day(7 * k + 7), ZONE) for k in range(6)]
    row = demonstrated_capacity(tables, at(50), weeks).iloc[0]
    rate, low, high = trimmed_mean(np.array(earned) / 8)
    assert (row["rate"], row["lo"], row["hi"]) == pytest.approx((rate, low, high))
    assert row["rate"] == pytest.approx(np.mean([4.0, 3.8, 4.1, 4.0]) / 8)
    assert row["weekly_hours"] == pytest.approx(8 * row["rate"])
    assert row["num_weeks"] == 6
    rows = table("schedule_operation", operation(6, 14, 200.0))
    kpi = required_vs_demonstrated(
        rows, tables, demonstrated_capacity(tables, at(50), weeks), at(50), WEEK
    )[0]
    assert kpi.value == pytest.approx(100 * 4 / (8 * rate))
    assert kpi.lo < kpi.value < kpi.hi


def test_intervals_against_known_values() -> None:
    """Tests Wilson against published values and that a share of nothing has none."""
    assert wilson(15, 20) == pytest.approx((0.5313, 0.8881), abs=5e-5)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert all(np.isnan(wilson(0, 0)))
    assert all(np.isnan(trimmed_mean(np.array([]))))
    middle, low, high = trimmed_mean(np.array([1.0, 2.0]))
    assert (middle, np.isnan(low), np.isnan(high)) == (1.5, True, True)


def test_no_ratio_of_nothing() -> None:
    """Tests that 0/0 and 1/0 are not evaluable and keep no interval."""
    for num in (0.0, 1.0):
        kpi = share("x", "f", num, 0.0, NOW, WEEK, is_count=True)
        assert np.isnan(kpi.value)
        assert np.isnan(kpi.lo)
        assert kpi.status == "not_evaluable"
    good = share("x", "f", 19, 20, NOW, WEEK, is_count=True, target=95.0, higher_is_better=True)
    assert (good.value, good.status) == (95.0, "pass")
    assert good.with_target(96.0).status == "fail"
    assert good.with_target(95.0, higher_is_better=False).status == "pass"
    assert by_name([good])["x"].coverage_pct == 100.0
