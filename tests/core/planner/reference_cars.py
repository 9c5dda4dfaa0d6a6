"""The vehicles of the plain mixed-integer programme: presence, powers, goals, trips, taper."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pulp

from custom_components.smart_charging.core.planner import Goal, GoalKind, Problem, Vehicle
from tests.core.planner.reference import MISSED_MORE, Programme, lines_of

KIND = {GoalKind.MINIMUM: 4.0, GoalKind.TRIP: 2.0, GoalKind.READY_BY: 1.5, GoalKind.REQUEST: 1.0}
"""A kWh of one goal against one of another: in the order of their weight."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One phase count of a charger for a vehicle."""

    used: int
    kw_per_a: float
    min_a: float
    max_a: float
    step: bool


@dataclass(frozen=True, kw_only=True)
class Here:
    """A vehicle at a charger in a slot."""

    slot: int
    charger: int
    stay: int
    share: float
    """Part of the slot that counts: to the first goal in it."""


def write_cars(x: Programme) -> None:
    """Add all vehicles to the programme."""
    taken: set[tuple[int, int]] = set()
    for v in range(len(x.problem.vehicles)):
        here = _presence(x.problem, x.problem.vehicles[v], x.hours)
        for place in here:
            assert (place.slot, place.charger) not in taken, "two vehicles at one charger"
            taken.add((place.slot, place.charger))
        _write_car(x, v, here)


def _presence(problem: Problem, vehicle: Vehicle, hours: list[float]) -> list[Here]:
    index = {charger.id: c for c, charger in enumerate(problem.chargers)}
    found = []
    for t in range(len(hours)):
        start, end = problem.slots[t], problem.slots[t + 1]
        until = min((g.by for g in vehicle.goals if start < g.by < end), default=end)
        lengths = [
            ((min(until, stay.end) - max(start, stay.start)).total_seconds() / 3600, -k)
            for k, stay in enumerate(vehicle.stays)
        ]
        length, k = max(lengths, default=(0.0, 0))
        if length > 1e-9:
            found.append(
                Here(
                    slot=t,
                    charger=index[vehicle.stays[-k].charger],
                    stay=-k,
                    share=length / hours[t],
                )
            )
    return found


def _settings(problem: Problem, charger: int, vehicle: Vehicle) -> list[Setting]:
    box, topology = problem.chargers[charger], problem.grid.topology
    found: dict[int, Setting] = {}
    for phases in sorted(box.phases):
        used = min(phases, vehicle.max_phases, topology.phases)
        most = box.max_a if vehicle.max_a is None else min(box.max_a, vehicle.max_a)
        found.setdefault(
            used,
            Setting(
                used=used,
                kw_per_a=topology.charger_kw_per_a(used),
                min_a=min(box.min_a, most),
                max_a=most,
                step=box.step_a > 0,
            ),
        )
        assert box.step_a in (0, 1)
    return list(found.values())


def _write_car(x: Programme, v: int, here: list[Here]) -> None:
    problem, vehicle = x.problem, x.problem.vehicles[v]
    power: list[tuple[Here, Any]] = []
    parts: dict[tuple[Any, ...], list[Any]] = {}
    chosen: dict[tuple[int, int], Any] = {}
    for place in here:
        total, part = _write_slot(x, v, place, chosen)
        power.append((place, total))
        parts.setdefault(_stretch(problem, vehicle, place), []).append(part)
    # One slot between two moments that matter may be charged for a part of the time.
    for between in parts.values():
        x.model += pulp.lpSum(between) <= 1
    for place in here if vehicle.soc is not None else ():
        _write_room(x, vehicle, place, power)
    if vehicle.taper_soc is not None and vehicle.soc is not None:
        _write_taper(x, v, power)
    _write_goals(x, v, power)


