"""Every constant that a document states has that value in the code."""

from datetime import timedelta
from importlib import import_module
import re
from typing import Any

import pytest

from .pages import PAGES, codes, tables

PACKAGE = "custom_components.smart_charging"
SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}

STATED = [
    (path.name, codes(row[0])[0], row[1])
    for path in PAGES
    for each in tables(path.read_text("utf-8"))
    if each.columns[0] == "Constant"
    for row in each.rows
]


def value_of(dotted: str) -> Any:
    """Return a constant of a module, or the default of a field of a class in it."""
    names = dotted.split(".")
    for split in range(len(names) - 1, 0, -1):
        try:
            found: Any = import_module(".".join([PACKAGE, *names[:split]]))
        except ModuleNotFoundError:
            continue
        for name in names[split:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"no module of {dotted}")


@pytest.mark.parametrize(("page", "constant", "stated"), STATED, ids=str)
def test_a_stated_constant_is_the_one_in_force(page: str, constant: str, stated: str) -> None:
    match = re.fullmatch(r"(-?[\d.]+) ?(\S*.*)", stated)
    assert match, stated
    number, unit = float(match[1]), match[2]
    value = value_of(constant)
    if isinstance(value, timedelta):
        value, number = value.total_seconds(), number * SECONDS[unit]
    elif unit == "%":
        number /= 100
    elif unit in SECONDS and constant.endswith("_S"):
        number *= SECONDS[unit]
    assert value == pytest.approx(number)


def test_constants_are_stated() -> None:
    assert len(STATED) > 30
