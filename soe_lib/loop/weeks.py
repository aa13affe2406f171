"""
Weeks of the whole loop, unattended: snapshot, five steps, decision, publication, execution.

The simulated plant writes its extracts, a cycle runs on them in a workspace of its own, people who
are scripts sign, the outbox goes back to the plant as files, and a week later all begins again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from soe_lib.batch import Outcome, Request, run_cycle
from soe_lib.calendars import cycle_id
from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger
from soe_lib.loop.errors import CampaignError
from soe_lib.loop.outbox import hand_over, with_confirmations, with_publications
from soe_lib.loop.script import ScriptedMeeting
from soe_lib.params import Params
from soe_lib.run import Run, open_run, project_root
from soe_lib.steps.decision import prepare_decision
from soe_lib.steps.divergence import find_divergences
from soe_lib.steps.follow_up import follow_up
from soe_lib.steps.impact import assess_impact
from soe_lib.steps.monitoring import monitor_execution
from soe_lib.steps.recompute import record_reported
from soe_lib.steps.signals import record_states
from soe_lib.steps.snapshot import take_data
from soe_lib.steps.what_if import explore_scenarios
from soe_lib.twin.execution import WARM_UP_WEEKS, Execution, start_campaign
from soe_lib.workspace import Workspace

SOURCE = "demo"
"""The mapping that reads the twin's extracts."""
AS_OF_HOUR = 5
MEETING_MINUTES = 25
"""The meeting is held so long after the snapshot: what it publishes is the week's plan."""
PUBLISHED_MINUTES = MEETING_MINUTES + 10
SCENARIOS = ("do_nothing", "edd_dispatch", "resequence", "alternate_line", "overtime")
STEPS: dict[str, Callable[[Run], object]] = {
    "0_snapshot": take_data,
    "1_divergence": find_divergences,
    "2_impact": assess_impact,
    "3_what_if": explore_scenarios,
    "4_decision": prepare_decision,
    "5_monitoring": lambda run: (monitor_execution(run), follow_up(run)),
}


@dataclass(frozen=True)
class Week:
    """One week of the loop: its cycle, what was published, how many KPIs were reported."""

    cycle_id: str
    scenario: str
    is_green: bool
    num_operations: int
    num_kpis: int
    seconds: float


def loop_params(params: Params, iterations: int) -> Params:
    """Return parameters with the small budget of an unattended loop on the small plant."""
    return params.model_copy(
        update={
            "horizon": params.horizon.model_copy(update={"horizon_weeks": 4, "history_weeks": 4}),
            "schedule": params.schedule.model_copy(update={"iterations": iterations}),
            "impact": params.impact.model_copy(update={"replications": 100}),
            "scenario": params.scenario.model_copy(
                update={
                    "names": (
                        "do_nothing",
                        "edd_dispatch",
                        "resequence",
                        "alternate_line",
                        "overtime",
                    ),
                    "replications": 20,
                }
            ),
        }
    )


