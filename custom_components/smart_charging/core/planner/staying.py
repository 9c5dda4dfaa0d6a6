"""Stay with what chargers do now, where that costs next to nothing.

Readings are never the same twice, and where prices are flat many plans cost the same: without
this an order would be taken back by the next plan for nothing.
"""

from dataclasses import dataclass

import numpy as np

from .model import ABSENT
from .moves import Move, moves
from .needs import Needs
from .pattern import OFF, ON, Pattern
from .presence import TINY
from .problem import Command
from .rounding import pattern_of
from .search import BETTER, Attempt, Climb
from .slots import QUARTER, floor_to

REACH = 0.02
"""Share of the bill that a first plan that stays may be dearer: it is searched on from."""

STEPS = 40
"""Solves of that search."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a charger does now, and would do in the first slot of a plan that stays with it."""

    vehicle: int
    on: bool
    setting: int


def orders(climb: Climb) -> list[Order]:
    """Return the orders that a plan may stay with: of chargers that hold a vehicle now."""
    problem = climb.prepared.problem
    previous = {p.charger: p for p in problem.previous}
    found: list[Order] = []
    for v, need in enumerate(climb.needs):
        plugged = need.plugged
        if not len(plugged) or plugged.slot[0] != 0 or climb.columns.charge[v][0] == ABSENT:
            continue
        command = previous.get(problem.chargers[int(plugged.charger[0])].id)
        if command is None or not plugged.count[0]:
            continue
        on = command.current_a > 0
        if not on and not _stays_off(climb, need, command):
            continue
        phases = [s.phases for s in plugged.at(0).settings]
        if on and command.phases not in phases:
            continue
        found.append(Order(vehicle=v, on=on, setting=phases.index(command.phases) if on else 0))
    return found


def _stays_off(climb: Climb, need: Needs, command: Command) -> bool:
    """Return whether a charger that is off stays so: for the quarter in which it stopped.

    With sun only it also begins at a quarter rather than within one: at its least current a cloud
    decides. What is put off for nothing at each plan would never begin, so the next quarter may.
    """
    now = climb.prepared.problem.now
    quarter = floor_to(now, QUARTER)
    stopped = quarter <= command.since < now
    return stopped or (need.vehicle.surplus_only and now > quarter)


def taken_back(attempt: Attempt, wanted: list[Order]) -> list[Order]:
    """Return the orders that a plan does not stay with."""
    return [x for x in wanted if _differs(attempt, x)]


def _differs(attempt: Attempt, order: Order) -> bool:
    runs = bool(attempt.solution.charge[order.vehicle][0] > TINY)
    if not (runs and order.on):
        return runs != order.on
    return int(attempt.solution.setting[order.vehicle][0]) != order.setting


def stay(climb: Climb, most: float) -> None:
    """Make the best of a climb a plan that stays with what chargers do now, where one costs `most`.

    All orders at once, else each on its own; from the best, then with the present slot as the
    part of a slot, then exchanged with the car that would charge now, then from the relaxation.
    Where all of them are too dear, the cheapest is searched on from.
    """
    wanted = orders(climb)
    back = [] if climb.best is None else taken_back(climb.best, wanted)
    for some in [back, *([x] for x in back if len(back) > 1)]:
        if climb.best is None or not some or climb.stopped:
            return
        found = _staying(climb, climb.best, some, wanted, most)
        if found is not None:
            climb.best = found
        if not taken_back(climb.best, wanted):
            return


def _staying(
    climb: Climb, best: Attempt, some: list[Order], wanted: list[Order], most: float
) -> Attempt | None:
    """Return a plan that takes back fewer orders than the best, `None` where all are too dear."""
    left = len(taken_back(best, wanted))
    reach = most + REACH * climb.weights.bill
    dear: list[Attempt] = []
    for pattern in (_of_the_best, _in_part, _exchanged, _of_the_relaxation):
        changed = pattern(climb, best, some, most)
        found = None if changed is None else climb.settle(changed, reach)
        if found is None or len(taken_back(found, wanted)) >= left:
            continue
        if found.solved.objective <= most:
            return found
        dear.append(found)
    if not dear:
        return None
    found = _search_on(climb, min(dear, key=lambda x: x.solved.objective), some, most)
    stays = len(taken_back(found, wanted)) < left
    return found if stays and found.solved.objective <= most else None


