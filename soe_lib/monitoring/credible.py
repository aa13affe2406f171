"""
Figures that cannot be true are not shown as figures.

A machine cannot be busy for more than its open hours. Where a source books an order's start and
end and nothing between, its events span days in which nothing ran, and everything computed from
busy hours is wrong; such rows become not evaluable and say what they would have said.
"""

from __future__ import annotations

import pandas as pd

MOST_BUSY_PCT = 120.0
"""Busy time above this share of open time (overtime not in the calendar allowed for). [%]"""

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
        ``finite_utilisation`` does, it has none; ``reason`` says why.
    """
    found = history
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
        share = found["period_end"].map(percent)
        reasons = [
            f"not credible: the {source} of this feed fill {value:,.0f} % of the open hours"
            if is_hit
            else reason
            for is_hit, value, reason in zip(hit, share, found["reason"], strict=True)
        ]
        found = found.assign(
            value=found["value"].where(~hit),
            lo=found["lo"].where(~hit),
            hi=found["hi"].where(~hit),
            status=found["status"].where(~hit, "not_evaluable"),
            reason=pd.Series(reasons, index=found.index, dtype="str"),
        )
    return found
