"""One scenario: its levers pulled, the engine asked, what does not pay let go again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.catalogue import Scenario
from soe_lib.scenario.levers import FewMoves, Lever
from soe_lib.scenario.offers import offers
from soe_lib.scenario.repair import repaired
from soe_lib.scenario.result import Result, Start, measured, verified
from soe_lib.scenario.settle import settled
from soe_lib.schedule import dispatch, right_shift, solve

ALL_LEVERS = "best_of_all"
SEARCH = frozenset({"resequence", "alternate routing"})
"""Freedoms that need a search; without them the published sequence is replayed."""


def evaluate_all(scenarios: Sequence[Scenario], start: Start) -> tuple[Result, ...]:
    """Compute scenarios in their order; each may build on those before it."""
    results: list[Result] = []
    for scenario in scenarios:
        results.append(evaluate(scenario, start, results))
    return tuple(results)


def evaluate(scenario: Scenario, start: Start, earlier: Sequence[Result] = ()) -> Result:
    """
    Compute one scenario.

    A scenario that may change the sequence is searched, from the cheapest earlier result that uses
    no freedom beyond its own, else from the published schedule; any other replays the published
    sequence with its levers pulled. Then what does not pay is let go: moves that help no order,
    and levers, one by one. Where nothing of its own pays, a scenario is the earlier result that it
    builds on and says so (``same_as``); so a further lever never makes a scenario dearer.

    Parameters
    ----------
    scenario
        Which levers.
    start
        Snapshot, problem and doing nothing.
    earlier
        Results of this cycle computed before.

    Returns
    -------
    Result
        Verified; it never raises for a bad schedule: its ``violations`` say what is wrong.
    """
    if scenario.name == "do_nothing":
        return start.nothing
    if scenario.name == "edd_dispatch":
        schedule = dispatch(start.problem, "edd")
        return verified(measured(scenario, start, start.problem, schedule, ()))
    if scenario.name == "minimal_change":
        return repaired(scenario, start, FewMoves())
    levers = _levers(scenario, start, earlier)
    problem = problem_with(start.context, levers, start.problem)
    base = _base(scenario, earlier)
    if SEARCH & set(scenario.levers):
        schedule = solve(
            problem,
            start.context.params.schedule,
            may_reroute="alternate routing" in scenario.levers,
            start=None if base is None else base.schedule,
        )
    else:
        schedule = right_shift(problem)
    found = settled(measured(scenario, start, problem, schedule, levers), start)
    found = replace(found, num_offered=len(levers))
    if base is None or _is_own_answer(scenario):
        return found
    is_better = found.total_cost < base.total_cost - 0.005
    # without a lever of its own a better result is only a longer search of the base
    if is_better and (found.levers or not _has_objects(scenario)):
        return found
    title = base.same_as or base.scenario.title
    return replace(base, scenario=scenario, same_as=title, num_offered=len(levers))


def _is_own_answer(scenario: Scenario) -> bool:
    """Whether a scenario answers another question than 'what is cheapest?'."""
    return "few moves" in scenario.levers or "delay low priority" in scenario.levers


def _has_objects(scenario: Scenario) -> bool:
    """Whether a scenario has levers beside the freedoms of the search."""
    return bool({"overtime", "expedite", "split"} & set(scenario.levers))


def _levers(scenario: Scenario, start: Start, earlier: Sequence[Result]) -> tuple[Lever, ...]:
    """All levers together are those that stayed pulled before, and offers of kinds not yet seen."""
    if scenario.name != ALL_LEVERS:
        return offers(scenario.levers, start.context, start.problem, start.do_nothing)
    seen = {kind for result in earlier for kind in result.scenario.levers}
    fresh = [kind for kind in scenario.levers if kind not in seen]
    kept = [
        lever
        for result in earlier
        if not _is_own_answer(result.scenario)
        and set(result.scenario.levers) < set(scenario.levers)
        for lever in result.levers
    ]
    new = offers(fresh, start.context, start.problem, start.do_nothing)
    return tuple(dict.fromkeys([*kept, *new]))


def _base(scenario: Scenario, earlier: Sequence[Result]) -> Result | None:
    free = set(scenario.levers)
    usable = [
        result
        for result in earlier
        if set(result.scenario.levers) <= free and not len(result.violations)
    ]
    return min(usable, key=lambda result: result.total_cost) if usable else None
