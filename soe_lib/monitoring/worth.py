"""What a wrong value of master data is worth: its effect in the horizon, and money in a week."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.rates import completed_runs

EFFECT_UNITS = {
    "rate": "h",
    "scrap": "pieces",
    "changeover": "h",
    "supplier_lead_time": "order-days",
    "internal_lead_time": "order-days",
}
"""Units of the effect of each kind of value, summed over the horizon."""
DAYS_PER_YEAR = 365.0


def chosen(rows: pd.DataFrame, names: tuple[str, ...], keys: list[str]) -> pd.DataFrame:
    """Return the rows whose columns hold the keys, as far as there are keys."""
    for name, key in zip(names, keys, strict=False):
        rows = rows[rows[name].astype("str") == key]
    return rows


@dataclass(frozen=True)
class Worth:
    """
    Worth of values of master data, from how often the history used them.

    The use of the last weeks is taken for that of the horizon. Hours have the price of their
    resource, scrap the standard cost; a day of a wrong lead time costs the holding of what is
    ordered for a day (``money.holding_pct_per_year``), the least that it can cost.
    """

    facts: Facts

    @cached_property
    def _runs(self) -> pd.DataFrame:
        return completed_runs(self.facts)

    @cached_property
    def _made(self) -> pd.DataFrame:
        runs = self.facts.progress.runs
        orders = self.facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")
        return runs.assign(item_id=runs["wo_id"].map(orders["item_id"]))

    @cached_property
    def _resources(self) -> pd.DataFrame:
        return self.facts.tables["resource"].drop_duplicates("resource_id").set_index("resource_id")

    def of(
        self, kind: str, keys: list[str], deviation: float, observed: pd.DataFrame
    ) -> tuple[float, float, str, float]:
        """
        Return uses and effect in the horizon, the effect's unit, and money per week.

        Parameters
        ----------
        kind, keys, deviation
            The value and by how much the history deviates from it.
        observed
            All observations of the kind: ``group``, ``cell``, ``at``.
        """
        weeks = max(observed["at"].dt.floor("7D").nunique(), 1)
        own = observed[observed["group"] == keys[0]]
        if len(keys) > 1:
            own = own[own["cell"] == " | ".join(keys)]
        per_week = len(own) / weeks
        effect, money = getattr(self, f"_of_{kind}")(keys, deviation, per_week, weeks)
        horizon = self.facts.params.horizon.horizon_weeks
        return per_week * horizon, effect * horizon, EFFECT_UNITS[kind], money

    def _of_rate(
        self, keys: list[str], deviation: float, per_week: float, weeks: int
    ) -> tuple[float, float]:
        runs = chosen(self._runs, ("resource_id", "item_id"), keys)
        hours = float(runs["standard_hours"].sum()) / weeks * float(np.expm1(deviation))
        return hours, hours * float(self._resources["cost_per_hour"].get(keys[0], np.nan))

    def _of_changeover(
        self, keys: list[str], deviation: float, per_week: float, weeks: int
    ) -> tuple[float, float]:
        names = ("resource_group", "from_setup_family", "to_setup_family")
        matrix = chosen(self.facts.tables["setup_matrix"], names, keys)
        minutes = float(matrix["setup_minutes"].astype(float).mean())
        hours = per_week * minutes / 60 * float(np.expm1(deviation))
        group = self._resources[self._resources["resource_group"] == keys[0]]
        return hours, hours * float(group["cost_per_hour"].mean() if len(group) else np.nan)

    def _of_scrap(
        self, keys: list[str], deviation: float, per_week: float, weeks: int
    ) -> tuple[float, float]:
        runs = chosen(self._made, ("resource_id", "item_id"), keys)
        qty = (runs["good_qty"] + runs["scrap_qty"]).astype(float) / weeks * deviation
        value = runs["item_id"].map(self.facts.items["std_cost"]).astype(float)
        return float(qty.sum()), float((qty * value).sum())

    def _of_supplier_lead_time(
        self, keys: list[str], deviation: float, per_week: float, weeks: int
    ) -> tuple[float, float]:
        lines = chosen(self.facts.tables["purchase_order_line"], ("supplier_id", "item_id"), keys)
        came = lines[lines["received_qty"].fillna(0.0) > 0]
        return per_week * deviation, self._holding(came, "received_qty", weeks) * deviation

    def _of_internal_lead_time(
        self, keys: list[str], deviation: float, per_week: float, weeks: int
    ) -> tuple[float, float]:
        orders = self.facts.tables["work_order"]
        family = orders["item_id"].map(self.facts.items["family_id"])
        own = chosen(orders.assign(family_id=family), ("family_id", "item_id"), keys)
        ended = own[own["ended_at"].notna() & (own["ended_at"] <= self.facts.as_of)]
        return per_week * deviation, self._holding(ended, "ordered_qty", weeks) * deviation

    def _holding(self, rows: pd.DataFrame, qty: str, weeks: int) -> float:
        """Return what holding a week's quantity for a day costs."""
        cost = rows["item_id"].map(self.facts.items["std_cost"]).astype(float)
        value = float((rows[qty].astype(float) * cost).sum()) / weeks
        return value * self.facts.params.money.holding_pct_per_year / 100 / DAYS_PER_YEAR
