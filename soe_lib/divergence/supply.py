"""Supply: past-due purchases, late and short confirmations, short and rejected receipts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams


def purchases(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, params: DivergenceParams
) -> pd.DataFrame:
    """Return open purchase lines that are past due, or confirmed later or shorter than required."""
    lines = tables["purchase_order_line"]
    lines = lines[lines["status"] == "open"].copy()
    if lines.empty:
        return empty_rows()
    today = as_of.tz_localize(None).normalize()
    lines["object_id"] = lines["po_id"] + "/" + lines["line_id"]
    lines["money_at_risk"] = lines["ordered_qty"] * lines["unit_cost"].fillna(0.0)
    late_days = (lines["promised_date"] - lines["required_date"]).dt.days.astype(float)
    late = lines[late_days > params.supplier_late_days].copy()
    late["planned_value"] = 0.0
    late["actual_value"] = late["deviation_days"] = late_days[late.index]
    late["severity"] = late["deviation_days"] / max(params.supplier_late_days, 1e-9)
    late["sentence"] = [
        f"{s} confirms {i} ({o}) for {p:%d %b}, required {r:%d %b}: {d:.0f} days late"
        for s, i, o, p, r, d in zip(
            late["supplier_id"],
            late["item_id"],
            late["object_id"],
            late["promised_date"],
            late["required_date"],
            late["deviation_days"],
            strict=True,
        )
    ]
    expected = lines["promised_date"].fillna(lines["required_date"])
    overdue_days = (today - expected).dt.days.astype(float)
    overdue = lines[overdue_days >= max(params.supplier_late_days, 1.0)].copy()
    overdue["planned_value"] = overdue["ordered_qty"]
    overdue["actual_value"] = overdue["received_qty"].fillna(0.0)
    overdue["deviation_days"] = overdue_days[overdue.index]
    overdue["severity"] = overdue["deviation_days"]
    overdue["sentence"] = [
        f"{o} of {s} for {i} was due {d:%d %b} and is not here"
        for o, s, i, d in zip(
            overdue["object_id"],
            overdue["supplier_id"],
            overdue["item_id"],
            expected[overdue.index],
            strict=True,
        )
    ]
    missing = lines["ordered_qty"] - lines["confirmed_qty"]
    short = lines[missing > params.supplier_short_pct / 100 * lines["ordered_qty"]].copy()
    short["planned_value"] = short["ordered_qty"]
    short["actual_value"] = short["confirmed_qty"]
    short["severity"] = (1 - short["confirmed_qty"] / short["ordered_qty"]) * 10
    short["sentence"] = [
        f"{s} confirms {c:,.0f} of {q:,.0f} {i} ({o})"
        for s, c, q, i, o in zip(
            short["supplier_id"],
            short["confirmed_qty"],
            short["ordered_qty"],
            short["item_id"],
            short["object_id"],
            strict=True,
        )
    ]
    shared = {
        "subject": "supply",
        "object_type": "purchase_order_line",
        "owner_role": "procurement",
        "evidence_table": "purchase_order_line",
        "evidence_columns": ("po_id", "line_id"),
    }
    found = [
        finish(late, divergence_type="supplier_late", unit="days", **shared),  # type: ignore[arg-type]
        finish(overdue, divergence_type="purchase_past_due", unit="uom", **shared),  # type: ignore[arg-type]
        finish(short, divergence_type="supplier_short", unit="uom", **shared),  # type: ignore[arg-type]
    ]
    return pd.concat(found, ignore_index=True)


def receipts(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return receipts since the last cycle that were short or rejected."""
    events = tables["goods_receipt_event"]
    events = events[(events["received_at"] > since) & (events["received_at"] <= as_of)]
    keys = ["po_id", "line_id"]
    lines = tables["purchase_order_line"][
        [*keys, "item_id", "supplier_id", "ordered_qty", "status", "unit_cost"]
    ].drop_duplicates(keys)
    rows = events.groupby(keys)[["received_qty", "rejected_qty"]].sum().reset_index()
    rows = rows.merge(lines, on=keys)
    rows["object_id"] = rows["po_id"] + "/" + rows["line_id"]
    rows["planned_value"] = rows["ordered_qty"]
    rows["actual_value"] = rows["received_qty"] - rows["rejected_qty"]
    missing = rows["planned_value"] - rows["actual_value"]
    rows = rows[
        (rows["status"] == "completed")
        & (missing > params.supplier_short_pct / 100 * rows["ordered_qty"])
    ].copy()
    if rows.empty:
        return empty_rows()
    rows["money_at_risk"] = (rows["planned_value"] - rows["actual_value"]) * rows[
        "unit_cost"
    ].fillna(0.0)
    rows["severity"] = (1 - rows["actual_value"] / rows["planned_value"]) * 10
    rows["sentence"] = [
        f"{o} of {s}: {a:,.0f} usable of {p:,.0f} {i} ({r:,.0f} rejected)"
        for o, s, a, p, i, r in zip(
            rows["object_id"],
            rows["supplier_id"],
            rows["actual_value"],
            rows["planned_value"],
            rows["item_id"],
            rows["rejected_qty"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="receipt_short",
        subject="supply",
        object_type="purchase_order_line",
        owner_role="procurement",
        unit="uom",
        evidence_table="goods_receipt_event",
        evidence_columns=("po_id", "line_id"),
    )


def material_shortages(
    tables: Mapping[str, pd.DataFrame],
    needs: pd.DataFrame,
    as_of: pd.Timestamp,
    until: pd.Timestamp,
) -> pd.DataFrame:
    """
    Project the stock of components against the needs of the schedule.

    Parameters
    ----------
    needs
        One row per need: ``item_id``, ``at`` (instant), ``qty`` [uom], ``wo_id``.

    Returns
    -------
    pandas.DataFrame
        One row per (``item_id``, ``at``), ascending: ``change_qty``, ``projected_qty`` [uom]
        (negative = short), ``first_short_at`` of the item (NaT = never), ``is_bought``.
    """
    stock = tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= as_of]
    newest = stock.groupby(["item_id", "location_id"])["balance_at"].transform("max")
    stock = stock[stock["balance_at"] == newest]
    usable = (stock["on_hand_qty"] - stock["blocked_qty"].fillna(0)).clip(lower=0)
    opening = pd.DataFrame({"item_id": stock["item_id"], "at": as_of, "change_qty": usable})
    parts = [opening.groupby(["item_id", "at"], as_index=False)["change_qty"].sum()]
    lines = tables.get("purchase_order_line")
    if lines is not None and len(lines):
        lines = lines[lines["status"] == "open"]
        day = lines["promised_date"].fillna(lines["required_date"])
        at = (day + pd.Timedelta(hours=12)).dt.tz_localize("UTC")
        at = at.where(at > as_of, as_of + pd.Timedelta(days=1)).astype("datetime64[us, UTC]")
        qty = lines["confirmed_qty"].fillna(lines["ordered_qty"]) - lines["received_qty"].fillna(0)
        parts.append(
            pd.DataFrame({"item_id": lines["item_id"], "at": at, "change_qty": qty.clip(lower=0)})
        )
    parts.append(
        pd.DataFrame({"item_id": needs["item_id"], "at": needs["at"], "change_qty": -needs["qty"]})
    )
    moves = pd.concat(parts, ignore_index=True)
    moves = moves[(moves["at"] < until) & moves["item_id"].isin(set(needs["item_id"]))]
    curve = moves.groupby(["item_id", "at"], as_index=False)["change_qty"].sum()
    curve = curve.sort_values(["item_id", "at"], kind="stable")
    curve["projected_qty"] = curve.groupby("item_id")["change_qty"].cumsum()
    below = curve[curve["projected_qty"] < -1e-6]
    curve["first_short_at"] = curve["item_id"].map(below.groupby("item_id")["at"].min())
    kind = tables["item"].set_index("item_id")["supply_type"]
    curve["is_bought"] = curve["item_id"].map(kind) == "buy"
    return curve.reset_index(drop=True)


def shortages(curve: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return purchased components that run short while the schedule needs them."""
    short = curve[curve["first_short_at"].notna() & curve["is_bought"]]
    if short.empty:
        return empty_rows()
    worst = short.groupby("item_id").agg(
        actual_value=("projected_qty", "min"), first_short_at=("first_short_at", "first")
    )
    rows = worst.reset_index()
    items = tables["item"].set_index("item_id")
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = 0.0
    rows["act_by_at"] = rows["first_short_at"]
    cost = rows["item_id"].map(items["std_cost"]).fillna(0.0)
    rows["money_at_risk"] = -rows["actual_value"] * cost
    rows["severity"] = 2.0
    rows["sentence"] = [
        f"{i} runs short on {at:%a %d %b}: {-q:,.0f} missing within the horizon"
        for i, at, q in zip(
            rows["item_id"], rows["first_short_at"], rows["actual_value"], strict=True
        )
    ]
    return finish(
        rows,
        divergence_type="material_shortage",
        subject="inventory",
        object_type="item",
        owner_role="procurement",
        unit="uom",
        evidence_table="inventory_balance",
        evidence_columns=("item_id",),
    )
