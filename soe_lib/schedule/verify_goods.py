# mypy: disable-error-code="arg-type,operator,var-annotated,list-item,call-overload,index"
"""
Independent check of a schedule's goods: material, purchases, promises, departures, money.

Part of ``verify``, which holds the rules; shares no code with what made the schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule

TOLERANCE_MINUTES = 0.05
"""Instants are rounded to the second."""
NEVER = 1e14
Faults = list[tuple[str, str, str]]


def minutes(problem: Problem, at: pd.Series) -> np.ndarray:
    """Return instants as minutes since as_of."""
    return (at - problem.as_of).dt.total_seconds().to_numpy(float) / 60


def add(found: Faults, rule: str, rows: pd.DataFrame, wrong: np.ndarray, detail: object) -> None:
    """Add one fault per wrong row; ``detail`` is a text or one text per row."""
    at = np.flatnonzero(wrong)
    labels = rows["label"].to_numpy()
    for k in at:
        found.append((rule, str(labels[k]), detail if isinstance(detail, str) else str(detail[k])))


def of_op(values: np.ndarray, op: np.ndarray, none: float) -> np.ndarray:
    """Look values up by number; -1 gives ``none``."""
    return np.append(values, none)[op]


def _needs(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """Return every need of every row: item, instant, quantity."""
    recipes = problem.recipes
    op, step = rows["op"].to_numpy(), rows["step"].to_numpy()
    firm = rows["lot"].to_numpy() >= 0
    started = of_op(problem.op_fixed.astype(float), op, 0.0) > 0
    parts = []
    for own, number, offset, item, qty, by_unit in (
        (firm & ~started, op, problem.need_offset, problem.need_item, problem.need_qty, False),
        (~firm, step, recipes.need_offset, recipes.need_item, recipes.need_per_unit, True),
    ):
        at = np.flatnonzero(own)
        count = np.diff(offset)[number[at]] if len(at) else np.zeros(0, np.int64)
        row = np.repeat(at, count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        k = offset[number[row]] + within if len(row) else np.zeros(0, np.int64)
        scale = rows["planned_qty"].to_numpy(float)[row] if by_unit else 1.0
        parts.append(
            pd.DataFrame(
                {
                    "item": item[k],
                    "at": rows["start"].to_numpy(float)[row],
                    "qty": -qty[k] * scale,
                    "label": rows["label"].to_numpy()[row],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def check_material(problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: Faults) -> None:
    """No item's cumulative consumption exceeds its cumulative supply at any time."""
    items = pd.Index(problem.item_ids)
    arrival = _arrivals(problem, schedule)
    cannot = [int(k) for k in schedule.expedites["supply_id"]] if len(schedule.expedites) else []
    for k in cannot:
        if problem.supply_expedite_at[k] >= NEVER:
            found.append(("expedite", str(k), "this receipt cannot be expedited"))
    last = rows.sort_values("op_no").groupby("lot_id").tail(1)
    recipes = problem.recipes
    total = np.where(
        last["lot"] >= 0,
        pd.Series(problem.op_no).groupby(problem.op_lot).max().reindex(last["lot"]).to_numpy(float),
        _last_step(recipes.offset, recipes.op_no)[last["item"].to_numpy()],
    )
    done = last[last["op_no"].to_numpy() == total]
    bought = schedule.purchases
    promises = schedule.promises[schedule.promises["promised_at"].notna()]
    promises = schedule.pegging.merge(promises[["order_id", "line_id", "item_id"]])
    demand = pd.DataFrame(
        {
            "item": items.get_indexer(promises["item_id"]),
            "at": minutes(problem, promises["leaves_at"]),
            "qty": -promises["qty"].to_numpy(float),
            "label": (promises["order_id"] + "/" + promises["line_id"]).to_numpy(),
        }
    )
    table = pd.concat(
        [
            pd.DataFrame({"item": range(len(items)), "at": -1.0, "qty": problem.on_hand}),
            pd.DataFrame({"item": problem.supply_item, "at": arrival, "qty": problem.supply_qty}),
            pd.DataFrame(
                {
                    "item": items.get_indexer(bought["item_id"]),
                    "at": minutes(problem, bought["receipt_at"]),
                    "qty": bought["qty"].to_numpy(float),
                }
            ),
            done[["item", "end", "planned_qty"]].set_axis(["item", "at", "qty"], axis=1),
            _needs(problem, rows),
            demand,
        ],
        ignore_index=True,
    )
    table["takes"] = table["qty"] < 0
    table.loc[table["takes"], "at"] += TOLERANCE_MINUTES
    table = table.sort_values(["item", "at", "takes"], kind="stable").reset_index(drop=True)
    balance = table.groupby("item")["qty"].cumsum()
    size = table["qty"].abs().groupby(table["item"]).cumsum()
    short = (table["takes"] & (balance < -1e-3 - 1e-9 * size)).to_numpy()
    names = items[table["item"].to_numpy(np.int64)]
    texts = [f"{name}: short by {-b:.2f}" for name, b in zip(names, balance, strict=True)]
    add(found, "material", table, short, texts)


