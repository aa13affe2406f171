"""
The scorecard of last week: each KPI against its target, the week before and its own noise.

No formula of a KPI stands here: rows come from ``soe_lib.kpi``. What is added is order, names and
words, so that every figure of a sentence is a cell of a table.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.monitoring.control import SERIES, scoreboard

UNIT_WORDS = {"uom": "units", "pp": "points"}
"""Units as people say them, where their short name is one of the trade's."""
LATEST = ("kpi_id", "label", "value_text", "brief", "sentence", "tone", "rank")
"""Columns that :func:`scorecard` adds beside those of ``control.scoreboard``."""


@dataclass(frozen=True)
class Shown:
    """
    A KPI that opens the page: its name for people and what its numerator counts.

    ``basis`` names the one that is shown of a KPI with several; empty = the first row.
    """

    kpi: str
    label: str
    counts: str = ""
    basis: str = ""


def kpi_id(rows: pd.DataFrame) -> pd.Series:
    """Return one text per row that names its series, e.g. ``otif_line|first_confirmed``."""
    parts = [rows[name].fillna("").astype("str") for name in SERIES]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + ("|" + part).where(part != "", "")
    return joined.astype("str")


_ABBREVIATIONS = ("otif", "oee", "nee", "iso", "mtbf", "mttr", "ufr", "lfr", "ofr", "wmape", "mto")


