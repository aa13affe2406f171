"""Outcomes, drift, commitments and restarts by hand: what happened against what was said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from soe_lib.monitoring.drift import drift, drift_sentence, foreign_versions
from soe_lib.monitoring.kept import commitment_states, kept_sentence
from soe_lib.monitoring.outcome import outcome_figures, outcome_lines
from soe_lib.monitoring.recompute import differences, kpi_digest
from soe_lib.monitoring.restarts import restarts, restarts_sentence
from soe_lib.params import MoneyParams
from tests.week_by_hand import END, MONDAY, at, planned, ran, typed, week_tables

PUBLISHED = MONDAY + pd.Timedelta(minutes=30)


def _line(order: str, status: str, left: str | None, **other: object) -> dict:
    return {
        "order_id": order,
        "line_id": "10",
        "schedule_no": 1,
        "customer_id": "C",
        "item_id": "X",
        "ordered_at": MONDAY - pd.Timedelta(days=9),
        "ordered_qty": 10.0,
        "net_price": 10.0,
        "status": status,
        "last_goods_issue_at": at(left) if left else None,
        **other,
    }


def _promise(order: str, due: str, ready: str) -> dict:
    late = max((at(ready) - at(due)).total_seconds() / 86_400, 0.0)
    return {
        "order_id": order,
        "line_id": "10",
        "item_id": "X",
        "open_qty": 10.0,
        "due_at": at(due),
        "promised_at": at(ready),
        "promised_qty": 10.0,
        "is_covered": True,
        "lateness_days": late or (at(ready) - at(due)).total_seconds() / 86_400,
    }


def test_outcomes_compare_each_promise_with_what_left() -> None:
    """Tests kept, broken, still open, cancelled and not yet due lines, and their sums."""
    orders = ("kept", "late", "open", "gone", "later")
    then = {"sales_order_line": typed("sales_order_line", [_line(o, "open", None) for o in orders])}
    now = {
        "sales_order_line": typed(
            "sales_order_line",
            [
                _line("kept", "completed", "Tue 20:00"),
                _line("late", "completed", "Fri 12:00"),
                _line("open", "open", None),
                _line("gone", "cancelled", None),
                _line("later", "open", None),
            ],
        )
    }
    promises = pd.DataFrame(
        [
            _promise("kept", "Tue 14:00", "Tue 10:00"),
            _promise("late", "Wed 14:00", "Thu 14:00"),
            _promise("open", "Thu 14:00", "Thu 10:00"),
            _promise("gone", "Thu 14:00", "Thu 10:00"),
            {**_promise("later", "Sun 14:00", "Sun 10:00"), "due_at": END + pd.Timedelta(days=2)},
        ]
    )
    lines = outcome_lines(promises, then, now, MONDAY, END, MoneyParams())
    own = lines.set_index("order_id")
    assert set(own.index) == {"kept", "late", "open", "gone"}
    assert own["is_known"].to_dict() == {"kept": True, "late": True, "open": True, "gone": False}
    assert own["actual_is_late"].to_dict() == {
        "kept": False, "late": True, "open": True, "gone": False}  # fmt: skip
    assert own.loc["kept", "error_days"] == 0.0
    assert own.loc["late", "error_days"] == pytest.approx((46 - 24) / 24)
    assert own.loc["open", "actual_lateness_days"] == pytest.approx(3 + 10 / 24)
    assert own.loc["late", "actual_late_cost"] > own.loc["late", "expected_late_cost"] > 0
    figures = outcome_figures(lines)
    assert (figures["num_lines"], figures["num_unknown"]) == (3, 1)
    assert (figures["expected_late_lines"], figures["actual_late_lines"]) == (1, 2)
    assert figures["num_surprises"] == 1
    assert figures["actual_on_time_pct"] == pytest.approx(100 / 3)
    assert np.isnan(outcome_figures(lines.head(0))["bias_days"])


def _published() -> dict[str, pd.DataFrame]:
    rows = [
        planned("W1", "X", "L1", "Tue 08:00", "Tue 18:00", 100.0, version="P", published=PUBLISHED),
        planned("W2", "X", "L1", "Wed 08:00", "Wed 18:00", 100.0, version="P", published=PUBLISHED),
        planned("W3", "X", "L1", "Sat 08:00", "Sat 18:00", 100.0, version="P", published=PUBLISHED),
    ]
    return {
        "aps_schedule": typed("schedule_operation", rows).astype(
            {"op_no": "int64", "split_no": "int64"}
        ),
        "erp_confirmations": pd.DataFrame(
            {"order_id": ["A", "B"], "line_id": ["10", "10"],
             "new_confirmed_date": ["2026-11-19", "2026-11-20"]}
        ),
        "erp_purchases": pd.DataFrame(
            {"po_id": ["P1"], "line_id": ["10"], "action": ["expedite"],
             "new_receipt_at": [at("Tue 12:00")]}
        ),
    }  # fmt: skip


def _now(version: str = "P", start: str = "Sat 08:00") -> dict[str, pd.DataFrame]:
    friday = at("Fri 05:00")
    plan = [
        planned("W1", "X", "L1", "Tue 08:00", "Tue 18:00", 100.0, version="P", published=PUBLISHED),
        planned("W2", "X", "L1", "Wed 08:00", "Wed 18:00", 100.0, version="P", published=PUBLISHED),
        planned("W3", "X", "L1", "Sat 08:00", "Sat 18:00", 100.0, version="P", published=PUBLISHED),
    ]
    if version != "P":
        plan.append(
            planned("W3", "X", "L1", start, "Sun 18:00", 100.0, version=version,
                    published=friday - pd.Timedelta(hours=1))
        )  # fmt: skip
    runs = [
        ran("W2", "L1", "Tue 08:00", "Tue 18:00", 100.0),
        ran("W1", "L2" if version != "P" else "L1", "Wed 08:00", "Wed 18:00", 100.0),
    ]
    tables = week_tables(plan, runs)
    tables["sales_order_line"] = typed(
        "sales_order_line",
        [
            _line("A", "open", None, last_confirmed_date=pd.Timestamp("2026-11-19")),
            _line("B", "open", None, last_confirmed_date=pd.Timestamp(
                "2026-11-20" if version == "P" else "2026-11-18")),
        ],
    )  # fmt: skip
    tables["purchase_order_line"] = typed(
        "purchase_order_line",
        [
            {"po_id": "P1", "line_id": "10", "supplier_id": "S", "item_id": "C",
             "ordered_qty": 1.0, "received_qty": 0.0, "status": "open",
             "promised_date": pd.Timestamp("2026-11-17" if version == "P" else "2026-11-20"),
             "required_date": pd.Timestamp("2026-11-20")}
        ],
    )  # fmt: skip
    return tables


def test_nothing_has_drifted_where_the_systems_hold_what_was_published() -> None:
    """Tests that an order changed on the floor only is no drift of the lists."""
    found = drift(_published(), _now(), PUBLISHED, at("Fri 05:00"), "P")
    assert found.empty, found
    assert "still hold" in drift_sentence(found, "P")


def test_drift_names_each_system_and_fact() -> None:
    """Tests a foreign version, a moved start, another date, a late purchase, another resource."""
    now = _now("V9", "Sun 08:00")
    found = drift(_published(), now, PUBLISHED, at("Fri 05:00"), "P")
    told = found[["system", "object_id", "what"]].to_records(index=False).tolist()
    assert told == [
        ("APS", "W3/10", "at another time"),
        ("APS", "V9", "published outside the process"),
        ("ERP", "B/10", "confirmed for another date"),
        ("ERP", "P1/10", "promised later than published"),
        ("MES", "W1/10", "ran on another resource"),
    ]
    assert foreign_versions(now, PUBLISHED, "P")["version_id"].tolist() == ["V9"]
    assert "5 facts have drifted: 2 in APS, 2 in ERP, 1 in MES" in drift_sentence(found, "P")


def _commitment(name: str, action: str, object_id: str, due: str, **other: object) -> dict:
    return {
        "commitment_id": name,
        "function": "operations",
        "owner_id": "operations",
        "action": action,
        "object_type": "purchase_order_line" if action == "expedite" else "x",
        "object_id": object_id,
        "due_at": at(due),
        "new_value": "",
        "quantity": 1.0,
        "text": name,
        **other,
    }


def test_commitments_are_kept_broken_overdue_or_open() -> None:
    """Tests each state: by the feed, by what people say, by the clock."""
    rows = pd.DataFrame(
        [
            _commitment("sequence", "run_sequence", "L1", "Tue 08:00"),
            _commitment("kept", "redate", "A/10", "Tue 08:00", new_value="2026-11-19"),
            _commitment("broken", "redate", "B/10", "Tue 08:00", new_value="2026-11-21"),
            _commitment("pulled", "expedite", "P1/10", "Tue 08:00", new_value="2026-11-17"),
            _commitment("silent", "provide", "exposure", "Tue 08:00"),
            _commitment("coming", "provide", "exposure", "Sun 08:00"),
            _commitment("said", "book_effect", "total", "Tue 08:00"),
        ]
    )
    now, plan = _now(), _published()["aps_schedule"]
    found = commitment_states(
        rows, "2026-W47", plan, now, PUBLISHED, at("Fri 05:00"), {"said": "done"}
    )
    states = found.set_index("commitment_id")["state"].to_dict()
    assert states == {
        "sequence": "broken",  # W2 ran before W1: one of two in order
        "kept": "kept",
        "broken": "broken",
        "pulled": "kept",
        "silent": "overdue",
        "coming": "open",
        "said": "kept",
    }
    assert found["state"].tolist()[:3] == ["broken", "broken", "overdue"], "what needs somebody"
    assert kept_sentence(found) == (
        "3 of 6 commitments that fell due were kept, 2 broken, 1 overdue without a sign of it."
    )


def test_restarts_know_their_past() -> None:
    """Tests new, back after closing, still there after a decision; known and undecided is none."""
    names = ("new", "back", "stays", "waits")
    divergences = pd.DataFrame(
        {
            "divergence_id": names,
            "sentence": names,
            "owner_role": "operations",
            "money_at_risk": [1.0, 2.0, 3.0, 4.0],
            "num_orders": 1,
        }
    )
    rows = []

    def say(name: str, cycle: str, kind: str, content: dict) -> None:
        rows.append((len(rows) + 1, kind, name, cycle, MONDAY, "batch", json.dumps(content)))

    for name, states in (
        ("back", ("open", "decided", "closed")),
        ("stays", ("open", "decided", "executing")),
        ("waits", ("open",)),
    ):
        for state in states:
            say(name, "2026-W46", "state", {"state": state, "reason": "", "source": "demo"})
    say("back", "2026-W46", "remark", {"text": "supplier rang"})
    say("new", "2026-W47", "state", {"state": "open", "reason": "", "source": "demo"})
    say("new", "2026-W46", "state", {"state": "closed", "reason": "", "source": "other"})
    columns = ["number", "kind", "object_id", "cycle_id", "said_at", "person", "content"]
    found = restarts(divergences, pd.DataFrame(rows, columns=columns), "2026-W47", "demo")
    assert found["divergence_id"].tolist() == ["back", "stays", "new"]
    past = found.set_index("divergence_id")["past"]
    assert past["back"] == "2026-W46: open, decided, closed, remark 'supplier rang'"
    assert past["new"] == ""
    assert "3 variances" in restarts_sentence(found)
    assert "Nothing new" in restarts_sentence(found.head(0))


def _kpis(value: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kpi_id": ["otif", "oee"],
            "period_end": [END, END],
            "value": [value, np.nan],
            "n": [10, 0],
            "excluded": ["", "late 1"],
        }
    )


def test_a_figure_that_moved_by_a_bit_is_a_difference() -> None:
    """Tests equality to the last bit, NaN with NaN, missing rows, and the hash of a report."""
    assert differences(_kpis(88.4), _kpis(88.4), "kpis").empty
    moved = differences(_kpis(88.4), _kpis(np.nextafter(88.4, 99)), "kpis")
    assert moved[["kpi_id", "column"]].to_records(index=False).tolist() == [("otif", "value")]
    gone = differences(_kpis(88.4), _kpis(88.4).head(1), "kpis")
    assert gone[["kpi_id", "column", "recomputed"]].to_records(index=False).tolist() == [
        ("oee", "row", "missing")
    ]
    assert kpi_digest(_kpis(1.0)) == kpi_digest(_kpis(1.0).iloc[::-1])
    assert kpi_digest(_kpis(1.0)) != kpi_digest(_kpis(1.5))
    with pytest.raises(ValueError, match="twice"):
        differences(pd.concat([_kpis(1.0), _kpis(1.0)]), _kpis(1.0), "kpis")
