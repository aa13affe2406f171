"""
Linear and mixed-integer programmes, held by python-mip: the only file that imports ``mip``.

A :class:`LinearModel` is given as whole arrays. With HiGHS behind the one version of python-mip
whose inside is known they are handed over in one call and the basis stays hot between changes;
with any other version, or with CBC, the same programme is built through python-mip's public door,
which is slower and gives the same answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from scipy import sparse

from soe_lib.schedule.highs import Bulk
from soe_lib.schedule.programme import INFINITE, Programme


def _name_library() -> None:
    """Point python-mip at highsbox' HiGHS: highspy from 1.16 on no longer shows its C functions."""
    if "PMIP_HIGHS_LIBRARY" in os.environ:
        return
    try:
        import highsbox
    except ImportError:
        return
    place = {"linux": "lib/libhighs.so", "darwin": "lib/libhighs.dylib"}
    path = os.path.join(highsbox.highs_dist_dir(), place.get(sys.platform, "bin/highs.dll"))
    if os.path.isfile(path):
        os.environ["PMIP_HIGHS_LIBRARY"] = path


_name_library()
import mip  # noqa: E402  the library must be named first
import mip.highs  # noqa: E402

if mip.highs.has_highs:
    # python-mip frees a model from the garbage collector; if that is the first use of the function,
    # cffi looks it up under a lock that the interrupted call may hold, and the process hangs
    _ = mip.highs.highslib.Highs_destroy

KNOWN_VERSION = "2.0.0"
"""Version of python-mip whose private attributes ``_pass_whole`` uses."""
Status = Literal["optimal", "feasible", "infeasible", "unbounded", "stopped"]
_STATUS: dict[mip.OptimizationStatus, Status] = {
    mip.OptimizationStatus.OPTIMAL: "optimal",
    mip.OptimizationStatus.FEASIBLE: "feasible",
    mip.OptimizationStatus.INFEASIBLE: "infeasible",
    mip.OptimizationStatus.INT_INFEASIBLE: "infeasible",
    mip.OptimizationStatus.UNBOUNDED: "unbounded",
}


def default_solver() -> str:
    """Return HIGHS where its library can be loaded, else CBC."""
    return str(mip.HIGHS) if getattr(mip.highs, "has_highs", False) else str(mip.CBC)


