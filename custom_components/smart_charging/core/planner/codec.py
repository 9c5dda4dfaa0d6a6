"""Problems and plans as JSON: exact both ways, and every fault of a bad input at once.

The types of the dataclasses and the table of bounds say what is well formed; the published schema
is made from the same two. What no schema can say stands in `sense.py`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
import math
import re
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from .bounds import ANY, EXACTLY_ONE, TIME, TIME_EXAMPLE, Bound, bound_of
from .faults import Fault, ProblemInvalid
from .problem import Problem
from .result import Plan
from .sense import nearest, sense_faults, structure_faults

__all__ = [
    "Json",
    "ProblemInvalid",
    "plan_from_json",
    "plan_to_json",
    "problem_faults",
    "problem_from_json",
    "problem_to_json",
    "structure_faults",
]

type Json = dict[str, Any]


def problem_to_json(problem: Problem) -> Json:
    """Return `problem` as JSON types; `problem_from_json` gives an equal problem back."""
    encoded: Json = _encode(problem)
    return encoded


def problem_from_json(data: object) -> Problem:
    """Return the problem that `data` describes.

    Raises:
        ProblemInvalid: with every fault of `data`.
    """
    problem, faults = _read_problem(data)
    if faults:
        raise ProblemInvalid(faults)
    return problem


def plan_to_json(plan: Plan) -> Json:
    """Return `plan` as JSON types; `plan_from_json` gives an equal plan back."""
    encoded: Json = _encode(plan)
    return encoded


def plan_from_json(data: object) -> Plan:
    """Return the plan that `data` describes.

    Raises:
        ProblemInvalid: with every fault of `data`.
    """
    faults: list[Fault] = []
    plan: Plan = _decode(Plan, data, "$", faults)
    if faults:
        raise ProblemInvalid(faults)
    return plan


def problem_faults(problem: Problem) -> list[Fault]:
    """Return what is wrong with a problem, each fault with its JSON path."""
    return _read_problem(_encode(problem))[1]


def _read_problem(data: object) -> tuple[Problem, list[Fault]]:
    """Return the problem and its faults; with faults the problem has holes."""
    faults: list[Fault] = []
    problem: Problem = _decode(Problem, data, "$", faults)
    if isinstance(data, dict):
        known = {fault.path for fault in faults}
        faults += [fault for fault in sense_faults(problem) if fault.path not in known]
    return problem, faults


def _encode(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    return {name: _encode(getattr(value, name)) for name in hints_of(value.__class__)}


@cache
def hints_of(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by name, in their order."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def without_none(kind: Any) -> tuple[Any, bool]:
    """Return a type without its `None`, and whether it had one."""
    if get_origin(kind) not in (UnionType, Union):
        return kind, False
    choices = get_args(kind)
    inner = next(choice for choice in choices if choice is not type(None))
    return inner, type(None) in choices


def _decode(kind: Any, data: object, path: str, faults: list[Fault], bound: Bound = ANY) -> Any:
    """Return `data` as `kind`; a fault is noted and leaves a hole, `None`."""
    kind, optional = without_none(kind)
    if optional and data is None:
        return None
    origin = get_origin(kind)
    if origin is tuple:
        return _decode_list(get_args(kind)[0], data, path, faults, bound)
    if origin is not None:
        return _decode_mapping(get_args(kind)[1], data, path, faults)
    if is_dataclass(kind):
        return _decode_dataclass(kind, data, path, faults)
    # Not `is`: tests that freeze time put a subclass in the name's place.
    if issubclass(kind, datetime):
        return _decode_time(data, path, faults)
    if issubclass(kind, StrEnum):
        return _decode_choice(kind, data, path, faults)
    if kind is float or kind is int:
        return _decode_number(kind, data, path, faults, bound)
    if not isinstance(data, kind):
        return _hole(faults, path, f"expected {_word(kind)}, not {_found(data)}")
    return data


def _decode_list(item: Any, data: object, path: str, faults: list[Fault], bound: Bound) -> Any:
    if not isinstance(data, list | tuple):
        return _hole(faults, path, f"expected a list, not {_found(data)}")
    least, most = bound.items
    if len(data) < least or (most is not None and len(data) > most):
        many = f"{least}" if least == most else f"{least} to {most}" if most else f"{least} or more"
        _hole(faults, path, f"has {len(data)} values", f"{many} are needed")
    return tuple(_decode(item, x, f"{path}[{i}]", faults, bound) for i, x in enumerate(data))


def _decode_mapping(item: Any, data: object, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, dict):
        return _hole(faults, path, f"expected an object, not {_found(data)}")
    return {str(k): _decode(item, x, f"{path}.{k}", faults) for k, x in data.items()}


def _decode_dataclass(kind: Any, data: object, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, dict):
        return _hole(faults, path, f"expected an object, not {_found(data)}")
    hints = hints_of(kind)
    for key in data:
        if key not in hints:
            _hole(faults, f"{path}.{key}", "unknown field", nearest(str(key), set(hints)))
    values: dict[str, Any] = {}
    for item in fields(kind):
        name, hint = item.name, hints[item.name]
        if name in data:
            bound = bound_of(kind, name)
            values[name] = _decode(hint, data[name], f"{path}.{name}", faults, bound)
        elif item.default is MISSING and item.default_factory is MISSING:
            values[name] = _hole(faults, f"{path}.{name}", "is missing", f"add {_word(hint)}")
    if one := EXACTLY_ONE.get(kind):
        given = [name for name in one if data.get(name) is not None]
        if len(given) != 1:
            mend = "leave one out" if given else "add one"
            _hole(faults, path, f"needs exactly one of {' and '.join(one)}", mend)
    return kind(**values)


def _decode_number(
    kind: type[float | int], data: object, path: str, faults: list[Fault], bound: Bound
) -> Any:
    if isinstance(data, bool) or not isinstance(data, int | float):
        return _hole(faults, path, f"expected {_word(kind)}, not {_found(data)}")
    try:
        finite = math.isfinite(data)
    except OverflowError:
        finite = False
    if not finite:
        what = f"expected {_word(kind)} that is finite"
        return _hole(faults, path, what, "leave it out where nothing is known", of_sense=True)
    if kind is int and data != int(data):
        return _hole(faults, path, f"expected a whole number, not {data}")
    for wrong, rule in (
        (bound.above is not None and data <= bound.above, f"above {bound.above}"),
        (bound.least is not None and data < bound.least, f"at least {bound.least}"),
        (bound.most is not None and data > bound.most, f"at most {bound.most}"),
    ):
        if wrong:
            return _hole(faults, path, f"must be {rule}, not {data}")
    return kind(data)


def _decode_choice(kind: type[StrEnum], data: object, path: str, faults: list[Fault]) -> Any:
    if isinstance(data, str) and data in (choices := [each.value for each in kind]):
        return kind(data)
    what = f"expected one of {', '.join(each.value for each in kind)}, not {_found(data)}"
    mend = nearest(data, choices) if isinstance(data, str) else ""
    return _hole(faults, path, what, mend if mend.startswith("did") else "")


def _decode_time(data: object, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, str):
        return _hole(faults, path, f"expected a time, not {_found(data)}", f"like {TIME_EXAMPLE}")
    if re.search(TIME, data) is None:
        if re.search(TIME, f"{data}Z"):
            return _hole(faults, path, "needs an offset from UTC", "add Z, or one like +02:00")
        return _hole(faults, path, f"expected a time, not {_found(data)}", f"like {TIME_EXAMPLE}")
    try:
        return datetime.fromisoformat(data).astimezone(UTC)
    except ValueError as error:
        return _hole(faults, path, f"no such time: {error}", of_sense=True)


def _hole(
    faults: list[Fault], path: str, what: str, mend: str = "", *, of_sense: bool = False
) -> Any:
    """Note a fault and return the hole that its value leaves."""
    faults.append(Fault(path=path, what=what, mend=mend, of_sense=of_sense))
    return None


def _word(kind: Any) -> str:
    """Return what a type is called in a fault."""
    kind, _ = without_none(kind)
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    if get_origin(kind) is tuple:
        return "a list"
    if word := words.get(kind):
        return word
    if is_dataclass(kind) or get_origin(kind) is not None:
        return "an object"
    if issubclass(kind, StrEnum):
        return f"one of {', '.join(each.value for each in kind)}"
    return f"a time, like {TIME_EXAMPLE}"


def _found(data: object) -> str:
    """Return what was found in the place of something else."""
    if data is None:
        return "null"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, str):
        return f"{data!r}" if len(data) <= 40 else f"{data[:37]!r}..."
    if isinstance(data, list | tuple):
        return "a list"
    return "an object" if isinstance(data, dict) else f"{data}"
