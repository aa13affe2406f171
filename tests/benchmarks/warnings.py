"""
Does the forecast of a missed week beat the plain threshold? On simulated plants, week by week.

Each plant runs on its own plan with its own incidents; its history is cut into weeks and lines, and
both rules are judged by what was known before each week. Lines of all plants are learned from
together, as the lines of one big site would be.

    python -m tests.benchmarks.warnings --seeds 10 --weeks 12 --target 95
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.kpi.value import Period
from soe_lib.monitoring.attainment import week_days
from soe_lib.monitoring.warning_rules import beats, judge_rules, rules_sentence
from soe_lib.params import Params
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import load_source
from soe_lib.twin.books import open_books
from soe_lib.twin.demo import write_extracts
from soe_lib.twin.execution import WARM_UP_WEEKS, start_campaign
from soe_lib.workspace import Workspace
from tests.conftest import ROOT


def history(seed: int, weeks: int, folder: Path) -> pd.DataFrame:
    """Return rows of ``week_days`` of one plant; its lines carry its seed."""
    plant = start_campaign(seed, weeks)
    clock = plant.world.clock
    as_of = clock.at((WARM_UP_WEEKS + weeks) * 7, 5)
    plant.run(as_of)
    first = clock.day(as_of) - 7 * weeks
    books = open_books(plant.world, plant.log, plant.incidents, as_of, as_of, first)
    write_extracts(books, folder / "extracts")
    source = load_source(
        "demo", ROOT / "params" / "sources", {"SOE_DEMO": str(folder / "extracts")}
    )
    instant = pd.Timestamp(clock.instants([as_of])[0])
    snapshot = take_snapshot(source, instant, Workspace(folder / "ws"))
    zone = snapshot.site_time_zone
    facts = facts_of(snapshot.tables, instant, Params(), time_zone=zone)
    days = week_days(facts, Period.last_weeks(instant, weeks, zone))
    return days.assign(resource_id=f"{seed}-" + days["resource_id"])


def main() -> None:
    """Print both rules and whether the forecast would be shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--weeks", type=int, default=12)
    parser.add_argument("--target", type=float, default=90.0, help="attainment wanted [%%]")
    arguments = parser.parse_args()
    parts = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            parts.append(history(seed, arguments.weeks, Path(folder)))
    days = pd.concat(parts, ignore_index=True)
    rules = judge_rules(days, arguments.target)
    print(rules.round(1).to_string(index=False))
    print(rules_sentence(rules, beats(rules)))
    print(f"lines={days['resource_id'].nunique()} shipped={beats(rules)}")


if __name__ == "__main__":
    main()
