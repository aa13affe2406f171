"""Which lever is worth pulling: each is put to the hot relaxation before any schedule is made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.schedule.buckets import DAY
from soe_lib.schedule.problem import NEVER
from soe_lib.schedule.relaxation import Relaxation

WEEK = 7 * DAY


def triage(
    relaxation: Relaxation, *, overtime_hours: float = 8.0, weeks: int = 4, limit: int = 12
) -> pd.DataFrame:
    """
    Return the levers by what they save in the relaxation, net of overtime and expedite prices.

    Parameters
    ----------
    relaxation
        The problem, solved.
    overtime_hours
        Length of the overtime shift that is tried on each resource and week. [h]
    weeks
        Weeks from as_of in which overtime is tried.
    limit
        How many levers of each kind are put to the solver: those with the highest price.

    Returns
    -------
    pandas.DataFrame
        ``lever`` (overtime, expedite_receipt, expedite_purchase), ``object_id``, ``start_at``,
        ``hours`` [h, of one station] and ``saves`` [money]; what saves nothing is left out.
    """
    rows = [
        *_overtime(relaxation, overtime_hours, weeks, limit),
        *_receipts(relaxation, limit),
        *_purchases(relaxation, limit),
    ]
    found = pd.DataFrame(rows, columns=["lever", "object_id", "start_at", "hours", "saves"])
    minutes = found["start_at"].to_numpy(float)
    offsets = pd.to_timedelta(pd.Series(np.round(minutes * 60)), unit="s")
    found["start_at"] = (relaxation.problem.as_of + offsets).astype("datetime64[us, UTC]")
    found = found.astype({"lever": "str", "object_id": "str", "hours": float, "saves": float})
    found = found[found["saves"] > 1e-6 * max(1.0, relaxation.value)]
    names = ["saves", "lever", "object_id", "start_at"]
    return found.sort_values(names, ascending=[False, True, True, True], ignore_index=True)


Row = tuple[str, str, float, float, float]


def _overtime(relaxation: Relaxation, hours: float, weeks: int, limit: int) -> list[Row]:
    problem = relaxation.problem
    prices = relaxation.prices()
    at = (prices["start_at"] - problem.as_of).dt.total_seconds() / 60
    prices = prices.assign(week=(at // WEEK).astype(int))
    prices = prices[(prices["week"] < weeks) & (prices["price_per_hour"] > 0)]
    best = prices.groupby(["resource_id", "week"], as_index=False).agg({"price_per_hour": "max"})
    names = ["price_per_hour", "resource_id", "week"]
    best = best.sort_values(names, ascending=[False, True, True]).head(limit)
    rows: list[Row] = []
    for resource, week in zip(best["resource_id"], best["week"], strict=True):
        window = _longest_gap(relaxation, str(resource), week * WEEK, (week + 1) * WEEK)
        if window is None:
            continue
        end = min(window[1], window[0] + hours * 60)
        saves = relaxation.value - relaxation.with_minutes(str(resource), window[0], end)
        rows.append(("overtime", str(resource), window[0], (end - window[0]) / 60, saves))
    return rows


def _longest_gap(
    relaxation: Relaxation, resource: str, begin: float, end: float
) -> tuple[float, float] | None:
    """Longest time between begin and end in which the resource is closed."""
    calendar = relaxation.problem.calendar
    r = relaxation.problem.resource_ids.index(resource)
    part = slice(calendar.offset[r], calendar.offset[r + 1])
    opens, closes = calendar.begin[part], calendar.end[part]
    inside = (closes > begin) & (opens < end)
    starts = np.concatenate([[begin], np.minimum(closes[inside], end)])
    ends = np.concatenate([np.maximum(opens[inside], begin), [end]])
    length = ends - starts
    widest = int(np.argmax(length))
    return (float(starts[widest]), float(ends[widest])) if length[widest] > 1 else None


def _receipts(relaxation: Relaxation, limit: int) -> list[Row]:
    problem = relaxation.problem
    scarce = relaxation.material_prices()["item_id"].unique()
    can = np.flatnonzero(problem.supply_expedite_at < problem.supply_at)
    named = [k for k in can if problem.item_ids[problem.supply_item[k]] in scarce]
    rows: list[Row] = []
    for k in named[:limit]:
        at = float(problem.supply_expedite_at[k])
        price = float(problem.supply_expedite_cost[k])
        saves = relaxation.value - relaxation.with_receipt_at(int(k), at) - price
        item = problem.item_ids[problem.supply_item[k]]
        rows.append(("expedite_receipt", f"{item}#{k}", at, 0.0, saves))
    return rows


def _purchases(relaxation: Relaxation, limit: int) -> list[Row]:
    problem = relaxation.problem
    scarce = relaxation.material_prices()["item_id"].unique()
    rows: list[Row] = []
    for name in scarce[:limit]:
        item = problem.item_ids.index(str(name))
        at = float(problem.item_expedite_minutes[item])
        if at >= min(float(problem.item_lead_minutes[item]), NEVER / 2):
            continue
        price = float(problem.item_expedite_cost[item])
        saves = relaxation.value - relaxation.with_purchase_at(str(name), at) - price
        rows.append(("expedite_purchase", str(name), at, 0.0, saves))
    return rows
