"""What is put right between two solves: limits that running currents break, flows both ways at once."""

from dataclasses import replace

import numpy as np
import pytest

from custom_components.smart_charging.core.planner import Battery, Problem
from custom_components.smart_charging.core.planner.limits import tighten
from custom_components.smart_charging.core.planner.needs import needs_of
from custom_components.smart_charging.core.planner.pattern import OFF, Pattern, apply
from custom_components.smart_charging.core.planner.prepare import prepare
from custom_components.smart_charging.core.planner.presence import TINY
from custom_components.smart_charging.core.planner.readout import read
from custom_components.smart_charging.core.planner.rounding import exclude
from custom_components.smart_charging.core.planner.search import Climb
from custom_components.smart_charging.core.planner.solution import Solution
from custom_components.smart_charging.core.planner.solver import Solved
from custom_components.smart_charging.core.planner.weights import weights_of

from .test_margin import gloomy
from .test_search import NARROW, three_cars


def climbed(problem: Problem) -> Climb:
    """Return the search of a problem, at its end."""
    prepared = prepare(problem)
    needs = tuple(needs_of(prepared, v) for v in range(len(prepared.problem.vehicles)))
    climb = Climb(prepared, needs, weights_of(prepared, needs), np.inf, None)
    climb.run()
    assert climb.best is not None
    return climb


def again(climb: Climb, pattern: Pattern) -> tuple[Solved, Solution]:
    """Return the answer to a pattern without any correction."""
    apply(climb.prepared, climb.needs, climb.columns, climb.solver, pattern)
    solved = climb.solver.solve(60.0)
    assert solved is not None
    setting = climb._settings(pattern, solved)  # as between two corrections
    return solved, read(climb.prepared, climb.needs, climb.columns, solved, setting, pattern)


@pytest.fixture(scope="module")
def crowded() -> Climb:
    """Return three cars on whole amperes that fill a contract, and a battery beside them."""
    battery = Battery(id="b", capacity_kwh=5, soc=0.2)
    return climbed(replace(three_cars(1.0, NARROW), batteries=(battery,)))


def open_pattern(climb: Climb) -> Pattern:
    assert climb.best is not None
    pattern = climb.best.pattern.copy()
    pattern.reopen(climb.needs)
    return pattern


def test_the_first_corrections_only_cap(crowded: Climb) -> None:
    pattern = open_pattern(crowded)
    _, solution = again(crowded, pattern)

    assert tighten(crowded.prepared, crowded.needs, pattern, solution, pin=False, everything=False)
    assert pattern.limited(crowded.needs)
    assert not pattern.pinned
    assert not pattern.battery_cap


def test_later_ones_hold_what_gave_way_and_the_last_ones_all(crowded: Climb) -> None:
    pattern = open_pattern(crowded)
    _, solution = again(crowded, pattern)
    last = pattern.copy()

    assert tighten(crowded.prepared, crowded.needs, pattern, solution, pin=True, everything=False)
    assert tighten(crowded.prepared, crowded.needs, last, solution, pin=True, everything=True)
    running = {
        (v, i)
        for v, charge in enumerate(solution.charge)
        for i in np.flatnonzero(charge > TINY).tolist()
        if last.state[v][i] != OFF
    }
    assert set(pattern.pinned) < set(last.pinned) == running
    # The battery may not take what a car gives up in its slot.
    slots = {int(crowded.needs[v].plugged.slot[i]) for v, i in pattern.pinned}
    assert {t for _, t in pattern.battery_cap} >= slots
    for (b, t), most in pattern.battery_cap.items():
        assert most == pytest.approx(float(solution.battery_in[b][t]))


def test_no_battery_takes_and_gives_in_a_slot_and_may_be_kept_from_starting_to() -> None:
    climb = climbed(gloomy(18970))
    pattern = open_pattern(climb)
    pattern.discharging.clear()
    solved, solution = again(climb, pattern)
    one, all_ = pattern.copy(), pattern.copy()

    assert exclude(climb.columns, solved, one, everywhere=False)
    assert exclude(climb.columns, solved, all_, everywhere=True)
    moving = {
        (b, t): out[t] > into[t]
        for b, (into, out) in enumerate(zip(solution.battery_in, solution.battery_out, strict=True))
        for t in np.flatnonzero(np.maximum(into, out) > 1e-5).tolist()
    }
    both = {
        (b, t)
        for b, t in moving
        if min(solution.battery_in[b][t], solution.battery_out[b][t]) > 1e-5
    }
    assert set(one.discharging) == both
    assert both < set(all_.discharging)
    assert all_.discharging == {key: bool(out) for key, out in moving.items()}
    assert not exclude(climb.columns, solved, all_, everywhere=True)
