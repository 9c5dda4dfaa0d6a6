"""Business as usual, counted by hand: full power on arrival, batteries in self-consumption."""

from dataclasses import replace
from math import exp

import pytest

from custom_components.smart_charging.core.grid import Circuit, Grid
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    ProblemInvalid,
    Stay,
    Trip,
    Vehicle,
    baseline,
    plan,
)
from tests.core.planner.sites import at, site

GARAGE = Charger(id="garage")
KW = 16 * 0.23


def car(kwh: float, *, hours: float = 12, id: str = "car", **more: object) -> Vehicle:
    """Return a 50 kWh car without losses at half that asks for `kwh`."""
    defaults: dict[str, object] = {
        "capacity_kwh": 50,
        "soc": 0.5,
        "efficiency": 1.0,
        "stays": (Stay(charger="garage", start=at(0), end=at(hours)),),
        "goals": (Goal(by=at(hours), kind=GoalKind.READY_BY, energy_kwh=kwh),),
    }
    return Vehicle(id=id, **(defaults | more))


def falling(h: float) -> float:
    return 0.5 if h < 1 else 0.4 if h < 2 else 0.3 if h < 3 else 0.1


def test_a_car_charges_at_full_power_from_its_arrival() -> None:
    problem = site(price=falling, chargers=(GARAGE,), vehicles=(car(9),))

    assert baseline(problem) == pytest.approx(KW * 0.5 + KW * 0.4 + (9 - 2 * KW) * 0.3)


def test_a_car_that_arrives_later_charges_then() -> None:
    away = car(5, stays=(Stay(charger="garage", start=at(1.5), end=at(12)),))

    assert baseline(site(price=falling, chargers=(GARAGE,), vehicles=(away,))) == pytest.approx(
        KW / 2 * 0.4 + (5 - KW / 2) * 0.3
    )


def test_it_charges_again_on_each_arrival_what_the_trip_has_taken() -> None:
    there_and_back = car(
        0,
        hours=20,
        stays=(
            Stay(charger="garage", start=at(0), end=at(6)),
            Stay(charger="garage", start=at(10), end=at(20)),
        ),
        trips=(Trip(start=at(6), end=at(10), energy_kwh=8),),
        goals=(
            Goal(by=at(6), kind=GoalKind.TRIP, soc=0.6),
            Goal(by=at(20), kind=GoalKind.READY_BY, soc=0.6),
        ),
        target_soc=0.6,
    )
    problem = site(
        price=lambda h: 0.2 if h < 9 else 0.6 if h < 14 else 0.1,
        chargers=(GARAGE,),
        vehicles=(there_and_back,),
    )

    # To 60 % on the first arrival, back to it on the second: 5 and 8 kWh.
    assert baseline(problem) == pytest.approx(5 * 0.2 + 8 * 0.6)
    assert plan(problem).cost == pytest.approx(5 * 0.2 + 8 * 0.1, abs=0.01)


def test_the_peak_that_it_reaches_is_paid() -> None:
    problem = site(
        price=0.2,
        load=0.5,
        hours=6,
        chargers=(GARAGE,),
        peak=PeakTariff(price_per_kw=4.0, month_peak_kw=3.0),
        vehicles=(car(9, hours=6),),
    )

    assert baseline(problem) == pytest.approx((9 + 3) * 0.2 + (KW + 0.5 - 3.0) * 4.0)
    assert plan(problem).savings == pytest.approx((KW + 0.5 - 3.0) * 4.0, abs=0.01)


def test_cars_on_one_circuit_take_turns() -> None:
    problem = site(
        price=falling,
        chargers=(GARAGE, Charger(id="drive")),
        circuits=(Circuit(id="c", name="Cars", fuse_a=20, chargers=("garage", "drive")),),
        vehicles=(
            car(KW, id="a"),
            car(KW / 2, id="b", stays=(Stay(charger="drive", start=at(0), end=at(12)),)),
        ),
    )

    # 4 A are left beside the first: below the minimum, so the second waits an hour.
    assert baseline(problem) == pytest.approx(KW * 0.5 + KW / 2 * 0.4)


def test_the_fuse_holds_it_down() -> None:
    problem = site(
        price=falling, load=2.3, grid=Grid(fuse_a=20), chargers=(GARAGE,), vehicles=(car(2.3),)
    )

    house = 2.3 * (0.5 + 0.4 + 0.3 + 21 * 0.1)
    assert baseline(problem) == pytest.approx(house + 2.3 * 0.5)


def test_above_its_taper_it_takes_longer() -> None:
    def problem(taper: float | None) -> Problem:
        return site(
            price=falling,
            chargers=(GARAGE,),
            vehicles=(car(5, soc=0.9, taper_soc=taper),),
        )

    flat, tapered = baseline(problem(None)), baseline(problem(0.9))

    assert flat == pytest.approx(KW * 0.5 + (5 - KW) * 0.4)

    # Power falls with the SoC: energy = 5 (1 - exp(-t KW 0.9 / 5)) / 0.9 in hours t.
    def by(h: float) -> float:
        return min(5.0, 5 / 0.9 * (1 - exp(-h * KW * 0.9 / 5)))

    exact = by(1) * 0.5 + (by(2) - by(1)) * 0.4 + (by(3) - by(2)) * 0.3 + (5 - by(3)) * 0.1
    assert tapered == pytest.approx(exact, abs=0.01)


def test_its_battery_stores_sun_and_carries_the_house() -> None:
    problem = site(
        hours=4,
        price=0.3,
        export=0.05,
        pv=lambda h: 3.0 if h < 2 else 0.0,
        load=1.0,
        batteries=(
            Battery(
                id="store",
                capacity_kwh=10,
                soc=0.5,
                min_soc=0.4,
                charge_efficiency=1.0,
                discharge_efficiency=1.0,
                max_charge_kw=1.5,
            ),
        ),
    )

    # 0.5 kW are sold, 3 kWh stored and 2 used; the fourth kWh is worth 0.95 x 0.3 at the end.
    assert baseline(problem) == pytest.approx(-1.0 * 0.05 - 1.0 * 0.95 * 0.3)


def test_a_problem_without_slots_has_no_baseline() -> None:
    with pytest.raises(ProblemInvalid, match="slots"):
        baseline(replace(site(), slots=()))


def test_it_delivers_what_the_plan_delivers_and_never_beats_it() -> None:
    problem = site(
        price=falling,
        load=0.4,
        pv=lambda h: 2.0 if 3 < h < 8 else 0.0,
        export=0.03,
        chargers=(GARAGE,),
        vehicles=(car(12),),
        batteries=(Battery(id="store", capacity_kwh=8, soc=0.5, may_feed_cars=True),),
    )

    for changed in (
        problem,
        replace(problem, batteries=()),
        replace(problem, peak=PeakTariff(price_per_kw=3.0)),
        replace(problem, import_price=tuple(-x for x in problem.import_price)),
        replace(problem, import_price=problem.export_price),
    ):
        answer = plan(changed)
        assert answer.savings is not None and answer.savings >= -answer.gap - 1e-6
        assert answer.baseline_cost == pytest.approx(baseline(changed))
