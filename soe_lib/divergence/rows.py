"""The shape of a divergence row, and how detectors build it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

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
    "money_at_risk",
    "first_seen_at",
    "num_orders",
    "owner_role",
    "act_by_at",
    "severity",
    "sentence",
    "evidence_table",
    "evidence_filter",
)
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
}
_INSTANTS = {"first_seen_at", "act_by_at"}


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
    evidence_columns: tuple[str, ...],
) -> pd.DataFrame:
    """
    Complete the rows of one detector.

    Parameters
    ----------
    rows
        ``object_id``, ``planned_value``, ``actual_value``, ``sentence`` and whatever else of the
        contract the detector knows; ``evidence_columns`` (columns of ``rows``) become the filter
        that opens the rows behind it.

    Returns
    -------
    pandas.DataFrame
        Typed rows; deviation is actual minus plan, severity the deviation in tolerances or days.
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
            {name: _plain(value) for name, value in zip(evidence_columns, values, strict=True)}
        )
        for values in found[list(evidence_columns)].itertuples(index=False, name=None)
    ]
    return typed_rows(found)


def evidence(tables: dict[str, pd.DataFrame], row: pd.Series) -> pd.DataFrame:
    """Return the rows of the snapshot behind a divergence."""
    rows = tables.get(str(row["evidence_table"]), pd.DataFrame())
    for name, value in json.loads(str(row["evidence_filter"])).items():
        if name in rows:
            rows = rows[rows[name].astype("str") == str(value)]
    return rows


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, pd.Timestamp) else value
