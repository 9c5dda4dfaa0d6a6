"""Cars that feed the house: as cheap as an exact model finds, and never beyond their rights."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import random

from hypothesis import HealthCheck, example, given, settings, strategies as st
import pytest

from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
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
    baseline,
    plan,
    problem_from_json,
    problem_to_json,
    slot_bounds,
)
from custom_components.smart_charging.core.schedule import Reason
from tests.core.planner.plain_v2h import least_cost
from tests.core.planner.sites import NOW, at, charging, site

START = datetime(2026, 5, 5, 14, 0, tzinfo=UTC)
NEAR = 2e-3
"""kW or kWh within which the solver's answer counts as equal."""

EXACT = Search(gap_relative=0.0, gap_absolute=2e-5, solves=200, nodes=200_000, abort_s=600.0)


def giver(**more: object) -> Vehicle:
    """Return a car that holds much and may feed the house."""
    figures: dict[str, object] = {
        "id": "car",
        "capacity_kwh": 60,
        "soc": 0.8,
        "may_discharge": True,
        "stays": (Stay(charger="garage", start=NOW, end=at(48)),),
    }
    return Vehicle(**(figures | more))  # type: ignore[arg-type]


GARAGE = Charger(id="garage", max_a=32, max_discharge_kw=7.0)


def dear_evening(h: float) -> float:
    return 0.45 if h < 4 else 0.12


def small_home(
    seed: int,
    *,
    hours: int = 7,
    negative: bool = False,
    peak: bool = False,
    battery: bool = False,
    export: bool = False,
    cars: int = 1,
    low: bool = False,
    trip: bool = False,
) -> Problem:
    rng = random.Random(seed)
    slots = slot_bounds(START, hours)
    n = len(slots) - 1
    mean = 0.0 if negative else 0.25
    price = tuple(round(mean + rng.uniform(-0.15, 0.2), 4) for _ in range(n))
    end = START + timedelta(hours=hours)
    away = START + timedelta(hours=hours // 2)
    stays = ((START, away), (away + timedelta(hours=1), end)) if trip else ((START, end),)
    return Problem(
        now=START,
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=price,
        export_price=tuple(round(p - rng.choice([0.02, 0.1]), 4) for p in price),
        estimated=(False,) * n,
        load_kw=tuple(round(rng.uniform(0.3, 4.0), 3) for _ in range(n)),
        pv_kw=tuple(round(max(0.0, rng.uniform(-2, 3)), 3) for _ in range(n)),
        grid=Grid(fuse_a=63),
        peak=PeakTariff(price_per_kw=3.0, floor_kw=2.5, month_peak_kw=2.9) if peak else None,
        chargers=tuple(
            Charger(
                id=f"c{i}",
                max_a=rng.choice([16, 25]),
                step_a=0,
                max_discharge_kw=rng.choice([2.0, 5.0]),
                discharge_efficiency=0.92,
            )
            for i in range(cars)
        ),
        vehicles=tuple(
            Vehicle(
                id=f"v{i}",
                capacity_kwh=30,
                soc=round(rng.uniform(0.25, 0.38) if low else rng.uniform(0.45, 0.8), 3),
                may_discharge=True,
                may_export=export,
                discharge_floor_soc=0.4,
                wear_price=rng.choice([0.0, 0.03]),
                stays=tuple(Stay(charger=f"c{i}", start=a, end=b) for a, b in stays),
                trips=(Trip(start=away, end=away + timedelta(hours=1), energy_kwh=7.0),)
                if trip
                else (),
                goals=(
                    Goal(
                        by=end - timedelta(hours=1 + i),
                        kind=GoalKind.READY_BY,
                        soc=round(rng.uniform(0.5, 0.75), 3),
                    ),
                ),
            )
            for i in range(cars)
        ),
        batteries=(Battery(id="b", capacity_kwh=6, soc=0.4, max_charge_kw=3, max_discharge_kw=3),)
        if battery
        else (),
        search=EXACT,
    )


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(small_home(1), id="one car"),
        pytest.param(small_home(2), id="one car again"),
        pytest.param(small_home(3, battery=True, hours=6), id="with a battery"),
        pytest.param(small_home(4, export=True), id="to the grid"),
        pytest.param(small_home(5, negative=True, hours=6), id="negative prices"),
        pytest.param(
            small_home(6, negative=True, export=True, hours=5), id="negative prices, to the grid"
        ),
        pytest.param(small_home(7, peak=True, hours=6), id="capacity tariff"),
        pytest.param(small_home(8, cars=2, hours=5), id="two cars"),
        pytest.param(small_home(9, low=True, hours=6), id="starts below the floor"),
        pytest.param(small_home(10, low=True, negative=True, hours=5), id="below, paid to use"),
        pytest.param(small_home(11, trip=True), id="a trip between"),
    ],
)
def test_feeding_the_house_costs_what_the_plainest_exact_model_finds(problem: Problem) -> None:
    answer = plan(problem)
    exact = least_cost(problem)

    assert answer.rung is Rung.OPTIMAL
    assert not answer.shortfalls
    assert answer.cost == pytest.approx(exact, abs=1e-3)
    assert answer.bound <= exact + 1e-4
    check(problem, answer)


