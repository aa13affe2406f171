"""
Raw rows to rows that keep their contract; what does not is set aside with the rule's name.

For every table rows_raw = rows_in + rows excluded, and rows_in = rows_loaded + rows_quarantined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from soe_lib.cast import cast_column
from soe_lib.sources import RawTable, Source
from soe_lib.sources.read import EXCLUDE
from soe_lib.tables import TABLES, Table

LATER = "after as_of"
DUPLICATE = "duplicate_key"
_NEWEST = (
    "recorded_at",
    "extracted_at",
    "event_at",
    "balance_at",
    "ordered_at",
    "goods_issue_at",
    "received_at",
)


@dataclass(frozen=True)
class Validated:
    """
    One table after validation.

    Attributes
    ----------
    rows
        Typed rows that keep every rule, sorted by key.
    quarantined
        ``rule`` (why), ``file`` and ``line`` (where known), ``text`` (of lines that are no record)
        and the raw cells as text.
    counts
        For the manifest: rows_raw, rows_excluded, rows_in, rows_loaded, rows_quarantined, ...
    """

    rows: pd.DataFrame
    quarantined: pd.DataFrame
    counts: dict[str, Any]


def validate(
    raw: RawTable, source: Source, as_of: pd.Timestamp, loaded: dict[str, pd.DataFrame]
) -> Validated:
    """
    Validate one table.

    Parameters
    ----------
    raw
        Rows of the mapping.
    source
        Gives time zone, date formats and how stale the table may be.
    as_of
        Facts that happened or were recorded later are excluded.
    loaded
        Tables validated before; a reference to a row that is not in them is a broken rule.

    Returns
    -------
    Validated
    """
    contract = TABLES[raw.name]
    everything = raw.rows.reset_index(drop=True)
    excluded = _excluded(everything)
    kept = everything[excluded == ""]
    typed, reason = _typed(kept, contract, source)
    later = _later(typed, contract, as_of)
    excluded[later[later].index] = LATER
    typed, reason, kept = typed[~later], reason[~later], kept[~later]
    for name, broken in _broken(typed, contract, as_of, loaded):
        reason = reason.mask((reason == "") & broken, name)
    fine = typed[reason == ""]
    reason[_duplicates(fine, contract)] = DUPLICATE
    good = typed[reason == ""].sort_values(list(contract.key), kind="stable")
    good = good.reset_index(drop=True)
    good["record_hash"] = row_hash(good)
    quarantined = _quarantine(kept[reason != ""], reason[reason != ""], raw)
    out = excluded[excluded != ""].value_counts()
    by_rule = quarantined["rule"].value_counts()
    counts: dict[str, Any] = {
        "rows_raw": len(everything) + len(raw.rejects),
        "rows_excluded": {str(k): int(v) for k, v in sorted(out.items())},
        "rows_in": len(kept) + len(raw.rejects),
        "rows_loaded": len(good),
        "rows_quarantined": len(quarantined),
        "quarantined": {str(k): int(v) for k, v in sorted(by_rule.items())},
        "filled": [name for name in contract.columns if good[name].notna().any()],
    }
    if raw.files:
        counts["driving_file"] = raw.files[0].path
        counts["driving_rows"] = raw.files[0].num_records + len(raw.rejects)
    limit = source.config.stale_after_hours.get(raw.name)
    if limit is not None:
        newest = _newest(good, as_of)
        counts["stale_after_hours"] = limit
        counts["age_hours"] = None if newest is None else (as_of - newest).total_seconds() / 3600
    _check(raw.name, counts)
    return Validated(good, quarantined, counts)


def row_hash(rows: pd.DataFrame) -> pd.Series:
    """Return a hash of each row's content as 16 hexadecimal digits; when it was read is no part."""
    plain = rows.drop(columns=["record_hash", "extracted_at"], errors="ignore")
    if plain.empty:
        return pd.Series(index=rows.index, dtype="str")
    numbers = pd.util.hash_pandas_object(plain, index=False, categorize=False)
    return numbers.map("{:016x}".format).astype("str")


