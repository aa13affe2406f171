"""
What somebody wants to see, in plain words, made into levers: for the page and the command alike.

Whatever a browser or a file says is held against the snapshot here: items, customers, order lines
and work orders must be those of the feed.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pandas as pd

from soe_lib.params import Section, parse_section, read_yaml
from soe_lib.run import Run
from soe_lib.scenario.catalogue import LEVERS
from soe_lib.scenario.custom import TYPED_WORDS, Choice
from soe_lib.scenario.levers import Allocation, PremiumFreight, RushOrder, Subcontract, TypedLever
from soe_lib.scenario.orders import open_lines
from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.rush_work import usual_price

RUSH_NAME = "RUSH"
LAST_HOUR = 17
"""Hour of the site's day until which somebody can be asked."""
TICKED = tuple(name for name in LEVERS if name not in TYPED_WORDS.values())
"""Levers that need no more than their word."""


class RushWanted(Section):
    """An order that is put in."""

    item: str
    qty: float
    wanted_on: datetime.date
    customer: str = ""
    """A customer of the feed; empty = somebody new."""
    price: float | None = None
    """Net price of a unit; empty = that of the item's newest order line. [money/uom]"""
    margin: float | None = None
    """Margin of a unit; empty likewise. [money/uom]"""
    place: str = "cheapest"
    """A word of ``typed_levers.RUSH_POLICIES``."""
    break_fence: bool = False
    """Whether it may begin inside the frozen zone."""


class FreightWanted(Section):
    """An order line that is sent faster."""

    order_line: str
    """``order/line``."""
    days: float
    """Days that are saved. [days]"""
    cost: float
    """What the freight costs. [money]"""
    book_until: datetime.date


class OutsideWanted(Section):
    """A work order that is made outside."""

    work_order: str
    back_on: datetime.date
    cost: float
    """What the subcontractor costs. [money]"""
    ask_until: datetime.date


class Wanted(Section):
    """A scenario as a file says it; unknown names are errors."""

    title: str = "Our scenario"
    levers: tuple[str, ...] = ()
    """Words of :data:`TICKED`."""
    resources: tuple[str, ...] = ()
    """Resources that may work longer; empty = all that run late work."""
    purchase_lines: tuple[str, ...] = ()
    """Purchase order lines that may be pulled in; empty = all that help."""
    calm: float = 1.0
    """How many times its price a move must save."""
    allocation: str = "priority"
    """A word of ``typed_levers.ALLOCATION_RULES``."""
    rush_order: RushWanted | None = None
    premium_freight: FreightWanted | None = None
    subcontract: OutsideWanted | None = None


def read_wanted(path: Path) -> Wanted:
    """Read a scenario's file; what it may not say raises :class:`soe_lib.params.ParamsError`."""
    return parse_section(read_yaml(path), Wanted, str(path))


def choice_of(run: Run, wanted: Wanted) -> Choice:
    """
    Return the choice that a file asks for, as the page asks for it.

    Raises
    ------
    ValueError
        When a lever is unknown, or an object is not in the snapshot.
    """
    if strange := [word for word in wanted.levers if word not in TICKED]:
        raise ValueError(f"unknown lever {', '.join(strange)}; known: {', '.join(TICKED)}")
    typed: list[TypedLever] = []
    if wanted.rush_order is not None:
        typed.append(rush_order(run, wanted.rush_order))
    if wanted.allocation != "priority":
        typed.append(Allocation(wanted.allocation))
    if wanted.premium_freight is not None:
        typed.append(premium_freight(run, wanted.premium_freight))
    if wanted.subcontract is not None:
        typed.append(subcontract(run, wanted.subcontract))
    _known(wanted.resources, run, "resource", ["resource_id"])
    _known(wanted.purchase_lines, run, "purchase_order_line", ["po_id", "line_id"])
    # an order that is put in, alone, is asked of the plan in force: nothing else may move
    only_asked = not wanted.levers and wanted.rush_order is not None
    return Choice(
        title=wanted.title,
        levers=() if only_asked else tuple(dict.fromkeys(("resequence", *wanted.levers))),
        resources=wanted.resources,
        purchase_lines=wanted.purchase_lines,
        move_factor=wanted.calm,
        typed=tuple(typed),
    )


def rush_order(run: Run, wanted: RushWanted) -> RushOrder:
    """Return the order that is put in. Raises ``ValueError`` for what the feed does not know."""
    items = set(table_or_empty(run.tables, "item")["item_id"])
    customers = set(table_or_empty(run.tables, "sales_order_line")["customer_id"].dropna())
    if wanted.item not in items:
        raise ValueError(f"'{wanted.item}' is no item of the snapshot")
    if wanted.customer and wanted.customer not in customers:
        raise ValueError(f"'{wanted.customer}' is no customer of the snapshot")
    price, margin = usual_price(run.tables, wanted.item)
    return RushOrder(
        rush_name(run),
        wanted.item,
        float(wanted.qty),
        pd.Timestamp(wanted.wanted_on),
        wanted.customer,
        price if wanted.price is None else float(wanted.price),
        margin if wanted.margin is None else float(wanted.margin),
        wanted.place,
        break_fence=wanted.break_fence,
    )


def rush_name(run: Run) -> str:
    """Return a name for an inquiry that no order and no work order of the feed has."""
    taken = set(table_or_empty(run.tables, "sales_order_line")["order_id"])
    taken |= {name.rpartition("-")[0] for name in table_or_empty(run.tables, "work_order")["wo_id"]}
    number = 1
    while f"{RUSH_NAME}-{number}" in taken:
        number += 1
    return f"{RUSH_NAME}-{number}"


def premium_freight(run: Run, wanted: FreightWanted) -> PremiumFreight:
    """Return the freight of an open order line. Raises ``ValueError`` when there is none."""
    order, _, line = wanted.order_line.rpartition("/")
    lines = open_lines(run.tables)
    own = lines[(lines["order_id"] == order) & (lines["line_id"] == line)]
    if own.empty:
        raise ValueError(f"'{wanted.order_line}' is no open order line")
    return PremiumFreight(
        order,
        line,
        str(own["item_id"].iloc[0]),
        float(wanted.days),
        float(wanted.cost),
        _end_of(run, wanted.book_until),
    )


def subcontract(run: Run, wanted: OutsideWanted) -> Subcontract:
    """Return a work order that is made outside. Raises ``ValueError`` when there is none."""
    work = table_or_empty(run.tables, "work_order")
    own = work[work["wo_id"] == wanted.work_order]
    if own.empty:
        raise ValueError(f"'{wanted.work_order}' is no work order")
    return Subcontract(
        str(own["wo_id"].iloc[0]),
        str(own["item_id"].iloc[0]),
        float(own["ordered_qty"].iloc[0]),
        pd.Timestamp(wanted.back_on),
        float(wanted.cost),
        _end_of(run, wanted.ask_until),
    )


def _end_of(run: Run, day: datetime.date) -> pd.Timestamp:
    local = pd.Timestamp(day) + pd.Timedelta(hours=LAST_HOUR)
    return local.tz_localize(run.snapshot.site_time_zone).tz_convert("UTC")


def _known(wanted: tuple[str, ...], run: Run, table: str, key: list[str]) -> None:
    rows = table_or_empty(run.tables, table)
    known = set(rows[key].astype("str").agg("/".join, axis=1)) if len(rows) else set()
    if strange := [name for name in wanted if name not in known]:
        what = table.replace("_", " ")
        raise ValueError(f"no {what} of the snapshot: {', '.join(strange)}")
