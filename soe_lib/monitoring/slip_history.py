"""Every day that suppliers promised, since when it held, and whether the goods were there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.divergence.facts import Facts

KEYS = ["po_id", "line_id"]
PROMISE_COLUMNS = (
    "object_id",
    "supplier_id",
    "item_id",
    "ordered_qty",
    "ordered_at",
    "first_promised_date",
    "promised_date",
    "last_day",
    "since_at",
    "until_at",
    "received_at",
    "late_at",
    "num_confirmations",
    "is_open",
)
FOREVER = pd.Timestamp("2200-01-01", tz="UTC")


def promises(facts: Facts) -> pd.DataFrame:
    """
    Return every promise of every purchase line, as the feed has it by ``as_of``.

    A line's first promise holds from its order, each confirmation with another day from when it
    was said. A promise has slipped when the goods come more than
    ``divergence.supplier_late_days`` working days after it; that is known at ``late_at``. A line
    is complete when what came reaches its quantity but for ``divergence.supplier_short_pct``, or
    with its last receipt where it was closed short.

    Returns
    -------
    pandas.DataFrame
        One row per promise: :data:`PROMISE_COLUMNS`. ``since_at`` to ``until_at``: when it was the
        promise in force; ``last_day``: last day of the site on which it is kept; ``received_at``:
        NaT = not complete by ``as_of``; ``num_confirmations``: heard until ``since_at``;
        ``is_open``: the promise that an open line has at ``as_of``.
    """
    lines = _lines(facts)
    if lines.empty:
        return pd.DataFrame(columns=list(PROMISE_COLUMNS))
    table = _episodes(facts, lines)
    params = facts.params.divergence
    days = table["promised_date"].to_numpy().astype("datetime64[D]")
    last = np.busday_offset(days, int(params.supplier_late_days), roll="forward")
    table["last_day"] = pd.Series(last.astype("datetime64[us]"), index=table.index)
    table["late_at"] = facts.instant(table["last_day"] + pd.Timedelta(days=1))
    named = table.sort_values(["since_at", "object_id", "promised_date"], kind="stable")
    return named[list(PROMISE_COLUMNS)].reset_index(drop=True)


def _lines(facts: Facts) -> pd.DataFrame:
    """Return purchase lines with the instant at which they were complete."""
    lines = facts.tables["purchase_order_line"]
    lines = lines[lines["ordered_at"].notna() & (lines["ordered_at"] <= facts.as_of)].copy()
    first = lines["first_promised_date"].fillna(lines["required_date"])
    lines["first_promised_date"] = first.fillna(lines["promised_date"])
    lines = lines[lines["first_promised_date"].notna() & lines["supplier_id"].notna()]
    order = [*KEYS, "first_promised_date"]
    lines = lines.sort_values(order, kind="stable").reset_index(drop=True)
    lines["is_alone"] = ~lines.duplicated(KEYS, keep=False)
    lines["object_id"] = lines["po_id"] + "/" + lines["line_id"]
    number = lines["schedule_no"].astype("str")
    split = ~lines["is_alone"] & lines["schedule_no"].notna()
    lines["object_id"] = lines["object_id"].where(~split, lines["object_id"] + "/" + number)
    lines["number"] = np.arange(len(lines))
    # several deliveries of one line are filled one after the other
    short = 1 - facts.params.divergence.supplier_short_pct / 100
    lines["enough_qty"] = lines.groupby(KEYS)["ordered_qty"].cumsum() * short
    came = facts.tables["goods_receipt_event"]
    came = came[came["received_at"] <= facts.as_of].sort_values("received_at", kind="stable")
    came = came.assign(total_qty=came.groupby(KEYS)["received_qty"].cumsum())
    pairs = lines[["number", *KEYS, "enough_qty"]].merge(
        came[[*KEYS, "received_at", "total_qty"]], on=KEYS
    )
    full = pairs[pairs["total_qty"] >= pairs["enough_qty"] - 1e-6]
    complete = full.groupby("number")["received_at"].min()
    ended = pairs.groupby("number")["received_at"].max()
    is_open = lines["status"] == "open"
    came_at = complete.reindex(lines["number"]).reset_index(drop=True)
    closed_at = ended.reindex(lines["number"]).reset_index(drop=True).where(~is_open)
    lines["received_at"] = came_at.where(came_at.notna(), closed_at).astype("datetime64[us, UTC]")
    lines["is_open"] = is_open & lines["received_at"].isna()
    # a line that is closed and never came was taken back: it says nothing of the supplier
    return lines[is_open | lines["received_at"].notna()]


def _episodes(facts: Facts, lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per line and day that was promised, with the instants between."""
    columns = ["number", "since_at", "promised_date", "num_confirmations"]
    first = lines.assign(
        since_at=lines["ordered_at"], promised_date=lines["first_promised_date"],
        num_confirmations=0,
    )[columns]  # fmt: skip
    events = facts.tables["supplier_confirmation_event"]
    events = events[(events["event_at"] <= facts.as_of) & events["confirmed_date"].notna()]
    alone = lines.loc[lines["is_alone"], ["number", *KEYS]]
    said = alone.merge(events, on=KEYS).sort_values(["number", "event_at"], kind="stable")
    said["num_confirmations"] = said.groupby("number").cumcount() + 1
    said = said.rename(columns={"event_at": "since_at"})
    said["promised_date"] = said["confirmed_date"]
    # without confirmations the line's own date is what was last said, known when it was recorded
    unheard = lines[~lines["number"].isin(said["number"]) & lines["promised_date"].notna()]
    moved = unheard[unheard["promised_date"] != unheard["first_promised_date"]]
    at = moved["recorded_at"].fillna(facts.as_of)
    at = at.where(at >= moved["ordered_at"], moved["ordered_at"])
    own = moved.assign(since_at=at, num_confirmations=0)[columns]
    rows = pd.concat([part for part in (first, said[columns], own) if len(part)])
    rows = rows.sort_values(["number", "since_at"], kind="stable")
    before = rows.groupby("number")["promised_date"].shift()
    rows = rows[before.isna() | (before != rows["promised_date"])]
    rows["until_at"] = rows.groupby("number")["since_at"].shift(-1)
    is_last = rows["until_at"].isna()
    rows["until_at"] = rows["until_at"].fillna(FOREVER)
    kept = ["number", "object_id", "supplier_id", "item_id", "ordered_qty", "ordered_at",
            "first_promised_date", "received_at", "is_open"]  # fmt: skip
    table = rows.assign(is_last=is_last).merge(lines[kept], on="number")
    # what was said after the goods had come is no promise
    table = table[table["received_at"].isna() | (table["since_at"] < table["received_at"])]
    return table.assign(is_open=table["is_open"] & table["is_last"])


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """
    Add when each promise's outcome was known and what it was.

    ``known_at`` is the receipt or the instant at which the promise was broken, the earlier one;
    ``is_late`` says which. It is meant for instants: where ``known_at`` lies after the instant that
    is looked from, ``is_late`` must not be used.
    """
    came = rows["received_at"].fillna(FOREVER)
    known = came.where(came < rows["late_at"], rows["late_at"])
    return rows.assign(known_at=known, is_late=came >= rows["late_at"])


def days_of(values: pd.Series, time_zone: str) -> np.ndarray:
    """Return calendar days of the site as numbers of days."""
    return site_day(values, time_zone).to_numpy().astype("datetime64[D]").astype(float)
