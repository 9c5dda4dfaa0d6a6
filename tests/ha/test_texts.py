"""Every key that the code shows has its text, and every text is shown."""

import ast
from collections.abc import Iterator
import importlib
import inspect
import json
from pathlib import Path
import pkgutil
from string import Formatter
import subprocess
import sys
from typing import Any

from homeassistant.const import Platform
from homeassistant.helpers.entity import EntityDescription
import pytest

from custom_components import smart_charging
from custom_components.smart_charging import devices, prices
from custom_components.smart_charging.commissioning import PRECONDITIONS, Failure
from custom_components.smart_charging.config import FED_PHASES, PHASE_CHOICES, PHASE_MAPS
from custom_components.smart_charging.const import GUEST, PLATFORMS
from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.device_warnings import REPAIRS
from custom_components.smart_charging.devices.base import (
    DeviceError,
    Field,
    FieldKind,
    Make,
)
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.flows.device import OWN_CHOICE
from custom_components.smart_charging.flows.device_steps import ASSIGNMENT
from custom_components.smart_charging.flows.discovery import DIRECT
from custom_components.smart_charging.flows.figures import WITH_FIGURES
from custom_components.smart_charging.flows.forms import option_key
from custom_components.smart_charging.flows.price import ROLES
from custom_components.smart_charging.flows.site import topology_option
from custom_components.smart_charging.flows.testing import TakenByUs, Unexpected
from custom_components.smart_charging.prices.base import SourceKind
from custom_components.smart_charging.prices.registry import SOURCES
from custom_components.smart_charging.runner import RequirementsMissing

FOLDER = Path(smart_charging.__file__).parent
ROOT = FOLDER.parents[1]
TEXTS: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text("utf-8"))
TREES = {
    path.relative_to(FOLDER).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(FOLDER.rglob("*.py"))
}

TABLES: dict[str, dict[str, Make] | dict[str, SourceKind]] = {"device": MAKES, "price": SOURCES}
ROWS = [(kind, key) for kind, table in TABLES.items() for key in table]


def names(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def error_classes() -> dict[str, set[str]]:
    """Return each error key of the integration with the placeholders that its texts may use.

    What an error carries is read from where it is raised: `detail` always, keywords besides.
    """
    found: dict[str, set[str]] = {}
    by_name: dict[str, str] = {}
    for package in (devices, prices, smart_charging):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".frontend" in info.name:
                continue
            module = importlib.import_module(info.name)
            for name, cls in inspect.getmembers(module, inspect.isclass):
                if issubclass(cls, DeviceError):
                    by_name[name] = cls.key
                    found.setdefault(cls.key, {"detail"})
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if (key := by_name.get(node.func.id)) is not None:
                    found[key] |= {word.arg for word in node.keywords if word.arg}
    return found


ERRORS = error_classes()
BASE_ERRORS = {cls.__name__: cls.key for cls in (DeviceError, *DeviceError.__subclasses__())}
EVERYWHERE = {TakenByUs.key, Unexpected.key, RequirementsMissing.key}
"""Raised around drivers, so that each make and source has its text."""


def test_the_translation_is_made_from_the_present_texts() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "texts", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


# --- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "key"), ROWS)
def test_each_make_and_source_has_texts_for_its_form_and_nothing_else(kind: str, key: str) -> None:
    section, fields = TEXTS["config_subentries"][kind], TABLES[kind][key].fields
    step = section["step"][key]
    extra = {"role"} if kind == "price" else set()
    assert set(step["data"]) == {field.key for field in fields} | extra
    assert set(step["data_description"]) == set(step["data"])
    assert section["step"]["user"]["menu_options"][key] == step["title"]


@pytest.mark.parametrize("key", [key for key, make in MAKES.items() if make.assignment])
def test_each_channel_that_is_chosen_has_texts(key: str) -> None:
    step = TEXTS["config_subentries"]["device"]["step"][f"{key}{ASSIGNMENT}"]
    assert list(step["data"]) == [field.key for field in MAKES[key].assignment]
    assert set(step["data_description"]) == set(step["data"])
    assert not {field.key for field in MAKES[key].fields} & set(step["data"])


@pytest.mark.parametrize(("kind", "key"), ROWS)
def test_each_failure_of_a_make_or_source_has_words(kind: str, key: str) -> None:
    told = {
        error.removeprefix(f"{key}_"): text
        for error, text in TEXTS["config_subentries"][kind]["error"].items()
        if error.startswith(f"{key}_")
    }
    generic = {cls.key for cls in (DeviceError, *DeviceError.__subclasses__())}
    assert (generic & set(ERRORS)) | EVERYWHERE <= set(told)
    for error, text in told.items():
        assert names(text) <= ERRORS[error], f"{error} does not carry what its text names"


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind, key in ROWS if not key.startswith("entity_")]
)
def test_each_error_that_a_module_of_a_make_or_source_names_has_words(kind: str, key: str) -> None:
    """The makes of entities share their code; which of them raises what, its own tests tell."""
    folder = f"{kind}s/{key}"
    trees = [tree for path, tree in TREES.items() if path.startswith((f"{folder}/", f"{folder}."))]
    assert trees
    named = {
        node.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in BASE_ERRORS
    }
    told = TEXTS["config_subentries"][kind]["error"]
    assert [name for name in named if f"{key}_{BASE_ERRORS[name]}" not in told] == []


