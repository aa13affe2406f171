r"""
OTIF, line by line.

For schedule line *i* with quantity :math:`q`, reference date :math:`D`, tolerances :math:`e, l`
(days) and :math:`u, o` (%), and :math:`C(t)` delivered until the end of day *t*:

.. math::
    IN\_FULL &= C(D+l) \ge (1-u) q \;\text{and}\; C(\infty) \le (1+o) q \\
    NOT\_EARLY &= C(D-e-1) = 0 \\
    ON\_TIME &= \text{something came, and the first } (1-u) q \text{ came within } [D-e, D+l] \\
    OTIF &= IN\_FULL \;\text{and}\; NOT\_EARLY \\
    IN\_FULL\_EVER &= C(as\_of) \ge (1-u) q

A tolerance that is not evaluated drops its condition; without :math:`u` any positive quantity is
full. A line is matured when the day :math:`D+l` is over.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.days import day_number, shift, to_days
from soe_lib.kpi.facts import KEY, TINY, OrderFacts, allocate_claims, order_facts, table_of
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.references import (
    Missed,
    is_full,
    reference_days,
    schedule_lines,
    tolerances,
)

NOT_YET_DUE = "not_yet_due"
LINE_COLUMNS = (
    *KEY,
    "schedule_no",
    "is_increase",
    "ordered_at",
    "customer_id",
    "customer_tier",
    "item_id",
    "family_id",
    "site_id",
    "order_type",
    "basis",
    "reference_date",
    "period_date",
    "window_start_date",
    "window_end_date",
    "qty",
    "unit_value",
    "delivered_qty",
    "delivered_by_end_qty",
    "early_qty",
    "window_qty",
    "first_delivery_date",
    "filled_date",
    "filled_days",
    "is_in_full",
    "is_not_early",
    "is_on_time",
    "is_otif",
    "is_in_full_ever",
    "fail_reason",
    "exclude_reason",
    "is_derived",
    "is_transit_assumed",
)
"""Columns of :func:`otif_lines`."""


def otif_lines(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    policy: OtifPolicy,
    time_zone: str = "UTC",
    facts: OrderFacts | None = None,
) -> pd.DataFrame:
    """
    Return what OTIF says of every schedule line: the rows behind the number.

    Parameters
    ----------
    tables
        ``sales_order_line``; ``delivery_event``, ``order_change_event``, ``customer_terms`` and
        ``item`` where there are any. Without a delivery event an order line counts as delivered
        whole at its last goods issue (``is_derived``).
    as_of
        Instant, UTC.
    policy
        What counts as on time and in full.
    time_zone
        Zone of the site.
    facts
        ``order_facts(tables, as_of, time_zone)`` where the caller has them; default: read here.

    Returns
    -------
    pandas.DataFrame
        :data:`LINE_COLUMNS`, one row per schedule line in the order of the table, increases last.
        ``period_date`` is the reference date (the requested date where there is none): the day by
        which the line belongs to a period. ``exclude_reason`` is empty for evaluated lines, else
        ``type_<order_type>``, ``unreadable_change``, ``cust_cancel``,
        ``cust_cancel_inside_notice``, ``cancel_unknown``, ``no_confirmation``, ``no_proof`` or
        ``not_yet_due``. ``fail_reason`` of a failed line: ``early``, ``cancelled_by_us``,
        ``not_delivered``, ``short``, ``late`` or ``over``. ``filled_days`` is signed: day on
        which the line was full minus reference date.
    """
    facts = facts or order_facts(tables, as_of, time_zone)
    day = float(day_number(site_day(pd.Series([as_of]), time_zone))[0])
    return evaluate(facts, tables, policy, time_zone, day)


def evaluate(
    facts: OrderFacts,
    tables: Mapping[str, pd.DataFrame],
    policy: OtifPolicy,
    time_zone: str,
    as_of_day: float,
) -> pd.DataFrame:
    """Evaluate facts as :func:`otif_lines` does; a line is matured before ``as_of_day``."""
    lines = schedule_lines(facts)
    lines["source_row"] = lines["row"]
    lines["row"] = np.arange(len(lines))
    held = tolerances(lines, tables, policy)
    lines = lines.assign(**{name: held[name] for name in held.columns})
    _measure(lines, policy)
    deliveries = _measured(facts.deliveries, lines, policy)
    missed = Missed(deliveries, policy, as_of_day)
    reference = reference_days(lines, facts, missed)
    lines["reference_date"] = reference
    lines["period_date"] = reference.where(reference.notna(), lines["requested_date"])
    start, end, due = _window(lines, policy)
    by_customer = (lines["cancelled_by"] == "customer").to_numpy(bool)
    lines["is_cancelled_by_customer"] = by_customer & (lines["status"] == "cancelled").to_numpy()
    serve = ["period_date", "schedule_no", "is_increase"]
    pairs, _ = allocate_claims(lines, serve, deliveries, "issue_date")
    taken = deliveries.iloc[pairs["delivery"].to_numpy()]
    pairs = pairs.assign(
        day=taken["day"].to_numpy(float), is_derived=taken["is_derived"].to_numpy(bool)
    )
    reason = _cancelled(lines, pairs, end, time_zone)
    lines = _outcomes(lines, pairs, start, end)
    unproven = _unproven(pairs, end, len(lines)) & ~lines["is_full_by_end"].to_numpy()
    is_matured = np.nan_to_num(due, nan=np.inf) < as_of_day
    excluded = np.select(
        [
            lines["order_type"].isin(policy.excluded_order_types),
            lines["is_unreadable"],
            reason != "",
            lines["reference_date"].isna(),
            ~is_matured,
            unproven,
        ],
        [
            "type_" + lines["order_type"].astype("str").to_numpy(dtype=object),
            "unreadable_change",
            reason,
            "no_confirmation",
            NOT_YET_DUE,
            "no_proof",
        ],
        default="",
    )
    items = table_of(tables, "item").drop_duplicates("item_id")
    found = lines.assign(
        exclude_reason=pd.Series(excluded, index=lines.index, dtype="str"),
        window_start_date=to_days(start, lines.index),
        window_end_date=to_days(end, lines.index),
        family_id=lines["item_id"].map(items.set_index("item_id")["family_id"]),
    )
    found["fail_reason"] = _fail_reasons(found)
    return found[list(LINE_COLUMNS)]


def _measure(lines: pd.DataFrame, policy: OtifPolicy) -> None:
    """Set where each line is measured and the transit days between goods issue and its date."""
    pick_up = lines["is_customer_pick_up"].fillna(False).astype(bool)
    lines["measured_at"] = pd.Series(policy.measured_at, index=lines.index).where(~pick_up, "ready")
    ships = lines["measured_at"] == "goods_issue"
    lines["is_transit_assumed"] = ships & lines["transit_days"].isna()
    transit = np.ceil(lines["transit_days"].astype("float64").fillna(0.0).to_numpy())
    lines["transit_days"] = np.where(ships, transit, 0.0)


def _measured(deliveries: pd.DataFrame, lines: pd.DataFrame, policy: OtifPolicy) -> pd.DataFrame:
    """Add ``day``: the day number by which each delivery counts, NaN where it is not proven."""
    issued = day_number(deliveries["issue_date"])
    if policy.measured_at != "delivery":
        return deliveries.assign(day=issued)
    by_line = lines.drop_duplicates(KEY)[[*KEY, "measured_at"]]
    place = deliveries[KEY].merge(by_line, on=KEY, how="left")["measured_at"].to_numpy()
    proven = day_number(deliveries["proof_date"])
    return deliveries.assign(day=np.where(place == "delivery", proven, issued))


def _window(lines: pd.DataFrame, policy: OtifPolicy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first and last day of the window (infinite = open) and the day that matures a line."""
    middle = day_number(lines["reference_date"]) - lines["transit_days"].to_numpy(float)
    early = lines["early_days"].to_numpy(float)
    late = lines["late_days"].to_numpy(float)
    working = policy.day_count == "working"
    start = shift(middle, -early, working=working, holidays=policy.holidays)
    end = shift(middle, late, working=working, holidays=policy.holidays)
    known = np.isfinite(middle)
    start = np.where(known & np.isnan(early), -np.inf, start)
    due = np.where(np.isnan(late), middle, end)
    end = np.where(known & np.isnan(late), np.inf, end)
    return start, end, due


