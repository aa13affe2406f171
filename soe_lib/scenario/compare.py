"""Scenarios side by side: deltas against doing nothing, what dominates what, what is proposed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soe_lib.scenario.costs import TERM_WORDS, TERMS
from soe_lib.scenario.result import Result

INQUIRY = "rush order"
"""Word of the lever that makes a scenario an inquiry: it is never recommended nor published."""
MORE_IS_WORSE = ("num_late_lines", "tardiness_days", "late_cost", "total_cost", "num_moves")
"""What a scenario is judged by when one dominates another."""

MEASURES: dict[str, type] = {
    "num_lines": int,
    "num_late_lines": int,
    "on_time_pct": float,
    "num_uncovered_lines": int,
    "tardiness_days": float,
    "overtime_hours": float,
    "num_splits": int,
    "changeover_hours": float,
    "num_moves": int,
    "num_shifted": int,
    "num_moves_frozen": int,
    "num_moves_slushy": int,
    "num_moves_liquid": int,
    **dict.fromkeys(TERMS, float),
    "total_cost": float,
    "num_violations": int,
}
DELTAS = (
    "num_late_lines",
    "tardiness_days",
    "on_time_pct",
    "overtime_hours",
    "changeover_hours",
    *TERMS,
    "total_cost",
)


def compare(results: Sequence[Result]) -> pd.DataFrame:
    """
    Put scenarios side by side.

    Parameters
    ----------
    results
        Verified results; the first is doing nothing.

    Returns
    -------
    pandas.DataFrame
        One row per scenario in the order given: ``scenario``, ``title``, ``description``,
        ``levers``, ``same_as`` (title of the scenario whose schedule it is, where no lever of its
        own pays), ``num_offered`` (levers tried), the measures, ``delta_<measure>`` against doing
        nothing, ``status`` (rejected, inquiry, recommended, dominated or open), ``is_inquiry`` (an
        order that the ERP does not have is put in), ``is_rejected`` (its
        schedule breaks a rule),
        ``is_dominated`` (another is no worse in late lines, days, lateness, total and moves, and
        better in one), ``dominated_by`` (title), ``is_recommended`` (cheapest that is not
        rejected; fewer moves, then the earlier row at equal cost) and ``reason``. Without results
        no row, typed.
    """
    rows = pd.DataFrame(
        [
            {
                "scenario": r.scenario.name,
                "title": r.scenario.title,
                "description": r.scenario.description,
                "levers": ", ".join(r.scenario.levers) or "none",
                "same_as": r.same_as,
                "num_offered": r.num_offered,
                **{name: r.measures[name] for name in MEASURES},
            }
            for r in results
        ],
        columns=["scenario", "title", "description", "levers", "same_as", "num_offered", *MEASURES],
    )
    texts = dict.fromkeys(rows.columns[:5], "str")
    return ranked(rows.astype({**texts, "num_offered": int, **MEASURES}))


def ranked(scenarios: pd.DataFrame) -> pd.DataFrame:
    """
    Return scenarios with deltas, domination, recommendation and reasons computed anew.

    Parameters
    ----------
    scenarios
        Rows of :func:`compare`, or of several comparisons of one cycle one below the other; the
        first is doing nothing. Only names and measures are read.
    """
    rows = scenarios.reset_index(drop=True)
    first = rows.iloc[0] if len(rows) else pd.Series(np.nan, index=rows.columns)
    for name in DELTAS:
        rows[f"delta_{name}"] = (rows[name] - first[name]).astype(MEASURES[name])
    rows["is_rejected"] = rows["num_violations"] > 0
    rows["is_inquiry"] = rows["levers"].str.contains(INQUIRY, regex=False)
    rows["dominated_by"] = _dominating(rows)
    rows["is_dominated"] = rows["dominated_by"] != ""
    legal = rows[~rows["is_rejected"] & ~rows["is_inquiry"]]
    best = legal.sort_values(["total_cost", "num_moves"], kind="stable").head(1)
    rows["is_recommended"] = rows.index.isin(best.index)
    status = np.select(
        [
            rows["is_rejected"],
            rows["is_inquiry"],
            rows["is_recommended"],
            rows["is_dominated"],
        ],
        ["rejected", "inquiry", "recommended", "dominated"],
        "open",
    )
    rows["status"] = pd.Series(status, index=rows.index, dtype="str")
    rows["reason"] = pd.Series(_reasons(rows), index=rows.index, dtype="str")
    return rows


def _dominating(rows: pd.DataFrame) -> pd.Series:
    """Title of the cheapest scenario that dominates each, empty where none does."""
    values = rows[list(MORE_IS_WORSE)].to_numpy(float)
    comparable = ~rows["is_rejected"].to_numpy() & ~rows["is_inquiry"].to_numpy()
    names = []
    for own, is_inquiry in zip(values, rows["is_inquiry"], strict=True):
        if is_inquiry:  # it answers another question
            names.append("")
            continue
        better = (values <= own + 1e-6).all(axis=1) & (values < own - 1e-6).any(axis=1)
        ahead = rows[better & comparable]
        cheapest = ahead.sort_values(["total_cost", "num_moves"], kind="stable")["title"]
        names.append(cheapest.iloc[0] if len(cheapest) else "")
    return pd.Series(names, index=rows.index, dtype="str")


def _reasons(rows: pd.DataFrame) -> list[str]:
    chosen = rows[rows["is_recommended"]]
    best = chosen.iloc[0] if len(chosen) else None
    return [_reason(row, rows.iloc[0], best) for _, row in rows.iterrows()]


def _reason(row: pd.Series, first: pd.Series, best: pd.Series | None) -> str:
    if row["is_rejected"]:
        return f"its schedule breaks {row['num_violations']} rules"
    if row["is_inquiry"]:
        gain = -row["delta_total_cost"]
        words = "better" if gain >= 0 else "worse"
        return (
            f"an inquiry: with the margin of the order {abs(gain):,.0f} {words} than doing "
            "nothing; the order is entered in the ERP before anything of it is published"
        )
    if row["is_recommended"]:
        if row["scenario"] == first["scenario"]:
            return "no scenario costs less in total than doing nothing"
        return (
            f"lowest total cost, {-row['delta_total_cost']:,.0f} below doing nothing: "
            f"{row['num_late_lines']} late lines instead of {first['num_late_lines']}, "
            f"{row['num_moves']} moved operations"
        )
    if best is None:
        return ""
    if row["same_as"]:
        count = row["num_offered"]
        tried = f"{count} lever{'s' if count > 1 else ''} tried, none pays" if count else ""
        return f"{tried or 'nothing that pays was found'}: the same as '{row['same_as']}'"
    dearer = row["total_cost"] - best["total_cost"]
    words = f"costs {dearer:,.0f} more than '{best['title']}'" if dearer > 0.5 else "costs the same"
    if row["is_dominated"]:
        return f"'{row['dominated_by']}' is no worse in anything and better in something; {words}"
    fewer_late = best["num_late_lines"] - row["num_late_lines"]
    fewer_moves = best["num_moves"] - row["num_moves"]
    merits = [
        f"{count} fewer {what}"
        for count, what in ((fewer_late, "late lines"), (fewer_moves, "moves"))
        if count > 0
    ]
    return f"{words}, but has {' and '.join(merits)}" if merits else words


def cost_terms(comparison: pd.DataFrame) -> pd.DataFrame:
    """
    Return money by term.

    Returns
    -------
    pandas.DataFrame
        One row per (``scenario``, ``term``): ``title``, ``term_words``, ``cost`` and
        ``delta_cost`` against doing nothing [money]; the terms of a scenario sum to its total.
    """
    key = ["scenario", "title"]
    money = comparison.melt(id_vars=key, value_vars=list(TERMS), var_name="term", value_name="cost")
    first = money.drop_duplicates("term").set_index("term")["cost"]
    money["delta_cost"] = money["cost"] - money["term"].map(first).astype(float)
    money["term_words"] = money["term"].map(TERM_WORDS)
    place = {name: number for number, name in enumerate(comparison["scenario"])}
    order = money["scenario"].map(place)
    text = dict.fromkeys([*key, "term", "term_words"], "str")
    return (
        money.assign(_order=order)
        .sort_values("_order", kind="stable")
        .drop(columns="_order")
        .reset_index(drop=True)
        .astype({**text, "cost": float, "delta_cost": float})
    )