def _stretch(problem: Problem, vehicle: Vehicle, place: Here) -> tuple[Any, ...]:
    start = problem.slots[place.slot]
    moments = [] if vehicle.surplus_only else [g.by for g in vehicle.goals]
    moments += [trip.start for trip in vehicle.trips]
    return place.stay, min((m for m in moments if m > start), default=None)


def _write_slot(
    x: Programme, v: int, place: Here, chosen: dict[tuple[int, int], Any]
) -> tuple[Any, Any]:
    """Add a vehicle in one slot; return its mean power and the number of part-time charges."""
    problem, vehicle, t = x.problem, x.problem.vehicles[v], place.slot
    box = problem.chargers[place.charger]
    settings = _settings(problem, place.charger, vehicle)
    states, partial, total = [], [], []
    least = min(s.min_a * s.kw_per_a for s in settings)
    for k, s in enumerate(settings):
        name = f"{v}_{t}_{k}"
        low, high = s.min_a * s.kw_per_a, s.max_a * s.kw_per_a
        on, part = x.binary(f"on{name}"), x.binary(f"part{name}")
        full = x.variable(f"p{name}", 0, high * place.share)
        some = x.variable(f"q{name}", 0, low * place.share)
        x.model += full <= high * place.share * on
        if vehicle.taper_soc is None:
            x.model += full >= low * place.share * on
        x.model += some <= low * place.share * part
        if s.step:
            amperes = x.model.add_variable(f"a{name}", 0, s.max_a, cat="Integer")
            x.model += amperes <= s.max_a * on
            x.model += amperes >= s.min_a * on
            x.model += full <= s.kw_per_a * place.share * amperes
            drawn = amperes + s.min_a * part
        else:
            drawn = full * (1 / place.share / s.kw_per_a) + s.min_a * part
        if not box.switching and len(settings) > 1:
            if (place.stay, k) not in chosen:
                chosen[place.stay, k] = x.binary(f"set{v}_{place.stay}_{k}")
                if k == len(settings) - 1:
                    every = [chosen[place.stay, j] for j in range(len(settings))]
                    x.model += pulp.lpSum(every) <= 1
            x.model += on + part <= chosen[place.stay, k]
        beyond = s.kw_per_a * drawn - (full + some) * (1 / place.share)
        lines = lines_of(problem, place.charger, s.used)
        x.running[t].append((place.charger, lines, drawn, beyond))
        x.parts[t].append((some, low, part))
        states += [on, part]
        partial.append(part)
        total += [full, some]
        if vehicle.surplus_only:
            # Sun only: what runs must be spare at any time.
            x.model += s.kw_per_a * drawn <= x.spare[t]
    x.model += pulp.lpSum(states) <= 1
    mean = pulp.lpSum(total)
    x.cars[t].append(mean)
    if vehicle.surplus_only:
        x.sun_only[t].append(mean)
    if 0 < x.spare[t] < least:
        x.needs_supply[t].append((1 - x.spare[t] / least) * mean)
    return mean, pulp.lpSum(partial)


def _driven(vehicle: Vehicle, before: datetime) -> float:
    return sum(trip.energy_kwh for trip in vehicle.trips if trip.start < before)


def _charged(x: Programme, power: list[tuple[Here, Any]], before: datetime) -> Any:
    slots = x.problem.slots
    return pulp.lpSum(x.hours[h.slot] * p for h, p in power if slots[h.slot] < before)


def _write_room(x: Programme, vehicle: Vehicle, place: Here, power: list[tuple[Here, Any]]) -> None:
    assert vehicle.soc is not None and vehicle.soc >= vehicle.minimum_soc
    start, end = x.problem.slots[place.slot], x.problem.slots[place.slot + 1]
    free = (vehicle.target_soc - vehicle.soc) * vehicle.capacity_kwh + _driven(vehicle, start)
    x.model += vehicle.efficiency * _charged(x, power, end) <= max(0.0, free)


