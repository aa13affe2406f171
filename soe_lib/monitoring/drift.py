"""What APS, ERP and MES say today against what was published to them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.kpi.execution import baseline
from soe_lib.tables import TABLES

DRIFT_COLUMNS = ("system", "object_type", "object_id", "what", "published", "now", "at")
OPERATION = ["wo_id", "op_no", "split_no"]
MOVED_MINUTES = 15.0
"""A planned start that differs by less is the same. [min]"""

Tables = Mapping[str, pd.DataFrame]


def drift(
    published: Tables, now: Tables, published_at: pd.Timestamp, as_of: pd.Timestamp, version_id: str
) -> pd.DataFrame:
    """
    Compare the systems' facts with the publication that was in force.

    Parameters
    ----------
    published
        Files of the publication: ``aps_schedule``, ``erp_confirmations``, ``erp_purchases``.
    now
        Canonical tables of the present snapshot.
    published_at, as_of
        Instants of the publication and of the snapshot.
    version_id
        Name of the published version.

    Returns
    -------
    pandas.DataFrame
        One row per fact that differs, by system: :data:`DRIFT_COLUMNS`. APS: versions that others
        published since, and operations that its newest version has elsewhere, at another time or
        not at all (work that has begun is left out). ERP: order lines and purchases with another
        date. MES: operations that were run on another resource, or that ran and stood in no list.
    """
    parts = [
        *_aps(published["aps_schedule"], now, published_at, as_of, version_id),
        *_erp(published, now),
        *_mes(published["aps_schedule"], now, published_at, as_of),
    ]
    found = pd.DataFrame(parts, columns=list(DRIFT_COLUMNS))
    found["at"] = pd.to_datetime(found["at"], utc=True).astype("datetime64[us, UTC]")
    order = {"APS": 0, "ERP": 1, "MES": 2}
    return found.sort_values(
        ["system", "what", "object_id"],
        key=lambda s: s.map(order) if s.name == "system" else s,
        kind="stable",
    ).reset_index(drop=True)


def foreign_versions(now: Tables, published_at: pd.Timestamp, version_id: str) -> pd.DataFrame:
    """Return schedule versions that others published after a publication."""
    rows = _table(now, "schedule_operation")
    own = rows[(rows["published_at"] > published_at) & (rows["version_id"] != version_id)]
    return own.drop_duplicates("version_id")[["version_id", "published_at"]].reset_index(drop=True)


def drift_sentence(rows: pd.DataFrame, version_id: str) -> str:
    """Say how far each system has drifted."""
    if rows.empty:
        return f"APS, ERP and MES still hold what '{version_id}' published."
    counts = rows["system"].value_counts()
    parts = [f"{counts[s]} in {s}" for s in ("APS", "ERP", "MES") if s in counts]
    return f"Since '{version_id}' was published {len(rows)} facts have drifted: {', '.join(parts)}."


def _aps(
    plan: pd.DataFrame,
    now: Tables,
    published_at: pd.Timestamp,
    as_of: pd.Timestamp,
    version_id: str,
) -> list[tuple]:
    found: list[tuple] = [
        ("APS", "version", str(v), "published outside the process", version_id, str(v), at)
        for v, at in foreign_versions(now, published_at, version_id).itertuples(index=False)
    ]
    schedule = baseline(_table(now, "schedule_operation"), as_of)
    if schedule.empty or (schedule["version_id"] == version_id).all():
        return found
    begun = set(_table(now, "work_order_progress_event")["wo_id"])
    still = plan[(plan["start_at"] > as_of) & ~plan["wo_id"].isin(begun)]
    both = still[[*OPERATION, "resource_id", "start_at"]].merge(
        schedule[[*OPERATION, "resource_id", "start_at"]].astype({"op_no": "int64"}),
        on=OPERATION,
        how="left",
        suffixes=("", "_now"),
    )
    for row in both.to_dict("records"):
        name = f"{row['wo_id']}/{row['op_no']}"
        if pd.isna(row["start_at_now"]):
            found.append(("APS", "operation", name, "no longer planned", row["resource_id"], "",
                          row["start_at"]))  # fmt: skip
        elif row["resource_id"] != row["resource_id_now"]:
            found.append(("APS", "operation", name, "on another resource", row["resource_id"],
                          row["resource_id_now"], row["start_at"]))  # fmt: skip
        else:
            minutes = (row["start_at_now"] - row["start_at"]).total_seconds() / 60
            if abs(minutes) > MOVED_MINUTES:
                found.append(("APS", "operation", name, "at another time",
                              f"{row['start_at']:%d %b %H:%M}",
                              f"{row['start_at_now']:%d %b %H:%M}", row["start_at"]))  # fmt: skip
    return found


def _erp(published: Tables, now: Tables) -> list[tuple]:
    found: list[tuple] = []
    lines = _table(now, "sales_order_line")
    dates = lines[lines["status"] == "open"].groupby(["order_id", "line_id"])
    known = dates["last_confirmed_date"].max()
    for row in published["erp_confirmations"].to_dict("records"):
        key = (str(row["order_id"]), str(row["line_id"]))
        if key not in known.index or pd.isna(row["new_confirmed_date"]):
            continue
        told, wanted = known[key], pd.Timestamp(row["new_confirmed_date"])
        if pd.isna(told) or told.normalize() != wanted.normalize():
            held = "no date" if pd.isna(told) else f"{told:%Y-%m-%d}"
            found.append(("ERP", "order_line", "/".join(key), "confirmed for another date",
                          f"{wanted:%Y-%m-%d}", held, None))  # fmt: skip
    bought = _table(now, "purchase_order_line")
    bought = bought[bought["status"] == "open"]
    orders = bought.groupby(["po_id", "line_id"])["promised_date"].max()
    for row in published["erp_purchases"].to_dict("records"):
        key = (str(row.get("po_id", "")), str(row.get("line_id", "")))
        if row["action"] != "expedite" or key not in orders.index:
            continue
        wanted = pd.Timestamp(row["new_receipt_at"]).tz_convert(None).normalize()
        if pd.isna(orders[key]) or orders[key].normalize() > wanted:
            held = "no date" if pd.isna(orders[key]) else f"{orders[key]:%Y-%m-%d}"
            found.append(("ERP", "purchase", "/".join(key), "promised later than published",
                          f"{wanted:%Y-%m-%d}", held, None))  # fmt: skip
    return found


def _mes(
    plan: pd.DataFrame, now: Tables, published_at: pd.Timestamp, as_of: pd.Timestamp
) -> list[tuple]:
    events = _table(now, "work_order_progress_event")
    events = events[(events["event_at"] > published_at) & (events["event_at"] <= as_of)]
    events = events[events["event_type"] == "start"]
    events = events.assign(split_no=events["split_no"].fillna(1).astype("int64"))
    began = events.sort_values("event_at", kind="stable").drop_duplicates(OPERATION)
    began = began.astype({"op_no": "int64"})
    listed = plan[[*OPERATION, "resource_id"]]
    both = began[[*OPERATION, "resource_id", "event_at"]].merge(
        listed, on=OPERATION, how="left", suffixes=("", "_listed")
    )
    found: list[tuple] = []
    for row in both.to_dict("records"):
        name = f"{row['wo_id']}/{row['op_no']}"
        if pd.isna(row["resource_id_listed"]):
            found.append(("MES", "operation", name, "ran without being on the list", "",
                          row["resource_id"], row["event_at"]))  # fmt: skip
        elif row["resource_id"] != row["resource_id_listed"]:
            found.append(("MES", "operation", name, "ran on another resource",
                          row["resource_id_listed"], row["resource_id"],
                          row["event_at"]))  # fmt: skip
    return found


def _table(tables: Tables, name: str) -> pd.DataFrame:
    rows = tables.get(name)
    return TABLES[name].empty() if rows is None else rows
