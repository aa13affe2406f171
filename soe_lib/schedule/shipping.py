# mypy: disable-error-code="arg-type"
"""Departures with limited room, from the docks and lanes that the feed knows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Shipping

FAILED = ("dock_failure", "carrier_failure", "cancelled")
"""Departures of these states carry nothing."""


def build_shipping(
    rows: Mapping[str, pd.DataFrame],
    demand: pd.DataFrame,
    as_of: pd.Timestamp,
    site_time_zone: str,
    notes: list[str],
) -> Shipping:
    """
    Return the departures of the lanes by which open order lines leave.

    A departure leaves at ``cut_off_at``, at the end of its day where that is empty. Order lines
    without a lane, picked up by the customer, or of an item whose pallet is not known are not
    limited; neither is a lane that ``ship_capacity`` does not know.

    Parameters
    ----------
    rows
        Canonical tables.
    demand
        Rows of :func:`~soe_lib.schedule.demand.open_demand`.
    as_of
        Instant UTC that is minute 0.
    site_time_zone
        Zone in which a day ends.
    notes
        Takes what cannot be limited, in sentences.
    """
    table = rows["ship_capacity"]
    state = table["status"].astype("object").fillna("")
    table = table[~state.isin(FAILED)]
    close = (table["ship_date"] + pd.Timedelta(hours=23, minutes=59)).dt.tz_localize(
        site_time_zone, nonexistent="shift_forward", ambiguous=False
    )
    leaves = table["cut_off_at"].fillna(close.dt.tz_convert("UTC"))
    minutes = (leaves - as_of).dt.total_seconds() / 60
    known = pd.DataFrame({"lane": table["lane_id"], "at": minutes,
                          "pallets": table["capacity_pallets"].astype(float)})  # fmt: skip
    known = known[(known["at"] >= 0) & known["pallets"].notna()]
    known = known.sort_values(["lane", "at"], kind="stable")
    lanes = pd.Index(sorted(known["lane"].unique()))
    if not len(lanes):
        if len(rows["sales_order_line"]):
            notes.append("no ship_capacity: goods leave as soon as they are ready")
        return Shipping()
    number = lanes.get_indexer(known["lane"])
    own = lanes.get_indexer(demand["lane_id"].astype("object").fillna(""))
    own = np.where(demand["is_pick_up"].to_numpy(bool), -1, own)
    of_item = rows["item"].drop_duplicates("item_id").set_index("item_id")["qty_per_pallet"]
    size = demand["item_id"].map(of_item).to_numpy(float)
    unknown = (own >= 0) & ~(size > 0)
    if unknown.any():
        items = ", ".join(sorted(set(demand["item_id"][unknown])))
        notes.append(f"no qty_per_pallet, taken to need no room on departures: {items}")
    return Shipping(
        tuple(lanes),
        np.searchsorted(number, np.arange(len(lanes) + 1)).astype(np.int64),
        known["at"].to_numpy(float),
        known["pallets"].to_numpy(float),
        np.where(unknown, -1, own).astype(np.int64),
        np.divide(1.0, size, out=np.zeros(len(size)), where=size > 0),
    )