def _search_on(climb: Climb, start: Attempt, some: list[Order], most: float) -> Attempt:
    """Return what the duals make of a plan that stays, until it costs no more than `most`.

    The present slot of the vehicles that stay is left as it is.
    """
    held = {x.vehicle for x in some}
    best, solves = start, climb.solver.solves
    improved = True
    while improved and best.solved.objective > most:
        improved = False
        for change in moves(climb.needs, climb.columns, best.pattern, best.solved):
            if climb.solver.solves - solves >= STEPS or climb.stopped:
                return best
            if change.vehicle in held and 0 in (change.on, change.off, change.free):
                continue
            pattern = best.pattern.copy()
            change.apply(climb.needs, pattern, best.solved, climb.columns)
            found = climb.settle(pattern, best.solved.objective - BETTER)
            if found is not None and not taken_back(found, some):
                best, improved = found, True
                break
    return best


def _of_the_best(climb: Climb, best: Attempt, some: list[Order], _: float) -> Pattern:
    return _changed(climb, best.pattern, some)


def _in_part(climb: Climb, best: Attempt, some: list[Order], _: float) -> Pattern | None:
    """Return the best with charges that go on for a part of the present slot, `None` without one."""
    pattern = _changed(climb, best.pattern, some)
    running = [x.vehicle for x in some if x.on]
    for v in running:
        pattern.state[v][0] = OFF
        Move(vehicle=v, free=0).apply(climb.needs, pattern, best.solved, climb.columns)
    return pattern if running else None


def _exchanged(climb: Climb, best: Attempt, some: list[Order], _: float) -> Pattern | None:
    """Return the best with two cars exchanged in the present slot and in a later one.

    A car that would have to stop takes the present slot of one that would begin, for its own last
    slot, or its own part of one. `None` without such a pair.
    """
    pattern, found = best.pattern.copy(), False
    for order in some:
        other = next((w for w in _runs_now(climb, best) if w != order.vehicle), None)
        if not order.on or other is None:
            continue
        v, one, two = order.vehicle, climb.needs[order.vehicle], climb.needs[other]
        mine, its = pattern.state[v], pattern.state[other]
        for i in range(one.points[0] - 1, 0, -1):
            j = int(np.searchsorted(two.plugged.slot, one.plugged.slot[i]))
            if mine[i] == its[0] and j < two.points[0] and two.plugged.max_kw[j] > TINY:
                mine[0], its[0], mine[i], its[j] = its[0], OFF, its[j], its[0]
                found = True
                break
    return pattern if found else None


def _runs_now(climb: Climb, best: Attempt) -> list[int]:
    """Return the vehicles that charge in the present slot."""
    return [
        v
        for v, need in enumerate(climb.needs)
        if len(need.plugged) and need.plugged.slot[0] == 0 and best.solution.charge[v][0] > TINY
    ]


def _changed(climb: Climb, pattern: Pattern, some: list[Order]) -> Pattern:
    """Return a pattern with these orders in its first slot."""
    pattern = pattern.copy()
    for order in some:
        v, plugged = order.vehicle, climb.needs[order.vehicle].plugged
        pattern.state[v][0] = ON if order.on else OFF
        held = slice(1) if plugged.switching[0] else plugged.stay == plugged.stay[0]
        pattern.setting[v][held] = order.setting
        pattern.cap[v][0] = plugged.max_kw[0]
        pattern.pinned.pop((v, 0), None)
    return pattern


def _of_the_relaxation(climb: Climb, _: Attempt, some: list[Order], most: float) -> Pattern | None:
    """Return the rounding of the relaxation with these orders, `None` when it costs too much."""
    for v, need in enumerate(climb.needs):
        low, high = np.zeros(len(need.plugged)), need.plugged.max_kw.copy()
        for order in some:
            if order.vehicle == v:
                low[0] = float(need.plugged.min_kw[0]) if order.on else 0.0
                high[0] = high[0] if order.on else 0.0
        at = np.flatnonzero(climb.columns.charge[v] != ABSENT)
        climb.solver.set_bounds(climb.columns.charge[v][at], low[at], high[at])
    relaxed = climb.solver.solve(climb.left_s)
    if relaxed is None or relaxed.objective > most:
        return None
    pattern = pattern_of(climb.prepared, climb.needs, climb.columns, relaxed, 0.5)
    return _changed(climb, pattern, some)
