"""First page and pages of the functions: from run tables only, whatever is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib.params import Params
from soe_lib.run import Run
from soe_lib.views.blocks import Columns, Facts, Grid, Headline, Spark, Strip, as_html
from soe_lib.views.facts_of_run import moment, plural
from soe_lib.views.overview import function_pages, overview_page
from soe_lib.vocabulary import FUNCTIONS
from soe_lib.workspace import Workspace

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    workspace = Workspace(tmp_path)
    made = Run(tmp_path / "run", "demo", "2026-W48", AS_OF, "", Params(), workspace)
    made.say(
        "snapshot",
        {"currency": "EUR", "site_time_zone": "Europe/Berlin", "blockers": [], "headline": "ok"},
    )
    return made


def _orders(run: Run) -> None:
    late = pd.DataFrame(
        {
            "order_id": ["S1", "S2", "S3"],
            "line_id": ["10", "10", "20"],
            "customer_id": ["C1", "C2", HOSTILE],
            "customer_tier": ["A", None, "B"],
            "item_id": ["I1", "I2", "I3"],
            "due_at": pd.to_datetime(["2026-11-27T09:00Z"] * 3, utc=True),
            "promised_at": pd.to_datetime(["2026-11-29T09:00Z", None, "2026-11-26T09:00Z"]),
            "is_late": [True, True, False],
            "tardiness_days": [2.0, np.nan, 0.0],
            "late_cost": [1200.0, 300.0, 0.0],
            "margin_at_risk": [800.0, 100.0, 0.0],
        }
    )
    run.write(order_impact=late)


def _scenarios(run: Run, chosen_cost: float = 900.0) -> None:
    run.write(
        scenarios=pd.DataFrame(
            {
                "scenario": ["do_nothing", "overtime"],
                "title": ["Do nothing", "Overtime"],
                "num_late_lines": [2, 1],
                "late_cost": [1500.0, 400.0],
                "overtime_cost": [0.0, chosen_cost - 400.0],
                "num_moves": [0, 3],
                "total_cost": [1500.0, chosen_cost],
                "is_recommended": [False, True],
            }
        )
    )


def _commitments(run: Run) -> None:
    run.write(
        commitments=pd.DataFrame(
            {
                "function": ["logistics", "operations"],
                "due_at": [AS_OF + pd.Timedelta(hours=30), AS_OF + pd.Timedelta(hours=4)],
                "text": ["move truck T1", f"book overtime {HOSTILE}"],
                "old_value": ["", ""],
                "new_value": ["", ""],
                "money": [np.nan, 500.0],
                "reason_code": ["r", "r"],
            }
        )
    )


def _html(blocks: list) -> str:
    return "\n".join(as_html(block) for block in blocks)


def test_first_page_of_an_empty_run_is_a_sentence(run: Run) -> None:
    """Tests that a run in which no step wrote anything still has a first page and six others."""
    html = _html(overview_page(run))
    assert "no step has run yet" in html
    assert [name for name, _, _ in function_pages(run)] == list(FUNCTIONS)


def test_the_sentence_of_the_week_is_computed_from_rows(run: Run) -> None:
    """Tests that lines, money, saving and deadline in the headline are those of the tables."""
    _orders(run)
    _scenarios(run)
    _commitments(run)
    html = _html(overview_page(run))
    assert (
        "2 of 3 open order lines are projected late: 1,500 EUR if nothing is done; proposed is "
        "&#x27;Overtime&#x27;, which saves 600 EUR and leaves 1 late line; 2 commitments to sign, "
        "the first due Mon 23 Nov 10:00."
    ) in html


def test_a_scenario_that_saves_nothing_is_not_sold(run: Run) -> None:
    """Tests that the first page says so when no scenario is cheaper than doing nothing."""
    _orders(run)
    _scenarios(run, chosen_cost=1500.0)
    html = _html(overview_page(run))
    assert "no scenario is cheaper than doing nothing" in html
    assert "which saves" not in html


def test_worst_orders_stand_in_the_order_of_their_cost(run: Run) -> None:
    """Tests that the grid shows late lines only, as step 2 ordered them, never ones for no date."""
    _orders(run)
    html = _html(overview_page(run))
    table = html[html.index("<caption>The 5 order lines") :]
    table = table[: table.index("</table>")]
    assert table.index("S1 / 10") < table.index("S2 / 10")
    assert "S3" not in table
    assert "never" in table
    assert "Sun 29 Nov" in table


def test_text_from_the_feed_is_escaped_everywhere(run: Run) -> None:
    """Tests that hostile text in any table reaches no page as markup."""
    _orders(run)
    _scenarios(run)
    _commitments(run)
    run.say("divergence", {"headline": HOSTILE})
    run.say("snapshot", {**run.words("snapshot"), "blockers": [HOSTILE] * 4})
    pages = [_html(overview_page(run)), *(_html(blocks) for _, _, blocks in function_pages(run))]
    assert all("<script" not in page for page in pages)
    assert "and 3 more on the page 0 Data" in pages[0]


def test_without_projected_orders_the_largest_divergences_take_their_place(run: Run) -> None:
    """Tests that a feed without a schedule shows its divergences and says why."""
    run.write(
        divergences=pd.DataFrame(
            {
                "divergence_type": ["demand_above_plan"] * 2,
                "subject": ["demand"] * 2,
                "sentence": ["small", "large"],
                "owner_role": ["demand_planning"] * 2,
                "money_at_risk": [np.nan, np.nan],
                "severity": [1.0, 9.0],
                "act_by_at": pd.to_datetime([None, None], utc=True),
            }
        )
    )
    run.say("what_if", {"headline": "What-if schedules are off: the feed has no resource."})
    html = _html(overview_page(run))
    assert html.index("large") < html.index("small")
    assert "What-if schedules are off" in html


def test_kpi_strip_shows_rank_order_and_trend(run: Run) -> None:
    """Tests that the strip shows ranked KPIs with a value, each with its own weeks."""
    run.write(
        kpis=pd.DataFrame(
            {
                "kpi": ["b", "a", "c"],
                "kpi_id": ["b", "a", "c"],
                "label": ["Second", "First", "None"],
                "value": [1.0, 2.0, np.nan],
                "value_text": ["1 %", "2 %", "not evaluable"],
                "brief": ["", "usual noise", ""],
                "tone": ["neutral", "bad", "neutral"],
                "rank": [1.0, 0.0, 2.0],
            }
        ),
        kpi_trend=pd.DataFrame(
            {
                "kpi_id": ["a", "a", "b"],
                "period_end": [AS_OF, AS_OF - pd.Timedelta(weeks=1), AS_OF],
                "value": [2.0, 1.0, 1.0],
            }
        ),
    )
    html = _html(overview_page(run))
    strip = html[html.index("How last week went") :]
    assert strip.index("First") < strip.index("Second")
    assert "None" not in strip
    assert strip.count("<svg") == 1


def test_function_page_holds_its_own_rows_only(run: Run) -> None:
    """Tests that a function sees its commitments and the number of them in its sentence."""
    _commitments(run)
    pages = {name: blocks for name, _, blocks in function_pages(run)}
    text = next(b.text for b in pages["operations"] if isinstance(b, Headline))
    assert text == (
        "Operations: 0 divergences to own; 1 commitment proposed, the first due Mon 23 Nov 10:00."
    )
    grids = [b for b in pages["logistics"] if isinstance(b, Grid)]
    tasks = next(grid for grid in grids if grid.title == "Commitments proposed to you")
    assert tasks.frame["what"].tolist() == ["move truck T1"]
    assert "money" not in "".join(tasks.frame.columns)  # nothing costs anything: no column of 0


def test_functions_see_what_their_question_is_answered_from(run: Run) -> None:
    """Tests what procurement can pull in, for how much, and which deviation of demand lasts."""
    run.write(
        interventions=pd.DataFrame(
            {
                "lever": ["overtime", "expedite", "expedite", "expedite"],
                "object_id": ["L1", "P1/1", "P1/1", "P2/1"],
                "what": ["L1", "expedite P1/1 (A)", "expedite P1/1 (A)", "expedite P2/1 (B)"],
                "cost": [1.0, 900.0, 900.0, 100.0],
                "act_by_at": run.as_of,
                "num_lines": [9, 2, 2, 5],
            }
        ),
        demand_vs_plan=pd.DataFrame(
            {
                "family_id": ["A"] * 3 + ["B"] * 3,
                "planned_qty": 100.0,
                "actual_qty": [130.0, 120.0, 200.0, 90.0, 105.0, 100.0],
                "deviation_qty": [30.0, 20.0, 100.0, -10.0, 5.0, 0.0],
                "is_past": [True, True, False] * 2,
                "is_outside": [True, True, True, False, False, False],
            }
        ),
    )
    pages = {name: blocks for name, _, blocks in function_pages(run)}
    frames = {
        grid.title.split(" ")[0]: grid.frame
        for name in ("procurement", "demand_planning")
        for grid in pages[name]
        if isinstance(grid, Grid)
    }
    pulled = frames["Purchases"]
    assert pulled["purchase"].tolist() == ["P2/1 (B)", "P1/1 (A)"]
    assert pulled.filter(like="price").iloc[:, 0].tolist() == [100, 900]
    demand = frames["The"].set_index("family")
    assert demand["lasting"].to_dict() == {"A": "yes", "B": "no"}
    assert demand["too much in weeks ahead"].to_dict() == {"A": 100, "B": 0}
    assert demand["ordered - planned %"].to_dict() == {"A": "25.0", "B": "-2.5"}


def test_new_blocks_draw_what_they_are_given() -> None:
    """Tests that facts, strips and columns draw their text, and unknown points leave no line."""
    html = as_html(
        Columns(
            (
                (Facts("t", (("label", "words"),)),),
                (Strip((Spark("k", "9 %", points=(float("nan"), 1.0)),)),),
            ),
            (2, 1),
        )
    )
    assert "<dt>label</dt><dd>words</dd>" in html
    assert "minmax(0,2fr) minmax(0,1fr)" in html
    assert "<svg" not in html
    assert "nothing here" in as_html(Facts("t", (), "nothing here"))


def test_moments_are_of_the_site(run: Run) -> None:
    """Tests that instants are shown in the site's time and plain days as they are."""
    assert moment(pd.Timestamp("2026-11-23T23:30Z"), run) == "Tue 24 Nov 00:30"
    assert moment(pd.Timestamp("2026-11-23T23:30Z"), run, brief=True) == "Tue 00:30"
    assert moment(pd.NaT, run) == ""
    assert plural(1, "divergence") == "1 divergence"
    assert json.dumps(plural(2000, "line")) == '"2,000 lines"'