def check(problem: Problem, answer: Plan) -> None:
    """Check what holds for every plan in which vehicles give back."""
    for vehicle in problem.vehicles:
        window(problem, answer, vehicle)
    for t, flow in enumerate(answer.flows):
        steps = [row[t] for row in answer.schedule.chargers.values()]
        hours = (flow.end - flow.start).total_seconds() / 3600
        powers = [s.energy_kwh / hours for s in steps]
        batteries = [row[t].power_kw for row in answer.schedule.batteries.values()]
        taken = flow.export_kw + flow.load_kw + sum(powers) + sum(batteries)
        assert abs(flow.import_kw + flow.pv_kw - taken) < NEAR
        house = max(0.0, problem.load_kw[t] - problem.pv_kw[t])
        kept = sum(
            -kw
            for s, kw in zip(steps, powers, strict=True)
            if kw < 0 and not next(v for v in problem.vehicles if v.id == s.vehicle).may_export
        )
        kept += sum(
            max(0.0, -answer.schedule.batteries[b.id][t].power_kw)
            for b in problem.batteries
            if not b.may_export and not b.may_feed_cars
        )
        assert kept <= house + NEAR
        for step, kw, charger in zip(steps, powers, problem.chargers, strict=True):
            if kw < 0:
                assert step.current_a == 0
                assert step.reason in (Reason.FEED_HOUSE, Reason.SELL)
                assert -kw <= charger.max_discharge_kw + NEAR


def window(problem: Problem, answer: Plan, vehicle: Vehicle) -> None:
    """Check the energy of a car's battery along the plan: accounted for, and in its window."""
    assert vehicle.soc is not None
    rights = vehicle.may_discharge and not vehicle.surplus_only
    floor = max(vehicle.discharge_floor_soc, vehicle.minimum_soc)
    high = max(vehicle.target_soc, vehicle.soc)
    held = vehicle.soc * vehicle.capacity_kwh
    losses = {c.id: c.discharge_efficiency for c in problem.chargers}
    steps = sorted(
        (s.start, c, s)
        for c, row in answer.schedule.chargers.items()
        for s in row
        if s.vehicle == vehicle.id
    )
    before = problem.slots[0]
    for start, charger, step in steps:
        held -= sum(x.energy_kwh for x in vehicle.trips if before <= x.start < start)
        held = max(held, 0.0)
        before = start
        if step.energy_kwh >= 0:
            held += vehicle.efficiency * step.energy_kwh
        else:
            assert rights
            held += step.energy_kwh / losses[charger]
            assert held >= floor * vehicle.capacity_kwh - 10 * NEAR
        assert held <= high * vehicle.capacity_kwh + 10 * NEAR
        assert step.soc_after == pytest.approx(held / vehicle.capacity_kwh, abs=10 * NEAR)


