"""
What people and the batch did: an append-only chain of entries in a relational database.

Each entry carries the hash of the one before it, so an edited, removed or inserted row shows. The
current state of an object is its latest entry. SQLite in WAL mode by default, any SQLAlchemy URL
by ``SOE_LEDGER_URL``; every write is one short transaction, the unique sequence number decides who
was first when several processes write at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from soe_lib.vocabulary import DIVERGENCE_STATES
from soe_lib.workspace import Workspace

_METADATA = sa.MetaData()
_ENTRY = sa.Table(
    "entry",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(40), nullable=False, index=True),
    sa.Column("object_id", sa.String(200), nullable=False, index=True),
    sa.Column("cycle_id", sa.String(40), nullable=False),
    sa.Column("said_at", sa.String(40), nullable=False),
    sa.Column("person", sa.String(120), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("hash_before", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
)
_FIELDS = ("number", "kind", "object_id", "cycle_id", "said_at", "person", "content")
GENESIS = "0" * 64
MAX_ATTEMPTS = 200

_OPENING = 7305  # PostgreSQL: whoever holds this advisory lock makes the tables
_TRIGGERS = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS entry_no_{verb.lower()} BEFORE {verb} ON entry "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION entry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
        "CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()",
    ),
}


class LedgerError(RuntimeError):
    """The ledger cannot be used or an entry is not legal; the text says why."""


def moment() -> pd.Timestamp:
    """Return the instant at which somebody says something; only people's acts ask the clock."""
    return pd.Timestamp.now(tz="UTC").floor("s")


