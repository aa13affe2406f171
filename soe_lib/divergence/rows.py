"""The shape of a divergence row, how detectors build it, and the rows of data behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = (
    "divergence_id",
    "divergence_type",
    "subject",
    "object_type",
    "object_id",
    "site_id",
    "family_id",
    "item_id",
    "resource_id",
    "week_start_date",
    "planned_value",
    "actual_value",
    "deviation",
    "unit",
    "deviation_pct",
    "deviation_days",
    "direct_cost",
    "money_at_risk",
    "first_seen_at",
    "num_orders",
    "owner_role",
    "act_by_at",
    "severity",
    "sentence",
    "evidence_table",
    "evidence_filter",
    "cause_id",
)
"""
Columns of ``divergences``.

``deviation`` is actual minus plan in ``unit``; ``direct_cost`` is what the divergence costs by
itself [money] (empty = no price known); ``money_at_risk`` adds its share of what the late order
lines behind it cost, so that it adds up over rows; ``severity`` is the deviation in tolerances;
``act_by_at`` is the last responsible moment (``as_of`` = now, empty = nothing left to act on);
``cause_id`` names the divergence that stands behind this one (empty = a root)."""

_TEXT = {
    "divergence_id",
    "divergence_type",
    "subject",
    "object_type",
    "object_id",
    "site_id",
    "family_id",
    "item_id",
    "resource_id",
    "unit",
    "owner_role",
    "sentence",
    "evidence_table",
    "evidence_filter",
    "cause_id",
}
_INSTANTS = {"first_seen_at", "act_by_at"}


class EvidenceError(ValueError):
    """The rows behind a divergence cannot be opened; the text says why."""


def empty_rows() -> pd.DataFrame:
    """Return no divergence, all columns typed."""
    return typed_rows(pd.DataFrame(columns=list(COLUMNS)))


def typed_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with all columns of the contract in their order and types."""
    found = rows.reindex(columns=list(COLUMNS))
    for name in COLUMNS:
        if name in _TEXT:
            found[name] = (
                found[name].astype("object").where(found[name].notna(), None).astype("str")
            )
        elif name in _INSTANTS:
            found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
        elif name == "week_start_date":
            found[name] = pd.to_datetime(found[name]).astype("datetime64[us]")
        else:
            found[name] = found[name].astype(float)
    return found


def divergence_id(divergence_type: str, object_id: str) -> str:
    """Return the identity of a divergence: the same type and object have the same id every week."""
    return hashlib.sha256(f"{divergence_type}|{object_id}".encode()).hexdigest()[:12]


def finish(
    rows: pd.DataFrame,
    *,
    divergence_type: str,
    subject: str,
    object_type: str,
    owner_role: str,
    unit: str,
    evidence_table: str,
    evidence: Mapping[str, Any],
) -> pd.DataFrame:
    """
    Complete the rows of one detector.

    Parameters
    ----------
    rows
        ``object_id``, ``planned_value``, ``actual_value``, ``sentence`` and whatever else of the
        contract the detector knows.
    evidence
        Column of ``evidence_table`` to what it must be: a value for all rows, or a Series (index
        of ``rows``) with one value per row. A value is a scalar (equal to), a list (one of), or a
        mapping with ``after`` (later than) and ``until`` (not later than) instants or days.

    Returns
    -------
    pandas.DataFrame
        Typed rows; deviation is actual minus plan.
    """
    if rows.empty:
        return empty_rows()
    found = rows.copy()
    found["divergence_type"] = divergence_type
    found["subject"] = subject
    found["object_type"] = object_type
    found["owner_role"] = owner_role
    found["unit"] = unit
    found["evidence_table"] = evidence_table
    found["object_id"] = found["object_id"].astype("str")
    found["divergence_id"] = [divergence_id(divergence_type, o) for o in found["object_id"]]
    found["deviation"] = found["actual_value"] - found["planned_value"]
    plan = found["planned_value"].where(found["planned_value"] != 0)
    found["deviation_pct"] = 100 * found["deviation"] / plan.abs()
    found["evidence_filter"] = [
        json.dumps(
            {
                name: _plain(value.loc[label] if isinstance(value, pd.Series) else value)
                for name, value in evidence.items()
            }
        )
        for label in found.index
    ]
    return typed_rows(found)


def evidence(tables: Mapping[str, pd.DataFrame], row: pd.Series) -> pd.DataFrame:
    """
    Return the rows behind a divergence.

    Parameters
    ----------
    tables
        Canonical tables, and the tables of the run that detectors name as evidence.
    row
        One divergence.

    Raises
    ------
    EvidenceError
        When the table or a column of the filter is not there.
    """
    name = str(row["evidence_table"])
    if name not in tables:
        raise EvidenceError(f"no table '{name}' to open the rows of {row['divergence_id']}")
    rows = tables[name]
    for column, wanted in json.loads(str(row["evidence_filter"])).items():
        if column not in rows:
            raise EvidenceError(f"table '{name}' has no column '{column}'")
        rows = rows[_matches(rows[column], wanted)]
    return rows


def _matches(values: pd.Series, wanted: Any) -> pd.Series:
    if isinstance(wanted, dict):
        holds = values.notna()
        zone = getattr(values.dtype, "tz", None)
        for word, bound in wanted.items():
            at = pd.Timestamp(bound)
            at = at.tz_convert(None) if at.tzinfo is not None and zone is None else at
            holds &= (values > at) if word == "after" else (values <= at)
        return holds.fillna(False).astype(bool)
    listed = wanted if isinstance(wanted, list) else [wanted]
    if None in listed:
        rest = [value for value in listed if value is not None]
        return values.isna() | (_matches(values, rest) if rest else False)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        zone = getattr(values.dtype, "tz", None)
        days = [pd.Timestamp(value) for value in listed]
        return values.isin([day.tz_convert(zone) if zone is not None else day for day in days])
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.isin(listed).fillna(False).astype(bool)
    return values.astype("str").isin([str(value) for value in listed])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {word: _plain(bound) for word, bound in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return value
