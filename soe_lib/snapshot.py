"""
Read, validate, quarantine, freeze, load: what did we know at ``as_of``?

Two identities hold for every table of every load and are checked before anything is written:
rows_raw = rows_in + rows excluded, and rows_in = rows_loaded + rows_quarantined.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.cast import cast_column
from soe_lib.sources import RawTable, Source, read_tables
from soe_lib.tables import TABLES, Table
from soe_lib.vocabulary import COLUMNS
from soe_lib.workspace import Workspace

CONTRACT_VERSION = 1
LATER = "after as_of"


@dataclass(frozen=True)
class Snapshot:
    """Immutable facts of one instant; tables are read from their Parquet files when asked for."""

    path: Path
    manifest: dict[str, Any]

    @property
    def snapshot_id(self) -> str:
        return str(self.manifest["snapshot_id"])

    @property
    def as_of(self) -> pd.Timestamp:
        return pd.Timestamp(self.manifest["as_of"])

    @property
    def source_name(self) -> str:
        return str(self.manifest["source"])

    @property
    def site_time_zone(self) -> str:
        return str(self.manifest["site_time_zone"])

    @property
    def currency(self) -> str:
        return str(self.manifest["currency"])

    @property
    def sop_plan_basis(self) -> str:
        return str(self.manifest["sop_plan"])

    @property
    def assumptions(self) -> tuple[str, ...]:
        return tuple(self.manifest["assumptions"])

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        return {name: self.table(name) for name in self.manifest["tables"]}

    def has(self, name: str) -> bool:
        return self.manifest["tables"].get(name, {}).get("rows_loaded", 0) > 0

    def table(self, name: str) -> pd.DataFrame:
        path = self.path / f"{name}.parquet"
        if name not in self.manifest["tables"]:
            return TABLES[name].empty()
        rows = pd.read_parquet(path)
        return rows.astype({c.name: c.dtype for c in TABLES[name].contracts})

    def quarantine(self, name: str) -> pd.DataFrame:
        path = self.path / "quarantine" / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    def blockers(self) -> list[str]:
        found: list[str] = []
        for name, counts in self.manifest["tables"].items():
            if counts["rows_quarantined"]:
                reasons = ", ".join(f"{k} {v}" for k, v in counts["quarantined"].items())
                found.append(
                    f"{name}: {counts['rows_quarantined']:,} of {counts['rows_in']:,} rows are in "
                    f"quarantine ({reasons})."
                )
            age, limit = counts.get("age_hours"), counts.get("stale_after_hours")
            if age is not None and limit is not None and age > limit:
                found.append(
                    f"{name}: the newest fact is {age:,.0f} h old, allowed are {limit:,.0f} h."
                )
        return found


def take_snapshot(source: Source, as_of: pd.Timestamp, workspace: Workspace) -> Snapshot:
    raw = read_tables(source, as_of)
    loaded: dict[str, pd.DataFrame] = {}
    rejected: dict[str, pd.DataFrame] = {}
    counts: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        if name not in raw:
            continue
        loaded[name], rejected[name], counts[name] = _load(raw[name], source, as_of, loaded)
    manifest: dict[str, Any] = {
        "source": source.name,
        "as_of": as_of.isoformat(),
        "site_time_zone": source.site_time_zone,
        "currency": source.currency,
        "sop_plan": source.config.sop_plan,
        "assumptions": list(source.assumptions),
        "contract_version": CONTRACT_VERSION,
        "tables": counts,
    }
    snapshot_id = _digest(loaded, manifest)
    manifest["snapshot_id"] = snapshot_id
    folder = workspace.snapshots / snapshot_id
    if not (folder / "manifest.json").is_file():
        for name, rows in loaded.items():
            workspace.write_parquet(folder / f"{name}.parquet", rows)
            if len(rejected[name]):
                workspace.write_parquet(folder / "quarantine" / f"{name}.parquet", rejected[name])
        workspace.write_json(folder / "manifest.json", manifest)
    return load_snapshot(folder)


def load_snapshot(path: str | Path) -> Snapshot:
    manifest = json.loads((Path(path) / "manifest.json").read_text(encoding="utf-8"))
    return Snapshot(Path(path), manifest)


def _load(
    raw: RawTable, source: Source, as_of: pd.Timestamp, loaded: dict[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    contract = TABLES[raw.name]
    rows = raw.rows.reset_index(drop=True)
    reason = pd.Series("", index=rows.index, dtype="str")
    excluded = (
        rows["exclude_reason"].astype("str").where(rows["exclude_reason"].notna(), "")
        if "exclude_reason" in rows
        else pd.Series("", index=rows.index)
    )
    data: dict[str, pd.Series] = {}
    for column in contract.contracts:
        if column.name not in rows:
            data[column.name] = pd.Series(index=rows.index, dtype=column.dtype)
            continue
        cast, bad = cast_column(
            rows[column.name], column, source.site_time_zone, source.config.date_formats
        )
        data[column.name] = cast
        reason = reason.where((reason != "") | ~bad, f"{column.name}_is_{column.kind.value}")
    typed = pd.DataFrame(data)
    typed["source_system"] = typed["source_system"].where(
        typed["source_system"].notna(), source.name
    )
    later = (typed["recorded_at"] > as_of).fillna(False) & (excluded == "")
    excluded = excluded.where(~later, LATER)
    inside = excluded == ""
    for name in contract.required:
        reason = reason.where((reason != "") | typed[name].notna(), f"{name}_is_missing")
    for rule in contract.rules:
        holds = rule.holds(typed).fillna(True).astype(bool)
        reason = reason.where((reason != "") | holds, rule.name)
    for name, (other, key) in contract.references.items():
        if other in loaded:
            known = typed[name].isna() | typed[name].isin(loaded[other][key])
            reason = reason.where((reason != "") | known, f"{name}_is_known")
    fine = inside & (reason == "")
    twice = typed[fine].duplicated(list(contract.key), keep="first")
    reason.loc[twice[twice].index] = "duplicate_key"
    fine = inside & (reason == "")
    good = typed[fine].sort_values(list(contract.key), kind="stable").reset_index(drop=True)
    good["record_hash"] = _row_hash(good)
    bad_rows = rows[inside & ~fine].astype("str")
    bad_rows = bad_rows.assign(rule=reason[inside & ~fine], line=pd.NA)
    lines = pd.DataFrame(
        {
            "rule": [r.reason for r in raw.rejects],
            "line": [r.line for r in raw.rejects],
            "text": [r.text for r in raw.rejects],
        }
    )
    quarantined = pd.concat([bad_rows, lines], ignore_index=True) if len(lines) else bad_rows
    out = excluded[~inside].value_counts()
    by_rule = quarantined["rule"].value_counts()
    counts = {
        "rows_raw": len(rows) + len(lines),
        "rows_excluded": {str(k): int(v) for k, v in sorted(out.items())},
        "rows_in": int(inside.sum()) + len(lines),
        "rows_loaded": len(good),
        "rows_quarantined": len(quarantined),
        "quarantined": {str(k): int(v) for k, v in sorted(by_rule.items())},
    }
    limit = source.config.stale_after_hours.get(raw.name)
    if limit is not None:
        newest = _newest(good, as_of)
        counts["stale_after_hours"] = limit
        counts["age_hours"] = None if newest is None else (as_of - newest).total_seconds() / 3600
    assert counts["rows_raw"] == counts["rows_in"] + sum(counts["rows_excluded"].values())
    assert counts["rows_in"] == counts["rows_loaded"] + counts["rows_quarantined"]
    return good, quarantined, counts


def _newest(rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.Timestamp | None:
    for name in (
        "recorded_at",
        "extracted_at",
        "event_at",
        "balance_at",
        "ordered_at",
        "goods_issue_at",
        "received_at",
    ):
        if name in rows and rows[name].notna().any():
            known = rows.loc[rows[name] <= as_of, name]
            return known.max() if len(known) else None
    return None


def _row_hash(rows: pd.DataFrame) -> pd.Series:
    plain = rows.drop(columns=["record_hash", "extracted_at"])
    if plain.empty:
        return pd.Series(dtype="str")
    numbers = pd.util.hash_pandas_object(plain, index=False, categorize=False)
    return numbers.map("{:016x}".format).astype("str")


def _digest(loaded: dict[str, pd.DataFrame], manifest: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for name in sorted(loaded):
        digest.update(name.encode())
        digest.update("".join(loaded[name]["record_hash"].tolist()).encode())
    return digest.hexdigest()[:16]


def check_report(snapshot: Snapshot) -> pd.DataFrame:
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


__all__ = ["COLUMNS", "Snapshot", "Table", "check_report", "load_snapshot", "np", "take_snapshot"]
