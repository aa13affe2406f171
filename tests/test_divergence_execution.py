"""Execution: late work, stops, people, scrap, speed; known answers on a few rows."""

from __future__ import annotations

import pandas as pd
import pytest

from soe_lib.divergence.execution import downtime, late_work_orders
from soe_lib.divergence.labour import labour
from soe_lib.divergence.rates import completed_runs, slow_running
from soe_lib.divergence.scrap import scrap
from tests.divergence_tables import ago, check_contract, facts, make, opened, table

LINES = table(
    "resource",
    {"resource_id": "FIL1", "site_id": "P", "cost_per_hour": 100.0},
    {"resource_id": "FIL2", "site_id": "P"},
)


def work(wo: str, **more: object) -> dict[str, object]:
    return {"wo_id": wo, "item_id": "COLA", "ordered_qty": 100.0, "release_at": ago(20),
            "due_at": ago(3), "status": "released", **more}  # fmt: skip


def test_late_work_orders_and_their_tolerance() -> None:
    """Tests that only open orders later than a day are found, whatever happens after as_of."""
    found = facts(
        item=table("item", make()),
        work_order=table(
            "work_order",
            work("LATE", due_at=ago(1.5)),
            work("EDGE", due_at=ago(1.0)),
            work("FUTURE", due_at=ago(-1)),
            work("DONE", status="completed", ended_at=ago(1)),
            work("GONE", status="cancelled"),
            work("ENDS-LATER", status="started", started_at=ago(5), ended_at=ago(-2)),
        ),
    )
    rows = late_work_orders(found)
    check_contract(rows)
    assert sorted(rows["object_id"]) == ["ENDS-LATER", "LATE"]
    late = rows[rows["object_id"] == "LATE"]
    assert late["deviation"].tolist() == [1.5]
    assert opened(found, late)["wo_id"].tolist() == ["LATE"]


def stop(resource: str, start: float, end: float | None, **more: object) -> dict[str, object]:
    """Return a stop from ``start`` to ``end`` hours before as_of; None = still open."""
    return {"resource_id": resource, "start_at": ago(hours=start), "is_planned": False,
            "end_at": None if end is None else ago(hours=end), "reason_code": f"R{start:g}",
            **more}  # fmt: skip


