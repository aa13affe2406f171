"""What the history says of master data: deviations from the values that planning uses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.rates import completed_runs, open_hours
from soe_lib.monitoring.learning import OBSERVED

LEAST_RATIO, MOST_RATIO = 0.3, 5.0
"""Times beyond these shares of the planned one are errors of the feed."""
LEAST_HOURS = 0.25
"""Standard hours below which a run says nothing of the rate. [h]"""
KINDS = ("rate", "scrap", "changeover", "supplier_lead_time", "internal_lead_time")
IS_RATIO = {
    "rate": True,
    "scrap": False,
    "changeover": True,
    "supplier_lead_time": False,
    "internal_lead_time": False,
}
"""Whether a deviation is the logarithm of actual over planned, or actual minus planned."""
_SEPARATOR = " | "


def cell_name(*parts: object) -> str:
    """Return the name of a unit from its keys."""
    return _SEPARATOR.join(str(part) for part in parts)


def cell_keys(name: str) -> list[str]:
    """Return the keys of a unit from its name."""
    return name.split(_SEPARATOR)


def observations(facts: Facts) -> dict[str, pd.DataFrame]:
    """
    Return observations of every kind for which the feed has history.

    Returns
    -------
    dict
        Kind to rows of ``learning.OBSERVED``. rate: log of actual over standard time, by resource
        and item; scrap: scrapped share minus the planned one, by resource and item; changeover:
        log of actual over matrix time, by group of resources and pair of families;
        supplier_lead_time: days after the first promise, by supplier and item;
        internal_lead_time: days after the due instant of the work order, by family and item.
    """
    found = {
        "rate": _rates(facts),
        "scrap": _scrap(facts),
        "changeover": _changeovers(facts),
        "supplier_lead_time": _suppliers(facts),
        "internal_lead_time": _internal(facts),
    }
    return {kind: rows for kind, rows in found.items() if len(rows)}


def _none() -> pd.DataFrame:
    return pd.DataFrame(columns=list(OBSERVED))


def _shaped(group: pd.Series, cell: list[str], at: pd.Series, deviation: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame(
        {"group": group.to_numpy(), "cell": cell, "at": at.to_numpy(), "deviation": deviation}
    )
    table["at"] = pd.to_datetime(table["at"], utc=True)
    kept = np.isfinite(table["deviation"].astype(float)) & table["group"].notna()
    return table[kept].sort_values(["at", "cell"], kind="stable").reset_index(drop=True)


def _log(ratio: pd.Series) -> pd.Series:
    return pd.Series(np.log(ratio.to_numpy(float)), index=ratio.index)


def _rates(facts: Facts) -> pd.DataFrame:
    needed = ("run_rate", "work_order_progress_event", "resource_calendar", "work_order")
    if not all(facts.has(name) for name in needed):
        return _none()
    runs = completed_runs(facts)
    ratio = runs["actual_hours"] / runs["standard_hours"]
    kept = ratio.between(LEAST_RATIO, MOST_RATIO) & (runs["standard_hours"] >= LEAST_HOURS)
    runs, ratio = runs[kept], ratio[kept]
    cells = [cell_name(r, i) for r, i in zip(runs["resource_id"], runs["item_id"], strict=True)]
    return _shaped(runs["resource_id"], cells, runs["ended"], _log(ratio))


def _scrap(facts: Facts) -> pd.DataFrame:
    if not all(facts.has(n) for n in ("work_order_progress_event", "routing_alternate")):
        return _none()
    runs = facts.progress.runs
    runs = runs[runs["completed_at"].notna() & (runs["good_qty"] + runs["scrap_qty"] > 0)]
    items = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    runs = runs.assign(item_id=runs["wo_id"].map(items))
    keys = ["item_id", "op_no", "resource_id"]
    routing = facts.tables["routing_alternate"].drop_duplicates(keys)[[*keys, "yield_pct"]]
    runs = runs.astype({"op_no": "int64"}).merge(routing.astype({"op_no": "int64"}), on=keys)
    runs = runs[runs["yield_pct"].notna()]
    share = runs["scrap_qty"] / (runs["good_qty"] + runs["scrap_qty"])
    planned = 1 - runs["yield_pct"].astype(float) / 100
    cells = [
        cell_name(r, i, o)
        for r, i, o in zip(runs["resource_id"], runs["item_id"], runs["op_no"], strict=True)
    ]
    return _shaped(runs["resource_id"], cells, runs["completed_at"], share - planned)


def _changeovers(facts: Facts) -> pd.DataFrame:
    needed = ("work_order_progress_event", "setup_matrix", "resource_calendar", "item")
    if not all(facts.has(name) for name in needed):
        return _none()
    events = facts.tables["work_order_progress_event"]
    events = events[events["event_at"] <= facts.as_of]
    keys = ["wo_id", "op_no", "resource_id"]
    begun = events[events["event_type"] == "setup_start"].groupby(keys)["event_at"].min()
    ended = events[events["event_type"] == "setup_end"].groupby(keys)["event_at"].max()
    runs = pd.concat([begun.rename("began"), ended.rename("ended")], axis=1, join="inner")
    runs = runs[runs["ended"] > runs["began"]].reset_index()
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    family = facts.items["setup_family"]
    runs["to"] = runs["wo_id"].map(orders).map(family)
    started = events[events["event_type"].isin(["start", "setup_start"])].groupby(keys)
    order = started["event_at"].min().rename("first").reset_index()
    order["family"] = order["wo_id"].map(orders).map(family)
    order = order.sort_values(["resource_id", "first"], kind="stable")
    order["from"] = order.groupby("resource_id")["family"].shift()
    runs = runs.merge(order[[*keys, "from"]], on=keys)
    resources = facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")
    own = resources["resource_group"].fillna(pd.Series(resources.index, index=resources.index))
    runs["resource_group"] = runs["resource_id"].map(own)
    matrix = facts.tables["setup_matrix"].rename(
        columns={"from_setup_family": "from", "to_setup_family": "to"}
    )
    runs = runs.merge(matrix, on=["resource_group", "from", "to"])
    runs = runs[runs["setup_minutes"] > 0].reset_index(drop=True)
    if runs.empty:
        return _none()
    ratio = 60 * open_hours(facts, runs) / runs["setup_minutes"].astype(float)
    kept = ratio.between(LEAST_RATIO, MOST_RATIO)
    runs, ratio = runs[kept], ratio[kept]
    cells = [
        cell_name(g, a, b)
        for g, a, b in zip(runs["resource_group"], runs["from"], runs["to"], strict=True)
    ]
    return _shaped(runs["resource_group"], cells, runs["ended"], _log(ratio))


def _suppliers(facts: Facts) -> pd.DataFrame:
    if not all(facts.has(n) for n in ("purchase_order_line", "goods_receipt_event", "item")):
        return _none()
    keys = ["po_id", "line_id"]
    receipts = facts.tables["goods_receipt_event"]
    receipts = receipts[receipts["received_at"] <= facts.as_of]
    came = receipts.groupby(keys)["received_at"].max().reset_index()
    lines = facts.tables["purchase_order_line"].drop_duplicates(keys)
    lines = lines[(lines["status"] == "completed") & lines["supplier_id"].notna()]
    rows = came.merge(
        lines[[*keys, "supplier_id", "item_id", "first_promised_date", "required_date"]], on=keys
    )
    rows = rows[rows["item_id"].map(facts.items["lead_time_days"]).notna()]
    promised = rows["first_promised_date"].fillna(rows["required_date"])
    day = rows["received_at"].dt.tz_convert(facts.time_zone).dt.tz_localize(None).dt.normalize()
    late = (day - promised).dt.days.astype(float)
    cells = [cell_name(s, i) for s, i in zip(rows["supplier_id"], rows["item_id"], strict=True)]
    return _shaped(rows["supplier_id"], cells, rows["received_at"], late)


def _internal(facts: Facts) -> pd.DataFrame:
    if not all(facts.has(name) for name in ("work_order", "item")):
        return _none()
    orders = facts.tables["work_order"]
    done = orders[orders["ended_at"].notna() & (orders["ended_at"] <= facts.as_of)]
    lead = done["item_id"].map(facts.items["lead_time_days"]).astype(float)
    done = done[done["due_at"].notna() & (lead > 0)]
    if done.empty:
        return _none()
    late = (done["ended_at"] - done["due_at"]).dt.total_seconds() / 86_400
    family = done["item_id"].map(facts.items["family_id"])
    cells = [cell_name(f, i) for f, i in zip(family, done["item_id"], strict=True)]
    return _shaped(family, cells, done["ended_at"], late)
