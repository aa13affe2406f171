"""
Messages: one fact of a publication for one system, with its hash and idempotency key.

What the three systems share is said in the same words and rounded the same way, so that equal
hashes mean equal facts: operations (APS, MES), order lines (APS, ERP), work orders (APS, ERP).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pandas as pd

SYSTEMS = ("APS", "ERP", "MES")
OBJECT_SYSTEMS = {
    "operation": ("APS", "MES"),
    "order_line": ("APS", "ERP"),
    "work_order": ("APS", "ERP"),
    "purchase": ("ERP",),
}
"""Which systems hold which object."""

MESSAGE_COLUMNS = (
    "system",
    "object_type",
    "object_id",
    "payload",
    "payload_hash",
    "idempotency_key",
    "publication_id",
    "publication_no",
)


def canonical_payload(facts: Mapping[str, object]) -> str:
    """
    Write facts as the one JSON text that equal facts always give.

    Instants are UTC to the second, days are dates, quantities have three decimals, nothing is NaN.
    """
    return json.dumps(
        {name: _canonical(value) for name, value in facts.items()},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )


def _canonical(value: object) -> object:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        if value.tzinfo is None:
            return value.strftime("%Y-%m-%d")
        return value.tz_convert("UTC").round("s").strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return None if value != value else f"{value:.3f}"
    return str(value)


def payload_hash(payload: str) -> str:
    """Return the hash by which two systems' facts are compared."""
    return hashlib.sha256(payload.encode("ascii")).hexdigest()


def build_messages(
    preview: Mapping[str, pd.DataFrame], publication_id: str, publication_no: int
) -> pd.DataFrame:
    """
    Turn the preview of a publication into the messages that carry it.

    Parameters
    ----------
    preview
        Tables of :func:`soe_lib.publish.preview`.
    publication_id
        Identity of the publication; part of every idempotency key, so that a later publication
        may set an object back to an earlier value.
    publication_no
        Number of the publication, ascending: an older one never overwrites a newer one.

    Returns
    -------
    pandas.DataFrame
        One row per (``system``, ``object_type``, ``object_id``), sorted so: ``payload`` (canonical
        JSON), ``payload_hash``, ``idempotency_key``.
    """
    rows = [
        *_facts(preview["aps_schedule"], "operation", _operation_id, _OPERATION),
        *_facts(preview["aps_work_orders"], "work_order", lambda r: r["wo_id"], _WORK_ORDER),
        *_facts(preview["aps_promises"], "order_line", _line_id, _ORDER_LINE),
        *_facts(preview["erp_purchases"], "purchase", _purchase_id, _PURCHASE),
    ]
    found = [
        (
            system,
            kind,
            name,
            payload,
            payload_hash(payload),
            _key(publication_id, system, kind, name),
        )
        for kind, name, payload in rows
        for system in OBJECT_SYSTEMS[kind]
    ]
    table = pd.DataFrame(found, columns=list(MESSAGE_COLUMNS[:-2])).astype("str")
    table = table.assign(publication_id=publication_id, publication_no=publication_no)
    return table.sort_values(["system", "object_type", "object_id"], kind="stable").reset_index(
        drop=True
    )


def message_counts(messages: pd.DataFrame) -> pd.DataFrame:
    """Return how many facts go to each system: ``system``, ``object_type``, ``num_messages``."""
    counted = messages.groupby(["system", "object_type"], sort=True).size()
    found = counted.rename("num_messages").reset_index()
    return found.astype({"system": "str", "object_type": "str", "num_messages": "int64"})


_OPERATION = ("resource_id", "start_at", "end_at", "planned_qty")
_WORK_ORDER = ("start_at", "end_at", "planned_qty")
_ORDER_LINE = ("promised_date", "promised_qty")
_PURCHASE = ("action", "qty", "order_at", "new_receipt_at", "supplier_id")


def _facts(rows, kind, identity, names):  # type: ignore[no-untyped-def]
    return [
        (kind, str(identity(row)), canonical_payload({name: row[name] for name in names}))
        for row in rows.to_dict("records")
    ]


def _operation_id(row: Mapping[str, object]) -> str:
    return f"{row['wo_id']}/{row['op_no']}/{row['split_no']}"


def _line_id(row: Mapping[str, object]) -> str:
    return f"{row['order_id']}/{row['line_id']}"


def _purchase_id(row: Mapping[str, object]) -> str:
    known = [str(row[name]) for name in ("po_id", "line_id") if isinstance(row[name], str)]
    if len(known) == 2 and all(known):
        return "/".join(known)
    return f"new/{row['item_id']}/{row['supplier_id']}/{row['purchase_no']}"


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
