"""``source.yaml``: where a source lies, in which time zone and currency, and what it assumes."""

from __future__ import annotations

import codecs
import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

import pandas as pd
from pydantic import Field

from soe_lib.params import ParamsError, Section, parse_section, read_yaml
from soe_lib.tables import TABLES


class SourceError(ValueError):
    """A source cannot be read; the text names file, row, column and remedy."""


class SourceConfig(Section):
    """Contents of ``source.yaml``."""

    title: str = ""
    """What this source is, for people."""
    kind: Literal["files", "database"] = "files"
    """Files read by DuckDB, or a database read through SQLAlchemy."""
    root: str = ""
    """Folder of the extracts relative to the project; ``SOE_<NAME>`` replaces it."""
    url_env: str = ""
    """Environment variable that holds the database URL (never the URL itself)."""
    site_time_zone: str = "UTC"
    """IANA time zone of the sites; instants without zone are read in it."""
    currency: str = Field("", pattern="^([A-Z]{3})?$")
    """ISO 4217 code of all money; empty = the source has no money."""
    history_weeks: int = Field(52, ge=1)
    """How much closed history a mapping keeps; a SELECT reads it as ``$history_weeks``. [weeks]"""
    stale_after_hours: dict[str, float] = Field(default_factory=dict)
    """How old the newest fact of a table may be at as_of. [h]"""
    sop_plan: Literal["supplied", "derived"] = "supplied"
    """Whether the S&OP plan is a management plan or derived from history."""
    assumptions: tuple[str, ...] = ()
    """Sentences that the report repeats."""
    default_as_of: str = ""
    """Instant used when none is asked for."""
    date_formats: tuple[str, ...] = ()
    """Formats beside ISO 8601 in which dates and instants come (strptime); the first that fits a
    cell reads it."""
    encoding: str = "utf-8"
    """Encoding of text files; a byte order mark wins."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Delimiter of text files, one character."""


