"""Which quantity and which date a schedule line is measured by, after changes by whom and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.days import day_number, shift, to_days
from soe_lib.kpi.facts import KEY, TINY, OrderFacts, table_of, unit_value
from soe_lib.kpi.policy import DATE_OF_BASIS, OtifPolicy

TOLERANCES = ("early_days", "late_days", "under_pct", "over_pct")


@dataclass(frozen=True)
class Missed:
    """Answers whether a promise had been missed when somebody moved it."""

    deliveries: pd.DataFrame
    policy: OtifPolicy
    as_of_day: float

    def before(self, rows: pd.DataFrame, date: np.ndarray, moved_on: np.ndarray) -> np.ndarray:
        """
        Return True where the window around ``date`` closed before ``moved_on``, short.

        Parameters
        ----------
        rows
            Schedule lines (``KEY``, ``qty``, ``late_days``, ``under_pct``, ``transit_days``).
        date, moved_on
            Day numbers: the promise, and the day on which it was moved.
        """
        late = rows["late_days"].to_numpy(float)
        end = shift(
            date - rows["transit_days"].to_numpy(float),
            late,
            working=self.policy.day_count == "working",
            holidays=self.policy.holidays,
        )
        closed = np.isfinite(end) & (end < moved_on)
        asked = rows[KEY].assign(place=np.arange(len(rows)), end=end)[closed]
        moves = asked.merge(self.deliveries[[*KEY, "delivered_qty", "day"]], on=KEY)
        came = moves["delivered_qty"].where(moves["day"] <= moves["end"], 0.0)
        total = np.bincount(moves["place"], weights=came, minlength=len(rows))
        return closed & ~is_full(total, rows["qty"].to_numpy(float), rows["under_pct"])


def is_full(delivered: np.ndarray, qty: np.ndarray, under_pct: pd.Series) -> np.ndarray:
    """Return True where a quantity is "full": positive, and at least (1 - under) of ``qty``."""
    need = qty * (1 - under_pct.to_numpy(float) / 100)
    enough = delivered >= need - TINY * np.abs(qty)
    return (delivered > 0) & (enough | np.isnan(need))


def tolerances(
    lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame], policy: OtifPolicy
) -> pd.DataFrame:
    """
    Return the tolerances, basis and notice that hold for each schedule line.

    The policy's tolerances hold unless the customer's terms give others, and those unless the
    order line does. Terms that name an ``otif_basis`` are a whole policy: all four tolerances are
    theirs, an empty one is not evaluated. Terms without a basis, and order lines, override only
    what they fill.

    Returns
    -------
    pandas.DataFrame
        Index of ``lines``: the four of :data:`TOLERANCES` (NaN = not evaluated), ``basis``,
        ``notice_days``, ``customer_tier``.
    """
    found = pd.DataFrame(index=lines.index)
    terms = _terms(lines, tables)
    whole = terms["otif_basis"]
    for name in TOLERANCES:
        value = pd.Series(getattr(policy, name), index=lines.index, dtype="float64")
        if policy.use_customer_terms:
            own = terms[name].astype("float64")
            value = own.where(own.notna() | whole.notna(), value)
        if policy.use_line_terms:
            own = lines[name].astype("float64")
            value = own.where(own.notna(), value)
        found[name] = value
    basis = pd.Series(policy.basis, index=lines.index, dtype="str")
    if policy.use_customer_basis:
        basis = whole.where(whole.isin(list(DATE_OF_BASIS)), basis)
    found["basis"] = basis
    found["notice_days"] = terms["notice_days"].astype("float64")
    found["customer_tier"] = terms["customer_tier"]
    return found


def _terms(lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what the terms of each line's customer say, empty where there are none."""
    terms = table_of(tables, "customer_terms").drop_duplicates("customer_id")
    asked = terms.set_index("customer_id")[
        ["otif_basis", *TOLERANCES, "notice_days", "customer_tier"]
    ]
    place = asked.index.get_indexer(pd.Index(lines["customer_id"]))
    nobody = asked.reindex([np.nan])
    return pd.concat([asked, nobody]).take(place).set_axis(lines.index)


def schedule_lines(facts: OrderFacts) -> pd.DataFrame:
    """
    Return the schedule lines to be measured, ``qty`` each.

    A quantity that *we* cut counts as ordered still (a short-close is our miss); one that the
    customer cut does not. What was added after the first promise is a schedule line of its own
    (``is_increase``): requested with the line, promised by the last promise where that covers the
    whole quantity, else never confirmed.
    """
    lines = facts.lines
    qty = lines["ordered_qty"].to_numpy(float).copy()
    changes = facts.changes[facts.changes["change_field"] == "qty"]
    base = lines.assign(
        qty=qty,
        unit_value=unit_value(lines),
        is_increase=False,
    )
    if changes.empty:
        return base
    cut = (changes["old_qty"] - changes["new_qty"]).clip(lower=0).where(~changes["is_by_customer"])
    cuts = np.bincount(changes["row"], weights=cut.fillna(0.0), minlength=len(lines))
    first = changes.drop_duplicates("row", keep="first")
    original = qty.copy()
    original[first["row"].to_numpy()] = first["old_qty"].to_numpy()
    qty = qty + cuts
    is_confirmed = lines["first_confirmed_date"].notna().to_numpy()
    added = np.where(is_confirmed, np.clip(qty - original, 0, None), 0.0)
    base["qty"] = qty - added
    more = base[added > 0].copy()
    more["qty"] = added[added > 0]
    covers = more["last_confirmed_qty"] >= qty[added > 0] * (1 - TINY)
    more["last_confirmed_date"] = more["last_confirmed_date"].where(covers)
    more["first_confirmed_date"] = more["last_confirmed_date"]
    more["is_increase"] = True
    return pd.concat([base, more], ignore_index=True)


