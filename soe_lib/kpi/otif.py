"""OTIF and its relatives as KPIs: by line, order, quantity and value, on all three bases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import OrderFacts
from soe_lib.kpi.otif_rows import otif_lines
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
