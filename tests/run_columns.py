"""
Write the columns that the tables of a run have, after a table was changed.

    python -m tests.run_columns data/workspace/runs/2026-W48/demo
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from soe_lib.run_columns import COLUMNS_FILE
from tests.conftest import ROOT

ONLY_SOME_RUNS = {"parameter_overrides"}
"""Tables that a run has only where somebody has accepted a proposal."""


def columns_of(folder: Path) -> dict[str, list[str]]:
    """Return the columns of each table in the folder of a run, by name."""
    paths = sorted((folder / "tables").glob("*.parquet"))
    return {p.stem: list(pq.read_schema(p).names) for p in paths if p.stem not in ONLY_SOME_RUNS}


if __name__ == "__main__":
    target = ROOT / "soe_lib" / COLUMNS_FILE
    rows = [
        f"{json.dumps(name)}: {json.dumps(c)}" for name, c in columns_of(Path(sys.argv[1])).items()
    ]
    target.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    print(target)
