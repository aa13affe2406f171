"""Divergences of supply, stock and execution that another one explains."""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import look_up
from soe_lib.divergence.projection import Projection
from soe_lib.divergence.waiting import SUPPLY, explains_in_time, skills_of


def folded(
    facts: Facts, rows: pd.DataFrame, material: pd.DataFrame, projection: Projection
) -> dict[str, str]:
    """Return divergences of supply, stock and execution that another one explains."""
    found: dict[str, str] = {}
    short = rows[rows["divergence_type"] == "material_shortage"]
    _fold_shortages(facts, rows, short, material, found)
    weak = rows[rows["divergence_type"] == "stock_below_safety"]
    is_wrong = (rows["divergence_type"] == "stock_record_wrong") & (rows["deviation"] < 0)
    strong = rows[
        rows["divergence_type"].isin(["material_shortage", "demand_not_covered", *SUPPLY])
        | is_wrong
    ]
    _fold_by(weak, strong, "item_id", found)
    uncovered = rows[rows["divergence_type"] == "demand_not_covered"]
    _fold_by(uncovered, rows[is_wrong], "item_id", found)
    stops = rows[rows["divergence_type"] == "downtime"]
    overloaded = rows[rows["divergence_type"] == "resource_overloaded"].merge(
        stops[["resource_id", "deviation"]].rename(columns={"deviation": "lost_hours"}),
        on="resource_id",
    )
    # A short stop does not explain a week that lacks forty hours.
    _fold_by(overloaded[overloaded["lost_hours"] >= overloaded["deviation"]], stops,
             "resource_id", found)  # fmt: skip
    _fold_late_work(rows, stops, short, projection, found)
    _fold_slow(facts, rows, found)
    _fold_weeks(rows, found)
    return found


def _fold_weeks(rows: pd.DataFrame, found: dict[str, str]) -> None:
    """A week off its plan is no news where the family has left the plan on that side for weeks."""
    for is_above in (True, False):
        side = rows[(rows["deviation"] > 0) == is_above]
        weeks = side[side["divergence_type"] == "demand_against_plan"]
        _fold_by(weeks, side[side["divergence_type"] == "demand_trend"], "family_id", found)


def _fold_slow(facts: Facts, rows: pd.DataFrame, found: dict[str, str]) -> None:
    """A line runs slow because its people are missing."""
    slow = rows[rows["divergence_type"] == "running_slow"]
    staffed = slow[["divergence_id", "resource_id"]].merge(skills_of(facts), on="resource_id")
    missing = rows[rows["divergence_type"] == "labour_short"]
    _fold_by(staffed, missing, "object_id", found)


def _fold_by(rows: pd.DataFrame, causes: pd.DataFrame, column: str, found: dict[str, str]) -> None:
    """Fold rows into the most severe cause with the same value in a column."""
    best = causes.sort_values(["severity", "divergence_id"], ascending=[False, True])
    best = best.dropna(subset=[column]).drop_duplicates(column)
    cause = look_up(rows[column], best.set_index(column)["divergence_id"])
    for own, other in zip(rows["divergence_id"], cause, strict=True):
        if isinstance(other, str) and other != own:
            found.setdefault(own, other)


def _fold_shortages(
    facts: Facts,
    rows: pd.DataFrame,
    short: pd.DataFrame,
    material: pd.DataFrame,
    found: dict[str, str],
) -> None:
    """
    A shortage folds into what keeps its material away: a purchase that was required before it
    begins and is late or short, a short receipt, or a record that was too high.
    """
    supply = rows[rows["divergence_type"].isin([*SUPPLY, "stock_record_wrong"])].copy()
    supply = supply[(supply["divergence_type"] != "stock_record_wrong") | (supply["deviation"] < 0)]
    _fold_by(short, supply[explains_in_time(facts, supply, material)], "item_id", found)


def _fold_late_work(
    rows: pd.DataFrame,
    stops: pd.DataFrame,
    short: pd.DataFrame,
    projection: Projection,
    found: dict[str, str],
) -> None:
    """Late work orders fold into the stop of the resource they are on, or what they wait for."""
    late = rows[rows["divergence_type"] == "work_order_late"]
    if late.empty or projection.operations.empty:
        return
    following = projection.operations.sort_values(["wo_id", "op_no"], kind="stable")
    where = following.drop_duplicates("wo_id").set_index("wo_id")["resource_id"]
    placed = late.assign(resource_id=look_up(late["object_id"], where))
    begun = stops.set_index("resource_id")["first_seen_at"]
    since = look_up(placed["resource_id"], begun)
    # An order that was due before the line stopped is late for another reason.
    _fold_by(placed[placed["first_seen_at"] >= since], stops, "resource_id", found)
    items = set(short["item_id"].dropna())
    needs = projection.needs[projection.needs["item_id"].isin(items)]
    waits = needs.sort_values(["wo_id", "item_id"]).drop_duplicates("wo_id")
    component = waits.set_index("wo_id")["item_id"]
    waiting = late.assign(item_id=look_up(late["object_id"], component)).dropna(subset=["item_id"])
    _fold_by(waiting, short, "item_id", found)
