"""
Files of a source as DuckDB views, every column as text.

A file is a view named after its stem (``WorkOrder.csv`` is ``"WorkOrder"``), in a subfolder
``folder__stem`` (``erp/orders.csv`` is ``erp__orders``). Text stays text until the contract casts
it, so one bad cell costs one row. A line that cannot be parsed is kept as a reject with its number.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from soe_lib.sources.config import Source, SourceError

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".xlsx", ".xls", ".ods")
MAX_LINE_BYTES = 4_000_000
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Reject:
    """A line of a file that could not be parsed."""

    file: str
    line: int
    reason: str
    text: str


def views(source: Source) -> dict[str, Path]:
    """Return the files of a source by view name, sorted."""
    found: dict[str, Path] = {}
    for path in sorted(source.root.rglob("*")):
        suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix is None or not path.is_file():
            continue
        stem = path.name[: -len(suffix)]
        folders = path.relative_to(source.root).parts[:-1]
        found["__".join([*folders, stem])] = path
    return found


def open_view(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, source: Source
) -> list[Reject]:
    """Create the table ``name`` from a file; returns the lines that could not be parsed."""
    suffix = path.name.lower()
    try:
        if suffix.endswith(".parquet"):
            connection.execute(
                f"CREATE TABLE {quoted(name)} AS SELECT * FROM read_parquet(?)", [str(path)]
            )
            return []
        if suffix.endswith((".xlsx", ".xls", ".ods")):
            sheet = pd.read_excel(path, engine="calamine", dtype=str, keep_default_na=False)
            connection.register("_sheet", sheet.replace("", None))
            connection.execute(f"CREATE TABLE {quoted(name)} AS SELECT * FROM _sheet")
            connection.unregister("_sheet")
            return []
        return _open_csv(connection, name, path, source)
    except duckdb.Error as error:
        raise SourceError(f"{path}: cannot be read: {_first_line(error)}") from None
    except ValueError as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None


def _open_csv(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, source: Source
) -> list[Reject]:
    head = _head(path)
    encoding = next((e for bom, e in _BOMS.items() if head.startswith(bom)), None)
    encoding = encoding or source.config.encoding
    readable = path
    if codecs.lookup(encoding).name not in {"utf-8", "ascii"}:
        readable = _recoded(path, encoding, source)
        head = _head(readable)
    columns = _header(head, path, source.config.delimiter)
    types = "{" + ", ".join(f"{literal(c)}: 'VARCHAR'" for c in columns) + "}"
    connection.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
    connection.execute(
        f"CREATE TABLE {quoted(name)} AS SELECT * FROM read_csv({literal(str(readable))}, "
        f"columns = {types}, auto_detect = false, header = true, store_rejects = true, "
        f"delim = {literal(source.config.delimiter)}, quote = '\"', escape = '\"', "
        f"null_padding = false, strict_mode = true, max_line_size = {MAX_LINE_BYTES})"
    )
    rows = connection.execute(
        "SELECT line, any_value(error_type), any_value(left(csv_line, 300)) "
        "FROM reject_errors GROUP BY line ORDER BY line"
    ).fetchall()
    if readable is not path:
        readable.unlink()
    return [
        Reject(path.name, int(line), f"line_{str(kind).lower().replace(' ', '_')}", str(text))
        for line, kind, text in rows
    ]


def _head(path: Path) -> bytes:
    import gzip

    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            return bytes(file.readline(MAX_LINE_BYTES))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None


def _recoded(path: Path, encoding: str, source: Source) -> Path:
    import gzip
    import tempfile

    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as file:
        content = bytes(file.read())
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: byte {error.start} is not {encoding}; set 'encoding' in "
            f"{source.folder / 'source.yaml'}"
        ) from None
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False, encoding="utf-8") as file:
        file.write(text)
    return Path(file.name)


def _header(head: bytes, path: Path, delimiter: str) -> list[str]:
    try:
        text = head.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: row 1: header is not UTF-8 ({error.reason}); set 'encoding'")
    if not text.strip():
        raise SourceError(f"{path}: the file is empty; it must at least have a header row")
    names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter))]
    if "" in names:
        raise SourceError(f"{path}: row 1: column {names.index('') + 1} has no name")
    unique: list[str] = []
    for name in names:
        count = sum(1 for known in names[: len(unique)] if known == name)
        unique.append(f"{name}.{count}" if count else name)
    if len(unique) == 1 and ";" in names[0]:
        raise SourceError(f"{path}: row 1: looks ';'-separated; set 'delimiter' in source.yaml")
    return unique


def quoted(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
