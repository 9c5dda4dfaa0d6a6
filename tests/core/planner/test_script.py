"""scripts/plan: from a file to a plan in words, the same each time."""

from io import BytesIO, TextIOWrapper
import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.planner import (
    Cause,
    Plan,
    Rung,
    plan,
    plan_from_json,
    plan_to_json,
    problem_to_json,
)
from custom_components.smart_charging.core.schedule import Reason
from scripts.plan import main
from scripts.plan_tool.words import CAUSES, RUNGS, reason_words
from tests.core.planner import test_margin

SCRIPT = Path(__file__).parents[3] / "scripts" / "plan"
PROBLEM = home("spring", hours=24, step_a=1.0)


@pytest.fixture
def problem_file(tmp_path: Path) -> Path:
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(problem_to_json(PROBLEM)))
    return file


@pytest.fixture
def late_file(tmp_path: Path) -> Path:
    """A problem with a goal that cannot be met in time."""
    data = problem_to_json(PROBLEM)
    data["vehicles"][0]["goals"][0] |= {"by": "2026-04-14T17:00:00Z", "soc": 0.9}
    file = tmp_path / "late.json"
    file.write_text(json.dumps(data))
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
    late_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(late_file)]) == 0

    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("Missing"))
    assert "kWh for big: ready by, Tue 14 Apr 19:00, because: " in line
    assert line.rsplit(": ", 1)[1] in {words for words, _ in CAUSES.values()}


def test_every_cause_rung_and_reason_has_words() -> None:
    assert set(CAUSES) >= {cause.value for cause in Cause}
    assert set(RUNGS) == set(Rung)
    for reason in Reason:
        assert reason_words(reason)[:1].isupper(), reason


def test_the_account_says_for_each_device_what_when_why_and_what_else(
    problem_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file), "--explain"]) == 0

    out = capsys.readouterr().out
    assert all(f"\n{device}\n" in f"\n{out}" for device in ("garage", "drive", "store"))
    assert "pause" in out
    assert "one more kWh" in out
    assert "next best" in out
    assert "  80 % by Wed 09:00 (ready by): met" in out
    assert "Cost" in out


def test_the_account_of_one_device_leaves_out_the_others(
    problem_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file), "--explain", "store"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("store\n")
    assert "garage" not in out

    # A car is explained by the chargers that it visits.
    assert main(["--explain", "small", str(problem_file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("drive\n")
    assert "small: goals" in out
    assert "garage" not in out


@pytest.mark.parametrize("time", ["02:20", "2026-04-15T02:20", "2026-04-15T00:20:00Z"])
def test_one_slot_is_explained_by_local_time(
    time: str, problem_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file), "--explain", "garage", time]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "garage  Wed 02:15-02:30"
    said = {line[2:15].strip() for line in lines[1:]}
    assert {"does", "why", "power", "price", "one more kWh"} <= said


def test_a_goal_that_is_missed_is_explained_with_what_would_help(
    late_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(late_file), "--explain", "big"]) == 0

    out = capsys.readouterr().out
    assert "  90 % by Tue 19:00 (ready by): not met\n    misses " in out
    assert "    would help: " in out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["barn"], "no 'barn'; it has garage, drive, store, big, small"),
        (["garage", "noon"], "'noon' is no time"),
        (["garage", "2026-05-01T00:00"], "outside the plan"),
    ],
)
def test_what_the_plan_does_not_hold_is_refused(
    asked: list[str], said: str, problem_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file), "--explain", *asked]) == 2

    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "FILE is missing"),
        (["x", "--explain", "a", "b", "c"], "a DEVICE and a TIME at most"),
        (["x", "--explain", "--json"], "exclude each other"),
    ],
)
def test_wrong_use_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON: Expecting property name"),
        (b'"\xff"', "is not JSON: no text in UTF-8"),
        (b"[" * 100_000, "no problem"),
        (b"null", "$: expected an object, not null"),
        (b'{"slots": []}', "$.now: is missing; add a time"),
        (b'{"home_assistant": {}, "data": {"problem": null}}', "had not planned yet"),
        (b'{"data": {"problem": {"now": 3}}}', "$.data.problem.now: expected a time, not 3"),
    ],
)
def test_a_file_without_a_problem_is_refused_with_the_reason(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)

    assert main([str(file)]) == 2
    assert said in capsys.readouterr().err


def test_all_faults_of_a_file_are_counted_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = problem_to_json(PROBLEM)
    data["vehicles"][0]["capacity_kwh"] = -1
    data["load_kw"].pop()
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(data))

    assert main([str(file)]) == 2
    assert capsys.readouterr().err == (
        f"plan: {file} is no problem, 2 faults:\n"
        "  $.vehicles[0].capacity_kwh: must be above 0, not -1\n"
        "  $.load_kw: has 95 values for 96 slots; add 1\n"
    )


def test_a_file_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_said(
    problem_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file), "--svg", str(tmp_path / "none" / "plan.svg")]) == 1

    printed = capsys.readouterr()
    assert "cannot write" in printed.err
    assert "All goals are met." in printed.out


def test_a_goal_that_little_sun_would_miss_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dull.json"
    file.write_text(json.dumps(problem_to_json(test_margin.home(40.0, from_h=test_margin.DAWN))))

    assert main([str(file), "--explain"]) == 0

    printed = capsys.readouterr().out
    assert "All goals are met." in printed
    assert "At risk        13.090 kWh for car: ready by, Wed 04 Mar 16:00, on a day with" in printed
    assert "    at risk: 13.09 kWh on a day with little sun" in printed


def test_standard_input_is_read(
    problem_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(problem_file)]) == 0
    expected = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(problem_file.read_bytes())))

    assert main(["-"]) == 0

    assert capsys.readouterr().out == expected


def run_script(*arguments: str, cwd: Path, **more: Any) -> "subprocess.CompletedProcess[str]":
    python = Path(sys.executable).parent
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": f"{python}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def test_the_command_runs_from_anywhere_without_home_assistant(problem_file: Path) -> None:
    done = run_script(problem_file.name, "--svg", "plan.svg", cwd=problem_file.parent)

    assert done.returncode == 0, done.stderr
    assert "All goals are met." in done.stdout
    assert (problem_file.parent / "plan.svg").read_text().startswith("<svg")


def test_a_name_that_no_encoding_holds_is_printed_all_the_same(tmp_path: Path) -> None:
    data = problem_to_json(PROBLEM)
    data["batteries"][0]["id"] = "st\ud800re"

    done = run_script("-", cwd=tmp_path, input=json.dumps(data))

    assert done.returncode == 0, done.stderr
    assert "st\\ud800re" in done.stdout
