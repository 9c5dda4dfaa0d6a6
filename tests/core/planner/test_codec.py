"""Problems and plans as JSON."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
import json

import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.planner import (
    Problem,
    ProblemInvalid,
    plan,
    plan_from_json,
    plan_to_json,
    problem_faults,
    problem_from_json,
    problem_to_json,
)
from custom_components.smart_charging.core.planner.bounds import BOUNDS, EXACTLY_ONE
from custom_components.smart_charging.core.planner.codec import hints_of
from tests.core.planner.strategies import site


def well_formed(problem: Problem) -> Problem:
    """Return a random site without stays at a charger that it does not have."""
    chargers = {charger.id for charger in problem.chargers}
    return replace(
        problem,
        vehicles=tuple(
            replace(vehicle, stays=tuple(s for s in vehicle.stays if s.charger in chargers))
            for vehicle in problem.vehicles
        ),
    )


def faults_of(data: object) -> list[str]:
    """Return the faults of a problem as text, in order."""
    with pytest.raises(ProblemInvalid) as invalid:
        problem_from_json(data)
    return sorted(map(str, invalid.value.faults))


@pytest.mark.parametrize("seed", range(12))
def test_a_problem_survives_json_exactly(seed: int) -> None:
    problem = well_formed(site(seed))

    assert problem_from_json(json.loads(json.dumps(problem_to_json(problem)))) == problem


def test_a_plan_survives_json_exactly() -> None:
    answer = plan(home("spring", hours=12))

    assert plan_from_json(json.loads(json.dumps(plan_to_json(answer)))) == answer


def test_every_fault_is_named_with_its_path_and_how_to_mend_it() -> None:
    data = problem_to_json(home("spring", hours=12))
    data["now"] = "yesterday"
    data["import_price"][3] = "dear"
    data["load_kw"][0] = float("nan")
    data["load_kw"][1] = 10**400
    data["grid"]["topology"] = "3x40"
    data["vehicles"][0]["goals"][1]["by"] = "2026-04-15T06:00:00"
    data["vehicles"][0]["goals"][0]["kind"] = "wish"
    data["vehicles"][0]["stays"][0]["start"] = "2026-02-30T06:00:00Z"
    data["vehicles"][1]["soc"] = True
    data["chargers"] = {}
    data["batteries"][0]["max_charg_kw"] = 4
    del data["time_zone"]
    data["search"]["solves"] = 1.5

    by_path = dict(fault.split(": ", 1) for fault in faults_of(data))

    assert "no such time" in by_path.pop("$.vehicles[0].stays[0].start")
    assert by_path == {
        "$.batteries[0].max_charg_kw": "unknown field; did you mean 'max_charge_kw'?",
        "$.chargers": "expected a list, not an object",
        "$.grid.topology": "expected one of 1x230, 3x230, 3x400, not '3x40'; did you mean '3x400'?",
        "$.import_price[3]": "expected a number, not 'dear'",
        "$.load_kw[0]": "expected a number that is finite; leave it out where nothing is known",
        "$.load_kw[1]": "expected a number that is finite; leave it out where nothing is known",
        "$.now": "expected a time, not 'yesterday'; like 2026-04-14T17:00:00+02:00",
        "$.search.solves": "expected a whole number, not 1.5",
        "$.time_zone": "is missing; add a text",
        "$.vehicles[0].goals[0].kind": "expected one of minimum, trip, ready_by, request, "
        "not 'wish'",
        "$.vehicles[0].goals[1].by": "needs an offset from UTC; add Z, or one like +02:00",
        "$.vehicles[1].soc": "expected a number, not true",
    }


def test_faults_of_sense_are_found_as_well() -> None:
    data = problem_to_json(home("spring", hours=12))
    data["slots"][4] = data["slots"][3]
    data["pv_kw"] = data["pv_kw"][:-2]
    data["time_zone"] = "Europe/Atlantis"
    data["vehicles"][1]["id"] = data["vehicles"][0]["id"]
    data["vehicles"][0]["goals"][0]["energy_kwh"] = 5
    data["vehicles"][0]["capacity_kwh"] = 0
    data["vehicles"][0]["stays"][1]["charger"] = "garrage"
    data["circuits"] = [{"id": "shed", "name": "Shed", "fuse_a": 20, "chargers": ["barn"]}]
    data["chargers"][1]["circuit"] = "she"
    data["chargers"][0]["phases"] = [1, 4]
    data["chargers"][0]["phase_map"] = [1, 2]
    data["batteries"][0]["charge_efficiency"] = -1

    assert faults_of(data) == [
        "$.batteries[0].charge_efficiency: must be above 0, not -1",
        "$.chargers[0].phase_map: has 2 values; 3 are needed",
        "$.chargers[0].phases[1]: must be at most 3, not 4",
        "$.chargers[1].circuit: no circuit 'she'; did you mean 'shed'?",
        "$.circuits[0].chargers[0]: no charger 'barn'; there is 'drive', 'garage'",
        "$.pv_kw: has 46 values for 48 slots; add 2",
        "$.slots[4]: is not after the bound before it; put bounds in order",
        "$.time_zone: unknown time zone 'Europe/Atlantis'; "
        "take an IANA name, such as 'Europe/Brussels'",
        "$.vehicles[0].capacity_kwh: must be above 0, not 0",
        "$.vehicles[0].goals[0]: needs exactly one of soc and energy_kwh; leave one out",
        "$.vehicles[0].stays[1].charger: no charger 'garrage'; did you mean 'garage'?",
        "$.vehicles[1].id: 'big' occurs twice; give each its own id",
    ]


def test_what_hangs_on_a_fault_is_no_second_fault() -> None:
    data = problem_to_json(home("spring", hours=12))
    del data["chargers"][0]["id"]
    data["slots"][4] = "noon"

    assert faults_of(data) == [
        "$.chargers[0].id: is missing; add a text",
        "$.slots[4]: expected a time, not 'noon'; like 2026-04-14T17:00:00+02:00",
    ]


def test_a_problem_made_in_code_is_judged_as_one_that_is_read() -> None:
    problem = home("spring", hours=12)
    empty = replace(problem.batteries[0], capacity_kwh=0.0)

    assert problem_faults(problem) == []
    assert [str(x) for x in problem_faults(replace(problem, batteries=(empty,)))] == [
        "$.batteries[0].capacity_kwh: must be above 0, not 0.0"
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
    problem = home("spring", hours=12)

    with pytest.raises(ProblemInvalid, match="load_kw"):
        plan(replace(problem, load_kw=problem.load_kw[1:]))
    with pytest.raises(ProblemInvalid, match="slots"):
        plan(replace(problem, slots=problem.slots[:1]))


def test_bounds_stand_for_fields_that_there_are() -> None:
    for kind, bounds in BOUNDS.items():
        assert set(bounds) <= set(hints_of(kind))
    for kind, names in EXACTLY_ONE.items():
        assert set(names) <= set(hints_of(kind))
