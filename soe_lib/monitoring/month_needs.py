"""What the month plan needs of each line, and what each line has shown that it can do."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.rates import completed_runs, open_hours
from soe_lib.kpi.open_time import available_hours, open_time
from soe_lib.kpi.value import Period
from soe_lib.sop import plan_version_at


def demonstrated_rates(facts: Facts) -> pd.DataFrame:
    """
    Return standard hours per open hour that each line can earn, by past week.

    Returns
    -------
    pandas.DataFrame
        One row per complete week with runs, one column per resource; where a line ran less than an
        hour in a week, its mean stands.
    """
    runs = completed_runs(facts)
    events = facts.tables["work_order_progress_event"]
    keys = ["wo_id", "op_no", "resource_id"]
    begun = events[events["event_type"] == "setup_start"].groupby(keys)["event_at"].min()
    ended = events[events["event_type"] == "setup_end"].groupby(keys)["event_at"].max()
    setups = pd.concat([begun.rename("began"), ended.rename("ended")], axis=1, join="inner")
    setups = setups[setups["ended"] > setups["began"]].reset_index()
    setups["hours"] = open_hours(facts, setups) if len(setups) else 0.0
    stops = facts.tables["downtime_event"]
    stops = stops[~stops["is_planned"].fillna(False).astype(bool)]
    open_ = open_time(facts.tables)
    count = int(max((facts.as_of - runs["ended"].min()).days // 7 + 1, 0)) if len(runs) else 0
    rows, index = [], []
    for week in Period.last_weeks(facts.as_of, count, facts.time_zone) if count else ():
        begin, end = week.start_at, week.end_at
        inside = runs[(runs["ended"] > begin) & (runs["ended"] <= end)]
        own = inside.groupby("resource_id")[["standard_hours", "actual_hours"]].sum()
        extra = setups[(setups["ended"] > begin) & (setups["ended"] <= end)]
        busy = own["actual_hours"].add(extra.groupby("resource_id")["hours"].sum(), fill_value=0.0)
        speed = (own["standard_hours"] / busy).where(busy >= 1.0)
        down = _overlap(stops, begin, end, facts.as_of)
        hours = available_hours(open_, begin, end)
        share = (1 - down.reindex(hours.index).fillna(0.0) / hours.where(hours > 0)).clip(0, 1)
        rows.append(speed * share.reindex(speed.index))
        index.append(week.start_date)
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows, index=index).dropna(how="all").dropna(axis=1, how="all")
    return table.fillna(table.mean())


def _overlap(
    stops: pd.DataFrame, begin: pd.Timestamp, end: pd.Timestamp, as_of: pd.Timestamp
) -> pd.Series:
    low = stops["start_at"].where(stops["start_at"] > begin, begin)
    until = stops["end_at"].fillna(as_of)
    high = until.where(until < end, end)
    hours = ((high - low).dt.total_seconds() / 3600).clip(lower=0)
    return hours.groupby(stops["resource_id"]).sum()


def family_plan(facts: Facts, month: pd.Timestamp) -> pd.DataFrame:
    """Return plan and output so far of each family in the month."""
    rows = plan_version_at(facts.tables["sop_plan"], facts.as_of)
    rows = rows[rows["plan_month"] == month]
    measure = "production" if (rows["measure"] == "production").any() else "demand"
    planned = rows[rows["measure"] == measure].groupby("family_id")["planned_qty"].sum()
    plan = planned.reset_index()
    begin = month.tz_localize(facts.time_zone).tz_convert("UTC")
    made = _made(facts, begin)
    cost = facts.items.groupby("family_id")["std_cost"].mean()
    return plan.assign(
        plan_month=month,
        done_qty=plan["family_id"].map(made).fillna(0.0).astype(float),
        std_cost=plan["family_id"].map(cost).fillna(1.0).astype(float),
    )


def _made(facts: Facts, begin: pd.Timestamp) -> pd.Series:
    """Return good units of last operations since an instant, by family."""
    days = facts.progress.days(begin)
    items = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    days = days.assign(item_id=days["wo_id"].map(items))
    last = facts.tables["routing_alternate"].groupby("item_id")["op_no"].max()
    final = days[days["op_no"].astype("int64") == days["item_id"].map(last).fillna(-1)]
    return final.groupby(final["item_id"].map(facts.items["family_id"]))["good_qty"].sum()


def hours_per_unit(facts: Facts) -> pd.DataFrame:
    """Return standard hours on each preferred line per unit of a family, by its mix."""
    routing = facts.tables["routing_alternate"].copy()
    routing["preference"] = routing["preference"].astype("float64").fillna(1.0)
    routing = routing.sort_values(["item_id", "op_no", "preference", "resource_id"])
    first = routing.drop_duplicates(["item_id", "op_no"])
    good = first["yield_pct"].astype("float64").fillna(100.0) / 100
    first = first.assign(hours=first["run_minutes_per_unit"].astype(float) / 60 / good)
    mix = facts.tables["family_mix"]
    begins = mix["valid_from_date"]
    mix = mix[begins.isna() | (begins <= facts.today)]
    mix = mix.drop_duplicates(["family_id", "item_id"], keep="last")
    total = mix.groupby("family_id")["mix_weight"].transform("sum")
    share = (mix["mix_weight"] / total.where(total > 0)).fillna(0.0)
    joined = mix.assign(share=share)[["family_id", "item_id", "share"]].merge(
        first[["item_id", "resource_id", "hours"]], on="item_id"
    )
    joined["hours"] *= joined["share"]
    return joined.pivot_table(
        index="family_id", columns="resource_id", values="hours", aggfunc="sum"
    ).fillna(0.0)


def pools(facts: Facts) -> dict[str, str]:
    """
    Return the pool of each resource: lines that can stand in for each other count together.

    Two resources are of one pool when some operation of some item may run on either.
    """
    root = {str(name): str(name) for name in facts.tables["resource"]["resource_id"]}

    def find(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    routing = facts.tables["routing_alternate"]
    for _, own in routing.groupby(["item_id", "op_no"])["resource_id"]:
        names = sorted({str(name) for name in own} & set(root))
        for name in names[1:]:
            one, other = sorted((find(names[0]), find(name)))
            root[other] = one
    members: dict[str, list[str]] = {}
    for name in sorted(root):
        members.setdefault(find(name), []).append(name)
    return {name: " + ".join(own) for own in members.values() for name in own}


def open_weeks(facts: Facts, month: pd.Timestamp, begin: pd.Timestamp) -> pd.DataFrame:
    """Return open hours of each line from an instant to the end of the month, by week."""
    zone = facts.time_zone
    end = (month + pd.offsets.MonthBegin(1)).tz_localize(zone).tz_convert("UTC")
    open_ = open_time(facts.tables)
    edges = [begin]
    while edges[-1] < end:
        edges.append(min(edges[-1] + pd.Timedelta(weeks=1), end))
    parts = [available_hours(open_, a, b) for a, b in pairwise(edges)]
    return pd.DataFrame(parts).fillna(0.0)
