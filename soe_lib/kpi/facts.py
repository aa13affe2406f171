"""Order facts as known at an instant: orders, their changes, deliveries by schedule line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.tables import TABLES

KEY = ["order_id", "line_id"]
TINY = 1e-9
"""Relative slack of quantity comparisons: sums of fractions are not exact."""

_COLUMN_OF_FIELD = {
    "qty": "ordered_qty",
    "requested_date": "requested_date",
    "confirmed_date": "last_confirmed_date",
}


@dataclass(frozen=True)
class OrderFacts:
    """
    What was known of orders at an instant.

    Attributes
    ----------
    lines
        Schedule lines ordered by then, ``row`` = position, with quantity, dates and cancellation
        as they stood; ``gone_at`` is when the open rest left the book (cancelled, or completed
        short: at the last delivery); ``is_unreadable`` marks lines of which a change event cannot
        be read.
    changes
        Changes known by then, in the order in which they became known: ``row``,
        ``change_field``, ``event_at``, ``known_at``, ``event_date`` (site day),
        ``is_by_customer``, ``old_qty``, ``new_qty``, ``old_date``, ``new_date``.
    deliveries
        Goods issues known by then: ``order_id``, ``line_id``, ``delivered_qty``, ``known_at``,
        ``issue_date``, ``proof_date`` (site days), ``is_derived`` (from the order line's last
        goods issue, because the feed has no event).
    """

    lines: pd.DataFrame
    changes: pd.DataFrame
    deliveries: pd.DataFrame


def order_facts(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, time_zone: str
) -> OrderFacts:
    """
    Return orders, changes and deliveries as known at ``as_of``.

    The tables may be newer: later events are left out and what they changed (quantity, dates,
    cancellation) is set back to the old values that the events carry. An order line belongs to
    the past from its ``ordered_at`` on; an event from the later of ``event_at`` and
    ``recorded_at`` on. Events that another event supersedes do not count.

    Parameters
    ----------
    tables
        ``sales_order_line``; ``order_change_event`` and ``delivery_event`` where there are any.
    as_of
        Instant, UTC.
    time_zone
        Zone of the site: instants become its calendar days.
    """
    lines = table_of(tables, "sales_order_line")
    lines = lines[lines["ordered_at"] <= as_of].reset_index(drop=True)
    lines["row"] = np.arange(len(lines))
    events = _effective_events(tables, as_of)
    changes = _changes(lines, events, time_zone)
    lines = _with_cancellations(lines, events, as_of)
    lines = _with_closings(lines, tables, as_of, time_zone)
    lines = _set_back(lines, changes[changes["known_at"] > as_of])
    unreadable = changes.loc[changes["is_unreadable"], "row"].unique()
    lines["is_unreadable"] = lines["row"].isin(unreadable)
    known = changes[(changes["known_at"] <= as_of) & ~changes["is_unreadable"]]
    return OrderFacts(
        lines,
        known.drop(columns="is_unreadable").reset_index(drop=True),
        deliveries_as_of(tables, lines, as_of, time_zone),
    )


def table_of(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Return a canonical table with all its columns; what the feed lacks is empty and typed."""
    contract = TABLES[name]
    if name not in tables:
        return contract.empty()
    found = tables[name]
    missing = {
        c.name: pd.Series(index=found.index, dtype=c.dtype)
        for c in contract.contracts
        if c.name not in found
    }
    return found.assign(**missing) if missing else found


def known_at(rows: pd.DataFrame, true_at: str) -> pd.Series:
    """Return when a fact was known: the later of when it was true and when it was recorded."""
    if "recorded_at" not in rows:
        return rows[true_at]
    return rows[true_at].where(
        rows["recorded_at"].isna() | (rows["recorded_at"] < rows[true_at]), rows["recorded_at"]
    )


def without_superseded(events: pd.DataFrame, as_of: pd.Timestamp, true_at: str) -> pd.DataFrame:
    """Drop events that another event, known at ``as_of``, corrects."""
    if "supersedes_id" not in events or "event_id" not in events:
        return events
    correcting = events[known_at(events, true_at) <= as_of]
    return events[~events["event_id"].isin(correcting["supersedes_id"].dropna())]


