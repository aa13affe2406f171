"""
Moves that do not pay are taken back: the engine may retime everything, the shop floor may not.

Order lines that a schedule serves better are taken up one after the other, the dearest first: the
work that the line waits for stays where the schedule has it, all other work goes back to where
doing nothing has it, and the whole is replayed. A line whose moves cost more than they save is
left out again.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from soe_lib.scenario.context import OPERATION_KEY, as_published, work_for
from soe_lib.scenario.fences import fence_lengths
from soe_lib.scenario.levers import FewMoves
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.result import Result, Start, measured
from soe_lib.schedule import right_shift

TRIED_LINES = 12
"""Better served lines that are tried one by one, beside all of them together."""
TOLERANCE_DAYS = 1e-3
"""A promise that becomes earlier by no more than this is not better. [days]"""


def quietest(found: Result, start: Start) -> Result:
    """
    Return the cheapest result that keeps some of the moves of another.

    Parameters
    ----------
    found
        A scenario's result; the price of a move counts ``FewMoves.factor`` times where that lever
        is pulled.
    start
        Snapshot, problem and doing nothing.

    Returns
    -------
    Result
        Not verified; never dearer, by that count, than ``found`` or than doing nothing.
    """
    factor = max([1.0, *(lever.factor for lever in found.levers if isinstance(lever, FewMoves))])

    def counted(result: Result) -> float:
        return result.total_cost + (factor - 1) * float(result.measures["change_cost"])

    better = better_lines(found, start)
    place = _place(found, start)
    everything = _advanced_for(found, better, place, start)
    tried = [found, _nothing(found, start)]
    if len(everything):
        tried.append(_keeping(found, everything, place, start))
        tried.append(_keeping(found, everything, place, start, break_fence=True))
    best = tried[1]
    kept = everything[:0]
    for number in range(min(TRIED_LINES, len(better))):
        wanted = _advanced_for(found, better.iloc[[number]], place, start)
        if wanted.isin(kept).all():
            continue
        trial = _keeping(found, kept.union(wanted), place, start)
        if counted(trial) < counted(best) - 0.005:
            best, kept = trial, kept.union(wanted)
    return min([*tried, best], key=counted)


def better_lines(found: Result, start: Start) -> pd.DataFrame:
    """Return the promises that were late and are better served, the largest saving first."""
    promises = found.schedule.promises
    before = start.do_nothing.promises.set_index(LINE_KEY)["lateness_days"]
    keys = pd.MultiIndex.from_frame(promises[LINE_KEY])
    was = before.reindex(keys).to_numpy()
    now = promises["lateness_days"]
    cost = found.orders.set_index(LINE_KEY)["late_cost"].reindex(keys).to_numpy()
    dear = start.nothing.orders.set_index(LINE_KEY)["late_cost"].reindex(keys).to_numpy()
    better = promises.assign(_saved=dear - cost, _days=was - now)[
        (was > TOLERANCE_DAYS) & (now < was - TOLERANCE_DAYS)
    ]
    return better.sort_values(
        ["_saved", "_days", *LINE_KEY], ascending=[False, False, True, True], kind="stable"
    )


def _place(found: Result, start: Start) -> pd.DataFrame:
    """Where doing nothing has each operation: ``resource_id``, ``setup_start_at``, index of ops."""
    operations = found.schedule.operations
    place = operations[OPERATION_KEY].merge(
        start.do_nothing.operations[[*OPERATION_KEY, "resource_id", "setup_start_at"]],
        on=OPERATION_KEY,
        how="left",
    )
    place.index = operations.index
    return place


def _advanced_for(
    found: Result, lines: pd.DataFrame, place: pd.DataFrame, start: Start
) -> pd.Index:
    """Operations that some lines wait for and that were advanced or put on another resource."""
    needed = work_for(found.schedule, lines, start.context.tables)
    was = place.loc[needed.index]
    is_advanced = (needed["setup_start_at"] < was["setup_start_at"]) | (
        needed["resource_id"] != was["resource_id"]
    )
    return needed.index[is_advanced]


def _keeping(
    found: Result,
    kept: pd.Index,
    place: pd.DataFrame,
    start: Start,
    *,
    break_fence: bool = False,
) -> Result:
    """
    Replay ``found`` with only some operations moved; the others are where doing nothing has them.

    Work from beyond the frozen zone is advanced up to its end at most, unless the fence may break.
    """
    operations = found.schedule.operations
    wanted, was = operations["setup_start_at"], place["setup_start_at"]
    stays = ~operations.index.isin(kept) & place["resource_id"].notna()
    if not break_fence:
        fence = _fence_end(operations, start)
        is_beyond = was.isna() | (was >= fence)
        wanted = wanted.where(~is_beyond | (wanted >= fence), fence)
    quiet = operations.assign(
        resource_id=operations["resource_id"].where(~stays, place["resource_id"]),
        setup_start_at=wanted.where(~stays, was),
    )
    schedule = right_shift(as_published(found.problem, quiet))
    return measured(found.scenario, start, found.problem, schedule, found.levers)


def _fence_end(operations: pd.DataFrame, start: Start) -> pd.Series:
    """End of the frozen zone of each operation, a microsecond apart in the order of their start."""
    context = start.context
    lengths = fence_lengths(
        operations["resource_id"], operations["item_id"], context.tables, context.params.fences
    )
    place = operations["setup_start_at"].rank(method="first").fillna(0.0)
    end = context.as_of + pd.to_timedelta(lengths["frozen_days"], unit="D")
    return (end + pd.to_timedelta(place, unit="us")).astype(operations["start_at"].dtype)


def _nothing(found: Result, start: Start) -> Result:
    """Return doing nothing under the scenario's name: no lever pulled, no move made."""
    return replace(start.nothing, scenario=found.scenario, same_as=start.nothing.scenario.title)
