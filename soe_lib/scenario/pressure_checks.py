"""The checks of the pressure test: each compares one subject with what the feed says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.rows import rows_of

Row = tuple[str, str, str, object, str, str]
"""Status, object type, object id, instant, detail, question."""
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """How many objects a check looked at, its rows, and why it could not look at any."""

    num_checked: int
    rows: list[Row]
    off_because: str = ""


def _name(row: object) -> str:
    return f"{row.wo_id}/{row.op_no}/{row.split_no}"  # type: ignore[attr-defined]


def changeovers(operations: pd.DataFrame, tables: Tables) -> Finding:
    """Compare the time before each run with the changeover matrix."""
    matrix = table_or_empty(tables, "setup_matrix")
    if matrix.empty:
        return Finding(0, [], "the feed has no changeover matrix")
    resources = table_or_empty(tables, "resource").set_index("resource_id")
    jobs = operations[operations["setup_from"].notna() & operations["setup_to"].notna()]
    jobs = jobs[jobs["setup_from"] != jobs["setup_to"]]
    group = jobs["resource_id"].map(resources["resource_group"])
    needed = _matrix_minutes(matrix)
    rows: list[Row] = []
    for job, resource_group in zip(rows_of(jobs), group, strict=True):
        pair = (job.setup_from, job.setup_to)
        names = (job.resource_id, resource_group, "*")
        minutes = next((needed[n, *pair] for n in names if (n, *pair) in needed), None)
        text = f"{job.resource_id}: {job.setup_from} to {job.setup_to}"
        if minutes is None:
            question = f"How long is the changeover {text}?"
            rows.append(("unknown", "operation", _name(job), job.setup_start_at, text, question))
            continue
        given = (job.start_at - job.setup_start_at).total_seconds() / 60
        if given < minutes - 0.5:
            detail = f"{text} needs {minutes:.0f} min, the schedule gives {given:.0f} min"
            rows.append(("fail", "operation", _name(job), job.setup_start_at, detail, ""))
    return Finding(len(jobs), rows)


def _matrix_minutes(matrix: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    keys = matrix[["resource_group", "from_setup_family", "to_setup_family"]]
    return dict(zip(keys.itertuples(index=False, name=None), matrix["setup_minutes"], strict=True))


def tooling(operations: pd.DataFrame, tables: Tables) -> Finding:
    """Compare the operations that hold a tool at once with the pieces there are of it."""
    tools = table_or_empty(tables, "tooling")
    jobs = operations[operations["tool_id"].notna()]
    if jobs.empty:
        return Finding(0, [], "the feed names no tool for any operation")
    pieces = tools.set_index("tool_id")["tool_qty"]
    rows: list[Row] = []
    for tool, uses in jobs.groupby("tool_id", sort=True):
        if tool not in pieces.index:
            question = f"Is tool {tool} there for {len(uses)} operations?"
            first = uses["start_at"].min()
            rows.append(("unknown", "tool", str(tool), first, "not in the tooling table", question))
            continue
        peak, at = _peak(uses, np.ones(len(uses)))
        if peak > pieces[tool]:
            detail = f"{peak:.0f} operations at once, {pieces[tool]:.0f} pieces"
            rows.append(("fail", "tool", str(tool), at, detail, ""))
    return Finding(len(jobs), rows)


def _peak(uses: pd.DataFrame, weight: np.ndarray) -> tuple[float, pd.Timestamp]:
    """Return the highest simultaneous use and its first instant; ends free before starts take."""
    at = pd.concat([uses["setup_start_at"].fillna(uses["start_at"]), uses["end_at"]])
    change = np.concatenate([weight, -weight])
    events = pd.DataFrame({"at": at.to_numpy(), "change": change})
    level = events.sort_values(["at", "change"], kind="stable")
    running = level["change"].cumsum().to_numpy()
    highest = int(running.argmax())
    return float(running[highest]), pd.Timestamp(level["at"].iloc[highest])


@dataclass(frozen=True)
class Levels:
    """People at work: instants at which their number changes, and the number from then on."""

    at: np.ndarray
    level: np.ndarray

    def peak(self, begin: pd.Timestamp, end: pd.Timestamp) -> tuple[float, pd.Timestamp]:
        """Return the most people at once between two instants, and when first."""
        low = int(np.searchsorted(self.at, begin.to_datetime64(), side="right"))
        high = int(np.searchsorted(self.at, end.to_datetime64(), side="left"))
        before = float(self.level[low - 1]) if low else 0.0
        inside = self.level[low:high]
        if not len(inside) or float(inside.max()) <= before:
            return before, begin
        place = int(inside.argmax())
        return float(inside[place]), pd.Timestamp(self.at[low + place], tz="UTC")


def _levels(jobs: pd.DataFrame) -> Levels:
    """Sum the people of runs over time; ends free before starts take."""
    weight = jobs["labour_count"].astype(float).to_numpy()
    begins, ends = jobs["start_at"].dt.tz_convert(None), jobs["end_at"].dt.tz_convert(None)
    at = np.concatenate([begins.to_numpy(), ends.to_numpy()])
    change = np.concatenate([weight, -weight])
    order = np.lexsort((change, at))
    return Levels(at[order], change[order].cumsum())


def labour(
    operations: pd.DataFrame, overtime: pd.DataFrame, tables: Tables, time_zone: str
) -> Finding:
    """
    Compare the people that operations occupy at once with the headcount of each shift.

    Overtime that no shift's headcount covers is a question, never a pass.
    """
    asked: list[Row] = [
        (
            "unknown",
            "resource",
            row.resource_id,
            row.start_at,
            f"{row.hours:.1f} h of overtime",
            f"Will a crew work {row.hours:.1f} h of overtime on {row.resource_id} from "
            f"{row.start_at.tz_convert(time_zone):%a %d %b %H:%M}?",
        )
        for row in rows_of(overtime)
    ]
    people = table_or_empty(tables, "labour_availability")
    if people.empty:
        return Finding(0, asked, "the feed has no headcounts")
    jobs = operations[operations["labour_count"].fillna(0) > 0]
    if jobs.empty:
        return Finding(0, asked, "the feed names no people per operation")
    site = table_or_empty(tables, "resource").set_index("resource_id")["site_id"]
    jobs = jobs.assign(site=jobs["resource_id"].map(site))
    shifts = _shift_windows(people)
    if shifts.empty:
        return Finding(0, asked, "headcounts have no shift times")
    rows: list[Row] = []
    for place, windows in shifts.groupby("site_id", sort=True):
        levels = _levels(jobs[jobs["site"] == place])
        for shift in rows_of(windows):
            peak, at = levels.peak(shift.start_at, shift.end_at)
            if peak > shift.headcount + 1e-9:
                name = f"{place} {shift.labour_date:%Y-%m-%d} {shift.shift_code}"
                detail = f"{peak:.0f} people needed at once, {shift.headcount:.0f} {shift.basis}"
                rows.append(("fail", "shift", name, at, detail, ""))
    last = shifts.groupby("site_id")["end_at"].max()
    beyond = jobs[jobs["start_at"] >= jobs["site"].map(last)]
    for place, after in beyond.groupby("site", sort=True):
        name = str(place)
        question = f"Are people planned in {name} after {last[name]:%a %d %b}?"
        detail = f"{len(after)} operations begin after the last planned headcount"
        rows.append(("unknown", "site", name, last[name], detail, question))
    unplanned = sorted(set(jobs["site"].dropna()) - set(shifts["site_id"]))
    for missing in unplanned:
        question = f"How many people are there in {missing}?"
        rows.append(("unknown", "site", missing, pd.NaT, "no headcount for the site", question))
    return Finding(len(jobs), [*rows, *asked])


def _shift_windows(people: pd.DataFrame) -> pd.DataFrame:
    known = people[people["start_at"].notna() & people["end_at"].notna()]
    count = known["actual_headcount"].fillna(known["planned_headcount"])
    basis = np.where(known["actual_headcount"].notna(), "present", "planned")
    shifts = known.assign(headcount=count, basis=basis)
    return (
        shifts.groupby(["site_id", "labour_date", "shift_code"], sort=True)
        .agg(
            start_at=("start_at", "min"),
            end_at=("end_at", "max"),
            headcount=("headcount", "sum"),
            basis=("basis", "first"),
        )
        .reset_index()
    )


def material(
    operations: pd.DataFrame,
    purchases: pd.DataFrame,
    expedites: pd.DataFrame,
    tables: Tables,
) -> Finding:
    """
    Ask about material that the schedule counts on and nobody has confirmed.

    New purchases and production at the item's lead time, purchase orders without a confirmation,
    and expedites that the supplier has not agreed to.
    """
    asked = [*_new_supplies(purchases, tables), *_pulled_in(expedites)]
    components = table_or_empty(tables, "bom_component")
    if components.empty:
        return Finding(0, asked, "the feed has no bills of material")
    orders = table_or_empty(tables, "purchase_order_line")
    made = set(operations["item_id"])
    needed = components[components["parent_item_id"].isin(made)]
    used = set(needed["component_item_id"])
    open_orders = orders[(orders["status"] == "open") & orders["item_id"].isin(used)]
    unconfirmed = open_orders[open_orders["promised_date"].isna()]
    horizon = operations["end_at"].max()
    required = unconfirmed["required_date"].dt.tz_localize("UTC")
    unconfirmed = unconfirmed[required.isna() | (required <= horizon)]
    rows: list[Row] = [
        (
            "unknown",
            "purchase_order_line",
            f"{line.po_id}/{line.line_id}",
            line.required_date,
            f"{line.item_id} from {line.supplier_id} has no confirmation",
            f"Will {line.supplier_id} deliver {line.ordered_qty - line.received_qty:,.0f} of "
            f"{line.item_id}, and until when?",
        )
        for line in rows_of(unconfirmed.sort_values(["required_date", "po_id", "line_id"]))
    ]
    return Finding(len(used), [*asked, *rows])


def _new_supplies(purchases: pd.DataFrame, tables: Tables) -> list[Row]:
    items = table_or_empty(tables, "item").set_index("item_id")["supply_type"]
    needed = purchases.groupby("item_id", as_index=False).agg(
        qty=("qty", "sum"), at=("receipt_at", "min"), num_orders=("wo_id", "nunique")
    )
    is_made = needed["item_id"].map(items).eq("make")
    verbs = np.where(is_made, "Who makes", "Who buys")
    return [
        (
            "unknown",
            "item",
            row.item_id,
            row.at,
            f"nothing covers {row.qty:,.0f} of it for {row.num_orders} work orders",
            f"{verb} {row.qty:,.0f} of {row.item_id}, and is it here by {row.at:%a %d %b}?",
        )
        for verb, row in zip(verbs, rows_of(needed.sort_values(["at", "item_id"])), strict=True)
    ]


def _pulled_in(expedites: pd.DataFrame) -> list[Row]:
    return [
        (
            "unknown",
            "purchase_order_line",
            row.object_id,
            row.act_by_at,
            f"{row.item_id} is pulled in from {row.old_value} to {row.new_value}",
            f"Does the supplier of {row.object_id} agree to {row.new_value}?",
        )
        for row in rows_of(expedites)
    ]


def shipping(due: pd.DataFrame, tables: Tables) -> Finding:
    """Compare the pallets that are ready on each day with what can leave."""
    capacity = table_or_empty(tables, "ship_capacity")
    if capacity.empty:
        return Finding(0, [], "the feed has no dock or ship capacity")
    items = table_or_empty(tables, "item").set_index("item_id")
    per_pallet = due["item_id"].map(items["qty_per_pallet"])
    loads = due.assign(pallets=due["qty"] / per_pallet)
    days = loads.groupby(["site_id", "ship_date"], sort=True)["pallets"].sum().reset_index()
    room = capacity.groupby(["site_id", "ship_date"], sort=True)["capacity_pallets"].sum()
    days = days.merge(room.reset_index(), on=["site_id", "ship_date"], how="left")
    last = capacity["ship_date"].max()
    rows: list[Row] = []
    for day in rows_of(days):
        name = f"{day.site_id} {day.ship_date:%Y-%m-%d}"
        if pd.isna(day.capacity_pallets):
            if day.ship_date <= last:
                question = f"Can {day.pallets:,.0f} pallets leave {name}?"
                rows.append(("unknown", "dock", name, day.ship_date, "no capacity row", question))
        elif day.pallets > day.capacity_pallets + 1e-6:
            detail = f"{day.pallets:,.1f} pallets ready, {day.capacity_pallets:,.0f} can leave"
            rows.append(("fail", "dock", name, day.ship_date, detail, ""))
    for item in sorted(set(due.loc[per_pallet.isna(), "item_id"])):
        question = f"How many {item} stand on a pallet?"
        rows.append(("unknown", "item", item, pd.NaT, "no quantity per pallet", question))
    return Finding(len(days), rows)


def fences(moves: pd.DataFrame) -> Finding:
    """Ask the approver about every operation that is changed inside the frozen zone."""
    frozen = moves[(moves["zone"] == "frozen") & (moves["change_cost"] > 0)]
    rows: list[Row] = [
        (
            "unknown",
            "operation",
            _name(move),
            move.first_start_at,
            f"{move.change} inside the frozen zone, price {move.change_cost:,.0f}",
            f"May {_name(move)} be {move.change} although it is frozen?",
        )
        for move in rows_of(frozen)
    ]
    return Finding(len(moves), rows)
