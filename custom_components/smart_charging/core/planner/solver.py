"""HiGHS in-process beneath PuLP: the model handed over in one piece, the answer read in one.

PuLP holds the whole model and starts the solver. What HiGHS is given are the very arrays that PuLP
was filled from in the same pass (`Model.pour`), not PuLP's copy of them read back row by row: that
takes longer than to fill it. A test compares the two on whole plans.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import pulp
from pulp.core.lp_stats import LpSolveStats

type Values = npt.NDArray[np.float64]
type Numbers = npt.NDArray[np.int32]

SCALE = 1000.0
"""The solver sees a thousandth of the currency: a preference of a slot stays above its tolerance
(1e-7), and a missed goal (some hundred) stays well below where digits are lost."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A model as HiGHS takes it: minimise cost x with lower <= x <= upper, and the same of its rows.

    The rows are compressed: row i has the entries from `starts[i]` to the next one's.
    """

    cost: Values
    """In thousandths of the currency: see `SCALE`."""
    lower: Values
    upper: Values
    integer: Numbers
    """1 for a column of whole numbers, else 0."""
    row_lower: Values
    row_upper: Values
    starts: Numbers
    columns: Numbers
    factors: Values
    basic: tuple[npt.NDArray[np.int64], ...]
    """Columns that are basic where the simplex begins, and the row of each; nothing to begin with
    the rows alone."""


class Solved:
    """An answer of the solver; money in currency. Values and duals are read when asked for.

    Each array ends with a 0 that belongs to nothing: what has the number `ABSENT` (-1) reads it.
    """

    def __init__(self, highs: Any, info: Any, *, integer: bool, proven: bool) -> None:
        # A copy: the next solve leaves it as it is.
        self._solution = highs.getSolution()
        self.objective: float = info.objective_function_value / SCALE
        self.bound: float = info.mip_dual_bound / SCALE if integer else self.objective
        """No feasible point has a lower objective."""
        self.proven = proven

    @cached_property
    def values(self) -> Values:
        """What each column comes to."""
        return _and_0(self._solution.col_value)

    @cached_property
    def row_duals(self) -> Values:
        """What one more unit on the right of each row costs."""
        return _and_0(self._solution.row_dual) / SCALE

    @cached_property
    def column_duals(self) -> Values:
        """Reduced cost of each column."""
        return _and_0(self._solution.col_dual) / SCALE


def _and_0(numbers: list[float]) -> Values:
    # A list of floats becomes an array of machine numbers in half the time that numpy takes.
    found = array("d", numbers)
    found.append(0.0)
    return np.frombuffer(found)


class Solver:
    """A live HiGHS: bounds and coefficients may change between solves, which start warm."""

    def __init__(self, highs: Any, matrix: Matrix) -> None:
        self._highs = highs
        self._integer = bool(matrix.integer.any())
        # As they stand in HiGHS: what would change nothing is not sent.
        self._lower, self._upper = matrix.lower.copy(), matrix.upper.copy()
        self._row_upper = matrix.row_upper.copy()
        self._factors: dict[tuple[int, int], float] = {}
        self.solves = 1

    def answer(self) -> Solved | None:
        """Return the present answer, `None` when there is none."""
        info = self._highs.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        proven = self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if not self._integer and not proven:
            # A simplex that was stopped may be feasible but proves nothing.
            return None
        return Solved(self._highs, info, integer=self._integer, proven=proven)

    def set_bounds(self, columns: npt.NDArray[np.int64], lower: Values, upper: Values) -> None:
        """Change the bounds of columns, each of which stands in `columns` once."""
        new = (self._lower[columns] != lower) | (self._upper[columns] != upper)
        at, low, high = columns[new], lower[new], upper[new]
        if len(at):
            self._lower[at], self._upper[at] = low, high
            self._highs.changeColsBounds(len(at), at.astype(np.int32), low, high)

    def set_limits(self, rows: npt.NDArray[np.int64], limits: Values) -> None:
        """Change the limits of rows that were added with `at_most`."""
        new = self._row_upper[rows] != limits
        at, high = rows[new], limits[new]
        if len(at):
            self._row_upper[at] = high
            low = np.full(len(at), -highspy.kHighsInf)
            self._highs.changeRowsBounds(len(at), at.astype(np.int32), low, high)

    def set_factor(self, row: int, column: int, factor: float) -> None:
        """Change one coefficient."""
        if self._factors.get((row, column)) != factor:
            self._factors[row, column] = factor
            self._highs.changeCoeff(row, column, factor)

    def solve(self, time_limit_s: float) -> Solved | None:
        """Solve again from where the last solve ended."""
        self.solves += 1
        self._highs.setOptionValue("time_limit", max(time_limit_s, 0.0))
        self._highs.run()
        return self.answer()


class HighsInProcess(pulp.HiGHS):
    """PuLP's HiGHS without its loops over single columns and rows: it takes them as arrays.

    The arrays must be those that the problem was filled from. The answer stays in the live solver (`LpProblem.solverModel`), where `Solver` reads it; PuLP's
    own variables get no values.
    """

    def __init__(
        self,
        matrix: Matrix,
        *,
        start: Values | None,
        cancelled: Callable[[], bool] | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._matrix = matrix
        self._start = start
        self._cancelled = cancelled

    def actualSolve(self, lp: pulp.LpProblem, **_: Any) -> LpSolveStats:
        """Solve the model and say how it ended."""
        self.createAndConfigureSolver(lp)
        self.buildSolverModel(lp)
        highs: Any = lp.solverModel
        highs.run()
        status = pulp.LpSolveStatus
        optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return LpSolveStats(
            solver=self.name,
            status=status.Optimal if optimal else status.Stopped,
            has_solution=optimal,
        )

    def buildSolverModel(self, lp: pulp.LpProblem) -> None:
        """Hand the model to HiGHS.

        Raises:
            pulp.PulpSolverError: when HiGHS does not take it.
        """
        highs: Any = lp.solverModel
        x = self._matrix
        status = highs.passModel(
            len(x.cost),
            len(x.row_lower),
            len(x.factors),
            int(highspy.MatrixFormat.kRowwise),
            int(highspy.ObjSense.kMinimize),
            0.0,
            x.cost,
            x.lower,
            x.upper,
            x.row_lower,
            x.row_upper,
            x.starts,
            x.columns,
            x.factors,
            x.integer,
        )
        if status == highspy.HighsStatus.kError:
            raise pulp.PulpSolverError("HiGHS does not take the model")
        if x.basic:
            highs.setBasis(_basis(x))
        if self._start is not None:
            count = len(self._start)
            highs.setSolution(count, np.arange(count, dtype=np.int32), self._start)
        if self._cancelled is not None:
            _interrupt_when(highs, self._cancelled)


def _basis(x: Matrix) -> Any:
    """Return where the simplex begins: some columns basic in place of their rows."""
    columns, rows = x.basic
    column_states = np.where(np.isfinite(x.lower), _LOWER, _UPPER)
    column_states[~np.isfinite(x.lower) & ~np.isfinite(x.upper)] = _ZERO
    column_states[columns] = _BASIC
    row_states = np.full(len(x.row_lower), _BASIC)
    row_states[rows] = _LOWER
    basis = highspy.HighsBasis()
    basis.col_status = _STATES[column_states].tolist()
    basis.row_status = _STATES[row_states].tolist()
    basis.valid = True
    basis.alien = False  # As HiGHS would find it itself: nothing to look into before it runs.
    return basis


_LOWER, _BASIC, _UPPER, _ZERO = range(4)
_STATES = np.array(
    [getattr(highspy.HighsBasisStatus, name) for name in ("kLower", "kBasic", "kUpper", "kZero")],
    dtype=object,
)


def _interrupt_when(highs: Any, cancelled: Callable[[], bool]) -> None:
    def on_event(kind: Any, _message: str, _out: Any, given: Any, _data: Any) -> None:
        if cancelled():
            given.user_interrupt = True

    highs.setCallback(on_event, None)
    for kind in ("kCallbackMipInterrupt", "kCallbackSimplexInterrupt"):
        highs.startCallback(getattr(highspy.cb.HighsCallbackType, kind))
