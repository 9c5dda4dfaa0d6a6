"""Each missed kWh names the constraint that is its cause; lifting that constraint brings it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations, pairwise
from random import Random

from hypothesis import HealthCheck, assume, given, settings, strategies as st
import pytest

from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Cause,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Plan,
    Problem,
    Rung,
    Search,
    Stay,
    Trip,
    Vehicle,
    plan,
)
from custom_components.smart_charging.core.planner.weights import KIND
from tests.core.planner.sites import at, charged_kwh, site

GARAGE = Charger(id="garage")


def car(kwh: float, *, hours: float = 4, id: str = "car", **more: object) -> Vehicle:
    """Return a car without losses that asks for `kwh` within `hours` from now."""
    defaults: dict[str, object] = {
        "capacity_kwh": 100,
        "soc": 0.2,
        "efficiency": 1.0,
        "stays": (Stay(charger="garage", start=at(0), end=at(hours)),),
        "goals": (Goal(by=at(hours), kind=GoalKind.READY_BY, energy_kwh=kwh),),
    }
    return Vehicle(id=id, **(defaults | more))


def causes(answer: Plan, vehicle: str = "car") -> dict[Cause, float]:
    """Return the missing kWh of a vehicle by cause."""
    found: dict[Cause, float] = {}
    for shortfall in answer.shortfalls:
        if shortfall.vehicle == vehicle:
            found[shortfall.cause] = found.get(shortfall.cause, 0.0) + shortfall.missing_kwh
    return found


def raised(problem: Problem) -> Problem:
    """Return the problem without limits of the site."""
    grid = problem.grid
    free = grid.import_limit_kw if grid.breach_kw > 0 else None
    return replace(problem, grid=replace(grid, fuse_a=400, import_limit_kw=free))


def bought(problem: Problem) -> Problem:
    """Return the problem with all the breach that a fuse carries."""
    return replace(problem, grid=replace(problem.grid, breach_kw=500))


def rewired(problem: Problem) -> Problem:
    """Return the problem with strong circuits."""
    return replace(problem, circuits=tuple(replace(c, fuse_a=400) for c in problem.circuits))


def stronger(problem: Problem) -> Problem:
    """Return the problem with chargers that are stronger than any car."""
    chargers = tuple(replace(c, max_a=64, phases=(1, 3), switching=True) for c in problem.chargers)
    return replace(problem, chargers=chargers)


def longer(problem: Problem) -> Problem:
    """Return the problem with a day more before each goal and departure."""
    day = timedelta(days=1)
    step = problem.slots[-1] - problem.slots[-2]
    more = int(day / step)

    def twice(values: tuple[float, ...]) -> tuple[float, ...]:
        return values + (values * more)[:more]

    return replace(
        problem,
        slots=problem.slots + tuple(problem.slots[-1] + (i + 1) * step for i in range(more)),
        import_price=twice(problem.import_price),
        export_price=twice(problem.export_price),
        estimated=problem.estimated + (False,) * more,
        load_kw=twice(problem.load_kw),
        pv_kw=twice(problem.pv_kw),
        vehicles=tuple(
            replace(
                v,
                goals=tuple(replace(g, by=g.by + day) for g in v.goals),
                stays=tuple(replace(s, end=s.end + day) for s in v.stays),
            )
            for v in problem.vehicles
        ),
    )


def widened(problem: Problem) -> Problem:
    """Return the problem with cars that may be filled, and more."""
    return replace(problem, vehicles=tuple(replace(v, target_soc=9.0) for v in problem.vehicles))


LIFTED: Mapping[Cause, Callable[[Problem], Problem]] = {
    Cause.SITE_LIMIT: raised,
    Cause.BREACH_ALLOWANCE: bought,
    Cause.CIRCUIT: rewired,
    Cause.CHARGER_POWER: stronger,
    Cause.TIME: longer,
    Cause.BATTERY_WINDOW: widened,
}


def cases() -> dict[str, tuple[Problem, dict[Cause, float]]]:
    """Return sites whose shortfalls can be counted by hand."""
    circuit = Circuit(id="c", name="Cars", fuse_a=10, chargers=("garage",))
    strong = Charger(id="garage", max_a=32)
    able = car(20, max_a=32)
    one = {"chargers": (GARAGE,), "hours": 4}
    return {
        # 16 A for 4 h are 14.72 kWh; the car itself takes no more.
        "short time": (site(**one, vehicles=(car(20, max_a=16),)), {Cause.TIME: 5.28}),
        "weak charger": (site(**one, vehicles=(able,)), {Cause.CHARGER_POWER: 5.28}),
        # 32 A would bring 29.44 of the 40 kWh.
        "weak charger and short time": (
            site(**one, vehicles=(car(40, max_a=32),)),
            {Cause.CHARGER_POWER: 14.72, Cause.TIME: 10.56},
        ),
        # 68.8 kWh on 3.7 kW: best effort, and what is missing is the charger's.
        "a night on a weak charger": (
            site(hours=12, chargers=(GARAGE,), vehicles=(car(68.8, hours=12),)),
            {Cause.CHARGER_POWER: 68.8 - 12 * 3.68},
        ),
        "fuse": (
            site(hours=4, load=2.3, grid=Grid(fuse_a=20), chargers=(strong,), vehicles=(able,)),
            {Cause.SITE_LIMIT: 20 - 4 * 2.3},
        ),
        "contract": (
            site(hours=4, grid=Grid(import_limit_kw=2.3), chargers=(strong,), vehicles=(able,)),
            {Cause.SITE_LIMIT: 20 - 4 * 2.3},
        ),
        "breach": (
            site(
                hours=4,
                grid=Grid(import_limit_kw=2.3, breach_kw=1.15, breach_price=0.7),
                chargers=(strong,),
                vehicles=(able,),
            ),
            {Cause.BREACH_ALLOWANCE: 20 - 4 * 3.45},
        ),
        "breach that ends at the fuse": (
            site(
                hours=4,
                grid=Grid(fuse_a=15, import_limit_kw=2.3, breach_kw=5, breach_price=0.7),
                chargers=(strong,),
                vehicles=(able,),
            ),
            {Cause.SITE_LIMIT: 20 - 4 * 3.45},
        ),
        "circuit": (
            site(hours=4, circuits=(circuit,), chargers=(strong,), vehicles=(able,)),
            {Cause.CIRCUIT: 20 - 4 * 2.3},
        ),
        # The circuit leaves 10 A, the contract 15 A: above that it is the contract's.
        "circuit below contract": (
            site(
                hours=4,
                circuits=(circuit,),
                grid=Grid(import_limit_kw=3.45),
                chargers=(strong,),
                vehicles=(able,),
            ),
            {Cause.CIRCUIT: 4 * 1.15, Cause.SITE_LIMIT: 20 - 4 * 3.45},
        ),
        "window": (
            site(**one, vehicles=(car(10, target_soc=0.25),)),
            {Cause.BATTERY_WINDOW: 5.0},
        ),
        "window and time": (
            site(hours=4, chargers=(GARAGE,), vehicles=(car(30, max_a=16, target_soc=0.4),)),
            {Cause.BATTERY_WINDOW: 10.0, Cause.TIME: 20 - 14.72},
        ),
        "minimum current above what the house leaves": (
            site(hours=4, load=3.0, grid=Grid(fuse_a=18), chargers=(GARAGE,), vehicles=(able,)),
            {Cause.SITE_LIMIT: 14.72, Cause.CHARGER_POWER: 5.28},
        ),
    }


@pytest.mark.parametrize("name", list(cases()))
def test_each_missed_kwh_names_its_cause(name: str) -> None:
    problem, expected = cases()[name]

    found = causes(plan(problem))

    assert found == {cause: pytest.approx(kwh, abs=1e-3) for cause, kwh in expected.items()}


@pytest.mark.parametrize("name", list(cases()))
def test_lifting_the_causes_brings_what_was_missed(name: str) -> None:
    problem, expected = cases()[name]

    for cause in expected:
        problem = LIFTED[cause](problem)

    assert not plan(problem).shortfalls


def test_a_goal_of_the_past_and_a_car_that_is_away_say_so() -> None:
    gone = car(5, goals=(Goal(by=at(-1), kind=GoalKind.READY_BY, energy_kwh=5),))
    away = car(5, id="away", stays=(Stay(charger="garage", start=at(5), end=at(6)),))

    answer = plan(site(hours=8, chargers=(GARAGE,), vehicles=(gone, away)))

    assert causes(answer) == {Cause.PAST: 5}
    assert causes(answer, "away") == {Cause.NOT_PLUGGED_IN: 5}


def test_a_car_that_arrives_within_the_quarter_of_its_goal_but_after_it_lacks_time() -> None:
    late = car(
        5,
        stays=(Stay(charger="garage", start=at(1.2), end=at(4)),),
        goals=(Goal(by=at(1.1), kind=GoalKind.TRIP, energy_kwh=5),),
    )

    assert causes(plan(site(hours=4, chargers=(GARAGE,), vehicles=(late,)))) == {Cause.TIME: 5}


def test_a_phase_count_that_may_not_change_counts_as_charger_power() -> None:
    problem, _ = cases()["weak charger"]
    problem = replace(
        problem,
        grid=Grid(topology=Topology.THREE_400, fuse_a=25),
        chargers=(Charger(id="garage", phases=(1,)),),
        vehicles=(car(30, max_a=16),),
    )

    assert causes(plan(problem)) == {Cause.CHARGER_POWER: pytest.approx(30 - 14.72)}


def test_a_trip_between_leaves_less_time() -> None:
    problem = site(
        hours=8,
        chargers=(GARAGE,),
        vehicles=(
            car(
                0,
                max_a=16,
                soc=0.5,
                stays=(
                    Stay(charger="garage", start=at(0), end=at(2)),
                    Stay(charger="garage", start=at(6), end=at(8)),
                ),
                trips=(Trip(start=at(2), end=at(6), energy_kwh=10),),
                goals=(Goal(by=at(8), kind=GoalKind.TRIP, soc=0.6),),
            ),
        ),
    )

    # 20 kWh are asked for, 4 h at 3.68 kW are there.
    assert causes(plan(problem)) == {Cause.TIME: pytest.approx(20 - 14.72)}


def test_the_peak_is_never_a_cause() -> None:
    problem = site(
        hours=4,
        chargers=(GARAGE,),
        peak=PeakTariff(price_per_kw=400.0, floor_kw=0.0),
        vehicles=(car(14.7),),
    )

    answer = plan(problem)

    assert not answer.shortfalls
    assert charged_kwh(answer) == pytest.approx(14.7)


def test_another_car_on_the_fuse_is_a_site_limit() -> None:
    problem = site(
        hours=4,
        grid=Grid(fuse_a=16),
        chargers=(GARAGE, Charger(id="drive")),
        vehicles=(
            car(10, max_a=16),
            car(
                10,
                id="other",
                max_a=16,
                stays=(Stay(charger="drive", start=at(0), end=at(4)),),
            ),
        ),
    )

    answer = plan(problem)

    assert {s.cause for s in answer.shortfalls} == {Cause.SITE_LIMIT}
    assert sum(s.missing_kwh for s in answer.shortfalls) == pytest.approx(20 - 14.72)
    assert not plan(raised(problem)).shortfalls


def crowded(seed: int) -> Problem:
    """Return a site in which goals are missed for all kinds of causes, often for several."""
    rng = Random(seed)
    hours = rng.choice([2, 3, 5])
    topology = rng.choice(list(Topology))

    def number(low: float, high: float) -> float:
        return round(rng.uniform(low, high), 3)

    chargers = tuple(
        Charger(
            id=f"charger {i}",
            max_a=rng.choice([11.0, 16.0, 32.0]),
            step_a=rng.choice([0.0, 1.0]),
            phases=rng.choice([(1,), (3,)]),
        )
        for i in range(rng.choice([1, 2]))
    )
    grid = Grid(
        topology=topology,
        fuse_a=number(12, 45),
        import_limit_kw=rng.choice([None, number(1, 12)]),
        breach_kw=rng.choice([0.0, number(0.5, 3)]),
        breach_price=0.5,
    )
    found = site(
        hours=hours,
        price=lambda h: 0.1 + 0.1 * (int(h) % 3),
        load=number(0, 4),
        grid=grid,
        chargers=chargers,
        circuits=(
            Circuit(
                id="c",
                name="Cars",
                fuse_a=number(8, 40),
                chargers=tuple(c.id for c in chargers),
            ),
        )
        if rng.random() < 0.5
        else (),
        peak=PeakTariff(price_per_kw=number(0, 5)) if rng.random() < 0.5 else None,
        vehicles=tuple(
            Vehicle(
                id=f"car {i}",
                capacity_kwh=60,
                soc=0.3,
                target_soc=number(0.4, 1.0),
                efficiency=0.9,
                max_phases=rng.choice([1, 3]),
                max_a=rng.choice([16.0, 20.0, 32.0]),
                taper_soc=rng.choice([None, None, 0.8]),
                stays=(Stay(charger=charger.id, start=at(0), end=at(hours)),),
                goals=(
                    Goal(
                        by=at(hours - rng.choice([0, 0.5])),
                        kind=rng.choice([GoalKind.READY_BY, GoalKind.TRIP, GoalKind.REQUEST]),
                        soc=number(0.4, 1.0),
                    ),
                ),
            )
            for i, charger in enumerate(chargers)
        ),
        search=Search(nodes=100, solves=20),
    )
    assert all(a < b for a, b in pairwise(found.slots))
    return found


LIMITS = {Cause.SITE_LIMIT, Cause.BREACH_ALLOWANCE, Cause.CIRCUIT, Cause.CHARGER_POWER}


def missed(problem: Problem, lifted: set[Cause]) -> float:
    """Return the missed kWh, weighted as the plan weighs them, with causes lifted."""
    for cause in lifted:
        problem = LIFTED[cause](problem)
    answer = plan(problem)
    # An incumbent may miss more than it has to: it says nothing about causes.
    assume(answer.rung is Rung.OPTIMAL)
    return sum(KIND[s.goal] * s.missing_kwh for s in answer.shortfalls)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9).map(crowded))
def test_lifting_a_cause_that_is_named_brings_energy(problem: Problem) -> None:
    answer = plan(problem)
    named = {s.cause for s in answer.shortfalls}
    held = named & LIMITS
    free = missed(problem, held)

    # By itself, or beside tighter ones; time counts behind the limits, the window last. All others
    # together may do without it: more phases take less of each fuse.
    # With two cars the other may give way instead, and what is lifted for it helps this one too:
    # what it takes counts as given.
    alone_here = (
        {main(answer, v.id) for v in problem.vehicles} if len(problem.vehicles) == 1 else set()
    )
    for cause in alone_here & held:
        others = sorted(held - {cause})
        beside = chain.from_iterable(combinations(others, k) for k in range(len(others) + 1))
        assert any(
            missed(problem, {cause, *some}) < missed(problem, {*some}) - 0.02 for some in beside
        ), cause
    if Cause.TIME in named and len(problem.vehicles) == 1:
        assert missed(problem, held | {Cause.TIME}) < free - 1e-3
    if Cause.BATTERY_WINDOW in named:
        within = held | {Cause.TIME}
        assert missed(problem, within | {Cause.BATTERY_WINDOW}) < missed(problem, within) - 1e-3
    if len(problem.vehicles) == 1 and held == named and len(held) > 1:
        # Nobody else gives way: what is named is all that it takes, and none is left out.
        assert free < min(missed(problem, held - {cause}) for cause in held) + 1e-3


def main(answer: Plan, vehicle: str) -> Cause | None:
    """Return the limit that costs a vehicle most, `None` for none worth a word."""
    kwh = {cause: x for cause, x in causes(answer, vehicle).items() if cause in LIMITS and x > 0.1}
    return max(kwh, key=lambda cause: kwh[cause], default=None)
