"""What the planner decides in a home, one question a test."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Cause,
    Charger,
    Command,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Rung,
    Stay,
    Trip,
    Vehicle,
    baseline,
    plan,
    slot_bounds,
)
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.core.schedule import Reason
from tests.core.planner.sites import NOW, at, charged_kwh, charging, site


def car(
    *,
    id: str = "car",
    charger: str = "garage",
    soc: float | None = 0.5,
    hours: float = 12,
    goal: float | None = 0.7,
    kind: GoalKind = GoalKind.READY_BY,
    **more: object,
) -> Vehicle:
    """Return a 50 kWh car without losses that stays from now on."""
    goals = () if goal is None else (Goal(by=at(hours), kind=kind, soc=goal),)
    defaults: dict[str, object] = {
        "capacity_kwh": 50,
        "efficiency": 1.0,
        "stays": (Stay(charger=charger, start=at(0), end=at(hours)),),
        "goals": goals,
    }
    return Vehicle(id=id, soc=soc, **(defaults | more))


def store(**more: object) -> Battery:
    """Return a half full battery of 10 kWh without losses."""
    defaults: dict[str, object] = {
        "capacity_kwh": 10,
        "soc": 0.5,
        "min_soc": 0.0,
        "charge_efficiency": 1.0,
        "discharge_efficiency": 1.0,
        "max_charge_kw": 4,
        "max_discharge_kw": 4,
    }
    return Battery(id="store", **(defaults | more))


def peak(answer: object) -> float:
    return max(f.import_kw for f in answer.flows)


GARAGE = Charger(id="garage")


def test_a_car_charges_in_the_cheapest_hours_before_its_goal() -> None:
    answer = plan(
        site(price=lambda h: 0.1 if 6 <= h < 10 else 0.3, chargers=(GARAGE,), vehicles=(car(),))
    )

    assert charged_kwh(answer) == pytest.approx(10)
    assert answer.cost == pytest.approx(1.0)
    assert {s.reason for s in charging(answer)} == {Reason.CHEAP}
    waiting = answer.schedule.charger_step("garage", at(1))
    assert waiting is not None and waiting.reason is Reason.WAITING
    assert waiting.marginal_price == pytest.approx(0.3)
    after = answer.schedule.charger_step("garage", at(11.5))
    assert after is not None and after.reason is Reason.REACHED
    assert after.soc_after == pytest.approx(0.7)
    away = answer.schedule.charger_step("garage", at(13))
    assert away is not None and away.reason is Reason.UNPLUGGED


def test_among_equal_prices_the_charge_is_early_and_in_one_piece() -> None:
    answer = plan(site(price=0.2, chargers=(GARAGE,), vehicles=(car(),)))

    steps = charging(answer)
    assert steps[0].start == at(0)
    assert all(a.end == b.start for a, b in pairwise(steps))


def test_two_cars_share_a_circuit_and_both_meet_their_goals() -> None:
    problem = site(
        price=lambda h: 0.1 if h < 6 else 0.4,
        chargers=(Charger(id="garage", max_a=32), Charger(id="drive", max_a=32)),
        circuits=(Circuit(id="c", name="Cars", fuse_a=32, chargers=("garage", "drive")),),
        grid=Grid(fuse_a=63),
        vehicles=(
            car(soc=0.2, goal=0.6, hours=6),
            car(id="other", charger="drive", soc=0.3, goal=0.7, hours=6),
        ),
    )

    answer = plan(problem)

    assert not answer.shortfalls
    assert charged_kwh(answer) == pytest.approx(20)
    assert charged_kwh(answer, "drive") == pytest.approx(20)
    chargers = answer.schedule.chargers
    for one, other in zip(chargers["garage"], chargers["drive"], strict=True):
        assert one.current_a + other.current_a <= 32


def test_what_a_circuit_keeps_from_a_car_is_blamed_on_the_circuit() -> None:
    answer = plan(
        site(
            chargers=(Charger(id="garage", max_a=32),),
            circuits=(Circuit(id="c", name="Cars", fuse_a=16, chargers=("garage",)),),
            vehicles=(car(soc=0.2, goal=0.8, hours=6),),
        )
    )

    assert charged_kwh(answer) == pytest.approx(6 * 16 * 0.23)
    assert [s.cause for s in answer.shortfalls] == [Cause.CIRCUIT]


def test_what_the_contract_keeps_from_a_car_is_blamed_on_the_site() -> None:
    answer = plan(
        site(
            load=1.0,
            grid=Grid(fuse_a=63, import_limit_kw=3.0),
            chargers=(Charger(id="garage", max_a=32),),
            vehicles=(car(soc=0.2, goal=0.8, hours=6),),
        )
    )

    assert peak(answer) <= 3.0 + 1e-6
    assert [s.cause for s in answer.shortfalls] == [Cause.SITE_LIMIT]


def test_a_priced_breach_of_the_contract_is_bought_for_a_goal_only() -> None:
    problem = site(
        load=1.0,
        grid=Grid(fuse_a=63, import_limit_kw=3.0, breach_kw=2.0, breach_price=0.5),
        chargers=(Charger(id="garage", max_a=32),),
        vehicles=(car(soc=0.2, goal=0.62, hours=6),),
    )

    answer = plan(problem)
    easy = plan(replace(problem, vehicles=(car(soc=0.2, goal=0.3, hours=6),)))

    assert not answer.shortfalls
    assert 3.5 < peak(answer) <= 5.0 + 1e-6
    assert peak(easy) <= 3.0 + 1e-6


def test_the_capacity_tariff_spreads_a_charge_below_the_months_peak() -> None:
    def tariff(price_per_kw: float) -> Problem:
        return site(
            price=lambda h: 0.1 if h < 2 else 0.2,
            load=0.5,
            chargers=(Charger(id="garage", max_a=32),),
            grid=Grid(fuse_a=63),
            peak=PeakTariff(price_per_kw=price_per_kw, month_peak_kw=3.0),
            vehicles=(car(goal=0.8),),
        )

    free, priced = plan(tariff(0)), plan(tariff(4.0))

    assert peak(free) > 7
    assert peak(priced) == pytest.approx(3.0)
    assert priced.schedule.peak_target_kw == pytest.approx(3.0)
    assert priced.peak_kw == {"2026-03": pytest.approx(3.0)}
    assert charged_kwh(priced) == pytest.approx(15)
    assert Reason.PEAK in {s.reason for s in charging(priced)}


def test_cars_that_share_a_peak_charge_one_after_the_other() -> None:
    problem = site(
        price=0.2,
        load=lambda h: 0.4 + 0.1 * (h % 2),
        chargers=(Charger(id="garage"), Charger(id="drive")),
        peak=PeakTariff(price_per_kw=4.0, month_peak_kw=3.0),
        vehicles=(car(goal=0.7), car(id="other", charger="drive", goal=0.7)),
    )

    answer = plan(problem)

    assert peak(answer) == pytest.approx(3.0)
    assert not answer.shortfalls
    for charger in ("garage", "drive"):
        steps = charging(answer, charger)
        assert sum(a.end != b.start for a, b in pairwise(steps)) == 0


def test_a_goal_that_needs_it_buys_no_more_peak_than_needed() -> None:
    answer = plan(
        site(
            price=0.1,
            chargers=(Charger(id="garage", max_a=32, step_a=0),),
            grid=Grid(fuse_a=63),
            peak=PeakTariff(price_per_kw=4.0, month_peak_kw=2.5),
            vehicles=(car(goal=0.9, hours=5),),
        )
    )

    assert not answer.shortfalls
    assert peak(answer) == pytest.approx(4.0)
    assert answer.cost == pytest.approx(20 * 0.1 + 1.5 * 4.0)


def test_a_month_that_ends_in_the_plan_has_a_peak_of_its_own() -> None:
    now = datetime(2026, 3, 31, 18, 0, tzinfo=UTC)
    slots = slot_bounds(now, 12)
    problem = site(
        hours=12,
        now=now,
        slots=slots,
        price=0.2,
        chargers=(Charger(id="garage", max_a=32),),
        grid=Grid(fuse_a=63),
        peak=PeakTariff(price_per_kw=4.0, month_peak_kw=7.0),
        vehicles=(
            Vehicle(
                id="car",
                capacity_kwh=60,
                soc=0.2,
                stays=(Stay(charger="garage", start=now, end=slots[-1]),),
                goals=(Goal(by=slots[-1], kind=GoalKind.READY_BY, soc=0.6),),
            ),
        ),
    )

    answer = plan(problem)

    # In Brussels April begins at 22:00 UTC; until then 7 kW are paid for anyway.
    april = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    assert set(answer.peak_kw) == {"2026-03", "2026-04"}
    assert max(f.import_kw for f in answer.flows if f.start < april) > 6.5
    assert answer.peak_kw["2026-04"] == pytest.approx(2.5)
    assert not answer.shortfalls


def test_the_running_quarter_counts_what_it_has_already_taken() -> None:
    now = at(0) + timedelta(minutes=10)
    problem = site(
        now=now,
        hours=4,
        price=lambda h: 0.01 if h < 0.25 else 0.3,
        chargers=(Charger(id="garage", max_a=32),),
        grid=Grid(fuse_a=63),
        peak=PeakTariff(price_per_kw=4.0, month_peak_kw=2.5),
        quarter_energy_kwh=0.5,
        vehicles=(car(goal=0.55, hours=3.5),),
    )

    answer = plan(problem)

    # 2.5 kW for a quarter are 0.625 kWh, of which 0.5 are gone.
    assert answer.flows[0].import_kw * 5 / 60 == pytest.approx(0.125, abs=1e-6)


def test_the_battery_trades_only_when_the_spread_pays_for_wear_and_losses() -> None:
    def evening(spread: float) -> Problem:
        return site(
            price=lambda h: 0.20 if h < 6 else 0.20 + spread,
            load=1.0,
            hours=12,
            batteries=(
                store(soc=0.0, charge_efficiency=0.95, discharge_efficiency=0.95, wear_price=0.03),
            ),
        )

    narrow, wide = plan(evening(0.04)), plan(evening(0.15))

    assert all(abs(s.power_kw) < 1e-6 for s in narrow.schedule.batteries["store"])
    stored = [s for s in wide.schedule.batteries["store"] if s.power_kw > 0]
    assert {s.reason for s in stored} == {Reason.STORE}
    assert all(s.mode is BatteryMode.CHARGE for s in stored)
    assert wide.cost < 12 * 0.35


def test_a_battery_that_may_not_feed_cars_only_carries_the_house() -> None:
    problem = site(
        price=lambda h: 0.5 if h < 2 else 0.1,
        load=0.6,
        hours=4,
        chargers=(GARAGE,),
        vehicles=(car(goal=0.59, hours=2),),
        batteries=(store(soc=1.0),),
    )

    kept = plan(problem)
    shared = plan(replace(problem, batteries=(store(soc=1.0, may_feed_cars=True),)))

    assert min(s.power_kw for s in kept.schedule.batteries["store"]) >= -0.6 - 1e-6
    assert min(s.power_kw for s in shared.schedule.batteries["store"]) < -2
    assert shared.cost < kept.cost


def test_with_negative_prices_sun_is_thrown_away_and_the_car_filled() -> None:
    problem = site(
        hours=8,
        price=lambda h: -0.20 if 2 <= h < 4 else 0.20,
        export=lambda h: -0.25 if 2 <= h < 4 else 0.05,
        pv=3.0,
        load=0.3,
        chargers=(GARAGE,),
        vehicles=(car(goal=0.55, hours=8, target_soc=0.9),),
    )

    answer = plan(problem)

    assert charged_kwh(answer) > 2.5 + 1
    for flow in answer.flows:
        if 2 <= (flow.start - NOW).total_seconds() / 3600 < 4:
            assert flow.export_kw == pytest.approx(0, abs=1e-6)
            assert flow.curtailed_kw == pytest.approx(3.0)
    assert Reason.NEGATIVE_PRICE in {s.reason for s in charging(answer)}
    last = answer.schedule.chargers["garage"][-1]
    assert last.soc_after is not None and last.soc_after <= 0.9 + 1e-9


def test_energy_is_never_burnt_where_export_pays_more_than_import_costs() -> None:
    answer = plan(
        site(
            hours=4, price=0.05, export=0.30, load=0.5, pv=2.0, batteries=(store(may_export=True),)
        )
    )

    for flow in answer.flows:
        assert min(flow.import_kw, flow.export_kw) < 1e-6
    for step in answer.schedule.batteries["store"]:
        assert abs(step.power_kw) <= 4 + 1e-6


def test_an_export_limit_is_kept_by_throwing_sun_away() -> None:
    answer = plan(site(hours=2, export=0.1, pv=5.0, grid=Grid(export_limit_kw=2.0)))

    assert max(f.export_kw for f in answer.flows) == pytest.approx(2.0)
    assert answer.flows[0].curtailed_kw == pytest.approx(3.0)


def test_a_charger_never_runs_below_its_minimum() -> None:
    answer = plan(
        site(
            hours=8,
            price=0.30,
            export=0.05,
            pv=lambda h: 1.0 if h < 4 else 2.2,
            chargers=(Charger(id="garage", min_a=6, max_a=16, step_a=1),),
            vehicles=(car(goal=0.62, hours=8),),
        )
    )

    steps = charging(answer)
    assert all(6 <= s.current_a <= 16 and s.current_a == round(s.current_a) for s in steps)
    below = [s for s in steps if s.energy_kwh < 6 * 0.23 / 4 - 1e-6]
    assert len(below) <= 1
    assert charged_kwh(answer) == pytest.approx(6)


def test_a_surplus_only_car_takes_spare_sun_and_nothing_else() -> None:
    answer = plan(
        site(
            hours=8,
            price=0.05,
            export=0.04,
            load=0.5,
            pv=lambda h: 3.0 if 3 <= h < 6 else 0.8,
            chargers=(GARAGE,),
            vehicles=(car(goal=0.9, hours=8, surplus_only=True),),
        )
    )

    assert charged_kwh(answer) == pytest.approx(3 * 2.5)
    assert max(f.import_kw for f in answer.flows) < 1e-6
    assert {s.reason for s in charging(answer)} == {Reason.SUN}
    assert not answer.shortfalls


def test_an_opportunistic_car_takes_sun_beyond_its_goal_but_no_grid() -> None:
    problem = site(
        hours=8,
        price=0.25,
        export=0.05,
        pv=lambda h: 4.0 if 3 <= h < 5 else 0.0,
        chargers=(GARAGE,),
        vehicles=(car(goal=0.5, hours=8, opportunistic=True),),
    )

    answer = plan(problem)

    assert charged_kwh(answer) == pytest.approx(2 * 16 * 0.23)
    assert charged_kwh(plan(replace(problem, vehicles=(car(goal=0.5, hours=8),)))) == 0


def test_below_its_minimum_a_car_charges_at_once_whatever_it_costs() -> None:
    answer = plan(
        site(
            price=lambda h: 0.9 if h < 3 else 0.1,
            chargers=(GARAGE,),
            vehicles=(car(soc=0.1, goal=0.5, minimum_soc=0.2),),
        )
    )

    first = [s for s in charging(answer) if s.start < at(3)]
    assert sum(s.energy_kwh for s in first) == pytest.approx(5)
    assert first[0].start == at(0)
    assert {s.reason for s in first} == {Reason.MINIMUM_SOC}
    assert charged_kwh(answer) == pytest.approx(20)


def test_between_goals_a_trip_takes_its_energy() -> None:
    answer = plan(
        site(
            hours=24,
            price=lambda h: 0.1 if h < 4 else 0.08 if 18 <= h < 22 else 0.3,
            chargers=(GARAGE,),
            vehicles=(
                car(
                    goal=None,
                    stays=(
                        Stay(charger="garage", start=at(0), end=at(8)),
                        Stay(charger="garage", start=at(14), end=at(24)),
                    ),
                    trips=(Trip(start=at(8), end=at(14), energy_kwh=15),),
                    goals=(
                        Goal(by=at(8), kind=GoalKind.TRIP, soc=0.6),
                        Goal(by=at(24), kind=GoalKind.READY_BY, soc=0.5),
                    ),
                ),
            ),
        )
    )

    assert not answer.shortfalls
    first = sum(s.energy_kwh for s in charging(answer) if s.start < at(8))
    assert first == pytest.approx(5)
    assert charged_kwh(answer) == pytest.approx(5 + 10)
    before, after = (answer.schedule.charger_step("garage", at(h)) for h in (7.9, 14.1))
    assert before is not None and before.soc_after == pytest.approx(0.6)
    assert after is not None and after.soc_after == pytest.approx(0.3)


def test_above_the_taper_a_car_takes_less_and_starts_in_time() -> None:
    def full(taper: float | None) -> Problem:
        return site(
            price=lambda h: 0.5 - 0.02 * h,
            chargers=(Charger(id="garage", max_a=32, step_a=0),),
            grid=Grid(fuse_a=63),
            vehicles=(car(soc=0.7, goal=1.0, taper_soc=taper, hours=8),),
        )

    flat, tapered = plan(full(None)), plan(full(0.8))

    assert charged_kwh(tapered) == pytest.approx(15, abs=1e-3)
    assert charging(tapered)[0].start < charging(flat)[0].start
    for step in charging(tapered):
        assert step.soc_after is not None
        middle = step.soc_after - step.energy_kwh / 50 / 2
        assert step.energy_kwh * 4 <= 7.36 * min(1.0, 1 - 0.9 * (middle - 0.8) / 0.2) + 1e-3


@pytest.mark.parametrize(("surplus", "phases"), [(2.0, 1), (9.0, 3)])
def test_a_charger_takes_the_phases_that_fit_the_sun(surplus: float, phases: int) -> None:
    answer = plan(
        site(
            hours=4,
            price=0.4,
            export=0.02,
            pv=surplus,
            grid=Grid(topology=Topology.THREE_400, fuse_a=25),
            chargers=(Charger(id="garage", phases=(1, 3), switching=True),),
            vehicles=(car(soc=0.2, goal=None, hours=4, opportunistic=True, energy_value=0.1),),
        )
    )

    steps = charging(answer)
    assert {s.phases for s in steps} == {phases}
    assert charged_kwh(answer) == pytest.approx(4 * surplus, rel=0.01)


def test_a_loaded_phase_holds_a_charger_down() -> None:
    answer = plan(
        site(
            hours=4,
            load=6.9,
            load_share_per_phase=(0.2, 0.6, 0.2),
            grid=Grid(topology=Topology.THREE_400, fuse_a=25),
            chargers=(Charger(id="garage", phases=(1,), phase_map=(2, 3, 1)),),
            vehicles=(car(soc=0.2, goal=0.9, hours=4),),
        )
    )

    # 6.9 kW x 0.6 are 18 A on the second phase: 7 A are left for the charger there.
    assert {s.current_a for s in charging(answer)} == {7}
    assert answer.shortfalls[0].cause is Cause.SITE_LIMIT
    assert answer.shortfalls[0].missing_kwh == pytest.approx(4 * 9 * 0.23)


def test_load_that_is_not_ours_may_exceed_the_limit_but_no_car_adds_to_it() -> None:
    answer = plan(
        site(
            hours=4,
            load=12.0,
            grid=Grid(fuse_a=40),
            chargers=(GARAGE,),
            vehicles=(car(soc=0.2, goal=0.9, hours=4),),
        )
    )

    assert peak(answer) == pytest.approx(12.0)
    assert charged_kwh(answer) == 0
    assert {s.reason for s in answer.schedule.chargers["garage"]} <= {Reason.LIMIT, Reason.NO_GOAL}
    assert answer.shortfalls[0].cause is Cause.SITE_LIMIT
    assert answer.shortfalls[0].missing_kwh == pytest.approx(4 * 16 * 0.23)


def test_a_goal_above_what_the_battery_may_hold_says_so() -> None:
    answer = plan(site(chargers=(GARAGE,), vehicles=(car(soc=0.7, goal=0.95, target_soc=0.8),)))

    assert charged_kwh(answer) == pytest.approx(5)
    assert [s.cause for s in answer.shortfalls] == [Cause.BATTERY_WINDOW]
    assert answer.shortfalls[0].missing_kwh == pytest.approx(7.5)


def test_trips_come_before_requests_when_not_all_can_be_met() -> None:
    answer = plan(
        site(
            hours=4,
            chargers=(Charger(id="garage"), Charger(id="drive")),
            grid=Grid(fuse_a=16),
            vehicles=(
                car(id="asks", charger="garage", goal=0.7, hours=4, kind=GoalKind.REQUEST),
                car(id="drives", charger="drive", goal=0.7, hours=4, kind=GoalKind.TRIP),
            ),
        )
    )

    assert charged_kwh(answer, "drive") == pytest.approx(10)
    assert [s.vehicle for s in answer.shortfalls] == ["asks"]
    assert answer.shortfalls[0].cause is Cause.SITE_LIMIT


def test_negative_prices_do_not_turn_goals_around() -> None:
    answer = plan(
        site(price=-0.3, export=-0.4, chargers=(GARAGE,), vehicles=(car(goal=0.9, hours=8),))
    )

    assert charged_kwh(answer) >= 20 - 1e-6
    assert not answer.shortfalls


def test_a_running_charge_goes_on_among_equal_slots() -> None:
    problem = site(
        hours=8,
        price=lambda h: 0.2 if h < 0.25 or 4 <= h < 6 else 0.4,
        chargers=(GARAGE,),
        vehicles=(car(goal=0.52, hours=8),),
    )
    running = Command(charger="garage", current_a=16, phases=1, since=at(-1))

    answer = plan(replace(problem, previous=(running,)))

    assert charging(answer)[0].start == at(0)


def test_a_plan_beats_business_as_usual_and_says_by_how_much() -> None:
    problem = site(price=lambda h: 0.4 if h < 5 else 0.1, chargers=(GARAGE,), vehicles=(car(),))

    answer = plan(problem)

    assert baseline(problem) == pytest.approx(10 * 0.4, rel=0.01)
    assert answer.baseline_cost == pytest.approx(baseline(problem))
    assert answer.savings == pytest.approx(answer.baseline_cost - answer.cost)
    assert answer.savings > 2.5


def test_the_last_plan_carries_on_when_the_solver_may_not_run() -> None:
    problem = site(
        price=lambda h: 0.1 if 6 <= h < 10 else 0.3, chargers=(GARAGE,), vehicles=(car(),)
    )
    first = plan(problem)
    later = site(
        now=at(1) + timedelta(minutes=7),
        price=lambda h: 0.1 if 6 <= h < 10 else 0.3,
        chargers=(GARAGE,),
        vehicles=(car(),),
    )

    answer = plan(later, last=first, cancelled=lambda: True)
    without = plan(later, cancelled=lambda: True)

    assert answer.rung is Rung.SHIFTED
    assert [(s.start, s.energy_kwh) for s in charging(answer)] == [
        (s.start, pytest.approx(s.energy_kwh)) for s in charging(first)
    ]
    assert without.rung is Rung.GREEDY
    assert charged_kwh(without) == pytest.approx(10)
    assert without.cost == pytest.approx(1.0)
    assert without.bound <= without.cost


def test_a_cancelled_search_keeps_what_it_has() -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    answer = plan(
        site(
            hours=24,
            price=lambda h: 0.2 + 0.01 * (h % 5),
            pv=lambda h: 1.1,
            chargers=(GARAGE,),
            vehicles=(car(hours=24),),
        ),
        cancelled=cancelled,
    )

    assert answer.rung in (Rung.INCUMBENT, Rung.OPTIMAL)
    assert charged_kwh(answer) == pytest.approx(10)
