"""People: sites and skills in which more people are missing than is usual."""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import count_of
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.series import charted_counts, has_past

KEYS = ["site_id", "skill_code"]


def labour(facts: Facts) -> pd.DataFrame:
    """
    Return sites and skills with shifts since the last cycle in which people were missing.

    One person who misses one shift is no divergence: where the past is known, the people missing
    by shift must signal on a chart of counts, and of the shifts of that signal those count in
    which more than the tolerance is missing. Without a past every such shift counts. Plan and
    actual are the people of those shifts.
    """
    rows = facts.tables["labour_availability"]
    day = rows["labour_date"]
    known = (day <= facts.today) & rows["actual_headcount"].notna()
    shifts = rows[known & (rows["planned_headcount"] > 0)].copy()
    at = shifts["start_at"].fillna(facts.instant(shifts["labour_date"]))
    shifts = shifts.assign(
        group=shifts["site_id"] + " " + shifts["skill_code"],
        at=at,
        size=shifts["planned_headcount"],
        missing=(shifts["planned_headcount"] - shifts["actual_headcount"]).clip(lower=0),
    )
    new = shifts[shifts["labour_date"] >= facts.first_day]
    limit = facts.params.divergence.labour_pct
    young = new[~new["group"].isin(has_past(facts, shifts))]
    signals = charted_counts(facts, shifts, tolerated_share=limit / 100)
    bad = pd.concat([signals.drop(columns=["usual", "spread", "shift_no"]), young])
    bad = bad[bad["missing"] > limit / 100 * bad["planned_headcount"]]
    if bad.empty:
        return empty_rows()
    found = bad.groupby(KEYS, as_index=False).agg(
        planned_value=("planned_headcount", "sum"),
        actual_value=("actual_headcount", "sum"),
        shifts=("missing", "size"),
        first_seen_at=("at", "min"),
        dates=("labour_date", lambda days: sorted(set(days))),
    )
    whole = new.groupby(KEYS)[["planned_headcount", "actual_headcount"]].sum()
    present = (100 * whole["actual_headcount"] / whole["planned_headcount"]).rename("present_pct")
    found = found.merge(present.reset_index(), on=KEYS)
    found["object_id"] = found["site_id"] + " " + found["skill_code"]
    share = 100 * (1 - found["actual_value"] / found["planned_value"])
    found["severity"] = share / max(limit, 1e-9)
    found["act_by_at"] = facts.as_of
    found["sentence"] = [
        f"{o}: {p - a:.0f} of {p:.0f} people missing on {count_of(n, 'shift')} "
        f"({r:.0f} % present in the week)"
        for o, p, a, n, r in zip(
            found["object_id"],
            found["planned_value"],
            found["actual_value"],
            found["shifts"],
            found["present_pct"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="labour_short",
        subject="execution",
        object_type="site_skill",
        owner_role="operations",
        unit="people",
        evidence_table="labour_availability",
        evidence={
            "site_id": found["site_id"],
            "skill_code": found["skill_code"],
            "labour_date": found["dates"],
        },
    )
