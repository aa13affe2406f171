"""The report's first page: what changed, what is at risk in money, what to decide by when."""

from __future__ import annotations

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.blocks import (
    Block,
    Columns,
    Facts,
    Grid,
    Headline,
    Sentences,
    Spark,
    Strip,
    Tone,
    money,
)
from soe_lib.views.facts_of_run import (
    as_tone,
    commitments_by_due,
    count_of,
    day,
    headline_of,
    is_projected,
    late_orders,
    moment,
    number,
    plural,
    rows_of,
    scenario_pair,
)
from soe_lib.views.functions import function_pages as function_pages
from soe_lib.views.overview_tiles import tiles_of
from soe_lib.views.page import currency_of
from soe_lib.views.short_words import HARD_SPACE, with_decimals

WORST = 5
TERMS_SHOWN = 4
DEADLINES = 6
ONE_LINE = 56
"""Characters that fit one line of the deadlines."""
_STEPS = (
    ("divergence", "1 Diverged"),
    ("impact", "2 Hurts"),
    ("what_if", "3 Options"),
    ("decision", "4 Proposed"),
    ("monitoring", "5 Last week"),
)


def overview_page(run: Run) -> list[Block]:
    """
    Lay out the first page from what the steps wrote; it fits one screen of 1400 × 900.

    Parameters
    ----------
    run
        A run whose steps are done; what a step did not write is left out or said to be off.

    Returns
    -------
    list of blocks
        Blockers first, then the sentence of the week, the big numbers, the worst orders beside
        the recommendation and its deadlines, what each step says beside the KPIs.
    """
    kpis = _kpis(run)
    steps = _STEPS[:-1] if kpis.sparks else _STEPS
    said = tuple((label, sentence) for step, label in steps if (sentence := headline_of(run, step)))
    changed = Facts("What changed and what the steps say", said, "no step has run yet.")
    rows: tuple[Block, ...] = (
        _blockers(run),
        _summary(run),
        tiles_of(run),
        Columns(((_worst_orders(run),), (_recommendation(run),)), (3, 2)),
        kpis,
        Columns(((changed,), (_deadlines(run),)), (3, 2)),
    )
    return [Columns((rows,))]


def _blockers(run: Run) -> Facts:
    """One line: the first screen is for decisions, page 0 has them all."""
    found = [str(sentence) for sentence in run.words("snapshot").get("blockers", ())]
    if not found:
        return Facts("", ())
    more = f" … and {len(found) - 1} more on the page 0 Data" if len(found) > 1 else ""
    return Facts("", (("Before you trust this page", _short(found[0], 120) + more),), tone="warn")


def _summary(run: Run) -> Headline:
    """One sentence: what is at risk, what is proposed, by when; from rows only."""
    currency = currency_of(run)
    parts: list[str] = []
    tone: Tone = "neutral"
    orders = rows_of(run, "order_impact", "order_id")
    late = late_orders(run)
    if len(orders):
        word = "projected late" if is_projected(run) else "past due"
        cost = number(late, "late_cost")
        if len(late):
            tone = "bad"
            verb = "is" if len(late) == 1 else "are"
            priced = f": {money(cost, currency)} if nothing is done" if cost > 0 else ""
            parts.append(
                f"{len(late):,} of {plural(len(orders), 'open order line')} {verb} {word}{priced}"
            )
        else:
            tone = "good"
            parts.append(f"none of {plural(len(orders), 'open order line')} is {word}")
    pair = scenario_pair(run)
    if pair is not None:
        nothing, chosen = pair
        saved = float(nothing["total_cost"] - chosen["total_cost"])
        if chosen["scenario"] == nothing["scenario"] or saved <= 0:
            parts.append("no scenario is cheaper than doing nothing")
        else:
            late_lines = count_of(chosen, "num_late_lines")
            parts.append(
                f"proposed is '{chosen['title']}', which saves {money(saved, currency)}"
                + (f" and leaves {plural(late_lines, 'late line')}" if late_lines >= 0 else "")
            )
    tasks = commitments_by_due(run)
    if len(tasks):
        parts.append(
            f"{plural(len(tasks), 'commitment')} to sign, the first due "
            f"{moment(tasks['due_at'].iloc[0], run)}"
        )
    if not parts:
        first = headline_of(run, "divergence") or headline_of(run, "snapshot")
        return Headline(first or "No step of this run has said anything yet.", "neutral")
    text = "; ".join(parts)
    return Headline(text[0].upper() + text[1:] + ".", tone)


