"""
Replay of a past decision: computed again from what it was computed from, compared bit for bit.

Snapshot, parameters, seed and levers stand in the run and in the ledger; the replay computes the
chosen scenario anew and compares its schedule with the hash that was recorded when it was chosen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata, resources
from typing import Any

import pandas as pd

from soe_lib.decision.record import DecisionRecord, differences, read_record
from soe_lib.run import Run
from soe_lib.scenario.catalogue import scenarios
from soe_lib.scenario.evaluate import evaluate_all
from soe_lib.scenario.identity import table_hash
from soe_lib.scenario.result import start_of
from soe_lib.scenario.result_tables import result_tables
from soe_lib.steps.desk import Desk
from soe_lib.steps.desk_records import DeskError
from soe_lib.steps.live import (
    SCHEDULE_TABLES,
    LiveRun,
    compute,
    ground_of,
    live_run,
    rows_of_one,
    schedule_hash,
)
from soe_lib.steps.what_if import context_of


@dataclass(frozen=True)
class Replay:
    """
    A decision beside its replay.

    Attributes
    ----------
    scenario, title
        What was chosen.
    is_same
        Whether the schedule is the recorded one, bit for bit.
    recorded_hash, replayed_hash
        Hash of operations, promises, pegging, purchases and expedites.
    measures
        One row per expected figure of the decision: ``measure``, ``recorded``, ``replayed``.
    tables
        One row per table: ``table``, ``num_rows``, ``num_rows_kept``, ``is_same``.
    recorded_code, code
        Versions of the code then and now.
    record
        Sealed record of the decision with the options seen; None for a decision without one.
    other_options
        Titles of the other options seen that do not replay.
    """

    scenario: str
    title: str
    is_same: bool
    recorded_hash: str
    replayed_hash: str
    measures: pd.DataFrame
    tables: pd.DataFrame
    recorded_code: str
    code: str
    record: DecisionRecord | None = None
    other_options: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What the replay found, in words."""
        if self.is_same:
            others = ", ".join(self.other_options)
            but = f" Of the other options seen these differ: {others}." if others else ""
            return f"Replayed '{self.title}': the same schedule and figures, bit for bit.{but}"
        because = ""
        if self.code != self.recorded_code:
            because = f"; it was computed by code {self.recorded_code}, now runs {self.code}"
        if self.recorded_hash == self.replayed_hash:
            off = self.measures["recorded"] != self.measures["replayed"]
            names = ", ".join(self.measures.loc[off, "measure"])
            return f"Replayed '{self.title}': the same schedule, but not its {names}{because}."
        other = self.tables.loc[~self.tables["is_same"], "table"].tolist()
        differs = f" ({', '.join(other)} differ)" if other else " (nor are the tables of the run)"
        return f"Replayed '{self.title}': not the schedule that was chosen{differs}{because}."


@cache
def code_version() -> str:
    """Return the version of the package and a hash over its Python files."""
    digest = hashlib.sha256()
    root = resources.files("soe_lib")
    with resources.as_file(root) as folder:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\x00")
            digest.update(path.read_bytes())
    return f"{metadata.version('soe-lib')}+{digest.hexdigest()[:12]}"


def replay_decision(run: Run, desk: Desk) -> Replay:
    """
    Compute the standing decision of a cycle again and compare.

    Parameters
    ----------
    run
        Finished run of the cycle: its snapshot, parameters and seed are used, not its results.
    desk
        Desk of the same cycle; what was recorded is read from its ledger.

    Raises
    ------
    DeskError
        When nothing is decided, or the snapshot is not the one that was decided on.
    """
    decision = dict(desk.standing().decision)
    if not decision:
        raise DeskError(f"nothing of {desk.cycle_id} is decided yet")
    if decision["snapshot_id"] != run.snapshot.snapshot_id:
        raise DeskError(
            f"{desk.cycle_id} was decided on snapshot {decision['snapshot_id']}, the run has "
            f"{run.snapshot.snapshot_id}"
        )
    record = record_of(decision)
    seen = live_run(run, str(decision["scenario"]))
    found = _computed(seen, str(decision["scenario"]))
    expected: dict[str, Any] = dict(decision["expected"])
    again = rows_of_one(found["scenarios"], str(decision["scenario"])).iloc[0]
    measures = pd.DataFrame(
        {
            "measure": list(expected),
            "recorded": [float(value) for value in expected.values()],
            "replayed": [float(again[name]) for name in expected],
        }
    )
    replayed = schedule_hash(found, str(decision["scenario"]))
    same_figures = bool((measures["recorded"] == measures["replayed"]).all())
    return Replay(
        scenario=str(decision["scenario"]),
        title=str(decision["title"]),
        is_same=replayed == decision["result_hash"] and same_figures,
        recorded_hash=str(decision["result_hash"]),
        replayed_hash=replayed,
        measures=measures,
        tables=_compared(seen, str(decision["scenario"]), found),
        recorded_code=str(decision.get("code_version", "unknown")),
        code=code_version(),
        record=record,
        other_options=_other_options(record, found, str(decision["scenario"])),
    )


def record_of(decision: Mapping[str, Any]) -> DecisionRecord | None:
    """
    Return the sealed record of a decision; None where it was taken before there were records.

    Raises
    ------
    DeskError
        When its hash does not fit its content.
    """
    if "record" not in decision:
        return None
    try:
        return read_record(json.dumps(decision["record"]))
    except ValueError as error:
        raise DeskError(str(error)) from None


def _other_options(
    record: DecisionRecord | None, found: dict[str, pd.DataFrame], chosen: str
) -> tuple[str, ...]:
    """Titles of options beside the chosen one that were computed on the way and are not as seen."""
    if record is None:
        return ()
    names = [name for name in found["scenarios"]["scenario"] if name in record.result_hashes]
    again = {name: schedule_hash(found, name) for name in names if name != chosen}
    seen = replace(record, result_hashes={name: record.result_hashes[name] for name in again})
    titles = {str(option["scenario"]): str(option["title"]) for option in record.options}
    return tuple(titles[name] for name in differences(seen, again)["scenario_id"])


def _computed(run: LiveRun, scenario: str) -> dict[str, pd.DataFrame]:
    """Return tables computed from the snapshot that hold the scenario."""
    if scenario in run.scenario_names():
        return compute(ground_of(run), scenario, run.choice(scenario))
    context = context_of(run)
    # a scenario of the batch may build on those before it, never on those after it
    wanted = list(run.params.scenario.names)
    results = evaluate_all(scenarios(wanted[: wanted.index(scenario) + 1]), start_of(context))
    return result_tables(results, context)


def _compared(run: LiveRun, scenario: str, found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for name in SCHEDULE_TABLES:
        kept, again = rows_of_one(run.read(name), scenario), rows_of_one(found[name], scenario)
        rows.append((name, len(again), len(kept), table_hash(kept) == table_hash(again)))
    return pd.DataFrame(rows, columns=["table", "num_rows", "num_rows_kept", "is_same"])
