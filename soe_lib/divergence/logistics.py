"""Logistics: shipments that missed their departure, ship capacity short of what must leave."""

from __future__ import annotations

import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, count_of, look_up
from soe_lib.divergence.prices import priced_lines
from soe_lib.divergence.rows import empty_rows, finish

KEYS = ["order_id", "line_id"]
GONE = ("cancelled", "arrived")


def departures(facts: Facts, pegging: pd.DataFrame, promises: pd.DataFrame) -> pd.DataFrame:
    """
    Return days on which trucks left late since the last cycle, or should have left and have not.

    A truck that waits for goods is no divergence of logistics: order lines that the projection
    does not serve from stock are left out, and those that went with another truck. A dock that
    fails stops all lanes of its site: where all lanes that should leave a site on a day are late
    for the same reason, two at least, that is one divergence; otherwise each lane is its own.
    Money is what the delivered orders on board lose by the delay, by their clauses.

    Parameters
    ----------
    pegging, promises
        Tables of the projection; empty without one.
    """
    rows = facts.tables["shipment"]
    rows = rows[(rows["status"] != "cancelled") & (rows["planned_departure_at"] <= facts.as_of)]
    left = rows["actual_departure_at"].where(rows["actual_departure_at"] <= facts.as_of)
    is_gone = left.notna() | rows["status"].isin(GONE)
    end = left.where(left.notna(), rows["planned_departure_at"].where(is_gone, facts.as_of))
    rows = rows.assign(
        hours=(end - rows["planned_departure_at"]).dt.total_seconds() / 3600, is_waiting=~is_gone
    )
    tolerance = facts.params.divergence.departure_late_hours
    is_news = ~is_gone | (left > facts.since) | (rows["planned_departure_at"] > facts.since)
    late = rows[(rows["hours"] > tolerance) & is_news]
    late = late[~late["is_waiting"] | _waits_for_the_truck(facts, late, pegging, promises)]
    if late.empty:
        return empty_rows()
    late = late.assign(
        cost=_delay_cost(facts, late),
        day=site_day(late["planned_departure_at"], facts.time_zone),
        why=late["reason_code"].fillna("no reason given"),
        site=late["site_id"].fillna(""),
        lane=late["lane_id"].fillna("no lane"),
    )
    late["place"] = late["lane"].where(~_whole_site(facts, rows, late), late["site"])
    found = late.groupby(["site", "place", "day", "why"], as_index=False).agg(
        actual_value=("hours", "max"),
        num_orders=("order_id", "nunique"),
        carriers=("carrier_id", lambda ids: ", ".join(sorted(set(ids.dropna())))),
        lanes=("lane", lambda ids: sorted(set(ids))),
        shipments=("shipment_id", lambda ids: sorted(set(ids))),
        first_seen_at=("planned_departure_at", "min"),
        is_waiting=("is_waiting", "max"),
        direct_cost=("cost", lambda cost: cost.sum(min_count=1)),
    )
    place, one = found["place"], found["place"] != found["site"]
    found["site_id"] = found["site"]
    found["object_id"] = place + " " + found["day"].dt.strftime("%Y-%m-%d")
    found["object_id"] += (" " + found["why"]).where(found["object_id"].duplicated(keep=False), "")
    found["planned_value"] = 0.0
    found["deviation_days"] = found["actual_value"] / 24
    found["severity"] = found["actual_value"] / max(tolerance, 1e-9)
    found["act_by_at"] = pd.Series(facts.as_of, index=found.index).where(found["is_waiting"])
    found["sentence"] = [
        f"{p}, {d:%a %d %b}: {count_of(len(s), 'truck')} ({c or 'no carrier'}) "
        + ("not away, " if waits else "left late, ")
        + f"{h:.0f} h behind ({why}), {count_of(n, 'order')} on board"
        for p, d, s, c, waits, h, why, n in zip(
            place,
            found["day"],
            found["shipments"],
            found["carriers"],
            found["is_waiting"],
            found["actual_value"],
            found["why"],
            found["num_orders"],
            strict=True,
        )
    ]
    parts = [
        finish(
            found[mask],
            divergence_type="departure_late",
            subject="logistics",
            object_type=object_type,
            owner_role="logistics",
            unit="h",
            evidence_table="shipment",
            evidence={"shipment_id": found["shipments"]},
        )
        for mask, object_type in ((one, "lane_day"), (~one, "site_day"))
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _whole_site(facts: Facts, rows: pd.DataFrame, late: pd.DataFrame) -> pd.Series:
    """Whether all lanes of a late shipment's site and day, two or more, share its reason."""
    planned = rows.assign(
        site=rows["site_id"].fillna(""),
        lane=rows["lane_id"].fillna("no lane"),
        day=site_day(rows["planned_departure_at"], facts.time_zone),
    )
    lanes = planned.groupby(["site", "day"])["lane"].nunique()
    of_day = lanes.reindex(pd.MultiIndex.from_frame(late[["site", "day"]])).to_numpy()
    same = late.groupby(["site", "day", "why"])["lane"].transform("nunique")
    return (same == of_day) & (same > 1)


def _waits_for_the_truck(
    facts: Facts, late: pd.DataFrame, pegging: pd.DataFrame, promises: pd.DataFrame
) -> pd.Series:
    """
    Whether an order line on board is open (not gone with another truck) and its goods are there.
    """
    lines = facts.tables["sales_order_line"]
    index = pd.MultiIndex.from_frame(late[KEYS])
    still_open = pd.MultiIndex.from_frame(lines.loc[lines["status"] == "open", KEYS])
    coming = pd.MultiIndex.from_frame(pegging.loc[pegging["supply_type"] != "stock", KEYS])
    missing = pd.MultiIndex.from_frame(promises.loc[~promises["is_covered"], KEYS])
    waits = index.isin(still_open) & ~index.isin(coming) & ~index.isin(missing)
    return pd.Series(waits, index=late.index)


def _delay_cost(facts: Facts, late: pd.DataFrame) -> pd.Series:
    """Cost of the delay of lines that are closed; that of open lines is in the projection."""
    lines = facts.tables["sales_order_line"]
    closed = lines[lines["status"] == "completed"].drop_duplicates(KEYS)
    known = late[[*KEYS, "shipped_qty", "hours"]].merge(
        closed[[*KEYS, "item_id", "ordered_qty"]], on=KEYS, how="left"
    )
    known["open_qty"] = known["shipped_qty"].fillna(known["ordered_qty"]).astype(float)
    known["lateness_days"] = known["hours"] / 24
    tables = {**facts.tables, "sales_order_line": closed.assign(status="open")}
    known = known.drop(columns=["ordered_qty", "hours", "shipped_qty"])
    priced = priced_lines(known, tables, facts.params.money)
    return pd.Series(priced["late_cost"].to_numpy(), index=late.index)


def ship_capacity(facts: Facts, promises: pd.DataFrame) -> pd.DataFrame:
    """
    Return days and lanes on which less can leave than is promised for them.

    An order line should leave on the later of the day on which its goods are ready and its due
    day; the projection itself sends it with a departure that has room.
    """
    capacity = facts.tables["ship_capacity"]
    capacity = capacity[capacity["ship_date"] >= facts.today]
    lines = facts.tables["sales_order_line"].drop_duplicates(KEYS)[[*KEYS, "lane_id", "site_id"]]
    per_pallet = facts.items["qty_per_pallet"]
    rows = promises[promises["promised_at"].notna()].merge(lines, on=KEYS)
    rows["pallets"] = rows["promised_qty"] / look_up(rows["item_id"], per_pallet)
    ready = site_day(rows["ready_at"], facts.time_zone)
    due = site_day(rows["due_at"], facts.time_zone)
    rows["ship_date"] = ready.where(ready > due, due)
    places = ["ship_date", "site_id", "lane_id"]
    wanted = rows.groupby(places, as_index=False).agg(
        pallets=("pallets", "sum"), num_orders=("order_id", "nunique")
    )
    offered = capacity.groupby(places, as_index=False)["capacity_pallets"].sum()
    both = wanted.merge(offered, on=places)
    limit = facts.params.divergence.ship_capacity_pct
    short = both[both["pallets"] > both["capacity_pallets"] * limit / 100 + 1e-9].copy()
    if short.empty:
        return empty_rows()
    short["object_id"] = short["lane_id"] + " " + short["ship_date"].dt.strftime("%Y-%m-%d")
    short["planned_value"] = short["capacity_pallets"]
    short["actual_value"] = short["pallets"]
    share = short["pallets"] / short["capacity_pallets"].clip(lower=1.0)
    short["severity"] = 100 * share / limit
    short["first_seen_at"] = facts.as_of
    short["act_by_at"] = at_least(facts.instant(short["ship_date"]), facts.as_of)
    short["sentence"] = [
        f"{lane} on {d:%a %d %b}: {p:.0f} pallets must leave, {c:.0f} can ({count_of(n, 'order')})"
        for lane, d, p, c, n in zip(
            short["lane_id"],
            short["ship_date"],
            short["pallets"],
            short["capacity_pallets"],
            short["num_orders"],
            strict=True,
        )
    ]
    return finish(
        short,
        divergence_type="ship_capacity_short",
        subject="logistics",
        object_type="lane_day",
        owner_role="logistics",
        unit="pallets",
        evidence_table="ship_capacity",
        evidence={
            "lane_id": short["lane_id"],
            "site_id": short["site_id"],
            "ship_date": short["ship_date"],
        },
    )
