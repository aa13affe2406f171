"""All KPIs of a week from whatever tables the feed has, each population read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from soe_lib.kpi.adherence import adherence
from soe_lib.kpi.backlog import backlog
from soe_lib.kpi.capacity import planned_load, utilisation
from soe_lib.kpi.cover import cover_bands, cover_kpis
from soe_lib.kpi.demonstrated import demonstrated_capacity
from soe_lib.kpi.execution import baseline, week_opens_at
from soe_lib.kpi.facts import OrderFacts, order_facts, table_of
from soe_lib.kpi.fill import fill_rates, order_fulfilment_kpis
from soe_lib.kpi.inventory import turns_and_days
from soe_lib.kpi.oee import oee, repair_times
from soe_lib.kpi.otif import otif_kpis, three_bases
from soe_lib.kpi.otif_rows import otif_lines
from soe_lib.kpi.plan_actual import matched, plan_accuracy
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.promises import freeze_breaks, freeze_kpi, promise_changes
from soe_lib.kpi.service import make_to_order_service, service_attainment, service_level
from soe_lib.kpi.service_panel import demand_flows, service_panel
from soe_lib.kpi.stability import nervousness
from soe_lib.kpi.suppliers import supplier_book, supplier_otif, supplier_quality
from soe_lib.kpi.value import Kpi, Period
from soe_lib.kpi.versions import StabilityParams
from soe_lib.kpi.work_orders import work_orders_on_time
from soe_lib.kpi.work_times import work_times
from soe_lib.kpi.yields import work_order_yield
from soe_lib.params import KpiParams

HISTORY_WEEKS = 8


def all_kpis(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    policy: OtifPolicy,
    *,
    targets: pd.DataFrame | None = None,
    stability: StabilityParams | None = None,
    max_cover_days: float = float("nan"),
) -> list[Kpi]:
    """
    Return every KPI of a week that the tables allow.

    Parameters
    ----------
    tables
        Canonical tables, possibly newer than ``as_of``. A family whose own tables are missing or
        empty is left out; one whose population is empty is there and not evaluable.
    as_of, period
        Usually the end of a week and the week.
    policy
        OTIF policy of the house; all three bases are shown with it.
    targets
        Planned demand by ``item_id``, ``family_id`` and ``week_start_date`` (``planned_qty``) as
        it was valid at the lag, for plan accuracy (week) and forward cover (weeks after it).
    stability
        Fences and tolerances of nervousness.
    max_cover_days
        Cover above which stock is excess where the item has no limit. [days]

    Returns
    -------
    list
        In the order: customers, backlog, service, plan, schedule, resources, stock, suppliers.
    """
    have = {name for name, rows in tables.items() if len(rows)}
    found: list[Kpi] = []
    if "sales_order_line" in have:
        facts = order_facts(tables, as_of, period.time_zone)
        found += _customers(tables, as_of, period, params, policy, facts)
        found += backlog(
            tables,
            as_of,
            period,
            weekly_bottleneck_hours=_bottleneck_hours(tables, as_of, period, params),
            facts=facts,
        )
        found += _service(tables, as_of, period, params, policy, facts)
        if targets is not None:
            found += _demand_plan(tables, as_of, period, targets, facts)
    if "schedule_operation" in have:
        found += _schedule(tables, as_of, period, params, stability)
    if "work_order" in have:
        found += work_orders_on_time(tables, as_of, period, params)
        found += work_order_yield(tables, as_of, period, confidence_pct=params.confidence_pct)
    if have >= {"resource_calendar", "work_order_progress_event"}:
        times = work_times(tables, as_of, period)
        found += utilisation(tables, as_of, period, by="bottleneck", times=times)
        found += oee(tables, as_of, period, times=times)
        if "downtime_event" in have:
            found += repair_times(tables, as_of, period, by=None, times=times)
    if "inventory_balance" in have:
        found += _stock(tables, as_of, period, targets, max_cover_days)
    if have >= {"purchase_order_line", "goods_receipt_event"}:
        confidence = params.confidence_pct
        found += _suppliers(tables, as_of, period, policy, confidence)
        found += supplier_quality(tables, as_of, period, confidence_pct=confidence)
    return found


def actual_demand(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    facts: OrderFacts | None = None,
) -> pd.DataFrame:
    """
    Return demand by item and week of the requested date: what a demand plan is compared with.

    Returns
    -------
    pandas.DataFrame
        ``item_id``, ``family_id``, ``week_start_date``, ``actual_qty``: made-to-order lines too;
        what customers cancelled before it was due is no demand.
    """
    panel = service_panel(tables, as_of, period, "W", excluded_types=("return",), facts=facts)
    items = table_of(tables, "item").drop_duplicates("item_id").set_index("item_id")
    return pd.DataFrame(
        {
            "item_id": panel["item_id"],
            "family_id": panel["item_id"].map(items["family_id"]).astype("str").fillna(""),
            "week_start_date": panel["bucket_start_date"],
            "actual_qty": panel["demand_qty"],
        }
    )


def _customers(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    policy: OtifPolicy,
    facts: OrderFacts,
) -> list[Kpi]:
    confidence = params.confidence_pct
    own = otif_lines(tables, as_of, policy, period.time_zone, facts)
    family = otif_kpis(own, as_of, period, policy, confidence_pct=confidence)
    shared = {} if policy.use_customer_basis else {policy.basis: own}
    bases = three_bases(
        tables, as_of, period, policy, lines=shared, facts=facts, confidence_pct=confidence
    )
    found = family[:1] + [k for k in bases if k.basis != policy.basis] + family[1:]
    found += fill_rates(tables, as_of, period, policy, lines=own, confidence_pct=confidence)
    found += order_fulfilment_kpis(own, as_of, period, policy, confidence_pct=confidence)
    found += promise_changes(tables, as_of, period, facts=facts)
    return found


def _service(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    policy: OtifPolicy,
    facts: OrderFacts,
) -> list[Kpi]:
    flows = demand_flows(tables, as_of, period.time_zone, facts=facts)
    daily = service_panel(tables, as_of, period, flows=flows)
    found = service_level(daily, as_of, period, params)
    if period.days % 7 == 0:
        weekly = service_panel(tables, as_of, period, "W", flows=flows)
        found += service_attainment(weekly, as_of, period, params)
    if (table_of(tables, "sales_order_line")["order_type"] == "MTO").any():
        confidence = params.confidence_pct
        found.append(
            make_to_order_service(tables, as_of, period, policy, confidence_pct=confidence)
        )
    return found


def _demand_plan(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    targets: pd.DataFrame,
    facts: OrderFacts,
) -> list[Kpi]:
    actual = actual_demand(tables, as_of, period, facts)
    inside = targets[period.has(targets["week_start_date"])]
    pairs = matched(inside, actual, ["item_id", "family_id"])
    return plan_accuracy(pairs, as_of, period)


def _schedule(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    params: KpiParams,
    stability: StabilityParams | None,
) -> list[Kpi]:
    freeze_at = week_opens_at(tables, period)
    found: list[Kpi] = []
    if "work_order_progress_event" in tables:
        found += adherence(tables, as_of, period, freeze_at, params)
    schedule = tables["schedule_operation"]
    plan = baseline(schedule, freeze_at)
    if "resource_calendar" in tables:
        found += planned_load(plan, tables, as_of, period, by="bottleneck")
    if plan.empty:
        return found
    published = plan["published_at"].max()
    before = baseline(schedule, published - pd.Timedelta(microseconds=1))
    held = stability or StabilityParams(shift_tolerance_minutes=params.start_tolerance_minutes)
    moves = nervousness(before, plan, published, period, tables, held)
    found += [replace(k, as_of=as_of) for k in moves]
    later = baseline(schedule, as_of)
    moved = later["published_at"].max()
    # without a later version nothing was changed
    current = later if moved > published else plan.head(0)
    before_it = plan if moved > published else plan.head(0)
    breaks = freeze_breaks(before_it, current, moved, tables, held)
    found.append(freeze_kpi(breaks, as_of, period))
    return found


def _suppliers(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    confidence_pct: float,
) -> list[Kpi]:
    """Against the day we need the goods, and (by line) against the supplier's first promise."""
    book = supplier_book(tables)
    facts = order_facts(book, as_of, period.time_zone)
    needed, promised = (
        supplier_otif(
            tables,
            as_of,
            period,
            policy.on(basis),
            book=book,
            facts=facts,
            confidence_pct=confidence_pct,
        )
        for basis in ("requested", "first_confirmed")
    )
    return needed[:1] + promised[:1] + needed[1:]


