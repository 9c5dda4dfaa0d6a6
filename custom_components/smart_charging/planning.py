"""Gathers everything that a plan depends on into a problem."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from .config import PartConfig
from .const import GUEST
from .core.control.types import Mode
from .core.forecast import (
    PricesMissing,
    extend_prices,
    pv_slots,
    slot_means,
)
from .core.planner import slot_bounds
from .core.planner.problem import (
    Battery,
    BatteryCommand,
    Charger,
    Command,
    PeakTariff,
    Problem,
    Stay,
    Vehicle,
)
from .core.reading import BatteryReading, PartKind
from .trips.goals import goals_of

if TYPE_CHECKING:
    from .site import Site

HORIZON_H = 48
SLOT_MIN = 15

HISTORY = timedelta(days=2)
"""Prices before now from which days that are not published are repeated."""


def build_problem(site: "Site") -> Problem | None:
    """Return the site's problem at this moment, or `None` while no price is known.

    Just after a start it waits for the chargers too: a plan that knows of no car would pause one
    that is charging.
    """
    now = site.clock.now()
    chargers = site.config.parts(PartKind.CHARGER)
    if not site.settled and any(site.latest(part) is None for part in chargers):
        return None
    bounds = slot_bounds(now, hours=HORIZON_H, minutes=SLOT_MIN)
    priced = _prices(site, "import", bounds)
    if priced is None:
        return None
    import_price, estimated = priced
    exported = _prices(site, "export", bounds)
    count = len(bounds) - 1
    pv_kw, pv_p10_kw = _pv(site, bounds)
    return Problem(
        now=now,
        time_zone=site.hass.config.time_zone,
        slots=bounds,
        import_price=import_price,
        # Without an export price what is fed in is worth nothing: the safe assumption.
        export_price=exported[0] if exported else (0.0,) * count,
        estimated=estimated,
        load_kw=_load(site, bounds),
        pv_kw=pv_kw,
        pv_p10_kw=pv_p10_kw,
        load_share_per_phase=_shares(site),
        grid=site.grid,
        circuits=site.config.circuits,
        peak=_peak(site),
        quarter_energy_kwh=site.history.quarter_energy_kwh(),
        chargers=tuple(_charger(site, p) for p in site.config.parts(PartKind.CHARGER)),
        vehicles=tuple(
            vehicle
            for part in site.config.parts(PartKind.CHARGER)
            if (vehicle := _vehicle(site, part, bounds)) is not None
        ),
        batteries=tuple(
            battery
            for part in site.config.parts(PartKind.BATTERY)
            if (battery := _battery(site, part)) is not None
        ),
        previous=_previous(site, now),
        previous_batteries=_previous_batteries(site, now),
    )


def _prices(
    site: "Site", role: str, bounds: tuple[datetime, ...]
) -> tuple[tuple[float, ...], tuple[bool, ...]] | None:
    runner = next((r for r in site.price_runners.values() if r.config.role == role), None)
    if runner is None:
        return None
    known = runner.source.prices(bounds[0] - HISTORY, bounds[-1])
    try:
        series = extend_prices(known, bounds[0], bounds[-1], site.hass.config.time_zone)
        values, estimated = slot_means(series, bounds)
    except PricesMissing:
        return None
    return tuple(values), tuple(estimated)


def _load(site: "Site", bounds: tuple[datetime, ...]) -> tuple[float, ...]:
    return tuple(site.history.profile.mean_kw(start, end) for start, end in pairwise(bounds))


def _pv(
    site: "Site", bounds: tuple[datetime, ...]
) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
    if not site.config.parts(PartKind.PV):
        return (0.0,) * (len(bounds) - 1), None
    mean, p10 = pv_slots(
        site.history.pv_wh,
        bounds,
        measured_kw=site.pv_kw,
        p10_wh_period=site.history.pv_p10_wh,
    )
    return tuple(mean), None if p10 is None else tuple(p10)


def _shares(site: "Site") -> tuple[float, ...]:
    """Return the share of the house's load per phase, from the highest currents of the week."""
    phases = site.config.grid.topology.phases
    peaks = site.history.house_peak_a()
    if len(peaks) != phases or sum(peaks) <= 0:
        return (1.0 / phases,) * phases
    return tuple(peak / sum(peaks) for peak in peaks)


def _peak(site: "Site") -> PeakTariff | None:
    if site.config.peak_price <= 0:
        return None
    return PeakTariff(
        price_per_kw=site.config.peak_price,
        floor_kw=site.config.peak_floor_kw,
        month_peak_kw=site.history.month_peak_kw(),
    )


def _charger(site: "Site", part: PartConfig) -> Charger:
    spec = part.charger_spec(site.plugs.settings(part).forced_phases)
    return Charger(
        id=spec.id,
        min_a=spec.min_a,
        max_a=spec.max_a,
        step_a=spec.step_a,
        phases=spec.phases,
        switching=spec.switching,
        phase_map=spec.phase_map,
        circuit=spec.circuit,
    )


def _vehicle(site: "Site", part: PartConfig, bounds: tuple[datetime, ...]) -> Vehicle | None:
    """Return the vehicle that the plan may charge at `part`, or `None`."""
    settings = site.plugs.settings(part)
    if not site.plugs.watches[part.id].plugged or not site.plugs.controlled(part):
        return None
    override = settings.override
    if settings.mode is Mode.OFF or (override is not None and override.current_a == 0):
        return None
    now = site.clock.now()
    wish = site.plugs.wish(part)
    config = site.plugs.vehicle_at(part)
    solar = settings.mode is Mode.SOLAR
    return Vehicle(
        id=config.id if config else f"{GUEST}:{part.id}",
        capacity_kwh=wish.capacity_kwh,
        soc=wish.soc,
        minimum_soc=wish.minimum_soc,
        target_soc=wish.target_soc,
        efficiency=wish.efficiency,
        max_phases=config.max_phases if config else 3,
        max_a=config.max_a if config else None,
        taper_soc=config.taper_soc if config else None,
        stays=(Stay(charger=part.id, start=now, end=bounds[-1]),),
        goals=(
            ()
            if solar
            else goals_of(wish, now, site.hass.config.time_zone, site.plugs.max_kw(part))
        ),
        surplus_only=solar,
    )


def _battery(site: "Site", part: PartConfig) -> Battery | None:
    reading = site.reading(part)
    if not isinstance(reading, BatteryReading) or reading.soc is None:
        return None
    spec = part.battery_spec()
    return Battery(
        id=spec.id,
        capacity_kwh=spec.capacity_kwh,
        soc=reading.soc,
        min_soc=spec.min_soc,
        max_soc=spec.max_soc,
        max_charge_kw=spec.max_charge_kw,
        max_discharge_kw=spec.max_discharge_kw,
        may_feed_cars=spec.may_feed_cars,
        # What we cannot command follows its own mode: it never buys from the grid.
        may_charge_from_grid=spec.controllable,
    )


def _previous(site: "Site", now: datetime) -> tuple[Command, ...]:
    return tuple(
        Command(
            charger=charger,
            current_a=setpoint.current_a,
            phases=setpoint.phases or 1,
            since=site.plugs.watches[charger].charging_since or now,
        )
        for charger, setpoint in site.actor.setpoints.chargers.items()
        if charger in site.plugs.watches
    )


def _previous_batteries(site: "Site", now: datetime) -> tuple[BatteryCommand, ...]:
    if site.plan is None:
        return ()
    schedule = site.plan.schedule
    return tuple(
        BatteryCommand(battery=battery, mode=step.mode)
        for battery in schedule.batteries
        if (step := schedule.battery_step(battery, now)) is not None
    )
