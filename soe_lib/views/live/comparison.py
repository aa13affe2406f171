"""Scenarios side by side for a screen across the room: few columns, large, the rest folded."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.views.blocks import money

OTHERS = 3
"""Non-dominated scenarios beside doing nothing and the recommendation."""

MORE_IS_BETTER = ("on_time_pct", "kept_pct", "better_pct")
_ROWS = (
    ("total_cost", "Total cost", True),
    ("late_cost", "Lateness", True),
    ("overtime_cost", "Overtime", True),
    ("expedite_cost", "Expedites, freight, outside", True),
    ("changeover_cost", "Changeovers", True),
    ("change_cost", "Unrest", True),
    ("put_in_margin", "Margin of the order", True),
    ("num_late_lines", "Late order lines", False),
    ("tardiness_days", "Days late, all lines", False),
    ("on_time_pct", "On time, %", False),
    ("kept_pct", "Promises kept, %", False),
    ("better_pct", "Less late than nothing, % of draws", False),
    ("overtime_hours", "Overtime hours", False),
    ("num_moves", "Operations that move", False),
    ("num_moves_frozen", "… inside the frozen zone", False),
)
_TENTHS = ("tardiness_days", "on_time_pct", "better_pct", "overtime_hours")
"""Measures of which a tenth is shown, in the row's every figure; others are whole."""


def shown_first(scenarios: pd.DataFrame, newest: str = "") -> pd.DataFrame:
    """
    Return the scenarios of the first screen.

    Doing nothing, the recommendation, the one just computed and the cheapest others that no
    scenario dominates and that are a schedule of their own, in this order.
    """
    first = scenarios.index[:1].tolist()
    best = scenarios.index[scenarios["is_recommended"]].tolist()
    new = scenarios.index[scenarios["scenario"] == newest].tolist()
    is_own = scenarios["same_as"] == ""
    open_ = scenarios[~scenarios["is_dominated"] & ~scenarios["is_rejected"] & is_own]
    others = open_.sort_values("total_cost", kind="stable").index.tolist()
    chosen = list(dict.fromkeys([*first, *best, *new]))
    rest = [place for place in others if place not in chosen][:OTHERS]
    return scenarios.loc[[*chosen, *rest]]


def comparison_html(scenarios: pd.DataFrame, currency: str, newest: str = "") -> str:
    """Return the comparison: one column per scenario, deltas against doing nothing, escaped."""
    shown = shown_first(scenarios, newest)
    rest = scenarios[~scenarios.index.isin(shown.index)]
    table = _table(shown, currency)
    if rest.empty:
        return table
    more = _table(pd.concat([shown.head(1), rest]), currency)
    return (
        f'{table}<details class="soe-list"><summary>{len(rest)} more scenarios</summary>'
        f"{more}</details>"
    )


def _table(rows: pd.DataFrame, currency: str) -> str:
    head = "".join(
        f'<th class="soe-scenario soe-{escape(str(row.status))}">{escape(str(row.title))}'
        f"<br><small>{escape(_status(row))}</small></th>"
        for row in rows.itertuples()
    )
    body = "".join(
        f"<tr{' class=soe-total' if name == 'total_cost' else ''}><th>{escape(label)}</th>"
        + "".join(
            _cell(row, rows.iloc[0], name, currency if is_money else "")
            for _, row in rows.iterrows()
        )
        + "</tr>"
        for name, label, is_money in _ROWS
        if name in rows and (rows[name].abs() > 0).any()
    )
    return (
        f'<div class="soe-grid soe-compare"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _status(row: Any) -> str:
    """Return the verdict on a scenario; doing nothing is what the others are held against."""
    is_first = row.scenario == "do_nothing" and row.status != "recommended"
    return "baseline" if is_first else str(row.status)


def _cell(row: pd.Series, first: pd.Series, name: str, currency: str) -> str:
    value = float(row[name])
    if np.isnan(value):
        return '<td class="soe-num">–</td>'
    if name == "kept_pct":
        return _kept(row, first)
    digits = 1 if name in _TENTHS else 0
    text = money(value, currency) if currency else f"{value:,.{digits}f}"
    delta = value - float(first[name]) if name != "better_pct" else 0.0
    if np.isnan(delta) or abs(delta) < 0.005 or row["scenario"] == first["scenario"]:
        return f'<td class="soe-num">{escape(text)}</td>'
    worse = delta < 0 if name in MORE_IS_BETTER else delta > 0
    tone = "bad" if worse else "good"
    sign = "+" if delta > 0 else "−"
    return (
        f'<td class="soe-num">{escape(text)}<br><small class="soe-delta-{tone}">{sign}'
        f"{escape(f'{abs(delta):,.{digits}f}')}</small></td>"
    )


def _kept(row: pd.Series, first: pd.Series) -> str:
    """Share of promises kept with its 5 to 95 % interval under drawn luck."""
    low, high = float(row["kept_low_pct"]), float(row["kept_high_pct"])
    delta = float(row["kept_pct"]) - float(first["kept_pct"])
    tone = "bad" if delta < -0.05 else "good" if delta > 0.05 else "none"
    change = f", {delta:+.1f}".replace("-", "−") if tone != "none" else ""
    return (
        f'<td class="soe-num">{float(row["kept_pct"]):.1f}<br><small class="soe-delta-{tone}">'
        f"{low:.1f} to {high:.1f}{change}</small></td>"
    )
