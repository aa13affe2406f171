"""From a number to its rows: filters, bars and rows of notebook 1, without a browser."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from soe_lib.ledger import Ledger, moment
from soe_lib.run import Run, open_run
from soe_lib.steps.divergence import find_divergences
from soe_lib.steps.drill import (
    BARS_BY,
    COST,
    DEMAND,
    DIVERGENCES,
    LOAD,
    MATERIAL,
    ORDERS,
    Drill,
    Filters,
    Rows,
)
from soe_lib.steps.drill_reach import DIMENSIONS, KEYS
from soe_lib.views.facts_of_run import plural
from soe_lib.views.live.workbench import Workbench
from tests.demo_week import run_folder, small_params, week

__all__ = ["small_params", "week"]

PASSPHRASE = "seen on Monday at seven"


@pytest.fixture(scope="module")
def run(week: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo week in a workspace that may be written to."""
    folder = Path(shutil.copytree(week, tmp_path_factory.mktemp("drill") / "workspace"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOE_WORKSPACE", str(folder))
        patch.delenv("SOE_LEDGER_URL", raising=False)
        return open_run(str(run_folder(folder)))


@pytest.fixture(scope="module")
def drill(run: Run) -> Drill:
    return Drill(run, find_divergences(run))


def number(drill: Drill, name: str, filters: Filters) -> float | None:
    return next(m.value for m in drill.measures(filters) if m.name == name)


def test_bars_of_order_lines_open_exactly_the_lines_of_the_number(drill: Drill) -> None:
    """Tests that the rows behind all bars together are the order lines that are counted."""
    everything = drill.found.orders
    for by in BARS_BY[ORDERS]:
        bars = drill.bars(ORDERS, by, Filters())
        rows = pd.concat([drill.rows(ORDERS, by, key, Filters()).frame for key in bars["key"]])
        assert (
            len(rows.drop_duplicates(KEYS)) == len(everything) == number(drill, ORDERS, Filters())
        )
    by_customer = drill.bars(COST, "customer", Filters())["value"].sum()
    assert by_customer == pytest.approx(everything["late_cost"].sum())


def test_every_bar_opens_rows_of_what_it_stands_for(drill: Drill) -> None:
    """Tests that a divergence opens its evidence, a line its work, a component its stock."""
    for key in drill.bars(DIVERGENCES, "divergence", Filters())["key"]:
        found = drill.rows(DIVERGENCES, "divergence", key, Filters())
        pd.testing.assert_frame_equal(found.frame, drill.found.rows_behind(key))
    line = drill.bars(LOAD, "line", Filters())["key"].iloc[0]
    assert set(drill.rows(LOAD, "line", line, Filters()).frame["resource_id"]) == {line}
    part = drill.bars(MATERIAL, "component", Filters())["key"].iloc[0]
    stock = drill.rows(MATERIAL, "component", part, Filters()).frame
    assert set(stock["item_id"]) == {part}
    assert stock["projected_qty"].min() < 0
    outside = drill.found.demand[drill.found.demand["is_outside"]]
    for cell in outside.itertuples():
        filters = Filters(family=str(cell.family_id), week=f"{cell.week_start_date:%Y-%m-%d}")
        rows = drill.rows(DEMAND, "family", str(cell.family_id), filters).frame
        assert rows["ordered_qty"].sum() == pytest.approx(cell.actual_qty)


def test_filters_narrow_to_what_they_name(drill: Drill) -> None:
    """Tests each filter against the table itself, and that two filters hold together."""
    orders = drill.found.orders
    for name, column in (("customer", "customer_id"), ("family", "family_id"), ("site", "site_id")):
        value = str(orders[column].iloc[0])
        kept = number(drill, ORDERS, Filters(**{name: value}))
        assert kept == (orders[column] == value).sum() < len(orders)
    family, customer = str(orders["family_id"].iloc[0]), str(orders["customer_id"].iloc[0])
    both = (orders["family_id"] == family) & (orders["customer_id"] == customer)
    assert number(drill, ORDERS, Filters(family=family, customer=customer)) == both.sum()
    for dimension in DIMENSIONS:
        for value in drill.options(dimension):
            narrowed = number(drill, DIVERGENCES, Filters(**{dimension: value}))
            assert narrowed is not None
            assert narrowed <= len(drill.found.divergences)


def test_a_number_that_a_filter_does_not_reach_is_not_known(drill: Drill) -> None:
    """Tests that the S&OP plan, which knows no customer, says so instead of a number."""
    customer = drill.options("customer")[0]
    own = next(m for m in drill.measures(Filters(customer=customer)) if m.name == DEMAND)
    assert own.value is None
    assert own.note == "not known by customer"
    assert drill.bars(DEMAND, "family", Filters(customer=customer)).empty


def test_bars_that_do_not_exist_are_refused(drill: Drill) -> None:
    """Tests that whatever a page sends is checked."""
    with pytest.raises(ValueError, match="no bars by 'person'"):
        drill.bars(ORDERS, "person", Filters())
    with pytest.raises(ValueError, match="no bar 'nobody'"):
        drill.rows(ORDERS, "customer", "nobody", Filters())


def test_workbench_saves_text_as_text_and_leaves_remarks(run: Run) -> None:
    """Tests two clicks, a table whose text begins like a formula, and a remark, by the traits."""
    bench = Workbench(run, find_divergences(run))
    bench.tiles.chosen = {"key": "orders", "stamp": 1}
    key = bench.bars.items[0]["key"]
    bench.bars.chosen = {"key": key, "stamp": 2}
    assert bench.opened is not None
    assert f"{bench.opened.title}: {plural(len(bench.opened.frame), 'row')}" in bench.table.value
    poisoned = bench.opened.frame.head(1).assign(why='=HYPERLINK("http://evil.example")')
    bench.opened = Rows(bench.opened.title, bench.opened.table, poisoned)
    name, data = bench.workbook()
    assert name == "2026-W48_orders_in_jeopardy.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    column = list(poisoned.columns).index("why") + 1
    assert sheet.cell(2, column).data_type == "s"

    bench.text.value = "<script>alert(1)</script>"
    bench.leave.click()
    assert "say who you are" in bench.message.widget.value
    bench.person.value = "coordinator"
    bench.leave.click()
    assert "has no passphrase yet" in bench.message.widget.value
    bench.desk.set_passphrase("coordinator", PASSPHRASE, moment())
    bench.passphrase.value = PASSPHRASE
    bench.leave.click()
    assert "recorded" in bench.message.widget.value
    assert "<script>" not in bench.remarks.value
    with Ledger.default(run.workspace) as ledger:
        assert ledger.remarks()["text"].tolist() == ["<script>alert(1)</script>"]


def test_a_page_that_sends_nonsense_changes_nothing(run: Run) -> None:
    """Tests that unknown keys open nothing."""
    bench = Workbench(replace(run), find_divergences(run))
    bench.tiles.chosen = {"key": "__class__", "stamp": 1}
    bench.bars.chosen = {"key": "' or 1=1", "stamp": 2}
    assert bench.measure == ORDERS
    assert bench.opened is None
