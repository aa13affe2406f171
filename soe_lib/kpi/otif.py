"""OTIF and its relatives as KPIs: by line, order, quantity and value, on all three bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.days import day_number
from soe_lib.kpi.facts import KEY, OrderFacts, order_facts
from soe_lib.kpi.otif_rows import NOT_YET_DUE, evaluate, otif_lines
from soe_lib.kpi.policy import BASES, Basis, OtifPolicy
from soe_lib.kpi.value import Kpi, Period, cuts, excluded_counts, measure, share

_EMPTY = "no order line due in the period has matured"
_COUNTED = {
    "otif_line": ("is_otif", "lines in full by D+l with nothing before D-e / matured lines"),
    "in_full_line": ("is_in_full", "lines with C(D+l) >= (1-u)q and C <= (1+o)q / matured lines"),
    "on_time_line": (
        "is_on_time",
        "lines whose first (1-u)q all came within [D-e, D+l] / matured lines",
    ),
    "not_early_line": ("is_not_early", "lines with nothing delivered before D-e / matured lines"),
    "in_full_ever_line": (
        "is_in_full_ever",
        "lines with C(as_of) >= (1-u)q, whenever it came / matured lines",
    ),
}


def otif(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    by: str | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return the OTIF family of a period.

    Parameters
    ----------
    tables
        As for :func:`soe_lib.kpi.otif_rows.otif_lines`.
    as_of, period
        The population are lines whose reference date lies in the period and whose window closed
        before ``as_of``.
    policy
        What counts.
    by
        Column of ``otif_rows.LINE_COLUMNS`` to cut by beside the total.

    Returns
    -------
    list
        ``otif_line, otif_order, otif_qty, otif_value, in_full_line, in_full_ever_line,
        on_time_line, not_early_line, on_time_qty, in_full_qty, fill_time`` per cut.
    """
    lines = otif_lines(tables, as_of, policy, period.time_zone)
    return otif_kpis(lines, as_of, period, policy, by=by, confidence_pct=confidence_pct)


