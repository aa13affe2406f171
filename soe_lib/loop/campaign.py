"""
Campaigns: the same simulated plant, the same luck, run week after week by different policies.

The plant and the policies meet in files only: the plant writes its work list and its extracts, a
policy writes a dispatch list, overtime and expedites, the plant reads them and runs on.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from soe_lib.loop.answer import recommend
from soe_lib.loop.errors import CampaignError
from soe_lib.loop.policies import appended, by_due_date, by_plan, num_changed
from soe_lib.loop.score import MEASURES, score
from soe_lib.params import Params
from soe_lib.sources import load_source
from soe_lib.twin.execution import (
    DISPATCH,
    EXPEDITES,
    OVERTIME,
    WARM_UP_WEEKS,
    WORKLIST,
    Execution,
    start_campaign,
)
from soe_lib.workspace import Workspace

POLICIES = ("none", "right-shift", "edd", "soe")
"""none: the month's sequence, new work at its end by due date; right-shift: the plant's own plan of
each Monday; edd: every line by due date, anew every working day; soe: what the suite recommends."""
SOURCE = "demo"
"""The mapping that reads the twin's extracts."""
MONTH_WEEKS = 4
_AS_OF_HOUR = 5
Outcome = tuple[dict[str, object], pd.DataFrame]
"""Score of a campaign, and its publications."""


@dataclass(frozen=True)
class Task:
    """
    One policy on one seed.

    Attributes
    ----------
    seed, weeks, policy
        Which campaign.
    params
        Parameters of the suite.
    sources_dir
        Folder of the mappings.
    folder
        Files between plant and policy; emptied first, removed at the end.
    """

    seed: int
    weeks: int
    policy: str
    params: Params
    sources_dir: Path
    folder: Path


def campaign_params(params: Params, iterations: int) -> Params:
    """Return parameters with the small budget of a campaign: few scenarios, four weeks ahead."""
    return params.model_copy(
        update={
            "horizon": params.horizon.model_copy(update={"horizon_weeks": 4}),
            "schedule": params.schedule.model_copy(update={"iterations": iterations}),
            "scenario": params.scenario.model_copy(
                update={
                    "names": ("do_nothing", "alternate_line"),
                    "replications": 0,
                }
            ),
        }
    )


def run_campaigns(
    tasks: Sequence[Task],
    *,
    jobs: int = 1,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
    finished: Callable[[Task, Outcome], None] = lambda task, outcome: None,
) -> list[Outcome]:
    """
    Run campaigns, ``jobs`` at a time, seed by seed, the longest first.

    Parameters
    ----------
    tasks, jobs
        What to run, and how many processes.
    progress
        Told (finished, all, what) after each.
    finished
        Told each campaign and its outcome as soon as it is there.

    Returns
    -------
    list of (score, published)
        ``score``: ``seed, policy`` and :data:`soe_lib.loop.score.MEASURES`; ``published``: one row
        per publication: ``seed, policy, week, scenario, num_listed, num_changed``.

    Raises
    ------
    CampaignError
        When one breaks off; the text names policy, seed and cause.
    """
    ordered = sorted(tasks, key=lambda task: (task.seed, task.policy != "soe"))
    outcomes: list[Outcome] = []
    progress(0, len(ordered), "starting")

    def keep(task: Task, outcome: Outcome) -> None:
        outcomes.append(outcome)
        finished(task, outcome)
        progress(len(outcomes), len(ordered), f"seed {task.seed} {task.policy}")

    if jobs == 1:
        for task in ordered:
            keep(task, run_task(task))
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=jobs, mp_context=context) as pool:
            futures = {pool.submit(run_task, task): task for task in ordered}
            for future in as_completed(futures):
                keep(futures[future], future.result())
    return outcomes


