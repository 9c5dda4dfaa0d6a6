"""Homes whose price changes by the hour or half-hour."""

from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.household import (
    AUTUMN,
    DRIVE,
    MONTH_END,
    NEW_ZEALAND,
    ONE_PHASE,
    PEAK,
    SHARES,
    SPRING,
    SUMMER,
    THREE_400,
    THREE_PHASE,
    WINTER,
    Moment,
    battery,
    shift,
)
from benchmarks.weather import dynamic, load, sun
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Trip,
    Vehicle,
)


def winter_dynamic() -> Problem:
    """A dynamic tariff, a battery, one car for two working days."""
    m = Moment(now=WINTER, seed=11)
    spot = dynamic(m.days, mean=0.12, swing=0.07, noon=0.1)
    car = Vehicle(
        id="car",
        capacity_kwh=64,
        soc=0.35,
        stays=(m.stay(1.5, 14.5), m.stay(25, 38.5)),
        goals=(m.ready(14.5, 0.8), m.ready(38.5, 0.9)),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        pv_kw=sun(m.days, peak_kw=1.2, half_day_h=4),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(battery(),),
    )


def spring_two_cars() -> Problem:
    """Two cars, one of which takes sun beyond its goal; capacity tariff."""
    m = Moment(now=SPRING, seed=12)
    spot = dynamic(m.days, mean=0.08, swing=0.07, noon=0.6)
    big = Vehicle(
        id="big",
        capacity_kwh=77,
        soc=0.42,
        stays=(m.stay(0, 15.5), m.stay(25, 47)),
        goals=(m.ready(15.5, 0.8), m.ready(39.5, 0.9)),
    )
    small = Vehicle(
        id="small",
        capacity_kwh=40,
        soc=0.5,
        opportunistic=True,
        stays=(m.stay(3, 44, "drive"),),
        goals=(m.ready(16, 0.7, GoalKind.TRIP),),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        pv_kw=sun(m.days, peak_kw=4.5),
        peak=PEAK,
        chargers=(ONE_PHASE, DRIVE),
        vehicles=(big, small),
        batteries=(battery(),),
    )


def summer_sun() -> Problem:
    """Much sun, which the car takes beyond its goals."""
    m = Moment(now=SUMMER, seed=13)
    spot = dynamic(m.days, mean=0.09, swing=0.08, noon=0.9)
    car = Vehicle(
        id="car",
        capacity_kwh=77,
        soc=0.3,
        opportunistic=True,
        stays=(m.stay(0, 8), m.stay(13, 28), m.stay(36, 47)),
        goals=(m.ready(8, 0.6), m.ready(26, 0.85)),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        load_kw=load(m.days, base_kw=0.5, busy_kw=1.8),
        pv_kw=sun(m.days, peak_kw=6, half_day_h=8),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(battery(capacity_kwh=13.5, max_charge_kw=5.0, max_discharge_kw=5.0),),
    )


def negative_prices() -> Problem:
    """A holiday with prices below zero and a limit on export."""
    m = Moment(now=datetime(2026, 5, 2, 18, 22, tzinfo=UTC), seed=14)
    spot = dynamic(m.days, mean=0.04, swing=0.12, noon=1.6)
    first = Vehicle(
        id="first",
        capacity_kwh=60,
        soc=0.3,
        stays=(m.stay(0, 44),),
        goals=(m.ready(14, 0.6), m.ready(38, 0.95)),
    )
    second = Vehicle(
        id="second",
        capacity_kwh=50,
        soc=0.45,
        target_soc=0.9,
        stays=(m.stay(2, 12, "drive"), m.stay(15, 46, "drive")),
        goals=(m.ready(12, 0.6),),
    )
    return m.home(
        shift(spot, 1.06, 0.03),
        shift(spot, 1.0, -0.02),
        pv_kw=sun(m.days, peak_kw=5, half_day_h=7),
        grid=Grid(topology=Topology.SINGLE_230, fuse_a=63, export_limit_kw=3.0),
        chargers=(ONE_PHASE, DRIVE),
        vehicles=(first, second),
        batteries=(battery(),),
    )


