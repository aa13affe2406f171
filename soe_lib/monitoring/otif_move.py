"""Why OTIF moved: the points lost to each reason, this week against the week before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.kpi.value import Period

COLUMNS = (
    "fail_reason",
    "num_lines",
    "lost_points",
    "previous_num_lines",
    "previous_lost_points",
    "otif_change_points",
)


def otif_move(
    now: pd.DataFrame, before: pd.DataFrame, period: Period, previous: Period
) -> pd.DataFrame:
    r"""
    Decompose the change of OTIF by line into the reasons for which lines failed.

    With :math:`f_r` failed lines of reason *r* and *n* matured lines, OTIF is
    :math:`100 - \sum_r 100 f_r / n`; the change is the sum of the changes of the reasons' shares,
    exactly.

    Parameters
    ----------
    now, before
        Rows of ``kpi.otif_rows.otif_lines`` as known at the end of each period.
    period, previous
        Last week and the week before it.

    Returns
    -------
    pandas.DataFrame
        One row per reason seen in either week, what cost most points first: :data:`COLUMNS`;
        ``lost_points`` are percentage points of OTIF, ``otif_change_points`` what the reason did
        to OTIF (negative = it cost more than the week before). Empty where one of the weeks has
        no matured line: nothing can be compared.
    """
    counts, sizes = [], []
    for lines, weeks in ((now, period), (before, previous)):
        own = lines[weeks.has(lines["period_date"]) & (lines["exclude_reason"] == "")]
        failed = own.loc[~own["is_otif"].astype(bool), "fail_reason"].astype("str")
        counts.append(failed.value_counts())
        sizes.append(len(own))
    if not all(sizes):
        return pd.DataFrame(
            {
                name: pd.Series(dtype="str" if name == "fail_reason" else "float64")
                for name in COLUMNS
            }
        )
    reasons = sorted(set(counts[0].index) | set(counts[1].index))
    found = pd.DataFrame({"fail_reason": pd.Series(reasons, dtype="str")})
    for place, (count, size) in enumerate(zip(counts, sizes, strict=True)):
        prefix = "previous_" if place else ""
        lines_failed = found["fail_reason"].map(count).fillna(0.0).astype(float)
        found[f"{prefix}num_lines"] = lines_failed
        found[f"{prefix}lost_points"] = 100 * lines_failed / size
    found["otif_change_points"] = found["previous_lost_points"] - found["lost_points"]
    ordered = found.sort_values(
        ["lost_points", "previous_lost_points", "fail_reason"],
        ascending=[False, False, True],
        kind="stable",
    )
    return ordered[list(COLUMNS)].reset_index(drop=True)


def move_sentence(move: pd.DataFrame) -> str:
    """Say which reason moved OTIF most its way; empty where there is nothing to compare."""
    if move.empty:
        return ""
    change = float(move["otif_change_points"].sum())
    effects = move["otif_change_points"].to_numpy(float)
    if np.isclose(np.abs(effects).sum(), 0.0):
        return "OTIF did not move: the same share of lines failed, for the same reasons."
    place = effects.argmin() if change < 0 else effects.argmax()
    worst = move.iloc[int(place)]
    moved = f"fell by {-change:.1f}" if change < 0 else f"rose by {change:.1f}"
    reason = str(worst["fail_reason"]).replace("_", " ")
    return (
        f"OTIF {moved} points; lines that failed because '{reason}' account for "
        f"{float(worst['otif_change_points']):+.1f} ({worst['previous_num_lines']:.0f} such lines "
        f"the week before, {worst['num_lines']:.0f} last week)."
    )