def run_weeks(
    seed: int,
    weeks: int,
    params: Params,
    workspace: Workspace,
    *,
    papermill: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> list[Week]:
    """
    Run the loop for some weeks in one workspace.

    Parameters
    ----------
    seed
        Seed of plant, demand, incidents and noise.
    weeks
        Number of weeks, 1 to 14.
    params
        Parameters of every cycle.
    workspace
        Where everything lies; it must not hold a run yet.
    papermill
        Execute the notebooks and build the reports; otherwise the same rooms are called directly.
    progress
        Called with (weeks done, weeks, text).
    clock
        Seconds for the durations that are returned.

    Raises
    ------
    CampaignError
        When the workspace is in use, or a week breaks off; the text names week and cause.
    """
    if (workspace.runs / "latest.json").exists():
        raise CampaignError(f"{workspace.root} holds runs already; set SOE_WORKSPACE elsewhere")
    plant = start_campaign(seed, weeks)
    plant.external = True
    folder = workspace.root / "plant"
    folder.mkdir(parents=True, exist_ok=True)
    meeting = ScriptedMeeting(load_governance(project_root() / "params" / "governance.yaml"), seed)
    found: list[Week] = []
    outboxes: list[Path] = []
    with _environment(workspace, folder), Ledger.default(workspace) as ledger:
        for week in range(weeks):
            began = clock()
            progress(week, weeks, f"week {week + 1}")
            try:
                done = _week(plant, week, params, workspace, ledger, meeting, outboxes, papermill)
            except Exception as error:
                raise CampaignError(
                    f"seed {seed}, week {week + 1}: {type(error).__name__}: {error}"
                ) from error
            found.append(Week(*done, seconds=clock() - began))
        progress(weeks, weeks, "done")
    return found


def _week(
    plant: Execution,
    week: int,
    params: Params,
    workspace: Workspace,
    ledger: Ledger,
    meeting: ScriptedMeeting,
    outboxes: list[Path],
    papermill: bool,
) -> tuple[str, str, bool, int, int]:
    folder = workspace.root / "plant"
    day = (WARM_UP_WEEKS + week) * 7
    now = plant.world.clock.at(day, AS_OF_HOUR)
    plant.run(now)
    plant.write_extracts(folder, now)
    with_publications(folder, outboxes)
    with_confirmations(folder, outboxes)
    as_of = pd.Timestamp(plant.world.clock.instants([now])[0])
    outcome = _cycle(as_of, params, workspace, papermill)
    run = open_run(str(outcome.folder))
    status = "done with blockers" if outcome.blockers else "done"
    ledger.record_cycle(run.cycle_id, run.source_name, as_of, outcome.snapshot_id, status)
    record_reported(run, ledger, as_of)
    record_states(run, ledger, as_of + pd.Timedelta(minutes=15))
    meeting.give_passphrases(ledger, as_of)
    published = meeting.hold(run, ledger, as_of + pd.Timedelta(minutes=MEETING_MINUTES))
    kpis = len(run.read("kpis"))
    if published is None:
        return run.cycle_id, "", True, 0, kpis
    outbox = workspace.root / published.outbox
    outboxes.append(outbox)
    overtime = run.read("scenario_overtime")
    overtime = overtime[overtime["scenario"] == published.scenario]
    plant.run(now + PUBLISHED_MINUTES)
    listed = hand_over(outbox, overtime, folder)
    plant.take_dispatch(folder)
    return run.cycle_id, published.scenario, published.seal.is_green, len(listed), kpis


def _cycle(as_of: pd.Timestamp, params: Params, workspace: Workspace, papermill: bool) -> Outcome:
    root = project_root()
    zone = "Europe/Berlin"
    request = Request(SOURCE, as_of, cycle_id(as_of, zone), params)
    step = None if papermill else _directly
    return run_cycle(
        request, workspace, root / "notebooks", progress=lambda done, total, text: None, step=step
    )


def _directly(source: Path, target: Path, folder: Path, workspace: Workspace) -> dict[str, str]:
    """Call the rooms of a step; an error is not caught, it ends the loop with its own words."""
    STEPS[source.stem](open_run(str(folder)))
    return {"status": "ok"}


@contextmanager
def _environment(workspace: Workspace, extracts: Path) -> Iterator[None]:
    """Let the source read the plant's extracts and everything lie in the workspace."""
    wanted = {
        f"SOE_{SOURCE.upper()}": str(extracts),
        "SOE_WORKSPACE": str(workspace.root),
    }
    saved = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def forget(workspace: Workspace) -> None:
    """Remove everything that a loop has written."""
    for name in ("runs", "snapshots", "scenarios", "outbox", "plant", "lab", "locks"):
        shutil.rmtree(workspace.root / name, ignore_errors=True)
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "staging.sqlite"):
        (workspace.root / name).unlink(missing_ok=True)