class LinearModel:
    """
    A programme that stays in the solver: solved, changed, solved again from where it stood.

    Parameters
    ----------
    programme
        The programme.
    solver
        HIGHS or CBC; the best one present where it is empty.
    is_safe
        Use only python-mip's public functions, whatever the version.
    """

    def __init__(self, programme: Programme, *, solver: str = "", is_safe: bool = False) -> None:
        self.solver_name = solver or default_solver()
        self._model = mip.Model(sense=mip.MINIMIZE, solver_name=self.solver_name)
        if self.solver_name == mip.CBC:
            # mip has imported its module by now; as for HiGHS above
            _ = sys.modules["mip.cbc"].cbclib.Cbc_deleteModel
        self._model.verbose = 0
        known = mip.__version__ == KNOWN_VERSION and self.solver_name == mip.HIGHS
        self._bulk: Bulk | None = None
        if known and not is_safe:
            self._bulk = Bulk(self._model.solver, mip.highs.ffi, programme)
        else:
            _build_slowly(self._model, programme)
        self.num_rows = len(programme.row_lower)
        self.num_columns = len(programme.cost)
        self.status: Status = "stopped"
        self.value: float = float("nan")
        self.x: np.ndarray = np.zeros(0)
        self.row_dual: np.ndarray = np.zeros(0)

    @property
    def is_bulk(self) -> bool:
        """True where arrays go to the solver whole."""
        return self._bulk is not None

    def solve(
        self,
        *,
        max_seconds: float = INFINITE,
        method: Literal["simplex", "interior"] = "simplex",
        start: np.ndarray | None = None,
        gap: float = 1e-4,
    ) -> Status:
        """
        Solve from the basis that the last solve left.

        Parameters
        ----------
        max_seconds
            Limit of this call only. [s]
        method
            Dual simplex, or interior point with crossover (large and cold).
        start
            Values of all columns to start a mixed-integer search from.
        gap
            Relative gap at which a mixed-integer search may stop; ``bound`` says what is proven.

        Returns
        -------
        str
            ``optimal``, ``feasible`` (the limit came first), ``infeasible``, ``unbounded`` or
            ``stopped`` (no answer within the limit).

        Raises
        ------
        SolverError
            When the solver fails.
        """
        if self._bulk is not None:
            found = self._bulk.solve(max_seconds, method, start, gap)
        else:
            found = self._solve_slowly(max_seconds, method, start, gap)
        known, self.value, self.x, self.row_dual = found
        self.status = _STATUS.get(known, "stopped")
        return self.status

    @property
    def bound(self) -> float:
        """A proven bound of the last mixed-integer solve."""
        if self._bulk is not None:
            return self._bulk.bound
        return float(self._model.objective_bound)

    def set_rows(self, rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Give constraints new bounds; the basis stays."""
        if self._bulk is not None:
            self._bulk.set_rows(rows, lower, upper)
            return
        for row, low, high in zip(rows.tolist(), lower.tolist(), upper.tolist(), strict=True):
            self._model.constrs[row].rhs = low if high >= INFINITE else high

    def set_columns(self, columns: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Give columns new bounds; the basis stays."""
        if self._bulk is not None:
            self._bulk.set_columns(columns, lower, upper)
            return
        for col, low, high in zip(columns.tolist(), lower.tolist(), upper.tolist(), strict=True):
            self._model.vars[col].lb, self._model.vars[col].ub = low, high

    def set_costs(self, columns: np.ndarray, cost: np.ndarray) -> None:
        """Give columns new costs; the basis stays."""
        if self._bulk is not None:
            self._bulk.set_costs(columns, cost)
            return
        for col, value in zip(columns.tolist(), cost.tolist(), strict=True):
            self._model.vars[col].obj = value

    def add_block(
        self,
        cost: np.ndarray,
        upper: np.ndarray,
        entries: sparse.csc_array,
        total: tuple[float, float],
    ) -> np.ndarray:
        """
        Add columns (from 0 to ``upper``) and one constraint over their sum.

        Parameters
        ----------
        cost, upper
            Of the new columns.
        entries
            Coefficients of the new columns in the constraints that are there.
        total
            Lower and upper bound of the sum of the new columns.

        Returns
        -------
        numpy.ndarray
            Numbers of the new columns.
        """
        columns = np.arange(self.num_columns, self.num_columns + len(cost))
        if self._bulk is not None:
            self._bulk.add_block(cost, upper, entries, total)
        else:
            self._add_slowly(cost, upper, entries, total)
        self.num_columns += len(cost)
        self.num_rows += 1
        return columns

    def remove_last_block(self, size: int) -> None:
        """Take the last block, of ``size`` columns, away again."""
        if self._bulk is not None:
            self._bulk.remove_last(size)
        else:
            self._model.remove([self._model.constrs[self.num_rows - 1]])
            self._model.remove([self._model.vars[self.num_columns - 1 - k] for k in range(size)])
        self.num_columns -= size
        self.num_rows -= 1

    def _add_slowly(
        self,
        cost: np.ndarray,
        upper: np.ndarray,
        entries: sparse.csc_array,
        total: tuple[float, float],
    ) -> None:
        model = self._model
        added = []
        for k in range(len(cost)):
            part = slice(entries.indptr[k], entries.indptr[k + 1])
            rows = [model.constrs[row] for row in entries.indices[part].tolist()]
            column = mip.Column(rows, entries.data[part].tolist())
            added.append(model.add_var(obj=float(cost[k]), ub=float(upper[k]), column=column))
        low, high = total
        expression = mip.xsum(added)
        model += expression == low if low == high else expression <= high

    def _solve_slowly(
        self, max_seconds: float, method: str, start: np.ndarray | None, gap: float
    ) -> tuple[mip.OptimizationStatus, float, np.ndarray, np.ndarray]:
        model = self._model
        model.lp_method = mip.LP_Method.BARRIER if method == "interior" else mip.LP_Method.DUAL
        if start is not None:
            model.start = [(var, float(v)) for var, v in zip(model.vars, start, strict=True)]
        model.max_mip_gap = gap
        # a limit would persist into the next call, so every call sets its own
        with _silence():
            status = model.optimize(max_seconds=min(max_seconds, 1e9))
        if _STATUS.get(status) not in ("optimal", "feasible"):
            return status, float("nan"), np.zeros(0), np.zeros(0)
        duals = [row.pi for row in model.constrs] if model.num_int == 0 else []
        return (
            status,
            float(model.objective_value),
            np.array([var.x for var in model.vars]),
            np.array(duals, dtype=float),
        )


def _build_slowly(model: mip.Model, programme: Programme) -> None:
    """Build through python-mip's public functions."""
    whole = programme.is_integer
    kinds = [mip.CONTINUOUS] * len(programme.cost)
    if whole is not None:
        kinds = [mip.INTEGER if flag else mip.CONTINUOUS for flag in whole.tolist()]
    columns = [
        model.add_var(lb=low, ub=high if high < INFINITE else mip.INF, obj=cost, var_type=kind)
        for low, high, cost, kind in zip(
            programme.lower.tolist(),
            programme.upper.tolist(),
            programme.cost.tolist(),
            kinds,
            strict=True,
        )
    ]
    matrix = programme.matrix
    for row in range(matrix.shape[0]):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        terms = zip(matrix.indices[part].tolist(), matrix.data[part].tolist(), strict=True)
        left = mip.xsum(value * columns[col] for col, value in terms)
        low, high = float(programme.row_lower[row]), float(programme.row_upper[row])
        if low == high:
            model += left == low
        elif high < INFINITE:
            model += left <= high
        else:
            model += left >= low


@contextmanager
def _silence() -> Iterator[None]:
    """Keep CBC, which prints whatever ``verbose`` says, off the standard output."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
