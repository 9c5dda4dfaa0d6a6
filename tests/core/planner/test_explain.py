"""What a device does, what it could do instead, and what one kWh more costs."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import (
    Action,
    Battery,
    Charger,
    Explanation,
    Goal,
    GoalKind,
    PeakTariff,
    Plan,
    Problem,
    Rung,
    Stay,
    Trip,
    plan,
)
from custom_components.smart_charging.core.schedule import Reason
from tests.core.planner.sites import at, site
from tests.core.planner.test_reasons import KW, car, evening, home, store, stored


def asked(answer: Plan, device: str, hours: float) -> Explanation:
    """Return the explanation of a device at a time at which there is one."""
    found = answer.explain(device, at(hours))
    assert found is not None
    return found


def two_valleys(h: float) -> float:
    return 0.25 if h < 1 else 0.1 if 2 <= h < 3.5 else 0.4


def test_a_charge_names_the_slot_that_it_would_move_to() -> None:
    answer = plan(home(car(1.5 * KW), price=two_valleys))

    found = asked(answer, "garage", 2.1)

    assert (found.action, found.reason) == (Action.CHARGE, Reason.CHEAP)
    assert found.power_kw == pytest.approx(KW)
    assert (found.price, found.awaits) == (0.1, None)
    assert found.alternative is not None
    assert found.alternative.action is Action.CHARGE
    assert found.alternative.start == at(0)
    assert found.alternative.marginal_price == pytest.approx(0.25)
    assert found.alternative.dearer_by == pytest.approx(0.15, abs=1e-3)


def test_a_wait_says_until_when_and_what_it_saves() -> None:
    answer = plan(home(car(1.5 * KW), price=two_valleys))

    found = asked(answer, "garage", 0.1)

    assert (found.action, found.reason) == (Action.WAIT, Reason.WAITING)
    assert found.awaits == at(2)
    assert found.alternative is not None
    assert (found.alternative.action, found.alternative.start) == (Action.CHARGE, at(0))
    assert found.alternative.dearer_by == pytest.approx(0.15, abs=1e-3)


def test_a_goal_that_fills_all_its_time_has_no_alternative() -> None:
    found = asked(plan(home(car(6 * KW - 0.05, hours=6))), "garage", 1.0)

    assert found.reason is Reason.GOAL
    assert found.alternative is None


def test_nothing_is_waited_for_without_a_goal_or_without_a_car() -> None:
    idle = asked(plan(home(car(0))), "garage", 1.0)
    away = asked(plan(home(car(3, hours=4))), "garage", 6.0)

    assert (idle.action, idle.awaits, idle.alternative) == (Action.WAIT, None, None)
    assert (away.reason, away.awaits, away.alternative) == (Reason.UNPLUGGED, None, None)


def test_what_a_limit_forbids_is_no_alternative() -> None:
    problem = home(
        car(4 * KW),
        price=lambda h: 0.1 if h < 2 else 0.3,
        load=lambda h: 3.0 if h < 2 else 0.0,
        grid=Grid(fuse_a=16),
    )
    answer = plan(problem)

    paused, runs = asked(answer, "garage", 1.0), asked(answer, "garage", 2.1)

    assert (paused.reason, paused.awaits, paused.alternative) == (Reason.LIMIT, at(2), None)
    assert runs.alternative is not None
    assert runs.alternative.start >= at(2)


def test_a_later_slot_that_is_cheaper_but_too_late_is_no_alternative() -> None:
    early = (Goal(by=at(2), kind=GoalKind.TRIP, soc=0.5 + KW / 50),)
    problem = home(car(0, goals=early), price=lambda h: 0.3 if h < 1 else 0.4 if h < 2 else 0.1)

    found = asked(plan(problem), "garage", 0.5)

    assert found.alternative is not None
    assert at(1) <= found.alternative.start < at(2)
    assert found.alternative.dearer_by == pytest.approx(0.1, abs=1e-3)


def test_a_wait_that_has_no_choice_is_not_told_as_a_saving() -> None:
    # Full until the trip; what that takes is charged after it, when it is dear.
    problem = home(
        car(
            0,
            soc=1.0,
            stays=(
                Stay(charger="garage", start=at(0), end=at(3)),
                Stay(charger="garage", start=at(5), end=at(8)),
            ),
            trips=(Trip(start=at(3), end=at(5), energy_kwh=10),),
            goals=(Goal(by=at(8), kind=GoalKind.READY_BY, soc=1.0),),
        ),
        price=evening,
    )

    full = asked(plan(problem), "garage", 1.0)

    assert full.awaits == at(5)
    assert full.alternative is None


def test_what_a_battery_would_rather_do_but_may_not_is_no_alternative() -> None:
    answer = plan(stored(load=1.0, price=evening))
    steps = answer.schedule.batteries["store"]
    forced = replace(
        steps[0], power_kw=1.0, stored_value=0.1, charge_cost=0.4, discharge_value=0.35
    )
    schedule = replace(answer.schedule, batteries={"store": (forced, *steps[1:])})

    found = asked(replace(answer, schedule=schedule), "store", 0.1)

    assert found.action is Action.CHARGE
    assert found.alternative is None


def test_a_battery_that_keeps_its_energy_says_for_when_and_what_that_gains() -> None:
    problem = stored(
        load=1.2, price=evening, batteries=(store(soc=0.4, max_charge_kw=0.0, min_soc=0.0),)
    )
    answer = plan(problem)

    found = asked(answer, "store", 1.0)

    assert (found.action, found.reason, found.power_kw) == (Action.HOLD, Reason.HOLD, 0)
    assert found.awaits == at(4)
    assert found.stored_value == pytest.approx(0.5, abs=1e-3)
    assert found.price == pytest.approx(0.1)
    assert found.alternative is not None
    assert found.alternative.action is Action.DISCHARGE
    assert found.alternative.marginal_price == pytest.approx(0.1, abs=1e-3)
    assert found.alternative.dearer_by == pytest.approx(0.4, abs=2e-3)


def test_a_battery_that_stores_says_what_it_is_worth_and_what_holding_would_lose() -> None:
    losses = store(soc=0.0, charge_efficiency=0.8, discharge_efficiency=0.9, max_charge_kw=1.0)
    answer = plan(stored(load=1.5, price=evening, batteries=(losses,)))

    found = asked(answer, "store", 1.0)

    assert (found.action, found.reason, found.awaits) == (Action.CHARGE, Reason.STORE, at(4))
    # A kWh held replaces 0.9 kWh of 0.5, and took 1.25 kWh of 0.1.
    assert found.stored_value == pytest.approx(0.45, abs=2e-3)
    assert found.alternative is not None
    assert found.alternative.action is Action.HOLD
    assert found.alternative.dearer_by == pytest.approx(0.45 - 0.125, abs=2e-3)


def test_a_battery_that_sells_says_what_holding_is_worth() -> None:
    problem = stored(
        load=1.0,
        price=0.25,
        export=lambda h: 0.6 if 4 <= h < 4.5 else 0.05,
        batteries=(store(soc=0.8, may_export=True, wear_price=0.05),),
    )
    answer = plan(problem)

    found = asked(answer, "store", 4.1)

    assert (found.action, found.reason, found.awaits) == (Action.DISCHARGE, Reason.SELL, None)
    assert found.alternative is not None
    assert found.alternative.action is Action.HOLD
    # Held it would be used at 0.25 or kept at 0.95 x 0.25, sold it brings 0.6; less wear of 0.05.
    assert found.alternative.marginal_price == pytest.approx(0.95 * 0.25, abs=0.05)
    assert found.alternative.dearer_by == pytest.approx(0.55 - 0.95 * 0.25, abs=0.05)


def test_without_the_solver_there_are_reasons_but_no_alternatives() -> None:
    problem = replace(home(car(5), price=two_valleys), batteries=(store(),))
    answer = plan(problem, cancelled=lambda: True)

    assert answer.rung is Rung.GREEDY
    assert asked(answer, "garage", 2.1).alternative is None
    assert asked(answer, "garage", 0.1).alternative is None
    assert asked(answer, "store", 1.0).alternative is None


def test_outside_the_plan_and_of_an_unknown_device_nothing_is_told() -> None:
    answer = plan(home(car(5)))

    assert answer.explain("garage", at(20)) is None
    assert answer.explain("nothing", at(1)) is None


MORE_KWH = 0.1


def cost_of_more_load(problem: Problem, hours: float) -> float:
    """Return what a kWh costs by which the house takes more in the slot at `hours`."""
    slot = next(i for i, end in enumerate(problem.slots[1:]) if end > at(hours))
    load = list(problem.load_kw)
    load[slot] += MORE_KWH * 4
    return (plan(replace(problem, load_kw=tuple(load))).cost - plan(problem).cost) / MORE_KWH


def cost_of_more_need(problem: Problem) -> float:
    """Return what a kWh costs by which the car needs more."""
    vehicle = problem.vehicles[0]
    goal = replace(vehicle.goals[0], soc=(vehicle.goals[0].soc or 0) + MORE_KWH / 50)
    more = replace(problem, vehicles=(replace(vehicle, goals=(goal,)), *problem.vehicles[1:]))
    return (plan(more).cost - plan(problem).cost) / MORE_KWH


def at_charger(answer: Plan, hours: float) -> float:
    found = asked(answer, "garage", hours).marginal_price
    assert found is not None
    return found


HOUSES: dict[str, tuple[Problem, float, float]] = {
    "import": (site(hours=4, load=1.0, price=0.3, batteries=(store(max_discharge_kw=0.0),)), 1.1,
               0.3),
    "export": (site(hours=4, pv=3.0, price=0.3, export=0.07,
                    batteries=(store(soc=1.0, max_discharge_kw=0.0),)), 1.1, 0.07),
    "battery at the margin": (stored(load=1.0, price=evening, batteries=(store(soc=0.3,
                              max_charge_kw=0.0),)), 6.1, 0.5),
    # What a battery stores for later it must buy now, at a loss.
    "battery that is filled": (
        stored(load=lambda h: 3.0 if h >= 4 else 1.0, price=evening,
               batteries=(store(soc=0.0, max_charge_kw=4.0),)), 3.1, 0.1),
    "the peak": (
        site(hours=4, load=lambda h: 4.0 if 1 <= h < 1.25 else 1.0, price=0.3,
             peak=PeakTariff(price_per_kw=5.0), batteries=(store(max_discharge_kw=0.0),)),
        1.1, 0.3 + 4 * 5.0),
    "below the peak": (
        site(hours=4, load=1.0, price=0.3, peak=PeakTariff(price_per_kw=5.0),
             batteries=(store(max_discharge_kw=0.0),)), 1.1, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOUSES))
def test_one_more_kwh_of_the_house_costs_its_marginal_price(name: str) -> None:
    problem, hours, expected = HOUSES[name]

    told = asked(plan(problem), "store", hours).marginal_price

    assert told == pytest.approx(expected, abs=0.01)
    assert cost_of_more_load(problem, hours) == pytest.approx(expected, abs=0.02)


def crowded(topology: Topology, **more: Any) -> Problem:
    """Return two cars that share a fuse, with more to charge than the cheap hours carry."""
    other = replace(
        car(5.75),
        id="other",
        stays=(replace(car(1).stays[0], charger="drive"),),
    )
    return home(
        car(5.75 + 1.0),
        other,
        price=lambda h: 0.1 if h < 5 else 0.4,
        load=1.38,
        grid=Grid(topology=topology, fuse_a=16),
        chargers=tuple(Charger(id=id_, min_a=0, max_a=8, step_a=0) for id_ in ("garage", "drive")),
        batteries=(store(max_discharge_kw=0.0, max_charge_kw=0.0),),
        **more,
    )


def test_where_a_fuse_binds_all_pay_the_hour_that_a_car_is_sent_to() -> None:
    problem = crowded(Topology.SINGLE_230)
    answer = plan(problem)

    assert at_charger(answer, 1.0) == pytest.approx(0.4, abs=0.01)
    assert asked(answer, "store", 1.0).marginal_price == pytest.approx(0.4, abs=0.01)
    assert cost_of_more_load(problem, 1.0) == pytest.approx(0.4, abs=0.02)
    assert cost_of_more_need(problem) == pytest.approx(0.4, abs=0.02)


def test_on_a_loaded_phase_a_kwh_is_dearer_at_the_charger_than_at_the_house() -> None:
    problem = crowded(Topology.THREE_400, load_share_per_phase=(1.0, 0.0, 0.0))
    answer = plan(problem)

    assert at_charger(answer, 1.0) == pytest.approx(0.4, abs=0.01)
    assert cost_of_more_need(problem) == pytest.approx(0.4, abs=0.02)
    # Both cars are on the first phase; the site as a whole has power left.
    assert asked(answer, "store", 1.0).marginal_price == pytest.approx(0.1, abs=0.01)


def test_a_car_that_fills_a_fuse_alone_pays_the_hour_that_it_is_in() -> None:
    problem = home(
        car(5 * 2.3 + 1.0),
        price=lambda h: 0.1 if h < 5 else 0.4,
        load=1.38,
        grid=Grid(fuse_a=16),
        chargers=(Charger(id="garage", step_a=0),),
    )
    answer = plan(problem)

    assert at_charger(answer, 1.0) == pytest.approx(0.1, abs=0.01)
    assert cost_of_more_need(problem) == pytest.approx(0.4, abs=0.02)
    found = asked(answer, "garage", 1.0).alternative
    assert found is not None and found.dearer_by == pytest.approx(0.3, abs=0.01)


def test_at_the_peak_a_kwh_of_the_car_costs_the_rise_of_all_its_hours() -> None:
    problem = home(
        car(8 * 3.0),
        price=0.1,
        chargers=(Charger(id="garage", max_a=32, step_a=0),),
        peak=PeakTariff(price_per_kw=4.0, floor_kw=2.5),
    )
    answer = plan(problem)

    # Spread over eight hours a kWh raises the peak by an eighth of a kW.
    assert cost_of_more_need(problem) == pytest.approx(0.1 + 4.0 / 8, abs=0.01)
    prices = [at_charger(answer, h + 0.1) for h in range(8)]
    assert sum(prices) / 8 == pytest.approx(0.1 + 4.0 / 8, abs=0.01)


def test_a_kwh_of_the_car_costs_what_the_battery_would_have_brought() -> None:
    problem = home(
        car(4, hours=4),
        price=lambda h: 0.5 if h < 4 else 0.3,
        load=0.2,
        chargers=(Charger(id="garage", step_a=0),),
        batteries=(store(soc=0.8, may_feed_cars=True, max_charge_kw=0.0),),
    )
    answer = plan(problem)

    # It holds more than the car asks for: a kWh is worth 0.3 to the house later, or the end.
    worth = asked(answer, "store", 1.0).stored_value
    assert worth is not None
    assert cost_of_more_need(problem) == pytest.approx(worth, abs=0.02)
    used = [s for s in answer.schedule.chargers["garage"] if s.energy_kwh > 0]
    assert used[-1].marginal_price == pytest.approx(worth, abs=0.02)


def test_batteries_of_one_site_are_told_apart() -> None:
    lossy = replace(store(soc=0.0, charge_efficiency=0.6), id="lossy")
    problem = stored(load=2.5, price=evening, batteries=(store(soc=0.0), lossy))
    answer = plan(problem)

    good, bad = asked(answer, "store", 1.0), asked(answer, "lossy", 1.0)

    assert isinstance(problem.batteries[1], Battery)
    assert good.alternative is not None and bad.alternative is not None
    assert {good.device, bad.device} == {"store", "lossy"}
    assert answer.schedule.batteries["lossy"][4].charge_cost == pytest.approx(0.1 / 0.6, abs=1e-3)
