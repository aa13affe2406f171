"""
How rates, stops, scrap and suppliers vary, learnt from the site's own history.

Everything is known at ``as_of``. Every quantity is an empirical distribution by resource, item or
supplier that leans on that of all where outcomes are few (:mod:`soe_lib.impact.shrunken`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.rates import completed_runs
from soe_lib.impact.shrunken import Shrunken, fit_shrunken, intraclass

NOTICE_DAYS = 7
"""A supplier's promise counts as it stood this long before the receipt. [days]"""
LEAST_RATIO, MOST_RATIO = 0.3, 5.0
"""Run times beyond these shares of the standard are errors of the feed."""
PRIOR_HOURS = 100.0
"""Open hours of the pool that weigh in the stop rate of a resource. [h]"""
LEAST_STOP_HOURS = 5 / 60
LEAST_RUNS = 5
"""Runs below which the rate of a resource is not known."""


@dataclass(frozen=True)
class Noise:
    """
    Distributions of what varies; None: the feed has no history of it, so it does not vary.

    Attributes
    ----------
    rate
        Actual over planned run time, by resource.
    rate_common
        Share of its variance that a resource's runs of one week have in common.
    stop_rate
        Stops per open hour, by resource. [1/h]
    stop_hours
        Length of a stop, by resource. [h]
    scrap
        Scrapped share of a lot, by item.
    supplier_days
        Receipt minus promise, by supplier. [days]
    supplier_common
        Share of its variance that a supplier's receipts of one month have in common.
    """

    rate: Shrunken | None
    rate_common: float
    stop_rate: Mapping[str, float]
    stop_hours: Shrunken | None
    scrap: Shrunken | None
    supplier_days: Shrunken | None
    supplier_common: float

    def sentences(self) -> list[str]:
        """Return what was learnt from how much, and what does not vary for want of history."""
        parts = [
            ("run times", self.rate, "completed runs"),
            ("stops", self.stop_hours, "stops"),
            ("scrap", self.scrap, "completed lots"),
            ("suppliers", self.supplier_days, "receipts"),
        ]
        return [
            f"{name} from {found.num_outcomes:,} {what}"
            if found is not None
            else f"{name} do not vary: the feed has no {what}"
            for name, found, what in parts
        ]


def fit_noise(facts: Facts) -> Noise:
    """
    Learn how the site varies.

    Parameters
    ----------
    facts
        Snapshot and instant; nothing later is looked at.
    """
    runs = run_ratios(facts)
    rate, rate_common = None, 0.0
    if len(runs):
        rate = fit_shrunken(runs["ratio"], runs["resource_id"], when=runs["ended"])
        weeks = runs["ended"].dt.floor("7D").astype("str") + runs["resource_id"]
        rate_common = intraclass(np.log(runs["ratio"].to_numpy()), weeks.to_numpy())
    stops, stop_rate = _stops(facts)
    lots = _lots(facts)
    receipts = supplier_delays(facts.tables, facts.as_of)
    supplier, supplier_common = None, 0.0
    if len(receipts):
        supplier = fit_shrunken(
            receipts["late_days"],
            receipts["supplier_id"],
            when=receipts["received_at"],
            forgets=True,
        )
        months = receipts["received_at"].dt.strftime("%Y-%m") + receipts["supplier_id"]
        supplier_common = intraclass(receipts["late_days"].to_numpy(float), months.to_numpy())
    return Noise(
        rate=rate,
        rate_common=rate_common,
        stop_rate=stop_rate,
        stop_hours=fit_shrunken(stops["hours"], stops["resource_id"]) if len(stops) else None,
        scrap=fit_shrunken(lots["share"], lots["item_id"]) if len(lots) else None,
        supplier_days=supplier,
        supplier_common=supplier_common,
    )


def run_ratios(facts: Facts) -> pd.DataFrame:
    """
    Return actual over planned run time of completed operations.

    Against the standard rate where the feed has rates; else the time from start to end against the
    published one.

    Returns
    -------
    pandas.DataFrame
        ``resource_id``, ``ended``, ``ratio``.
    """
    if len(facts.tables["run_rate"]) and len(facts.tables["work_order_progress_event"]):
        runs = completed_runs(facts)
        runs = runs.assign(ratio=runs["actual_hours"] / runs["standard_hours"])
    else:
        runs = _published_ratios(facts)
    kept = runs["ratio"].between(LEAST_RATIO, MOST_RATIO)
    return runs.loc[kept, ["resource_id", "ended", "ratio"]].reset_index(drop=True)


def known_ratios(facts: Facts, since: pd.Timestamp) -> dict[str, float]:
    """Return the median of actual over planned run time by resource, of runs ended by then."""
    runs = run_ratios(facts)
    before = runs[runs["ended"] <= since]
    counts = before.groupby("resource_id")["ratio"].agg(["median", "size"])
    enough = counts[counts["size"] >= LEAST_RUNS]
    return {str(name): float(value) for name, value in enough["median"].items()}


