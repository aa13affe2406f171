"""Run every detector whose tables are there; say which are off; put the answer in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence import capacity, demand, execution, inventory, logistics, supply
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams
from soe_lib.tables import TABLES


@dataclass(frozen=True)
class Baseline:
    """
    What actuals are compared with, computed once per run.

    Attributes
    ----------
    since
        Instant of the last cycle: events after it are news.
    demand
        Result of :func:`demand_vs_plan`.
    load
        Result of :func:`constrained_resources`.
    material
        Result of :func:`material_shortages`.
    promises
        Promises of the projection (right-shift of the published schedule).
    time_zone
        Zone of the site.
    """

    since: pd.Timestamp
    demand: pd.DataFrame
    load: pd.DataFrame
    material: pd.DataFrame
    promises: pd.DataFrame
    time_zone: str


def detect(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    params: DivergenceParams,
    baseline: Baseline,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Detect divergences.

    Parameters
    ----------
    tables
        Canonical tables of the snapshot.
    as_of
        Instant of the snapshot.
    params
        Tolerance bands: what is inside its band is not reported.
    baseline
        Plan, load and projection.

    Returns
    -------
    tuple
        Divergences (columns of ``divergence.rows.COLUMNS``, largest money at risk first), and the
        detectors that are off: ``detector``, ``missing`` (tables, comma separated).
    """
    full = {name: tables.get(name, TABLES[name].empty()) for name in TABLES}
    since = baseline.since
    prices = _family_prices(full)
    detectors: dict[str, tuple[tuple[str, ...], Callable[[], pd.DataFrame]]] = {
        "demand against plan": (
            ("sales_order_line", "sop_plan", "family_mix", "plan_calendar"),
            lambda: demand.family_demand(baseline.demand, prices),
        ),
        "order changes": (
            ("order_change_event", "sales_order_line"),
            lambda: demand.order_changes(full, as_of, since),
        ),
        "orders in jeopardy": (
            ("schedule_operation", "resource", "resource_calendar", "sales_order_line"),
            lambda: order_lateness(full, baseline.promises, params),
        ),
        "supplier confirmations": (
            ("purchase_order_line",),
            lambda: supply.purchases(full, as_of, params),
        ),
        "short receipts": (
            ("goods_receipt_event", "purchase_order_line"),
            lambda: supply.receipts(full, as_of, since, params),
        ),
        "material shortages": (
            ("bom_component", "inventory_balance", "item"),
            lambda: supply.shortages(baseline.material, full),
        ),
        "late work orders": (
            ("work_order", "item"),
            lambda: execution.late_work_orders(full, as_of, params),
        ),
        "downtime": (
            ("downtime_event",),
            lambda: execution.downtime(full, as_of, since, params),
        ),
        "scrap": (
            ("work_order_progress_event", "work_order", "scrap_event"),
            lambda: execution.scrap(full, as_of, since, params),
        ),
        "slow running": (
            ("work_order_progress_event", "routing_alternate", "resource_calendar", "run_rate"),
            lambda: execution.slow_running(full, as_of, since, params),
        ),
        "labour": (
            ("labour_availability",),
            lambda: execution.labour(full, as_of, since, params),
        ),
        "resource load": (
            ("schedule_operation", "resource", "resource_calendar"),
            lambda: capacity.overloads(baseline.load, params),
        ),
        "stock below safety": (
            ("inventory_balance", "item"),
            lambda: inventory.below_safety(full, as_of),
        ),
        "stock records": (
            (
                "inventory_balance",
                "goods_receipt_event",
                "work_order_progress_event",
                "bom_component",
                "run_rate",
            ),
            lambda: inventory.wrong_stock(full, as_of, params),
        ),
        "excess stock": (
            ("inventory_balance", "item", "sales_order_line"),
            lambda: inventory.excess(full, _weekly_demand(full, as_of), as_of, params),
        ),
        "departures": (
            ("shipment",),
            lambda: logistics.departures(full, as_of, since),
        ),
        "ship capacity": (
            ("ship_capacity", "sales_order_line", "item"),
            lambda: logistics.ship_capacity(full, baseline.promises, baseline.time_zone),
        ),
    }
    found: list[pd.DataFrame] = []
    off: list[dict[str, str]] = []
    for name, (needs, run) in detectors.items():
        missing = [table for table in needs if full[table].empty]
        if missing:
            off.append({"detector": name, "missing": ", ".join(missing)})
        else:
            found.append(run())
    kept = [rows for rows in found if len(rows)]
    rows = pd.concat(kept, ignore_index=True) if kept else empty_rows()
    rows["first_seen_at"] = rows["first_seen_at"].fillna(as_of)
    rows = rows.drop_duplicates("divergence_id")
    rows = rows.sort_values(
        ["money_at_risk", "severity", "divergence_id"],
        ascending=[False, False, True],
        na_position="last",
        kind="stable",
    )
    return rows.reset_index(drop=True), pd.DataFrame(off, columns=["detector", "missing"])


