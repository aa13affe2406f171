"""The crews of the overtime levers; whether they will come is asked by the pressure test."""

from __future__ import annotations

from collections.abc import Sequence

from soe_lib.scenario.levers import Overtime
from soe_lib.schedule import Problem
from soe_lib.schedule.crew import added_up, with_crew

__all__ = ["added_up", "staffed"]


def staffed(problem: Problem, overtime: Sequence[Overtime]) -> Problem:
    """Return the problem with the crews of overtime that may be worked; see ``with_crew``."""
    place = {name: number for number, name in enumerate(problem.resource_ids)}
    spans = [
        (
            place[lever.resource_id],
            (lever.start_at - problem.as_of).total_seconds() / 60,
            (lever.end_at - problem.as_of).total_seconds() / 60,
        )
        for lever in overtime
        if lever.resource_id in place
    ]
    return with_crew(problem, spans)
