"""The cause chain on a plant of one line: what is a root, what is folded, what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.divergence.chain import Chain
from soe_lib.divergence.detect import Baseline, detect
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.jeopardy import orders_in_jeopardy
from soe_lib.divergence.links import _overlap, work_order_pegging
from soe_lib.divergence.projection import project
from soe_lib.divergence.rows import EvidenceError, evidence, finish, typed_rows
from soe_lib.divergence.statement import problem_statement
from soe_lib.steps.divergence import compare
from tests.divergence_tables import ago, buy, check_contract, facts, make, opened, order, table


def ahead(hours: float) -> pd.Timestamp:
    return ago(hours=-hours)


def operation(wo: str, begin: float, end: float, item: str = "COLA") -> dict[str, object]:
    return {"version_id": "V1", "published_at": ago(1), "status": "published", "wo_id": wo,
            "op_no": 10, "split_no": 1, "item_id": item, "planned_qty": 600.0,
            "resource_id": "L", "setup_start_at": ahead(begin), "start_at": ahead(begin),
            "end_at": ahead(end), "is_frozen": False}  # fmt: skip


def work(wo: str, due: float, item: str = "COLA") -> dict[str, object]:
    return {"wo_id": wo, "item_id": item, "ordered_qty": 600.0, "release_at": ago(1),
            "due_at": ahead(due), "status": "released"}  # fmt: skip


def due(order_id: str, hours: float, item: str = "COLA", **more: object) -> dict[str, object]:
    return order(order_id, item, 600.0, due_at=ahead(hours), last_confirmed_date="2026-11-30",
                 **more)  # fmt: skip


def plant(**changes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """One line open day and night, two work orders of ten hours, an order line for each."""
    tables = {
        "item": table("item", make(lead_time_days=1.0), buy()),
        "resource": table("resource", {"resource_id": "L", "site_id": "P", "cost_per_hour": 10.0}),
        "resource_calendar": table(
            "resource_calendar",
            {"resource_id": "L", "start_at": ago(30), "end_at": ago(-60),
             "calendar_kind": "shift"},
        ),
        "routing_alternate": table(
            "routing_alternate",
            {"item_id": "COLA", "op_no": 10, "resource_id": "L", "run_minutes_per_unit": 1.0},
        ),
        "work_order": table("work_order", work("W1", 11), work("W2", 21)),
        "schedule_operation": table(
            "schedule_operation", operation("W1", 1, 11), operation("W2", 11, 21)
        ),
        "sales_order_line": table("sales_order_line", due("S1", 12), due("S2", 22)),
    }  # fmt: skip
    return {**tables, **changes}


@dataclass(frozen=True)
class Result:
    """What the plant's divergences are."""

    facts: Facts
    baseline: Baseline
    chain: Chain
    orders: pd.DataFrame


def run(tables: dict[str, pd.DataFrame]) -> Result:
    found = facts(**tables)
    projection = project(found.tables, found.as_of, found.params, found.time_zone)
    baseline, _ = compare(found, projection)
    chained, _ = detect(found, baseline)
    for rows in (chained.roots, chained.consequences):
        check_contract(rows)
    orders = orders_in_jeopardy(found, baseline.late, chained, baseline.links)
    return Result(found, baseline, chained, orders)


def kinds(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["object_id"], rows["divergence_type"], strict=True))


STOP = table(
    "downtime_event",
    {"resource_id": "L", "start_at": ago(hours=3), "is_planned": False, "reason_code": "R",
     "expected_end_at": ahead(20)},
)  # fmt: skip


def test_nothing_is_wrong_on_a_plan_that_holds() -> None:
    """Tests that a feasible plan without events has no divergence and says so."""
    result = run(plant())
    assert result.chain.roots.empty
    assert result.chain.consequences.empty
    words = problem_statement(result.facts, result.baseline, result.chain, "EUR")
    assert words.headline.startswith("Nothing diverged beyond tolerance; all 2 open order lines")


def test_a_stopped_line_is_one_divergence_with_its_orders() -> None:
    """Tests that a stop with two late orders behind it is one row, with their cost and its own."""
    result = run(plant(downtime_event=STOP))
    assert kinds(result.chain.roots) == {"L": "downtime"}
    assert kinds(result.chain.consequences) == {
        "S1/1": "order_in_jeopardy",
        "S2/1": "order_in_jeopardy",
    }
    root = result.chain.roots.iloc[0]
    assert root["num_orders"] == 2
    late = result.baseline.late
    assert late["lateness_days"].tolist() == pytest.approx([18 / 24, 18 / 24])
    assert root["money_at_risk"] == pytest.approx(3 * 10.0 + late["late_cost"].sum())
    assert set(result.chain.consequences["cause_id"]) == {root["divergence_id"]}
    assert result.orders["why"].tolist() == ["L stood", "L stood"]
    assert len(opened(result.facts, result.chain.roots)) == 1


