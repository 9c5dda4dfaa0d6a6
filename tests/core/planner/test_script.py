"""scripts/plan: from a file to a plan in words, the same each time."""

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest

from benchmarks.planner import home
from custom_components.smart_charging.core.planner import (
    Plan,
    plan,
    plan_from_json,
    plan_to_json,
    problem_to_json,
)
from scripts.plan import main

SCRIPT = Path(__file__).parents[3] / "scripts" / "plan"
PROBLEM = home("spring", hours=24, step_a=1.0)


@pytest.fixture
def problem_file(tmp_path: Path) -> Path:
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(problem_to_json(PROBLEM)))
    return file


def test_it_prints_orders_cost_and_rung_in_words(
    problem_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file)]) == 0
    first = capsys.readouterr().out
    assert main([str(problem_file)]) == 0

    assert capsys.readouterr().out == first
    assert "Plan from Tue 14 Apr 2026 17:30 to Wed 15 Apr 17:30 (Europe/Brussels)" in first
    assert "charge big at 32 A, 1 phase" in first
    assert "proven best" in first
    assert "in 2026-04" in first
    assert "All goals are met." in first


def test_a_diagnostics_download_gives_the_same_plan_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "diagnostics.json"
    file.write_text(
        json.dumps({"home_assistant": {}, "data": {"problem": problem_to_json(PROBLEM)}})
    )

    assert main(["--json", str(file)]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert "solve_s" not in printed
    expected: Plan = plan(PROBLEM)
    assert plan_from_json(printed | {"solve_s": expected.solve_s}) == expected
    assert printed == {k: v for k, v in plan_to_json(expected).items() if k != "solve_s"}


def test_missing_energy_is_printed_with_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = problem_to_json(PROBLEM)
    data["vehicles"][0]["goals"][0] |= {"by": "2026-04-14T17:00:00Z", "soc": 0.9}
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(data))

    assert main([str(file)]) == 0

    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("Missing"))
    assert line.endswith(
        "kWh for big: ready_by by Tue 14 Apr 19:00, because: not enough time at the charger"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"slots": []}', "$.now: is missing"),
        ('{"home_assistant": {}, "data": {"problem": null}}', "had not planned yet"),
    ],
)
def test_a_file_without_a_problem_is_refused_with_the_reason(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)

    assert main([str(file)]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_the_command_runs_from_anywhere_without_home_assistant(problem_file: Path) -> None:
    python = Path(sys.executable).parent
    done = subprocess.run(
        [str(SCRIPT), problem_file.name],
        cwd=problem_file.parent,
        env=os.environ | {"PATH": f"{python}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "All goals are met." in done.stdout
