"""The demo plant with and without each construct of the engine, ready to be scheduled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from soe_lib.schedule import Problem, Schedule, build_problem, with_overtime
from soe_lib.schedule.plan import new_plan, place_published
from soe_lib.schedule.problem import Calendar
from soe_lib.schedule.schedule import as_schedule
from soe_lib.schedule.solve import published_floor

DAY = 1440.0
YEAR = 365 * DAY
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Demo:
    """Tables of the demo plant at ``as_of`` and the problem of its published schedule."""

    tables: Tables
    as_of: pd.Timestamp
    zone: str
    problem: Problem

    def build(self, *, plan_lots: bool | None = None, **changed: pd.DataFrame | None) -> Problem:
        """Return the problem with some tables changed."""
        tables = {**self.tables, **changed}
        tables = {name: table for name, table in tables.items() if table is not None}
        return build_problem(tables, self.as_of, site_time_zone=self.zone, plan_lots=plan_lots)


# --- routing, bill of materials, resources -----------------------------------------------------


def without_precedence(p: Problem) -> Problem:
    """Every operation is a lot of its own; only the last of a work order adds to stock."""
    last = np.append(p.op_lot[1:] != p.op_lot[:-1], True)
    names = [
        f"{p.lot_ids[k].split('/')[0]}-{no}/1" for k, no in zip(p.op_lot, p.op_no, strict=True)
    ]
    return p.replace(
        lot_ids=tuple(names),
        lot_item=p.lot_item[p.op_lot],
        lot_qty=np.where(last, p.lot_qty[p.op_lot], 0.0),
        lot_release=p.lot_release[p.op_lot],
        lot_due=p.lot_due[p.op_lot],
        lot_weight=p.lot_weight[p.op_lot],
        op_lot=np.arange(p.num_operations),
    )


def is_made(p: Problem) -> np.ndarray:
    """Shape (num_items,): True where the item has a routing."""
    return np.diff(p.recipes.offset) > 0


def without_made_components(p: Problem) -> Problem:
    """Operations take bought components only: no level of the bill waits for another."""
    keep = ~is_made(p)[p.need_item]
    offset = np.concatenate([[0], np.cumsum(keep)])[p.need_offset]
    return p.replace(need_offset=offset, need_item=p.need_item[keep], need_qty=p.need_qty[keep])


def only_published_resources(p: Problem) -> Problem:
    """Every operation has the published resource and no other."""
    op = np.repeat(np.arange(p.num_operations), np.diff(p.alt_offset))
    keep = p.alt_resource == p.op_resource[op]
    offset = np.concatenate([[0], np.cumsum(keep)])[p.alt_offset]
    names = ("alt_resource", "alt_minutes", "alt_preference", "alt_tool", "alt_skill",
             "alt_heads", "alt_queue")  # fmt: skip
    return p.replace(alt_offset=offset, **{name: getattr(p, name)[keep] for name in names})


def with_equal_rates(p: Problem) -> Problem:
    """Every alternate runs as fast as the preferred one."""
    op = np.repeat(np.arange(p.num_operations), np.diff(p.alt_offset))
    return p.replace(alt_minutes=p.alt_minutes[p.alt_offset[:-1]][op])


# --- working time ------------------------------------------------------------------------------


def always_open(p: Problem) -> Problem:
    """Every resource works day and night."""
    count = len(p.resource_ids)
    zero, flags = np.zeros(count), np.zeros(count, bool)
    return p.replace(calendar=Calendar(np.arange(count + 1), zero, np.full(count, YEAR), flags))


def straddling(p: Problem, schedule: Schedule) -> pd.DataFrame:
    """Return the operations that pause: begun before a closed time and ended after it."""
    rows = schedule.operations
    lasting = (rows["end_at"] - rows["start_at"]).dt.total_seconds() / 60
    return rows[(lasting > rows["run_minutes"] + 1) & rows["start_at"].gt(p.as_of)]


def open_where_work_pauses(p: Problem, schedule: Schedule) -> Problem:
    """Open the closed times over which the operations of a schedule pause."""
    rows = straddling(p, schedule)
    first = (rows["start_at"] - p.as_of).dt.total_seconds().to_numpy() / 60
    last = (rows["end_at"] - p.as_of).dt.total_seconds().to_numpy() / 60
    c = p.calendar
    begin, end, offset = [], [], [0]
    for r, name in enumerate(p.resource_ids):
        mine = (rows["resource_id"] == name).to_numpy()
        spans: list[list[float]] = []
        own = slice(c.offset[r], c.offset[r + 1])
        for b, e in zip(c.begin[own], c.end[own], strict=True):
            if spans and ((first[mine] < spans[-1][1]) & (last[mine] > b)).any():
                spans[-1][1] = e
            else:
                spans.append([b, e])
        begin += [span[0] for span in spans]
        end += [span[1] for span in spans]
        offset.append(len(begin))
    flags = np.zeros(len(begin), bool)
    return p.replace(calendar=Calendar(np.array(offset), np.array(begin), np.array(end), flags))


def with_bookable_overtime(demo: Demo) -> Problem:
    """Return the problem with all potential overtime of two weeks open at its price."""
    table = demo.tables["resource_calendar"]
    return with_overtime(demo.problem, table, hours_per_week=12.0, weeks=2)


def with_booked_overtime(demo: Demo) -> Problem:
    """Return the problem in which the potential overtime has been booked in the calendar."""
    table = demo.tables["resource_calendar"]
    kind = table["calendar_kind"].replace("potential_overtime", "overtime")
    return demo.build(resource_calendar=table.assign(calendar_kind=kind))


# --- supply ------------------------------------------------------------------------------------


def without_expedites(demo: Demo) -> Problem:
    """Return the problem in which no supplier can be early."""
    lines = demo.tables["purchase_order_line"]
    return demo.build(purchase_order_line=lines.assign(is_expedite_possible=False))


def shifted(p: Problem, *, expedite: bool) -> Schedule:
    """Right-shift with every receipt that can be expedited paid to be early, or none."""
    plan = new_plan(p)
    place_published(p, plan)
    can = p.supply_expedite_at < p.supply_at
    plan.expedited[: len(can)] = can & expedite
    timing = plan.decode(p, published_floor(p, plan))
    return as_schedule(p, plan, timing, {})


# --- demand ------------------------------------------------------------------------------------


def with_departures(demo: Demo, share: float) -> Problem:
    """Return the problem with a share of the room that the demo plant's departures have."""
    table = demo.tables["ship_capacity"]
    return demo.build(
        ship_capacity=table.assign(capacity_pallets=table["capacity_pallets"] * share)
    )


def without_transit(demo: Demo) -> Problem:
    """Return the problem in which goods are at the customer when they leave the dock."""
    lines = demo.tables["sales_order_line"]
    later = lines["due_at"] + pd.to_timedelta(lines["transit_days"].fillna(0), unit="D")
    return demo.build(sales_order_line=lines.assign(due_at=later, transit_days=0.0))


def priced(p: Problem, **changed: np.ndarray) -> Problem:
    """Return the problem with clauses changed."""
    assert p.clauses is not None
    return p.replace(clauses=replace(p.clauses, **changed))


def planned_lots(demo: Demo) -> Problem:
    """Return the problem in which the engine makes all lots itself, by the rules of the items."""
    names = ("work_order", "schedule_operation", "work_order_progress_event")
    return demo.build(plan_lots=True, **{name: demo.tables[name].iloc[:0] for name in names})
