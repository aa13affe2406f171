"""A scenario that somebody asks for in the meeting: chosen levers, limited to chosen objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.catalogue import LEVERS, Scenario
from soe_lib.scenario.levers import (
    Allocation,
    Expedite,
    FewMoves,
    Lever,
    Overtime,
    PremiumFreight,
    RushOrder,
    Subcontract,
    TypedLever,
    pulled_rows,
)
from soe_lib.scenario.offers import offers
from soe_lib.scenario.result import Result, Start, measured, verified
from soe_lib.scenario.rush import accepted
from soe_lib.scenario.rush_work import planned
from soe_lib.scenario.settle import settled
from soe_lib.schedule import right_shift, solve

LONGEST_TITLE = 60
TYPED_WORDS: dict[type, str] = {
    RushOrder: "rush order",
    Subcontract: "subcontract",
    PremiumFreight: "premium freight",
    Allocation: "allocation",
}
"""Words of ``catalogue.LEVERS`` for levers that are typed."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Choice:
    """
    What somebody wants to see.

    Attributes
    ----------
    title
        Name on the screen.
    levers
        Words of ``catalogue.LEVERS``.
    resources
        Resources that may work longer; empty = all that run late work.
    purchase_lines
        Purchase order lines (``po_id/line_id``) that may be pulled in; empty = all that help.
    move_factor
        How many times its own price of unrest a move must save; 1 = it must pay.
    typed
        Levers that somebody typed: a rush order, a subcontractor, freight, a rule of allocation.
    """

    title: str
    levers: tuple[str, ...]
    resources: tuple[str, ...] = ()
    purchase_lines: tuple[str, ...] = ()
    move_factor: float = 1.0
    typed: tuple[TypedLever, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip() or len(self.title) > LONGEST_TITLE:
            raise ValueError(f"a title has 1 to {LONGEST_TITLE} characters")
        if not 1.0 <= self.move_factor <= 100.0:
            raise ValueError(f"move factor {self.move_factor:g}: expected 1 to 100")
        unknown = [lever for lever in self.levers if lever not in LEVERS]
        if unknown:
            raise ValueError(f"unknown lever {', '.join(unknown)}; known: {', '.join(LEVERS)}")
        if not self.levers and not self.typed:
            raise ValueError("choose at least one lever")
        if len(self.rush_orders) > 1:
            raise ValueError(
                "one rush order at a time; compute the other one as a scenario of its own"
            )

    @property
    def rush_orders(self) -> tuple[RushOrder, ...]:
        """The orders that are put in; at most one."""
        return tuple(lever for lever in self.typed if isinstance(lever, RushOrder))

    @property
    def words(self) -> tuple[str, ...]:
        """All levers in words of ``catalogue.LEVERS``."""
        typed = [TYPED_WORDS[type(lever)] for lever in self.typed]
        return tuple(dict.fromkeys([*self.levers, *typed]))

    def scenario(self, name: str) -> Scenario:
        """Return the choice as a scenario under a name of its own."""
        limits = [*self.resources, *self.purchase_lines]
        only = f"; only {', '.join(limits)}" if limits else ""
        text = f"{', '.join(self.words)}{only}"
        return Scenario(name, self.title.strip(), self.words, text)


def levers_of(choice: Choice, start: Start) -> tuple[Lever, ...]:
    """Return the levers that are offered for late work and that the choice admits."""
    offered = offers(choice.levers, start.context, start.problem, start.do_nothing)
    kept = [lever for lever in offered if _admits(choice, lever)]
    if choice.move_factor > 1 and not any(isinstance(lever, FewMoves) for lever in kept):
        kept.append(FewMoves(choice.move_factor))
    return (*kept, *(lever for lever in choice.typed if not isinstance(lever, RushOrder)))


def evaluate_choice(
    choice: Choice, name: str, start: Start, progress: Progress = lambda share, text: None
) -> Result:
    """
    Compute a chosen scenario: solved, verified, settled.

    Parameters
    ----------
    choice
        Levers and limits.
    name
        Name of the scenario in tables.
    start
        Snapshot, problem and doing nothing.
    progress
        Called with the share done and what is being done.
    """
    scenario = choice.scenario(name)
    base = _without_rush(choice, scenario, start, progress)
    if not choice.rush_orders:
        return base
    progress(0.4, "netting what must be made for the order")
    return accepted(base, planned(choice.rush_orders[0], start), start, progress)


def _without_rush(choice: Choice, scenario: Scenario, start: Start, progress: Progress) -> Result:
    """Compute the levers of a choice but for the order that is put in."""
    levers = levers_of(choice, start)
    if not choice.levers and not levers:
        return replace(start.nothing, scenario=scenario)
    progress(0.1, f"{len(levers)} levers pulled")
    problem = problem_with(start.context, levers, start.problem)
    if not choice.levers:
        replayed = measured(scenario, start, problem, right_shift(problem), levers)
        return verified(replayed)
    may_reroute = "alternate routing" in choice.levers
    params = start.context.params
    iterations = min(params.schedule.iterations, params.scenario.meeting_iterations)
    quick = params.schedule.model_copy(update={"iterations": iterations})
    schedule = solve(problem, quick, may_reroute=may_reroute)
    progress(0.6, "schedule found; taking back moves that do not pay")
    found = measured(scenario, start, problem, schedule, levers)
    progress(0.8, "letting go of levers that do not pay; checking the schedule")
    return settled(found, start)


def offered_levers(start: Start) -> pd.DataFrame:
    """
    Return the levers that are offered for late work.

    Returns
    -------
    pandas.DataFrame
        One row per lever in the columns of ``levers.pulled_rows``: what it changes from what to
        what, ``cost`` [money] when all of it is used, and ``act_by_at``, its last responsible
        moment.
    """
    kinds = ("overtime", "expedite", "split", "delay low priority")
    offered = offers(kinds, start.context, start.problem, start.do_nothing)
    rows = pulled_rows(offered, start.context.site_time_zone)
    hourly = dict(
        zip(start.problem.resource_ids, start.problem.overtime_cost.tolist(), strict=True)
    )
    rows["cost"] = [
        hourly[lever.resource_id] * (lever.end_at - lever.start_at) / pd.Timedelta(hours=1)
        if isinstance(lever, Overtime)
        else lever.price
        for lever in offered
    ]
    return rows


def offered_objects(start: Start) -> dict[str, Sequence[str]]:
    """Return what the levers can be limited to: ``resources`` and ``purchase_lines``."""
    offered = offers(("overtime", "expedite"), start.context, start.problem, start.do_nothing)
    resources = {lever.resource_id for lever in offered if isinstance(lever, Overtime)}
    lines = {f"{x.po_id}/{x.line_id}" for x in offered if isinstance(x, Expedite)}
    return {"resources": sorted(resources), "purchase_lines": sorted(lines)}


def _admits(choice: Choice, lever: Lever) -> bool:
    if isinstance(lever, Overtime) and choice.resources:
        return lever.resource_id in choice.resources
    if isinstance(lever, Expedite) and choice.purchase_lines:
        return f"{lever.po_id}/{lever.line_id}" in choice.purchase_lines
    return True