def month_end() -> Problem:
    """A month ends at midnight: two peaks to pay for."""
    m = Moment(now=MONTH_END, seed=19)
    spot = dynamic(m.days, mean=0.11, swing=0.07, noon=0.1)
    car = Vehicle(
        id="car",
        capacity_kwh=77,
        soc=0.3,
        stays=(m.stay(0, 14), m.stay(24, 38)),
        goals=(m.ready(14, 0.7), m.ready(38, 0.85)),
    )
    return m.home(
        shift(spot, 1.06, 0.13),
        shift(spot, 1.0, -0.01),
        load_share_per_phase=SHARES,
        grid=THREE_400,
        peak=PeakTariff(price_per_kw=4.1, floor_kw=2.5, month_peak_kw=5.2),
        chargers=(THREE_PHASE,),
        vehicles=(car,),
        batteries=(battery(),),
    )


def breach_three_cars() -> Problem:
    """Three cars on a contract that may be broken at a price."""
    m = Moment(now=WINTER, seed=20)
    spot = dynamic(m.days, mean=0.12, swing=0.06, noon=0.1)
    names = ("garage", "drive", "gate")
    cars = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=60,
            soc=0.2 + 0.1 * i,
            stays=(m.stay(1 + i, 14, name), m.stay(25 + i, 38, name)),
            goals=(m.ready(14, 0.7 + 0.05 * i), m.ready(38, 0.9)),
        )
        for i, name in enumerate(names)
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        grid=Grid(
            topology=Topology.SINGLE_230,
            fuse_a=63,
            import_limit_kw=7.0,
            breach_kw=4.0,
            breach_price=0.12,
        ),
        chargers=tuple(Charger(id=name, max_a=20, step_a=0) for name in names),
        vehicles=cars,
    )


def export_limit() -> Problem:
    """More sun than may be sold; one battery serves the house only."""
    m = Moment(now=SUMMER, seed=21)
    spot = dynamic(m.days, mean=0.09, swing=0.08, noon=0.7)
    car = Vehicle(
        id="car",
        capacity_kwh=77,
        soc=0.25,
        opportunistic=True,
        stays=(m.stay(12, 26.5), m.stay(29, 47)),
        goals=(m.ready(26.5, 0.9),),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.02),
        load_kw=load(m.days, base_kw=0.6, busy_kw=2.0),
        pv_kw=sun(m.days, peak_kw=7, half_day_h=8),
        grid=Grid(topology=Topology.SINGLE_230, fuse_a=50, export_limit_kw=2.5),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(
            battery("house", may_charge_from_grid=False, may_feed_cars=False, may_export=False),
            battery("shed", capacity_kwh=5.0, max_charge_kw=2.5, max_discharge_kw=2.5),
        ),
    )


def new_zealand() -> Problem:
    """Prices of half an hour."""
    m = Moment(now=NEW_ZEALAND, seed=22, time_zone="Pacific/Auckland")
    spot = dynamic(m.days, mean=0.14, swing=0.09, noon=0.2, period_h=0.5)
    car = Vehicle(
        id="car",
        capacity_kwh=40,
        soc=0.35,
        stays=(m.stay(0, 13.5), m.stay(24, 37.5)),
        goals=(m.ready(13.5, 0.8), m.ready(37.5, 0.85)),
    )
    return m.home(
        shift(spot, 1.15, 0.13),
        shift(spot, 0.95, 0.0),
        pv_kw=sun(m.days, peak_kw=2.5, half_day_h=4.5),
        grid=Grid(topology=Topology.SINGLE_230, fuse_a=63),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(battery(),),
    )


