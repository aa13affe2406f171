"""What a campaign came to: OTIF, money, stock; the same prices for every policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from soe_lib.money import clauses, holding_cost, late_cost, rate
from soe_lib.params import MoneyParams

MEASURES = (
    "otif_pct",
    "late_cost",
    "changeover_cost",
    "overtime_cost",
    "expedite_cost",
    "holding_cost",
    "total_cost",
    "stock_value",
    "nervousness_pct",
)
"""Columns of a policy's score; ``total_cost`` is the sum of the other costs. [%, money]"""
_MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % interval; without bounds where there is one seed only."""

    mean: float
    lo: float
    hi: float


def order_lines(lines: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """
    Return the lines that are judged, with what became of them.

    Parameters
    ----------
    lines
        ``Executed.lines`` of the twin: ``due``, ``last_issue`` and ``now`` in minutes.
    first, last
        Lines that were to leave from minute ``first`` on and before ``last`` are judged.

    Returns
    -------
    pandas.DataFrame
        The rows that nobody cancelled, with ``is_otif`` (all of it left in time) and
        ``lateness_days`` (to now, for what has not left).
    """
    own = lines[(lines["due"] >= first) & (lines["due"] < last) & (lines["status"] != "cancelled")]
    is_done = own["status"] == "completed"
    left = own["last_issue"].where(is_done, own["now"]).astype(float)
    return own.assign(
        is_otif=is_done & (left <= own["due"]),
        lateness_days=((left - own["due"]) / _MINUTES_PER_DAY).clip(lower=0),
    )


def score(
    executed: Mapping[str, pd.DataFrame],
    masters: Mapping[str, pd.DataFrame],
    window: tuple[float, float],
    moves: Sequence[tuple[int, int]],
    money: MoneyParams,
) -> dict[str, float]:
    """
    Score one policy on one seed.

    Parameters
    ----------
    executed
        ``lines``, ``setups``, ``overtime``, ``expedites``, ``stock`` of the twin.
    masters
        ``customer_terms``, ``item``, ``cost_rate``.
    window
        First and last minute of the campaign.
    moves
        Per publication: operations changed, operations on both lists.
    money
        Prices that ``cost_rate`` does not have.

    Returns
    -------
    dict
        :data:`MEASURES`.
    """
    first, last = window
    lines = order_lines(executed["lines"], first, last)
    sold = pd.DataFrame(
        {
            "customer_id": lines["customer"],
            "item_id": lines["item"],
            "ordered_qty": lines["qty"],
            "net_price": lines["price"],
            "net_value": np.nan,
            "margin_per_unit": lines["margin"],
        }
    )
    clause = clauses(sold, masters, money)
    rates = masters["cost_rate"]
    setups = _inside(executed["setups"], "at", window)
    overtime = _inside(executed["overtime"], "begin", window)
    stock = executed["stock"]
    stock = stock[stock["day"] >= first / _MINUTES_PER_DAY]
    cost = stock["item"].map(masters["item"].set_index("item_id")["std_cost"]).astype(float)
    daily = (stock["qty"].clip(lower=0) * cost).groupby(stock["day"]).sum()
    own = money.model_copy(
        update={
            "holding_pct_per_year": rate(rates, "holding_pct", "*", money.holding_pct_per_year)[0]
        }
    )
    found = {
        "otif_pct": 100 * float(lines["is_otif"].mean()),
        "late_cost": float(late_cost(lines["lateness_days"], clause, money).sum()),
        "changeover_cost": _hourly(
            setups, rates, "changeover_hour", money.changeover_cost_per_hour
        ),
        "overtime_cost": _hourly(overtime, rates, "overtime_hour", money.overtime_cost_per_hour),
        "expedite_cost": float(_inside(executed["expedites"], "at", window)["cost"].sum()),
        "holding_cost": float(holding_cost(daily, pd.Series(1.0, daily.index), own).sum()),
    }
    found["total_cost"] = sum(value for name, value in found.items() if name.endswith("_cost"))
    changed, both = (sum(column) for column in zip(*moves, strict=True)) if moves else (0, 0)
    found["stock_value"] = float(daily.mean())
    found["nervousness_pct"] = 100 * changed / both if both else 0.0
    return found


def _inside(rows: pd.DataFrame, column: str, window: tuple[float, float]) -> pd.DataFrame:
    at = rows[column].astype(float)
    return rows[(at >= window[0]) & (at < window[1])]


def _hourly(rows: pd.DataFrame, rates: pd.DataFrame, kind: str, default: float) -> float:
    hours = rows.groupby("resource")["hours"].sum()
    return sum(float(h) * rate(rates, kind, str(name), default)[0] for name, h in hours.items())


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """
    Return mean and Student interval over seeds.

    Examples
    --------
    >>> found = interval([1.0, 2.0, 3.0])
    >>> round(found.mean, 2), round(found.lo, 2), round(found.hi, 2)
    (2.0, -0.48, 4.48)
    """
    numbers = np.asarray(values, dtype=float)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return Interval(mean, float("nan"), float("nan"))
    half = float(t.ppf(0.5 + confidence / 2, len(numbers) - 1)) * numbers.std(ddof=1)
    half /= np.sqrt(len(numbers))
    return Interval(mean, mean - half, mean + half)


def table_of(scores: pd.DataFrame) -> pd.DataFrame:
    """
    Return one row per policy: mean, lo and hi over seeds of every measure.

    Parameters
    ----------
    scores
        ``seed``, ``policy`` and :data:`MEASURES`, one row per run.
    """
    rows = []
    for policy in dict.fromkeys(scores["policy"]):
        own = scores[scores["policy"] == policy]
        row: dict[str, object] = {"policy": policy, "num_seeds": len(own)}
        for name in MEASURES:
            found = interval(own[name].tolist())
            row |= {name: found.mean, f"{name}_lo": found.lo, f"{name}_hi": found.hi}
        rows.append(row)
    return pd.DataFrame(rows)


def paired(scores: pd.DataFrame, policy: str, opponent: str) -> tuple[Interval, float]:
    """
    Compare two policies seed by seed.

    Returns
    -------
    Interval
        OTIF of the policy minus that of the opponent. [points]
    float
        Total cost of the policy over all seeds against the opponent's. [%, negative = cheaper]
    """
    wide = scores.pivot(index="seed", columns="policy", values=["otif_pct", "total_cost"])
    difference = wide["otif_pct", policy] - wide["otif_pct", opponent]
    cost = wide["total_cost", policy].sum() / wide["total_cost", opponent].sum() - 1
    return interval(difference.tolist()), 100 * float(cost)
