"""What is published: the preview's tables, read back as they were sent, harmless as files."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pandas as pd
import pytest
import sqlalchemy as sa

from soe_lib.decision.changes import order_confirmations
from soe_lib.decision.supply import supply_changes
from soe_lib.publish.b2mml import NAMESPACE
from soe_lib.publish.files import harmless, outbox_files
from soe_lib.publish.messages import build_messages, message_counts
from soe_lib.publish.preview import Proposal, preview
from soe_lib.publish.readback import synchronise
from soe_lib.publish.targets import StagingTarget
from soe_lib.scenario.catalogue import CATALOGUE
from soe_lib.scenario.context import Context
from soe_lib.scenario.difference import moved_operations
from soe_lib.scenario.evaluate import evaluate
from soe_lib.scenario.floor import with_floor_needs, with_promised_date
from soe_lib.scenario.levers import pulled_rows
from soe_lib.scenario.published import published_schedule
from soe_lib.scenario.result import start_of
from tests.tiny_plant import AS_OF, FRIDAY, HOUR, THURSDAY, Plant, params

FROZEN_UNTIL = AS_OF + pd.Timedelta(days=3)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Two jobs in the wrong order, a component too few, a name that is a formula."""
    return (
        Plant()
        .item("A")
        .item("B")
        .component("=C", "A")
        .purchase("P1", "=C", 400, "2026-11-24")
        .work("W1", "B", 8, THURSDAY, release_at=THURSDAY)
        .work("W2", "A", 8, FRIDAY, release_at=THURSDAY)
        .order("S1", "A", 480, THURSDAY + 8 * HOUR)
        .order("S2", "B", 480, FRIDAY + 80 * HOUR, customer_id="K2", tier="B", per_day=10.0)
    ).tables()


@pytest.fixture(scope="module")
def proposal(tables: dict[str, pd.DataFrame]) -> Proposal:
    """The schedule that runs both as well as it can, with what it changes."""
    start = start_of(Context(tables, AS_OF, "UTC", params()))
    found = evaluate(CATALOGUE["resequence"], start, [start.nothing])
    assert found.violations.empty
    operations = with_floor_needs(found.schedule.operations, tables, AS_OF)
    promises = with_promised_date(found.schedule.promises, tables, "UTC")
    before = published_schedule(tables, AS_OF).astype({"op_no": "int64", "split_no": "int64"})
    return Proposal(
        operations,
        promises,
        found.schedule.pegging,
        moved_operations(before, operations),
        order_confirmations(promises, tables),
        supply_changes(found.schedule.purchases, pulled_rows([]), tables),
    )


@pytest.fixture(scope="module")
def shown(proposal: Proposal) -> dict[str, pd.DataFrame]:
    """The preview."""
    return preview(proposal, version_id="2026-W48", published_at=AS_OF, frozen_until=FROZEN_UNTIL)


def test_the_new_version_is_what_was_chosen(
    shown: dict[str, pd.DataFrame], proposal: Proposal, tables: dict[str, pd.DataFrame]
) -> None:
    """Tests that APS reads back the chosen schedule as the version in force."""
    version = shown["aps_schedule"]
    later = {**tables, "schedule_operation": pd.concat([tables["schedule_operation"], version])}
    back = published_schedule(later, AS_OF)
    key = ["wo_id", "op_no", "split_no"]
    chosen = proposal.operations.set_index(key)
    for row in back.itertuples():
        own = chosen.loc[(row.wo_id, row.op_no, row.split_no)]
        assert (row.start_at, row.end_at) == (own["start_at"], own["end_at"])
        assert row.is_frozen == (own["start_at"] < FROZEN_UNTIL)
    assert len(back) == len(chosen)
    again = moved_operations(back.astype({"op_no": "int64", "split_no": "int64"}), version)
    assert again.empty


def test_dispatch_is_in_sequence_and_marks_what_changed(shown: dict[str, pd.DataFrame]) -> None:
    """Tests numbers from one on each line, ascending starts, and the change beside each job."""
    dispatch = shown["mes_dispatch"]
    for _, jobs in dispatch.groupby("resource_id"):
        assert jobs["sequence_no"].tolist() == list(range(1, len(jobs) + 1))
        assert jobs["start_at"].is_monotonic_increasing
    changed = dispatch[dispatch["change"] != ""]["wo_id"].tolist()
    assert changed == shown["aps_changes"].sort_values("start_after_at")["wo_id"].tolist()


def test_what_is_made_is_no_purchase(shown: dict[str, pd.DataFrame], proposal: Proposal) -> None:
    """Tests that ERP's purchases are bought items only, with the supplier of the last order."""
    bought = shown["erp_purchases"]
    assert bought["item_id"].tolist() == ["=C"]
    assert bought["qty"].tolist() == [80.0]  # 480 are needed, 400 are on order
    assert bought["supplier_id"].tolist() == ["V1"]
    assert set(proposal.supplies["action"]) == {"order"}


def test_what_was_sent_is_read_back(shown: dict[str, pd.DataFrame]) -> None:
    """Tests that three systems hold every fact once and the seal is green."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    targets = [StagingTarget(engine, system) for system in ("APS", "ERP", "MES")]
    for target in targets:
        target.create()
    messages = build_messages(shown, "2026-W48", 1)
    seal, log = synchronise(messages, targets)
    assert seal.is_green
    assert seal.sentence == f"APS = ERP = MES: {len(messages)} facts agree."
    assert log["num_applied"].sum() == len(messages)
    counts = message_counts(messages).set_index(["system", "object_type"])["num_messages"]
    assert counts["APS", "operation"] == counts["MES", "operation"] == 2
    assert counts["ERP", "order_line"] == counts["APS", "order_line"] == 2
    assert counts["ERP", "purchase"] == 1
    schedule = shown["aps_schedule"]
    held = targets[2].read_back().set_index("object_id")["payload"]
    for row in schedule.itertuples():
        payload = json.loads(held[f"{row.wo_id}/{row.op_no}/{row.split_no}"])
        assert pd.Timestamp(payload["start_at"]) == row.start_at
        assert payload["resource_id"] == row.resource_id


def test_files_are_the_same_bytes_each_time_and_harmless(shown: dict[str, pd.DataFrame]) -> None:
    """Tests that the outbox is deterministic and that no cell of it is a formula."""
    messages = build_messages(shown, "2026-W48", 1)
    first, second = (
        outbox_files(shown, messages, publication_id="2026-W48", published_at=AS_OF)
        for _ in range(2)
    )
    assert first == second
    purchases = first["erp/purchases.csv"].decode()
    assert "'=C" in purchases
    assert ",=C" not in purchases
    manifest = json.loads(first["manifest.json"])
    assert set(manifest["files"]) == set(first) - {"manifest.json"}
    jobs = ElementTree.fromstring(first["mes/job_list.xml"])
    orders = jobs.findall(f"{{{NAMESPACE}}}JobOrder")
    names = [order.findtext(f"{{{NAMESPACE}}}ID") for order in orders]
    assert sorted(names) == ["W1/10/1", "W2/10/1"]  # type: ignore[type-var]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1"])
def test_no_text_is_run_by_a_spreadsheet(text: str) -> None:
    """Tests that texts that a spreadsheet would compute are shown instead."""
    shown_text = harmless(text)
    is_number = shown_text.lstrip("+-").replace(".", "").isdigit()
    assert is_number or shown_text[0] == "'"
