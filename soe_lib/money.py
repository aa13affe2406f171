"""Every price once: what lateness, overtime, changeovers, stock and change cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.params import MoneyParams, described

DAYS_PER_WEEK = 7.0


def clauses(
    lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: MoneyParams
) -> pd.DataFrame:
    """
    Return the penalty clause that holds for each order line.

    Parameters
    ----------
    lines
        Rows of ``sales_order_line``.
    tables
        Canonical tables; ``customer_terms`` and ``item`` are used where they are there.
    params
        Price of lateness for lines without a clause.

    Returns
    -------
    pandas.DataFrame
        Index of ``lines``: ``penalty_type``, ``penalty_amount``, ``penalty_threshold_days``,
        ``penalty_cap``, ``value`` [money], ``cogs`` [money], ``margin`` [money], ``source`` (text:
        which clause was used).
    """
    terms = tables.get("customer_terms")
    items = tables.get("item")
    found = pd.DataFrame(index=lines.index)
    columns = ("penalty_type", "penalty_amount", "penalty_threshold_days", "penalty_cap")
    for name in columns:
        known = (
            terms.set_index("customer_id")[name] if terms is not None else pd.Series(dtype=float)
        )
        # An empty look-up takes the type of its keys: say which one is meant.
        looked_up = lines["customer_id"].map(known)
        is_word = name == "penalty_type"
        found[name] = looked_up.astype("object") if is_word else looked_up.astype("float64")
    price = lines["net_price"].fillna(0.0)
    found["value"] = lines["net_value"].fillna(price * lines["ordered_qty"]).astype(float)
    cost = (
        lines["item_id"].map(items.set_index("item_id")["std_cost"]).astype(float)
        if items is not None
        else pd.Series(np.nan, index=lines.index)
    )
    found["cogs"] = (cost * lines["ordered_qty"]).fillna(0.0).astype(float)
    found["margin"] = (lines["margin_per_unit"].fillna(0.0) * lines["ordered_qty"]).astype(float)
    none = found["penalty_type"].isna() | (found["penalty_type"] == "none")
    found["source"] = np.where(
        none,
        f"no clause: {params.late_cost_pct_per_day:g} % of value a day, "
        f"at most {params.late_cost_cap_pct:g} %",
        "customer's clause",
    )
    found["penalty_type"] = found["penalty_type"].where(~none, "none").astype("str")
    return found


def late_cost(lateness_days: pd.Series, clause: pd.DataFrame, params: MoneyParams) -> pd.Series:
    r"""
    Return what lateness costs by the line's clause.

    With :math:`d` days beyond the free days: *flat* a; *per_day* a d; *step* a per begun week;
    *pct_value* a % of the value once; *pct_cogs* a % of the cost once; *none* the default price
    per day. Caps hold. Nothing is paid for a line that is not later than its free days.

    Parameters
    ----------
    lateness_days
        Signed lateness. [days]
    clause
        Result of :func:`clauses`, same index.

    Returns
    -------
    pandas.Series
        Cost. [money], >= 0
    """
    free = clause["penalty_threshold_days"].fillna(0.0)
    days = (lateness_days.fillna(0.0) - free).clip(lower=0)
    late = days > 1e-9
    amount = clause["penalty_amount"].fillna(0.0)
    kind = clause["penalty_type"]
    cost = np.select(
        [kind == name for name in ("flat", "per_day", "step", "pct_value", "pct_cogs")],
        [
            amount,
            amount * days,
            amount * np.ceil(days / DAYS_PER_WEEK),
            clause["value"] * amount / 100,
            clause["cogs"] * amount / 100,
        ],
        default=clause["value"] * params.late_cost_pct_per_day / 100 * days,
    )
    default_cap = clause["value"] * params.late_cost_cap_pct / 100
    cap = clause["penalty_cap"].where(kind != "none", default_cap).fillna(np.inf)
    return pd.Series(np.minimum(np.where(late, cost, 0.0), cap), index=lateness_days.index)


def cost_per_day(clause: pd.DataFrame, params: MoneyParams) -> pd.Series:
    """Return the mean cost of a day over the first week late, as the engine weighs. [money/day]"""
    week = pd.Series(DAYS_PER_WEEK, index=clause.index)
    free = clause["penalty_threshold_days"].fillna(0.0)
    return late_cost(week + free, clause, params) / DAYS_PER_WEEK


def holding_cost(value: pd.Series, days: pd.Series, params: MoneyParams) -> pd.Series:
    """Return the cost of holding stock of a value for some days. [money]"""
    return value * params.holding_pct_per_year / 100 * days / 365


def rate(
    cost_rate: pd.DataFrame, cost_type: str, object_id: str, default: float
) -> tuple[float, str]:
    """Return a price and where it comes from: its ``cost_rate`` row, else the parameter."""
    rows = cost_rate[cost_rate["cost_type"] == cost_type]
    for wanted in (object_id, "*"):
        own = rows[rows["object_id"].fillna("*") == wanted]
        if len(own):
            return float(own["cost_amount"].iloc[0]), f"cost_rate {cost_type} {wanted}"
    return default, f"parameter ({cost_type} is not in cost_rate)"


@dataclass(frozen=True)
class Rates:
    """
    Prices that hold at a site: the feed's own where it has any, else the parameters.

    Attributes
    ----------
    money
        Parameters with the feed's rates of holding and of lost sales.
    changeover, overtime
        Price of an hour by resource. [money/h]
    notes
        Which parameters the feed's ``cost_rate`` overrides, in sentences.
    """

    money: MoneyParams
    changeover: Mapping[str, float]
    overtime: Mapping[str, float]
    notes: tuple[str, ...]


def site_rates(cost_rate: pd.DataFrame, resource_ids: Sequence[str], params: MoneyParams) -> Rates:
    """Return the prices of a site; ``params`` stand in where ``cost_rate`` has no row."""
    notes: list[str] = []
    found: dict[str, float] = {}
    for name, cost_type in (
        ("holding_pct_per_year", "holding_pct"),
        ("lost_sale_pct", "lost_sale_pct"),
    ):
        given = float(getattr(params, name))
        found[name] = rate(cost_rate, cost_type, "*", given)[0]
        if found[name] != given:
            notes.append(_price_note(name, f"{found[name]:g}", "", given))
    hourly: list[dict[str, float]] = []
    for name, cost_type in (
        ("changeover_cost_per_hour", "changeover_hour"),
        ("overtime_cost_per_hour", "overtime_hour"),
    ):
        given = float(getattr(params, name))
        own = {key: rate(cost_rate, cost_type, key, given)[0] for key in resource_ids}
        hourly.append(own)
        other = [value for value in own.values() if value != given]
        if other:
            low, high = min(other), max(other)
            span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            where = f" on {len(other)} of {len(own)} resources"
            notes.append(_price_note(name, span, where, given))
    return Rates(params.model_copy(update=found), hourly[0], hourly[1], tuple(notes))


def _price_note(name: str, found: str, where: str, given: float) -> str:
    """Say in the words of the parameters that the data hold another price, and which."""
    words, unit = described(MoneyParams, name)
    return (
        f"{words}: {found} {unit} by the data{where}, instead of {given:g} {unit} by the parameters"
    )


def in_currency(text: str, currency: str) -> str:
    """Return a text with the code of the currency where a unit says money."""
    return re.sub(r"(?<=\d )money\b", currency, text) if currency else text
