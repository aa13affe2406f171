"""Steps 3 and 4 and their pages: a plant known by hand, AdventureWorks, a feed of orders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from soe_lib.calendars import cycle_id
from soe_lib.features import feature_table
from soe_lib.params import Params
from soe_lib.publish.messages import build_messages
from soe_lib.run import RUN_FILE, Run, RunError
from soe_lib.scenario.costs import TERMS
from soe_lib.scenario.identity import table_hash
from soe_lib.scenario.result import start_of
from soe_lib.snapshot import Snapshot
from soe_lib.steps.decision import Pack, prepare_decision
from soe_lib.steps.what_if import Explored, context_of, explore_scenarios
from soe_lib.views.blocks import Grid, Headline, Live, Picture, as_html, flatten
from soe_lib.views.decision import decision_page
from soe_lib.views.what_if import what_if_page
from soe_lib.vocabulary import FUNCTIONS
from soe_lib.workspace import Workspace
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, params

NAMES = ("do_nothing", "edd_dispatch", "resequence", "alternate_line", "overtime", "minimal_change")


def run_on(plant_tables: dict[str, pd.DataFrame], folder: Path, settings: Params) -> Run:
    """Return a run on tables by hand whose step 1 has projected."""
    run = Run(
        folder=folder,
        source_name="tiny",
        cycle_id=cycle_id(AS_OF),
        as_of=AS_OF,
        site="",
        params=settings,
        workspace=Workspace(folder),
    )
    run.workspace.write_json(folder / RUN_FILE, {"steps": {}})
    run.__dict__["tables"] = plant_tables
    run.__dict__["snapshot"] = SimpleNamespace(currency="EUR", site_time_zone="UTC")
    run.say("snapshot", {"currency": "EUR", "site_time_zone": "UTC", "blockers": []})
    run.write(features=feature_table(plant_tables))
    if "resource" in plant_tables:
        projected(run)
    return run


def projected(run: Run) -> None:
    """Write what step 1 writes of the projection."""
    schedule = start_of(context_of(run)).do_nothing
    run.write(projected_operations=schedule.operations, projected_promises=schedule.promises)


def busy_week() -> Plant:
    """An urgent job behind another one, one late for good, one in time, a customer pick-up."""
    return (
        Plant()
        .item("A", routed_on=("L1", "L2"))
        .item("B", routed_on=("L1", "L2"))
        .item("C")
        .work("W1", "B", 8, THURSDAY, release_at=THURSDAY)
        .work("W2", "A", 8, FRIDAY, release_at=THURSDAY)
        .work("W3", "C", 8, FRIDAY + 72 * HOUR, release_at=THURSDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
        .order("S2", "B", 480, THURSDAY + 8 * HOUR, customer_id="K2", tier="B", per_day=400.0)
        .order("S3", "C", 480, FRIDAY - 48 * HOUR, customer_id="K3", tier="C", per_day=50.0)
        .order("S4", "A", 100, FRIDAY + 240 * HOUR, customer_id="K4", tier="D", per_day=10.0)
        .add(
            "shipment",
            shipment_id="F3",
            order_id="S3",
            line_id="1",
            planned_departure_at=THURSDAY,
            status="planned",
        )
    )


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The busy week, step 1 done."""
    return run_on(busy_week().tables(), tmp_path_factory.mktemp("week"), params(names=NAMES))


@pytest.fixture(scope="module")
def explored(week: Run) -> Explored:
    """Step 3 of the busy week."""
    return explore_scenarios(week)


@pytest.fixture(scope="module")
def pack(week: Run, explored: Explored) -> Pack:
    """Step 4 of the busy week."""
    assert explored.recommended
    return prepare_decision(week)


