"""Run every detector whose tables are there; say which are off and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from soe_lib.divergence import (
    capacity,
    demand,
    execution,
    inventory,
    labour,
    logistics,
    rates,
    receipts,
    scrap,
    stock_records,
    supply,
)
from soe_lib.divergence.chain import Chain, chain
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links
from soe_lib.divergence.material import shortages
from soe_lib.divergence.orders import (
    late_in_schedule,
    late_receipts,
    order_lateness,
    past_due_items,
    uncovered_items,
)
from soe_lib.divergence.projection import NEEDED, Projection
from soe_lib.divergence.rows import empty_rows

OFF_COLUMNS = ("detector", "missing", "sentence")


@dataclass(frozen=True)
class Baseline:
    """
    What actuals are compared with, computed once per run.

    Attributes
    ----------
    projection
        The projection of doing nothing.
    late
        Order lines later than the tolerance, priced; without a projection those past due.
    all_late
        Order lines late at all, priced: what the sentence counts, as step 2 does.
    links
        What the late lines hang on.
    demand
        Result of :func:`soe_lib.divergence.demand.demand_vs_plan`.
    load
        Result of :func:`soe_lib.divergence.capacity.constrained_resources`.
    material
        Result of :func:`soe_lib.divergence.material.material_shortages`.
    """

    projection: Projection
    late: pd.DataFrame
    all_late: pd.DataFrame
    links: Links
    demand: pd.DataFrame
    load: pd.DataFrame
    material: pd.DataFrame


@dataclass(frozen=True)
class Detector:
    """A detector: its name, the tables that it cannot do without, and what it runs."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[], pd.DataFrame]


def detect(facts: Facts, baseline: Baseline) -> tuple[Chain, pd.DataFrame]:
    """
    Detect divergences and fold consequences into their causes.

    Parameters
    ----------
    facts
        Snapshot, instant, tolerances.
    baseline
        Plan, load and projection.

    Returns
    -------
    tuple
        The chain (``roots`` and ``consequences``: columns of ``divergence.rows.COLUMNS``, largest
        money at risk first), and the detectors that are off: ``detector``, ``missing`` (tables,
        comma separated) and ``sentence`` (why, in words).
    """
    found: list[pd.DataFrame] = []
    off: list[tuple[str, str, str]] = []
    for detector in _detectors(facts, baseline):
        missing = [table for table in detector.needs if not facts.has(table)]
        if missing:
            off.append((detector.name, ", ".join(missing), _why_off(detector.name, missing)))
        else:
            found.append(detector.run())
    _stock_records(facts, found, off)
    kept = [rows for rows in found if len(rows)]
    rows = pd.concat(kept, ignore_index=True) if kept else empty_rows()
    rows["first_seen_at"] = rows["first_seen_at"].fillna(facts.as_of)
    rows = rows.drop_duplicates("divergence_id").reset_index(drop=True)
    chained = chain(
        facts, rows, baseline.late, baseline.links, baseline.material, baseline.projection
    )
    ordered = Chain(_ranked(chained.roots), _ranked(chained.consequences), chained.touched)
    return ordered, pd.DataFrame(off, columns=list(OFF_COLUMNS))


def _why_off(name: str, missing: list[str]) -> str:
    return f"{name}: off, the feed has no {' and no '.join(missing)}"


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(
        ["money_at_risk", "num_orders", "severity", "divergence_id"],
        ascending=[False, False, False, True],
        na_position="last",
        kind="stable",
    ).reset_index(drop=True)


def _detectors(facts: Facts, baseline: Baseline) -> tuple[Detector, ...]:
    projection = baseline.projection
    orders = (
        (
            Detector("orders in jeopardy", NEEDED, lambda: _jeopardy(facts, baseline)),
            Detector("demand not covered", NEEDED, lambda: uncovered_items(facts, baseline.late)),
            Detector(
                "promises that the schedule breaks",
                NEEDED,
                lambda: late_in_schedule(facts, baseline.late, baseline.links),
            ),
            Detector(
                "purchases after the promise",
                (*NEEDED, "purchase_order_line"),
                lambda: late_receipts(facts, baseline.late, projection.pegging),
            ),
        )
        if projection.is_on
        else (
            Detector("orders in jeopardy (right-shift)", NEEDED, empty_rows),
            Detector(
                "orders past due",
                ("sales_order_line",),
                lambda: past_due_items(facts, baseline.late),
            ),
        )
    )
    return (
        Detector(
            "demand against plan",
            ("sales_order_line", "sop_plan", "family_mix", "plan_calendar"),
            lambda: demand.family_demand(facts, baseline.demand),
        ),
        Detector(
            "order changes",
            ("order_change_event", "sales_order_line"),
            lambda: demand.order_changes(facts),
        ),
        *orders,
        Detector(
            "purchases",
            ("purchase_order_line",),
            lambda: supply.purchases(facts, baseline.material),
        ),
        Detector(
            "short receipts",
            ("goods_receipt_event", "purchase_order_line"),
            lambda: receipts.receipts(facts),
        ),
        Detector(
            "material shortages",
            (*NEEDED, "bom_component", "inventory_balance", "item"),
            lambda: shortages(facts, baseline.material),
        ),
        Detector("late work orders", ("work_order",), lambda: execution.late_work_orders(facts)),
        Detector("stops", ("downtime_event",), lambda: execution.downtime(facts)),
        Detector("scrap", ("work_order_progress_event", "work_order"), lambda: scrap.scrap(facts)),
        Detector(
            "slow running",
            ("work_order_progress_event", "run_rate", "resource_calendar"),
            lambda: rates.slow_running(facts),
        ),
        Detector("people missing", ("labour_availability",), lambda: labour.labour(facts)),
        Detector(
            "resource load",
            ("schedule_operation", "resource", "resource_calendar"),
            lambda: capacity.overloads(facts, baseline.load),
        ),
        Detector(
            "stock below safety",
            ("inventory_balance", "item"),
            lambda: inventory.below_safety(facts),
        ),
        Detector(
            "excess stock",
            ("inventory_balance", "item", "sales_order_line"),
            lambda: inventory.excess(facts),
        ),
        Detector(
            "departures",
            ("shipment",),
            lambda: logistics.departures(facts, projection.pegging, projection.promises),
        ),
        Detector(
            "ship capacity",
            ("ship_capacity", "sales_order_line", "item", *NEEDED),
            lambda: logistics.ship_capacity(facts, projection.promises),
        ),
    )


def _jeopardy(facts: Facts, baseline: Baseline) -> pd.DataFrame:
    return order_lateness(facts, baseline.late, baseline.links)


def _stock_records(
    facts: Facts, found: list[pd.DataFrame], off: list[tuple[str, str, str]]
) -> None:
    """Check stock records, unless the feed's movements do not explain the balances at all."""
    name = "stock records"
    needs = (
        "inventory_balance",
        "goods_receipt_event",
        "purchase_order_line",
        "work_order_progress_event",
        "bom_component",
    )
    missing = [table for table in needs if not facts.has(table)]
    if missing:
        off.append((name, ", ".join(missing), _why_off(name, missing)))
        return
    identity = stock_records.stock_identity(facts, facts.params.horizon.history_weeks)
    if stock_records.movements_are_complete(facts, identity):
        found.append(stock_records.wrong_stock(facts, identity))
        return
    why = "receipts and consumption do not explain the balances of most purchased items"
    off.append((name, "", f"{name}: off, {why}"))
