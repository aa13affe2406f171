"""The demo plant: moves per second, bound and gap."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tests.benchmarks.instances import ROOT

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem

ITERATIONS = 200_000


def demo_tables() -> tuple[dict[str, pd.DataFrame], pd.Timestamp, str]:
    """Return the canonical tables of the demo plant, its default instant UTC and its time zone."""
    from soe_lib.snapshot import take_snapshot
    from soe_lib.sources import load_source
    from soe_lib.workspace import Workspace

    source = load_source("demo", ROOT / "params" / "sources", {})
    zone = source.site_time_zone
    as_of = pd.Timestamp(source.default_as_of).tz_localize(zone).tz_convert("UTC")
    with tempfile.TemporaryDirectory() as folder:
        return dict(take_snapshot(source, as_of, Workspace(Path(folder))).tables), as_of, zone


def demo_problem() -> Problem | None:
    """Return the problem of the demo plant at its default instant; None where there is none."""
    from soe_lib.schedule.build import build_problem
    from soe_lib.sources import SourceError

    try:
        tables, as_of, zone = demo_tables()
    except SourceError as error:
        print(f"\ndemo plant: not there yet ({error})")
        return None
    return build_problem(tables, as_of, site_time_zone=zone)


def report(seed: int) -> None:
    """Solve the demo plant's problem and print what the page would say."""
    from soe_lib.params import ScheduleParams
    from soe_lib.schedule import solve, verify
    from soe_lib.schedule.relaxation import Relaxation, lower_bound

    problem = demo_problem()
    if problem is None:
        return
    solve(problem, ScheduleParams(seed=seed, iterations=1000))
    started = time.perf_counter()
    schedule = solve(problem, ScheduleParams(seed=seed, iterations=ITERATIONS))
    seconds = time.perf_counter() - started
    bound = lower_bound(problem)
    started = time.perf_counter()
    hot = Relaxation(problem)
    cold_seconds = time.perf_counter() - started
    started = time.perf_counter()
    hot.with_minutes(problem.resource_ids[0], 5 * 1440.0, 5 * 1440.0 + 480)
    hot_seconds = time.perf_counter() - started
    value = float(schedule.promises["late_cost"].sum())
    moves = schedule.summary.get("moves_per_second", ITERATIONS / seconds)
    print(
        f"\ndemo plant at {problem.as_of}: {ITERATIONS:,} moves in {seconds:.1f} s "
        f"({moves:,.0f} moves/s), "
        f"lateness {value:,.0f}, bound {bound.value:,.0f}, gap {bound.gap_pct(value):.1f} %, "
        f"violations {len(verify(problem, schedule))}; relaxation {cold_seconds:.2f} s cold, one "
        f"overtime shift {1000 * hot_seconds:.0f} ms"
    )
