"""The second stage: fewer starts and phase switches, for a bounded part of the bill.

From the cheapest plan, breaks between runs are closed, runs joined and phase switches left out,
one at a time, each solved again. Earlier rather than later, and on with what runs now, are
preferences of the model itself: they choose between plans of the same price.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .estimates import Estimates
from .needs import Needs
from .pattern import FREE, OFF, ON, Pattern
from .presence import TINY
from .runs import Run, runs_of
from .search import Attempt, Climb
from .staying import Order, orders, stay, taken_back
from .staying_batteries import stay_batteries
from .weights import GIVE_AWAY

MISSES = 2
"""Changes that turn out too dear before the second stage ends. Those that the estimates let
through and put first mostly win."""

BREAK = 8
"""Slots of a break that may be closed."""

NOWHERE = range(0)


@dataclass(frozen=True, kw_only=True)
class Calmer:
    """A change that may leave out a start or a switch."""

    least_cost: float = 0.0
    """About the least that it costs, in currency."""
    vehicle: int = 0
    on: range = NOWHERE
    off: range = NOWHERE
    settings: tuple[tuple[int, int], ...] = ()


def prefer(climb: Climb) -> float:
    """Make the best plan of a climb calmer, and return the money in currency that it gave away.

    Together no more than `GIVE_AWAY` of the bill, and only what a solve has shown.
    """
    if climb.best is None:
        return 0.0
    cheapest = climb.best
    most = cheapest.solved.objective + GIVE_AWAY * climb.weights.bill
    stay(climb, most)
    wanted = orders(climb)
    misses = 0
    improved = True
    while improved:
        improved = False
        best = climb.best
        runs = [_runs(climb, best, v) for v in range(len(climb.needs))]
        changes = _changes(climb, best, runs, most - best.solved.objective)
        restless = _unrest(climb, best, runs) if changes else 0
        for change in changes:
            if misses >= MISSES or climb.stopped:
                break
            found = climb.settle(_changed(climb, best, change), most)
            calmer = found is not None and unrest(climb, found) < restless
            if found is not None and calmer and _stays(wanted, best, found):
                climb.best, improved = found, True
                break
            misses += 1
    stay_batteries(climb, most)
    if climb.best is cheapest:
        return 0.0
    return max(0.0, climb.best.cost - cheapest.cost)


def _stays(wanted: list[Order], best: Attempt, found: Attempt) -> bool:
    """Return whether an attempt takes back no more orders than the best."""
    return len(taken_back(found, wanted)) <= len(taken_back(best, wanted))


def unrest(climb: Climb, attempt: Attempt) -> int:
    """Return the number of starts and phase switches of a plan, from what runs now."""
    return _unrest(climb, attempt, [_runs(climb, attempt, v) for v in range(len(climb.needs))])


def _unrest(climb: Climb, attempt: Attempt, runs: list[list[Run]]) -> int:
    count = 0
    for v, need in enumerate(climb.needs):
        for run in runs[v]:
            numbers = _phases(climb, attempt, v, run)
            count += int(not run.goes_on)
            count += sum(a != b for a, b in pairwise(numbers))
            if run.goes_on:
                charger = climb.prepared.problem.chargers[int(need.plugged.charger[0])].id
                now = {p.phases for p in climb.prepared.problem.previous if p.charger == charger}
                count += int(numbers[0] not in now)
    return count


def _runs(climb: Climb, attempt: Attempt, v: int) -> list[Run]:
    return runs_of(climb.prepared, climb.needs[v], attempt.solution.charge[v] > TINY)


def _phases(climb: Climb, attempt: Attempt, v: int, run: Run) -> list[int]:
    plugged, setting = climb.needs[v].plugged, attempt.solution.setting[v]
    if len(plugged.kinds) == 1:
        return [plugged.kinds[0].phases]
    at = np.arange(run.begin, run.end)
    return [plugged.kinds[kind].phases for kind in plugged.kind[setting[at], at].tolist()]


def _changes(climb: Climb, attempt: Attempt, runs: list[list[Run]], budget: float) -> list[Calmer]:
    """Return what may leave out a start or a switch within a budget in currency, cheapest first.

    By the duals, what a change of bounds costs at least: the solver's objective is convex in them.
    """
    found: list[Calmer] = []
    for v, need in enumerate(climb.needs):
        # One alone has nowhere to go.
        if len(runs[v]) > 1:
            estimates = Estimates(climb.prepared, need, climb.columns, attempt, v)
            for on, off in _joined(need, runs[v]):
                least = estimates.least(on, off, budget)
                if least <= budget:
                    found.append(Calmer(least_cost=least, vehicle=v, on=on, off=off))
        if budget >= 0:
            found += _same_phases(climb, attempt, v, runs[v])
    return sorted(found, key=lambda c: (c.least_cost, bool(c.off)))


def _joined(need: Needs, runs: list[Run]) -> Iterator[tuple[range, range]]:
    """Yield what to switch on and off: breaks closed, runs moved to their neighbours or left out."""
    presence = need.plugged.presence
    for run in runs:
        if not run.goes_on:
            yield NOWHERE, range(run.begin, run.end)
    for one, other in pairwise(runs):
        between = range(one.end, other.begin)
        if presence[one.end - 1] != presence[other.begin]:
            continue
        if len(between) <= BREAK:
            yield between, NOWHERE
            # The break goes to the outer end of one of the two.
            yield between, range(one.begin, min(one.begin + len(between), one.end))
            yield between, range(max(other.end - len(between), other.begin), other.end)
        # One goes to the other; where it stays on it is not switched off.
        end = one.end + other.end - other.begin
        yield range(one.end, end), range(max(other.begin, end), other.end)
        begin = other.begin - (one.end - one.begin)
        yield range(begin, other.begin), range(one.begin, min(one.end, begin))


def _same_phases(climb: Climb, attempt: Attempt, v: int, runs: list[Run]) -> Iterator[Calmer]:
    """Yield runs in which what comes before or after a phase switch takes the other's phases."""
    plugged, setting = climb.needs[v].plugged, attempt.solution.setting[v]
    if len(plugged.kinds) < 2:
        return
    count = plugged.count
    for run in runs:
        switches = np.flatnonzero(np.diff(setting[run.begin : run.end])) + run.begin + 1
        for i in switches.tolist():
            before, after = int(setting[i - 1]), int(setting[i])
            for number, part in ((before, range(i, run.end)), (after, range(run.begin, i))):
                if all(number < count[j] for j in part):
                    yield Calmer(vehicle=v, settings=tuple((j, number) for j in part))


def _part(pattern: Pattern, v: int, change: Calmer) -> int | None:
    """Return the position that becomes the part of a slot when the one there was goes off.

    The outer end of what is switched on, `None` when nothing is or no part is moved.
    """
    state = pattern.state[v]
    if not change.on or not any(state[i] == FREE for i in change.off):
        return None
    first, last = change.on[0], change.on[-1]
    before = first > 0 and state[first - 1] == ON and first - 1 not in change.off
    return last if before else first


def _changed(climb: Climb, attempt: Attempt, change: Calmer) -> Pattern:
    pattern = attempt.pattern.copy()
    part = _part(pattern, change.vehicle, change)
    v, most = change.vehicle, climb.needs[change.vehicle].plugged.max_kw
    for i in change.off:
        pattern.state[v][i] = OFF
    for i in change.on:
        pattern.state[v][i] = FREE if i == part else ON
    for i, number in change.settings:
        pattern.setting[v][i] = number
    for i in (*change.on, *change.off, *(i for i, _ in change.settings)):
        pattern.cap[v][i] = most[i]
        pattern.pinned.pop((v, i), None)
    return pattern
