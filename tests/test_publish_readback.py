"""Publication reaches every system exactly once, or the difference is named."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.publish.messages import build_messages, canonical_payload
from soe_lib.publish.readback import compare, synchronise
from soe_lib.publish.targets import StagingTarget

AT = pd.Timestamp("2026-11-23T06:00Z")


def preview(num_operations: int = 6, shift_hours: float = 0.0) -> dict[str, pd.DataFrame]:
    """Build a small preview: operations, their work orders, two promises and a purchase."""
    numbers = np.arange(num_operations)
    start = AT + pd.to_timedelta(numbers + shift_hours, unit="h")
    operations = pd.DataFrame(
        {
            "wo_id": [f"W{n}" for n in numbers],
            "op_no": 10,
            "split_no": 1,
            "resource_id": "L1",
            "start_at": start,
            "end_at": start + pd.Timedelta(hours=1),
            "planned_qty": 10.0,
        }
    )
    return {
        "aps_schedule": operations,
        "aps_work_orders": operations[["wo_id", "start_at", "end_at", "planned_qty"]],
        "aps_promises": pd.DataFrame(
            {
                "order_id": ["S1", "S2"],
                "line_id": "1",
                "promised_date": pd.to_datetime(["2026-11-24", None]),
                "promised_qty": [5.0, np.nan],
            }
        ),
        "erp_purchases": pd.DataFrame(
            {
                "action": ["order"],
                "po_id": [np.nan],
                "line_id": [np.nan],
                "item_id": ["C1"],
                "supplier_id": ["V1"],
                "purchase_no": [1],
                "qty": [7.0],
                "order_at": [AT],
                "new_receipt_at": [AT + pd.Timedelta(days=2)],
            }
        ),
    }


def staging() -> list[StagingTarget]:
    """Create the three systems in one database in memory."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    targets = [StagingTarget(engine, system) for system in ("APS", "ERP", "MES")]
    for target in targets:
        target.create()
    return targets


class Faulty:
    """A link to a system that drops, repeats, reorders, delays, cuts and crashes."""

    def __init__(self, target: StagingTarget, faults: list[str], seed: int) -> None:
        self.system = target.system
        self.target = target
        self.faults = faults
        self.late: list[pd.DataFrame] = []
        self.random = np.random.default_rng(seed)

    def apply(self, messages: pd.DataFrame) -> pd.DataFrame:
        """Pass messages on through the next fault of the list; none left = a good link."""
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "crash before":
            raise ConnectionError("link down")
        if fault == "delay":
            self.late.append(messages)
            return pd.DataFrame({"idempotency_key": [], "outcome": []})
        if fault == "drop":
            messages = messages[self.random.random(len(messages)) < 0.5]
        if fault == "partial":
            messages = messages.head(len(messages) // 2)
        if fault == "duplicate":
            messages = pd.concat([messages, messages])
        if fault == "reorder":
            messages = messages.sample(frac=1, random_state=int(self.random.integers(1000)))
        done = self.target.apply(messages)
        while self.late:
            self.target.apply(self.late.pop())
        if fault == "crash after":
            raise ConnectionError("answer lost")
        return done

    def read_back(self) -> pd.DataFrame:
        """Read what the system really holds."""
        return self.target.read_back()


FAULTS = ["drop", "duplicate", "reorder", "delay", "partial", "crash before", "crash after"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from(FAULTS), max_size=4), min_size=3, max_size=3))
def test_faults_converge_and_nothing_is_applied_twice(faults: list[list[str]]) -> None:
    """Tests that any mix of link faults ends in the green seal with each fact applied once."""
    targets = staging()
    links = [
        Faulty(target, list(some), seed)
        for seed, (target, some) in enumerate(zip(targets, faults, strict=True))
    ]
    messages = build_messages(preview(), "2026-W48", 1)
    seal, log = synchronise(messages, links, attempts=8)
    assert seal.is_green, seal.differences
    assert log["num_applied"].sum() <= len(messages)
    for target in targets:
        assert (target.times_applied() == 1).all()


