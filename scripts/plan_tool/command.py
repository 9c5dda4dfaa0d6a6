"""The command line of `scripts/plan`."""

import argparse
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
import json
import os
from pathlib import Path
import sys

from custom_components.smart_charging.core.planner import Plan, Problem, plan, plan_to_json

from .account import account, moment
from .picture import picture
from .reading import STDIN, UnusableError, read_problem
from .schema import schema
from .table import table

PURPOSE = "Plan a problem again and print the plan."

EPILOG = """\
FILE is a problem as JSON (docs/problem.schema.json) or a diagnostics download of the integration.
The same file always prints the same: a bug report is a test.

examples:
  scripts/plan diagnostics.json
  scripts/plan diagnostics.json --explain garage 02:15
  scripts/plan problem.json --svg plan.svg
  curl -s https://example.org/problem.json | scripts/plan - --json

exit codes:
  0  planned; also when a goal cannot be met: that stands in the plan
  1  OUT cannot be written
  2  wrong use, or FILE holds no problem that can be planned; every fault is printed
"""


def run(arguments: Sequence[str] | None = None) -> int:
    """Plan and print; return the exit code."""
    options = _parsed(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # A name may hold what no encoding can.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _answer(options)
    except UnusableError as error:
        print("plan:", "\n".join(error.lines), file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough. What is left must not be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _answer(options: argparse.Namespace) -> int:
    if options.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    problem = read_problem(options.file)
    answer = plan(problem)
    lines = _lines(options, problem, answer)
    if options.svg == STDIN:
        print(picture(problem, answer))
        return 0
    # The picture first: whoever reads the words may have enough of them early.
    written = options.svg is None or _write(options.svg, picture(problem, answer))
    print("\n".join(lines), flush=True)
    return 0 if written else 1


def _write(out: str, text: str) -> bool:
    """Write a file; say what is in the way, and return whether it is written."""
    try:
        Path(out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        print(f"plan: cannot write {out}: {error.strerror}", file=sys.stderr)
        return False
    return True


def _lines(options: argparse.Namespace, problem: Problem, answer: Plan) -> Iterable[str]:
    if options.json:
        data = plan_to_json(answer)
        # How long it took is no part of the answer: the same file prints the same.
        data.pop("solve_s", None)
        return [json.dumps(data, indent=1)]
    if options.explain is None:
        return table(problem, answer)
    device, time = (*options.explain, None, None)[:2]
    if device is not None and time is not None:
        return moment(problem, answer, device, time)
    return account(problem, answer, device)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/plan",
        description=PURPOSE,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="what to plan; - reads stdin")
    parser.add_argument(
        "--explain",
        nargs="*",
        metavar=("DEVICE", "TIME"),
        help="say what each device does when, why, and what would be next best; of one DEVICE, "
        "of its slot at TIME (02:15, or 2026-04-15T02:15), local time",
    )
    parser.add_argument("--svg", metavar="OUT", help="write a picture of the plan; - is stdout")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of a problem; needs no FILE"
    )
    options = parser.parse_args(arguments)
    if options.file is None and options.explain:
        options.file = options.explain.pop()  # `--explain DEVICE FILE` reads naturally as well
    if options.file is None and not options.schema:
        parser.error("FILE is missing")
    if options.explain is not None and len(options.explain) > 2:
        parser.error("--explain takes a DEVICE and a TIME at most")
    if options.explain is not None and options.json:
        parser.error("--explain and --json exclude each other")
    return options
