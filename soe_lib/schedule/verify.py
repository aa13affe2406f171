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
        ``known_resource``, ``not_in_the_past``, ``release``, ``started_work_stays``,
        ``precedence``, ``run_time``, ``working_time``, ``changeover``, ``station_overlap``,
        ``material``, ``promise``.
    """
    table = schedule.operations
    minutes = {
        name: (table[name] - problem.as_of).dt.total_seconds().to_numpy(float) / 60
        for name in ("setup_start_at", "start_at", "end_at")
    }
    rows = table.assign(
        setup=minutes["setup_start_at"], start=minutes["start_at"], end=minutes["end_at"]
    )
    rows["lot_id"] = rows["wo_id"] + "/" + rows["split_no"].astype(str)
    rows["label"] = rows["lot_id"] + " op " + rows["op_no"].astype(str)
    found: list[tuple[str, str, str]] = []
    own = _matched(problem, rows, found)
    if own is None:
        return _frame(found)
    placed = rows["end"].notna()
    rows, own = rows[placed].reset_index(drop=True), own[placed.to_numpy()]
    _single_rows(problem, rows, own, found)
    _precedence(rows, found)
    _stations(problem, rows, own, found)
    _material(problem, schedule, rows, own, found)
    _promises(problem, schedule, rows, found)
    return _frame(found)


def _frame(found: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["rule", "object_id", "detail"], dtype="str")


def _matched(
    problem: Problem, rows: pd.DataFrame, found: list[tuple[str, str, str]]
) -> np.ndarray | None:
    """Operation number of each row; None when rows and operations are not one to one."""
    lots = np.array(problem.lot_ids, dtype=object)[problem.op_lot]
    wanted = pd.MultiIndex.from_arrays([lots, problem.op_no])
    given = pd.MultiIndex.from_arrays([rows["lot_id"], rows["op_no"]])
    missing = wanted.difference(given)
    extra = given.difference(wanted)
    for name, number in missing:
        found.append(("complete", f"{name} op {number}", "operation is not in the schedule"))
    for name, number in extra:
        found.append(("complete", f"{name} op {number}", "operation is not in the problem"))
    if given.has_duplicates:
        found.append(("complete", str(given[given.duplicated()][0]), "operation appears twice"))
    if len(missing) or len(extra) or given.has_duplicates:
        return None
    return np.asarray(wanted.get_indexer(given))


def _open_minutes(problem: Problem, resource: int, at: float) -> float:
    """Working minutes of a resource from as_of to ``at``."""
    low, high = problem.calendar.offset[resource], problem.calendar.offset[resource + 1]
    begin, end = problem.calendar.begin[low:high], problem.calendar.end[low:high]
    return float((np.clip(at, begin, end) - begin).sum())


def _single_rows(
    problem: Problem, rows: pd.DataFrame, own: np.ndarray, found: list[tuple[str, str, str]]
) -> None:
    index = {name: r for r, name in enumerate(problem.resource_ids)}
    for row, o in zip(rows.itertuples(index=False), own, strict=True):
        low, high = problem.alt_offset[o], problem.alt_offset[o + 1]
        resource = index.get(row.resource_id, -1)
        match = np.flatnonzero(problem.alt_resource[low:high] == resource)
        if not len(match):
            found.append(("known_resource", row.label, f"{row.resource_id} cannot run it"))
            continue
        if row.setup < -TOLERANCE_MINUTES:
            found.append(("not_in_the_past", row.label, f"begins {-row.setup:.1f} min before now"))
        lot = problem.op_lot[o]
        if not problem.op_fixed[o] and row.setup < problem.lot_release[lot] - TOLERANCE_MINUTES:
            found.append(("release", row.label, "begins before its release"))
        if problem.op_fixed[o] and resource != problem.op_resource[o] >= 0:
            found.append(("started_work_stays", row.label, f"moved to {row.resource_id}"))
        worked = _open_minutes(problem, resource, row.end) - _open_minutes(
            problem, resource, row.start
        )
        needed = problem.alt_minutes[low + match]
        if np.abs(worked - needed).min() > TOLERANCE_MINUTES:
            text = f"{worked:.2f} working minutes for {needed[0]:.2f} minutes of work"
            found.append(("run_time", row.label, text))
        for name, at in (("start", row.start), ("end", row.end)):
            if not _is_open(problem, resource, at, at_end=name == "end") and needed[0] > 0:
                found.append(
                    ("working_time", row.label, f"{name} while {row.resource_id} is closed")
                )


def _is_open(problem: Problem, resource: int, at: float, *, at_end: bool) -> bool:
    low, high = problem.calendar.offset[resource], problem.calendar.offset[resource + 1]
    begin, end = problem.calendar.begin[low:high], problem.calendar.end[low:high]
    slack = TOLERANCE_MINUTES
    if at_end:
        return bool(((at > begin - slack) & (at <= end + slack)).any())
    return bool(((at >= begin - slack) & (at < end + slack)).any())


def _precedence(rows: pd.DataFrame, found: list[tuple[str, str, str]]) -> None:
    ordered = rows.sort_values(["lot_id", "op_no"], kind="stable")
    before = ordered.groupby("lot_id")["end"].shift()
    early = ordered[ordered["setup"] < before - TOLERANCE_MINUTES]
    for label in early["label"]:
        found.append(("precedence", label, "begins before the operation before it has ended"))


def _stations(
    problem: Problem, rows: pd.DataFrame, own: np.ndarray, found: list[tuple[str, str, str]]
) -> None:
    """At no time more operations than stations, and every changeover has its time."""
    rows = rows.assign(operation=own)
    for resource, group in rows.groupby("resource_id", sort=True):
        r = problem.resource_ids.index(str(resource))
        limit = int(problem.stations[r])
        events = sorted(
            [(row.setup, 1, row.label) for row in group.itertuples()]
            + [(row.end - TOLERANCE_MINUTES, 0, row.label) for row in group.itertuples()]
        )
        busy = 0
        for _, kind, label in events:
            busy += 1 if kind else -1
            if busy > limit:
                found.append(("station_overlap", label, f"{busy} operations on {limit} stations"))
        if limit == 1:
            _changeovers(problem, r, group.sort_values("setup"), found)


def _changeovers(
    problem: Problem, resource: int, group: pd.DataFrame, found: list[tuple[str, str, str]]
) -> None:
    before = int(problem.current_family[resource])
    for row in group.itertuples():
        o = int(row.operation)
        family = int(problem.op_family[o])
        needed = float(problem.op_setup[o])
        if before >= 0 and family >= 0 and before != family:
            needed += float(problem.setup_minutes[resource, before, family])
        given = _open_minutes(problem, resource, row.start) - _open_minutes(
            problem, resource, row.setup
        )
        if not problem.op_fixed[o] and given < needed - TOLERANCE_MINUTES:
            text = f"{given:.1f} min of changeover where {needed:.1f} are needed"
            found.append(("changeover", row.label, text))
        before = family if family >= 0 else before


def _material(
    problem: Problem,
    schedule: Schedule,
    rows: pd.DataFrame,
    own: np.ndarray,
    found: list[tuple[str, str, str]],
) -> None:
    """No item's cumulative consumption exceeds its cumulative supply at any time."""
    moves: list[tuple[int, float, int, float, str]] = []
    for i, qty in enumerate(problem.on_hand):
        moves.append((i, -1.0, 0, float(qty), "stock"))
    for k, i in enumerate(problem.supply_item):
        moves.append((int(i), float(problem.supply_at[k]), 0, float(problem.supply_qty[k]), ""))
    index = {name: i for i, name in enumerate(problem.item_ids)}
    for row in schedule.purchases.itertuples(index=False):
        at = (row.receipt_at - problem.as_of).total_seconds() / 60
        i = index[row.item_id]
        if at < problem.item_lead_minutes[i] - TOLERANCE_MINUTES:
            found.append(("material", row.item_id, "bought with less than its lead time"))
        moves.append((i, at, 0, float(row.qty), ""))
    last = rows.assign(operation=own).groupby("lot_id")["operation"].transform("max")
    for row, o, final in zip(rows.itertuples(index=False), own, last, strict=True):
        lot = problem.op_lot[o]
        if o == final and (o + 1 == problem.num_operations or problem.op_lot[o + 1] != lot):
            moves.append((int(problem.lot_item[lot]), row.end, 0, float(problem.lot_qty[lot]), ""))
        if problem.op_fixed[o]:
            continue
        for k in range(problem.need_offset[o], problem.need_offset[o + 1]):
            i, qty = int(problem.need_item[k]), float(problem.need_qty[k])
            moves.append((i, row.setup + TOLERANCE_MINUTES, 1, -qty, row.label))
    table = pd.DataFrame(moves, columns=["item", "at", "kind", "qty", "label"])
    table = table.sort_values(["item", "at", "kind"], kind="stable")
    balance = table.groupby("item")["qty"].cumsum()
    short = table[(balance < -1e-3 * (1 + table["qty"].abs())) & (table["kind"] == 1)]
    for row in short.itertuples():
        name = problem.item_ids[row.item]
        found.append(("material", row.label, f"{name}: short by {-balance[row.Index]:.2f}"))


