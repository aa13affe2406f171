"""
Where publications go: the staging tables of a system, applied exactly once.

Each system has its own pair of tables, which its adapter or the demo plant reads: the state that
holds now and the log of keys already applied. PostgreSQL by URL in its own schema, SQLite without.
"""

from __future__ import annotations

from typing import Protocol

import pandas as pd
import sqlalchemy as sa

ACKNOWLEDGEMENT_COLUMNS = ("idempotency_key", "outcome")
STATE_COLUMNS = ("object_type", "object_id", "payload", "payload_hash", "publication_id")


class Target(Protocol):
    """A system that takes messages and says what it holds."""

    system: str

    def apply(self, messages: pd.DataFrame) -> pd.DataFrame:
        """Apply messages; one row per message: ``idempotency_key``, ``outcome``."""

    def read_back(self) -> pd.DataFrame:
        """Return what the system holds now, one row per (object_type, object_id)."""


class StagingTarget:
    """
    A system's staging tables in a relational database.

    Parameters
    ----------
    engine
        Database.
    system
        ``APS``, ``ERP`` or ``MES``.
    schema
        Schema of the staging tables; empty where the database has none (SQLite).
    """

    def __init__(self, engine: sa.Engine, system: str, schema: str = "") -> None:
        self.system = system
        self._engine = engine
        self._schema = schema
        metadata = sa.MetaData(schema=schema or None)
        prefix = system.lower()
        self._state = sa.Table(
            f"{prefix}_state",
            metadata,
            sa.Column("object_type", sa.String(40), primary_key=True),
            sa.Column("object_id", sa.String(200), primary_key=True),
            sa.Column("payload", sa.Text, nullable=False),
            sa.Column("payload_hash", sa.String(64), nullable=False),
            sa.Column("publication_id", sa.String(80), nullable=False),
            sa.Column("publication_no", sa.Integer, nullable=False),
        )
        self._log = sa.Table(
            f"{prefix}_applied",
            metadata,
            sa.Column("idempotency_key", sa.String(64), primary_key=True),
            sa.Column("object_type", sa.String(40), nullable=False),
            sa.Column("object_id", sa.String(200), nullable=False),
            sa.Column("publication_id", sa.String(80), nullable=False),
            sa.Column("outcome", sa.String(20), nullable=False),
        )
        self._metadata = metadata

    def create(self) -> None:
        """Create the schema and the tables where they are missing."""
        with self._engine.begin() as connection:
            if self._schema:
                connection.execute(sa.schema.CreateSchema(self._schema, if_not_exists=True))
            self._metadata.create_all(connection)

    def apply(self, messages: pd.DataFrame) -> pd.DataFrame:
        """
        Apply messages in one transaction; all or none.

        Returns
        -------
        pandas.DataFrame
            One row per message: ``outcome`` applied, duplicate (key known) or stale (the object
            already holds a newer publication).
        """
        mine = messages[messages["system"] == self.system]
        outcomes = []
        with self._engine.begin() as connection:
            known = self._known(connection, mine["idempotency_key"].tolist())
            held = self._held(connection)
            for message in mine.to_dict("records"):
                key = str(message["idempotency_key"])
                if key in known:
                    outcomes.append((key, "duplicate"))
                    continue
                known.add(key)
                place = (str(message["object_type"]), str(message["object_id"]))
                number = int(message["publication_no"])
                is_stale = held.get(place, -1) > number
                outcome = "stale" if is_stale else "applied"
                if not is_stale:
                    self._put(connection, message, place, is_new=place not in held)
                    held[place] = number
                connection.execute(
                    sa.insert(self._log).values(
                        idempotency_key=key,
                        object_type=place[0],
                        object_id=place[1],
                        publication_id=message["publication_id"],
                        outcome=outcome,
                    )
                )
                outcomes.append((key, outcome))
        return pd.DataFrame(outcomes, columns=list(ACKNOWLEDGEMENT_COLUMNS))

    def _known(self, connection: sa.Connection, keys: list[str]) -> set[str]:
        found: set[str] = set()
        for first in range(0, len(keys), 500):
            wanted = self._log.c.idempotency_key.in_(keys[first : first + 500])
            query = sa.select(self._log.c.idempotency_key).where(wanted)
            found.update(connection.execute(query).scalars())
        return found

    def _held(self, connection: sa.Connection) -> dict[tuple[str, str], int]:
        state = self._state.c
        query = sa.select(state.object_type, state.object_id, state.publication_no)
        return {(kind, name): number for kind, name, number in connection.execute(query)}

    def _put(
        self,
        connection: sa.Connection,
        message: dict,
        place: tuple[str, str],
        *,
        is_new: bool,
    ) -> None:
        names = ("payload", "payload_hash", "publication_id", "publication_no")
        values = {name: message[name] for name in names}
        if is_new:
            values |= {"object_type": place[0], "object_id": place[1]}
            connection.execute(sa.insert(self._state).values(values))
            return
        state = self._state.c
        here = (state.object_type == place[0]) & (state.object_id == place[1])
        connection.execute(sa.update(self._state).where(here).values(values))

    def read_back(self) -> pd.DataFrame:
        """Return what the system holds now, sorted by object."""
        state = self._state.c
        query = sa.select(*(state[name] for name in STATE_COLUMNS)).order_by(
            state.object_type, state.object_id
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return pd.DataFrame(rows, columns=list(STATE_COLUMNS)).astype("str")

    def times_applied(self) -> pd.Series:
        """Return how often each key was applied: never more than once."""
        query = sa.select(self._log.c.idempotency_key).where(self._log.c.outcome == "applied")
        with self._engine.connect() as connection:
            keys = list(connection.execute(query).scalars())
        return pd.Series(keys, dtype="str").value_counts()
