"""What goals miss, and which constraints are the cause: each kWh that is missed names its own.

The causes are lifted one after the other: in each slot what limits and charger hold back, the
tightest first, up to what the car could take; what is still missed then is time. So a cause
counts what lifting it brings once those before it are lifted. The month's peak is never a cause:
it is priced, and goals are dearer.
"""

from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from .commands import command_a
from .needs import Demand, Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series, Setting, line_currents, settings_of
from .result import Cause, Shortfall
from .solution import Solution, net_kwh


@dataclass(frozen=True, kw_only=True)
class Run:
    """A charger that runs in a slot: whole steps of current, as limits see it."""

    charger: int
    lines_a: Series
    """Current on each phase of the grid."""
    extra_kw: float
    """Power while it runs beyond the mean of the slot."""


type Runs = dict[int, list[Run]]
"""Per slot."""

LEAST_KWH = 1e-3
"""A goal that misses less is met: solver and meters are not finer."""

LEAST_KW = 1e-2
"""A car this near a limit is held by it."""

COMMON_CAR_KW = 11.0
COMMON_CAR_A = 32.0
"""What most cars take where their limit is not known: 11 kW, and 32 A on one phase."""


def shortfalls(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution
) -> tuple[Shortfall, ...]:
    """Return the shortfalls of all goals, by vehicle and time: one for each cause of a goal's."""
    found: list[Shortfall] = []
    runs = _runs(prepared, needs, solution)
    for v, need in enumerate(needs):
        energy = net_kwh(prepared, need, solution, v)
        for demand in sorted(need.demands, key=lambda d: d.goal.by):
            reached = 0.0 if demand.past else float(energy[: demand.point].sum())
            missed = max(0.0, demand.need_kwh - reached - _fetched(need, demand, energy))
            if missed + demand.impossible_kwh <= LEAST_KWH:
                continue
            found.extend(
                Shortfall(
                    vehicle=need.vehicle.id,
                    goal=demand.goal.kind,
                    by=demand.goal.by,
                    missing_kwh=kwh,
                    cause=cause,
                )
                for cause, kwh in _causes(prepared, need, demand, solution, runs, v, missed).items()
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


def _causes(
    prepared: Prepared,
    need: Needs,
    demand: Demand,
    solution: Solution,
    runs: Runs,
    v: int,
    missed: float,
) -> dict[Cause, float]:
    """Return the missing AC kWh of a goal by cause; they add up to all that it misses."""
    if demand.past:
        return {Cause.PAST: missed + demand.impossible_kwh}
    found: dict[Cause, float] = {}
    left = missed
    if left > LEAST_KWH and demand.point == 0:
        found[Cause.NOT_PLUGGED_IN], left = left, 0.0
    elif left > LEAST_KWH:
        # What a full battery keeps out, no power and no time brings in.
        above = min(left, _above_room(need, demand))
        found[Cause.BATTERY_WINDOW], left = above, left - above
        for cause, kwh in _held_back(prepared, need, demand, solution, runs, v):
            share = min(left, kwh)
            found[cause], left = found.get(cause, 0.0) + share, left - share
        found[Cause.TIME], left = left, 0.0
    window = found.pop(Cause.BATTERY_WINDOW, 0.0) + demand.impossible_kwh
    found[Cause.BATTERY_WINDOW] = window
    # Crumbs go to the main cause: a kWh that no meter shows deserves no line of its own.
    main = max(found, key=lambda c: found[c])
    crumbs = left + sum(kwh for c, kwh in found.items() if c is not main and kwh <= LEAST_KWH)
    return {
        cause: kwh + (crumbs if cause is main else 0.0)
        for cause, kwh in found.items()
        if cause is main or kwh > LEAST_KWH
    }


def _above_room(need: Needs, demand: Demand) -> float:
    """Return the part of a goal that the battery cannot hold at its point, trips considered."""
    room = [kwh for p, kwh in zip(need.points, need.room_kwh, strict=True) if p == demand.point]
    return max(0.0, demand.need_kwh - room[0]) if room else 0.0


def _held_back(
    prepared: Prepared,
    need: Needs,
    demand: Demand,
    solution: Solution,
    runs: Runs,
    v: int,
) -> list[tuple[Cause, float]]:
    """Return the AC kWh that limits and charger keep from the car before a goal, tightest first.

    Of two in a slot the tighter holds back what lies between the two, the other what lies above.
    """
    lost: dict[tuple[int, Cause], float] = {}
    able = _able_kw(prepared, need)
    for i, plugged in enumerate(need.slots[: demand.point]):
        hours = float(prepared.hours[plugged.slot]) * plugged.share
        if hours <= TINY:
            continue
        setting = _strongest(prepared, need, plugged)
        levels = _levels(prepared, need, solution, runs, i, v)
        levels = [(kw, cause) for kw, cause in levels if kw < able - TINY]
        reached = float(solution.charge[v][i]) / plugged.share
        step = prepared.problem.chargers[plugged.charger].step_a * setting.kw_per_a
        if levels and setting.min_kw <= levels[0][0] and reached < levels[0][0] - step - LEAST_KW:
            # Below all that is held against it, it is the car itself that takes less.
            continue
        for depth, (_, cause) in enumerate(levels):
            above = levels[depth + 1][0] if depth + 1 < len(levels) else able
            lost[depth, cause] = lost.get((depth, cause), 0.0) + max(0.0, above - reached) * hours
            reached = max(reached, above)
    return [
        (cause, kwh) for (_, cause), kwh in sorted(lost.items(), key=lambda x: (x[0][0], -x[1]))
    ]


def _strongest(prepared: Prepared, need: Needs, plugged: PluggedSlot) -> Setting:
    """Return the setting of highest power that the charger has for the car, limits aside."""
    if plugged.settings and not plugged.limited:
        return plugged.settings[-1]
    charger = prepared.problem.chargers[plugged.charger]
    return settings_of(charger, need.vehicle, prepared.problem.grid)[-1]


def _levels(
    prepared: Prepared, need: Needs, solution: Solution, runs: Runs, i: int, v: int
) -> list[tuple[float, Cause]]:
    """Return the power in kW up to which each limit lets a car in its slot `i`, least first."""
    plugged = need.slots[i]
    t = plugged.slot
    setting = _strongest(prepared, need, plugged)
    others = [run for run in runs.get(t, ()) if run.charger != plugged.charger]
    problem = prepared.problem
    charger, topology = problem.chargers[plugged.charger], problem.grid.topology
    # Beyond what the charger has it is another charger, on as many phases as the car takes.
    wide = line_currents(charger, _car_phases(prepared, need), topology)

    def least(left_a: Series) -> float:
        kw = _carried(left_a, setting.line_a_per_kw)
        return kw if kw < setting.max_kw else max(setting.max_kw, _carried(left_a, wide))

    def drawn(chosen: list[Run]) -> Series:
        return sum((x.lines_a for x in chosen), np.zeros(len(prepared.line_load_a)))

    flows = float(solution.imported[t] - solution.exported[t] - solution.curtailed[t])
    batteries = sum(float(x[t]) for x in solution.battery_in)
    batteries -= sum(float(x[t]) for x in solution.battery_out)
    house_a = prepared.line_load_a[:, t] + prepared.line_a_per_kw * batteries
    # What the site takes without this car, at the currents that run.
    taken = flows - float(solution.charge[v][i]) + sum(x.extra_kw for x in others)
    levels = [
        (setting.max_kw, Cause.CHARGER_POWER),
        *((kw - taken, cause) for kw, cause in _imports(problem.grid)),
        (least(prepared.line_limit_a[:, t] - house_a - drawn(others)), Cause.SITE_LIMIT),
    ]
    levels += [
        (
            least(circuit.fuse_a - drawn([x for x in others if x.charger in members])),
            Cause.CIRCUIT,
        )
        for circuit, members in prepared.circuits
        if plugged.charger in members
    ]
    return sorted(levels)


def _carried(left_a: Series, line_a_per_kw: tuple[float, ...]) -> float:
    """Return the power in kW that the current left on each phase carries."""
    return min(
        float(left) / per_kw for left, per_kw in zip(left_a, line_a_per_kw, strict=True) if per_kw
    )


def _imports(grid: Grid) -> list[tuple[float, Cause]]:
    """Return the import in kW that the fuse lets in, and contract and breach."""
    found = [(grid.fuse_kw, Cause.SITE_LIMIT)]
    if grid.import_limit_kw is not None:
        breach_kw = max(grid.breach_kw, 0.0)
        cause = Cause.BREACH_ALLOWANCE if breach_kw > TINY else Cause.SITE_LIMIT
        found.append((max(grid.import_limit_kw, 0.0) + breach_kw, cause))
    return found


def _runs(prepared: Prepared, needs: tuple[Needs, ...], solution: Solution) -> Runs:
    """Return the chargers that run in each slot."""
    found: Runs = {}
    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            if (number := int(solution.setting[v][i])) < 0:
                continue
            setting, mean = plugged.settings[number], float(solution.charge[v][i])
            charger = prepared.problem.chargers[plugged.charger]
            kw = command_a(charger, plugged, setting, mean) * setting.kw_per_a
            kw = max(min(kw, setting.max_kw), mean / plugged.share)
            found.setdefault(plugged.slot, []).append(
                Run(
                    charger=plugged.charger,
                    lines_a=np.array(setting.line_a_per_kw) * kw,
                    extra_kw=kw - mean,
                )
            )
    return found


def _car_phases(prepared: Prepared, need: Needs) -> int:
    return max(1, min(need.vehicle.max_phases, prepared.problem.grid.topology.phases))


def _able_kw(prepared: Prepared, need: Needs) -> float:
    """Return what the car could take from a charger that is strong enough."""
    vehicle = need.vehicle
    per_a = prepared.problem.grid.topology.charger_kw_per_a(_car_phases(prepared, need))
    if vehicle.max_a is not None:
        return max(vehicle.max_a, 0.0) * per_a
    return min(COMMON_CAR_KW, COMMON_CAR_A * per_a)