def on_postgresql(url: str, schema: str) -> list[StagingTarget]:
    """Open the three systems in a schema of a PostgreSQL server."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    targets = [StagingTarget(engine, system, schema) for system in ("APS", "ERP", "MES")]
    for target in targets:
        target.create()
    return targets


@pytest.mark.parametrize("fault", FAULTS)
def test_postgresql_converges_as_well(postgresql_url: str, fault: str) -> None:
    """Tests that each fault ends in the green seal in a staging schema of a real server."""
    targets = on_postgresql(postgresql_url, f"staging_{fault.replace(' ', '_')}")
    messages = build_messages(preview(), "2026-W48", 1)
    links = [Faulty(target, [fault, fault], seed) for seed, target in enumerate(targets)]
    seal, _ = synchronise(messages, links, attempts=6)
    assert seal.is_green, seal.differences
    for target in targets:
        assert (target.times_applied() == 1).all()


def test_postgresql_delivered_by_twenty_at_once(postgresql_url: str) -> None:
    """Tests that twenty who deliver the same publication together apply each fact once."""
    targets = on_postgresql(postgresql_url, "staging_crowd")
    messages = build_messages(preview(), "2026-W48", 1)

    def deliver(_: int) -> bool:
        own = on_postgresql(postgresql_url, "staging_crowd")
        return synchronise(messages, own, attempts=30)[0].is_green

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert all(pool.map(deliver, range(20)))
    for target in targets:
        assert (target.times_applied() == 1).all()
        assert len(target.times_applied()) == (messages["system"] == target.system).sum()


def test_lasting_fault_is_named() -> None:
    """Tests that a system that never answers leaves a red seal with its rows and its error."""
    targets = staging()
    dead = Faulty(targets[2], ["crash before"] * 9, 0)
    messages = build_messages(preview(4), "2026-W48", 1)
    seal, log = synchronise(messages, [*targets[:2], dead], attempts=3)
    assert not seal.is_green
    assert set(seal.differences["system"]) == {"MES"}
    assert set(seal.differences["difference"]) == {"missing"}
    assert len(seal.differences) == 4
    assert log.loc[log["system"] == "MES", "error"].str.contains("link down").all()
    assert "MES 4" in seal.sentence


def test_a_changed_fact_is_shown() -> None:
    """Tests that a fact that somebody changed in one system is the one row that differs."""
    targets = staging()
    messages = build_messages(preview(), "2026-W48", 1)
    assert synchronise(messages, targets)[0].is_green
    other = canonical_payload({"resource_id": "L9"})
    with targets[2]._engine.begin() as connection:
        state = targets[2]._state
        here = state.c.object_id == "W3/10/1"
        connection.execute(sa.update(state).where(here).values(payload=other, payload_hash="x"))
    seal = compare(messages, targets)
    assert seal.differences[["system", "object_id"]].to_numpy().tolist() == [["MES", "W3/10/1"]]
    assert "L9" in seal.differences["held"].iloc[0]


def test_an_older_publication_never_overwrites_a_newer_one() -> None:
    """Tests that messages of last week that arrive late are stale, not applied."""
    targets = staging()
    old = build_messages(preview(), "2026-W47", 1)
    new = build_messages(preview(shift_hours=2), "2026-W48", 2)
    assert synchronise(new, targets)[0].is_green
    outcome = targets[0].apply(old)["outcome"]
    assert set(outcome) == {"stale"}
    assert compare(new, targets).is_green


def test_going_back_to_an_earlier_value_is_applied() -> None:
    """Tests that a third publication may restore what the first one said."""
    targets = staging()
    for number, shift in enumerate((0.0, 2.0, 0.0), start=1):
        messages = build_messages(preview(shift_hours=shift), f"P{number}", number)
        assert synchronise(messages, targets)[0].is_green


@pytest.mark.parametrize(
    "error",
    [ConnectionError("line is down\nsecond line"), sa.exc.OperationalError("select", {}, None)],
)
def test_a_read_back_that_fails_names_every_fact_of_that_system(error: Exception) -> None:
    """Tests that a system that raises is not green: its facts are named, the others compared."""
    messages = build_messages(preview(), "P1", 1)
    targets = staging()
    seal, _ = synchronise(messages, targets)
    assert seal.is_green

    class Silent(StagingTarget):
        def read_back(self) -> pd.DataFrame:
            raise error

    silent = Silent(sa.create_engine("sqlite://"), "ERP")
    seal = compare(messages, [targets[0], silent, targets[2]])
    assert not seal.is_green
    assert set(seal.differences["system"]) == {"ERP"}
    assert set(seal.differences["difference"]) == {"unreadable"}
    assert len(seal.differences) == (messages["system"] == "ERP").sum()
    assert type(error).__name__ in seal.differences["held"].iloc[0]
    assert "\n" not in seal.differences["held"].iloc[0]
    assert seal.sentence.startswith("Not sealed: ERP cannot be read back")


def test_a_system_that_cannot_be_read_breaks_the_seal() -> None:
    """Tests that two systems of three are not a green seal."""
    targets = staging()
    messages = build_messages(preview(), "2026-W48", 1)
    seal, _ = synchronise(messages, targets[:2])
    assert not seal.is_green
    assert "MES cannot be read back" in seal.sentence


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (10.0, 10.0000001),  # noise below the third decimal
        (pd.Timestamp("2026-11-23T06:00Z"), pd.Timestamp("2026-11-23T07:00+01:00")),  # one instant
        (np.nan, None),  # nothing is nothing
    ],
)
def test_equal_facts_have_equal_payloads(one: object, other: object) -> None:
    """Tests that the same fact in two spellings gives the same text."""
    assert canonical_payload({"fact": one}) == canonical_payload({"fact": other})
