"""The answer: a schedule as tables, every money term recomputed from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import NEVER, Problem
from soe_lib.schedule.timing import run_decode


@dataclass(frozen=True)
class Schedule:
    """
    A finite schedule.

    Attributes
    ----------
    operations
        Columns of ``schedule_operation``, one row per operation still to run.
    promises
        One row per open (order_id, line_id): ``item_id``, ``open_qty``, ``due_at``,
        ``promised_qty``, ``promised_at`` (last part; NaT when nothing covers the line),
        ``lateness_days`` (signed; to the end of the horizon where nothing covers), ``late_cost``.
    purchases
        One row per (item, lot) that nothing covers: ``item_id``, ``qty``, ``order_at``,
        ``receipt_at``, ``wo_id``.
    pegging
        One row per (order line, supply): ``supply_type`` stock, receipt or lot, ``supply_id``,
        ``qty``, ``available_at``.
    summary
        Money terms, counts and how the schedule was made.
    """

    operations: pd.DataFrame
    promises: pd.DataFrame
    purchases: pd.DataFrame
    pegging: pd.DataFrame
    summary: dict[str, Any]


def instants(problem: Problem, minutes: np.ndarray) -> pd.Series:
    """Return minutes since as_of as instants; NEVER becomes NaT."""
    clean = np.where(minutes >= NEVER / 2, np.nan, minutes)
    offsets = pd.to_timedelta(pd.Series(np.round(clean * 60)), unit="s")
    return (problem.as_of + offsets).astype("datetime64[us, UTC]")


def as_schedule(
    problem: Problem,
    sequence: np.ndarray,
    chosen: np.ndarray,
    not_before: np.ndarray,
    how: dict[str, Any],
) -> Schedule:
    """Decode a sequence and return its tables."""
    setup_at, start, end, _, bought, before = run_decode(problem, sequence, chosen, not_before)
    lots = problem.op_lot
    names = pd.Series(problem.lot_ids)
    family = np.array([*problem.family_ids, ""], dtype=object)
    wo_id = names.str.rsplit("/", n=1).str[0].to_numpy()[lots]
    split_no = names.str.rsplit("/", n=1).str[1].astype(int).to_numpy()[lots]
    operations = pd.DataFrame(
        {
            "wo_id": wo_id,
            "op_no": problem.op_no,
            "split_no": split_no,
            "item_id": np.array(problem.item_ids, dtype=object)[problem.lot_item[lots]],
            "planned_qty": problem.lot_qty[lots],
            "resource_id": np.array(problem.resource_ids, dtype=object)[
                problem.alt_resource[chosen]
            ],
            "setup_start_at": instants(problem, setup_at),
            "start_at": instants(problem, start),
            "end_at": instants(problem, end),
            "setup_from": family[before],
            "setup_to": family[problem.op_family],
            "is_frozen": problem.op_frozen,
            "published_start_at": instants(problem, problem.op_start),
            "run_minutes": problem.alt_minutes[chosen],
            "setup_minutes": np.where(end < NEVER / 2, start - setup_at, 0.0),
        }
    )
    operations["sequence_no"] = np.argsort(np.argsort(sequence))
    promises, pegging = promise(problem, end)
    purchases = _purchases(problem, bought)
    summary = {**summarise(problem, chosen, setup_at, start, end, promises), **how}
    ordered = operations.sort_values(["resource_id", "setup_start_at", "wo_id", "op_no"])
    return Schedule(ordered.reset_index(drop=True), promises, purchases, pegging, summary)


def component_needs(problem: Problem, schedule: Schedule) -> pd.DataFrame:
    """
    Return when a schedule takes which component.

    Returns
    -------
    pandas.DataFrame
        One row per need: ``item_id``, ``at`` (instant; NaT rows are left out), ``qty`` [uom],
        ``wo_id``.
    """
    operation = np.searchsorted(problem.need_offset, np.arange(len(problem.need_item)), "right") - 1
    lots = pd.Series(problem.lot_ids, dtype="str")
    keys = pd.DataFrame(
        {
            "lot_id": lots.iloc[problem.op_lot[operation]].to_numpy(),
            "op_no": problem.op_no[operation],
            "item_id": np.array(problem.item_ids, dtype=object)[problem.need_item],
            "qty": problem.need_qty,
        }
    )
    rows = schedule.operations
    placed = rows.assign(lot_id=rows["wo_id"] + "/" + rows["split_no"].astype(str))
    joined = keys.merge(
        placed[["lot_id", "op_no", "wo_id", "setup_start_at"]], on=["lot_id", "op_no"]
    )
    joined = joined.rename(columns={"setup_start_at": "at"}).dropna(subset=["at"])
    return joined[["item_id", "at", "qty", "wo_id"]].reset_index(drop=True)


def promise(problem: Problem, end: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Peg open order lines to stock, receipts and lots, quantity-exact.

    Lines choose in the order of the priority policy; each takes the latest supply that is still in
    time, so that early supply is left to those who need it, and else the earliest supply there is.
    """
    supplies = _supplies(problem, end)
    rows: list[tuple[int, str, str, float, float]] = []
    horizon = float(end[end < NEVER / 2].max()) if (end < NEVER / 2).any() else 0.0
    horizon = max(horizon, float(problem.demand_due.max()) if len(problem.demand_due) else 0.0)
    promised = np.zeros(len(problem.demand_qty))
    promised_at = np.full(len(problem.demand_qty), -NEVER)
    for d in np.argsort(problem.demand_rank, kind="stable"):
        entries = supplies.get(int(problem.demand_item[d]), [])
        open_qty = float(problem.demand_qty[d])
        in_time = [e for e in entries if e[0] <= problem.demand_due[d]]
        late = [e for e in entries if e[0] > problem.demand_due[d]]
        for entry in [*reversed(in_time), *late]:
            if open_qty <= 1e-6:
                break
            taken = min(open_qty, entry[1])
            if taken <= 1e-9:
                continue
            entry[1] -= taken
            open_qty -= taken
            promised[d] += taken
            promised_at[d] = max(promised_at[d], entry[0])
            rows.append((int(d), entry[2], entry[3], taken, max(entry[0], 0.0)))
    covered = promised >= problem.demand_qty - 1e-6
    at = np.where(covered, np.maximum(promised_at, 0.0), NEVER)
    counted = np.where(covered, at, np.maximum(horizon, problem.demand_due))
    lateness = (counted - problem.demand_due) / 1440
    keys = pd.DataFrame(problem.demand_keys, columns=["order_id", "line_id"], dtype="str")
    items = np.array(problem.item_ids, dtype=object)
    promises = keys.assign(
        item_id=items[problem.demand_item],
        open_qty=problem.demand_qty,
        due_at=instants(problem, problem.demand_due),
        promised_qty=promised,
        promised_at=instants(problem, at),
        is_covered=covered,
        lateness_days=lateness,
        late_cost=np.maximum(lateness, 0) * problem.demand_weight,
    )
    number = np.array([row[0] for row in rows], dtype=int)
    pegging = (
        keys.iloc[number]
        .reset_index(drop=True)
        .assign(
            supply_type=[row[1] for row in rows],
            supply_id=[row[2] for row in rows],
            qty=[row[3] for row in rows],
            available_at=instants(problem, np.array([row[4] for row in rows], dtype=float)),
        )
    )
    return promises, pegging


