"""
Capable-to-promise: when an order that nobody has yet could be there, and who would pay for it.

The order is put into a schedule at several places behind the frozen zone, or inside it where it
may break the fence, once with what the others
leave it, once served before them; everything else keeps its sequence and is pushed. With and
without it the same policy replays the same schedule, so that whatever differs is the order's doing
(M13: who hurts whom). What stock and planned work do not cover gets work orders of its own, through
every level that is made in house; what is bought waits for its lead time. Taking the lever away is
taking its rows away: the plan is as it was, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.context import OPERATION_KEY, Context, as_published
from soe_lib.scenario.displaced import displaced_lines
from soe_lib.scenario.fences import fence_end
from soe_lib.scenario.levers import Lever, RushOrder
from soe_lib.scenario.result import Result, Start, measured, priced, verified
from soe_lib.scenario.typed_levers import RUSH_POLICIES
from soe_lib.scenario.typed_tables import work_orders_of
from soe_lib.schedule import Problem, Schedule, right_shift
from soe_lib.schedule.urgency import with_urgency

PLACES = 4
"""Places between the end of the frozen zone and the end of all work that are tried."""
VARIANTS = 2
"""Alternate resources that are tried, the preferred one first."""
RUSH_SHAPE = {
    "order_id": "str",
    "item_id": "str",
    "qty": "float64",
    "policy": "str",
    "wanted_date": "datetime64[us]",
    "promised_at": "datetime64[us, UTC]",
    "days_after_wanted": "float64",
    "num_later": "int64",
    "num_newly_late": "int64",
    "displaced_days": "float64",
    "others_late_cost": "float64",
    "other_cost": "float64",
    "margin": "float64",
    "net_margin": "float64",
    "is_taken": "bool",
}
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Tried:
    """An order at one place of a schedule: the result, and whom it displaces."""

    result: Result
    displaced: pd.DataFrame
    promised_at: pd.Timestamp
    own_cost: float

    @property
    def num_newly_late(self) -> int:
        """Order lines that were in time and are late now."""
        return int(self.displaced["is_newly_late"].sum())

    @property
    def is_harmless(self) -> bool:
        """Whether no other order line is late that was not, or later than it was."""
        return not (self.displaced["cost_change"] > 0.005).any() and not self.num_newly_late


def accepted(base: Result, lever: RushOrder, start: Start, progress: Progress) -> Result:
    """
    Put an order into the schedule of a result.

    Parameters
    ----------
    base
        The schedule without the order: doing nothing, or a scenario's.
    lever
        The order, with its work (:func:`soe_lib.scenario.rush_work.planned`).
    start
        Snapshot, problem and doing nothing.
    progress
        Called with the share done and what is being done.

    Returns
    -------
    Result
        Verified, at the place of ``lever.policy``; ``rush`` has a row per policy, ``displaced``
        a row per order line that is served at another instant than without the order. The order's
        own lateness counts in the choice of the place, not in the measures: it is not promised
        before the customer has agreed.
    """
    levers = (*base.levers, lever)
    problem = problem_with(start.context, levers, start.problem)
    kept = base.schedule.operations
    kept = kept[~kept["is_planned"].astype(bool)]
    without = _measured(base, base.problem, kept, base.levers, start)
    rows = _own_operations(problem, lever)
    places = _places(rows, kept, lever, start.context) if len(rows) else []
    first = served_first(problem, lever)
    # where stock and planned work reach there is nothing to place
    nowhere = [[kept.head(0)]]
    trials = [(problem, placed) for variant in places or nowhere for placed in variant]
    trials += [(first, variant[0]) for variant in places or nowhere]
    tried: list[Tried] = []
    for number, (served, placed) in enumerate(trials):
        share = 0.5 + 0.3 * number / len(trials)
        progress(share, f"place {number + 1} of {len(trials)} for the order")
        tried.append(_at(base, kept, served, levers, placed, lever, without, start))
    chosen = {name: _best(name, tried) for name in RUSH_POLICIES}
    taken = chosen[lever.policy]
    found = verified(taken.result)
    return replace(
        found,
        same_as="",
        num_offered=base.num_offered,
        pulled=priced(levers, found.overtime, start.context.site_time_zone),
        rush=_quotes(chosen, lever, without, start.context.site_time_zone),
        displaced=taken.displaced,
    )


def served_first(problem: Problem, lever: RushOrder) -> Problem:
    """Return the problem in which an order chooses its supply before all others."""
    own = np.array([order == lever.order_id for order, _ in problem.demand_keys], dtype=bool)
    rank = np.argsort(np.argsort(np.where(own, -1, problem.demand_rank), kind="stable"))
    return with_urgency(problem.replace(demand_rank=rank))


def _own_operations(problem: Problem, lever: RushOrder) -> pd.DataFrame:
    """Operations of the order's work, components first: key, item, minutes, ``alternates``."""
    place = {name: k for k, name in enumerate(problem.lot_ids)}
    deepest_first = reversed([place[f"{name}/1"] for name in work_orders_of(lever)])
    rows = []
    for o in [o for lot in deepest_first for o in np.flatnonzero(problem.op_lot == lot).tolist()]:
        low, high = int(problem.alt_offset[o]), int(problem.alt_offset[o + 1])
        lot = int(problem.op_lot[o])
        rows.append(
            {
                "wo_id": problem.lot_ids[lot].rpartition("/")[0],
                "op_no": int(problem.op_no[o]),
                "split_no": 1,
                "item_id": problem.item_ids[int(problem.lot_item[lot])],
                "minutes": float(problem.alt_minutes[low]),
                "alternates": [
                    problem.resource_ids[int(r)] for r in problem.alt_resource[low:high]
                ],
            }
        )
    columns = [*OPERATION_KEY, "item_id", "minutes", "alternates"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"wo_id": "str", "op_no": "int64", "split_no": "int64", "item_id": "str"}
    )


