"""Benchmark instances through the same door as any source: SQL files, snapshot, problem."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem
    from soe_lib.schedule.schedule import Schedule

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).parent / "sources"
WTSDS_START = pd.Timestamp("2026-01-05", tz="UTC")
WEEKS = 52


def shared(name: str) -> Path:
    """Return a folder of the material that is not ours: ``data`` or ``bench``."""
    data = Path(os.environ.get("SOE_REAL_DATA", ROOT.parent / "shared" / "data"))
    folder = data if name == "data" else data.parent / name
    if not folder.is_dir():
        raise SystemExit(f"{folder} not found: set SOE_REAL_DATA to the folder of the real data")
    return folder.resolve()


def read_problem(source_name: str, folder: Path, as_of: pd.Timestamp) -> Problem:
    """Read a folder of raw CSV files through the SQL of ``sources/<source_name>``."""
    from soe_lib.params import MoneyParams
    from soe_lib.schedule.build import build_problem
    from soe_lib.sources import load_source, read_tables

    source = load_source(source_name, SOURCES, {f"SOE_{source_name.upper()}": str(folder)})
    tables = {
        name: _typed(name, raw.rows, source.site_time_zone)
        for name, raw in read_tables(source, as_of).items()
    }
    # the benchmarks count lateness alone: no changeover, overtime or holding has a price
    money = MoneyParams(
        changeover_cost_per_hour=0.0, overtime_cost_per_hour=0.0, holding_pct_per_year=0.0
    )
    return build_problem(tables, as_of, horizon_weeks=WEEKS, money=money)


def _typed(name: str, rows: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Cast to the contract in memory; a cell that cannot be cast stops the benchmark."""
    from soe_lib.cast import cast_column
    from soe_lib.tables import TABLES

    columns: dict[str, pd.Series] = {}
    for column in TABLES[name].contracts:
        if column.name not in rows:
            columns[column.name] = pd.Series(index=rows.index, dtype=column.dtype)
            continue
        columns[column.name], bad = cast_column(rows[column.name], column, time_zone)
        if bad.any():
            cell = rows.loc[bad.idxmax(), column.name]
            raise SystemExit(f"{name}: row {bad.idxmax()}: {column.name} cannot be '{cell}'")
    return pd.DataFrame(columns)


def read_plant(folder: Path) -> Problem:
    """Return the problem of an instance that make_plant.py wrote."""
    meta = json.loads((folder / "meta.json").read_text())
    return read_problem("plant", folder, pd.Timestamp(meta["start"], tz="UTC"))


def write_plan(folder: Path, problem: Problem, schedule: Schedule) -> None:
    """Write the three files that check_plan.py reads."""
    folder.mkdir(parents=True, exist_ok=True)
    form = "%Y-%m-%d %H:%M:%S"
    done = schedule.operations.dropna(subset=["end_at"])
    operations = pd.DataFrame(
        {
            "sku": done["item_id"],
            "line": done["resource_id"],
            "start": done["setup_start_at"].dt.strftime(form),
            "setup_end": done["start_at"].dt.strftime(form),
            "end": done["end_at"].dt.strftime(form),
            "quantity": done["planned_qty"],
        }
    )
    operations.to_csv(folder / "plan_operations.csv", index=False)
    bought = schedule.purchases
    purchases = pd.DataFrame(
        {
            "component": bought["item_id"],
            "start": bought["order_at"].dt.strftime(form),
            "end": bought["receipt_at"].dt.strftime(form),
            "quantity": bought["qty"],
            "status": "proposed",
        }
    )
    purchases.to_csv(folder / "plan_purchases.csv", index=False)
    covered = schedule.promises.dropna(subset=["promised_at"])
    orders = pd.DataFrame(
        {
            "order_id": covered["order_id"],
            "delivered_date": covered["promised_at"].dt.strftime(form),
            "quantity": covered["promised_qty"],
        }
    )
    orders.to_csv(folder / "plan_orders.csv", index=False)


def unpack_wtsds(instance: Path, folder: Path) -> Path:
    """Write a wt_sds instance as two raw CSV files (jobs, setups) and return their folder."""
    text = instance.read_text()

    def block(begin: str, end: str) -> list[list[int]]:
        inner = text.split(begin)[1].split(end)[0]
        return [[int(x) for x in re.findall(r"-?\d+", line)] for line in inner.strip().splitlines()]

    minutes = block("Process Times:", "Weights:")
    weights = block("Weights:", "Duedates:")
    due = block("Duedates:", "Setup Times:")
    setups = block("Setup Times:", "End Problem")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "jobs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["job", "minutes", "weight", "due_minutes"])
        rows = enumerate(zip(minutes, weights, due, strict=True))
        writer.writerows([f"J{k:02d}", p[0], w[0], d[0]] for k, (p, w, d) in rows)
    with (folder / "setups.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["before", "after", "minutes"])
        for i, j, duration in setups:
            before = "start" if i < 0 else f"J{i:02d}"
            if before != f"J{j:02d}":
                writer.writerow([before, f"J{j:02d}", duration])
    return folder


def read_wtsds(instance: Path, folder: Path) -> Problem:
    """Return the problem of a wt_sds instance; ``folder`` takes its raw CSV files."""
    return read_problem("wtsds", unpack_wtsds(instance, folder), WTSDS_START)
