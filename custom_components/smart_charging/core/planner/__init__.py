"""Problem in, plan out.

Nothing here imports the solver: `import pulp` takes over a second and Home Assistant imports
this package in its event loop. `plan` and `baseline` import it when they are called, and are
only ever called in an executor.
"""

from collections.abc import Callable

from .codec import (
    ProblemInvalid,
    plan_from_json,
    plan_to_json,
    problem_faults,
    problem_from_json,
    problem_to_json,
)
from .explain import Action, Alternative, Explanation, explain
from .faults import Fault
from .problem import (
    Battery,
    BatteryCommand,
    Charger,
    Command,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Search,
    Stay,
    Trip,
    Vehicle,
)
from .result import Cause, Flow, Plan, Risk, Rung, Shortfall
from .slots import slot_bounds

__all__ = [
    "Action",
    "Alternative",
    "Battery",
    "BatteryCommand",
    "Cause",
    "Charger",
    "Command",
    "Explanation",
    "Fault",
    "Flow",
    "Goal",
    "GoalKind",
    "PeakTariff",
    "Plan",
    "Problem",
    "ProblemInvalid",
    "Risk",
    "Rung",
    "Search",
    "Shortfall",
    "Stay",
    "Trip",
    "Vehicle",
    "baseline",
    "explain",
    "plan",
    "plan_from_json",
    "plan_to_json",
    "problem_faults",
    "problem_from_json",
    "problem_to_json",
    "slot_bounds",
]


def plan(
    problem: Problem, last: Plan | None = None, cancelled: Callable[[], bool] | None = None
) -> Plan:
    """Return the plan of a problem: the same problem gives the same plan.

    `last` is carried on when the solver fails or is cancelled before it has an answer;
    `cancelled` is asked between solves and during long ones. Blocks for some ten milliseconds,
    longer for hard problems and at the first call: run it in an executor.

    Raises:
        ProblemInvalid: when slots are out of order or a series has the wrong length.
    """
    from .solve import solve

    return solve(problem, last, cancelled)


def baseline(problem: Problem) -> float:
    """Return the cost of the same problem charged at full power on arrival.

    The battery is in self-consumption. Needs numpy but not the solver: run it in an executor.

    Raises:
        ProblemInvalid: when slots are out of order or a series has the wrong length.
    """
    from .usual import baseline_cost

    return baseline_cost(problem)
