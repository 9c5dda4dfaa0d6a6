"""Plan a problem again and print the plan: in words, as JSON, as a picture.

usage: plan.py FILE [--explain [DEVICE [TIME]]] [--svg OUT] [--json]    see --help

Needs numpy, pulp and highspy, not Home Assistant.
"""

from collections.abc import Sequence
from pathlib import Path
import sys

# Run as a file, Python finds the modules beside it only; the package name is what mypy knows.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.plan_tool.alone import import_alone


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan and print; return the exit code."""
    import_alone()
    from scripts.plan_tool.command import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
