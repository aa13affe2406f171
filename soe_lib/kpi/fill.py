"""Fill rates by unit, line and order, and how long and how completely orders are fulfilled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import KEY, TINY, known_at, table_of, without_superseded
from soe_lib.kpi.otif_rows import otif_lines
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period, cuts, excluded_counts, measure, share

_EMPTY = "no order line due in the period has matured"


def fill_rates(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    by: str | None = None,
    substitution_counts: bool = False,
    lines: pd.DataFrame | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return unit, line and order fill of lines due in the period.

    *First-time* fill counts what came by the end of the window; the plain rate what came by
    ``as_of``; their difference is the secondary fill (after a backorder or a substitution). A
    line or order is filled when all of it came (over-shipments do not fill another line).

    Parameters
    ----------
    tables, as_of, period, policy
        As for :func:`soe_lib.kpi.otif.otif`.
    substitution_counts
        Whether a line of which *we* changed the item counts as filled the first time.
    lines
        Lines already evaluated with this policy; default: evaluated here.

    Returns
    -------
    list
        ``ufr, lfr, ofr``, each also as ``_first_time``, and ``ufr_secondary``, per cut.
    """
    if lines is None:
        lines = otif_lines(tables, as_of, policy, period.time_zone)
    swapped = substituted(lines, tables, as_of)
    if substitution_counts:
        note = "substituted lines count as first-time fill"
    else:
        lines = lines.assign(
            delivered_by_end_qty=lines["delivered_by_end_qty"].where(~swapped, 0.0)
        )
        note = "substituted lines do not count as first-time fill"
    return fill_kpis(
        lines.assign(note=np.where(swapped, note, "")),
        as_of,
        period,
        policy,
        by=by,
        confidence_pct=confidence_pct,
    )


def fill_kpis(
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    by: str | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """Count lines (:func:`soe_lib.kpi.otif_rows.otif_lines`); returns as :func:`fill_rates`."""
    own = lines[period.has(lines["period_date"])]
    first = own[["qty", "delivered_by_end_qty"]].min(axis=1)
    total = own[["qty", "delivered_qty"]].min(axis=1)
    enough = own["qty"] * (1 - TINY)
    own = own.assign(
        first_qty=first,
        total_qty=total,
        is_first=first >= enough,
        is_total=total >= enough,
    )
    found: list[Kpi] = []
    for dimension, member, rows in cuts(own, by):
        rest = {
            "policy": policy.name,
            "basis": policy.basis,
            "dimension": dimension,
            "member": member,
        }
        found.extend(_one_cut(rows, as_of, period, confidence_pct, rest))
    return found


def order_fulfilment(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return the order fulfilment rate and the order fulfilment cycle time of orders due.

    Returns
    -------
    list
        ``order_fulfilment_rate`` (orders of which every line due in the period was complete by
        its due date / orders due) and ``order_cycle_time`` (mean days from receipt of the order to
        the day on which its last line was full; orders not yet full are excluded and counted).
    """
    lines = otif_lines(tables, as_of, policy, period.time_zone)
    return order_fulfilment_kpis(lines, as_of, period, policy, confidence_pct=confidence_pct)


def order_fulfilment_kpis(
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """Count lines (:func:`soe_lib.kpi.otif_rows.otif_lines`) as :func:`order_fulfilment` does."""
    own = lines[period.has(lines["period_date"])]
    good = own[own["exclude_reason"] == ""]
    by_due = good["delivered_by_end_qty"] >= good["qty"] * (1 - TINY)
    received = good["ordered_at"].dt.tz_convert(period.time_zone).dt.tz_localize(None)
    marked = good.assign(
        is_complete=by_due,
        filled=good["filled_date"].where(good["delivered_qty"] >= good["qty"] * (1 - TINY)),
        received_date=received.dt.normalize(),
    )
    orders = marked.groupby("order_id").agg(
        is_complete=("is_complete", "all"),
        num_lines=("is_complete", "size"),
        num_filled=("filled", "count"),
        filled=("filled", "max"),
        received_date=("received_date", "min"),
    )
    whole = orders[orders["num_filled"] == orders["num_lines"]]
    days = (whole["filled"] - whole["received_date"]).dt.days.to_numpy(float)
    rest: dict[str, Any] = {"policy": policy.name, "basis": policy.basis}
    return [
        share(
            "order_fulfilment_rate",
            "orders whose every line due was complete by its due date / orders due",
            int(orders["is_complete"].sum()),
            len(orders),
            as_of,
            period,
            confidence_pct=confidence_pct,
            is_count=True,
            empty=_EMPTY,
            target=policy.target("order_fulfilment_rate"),
            higher_is_better=True,
            **rest,
        ),
        measure(
            "order_cycle_time",
            "mean of (day on which the last line was full - day of receipt), orders due",
            float(days.mean()) if len(days) else np.nan,
            "days",
            as_of,
            period,
            n=len(whole),
            empty="no order due in the period has been filled",
            excluded={"not_filled": len(orders) - len(whole)},
            higher_is_better=False,
            note=f"median {np.median(days):g} days" if len(days) else "",
            **rest,
        ),
    ]


def substituted(
    lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.Series:
    """Return True for lines of which we changed the item by ``as_of``."""
    events = without_superseded(table_of(tables, "order_change_event"), as_of, "event_at")
    ours = events[
        (events["change_field"] == "item")
        & (events["initiated_by"] != "customer")
        & (known_at(events, "event_at") <= as_of)
    ]
    if ours.empty:
        return pd.Series(False, index=lines.index)
    listed = pd.MultiIndex.from_frame(ours[KEY].drop_duplicates())
    return pd.Series(pd.MultiIndex.from_frame(lines[KEY]).isin(listed), index=lines.index)


def _one_cut(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    confidence_pct: float,
    rest: dict[str, Any],
) -> list[Kpi]:
    good = rows[rows["exclude_reason"] == ""]
    said = good.loc[good["note"] != "", "note"].tolist() if "note" in good else []
    words = f"{len(said):,} {said[0]}" if said else ""
    given = {
        "excluded": excluded_counts(rows["exclude_reason"]),
        "higher_is_better": True,
        "empty": _EMPTY,
        "note": words,
        **rest,
    }
    orders = good.groupby("order_id")[["is_first", "is_total"]].all()
    qty = float(good["qty"].sum())
    found = []
    for mark, ending, words in (
        ("first", "_first_time", "by the end of the window"),
        ("total", "", "by as_of"),
    ):
        units = float(good[f"{mark}_qty"].sum())
        found += [
            share(
                f"ufr{ending}",
                f"sum min(q, shipped {words}) / sum q",
                units,
                qty,
                as_of,
                period,
                n=len(good),
                **given,
            ),
            share(
                f"lfr{ending}",
                f"lines complete {words} / lines",
                int(good[f"is_{mark}"].sum()),
                len(good),
                as_of,
                period,
                confidence_pct=confidence_pct,
                is_count=True,
                **given,
            ),
            share(
                f"ofr{ending}",
                f"orders complete {words} / orders",
                int(orders[f"is_{mark}"].sum()),
                len(orders),
                as_of,
                period,
                confidence_pct=confidence_pct,
                is_count=True,
                **{**given, "excluded": {}},
            ),
        ]
    late = float((good["total_qty"] - good["first_qty"]).sum())
    found.append(
        share(
            "ufr_secondary",
            "sum of units shipped after the window or by substitution / sum q",
            late,
            qty,
            as_of,
            period,
            n=len(good),
            **{**given, "higher_is_better": None},
        )
    )
    return found
