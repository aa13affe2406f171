"""
Scenarios that are computed during the meeting: beside the run, never in it.

A finished run is immutable. What the meeting adds lies in ``scenarios/<cycle>/<source>/<name>/``;
a :class:`LiveRun` reads the run's tables with those scenarios appended and writes beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import cast

import pandas as pd

from soe_lib.run import Run, RunError
from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.compare import ranked
from soe_lib.scenario.context import Context
from soe_lib.scenario.custom import Choice, Progress, evaluate_choice
from soe_lib.scenario.identity import tables_hash
from soe_lib.scenario.lever_specs import lever_of, spec_of
from soe_lib.scenario.levers import TypedLever
from soe_lib.scenario.result import Result, Start, start_of
from soe_lib.scenario.result_tables import completed, result_tables
from soe_lib.scenario.robust import Robustness, robustness
from soe_lib.scenario.stock import watched_items
from soe_lib.schedule import Schedule, verify
from soe_lib.steps.what_if import context_of, scenario_table

CHOICE_FILE = "choice.json"
SCHEDULE_TABLES = (
    "scenario_operations",
    "scenario_promises",
    "scenario_pegging",
    "scenario_purchases",
    "scenario_expedites",
)


def schedule_hash(tables: Mapping[str, pd.DataFrame], scenario: str) -> str:
    """Return the hash of a scenario's schedule, whatever other scenarios the tables hold."""
    return tables_hash({name: rows_of_one(tables[name], scenario) for name in SCHEDULE_TABLES})


def rows_of_one(rows: pd.DataFrame, scenario: str) -> pd.DataFrame:
    """Return the rows of one scenario without its name."""
    own = rows[rows["scenario"] == scenario]
    return own.drop(columns="scenario").reset_index(drop=True)


@dataclass(frozen=True)
class Ground:
    """What every live scenario starts from: the problem, doing nothing, and how sure that is."""

    start: Start
    do_nothing: Result
    odds: Robustness | None

    @cached_property
    def watched(self) -> list[str]:
        """Items whose stock curve is shown."""
        return watched_items(self.do_nothing)

    def nothing_tables(self) -> dict[str, pd.DataFrame]:
        """Return doing nothing as tables of a run."""
        return result_tables((self.do_nothing,), self.start.context, (self.odds,))


def ground_of(run: Run) -> Ground:
    """Load what live scenarios share; some seconds, once per meeting."""
    return ground_on(context_of(run))


def ground_on(context: Context) -> Ground:
    """Compute what live scenarios on a snapshot share."""
    start = start_of(context)
    nothing = start.nothing
    return Ground(start, nothing, robustness(nothing, context, is_nothing=True))


def compute(
    ground: Ground, name: str, choice: Choice, progress: Progress = lambda share, text: None
) -> dict[str, pd.DataFrame]:
    """
    Compute one live scenario.

    Returns
    -------
    dict
        Tables of :func:`soe_lib.scenario.result_tables.result_tables`, rows of this scenario only.
    """
    context = ground.start.context
    result = evaluate_choice(choice, name, ground.start, progress)
    progress(0.85, "how sure its promises are")
    odds = robustness(result, context)
    progress(0.95, "pressure test")
    both = (ground.do_nothing, result)
    return result_tables(both, context, (ground.odds, odds), only=name, watched=ground.watched)