def random_home(seed: int) -> Problem:
    """Return a home of any topology with cars that feed it, trips, circuits and batteries."""
    rng = random.Random(seed)
    hours = rng.choice([3, 6])
    slots = slot_bounds(START + timedelta(minutes=rng.choice([0, 7])), hours)
    n = len(slots) - 1
    levels = [round(rng.uniform(rng.choice([-0.2, 0.05]), 0.6), 3) for _ in range(5)]
    price = tuple(rng.choice(levels) for _ in range(n))
    chargers = tuple(
        Charger(
            id=f"c{i}",
            max_a=rng.choice([16.0, 32.0]),
            phases=rng.choice([(1,), (3,), (1, 3)]),
            switching=rng.random() < 0.5,
            phase_map=rng.choice([(1, 2, 3), (2, 3, 1)]),
            max_discharge_kw=rng.choice([0.0, 3.0, 11.0]),
            discharge_efficiency=rng.choice([1.0, 0.9]),
        )
        for i in range(2)
    )

    def vehicle(i: int) -> Vehicle:
        away = START + timedelta(minutes=rng.randint(20, 200))
        back = away + timedelta(minutes=rng.randint(10, 120))
        end = START + timedelta(hours=hours)
        return Vehicle(
            id=f"v{i}",
            capacity_kwh=rng.choice([10.0, 40.0]),
            soc=round(rng.uniform(0.1, 1.0), 3),
            minimum_soc=rng.choice([0.1, 0.3]),
            target_soc=rng.choice([0.7, 1.0]),
            taper_soc=rng.choice([None, 0.8]),
            may_discharge=rng.random() < 0.8,
            discharge_floor_soc=rng.choice([0.0, 0.4, 0.6]),
            wear_price=rng.choice([0.0, 0.05]),
            may_export=rng.random() < 0.5,
            surplus_only=rng.random() < 0.1,
            stays=(
                Stay(charger=f"c{i}", start=START, end=away),
                Stay(charger=f"c{rng.choice([i, 1 - i])}", start=back, end=end),
            ),
            trips=(Trip(start=away, end=back, energy_kwh=rng.choice([0.5, 3.0, 8.0])),),
            goals=tuple(
                Goal(
                    by=START + timedelta(minutes=rng.randint(-10, 60 * hours)),
                    kind=rng.choice(list(GoalKind)),
                    soc=round(rng.uniform(0.1, 1.0), 2),
                )
                for _ in range(rng.choice([0, 1, 2]))
            ),
        )

    return Problem(
        now=slots[0],
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=price,
        export_price=tuple(p - rng.choice([-0.05, 0.05, 0.1]) for p in price),
        estimated=(False,) * n,
        load_kw=tuple(round(rng.uniform(0, 8), 3) for _ in range(n)),
        pv_kw=tuple(round(max(0.0, rng.uniform(-3, 5)), 3) for _ in range(n)),
        load_share_per_phase=rng.choice([(1.0,), (0.6, 0.3, 0.1)]),
        grid=Grid(
            topology=rng.choice(list(Topology)),
            fuse_a=rng.choice([16.0, 25.0]),
            import_limit_kw=rng.choice([None, 5.0]),
        ),
        circuits=(Circuit(id="g", name="Garage", fuse_a=rng.choice([10.0, 20.0]),
                          chargers=("c0", "c1")),) if rng.random() < 0.5 else (),
        chargers=chargers,
        vehicles=tuple(vehicle(i) for i in range(2)),
        batteries=(Battery(id="b", capacity_kwh=5, soc=0.5, may_feed_cars=rng.random() < 0.5),)
        if rng.random() < 0.4
        else (),
        search=Search(nodes=50, solves=12),
    )  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9).map(random_home))
# Energy costs less than nothing: thrown away sun took what a car gave up, step by step.
@example(random_home(512))
# What the limits leave of two cars on one circuit takes fifteen steps down to be possible.
@example(random_home(1660084))
def test_no_plan_takes_from_a_car_what_it_may_not_give(problem: Problem) -> None:
    answer = plan(problem)

    assert answer.rung in (Rung.OPTIMAL, Rung.INCUMBENT)
    check(problem, answer)
    goals(problem, answer)
    fuses(problem, answer)