def tables_of(outcomes: Sequence[Outcome]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores, and publications, of campaigns as tables sorted by seed and policy."""
    order = {policy: place for place, policy in enumerate(POLICIES)}
    table = pd.DataFrame([score for score, _ in outcomes])[["seed", "policy", *MEASURES]]
    published = pd.concat([rows for _, rows in outcomes], ignore_index=True)
    sorted_rows = [
        rows.assign(place=rows["policy"].map(order))
        .sort_values(["seed", "place"], kind="stable")
        .drop(columns="place")
        .reset_index(drop=True)
        for rows in (table, published)
    ]
    return sorted_rows[0], sorted_rows[1]


def run_task(task: Task) -> Outcome:
    """Run one policy on one seed; see :func:`run_campaigns`."""
    shutil.rmtree(task.folder, ignore_errors=True)
    task.folder.mkdir(parents=True)
    try:
        return _run(task)
    except Exception as error:
        raise CampaignError(
            f"policy {task.policy}, seed {task.seed}: {type(error).__name__}: {error}"
        ) from error
    finally:
        shutil.rmtree(task.folder, ignore_errors=True)


def _run(task: Task) -> Outcome:
    plant = start_campaign(task.seed, task.weeks)
    plant.external = True
    clock = plant.world.clock
    before: pd.DataFrame | None = None
    moves: list[tuple[int, int]] = []
    told: list[dict[str, object]] = []
    for week in range(task.weeks):
        monday = (WARM_UP_WEEKS + week) * 7
        for day in range(monday, monday + (5 if task.policy == "edd" else 1)):
            plant.run(clock.at(day, _AS_OF_HOUR))
            after, scenario = _published(task, plant, week, before)
            after.to_csv(task.folder / DISPATCH, index=False)
            plant.take_dispatch(task.folder)
            changed = num_changed(before, after) if before is not None else (0, 0)
            moves.append(changed)
            told.append(
                {
                    "seed": task.seed,
                    "policy": task.policy,
                    "week": week + 1,
                    "scenario": scenario,
                    "num_listed": len(after),
                    "num_changed": changed[0],
                }
            )
            before = after
    last = clock.at((WARM_UP_WEEKS + task.weeks) * 7, 0)
    plant.run(last)
    executed = plant.executed()
    masters = {
        "customer_terms": plant.world.plant.customers,
        "item": plant.world.plant.items,
        "cost_rate": plant.world.plant.costs,
    }
    window = (clock.at(WARM_UP_WEEKS * 7, 0), last)
    found = score(vars(executed), masters, window, moves, task.params.money)
    return {"seed": task.seed, "policy": task.policy, **found}, pd.DataFrame(told)


def _published(
    task: Task, plant: Execution, week: int, before: pd.DataFrame | None
) -> tuple[pd.DataFrame, str]:
    """Let the policy read what the plant wrote and return its dispatch list."""
    if task.policy == "soe":
        return _answered(task, plant)
    plant.write_worklist(task.folder)
    worklist = pd.read_csv(task.folder / WORKLIST, dtype={"wo_id": "str"})
    if task.policy == "edd":
        return by_due_date(worklist), "edd"
    if task.policy == "right-shift" or week % MONTH_WEEKS == 0 or before is None:
        return by_plan(worklist), "plan"
    return appended(before, worklist), "appended"


def _answered(task: Task, plant: Execution) -> tuple[pd.DataFrame, str]:
    now = plant.state.now
    plant.write_extracts(task.folder, now)
    source = load_source(SOURCE, task.sources_dir, {f"SOE_{SOURCE.upper()}": str(task.folder)})
    snapshots = Workspace(task.folder / "workspace")
    as_of = pd.Timestamp(plant.world.clock.instants([now])[0])
    answer = recommend(source, as_of, task.params, snapshots)
    shutil.rmtree(snapshots.root, ignore_errors=True)
    if answer is None:
        plant.write_worklist(task.folder)
        return by_plan(pd.read_csv(task.folder / WORKLIST, dtype={"wo_id": "str"})), "none found"
    answer.overtime.to_csv(task.folder / OVERTIME, index=False)
    answer.expedites.to_csv(task.folder / EXPEDITES, index=False)
    return answer.dispatch, answer.scenario