def deliveries_as_of(
    tables: Mapping[str, pd.DataFrame],
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    time_zone: str,
) -> pd.DataFrame:
    """Return deliveries known at ``as_of``; columns as in :class:`OrderFacts`."""
    events = table_of(tables, "delivery_event")
    known = known_at(events, "goods_issue_at")
    found = events.assign(known_at=known, is_derived=False)[events["delivered_qty"] > 0]
    have = events[KEY].drop_duplicates().assign(has_event=True)
    bare = lines[(lines["delivered_qty"] > 0) & lines["last_goods_issue_at"].notna()]
    bare = bare.merge(have, on=KEY, how="left")
    bare = bare[bare["has_event"].isna()]
    derived = pd.DataFrame(
        {
            "order_id": bare["order_id"],
            "line_id": bare["line_id"],
            "delivered_qty": bare["delivered_qty"].astype(float),
            "goods_issue_at": bare["last_goods_issue_at"],
            "delivered_at": bare["delivered_at"],
            "known_at": bare["last_goods_issue_at"],
            "is_derived": True,
        }
    )
    columns = list(derived.columns)
    everything = pd.concat([found[columns], derived], ignore_index=True)
    everything = everything[everything["known_at"] <= as_of].reset_index(drop=True)
    proof = everything["delivered_at"].where(everything["delivered_at"] <= as_of)
    return everything.assign(
        issue_date=site_day(everything["goods_issue_at"], time_zone),
        proof_date=site_day(proof, time_zone),
    ).drop(columns=["goods_issue_at", "delivered_at"])


def unit_value(lines: pd.DataFrame) -> pd.Series:
    """Return the net value of one unit: the line's value over its quantity, else its price."""
    value = lines["net_value"].astype(float) / lines["ordered_qty"].astype(float)
    return value.where(value.notna(), lines["net_price"].astype(float))


def allocate(
    rows: pd.DataFrame, sort_by: list[str], deliveries: pd.DataFrame, day: str
) -> pd.DataFrame:
    """
    Divide the deliveries of each order line over its schedule lines, first come first served.

    Parameters
    ----------
    rows
        Schedule lines with :data:`KEY`, ``row``, ``qty`` and the columns of ``sort_by``.
    sort_by
        In which order the schedule lines of one order line are served.
    deliveries
        :data:`KEY`, ``delivered_qty`` and the day column.
    day
        Deliveries are consumed in this order. What exceeds all schedule lines goes to the last.

    Returns
    -------
    pandas.DataFrame
        ``row``, ``qty`` (> 0), the day column, ``delivery`` (position in ``deliveries``), by row
        and day.
    """
    ordered = rows.sort_values([*KEY, *sort_by], kind="stable")[[*KEY, "row", "qty"]]
    by_line = ordered.groupby(KEY, sort=False)["qty"]
    ordered["upto"] = by_line.cumsum()
    ordered["begin"] = ordered["upto"] - ordered["qty"]
    is_last = ~ordered.duplicated(KEY, keep="last")
    ordered.loc[is_last, "upto"] = np.inf
    moves = deliveries[[*KEY, "delivered_qty", day]].assign(delivery=np.arange(len(deliveries)))
    moves = moves.sort_values([*KEY, day, "delivery"], kind="stable")
    moves["move_upto"] = moves.groupby(KEY, sort=False)["delivered_qty"].cumsum()
    moves["move_begin"] = moves["move_upto"] - moves["delivered_qty"]
    pairs = moves.merge(ordered.drop(columns="qty"), on=KEY, how="inner")
    low = np.maximum(pairs["begin"], pairs["move_begin"])
    high = np.minimum(pairs["upto"], pairs["move_upto"])
    pairs["qty"] = high - low
    pairs = pairs[pairs["qty"] > TINY * pairs["delivered_qty"]]
    return pairs.sort_values(["row", day, "delivery"], kind="stable")[
        ["row", day, "qty", "delivery"]
    ].reset_index(drop=True)


