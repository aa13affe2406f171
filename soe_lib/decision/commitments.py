"""
Who must do what, until when: commitments generated from the difference between two schedules.

Nothing is typed in by hand: each row names the change in the chosen schedule that causes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.decision.governance import Governance
from soe_lib.scenario.difference import DECIDED_CHANGES
from soe_lib.scenario.rows import rows_of
from soe_lib.vocabulary import FUNCTIONS

COMMITMENT_COLUMNS = (
    "commitment_id",
    "function",
    "owner_id",
    "action",
    "object_type",
    "object_id",
    "due_at",
    "old_value",
    "new_value",
    "quantity",
    "money",
    "reason_code",
    "text",
)


@dataclass(frozen=True)
class Changes:
    """
    What the chosen schedule changes, as tables.

    Attributes
    ----------
    operations
        Operations of the chosen schedule.
    moves
        Rows of ``scenario.moved_operations`` against the published schedule.
    confirmations
        Rows of ``publish``-ready order confirmations: ``order_id``, ``line_id``, ``customer_id``,
        ``action``, ``old_confirmed_date``, ``new_confirmed_date``, ``moved_days``,
        ``new_confirmed_qty``, ``reason_code``.
    purchases
        Rows: ``action``, ``item_id``, ``supplier_id``, ``qty``, ``order_at``, ``new_receipt_at``,
        ``cost``, ``po_id``, ``line_id``.
    overtime
        One row per (``resource_id``, ``start_at``): ``hours`` [h], ``cost`` [money].
    shipments
        One row per shipment that leaves before its goods are ready: ``shipment_id``,
        ``planned_departure_at``, ``ready_at``, ``order_id``, ``line_id``.
    money
        One row per ``term``: ``do_nothing``, ``chosen``, ``difference`` [money].
    """

    operations: pd.DataFrame
    moves: pd.DataFrame
    confirmations: pd.DataFrame
    purchases: pd.DataFrame
    overtime: pd.DataFrame
    shipments: pd.DataFrame
    money: pd.DataFrame


def commitments(
    changes: Changes,
    governance: Governance,
    decided_at: pd.Timestamp,
    *,
    currency: str = "",
    families: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """
    Generate the commitments of every function.

    Parameters
    ----------
    changes
        What the chosen schedule changes.
    governance
        Owners and the hours that each function has.
    decided_at
        Instant of the decision: no commitment is due before it.
    currency
        Currency of the money in the texts.
    families
        Family of each item: demand planning commits by family.

    Returns
    -------
    pandas.DataFrame
        One row per commitment, by function in the order of ``vocabulary.FUNCTIONS``, then due
        instant: ``commitment_id`` (stable: the same change gives the same id), ``owner_id``,
        ``action``, object, ``due_at``, old and new value as text, ``quantity``, ``money``,
        ``reason_code``, ``text``.
    """
    rows = [
        *_operations_targets(changes),
        *_overtime(changes, currency),
        *_purchases(changes, currency),
        *_new_dates(changes),
        *_shipments(changes),
        *_finance(changes, currency),
        *_demand(changes, families or {}),
    ]
    table = pd.DataFrame(rows, columns=[*COMMITMENT_COLUMNS[3:], "function", "last_at"])
    window = pd.to_timedelta(table["function"].map(governance.due_hours), unit="h")
    last = pd.to_datetime(table["last_at"], utc=True)
    due = pd.DataFrame({"window": decided_at + window, "last": last}).min(axis=1)
    due = due.where(due >= decided_at, decided_at)
    table["due_at"] = due.astype("datetime64[us, UTC]")
    table["owner_id"] = table["function"].map(governance.owner)
    table["commitment_id"] = [
        _identity(*parts)
        for parts in zip(
            table["function"],
            table["action"],
            table["object_type"],
            table["object_id"],
            strict=True,
        )
    ]
    table["function"] = pd.Categorical(table["function"], categories=FUNCTIONS, ordered=True)
    table = table.sort_values(["function", "due_at", "object_id", "action"], kind="stable")
    table["function"] = table["function"].astype("str")
    return table[list(COMMITMENT_COLUMNS)].reset_index(drop=True)


def _identity(*parts: str) -> str:
    return "C-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:10]


def _row(function: str, action: str, object_type: str, object_id: str, text: str, **values):  # type: ignore[no-untyped-def]
    return {
        "function": function,
        "action": action,
        "object_type": object_type,
        "object_id": str(object_id),
        "old_value": "",
        "new_value": "",
        "quantity": np.nan,
        "money": np.nan,
        "reason_code": "",
        "last_at": pd.NaT,
        "text": text,
        **values,
    }


def _operations_targets(changes: Changes) -> list[dict]:
    moves = changes.moves[changes.moves["change"].isin(DECIDED_CHANGES)]
    rows = []
    touched = pd.concat([moves["resource_before"], moves["resource_after"]]).dropna().unique()
    for resource in sorted(touched):
        stays = changes.operations[changes.operations["resource_id"] == resource]
        arrives = moves[(moves["resource_after"] == resource) & (moves["change"] != "resized")]
        leaves = moves[
            (moves["resource_before"] == resource) & (moves["resource_after"] != resource)
        ]
        mine = moves[(moves["resource_after"] == resource) | (moves["resource_before"] == resource)]
        counted = arrives["change"].value_counts()
        parts = [f"{counted[word]} {word}" for word in DECIDED_CHANGES if word in counted]
        if len(leaves):
            parts.append(f"{len(leaves)} moved away")
        resized = int((mine["change"] == "resized").sum())
        if resized:
            parts.append(f"{resized} resized")
        until = "" if stays.empty else f" by {_when(stays['end_at'].max())}"
        rows.append(
            _row(
                "operations",
                "run_sequence",
                "resource",
                resource,
                f"{resource}: run {len(stays)} operations in the new sequence{until}; "
                + ", ".join(parts),
                quantity=float(stays["planned_qty"].sum()),
                new_value=f"{len(stays)} operations",
                last_at=mine["first_start_at"].min(),
            )
        )
    return rows


def _overtime(changes: Changes, currency: str) -> list[dict]:
    return [
        _row(
            "operations",
            "book_overtime",
            "resource",
            f"{row.resource_id} {_when(row.start_at)}",
            f"Book {row.hours:.1f} h of overtime on {row.resource_id} from {_when(row.start_at)}"
            f" ({row.cost:,.0f} {currency})".rstrip(),
            quantity=float(row.hours),
            money=float(row.cost),
            last_at=row.start_at,
        )
        for row in rows_of(changes.overtime)
    ]


def _purchases(changes: Changes, currency: str) -> list[dict]:
    rows = []
    for row in rows_of(changes.purchases):
        known = isinstance(row.po_id, str) and row.po_id
        name = f"{row.po_id}/{row.line_id}" if known else f"{row.item_id} from {row.supplier_id}"
        verb = "Expedite" if row.action == "expedite" else "Order"
        price = f" ({row.cost:,.0f} {currency})" if row.cost and not np.isnan(row.cost) else ""
        rows.append(
            _row(
                "procurement",
                row.action,
                "purchase_order_line" if known else "item",
                name if known else f"{name} {_day(row.new_receipt_at)}",
                f"{verb} {row.qty:,.0f} of {row.item_id} with {row.supplier_id}: "
                f"here by {_day(row.new_receipt_at)}{price}",
                quantity=float(row.qty),
                money=float(row.cost) if row.cost == row.cost else np.nan,
                old_value=_day(getattr(row, "old_receipt_date", pd.NaT)),
                new_value=_day(row.new_receipt_at),
                reason_code="material",
                last_at=row.order_at,
            )
        )
    return rows


def _new_dates(changes: Changes) -> list[dict]:
    words = {
        "confirm": "confirm {new}",
        "redate": "new date {new} instead of {old} ({days:+.0f} days)",
        "reduce": "{qty:,.0f} instead of {open:,.0f} on {old}",
        "withdraw": "the promise of {old} cannot be kept; no date in the horizon",
    }
    rows = []
    for row in rows_of(changes.confirmations):
        old, new = _day(row.old_confirmed_date), _day(row.new_confirmed_date)
        said = words[row.action].format(
            old=old, new=new, days=row.moved_days, qty=row.new_confirmed_qty, open=row.open_qty
        )
        rows.append(
            _row(
                "customer_service",
                row.action,
                "order_line",
                f"{row.order_id}/{row.line_id}",
                f"Tell {row.customer_id}, order {row.order_id}/{row.line_id}: {said}"
                f" (reason: {row.reason_code})",
                quantity=float(row.new_confirmed_qty),
                old_value=old,
                new_value=new if row.action != "withdraw" else "",
                reason_code=row.reason_code,
                last_at=pd.Timestamp(row.old_confirmed_date).tz_localize("UTC")
                if pd.notna(row.old_confirmed_date)
                else pd.NaT,
            )
        )
    return rows


def _shipments(changes: Changes) -> list[dict]:
    return [
        _row(
            "logistics",
            "rebook_shipment",
            "shipment",
            str(row.shipment_id),
            f"Rebook shipment {row.shipment_id} of {_when(row.planned_departure_at)}: order "
            f"{row.order_id}/{row.line_id} is ready {_when(row.ready_at)}",
            old_value=_when(row.planned_departure_at),
            new_value=_when(row.ready_at),
            reason_code="production",
            last_at=row.planned_departure_at,
        )
        for row in rows_of(changes.shipments)
    ]


def _finance(changes: Changes, currency: str) -> list[dict]:
    if changes.money.empty:
        return []
    terms = changes.money[changes.money["difference"].abs() >= 0.5]
    total = float(changes.money["difference"].sum())
    parts = [f"{row.term.replace('_', ' ')} {row.difference:+,.0f}" for row in rows_of(terms)]
    detail = "; ".join(parts) if parts else "no term changes"
    text = f"Book the effect against doing nothing: {total:+,.0f} {currency}".rstrip()
    return [_row("finance", "book_effect", "decision", "total", f"{text} ({detail})", money=total)]


def _demand(changes: Changes, families: Mapping[str, str]) -> list[dict]:
    late = changes.confirmations[changes.confirmations["action"] != "confirm"]
    if late.empty:
        return []
    family = late["item_id"].map(lambda item: families.get(item, "no family"))
    rows = []
    for name, lines in late.groupby(family, sort=True):
        short = float((lines["open_qty"] - lines["new_confirmed_qty"]).clip(lower=0).sum())
        customers = lines["customer_id"].nunique()
        unmet = f", {short:,.0f} units without a date" if short > 0 else ""
        rows.append(
            _row(
                "demand_planning",
                "carry_in_forecast",
                "family",
                str(name),
                f"{name}: carry {len(lines)} re-dated lines of {customers} customers "
                f"in the weekly demand{unmet}; accept no new order inside the fences for it",
                quantity=short,
                reason_code="redated",
            )
        )
    return rows


def _day(value: object) -> str:
    instant = pd.Timestamp(value)  # type: ignore[arg-type]
    return "" if pd.isna(instant) else instant.strftime("%Y-%m-%d")


def _when(value: object) -> str:
    instant = pd.Timestamp(value)  # type: ignore[arg-type]
    return "" if pd.isna(instant) else instant.strftime("%a %d %b %H:%M")
