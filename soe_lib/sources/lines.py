"""
Text files line by line: what DuckDB may read as it is, and what must be mended first.

A scan says whether a file is plain: UTF-8, one kind of line end, no NUL, no endless line, quotes in
pairs and the same number of columns in every record. Anything else is copied record by record into
a plain file, and every line that cannot be a record becomes a reject with its number and reason.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import numpy as np

MAX_LINE_BYTES = 1_000_000
MAX_RECORD_LINES = 50
BLOCK_BYTES = 8_000_000
EXCERPT = 300
NOT_CLOSED = "line_quote_not_closed"
NUL, LF, CR, QUOTE = 0, 10, 13, 34

csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Reject:
    """A line of a file that is not a record: file, line number (1 = header), reason and text."""

    file: str
    line: int
    reason: str
    text: str


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading bytes, through gzip where its name says so."""
    return cast(BinaryIO, gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb"))


def count_plain_records(path: Path, delimiter: str, num_columns: int) -> int | None:
    """
    Count the records of a plain file, header excluded.

    Parameters
    ----------
    path
        Text file, possibly gzipped.
    delimiter
        One ASCII character.
    num_columns
        Columns of the header.

    Returns
    -------
    int or None
        None when the file is not plain and must be mended.
    """
    records, tail = 0, b""
    with open_bytes(path) as file:
        while block := file.read(BLOCK_BYTES):
            whole, tail = _cut(tail + block)
            if len(tail) > MAX_LINE_BYTES:
                return None
            count = _plain(whole, delimiter, num_columns)
            if count is None:
                return None
            records += count
    count = _plain(
        tail if tail.endswith(b"\n") or not tail else tail + b"\n", delimiter, num_columns
    )
    return None if count is None else records + count - 1


def mend(source: BinaryIO, target: TextIO, name: str, delimiter: str, num: int) -> list[Reject]:
    """
    Copy all records of a text file (header included) as plain CSV.

    Parameters
    ----------
    source
        Bytes of the file, UTF-8.
    target
        Receives comma separated records.
    name
        Name of the file for the rejects.
    delimiter, num
        Delimiter and number of columns of the file.

    Returns
    -------
    list of Reject
        Every line that is not a record. A quote that is never closed costs its own line only: the
        lines after it are read again.
    """
    writer = csv.writer(target, lineterminator="\n")
    rejects: list[Reject] = []
    waiting: list[tuple[int, bytes]] = []
    lines = _lines(source)
    number = 0
    while True:
        if not waiting:
            nxt = next(lines, None)
            if nxt is None:
                return rejects
            number += 1
            waiting.append((number, nxt.removeprefix(codecs.BOM_UTF8) if number == 1 else nxt))
        used, cells, reason = _record(waiting, lines, number, delimiter)
        number = max(number, waiting[-1][0])
        first, raw = waiting[0]
        if cells and len(cells) != num:
            reason = "line_too_many_columns" if len(cells) > num else "line_missing_columns"
        if reason:
            text = raw[:EXCERPT].decode("utf-8", "replace").replace("\x00", "␀").rstrip("\r\n")
            rejects.append(Reject(name, first, reason, text))
            used = 1
        elif cells:
            writer.writerow(cells)
        del waiting[:used]


def _record(
    waiting: list[tuple[int, bytes]], lines: Iterator[bytes], number: int, delimiter: str
) -> tuple[int, list[str], str]:
    """Read one record from the waiting lines, fetching more while a quote is open."""
    text = ""
    for used in range(1, MAX_RECORD_LINES + 1):
        if len(waiting) < used:
            nxt = next(lines, None)
            if nxt is None:
                break
            number += 1
            waiting.append((number, nxt))
        raw = waiting[used - 1][1]
        reason = _fault(raw)
        if reason:
            return 1, [], reason if used == 1 else NOT_CLOSED
        text += raw.decode("utf-8")
        if len(text) > MAX_LINE_BYTES:
            break
        if not text.strip():
            return used, [], ""
        try:
            (cells,) = csv.reader(
                io.StringIO(text.rstrip("\r\n"), newline=""), delimiter=delimiter, strict=True
            )
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                continue
            return 1, [], "line_malformed"
        except ValueError:  # more than one record: a lone carriage return
            return 1, [], "line_malformed"
        return used, cells, ""
    return 1, [], NOT_CLOSED


def _fault(raw: bytes) -> str:
    if len(raw) > MAX_LINE_BYTES:
        return "line_too_long"
    if b"\x00" in raw:
        return "line_has_nul"
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "line_encoding"
    return "line_encoding" if "�" in text else ""


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines with their end; of an endless one only the first bytes are kept."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        if not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
            while (rest := source.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
        yield line


def _cut(block: bytes) -> tuple[bytes, bytes]:
    """Split a block after its last line end outside quotes."""
    if b'"' not in block:
        end = block.rfind(b"\n") + 1
        return block[:end], block[end:]
    cells = np.frombuffer(block, np.uint8)
    inside = np.cumsum(cells == QUOTE, dtype=np.int64) & 1
    ends = np.flatnonzero((cells == LF) & (inside == 0))
    end = int(ends[-1]) + 1 if len(ends) else 0
    return block[:end], block[end:]


def _plain(block: bytes, delimiter: str, num_columns: int) -> int | None:
    if not block:
        return 0
    try:
        if "�" in block.decode("utf-8"):
            return None
    except UnicodeDecodeError:
        return None
    if b"\x00" in block or block.count(b"\r") not in (0, block.count(b"\r\n")):
        return None
    cells = np.frombuffer(block, np.uint8)
    ends, marks = cells == LF, cells == ord(delimiter)
    if b'"' in block:
        outside = (np.cumsum(cells == QUOTE, dtype=np.int64) & 1) == 0
        ends, marks = ends & outside, marks & outside
    places = np.flatnonzero(ends)
    if not len(places):
        return None
    if b"\r" in block and (cells[places - 1] != CR).any():
        return None
    if np.diff(places, prepend=-1).max() > MAX_LINE_BYTES:
        return None
    counts = np.diff(np.searchsorted(np.flatnonzero(marks), places), prepend=0)
    blank = np.diff(places, prepend=-1) <= 1 + int(b"\r" in block)
    if num_columns == 1 and blank.any():
        return None
    fine = (counts == num_columns - 1) | blank
    return int((~blank).sum()) if fine.all() else None


UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a damaged file may raise."""
