"""
Moves that do not pay are taken back: the engine may retime everything, the shop floor may not.

First nothing begins before it was published: what remains is the engine's sequence and choice of
resources, used to recover what is late. Then order lines that the engine serves better are taken
up one after the other, the dearest first: the work that the line waits for may begin as early as
the engine has it, outside the frozen zone. A line whose moves cost more than they save is left out
again. That is not begun where even all lines together, at the unrest of none, would cost more
than what is at hand. The cheapest of what was tried wins, the engine's own answer and doing
nothing included.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from soe_lib.scenario.context import as_published, work_for
from soe_lib.scenario.fences import fence_end
from soe_lib.scenario.levers import Allocation, FewMoves, PremiumFreight, Subcontract
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.result import Result, Start, measured
from soe_lib.schedule import right_shift

TRIED_LINES = 6
"""Better served lines that are tried one by one, beside all of them together."""
TYPED = (Allocation, PremiumFreight, Subcontract)
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
    everything = _advanced_for(found, better, start)
    best = _keeping(found, everything[:0], start)
    tried = [found, best]
    if not any(isinstance(lever, TYPED) for lever in found.levers):
        tried.append(_nothing(found, start))  # what somebody typed is shown, whether it pays or not
    if len(everything):
        whole = _keeping(found, everything, start)
        tried.append(whole)
        if _breaks_fence(found, everything, start):
            tried.append(_keeping(found, everything, start, break_fence=True))
        # some lines save no more lateness than all, and need no fewer moves than none of them
        unrest = float(whole.measures["change_cost"]) - float(best.measures["change_cost"])
        if counted(whole) - factor * max(unrest, 0.0) >= min(counted(result) for result in tried):
            return min(tried, key=counted)
    kept = everything[:0]
    for number in range(min(TRIED_LINES, len(better))):
        wanted = _advanced_for(found, better.iloc[[number]], start)
        if wanted.isin(kept).all():
            continue
        trial = _keeping(found, kept.union(wanted), start)
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


def _advanced_for(found: Result, lines: pd.DataFrame, start: Start) -> pd.Index:
    """Operations that some lines wait for and that begin before they were published."""
    needed = work_for(found.schedule, lines, start.context.tables)
    return needed.index[needed["start_at"] < needed["published_start_at"]]


def _keeping(found: Result, early: pd.Index, start: Start, *, break_fence: bool = False) -> Result:
    """
    Replay ``found`` with only some operations beginning before they were published.

    What was published beyond the frozen zone begins at its end at the earliest, unless the fence
    may break.
    """
    operations = found.schedule.operations
    begins, told = operations["start_at"], operations["published_start_at"]
    wanted = (
        begins if break_fence else begins.where(~_is_pulled_in(found, start), _fence(found, start))
    )
    may = operations.index.isin(early) | told.isna()
    later = begins.where(begins >= told, told)
    quiet = operations.assign(start_at=wanted.where(may, later))
    schedule = right_shift(as_published(found.problem, quiet))
    return measured(found.scenario, start, found.problem, schedule, found.levers)


def _fence(found: Result, start: Start) -> pd.Series:
    return fence_end(found.schedule.operations, start.context)


def _is_pulled_in(found: Result, start: Start) -> pd.Series:
    """Operations that were published beyond the frozen zone, or never, and begin inside it."""
    operations = found.schedule.operations
    fence, told = _fence(found, start), operations["published_start_at"]
    return (told.isna() | (told >= fence)) & ~(operations["start_at"] >= fence)


def _breaks_fence(found: Result, early: pd.Index, start: Start) -> bool:
    """Whether it makes a difference that the fence may break."""
    told = found.schedule.operations["published_start_at"]
    may = told.index.isin(early) | told.isna()
    return bool((_is_pulled_in(found, start) & may).any())


def _nothing(found: Result, start: Start) -> Result:
    """Return doing nothing under the scenario's name: no lever pulled, no move made."""
    return replace(start.nothing, scenario=found.scenario, same_as=start.nothing.scenario.title)