def test_late_work_on_a_stopped_line_is_folded_only_if_it_was_due_after_the_stop() -> None:
    """Tests that work due before the line stopped stays a divergence of its own."""
    params = plant(downtime_event=STOP)
    early = {**params, "work_order": table("work_order", work("W1", -30), work("W2", 21))}
    result = run(early)
    assert kinds(result.chain.roots) == {"L": "downtime", "W1": "work_order_late"}
    long_stop = table(
        "downtime_event",
        {"resource_id": "L", "start_at": ago(2), "is_planned": False, "reason_code": "R",
         "expected_end_at": ahead(20)},
    )  # fmt: skip
    folded = run({**early, "downtime_event": long_stop})
    assert kinds(folded.chain.roots) == {"L": "downtime"}
    assert "work_order_late" in set(folded.chain.consequences["divergence_type"])


def bottles(on_hand: float, **purchase: object) -> dict[str, pd.DataFrame]:
    line = {"po_id": "P1", "line_id": "1", "supplier_id": "SUP", "item_id": "BOTTLE",
            "ordered_qty": 600.0, "received_qty": 0.0, "required_date": "2026-11-23",
            "promised_date": "2026-11-27", "status": "open", **purchase}  # fmt: skip
    return {
        "bom_component": table(
            "bom_component",
            {"parent_item_id": "COLA", "component_item_id": "BOTTLE", "qty_per": 1.0,
             "op_no": 10},
        ),
        "inventory_balance": table(
            "inventory_balance",
            {"item_id": "BOTTLE", "location_id": "W", "balance_at": ago(0),
             "on_hand_qty": on_hand},
        ),
        "purchase_order_line": table("purchase_order_line", line),
    }  # fmt: skip


def test_a_late_supplier_stands_behind_shortage_and_order() -> None:
    """Tests supplier late -> component short -> order late: one root, two consequences."""
    result = run(plant(**bottles(600.0)))
    assert kinds(result.chain.roots) == {"P1/1": "supplier_late"}
    assert kinds(result.chain.consequences) == {
        "BOTTLE": "material_shortage",
        "S2/1": "order_in_jeopardy",
    }
    assert result.chain.roots["num_orders"].tolist() == [1.0]
    assert result.orders["why"].tolist() == ["BOTTLE confirmed late"]
    assert result.baseline.material["missing_qty"].tolist() == [600.0]
    assert result.baseline.material["order_ids"].tolist() == ["S2"]


def test_money_is_shared_and_adds_up() -> None:
    """Tests that a line with two causes counts half at each, and nothing is lost."""
    result = run(plant(**bottles(600.0), downtime_event=STOP))
    roots = result.chain.roots.set_index("divergence_type")
    late = result.baseline.late.set_index("order_id")["late_cost"]
    assert set(roots.index) == {"downtime", "supplier_late"}
    assert roots.loc["supplier_late", "money_at_risk"] == pytest.approx(late["S2"] / 2)
    assert roots.loc["downtime", "money_at_risk"] == pytest.approx(
        30.0 + late["S1"] + late["S2"] / 2
    )
    shares = result.chain.touched.groupby(["order_id", "line_id"])["share"].sum()
    assert shares.tolist() == [1.0, 1.0]


def test_what_the_plan_has_late_is_the_plan_s_divergence() -> None:
    """Tests that a line that the published schedule ends late is not blamed on events."""
    lines = table("sales_order_line", due("S1", 12), due("S2", 14))
    result = run(plant(sales_order_line=lines))
    assert kinds(result.chain.roots) == {"COLAS": "late_in_schedule"}
    assert result.chain.roots["deviation"].tolist() == pytest.approx([7 / 24])
    assert result.orders["why"].tolist() == ["late in the published schedule already"]


def test_lines_that_nothing_covers_are_one_row_per_item() -> None:
    """Tests that lines for which a new order comes too late are one divergence of their item."""
    hours = (12, 22, 100, 110, 300)
    lines = table("sales_order_line", *(due(f"S{n}", at) for n, at in enumerate(hours, 1)))
    slow = table("item", make(lead_time_days=10.0), buy())
    result = run(plant(sales_order_line=lines, item=slow))
    assert kinds(result.chain.roots) == {"COLA": "demand_not_covered"}
    assert result.chain.roots["deviation"].tolist() == [-1200.0]
    assert result.chain.roots["num_orders"].tolist() == [2.0]
    assert result.orders["why"].tolist() == ["no supply planned"] * 2
    in_time = run(plant(sales_order_line=lines))
    assert in_time.chain.roots.empty  # a new order is there within a day


