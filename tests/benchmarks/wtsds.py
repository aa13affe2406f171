"""The 40 wt_sds instances: total weighted tardiness against the proven optima."""

from __future__ import annotations

import csv
import statistics
import tempfile
from pathlib import Path

from tests.benchmarks.instances import read_wtsds, shared


def optima() -> dict[str, float]:
    """Return the proven optimum of each instance, in the order of the file."""
    with (shared("data") / "wtsds" / "optimal_values.csv").open(newline="") as file:
        return {
            row["instance"]: float(row["optimal_total_weighted_tardiness"])
            for row in csv.DictReader(file)
        }


def solve_instance(name: str, seconds: float, seed: int, chains: int = 1) -> tuple[float, int]:
    """
    Return the total weighted tardiness (of the tables) and the number of violations.

    ``chains`` searches run at once, each with a seed of its own; the best is taken.
    """
    from soe_lib.params import ScheduleParams
    from soe_lib.schedule import solve, verify

    with tempfile.TemporaryDirectory() as folder:
        instance = shared("data") / "wtsds" / f"{name}.instance"
        problem = read_wtsds(instance, Path(folder))
    params = ScheduleParams(seed=seed, chains=chains, workers=chains)
    schedule = solve(problem, params, seconds=seconds)
    value = float(schedule.promises["late_cost"].sum())
    return value, len(verify(problem, schedule))


def report(seconds: float, seeds: list[int], limit: int, chains: int) -> None:
    """Print one line per instance and the totals of the issue's rule."""
    print(f"\nwt_sds, {seconds:g} s of search, {chains} at once, seeds {seeds}: mean of the seeds")
    known = dict(list(optima().items())[:limit])
    total = 0.0
    gaps: list[float] = []
    missed: list[str] = []
    for name, optimum in known.items():
        found = [solve_instance(name, seconds, seed, chains) for seed in seeds]
        values = [value for value, _ in found]
        mean = statistics.fmean(values)
        total += mean
        gap = 100 * (mean - optimum) / optimum if optimum else 0.0
        if optimum:
            gaps.append(gap)
        elif mean > 1e-6:
            missed.append(name)
        broken = sum(count for _, count in found)
        listed = " ".join(f"{value:,.0f}" for value in values)
        shown = f"{gap:7.2f} %" if optimum else f"{mean:9,.0f}"
        print(
            f"  {name:12s} optimum {optimum:9,.0f}  mean {mean:11,.1f}  gap {shown}  [{listed}]"
            f"{'' if not broken else f'  {broken} violations'}",
            flush=True,
        )
    best = sum(known.values())
    print(
        f"  total {total:,.0f} of {best:,.0f}: {100 * (total / best - 1):.2f} % above; gaps of "
        f"non-zero optima: median {statistics.median(gaps):.2f} %, mean "
        f"{statistics.fmean(gaps):.2f} %, largest {max(gaps):.2f} %; zero optima missed: "
        f"{', '.join(missed) or 'none'}"
    )