def goals(problem: Problem, answer: Plan) -> None:
    """Check that a goal on the SoC is met, or its shortfall reported."""
    for vehicle in problem.vehicles:
        if vehicle.surplus_only:
            continue
        for goal in vehicle.goals:
            if goal.by <= problem.now or goal.soc is None or vehicle.soc is None:
                continue
            if any(x.start < goal.by < x.end for x in vehicle.trips):
                continue
            missing = sum(
                s.missing_kwh
                for s in answer.shortfalls
                if (s.vehicle, s.by, s.goal) == (vehicle.id, goal.by, goal.kind)
            )
            held = vehicle.soc * vehicle.capacity_kwh
            trips = [x for x in vehicle.trips if x.start < goal.by]
            for t, start in enumerate(problem.slots[:-1]):
                if start >= goal.by:
                    break
                for x in trips:
                    if (problem.slots[t - 1] if t else start) <= x.start < start:
                        held = max(0.0, held - x.energy_kwh)
                for charger in problem.chargers:
                    step = answer.schedule.chargers[charger.id][t]
                    if step.vehicle == vehicle.id:
                        gain = vehicle.efficiency
                        if step.energy_kwh < 0:
                            gain = 1 / charger.discharge_efficiency
                        held += gain * step.energy_kwh
            for x in trips:
                if x.start >= max(s for s in problem.slots if s < goal.by):
                    held = max(0.0, held - x.energy_kwh)
            wanted = goal.soc * vehicle.capacity_kwh
            assert held + vehicle.efficiency * missing >= wanted - 20 * NEAR


def fuses(problem: Problem, answer: Plan) -> None:
    """Check the currents that go out: the fuse of each phase, and of the circuit."""
    grid = problem.grid
    if grid.topology is not Topology.THREE_400:
        return
    shares = problem.load_share_per_phase
    shares = shares if len(shares) == 3 else (1 / 3,) * 3
    for t, flow in enumerate(answer.flows):
        hours = (flow.end - flow.start).total_seconds() / 3600
        batteries = sum(row[t].power_kw for row in answer.schedule.batteries.values())
        for phase in (1, 2, 3):
            house = (problem.load_kw[t] * shares[phase - 1] - problem.pv_kw[t] / 3) / 0.23
            out = 0.0
            for charger in problem.chargers:
                step = answer.schedule.chargers[charger.id][t]
                used = max(charger.phases)
                if step.energy_kwh < 0 and phase in charger.phase_map[:used]:
                    out -= step.energy_kwh / hours / used / 0.23
            if out > 0:
                spread = min(batteries, 0.0) / 3 / 0.23
                assert house + spread - out >= min(-grid.fuse_a, house + spread) - 20 * NEAR
                assert all(out <= c.fuse_a + 20 * NEAR for c in problem.circuits)


def test_a_full_car_carries_the_dear_evening() -> None:
    home = site(price=dear_evening, load=2.0, chargers=(GARAGE,), vehicles=(giver(),))
    answer = plan(home)
    evening = answer.schedule.chargers["garage"][:16]

    assert sum(s.energy_kwh for s in evening) == pytest.approx(-8.0, abs=NEAR)
    assert all(s.cost == pytest.approx(0.45 * s.energy_kwh) for s in evening)
    assert {s.reason for s in evening} == {Reason.FEED_HOUSE}
    assert all(f.import_kw < NEAR for f in answer.flows[:16])
    assert evening[-1].soc_after == pytest.approx(0.8 - 8 / 0.9 / 60, abs=1e-3)
    assert answer.savings is not None
    assert answer.savings > 8.0 * 0.45 - 8 / 0.81 * 0.12


@pytest.mark.parametrize(
    ("vehicle", "charger"),
    [
        pytest.param(giver(may_discharge=False), GARAGE, id="car may not"),
        pytest.param(giver(), replace(GARAGE, max_discharge_kw=0.0), id="charger cannot"),
        pytest.param(giver(soc=None), GARAGE, id="SoC unknown"),
        pytest.param(giver(discharge_floor_soc=0.9), GARAGE, id="below the floor"),
        pytest.param(giver(minimum_soc=0.8), GARAGE, id="minimum SoC above the floor"),
        pytest.param(giver(wear_price=0.5), GARAGE, id="wear costs more than it saves"),
        pytest.param(giver(surplus_only=True), GARAGE, id="takes sun only"),
        pytest.param(
            giver(goals=(Goal(by=at(3), kind=GoalKind.READY_BY, soc=0.8),), stays=(
                Stay(charger="garage", start=NOW, end=at(3)),
            )), replace(GARAGE, max_a=6), id="needs it all itself",
        ),
    ],
)  # fmt: skip
def test_a_car_keeps_what_it_has(vehicle: Vehicle, charger: Charger) -> None:
    home = site(price=dear_evening, load=2.0, chargers=(charger,), vehicles=(vehicle,), hours=4)

    assert all(s.energy_kwh >= 0 for s in plan(home).schedule.chargers["garage"])


