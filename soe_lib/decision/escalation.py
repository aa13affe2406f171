"""What is not S&OE's to decide: money and month plans that the recommendation leaves open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.decision.governance import Governance
from soe_lib.scenario.orders import LINE_KEY, open_lines
from soe_lib.scenario.published import table_or_empty
from soe_lib.sop import plan_version_at

ESCALATION_SHAPE = {
    "subject": "str",
    "object_id": "str",
    "value": "float64",
    "limit": "float64",
    "unit": "str",
    "accepted_by": "str",
    "sentence": "str",
}


def family_shortfalls(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Return what a schedule leaves undelivered of each family's month.

    Parameters
    ----------
    promises
        Promises of the chosen schedule with ``promised_date``.

    Returns
    -------
    pandas.DataFrame
        One row per (``family_id``, ``plan_month``) of the S&OP demand plan in which open orders
        are due: ``planned_qty``, ``short_qty`` (due in the month and promised after it, or not at
        all) [uom], ``short_pct`` [% of plan]; largest first. No rows without a plan.
    """
    plan = plan_version_at(table_or_empty(tables, "sop_plan"), as_of)
    plan = plan[plan["measure"] == "demand"]
    whole = plan.groupby(["family_id", "plan_month"], as_index=False)["planned_qty"].sum()
    lines = open_lines(tables)
    family = table_or_empty(tables, "item").set_index("item_id")["family_id"]
    lines = lines.assign(
        family_id=lines["item_id"].map(family).astype("str"),
        due_date=lines["last_confirmed_date"].fillna(lines["requested_date"]),
    )
    joined = lines.merge(promises[[*LINE_KEY, "promised_date", "promised_qty"]], on=LINE_KEY)
    month = joined["due_date"].dt.to_period("M")
    joined["plan_month"] = month.dt.start_time.astype("datetime64[us]")
    leaves = joined["promised_date"]
    in_time = leaves.notna() & (leaves.dt.to_period("M") <= month)
    missing = (joined["open_qty"] - joined["promised_qty"].fillna(0)).clip(lower=0)
    joined["short_qty"] = np.where(in_time, missing, joined["open_qty"])
    short = joined.groupby(["family_id", "plan_month"], as_index=False)["short_qty"].sum()
    found = whole.merge(short, on=["family_id", "plan_month"])
    base = found["planned_qty"].where(found["planned_qty"] > 0)
    found["short_pct"] = 100 * found["short_qty"] / base
    return found.sort_values(
        ["short_pct", "family_id", "plan_month"], ascending=[False, True, True], kind="stable"
    ).reset_index(drop=True)


def escalations(
    money_at_risk: float,
    shortfalls: pd.DataFrame,
    governance: Governance,
    currency: str = "",
) -> pd.DataFrame:
    """
    Say what goes up to S&OP.

    Parameters
    ----------
    money_at_risk
        What the recommended scenario leaves: lateness and lost margin. [money]
    shortfalls
        Rows of :func:`family_shortfalls`.
    governance
        Limits and who accepts.

    Returns
    -------
    pandas.DataFrame
        One row per reason: ``subject`` (money_at_risk or family_plan), ``object_id``, ``value``
        and ``limit`` in ``unit``, ``accepted_by`` (role), ``sentence``. No rows = nothing.
    """
    rule = governance.escalation
    who = governance.title(rule.accepted_by)
    rows = []
    if money_at_risk > rule.money_at_risk_above:
        said = (
            f"{money_at_risk:,.0f} {currency} stay at risk, above the limit of "
            f"{rule.money_at_risk_above:,.0f}: {who} must accept it"
        )
        rows.append(
            (
                "money_at_risk",
                "recommended scenario",
                money_at_risk,
                rule.money_at_risk_above,
                currency or "money",
                rule.accepted_by,
                said.replace("  ", " "),
            )
        )
    over = shortfalls[shortfalls["short_pct"] > rule.family_shortfall_pct]
    for family, month, qty, pct in zip(
        over["family_id"], over["plan_month"], over["short_qty"], over["short_pct"], strict=True
    ):
        said = (
            f"{family} misses {pct:.0f} % of its plan of {month:%B} ({qty:,.0f} units), above the "
            f"limit of {rule.family_shortfall_pct:g} %: {who} must accept it"
        )
        rows.append(
            (
                "family_plan",
                f"{family} {month:%Y-%m}",
                pct,
                rule.family_shortfall_pct,
                "%",
                rule.accepted_by,
                said,
            )
        )
    return pd.DataFrame(rows, columns=list(ESCALATION_SHAPE)).astype(ESCALATION_SHAPE)