@dataclass(frozen=True)
class LiveRun(Run):
    """
    A finished run with the scenarios of its meeting appended; what it writes lies beside it.

    Attributes
    ----------
    pack_of
        Scenario whose decision pack is read and written; empty = the run's own pack.
    """

    pack_of: str = ""

    @property
    def live_folder(self) -> Path:
        """Folder of the meeting's scenarios."""
        return self.workspace.root / "scenarios" / self.cycle_id / self.folder.name

    def scenario_names(self) -> list[str]:
        """Names of the scenarios that the meeting has computed, in the order of their names."""
        return sorted(path.parent.name for path in self.live_folder.glob(f"*/{CHOICE_FILE}"))

    def choice(self, name: str) -> Choice:
        """Return what was chosen for a live scenario."""
        content = json.loads((self.live_folder / name / CHOICE_FILE).read_text(encoding="utf-8"))
        chosen = content["choice"]
        return Choice(
            title=chosen["title"],
            levers=tuple(chosen["levers"]),
            resources=tuple(chosen["resources"]),
            purchase_lines=tuple(chosen["purchase_lines"]),
            move_factor=chosen["move_factor"],
            typed=tuple(cast(TypedLever, lever_of(spec)) for spec in chosen.get("typed", ())),
        )

    def add(self, name: str, choice: Choice, tables: Mapping[str, pd.DataFrame]) -> None:
        """Keep a computed scenario; the choice is written last and makes it visible."""
        folder = self.live_folder / name
        for table, rows in tables.items():
            self.workspace.write_parquet(folder / f"{table}.parquet", rows)
        chosen = {**asdict(choice), "typed": [spec_of(lever) for lever in choice.typed]}
        content = {"choice": chosen, "snapshot_id": self.snapshot.snapshot_id}
        self.workspace.write_json(folder / CHOICE_FILE, content)

    def result_hash(self, scenario: str) -> str:
        """Return the hash of a scenario's schedule: operations, promises, pegging, purchases."""
        return schedule_hash({name: self.read(name) for name in SCHEDULE_TABLES}, scenario)

    def violations(self, scenario: str) -> pd.DataFrame:
        """
        Verify a scenario's tables anew: its levers put on the snapshot, its rows checked.

        Returns
        -------
        pandas.DataFrame
            Rows of :func:`soe_lib.schedule.verify`; none = the schedule may be published.
        """
        context = context_of(self)
        specs = self._rows("lever_specs", scenario)["spec"]
        problem = problem_with(context, [lever_of(spec) for spec in specs])
        tables = [self._rows(name, scenario) for name in SCHEDULE_TABLES]
        operations, promises, pegging, purchases, expedites = tables
        return verify(problem, Schedule(operations, promises, purchases, pegging, {}, expedites))

    def _rows(self, name: str, scenario: str) -> pd.DataFrame:
        return rows_of_one(self.read(name), scenario)

    def read(self, name: str) -> pd.DataFrame:
        """Read a table of the run, with the rows of the meeting's scenarios appended."""
        rows = scenario_table(super().read, super().has, name)
        parts = [
            pd.read_parquet(path)
            for scenario in self.scenario_names()
            if (path := self.live_folder / scenario / f"{name}.parquet").is_file()
        ]
        if not parts:
            return rows
        if name == "scenarios":
            parts = [completed(part) for part in parts]
        for part in parts:
            if lacking := [column for column in rows.columns if column not in part]:
                told = f"has a meeting that kept no {', '.join(lacking)} in its table '{name}'"
                raise RunError(self.lacks(told))
        both = pd.concat([rows, *parts], ignore_index=True)[list(rows.columns)]
        return ranked(both) if name == "scenarios" else both

    def table_path(self, name: str) -> Path:
        """Path of a table: beside the run where the meeting wrote it, else the run's own."""
        beside = self._pack_folder / f"{name}.parquet"
        return beside if beside.is_file() else super().table_path(name)

    def write(self, **tables: pd.DataFrame) -> None:
        """Write tables beside the run."""
        for name, rows in tables.items():
            path = self._pack_folder / f"{name}.parquet"
            self.workspace.write_parquet(path, rows.reset_index(drop=True))

    def say(self, step: str, words: Mapping[str, object]) -> None:
        """Record words beside the run."""
        self.workspace.write_json(self._pack_folder / f"{step}.json", dict(words))

    @property
    def _pack_folder(self) -> Path:
        return self.live_folder / "packs" / (self.pack_of or "recommended")


def live_run(run: Run, pack_of: str = "") -> LiveRun:
    """Return a finished run as the meeting sees it, with the pack of one scenario."""
    own = {field.name: getattr(run, field.name) for field in fields(Run)}
    return LiveRun(**own, pack_of=pack_of)


def next_name(run: LiveRun) -> str:
    """Return a free name for the next live scenario, e.g. ``live_03``."""
    numbers = [int(name.rsplit("_", 1)[1]) for name in run.scenario_names()]
    return f"live_{max(numbers, default=0) + 1:02d}"
