"""The search: its bound, what it finds where things are tight, and every rung of the ladder."""

from collections.abc import Callable
from dataclasses import replace
import random

import pulp
import pytest

from benchmarks.evening import home
from benchmarks.homes import homes
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Rung,
    Search,
    Stay,
    Vehicle,
    plan,
    search as climbing,
)
from custom_components.smart_charging.core.planner.model import Model
from tests.core.planner.reference import optimal_cost
from tests.core.planner.sites import at, charged_kwh, site
from tests.core.planner.test_invariants import check
from tests.core.planner.test_optimality import small_home


def car(number: int, charger: str, *, soc: float, goal: float, hours: float = 12) -> Vehicle:
    return Vehicle(
        id=f"car {number}",
        capacity_kwh=60,
        soc=soc,
        stays=(Stay(charger=charger, start=at(0), end=at(hours)),),
        goals=(Goal(by=at(hours), kind=GoalKind.READY_BY, soc=goal),),
    )


def three_cars(step_a: float, grid: Grid) -> Problem:
    """Return three cars that need nearly all that a limit leaves."""
    rng = random.Random(5)
    names = ("garage", "drive", "gate")
    return site(
        hours=14,
        price=lambda h: round(0.25 + 0.1 * rng.random(), 4),
        load=lambda h: round(0.4 + 0.6 * rng.random(), 3),
        grid=grid,
        chargers=tuple(Charger(id=name, max_a=20, step_a=step_a) for name in names),
        vehicles=tuple(car(i, name, soc=0.4, goal=0.75) for i, name in enumerate(names)),
    )


NARROW = Grid(topology=Topology.SINGLE_230, fuse_a=40, import_limit_kw=7.0)


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(three_cars(1.0, NARROW), id="contract"),
        pytest.param(
            three_cars(1.0, replace(NARROW, breach_kw=2.0, breach_price=0.1)), id="breach"
        ),
        pytest.param(
            replace(
                three_cars(1.0, Grid(fuse_a=63)),
                circuits=(
                    Circuit(id="c", name="c", fuse_a=30, chargers=("garage", "drive", "gate")),
                ),
            ),
            id="circuit",
        ),
    ],
)
def test_cars_on_whole_amperes_share_a_tight_limit(problem: Problem) -> None:
    whole = plan(problem)
    smooth = plan(replace(problem, chargers=tuple(replace(c, step_a=0) for c in problem.chargers)))

    assert whole.rung in (Rung.OPTIMAL, Rung.INCUMBENT)
    assert not smooth.shortfalls
    assert sum(s.missing_kwh for s in whole.shortfalls) < 0.2
    assert whole.cost <= smooth.cost * 1.01
    check(problem, whole)


@pytest.mark.parametrize("seed", range(100, 108))
def test_the_bound_lies_below_the_plainest_exact_model(seed: int) -> None:
    problem = small_home(seed, hours=6, peak=seed % 3 != 0, cars=1 + seed % 2)
    problem = replace(
        problem,
        # A high minimum: sun and peak rarely bear it. A small battery: it leaves sun to a car.
        chargers=tuple(replace(c, min_a=8 + seed % 7) for c in problem.chargers),
        batteries=tuple(
            replace(b, max_charge_kw=1.5 if seed % 4 == 0 else 3.0) for b in problem.batteries
        ),
    )

    answer = plan(problem)
    exact = optimal_cost(problem)

    assert not answer.shortfalls
    assert answer.bound <= exact + 1e-4
    # A battery may charge and give within a slot that a car uses a part of: the plain model's not.
    assert exact - 1e-3 <= answer.cost <= exact + max(0.01, 3e-3 * abs(exact))


def test_two_cars_that_the_peak_cannot_bear_are_bounded_closely() -> None:
    problem = home("summer", three_phase=True)

    answer = plan(problem)

    # Each row for itself would let both cars use the same room: a gap of 0.08.
    assert answer.gap < 0.025
    check(problem, answer)