class Ledger:
    """
    The ledger of a workspace.

    Parameters
    ----------
    url
        SQLAlchemy URL, or a path for SQLite.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        if "://" not in text:
            Path(text).parent.mkdir(parents=True, exist_ok=True)
            text = f"sqlite:///{text}"
        try:
            self._engine = sa.create_engine(text, connect_args=_connect_arguments(text))
        except (sa.exc.ArgumentError, ImportError):
            raise LedgerError(
                "SOE_LEDGER_URL is no database URL, or its driver is missing: write "
                "dialect://user@host/name (PostgreSQL: pip install 'soe-lib[postgresql]')"
            ) from None
        try:
            if text.startswith("sqlite"):
                with self._engine.connect() as connection:
                    connection.execute(sa.text("PRAGMA journal_mode=WAL"))
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "postgresql":  # two may open a new ledger at once
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_OPENING)))
                connection.execute(sa.schema.CreateTable(_ENTRY, if_not_exists=True))
                for index in sorted(_ENTRY.indexes, key=lambda index: str(index.name)):
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
                _append_only(connection)
        except sa.exc.SQLAlchemyError as error:
            raise _plain(error) from None

    @classmethod
    def default(cls, workspace: Workspace) -> Ledger:
        """Return the ledger at ``SOE_LEDGER_URL``, else ``ledger.sqlite`` in the workspace."""
        return cls(os.environ.get("SOE_LEDGER_URL") or workspace.root / "ledger.sqlite")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def append(
        self,
        kind: str,
        object_id: str,
        content: Mapping[str, Any],
        *,
        cycle_id: str,
        said_at: pd.Timestamp,
        person: str,
        expected_number: int | None = None,
    ) -> int:
        """
        Add one entry.

        Parameters
        ----------
        kind, object_id
            What is said of which object.
        content
            JSON content.
        cycle_id, said_at, person
            Cycle, instant UTC and who says it.
        expected_number
            Number of the object's latest entry that the writer has seen (0 = none); an entry that
            somebody else added since is an error (optimistic locking).

        Returns
        -------
        int
            Number of the entry.

        Raises
        ------
        LedgerError
            When somebody was first, or the database refuses.
        """
        if said_at.tzinfo is None or not person.strip():
            raise LedgerError(
                f"{kind} {object_id}: an entry needs a person and an instant with zone"
            )
        body = json.dumps(dict(content), sort_keys=True, default=str)
        for attempt in range(MAX_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    last = connection.execute(
                        sa.select(_ENTRY.c.number, _ENTRY.c.hash)
                        .order_by(_ENTRY.c.number.desc())
                        .limit(1)
                    ).first()
                    number, before = (last.number + 1, last.hash) if last else (1, GENESIS)
                    # Looked up after the last number: whoever writes in between takes our number.
                    if expected_number is not None:
                        seen = self._latest_number(connection, kind, object_id)
                        if seen != expected_number:
                            raise LedgerError(
                                f"{kind} {object_id}: changed by somebody else (entry {seen})"
                            )
                    row = {
                        "number": number,
                        "kind": kind,
                        "object_id": object_id,
                        "cycle_id": cycle_id,
                        "said_at": said_at.tz_convert("UTC").isoformat(),
                        "person": person,
                        "content": body,
                    }
                    digest = _digest(row, before)
                    connection.execute(
                        _ENTRY.insert().values(**row, hash_before=before, hash=digest)
                    )
                return number
            except sa.exc.IntegrityError:
                pass  # another process took the number: look again
            except sa.exc.SQLAlchemyError as error:
                if "locked" not in str(error):
                    raise _plain(error) from None
            time.sleep(min(0.001 * attempt, 0.05))
        raise LedgerError("ledger: too many writers at once; try again")

    def entries(self, kind: str | None = None, object_id: str | None = None) -> pd.DataFrame:
        """
        Return entries in their order.

        Returns
        -------
        pandas.DataFrame
            One row per ``number``: ``kind``, ``object_id``, ``cycle_id``, ``said_at`` (UTC),
            ``person``, ``content`` (JSON text).
        """
        query = sa.select(*(_ENTRY.c[name] for name in _FIELDS)).order_by(_ENTRY.c.number)
        if kind is not None:
            query = query.where(_ENTRY.c.kind == kind)
        if object_id is not None:
            query = query.where(_ENTRY.c.object_id == object_id)
        try:
            with self._engine.connect() as connection:
                found = connection.execute(query).mappings().all()
        except sa.exc.SQLAlchemyError as error:
            raise _plain(error) from None
        rows = pd.DataFrame(found, columns=list(_FIELDS))
        return rows.assign(said_at=pd.to_datetime(rows["said_at"], utc=True, format="ISO8601"))

    def newest_number(self) -> int:
        """Return the number of the latest entry, 0 when nothing has been said."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(_ENTRY.c.number))).scalar() or 0)

    def record_cycle(
        self, cycle_id: str, source: str, as_of: pd.Timestamp, snapshot_id: str, status: str
    ) -> int:
        """Record that the batch ran a cycle on a snapshot; returns the entry's number."""
        content = {"snapshot_id": snapshot_id, "status": status}
        return self.append(
            "cycle",
            f"{cycle_id}/{source}",
            content,
            cycle_id=cycle_id,
            said_at=as_of,
            person="batch",
        )

    def add_remark(
        self,
        object_id: str,
        text: str,
        *,
        cycle_id: str,
        said_at: pd.Timestamp,
        person: str,
        about: str = "",
    ) -> int:
        """
        Record what somebody says of an object (a divergence, an order); returns its number.

        ``about`` names in words the part of the object that is meant.
        """
        if not text.strip():
            raise LedgerError("an empty remark says nothing")
        return self.append(
            "remark",
            object_id,
            {"text": text.strip(), **({"about": about.strip()} if about.strip() else {})},
            cycle_id=cycle_id,
            said_at=said_at,
            person=person,
        )

    def set_state(
        self,
        divergence_id: str,
        state: str,
        *,
        cycle_id: str,
        said_at: pd.Timestamp,
        person: str,
        reason: str = "",
        source: str = "",
        expected_number: int | None = None,
    ) -> int:
        """Move a divergence (of a source) to a state of the vocabulary; returns the number."""
        if state not in DIVERGENCE_STATES:
            raise LedgerError(f"unknown state '{state}'; known: {', '.join(DIVERGENCE_STATES)}")
        return self.append(
            "state",
            divergence_id,
            {"state": state, "reason": reason, "source": source},
            cycle_id=cycle_id,
            said_at=said_at,
            person=person,
            expected_number=expected_number,
        )

    def states(self) -> pd.DataFrame:
        """Return the latest state per divergence: ``divergence_id``, ``state``, ``number``, ..."""
        rows = self.entries("state").drop_duplicates("object_id", keep="last")
        content = rows["content"].map(json.loads)
        return pd.DataFrame(
            {
                "divergence_id": rows["object_id"],
                "state": content.map(lambda c: c["state"]).astype("str"),
                "reason": content.map(lambda c: c["reason"]).astype("str"),
                "cycle_id": rows["cycle_id"],
                "said_at": rows["said_at"],
                "person": rows["person"],
                "number": rows["number"],
            }
        ).reset_index(drop=True)

    def remarks(self) -> pd.DataFrame:
        """Return all remarks: ``object_id``, ``text``, ``cycle_id``, ``said_at``, ``person``."""
        rows = self.entries("remark")
        text = rows["content"].map(lambda c: json.loads(c)["text"]).astype("str")
        return rows.assign(text=text)[["object_id", "text", "cycle_id", "said_at", "person"]]

    def verify(self) -> list[str]:
        """Return what was tampered with, in sentences; empty when history is as it was written."""
        faults: list[str] = []
        before, expected = GENESIS, 1
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(_ENTRY).order_by(_ENTRY.c.number)).mappings():
                if row["number"] != expected:
                    faults.append(f"entry {expected} is missing")
                if row["hash_before"] != before:
                    faults.append(f"entry {row['number']} does not follow the one before it")
                if row["hash"] != _digest({f: row[f] for f in _FIELDS}, row["hash_before"]):
                    faults.append(f"entry {row['number']} was edited")
                before, expected = row["hash"], row["number"] + 1
        return faults

    def _latest_number(self, connection: sa.Connection, kind: str, object_id: str) -> int:
        query = sa.select(sa.func.max(_ENTRY.c.number)).where(
            _ENTRY.c.kind == kind, _ENTRY.c.object_id == object_id
        )
        return int(connection.execute(query).scalar() or 0)


def _plain(error: sa.exc.SQLAlchemyError) -> LedgerError:
    """Return the database's reason in one line; never the URL, it may hold a password."""
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return LedgerError(f"ledger: {reason}")


def _append_only(connection: sa.Connection) -> None:
    """Let the database itself refuse to change or remove entries (SQLite, PostgreSQL)."""
    for statement in _TRIGGERS.get(connection.dialect.name, ()):
        connection.execute(sa.text(statement))


def _digest(row: Mapping[str, Any], before: str) -> str:
    text = json.dumps([row[name] for name in _FIELDS], sort_keys=True)
    return hashlib.sha256((before + text).encode()).hexdigest()


def _connect_arguments(url: str) -> dict[str, Any]:
    return {"timeout": 30} if url.startswith("sqlite") else {}
