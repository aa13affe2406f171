"""Tables to xlsx: safe (no formula, no link), deterministic, with a sheet that explains columns."""

from __future__ import annotations

import io
from datetime import datetime

import pandas as pd
import xlsxwriter

from soe_lib.vocabulary import COLUMNS

MAX_ROWS = 200_000


def table_as_xlsx(name: str, rows: pd.DataFrame, as_of: pd.Timestamp) -> bytes:
    """
    Return a table as the bytes of a workbook.

    Text is written as text: a cell that begins with ``=`` is shown, not computed. Instants are
    written in UTC. The same table and ``as_of`` give the same bytes.

    Parameters
    ----------
    name
        Name of the table, used for its sheet.
    rows
        The table; more than 200,000 rows are cut and the last row says so.
    as_of
        Instant that stands as creation date in the file's properties.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": False,
        },
    )
    created = as_of.tz_convert("UTC").tz_localize(None).to_pydatetime()
    book.set_properties({"title": name, "created": created})
    sheet = book.add_worksheet(name[:31])
    bold = book.add_format({"bold": True})
    instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.freeze_panes(1, 0)
    shown = rows.head(MAX_ROWS)
    for position, column in enumerate(shown.columns):
        sheet.write_string(0, position, str(column), bold)
        sheet.set_column(position, position, max(10, min(40, len(str(column)) + 2)))
        _write_column(sheet, position, shown[column], instant, day)
    if len(rows) > MAX_ROWS:
        sheet.write_string(MAX_ROWS + 1, 0, f"cut: {len(rows) - MAX_ROWS} more rows")
    if len(shown.columns):
        sheet.autofilter(0, 0, max(1, len(shown)), len(shown.columns) - 1)
    words = book.add_worksheet("columns")
    for position, heading in enumerate(("column", "unit", "meaning")):
        words.write_string(0, position, heading, bold)
    for number, column in enumerate(shown.columns, start=1):
        known = COLUMNS.get(str(column))
        words.write_string(number, 0, str(column))
        words.write_string(number, 1, known.unit if known else "")
        words.write_string(number, 2, known.meaning if known else "")
    book.close()
    return buffer.getvalue()


def _write_column(
    sheet: xlsxwriter.worksheet.Worksheet,
    position: int,
    values: pd.Series,
    instant: xlsxwriter.format.Format,
    day: xlsxwriter.format.Format,
) -> None:
    is_date = pd.api.types.is_datetime64_any_dtype(values.dtype)
    for number, value in enumerate(values.tolist(), start=1):
        if value is None or value is pd.NaT or value is pd.NA or value != value:
            continue
        if is_date:
            moment: datetime = pd.Timestamp(value).to_pydatetime().replace(tzinfo=None)
            sheet.write_datetime(number, position, moment, instant if value.tzinfo else day)
        elif isinstance(value, bool):
            sheet.write_boolean(number, position, value)
        elif isinstance(value, int | float) and abs(value) < 1e300:
            sheet.write_number(number, position, value)
        else:
            sheet.write_string(number, position, _printable(str(value)))


def _printable(text: str) -> str:
    return "".join(c for c in text if c >= " " or c in "\t\n")[:32_767]
