"""
How fast promises are replayed, and how right they were.

``python -m tests.benchmarks.promises`` prints the time of 1,000 replications over 2,000 operations
on two cores. ``--adventureworks DATA`` forecasts at three instants of the real history which open
work orders end late, and scores the forecasts against what happened, beside the base rate and the
projected date; ``--demo`` does the same for the order lines of the demo plant, Monday by Monday.
Both print the scores as replayed and put right by the outcomes known at each instant.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.divergence.projection import projected_problem
from soe_lib.impact.calibration import fit_calibration
from soe_lib.impact.late_supply import supply_lines
from soe_lib.impact.noise import Noise, fit_noise
from soe_lib.impact.outcomes import promise_outcomes
from soe_lib.impact.promise import draw_luck, promise_odds
from soe_lib.impact.reliability import Reliability, reliability
from soe_lib.impact.replay import Replay
from soe_lib.impact.replay_build import replay_of
from soe_lib.impact.shrunken import fit_shrunken
from soe_lib.params import load_params
from soe_lib.schedule import build_problem, dispatch, right_shift
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.tables import TABLES
from soe_lib.workspace import Workspace
from tests.small_plants import AS_OF, small_plant

ROOT = Path(__file__).resolve().parents[2]
EARLIER = ("2013-08-05", "2013-10-07", "2013-11-04", "2013-12-02", "2014-02-03")
DATES = ("2013-09-02", "2014-01-06", "2014-03-03")
"""Instants that are reported, and those of which the forecasts are learnt from as well."""
MONDAYS = (
    "2026-10-05T04:00Z", "2026-10-12T04:00Z", "2026-10-19T04:00Z", "2026-10-26T05:00Z",
    "2026-11-02T05:00Z", "2026-11-09T05:00Z", "2026-11-16T05:00Z",
)  # fmt: skip
LAST_MONDAY = "2026-11-23T05:00Z"
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
    """Score forecasts of late work orders at instants of the real history."""
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
    every: list[tuple[pd.Timestamp, pd.DataFrame]] = []
    for date in sorted((*EARLIER, *DATES)):
        as_of = pd.Timestamp(date, tz="UTC")
        snapshot = take_snapshot(source, as_of, workspace)
        if date in DATES:
            print(_found_late(snapshot, orders, date))
        replay, noise, suppliers = projected(snapshot)
        luck = draw_luck(replay, noise, suppliers, replications, 1)
        facts = {"run": luck.run, "supply_at": luck.supply_at, "lot_qty": luck.lot_qty}
        ends = replay.replayed(facts, luck.count).lot_end
        dated = replay.replayed({}, 1).lot_end[0]
        lots = len(replay.problem.lot_ids)
        names = [name.rsplit("/", 1)[0] for name in replay.problem.lot_ids]
        own = orders.set_index("wo_id").reindex(names)
        due = (own["due"] - as_of).dt.total_seconds().to_numpy() / 60 + 1440.0  # to the day's end
        frame = pd.DataFrame(
            {
                "chance": (ends[:, :lots] < due).mean(axis=0),
                "dated": dated[:lots] < due,
                "ended": own["ended"].to_numpy(),
                "due": own["due"].to_numpy(),
            }
        )
        every.append((as_of, frame))
        if date in DATES:
            print("  learnt: " + "; ".join(noise.sentences()))
    _rolled("work orders on time", every, _ended_in_time, {f"{date} 00:00" for date in DATES})


def _found_late(snapshot: Snapshot, orders: pd.DataFrame, date: str) -> str:
    """Say which open work orders are past due in the snapshot and in the raw data."""
    as_of, known = snapshot.as_of, snapshot.table("work_order")
    open_ = known[known["ended_at"].isna()]
    found = set(open_.loc[open_["due_at"] < as_of, "wo_id"])
    truth = orders[(orders["started"] <= as_of) & (orders["due"] < as_of)]
    wanted = set(truth.loc[truth["ended"].isna() | (truth["ended"] > as_of), "wo_id"])
    return (
        f"{date}: {len(found):,} open work orders past due in the snapshot, {len(wanted):,} in "
        f"the data, {len(found & wanted):,} the same"
    )


def _ended_in_time(frame: pd.DataFrame, at: pd.Timestamp | None) -> pd.Series:
    """Return whether each work order ended by its due date, as known at an instant (None: all)."""
    seen = frame["ended"].notna() & (True if at is None else frame["ended"] <= at)
    outcome = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    outcome = outcome.mask(seen, frame["ended"] <= frame["due"])
    if at is None:
        return outcome
    return outcome.mask(~seen & (frame["due"] + pd.Timedelta(days=1) <= at), False)


def demo(replications: int) -> None:
    """Score forecasts of the demo plant's order lines from Monday to Monday."""
    workspace = Workspace(Path(tempfile.mkdtemp()))
    source = load_source("demo", ROOT / "params/sources", {"SOE_DEMO": str(ROOT / "data/demo")})
    states, every = {}, []
    for monday in (*MONDAYS, LAST_MONDAY):
        snapshot = take_snapshot(source, pd.Timestamp(monday), workspace)
        states[snapshot.as_of] = snapshot.tables
        if monday == LAST_MONDAY:
            break
        replay, noise, suppliers = projected(snapshot)
        luck = draw_luck(replay, noise, suppliers, replications, 1)
        odds = promise_odds(replay, luck).rename(columns={"p_on_time": "chance"})
        every.append((snapshot.as_of, odds.assign(dated=replay.lateness() <= 1e-3)))
    last = pd.Timestamp(LAST_MONDAY)

    def outcome(frame: pd.DataFrame, at: pd.Timestamp | None) -> pd.Series:
        seen = at or last
        return promise_outcomes(frame, states[seen], seen)["is_on_time"]

    _rolled("order lines on time", every, outcome, set())


