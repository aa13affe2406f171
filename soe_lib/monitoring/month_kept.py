"""How right the chances of past month plans were: what was forecast against what was made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts

FORECAST_COLUMNS = ("cycle_id", "family_id", "plan_month", "planned_qty", "p_met")
KEPT_COLUMNS = (*FORECAST_COLUMNS, "made_qty", "attainment_pct", "is_met")


def judge_months(forecasts: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """
    Return the forecasts of months that have ended, with what was made in them.

    Parameters
    ----------
    forecasts
        What earlier cycles said: :data:`FORECAST_COLUMNS`.
    facts
        Snapshot with the reports of the shop floor; months that its reports do not reach back to
        are left out.

    Returns
    -------
    pandas.DataFrame
        :data:`KEPT_COLUMNS`; a plan is met when the family's good units of last operations reach
        it.
    """
    none = pd.DataFrame(columns=list(KEPT_COLUMNS))
    if forecasts.empty or not (facts.has("work_order") and facts.has("routing_alternate")):
        return none
    days = facts.progress.days(pd.Timestamp("1900-01-01", tz="UTC"))
    if days.empty:
        return none
    ends = forecasts["plan_month"] + pd.offsets.MonthBegin(1)
    is_over = (ends <= facts.today) & (forecasts["plan_month"] >= days["day"].min())
    rows = forecasts[is_over].reset_index(drop=True)
    items = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    days = days.assign(item_id=days["wo_id"].map(items))
    last = facts.tables["routing_alternate"].groupby("item_id")["op_no"].max()
    final = days[days["op_no"].astype("int64") == days["item_id"].map(last).fillna(-1)]
    family = final["item_id"].map(facts.items["family_id"])
    month = final["day"].dt.to_period("M").dt.to_timestamp()
    made = final.groupby([family.rename("family_id"), month.rename("plan_month")])["good_qty"].sum()
    index = pd.MultiIndex.from_frame(rows[["family_id", "plan_month"]])
    qty = made.reindex(index).fillna(0.0).to_numpy(float)
    planned = rows["planned_qty"].to_numpy(float)
    return rows.assign(
        made_qty=qty,
        attainment_pct=np.where(planned > 0, 100 * qty / np.maximum(planned, 1e-9), 100.0),
        is_met=qty >= planned - 1e-6,
    )[list(KEPT_COLUMNS)]


def kept_months_sentence(judged: pd.DataFrame) -> str:
    """Say how often month plans were met, against what had been expected."""
    if judged.empty:
        return (
            "How right such chances were cannot be said yet: no month that an earlier cycle judged "
            "has ended and is covered by the reports of the shop floor from its first day."
        )
    expected = float(judged["p_met"].sum())
    sure = judged[judged["p_met"] >= 0.8]
    said = (
        f"Of {len(judged)} chances that earlier cycles gave for months that have ended, the plan "
        f"was met in {int(judged['is_met'].sum())}; they had expected {expected:.1f}."
    )
    if sure.empty:
        return said
    return said + (
        f" Where they were at least 80 % sure, it was met in {int(sure['is_met'].sum())} of "
        f"{len(sure)}."
    )