def test_terms_of_the_recommendation_add_up_to_its_total(run: Run) -> None:
    """Tests that the money rows on the first page sum to the total, small terms together."""
    _orders(run)
    _scenarios(run)
    terms = {"a": (900.0, 100.0), "b": (400.0, 300.0), "c": (200.0, 0.0), "d": (0.0, 350.0)}
    terms |= {"e": (0.0, 149.0), "f": (0.0, 1.0), "g": (0.0, 0.0)}
    run.write(
        scenario_costs=pd.DataFrame(
            [
                {"scenario": name, "term": term, "cost": cost}
                for term, both in terms.items()
                for name, cost in zip(("do_nothing", "overtime"), both, strict=True)
            ]
        )
    )
    (screen,) = overview_page(run)
    (rows,) = screen.columns
    beside = next(block for block in rows if isinstance(block, Columns))
    frame = beside.columns[1][0].frame
    money = frame[~frame["in EUR"].isin(["late order lines", "total cost"])]
    total = frame[frame["in EUR"] == "total cost"].iloc[0]
    assert money["in EUR"].tolist() == ["a", "c", "d", "e", "other terms"]
    assert money["do nothing"].sum() == pytest.approx(total["do nothing"])
    assert money["recommended"].sum() == pytest.approx(total["recommended"])


def test_past_due_lines_are_not_called_projected(run: Run) -> None:
    """Tests that without a schedule lines are past due, and no unknown money is shown."""
    rows = _past_due()
    run.write(order_impact=rows)
    run.say("impact", {"headline": "past due", "is_projected": False})
    html = _html(overview_page(run))
    assert "2 of 2 open order lines are past due." in html
    assert "projected" not in html
    assert "At risk if nothing is done" not in html
    assert "The 5 order lines that are latest" in html


def _past_due() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": ["S1", "S2"],
            "line_id": ["10", "10"],
            "customer_id": ["C1", "C2"],
            "due_at": pd.to_datetime(["2026-11-20T09:00Z"] * 2, utc=True),
            "promised_at": pd.to_datetime([None, None], utc=True),
            "is_late": [True, True],
            "tardiness_days": [3.0, 3.0],
            "late_cost": [0.0, 0.0],
            "margin_at_risk": [0.0, 0.0],
        }
    )