def _worst_orders(run: Run) -> Block:
    orders = rows_of(run, "order_impact", "order_id")
    late = late_orders(run)
    if orders.empty:
        return _largest_divergences(run)
    worst = late.head(WORST)
    is_priced = number(late, "late_cost") > 0
    what = "that cost most if nothing is done" if is_priced else "that are latest"
    columns = {
        "order line": worst["order_id"].astype("str") + " / " + worst["line_id"].astype("str"),
        "customer": _customer(worst),
        "item": worst.get("item_id", pd.Series("", index=worst.index)),
        "due": [day(at, run) for at in worst.get("due_at", [])],
        "projected": [day(at, run) or "never" for at in worst.get("promised_at", [])],
        "days late": with_decimals(worst.get("tardiness_days", pd.Series(dtype=float))),
        f"cost {currency_of(run)}".strip(): worst["late_cost"].round(0),
    }
    if not is_projected(run):
        columns.pop("projected")
    shown = pd.DataFrame(columns)
    return Grid(
        shown if is_priced else shown.iloc[:, :-1],
        title=f"The {WORST} order lines {what}",
        rows=WORST,
        right=("days late",),
        if_none="no open order line is late.",
    )


def _customer(rows: pd.DataFrame) -> pd.Series:
    if "customer_id" not in rows:
        return pd.Series("", index=rows.index)
    names = rows["customer_id"].astype("str")
    if "customer_tier" not in rows or rows["customer_tier"].isna().all():
        return names
    return names + " (" + rows["customer_tier"].fillna("–").astype("str") + ")"


def _largest_divergences(run: Run) -> Block:
    """Where orders cannot be projected, the largest divergences stand in their place."""
    rows = rows_of(run, "divergences", "sentence", "money_at_risk", "severity", "owner_role")
    title = f"The {WORST} largest divergences (orders cannot be projected from this feed)"
    ordered = rows.sort_values(["money_at_risk", "severity"], ascending=False, kind="stable")
    shown = pd.DataFrame(
        {
            "divergence": ordered["sentence"],
            "owner": ordered["owner_role"].astype("str").str.replace("_", " "),
        }
    ).head(WORST)
    return Grid(shown, title=title, rows=WORST, if_none="none found.")


def _recommendation(run: Run) -> Block:
    """Late lines and every term of the money, so that the terms add up to the total."""
    pair = scenario_pair(run)
    title = "Recommended"
    if pair is None:
        return Sentences(title, (), if_none=headline_of(run, "what_if") or "no scenario computed.")
    nothing, chosen = pair
    if chosen["scenario"] == nothing["scenario"]:
        return Sentences(title, (), if_none="do nothing: no scenario costs less.")
    rows = [*_late_lines(nothing, chosen), *_terms(run, nothing, chosen)]
    rows.append(("total cost", float(nothing["total_cost"]), float(chosen["total_cost"])))
    shown = pd.DataFrame(
        {
            f"in {currency_of(run)}" if currency_of(run) else "measure": [r[0] for r in rows],
            "do nothing": [r[1] for r in rows],
            "recommended": [r[2] for r in rows],
            "change": [f"{r[2] - r[1]:+,.0f}".replace("-", "−") for r in rows],
        }
    )
    title = f"Recommended: {chosen['title']}"
    return Grid(shown, title=title, rows=len(rows), right=("change",))


