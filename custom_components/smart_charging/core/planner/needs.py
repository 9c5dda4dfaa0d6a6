"""What each vehicle must, may and need not charge, as energies counted from now.

All energies are AC at the charger in kWh: an energy in the battery is divided by the efficiency.
A point is a moment that a goal, a trip or the end of a stay sets; between two points only the
sum of what is charged matters.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from .giving import Giving, giving_of
from .prepare import Prepared
from .presence import TINY, Plugged, PluggedSlot, Series, max_power_kw
from .problem import Goal, GoalKind, Vehicle
from .quarters import MICROSECOND

UNKNOWN_SOC_GOAL_FROM = 0.0
"""SoC that a car of unknown SoC has at least: a SoC goal then asks for all of it at most."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """One goal as an energy charged by a moment."""

    goal: Goal
    point: int
    """Number of leading plugged slots that count."""
    need_kwh: float
    """AC from now, within what the battery may hold."""
    impossible_kwh: float
    """Asked beyond what the battery may hold."""
    past: bool = False
    asap: bool = False
    """Charge at once: the minimum SoC."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """A trip that may need more than the battery holds without charging."""

    start: datetime
    point: int
    need_kwh: float
    """AC from now that keeps the battery from running empty on it."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """A vehicle's demands and room."""

    vehicle: Vehicle
    plugged: Plugged
    """The slots in which it may charge: those after its last goal only if it may exceed them."""
    demands: tuple[Demand, ...]
    """Still open, in order of time; those of the past last."""
    drives: tuple[Drive, ...]
    points: tuple[int, ...]
    """Ends of the stretches between two moments, ascending; the last is len(plugged)."""
    room_kwh: tuple[float, ...]
    """AC that may be charged in total by each point."""
    trip_kwh: Series
    """Battery energy driven away by the start of each slot of the plan, n+1 values."""
    total_kwh: float
    """AC that goals ask for altogether."""
    may_exceed: bool
    """More than `total_kwh` may be charged, up to the room."""
    giving: Giving | None
    """What it may give back, `None` when nothing: then the goals hold the energy net of that."""

    @property
    def slots(self) -> tuple[PluggedSlot, ...]:
        """The slots one by one, for what is done rarely."""
        return self.plugged.slots

    @property
    def asap(self) -> Demand | None:
        """The demand to be met at once."""
        return next((d for d in self.demands if d.asap), None)


def needs_of(prepared: Prepared, v: int) -> Needs:
    """Return the needs of vehicle number `v`."""
    vehicle = prepared.problem.vehicles[v]
    plugged = prepared.plugged[v]
    trips = _trips(prepared, vehicle)
    driven = _driven(prepared, trips)
    giving = giving_of(prepared, vehicle, plugged, driven)
    gives = giving is not None
    demands = [] if vehicle.surplus_only else _demands(prepared, vehicle, plugged, trips, gives)
    drives = [] if vehicle.surplus_only else _drives(prepared, vehicle, plugged, trips, gives)
    open_demands = [d for d in demands if not d.past]
    asked: list[Demand | Drive] = [*open_demands, *drives]
    total = max((x.need_kwh for x in asked if x.need_kwh > 0), default=0.0)
    pays = bool((prepared.import_price < 0).any())
    may_exceed = vehicle.surplus_only or (
        (vehicle.opportunistic and not (vehicle.soc is None and open_demands))
        or (pays and vehicle.soc is not None)
        or gives
    )
    if not may_exceed:
        plugged = plugged.head(max((x.point for x in asked), default=0))
    ends = set((np.flatnonzero(np.diff(plugged.stay)) + 1).tolist())
    ends |= {x.point for x in asked} | {len(plugged)}
    points = tuple(sorted(p for p in ends if 0 < p <= len(plugged)))
    return Needs(
        vehicle=vehicle,
        plugged=plugged,
        demands=tuple(sorted(demands, key=lambda d: (d.past, not d.asap, d.goal.by))),
        drives=tuple(drives),
        points=points,
        room_kwh=tuple(
            _room(prepared, vehicle, plugged, trips, p, total, may_exceed) for p in points
        ),
        trip_kwh=driven,
        total_kwh=total,
        may_exceed=may_exceed,
        giving=giving,
    )


def exportable_kw(prepared: Prepared, needs: tuple[Needs, ...]) -> Series:
    """Return what vehicles may send to the grid at most, per slot."""
    found = np.zeros(prepared.n)
    for need in needs:
        if need.giving is not None and need.vehicle.may_export:
            found[need.plugged.slot] += need.giving.most_kw
    return found


