"""The week's problem in plain words; every number is counted from the rows given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from soe_lib.divergence.chain import Chain
from soe_lib.divergence.detect import Baseline
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import count_of, named


@dataclass(frozen=True)
class Statement:
    """
    The problem in words.

    ``headline`` opens the page, ``paragraph`` adds the dearest divergences, ``figures`` are the
    numbers in both, ``why_off`` says why no order can be projected (empty = they can).
    """

    headline: str
    paragraph: str
    figures: dict[str, Any]
    why_off: str


def problem_statement(facts: Facts, baseline: Baseline, chained: Chain, currency: str) -> Statement:
    """
    State the problem.

    Parameters
    ----------
    facts, baseline
        Snapshot and what it is compared with.
    chained
        Divergences with the late lines behind them.
    currency
        Currency of the money; empty = no prices.
    """
    roots = chained.roots
    figures = _figures(facts, baseline, chained)
    why_off = "" if baseline.projection.is_on else _off(baseline)
    parts = [_orders(baseline, figures, currency)]
    parts += [_capacity(facts, baseline, figures), _material(facts, baseline, figures)]
    said = [part for part in parts if part]
    if not len(roots):
        if baseline.projection.is_on:
            headline = f"Nothing diverged beyond tolerance; {said[0]}."
        else:
            headline = f"Nothing diverged beyond tolerance. {why_off}"
        return Statement(headline, headline, figures, why_off)
    if not said:
        said = [f"{count_of(figures['num_divergences'], 'divergence')} beyond tolerance"]
    headline = "; ".join(said) + "."
    headline = headline[0].upper() + headline[1:]
    if not baseline.projection.is_on:
        headline += " " + why_off
    behind = roots["money_at_risk"].fillna(0.0) - roots["direct_cost"].fillna(0.0)
    waited = roots.assign(behind=behind)[_have_orders(chained)]
    waited = waited.sort_values(
        ["behind", "num_orders", "divergence_id"], ascending=[False, False, True], kind="stable"
    )
    paragraph = _paragraph(waited if len(waited) else roots, headline)
    return Statement(headline, paragraph, figures, why_off)


def _figures(facts: Facts, baseline: Baseline, chained: Chain) -> dict[str, Any]:
    roots = chained.roots
    over = baseline.load[baseline.load["overload_hours"] > 0]
    outside = baseline.demand[baseline.demand["is_outside"]]
    late = baseline.all_late
    return {
        "projection_is_on": baseline.projection.is_on,
        "num_lines": len(baseline.projection.promises),
        "num_late_lines": len(late),
        "num_in_jeopardy": len(baseline.late),
        "num_late_customers": int(late["customer_id"].nunique()) if len(late) else 0,
        "num_uncovered_lines": int((~late["has_supply"]).sum()) if len(late) else 0,
        "late_cost": float(late["late_cost"].sum()),
        "late_value": float(late["value"].sum()),
        "overload_hours": float(over["overload_hours"].sum()),
        "num_overloaded_resources": int(over["resource_id"].nunique()),
        "num_short_components": int((~baseline.material["can_wait"].astype(bool)).sum()),
        "num_family_weeks_outside": len(outside),
        "num_divergences": len(roots),
        "num_with_orders": int(_have_orders(chained).sum()),
    }


def _orders(baseline: Baseline, figures: dict[str, Any], currency: str) -> str:
    late, lines = figures["num_late_lines"], figures["num_lines"]
    if not baseline.projection.is_on:
        if not late:
            return ""
        oldest = float(baseline.all_late["lateness_days"].max())
        return f"{late:,} open order lines are past due, the oldest by {oldest:.0f} days"
    if not lines:
        return "no order line is open within the horizon"
    if not late:
        return f"all {lines:,} open order lines keep their promise if nothing is done"
    verb = "misses its" if late == 1 else "miss their"
    money = (
        f" and cost {figures['late_cost']:,.0f} {currency} in lateness"
        if currency and figures["late_cost"] > 0
        else ""
    )
    return f"{late:,} of {lines:,} open order lines {verb} promise if nothing is done{money}"


def _capacity(facts: Facts, baseline: Baseline, figures: dict[str, Any]) -> str:
    if not figures["num_overloaded_resources"]:
        return ""
    hours = baseline.load.groupby("resource_id")["overload_hours"].sum()
    worst = hours.sort_values(ascending=False, kind="stable")
    name = named(pd.Series([worst.index[0]]), facts.resource_names).iloc[0]
    more = figures["num_overloaded_resources"] - 1
    return f"{name} lacks {worst.iloc[0]:,.0f} h" + (
        f" and {more} more resources are overloaded" if more > 1
        else " and one more resource is overloaded" if more else ""
    )  # fmt: skip


def _material(facts: Facts, baseline: Baseline, figures: dict[str, Any]) -> str:
    short = figures["num_short_components"]
    if not short:
        return ""
    first = baseline.material[~baseline.material["can_wait"].astype(bool)].iloc[0]
    name = named(pd.Series([first["item_id"]]), facts.item_names).iloc[0]
    day = first["first_short_at"].tz_convert(facts.time_zone)
    if short == 1:
        return f"{name} runs short on {day:%a %d %b}"
    return f"{short:,} components run short, {name} first on {day:%a %d %b}"


def _off(baseline: Baseline) -> str:
    tables = " and no ".join(baseline.projection.missing)
    return f"Orders in jeopardy are off: the feed has no {tables}."


def _have_orders(chained: Chain) -> pd.Series:
    """Whether late order lines wait behind each root."""
    waited = chained.roots["divergence_id"].isin(chained.touched["divergence_id"])
    return waited | (chained.roots["divergence_type"] == "order_in_jeopardy")


def _paragraph(roots: pd.DataFrame, headline: str) -> str:
    """The headline and the three dearest divergences in their own words."""
    return headline + " First: " + "; ".join(roots["sentence"].head(3)) + "."
