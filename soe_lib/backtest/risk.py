"""
The risk that an open work order ends late, learned from orders whose due date has passed.

An order is compared with past orders at the same age and in the same state: its first operation
started so many days after release, or has not started yet. Whether a past order ended late is
known as soon as its due date has passed, whether it has ended or not, so slow orders are not
missing among those that are learned from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

LEARNING_WEEKS = 26
"""Past orders that are learned from fell due within so many weeks before the as-of."""
PRIOR_ORDERS = 20.0
"""A cell's share weighs as much as its parent's share when it holds so many past orders."""


def order_facts(work_orders: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """
    Return what the risk looks at, one row per work order.

    Parameters
    ----------
    work_orders
        Canonical ``work_order``.
    events
        Canonical ``work_order_progress_event``; may be empty.

    Returns
    -------
    pandas.DataFrame
        ``wo_id, item_id, release_at, due_at, ended_at, first_start_at``; cancelled orders and
        orders without release or due instant are left out.
    """
    kept = work_orders[work_orders["release_at"].notna() & work_orders["due_at"].notna()]
    kept = kept[kept["status"] != "cancelled"]
    starts = events[events["event_type"] == "start"].groupby("wo_id")["event_at"].min()
    found = kept[["wo_id", "item_id", "release_at", "due_at", "ended_at"]].copy()
    found["first_start_at"] = kept["wo_id"].map(starts).astype("datetime64[us, UTC]")
    return found.reset_index(drop=True)


def hidden_after(facts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the facts as they were known at an instant: released orders, no later event."""
    known = facts[facts["release_at"] <= as_of].copy()
    for name in ("ended_at", "first_start_at"):
        known[name] = known[name].where(known[name] <= as_of)
    return known


def late_risk(known: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return the probability to end late of every open order that is not yet past due.

    Cells are (age in days, state) and (age, state, item) below it; each share is shrunk to its
    parent's, the uppermost parent is the share of all past orders that were still open at that
    age: p = (late + 20 · p of the parent) / (n + 20).

    Parameters
    ----------
    known
        Facts of :func:`hidden_after`.
    as_of
        Instant UTC.

    Returns
    -------
    pandas.DataFrame
        ``wo_id, item_id, due_at, late_probability, num_past`` (past orders in the order's
        (age, state) cell); empty where nothing is open or nothing has fallen due yet.
    """
    is_past = (known["due_at"] <= as_of) & (
        known["due_at"] > as_of - pd.Timedelta(weeks=LEARNING_WEEKS)
    )
    past = known[is_past]
    current = known[known["ended_at"].isna() & (known["due_at"] > as_of)]
    if past.empty or current.empty:
        return _empty_risk()
    is_late = (past["ended_at"].isna() | (past["ended_at"] > past["due_at"])).to_numpy()
    ended_age = _days(past["ended_at"] - past["release_at"]).fillna(np.inf).to_numpy()
    past_start = _days(past["first_start_at"] - past["release_at"]).to_numpy()
    start = _days(current["first_start_at"] - current["release_at"]).to_numpy()
    age = np.floor(_days(as_of - current["release_at"]).to_numpy())
    codes, _ = pd.factorize(pd.concat([past["item_id"], current["item_id"]]))
    past_item, item = codes[: len(past)], codes[len(past) :]
    probability = np.full(len(current), np.nan)
    num_past = np.zeros(len(current), dtype=np.int64)
    for days in np.unique(age):
        was_open, is_here = ended_age > days, age == days
        if was_open.any():
            probability[is_here], num_past[is_here] = _shares(
                _state(past_start[was_open], days),
                past_item[was_open],
                is_late[was_open],
                _state(start[is_here], days),
                item[is_here],
            )
    found = current[["wo_id", "item_id", "due_at"]].assign(
        late_probability=probability, num_past=num_past
    )
    return found[found["late_probability"].notna()].reset_index(drop=True)


def _days(spans: pd.Series) -> pd.Series:
    return spans.dt.total_seconds() / 86_400


def _state(start_days: np.ndarray, age_days: float) -> np.ndarray:
    """Return whole days from release to the first start, -1 where nothing had started by then."""
    with np.errstate(invalid="ignore"):
        started = start_days <= age_days
    return np.where(started, np.clip(np.floor(np.nan_to_num(start_days)), 0, None), -1).astype(
        np.int64
    )


def _shares(
    past_state: np.ndarray,
    past_item: np.ndarray,
    is_late: np.ndarray,
    state: np.ndarray,
    item: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shrunk share of late ones in each order's cell, and its (age, state) count."""
    num_states = 2 + max(past_state.max(), state.max())
    num_items = 1 + max(past_item.max(), item.max())
    weights = is_late.astype(float)
    n_state = np.bincount(past_state + 1, minlength=num_states)
    late_state = np.bincount(past_state + 1, weights=weights, minlength=num_states)
    parent = (late_state + PRIOR_ORDERS * weights.mean()) / (n_state + PRIOR_ORDERS)
    past_cell, cell = (past_state + 1) * num_items + past_item, (state + 1) * num_items + item
    n_cell = np.bincount(past_cell, minlength=num_states * num_items)
    late_cell = np.bincount(past_cell, weights=weights, minlength=num_states * num_items)
    share = (late_cell[cell] + PRIOR_ORDERS * parent[state + 1]) / (n_cell[cell] + PRIOR_ORDERS)
    return share, n_state[state + 1]


def _empty_risk() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "wo_id": pd.Series(dtype="str"),
            "item_id": pd.Series(dtype="str"),
            "due_at": pd.Series(dtype="datetime64[us, UTC]"),
            "late_probability": pd.Series(dtype="float64"),
            "num_past": pd.Series(dtype="int64"),
        }
    )
