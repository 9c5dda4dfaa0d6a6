"""What holds for every plan of every site."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.core.planner import (
    Cause,
    Plan,
    Problem,
    Rung,
    plan,
    plan_from_json,
    plan_to_json,
    problem_from_json,
    problem_to_json,
)
from custom_components.smart_charging.core.schedule import ChargerStep
from tests.core.planner.strategies import problems

NEAR = 2e-3
"""kW, kWh or A within which the solver's answer counts as equal."""


def hours(step: ChargerStep) -> float:
    return (step.end - step.start).total_seconds() / 3600


def check(problem: Problem, answer: Plan) -> None:
    """Check that a plan is possible and accounts for itself."""
    energy_balance(problem, answer)
    battery_windows(problem, answer)
    battery_rights(problem, answer)
    currents(problem, answer)
    phase_currents(problem, answer)
    site_limits(problem, answer)
    goals(problem, answer)
    accounting(problem, answer)
    month_peaks(problem, answer)
    assert isfinite(answer.cost)
    assert isfinite(answer.bound)
    assert answer.bound <= answer.cost
    assert answer.gap >= 0
    assert answer.baseline_cost is not None


def energy_balance(problem: Problem, answer: Plan) -> None:
    for t, flow in enumerate(answer.flows):
        cars = sum(
            steps[t].energy_kwh / hours(steps[t]) for steps in answer.schedule.chargers.values()
        )
        batteries = sum(steps[t].power_kw for steps in answer.schedule.batteries.values())
        assert flow.import_kw >= 0
        assert flow.export_kw >= 0
        assert flow.curtailed_kw >= 0
        assert flow.pv_kw + flow.curtailed_kw == pytest.approx(problem.pv_kw[t])
        given_kw = flow.import_kw + flow.pv_kw
        taken_kw = flow.export_kw + flow.load_kw + cars + batteries
        assert abs(given_kw - taken_kw) < NEAR


def battery_windows(problem: Problem, answer: Plan) -> None:
    for battery in problem.batteries:
        low = min(battery.min_soc, battery.soc)
        high = max(battery.max_soc, battery.soc)
        held = battery.soc * battery.capacity_kwh
        for step in answer.schedule.batteries[battery.id]:
            assert low - NEAR <= step.soc_after <= high + NEAR
            assert -battery.max_discharge_kw - NEAR <= step.power_kw
            assert step.power_kw <= battery.max_charge_kw + NEAR
            h = (step.end - step.start).total_seconds() / 3600
            factor = (
                battery.charge_efficiency if step.power_kw > 0 else 1 / battery.discharge_efficiency
            )
            held += factor * step.power_kw * h
            assert abs(held - step.soc_after * battery.capacity_kwh) < 10 * NEAR


def battery_rights(problem: Problem, answer: Plan) -> None:
    sellers = sum(b.max_discharge_kw for b in problem.batteries if b.may_export)
    for t, flow in enumerate(answer.flows):
        spare = max(0.0, problem.pv_kw[t] - problem.load_kw[t])
        house = max(0.0, problem.load_kw[t] - problem.pv_kw[t])
        assert flow.export_kw <= spare + sellers + NEAR
        orders = {b.id: answer.schedule.batteries[b.id][t].power_kw for b in problem.batteries}
        sun_only = [orders[b.id] for b in problem.batteries if not b.may_charge_from_grid]
        if charging := sum(max(0.0, x) for x in sun_only):
            assert charging <= max(0.0, spare - flow.curtailed_kw) + NEAR
        house_only = [
            orders[b.id] for b in problem.batteries if not (b.may_export or b.may_feed_cars)
        ]
        assert sum(max(0.0, -x) for x in house_only) <= house + NEAR


def phase_currents(problem: Problem, answer: Plan) -> None:
    """No phase carries more than its fuse, unless the house alone does."""
    grid = problem.grid
    if grid.topology is not Topology.THREE_400:
        return
    shares = (
        problem.load_share_per_phase if len(problem.load_share_per_phase) == 3 else (1 / 3,) * 3
    )
    for t, flow in enumerate(answer.flows):
        batteries = sum(steps[t].power_kw for steps in answer.schedule.batteries.values())
        for phase in (1, 2, 3):
            house = (problem.load_kw[t] * shares[phase - 1] - problem.pv_kw[t] / 3) / 0.23
            current = house + (flow.curtailed_kw + batteries) / 3 / 0.23
            for charger in problem.chargers:
                step = answer.schedule.chargers[charger.id][t]
                vehicle = next((v for v in problem.vehicles if v.id == step.vehicle), None)
                if vehicle is None or step.energy_kwh == 0:
                    continue
                used = min(step.phases, vehicle.max_phases)
                if phase in charger.phase_map[:used]:
                    current += min(step.current_a, vehicle.max_a or step.current_a)
            assert current <= max(grid.fuse_a, house) + 10 * NEAR