def _promises(
    problem: Problem, schedule: Schedule, rows: pd.DataFrame, found: list[tuple[str, str, str]]
) -> None:
    """Pegs add up to promises, and no supply is promised twice or before it exists."""
    pegged = schedule.pegging.groupby(["order_id", "line_id"])["qty"].sum()
    for row in schedule.promises.itertuples(index=False):
        given = float(pegged.get((row.order_id, row.line_id), 0.0))
        name = f"{row.order_id}/{row.line_id}"
        if abs(given - row.promised_qty) > 1e-3:
            found.append(("promise", name, f"pegged {given:.2f}, promised {row.promised_qty:.2f}"))
        if row.promised_qty > row.open_qty + 1e-3:
            found.append(("promise", name, "more is promised than is owed"))
    lots = schedule.pegging[schedule.pegging["supply_type"] == "lot"]
    taken = lots.groupby("supply_id")["qty"].sum()
    size = dict(zip(problem.lot_ids, problem.lot_qty, strict=True))
    ends = rows.groupby("lot_id")["end"].max()
    for name, qty in taken.items():
        if qty > size[name] + 1e-3:
            found.append(("promise", str(name), f"{qty:.2f} promised of a lot of {size[name]:.2f}"))
    at = (lots["available_at"] - problem.as_of).dt.total_seconds() / 60
    early = lots[at < lots["supply_id"].map(ends) - TOLERANCE_MINUTES]
    for name in early["supply_id"]:
        found.append(("promise", str(name), "promised before the lot has ended"))
