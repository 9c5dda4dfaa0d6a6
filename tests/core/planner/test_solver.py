"""HiGHS solves what PuLP holds: the arrays that it is given are PuLP's own problem, to the bit."""

from typing import Any

import highspy
import numpy as np
import pulp
from pulp._rustcore import Constraint, Sense
import pytest

from benchmarks.evening import home
from benchmarks.homes import homes
from custom_components.smart_charging.core.planner import Problem, plan
from custom_components.smart_charging.core.planner.formulation import formulate
from custom_components.smart_charging.core.planner.model import Model
from custom_components.smart_charging.core.planner.needs import needs_of
from custom_components.smart_charging.core.planner.prepare import prepare
from custom_components.smart_charging.core.planner.solver import SCALE, HighsInProcess, Matrix
from custom_components.smart_charging.core.planner.weights import weights_of
from tests.core.planner.strategies import site


def bounds(row: Constraint) -> tuple[float, float]:
    return (
        -np.inf if row.sense == Sense.LessEqual else row.rhs,
        np.inf if row.sense == Sense.GreaterEqual else row.rhs,
    )


def check_same(problem: pulp.LpProblem, matrix: Matrix) -> None:
    """Compare what PuLP holds, read column by column and row by row, with the arrays."""
    core = problem.toRustModel()
    columns, rows = core.list_variables(), core.list_constraints()
    assert [v.id() for v in columns] == list(range(len(columns)))
    assert [v.lb for v in columns] == matrix.lower.tolist()
    assert [v.ub for v in columns] == matrix.upper.tolist()
    assert [v.is_integer() for v in columns] == matrix.integer.astype(bool).tolist()
    goal = core.get_objective()
    assert goal is not None
    assert {v.id(): cost for v, cost in goal.items()} == dict(enumerate(matrix.cost.tolist()))
    assert len(rows) == len(matrix.row_lower) == len(matrix.row_upper) == len(matrix.starts)
    ends = [*matrix.starts[1:].tolist(), len(matrix.factors)]
    for i, row in enumerate(rows):
        here = slice(int(matrix.starts[i]), ends[i])
        entries = [(v.id(), factor) for v, factor in row.items()]
        assert entries == list(
            zip(matrix.columns[here].tolist(), matrix.factors[here].tolist(), strict=True)
        )
        assert bounds(row) == (matrix.row_lower[i], matrix.row_upper[i])


def check_highs(problem: pulp.LpProblem, held: Any) -> None:
    """Compare what PuLP holds with the model that a live HiGHS says it has."""
    core = problem.toRustModel()
    columns, rows = core.list_variables(), core.list_constraints()
    lp = held.getLp()
    assert (lp.num_col_, lp.num_row_) == (len(columns), len(rows))
    assert list(lp.col_lower_) == [v.lb for v in columns]
    assert list(lp.col_upper_) == [v.ub for v in columns]
    for i, row in enumerate(rows):
        status, low, high, count = held.getRow(i)
        status_entries, at, factors = held.getRowEntries(i)
        assert status == status_entries == highspy.HighsStatus.kOk
        # HiGHS leaves factors out that are zero or next to it.
        entries = {v.id(): factor for v, factor in row.items() if abs(factor) > 1e-9}
        assert dict(zip(at.tolist(), factors.tolist(), strict=True)) == entries
        assert count == len(entries)
        assert (low, high) == bounds(row)


def model_of(problem: Problem, *, integers: bool) -> Model:
    prepared = prepare(problem)
    needs = tuple(needs_of(prepared, v) for v in range(len(problem.vehicles)))
    weights = weights_of(prepared, needs)
    return formulate(prepared, needs, weights, integers=integers)[0]


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
def test_the_arrays_of_homes_are_what_pulp_holds(discrete: bool, integers: bool) -> None:
    for problem in homes(discrete=discrete).values():
        lp, matrix = model_of(problem, integers=integers).pour()

        assert lp.isMIP() == bool(matrix.integer.any())
        check_same(lp, matrix)


@pytest.mark.parametrize("integers", [False, True])
def test_the_arrays_of_random_sites_are_what_pulp_holds(integers: bool) -> None:
    for seed in range(60):
        check_same(*model_of(site(seed), integers=integers).pour())


@pytest.mark.parametrize(
    "problem",
    [home("winter", hours=12), home("spring", hours=12), *(site(seed) for seed in range(12))],
)
def test_a_plan_solves_pulps_problem_and_highs_has_all_of_it(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = []
    inner = HighsInProcess.actualSolve

    def solve(self: HighsInProcess, lp: pulp.LpProblem, **more: Any) -> Any:
        stats = inner(self, lp, **more)
        check_highs(lp, lp.solverModel)
        solved.append(lp)
        return stats

    monkeypatch.setattr(HighsInProcess, "actualSolve", solve)
    plan(problem)

    assert solved


def test_what_is_added_after_a_pour_is_in_the_next() -> None:
    model = Model("grows")
    (one,) = model.columns("one", [5.0], cost=1.0).tolist()
    model.at_least([(one, 1.0)], 2.0)
    model.pour()
    (other,) = model.columns("other", [3.0], cost=1.0, integer=True).tolist()
    model.fix(other, 1.0)
    model.add_cost(one, 1.0)
    model.equal([(one, 1.0), (other, 1.0)], 4.0)

    lp, matrix = model.pour()
    check_same(lp, matrix)
    answer = model.solver(time_limit_s=10).answer()

    assert matrix.cost.tolist() == [2 * SCALE, SCALE]
    assert answer is not None
    assert answer.values.tolist() == pytest.approx([3.0, 1.0, 0.0])


def test_a_model_that_highs_does_not_take_is_an_error() -> None:
    model = Model("twice")
    column = model.columns("one", [5.0])
    model.at_most([(column, 1.0), (column, 1.0)], 2.0)

    with pytest.raises(pulp.PulpSolverError):
        model.solver(time_limit_s=10)


def test_a_search_for_a_proof_ends_when_it_is_cancelled() -> None:
    """A market split: proving that there is no exact answer takes far longer than the time here."""
    rng = np.random.default_rng(1)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    model = Model("split")
    count, rows = 40, 5
    takes = model.columns("take", np.ones(count), integer=True)
    for row in range(rows):
        over = model.columns(f"over{row}", [np.inf], cost=1.0)
        under = model.columns(f"under{row}", [np.inf], cost=1.0)
        factors = rng.integers(1, 100, count).astype(float)
        model.equal([(takes, factors, 0), (over, -1.0), (under, 1.0)], [float(factors.sum() // 2)])
    answer = model.solver(time_limit_s=60, cancelled=cancelled).answer()

    assert 2 < asked < 10
    assert answer is None or not answer.proven


def test_a_simplex_that_the_clock_stops_is_no_answer() -> None:
    problem = next(iter(homes().values()))
    solver = model_of(problem, integers=False).solver(time_limit_s=0.0)

    assert solver.answer() is None
    answer = solver.solve(60.0)
    assert answer is not None
    assert answer.proven
