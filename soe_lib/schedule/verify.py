# mypy: disable-error-code="arg-type,operator,var-annotated,list-item,call-overload,index"
"""
Independent check of a schedule's tables: shares no code with what made them.

Everything is recomputed from the problem's data and the rows of the schedule, one rule after the
other; an empty answer means that no rule is broken.
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


def verify(problem: Problem, schedule: Schedule) -> pd.DataFrame:
    """
    Return every violation of a schedule.

    Parameters
    ----------
    problem
        The problem that the schedule answers.
    schedule
        The schedule.

    Returns
    -------
    pandas.DataFrame
        One row per violation: ``rule``, ``object_id``, ``detail``. Rules: ``complete``,
        ``lot_size``, ``known_resource``, ``not_in_the_past``, ``release``, ``started_work_stays``,
        ``frozen_work_stays``, ``precedence``, ``run_time``, ``working_time``, ``changeover``,
        ``station_overlap``, ``tool``, ``labour``, ``material``, ``purchase``, ``expedite``,
        ``promise``, ``partial``, ``shelf_life``, ``ship_capacity``, ``money``.
    """
    found: Faults = []
    rows = _rows(problem, schedule, found)
    if rows is None:
        return _frame(found)
    rows = rows[rows["end"].notna()].reset_index(drop=True)
    _single_rows(problem, rows, found)
    _precedence(problem, rows, found)
    _stations(problem, rows, found)
    _tools(problem, rows, found)
    _labour(problem, rows, found)
    _material(problem, schedule, rows, found)
    _purchases(problem, schedule, found)
    _promises(problem, schedule, rows, found)
    _shipping(problem, schedule, found)
    _money(problem, schedule, found)
    return _frame(found)


def _frame(found: Faults) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["rule", "object_id", "detail"], dtype="str")


def _minutes(problem: Problem, at: pd.Series) -> np.ndarray:
    return (at - problem.as_of).dt.total_seconds().to_numpy(float) / 60


def _add(found: Faults, rule: str, rows: pd.DataFrame, wrong: np.ndarray, detail: object) -> None:
    """Add one fault per wrong row; ``detail`` is a text or one text per row."""
    at = np.flatnonzero(wrong)
    labels = rows["label"].to_numpy()
    for k in at:
        found.append((rule, str(labels[k]), detail if isinstance(detail, str) else str(detail[k])))


def _rows(problem: Problem, schedule: Schedule, found: Faults) -> pd.DataFrame | None:
    """Join every row with its firm or recipe operation; None where they do not match."""
    rows = schedule.operations.copy()
    for name in ("setup_start_at", "start_at", "end_at"):
        rows[name.split("_")[0]] = _minutes(problem, rows[name])
    rows["lot_id"] = rows["wo_id"] + "/" + rows["split_no"].astype(str)
    rows["label"] = rows["lot_id"] + " op " + rows["op_no"].astype(str)
    double = rows.duplicated(["lot_id", "op_no"]).to_numpy()
    _add(found, "complete", rows, double, "operation appears twice")
    lots = pd.Index(problem.lot_ids)
    rows["lot"] = lots.get_indexer(rows["lot_id"])
    rows["item"] = pd.Index(problem.item_ids).get_indexer(rows["item_id"])
    recipes = problem.recipes
    maker = np.repeat(np.arange(len(problem.item_ids)), np.diff(recipes.offset))
    firm_key = pd.MultiIndex.from_arrays([problem.op_lot, problem.op_no])
    recipe_key = pd.MultiIndex.from_arrays([maker, recipes.op_no])
    is_firm = (rows["lot"] >= 0).to_numpy()
    firm = firm_key.get_indexer(pd.MultiIndex.from_arrays([rows["lot"], rows["op_no"]]))
    step = recipe_key.get_indexer(pd.MultiIndex.from_arrays([rows["item"], rows["op_no"]]))
    rows["op"] = np.where(is_firm, firm, -1)
    rows["step"] = np.where(is_firm, -1, step)
    strange = np.where(is_firm, firm < 0, step < 0) | (rows["item"] < 0).to_numpy()
    _add(found, "complete", rows, strange, "operation is not in the problem")
    missing = np.setdiff1d(np.arange(len(problem.op_lot)), firm[is_firm])
    for o in missing:
        name = f"{problem.lot_ids[problem.op_lot[o]]} op {problem.op_no[o]}"
        found.append(("complete", name, "operation is not in the schedule"))
    planned = rows[~is_firm & ~strange]
    sizes = planned.groupby("lot_id").agg(
        steps=("step", "nunique"), item=("item", "first"), low=("planned_qty", "min"),
        high=("planned_qty", "max"),
    )  # fmt: skip
    count = np.diff(recipes.offset)[sizes["item"].to_numpy(np.int64)]
    for name in sizes.index[sizes["steps"].to_numpy() != count]:
        found.append(("complete", str(name), "planned lot lacks operations of its routing"))
    _lot_sizes(problem, sizes, found)
    if double.any() or strange.any() or len(missing):
        return None
    want = problem.lot_qty[rows["lot"].to_numpy()] if len(problem.lot_qty) else np.zeros(len(rows))
    wrong = is_firm & (np.abs(rows["planned_qty"].to_numpy(float) - want) > 1e-6)
    _add(found, "lot_size", rows, wrong, "quantity is not that of the work order")
    return rows


def _lot_sizes(problem: Problem, sizes: pd.DataFrame, found: Faults) -> None:
    item = sizes["item"].to_numpy(np.int64)
    qty = sizes["high"].to_numpy(float)
    multiple = problem.item_lot_multiple[item]
    times = np.divide(qty, multiple, out=np.zeros(len(qty)), where=multiple > 0)
    for wrong, text in (
        (np.abs(sizes["low"].to_numpy(float) - qty) > 1e-6, "quantity differs by operation"),
        (qty < problem.item_lot_min[item] - 1e-6, "below the lot minimum"),
        (qty > problem.item_lot_max[item] + 1e-6, "above the lot maximum"),
        (np.abs(times - np.round(times)) > 1e-6, "not a multiple of the lot multiple"),
    ):
        found += [("lot_size", str(name), text) for name in sizes.index[wrong]]


def _worked(problem: Problem, resource: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return working minutes of resources from as_of to instants."""
    result = np.zeros(len(at))
    for r in np.unique(resource):
        own = resource == r
        low, high = problem.calendar.offset[r], problem.calendar.offset[r + 1]
        begin, end = problem.calendar.begin[low:high], problem.calendar.end[low:high]
        if not len(begin):
            continue
        before = np.concatenate([[0.0], np.cumsum(end - begin)])
        k = np.searchsorted(begin, at[own], side="right") - 1
        into = np.clip(at[own] - begin[k], 0.0, (end - begin)[k])
        result[own] = np.where(k < 0, 0.0, before[k] + into)
    return result