def test_scenario_0_is_the_projection_of_step_1(week: Run, explored: Explored) -> None:
    """Tests that doing nothing has the operations and promises that step 1 wrote, and no delta."""
    rows = explored.of("scenario_operations", "do_nothing")
    before = week.read("projected_operations")
    names = ["wo_id", "op_no", "split_no", "resource_id", "start_at", "end_at"]
    assert table_hash(rows[names]) == table_hash(before[names])
    first = explored.comparison.iloc[0]
    assert first["scenario"] == "do_nothing"
    deltas = [name for name in explored.comparison if name.startswith("delta_")]
    assert (first[deltas] == 0).all()
    assert explored.of("scenario_moves", "do_nothing").empty


def test_another_projection_is_an_error(week: Run, tmp_path: Path) -> None:
    """Tests that a projection of other parameters is not silently mixed with scenarios."""
    other = run_on(week.tables, tmp_path, week.params)
    rows = week.read("projected_operations")
    other.write(projected_operations=rows.assign(start_at=rows["start_at"] + HOUR))
    with pytest.raises(RunError, match="run the notebooks again from 1_divergence"):
        explore_scenarios(other)


def test_without_step_1_the_step_says_what_to_run(week: Run, tmp_path: Path) -> None:
    """Tests that a missing projection is a clear error."""
    other = run_on(week.tables, tmp_path, week.params)
    other.table_path("projected_operations").unlink()
    with pytest.raises(RunError, match="run the notebooks in their order"):
        explore_scenarios(other)


def test_the_recommendation_is_the_cheapest_and_says_so(week: Run, explored: Explored) -> None:
    """Tests the headline's figures against the tables, and that every scenario verifies."""
    rows = explored.comparison
    assert rows["scenario"].tolist() == list(NAMES)
    assert (rows["num_violations"] == 0).all()
    best = rows[rows["is_recommended"]].iloc[0]
    assert best["total_cost"] == rows["total_cost"].min()
    words = week.words("what_if")
    assert words["recommended"] == best["scenario"] == explored.recommended
    assert f"{-best['delta_total_cost']:,.0f} EUR" in words["headline"]
    assert f"{best['num_late_lines']} late order lines" in words["headline"]
    assert best["num_late_lines"] == 2  # S3 is due too early, S4 has no work order yet
    sums = rows[list(TERMS)].sum(axis=1)
    assert (abs(sums - rows["total_cost"]) < 1e-6).all()


def test_tables_read_back_as_they_were_written(week: Run, explored: Explored) -> None:
    """Tests that what later steps read is what this step computed."""
    for name, rows in explored.tables.items():
        assert table_hash(week.read(name)) == table_hash(rows), name


def test_commitments_cover_every_moved_promise(week: Run, pack: Pack, explored: Explored) -> None:
    """Tests one commitment per order line whose confirmation changes, and none without cause."""
    promises = explored.of("scenario_promises")
    late = promises[promises["lateness_days"] > 1e-6]
    told = pack.commitments[pack.commitments["function"] == "customer_service"]
    assert set(told["object_id"]) == set(late["order_id"] + "/" + late["line_id"])
    by_line = told.set_index("object_id")
    assert by_line["reason_code"].to_dict() == {"S3/1": "capacity", "S4/1": "purchase"}
    assert by_line["old_value"].to_dict() == {"S3/1": "2026-11-25", "S4/1": "2026-12-07"}
    assert (by_line["new_value"] > by_line["old_value"]).all()
    made = pack.commitments[pack.commitments["action"] == "make"]
    assert made["quantity"].tolist() == [100.0]  # what S4 needs, a work order to create
    shipments = pack.commitments[pack.commitments["function"] == "logistics"]
    assert shipments["object_id"].tolist() == ["F3 S3/1"]


def test_every_commitment_has_an_owner_and_a_due_instant(pack: Pack) -> None:
    """Tests owners, due instants after the decision, stable unique ids, known functions."""
    tasks = pack.commitments
    assert (tasks["owner_id"] != "").all()
    assert (tasks["due_at"] > AS_OF).all()
    assert tasks["commitment_id"].is_unique
    assert set(tasks["function"]) <= set(FUNCTIONS)
    assert (tasks["text"].str.len() > 10).all()


