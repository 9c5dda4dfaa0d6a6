"""The texts: schema, wording that the frontend cannot show, one shape in all languages."""

from collections.abc import Iterator
import json
import re
from string import Formatter
from typing import Any

from homeassistant.helpers import config_validation as cv
import voluptuous as vol

from . import Integration, Report

TOP_KEYS = frozenset(
    [
        "title",
        "config",
        "options",
        "config_subentries",
        "preview_features",
        "selector",
        "device_automation",
        "system_health",
        "config_panel",
        "application_credentials",
        "issues",
        "entity_component",
        "device",
        "entity",
        "exceptions",
        "services",
        "conditions",
        "triggers",
        "conversation",
        "common",
    ]
)
KEY = re.compile(r"^(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])$")


def check(integration: Integration, report: Report) -> None:
    """Check translations/*.json."""
    texts = integration.texts

    def error(message: str) -> None:
        report.error("texts", message)

    if unknown := set(texts) - TOP_KEYS:
        error(f"unknown top keys {sorted(unknown)}")
    for path, text in walk(texts):
        for fault in faults(text):
            error(f"{path}: {fault}")
    name = integration.manifest.get("name", "")
    flows = {"config": texts.get("config", {}), "options": texts.get("options", {})}
    for kind, flow in texts.get("config_subentries", {}).items():
        flows[f"config_subentries.{kind}"] = flow
        for need in ("entry_type", "initiate_flow", "step"):
            if need not in flow:
                error(f"config_subentries.{kind}: {need} is missing")
        if "user" not in flow.get("initiate_flow", {}):
            error(f"config_subentries.{kind}: initiate_flow.user is missing")
    for where, flow in flows.items():
        for fault in flow_faults(flow, name):
            error(f"{where}.{fault}")
    for platform, entities in texts.get("entity", {}).items():
        for key, entity in entities.items():
            for each in (key, *entity.get("state", {}), *entity.get("state_attributes", {})):
                if not KEY.match(each):
                    error(f"entity.{platform}.{key}: {each!r} is no valid key")
    for key, selector in texts.get("selector", {}).items():
        for option in selector.get("options", {}):
            if not KEY.match(option):
                error(f"selector.{key}: {option!r} is no valid key")
    _check_languages(integration, report)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from walk(each, f"{path}.{key}" if path else key)
    else:
        yield path, value


def faults(text: Any) -> Iterator[str]:
    """Yield what is wrong with one text."""
    if not isinstance(text, str):
        yield "is not a text"
        return
    if text != text.strip():
        yield "blanks at its ends"
    if not text:
        yield "is empty"
    if re.search(r"'\{\w+\}'", text):
        yield "placeholder in single quotes, which the frontend takes for a literal"
    if re.search(r"(https?://|www\.)", text, re.IGNORECASE):
        yield "contains an address; use a placeholder"
    if "[%key:" in text:
        yield "references are not resolved for custom integrations"
    try:
        cv.string_with_no_html(text)
    except vol.Invalid:
        yield "contains HTML"
    try:
        placeholders(text)
    except ValueError as err:
        yield f"braces do not match ({err})"


def placeholders(text: str) -> frozenset[str]:
    """Return the names in braces. Raises ValueError where braces do not match."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def flow_faults(flow: dict[str, Any], name: str) -> Iterator[str]:
    """Yield what is wrong with the steps of one flow."""
    for step, texts in flow.get("step", {}).items():
        if texts.get("title") == name:
            yield f"{step}: the title is the integration's name"
        parts = {step: texts} | {
            f"{step}.{key}": section for key, section in texts.get("sections", {}).items()
        }
        for where, part in parts.items():
            fields, described = set(part.get("data", {})), set(part.get("data_description", {}))
            if described - fields:
                yield f"{where}: described but without name: {sorted(described - fields)}"
            if fields - described:
                yield f"{where}: not described: {sorted(fields - described)}"


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return placeholders(str(value))


def _check_languages(integration: Integration, report: Report) -> None:
    for file in sorted((integration.path / "translations").glob("*.json")):
        if file.name == "en.json":
            continue
        other = json.loads(file.read_text("utf-8"))
        for path, text in walk(other):
            for fault in faults(text):
                report.error("texts", f"{file.name}: {path}: {fault}")
        if _shape(other) != _shape(integration.texts):
            report.error("texts", f"{file.name}: keys or placeholders differ from en.json")
    strings = integration.path / "strings.json"
    if strings.is_file() and json.loads(strings.read_text("utf-8")) != integration.texts:
        report.error("texts", "strings.json differs from translations/en.json")
