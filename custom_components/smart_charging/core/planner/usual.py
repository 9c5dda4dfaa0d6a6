"""Business as usual: what the same problem costs without a plan."""

from .codec import ProblemInvalid, structure_faults
from .needs import Needs, needs_of
from .prepare import Prepared, prepare
from .problem import Problem
from .simulate import on_arrival, simulate
from .solution import money
from .weights import Weights, weights_of


def baseline_cost(problem: Problem) -> float:
    """Return the cost of charging what the goals ask for at full power on arrival.

    The battery is in self-consumption. Counted as the cost of a plan is: import, export, breach,
    wear and the rise of the month's peak, less the value that storages gain.
    """
    if faults := structure_faults(problem):
        raise ProblemInvalid(faults)
    prepared = prepare(problem)
    needs = tuple(needs_of(prepared, v) for v in range(len(problem.vehicles)))
    weights = weights_of(prepared, needs)
    return usual_cost(prepared, needs, weights)


def usual_cost(prepared: Prepared, needs: tuple[Needs, ...], weights: Weights) -> float:
    """Return the baseline of a problem that is prepared already."""
    return money(prepared, needs, weights, simulate(prepared, needs, on_arrival(prepared, needs)))
