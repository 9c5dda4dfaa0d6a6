"""Print what a Home Assistant that shows its frontend needs beyond its own package.

The demo starts Home Assistant with `--skip-pip`. Its frontend asks for the descriptions of all
actions first, for which Home Assistant imports every base component (camera, tts, ...): each
needs its requirements installed, or the page hangs on "Loading data".
"""

import ast
from collections.abc import Iterable
import json
from pathlib import Path

import homeassistant
from homeassistant import bootstrap

HOME_ASSISTANT = Path(homeassistant.__file__).parent
DEMO_COMPONENTS = {"calendar", "config", "energy", "history", "logbook", "sun"}


def base_components() -> set[str]:
    """Return the components that `helpers/service.py` imports to describe actions."""
    tree = ast.parse((HOME_ASSISTANT / "helpers/service.py").read_text("utf-8"))
    functions = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "_base_components"
    )
    return {
        alias.name
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def requirements(components: Iterable[str]) -> set[str]:
    """Return the requirements of components and of all that they depend on."""
    found: set[str] = set()
    seen: set[str] = set()
    queue = list(components)
    while queue:
        component = queue.pop()
        path = HOME_ASSISTANT / "components" / component / "manifest.json"
        if component in seen or not path.is_file():
            continue
        seen.add(component)
        manifest = json.loads(path.read_text("utf-8"))
        found.update(manifest.get("requirements", ()))
        queue.extend(manifest.get("dependencies", ()))
    return found


if __name__ == "__main__":
    roots = {*bootstrap.DEFAULT_INTEGRATIONS, *bootstrap.CORE_INTEGRATIONS, *DEMO_COMPONENTS}
    print("\n".join(sorted(requirements(roots | base_components()), key=str.lower)))
