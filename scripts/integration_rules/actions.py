"""Actions (services.yaml) with their texts and icons, and all other icons."""

import json
from pathlib import Path
from typing import Any

from homeassistant.helpers import service
from homeassistant.util.yaml import load_yaml_dict
import voluptuous as vol

from . import Integration, Report

REGISTERING = frozenset(
    [
        "async_register",
        "async_register_entity_service",
        "async_register_platform_entity_service",
        "async_register_admin_service",
    ]
)


def check(integration: Integration, report: Report) -> None:
    """Check services.yaml and icons.json."""
    described = _described(integration, report)
    for name, action in described.items():
        _check_action(integration, name, action or {}, report)
    known = _known_icons()
    _check_icons(integration.icons, "", known, report)
    for platform, entities in integration.icons.get("entity", {}).items():
        for key in entities:
            if key not in integration.texts.get("entity", {}).get(platform, {}):
                report.error("icons", f"entity.{platform}.{key} has an icon but no text")


def _described(integration: Integration, report: Report) -> dict[str, Any]:
    file = integration.path / "services.yaml"
    if not file.is_file():
        for module, call, name, _ in integration.calls():
            if name in REGISTERING:
                where = f"{module}:{call.lineno}"
                report.error("actions", f"{where} registers an action, services.yaml is missing")
        return {}
    try:
        # hassfest has a stricter schema of its own; this one is what Home Assistant loads with.
        described: dict[str, Any] = service._SERVICES_SCHEMA(load_yaml_dict(str(file)))  # noqa: SLF001
    except vol.Invalid as err:
        report.error("actions", f"services.yaml: {err}")
        return {}
    return described


def _check_action(
    integration: Integration, name: str, action: dict[str, Any], report: Report
) -> None:
    texts = integration.texts.get("services", {}).get(name, {})
    if not texts.get("name") or not texts.get("description"):
        report.error("actions", f"{name} has no name or no description in en.json")
    fields: dict[str, Any] = {}
    for key, field in (action.get("fields") or {}).items():
        if "fields" in (field or {}):
            if not texts.get("sections", {}).get(key, {}).get("name"):
                report.error("actions", f"{name}: section {key} has no name in en.json")
            fields |= field["fields"]
        else:
            fields[key] = field
    for key in fields:
        if not {"name", "description"} <= set(texts.get("fields", {}).get(key, {})):
            report.error("actions", f"{name}.{key} has no name or no description in en.json")
    for key in texts.get("fields", {}).keys() - fields.keys():
        report.error("actions", f"{name}.{key} has texts but is no field")
    if name not in integration.icons.get("services", {}):
        report.error("icons", f"action {name} has no icon")


def _known_icons() -> frozenset[str] | None:
    """Return the names of Material Design icons, or None without the frontend package."""
    try:
        import hass_frontend
    except ModuleNotFoundError:
        return None
    icons = Path(hass_frontend.__file__).parent / "static/mdi/iconList.json"
    return frozenset(icon["name"] for icon in json.loads(icons.read_text("utf-8")))


def _check_icons(value: Any, path: str, known: frozenset[str] | None, report: Report) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _check_icons(each, f"{path}.{key}" if path else key, known, report)
        if value.get("default") in (value.get("state") or {}).values():
            report.error("icons", f"{path}: a state has the default icon")
    elif not str(value).startswith("mdi:"):
        report.error("icons", f"{path}: {value} is not mdi:")
    elif known is not None and str(value).removeprefix("mdi:") not in known:
        report.error("icons", f"{path}: there is no icon {value}")
