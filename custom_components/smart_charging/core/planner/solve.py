"""The ladder: optimum, incumbent, last plan moved, greedy. The plan says which rung it is."""

from collections.abc import Callable
from time import perf_counter

import pulp

from .assemble import Proof, assemble
from .codec import ProblemInvalid, structure_faults
from .greedy import cheapest_slots, moved
from .needs import needs_of
from .preferences import prefer
from .prepare import prepare
from .problem import Problem
from .result import Plan, Rung
from .search import Climb
from .simulate import simulate
from .weights import GIVE_AWAY, weights_of


def solve(problem: Problem, last: Plan | None, cancelled: Callable[[], bool] | None) -> Plan:
    """Return the plan of a problem; see `plan`."""
    started = perf_counter()
    if faults := structure_faults(problem):
        raise ProblemInvalid(faults)
    prepared = prepare(problem)
    problem = prepared.problem
    needs = tuple(needs_of(prepared, v) for v in range(len(problem.vehicles)))
    weights = weights_of(prepared, needs)
    search = Climb(prepared, needs, weights, started + problem.search.abort_s, cancelled)
    gap, given_away = 0.0, 0.0
    rung = Rung.INCUMBENT
    if not search.stopped:
        try:
            search.run()
            gap, rung = search.gap, Rung.OPTIMAL if search.closed else Rung.INCUMBENT
            given_away = prefer(search)
        except pulp.PulpError:
            # Whatever the solver refuses, a plan is owed: the lower rungs need no solver.
            search.best = None
    if search.best is not None:
        solution = search.best.solution
        proof = Proof(
            rung=rung,
            gap=gap + given_away + GIVE_AWAY * weights.bill,
            given_away=given_away,
        )
    elif last is not None and (shifted := moved(problem, prepared, needs, last)) is not None:
        solution, proof = simulate(prepared, needs, shifted), Proof(rung=Rung.SHIFTED, gap=None)
    else:
        charge = cheapest_slots(prepared, needs)
        solution, proof = simulate(prepared, needs, charge), Proof(rung=Rung.GREEDY, gap=None)
    return assemble(prepared, needs, weights, solution, proof, perf_counter() - started)
