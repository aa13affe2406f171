"""Monthly family plan to weekly SKU targets, sums conserved exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.vocabulary import COLUMNS

EPSILON = 1e-9
_KEYS = ["family_id", "site_id", "plan_month"]


def largest_remainder(shares: np.ndarray, total: float, unit: float = 1.0) -> np.ndarray:
    """
    Divide a total into parts that are multiples of a unit and add up to it exactly.

    Every part is its proportional share rounded down; what is left goes, one unit each, to the
    largest remainders, the first of equals first. A total that is not a multiple of the unit
    leaves its fraction with the largest weight, so that nothing is lost for any total.

    Parameters
    ----------
    shares
        Weights >= 0; all zero = equal shares.
    total
        What is divided, finite.
    unit
        Smallest quantity, > 0.

    Raises
    ------
    ValueError
        When a weight is negative or a figure is not finite: no division would be right.

    Examples
    --------
    >>> largest_remainder(np.array([1.0, 1.0, 1.0]), 10.0).tolist()
    [4.0, 3.0, 3.0]
    """
    weights = np.asarray(shares, dtype=float)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights must be finite and not negative")
    if not (np.isfinite(total) and np.isfinite(unit) and unit > 0):
        raise ValueError(f"cannot divide {total} into multiples of {unit}")
    if not len(weights):
        return np.zeros(0)
    largest = weights.max()
    weights = np.ones(len(weights)) if largest <= 0 else weights / largest
    whole = np.floor(total / unit + EPSILON)
    exact = weights / weights.sum() * whole
    counts = np.floor(exact + EPSILON)
    order = np.argsort(counts - exact, kind="stable")
    missing = int(whole - counts.sum())
    heaviest = int(weights.argmax())
    if 0 <= missing <= len(order):
        counts[order[:missing]] += 1
    else:  # beyond 2**53 units the shares themselves are not exact
        counts[heaviest] += missing
    parts = counts * unit
    parts[heaviest] += total - whole * unit
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
    plan, mix = _plan_and_mix(sop_plan, family_mix, as_of, measure)
    totals = plan["planned_qty"].to_numpy(float)
    parts: list[pd.DataFrame] = []
    for row, total in zip(plan.itertuples(index=False), totals, strict=True):
        here = _mix_of(mix, row.family_id, row.site_id)
        weeks = plan_calendar[
            (plan_calendar["plan_month"] == row.plan_month)
            & (plan_calendar["site_id"] == row.site_id)
        ].sort_values("week_start_date")
        if here.empty or weeks.empty:
            continue  # named by not_disaggregated
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
    return pd.concat(parts, ignore_index=True) if parts else _no_targets()


def not_disaggregated(
    sop_plan: pd.DataFrame,
    family_mix: pd.DataFrame,
    plan_calendar: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    measure: str = "demand",
) -> pd.DataFrame:
    """
    Name the plan figures that :func:`weekly_targets` cannot divide.

    Returns
    -------
    pandas.DataFrame
        One row per (``family_id``, ``site_id``, ``plan_month``): ``planned_qty`` [uom] and
        ``reason`` (no item in the mix, or no week in the calendar).
    """
    plan, mix = _plan_and_mix(sop_plan, family_mix, as_of, measure)
    months = pd.MultiIndex.from_frame(plan_calendar[["plan_month", "site_id"]])
    has_weeks = pd.MultiIndex.from_frame(plan[["plan_month", "site_id"]]).isin(months)
    has_items = np.array(
        [
            not _mix_of(mix, family, site).empty
            for family, site in zip(plan["family_id"], plan["site_id"], strict=True)
        ],
        dtype=bool,
    )
    reason = np.where(has_items, "no week of the month in plan_calendar", "no item in family_mix")
    rows = plan[[*_KEYS, "planned_qty"]].assign(reason=reason)
    return rows[~(has_weeks & has_items)].reset_index(drop=True)


def lot_adjusted(targets: pd.DataFrame, lots: pd.DataFrame) -> pd.DataFrame:
    """
    Round weekly targets to lots: a step of its own, visible with what it leaves.

    Per item and site the weeks are served in their order. The quantity due so far, less the lots
    made so far, is rounded up to the item's lots where it is positive: nothing is short at the end
    of any week, and what is made too much is carried into the weeks after.

    Parameters
    ----------
    targets
        Result of :func:`weekly_targets`.
    lots
        ``item_id``, ``lot_min_qty``, ``lot_multiple_qty`` (empty = any quantity) [uom].

    Returns
    -------
    pandas.DataFrame
        Rows of ``targets`` with ``lot_qty`` (what is made) [uom] and ``residual_qty`` (lots less
        targets up to and including the week, >= 0) [uom].
    """
    known = lots.drop_duplicates("item_id").set_index("item_id")
    rows = targets.sort_values(
        ["item_id", "site_id", "week_start_date", "plan_month"], kind="stable"
    ).copy()
    least = rows["item_id"].map(known["lot_min_qty"]).fillna(0.0).to_numpy(float)
    multiple = rows["item_id"].map(known["lot_multiple_qty"]).fillna(0.0).to_numpy(float)
    need = rows["planned_qty"].to_numpy(float)
    first = ~rows.duplicated(["item_id", "site_id"]).to_numpy()
    made, left, stock = np.zeros(len(rows)), np.zeros(len(rows)), 0.0
    for k in range(len(rows)):
        stock = (0.0 if first[k] else stock) - need[k]
        if stock < -EPSILON:
            made[k] = max(-stock, least[k])
            if multiple[k] > 0:
                made[k] = np.ceil(made[k] / multiple[k] - EPSILON) * multiple[k]
        stock += made[k]
        left[k] = stock = max(stock, 0.0)
    return rows.assign(lot_qty=made, residual_qty=left).sort_index()


def plan_weeks(
    first_month: pd.Timestamp,
    months: int,
    site_id: str,
    *,
    pattern: Sequence[int] = (),
    first_monday: pd.Timestamp | None = None,
    hours_by_weekday: Sequence[float] = (24.0, 24.0, 24.0, 24.0, 24.0, 0.0, 0.0),
    day_hours: Mapping[pd.Timestamp, float] | None = None,
) -> pd.DataFrame:
    """
    Build ``plan_calendar`` rows for a site that has none.

    Parameters
    ----------
    first_month
        First day of the first plan month.
    months
        Number of plan months.
    site_id
        Site.
    pattern
        Weeks per plan month, repeated: ``(4, 4, 5)`` for 4-4-5. Empty = calendar months, in which
        a week at the boundary is split by the working hours of its days.
    first_monday
        First day of the first plan month in a pattern (a Monday); needed with ``pattern``.
    hours_by_weekday
        Working hours of Monday to Sunday. [h]
    day_hours
        Working hours of single days (holidays, extra shifts). [h]

    Returns
    -------
    pandas.DataFrame
        One row per (``plan_month``, ``week_start_date``, ``site_id``): ``working_hours`` [h].
        Weeks without working hours in the month are left out unless the month has none at all.

    Raises
    ------
    ValueError
        When a pattern does not begin on a Monday.
    """
    starts = pd.date_range(first_month.normalize().replace(day=1), periods=months + 1, freq="MS")
    if pattern:
        if first_monday is None or first_monday.day_of_week != 0:
            raise ValueError("a week pattern begins on a Monday: give first_monday")
        lengths = [pattern[k % len(pattern)] for k in range(months)]
        edges = [first_monday + pd.Timedelta(weeks=sum(lengths[:k])) for k in range(months + 1)]
    else:
        edges = list(starts)
    special = {day.normalize(): hours for day, hours in (day_hours or {}).items()}
    days = pd.Series(pd.date_range(edges[0], edges[-1] - pd.Timedelta(days=1)))
    by_weekday = pd.Series(list(hours_by_weekday), dtype=float)
    hours = days.map(special).astype(float).fillna(days.dt.day_of_week.map(by_weekday))
    place = np.searchsorted(pd.DatetimeIndex(edges), pd.DatetimeIndex(days), side="right") - 1
    rows = pd.DataFrame(
        {
            "plan_month": starts[place],
            "week_start_date": week_start(days),
            "site_id": site_id,
            "working_hours": hours,
        }
    )
    keys = ["plan_month", "week_start_date", "site_id"]
    weeks = rows.groupby(keys, as_index=False)["working_hours"].sum()
    month_hours = weeks.groupby("plan_month")["working_hours"].transform("sum")
    kept = weeks[(weeks["working_hours"] > 0) | (month_hours == 0)].reset_index(drop=True)
    return kept.astype({"plan_month": "datetime64[us]", "week_start_date": "datetime64[us]"})


def _plan_and_mix(
    sop_plan: pd.DataFrame, family_mix: pd.DataFrame, as_of: pd.Timestamp, measure: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    plan = plan_version_at(sop_plan, as_of)
    plan = plan[plan["measure"] == measure].sort_values(_KEYS, kind="stable")
    begins = family_mix["valid_from_date"]
    mix = family_mix[begins.isna() | (begins <= as_of.tz_localize(None))]
    mix = mix.assign(is_own=mix["site_id"].notna())
    order = ["family_id", "item_id", "valid_from_date", "is_own"]
    return plan, mix.sort_values(order, kind="stable", na_position="first")


def _mix_of(mix: pd.DataFrame, family_id: object, site_id: object) -> pd.DataFrame:
    """Latest weight of each item of a family at a site; the site's own beats the general one."""
    here = mix[
        (mix["family_id"] == family_id) & (mix["site_id"].isna() | (mix["site_id"] == site_id))
    ]
    return here.drop_duplicates("item_id", keep="last")


def _no_targets() -> pd.DataFrame:
    names = ["family_id", "item_id", "site_id", "plan_month", "week_start_date", "planned_qty"]
    return pd.DataFrame({name: pd.Series(dtype=COLUMNS[name].dtype) for name in names})
