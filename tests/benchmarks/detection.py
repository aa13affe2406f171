"""
Precision and recall of the detectors on plants that they have not seen.

``python -m tests.benchmarks.detection --first-seed 900 --seeds 30``: each seed is another plant,
other incidents and another variation without incident; its extracts are read through the demo
source as any source is, the snapshot of the last Monday is taken and the detectors run on it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from soe_lib.divergence.detect import detect
from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.divergence.projection import project
from soe_lib.params import Params
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import load_source
from soe_lib.steps.divergence import compare
from soe_lib.twin.demo import demo_clock, simulate_demo, write_extracts
from soe_lib.twin.drawn import drawn
from soe_lib.twin.nuisance import nuisance_of
from soe_lib.workspace import Workspace
from tests.benchmarks.detection_plain import plain_rows
from tests.benchmarks.detection_truth import judge, planted

ROOT = Path(__file__).resolve().parents[2]
COUNTS = ["planted", "found", "slight", "slight_found", "false"]


def plant_of(seed: int, folder: Path) -> tuple[Facts, pd.DataFrame]:
    """Return the facts of a seed's last Monday and what was planted before it."""
    run = simulate_demo(seed, drawn(demo_clock(), seed), nuisance_of(seed), look_ahead=False)
    write_extracts(run.books, folder / "extracts")
    source = load_source(
        "demo", ROOT / "params" / "sources", {"SOE_DEMO": str(folder / "extracts")}
    )
    as_of = run.world.clock.instants([run.as_of]).iloc[0]
    snapshot = take_snapshot(source, as_of, Workspace(folder / "workspace"))
    facts = facts_of(snapshot.tables, as_of, Params(), time_zone=snapshot.site_time_zone)
    return facts, planted(run)


def found_by(facts: Facts) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return roots and all rows of the detectors."""
    projection = project(facts.tables, facts.as_of, facts.params, facts.time_zone)
    baseline, _ = compare(facts, projection)
    chained, _ = detect(facts, baseline)
    return chained.roots, pd.concat([chained.roots, chained.consequences], ignore_index=True)


def score(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the counts by kind of the detectors and of the plain thresholds on one seed."""
    with tempfile.TemporaryDirectory() as folder:
        facts, truth = plant_of(seed, Path(folder))
    roots, every = found_by(facts)
    plain = plain_rows(facts)
    return judge(truth, every, roots).assign(seed=seed), judge(truth, plain, plain)


def summary(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts by kind and over all kinds, with ``precision`` and ``recall``."""
    table = counts.groupby("kind", sort=False)[COUNTS].sum()
    table.loc["all"] = table.sum()
    table["precision"] = table["found"] / (table["found"] + table["false"]).clip(lower=1)
    table["recall"] = table["found"] / table["planted"].clip(lower=1)
    return table


def table_text(ours: pd.DataFrame, plain: pd.DataFrame) -> str:
    """Return both results as a table."""
    lines = [
        f"{'':16}{'':>8}{'detectors':>34}{'plain thresholds':>28}",
        f"{'kind':16}{'planted':>8}{'slight':>7}{'found':>6}{'false':>6}{'prec.':>7}{'recall':>7}"
        f"{'found':>10}{'false':>6}{'prec.':>6}{'recall':>7}",
    ]
    for kind in ours.index:
        a, b = ours.loc[kind], plain.loc[kind]
        lines.append(
            f"{kind:16}{a['planted']:8.0f}{a['slight']:7.0f}{a['found']:6.0f}{a['false']:6.0f}"
            f"{a['precision']:7.2f}{a['recall']:7.2f}"
            f"{b['found']:10.0f}{b['false']:6.0f}{b['precision']:6.2f}{b['recall']:7.2f}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--first-seed", type=int, default=900)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--names", action="store_true", help="name what was missed and false")
    options = parser.parse_args(arguments)
    # Two processes on two cores: linear algebra must not start threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.processes > 1:
        with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
            results = list(pool.map(score, seeds))
    else:
        results = [score(seed) for seed in seeds]
    counts = pd.concat([ours for ours, _ in results])
    ours, plain = summary(counts), summary(pd.concat([other for _, other in results]))
    if options.names:
        for row in counts.itertuples():
            if row.missed or row.wrong:
                print(f"{row.seed} {row.kind}: missed {row.missed}, false {row.wrong}")
    print(f"{len(seeds)} plants, seeds {seeds[0]} to {seeds[-1]}, snapshot of the last Monday")
    print(table_text(ours, plain))
    every, other = ours.loc["all"], plain.loc["all"]
    print(
        f"slight (within twice the tolerance): {every['slight']:.0f} of {every['planted']:.0f} "
        f"planted, {every['slight_found']:.0f} found ({other['slight_found']:.0f} by thresholds)"
    )
    print(f"plain thresholds: precision {other['precision']:.2f} recall {other['recall']:.2f}")
    print(f"precision {every['precision']:.2f} recall {every['recall']:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
