"""What an open order line is and what its lateness costs, by its customer's clause."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.divergence.names import look_up
from soe_lib.money import clauses, late_cost
from soe_lib.params import MoneyParams
from soe_lib.tables import TABLES

KEYS = ["order_id", "line_id"]
FIXED_CLAUSES = ("flat", "per_day", "step")
"""Clauses whose amount does not depend on the value of the line."""


def priced_lines(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: MoneyParams
) -> pd.DataFrame:
    """
    Add to promises what the order line is and what its lateness costs.

    Amounts that are a share of the value count for the open part of the line; fixed amounts (flat,
    per day, step) count whole, as the clause says.

    Parameters
    ----------
    promises
        ``order_id``, ``line_id``, ``item_id``, ``open_qty``, ``due_at``, ``lateness_days``, ...
    tables
        Canonical tables; ``sales_order_line``, ``customer_terms`` and ``item`` are used.
    params
        Price of lateness where a customer has no clause.

    Returns
    -------
    pandas.DataFrame
        Promises in their order with ``customer_id``, ``customer_tier``, ``site_id``,
        ``family_id``, ``ordered_qty`` [uom], ``value`` and ``margin`` of the open part [money],
        ``late_cost`` [money] (all three empty where the feed has no price), ``penalty_type`` and
        ``price_source`` (the clause in words).
    """
    lines = tables.get("sales_order_line", TABLES["sales_order_line"].empty())
    lines = lines[lines["status"] == "open"]
    by_line = lines.groupby(KEYS)
    whole = by_line.agg(
        customer_id=("customer_id", "first"),
        site_id=("site_id", "first"),
        ordered_qty=("ordered_qty", "sum"),
        net_price=("net_price", "first"),
        margin_per_unit=("margin_per_unit", "first"),
    )
    whole = whole.assign(net_value=by_line["net_value"].sum(min_count=1)).reset_index()
    plain = promises.drop(columns=["late_cost"], errors="ignore")
    found = plain.merge(whole, on=KEYS, how="left")
    terms = clauses(found, tables, params)
    share = (found["open_qty"] / found["ordered_qty"]).clip(upper=1.0).fillna(1.0)
    scaled = terms.assign(value=terms["value"] * share, cogs=terms["cogs"] * share)
    tiers = tables.get("customer_terms", TABLES["customer_terms"].empty())
    tiers = tiers.drop_duplicates("customer_id").set_index("customer_id")
    items = tables.get("item", TABLES["item"].empty()).drop_duplicates("item_id")
    cost = late_cost(found["lateness_days"], scaled, params)
    has_value = found["net_price"].notna() | found["net_value"].notna()
    fixed = terms["penalty_type"].isin(FIXED_CLAUSES)
    return found.drop(columns=["net_price", "net_value", "margin_per_unit"]).assign(
        customer_tier=look_up(found["customer_id"], tiers["customer_tier"]),
        family_id=look_up(found["item_id"], items.set_index("item_id")["family_id"]),
        value=scaled["value"].where(has_value),
        margin=(terms["margin"] * share).where(found["margin_per_unit"].notna()),
        late_cost=cost.where(has_value | fixed),
        penalty_type=terms["penalty_type"],
        price_source=clause_words(terms, params),
    )


def clause_words(terms: pd.DataFrame, params: MoneyParams) -> pd.Series:
    """Return the clause of each line in words; ``terms`` as of :func:`soe_lib.money.clauses`."""
    default = (
        f"no clause: {params.late_cost_pct_per_day:g} % of value a day, "
        f"at most {params.late_cost_cap_pct:g} %"
    )
    form = {
        "flat": "{:g} flat",
        "per_day": "{:g} a day",
        "step": "{:g} a begun week",
        "pct_value": "{:g} % of value",
        "pct_cogs": "{:g} % of cost",
    }
    words = [
        default
        if kind not in form
        else form[kind].format(0.0 if pd.isna(amount) else amount)
        + (f", {free:g} {'day' if free == 1 else 'days'} free" if free > 0 else "")
        + (f", at most {cap:,.0f}" if pd.notna(cap) else "")
        for kind, amount, free, cap in zip(
            terms["penalty_type"],
            terms["penalty_amount"],
            terms["penalty_threshold_days"].fillna(0.0),
            terms["penalty_cap"],
            strict=True,
        )
    ]
    return pd.Series(words, index=terms.index, dtype="str")
