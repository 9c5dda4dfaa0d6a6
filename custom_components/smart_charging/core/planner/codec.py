"""Problems and plans as JSON: exact both ways, and every fault of a bad input at once."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
import math
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .problem import Problem
from .result import Plan

type Json = dict[str, Any]


class ProblemInvalid(ValueError):
    """A problem or plan is not well formed; `faults` names each fault with its JSON path."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


def problem_to_json(problem: Problem) -> Json:
    """Return `problem` as JSON types; `problem_from_json` gives an equal problem back."""
    encoded: Json = _encode(problem)
    return encoded


def problem_from_json(data: object) -> Problem:
    """Return the problem that `data` describes.

    Raises:
        ProblemInvalid: with every fault of `data`.
    """
    problem: Problem = _read(Problem, data)
    if faults := problem_faults(problem):
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
    plan: Plan = _read(Plan, data)
    return plan


def structure_faults(problem: Problem) -> list[str]:
    """Return the faults that make planning meaningless: slots out of order, series too short."""
    faults: list[str] = []
    n = len(problem.slots) - 1
    if n < 1:
        return ["$.slots: needs at least two bounds"]
    faults += [
        f"$.slots[{i + 1}]: is not after the bound before it"
        for i in range(n)
        if problem.slots[i + 1] <= problem.slots[i]
    ]
    series = {
        "import_price": problem.import_price,
        "export_price": problem.export_price,
        "estimated": problem.estimated,
        "load_kw": problem.load_kw,
        "pv_kw": problem.pv_kw,
        "pv_p10_kw": problem.pv_p10_kw,
    }
    faults += [
        f"$.{name}: has {len(values)} values for {n} slots"
        for name, values in series.items()
        if values is not None and len(values) != n
    ]
    return faults


def problem_faults(problem: Problem) -> list[str]:
    """Return what is wrong with a problem of the right types, each with its JSON path."""
    faults = structure_faults(problem)
    try:
        ZoneInfo(problem.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.append(f"$.time_zone: unknown time zone {problem.time_zone!r}")
    for name, ids in (
        ("chargers", [x.id for x in problem.chargers]),
        ("vehicles", [x.id for x in problem.vehicles]),
        ("batteries", [x.id for x in problem.batteries]),
        ("circuits", [x.id for x in problem.circuits]),
    ):
        faults += [
            f"$.{name}[{i}].id: {id_!r} occurs twice" for i, id_ in enumerate(ids) if id_ in ids[:i]
        ]
    for i, vehicle in enumerate(problem.vehicles):
        at = f"$.vehicles[{i}]"
        for key, value in (
            ("capacity_kwh", vehicle.capacity_kwh),
            ("efficiency", vehicle.efficiency),
        ):
            if value <= 0:
                faults.append(f"{at}.{key}: must be above 0")
        faults += [
            f"{at}.goals[{j}]: needs exactly one of soc and energy_kwh"
            for j, goal in enumerate(vehicle.goals)
            if (goal.soc is None) == (goal.energy_kwh is None)
        ]
    for i, battery in enumerate(problem.batteries):
        for key, value in (
            ("capacity_kwh", battery.capacity_kwh),
            ("charge_efficiency", battery.charge_efficiency),
            ("discharge_efficiency", battery.discharge_efficiency),
        ):
            if value <= 0:
                faults.append(f"$.batteries[{i}].{key}: must be above 0")
    return faults


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
    return {name: _encode(getattr(value, name)) for name in _hints(value.__class__)}


def _read(kind: Any, data: object) -> Any:
    faults: list[str] = []
    value = _decode(kind, data, "$", faults)
    if faults:
        raise ProblemInvalid(faults)
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def _decode(kind: Any, data: object, path: str, faults: list[str]) -> Any:
    """Return `data` as `kind`; on a fault note it and return something of no meaning."""
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        if data is None:
            return None
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
        return _decode(kind, data, path, faults)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            faults.append(f"{path}: expected a list")
            return ()
        item = get_args(kind)[0]
        return tuple(_decode(item, x, f"{path}[{i}]", faults) for i, x in enumerate(data))
    if origin is not None:
        return _decode_mapping(get_args(kind)[1], data, path, faults)
    if is_dataclass(kind):
        return _decode_dataclass(kind, data, path, faults)
    return _decode_scalar(kind, data, path, faults)


def _decode_mapping(item: Any, data: object, path: str, faults: list[str]) -> dict[str, Any]:
    if not isinstance(data, dict):
        faults.append(f"{path}: expected an object")
        return {}
    return {str(k): _decode(item, x, f"{path}.{k}", faults) for k, x in data.items()}


def _decode_dataclass(kind: Any, data: object, path: str, faults: list[str]) -> Any:
    if not isinstance(data, dict):
        faults.append(f"{path}: expected an object")
        return None
    before = len(faults)
    hints = _hints(kind)
    faults += [f"{path}.{key}: unknown field" for key in data if key not in hints]
    values: dict[str, Any] = {}
    for item in fields(kind):
        if item.name in data:
            values[item.name] = _decode(
                hints[item.name], data[item.name], f"{path}.{item.name}", faults
            )
        elif item.default is MISSING and item.default_factory is MISSING:
            faults.append(f"{path}.{item.name}: is missing")
    return kind(**values) if len(faults) == before else None


def _decode_scalar(kind: Any, data: object, path: str, faults: list[str]) -> Any:
    if kind is float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            faults.append(f"{path}: expected a number")
        elif not math.isfinite(data):
            faults.append(f"{path}: expected a finite number")
        else:
            return float(data)
        return 0.0
    if kind is int or kind is bool or kind is str:
        if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
            words = {int: "a whole number", bool: "true or false", str: "a text"}
            faults.append(f"{path}: expected {words[kind]}")
        return data
    # Not `is`: tests that freeze time put a subclass in the name's place.
    if issubclass(kind, datetime):
        return _decode_time(data, path, faults)
    try:
        return kind(data)
    except ValueError:
        faults.append(f"{path}: expected one of {', '.join(kind)}")
        return None


def _decode_time(data: object, path: str, faults: list[str]) -> datetime | None:
    try:
        at = datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        at = None
    if at is None:
        faults.append(f"{path}: expected a time as ISO 8601")
        return None
    if at.tzinfo is None:
        faults.append(f"{path}: needs an offset from UTC")
        return None
    return at.astimezone(UTC)
