"""One page per function: its divergences, its commitments, the question that it answers."""

from __future__ import annotations

import pandas as pd

from soe_lib.impact import QUESTIONS
from soe_lib.run import Run
from soe_lib.views.blocks import Block, Grid, Headline, Note, Sentences, Tile, Tone, money, tiles
from soe_lib.views.facts_of_run import flag, moment, number, plural, rows_of
from soe_lib.views.page import blockers, currency_of
from soe_lib.vocabulary import FUNCTIONS

TITLES = {function: function.replace("_", " ").capitalize() for function in FUNCTIONS}
_DIVERGENCE_COLUMNS = (
    "sentence",
    "object_id",
    "money_at_risk",
    "num_orders",
    "act_by_at",
    "severity",
)
_COMMITMENT_COLUMNS = ("due_at", "text", "old_value", "new_value", "money", "reason_code")


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
        blockers(run),
        _headline(run, function, own, tasks),
        Note(QUESTIONS[function]),
        _numbers(run, own, tasks),
    ]
    if function in ("customer_service", "finance"):
        blocks.append(_own_rows(run, function))
    blocks += [
        Grid(
            _readable(tasks),
            title="Commitments proposed to you",
            table="commitments" if run.has("commitments") else "",
            columns=_COMMITMENT_COLUMNS,
            if_none="none: the recommended scenario asks nothing of you, or step 4 is off.",
        ),
        Grid(
            own,
            title="Divergences you own",
            table="divergences" if run.has("divergences") else "",
            columns=_DIVERGENCE_COLUMNS,
            if_none="none this week.",
        ),
    ]
    return blocks


def _headline(run: Run, function: str, own: pd.DataFrame, tasks: pd.DataFrame) -> Headline:
    currency = currency_of(run)
    at_risk = number(own, "money_at_risk")
    parts = [plural(len(own), "divergence") + " to own"]
    if at_risk > 0:
        parts[0] += f", {money(at_risk, currency)} at risk"
    parts.append(
        f"{plural(len(tasks), 'commitment')} proposed, the first due "
        f"{moment(tasks['due_at'].iloc[0], run)}"
        if len(tasks)
        else "no commitment proposed"
    )
    tone: Tone = "warn" if len(tasks) or at_risk > 0 else "good" if own.empty else "neutral"
    return Headline(f"{TITLES[function]}: {'; '.join(parts)}.", tone)


def _numbers(run: Run, own: pd.DataFrame, tasks: pd.DataFrame) -> Block:
    currency = currency_of(run)
    soon = tasks[tasks["due_at"] <= run.as_of + pd.Timedelta(hours=24)] if len(tasks) else tasks
    return tiles(
        Tile("Divergences", f"{len(own):,}", _types(own), "warn" if len(own) else "good"),
        Tile("Money at risk in them", money(number(own, "money_at_risk"), currency)),
        Tile("Commitments", f"{len(tasks):,}", f"{len(soon):,} due within 24 h"),
    )


def _types(own: pd.DataFrame) -> str:
    if own.empty or "divergence_type" not in own:
        return ""
    counts = own["divergence_type"].value_counts().sort_index()
    largest = counts.sort_values(ascending=False, kind="stable").head(3)
    return ", ".join(f"{str(k).replace('_', ' ')} {n:,}" for k, n in largest.items())


def _own_rows(run: Run, function: str) -> Block:
    table = f"function_{function}_rows"
    late = rows_of(run, table, "order_id", "late_cost")
    title = {
        "customer_service": "Customers who must hear a new date",
        "finance": "What each late order line costs",
    }[function]
    if not run.has(table):
        return Sentences(title, (), if_none="off: step 2 could not project orders from this feed.")
    kept = late[flag(late, "is_late")] if "is_late" in late else late
    columns = (
        "order_id",
        "line_id",
        "customer_id",
        "customer_tier",
        "item_id",
        "open_qty",
        "due_at",
        "promised_at",
        "tardiness_days",
        "value",
        "late_cost",
        "margin_at_risk",
        "price_source",
    )
    return Grid(kept, title=title, table=table, columns=columns, if_none="no late order line.")


def _readable(tasks: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns that say nothing in these rows."""
    empty = [
        name
        for name in tasks.columns
        if tasks[name].isna().all() or tasks[name].astype("str").eq("").all()
    ]
    return tasks.drop(columns=[name for name in empty if name not in ("due_at", "text")])
