"""Which levers there are for the work that is late, each with its price and its last moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soe_lib.calendars import weekly_buckets
from soe_lib.scenario.apply import tier_of_demand
from soe_lib.scenario.context import Context, late_lots
from soe_lib.scenario.levers import (
    DelayLowPriority,
    Expedite,
    FewMoves,
    Lever,
    Overtime,
    Split,
)
from soe_lib.scenario.published import published_schedule, table_or_empty
from soe_lib.scenario.rows import rows_of
from soe_lib.schedule import Problem, Schedule, component_needs

SATURDAY_START = pd.Timedelta(days=5, hours=6)
"""Overtime where the calendar names none: Saturdays from 06:00 of the site."""
WAITING = pd.Timedelta(days=1.5)
"""Work that begins within this of a receipt may have waited for it (receipts have no hour)."""
LARGEST_LOTS = 6
"""Lots that the lever 'split' may cut in two."""


def offers(
    kinds: Sequence[str], context: Context, problem: Problem, do_nothing: Schedule
) -> tuple[Lever, ...]:
    """
    Return the levers of some kinds that could help the orders that are late.

    Parameters
    ----------
    kinds
        Words of ``catalogue.LEVERS``; resequencing and alternate routing are freedoms of the
        search and offer no object of their own.
    context
        Snapshot and parameters.
    problem
        Problem of the snapshot, no lever pulled.
    do_nothing
        Its right-shift: what is late if nobody intervenes.
    """
    late = late_lots(do_nothing, context.tables)
    found: list[Lever] = []
    if "overtime" in kinds:
        found += overtime(context, late, do_nothing)
    if "expedite" in kinds:
        found += expedites(context, problem, late, do_nothing)
    if "split" in kinds:
        found += splits(context, late)
    if "delay low priority" in kinds:
        found += low_tiers(problem, context)
    if "few moves" in kinds:
        found.append(FewMoves())
    return tuple(found)


def overtime(context: Context, late: pd.DataFrame, do_nothing: Schedule) -> list[Overtime]:
    """
    Return the overtime that may be booked on resources that run late work.

    The ``potential_overtime`` of the calendar, Saturdays of the site where a resource has none;
    per resource and week at most ``overtime_hours_per_week``, until the last late order is done.
    """
    weekly = pd.Timedelta(hours=context.params.scenario.overtime_hours_per_week)
    last = late["end_at"].max()
    if late.empty or pd.isna(last) or weekly <= pd.Timedelta(0):
        return []
    last = min(last, context.horizon_end_at)
    calendar = table_or_empty(context.tables, "resource_calendar")
    potential = calendar[calendar["calendar_kind"] == "potential_overtime"]
    found: list[Overtime] = []
    for resource in sorted(late["resource_id"].unique()):
        own = potential[potential["resource_id"] == resource].sort_values("start_at")
        begins = own["start_at"].tolist()
        ends = own["end_at"].tolist()
        if own.empty:
            begins, ends = _saturdays(context, weekly)
        room: dict[pd.Timestamp, pd.Timedelta] = {}
        for begin, end in zip(begins, ends, strict=True):
            start = max(begin, context.as_of)
            week = start.floor("D") - pd.Timedelta(days=start.day_of_week)
            taken = min(end - start, room.get(week, weekly))
            if start >= last or taken <= pd.Timedelta(minutes=1):
                continue
            room[week] = room.get(week, weekly) - taken
            found.append(Overtime(str(resource), start, start + taken))
    return found


def _saturdays(
    context: Context, weekly: pd.Timedelta
) -> tuple[list[pd.Timestamp], list[pd.Timestamp]]:
    weeks = context.params.horizon.horizon_weeks
    buckets = weekly_buckets(context.as_of, weeks, context.site_time_zone)
    begins = [
        (monday.tz_convert(context.site_time_zone).tz_localize(None) + SATURDAY_START)
        .tz_localize(context.site_time_zone)
        .tz_convert("UTC")
        for monday, _ in buckets
    ]
    kept = [begin for begin in begins if begin >= context.as_of]
    return kept, [begin + weekly for begin in kept]


def expedites(
    context: Context, problem: Problem, late: pd.DataFrame, do_nothing: Schedule
) -> list[Expedite]:
    """
    Return the open purchase order lines that late work waits for and that a supplier can pull in.

    Late work waits for a line where it begins within a day of its receipt and the stock and the
    receipts before it do not reach. Nothing arrives before the day after the snapshot; the call
    must be made a day before the new date at the latest.
    """
    lines = table_or_empty(context.tables, "purchase_order_line")
    tomorrow = context.as_of.tz_localize(None).normalize() + pd.Timedelta(days=1)
    current = lines["promised_date"].fillna(lines["required_date"])
    gain = pd.to_timedelta(lines["expedite_days"], unit="D")
    sooner = current - gain
    sooner = sooner.where(sooner > tomorrow, tomorrow)
    can = (
        (lines["status"] == "open")
        & lines["is_expedite_possible"].eq(True).fillna(False).astype(bool)
        & (sooner < current)
    )
    table = lines.assign(old_date=current, new_date=sooner)
    table = table[can & table.index.isin(_awaited(context, problem, late, do_nothing))]
    table = table.sort_values(["po_id", "line_id", "old_date"], kind="stable")
    table = table.drop_duplicates(["po_id", "line_id"])
    return [
        Expedite(
            po_id=row.po_id,
            line_id=row.line_id,
            item_id=row.item_id,
            old_date=row.old_date,
            new_date=row.new_date,
            cost=0.0 if np.isnan(row.expedite_cost) else float(row.expedite_cost),
            act_by_at=max(context.as_of, (row.new_date - pd.Timedelta(days=1)).tz_localize("UTC")),
        )
        for row in rows_of(table)
    ]


def _awaited(
    context: Context, problem: Problem, late: pd.DataFrame, do_nothing: Schedule
) -> pd.Index:
    """Index of the open purchase order lines whose receipt late work or a late line waits for."""
    lines = table_or_empty(context.tables, "purchase_order_line")
    lines = lines[lines["status"] == "open"]
    needs = component_needs(problem, do_nothing)
    needs = needs.assign(is_late=needs["wo_id"].isin(late["wo_id"]))
    sold = do_nothing.promises[do_nothing.promises["lateness_days"] > 1e-6]
    direct = pd.DataFrame(
        {
            "item_id": sold["item_id"],
            "at": sold["promised_at"].fillna(context.horizon_end_at),
            "qty": sold["open_qty"],
            "is_late": True,
        }
    )
    wanted = pd.concat([needs[["item_id", "at", "qty", "is_late"]], direct], ignore_index=True)
    stock = dict(zip(problem.item_ids, problem.on_hand, strict=True))
    day = lines["promised_date"].fillna(lines["required_date"]).dt.tz_localize("UTC")
    arrivals = lines.assign(at=day, qty=lines["ordered_qty"] - lines["received_qty"].fillna(0))
    found: list[object] = []
    for item, own in arrivals.sort_values(["at", "po_id", "line_id"]).groupby("item_id"):
        uses = wanted[wanted["item_id"] == item].sort_values("at", kind="stable")
        before = float(stock.get(str(item), 0.0)) + own["qty"].cumsum() - own["qty"]
        used = uses["qty"].cumsum().to_numpy()
        for label, at, covered in zip(own.index, own["at"], before, strict=True):
            begins = uses["at"]
            soon = (begins >= at - WAITING) & (begins <= at + WAITING)
            if (soon & uses["is_late"] & (used > covered + 1e-6)).any():
                found.append(label)
    return pd.Index(found)


def splits(context: Context, late: pd.DataFrame) -> list[Split]:
    """
    Return the longest lots of late work that have not begun, each cut near its half.

    Each part is a multiple of the item's lot multiple and at least its lot minimum.
    """
    published = published_schedule(context.tables, context.as_of)
    known = published[["wo_id", "split_no"]].drop_duplicates()
    rows = late.merge(known.astype({"split_no": "int64"}), on=["wo_id", "split_no"])
    if rows.empty:
        return []
    items = table_or_empty(context.tables, "item").set_index("item_id")
    begun = table_or_empty(context.tables, "work_order_progress_event")
    begun = begun[begun["event_at"] <= context.as_of]
    lots = rows.groupby(["wo_id", "split_no"], as_index=False).agg(
        item_id=("item_id", "first"),
        planned_qty=("planned_qty", "first"),
        minutes=("run_minutes", "sum"),
        is_frozen=("is_frozen", "max"),
        start_at=("setup_start_at", "min"),
    )
    lots = lots[~lots["is_frozen"] & ~lots["wo_id"].isin(begun["wo_id"]) & lots["start_at"].notna()]
    minimum = lots["item_id"].map(items["lot_min_qty"]).astype(float).fillna(0.0)
    multiple = lots["item_id"].map(items["lot_multiple_qty"]).astype(float).fillna(1.0)
    multiple = multiple.clip(lower=1e-9)
    first = np.ceil(lots["planned_qty"] / 2 / multiple) * multiple
    second = lots["planned_qty"] - first
    fits = (second > 0) & (second >= minimum) & (first >= minimum)
    cut = lots.assign(first=first, second=second)[fits]
    cut = cut.sort_values(["minutes", "wo_id"], ascending=[False, True], kind="stable")
    return [
        Split(row.wo_id, int(row.split_no), row.item_id, row.first, row.second, row.start_at)
        for row in rows_of(cut.head(LARGEST_LOTS))
    ]


def low_tiers(problem: Problem, context: Context) -> list[DelayLowPriority]:
    """Return the lower half of the customer tiers that have open orders, as one lever."""
    tiers = sorted(set(tier_of_demand(problem, context.tables).tolist()))
    if len(tiers) < 2:
        return []
    return [DelayLowPriority(tuple(tiers[(len(tiers) + 1) // 2 :]))]
