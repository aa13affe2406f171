"""Suppliers measured by the same OTIF as customers: their lines as an order book of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import OrderFacts, known_at, table_of
from soe_lib.kpi.otif import otif_kpis
from soe_lib.kpi.otif_rows import otif_lines
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period, cuts, share
from soe_lib.tables import TABLES

_KEY = ["po_id", "line_id"]
_NAMES = {"po_id": "order_id", "supplier_id": "customer_id"}


def supplier_book(
    tables: Mapping[str, pd.DataFrame], *, count_rejected: bool = False
) -> dict[str, pd.DataFrame]:
    """
    Return purchase order lines, receipts and confirmations in the shape of an order book.

    ``customer_id`` is the supplier, *requested* the day we need the goods, *first* and *last
    confirmed* the supplier's promises, a delivery each goods receipt (``ready``: no transit).
    Confirmations become change events, so that promises are known as of any instant.

    Parameters
    ----------
    tables
        ``purchase_order_line``, ``goods_receipt_event``, ``supplier_confirmation_event``, ``item``.
    count_rejected
        Whether rejected units count as delivered.

    Returns
    -------
    dict
        ``sales_order_line``, ``delivery_event``, ``order_change_event`` and ``item``.
    """
    bought = table_of(tables, "purchase_order_line")
    lines = TABLES["sales_order_line"].empty().reindex(bought.index)
    taken = [str(name) for name in bought.columns if name in lines]
    lines[taken] = bought[taken]
    lines["order_id"], lines["customer_id"] = bought["po_id"], bought["supplier_id"]
    lines["requested_date"] = bought["required_date"]
    first, last = bought["first_promised_date"], bought["promised_date"]
    lines["first_confirmed_date"] = first.where(first.notna(), last)
    lines["last_confirmed_date"] = last
    lines["last_confirmed_qty"] = bought["confirmed_qty"]
    lines["delivered_qty"] = 0.0
    lines["net_price"] = bought["unit_cost"].astype(float)
    lines["order_type"] = "MTS"
    lines["is_customer_pick_up"] = True
    begin = pd.Timestamp("1970-01-01", tz="UTC")
    lines["ordered_at"] = lines["ordered_at"].where(lines["ordered_at"].notna(), begin)
    got = table_of(tables, "goods_receipt_event")
    good = got["received_qty"].astype(float)
    if not count_rejected:
        good = good - got["rejected_qty"].astype(float).fillna(0.0)
    moves = pd.DataFrame(
        {
            "shipment_id": np.arange(len(got)).astype("str"),
            "order_id": got["po_id"],
            "line_id": got["line_id"],
            "delivered_qty": good.clip(lower=0),
            "goods_issue_at": got["received_at"],
            "delivered_at": got["received_at"],
            "recorded_at": got["recorded_at"],
        }
    )
    return {
        "sales_order_line": lines,
        "delivery_event": moves,
        "order_change_event": _confirmations(tables),
        "item": table_of(tables, "item"),
    }


def supplier_otif(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    by: str | None = None,
    count_rejected: bool = False,
    book: Mapping[str, pd.DataFrame] | None = None,
    facts: OrderFacts | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return the OTIF family of suppliers, names prefixed ``supplier_``.

    Parameters
    ----------
    policy
        As for customers; its customer terms do not apply. ``basis`` requested is the day we need
        the goods.
    by
        ``supplier_id``, ``item_id`` or ``family_id`` beside the total.
    book, facts
        :func:`supplier_book` and its ``order_facts`` where the caller has them.
    """
    own = replace(policy, use_customer_terms=False, use_line_terms=False, targets={})
    column = _NAMES.get(by or "", by)
    if book is None:
        book = supplier_book(tables, count_rejected=count_rejected)
    lines = otif_lines(book, as_of, own, period.time_zone, facts)
    kpis = otif_kpis(lines, as_of, period, own, by=column, confidence_pct=confidence_pct)
    return [
        replace(k, kpi=f"supplier_{k.kpi}", dimension=(by or "") if k.dimension else "")
        for k in kpis
        if not k.kpi.startswith("otif_value")
    ]


def supplier_quality(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    by: str | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return what was rejected of the goods received in a period.

    Returns
    -------
    list
        ``supplier_reject_ratio`` (units) and ``supplier_rejected_lines`` (receipts with rejects /
        receipts) per cut (``supplier_id`` or ``item_id``).
    """
    got = table_of(tables, "goods_receipt_event")
    got = got[known_at(got, "received_at") <= as_of]
    inside = (got["received_at"] >= period.start_at) & (got["received_at"] < period.end_at)
    bought = table_of(tables, "purchase_order_line").drop_duplicates(_KEY)
    rows = got[inside].merge(bought[[*_KEY, "supplier_id", "item_id"]], on=_KEY, how="left")
    bad = rows["rejected_qty"].astype(float).fillna(0.0)
    rows = rows.assign(rejected=bad, is_rejected=bad > 0)
    found = []
    for dimension, member, part in cuts(rows, by):
        given: dict[str, Any] = {
            "higher_is_better": False,
            "empty": "nothing was received in the period",
            "dimension": dimension,
            "member": member,
        }
        found += [
            share(
                "supplier_reject_ratio",
                "units rejected / units received",
                float(part["rejected"].sum()),
                float(part["received_qty"].sum()),
                as_of,
                period,
                n=len(part),
                **given,
            ),
            share(
                "supplier_rejected_lines",
                "receipts with rejected units / receipts",
                int(part["is_rejected"].sum()),
                len(part),
                as_of,
                period,
                is_count=True,
                confidence_pct=confidence_pct,
                **given,
            ),
        ]
    return found


def _confirmations(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    events = table_of(tables, "supplier_confirmation_event")
    ordered = events.sort_values([*_KEY, "event_at"], kind="stable").reset_index(drop=True)
    new = ordered["confirmed_date"].dt.strftime("%Y-%m-%d")
    old = new.groupby([ordered[name] for name in _KEY]).shift()
    found = TABLES["order_change_event"].empty().reindex(ordered.index)
    found["event_id"] = ordered.index.astype("str")
    found["event_at"], found["recorded_at"] = ordered["event_at"], ordered["recorded_at"]
    found["order_id"], found["line_id"] = ordered["po_id"], ordered["line_id"]
    found["change_field"], found["initiated_by"] = "confirmed_date", "us"
    found["old_value"], found["new_value"] = old.astype("str").where(old.notna()), new
    return found
