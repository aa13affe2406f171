"""What a decision promised for each order line, and what became of it while it was in force."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.impact.orders import order_impact
from soe_lib.impact.outcomes import promise_outcomes
from soe_lib.params import MoneyParams
from soe_lib.tables import TABLES

KEYS = ["order_id", "line_id"]
LINE_COLUMNS = (
    "order_id",
    "line_id",
    "customer_id",
    "item_id",
    "due_at",
    "expected_at",
    "left_at",
    "expected_is_late",
    "actual_is_late",
    "expected_lateness_days",
    "actual_lateness_days",
    "error_days",
    "expected_late_cost",
    "actual_late_cost",
    "is_known",
)
DAY = pd.Timedelta(days=1)

Tables = Mapping[str, pd.DataFrame]


def outcome_lines(
    promises: pd.DataFrame,
    then: Tables,
    now: Tables,
    begin: pd.Timestamp,
    end: pd.Timestamp,
    money: MoneyParams,
) -> pd.DataFrame:
    """
    Compare each promise of a decision with what happened, for lines due while it was in force.

    Parameters
    ----------
    promises
        Promises of the chosen schedule: key, ``item_id``, ``open_qty``, ``due_at``,
        ``promised_at``, ``promised_qty``, ``is_covered``, ``lateness_days``.
    then, now
        Canonical tables of the decision's snapshot and of a later one.
    begin, end
        Instants between which the decision was in force; lines due in between are judged.
    money
        Price of lateness without a clause.

    Returns
    -------
    pandas.DataFrame
        One row per order line, worst error first: :data:`LINE_COLUMNS`. ``left_at`` is the instant
        at which the last part left (empty = still open at ``end``, its lateness is then counted up
        to ``end``). ``error_days`` is actual minus expected tardiness [days]: how long before its
        day a line could have left says nothing of the model. ``is_known`` is False
        for lines that were cancelled or that the later feed does not have: they count nowhere.
    """
    due = promises[(promises["due_at"] > begin) & (promises["due_at"] <= end)]
    due = due.reset_index(drop=True)
    of_due = pd.MultiIndex.from_frame(due[KEYS])
    judged = promise_outcomes(due, _only(now, of_due), end)
    # a line of the last day is judged when the day is over
    known = judged["is_on_time"].notna().to_numpy(bool)
    left = _left_at(due, now, end)
    over = due["due_at"].dt.floor("D") + DAY
    kept = judged["is_on_time"].fillna(False).to_numpy(bool)
    measured = left.where(left.notna(), end)
    raw = (measured - due["due_at"]).dt.total_seconds() / 86_400
    past_day = (measured - over).dt.total_seconds() / 86_400
    actual = np.where(kept, np.minimum(raw, 0.0), np.maximum(raw, np.maximum(past_day, 1e-3)))
    actual = np.where(known, actual, np.nan)
    priced = [
        order_impact(due.assign(lateness_days=days), then, money).set_index(KEYS)
        for days in (due["lateness_days"], np.where(known, actual, 0.0))
    ]
    index = pd.MultiIndex.from_frame(due[KEYS])
    expected, happened = (rows.reindex(index) for rows in priced)
    found = pd.DataFrame(
        {
            **{name: due[name] for name in (*KEYS, "item_id", "due_at")},
            "customer_id": expected["customer_id"].to_numpy(),
            "expected_at": due["promised_at"],
            "left_at": left,
            "expected_is_late": expected["is_late"].fillna(False).to_numpy(bool),
            "actual_is_late": known & ~kept,
            "expected_lateness_days": due["lateness_days"],
            "actual_lateness_days": actual,
            "error_days": np.clip(actual, 0, None)
            - np.clip(due["lateness_days"].to_numpy(float), 0, None),
            "expected_late_cost": expected["late_cost"].to_numpy(float),
            "actual_late_cost": np.where(known & ~kept, happened["late_cost"], 0.0),
            "is_known": known,
        }
    )
    size = found["error_days"].abs()
    order = size.sort_values(ascending=False, kind="stable", na_position="last").index
    return found.loc[order, list(LINE_COLUMNS)].reset_index(drop=True)


def outcome_figures(lines: pd.DataFrame) -> dict[str, float]:
    """
    Sum the lines of a decision.

    Returns
    -------
    dict
        ``num_lines`` judged, ``num_unknown``, ``expected_late_lines``, ``actual_late_lines``,
        ``expected_on_time_pct``, ``actual_on_time_pct`` [%], ``expected_late_cost``,
        ``actual_late_cost`` [money], ``bias_days`` (mean of actual minus expected tardiness; above
        zero = the model was too hopeful), ``error_days`` (mean absolute) [days],
        ``num_surprises`` (lines on the other side of late than expected).
    """
    own = lines[lines["is_known"]]
    n = len(own)
    late = {name: float(own[f"{name}_is_late"].sum()) for name in ("expected", "actual")}
    share = {name: 100 * (1 - count / n) if n else np.nan for name, count in late.items()}
    wrong = own["expected_is_late"] != own["actual_is_late"]
    return {
        "num_lines": float(n),
        "num_unknown": float(len(lines) - n),
        "expected_late_lines": late["expected"],
        "actual_late_lines": late["actual"],
        "expected_on_time_pct": share["expected"],
        "actual_on_time_pct": share["actual"],
        "expected_late_cost": float(own["expected_late_cost"].sum()),
        "actual_late_cost": float(own["actual_late_cost"].sum()),
        "bias_days": float(own["error_days"].mean()) if n else np.nan,
        "error_days": float(own["error_days"].abs().mean()) if n else np.nan,
        "num_surprises": float(wrong.sum()),
    }


def _only(now: Tables, lines: pd.MultiIndex) -> dict[str, pd.DataFrame]:
    """Return orders and deliveries of some lines: the rest of the feed has no say."""
    found = {}
    for name in ("sales_order_line", "delivery_event"):
        rows = now.get(name, TABLES[name].empty())
        found[name] = rows[pd.MultiIndex.from_frame(rows[KEYS]).isin(lines)]
    return found


def _left_at(due: pd.DataFrame, now: Tables, end: pd.Timestamp) -> pd.Series:
    """Return when the last part of each line left, as the later feed knows it."""
    lines = now.get("sales_order_line", TABLES["sales_order_line"].empty())
    events = now.get("delivery_event", TABLES["delivery_event"].empty())
    events = events[events["goods_issue_at"] <= end]
    states = (
        lines.assign(is_open=lines["status"] == "open")
        .groupby(KEYS)
        .agg(is_open=("is_open", "any"), at=("last_goods_issue_at", "max"))
    )
    states = states.join(events.groupby(KEYS)["goods_issue_at"].max().rename("issued_at"))
    own = states.reindex(pd.MultiIndex.from_frame(due[KEYS]))
    at = own["at"].fillna(own["issued_at"]).where(~own["is_open"].eq(True))
    at = at.where(at <= end)
    return pd.Series(at.to_numpy(), index=due.index, dtype="datetime64[us, UTC]")
