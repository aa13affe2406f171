"""
Demand that is planned and not yet ordered, as order lines that wait for their customer.

A schedule that knows taken orders only puts off every lot that serves next week's, and is late when
these come. The S&OP plan says how much they will be; what is ordered consumes it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.sop import weekly_targets
from soe_lib.tables import TABLES

FORECAST = "FORECAST"
"""Order number and customer of lines that nobody has ordered yet."""
DUE_WEEKDAY_HOURS = 2.5 * 24
"""Due instant of a week's rest after the begin of its Monday: its middle. [h]"""


def forecast_lines(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str,
    horizon_weeks: int,
) -> pd.DataFrame:
    """
    Return what the S&OP plan expects beyond the orders of each item and week.

    Parameters
    ----------
    tables
        Canonical tables: ``sales_order_line``, ``sop_plan``, ``family_mix``, ``plan_calendar``,
        ``item``.
    as_of, time_zone, horizon_weeks
        Weeks after the one of ``as_of`` are looked at: orders of the week itself have come.

    Returns
    -------
    pandas.DataFrame
        Rows of ``sales_order_line`` with order_id :data:`FORECAST`, one per item and week with a
        positive rest; without a plan none.
    """
    contract = TABLES["sales_order_line"]
    targets = weekly_targets(
        tables["sop_plan"], tables["family_mix"], tables["plan_calendar"], as_of
    )
    if targets.empty:
        return contract.empty()
    today = as_of.tz_convert(time_zone).tz_localize(None).normalize()
    this_week = today - pd.Timedelta(days=today.day_of_week)
    key = ["item_id", "week_start_date"]
    planned = targets.groupby([*key, "site_id"], as_index=False)["planned_qty"].sum()
    weeks = (planned["week_start_date"] - this_week).dt.days / 7
    planned = planned[(weeks >= 1) & (weeks < horizon_weeks)]
    lines = tables["sales_order_line"]
    lines = lines[lines["status"] != "cancelled"]
    day = lines["requested_date"]
    week = day - pd.to_timedelta(day.dt.day_of_week, unit="D")
    ordered = lines["ordered_qty"].groupby([lines["item_id"], week]).sum()
    known = ordered.reindex(pd.MultiIndex.from_frame(planned[key])).fillna(0.0).to_numpy()
    rest = planned.assign(rest=(planned["planned_qty"].to_numpy() - known).round())
    rest = rest[rest["rest"] > 0].reset_index(drop=True)
    item = tables["item"].drop_duplicates("item_id").set_index("item_id")
    price = rest["item_id"].map(item["price"]).astype(float)
    due = (rest["week_start_date"] + pd.Timedelta(hours=DUE_WEEKDAY_HOURS)).dt.tz_localize(
        time_zone, nonexistent="shift_forward", ambiguous=False
    )
    found = pd.DataFrame(
        {
            "order_id": FORECAST,
            "line_id": rest["item_id"] + "/" + rest["week_start_date"].dt.strftime("%Y-%m-%d"),
            "schedule_no": 1,
            "customer_id": FORECAST,
            "item_id": rest["item_id"],
            "site_id": rest["site_id"],
            "ordered_at": as_of,
            "ordered_qty": rest["rest"],
            "uom": rest["item_id"].map(item["uom"]),
            "requested_date": due.dt.tz_localize(None).dt.normalize(),
            "due_at": due.dt.tz_convert("UTC"),
            "delivered_qty": 0.0,
            "status": "open",
            "order_type": "MTS",
            "is_partial_allowed": True,
            "net_price": price,
            "net_value": price * rest["rest"],
            "margin_per_unit": price - rest["item_id"].map(item["std_cost"]).astype(float),
        }
    )
    dtypes = {column.name: column.dtype for column in contract.contracts}
    return found.reindex(columns=list(contract.columns)).astype(dtypes)
