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
    unit = f" [{currency_of(run)}]" if currency_of(run) else ""
    lever_cost = rows["overtime_cost"] + rows["expedite_cost"]
    shown = pd.DataFrame(
        {
            "scenario": rows["title"],
            "verdict": rows["status"].where(rows["same_as"] == "", "no different"),
            f"total{unit}": rows["total_cost"].round(),
            f"against doing nothing{unit}": rows["delta_total_cost"].round(),
            "late lines": rows["num_late_lines"],
            "late lines ±": rows["delta_num_late_lines"].astype("int64"),
            f"lateness{unit}": (rows["late_cost"] + rows["lost_margin"]).round(),
            f"overtime, expedites{unit}": lever_cost.round(),
            f"changeovers{unit}": rows["changeover_cost"].round(),
            f"unrest{unit}": rows["change_cost"].round(),
            "moves": rows["num_moves"],
            "in frozen zone": rows["num_moves_frozen"],
            "floor fails": rows["num_pressure_failed"],
            "floor asks": rows["num_pressure_open"],
        }
    )
    tones = tuple(TONES.get(status, "neutral") for status in rows["status"])
    return Grid(shown, title=title, table="scenarios", rows=len(shown), row_tones=tones)


def why(rows: pd.DataFrame) -> Facts:
    """Return the reason of each verdict, one line per scenario."""
    pairs = zip(rows["title"].tolist(), rows["reason"].tolist(), strict=True)
    return Facts("Why", tuple((title, reason) for title, reason in pairs if reason))


def with_local_times(rows: pd.DataFrame, run: Run, *names: str) -> pd.DataFrame:
    """Return rows with instants as the site reads them."""
    return rows.assign(**{name: [moment(at, run) for at in rows[name]] for name in names})
