r"""
Inventory looking back: turns and days of supply (cover forward is in ``soe_lib.kpi.cover``).

.. math::
    turns = COGS_{annual} / \overline{stock} \qquad
    IDOS = \overline{stock} / (COGS_{annual} / 365) = 365 / turns

Stock and COGS are valued at one standard cost (the item's), so that a price change moves neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import deliveries_as_of, table_of
from soe_lib.kpi.stock import InventoryPolicy, average_stock, elapsed_days, stock_lines
from soe_lib.kpi.value import Kpi, Period, cuts, excluded_counts, measure, share

DAYS_PER_YEAR = 365.0


def turns_and_days(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: InventoryPolicy | None = None,
    *,
    by: str | None = None,
) -> list[Kpi]:
    """
    Return inventory turns, backward days of supply and average stock value of a period.

    Parameters
    ----------
    tables
        ``inventory_balance``, ``item``, ``sales_order_line`` and ``delivery_event``.
    period
        Over which COGS (delivered quantity at standard cost) is summed and annualised.
    by
        ``item_id`` or ``family_id`` beside the total.

    Returns
    -------
    list
        ``inventory_turns``, ``inventory_days`` (IDOS), ``average_stock_value``, and
        ``negative_stock_lines`` in the total. Without COGS turns and days are not evaluable.
    """
    policy = policy or InventoryPolicy()
    stock, points = average_stock(tables, as_of, period, policy)
    items = table_of(tables, "item").drop_duplicates("item_id").set_index("item_id")
    lines = table_of(tables, "sales_order_line")
    cogs = _cogs(tables, lines, as_of, period, items["std_cost"].astype(float))
    rows = stock.merge(cogs.rename("cogs").reset_index(), on="item_id", how="outer")
    rows["family_id"] = rows["family_id"].where(
        rows["family_id"].notna(), rows["item_id"].map(items["family_id"])
    )
    rows["exclude_reason"] = rows["exclude_reason"].fillna("")
    rows[["stock_value", "cogs"]] = rows[["stock_value", "cogs"]].astype(float).fillna(0.0)
    seen = pd.Series(_first_seen(tables, lines).reindex(rows["item_id"]).array, index=rows.index)
    new = seen > as_of - pd.Timedelta(days=policy.min_history_days)
    fresh = new.fillna(False).astype(bool) & (rows["exclude_reason"] == "")
    rows["exclude_reason"] = rows["exclude_reason"].where(~fresh, "new_item")
    spread = elapsed_days(period, as_of)
    found: list[Kpi] = []
    for dimension, member, part in cuts(rows, by):
        rest = {"dimension": dimension, "member": member}
        found += _turns(part, as_of, period, spread, points, rest)
    now = stock_lines(tables, as_of, policy)
    found.append(
        measure(
            "negative_stock_lines",
            "stock lines with a negative quantity (data errors, excluded)",
            float((now["exclude_reason"] == "negative_on_hand").sum()),
            "lines",
            as_of,
            period,
            n=len(now),
            target=0.0,
            higher_is_better=False,
        )
    )
    return found


def _cogs(
    tables: Mapping[str, pd.DataFrame],
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    cost: pd.Series,
) -> pd.Series:
    moves = deliveries_as_of(tables, lines, as_of, period.time_zone)
    inside = moves[period.has(moves["issue_date"])]
    keys = ["order_id", "line_id"]
    item = lines.drop_duplicates(keys)[[*keys, "item_id"]]
    own = inside.merge(item, on=keys, how="inner")
    value = own["delivered_qty"] * own["item_id"].map(cost).astype(float)
    return value.groupby(own["item_id"]).sum()


def _first_seen(tables: Mapping[str, pd.DataFrame], lines: pd.DataFrame) -> pd.Series:
    balances = table_of(tables, "inventory_balance")
    parts = [
        lines.groupby("item_id")["ordered_at"].min(),
        balances.groupby("item_id")["balance_at"].min(),
    ]
    known = pd.concat([part for part in parts if len(part)] or parts[:1])
    return known.groupby(level=0).min()


def _turns(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    days: float,
    points: int,
    rest: dict[str, Any],
) -> list[Kpi]:
    good = rows[rows["exclude_reason"] == ""]
    annual = float(good["cogs"].sum()) * DAYS_PER_YEAR / days if days > 0 else np.nan
    stock = float(good["stock_value"].sum())
    words = f"average of {points} points" if points != 1 else "one balance only: no average"
    given: dict[str, Any] = {
        "n": len(good),
        "excluded": excluded_counts(rows["exclude_reason"]),
        "note": words,
        **rest,
    }
    idle = "no cost of goods sold in the period"
    ratio = share(
        "inventory_turns",
        "annualised COGS / average inventory, both at standard cost",
        annual,
        stock,
        as_of,
        period,
        empty="no stock is known",
        **given,
    )
    sold = annual > 0
    turns = measure(
        "inventory_turns",
        ratio.formula,
        ratio.value / 100 if sold else np.nan,
        "per year",
        as_of,
        period,
        empty=idle if not sold else "no stock is known",
        num=annual,
        den=stock,
        higher_is_better=True,
        **given,
    )
    back = measure(
        "inventory_days",
        "IDOS: average inventory / (annual COGS / 365)",
        stock / (annual / DAYS_PER_YEAR) if sold and points else np.nan,
        "days",
        as_of,
        period,
        empty=idle if not sold else "no stock is known",
        num=stock,
        den=annual / DAYS_PER_YEAR,
        higher_is_better=False,
        **given,
    )
    return [
        turns,
        back,
        measure(
            "average_stock_value",
            "average of on hand x standard cost, own books, before reserves",
            stock if points else np.nan,
            "money",
            as_of,
            period,
            empty="no stock is known",
            **given,
        ),
    ]