def _arrivals(problem: Problem, schedule: Schedule) -> np.ndarray:
    """Return when the receipts are there, those that are paid to be early early. [min]"""
    arrival: np.ndarray = problem.supply_at.astype(float).copy()
    if len(schedule.expedites):
        chosen = schedule.expedites["supply_id"].astype(int).to_numpy()
        early = problem.supply_expedite_at[chosen]
        arrival[chosen] = np.where(early < NEVER, early, arrival[chosen])
    return arrival


def _last_step(offset: np.ndarray, op_no: np.ndarray) -> np.ndarray:
    number = np.append(op_no.astype(float), np.nan)
    return np.where(np.diff(offset) > 0, number[offset[1:] - 1], np.nan)


def check_purchases(problem: Problem, schedule: Schedule, found: Faults) -> None:
    """Purchases are ordered from now on, with their lead time, and only of what is bought."""
    bought = schedule.purchases
    if bought.empty:
        return
    item = pd.Index(problem.item_ids).get_indexer(bought["item_id"])
    order, receipt = minutes(problem, bought["order_at"]), minutes(problem, bought["receipt_at"])
    quick = bought["is_expedite"].to_numpy(bool)
    lead = np.where(quick, problem.item_expedite_minutes[item], problem.item_lead_minutes[item])
    rows = bought.assign(label=bought["item_id"])
    add(found, "purchase", rows, order < -TOLERANCE_MINUTES, "ordered before now")
    soon = receipt - order < np.maximum(lead, 0.0) - TOLERANCE_MINUTES
    add(found, "purchase", rows, soon, "bought with less than its lead time")
    add(found, "purchase", rows, problem.item_is_made[item], "made in house, not bought")


def check_promises(problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: Faults) -> None:
    """Pegs add up to promises, and no supply is promised twice or before it exists."""
    keys = ["order_id", "line_id"]
    pegs = schedule.pegging
    sums = pegs.groupby(keys).agg(
        pegged=("qty", "sum"), ready=("available_at", "max"), first=("leaves_at", "min"),
        last=("leaves_at", "max"),
    )  # fmt: skip
    lines = schedule.promises.join(sums, on=keys)
    lines["label"] = lines["order_id"] + "/" + lines["line_id"]
    promised = lines["promised_qty"].to_numpy(float)
    off = np.abs(lines["pegged"].fillna(0.0).to_numpy(float) - promised) > 1e-3
    add(found, "promise", lines, off, "pegs do not add up to what is promised")
    over = promised > lines["open_qty"].to_numpy(float) + 1e-3
    add(found, "promise", lines, over, "more is promised than is owed")
    early = (lines["promised_at"] < lines["ready"] - pd.Timedelta(seconds=2)).to_numpy(bool)
    add(found, "promise", lines, early, "promised before its supply is there")
    part = lines["promised_at"].notna().to_numpy() & (
        promised < lines["open_qty"].to_numpy(float) - 1e-3
    )
    add(found, "promise", lines, part, "has an instant although it is not covered")
    second = pd.Timedelta(seconds=2)
    has_left = lines["promised_at"].notna() & lines["last"].notna()
    off = has_left & ((lines["last"] - lines["promised_at"]).abs() > second)
    add(found, "promise", lines, off.to_numpy(bool), "promised when its last part has not left")
    marks = pd.Series(problem.demand_partial, index=pd.MultiIndex.from_tuples(problem.demand_keys))
    may = marks.reindex(pd.MultiIndex.from_frame(lines[keys])).eq(True).to_numpy(bool)
    torn = has_left & (lines["last"] - lines["first"] > second) & ~may
    add(found, "partial", lines, torn.to_numpy(bool), "leaves in parts, which is not allowed")
    wanted = pd.MultiIndex.from_tuples(problem.demand_keys, names=keys)
    if set(wanted) != set(zip(lines["order_id"], lines["line_id"], strict=True)):
        found.append(("promise", "", "order lines of the problem and of the promises differ"))
    items = np.array(problem.item_ids, dtype=object)
    demand_item = pd.Series(items[problem.demand_item], index=wanted)
    pegs = pegs.assign(
        item_id=demand_item.reindex(pd.MultiIndex.from_frame(pegs[keys])).to_numpy(),
        at=minutes(problem, pegs["available_at"]),
        label=pegs["supply_type"] + " " + pegs["supply_id"],
    ).merge(lines[[*keys, "promised_at"]], on=keys, how="left")
    last = rows.groupby("lot_id").agg(
        end=("end", "max"), size=("planned_qty", "max"), made=("item_id", "first")
    )
    receipt = pd.DataFrame(
        {
            "end": _arrivals(problem, schedule),
            "size": problem.supply_qty,
            "made": items[problem.supply_item],
        },
        index=[str(k) for k in range(len(problem.supply_at))],
    )
    stock = pd.DataFrame({"end": -1.0, "size": problem.on_hand, "made": items}, index=items)
    leaves = minutes(problem, pegs["leaves_at"])
    gone = pegs["promised_at"].notna().to_numpy()
    add(found, "promise", pegs, gone & np.isnan(leaves), "is promised and does not leave")
    soon = gone & (leaves < pegs["at"].to_numpy() - TOLERANCE_MINUTES)
    add(found, "promise", pegs, soon, "leaves before it is there")
    shelf = pd.Series(problem.item_shelf_minutes, index=items)
    expiry = pd.Series(problem.supply_expires, index=receipt.index)
    for kind, source in (("lot", last), ("receipt", receipt), ("stock", stock)):
        mine = (pegs["supply_type"] == kind).to_numpy()
        own = pegs[mine]
        name = own["item_id"] if kind == "stock" else own["supply_id"]
        given = source.reindex(name)
        add(found, "promise", own, given["size"].isna().to_numpy(), "no such supply")
        wrong = (given["made"].to_numpy() != own["item_id"].to_numpy()) & given["size"].notna()
        add(found, "promise", own, wrong.to_numpy(bool), "supply of another item")
        soon = own["at"].to_numpy() < given["end"].to_numpy(float) - TOLERANCE_MINUTES
        add(found, "promise", own, soon, "promised before it exists")
        taken = own["qty"].groupby(name.to_numpy()).sum()
        for label in taken.index[taken > source["size"].reindex(taken.index) + 1e-3]:
            found.append(("promise", f"{kind} {label}", "promised more than once"))
        if kind == "lot":
            limit = given["end"].to_numpy(float) + shelf.reindex(own["item_id"]).to_numpy()
        elif kind == "receipt":
            limit = expiry.reindex(name).to_numpy()
        else:
            continue
        expired = gone[mine] & (leaves[mine] > limit + TOLERANCE_MINUTES)
        add(found, "shelf_life", own, expired, "expired")