def _places(
    rows: pd.DataFrame, kept: pd.DataFrame, lever: RushOrder, context: Context
) -> list[list[pd.DataFrame]]:
    """Return the operations at each place that is tried, by resource, the earliest first."""
    found: list[list[pd.DataFrame]] = []
    most = max(len(names) for names in rows["alternates"])
    instants = kept["start_at"].dtype
    for variant in range(min(VARIANTS, most)):
        resource = pd.Series(
            [names[min(variant, len(names) - 1)] for names in rows["alternates"]],
            index=rows.index,
            dtype="str",
        )
        own = rows.drop(columns="alternates").assign(
            resource_id=resource,
            start_at=pd.Series(pd.NaT, index=rows.index, dtype=instants),
        )
        fence = _first_places(own, lever, context)
        ahead = pd.to_timedelta(own["minutes"].cumsum() - own["minutes"], unit="min")
        last = kept.loc[kept["resource_id"].isin(resource), "end_at"].max()
        last = context.as_of if pd.isna(last) else last
        room = max(last - fence.min(), pd.Timedelta(0))
        due = lever.wanted_date.tz_localize(context.site_time_zone).tz_convert("UTC")
        in_time = due - pd.Timedelta(minutes=float(own["minutes"].sum()))
        offsets = [room * k / PLACES for k in range(PLACES + 1)]
        if in_time > fence.min():
            offsets.append(in_time - fence.min())
        found.append(
            [
                own.assign(start_at=(fence + offset + ahead).astype(instants))
                for offset in sorted(set(offsets))
            ]
        )
    return found


def _first_places(own: pd.DataFrame, lever: RushOrder, context: Context) -> pd.Series:
    """Return where the work may begin at the earliest: behind the fence, or at once."""
    fence = fence_end(own, context)
    if not lever.break_fence:
        return fence
    return pd.Series(context.as_of, index=own.index).astype(fence.dtype)


def _at(
    base: Result,
    kept: pd.DataFrame,
    problem: Problem,
    levers: Sequence[Lever],
    placed: pd.DataFrame,
    lever: RushOrder,
    without: Result,
    start: Start,
) -> Tried:
    """Replay a schedule with the order at a place; its steps follow each other without waiting."""
    schedule = _replay(problem, kept, placed)
    if len(placed) > 1:  # a step that waits for the one before it does not hold its resource up
        real = schedule.operations.set_index(OPERATION_KEY)["start_at"]
        keys = pd.MultiIndex.from_frame(placed[OPERATION_KEY])
        begins = pd.Series(real.reindex(keys).to_numpy(), index=placed.index)
        begins = begins.astype(placed["start_at"].dtype)
        schedule = _replay(problem, kept, placed.assign(start_at=begins))
    result = measured(base.scenario, start, problem, schedule, levers)
    promises = schedule.promises
    own = promises[promises["order_id"] == lever.order_id].iloc[0]
    return Tried(
        result, displaced_lines(without, result, lever), own["promised_at"], float(own["late_cost"])
    )


def _replay(problem: Problem, kept: pd.DataFrame, placed: pd.DataFrame) -> Schedule:
    columns = [*OPERATION_KEY, "resource_id", "start_at"]
    both = pd.concat([kept[columns], placed[columns]], ignore_index=True)
    return right_shift(as_published(problem, both if len(placed) else kept[columns]))


def _measured(
    base: Result, problem: Problem, kept: pd.DataFrame, levers: Sequence[Lever], start: Start
) -> Result:
    schedule = right_shift(as_published(problem, kept))
    return measured(base.scenario, start, problem, schedule, levers)


def _best(policy: str, tried: Sequence[Tried]) -> Tried:
    def cheapest(one: Tried) -> tuple[float, float]:
        return one.result.total_cost + one.own_cost, _moment(one)

    def earliest(one: Tried) -> tuple[float, float]:
        return _moment(one), one.result.total_cost

    if policy == "earliest":
        return min(tried, key=earliest)
    if policy == "nobody late":
        harmless = [one for one in tried if one.is_harmless]
        if harmless:
            return min(harmless, key=earliest)
        return min(tried, key=lambda one: (one.num_newly_late, *cheapest(one)))
    return min(tried, key=cheapest)


def _moment(one: Tried) -> float:
    return float("inf") if pd.isna(one.promised_at) else one.promised_at.timestamp()


def _quotes(
    chosen: dict[str, Tried], lever: RushOrder, without: Result, time_zone: str
) -> pd.DataFrame:
    """Return a row per policy: date, whom it displaces, margin and what is left of it."""
    rows = []
    for name, one in chosen.items():
        late = one.result.measures["late_cost"] - without.measures["late_cost"]
        margin = 0.0 - float(one.result.measures["put_in_margin"])
        net = without.total_cost - one.result.total_cost
        promised = one.promised_at
        late_days = np.nan
        if pd.notna(promised):
            day = promised.tz_convert(time_zone).tz_localize(None).normalize()
            late_days = float((day - lever.wanted_date.normalize()).days)
        later = one.displaced[one.displaced["moved_days"] > 0]
        rows.append(
            (
                lever.order_id,
                lever.item_id,
                lever.qty,
                name,
                lever.wanted_date,
                promised,
                late_days,
                len(later),
                one.num_newly_late,
                float(later["moved_days"].sum()),
                float(late),
                float(margin - net - late),
                margin,
                float(net),
                name == lever.policy,
            )
        )
    return pd.DataFrame(rows, columns=list(RUSH_SHAPE)).astype(RUSH_SHAPE)
