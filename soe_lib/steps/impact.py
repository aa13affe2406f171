"""Step 2: whom it hurts and what waiting costs; reads the projection of step 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.divergence.orders import past_due
from soe_lib.impact.attainment import Attainment, plan_attainment
from soe_lib.impact.attribution import READY_MINUTES, attribute, no_causes, no_disruptions
from soe_lib.impact.birth import shortfall_split
from soe_lib.impact.functions import by_function, shipments_without_goods
from soe_lib.impact.noise import known_ratios
from soe_lib.impact.orders import order_impact, summed_by
from soe_lib.impact.reference import Reference, reference_of
from soe_lib.impact.replay import Replay
from soe_lib.impact.words import blame_sentence
from soe_lib.run import Run
from soe_lib.steps.divergence import CYCLE_DAYS
from soe_lib.steps.menu import menu_of
from soe_lib.steps.odds import noise_of, odds_of, suppliers_of
from soe_lib.steps.projected import check_same, projection_of
from soe_lib.tables import TABLES
from soe_lib.vocabulary import FUNCTIONS

ATTAINMENT_PART = 4
"""A share of all order lines needs fewer replays than the odds of each: one in so many."""


@dataclass(frozen=True)
class Impact:
    """
    What doing nothing means.

    Attributes
    ----------
    orders
        One row per open order line, dearest first (:func:`soe_lib.impact.order_impact`).
    customers, families, clauses
        Lines, late lines, days and money by customer, family and penalty clause.
    shipments
        Planned shipments that leave without their goods.
    functions
        Rows of each function.
    causes
        Whom to blame: one row per late line and cause (``impact.attribution.CAUSE_COLUMNS``).
    disruptions
        The week's disruptions with the days and money that each costs.
    menu
        Levers that reach each late line, price and last moment (``steps.menu.MENU_COLUMNS``).
    blocks
        The lateness by demand change, supply, execution and infeasible at birth.
    promises
        How sure each promise is (``impact.promise.PROMISE_COLUMNS``, ``is_on_time_by_date``).
    reliability
        Reliability diagram of earlier runs (``impact.reliability.RELIABILITY_COLUMNS``).
    total_late_cost, total_margin_at_risk
        Sums over ``orders``. [money]
    is_projected
        False where the feed has no schedule: only what is past due today counts then.
    headline
        The answer in one sentence.
    """

    orders: pd.DataFrame
    customers: pd.DataFrame
    families: pd.DataFrame
    clauses: pd.DataFrame
    shipments: pd.DataFrame
    functions: dict[str, pd.DataFrame]
    causes: pd.DataFrame
    disruptions: pd.DataFrame
    menu: pd.DataFrame
    blocks: pd.DataFrame
    promises: pd.DataFrame
    reliability: pd.DataFrame
    total_late_cost: float
    total_margin_at_risk: float
    is_projected: bool
    headline: str


def assess_impact(run: Run) -> Impact:
    """
    Price the lateness of each open order line if nothing is done, and sort it by who must act; a
    finished run is read, not computed.

    Written: ``order_impact``, ``impact_by_customer``, ``impact_by_family``, ``impact_by_clause``,
    ``shipments_without_goods``, ``interventions``, ``order_causes``, ``shortfall_split``,
    ``disruptions``, ``order_promises``, ``promise_reliability``, ``plan_attainment`` and
    ``function_<role>_rows`` for each function.

    Parameters
    ----------
    run
        Run whose step 1 is done: its projection is read, not computed again.

    Returns
    -------
    Impact

    Raises
    ------
    soe_lib.run.RunError
        When step 1 has not run.

    Examples
    --------
    >>> impact = assess_impact(open_run())  # doctest: +SKIP
    >>> impact.total_late_cost  # doctest: +SKIP
    """
    if run.is_complete:
        return read_impact(run)
    divergences = run.read("divergences")
    is_projected = bool(run.words("divergence").get("projection_is_on", False))
    promises = run.read("projected_promises") if is_projected else _past_due(run)
    orders = order_impact(promises, run.tables, run.params.money)
    shipment = run.tables.get("shipment", TABLES["shipment"].empty())
    shipments = shipments_without_goods(shipment if is_projected else shipment.head(0), orders,
                                        run.as_of)  # fmt: skip
    functions = by_function(divergences, orders, shipments)
    customers = summed_by(orders, "customer_id")
    families = summed_by(orders, "family_id")
    clauses = summed_by(orders, "price_source")
    late = orders[orders["is_late"]]
    figures: dict[str, Any] = {
        "is_projected": is_projected,
        "num_lines": len(orders),
        "num_late_lines": len(late),
        "num_late_customers": int(late["customer_id"].nunique()),
        "num_uncovered_lines": int(run.words("divergence").get("num_uncovered_lines", 0)),
        "late_cost": float(late["late_cost"].sum()),
        "margin_at_risk": float(late["margin_at_risk"].sum()),
        "late_value": float(late["value"].sum()),
        "num_shipments_without_goods": len(shipments),
    }
    headline = _headline(run, customers, late, figures)
    projection = projection_of(run)
    replay = projection.replay if projection else None
    causes, disruptions, figures["blame"] = _blamed(run, replay, promises, orders)
    odds = odds_of(run, replay)
    attained = _attainment(run, replay) if replay else None
    figures["attainment"] = attained.sentence if attained else ""
    menu = menu_of(run, replay, projection.schedule if projection else None)
    figures.update(odds=odds.sentence, num_outcomes=odds.reliability.num_outcomes)
    tables = {
        "order_promises": odds.promises,
        "promise_reliability": odds.reliability.bins,
        "interventions": menu,
        "order_causes": causes,
        "shortfall_split": shortfall_split(causes),
        "disruptions": disruptions,
        "order_impact": orders,
        "impact_by_customer": customers,
        "impact_by_family": families,
        "impact_by_clause": clauses,
        "shipments_without_goods": shipments,
        **{f"function_{role}_rows": functions[role] for role in FUNCTIONS},
    }
    run.write(**tables, **({"plan_attainment": attained.table()} if attained else {}))
    run.say("impact", {"headline": headline, **figures})
    return _impact(tables, {"headline": headline, **figures})


def read_impact(run: Run) -> Impact:
    """
    Return what a finished run's step 2 found, from its tables.

    Raises
    ------
    soe_lib.run.RunError
        When the run lacks one of them.
    """
    names = [
        "order_impact",
        "impact_by_customer",
        "impact_by_family",
        "impact_by_clause",
        "shipments_without_goods",
        "interventions",
        "order_causes",
        "shortfall_split",
        "disruptions",
        "order_promises",
        "promise_reliability",
        *(f"function_{role}_rows" for role in FUNCTIONS),
    ]
    return _impact({name: run.read(name) for name in names}, run.words("impact"))


def _impact(tables: dict[str, pd.DataFrame], words: dict[str, Any]) -> Impact:
    return Impact(
        orders=tables["order_impact"],
        customers=tables["impact_by_customer"],
        families=tables["impact_by_family"],
        clauses=tables["impact_by_clause"],
        shipments=tables["shipments_without_goods"],
        functions={role: tables[f"function_{role}_rows"] for role in FUNCTIONS},
        causes=tables["order_causes"],
        disruptions=tables["disruptions"],
        menu=tables["interventions"],
        blocks=tables["shortfall_split"],
        promises=tables["order_promises"],
        reliability=tables["promise_reliability"],
        total_late_cost=float(words["late_cost"]),
        total_margin_at_risk=float(words["margin_at_risk"]),
        is_projected=bool(words["is_projected"]),
        headline=str(words["headline"]),
    )


def _blamed(
    run: Run, projection: Replay | None, promises: pd.DataFrame, orders: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Attribute the projected lateness; nothing to attribute where nothing is projected."""
    if projection is None:
        return no_causes(), no_disruptions(), ""
    check_same(run, projection, promises)
    pegging = run.read("projected_pegging")
    new = pegging[pegging["is_new"].astype(bool)]
    keys = ["order_id", "line_id"]
    is_new = pd.MultiIndex.from_frame(orders[keys]).isin(pd.MultiIndex.from_frame(new[keys]))
    params = run.params.impact
    found = attribute(
        projection,
        run.tables,
        _reference(run),
        orders[[*keys, "late_cost"]].assign(
            has_new_supply=is_new,
            departure=_departures(run, orders[keys]),
            is_there=_is_there(run, orders[keys]),
            is_late_in_plan=_late_in_plan(run, orders[[*keys, "due_at"]]),
        ),
        exact_up_to=params.exact_up_to,
        pairs=params.drawn_orders,
        seed=params.seed,
    )
    sentence = blame_sentence(found.causes, found.disruptions, run.snapshot.currency)
    return found.causes, found.disruptions, sentence


