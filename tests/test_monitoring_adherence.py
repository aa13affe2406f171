"""Schedule adherence: hand-made weeks where every dimension is known by counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.kpi.adherence import adherence, adherence_kpis, schedule_losses
from soe_lib.kpi.adherence_rows import adherence_operations, longest_ordered
from soe_lib.kpi.execution import baseline
from soe_lib.kpi.value import Kpi, Period
from soe_lib.params import KpiParams
from tests.week_by_hand import END, FREEZE, MONDAY, at, planned, ran, typed, week_tables

PARAMS = KpiParams()
WEEK = Period(pd.Timestamp("2026-11-16"), pd.Timestamp("2026-11-23"))


def _rows(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp = END) -> pd.DataFrame:
    return adherence_operations(tables, as_of, WEEK, MONDAY, PARAMS)


def _kpis(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp = END) -> dict[str, Kpi]:
    return {k.kpi: k for k in adherence(tables, as_of, WEEK, MONDAY, PARAMS)}


def _by_wo(rows: pd.DataFrame, column: str) -> dict[str, object]:
    return dict(zip(rows["wo_id"], rows[column], strict=True))


def test_a_week_run_to_plan_is_100_in_every_dimension() -> None:
    """Tests that plan = execution gives 100 % everywhere, with the counts behind it."""
    plan = [
        planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 80),
        planned("B", "I2", "L1", "Mon 14:00", "Tue 06:00", 60),
        planned("C", "I1", "L2", "Wed 06:00", "Wed 14:00", 80),
    ]
    runs = [
        ran("A", "L1", "Mon 06:00", "Mon 14:00", 80),
        ran("B", "L1", "Mon 14:00", "Tue 06:00", 60),
        ran("C", "L2", "Wed 06:00", "Wed 14:00", 80),
    ]
    found = _kpis(week_tables(plan, runs))
    for name in (
        "schedule_adherence",
        "schedule_adherence_item_week",
        "schedule_adherence_day",
        "schedule_attainment",
        "mix_attainment",
        "start_on_time",
        "finish_on_time",
        "sequence_adherence",
        "build_to_schedule",
    ):
        assert found[name].value == pytest.approx(100.0), name
    assert found["unscheduled_work"].value == pytest.approx(0.0)
    assert (found["start_on_time"].num, found["start_on_time"].den) == (3, 3)
    assert found["schedule_adherence"].status == "pass"


def test_the_four_dimensions_are_what_counting_gives() -> None:
    """Tests a week with a short lot, a swap, an unstarted lot and a late start."""
    plan = [
        planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100),
        planned("B", "I2", "L1", "Mon 14:00", "Tue 06:00", 100),
        planned("C", "I3", "L1", "Tue 06:00", "Tue 14:00", 100),
        planned("D", "I4", "L1", "Wed 06:00", "Wed 14:00", 100),
    ]
    runs = [
        ran("B", "L1", "Mon 06:00", "Mon 14:00", 120),  # too early, 20 too many
        ran("A", "L1", "Mon 14:30", "Mon 22:00", 70),  # too late, 30 short
        ran("C", "L1", "Tue 06:30", "Tue 14:30", 100),  # within 60 minutes
    ]  # D is not started
    found = _kpis(week_tables(plan, runs))
    # sum min = 70 + 100 + 100 + 0 = 270 of 400; sum a = 290
    assert found["schedule_adherence"].value == pytest.approx(67.5)
    assert found["schedule_attainment"].value == pytest.approx(72.5)
    assert found["mix_attainment"].value == pytest.approx(100 * 270 / 290)
    # starts: only C is within an hour; D counts as a miss, it is no excuse not to have started
    assert (found["start_on_time"].num, found["start_on_time"].den) == (1, 4)
    assert (found["finish_on_time"].num, found["finish_on_time"].den) == (1, 4)
    # order run: B A C, planned A B C D: longest ordered run 2 of the 3 that ran
    assert (found["sequence_adherence"].num, found["sequence_adherence"].den) == (2, 3)
    assert found["schedule_adherence"].status == "fail"


def test_build_to_schedule_is_volume_times_mix_times_sequence() -> None:
    """Tests that the product of the three dimensions equals adherence times sequence."""
    plan = [
        planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100),
        planned("B", "I2", "L1", "Mon 14:00", "Tue 06:00", 100),
    ]
    runs = [
        ran("B", "L1", "Mon 06:00", "Mon 14:00", 90),
        ran("A", "L1", "Mon 14:00", "Mon 22:00", 80),
    ]
    found = _kpis(week_tables(plan, runs))
    # LIS keeps one of two jobs; the last that can end a run of length one is A (80 of 170)
    volume, mix, sequence = 170 / 200, 1.0, 80 / 170
    assert found["build_to_schedule"].value == pytest.approx(100 * volume * mix * sequence)


def test_rerouted_work_passes_by_item_and_fails_by_line() -> None:
    """Tests that the two grains of quantity tell a re-routed lot from a missing one."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    tables = week_tables(plan, [ran("A", "L2", "Mon 06:00", "Mon 14:00", 100)])
    found = _kpis(tables)
    assert found["schedule_adherence_item_week"].value == pytest.approx(100.0)
    assert found["schedule_adherence"].value == pytest.approx(0.0)
    assert _by_wo(_rows(tables), "outcome") == {"A": "done elsewhere"}


