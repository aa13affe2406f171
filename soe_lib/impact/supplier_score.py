"""Supplier delay distributions scored out of sample, by date: what would they have said before?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.impact.reliability import Reliability, reliability
from soe_lib.impact.shrunken import fit_shrunken

ALONE, SAME = 0.0, 1e9
SCORE_COLUMNS = (
    "way", "strength", "half_life_days", "mean_crps_days", "brier", "num_outcomes",
)  # fmt: skip
WAYS: tuple[tuple[str, float | None, bool], ...] = (
    ("alone", ALONE, False),
    ("all the same", SAME, False),
    ("shrunken", None, False),
    ("all the same, forgets", SAME, True),
    ("shrunken, forgets", None, True),
)
"""Way, its strength (None: chosen on the history) and whether old outcomes fade."""


def score_suppliers(
    receipts: pd.DataFrame, split_at: pd.Timestamp
) -> tuple[pd.DataFrame, Reliability]:
    """
    Learn delays from what was received by an instant and score them on what came later.

    Parameters
    ----------
    receipts
        ``supplier_id``, ``received_at``, ``late_days``.
    split_at
        Instant that ends the history.

    Returns
    -------
    tuple
        One row per way of ``WAYS``: ``SCORE_COLUMNS``, lower is better; strength and half-life are
        chosen on the history alone. And how reliable the last way's probability of being on time
        was.
    """
    before = receipts[receipts["received_at"] <= split_at]
    after = receipts[receipts["received_at"] > split_at]
    on_time = after["late_days"] <= 0
    rows = []
    chance = pd.Series(np.nan, index=after.index)
    for way, strength, forgets in WAYS:
        fitted = fit_shrunken(
            before["late_days"],
            before["supplier_id"],
            when=before["received_at"],
            strength=strength,
            forgets=forgets,
        )
        pairs = after.groupby(["supplier_id", "late_days"]).size()
        score = np.average([fitted.crps(s, y) for s, y in pairs.index], weights=pairs)
        odds = {name: fitted.below(name, 0.0) for name in after["supplier_id"].unique()}
        chance = after["supplier_id"].map(odds).astype(float)
        brier = float(((chance - on_time) ** 2).mean())
        rows.append((way, fitted.strength, fitted.half_life_days, float(score), brier, len(after)))
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS)), reliability(chance, on_time)
