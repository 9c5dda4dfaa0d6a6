"""A thin, readable layer over PuLP, and HiGHS in-process beneath it.

PuLP holds the model: it is what is solved, and `Model.problem` can be written as LP or MPS file.
Rows are poured into PuLP's core in whole terms, and handed to HiGHS in one piece: the operators
of PuLP would take longer than the solver. Importing this module imports PuLP (over a second):
only ever in an executor.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import pulp

# PuLP re-exports neither: they are what `LpProblem.toRustModel()` takes.
from pulp._rustcore import AffineExpr, Category, Sense

type Ids = npt.NDArray[np.int64]
type Term = tuple[int, float]

SCALE = 1000.0
"""The solver sees a thousandth of the currency: a preference of a slot stays above its tolerance
(1e-7), and a missed goal (some hundred) stays well below where digits are lost."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """An answer of the solver; money in currency."""

    values: npt.NDArray[np.float64]
    row_duals: npt.NDArray[np.float64]
    column_duals: npt.NDArray[np.float64]
    objective: float
    bound: float
    """No feasible point has a lower objective."""
    proven: bool


class Solver:
    """A live HiGHS: bounds and coefficients may change between solves, which start warm."""

    def __init__(self, highs: Any, *, integer: bool) -> None:
        self._highs = highs
        self._integer = integer
        self.solves = 1

    def answer(self) -> Solved | None:
        """Return the present answer, `None` when there is none."""
        highs = self._highs
        info = highs.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        proven = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if not self._integer and not proven:
            # A simplex that was stopped may be feasible but proves nothing.
            return None
        solution = highs.getSolution()
        objective = info.objective_function_value / SCALE
        return Solved(
            values=np.array(solution.col_value),
            row_duals=np.array(solution.row_dual) / SCALE,
            column_duals=np.array(solution.col_dual) / SCALE,
            objective=objective,
            bound=info.mip_dual_bound / SCALE if self._integer else objective,
            proven=proven,
        )

    def set_bounds(
        self, columns: Ids, lower: npt.NDArray[np.float64], upper: npt.NDArray[np.float64]
    ) -> None:
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


class Model:
    """Columns and rows in PuLP; a column is named by its number."""

    def __init__(self, name: str) -> None:
        self.problem = pulp.LpProblem(name, pulp.LpMinimize)
        self._core = self.problem.toRustModel()
        self._cost: list[float] = []
        self._offset = 0.0
        self.rows = 0

    def columns(
        self,
        name: str,
        upper: Sequence[float] | npt.NDArray[np.float64],
        *,
        lower: Sequence[float] | npt.NDArray[np.float64] | None = None,
        cost: Sequence[float] | npt.NDArray[np.float64] | None = None,
        integer: bool = False,
    ) -> Ids:
        """Add one column per value of `upper`; costs in currency per unit. Return their numbers."""
        count = len(upper)
        variables = self._core.add_variables_batch(
            [f"{name}_{i}" for i in range(count)],
            0.0,
            float("inf"),
            Category.Integer if integer else Category.Continuous,
        )
        for variable, bound in zip(variables, upper, strict=True):
            variable.set_ub(float(bound))
        if lower is not None:
            for variable, bound in zip(variables, lower, strict=True):
                variable.set_lb(float(bound))
        begin = len(self._cost)
        self._cost.extend([0.0] * count if cost is None else (float(c) for c in cost))
        return np.arange(begin, begin + count)

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self._cost)

    def add_cost(self, column: int, cost: float) -> None:
        """Add to the cost of a column."""
        self._cost[column] += cost

    def fix(self, column: int, value: float) -> None:
        """Give a column one value."""
        variable = self._core.get_variable(column)
        variable.set_lb(value)
        variable.set_ub(value)

    def at_most(self, terms: Iterable[Term], limit: float) -> int:
        """Add the row `terms <= limit` and return its number."""
        return self._row(terms, Sense.LessEqual, limit)

    def at_least(self, terms: Iterable[Term], limit: float) -> int:
        """Add the row `terms >= limit` and return its number."""
        return self._row(terms, Sense.GreaterEqual, limit)

    def equal(self, terms: Iterable[Term], value: float) -> int:
        """Add the row `terms == value` and return its number."""
        return self._row(terms, Sense.Equal, value)

    def _row(self, terms: Iterable[Term], sense: Sense, value: float) -> int:
        columns = array("Q")
        factors = array("d")
        for column, factor in terms:
            columns.append(column)
            factors.append(factor)
        row = AffineExpr()
        row.add_term_ids_coeffs(self._core, columns, factors)
        row.set_constant(-float(value))
        row.set_sense(sense)
        self._core.add_constraint(row)
        self.rows += 1
        return self.rows - 1

    def solver(
        self,
        *,
        time_limit_s: float,
        cancelled: Callable[[], bool] | None = None,
        start: npt.NDArray[np.float64] | None = None,
        nodes: int | None = None,
        gap_relative: float = 0.0,
        gap_absolute: float = 0.0,
    ) -> Solver:
        """Solve with HiGHS and return the live solver, whose bounds may be changed."""
        goal = AffineExpr()
        goal.add_term_ids_coeffs(
            self._core,
            array("Q", range(len(self._cost))),
            array("d", [c * SCALE for c in self._cost]),
        )
        self._core.set_objective(goal)
        options: dict[str, Any] = {} if nodes is None else {"mip_max_nodes": nodes}
        highs = HighsInProcess(
            start=start,
            cancelled=cancelled,
            msg=False,
            timeLimit=time_limit_s,
            gapRel=gap_relative,
            gapAbs=gap_absolute * SCALE,
            presolve="off",
            **options,
        )
        self.problem.solve(highs)
        return Solver(self.problem.solverModel, integer=nodes is not None)


class HighsInProcess(pulp.HiGHS):
    """PuLP's HiGHS with the model passed in one piece and the answer read in one piece."""

    def __init__(
        self,
        *,
        start: npt.NDArray[np.float64] | None,
        cancelled: Callable[[], bool] | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._start = start
        self._cancelled = cancelled

    def buildSolverModel(self, lp: pulp.LpProblem) -> None:
        """Hand the model to HiGHS."""
        core = lp.toRustModel()
        variables = core.list_variables()
        count = len(variables)
        cost = np.zeros(count)
        objective = core.get_objective()
        for variable, factor in objective.items() if objective is not None else ():
            cost[variable.id()] = factor
        model = highspy.HighsLp()
        starts, columns, factors = [0], array("i"), array("d")
        lower, upper = array("d"), array("d")
        for row in core.list_constraints():
            for variable, factor in row.items():
                columns.append(variable.id())
                factors.append(factor)
            starts.append(len(columns))
            sense, value = row.sense, row.rhs
            lower.append(-highspy.kHighsInf if sense == Sense.LessEqual else value)
            upper.append(highspy.kHighsInf if sense == Sense.GreaterEqual else value)
        model.num_col_, model.num_row_ = count, len(lower)
        model.col_cost_ = cost
        model.col_lower_ = np.array([v.lb for v in variables])
        model.col_upper_ = np.array([v.ub for v in variables])
        model.row_lower_, model.row_upper_ = np.array(lower), np.array(upper)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(starts)
        model.a_matrix_.index_ = np.array(columns)
        model.a_matrix_.value_ = np.array(factors)
        if core.is_mip():
            kinds = highspy.HighsVarType
            model.integrality_ = [
                kinds.kInteger if v.is_integer() else kinds.kContinuous for v in variables
            ]
        highs: Any = lp.solverModel
        highs.passModel(model)
        if self._start is not None:
            highs.setSolution(count, np.arange(count, dtype=np.int32), self._start)
        if self._cancelled is not None:
            _interrupt_when(highs, self._cancelled)

    def findSolutionValues(self, lp: pulp.LpProblem) -> tuple[Any, bool]:
        """Give the answer back to PuLP."""
        highs: Any = lp.solverModel
        values = highs.getSolution().col_value
        lp.toRustModel().set_variable_values(list(enumerate(values)))
        optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        status = pulp.LpSolveStatus
        return (status.Optimal if optimal else status.Stopped), bool(values)


def _interrupt_when(highs: Any, cancelled: Callable[[], bool]) -> None:
    def on_event(kind: Any, _message: str, _out: Any, given: Any, _data: Any) -> None:
        if cancelled():
            given.user_interrupt = True

    highs.setCallback(on_event, None)
    for kind in ("kCallbackMipInterrupt", "kCallbackSimplexInterrupt"):
        highs.startCallback(getattr(highspy.cb.HighsCallbackType, kind))
