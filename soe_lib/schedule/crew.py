"""Overtime is worked by people: a line's crew comes with the overtime that is booked for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soe_lib.schedule.problem import Problem


def with_crew(problem: Problem, spans: Sequence[tuple[int, float, float]]) -> Problem:
    """
    Return the problem with the crews of booked overtime.

    The roster names the people of the regular shifts only. Without this nobody would be there on
    a Saturday, and work that reaches into it would wait for Monday. For each skill, the most
    people that an operation on the line needs are there for each of its stations while its
    overtime lasts, beside those of the roster.

    Parameters
    ----------
    problem
        The problem; without a roster people are no limit and nothing changes.
    spans
        Number of the resource, begin and end of its overtime. [min]
    """
    labour = problem.labour
    if not labour.skill_ids:
        return problem
    recipes = problem.recipes
    resource = np.concatenate([problem.alt_resource, recipes.alt_resource])
    skill = np.concatenate([problem.alt_skill, recipes.alt_skill])
    heads = np.concatenate([problem.alt_heads, recipes.alt_heads])
    parts, offset = [], [0]
    for number in range(len(labour.skill_ids)):
        low, high = labour.offset[number], labour.offset[number + 1]
        rows = np.column_stack(
            [labour.begin[low:high], labour.end[low:high], labour.heads[low:high]]
        )
        for line, begin, end in spans:
            own = heads[(resource == line) & (skill == number)]
            if len(own):
                rows = np.vstack([rows, [begin, end, own.max() * problem.stations[line]]])
        parts.append(added_up(rows))
        offset.append(offset[-1] + len(parts[-1]))
    steps = np.vstack(parts)
    return problem.replace(
        labour=replace(
            labour,
            offset=np.array(offset, dtype=np.int64),
            begin=steps[:, 0],
            end=steps[:, 1],
            heads=steps[:, 2],
        )
    )


def added_up(rows: np.ndarray) -> np.ndarray:
    """
    Return intervals of people as disjoint steps, ascending; who overlaps is added up.

    Parameters
    ----------
    rows
        Begin [min], end [min], people.

    Examples
    --------
    >>> added_up(np.array([[0.0, 8.0, 4.0], [6.0, 10.0, 1.0]])).tolist()
    [[0.0, 6.0, 4.0], [6.0, 8.0, 5.0], [8.0, 10.0, 1.0]]
    """
    cuts = np.unique(rows[:, :2])
    change = np.zeros(len(cuts))
    np.add.at(change, np.searchsorted(cuts, rows[:, 0]), rows[:, 2])
    np.add.at(change, np.searchsorted(cuts, rows[:, 1]), -rows[:, 2])
    heads = np.cumsum(change)[:-1] if len(cuts) else np.zeros(0)
    steps = np.column_stack([cuts[:-1], cuts[1:], heads])
    return steps[heads > 1e-9]