def _published_ratios(facts: Facts) -> pd.DataFrame:
    keys = ["wo_id", "op_no", "split_no"]
    events = facts.tables["work_order_progress_event"]
    events = events[events["event_at"] <= facts.as_of]
    events = events.assign(split_no=events["split_no"].fillna(1).astype("int64"))
    began = events[events["event_type"] == "start"].groupby(keys)["event_at"].min()
    ended = events[events["event_type"] == "complete"].groupby(keys)["event_at"].max()
    actual = pd.concat([began.rename("began"), ended.rename("ended")], axis=1, join="inner")
    plan = facts.tables["schedule_operation"].sort_values("published_at", kind="stable")
    plan = plan.drop_duplicates(keys, keep="last").astype({"split_no": "int64"})
    runs = actual.reset_index().merge(plan[[*keys, "resource_id", "start_at", "end_at"]], on=keys)
    planned = (runs["end_at"] - runs["start_at"]).dt.total_seconds()
    runs = runs.assign(ratio=(runs["ended"] - runs["began"]).dt.total_seconds() / planned)
    return runs[planned > 0]


def _stops(facts: Facts) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return ended unplanned stops, and stops per open hour of each resource, shrunken."""
    events = facts.tables["downtime_event"]
    own = events[
        ~events["is_planned"].fillna(False).astype(bool)
        & events["end_at"].notna()
        & (events["end_at"] <= facts.as_of)
    ]
    own = own.assign(hours=(own["end_at"] - own["start_at"]).dt.total_seconds() / 3600)
    own = own[own["hours"] >= LEAST_STOP_HOURS]
    calendar = facts.tables["resource_calendar"]
    shifts = calendar[calendar["calendar_kind"].isin(["shift", "overtime"])]
    if own.empty or shifts.empty:
        return own.head(0), {}
    first = max(own["start_at"].min(), shifts["start_at"].min())
    begin = shifts["start_at"].where(shifts["start_at"] >= first, first)
    end = shifts["end_at"].where(shifts["end_at"] <= facts.as_of, facts.as_of)
    hours = (end - begin).dt.total_seconds().clip(lower=0) / 3600
    open_hours = hours.groupby(shifts["resource_id"]).sum()
    count = own.groupby("resource_id").size().reindex(open_hours.index).fillna(0)
    pooled = float(count.sum() / max(open_hours.sum(), 1e-9))
    rate = (count + pooled * PRIOR_HOURS) / (open_hours + PRIOR_HOURS)
    return own, {str(name): float(value) for name, value in rate.items()}


def _lots(facts: Facts) -> pd.DataFrame:
    orders = facts.tables["work_order"]
    done = orders[orders["ended_at"].notna() & (orders["ended_at"] <= facts.as_of)]
    done = done[(done["ordered_qty"] > 0) & done["scrap_qty"].notna()]
    return done.assign(share=(done["scrap_qty"] / done["ordered_qty"]).clip(0.0, 1.0))


def supplier_delays(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return how late each purchase order line came.

    Against the promise as it stood ``NOTICE_DAYS`` before the receipt, else the first promise, the
    last one or the required date, whichever the feed has.

    Returns
    -------
    pandas.DataFrame
        ``po_id``, ``line_id``, ``supplier_id``, ``received_at``, ``late_days`` (whole days).
    """
    keys = ["po_id", "line_id"]
    receipts = tables["goods_receipt_event"]
    receipts = receipts[receipts["received_at"] <= as_of]
    last = receipts.groupby(keys)["received_at"].max().reset_index()
    lines = tables["purchase_order_line"].drop_duplicates(keys)
    lines = lines[(lines["status"] == "completed") & lines["supplier_id"].notna()]
    columns = [*keys, "supplier_id", "first_promised_date", "promised_date", "required_date"]
    found = last.merge(lines[columns], on=keys)
    day = found["first_promised_date"].fillna(found["promised_date"])
    day = day.fillna(found["required_date"])
    events = tables["supplier_confirmation_event"]
    if len(events):
        both = events.merge(found[[*keys, "received_at"]], on=keys)
        notice = both["received_at"] - pd.Timedelta(days=NOTICE_DAYS)
        known = both[both["event_at"] <= notice].sort_values("event_at", kind="stable")
        known = known.drop_duplicates(keys, keep="last")[[*keys, "confirmed_date"]]
        day = found.merge(known, on=keys, how="left")["confirmed_date"].fillna(day)
    received = found["received_at"].dt.tz_localize(None).dt.normalize()
    late = (received - day).dt.total_seconds() / 86_400
    found = found.assign(late_days=late)[late.notna()]
    return found[[*keys, "supplier_id", "received_at", "late_days"]].reset_index(drop=True)
