"""
Detection over millions of shop-floor events: seconds and peak memory.

``python -m tests.benchmarks.events --events 10000000`` writes a Parquet file of so many events of
nine weeks, three hundred lines and a planted shift on one of them, and runs in a process of its own
the detectors that read events (scrap, speed, stock records). It fails above the memory limit.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.divergence.rates import slow_running
from soe_lib.divergence.scrap import scrap
from soe_lib.divergence.stock_records import stock_identity, wrong_stock
from soe_lib.params import Params
from soe_lib.progress import Progress
from soe_lib.tables import TABLES

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
WEEKS = 9
LINES, ITEMS, PARTS = 300, 400, 200
OPERATIONS = 5
EVENTS_PER_RUN = 8
RATE = 600.0
LIMIT_GB = 2.0
BAD_LINE = "L007"
"""It scraps six times as much and runs a quarter slower in the last four days."""

_SQL = f"""
COPY (
  WITH run AS (
    SELECT n, n // {OPERATIONS} AS wo, n % {OPERATIONS} AS op,
      'L' || lpad(CAST(n % {LINES} AS VARCHAR), 3, '0') AS line,
      TIMESTAMPTZ '{(AS_OF - pd.Timedelta(weeks=WEEKS)).isoformat()}'
        + to_seconds({WEEKS} * 604800.0 * (n + 0.5) / $runs) AS begun,
      (random() + random() + random() + random() - 2) * 0.09 AS noise,
      exp((random() + random() + random() + random() - 2) * 0.9) AS scatter
    FROM range($runs) AS t(n)
  ), shifted AS (
    SELECT *, line = '{BAD_LINE}' AND begun > TIMESTAMPTZ '{(AS_OF - pd.Timedelta(days=4))}'
      AS is_bad FROM run
  )
  SELECT
    'E' || (n * {EVENTS_PER_RUN} + k) AS event_id,
    'W' || wo AS wo_id,
    CAST(10 * (op + 1) AS BIGINT) AS op_no,
    CAST(NULL AS BIGINT) AS split_no,
    line AS resource_id,
    begun + to_seconds(k * 3600.0 * exp(noise + CASE WHEN is_bad THEN 0.29 ELSE 0 END)
                       / ({EVENTS_PER_RUN} - 1)) AS event_at,
    CASE k WHEN 0 THEN 'start' WHEN {EVENTS_PER_RUN - 1} THEN 'complete' ELSE 'progress' END
      AS event_type,
    CASE WHEN k = 0 THEN 0.0 ELSE round({RATE / (EVENTS_PER_RUN - 1)}) END AS good_qty,
    CASE WHEN k = 0 THEN 0.0 ELSE round(0.8 * scatter * CASE WHEN is_bad THEN 6 ELSE 1 END) END
      AS scrap_qty,
    CAST(NULL AS VARCHAR) AS supersedes_id
  FROM shifted CROSS JOIN range({EVENTS_PER_RUN}) AS e(k)
) TO '$file' (FORMAT parquet)
"""


def write_events(path: Path, events: int) -> int:
    """Write the events; returns how many work orders they are of."""
    runs = events // EVENTS_PER_RUN
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads TO 1; SELECT setseed(0.5)")
        connection.execute(_SQL.replace("$runs", str(runs)).replace("$file", str(path)))
    return runs // OPERATIONS


def facts_over(path: Path, orders: int) -> Facts:
    """Return facts whose events lie in a file, with the tables that the detectors join."""
    lines = [f"L{n:03d}" for n in range(LINES)]
    items = [f"I{n:03d}" for n in range(ITEMS)]
    parts = [f"P{n:03d}" for n in range(PARTS)]
    begin = AS_OF - pd.Timedelta(weeks=WEEKS + 1)
    pairs = pd.MultiIndex.from_product([items, lines]).to_frame(index=False).to_numpy().T
    mondays = [AS_OF - pd.Timedelta(weeks=week) for week in range(WEEKS)]
    stock = pd.MultiIndex.from_product([parts, mondays]).to_frame(index=False)
    given = {
        "resource": {"resource_id": lines, "site_id": "P"},
        "resource_calendar": {
            "resource_id": lines,
            "start_at": begin,
            "end_at": AS_OF + pd.Timedelta(days=1),
            "calendar_kind": "shift",
        },
        "run_rate": {
            "item_id": pairs[0],
            "resource_id": pairs[1],
            "standard_rate_per_hour": RATE,
        },
        "work_order": {
            "wo_id": [f"W{n}" for n in range(orders + 1)],
            "item_id": np.resize(items, orders + 1),
        },
        "item": {
            "item_id": items + parts,
            "supply_type": ["make"] * ITEMS + ["buy"] * PARTS,
            "std_cost": 1.0,
        },
        "bom_component": {
            "parent_item_id": np.repeat(items, 2),
            "component_item_id": np.resize(parts, 2 * ITEMS),
            "qty_per": 1.0,
            "op_no": 10,
        },
        "inventory_balance": {
            "item_id": stock[0],
            "balance_at": stock[1],
            "on_hand_qty": 1e6,
        },
    }
    tables = {name: _table(name, pd.DataFrame(columns)) for name, columns in given.items()}
    progress = Progress(path, AS_OF, "UTC", memory_limit="600MB")
    return facts_of(tables, AS_OF, Params(), progress=progress)


def _table(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    contract = TABLES[name]
    full = rows.reindex(columns=list(contract.columns))
    return full.astype({column.name: column.dtype for column in contract.contracts})


def detect_over(path: Path, orders: int) -> str:
    """Run the detectors and return the figures in a line."""
    facts = facts_over(path, orders)
    started = time.perf_counter()
    found = {
        "scrap": scrap(facts),
        "slow": slow_running(facts),
        "stock": wrong_stock(facts, stock_identity(facts, facts.params.horizon.history_weeks)),
    }
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    for name in ("scrap", "slow"):
        assert BAD_LINE in set(found[name]["object_id"]), f"the planted {name} was not found"
    named = ", ".join(f"{name} {len(rows)}" for name, rows in found.items())
    assert peak <= LIMIT_GB, f"{peak:.2f} GB is above {LIMIT_GB:g} GB"
    return f"detection {seconds:.1f} s, peak memory {peak:.2f} GB (rows: {named})"


def main(arguments: list[str] | None = None) -> int:
    """Write events, detect in a process of its own, print seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--file", default="")
    options = parser.parse_args(arguments)
    if options.file:
        print(detect_over(Path(options.file), options.events // EVENTS_PER_RUN // OPERATIONS))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, options.events)
        print(f"{options.events:,} events, {path.stat().st_size / 1e6:.0f} MB of Parquet")
        command = [sys.executable, "-m", "tests.benchmarks.events", "--file", str(path)]
        done = subprocess.run([*command, "--events", str(options.events)], check=False)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
