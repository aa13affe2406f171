"""
From a number to its rows: the analyst's filters over what step 1 found.

Plain state, no widgets: a measure (one number) breaks into bars, a bar opens its rows. All of it
is read from a run's tables; nothing is computed that step 1 has not said.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.divergence.demand import demanded
from soe_lib.run import Run
from soe_lib.steps.divergence import Found
from soe_lib.steps.drill_reach import (
    DIMENSIONS,
    KEYS,
    component_reach,
    demand_reach,
    divergence_reach,
    line_reach,
    load_reach,
    week_of,
)

ORDERS, COST, DIVERGENCES = "orders", "cost", "divergences"
LOAD, MATERIAL, DEMAND = "load", "material", "demand"
_BY_LINES = ("customer", "family", "line", "week", "site", "cause")
BARS_BY = {
    ORDERS: _BY_LINES,
    COST: _BY_LINES,
    DIVERGENCES: ("divergence", "owner", "customer", "family", "line", "week", "site"),
    LOAD: ("line", "week"),
    MATERIAL: ("component",),
    DEMAND: ("family", "week"),
}
"""Measure and what its bars may stand for; the first is the one that is shown first."""
UNKNOWN = "not known"


@dataclass(frozen=True)
class Filters:
    """What the analyst looks at; empty = all. ``week`` is a Monday as text (2026-11-23)."""

    site: str = ""
    family: str = ""
    line: str = ""
    customer: str = ""
    week: str = ""

    def chosen(self) -> dict[str, str]:
        """Return the filters that are set."""
        return {name: getattr(self, name) for name in DIMENSIONS if getattr(self, name)}


@dataclass(frozen=True)
class Measure:
    """
    One number of the top row.

    Attributes
    ----------
    name, label, unit
        Which one, in words, and what its number and its bars count.
    value
        The number; None = not known with these filters.
    note
        A sentence beside it.
    """

    name: str
    label: str
    unit: str
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows behind a bar: a heading, the name of their table, and the rows themselves."""

    title: str
    table: str
    frame: pd.DataFrame


