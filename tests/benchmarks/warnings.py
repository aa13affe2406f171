"""
Do the forecasts of a missed week and of a late supplier beat plain thresholds? Week by week.

Each plant runs on its own plan with its own incidents; its history is cut into weeks and lines, and
both rules are judged by what was known before each week. Lines of all plants are learned from
together, as the lines of one big site would be; so are suppliers. With ``--data`` the promises of
suppliers are judged on real deliveries too.

    python -m tests.benchmarks.warnings --seeds 10 --weeks 12 --target 95 --data ../shared/data
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.kpi.value import Period
from soe_lib.monitoring.attainment import week_days
from soe_lib.monitoring.slip_history import outcomes, promises
from soe_lib.monitoring.slip_rules import judge_slips, rule_that_warns, walk
from soe_lib.monitoring.slip_warning import slip_sentence
from soe_lib.monitoring.warning_rules import beats, judge_rules, rules_sentence
from soe_lib.params import Params
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import Source, load_source
from soe_lib.twin.books import open_books
from soe_lib.twin.demo import write_extracts
from soe_lib.twin.execution import WARM_UP_WEEKS, start_campaign
from soe_lib.workspace import Workspace
from tests.conftest import ROOT
from tests.test_sources_suppliers import AS_OF as HEALTH_AS_OF
from tests.test_sources_suppliers import PURCHASES, RECEIPTS


def history(seed: int, weeks: int, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, Facts]:
    """Return rows of ``week_days`` and promises of one plant, named with its seed; its facts."""
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
    said = outcomes(promises(facts))
    return (
        days.assign(resource_id=f"{seed}-" + days["resource_id"]),
        said.assign(supplier_id=f"{seed}-" + said["supplier_id"].astype("str")),
        facts,
    )


def judge_suppliers(name: str, rows: pd.DataFrame, as_of: pd.Timestamp, time_zone: str) -> None:
    """Print the rules on the promises of suppliers, week by week, and which one would warn."""
    budget = Params().monitoring.false_alarm_pct / 100
    rows = rows.reset_index(drop=True)
    weeks = int((as_of - rows["since_at"].min()) / pd.Timedelta(weeks=1))
    instants = [as_of - pd.Timedelta(weeks=back) for back in range(weeks, -1, -1)]
    rules = judge_slips(rows, walk(rows, instants, time_zone, budget), as_of, budget)
    print(f"\nsuppliers of {name}")
    print(rules.round(1).to_string(index=False))
    rule = rule_that_warns(rules)
    print(slip_sentence(rules, rule, rows[rows["known_at"] <= as_of]))
    print(f"promises={len(rows)} shipped={rule or 'none'}")


def real_suppliers(data: Path) -> None:
    """Judge the promises of AdventureWorks' and of the health programme's suppliers."""
    with tempfile.TemporaryDirectory() as folder:
        for source, at in (
            (load_source("adventureworks", ROOT / "params" / "sources",
                         {"SOE_ADVENTUREWORKS": str(data / "adventureworks")}),
             pd.Timestamp("2014-03-03T00:00Z")),
            (health_source(data, Path(folder)), HEALTH_AS_OF),
        ):  # fmt: skip
            snapshot = take_snapshot(source, at, Workspace(Path(folder) / "ws"))
            facts = facts_of(snapshot.tables, at, Params(), time_zone=snapshot.site_time_zone)
            rows = outcomes(promises(facts))
            judge_suppliers(source.name, rows, at, snapshot.site_time_zone)


def health_source(data: Path, folder: Path) -> Source:
    """Return the mapping of the health programme's deliveries, as the tests have it."""
    mapping = folder / "sources" / "scms"
    mapping.mkdir(parents=True)
    config = {"kind": "files", "currency": "USD", "date_formats": ["%d-%b-%y", "%m/%d/%y"]}
    (mapping / "source.yaml").write_text(yaml.safe_dump(config))
    (mapping / "purchase_order_line.sql").write_text(PURCHASES)
    (mapping / "goods_receipt_event.sql").write_text(RECEIPTS)
    return load_source("scms", folder / "sources", {"SOE_SCMS": str(data / "usaid_scms")})


def simulated_plants(first_seed: int, seeds: int, weeks: int, target: float) -> None:
    """Judge lines and suppliers of simulated plants, all together."""
    parts, said = [], []
    for seed in range(first_seed, first_seed + seeds):
        with tempfile.TemporaryDirectory() as folder:
            own, promised, facts = history(seed, weeks, Path(folder))
            parts.append(own)
            said.append(promised)
    days = pd.concat(parts, ignore_index=True)
    rules = judge_rules(days, target)
    print(rules.round(1).to_string(index=False))
    print(rules_sentence(rules, beats(rules)))
    print(f"lines={days['resource_id'].nunique()} shipped={beats(rules)}")
    judge_suppliers("the simulated plants", pd.concat(said), facts.as_of, facts.time_zone)


def main() -> None:
    """Print both rules and whether the forecast would be shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="plants; 0 = real data only")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--weeks", type=int, default=12)
    parser.add_argument("--target", type=float, default=90.0, help="attainment wanted [%%]")
    parser.add_argument("--data", type=Path, default=None, help="folder of the real data")
    arguments = parser.parse_args()
    if arguments.seeds:
        simulated_plants(arguments.first_seed, arguments.seeds, arguments.weeks, arguments.target)
    if arguments.data is not None:
        real_suppliers(arguments.data)


if __name__ == "__main__":
    main()