def test_money_of_the_pack_is_the_money_of_the_comparison(pack: Pack) -> None:
    """Tests that the pack's terms sum to the totals of doing nothing and of the proposal."""
    rows = pack.options.set_index("scenario")
    sums = pack.money[["do_nothing", "chosen", "difference"]].sum()
    assert sums["do_nothing"] == pytest.approx(rows.loc["do_nothing", "total_cost"])
    assert sums["chosen"] == pytest.approx(rows.loc[pack.scenario, "total_cost"])
    assert sums["difference"] == pytest.approx(rows.loc[pack.scenario, "delta_total_cost"])


def test_moves_in_the_slushy_zone_need_their_approver(pack: Pack) -> None:
    """Tests that the approval names zone, price and role of the governance file."""
    needed = pack.approvals.set_index("zone")
    assert needed.index.tolist() == ["slushy"]
    row = pack.options[pack.options["scenario"] == pack.scenario].iloc[0]
    assert needed.loc["slushy", "num_changes"] == row["num_moves"]
    assert needed.loc["slushy", "cost"] == pytest.approx(row["change_cost"])
    assert needed.loc["slushy", "approver_role"] == "soe_lead"  # a customer of tier A is served


def test_the_preview_is_what_was_chosen(pack: Pack, explored: Explored) -> None:
    """Tests that APS, ERP and MES would hold the chosen operations and promises."""
    operations = explored.of("scenario_operations")
    schedule = pack.preview["aps_schedule"]
    key = ["wo_id", "op_no", "split_no"]
    both = operations.merge(schedule.astype({"op_no": "int64", "split_no": "int64"}), on=key)
    assert len(both) == len(operations) == len(schedule)
    for name in ("start_at", "end_at", "resource_id", "planned_qty"):
        assert (both[f"{name}_x"] == both[f"{name}_y"]).all()
    assert set(schedule["version_id"]) == {"2026-W48"}
    dispatch = pack.preview["mes_dispatch"]
    assert (dispatch.groupby("resource_id")["start_at"].diff().dropna() >= pd.Timedelta(0)).all()
    messages = build_messages(pack.preview, "P1", 1)
    assert pack.messages["num_messages"].sum() == len(messages)
    given = pack.preview["erp_allocations"].groupby("order_id")["allocated_qty"].sum()
    promised = explored.of("scenario_promises").set_index("order_id")["promised_qty"]
    assert (abs(given - promised) < 1e-6).all()


def test_another_scenario_can_be_proposed_and_a_rejected_one_cannot(
    week: Run, explored: Explored
) -> None:
    """Tests the pack of a scenario by name, an unknown name, and one that breaks a rule."""
    assert explored.recommended
    nothing = prepare_decision(week, "do_nothing")
    assert nothing.money["difference"].abs().sum() == 0
    assert nothing.approvals.empty
    with pytest.raises(ValueError, match="known: do_nothing"):
        prepare_decision(week, "magic")
    scenarios = week.read("scenarios")
    try:
        week.write(scenarios=scenarios.assign(is_rejected=scenarios["scenario"] == "overtime"))
        with pytest.raises(ValueError, match="breaks a rule"):
            prepare_decision(week, "overtime")
    finally:
        week.write(scenarios=scenarios)
        prepare_decision(week)


def test_pages_hold_what_the_notebooks_show(week: Run, explored: Explored, pack: Pack) -> None:
    """Tests that each key of notebooks 3 and 4 is on its page and every block can be drawn."""
    for number, page in (
        ("3_what_if", what_if_page(week, explored)),
        ("4_decision", decision_page(week, pack)),
    ):
        path = Path(__file__).resolve().parents[1] / "notebooks" / f"{number}.ipynb"
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "".join("".join(cell["source"]) for cell in cells)
        for key, blocks in page.items():
            assert f'page["{key}"]' in source, key
            for block in flatten(blocks):
                if not isinstance(block, Picture | Live):
                    assert as_html(block) is not None
                if isinstance(block, Grid) and block.table:
                    assert week.has(block.table), block.table
    told = "".join(as_html(b) for b in decision_page(week, pack)["options"])
    assert "To be signed by Operations, Procurement" in told


