"""Execution: late work orders, downtime, scrap, slow running, people missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.params import DivergenceParams


def late_work_orders(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, params: DivergenceParams
) -> pd.DataFrame:
    """Return open work orders past their due instant by more than the tolerance."""
    orders = tables["work_order"]
    still = orders[orders["ended_at"].isna() & ~orders["status"].isin(["completed", "cancelled"])]
    days = (as_of - still["due_at"]).dt.total_seconds() / 86_400
    rows = still[days > params.work_order_late_days].copy()
    if rows.empty:
        return empty_rows()
    cost = tables["item"].set_index("item_id")["std_cost"]
    rows["object_id"] = rows["wo_id"]
    rows["planned_value"] = 0.0
    rows["actual_value"] = rows["deviation_days"] = days[rows.index]
    rows["money_at_risk"] = rows["ordered_qty"] * rows["item_id"].map(cost).fillna(0.0)
    rows["severity"] = rows["deviation_days"] / max(params.work_order_late_days, 1e-9)
    rows["sentence"] = [
        f"work order {w} ({q:,.0f} of {i}) was due {d:%d %b} and is still open, {n:.0f} days late"
        for w, q, i, d, n in zip(
            rows["wo_id"],
            rows["ordered_qty"],
            rows["item_id"],
            rows["due_at"],
            rows["deviation_days"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="work_order_late",
        subject="execution",
        object_type="work_order",
        owner_role="operations",
        unit="days",
        evidence_table="work_order",
        evidence_columns=("wo_id",),
    )


def downtime(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return resources whose unplanned stops since the last cycle exceed the tolerance."""
    events = tables["downtime_event"]
    stops = events[~events["is_planned"].fillna(False) & (events["start_at"] <= as_of)].copy()
    stops["from"] = stops["start_at"].clip(lower=since)
    stops["to"] = stops["end_at"].fillna(as_of).clip(upper=as_of)
    stops["hours"] = ((stops["to"] - stops["from"]).dt.total_seconds() / 3600).clip(lower=0)
    stops = stops[stops["hours"] > 0]
    summed = stops.groupby("resource_id").agg(
        actual_value=("hours", "sum"),
        first_seen_at=("start_at", "min"),
        longest=("hours", "max"),
        is_open=("end_at", lambda end: end.isna().any()),
        reason=("reason_code", "first"),
    )
    rows = summed[summed["actual_value"] > params.downtime_hours].reset_index()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["planned_value"] = 0.0
    rows["severity"] = rows["actual_value"] / max(params.downtime_hours, 1e-9)
    rows["sentence"] = [
        f"{r} stood {h:.1f} h unplanned since the last cycle (longest {x:.1f} h, {c})"
        + (", and still stands" if o else "")
        for r, h, x, c, o in zip(
            rows["resource_id"],
            rows["actual_value"],
            rows["longest"],
            rows["reason"],
            rows["is_open"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="downtime",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="h",
        evidence_table="downtime_event",
        evidence_columns=("resource_id",),
    )


def scrap(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return items and resources whose scrap ratio is above its own past by the tolerance."""
    events = tables["work_order_progress_event"]
    events = events[events["event_at"] <= as_of]
    orders = tables["work_order"].set_index("wo_id")["item_id"]
    events = events.assign(item_id=events["wo_id"].map(orders))
    events = events[(events["good_qty"] + events["scrap_qty"]) > 0]
    keys = ["item_id", "resource_id"]
    recent = events["event_at"] > since
    now = events[recent].groupby(keys)[["good_qty", "scrap_qty"]].sum()
    past = events[~recent].groupby("resource_id")[["good_qty", "scrap_qty"]].sum()
    base = 100 * past["scrap_qty"] / (past["good_qty"] + past["scrap_qty"])
    rows = now.reset_index()
    total = rows["good_qty"] + rows["scrap_qty"]
    rows["actual_value"] = 100 * rows["scrap_qty"] / total
    rows["planned_value"] = rows["resource_id"].map(base).fillna(0.0)
    spread = 100 * np.sqrt(
        (rows["planned_value"] / 100 * (1 - rows["planned_value"] / 100)).clip(lower=1e-6) / total
    )
    gap = rows["actual_value"] - rows["planned_value"]
    rows = rows[(gap > params.scrap_pct) & (gap > 3 * spread)].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"] + " on " + rows["resource_id"]
    cost = tables["item"].set_index("item_id")["std_cost"]
    rows["money_at_risk"] = rows["scrap_qty"] * rows["item_id"].map(cost).fillna(0.0)
    rows["severity"] = (rows["actual_value"] - rows["planned_value"]) / max(params.scrap_pct, 1e-9)
    rows["sentence"] = [
        f"scrap of {i} on {r}: {a:.1f} % against {p:.1f} % usual"
        for i, r, a, p in zip(
            rows["item_id"],
            rows["resource_id"],
            rows["actual_value"],
            rows["planned_value"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="scrap_above_plan",
        subject="execution",
        object_type="item_resource",
        owner_role="operations",
        unit="%",
        evidence_table="work_order_progress_event",
        evidence_columns=("resource_id",),
    )


def slow_running(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return resources that since the last cycle ran slower than their routing by the tolerance."""
    events = tables["work_order_progress_event"]
    events = events[events["event_at"] <= as_of]
    keys = ["wo_id", "op_no", "resource_id"]
    began = events[events["event_type"] == "start"].groupby(keys)["event_at"].min()
    done = (
        events[events["event_type"] == "complete"]
        .groupby(keys)
        .agg(ended=("event_at", "max"), good_qty=("good_qty", "sum"))
    )
    runs = done.join(began.rename("began"), how="inner").reset_index()
    runs = runs[(runs["ended"] > since) & (runs["good_qty"] > 0)]
    runs["item_id"] = runs["wo_id"].map(tables["work_order"].set_index("wo_id")["item_id"])
    routing = tables["routing_alternate"][
        ["item_id", "op_no", "resource_id", "run_minutes_per_unit"]
    ]
    runs = runs.merge(routing, on=["item_id", "op_no", "resource_id"])
    elapsed = _open_hours(runs, tables["resource_calendar"], tables.get("downtime_event"))
    runs["standard_hours"] = runs["good_qty"] * runs["run_minutes_per_unit"] / 60
    runs["actual_hours"] = elapsed
    runs = runs[runs["actual_hours"] > 0]
    summed = runs.groupby("resource_id")[["standard_hours", "actual_hours"]].sum()
    summed = summed[summed["standard_hours"] >= 4]
    rows = summed.reset_index()
    rows["actual_value"] = 100 * rows["standard_hours"] / rows["actual_hours"]
    rows["planned_value"] = 100.0
    rows = rows[rows["actual_value"] < 100 - params.rate_pct].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["resource_id"]
    rows["severity"] = (100 - rows["actual_value"]) / max(params.rate_pct, 1e-9)
    rows["sentence"] = [
        f"{r} ran at {a:.0f} % of its standard rate ({s:.0f} h of work took {h:.0f} h)"
        for r, a, s, h in zip(
            rows["resource_id"],
            rows["actual_value"],
            rows["standard_hours"],
            rows["actual_hours"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="running_slow",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="% of standard",
        evidence_table="work_order_progress_event",
        evidence_columns=("resource_id",),
    )


def _open_hours(
    runs: pd.DataFrame, calendar: pd.DataFrame, stops: pd.DataFrame | None
) -> pd.Series:
    """Hours between begin and end of each run in which its resource was open and not down."""
    opened = calendar[calendar["calendar_kind"].isin(["shift", "overtime"])]
    hours = _overlap(runs, opened)
    if stops is not None and len(stops):
        hours -= _overlap(runs, stops.assign(end_at=stops["end_at"].fillna(runs["ended"].max())))
    return hours.clip(lower=0)


def _overlap(runs: pd.DataFrame, intervals: pd.DataFrame) -> pd.Series:
    """Hours of each run covered by intervals of its resource (cumulative open time difference)."""
    total = pd.Series(0.0, index=runs.index)
    for resource, own in intervals.groupby("resource_id"):
        here = runs[runs["resource_id"] == resource]
        ordered = own.sort_values("start_at")
        begin = ordered["start_at"].to_numpy("datetime64[us]").astype(np.int64)
        end = ordered["end_at"].to_numpy("datetime64[us]").astype(np.int64)
        before = np.concatenate([[0], np.cumsum(np.maximum(end - begin, 0))])

        def open_until(
            at: pd.Series,
            begin: np.ndarray = begin,
            end: np.ndarray = end,
            before: np.ndarray = before,
        ) -> np.ndarray:
            moment = at.to_numpy("datetime64[us]").astype(np.int64)
            k = np.searchsorted(begin, moment, side="right")
            inside = np.where(
                k > 0,
                np.minimum(moment, end[np.maximum(k - 1, 0)]) - begin[np.maximum(k - 1, 0)],
                0,
            )
            return np.where(k > 0, before[np.maximum(k - 1, 0)] + np.maximum(inside, 0), 0)

        total[here.index] = (open_until(here["ended"]) - open_until(here["began"])) / 3.6e9
    return total


def labour(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    params: DivergenceParams,
) -> pd.DataFrame:
    """Return skills and sites whose people present fell short of plan, by day, since the cycle."""
    rows = tables["labour_availability"]
    day = rows["labour_date"]
    here = (day >= since.tz_localize(None).normalize()) & rows["actual_headcount"].notna()
    summed = (
        rows[here]
        .groupby(["site_id", "skill_code"])[["planned_headcount", "actual_headcount"]]
        .sum()
        .reset_index()
    )
    worst = rows[here].assign(short=rows["planned_headcount"] - rows["actual_headcount"])
    share = worst["short"] / worst["planned_headcount"].where(worst["planned_headcount"] > 0)
    bad = worst[share > params.labour_pct / 100].copy()
    if bad.empty:
        return empty_rows()
    grouped = bad.groupby(["site_id", "skill_code"]).agg(
        planned_value=("planned_headcount", "sum"),
        actual_value=("actual_headcount", "sum"),
        shifts=("short", "size"),
        first=("labour_date", "min"),
    )
    found = grouped.reset_index()
    overall = summed.set_index(["site_id", "skill_code"])
    ratio = overall["actual_headcount"] / overall["planned_headcount"]
    found["overall"] = [
        float(ratio.get((s, k), 1.0))
        for s, k in zip(found["site_id"], found["skill_code"], strict=True)
    ]
    found["object_id"] = found["site_id"] + " " + found["skill_code"]
    gap = (found["planned_value"] - found["actual_value"]) / found["planned_value"]
    found["severity"] = 100 * gap / max(params.labour_pct, 1e-9)
    found["sentence"] = [
        f"{o}: {p - a:.0f} of {p:.0f} people missing over {n} shifts ({100 * r:.0f} % present)"
        for o, p, a, n, r in zip(
            found["object_id"],
            found["planned_value"],
            found["actual_value"],
            found["shifts"],
            found["overall"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="labour_short",
        subject="execution",
        object_type="site_skill",
        owner_role="operations",
        unit="people",
        evidence_table="labour_availability",
        evidence_columns=("site_id", "skill_code"),
    )