def order_lateness(
    tables: Mapping[str, pd.DataFrame], promises: pd.DataFrame, params: DivergenceParams
) -> pd.DataFrame:
    """Return open order lines that are projected late, or that nothing covers, if nothing is done."""
    late = promises["lateness_days"] * 24 > params.order_late_hours
    rows = promises[late].copy()
    if rows.empty:
        return empty_rows()
    keys = ["order_id", "line_id"]
    lines = tables["sales_order_line"].drop_duplicates(keys)
    rows = rows.merge(lines[[*keys, "customer_id", "site_id", "net_price"]], on=keys, how="left")
    rows["object_id"] = rows["order_id"] + "/" + rows["line_id"]
    rows["planned_value"] = 0.0
    rows["actual_value"] = rows["deviation_days"] = rows["lateness_days"]
    rows["money_at_risk"] = rows["open_qty"] * rows["net_price"].fillna(0.0)
    rows["act_by_at"] = rows["due_at"]
    rows["num_orders"] = 1
    rows["severity"] = rows["lateness_days"] * 24 / max(params.order_late_hours, 1e-9)
    rows["sentence"] = [
        f"order {o} of {c} ({q:,.0f} {i}) "
        + (f"is projected {d:.1f} days late" if covered else "has no supply planned")
        for o, c, q, i, d, covered in zip(
            rows["object_id"],
            rows["customer_id"].fillna("?"),
            rows["open_qty"],
            rows["item_id"],
            rows["lateness_days"],
            rows["is_covered"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="order_in_jeopardy",
        subject="demand",
        object_type="order_line",
        owner_role="customer_service",
        unit="days",
        evidence_table="sales_order_line",
        evidence_columns=("order_id", "line_id"),
    )


def problem_statement(
    divergences: pd.DataFrame, promises: pd.DataFrame, load: pd.DataFrame, currency: str
) -> str:
    """
    Return the week's problem in one plain sentence, every number counted from the rows given.

    Parameters
    ----------
    divergences, promises, load
        Tables of :func:`detect`, the projection and :func:`constrained_resources`.
    currency
        Currency of the money.
    """
    late = divergences[divergences["divergence_type"] == "order_in_jeopardy"]
    parts: list[str] = []
    if len(promises):
        parts.append(
            f"{len(late):,} of {len(promises):,} open order lines miss their promise if nothing is "
            f"done ({late['money_at_risk'].sum():,.0f} {currency} of orders)".replace(" )", ")")
        )
    over = load[load["overload_hours"] > 0] if len(load) else load
    if len(over):
        worst = over.groupby("resource_id")["overload_hours"].sum().sort_values(ascending=False)
        parts.append(
            f"{worst.index[0]} lacks {worst.iloc[0]:,.0f} h"
            + (f" and {len(worst) - 1} more resources are overloaded" if len(worst) > 1 else "")
        )
    rest = divergences[divergences["divergence_type"] != "order_in_jeopardy"]
    counts = rest["subject"].value_counts()
    if len(rest):
        listed = ", ".join(f"{n} in {subject}" for subject, n in counts.items())
        parts.append(f"{len(rest):,} divergences stand behind it ({listed})")
    if not parts:
        return "Nothing diverged beyond tolerance."
    return "; ".join(parts) + "."


def _family_prices(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    items = tables["item"]
    price = items["price"].fillna(items["std_cost"]).fillna(0.0)
    mean = price.groupby(items["family_id"]).mean()
    return mean.astype(float)


def _weekly_demand(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.Series:
    lines = tables["sales_order_line"]
    recent = lines[
        (lines["ordered_at"] > as_of - pd.Timedelta(weeks=8)) & (lines["ordered_at"] <= as_of)
    ]
    demand_qty = recent.groupby("item_id")["ordered_qty"].sum() / 8
    return demand_qty.replace(0.0, np.nan)
