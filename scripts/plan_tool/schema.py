"""The JSON schema of a problem, made from what the codec reads it with.

Types, defaults and descriptions come from the dataclasses, bounds from the table of bounds: a new
field is in the schema as soon as it has a line in its class.
"""

import ast
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum, StrEnum
import inspect
from textwrap import dedent
from typing import Any, get_args, get_origin

from custom_components.smart_charging.core.planner import Problem
from custom_components.smart_charging.core.planner.bounds import (
    EXACTLY_ONE,
    TIME,
    TIME_EXAMPLE,
    Bound,
    bound_of,
)
from custom_components.smart_charging.core.planner.codec import hints_of, without_none

type Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TITLE = "Problem of Smart Charging's planner"

TIME_SCHEMA: Schema = {
    "description": "A time with its offset from UTC.",
    "type": "string",
    # The pattern is what counts: validators ignore `format` unless they are told not to.
    "format": "date-time",
    "pattern": TIME,
    "examples": [TIME_EXAMPLE],
}

UNITS = {
    "kwh": "In kWh.",
    "kw": "In kW.",
    "a": "In A.",
    "s": "In seconds.",
    "soc": "Share of the capacity, 0 to 1.",
    "efficiency": "Share of the energy that is kept, 0 to 1.",
    "price": "Currency per kWh.",
}
"""Units by the end of a field's name, for fields whose description names none."""


def schema() -> Schema:
    """Return the schema of a problem, JSON Schema draft 2020-12."""
    definitions: dict[str, Schema] = {}
    root = _object(Problem, definitions)
    return {"$schema": DIALECT, "title": TITLE, **root, "$defs": dict(sorted(definitions.items()))}


def _object(kind: type, definitions: dict[str, Schema]) -> Schema:
    notes = notes_of(kind)
    made: Schema = {
        "description": _sentence(kind.__doc__),
        "type": "object",
        "properties": {
            item.name: _property(
                item, hints_of(kind)[item.name], notes, bound_of(kind, item.name), definitions
            )
            for item in fields(kind)
        },
        "required": [
            item.name
            for item in fields(kind)
            if item.default is MISSING and item.default_factory is MISSING
        ],
        "additionalProperties": False,
    }
    if names := EXACTLY_ONE.get(kind):
        made["oneOf"] = [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names
        ]
    return made


def _property(
    item: "Field[Any]",
    hint: Any,
    notes: dict[str, str],
    bound: Bound,
    definitions: dict[str, Schema],
) -> Schema:
    made = _form(hint, bound, definitions)
    if words := _described(item.name, notes.get(item.name, "")):
        made = {"description": words, **made}
    if item.default is not MISSING:
        made["default"] = _plain(item.default)
    elif item.default_factory is not MISSING:
        made["default"] = {}
    return made


def _form(hint: Any, bound: Bound, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a type."""
    kind, optional = without_none(hint)
    if optional:
        inner = _form(kind, bound, definitions)
        if isinstance(inner.get("type"), str):
            return {**inner, "type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}
    if get_origin(kind) is tuple:
        least, most = bound.items
        made: Schema = {"type": "array", "items": _form(get_args(kind)[0], bound, definitions)}
        made |= {"minItems": least} if least else {}
        return made | ({} if most is None else {"maxItems": most})
    if isinstance(kind, type) and is_dataclass(kind):
        definitions.setdefault(kind.__name__, {})
        if not definitions[kind.__name__]:
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if issubclass(kind, StrEnum):
        definitions[kind.__name__] = _choices(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if issubclass(kind, datetime):
        definitions["Time"] = TIME_SCHEMA
        return {"$ref": "#/$defs/Time"}
    if kind is float or kind is int:
        limits = {
            "minimum": bound.least,
            "exclusiveMinimum": bound.above,
            "maximum": bound.most,
        }
        made = {"type": "number" if kind is float else "integer"}
        return made | {key: value for key, value in limits.items() if value is not None}
    return {"type": {str: "string", bool: "boolean"}[kind]}


def _choices(kind: type[StrEnum]) -> Schema:
    notes = notes_of(kind)
    words = [f"{each.value}: {note}" for each in kind if (note := notes.get(each.name))]
    return {
        "description": " ".join([_sentence(kind.__doc__), *words]),
        "type": "string",
        "enum": [each.value for each in kind],
    }


def notes_of(kind: type) -> dict[str, str]:
    """Return the text below each field of a dataclass or member of an enum."""
    tree = ast.parse(dedent(inspect.getsource(kind))).body[0]
    if not isinstance(tree, ast.ClassDef):
        raise TypeError(f"{kind} is no class")
    found: dict[str, str] = {}
    name = None
    for line in tree.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            name = line.target.id
        elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name = line.targets[0].id
        elif name and isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            found[name] = _sentence(str(line.value.value))
            name = None
        else:
            name = None
    return found


def _described(name: str, note: str) -> str:
    """Return a field's description; one without a note says its unit, which its name ends in."""
    if note:
        return note
    for end, unit in UNITS.items():
        if name == end or name.endswith(f"_{end}"):
            return unit
    return ""


def _sentence(text: str | None) -> str:
    """Return a docstring as one line, without marks of code."""
    return " ".join((text or "").replace("`None`", "null").replace("`", "").split())


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
