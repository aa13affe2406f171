"""Logistics: shipments that missed their departure, ship capacity short of what must leave."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.divergence.rows import empty_rows, finish

LATE_DEPARTURE_HOURS = 2.0
"""A departure later than this is a divergence. [h]"""


def departures(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, since: pd.Timestamp
) -> pd.DataFrame:
    """Return shipments since the last cycle that left late or have not left."""
    rows = tables["shipment"]
    rows = rows[rows["status"] != "cancelled"].copy()
    due = (rows["planned_departure_at"] > since) & (rows["planned_departure_at"] <= as_of)
    rows = rows[due]
    left = rows["actual_departure_at"]
    left = left.where(left <= as_of).fillna(as_of)
    rows["hours"] = (left - rows["planned_departure_at"]).dt.total_seconds() / 3600
    late = rows[rows["hours"] > LATE_DEPARTURE_HOURS]
    if late.empty:
        return empty_rows()
    grouped = late.groupby("shipment_id").agg(
        actual_value=("hours", "max"),
        num_orders=("order_id", "nunique"),
        carrier_id=("carrier_id", "first"),
        lane_id=("lane_id", "first"),
        first_seen_at=("planned_departure_at", "min"),
    )
    found = grouped.reset_index()
    found["object_id"] = found["shipment_id"]
    found["planned_value"] = 0.0
    found["severity"] = found["actual_value"] / LATE_DEPARTURE_HOURS
    found["sentence"] = [
        f"shipment {s} ({c}, {lane}) is {h:.0f} h behind its departure, {n} orders on it"
        for s, c, lane, h, n in zip(
            found["shipment_id"],
            found["carrier_id"].fillna("no carrier"),
            found["lane_id"].fillna("no lane"),
            found["actual_value"],
            found["num_orders"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="departure_late",
        subject="logistics",
        object_type="shipment",
        owner_role="logistics",
        unit="h",
        evidence_table="shipment",
        evidence_columns=("shipment_id",),
    )


def ship_capacity(
    tables: Mapping[str, pd.DataFrame], promises: pd.DataFrame, time_zone: str
) -> pd.DataFrame:
    """Return days and lanes on which less can leave than is promised for them."""
    capacity = tables["ship_capacity"]
    keys = ["order_id", "line_id"]
    lines = tables["sales_order_line"].drop_duplicates(keys)[[*keys, "lane_id", "site_id"]]
    per_pallet = tables["item"].set_index("item_id")["qty_per_pallet"]
    rows = promises[promises["promised_at"].notna()].merge(lines, on=keys)
    rows["pallets"] = rows["promised_qty"] / rows["item_id"].map(per_pallet)
    day = rows["promised_at"].dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    due = rows["due_at"].dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
    rows["ship_date"] = day.where(day > due, due).astype("datetime64[us]")
    places = ["ship_date", "site_id", "lane_id"]
    wanted = rows.groupby(places).agg(
        pallets=("pallets", "sum"), num_orders=("order_id", "nunique")
    )
    offered = capacity.groupby(places)["capacity_pallets"].sum()
    both = wanted.join(offered, how="inner").reset_index()
    short = both[both["pallets"] > both["capacity_pallets"] * 1.001].copy()
    if short.empty:
        return empty_rows()
    short["object_id"] = short["lane_id"] + " " + short["ship_date"].dt.strftime("%Y-%m-%d")
    short["planned_value"] = short["capacity_pallets"]
    short["actual_value"] = short["pallets"]
    short["severity"] = short["pallets"] / short["capacity_pallets"].clip(lower=1)
    short["sentence"] = [
        f"{lane} on {d:%a %d %b}: {p:.0f} pallets must leave, {c:.0f} can"
        for lane, d, p, c in zip(
            short["lane_id"],
            short["ship_date"],
            short["pallets"],
            short["capacity_pallets"],
            strict=True,
        )
    ]
    short["week_start_date"] = short["ship_date"]
    return finish(
        short,
        divergence_type="ship_capacity_short",
        subject="logistics",
        object_type="lane_day",
        owner_role="logistics",
        unit="pallets",
        evidence_table="ship_capacity",
        evidence_columns=("lane_id",),
    )
