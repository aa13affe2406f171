"""Step 1: what diverged, computed once per run; nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from soe_lib.divergence.capacity import constrained_resources
from soe_lib.divergence.chain import Chain
from soe_lib.divergence.demand import demand_vs_plan
from soe_lib.divergence.detect import Baseline, detect
from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.divergence.jeopardy import orders_in_jeopardy
from soe_lib.divergence.links import link
from soe_lib.divergence.material import material_shortages, stock_curve
from soe_lib.divergence.orders import late_lines, past_due
from soe_lib.divergence.projection import Projection, project
from soe_lib.divergence.rows import evidence
from soe_lib.divergence.statement import problem_statement
from soe_lib.run import Run
from soe_lib.schedule import Schedule
from soe_lib.sop import weekly_targets

TABLE_NAMES = (
    "divergences",
    "consequences",
    "divergence_orders",
    "orders_in_jeopardy",
    "detectors_off",
    "projected_operations",
    "projected_promises",
    "projected_purchases",
    "projected_pegging",
    "projected_stock",
    "resource_load",
    "material_shortages",
    "demand_vs_plan",
)
CYCLE_DAYS = 7
"""Length of the cycle: events after ``as_of`` less this are news. [days]"""


@dataclass(frozen=True)
class Found:
    """
    What step 1 found.

    Attributes
    ----------
    divergences
        Root divergences, columns of ``divergence.rows.COLUMNS``, largest money at risk first.
    consequences
        Divergences that a root explains (``cause_id``).
    orders
        Orders in jeopardy, dearest first.
    off
        Detectors that are off: ``detector``, ``missing``, ``sentence``.
    projection
        The right-shifted schedule; None where the feed has no schedule.
    load, material, stock, demand
        Constrained resources, material shortages, projected stock of the short components, demand
        against plan.
    notes
        What the projection leaves out, in sentences.
    headline, paragraph
        The problem in one sentence, and in a paragraph.
    """

    divergences: pd.DataFrame
    consequences: pd.DataFrame
    orders: pd.DataFrame
    off: pd.DataFrame
    projection: Schedule | None
    load: pd.DataFrame
    material: pd.DataFrame
    stock: pd.DataFrame
    demand: pd.DataFrame
    notes: tuple[str, ...]
    headline: str
    paragraph: str
    tables: dict[str, pd.DataFrame]

    def rows_behind(self, divergence_id: str) -> pd.DataFrame:
        """
        Return the rows of the snapshot behind a divergence.

        Raises
        ------
        KeyError
            When no divergence has that id.
        """
        every = pd.concat([self.divergences, self.consequences], ignore_index=True)
        own = every[every["divergence_id"] == divergence_id]
        if own.empty:
            raise KeyError(f"no divergence '{divergence_id}' in this run")
        return evidence(self.tables, own.iloc[0])


def find_divergences(run: Run) -> Found:
    """
    Compare what is with what was planned; a finished run is read, not computed.

    The published schedule is replayed once from the actual state; this step and all later ones
    read its tables. Written: ``divergences``, ``consequences``, ``orders_in_jeopardy``,
    ``divergence_orders`` (late lines behind each divergence), ``detectors_off``,
    ``projected_operations``, ``projected_promises``, ``projected_purchases``,
    ``projected_pegging``, ``projected_stock``, ``resource_load``, ``material_shortages``,
    ``demand_vs_plan``.

    Parameters
    ----------
    run
        Run whose snapshot is taken.

    Returns
    -------
    Found

    Examples
    --------
    >>> found = find_divergences(open_run())  # doctest: +SKIP
    >>> found.divergences["divergence_type"].value_counts()  # doctest: +SKIP
    """
    if run.is_complete:
        return read_divergences(run)
    zone = run.snapshot.site_time_zone
    facts = facts_of(
        run.tables,
        run.as_of,
        run.params,
        time_zone=zone,
        since=run.as_of - pd.Timedelta(days=CYCLE_DAYS),
    )
    projection = project(run.tables, run.as_of, run.params, zone)
    baseline, stock = compare(facts, projection)
    chained, off = detect(facts, baseline)
    statement = problem_statement(facts, baseline, chained, run.snapshot.currency)
    orders = orders_in_jeopardy(facts, baseline.late, chained, baseline.links)
    written = _tables(projection, baseline, chained, stock, orders, off)
    run.write(**written)
    words = {
        "headline": statement.headline,
        "paragraph": statement.paragraph,
        **statement.figures,
        "why_off": statement.why_off,
        "notes": list(projection.notes),
        "off": off["sentence"].tolist(),
    }
    run.say("divergence", words)
    return _found(run, written, words, projection.schedule)


def read_divergences(run: Run) -> Found:
    """
    Return what a finished run found, from its tables.

    Raises
    ------
    soe_lib.run.RunError
        When the run lacks one of them.
    """
    words = run.words("divergence")
    tables = {name: run.read(name) for name in TABLE_NAMES}
    schedule = Schedule(
        operations=tables["projected_operations"],
        promises=tables["projected_promises"],
        purchases=tables["projected_purchases"],
        pegging=tables["projected_pegging"],
        summary={"method": "right-shift"},
    )
    return _found(run, tables, words, schedule if words["projection_is_on"] else None)


def _found(
    run: Run, tables: dict[str, pd.DataFrame], words: dict[str, Any], schedule: Schedule | None
) -> Found:
    return Found(
        divergences=tables["divergences"],
        consequences=tables["consequences"],
        orders=tables["orders_in_jeopardy"],
        off=tables["detectors_off"],
        projection=schedule,
        load=tables["resource_load"],
        material=tables["material_shortages"],
        stock=tables["projected_stock"],
        demand=tables["demand_vs_plan"],
        notes=tuple(words["notes"]),
        headline=str(words["headline"]),
        paragraph=str(words["paragraph"]),
        tables={**run.tables, **tables},
    )


def compare(facts: Facts, projection: Projection) -> tuple[Baseline, pd.DataFrame]:
    """Return what actuals are compared with, and the projected stock of the short components."""
    weeks = facts.params.horizon.horizon_weeks
    promises = projection.promises if projection.is_on else past_due(facts)
    pegging = projection.pegging
    tolerance = facts.params.divergence.order_late_hours
    late = late_lines(facts, promises, pegging, tolerance)
    links = link(projection, late, facts.tables, facts.as_of)
    curve = stock_curve(facts, projection.needs, facts.as_of + pd.Timedelta(weeks=weeks))
    material = material_shortages(facts, curve, projection.needs, late, links)
    targets = weekly_targets(
        facts.tables["sop_plan"],
        facts.tables["family_mix"],
        facts.tables["plan_calendar"],
        facts.as_of,
    )
    baseline = Baseline(
        projection=projection,
        late=late,
        all_late=late_lines(facts, promises, pegging, 0.0),
        links=links,
        demand=demand_vs_plan(facts, targets, weeks),
        past_demand=demand_vs_plan(facts, targets, 0, facts.params.horizon.history_weeks),
        load=constrained_resources(facts, projection.operations, weeks),
        material=material,
    )
    return baseline, curve[curve["first_short_at"].notna()].reset_index(drop=True)


def _tables(
    projection: Projection,
    baseline: Baseline,
    chained: Chain,
    stock: pd.DataFrame,
    orders: pd.DataFrame,
    off: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    return {
        "divergences": chained.roots,
        "consequences": chained.consequences,
        "divergence_orders": chained.touched,
        "orders_in_jeopardy": orders,
        "detectors_off": off,
        "projected_operations": projection.operations,
        "projected_promises": projection.promises,
        "projected_purchases": projection.purchases,
        "projected_pegging": projection.pegging,
        "projected_stock": stock,
        "resource_load": baseline.load,
        "material_shortages": baseline.material,
        "demand_vs_plan": baseline.demand,
    }
