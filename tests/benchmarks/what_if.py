"""
``make bench-what-if``: seconds from a lever that is pulled to the new comparison.

As the page does it: a child process that has loaded the plant computes, tests and writes the
scenario's tables; the parent keeps them as files, ranks the scenarios and draws comparison and
costs. The doors are 3 s on the demo plant and 10 s on a plant of 500 SKUs, 20 lines and 5,000
orders. No test: figures depend on the machine, CPU seconds stand beside the wall time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from soe_lib.params import Params, load_params
from soe_lib.scenario.context import Context
from soe_lib.scenario.custom import Choice
from soe_lib.scenario.levers import RushOrder
from soe_lib.steps.live import Ground, compute, ground_on
from soe_lib.views.live.worker import Report, Worker
from tests.benchmarks.instances import ROOT, SOURCES, _typed, shared

DOORS = {"demo": 3.0, "M": 10.0}
PLANT = "--skus 500 --lines 20 --orders 5000 --weeks 8 --seed 2"
STOPPED_LINE, STOPPED_HOURS = 0, 48.0
Tables = dict[str, pd.DataFrame]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the plants that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plants", default="demo,M")
    parser.add_argument("--repeat", type=int, default=2)
    arguments = parser.parse_args(argv)
    print(
        "plant lever                              wall s   CPU s child + page   door s", flush=True
    )
    for plant in arguments.plants.split(","):
        with tempfile.TemporaryDirectory(prefix="soe-bench-") as name:
            folder = Path(name)
            if plant == "M":
                _keep(folder, *plant_m(folder))
            else:
                _keep(folder, *demo())
            _report(plant, folder, arguments.repeat)
    return 0


def demo() -> tuple[Tables, pd.Timestamp, str]:
    """Return tables, instant and zone of the demo plant."""
    from soe_lib.snapshot import take_snapshot
    from soe_lib.sources import load_source
    from soe_lib.workspace import Workspace

    source = load_source("demo", ROOT / "params" / "sources")
    local = pd.Timestamp(source.default_as_of)
    local = local if local.tzinfo else local.tz_localize(source.site_time_zone)
    as_of = local.tz_convert("UTC")
    with tempfile.TemporaryDirectory() as folder:
        tables = dict(take_snapshot(source, as_of, Workspace(Path(folder))).tables)
    return tables, as_of, source.site_time_zone


def plant_m(folder: Path) -> tuple[Tables, pd.Timestamp, str]:
    """
    Return the bench's plant M with a published schedule and a line that stands still.

    Its order lines are planned and dispatched by the engine's rule; those lots become the work
    orders and the published schedule. Then the first line is down for two days.
    """
    import json

    from soe_lib.schedule import build_problem, dispatch
    from soe_lib.sources import load_source, read_tables

    instance = folder / "instance"
    command = [sys.executable, str(shared("bench") / "make_plant.py"), str(instance)]
    subprocess.run([*command, *PLANT.split()], check=True, capture_output=True)
    as_of = pd.Timestamp(json.loads((instance / "meta.json").read_text())["start"], tz="UTC")
    source = load_source("plant", SOURCES, {"SOE_PLANT": str(instance)})
    raw = read_tables(source, as_of)
    tables = {name: _typed(name, found.rows, source.site_time_zone) for name, found in raw.items()}
    planned = dispatch(build_problem(tables, as_of, horizon_weeks=12), "atc").operations
    planned = planned[planned["end_at"].notna()]
    heads = planned.drop_duplicates("wo_id")
    orders = pd.DataFrame(
        {
            "wo_id": heads["wo_id"],
            "item_id": heads["item_id"],
            "ordered_qty": heads["planned_qty"],
            "release_at": as_of,
            "due_at": planned.groupby("wo_id")["end_at"].max().reindex(heads["wo_id"]).to_numpy(),
            "status": "planned",
        }
    )
    published = planned.assign(
        version_id="V1",
        published_at=as_of - pd.Timedelta(days=1),
        status="published",
        is_frozen=False,
    )
    line = sorted(tables["resource"]["resource_id"])[STOPPED_LINE]
    stop = pd.DataFrame(
        {
            "resource_id": [line],
            "start_at": [as_of],
            "end_at": [as_of + pd.Timedelta(hours=STOPPED_HOURS)],
            "expected_end_at": [as_of + pd.Timedelta(hours=STOPPED_HOURS)],
            "is_planned": [False],
            "reason_code": ["breakdown"],
        }
    )
    added = {"work_order": orders, "schedule_operation": published, "downtime_event": stop}
    for name, rows in added.items():
        tables[name] = _contracted(name, rows)
    return tables, as_of, source.site_time_zone


def _contracted(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    from soe_lib.tables import TABLES

    contract = TABLES[name]
    found = rows.reset_index(drop=True).reindex(columns=list(contract.columns))
    return found.astype({column.name: column.dtype for column in contract.contracts})


def _keep(folder: Path, tables: Tables, as_of: pd.Timestamp, zone: str) -> None:
    for name, rows in tables.items():
        rows.to_parquet(folder / f"{name}.parquet")
    (folder / "about.txt").write_text(f"{as_of.isoformat()}\n{zone}\n")


def load(where: str) -> Ground:
    """Load a plant in the child, as the page's child loads a run."""
    folder = Path(where)
    as_of, zone = (folder / "about.txt").read_text().split()
    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    params: Params = load_params(ROOT / "params" / "weekly.yaml")
    return ground_on(Context(tables, pd.Timestamp(as_of), zone, params))


