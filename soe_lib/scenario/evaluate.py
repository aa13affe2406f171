"""One scenario: its levers pulled, the engine asked, what does not pay let go again."""

from __future__ import annotations

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.catalogue import Scenario
from soe_lib.scenario.offers import offers
from soe_lib.scenario.result import Result, Start, measured, verified
from soe_lib.scenario.settle import settled
from soe_lib.schedule import dispatch, solve


def evaluate(scenario: Scenario, start: Start) -> Result:
    """
    Compute one scenario.

    Levers that the schedule does not need are let go again: one after the other is left out, the
    same sequence is replayed without it, and it stays out where that is cheaper in total. What
    remains pulled pays for itself.

    Parameters
    ----------
    scenario
        Which levers.
    start
        Snapshot, problem and doing nothing.

    Returns
    -------
    Result
        Never raises for a bad schedule: its ``violations`` say what is wrong with it.
    """
    context = start.context
    if scenario.name == "do_nothing":
        return verified(measured(scenario, start, start.problem, start.do_nothing, ()))
    levers = offers(scenario.levers, context, start.problem, start.do_nothing)
    problem = problem_with(context, levers) if levers else start.problem
    if scenario.name == "edd_dispatch":
        return verified(measured(scenario, start, problem, dispatch(problem, "edd"), levers))
    schedule_params = context.params.schedule
    may_reroute = "alternate routing" in scenario.levers
    schedule = solve(problem, schedule_params, may_reroute=may_reroute)
    found = verified(measured(scenario, start, problem, schedule, levers))
    return settled(found, start)
