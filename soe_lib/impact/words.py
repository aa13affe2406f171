"""Causes in plain words."""

from __future__ import annotations

import pandas as pd

WORDS = {
    "stop": "stop of {}",
    "scrap": "scrap on {}",
    "absence": "people missing, {}",
    "optimistic_rate": "standard rate of {} too fast, as was known",
    "work_order_delay": "work order {} behind",
    "supplier_late": "purchase {} late",
    "supplier_short": "purchase {} short",
    "stock_blocked": "blocked stock of {}",
    "order_new": "new order {}",
    "order_grew": "order {} grew",
    "order_pulled_in": "order {} pulled in",
    "late_in_plan": "already late in the plan",
    "no_supply_planned": "no supply planned: counted at the lead time, a setting",
    "truck_missed": "its truck did not leave ({})",
    "not_shipped": "the goods are there and have not left",
    "overdue": "overdue before this week",
    "published_start": "only the published start holds it back: a setting, no shortage",
}
"""Kinds of cause in words; ``{}`` is the object."""
LEAST_DAYS = 0.05


def cause_words(causes: pd.DataFrame) -> pd.Series:
    """Return each cause (columns ``kind``, ``object_id``) in words."""
    texts = [
        WORDS[kind].format(name)
        for kind, name in zip(causes["kind"], causes["object_id"], strict=True)
    ]
    return pd.Series(texts, index=causes.index, dtype="str")


def line_sentences(causes: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """
    Return for each late order line its largest causes with their days.

    Returns
    -------
    pandas.DataFrame
        ``order_id``, ``line_id``, ``blame``: "purchase P9 late 2.0 d, already late in the plan
        1.1 d"; below ``LEAST_DAYS`` causes are left out, unless nothing else is there.
    """
    keys = ["order_id", "line_id"]
    rows = causes.assign(days=causes["late_minutes"] / 1440, words=cause_words(causes))
    rows["size"] = rows["days"].abs()
    rows = rows.sort_values([*keys, "size"], ascending=[True, True, False], kind="stable")
    place = rows.groupby(keys).cumcount()
    rows = rows[(place == 0) | ((place < most) & (rows["size"] >= LEAST_DAYS))]
    rows["text"] = [f"{w} {d:.1f} d" for w, d in zip(rows["words"], rows["days"], strict=True)]
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in (*keys, "blame")})
    joined = rows.groupby(keys, sort=False)["text"].agg(", ".join).rename("blame").reset_index()
    return joined.astype(dict.fromkeys(joined.columns, "str"))


def blame_sentence(causes: pd.DataFrame, disruptions: pd.DataFrame, currency: str) -> str:
    """Return where the lateness of all lines comes from, in one sentence."""
    total = float(causes["late_minutes"].sum()) / 1440
    if total <= 0:
        return ""
    planned = causes["kind"].isin(["late_in_plan", "no_supply_planned", "published_start"])
    in_plan = float(causes.loc[planned, "late_minutes"].sum()) / 1440
    text = (
        f"Of {total:,.1f} order-days of lateness {in_plan:,.1f} were in the plan before this "
        f"week's disruptions"
    )
    waits = causes["kind"].isin(["truck_missed", "not_shipped"])
    if waits.any():
        there = float(causes.loc[waits, "late_minutes"].sum()) / 1440
        text += f" and {there:,.1f} are goods that are there but did not leave"
    worst = disruptions[disruptions["late_minutes"] > 0]
    worst = worst.sort_values(["late_minutes", "disruption_id"], ascending=[False, True]).head(3)
    if worst.empty:
        return text + "; no disruption of the week makes a line later."
    parts = [
        f"{words} ({days:,.1f} days on {lines:,} lines"
        + (f", {cost:,.0f} {currency})" if currency and cost >= 0.5 else ")")
        for words, days, lines, cost in zip(
            cause_words(worst),
            worst["late_minutes"] / 1440,
            worst["num_lines"],
            worst["late_cost"],
            strict=True,
        )
    ]
    return f"{text}; most of the rest: {'; '.join(parts)}."
