"""The ledger: everybody may write at once, nobody may rewrite."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from soe_lib.ledger import Ledger, LedgerError
from soe_lib.workspace import Workspace

AT = pd.Timestamp("2026-11-23T07:00Z")
NAIVE = pd.Timestamp("2026-11-23T07:00")
SAID = {"cycle_id": "2026-W48", "said_at": AT, "person": "analyst"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Path of a ledger with three entries."""
    file = tmp_path / "ledger.sqlite"
    with Ledger(file) as ledger:
        ledger.record_cycle("2026-W48", "demo", AT, "abc", "done")
        ledger.add_remark("D1", " line 2 was down ", **SAID)
        ledger.set_state("D1", "assessed", reason="checked", **SAID)
    return file


def test_remarks_and_states_are_what_was_said_last(path: Path) -> None:
    """Tests that remarks keep their order and a state is the latest one."""
    with Ledger(path) as ledger:
        ledger.set_state("D2", "open", **SAID)
        ledger.set_state("D1", "options", **{**SAID, "person": "planner"})
        ledger.add_remark("D1", "up again", **SAID)
        states = ledger.states().set_index("divergence_id")
        remarks = ledger.remarks()
        assert ledger.newest_number() == 6
        assert ledger.verify() == []
    assert states["state"].to_dict() == {"D1": "options", "D2": "open"}
    assert states.loc["D1", "person"] == "planner"
    assert states.loc["D1", "number"] == 5
    assert remarks["text"].tolist() == ["line 2 was down", "up again"]
    assert remarks["said_at"].tolist() == [AT, AT]


def test_entries_filter_and_are_typed_when_empty(path: Path, tmp_path: Path) -> None:
    """Tests that entries can be asked for by kind and object, and none is an empty table."""
    with Ledger(path) as ledger:
        assert ledger.entries("cycle")["object_id"].tolist() == ["2026-W48/demo"]
        assert ledger.entries(object_id="D1")["kind"].tolist() == ["remark", "state"]
    with Ledger(tmp_path / "empty.sqlite") as ledger:
        assert ledger.newest_number() == 0
        assert ledger.states().empty
        assert ledger.remarks().empty
        assert ledger.verify() == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ledger: ledger.add_remark("D1", "  ", **SAID), "empty remark"),
        (
            lambda ledger: ledger.set_state("D1", "done", **SAID),
            "unknown state 'done'; known",
        ),
        (lambda ledger: ledger.add_remark("D1", "x", **{**SAID, "person": " "}), "needs a person"),
        (
            lambda ledger: ledger.add_remark(
                "D1", "x", **{**SAID, "said_at": AT.tz_localize(None)}
            ),
            "instant with zone",
        ),
        (
            lambda ledger: ledger.set_state("D1", "closed", expected_number=2, **SAID),
            r"changed by somebody else \(entry 3\)",
        ),
    ],
)
def test_illegal_entries_are_refused(path: Path, call: object, said: str) -> None:
    """Tests that an entry that says nothing, or comes too late, is refused and leaves no trace."""
    with Ledger(path) as ledger:
        with pytest.raises(LedgerError, match=said):
            call(ledger)  # type: ignore[operator]
        assert ledger.newest_number() == 3


def test_optimistic_locking_lets_the_first_one_through(path: Path) -> None:
    """Tests that of two writers who saw the same state only the first changes it."""
    with Ledger(path) as one, Ledger(path) as two:
        assert one.set_state("D1", "options", expected_number=3, **SAID) == 4
        with pytest.raises(LedgerError, match="changed by somebody else"):
            two.set_state("D1", "closed", expected_number=3, **SAID)


def _write(path: Path, person: str, count: int) -> None:
    with Ledger(path) as ledger:
        for number in range(count):
            ledger.add_remark(f"D{number}", "said", cycle_id="W", said_at=AT, person=person)


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Tests that two processes with 200 entries each lose none and keep the chain whole."""
    path = tmp_path / "shared.sqlite"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(path, name, 200)) for name in ("ann", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    with Ledger(path) as ledger:
        entries = ledger.entries()
        assert ledger.verify() == []
    assert entries["number"].tolist() == list(range(1, 401))
    for name in ("ann", "bob"):
        own = entries.loc[entries["person"] == name, "object_id"].tolist()
        assert own == [f"D{number}" for number in range(200)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            'UPDATE entry SET content = \'{"text": "all well"}\' WHERE number = 2',
            "entry 2 was edited",
        ),
        ("UPDATE entry SET person = 'boss' WHERE number = 1", "entry 1 was edited"),
        ("DELETE FROM entry WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM entry WHERE number = 1", "entry 1 is missing"),
        ("UPDATE entry SET number = 9 WHERE number = 3", "entry 3 is missing"),
        (
            "UPDATE entry SET hash = 'f' WHERE number = 2",
            "entry 3 does not follow",
        ),
    ],
)
def test_history_cannot_be_rewritten(path: Path, sql: str, said: str) -> None:
    """Tests that the database refuses changes, and a change by force shows in verify."""
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(sql)
    connection.execute("DROP TRIGGER entry_no_update")
    connection.execute("DROP TRIGGER entry_no_delete")
    connection.execute(sql)
    connection.commit()
    connection.close()
    with Ledger(path) as ledger:
        assert any(said in fault for fault in ledger.verify()), ledger.verify()


def test_unusable_databases_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that a ledger that cannot be opened is an error in words without the URL."""
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database" * 100)
    for url in (broken, "sqlite:////nowhere/secret.sqlite", "nothing://u:secret@h/d"):
        with pytest.raises(LedgerError) as caught:
            Ledger(url)
        assert "secret" not in str(caught.value)
    monkeypatch.setenv("SOE_LEDGER_URL", f"sqlite:///{tmp_path / 'other.sqlite'}")
    with Ledger.default(Workspace(tmp_path / "ws")) as ledger:
        ledger.add_remark("D1", "here", **SAID)
    assert (tmp_path / "other.sqlite").is_file()
    assert not (tmp_path / "ws").exists()


def test_postgresql_keeps_the_same_ledger(postgresql_url: str) -> None:
    """Tests that PostgreSQL holds the ledger, opened and written by twenty people at once."""

    def write(person: int) -> int:
        with Ledger(postgresql_url) as ledger:
            return ledger.add_remark("D1", f"remark {person}", **SAID)

    with Ledger(postgresql_url) as ledger:
        before = ledger.newest_number()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        numbers = sorted(pool.map(write, range(20)))
    assert numbers == list(range(before + 1, before + 21))
    with Ledger(postgresql_url) as ledger:
        assert ledger.verify() == []
        assert ledger.newest_number() == before + 20


@pytest.mark.parametrize("statement", ["UPDATE entry SET person = 'x'", "DELETE FROM entry"])
def test_postgresql_refuses_to_change_what_was_said(postgresql_url: str, statement: str) -> None:
    """Tests that the database itself, not only this library, refuses to change an entry."""
    with Ledger(postgresql_url) as ledger:
        ledger.add_remark("D2", "said", **SAID)
    engine = sa.create_engine(postgresql_url)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
