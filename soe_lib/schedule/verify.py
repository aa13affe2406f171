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

from soe_lib.schedule.verify_goods import (
    NEVER,
    TOLERANCE_MINUTES,
    Faults,
    add,
    check_material,
    check_money,
    check_promises,
    check_purchases,
    check_shipping,
    minutes,
    of_op,
)

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule


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
    check_material(problem, schedule, rows, found)
    check_purchases(problem, schedule, found)
    check_promises(problem, schedule, rows, found)
    check_shipping(problem, schedule, found)
    check_money(problem, schedule, found)
    return _frame(found)


def _frame(found: Faults) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["rule", "object_id", "detail"], dtype="str")


def _rows(problem: Problem, schedule: Schedule, found: Faults) -> pd.DataFrame | None:
    """Join every row with its firm or recipe operation; None where they do not match."""
    rows = schedule.operations.copy()
    for name in ("setup_start_at", "start_at", "end_at"):
        rows[name.split("_")[0]] = minutes(problem, rows[name])
    rows["lot_id"] = rows["wo_id"] + "/" + rows["split_no"].astype(str)
    rows["label"] = rows["lot_id"] + " op " + rows["op_no"].astype(str)
    double = rows.duplicated(["lot_id", "op_no"]).to_numpy()
    add(found, "complete", rows, double, "operation appears twice")
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
    add(found, "complete", rows, strange, "operation is not in the problem")
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
    add(found, "lot_size", rows, wrong, "quantity is not that of the work order")
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


def _single_rows(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    slack = TOLERANCE_MINUTES
    rows["resource"] = pd.Index(problem.resource_ids).get_indexer(rows["resource_id"])
    chosen = _choices(problem, rows)
    for name in chosen:
        rows[name] = chosen[name]
    unknown = rows["minutes"].isna().to_numpy()
    add(found, "known_resource", rows, unknown, "this resource cannot run it")
    op, resource = rows["op"].to_numpy(), rows["resource"].to_numpy()
    setup, start, end = (rows[name].to_numpy(float) for name in ("setup", "start", "end"))
    add(found, "not_in_the_past", rows, setup < -slack, "begins before now")
    fixed = of_op(problem.op_fixed.astype(float), op, 0.0) > 0
    frozen = of_op(problem.op_frozen.astype(float), op, 0.0) > 0
    home = of_op(problem.op_resource, op, -1)
    published = of_op(problem.op_start, op, -1.0)
    release = of_op(problem.lot_release, rows["lot"].to_numpy(), 0.0)
    first = rows.groupby("lot_id")["op_no"].transform("min").eq(rows["op_no"]).to_numpy()
    add(found, "release", rows, ~fixed & first & (start < release - slack), "before its release")
    elsewhere = (home >= 0) & (resource != home)
    add(found, "started_work_stays", rows, fixed & elsewhere, "moved although it has started")
    early = (published < NEVER) & (start < published - slack)
    moved = ~fixed & frozen & (elsewhere | early)
    add(found, "frozen_work_stays", rows, moved, "moved or pulled ahead in the frozen zone")
    known = ~unknown
    worked = _worked(problem, resource, end) - _worked(problem, resource, start)
    gap = np.abs(worked - rows["minutes"].to_numpy(float))
    add(found, "run_time", rows, known & (gap > slack), "working minutes are not its run time")
    some = known & (rows["minutes"].to_numpy(float) > 0)
    near = _worked(problem, resource, start + 2 * slack) - _worked(problem, resource, start - slack)
    add(found, "working_time", rows, some & (near < slack / 2), "starts while closed")
    near = _worked(problem, resource, end + slack) - _worked(problem, resource, end - 2 * slack)
    add(found, "working_time", rows, some & (near < slack / 2), "ends while closed")


def _precedence(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    ordered = rows.sort_values(["lot_id", "op_no"], kind="stable")
    ready = (ordered["end"] + ordered["queue"]).groupby(ordered["lot_id"]).shift()
    early = (ordered["start"] < ready - TOLERANCE_MINUTES).to_numpy()
    add(found, "precedence", ordered, early, "begins before the operation before it is done")


def _stations(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    """On every station one operation after the other, each behind its changeover."""
    limit = problem.stations[rows["resource"].to_numpy()]
    station = rows["station_no"].to_numpy()
    add(found, "station_overlap", rows, (station < 1) | (station > limit), "no such station")
    ordered = rows.sort_values(["resource", "station_no", "setup", "end"], kind="stable")
    group = [ordered["resource"], ordered["station_no"]]
    last_end = ordered.groupby(group)["end"].cummax().groupby(group).shift()
    early = (ordered["setup"] < last_end - TOLERANCE_MINUTES).to_numpy()
    add(found, "station_overlap", ordered, early, "begins before its station is free")
    op, step = ordered["op"].to_numpy(), ordered["step"].to_numpy()
    recipes = problem.recipes
    firm = ordered["lot"].to_numpy() >= 0
    family = np.where(firm, of_op(problem.op_family, op, -1), of_op(recipes.op_family, step, -1))
    needed = np.where(firm, of_op(problem.op_setup, op, 0), of_op(recipes.op_setup, step, 0))
    carried = pd.Series(np.where(family >= 0, family, np.nan), index=ordered.index)
    resource = ordered["resource"].to_numpy()
    before = carried.groupby(group).ffill().groupby(group).shift()
    before = before.fillna(pd.Series(problem.current_family[resource], index=ordered.index))
    was = before.to_numpy(np.int64)
    changes = (was >= 0) & (family >= 0) & (was != family)
    needed = needed.astype(float)
    needed[changes] += problem.setup_minutes[resource[changes], was[changes], family[changes]]
    needed[of_op(problem.op_fixed.astype(float), op, 0.0) > 0] = 0.0
    given = _worked(problem, resource, ordered["start"].to_numpy(float))
    given -= _worked(problem, resource, ordered["setup"].to_numpy(float))
    short = given < needed - TOLERANCE_MINUTES
    add(found, "changeover", ordered, short, "less changeover than its family needs")


def _tools(problem: Problem, rows: pd.DataFrame, found: Faults) -> None:
    held = rows[rows["tool"] >= 0]
    for tool, own in held.groupby("tool", sort=True):
        k = int(tool)
        begin, end = own["setup"].to_numpy(float), own["end"].to_numpy(float) - TOLERANCE_MINUTES
        early = begin < problem.tools.available_from[k] - TOLERANCE_MINUTES
        name = problem.tools.tool_ids[k]
        add(found, "tool", own, early, f"{name} is not there yet")
        at = np.concatenate([begin, end])
        change = np.concatenate([np.ones(len(own)), -np.ones(len(own))])
        order = np.lexsort((change, at))
        busy = np.cumsum(change[order])
        over = order[(busy > problem.tools.qty[k]) & (order < len(own))]
        add(found, "tool", own, np.isin(np.arange(len(own)), over), f"{name} is in use")


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
        add(found, "labour", own, np.isin(np.arange(len(own)), sorted(over)), f"too few {name}")