def allocate_claims(
    rows: pd.DataFrame, sort_by: list[str], deliveries: pd.DataFrame, day: str
) -> tuple[pd.DataFrame, pd.Series]:
    """
    Divide deliveries as :func:`allocate` does, when part of the schedule lines left the book.

    A line that is gone (``gone_at``) keeps what it had received until then and no more, before the
    lines that remain are served.

    Parameters
    ----------
    rows
        As for :func:`allocate`, with ``gone_at``.
    deliveries
        As for :func:`allocate`, with ``known_at``.

    Returns
    -------
    tuple
        The pairs of :func:`allocate`, and what each row could claim (``qty``, or what it had
        received when it was gone), index of ``rows``. [uom]
    """
    is_gone = rows["gone_at"].notna()
    claim = rows["qty"].astype(float).copy()
    if not is_gone.any():
        return allocate(rows, sort_by, deliveries, day), claim
    pairs = allocate(rows, sort_by, deliveries, day)
    by_row = rows.set_index("row")["gone_at"]
    known = deliveries["known_at"].to_numpy()[pairs["delivery"].to_numpy()]
    in_time = pairs[pd.Series(known <= by_row.loc[pairs["row"]].to_numpy(), index=pairs.index)]
    had = in_time.groupby("row")["qty"].sum().reindex(rows["row"]).fillna(0.0)
    claim = claim.where(~is_gone, np.minimum(claim, had.to_numpy()))
    if not (is_gone & rows.duplicated(KEY, keep=False)).any():
        return pairs, claim
    asked = rows.assign(qty=claim, is_live=~is_gone)
    return allocate(asked, ["is_live", *sort_by], deliveries, day), claim


