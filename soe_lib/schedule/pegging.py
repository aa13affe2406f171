"""
Promises: open order lines pegged to stock, receipts and lots, quantity-exact, both directions.

Two ways to peg are weighed: by the order priority policy (who ranks first chooses first, and takes
the latest supply that is still in time, so that early supply is left to those who need it), and as
the lots were made (each lot for the lines it was planned for). The cheaper one holds, the policy
where they cost the same. Goods leave as ``leaving`` says; a supply that would be expired by then is
left to others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from soe_lib.schedule.leaving import Docks
from soe_lib.schedule.problem import NEVER, Clauses, Problem

TINY = 1e-6
Peg = tuple[int, int, float, float]
"""Order line, supply, quantity [uom] and the instant at which it leaves [min]."""


@dataclass(frozen=True)
class Supply:
    """What may be promised: item, instant it is there and expires [min], quantity, kind, name."""

    item: np.ndarray
    at: np.ndarray
    expires: np.ndarray
    qty: np.ndarray
    kind: tuple[str, ...]
    name: tuple[str, ...]


def clause_cost(clauses: Clauses, lateness_days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cost of lateness by clause and margin lost, per order line. [money]"""
    beyond = lateness_days - clauses.free_days
    is_late = (beyond > 1e-9) & (lateness_days > 1e-9)
    weeks = np.ceil(np.maximum(beyond, 0.0) / 7.0 - 1e-9)
    cost = clauses.flat + clauses.per_day * np.maximum(beyond, 0.0) + clauses.per_week * weeks
    cost = np.where(is_late, np.minimum(cost, clauses.cap), 0.0)
    return cost, np.where(lateness_days > clauses.lost_after_days, clauses.lost, 0.0)


def supplies(
    problem: Problem,
    lot_item: np.ndarray,
    lot_qty: np.ndarray,
    lot_end: np.ndarray,
    lot_names: list[str],
    bought: list[tuple[int, float, float]],
    expedited: np.ndarray,
) -> Supply:
    """
    Return everything that may be promised.

    ``bought`` are (item, qty, at) for order lines; ``expedited`` as in ``Plan``.
    """
    wanted = np.zeros(len(problem.item_ids), bool)
    wanted[problem.demand_item] = True
    stock = np.flatnonzero(wanted & (problem.on_hand > 0))
    dated = np.flatnonzero(wanted[problem.supply_item])
    arrival = np.where(
        expedited[: len(problem.supply_at)], problem.supply_expedite_at, problem.supply_at
    )
    made = np.flatnonzero(wanted[lot_item] & (lot_end < NEVER / 2) & (lot_qty > 0))
    shelf = problem.item_shelf_minutes[lot_item[made]]
    item = np.concatenate(
        [stock, problem.supply_item[dated], lot_item[made], [b[0] for b in bought]]
    )
    return Supply(
        item.astype(np.int64),
        np.concatenate(
            [np.full(len(stock), -1.0), arrival[dated], lot_end[made],
             [b[2] for b in bought]]
        ),
        np.concatenate(
            [np.full(len(stock), NEVER), problem.supply_expires[dated],
             np.minimum(lot_end[made] + shelf, NEVER), np.full(len(bought), NEVER)]
        ),
        np.concatenate(
            [problem.on_hand[stock], problem.supply_qty[dated], lot_qty[made],
             [b[1] for b in bought]]
        ),
        ("stock",) * len(stock) + ("receipt",) * len(dated) + ("lot",) * len(made)
        + ("purchase",) * len(bought),
        ("",) * len(stock) + tuple(str(k) for k in dated) + tuple(lot_names[k] for k in made)
        + tuple(str(k) for k in range(len(bought))),
    )  # fmt: skip


def without(supply: Supply, item: np.ndarray, at: np.ndarray, qty: np.ndarray) -> Supply:
    """
    Return what is left of a supply when operations have taken theirs.

    Each takes the latest supply that is there when its run starts, so that early supply is left
    to order lines; what comes later can only make more choices, so this never fails when the
    simulation has not.
    """
    wanted = np.zeros(int(max([0, *supply.item, *item])) + 1, bool)
    wanted[supply.item] = True
    taken = np.flatnonzero(wanted[item] & (qty > TINY)) if len(item) else np.zeros(0, np.int64)
    if not len(taken):
        return supply
    left = supply.qty.copy()
    of_item: dict[int, list[int]] = {}
    for s in np.lexsort((np.arange(len(supply.at)), supply.at)).tolist():
        if supply.kind[s] != "purchase":
            of_item.setdefault(int(supply.item[s]), []).append(s)
    for k in taken[np.argsort(at[taken], kind="stable")].tolist():
        rest = float(qty[k])
        for s in reversed(of_item.get(int(item[k]), [])):
            if supply.at[s] <= at[k] + 1e-6 and left[s] > TINY:
                part = min(rest, float(left[s]))
                left[s] -= part
                rest -= part
                if rest <= TINY:
                    break
    return replace(supply, qty=np.where(left > TINY, left, 0.0))


