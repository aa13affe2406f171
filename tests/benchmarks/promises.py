"""
How fast promises are replayed, and how right they were.

``python -m tests.benchmarks.promises`` prints the time of 1,000 replications over 2,000 operations
on two cores. ``--adventureworks DATA`` forecasts at three instants of the real history which open
work orders end late, and scores the forecasts against what happened, beside the base rate and the
projected date; ``--demo`` does the same for the order lines of the demo plant, Monday by Monday.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.divergence.projection import projected_problem
from soe_lib.impact.late_supply import supply_lines
from soe_lib.impact.noise import Noise, fit_noise
from soe_lib.impact.outcomes import promise_outcomes
from soe_lib.impact.promise import draw_luck, promise_odds
from soe_lib.impact.reliability import Reliability, reliability
from soe_lib.impact.replay import Replay, replay_of
from soe_lib.impact.shrunken import fit_shrunken
from soe_lib.params import load_params
from soe_lib.schedule import build_problem, dispatch, right_shift
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.tables import TABLES
from soe_lib.workspace import Workspace
from tests.small_plants import AS_OF, small_plant

ROOT = Path(__file__).resolve().parents[2]
DATES = ("2013-09-02", "2014-01-06", "2014-03-03")
MONDAYS = ("2026-10-12T04:00Z", "2026-10-26T05:00Z", "2026-11-09T05:00Z")
REPLICATIONS = 1000


def speed(orders: int, replications: int) -> str:
    """Time the replications of a plant and return the line that says so."""
    tables = small_plant(1, items=40, lines=5, orders=orders, days=70)
    problem = build_problem(tables, AS_OF, horizon_weeks=12)
    replay = replay_of(problem, dispatch(problem, "edd"))
    pooled = fit_shrunken(pd.Series([0.9, 1.0, 1.2]), pd.Series(["L0"] * 3), strength=1.0)
    noise = Noise(pooled, 0.2, {}, None, None, None, 0.0)
    replay.lateness()  # compiles
    begin, cpu = time.perf_counter(), time.process_time()
    luck = draw_luck(replay, noise, [], replications, 1)
    drawn = time.perf_counter()
    odds = promise_odds(replay, luck)
    end = time.perf_counter()
    operations = int(replay.still.count.sum())
    return (
        f"{replications:,} replications over {operations:,} operations and {len(odds):,} order "
        f"lines: {drawn - begin:.1f} s to draw, {end - drawn:.1f} s to replay on 2 threads "
        f"({time.process_time() - cpu:.1f} s of CPU in all, load {os.getloadavg()[0]:.1f})"
    )


def projected(snapshot: Snapshot) -> tuple[Replay, Noise, list[str]]:
    """Return the projection of a snapshot, how the site varies, and the suppliers."""
    params = load_params(ROOT / "params" / "weekly.yaml")
    zone = snapshot.site_time_zone
    problem = projected_problem(snapshot.tables, snapshot.as_of, params, zone)
    facts = facts_of(snapshot.tables, snapshot.as_of, params, time_zone=zone)
    rows = {name: snapshot.tables.get(name, contract.empty()) for name, contract in TABLES.items()}
    suppliers = supply_lines(problem, rows)["supplier_id"].fillna("").astype("str").tolist()
    return replay_of(problem, right_shift(problem)), fit_noise(facts), suppliers


def words(name: str, score: Reliability) -> str:
    """Return a score in one line."""
    return (
        f"{name}: {score.num_outcomes:,} outcomes, base rate {score.base_rate:.3f}, Brier "
        f"{score.brier:.4f} (base rate {score.brier_of_base_rate:.4f}, projected date "
        f"{score.brier_of_date:.4f}), skill {score.skill:+.3f}"
    )


def adventureworks(data: Path, replications: int) -> None:
    """Score forecasts of late work orders at three instants of the real history."""
    workspace = Workspace(Path(tempfile.mkdtemp()))
    source = load_source("adventureworks", ROOT / "params/sources", {"SOE_REAL_DATA": str(data)})
    columns = {
        "WorkOrderID": "wo_id", "StartDate": "started", "EndDate": "ended", "DueDate": "due",
    }  # fmt: skip
    path = data / "adventureworks" / "WorkOrder.csv"
    orders = pd.read_csv(path, usecols=list(columns)).rename(columns=columns)
    orders["wo_id"] = orders["wo_id"].astype("str")
    for name in ("started", "ended", "due"):
        orders[name] = pd.to_datetime(orders[name]).dt.tz_localize("UTC")
    every = []
    for date in DATES:
        as_of = pd.Timestamp(date, tz="UTC")
        snapshot = take_snapshot(source, as_of, workspace)
        known = snapshot.table("work_order")
        open_ = known[known["ended_at"].isna()]
        found = set(open_.loc[open_["due_at"] < as_of, "wo_id"])
        truth = orders[(orders["started"] <= as_of) & (orders["due"] < as_of)]
        truth = set(truth.loc[truth["ended"].isna() | (truth["ended"] > as_of), "wo_id"])
        print(
            f"{date}: {len(found):,} open work orders past due in the snapshot, {len(truth):,} in "
            f"the data, {len(found & truth):,} the same"
        )
        replay, noise, suppliers = projected(snapshot)
        luck = draw_luck(replay, noise, suppliers, replications, 1)
        facts = {"run": luck.run, "supply_at": luck.supply_at, "lot_qty": luck.lot_qty}
        ends = replay.replayed(facts, luck.count).lot_end
        dated = replay.replayed({}, 1).lot_end[0]
        lots = len(replay.problem.lot_ids)
        names = [name.rsplit("/", 1)[0] for name in replay.problem.lot_ids]
        own = orders.set_index("wo_id").reindex(names)
        due = (own["due"] - as_of).dt.total_seconds().to_numpy() / 60 + 1440.0  # to the day's end
        outcome = (own["ended"] <= own["due"]).where(own["ended"].notna()).astype("boolean")
        frame = pd.DataFrame(
            {
                "chance": (ends[:, :lots] < due).mean(axis=0),
                "dated": dated[:lots] < due,
                "outcome": outcome.to_numpy(),
            }
        )
        every.append(frame)
        score = reliability(frame["chance"], frame["outcome"], frame["dated"])
        print(words(f"{date} work orders on time", score))
        print("  learnt: " + "; ".join(noise.sentences()))
    both = pd.concat(every, ignore_index=True)
    _report("all three instants", both["chance"], both["outcome"], both["dated"])


def demo(replications: int) -> None:
    """Score forecasts of the demo plant's order lines from Monday to Monday."""
    workspace = Workspace(Path(tempfile.mkdtemp()))
    source = load_source("demo", ROOT / "params/sources", {"SOE_DEMO": str(ROOT / "data/demo")})
    last = take_snapshot(source, pd.Timestamp("2026-11-23T05:00Z"), workspace)
    every = []
    for monday in MONDAYS:
        snapshot = take_snapshot(source, pd.Timestamp(monday), workspace)
        replay, noise, suppliers = projected(snapshot)
        luck = draw_luck(replay, noise, suppliers, replications, 1)
        odds = promise_odds(replay, luck)
        odds["dated"] = replay.lateness() <= 1e-3
        every.append(promise_outcomes(odds, last.tables, last.as_of))
        rows = every[-1]
        score = reliability(rows["p_on_time"], rows["is_on_time"], rows["dated"])
        print(words(f"{monday[:10]} order lines on time", score))
    both = pd.concat(every, ignore_index=True)
    _report("all Mondays", both["p_on_time"], both["is_on_time"], both["dated"])


def _report(name: str, chance: pd.Series, outcome: pd.Series, dated: pd.Series) -> None:
    score = reliability(chance, outcome, dated)
    print(words(name, score))
    print(score.bins.round(1).to_string(index=False))
    verdict = "beat" if score.skill > 0 else "do not beat"
    print(f"forecasts {verdict} the base rate")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2600, help="0: no timing")
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--adventureworks", type=Path, default=None, metavar="DATA")
    parser.add_argument("--demo", action="store_true")
    arguments = parser.parse_args()
    if arguments.orders:
        print(speed(arguments.orders, arguments.replications))
    if arguments.demo:
        demo(arguments.replications)
    if arguments.adventureworks is not None:
        adventureworks(arguments.adventureworks, arguments.replications)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