def _cancelled(
    lines: pd.DataFrame, pairs: pd.DataFrame, end: np.ndarray, time_zone: str
) -> np.ndarray:
    """
    Return why cancelled lines do not count; a rest that the customer cancelled reduces ``qty``.

    A customer who cancels after the window closed short does not undo the miss. Before that, an
    undelivered line does not count and a part-delivered one counts as its delivered quantity.
    Lines that we cancelled count.
    """
    reason = np.full(len(lines), "", dtype=object)
    is_cancelled = (lines["status"] == "cancelled").to_numpy(bool)
    if not is_cancelled.any():
        return reason
    day = day_number(site_day(lines["cancelled_at"], time_zone))
    who = lines["cancelled_by"]
    unknown = is_cancelled & (who.isna().to_numpy() | ((who == "customer") & np.isnan(day)))
    reason[unknown] = "cancel_unknown"
    asked = lines["is_cancelled_by_customer"].to_numpy(bool) & ~unknown
    by_cancel = _summed(pairs, day_number(pairs["issue_date"]) <= day[pairs["row"]], len(lines))
    qty = lines["qty"].to_numpy(float).copy()
    full = is_full(by_cancel, qty, lines["under_pct"])
    missed = np.nan_to_num(end, nan=np.inf) < day
    open_ = asked & ~missed & ~full
    qty = np.where(open_ & (by_cancel > 0), by_cancel, qty)
    lines["qty"] = qty
    gone = open_ & (by_cancel <= 0)
    notice = lines["notice_days"].to_numpy(float)
    promised = day_number(lines["period_date"])
    inside = gone & (day > promised - notice)
    reason[gone] = "cust_cancel"
    reason[inside] = "cust_cancel_inside_notice"
    return reason