def test_no_error_text_belongs_to_nothing() -> None:
    for kind, table in TABLES.items():
        own = {
            "device": {
                "required",
                "no_part",
                "no_channel",
                "above_maximum",
                "circuit_needs_fuse",
                "fuse_needs_circuit",
            },
            "price": {"required", "role_taken"},
        }[kind]
        for error in set(TEXTS["config_subentries"][kind]["error"]) - own:
            key = max((k for k in table if error.startswith(f"{k}_")), key=len)
            assert error.removeprefix(f"{key}_") in ERRORS, error


def secrets() -> Iterator[tuple[str, Field]]:
    """Yield what asks for new credentials: make or source, and field."""
    for table in TABLES.values():
        for key, row in table.items():
            yield from ((key, field) for field in row.fields if field.secret)


def test_each_secret_can_be_asked_for_again() -> None:
    step = TEXTS["config"]["step"]["reauth_confirm"]
    assert set(step["data"]) == {field.key for _, field in secrets()}
    assert set(step["data_description"]) == set(step["data"])
    scopes = {key for key, _ in secrets()}
    errors = TEXTS["config"]["error"]
    for error, text in TEXTS["config_subentries"]["price"]["error"].items():
        owner = max((k for k in SOURCES if error.startswith(f"{k}_")), key=len, default=None)
        if owner in scopes:
            assert errors[error] == text
        elif owner is not None:
            assert error not in errors


def test_a_discovered_device_has_the_texts_of_one_that_is_added_by_hand() -> None:
    here, there = TEXTS["config"], TEXTS["config_subentries"]["device"]
    for key in {*MAKES, "parts", *(f"figures_{kind.value}" for kind in WITH_FIGURES)}:
        assert here["step"][key] == there["step"][key]
    assert there["error"].items() <= here["error"].items()


def test_each_list_of_choices_has_labels_and_each_label_a_choice() -> None:
    expected: dict[str, set[str]] = {
        "topology": {topology_option(t.value) for t in Topology},
        "phases": {f"phases_{option}" for option in PHASE_CHOICES},
        "phase_map": {f"map_{option}" for option in PHASE_MAPS},
        "fed_phases": {f"fed_{option}" for option in FED_PHASES},
        "max_phases": {"1", "3"},
        "role": set(ROLES),
        "suggestion": {OWN_CHOICE},
        "link": {DIRECT},
    }
    for table in TABLES.values():
        for key, row in table.items():
            for field in (*row.fields, *getattr(row, "assignment", ())):
                if field.kind is FieldKind.CHOICE:
                    expected[f"{key}_{field.key}"] = {option_key(o) for o in field.options}
    for key, make in MAKES.items():
        if len(make.parts) > 1:
            labels = set(TEXTS["selector"][f"{key}_parts"]["options"])
            kinds = {kind.value for kind in make.parts}
            assert {label.rstrip("_0123456789") for label in labels} == kinds
            expected[f"{key}_parts"] = labels
    assert {k: set(v["options"]) for k, v in TEXTS["selector"].items()} == expected


def test_each_step_and_end_of_the_flows_has_texts_and_no_others_exist() -> None:
    """Compare with the step ids and reasons that stand in the code."""
    assigned = {f"{key}{ASSIGNMENT}" for key, make in MAKES.items() if make.assignment}
    device = set(MAKES) | assigned
    makes = {"device": device, "price": set(SOURCES), "config_flow": device}
    common = ["flows/device_steps.py", "flows/granting.py"]
    shared = {
        "config_flow.py": [*common, "flows/discovery.py", "flows/reauth.py", "flows/relay.py"],
        "flows/device.py": [*common, "flows/commission.py", "flows/sign_in.py"],
    }
    figures = {f"figures_{kind.value}" for kind in WITH_FIGURES}
    sections = {
        "config_flow.py": [TEXTS["config"], TEXTS["options"]],
        "flows/device.py": [TEXTS["config_subentries"]["device"]],
        "flows/price.py": [TEXTS["config_subentries"]["price"]],
        "flows/vehicle.py": [TEXTS["config_subentries"]["vehicle"]],
    }
    for path, told in sections.items():
        trees = [TREES[each] for each in (path, *shared.get(path, ()))]
        if path == "flows/device.py":
            assert set(told[0]["progress"]) == {"connect", "commission"}
        steps = {
            node.name.removeprefix("async_step_")
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("async_step_")
        }
        kind = Path(path).stem
        steps |= makes.get(kind, set())
        # These begin where a step stands that is named.
        steps -= {"reauth", "later", "commission", "commissioned", "zeroconf", "dhcp", "usb"}
        steps -= {"authorized", "handed_on", "signed_in"}
        steps -= {"reconfigure"} if kind in ("device", "price") else set()
        assert figures <= steps or path not in shared
        assert {step for section in told for step in section["step"]} == steps
        reasons = {reason for tree in trees for reason in keyword_values(tree, "reason")}
        if path == "flows/device.py":
            reasons |= {f"commission_{failure.value}" for failure in Failure}
        if path == "config_flow.py":
            reasons.add("already_in_progress")  # Home Assistant's own
        assert {r for section in told for r in section.get("abort", {})} == reasons


