"""Each open order line under a schedule: lateness, what it costs, by which clause."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.divergence.orders import LATE_DAYS
from soe_lib.divergence.prices import priced_lines
from soe_lib.params import MoneyParams


def order_impact(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: MoneyParams
) -> pd.DataFrame:
    """
    Return what a schedule means for each open order line.

    Parameters
    ----------
    promises
        Promises of the schedule (``Schedule.promises``).
    tables
        Canonical tables.
    params
        Price of lateness without a clause.

    Returns
    -------
    pandas.DataFrame
        One row per open (order_id, line_id), worst first: ``customer_id``, ``customer_tier``,
        ``item_id``, ``family_id``, ``site_id``, ``open_qty`` [uom], ``due_at``, ``promised_at``
        (projected), ``ready_at`` (where the promises have it), ``promised_qty`` [uom],
        ``is_covered``, ``is_late``, ``lateness_days`` (signed), ``tardiness_days``,
        ``late_cost`` [money], ``margin_at_risk`` [money], ``value`` [money], ``penalty_type``,
        ``price_source`` (the clause in words). Money is of the open part of the line; it is nil
        where the feed has no price.
    """
    found = priced_lines(promises, tables, params)
    tardy = found["lateness_days"].clip(lower=0)
    is_late = tardy > LATE_DAYS
    found = found.assign(
        tardiness_days=tardy,
        is_late=is_late,
        late_cost=found["late_cost"].fillna(0.0).where(is_late, 0.0),
        value=found["value"].fillna(0.0),
        margin_at_risk=found["margin"].fillna(0.0).where(is_late, 0.0).clip(lower=0),
    )
    columns = [
        "order_id",
        "line_id",
        "customer_id",
        "customer_tier",
        "item_id",
        "family_id",
        "site_id",
        "open_qty",
        "due_at",
        "promised_at",
        "promised_qty",
        "is_covered",
        "is_late",
        "lateness_days",
        "tardiness_days",
        "late_cost",
        "margin_at_risk",
        "value",
        "penalty_type",
        "price_source",
    ]
    columns += ["ready_at"] if "ready_at" in found else []
    ordered = found[columns].sort_values(
        ["late_cost", "tardiness_days", "order_id", "line_id"],
        ascending=[False, False, True, True],
        kind="stable",
    )
    return ordered.reset_index(drop=True)


def summed_by(orders: pd.DataFrame, column: str) -> pd.DataFrame:
    """
    Return lines, late lines, lateness and money by a column, costliest first.

    Returns
    -------
    pandas.DataFrame
        One row per value of ``column``: ``num_lines``, ``num_late_lines``, ``tardiness_days``
        (mean of the late lines), ``worst_days``, ``late_cost``, ``margin_at_risk``, ``value`` of
        the late lines [money].
    """
    late = orders[orders["is_late"]]
    by_value = late.groupby(column)
    found = pd.DataFrame(
        {
            "num_lines": orders.groupby(column).size(),
            "num_late_lines": by_value.size(),
            "tardiness_days": by_value["tardiness_days"].mean(),
            "worst_days": by_value["tardiness_days"].max(),
            "late_cost": by_value["late_cost"].sum(),
            "margin_at_risk": by_value["margin_at_risk"].sum(),
            "value": by_value["value"].sum(),
        }
    ).fillna(0.0)
    found["num_late_lines"] = found["num_late_lines"].astype("int64")
    found["num_lines"] = found["num_lines"].astype("int64")
    ordered = found.rename_axis(column).reset_index()
    return ordered.sort_values(
        ["late_cost", "num_late_lines", column], ascending=[False, False, True], kind="stable"
    ).reset_index(drop=True)