def test_text_of_the_feed_is_harmless_on_the_pages(tmp_path: Path) -> None:
    """Tests that names with markup are escaped in every grid of both pages."""
    plant = busy_week()
    for name in ("sales_order_line", "customer_terms"):
        for row in plant.rows[name]:
            row["customer_id"] = "<script>alert(1)</script>" + row["customer_id"]
    run = run_on(plant.tables(), tmp_path, params(names=("do_nothing", "resequence")))
    first, second = explore_scenarios(run), prepare_decision(run)
    for page in (what_if_page(run, first), decision_page(run, second)):
        for block in flatten(page.values()):
            if not isinstance(block, Picture | Live):
                assert "<script>" not in as_html(block)


def test_without_a_routing_the_steps_say_what_is_off(tmp_path: Path) -> None:
    """Tests that a feed of orders alone gives typed tables without rows and plain words."""
    tables = busy_week().tables()
    few = {name: tables[name] for name in ("item", "sales_order_line", "customer_terms")}
    run = run_on(few, tmp_path, params())
    first, second = explore_scenarios(run), prepare_decision(run)
    assert first.comparison.empty
    assert first.headline.startswith("What-if schedules are off: the feed has no routing_alternate")
    assert "and no resource" in first.headline
    assert second.off == first.headline
    assert second.headline.startswith("Nothing is proposed: what-if schedules are off")
    assert second.commitments.empty
    assert second.preview["aps_schedule"].empty
    for page in (what_if_page(run, first), decision_page(run, second)):
        heads = [b for b in flatten(page["headline"]) if isinstance(b, Headline)]
        assert heads[0].tone == "warn"
    assert run.read("commitments").columns.tolist() == second.commitments.columns.tolist()


def test_a_week_without_work_says_so(tmp_path: Path) -> None:
    """Tests that a plant whose work is all done has no scenarios, in words."""
    plant = busy_week()
    for row in plant.rows["work_order"]:
        row["status"] = "completed"
    tables = plant.tables()
    run = run_on(tables, tmp_path, params())
    first = explore_scenarios(run)
    assert first.off == "What-if schedules are off: the feed has no open work order to schedule."
    assert prepare_decision(run).commitments.empty


def test_adventureworks_runs_and_keeps_its_promises(
    adventureworks: Snapshot, tmp_path: Path
) -> None:
    """Tests both steps on the real bicycle maker: verified, late lines told, six terms of money."""
    settings = Params()
    short = settings.model_copy(
        update={
            "scenario": settings.scenario.model_copy(update={"names": ("edd_dispatch",)}),
        }
    )
    run = Run(
        folder=tmp_path,
        source_name="adventureworks",
        cycle_id=cycle_id(adventureworks.as_of),
        as_of=adventureworks.as_of,
        site="",
        params=short,
        workspace=Workspace(adventureworks.path.parents[1]),
    )
    run.workspace.write_json(tmp_path / RUN_FILE, {"steps": {}})
    run.say("snapshot", {"snapshot_id": adventureworks.snapshot_id, "currency": "USD"})
    run.write(features=feature_table(adventureworks))
    projected(run)
    explored = explore_scenarios(run)
    assert explored.comparison["scenario"].tolist() == ["do_nothing", "edd_dispatch"]
    assert (explored.comparison["num_violations"] == 0).all()
    pack = prepare_decision(run, "do_nothing")
    promises = explored.of("scenario_promises", "do_nothing")
    late = int((promises["lateness_days"] > 1e-6).sum())
    assert late > 0
    told = pack.commitments[pack.commitments["function"] == "customer_service"]
    assert len(told) == late
    assert set(told["reason_code"]) <= {
        "capacity",
        "material",
        "no_supply",
        "overdue",
        "purchase",
        "supplier",
    }
    page = what_if_page(run, replace(explored, results=()))
    assert any(isinstance(block, Picture) for block in flatten(page["gantt"]))
