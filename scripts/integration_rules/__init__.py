"""What hassfest and HACS ask of a custom integration, and what we ask of ourselves, offline.

hassfest is not published as a package. Each module here checks one area; the rules follow
hassfest's and HACS's own as they were read in 2026, the ones marked "ours" go beyond.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
import json
from pathlib import Path
from typing import Any


@dataclass
class Report:
    """Collects what is wrong."""

    errors: list[str] = field(default_factory=list)

    def error(self, area: str, message: str) -> None:
        """Add one finding."""
        self.errors.append(f"[{area}] {message}")


@dataclass(frozen=True)
class Integration:
    """A custom integration in its repository."""

    path: Path
    root: Path

    def json(self, name: str) -> dict[str, Any]:
        """Return a JSON file of the integration, empty where there is none."""
        file = self.path / name
        return json.loads(file.read_text("utf-8")) if file.is_file() else {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest."""
        return self.json("manifest.json")

    @cached_property
    def texts(self) -> dict[str, Any]:
        """The English texts."""
        return self.json("translations/en.json")

    @cached_property
    def icons(self) -> dict[str, Any]:
        """The icons of entities and actions."""
        return self.json("icons.json")

    @cached_property
    def modules(self) -> dict[Path, ast.Module]:
        """The syntax tree of each module, by path relative to the integration."""
        return {
            file.relative_to(self.path): ast.parse(file.read_text("utf-8"), str(file))
            for file in sorted(self.path.rglob("*.py"))
        }

    def calls(self) -> Iterator[tuple[Path, ast.Call, str, dict[str, ast.expr]]]:
        """Yield each call: its module, the call, the last part of what is called, its keywords."""
        for file, tree in self.modules.items():
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call):
                    continue
                match node.func:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        keywords = {k.arg: k.value for k in node.keywords if k.arg}
                        yield file, node, name, keywords
