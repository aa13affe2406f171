"""
The outbox: what was published as files that people and systems can read.

Every table as CSV and JSON, each system as one workbook, MES in addition as an ISA-95 job list.
Content and names depend on the publication only: publishing twice writes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping

import pandas as pd
import xlsxwriter

from soe_lib.publish.b2mml import job_list
from soe_lib.publish.messages import canonical_payload
from soe_lib.workspace import Workspace

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """
    Return text that a spreadsheet shows instead of running.

    A leading formula sign gets an apostrophe before it, control characters become blanks; text
    that is a plain number stays as it is.

    Examples
    --------
    >>> harmless("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    >>> harmless("-12.5")
    '-12.5'
    """
    clean = "".join(" " if ord(sign) < 32 or ord(sign) == 127 else sign for sign in text)
    if not text.startswith(_FORMULA_STARTS):
        return clean
    try:
        float(clean)
    except ValueError:
        return "'" + clean
    return clean


def outbox_files(
    preview: Mapping[str, pd.DataFrame],
    messages: pd.DataFrame,
    *,
    publication_id: str,
    published_at: pd.Timestamp,
) -> dict[str, bytes]:
    """
    Render a publication.

    Parameters
    ----------
    preview
        Tables of :func:`soe_lib.publish.preview`, named ``<system>_<table>``.
    messages
        Messages of :func:`soe_lib.publish.messages.build_messages`.
    publication_id
        Identity of the publication.
    published_at
        Instant of the publication.

    Returns
    -------
    dict
        Relative path to content: ``<system>/<table>.csv``, ``.json``, ``<system>.xlsx``,
        ``mes/job_list.xml``, ``messages.json`` and ``manifest.json`` with the hash of each file.
    """
    files: dict[str, bytes] = {}
    by_system: dict[str, dict[str, pd.DataFrame]] = {}
    for name, rows in sorted(preview.items()):
        system, _, short = name.partition("_")
        shown = _as_text(rows)
        files[f"{system}/{short}.csv"] = shown.to_csv(index=False, lineterminator="\n").encode()
        files[f"{system}/{short}.json"] = _json(rows)
        by_system.setdefault(system, {})[short] = rows
    for system, tables in by_system.items():
        files[f"{system}.xlsx"] = _workbook(tables, published_at)
    if "mes_dispatch" in preview:
        files["mes/job_list.xml"] = job_list(
            preview["mes_dispatch"], list_id=publication_id, published_at=published_at
        )
    files["messages.json"] = _json(messages)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {
        "publication_id": publication_id,
        "published_at": published_at.tz_convert("UTC").isoformat(),
        "files": dict(sorted(hashes.items())),
    }
    files["manifest.json"] = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    return dict(sorted(files.items()))


def write_outbox(files: Mapping[str, bytes], workspace: Workspace, publication_id: str) -> str:
    """
    Write the files below ``outbox/<publication_id>/``, the manifest last: it says all is there.

    Returns
    -------
    str
        Path of the folder, relative to the workspace.
    """
    folder = workspace.root / "outbox" / publication_id
    for name in sorted(files, key=lambda name: (name == "manifest.json", name)):
        workspace.write_bytes(folder / name, files[name])
    return folder.relative_to(workspace.root).as_posix()


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    shown = {}
    for name in rows.columns:
        column = rows[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            shown[name] = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            shown[name] = column.dt.strftime("%Y-%m-%d")
        elif pd.api.types.is_string_dtype(column.dtype):
            shown[name] = column.map(harmless, na_action="ignore")
        else:
            shown[name] = column
    return pd.DataFrame(shown, index=rows.index)


def _json(rows: pd.DataFrame) -> bytes:
    records: list[dict] = rows.to_dict("records")
    lines = [canonical_payload(row) for row in records]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _workbook(tables: Mapping[str, pd.DataFrame], published_at: pd.Timestamp) -> bytes:
    sink = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(sink, options)
    book.set_properties({"created": published_at.tz_convert("UTC").tz_localize(None)})
    head = book.add_format({"bold": True, "bottom": 1})
    for name, rows in tables.items():
        sheet = book.add_worksheet(name[:31])
        shown = _as_text(rows)
        for place, title in enumerate(shown.columns):
            sheet.write_string(0, place, str(title), head)
            sheet.set_column(place, place, max(10, min(28, len(str(title)) + 2)))
            for line, value in enumerate(shown[title].tolist(), start=1):
                if isinstance(value, str):
                    sheet.write_string(line, place, value)
                elif value is not None and value is not pd.NA and value == value:
                    sheet.write(line, place, value)
        sheet.freeze_panes(1, 0)
        if len(shown):
            sheet.autofilter(0, 0, len(shown), len(shown.columns) - 1)
    book.close()
    return sink.getvalue()
