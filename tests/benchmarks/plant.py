"""
Schedule one plant and write the checker's three files.

``python -m tests.benchmarks.plant INSTANCE_DIR PLAN_DIR --seconds N --seed K``: N seconds are the
wall time of the whole process, loading, compiling and writing included. ``--rule atc`` writes the
plan of a dispatch rule instead. One JSON line tells what was done.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path


def process_age() -> float:
    """Return the seconds since this process started."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return uptime - ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.process_time()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instance", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=0, help="moves, instead of seconds")
    parser.add_argument("--chains", type=int, default=1, help="searches, as many at once")
    parser.add_argument("--rule", default="", help="a dispatch rule instead of the search")
    arguments = parser.parse_args()

    from soe_lib.params import ScheduleParams
    from soe_lib.schedule import dispatch, solve, verify
    from tests.benchmarks.instances import read_plant, write_plan

    problem = read_plant(arguments.instance)
    loaded = process_age()
    if arguments.rule:
        schedule = dispatch(problem, arguments.rule)
    else:
        # writing and checking what was found takes a moment that grows with the plant
        chains = arguments.chains
        reserve = 0.4 + len(problem.demand_qty) / 20_000 * (3.0 + chains)
        left = max(arguments.seconds - loaded - reserve, 0.2)
        params = ScheduleParams(seed=arguments.seed, chains=chains, workers=chains)
        if arguments.iterations:
            schedule = solve(
                problem, params.model_copy(update={"iterations": arguments.iterations})
            )
        else:
            schedule = solve(problem, params, seconds=left)
    solved = process_age()
    write_plan(arguments.plan, problem, schedule)
    written = process_age()
    violations = verify(problem, schedule)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {k: v for k, v in schedule.summary.items() if isinstance(v, (int, float, str, bool))}
    print(
        json.dumps(
            {
                "loaded_seconds": round(loaded, 2),
                "solved_seconds": round(solved, 2),
                "written_seconds": round(written, 2),
                "wall_seconds": round(process_age(), 2),
                "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
                "peak_mb": round(usage.ru_maxrss / 1024),
                "verify_violations": len(violations),
                "verify_rules": sorted(set(violations["rule"])),
                "summary": told,
            }
        )
    )


if __name__ == "__main__":
    main()
