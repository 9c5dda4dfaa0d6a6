"""What the manifest and the makes ask for is what the tests run against."""

import json
from pathlib import Path

from packaging.requirements import Requirement
import pytest

from custom_components.smart_charging.devices.registry import MAKES

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = json.loads((ROOT / "custom_components/smart_charging/manifest.json").read_text())
ASKED = sorted(
    {*MANIFEST["requirements"], *(text for make in MAKES.values() for text in make.requirements)}
)


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package in a lock."""
    lines = (line.partition("==") for line in lock.read_text().splitlines() if "==" in line)
    return {name.lower(): version.strip() for name, _, version in lines}


@pytest.mark.parametrize("tag", ["py313", "py314"])
@pytest.mark.parametrize("text", ASKED)
def test_a_requirement_of_the_integration_is_what_the_lock_installs(text: str, tag: str) -> None:
    requirement = Requirement(text)
    version = locked(ROOT / f"requirements_test_{tag}.txt").get(requirement.name.lower())
    assert version is not None
    assert requirement.specifier.contains(version)
