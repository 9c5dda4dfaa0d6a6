"""Homes with one price, or one for the day and one for the night."""

from dataclasses import replace

from benchmarks.household import (
    AUTUMN,
    DRIVE,
    ONE_PHASE,
    SHARES,
    SUMMER,
    THREE_400,
    THREE_PHASE,
    WINTER,
    Moment,
    battery,
    flat,
)
from benchmarks.weather import day_night, load, sun
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import PeakTariff, Problem, Vehicle


def night_tariff_two_cars() -> Problem:
    """Cheap nights for two cars on one fuse."""
    m = Moment(now=WINTER, seed=15)
    cars = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=50 + 14 * i,
            soc=0.3 + 0.1 * i,
            stays=(m.stay(1 + i, 14 + i, charger), m.stay(25, 38 + i, charger)),
            goals=(m.ready(14 + i, 0.75), m.ready(38 + i, 0.8)),
        )
        for i, charger in enumerate(("garage", "drive"))
    )
    return m.home(
        day_night(m.days, day=0.34, night=0.26),
        flat(m, 0.04),
        grid=Grid(topology=Topology.SINGLE_230, fuse_a=40),
        chargers=(replace(ONE_PHASE, max_a=20), DRIVE),
        vehicles=cars,
    )


def night_tariff_three_phase() -> Problem:
    """Cheap nights, a battery for the house, a car on three phases."""
    m = Moment(now=AUTUMN, seed=16)
    car = Vehicle(
        id="car",
        capacity_kwh=82,
        soc=0.38,
        stays=(m.stay(0, 13), m.stay(23.5, 37)),
        goals=(m.ready(13, 0.8), m.ready(37, 0.9)),
    )
    return m.home(
        day_night(m.days, day=0.33, night=0.27),
        flat(m, 0.05),
        pv_kw=sun(m.days, peak_kw=3.2, half_day_h=5),
        load_share_per_phase=SHARES,
        grid=THREE_400,
        chargers=(THREE_PHASE,),
        vehicles=(car,),
        batteries=(battery(may_feed_cars=False, may_export=False),),
    )


def flat_surplus_only() -> Problem:
    """One price; one car takes sun only."""
    m = Moment(now=SUMMER, seed=17)
    commuter = Vehicle(
        id="commuter",
        capacity_kwh=64,
        soc=0.3,
        stays=(m.stay(11.5, 24), m.stay(35, 47)),
        goals=(m.ready(24, 0.75), m.ready(47, 0.95)),
    )
    second = Vehicle(
        id="second",
        capacity_kwh=42,
        soc=0.3,
        surplus_only=True,
        stays=(m.stay(0, 47, "drive"),),
    )
    return m.home(
        flat(m, 0.29),
        flat(m, 0.05),
        load_kw=load(m.days, base_kw=0.4, busy_kw=1.6),
        pv_kw=sun(m.days, peak_kw=4.8, half_day_h=8),
        chargers=(ONE_PHASE, DRIVE),
        vehicles=(commuter, second),
    )


def flat_peak() -> Problem:
    """One price, and the peak of the month to keep down."""
    m = Moment(now=AUTUMN, seed=18)
    cars = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=60,
            soc=0.35,
            stays=(m.stay(0.5 + i, 13.5, charger), m.stay(24, 37.5, charger)),
            goals=(m.ready(13.5, 0.65), m.ready(37.5, 0.85)),
        )
        for i, charger in enumerate(("garage", "drive"))
    )
    return m.home(
        flat(m, 0.3),
        flat(m, 0.05),
        pv_kw=sun(m.days, peak_kw=3, half_day_h=5),
        peak=PeakTariff(price_per_kw=4.4, floor_kw=2.5, month_peak_kw=2.8),
        quarter_energy_kwh=0.12,
        chargers=(ONE_PHASE, DRIVE),
        vehicles=cars,
    )


def export_above_import() -> Problem:
    """Selling pays more than buying costs."""
    m = Moment(now=SUMMER, seed=28)
    car = Vehicle(
        id="car",
        capacity_kwh=58,
        soc=0.35,
        stays=(m.stay(10.5, 25), m.stay(34, 47)),
        goals=(m.ready(25, 0.8),),
    )
    return m.home(
        day_night(m.days, day=0.3, night=0.21),
        flat(m, 0.26),
        load_kw=load(m.days, base_kw=0.7, busy_kw=2.2),
        pv_kw=sun(m.days, peak_kw=3, half_day_h=7),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(battery(may_export=False),),
    )
