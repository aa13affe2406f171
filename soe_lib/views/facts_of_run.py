"""What a finished run holds, read tolerantly: a step that is off or did not run is no error."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.blocks import Tone


def rows_of(run: Run, name: str, *needed: str) -> pd.DataFrame:
    """
    Return a table of the run, or no rows where it is missing or lacks a column that is needed.

    Parameters
    ----------
    run
        The run.
    name
        Table that a step wrote.
    needed
        Columns without which the table says nothing here.
    """
    rows = run.read(name) if run.has(name) else pd.DataFrame()
    return rows if set(needed) <= set(rows.columns) else pd.DataFrame(columns=list(needed))


def headline_of(run: Run, step: str) -> str:
    """Return the sentence that a step said; empty when it has not run."""
    return str(run.words(step).get("headline", ""))


def flag(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of truth, missing values and missing columns as False."""
    if name not in rows:
        return pd.Series(False, index=rows.index)
    return rows[name].fillna(False).astype(bool)


def number(rows: pd.DataFrame, name: str) -> float:
    """Return the sum of a column; 0 for no rows or no such column."""
    return float(rows[name].fillna(0.0).sum()) if name in rows and len(rows) else 0.0


def local(value: Any, run: Run) -> pd.Timestamp:
    """Return an instant in the site's time; a calendar day as it is; NaT for none."""
    at = pd.Timestamp(value)
    if at is pd.NaT or at.tzinfo is None:
        return at
    return at.tz_convert(run.words("snapshot").get("site_time_zone", "UTC"))


def moment(value: Any, run: Run, *, brief: bool = False) -> str:
    """Return an instant as the site reads it, e.g. ``Mon 23 Nov 14:00`` (brief: ``Mon 14:00``)."""
    at = local(value, run)
    if at is pd.NaT:
        return ""
    days = "%a" if brief and abs(at - local(run.as_of, run)) < pd.Timedelta(days=6) else "%a %d %b"
    return at.strftime(f"{days} %H:%M" if at != at.normalize() else days)


def day(value: Any, run: Run) -> str:
    """Return the site's day of an instant, e.g. ``Mon 23 Nov``; empty for none."""
    at = local(value, run)
    return "" if at is pd.NaT else at.strftime("%a %d %b")


def plural(count: int, word: str, many: str = "") -> str:
    """Return ``1 order line``, ``7 order lines``: the count with its noun."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def late_orders(run: Run) -> pd.DataFrame:
    """Return the late rows of ``order_impact``, in the order of step 2 (dearest first)."""
    orders = rows_of(run, "order_impact", "order_id", "line_id", "is_late", "late_cost")
    return orders[flag(orders, "is_late")]


def scenario_pair(run: Run) -> tuple[pd.Series, pd.Series] | None:
    """Return the rows of doing nothing and of the recommended scenario, if there are both."""
    rows = rows_of(run, "scenarios", "scenario", "title", "total_cost", "is_recommended")
    chosen = rows[flag(rows, "is_recommended")]
    if rows.empty or chosen.empty:
        return None
    return rows.iloc[0], chosen.iloc[0]


def commitments_by_due(run: Run) -> pd.DataFrame:
    """Return the commitments of step 4, the next deadline first."""
    rows = rows_of(run, "commitments", "due_at", "text", "function")
    return rows.sort_values("due_at", kind="stable") if len(rows) else rows


def is_projected(run: Run) -> bool:
    """Whether lateness was projected from a schedule; else it is what is past due today."""
    return bool(run.words("impact").get("is_projected", True))


def as_tone(word: object) -> Tone:
    """Return a tone of the blocks; whatever else is neutral."""
    return word if word in ("good", "bad", "warn") else "neutral"


def count_of(row: pd.Series, name: str) -> int:
    """Return a count of a row; -1 where it is missing."""
    value = row.get(name)
    return -1 if value is None or pd.isna(value) else int(value)