def reference_days(lines: pd.DataFrame, facts: OrderFacts, missed: Missed) -> pd.Series:
    """
    Return the day that each schedule line is measured by, empty where its basis has none.

    *Requested* moves only when the customer moves it, and not away from a date that was already
    missed. *First confirmed* stays, except that a date moved by the customer resets it to our next
    confirmation (or, without one, to no earlier than the customer's new date). *Last confirmed*
    is the promise that holds.

    Parameters
    ----------
    lines
        Schedule lines with ``source_row`` (row in ``facts``), ``basis`` and tolerances.
    """
    dates = facts.changes[facts.changes["change_field"] == "requested_date"]
    requested = _requested(lines, dates, missed)
    found = pd.Series(pd.NaT, index=lines.index, dtype="datetime64[us]")
    for basis, column in DATE_OF_BASIS.items():
        asked = (lines["basis"] == basis).to_numpy()
        if not asked.any():
            continue
        if basis == "requested":
            value = requested
        elif basis == "first_confirmed" and missed.policy.first_resets_on_customer_change:
            value = _first_confirmed(lines, facts, dates, missed)
        else:
            value = lines[column]
        found[asked] = value[asked]
    return found


def _ranked(lines: pd.DataFrame, changes: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the changes of each rank (first, second, ... of a line), ``place`` = line position."""
    places = lines[["source_row"]].assign(place=np.arange(len(lines)))
    pairs = changes.merge(places, left_on="row", right_on="source_row", how="inner")
    pairs = pairs.sort_values(["place", "event_at", "known_at"], kind="stable")
    rank = pairs.groupby("place").cumcount()
    return [pairs[rank == k] for k in range(int(rank.max()) + 1)] if len(pairs) else []


def _requested(lines: pd.DataFrame, dates: pd.DataFrame, missed: Missed) -> pd.Series:
    day = day_number(lines["requested_date"])
    is_stuck = np.zeros(len(lines), dtype=bool)
    for number, moves in enumerate(_ranked(lines, dates)):
        place = moves["place"].to_numpy()
        old = day_number(moves["old_date"])
        if number == 0:
            day[place] = np.where(np.isfinite(old), old, day[place])
        moved_on = day_number(moves["event_date"])
        stuck = missed.before(lines.iloc[place], day[place], moved_on)
        is_stuck[place] |= stuck & moves["is_by_customer"].to_numpy()
        obeys = moves["is_by_customer"].to_numpy() & ~is_stuck[place]
        day[place] = np.where(obeys, day_number(moves["new_date"]), day[place])
    return to_days(day, lines.index)


def _first_confirmed(
    lines: pd.DataFrame, facts: OrderFacts, dates: pd.DataFrame, missed: Missed
) -> pd.Series:
    day = day_number(lines["first_confirmed_date"])
    last = day_number(lines["last_confirmed_date"])
    confirms = facts.changes[facts.changes["change_field"] == "confirmed_date"]
    own = dates[dates["is_by_customer"] & dates["new_date"].notna()]
    is_logged = lines["source_row"].isin(confirms["row"]).to_numpy()
    is_stuck = np.zeros(len(lines), dtype=bool)
    for moves in _ranked(lines, own):
        place = moves["place"].to_numpy()
        is_stuck[place] |= missed.before(
            lines.iloc[place], day[place], day_number(moves["event_date"])
        )
        later = moves[["place", "row", "event_at"]].merge(
            confirms[["row", "event_at", "new_date"]], on="row", suffixes=("", "_confirm")
        )
        later = later[later["event_at_confirm"] >= later["event_at"]]
        later = later.sort_values("event_at_confirm", kind="stable").drop_duplicates("place")
        next_day = pd.Series(day_number(later["new_date"]), index=later["place"]).reindex(place)
        answered = next_day.to_numpy()
        moved = ~is_logged[place] & (last[place] != day[place])
        answered = np.where(np.isnan(answered) & moved, last[place], answered)
        waits = np.maximum(day[place], day_number(moves["new_date"]))
        answered = np.where(np.isnan(answered), waits, answered)
        keeps = is_stuck[place] | np.isnan(day[place])
        day[place] = np.where(keeps, day[place], answered)
    return to_days(day, lines.index)
