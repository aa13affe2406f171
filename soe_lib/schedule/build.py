# mypy: disable-error-code="arg-type, attr-defined, union-attr"
"""Canonical tables to a scheduling problem; what the feed lacks is left out and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.money import site_rates
from soe_lib.params import FenceParams, MoneyParams, PriorityCriterion
from soe_lib.schedule.calendar import build_calendar
from soe_lib.schedule.demand import open_demand
from soe_lib.schedule.lots import SECONDARY, Lots, build_lots
from soe_lib.schedule.problem import NEVER, Clauses, Problem
from soe_lib.schedule.recipes import build_recipes, exploded, routing_family
from soe_lib.schedule.secondary import build_labour, build_tools
from soe_lib.schedule.shipping import build_shipping
from soe_lib.schedule.urgency import with_urgency
from soe_lib.tables import TABLES


def build_problem(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    *,
    site_time_zone: str = "UTC",
    order_priority: Sequence[PriorityCriterion] = (
        "customer_tier",
        "penalty",
        "due_date",
        "margin",
    ),
    money: MoneyParams | None = None,
    fences: FenceParams | None = None,
    horizon_weeks: int = 12,
    plan_lots: bool | None = None,
) -> Problem:
    """
    Build the problem of a snapshot.

    Parameters
    ----------
    tables
        Canonical tables by name; an absent table switches its constraint off, which ``notes`` say.
    as_of
        Instant UTC that is minute 0.
    site_time_zone
        Zone in which a due day ends.
    order_priority
        Ordered policy by which open order lines choose their supply.
    money, fences
        Prices and fences where the feed has none; ``price_notes`` say which prices of the feed
        override a parameter.
    horizon_weeks
        Weeks of open demand that are looked at. [weeks]
    plan_lots
        Whether the engine makes lots for demand that stock, receipts and work orders do not cover;
        by default only where the feed has no open work order (else planning them is the ERP's).

    Returns
    -------
    Problem

    Raises
    ------
    ProblemError
        When the tables contradict each other.
    """
    money = money or MoneyParams()
    fences = fences or FenceParams()
    notes: list[str] = []
    rows = {name: tables[name] if name in tables else TABLES[name].empty() for name in TABLES}
    resources = rows["resource"].sort_values("resource_id").reset_index(drop=True)
    resource_ids = tuple(resources["resource_id"].tolist())
    rates = site_rates(rows["cost_rate"], resource_ids, money)
    money = rates.money
    calendar = build_calendar(rows, resource_ids, as_of, notes)
    tools, labour = build_tools(rows, as_of), build_labour(rows, as_of)
    names = (tools.tool_ids, labour.skill_ids)
    lots = build_lots(rows, resource_ids, as_of, fences, notes, names)
    demand = open_demand(rows, as_of, site_time_zone, order_priority, money, horizon_weeks)
    used = exploded(
        {*lots.lots["item_id"], *lots.needs["item_id"], *demand["item_id"]}, rows["bom_component"]
    )
    items = rows["item"][rows["item"]["item_id"].isin(used)].sort_values("item_id")
    item_ids = tuple(items["item_id"].tolist())
    item_index = pd.Index(item_ids)
    families, setup = _setups(rows, resources, lots, notes)
    lead_days = items["lead_time_days"].fillna(7.0).to_numpy()
    overtime = resources["overtime_cost_per_hour"].fillna(
        resources["resource_id"].map(rates.overtime)
    )
    shipping = build_shipping(rows, demand, as_of, site_time_zone, notes)
    supply = _supply(rows, item_index, as_of)
    recipes = build_recipes(rows, item_ids, resource_ids, families, *names, as_of)
    operations = lots.operations
    needs = lots.needs
    problem = Problem(
        as_of=as_of,
        resource_ids=resource_ids,
        stations=np.maximum(
            1, np.round(resources["capacity_parallel"].fillna(1.0)).to_numpy()
        ).astype(np.int64),
        calendar=calendar,
        current_family=pd.Index(families).get_indexer(
            resources["current_setup_family"].fillna("").tolist()
        ),
        family_ids=families,
        setup_minutes=setup,
        lot_ids=tuple(lots.lots["lot_id"].tolist()),
        lot_item=item_index.get_indexer(lots.lots["item_id"]),
        lot_qty=lots.lots["qty"].to_numpy(float),
        lot_release=lots.lots["release_minutes"].to_numpy(float),
        lot_due=lots.lots["due_minutes"].fillna(NEVER).to_numpy(float),
        lot_weight=np.zeros(len(lots.lots)),
        op_lot=operations["lot"].to_numpy(np.int64),
        op_no=operations["op_no"].to_numpy(np.int64),
        op_family=pd.Index(families).get_indexer(operations["setup_family"].fillna("").tolist()),
        op_fixed=operations["is_started"].to_numpy(bool),
        op_frozen=operations["is_frozen"].to_numpy(bool),
        op_resource=pd.Index(resource_ids).get_indexer(operations["resource_id"].tolist()),
        op_start=operations["start_minutes"].to_numpy(float),
        op_setup=np.zeros(len(operations)),
        op_change_cost=_change_cost(operations["start_minutes"].to_numpy(float), fences, money),
        alt_offset=lots.alternates["offset"],
        alt_resource=lots.alternates["resource"],
        alt_minutes=lots.alternates["minutes"],
        alt_preference=lots.alternates["preference"],
        **{name: lots.alternates[name] for name in SECONDARY},
        need_offset=np.searchsorted(needs["operation"].to_numpy(), np.arange(len(operations) + 1)),
        need_item=item_index.get_indexer(needs["item_id"]),
        need_qty=needs["qty"].to_numpy(float),
        item_ids=item_ids,
        on_hand=_on_hand(rows, item_index, as_of),
        item_lead_minutes=lead_days * 1440.0,
        supply_item=supply["item"].to_numpy(np.int64),
        supply_at=supply["at"].to_numpy(float),
        supply_qty=supply["qty"].to_numpy(float),
        supply_ids=tuple(supply["name"]),
        supply_expedite_at=supply["early"].to_numpy(float),
        supply_expedite_cost=supply["price"].to_numpy(float),
        demand_keys=tuple(zip(demand["order_id"], demand["line_id"], strict=True)),
        demand_item=item_index.get_indexer(demand["item_id"]),
        demand_qty=demand["open_qty"].to_numpy(float),
        demand_due=demand["due_minutes"].to_numpy(float),
        demand_weight=demand["cost_per_day"].to_numpy(float),
        demand_rank=demand["rank"].to_numpy(np.int64),
        changeover_cost=_changeover_cost(rows["setup_matrix"], resources, rates.changeover),
        overtime_cost=overtime.to_numpy(float),
        item_lot_min=items["lot_min_qty"].fillna(0.0).to_numpy(float),
        item_lot_multiple=items["lot_multiple_qty"].fillna(0.0).to_numpy(float),
        item_lot_max=items["lot_max_qty"].fillna(NEVER).to_numpy(float),
        item_shelf_minutes=(items["shelf_life_days"] * 1440.0).fillna(NEVER).to_numpy(float),
        item_value=items["std_cost"].fillna(0.0).to_numpy(float),
        demand_partial=demand["is_partial"].to_numpy(bool),
        clauses=Clauses(
            **{
                name: demand[name].to_numpy(float)
                for name in (
                    "free_days",
                    "flat",
                    "per_day",
                    "per_week",
                    "cap",
                    "lost_after_days",
                    "lost",
                )
            }
        ),
        recipes=recipes,
        labour=labour,
        tools=tools,
        shipping=shipping,
        holding_per_day=money.holding_pct_per_year / 100 / 365,
        is_planning=(len(lots.lots) == 0) if plan_lots is None else plan_lots,
        notes=tuple(notes),
        price_notes=rates.notes,
    )
    return with_urgency(problem)


def _change_cost(start: np.ndarray, fences: FenceParams, money: MoneyParams) -> np.ndarray:
    frozen, slushy = fences.frozen_days * 1440, (fences.frozen_days + fences.slushy_days) * 1440
    published = start < NEVER / 2
    by_zone = np.select(
        [start < frozen, start < slushy],
        [money.change_cost_frozen, money.change_cost_slushy],
        money.change_cost_liquid,
    )
    return np.where(published, by_zone, 0.0)


def _setups(
    rows: Mapping[str, pd.DataFrame], resources: pd.DataFrame, lots: Lots, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    matrix = rows["setup_matrix"]
    named = [
        *lots.operations["setup_family"].dropna(),
        *routing_family(rows["routing_alternate"], rows["item"]),
        *resources["current_setup_family"].dropna(),
    ]
    families = tuple(
        sorted({*named, *matrix["from_setup_family"], *matrix["to_setup_family"]} - {""})
    )
    setup = np.zeros((len(resources), len(families), len(families)))
    if matrix.empty:
        notes.append("no setup_matrix: changeovers take no time")
        return families, setup
    index = pd.Index(families)
    group = resources["resource_group"].where(
        resources["resource_group"].notna(), resources["resource_id"]
    )
    for r, (own, shared) in enumerate(zip(resources["resource_id"], group, strict=True)):
        own_rows = matrix[matrix["resource_group"].isin([own, shared, "*"])]
        before = index.get_indexer(own_rows["from_setup_family"])
        after = index.get_indexer(own_rows["to_setup_family"])
        setup[r, before, after] = own_rows["setup_minutes"].to_numpy()
    return families, setup


def _changeover_cost(
    matrix: pd.DataFrame, resources: pd.DataFrame, hourly: Mapping[str, float]
) -> np.ndarray:
    """
    Return what an hour of changeover costs on each resource. [money/h]

    The engine prices time only, so the matrix's own cost of a changeover is spread over the hours
    of the resource's own changeovers.
    """
    group = resources["resource_group"].where(
        resources["resource_group"].notna(), resources["resource_id"]
    )
    found = []
    for own, shared in zip(resources["resource_id"], group, strict=True):
        mine = matrix[matrix["resource_group"].isin([own, shared, "*"])]
        hours = float(mine["setup_minutes"].sum()) / 60
        beside = float(mine["setup_cost"].fillna(0.0).sum())
        found.append(hourly[own] + (beside / hours if hours > 0 else 0.0))
    return np.array(found, dtype=float)


def _on_hand(rows: Mapping[str, pd.DataFrame], items: pd.Index, as_of: pd.Timestamp) -> np.ndarray:
    stock = rows["inventory_balance"]
    stock = stock[stock["balance_at"] <= as_of]
    newest = stock["balance_at"] == stock.groupby(["item_id", "location_id"])[
        "balance_at"
    ].transform("max")
    stock = stock[newest]
    usable = (stock["on_hand_qty"] - stock["blocked_qty"].fillna(0)).clip(lower=0)
    total = usable.groupby(stock["item_id"]).sum()
    return total.reindex(items).fillna(0.0).to_numpy(float)


def _supply(rows: Mapping[str, pd.DataFrame], items: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return open receipts with their arrival, the arrival when expedited, and its price."""
    lines = rows["purchase_order_line"]
    lines = lines[(lines["status"] == "open") & lines["item_id"].isin(items)]
    open_qty = lines["ordered_qty"] - lines["received_qty"].fillna(0)
    confirmed = lines["confirmed_qty"].fillna(lines["ordered_qty"]) - lines["received_qty"].fillna(
        0
    )
    day = lines["promised_date"].fillna(lines["required_date"]).dt.tz_localize("UTC")
    noon = day + pd.Timedelta(hours=12)
    minutes = (lines["eta_at"].fillna(noon) - as_of).dt.total_seconds() / 60
    # past due and not here: a day from now at best; an exact arrival is taken as given
    at = np.where(lines["eta_at"].notna() & (minutes > 0), minutes, minutes.clip(1440.0))
    can = lines["is_expedite_possible"].eq(True).fillna(False).to_numpy(bool)
    gained = lines["expedite_days"].astype(float).fillna(0.0).to_numpy() * 1440.0
    early = np.maximum(at - gained, 1440.0)  # nothing arrives before the day after
    found = pd.DataFrame(
        {
            "item": items.get_indexer(lines["item_id"]),
            "at": at,
            "qty": np.minimum(open_qty, confirmed).to_numpy(float),
            "name": (lines["po_id"].astype("str") + "/" + lines["line_id"].astype("str")).array,
            "early": np.where(can & (early < at), early, NEVER),
            "price": np.where(can, lines["expedite_cost"].astype(float).fillna(0.0), 0.0),
        }
    )
    found = found[found["qty"] > 0]
    return found.sort_values(["at", "item", "qty"], kind="stable").reset_index(drop=True)
