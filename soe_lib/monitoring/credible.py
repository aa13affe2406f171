"""
Figures that cannot be true, or are only bounds, are not shown as figures.

A machine cannot be busy for more than its open hours. Where a source books an order's start and
end and nothing between, its events span days in which nothing ran, and everything computed from
busy hours is wrong; such rows become not evaluable and say what they would have said. A cover
that outlasts the forecast is only known to be longer than it: no trend can be drawn from that.
"""

from __future__ import annotations

import pandas as pd

MOST_BUSY_PCT = 120.0
"""Busy time above this share of open time (overtime not in the calendar allowed for). [%]"""

BOUND = "at least"
"""How the note of a KPI begins that is a lower bound."""

_BUSY = "actual_utilisation"
_FROM_BUSY = ("iso_", "oee", "nee")
_SCHEDULED = "finite_utilisation"


def credible(history: pd.DataFrame) -> pd.DataFrame:
    """
    Make rows that rest on impossible busy hours not evaluable.

    Parameters
    ----------
    history
        Rows of ``kpi.kpi_rows``.

    Returns
    -------
    pandas.DataFrame
        The same rows; where a week's total ``actual_utilisation`` exceeds :data:`MOST_BUSY_PCT`,
        it and the ISO 22400 ratios and OEE of that week have no value, and where
        ``finite_utilisation`` does, it has none; nor has a lower bound. ``reason`` says why.
    """
    bound = history["note"].str.startswith(BOUND) & history["value"].notna()
    told = [
        f"{BOUND} {value:,.1f} {unit}{note.removeprefix(BOUND)}"
        for value, unit, note in zip(
            history.loc[bound, "value"],
            history.loc[bound, "unit"],
            history.loc[bound, "note"],
            strict=True,
        )
    ]
    found = _without_value(history, bound, pd.Series(told, index=history.index[bound], dtype="str"))
    for kpi, prefixes, source in (
        (_BUSY, _FROM_BUSY, "start and end events"),
        (_SCHEDULED, (), "scheduled operations"),
    ):
        totals = found[(found["kpi"] == kpi) & (found["dimension"] == "")]
        worst = totals[totals["value"] > MOST_BUSY_PCT].drop_duplicates("period_end")
        if worst.empty:
            continue
        percent = worst.set_index("period_end")["value"]
        named = found["kpi"] == kpi
        if prefixes:
            named |= found["kpi"].str.startswith(prefixes)
        hit = named & found["period_end"].isin(percent.index) & found["value"].notna()
        share = found.loc[hit, "period_end"].map(percent)
        told = [
            f"not credible: the {source} of this feed fill {value:,.0f} % of the open hours"
            for value in share
        ]
        found = _without_value(found, hit, pd.Series(told, index=share.index, dtype="str"))
    return found


def _without_value(rows: pd.DataFrame, hit: pd.Series, reason: pd.Series) -> pd.DataFrame:
    if not hit.any():
        return rows
    return rows.assign(
        value=rows["value"].where(~hit),
        lo=rows["lo"].where(~hit),
        hi=rows["hi"].where(~hit),
        status=rows["status"].where(~hit, "not_evaluable"),
        reason=rows["reason"].where(~hit, reason.reindex(rows.index)),
    )
