"""Run the SQL of a source: raw rows of each canonical table, with reasons for what is left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from soe_lib.sources.config import Source, SourceError, without_comments
from soe_lib.sources.files import OpenedFile, first_line, locate, open_file, quoted, views
from soe_lib.sources.lines import Reject
from soe_lib.tables import TABLES
from soe_lib.vocabulary import Kind, column

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
        Lines of the driving file (the first after FROM) that are no record.
    files
        Files that the SELECT read, the driving one first.
    """

    name: str
    rows: pd.DataFrame
    rejects: tuple[Reject, ...] = ()
    files: tuple[OpenedFile, ...] = ()


def read_tables(source: Source, as_of: pd.Timestamp) -> dict[str, RawTable]:
    """
    Read all tables that a source supplies.

    Parameters
    ----------
    source
        The source.
    as_of
        Instant UTC, given to each SELECT as ``$as_of`` and ``$as_of_local``.

    Returns
    -------
    dict
        Raw tables by canonical name.

    Raises
    ------
    SourceError
        When a file is missing or unreadable, or a SELECT is wrong; names file and remedy.
    """
    statements = source.statements()
    if not statements:
        raise SourceError(f"{source.folder}: no <table>.sql; a source supplies at least one table")
    if source.config.kind == "database":
        from soe_lib.sources.database import read_database

        return read_database(source, as_of)
    files = views(source)
    opened: dict[str, OpenedFile] = {}
    found: dict[str, RawTable] = {}
    values = source.parameters(as_of)
    with duckdb.connect() as connection:
        connection.execute("SET threads TO 1")  # order of rows and of sums decides bytes
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")
        for name, text in statements.items():
            where = source.folder / f"{name}.sql"
            statement = bare_select(text, where)
            used: list[str] = []
            for mentioned in _mentioned(statement):
                _open(connection, mentioned, files, opened, used, source)
            rows = _select(connection, statement, values, where, files, opened, used, source)
            check_columns(rows, name, where)
            read = tuple(opened[view] for view in used)
            found[name] = RawTable(name, rows, read[0].rejects if read else (), read)
    return found


def bare_select(text: str, where: Path) -> str:
    """Return a mapping's one SELECT without comments; raises :class:`SourceError` otherwise."""
    bare = without_comments(text).rstrip(";").strip()
    if not re.match(r"(?:select|with|from)\b", bare, re.IGNORECASE):
        raise SourceError(f"{where}: expected one SELECT, found: {bare[:60]}")
    outside = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "", bare)
    if ";" in outside:
        raise SourceError(f"{where}: expected one SELECT, found several statements")
    return bare


def _mentioned(statement: str) -> list[str]:
    """Names after FROM, JOIN or UNPIVOT, in order: the first file is the driving one."""
    pattern = r'\b(?:from|join|unpivot)\s+(?:"([^"]+)"|([A-Za-z_]\w*))'
    names = re.findall(pattern, statement, re.IGNORECASE)
    return list(dict.fromkeys(a or b for a, b in names))


def _open(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: dict[str, Path],
    opened: dict[str, OpenedFile],
    used: list[str],
    source: Source,
) -> bool:
    """Create the table of a file unless it is there; False when no file has that name."""
    place = locate(name, files)
    if place is None:
        return False
    view, path, sheet = place
    key = view.lower()
    if key not in opened:
        opened[key] = open_file(connection, view, path, sheet, source)
    if key in used:
        return False
    used.append(key)
    return True


def _select(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    values: Mapping[str, object],
    where: Path,
    files: dict[str, Path],
    opened: dict[str, OpenedFile],
    used: list[str],
    source: Source,
) -> pd.DataFrame:
    given = {key: value for key, value in values.items() if re.search(rf"\${key}\b", statement)}
    while True:
        try:
            return _typed(connection, statement, given or None, where.stem)
        except duckdb.CatalogException as error:
            missing = re.search(r"Table with name (.+?) does not exist", str(error))
            if missing and _open(connection, missing.group(1), files, opened, used, source):
                continue
            what = f"file for '{missing.group(1)}'" if missing else first_line(error)
            raise SourceError(
                f"{where}: {what} not found; the source has: {', '.join(files) or 'no files'}"
            ) from None
        except duckdb.ConversionException as error:
            raise SourceError(
                f"{where}: {first_line(error)}; use TRY_CAST or pass the text through: the "
                "contract casts each cell and quarantines the bad ones"
            ) from None
        except duckdb.BinderException as error:
            raise SourceError(_missing_column(error, where, used, opened)) from None
        except duckdb.Error as error:
            raise SourceError(f"{where}: {first_line(error)}") from None


def _typed(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    values: dict[str, object] | None,
    table: str,
) -> pd.DataFrame:
    """Run a SELECT; text columns of the contract become text in SQL, so that 1 is never '1.0'."""
    described = connection.execute(f"DESCRIBE {statement}", values).fetchall()
    known = TABLES[table].columns
    names = [str(row[0]) for row in described]
    if len({name.lower() for name in names}) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise duckdb.InvalidInputException(f"column '{twice}' is named twice")
    zoned = {str(row[0]) for row in described if row[1] == "TIMESTAMP WITH TIME ZONE"}
    chosen = [_selected(name, known, zoned) for name in names]
    wrapped = f"SELECT {', '.join(chosen)} FROM (\n{statement}\n)"
    return connection.execute(wrapped, values).df()


def _selected(name: str, known: Collection[str], zoned: Collection[str]) -> str:
    """Return how a column is fetched; instants with zone as text, for DuckDB hands them over by a
    pandas call that is deprecated."""
    if name == EXCLUDE or (name in known and column(name).kind is Kind.TEXT):
        return f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}"
    if name in zoned:
        utc = f"timezone('UTC', {quoted(name)})"
        return f"strftime({utc}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {quoted(name)}"
    return quoted(name)


def _missing_column(
    error: Exception, where: Path, used: list[str], opened: dict[str, OpenedFile]
) -> str:
    text = str(error)
    missing = re.search(
        r'column "?([^"\s]+)"? not found|does not have a column named "([^"]+)"', text
    )
    files = ", ".join(opened[view].path for view in used)
    if not missing:
        return f"{where}: {first_line(error)}"
    close = re.search(r"Candidate bindings: (.+)", text)
    hint = f"; close names: {close.group(1).strip()}" if close else ""
    return (
        f"{where}: no column '{missing.group(1) or missing.group(2)}' in {files}{hint}. Mend the "
        "SELECT, or write NULL where the source does not have it"
    )


def check_columns(rows: pd.DataFrame, name: str, where: Path) -> None:
    """Refuse columns that the contract does not know or misses; raises :class:`SourceError`."""
    contract = TABLES[name]
    known = {*contract.columns, EXCLUDE}
    for label in rows.columns:
        if label not in known:
            close = difflib.get_close_matches(str(label), sorted(known), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise SourceError(f"{where}: column '{label}' is not in table {name}.{hint}")
    missing = [label for label in contract.minimal if label not in rows]
    if missing:
        raise SourceError(
            f"{where}: minimal columns missing: {', '.join(missing)}; SELECT NULL AS name where "
            "the source has none and the contract allows it"
        )
