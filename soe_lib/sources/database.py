"""A database as a source: the same SQL files, run through SQLAlchemy."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pandas as pd
import sqlalchemy as sa

from soe_lib.sources.config import Source, SourceError
from soe_lib.sources.files import first_line
from soe_lib.sources.read import RawTable, bare_select, check_columns

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "as_of": sa.DateTime(),
    "as_of_local": sa.DateTime(),
    "history_weeks": sa.Integer(),
}


def read_database(source: Source, as_of: pd.Timestamp) -> dict[str, RawTable]:
    """
    Run each SELECT on the database whose URL stands in the environment, in one transaction.

    Raises
    ------
    SourceError
        When the variable is not set, the database cannot be reached or a SELECT is wrong; the URL
        itself is never repeated, it may hold a password.
    """
    variable = source.config.url_env or "SOE_" + re.sub(r"\W", "_", source.name).upper() + "_URL"
    url = source.environ.get(variable)
    if not url:
        raise SourceError(f"source '{source.name}': set {variable} to the database URL")
    place = f"source '{source.name}' ({variable})"
    try:
        engine = sa.create_engine(url)
    except sa.exc.ArgumentError:
        raise SourceError(f"{place}: not a database URL; write dialect://user@host/name") from None
    except ImportError as error:
        raise SourceError(
            f"{place}: the driver is missing ({error}); pip install 'soe-lib[postgresql]'"
        ) from None
    values = source.parameters(as_of)
    found: dict[str, RawTable] = {}
    where = source.folder
    try:
        with engine.connect() as connection:
            for name, text in source.statements().items():
                where = source.folder / f"{name}.sql"
                statement, given = _bound(bare_select(text, where), values)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", sa.exc.SAWarning)
                    result = connection.execute(statement, given)
                    labels = list(result.keys())
                    twice = next((k for n, k in enumerate(labels) if k in labels[:n]), None)
                    if twice is not None:
                        raise SourceError(f"{where}: column '{twice}' is named twice")
                    rows = pd.DataFrame(
                        [tuple(row) for row in result.fetchall()], columns=labels, dtype=object
                    )
                check_columns(rows, name, where)
                found[name] = RawTable(name, rows)
    except sa.exc.SQLAlchemyError as error:
        reason = first_line(getattr(error, "orig", None) or error)
        raise SourceError(f"{place}: {where}: {reason}") from None
    finally:
        engine.dispose()
    return found


def _bound(statement: str, values: dict[str, object]) -> tuple[sa.TextClause, dict[str, object]]:
    """Turn ``$name`` into bound parameters; every other colon of the SQL stays a colon."""
    escaped = statement.replace(":", "\\:")
    given = {key: value for key, value in values.items() if re.search(rf"\${key}\b", escaped)}
    for key in given:
        escaped = re.sub(rf"\${key}\b", f":{key}", escaped)
    clause = sa.text(escaped).bindparams(*(sa.bindparam(k, type_=_TYPES[k]) for k in given))
    return clause, given
