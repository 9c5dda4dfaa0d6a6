"""The week that control is measured on: clouds, oven, hob, two cars, a battery, 25 A three-phase."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.core.planner import PeakTariff
from simulators.battery import BatteryConfig
from simulators.car import Car, ChargerConfig

from .control_scenario import Outing, Resident, Scenario, at

MONDAY = datetime(2026, 3, 8, 23, 0, tzinfo=UTC)
"""Midnight in Brussels."""


def scenario(
    *, start: datetime = MONDAY, silences: tuple[tuple[float, float], ...] = ()
) -> Scenario:
    """Return the home; outings repeat through the week from Monday on."""

    def outing(day: int, leaves: str, returns: str, kwh: float, soc: float) -> Outing:
        return Outing(
            leaves=at(MONDAY, day, leaves), returns=at(MONDAY, day, returns),
            energy_kwh=kwh, soc=soc,
        )  # fmt: skip

    commute = tuple(outing(day, "07:30", "17:30", 14.0, 0.6) for day in range(5))
    weekend = (outing(5, "09:00", "18:30", 40.0, 0.9), outing(6, "14:00", "19:00", 20.0, 0.7))
    errands = tuple(
        outing(day, leaves, returns, kwh, soc)
        for day, leaves, returns, kwh, soc in (
            (0, "08:15", "09:30", 4.0, 0.5),
            (1, "13:00", "16:00", 9.0, 0.6),
            (2, "08:15", "09:30", 4.0, 0.5),
            (3, "12:00", "18:00", 16.0, 0.8),
            (4, "08:15", "09:30", 4.0, 0.5),
            (5, "10:00", "12:00", 6.0, 0.6),
            (7, "08:15", "09:30", 4.0, 0.5),
        )
    )
    return Scenario(
        start=start - timedelta(seconds=1),
        residents=(
            Resident(
                car=Car(id="big", capacity_kwh=77.0, soc=0.45, max_a=16.0, phases=3),
                charger=ChargerConfig(key="garage", max_a=16.0, phases=3),
                switching=True,
                outings=(*commute, *weekend, outing(7, "07:30", "17:30", 14.0, 0.6)),
            ),
            Resident(
                car=Car(id="small", capacity_kwh=36.0, soc=0.4, max_a=16.0, phases=1),
                charger=ChargerConfig(key="drive", max_a=16.0, phases=1, phase_map=(3, 1, 2)),
                outings=errands,
            ),
        ),
        battery=BatteryConfig(capacity_kwh=10.0, phases=(1, 2, 3)),
        peak=PeakTariff(price_per_kw=4.2, floor_kw=2.5),
        silences=silences,
    )


def crowded(*, start: datetime = MONDAY) -> Scenario:
    """Return the same home without a capacity tariff and almost without sun.

    Both cars want more, so that the fuse is what holds them down.
    """
    home = scenario(start=start)
    garage, drive = home.residents
    thirsty = tuple(
        replace(
            r, outings=tuple(replace(o, soc=0.88, energy_kwh=1.4 * o.energy_kwh) for o in r.outings)
        )
        for r in (
            garage,
            replace(
                drive,
                charger=replace(drive.charger, max_a=20.0),
                car=replace(drive.car, max_a=20.0),
            ),
        )
    )
    return replace(home, residents=thirsty, peak=None, pv_peak_kw=1.0)