def test_a_day_late_passes_by_week_and_fails_by_day() -> None:
    """Tests that work done on another day of the week counts for the week only."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    found = _kpis(week_tables(plan, [ran("A", "L1", "Thu 06:00", "Thu 14:00", 100)]))
    assert found["schedule_adherence"].value == pytest.approx(100.0)
    assert found["schedule_adherence_day"].value == pytest.approx(0.0)
    assert found["start_on_time"].value == pytest.approx(0.0)


def test_unscheduled_work_is_its_own_bucket() -> None:
    """Tests that work in no plan is no infinite attainment and is counted in hours run."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    runs = [
        ran("A", "L1", "Mon 06:00", "Mon 14:00", 100),
        ran("Z", "L1", "Tue 06:00", "Tue 10:00", 25),
    ]
    tables = week_tables(plan, runs)
    found = _kpis(tables)
    assert found["unscheduled_work"].value == pytest.approx(20.0)  # 25 of 125 units
    assert found["schedule_adherence"].value == pytest.approx(100.0)
    assert found["schedule_attainment"].value == pytest.approx(125.0)
    assert _by_wo(_rows(tables), "outcome")["Z"] == "unscheduled"


def test_carry_over_of_last_week_does_not_count() -> None:
    """Tests that work planned for last week and done now is neither plan nor unscheduled."""
    late = planned("K", "I1", "L1", "Mon 06:00", "Mon 14:00", 100, version="V0")
    week = pd.Timedelta(weeks=1)
    for name in ("setup_start_at", "start_at", "end_at"):
        late[name] -= week
    late["published_at"] = FREEZE - week
    plan = [late, planned("A", "I1", "L1", "Mon 14:00", "Mon 22:00", 100)]
    runs = [ran("K", "L1", "Mon 06:00", "Mon 14:00", 100)]
    tables = week_tables(plan, runs)
    found = _kpis(tables)
    assert _by_wo(_rows(tables), "outcome") == {"K": "carried over", "A": "not started"}
    assert found["schedule_adherence"].value == pytest.approx(0.0)
    assert found["unscheduled_work"].value == pytest.approx(0.0)