class Drill:
    """
    The way from the numbers of step 1 to their rows.

    Parameters
    ----------
    run, found
        A run and what its step 1 found.
    """

    def __init__(self, run: Run, found: Found) -> None:
        self.run, self.found = run, found
        self.zone = run.snapshot.site_time_zone
        self.currency = run.snapshot.currency
        tables = found.tables
        lines = line_reach(tables, self.zone)
        late = found.orders[[*KEYS, "cause_id", "late_cost"]]
        over = found.load[found.load["load_pct"] > run.params.divergence.load_pct]
        outside = found.demand[found.demand["is_outside"].astype(bool)]
        touched = tables["divergence_orders"]
        owners = found.divergences[["divergence_id", "owner_role", "sentence", "money_at_risk"]]
        reach = divergence_reach(found.divergences, touched, lines).merge(owners)
        parts = component_reach(found.material["item_id"], tables, lines)
        short = found.material[["item_id", "missing_qty", "can_wait"]].merge(
            parts, on="item_id", how="left"
        )
        self.reach = {
            ORDERS: lines.merge(late, on=KEYS),
            DIVERGENCES: reach.assign(divergence=reach["divergence_id"], owner=reach["owner_role"]),
            LOAD: load_reach(over, tables, lines, self.zone).join(
                over[["overload_hours"]], on="row"
            ),
            MATERIAL: short.assign(component=short["item_id"]).fillna(
                dict.fromkeys(DIMENSIONS, "")
            ),
            DEMAND: demand_reach(outside).join(outside["deviation_qty"].abs(), on="row"),
        }
        names = found.divergences.set_index("divergence_id")["sentence"]
        cause = self.reach[ORDERS]["cause_id"]
        self.reach[ORDERS] = self.reach[ORDERS].assign(cause=cause)
        self.reach[COST] = self.reach[ORDERS]
        self._sentences = names[~names.index.duplicated()].to_dict()
        self._lines = lines

    def options(self, dimension: str) -> tuple[str, ...]:
        """Return the values that a filter can take: those of open order lines and divergences."""
        values: set[str] = set(self._lines[dimension])
        for rows in self.reach.values():
            if dimension in rows:
                values |= set(rows[dimension])
        return tuple(sorted(value for value in values if value))

    def measures(self, filters: Filters) -> tuple[Measure, ...]:
        """Return the numbers of the top row with the filters set."""
        lines = self._kept(ORDERS, filters).drop_duplicates(KEYS)
        beyond = f"later than {self.run.params.divergence.order_late_hours:g} h"
        parts = self._kept(MATERIAL, filters)
        pressing = parts[~parts["can_wait"].astype(bool)]["item_id"].nunique()
        later = parts["item_id"].nunique() - pressing
        wait = f"{later:,} more can wait a cycle" if later else ""
        numbers: list[tuple[str, str, str, float, str]] = [
            (ORDERS, "Order lines in jeopardy", "order lines", len(lines), beyond)
        ]
        if self.currency and self.found.orders["late_cost"].notna().any():
            cost = float(lines["late_cost"].sum())
            numbers.append((COST, "Their lateness costs", self.currency, cost, beyond))
        for name, label, unit, key in (
            (DIVERGENCES, "Divergences to own", "divergences", "divergence_id"),
            (LOAD, "Weeks of a resource overloaded", "hours too much", "row"),
            (MATERIAL, "Components short", "missing", "item_id"),
            (DEMAND, "Family weeks off plan", "units off plan", "row"),
        ):
            count = int(self._kept(name, filters)[key].nunique())
            is_material = name == MATERIAL
            value = pressing if is_material else count
            numbers.append((name, label, unit, value, wait if is_material else ""))
        return tuple(self._measure(filters, *number) for number in numbers)

    def bars(self, measure: str, by: str, filters: Filters) -> pd.DataFrame:
        """
        Break a measure into bars.

        Parameters
        ----------
        measure, by
            A measure and one of its ``BARS_BY``.
        filters
            What is looked at.

        Returns
        -------
        pandas.DataFrame
            Longest first: ``key``, ``label``, ``value``. An order line that two resources make
            counts at both.

        Raises
        ------
        ValueError
            When the measure has no such bars.
        """
        if by not in BARS_BY.get(measure, ()):
            raise ValueError(f"{measure!r} has no bars by {by!r}")
        rows = self._kept(measure, filters)
        if measure in (ORDERS, COST):
            each = rows.drop_duplicates([*KEYS, by])
            value = each["late_cost"] if measure == COST else pd.Series(1.0, each.index)
        elif measure == DIVERGENCES:
            each = rows.drop_duplicates(["divergence_id", by])
            is_money = by == "divergence" and bool(self.currency)
            value = each["money_at_risk"] if is_money else pd.Series(1.0, each.index)
        elif measure == MATERIAL:
            each = rows.drop_duplicates(["item_id"])
            value = each["missing_qty"]
        else:
            each = rows.drop_duplicates(["row", by])
            value = each["overload_hours" if measure == LOAD else "deviation_qty"]
        sums = value.fillna(0.0).groupby(each[by]).sum()
        found = pd.DataFrame({"key": sums.index.astype("str"), "value": sums.to_numpy(float)})
        found["label"] = [self._label(by, key) for key in found["key"]]
        ordered = found.sort_values(["value", "key"], ascending=[False, True], kind="stable")
        return ordered[["key", "label", "value"]].reset_index(drop=True)

    def unit(self, measure: str, by: str) -> str:
        """Return what the bars of a measure count."""
        if measure == DIVERGENCES:
            return self.currency if by == "divergence" and self.currency else "divergences"
        return next(m.unit for m in self.measures(Filters()) if m.name == measure)

    def rows(self, measure: str, by: str, key: str, filters: Filters) -> Rows:
        """
        Open the rows behind a bar.

        Order lines in jeopardy, the rows of the snapshot behind a divergence, the operations on an
        overloaded resource, the projected stock of a component, the order lines of a family week.

        Raises
        ------
        ValueError
            When there is no such bar.
        """
        kept = self._kept(measure, filters)
        if by not in BARS_BY.get(measure, ()) or key not in set(kept[by].astype("str")):
            raise ValueError(f"{measure!r} has no bar {key!r} by {by!r}")
        own = kept[kept[by].astype("str") == key]
        label = self._label(by, key)
        if measure in (ORDERS, COST):
            orders = self.found.orders
            wanted = pd.MultiIndex.from_frame(own[KEYS])
            rows = orders[pd.MultiIndex.from_frame(orders[KEYS]).isin(wanted)]
            return Rows(f"Order lines in jeopardy, {label}", "orders_in_jeopardy", rows)
        if measure == DIVERGENCES and by == "divergence":
            table = self.found.divergences.set_index("divergence_id")["evidence_table"][key]
            return Rows(label, str(table), self.found.rows_behind(key))
        if measure == DIVERGENCES:
            rows = self.found.divergences
            rows = rows[rows["divergence_id"].isin(own["divergence_id"])]
            return Rows(f"Divergences, {label}", "divergences", rows)
        if measure == LOAD:
            return self._work(own, label)
        if measure == MATERIAL:
            stock = self.found.stock
            return Rows(f"Projected stock of {key}", "projected_stock",
                        stock[stock["item_id"] == key])  # fmt: skip
        return self._due(own, label)

    def _work(self, cells: pd.DataFrame, label: str) -> Rows:
        work = self.found.tables["projected_operations"]
        place = pd.MultiIndex.from_arrays(
            [work["resource_id"], week_of(work["start_at"], self.zone)]
        )
        wanted = pd.MultiIndex.from_frame(cells[["line", "week"]])
        return Rows(f"Operations in overloaded weeks, {label}", "projected_operations",
                    work[place.isin(wanted)])  # fmt: skip

    def _due(self, cells: pd.DataFrame, label: str) -> Rows:
        lines = demanded(self.found.tables["sales_order_line"])
        item = self.found.tables["item"].drop_duplicates("item_id").set_index("item_id")
        monday = week_start(lines["requested_date"]).dt.strftime("%Y-%m-%d")
        place = pd.MultiIndex.from_arrays([lines["item_id"].map(item["family_id"]), monday])
        wanted = pd.MultiIndex.from_frame(cells[["family", "week"]])
        return Rows(
            f"Order lines requested, {label}", "sales_order_line", lines[place.isin(wanted)]
        )

    def _kept(self, measure: str, filters: Filters) -> pd.DataFrame:
        rows = self.reach[measure]
        for name, value in filters.chosen().items():
            rows = rows[rows[name] == value] if name in rows else rows.head(0)
        return rows

    def _measure(
        self, filters: Filters, name: str, label: str, unit: str, value: float, note: str
    ) -> Measure:
        unknown = [d for d in filters.chosen() if d not in self.reach[name]]
        if unknown:
            return Measure(name, label, unit, None, f"not known by {' and '.join(unknown)}")
        return Measure(name, label, unit, float(value), note)

    def _label(self, by: str, key: str) -> str:
        if by in ("divergence", "cause"):
            text = str(self._sentences.get(key, key)) or UNKNOWN
            return text[:1].upper() + text[1:]
        if by == "week" and key:
            return f"week of {pd.Timestamp(key):%d %b}"
        if by == "line" and not key:
            return "no line known, or from stock"
        return key.replace("_", " ") if by == "owner" else key or f"{by} {UNKNOWN}"
