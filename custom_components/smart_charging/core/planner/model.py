"""A thin, readable layer over PuLP: columns and rows in blocks.

`Model` gathers blocks as arrays. They are poured into PuLP, which then holds the whole model: its
problem is what is solved, and can be written as LP or MPS file. A family of rows is one call:

    model.at_most([(power, 1.0), (on, -most_kw)], 0.0)      # power[i] <= most_kw[i] * on[i]

Importing this module imports PuLP (over a second): only ever in an executor.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pulp

# PuLP re-exports neither: they are what `LpProblem.toRustModel()` takes.
from pulp._rustcore import AffineExpr, Category, Sense

from .solver import SCALE, HighsInProcess, Matrix, Solver

type Ids = npt.NDArray[np.int64]
type Values = npt.NDArray[np.float64]
type Factors = float | Sequence[float] | Values
type Terms = (
    tuple[Ids | Sequence[int] | int, Factors]
    | tuple[Ids | Sequence[int] | int, Factors, Ids | Sequence[int] | int]
)
"""Columns, their factors, and the row of the block that each stands in.

Without rows one column stands in each, in order, or a single one in all of them. What is
`ABSENT` is left out."""

SIMPLEX = {
    "simplex_dual_edge_weight_strategy": 1,
    "dual_simplex_cost_perturbation_multiplier": 0.0,
}
"""How HiGHS walks: by Devex weights, which cost less than exact ones, and by the costs as they are.

