"""What ERP receives: order confirmations, allocations and purchase reschedules."""

from __future__ import annotations

import pandas as pd

from soe_lib.scenario.orders import LINE_KEY

ALLOCATION_COLUMNS = (
    *LINE_KEY,
    "item_id",
    "supply_type",
    "supply_id",
    "allocated_qty",
    "available_at",
)


def allocations(pegging: pd.DataFrame, promises: pd.DataFrame) -> pd.DataFrame:
    """
    Return which supply serves which order line.

    Parameters
    ----------
    pegging, promises
        Tables of the chosen schedule.

    Returns
    -------
    pandas.DataFrame
        One row per (order line, supply): ``allocated_qty`` [uom], ``available_at``; the allocated
        quantities of a line sum to what it is promised.
    """
    joined = pegging.merge(promises[[*LINE_KEY, "item_id"]], on=LINE_KEY, how="left")
    joined = joined.rename(columns={"qty": "allocated_qty"})
    # what leaves in parts stands once by departure there
    keys = [*LINE_KEY, "item_id", "supply_type", "supply_id", "available_at"]
    joined = joined.groupby(keys, dropna=False)[["allocated_qty"]].sum().reset_index()
    ordered = joined.sort_values([*LINE_KEY, "available_at", "supply_id"], kind="stable")
    return ordered[list(ALLOCATION_COLUMNS)].reset_index(drop=True)
