"""Each reason, in a scenario where it is the only right one."""

from typing import Any

import pytest

from custom_components.smart_charging.core.grid import Circuit, Grid
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Plan,
    Problem,
    Stay,
    Vehicle,
    plan,
)
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.core.schedule import Reason
from tests.core.planner.sites import at, site

KW = 16 * 0.23


def car(kwh: float, *, hours: float = 8, **more: Any) -> Vehicle:
    """Return a half full car of 50 kWh without losses that asks for `kwh` by the end."""
    defaults: dict[str, Any] = {
        "capacity_kwh": 50,
        "soc": 0.5,
        "efficiency": 1.0,
        "stays": (Stay(charger="garage", start=at(0), end=at(hours)),),
        "goals": (Goal(by=at(hours), kind=GoalKind.READY_BY, soc=0.5 + kwh / 50),) if kwh else (),
    }
    return Vehicle(id="car", **(defaults | more))


def home(*vehicles: Vehicle, **more: Any) -> Problem:
    """Return eight hours of a home with a charger."""
    defaults: dict[str, Any] = {"hours": 8, "chargers": (Charger(id="garage"),)}
    return site(vehicles=vehicles, **(defaults | more))


def store(**more: Any) -> Battery:
    """Return a half full battery of 10 kWh without losses."""
    defaults: dict[str, Any] = {
        "capacity_kwh": 10,
        "soc": 0.5,
        "min_soc": 0.0,
        "charge_efficiency": 1.0,
        "discharge_efficiency": 1.0,
        "max_charge_kw": 4,
        "max_discharge_kw": 4,
    }
    return Battery(id="store", **(defaults | more))


def stored(**more: Any) -> Problem:
    """Return eight hours of a house with a battery."""
    defaults: dict[str, Any] = {"hours": 8, "batteries": (store(),)}
    return site(**(defaults | more))


def evening(h: float) -> float:
    return 0.1 if h < 4 else 0.5


CHARGERS: dict[str, tuple[Problem, float, Reason]] = {
    "the cheap hours": (home(car(5), price=lambda h: 0.1 if h >= 4 else 0.4), 4.1, Reason.CHEAP),
    "before them": (home(car(5), price=lambda h: 0.1 if h >= 4 else 0.4), 1.0, Reason.WAITING),
    "after them": (home(car(5), price=evening), 7.0, Reason.REACHED),
    "spare sun": (home(car(5), pv=4.0, export=0.05), 0.1, Reason.SUN),
    "half of it from the grid": (home(car(5), pv=1.9, price=evening), 0.1, Reason.SUN),
    "all the time that is left": (home(car(6 * KW - 0.1, hours=6)), 1.0, Reason.GOAL),
    "below the minimum": (home(car(0, soc=0.1)), 0.1, Reason.MINIMUM_SOC),
    "paid to take it": (home(car(5), price=lambda h: -0.1 if h < 2 else 0.2), 0.1,
                        Reason.NEGATIVE_PRICE),
    "held down for the peak": (
        home(
            car(10),
            price=evening,
            chargers=(Charger(id="garage", step_a=0),),
            peak=PeakTariff(price_per_kw=5.0, floor_kw=2.5),
        ),
        1.0,
        Reason.PEAK,
    ),
    "paused for the peak": (
        home(
            car(5),
            price=lambda h: 0.1 if h < 2 else 0.2,
            load=lambda h: 2.4 if h < 2 else 0.0,
            peak=PeakTariff(price_per_kw=5.0, floor_kw=2.4),
        ),
        1.0,
        Reason.PEAK,
    ),
    "held down by the fuse": (
        home(car(28), load=2.3, grid=Grid(fuse_a=20)), 1.0, Reason.LIMIT
    ),
    "held down by its circuit": (
        home(
            car(28),
            circuits=(Circuit(id="c", name="Cars", fuse_a=10, chargers=("garage",)),),
        ),
        1.0,
        Reason.LIMIT,
    ),
    "paused by the fuse": (
        home(car(5), load=lambda h: 3.0 if h < 2 else 0.3, grid=Grid(fuse_a=16)), 1.0, Reason.LIMIT
    ),
    "no goal": (home(car(0)), 1.0, Reason.NO_GOAL),
    "no car": (home(car(5, hours=4)), 6.0, Reason.UNPLUGGED),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CHARGERS))