def test_pulled_ahead_work_is_named() -> None:
    """Tests that work planned for a later week and done now is not unscheduled."""
    ahead = planned("P", "I2", "L1", "Mon 06:00", "Mon 14:00", 100)
    for name in ("setup_start_at", "start_at", "end_at"):
        ahead[name] += pd.Timedelta(weeks=1)
    plan = [ahead, planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    tables = week_tables(plan, [ran("P", "L1", "Mon 06:00", "Mon 14:00", 100)])
    assert _by_wo(_rows(tables), "outcome")["P"] == "pulled ahead"
    assert _kpis(tables)["unscheduled_work"].value == pytest.approx(0.0)


def test_the_plan_is_the_version_in_force_when_the_week_began() -> None:
    """Tests that a re-plan of Wednesday does not make the shop look on plan."""
    first = planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)
    later = planned(
        "A", "I1", "L1", "Fri 06:00", "Fri 14:00", 100, version="V2", published=at("Wed 12:00")
    )
    tables = week_tables([first, later], [ran("A", "L1", "Fri 06:00", "Fri 14:00", 100)])
    assert _kpis(tables)["start_on_time"].value == pytest.approx(0.0)
    assert baseline(tables["schedule_operation"], MONDAY)["version_id"].tolist() == ["V1"]
    assert baseline(tables["schedule_operation"], END)["version_id"].tolist() == ["V2"]


def test_each_site_has_its_own_version() -> None:
    """Tests that the newest version of one site does not hide the plan of another."""
    rows = [
        {**planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 1), "site_id": "N"},
        {
            **planned("B", "I1", "L2", "Mon 06:00", "Mon 14:00", 1, version="S9"),
            "published_at": FREEZE + pd.Timedelta(hours=1),
            "site_id": "S",
        },
    ]
    found = baseline(typed("schedule_operation", rows), MONDAY)
    assert sorted(found["wo_id"]) == ["A", "B"]


@pytest.mark.parametrize("reported", [(1, 2), (7,), (None,)])
def test_split_lots_are_matched_by_quantity(reported: tuple[int | None, ...]) -> None:
    """Tests that a lot planned in two splits is done however MES numbers them."""
    plan = [
        planned("D", "I1", "L1", "Tue 06:00", "Tue 14:00", 50, split=1),
        planned("D", "I1", "L1", "Tue 14:00", "Tue 22:00", 50, split=2),
    ]
    share = 100 / len(reported)
    runs = [
        ran("D", "L1", "Tue 06:00", "Tue 22:00", share, split=split)  # type: ignore[arg-type]
        for split in reported
    ]
    found = _kpis(week_tables(plan, runs))
    assert found["schedule_adherence"].value == pytest.approx(100.0)
    assert found["unscheduled_work"].value == pytest.approx(0.0)


def _order(cancelled_by: str | None, when: str = "Mon 09:00") -> list[dict]:
    return [
        {
            "order_id": "S1",
            "line_id": "10",
            "item_id": "I1",
            "ordered_qty": 100.0,
            "status": "cancelled",
            "cancelled_by": cancelled_by,
            "cancelled_at": at(when),
        }
    ]


@pytest.mark.parametrize(
    ("cancelled_by", "pegged", "num_planned"),
    [
        ("customer", '[["S1", "10", 100]]', 0),  # excluded: not the shop's miss
        ("us", '[["S1", "10", 100]]', 1),  # our own cancellation is a miss
        ("customer", '[["S1", "10", 60], ["S2", "10", 40]]', 1),  # somebody still wants it
        ("customer", None, 0),  # known through the work order's parent
    ],
)
def test_cancelled_after_the_freeze(
    cancelled_by: str, pegged: str | None, num_planned: int
) -> None:
    """Tests that what the customer cancelled leaves the population, with its reason counted."""
    plan = [planned("A", "I1", "L1", "Tue 06:00", "Tue 14:00", 100, pegged=pegged)]
    parent = {"wo_id": "A", "parent_order_id": "S1", "parent_line_id": "10"}
    tables = week_tables(
        plan, [], orders=_order(cancelled_by), work_orders=[] if pegged else [parent]
    )
    found = _kpis(tables)["schedule_adherence"]
    assert found.n == num_planned
    assert found.excluded == ({} if num_planned else {"demand": 1})
    if not num_planned:
        assert np.isnan(found.value)
        assert found.status == "not_evaluable"


