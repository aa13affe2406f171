"""Trends: what lasts is found though each week is within reason, what only scatters is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.trends import demand_trends, unreliable_suppliers
from soe_lib.params import Params
from tests.divergence_tables import AS_OF, buy, check_contract, facts, opened, order, table

WEEK = pd.Timedelta(days=7)
TODAY = pd.Timestamp("2026-11-23")


def weeks(**ratios: list[float]) -> pd.DataFrame:
    """Return past weeks by family: ordered over 1,000 planned, the newest last."""
    rows = [
        (family, TODAY - (len(own) - k) * WEEK, 1000.0, 1000.0 * ratio, True)
        for family, own in ratios.items()
        for k, ratio in enumerate(own)
    ]
    names = ["family_id", "week_start_date", "planned_qty", "actual_qty", "is_past"]
    found = pd.DataFrame(rows, columns=names)
    return found.assign(week_start_date=found["week_start_date"].astype("datetime64[us]"))


NOISE = [1.03, 0.97, 1.01, 0.96, 1.04, 0.99, 1.02, 0.98]


def test_a_family_that_stays_above_its_plan_is_a_trend() -> None:
    """Tests that 7 % for six weeks, inside the band of 10 % each, is one row with its weeks."""
    items = [buy("C1", family_id="COLA"), buy("T1", family_id="TEA")]
    found = facts(
        item=table("item", *items),
        sales_order_line=table(
            "sales_order_line",
            order("S1", "C1", requested_date="2026-10-11"),
            order("S2", "C1", requested_date="2026-10-12"),
            order("S3", "C1", requested_date="2026-11-22"),
            order("S4", "C1", requested_date="2026-11-23"),
            order("S5", "T1", requested_date="2026-11-20"),
        ),
    )
    past = weeks(COLA=[1.01, 0.99, *[1.07, 1.06, 1.08, 1.07, 1.06, 1.08]], TEA=NOISE, MATE=NOISE)
    rows = demand_trends(found, past)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["COLA"]
    assert rows["planned_value"].tolist() == [6000.0]
    assert rows["actual_value"].iloc[0] == 6420.0
    assert "7 % above plan for 6 weeks in a row" in rows["sentence"].iloc[0]
    # It could be seen when the first of these weeks was over.
    assert rows["first_seen_at"].iloc[0] == AS_OF.normalize() - 5 * WEEK
    assert opened(found, rows)["requested_date"].dt.day.tolist() == [12, 22]


def test_a_trend_that_has_ended_or_only_begins_is_none() -> None:
    """Tests that the newest weeks decide, and that two of them are not three."""
    found = facts(item=table("item", buy()))
    ended = [1.08, 1.07, 1.09, 1.08, 1.07, 1.08, 1.0, 0.97]
    begun = [1.0, 0.98, 1.01, 1.0, 0.99, 0.98, 1.09, 1.09]
    assert demand_trends(found, weeks(COLA=ended, TEA=NOISE, MATE=NOISE)).empty
    assert demand_trends(found, weeks(COLA=begun, TEA=NOISE, MATE=NOISE)).empty


def test_demand_in_control_raises_as_few_trends_as_declared() -> None:
    """Tests on four times 600 families that a family newly signals once a year at most."""
    found = facts(item=table("item", buy()))
    random = np.random.default_rng(4)
    alarms = 0
    for _ in range(4):
        ratios = np.exp(0.05 * random.normal(size=(600, 9)))
        past = weeks(**{f"F{k}": list(own) for k, own in enumerate(ratios)})
        newest = past["week_start_date"] == past["week_start_date"].max()
        now = set(demand_trends(found, past)["object_id"])
        alarms += len(now - set(demand_trends(found, past[~newest])["object_id"]))
    expected = 4 * 600 / Params().divergence.false_alarm_weeks
    assert alarms <= expected + 3 * expected**0.5


def deliveries(late: list[bool], other: list[bool]) -> Facts:
    """Return receipts of two suppliers, one each two days, three working days late or in time."""
    lines, receipts = [], []
    for supplier, own in (("SUP1", late), ("SUP2", other)):
        for k, is_late in enumerate(own):
            came = AS_OF - pd.Timedelta(days=2 * (len(own) - k) - 1)
            required = (came - pd.Timedelta(days=5 if is_late else 0)).strftime("%Y-%m-%d")
            po = f"{supplier}-{k}"
            lines.append(
                {"po_id": po, "line_id": "1", "item_id": "BOTTLE", "supplier_id": supplier,
                 "ordered_qty": 10.0, "required_date": required, "status": "completed"}
            )  # fmt: skip
            receipts.append(
                {"po_id": po, "line_id": "1", "received_at": came, "received_qty": 10.0}
            )
    return facts(
        item=table("item", buy()),
        purchase_order_line=table("purchase_order_line", *lines),
        goods_receipt_event=table("goods_receipt_event", *receipts),
    )


def test_a_supplier_that_has_become_late_is_one_row() -> None:
    """Tests that one late receipt is none, and that the last four of a supplier are one row."""
    fine = [False] * 24
    once = deliveries([*fine, True, *[False] * 3], fine)
    assert unreliable_suppliers(once).empty
    found = deliveries([*fine, *[True] * 4], fine)
    rows = unreliable_suppliers(found)
    check_contract(rows)
    assert rows["object_id"].tolist() == ["SUP1"]
    assert "4 of its last 4 receipts late" in rows["sentence"].iloc[0]
    assert len(opened(found, rows)) == 4
