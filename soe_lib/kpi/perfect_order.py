"""Perfect orders: on time, in full, right documents, undamaged goods; the unknown stays unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import KEY
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period, excluded_counts, share


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
