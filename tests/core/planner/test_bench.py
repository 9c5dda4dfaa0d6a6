"""The benchmark's own parts: what it records it can replay, and it counts money as it says."""

from datetime import timedelta

import highspy
import pytest

from benchmarks.evening import home
from benchmarks.homes import homes, in_steps
from benchmarks.planner import percentile, relative
from benchmarks.replans import from_now, replan
from benchmarks.replay import recorded, replay
from custom_components.smart_charging.core.planner import plan, problem_faults, problem_to_json


def test_a_recording_solves_as_often_on_raw_highs_and_leaves_highspy_as_it_was() -> None:
    before = highspy.Highs.run, highspy.Highs.passModel
    problem = home("spring", hours=12)

    with recorded() as first:
        answer = plan(problem)
    with recorded() as again:
        took = replay(first)

    assert (highspy.Highs.run, highspy.Highs.passModel) == before
    assert answer.rung.value in ("optimal", "incumbent")
    assert first.solves > 0
    assert again.solves == first.solves
    assert 0 < took.cpu_s < 60


def test_a_replay_comes_to_the_same_optimum() -> None:
    with recorded() as first:
        plan(home("winter", hours=12))
    with recorded() as again:
        replay(first)

    found = [
        [solver.getInfo().objective_function_value for solver in recording.kept]
        for recording in (first, again)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_the_homes_are_two_days_of_whole_problems() -> None:
    made = homes()

    assert len(made) >= 14
    for problem in made.values():
        assert len(problem.slots) == 193
        assert not problem_faults(problem_to_json(problem))
        assert {c.step_a for c in problem.chargers} == {0}
        assert {len(c.phases) for c in problem.chargers} == {1}
        assert {c.step_a for c in in_steps(problem).chargers} == {1}


def test_the_rest_of_an_evening_keeps_its_prices() -> None:
    problem = home("spring", hours=12)
    later = from_now(problem, problem.now + timedelta(minutes=44, seconds=30))

    assert later.slots[0] == later.now
    assert later.slots[1:] == problem.slots[4:]
    assert later.import_price == problem.import_price[3:]
    assert len(later.load_kw) == len(later.slots) - 1


def test_a_home_that_is_planned_again_lives_on() -> None:
    flips = replan(home("winter", hours=12), every=timedelta(minutes=10), count=12)

    assert flips.plans == 12
    assert flips.starts >= 1
    assert flips.charger <= 2


def test_a_cent_counts_as_nothing_and_a_percentile_is_one_of_the_values() -> None:
    assert relative(0.01, 0.02) == 0
    assert relative(0.05, -10.0) == pytest.approx(0.005)
    assert percentile([5.0, 1.0, 3.0], 0.5) == 3
    assert percentile([5.0, 1.0, 3.0], 0.95) == 5
