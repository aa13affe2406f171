"""Receipts: purchase lines that came short, rejected or late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day, working_days_between
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import named
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.supply import KEYS, possible_day


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
    said = facts.tables["supplier_confirmation_event"]
    said = said[said["event_at"] <= facts.as_of]
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
    rows["short_said_at"] = _said_short(facts, rows, said)
    rows["late_said_at"] = _said_late(facts, rows, said)
    parts = [_received_short(facts, rows), _received_late(facts, rows)]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else empty_rows()


def _said_short(facts: Facts, rows: pd.DataFrame, said: pd.DataFrame) -> pd.Series:
    """Return since when the supplier has confirmed less than ordered, beyond the tolerance."""
    limit = 1 - facts.params.divergence.supplier_short_pct / 100
    both = said.merge(rows[[*KEYS, "ordered_qty"]], on=KEYS)
    return _since_when(rows, both, both["confirmed_qty"] < limit * both["ordered_qty"])


def _said_late(facts: Facts, rows: pd.DataFrame, said: pd.DataFrame) -> pd.Series:
    """Return since when the supplier has confirmed later than possible, beyond the tolerance."""
    both = said.merge(rows[KEYS].assign(possible=possible_day(facts, rows)), on=KEYS)
    late = working_days_between(both["possible"], both["confirmed_date"])
    return _since_when(rows, both, late > facts.params.divergence.supplier_late_days)


def _since_when(rows: pd.DataFrame, said: pd.DataFrame, is_bad: pd.Series) -> pd.Series:
    """Return the first bad confirmation of each line after its last good one."""
    good = said[~is_bad].groupby(KEYS)["event_at"].max().rename("good_at")
    bad = said[is_bad].merge(good.reset_index(), on=KEYS, how="left")
    bad = bad[bad["good_at"].isna() | (bad["event_at"] > bad["good_at"])]
    first = bad.groupby(KEYS)["event_at"].min()
    keys = pd.MultiIndex.from_frame(rows[KEYS])
    return pd.Series(first.reindex(keys).array, index=rows.index)


def _received_late(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    came = site_day(rows["first_seen_at"], facts.time_zone)
    possible = possible_day(facts, rows)
    days = (came - possible).dt.days.astype(float)
    tolerance = facts.params.divergence.supplier_late_days
    late = rows[working_days_between(possible, came) > tolerance].copy()
    late["first_seen_at"] = late["late_said_at"].fillna(late["first_seen_at"])
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
    rows["first_seen_at"] = rows["short_said_at"].fillna(rows["first_seen_at"])
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
