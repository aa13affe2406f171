"""Attribution: shares are efficient, null players get nothing, twins the same, pruning is exact."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from soe_lib.impact.attribution import Game, game_of, play
from soe_lib.impact.players import DEMAND_QTY, RUN, SUPPLY_AT
from soe_lib.impact.reach import reach
from soe_lib.impact.replay_build import replay_of
from soe_lib.impact.shapley import shapley
from soe_lib.schedule import right_shift
from tests.impact_plants import (
    disruptions_of,
    published_plant,
    random_disruptions,
    replayed_plant,
)

SEEDS = 200


def brute_force(value: object, players: int) -> np.ndarray:
    """Mean gain over every order of arrival, the definition itself."""
    assert callable(value)
    total = None
    orders = list(itertools.permutations(range(players)))
    for order in orders:
        masks = np.zeros((players + 1, players), bool)
        for step, player in enumerate(order):
            masks[step + 1 :, player] = True
        gain = np.diff(value(masks), axis=0)
        share = np.zeros_like(gain)
        share[list(order)] = gain
        total = share if total is None else total + share
    assert total is not None
    return total / len(orders)


@pytest.fixture(scope="module")
def games() -> list[Game]:
    """Games of random plants with three to four random disruptions each."""
    found = []
    for seed in range(SEEDS):
        replay = replayed_plant(seed)
        disruptions = random_disruptions(replay, seed, 3 + seed % 2)
        found.append(game_of(replay, disruptions, replay.facts.floor))
    return found


def test_replay_is_the_engine() -> None:
    """Tests that a replay gives every order line the instant that the schedule room gives it."""
    for seed in range(16):
        problem = published_plant(seed)
        schedule = right_shift(problem)
        replay = replay_of(problem, schedule)
        expected = schedule.promises["lateness_days"].to_numpy() * 1440
        assert np.allclose(replay.lateness(), expected, atol=1e-6), seed
        assert (replayed_plant(seed).lateness() == replay.lateness()).all()


def test_pruned_is_brute_force(games: list[Game]) -> None:
    """Tests on 200 plants that pruned shares are those of all orders of all disruptions."""
    pruned_away = late_lines = 0
    for seed, game in enumerate(games):
        lines = np.arange(len(game.replay.problem.demand_qty))
        shares = play(game, lines)

        def value(masks: np.ndarray, own: Game = game) -> np.ndarray:
            return np.maximum(own.lateness(masks), 0.0)

        expected = brute_force(value, game.disruptions.count)
        assert np.allclose(shares.share, expected, atol=1e-6), seed
        pruned_away += int((~reach(game.replay, game.disruptions)).sum())
        late_lines += int((shares.everything > 1).sum())
    assert pruned_away > 500
    assert late_lines > 300


def test_shares_are_efficient(games: list[Game]) -> None:
    """Tests that shares and what was late in the plan sum to the lateness, exact or sampled."""
    for game in games[:60]:
        lines = np.arange(len(game.replay.problem.demand_qty))
        for most in (12, 0):
            shares = play(game, lines, exact_up_to=most, pairs=3)
            total = shares.nothing + shares.share.sum(axis=0)
            assert np.allclose(total, shares.everything, atol=1e-6)


def test_null_player_gets_nothing() -> None:
    """Tests that a disruption that changes nothing gets exactly 0, pruned or not."""
    for seed in range(20):
        replay = replayed_plant(seed)
        real = random_disruptions(replay, seed, 2)
        toggle = [*map(tuple, real.toggle.tolist()), (RUN, 2, 0), (SUPPLY_AT, 2, 0)]
        amount = [*real.amount.tolist(), 0.0, 0.0]
        game = game_of(replay, disruptions_of(replay, 3, toggle, amount), replay.facts.floor)
        lines = np.arange(len(replay.problem.demand_qty))
        for prune in (True, False):
            shares = play(game, lines, prune=prune)
            assert (shares.share[2] == 0).all()
            assert (shares.but_for[2] == 0).all()


def test_twins_get_the_same() -> None:
    """Tests that two disruptions that hold back the same operation alike share equally."""
    hit = 0
    for seed in range(30):
        replay = replayed_plant(seed)
        first = int(replay.still.sequence[0, 0])
        half = -float(replay.facts.run[first]) / 3
        toggle = [(RUN, 0, first), (RUN, 1, first), (RUN, 2, int(replay.still.sequence[1, 0]))]
        game = game_of(
            replay, disruptions_of(replay, 3, toggle, [half, half, -30.0]), replay.facts.floor
        )
        shares = play(game, np.arange(len(replay.problem.demand_qty)))
        assert np.allclose(shares.share[0], shares.share[1], atol=1e-9)
        hit += int((shares.share[0] > 1).sum())
    assert hit > 5


def test_sampled_shares_are_near_exact(games: list[Game]) -> None:
    """Tests that drawn orders give shares within four standard errors of the exact ones."""
    misses = count = 0
    for game in games[:16]:
        lines = np.arange(len(game.replay.problem.demand_qty))
        exact = play(game, lines, prune=False)
        drawn = play(game, lines, exact_up_to=0, pairs=12, prune=False)
        assert not drawn.is_exact.any()
        off = np.abs(drawn.share - exact.share) > 4 * drawn.standard_error + 1e-6
        misses += int(off.sum())
        count += off.size
    assert misses / count < 0.05


def test_two_paths_with_slack() -> None:
    """Tests the toy of the design: paths of 3 + 2 and 4 days, a day of slack, 4 days late."""

    def value(masks: np.ndarray) -> np.ndarray:
        days = np.maximum(3.0 * masks[:, 0] + 2.0 * masks[:, 1], 4.0 * masks[:, 2])
        return np.maximum(days - 1.0, 0.0)[:, None]

    shares = shapley(value, np.ones((3, 1), bool))
    assert shares.share[:, 0] == pytest.approx([1.5, 1.0, 1.5])
    assert shares.but_for[:, 0] == pytest.approx([1.0, 1.0, 0.0])
    assert shares.everything[0] == pytest.approx(4.0)


def test_removed_order_is_no_longer_late() -> None:
    """Tests that without an order that came new, the order itself is not late."""
    replay = replayed_plant(5)
    d = 0
    qty = float(replay.facts.demand_qty[d])
    game = game_of(
        replay, disruptions_of(replay, 1, [(DEMAND_QTY, 0, d)], [-qty]), replay.facts.floor
    )
    with_it, without = game.lateness(np.array([[True], [False]]))
    assert without[d] <= 0
    assert with_it[d] == pytest.approx(replay.lateness()[d])
    assert pd.notna(without).all()
