"""A linear or mixed-integer programme as arrays, and the way to gather one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

INFINITE = 1e30


@dataclass(frozen=True)
class Programme:
    """
    Minimise ``cost @ x`` with ``row_lower <= matrix @ x <= row_upper``, ``lower <= x <= upper``.

    ``matrix`` has one row per constraint; each constraint is one-sided or an equality.
    ``is_integer`` marks the columns that must be whole.
    """

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    matrix: sparse.csr_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    is_integer: np.ndarray | None = None


class Parts:
    """Rows, columns and entries as they come."""

    def __init__(self) -> None:
        self._cost: list[np.ndarray] = []
        self._lower: list[np.ndarray] = []
        self._upper: list[np.ndarray] = []
        self._row_lower: list[np.ndarray] = []
        self._row_upper: list[np.ndarray] = []
        self._entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._num_columns = self._num_rows = 0

    def columns(self, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """Add columns and return their numbers."""
        self._cost.append(cost)
        self._lower.append(lower)
        self._upper.append(upper)
        first, self._num_columns = self._num_columns, self._num_columns + len(cost)
        return np.arange(first, self._num_columns)

    def rows(self, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """Add rows and return their numbers."""
        self._row_lower.append(lower)
        self._row_upper.append(upper)
        first, self._num_rows = self._num_rows, self._num_rows + len(lower)
        return np.arange(first, self._num_rows)

    def entries(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
        """Add coefficients; those of row -1 are left out."""
        there = rows >= 0
        self._entries.append((rows[there], columns[there], values[there]))

    def copy(self) -> Parts:
        """Return parts that can grow without these."""
        other = Parts()
        for name, value in vars(self).items():
            setattr(other, name, list(value) if isinstance(value, list) else value)
        return other

    def programme(self) -> Programme:
        """Return the programme."""
        rows, columns, values = (
            np.concatenate([entry[k] for entry in self._entries]) for k in range(3)
        )
        shape = (self._num_rows, self._num_columns)
        matrix = sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=shape))
        return Programme(
            cost=np.concatenate(self._cost),
            lower=np.concatenate(self._lower),
            upper=np.concatenate(self._upper),
            matrix=matrix,
            row_lower=np.concatenate(self._row_lower),
            row_upper=np.concatenate(self._row_upper),
        )