def shared_circuit() -> Problem:
    """Three cars on three phases behind one fuse."""
    m = Moment(now=AUTUMN, seed=23)
    spot = dynamic(m.days, mean=0.1, swing=0.07, noon=0.4)
    names = ("garage", "drive", "gate")
    cars = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=70,
            soc=0.25 + 0.1 * i,
            stays=(m.stay(0.5 + i, 14 + 0.5 * i, name), m.stay(24, 38, name)),
            goals=(m.ready(14 + 0.5 * i, 0.7), m.ready(38, 0.9)),
        )
        for i, name in enumerate(names)
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        pv_kw=sun(m.days, peak_kw=5, half_day_h=5.5),
        load_share_per_phase=SHARES,
        grid=Grid(topology=Topology.THREE_400, fuse_a=40),
        circuits=(Circuit(id="row", name="Row", fuse_a=25, chargers=names),),
        chargers=tuple(replace(THREE_PHASE, id=name) for name in names),
        vehicles=cars,
        batteries=(battery(),),
    )


def trips() -> Problem:
    """A car that is away twice and needs what it drives."""
    m = Moment(now=SPRING, seed=24)
    spot = dynamic(m.days, mean=0.09, swing=0.07, noon=0.5)
    car = Vehicle(
        id="car",
        capacity_kwh=50,
        soc=0.55,
        stays=(m.stay(0, 3), m.stay(5, 15), m.stay(26, 45)),
        trips=(
            Trip(start=m.at(3), end=m.at(5), energy_kwh=9),
            Trip(start=m.at(15), end=m.at(26), energy_kwh=28),
        ),
        goals=(m.ready(15, 0.85, GoalKind.TRIP), m.ready(39, 0.7)),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        pv_kw=sun(m.days, peak_kw=4),
        peak=PEAK,
        chargers=(ONE_PHASE,),
        vehicles=(car,),
    )


def taper() -> Problem:
    """A car that charges ever slower above 70 %."""
    m = Moment(now=WINTER, seed=25)
    spot = dynamic(m.days, mean=0.12, swing=0.08, noon=0.1)
    car = Vehicle(
        id="car",
        capacity_kwh=40,
        soc=0.5,
        target_soc=0.92,
        taper_soc=0.7,
        stays=(m.stay(2, 14.5), m.stay(25, 38.5)),
        trips=(Trip(start=m.at(14.5), end=m.at(25), energy_kwh=20),),
        goals=(m.ready(14.5, 0.92), m.ready(38.5, 0.9)),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(battery(),),
    )


def two_batteries() -> Problem:
    """A car that tells no SoC, and two batteries with different rights."""
    m = Moment(now=WINTER, seed=26)
    spot = dynamic(m.days, mean=0.13, swing=0.09, noon=0.2)
    car = Vehicle(
        id="car",
        capacity_kwh=60,
        soc=None,
        stays=(m.stay(0, 15), m.stay(26, 40)),
        goals=(Goal(by=m.at(15), kind=GoalKind.REQUEST, energy_kwh=24),),
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        pv_kw=sun(m.days, peak_kw=2, half_day_h=4),
        peak=PEAK,
        chargers=(ONE_PHASE,),
        vehicles=(car,),
        batteries=(
            battery("first", may_feed_cars=False, may_export=False),
            battery("second", capacity_kwh=7.0, soc=0.5, may_export=False),
        ),
    )


def aron() -> Problem:
    """230 V between the lines: cars between two phases each."""
    m = Moment(now=AUTUMN, seed=27)
    spot = dynamic(m.days, mean=0.1, swing=0.07, noon=0.3)
    cars = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=55,
            soc=0.3,
            max_phases=1,
            stays=(m.stay(i, 14, name), m.stay(25, 38, name)),
            goals=(m.ready(14, 0.7), m.ready(38, 0.85)),
        )
        for i, name in enumerate(("garage", "drive"))
    )
    return m.home(
        shift(spot, 1.06, 0.14),
        shift(spot, 1.0, -0.01),
        load_share_per_phase=SHARES,
        grid=Grid(topology=Topology.THREE_230, fuse_a=25),
        chargers=(
            Charger(id="garage", max_a=16, step_a=0, phase_map=(1, 2, 3)),
            Charger(id="drive", max_a=16, step_a=0, phase_map=(2, 3, 1)),
        ),
        vehicles=cars,
        batteries=(battery(),),
    )
