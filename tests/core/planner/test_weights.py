"""What matters more wins, whatever the prices are: seen in plans, not in weights."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from custom_components.smart_charging.core.grid import Grid
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Command,
    Goal,
    GoalKind,
    PeakTariff,
    Plan,
    Problem,
    Stay,
    Vehicle,
    plan,
)
from tests.core.planner.sites import at, charging, site

type Price = Callable[[float], float] | float

PRICES: dict[str, dict[str, object]] = {
    "usual": {"price": lambda h: 0.2 + 0.1 * (int(h) % 3), "export": 0.05},
    "all zero": {"price": 0.0, "export": 0.0},
    "all equal": {"price": 0.3, "export": 0.3},
    "all negative": {"price": -1.0, "export": -1.0},
    "from -1 to 25": {"price": lambda h: (-1.0, 25.0, 3.0, 0.0)[int(h) % 4], "export": -0.5},
    "25 and then -1": {"price": lambda h: 25.0 if h < 3 else -1.0, "export": -1.0},
    "-1 and then 25": {"price": lambda h: -1.0 if h < 1 else 25.0, "export": 25.0},
    "export above import": {"price": 0.05, "export": 25.0},
    "tiny": {"price": lambda h: 1e-4 * (1 + int(h) % 2), "export": 0.0},
    "dear peak": {"price": 0.2, "peak": PeakTariff(price_per_kw=300.0, floor_kw=0.0)},
    "dear peak, negative prices": {
        "price": -1.0,
        "export": -1.0,
        "peak": PeakTariff(price_per_kw=300.0, floor_kw=0.0),
    },
    "dear breach": {
        "price": lambda h: (-1.0, 25.0)[int(h) % 2],
        "grid": Grid(fuse_a=40, import_limit_kw=0.5, breach_kw=7.0, breach_price=40.0),
    },
    "dear wear": {
        "price": 0.2,
        "batteries": (
            Battery(id="store", capacity_kwh=5, soc=0.5, wear_price=30.0, may_feed_cars=True),
        ),
    },
}

every_price = pytest.mark.parametrize("prices", list(PRICES.values()), ids=list(PRICES))

HOURS = 4
KW = 16 * 0.23


def home(prices: dict[str, object], **more: object) -> Problem:
    """Return a home of four hours with these prices, and a charger that a car is at."""
    given: dict[str, object] = {"hours": HOURS, "chargers": (Charger(id="garage"),), "load": 0.3}
    return site(**(given | prices | more))  # type: ignore[arg-type]


def car(*goals: Goal, id: str = "car", charger: str = "garage", **more: object) -> Vehicle:
    """Return a car of 100 kWh without losses that stays all the time."""
    defaults: dict[str, object] = {
        "capacity_kwh": 100,
        "soc": 0.5,
        "efficiency": 1.0,
        "stays": (Stay(charger=charger, start=at(0), end=at(HOURS)),),
    }
    return Vehicle(id=id, goals=goals, **(defaults | more))  # type: ignore[arg-type]


def goal(kind: GoalKind, kwh: float, hours: float = HOURS) -> Goal:
    """Return a goal of `kwh` more than the car holds now."""
    return Goal(by=at(hours), kind=kind, soc=0.5 + kwh / 100)


def missing(answer: Plan) -> dict[str, float]:
    """Return the missing kWh per vehicle."""
    found: dict[str, float] = {}
    for x in answer.shortfalls:
        found[x.vehicle] = found.get(x.vehicle, 0.0) + x.missing_kwh
    return found


@every_price
def test_limits_come_before_every_goal(prices: dict[str, object]) -> None:
    tight = Grid(fuse_a=10)
    problem = home(
        prices | {"grid": tight},
        vehicles=(car(goal(GoalKind.TRIP, 20), soc=0.1, minimum_soc=0.4),),
    )

    answer = plan(problem)

    assert max(f.import_kw for f in answer.flows) <= tight.fuse_kw + 1e-3
    assert answer.shortfalls


@every_price
def test_energy_is_delivered_whatever_it_costs(prices: dict[str, object]) -> None:
    answer = plan(home(prices, vehicles=(car(goal(GoalKind.REQUEST, 14)),)))

    assert not answer.shortfalls


@every_price
@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (GoalKind.MINIMUM, GoalKind.TRIP),
        (GoalKind.TRIP, GoalKind.READY_BY),
        (GoalKind.READY_BY, GoalKind.REQUEST),
    ],
)
def test_of_two_goals_the_more_pressing_is_met(
    prices: dict[str, object], stronger: GoalKind, weaker: GoalKind
) -> None:
    # One fuse, two cars, energy for one and a half: 11 and 11 of 14.7 kWh, less the rest of a
    # slot that the minimum current does not fit in.
    strong = car(goal(stronger, 11), id="strong", charger="drive")
    weak = car(goal(weaker, 11), id="weak")
    chargers = (Charger(id="garage", step_a=0), Charger(id="drive", step_a=0))
    problem = home(
        {k: v for k, v in prices.items() if k != "batteries"},
        chargers=chargers,
        grid=Grid(fuse_a=16 + 0.3 / 0.23),
        vehicles=(weak, strong),
    )

    for order in (problem, replace(problem, vehicles=(strong, weak))):
        assert missing(plan(order)) == {"weak": pytest.approx(22 - HOURS * KW, abs=0.05)}


@every_price
def test_below_its_minimum_a_car_charges_at_once(prices: dict[str, object]) -> None:
    needs_it = car(soc=0.2, minimum_soc=0.2 + KW / 100)

    problem = home(prices, vehicles=(needs_it,))
    if problem.peak is not None:
        # As fast as what is paid for anyway lets it: speed is worth money, not any money.
        problem = replace(problem, peak=replace(problem.peak, floor_kw=KW + 0.3))
    answer = plan(problem)

    steps = answer.schedule.chargers["garage"]
    assert not answer.shortfalls
    assert sum(s.energy_kwh for s in steps[:4]) == pytest.approx(KW, abs=0.01)


@every_price
def test_among_slots_that_serve_the_goal_money_decides(prices: dict[str, object]) -> None:
    problem = home(
        {k: v for k, v in prices.items() if k not in ("batteries", "peak", "grid")},
        # What runs now would go on by preference.
        previous=(Command(charger="garage", current_a=16, phases=1, since=at(-1)),),
        vehicles=(car(goal(GoalKind.READY_BY, KW)),),
    )

    answer = plan(problem)

    dearest = max(s.price or 0.0 for s in charging(answer))
    cheapest_hour = sorted(problem.import_price)[3]
    assert dearest == pytest.approx(cheapest_hour)


@every_price
def test_preferences_decide_among_equal_slots_and_cost_next_to_nothing(
    prices: dict[str, object],
) -> None:
    flat = {k: v for k, v in prices.items() if k not in ("batteries", "peak", "grid")}
    price = plan(home(flat)).flows[0].import_price
    problem = home(flat | {"price": price}, vehicles=(car(goal(GoalKind.READY_BY, KW)),))

    steps = charging(plan(problem))

    # Earlier rather than later, in one piece. Where prices pay for it, all the time.
    assert steps[0].start == at(0)
    assert all(a.end == b.start for a, b in pairwise(steps))
    assert len(steps) == (4 if price >= 0 else 4 * HOURS)


@every_price
def test_a_battery_in_the_house_does_not_turn_the_order_around(prices: dict[str, object]) -> None:
    battery = Battery(
        id="store", capacity_kwh=8, soc=0.5, may_feed_cars=True, may_export=True, wear_price=0.02
    )
    problem = home(
        prices,
        batteries=(battery,),
        grid=Grid(fuse_a=14),
        chargers=(Charger(id="garage", step_a=0),),
        pv=0.5,
        vehicles=(car(goal(GoalKind.REQUEST, 14)),),
    )

    answer = plan(problem)

    # The battery may store for gain, but the car gets what it needs from both.
    assert not answer.shortfalls


@every_price
def test_a_goal_is_met_through_a_battery_that_loses_three_quarters(
    prices: dict[str, object],
) -> None:
    lossy = Battery(
        id="store",
        capacity_kwh=20,
        soc=0.1,
        charge_efficiency=0.5,
        discharge_efficiency=0.5,
        may_feed_cars=True,
    )
    # The house leaves the car nothing after the first hour: what it lacks must be stored then.
    problem = home(
        prices,
        batteries=(lossy,),
        grid=Grid(fuse_a=32),
        load=lambda h: 0.3 if h < 1 else 7.3,
        chargers=(Charger(id="garage", max_a=8, step_a=0),),
        vehicles=(car(goal(GoalKind.REQUEST, 2.5)),),
    )

    answer = plan(problem)

    assert not answer.shortfalls
