"""One page per function: its divergences, its commitments, the question that it answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from soe_lib.impact import QUESTIONS
from soe_lib.run import Run
from soe_lib.views.blocks import Block, Facts, Grid, Headline, Sentences, Tile, Tone, money, tiles
from soe_lib.views.facts_of_run import day, flag, moment, number, plural, rows_of
from soe_lib.views.function_answers import answer_of
from soe_lib.views.page import blockers, currency_of
from soe_lib.views.short_words import by_when
from soe_lib.vocabulary import FUNCTIONS

ORDER_ROLES = ("customer_service", "finance")
"""Functions that answer for late order lines."""

TITLES = {function: function.replace("_", " ").capitalize() for function in FUNCTIONS}


_ORDER_COLUMNS = {
    "order_id": "order",
    "line_id": "line",
    "customer_id": "customer",
    "customer_tier": "tier",
    "item_id": "item",
    "open_qty": "open quantity",
    "due_at": "due",
    "promised_at": "projected",
    "tardiness_days": "days late",
    "value": "value",
    "late_cost": "cost of lateness",
    "margin_at_risk": "margin at risk",
    "price_source": "priced by",
}
"""Columns of the late order lines and their heads; which of them there are depends on the role."""


def function_pages(run: Run) -> list[tuple[str, str, list[Block]]]:
    """
    Return the page of every function.

    Parameters
    ----------
    run
        A run whose steps are done; a table that is missing is said to be off.

    Returns
    -------
    list of (name, title, blocks)
        In the order of ``vocabulary.FUNCTIONS``.
    """
    return [(name, TITLES[name], _page(run, name)) for name in FUNCTIONS]


def _page(run: Run, function: str) -> list[Block]:
    own = rows_of(run, "divergences", "owner_role", "sentence")
    own = own[own["owner_role"] == function]
    tasks = rows_of(run, "commitments", "function", "due_at", "text")
    tasks = tasks[tasks["function"] == function].sort_values("due_at", kind="stable")
    blocks: list[Block] = [
        replace(blockers(run), folded=True),
        _headline(run, function, own, tasks),
        Facts("", (("Your question", QUESTIONS[function]),)),
        _numbers(run, function, own, tasks),
    ]
    if function in ORDER_ROLES:
        blocks.append(_own_rows(run, function))
    owned = _own_divergences(run, function, own)
    return [*blocks, *answer_of(run, function), owned, _commitments(run, tasks)]


def _commitments(run: Run, tasks: pd.DataFrame) -> Grid:
    shown = pd.DataFrame(
        {
            "due": [moment(at, run) for at in tasks["due_at"]],
            "what": tasks["text"].to_numpy(),
            f"money {currency_of(run)}".strip(): _whole(tasks.get("money")),
        }
    )
    return Grid(
        shown.dropna(axis="columns", how="all"),
        title="Commitments proposed to you",
        table="commitments" if run.has("commitments") else "",
        if_none="none: the recommended scenario asks nothing of you, or step 4 is off.",
    )


def _own_divergences(run: Run, function: str, own: pd.DataFrame) -> Grid:
    """What a function owns; logistics' rows also name shipments that leave without their goods."""
    table = f"function_{function}_rows"
    rows = rows_of(run, table, "sentence", "object_id")
    if rows.empty:
        table, rows = ("divergences" if run.has("divergences") else "", own)
    shown = pd.DataFrame(
        {
            "what": [text[:1].upper() + text[1:] for text in rows["sentence"]],
            "order lines": rows.get("num_orders", np.nan),
            f"at risk {currency_of(run)}".strip(): _whole(rows.get("money_at_risk")),
            "act by": [by_when(at, run) for at in rows.get("act_by_at", [None] * len(rows))],
        }
    )
    title = "Divergences you own"
    if function == "logistics" and len(rows) > len(own):
        title = "Shipments that leave without goods, and divergences you own"
    return Grid(
        shown.dropna(axis="columns", how="all"),
        title=title,
        table=table,
        if_none="none this week.",
    )