def test_intermediates_are_pegged_through_all_levels() -> None:
    """Tests that a stop under the intermediate's line reaches the order of the end item."""
    base = plant()
    tables = {
        **base,
        "item": table("item", make(lead_time_days=1.0), make("BULK", item_type="intermediate")),
        "resource": table("resource", {"resource_id": "L", "site_id": "P"},
                          {"resource_id": "M", "site_id": "P", "cost_per_hour": 10.0}),
        "resource_calendar": table(
            "resource_calendar",
            *({"resource_id": r, "start_at": ago(30), "end_at": ago(-60),
               "calendar_kind": "shift"} for r in "LM"),
        ),
        "routing_alternate": table(
            "routing_alternate",
            {"item_id": "COLA", "op_no": 10, "resource_id": "L", "run_minutes_per_unit": 1.0},
            {"item_id": "BULK", "op_no": 10, "resource_id": "M", "run_minutes_per_unit": 1.0},
        ),
        "bom_component": table(
            "bom_component",
            {"parent_item_id": "COLA", "component_item_id": "BULK", "qty_per": 1.0, "op_no": 10},
        ),
        "work_order": table("work_order", work("B1", 10, "BULK"), work("W2", 21)),
        "schedule_operation": table(
            "schedule_operation",
            {**operation("B1", 0.5, 10.5, "BULK"), "resource_id": "M"},
            operation("W2", 11, 21),
        ),
        "sales_order_line": table("sales_order_line", due("S2", 22)),
        "downtime_event": STOP.assign(resource_id="M").astype(STOP.dtypes.to_dict()),
    }  # fmt: skip
    result = run(tables)
    pegs = work_order_pegging(result.baseline.projection, result.facts.tables, result.facts.as_of)
    assert pegs[["consumer_wo_id", "wo_id", "qty"]].values.tolist() == [["W2", "B1", 600.0]]
    assert kinds(result.chain.roots) == {"M": "downtime"}
    assert result.orders["why"].tolist() == ["M stood"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.5, 50), min_size=1, max_size=8),
    st.lists(st.floats(0.5, 50), min_size=1, max_size=8),
)
def test_pegging_is_quantity_exact(needs: list[float], supplies: list[float]) -> None:
    """Tests that no need and no supply is pegged beyond itself and as much as possible is."""
    need, supply, qty = _overlap(np.array(needs), np.array(supplies))
    by_need = np.bincount(need, qty, minlength=len(needs))
    by_supply = np.bincount(supply, qty, minlength=len(supplies))
    assert (by_need <= np.array(needs) + 1e-6).all()
    assert (by_supply <= np.array(supplies) + 1e-6).all()
    assert qty.sum() == pytest.approx(min(sum(needs), sum(supplies)), abs=1e-6)


def test_evidence_filters_of_every_kind() -> None:
    """Tests equality, lists, instants after and until, missing values, and the errors."""
    rows = pd.DataFrame({"object_id": ["x"], "planned_value": [0.0], "actual_value": [1.0],
                         "sentence": ["one thing went wrong"]})  # fmt: skip
    data = pd.DataFrame(
        {
            "name": pd.Series(["a", "b", "a", "c"], dtype="str"),
            "number": pd.array([1, 2, 3, None], dtype="Int64"),
            "at": pd.to_datetime([ago(3), ago(2), ago(1), ago(0)]),
            "flag": pd.array([True, False, None, None], dtype="boolean"),
        }
    )

    def found(filters: dict[str, object]) -> list[int]:
        done = finish(
            rows, divergence_type="t", subject="s", object_type="o", owner_role="operations",
            unit="u", evidence_table="data", evidence=filters,
        )  # fmt: skip
        return evidence({"data": data}, done.iloc[0]).index.tolist()

    assert found({"name": "a"}) == [0, 2]
    assert found({"name": pd.Series([["b", "c"]], index=rows.index)}) == [1, 3]
    assert found({"number": [2, 3]}) == [1, 2]
    assert found({"at": {"after": ago(2), "until": ago(1)}}) == [2]
    assert found({"at": [ago(3), ago(0)]}) == [0, 3]
    assert found({"flag": [False, None]}) == [1, 2, 3]
    assert found({"name": None}) == []
    with pytest.raises(EvidenceError, match="no column"):
        found({"nothing": 1})
    with pytest.raises(EvidenceError, match="no table"):
        evidence({}, typed_rows(rows.assign(evidence_table="data", evidence_filter="{}")).iloc[0])


def test_late_work_holds_up_what_stands_behind_it_on_the_line() -> None:
    """Tests that a component short for one work order explains the order behind it in the queue."""
    tables = plant(**bottles(0.0))
    items = table("item", make(lead_time_days=1.0), make("TEA"), buy())
    both = table(
        "routing_alternate",
        *(
            {"item_id": item, "op_no": 10, "resource_id": "L", "run_minutes_per_unit": 1.0}
            for item in ("COLA", "TEA")
        ),
    )
    changes = {
        "item": items,
        "routing_alternate": both,
        "work_order": table("work_order", work("W1", 11), work("W2", 21, "TEA")),
        "schedule_operation": table(
            "schedule_operation", operation("W1", 1, 11), operation("W2", 11, 21, "TEA")
        ),
        "sales_order_line": table("sales_order_line", due("S1", 12), due("S2", 22, "TEA")),
    }
    result = run({**tables, **changes})
    assert kinds(result.chain.roots) == {"P1/1": "supplier_late"}
    assert result.chain.roots["num_orders"].tolist() == [2.0]
    assert result.orders["why"].tolist() == ["BOTTLE confirmed late"] * 2
    two = table("resource", {"resource_id": "L", "site_id": "P", "capacity_parallel": 2.0})
    assert kinds(run({**tables, **changes, "resource": two}).chain.roots)["P1/1"] == "supplier_late"
