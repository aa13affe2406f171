"""Scrap: lines that scrap more than is usual for them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import count_of, look_up, named
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.series import charted, has_past

SIGMAS = 3.0
"""Where a line has no past, its ratio must leave the noise of its count by so many deviations."""
LEAST_SPREAD = 0.35
"""Runs of a line scatter at least so much in the logarithm of their scrap ratio."""


def scrap(facts: Facts) -> pd.DataFrame:
    """
    Return resources that since the last cycle scrap more than is usual for them.

    Each run (operation of a work order on a resource) is an observation, the logarithm of its
    scrap ratio; a shift must signal on the chart of the resource and its ratio must exceed the
    usual one by the tolerance. A resource without past is judged by the tolerance alone: its ratio
    of a day, or of an item over the cycle, against 100 less the routing's yield, beyond the noise
    of the count. A line that scraps too much with all it makes is one divergence, not one per item.
    """
    runs = _reports(facts, facts.progress.runs)
    usual = _usual(facts, runs)
    new = _reports(facts, facts.progress.days(facts.since))
    young = new[~new["resource_id"].isin(has_past(facts, runs))]
    chosen = pd.concat([_left_usual(facts, runs), _beyond_tolerance(facts, young, usual)])
    if chosen.empty:
        return empty_rows()
    rows = _summed(facts, chosen, ["resource_id"], usual)
    rows = rows[rows["actual_value"] > rows["planned_value"]].reset_index(drop=True)
    rows["object_id"] = rows["resource_id"]
    rows["site_id"] = look_up(rows["resource_id"], facts.resource_sites)
    rows["act_by_at"] = facts.as_of
    first_items = named(rows["items"].str[0], facts.item_names)
    rows["sentence"] = [
        f"scrap on {name}"
        + (f" of {item}" if len(items) == 1 else f" of {count_of(len(items), 'item')}")
        + f": {a:.1f} % against {p:.1f} % usual ({q:,.0f} units lost)"
        for name, item, items, a, p, q in zip(
            named(rows["resource_id"], facts.resource_names),
            first_items,
            rows["items"],
            rows["actual_value"],
            rows["planned_value"],
            rows["scrap_qty"],
            strict=True,
        )
    ]
    spans = [
        {"after": first - pd.Timedelta(seconds=1), "until": last}
        for first, last in zip(rows["first_seen_at"], rows["last_at"], strict=True)
    ]
    return finish(
        rows,
        divergence_type="scrap_above_plan",
        subject="execution",
        object_type="resource",
        owner_role="operations",
        unit="%",
        evidence_table="work_order_progress_event",
        evidence={
            "resource_id": rows["resource_id"],
            "wo_id": rows["orders"],
            "event_at": pd.Series(spans, index=rows.index, dtype="object"),
        },
    )


def _reports(facts: Facts, reports: pd.DataFrame) -> pd.DataFrame:
    """Reports of something made, with item, and ``group`` and ``at`` as the charts want them."""
    made = reports[(reports["good_qty"] + reports["scrap_qty"]) > 0]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    return made.assign(
        item_id=look_up(made["wo_id"], orders), group=made["resource_id"], at=made["last_at"]
    )


def _usual(facts: Facts, runs: pd.DataFrame) -> pd.Series:
    """Scrap ratio by resource: its own before the last cycle, else 100 less the yield. [%]"""
    past = runs[runs["at"] <= facts.since]
    past = past.groupby("resource_id")[["good_qty", "scrap_qty"]].sum()
    own = 100 * past["scrap_qty"] / (past["good_qty"] + past["scrap_qty"])
    routing = facts.tables["routing_alternate"].groupby("resource_id")["yield_pct"].mean()
    return own.combine_first(100 - routing.astype(float))


def _left_usual(facts: Facts, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs in shifts whose ratio exceeds the usual one by the tolerance."""
    tolerance = facts.params.divergence.scrap_pct / 100

    def tolerated(centre: float) -> float:
        return float(np.log1p(tolerance / np.exp(centre)))

    total = runs["good_qty"] + runs["scrap_qty"]
    valued = runs.assign(total=total, value=np.log((runs["scrap_qty"] + 0.5) / (total + 1.0)))
    bad = charted(facts, valued, least_spread=LEAST_SPREAD, tolerated=tolerated)
    summed = bad.groupby(["resource_id", "shift_no"])[["scrap_qty", "total"]].transform("sum")
    gap = summed["scrap_qty"] / summed["total"] - np.exp(bad["usual"])
    return runs.loc[bad.index[gap > tolerance]]


def _beyond_tolerance(facts: Facts, new: pd.DataFrame, usual: pd.Series) -> pd.DataFrame:
    """Return the reports of days, and of items over the cycle, beyond tolerance and noise."""
    chosen = pd.Series(False, index=new.index)
    for keys in (["resource_id", "day"], ["resource_id", "item_id"]):
        rows = _summed(facts, new, keys, usual)
        share = (rows["planned_value"] / 100).clip(0.0, 1.0)
        total = rows["good_qty"] + rows["scrap_qty"]
        noise = 100 * np.sqrt((share * (1 - share)).clip(lower=1e-6) / total)
        gap = rows["actual_value"] - rows["planned_value"]
        bad = rows[(gap > facts.params.divergence.scrap_pct) & (gap > SIGMAS * noise)]
        chosen |= pd.MultiIndex.from_frame(new[keys]).isin(pd.MultiIndex.from_frame(bad[keys]))
    return new[chosen]


def _summed(facts: Facts, reports: pd.DataFrame, keys: list[str], usual: pd.Series) -> pd.DataFrame:
    """Sum reports: quantities, ratio against the usual one, cost of what is beyond it."""
    cost = reports["scrap_qty"] * look_up(reports["item_id"], facts.items["std_cost"])
    rows = (
        reports.assign(cost=cost)
        .groupby(keys)
        .agg(
            good_qty=("good_qty", "sum"),
            scrap_qty=("scrap_qty", "sum"),
            cost=("cost", lambda money: money.sum(min_count=1)),
            first_seen_at=("first_at", "min"),
            last_at=("last_at", "max"),
            orders=("wo_id", lambda ids: sorted(set(ids))),
            items=("item_id", lambda ids: sorted(set(ids))),
        )
        .reset_index()
    )
    rows["planned_value"] = look_up(rows["resource_id"], usual).fillna(0.0).astype(float)
    rows["actual_value"] = 100 * rows["scrap_qty"] / (rows["good_qty"] + rows["scrap_qty"])
    gap = rows["actual_value"] - rows["planned_value"]
    rows["direct_cost"] = rows["cost"] * gap / rows["actual_value"].where(rows["scrap_qty"] > 0)
    rows["severity"] = gap / max(facts.params.divergence.scrap_pct, 1e-9)
    return rows
