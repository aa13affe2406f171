"""
Read, validate, freeze: what did we know at ``as_of``?

A snapshot is a folder of Parquet files named after its content: the same extracts, mapping and
instant give the same folder with the same bytes, a correction is a new snapshot.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from soe_lib.rule_words import set_aside, table_words
from soe_lib.sources import RawTable, Source, SourceError, read_tables
from soe_lib.tables import TABLES
from soe_lib.validate import Validated, validate
from soe_lib.workspace import Workspace

CONTRACT_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Snapshot:
    """Immutable facts of one instant; tables are read from their Parquet files when asked for."""

    path: Path
    manifest: dict[str, Any]

    @property
    def snapshot_id(self) -> str:
        """Name of the snapshot: a hash of its content."""
        return str(self.manifest["snapshot_id"])

    @property
    def as_of(self) -> pd.Timestamp:
        """Instant UTC; nothing later is known."""
        return pd.Timestamp(self.manifest["as_of"])

    @property
    def source_name(self) -> str:
        """Source from which the snapshot was taken."""
        return str(self.manifest["source"])

    @property
    def site_time_zone(self) -> str:
        """IANA time zone of the sites."""
        return str(self.manifest["site_time_zone"])

    @property
    def currency(self) -> str:
        """ISO 4217 code of all money; empty where the source has none."""
        return str(self.manifest["currency"])

    @property
    def sop_plan_basis(self) -> str:
        """Whether the S&OP plan is ``supplied`` by management or ``derived`` from history."""
        return str(self.manifest["sop_plan"])

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences of the mapping that the report repeats."""
        return tuple(self.manifest["assumptions"])

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables that the source supplied, by canonical name."""
        return {name: self.table(name) for name in self.manifest["tables"]}

    def has(self, name: str) -> bool:
        """Whether the table was supplied and at least one row of it was loaded."""
        return int(self.manifest["tables"].get(name, {}).get("rows_loaded", 0)) > 0

    def filled(self, name: str) -> tuple[str, ...]:
        """Columns of a table that hold at least one value; none where it was not supplied."""
        return tuple(self.manifest["tables"].get(name, {}).get("filled", ()))

    def table(self, name: str) -> pd.DataFrame:
        """Return a canonical table with all its columns typed; empty where it was not supplied."""
        if name not in self.manifest["tables"]:
            return TABLES[name].empty()
        rows = pd.read_parquet(self.path / f"{name}.parquet")
        return rows.astype({c.name: c.dtype for c in TABLES[name].contracts})

    def quarantine(self, name: str) -> pd.DataFrame:
        """Return the rows of a table that broke a rule: ``rule``, ``file``, ``line``, raw cells."""
        path = self.path / "quarantine" / f"{name}.parquet"
        if not path.is_file():
            return pd.DataFrame(columns=["rule", "file", "line", "text"])
        return pd.read_parquet(path)

    def blockers(self) -> list[str]:
        """Return what stands against trusting the snapshot, in sentences."""
        found: list[str] = []
        for name, counts in self.manifest["tables"].items():
            if counts["rows_quarantined"]:
                verb = "is" if counts["rows_quarantined"] == 1 else "are"
                found.append(
                    f"{table_words(name)}: {counts['rows_quarantined']:,} of "
                    f"{counts['rows_in']:,} rows {verb} in quarantine: "
                    f"{set_aside(counts['quarantined'])}."
                )
            found += _staleness(name, counts)
        driving = {c.get("driving_file") for c in self.manifest["tables"].values()}
        for path, file in self.manifest["files"].items():
            if file["lines_rejected"] and path not in driving:
                found.append(
                    f"{path}: {file['lines_rejected']:,} lines could not be read (the first is "
                    f"line {file['first_line']:,}: {file['first_reason']}); rows that need them "
                    "are incomplete."
                )
        return found


def _staleness(name: str, counts: dict[str, Any]) -> list[str]:
    limit = counts.get("stale_after_hours")
    if limit is None:
        return []
    if counts["age_hours"] is None:
        return [f"{table_words(name)}: no row says how old it is, allowed are {limit:,.0f} h."]
    if counts["age_hours"] <= limit:
        return []
    age = f"the newest fact is {counts['age_hours']:,.0f} h old, allowed are {limit:,.0f} h"
    return [f"{table_words(name)}: {age}."]


def take_snapshot(source: Source, as_of: pd.Timestamp, workspace: Workspace) -> Snapshot:
    """
    Read a source as it was known at an instant and freeze it.

    Parameters
    ----------
    source
        Mapping and extracts.
    as_of
        Instant UTC.
    workspace
        The snapshot is written to ``snapshots/<snapshot_id>/`` under a temporary name and renamed,
        so it is there completely or not at all.

    Returns
    -------
    Snapshot

    Raises
    ------
    SourceError
        When the source cannot be read; the text names file, row, column and remedy.
    """
    raw = read_tables(source, as_of)
    found: dict[str, Validated] = {}
    for name in TABLES:
        if name in raw:
            before = {known: part.rows for known, part in found.items()}
            found[name] = validate(raw[name], source, as_of, before)
    manifest = _manifest(source, as_of, raw, found)
    snapshot_id = _digest(found, manifest)
    manifest["snapshot_id"] = snapshot_id
    folder = workspace.snapshots / snapshot_id
    if not (folder / MANIFEST).is_file():
        with workspace.folder(folder) as fresh:
            for name, part in found.items():
                workspace.write_parquet(fresh / f"{name}.parquet", part.rows)
                if len(part.quarantined):
                    workspace.write_parquet(
                        fresh / "quarantine" / f"{name}.parquet", part.quarantined
                    )
            workspace.write_json(fresh / MANIFEST, manifest)
    return load_snapshot(folder)


def load_snapshot(path: str | Path) -> Snapshot:
    """
    Open a snapshot.

    Raises
    ------
    SourceError
        When the folder holds no snapshot.
    """
    manifest = Path(path) / MANIFEST
    if not manifest.is_file():
        raise SourceError(f"{path}: no snapshot there (no {MANIFEST}); take it again: soe check")
    return Snapshot(Path(path), json.loads(manifest.read_text(encoding="utf-8")))


def check_report(snapshot: Snapshot) -> pd.DataFrame:
    """
    Say what loaded.

    Returns
    -------
    pandas.DataFrame
        One row per table supplied: ``table``, ``rows_raw``, ``rows_excluded``, ``rows_in``,
        ``rows_loaded``, ``rows_quarantined``, ``worst_rule``, ``excluded_because``.
    """
    rows = []
    for name, counts in snapshot.manifest["tables"].items():
        worst = max(counts["quarantined"].items(), key=lambda e: e[1], default=("", 0))[0]
        rows.append(
            {
                "table": name,
                "rows_raw": counts["rows_raw"],
                "rows_excluded": sum(counts["rows_excluded"].values()),
                "rows_in": counts["rows_in"],
                "rows_loaded": counts["rows_loaded"],
                "rows_quarantined": counts["rows_quarantined"],
                "worst_rule": worst,
                "excluded_because": ", ".join(
                    f"{k} {v:,}" for k, v in counts["rows_excluded"].items()
                ),
            }
        )
    return pd.DataFrame(rows)


def _manifest(
    source: Source, as_of: pd.Timestamp, raw: dict[str, RawTable], found: dict[str, Validated]
) -> dict[str, Any]:
    files = {file.path: file for table in raw.values() for file in table.files}
    return {
        "source": source.name,
        "as_of": as_of.tz_convert("UTC").isoformat(),
        "site_time_zone": source.site_time_zone,
        "currency": source.currency,
        "sop_plan": source.config.sop_plan,
        "assumptions": list(source.assumptions),
        "contract_version": CONTRACT_VERSION,
        "mapping": {
            name: hashlib.sha256(text.encode("utf-8")).hexdigest()
            for name, text in source.statements().items()
        },
        "files": {
            path: {
                "sha256": files[path].sha256,
                "size_bytes": files[path].size_bytes,
                "records": files[path].num_records,
                "lines_rejected": len(files[path].rejects),
                "first_line": files[path].rejects[0].line if files[path].rejects else None,
                "first_reason": files[path].rejects[0].reason if files[path].rejects else None,
            }
            for path in sorted(files)
        },
        "tables": {name: part.counts for name, part in sorted(found.items())},
    }


def _digest(found: dict[str, Validated], manifest: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for name in sorted(found):
        digest.update(name.encode())
        digest.update("".join(found[name].rows["record_hash"].tolist()).encode())
    return digest.hexdigest()[:16]


__all__ = ["Snapshot", "check_report", "load_snapshot", "take_snapshot"]
