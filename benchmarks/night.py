"""A whole night end to end: real Home Assistant, real protocols, lock step.

Runs the test that is too long for every change: 13 hours of a house with appliances, a car that
needs 30 kWh by the morning, prices that change each hour. Prints what was planned and delivered
per slot as one JSON object.
"""

from pathlib import Path
import sys

import pytest

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.exit(
        pytest.main(
            [
                "-q",
                "-s",
                "-m",
                "night",
                "--rootdir",
                str(ROOT),
                str(ROOT / "tests/ha/test_night.py"),
            ]
        )
    )
