"""
``make bench-engine``: the engine on the benchmark plants, wt_sds and the demo plant.

Prints the table of ../shared/bench/README.md with our rows, judged by its check_plan.py and by
``verify``. Wall times are of whole processes. No test: figures depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.instances import ROOT, read_plant, shared

PLANTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "S": ("--skus 50 --lines 6 --orders 400 --weeks 4", (5, 60)),
    "M": ("--skus 500 --lines 20 --orders 5000 --weeks 8", (10, 60)),
    "L": ("--skus 2000 --lines 60 --orders 20000 --weeks 12", (60,)),
}
SEEDS = {"S": 1, "M": 2, "L": 3}
BOUND_BUCKETS: dict[str, tuple[float, float | None]] = {
    "S": (240.0, None),
    "M": (1440.0, None),
    "L": (1440.0, 30 * 1440.0),
}
DOORS = {("S", 5): 122, ("S", 60): 102, ("M", 10): 540, ("M", 60): 490, ("L", 60): 2950}
OTHERS = {
    "frePPLe 9.18, default": {"S": "300", "M": "12,558", "L": "-"},
    "frePPLe 9.18, best of ten": {"S": "204", "M": "7,507", "L": "(16,689)"},
    "greedy ATC with setups": {"S": "659", "M": "1,078", "L": "5,907"},
    "LP bound of the README": {"S": "82", "M": "326", "L": "1,291"},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="plants,wtsds,demo,resolve")
    parser.add_argument("--plants", default="S,M,L")
    parser.add_argument("--seconds", default="", help="comma separated; default the doors'")
    parser.add_argument("--plant-seeds", default="", help="other seeds than the README's")
    parser.add_argument("--seed", type=int, default=1, help="seed of the search")
    parser.add_argument("--chains", type=int, default=2, help="searches at once, one per core")
    parser.add_argument("--no-bound", action="store_true")
    parser.add_argument("--no-cold", action="store_true")
    parser.add_argument("--wtsds-seconds", type=float, default=5.0)
    parser.add_argument("--wtsds-seeds", default="1,2,3")
    parser.add_argument("--wtsds-limit", type=int, default=40)
    arguments = parser.parse_args(argv)
    parts = arguments.parts.split(",")
    if "plants" in parts:
        _plants(arguments)
    if "wtsds" in parts:
        from tests.benchmarks.wtsds import report

        seeds = [int(s) for s in arguments.wtsds_seeds.split(",")]
        report(arguments.wtsds_seconds, seeds, arguments.wtsds_limit, arguments.chains)
    if "demo" in parts:
        from tests.benchmarks.demo import report as report_demo

        report_demo(arguments.seed)
    if "resolve" in parts:
        _resolve(arguments.seed)
    return 0


def _resolve(seed: int) -> None:
    """Solve small changes again from the answer, on plant M and on the demo plant."""
    from tests.benchmarks.demo import demo_problem
    from tests.benchmarks.resolve import report

    print("\na small change, solved again from the answer (doors: demo 1 s, M 5 s):")
    demo = demo_problem()
    if demo is not None:
        report("demo", demo, seed)
    with tempfile.TemporaryDirectory(prefix="soe-bench-") as folder:
        instance = Path(folder) / "M"
        command = [sys.executable, str(shared("bench") / "make_plant.py"), str(instance)]
        _run([*command, *PLANTS["M"][0].split(), "--seed", str(SEEDS["M"])])
        report("M", read_plant(instance), seed)


def _plants(arguments: argparse.Namespace) -> None:
    head = (
        "plant seed  limit s | wght late days  door | FG stock h (ATC)   ATC late |"
        "    bound  gap % |"
        "  wall s   cpu s  cold s | moves/s   peak MB | checker, verify"
    )
    print(head, flush=True)
    with tempfile.TemporaryDirectory(prefix="soe-bench-") as name:
        folder = Path(name)
        for plant in arguments.plants.split(","):
            seeds = [int(s) for s in arguments.plant_seeds.split(",") if s] or [SEEDS[plant]]
            for seed in seeds:
                _plant(plant, seed, folder, arguments)
    print("\nwhat others reach (CPU seconds in the README), weighted late days:")
    for who, values in OTHERS.items():
        print(f"  {who:28s}" + "".join(f"{k}: {v:>9s}   " for k, v in values.items()))


def _plant(plant: str, seed: int, folder: Path, arguments: argparse.Namespace) -> None:
    options, limits = PLANTS[plant]
    if arguments.seconds:
        limits = tuple(int(s) for s in arguments.seconds.split(","))
    instance = folder / f"{plant}{seed}"
    command = [sys.executable, str(shared("bench") / "make_plant.py"), str(instance)]
    _run([*command, *options.split(), "--seed", str(seed)])
    bound, bound_seconds = float("nan"), 0.0
    if not arguments.no_bound:
        bound, bound_seconds = _bound(plant, instance)
    _schedule(instance, folder / "warm", ["--seconds", "1", "--iterations", "1000"])
    _schedule(instance, folder / "atc", ["--rule", "atc"])
    rule = _judge(instance, folder / "atc")
    for limit in limits:
        given = ["--seconds", str(limit), "--seed", str(arguments.seed)]
        given += ["--chains", str(arguments.chains)]
        told = _schedule(instance, folder / "plan", given)
        judged = _judge(instance, folder / "plan")
        cold: float | str = "-"
        if not arguments.no_cold and limit == limits[0]:
            with tempfile.TemporaryDirectory() as cache:
                started = time.perf_counter()
                _schedule(instance, folder / "cold", given, {"NUMBA_CACHE_DIR": cache})
                cold = round(time.perf_counter() - started, 1)
        value = float(judged["weighted_late_days"])
        gap = 100 * (value - bound) / value if value > 0 else 0.0
        seeds_match = seed == SEEDS[plant]
        door = DOORS.get((plant, limit), "") if seeds_match else ""
        checked = judged["violations"] or "no violation"
        verified = told["verify_rules"] or "none"
        moves = told["summary"].get("moves_per_second", float("nan"))
        print(
            f"{plant:5s} {seed:4d} {limit:8d} | {value:14,.1f} {door!s:>5s} | "
            f"{judged['avg_FG_stock_run_hours']:10,.1f} ({rule['avg_FG_stock_run_hours']:,.1f}) "
            f"{rule['weighted_late_days']:10,.1f} | {bound:8,.1f} {gap:6.1f} | "
            f"{told['wall']:7.1f} {told['cpu']:7.1f} {cold!s:>7s} | {moves:9,.0f} "
            f"{told['peak_mb']:7,d} | {checked}, {verified}",
            flush=True,
        )
    if not arguments.no_bound:
        print(f"      bound of {plant}{seed}: {bound:,.2f} in {bound_seconds:.1f} s", flush=True)


def _bound(plant: str, instance: Path) -> tuple[float, float]:
    """Return the higher of two true bounds: the relaxation of lines, the allocation of material."""
    from soe_lib.schedule.allocation import allocate
    from soe_lib.schedule.relaxation import lower_bound

    step, daily_for = BOUND_BUCKETS[plant]
    problem = read_plant(instance)
    started = time.perf_counter()
    found = lower_bound(problem, step_minutes=step, daily_for=daily_for)
    material = allocate(problem, slack_minutes=None)
    best = max(found.value, material.bound if material is not None else 0.0)
    return best, time.perf_counter() - started


def _schedule(
    instance: Path, plan: Path, options: list[str], environ: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run the plant command in a process of its own and time all of it."""
    before = os.times()
    started = time.perf_counter()
    text = _run(
        [sys.executable, "-m", "tests.benchmarks.plant", str(instance), str(plan), *options],
        environ,
    )
    told: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    after = os.times()
    told["wall"] = time.perf_counter() - started
    told["cpu"] = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return told


def _judge(instance: Path, plan: Path) -> dict[str, Any]:
    checker = shared("bench") / "check_plan.py"
    found: dict[str, Any] = json.loads(
        _run([sys.executable, str(checker), str(instance), str(plan)])
    )
    return found


def _run(command: list[str], environ: dict[str, str] | None = None) -> str:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    given = {**os.environ, "PYTHONPATH": path, **(environ or {})}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
