"""The words of commitments: one row per change that somebody must carry out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.decision.reasons import REASON_WORDS
from soe_lib.scenario.costs import TERM_WORDS
from soe_lib.scenario.difference import DECIDED_CHANGES
from soe_lib.scenario.rows import rows_of

Row = dict[str, Any]
DAY = pd.Timedelta(days=1)


def _row(
    function: str, action: str, object_type: str, object_id: str, text: str, **values: Any
) -> Row:
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


def operations_targets(operations: pd.DataFrame, moves: pd.DataFrame, time_zone: str) -> list[Row]:
    """Return one row per resource whose sequence changes."""
    moves = moves[moves["change"].isin(DECIDED_CHANGES)]
    rows = []
    touched = pd.concat([moves["resource_before"], moves["resource_after"]]).dropna().unique()
    for resource in sorted(touched):
        stays = operations[operations["resource_id"] == resource]
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
        until = "" if stays.empty else f" by {_when(stays['end_at'].max(), time_zone)}"
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


def overtime(booked: pd.DataFrame, currency: str, time_zone: str) -> list[Row]:
    """Return one row per interval of overtime."""
    return [
        _row(
            "operations",
            "book_overtime",
            "resource",
            f"{row.resource_id} {_when(row.start_at, time_zone)}",
            f"Book {row.hours:.1f} h of overtime on {row.resource_id} from "
            f"{_when(row.start_at, time_zone)} ({_money(row.cost, currency)})",
            quantity=float(row.hours),
            money=float(row.cost),
            last_at=row.start_at,
        )
        for row in rows_of(booked)
    ]


def supplies(needed: pd.DataFrame, currency: str, time_zone: str) -> list[Row]:
    """Return one row per purchase to expedite, and one per item and supplier to order or make."""
    is_expedite = needed["action"] == "expedite"
    rows = [_expedite(row, currency) for row in rows_of(needed[is_expedite])]
    new = needed[~is_expedite].sort_values("new_receipt_at", kind="stable")
    for _, parts in new.groupby(["action", "item_id", "supplier_id"], sort=True):
        rows.append(_order(parts, currency, time_zone))
    return rows


def _expedite(row: Any, currency: str) -> Row:
    name = f"{row.po_id}/{row.line_id}"
    whom = f" with {row.supplier_id}" if row.supplier_id else ""
    price = f" ({_money(row.cost, currency)})" if row.cost > 0 else ""
    return _row(
        "procurement",
        row.action,
        "purchase_order_line",
        name,
        f"Expedite {row.qty:,.0f} of {row.item_id}{whom} (line {name}): here by "
        f"{_said_day(row.new_receipt_at)}{price}",
        quantity=float(row.qty),
        money=float(row.cost),
        old_value=_day(row.old_receipt_date),
        new_value=_day(row.new_receipt_at),
        reason_code="material",
        last_at=row.order_at,
    )


def _order(parts: pd.DataFrame, currency: str, time_zone: str) -> Row:
    """Return what must be ordered or made of one item: all its dates in one sentence."""
    first = parts.iloc[0]
    is_made = first["action"] == "make"
    qty, cost = float(parts["qty"].sum()), float(parts["cost"].sum())
    verb = "Create a work order for" if is_made else "Order"
    whom = f" with {first['supplier_id']}" if first["supplier_id"] else ""
    price = f" ({_money(cost, currency)})" if cost > 0 else ""
    days = [
        _when(at, time_zone) if is_made else _said_day(at)
        for at in parts["new_receipt_at"].tolist()
    ]
    if len(parts) == 1:
        when = f"here by {days[0]}"
    else:
        each = zip(parts["qty"].tolist(), days, strict=True)
        told = [f"{part:,.0f} by {day}" for part, day in each]
        when = f"here in {len(parts)} parts, {', '.join(told[:-1])} and {told[-1]}"
        verb = "Create work orders for" if is_made else verb
    return _row(
        "operations" if is_made else "procurement",
        first["action"],
        "item",
        first["item_id"]
        if is_made or not first["supplier_id"]
        else f"{first['item_id']} {first['supplier_id']}",
        f"{verb} {qty:,.0f} of {first['item_id']}{whom}: {when}{price}",
        quantity=qty,
        money=cost,
        new_value=", ".join(_day(at) for at in parts["new_receipt_at"].tolist()),
        reason_code="material",
    )


def new_dates(confirmations: pd.DataFrame) -> list[Row]:
    """Return one row per order line whose confirmation changes."""
    words = {
        "confirm": "confirm {new}",
        "redate": "new date {new} instead of {old} ({moved})",
        "reduce": "{qty:,.0f} instead of {open:,.0f} on {old}",
        "withdraw": "the promise of {old} cannot be kept; no date in the horizon",
    }
    rows = []
    for row in rows_of(confirmations):
        old, new = _day(row.old_confirmed_date), _day(row.new_confirmed_date)
        said = words[row.action].format(
            old=_said_day(row.old_confirmed_date),
            new=_said_day(row.new_confirmed_date),
            moved=_moved(row.moved_days),
            qty=row.new_confirmed_qty,
            open=row.open_qty,
        )
        rows.append(
            _row(
                "customer_service",
                row.action,
                "order_line",
                f"{row.order_id}/{row.line_id}",
                f"Tell {row.customer_id}, order {row.order_id}/{row.line_id}: {said}"
                f", because {REASON_WORDS.get(row.reason_code, row.reason_code)}",
                quantity=float(row.new_confirmed_qty),
                old_value=old,
                new_value=new if row.action != "withdraw" else "",
                reason_code=row.reason_code,
                last_at=pd.Timestamp(row.old_confirmed_date).tz_localize("UTC") + DAY
                if pd.notna(row.old_confirmed_date)
                else pd.NaT,
            )
        )
    return rows


def shipments(too_early: pd.DataFrame, time_zone: str) -> list[Row]:
    """Return one row per shipment line that would leave without its goods."""
    return [
        _row(
            "logistics",
            "rebook_shipment",
            "shipment",
            f"{row.shipment_id} {row.order_id}/{row.line_id}",
            f"Rebook shipment {row.shipment_id} of {_when(row.planned_departure_at, time_zone)}: "
            f"order {row.order_id}/{row.line_id} is "
            + (
                "not ready in the horizon"
                if pd.isna(row.ready_at)
                else f"ready {_when(row.ready_at, time_zone)}"
            ),
            old_value=_when(row.planned_departure_at, time_zone),
            new_value=_when(row.ready_at, time_zone),
            reason_code="production",
            last_at=row.planned_departure_at,
        )
        for row in rows_of(too_early)
    ]


def finance(money: pd.DataFrame, currency: str) -> list[Row]:
    """Return what the books must provide for, and what intervening changes against waiting."""
    stays = money[money["term"].isin(["late_cost", "lost_margin"]) & (money["chosen"] >= 0.5)]
    changed = money[money["difference"].abs() >= 0.5]
    rows = []
    if len(stays):
        total = float(stays["chosen"].sum())
        parts = [f"{TERM_WORDS[row.term]} {row.chosen:,.0f}" for row in rows_of(stays)]
        text = f"Provide {_money(total, currency)} for what stays late ({'; '.join(parts)})"
        rows.append(_row("finance", "provide", "decision", "exposure", text, money=total))
    if len(changed):
        total = float(money["difference"].sum())
        parts = [f"{TERM_WORDS[row.term]} {row.difference:+,.0f}" for row in rows_of(changed)]
        effect = f"{total:+,.0f} {currency}".strip()
        text = f"Book the effect against doing nothing: {effect} ({'; '.join(parts)})"
        rows.append(_row("finance", "book_effect", "decision", "total", text, money=total))
    return rows


def demand(confirmations: pd.DataFrame, families: Mapping[str, str]) -> list[Row]:
    """Return one row per family whose demand moves to later weeks."""
    late = confirmations[confirmations["action"] != "confirm"]
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


def _moved(days: float) -> str:
    """Return by how much a date moves; empty where there is no new one."""
    if pd.isna(days):
        return ""
    count = f"{abs(days):,.0f} day{'' if abs(round(days)) == 1 else 's'}"
    return f"{count} {'later' if days > 0 else 'earlier'}"


def _day(value: object) -> str:
    instant = pd.Timestamp(value)  # type: ignore[arg-type]
    return "" if pd.isna(instant) else instant.strftime("%Y-%m-%d")


def _said_day(value: object) -> str:
    """Return a day as people say it; the columns beside the sentence have it for machines."""
    instant = pd.Timestamp(value)  # type: ignore[arg-type]
    return "" if pd.isna(instant) else instant.strftime("%a %d %b")


def _when(value: object, time_zone: str) -> str:
    instant = pd.Timestamp(value)  # type: ignore[arg-type]
    return "" if pd.isna(instant) else instant.tz_convert(time_zone).strftime("%a %d %b %H:%M")


def _money(value: float, currency: str) -> str:
    return f"{value:,.0f} {currency}".strip()