def test_scrap_is_not_made() -> None:
    """Tests that only good units count and scrapped ones explain the loss."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    tables = week_tables(plan, [ran("A", "L1", "Mon 06:00", "Mon 14:00", 80, scrap=20)])
    rows = _rows(tables)
    assert _kpis(tables)["schedule_adherence"].value == pytest.approx(80.0)
    assert _by_wo(rows, "main_loss") == {"A": "scrap"}
    assert rows["lost_hours"].sum() == pytest.approx(2.0)  # 20 units at 6 minutes


@pytest.mark.parametrize(
    ("run", "stop", "cause"),
    [
        (None, None, "not started"),
        (None, ("Mon 05:00", "Tue 05:00"), "down"),
        (ran("A", "L1", "Sun 20:00", None, 10), None, "started late"),
        (ran("A", "L1", "Mon 06:00", None, 10), None, "slow"),
        (ran("A", "L1", "Mon 06:00", None, 10, reason="MATERIAL-SHORT"), None, "material"),
        (ran("A", "L1", "Mon 06:00", None, 10, reason="crew absent"), None, "labour"),
        (ran("A", "L1", "Mon 06:00", None, 10, reason="TOOL-BROKEN"), None, "tool"),
        (ran("A", "L1", "Mon 06:00", "Mon 08:00", 10), None, "other"),  # closed short
    ],
)
def test_each_cause_is_recognised(
    run: list[dict] | None, stop: tuple[str, str] | None, cause: str
) -> None:
    """Tests that the loss of a lot is charged to what the facts say of it."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    stops = []
    if stop:
        begin, end = at(stop[0]), at(stop[1])
        stops = [{"start_at": begin, "end_at": end, "is_planned": False, "reason_code": "BRK"}]
        stops[0]["resource_id"] = "L1"
    tables = week_tables(plan, [run] if run else [], stops=stops)
    assert _by_wo(_rows(tables), "main_loss") == {"A": cause}


def test_losses_sum_to_what_is_missing() -> None:
    """Tests that hours by cause and resource add up to planned minus made."""
    plan = [
        planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100),
        planned("B", "I2", "L2", "Mon 06:00", "Mon 14:00", 100),
    ]
    tables = week_tables(plan, [ran("A", "L1", "Mon 06:00", "Mon 20:00", 60, scrap=10)])
    rows = _rows(tables)
    losses = schedule_losses(tables, END, WEEK, rows)
    missing = (rows["planned_hours"] - rows[["planned_hours", "made_hours"]].min(axis=1)).sum()
    assert losses["lost_hours"].sum() == pytest.approx(missing) == pytest.approx(14.0)


def test_nothing_due_is_not_evaluable() -> None:
    """Tests that an empty week is neither 0 % nor 100 % in any dimension."""
    found = adherence(week_tables([], []), END, WEEK, MONDAY, PARAMS)
    assert len(found) == 10
    assert all(np.isnan(k.value) and k.status == "not_evaluable" and k.reason for k in found)


