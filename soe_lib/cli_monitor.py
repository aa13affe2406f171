"""Commands of step 5: weeks of the loop unattended, past KPIs computed again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import pandas as pd

from soe_lib.cli_loop import progress_bar
from soe_lib.ledger import Ledger
from soe_lib.params import ParamsError, load_params
from soe_lib.run import project_root
from soe_lib.workspace import Workspace

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE, FAILED = 0, 1
MOST_LINES = 20


def add_commands(add: Add) -> None:
    """Add the commands to the parser."""
    weeks = add("weeks", _weeks, "the whole loop on the simulated plant, unattended, week by week")
    weeks.add_argument("--weeks", type=int, default=12, help="1 to 14")
    weeks.add_argument("--seed", type=int, default=1)
    weeks.add_argument("--iterations", type=int, default=1000, help="moves of each search")
    weeks.add_argument("--papermill", action="store_true", help="by the notebooks, with reports")
    weeks.add_argument("--params", default="", help="parameter file (default params/weekly.yaml)")
    again = add("recompute", _recompute, "compute the KPIs of past cycles again and compare")
    again.add_argument("--source", default="", help="only this source")
    again.add_argument(
        "--as-known", action="store_true", help="from the newest snapshot, as known at each week"
    )


def _weeks(arguments: argparse.Namespace) -> int:
    from soe_lib.loop.weeks import loop_params, run_weeks

    if not 1 <= arguments.weeks <= 14 or arguments.iterations < 0:
        raise ParamsError("--weeks is 1 to 14, --iterations at least 0")
    params = load_params(arguments.params or project_root() / "params" / "weekly.yaml")
    workspace = Workspace.default()
    with progress_bar() as progress:
        found = run_weeks(
            arguments.seed,
            arguments.weeks,
            loop_params(params, arguments.iterations),
            workspace,
            papermill=arguments.papermill,
            progress=progress,
            clock=time.monotonic,
        )
    for week in found:
        seal = "APS, ERP and MES agree" if week.is_green else "the systems differ"
        said = f"published '{week.scenario}', {seal}" if week.scenario else "nothing to publish"
        print(f"{week.cycle_id}: {week.num_kpis} KPIs, {said} [{week.seconds:.0f} s]")
    green = sum(week.is_green for week in found)
    print(f"weeks={len(found)} errors=0 published_green={green}")
    return DONE if green == len(found) else FAILED


def _recompute(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.recompute import finished_runs, latest_of, recompute, recompute_as_known

    workspace = Workspace.default()
    runs = list(finished_runs(workspace, arguments.source))
    num_kpis = num_differences = num_bad = 0
    if arguments.as_known:
        for run in runs:
            later = latest_of(workspace, run.source_name)
            rows = recompute_as_known(run, later)
            num_differences += len(rows)
            num_kpis += len(run.read("kpis"))
            print(f"{run.cycle_id} {run.source_name}: {len(rows)} figures differ as known now")
            _print_rows(rows)
    else:
        with Ledger.default(workspace) as ledger:
            for run in runs:
                found = recompute(run, ledger)
                num_kpis += found.num_kpis
                num_differences += len(found.differences)
                num_bad += not found.is_same
                print(found.sentence)
                _print_rows(found.differences)
    print(f"cycles={len(runs)} kpis={num_kpis} differences={num_differences} cycles_bad={num_bad}")
    return FAILED if num_differences or num_bad else DONE


def _print_rows(rows: pd.DataFrame) -> None:
    for row in rows.head(MOST_LINES).to_dict("records"):
        print(
            f"  {row['table']} {row['kpi_id']} {row['period_end']:%Y-%m-%d} {row['column']}: "
            f"{row['reported']} -> {row['recomputed']}"
        )
    if len(rows) > MOST_LINES:
        print(f"  and {len(rows) - MOST_LINES} more")
