"""What goals miss, and which constraint is the cause."""

import numpy as np

from .needs import Demand, Needs
from .prepare import Prepared
from .presence import TINY, Series, settings_of
from .result import Cause, Shortfall
from .solution import Solution, charged_kwh

type Running = dict[int, list[tuple[int, Series]]]
"""Per slot: chargers that run, with their current in A on each phase."""

LEAST_KWH = 1e-3
"""A goal that misses less is met: solver and meters are not finer."""

COMMON_CAR_KW = 11.0
COMMON_CAR_A = 32.0
"""What most cars take where their limit is not known: 11 kW, and 32 A on one phase."""


def shortfalls(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution
) -> tuple[Shortfall, ...]:
    """Return the shortfalls of all goals, by vehicle and time."""
    found: list[Shortfall] = []
    running = _running(prepared, solution)
    for v, need in enumerate(needs):
        energy = charged_kwh(prepared, need, solution.charge[v])
        for demand in sorted(need.demands, key=lambda d: d.goal.by):
            reached = 0.0 if demand.past else float(energy[: demand.point].sum())
            missed = max(0.0, demand.need_kwh - reached - _fetched(need, demand, energy))
            if missed + demand.impossible_kwh <= LEAST_KWH:
                continue
            found.append(
                Shortfall(
                    vehicle=need.vehicle.id,
                    goal=demand.goal.kind,
                    by=demand.goal.by,
                    missing_kwh=missed + demand.impossible_kwh,
                    cause=_cause(prepared, need, demand, solution, running, v, missed),
                )
            )
    return tuple(found)


def _fetched(need: Needs, demand: Demand, energy: Series) -> float:
    """Return the AC energy that trips must have taken from elsewhere, for a goal on the SoC.

    A battery is not emptier than empty: what a trip lacks here it charges on its way.
    """
    if demand.goal.soc is None:
        return 0.0
    return max(
        0.0,
        *(
            drive.need_kwh - float(energy[: drive.point].sum())
            for drive in need.drives
            if drive.start < demand.goal.by
        ),
        0.0,
    )


def _cause(
    prepared: Prepared,
    need: Needs,
    demand: Demand,
    solution: Solution,
    running: Running,
    v: int,
    missed: float,
) -> Cause:
    if demand.past:
        return Cause.PAST
    if missed <= LEAST_KWH or _full(need, demand):
        return Cause.BATTERY_WINDOW
    if demand.point == 0:
        return Cause.NOT_PLUGGED_IN
    if (held_back := _held_back(prepared, need, demand, solution, running, v)) is not None:
        return held_back
    return _time_or_power(prepared, need, demand)


def _full(need: Needs, demand: Demand) -> bool:
    """Return whether the battery cannot hold the goal at its point, trips considered."""
    room = [kwh for p, kwh in zip(need.points, need.room_kwh, strict=True) if p == demand.point]
    return bool(room) and room[0] < demand.need_kwh - LEAST_KWH


def _held_back(
    prepared: Prepared,
    need: Needs,
    demand: Demand,
    solution: Solution,
    running: Running,
    v: int,
) -> Cause | None:
    """Return the limit that keeps most energy from the car, `None` when it runs at full power."""
    lost = {Cause.SITE_LIMIT: 0.0, Cause.CIRCUIT: 0.0}
    problem = prepared.problem
    for i, plugged in enumerate(need.slots[: demand.point]):
        setting = settings_of(problem.chargers[plugged.charger], need.vehicle, problem.grid)[-1]
        full = setting.max_kw * plugged.share
        lines = setting.line_a_per_kw
        most_a_per_kw = max(lines)
        idle = (full - float(solution.charge[v][i])) * float(prepared.hours[plugged.slot])
        if idle <= TINY:
            continue
        needed_kw = (full - float(solution.charge[v][i])) / plugged.share
        if any(
            circuit.fuse_a - _current(running, plugged.slot, members)
            < needed_kw * most_a_per_kw - TINY
            for circuit, members in prepared.circuits
            if plugged.charger in members
        ):
            lost[Cause.CIRCUIT] += idle
        elif plugged.limited or _site_is_full(
            prepared, solution, running, plugged.slot, needed_kw * np.array(lines), needed_kw
        ):
            lost[Cause.SITE_LIMIT] += idle
    cause = max(lost, key=lambda c: lost[c])
    return cause if lost[cause] > LEAST_KWH else None


def _running(prepared: Prepared, solution: Solution) -> Running:
    """Return the mean current in A that each charger puts on each phase, per slot."""
    found: Running = {}
    for v, whole in enumerate(prepared.plugged):
        for i, plugged in enumerate(whole.slots[: len(solution.charge[v])]):
            if (number := int(solution.setting[v][i])) >= 0:
                lines = np.array(plugged.settings[number].line_a_per_kw)
                mean = float(solution.charge[v][i]) / plugged.share
                found.setdefault(plugged.slot, []).append((plugged.charger, lines * mean))
    return found


def _current(running: Running, slot: int, members: tuple[int, ...]) -> float:
    """Return the highest phase current in A of a circuit in a slot."""
    lines = [x for charger, x in running.get(slot, ()) if charger in members]
    return float(np.sum(lines, axis=0).max()) if lines else 0.0


def _site_is_full(
    prepared: Prepared,
    solution: Solution,
    running: Running,
    slot: int,
    needed_a: Series,
    needed_kw: float,
) -> bool:
    """Return whether contract or fuse leave less than a car needs for its full power."""
    most = prepared.import_limit + prepared.breach_kw + float(prepared.over[slot])
    if most - float(solution.imported[slot]) < needed_kw - TINY:
        return True
    spread = prepared.line_a_per_kw * (
        sum(float(x[slot]) for x in solution.battery_in)
        - sum(float(x[slot]) for x in solution.battery_out)
        + float(solution.curtailed[slot])
    )
    current = prepared.line_load_a[:, slot] + spread
    for _, lines in running.get(slot, ()):
        current = current + lines
    return bool(np.any(prepared.line_limit_a[:, slot] - current < needed_a - TINY))


def _time_or_power(prepared: Prepared, need: Needs, demand: Demand) -> Cause:
    """Tell a weak charger from a short time: would the car's own limit have been enough?"""
    grid = prepared.problem.grid
    vehicle = need.vehicle
    phases = max(1, min(vehicle.max_phases, grid.topology.phases))
    per_a = grid.topology.charger_kw_per_a(phases)
    if vehicle.max_a is None:
        able = min(COMMON_CAR_KW, COMMON_CAR_A * per_a)
    else:
        able = vehicle.max_a * per_a
    reach = sum(
        able * plugged.share * float(prepared.hours[plugged.slot])
        for plugged in need.slots[: demand.point]
    )
    return Cause.CHARGER_POWER if reach >= demand.need_kwh else Cause.TIME
