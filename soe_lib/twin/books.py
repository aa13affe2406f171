"""The log as tables, cut to what an extract of the demo week contains."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from soe_lib.twin.incidents import Incident
from soe_lib.twin.state import Log, World

FIELDS: dict[str, str] = {
    "line": (
        "at order_id line_id customer item site ordered_at qty requested first last due delivered "
        "last_issue pod status order_type cancel_reason cancelled_by cancelled_at priority partial "
        "price margin lane transit first_qty"
    ),
    "change": "at event_id order_id line_id field old new by reason zone",
    "purchase": (
        "at po line supplier item qty received required promised first_promised confirmed status "
        "ordered_at unit_cost expedite_days"
    ),
    "confirmation": "at po line promised confirmed channel",
    "goods_receipt": "at po line qty rejected",
    "lot": ("at wo item site qty release due status good scrap started ended created"),
    "event": "at wo op_no resource kind good scrap reason",
    "scrap": "at wo item op_no resource qty reason",
    "schedule": (
        "version at wo op_no item site qty resource setup_at start_at end_at setup_from setup_to "
        "frozen release latest slack pegs tool alternates"
    ),
    "delivery": "at shipment order_id line_id qty pod",
    "shipment": (
        "at shipment order_id line_id qty lane planned left eta arrived carrier reason status site"
    ),
    "move": "at item batch qty kind",
    "resource": "at resource family",
}
HISTORY_FIRST_DAY = 28
"""The first Monday of the eight weeks of history; what lies before only warms the plant up."""
ORDERS_FIRST_DAY = 14
"""Orders that were finished before this day are not in the extract."""


@dataclass(frozen=True)
class Books:
    """
    Everything the twin wrote down.

    Attributes
    ----------
    world
        The plant.
    tables
        Log subjects as tables; ``at`` is the minute at which the fact was recorded.
    incidents
        The planted incidents.
    as_of, until
        Minute of the as-of and of the extract, a little later.
    first_day
        Day number at which the history begins.
    """

    world: World
    tables: dict[str, pd.DataFrame]
    incidents: tuple[Incident, ...]
    as_of: float
    until: float
    first_day: int = HISTORY_FIRST_DAY

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    @property
    def first(self) -> float:
        """Minute at which the history begins: the first Monday 00:00."""
        return self.world.clock.at(self.first_day, 0)


def open_books(
    world: World,
    log: Log,
    incidents: tuple[Incident, ...],
    as_of: float,
    until: float,
    first_day: int = HISTORY_FIRST_DAY,
) -> Books:
    """Return the log as tables, without what happened after ``until``."""
    tables: dict[str, pd.DataFrame] = {}
    for name, fields in FIELDS.items():
        table = pd.DataFrame(log.rows.get(name, []), columns=fields.split())
        table = table[table["at"] <= until]
        table["vers"] = range(1, len(table) + 1)
        tables[name] = table.reset_index(drop=True)
    clock = world.clock
    first = clock.at(first_day, 0)
    orders_from = clock.at(first_day - HISTORY_FIRST_DAY + ORDERS_FIRST_DAY, 0)
    tables["line"] = _living(tables["line"], ["order_id"], orders_from)
    tables["lot"] = _living(tables["lot"], ["wo"], first)
    tables["purchase"] = _living(tables["purchase"], ["po"], first)
    kept = set(tables["lot"]["wo"])
    for name in ("event", "scrap"):
        tables[name] = tables[name][tables[name]["wo"].isin(kept)].reset_index(drop=True)
    orders = set(tables["line"]["order_id"])
    for name in ("delivery", "shipment", "change"):
        tables[name] = tables[name][tables[name]["order_id"].isin(orders)].reset_index(drop=True)
    purchases = set(tables["purchase"]["po"])
    for name in ("confirmation", "goods_receipt"):
        tables[name] = tables[name][tables[name]["po"].isin(purchases)].reset_index(drop=True)
    tables["schedule"] = tables["schedule"][tables["schedule"]["at"] >= first].reset_index(
        drop=True
    )
    return Books(world, tables, incidents, as_of, until, first_day)


def _living(table: pd.DataFrame, keys: list[str], first: float) -> pd.DataFrame:
    """Keep all versions of what changed at or after ``first``, or is still open then."""
    last = table.groupby(keys)["at"].transform("max")
    final = table.groupby(keys)["vers"].transform("max")
    status = table["status"].where(table["vers"] == final)
    is_open = ~status.isin(["completed", "cancelled"]) & status.notna()
    alive = is_open.groupby([table[k] for k in keys]).transform("max") | (last >= first)
    return table[alive].reset_index(drop=True)


def mondays(books: Books) -> list[float]:
    """Return the minutes of Monday 05:00 from the first of the history to the demo's."""
    clock = books.world.clock
    return [clock.at(day, 5) for day in range(books.first_day, clock.day(books.as_of) + 1, 7)]


def balances(books: Books) -> pd.DataFrame:
    """Return stock on record on every Monday: ``at, item, batch, on_hand, made`` (minute)."""
    moves = books["move"]
    batches = moves["item"].isin(books.world.shares)
    moves = moves.assign(batch=moves["batch"].where(batches, ""))
    made = moves[moves["qty"] > 0].groupby(["item", "batch"])["at"].min()
    parts = []
    for at in mondays(books):
        past = moves[moves["at"] <= at]
        total = past.groupby(["item", "batch"])["qty"].sum().round(3)
        keep = total[total.abs() > 1e-3]
        empty = sorted(set(past["item"]) - set(keep.index.get_level_values("item")))
        rows = keep.rename("on_hand").reset_index()
        none = pd.DataFrame({"item": empty, "batch": "", "on_hand": 0.0})
        both = pd.concat([rows, none], ignore_index=True) if empty else rows
        parts.append(both.assign(at=at))
    found = pd.concat(parts, ignore_index=True)
    keys = pd.MultiIndex.from_frame(found[["item", "batch"]])
    found["made"] = made.reindex(keys).to_numpy()
    found["site"] = found["item"].map({k: v.site for k, v in books.world.items.items()})
    return found.sort_values(["at", "item", "batch"]).reset_index(drop=True)