def _write_taper(x: Programme, v: int, power: list[tuple[Here, Any]]) -> None:
    """Power falls on a line of the mean SoC of the slot, from the knee to 10 % at full."""
    vehicle = x.problem.vehicles[v]
    assert vehicle.soc is not None and vehicle.taper_soc is not None
    for place, mean_kw in power:
        start = x.problem.slots[place.slot]
        settings = _settings(x.problem, place.charger, vehicle)
        most = max(s.max_a * s.kw_per_a for s in settings) * place.share
        before = vehicle.soc * vehicle.capacity_kwh - _driven(vehicle, start)
        before = before + vehicle.efficiency * _charged(x, power, start)
        soc = (before + vehicle.efficiency * x.hours[place.slot] * mean_kw * 0.5) * (
            1 / vehicle.capacity_kwh
        )
        fall = 0.9 / (1 - vehicle.taper_soc)
        x.model += mean_kw <= most * (1 + fall * vehicle.taper_soc) - most * fall * soc


def _asked(vehicle: Vehicle, goal: Goal) -> float:
    """Return the AC energy from now that fulfils a goal."""
    if goal.energy_kwh is not None:
        return goal.energy_kwh
    assert goal.soc is not None
    held = (vehicle.soc or 0.0) * vehicle.capacity_kwh
    if vehicle.soc is not None:
        held -= _driven(vehicle, goal.by)
    return (goal.soc * vehicle.capacity_kwh - held) / vehicle.efficiency


def _write_goals(x: Programme, v: int, power: list[tuple[Here, Any]]) -> None:
    problem, vehicle = x.problem, x.problem.vehicles[v]
    end = problem.slots[-1]
    total = _charged(x, power, end)
    goals = () if vehicle.surplus_only else vehicle.goals
    most, most_missed = 0.0, 0.0
    for g, goal in enumerate(goals):
        assert goal.by <= end, "a goal beyond the plan"
        if goal.by <= problem.now or (need := _asked(vehicle, goal)) <= 0:
            continue
        if vehicle.soc is not None:
            free = (vehicle.target_soc - vehicle.soc) * vehicle.capacity_kwh
            need = min(need, (free + _driven(vehicle, goal.by)) / vehicle.efficiency)
        miss = x.variable(f"miss{v}_{g}", 0, need)
        x.model += _charged(x, power, goal.by) + miss >= need
        x.penalty.append(MISSED_MORE * x.dearest_kwh * KIND[goal.kind] * miss)
        x.missed.append(miss)
        if need > most:
            most, most_missed = need, miss
    if vehicle.soc is not None:
        for k, trip in enumerate(vehicle.trips):
            empty = vehicle.soc * vehicle.capacity_kwh
            need = _driven(vehicle, trip.start) + trip.energy_kwh - empty
            if need > 0:
                lack = x.variable(f"lack{v}_{k}", 0)
                x.model += vehicle.efficiency * _charged(x, power, trip.start) + lack >= need
                x.penalty.append(MISSED_MORE * x.dearest_kwh * lack)
                x.missed.append(lack)
                most = max(most, need / vehicle.efficiency)
    paid = min(problem.import_price) < 0 and vehicle.soc is not None
    unknown = vehicle.soc is None and bool(goals)
    if not (vehicle.surplus_only or paid or (vehicle.opportunistic and not unknown)):
        x.model += total <= most
        return
    extra = x.variable(f"extra{v}", 0)
    x.model += extra <= total - most + most_missed
    x.money.append(-_worth(x, v) * extra)


def _worth(x: Programme, v: int) -> float:
    """Return what an AC kWh beyond the goals is worth."""
    problem, vehicle = x.problem, x.problem.vehicles[v]
    if vehicle.energy_value is not None:
        return max(0.0, vehicle.energy_value)
    stored = 0.95 * x.lowest_price
    if vehicle.surplus_only:
        return max(0.0, *problem.export_price, stored) * 1.001 + 0.001
    rank = len(problem.batteries) + v
    return stored * (1 - 1e-3 * rank) if vehicle.opportunistic else 0.0
