"""The whole problem with binaries, from the best plan so far: what is left to prove."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .formulation import formulate
from .model import ABSENT, Model
from .presence import TINY
from .rounding import pattern_of
from .solver import Solved

if TYPE_CHECKING:
    from .search import Attempt, Climb

WORTH = 10
"""Times the tolerance that the gap must be: the solver takes seconds for its first bound, which a
gap of some tenths of a percent is not worth."""

BRANCHES = 150
"""Charges and directions in doubt up to which the search for a proof ends in seconds. Beyond,
the plan stays the best of the rounding with its gap."""


def branch(climb: "Climb", start: "Attempt", relaxed: Solved) -> None:
    """Search for a proof, or a better plan, within a count of nodes.

    What is stopped by the clock is thrown away: the plan must not hang on the machine's mood.
    """
    if climb.gap <= WORTH * climb.tolerance:
        return
    model, columns = formulate(climb.prepared, climb.needs, climb.weights, integers=True)
    # How long a charge goes on at least is not in it: its bound holds, its answer is lengthened.
    if _fix(climb, model, columns, relaxed) > BRANCHES:
        return
    solver = model.solver(
        time_limit_s=climb.left_s,
        cancelled=climb.cancelled,
        start=_start(climb, start, columns, model.count),
        nodes=climb.limits.nodes,
        gap_absolute=climb.tolerance / 2,
    )
    if climb.stopped or (found := solver.answer()) is None:
        return
    climb.bound = max(climb.bound, min(found.bound, start.solved.objective))
    climb.keep(
        climb.settle(
            pattern_of(climb.prepared, climb.needs, climb.columns, found, 2.0), climb.to_beat
        )
    )


def _fix(climb: "Climb", model: Model, columns: Columns, relaxed: Solved) -> int:
    """Fix what no better plan can have otherwise, and return how many binaries stay free.

    By the reduced costs of the relaxation: a switch that costs more than the gap.
    """
    free = sum(int(np.count_nonzero(x != ABSENT)) for x in columns.above)
    for t, _, one, other in columns.ways:
        both = min(relaxed.values[one], relaxed.values[other]) > TINY
        free += int(both or climb.prepared.import_price[t] < 0)
    for v, need in enumerate(climb.needs):
        for i, plugged in enumerate(need.slots):
            if (on := int(columns.running[v][i])) == ABSENT:
                continue
            column = columns.charge[v][i]
            power, rise = relaxed.values[column], relaxed.column_duals[column]
            if power <= TINY and rise * plugged.min_kw > climb.gap:
                model.fix(on, 0.0)
            elif (
                power >= plugged.max_kw - TINY
                and -rise * (plugged.max_kw - plugged.min_kw) > climb.gap
            ):
                model.fix(on, 1.0)
            else:
                free += 1
    return free


def _start(
    climb: "Climb", attempt: "Attempt", columns: Columns, count: int
) -> npt.NDArray[np.float64]:
    """Return the best so far as values of the model with binaries."""
    values = np.zeros(count)
    known = attempt.solved.values[:-1]
    values[: len(known)] = known
    for _, column, one, other in columns.ways:
        values[column] = float(values[one] > values[other])
    for v, need in enumerate(climb.needs):
        for i, plugged in enumerate(need.slots):
            if (on := columns.running[v][i]) == ABSENT:
                continue
            power = values[columns.charge[v][i]]
            runs = power >= plugged.min_kw - 1e-6
            values[on] = float(runs)
            values[columns.partial[v][i]] = float(not runs and power > 1e-9)
    return values
