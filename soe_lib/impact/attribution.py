"""
Whom to blame for each late order line, to the minute.

The observed disruptions are the players of a game whose value is the lateness of the line when only
they happened and the published sequence is replayed (:mod:`soe_lib.impact.shapley`). A share is a
share under that policy, no proof of a cause; the but-for value beside it is what would be saved
were this one disruption away, the others staying. What the sequence delivers late with no
disruption at all was already late in the plan. What only the published start holds back, though
capacity and material would be there, is a setting and no shortage.

No replay reaches back before its first instant: the days by which a line is overdue then are no
fault of the sequence. Where the goods are there, they were not shipped (by the truck that did not
leave, where one is known); where they are not, the line was overdue, unless the plan itself had
ended its work after the promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.impact.disruptions import (
    COLUMNS,
    Disruptions,
    clock_with,
    facts_without,
    find_disruptions,
)
from soe_lib.impact.reach import reach
from soe_lib.impact.reference import Reference
from soe_lib.impact.replay import Replay
from soe_lib.impact.shapley import EXACT_UP_TO, Shares, shapley

IN_PLAN, NO_SUPPLY, HELD_BACK = "late_in_plan", "no_supply_planned", "published_start"
NO_TRUCK, NOT_SHIPPED, OVERDUE = "truck_missed", "not_shipped", "overdue"
"""Causes that are no disruption."""
OWN_KINDS = {
    IN_PLAN: "operations",
    NO_SUPPLY: "demand_planning",
    HELD_BACK: "operations",
    NO_TRUCK: "logistics",
    NOT_SHIPPED: "logistics",
    OVERDUE: "operations",
}
CAUSE_COLUMNS = {
    "order_id": "str",
    "line_id": "str",
    "disruption_id": "str",
    "kind": "str",
    "function": "str",
    "object_type": "str",
    "object_id": "str",
    "late_minutes": "float64",
    "share_pct": "float64",
    "late_cost": "float64",
    "but_for_minutes": "float64",
    "standard_error_minutes": "float64",
    "is_exact": "bool",
}
LATE_MINUTES = 1e-6 * 1440
READY_MINUTES = 1.0
"""A line that is overdue by no more than this beyond its due date is there now. [min]"""
PAIRS = 24
"""Orders drawn, each with its reverse, where more disruptions matter than can be enumerated."""


@dataclass(frozen=True)
class Game:
    """The replays of one projection under coalitions of its disruptions."""

    replay: Replay
    disruptions: Disruptions
    way: int
    horizon: float
    can_prune: bool

    def lateness(self, masks: np.ndarray) -> np.ndarray:
        """Return signed lateness of all order lines, one row per coalition. [min]"""
        out = np.zeros((len(masks), len(self.replay.problem.demand_qty)))
        stops = self.disruptions.stop_player
        codes, place = np.unique(masks[:, np.unique(stops[:, 0])], axis=0, return_inverse=True)
        for k in range(len(codes)):  # one clock per combination of stops
            rows = np.flatnonzero(place.ravel() == k)
            own = self.replay
            if len(stops):
                offset, span = clock_with(self.disruptions, masks[rows[0]])
                own = own.with_facts(clock_offset=offset, clock=span)
            found = own.replayed(
                facts_without(own, self.disruptions, ~masks[rows]), len(rows),
                way=self.way, horizon=self.horizon,
            )  # fmt: skip
            out[rows] = found.lateness
        return out


def game_of(replay: Replay, disruptions: Disruptions, floor: np.ndarray) -> Game:
    """
    Return the game of a projection.

    Parameters
    ----------
    replay
        The projection.
    disruptions
        Its players.
    floor
        Earliest start of each operation: not after the published one. [min]
    """
    packed = replay.with_facts(floor=floor.astype(float))
    first = packed.replayed({}, 1)
    return Game(
        packed, disruptions, int(first.way[0]), float(first.end[0]), not first.has_skipped[0]
    )


@dataclass(frozen=True)
class Attribution:
    """
    Causes of lateness.

    Attributes
    ----------
    causes
        One row per late order line and cause, largest share first: ``CAUSE_COLUMNS``. The minutes
        of a line sum to its projected lateness, its money to what that costs.
    disruptions
        One row per disruption, dearest first: ``disruptions.COLUMNS``, ``num_lines`` that it makes
        later, ``late_minutes``, ``late_cost``.
    is_exact
        Whether every share is exact; else ``standard_error_minutes`` says how sure it is.
    """

    causes: pd.DataFrame
    disruptions: pd.DataFrame
    is_exact: bool


def attribute(
    replay: Replay,
    tables: Mapping[str, pd.DataFrame],
    reference: Reference,
    orders: pd.DataFrame,
    *,
    exact_up_to: int = EXACT_UP_TO,
    pairs: int = PAIRS,
    seed: int = 1,
) -> Attribution:
    """
    Share out the lateness of every late order line.

    Parameters
    ----------
    replay
        The projection (:func:`soe_lib.impact.replay_build.replay_of` of the right-shift).
    tables
        Canonical tables.
    reference
        Plan of the last cycle.
    orders
        ``order_id``, ``line_id``, ``late_cost`` [money], ``has_new_supply`` (True where a part
        of the line hangs on a purchase that nobody has planned), ``departure`` (the late departure
        that the line should have left with, empty = none known), ``is_there`` (True where the
        goods are in stock and wait to leave) and ``is_late_in_plan`` (True where the published
        schedule itself ends the work of the line after its promise).
    exact_up_to, pairs, seed
        See :func:`soe_lib.impact.shapley.shapley`.

    Returns
    -------
    Attribution
    """
    disruptions = find_disruptions(replay, tables, reference)
    floor = reference.floor(replay.problem, len(replay.facts.run))
    floor = np.minimum(floor, replay.facts.floor)
    game = game_of(replay, disruptions, floor)
    lateness = replay.lateness()
    late = np.flatnonzero(lateness > LATE_MINUTES)
    shares = play(game, late, exact_up_to=exact_up_to, pairs=pairs, seed=seed)
    causes = _causes(replay, disruptions, shares, lateness[late], late, orders)
    return Attribution(causes, _summed(disruptions, causes), bool(shares.is_exact.all()))


def play(
    game: Game, lines: np.ndarray, *, exact_up_to: int = EXACT_UP_TO, pairs: int = PAIRS,
    seed: int = 1, prune: bool = True,
) -> Shares:  # fmt: skip
    """Return the shares of tardiness of some order lines (numbers of the problem). [min]"""
    relevant = np.ones((game.disruptions.count, len(lines)), bool)
    if prune and game.can_prune:
        relevant = reach(game.replay, game.disruptions)[:, lines]

    def value(masks: np.ndarray) -> np.ndarray:
        return np.maximum(game.lateness(masks)[:, lines], 0.0)

    return shapley(value, relevant, exact_up_to=exact_up_to, pairs=pairs, seed=seed)


def no_causes() -> pd.DataFrame:
    """Return the table of causes without a row."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in CAUSE_COLUMNS.items()})