def _rolled(
    what: str,
    every: list[tuple[pd.Timestamp, pd.DataFrame]],
    outcome: Callable[[pd.DataFrame, pd.Timestamp | None], pd.Series],
    wanted: set[str],
) -> None:
    """Score each instant's forecasts as replayed, and put right by the outcomes known by then."""
    least = load_params(ROOT / "params" / "weekly.yaml").impact.least_outcomes
    scored = []
    for place, (at, frame) in enumerate(every):
        before = [past for _, past in every[:place]]
        calibration = None
        if before:
            chance = pd.concat([past["chance"] for past in before], ignore_index=True)
            known = pd.concat([outcome(past, at) for past in before], ignore_index=True)
            made = [np.full(len(past), place) for place, past in enumerate(before)]
            calibration = fit_calibration(chance, known, least, pd.Series(np.concatenate(made)))
        right = calibration.of(frame["chance"]) if calibration else frame["chance"]
        came = outcome(frame, None)
        rows = pd.DataFrame({"chance": frame["chance"].to_numpy(), "right": right.to_numpy(),
                             "dated": frame["dated"].to_numpy(), "came": came.to_numpy(),
                             "is_calibrated": calibration is not None})  # fmt: skip
        rows["came"] = rows["came"].astype("boolean")
        if wanted and f"{at:%Y-%m-%d %H:%M}" not in wanted:
            continue
        scored.append(rows)
        score, after = (
            reliability(rows[n], rows["came"], rows["dated"]) for n in ("chance", "right")
        )
        learnt = (
            f"put right by {calibration.num_outcomes:,} earlier outcomes {after.brier:.4f}"
            if calibration
            else "not calibrated yet"
        )
        print(words(f"{at:%Y-%m-%d} {what}", score) + f"; {learnt}")
    both = pd.concat(scored, ignore_index=True)
    _report(f"{what}, all, as replayed", both["chance"], both["came"], both["dated"])
    own = both[both["is_calibrated"]]
    if len(own):
        _report(f"{what}, where calibrated, as replayed", own["chance"], own["came"], own["dated"])
        _report(f"{what}, where calibrated, put right", own["right"], own["came"], own["dated"])


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
