"""Values out of decoded answers in which anything may be missing or nonsense."""

from collections.abc import Mapping
from math import isfinite
from typing import Any


def at(source: object, *path: str | int) -> Any:
    """Return what lies at `path` in nested objects and lists, or `None`."""
    for step in path:
        if isinstance(source, Mapping):
            source = source.get(step)
        elif isinstance(source, list) and isinstance(step, int) and step < len(source):
            source = source[step]
        else:
            return None
    return source


def number(source: object, *path: str | int) -> float | None:
    """Return a finite number, or `None`."""
    value = at(source, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def word(source: object, *path: str | int) -> str | None:
    """Return a text that is not empty, or `None`."""
    value = at(source, *path)
    return value.strip() or None if isinstance(value, str) else None
