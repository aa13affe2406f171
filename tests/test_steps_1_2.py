"""Steps 1 and 2 and their pages, on AdventureWorks, on SupplyGraph and on thinner feeds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.calendars import cycle_id
from soe_lib.params import Params
from soe_lib.run import RUN_FILE, Run
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.steps.divergence import TABLE_NAMES, Found, find_divergences
from soe_lib.steps.impact import Impact, assess_impact
from soe_lib.views.blocks import Grid, Headline, Picture, as_html, flatten
from soe_lib.views.divergence import divergence_page
from soe_lib.views.impact import impact_page
from soe_lib.views.page import blockers
from soe_lib.vocabulary import FUNCTIONS
from soe_lib.workspace import Workspace
from tests.conftest import ROOT, real_source

SECONDS = 20.0
"""CPU time that step 1 may take on AdventureWorks, everything imported. [s]"""


def run_on(
    snapshot: Snapshot, folder: Path, tables: Mapping[str, pd.DataFrame] | None = None
) -> Run:
    """Return a run on a snapshot, with other tables if given."""
    run = Run(
        folder=folder,
        source_name=snapshot.source_name,
        cycle_id=cycle_id(snapshot.as_of),
        as_of=snapshot.as_of,
        site="",
        params=Params(),
        workspace=Workspace(snapshot.path.parents[1]),
    )
    run.workspace.write_json(folder / RUN_FILE, {"steps": {}})
    run.say("snapshot", {"snapshot_id": snapshot.snapshot_id, "currency": snapshot.currency})
    if tables is not None:
        run.__dict__["tables"] = dict(tables)
    return run


@pytest.fixture(scope="module")
def bicycles(adventureworks: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_on(adventureworks, tmp_path_factory.mktemp("aw"))


@pytest.fixture(scope="module")
def found(bicycles: Run) -> Found:
    return find_divergences(bicycles)


@pytest.fixture(scope="module")
def impact(bicycles: Run, found: Found) -> Impact:
    assert found.projection is not None
    return assess_impact(bicycles)


@pytest.fixture(scope="module")
def flows(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    snapshot = take_snapshot(
        real_source(real_data, "supplygraph"),
        pd.Timestamp("2023-03-31T00:00Z"),
        Workspace(tmp_path_factory.mktemp("supplygraph")),
    )
    return run_on(snapshot, tmp_path_factory.mktemp("sg"))


def every(found: Found) -> pd.DataFrame:
    return pd.concat([found.divergences, found.consequences], ignore_index=True)


def test_late_work_orders_are_those_of_the_data(
    real_data: Path, found: Found, bicycles: Run
) -> None:
    """Tests the work orders found against the raw file: open and due more than a day ago."""
    raw = pd.read_csv(
        real_data / "adventureworks" / "WorkOrder.csv",
        usecols=["WorkOrderID", "StartDate", "EndDate", "DueDate"],
        parse_dates=["StartDate", "EndDate", "DueDate"],
    )
    as_of = bicycles.as_of.tz_localize(None)
    is_open = (raw["StartDate"] <= as_of) & ~(raw["EndDate"] <= as_of)
    past = raw[is_open & (raw["DueDate"] < as_of)]
    assert len(past) == 324  # shared/data/README.md
    late = past[past["DueDate"] < as_of - pd.Timedelta(days=1)]
    rows = every(found)
    rows = rows[rows["divergence_type"] == "work_order_late"]
    assert set(rows["object_id"]) == set(late["WorkOrderID"].astype("str"))
    days = rows.set_index("object_id")["deviation_days"]
    wanted = (as_of - late.set_index(late["WorkOrderID"].astype("str"))["DueDate"]).dt.days
    assert (days - wanted.reindex(days.index)).abs().max() < 1e-9


def test_every_divergence_opens_its_rows_and_nothing_is_later_than_as_of(
    found: Found, bicycles: Run
) -> None:
    """Tests that evidence is there for every row, and that no row knows the future."""
    rows = every(found)
    assert rows["divergence_id"].is_unique
    assert (rows["first_seen_at"] <= bicycles.as_of).all()
    assert not (rows["act_by_at"] < bicycles.as_of).any()
    assert rows["owner_role"].isin(FUNCTIONS).all()
    some = rows.groupby("divergence_type").head(8)
    for one in some.itertuples(index=False):
        behind = found.rows_behind(one.divergence_id)
        assert len(behind), one.sentence
        if one.divergence_type in ("work_order_late", "order_in_jeopardy"):
            assert len(behind) == 1
        if (one.divergence_type, one.evidence_table) == ("demand_against_plan", "sales_order_line"):
            assert behind["ordered_qty"].sum() == one.actual_value
    with pytest.raises(KeyError, match="no divergence"):
        found.rows_behind("nobody")


def test_money_adds_up_and_agrees_between_the_steps(found: Found, impact: Impact) -> None:
    """Tests that late cost is neither lost nor counted twice on the way to its causes."""
    rows = found.divergences
    shared = (rows["money_at_risk"].fillna(0) - rows["direct_cost"].fillna(0)).sum()
    lines = rows[rows["divergence_type"] == "order_in_jeopardy"]
    assert shared + lines["direct_cost"].sum() == pytest.approx(found.orders["late_cost"].sum())
    assert impact.orders["late_cost"].sum() == pytest.approx(impact.total_late_cost)
    assert set(found.consequences["cause_id"]) <= set(rows["divergence_id"])
    late = impact.orders[impact.orders["is_late"]]
    assert len(found.orders) <= len(late)
    assert f"{len(late):,} of {len(impact.orders):,} open order lines" in found.headline
    assert f"{len(late):,} of {len(impact.orders):,}" in impact.headline


def test_a_projected_date_is_never_before_as_of(bicycles: Run, found: Found) -> None:
    """Tests the tables of the projection against the instant and the open lines."""
    promises = bicycles.read("projected_promises")
    assert not (promises["promised_at"] < bicycles.as_of).any()
    operations = bicycles.read("projected_operations")
    assert not (operations["setup_start_at"] < bicycles.as_of).any()
    pegged = bicycles.read("projected_pegging").groupby(["order_id", "line_id"])["qty"].sum()
    promised = promises.set_index(["order_id", "line_id"])["promised_qty"]
    assert np.allclose(pegged.reindex(promised.index).fillna(0), promised)


def test_a_finished_run_is_read_and_says_the_same(
    bicycles: Run, found: Found, impact: Impact
) -> None:
    """Tests that reading a finished run gives what computing it gave."""
    path = bicycles.folder / RUN_FILE
    before = path.read_bytes()
    bicycles.workspace.write_json(path, {"steps": {"1_divergence": {"status": "ok"}}})
    try:
        again, priced = find_divergences(bicycles), assess_impact(bicycles)
    finally:
        path.write_bytes(before)
    assert again.headline == found.headline
    assert again.projection is not None
    pd.testing.assert_frame_equal(again.divergences, found.divergences, check_dtype=False)
    pd.testing.assert_frame_equal(priced.orders, impact.orders, check_dtype=False)
    assert priced.headline == impact.headline
    assert sorted(divergence_page(bicycles, again)) == sorted(divergence_page(bicycles, found))


def test_step_1_is_deterministic_and_quick(bicycles: Run, found: Found, tmp_path: Path) -> None:
    """Tests that a second run writes the same bytes, within its time."""
    other = run_on(bicycles.snapshot, tmp_path)
    other.__dict__["tables"] = bicycles.tables
    begin = time.process_time()
    find_divergences(other)
    assert time.process_time() - begin < SECONDS
    for name in TABLE_NAMES:
        first = bicycles.table_path(name).read_bytes()
        assert other.table_path(name).read_bytes() == first, name
    words = (bicycles.folder / "words" / "divergence.json").read_bytes()
    assert (tmp_path / "words" / "divergence.json").read_bytes() == words


def shown_keys(notebook: str) -> set[str]:
    content = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))
    source = "\n".join("".join(cell["source"]) for cell in content["cells"])
    return set(re.findall(r'show\(page\["(\w+)"\]\)', source))


def check_page(page: Mapping[str, object], notebook: str) -> str:
    """Check that a page has the keys of its notebook, one sentence first, and short tables."""
    assert set(page) == shown_keys(notebook)
    blocks = [block for part in page.values() for block in flatten(part)]
    headlines = [block for block in blocks if isinstance(block, Headline)]
    assert len(headlines) == 1
    assert headlines[0].text.endswith(".")
    html = "".join(as_html(block) for block in blocks if not isinstance(block, Picture))
    for block in blocks:
        if isinstance(block, Grid):
            assert block.rows <= 12
        if isinstance(block, Picture):
            block.figure.to_json(validate=False)
    assert "nan" not in html.lower().replace("finan", "")
    assert "NaT" not in html
    return html


def test_pages_of_a_rich_feed(bicycles: Run, found: Found, impact: Impact) -> None:
    """Tests that both pages have what the notebooks show, and say whom it hurts by function."""
    first = check_page(divergence_page(bicycles, found), "1_divergence")
    assert "order lines in jeopardy, dearest first" in first
    assert "People missing: off, the feed has no labour_availability." in first
    second = check_page(impact_page(bicycles, impact), "2_impact")
    assert impact_page(bicycles, impact)["headline"][0] == blockers(bicycles)
    for question in ("Can the constrained resources run longer", "What does waiting cost"):
        assert question in second


def test_feed_level_l0_runs_and_says_what_is_off(flows: Run) -> None:
    """Tests that without a schedule the steps run, write typed tables and say why."""
    found = find_divergences(flows)
    why = "the feed has no schedule_operation and no resource and no resource_calendar"
    assert found.headline.endswith(f"Orders in jeopardy are off: {why}.")
    assert found.projection is None
    for name in ("projected_operations", "projected_promises", "projected_pegging",
                 "resource_load", "material_shortages"):  # fmt: skip
        rows = flows.read(name)
        assert rows.empty
        assert len(rows.columns) > 4
    assert set(found.divergences["divergence_type"]) == {
        "orders_past_due",
        "demand_against_plan",
        "demand_trend",
    }
    lines = flows.tables["sales_order_line"]
    is_open = lines["status"] == "open"
    past = found.divergences[found.divergences["divergence_type"] == "orders_past_due"]
    owed = (lines["ordered_qty"] - lines["delivered_qty"])[
        is_open & (lines["requested_date"] < pd.Timestamp("2023-03-30"))
    ]
    assert -past["deviation"].sum() == pytest.approx(owed.sum())
    assert found.divergences["money_at_risk"].isna().all()
    impact = assess_impact(flows)
    assert not impact.is_projected
    assert "how late they will be is not known" in impact.headline
    assert impact.total_late_cost == 0.0
    check_page(divergence_page(flows, found), "1_divergence")
    html = check_page(impact_page(flows, impact), "2_impact")
    assert "the feed has no price" in html


@pytest.mark.parametrize(
    "kept",
    [
        ("sales_order_line", "schedule_operation", "resource", "resource_calendar", "item"),
        ("sales_order_line", "item"),
        ("item",),
        (),
    ],
    ids=["L1", "orders", "items", "nothing"],
)
def test_thinner_feeds_run_as_well(
    bicycles: Run, tmp_path: Path, kept: tuple[str, ...], found: Found
) -> None:
    """Tests that any part of the feed is enough to write all tables and to lay out the pages."""
    tables = {name: bicycles.tables[name] for name in kept}
    run = run_on(bicycles.snapshot, tmp_path, tables)
    thin = find_divergences(run)
    assert (thin.projection is not None) == ("schedule_operation" in kept)
    assert len(thin.off) > len(found.off)
    assert all(run.has(name) for name in TABLE_NAMES)
    impact = assess_impact(run)
    assert all(run.has(f"function_{role}_rows") for role in FUNCTIONS)
    check_page(divergence_page(run, thin), "1_divergence")
    check_page(impact_page(run, impact), "2_impact")
    if kept and kept[-1] == "item" and len(kept) > 2:
        assert "no work_order" in thin.notes[0]
