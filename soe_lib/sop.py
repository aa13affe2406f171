"""Monthly family plan to weekly SKU targets, sums conserved exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd


def largest_remainder(shares: np.ndarray, total: float, unit: float = 1.0) -> np.ndarray:
    """
    Divide a total into parts that are multiples of a unit and add up to it exactly.

    Every part is its proportional share rounded down; what is left goes, one unit each, to the
    largest remainders, the first of equals first. A total that is not a multiple of the unit
    leaves its fraction with the largest remainder, so that the sum is exact for any total.

    Parameters
    ----------
    shares
        Weights >= 0; all zero = equal shares.
    total
        What is divided.
    unit
        Smallest quantity.

    Examples
    --------
    >>> largest_remainder(np.array([1.0, 1.0, 1.0]), 10.0).tolist()
    [4.0, 3.0, 3.0]
    """
    if not len(shares):
        return np.zeros(0)
    weights = np.asarray(shares, dtype=float)
    weights = np.ones(len(weights)) if weights.sum() <= 0 else weights
    exact = weights / weights.sum() * (total / unit)
    whole = np.floor(exact + 1e-9)
    rest = total / unit - whole.sum()
    order = np.argsort(-(exact - whole), kind="stable")
    steps = int(np.floor(rest + 1e-9))
    whole[order[:steps]] += 1
    parts = whole * unit
    fraction = total - parts.sum()
    if abs(fraction) > 0:
        parts[order[min(steps, len(order) - 1)]] += fraction
    return parts


def plan_version_at(sop_plan: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return, per family, site, month and measure, the row approved last by ``as_of``."""
    known = sop_plan[sop_plan["approved_at"] <= as_of]
    ordered = known.sort_values(["approved_at", "plan_version"], kind="stable")
    keys = ["family_id", "site_id", "plan_month", "measure"]
    return ordered.drop_duplicates(keys, keep="last").reset_index(drop=True)


def weekly_targets(
    sop_plan: pd.DataFrame,
    family_mix: pd.DataFrame,
    plan_calendar: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    measure: str = "demand",
    unit: float = 1.0,
) -> pd.DataFrame:
    r"""
    Disaggregate the month plan of families to items and weeks.

    .. math:: x_{iw} = \mathrm{round_{LR}}\left(F_m \cdot mix_i \cdot h_{wm} / h_m\right)

    Largest-remainder rounding over all items and weeks of a family-month conserves the family's
    figure exactly. A week that two months share is divided by its working hours in each.

    Parameters
    ----------
    sop_plan, family_mix, plan_calendar
        Canonical tables.
    as_of
        The plan version approved last by then is used.
    measure
        Measure of the plan.
    unit
        Smallest quantity that a target is a multiple of. [uom]

    Returns
    -------
    pandas.DataFrame
        One row per (``family_id``, ``item_id``, ``site_id``, ``plan_month``,
        ``week_start_date``): ``planned_qty`` [uom].

    Examples
    --------
    >>> targets = weekly_targets(sop_plan, family_mix, plan_calendar, as_of)  # doctest: +SKIP
    """
    plan = plan_version_at(sop_plan, as_of)
    plan = plan[plan["measure"] == measure]
    mix = family_mix[
        family_mix["valid_from_date"].isna()
        | (family_mix["valid_from_date"] <= as_of.tz_localize(None))
    ]
    mix = mix.sort_values(["family_id", "item_id", "valid_from_date"], kind="stable")
    parts: list[pd.DataFrame] = []
    ordered = plan.sort_values(["family_id", "site_id", "plan_month"], kind="stable")
    totals = ordered["planned_qty"].to_numpy(float)
    for row, total in zip(ordered.itertuples(index=False), totals, strict=True):
        here = mix[
            (mix["family_id"] == row.family_id)
            & (mix["site_id"].isna() | (mix["site_id"] == row.site_id))
        ]
        here = here.drop_duplicates("item_id", keep="last")
        weeks = plan_calendar[
            (plan_calendar["plan_month"] == row.plan_month)
            & (plan_calendar["site_id"] == row.site_id)
        ].sort_values("week_start_date")
        if here.empty or weeks.empty:
            continue
        weight = np.outer(
            here["mix_weight"].to_numpy(float), weeks["working_hours"].to_numpy(float)
        )
        qty = largest_remainder(weight.reshape(-1), total, unit)
        parts.append(
            pd.DataFrame(
                {
                    "family_id": row.family_id,
                    "item_id": np.repeat(here["item_id"].to_numpy(), len(weeks)),
                    "site_id": row.site_id,
                    "plan_month": row.plan_month,
                    "week_start_date": np.tile(weeks["week_start_date"].to_numpy(), len(here)),
                    "planned_qty": qty,
                }
            )
        )
    if not parts:
        return pd.DataFrame(
            columns=[
                "family_id",
                "item_id",
                "site_id",
                "plan_month",
                "week_start_date",
                "planned_qty",
            ]
        )
    return pd.concat(parts, ignore_index=True)
