"""What was planned for a week against what was run in it, operation by operation."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import OPEN_KINDS
from soe_lib.kpi.facts import known_at, without_superseded
from soe_lib.kpi.value import Period
from soe_lib.tables import TABLES

OPERATION = ["wo_id", "op_no", "split_no"]
_STARTING = ("start", "progress", "complete")
_HELD = ("draft",)
COLUMNS = (
    *OPERATION,
    "item_id",
    "resource_id",
    "actual_resource_id",
    "planned_start_at",
    "planned_end_at",
    "actual_start_at",
    "actual_end_at",
    "planned_qty",
    "good_qty",
    "week_good_qty",
    "scrap_qty",
    "hours_per_unit",
    "is_planned",
    "is_due_to_start",
    "is_due_to_finish",
    "origin",
    "exclude_reason",
    "reason_code",
)


def baseline(schedule: pd.DataFrame, freeze_at: pd.Timestamp) -> pd.DataFrame:
    """
    Return the operations that were the plan at an instant: per site the version published last.

    Parameters
    ----------
    schedule
        Canonical ``schedule_operation``.
    freeze_at
        Instant UTC; what was published later is not the plan (measured against a later version
        every shop is on plan).
    """
    known = schedule[(schedule["published_at"] <= freeze_at) & ~schedule["status"].isin(_HELD)]
    if known.empty:
        return known
    site = known["site_id"].astype("object").where(known["site_id"].notna(), "")
    newest = (
        known.assign(site=site)
        .sort_values(["published_at", "version_id"], kind="stable")
        .groupby("site")["version_id"]
        .last()
    )
    return known[known["version_id"] == site.map(newest)]


def week_opens_at(tables: Mapping[str, pd.DataFrame], period: Period) -> pd.Timestamp:
    """
    Return when the first line opens in the week: a schedule published by then is the week's plan.

    A plan published on Monday before the first shift is the one that the shop works to; one
    published later is a re-plan. Without a calendar the week opens at its first instant.
    """
    calendar = _table(tables, "resource_calendar")
    opened = calendar[
        calendar["calendar_kind"].isin(OPEN_KINDS)
        & (calendar["end_at"] > period.start_at)
        & (calendar["start_at"] < period.end_at)
    ]
    if opened.empty:
        return period.start_at
    return max(period.start_at, pd.Timestamp(opened["start_at"].min()))


def actual_operations(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, period: Period
) -> pd.DataFrame:
    """
    Sum what the shop floor reported, up to the end of the period and within it.

    Returns
    -------
    pandas.DataFrame
        One row per operation that ran: :data:`OPERATION` keys (``split_no`` 1 where MES reports
        none), ``actual_resource_id`` (where most good units were made), ``actual_start_at``,
        ``actual_end_at`` (empty = not complete), ``good_qty`` and ``scrap_qty`` so far,
        ``week_good_qty`` [uom], ``reason_code`` (last one reported).
    """
    events = _known_events(tables, as_of, period)
    if events.empty:
        return pd.DataFrame(
            {
                **{name: events[name] for name in OPERATION},
                "actual_resource_id": events["resource_id"],
                "actual_start_at": events["event_at"],
                "actual_end_at": events["event_at"],
                "good_qty": events["good_qty"],
                "week_good_qty": events["good_qty"],
                "scrap_qty": events["scrap_qty"],
                "reason_code": events["reason_code"],
            }
        )
    at, kind = events["event_at"], events["event_type"]
    events = events.assign(
        begins=at.where(kind.isin(_STARTING)),
        ends=at.where(kind == "complete"),
        in_week=events["good_qty"].where(at > period.start_at, 0.0),
    )
    found = events.groupby(OPERATION).agg(
        actual_start_at=("begins", "min"),
        actual_end_at=("ends", "max"),
        good_qty=("good_qty", "sum"),
        week_good_qty=("in_week", "sum"),
        scrap_qty=("scrap_qty", "sum"),
        reason_code=("reason_code", "last"),
    )
    by_place = events.groupby([*OPERATION, "resource_id"])["good_qty"].agg(["sum", "size"])
    by_place = by_place.reset_index().sort_values(
        [*OPERATION, "sum", "size", "resource_id"],
        ascending=[True, True, True, False, False, True],
        kind="stable",
    )
    main = by_place.drop_duplicates(OPERATION).set_index(OPERATION)["resource_id"]
    found["actual_resource_id"] = main
    return found[found["actual_start_at"].notna()].reset_index()


def planned_against_run(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    freeze_at: pd.Timestamp,
) -> pd.DataFrame:
    """
    Match the plan of a week with what was run.

    The plan is the schedule in force at the freeze. Part of it is what was to start or to
    finish in the week; beside it stands whatever else ran: carried over from an earlier week,
    pulled ahead from a later one, or unscheduled (in no plan). A lot that was split, or whose
    splits MES does not report, is matched as a whole.

    Parameters
    ----------
    tables
        Canonical tables: ``schedule_operation``, ``work_order_progress_event``, ``work_order``,
        and for the hours of a unit ``routing_alternate``; what is missing counts as empty.
    as_of
        Instant UTC: only what was true and recorded by then counts.
    period
        The week. What ends exactly at its end belongs to it.
    freeze_at
        Instant UTC at which the plan was in force, usually :func:`week_opens_at`.

    Returns
    -------
    pandas.DataFrame
        One row per operation, columns :data:`COLUMNS`: ``resource_id`` is the planned one (for
        work in no plan, where it ran), ``good_qty`` is all that was made by the end of the week,
        ``week_good_qty`` the part made within it, ``hours_per_unit`` standard hours [h/uom],
        ``origin`` plan, carried over, pulled ahead or unscheduled, ``exclude_reason`` empty or
        ``demand`` (the customer cancelled after the freeze: not the shop's miss).
    """
    schedule = _table(tables, "schedule_operation")
    schedule = schedule[known_at(schedule, "published_at") <= as_of]
    plan = baseline(schedule, freeze_at)
    run = actual_operations(tables, as_of, period)
    run["item_id"] = run["wo_id"].map(_items_of(tables))
    columns = [*OPERATION, "item_id", "planned_qty", "resource_id", "start_at", "end_at"]
    plan = plan[[*columns, "pegged_demand"]].rename(
        columns={"start_at": "planned_start_at", "end_at": "planned_end_at"}
    )
    plan["split_no"] = plan["split_no"].astype("Int64").fillna(1)
    plan, run = _joined_splits(plan, run)
    both = plan.merge(
        run.drop(columns="item_id"), on=OPERATION, how="left", validate="one_to_one"
    ).assign(is_planned=True)
    extra = run.merge(plan[OPERATION], on=OPERATION, how="left", indicator=True)
    extra = extra[extra["_merge"] == "left_only"].drop(columns="_merge")
    extra = extra.assign(resource_id=extra["actual_resource_id"], is_planned=False)
    found = pd.concat([both, extra], ignore_index=True) if len(extra) else both
    for name in ("good_qty", "week_good_qty", "scrap_qty"):
        found[name] = found[name].astype(float).fillna(0.0)
    found["planned_qty"] = found["planned_qty"].astype(float).fillna(0.0)
    found["is_due_to_start"] = _inside(found["planned_start_at"], period, closed="left")
    found["is_due_to_finish"] = _inside(found["planned_end_at"], period, closed="right")
    found["origin"] = _origin(found, schedule, period, freeze_at)
    found["exclude_reason"] = _excluded(found, tables, as_of)
    found["hours_per_unit"] = _hours_per_unit(found, _table(tables, "routing_alternate"))
    ran = (found["week_good_qty"] > 0) | _inside(found["actual_start_at"], period, closed="left")
    kept = found[found["is_due_to_start"] | found["is_due_to_finish"] | ran]
    ordered = kept.sort_values(
        ["resource_id", "planned_start_at", "actual_start_at", *OPERATION], kind="stable"
    )
    return ordered[list(COLUMNS)].reset_index(drop=True)


def _table(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    rows = tables.get(name)
    return TABLES[name].empty() if rows is None else rows


def _items_of(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    orders = _table(tables, "work_order").drop_duplicates("wo_id")
    return orders.set_index("wo_id")["item_id"]


def _known_events(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, period: Period
) -> pd.DataFrame:
    events = without_superseded(_table(tables, "work_order_progress_event"), as_of, "event_at")
    until = min(as_of, period.end_at)
    events = events[(events["event_at"] <= until) & (known_at(events, "event_at") <= as_of)]
    return events.assign(
        split_no=events["split_no"].astype("Int64").fillna(1),
        good_qty=events["good_qty"].astype(float).fillna(0.0),
        scrap_qty=events["scrap_qty"].astype(float).fillna(0.0),
    ).sort_values(["event_at", "event_id"], kind="stable")


def _joined_splits(plan: pd.DataFrame, run: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sum the splits of an operation on both sides wherever they do not name the same splits."""
    parent = ["wo_id", "op_no"]
    known = plan[OPERATION].assign(planned=True)
    seen = run[OPERATION].merge(plan[parent].drop_duplicates(), on=parent)
    seen = seen.merge(known, on=OPERATION, how="left")
    strangers = seen.loc[seen["planned"].isna(), parent].drop_duplicates()
    if strangers.empty:
        return plan, run

    def fold(rows: pd.DataFrame, how: dict[str, str], biggest: str) -> pd.DataFrame:
        marked = rows.merge(strangers.assign(odd=True), on=parent, how="left")
        odd = marked["odd"].notna()
        apart = marked[odd].sort_values(biggest, ascending=False, kind="stable")
        summed = apart.groupby(parent, sort=True).agg(how).reset_index().assign(split_no=1)
        summed["split_no"] = summed["split_no"].astype("Int64")
        return pd.concat([marked[~odd].drop(columns="odd"), summed[rows.columns]])

    planned = fold(
        plan,
        {
            "item_id": "first",
            "planned_qty": "sum",
            "resource_id": "first",
            "planned_start_at": "min",
            "planned_end_at": "max",
            "pegged_demand": "first",
        },
        "planned_qty",
    )
    made = fold(
        run.assign(open_splits=run["actual_end_at"].isna()),
        {
            "actual_resource_id": "first",
            "actual_start_at": "min",
            "actual_end_at": "max",
            "good_qty": "sum",
            "week_good_qty": "sum",
            "scrap_qty": "sum",
            "reason_code": "last",
            "item_id": "first",
            "open_splits": "max",
        },
        "good_qty",
    )
    finished = ~made["open_splits"].astype(bool)
    made["actual_end_at"] = made["actual_end_at"].where(finished)
    return planned.reset_index(drop=True), made.drop(columns="open_splits").reset_index(drop=True)


def _inside(at: pd.Series, period: Period, *, closed: str) -> pd.Series:
    if closed == "left":
        return ((at >= period.start_at) & (at < period.end_at)).fillna(False).astype(bool)
    return ((at > period.start_at) & (at <= period.end_at)).fillna(False).astype(bool)


def _origin(
    found: pd.DataFrame, schedule: pd.DataFrame, period: Period, freeze_at: pd.Timestamp
) -> pd.Series:
    due = found["is_due_to_start"] | found["is_due_to_finish"]
    early = found["planned_end_at"] <= period.start_at
    before = schedule[schedule["published_at"] <= freeze_at]
    listed = pd.MultiIndex.from_frame(before[["wo_id", "op_no"]].drop_duplicates())
    own = pd.MultiIndex.from_frame(found[["wo_id", "op_no"]])
    once = ~found["is_planned"] & own.isin(listed)
    began = (found["actual_start_at"] < period.start_at).fillna(False)
    words = np.select(
        [due, found["is_planned"] & early, found["is_planned"], once | began],
        ["plan", "carried over", "pulled ahead", "carried over"],
        "unscheduled",
    )
    return pd.Series(words, index=found.index, dtype="str")


def _excluded(
    found: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.Series:
    """``demand`` where the customers cancelled every order line behind a planned operation."""
    lines = _table(tables, "sales_order_line")
    gone = lines[
        (lines["cancelled_by"] == "customer")
        & (lines["cancelled_at"].isna() | (lines["cancelled_at"] <= as_of))
    ]
    reason = pd.Series("", index=found.index, dtype="str")
    if gone.empty:
        return reason
    cancelled = set(zip(gone["order_id"], gone["line_id"], strict=True))
    orders = _table(tables, "work_order").drop_duplicates("wo_id").set_index("wo_id")
    parents = dict(
        zip(
            orders.index,
            zip(orders["parent_order_id"], orders["parent_line_id"], strict=True),
            strict=True,
        )
    )
    pegs = found["pegged_demand"].where(found["is_planned"])
    dropped = [
        planned and good <= 0 and _all_cancelled(peg, parents.get(wo), cancelled)
        for planned, good, peg, wo in zip(
            found["is_planned"], found["good_qty"], pegs, found["wo_id"], strict=True
        )
    ]
    return reason.mask(pd.Series(dropped, index=found.index), "demand")


def _all_cancelled(
    peg: object, parent: tuple[object, object] | None, cancelled: set[tuple[object, object]]
) -> bool:
    if isinstance(peg, str) and peg.strip():
        try:
            served = [(str(row[0]), str(row[1])) for row in json.loads(peg)]
        except (ValueError, TypeError, IndexError):
            served = []
        if served:
            return all(line in cancelled for line in served)
    return parent is not None and parent in cancelled


def _hours_per_unit(found: pd.DataFrame, routing: pd.DataFrame) -> pd.Series:
    """Standard hours of a unit: routing on its resource, else any routing, else the plan's span."""
    keys = ["item_id", "op_no", "resource_id"]
    minutes = routing.drop_duplicates(keys)[[*keys, "run_minutes_per_unit"]]
    here = found[keys].merge(minutes, on=keys, how="left")["run_minutes_per_unit"]
    some = routing.sort_values(["item_id", "op_no", "preference"], kind="stable")
    some = some.drop_duplicates(keys[:2])[[*keys[:2], "run_minutes_per_unit"]]
    else_ = found[keys[:2]].merge(some, on=keys[:2], how="left")["run_minutes_per_unit"]
    span = (found["planned_end_at"] - found["planned_start_at"]).dt.total_seconds() / 3600
    per_unit = span / found["planned_qty"].where(found["planned_qty"] > 0)
    known = here.fillna(else_).set_axis(found.index) / 60
    return known.where(known > 0).fillna(per_unit).astype(float)
