"""Scenarios as people compare them: rows of the comparison in words and whole numbers."""

from __future__ import annotations

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.blocks import Facts, Grid, Tone
from soe_lib.views.facts_of_run import moment
from soe_lib.views.page import currency_of

OTHERS = 3
"""Non-dominated scenarios on the first screen beside doing nothing and the recommendation."""

TONES: dict[str, Tone] = {"recommended": "good", "rejected": "bad"}


def first_screen(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return doing nothing, the recommendation and at most three others that none dominates."""
    head = comparison.head(1)
    best = comparison[comparison["is_recommended"]]
    rest = comparison[(comparison["status"] == "open") & (comparison["same_as"] == "")]
    chosen = pd.concat([head, best]).drop_duplicates("scenario")
    others = rest[~rest["scenario"].isin(chosen["scenario"])]
    others = others.sort_values(["total_cost", "num_moves"], kind="stable").head(OTHERS)
    return pd.concat([chosen, others])


def comparison_grid(rows: pd.DataFrame, run: Run, title: str) -> Grid:
    """Return scenarios side by side: money, service, moves and what the floor says."""
    spent = rows["overtime_cost"] + rows["expedite_cost"]
    shown = pd.DataFrame(
        {
            "scenario": rows["title"],
            "verdict": rows["status"].where(rows["same_as"] == "", "no different"),
            "total": rows["total_cost"].round(),
            "± total": rows["delta_total_cost"].map(signed),
            "late lines": rows["num_late_lines"],
            "± late": rows["delta_num_late_lines"].map(signed),
            "lateness": (rows["late_cost"] + rows["lost_margin"]).round(),
            "levers": spent.round(),
            "changeovers": rows["changeover_cost"].round(),
            "unrest": rows["change_cost"].round(),
            "moves": rows["num_moves"],
            "frozen": rows["num_moves_frozen"],
            "shop floor": [
                floor_words(int(failed), int(asked))
                for failed, asked in zip(
                    rows["num_pressure_failed"], rows["num_pressure_open"], strict=True
                )
            ],
        }
    )
    tones = tuple(TONES.get(status, "neutral") for status in rows["status"])
    unit = f"money in {currency_of(run)}" if currency_of(run) else ""
    heading = ", ".join(part for part in (title, unit) if part)
    return Grid(
        shown,
        title=heading,
        table="scenarios",
        rows=len(shown),
        row_tones=tones,
        right=("± total", "± late"),
    )


def signed(value: float) -> str:
    """Return a difference with its sign; an em dash for none."""
    text = f"{value:+,.0f}".replace("-", "−")
    return "–" if text in ("+0", "−0") else text


def floor_words(failed: int, asked: int) -> str:
    """Return the outcome of the pressure test in words: subjects that fail, subjects to ask."""
    said = [f"{failed} fail"] if failed else []
    said += [f"{asked} open"] if asked else []
    return ", ".join(said) or "pass"


def why(rows: pd.DataFrame) -> Facts:
    """Return the reason of each verdict, one line per scenario."""
    pairs = zip(rows["title"].tolist(), rows["reason"].tolist(), strict=True)
    return Facts("Why", tuple((title, reason) for title, reason in pairs if reason))


def with_local_times(rows: pd.DataFrame, run: Run, *names: str) -> pd.DataFrame:
    """Return rows with instants as the site reads them."""
    return rows.assign(**{name: [moment(at, run) for at in rows[name]] for name in names})
