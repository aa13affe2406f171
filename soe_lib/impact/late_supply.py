"""Purchases that come later or shorter than was known at the last cycle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.impact.players import ON_HAND, SUPPLY_AT, SUPPLY_QTY, Found
from soe_lib.impact.reference import Reference
from soe_lib.impact.replay import Replay
from soe_lib.impact.rows import rows_of
from soe_lib.schedule import Problem

_KEY = ["po_id", "line_id"]
LEAST_LATE_MINUTES = 0.9 * 1440
"""What is due today and not here counts as coming tomorrow: that alone is no slip. [min]"""


def late_supply(
    found: Found, replay: Replay, rows: Mapping[str, pd.DataFrame], reference: Reference
) -> None:
    """Add the purchases that slipped, were cut or arrived with rejects to the disruptions."""
    lines = supply_lines(replay.problem, rows)
    before = _known_before(rows, reference)
    lines = lines.merge(before, on=_KEY, how="left")
    problem = replay.problem
    for k, row in enumerate(rows_of(lines)):
        if row.ordered_at > reference.since:
            continue
        name = f"{row.po_id}/{row.line_id}"
        day = row.date_before if pd.notna(row.date_before) else row.first_promised_date
        if pd.notna(day):
            noon = day.tz_localize("UTC") + pd.Timedelta(hours=12)
            planned = (noon - problem.as_of).total_seconds() / 60
            late = float(problem.supply_at[k]) - max(planned, -1e9)
            if late >= LEAST_LATE_MINUTES:
                player = found.player("supplier_late", name, late / 1440, "days")
                found.undo(SUPPLY_AT, player, k, -late)
        qty = row.qty_before if pd.notna(row.qty_before) else row.ordered_qty
        missing = float(min(qty, row.ordered_qty) - row.received_qty) - float(problem.supply_qty[k])
        if missing > 1e-6:
            player = found.player("supplier_short", name, missing, "uom")
            found.undo(SUPPLY_QTY, player, k, missing)
    _short_receipts(found, replay, rows, reference)


def supply_lines(problem: Problem, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """
    Return the purchase order line behind each dated receipt of the problem, in its order.

    Raises
    ------
    ValueError
        When they do not match: the problem was built from other tables.
    """
    lines = rows["purchase_order_line"]
    items = pd.Index(problem.item_ids)
    lines = lines[(lines["status"] == "open") & lines["item_id"].isin(items)]
    received = lines["received_qty"].fillna(0)
    confirmed = lines["confirmed_qty"].fillna(lines["ordered_qty"]) - received
    day = lines["promised_date"].fillna(lines["required_date"]).dt.tz_localize("UTC")
    eta = lines["eta_at"].fillna(day + pd.Timedelta(hours=12))
    minutes = (eta - problem.as_of).dt.total_seconds() / 60
    exact = lines["eta_at"].notna() & (minutes > 0)
    found = lines.assign(
        item=items.get_indexer(pd.Index(lines["item_id"])),
        at=np.where(exact, minutes, minutes.clip(1440.0)),
        qty=np.minimum(lines["ordered_qty"] - received, confirmed),
        received_qty=received,
    )
    found = found[found["qty"] > 0].sort_values(["at", "item", "qty"], kind="stable")
    found = found.reset_index(drop=True)
    same = len(found) == len(problem.supply_at) and (
        np.allclose(found["at"], problem.supply_at)
        and np.allclose(found["qty"], problem.supply_qty)
    )
    if not same:
        raise ValueError("the receipts of the problem are not those of purchase_order_line")
    return found


def _known_before(rows: Mapping[str, pd.DataFrame], reference: Reference) -> pd.DataFrame:
    """Return the date and quantity that each supplier had confirmed by the last cycle."""
    events = rows["supplier_confirmation_event"]
    known = events[events["event_at"] <= reference.since].sort_values("event_at", kind="stable")
    last = known.drop_duplicates(_KEY, keep="last")
    renamed = {"confirmed_date": "date_before", "confirmed_qty": "qty_before"}
    return last[[*_KEY, *renamed]].rename(columns=renamed)


def _short_receipts(
    found: Found, replay: Replay, rows: Mapping[str, pd.DataFrame], reference: Reference
) -> None:
    """Receipts since the last cycle of which a part was rejected: it is missing in stock."""
    receipts = rows["goods_receipt_event"]
    fresh = receipts[receipts["received_at"] > reference.since]
    fresh = fresh[fresh["rejected_qty"].fillna(0) > 0]
    item = rows["purchase_order_line"].drop_duplicates(_KEY)[[*_KEY, "item_id"]]
    place = {name: k for k, name in enumerate(replay.problem.item_ids)}
    for row in rows_of(fresh.merge(item, on=_KEY)):
        if row.item_id in place:
            name = f"{row.po_id}/{row.line_id}"
            player = found.player("supplier_short", name, float(row.rejected_qty), "uom")
            found.undo(ON_HAND, player, place[row.item_id], float(row.rejected_qty))
