"""The planner without the integration around it, which needs Home Assistant."""

from pathlib import Path
import sys
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def import_alone() -> None:
    """Let the core be imported without running the integration's own `__init__`.

    Changes nothing where the integration is imported already.
    """
    folder = ROOT / "custom_components" / "smart_charging"
    for name, path in (
        ("custom_components", folder.parent),
        ("custom_components.smart_charging", folder),
    ):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules.setdefault(name, package)