def currents(problem: Problem, answer: Plan) -> None:
    for charger in problem.chargers:
        for step in answer.schedule.chargers[charger.id]:
            if step.energy_kwh == 0:
                assert step.current_a == 0
                continue
            assert charger.min_a <= step.current_a <= charger.max_a
            if charger.step_a:
                steps = step.current_a / charger.step_a
                at_the_end = step.current_a in (charger.min_a, charger.max_a)
                assert abs(steps - round(steps)) < 1e-6 or at_the_end
            assert step.phases in charger.phases
            vehicle = next(v for v in problem.vehicles if v.id == step.vehicle)
            used = min(step.phases, vehicle.max_phases, problem.grid.topology.phases)
            most = step.current_a * problem.grid.topology.charger_kw_per_a(used) * hours(step)
            assert step.energy_kwh <= most + NEAR
            assert any(
                s.charger == charger.id and s.start < step.end and s.end > step.start
                for s in vehicle.stays
            )


def site_limits(problem: Problem, answer: Plan) -> None:
    grid = problem.grid
    for t, flow in enumerate(answer.flows):
        own = problem.load_kw[t] - problem.pv_kw[t]
        limit = grid.fuse_kw
        if grid.import_limit_kw is not None:
            limit = min(limit, grid.import_limit_kw + grid.breach_kw)
        assert flow.import_kw <= max(limit, own) + NEAR
        out = grid.fuse_kw if grid.export_limit_kw is None else grid.export_limit_kw
        assert flow.export_kw <= min(out, grid.fuse_kw) + NEAR
        for circuit in problem.circuits:
            running = [
                answer.schedule.chargers[c][t]
                for c in circuit.chargers
                if answer.schedule.chargers[c][t].energy_kwh > 0
            ]
            if grid.topology is Topology.SINGLE_230:
                drawn = 0.0
                for step in running:
                    vehicle = next(v for v in problem.vehicles if v.id == step.vehicle)
                    drawn += min(step.current_a, vehicle.max_a or step.current_a)
                assert drawn <= circuit.fuse_a + NEAR


def goals(problem: Problem, answer: Plan) -> None:
    for vehicle in problem.vehicles:
        steps = [
            s
            for steps in answer.schedule.chargers.values()
            for s in steps
            if s.vehicle == vehicle.id
        ]
        total = sum(s.energy_kwh for s in steps)
        if vehicle.surplus_only:
            for step in steps:
                t = problem.slots.index(step.start)
                spare = max(0.0, problem.pv_kw[t] - problem.load_kw[t])
                assert step.energy_kwh <= spare * hours(step) + NEAR
            continue
        for goal in vehicle.goals:
            if goal.energy_kwh is None or goal.by <= problem.now or goal.by > problem.slots[-1]:
                continue
            # A slot that holds the goal's time is used before it only.
            by_then = sum(s.energy_kwh for s in steps if s.start < goal.by)
            missing = sum(
                s.missing_kwh
                for s in answer.shortfalls
                if s.vehicle == vehicle.id and s.goal is goal.kind and s.by == goal.by
            )
            assert by_then + missing >= goal.energy_kwh - NEAR
        requests = [g.energy_kwh for g in vehicle.goals if g.energy_kwh is not None]
        if vehicle.soc is None and len(requests) == len(vehicle.goals) and requests:
            assert total <= max(requests) + NEAR
        if vehicle.soc is not None and not vehicle.trips:
            room = max(0.0, vehicle.target_soc - vehicle.soc) * vehicle.capacity_kwh
            assert total * vehicle.efficiency <= room + NEAR
    for shortfall in answer.shortfalls:
        assert shortfall.missing_kwh > 0
        assert shortfall.cause in Cause


def accounting(problem: Problem, answer: Plan) -> None:
    """What a goal asks is delivered by its time or said to be missed, and no more than that."""
    for vehicle in problem.vehicles:
        if vehicle.surplus_only or vehicle.trips:
            continue
        steps = [
            s
            for steps in answer.schedule.chargers.values()
            for s in steps
            if s.vehicle == vehicle.id
        ]
        same = Counter((g.kind, g.by) for g in vehicle.goals)
        for goal in vehicle.goals:
            if (
                goal.by <= problem.now
                or goal.by > problem.slots[-1]
                or same[goal.kind, goal.by] > 1
            ):
                continue
            asked = goal.energy_kwh
            if asked is None:
                if vehicle.soc is None or goal.soc is None:
                    continue
                asked = (goal.soc - vehicle.soc) * vehicle.capacity_kwh / vehicle.efficiency
            by_then = sum(s.energy_kwh for s in steps if s.start < goal.by)
            missing = sum(
                s.missing_kwh
                for s in answer.shortfalls
                if s.vehicle == vehicle.id and s.goal is goal.kind and s.by == goal.by
            )
            assert abs(missing - max(0.0, asked - by_then)) < 5 * NEAR


