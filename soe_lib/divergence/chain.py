"""
The cause chain: a stopped line is one divergence with eleven orders, not twelve divergences.

Every late order line hangs on work orders, resources and components (``links``). A divergence of
one of those stands behind the line when the line waits for it; a divergence that another one
explains is folded into it. What remains are the roots: one per thing that somebody must handle.
This finds plausible causes; it does not weigh them: a line's cost is shared out in equal parts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links
from soe_lib.divergence.material import waiting_orders
from soe_lib.divergence.names import look_up
from soe_lib.divergence.orders import waiting_for_receipts
from soe_lib.divergence.projection import Projection

KEYS = ["order_id", "line_id"]
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


@dataclass(frozen=True)
class Chain:
    """
    Divergences with what stands behind what.

    Attributes
    ----------
    roots
        Divergences that no other explains, with ``num_orders``, the late lines behind them (a line
        counts at every root that it waits for), and ``money_at_risk``, their own cost and their
        share of what those lines cost: it adds up over rows.
    consequences
        The others, ``cause_id`` names their root.
    touched
        ``divergence_id`` (root), ``order_id``, ``line_id``: late lines behind each root, the
        primary cause of a line first (``is_primary``), and ``share``: the part of the line's cost
        that counts at this root (equal parts; nobody has weighed the causes yet).
    """

    roots: pd.DataFrame
    consequences: pd.DataFrame
    touched: pd.DataFrame


def chain(
    facts: Facts,
    rows: pd.DataFrame,
    late: pd.DataFrame,
    links: Links,
    material: pd.DataFrame,
    projection: Projection,
) -> Chain:
    """
    Fold consequences into their causes and count the late order lines behind each cause.

    Parameters
    ----------
    rows
        All divergences, each once.
    late
        Late order lines, priced.
    links, material, projection
        What the lines hang on.
    """
    touched = _touched(facts, rows, late, links, material, projection)
    cause = {**_folded(facts, rows, material, projection), **_order_causes(rows, touched)}
    root = {one: _root(one, cause) for one in rows["divergence_id"]}
    is_root = np.array([root[one] == one for one in rows["divergence_id"]], dtype=bool)
    edges = touched.sort_values([*KEYS, "rank", "divergence_id"], kind="stable")
    edges["divergence_id"] = edges["divergence_id"].map(root)
    edges = edges.drop_duplicates(["divergence_id", *KEYS])
    edges["is_primary"] = ~edges.duplicated(KEYS)
    edges["share"] = 1.0 / edges.groupby(KEYS)["divergence_id"].transform("size")
    priced = edges.merge(late[[*KEYS, "late_cost"]], on=KEYS)
    priced["late_cost"] = priced["late_cost"] * priced["share"]
    behind = priced.groupby("divergence_id").agg(
        orders=("late_cost", "size"), cost=("late_cost", lambda cost: cost.sum(min_count=1))
    )
    own = rows["divergence_id"]
    orders = look_up(own, behind["orders"])
    is_order = rows["object_type"] == "order_line"
    filled = rows.assign(
        num_orders=orders.where(orders.notna() & ~is_order, rows["num_orders"]).fillna(0.0),
        money_at_risk=_money(rows, look_up(own, behind["cost"])),
        cause_id=[("" if root[one] == one else root[one]) for one in own],
    )
    return Chain(
        roots=filled[is_root].reset_index(drop=True),
        consequences=filled[~is_root].reset_index(drop=True),
        touched=edges.drop(columns="rank").reset_index(drop=True),
    )


def _money(rows: pd.DataFrame, behind: pd.Series) -> pd.Series:
    """Own cost and that of the late lines behind; empty only where neither has a price."""
    own = rows["direct_cost"]
    total = (own.fillna(0.0) + behind.fillna(0.0)).where(own.notna() | behind.notna())
    # A line's lateness is its own cost already.
    return total.where(rows["divergence_type"] != "order_in_jeopardy", own)


def _touched(
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

    lines = late[[*KEYS, "item_id", "is_covered"]]
    own = lines.assign(object_id=lines["order_id"] + "/" + lines["line_id"])
    open_items = lines.loc[~lines["is_covered"], [*KEYS, "item_id"]]
    waits = waiting_orders(links, material)
    bought = waiting_for_receipts(late, projection.pegging)[[*KEYS, "item_id"]]
    staffed = links.resources.merge(_skills(facts), on="resource_id")
    parts = [
        own[[*KEYS, "object_id"]].merge(of(*_ORDER_TYPES), on="object_id"),
        open_items.merge(
            of("demand_not_covered", "orders_past_due", "stock_record_wrong", *SUPPLY), on="item_id"
        ),
        bought.merge(of("supply_after_promise", *SUPPLY), on="item_id"),
        _above_plan(facts, late, rows),
        _in_plan(late, links, of("late_in_schedule")),
        _waiting_to_leave(facts, rows),
        waits.merge(of("material_shortage", "stock_record_wrong", *SUPPLY), on="item_id"),
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


def _skills(facts: Facts) -> pd.DataFrame:
    """Return ``resource_id`` and ``object_id`` (site and skill) of the people that it needs."""
    resources = facts.tables["resource"][["resource_id", "site_id", "skill_code"]]
    routing = facts.tables["routing_alternate"][["resource_id", "skill_code"]]
    sites = resources[["resource_id", "site_id"]]
    both = pd.concat([resources, routing.merge(sites, on="resource_id")], ignore_index=True)
    both = both.dropna(subset=["skill_code", "site_id"])
    named = both.assign(object_id=both["site_id"] + " " + both["skill_code"])
    return named[["resource_id", "object_id"]].drop_duplicates()


def _order_causes(rows: pd.DataFrame, touched: pd.DataFrame) -> dict[str, str]:
    """Late order lines fold into their primary cause."""
    lines = rows[rows["divergence_type"] == "order_in_jeopardy"][["divergence_id", "object_id"]]
    first = touched.sort_values([*KEYS, "rank", "divergence_id"], kind="stable")
    first = first.drop_duplicates(KEYS)
    first = first.assign(object_id=first["order_id"] + "/" + first["line_id"])
    pairs = lines.merge(
        first[["object_id", "divergence_id"]], on="object_id", suffixes=("", "_cause")
    )
    return dict(zip(pairs["divergence_id"], pairs["divergence_id_cause"], strict=True))


def _folded(
    facts: Facts, rows: pd.DataFrame, material: pd.DataFrame, projection: Projection
) -> dict[str, str]:
    """Return divergences of supply, stock and execution that another one explains."""
    found: dict[str, str] = {}
    short = rows[rows["divergence_type"] == "material_shortage"]
    _fold_shortages(facts, rows, short, material, found)
    weak = rows[rows["divergence_type"] == "stock_below_safety"]
    strong = rows[
        rows["divergence_type"].isin(["material_shortage", "demand_not_covered", *SUPPLY])
    ]
    _fold_by(weak, strong, "item_id", found)
    uncovered = rows[rows["divergence_type"] == "demand_not_covered"]
    wrong = rows[(rows["divergence_type"] == "stock_record_wrong") & (rows["deviation"] < 0)]
    _fold_by(uncovered, wrong, "item_id", found)
    stops = rows[rows["divergence_type"] == "downtime"]
    overloaded = rows[rows["divergence_type"] == "resource_overloaded"].merge(
        stops[["resource_id", "deviation"]].rename(columns={"deviation": "lost_hours"}),
        on="resource_id",
    )
    # A short stop does not explain a week that lacks forty hours.
    _fold_by(overloaded[overloaded["lost_hours"] >= overloaded["deviation"]], stops,
             "resource_id", found)  # fmt: skip
    _fold_late_work(rows, stops, short, projection, found)
    return found


def _fold_by(rows: pd.DataFrame, causes: pd.DataFrame, column: str, found: dict[str, str]) -> None:
    """Fold rows into the most severe cause with the same value in a column."""
    best = causes.sort_values(["severity", "divergence_id"], ascending=[False, True])
    best = best.dropna(subset=[column]).drop_duplicates(column)
    cause = look_up(rows[column], best.set_index(column)["divergence_id"])
    for own, other in zip(rows["divergence_id"], cause, strict=True):
        if isinstance(other, str) and other != own:
            found.setdefault(own, other)


def _fold_shortages(
    facts: Facts,
    rows: pd.DataFrame,
    short: pd.DataFrame,
    material: pd.DataFrame,
    found: dict[str, str],
) -> None:
    """
    A shortage folds into what keeps its material away: a purchase that was required before it
    begins and is late or short, a short receipt, or a record that was too high.
    """
    begins = material.set_index("item_id")["first_short_at"]
    supply = rows[rows["divergence_type"].isin([*SUPPLY, "stock_record_wrong"])].copy()
    supply = supply[(supply["divergence_type"] != "stock_record_wrong") | (supply["deviation"] < 0)]
    lines = facts.tables["purchase_order_line"]
    required = lines["required_date"].groupby(lines["po_id"] + "/" + lines["line_id"]).min()
    due = facts.instant(look_up(supply["object_id"], required))
    in_time = due.isna() | (due <= look_up(supply["item_id"], begins))
    _fold_by(short, supply[in_time], "item_id", found)


def _fold_late_work(
    rows: pd.DataFrame,
    stops: pd.DataFrame,
    short: pd.DataFrame,
    projection: Projection,
    found: dict[str, str],
) -> None:
    """Late work orders fold into the stop of the resource they are on, or what they wait for."""
    late = rows[rows["divergence_type"] == "work_order_late"]
    if late.empty or projection.operations.empty:
        return
    following = projection.operations.sort_values(["wo_id", "op_no"], kind="stable")
    where = following.drop_duplicates("wo_id").set_index("wo_id")["resource_id"]
    placed = late.assign(resource_id=look_up(late["object_id"], where))
    begun = stops.set_index("resource_id")["first_seen_at"]
    since = look_up(placed["resource_id"], begun)
    # An order that was due before the line stopped is late for another reason.
    _fold_by(placed[placed["first_seen_at"] >= since], stops, "resource_id", found)
    items = set(short["item_id"].dropna())
    needs = projection.needs[projection.needs["item_id"].isin(items)]
    waits = needs.sort_values(["wo_id", "item_id"]).drop_duplicates("wo_id")
    component = waits.set_index("wo_id")["item_id"]
    waiting = late.assign(item_id=look_up(late["object_id"], component)).dropna(subset=["item_id"])
    _fold_by(waiting, short, "item_id", found)


def _root(one: str, cause: dict[str, str]) -> str:
    seen = {one}
    while one in cause and cause[one] not in seen:
        one = cause[one]
        seen.add(one)
    return one