def _reference(run: Run) -> Reference:
    """Return the plan of the last cycle, with the rates that were known then."""
    since = run.as_of - pd.Timedelta(days=CYCLE_DAYS)
    facts = facts_of(run.tables, run.as_of, run.params, time_zone=run.snapshot.site_time_zone)
    return reference_of(run.tables, run.as_of, since, known_ratios(facts, since))


def _attainment(run: Run, projection: Replay) -> Attainment:
    """Return the chance that the plan had at the last cycle, with nothing that came later."""
    params, since = run.params.impact, run.as_of - pd.Timedelta(days=CYCLE_DAYS)
    return plan_attainment(
        projection,
        run.tables,
        _reference(run),
        noise_of(run, since),
        suppliers_of(run, projection),
        target_pct=run.params.otif.target_pct,
        replications=params.replications // ATTAINMENT_PART,
        seed=params.seed,
    )


def _is_there(run: Run, lines: pd.DataFrame) -> np.ndarray:
    """Return whether all goods of an order line are in stock now."""
    keys = ["order_id", "line_id"]
    ready = run.read("projected_promises")[[*keys, "ready_at"]]
    there = lines.merge(ready, on=keys, how="left")["ready_at"] <= run.as_of + pd.Timedelta(
        minutes=READY_MINUTES
    )
    return there.to_numpy(bool)


