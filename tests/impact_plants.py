"""Random small plants with a published schedule and random disruptions, for tests of impact."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from soe_lib.impact.disruptions import COLUMNS, Disruptions
from soe_lib.impact.players import (
    DEMAND_DUE,
    DEMAND_QTY,
    LOT_QTY,
    ON_HAND,
    RUN,
    SUPPLY_AT,
    SUPPLY_QTY,
)
from soe_lib.impact.replay import Replay
from soe_lib.impact.replay_build import replay
from soe_lib.schedule import Problem, build_problem, dispatch
from soe_lib.schedule.plan import new_plan, place_published
from soe_lib.schedule.solve import published_floor
from tests.small_plants import AS_OF, small_plant, typed_table

KINDS = (RUN, RUN, RUN, SUPPLY_AT, SUPPLY_QTY, ON_HAND, DEMAND_QTY, DEMAND_DUE, LOT_QTY)


BASES = 4
"""Plants built from tables; all others are these with every quantity drawn anew."""


def published_plant(seed: int) -> Problem:
    """
    Return the problem of a plant whose lots are work orders on a random published schedule.

    Run times, starts, stock, receipts, demand, ranks and quantities are drawn from ``seed``.
    """
    base = _base(seed % BASES)
    rng = np.random.default_rng(seed)
    n, supplies, demands = base.num_operations, len(base.supply_at), len(base.demand_qty)
    start = rng.permutation(base.op_start) * rng.uniform(0.6, 1.1, n)
    return base.replace(
        alt_minutes=base.alt_minutes * rng.uniform(0.4, 1.8, len(base.alt_minutes)),
        op_start=start,
        on_hand=np.round(base.on_hand * rng.uniform(0, 2.5, len(base.on_hand))),
        supply_at=np.sort(rng.uniform(100, 8000, supplies)),
        supply_qty=base.supply_qty * rng.uniform(0.5, 2, supplies),
        demand_qty=np.round(base.demand_qty * rng.uniform(0.5, 1.6, demands)),
        demand_due=rng.permutation(base.demand_due) - rng.uniform(0, 2000, demands),
        demand_rank=rng.permutation(base.demand_rank),
    )


@lru_cache(maxsize=BASES)
def _base(seed: int) -> Problem:
    """Return the problem of a plant from its tables: with one operator, or without people."""
    rng = np.random.default_rng(seed)
    tables = small_plant(seed, items=4, lines=2, orders=7, days=8)
    own = {"parent_item_id": "I3", "component_item_id": "I0", "qty_per": 1.0}
    bom = tables["bom_component"]
    tables["bom_component"] = pd.concat([bom, typed_table("bom_component", [own])])
    if seed % 2 == 0:  # one operator for two lines
        tables["routing_alternate"] = tables["routing_alternate"].assign(
            skill_code="S", labour_count=1.0
        )
        tables["labour_availability"] = typed_table("labour_availability", [
            {"site_id": "P", "labour_date": AS_OF.tz_localize(None) + pd.Timedelta(days=d),
             "shift_code": "early", "skill_code": "S", "planned_headcount": 1.0}
            for d in range(40)
        ])  # fmt: skip
    bought = ["C0", "C1"]
    tables["purchase_order_line"] = typed_table("purchase_order_line", [
        {"po_id": f"P{k}", "line_id": "1", "supplier_id": "V", "item_id": bought[k % 2],
         "ordered_qty": float(rng.integers(20, 90)), "received_qty": 0.0, "status": "open",
         "eta_at": AS_OF + pd.Timedelta(hours=float(rng.integers(5, 120)))}
        for k in range(3)
    ])  # fmt: skip
    lots = dispatch(build_problem(tables, AS_OF, horizon_weeks=6), "edd").operations
    lots = lots[lots["start_at"].notna()]
    late = rng.random(len(lots)) < 0.7
    tables["work_order"] = typed_table("work_order", [
        {"wo_id": row.wo_id, "item_id": row.item_id, "ordered_qty": row.planned_qty,
         "release_at": AS_OF, "due_at": row.end_at, "status": "released"}
        for row in lots.drop_duplicates("wo_id").itertuples()
    ])  # fmt: skip
    tables["schedule_operation"] = typed_table("schedule_operation", [
        {"version_id": "V1", "published_at": AS_OF - pd.Timedelta(hours=1), "status": "published",
         "wo_id": row.wo_id, "op_no": row.op_no, "split_no": 1, "item_id": row.item_id,
         "planned_qty": row.planned_qty, "resource_id": row.resource_id,
         "setup_start_at": row.start_at, "end_at": row.end_at, "is_frozen": False,
         "start_at": row.start_at - pd.Timedelta(hours=2 * bool(is_late))}
        for row, is_late in zip(lots.itertuples(), late, strict=True)
    ])  # fmt: skip
    return build_problem(tables, AS_OF, horizon_weeks=6)


def replayed_plant(seed: int) -> Replay:
    """Return the projection of such a plant."""
    problem = published_plant(seed)
    plan = new_plan(problem)
    place_published(problem, plan)
    return replay(problem, plan, published_floor(problem, plan))


def random_disruptions(replay: Replay, seed: int, count: int) -> Disruptions:
    """Return disruptions that hit anything, a stop of a line among them."""
    rng = np.random.default_rng(seed)
    facts = replay.facts
    size = {
        RUN: len(facts.run), SUPPLY_AT: len(facts.supply_at), SUPPLY_QTY: len(facts.supply_at),
        ON_HAND: len(facts.on_hand), DEMAND_QTY: len(facts.demand_qty),
        DEMAND_DUE: len(facts.demand_qty), LOT_QTY: len(facts.lot_qty),
    }  # fmt: skip
    toggle, amount = [], []
    for player in range(count):
        for _ in range(int(rng.integers(1, 3))):
            kind = int(rng.choice(KINDS))
            number = int(rng.integers(size[kind]))
            if kind == RUN:
                value = -float(facts.run[number]) * float(rng.uniform(0.2, 1.0))
            elif kind == SUPPLY_AT:
                value = -float(rng.uniform(0, 4000))
            elif kind == DEMAND_QTY:
                value = -float(facts.demand_qty[number]) * float(rng.uniform(0.3, 1.0))
            elif kind == DEMAND_DUE:
                value = float(rng.uniform(0, 3000))
            else:
                value = float(rng.uniform(5, 40))
            toggle.append((kind, player, number))
            amount.append(value)
    begin = float(rng.uniform(0, 1500))
    stop = np.array([[begin, begin + float(rng.uniform(100, 900))]])
    owner = np.array([[int(rng.integers(count)), int(rng.integers(2))]], np.int64)
    return disruptions_of(replay, count, toggle, amount, stop, owner)


def disruptions_of(
    replay: Replay,
    count: int,
    toggle: list[tuple[int, int, int]],
    amount: list[float],
    stop: np.ndarray | None = None,
    owner: np.ndarray | None = None,
) -> Disruptions:
    """Return disruptions by hand; the facts hold without stops."""
    table = pd.DataFrame(
        [(f"D{k}", "stop", "operations", "resource", f"D{k}", 1.0, "h") for k in range(count)],
        columns=list(COLUMNS),
    )
    return Disruptions(
        table,
        np.array(toggle, np.int64).reshape(-1, 3),
        np.array(amount, float),
        np.zeros((0, 2)) if stop is None else stop,
        np.zeros((0, 2), np.int64) if owner is None else owner,
        replay.facts.clock_offset,
        replay.facts.clock,
    )
