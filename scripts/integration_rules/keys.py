"""Ours: each translation key that stands literally in the code has its text."""

import ast
from pathlib import Path
from typing import Any

from homeassistant.const import Platform

from . import Integration, Report
from .texts import placeholders

PLATFORMS = frozenset(each.value for each in Platform)


def check(integration: Integration, report: Report) -> None:
    """Check the keys of exceptions, issues and entities against translations/en.json."""
    texts = integration.texts
    for file, call, name, keywords in integration.calls():
        match keywords.get("translation_key"):
            case ast.Constant(value=str(key)):
                where = f"{file}:{call.lineno}"
            case _:
                continue
        if name == "async_create_issue":
            problem = _issue(texts.get("issues", {}).get(key))
        elif name.endswith("Description"):
            problem = _entity(texts, file, key)
        elif name.endswith("SelectorConfig"):
            problem = None if key in texts.get("selector", {}) else "no texts in selector"
        elif "translation_domain" in keywords:
            problem = _exception(texts.get("exceptions", {}).get(key), keywords)
        else:
            continue
        if problem:
            report.error("keys", f"{where}: {key}: {problem}")


def _issue(text: dict[str, Any] | None) -> str | None:
    if not text or "title" not in text:
        return "no title in issues"
    if "description" not in text and "fix_flow" not in text:
        return "neither description nor fix_flow in issues"
    return None


def _entity(texts: dict[str, Any], file: Path, key: str) -> str | None:
    platform = file.stem
    if platform not in PLATFORMS:
        return None
    if not texts.get("entity", {}).get(platform, {}).get(key, {}).get("name"):
        return f"no name in entity.{platform}"
    return None


def _exception(text: dict[str, Any] | None, keywords: dict[str, ast.expr]) -> str | None:
    if not text or "message" not in text:
        return "no message in exceptions"
    wanted = placeholders(text["message"])
    match keywords.get("translation_placeholders"):
        case None:
            given: set[str] = set()
        case ast.Dict(keys=names) if all(isinstance(each, ast.Constant) for each in names):
            given = {str(each.value) for each in names if isinstance(each, ast.Constant)}
        case _:
            return None  # made elsewhere: only running it can tell
    return f"placeholders {sorted(wanted - given)} are not given" if wanted - given else None
