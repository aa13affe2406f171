"""What does not pay is let go, moves and levers: what stays in a scenario pays for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.context import as_published
from soe_lib.scenario.levers import Expedite, Lever, Overtime, Split
from soe_lib.scenario.quiet import quietest
from soe_lib.scenario.result import Result, Start, measured, priced, verified
from soe_lib.schedule import right_shift

MAX_TRIALS = 60
"""Levers that are tried without before a scenario is settled."""


def settled(found: Result, start: Start) -> Result:
    """
    Let go of the moves and the levers that a result does not need.

    First the levers that cost more than all of them save, at once; then the moves that help no
    order enough (:mod:`soe_lib.scenario.quiet`); then each lever that is left in turn, first all
    of one resource or order together, then one by one: the same sequence is replayed without it,
    and it stays out where the total is not dearer.

    Parameters
    ----------
    found
        A scenario's result with everything pulled that was offered.
    start
        Snapshot, problem and doing nothing.

    Returns
    -------
    Result
        Verified; never dearer than ``found``.
    """
    found = _without_dear(_without_idle(found, start), start)
    found = _without_idle(quietest(found, start) if len(found.moves) else found, start)
    best = found
    trials = 0
    for parts in (_by_group, _one_by_one):
        for part in parts(best):
            kept = [lever for lever in best.levers if lever not in part]
            if trials >= MAX_TRIALS or len(kept) == len(best.levers):
                continue
            trials += 1
            best = _replayed(best, start, kept)
    checked = verified(best)
    return checked if checked.violations.empty else verified(found)


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


def _without_dear(found: Result, start: Start) -> Result:
    """
    Let go of the levers that cost more, by group, than all of them together save.

    One replay without any of them says what they save together; the replay without the dear ones
    decides, as for every other lever.
    """
    groups = _by_group(found)
    if len(groups) < 2:
        return found
    mine = {lever for group in groups for lever in group}
    others = [lever for lever in found.levers if lever not in mine]
    without = _replayed(found, start, others)
    if without is found:
        return found
    saved = _unpulled_cost(without) - _unpulled_cost(found)
    price = dict(zip(found.levers, found.pulled["cost"].tolist(), strict=True))
    dear = {
        lever
        for group in groups
        if sum(price[lever] for lever in group) >= max(saved, 0.0)
        for lever in group
    }
    if sum(price[lever] for lever in mine - dear) >= max(saved, 0.0):
        return without  # the others do not pay either, and none is left where all are dear
    kept = _replayed(found, start, [lever for lever in found.levers if lever not in dear])
    return min(without, kept, key=lambda result: result.total_cost)


def _unpulled_cost(result: Result) -> float:
    """Total cost but for the price of the levers. [money]"""
    return result.total_cost - float(result.pulled["cost"].sum())


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


def _replayed(found: Result, start: Start, levers: Sequence[Lever]) -> Result:
    """Replay a result's sequence with other levers; the old result where that is dearer."""
    problem = problem_with(start.context, levers, start.problem)
    schedule = right_shift(as_published(problem, found.schedule.operations))
    other = measured(found.scenario, start, problem, schedule, levers)
    return found if other.total_cost > found.total_cost + 1e-6 else _without_idle(other, start)
