"""What a controlled home plans from: forecasts, and what its meters, cars and batteries tell now."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from math import pi, sin
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.planner import (
    Battery,
    BatteryCommand,
    Charger,
    Command,
    Goal,
    GoalKind,
    Problem,
    Stay,
    Trip,
    Vehicle,
    slot_bounds,
)
from simulators.house import HouseConfig
from simulators.weather import HOUSEHOLD, shape

from .control_scenario import ZONE, Resident, price

if TYPE_CHECKING:
    from .control_home import ControlledHome


def problem_of(home: "ControlledHome") -> Problem:
    """Return everything that the plan depends on now."""
    now = home.now
    bounds = slot_bounds(now, 48)
    middles = [a + (b - a) / 2 for a, b in pairwise(bounds)]
    prices = [price(at) for at in middles]
    sun = [_sun_forecast_kw(home.house.config, at) for at in middles]
    battery = home.house.battery
    return Problem(
        now=now,
        time_zone=ZONE,
        slots=bounds,
        import_price=tuple(prices),
        export_price=tuple(round(p - 0.14, 5) for p in prices),
        estimated=(False,) * len(prices),
        load_kw=tuple(_load_forecast_kw(home.house.config, at) for at in middles),
        pv_kw=tuple(sun),
        pv_p10_kw=tuple(0.35 * kw for kw in sun),
        load_share_per_phase=(0.3, 0.4, 0.3),
        grid=home.site.grid,
        circuits=home.scenario.circuits,
        peak=None
        if home.scenario.peak is None
        else replace(home.scenario.peak, month_peak_kw=home.house.meter.month_peak_kw),
        quarter_energy_kwh=home.house.meter.quarter_kw / 4,
        chargers=tuple(
            Charger(
                id=c.id, min_a=c.min_a, max_a=c.max_a, step_a=c.step_a, phases=c.phases,
                switching=c.switching, phase_map=c.phase_map, circuit=c.circuit,
            )
            for c in home.site.chargers
        ),
        vehicles=tuple(_vehicle(home, r, bounds[-1]) for r in home.scenario.residents),
        batteries=tuple(
            Battery(
                id=b.id, capacity_kwh=b.capacity_kwh, soc=battery.soc, min_soc=b.min_soc,
                max_charge_kw=b.max_charge_kw, max_discharge_kw=b.max_discharge_kw,
            )
            for b in home.site.batteries
            if battery is not None
        ),
        previous=tuple(
            Command(charger=key, current_a=s.current_a, phases=s.phases or 1, since=now)
            for key, s in home.setpoints.chargers.items()
        ),
        previous_batteries=tuple(
            BatteryCommand(battery=b.id, mode=step.mode)
            for b in home.site.batteries
            if home.plan is not None
            and (step := home.plan.schedule.battery_step(b.id, now)) is not None
        ),
    )  # fmt: skip


def _vehicle(home: "ControlledHome", resident: Resident, end: datetime) -> Vehicle:
    now, key = home.now, resident.charger.key
    car = home.cars[key]
    stays, trips, goals = [], [], []
    since = now
    for outing in resident.outings:
        if outing.returns <= now:
            continue
        if outing.leaves > since:
            stays.append(Stay(charger=key, start=since, end=min(outing.leaves, end)))
        if outing.leaves >= end:
            since = end
            break
        if outing.leaves > now:
            trips.append(
                Trip(start=outing.leaves, end=outing.returns, energy_kwh=outing.energy_kwh)
            )
            goals.append(Goal(by=outing.leaves, kind=GoalKind.TRIP, soc=outing.soc))
        since = max(since, outing.returns)
    if since < end:
        stays.append(Stay(charger=key, start=since, end=end))
    # On the way the car will be back with what its drive leaves.
    out = resident.out(now)
    soc = car.soc if out is None else max(0.0, car.soc - out.energy_kwh / car.capacity_kwh)
    return Vehicle(
        id=car.id,
        capacity_kwh=car.capacity_kwh,
        soc=soc,
        minimum_soc=0.2,
        target_soc=0.9,
        efficiency=car.efficiency,
        max_phases=car.phases,
        max_a=car.max_a,
        taper_soc=car.taper_soc,
        stays=tuple(stays),
        trips=tuple(trips),
        goals=tuple(goals),
    )


def _load_forecast_kw(config: HouseConfig, at: datetime) -> float:
    local = at.astimezone(ZoneInfo(ZONE))
    hour = local.hour + local.minute / 60
    base = sum(config.base_kw) * shape(config.load_shape, hour)
    used = 0.0
    for one in HOUSEHOLD:
        duty = 2 / 3 if one.duty_s else 1.0
        energy = one.power_kw * duty * one.minutes / 60 * one.chance
        # Each use lies within an hour and a half around its time.
        used += sum(energy / 1.5 for h in one.hours if abs(hour - h) <= 0.75)
    return round(base + used, 4)


def _sun_forecast_kw(config: HouseConfig, at: datetime) -> float:
    local = at.astimezone(ZoneInfo(ZONE))
    hour = local.hour + local.minute / 60
    if not config.sunrise_h < hour < config.sunset_h:
        return 0.0
    day = config.sunset_h - config.sunrise_h
    height: float = sin(pi * (hour - config.sunrise_h) / day) ** 1.2
    return round(0.65 * config.pv_peak_kw * height, 4)
