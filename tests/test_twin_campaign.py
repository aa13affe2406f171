"""The twin executes what is published; policies meet it in files and are scored alike."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib import cli
from soe_lib.loop.campaign import (
    CampaignError,
    Task,
    campaign_params,
    run_campaigns,
    run_task,
    tables_of,
)
from soe_lib.loop.experiment import brief, experiment
from soe_lib.loop.forecast import FORECAST, forecast_lines
from soe_lib.loop.policies import appended, by_due_date, by_plan, num_changed
from soe_lib.loop.score import interval, order_lines, paired, score
from soe_lib.params import MoneyParams, Params
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.twin.execution import (
    DISPATCH,
    EXPEDITES,
    OVERTIME,
    WARM_UP_WEEKS,
    WORKLIST,
    Execution,
    start_campaign,
)
from soe_lib.twin.small import LOAD, SKUS_PER_FAMILY, random_incidents, small_plant
from soe_lib.workspace import Workspace
from tests.conftest import ROOT

SEED = 3


_PLANTS: list[Execution] = []


def _at_monday() -> Execution:
    """Return a plant of one's own at the first Monday 05:00; it is simulated once."""
    if not _PLANTS:
        plant = start_campaign(SEED, 3)
        plant.external = True
        plant.run(plant.world.clock.at(WARM_UP_WEEKS * 7, 5))
        _PLANTS.append(plant)
    return copy.deepcopy(_PLANTS[0])


def _worklist(plant: Execution, folder: Path) -> pd.DataFrame:
    plant.write_worklist(folder)
    return pd.read_csv(folder / WORKLIST, dtype={"wo_id": "str"})


def _give(plant: Execution, folder: Path, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / DISPATCH, index=False)
    plant.take_dispatch(folder)


def test_small_plant_is_one_site_with_the_declared_load() -> None:
    """Tests that lines, SKUs and load of the fillers are what is said, for every seed."""
    for seed in (1, 2):
        plant = small_plant(seed)
        skus = plant.items[plant.items["item_type"] == "MTS"]
        assert len(skus) == 4 * SKUS_PER_FAMILY
        assert plant.resource_names == ("MIX-S1", "FIL-S1", "FIL-S2", "PAC-S1")
        assert set(plant.bom["component_item_id"]) <= set(plant.items["item_id"])
        world = start_campaign(seed, 1).world
        hours = dict.fromkeys(LOAD, 0.0)
        weekly = {"ENERGY": 22_500, "ICETEA": 20_000, "JUICE": 18_800, "TONIC": 15_200}
        for item, share in world.shares.items():
            line, minutes, _ = world.routes[(item, 10)][0]
            hours[line] += share * weekly[world.items[item].family] * minutes / 60
        for line, load in LOAD.items():
            assert hours[line] / 120 == pytest.approx(load, abs=2e-3)


def test_luck_depends_on_the_seed_only() -> None:
    """Tests that two campaigns of one seed have the same incidents, and another seed others."""
    plants = [start_campaign(seed, 2) for seed in (SEED, SEED, SEED + 1)]
    assert plants[0].incidents == plants[1].incidents != plants[2].incidents
    clock, plant = plants[0].world.clock, plants[0].world.plant
    part = random_incidents(plant, clock, SEED, 4, 6)
    assert part == plants[0].incidents[: len(part)]


def test_the_floor_runs_the_list_in_its_order(tmp_path: Path) -> None:
    """Tests that of two jobs that can both run the one that is listed first begins first."""
    begun = []
    for flipped in (False, True):
        plant = _at_monday()
        rows = by_due_date(_worklist(plant, tmp_path))
        if flipped:
            order = rows.groupby("resource_id")["sequence_no"].transform("max") + 1
            rows = rows.assign(sequence_no=order - rows["sequence_no"])
        _give(plant, tmp_path, rows)
        plant.run(plant.world.clock.at(WARM_UP_WEEKS * 7 + 3, 0))
        events = pd.DataFrame(plant.log.rows["event"]).iloc[:, :4]
        events.columns = ["at", "wo", "op_no", "resource"]
        now = plant.world.clock.at(WARM_UP_WEEKS * 7, 5)
        fills = events[(events["at"] > now) & (events["resource"] == "FIL-S1")]
        begun.append(list(dict.fromkeys(fills["wo"])))
    assert begun[0][1:3] != begun[1][1:3]