def test_facts_recorded_later_do_not_count() -> None:
    """Tests that last week's number does not change when last week's events arrive late."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    late = ran("A", "L1", "Mon 06:00", "Mon 14:00", 100, recorded=END + pd.Timedelta(hours=3))
    tables = week_tables(plan, [late])
    assert _kpis(tables)["schedule_adherence"].value == pytest.approx(0.0)
    known = _kpis(tables, END + pd.Timedelta(hours=4))
    assert known["schedule_adherence"].value == pytest.approx(100.0)


def test_a_correction_replaces_what_it_corrects() -> None:
    """Tests that a superseded progress event is not counted twice."""
    plan = [planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100)]
    run = ran("A", "L1", "Mon 06:00", "Mon 14:00", 100)
    fixed = {**run[1], "event_id": "fix", "supersedes_id": run[1]["event_id"], "good_qty": 40.0}
    found = _kpis(week_tables(plan, [[*run, fixed]]))
    assert found["schedule_adherence"].value == pytest.approx(40.0)


def test_a_start_just_before_the_end_is_not_yet_due() -> None:
    """Tests that a start planned less than the tolerance before the end is not judged."""
    plan = [planned("A", "I1", "L1", "Sun 23:30", "Sun 23:59", 10)]
    found = _kpis(week_tables(plan, []))
    assert np.isnan(found["start_on_time"].value)
    assert found["start_on_time"].n == 0


def test_by_resource_the_lines_add_up_to_the_total() -> None:
    """Tests that planned and made hours of the lines sum to those of the plant."""
    plan = [
        planned("A", "I1", "L1", "Mon 06:00", "Mon 14:00", 100),
        planned("B", "I2", "L2", "Mon 06:00", "Mon 14:00", 50),
    ]
    runs = [
        ran("A", "L1", "Mon 06:00", "Mon 14:00", 90),
        ran("B", "L2", "Mon 06:00", "Mon 14:00", 50),
    ]
    rows = _rows(week_tables(plan, runs))
    kpis = adherence_kpis(rows, END, WEEK, PARAMS, by="resource_id")
    own = [k for k in kpis if k.kpi == "schedule_adherence"]
    assert [k.member for k in own] == ["", "L1", "L2"]
    assert own[0].num == pytest.approx(own[1].num + own[2].num)
    assert own[0].den == pytest.approx(own[1].den + own[2].den)
    with pytest.raises(ValueError, match="not by colour"):
        adherence_kpis(rows, END, WEEK, PARAMS, by="colour")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),  # day planned
            st.integers(0, 6),  # day run
            st.integers(1, 200),  # planned
            st.integers(0, 250),  # made
            st.booleans(),  # run at all
            st.sampled_from(["L1", "L2"]),
        ),
        max_size=6,
    )
)
@settings(max_examples=12, deadline=None)
def test_dimensions_keep_their_order(jobs: list[tuple[int, int, int, int, bool, str]]) -> None:
    """Tests on random weeks that adherence ≤ attainment, finer grains never score higher, the
    BTS identity holds and losses are what is missing."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    plan, runs = [], []
    for number, (day, actual, qty, made, is_run, line) in enumerate(jobs):
        wo = f"W{number}"
        plan.append(
            planned(wo, f"I{number % 3}", "L1", f"{days[day]} 06:00", f"{days[day]} 14:00", qty)
        )
        if is_run:
            runs.append(ran(wo, line, f"{days[actual]} 06:00", f"{days[actual]} 14:00", made))
    tables = week_tables(plan, runs)
    found = _kpis(tables)
    total = found["schedule_adherence"]
    if not jobs:
        assert np.isnan(total.value)
        return
    assert 0 <= total.value <= 100 + 1e-9
    assert total.value <= found["schedule_adherence_item_week"].value + 1e-9
    assert found["schedule_adherence_day"].value <= total.value + 1e-9
    assert total.value <= found["schedule_attainment"].value + 1e-9
    mix = found["mix_attainment"].value
    if np.isfinite(mix):
        volume = min(100.0, found["schedule_attainment"].value)
        assert volume * mix / 100 == pytest.approx(total.value)
    bts = found["build_to_schedule"].value
    if np.isfinite(bts):
        assert bts <= total.value + 1e-9
    rows = _rows(tables)
    missing = (rows["planned_hours"] - rows[["planned_hours", "made_hours"]].min(axis=1)).sum()
    losses = schedule_losses(tables, END, WEEK, rows)
    assert losses["lost_hours"].sum() == pytest.approx(missing)


@given(st.lists(st.integers(0, 6), max_size=7))
@settings(max_examples=40, deadline=None)
def test_longest_ordered_is_longest(ranks: list[int]) -> None:
    """Tests the subsequence against brute force."""
    kept = longest_ordered(np.array(ranks, dtype=float))
    chosen = [rank for rank, keep in zip(ranks, kept, strict=True) if keep]
    assert chosen == sorted(chosen)
    best = 0
    for mask in range(1 << len(ranks)):
        some = [rank for place, rank in enumerate(ranks) if mask >> place & 1]
        if some == sorted(some):
            best = max(best, len(some))
    assert len(chosen) == best
