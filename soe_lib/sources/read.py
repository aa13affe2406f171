"""Run the SQL of a source: raw rows of each canonical table, with reasons for what is left out."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import duckdb
import pandas as pd

from soe_lib.sources.config import Source, SourceError
from soe_lib.sources.files import Reject, open_view, quoted, views
from soe_lib.tables import TABLES

EXCLUDE = "exclude_reason"


@dataclass(frozen=True)
class RawTable:
    """
    Rows that a mapping returned, not yet cast.

    Attributes
    ----------
    rows
        Columns of the contract that the source supplies, and ``exclude_reason``.
    rejects
        Lines of the driving file that could not be parsed.
    """

    name: str
    rows: pd.DataFrame
    rejects: tuple[Reject, ...]


def read_tables(source: Source, as_of: pd.Timestamp) -> dict[str, RawTable]:
    """
    Read all tables that a source supplies.

    Parameters
    ----------
    source
        The source.
    as_of
        Instant UTC, given to each SELECT as ``$as_of`` (timestamp without zone, in UTC).

    Returns
    -------
    dict
        Raw tables by canonical name.

    Raises
    ------
    SourceError
        When a file is missing or unreadable, or a SELECT is wrong; names file and remedy.
    """
    if source.config.kind == "database":
        from soe_lib.sources.database import read_database

        return read_database(source, as_of)
    files = views(source)
    lowered = {name.lower(): name for name in files}
    opened: dict[str, list[Reject]] = {}
    found: dict[str, RawTable] = {}
    moment = as_of.tz_convert("UTC").tz_localize(None).to_pydatetime()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")
        for name, text in source.statements().items():
            where = source.folder / f"{name}.sql"
            mentioned = [lowered[key] for key in _mentioned(text) if key in lowered]
            for view in mentioned:
                if view not in opened:
                    opened[view] = open_view(connection, view, files[view], source)
            rows = _select(connection, text, moment, where, files)
            _check_columns(rows, name, where)
            rejects = opened[mentioned[0]] if mentioned else []
            found[name] = RawTable(name, rows, tuple(rejects))
    return found


def _mentioned(text: str) -> list[str]:
    """Names after FROM or JOIN, in order: the first is the driving file."""
    bare = re.sub(r"--[^\n]*", "", text)
    names = re.findall(r'\b(?:from|join|unpivot)\s+(?:"([^"]+)"|([A-Za-z_][\w]*))', bare, re.IGNORECASE)
    return list(dict.fromkeys((a or b).lower() for a, b in names))


def _select(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    moment: object,
    where: object,
    files: dict[str, object] | dict[str, object],
) -> pd.DataFrame:
    parameters = {"as_of": moment} if "$as_of" in text else None
    try:
        return connection.execute(text, parameters).df()
    except duckdb.CatalogException as error:
        missing = re.search(r"Table with name (\S+) does not exist", str(error))
        what = f"file for '{missing.group(1)}'" if missing else str(error).splitlines()[0]
        raise SourceError(
            f"{where}: {what} not found; the source has: {', '.join(files) or 'no files'}"
        ) from None
    except duckdb.ConversionException as error:
        raise SourceError(
            f"{where}: {str(error).splitlines()[0]}; use TRY_CAST or pass the text through, the "
            "contract casts each cell and quarantines the bad ones"
        ) from None
    except duckdb.Error as error:
        raise SourceError(f"{where}: {str(error).splitlines()[0]}") from None


def _check_columns(rows: pd.DataFrame, name: str, where: object) -> None:
    contract = TABLES[name]
    known = {*contract.columns, EXCLUDE}
    for column in rows.columns:
        if column not in known:
            close = difflib.get_close_matches(str(column), list(known), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise SourceError(f"{where}: column '{column}' is not in table {name}.{hint}")
    missing = [column for column in contract.minimal if column not in rows]
    if missing:
        raise SourceError(
            f"{where}: minimal columns missing: {', '.join(missing)}; SELECT NULL AS name where "
            "the source has none and the contract allows it"
        )
    if rows.columns.duplicated().any():
        raise SourceError(f"{where}: a column is named twice")


__all__ = ["EXCLUDE", "RawTable", "quoted", "read_tables"]
