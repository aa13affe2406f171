# mypy: disable-error-code="arg-type,operator,var-annotated,list-item,call-overload,index"
"""The checker's rules of what flows: components, purchases, promises, ships and money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soe_lib.schedule.faults import (
    NEVER,
    TOLERANCE_MINUTES,
    Faults,
    add_faults,
    by_operation,
    minutes_of,
)

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule


def _needs(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """Return every need of every row: item, instant, quantity."""
    recipes = problem.recipes
    op, step = rows["op"].to_numpy(), rows["step"].to_numpy()
    firm = rows["lot"].to_numpy() >= 0
    started = by_operation(problem.op_fixed.astype(float), op, 0.0) > 0
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
    arrival = problem.supply_at.astype(float).copy()
    for row in schedule.expedites.itertuples(index=False):
        k = int(row.supply_id)
        if problem.supply_expedite_at[k] >= NEVER:
            found.append(("expedite", str(row.supply_id), "this receipt cannot be expedited"))
        else:
            arrival[k] = problem.supply_expedite_at[k]
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
    demand = pd.DataFrame(
        {
            "item": items.get_indexer(promises["item_id"]),
            "at": minutes_of(problem, promises["promised_at"]),
            "qty": -promises["promised_qty"].to_numpy(float),
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
                    "at": minutes_of(problem, bought["receipt_at"]),
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
    add_faults(found, "material", table, short, texts)


def _last_step(offset: np.ndarray, op_no: np.ndarray) -> np.ndarray:
    number = np.append(op_no.astype(float), np.nan)
    return np.where(np.diff(offset) > 0, number[offset[1:] - 1], np.nan)


def check_purchases(problem: Problem, schedule: Schedule, found: Faults) -> None:
    """Check that purchases are ordered no earlier than now and as long ahead as their lead time."""
    bought = schedule.purchases
    if bought.empty:
        return
    item = pd.Index(problem.item_ids).get_indexer(bought["item_id"])
    order, receipt = (
        minutes_of(problem, bought["order_at"]),
        minutes_of(problem, bought["receipt_at"]),
    )
    quick = bought["is_expedite"].to_numpy(bool)
    lead = np.where(quick, problem.item_expedite_minutes[item], problem.item_lead_minutes[item])
    rows = bought.assign(label=bought["item_id"])
    add_faults(found, "purchase", rows, order < -TOLERANCE_MINUTES, "ordered before now")
    soon = receipt - order < np.maximum(lead, 0.0) - TOLERANCE_MINUTES
    add_faults(found, "purchase", rows, soon, "bought with less than its lead time")
    add_faults(found, "purchase", rows, problem.item_is_made[item], "made in house, not bought")


def check_promises(problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: Faults) -> None:
    """Pegs add up to promises, and no supply is promised twice or before it exists."""
    keys = ["order_id", "line_id"]
    pegs = schedule.pegging
    sums = pegs.groupby(keys).agg(pegged=("qty", "sum"), ready=("available_at", "max"))
    lines = schedule.promises.join(sums, on=keys)
    lines["label"] = lines["order_id"] + "/" + lines["line_id"]
    promised = lines["promised_qty"].to_numpy(float)
    off = np.abs(lines["pegged"].fillna(0.0).to_numpy(float) - promised) > 1e-3
    add_faults(found, "promise", lines, off, "pegs do not add up to what is promised")
    over = promised > lines["open_qty"].to_numpy(float) + 1e-3
    add_faults(found, "promise", lines, over, "more is promised than is owed")
    early = (lines["promised_at"] < lines["ready"] - pd.Timedelta(seconds=2)).to_numpy(bool)
    add_faults(found, "promise", lines, early, "promised before its supply is there")
    part = lines["promised_at"].notna().to_numpy() & (
        promised < lines["open_qty"].to_numpy(float) - 1e-3
    )
    add_faults(found, "promise", lines, part, "has an instant although it is not covered")
    wanted = pd.MultiIndex.from_tuples(problem.demand_keys, names=keys)
    if set(wanted) != set(zip(lines["order_id"], lines["line_id"], strict=True)):
        found.append(("promise", "", "order lines of the problem and of the promises differ"))
    items = np.array(problem.item_ids, dtype=object)
    demand_item = pd.Series(items[problem.demand_item], index=wanted)
    pegs = pegs.assign(
        item_id=demand_item.reindex(pd.MultiIndex.from_frame(pegs[keys])).to_numpy(),
        at=minutes_of(problem, pegs["available_at"]),
        label=pegs["supply_type"] + " " + pegs["supply_id"],
    ).merge(lines[[*keys, "promised_at"]], on=keys, how="left")
    last = rows.groupby("lot_id").agg(
        end=("end", "max"), size=("planned_qty", "max"), made=("item_id", "first")
    )
    receipt = pd.DataFrame(
        {"end": problem.supply_at, "size": problem.supply_qty, "made": items[problem.supply_item]},
        index=[str(k) for k in range(len(problem.supply_at))],
    )
    stock = pd.DataFrame({"end": -1.0, "size": problem.on_hand, "made": items}, index=items)
    leaves = minutes_of(problem, pegs["promised_at"])
    shelf = pd.Series(problem.item_shelf_minutes, index=items)
    expiry = pd.Series(problem.supply_expires, index=receipt.index)
    for kind, source in (("lot", last), ("receipt", receipt), ("stock", stock)):
        mine = (pegs["supply_type"] == kind).to_numpy()
        own = pegs[mine]
        name = own["item_id"] if kind == "stock" else own["supply_id"]
        given = source.reindex(name)
        add_faults(found, "promise", own, given["size"].isna().to_numpy(), "no such supply")
        wrong = (given["made"].to_numpy() != own["item_id"].to_numpy()) & given["size"].notna()
        add_faults(found, "promise", own, wrong.to_numpy(bool), "supply of another item")
        soon = own["at"].to_numpy() < given["end"].to_numpy(float) - TOLERANCE_MINUTES
        add_faults(found, "promise", own, soon, "promised before it exists")
        taken = own["qty"].groupby(name.to_numpy()).sum()
        for label in taken.index[taken > source["size"].reindex(taken.index) + 1e-3]:
            found.append(("promise", f"{kind} {label}", "promised more than once"))
        if kind == "lot":
            limit = given["end"].to_numpy(float) + shelf.reindex(own["item_id"]).to_numpy()
        elif kind == "receipt":
            limit = expiry.reindex(name).to_numpy()
        else:
            continue
        add_faults(found, "shelf_life", own, leaves[mine] > limit + TOLERANCE_MINUTES, "expired")


def check_shipping(problem: Problem, schedule: Schedule, found: Faults) -> None:
    """What leaves on a lane leaves with a departure, and no departure is overloaded."""
    ships = problem.shipping
    index = {key: d for d, key in enumerate(problem.demand_keys)}
    lines = schedule.promises[schedule.promises["promised_at"].notna()]
    demand = np.array(
        [index.get(key, -1) for key in zip(lines["order_id"], lines["line_id"], strict=True)],
        np.int64,
    )
    lane = by_operation(ships.demand_lane, demand, -1)
    at = minutes_of(problem, lines["promised_at"])
    rows = lines.assign(label=lines["order_id"] + "/" + lines["line_id"])
    for k in np.unique(lane[lane >= 0]):
        own = np.flatnonzero(lane == k)
        departs = ships.at[ships.offset[k] : ships.offset[k + 1]]
        near = np.abs(at[own][:, None] - departs[None, :])
        which = near.argmin(axis=1) if len(departs) else np.zeros(len(own), np.int64)
        wrong = np.ones(len(own), bool) if not len(departs) else near.min(axis=1) > 0.05
        add_faults(found, "ship_capacity", rows.iloc[own], wrong, "leaves without a departure")
        load = np.zeros(len(departs))
        pallets = ships.demand_pallets[demand[own]] * lines["promised_qty"].to_numpy(float)[own]
        np.add.at(load, which[~wrong], pallets[~wrong])
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
    at = minutes_of(problem, lines["promised_at"])
    off = np.abs((at - problem.demand_due[d]) / 1440 - days) > 1e-4
    add_faults(found, "money", lines, off & ~np.isnan(at), "lateness is not promised less due")
    beyond = np.maximum(days - clauses.free_days[d], 0.0)
    weeks = np.ceil(beyond / 7 - 1e-9)
    cost = clauses.flat[d] + clauses.per_day[d] * beyond + clauses.per_week[d] * weeks
    cost = np.where((beyond > 1e-9) & (days > 1e-9), np.minimum(cost, clauses.cap[d]), 0.0)
    gap = np.abs(cost - lines["late_cost"].to_numpy(float)) > 0.01 + 1e-6 * cost
    add_faults(found, "money", lines, gap, "cost of lateness is not what the clause says")
