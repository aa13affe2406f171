"""Write tables as the files of other systems, byte for byte the same for the same content."""

from __future__ import annotations

import gzip
import io
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_csv(path: Path, table: pd.DataFrame, extra_lines: tuple[str, ...] = ()) -> None:
    """Write a CSV file, compressed where the name ends in ``.gz``; extra lines go to the end."""
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    text += "".join(line + "\n" for line in extra_lines)
    content = text.encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile(
            filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0
        ) as file:
            file.write(content)
        content = buffer.getvalue()
    path.write_bytes(content)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.Table.from_pandas(table, preserve_index=False),
        path,
        compression="zstd",
        compression_level=9,
    )


def write_excel(path: Path, table: pd.DataFrame, sheet: str) -> None:
    """Write an Excel file with one sheet of text and numbers."""
    import xlsxwriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path)) as book:
        book.set_properties({"created": datetime(2026, 8, 1), "author": "S&OP office"})
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True})
        page.write_row(0, 0, list(table.columns), bold)
        for number, name in enumerate(table.columns):
            cells = [None if pd.isna(cell) else cell for cell in table[name].tolist()]
            page.write_column(1, number, cells)
        page.freeze_panes(1, 0)
