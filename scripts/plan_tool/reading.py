"""From a file to a problem: a problem itself, or what a diagnostics download holds."""

from collections.abc import Mapping
from dataclasses import replace
import json
from pathlib import Path
import sys

from custom_components.smart_charging.core.planner import (
    Problem,
    ProblemInvalid,
    problem_from_json,
)

STDIN = "-"


class UnusableError(Exception):
    """What was asked for cannot be done with this input; `lines` say why."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def read_problem(file: str) -> Problem:
    """Return the problem in a file; `-` is standard input.

    Raises:
        UnusableError: with all that is wrong with the file.
    """
    name = "standard input" if file == STDIN else file
    data, inside = problem_in(_read_json(file, name))
    try:
        return problem_from_json(data)
    except ProblemInvalid as invalid:
        faults = [replace(x, path=inside + x.path.removeprefix("$")) for x in invalid.faults]
        many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UnusableError(
            f"{name} is no problem, {many}:", *(f"  {fault}" for fault in faults)
        ) from invalid


def problem_in(data: object) -> tuple[object, str]:
    """Return the problem in what a file holds, and its JSON path there.

    Raises:
        UnusableError: when a diagnostics download holds none.
    """
    if isinstance(data, Mapping) and "data" in data and "slots" not in data:
        inner = data["data"]
        problem = inner.get("problem") if isinstance(inner, Mapping) else None
        if problem is None:
            raise UnusableError(
                "this diagnostics download holds no problem: the site had not planned yet"
            )
        return problem, "$.data.problem"
    return data, "$"


def _read_json(file: str, name: str) -> object:
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        data: object = json.loads(raw)
    except OSError as error:
        raise UnusableError(f"cannot read {name}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnusableError(f"{name} is not JSON: {error.msg} at {where}") from error
    except UnicodeDecodeError as error:
        raise UnusableError(f"{name} is not JSON: no text in UTF-8") from error
    except RecursionError as error:
        raise UnusableError(f"{name} is no problem: its lists are nested too deeply") from error
    return data