def _choices(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the alternate that each row uses: minutes, tool, skill, people, queue; -1: none."""
    recipes = problem.recipes
    firm_op = np.repeat(np.arange(len(problem.op_lot)), np.diff(problem.alt_offset))
    firm_key = pd.MultiIndex.from_arrays([firm_op, problem.alt_resource])
    steps = np.repeat(np.arange(len(recipes.op_no)), np.diff(recipes.alt_offset))
    recipe_key = pd.MultiIndex.from_arrays([steps, recipes.alt_resource])
    firm = firm_key.get_indexer(pd.MultiIndex.from_arrays([rows["op"], rows["resource"]]))
    own = recipe_key.get_indexer(pd.MultiIndex.from_arrays([rows["step"], rows["resource"]]))
    is_firm = rows["lot"].to_numpy() >= 0
    qty = rows["planned_qty"].to_numpy(float)

    def pick(given: np.ndarray, made: np.ndarray, none: float) -> np.ndarray:
        first = np.append(given, none)[firm]
        return np.where(is_firm, first, np.append(made, none)[own])

    per_unit = np.append(recipes.alt_minutes_per_unit, np.nan)[own]
    fixed = np.append(recipes.alt_minutes_fixed, np.nan)[own]
    return pd.DataFrame(
        {
            "minutes": np.where(
                is_firm, np.append(problem.alt_minutes, np.nan)[firm], per_unit * qty + fixed
            ),
            "tool": pick(problem.alt_tool, recipes.alt_tool, -1),
            "skill": pick(problem.alt_skill, recipes.alt_skill, -1),
            "heads": pick(problem.alt_heads, recipes.alt_heads, 0.0),
            "queue": pick(problem.alt_queue, recipes.alt_queue, 0.0),
        },
        index=rows.index,
    )


def _of_op(values: np.ndarray, op: np.ndarray, none: float) -> np.ndarray:
    return np.append(values, none)[op]


def _single_rows(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    slack = TOLERANCE_MINUTES
    rows["resource"] = pd.Index(problem.resource_ids).get_indexer(rows["resource_id"])
    chosen = _choices(problem, rows)
    for name in chosen:
        rows[name] = chosen[name]
    unknown = rows["minutes"].isna().to_numpy()
    _add(found, "known_resource", rows, unknown, "this resource cannot run it")
    op, resource = rows["op"].to_numpy(), rows["resource"].to_numpy()
    setup, start, end = (rows[name].to_numpy(float) for name in ("setup", "start", "end"))
    _add(found, "not_in_the_past", rows, setup < -slack, "begins before now")
    fixed = _of_op(problem.op_fixed.astype(float), op, 0.0) > 0
    frozen = _of_op(problem.op_frozen.astype(float), op, 0.0) > 0
    home = _of_op(problem.op_resource, op, -1)
    published = _of_op(problem.op_start, op, -1.0)
    release = _of_op(problem.lot_release, rows["lot"].to_numpy(), 0.0)
    first = rows.groupby("lot_id")["op_no"].transform("min").eq(rows["op_no"]).to_numpy()
    _add(found, "release", rows, ~fixed & first & (start < release - slack), "before its release")
    elsewhere = (home >= 0) & (resource != home)
    _add(found, "started_work_stays", rows, fixed & elsewhere, "moved although it has started")
    early = (published < NEVER) & (start < published - slack)
    moved = ~fixed & frozen & (elsewhere | early)
    _add(found, "frozen_work_stays", rows, moved, "moved or pulled ahead in the frozen zone")
    known = ~unknown
    worked = _worked(problem, resource, end) - _worked(problem, resource, start)
    gap = np.abs(worked - rows["minutes"].to_numpy(float))
    _add(found, "run_time", rows, known & (gap > slack), "working minutes are not its run time")
    some = known & (rows["minutes"].to_numpy(float) > 0)
    near = _worked(problem, resource, start + 2 * slack) - _worked(problem, resource, start - slack)
    _add(found, "working_time", rows, some & (near < slack / 2), "starts while closed")
    near = _worked(problem, resource, end + slack) - _worked(problem, resource, end - 2 * slack)
    _add(found, "working_time", rows, some & (near < slack / 2), "ends while closed")


def _precedence(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    ordered = rows.sort_values(["lot_id", "op_no"], kind="stable")
    ready = (ordered["end"] + ordered["queue"]).groupby(ordered["lot_id"]).shift()
    early = (ordered["start"] < ready - TOLERANCE_MINUTES).to_numpy()
    _add(found, "precedence", ordered, early, "begins before the operation before it is done")


def _stations(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    """On every station one operation after the other, each behind its changeover."""
    limit = problem.stations[rows["resource"].to_numpy()]
    station = rows["station_no"].to_numpy()
    _add(found, "station_overlap", rows, (station < 1) | (station > limit), "no such station")
    ordered = rows.sort_values(["resource", "station_no", "setup", "end"], kind="stable")
    group = [ordered["resource"], ordered["station_no"]]
    last_end = ordered.groupby(group)["end"].cummax().groupby(group).shift()
    early = (ordered["setup"] < last_end - TOLERANCE_MINUTES).to_numpy()
    _add(found, "station_overlap", ordered, early, "begins before its station is free")
    op, step = ordered["op"].to_numpy(), ordered["step"].to_numpy()
    recipes = problem.recipes
    firm = ordered["lot"].to_numpy() >= 0
    family = np.where(firm, _of_op(problem.op_family, op, -1), _of_op(recipes.op_family, step, -1))
    needed = np.where(firm, _of_op(problem.op_setup, op, 0), _of_op(recipes.op_setup, step, 0))
    carried = pd.Series(np.where(family >= 0, family, np.nan), index=ordered.index)
    resource = ordered["resource"].to_numpy()
    before = carried.groupby(group).ffill().groupby(group).shift()
    before = before.fillna(pd.Series(problem.current_family[resource], index=ordered.index))
    was = before.to_numpy(np.int64)
    changes = (was >= 0) & (family >= 0) & (was != family)
    needed = needed.astype(float)
    needed[changes] += problem.setup_minutes[resource[changes], was[changes], family[changes]]
    needed[_of_op(problem.op_fixed.astype(float), op, 0.0) > 0] = 0.0
    given = _worked(problem, resource, ordered["start"].to_numpy(float))
    given -= _worked(problem, resource, ordered["setup"].to_numpy(float))
    short = given < needed - TOLERANCE_MINUTES
    _add(found, "changeover", ordered, short, "less changeover than its family needs")


def _tools(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    held = rows[rows["tool"] >= 0]
    for tool, own in held.groupby("tool", sort=True):
        k = int(tool)
        begin, end = own["setup"].to_numpy(float), own["end"].to_numpy(float) - TOLERANCE_MINUTES
        early = begin < problem.tools.available_from[k] - TOLERANCE_MINUTES
        name = problem.tools.tool_ids[k]
        _add(found, "tool", own, early, f"{name} is not there yet")
        at = np.concatenate([begin, end])
        change = np.concatenate([np.ones(len(own)), -np.ones(len(own))])
        order = np.lexsort((change, at))
        busy = np.cumsum(change[order])
        over = order[(busy > problem.tools.qty[k]) & (order < len(own))]
        _add(found, "tool", own, np.isin(np.arange(len(own)), over), f"{name} is in use")


def _labour(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    """At every working minute no more people of a skill than there are."""
    labour, calendar = problem.labour, problem.calendar
    for skill, own in rows[(rows["skill"] >= 0) & (rows["heads"] > 0)].groupby("skill"):
        low, high = labour.offset[int(skill)], labour.offset[int(skill) + 1]
        events = [(labour.begin[k], -1, labour.heads[k], -1) for k in range(low, high)]
        events += [(labour.end[k], -2, -labour.heads[k], -1) for k in range(low, high)]
        for n, row in enumerate(own.itertuples()):
            first, last = calendar.offset[row.resource], calendar.offset[row.resource + 1]
            begin = np.maximum(calendar.begin[first:last], row.start)
            end = np.minimum(calendar.end[first:last], row.end)
            for b, e in zip(begin, end, strict=True):
                if e - b > 2 * TOLERANCE_MINUTES:
                    events.append((b + TOLERANCE_MINUTES, 1, -row.heads, n))
                    events.append((e - TOLERANCE_MINUTES, 0, row.heads, n))
        events.sort(key=lambda event: (event[0], event[1]))
        left = np.cumsum([event[2] for event in events])
        over = {event[3] for event, rest in zip(events, left, strict=True)
                if event[1] == 1 and rest < -1e-6}  # fmt: skip
        name = labour.skill_ids[int(skill)]
        _add(found, "labour", own, np.isin(np.arange(len(own)), sorted(over)), f"too few {name}")


def _needs(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """Return every need of every row: item, instant, quantity."""
    recipes = problem.recipes
    op, step = rows["op"].to_numpy(), rows["step"].to_numpy()
    firm = rows["lot"].to_numpy() >= 0
    started = _of_op(problem.op_fixed.astype(float), op, 0.0) > 0
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


def _material(problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: Faults) -> None:
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
            "at": _minutes(problem, promises["leaves_at"]),
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
                    "at": _minutes(problem, bought["receipt_at"]),
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
    _add(found, "material", table, short, texts)


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


def _purchases(problem: Problem, schedule: Schedule, found: Faults) -> None:
    bought = schedule.purchases
    if bought.empty:
        return
    item = pd.Index(problem.item_ids).get_indexer(bought["item_id"])
    order, receipt = _minutes(problem, bought["order_at"]), _minutes(problem, bought["receipt_at"])
    quick = bought["is_expedite"].to_numpy(bool)
    lead = np.where(quick, problem.item_expedite_minutes[item], problem.item_lead_minutes[item])
    rows = bought.assign(label=bought["item_id"])
    _add(found, "purchase", rows, order < -TOLERANCE_MINUTES, "ordered before now")
    soon = receipt - order < np.maximum(lead, 0.0) - TOLERANCE_MINUTES
    _add(found, "purchase", rows, soon, "bought with less than its lead time")
    _add(found, "purchase", rows, problem.item_is_made[item], "made in house, not bought")


def _promises(problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: Faults) -> None:
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
    _add(found, "promise", lines, off, "pegs do not add up to what is promised")
    over = promised > lines["open_qty"].to_numpy(float) + 1e-3
    _add(found, "promise", lines, over, "more is promised than is owed")
    early = (lines["promised_at"] < lines["ready"] - pd.Timedelta(seconds=2)).to_numpy(bool)
    _add(found, "promise", lines, early, "promised before its supply is there")
    part = lines["promised_at"].notna().to_numpy() & (
        promised < lines["open_qty"].to_numpy(float) - 1e-3
    )
    _add(found, "promise", lines, part, "has an instant although it is not covered")
    second = pd.Timedelta(seconds=2)
    has_left = lines["promised_at"].notna() & lines["last"].notna()
    off = has_left & ((lines["last"] - lines["promised_at"]).abs() > second)
    _add(found, "promise", lines, off.to_numpy(bool), "promised when its last part has not left")
    marks = pd.Series(problem.demand_partial, index=pd.MultiIndex.from_tuples(problem.demand_keys))
    may = marks.reindex(pd.MultiIndex.from_frame(lines[keys])).eq(True).to_numpy(bool)
    torn = has_left & (lines["last"] - lines["first"] > second) & ~may
    _add(found, "partial", lines, torn.to_numpy(bool), "leaves in parts, which is not allowed")
    wanted = pd.MultiIndex.from_tuples(problem.demand_keys, names=keys)
    if set(wanted) != set(zip(lines["order_id"], lines["line_id"], strict=True)):
        found.append(("promise", "", "order lines of the problem and of the promises differ"))
    items = np.array(problem.item_ids, dtype=object)
    demand_item = pd.Series(items[problem.demand_item], index=wanted)
    pegs = pegs.assign(
        item_id=demand_item.reindex(pd.MultiIndex.from_frame(pegs[keys])).to_numpy(),
        at=_minutes(problem, pegs["available_at"]),
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
    leaves = _minutes(problem, pegs["leaves_at"])
    gone = pegs["promised_at"].notna().to_numpy()
    _add(found, "promise", pegs, gone & np.isnan(leaves), "is promised and does not leave")
    soon = gone & (leaves < pegs["at"].to_numpy() - TOLERANCE_MINUTES)
    _add(found, "promise", pegs, soon, "leaves before it is there")
    shelf = pd.Series(problem.item_shelf_minutes, index=items)
    expiry = pd.Series(problem.supply_expires, index=receipt.index)
    for kind, source in (("lot", last), ("receipt", receipt), ("stock", stock)):
        mine = (pegs["supply_type"] == kind).to_numpy()
        own = pegs[mine]
        name = own["item_id"] if kind == "stock" else own["supply_id"]
        given = source.reindex(name)
        _add(found, "promise", own, given["size"].isna().to_numpy(), "no such supply")
        wrong = (given["made"].to_numpy() != own["item_id"].to_numpy()) & given["size"].notna()
        _add(found, "promise", own, wrong.to_numpy(bool), "supply of another item")
        soon = own["at"].to_numpy() < given["end"].to_numpy(float) - TOLERANCE_MINUTES
        _add(found, "promise", own, soon, "promised before it exists")
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
        _add(found, "shelf_life", own, expired, "expired")


def _shipping(problem: Problem, schedule: Schedule, found: Faults) -> None:
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
    lane = _of_op(ships.demand_lane, demand, -1)
    at = _minutes(problem, rows["leaves_at"])
    rows = rows.assign(label=rows["order_id"] + "/" + rows["line_id"])
    pallets = _of_op(ships.demand_pallets, demand, 0.0) * rows["qty"].to_numpy(float)
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
        _add(found, "ship_capacity", rows.iloc[own], wrong, "leaves without a departure")
        load = np.zeros(len(departs))
        np.add.at(load, which[is_known & ~wrong], pallets[own][is_known & ~wrong])
        room = ships.pallets[ships.offset[k] : ships.offset[k + 1]]
        for n in np.flatnonzero(load > room + 1e-6):
            text = f"departure {n + 1} carries {load[n]:.1f} of {room[n]:.1f} pallets"
            found.append(("ship_capacity", ships.lane_ids[int(k)], text))


def _money(problem: Problem, schedule: Schedule, found: Faults) -> None:
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
    at = _minutes(problem, lines["promised_at"])
    off = np.abs((at - problem.demand_due[d]) / 1440 - days) > 1e-4
    _add(found, "money", lines, off & ~np.isnan(at), "lateness is not promised less due")
    beyond = np.maximum(days - clauses.free_days[d], 0.0)
    weeks = np.ceil(beyond / 7 - 1e-9)
    cost = clauses.flat[d] + clauses.per_day[d] * beyond + clauses.per_week[d] * weeks
    cost = np.where((beyond > 1e-9) & (days > 1e-9), np.minimum(cost, clauses.cap[d]), 0.0)
    gap = np.abs(cost - lines["late_cost"].to_numpy(float)) > 0.01 + 1e-6 * cost
    _add(found, "money", lines, gap, "cost of lateness is not what the clause says")
