"""HiGHS in-process beneath PuLP: the model handed over in one piece, the answer read in one."""

from array import array
from collections.abc import Callable
from functools import cached_property
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import pulp
from pulp._rustcore import Sense
from pulp.core.lp_stats import LpSolveStats

type Values = npt.NDArray[np.float64]

SCALE = 1000.0
"""The solver sees a thousandth of the currency: a preference of a slot stays above its tolerance
(1e-7), and a missed goal (some hundred) stays well below where digits are lost."""


class Solved:
    """An answer of the solver; money in currency. Duals are read when they are asked for."""

    def __init__(self, highs: Any, info: Any, *, integer: bool, proven: bool) -> None:
        # A copy: the next solve leaves it as it is.
        self._solution = highs.getSolution()
        self.values = _values(self._solution.col_value)
        self.objective: float = info.objective_function_value / SCALE
        self.bound: float = info.mip_dual_bound / SCALE if integer else self.objective
        """No feasible point has a lower objective."""
        self.proven = proven

    @cached_property
    def row_duals(self) -> Values:
        """What one more unit on the right of each row costs."""
        return _values(self._solution.row_dual) / SCALE

    @cached_property
    def column_duals(self) -> Values:
        """Reduced cost of each column."""
        return _values(self._solution.col_dual) / SCALE


def _values(numbers: list[float]) -> Values:
    # A list of floats becomes an array of machine numbers in half the time that numpy takes.
    return np.frombuffer(array("d", numbers))


class Solver:
    """A live HiGHS: bounds and coefficients may change between solves, which start warm."""

    def __init__(self, highs: Any, *, integer: bool) -> None:
        self._highs = highs
        self._integer = integer
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
        """Change the bounds of columns."""
        self._highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)

    def set_factor(self, row: int, column: int, factor: float) -> None:
        """Change one coefficient."""
        self._highs.changeCoeff(row, column, factor)

    def set_limit(self, row: int, limit: float) -> None:
        """Change the limit of a row that was added with `at_most`."""
        self._highs.changeRowBounds(row, -highspy.kHighsInf, limit)

    def solve(self, time_limit_s: float) -> Solved | None:
        """Solve again from where the last solve ended."""
        self.solves += 1
        self._highs.setOptionValue("time_limit", max(time_limit_s, 0.0))
        self._highs.run()
        return self.answer()


class HighsInProcess(pulp.HiGHS):
    """PuLP's HiGHS without its loops over single columns and rows.

    The answer stays in the live solver (`LpProblem.solverModel`), where `Solver` reads it; PuLP's
    own variables get no values.
    """

    def __init__(
        self,
        *,
        start: Values | None,
        cancelled: Callable[[], bool] | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
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
        """Hand the model to HiGHS."""
        core = lp.toRustModel()
        variables, rows = core.list_variables(), core.list_constraints()
        objective = core.get_objective()
        # `Model` gives it all columns in their order.
        cost = _values(objective.values() if objective is not None else [])
        starts: list[int] = []
        columns: list[int] = []
        factors: list[float] = []
        for row in rows:
            starts.append(len(columns))
            for variable, factor in row.items():
                columns.append(variable.id())
                factors.append(factor)
        limits = _values([row.rhs for row in rows])
        at_most = np.array([row.sense == Sense.LessEqual for row in rows], dtype=bool)
        at_least = np.array([row.sense == Sense.GreaterEqual for row in rows], dtype=bool)
        highs: Any = lp.solverModel
        highs.passModel(
            len(variables),
            len(rows),
            len(factors),
            int(highspy.MatrixFormat.kRowwise),
            int(highspy.ObjSense.kMinimize),
            0.0,
            cost,
            _values([variable.lb for variable in variables]),
            _values([variable.ub for variable in variables]),
            np.where(at_most, -highspy.kHighsInf, limits),
            np.where(at_least, highspy.kHighsInf, limits),
            np.frombuffer(array("i", starts), dtype=np.int32),
            np.frombuffer(array("i", columns), dtype=np.int32),
            _values(factors),
            np.array([v.is_integer() for v in variables], dtype=np.int32)
            if core.is_mip()
            else np.zeros(len(variables), dtype=np.int32),
        )
        if self._start is not None:
            count = len(self._start)
            highs.setSolution(count, np.arange(count, dtype=np.int32), self._start)
        if self._cancelled is not None:
            _interrupt_when(highs, self._cancelled)


def _interrupt_when(highs: Any, cancelled: Callable[[], bool]) -> None:
    def on_event(kind: Any, _message: str, _out: Any, given: Any, _data: Any) -> None:
        if cancelled():
            given.user_interrupt = True

    highs.setCallback(on_event, None)
    for kind in ("kCallbackMipInterrupt", "kCallbackSimplexInterrupt"):
        highs.startCallback(getattr(highspy.cb.HighsCallbackType, kind))