Costs here differ from slot to slot and prefer earlier ones, so that nothing is won by shaking them.
A quarter less than HiGHS takes by itself on first solves of the 18 homes of benchmarks/homes.py, a
seventh on those that follow, to the same plans."""

ABSENT = -1
"""Number of a column that does not exist in a slot, or of a row that is not needed there."""


class Model:
    """Columns and rows, each named by its number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._blocks: list[list[str]] = []
        self._lower: list[Values] = []
        self._upper: list[Values] = []
        self._cost: list[Values] = []
        self._integer: list[bool] = []
        self._fixed: dict[int, float] = {}
        self._extra_cost: dict[int, float] = {}
        self._terms: list[tuple[Ids, Values, Ids]] = []
        self._limits: list[Values] = []
        self._senses: list[Sense] = []
        self._basic: list[tuple[Ids, Ids]] = []
        self.rows = 0
        self.count = 0
        """Number of columns."""

    def columns(
        self,
        name: str,
        upper: Sequence[float] | Values,
        *,
        lower: Factors = 0.0,
        cost: Factors = 0.0,
        integer: bool = False,
    ) -> Ids:
        """Add one column per value of `upper`; costs in currency per unit. Return their numbers."""
        begin, count = self.count, len(upper)
        self.count += count
        self._blocks.append(_numbered(name, count))
        self._integer.append(integer)
        self._upper.append(np.asarray(upper, dtype=float))
        self._lower.append(_each(lower, count))
        self._cost.append(_each(cost, count))
        return np.arange(begin, begin + count)

    def add_cost(self, column: int, cost: float) -> None:
        """Add to the cost of a column."""
        self._extra_cost[column] = self._extra_cost.get(column, 0.0) + cost

    def fix(self, column: int, value: float) -> None:
        """Give a column one value."""
        self._fixed[column] = value

    def begin_with(self, columns: Ids, rows: Ids) -> None:
        """Let the simplex begin where each of `columns` is set by the equation of its row.

        All other columns begin at their lower bound. Together they must be solvable row by row.
        """
        self._basic.append((columns, rows))

    def at_most(
        self, terms: Sequence[Terms], limits: Factors, *, where: npt.NDArray[np.bool_] | None = None
    ) -> Ids:
        """Add the rows `sum of terms <= limits`, one per limit or column; see `Terms`.

        With `where` only some of them are added. Return their numbers, `ABSENT` elsewhere.
        """
        return self._rows(terms, Sense.LessEqual, limits, where)

    def at_least(
        self, terms: Sequence[Terms], limits: Factors, *, where: npt.NDArray[np.bool_] | None = None
    ) -> Ids:
        """Add the rows `sum of terms >= limits`; see `at_most`."""
        return self._rows(terms, Sense.GreaterEqual, limits, where)

    def equal(
        self, terms: Sequence[Terms], values: Factors, *, where: npt.NDArray[np.bool_] | None = None
    ) -> Ids:
        """Add the rows `sum of terms == values`; see `at_most`."""
        return self._rows(terms, Sense.Equal, values, where)

    def _rows(
        self,
        terms: Sequence[Terms],
        sense: Sense,
        limits: Factors,
        where: npt.NDArray[np.bool_] | None,
    ) -> Ids:
        if isinstance(limits, float | int):
            count = max((np.size(x[0]) for x in terms if len(x) == 2), default=1)
        else:
            count = len(limits)
        limits = _each(limits, count)
        if where is None:
            numbers = np.arange(self.rows, self.rows + count)
        else:
            numbers = np.where(where, where.cumsum() + (self.rows - 1), ABSENT)
            limits = limits[where]
        for term in terms:
            columns = term[0]
            if not isinstance(columns, np.ndarray) or not columns.ndim:
                columns = np.atleast_1d(np.asarray(columns, dtype=np.int64))
            rows = numbers if len(term) == 2 else numbers[term[2]]
            if not rows.ndim:
                rows = np.full(len(columns), rows)
            elif len(columns) != len(rows):
                columns = np.full(len(rows), columns[0])
            self._terms.append((columns, _each(term[1], len(columns)), rows))
        self._limits.append(limits)
        self._senses.append(sense)
        self.rows += len(limits)
        return numbers

    def pour(self) -> tuple[pulp.LpProblem, Matrix]:
        """Return the model as it is now, in PuLP and as the arrays that PuLP was filled from.

        In whole blocks of columns and whole rows: the operators of PuLP take longer than the solver.
        """
        matrix = self._matrix()
        problem = pulp.LpProblem(self._name, pulp.LpMinimize)
        core = problem.toRustModel()
        self._pour_columns(core, matrix)
        self._pour_rows(core, matrix)
        return problem, matrix

    def _matrix(self) -> Matrix:
        lower, upper, cost = (np.concatenate(x) for x in (self._lower, self._upper, self._cost))
        for column, value in self._fixed.items():
            lower[column] = upper[column] = value
        for column, extra in self._extra_cost.items():
            cost[column] += extra
        none = np.zeros(0, dtype=np.int64)
        terms = [(none, np.zeros(0), none), *self._terms]
        columns, factors, rows = (np.concatenate(x) for x in zip(*terms, strict=True))
        there = np.flatnonzero((columns != ABSENT) & (rows != ABSENT))
        # In order of the rows, and in each as they came.
        rows = rows[there]
        # Short numbers are sorted by radix.
        order = np.argsort(rows.astype(np.uint16) if self.rows < 2**16 else rows, kind="stable")
        there, counts = there[order], np.bincount(rows, minlength=self.rows)
        limits = np.concatenate([np.zeros(0), *self._limits])
        sizes = [len(x) for x in self._limits]
        at_most = np.repeat([x == Sense.LessEqual for x in self._senses], sizes)
        at_least = np.repeat([x == Sense.GreaterEqual for x in self._senses], sizes)
        return Matrix(
            cost=cost * SCALE,
            lower=lower,
            upper=upper,
            integer=np.repeat(
                np.array(self._integer, dtype=np.int32), [len(x) for x in self._blocks]
            ),
            row_lower=np.where(at_most, -np.inf, limits),
            row_upper=np.where(at_least, np.inf, limits),
            starts=(np.cumsum(counts) - counts).astype(np.int32),
            columns=columns[there].astype(np.int32),
            factors=factors[there],
            basic=tuple(np.concatenate(x) for x in zip(*self._basic, strict=True)),
        )

    def _pour_columns(self, core: Any, matrix: Matrix) -> None:
        begins = np.cumsum([0, *map(len, self._blocks)])
        variables = []
        for names, integer, begin in zip(
            self._blocks, self._integer, begins.tolist(), strict=False
        ):
            if names:
                category = Category.Integer if integer else Category.Continuous
                low, high = float(matrix.lower[begin]), float(matrix.upper[begin])
                variables += core.add_variables_batch(names, low, high, category)
        # A block has the bounds of its first column until it is told otherwise.
        first = np.repeat(begins[:-1], np.diff(begins))
        at = (matrix.upper != matrix.upper[first]).nonzero()[0]
        for column, bound in zip(at.tolist(), matrix.upper[at].tolist(), strict=True):
            variables[column].set_ub(bound)
        at = (matrix.lower != matrix.lower[first]).nonzero()[0]
        for column, bound in zip(at.tolist(), matrix.lower[at].tolist(), strict=True):
            variables[column].set_lb(bound)
        goal = AffineExpr()
        goal.add_term_ids_coeffs(core, np.arange(self.count, dtype=np.uint64), matrix.cost)
        core.set_objective(goal)

    def _pour_rows(self, core: Any, matrix: Matrix) -> None:
        # Slices of a memoryview are cheaper than those of an array.
        columns = memoryview(matrix.columns.astype(np.uint64))
        factors = memoryview(matrix.factors)
        ends = iter([*matrix.starts[1:].tolist(), len(factors)])
        begin = 0
        add = core.add_constraint
        for sense, limits in zip(self._senses, self._limits, strict=True):
            empty = AffineExpr()
            empty.set_sense(sense)
            for limit, end in zip(limits.tolist(), ends, strict=False):
                row = empty.clone_expr()
                row.add_term_ids_coeffs(core, columns[begin:end], factors[begin:end])
                if limit:
                    row.set_constant(-limit)
                add(row)
                begin = end

    def solver(
        self,
        *,
        time_limit_s: float,
        cancelled: Callable[[], bool] | None = None,
        start: Values | None = None,
        nodes: int | None = None,
        gap_relative: float = 0.0,
        gap_absolute: float = 0.0,
    ) -> Solver:
        """Solve with HiGHS and return the live solver, whose bounds may be changed."""
        problem, matrix = self.pour()
        options: dict[str, Any] = {} if matrix.integer.any() else dict(SIMPLEX)
        if nodes is not None:
            options["mip_max_nodes"] = nodes
        highs = HighsInProcess(
            matrix,
            start=start,
            cancelled=cancelled,
            msg=False,
            timeLimit=time_limit_s,
            gapRel=gap_relative,
            gapAbs=gap_absolute * SCALE,
            presolve="off",
            output_flag=False,
            **options,
        )
        problem.solve(highs)
        return Solver(problem.solverModel, matrix)


@lru_cache(maxsize=64)
def _numbered(name: str, count: int) -> list[str]:
    """Return the names of a block of columns: the same blocks come in every plan."""
    return [f"{name}_{i}" for i in range(count)]


def _each(value: Factors, count: int) -> Values:
    """Return one number for each of `count`."""
    if isinstance(value, np.ndarray) and value.shape == (count,):
        return value
    if isinstance(value, float | int) and count <= len(_ONES):
        # A third of what np.full takes.
        return _ONES[:count] if value == 1 else value * _ONES[:count]
    return np.full(count, value, dtype=float)


_ONES = np.ones(1024)
_ONES.flags.writeable = False