def test_lists_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    """Tests that an operation twice, and a line that cannot run it, are errors that name it."""
    plant = _at_monday()
    rows = by_plan(_worklist(plant, tmp_path))
    with pytest.raises(ValueError, match="twice"):
        _give(plant, tmp_path, pd.concat([rows, rows.head(1)]))
    fill = rows[rows["resource_id"] == "FIL-S1"].head(1)
    with pytest.raises(ValueError, match="MIX-S1 cannot run"):
        _give(plant, tmp_path, fill.assign(resource_id="MIX-S1"))


def test_a_proposed_order_is_opened_and_moved_work_moves(tmp_path: Path) -> None:
    """Tests that a planned lot becomes a work order and a job runs on the line it is given."""
    plant = _at_monday()
    rows = by_plan(_worklist(plant, tmp_path))
    moved = rows[rows["resource_id"] == "FIL-S1"].iloc[[2]].assign(resource_id="FIL-S2")
    rest = rows.drop(moved.index)
    item = str(rest.loc[rest["op_no"] == 20, "item_id"].iloc[0])
    fresh = moved.assign(wo_id="PLAN-X-0001", item_id=item, planned_qty=2000.0)
    fresh = fresh.assign(resource_id=plant.world.routes[(item, 10)][0][0])
    before = set(plant.state.lots)
    _give(plant, tmp_path, pd.concat([rest, moved, fresh]))
    opened = set(plant.state.lots) - before
    assert len(opened) == 1
    lot = plant.state.lots[opened.pop()]
    assert (lot.item, lot.qty, [op.no for op in lot.ops]) == (item, 2000.0, [10, 20])
    assert moved["wo_id"].iloc[0] in {op.lot.wo for op in plant.state.queue["FIL-S2"]}


def test_booked_overtime_is_worked_and_paid(tmp_path: Path) -> None:
    """Tests that a line works on the Saturday that is booked, and that the hours are counted."""
    plant = _at_monday()
    clock = plant.world.clock
    saturday = WARM_UP_WEEKS * 7 + 5
    begin, end = clock.at(saturday, 6), clock.at(saturday, 14)
    closed = plant.actual["FIL-S1"].worked(end) - plant.actual["FIL-S1"].worked(begin)
    text = clock.utc_text([begin, end])
    pd.DataFrame({"resource_id": ["FIL-S1"], "start_at": [text[0]], "end_at": [text[1]]}).to_csv(
        tmp_path / OVERTIME, index=False
    )
    _give(plant, tmp_path, by_plan(_worklist(plant, tmp_path)))
    assert closed == 0
    assert plant.actual["FIL-S1"].worked(end) - plant.actual["FIL-S1"].worked(begin) == 480
    plant.run(clock.at(saturday + 2, 0))
    executed = plant.executed()
    assert executed.overtime["hours"].tolist() == [8.0]
    money = score(vars(executed), _masters(plant), (0.0, plant.state.now), [], MoneyParams())
    assert money["overtime_cost"] == 8 * 145.0


def test_purchases_are_pulled_in_where_the_supplier_can(tmp_path: Path) -> None:
    """Tests that an expedite within the supplier's days comes then, and a wilder one does not."""
    plant = _at_monday()
    clock, today = plant.world.clock, WARM_UP_WEEKS * 7
    able = [p for p in plant.state.purchases if p.expedite_days and p.promised > today + 5]
    first, second = able[0], able[1]
    wild = max(second.promised - second.expedite_days - 2, today + 1)
    days = [first.promised - 1, wild]
    old = second.promised
    pd.DataFrame(
        {
            "po_id": [first.po, second.po],
            "receipt_at": clock.utc_text([clock.at(day, 14) for day in days]),
            "cost": [210.0, 999.0],
        }
    ).to_csv(tmp_path / EXPEDITES, index=False)
    _give(plant, tmp_path, by_plan(_worklist(plant, tmp_path)))
    assert first.promised == days[0]
    assert second.promised == old
    assert plant.executed().expedites["cost"].tolist() == [210.0]


def _masters(plant: Execution) -> dict[str, pd.DataFrame]:
    own = plant.world.plant
    return {"customer_terms": own.customers, "item": own.items, "cost_rate": own.costs}


