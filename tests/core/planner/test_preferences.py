"""The second stage: fewer starts and switches for a bounded part of the bill."""

from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Command,
    Goal,
    GoalKind,
    Plan,
    Problem,
    Stay,
    Vehicle,
    plan,
    plan_from_json,
    plan_to_json,
    solve as ladder,
)
from custom_components.smart_charging.core.reading import BatteryMode
from tests.core.planner.sites import at, charged_kwh, charging, site
from tests.core.planner.test_invariants import check

CAR = Vehicle(
    id="car",
    capacity_kwh=50,
    soc=0.5,
    efficiency=1.0,
    stays=(Stay(charger="garage", start=at(0), end=at(12)),),
    goals=(Goal(by=at(12), kind=GoalKind.READY_BY, soc=0.7),),
)


def starts(answer: Plan, problem: Problem, charger: str = "garage") -> int:
    running = any(p.charger == charger and p.current_a > 0 for p in problem.previous)
    on = [running, *(s.energy_kwh > 1e-6 for s in answer.schedule.chargers[charger])]
    return sum(b and not a for a, b in pairwise(on))


def money_only(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> Plan:
    with monkeypatch.context() as patch:
        patch.setattr(ladder, "prefer", lambda _climb: 0.0)
        return plan(problem)


def sawtooth(step: float) -> Problem:
    """Return a site whose price jumps up and down by `step` from quarter to quarter."""
    return site(
        price=lambda h: 0.2 + (step if int(h * 4) % 2 else 0.0),
        chargers=(Charger(id="garage"),),
        vehicles=(CAR,),
    )


def test_breaks_are_closed_where_that_costs_next_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = sawtooth(2e-5)

    cheapest = money_only(problem, monkeypatch)
    calm = plan(problem)

    assert starts(cheapest, problem) > 3
    assert starts(calm, problem) < starts(cheapest, problem)
    assert 0 < calm.given_away <= 1e-4 * 2 * calm.cost
    assert calm.cost - cheapest.cost == pytest.approx(calm.given_away, abs=1e-6)
    assert calm.given_away <= calm.gap
    assert charged_kwh(calm) == pytest.approx(10)
    check(problem, calm)


def test_starts_stay_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = sawtooth(0.1)

    calm = plan(problem)

    assert calm.given_away == 0
    assert calm.cost == money_only(problem, monkeypatch).cost


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_a_home_starts_less_often_and_says_what_that_costs(
    season: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = home(season)

    cheapest = money_only(problem, monkeypatch)
    calm = plan(problem)

    def count(answer: Plan) -> int:
        return sum(starts(answer, problem, c.id) for c in problem.chargers)

    assert count(calm) < count(cheapest)
    assert calm.cost - cheapest.cost <= calm.given_away + 1e-9
    check(problem, calm)


def test_what_a_plan_gave_away_is_part_of_its_json() -> None:
    answer = plan(sawtooth(2e-5))

    assert plan_to_json(answer)["given_away"] == answer.given_away
    assert plan_from_json(plan_to_json(answer)) == answer


def test_a_charge_that_runs_is_no_start() -> None:
    flat = site(price=0.2, chargers=(Charger(id="garage"),), vehicles=(CAR,))
    running = Command(charger="garage", current_a=16, phases=1, since=at(-1))

    answer = plan(replace(flat, previous=(running,)))

    assert starts(answer, replace(flat, previous=(running,))) == 0
    assert charging(answer)[0].start == at(0)


def test_phases_are_not_switched_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = site(
        hours=12,
        price=lambda h: 0.2 + 1e-5 * h,
        grid=Grid(topology=Topology.THREE_400, fuse_a=25),
        load=lambda h: 9.0 if 2 <= h < 2.5 else 0.4,
        chargers=(Charger(id="garage", phases=(1, 3), switching=True, step_a=0),),
        vehicles=(replace(CAR, goals=(Goal(by=at(12), kind=GoalKind.READY_BY, soc=0.9),)),),
    )

    def switches(answer: Plan) -> int:
        return sum(a.phases != b.phases for a, b in pairwise(charging(answer)))

    assert switches(plan(problem)) <= switches(money_only(problem, monkeypatch))
    assert charged_kwh(plan(problem)) == pytest.approx(20)


def test_two_batteries_with_equal_terms_do_not_alternate() -> None:
    def battery(name: str) -> Battery:
        return Battery(id=name, capacity_kwh=7, soc=0.5, max_charge_kw=3, max_discharge_kw=3)

    problem = site(
        price=lambda h: 0.12 if h % 24 < 5 or 10 <= h % 24 < 12 else 0.35,
        load=lambda h: 0.6 + 0.5 * (int(h) % 3),
        batteries=(battery("one"), battery("other")),
    )

    steps = plan(problem).schedule.batteries

    modes = [
        [s.power_kw > 1e-3 for s in steps[b] if abs(s.power_kw) > 1e-3] for b in ("one", "other")
    ]
    # Each fills and empties once per cheap and dear stretch.
    for found in modes:
        assert sum(a != b for a, b in pairwise(found)) <= 4
    # They share no slot's work by turns: who gives in one slot gives on until empty or done.
    giving = [
        tuple(s.power_kw < -1e-3 for s in pair)
        for pair in zip(steps["one"], steps["other"], strict=True)
    ]
    hand_overs = sum(
        a != b and a in {(True, False), (False, True)} and b in {(True, False), (False, True)}
        for a, b in pairwise(giving)
    )
    assert hand_overs <= 4
    assert {s.mode for s in steps["one"]} <= set(BatteryMode)


@pytest.mark.parametrize("minutes", [30, 60])
def test_a_charge_once_started_goes_on_for_its_least_time(minutes: int) -> None:
    problem = sawtooth(0.05)
    problem = replace(problem, chargers=(Charger(id="garage", min_on_s=60 * minutes),))

    answer = plan(problem)

    on = [s.energy_kwh > 1e-6 for s in answer.schedule.chargers["garage"][:48]]
    runs: list[int] = []
    for before, now in pairwise([False, *on]):
        if now and not before:
            runs.append(0)
        if now:
            runs[-1] += 1
    # The goal's energy may end the last one.
    assert all(n * 15 >= minutes for n in runs[:-1])
    assert len(runs) < starts(plan(sawtooth(0.05)), problem)
    assert charged_kwh(answer) == pytest.approx(10)
    assert answer.bound <= answer.cost
    check(problem, answer)


def test_what_runs_now_goes_on_until_its_least_time() -> None:
    dear_now = site(
        price=lambda h: 0.5 if h < 2 else 0.1,
        chargers=(Charger(id="garage", min_on_s=3600),),
        vehicles=(CAR,),
    )

    def first_steps(minutes: float) -> list[bool]:
        command = Command(charger="garage", current_a=10, phases=1, since=at(-minutes / 60))
        answer = plan(replace(dear_now, previous=(command,)))
        assert charged_kwh(answer) == pytest.approx(10)
        return [s.energy_kwh > 1e-6 for s in answer.schedule.chargers["garage"][:5]]

    assert first_steps(30) == [True, True, False, False, False]
    assert first_steps(5) == [True, True, True, True, False]
    assert first_steps(75) == [False] * 5


def test_the_end_of_a_stay_or_the_goal_ends_a_charge_before_its_least_time() -> None:
    short = replace(
        CAR,
        stays=(Stay(charger="garage", start=at(0), end=at(0.5)),),
        goals=(Goal(by=at(0.5), kind=GoalKind.READY_BY, soc=0.53),),
    )
    little = replace(CAR, goals=(Goal(by=at(12), kind=GoalKind.READY_BY, soc=0.51),))
    charger = Charger(id="garage", min_on_s=3600)

    brief = plan(site(chargers=(charger,), vehicles=(short,)))
    small = plan(site(chargers=(charger,), vehicles=(little,)))

    assert charged_kwh(brief) == pytest.approx(1.5)
    assert charged_kwh(small) == pytest.approx(0.5)
    assert not brief.shortfalls and not small.shortfalls
