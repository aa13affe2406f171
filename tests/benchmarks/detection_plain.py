"""The plain threshold detector that most plants have: each event or day against its tolerance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.rates import completed_runs
from soe_lib.divergence.stock_records import stock_identity

COLUMNS = ["divergence_type", "object_id", "first_seen_at"]


def plain_rows(facts: Facts) -> pd.DataFrame:
    """Return the alarms of the week: ``divergence_type``, ``object_id``, ``first_seen_at``."""
    parts = [
        _orders(facts),
        _confirmations(facts),
        _stops(facts),
        _scrap(facts),
        _slow(facts),
        _people(facts),
        _stock(facts),
        _trucks(facts),
    ]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    rows = rows.sort_values("first_seen_at", kind="stable")
    return rows.drop_duplicates(COLUMNS[:2]).reset_index(drop=True)


def _rows(divergence_type: str, object_id: pd.Series, at: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "divergence_type": divergence_type,
            "object_id": object_id.astype("str").to_numpy(),
            "first_seen_at": pd.Series(pd.to_datetime(at, utc=True)).to_numpy(),
        }
    )


def _new(facts: Facts, at: pd.Series) -> pd.Series:
    return (at > facts.since) & (at <= facts.as_of)


def _orders(facts: Facts) -> pd.DataFrame:
    events = facts.tables["order_change_event"]
    events = events[_new(facts, events["event_at"]) & (events["initiated_by"] == "customer")]
    lines = facts.tables["sales_order_line"][["order_id", "line_id", "requested_date"]]
    events = events.merge(lines, on=["order_id", "line_id"], how="left")
    name = events["order_id"] + "/" + events["line_id"]
    old = pd.to_numeric(events["old_value"], errors="coerce")
    new = pd.to_numeric(events["new_value"], errors="coerce")
    days = (_dates(events["new_value"]) - _dates(events["old_value"])).dt.days.abs()
    notice = (events["requested_date"] - site_day(events["event_at"], facts.time_zone)).dt.days
    field, params = events["change_field"], facts.params
    fence = params.fences.frozen_days + params.fences.slushy_days
    chosen = {
        "order_new": (field == "new") & (notice < fence),
        "order_cancelled": field == "cancel",
        "order_expedited": field == "expedite",
        "order_date_moved": (field == "requested_date")
        & (days > params.divergence.order_change_days),
        "order_quantity_changed": (field == "qty")
        & (100 * (new / old - 1).abs() > params.divergence.order_change_pct),
    }
    return pd.concat([_rows(t, name[m], events["event_at"][m]) for t, m in chosen.items()])


def _dates(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, errors="coerce", format="ISO8601")


def _confirmations(facts: Facts) -> pd.DataFrame:
    keys = ["po_id", "line_id"]
    events = facts.tables["supplier_confirmation_event"]
    events = events[_new(facts, events["event_at"])]
    lines = facts.tables["purchase_order_line"][[*keys, "required_date", "ordered_qty"]]
    events = events.merge(lines, on=keys)
    name, params = events["po_id"] + "/" + events["line_id"], facts.params.divergence
    late = (events["confirmed_date"] - events["required_date"]).dt.days > params.supplier_late_days
    short = events["confirmed_qty"] < (1 - params.supplier_short_pct / 100) * events["ordered_qty"]
    return pd.concat(
        [
            _rows("supplier_late", name[late], events["event_at"][late]),
            _rows("supplier_short", name[short], events["event_at"][short]),
        ]
    )


def _stops(facts: Facts) -> pd.DataFrame:
    stops = facts.tables["downtime_event"]
    stops = stops[_new(facts, stops["start_at"]) & ~stops["is_planned"].fillna(False).astype(bool)]
    end = stops["end_at"].fillna(facts.as_of)
    stops = stops.assign(hours=(end - stops["start_at"]).dt.total_seconds() / 3600)
    week = stops.groupby("resource_id").agg(hours=("hours", "sum"), at=("start_at", "min"))
    week = week[week["hours"] > facts.params.divergence.downtime_hours].reset_index()
    return _rows("downtime", week["resource_id"], week["at"])


def _scrap(facts: Facts) -> pd.DataFrame:
    events = facts.tables["work_order_progress_event"]
    events = events[_new(facts, events["event_at"])]
    day = site_day(events["event_at"], facts.time_zone)
    days = events.assign(day=day).groupby(["resource_id", "day"], as_index=False).agg(
        good=("good_qty", "sum"), bad=("scrap_qty", "sum"), at=("event_at", "min")
    )  # fmt: skip
    usual = 100 - facts.tables["routing_alternate"].groupby("resource_id")["yield_pct"].mean()
    planned = usual.reindex(days["resource_id"]).fillna(0.0).to_numpy(float)
    ratio = 100 * days["bad"] / (days["good"] + days["bad"]).where(lambda total: total > 0)
    bad = days[ratio > planned + facts.params.divergence.scrap_pct]
    return _rows("scrap_above_plan", bad["resource_id"], bad["at"])


def _slow(facts: Facts) -> pd.DataFrame:
    runs = completed_runs(facts)
    runs = runs[_new(facts, runs["ended"])]
    runs = runs.assign(day=site_day(runs["ended"], facts.time_zone))
    days = runs.groupby(["resource_id", "day"], as_index=False).agg(
        standard=("standard_hours", "sum"), actual=("actual_hours", "sum"), at=("ended", "min")
    )
    slow = days[100 * days["standard"] / days["actual"] < 100 - facts.params.divergence.rate_pct]
    return _rows("running_slow", slow["resource_id"], slow["at"])


def _people(facts: Facts) -> pd.DataFrame:
    rows = facts.tables["labour_availability"]
    rows = rows[(rows["labour_date"] >= facts.first_day) & (rows["labour_date"] <= facts.today)]
    gone = 100 * (1 - rows["actual_headcount"] / rows["planned_headcount"])
    bad = rows[gone > facts.params.divergence.labour_pct]
    at = facts.instant(bad["labour_date"])
    return _rows("labour_short", bad["site_id"] + " " + bad["skill_code"], at)


def _stock(facts: Facts) -> pd.DataFrame:
    rows = stock_identity(facts)
    gap = (rows["on_hand_qty"] - rows["expected_qty"]).abs()
    limit = facts.params.divergence.stock_count_pct / 100 * rows["expected_qty"].clip(lower=1.0)
    bad = rows[gap > limit]
    return _rows("stock_record_wrong", bad["item_id"], bad["balance_at"])


def _trucks(facts: Facts) -> pd.DataFrame:
    rows = facts.tables["shipment"]
    rows = rows[_new(facts, rows["planned_departure_at"]) & (rows["status"] != "cancelled")]
    left = rows["actual_departure_at"].fillna(facts.as_of)
    hours = (left - rows["planned_departure_at"]).dt.total_seconds() / 3600
    late = rows[hours > facts.params.divergence.departure_late_hours]
    day = site_day(late["planned_departure_at"], facts.time_zone).dt.strftime("%Y-%m-%d")
    late = late.assign(day=day)
    lanes = late.groupby(["site_id", "day"])["lane_id"].transform("nunique")
    place = np.where(lanes > 1, late["site_id"], late["lane_id"])
    name = pd.Series(place, index=late.index) + " " + day
    return _rows("departure_late", name, late["planned_departure_at"])