def in_plain_words(name: str) -> str:
    """
    Return a KPI's name for people, abbreviations in capitals.

    Examples
    --------
    >>> in_plain_words("supplier_otif_qty")
    'Supplier OTIF qty'
    """
    words = [w.upper() if w in _ABBREVIATIONS else w for w in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def in_words(value: float, unit: str, currency: str = "") -> str:
    """
    Return a value with its unit as people write it.

    Examples
    --------
    >>> in_words(88.4123, "%"), in_words(41203.0, "uom"), in_words(12.44, "days")
    ('88.4 %', '41,203 units', '12.4 days')
    """
    if math.isnan(value):
        return "not evaluable"
    decimals = 1 if unit == "%" or abs(value) < 100 else 0
    number = f"{value:,.{decimals}f}"
    number = number[:-2] if number.endswith(".0") else number
    if unit in ("count", ""):
        return number
    if unit == "money":
        return f"{number} {currency}".strip()
    if unit.startswith("money/"):
        return f"{number} {currency}{unit.removeprefix('money')}"
    return f"{number} {UNIT_WORDS.get(unit, unit)}"


def signal_in_words(word: str, lower: float, upper: float, unit: str, currency: str = "") -> str:
    """Say what a signal of ``control.signal`` means, with the limits that it refers to."""
    between = f"{in_words(lower, unit, currency)} to {in_words(upper, unit, currency)}"
    return {
        "in control": "inside the usual noise",
        "above limits": f"above its control limits ({between}), unlikely to be chance",
        "below limits": f"below its control limits ({between}), unlikely to be chance",
        "run above centre": "the eighth week in a row above its centre",
        "run below centre": "the eighth week in a row below its centre",
        "too few points": "with too few past weeks to tell noise from change",
    }.get(word, word)


def change_in_words(change: float, unit: str, currency: str = "") -> str:
    """Say how a value moved against the week before; empty where there is nothing to compare."""
    if math.isnan(change):
        return ""
    size = abs(change)
    text = f"{size:.1f} points" if unit == "%" else in_words(size, unit, currency)
    if size < 0.05:
        return "unchanged on the week before"
    return f"{text} {'above' if change > 0 else 'below'} the week before"


def scorecard(
    history: pd.DataFrame,
    opening: tuple[Shown, ...],
    *,
    bounded: frozenset[str] = frozenset(),
    currency: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Set last week against target, week before and control limits, in words.

    Parameters
    ----------
    history
        Rows of ``kpi.kpi_rows`` of last week and the weeks before it.
    opening
        KPIs that open the page, the most important first; of one with several bases the first row
        of ``history`` is the main one.
    bounded
        KPIs that cannot leave 0 to 100 %.
    currency
        Currency of money in the words.

    Returns
    -------
    (kpis, trend)
        ``kpis``: one row per series of the newest week, opening ones first: columns of
        ``control.scoreboard`` and :data:`LATEST`; ``rank`` is empty for the others. ``trend``: all
        weeks of the series that have a number, with ``kpi_id``, ``label`` and the limits of the
        newest row.
    """
    board = scoreboard(history, bounded)
    board["kpi_id"] = kpi_id(board)
    shown = {entry.kpi: entry for entry in opening}
    place = {entry.kpi: number for number, entry in enumerate(opening)}
    wanted = board["kpi"].map({entry.kpi: entry.basis for entry in opening}).fillna("")
    fits = (board["dimension"] == "") & ((wanted == "") | (wanted == board["basis"]))
    first = fits & ~board.assign(fits=fits).duplicated(["kpi", "fits"])
    rank = board["kpi"].map(place).where(first)
    board["rank"] = rank.astype("float64")
    bases = board.groupby("kpi")["basis"].transform("nunique")
    named = board.assign(basis=board["basis"].where(bases > 1, ""))
    board["label"] = [
        _label(row, shown) for row in named[["kpi", "basis", "member"]].to_dict("records")
    ]
    records = board.to_dict("records")
    board["value_text"] = [in_words(float(r["value"]), str(r["unit"]), currency) for r in records]
    counted = {entry.kpi: entry.counts for entry in opening}
    board["brief"] = [_brief(r, counted.get(r["kpi"], ""), currency) for r in records]
    board["sentence"] = [
        sentence_of(r, counted.get(r["kpi"], ""), currency) for r in board.to_dict("records")
    ]
    board["tone"] = [_tone(r) for r in records]
    board = board.astype({name: "str" for name in LATEST if name != "rank"})
    ordered = board.sort_values("rank", kind="stable", na_position="last").reset_index(drop=True)
    return ordered, _trend(history, ordered)


def sentence_of(row: dict, counts: str, currency: str = "") -> str:
    """Say one KPI: value with its counts, target, change, noise; or why it has no value."""
    if math.isnan(float(row["value"])):
        return f"{row['label']} could not be computed: {row['reason']}"
    unit = str(row["unit"])
    value = in_words(float(row["value"]), unit, currency)
    parts = [f"{row['label']} was {value}{_counted(row, counts)}"]
    if not math.isnan(float(row["target"])):
        parts[0] += f" against {in_words(float(row['target']), unit, currency)} wanted"
    moved = change_in_words(float(row["change"]), unit, currency)
    if moved:
        parts.append(moved)
    lower, upper = float(row["lower_limit"]), float(row["upper_limit"])
    parts.append(signal_in_words(str(row["signal"]), lower, upper, unit, currency))
    return ", ".join(parts)


def headline(kpis: pd.DataFrame) -> str:
    """
    Say how the week went: the first three KPIs that have a value, alarms, and what has none.

    Parameters
    ----------
    kpis
        First result of :func:`scorecard`.
    """
    if kpis.empty:
        return "No KPI is on."
    none = int(kpis["value"].isna().sum())
    left = f"{none} of {len(kpis)} KPIs could not be computed, each with its reason below"
    known = kpis[kpis["value"].notna()]
    if known.empty:
        return f"None of the {len(kpis)} KPIs of last week could be computed, reasons below."
    opening = known[known["rank"].notna()]
    opening = known if opening.empty else opening
    parts = [
        re.sub(r" control limits \([^)]*\)", " usual limits", str(opening["sentence"].iloc[0])),
        *(_short(row) for row in opening.iloc[1:3].to_dict("records")),
    ]
    others = opening.iloc[3:]
    others = others[others["is_alarm"]]
    if len(others):
        parts.append(f"also out of its limits to the bad side: {_listed(others['label'])}")
    if none:
        parts.append(left)
    return "; ".join(parts) + "."


def _short(row: dict) -> str:
    """Say a KPI in a few words: value, what was wanted, whether it is noise."""
    words = {"in control": "", "too few points": "", "not evaluable": ""}
    told = words.get(str(row["signal"]), str(row["signal"]).replace("limits", "its usual limits"))
    unit, target = str(row["unit"]), float(row["target"])
    wanted = "" if math.isnan(target) else f"{in_words(target, unit)} wanted"
    inside = ", ".join(part for part in (wanted, told) if part)
    return f"{_lowered(str(row['label']))} {row['value_text']}" + (f" ({inside})" if inside else "")


def _listed(labels: pd.Series) -> str:
    names = [_lowered(str(label)) for label in labels]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _lowered(text: str) -> str:
    """Lower the first letter inside a sentence, abbreviations excepted."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _label(row: dict, shown: dict[str, Shown]) -> str:
    entry = shown.get(row["kpi"])
    name = entry.label if entry else in_plain_words(str(row["kpi"]))
    basis = str(row["basis"]).replace("_", " ")
    name = f"{name} ({basis})" if basis else name
    return f"{name}: {row['member']}" if row["member"] else name


def _counted(row: dict, counts: str) -> str:
    num, den = float(row["num"]), float(row["den"])
    if not counts or math.isnan(num) or math.isnan(den):
        return ""
    return f" ({num:,.0f} of {den:,.0f} {counts})"


def _brief(row: dict, counts: str, currency: str) -> str:
    if math.isnan(float(row["value"])):
        return str(row["reason"])
    unit = str(row["unit"])
    parts = [_counted(row, counts).strip(" ()")]
    if not math.isnan(float(row["target"])):
        parts.append(f"wanted {in_words(float(row['target']), unit, currency)}")
    change = float(row["change"])
    if not math.isnan(change) and abs(change) >= 0.05:
        sign = "+" if change > 0 else "−"
        size = f"{abs(change):.1f} points" if unit == "%" else in_words(abs(change), unit, currency)
        parts.append(f"{sign}{size} on the week")
    word = str(row["signal"])
    parts.append(
        {"in control": "", "too few points": ""}.get(word, word.replace("limits", "its limits"))
    )
    return "; ".join(part for part in parts if part)


def _tone(row: dict) -> str:
    if row["status"] == "fail":
        return "bad"
    if row["is_alarm"]:
        return "warn" if row["status"] == "pass" else "bad"
    return "good" if row["status"] == "pass" else "neutral"


def _trend(history: pd.DataFrame, kpis: pd.DataFrame) -> pd.DataFrame:
    known = history.assign(kpi_id=kpi_id(history))
    limits = kpis.drop_duplicates("kpi_id").set_index("kpi_id")
    known = known[known["kpi_id"].isin(limits.index[limits["value"].notna()])].copy()
    for name in ("label", "centre", "lower_limit", "upper_limit", "rank"):
        known[name] = known["kpi_id"].map(limits[name])
    order = pd.Series(np.arange(len(limits)), index=limits.index)
    known["order"] = known["kpi_id"].map(order)
    ordered = known.sort_values(["order", "period_end"], kind="stable").drop(columns="order")
    return ordered.reset_index(drop=True)