def _late_lines(nothing: pd.Series, chosen: pd.Series) -> list[tuple[str, float, float]]:
    before, after = count_of(nothing, "num_late_lines"), count_of(chosen, "num_late_lines")
    return [("late order lines", before, after)] if min(before, after) >= 0 else []


def _terms(run: Run, nothing: pd.Series, chosen: pd.Series) -> list[tuple[str, float, float]]:
    costs = rows_of(run, "scenario_costs", "scenario", "term", "cost")
    if costs.empty:
        return []
    names = costs["term_words"] if "term_words" in costs else costs["term"].str.replace("_", " ")
    words = dict(zip(costs["term"], names, strict=True))
    moves = count_of(chosen, "num_moves")
    if moves > 0 and "change_cost" in words:
        words["change_cost"] += f" ({plural(moves, 'operation')} moved)"
    by = costs.pivot_table(index="term", columns="scenario", values="cost", sort=False)
    both = by.reindex(columns=[nothing["scenario"], chosen["scenario"]]).fillna(0.0)
    before, after = both.iloc[:, 0], both.iloc[:, 1]
    used = both[(before.abs() + after.abs()) > 0.5].index
    size = (after - before).abs()[used].sort_values(ascending=False, kind="stable")
    kept = [term for term in used if term in set(size.index[:TERMS_SHOWN])]
    rows = [(words[term], float(before[term]), float(after[term])) for term in kept]
    rest = [term for term in used if term not in kept]
    if rest:
        rows.append(("other terms", float(before[rest].sum()), float(after[rest].sum())))
    return rows


def _deadlines(run: Run) -> Block:
    """The next deadline of each function, with what stands first on its list."""
    title = "Decide and do, by when"
    rows = commitments_by_due(run).rename(columns={"function": "who", "due_at": "by"})
    if rows.empty:
        rows = rows_of(run, "divergences", "act_by_at", "sentence", "owner_role")
        names = {"act_by_at": "by", "sentence": "text", "owner_role": "who"}
        rows = rows[rows["act_by_at"].notna()].rename(columns=names)
        rows = rows[rows["by"] >= run.as_of].sort_values("by", kind="stable")
    count = rows["who"].value_counts()
    first = rows.drop_duplicates("who").head(DEADLINES)
    pairs = tuple(
        (
            moment(by, run, brief=True),
            _short(f"{str(who).replace('_', ' ')} ({count[who]:,}): {text}", ONE_LINE),
        )
        for by, who, text in zip(first["by"], first["who"], first["text"], strict=True)
    )
    return Facts(title, pairs, "no deadline falls in this run.")


def _kpis(run: Run) -> Strip:
    kpis = rows_of(run, "kpis", "kpi_id", "label", "value", "value_text", "brief", "tone", "rank")
    shown = kpis[kpis["rank"].notna() & kpis["value"].notna()]
    shown = shown.sort_values("rank", kind="stable").head(6)
    trend = rows_of(run, "kpi_trend", "kpi_id", "period_end", "value")
    sparks = []
    for row in shown.itertuples(index=False):
        past = trend[trend["kpi_id"] == row.kpi_id]
        points = past.sort_values("period_end", kind="stable")["value"].astype(float)
        sparks.append(
            Spark(
                str(row.label),
                str(row.value_text),
                str(row.brief),
                as_tone(row.tone),
                tuple(points.tolist()),
            )
        )
    why = headline_of(run, "monitoring") or "step 5 has not run."
    return Strip(tuple(sparks), "How last week went", why)


def _short(text: str, limit: int = 110) -> str:
    """Return the beginning of a text, ended after a whole word."""
    if len(text) <= limit:
        return text
    head, space, _ = text[:limit].rpartition(" ")
    return (head if space else text[: limit - 1]).rstrip(" ,;:") + f"{HARD_SPACE}…"
