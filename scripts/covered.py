"""Fail where tests cover a module of the integration to 95 % or less.

    scripts/covered.py REPORT

REPORT is what `pytest --cov-report=json:REPORT` writes. The Quality Scale asks it of every module:
a mean over all of them hides the one that nobody tested.
"""

import json
from pathlib import Path
import sys

LEAST = 95.0
"""Per cent of lines and branches together."""


def uncovered(report: dict[str, dict[str, dict[str, dict[str, float]]]]) -> dict[str, float]:
    """Return the modules that are covered too little, in per cent."""
    shares = {name: found["summary"]["percent_covered"] for name, found in report["files"].items()}
    return {name: share for name, share in sorted(shares.items()) if share <= LEAST}


def main() -> int:
    """Read the report, and say which modules lack tests."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = uncovered(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    for name, share in found.items():
        print(f"{name}: {share:.1f} % is covered, more than {LEAST:g} % is asked")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
