r"""
Will a line make its week? Said on each day, and judged on past weeks before it is shown.

For line *l* on day *d* of a week, :math:`g` is the share of the week's planned hours by which the
work lies behind what should be done by the end of that day. The forecast of the share that will be
missing at the end is :math:`s = a_d + b_d g + u_l`: one regression per day over all lines and past
weeks, and what the line usually ends above or below it, shrunk to nil by :math:`n/(n+4)`. Its
distribution is that of the past errors of that day. The plain rule warns when :math:`g` reaches a
limit. Both limits are the lowest that would have kept to the declared share of false alarms in
earlier weeks; each week is judged by what was known before it (rolling origin).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.kpi.execution import baseline, week_opens_at
from soe_lib.kpi.value import Period
from soe_lib.monitoring.warning_rules import (
    LEAST_WEEKS,
    RULE_COLUMNS,
    Model,
    beats,
    judge_rules,
    limit_of,
    rules_sentence,
    shares,
)

DAY_COLUMNS = (
    "week_start_date",
    "resource_id",
    "day",
    "planned_hours",
    "due_hours",
    "done_hours",
    "final_hours",
)
WARNING_COLUMNS = ("resource_id", "day", "p_miss", "attainment_pct", "low_pct", "high_pct",
                   "behind_hours", "is_warned", "sentence")  # fmt: skip


@dataclass(frozen=True)
class Warnings:
    """
    The running week's warnings and how such warnings did in past weeks.

    Attributes
    ----------
    lines
        One row per line with a plan: :data:`WARNING_COLUMNS`; none on the first day of a week.
    rules
        Both rules on past weeks: :data:`RULE_COLUMNS`.
    is_shipped
        Whether the forecast beat the plain threshold; otherwise the threshold warns.
    sentence
        In words.
    """

    lines: pd.DataFrame
    rules: pd.DataFrame
    is_shipped: bool
    sentence: str


def week_days(facts: Facts, weeks: tuple[Period, ...]) -> pd.DataFrame:
    """
    Return how far each line was on each day of some weeks.

    The plan is the schedule in force when the week opened; operations that should end in the week
    count, good units up to their planned quantity, in standard hours.

    Returns
    -------
    pandas.DataFrame
        One row per (week, line, day 1 to 7 that has passed): :data:`DAY_COLUMNS` [h];
        ``final_hours`` is what was done by the end of the week (of ``as_of`` where it still runs).
    """
    reported = facts.progress.days(pd.Timestamp("1900-01-01", tz="UTC"))
    keys = ["wo_id", "op_no", "split_no"]
    sums = reported.groupby([*keys, "day"])["good_qty"].sum()
    done = sums.reset_index().astype({"op_no": "int64", "split_no": "int64"})
    routing = facts.tables["routing_alternate"]
    per_unit = routing.groupby(["item_id", "op_no"])["run_minutes_per_unit"].mean() / 60
    parts = []
    for week in weeks:
        plan = baseline(facts.tables["schedule_operation"], week_opens_at(facts.tables, week))
        plan = plan[(plan["end_at"] > week.start_at) & (plan["end_at"] <= week.end_at)]
        if plan.empty:
            continue
        plan = plan.astype({"op_no": "int64"}).assign(
            split_no=plan["split_no"].fillna(1).astype("int64")
        )
        index = pd.MultiIndex.from_frame(plan[["item_id", "op_no"]])
        plan = plan.assign(unit=per_unit.reindex(index).fillna(0.0).to_numpy())
        made = plan[keys].merge(done, on=keys)
        for day in range(1, 8):
            last = week.start_date + pd.Timedelta(days=day - 1)
            end = (last + pd.Timedelta(days=1)).tz_localize(facts.time_zone).tz_convert("UTC")
            if end > facts.as_of:
                break
            parts.append(_at_day(plan, made, week, day, last, end))
    if not parts:
        return pd.DataFrame(columns=list(DAY_COLUMNS))
    rows = pd.concat(parts, ignore_index=True)
    final = rows.sort_values("day").groupby(["week_start_date", "resource_id"])["done_hours"].last()
    index = pd.MultiIndex.from_frame(rows[["week_start_date", "resource_id"]])
    rows = rows.assign(final_hours=final.reindex(index).to_numpy())
    return rows[rows["planned_hours"] > 0][list(DAY_COLUMNS)].reset_index(drop=True)


def _at_day(
    plan: pd.DataFrame,
    made: pd.DataFrame,
    week: Period,
    day: int,
    last: pd.Timestamp,
    end: pd.Timestamp,
) -> pd.DataFrame:
    keys = ["wo_id", "op_no", "split_no"]
    qty = made[made["day"] <= last].groupby(keys)["good_qty"].sum()
    good = qty.reindex(pd.MultiIndex.from_frame(plan[keys])).fillna(0.0).to_numpy()
    planned = plan["planned_qty"].to_numpy(float)
    length = (plan["end_at"] - plan["start_at"]).dt.total_seconds().to_numpy()
    passed = (end - plan["start_at"]).dt.total_seconds().to_numpy()
    share = np.clip(passed / np.maximum(length, 1.0), 0.0, 1.0)
    unit = plan["unit"].to_numpy(float)
    rows = pd.DataFrame(
        {
            "resource_id": plan["resource_id"].to_numpy(),
            "planned_hours": planned * unit,
            "due_hours": planned * share * unit,
            "done_hours": np.minimum(good, planned) * unit,
        }
    )
    summed = rows.groupby("resource_id", as_index=False).sum()
    return summed.assign(week_start_date=week.start_date, day=day)


def warn(facts: Facts, history_weeks: int, target_pct: float) -> Warnings:
    """Return the running week's warnings, by the rule that did better in past weeks."""
    needed = ("schedule_operation", "work_order_progress_event", "routing_alternate")
    if not all(facts.has(name) for name in needed):
        return _silent("No early warning: the feed has no schedule with reports of the shop floor.")
    past_weeks = Period.last_weeks(facts.as_of, history_weeks, facts.time_zone)
    past = week_days(facts, past_weeks)
    budget = facts.params.monitoring.false_alarm_pct / 100
    rules = judge_rules(past, target_pct, budget)
    shipped = beats(rules)
    start = past_weeks[-1].end_date
    week = Period(start, start + pd.Timedelta(weeks=1), facts.time_zone)
    now = week_days(facts, (week,))
    told = rules_sentence(rules, shipped)
    if now.empty or past["week_start_date"].nunique() < LEAST_WEEKS:
        none = pd.DataFrame(columns=list(WARNING_COLUMNS))
        said = "The week has just begun: there is nothing to forecast from yet. "
        return Warnings(none, rules, shipped, said + told)
    lines = _lines(past, now, target_pct, shipped, budget)
    count = int(lines["is_warned"].sum())
    said = f"{count} of {len(lines)} lines are warned of for this week. "
    return Warnings(lines, rules, shipped, said + told)


