"""Columns that the tables of a run have today; runs that were made before may lack some."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

COLUMNS_FILE = "run_columns.json"


@cache
def run_columns() -> dict[str, tuple[str, ...]]:
    """
    Return the columns of each table of a run, by the name of the table.

    They are the columns that a run of the demo plant has. ``python -m tests.run_columns FOLDER``
    writes them from the folder of a finished run, and a test holds them against a run.
    """
    return {name: tuple(columns) for name, columns in json.loads(_text()).items()}


@cache
def columns_version() -> str:
    """Return a name of these columns, which every run keeps: other columns have another name."""
    return hashlib.sha256(_text().encode("utf-8")).hexdigest()[:12]


def lacking_columns(name: str, columns: Iterable[str]) -> list[str]:
    """Return the columns of today that a stored table does not have, in their order."""
    present = set(columns)
    return [column for column in run_columns().get(name, ()) if column not in present]


def remedy(about: Mapping[str, str]) -> str:
    """Return what to do about a run that lacks something, from what its file says of it."""
    site = f" --site {about['site']}" if about.get("site") else ""
    daily = " --cycle daily" if about.get("cycle_id", "").count("-") > 1 else ""
    return (
        f"Compute its cycle again: soe run --source {about['source']} "
        f"--as-of {about['as_of']}{site}{daily}"
    )


def _text() -> str:
    return resources.files("soe_lib").joinpath(COLUMNS_FILE).read_text(encoding="utf-8")
