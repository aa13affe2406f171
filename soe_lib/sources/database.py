"""A database as a source: the same SQL files, run through SQLAlchemy."""

from __future__ import annotations

import re

import pandas as pd
import sqlalchemy as sa

from soe_lib.sources.config import Source, SourceError
from soe_lib.sources.read import RawTable, _check_columns


def read_database(source: Source, as_of: pd.Timestamp) -> dict[str, RawTable]:
    """
    Run each SELECT on the database whose URL stands in the environment.

    Raises
    ------
    SourceError
        When the variable is not set, the database cannot be reached or a SELECT is wrong.
    """
    variable = source.config.url_env or f"SOE_{source.name.upper()}_URL"
    url = source.environ.get(variable)
    if not url:
        raise SourceError(f"source '{source.name}': set {variable} to the database URL")
    moment = as_of.tz_convert("UTC").tz_localize(None).to_pydatetime()
    found: dict[str, RawTable] = {}
    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            for name, text in source.statements().items():
                bound = sa.text(re.sub(r"\$as_of\b", ":as_of", text))
                values = {"as_of": moment} if "$as_of" in text else {}
                rows = pd.read_sql(bound, connection, params=values)
                _check_columns(rows, name, source.folder / f"{name}.sql")
                found[name] = RawTable(name, rows, ())
        engine.dispose()
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise SourceError(f"source '{source.name}' ({variable}): {reason}") from None
    return found
