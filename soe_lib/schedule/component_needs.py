# mypy: disable-error-code="arg-type"
"""When a schedule takes which component."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Problem
from soe_lib.schedule.schedule import Schedule


def component_needs(problem: Problem, schedule: Schedule) -> pd.DataFrame:
    """
    Return when a schedule takes which component.

    Returns
    -------
    pandas.DataFrame
        One row per need: ``item_id``, ``at`` (instant; NaT rows are left out), ``qty`` [uom],
        ``wo_id``.
    """
    rows = schedule.operations
    items = pd.Index(problem.item_ids)
    lots = pd.Index(problem.lot_ids)
    keys = rows["wo_id"] + "/" + rows["split_no"].astype(str)
    firm = lots.get_indexer(keys)
    count = len(problem.need_item)
    operation = np.searchsorted(problem.need_offset, np.arange(count), "right") - 1
    fixed = problem.op_fixed[operation]
    given = pd.DataFrame(
        {
            "lot": problem.op_lot[operation][~fixed],
            "op_no": problem.op_no[operation][~fixed],
            "item": problem.need_item[~fixed],
            "per": problem.need_qty[~fixed],
        }
    )
    recipes = problem.recipes
    step = np.searchsorted(recipes.need_offset, np.arange(len(recipes.need_item)), "right") - 1
    maker = np.searchsorted(recipes.offset, step, "right") - 1
    recipe = pd.DataFrame(
        {
            "maker": maker,
            "op_no": recipes.op_no[step],
            "item": recipes.need_item,
            "per": recipes.need_per_unit,
        }
    )
    placed = rows.assign(
        lot=firm, maker=items.get_indexer(rows["item_id"]), at=rows["start_at"]
    ).dropna(subset=["at"])
    of_firm = placed[placed["lot"] >= 0].merge(given, on=["lot", "op_no"])
    of_plan = placed[placed["lot"] < 0].merge(recipe, on=["maker", "op_no"])
    found = pd.concat(
        [
            of_firm.assign(qty=of_firm["per"]),
            of_plan.assign(qty=of_plan["per"] * of_plan["planned_qty"]),
        ]
    )
    found["item_id"] = pd.Series(
        np.array(problem.item_ids, dtype=object)[found["item"].to_numpy(np.int64)],
        index=found.index, dtype="str",
    )  # fmt: skip
    return found[["item_id", "at", "qty", "wo_id"]].reset_index(drop=True)
