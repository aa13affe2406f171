"""Blocks, pictures and workbooks: readable, escaped, deterministic."""

from __future__ import annotations

import io
import json
import re

import openpyxl
import pandas as pd
import pytest

from soe_lib import charts
from soe_lib.report.workbook import table_as_xlsx
from soe_lib.views.blocks import (
    Grid,
    Headline,
    Picture,
    Sentences,
    Tile,
    Tiles,
    as_html,
    format_number,
    format_value,
)
from soe_lib.views.data import in_words
from soe_lib.views.divergence_parts import first_names
from soe_lib.views.show import show

HOSTILE = '<script>alert("x")</script>=2+3'
AS_OF = pd.Timestamp("2026-11-23T05:00Z")


@pytest.mark.parametrize(
    "block",
    [
        Headline(HOSTILE),
        Sentences(HOSTILE, (HOSTILE,)),
        Sentences("folded", (HOSTILE,), folded=True),
        Tiles((Tile(HOSTILE, HOSTILE, HOSTILE),)),
        Grid(pd.DataFrame({HOSTILE: [HOSTILE]}), title=HOSTILE),
    ],
)
def test_text_from_outside_is_escaped(block: object) -> None:
    """Tests that no block lets markup from the data through."""
    html = as_html(block)  # type: ignore[arg-type]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (12.34, "12.3"),
        (0.051, "0.05"),
        (-0.001, "0"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (None, "–"),
        (True, "yes"),
        (7, "7"),
        (pd.Timestamp("2026-11-23"), "2026-11-23"),
        (pd.Timestamp("2026-11-23T05:00Z"), "2026-11-23 05:00"),
    ],
)
def test_values_are_formatted_for_people(value: object, text: str) -> None:
    """Tests that numbers, dates and missing values read well."""
    assert format_value(value) == text


def test_numbers_keep_what_matters() -> None:
    """Tests that small numbers keep two decimals and large ones none."""
    assert [format_number(v) for v in (3.0, 3.14159, 31.4159, 3141.59)] == [
        "3",
        "3.14",
        "31.4",
        "3,142",
    ]


def test_long_tables_say_what_they_leave_out() -> None:
    """Tests that a cut table counts the rows not shown."""
    html = as_html(Grid(pd.DataFrame({"a": range(30)}), rows=10))
    assert html.count("<tr>") == 11
    assert "20 more rows" in html


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((4.2, 5.0, 0.3), ("4.2", "5.0", "0.3")),
        ((111.0, 86.9, 0.25), ("111.0", "86.9", "0.2")),
        ((1234.6, -70.0, 60.7), ("1,235", "-70", "61")),
        ((2.0, float("nan"), 3.0), ("2", "–", "3")),
        ((1.234, 0.0, float("inf")), ("1.23", "0", "∞")),
    ],
)
def test_numbers_of_a_column_have_as_many_decimals(
    values: tuple[float, ...], shown: tuple[str, ...]
) -> None:
    """Tests that a column of numbers can be read down."""
    html = as_html(Grid(pd.DataFrame({"hours": values})))
    assert re.findall("<td class=soe-num>([^<]*)</td>", html) == list(shown)


def test_a_code_does_not_break_over_two_lines() -> None:
    """Tests that short names without a space stay in one piece, and sentences do not."""
    html = as_html(Grid(pd.DataFrame({"item": ["ENERGY-01"], "why": ["late since Monday"]})))
    assert "<td class=soe-code>ENERGY-01</td>" in html
    assert "<td>late since Monday</td>" in html


def test_every_family_that_the_least_change_helps_is_drawn() -> None:
    """Tests that families that gain from a change of another family have their mark too."""
    families = pd.DataFrame(
        {
            "label": ["COLA", "WATER", "TONIC"],
            "p_met": [0.0, 0.0, 1.0],
            "p_met_after": [0.98, 1.0, 1.0],
            "change_qty": [0.0, -30765.0, 0.0],
        }
    )
    figure = charts.plot_month_plan(families, 0.8)
    after = dict(zip(figure.data[1].y, figure.data[1].customdata, strict=True))
    assert after == {"WATER": "-30,765 units", "COLA": "less of other families"}


