"""The projection of step 1 as something that later steps can replay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.projection import projected_problem
from soe_lib.impact.replay import Replay
from soe_lib.impact.replay_build import replay_of
from soe_lib.run import Run, RunError
from soe_lib.schedule import Schedule, right_shift

TOLERANCE_DAYS = 2 / 86_400
"""Instants of tables are whole seconds. [days]"""


@dataclass(frozen=True)
class Projected:
    """The projection of a run as a schedule and as a replay."""

    schedule: Schedule
    replay: Replay


def projection_of(run: Run) -> Projected | None:
    """
    Return the projection of a run, built anew from its snapshot; None where it is off.

    Raises
    ------
    soe_lib.schedule.ProblemError
        When the tables contradict each other.
    """
    if not run.words("divergence").get("projection_is_on", False):
        return None
    zone = run.snapshot.site_time_zone
    problem = projected_problem(run.tables, run.as_of, run.params, zone)
    schedule = right_shift(problem)
    return Projected(schedule, replay_of(problem, schedule))


def check_same(run: Run, projection: Replay, promises: pd.DataFrame) -> None:
    """
    Hold a projection against the promises that step 1 wrote.

    Raises
    ------
    RunError
        When an order line has another lateness there: other parameters or code in between.
    """
    keys = pd.MultiIndex.from_tuples(projection.problem.demand_keys, names=["order_id", "line_id"])
    shown = promises.set_index(["order_id", "line_id"])["lateness_days"].reindex(keys)
    own = projection.lateness() / 1440
    if len(promises) != len(keys) or not np.allclose(shown, own, atol=TOLERANCE_DAYS):
        raise RunError(
            f"{run.folder}: the projection is not that of step 1 (other parameters or code in "
            "between); run the notebooks again from 1_divergence"
        )
