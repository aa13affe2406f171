"""
What does not pay is let go: moves that help no order, then levers, one by one.

The engine is free to retime everything; the shop floor is not. What remains of a scenario after
this is what its better promises need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.context import OPERATION_KEY, as_published, work_for
from soe_lib.scenario.levers import Expedite, Lever, Overtime, Split
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.result import Result, Start, measured, priced, verified
from soe_lib.schedule import right_shift

MAX_TRIALS = 60
"""Levers that are tried without before a scenario is settled."""
TOLERANCE_DAYS = 1e-3
"""A promise that becomes earlier by no more than this is not better. [days]"""


def settled(found: Result, start: Start) -> Result:
    """
    Let go of the moves and the levers that a result does not need.

    Work that no better promise waits for is put back where doing nothing has it. Then each lever
    is left out in turn, first all of one resource or order together, then one by one; the same
    sequence is replayed without it, and it stays out where the total is not dearer.

    Parameters
    ----------
    found
        A scenario's result with everything pulled that was offered.
    start
        Snapshot, problem and doing nothing.

    Returns
    -------
    Result
        Never dearer than ``found``.
    """
    best = _without_idle(calmed(found, start), start)
    trials = 0
    for parts in (_by_group, _one_by_one):
        for part in parts(best):
            kept = [lever for lever in best.levers if lever not in part]
            if trials >= MAX_TRIALS or len(kept) == len(best.levers):
                continue
            trials += 1
            best = _replayed(best, start, kept, best.schedule.operations)
    return best


def calmed(found: Result, start: Start) -> Result:
    """Put back what moved without need; the old result where that is no cheaper."""
    promises = found.schedule.promises
    before = start.do_nothing.promises.set_index(LINE_KEY)["lateness_days"]
    was = before.reindex(pd.MultiIndex.from_frame(promises[LINE_KEY])).to_numpy()
    better = promises[(was > TOLERANCE_DAYS) & (promises["lateness_days"] < was - TOLERANCE_DAYS)]
    if better.empty:
        nothing = measured(found.scenario, start, start.problem, start.do_nothing, ())
        return verified(nothing) if nothing.total_cost <= found.total_cost + 1e-6 else found
    needed = work_for(found.schedule, better, start.context.tables)
    operations = found.schedule.operations
    place = operations[OPERATION_KEY].merge(
        start.do_nothing.operations[[*OPERATION_KEY, "resource_id", "start_at"]],
        on=OPERATION_KEY,
        how="left",
    )
    place.index = operations.index
    stays = ~operations.index.isin(needed.index) & place["resource_id"].notna()
    quiet = operations.assign(
        resource_id=operations["resource_id"].where(~stays, place["resource_id"]),
        start_at=operations["start_at"].where(~stays, place["start_at"]),
    )
    return _replayed(found, start, found.levers, quiet)


def _without_idle(result: Result, start: Start) -> Result:
    """Forget overtime that nobody works: the schedule is the same without it."""
    worked = set(zip(result.overtime["resource_id"], result.overtime["start_at"], strict=True))
    levers = tuple(
        lever
        for lever in result.levers
        if not isinstance(lever, Overtime) or (lever.resource_id, lever.start_at) in worked
    )
    zone = start.context.site_time_zone
    return replace(result, levers=levers, pulled=priced(levers, result.overtime, zone))


def _by_group(result: Result) -> list[list[Lever]]:
    groups: dict[str, list[Lever]] = {}
    for lever in result.levers:
        if isinstance(lever, (Overtime, Expedite, Split)):
            groups.setdefault(lever.group, []).append(lever)
    ordered = sorted(groups, key=lambda name: (-sum(lever.price for lever in groups[name]), name))
    return [groups[name] for name in ordered]


def _one_by_one(result: Result) -> list[list[Lever]]:
    """Single levers of groups that have several, the last in time first."""
    several = [group for group in _by_group(result) if len(group) > 1]
    return [[lever] for group in several for lever in reversed(group)]


def _replayed(
    found: Result, start: Start, levers: Sequence[Lever], operations: pd.DataFrame
) -> Result:
    """Replay a sequence with other levers; the old result where that is dearer or breaks a rule."""
    problem = problem_with(start.context, levers)
    schedule = right_shift(as_published(problem, operations))
    other = measured(found.scenario, start, problem, schedule, levers)
    if other.total_cost > found.total_cost + 1e-6:
        return found
    other = _without_idle(verified(other), start)
    return found if len(other.violations) else other