def test_policies_list_every_open_operation_once(tmp_path: Path) -> None:
    """Tests EDD's order, that what stood keeps its order, and the count of what changed."""
    plant = _at_monday()
    worklist = _worklist(plant, tmp_path)
    due, plan = by_due_date(worklist), by_plan(worklist)
    for rows in (due, plan):
        assert len(rows) == len(worklist)
        assert not rows.duplicated(["wo_id", "op_no"]).any()
    need = worklist.set_index(["wo_id", "op_no"])["need_at"]
    for _, own in due.groupby("resource_id"):
        wanted = need.loc[list(zip(own["wo_id"], own["op_no"], strict=True))]
        assert wanted.is_monotonic_increasing
    assert num_changed(due, due) == (0, len(due))
    assert num_changed(due, plan)[0] > 0
    later = appended(plan.iloc[10:], worklist)
    kept = later.merge(plan.iloc[10:][["wo_id", "op_no"]], on=["wo_id", "op_no"])
    assert num_changed(plan.iloc[10:], kept)[0] == 0
    new = later.merge(plan.iloc[:10][["wo_id", "op_no"]], on=["wo_id", "op_no"])
    last = later.groupby("resource_id")["sequence_no"].max()
    assert (new["sequence_no"] > last[new["resource_id"]].to_numpy() - 10).all()