def test_a_charger_says_why(name: str) -> None:
    problem, hours, reason = CHARGERS[name]

    step = plan(problem).schedule.charger_step("garage", at(hours))

    assert step is not None
    assert step.reason is reason
    idle = {Reason.WAITING, Reason.REACHED, Reason.NO_GOAL, Reason.UNPLUGGED}
    assert (step.energy_kwh == 0) is (reason in idle or name.startswith("paused"))


BATTERIES: dict[str, tuple[Problem, float, Reason, BatteryMode]] = {
    "spare sun": (
        stored(pv=lambda h: 3.0 if h < 2 else 0.0, load=1.0, price=0.3),
        1.0,
        Reason.SUN,
        BatteryMode.SELF_CONSUMPTION,
    ),
    "sun kept back for a better export": (
        stored(pv=lambda h: 6.0 if h < 1 else 1.0, load=0.0, price=0.4,
               export=lambda h: 0.3 if h < 0.25 else 0.1,
               batteries=(store(max_charge_kw=3.0),)),
        0.6,
        Reason.SUN,
        BatteryMode.SELF_CONSUMPTION,
    ),
    "cheap hours before a dear evening": (
        stored(load=1.5, price=evening, batteries=(store(soc=0.2),)),
        0.1,
        Reason.STORE,
        BatteryMode.CHARGE,
    ),
    "paid to take it": (
        stored(load=1.0, price=lambda h: -0.2 if h < 2 else 0.3),
        1.0,
        Reason.NEGATIVE_PRICE,
        BatteryMode.CHARGE,
    ),
    "carries the house": (
        stored(load=1.0, price=evening), 6.0, Reason.FEED_HOUSE, BatteryMode.SELF_CONSUMPTION
    ),
    "sells dear": (
        stored(
            load=0.3,
            price=0.25,
            export=lambda h: 0.6 if 4 <= h < 5 else 0.05,
            batteries=(store(may_export=True),),
        ),
        4.5,
        Reason.SELL,
        BatteryMode.DISCHARGE,
    ),
    "sells what it holds, beside sun": (
        stored(
            pv=1.0,
            load=0.3,
            price=0.25,
            export=lambda h: 0.6 if 4 <= h < 5 else 0.05,
            batteries=(store(may_export=True, soc=0.9),),
        ),
        4.5,
        Reason.SELL,
        BatteryMode.DISCHARGE,
    ),
    "keeps it for the evening": (
        stored(load=1.2, price=evening, batteries=(store(soc=0.5, max_charge_kw=0.0),)),
        1.0,
        Reason.HOLD,
        BatteryMode.HOLD,
    ),
    "has nothing to do": (
        stored(load=0.0, price=0.3), 1.0, Reason.HOLD, BatteryMode.SELF_CONSUMPTION
    ),
    "feeds a car that the fuse throttles": (
        home(
            car(12, hours=4),
            load=1.0,
            grid=Grid(fuse_a=14),
            batteries=(store(may_feed_cars=True),),
        ),
        1.0,
        Reason.HELP,
        BatteryMode.DISCHARGE,
    ),
    "shaves the peak": (
        stored(
            load=lambda h: 6.0 if 2 <= h < 3 else 0.5,
            price=0.3,
            peak=PeakTariff(price_per_kw=5.0, floor_kw=2.5),
            batteries=(store(max_discharge_kw=3.0),),
        ),
        2.5,
        Reason.PEAK,
        BatteryMode.DISCHARGE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BATTERIES))
def test_a_battery_says_why(name: str) -> None:
    problem, hours, reason, mode = BATTERIES[name]

    step = plan(problem).schedule.battery_step("store", at(hours))

    assert step is not None
    assert (step.reason, step.mode) == (reason, mode)


def test_every_reason_that_a_plan_gives_has_its_scenario() -> None:
    not_planned = {Reason.MANUAL, Reason.OFF, Reason.RELEASED, Reason.STALE}
    shown = {x[2] for x in CHARGERS.values()} | {x[2] for x in BATTERIES.values()}

    assert shown == set(Reason) - not_planned


def test_without_the_solver_reasons_are_given_and_prices_are_not() -> None:
    problem, hours, _, _ = BATTERIES["carries the house"]

    answer: Plan = plan(problem, cancelled=lambda: True)

    step = answer.schedule.battery_step("store", at(hours))
    assert step is not None
    assert step.reason in (Reason.FEED_HOUSE, Reason.HOLD)
    assert (step.marginal_price, step.stored_value) == (None, None)
