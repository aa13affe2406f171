r"""
From plan to actual, step by step, in an order that does not matter.

A quantity that is a product of factors, :math:`q = \prod_i x_i`, changes from plan to actual; each
factor's part is its Shapley value (mean over all orders in which the factors could change) or its
log-mean Divisia part (LMDI-I), :math:`L(q', q) \ln(x_i'/x_i)` with the logarithmic mean
:math:`L(a, b) = (a - b) / \ln(a/b)`. Both add up to the change exactly.

L. S. Shapley, *A value for n-person games*, 1953; B. W. Ang, *Energy Policy* 33 (2005) 867-871.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import factorial
from typing import Literal

import numpy as np
import pandas as pd

PRODUCTION_STEPS = ("demand change", "schedule change", "supply loss", "rate", "yield")
UNPLANNED = "unplanned"


def shapley(plan: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """
    Return the Shapley parts of a product's change.

    Parameters
    ----------
    plan, actual
        Factors, shape (num_rows, num_factors); zeros and negatives are allowed.

    Returns
    -------
    numpy.ndarray
        Parts, same shape; each row sums to its change.

    Examples
    --------
    >>> shapley(np.array([[10.0, 2.0]]), np.array([[12.0, 1.0]])).tolist()
    [[3.0, -11.0]]
    """
    count = plan.shape[1]
    found = np.zeros_like(plan, dtype=float)
    for own in range(count):
        others = [k for k in range(count) if k != own]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for moved in combinations(others, size):
                value = np.ones(len(plan))
                for k in others:
                    value = value * (actual[:, k] if k in moved else plan[:, k])
                found[:, own] += weight * value * (actual[:, own] - plan[:, own])
    return found


def lmdi(plan: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """
    Return the LMDI-I parts of a product's change; arguments and result as :func:`shapley`.

    Raises
    ------
    ValueError
        When a factor is not positive: its logarithm does not exist (use Shapley).
    """
    if not ((plan > 0).all() and (actual > 0).all()):
        row = int(np.flatnonzero(~((plan > 0) & (actual > 0)).all(axis=1))[0])
        raise ValueError(f"LMDI needs positive factors; row {row} has none: use method='shapley'")
    before, after = plan.prod(axis=1), actual.prod(axis=1)
    ratio = np.log(after / before)
    same = np.abs(ratio) < 1e-12
    mean = np.where(same, before, (after - before) / np.where(same, 1.0, ratio))
    return mean[:, None] * np.log(actual / plan)


def waterfall(
    rows: pd.DataFrame,
    steps: Sequence[str],
    *,
    method: Literal["shapley", "lmdi"] = "shapley",
) -> pd.DataFrame:
    """
    Return the steps from plan to actual, summed over rows.

    Parameters
    ----------
    rows
        One row per object (item, line, ..) with columns ``<step>_plan`` and ``<step>_actual`` of
        every step: factors whose product is the object's quantity.
    steps
        Factors in the order in which they are shown; the parts do not depend on it.

    Returns
    -------
    pandas.DataFrame
        ``step``, ``qty``: ``plan``, one row per step (signed), ``actual``; plan + steps = actual.
    """
    plan = rows[[f"{step}_plan" for step in steps]].to_numpy(float)
    actual = rows[[f"{step}_actual" for step in steps]].to_numpy(float)
    parts = (shapley if method == "shapley" else lmdi)(plan, actual).sum(axis=0)
    return pd.DataFrame(
        {
            "step": ["plan", *steps, "actual"],
            "qty": [plan.prod(axis=1).sum(), *parts, actual.prod(axis=1).sum()],
        }
    )


def production_waterfall(rows: pd.DataFrame) -> pd.DataFrame:
    """
    Return how a production plan became what was made.

    Parameters
    ----------
    rows
        One row per object: ``planned_qty`` (plan at its lag), ``demand_qty`` (demand now),
        ``scheduled_qty`` and ``scheduled_hours`` (published schedule), ``run_hours`` (hours that
        material, people and machine allowed), ``gross_qty`` (made, good and bad), ``good_qty``;
        ``planned_yield_pct`` where the schedule foresees scrap.

    Returns
    -------
    pandas.DataFrame
        As :func:`waterfall`: ``plan``, :data:`PRODUCTION_STEPS`, ``unplanned`` (good units of
        objects without plan, demand or scheduled hours), ``actual``.
    """
    planned, demand = rows["planned_qty"], rows["demand_qty"]
    good = rows["good_qty"].to_numpy(float)
    foreseen = (
        rows["planned_yield_pct"].fillna(100.0) / 100
        if "planned_yield_pct" in rows
        else pd.Series(1.0, index=rows.index)
    )
    standard = rows["scheduled_qty"] / foreseen / rows["scheduled_hours"]
    ones = pd.Series(1.0, index=rows.index)
    pairs = {
        "demand change": (planned, demand),
        "schedule change": (ones, rows["scheduled_qty"] / demand),
        "supply loss": (ones, rows["run_hours"] / rows["scheduled_hours"]),
        "rate": (ones, rows["gross_qty"] / rows["run_hours"] / standard),
        "yield": (ones, rows["good_qty"] / rows["gross_qty"] / foreseen),
    }
    table = {}
    for step, (before, after) in pairs.items():
        table[f"{step}_plan"] = before
        # a chain that broke at a zero stays there: what follows it changes nothing
        table[f"{step}_actual"] = after.replace([np.inf, -np.inf], np.nan).fillna(1.0)
    factors = pd.DataFrame(table)
    found = waterfall(factors, PRODUCTION_STEPS)
    reached = factors[[f"{step}_actual" for step in PRODUCTION_STEPS]].prod(axis=1).to_numpy()
    stray = float((good - reached).sum())
    steps = found.iloc[:-1]
    tail = pd.DataFrame({"step": [UNPLANNED, "actual"], "qty": [stray, float(good.sum())]})
    return pd.concat([steps, tail], ignore_index=True)