def _bottleneck_hours(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, period: Period, params: KpiParams
) -> float:
    """Return the hours a week that bottlenecks have demonstrated; NaN where nothing shows it."""
    resources = table_of(tables, "resource")
    tight = resources.loc[resources["is_bottleneck"].fillna(False).astype(bool), "resource_id"]
    if not len(tight) or "work_order_progress_event" not in tables:
        return float("nan")
    weeks = Period.last_weeks(as_of, HISTORY_WEEKS, period.time_zone)
    shown = demonstrated_capacity(tables, as_of, weeks, confidence_pct=params.confidence_pct)
    own = shown[shown["resource_id"].isin(tight)]
    return float(own["weekly_hours"].sum()) if own["weekly_hours"].notna().any() else float("nan")


def _stock(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    targets: pd.DataFrame | None,
    max_cover_days: float,
) -> list[Kpi]:
    window = replace(period, start_date=period.end_date - pd.Timedelta(weeks=HISTORY_WEEKS))
    # printed under the week, whatever they look back over
    found = [
        replace(k, period=period, note=f"over {HISTORY_WEEKS} weeks; {k.note}".rstrip("; "))
        for k in turns_and_days(tables, as_of, window)
    ]
    if targets is not None:
        forecast = targets[targets["week_start_date"] >= period.end_date]
        cover = cover_bands(
            tables, forecast, as_of, period.time_zone, default_max_cover_days=max_cover_days
        )
        found += cover_kpis(cover, forecast, as_of, period)
    return found