def _whole(values: pd.Series | None) -> pd.Series | float:
    """Return money without cents; empty where there is none, so that no column of 0 stands."""
    if values is None or not (values.astype(float).fillna(0.0).abs() >= 0.5).any():
        return np.nan
    return values.astype(float).round(0)


def _headline(run: Run, function: str, own: pd.DataFrame, tasks: pd.DataFrame) -> Headline:
    currency = currency_of(run)
    at_risk = number(own, "money_at_risk")
    parts = []
    late = _late_lines(run, function)
    if late is not None:
        cost = money(number(late, "late_cost"), currency)
        parts.append(f"{plural(len(late), 'order line')} projected late, costing {cost}")
    if late is None or len(own):
        risk = f", {money(at_risk, currency)} at risk" if at_risk > 0 else ""
        parts.append(f"{plural(len(own), 'divergence')} to own{risk}")
    parts.append(
        f"{plural(len(tasks), 'commitment')} proposed, the first due "
        f"{moment(tasks['due_at'].iloc[0], run)}"
        if len(tasks)
        else "no commitment proposed"
    )
    tone: Tone = "warn" if len(tasks) or at_risk > 0 else "good" if own.empty else "neutral"
    return Headline(f"{TITLES[function]}: {'; '.join(parts)}.", tone)


def _numbers(run: Run, function: str, own: pd.DataFrame, tasks: pd.DataFrame) -> Block:
    currency = currency_of(run)
    soon = tasks[tasks["due_at"] <= run.as_of + pd.Timedelta(hours=24)] if len(tasks) else tasks
    late = _late_lines(run, function)
    hurt = (
        None
        if late is None
        else Tile(
            "Order lines projected late",
            f"{len(late):,}",
            f"cost of lateness {money(number(late, 'late_cost'), currency)}",
            "bad" if len(late) else "good",
        )
    )
    ships = rows_of(run, "shipments_without_goods", "shipment_id", "num_late_lines")
    leave = Tile(
        "Shipments without their goods",
        f"{len(ships):,}",
        f"{int(ships['num_late_lines'].fillna(0).sum()):,} order lines stay behind",
        "bad" if len(ships) else "good",
    )
    return tiles(
        hurt,
        leave if function == "logistics" and run.has("shipments_without_goods") else None,
        Tile("Divergences", f"{len(own):,}", _types(own), "warn" if len(own) else "good"),
        Tile("Money at risk in them", money(number(own, "money_at_risk"), currency)),
        Tile("Commitments", f"{len(tasks):,}", f"{len(soon):,} due within 24 h"),
    )


def _late_lines(run: Run, function: str) -> pd.DataFrame | None:
    """Return the late order lines of the roles that answer for them; None for the others."""
    table = f"function_{function}_rows"
    if function not in ORDER_ROLES or not run.has(table):
        return None
    rows = rows_of(run, table, "order_id", "late_cost")
    return rows[flag(rows, "is_late")] if "is_late" in rows else rows


def _types(own: pd.DataFrame) -> str:
    if own.empty or "divergence_type" not in own:
        return ""
    counts = own["divergence_type"].value_counts().sort_index()
    largest = counts.sort_values(ascending=False, kind="stable").head(3)
    return ", ".join(f"{str(k).replace('_', ' ')} {n:,}" for k, n in largest.items())


def _own_rows(run: Run, function: str) -> Block:
    title = {
        "customer_service": "Customers who must hear a new date",
        "finance": "What each late order line costs",
    }[function]
    kept = _late_lines(run, function)
    if kept is None:
        return Sentences(title, (), if_none="off: step 2 could not project orders from this feed.")
    table = f"function_{function}_rows"
    shown = kept.assign(
        **{
            name: [day(at, run) or "never" for at in kept[name]]
            for name in ("due_at", "promised_at")
            if name in kept
        }
    )
    shown = shown.rename(columns=_ORDER_COLUMNS)
    columns = tuple(_ORDER_COLUMNS.values())
    return Grid(shown, title=title, table=table, columns=columns, if_none="no late order line.")
