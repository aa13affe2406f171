"""The search backwards for an order in which nothing is late: all orders, and hidden ones."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.schedule.backward import NO_DUE, Beam, backwards, beam_room, prepare
from soe_lib.schedule.line import ALL, FREE_AT, MOVABLE, NOW, Line, line_room


@numba.njit
def _found(z: Any, b: Any, rng: Any) -> int:
    """Return -1 where something must be late, else whether a whole order was found."""
    if not prepare(z, b):
        return -1
    return 1 if backwards(z, b, rng) else 0


def _stretch(run: np.ndarray, due: np.ndarray, setup: np.ndarray, free_at: float) -> Line:
    """Return a stretch of one machine; the last row of ``setup`` is what stands before it."""
    n = len(run)
    z = line_room(n)
    z.row[NOW, :n] = np.arange(n)
    z.run[:n, 0] = run
    z.setup[: n + 1, :n] = setup
    has_due = due < NO_DUE
    z.bend_first[1 : n + 1] = np.cumsum(has_due)
    z.bend[: has_due.sum(), 0] = due[has_due]
    z.bend[: has_due.sum(), 1] = 1.0
    z.number[ALL] = z.number[MOVABLE] = n
    z.money[FREE_AT] = free_at
    return z


def _most_late(order: Any, run: np.ndarray, due: np.ndarray, setup: np.ndarray, at: float) -> float:
    """Return by how many minutes the latest operation of an order is late."""
    before, late = len(run), 0.0
    for o in order:
        at += setup[before, o] + run[o]
        late = max(late, at - due[o])
        before = o
    return late


def _random(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(20, 100, n).astype(float), rng.integers(0, 60, (n + 1, n)).astype(float)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), tightness=st.floats(0.6, 1.1))
def test_every_order_without_lateness_of_few_operations_is_found(
    seed: int, tightness: float
) -> None:
    """Tests against all orders of six operations; a proof that something is late is true."""
    n, free_at = 6, 15.0
    run, setup = _random(seed, n)
    rng = np.random.default_rng(seed + 1)
    due = free_at + rng.uniform(0.2, 1.0, n) * tightness * (run.sum() + 30.0 * n)
    free = rng.integers(n)  # too long to be a short cut between two others
    due[free], run[free] = NO_DUE * 10, 120.0
    z, b = _stretch(run, due, setup, free_at), beam_room(n)
    found = _found(z, b, np.array([seed * 2 + 1], np.uint64))
    least = min(
        _most_late(order, run, due, setup, free_at) for order in itertools.permutations(range(n))
    )
    order = z.row[NOW, :n]
    assert sorted(order) == list(range(n))
    if found == 1:
        assert (_most_late(order, run, due, setup, free_at) <= 1e-9) == (least <= 1e-9)
    else:
        assert least > 0


def test_a_hidden_order_of_many_operations_is_found_and_the_same_each_time() -> None:
    """Tests forty operations whose due instants leave little beside one hidden order."""
    n = 40
    results = []
    for _ in range(2):
        hits, orders = 0, []
        for seed in range(5):
            run, setup = _random(seed, n)
            hidden = np.random.default_rng(seed + 50).permutation(n)
            for one, other in itertools.pairwise([n, *hidden]):
                setup[one, other] = min(setup[one, other], 3.0)
            due, at, before = np.zeros(n), 0.0, n
            for o in hidden:
                at += setup[before, o] + run[o]
                due[o] = at + 60.0
                before = o
            z, b = _stretch(run, due, setup, 0.0), beam_room(n)
            rng = np.array([seed + 1], np.uint64)
            for _ in range(20):
                assert _found(z, b, rng) == 1
                if _most_late(z.row[NOW, :n], run, due, setup, 0.0) <= 1e-9:
                    hits += 1
                    break
            orders.append(z.row[NOW, :n].copy())
        assert hits == 5
        results.append(np.array(orders))
    assert np.array_equal(results[0], results[1])


def test_room_is_reused_for_a_shorter_stretch() -> None:
    """Tests that what an earlier stretch left in the room does not show."""
    b: Beam = beam_room(30)
    answers = []
    for room in (b, b, beam_room(30)):
        if room is b and not answers:
            run, setup = _random(3, 30)
            _found(_stretch(run, np.full(30, 1e5), setup, 0.0), room, np.array([9], np.uint64))
        run, setup = _random(4, 12)
        z = _stretch(run, np.linspace(900.0, 1600.0, 12), setup, 0.0)
        assert _found(z, room, np.array([7], np.uint64)) == 1
        answers.append(z.row[NOW, :12].copy())
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])