def test_a_list_of_orders_is_cut_between_names() -> None:
    """Tests that a cell names whole orders only."""
    names = ", ".join(f"SO10200{n}" for n in range(6))
    assert first_names(names) == "SO102000, SO102001, SO102002, SO102003, …"
    assert first_names("SO102000, SO102001") == "SO102000, SO102001"


def test_the_page_of_data_names_tables_and_rules_in_words() -> None:
    """Tests that what loaded is told without names of the code."""
    check = pd.DataFrame(
        {
            "table": ["sales_order_line"],
            "rows_raw": [9],
            "rows_excluded": [2],
            "rows_in": [7],
            "rows_loaded": [6],
            "rows_quarantined": [1],
            "worst_rule": ["ordered_qty_positive"],
            "excluded_because": ["after as_of 2"],
        }
    )
    assert in_words(check).loc[0].tolist() == [
        "Sales order line", 9, 2, 6, 1, "has an ordered quantity that is not above zero",
        "after the snapshot 2",
    ]  # fmt: skip


def test_workbook_is_harmless_and_deterministic() -> None:
    """Tests that a formula stays text and that the same table gives the same bytes."""
    rows = pd.DataFrame(
        {
            "order_id": ["=cmd|' /C calc'!A0", "a\x00b"],
            "ordered_qty": [1.5, float("nan")],
            "due_at": pd.to_datetime(["2026-11-23T05:00Z", None], utc=True),
        }
    )
    content = table_as_xlsx("orders", rows, AS_OF)
    assert content == table_as_xlsx("orders", rows, AS_OF)
    sheet = openpyxl.load_workbook(io.BytesIO(content))["orders"]
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].value == "=cmd|' /C calc'!A0"
    assert sheet["A3"].value == "ab"
    assert sheet["B3"].value is None


def test_pictures_accept_empty_tables() -> None:
    """Tests that every picture of an empty table says why it is empty."""
    empty = pd.DataFrame()
    figures = [
        charts.plot_load_heat_map(empty),
        charts.plot_gantt(empty),
        charts.plot_kpi_trend(empty),
        charts.plot_projected_stock(empty),
        charts.plot_adherence(empty, target_pct=90),
        charts.plot_counts(empty, title="t", label="a", value="b"),
        charts.plot_demand_against_plan(empty),
        charts.plot_scenario_costs(empty),
        charts.plot_orders_in_jeopardy(empty),
    ]
    for figure in figures:
        assert figure.layout.annotations[0].text


def test_gantt_bars_start_where_operations_start() -> None:
    """Tests that a bar's base and length are the operation's start and duration."""
    operations = pd.DataFrame(
        {
            "resource_id": ["L1"],
            "family_id": ["cola"],
            "label": ["WO1"],
            "setup_start_at": [AS_OF],
            "start_at": [AS_OF + pd.Timedelta(hours=1)],
            "end_at": [AS_OF + pd.Timedelta(hours=3)],
        }
    )
    figure = charts.plot_gantt(operations, now=AS_OF)
    run, setup = figure.data
    assert (run.base[0], run.x[0]) == ("2026-11-23 06:00:00", 2 * 3_600_000)
    assert (setup.base[0], setup.x[0]) == ("2026-11-23 05:00:00", 3_600_000)
    assert figure.layout.xaxis.type == "date"


def test_show_refuses_an_unknown_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that a mistyped SOE_MODE is an error, not a silent default."""
    monkeypatch.setenv("SOE_MODE", "reprot")
    with pytest.raises(ValueError, match="reprot"):
        show(Headline("x"))


def test_show_sends_plotly_json_in_report_mode(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that a picture's bundle is plain JSON that names its table."""
    sent: list[tuple[dict[str, object], dict[str, object]]] = []
    monkeypatch.setenv("SOE_MODE", "report")
    monkeypatch.setattr(
        "IPython.display.display",
        lambda data, raw, metadata: sent.append((data, metadata)),
    )
    figure = charts.plot_counts(
        pd.DataFrame({"a": ["x"], "b": [1.0]}), title="t", label="a", value="b"
    )
    show(Picture(figure, table="counts"), None)
    data, metadata = sent[0]
    assert json.loads(json.dumps(data["application/vnd.plotly.v1+json"]))["data"]
    assert metadata == {"soe": {"table": "counts"}}
