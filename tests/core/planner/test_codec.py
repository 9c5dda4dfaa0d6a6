"""Problems and plans as JSON."""

from copy import deepcopy
from datetime import UTC, datetime
import json

import pytest

from benchmarks.planner import home
from custom_components.smart_charging.core.planner import (
    ProblemInvalid,
    plan,
    plan_from_json,
    plan_to_json,
    problem_from_json,
    problem_to_json,
)
from tests.core.planner.strategies import site


@pytest.mark.parametrize("seed", range(12))
def test_a_problem_survives_json_exactly(seed: int) -> None:
    problem = site(seed)

    assert problem_from_json(json.loads(json.dumps(problem_to_json(problem)))) == problem


def test_a_plan_survives_json_exactly() -> None:
    answer = plan(home("spring", hours=12))

    assert plan_from_json(json.loads(json.dumps(plan_to_json(answer)))) == answer


def test_every_fault_is_named_with_its_path() -> None:
    data = problem_to_json(home("spring", hours=12))
    data["now"] = "yesterday"
    data["import_price"][3] = "dear"
    data["load_kw"][0] = float("nan")
    data["grid"]["topology"] = "2x115"
    data["vehicles"][0]["goals"][1]["by"] = "2026-04-15T06:00:00"
    data["vehicles"][0]["goals"][0]["kind"] = "wish"
    data["vehicles"][1]["soc"] = True
    data["chargers"] = {}
    data["batteries"][0]["colour"] = "green"
    del data["time_zone"]
    data["search"]["solves"] = 1.5

    with pytest.raises(ProblemInvalid) as invalid:
        problem_from_json(data)

    assert sorted(invalid.value.faults) == [
        "$.batteries[0].colour: unknown field",
        "$.chargers: expected a list",
        "$.grid.topology: expected one of 1x230, 3x230, 3x400",
        "$.import_price[3]: expected a number",
        "$.load_kw[0]: expected a finite number",
        "$.now: expected a time as ISO 8601",
        "$.search.solves: expected a whole number",
        "$.time_zone: is missing",
        "$.vehicles[0].goals[0].kind: expected one of minimum, trip, ready_by, request",
        "$.vehicles[0].goals[1].by: needs an offset from UTC",
        "$.vehicles[1].soc: expected a number",
    ]


def test_faults_of_sense_are_found_as_well() -> None:
    data = problem_to_json(home("spring", hours=12))
    data["slots"][4] = data["slots"][3]
    data["pv_kw"] = data["pv_kw"][:-2]
    data["time_zone"] = "Europe/Atlantis"
    data["vehicles"][1]["id"] = data["vehicles"][0]["id"]
    data["vehicles"][0]["goals"][0]["energy_kwh"] = 5
    data["vehicles"][0]["capacity_kwh"] = 0
    data["batteries"][0]["charge_efficiency"] = -1

    with pytest.raises(ProblemInvalid) as invalid:
        problem_from_json(data)

    assert sorted(invalid.value.faults) == [
        "$.batteries[0].charge_efficiency: must be above 0",
        "$.pv_kw: has 46 values for 48 slots",
        "$.slots[4]: is not after the bound before it",
        "$.time_zone: unknown time zone 'Europe/Atlantis'",
        "$.vehicles[0].capacity_kwh: must be above 0",
        "$.vehicles[0].goals[0]: needs exactly one of soc and energy_kwh",
        "$.vehicles[1].id: 'big' occurs twice",
    ]


@pytest.mark.parametrize("data", [None, [], "plan", 3])
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(ProblemInvalid, match=r"\$: expected an object"):
        problem_from_json(data)
    with pytest.raises(ProblemInvalid, match=r"\$: expected an object"):
        plan_from_json(data)


def test_defaults_may_be_left_out_and_offsets_differ() -> None:
    data = problem_to_json(home("spring", hours=12))
    lean = deepcopy(data)
    for key in ("previous", "search", "circuits", "quarter_energy_kwh", "pv_p10_kw"):
        del lean[key]
    lean["now"] = datetime.fromisoformat(data["now"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert problem_from_json(lean) == problem_from_json(data)


def test_a_broken_structure_is_refused_by_the_planner_too() -> None:
    from dataclasses import replace

    problem = home("spring", hours=12)

    with pytest.raises(ProblemInvalid, match="load_kw"):
        plan(replace(problem, load_kw=problem.load_kw[1:]))
    with pytest.raises(ProblemInvalid, match="slots"):
        plan(replace(problem, slots=problem.slots[:1]))
