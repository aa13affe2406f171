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
    """
    Return doing nothing, the recommendation and at most three others that none dominates.

    Of those that pay: the one with the fewest moves, the one with the fewest late lines, the
    cheapest.
    """
    head = comparison.head(1)
    best = comparison[comparison["is_recommended"]]
    rest = comparison[(comparison["status"] == "open") & (comparison["same_as"] == "")]
    chosen = pd.concat([head, best]).drop_duplicates("scenario")
    others = rest[~rest["scenario"].isin(chosen["scenario"])]
    others = others[others["delta_total_cost"] < 0]
    orders = (["num_moves", "total_cost"], ["num_late_lines", "total_cost"], ["total_cost"])
    picked = [others.sort_values(by, kind="stable").head(1) for by in orders]
    rest = others.sort_values("total_cost", kind="stable")
    return pd.concat([chosen, pd.concat([*picked, rest]).drop_duplicates("scenario").head(OTHERS)])


def comparison_grid(rows: pd.DataFrame, run: Run, title: str) -> Grid:
    """Return scenarios side by side: money, service, moves and what the floor says."""
    spent = rows["overtime_cost"] + rows["expedite_cost"]
    shown = pd.DataFrame(
        {
            "scenario": rows["title"],
            "verdict": verdicts(rows),
            "total": rows["total_cost"].round(),
            "± total": rows["delta_total_cost"].map(signed),
            "late lines": rows["num_late_lines"],
            "± late": rows["delta_num_late_lines"].map(signed),
            "promises kept": [
                kept_words(*values)
                for values in zip(
                    rows["kept_pct"], rows["kept_low_pct"], rows["kept_high_pct"], strict=True
                )
            ],
            "lateness": (rows["late_cost"] + rows["lost_margin"]).round(),
            "lever cost": spent.round(),
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
        right=("± total", "± late", "promises kept"),
    )


def verdicts(rows: pd.DataFrame) -> pd.Series:
    """Return the verdict on each scenario in a word or two."""
    words = rows["status"].where(rows["same_as"] == "", "no different")
    return words.where((rows["scenario"] != "do_nothing") | rows["is_recommended"], "baseline")


def signed(value: float) -> str:
    """Return a difference with its sign; an em dash for none."""
    text = f"{value:+,.0f}".replace("-", "−")
    return "–" if text in ("+0", "−0") else text


def kept_words(mean: float, low: float, high: float) -> str:
    """Return the share of promises kept with its 5 to 95 % interval; a dash where not known."""
    return "–" if pd.isna(mean) else f"{mean:.1f} % ({low:.0f}–{high:.0f})"


def floor_words(failed: int, asked: int) -> str:
    """Return the outcome of the pressure test in words: subjects that fail, subjects to ask."""
    said = [f"{failed} fail"] if failed else []
    said += [f"{asked} open"] if asked else []
    return ", ".join(said) or "pass"


def why(rows: pd.DataFrame) -> Facts:
    """Return the reason of each verdict; scenarios with the same reason share a line."""
    told = rows[rows["reason"] != ""]
    by_reason = told.groupby("reason", sort=False)["title"].agg(", ".join)
    return Facts("Why", tuple(zip(by_reason.tolist(), by_reason.index.tolist(), strict=True)))


def with_local_times(rows: pd.DataFrame, run: Run, *names: str) -> pd.DataFrame:
    """Return rows with instants as the site reads them."""
    return rows.assign(**{name: [moment(at, run) for at in rows[name]] for name in names})


def decimals(values: pd.Series, count: int = 1) -> pd.Series:
    """Return numbers as text with equal decimals, a true minus, and a dash for none."""
    texts = values.map(lambda v: "–" if pd.isna(v) else f"{v:,.{count}f}".replace("-", "−"))
    return texts.astype("str")