def test_a_goal_that_is_met_already_still_counts() -> None:
    goal = Goal(by=at(3), kind=GoalKind.READY_BY, soc=0.7)
    car = giver(goals=(goal,), stays=(Stay(charger="garage", start=NOW, end=at(3)),))
    home = site(price=0.45, load=2.0, chargers=(GARAGE,), vehicles=(car,), hours=4)
    cheap_later = replace(home, import_price=(0.45,) * 15 + (0.05,))
    answer = plan(cheap_later)

    given = -sum(s.energy_kwh for s in answer.schedule.chargers["garage"])
    assert given == pytest.approx(0.1 * 60 * 0.9, abs=1e-2)
    assert not answer.shortfalls


def test_a_trip_finds_what_it_needs() -> None:
    trip = Trip(start=at(4), end=at(6), energy_kwh=40.0)
    car = giver(trips=(trip,), stays=(Stay(charger="garage", start=NOW, end=at(4)),))
    home = site(price=0.45, load=4.0, chargers=(GARAGE,), vehicles=(car,), hours=5)
    cheap_later = replace(home, import_price=(0.45,) * 19 + (0.05,))
    answer = plan(cheap_later)

    before = answer.schedule.chargers["garage"][15]
    assert before.soc_after is not None
    assert before.soc_after * 60 == pytest.approx(40.0, abs=1e-2)


def test_selling_is_a_right_of_its_own() -> None:
    home = site(
        price=0.5, export=lambda h: 0.4 if h < 2 else 0.0, hours=6,
        chargers=(GARAGE,), vehicles=(giver(may_export=True),),
    )  # fmt: skip
    home = replace(home, import_price=(0.5,) * 23 + (0.05,))
    sold = plan(home)
    kept = plan(replace(home, vehicles=(giver(),)))

    assert sold.flows[0].export_kw == pytest.approx(7.0, abs=NEAR)
    assert sold.schedule.chargers["garage"][0].cost == pytest.approx(-0.4 * 7.0 / 4, abs=NEAR)
    assert sold.schedule.chargers["garage"][0].reason is Reason.SELL
    assert all(f.export_kw < NEAR for f in kept.flows)


def test_the_house_is_not_fed_by_one_car_to_charge_another() -> None:
    needy = Vehicle(
        id="other", capacity_kwh=60, soc=0.3,
        stays=(Stay(charger="drive", start=NOW, end=at(4)),),
        goals=(Goal(by=at(4), kind=GoalKind.READY_BY, soc=0.5),),
    )  # fmt: skip
    home = site(
        price=0.45, load=0.5, hours=6, chargers=(GARAGE, Charger(id="drive", max_a=32)),
        vehicles=(giver(), needy),
    )  # fmt: skip
    home = replace(home, import_price=(0.45,) * 23 + (0.05,))
    answer = plan(home)

    assert charging(answer, "drive")
    assert all(s.energy_kwh >= -0.5 / 4 - NEAR for s in answer.schedule.chargers["garage"])


def test_the_car_helps_to_keep_the_peak_down() -> None:
    home = site(
        price=0.2, load=lambda h: 6.0 if 2 < h < 3 else 1.0, hours=6, chargers=(GARAGE,),
        vehicles=(giver(),), peak=PeakTariff(price_per_kw=4.0, floor_kw=2.5),
    )  # fmt: skip

    assert max(plan(home).peak_kw.values()) == pytest.approx(2.5, abs=NEAR)


def test_without_the_solver_and_in_the_baseline_no_car_gives() -> None:
    home = site(price=dear_evening, load=2.0, chargers=(GARAGE,), vehicles=(giver(),))
    still = replace(home, vehicles=(giver(may_discharge=False),))
    greedy = plan(home, cancelled=lambda: True)

    assert greedy.rung is Rung.GREEDY
    assert all(s.energy_kwh == 0 for s in greedy.schedule.chargers["garage"])
    assert greedy.bound <= plan(home).cost
    assert baseline(home) == pytest.approx(baseline(still))


def test_the_same_car_in_json_gives_the_same_plan() -> None:
    home = site(price=dear_evening, load=2.0, chargers=(GARAGE,), vehicles=(giver(),))
    again = problem_from_json(problem_to_json(home))

    assert again == home
    assert replace(plan(again), solve_s=0) == replace(plan(home), solve_s=0)
