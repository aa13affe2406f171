"""``soe new-source``: an empty mapping with everything in it that its author has to know."""

from __future__ import annotations

import difflib
import keyword
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from soe_lib.sources.config import SourceError
from soe_lib.tables import TABLES, Table
from soe_lib.vocabulary import Column, Kind

_WORDS = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.INTEGER: "whole number",
    Kind.FLAG: "true/false",
    Kind.INSTANT: "instant",
    Kind.DATE: "date",
}
_YAML = """\
# Where this source lies and how it is read. Delete what you do not need: all but `kind` have the
# default that is shown.
title: {name}
kind: {kind}                      # files (CSV, CSV.GZ, Parquet, Excel in one folder) or database
{place}
site_time_zone: UTC              # IANA name, e.g. Europe/Berlin; times without zone are read in it
currency: ""                     # ISO 4217 code of all money, e.g. EUR
date_formats: []                 # beside ISO 8601, strptime codes, e.g. ["%d.%m.%Y"]
encoding: utf-8                  # of text files; Western European exports are often cp1252
delimiter: ","                   # of text files
history_weeks: 52                # a SELECT may ask for it as $history_weeks
sop_plan: supplied               # or: derived, when sop_plan.sql computes it from history
stale_after_hours: {{}}            # e.g. {{inventory_balance: 24, schedule_operation: 168}}
default_as_of: ""                # instant used when --as-of is not given
assumptions: []                  # sentences that the report repeats
"""
_ROOT = 'root: ""                         # folder; the environment variable {variable} replaces it'
_URL = "url_env: {variable}   # this environment variable holds the SQLAlchemy URL, never this file"


def new_source(name: str, folder: Path, kind: str, tables: Sequence[str]) -> list[Path]:
    """
    Write the mapping of a new source: ``source.yaml`` and one commented SQL file per table.

    A file that holds comments only supplies nothing; a table exists for the suite as soon as its
    SELECT is written.

    Parameters
    ----------
    name
        Name of the source: lower-case letters, digits and underscores.
    folder
        Folder of all mappings (``params/sources``).
    kind
        ``files`` or ``database``.
    tables
        Canonical tables.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    SourceError
        When the name cannot be a source's, the folder is there already or a table is unknown.

    Examples
    --------
    >>> new_source("erp", Path("params/sources"), "files", ["item"])  # doctest: +SKIP
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise SourceError(
            f"'{name}' cannot name a source; use lower-case letters, digits and _ (my_erp)"
        )
    if kind not in ("files", "database"):
        raise SourceError(f"kind '{kind}' is unknown; known: files, database")
    for table in tables:
        if table not in TABLES:
            close = difflib.get_close_matches(table, list(TABLES), n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(TABLES)}"
            raise SourceError(f"'{table}' is not a canonical table; {hint}")
    if not tables:
        raise SourceError(f"no table named; known: {', '.join(TABLES)}")
    target = folder / name
    if target.exists():
        raise SourceError(f"{target} is there already; choose another name or remove it")
    texts = {"source.yaml": _source_yaml(name, kind)}
    texts |= {f"{table}.sql": table_sql(TABLES[table], kind) for table in dict.fromkeys(tables)}
    growing = folder / f".{name}.new"
    shutil.rmtree(growing, ignore_errors=True)
    try:
        growing.mkdir(parents=True)
        for file, text in texts.items():
            (growing / file).write_text(text, encoding="utf-8")
        growing.rename(target)
    except OSError as error:
        shutil.rmtree(growing, ignore_errors=True)
        raise SourceError(f"{target}: cannot be written: {error.strerror or error}") from None
    return [target / file for file in texts]


def table_sql(table: Table, kind: str = "files") -> str:
    """Return the commented SQL file of one table: contract first, then a SELECT to fill in."""
    own = [*table.minimal, *table.full]
    audit = [name for name in table.columns if name not in own and name != "record_hash"]
    contracts = {column.name: column for column in table.contracts}
    width = max(len(name) for name in contracts)
    head = [
        f"{table.name}: {table.grain}",
        "",
        "M = minimal: must be in the SELECT, and filled unless it says 'may be empty'. F = full:",
        "leave it out where your system has none. Pass text through as it is: the contract casts",
        "every cell and quarantines the row of a bad one. Instants without zone are the site's.",
        "",
        *(_described(contracts[name], table, width) for name in [*own, *audit]),
        "",
        f"key: {', '.join(table.key)}",
        *([f"rules: {', '.join(rule.name for rule in table.rules)}"] if table.rules else []),
        *(f"{name} must be in {other}" for name, (other, _) in table.references.items()),
        "",
        "$as_of (UTC), $as_of_local (at the site) and $history_weeks may be used. Return every row",
        "of the first file after FROM; a reason in exclude_reason leaves a row out and counts it.",
        "Begin a comment with the word assumption and a colon, and the report repeats it.",
        "Filled examples: params/sources/adventureworks/*.sql",
        "",
        "To supply this table remove the dashes below and write your names in place of the ?.",
    ]
    place = '"?"  -- a file orders.csv is "orders", erp/orders.csv is "erp__orders"'
    if kind == "database":
        place = "?"
    select = [
        "SELECT",
        *(f'  "?" AS {name},' for name in table.minimal),
        *(f'  -- "?" AS {name},' for name in table.full),
        "  NULL AS exclude_reason",
        f"FROM {place}",
    ]
    return "\n".join(f"-- {line}".rstrip() for line in [*head, *select]) + "\n"


def _described(column: Column, table: Table, width: int) -> str:
    mark = "M" if column.name in table.minimal else "F"
    unit = f" [{column.unit}]" if column.unit else ""
    empty = " May be empty." if column.name in table.nullable else ""
    kind = _WORDS[column.kind]
    return f"  {mark} {column.name:<{width}}  {kind:<12}{unit} {column.meaning}{empty}"


def _source_yaml(name: str, kind: str) -> str:
    variable = f"SOE_{name.upper()}" + ("_URL" if kind == "database" else "")
    place = (_URL if kind == "database" else _ROOT).format(variable=variable)
    return _YAML.format(name=name, kind=kind, place=place)