@dataclass(frozen=True)
class Source:
    """
    A source that can be read.

    Attributes
    ----------
    name, folder
        Name and folder of the mapping (``source.yaml``, ``<table>.sql``).
    root
        Folder of the extracts; empty path for a database.
    config
        Contents of ``source.yaml``.
    environ
        Environment from which the database URL comes.
    """

    name: str
    folder: Path
    root: Path
    config: SourceConfig
    environ: Mapping[str, str]

    @property
    def site_time_zone(self) -> str:
        """IANA time zone of the sites."""
        return self.config.site_time_zone

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self.config.currency

    @property
    def default_as_of(self) -> str:
        """Instant used when none is asked for; empty = none."""
        return self.config.default_as_of

    def parameters(self, as_of: pd.Timestamp) -> dict[str, object]:
        """
        Return what a SELECT may ask for.

        ``$as_of`` is the instant in UTC and ``$as_of_local`` the same at the site, both timestamps
        without zone; ``$history_weeks`` is a number.
        """
        local = as_of.tz_convert(self.site_time_zone).tz_localize(None)
        return {
            "as_of": as_of.tz_convert("UTC").tz_localize(None).to_pydatetime(),
            "as_of_local": local.to_pydatetime(),
            "history_weeks": self.config.history_weeks,
        }

    def statements(self) -> dict[str, str]:
        """
        SQL text by canonical table, in the order of the contracts.

        A file that holds comments only supplies nothing (``soe new-source`` writes such files).
        """
        found: dict[str, str] = {}
        for name in TABLES:
            path = self.folder / f"{name}.sql"
            if not path.is_file():
                continue
            try:
                text = path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise SourceError(f"{path}: cannot be read: {error}; save it as UTF-8") from None
            if without_comments(text):
                found[name] = text
        return found

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences of source.yaml and of the headers of the SQL files."""
        spoken = list(self.config.assumptions)
        for name, text in self.statements().items():
            spoken += [f"{name}: {line}" for line in _header_assumptions(text)]
        return tuple(spoken)


def load_source(
    name: str,
    params_dir: str | Path = "params/sources",
    environ: Mapping[str, str] | None = None,
) -> Source:
    """
    Read the mapping of a source.

    Parameters
    ----------
    name
        Folder in ``params_dir``.
    params_dir
        Folder of all mappings.
    environ
        Environment; ``SOE_<NAME>`` is the root of the extracts, else ``root`` of source.yaml, else
        ``$SOE_REAL_DATA/<name>``.

    Raises
    ------
    SourceError
        When the mapping is missing or wrong, or the extracts are not where they should be.

    Examples
    --------
    >>> load_source("demo").currency
    'EUR'
    """
    environ = os.environ if environ is None else environ
    folder = Path(params_dir) / name
    if not (folder / "source.yaml").is_file():
        known = sorted(path.parent.name for path in Path(params_dir).glob("*/source.yaml"))
        raise SourceError(
            f"no source '{name}': {folder / 'source.yaml'} not found; known: {', '.join(known)}. "
            f"`soe new-source {name}` makes one"
        )
    try:
        config = parse_section(
            read_yaml(folder / "source.yaml"), SourceConfig, str(folder / "source.yaml")
        )
    except ParamsError as error:
        raise SourceError(str(error)) from None
    for fault in _faults(config):
        raise SourceError(f"{folder / 'source.yaml'}: {fault}")
    for path in sorted(folder.glob("*.sql")):
        if path.stem not in TABLES:
            close = difflib.get_close_matches(path.stem, list(TABLES), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(TABLES)}."
            raise SourceError(f"{path}: '{path.stem}' is not a canonical table.{hint}")
    root = Path()
    if config.kind == "files":
        root = _root(name, config, Path(params_dir), environ)
    return Source(name, folder, root, config, environ)


def _faults(config: SourceConfig) -> list[str]:
    found = []
    if config.site_time_zone not in available_timezones():
        found.append(
            f"site_time_zone: unknown time zone '{config.site_time_zone}'; write one like "
            "Europe/Berlin"
        )
    try:
        codecs.lookup(config.encoding)
        "".encode(config.encoding)
    except LookupError:
        found.append(f"encoding: unknown encoding '{config.encoding}'; write one like cp1252")
    if config.delimiter in '"\r\n' or not config.delimiter.isascii():
        found.append(f"delimiter: {config.delimiter!r} cannot separate columns")
    found += [
        f"date_formats: '{text}' has no % sign; write strptime codes like %d.%m.%Y"
        for text in config.date_formats
        if "%" not in text
    ]
    found += [
        f"stale_after_hours: '{name}' is not a canonical table"
        for name in config.stale_after_hours
        if name not in TABLES
    ]
    return found


def _root(name: str, config: SourceConfig, params_dir: Path, environ: Mapping[str, str]) -> Path:
    variable = "SOE_" + re.sub(r"\W", "_", name).upper()
    if environ.get(variable):
        root, origin = Path(environ[variable]), variable
    elif config.root:
        root, origin = params_dir.resolve().parents[1] / config.root, "source.yaml"
    elif environ.get("SOE_REAL_DATA"):
        root, origin = Path(environ["SOE_REAL_DATA"]) / name, "SOE_REAL_DATA"
    else:
        raise SourceError(
            f"source '{name}': set {variable} to the folder of its extracts (or SOE_REAL_DATA to "
            f"the folder that holds a folder '{name}')"
        )
    if not root.is_dir():
        raise SourceError(f"source '{name}': folder {root} ({origin}) not found; set {variable}")
    return root.resolve()


def without_comments(sql: str) -> str:
    """Return SQL without comments; what stands in quotes is left as it is."""
    pattern = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
    return pattern.sub(lambda m: m.group() if m.group()[0] in "'\"" else " ", sql).strip()


def _header_assumptions(text: str) -> list[str]:
    lines = re.findall(r"^\s*--\s*assumption:\s*(.+?)\s*$", text, re.MULTILINE | re.IGNORECASE)
    return [str(line) for line in lines]