def _supplies(problem: Problem, end: np.ndarray) -> dict[int, list[list[Any]]]:
    found: dict[int, list[list[Any]]] = {}
    wanted = set(problem.demand_item.tolist())
    for i in wanted:
        if problem.on_hand[i] > 0:
            found.setdefault(i, []).append([-NEVER, float(problem.on_hand[i]), "stock", ""])
    for k, i in enumerate(problem.supply_item.tolist()):
        if i in wanted:
            entry = [float(problem.supply_at[k]), float(problem.supply_qty[k]), "receipt", str(k)]
            found.setdefault(i, []).append(entry)
    last = np.flatnonzero(np.append(problem.op_lot[1:] != problem.op_lot[:-1], True))
    for o in last if len(problem.op_lot) else []:
        lot = int(problem.op_lot[o])
        i = int(problem.lot_item[lot])
        if i in wanted and end[o] < NEVER / 2:
            entry = [float(end[o]), float(problem.lot_qty[lot]), "lot", problem.lot_ids[lot]]
            found.setdefault(i, []).append(entry)
    for entries in found.values():
        entries.sort(key=lambda e: (e[0], e[3]))
    return found


def _purchases(problem: Problem, bought: np.ndarray) -> pd.DataFrame:
    at = np.flatnonzero(bought > 1e-9)
    operation = np.searchsorted(problem.need_offset, at, side="right") - 1
    items = problem.need_item[at]
    lots = np.array(problem.lot_ids, dtype=object)
    return pd.DataFrame(
        {
            "item_id": np.array(problem.item_ids, dtype=object)[items],
            "qty": bought[at],
            "order_at": instants(problem, np.zeros(len(at))),
            "receipt_at": instants(problem, problem.item_lead_minutes[items]),
            "wo_id": lots[problem.op_lot[operation]],
        }
    )


def summarise(
    problem: Problem,
    chosen: np.ndarray,
    setup_at: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    promises: pd.DataFrame,
) -> dict[str, Any]:
    """Return counts and money terms of a decoded schedule."""
    resource = problem.alt_resource[chosen]
    placed = end < NEVER / 2
    setup_hours = np.where(placed, start - setup_at, 0.0) / 60
    late = promises["lateness_days"] > 1e-6
    return {
        "num_operations": len(end),
        "num_unplaced": int((~placed).sum()),
        "num_lines": len(promises),
        "num_late_lines": int(late.sum()),
        "num_uncovered_lines": int((~promises["is_covered"]).sum()),
        "tardiness_days": float(promises["lateness_days"].clip(lower=0).sum()),
        "late_cost": float(promises["late_cost"].sum()),
        "changeover_hours": float(setup_hours.sum()),
        "changeover_cost": float((setup_hours * problem.changeover_cost[resource]).sum()),
    }
