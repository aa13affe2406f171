"""Supply: past-due purchases, late and short confirmations, short and rejected receipts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day, working_days_between
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import at_least, count_of, look_up, named
from soe_lib.divergence.rows import empty_rows, finish

KEYS = ["po_id", "line_id"]


def open_purchases(facts: Facts) -> pd.DataFrame:
    """
    Return open purchase lines with what the supplier last said by ``as_of``.

    The newest ``supplier_confirmation_event`` wins over the line's own ``promised_date`` and
    ``confirmed_qty``; ``said_at`` is its instant (NaT = no event). ``object_id`` names the line,
    with its schedule number where one line has several.
    """
    lines = facts.tables["purchase_order_line"]
    lines = lines[lines["status"] == "open"].copy()
    lines["object_id"] = lines["po_id"] + "/" + lines["line_id"]
    twice = lines["object_id"].duplicated(keep=False) & lines["schedule_no"].notna()
    number = lines["schedule_no"].astype("str")
    lines["object_id"] = lines["object_id"].where(~twice, lines["object_id"] + "/" + number)
    lines["schedule"] = lines["schedule_no"].astype("object").where(lines["schedule_no"].notna())
    events = facts.tables["supplier_confirmation_event"]
    events = events[events["event_at"] <= facts.as_of].sort_values("event_at", kind="stable")
    last = events.drop_duplicates(KEYS, keep="last")[
        [*KEYS, "event_at", "confirmed_date", "confirmed_qty"]
    ].rename(columns={"event_at": "said_at", "confirmed_qty": "said_qty"})
    found = lines.merge(last, on=KEYS, how="left")
    heard = found["said_at"].notna() & ~found["object_id"].duplicated(keep=False)
    heard &= found["schedule_no"].isna() | ~found.duplicated(KEYS, keep=False)
    found["promised_date"] = found["confirmed_date"].where(heard, found["promised_date"])
    found["confirmed_qty"] = found["said_qty"].where(heard, found["confirmed_qty"])
    return found.drop(columns=["confirmed_date", "said_qty"])


def purchases(facts: Facts, material: pd.DataFrame) -> pd.DataFrame:
    """
    Return open purchase lines past due, or confirmed later or shorter than required.

    Past due counts working days: what was due on Friday is not two days late on Monday morning.

    A supplier is late against the required date or, where we ordered with less than the item's
    lead time, against the day that the lead time allows. What we ordered too late ourselves is a
    divergence of its own kind, and only where the component runs short.

    Parameters
    ----------
    material
        Components that run short (``item_id``).
    """
    lines = open_purchases(facts)
    if lines.empty:
        return empty_rows()
    params = facts.params.divergence
    item = named(lines["item_id"], facts.item_names)
    lines["item_name"] = item
    lines["first_seen_at"] = lines["said_at"].fillna(facts.as_of)
    required = facts.instant(lines["required_date"])
    gain = pd.to_timedelta(lines["expedite_days"].fillna(0.0), unit="D")
    lines["act_by_at"] = at_least(required - gain, facts.as_of)
    expected = lines["promised_date"].fillna(lines["required_date"])
    overdue_days = (facts.today - expected).dt.days.astype(float)
    today = pd.Series(facts.today, index=lines.index)
    is_overdue = working_days_between(expected, today) > params.supplier_late_days
    tolerance = params.supplier_late_days
    asked_days = (lines["promised_date"] - lines["required_date"]).dt.days.astype(float)
    late_days = (lines["promised_date"] - _possible(facts, lines)).dt.days.astype(float)
    is_late = (late_days > tolerance) & ~is_overdue
    is_ours = (asked_days > tolerance) & ~is_late & ~is_overdue
    is_ours &= lines["item_id"].isin(material["item_id"])
    parts = [
        _late(facts, lines[is_late], late_days),
        _ordered_late(facts, lines[is_ours], asked_days),
        _overdue(facts, lines[is_overdue], overdue_days, expected),
        _short(facts, lines),
    ]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else empty_rows()


def _possible(facts: Facts, lines: pd.DataFrame) -> pd.Series:
    """
    Return the later of the required day and the day that the lead time allows.

    Suppliers deliver from Monday to Friday: a day of the weekend stands for the Monday after it.
    """
    lead = look_up(lines["item_id"], facts.items["lead_time_days"]).fillna(0.0).astype(float)
    ordered = site_day(lines["ordered_at"], facts.time_zone) + pd.to_timedelta(lead, unit="D")
    day = lines["required_date"].where(~(ordered > lines["required_date"]), ordered)
    return day + pd.to_timedelta((7 - day.dt.day_of_week).where(day.dt.day_of_week > 4, 0), "D")


def _late(facts: Facts, late: pd.DataFrame, late_days: pd.Series) -> pd.DataFrame:
    late = late.copy()
    late["planned_value"] = 0.0
    late["actual_value"] = late["deviation_days"] = late_days[late.index]
    tolerance = max(facts.params.divergence.supplier_late_days, 1e-9)
    late["severity"] = late["deviation_days"] / tolerance
    late["sentence"] = [
        f"{s} confirms {i} ({o}) for {p:%d %b}, required {r:%d %b}: {d:.0f} days late"
        for s, i, o, p, r, d in zip(
            late["supplier_id"],
            late["item_name"],
            late["object_id"],
            late["promised_date"],
            late["required_date"],
            late["deviation_days"],
            strict=True,
        )
    ]
    return _line_rows(late, "supplier_late", "days")


def _ordered_late(facts: Facts, lines: pd.DataFrame, asked_days: pd.Series) -> pd.DataFrame:
    """One row per component that we ordered with less than its lead time."""
    if lines.empty:
        return empty_rows()
    rows = (
        lines.assign(days=asked_days[lines.index])
        .groupby("item_id", as_index=False)
        .agg(
            actual_value=("days", "max"),
            item_name=("item_name", "first"),
            supplier_id=("supplier_id", "first"),
            site_id=("site_id", "first"),
            orders=("po_id", lambda ids: sorted(set(ids))),
            lines=("line_id", lambda ids: sorted(set(ids))),
            required_date=("required_date", "min"),
            promised_date=("promised_date", "min"),
        )
    )
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = 0.0
    rows["deviation_days"] = rows["actual_value"]
    tolerance = max(facts.params.divergence.supplier_late_days, 1e-9)
    rows["severity"] = rows["actual_value"] / tolerance
    rows["first_seen_at"] = rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{i} was ordered with less than its lead time ({count_of(len(o), 'order')} of {s}): "
        f"required {r:%d %b}, comes {p:%d %b}, up to {d:.0f} days after the need"
        for i, o, s, r, p, d in zip(
            rows["item_name"],
            rows["orders"],
            rows["supplier_id"],
            rows["required_date"],
            rows["promised_date"],
            rows["actual_value"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="purchase_ordered_late",
        subject="supply",
        object_type="item",
        owner_role="procurement",
        unit="days",
        evidence_table="purchase_order_line",
        evidence={
            "item_id": rows["item_id"],
            "po_id": rows["orders"],
            "line_id": rows["lines"],
            "status": "open",
        },
    )


def _overdue(
    facts: Facts, overdue: pd.DataFrame, days: pd.Series, expected: pd.Series
) -> pd.DataFrame:
    overdue = overdue.copy()
    overdue["planned_value"] = overdue["ordered_qty"]
    overdue["actual_value"] = overdue["received_qty"].fillna(0.0)
    overdue["deviation_days"] = days[overdue.index]
    tolerance = max(facts.params.divergence.supplier_late_days, 1e-9)
    overdue["severity"] = overdue["deviation_days"] / tolerance
    overdue["first_seen_at"] = facts.instant(expected[overdue.index] + pd.Timedelta(days=1))
    overdue["act_by_at"] = facts.as_of
    overdue["sentence"] = [
        f"{o} of {s}: {q - a:,.0f} of {i} were due {d:%d %b} and are not here, {n:.0f} days late"
        for o, s, i, q, a, d, n in zip(
            overdue["object_id"],
            overdue["supplier_id"],
            overdue["item_name"],
            overdue["ordered_qty"],
            overdue["actual_value"],
            expected[overdue.index],
            overdue["deviation_days"],
            strict=True,
        )
    ]
    return _line_rows(overdue, "purchase_past_due", "uom")


def _short(facts: Facts, lines: pd.DataFrame) -> pd.DataFrame:
    limit = facts.params.divergence.supplier_short_pct
    missing = lines["ordered_qty"] - lines["confirmed_qty"]
    short = lines[missing > limit / 100 * lines["ordered_qty"]].copy()
    short["planned_value"] = short["ordered_qty"]
    short["actual_value"] = short["confirmed_qty"]
    share = 100 * (1 - short["confirmed_qty"] / short["ordered_qty"])
    short["severity"] = share / max(limit, 1e-9)
    short["sentence"] = [
        f"{s} confirms {c:,.0f} of {q:,.0f} of {i} ({o})"
        for s, c, q, i, o in zip(
            short["supplier_id"],
            short["confirmed_qty"],
            short["ordered_qty"],
            short["item_name"],
            short["object_id"],
            strict=True,
        )
    ]
    return _line_rows(short, "supplier_short", "uom")


def _line_rows(rows: pd.DataFrame, divergence_type: str, unit: str) -> pd.DataFrame:
    evidence: dict[str, Any] = {"po_id": rows["po_id"], "line_id": rows["line_id"]}
    if rows["schedule"].notna().any():
        evidence["schedule_no"] = rows["schedule"]
    return finish(
        rows,
        divergence_type=divergence_type,
        subject="supply",
        object_type="purchase_order_line",
        owner_role="procurement",
        unit=unit,
        evidence_table="purchase_order_line",
        evidence=evidence,
    )


def receipts(facts: Facts) -> pd.DataFrame:
    """
    Return purchase lines closed since the last cycle that came short, rejected or late.

    All receipts of the line count, also those before the last cycle; the line is news when one of
    them is. Late is the last receipt against the day that was required and possible: nothing can
    be done about it any more, but the supplier's next promise is worth less.
    """
    events = facts.tables["goods_receipt_event"]
    events = events[events["received_at"] <= facts.as_of]
    news = events.loc[events["received_at"] > facts.since, KEYS].drop_duplicates()
    if news.empty:
        return empty_rows()
    events = events.assign(rejected_qty=events["rejected_qty"].fillna(0.0)).merge(news, on=KEYS)
    rows = events.groupby(KEYS, as_index=False).agg(
        received_qty=("received_qty", "sum"),
        rejected_qty=("rejected_qty", "sum"),
        first_seen_at=("received_at", "max"),
    )
    lines = facts.tables["purchase_order_line"]
    lines = lines.groupby(KEYS, as_index=False).agg(
        item_id=("item_id", "first"),
        supplier_id=("supplier_id", "first"),
        ordered_qty=("ordered_qty", "sum"),
        is_closed=("status", lambda states: (states != "open").all()),
        unit_cost=("unit_cost", "first"),
        site_id=("site_id", "first"),
        required_date=("required_date", "max"),
        ordered_at=("ordered_at", "min"),
    )
    rows = rows.merge(lines, on=KEYS)
    rows = rows[rows["is_closed"].astype(bool)]
    rows["object_id"] = rows["po_id"] + "/" + rows["line_id"]
    parts = [_received_short(facts, rows), _received_late(facts, rows)]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else empty_rows()


def _received_late(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    came = site_day(rows["first_seen_at"], facts.time_zone)
    days = (came - _possible(facts, rows)).dt.days.astype(float)
    tolerance = facts.params.divergence.supplier_late_days
    late = rows[days > tolerance].copy()
    late["planned_value"] = 0.0
    late["actual_value"] = late["deviation_days"] = days[late.index]
    late["severity"] = late["deviation_days"] / max(tolerance, 1e-9)
    late["sentence"] = [
        f"{s} delivered {i} ({o}) on {c:%d %b}, required {r:%d %b}: {d:.0f} days late"
        for s, i, o, c, r, d in zip(
            late["supplier_id"],
            named(late["item_id"], facts.item_names),
            late["object_id"],
            came[late.index],
            late["required_date"],
            late["deviation_days"],
            strict=True,
        )
    ]
    return _receipt_rows(facts, late, "receipt_late", "days")


def _received_short(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.copy()
    rows["planned_value"] = rows["ordered_qty"]
    rows["actual_value"] = rows["received_qty"] - rows["rejected_qty"]
    missing = rows["planned_value"] - rows["actual_value"]
    limit = facts.params.divergence.supplier_short_pct
    rows = rows[missing > limit / 100 * rows["ordered_qty"]].copy()
    rows["direct_cost"] = np.where(
        rows["rejected_qty"] > 0, rows["rejected_qty"] * rows["unit_cost"], 0.0
    )
    share = 100 * (1 - rows["actual_value"] / rows["planned_value"])
    rows["severity"] = share / max(limit, 1e-9)
    rows["act_by_at"] = facts.as_of
    rows["sentence"] = [
        f"{o} of {s}: {a:,.0f} usable of {p:,.0f} of {i}" + (f", {r:,.0f} rejected" if r else "")
        for o, s, a, p, i, r in zip(
            rows["object_id"],
            rows["supplier_id"],
            rows["actual_value"],
            rows["planned_value"],
            named(rows["item_id"], facts.item_names),
            rows["rejected_qty"],
            strict=True,
        )
    ]
    return _receipt_rows(facts, rows, "receipt_short", "uom")


def _receipt_rows(
    facts: Facts, rows: pd.DataFrame, divergence_type: str, unit: str
) -> pd.DataFrame:
    return finish(
        rows,
        divergence_type=divergence_type,
        subject="supply",
        object_type="purchase_order_line",
        owner_role="procurement",
        unit=unit,
        evidence_table="goods_receipt_event",
        evidence={
            "po_id": rows["po_id"],
            "line_id": rows["line_id"],
            "received_at": {"until": facts.as_of},
        },
    )
