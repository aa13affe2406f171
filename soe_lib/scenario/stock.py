"""Projected stock of a scenario: what is there, what comes in, what work and customers take."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from soe_lib.scenario.result import Result
from soe_lib.schedule import component_needs

WATCHED = 6
"""Items whose curve is kept: those that run lowest against what is used of them."""
STOCK_SHAPE = {"item_id": "str", "at": "datetime64[us, UTC]", "projected_qty": "float64"}


def stock_curve(result: Result, items: Sequence[str] | None = None) -> pd.DataFrame:
    """
    Return the projected balance of items under a scenario.

    Stock at the snapshot, dated receipts, purchases that the schedule assumes and lots that end
    come in; operations take their components when they start, order lines are served when their
    goods leave. What comes in at an instant is there before anything is taken.

    Parameters
    ----------
    result
        A scenario's result.
    items
        Items that are wanted; None = all that are used or sold.

    Returns
    -------
    pandas.DataFrame
        One row per (item, instant at which its balance changes), the snapshot first:
        ``STOCK_SHAPE``; ``projected_qty`` [uom].
    """
    problem, schedule = result.problem, result.schedule
    names = pd.Series(problem.item_ids, dtype="str")
    as_of = problem.as_of
    opening = pd.DataFrame({"item_id": names, "at": as_of, "qty": problem.on_hand})
    receipts = pd.DataFrame(
        {
            "item_id": names.iloc[problem.supply_item].to_numpy(),
            "at": as_of + pd.to_timedelta(pd.Series(problem.supply_at * 60).round(), unit="s"),
            "qty": problem.supply_qty,
        }
    )
    bought = schedule.purchases
    bought = pd.DataFrame(
        {"item_id": bought["item_id"], "at": bought["receipt_at"], "qty": bought["qty"]}
    )
    lots = schedule.operations.groupby(["wo_id", "split_no"], as_index=False).agg(
        item_id=("item_id", "first"),
        at=("end_at", "max"),
        qty=("planned_qty", "first"),
        ended=("end_at", "count"),
        steps=("end_at", "size"),
    )
    lots = lots.loc[lots["ended"] == lots["steps"], ["item_id", "at", "qty"]]
    needs = component_needs(problem, schedule)
    taken = pd.DataFrame({"item_id": needs["item_id"], "at": needs["at"], "qty": -needs["qty"]})
    sold = schedule.promises[schedule.promises["promised_at"].notna()]
    leaves = sold[["promised_at", "due_at"]].max(axis=1)
    served = pd.DataFrame({"item_id": sold["item_id"], "at": leaves, "qty": -sold["promised_qty"]})
    parts = [part.astype({"qty": float}) for part in (opening, receipts, bought, lots)]
    events = pd.concat([*parts, taken, served], ignore_index=True)
    events["at"] = pd.to_datetime(events["at"], utc=True).astype("datetime64[us, UTC]")
    if items is not None:
        events = events[events["item_id"].isin(list(items))]
    events = events.assign(_out=events["qty"] < 0).sort_values(
        ["item_id", "at", "_out"], kind="stable"
    )
    events["projected_qty"] = events.groupby("item_id")["qty"].cumsum()
    last = ~events.duplicated(["item_id", "at"], keep="last")
    return events.loc[last, list(STOCK_SHAPE)].reset_index(drop=True).astype(STOCK_SHAPE)


def watched_items(nothing: Result) -> list[str]:
    """Return the items that run lowest if nothing is done, against all that is taken of them."""
    curve = stock_curve(nothing)
    needs = component_needs(nothing.problem, nothing.schedule).groupby("item_id")["qty"].sum()
    sold = nothing.schedule.promises.groupby("item_id")["open_qty"].sum()
    used = needs.add(sold, fill_value=0.0)
    used = used[used > 0]
    lowest = curve.groupby("item_id")["projected_qty"].min().reindex(used.index).fillna(0.0)
    share = (lowest / used).sort_index()
    waits = _waiting(nothing)
    ranked = pd.DataFrame({"waits": -waits.reindex(share.index).fillna(0.0), "share": share})
    ordered = ranked.sort_values(["waits", "share"], kind="stable")
    return [str(item) for item in ordered.index[:WATCHED]]


def _waiting(nothing: Result) -> pd.Series:
    """Days of lateness of the order lines of each item: their stock is looked at first."""
    late = nothing.orders[nothing.orders["is_late"]]
    return late.groupby("item_id")["tardiness_days"].sum()