def test_a_rise_of_the_peak_that_a_goal_needs_is_bought_once() -> None:
    problem = site(
        price=lambda h: 0.3 if 5 <= h < 17 else 0.25,
        load=lambda h: 0.5 + 0.1 * (int(h) % 4),
        grid=Grid(topology=Topology.THREE_400, fuse_a=25),
        peak=PeakTariff(price_per_kw=4, floor_kw=2.5),
        chargers=(Charger(id="garage", phases=(3,), step_a=0),),
        vehicles=(car(0, "garage", soc=0.3, goal=0.6),),
    )

    answer = plan(problem)

    assert not answer.shortfalls
    # 4.14 kW at the least, and the smallest load.
    assert max(answer.peak_kw.values()) >= 4.14 + 0.5 - 1e-3
    assert answer.gap <= 0.01 * answer.cost
    check(problem, answer)


def after(calls: int) -> Callable[[], bool]:
    """Return a question that is answered yes from a number of times on."""
    count = 0

    def asked() -> bool:
        nonlocal count
        count += 1
        return count > calls

    return asked


def test_each_rung_of_the_ladder_can_be_reached() -> None:
    problem = home("summer", three_phase=True)
    easy = home("winter", hours=24)
    last = plan(easy)

    assert last.rung is Rung.OPTIMAL
    assert plan(replace(problem, search=Search(solves=2, nodes=0))).rung is Rung.INCUMBENT
    assert plan(easy, last, cancelled=lambda: True).rung is Rung.SHIFTED
    assert plan(easy, cancelled=lambda: True).rung is Rung.GREEDY


def test_a_newer_problem_ends_the_search_with_what_it_has() -> None:
    problem = home("summer", three_phase=True)

    stopped, whole = plan(problem, cancelled=after(3)), plan(problem)

    assert stopped.rung is Rung.INCUMBENT
    assert stopped.gap >= whole.gap
    check(problem, stopped)


def test_a_solver_that_refuses_leaves_the_lower_rungs(monkeypatch: pytest.MonkeyPatch) -> None:
    easy = home("winter", hours=24)
    last = plan(easy)

    def refuse(*_: object, **__: object) -> None:
        raise pulp.PulpError("no")

    monkeypatch.setattr(Model, "solver", refuse)

    assert plan(easy).rung is Rung.GREEDY
    assert plan(easy, last).rung is Rung.SHIFTED


def test_the_last_plan_changes_nothing_where_the_search_succeeds() -> None:
    problem, other = home("spring", hours=24), plan(home("winter", hours=24))

    assert replace(plan(problem, other), solve_s=0) == replace(plan(problem), solve_s=0)


def test_more_solves_never_find_less() -> None:
    problem = home("summer", three_phase=True)

    gaps = [plan(replace(problem, search=Search(solves=n, nodes=0))).gap for n in (2, 15, 60)]

    # The give-away of the second stage may differ.
    assert gaps[0] >= gaps[1] - 2e-3
    assert gaps[1] >= gaps[2] - 2e-3


def test_where_no_rounding_holds_minimums_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort: what ends below its minimum is switched off."""
    problem = three_cars(1.0, NARROW)
    settle = climbing.Climb.settle
    monkeypatch.setattr(
        climbing.Climb,
        "settle",
        lambda self, pattern, *most, **more: settle(self, pattern, **more) if not most else None,
    )

    answer = plan(problem)

    assert answer.rung is Rung.INCUMBENT
    check(problem, answer)


@pytest.mark.parametrize("gap", [Search(), Search(gap_relative=0.0, gap_absolute=1e-6)])
def test_whenever_a_newer_problem_comes_the_older_has_a_plan(gap: Search) -> None:
    problem = replace(homes()["autumn, flat, peak, two cars"], search=gap)
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    whole = plan(problem, cancelled=count)
    for moment in range(0, asked, 1 + asked // 40):
        left = iter(range(moment))
        answer = plan(problem, cancelled=lambda left=left: next(left, None) is None)  # type: ignore[misc]  # mypy types no default

        check(problem, answer)
        assert answer.cost >= whole.bound - 1e-6
        assert answer.rung is not Rung.GREEDY or moment < 3


def test_the_solver_s_own_tree_proves_what_the_search_leaves_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = replace(small_home(3, hours=4, peak=True), search=Search(solves=1, gap_absolute=1e-4))
    monkeypatch.setattr(climbing, "THRESHOLDS", (2.0,))
    monkeypatch.setattr(climbing, "scan_peak", lambda _climb: None)

    answer = plan(problem)

    assert answer.cost == pytest.approx(optimal_cost(problem), abs=0.01)
    assert charged_kwh(answer, "c0") > 0
