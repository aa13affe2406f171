"""
How sure every promise is: the schedule replayed many times under what usually varies.

Run times, stops, scrap and receipts are drawn from :mod:`soe_lib.impact.noise`; resources and
suppliers have a part of their luck in common. Every object draws from a stream of its own that is
named after it, so that two schedules meet the same luck (common random numbers) and their
difference is theirs. A stop adds to the run that it hits, in working time of the resource; what is
scrapped beyond the usual is missing in the lot; a purchase that is past due has at least tomorrow.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from soe_lib.impact.noise import Noise
from soe_lib.impact.replay import Replay
from soe_lib.schedule import Problem
from soe_lib.schedule import work as engine
from soe_lib.schedule.pegging import clause_cost

DAY = 1440.0
LATE_MINUTES = 1e-6 * DAY
PROMISE_COLUMNS = {
    "order_id": "str",
    "line_id": "str",
    "item_id": "str",
    "due_at": "datetime64[us, UTC]",
    "p_on_time": "float64",
    "standard_error": "float64",
    "sure_at": "datetime64[us, UTC]",
    "expected_late_days": "float64",
    "expected_late_cost": "float64",
}


@dataclass(frozen=True)
class Luck:
    """Drawn facts: one row per replication, fields as in ``Replay.replayed``."""

    run: np.ndarray
    supply_at: np.ndarray
    lot_qty: np.ndarray

    @property
    def count(self) -> int:
        """Number of replications."""
        return len(self.run)


def stream(name: str, seed: int) -> np.random.Generator:
    """Return the random stream of an object; the same name and seed give the same luck."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def draw_luck(
    replay: Replay, noise: Noise, suppliers: list[str], replications: int, seed: int
) -> Luck:
    """
    Draw what happens.

    Parameters
    ----------
    replay
        A schedule.
    noise
        How the site varies.
    suppliers
        Supplier of each dated receipt of the problem.
    replications
        How many times.
    seed
        Seed of all streams.
    """
    return Luck(
        run=_run_times(replay, noise, replications, seed),
        supply_at=_arrivals(replay, noise, suppliers, replications, seed),
        lot_qty=_yields(replay, noise, replications, seed),
    )


def _operation_names(replay: Replay) -> list[str]:
    """Name every operation so that it has the same name in another schedule."""
    problem, still = replay.problem, replay.still
    lots = _lot_names(replay)
    step = np.concatenate(
        [problem.op_no, np.arange(len(still.op_i) - problem.num_operations)]
    ).tolist()
    return [f"{lots[lot]}/{no}" for lot, no in zip(still.op_i[:, 0].tolist(), step, strict=True)]


def _lot_names(replay: Replay) -> list[str]:
    problem, items = replay.problem, replay.still.lot_item.tolist()
    firm = list(problem.lot_ids)
    return firm + [
        f"planned {problem.item_ids[item]} {k}"
        for k, item in enumerate(items[len(firm) :], start=len(firm))
    ]


def _mixed(shared: np.ndarray, own: np.ndarray, common: float) -> np.ndarray:
    """Levels between 0 and 1 whose normal scores have ``common`` variance in common."""
    return norm.cdf(np.sqrt(common) * shared + np.sqrt(1 - common) * own)


def _run_times(replay: Replay, noise: Noise, count: int, seed: int) -> np.ndarray:
    problem, facts = replay.problem, replay.facts
    run = np.tile(facts.run, (count, 1))
    if noise.rate is None and noise.stop_hours is None:
        return run
    names = _operation_names(replay)
    alternate = replay.plan.state.place[:, engine.ALTERNATE]
    resources = replay.plan.field.alt_resource[alternate]
    shared = {
        int(r): stream(f"resource {problem.resource_ids[r]}", seed).standard_normal(count)
        for r in np.unique(resources)
    }
    for o in np.flatnonzero((facts.run > 0) & (replay.still.op_i[:, 9] >= 0)).tolist():
        resource = problem.resource_ids[resources[o]]
        own = stream(f"run {names[o]}", seed)
        score = own.standard_normal(count)
        hits, lengths = own.random(count), own.random(count)
        if noise.rate is not None:
            level = _mixed(shared[int(resources[o])], score, noise.rate_common)
            run[:, o] *= noise.rate.quantile(resource, level)
        rate = noise.stop_rate.get(resource, 0.0)
        if noise.stop_hours is not None and rate > 0:
            # at most one stop a run: the chance that there is any, and how long it is
            is_hit = hits < 1 - np.exp(-rate * run[:, o] / 60)
            run[:, o] += np.where(is_hit, noise.stop_hours.quantile(resource, lengths) * 60, 0.0)
    return run