def otif_kpis(
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    by: str | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """Count evaluated lines (:func:`soe_lib.kpi.otif_rows.otif_lines`); returns as :func:`otif`."""
    own = lines[period.has(lines["period_date"])]
    found: list[Kpi] = []
    for dimension, member, rows in cuts(own, by):
        rest = {
            "policy": policy.name,
            "basis": policy.basis,
            "dimension": dimension,
            "member": member,
        }
        found.extend(_one_cut(rows, as_of, period, policy, confidence_pct, rest))
    return found


def three_bases(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    lines: Mapping[Basis, pd.DataFrame] | None = None,
    facts: OrderFacts | None = None,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return OTIF by line on the requested, first confirmed and last confirmed date, and two gaps.

    ``promise_gap`` = OTIF(first confirmed) - OTIF(requested): what our promises hide from the
    market. ``repromise_gap`` = OTIF(last confirmed) - OTIF(first confirmed): what moving our own
    promise hides. Both in percentage points, not evaluable where one side is not.

    Parameters
    ----------
    lines
        Lines already evaluated, by basis; the others are evaluated here.
    facts
        As for :func:`soe_lib.kpi.otif_rows.otif_lines`.
    """
    by_basis: dict[str, Kpi] = {}
    for basis in BASES:
        own = policy.on(basis)
        known = (lines or {}).get(basis)
        if known is None:
            known = otif_lines(tables, as_of, own, period.time_zone, facts)
        kpis = otif_kpis(known, as_of, period, own, confidence_pct=confidence_pct)
        by_basis[basis] = next(k for k in kpis if k.kpi == "otif_line")
    found = list(by_basis.values())
    for name, low, high in (
        ("promise_gap", "requested", "first_confirmed"),
        ("repromise_gap", "first_confirmed", "last_confirmed"),
    ):
        one, other = by_basis[low], by_basis[high]
        found.append(
            measure(
                name,
                f"OTIF({high}) - OTIF({low})",
                other.value - one.value,
                "pp",
                as_of,
                period,
                n=min(one.n, other.n),
                empty="one of the two bases is not evaluable",
                policy=policy.name,
                basis=f"{high} against {low}",
            )
        )
    return found


def perfect_order(
    lines: pd.DataFrame,
    quality: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return perfect lines and perfect orders: OTIF, right documents and undamaged goods.

    Parameters
    ----------
    lines
        Result of :func:`soe_lib.kpi.otif_rows.otif_lines`.
    quality
        ``order_id``, ``line_id``, ``documents_ok``, ``condition_ok`` (boolean, may be empty).
        What is not known stays unknown: such lines are excluded, passed or not, and the note says
        between which bounds the share lies whatever the unknown ones were.

    Returns
    -------
    list
        ``perfect_line`` and ``perfect_order``; an order is perfect only if all its lines are.
    """
    own = lines[period.has(lines["period_date"])]
    asked = own[own["exclude_reason"] == ""]
    marks = quality.drop_duplicates(KEY)[[*KEY, "documents_ok", "condition_ok"]]
    asked = asked.merge(marks, on=KEY, how="left")
    for name in ("documents_ok", "condition_ok"):
        asked[name] = asked[name].astype("boolean")
    both = asked["documents_ok"] & asked["condition_ok"] & asked["is_otif"].astype("boolean")
    unknown = asked["documents_ok"].isna() | asked["condition_ok"].isna()
    words = np.where(asked["documents_ok"].isna(), "documents_unknown", "condition_unknown")
    asked = asked.assign(
        is_perfect=both,
        is_unknown=unknown,
        why=pd.Series(words, index=asked.index, dtype="str").where(unknown, ""),
    )
    by_order = asked.groupby(["order_id", "reference_date"], as_index=False).agg(
        is_perfect=("is_perfect", lambda marks: marks.all(skipna=False)),
        is_unknown=("is_unknown", "any"),
        why=("why", "max"),
    )
    found = []
    for name, rows, before, formula in (
        (
            "perfect_line",
            asked,
            excluded_counts(own["exclude_reason"]),
            "OTIF lines with right documents and undamaged goods / lines where both are known",
        ),
        (
            "perfect_order",
            by_order,
            {},
            "orders whose every line is perfect / orders where all marks are known",
        ),
    ):
        known = rows[~rows["is_unknown"]]
        good = int(known["is_perfect"].fillna(False).sum())
        certain = int((rows["is_perfect"] == True).fillna(False).sum())  # noqa: E712
        possible = int(rows["is_perfect"].fillna(True).sum())
        note = ""
        if len(rows) and len(known) < len(rows):
            low, high = 100 * certain / len(rows), 100 * possible / len(rows)
            note = f"between {low:.1f} % and {high:.1f} % whatever the unknown ones were"
        found.append(
            share(
                name,
                formula,
                good,
                len(known),
                as_of,
                period,
                confidence_pct=confidence_pct,
                is_count=True,
                empty="documents and condition are not known for any line",
                excluded={**before, **excluded_counts(rows["why"])},
                policy=policy.name,
                basis=policy.basis,
                target=policy.target(name),
                higher_is_better=True,
                note=note,
            )
        )
    return found


def projected_otif(
    tables: Mapping[str, pd.DataFrame],
    promises: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    *,
    confidence_pct: float = 95.0,
) -> list[Kpi]:
    """
    Return the OTIF that a schedule promises for lines that are not yet due.

    Parameters
    ----------
    promises
        One row per delivery that the schedule foresees: ``order_id``, ``line_id``,
        ``promised_at`` (goods issue, instant; empty = never), ``promised_qty``.
    period
        Days in the future; lines already matured do not count here.

    Returns
    -------
    list
        ``projected_otif_line`` and ``projected_otif_qty``.
    """
    time_zone = period.time_zone
    facts = order_facts(tables, as_of, time_zone)
    today = float(day_number(site_day(pd.Series([as_of]), time_zone))[0])
    now = evaluate(facts, tables, policy, time_zone, today)
    foreseen = promises[promises["promised_at"].notna() & (promises["promised_qty"] > 0)]
    day = site_day(foreseen["promised_at"], time_zone)
    transit = tables["sales_order_line"].drop_duplicates(KEY).set_index(KEY).get("transit_days")
    ahead = 0.0
    if transit is not None and len(foreseen):
        index = pd.MultiIndex.from_frame(foreseen[KEY])
        ahead = np.ceil(transit.reindex(index).fillna(0.0).to_numpy(float))
    extra = pd.DataFrame(
        {
            "order_id": foreseen["order_id"],
            "line_id": foreseen["line_id"],
            "delivered_qty": foreseen["promised_qty"].astype(float),
            "known_at": as_of,
            "is_derived": False,
            "issue_date": day,
            "proof_date": (day + pd.to_timedelta(ahead, unit="D")).astype("datetime64[us]"),
        }
    )
    parts = [part for part in (facts.deliveries, extra) if len(part)]
    moves = pd.concat(parts, ignore_index=True) if parts else facts.deliveries
    then = evaluate(replace(facts, deliveries=moves), tables, policy, time_zone, np.inf)
    waiting = (now["exclude_reason"] == NOT_YET_DUE).to_numpy()
    own = then[waiting & period.has(then["period_date"]).to_numpy()]
    kpis = otif_kpis(own, as_of, period, policy, confidence_pct=confidence_pct)
    return [
        replace(
            k,
            kpi=f"projected_{k.kpi}",
            formula=f"projected, not yet due: {k.formula}",
            reason="" if k.is_evaluable else "no order line falls due in the period",
        )
        for k in kpis
        if k.kpi in ("otif_line", "otif_qty")
    ]


def _one_cut(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    policy: OtifPolicy,
    confidence_pct: float,
    rest: dict[str, Any],
) -> list[Kpi]:
    excluded = excluded_counts(rows["exclude_reason"])
    good = rows[rows["exclude_reason"] == ""]
    notes = {
        "assumed": (good["is_transit_assumed"], "lines without transit_days: 0 days assumed"),
        "derived": (
            good["is_derived"],
            "lines without event: whole at their last goods issue",
        ),
    }
    note = "; ".join(f"{int(m.sum()):,} {words}" for m, words in notes.values() if m.any())
    note = "; ".join(part for part in (policy.words, note) if part)

    def ratio(kpi: str, formula: str, num: float, den: float, **more: Any) -> Kpi:
        given: dict[str, Any] = {
            "excluded": excluded,
            "target": policy.target(kpi),
            "higher_is_better": True,
            "empty": _EMPTY,
            "note": note,
            **rest,
            **more,
        }
        return share(kpi, formula, num, den, as_of, period, confidence_pct=confidence_pct, **given)

    found = [
        ratio(kpi, formula, int(good[column].sum()), len(good), is_count=True)
        for kpi, (column, formula) in _COUNTED.items()
    ]
    orders = good.groupby(["order_id", "reference_date"])["is_otif"].all()
    found.insert(
        1,
        ratio(
            "otif_order",
            "orders (order, reference date) whose every schedule line is OTIF / such orders",
            int(orders.sum()),
            len(orders),
            is_count=True,
            excluded={},
        ),
    )
    qty, inside = good["qty"], good[["qty", "window_qty"]].min(axis=1)
    priced = good["unit_value"].notna()
    unit = good["unit_value"].where(priced, 0.0)
    unpriced = {"no_value": int((~priced).sum())} if (~priced).any() else {}
    by_end = good[["qty", "delivered_by_end_qty"]].min(axis=1)
    found[2:2] = [
        ratio(
            "otif_qty",
            "sum min(q, delivered within [D-e, D+l]) / sum q",
            float(inside.sum()),
            float(qty.sum()),
            n=len(good),
        ),
        ratio(
            "otif_value",
            "sum net price x min(q, delivered within [D-e, D+l]) / sum net price x q",
            float((inside * unit).sum()),
            float((qty * unit).sum()),
            n=int(priced.sum()),
            excluded={**excluded, **unpriced},
            empty="no matured order line with a value",
        ),
    ]
    found.extend(
        [
            ratio(
                "on_time_qty",
                "delivered within [D-e, D+l] / delivered by as_of, matured lines",
                float(good["window_qty"].sum()),
                float(good["delivered_qty"].sum()),
                n=int((good["delivered_qty"] > 0).sum()),
                empty="nothing was delivered on matured lines",
            ),
            ratio(
                "in_full_qty",
                "sum min(q, C(D+l)) / sum q",
                float(by_end.sum()),
                float(qty.sum()),
                n=len(good),
            ),
        ]
    )
    filled = good["filled_days"].dropna()
    found.append(
        measure(
            "fill_time",
            "median of (day on which the line was full - reference date), filled lines",
            float(filled.median()) if len(filled) else np.nan,
            "days",
            as_of,
            period,
            n=len(filled),
            empty="no matured line has been filled",
            excluded={**excluded, "not_filled": len(good) - len(filled)},
            higher_is_better=False,
            note=note,
            **rest,
        )
    )
    return found