def _driven(prepared: Prepared, trips: list[tuple[datetime, float]]) -> Series:
    """Return the battery energy driven away by each bound of the slots."""
    found = np.zeros(prepared.n + 1)
    for start, energy in trips:
        found[prepared.bounds_us > (start - prepared.problem.now) // MICROSECOND] += energy
    return found


def _trips(prepared: Prepared, vehicle: Vehicle) -> list[tuple[datetime, float]]:
    """Return start and battery energy of the trips to come; of one under way what is left.

    A car that is plugged in is back from the trip that the calendar still has it on.
    """
    now = prepared.problem.now
    here = any(stay.start <= now < stay.end for stay in vehicle.stays)
    found = []
    for trip in vehicle.trips:
        if trip.end <= now or trip.energy_kwh <= 0 or (here and trip.start <= now):
            continue
        share = 1.0
        if trip.start < now:
            share = (trip.end - now) / (trip.end - trip.start)
        found.append((max(trip.start, now), trip.energy_kwh * share))
    return sorted(found)


def _point(prepared: Prepared, plugged: Plugged, by: datetime) -> int:
    """Return how many leading plugged slots begin before `by`."""
    begin = prepared.bounds_us[plugged.slot]
    return int(np.searchsorted(begin, (by - prepared.problem.now) // MICROSECOND))


def _demands(
    prepared: Prepared,
    vehicle: Vehicle,
    plugged: Plugged,
    trips: list[tuple[datetime, float]],
    gives: bool,
) -> list[Demand]:
    """Return the goals as energies; one that is met already counts where it `gives` back."""
    now = prepared.problem.now
    goals = list(vehicle.goals)
    known = vehicle.soc is not None
    if known and not any(g.kind is GoalKind.MINIMUM for g in goals):
        goals.append(Goal(by=now, kind=GoalKind.MINIMUM, soc=vehicle.minimum_soc))
    found = []
    for goal in goals:
        asked = _asked(vehicle, goal, trips)
        possible = min(asked, _ceiling(vehicle, goal.by, trips))
        asap = goal.kind is GoalKind.MINIMUM and goal.by <= now
        past = goal.by <= now and not asap
        if asked <= TINY and (asap or past or not gives):
            continue
        point = _point(prepared, plugged, goal.by)
        if asap:
            # At once means during the stay that runs or comes first.
            point = int(np.count_nonzero(plugged.stay == plugged.stay[:1]))
        later = _chargeable_later(prepared, vehicle, goal.by)
        found.append(
            Demand(
                goal=goal,
                point=0 if past else point,
                need_kwh=possible - later if gives else max(0.0, possible - later),
                impossible_kwh=max(0.0, asked - possible),
                past=past,
                asap=asap,
            )
        )
    return found


def _asked(vehicle: Vehicle, goal: Goal, trips: list[tuple[datetime, float]]) -> float:
    """Return the AC energy from now that fulfils the goal."""
    if goal.energy_kwh is not None:
        return goal.energy_kwh
    if goal.soc is None:
        return 0.0
    if vehicle.soc is None:
        return (goal.soc - UNKNOWN_SOC_GOAL_FROM) * vehicle.capacity_kwh / vehicle.efficiency
    driven = sum(energy for start, energy in trips if start < goal.by)
    held = vehicle.soc * vehicle.capacity_kwh - driven
    return (goal.soc * vehicle.capacity_kwh - held) / vehicle.efficiency


def _ceiling(vehicle: Vehicle, by: datetime, trips: list[tuple[datetime, float]]) -> float:
    """Return the AC energy from now that the battery may take by then."""
    if vehicle.soc is None:
        # A request is taken at its word: the car ends the charge itself when it is full.
        asked = [g.energy_kwh for g in vehicle.goals if g.energy_kwh is not None]
        return max(vehicle.capacity_kwh / vehicle.efficiency, *asked, 0.0)
    driven = sum(energy for start, energy in trips if start < by)
    free = (vehicle.target_soc - vehicle.soc) * vehicle.capacity_kwh + driven
    return max(0.0, free) / vehicle.efficiency


def _chargeable_later(prepared: Prepared, vehicle: Vehicle, by: datetime) -> float:
    """Return the AC energy that fits between the end of the slots and a goal beyond it."""
    end = prepared.problem.slots[-1]
    if by <= end:
        return 0.0
    chargers = {c.id: c for c in prepared.problem.chargers}
    return sum(
        max_power_kw(chargers[stay.charger], vehicle, prepared.problem.grid)
        * max(0.0, (min(stay.end, by) - max(stay.start, end)).total_seconds() / 3600)
        for stay in vehicle.stays
        if stay.charger in chargers
    )


def _drives(
    prepared: Prepared,
    vehicle: Vehicle,
    plugged: Plugged,
    trips: list[tuple[datetime, float]],
    gives: bool,
) -> list[Drive]:
    """Return the trips that could find the battery empty: all where the vehicle `gives` back."""
    if vehicle.soc is None:
        return []
    found = []
    driven = 0.0
    for start, energy in trips:
        driven += energy
        need = (driven - vehicle.soc * vehicle.capacity_kwh) / vehicle.efficiency
        if (need > TINY or gives) and start < prepared.problem.slots[-1]:
            found.append(Drive(start=start, point=_point(prepared, plugged, start), need_kwh=need))
    return found


def _room(
    prepared: Prepared,
    vehicle: Vehicle,
    plugged: Plugged,
    trips: list[tuple[datetime, float]],
    point: int,
    total: float,
    may_exceed: bool,
) -> float:
    """Return the AC energy that may be charged in the first `point` slots."""
    # A trip empties the battery after the stay before it: only those that began by the last slot do
    # count as room, as they do in `_point`.
    until = prepared.problem.slots[int(plugged.slot[point - 1])] + MICROSECOND
    room = _ceiling(vehicle, until, trips)
    return room if may_exceed else min(room, total)