def _summed(pairs: pd.DataFrame, counts: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(pairs["row"], weights=pairs["qty"].to_numpy() * counts, minlength=size)


def _outcomes(
    lines: pd.DataFrame, pairs: pd.DataFrame, start: np.ndarray, end: np.ndarray
) -> pd.DataFrame:
    size = len(lines)
    row, day = pairs["row"].to_numpy(), pairs["day"].to_numpy(float)
    qty, under = lines["qty"].to_numpy(float), lines["under_pct"]
    by_end = _summed(pairs, day <= end[row], size)
    early = _summed(pairs, day < start[row], size)
    total = _summed(pairs, np.isfinite(day), size)
    inside = np.clip(by_end - early, 0, None)
    inside[inside <= TINY * qty] = 0.0
    over = lines["over_pct"].to_numpy(float)
    is_over = total > qty * (1 + over / 100) + TINY * qty
    full_by_end = is_full(by_end, qty, under)
    not_early = early <= 0
    first, filled = _fill_days(pairs, qty, under.to_numpy(float), size)
    on_time = (total > 0) & (first >= start) & (filled <= end)
    reference = day_number(lines["reference_date"])
    derived = np.zeros(size, dtype=bool)
    derived[row[pairs["is_derived"].to_numpy(bool)]] = True
    return lines.assign(
        delivered_qty=total,
        delivered_by_end_qty=by_end,
        early_qty=early,
        window_qty=inside,
        first_delivery_date=to_days(first, lines.index),
        filled_date=to_days(filled, lines.index),
        filled_days=filled - reference,
        is_full_by_end=full_by_end,
        is_over=is_over,
        is_in_full=full_by_end & ~is_over,
        is_not_early=not_early,
        is_on_time=on_time,
        is_otif=full_by_end & ~is_over & not_early,
        is_in_full_ever=is_full(total, qty, under),
        is_derived=derived,
    )


def _fill_days(
    pairs: pd.DataFrame, qty: np.ndarray, under: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the day of the first delivery and the day on which the line became full (NaN: not)."""
    known = pairs[np.isfinite(pairs["day"])].sort_values(["row", "day"], kind="stable")
    row, day = known["row"].to_numpy(), known["day"].to_numpy(float)
    first, filled = np.full(size, np.nan), np.full(size, np.nan)
    first[row[::-1]] = day[::-1]
    upto = known.groupby("row")["qty"].cumsum().to_numpy()
    need = np.nan_to_num(qty * (1 - under / 100), nan=0.0)
    reached = upto >= need[row] - TINY * qty[row]
    filled[row[reached][::-1]] = day[reached][::-1]
    return first, filled


def _unproven(pairs: pd.DataFrame, end: np.ndarray, size: int) -> np.ndarray:
    """Return True where goods left inside the window and nobody proved their delivery yet."""
    row = pairs["row"].to_numpy()
    open_ = np.isnan(pairs["day"].to_numpy(float))
    open_ &= day_number(pairs["issue_date"]) <= end[row]
    found = np.zeros(size, dtype=bool)
    found[row[open_]] = True
    return found


def _fail_reasons(lines: pd.DataFrame) -> pd.Series:
    by_us = (lines["status"] == "cancelled") & (lines["cancelled_by"] == "us")
    words = np.select(
        [
            lines["is_otif"],
            ~lines["is_not_early"],
            lines["is_full_by_end"],
            by_us,
            lines["delivered_qty"] <= 0,
            lines["is_in_full_ever"],
        ],
        ["", "early", "over", "cancelled_by_us", "not_delivered", "late"],
        default="short",
    )
    return pd.Series(words, index=lines.index, dtype="str").where(lines["exclude_reason"] == "", "")