def check_shipping(problem: Problem, schedule: Schedule, found: Faults) -> None:
    """What leaves on a lane leaves with a departure, and no departure is overloaded."""
    ships = problem.shipping
    keys = ["order_id", "line_id"]
    index = {key: d for d, key in enumerate(problem.demand_keys)}
    lines = schedule.promises.loc[schedule.promises["promised_at"].notna(), keys]
    rows = schedule.pegging.merge(lines, on=keys)
    demand = np.array(
        [index.get(key, -1) for key in zip(rows["order_id"], rows["line_id"], strict=True)],
        np.int64,
    )
    lane = of_op(ships.demand_lane, demand, -1)
    at = minutes(problem, rows["leaves_at"])
    rows = rows.assign(label=rows["order_id"] + "/" + rows["line_id"])
    pallets = of_op(ships.demand_pallets, demand, 0.0) * rows["qty"].to_numpy(float)
    for k in np.unique(lane[lane >= 0]):
        own = np.flatnonzero((lane == k) & (pallets > 0))
        departs = ships.at[ships.offset[k] : ships.offset[k + 1]]
        if not len(departs) or not len(own):
            continue
        near = np.abs(at[own][:, None] - departs[None, :])
        which = near.argmin(axis=1)
        # a day after the last departure that is known, no limit is known any more
        is_known = at[own] < departs[-1] + 1440 - TOLERANCE_MINUTES
        wrong = is_known & ~(near.min(axis=1) <= TOLERANCE_MINUTES)
        add(found, "ship_capacity", rows.iloc[own], wrong, "leaves without a departure")
        load = np.zeros(len(departs))
        np.add.at(load, which[is_known & ~wrong], pallets[own][is_known & ~wrong])
        room = ships.pallets[ships.offset[k] : ships.offset[k + 1]]
        for n in np.flatnonzero(load > room + 1e-6):
            text = f"departure {n + 1} carries {load[n]:.1f} of {room[n]:.1f} pallets"
            found.append(("ship_capacity", ships.lane_ids[int(k)], text))


def check_money(problem: Problem, schedule: Schedule, found: Faults) -> None:
    """The cost of lateness is what the clause says of the promised instant."""
    clauses = problem.clauses
    lines = schedule.promises.assign(
        label=schedule.promises["order_id"] + "/" + schedule.promises["line_id"]
    )
    index = {key: d for d, key in enumerate(problem.demand_keys)}
    d = np.array(
        [index.get(k, -1) for k in zip(lines["order_id"], lines["line_id"], strict=True)], np.int64
    )
    if clauses is None or (d < 0).any():
        return
    days = lines["lateness_days"].to_numpy(float)
    at = minutes(problem, lines["promised_at"])
    off = np.abs((at - problem.demand_due[d]) / 1440 - days) > 1e-4
    add(found, "money", lines, off & ~np.isnan(at), "lateness is not promised less due")
    beyond = np.maximum(days - clauses.free_days[d], 0.0)
    weeks = np.ceil(beyond / 7 - 1e-9)
    cost = clauses.flat[d] + clauses.per_day[d] * beyond + clauses.per_week[d] * weeks
    cost = np.where((beyond > 1e-9) & (days > 1e-9), np.minimum(cost, clauses.cap[d]), 0.0)
    gap = np.abs(cost - lines["late_cost"].to_numpy(float)) > 0.01 + 1e-6 * cost
    add(found, "money", lines, gap, "cost of lateness is not what the clause says")
