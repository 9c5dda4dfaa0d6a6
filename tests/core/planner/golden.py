"""Problems kept with their independent optimum, and how they are made again.

    python -m tests.core.planner.golden --cbc PATH [--minutes M] [NAME ...]

writes goldens/*.json: homes of the benchmark's problem set as they stood, and the least cost that
another solver (CBC) finds for the plain mixed-integer programme of reference.py. CBC is no
requirement of the tests (its package unpacks to 600 MB): `pip install --target DIR cbcbox`.
"""

import argparse
from dataclasses import dataclass
import json
from pathlib import Path
import sys

from benchmarks.homes import homes
from custom_components.smart_charging.core.planner import (
    Problem,
    problem_from_json,
    problem_to_json,
)
from tests.core.planner.reference import exact

FOLDER = Path(__file__).parent / "goldens"
GAP = 2e-5
"""Relative gap to which the optimum is proven."""

CONTINUOUS = (
    "winter, dynamic, battery",
    "summer, dynamic, sun beyond goals",
    "spring, negative prices, export limit",
    "autumn, night tariff, three phases",
    "summer, flat, one car on sun only",
    "autumn, flat, peak, two cars",
    "winter, dynamic, breach, three cars",
    "summer, export limit, two batteries",
    "spring, trips between stays, peak",
    "winter, taper",
    "winter, two batteries, SoC unknown",
    "autumn, 3x230, two cars",
    "summer, export above import",
)
STEPPED = (
    "winter, night tariff, two cars",
    "spring, negative prices, export limit",
    "winter, dynamic, breach, three cars",
    "autumn, 3x230, two cars",
)
"""Homes kept with whole amperes."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A problem and its independent optimum."""

    problem: Problem
    optimum: float
    missed_kwh: float


def chosen() -> dict[str, Problem]:
    """Return the problems that are kept, by name."""
    found = {name: homes()[name] for name in CONTINUOUS}
    stepped = homes(discrete=True)
    return found | {f"{name}, whole amperes": stepped[name] for name in STEPPED}


def path_of(name: str) -> Path:
    """Return the file of a golden."""
    return FOLDER / f"{name.replace(', ', '_').replace(' ', '-')}.json"


def names() -> list[str]:
    """Return the names of the files without their ending."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(stem: str) -> Golden:
    """Return a golden from its file."""
    data = json.loads((FOLDER / f"{stem}.json").read_text(encoding="utf-8"))
    return Golden(
        problem=problem_from_json(data["problem"]),
        optimum=data["optimum"],
        missed_kwh=data["missed_kwh"],
    )


def main() -> None:
    """Solve the problems and write their files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="which (default all)")
    parser.add_argument("--cbc", required=True, help="path of the CBC program")
    parser.add_argument("--minutes", type=float, default=5, help="limit per problem (default 5)")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name, problem in chosen().items():
        if options.names and name not in options.names:
            continue
        answer = exact(problem, options.cbc, gap=GAP, time_limit_s=60 * options.minutes)
        if not answer.proven:
            sys.stderr.write(f"{name}: not proven in {options.minutes:g} min, left out\n")
            continue
        golden = {
            "name": name,
            "solver": "CBC",
            "gap": GAP,
            "optimum": round(answer.cost, 6),
            "missed_kwh": round(answer.missed_kwh, 6),
            "problem": problem_to_json(problem),
        }
        text = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items())
        path_of(name).write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
        sys.stderr.write(f"{name}: {answer.cost:.4f}\n")


if __name__ == "__main__":
    main()