def _excluded(rows: pd.DataFrame) -> pd.Series:
    if EXCLUDE not in rows:
        return pd.Series("", index=rows.index, dtype="str")
    return rows[EXCLUDE].astype("str").where(rows[EXCLUDE].notna(), "").str.strip().astype("str")


def _typed(rows: pd.DataFrame, contract: Table, source: Source) -> tuple[pd.DataFrame, pd.Series]:
    """Cast all columns; the first cell of a row that cannot be cast gives the row's reason."""
    reason = pd.Series("", index=rows.index, dtype="str")
    data: dict[str, pd.Series] = {}
    for column in contract.contracts:
        if column.name not in rows:
            data[column.name] = pd.Series(index=rows.index, dtype=column.dtype)
            continue
        cells, bad = cast_column(
            rows[column.name], column, source.site_time_zone, source.config.date_formats
        )
        data[column.name] = cells
        reason = reason.mask((reason == "") & bad, f"{column.name}_is_{column.kind.value}")
    typed = pd.DataFrame(data, index=rows.index)
    typed["source_system"] = typed["source_system"].fillna(source.name).astype("str")
    return typed, reason


def _later(typed: pd.DataFrame, contract: Table, as_of: pd.Timestamp) -> pd.Series:
    later = typed["recorded_at"] > as_of
    if contract.happened_at:
        later |= typed[contract.happened_at] > as_of
    return later


def _broken(
    typed: pd.DataFrame, contract: Table, as_of: pd.Timestamp, loaded: dict[str, pd.DataFrame]
) -> list[tuple[str, pd.Series]]:
    """Every rule with the rows that break it, in the order in which reasons are given."""
    found = [(f"{name}_is_missing", typed[name].isna()) for name in contract.required]
    found += [(f"{name}_not_after_as_of", typed[name] > as_of) for name in contract.facts]
    found += [(rule.name, ~rule.holds(typed).fillna(True).astype(bool)) for rule in contract.rules]
    found += [
        (f"{name}_is_known", typed[name].notna() & ~typed[name].isin(loaded[other][key]))
        for name, (other, key) in contract.references.items()
        if other in loaded
    ]
    return found


def _duplicates(rows: pd.DataFrame, contract: Table) -> pd.Index:
    """Return rows whose key another row has: the one recorded last stays, of equals the first."""
    ordered = rows.sort_values("recorded_at", ascending=False, na_position="last", kind="stable")
    again = ordered.duplicated(list(contract.key), keep="first")
    return again[again].index


def _quarantine(rows: pd.DataFrame, reason: pd.Series, raw: RawTable) -> pd.DataFrame:
    cells = rows.drop(columns=[EXCLUDE], errors="ignore").astype("str")
    cells = cells.where(rows.drop(columns=[EXCLUDE], errors="ignore").notna()).astype("str")
    driving = raw.files[0].path if raw.files else raw.name
    lines = pd.DataFrame(
        {
            "rule": [*reason, *(reject.reason for reject in raw.rejects)],
            "file": driving,
            "line": pd.array(
                [*([None] * len(rows)), *(reject.line for reject in raw.rejects)], dtype="Int64"
            ),
            "text": [*([None] * len(rows)), *(reject.text for reject in raw.rejects)],
        }
    ).astype({"rule": "str", "file": "str", "text": "str"})
    return pd.concat([lines, cells.reset_index(drop=True).reindex(lines.index)], axis=1)


def _newest(rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.Timestamp | None:
    for name in _NEWEST:
        if name in rows and rows[name].notna().any():
            known = rows.loc[rows[name] <= as_of, name]
            return known.max() if len(known) else None
    return None


def _check(name: str, counts: dict[str, Any]) -> None:
    excluded = sum(counts["rows_excluded"].values())
    raw_holds = counts["rows_raw"] == counts["rows_in"] + excluded
    in_holds = counts["rows_in"] == counts["rows_loaded"] + counts["rows_quarantined"]
    if not (raw_holds and in_holds):
        raise AssertionError(f"{name}: rows got lost between extract and snapshot: {counts}")
