"""A thin, readable layer over PuLP: columns and rows in blocks.

`Model` gathers blocks as arrays. PuLP then holds the whole model: it is what is solved, and
`Model.problem` can be written as LP or MPS file. A family of rows is one call:

    model.at_most([(power, 1.0), (on, -most_kw)], 0.0)      # power[i] <= most_kw[i] * on[i]

Importing this module imports PuLP (over a second): only ever in an executor.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pulp

# PuLP re-exports neither: they are what `LpProblem.toRustModel()` takes.
from pulp._rustcore import AffineExpr, Category, Sense

from .solver import SCALE, HighsInProcess, Solver

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

ABSENT = -1
"""Number of a column that does not exist in a slot, or of a row that is not needed there."""


class Model:
    """Columns and rows, each named by its number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._names: list[str] = []
        self._lower: list[Values] = []
        self._upper: list[Values] = []
        self._cost: list[Values] = []
        self._integer: list[int] = []
        self._fixed: dict[int, float] = {}
        self._extra_cost: dict[int, float] = {}
        self._terms: list[tuple[Ids, Values, Ids]] = []
        self._limits: list[Values] = []
        self._senses: list[Sense] = []
        self.rows = 0

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
        begin, count = len(self._names), len(upper)
        self._names += _numbered(name, count)
        self._upper.append(np.asarray(upper, dtype=float))
        self._lower.append(_each(lower, count))
        self._cost.append(_each(cost, count))
        if integer:
            self._integer += range(begin, begin + count)
        return np.arange(begin, begin + count)

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self._names)

    def add_cost(self, column: int, cost: float) -> None:
        """Add to the cost of a column."""
        self._extra_cost[column] = self._extra_cost.get(column, 0.0) + cost

    def fix(self, column: int, value: float) -> None:
        """Give a column one value."""
        self._fixed[column] = value

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
        self._senses += [sense] * len(limits)
        self.rows += len(limits)
        return numbers

    @cached_property
    def problem(self) -> pulp.LpProblem:
        """The model in PuLP, as it is when this is first asked for.

        Poured into its core in whole rows: the operators of PuLP take longer than the solver.
        """
        problem = pulp.LpProblem(self._name, pulp.LpMinimize)
        core = problem.toRustModel()
        lower, upper, cost = (np.concatenate(x) for x in (self._lower, self._upper, self._cost))
        for column, value in self._fixed.items():
            lower[column] = upper[column] = value
        for column, extra in self._extra_cost.items():
            cost[column] += extra
        variables = core.add_variables_batch(self._names, 0.0, float("inf"), Category.Continuous)
        for variable, bound in zip(variables, upper.tolist(), strict=True):
            variable.set_ub(bound)
        for column in np.flatnonzero(lower).tolist():
            variables[column].set_lb(float(lower[column]))
        for column in self._integer:
            variables[column].set_category(Category.Integer)
        goal = AffineExpr()
        goal.add_term_ids_coeffs(core, np.arange(len(cost), dtype=np.uint64), cost * SCALE)
        core.set_objective(goal)
        columns, factors, ends = self._row_by_row()
        limits = np.concatenate([np.zeros(0), *self._limits]).tolist()
        begin = 0
        for end, sense, limit in zip(ends, self._senses, limits, strict=True):
            row = AffineExpr()
            row.add_term_ids_coeffs(core, columns[begin:end], factors[begin:end])
            row.set_sense(sense)
            if limit:
                row.set_constant(-limit)
            core.add_constraint(row)
            begin = end
        return problem

    def _row_by_row(self) -> tuple[memoryview, memoryview, list[int]]:
        """Return columns and factors in order of their rows, and where each row ends."""
        none = np.zeros(0, dtype=np.int64)
        terms = [(none, np.zeros(0), none), *self._terms]
        columns, factors, rows = (np.concatenate(x) for x in zip(*terms, strict=True))
        there = np.flatnonzero((columns != ABSENT) & (rows != ABSENT))
        there = there[np.argsort(rows[there], kind="stable")]
        ends = np.cumsum(np.bincount(rows[there], minlength=self.rows)).tolist()
        # Slices of a memoryview are cheaper than those of an array.
        return memoryview(columns[there].astype(np.uint64)), memoryview(factors[there]), ends

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


@lru_cache(maxsize=64)
def _numbered(name: str, count: int) -> list[str]:
    """Return the names of a block of columns: the same blocks come in every plan."""
    return [f"{name}_{i}" for i in range(count)]


def _each(value: Factors, count: int) -> Values:
    """Return one number for each of `count`."""
    if isinstance(value, np.ndarray) and value.shape == (count,):
        return value
    return np.full(count, value, dtype=float)