def test_scores_by_hand() -> None:
    """Tests OTIF, lateness and penalty of three lines, a changeover and the interval."""
    lines = pd.DataFrame(
        {
            "customer": ["C1", "C1", "C2", "C2"],
            "item": "P",
            "qty": 100.0,
            "price": 10.0,
            "margin": 2.0,
            "due": [1440.0, 1440.0, 1440.0, 1440.0],
            "last_issue": [1400.0, 4320.0, np.nan, np.nan],
            "status": ["completed", "completed", "open", "cancelled"],
            "now": 2880.0,
        }
    )
    judged = order_lines(lines, 0, 2000)
    assert judged["is_otif"].tolist() == [True, False, False]
    assert judged["lateness_days"].tolist() == [0.0, 2.0, 1.0]
    masters = {
        "customer_terms": pd.DataFrame(
            {
                "customer_id": ["C1", "C2"],
                "penalty_type": ["per_day", "none"],
                "penalty_amount": [50.0, np.nan],
                "penalty_threshold_days": [0.0, np.nan],
                "penalty_cap": [np.nan, np.nan],
            }
        ),
        "item": pd.DataFrame({"item_id": ["P"], "std_cost": [5.0]}),
        "cost_rate": pd.DataFrame(
            {"cost_type": ["changeover_hour"], "object_id": ["L"], "cost_amount": [90.0]}
        ),
    }
    executed = {
        "lines": lines,
        "setups": pd.DataFrame({"at": [10.0, 9000.0], "resource": "L", "hours": [2.0, 5.0]}),
        "overtime": pd.DataFrame({"resource": [], "begin": [], "hours": []}),
        "expedites": pd.DataFrame({"at": [], "cost": []}),
        "stock": pd.DataFrame({"day": [0, 1], "item": "P", "qty": [73.0, 73.0]}),
    }
    found = score(executed, masters, (0.0, 2880.0), [(1, 4), (1, 4)], MoneyParams())
    assert found["otif_pct"] == pytest.approx(100 / 3)
    # two days at 50 a day, and 1 % of 1000 for one day
    assert found["late_cost"] == pytest.approx(110.0)
    assert found["changeover_cost"] == 180.0
    assert found["holding_cost"] == pytest.approx(2 * 73 * 5 * 0.12 / 365)
    assert found["nervousness_pct"] == 25.0
    assert found["stock_value"] == 365.0
    scores = pd.DataFrame(
        {
            "seed": [1, 1, 2, 2],
            "policy": ["soe", "edd"] * 2,
            "otif_pct": [90.0, 80.0, 92.0, 86.0],
            "total_cost": [100.0, 200.0, 100.0, 200.0],
        }
    )
    points, cost = paired(scores, "soe", "edd")
    assert (points.mean, cost) == (8.0, -50.0)
    assert points.lo == pytest.approx(8 - 12.706 * np.sqrt(8) / np.sqrt(2), abs=1e-2)
    assert np.isnan(interval([1.0]).lo)


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What the suite knows of the small plant at the first Monday of a campaign."""
    folder = tmp_path_factory.mktemp("monday")
    plant = _at_monday()
    plant.write_extracts(folder, plant.state.now)
    source = load_source("demo", ROOT / "params" / "sources", {"SOE_DEMO": str(folder)})
    as_of = pd.Timestamp(plant.world.clock.instants([plant.state.now])[0])
    return take_snapshot(source, as_of, Workspace(folder / "workspace"))


def test_planned_demand_is_consumed_by_orders(monday: Snapshot) -> None:
    """Tests that the rest of each item and week is plan less orders, and nothing twice."""
    expected = forecast_lines(monday.tables, monday.as_of, monday.site_time_zone, 4)
    assert set(expected["order_id"]) == {FORECAST}
    assert not expected.duplicated("line_id").any()
    assert (expected["ordered_qty"] > 0).all()
    assert (expected["due_at"] > monday.as_of + pd.Timedelta(days=6)).all()
    by_week = expected.groupby("due_at")["ordered_qty"].sum()
    assert by_week.is_monotonic_increasing, "the farther the week, the less is ordered"
    none = {**monday.tables, "sop_plan": monday.tables["sop_plan"].head(0)}
    assert forecast_lines(none, monday.as_of, monday.site_time_zone, 4).empty


def test_campaign_of_simple_policies_is_reproducible(tmp_path: Path) -> None:
    """Tests that a campaign gives the same figures twice, and scores every policy."""
    params = campaign_params(Params(), 0)
    tasks = [
        Task(SEED, 2, policy, params, ROOT / "params" / "sources", tmp_path / policy)
        for policy in ("edd", "none", "right-shift")
    ]
    scores, weeks = tables_of(run_campaigns(tasks))
    again, _ = run_task(tasks[0])
    pd.testing.assert_series_equal(
        scores.iloc[2], pd.Series(again)[scores.columns], check_names=False
    )
    assert scores["policy"].tolist() == ["none", "right-shift", "edd"]
    assert scores["otif_pct"].between(50, 100).all()
    assert (scores["total_cost"] > 0).all()
    assert weeks.groupby("policy").size().to_dict() == {"edd": 10, "none": 2, "right-shift": 2}
    assert list(tmp_path.iterdir()) == []
    broken = Task(SEED, 2, "soe", params, tmp_path / "nowhere", tmp_path / "soe")
    with pytest.raises(CampaignError, match="policy soe, seed 3: SourceError"):
        run_task(broken)


def test_the_suite_answers_from_extracts_alone(tmp_path: Path) -> None:
    """Tests one week of soe end to end: extracts, snapshot, scenarios, files, execution."""
    params = campaign_params(Params(), 0)
    few = params.scenario.model_copy(update={"names": ("do_nothing", "edd_dispatch")})
    params = params.model_copy(update={"scenario": few})
    found = experiment(
        [SEED],
        1,
        ["none", "edd", "soe"],
        params,
        ROOT / "params" / "sources",
        Workspace(tmp_path),
    )
    assert found.last_line.startswith("soe-none otif_pts=")
    assert " soe-edd otif_pts=" in found.last_line
    assert found.table["policy"].tolist() == ["none", "edd", "soe"]
    shown = brief(found.table).set_index("policy")
    assert shown.loc["edd", "OTIF [%]"] == f"{found.table.loc[1, 'otif_pct']:.1f}"
    summary = json.loads((found.folder / "summary.json").read_text())
    assert summary["seeds"] == [SEED]
    weeks = pd.read_csv(found.folder / "weeks.csv")
    assert weeks.loc[weeks["policy"] == "soe", "num_listed"].iloc[0] > 100


def test_an_experiment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Tests that finished campaigns are taken when asked for, of the same parameters only."""

    def runs(policies: list[str], iterations: int, *, is_resumed: bool) -> list[str]:
        told: list[str] = []
        experiment(
            [SEED],
            1,
            policies,
            campaign_params(Params(), iterations),
            ROOT / "params" / "sources",
            Workspace(tmp_path),
            is_resumed=is_resumed,
            progress=lambda done, total, text: told.append(text),
        )
        return told[1:]

    assert runs(["none"], 0, is_resumed=False) == [f"seed {SEED} none"]
    first = pd.read_csv(tmp_path / "twin" / f"1w_{SEED}-{SEED}" / "scores.csv")
    assert runs(["none", "right-shift"], 0, is_resumed=True) == [f"seed {SEED} right-shift"]
    both = pd.read_csv(tmp_path / "twin" / f"1w_{SEED}-{SEED}" / "scores.csv")
    pd.testing.assert_frame_equal(both.head(1), first)
    assert runs(["none"], 0, is_resumed=False) == [f"seed {SEED} none"]
    assert runs(["none"], 1, is_resumed=True) == [f"seed {SEED} none"]


def test_bad_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Tests that soe twin refuses unknown policies and too many weeks in words."""
    assert cli.main(["twin", "--policy", "soe,lifo"]) == 2
    assert "unknown lifo; known: none, right-shift, edd, soe" in capsys.readouterr().err
    assert cli.main(["twin", "--weeks", "40", "--seeds", "1", "--policy", "none"]) == 1
    assert "the twin's calendars allow 14" in capsys.readouterr().err
