"""What runs goes on and what stopped stays off for the quarter, where that costs next to nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.core.grid import Grid
from custom_components.smart_charging.core.planner import (
    Charger,
    Command,
    Goal,
    GoalKind,
    Plan,
    Problem,
    Stay,
    Vehicle,
    plan,
)
from tests.core.planner.sites import at, charged_kwh, site
from tests.core.planner.test_invariants import check

MINUTE = timedelta(minutes=1)


def car(charger: str = "garage", **more: object) -> Vehicle:
    """Return a car that asks for 10 kWh in twelve hours."""
    given: dict[str, object] = {
        "id": f"car at {charger}",
        "capacity_kwh": 50.0,
        "soc": 0.5,
        "efficiency": 1.0,
        "stays": (Stay(charger=charger, start=at(0), end=at(12)),),
        "goals": (Goal(by=at(12), kind=GoalKind.READY_BY, soc=0.7),),
    }
    return Vehicle(**(given | more))  # type: ignore[arg-type]


def dearer_now(by: float, **more: object) -> Problem:
    """Return a home whose first hour is dearer by `by`; the car's energy fits in the others."""
    given: dict[str, object] = {
        "price": lambda h: 0.2 + (by if h < 1 else 0.0),
        "chargers": (Charger(id="garage", step_a=0),),
        "vehicles": (car(),),
    }
    return site(**(given | more))  # type: ignore[arg-type]


def now(current_a: float, minutes: float, charger: str = "garage") -> Command:
    since = at(0) - minutes * MINUTE
    return Command(charger=charger, current_a=current_a, phases=1, since=since)


def charges(answer: Plan, charger: str = "garage") -> bool:
    return answer.schedule.chargers[charger][0].energy_kwh > 0


def test_what_runs_goes_on_where_stopping_would_save_next_to_nothing() -> None:
    problem = dearer_now(4e-4)

    assert not charges(plan(problem))
    answer = plan(replace(problem, previous=(now(16, 30),)))

    assert charges(answer)
    assert 0 < answer.given_away <= 1e-4 * 3 * answer.cost
    assert answer.given_away <= answer.gap
    assert charged_kwh(answer) == pytest.approx(10)
    check(problem, answer)


def test_what_runs_stops_where_that_pays() -> None:
    problem = dearer_now(0.05)

    answer = plan(replace(problem, previous=(now(16, 30),)))

    assert not charges(answer)
    assert answer.given_away == 0


def midway(problem: Problem, minutes: float) -> Problem:
    """Return the problem some minutes into its first quarter."""
    return replace(
        problem,
        now=problem.now + minutes * MINUTE,
        slots=(problem.now + minutes * MINUTE, *problem.slots[1:]),
    )


def test_what_stopped_stays_off_until_the_next_quarter() -> None:
    problem = midway(dearer_now(0.0), 5)
    stopped = replace(problem, previous=(now(0, -2),))

    assert charges(plan(problem))
    answer = plan(stopped)

    assert not charges(answer)
    assert answer.schedule.chargers["garage"][1].energy_kwh > 0
    assert charged_kwh(answer) == pytest.approx(10)


def test_what_stopped_begins_again_where_waiting_costs() -> None:
    problem = midway(dearer_now(-0.1), 5)

    assert charges(plan(replace(problem, previous=(now(0, -2),))))


def test_a_charger_that_has_been_off_begins_at_any_time() -> None:
    problem = midway(dearer_now(0.0), 5)

    assert charges(plan(replace(problem, previous=(now(0, 60),))))


@pytest.mark.parametrize("runs", ["garage", "drive"])
def test_of_two_cars_that_take_turns_the_one_that_runs_goes_on(runs: str) -> None:
    names = ("garage", "drive")
    problem = dearer_now(
        0.0,
        grid=Grid(fuse_a=40, import_limit_kw=4.0),
        chargers=tuple(Charger(id=x, step_a=0) for x in names),
        vehicles=tuple(car(x) for x in names),
        previous=tuple(now(16 if x == runs else 0, 60, x) for x in names),
    )

    answer = plan(problem)

    steps = answer.schedule.chargers[runs]
    assert all(s.energy_kwh > 0 for s in steps[:8]), "not only in the present slot"
    check(problem, answer)
