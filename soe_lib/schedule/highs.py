"""
HiGHS behind the handle that python-mip holds: every private name of python-mip stands here.

Only ``formulation`` uses this, and only with the version of python-mip that it names; it hands the
solver object in, so nothing here imports ``mip``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from soe_lib.schedule.programme import Programme

_METHOD = {"simplex": "simplex", "interior": "ipm"}


class SolverError(RuntimeError):
    """The solver failed; the text says how."""


class Bulk:
    """HiGHS behind python-mip's handle, fed whole arrays."""

    def __init__(self, solver: Any, ffi: Any, programme: Programme) -> None:
        self._solver, self._lib, self._ffi = solver, solver._lib, ffi
        self._handle = solver._model
        self._has_integers = programme.is_integer is not None and bool(programme.is_integer.any())
        self._columns, self._rows = len(programme.cost), len(programme.row_lower)
        self._pass_whole(programme)

    def _pass_whole(self, programme: Programme) -> None:
        matrix = programme.matrix
        kind = np.zeros(self._columns, np.int32)
        if programme.is_integer is not None:
            kind = programme.is_integer.astype(np.int32)
        self._check(
            self._lib.Highs_passModel(
                self._handle,
                self._columns,
                self._rows,
                matrix.nnz,
                0,
                self._lib.kHighsMatrixFormatRowwise,
                self._lib.kHighsHessianFormatTriangular,
                self._lib.kHighsObjSenseMinimize,
                0.0,
                self._doubles(programme.cost),
                self._doubles(programme.lower),
                self._doubles(programme.upper),
                self._doubles(programme.row_lower),
                self._doubles(programme.row_upper),
                self._ints(matrix.indptr[:-1]),
                self._ints(matrix.indices),
                self._doubles(matrix.data),
                self._ffi.NULL,
                self._ffi.NULL,
                self._ffi.NULL,
                self._ints(kind) if self._has_integers else self._ffi.NULL,
            )
        )
        self._count(self._columns, self._rows)
        self._solver._num_int_vars = int(kind.sum())
        self._solver._col_name_dict = self._solver._row_name_dict = None

    def _doubles(self, values: np.ndarray) -> Any:
        return self._ffi.from_buffer("double[]", np.ascontiguousarray(values, dtype=np.float64))

    def _ints(self, values: np.ndarray) -> Any:
        return self._ffi.from_buffer("int[]", np.ascontiguousarray(values, dtype=np.int32))

    def _check(self, code: int) -> None:
        if code == self._lib.kHighsStatusError:
            raise SolverError("HiGHS reports an error")

    def solve(
        self, max_seconds: float, method: str, start: np.ndarray | None, gap: float = 1e-4
    ) -> tuple[Any, float, np.ndarray, np.ndarray]:
        """Solve; returns python-mip's status, value, columns and row prices."""
        solver = self._solver
        if start is not None:
            null = self._ffi.NULL
            self._lib.Highs_setSolution(self._handle, self._doubles(start), null, null, null)
        solver._set_string_option_value(
            "solver", "choose" if self._has_integers else _METHOD[method]
        )
        # HiGHS' clock runs on over calls and the limit persists: both are set anew each time
        self._lib.Highs_zeroAllClocks(self._handle)
        solver._set_double_option_value("time_limit", min(max_seconds, 1e9))
        solver._set_double_option_value("mip_rel_gap", gap)
        self._check(self._lib.Highs_run(self._handle))
        status = solver.get_status()
        if status.name not in ("OPTIMAL", "FEASIBLE"):
            return status, float("nan"), np.zeros(0), np.zeros(0)
        x, dual = np.empty(self._columns), np.empty(self._rows)
        cast = self._ffi.from_buffer
        reduced, activity = np.empty(self._columns), np.empty(self._rows)
        self._check(
            self._lib.Highs_getSolution(
                self._handle,
                cast("double[]", x),
                cast("double[]", reduced),
                cast("double[]", activity),
                cast("double[]", dual),
            )
        )
        value = float(self._lib.Highs_getObjectiveValue(self._handle))
        return status, value, x, np.zeros(0) if self._has_integers else dual

    @property
    def bound(self) -> float:
        """A proven bound of the last mixed-integer solve."""
        return float(self._solver.get_objective_bound())

    def set_rows(self, rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Give constraints new bounds."""
        order = np.argsort(rows, kind="stable")
        self._check(
            self._lib.Highs_changeRowsBoundsBySet(
                self._handle,
                len(rows),
                self._ints(rows[order]),
                self._doubles(lower[order]),
                self._doubles(upper[order]),
            )
        )

    def set_columns(self, columns: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Give columns new bounds."""
        order = np.argsort(columns, kind="stable")
        self._check(
            self._lib.Highs_changeColsBoundsBySet(
                self._handle,
                len(columns),
                self._ints(columns[order]),
                self._doubles(lower[order]),
                self._doubles(upper[order]),
            )
        )

    def add_block(
        self,
        cost: np.ndarray,
        upper: np.ndarray,
        entries: sparse.csc_array,
        total: tuple[float, float],
    ) -> None:
        """Add columns and one constraint over their sum."""
        size = len(cost)
        self._check(
            self._lib.Highs_addCols(
                self._handle,
                size,
                self._doubles(cost),
                self._doubles(np.zeros(size)),
                self._doubles(upper),
                entries.nnz,
                self._ints(entries.indptr[:-1]),
                self._ints(entries.indices),
                self._doubles(entries.data),
            )
        )
        self._check(
            self._lib.Highs_addRows(
                self._handle,
                1,
                self._doubles(np.array([total[0]])),
                self._doubles(np.array([total[1]])),
                size,
                self._ints(np.zeros(1)),
                self._ints(np.arange(self._columns, self._columns + size)),
                self._doubles(np.ones(size)),
            )
        )
        self._count(self._columns + size, self._rows + 1)

    def remove_last(self, size: int) -> None:
        """Delete the last constraint and the last ``size`` columns."""
        last_row, last = self._rows - 1, self._columns - 1
        self._check(self._lib.Highs_deleteRowsByRange(self._handle, last_row, last_row))
        self._check(self._lib.Highs_deleteColsByRange(self._handle, last - size + 1, last))
        self._count(self._columns - size, self._rows - 1)

    def _count(self, columns: int, rows: int) -> None:
        """Tell python-mip, which counts what it commits itself, what is there now."""
        self._columns, self._rows = columns, rows
        self._solver._col_committed, self._solver._row_committed = columns, rows

    def set_costs(self, columns: np.ndarray, cost: np.ndarray) -> None:
        """Give columns new costs."""
        order = np.argsort(columns, kind="stable")
        self._check(
            self._lib.Highs_changeColsCostBySet(
                self._handle,
                len(columns),
                self._ints(columns[order]),
                self._doubles(cost[order]),
            )
        )
