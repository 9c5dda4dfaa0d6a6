"""A battery stays with the mode that the last plan has for now, where that costs next to nothing."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.core.planner import (
    Battery,
    BatteryCommand,
    Plan,
    Problem,
    plan,
)
from custom_components.smart_charging.core.reading import BatteryMode
from tests.core.planner.sites import site
from tests.core.planner.test_invariants import check

SELF, HOLD = BatteryMode.SELF_CONSUMPTION, BatteryMode.HOLD
CHARGE, DISCHARGE = BatteryMode.CHARGE, BatteryMode.DISCHARGE


def evening(first: float, later: float = 0.3, **battery: float) -> Problem:
    """Return a house whose half full battery serves it in the first hour or after it."""
    given = {"soc": 0.4, "max_charge_kw": 2.5, "max_discharge_kw": 2.5} | battery
    return site(
        hours=12,
        price=lambda h: first if h < 1 else later if h < 6 else 0.2,
        load=1.0,
        batteries=(Battery(id="store", capacity_kwh=5, **given),),
    )


def told(problem: Problem, mode: BatteryMode) -> Problem:
    return replace(problem, previous_batteries=(BatteryCommand(battery="store", mode=mode),))


def mode(answer: Plan) -> BatteryMode:
    return answer.schedule.batteries["store"][0].mode


@pytest.mark.parametrize(
    ("first", "best", "other"),
    [(0.3004, SELF, HOLD), (0.2996, HOLD, SELF)],
    ids=["a little dearer now", "a little dearer later"],
)
def test_it_stays_with_what_is_next_to_nothing_worse(
    first: float, best: BatteryMode, other: BatteryMode
) -> None:
    problem = evening(first)
    cheapest = plan(problem)
    assert mode(cheapest) == best

    answer = plan(told(problem, other))

    assert mode(answer) == other
    assert 0 < answer.given_away <= 1e-4 * 3 * abs(answer.cost)
    assert answer.cost == pytest.approx(cheapest.cost + answer.given_away, abs=1e-6)
    check(told(problem, other), answer)


@pytest.mark.parametrize("first", [0.33, 0.27])
def test_it_changes_where_that_pays(first: float) -> None:
    problem = evening(first)
    best = mode(plan(problem))

    for other in (SELF, HOLD):
        answer = plan(told(problem, other))
        assert mode(answer) == best
        assert answer.given_away == pytest.approx(0, abs=1e-6)


def test_it_goes_on_charging_where_later_is_as_cheap() -> None:
    # The cheap hours are four, the battery needs one of them.
    problem = site(
        hours=12,
        price=lambda h: 0.1001 if h < 1 else 0.1 if h < 4 else 0.4,
        load=0.4,
        batteries=(
            Battery(id="store", capacity_kwh=5, soc=0.5, max_charge_kw=2.5, max_discharge_kw=2.5),
        ),
    )
    assert mode(plan(problem)) is not CHARGE

    answer = plan(told(problem, CHARGE))

    assert mode(answer) is CHARGE
    assert answer.schedule.batteries["store"][0].power_kw >= 0.1


def test_what_a_full_battery_was_told_gives_way_to_what_it_can() -> None:
    problem = evening(0.2, soc=1.0)

    answer = plan(told(problem, CHARGE))

    assert mode(answer) is not CHARGE
    assert answer.given_away == pytest.approx(0, abs=1e-6)


def test_a_battery_that_is_gone_is_forgotten() -> None:
    problem = evening(0.31)
    gone = (BatteryCommand(battery="sold", mode=HOLD),)

    assert mode(plan(replace(problem, previous_batteries=gone))) == mode(plan(problem))


def test_a_tenth_of_a_percent_below_the_window_is_not_bought() -> None:
    dear = evening(0.5, 0.2, soc=0.099, min_soc=0.1)

    first = plan(dear).schedule.batteries["store"][0]

    assert first.mode is SELF
    assert first.power_kw == 0


def test_an_empty_battery_that_gives_its_last_does_so_by_itself() -> None:
    problem = evening(0.5, 0.2, soc=0.13, min_soc=0.1)

    first = plan(problem).schedule.batteries["store"][0]

    assert first.power_kw < 0
    assert first.mode is SELF
