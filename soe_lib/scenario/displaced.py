"""Who pays for an order that is put in: every other order line, with and without it."""

from __future__ import annotations

import pandas as pd

from soe_lib.scenario.levers import RushOrder
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.result import Result

LATE_DAYS = 1e-6
DISPLACED_SHAPE = {
    "put_in_order_id": "str",
    "order_id": "str",
    "line_id": "str",
    "customer_id": "str",
    "item_id": "str",
    "promised_before_at": "datetime64[us, UTC]",
    "promised_after_at": "datetime64[us, UTC]",
    "moved_days": "float64",
    "lateness_days_after": "float64",
    "late_cost_before": "float64",
    "late_cost_after": "float64",
    "cost_change": "float64",
    "is_newly_late": "bool",
}


def displaced_lines(without: Result, with_order: Result, lever: RushOrder) -> pd.DataFrame:
    """
    Return the order lines that an order delays or brings forward.

    Parameters
    ----------
    without, with_order
        The same schedule replayed without and with the order.
    lever
        The order.

    Returns
    -------
    pandas.DataFrame
        One row per other order line whose promise changes, the dearest first: the columns of
        :data:`DISPLACED_SHAPE`; ``moved_days`` after minus before [days], of lateness where one
        of the two has no date. The changes of cost sum to the change of ``late_cost`` of the whole
        schedule.
    """
    names = [*LINE_KEY, "customer_id", "item_id", "promised_at", "lateness_days", "late_cost"]
    names.append("is_late")
    both = without.orders[names].merge(
        with_order.orders[[*LINE_KEY, "promised_at", "lateness_days", "late_cost", "is_late"]],
        on=LINE_KEY,
        suffixes=("_before", "_after"),
    )
    moved = both["lateness_days_after"] - both["lateness_days_before"]
    found = pd.DataFrame(
        {
            "put_in_order_id": lever.order_id,
            "order_id": both["order_id"],
            "line_id": both["line_id"],
            "customer_id": both["customer_id"].fillna("").astype("str"),
            "item_id": both["item_id"],
            "promised_before_at": both["promised_at_before"],
            "promised_after_at": both["promised_at_after"],
            "moved_days": moved,
            "lateness_days_after": both["lateness_days_after"],
            "late_cost_before": both["late_cost_before"],
            "late_cost_after": both["late_cost_after"],
            "cost_change": both["late_cost_after"] - both["late_cost_before"],
            "is_newly_late": both["is_late_after"] & ~both["is_late_before"],
        }
    )
    found = found[(moved.abs() > LATE_DAYS) | (found["cost_change"].abs() > 0)]
    found = found.sort_values(
        ["cost_change", "moved_days", *LINE_KEY],
        ascending=[False, False, True, True],
        kind="stable",
    )
    return found.reset_index(drop=True).astype(DISPLACED_SHAPE)
