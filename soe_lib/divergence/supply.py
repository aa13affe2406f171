"""Supply: past-due purchases, late and short confirmations, what we ordered too late."""

from __future__ import annotations

from typing import Any

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

    The tolerance counts working days: what was due on Friday is not two days late on Monday
    morning. The lateness that is reported is in calendar days.

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
    possible = possible_day(facts, lines)
    late_days = (lines["promised_date"] - possible).dt.days.astype(float)
    is_late = (working_days_between(possible, lines["promised_date"]) > tolerance) & ~is_overdue
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


def possible_day(facts: Facts, lines: pd.DataFrame) -> pd.Series:
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