def _arrivals(
    replay: Replay, noise: Noise, suppliers: list[str], count: int, seed: int
) -> np.ndarray:
    facts, problem = replay.facts, replay.problem
    found = np.tile(facts.supply_at, (count, 1))
    if noise.supplier_days is None:
        return found
    shared = {
        name: stream(f"supplier {name}", seed).standard_normal(count) for name in set(suppliers)
    }
    seen: dict[str, int] = {}
    for k, supplier in enumerate(suppliers):
        item = problem.item_ids[problem.supply_item[k]]
        seen[item] = seen.get(item, 0) + 1
        own = stream(f"receipt {item} {seen[item]}", seed).standard_normal(count)
        level = _mixed(shared[supplier], own, noise.supplier_common)
        promised = float(facts.supply_at[k])
        late = noise.supplier_days.quantile(supplier, level) * DAY
        found[:, k] = np.maximum(promised + late, min(promised, DAY))
    return found


def _yields(replay: Replay, noise: Noise, count: int, seed: int) -> np.ndarray:
    facts = replay.facts
    found = np.tile(facts.lot_qty, (count, 1))
    if noise.scrap is None:
        return found
    names = _lot_names(replay)
    for lot in np.flatnonzero(facts.lot_qty > 0).tolist():
        item = replay.problem.item_ids[replay.still.lot_item[lot]]
        level = stream(f"lot {names[lot]}", seed).random(count)
        share = noise.scrap.quantile(item, level)
        usual = float(noise.scrap.quantile(item, np.array([0.5]))[0])
        beyond = np.clip((share - usual) / max(1 - usual, 1e-9), 0.0, 1.0)
        found[:, lot] *= 1 - beyond
    return found


def promise_odds(replay: Replay, luck: Luck, confidence_pct: float = 90.0) -> pd.DataFrame:
    """
    Replay a schedule under drawn luck.

    Parameters
    ----------
    replay
        A schedule.
    luck
        Result of :func:`draw_luck`.
    confidence_pct
        Confidence of ``sure_at``. [%]

    Returns
    -------
    pandas.DataFrame
        One row per open order line of the problem, in its order: ``PROMISE_COLUMNS``; ``sure_at``
        is the instant that the line makes in ``confidence_pct`` of the replications, money by the
        clause of the line.
    """
    return odds_of_lateness(replay.problem, lateness_under(replay, luck), confidence_pct)


def lateness_under(replay: Replay, luck: Luck) -> np.ndarray:
    """Return the lateness of order lines under drawn luck, one row per replication. [min]"""
    facts = {"run": luck.run, "supply_at": luck.supply_at, "lot_qty": luck.lot_qty}
    return replay.replayed(facts, luck.count).lateness


def odds_of_lateness(
    problem: Problem, lateness: np.ndarray, confidence_pct: float = 90.0
) -> pd.DataFrame:
    """Return :func:`promise_odds` of lateness per replication (rows) and order line [min]."""
    chance = (lateness <= LATE_MINUTES).mean(axis=0)
    level = np.quantile(lateness, confidence_pct / 100, axis=0, method="inverted_cdf")
    sure = np.maximum(problem.demand_due + level, 0.0)
    clauses = problem.clauses
    assert clauses is not None
    cost = np.zeros(lateness.shape[1])
    for row in lateness:
        cost += clause_cost(clauses, row / DAY)[0]
    keys = pd.DataFrame(problem.demand_keys, columns=["order_id", "line_id"], dtype="str")
    names = pd.Series(problem.item_ids, dtype="str").iloc[problem.demand_item].to_numpy()
    start = problem.as_of

    def instants(minutes: np.ndarray) -> pd.Series:
        return start + pd.to_timedelta(pd.Series(np.round(minutes * 60)), unit="s")

    found = keys.assign(
        item_id=names,
        due_at=instants(problem.demand_due),
        p_on_time=chance,
        standard_error=np.sqrt(chance * (1 - chance) / len(lateness)),
        sure_at=instants(sure),
        expected_late_days=np.maximum(lateness, 0.0).mean(axis=0) / DAY,
        expected_late_cost=cost / len(lateness),
    )
    return found[list(PROMISE_COLUMNS)].astype(PROMISE_COLUMNS)
