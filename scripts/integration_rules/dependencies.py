"""Other components that the code uses must be declared in the manifest."""

import ast
from collections.abc import Iterator
from pathlib import Path

import homeassistant
from homeassistant.const import Platform

from . import Integration, Report

COMPONENTS = Path(homeassistant.__file__).parent / "components"
ALWAYS_THERE = frozenset(
    [
        "automation",
        "config",
        "device_automation",
        "diagnostics",
        "group",
        "homeassistant",
        "persistent_notification",
        "repairs",
        "script",
        "sun",
        "system_health",
        "system_log",
        "websocket_api",
        "zone",
    ]
)
"""Loaded by every Home Assistant, or platforms that hassfest exempts."""


class _Imports(ast.NodeVisitor):
    """Components that a module imports when it runs."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        """Skip what only the type checker sees."""
        match node.test:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                for each in node.orelse:
                    self.visit(each)
            case _:
                self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note `from homeassistant.components[.x] import y`."""
        if node.module == "homeassistant.components":
            self.found.update(alias.name for alias in node.names)
        elif node.module and node.module.startswith("homeassistant.components."):
            self.found.add(node.module.split(".")[2])

    def visit_Import(self, node: ast.Import) -> None:
        """Note `import homeassistant.components.x`."""
        for alias in node.names:
            if alias.name.startswith("homeassistant.components."):
                self.found.add(alias.name.split(".")[2])


def _used(integration: Integration) -> Iterator[tuple[Path, str]]:
    for file, tree in integration.modules.items():
        visitor = _Imports()
        visitor.visit(tree)
        for component in sorted(visitor.found):
            # A platform file may import the component whose platform it is.
            if component != file.stem:
                yield file, component


def check(integration: Integration, report: Report) -> None:
    """Check dependencies and after_dependencies against the imports."""
    manifest = integration.manifest
    declared = {*manifest.get("dependencies", ()), *manifest.get("after_dependencies", ())}
    for component in sorted(declared):
        if not (COMPONENTS / component).is_dir():
            report.error("dependencies", f"Home Assistant has no component {component}")
    allowed = {*declared, *ALWAYS_THERE, *(each.value for each in Platform), manifest.get("domain")}
    for file, component in _used(integration):
        if component not in allowed:
            report.error("dependencies", f"{file} uses {component}, which the manifest omits")
