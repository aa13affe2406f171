"""
Files of a source as DuckDB tables, every column of a text file as text.

A file is a table named after its stem (``WorkOrder.csv`` is ``"WorkOrder"``), in a subfolder
``folder__stem`` (``erp/orders.csv`` is ``erp__orders``); a further sheet of a workbook is
``stem__sheet``. Text stays text until the contract casts it, so one bad cell costs one row; a line
that is no record is kept as a reject with its number.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import duckdb
import pandas as pd

from soe_lib.sources.config import Source, SourceError
from soe_lib.sources.lines import (
    MAX_LINE_BYTES,
    UNREADABLE,
    Reject,
    count_plain_records,
    mend,
    open_bytes,
)

BOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
SUFFIXES = (".csv", ".csv.gz", ".parquet", *BOOKS)
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class OpenedFile:
    """A file that was read: its digest and size, its records and the lines that are no record."""

    path: str
    sha256: str
    size_bytes: int
    num_records: int
    rejects: tuple[Reject, ...] = ()


def views(source: Source) -> dict[str, Path]:
    """
    Return the files of a source by table name, sorted.

    Raises
    ------
    SourceError
        When two files would have the same name (names are compared without case).
    """
    found: dict[str, Path] = {}
    taken: dict[str, Path] = {}
    for path in sorted(source.root.rglob("*")):
        suffix = max((s for s in SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
        if not suffix or not path.is_file() or path.name.startswith(("~$", ".")):
            continue
        folders = path.relative_to(source.root).parts[:-1]
        name = "__".join([*folders, path.name[: -len(suffix)]])
        other = taken.setdefault(name.lower(), path)
        if other != path:
            raise SourceError(
                f"{path}: has the same name as {other}; both would be the table '{name}': "
                "rename or remove one"
            )
        found[name] = path
    return found


def locate(name: str, files: dict[str, Path]) -> tuple[str, Path, str] | None:
    """Find a table name among the files: (name, path, sheet); sheet "" = the first one."""
    lowered = {known.lower(): known for known in files}
    if name.lower() in lowered:
        known = lowered[name.lower()]
        return known, files[known], ""
    for known, path in files.items():
        if path.name.lower().endswith(BOOKS) and name.lower().startswith(f"{known.lower()}__"):
            return name, path, name[len(known) + 2 :]
    return None


def open_file(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, sheet: str, source: Source
) -> OpenedFile:
    """
    Create the table ``name`` from a file.

    Raises
    ------
    SourceError
        When the file cannot be read; names file, row where there is one, and remedy.
    """
    kind = path.name.lower()
    try:
        digest, size = _digest(path)
        if kind.endswith(".parquet"):
            connection.execute(
                f"CREATE TABLE {quoted(name)} AS SELECT * FROM read_parquet(?)", [str(path)]
            )
            rejects: list[Reject] = []
        elif kind.endswith(BOOKS):
            rejects = _open_book(connection, name, path, sheet)
        else:
            rejects = _open_csv(connection, name, path, source)
    except duckdb.Error as error:
        raise SourceError(f"{path}: cannot be read: {first_line(error)}") from None
    except UNREADABLE as error:
        raise SourceError(
            f"{path}: cannot be read: {first_line(error)}; is the copy complete?"
        ) from None
    counted = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
    records = int(counted[0]) if counted else 0
    place = path.relative_to(source.root).as_posix()
    return OpenedFile(place, digest, size, records, tuple(rejects))


def _open_book(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, sheet: str
) -> list[Reject]:
    from python_calamine import CalamineError

    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            names = {str(known).lower(): known for known in book.sheet_names}
            wanted = sheet.lower() or next(iter(names), "")
            if wanted not in names:
                raise SourceError(f"{path}: no sheet '{sheet}'; it has: {', '.join(names)}")
            rows = pd.read_excel(book, sheet_name=names[wanted], dtype=str, keep_default_na=False)
    except (CalamineError, BadZipFile, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: not a readable workbook: {first_line(error)}") from None
    rows.columns = [str(label) for label in rows.columns]
    if rows.columns.empty:
        raise SourceError(f"{path}: sheet '{wanted}' is empty; it must at least have a header row")
    connection.register("_sheet", rows.astype("str").replace("", None))
    connection.execute(f"CREATE TABLE {quoted(name)} AS SELECT * FROM _sheet")
    connection.unregister("_sheet")
    return []


def _open_csv(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, source: Source
) -> list[Reject]:
    delimiter = source.config.delimiter
    with _as_utf8(path, source) as readable:
        columns = _header(_first_bytes(readable), path, delimiter)
        expected = count_plain_records(readable, delimiter, len(columns))
        if expected is not None:
            _read_plain(connection, name, readable, columns, delimiter)
            loaded = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
            if loaded == (expected,):
                return []
            connection.execute(f"DROP TABLE {quoted(name)}")
        with tempfile.TemporaryDirectory() as folder:
            mended = Path(folder) / "mended.csv"
            with open_bytes(readable) as raw, mended.open("w", encoding="utf-8", newline="") as out:
                rejects = mend(raw, out, path.name, delimiter, len(columns))
            _read_plain(connection, name, mended, columns, ",")
    return rejects


def _read_plain(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    path: Path,
    columns: list[str],
    delimiter: str,
) -> None:
    types = "{" + ", ".join(f"{literal(c)}: 'VARCHAR'" for c in columns) + "}"
    connection.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
    connection.execute(
        f"CREATE TABLE {quoted(name)} AS SELECT * FROM read_csv({literal(str(path))}, "
        f"columns = {types}, auto_detect = false, header = true, store_rejects = true, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', null_padding = false, "
        f"strict_mode = true, max_line_size = {4 * MAX_LINE_BYTES})"
    )


@contextmanager
def _as_utf8(path: Path, source: Source) -> Iterator[Path]:
    """Give the file itself where it is UTF-8, else a copy in UTF-8 that is removed afterwards."""
    with open_bytes(path) as file:
        start = file.read(4)
    encoding = next((e for bom, e in _BOMS.items() if start.startswith(bom)), "")
    encoding = encoding or source.config.encoding
    if codecs.lookup(encoding).name in {"utf-8", "ascii", "utf-8-sig"}:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "utf8.csv"
        with open_bytes(path) as raw, copy.open("w", encoding="utf-8", newline="") as out:
            text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
            while block := text.read(1_000_000):
                out.write(block)
        yield copy


def _first_bytes(path: Path) -> bytes:
    with open_bytes(path) as file:
        return bytes(file.readline(MAX_LINE_BYTES + 1))


def _header(head: bytes, path: Path, delimiter: str) -> list[str]:
    if len(head) > MAX_LINE_BYTES:
        raise SourceError(
            f"{path}: row 1: the header is longer than {MAX_LINE_BYTES:,} bytes; is this a text "
            "file with line ends?"
        )
    if b"\x00" in head:
        raise SourceError(
            f"{path}: row 1: the header holds NUL bytes; if the file is UTF-16 set 'encoding: "
            "utf-16-le' (or -be) in source.yaml"
        )
    try:
        text = head.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise SourceError(
            f"{path}: row 1: the header is not UTF-8; set 'encoding' in source.yaml (Western "
            "European exports are often cp1252)"
        ) from None
    if not text.strip():
        raise SourceError(f"{path}: row 1: the file is empty; it must at least have a header row")
    if "\r" in text:
        raise SourceError(f"{path}: row 1: lines end with CR alone; save the file with LF or CRLF")
    try:
        (names,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        raise SourceError(f"{path}: row 1: a quote in the header is not closed") from None
    names = [name.strip() for name in names]
    if "" in names:
        raise SourceError(f"{path}: row 1: column {names.index('') + 1} has no name")
    other = next((mark for mark in ";\t|," if mark != delimiter and mark in names[0]), "")
    if len(names) == 1 and other:
        raise SourceError(
            f"{path}: row 1: looks separated by {other!r}; set 'delimiter' in source.yaml"
        )
    return _unique(names)


def _unique(names: list[str]) -> list[str]:
    """Number columns that are named twice: ``a, a`` is ``a, a.1`` (without case, as SQL does)."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        fresh, count = name, 0
        while fresh.lower() in taken:
            count += 1
            fresh = f"{name}.{count}"
        taken.add(fresh.lower())
        found.append(fresh)
    return found


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, path.stat().st_size


def quoted(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


__all__ = ["OpenedFile", "first_line", "literal", "locate", "open_file", "quoted", "views"]