def test_a_stopped_line_is_one_divergence() -> None:
    """Tests that stops of a line are one row, overlaps once, planned ones and old ones never."""
    found = facts(
        resource=LINES,
        downtime_event=table(
            "downtime_event",
            stop("FIL1", 30, 27),
            stop("FIL1", 29, 26),
            stop("FIL1", 5, None),
            stop("FIL1", 60, 50, is_planned=True),
            stop("FIL2", 10, 8),
        ),
    )
    rows = downtime(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["FIL1"]  # FIL2: two hours are inside tolerance
    assert rows["actual_value"].tolist() == [9.0]  # 30 to 26, and 5 to now
    assert rows["direct_cost"].tolist() == [900.0]
    assert "it still stands" in rows["sentence"].iloc[0]
    assert rows["act_by_at"].tolist() == [found.as_of]
    assert len(opened(found, rows)) == 3


def test_a_stop_is_clipped_to_the_cycle_and_to_as_of() -> None:
    """Tests that hours before the last cycle and after as_of do not count."""
    found = facts(
        resource=LINES,
        downtime_event=table("downtime_event", stop("FIL1", 24 * 7 + 5, 24 * 7 - 3)),
    )
    assert downtime(found)["actual_value"].tolist() == [3.0]
    later = facts(resource=LINES, downtime_event=table("downtime_event", stop("FIL1", 3, -20)))
    assert downtime(later)["actual_value"].tolist() == [3.0]


def test_usual_stops_are_not_news() -> None:
    """Tests that a line is compared with its own past: four hours a week are usual for it."""
    past = [stop("FIL1", 24 * 7 * week + 10, 24 * 7 * week + 6) for week in range(1, 5)]
    found = facts(
        resource=LINES,
        downtime_event=table("downtime_event", *past, stop("FIL1", 10, 4.5)),
    )
    assert downtime(found).empty
    worse = facts(
        resource=LINES,
        downtime_event=table("downtime_event", *past, stop("FIL1", 10, 2)),
    )
    rows = downtime(worse)
    assert rows["planned_value"].iloc[0] == pytest.approx(4.0, abs=1.0)
    assert rows["actual_value"].tolist() == [8.0]


def crew(day: str, planned: float, actual: float | None, shift: str = "E") -> dict[str, object]:
    return {"site_id": "P", "labour_date": day, "shift_code": shift, "skill_code": "FILLER",
            "planned_headcount": planned, "actual_headcount": actual}  # fmt: skip


def test_people_missing_count_the_bad_shifts_only() -> None:
    """Tests that shifts beyond 5 % are summed, that 1 of 20 is inside, unknown ones are not."""
    found = facts(
        labour_availability=table(
            "labour_availability",
            crew("2026-11-18", 10, 7),
            crew("2026-11-19", 10, 9),
            crew("2026-11-20", 20, 19),
            crew("2026-11-24", 10, None),
            crew("2026-11-09", 10, 1),
        )
    )
    rows = labour(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["P FILLER"]
    assert rows["planned_value"].tolist() == [20.0]
    assert rows["deviation"].tolist() == [-4.0]
    assert opened(found, rows)["actual_headcount"].tolist() == [7.0, 9.0]
    inside = facts(labour_availability=table("labour_availability", crew("2026-11-20", 20, 19)))
    assert labour(inside).empty


def event(
    wo: str, kind: str, days: float, resource: str = "FIL1", good: float = 0.0, bad: float = 0.0
) -> dict[str, object]:
    return {"event_id": f"{wo}-{kind}-{days:g}", "event_at": ago(days), "wo_id": wo, "op_no": 10,
            "resource_id": resource, "event_type": kind, "good_qty": good,
            "scrap_qty": bad}  # fmt: skip


def scrap_facts(now: list[tuple[str, str, float, float]]) -> object:
    """Usual scrap is 1 % on both lines; ``now`` are (work order, line, good, scrap) of the week."""
    past = [
        event(f"P{n}", "complete", 20 + n, line, 990.0, 10.0)
        for n, line in enumerate(("FIL1", "FIL2"))
    ]
    new = [event(wo, "complete", 2.0, line, good, bad) for wo, line, good, bad in now]
    names = {"P0": "COLA", "P1": "COLA", **{row[0]: f"ITEM{row[0][-1]}" for row in now}}
    items = sorted(set(names.values()))
    return facts(
        item=table("item", *(make(item) for item in items)),
        resource=LINES,
        work_order=table(
            "work_order", *({**work(wo), "item_id": item} for wo, item in names.items())
        ),
        work_order_progress_event=table("work_order_progress_event", *past, *new),
    )


def test_a_line_that_scraps_with_all_it_makes_is_one_divergence() -> None:
    """Tests that scrap of several items on one line is one row with the line's own past as plan."""
    found = scrap_facts([("W1", "FIL1", 900.0, 100.0), ("W2", "FIL1", 900.0, 100.0)])
    rows = scrap(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["FIL1"]
    assert rows["planned_value"].tolist() == [1.0]
    assert rows["actual_value"].tolist() == [10.0]
    assert rows["direct_cost"].iloc[0] == pytest.approx(0.09 * 2000 * 5.0)
    assert sorted(opened(found, rows)["wo_id"]) == ["W1", "W2"]


def test_scrap_of_one_day_is_not_hidden_by_a_good_week() -> None:
    """Tests that a bad day counts alone, and that only its reports stand behind it."""
    found = scrap_facts([("W1", "FIL1", 900.0, 100.0)])
    good = table(
        "work_order_progress_event",
        *(event("P0", "progress", days, "FIL1", 9900.0, 99.0) for days in (1.0, 3.0, 5.0)),
    )
    events = pd.concat([found.tables["work_order_progress_event"], good], ignore_index=True)
    rows = scrap(facts(**{**found.tables, "work_order_progress_event": events}))
    assert rows["object_id"].tolist() == ["FIL1"]
    assert rows["actual_value"].tolist() == [10.0]
    assert opened(found, rows)["wo_id"].tolist() == ["W1"]


def test_scrap_of_one_item_names_the_item() -> None:
    """Tests that one bad item among good ones is its line's divergence, with the item's ratio."""
    found = scrap_facts([("W1", "FIL1", 90.0, 10.0), ("W2", "FIL1", 9900.0, 100.0)])
    rows = scrap(found)
    assert rows["object_id"].tolist() == ["FIL1"]
    assert rows["actual_value"].tolist() == [10.0]
    assert rows["sentence"].iloc[0].startswith("scrap on FIL1 of ITEM1: 10.0 % against 1.0 %")


def test_scrap_inside_tolerance_or_noise_is_not_reported() -> None:
    """Tests that 3 % against 1 % is inside two points, and one bad unit of ten is noise."""
    assert scrap(scrap_facts([("W1", "FIL1", 970.0, 30.0)])).empty
    assert scrap(scrap_facts([("W1", "FIL1", 9.0, 1.0)])).empty
    assert len(scrap(scrap_facts([("W1", "FIL1", 960.0, 40.0)]))) == 1


def speed_facts(hours: float, stops: list[dict[str, object]]) -> object:
    """1,000 units at 100 an hour: ten standard hours that took ``hours`` of an always open line."""
    return facts(
        item=table("item", make()),
        resource=LINES,
        resource_calendar=table(
            "resource_calendar",
            {"resource_id": "FIL1", "start_at": ago(30), "end_at": ago(-30),
             "calendar_kind": "shift"},
        ),
        work_order=table("work_order", work("W1")),
        run_rate=table(
            "run_rate",
            {"item_id": "COLA", "resource_id": "FIL1", "standard_rate_per_hour": 100.0},
        ),
        downtime_event=table("downtime_event", *stops),
        work_order_progress_event=table(
            "work_order_progress_event",
            event("W1", "start", 2.0),
            event("W1", "progress", 1.9, good=400.0),
            event("W1", "complete", 2.0 - hours / 24, good=580.0, bad=20.0),
        ),
    )  # fmt: skip


def test_slow_running_against_the_standard_rate() -> None:
    """Tests that ten standard hours in 12.5 are 80 %, and that a stop is not slowness."""
    found = speed_facts(12.5, [])
    rows = slow_running(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["FIL1"]
    assert rows["actual_value"].iloc[0] == pytest.approx(80.0)
    assert rows["deviation"].iloc[0] == pytest.approx(-20.0)
    assert len(opened(found, rows)) == 3
    assert slow_running(speed_facts(12.5, [stop("FIL1", 47, 44.5)])).empty
    assert slow_running(speed_facts(11.0, [])).empty  # 91 %: inside ten points


def test_open_hours_leave_out_nights_and_overlapping_stops() -> None:
    """Tests that hours count only while the line is open and stops overlap only once."""
    found = speed_facts(12.5, [stop("FIL1", 47, 45), stop("FIL1", 46, 44)])
    assert completed_runs(found)["actual_hours"].tolist() == pytest.approx([9.5])
    calendar = table(
        "resource_calendar",
        {"resource_id": "FIL1", "start_at": ago(2.5), "end_at": ago(hours=42),
         "calendar_kind": "shift"},
        {"resource_id": "FIL1", "start_at": ago(hours=43), "end_at": ago(hours=42),
         "calendar_kind": "holiday"},
        {"resource_id": "FIL1", "start_at": ago(hours=41), "end_at": ago(-1),
         "calendar_kind": "potential_overtime"},
    )  # fmt: skip
    closed = facts(**{**found.tables, "resource_calendar": calendar})
    runs: pd.DataFrame = completed_runs(closed)
    # Open from 48 h to 43 h before as_of, of which the stops take 47 to 44.
    assert runs["actual_hours"].tolist() == pytest.approx([2.0])
