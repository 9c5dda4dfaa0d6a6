"""The published schema says what the codec does."""

from collections.abc import Iterator
from copy import deepcopy
import json
from math import isfinite
from pathlib import Path
from typing import Any

from hypothesis import given, settings, strategies as st
from jsonschema import Draft202012Validator
import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.planner import (
    Fault,
    ProblemInvalid,
    plan,
    problem_from_json,
    problem_to_json,
)
from scripts.plan_tool.schema import schema
from tests.core.planner.strategies import problems
from tests.core.planner.test_codec import well_formed

PUBLISHED = Path(__file__).parents[2] / "docs" / "problem.schema.json"
VALIDATOR = Draft202012Validator(schema())

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 4, 0.5, 1.5, 3.0, -0.25, 1e300, "", "x", "1x230", "request"),
    *([], {}, [1], [1, 4], [1.0, 2, 3], {"id": "x"}, [None], ["a"], [{}]),
    *("2026-04-14T17:00:00Z", "2026-04-14T17:00+02:00", "2026-04-14", "2026-04-14T17:00:00"),
    *("2026-02-30T17:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    *("2026-04-14T24:00:00Z", "20260414T170000Z", "2026-04-14T17:00:00.1234567Z"),
]
"""Values to put in the place of others: most are wrong in most places, few everywhere."""


def places(data: Any) -> Iterator[tuple[Any, str | int]]:
    """Yield each container in `data` with each of its keys."""
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from places(data[key])


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Return a problem as JSON with some values changed, left out, added or repeated."""
    data = problem_to_json(well_formed(draw(problems())))
    for _ in range(draw(st.integers(1, 4))):
        found = list(places(data))
        # Scalars of long series are most of the places, and all alike: rarely those.
        short = [x for x in found if not (isinstance(x[0], list) and x[1] > 2)]
        into, key = draw(st.sampled_from(short))
        what = draw(st.sampled_from(["change", "change", "leave out", "add"]))
        if what == "change":
            into[key] = deepcopy(draw(st.sampled_from(ODD)))
        elif what == "leave out":
            del into[key]
        elif isinstance(into, dict):
            into["wattage"] = 1
        else:
            into.append(deepcopy(into[key]))
    return data


def faults_of(data: object) -> tuple[Fault, ...]:
    try:
        problem_from_json(data)
    except ProblemInvalid as invalid:
        return invalid.faults
    return ()


def test_the_published_schema_is_current() -> None:
    published = json.loads(PUBLISHED.read_text())

    assert published == json.loads(json.dumps(schema())), "scripts/plan --schema makes it anew"


def test_it_is_a_schema_that_takes_a_problem() -> None:
    Draft202012Validator.check_schema(schema())

    VALIDATOR.validate(problem_to_json(home("spring", hours=12)))


def test_it_describes_fields_and_their_units() -> None:
    made = schema()
    vehicle = made["$defs"]["Vehicle"]["properties"]

    assert vehicle["efficiency"]["description"] == "Battery energy per AC energy."
    assert vehicle["capacity_kwh"] == {
        "description": "In kWh.",
        "type": "number",
        "exclusiveMinimum": 0,
    }
    assert vehicle["soc"]["type"] == ["number", "null"]
    assert "3x230: Three phases without neutral" in made["$defs"]["Topology"]["description"]
    assert made["$defs"]["Charger"]["required"] == ["id"]


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_schema_and_codec_refuse_the_same(data: dict[str, Any]) -> None:
    faults = faults_of(data)

    by_codec = {fault.path for fault in faults if not fault.of_sense}
    by_schema = {error.json_path for error in VALIDATOR.iter_errors(data)}

    assert bool(by_codec) == bool(by_schema)
    # What is missing or unknown the schema reports at the object around it.
    for path in by_codec:
        assert path in by_schema or path.rpartition(".")[0] in by_schema, path
    for path in by_schema:
        assert path in by_codec or any(x.rpartition(".")[0] == path for x in by_codec), path


@settings(max_examples=60, deadline=None)
@given(mutated())
def test_what_is_not_refused_can_be_planned(data: dict[str, Any]) -> None:
    if faults_of(data):
        return
    problem = problem_from_json(data)

    assert isfinite(plan(problem).cost)


@pytest.mark.parametrize("key", ["now", "slots", "vehicles"])
def test_a_null_for_what_is_needed_is_refused_by_both(key: str) -> None:
    data = problem_to_json(home("spring", hours=12)) | {key: None}

    assert not VALIDATOR.is_valid(data)
    assert [fault.path for fault in faults_of(data)] == [f"$.{key}"]
