"""Where each vehicle is plugged in, and at which powers it can charge there."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from math import floor, inf

import numpy as np
import numpy.typing as npt

from ..grid import Grid, Topology
from .problem import Charger, Problem, Stay, Vehicle
from .slots import overlap_h

type Series = npt.NDArray[np.float64]

TINY = 1e-6
"""kW, kWh or A below which a value is rounding of the solver."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One phase count at which a charger can run a given vehicle."""

    phases: int
    """What the charger is set to; the vehicle may use fewer."""
    kw_per_a: float
    min_kw: float
    max_kw: float
    line_a_per_kw: tuple[float, ...]
    """Current on each grid phase per kW."""


@dataclass(frozen=True, kw_only=True)
class PluggedSlot:
    """A vehicle at a charger in one slot. Powers are means over the slot."""

    slot: int
    charger: int
    share: float
    """Part of the slot in which the vehicle is there."""
    settings: tuple[Setting, ...]
    """Settings that the limits leave room for, fewest phases first; none when it must pause."""
    limited: bool
    """The house leaves less room than the charger could use."""
    stay: int
    """Number of the vehicle's stay."""
    switching: bool
    """Whether the phase count may change within the stay."""

    @cached_property
    def min_kw(self) -> float:
        """Lowest mean power of a charge that goes on all the time."""
        return self.share * min((s.min_kw for s in self.settings), default=0.0)

    @cached_property
    def max_kw(self) -> float:
        """Highest mean power."""
        return self.share * max((s.max_kw for s in self.settings), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Room:
    """What the limits leave for one charger when the others are off."""

    kw: Series
    line_a: npt.NDArray[np.float64]
    """Phases x slots."""
    surplus: Series
    """Sun in kW that the house leaves."""
    circuit_a: Mapping[str, float]
    """Fuse of the circuit that each charger is on."""

    def narrow(self, setting: Setting, charger: Charger, slot: int) -> Setting | None:
        """Return `setting` with the power that fits in `slot`, `None` when its minimum does not."""
        kw = float(self.kw[slot])
        circuit = self.circuit_a.get(charger.id, inf)
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            if per_kw > 0:
                kw = min(kw, min(circuit, float(self.line_a[phase, slot])) / per_kw)
        if kw >= setting.max_kw - TINY:
            return setting
        amperes = kw / setting.kw_per_a
        if charger.step_a > 0:
            amperes = floor(amperes / charger.step_a + TINY) * charger.step_a
        return _capped(setting, amperes * setting.kw_per_a)


def _capped(setting: Setting, max_kw: float) -> Setting | None:
    if max_kw < max(setting.min_kw - TINY, TINY):
        return None
    return replace(setting, max_kw=max(max_kw, setting.min_kw))


def line_currents(charger: Charger, phases: int, topology: Topology) -> tuple[float, ...]:
    """Return the current in A that one kW of `charger` on `phases` puts on each grid phase."""
    lines = [0.0] * topology.phases
    per_kw = 1 / topology.charger_kw_per_a(phases)
    used = list(charger.phase_map[:phases]) or [1]
    if topology is Topology.THREE_230 and phases == 1:
        # One phase sits between two lines there: the return current loads the next line.
        used.append(used[0] % topology.phases + 1)
    for phase in used:
        lines[(phase - 1) % topology.phases] += per_kw
    return tuple(lines)


def settings_of(charger: Charger, vehicle: Vehicle, grid: Grid) -> tuple[Setting, ...]:
    """Return the settings that `charger` offers `vehicle`, fewest phases first."""
    found: dict[int, Setting] = {}
    for phases in sorted(set(charger.phases) or {1}):
        used = max(1, min(phases, vehicle.max_phases, grid.topology.phases))
        per_a = grid.topology.charger_kw_per_a(used)
        max_a = max(charger.max_a, 0.0)
        if vehicle.max_a is not None:
            max_a = min(max_a, max(vehicle.max_a, 0.0))
        min_a = min(max(charger.min_a, 0.0), max_a)
        found.setdefault(
            used,
            Setting(
                phases=phases,
                kw_per_a=per_a,
                min_kw=min_a * per_a,
                max_kw=max_a * per_a,
                line_a_per_kw=line_currents(charger, used, grid.topology),
            ),
        )
    return tuple(found[used] for used in sorted(found))


def max_power_kw(charger: Charger, vehicle: Vehicle, grid: Grid) -> float:
    """Return the highest power in kW at which `charger` can run `vehicle`."""
    return max(s.max_kw for s in settings_of(charger, vehicle, grid))


def presence(problem: Problem, room: Room) -> tuple[tuple[PluggedSlot, ...], ...]:
    """Return, per vehicle and in order of time, the slots in which it is plugged in.

    In one slot a charger has one vehicle and a vehicle one charger: the longer presence wins,
    then the order of the problem.
    """
    index = {charger.id: i for i, charger in enumerate(problem.chargers)}
    bounds = problem.slots
    offers: list[tuple[int, float, int, int, int]] = []
    for v, vehicle in enumerate(problem.vehicles):
        for number, stay in enumerate(vehicle.stays):
            if (c := index.get(stay.charger)) is None or stay.end <= stay.start:
                continue
            first = max(0, bisect_right(bounds, stay.start) - 1)
            last = min(len(bounds) - 1, bisect_left(bounds, stay.end))
            for t in range(first, last):
                length = overlap_h(bounds[t], bounds[t + 1], stay.start, stay.end)
                offers.append((t, -length, v, c, number))
    taken: set[tuple[int, int]] = set()
    busy: set[tuple[int, int]] = set()
    found: list[list[PluggedSlot]] = [[] for _ in problem.vehicles]
    offered: dict[tuple[int, int, int], tuple[Setting, ...]] = {}
    for t, _, v, c, number in sorted(offers):
        if (t, c) in taken or (t, v) in busy:
            continue
        taken.add((t, c))
        busy.add((t, v))
        vehicle, charger = problem.vehicles[v], problem.chargers[c]
        if (key := (v, c, number)) not in offered:
            offered[key] = _held_to_previous(problem, charger, vehicle, vehicle.stays[number])
        settings = offered[key]
        fitting = [s for s in (room.narrow(s, charger, t) for s in settings) if s is not None]
        limited = not fitting or fitting[-1].max_kw < settings[-1].max_kw - TINY
        if vehicle.surplus_only:
            surplus = float(room.surplus[t])
            capped = [_capped(s, min(s.max_kw, surplus)) for s in fitting]
            fitting = [s for s in capped if s is not None]
        share = _share(vehicle, vehicle.stays[number], bounds[t], bounds[t + 1])
        found[v].append(
            PluggedSlot(
                slot=t,
                charger=c,
                share=share,
                settings=tuple(s for s in fitting if s.max_kw > TINY) if share > TINY else (),
                limited=limited,
                stay=number,
                switching=charger.switching,
            )
        )
    return tuple(tuple(x) for x in found)


def _share(vehicle: Vehicle, stay: Stay, start: datetime, end: datetime) -> float:
    """Return the part of the slot in which charging counts.

    A goal within the slot ends it: what comes after would not serve the goal.
    """
    until = min((g.by for g in vehicle.goals if start < g.by < end), default=end)
    if until == end and stay.start <= start and end <= stay.end:
        return 1.0
    whole = (end - start).total_seconds() / 3600
    return overlap_h(start, until, stay.start, stay.end) / whole


def _held_to_previous(
    problem: Problem, charger: Charger, vehicle: Vehicle, stay: Stay
) -> tuple[Setting, ...]:
    """Return the settings, held to the running phase count where it may not change."""
    settings = settings_of(charger, vehicle, problem.grid)
    if charger.switching or len(settings) == 1 or not stay.start <= problem.now < stay.end:
        return settings
    running = {p.phases for p in problem.previous if p.charger == charger.id and p.current_a > 0}
    return tuple(s for s in settings if s.phases in running) or settings
