"""The big numbers of the report's first page."""

from __future__ import annotations

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.blocks import Tile, Tiles, Tone, format_number, money, tiles
from soe_lib.views.facts_of_run import (
    as_tone,
    commitments_by_due,
    is_projected,
    late_orders,
    moment,
    number,
    plural,
    rows_of,
    scenario_pair,
)
from soe_lib.views.page import currency_of


def tiles_of(run: Run) -> Tiles:
    """Return what is at risk, what is proposed, load, KPI and deadline; what is off is left out."""
    currency = currency_of(run)
    late, orders = late_orders(run), rows_of(run, "order_impact", "order_id")
    divergences = rows_of(run, "divergences", "divergence_type")
    found: list[Tile | None] = []
    if len(orders):
        cost, margin = number(late, "late_cost"), number(late, "margin_at_risk")
        hurt = late["customer_id"].nunique() if "customer_id" in late else 0
        customers = f", {plural(hurt, 'customer')}" if hurt else ""
        if cost > 0 or late.empty:
            note = f"cost of lateness; margin in those lines {money(margin, currency)}"
            tone: Tone = "bad" if cost > 0 else "good"
            found.append(Tile("At risk if nothing is done", money(cost, currency), note, tone))
        word = "projected late" if is_projected(run) else "past due"
        found.append(
            Tile(
                f"Order lines {word}",
                f"{len(late):,}",
                f"of {len(orders):,} open{customers}",
                "bad" if len(late) else "good",
            )
        )
    if len(divergences) and not is_projected(run):
        found.append(Tile("Divergences", f"{len(divergences):,}", _by_subject(divergences), "warn"))
    pair = scenario_pair(run)
    if pair is not None:
        nothing, chosen = pair
        saved = float(nothing["total_cost"] - chosen["total_cost"])
        found.append(
            Tile(
                "Recommended saves",
                money(max(0.0, saved), currency),
                str(chosen["title"]),
                "good" if saved > 0 else "neutral",
            )
        )
    found += [_overload_tile(run), _kpi_tile(run), _deadline_tile(run)]
    return tiles(*found)


def _by_subject(divergences: pd.DataFrame) -> str:
    if "subject" not in divergences:
        return ""
    counts = divergences["subject"].value_counts().sort_index()
    ordered = counts.sort_values(ascending=False, kind="stable").head(3)
    return ", ".join(f"{subject} {count:,}" for subject, count in ordered.items())


def _overload_tile(run: Run) -> Tile | None:
    load = rows_of(run, "resource_load", "resource_id", "overload_hours", "load_pct")
    if load.empty:
        return None
    over = load[load["overload_hours"] > 1e-6]
    resources = over["resource_id"].nunique()
    worst = load.sort_values(["load_pct", "resource_id"], kind="stable").iloc[-1]
    note = f"worst {worst['resource_id']} at {format_number(float(worst['load_pct']))} % in a week"
    return Tile("Resources overloaded", f"{resources:,}", note, "bad" if resources else "good")


def _kpi_tile(run: Run) -> Tile | None:
    kpis = rows_of(run, "kpis", "kpi", "label", "value", "value_text", "brief", "tone", "rank")
    known = kpis[kpis["value"].notna()]
    if known.empty:
        return None
    first = known.sort_values("rank", kind="stable").iloc[0]
    return Tile(
        "OTIF last week" if first["kpi"] == "otif_line" else f"{first['label']} last week",
        str(first["value_text"]),
        str(first["brief"]),
        as_tone(first["tone"]),
    )


def _deadline_tile(run: Run) -> Tile | None:
    tasks = commitments_by_due(run)
    if tasks.empty:
        return None
    first = tasks["due_at"].iloc[0]
    soon = tasks[tasks["due_at"] <= run.as_of + pd.Timedelta(hours=24)]
    return Tile(
        "First deadline",
        moment(first, run, brief=True),
        f"{plural(len(soon), 'commitment')} due within 24 h, {len(tasks):,} in all",
        "warn",
    )
