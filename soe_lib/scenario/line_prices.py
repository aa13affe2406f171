"""What order lines are and what their lateness costs, looked up once for all scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.divergence.orders import LATE_DAYS
from soe_lib.impact import order_impact
from soe_lib.money import clauses, late_cost
from soe_lib.params import MoneyParams
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.published import table_or_empty

_BY_LATENESS = ("promised_at", "promised_qty", "is_covered", "lateness_days")


@dataclass(frozen=True)
class LinePrices:
    """
    Order lines with all that does not depend on a schedule.

    Attributes
    ----------
    lines
        Rows of ``order_impact`` in the order of the problem's lines.
    clause
        Clause of the open part of each, as in ``money.clauses``.
    has_price
        Where lateness has a price at all.
    margin
        Margin of the open part. [money]
    params
        Price of lateness without a clause.
    """

    lines: pd.DataFrame
    clause: pd.DataFrame
    has_price: pd.Series
    margin: pd.Series
    params: MoneyParams

    def orders(self, promises: pd.DataFrame) -> pd.DataFrame:
        """
        Return ``order_impact`` of a schedule, without looking anything up.

        Raises
        ------
        ValueError
            When the promises are not those of these lines, in their order.
        """
        own = promises.reset_index(drop=True)
        if not own[LINE_KEY].equals(self.lines[LINE_KEY]):
            raise ValueError("a lever moves an order line across the end of the horizon")
        tardy = own["lateness_days"].clip(lower=0)
        is_late = tardy > LATE_DAYS
        cost = late_cost(own["lateness_days"], self.clause, self.params)
        found = self.lines.assign(
            **{name: own[name] for name in ("due_at", *_BY_LATENESS)},
            is_late=is_late,
            tardiness_days=tardy,
            late_cost=cost.where(self.has_price, 0.0).where(is_late, 0.0),
            margin_at_risk=self.margin.where(is_late, 0.0).clip(lower=0),
        )
        return found.sort_values(
            ["late_cost", "tardiness_days", *LINE_KEY],
            ascending=[False, False, True, True],
            kind="stable",
        ).reset_index(drop=True)


def line_prices(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], params: MoneyParams
) -> LinePrices:
    """Look up the lines of promises; ``tables`` hold the order lines that are priced."""
    place = pd.MultiIndex.from_frame(promises[LINE_KEY])
    known = order_impact(promises, tables, params).set_index(LINE_KEY, drop=False)
    lines = known.loc[place].reset_index(drop=True)
    raw = table_or_empty(tables, "sales_order_line")
    grouped = raw[raw["status"] == "open"].groupby(LINE_KEY)
    whole = grouped.agg(
        customer_id=("customer_id", "first"),
        item_id=("item_id", "first"),
        ordered_qty=("ordered_qty", "sum"),
        net_price=("net_price", "first"),
        margin_per_unit=("margin_per_unit", "first"),
    ).assign(net_value=grouped["net_value"].sum(min_count=1))
    found = whole.reindex(place).reset_index(drop=True)
    terms = clauses(found, tables, params)
    open_qty = promises["open_qty"].reset_index(drop=True)
    share = (open_qty / found["ordered_qty"]).clip(upper=1.0).fillna(1.0)
    has_value = found["net_price"].notna() | found["net_value"].notna()
    return LinePrices(
        lines,
        terms.assign(value=terms["value"] * share, cogs=terms["cogs"] * share),
        has_value | terms["penalty_type"].isin(["flat", "per_day", "step"]),
        (terms["margin"] * share).where(found["margin_per_unit"].notna(), 0.0).fillna(0.0),
        params,
    )
