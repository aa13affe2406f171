"""The list of orders in jeopardy: each late line with its money and what stands behind it."""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.chain import Chain
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links
from soe_lib.divergence.names import at_least, look_up, named
from soe_lib.divergence.prices import KEYS

IN_STOCK = "the goods are there and have not left"
UNKNOWN = "nothing of this week found behind it"
_WORDS = {
    "late_in_schedule": "late in the published schedule already",
    "departure_late": "its truck did not leave ({object})",
    "downtime": "{resource} stood",
    "running_slow": "{resource} runs slow",
    "scrap_above_plan": "scrap on {resource}",
    "resource_overloaded": "{resource} is overloaded",
    "labour_short": "people missing: {object}",
    "supplier_late": "{item} confirmed late",
    "supplier_short": "{item} confirmed short",
    "purchase_past_due": "{item} overdue from its supplier",
    "receipt_short": "{item} received short",
    "stock_record_wrong": "stock record of {item}",
    "purchase_ordered_late": "{item} ordered too late",
    "material_shortage": "{item} runs short",
    "work_order_late": "work order {object} is late",
    "supply_after_promise": "waits for a purchase of {item}",
    "demand_not_covered": "no supply planned",
    "orders_past_due": "past due",
    "demand_against_plan": "orders above plan: {object}",
    "order_new": "new order {object}",
    "order_quantity_changed": "quantity of {object} changed",
    "order_date_moved": "date of {object} moved",
    "order_expedited": "{object} expedited",
    "order_priority_changed": "priority changed",
    "order_item_changed": "customer changed the item",
}
"""Cause types in words."""


def orders_in_jeopardy(
    facts: Facts, late: pd.DataFrame, chained: Chain, links: Links
) -> pd.DataFrame:
    """
    Return the late order lines, dearest first.

    Parameters
    ----------
    late
        Late lines, priced.
    chained
        Divergences with their late lines.
    links
        What the lines hang on.

    Returns
    -------
    pandas.DataFrame
        One row per (``order_id``, ``line_id``): ``customer_id``, ``customer_tier``, ``site_id``,
        ``item_id``, ``item_name``, ``family_id``, ``open_qty`` [uom], ``due_at``,
        ``promised_at`` (projected; NaT where no supply covers the line), ``is_covered``,
        ``has_supply`` (stock, receipts and planned lots cover it),
        ``lateness_days``, ``late_cost`` [money], ``value`` [money] of the open part, ``cause_id``
        (root divergence; empty where none was found), ``num_causes``, ``why`` (in words),
        ``act_by_at``.
    """
    roots = chained.roots
    words = dict(zip(roots["divergence_id"], _cause_words(facts, roots), strict=True))
    edges = chained.touched
    first = edges[edges["is_primary"]][[*KEYS, "divergence_id"]]
    first = first.rename(columns={"divergence_id": "cause_id"})
    counts = edges.groupby(KEYS, as_index=False).size().rename(columns={"size": "num_causes"})
    rows = late.merge(first, on=KEYS, how="left").merge(counts, on=KEYS, how="left")
    rows = rows.merge(links.first_start, on=KEYS, how="left")
    why = rows["cause_id"].map(words)
    more = rows["num_causes"].fillna(0).astype(int)
    rows["why"] = [
        (w + (f" (and {n - 1} more)" if n > 1 else ""))
        if isinstance(w, str)
        else (IN_STOCK if is_there else UNKNOWN)
        for w, n, is_there in zip(why, more, rows["ready_at"] <= facts.as_of, strict=True)
    ]
    names = named(rows["item_id"], facts.item_names)
    found = rows.assign(
        item_name=names,
        num_causes=more,
        cause_id=rows["cause_id"].fillna("").astype("str"),
        act_by_at=_act_by(facts, rows),
    )
    return found[
        [
            *KEYS,
            "customer_id",
            "customer_tier",
            "site_id",
            "item_id",
            "item_name",
            "family_id",
            "open_qty",
            "due_at",
            "promised_at",
            "is_covered",
            "has_supply",
            "lateness_days",
            "late_cost",
            "value",
            "cause_id",
            "num_causes",
            "why",
            "act_by_at",
        ]
    ].reset_index(drop=True)


def _act_by(facts: Facts, rows: pd.DataFrame) -> pd.Series:
    """First start of the work that a line waits for; without supply its due instant less lead."""
    lead = look_up(rows["item_id"], facts.items["lead_time_days"]).fillna(0.0).astype(float)
    last = rows["due_at"] - pd.to_timedelta(lead, unit="D")
    at = rows["start_at"].fillna(last.where(~rows["has_supply"])).fillna(facts.as_of)
    return at_least(at, facts.as_of)


def _cause_words(facts: Facts, roots: pd.DataFrame) -> list[str]:
    items = named(roots["item_id"].fillna(""), facts.item_names)
    resources = named(roots["resource_id"].fillna(""), facts.resource_names)
    return [
        _WORDS.get(kind, kind.replace("_", " ")).format(item=item, resource=resource, object=one)
        for kind, item, resource, one in zip(
            roots["divergence_type"], items, resources, roots["object_id"], strict=True
        )
    ]