def peg(
    problem: Problem, supply: Supply, planned: list[tuple[int, int, float]] | None = None
) -> list[Peg]:
    """
    Return pegs (demand, supply, qty, leaving instant), the last NEVER where a line is not covered.

    Parameters
    ----------
    planned
        Pegs that hold first, as the lots were made; the policy peg what they leave.
    """
    left = supply.qty.tolist()
    open_qty = problem.demand_qty.tolist()
    held: dict[int, dict[int, float]] = {}
    for demand, s, qty in planned or ():
        taken = min(qty, left[s], open_qty[demand])
        if taken > TINY:
            left[s] -= taken
            open_qty[demand] -= taken
            own = held.setdefault(demand, {})
            own[s] = own.get(s, 0.0) + taken
    of_item: dict[int, list[int]] = {}
    for s in np.lexsort((np.arange(len(supply.at)), supply.at)).tolist():
        of_item.setdefault(int(supply.item[s]), []).append(s)
    at, expires = supply.at.tolist(), supply.expires.tolist()
    docks = Docks(problem)
    rows: list[Peg] = []
    for d in np.argsort(problem.demand_rank, kind="stable").tolist():
        own = held.get(d, {})
        spoiled: set[int] = set()
        while True:
            if open_qty[d] > TINY:
                entries = [
                    s for s in of_item.get(int(problem.demand_item[d]), ())
                    if left[s] > TINY and s not in spoiled and expires[s] >= at[s]
                ]  # fmt: skip
                for s in _preferred(supply, entries, at, docks.wanted_by(d)):
                    if open_qty[d] <= TINY:
                        break
                    taken = min(open_qty[d], left[s])
                    left[s] -= taken
                    open_qty[d] -= taken
                    own[s] = own.get(s, 0.0) + taken
            if open_qty[d] > 1e-6:
                rows += [(d, s, qty, NEVER) for s, qty in own.items()]
                break
            parts, used = docks.leave(d, [(at[s], qty) for s, qty in own.items()])
            late = [
                s for s, part in zip(own, parts, strict=True)
                if max(leaves for leaves, _ in part) > expires[s] + TINY
            ]  # fmt: skip
            if not late:
                docks.book(used)
                for s, part in zip(own, parts, strict=True):
                    rows += [(d, s, qty, leaves) for leaves, qty in part]
                break
            for s in late:  # expired when it would leave: somebody else may have it
                qty = own.pop(s)
                left[s] += qty
                open_qty[d] += qty
                spoiled.add(s)
    return rows


def _preferred(supply: Supply, entries: list[int], at: list[float], by: float) -> list[int]:
    """
    Return supplies as an order line takes them: the latest that is there by the instant at which it
    is wanted, else the first that is late.

    A new purchase at its lead time is what is left when nothing real is: it takes no capacity and
    would hide that the lot that is planned comes late.
    """
    real = [s for s in entries if supply.kind[s] != "purchase"]
    in_time = [s for s in real if at[s] <= by]
    late = [s for s in real if at[s] > by]
    return [*reversed(in_time), *late, *(s for s in entries if supply.kind[s] == "purchase")]


def promised(
    problem: Problem, supply: Supply, rows: list[Peg], horizon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return quantity, ready and leaving instants, and lateness in days, of every order line."""
    count = len(problem.demand_qty)
    qty, ready, leaves = np.zeros(count), np.zeros(count), np.zeros(count)
    if rows:
        demand = np.array([row[0] for row in rows])
        np.add.at(qty, demand, [row[2] for row in rows])
        np.maximum.at(ready, demand, supply.at[[row[1] for row in rows]])
        np.maximum.at(leaves, demand, [row[3] for row in rows])
    leaves = np.where(qty >= problem.demand_qty - 1e-6, leaves, NEVER)
    counted = np.where(leaves < NEVER / 2, leaves, np.maximum(horizon, problem.demand_due))
    return qty, ready, leaves, (counted - problem.demand_due) / 1440.0


def promise_tables(
    problem: Problem,
    supply: Supply,
    rows: list[Peg],
    horizon: float,
    instants: object,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of promises and of pegs; see ``Schedule``."""
    assert callable(instants)
    clauses = problem.clauses
    assert clauses is not None
    qty, ready, leaves, lateness = promised(problem, supply, rows, horizon)
    cost, lost = clause_cost(clauses, lateness)
    never = leaves >= NEVER / 2
    keys = pd.DataFrame(problem.demand_keys, columns=["order_id", "line_id"], dtype="str")
    names = pd.Series(problem.item_ids, dtype="str")
    promises = keys.assign(
        item_id=names.iloc[problem.demand_item].to_numpy(),
        open_qty=problem.demand_qty,
        due_at=instants(problem, problem.demand_due),
        promised_qty=qty,
        promised_at=instants(problem, np.where(never, NEVER, np.maximum(leaves, 0.0))),
        is_covered=~never,
        lateness_days=lateness,
        late_cost=cost,
        lost_margin=np.where(never, clauses.lost, lost),
        ready_at=instants(problem, np.where(never, NEVER, np.maximum(ready, 0.0))),
    )
    order = sorted(rows)
    number = np.array([row[0] for row in order], dtype=int)
    own = np.array([row[1] for row in order], dtype=int)
    pegging = (
        keys.iloc[number]
        .reset_index(drop=True)
        .assign(
            supply_type=pd.Series([supply.kind[s] for s in own], dtype="str"),
            supply_id=pd.Series([supply.name[s] for s in own], dtype="str"),
            qty=[row[2] for row in order],
            available_at=instants(problem, np.maximum(supply.at[own], 0.0)),
            leaves_at=instants(problem, np.array([row[3] for row in order], dtype=float)),
        )
    )
    return promises, pegging.astype({"qty": float})
