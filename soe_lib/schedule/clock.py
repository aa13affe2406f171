"""
Working minutes of a resource against instants.

A resource's clock runs only while it is open, so an operation that pauses over closed time is a
plain sum on it: ``end = start + setup + run``. An instant maps to the minutes worked before it; a
count of minutes maps back to the earliest instant (for ends) or the latest (for starts).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soe_lib.schedule.kernel import entry
from soe_lib.schedule.problem import NEVER, Problem


class Clock(NamedTuple):
    """
    Clocks of all resources.

    ``offset`` as in ``Calendar``; ``spans`` has begin, end [min] and the minutes worked before the
    begin of each interval.
    """

    offset: np.ndarray
    spans: np.ndarray


def build_clock(problem: Problem, booked: np.ndarray | None = None) -> Clock:
    """
    Return the clocks of a problem.

    Parameters
    ----------
    booked
        One boolean per calendar interval: overtime that may be worked; all of it where None.
    """
    calendar = problem.calendar
    keep = np.ones(len(calendar.begin), bool)
    if booked is not None:
        keep = ~calendar.is_overtime | booked
    resource = np.repeat(np.arange(len(problem.resource_ids)), np.diff(calendar.offset))[keep]
    begin, end = calendar.begin[keep].astype(float), calendar.end[keep].astype(float)
    offset = np.searchsorted(resource, np.arange(len(problem.resource_ids) + 1))
    before = np.concatenate([[0.0], np.cumsum(end - begin)])
    first = before[offset[:-1]]
    worked = before[:-1] - first[resource] if len(begin) else np.zeros(0)
    return Clock(offset.astype(np.int64), np.column_stack([begin, end, worked]))


def finish(clock: Clock, resource: int, at: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Return when work is done that begins at instants and takes minutes of working time. [min]"""
    spans = clock.spans[clock.offset[resource] : clock.offset[resource + 1]]
    if not len(spans):
        return np.full(len(at), NEVER)
    k = np.searchsorted(spans[:, 1], at, side="right")
    here = np.minimum(k, len(spans) - 1)
    target = spans[here, 2] + np.maximum(at - spans[here, 0], 0.0) + minutes
    until = spans[:, 2] + spans[:, 1] - spans[:, 0]
    j = np.searchsorted(until, target - 1e-9)
    last = np.minimum(j, len(spans) - 1)
    done = spans[last, 0] + target - spans[last, 2]
    return np.where((k < len(spans)) & (j < len(spans)), done, NEVER)


@entry
def worked_at(offset: np.ndarray, spans: np.ndarray, resource: int, at: float) -> float:
    """Return the minutes worked before an instant. [min]"""
    low, high = offset[resource], offset[resource + 1]
    if low == high:
        return 0.0
    if at >= spans[high - 1, 1]:
        last = spans[high - 1]
        return last[2] + (last[1] - last[0]) + (0.0 if at < 1e14 else 1e12)
    left, right = low, high
    while left < right:
        middle = (left + right) // 2
        if spans[middle, 1] <= at:
            left = middle + 1
        else:
            right = middle
    if at <= spans[left, 0]:
        return spans[left, 2]
    return spans[left, 2] + at - spans[left, 0]


@entry
def start_at(offset: np.ndarray, spans: np.ndarray, resource: int, worked: float) -> float:
    """Return the latest instant before which ``worked`` minutes are worked (open again). [min]"""
    low, high = offset[resource], offset[resource + 1]
    left, right = low, high
    while left < right:
        middle = (left + right) // 2
        if spans[middle, 2] + (spans[middle, 1] - spans[middle, 0]) <= worked:
            left = middle + 1
        else:
            right = middle
    if left >= high:
        return NEVER
    return spans[left, 0] + max(worked - spans[left, 2], 0.0)


@entry
def end_at(offset: np.ndarray, spans: np.ndarray, resource: int, worked: float) -> float:
    """Return the earliest instant at which ``worked`` minutes are worked. [min]"""
    low, high = offset[resource], offset[resource + 1]
    left, right = low, high
    while left < right:
        middle = (left + right) // 2
        if spans[middle, 2] + (spans[middle, 1] - spans[middle, 0]) < worked - 1e-9:
            left = middle + 1
        else:
            right = middle
    if left >= high:
        return NEVER
    return spans[left, 0] + max(worked - spans[left, 2], 0.0)
