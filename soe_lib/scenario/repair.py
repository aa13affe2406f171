"""
Repair with the fewest moves: late orders are brought forward one after the other.

Nothing is searched. The dearest late order first, its lots are moved to where they must run to be
in time, or else to the front of the line behind the frozen zone; everything else keeps its place
and is pushed. A repair stays where it saves ``FewMoves.factor`` times the price of its moves, so
that the repairs that stayed are a frontier of moves against lateness and money.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from soe_lib.scenario.catalogue import Scenario
from soe_lib.scenario.context import as_published
from soe_lib.scenario.fences import fence_end
from soe_lib.scenario.levers import FewMoves
from soe_lib.scenario.orders import LINE_KEY
from soe_lib.scenario.result import Result, Start, measured, verified
from soe_lib.schedule import right_shift

TRIED_LINES = 12
"""Late order lines that are tried, the dearest first."""
SLACK_DAYS = 0.5
"""An order is brought forward by its lateness and this. [days]"""
FRONTIER_SHAPE = {
    "order_id": "str",
    "line_id": "str",
    "num_moves": "int64",
    "num_late_lines": "int64",
    "late_cost": "float64",
    "change_cost": "float64",
    "total_cost": "float64",
    "saved_cost": "float64",
}


def repaired(scenario: Scenario, start: Start, lever: FewMoves) -> Result:
    """
    Repair the published schedule.

    Parameters
    ----------
    scenario
        The scenario that the result stands for.
    start
        Snapshot, problem and doing nothing.
    lever
        How many times its price a repair must save.

    Returns
    -------
    Result
        Verified; ``frontier`` has one row per repair that stayed, with what all repairs up to it
        move, cost and save together.
    """
    nothing = start.nothing
    late = nothing.orders[nothing.orders["is_late"]]
    late = late.sort_values(["late_cost", *LINE_KEY], ascending=[False, True, True]).head(
        TRIED_LINES
    )
    best, moved = nothing, pd.Series(dtype=nothing.schedule.operations["start_at"].dtype)
    rows: list[tuple[object, ...]] = []
    for order, line, days in zip(
        late["order_id"], late["line_id"], late["lateness_days"], strict=True
    ):
        found, places = best, moved
        for wanted in _places(order, line, float(days), start):
            trial = pd.concat([moved[~moved.index.isin(wanted.index)], wanted])
            result = _with(scenario, start, lever, trial)
            if _counted(result, lever) < _counted(found, lever) - 0.005:
                found, places = result, trial
        if found is not best:
            best, moved = found, places
            rows.append((order, line, *_figures(best, nothing)))
    frontier = pd.DataFrame(rows, columns=list(FRONTIER_SHAPE)).astype(FRONTIER_SHAPE)
    if best is nothing:
        return replace(
            nothing, scenario=scenario, same_as=nothing.scenario.title, frontier=frontier
        )
    return replace(verified(best), frontier=frontier)


def _places(order: str, line: str, late_days: float, start: Start) -> list[pd.Series]:
    """Return the starts that are tried for the lots of an order line: in time, then up front."""
    schedule = start.do_nothing
    pegged = schedule.pegging
    own = pegged[(pegged["order_id"] == order) & (pegged["line_id"] == line)]
    lots = own.loc[own["supply_type"] == "lot", "supply_id"]
    operations = schedule.operations
    lot = operations["wo_id"] + "/" + operations["split_no"].astype("str")
    rows = operations[lot.isin(lots) & ~operations["is_frozen"] & operations["start_at"].notna()]
    if rows.empty:
        return []
    fence = fence_end(rows, start.context)
    in_time = rows["start_at"] - pd.Timedelta(days=late_days + SLACK_DAYS)
    return [in_time.where(in_time > fence, fence).astype(fence.dtype), fence]


def _with(scenario: Scenario, start: Start, lever: FewMoves, places: pd.Series) -> Result:
    operations = start.do_nothing.operations.loc[places.index].assign(start_at=places)
    schedule = right_shift(as_published(start.problem, operations))
    return measured(scenario, start, start.problem, schedule, (lever,))


def _counted(result: Result, lever: FewMoves) -> float:
    return result.total_cost + (lever.factor - 1) * float(result.measures["change_cost"])


def _figures(result: Result, nothing: Result) -> tuple[object, ...]:
    measures = result.measures
    return (
        measures["num_moves"],
        measures["num_late_lines"],
        measures["late_cost"],
        measures["change_cost"],
        result.total_cost,
        nothing.total_cost - result.total_cost,
    )


def with_knee(frontier: pd.DataFrame, nothing: pd.Series) -> pd.DataFrame:
    """
    Return the frontier of repairs with doing nothing in front and its knee marked.

    The knee is the point that lies farthest below the straight line from doing nothing to the last
    repair, moves and total cost both counted as shares of their range: up to there a move pays
    most.

    Parameters
    ----------
    frontier
        Rows of :data:`FRONTIER_SHAPE` of one scenario, in their order.
    nothing
        Row of doing nothing in the comparison.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``num_moves``, ``num_late_lines``, ``late_cost``, ``change_cost``,
        ``total_cost`` [money], ``is_knee`` (False everywhere with fewer than two repairs).
    """
    names = ["num_moves", "num_late_lines", "late_cost", "change_cost", "total_cost"]
    first = pd.DataFrame([{"label": "do nothing", **{name: nothing[name] for name in names}}])
    repairs = frontier[names].assign(label=frontier["order_id"] + "/" + frontier["line_id"])
    points = pd.concat([first, repairs], ignore_index=True)[["label", *names]]
    moves, cost = points["num_moves"].astype(float), points["total_cost"]
    width, height = moves.iloc[-1] - moves.iloc[0], cost.iloc[0] - cost.iloc[-1]
    if len(points) < 3 or width <= 0 or height <= 0:
        return points.assign(is_knee=False)
    below = (cost.iloc[0] - cost) / height - (moves - moves.iloc[0]) / width
    is_knee = pd.Series(False, index=points.index)
    if below.max() > 1e-9:
        is_knee[below.idxmax()] = True
    return points.assign(is_knee=is_knee)