def keyword_values(tree: ast.AST, name: str) -> Iterator[str]:
    """Yield each text that is given for a keyword, or assigned to a variable of its name."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=given, value=value) if given == name:
                yield from literals(value)
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield from literals(value)


def literals(value: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can become."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from literals(body)
            yield from literals(other)


# --- entities ---------------------------------------------------------------------------------


def descriptions(value: object) -> Iterator[EntityDescription]:
    """Yield the descriptions in a module's constant."""
    if isinstance(value, EntityDescription):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from descriptions(each)


def described(platform: Platform) -> dict[str, EntityDescription]:
    """Return the descriptions of a platform by translation key."""
    module = importlib.import_module(f"custom_components.smart_charging.{platform.value}")
    found = [d for value in vars(module).values() for d in descriptions(value)]
    if platform is Platform.SENSOR:
        for phase in (1, 2, 3):
            found += module.phase_sensors(phase)
    if platform is Platform.NUMBER:
        found += [
            d
            for value in vars(module).values()
            if isinstance(value, dict)
            for each in value.values()
            for d in descriptions(each)
        ]
    return {d.translation_key: d for d in found if d.translation_key is not None}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_entity_has_a_name_and_each_name_an_entity(platform: Platform) -> None:
    told = TEXTS["entity"].get(platform.value, {})
    found = described(platform)
    assert set(told) == set(found)
    for key, description in found.items():
        assert told[key]["name"]
        states = getattr(description, "options", None)
        if states and key not in PLAIN_NUMBERS:
            assert set(told[key]["state"]) == set(states)
        events = getattr(description, "event_types", None)
        if events:
            assert set(told[key]["state_attributes"]["event_type"]["state"]) == set(events)


PLAIN_NUMBERS = {"phases"}
"""Selects whose options need no words."""


def test_a_guest_has_a_name_among_the_vehicles() -> None:
    assert set(TEXTS["entity"]["select"]["vehicle"]["state"]) == {GUEST}


def test_entities_without_a_text_have_a_name_by_their_class() -> None:
    for platform in PLATFORMS:
        module = importlib.import_module(f"custom_components.smart_charging.{platform.value}")
        for value in vars(module).values():
            for description in descriptions(value):
                named = description.translation_key or description.device_class
                assert named, f"{platform.value}.{description.key}"


# --- exceptions and repairs -------------------------------------------------------------------


def raised() -> Iterator[tuple[str, set[str]]]:
    """Yield each translated exception in the code: key and placeholders."""
    for tree in TREES.values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            given = {word.arg: word.value for word in node.keywords if word.arg}
            if "translation_domain" in given:
                placeholders = given.get("translation_placeholders")
                keys = {
                    key.value
                    for key in (placeholders.keys if isinstance(placeholders, ast.Dict) else ())
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
                yield from ((key, keys) for key in literals(given["translation_key"]))
            elif isinstance(node.func, ast.Name) and node.func.id == "_invalid":
                # requests.py: key first, placeholders as keywords
                yield from ((key, set(given)) for key in literals(node.args[0]))


def test_each_exception_has_its_words_and_all_words_an_exception() -> None:
    found = dict(raised())
    found |= {f"commission_{failure.value}": {"name"} for failure in PRECONDITIONS}
    assert set(found) == set(TEXTS["exceptions"])
    for key, given in raised():
        assert names(TEXTS["exceptions"][key]["message"]) <= given, key


def shown_repairs() -> Iterator[tuple[str | None, set[str]]]:
    """Yield each repair in the code: key, `None` where a variable holds it, and placeholders."""
    for tree in TREES.values():
        constants = {
            target.id: value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target, value in [(node.targets[0], node.value)]
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="show"), args=[key, _], keywords=words):
                    given = {"name"} | {word.arg for word in words if word.arg} - {"subject_id"}
                    if isinstance(key, ast.Name):
                        key = constants.get(key.id, key)
                    yield next(literals(key), None), given


def test_each_repair_has_its_words_and_all_words_a_repair() -> None:
    shown = list(shown_repairs())
    shown += [(key, {"name", "warning"}) for key in REPAIRS.values()]
    by_variable = [given for key, given in shown if key is None]
    told = dict(TEXTS["issues"])
    for key, given in shown:
        if key is not None:
            text = told.pop(key)
            assert names(text["title"]) | names(text["description"]) <= given, key
    texts_in_code = {
        node.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for key, text in told.items():
        assert key in texts_in_code
        for given in by_variable:
            assert names(text["title"]) | names(text["description"]) <= given, key
    assert by_variable or not told