def _departures(run: Run, lines: pd.DataFrame) -> pd.Series:
    """Return the late departure of step 1 behind each order line; empty = none."""
    keys = ["order_id", "line_id"]
    names = ("divergences", "consequences")
    every = pd.concat([run.read(name)[["divergence_id", "divergence_type", "object_id"]]
                       for name in names])  # fmt: skip
    late = every[every["divergence_type"] == "departure_late"]
    touched = run.read("divergence_orders").merge(late, on="divergence_id")
    first = touched.sort_values("object_id", kind="stable").drop_duplicates(keys)
    found = lines.merge(first[[*keys, "object_id"]], on=keys, how="left")["object_id"]
    return found.fillna("").astype("str").set_axis(lines.index)


def _late_in_plan(run: Run, lines: pd.DataFrame) -> pd.Series:
    """Return whether the published schedule itself ends the lots of a line after its promise."""
    keys = ["order_id", "line_id"]
    work = run.read("projected_operations")
    name = work["wo_id"] + "/" + work["split_no"].astype("str")
    ends = work["published_end_at"].groupby(name).max().rename("planned_at")
    pegging = run.read("projected_pegging")
    lots = pegging[pegging["supply_type"] == "lot"].merge(
        ends, left_on="supply_id", right_index=True
    )
    planned = lots.groupby(keys)["planned_at"].max().reset_index()
    found = lines.merge(planned, on=keys, how="left")
    return (found["planned_at"] > found["due_at"]).set_axis(lines.index)


def _past_due(run: Run) -> pd.DataFrame:
    zone = run.snapshot.site_time_zone
    return past_due(facts_of(run.tables, run.as_of, run.params, time_zone=zone))


def _headline(
    run: Run, customers: pd.DataFrame, late: pd.DataFrame, figures: dict[str, Any]
) -> str:
    currency = run.snapshot.currency
    why = str(run.words("divergence").get("why_off", ""))
    if not figures["is_projected"]:
        if not figures["num_late_lines"]:
            return f"No open order line is past due. {why}".strip()
        oldest = late["tardiness_days"].max()
        return (
            f"{figures['num_late_lines']:,} of {figures['num_lines']:,} open order lines are past "
            f"due today, the oldest by {oldest:.0f} days; how late they will be is not known. {why}"
        ).strip()
    if not figures["num_late_lines"]:
        return "Doing nothing costs nothing: no open order line is projected late."
    parts = [
        f"Doing nothing makes {figures['num_late_lines']:,} of {figures['num_lines']:,} order "
        f"lines late at {figures['num_late_customers']:,} customers"
    ]
    if currency and figures["late_cost"] > 0:
        parts[0] += (
            f" and costs {figures['late_cost']:,.0f} {currency}; "
            f"{figures['margin_at_risk']:,.0f} {currency} of margin are in these lines"
        )
        first = customers.iloc[0]
        share = 100 * first["late_cost"] / figures["late_cost"]
        parts.append(f"{first['customer_id']} bears most ({share:.0f} %)")
    if figures["num_uncovered_lines"]:
        parts.append(f"{figures['num_uncovered_lines']:,} of them have no supply planned")
    return "; ".join(parts) + "."
