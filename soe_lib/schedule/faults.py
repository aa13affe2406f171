"""Violations of a schedule as the checker notes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from soe_lib.schedule.problem import Problem


TOLERANCE_MINUTES = 0.05
"""Instants are rounded to the second."""
NEVER = 1e14
Faults = list[tuple[str, str, str]]


def as_table(found: Faults) -> pd.DataFrame:
    """Return faults as rows of rule, object_id and detail."""
    return pd.DataFrame(found, columns=["rule", "object_id", "detail"], dtype="str")


def minutes_of(problem: Problem, at: pd.Series) -> np.ndarray:
    """Return instants as minutes since as_of. [min]"""
    return (at - problem.as_of).dt.total_seconds().to_numpy(float) / 60


def add_faults(
    found: Faults, rule: str, rows: pd.DataFrame, wrong: np.ndarray, detail: object
) -> None:
    """Add one fault per wrong row; ``detail`` is a text or one text per row."""
    at = np.flatnonzero(wrong)
    labels = rows["label"].to_numpy()
    for k in at:
        found.append((rule, str(labels[k]), detail if isinstance(detail, str) else str(detail[k])))


def by_operation(values: np.ndarray, op: np.ndarray, none: float) -> np.ndarray:
    """Return the value of each operation, ``none`` where the operation is -1."""
    return np.append(values, none)[op]