def no_disruptions() -> pd.DataFrame:
    """Return the table of disruptions without a row."""
    numbers = {"size": float, "late_minutes": float, "late_cost": float, "num_lines": "int64"}
    texts = {name: "str" for name in COLUMNS if name != "size"}
    names = [*COLUMNS, "late_minutes", "late_cost", "num_lines"]
    kinds: dict[str, Any] = {**texts, **numbers}
    return pd.DataFrame({name: pd.Series(dtype=kinds[name]) for name in names})


def _causes(
    replay: Replay,
    disruptions: Disruptions,
    shares: Shares,
    lateness: np.ndarray,
    late: np.ndarray,
    orders: pd.DataFrame,
) -> pd.DataFrame:
    keys = [replay.problem.demand_keys[d] for d in late]
    known = orders.set_index(["order_id", "line_id"])
    own = known.reindex(pd.MultiIndex.from_tuples(keys, names=["order_id", "line_id"]))
    cost = own["late_cost"].fillna(0.0).to_numpy(float)
    is_new = own["has_new_supply"].eq(True).to_numpy(bool)
    is_planned_late = own["is_late_in_plan"].eq(True).to_numpy(bool)
    departures = own["departure"].fillna("").astype("str").tolist()
    is_there = own["is_there"].eq(True).to_numpy(bool)
    due = replay.problem.demand_due[late]
    table = disruptions.table
    held_back = lateness - shares.everything
    parts: list[pd.DataFrame] = []
    for column, (order, line) in enumerate(keys):
        minutes = shares.share[:, column]
        found = table.assign(
            late_minutes=minutes,
            but_for_minutes=shares.but_for[:, column],
            standard_error_minutes=shares.standard_error[:, column],
        )[(np.abs(minutes) > 1e-6) | (shares.but_for[:, column] > 1e-6)]
        kind = NO_SUPPLY if is_new[column] else IN_PLAN
        nothing = float(shares.nothing[column])
        past = max(0.0, min(nothing, -float(due[column]))) if kind == IN_PLAN else 0.0
        object_type, name = "order_line", f"{order}/{line}"
        if is_there[column] and kind == IN_PLAN:
            past = nothing  # with the days until the next departure
        if is_there[column] or lateness[column] <= past + READY_MINUTES:
            past_kind = NO_TRUCK if departures[column] else NOT_SHIPPED
        else:
            past_kind = IN_PLAN if is_planned_late[column] else OVERDUE
        if past_kind == IN_PLAN:
            past = 0.0
        if past_kind == NO_TRUCK:
            object_type, name = "departure", departures[column]
        extra = [
            (kind, "order_line", f"{order}/{line}", nothing - past),
            (past_kind, object_type, name, past),
            (HELD_BACK, "order_line", f"{order}/{line}", held_back[column]),
        ]
        own_rows = pd.DataFrame(
            [
                (what, what, OWN_KINDS[what], of, one, value, 0.0, 0.0)
                for what, of, one, value in extra
                if abs(value) > 1e-6
            ],
            columns=["disruption_id", "kind", "function", "object_type", "object_id",
                     "late_minutes", "but_for_minutes", "standard_error_minutes"],
        )  # fmt: skip
        both = pd.concat([part for part in (found, own_rows) if len(part)] or [own_rows])
        both = both.sort_values(["late_minutes", "disruption_id"], ascending=[False, True])
        share = both["late_minutes"] / lateness[column]
        parts.append(
            both.assign(
                order_id=order,
                line_id=line,
                share_pct=100 * share,
                late_cost=cost[column] * share,
                is_exact=bool(shares.is_exact[column]),
            )
        )
    if not parts:
        return no_causes()
    every = pd.concat(parts, ignore_index=True)[list(CAUSE_COLUMNS)]
    return every.astype(CAUSE_COLUMNS)


def _summed(disruptions: Disruptions, causes: pd.DataFrame) -> pd.DataFrame:
    hurt = causes[causes["late_minutes"] > LATE_MINUTES]
    sums = causes.groupby("disruption_id").agg(
        late_minutes=("late_minutes", "sum"), late_cost=("late_cost", "sum")
    )
    sums["num_lines"] = hurt.groupby("disruption_id").size()
    found = disruptions.table.merge(sums.reset_index(), on="disruption_id", how="left")
    found[["late_minutes", "late_cost"]] = found[["late_minutes", "late_cost"]].fillna(0.0)
    found["num_lines"] = found["num_lines"].fillna(0).astype("int64")
    ordered = found.sort_values(
        ["late_cost", "late_minutes", "disruption_id"], ascending=[False, False, True]
    )
    return ordered.reset_index(drop=True)
