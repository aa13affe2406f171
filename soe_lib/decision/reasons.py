"""Why a promise moves, read from what the order line is pegged to in the chosen schedule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.scenario.orders import LINE_KEY

REASON_WORDS = {
    "no_supply": "nothing covers it in the horizon",
    "material": "its work order waits for material",
    "purchase": "nobody has ordered or planned it yet",
    "supplier": "its receipt comes late",
    "capacity": "its work order ends late",
    "overdue": "it was due before today",
    "unexplained": "no cause found",
}
"""Reason codes of new dates, as people say them."""


def promise_reasons(
    promises: pd.DataFrame, pegging: pd.DataFrame, purchases: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Name the reason of each order line that is late in a schedule.

    Parameters
    ----------
    promises, pegging, purchases
        Tables of the chosen schedule.
    as_of
        Instant of the snapshot.

    Returns
    -------
    pandas.DataFrame
        One row per late (order_id, line_id): ``reason_code``, by the last supply that the line
        waits for: no_supply (nothing covers it), material (the lot waits for something that must
        still be bought or made), supplier (a purchase receipt), purchase (not ordered yet),
        capacity (the lot ends late), overdue (goods are there, the date has passed).
    """
    late = promises[promises["lateness_days"] > 1e-6]
    ordered = pegging.sort_values([*LINE_KEY, "available_at", "supply_id"], kind="stable")
    last = ordered.drop_duplicates(LINE_KEY, keep="last")
    joined = late[[*LINE_KEY, "is_covered", "due_at"]].merge(
        last[[*LINE_KEY, "supply_type", "supply_id"]], on=LINE_KEY, how="left"
    )
    order = joined["supply_id"].str.rsplit("/", n=1).str[0]
    waits = order.isin(purchases["wo_id"]) & (joined["supply_type"] == "lot")
    code = np.select(
        [
            ~joined["is_covered"].astype(bool),
            waits,
            joined["supply_type"] == "receipt",
            joined["supply_type"] == "purchase",
            joined["supply_type"] == "lot",
            joined["due_at"] < as_of,
        ],
        ["no_supply", "material", "supplier", "purchase", "capacity", "overdue"],
        default="unexplained",
    )
    return joined[LINE_KEY].assign(reason_code=pd.Series(code, index=joined.index, dtype="str"))
