"""Controls for levers that are typed: rush order, allocation, freight, subcontractor."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import pandas as pd

from soe_lib.run import Run
from soe_lib.scenario.levers import Allocation, TypedLever
from soe_lib.scenario.orders import open_lines
from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.rush_work import usual_price
from soe_lib.scenario.typed_levers import ALLOCATION_RULES, RUSH_POLICIES
from soe_lib.steps.wanted import (
    FreightWanted,
    OutsideWanted,
    RushWanted,
    premium_freight,
    rush_order,
    subcontract,
)

SOMEBODY_NEW = "somebody new"
DAYS_AHEAD = 7
"""Days after the snapshot that the wanted date shows at first."""


class TypedControls:
    """
    Folds of controls; each typed lever counts only where its box is ticked.

    Parameters
    ----------
    run
        Run whose items, customers, orders and work orders can be chosen.
    guard
        Wraps callbacks so that none fails silently.
    limits
        What stands in the first fold: limits of the levers that are ticked.
    """

    def __init__(
        self,
        run: Run,
        guard: Callable[[Callable[[Any], None]], Callable[[Any], None]],
        limits: widgets.Widget,
    ) -> None:
        self.run = run
        self._tables: Mapping[str, pd.DataFrame] = run.tables
        today = run.as_of.tz_convert(run.snapshot.site_time_zone).tz_localize(None).normalize()
        self._today = today
        self._build_rush(today + pd.Timedelta(days=DAYS_AHEAD), guard)
        self._build_others(today + pd.Timedelta(days=DAYS_AHEAD))
        folds = (
            ("Limit the levers", limits),
            ("Add a rush order", self.rush_box),
            ("Who is served first", self.allocation_box),
            ("Premium freight", self.freight_box),
            ("Subcontract a work order", self.outside_box),
        )
        self.widget = widgets.Accordion(
            children=[box for _, box in folds],
            titles=tuple(title for title, _ in folds),
            selected_index=None,
        )
        self.widget.add_class("soe-typed-levers")

    def _build_rush(self, day: pd.Timestamp, guard: Callable[..., Any]) -> None:
        wide = widgets.Layout(width="97%")
        sold = table_or_empty(self._tables, "sales_order_line")
        items = sorted(set(sold["item_id"].dropna()))
        customers = [SOMEBODY_NEW, *sorted(set(sold["customer_id"].dropna()))]
        self.use_rush = _box("put this order in", "soe-lever-rush")
        self.rush_item = widgets.Dropdown(options=items, description="Item", layout=wide)
        self.rush_qty = widgets.FloatText(value=100.0, description="Quantity", layout=wide)
        self.rush_date = widgets.DatePicker(value=day.date(), description="Wanted on", layout=wide)
        self.rush_customer = widgets.Dropdown(
            options=customers, description="Customer", layout=wide
        )
        self.rush_price = widgets.FloatText(value=0.0, description="Price each", layout=wide)
        self.rush_margin = widgets.FloatText(value=0.0, description="Margin each", layout=wide)
        self.rush_policy = widgets.Dropdown(
            options=[(words, name) for name, words in RUSH_POLICIES.items()],
            description="Place",
            layout=wide,
        )
        self.rush_breaks = _box("may begin inside the frozen zone", "soe-rush-break-fence")
        self.rush_item.observe(guard(self._usual), names="value")
        if items:
            self._usual(None)
        self.rush_box = widgets.VBox(
            [
                self.use_rush,
                self.rush_item,
                self.rush_qty,
                self.rush_date,
                self.rush_customer,
                self.rush_price,
                self.rush_margin,
                self.rush_policy,
                self.rush_breaks,
            ]
        )

    def _build_others(self, day: pd.Timestamp) -> None:
        wide = widgets.Layout(width="97%")
        self.rule = widgets.Dropdown(
            options=[(words, name) for name, words in ALLOCATION_RULES.items()],
            description="Rule",
            layout=wide,
        )
        self.allocation_box = widgets.VBox(
            [widgets.HTML("<small>Scarce material and stock are given out</small>"), self.rule]
        )
        lines = open_lines(self._tables)
        keys = sorted(lines["order_id"] + "/" + lines["line_id"])
        self.use_freight = _box("send it faster", "soe-lever-premium-freight")
        self.freight_line = widgets.Combobox(
            options=keys, placeholder="order/line", description="Order line", layout=wide
        )
        self.freight_days = widgets.FloatText(value=1.0, description="Days saved", layout=wide)
        self.freight_cost = widgets.FloatText(value=0.0, description="Cost", layout=wide)
        self.freight_until = _day("Book until", self._today, wide)
        self.freight_box = widgets.VBox(
            [
                self.use_freight,
                self.freight_line,
                self.freight_days,
                self.freight_cost,
                self.freight_until,
            ]
        )
        work = table_or_empty(self._tables, "work_order")
        waiting = work[work["status"].isin(["planned", "released"]) & work["started_at"].isna()]
        self.use_outside = _box("have it made outside", "soe-lever-subcontract")
        self.outside_work = widgets.Combobox(
            options=sorted(waiting["wo_id"]),
            placeholder="work order",
            description="Work order",
            layout=wide,
        )
        self.outside_date = _day("Back on", day, wide)
        self.outside_cost = widgets.FloatText(value=0.0, description="Cost", layout=wide)
        self.outside_until = _day("Ask until", self._today, wide)
        self.outside_box = widgets.VBox(
            [
                self.use_outside,
                self.outside_work,
                self.outside_date,
                self.outside_cost,
                self.outside_until,
            ]
        )

    def _usual(self, _: Any) -> None:
        price, margin = usual_price(self._tables, str(self.rush_item.value))
        self.rush_price.value, self.rush_margin.value = round(price, 4), round(margin, 4)

    def levers(self) -> tuple[TypedLever, ...]:
        """Return the levers whose boxes are ticked; ``ValueError`` for what cannot be."""
        found: list[TypedLever] = []
        if self.use_rush.value:
            customer = str(self.rush_customer.value)
            wanted = RushWanted(
                item=str(self.rush_item.value),
                qty=float(self.rush_qty.value),
                wanted_on=_date(self.rush_date, "the day on which the order is wanted"),
                customer="" if customer == SOMEBODY_NEW else customer,
                price=float(self.rush_price.value),
                margin=float(self.rush_margin.value),
                place=str(self.rush_policy.value),
                break_fence=bool(self.rush_breaks.value),
            )
            found.append(rush_order(self.run, wanted))
        if self.rule.value != "priority":
            found.append(Allocation(str(self.rule.value)))
        if self.use_freight.value:
            freight = FreightWanted(
                order_line=str(self.freight_line.value),
                days=float(self.freight_days.value),
                cost=float(self.freight_cost.value),
                book_until=_date(self.freight_until, "until when freight is booked"),
            )
            found.append(premium_freight(self.run, freight))
        if self.use_outside.value:
            outside = OutsideWanted(
                work_order=str(self.outside_work.value),
                back_on=_date(self.outside_date, "the day on which the goods are back"),
                cost=float(self.outside_cost.value),
                ask_until=_date(self.outside_until, "until when the subcontractor is asked"),
            )
            found.append(subcontract(self.run, outside))
        return tuple(found)


def _box(label: str, name: str) -> widgets.Checkbox:
    box = widgets.Checkbox(value=False, description=label, indent=False)
    box.add_class(name)
    return box


def _day(label: str, day: pd.Timestamp, layout: widgets.Layout) -> widgets.DatePicker:
    return widgets.DatePicker(value=day.date(), description=label, layout=layout)


def _date(picker: widgets.DatePicker, what: str) -> datetime.date:
    if picker.value is None:
        raise ValueError(f"say {what}")
    return pd.Timestamp(picker.value).date()
