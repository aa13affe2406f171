"""What each late order line waits for: the divergences that can stand behind it."""

from __future__ import annotations

import json

import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links
from soe_lib.divergence.material import waiting_orders
from soe_lib.divergence.names import look_up
from soe_lib.divergence.orders import waiting_for_receipts
from soe_lib.divergence.prices import KEYS
from soe_lib.divergence.projection import Projection

SUPPLY = (
    "supplier_short",
    "supplier_late",
    "purchase_past_due",
    "receipt_short",
    "purchase_ordered_late",
)
PRECEDENCE = (
    "late_in_schedule",
    "order_quantity_changed",
    "order_date_moved",
    "order_expedited",
    "order_new",
    "order_item_changed",
    "order_priority_changed",
    *SUPPLY,
    "stock_record_wrong",
    "downtime",
    "labour_short",
    "running_slow",
    "scrap_above_plan",
    "material_shortage",
    "work_order_late",
    "resource_overloaded",
    "supply_after_promise",
    "departure_late",
    "demand_not_covered",
    "orders_past_due",
    "demand_against_plan",
)
"""Types that can stand behind a late order line, the most concrete first: the first one is its
primary cause where several do."""
_ORDER_TYPES = PRECEDENCE[1:7]


def waited_for(
    facts: Facts,
    rows: pd.DataFrame,
    late: pd.DataFrame,
    links: Links,
    material: pd.DataFrame,
    projection: Projection,
) -> pd.DataFrame:
    """Return which divergences each late line waits for, with the rank of the type."""
    by_object = rows[["divergence_id", "divergence_type", "object_id", "item_id", "resource_id"]]

    def of(*kinds: str) -> pd.DataFrame:
        return by_object[by_object["divergence_type"].isin(kinds)]

    lines = late[[*KEYS, "item_id", "has_supply"]]
    own = lines.assign(object_id=lines["order_id"] + "/" + lines["line_id"])
    open_items = lines.loc[~lines["has_supply"], [*KEYS, "item_id"]]
    waits = waiting_orders(links, material)
    short_of = waits.merge(of("material_shortage", "stock_record_wrong"), on="item_id")
    late_supply = rows[
        rows["divergence_type"].isin(SUPPLY) & explains_in_time(facts, rows, material)
    ]
    columns = ["divergence_id", "divergence_type", "item_id"]
    bought = waiting_for_receipts(late, projection.pegging)[[*KEYS, "item_id"]]
    staffed = links.resources.merge(skills_of(facts), on="resource_id")
    parts = [
        own[[*KEYS, "object_id"]].merge(of(*_ORDER_TYPES), on="object_id"),
        open_items.merge(
            of("demand_not_covered", "orders_past_due", "stock_record_wrong", *SUPPLY), on="item_id"
        ),
        bought.merge(of("supply_after_promise", *SUPPLY), on="item_id"),
        _above_plan(facts, late, rows),
        _in_plan(late, links, of("late_in_schedule")),
        _waiting_to_leave(facts, rows),
        short_of,
        waits.merge(late_supply[columns], on="item_id"),
        _crowded_out(late, rows),
        links.work_orders.rename(columns={"wo_id": "object_id"}).merge(
            of("work_order_late"), on="object_id"
        ),
        links.resources.merge(
            of("downtime", "running_slow", "scrap_above_plan", "resource_overloaded"),
            on="resource_id",
        ),
        staffed.merge(of("labour_short"), on="object_id"),
    ]
    columns = ["divergence_id", "divergence_type", *KEYS]
    found = pd.concat([part[columns] for part in parts], ignore_index=True).drop_duplicates()
    rank = {kind: number for number, kind in enumerate(PRECEDENCE)}
    found["rank"] = found["divergence_type"].map(rank).astype(float)
    return found.drop(columns="divergence_type")


def _above_plan(facts: Facts, late: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Late lines of a family and week that ordered more than planned."""
    above = rows[(rows["divergence_type"] == "demand_against_plan") & (rows["deviation"] > 0)]
    lines = facts.tables["sales_order_line"].drop_duplicates(KEYS)
    asked = late[[*KEYS, "family_id"]].merge(lines[[*KEYS, "requested_date"]], on=KEYS)
    asked["week_start_date"] = week_start(asked["requested_date"])
    columns = ["divergence_id", "divergence_type", "family_id", "week_start_date"]
    return asked.merge(above[columns], on=["family_id", "week_start_date"])


def _in_plan(late: pd.DataFrame, links: Links, rows: pd.DataFrame) -> pd.DataFrame:
    """Late lines that the published schedule has late, with the row of their family."""
    lines = links.late_in_plan.merge(late[[*KEYS, "family_id"]], on=KEYS)
    return lines.merge(rows.rename(columns={"object_id": "family"}), left_on="family_id",
                       right_on="family")  # fmt: skip


def _waiting_to_leave(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Order lines on the shipments of each late departure."""
    late = rows[rows["divergence_type"] == "departure_late"]
    pairs = [
        (one, kind, shipment)
        for one, kind, evidence in zip(
            late["divergence_id"], late["divergence_type"], late["evidence_filter"], strict=True
        )
        for shipment in json.loads(evidence)["shipment_id"]
    ]
    listed = pd.DataFrame(pairs, columns=["divergence_id", "divergence_type", "shipment_id"])
    shipments = facts.tables["shipment"][["shipment_id", *KEYS]]
    return listed.astype("str").merge(shipments, on="shipment_id")


def _crowded_out(late: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Late lines of an item of which another line now takes more, or takes it earlier."""
    grown = rows[
        ((rows["divergence_type"] == "order_new") | (rows["divergence_type"] == "order_expedited"))
        | ((rows["divergence_type"] == "order_quantity_changed") & (rows["deviation"] > 0))
    ]
    columns = ["divergence_id", "divergence_type", "item_id", "object_id"]
    pairs = late[[*KEYS, "item_id"]].merge(grown[columns], on="item_id")
    return pairs[pairs["object_id"] != pairs["order_id"] + "/" + pairs["line_id"]]


def explains_in_time(facts: Facts, rows: pd.DataFrame, material: pd.DataFrame) -> pd.Series:
    """Whether a purchase was required before its component runs short (or the day is unknown)."""
    lines = facts.tables["purchase_order_line"]
    required = lines["required_date"].groupby(lines["po_id"] + "/" + lines["line_id"]).min()
    due = facts.instant(look_up(rows["object_id"], required))
    begins = look_up(rows["item_id"], material.set_index("item_id")["first_short_at"])
    return due.isna() | (due <= begins)


def skills_of(facts: Facts) -> pd.DataFrame:
    """Return ``resource_id`` and ``object_id`` (site and skill) of the people that it needs."""
    resources = facts.tables["resource"][["resource_id", "site_id", "skill_code"]]
    routing = facts.tables["routing_alternate"][["resource_id", "skill_code"]]
    sites = resources[["resource_id", "site_id"]]
    both = pd.concat([resources, routing.merge(sites, on="resource_id")], ignore_index=True)
    both = both.dropna(subset=["skill_code", "site_id"])
    named = both.assign(object_id=both["site_id"] + " " + both["skill_code"])
    return named[["resource_id", "object_id"]].drop_duplicates()
