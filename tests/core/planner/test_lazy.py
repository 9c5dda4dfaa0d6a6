"""A plan makes its steps, flows, shortfalls and baseline when they are first read."""

from copy import copy
from dataclasses import FrozenInstanceError, replace
import gc
import pickle
import weakref

import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core import planner
from custom_components.smart_charging.core.planner import plan, plan_from_json, plan_to_json
from custom_components.smart_charging.core.planner.result import LAZY


def test_steps_are_made_when_they_are_first_read() -> None:
    answer = plan(home("spring", hours=12))

    assert not LAZY & set(vars(answer))
    assert answer.schedule is answer.schedule
    assert "schedule" in vars(answer)
    assert "baseline_cost" not in vars(answer)


def test_a_complete_plan_lets_go_of_what_it_was_made_from() -> None:
    answer = plan(home("spring", hours=12))
    story = weakref.ref(vars(answer)["_details"])

    assert answer.complete() is answer
    assert set(vars(answer)) >= LAZY
    gc.collect()
    assert story() is None


def test_a_plan_equals_itself_however_it_came_about() -> None:
    problem = home("spring", hours=12)
    answer = plan(problem)

    for other in (
        plan_from_json(plan_to_json(answer)),
        pickle.loads(pickle.dumps(plan(problem))),
        copy(answer),
        replace(plan(problem), cost=answer.cost),
    ):
        assert replace(other, solve_s=answer.solve_s) == answer
        assert other.savings == answer.savings


def test_a_plan_has_no_other_names_and_cannot_be_changed() -> None:
    answer = plan(home("spring", hours=12))

    with pytest.raises(AttributeError):
        answer.reasons  # type: ignore[attr-defined] # noqa: B018 - the read is what is tested
    with pytest.raises(FrozenInstanceError):
        answer.cost = 0.0  # type: ignore[misc]


def test_reading_a_plan_leaves_the_names_of_the_package_alone() -> None:
    plan(home("spring", hours=12)).complete()

    assert callable(planner.baseline)
    assert callable(planner.explain)
