"""The check that no module hides behind the mean of all."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "covered.py"


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, args)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("shares", "code", "named"),
    [
        ({"a.py": 100.0, "b.py": 95.1}, 0, []),
        ({"a.py": 100.0, "b.py": 95.0}, 1, ["b.py: 95.0 %"]),
        ({"c.py": 12.3, "a.py": 94.9, "b.py": 96.0}, 1, ["a.py: 94.9 %", "c.py: 12.3 %"]),
    ],
)
def test_each_module_that_lacks_tests_is_named(
    tmp_path: Path, shares: dict[str, float], code: int, named: list[str]
) -> None:
    report = tmp_path / "coverage.json"
    files = {name: {"summary": {"percent_covered": share}} for name, share in shares.items()}
    report.write_text(json.dumps({"files": files}), "utf-8")
    done = run(report)
    assert done.returncode == code
    assert [line.split(" is ")[0] for line in done.stdout.splitlines()] == named


def test_without_a_report_it_says_what_it_wants() -> None:
    done = run()
    assert done.returncode == 2
    assert "REPORT" in done.stderr