def work(
    ground: Ground, job: Choice | None, progress: Callable[[float, str], None]
) -> tuple[dict[str, pd.DataFrame], float]:
    """Compute a scenario; without a choice, return doing nothing. CPU seconds beside it."""
    started = time.process_time()
    tables = ground.nothing_tables() if job is None else compute(ground, "live_01", job, progress)
    return tables, time.process_time() - started


def _asked(worker: Worker, job: Choice | None) -> Report:
    worker.submit(job)
    while True:
        for report in worker.reports():
            if report.kind == "failed":
                raise SystemExit(report.text)
            if report.kind == "done":
                return report
        time.sleep(0.02)


def _report(plant: str, folder: Path, repeat: int) -> None:
    worker = Worker(load, work, str(folder))
    worker.start()
    nothing, _ = _asked(worker, None).result
    for label, choice in choices(folder, nothing).items():
        best: tuple[float, float] | None = None
        for _ in range(repeat):
            started, busy = time.perf_counter(), time.process_time()
            tables, seconds = _asked(worker, choice).result
            _drawn(folder, nothing, tables)
            wall = time.perf_counter() - started
            seconds += time.process_time() - busy
            best = min(best or (wall, seconds), (wall, seconds))
        assert best is not None
        wall, seconds = best
        print(f"{plant:5s} {label:34s} {wall:8.2f} {seconds:20.2f} {DOORS[plant]:8.0f}", flush=True)
    worker.cancel()


def choices(folder: Path, nothing: Tables) -> dict[str, Choice]:
    """Return what is pulled: each lever of the page, three together, a rush order."""
    late = nothing["scenario_orders"]
    first = late.iloc[0]
    as_of = pd.Timestamp((folder / "about.txt").read_text().split()[0])
    day = (as_of + pd.Timedelta(days=10)).tz_localize(None).normalize()
    rush = RushOrder("RUSH", first["item_id"], float(first["open_qty"]), day, "", 10.0, 3.0)
    return {
        "overtime": Choice("overtime", ("resequence", "overtime")),
        "alternate lines": Choice("lines", ("resequence", "alternate routing")),
        "overtime, lines and expedites": Choice(
            "three", ("resequence", "overtime", "alternate routing", "expedite")
        ),
        "rush order": Choice("rush", (), typed=(rush,)),
    }


def _drawn(folder: Path, nothing: Tables, tables: Tables) -> Any:
    """Do what the page does with a result: keep it, rank, draw comparison and costs."""
    from soe_lib.charts import plot_scenario_costs
    from soe_lib.scenario.compare import ranked
    from soe_lib.views.live.comparison import comparison_html

    kept = folder / "kept"
    kept.mkdir(exist_ok=True)
    for name, rows in tables.items():
        rows.to_parquet(kept / f"{name}.parquet")
    both = {
        name: pd.concat([nothing[name], pd.read_parquet(kept / f"{name}.parquet")])
        for name in ("scenarios", "scenario_costs", "scenario_operations", "scenario_moves")
    }
    html = comparison_html(ranked(both["scenarios"]), "EUR", "live_01")
    return html, plot_scenario_costs(both["scenario_costs"])


if __name__ == "__main__":
    sys.exit(main())