def _effective_events(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    events = table_of(tables, "order_change_event")
    events = without_superseded(events, as_of, "event_at")
    events = events.assign(known_at=known_at(events, "event_at"))
    return events.sort_values(["known_at", "event_at", "event_id"], kind="stable")


def _changes(lines: pd.DataFrame, events: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Pair each change event with the schedule lines it changed, oldest first."""
    own = events[events["change_field"].isin(list(_COLUMN_OF_FIELD))].reset_index(drop=True)
    own = own.assign(order=np.arange(len(own)))
    is_qty = own["change_field"] == "qty"
    parsed = {}
    unreadable = pd.Series(False, index=own.index)
    for side in ("old", "new"):
        text = own[f"{side}_value"]
        number = pd.to_numeric(text.where(is_qty), errors="coerce").astype(float)
        date = _days(text.where(~is_qty), time_zone)
        parsed[f"{side}_qty"], parsed[f"{side}_date"] = number, date
        unreadable |= text.notna() & number.isna() & date.isna()
        unreadable |= is_qty & text.isna()
    own = own.assign(**parsed, is_unreadable=unreadable)
    pairs = own.merge(lines[[*KEY, "row"]], on=KEY, how="inner")
    size = lines.groupby(KEY)["row"].transform("size").to_numpy()
    is_single = size[pairs["row"].to_numpy()] == 1
    keep = is_single | _on_chain(lines, pairs, ~is_single)
    pairs = pairs[keep].sort_values("order", kind="stable")
    return pd.DataFrame(
        {
            "row": pairs["row"],
            "change_field": pairs["change_field"],
            "event_at": pairs["event_at"],
            "known_at": pairs["known_at"],
            "event_date": site_day(pairs["event_at"], time_zone),
            "is_by_customer": (pairs["initiated_by"] == "customer").astype(bool),
            **{name: pairs[name] for name in ("old_qty", "new_qty", "old_date", "new_date")},
            "is_unreadable": pairs["is_unreadable"].astype(bool),
        }
    ).reset_index(drop=True)


def _on_chain(lines: pd.DataFrame, pairs: pd.DataFrame, is_asked: np.ndarray) -> np.ndarray:
    """Of several schedule lines an event changed those that hold its new value, newest first."""
    found = np.zeros(len(pairs), dtype=bool)
    current: dict[tuple[int, str], object] = {}
    asked = pairs[is_asked].sort_values("order", ascending=False, kind="stable")
    for place, row, field, old_qty, new_qty, old_date, new_date in zip(
        np.flatnonzero(is_asked)[np.argsort(-pairs["order"].to_numpy()[is_asked], kind="stable")],
        asked["row"],
        asked["change_field"],
        asked["old_qty"],
        asked["new_qty"],
        asked["old_date"],
        asked["new_date"],
        strict=True,
    ):
        old, new = (old_qty, new_qty) if field == "qty" else (old_date, new_date)
        value = current.get((row, field), lines.at[row, _COLUMN_OF_FIELD[field]])
        if value == new or (value is pd.NaT and new is pd.NaT):
            found[place] = True
            current[(row, field)] = old
    return found


def _days(text: pd.Series, time_zone: str) -> pd.Series:
    """Read days: ``2026-11-20`` as it stands, an instant with zone as the site's day."""
    found = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    words = text.astype("str").where(text.notna())
    plain = (words.str.len() <= 10) | ~words.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", na=False)
    plain &= words.notna()
    zoned = words.notna() & ~plain
    if plain.any():
        naive = pd.to_datetime(words[plain].str.slice(0, 10), errors="coerce", format="%Y-%m-%d")
        found[plain] = naive.astype("datetime64[us]")
    if zoned.any():
        instants = pd.to_datetime(words[zoned], errors="coerce", utc=True, format="ISO8601")
        found[zoned] = site_day(instants.astype("datetime64[us, UTC]"), time_zone)
    return found


def _with_cancellations(
    lines: pd.DataFrame, events: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Complete who cancelled and when from cancel events; later cancellations did not happen."""
    cancels = events[events["change_field"] == "cancel"].drop_duplicates(KEY, keep="last")
    cancels = cancels[[*KEY, "event_at", "known_at", "initiated_by"]]
    found = lines.merge(cancels, on=KEY, how="left", validate="many_to_one")
    is_cancelled = (found["status"] == "cancelled").to_numpy(bool)
    at = found["cancelled_at"].where(found["cancelled_at"].notna(), found["event_at"])
    known = found["known_at"].where(found["known_at"].notna(), at)
    who = found["initiated_by"].where(found["initiated_by"] == "customer", "us")
    who = who.where(found["initiated_by"].notna())
    by = found["cancelled_by"].where(found["cancelled_by"].notna(), who)
    later = is_cancelled & ((at > as_of) | (known > as_of)).to_numpy(bool)
    holds = is_cancelled & ~later
    return lines.assign(
        status=lines["status"].where(~later, "open"),
        cancelled_at=at.where(holds),
        cancelled_by=by.where(holds),
        cancel_known_at=known.where(holds),
    )


def _with_closings(
    lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, time_zone: str
) -> pd.DataFrame:
    """Say when the open rest of a line left the book; a later closing did not happen."""
    is_completed = (lines["status"] == "completed").to_numpy(bool)
    gone = lines["cancel_known_at"]
    if is_completed.any():
        ever = pd.Timestamp.max.tz_localize("UTC")
        all_ = deliveries_as_of(tables, lines[is_completed], ever, time_zone)
        last = all_.groupby(KEY)["known_at"].max().rename("last_known_at")
        closed = lines[KEY].merge(last, left_on=KEY, right_index=True, how="left")["last_known_at"]
        closed = closed.where(closed.notna(), lines["ordered_at"])
        gone = gone.where(~is_completed, closed)
    later = is_completed & (gone > as_of).to_numpy(bool)
    return lines.assign(status=lines["status"].where(~later, "open"), gone_at=gone.where(~later))


def _set_back(lines: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Give every changed cell the old value of the first change after the instant."""
    lines = lines.copy()
    for field, column in _COLUMN_OF_FIELD.items():
        own = later[(later["change_field"] == field) & ~later["is_unreadable"]]
        first = own.drop_duplicates("row", keep="first")
        rows = first["row"].to_numpy()
        if field == "qty":
            old = first["old_qty"].to_numpy()
            scale = old / lines.loc[rows, column].to_numpy(float)
            lines.loc[rows, "net_value"] = lines.loc[rows, "net_value"].to_numpy(float) * scale
            lines.loc[rows, column] = old
        else:
            lines.loc[rows, column] = first["old_date"].to_numpy()
    never = later[(later["change_field"] == "confirmed_date") & ~later["is_unreadable"]]
    never = never.drop_duplicates("row", keep="first")
    unconfirmed = never.loc[never["old_date"].isna(), "row"].to_numpy()
    lines.loc[unconfirmed, "first_confirmed_date"] = pd.NaT
    return lines