def _silent(sentence: str) -> Warnings:
    return Warnings(
        pd.DataFrame(columns=list(WARNING_COLUMNS)),
        pd.DataFrame(columns=list(RULE_COLUMNS)),
        False,
        sentence,
    )


def _lines(
    past: pd.DataFrame, now: pd.DataFrame, target_pct: float, shipped: bool, budget: float
) -> pd.DataFrame:
    known = shares(past, target_pct)
    known = known[known["day"] <= 4]
    rows = shares(now, target_pct)
    rows = rows[rows["day"] == rows["day"].max()].reset_index(drop=True)
    model = Model.fit(known)
    chance, middle = model.chance(rows, target_pct), model.short(rows)
    sample = model.sample(int(rows["day"].iloc[0]))
    own = known.assign(score=model.chance(known, target_pct) if shipped else known["behind"])
    limit = limit_of(own, budget)
    score = chance if shipped else rows["behind"].to_numpy(float)
    low, high = (np.quantile(sample, level) for level in (0.9, 0.1))
    table = pd.DataFrame(
        {
            "resource_id": rows["resource_id"],
            "day": rows["day"].astype("int64"),
            "p_miss": chance,
            "attainment_pct": 100 * (1 - np.clip(middle, 0, 1)),
            "low_pct": 100 * (1 - np.clip(middle + low, 0, 1)),
            "high_pct": 100 * (1 - np.clip(middle + high, 0, 1)),
            "behind_hours": rows["due_hours"] - rows["done_hours"],
            "is_warned": score >= limit,
        }
    )
    table["sentence"] = [
        f"{r} is expected to end the week at {a:.0f} % of its plan ({lo:.0f} to {hi:.0f} %, "
        f"80 % sure); it is {b:.1f} h {'behind' if b > 0 else 'ahead'} after day {d}"
        for r, a, lo, hi, b, d in zip(
            table["resource_id"],
            table["attainment_pct"],
            table["low_pct"],
            table["high_pct"],
            table["behind_hours"].abs().where(table["behind_hours"] > 0, -table["behind_hours"]),
            table["day"],
            strict=True,
        )
    ]
    return table.sort_values(["p_miss", "resource_id"], ascending=[False, True], kind="stable")[
        list(WARNING_COLUMNS)
    ].reset_index(drop=True)