def month_peaks(problem: Problem, answer: Plan) -> None:
    """The plan's peak of a month is the highest quarter-hour mean import, as a meter counts it."""
    if problem.peak is None:
        return
    zone = ZoneInfo(problem.time_zone)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    energy: dict[datetime, float] = {}
    length: dict[datetime, timedelta] = {}
    month: dict[datetime, str] = {}
    for flow in answer.flows:
        whole = flow.end - flow.start >= quarter
        begin = flow.start if whole else flow.start - (flow.start - epoch) % quarter
        hours_ = (flow.end - flow.start).total_seconds() / 3600
        energy[begin] = energy.get(begin, 0.0) + flow.import_kw * hours_
        length[begin] = flow.end - flow.start if whole else quarter
        middle = flow.start + (flow.end - flow.start) / 2
        month.setdefault(begin, f"{middle.astimezone(zone):%Y-%m}")
    for begin, kwh in energy.items():
        # What the running quarter has imported before counts too; that is checked from below.
        mean = kwh / (length[begin].total_seconds() / 3600)
        assert mean <= answer.peak_kw[month[begin]] + NEAR
    assert set(month.values()) == set(answer.peak_kw)
    this_month = month[min(month)]
    for name, kw in answer.peak_kw.items():
        assert kw >= problem.peak.floor_kw
        if name == this_month:
            assert kw >= problem.peak.month_peak_kw


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_every_plan_is_possible_and_accounts_for_itself(problem: Problem) -> None:
    answer = plan(problem)

    assert answer.rung in (Rung.OPTIMAL, Rung.INCUMBENT)
    check(problem, answer)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_the_plan_without_the_solver_is_possible_too(problem: Problem) -> None:
    answer = plan(problem, cancelled=lambda: True)

    assert answer.rung is Rung.GREEDY
    check(problem, answer)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_the_same_problem_gives_the_same_plan(problem: Problem) -> None:
    again = problem_from_json(problem_to_json(problem))

    assert again == problem
    first, second = plan(problem), plan(again)
    assert replace(first, solve_s=0) == replace(second, solve_s=0)
    assert plan_from_json(plan_to_json(first)) == first


def only_money(problem: Problem) -> Problem:
    """Return the problem without what comes before money and is not told as a shortfall.

    That is a load above every limit, storage below its window, and trips on an empty battery.
    """
    grid = problem.grid
    limit = grid.fuse_kw if grid.import_limit_kw is None else grid.import_limit_kw
    most = min(grid.fuse_kw, limit) / 2
    return replace(
        problem,
        load_kw=tuple(min(load, most) for load in problem.load_kw),
        batteries=tuple(replace(b, soc=max(b.soc, b.min_soc)) for b in problem.batteries),
        vehicles=tuple(
            replace(v, trips=(), soc=None if v.soc is None else max(v.soc, v.minimum_soc))
            for v in problem.vehicles
        ),
    )


def missed(answer: Plan) -> list[tuple[str, str, float]]:
    return sorted((s.vehicle, s.goal.value, round(s.missing_kwh, 3)) for s in answer.shortfalls)


def no_dearer(better: Plan, plain: Plan) -> None:
    """Check that a problem with more to choose from has no dearer plan, beyond its own gap."""
    if missed(better) != missed(plain):
        return
    assert better.bound <= plain.cost + NEAR
    assert better.cost <= plain.cost + better.gap + NEAR


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems(), st.floats(1.0, 2.0))
def test_more_capacity_never_costs_more(problem: Problem, more: float) -> None:
    problem = only_money(problem)
    grid = problem.grid
    wider = replace(
        problem,
        grid=replace(
            grid,
            fuse_a=more * grid.fuse_a,
            import_limit_kw=None if grid.import_limit_kw is None else more * grid.import_limit_kw,
            export_limit_kw=None if grid.export_limit_kw is None else more * grid.export_limit_kw,
        ),
        circuits=tuple(replace(c, fuse_a=more * c.fuse_a) for c in problem.circuits),
    )

    no_dearer(plan(wider), plan(problem))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems(), st.floats(0.0, 0.2))
def test_a_cheaper_price_never_costs_more(problem: Problem, less: float) -> None:
    problem = only_money(problem)
    # The lowest price stays: it is what stored energy is worth.
    lowest = min(problem.import_price)
    cheaper = replace(
        problem, import_price=tuple(max(lowest, price - less) for price in problem.import_price)
    )

    no_dearer(plan(cheaper), plan(problem))
